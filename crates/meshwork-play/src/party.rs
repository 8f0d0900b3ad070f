//! The parameters of a party: the package that it plays, and how.

use meshwork_core::id::{Code, PeerId};
use meshwork_core::signed::app::AppParameters;
use meshwork_core::wire::{Bytes, decode, encode};
use serde::{Deserialize, Serialize};

use crate::package::{Draw, HostLoss, Kind, PACKAGE_MAX, Package, PackageId, are_players};

const FORMAT: u8 = 1;
const HTML: u8 = 1;
const INTERPOLATE: u8 = 2;
const LATE: u8 = 4;
const WAIT: u8 = 8;

/// The game of a party. It stays for as long as the room does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// The package.
    pub package: PackageId,
    /// Its length in bytes.
    pub length: u32,
    /// The author of the game, or the maker of the party if the game was not published.
    pub author: PeerId,
    /// The least and the most players.
    pub players: (u8, u8),
    /// How players draw.
    pub draw: Draw,
    /// Whether players may join while a match runs.
    pub late: bool,
    /// What happens when the host is gone.
    pub host_loss: HostLoss,
    /// How the program runs.
    pub kind: Kind,
    /// The code of the game, if it was published.
    pub code: Option<Code>,
}

#[derive(Serialize, Deserialize)]
struct Written {
    format: u8,
    package: PackageId,
    length: u32,
    author: PeerId,
    players: (u8, u8),
    flags: u8,
    code: Option<Code>,
}

impl Party {
    /// A party that plays this package.
    pub fn of(package: &Package, author: PeerId, code: Option<Code>) -> Party {
        let manifest = package.manifest();
        Party {
            package: package.id(),
            length: package.length(),
            author,
            players: manifest.players,
            draw: manifest.draw,
            late: manifest.late,
            host_loss: manifest.host_loss,
            kind: manifest.kind,
            code,
        }
    }
}

/// The parameters of the room.
pub fn parameters(party: &Party) -> AppParameters {
    let flags = [
        (party.kind == Kind::Html, HTML),
        (party.draw == Draw::Interpolate, INTERPOLATE),
        (party.late, LATE),
        (party.host_loss == HostLoss::Wait, WAIT),
    ];
    let written = Written {
        format: FORMAT,
        package: party.package,
        length: party.length,
        author: party.author,
        players: party.players,
        flags: flags.iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag).sum(),
        code: party.code,
    };
    Bytes::new(encode(&written)).expect("far below 256 bytes")
}

/// Reads the parameters of a room. `None` if they are of a format that this program does not know, or outside their limits.
pub fn read_parameters(parameters: &AppParameters) -> Option<Party> {
    if parameters.first() != Some(&FORMAT) {
        return None;
    }
    let written: Written = decode(parameters).ok()?;
    let is_legal = written.flags & !(HTML | INTERPOLATE | LATE | WAIT) == 0
        && are_players(written.players)
        && (1..=PACKAGE_MAX).contains(&(written.length as usize));
    let has = |flag| written.flags & flag != 0;
    let party = Party {
        package: written.package,
        length: written.length,
        author: written.author,
        players: written.players,
        draw: if has(INTERPOLATE) { Draw::Interpolate } else { Draw::Predict },
        late: has(LATE),
        host_loss: if has(WAIT) { HostLoss::Wait } else { HostLoss::Migrate },
        kind: if has(HTML) { Kind::Html } else { Kind::Script },
        code: written.code,
    };
    // A code in lower case would be a second form.
    (is_legal && self::parameters(&party) == *parameters).then_some(party)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party() -> Party {
        let package = Package::of_file("pong.html", b"<p>".to_vec()).expect("legal");
        Party::of(&package, PeerId([5; 32]), Some("K7M2QX".parse().expect("a code")))
    }

    #[test]
    fn parameters_are_read_as_they_are_written() {
        let script = Party {
            draw: Draw::Predict,
            late: false,
            host_loss: HostLoss::Migrate,
            kind: Kind::Script,
            code: None,
            ..party()
        };
        assert_eq!((party().kind, party().draw), (Kind::Html, Draw::Interpolate));
        for party in [party(), script] {
            assert_eq!(read_parameters(&parameters(&party)), Some(party));
        }
        assert_eq!(parameters(&party()).len(), 78);
    }

    #[test]
    fn unknown_parameters_are_refused() {
        let bytes = parameters(&party()).into_inner();
        let read = |bytes: Vec<u8>| read_parameters(&Bytes::new(bytes).expect("short"));
        let changed = |place: usize, byte: u8| {
            let mut changed = bytes.clone();
            changed[place] = byte;
            read(changed)
        };
        let flags = bytes.len() - 9;
        assert!(changed(0, 1).is_some());
        assert_eq!([changed(0, 2), changed(flags, 16), changed(flags - 1, 7)], [None, None, None]);
        assert_eq!(changed(bytes.len() - 1, b'x'), None, "a second form of the code");
        assert_eq!(
            [read(bytes[1..].to_vec()), read([&bytes[..], &[0]].concat()), read(vec![])],
            [None, None, None]
        );
        assert_eq!([read(vec![1]), read(vec![1; 256])], [None, None], "rooms of other apps");
    }
}
