//! The header of a batch: who says something, to which replica, under which record, when, and what it costs.
//!
//! A header has one byte string. Its first byte says the format and which of four fields are there; docs/protocol/
//! batches.md has every byte.

use serde::Deserialize;

use super::app::SLOTS_MAX;
use super::batch::BatchError;
use crate::clock::Stamp;
use crate::id::{Endpoint, Instance, PeerId};

/// Longest header, in bytes: every number at its longest.
pub const HEADER_MAX: usize = 92;
/// Records in a room: rules change a few times in a room's life, bans come by the dozen, and all of them are kept.
pub const RECORDS_MAX: u32 = 1024;

/// The format of batches, in the upper half of the first byte.
const FORMAT: u8 = 2;
/// The record is not the genesis, and is named.
const HAS_RECORD: u8 = 1;
/// The counter of the least stamp is not 0.
const HAS_COUNTER: u8 = 2;
/// The window does not end where it begins.
const HAS_SPAN: u8 = 4;
/// What was used before is counted.
const HAS_USED: u8 = 8;

/// What kind of replica a batch is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// What the app brings itself, such as documents.
    Own,
    /// The table whose rows are ordered by their hash.
    ByValue,
    /// The table whose rows are ordered by the time in their id.
    ByTime,
    /// No replica: what is said to everybody and not kept.
    Say,
    /// No replica: a member looks for another one, to whom it has no link.
    Seek,
    /// No replica: a datagram to everybody that neighbours pass on.
    Datagram,
    /// No replica: what an endpoint says of itself, to whom there is no link.
    Presence,
    /// No replica: what an endpoint says that it holds.
    Holding,
}

impl Family {
    /// Whether what is written is kept, so that limits count it.
    pub fn is_kept(self) -> bool {
        matches!(self, Family::Own | Family::ByValue | Family::ByTime)
    }
}

/// Which replica of a room: the slot of its app, and the family. One byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReplicaNumber {
    slot: u8,
    family: Family,
}

impl ReplicaNumber {
    /// The replica of the app that the room opens with.
    pub const FIRST: ReplicaNumber = ReplicaNumber { slot: 0, family: Family::Own };

    /// The replica of `family` of the app in `slot`; `None` when `slot` is not below [`SLOTS_MAX`].
    pub fn new(slot: u8, family: Family) -> Option<ReplicaNumber> {
        (slot < SLOTS_MAX).then_some(ReplicaNumber { slot, family })
    }

    /// The slot of the app, below [`SLOTS_MAX`].
    pub fn slot(self) -> u8 {
        self.slot
    }

    /// What kind of replica it is.
    pub fn family(self) -> Family {
        self.family
    }

    /// The number on the wire: the slot in the upper four bits, the family in the lower ones.
    pub fn to_byte(self) -> u8 {
        self.slot << 4 | self.family as u8
    }

    /// Reads the number; `None` when the family is of a later version.
    pub fn from_byte(byte: u8) -> Option<ReplicaNumber> {
        use Family as F;
        const FAMILIES: [F; 8] =
            [F::Own, F::ByValue, F::ByTime, F::Say, F::Seek, F::Datagram, F::Presence, F::Holding];
        let family = *FAMILIES.get(usize::from(byte & 0xf))?;
        Some(ReplicaNumber { slot: byte >> 4, family })
    }
}

impl serde::Serialize for ReplicaNumber {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_byte().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ReplicaNumber {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<ReplicaNumber, D::Error> {
        let byte = u8::deserialize(deserializer)?;
        ReplicaNumber::from_byte(byte).ok_or_else(|| serde::de::Error::custom("a family that does not exist"))
    }
}

/// Names a record within its room: its number, and the first bytes of its hash.
///
/// Ordered by number, then hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, Deserialize)]
pub struct RecordName {
    /// Its place behind the genesis, which has 0; at most [`RECORDS_MAX`].
    pub number: u32,
    /// The first 8 bytes of its hash; zeros for the genesis.
    pub hash: [u8; 8],
}

impl RecordName {
    /// Names the genesis.
    pub const GENESIS: RecordName = RecordName { number: 0, hash: [0; 8] };

    /// Whether the name can be one: the genesis has no hash, and no number is above [`RECORDS_MAX`].
    pub fn is_legal(&self) -> bool {
        *self == RecordName::GENESIS || (1..=RECORDS_MAX).contains(&self.number)
    }
}

/// Between which stamps a batch stands, so that it can be held back until due before its payload is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StampWindow {
    /// The least stamp of the payload; never [`Stamp::NEVER`].
    pub least: Stamp,
    /// When the batch was written. No stamp of the payload is greater; in a batch that says something new the
    /// greatest one equals it, in one that repeats older entries it may be later than all of them.
    pub most: Stamp,
}

impl StampWindow {
    /// The window of a batch that says one thing at one time.
    pub fn at(stamp: Stamp) -> StampWindow {
        StampWindow { least: stamp, most: stamp }
    }
}

/// What a batch says about itself. All of it is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Who wrote it; the signature is this peer's.
    pub author: Endpoint,
    /// Its place in the author's sequence, from 1.
    pub sequence: u64,
    /// Which replica of the room it is for.
    pub replica: ReplicaNumber,
    /// The record by which it is judged for ever.
    pub record: RecordName,
    /// Between which stamps it stands.
    pub window: StampWindow,
    /// What it counts under a limit. Its replica says how that follows from the payload.
    pub cost: u32,
    /// What its endpoint had used in the window of a limit before; `None` where the record limits nothing.
    pub used: Option<u32>,
}

impl Header {
    /// Of a batch for the replica of the app that the room opens with, under the genesis, where nothing is limited.
    pub fn new(author: Endpoint, sequence: u64, window: StampWindow, cost: u32) -> Header {
        let (replica, record) = (ReplicaNumber::FIRST, RecordName::GENESIS);
        Header { author, sequence, replica, record, window, cost, used: None }
    }

    /// Checks what its bytes cannot say wrongly by themselves.
    ///
    /// # Errors
    /// [`BatchError`] names the first thing that is wrong.
    pub(super) fn check(&self) -> Result<(), BatchError> {
        let StampWindow { least, most } = self.window;
        if self.sequence == 0 {
            return Err(BatchError::Sequence);
        }
        if least == Stamp::NEVER || most < least {
            return Err(BatchError::Window { least, most });
        }
        if !self.record.is_legal() {
            return Err(BatchError::Record(self.record));
        }
        Ok(())
    }

    /// Writes the one form of the header.
    pub(super) fn write<'a>(&self, buffer: &'a mut [u8; HEADER_MAX]) -> &'a [u8] {
        let StampWindow { least, most } = self.window;
        let flags = self.flags();
        let mut writer = Writer { buffer, end: 0 };
        let Endpoint { peer, instance } = self.author;
        // The instance is random, so a varint would only lengthen it.
        writer.put(&(FORMAT << 4 | flags, peer.0, instance.0.to_be_bytes(), self.sequence));
        writer.put(&self.replica);
        if flags & HAS_RECORD != 0 {
            writer.put(&self.record);
        }
        writer.put(&least.millis());
        if flags & HAS_COUNTER != 0 {
            writer.put(&least.counter());
        }
        if flags & HAS_SPAN != 0 {
            writer.put(&most.0.saturating_sub(least.0));
        }
        writer.put(&self.cost);
        if let Some(used) = self.used {
            writer.put(&used);
        }
        let Writer { buffer, end } = writer;
        &buffer[..end]
    }

    /// Reads a header, which has one form only, and leaves what follows it.
    ///
    /// # Errors
    /// [`BatchError`] names the first thing that is wrong.
    pub(super) fn read(bytes: &[u8]) -> Result<(Header, &[u8]), BatchError> {
        let mut reader = Reader(bytes);
        let [first] = reader.chunk()?;
        if first >> 4 != FORMAT {
            return Err(BatchError::Format(first));
        }
        let has = |flag| first & flag != 0;
        let author = Endpoint {
            peer: PeerId(reader.chunk()?),
            instance: Instance(u64::from_be_bytes(reader.chunk()?)),
        };
        let sequence = reader.number()?;
        let [replica] = reader.chunk()?;
        let replica = ReplicaNumber::from_byte(replica).ok_or(BatchError::Family(replica & 0xf))?;
        let record = match has(HAS_RECORD) {
            true => RecordName { number: reader.number()?, hash: reader.chunk()? },
            false => RecordName::GENESIS,
        };
        let millis = reader.number()?;
        let counter = if has(HAS_COUNTER) { reader.number()? } else { 0 };
        let span = if has(HAS_SPAN) { reader.number()? } else { 0 };
        let least = Stamp::new(millis, counter).ok_or(BatchError::Millis(millis))?;
        let most = Stamp(least.0.checked_add(span).ok_or(BatchError::Span { least, span })?);
        let cost = reader.number()?;
        let used = if has(HAS_USED) { Some(reader.number()?) } else { None };
        let window = StampWindow { least, most };
        let header = Header { author, sequence, replica, record, window, cost, used };
        header.check()?;
        if header.flags() != first & 0xf {
            return Err(BatchError::NotShortest);
        }
        Ok((header, reader.0))
    }

    /// Which of the four fields are there.
    fn flags(&self) -> u8 {
        let StampWindow { least, most } = self.window;
        let flags = [
            (self.record != RecordName::GENESIS, HAS_RECORD),
            (least.counter() != 0, HAS_COUNTER),
            (most != least, HAS_SPAN),
            (self.used.is_some(), HAS_USED),
        ];
        flags.iter().filter(|(is_there, _)| *is_there).map(|(_, flag)| flag).sum()
    }
}

/// Fields, one behind the other.
struct Writer<'a> {
    buffer: &'a mut [u8; HEADER_MAX],
    end: usize,
}

impl Writer<'_> {
    fn put(&mut self, field: &impl serde::Serialize) {
        let written = postcard::to_slice(field, &mut self.buffer[self.end..]);
        self.end += written.expect("the longest header fits its buffer").len();
    }
}

struct Reader<'a>(&'a [u8]);

/// Bytes of the longest number of 64 bits, of which the last one holds a single bit.
const VARINT_MAX: usize = 10;

impl Reader<'_> {
    fn chunk<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], BatchError> {
        let ends = BatchError::Header(postcard::Error::DeserializeUnexpectedEnd);
        let (chunk, rest) = self.0.split_first_chunk().ok_or(ends)?;
        self.0 = rest;
        Ok(*chunk)
    }

    /// A LEB128 number in its shortest form, as postcard writes it.
    #[inline(always)]
    fn number<T: TryFrom<u64>>(&mut self) -> Result<T, BatchError> {
        let mut value = 0;
        for (index, &byte) in self.0.iter().take(VARINT_MAX).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte >= 0x80 {
                continue;
            }
            if byte == 0 && index > 0 {
                return Err(BatchError::NotShortest);
            }
            if index + 1 == VARINT_MAX && byte > 1 {
                break;
            }
            self.0 = &self.0[index + 1..];
            return T::try_from(value).map_err(|_| BatchError::Header(postcard::Error::DeserializeBadVarint));
        }
        Err(BatchError::Header(match self.0.len() < VARINT_MAX {
            true => postcard::Error::DeserializeUnexpectedEnd,
            false => postcard::Error::DeserializeBadVarint,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_replicas_are_one_byte() {
        let number = ReplicaNumber::new(2, Family::ByTime).expect("a slot");
        assert_eq!((number.to_byte(), ReplicaNumber::from_byte(0x22)), (0x22, Some(number)));
        assert_eq!(ReplicaNumber::new(16, Family::Own), None);
        let known = (0..=255).filter_map(ReplicaNumber::from_byte);
        assert_eq!(
            known.filter(|number| ReplicaNumber::from_byte(number.to_byte()) == Some(*number)).count(),
            128
        );
    }

    #[test]
    fn the_longest_header_fits() {
        let header = Header {
            author: Endpoint { peer: PeerId([255; 32]), instance: Instance(u64::MAX) },
            sequence: u64::MAX,
            replica: ReplicaNumber::new(15, Family::Say).expect("a slot"),
            record: RecordName { number: RECORDS_MAX, hash: [255; 8] },
            window: StampWindow { least: Stamp((1 << 63) - 1), most: Stamp(u64::MAX) },
            cost: u32::MAX,
            used: Some(u32::MAX),
        };
        let mut buffer = [0; HEADER_MAX];
        let written = header.write(&mut buffer);
        assert_eq!(written.len(), HEADER_MAX);
        assert_eq!(Header::read(written), Ok((header, &[][..])));
    }
}
