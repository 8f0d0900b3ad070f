//! Rows that a peer seals for itself: what it read in a conversation, and whether it accepted or blocked the other person.
//!
//! Each conversation has one row, so that all devices of an identity agree, also those that come later. Members store such rows and
//! see no more of them than that somebody has them. docs/protocol/conversation.md has the bytes.
//!
//! # Limits
//! [`READ_MAX`] authors a conversation. A row is written again after [`REWRITE_MS`] at the earliest.

use meshwork_core::id::PeerId;
use meshwork_core::replica::ReplicaNumber;
use meshwork_core::table::{Entry, Table, Write, Writer};
use meshwork_core::time::WallTime;
use meshwork_core::wire::Bounded;
use serde::{Deserialize, Serialize};

use crate::direct::Keys;
use crate::post::PostError;
use crate::profile::profiles;

/// Authors of one conversation whose posts are marked as read. With more, those marked longest ago go.
pub const READ_MAX: usize = 256;
/// Milliseconds after which a row is written again at the earliest: somebody who scrolls reads many posts a second.
pub const REWRITE_MS: u64 = 5_000;

/// The beginning of such a row.
const PREFIX: &[u8] = b"s\0";
/// The field of the sealed value.
const FIELD: &[u8] = b"x";
/// Bytes of the tag behind the prefix.
const TAG: usize = 16;

/// Whether a peer accepted or blocked the other person of a direct conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// Neither.
    #[default]
    Undecided,
    /// The person's posts are shown.
    Accepted,
    /// The person's posts are hidden.
    Blocked,
}

/// The marks of a peer in one conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The other person; `None` for the room's conversation.
    pub with: Option<PeerId>,
    /// What this peer decided about the other person.
    pub standing: Standing,
    /// Up to when the posts of each author are read, in milliseconds since 1970; the latest marked last.
    pub read: Vec<(PeerId, u64)>,
}

/// The sealed part of a row.
#[derive(Serialize, Deserialize)]
pub(crate) enum Sealed {
    Marks { with: Option<[u8; 32]>, standing: Standing, read: Bounded<([u8; 32], u64), READ_MAX> },
}

/// The table of these rows, in every room: that of profiles.
pub fn own_rows() -> ReplicaNumber {
    profiles()
}

impl Marks {
    /// The marks of the peer of these keys in a conversation. There are none if they are not written, or a newer version wrote them.
    pub fn of(table: &Table, keys: &Keys, with: Option<PeerId>) -> Marks {
        let none = Marks { with, ..Marks::default() };
        keys.tag_of_own(with).and_then(|tag| read(table, keys, &row_of(tag))).unwrap_or(none)
    }

    /// The marks of the peer of these keys in all conversations of a room.
    pub fn all(table: &Table, keys: &Keys) -> Vec<Marks> {
        let mine = table.entries(PREFIX).filter(|entry| is_of(entry, keys.peer()));
        mine.filter_map(|entry| read(table, keys, entry.row())).collect()
    }

    /// Writes these marks at a time of the room. There are no writes if the row has the same marks or is not [`REWRITE_MS`] old.
    ///
    /// # Errors
    /// [`PostError::NoKey`] if the keys lack the secret that the peer shares with itself.
    pub fn writes(&self, table: &Table, keys: &Keys, at: WallTime) -> Result<Vec<Write>, PostError> {
        let me = keys.peer();
        let tag = keys.tag_of_own(self.with).ok_or(PostError::NoKey(me))?;
        let (row, field) = (row_of(tag), Writer::Peer(me).field(FIELD));
        let written = table.get(&row, &field).map(|entry| entry.stamp().wall().as_millis());
        let is_early = written.is_some_and(|written| at.as_millis() < written.saturating_add(REWRITE_MS));
        if is_early || read(table, keys, &row).as_ref() == Some(self) {
            return Ok(Vec::new());
        }
        let latest = &self.read[self.read.len().saturating_sub(READ_MAX)..];
        let read = latest.iter().map(|(author, at)| (author.0, *at)).collect();
        let read = Bounded::new(read).expect("so many are left");
        let sealed = Sealed::Marks { with: self.with.map(|peer| peer.0), standing: self.standing, read };
        Ok(vec![Write::value(&row, field, keys.seal_own(&row, &sealed)?)])
    }
}

fn row_of(tag: [u8; TAG]) -> Vec<u8> {
    [PREFIX, &tag].concat()
}

fn is_of(entry: &Entry, me: PeerId) -> bool {
    entry.field() == (Writer::Peer(me), FIELD)
}

fn read(table: &Table, keys: &Keys, row: &[u8]) -> Option<Marks> {
    let entry = table.get(row, &Writer::Peer(keys.peer()).field(FIELD))?;
    let Sealed::Marks { with, standing, read } = keys.open_own(row, entry.value()?)?;
    let read = read.into_inner().into_iter().map(|(author, at)| (PeerId(author), at)).collect();
    Some(Marks { with: with.map(PeerId), standing, read })
}

#[cfg(test)]
mod tests {
    use meshwork_core::clock::Stamp;
    use meshwork_core::id::{Endpoint, Identity, Instance, RoomId};
    use meshwork_core::replica::Replica as _;
    use meshwork_core::signed::batch::{Header, SignedBatch, StampWindow};
    use meshwork_core::table::{Kind, payloads};

    use super::*;

    const START: u64 = 1_790_000_000_000;
    const ROOM: RoomId = RoomId([1; 32]);

    fn keys(identity: &Identity) -> Keys {
        let mut keys = Keys::new(ROOM, identity.peer());
        keys.learn(identity.peer(), identity.agree(identity.peer()));
        keys
    }

    fn arrive(table: &mut Table, identity: &Identity, later: u64, writes: &[Write]) {
        let author = Endpoint { peer: identity.peer(), instance: Instance(1) };
        let stamp = Stamp::at(WallTime::from_millis(START + later));
        for payload in payloads(author.peer, writes).expect("short") {
            let header = Header::new(author, later + 1, StampWindow::at(stamp), 0);
            let content = table.check(&header, &payload).expect("of this kind");
            let batch = SignedBatch::sign(identity, &ROOM, &header, &payload).expect("short");
            table.apply(batch, content);
        }
    }

    #[test]
    fn marks_are_read_by_oneself_alone() {
        let (ann, bo) = (Identity::from_secret([1; 32]), Identity::from_secret([2; 32]));
        let mut table = Table::new(Kind::ByValue);
        let at = |later| WallTime::from_millis(START + later);
        let read = (0..300_u64).map(|number| (PeerId([number as u8; 32]), number)).collect();
        let of_room = Marks { with: None, standing: Standing::Undecided, read };
        let of_bo = Marks { with: Some(bo.peer()), standing: Standing::Blocked, read: Vec::new() };
        for marks in [&of_room, &of_bo] {
            let writes = marks.writes(&table, &keys(&ann), at(0)).expect("own keys");
            arrive(&mut table, &ann, 0, &writes);
        }
        let known = Marks::of(&table, &keys(&ann), None);
        assert_eq!((known.read.len(), known.read.last()), (READ_MAX, of_room.read.last()));
        assert_eq!(Marks::of(&table, &keys(&ann), Some(bo.peer())), of_bo);
        assert_eq!(Marks::all(&table, &keys(&ann)).len(), 2);
        // Another device of the same identity has the same keys; nobody else reads or finds anything.
        assert!(Marks::all(&table, &keys(&bo)).is_empty());
        assert_eq!(Marks::of(&table, &keys(&bo), None), Marks::default());
        assert!(table.entries(b"").all(|entry| {
            let all = [entry.row(), entry.value().unwrap_or_default()].concat();
            !all.windows(8).any(|part| part == &bo.peer().0[..8])
        }));
        let accepted = Marks { standing: Standing::Accepted, ..of_bo.clone() };
        assert_eq!(accepted.writes(&table, &keys(&ann), at(REWRITE_MS - 1)), Ok(Vec::new()), "too early");
        let writes = accepted.writes(&table, &keys(&ann), at(REWRITE_MS)).expect("own keys");
        arrive(&mut table, &ann, REWRITE_MS, &writes);
        assert_eq!(Marks::of(&table, &keys(&ann), Some(bo.peer())), accepted);
        assert_eq!(accepted.writes(&table, &keys(&ann), at(9 * REWRITE_MS)), Ok(Vec::new()), "the same");
        let lacks = Keys::new(ROOM, ann.peer());
        assert_eq!(accepted.writes(&table, &lacks, at(9)), Err(PostError::NoKey(ann.peer())));
    }
}
