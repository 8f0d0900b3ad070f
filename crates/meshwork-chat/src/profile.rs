//! Profiles: the name, status and face that people give themselves in a room.
//!
//! A profile is three fields of its person in one row of the conversation's table by value. docs/protocol/conversation.md has
//! the bytes.

use meshwork_core::id::PeerId;
use meshwork_core::replica::ReplicaNumber;
use meshwork_core::signed::app::CONVERSATION_SLOT;
use meshwork_core::signed::header::Family;
use meshwork_core::table::{Entry, Table, Write, Writer};

use crate::picture::Head;
use crate::text::{fit, fit_lines};

/// Longest name, in bytes of UTF-8: as long as the one that travels while somebody is here.
pub const NAME_MAX: usize = 32;
/// Longest status, in bytes of UTF-8.
pub const STATUS_MAX: usize = 280;
/// Longest face, in bytes.
pub const AVATAR_MAX: usize = 16 * 1024;
/// Most pixels of a side of a face.
pub const AVATAR_SIDE_MAX: u32 = 256;

const ROW: &[u8] = b"p\0";
const NAME: &[u8] = b"name";
const STATUS: &[u8] = b"status";
const AVATAR: &[u8] = b"avatar";

/// What somebody says of themselves. Parts that cannot be read are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// The name, [fit to be shown](meshwork_core::text::shown); empty if there is none.
    pub name: String,
    /// The status, fit to be shown; empty if there is none.
    pub status: String,
    /// The face: a PNG, JPEG or WebP of one frame, at most [`AVATAR_MAX`] bytes and [`AVATAR_SIDE_MAX`] pixels a side by its
    /// own head.
    pub avatar: Option<Vec<u8>>,
}

/// Why a profile is not written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// A name of more than [`NAME_MAX`] bytes.
    #[error("name of {0} bytes exceeds the limit of {NAME_MAX}")]
    NameTooLong(usize),
    /// A status of more than [`STATUS_MAX`] bytes.
    #[error("status of {0} bytes exceeds the limit of {STATUS_MAX}")]
    StatusTooLong(usize),
    /// A face of more than [`AVATAR_MAX`] bytes: scale it down.
    #[error("picture of {0} bytes exceeds the limit of {AVATAR_MAX}")]
    AvatarTooLong(usize),
    /// A face that is no PNG, JPEG or WebP, is animated, or is larger than [`AVATAR_SIDE_MAX`] pixels a side.
    #[error("a face is a PNG, JPEG or WebP without animation, of at most {AVATAR_SIDE_MAX} pixels a side")]
    NoAvatar,
}

/// The table of profiles, in every room.
pub fn profiles() -> ReplicaNumber {
    ReplicaNumber::new(CONVERSATION_SLOT, Family::ByValue).expect("the conversation has a slot")
}

/// Everybody who has a profile in the table [`profiles`].
pub fn people(table: &Table) -> Vec<PeerId> {
    let authors = table.row(ROW).filter_map(|entry| match entry.field() {
        (Writer::Peer(peer), NAME | STATUS | AVATAR) => Some(peer),
        _ => None,
    });
    let mut people: Vec<PeerId> = authors.collect();
    people.dedup();
    people
}

/// The write that makes `name` the name in the profile of `me`, shortened to [`NAME_MAX`] bytes. `None` if there is nothing to
/// write: it is the name, it is empty, the person removed the name in this table, or another name stands there and
/// `replaces` is false.
pub fn kept_name(table: &Table, me: PeerId, name: &str, replaces: bool) -> Option<Write> {
    let shown = fit(name);
    let mut name = shown.trim();
    while name.len() > NAME_MAX {
        let (last, _) = name.char_indices().next_back()?;
        name = name[..last].trim_end();
    }
    let own = (Writer::Peer(me), NAME);
    // Removals count here, and are no value.
    let holder = table.holders(ROW, own).next().filter(|entry| (entry.row(), entry.field()) == (ROW, own));
    let is_due = match holder.map(Entry::value) {
        None => true,
        Some(None) => false,
        Some(Some(before)) => replaces && before != name.as_bytes(),
    };
    (is_due && !name.is_empty()).then(|| Write::value(ROW, Writer::Peer(me).field(NAME), name))
}

impl Profile {
    /// Somebody's profile in the table [`profiles`].
    pub fn of(table: &Table, peer: PeerId) -> Profile {
        let value = |name: &[u8], most: usize| {
            let value = table.get(ROW, &Writer::Peer(peer).field(name))?.value()?;
            (value.len() <= most).then_some(value)
        };
        let text = |name: &[u8], most: usize| {
            value(name, most).and_then(|text| str::from_utf8(text).ok()).unwrap_or_default()
        };
        let avatar = value(AVATAR, AVATAR_MAX).filter(|bytes| is_avatar(bytes));
        Profile {
            name: fit(text(NAME, NAME_MAX)).trim().to_owned(),
            status: fit_lines(text(STATUS, STATUS_MAX)).trim().to_owned(),
            avatar: avatar.map(<[u8]>::to_vec),
        }
    }

    /// The writes that make this the profile of `me`; an empty part is removed.
    ///
    /// # Errors
    /// [`ProfileError`] names the part that exceeds its limit.
    pub fn writes(&self, me: PeerId) -> Result<Vec<Write>, ProfileError> {
        if self.name.len() > NAME_MAX {
            return Err(ProfileError::NameTooLong(self.name.len()));
        }
        if self.status.len() > STATUS_MAX {
            return Err(ProfileError::StatusTooLong(self.status.len()));
        }
        match &self.avatar {
            Some(bytes) if bytes.len() > AVATAR_MAX => return Err(ProfileError::AvatarTooLong(bytes.len())),
            Some(bytes) if !is_avatar(bytes) => return Err(ProfileError::NoAvatar),
            _ => {}
        }
        let avatar = self.avatar.as_deref().unwrap_or_default();
        let parts = [(NAME, self.name.as_bytes()), (STATUS, self.status.as_bytes()), (AVATAR, avatar)];
        let write = |(name, value): (&[u8], &[u8])| {
            let field = Writer::Peer(me).field(name);
            if value.is_empty() { Write::removal(ROW, field) } else { Write::value(ROW, field, value) }
        };
        Ok(parts.into_iter().map(write).collect())
    }
}

/// Whether bytes are a face by their head.
fn is_avatar(bytes: &[u8]) -> bool {
    Head::read(bytes).is_some_and(|head| {
        !head.is_animated && head.width <= AVATAR_SIDE_MAX && head.height <= AVATAR_SIDE_MAX
    })
}

#[cfg(test)]
mod tests {
    use meshwork_core::clock::Stamp;
    use meshwork_core::id::{Endpoint, Identity, Instance, RoomId};
    use meshwork_core::replica::Replica as _;
    use meshwork_core::signed::batch::{Header, SignedBatch, StampWindow};
    use meshwork_core::table::{Kind, payloads};
    use meshwork_core::time::WallTime;

    use super::*;

    fn png(width: u32) -> Vec<u8> {
        let head = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        [head, width.to_be_bytes().to_vec(), vec![0, 0, 0, 9, 8, 6, 0, 0, 0, 1, 2, 3, 4]].concat()
    }

    fn table_with(number: u8, writes: &[Write]) -> Table {
        let identity = Identity::from_secret([number; 32]);
        let author = Endpoint { peer: identity.peer(), instance: Instance(1) };
        let mut table = Table::new(Kind::ByValue);
        let stamp = Stamp::at(WallTime::from_millis(1_790_000_000_000));
        for payload in payloads(author.peer, writes).expect("short") {
            let header = Header::new(author, 1, StampWindow::at(stamp), 0);
            let content = table.check(&header, &payload).expect("of this kind");
            let batch = SignedBatch::sign(&identity, &RoomId([1; 32]), &header, &payload).expect("short");
            table.apply(batch, content);
        }
        table
    }

    #[test]
    fn profiles_are_read_as_they_are_written() {
        let me = Identity::from_secret([1; 32]).peer();
        let profile = Profile { name: "Mira".into(), status: "In Porto".into(), avatar: Some(png(256)) };
        let table = table_with(1, &profile.writes(me).expect("within the limits"));
        assert_eq!(Profile::of(&table, me), profile);
        assert_eq!(people(&table), [me]);
        assert_eq!(Profile::of(&table, PeerId([9; 32])), Profile::default());
        let removed = Profile::default().writes(me).expect("empty");
        assert!(removed.iter().all(|write| *write == Write::removal(ROW, write.field.clone())));
    }

    #[test]
    fn a_removed_name_is_not_written_again() {
        let me = Identity::from_secret([1; 32]).peer();
        let write = |name: &str| Write::value(ROW, Writer::Peer(me).field(NAME), name);
        let empty = table_with(2, &[]);
        assert_eq!(kept_name(&empty, me, " Mira\u{202e} ", false), Some(write("Mira")));
        assert_eq!(kept_name(&empty, me, "  ", false), None);
        let long = "é".repeat(NAME_MAX);
        assert_eq!(kept_name(&empty, me, &long, false), Some(write(&"é".repeat(NAME_MAX / 2))));
        let named = table_with(1, &[write("Mira")]);
        assert_eq!(kept_name(&named, me, "Mira", true), None);
        assert_eq!(kept_name(&named, me, "Mirabel", false), None);
        assert_eq!(kept_name(&named, me, "Mirabel", true), Some(write("Mirabel")));
        let removed = table_with(1, &Profile::default().writes(me).expect("empty"));
        assert_eq!(kept_name(&removed, me, "Mira", true), None);
    }

    #[test]
    fn parts_beyond_the_limits_are_not_read() {
        let me = Identity::from_secret([1; 32]).peer();
        let with = |avatar: Vec<u8>| Profile { avatar: Some(avatar), ..Profile::default() }.writes(me);
        assert_eq!(with(png(257)), Err(ProfileError::NoAvatar));
        assert_eq!(with(b"<svg/>".to_vec()), Err(ProfileError::NoAvatar));
        assert_eq!(with(vec![0; AVATAR_MAX + 1]), Err(ProfileError::AvatarTooLong(AVATAR_MAX + 1)));
        let long = Profile { name: "x".repeat(NAME_MAX + 1), ..Profile::default() };
        assert_eq!(long.writes(me), Err(ProfileError::NameTooLong(NAME_MAX + 1)));
        let field = |name: &[u8]| Writer::Peer(me).field(name);
        let hostile = [
            Write::value(ROW, field(NAME), "x".repeat(NAME_MAX + 1)),
            Write::value(ROW, field(STATUS), "\u{202e}\u{1b}[31mred"),
            Write::value(ROW, field(AVATAR), png(60_000)),
        ];
        let read = Profile::of(&table_with(1, &hostile), me);
        assert_eq!(read, Profile { status: "[31mred".into(), ..Profile::default() });
    }
}
