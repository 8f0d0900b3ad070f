//! What a batch says to a table: a row, and some of its fields with their values.
//!
//! docs/protocol/table.md has every byte. A payload has one form: what was read is written again alike.

use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Reverse;

use super::Write;
use crate::clock::Stamp;
use crate::id::PeerId;
use crate::replica::WHENEVER;
use crate::signed::batch::{Header, PAYLOAD_MAX};
use crate::wire::write_varint;

/// Longest id of a row, in bytes: the name of a table, and a key that a person may read.
pub const ROW_MAX: usize = 64;
/// Longest field, in bytes: who may write it, with a key 33 bytes, and a name.
pub const FIELD_MAX: usize = 128;
/// Longest value, in bytes: with its row and field it fits one batch.
pub const VALUE_MAX: usize = 32 * 1024;
/// Most entries of a batch: small ones with a stamp each take 45 KiB, which one batch holds.
pub const ENTRIES_MAX: usize = 4096;

/// Fewest bytes of an entry: lengths and marks of a field of one byte that is removed.
const ENTRY_LEAST: usize = 4;

const ANYBODY: u8 = 0;
pub(super) const PEER: u8 = 1;
const MODERATORS: u8 = 2;

/// A field of a row: who may write it, and its name. Fields are in the order of their bytes, as [`Writer::field`] gives them.
pub type Field<'a> = (Writer, &'a [u8]);

/// The first field there can be.
pub(super) const FIRST_FIELD: Field<'static> = (Writer::Anybody, &[]);

/// Who may write a field. The field itself says so: its first byte, and the key of the peer behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Writer {
    /// Whoever may write in the room.
    Anybody,
    /// This peer alone.
    Peer(PeerId),
    /// Those who moderate by the record that the batch names.
    Moderators,
}

impl Writer {
    /// The field of this name that these may write. At most [`FIELD_MAX`] bytes are a field.
    pub fn field(self, name: &[u8]) -> Vec<u8> {
        let (mark, key) = self.head();
        [&[mark], key, name].concat()
    }

    /// Who may write a field, and its name; `None` for bytes that are no field.
    pub fn of(field: &[u8]) -> Option<(Writer, &[u8])> {
        let (first, rest) = field.split_first().filter(|_| field.len() <= FIELD_MAX)?;
        match *first {
            ANYBODY => Some((Writer::Anybody, rest)),
            PEER => rest.split_first_chunk().map(|(key, name)| (Writer::Peer(PeerId(*key)), name)),
            MODERATORS => Some((Writer::Moderators, rest)),
            _ => None,
        }
    }

    /// What a field begins with: its first byte, and the key of the peer that may write it if it is one peer's.
    pub(super) fn head(&self) -> (u8, &[u8]) {
        match self {
            Writer::Anybody => (ANYBODY, &[]),
            Writer::Peer(peer) => (PEER, &peer.0),
            Writer::Moderators => (MODERATORS, &[]),
        }
    }

    /// Who may write a field with this first byte in a batch of `author`, which writes no other peer's.
    pub(super) fn marked(mark: u8, author: PeerId) -> Option<Writer> {
        match mark {
            ANYBODY => Some(Writer::Anybody),
            PEER => Some(Writer::Peer(author)),
            MODERATORS => Some(Writer::Moderators),
            _ => None,
        }
    }
}

/// Bytes of a field.
pub(super) fn field_length((writer, name): Field<'_>) -> usize {
    1 + writer.head().1.len() + name.len()
}

/// Why bytes are no payload of a table, or entries cannot be written as one. Nothing was kept or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The payload breaks off, or a number in it does not exist.
    #[error("payload of a table: {0}")]
    Malformed(postcard::Error),
    /// A number is written longer than it has to be.
    #[error("the payload of a table is not in its shortest form")]
    NotShortest,
    /// A row of more than [`ROW_MAX`] bytes.
    #[error("a row's id of {0} bytes is above {ROW_MAX}")]
    Row(usize),
    /// The row of a table by time does not end with a time and eight bytes, or names a time after its entry's stamp.
    #[error("a row of {0} bytes carries no time, or one later than what is written there")]
    Time(usize),
    /// No entry, or more than [`ENTRIES_MAX`].
    #[error("{0} entries in one batch of a table; there may be 1 to {ENTRIES_MAX}")]
    Count(usize),
    /// Fields do not rise strictly.
    #[error("the fields of a batch do not rise")]
    Order,
    /// A field is empty, has more than [`FIELD_MAX`] bytes, or does not say who may write it.
    #[error("{0} bytes are no field: it has at most {FIELD_MAX}, of which the first say who may write it")]
    Field(usize),
    /// A field of another peer.
    #[error("a field of {0} can be written by that peer alone")]
    NotOwner(PeerId),
    /// A value of more than [`VALUE_MAX`] bytes.
    #[error("a value of {0} bytes is above {VALUE_MAX}")]
    Value(usize),
    /// The entries' stamps do not begin where the window does, or go beyond it.
    #[error("the stamps of a batch's entries are not within its window, or do not begin with it")]
    Stamp,
    /// Bytes behind the last entry.
    #[error("{0} bytes are left after the last entry")]
    Trailing(usize),
}

/// What a batch says of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written<'a> {
    /// Which field. That of a peer is the author's: a payload leaves its key out.
    pub field: Field<'a>,
    /// When it was written.
    pub stamp: Stamp,
    /// Its value; `None` where it is removed.
    pub value: Option<&'a [u8]>,
}

impl Written<'_> {
    /// Bytes that it takes in a payload whose window begins with `least`.
    pub(super) fn length(&self, least: Stamp) -> usize {
        let bytes = |bytes: &[u8]| varint_length(bytes.len() as u64) + bytes.len();
        let field = 1 + self.field.1.len();
        varint_length(field as u64)
            + field
            + varint_length(self.after(least))
            + 1
            + self.value.map_or(0, bytes)
    }

    fn after(&self, least: Stamp) -> u64 {
        self.stamp.0.saturating_sub(least.0)
    }
}

/// What a batch says, as the bytes of its payload have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload<'a> {
    /// The row that all entries share.
    pub row: &'a [u8],
    /// Fields of the row, in ascending order.
    pub entries: Vec<Written<'a>>,
}

impl<'a> Payload<'a> {
    /// Reads the payload of a batch with this header. Fields of moderators are read whoever wrote them.
    ///
    /// # Errors
    /// [`TableError`] says what its author wrote wrongly.
    pub fn read(header: &Header, payload: &'a [u8]) -> Result<Payload<'a>, TableError> {
        let (row, count, mut rest) = head(payload)?;
        let window = header.window;
        let mut entries: Vec<Written<'a>> = Vec::with_capacity(count.min(rest.len() / ENTRY_LEAST));
        for _ in 0..count {
            let ((field, after, value), next) =
                postcard::take_from_bytes::<(&[u8], u64, Option<&[u8]>)>(rest)
                    .map_err(TableError::Malformed)?;
            let field = own_field(field, header.author.peer)?;
            let stamp = Stamp(window.least.0.checked_add(after).ok_or(TableError::Stamp)?);
            let written = Written { field, stamp, value };
            if written.length(window.least) != rest.len() - next.len() {
                return Err(TableError::NotShortest);
            }
            check(&written)?;
            if stamp > window.most {
                return Err(TableError::Stamp);
            }
            if entries.last().is_some_and(|before| before.field >= field) {
                return Err(TableError::Order);
            }
            entries.push(written);
            rest = next;
        }
        if !rest.is_empty() {
            return Err(TableError::Trailing(rest.len()));
        }
        if !entries.iter().any(|written| written.stamp == window.least) {
            return Err(TableError::Stamp);
        }
        Ok(Payload { row, entries })
    }

    /// The payload of a batch whose window begins with `least`, the least stamp of the entries.
    pub fn write(&self, least: Stamp) -> Vec<u8> {
        let mut bytes = vec![self.row.len() as u8];
        bytes.extend_from_slice(self.row);
        write_varint(&mut bytes, self.entries.len() as u64);
        for written in &self.entries {
            let (writer, name) = written.field;
            write_varint(&mut bytes, 1 + name.len() as u64);
            bytes.push(writer.head().0);
            bytes.extend_from_slice(name);
            write_varint(&mut bytes, written.after(least));
            bytes.push(u8::from(written.value.is_some()));
            if let Some(value) = written.value {
                write_varint(&mut bytes, value.len() as u64);
                bytes.extend_from_slice(value);
            }
        }
        bytes
    }

    /// The least stamp of the entries, with which the window of a batch begins.
    pub(super) fn least(&self) -> Stamp {
        self.entries.iter().map(|written| written.stamp).min().unwrap_or(Stamp::NEVER)
    }

    /// Bytes of a payload before its first entry.
    pub(super) fn head_length(row: &[u8], count: usize) -> usize {
        1 + row.len() + varint_length(count as u64)
    }

    /// Whether a field is moderators' alone.
    pub(super) fn is_for_moderators(&self) -> bool {
        !planted!(ModeratorsIgnored)
            && self.entries.iter().any(|written| written.field.0 == Writer::Moderators)
    }
}

/// What a batch with this payload costs where a room's rules have a limit: its entries, and each KiB that is begun.
pub(super) fn cost(count: usize, payload: &[u8]) -> usize {
    count + payload.len().div_ceil(1024)
}

/// Row and number of entries of a payload, and what is left of it.
pub(super) fn head(payload: &[u8]) -> Result<(&[u8], usize, &[u8]), TableError> {
    let ((row, count), rest) =
        postcard::take_from_bytes::<(&[u8], u32)>(payload).map_err(TableError::Malformed)?;
    let count = count as usize;
    if row.len() > ROW_MAX {
        return Err(TableError::Row(row.len()));
    }
    if !(1..=ENTRIES_MAX).contains(&count) {
        return Err(TableError::Count(count));
    }
    if Payload::head_length(row, count) != payload.len() - rest.len() {
        return Err(TableError::NotShortest);
    }
    Ok((row, count, rest))
}

/// A field as it stands in a payload of `author`: without the key of a peer.
fn own_field(bytes: &[u8], author: PeerId) -> Result<Field<'_>, TableError> {
    let (mark, name) = bytes.split_first().ok_or(TableError::Field(0))?;
    Ok((Writer::marked(*mark, author).ok_or(TableError::Field(bytes.len()))?, name))
}

fn check(written: &Written<'_>) -> Result<(), TableError> {
    match (field_length(written.field), written.value) {
        (length, _) if length > FIELD_MAX => Err(TableError::Field(length)),
        (_, Some(value)) if value.len() > VALUE_MAX => Err(TableError::Value(value.len())),
        _ => Ok(()),
    }
}

/// The payloads with which `author` writes all this at one time: as few as hold it, one row in each. Where a field is named
/// twice the later value counts.
///
/// # Errors
/// [`TableError`] names a row, field or value that is too long or says nothing, or a field of another peer.
pub fn payloads(author: PeerId, writes: &[Write]) -> Result<Vec<Vec<u8>>, TableError> {
    let entries = writes.iter().map(|write| entry_of(author, write)).collect::<Result<Vec<_>, _>>()?;
    Ok(packed(entries).iter().map(|payload| payload.write(WHENEVER)).collect())
}

/// What `author` writes: a row, and an entry of any time.
fn entry_of(author: PeerId, write: &Write) -> Result<(&[u8], Written<'_>), TableError> {
    let Write { row, field, value } = write;
    if row.len() > ROW_MAX {
        return Err(TableError::Row(row.len()));
    }
    let field = Writer::of(field).ok_or(TableError::Field(field.len()))?;
    match field.0 {
        Writer::Peer(owner) if owner != author => return Err(TableError::NotOwner(owner)),
        _ => {}
    }
    let written = Written { field, stamp: WHENEVER, value: value.as_deref() };
    check(&written)?;
    Ok((row, written))
}

/// As few payloads as hold these entries of rows, one row in each. Of those of one field the last of the greatest stamp
/// counts.
pub(super) fn packed<'a>(mut entries: Vec<(&'a [u8], Written<'a>)>) -> Vec<Payload<'a>> {
    entries.reverse();
    entries.sort_by_key(|(row, written)| (*row, written.field, Reverse(written.stamp)));
    entries.dedup_by_key(|(row, written)| (*row, written.field));
    let mut payloads: Vec<Payload<'a>> = Vec::new();
    let mut length = 0;
    for (row, written) in entries {
        // Whatever the payload's least stamp comes to be.
        let more = written.length(Stamp::NEVER);
        match payloads.last_mut() {
            Some(last)
                if last.row == row && length + more <= PAYLOAD_MAX && last.entries.len() < ENTRIES_MAX =>
            {
                last.entries.push(written);
            }
            _ => {
                length = Payload::head_length(row, ENTRIES_MAX);
                payloads.push(Payload { row, entries: vec![written] });
            }
        }
        length += more;
    }
    payloads
}

/// Bytes of a number as a varint in its shortest form.
fn varint_length(value: u64) -> usize {
    (64 - (value | 1).leading_zeros()).div_ceil(7) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::id::{Endpoint, Identity, Instance};
    use crate::signed::batch::StampWindow;

    fn header() -> Header {
        let author = Endpoint { peer: Identity::from_secret([1; 32]).peer(), instance: Instance(1) };
        let window = StampWindow { least: Stamp(1 << 40), most: Stamp(1 << 41) };
        Header::new(author, 1, window, 0)
    }

    fn entry(name: &[u8]) -> Written<'_> {
        Written { field: (Writer::Anybody, name), stamp: header().window.least, value: Some(b"value") }
    }

    fn read_back(row: &[u8], entries: Vec<Written<'_>>) -> Result<usize, TableError> {
        let bytes = Payload { row, entries }.write(header().window.least);
        Payload::read(&header(), &bytes).map(|payload| payload.entries.len())
    }

    proptest! {
        #[test]
        fn payloads_read_as_they_are_written(
            row in proptest::collection::vec(any::<u8>(), 0..=ROW_MAX),
            drawn in proptest::collection::btree_map(
                (0..3u8, proptest::collection::vec(any::<u8>(), 0..FIELD_MAX - 32)),
                (0..=1u64 << 40, proptest::option::of(proptest::collection::vec(any::<u8>(), 0..300))),
                1..30,
            ),
        ) {
            let (me, least) = (header().author.peer, header().window.least);
            let written = drawn.iter().enumerate().map(|(place, ((mark, name), (after, value)))| {
                let stamp = Stamp(least.0 + after * u64::from(place > 0));
                let writer = Writer::marked(*mark, me).expect("there are three");
                Written { field: (writer, name), stamp, value: value.as_deref() }
            });
            let payload = Payload { row: &row, entries: written.collect() };
            let bytes = payload.write(least);
            let lengths: usize = payload.entries.iter().map(|written| written.length(least)).sum();
            prop_assert_eq!(Payload::head_length(&row, payload.entries.len()) + lengths, bytes.len());
            prop_assert_eq!(Payload::read(&header(), &bytes), Ok(payload));
            for end in 0..bytes.len() {
                prop_assert!(Payload::read(&header(), &bytes[..end]).is_err(), "cut to {}", end);
            }
            let longer = [&bytes[..], &[0]].concat();
            prop_assert_eq!(Payload::read(&header(), &longer), Err(TableError::Trailing(1)));
        }

        #[test]
        fn rubbish_is_written_as_it_is_read(bytes in proptest::collection::vec(0..4u8, 0..60)) {
            if let Ok(payload) = Payload::read(&header(), &bytes) {
                prop_assert_eq!(payload.write(header().window.least), bytes);
            }
        }
    }

    #[test]
    fn fields_say_who_may_write_them() {
        let (me, other) = (header().author.peer, Identity::from_secret([2; 32]).peer());
        for writer in [Writer::Anybody, Writer::Peer(me), Writer::Peer(other), Writer::Moderators] {
            let field = writer.field(b"name");
            assert_eq!(Writer::of(&field), Some((writer, &b"name"[..])));
            assert_eq!(field_length((writer, b"name")), field.len());
            let written = payloads(me, &[Write::value("row", field, "")]);
            if writer == Writer::Peer(other) {
                assert_eq!(written, Err(TableError::NotOwner(other)));
                continue;
            }
            let written = written.expect("it may be written").remove(0);
            let read = Payload::read(&header(), &written).expect("legal");
            assert_eq!(read.entries[0].field, (writer, &b"name"[..]));
            assert_eq!(written.len(), 1 + 3 + 1 + 1 + 5 + 1 + 1 + 1, "without a key");
        }
    }

    #[test]
    fn entries_that_cannot_be_are_refused() {
        let long = vec![0; VALUE_MAX + 1];
        let at = |stamp, value| Written { field: FIRST_FIELD, stamp: Stamp(stamp), value };
        let (least, most) = (1 << 40, 1 << 41);
        assert_eq!(read_back(&[1; ROW_MAX + 1], vec![entry(b"")]), Err(TableError::Row(ROW_MAX + 1)));
        assert_eq!(read_back(b"", vec![]), Err(TableError::Count(0)));
        let named = |field: Field<'_>| read_back(b"", vec![Written { field, ..entry(b"") }]);
        let (name, me) = ([0; FIELD_MAX], header().author.peer);
        for (writer, most) in [(Writer::Moderators, FIELD_MAX - 1), (Writer::Peer(me), FIELD_MAX - 33)] {
            assert_eq!(named((writer, &name[..most])), Ok(1));
            assert_eq!(named((writer, &name[..=most])), Err(TableError::Field(FIELD_MAX + 1)));
        }
        for field in [&[0][..], &[1, 3]] {
            let bytes = [&[0, 1], field, &[0, 0]].concat();
            assert_eq!(Payload::read(&header(), &bytes), Err(TableError::Field(field.len() - 1)));
        }
        assert_eq!(read_back(b"", vec![at(least, Some(&long))]), Err(TableError::Value(VALUE_MAX + 1)));
        assert_eq!(read_back(b"", vec![at(least, Some(&long[1..]))]), Ok(1));
        assert_eq!(read_back(b"", vec![entry(b"a"), entry(b"a")]), Err(TableError::Order));
        assert_eq!(read_back(b"", vec![entry(b"b"), entry(b"a")]), Err(TableError::Order));
        assert_eq!(read_back(b"", vec![at(least + 1, None)]), Err(TableError::Stamp));
        assert_eq!(read_back(b"", vec![at(most + 1, None), entry(b"a")]), Err(TableError::Stamp));
        assert_eq!(read_back(b"", vec![at(most, None), entry(b"a")]), Ok(2));
    }

    #[test]
    fn one_payload_has_one_form() {
        let bytes = Payload { row: b"r", entries: vec![entry(b"f")] }.write(header().window.least);
        // Row length, count, field length, time, value length: each of them with a group of zeros behind it.
        for place in [0, 2, 3, 6, 8] {
            let mut padded = bytes.clone();
            padded.splice(place..=place, [bytes[place] | 0x80, 0]);
            assert_eq!(Payload::read(&header(), &padded), Err(TableError::NotShortest), "byte {place}");
        }
        let count = [1, b'r', 0xff, 0xff, 0xff, 0xff, 0x0f, 0];
        assert_eq!(Payload::read(&header(), &count), Err(TableError::Count(u32::MAX as usize)));
    }

    #[test]
    fn what_is_written_fits_batches() {
        let field = |number: u16| Writer::Anybody.field(&number.to_be_bytes());
        let writes: Vec<Write> =
            (0..5).map(|number| Write::value("row", field(number), [7; 30_000])).collect();
        let both = |writes: &[Write]| payloads(header().author.peer, writes).expect("they can be").len();
        assert_eq!(both(&writes), 3, "two fit one batch");
        let other = Write::removal("other", field(1));
        assert_eq!(both(&[writes[0].clone(), other.clone(), writes[1].clone()]), 2, "a row each");
        let many: Vec<Write> = (0..ENTRIES_MAX as u16 + 1).map(|n| Write::removal("row", field(n))).collect();
        assert_eq!((both(&many), both(&many[1..])), (2, 1));
        let twice = [Write::value("row", field(1), "a"), Write::value("row", field(1), "b")];
        let written = payloads(header().author.peer, &twice).expect("they can be").remove(0);
        assert_eq!(Payload::read(&header(), &written).expect("legal").entries[0].value, Some(&b"b"[..]));
        assert_eq!(
            payloads(header().author.peer, &[Write::value("", vec![9], "")]),
            Err(TableError::Field(1))
        );
        assert_eq!(
            payloads(header().author.peer, &[Write::value([0; 65], field(1), "")]),
            Err(TableError::Row(65))
        );
        let long = Write::value("", field(1), vec![0; VALUE_MAX + 1]);
        assert_eq!(payloads(header().author.peer, &[long]), Err(TableError::Value(VALUE_MAX + 1)));
    }
}
