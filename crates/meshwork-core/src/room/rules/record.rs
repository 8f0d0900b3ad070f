//! Room records: what may change about a room, in bytes that its owner or a moderator signed.
//!
//! # Problem
//! The owner of a room sets its rules, and keeps out who spoils it. Everybody must be able to check that by
//! themselves, whoever hands it over, and must come to the same room from the same records.
//!
//! # How it works
//! A [`Record`] is `format | body | signature`; its name is the blake3 hash of all three. The owner's records of
//! [rules](Statement::Terms) form a chain, each naming the one before; a batch names the one that it is written
//! under. [Bans](Statement::Ban) and [erases](Statement::Erase) stand beside the chain, each naming the record of
//! rules from which its signer has a say. [`Records`](super::records::Records) says what follows from a set of records, [`exchange`](super::exchange) keeps the
//! sets of neighbours equal. docs/protocol/records.md has every byte.
//!
//! # Invariants
//! - One record has one byte string: what could be written otherwise is refused.
//! - What a set of records means does not depend on the order in which they arrived.
//!
//! # Limits
//! [`RECORD_MAX`] bytes a record, [`CHAIN_MAX`] records of rules, [`EDICTS_MAX`] bans and erases.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::Stamp;
use crate::id::{Endpoint, Identity, Instance, PeerId, RoomId};
use crate::wire::{self, Bounded, BoundedText, DecodeError};

/// Longest record, in bytes: rules with every list full.
pub const RECORD_MAX: usize = 240 * 1024;
/// Records of rules in one room: rules change a few times in a room's life, and all of them are kept.
pub const CHAIN_MAX: usize = 64;
/// Bans and erases in force in one room; the owner can lift old ones.
pub const EDICTS_MAX: usize = 512;
/// Peers on a list of writers.
pub const WRITERS_MAX: usize = 256;
/// Peers on a list of moderators.
pub const MODERATORS_MAX: usize = 64;
/// Endpoints whose earlier batches stay when rules become stricter: 4096 take less than [`RECORD_MAX`].
pub const HEADS_MAX: usize = 4096;
/// Programs of one peer whose earlier batches stay when the peer is banned.
pub const BAN_HEADS_MAX: usize = 256;
/// Bans and erases that a record of rules lifts: as many as there can be.
pub const LIFTED_MAX: usize = EDICTS_MAX;
/// Longest name of an overlay, in bytes.
pub const OVERLAY_MAX: usize = 16;
/// The most that a limit allows in a window: more is no limit to a person.
pub const LIMIT_COST_MAX: u32 = 1_000_000;
/// Shortest and longest window of a limit, in milliseconds: 100 ms to a week.
pub const LIMIT_WINDOW_MS: core::ops::RangeInclusive<u32> = 100..=604_800_000;

/// The format that this build writes and reads.
const FORMAT: u8 = 1;
/// What a signature begins with, before the RoomId, the format and the body.
const LABEL: &[u8] = b"meshwork room record v1";
const SIGNATURE_LEN: usize = 64;

/// Names a record: blake3 of its bytes. The genesis is named by its RoomId.
pub type RecordHash = [u8; 32];

/// How much each endpoint may write. An app says what its batches cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// The cost of all that is written in a window, 1 to [`LIMIT_COST_MAX`]. With 1, the window is a cooldown.
    pub cost: u32,
    /// Length of a window in milliseconds, within [`LIMIT_WINDOW_MS`]. Windows begin at its multiples since 1970.
    pub window_ms: u32,
}

impl Limit {
    /// The window in which a stamp lies.
    pub fn window(&self, stamp: Stamp) -> u64 {
        stamp.millis() / u64::from(self.window_ms.max(1))
    }
}

/// What the owner may change about a room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// How fast each endpoint may write; `None` for as fast as it can.
    pub limit: Option<Limit>,
    /// Who may write besides the owner, in ascending order; `None` for everybody.
    pub writers: Option<Bounded<PeerId, WRITERS_MAX>>,
    /// Who may ban and erase besides the owner, in ascending order.
    pub moderators: Bounded<PeerId, MODERATORS_MAX>,
    /// Which overlay members keep; empty for the one that fits. A name that a build does not know counts as empty.
    pub overlay: BoundedText<OVERLAY_MAX>,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Statement {
    /// The rules from here on.
    Terms(TermsRecord),
    /// A peer writes no more.
    Ban(Ban),
    /// What was written does not show.
    Erase(Erase),
}

/// Rules, and what they do to what was there before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TermsRecord {
    /// Its place in the chain, from 1.
    pub number: u32,
    /// The rules.
    pub rules: Terms,
    /// Bans and erases that no longer hold, in ascending order.
    pub lifted: Bounded<RecordHash, LIFTED_MAX>,
    /// The last sequence of each endpoint, in ascending order, up to which batches under earlier records go on to
    /// count; of endpoints that are not named, none. `None` when all go on to count.
    pub cut: Option<Bounded<(Endpoint, u64), HEADS_MAX>>,
}

/// A peer writes no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ban {
    /// Who.
    pub peer: PeerId,
    /// The last sequence of each of its programs, in ascending order, that goes on to count; of programs that are
    /// not named, none.
    pub heads: Bounded<(Instance, u64), BAN_HEADS_MAX>,
}

/// What was written up to the record's stamp does not show, within the region and by the author given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erase {
    /// Whose entries; `None` for everybody's.
    pub author: Option<PeerId>,
    /// Where; `None` for all of them.
    pub region: Option<Region>,
}

/// A rectangle, where entries lie in a plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// Leftmost column.
    pub x: u16,
    /// Uppermost row.
    pub y: u16,
    /// Columns, from 1.
    pub width: u16,
    /// Rows, from 1.
    pub height: u16,
}

impl Region {
    /// Whether a place is inside.
    pub fn contains(&self, x: u16, y: u16) -> bool {
        let within = |value: u16, from: u16, length: u16| value >= from && value - from < length;
        within(x, self.x, self.width) && within(y, self.y, self.height)
    }
}

/// Why bytes are not a record of this room. Nothing was kept of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Longer than [`RECORD_MAX`], or too short for a signature.
    #[error("a record of {0} bytes is not 66 to {RECORD_MAX} long")]
    Length(usize),
    /// A format that this build does not know: written by a newer version.
    #[error("record format {0} is not known, only {FORMAT}")]
    Format(u8),
    /// The body cannot be decoded.
    #[error("record body: {0}")]
    Body(#[from] DecodeError),
    /// It says something that cannot be, or not in its one form.
    #[error("a record of a room cannot say this: {0}")]
    Content(&'static str),
    /// The signer did not sign these bytes for this room.
    #[error("the signature of {0} on a record does not hold in this room")]
    Signature(PeerId),
}

/// The signed part, as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Body {
    signer: PeerId,
    stamp: Stamp,
    before: RecordHash,
    statement: Statement,
}

/// A record whose signature holds. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Record(Arc<Inner>);

#[derive(PartialEq, Eq)]
struct Inner {
    bytes: Vec<u8>,
    hash: RecordHash,
    body: Body,
}

impl Record {
    /// Writes and signs a record. For rules `before` is the record of rules before, for the others the one from
    /// which the signer has its say; the genesis is named by the RoomId.
    ///
    /// # Errors
    /// [`RecordError::Content`] says what it cannot say.
    pub fn sign(
        identity: &Identity,
        room: &RoomId,
        stamp: Stamp,
        before: RecordHash,
        statement: Statement,
    ) -> Result<Record, RecordError> {
        let body = Body { signer: identity.peer(), stamp, before, statement };
        body.check()?;
        let mut bytes = alloc::vec![FORMAT];
        bytes.extend(wire::encode(&body));
        let signature = identity.sign(&message(room, &bytes));
        bytes.extend_from_slice(&signature);
        if bytes.len() > RECORD_MAX {
            return Err(RecordError::Length(bytes.len()));
        }
        let hash = *blake3::hash(&bytes).as_bytes();
        Ok(Record(Arc::new(Inner { bytes, hash, body })))
    }

    /// Reads a record and checks everything that follows from its bytes and the room alone.
    ///
    /// # Errors
    /// [`RecordError`] names the first thing that is wrong.
    pub fn decode(bytes: &[u8], room: &RoomId) -> Result<Record, RecordError> {
        if bytes.len() > RECORD_MAX {
            return Err(RecordError::Length(bytes.len()));
        }
        let (signed, signature) =
            bytes.split_last_chunk::<SIGNATURE_LEN>().ok_or(RecordError::Length(bytes.len()))?;
        let (&format, written) = signed.split_first().ok_or(RecordError::Length(bytes.len()))?;
        if format != FORMAT {
            return Err(RecordError::Format(format));
        }
        let body: Body = wire::decode(written)?;
        if wire::encode(&body) != written {
            return Err(RecordError::Content("a number is not in its shortest form"));
        }
        body.check()?;
        if !body.signer.verifies(&message(room, signed), signature) {
            return Err(RecordError::Signature(body.signer));
        }
        let hash = *blake3::hash(bytes).as_bytes();
        Ok(Record(Arc::new(Inner { bytes: bytes.to_vec(), hash, body })))
    }

    /// The record as it travels and is stored.
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// Its name.
    pub fn hash(&self) -> RecordHash {
        self.0.hash
    }

    /// Who signed it.
    pub fn signer(&self) -> PeerId {
        self.0.body.signer
    }

    /// When it was written.
    pub fn stamp(&self) -> Stamp {
        self.0.body.stamp
    }

    /// The record before, or the one from which the signer has its say.
    pub fn before(&self) -> RecordHash {
        self.0.body.before
    }

    /// What it says.
    pub fn statement(&self) -> &Statement {
        &self.0.body.statement
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("body", &self.0.body).field("bytes", &self.0.bytes.len()).finish()
    }
}

impl Body {
    fn check(&self) -> Result<(), RecordError> {
        let holds = |condition: bool, what: &'static str| {
            if condition { Ok(()) } else { Err(RecordError::Content(what)) }
        };
        holds(self.stamp != Stamp::NEVER, "it has no stamp")?;
        match &self.statement {
            Statement::Terms(rules) => {
                holds((1..=CHAIN_MAX as u32).contains(&rules.number), "its number is not 1 to 64")?;
                let lists = rises(&rules.rules.moderators)
                    && rules.rules.writers.as_ref().is_none_or(|writers| rises(writers))
                    && rises(&rules.lifted)
                    && rules.cut.as_ref().is_none_or(|cut| rises_by(cut, |(endpoint, _)| *endpoint));
                holds(lists, "a list does not rise")?;
                let legal = |limit: Limit| {
                    (1..=LIMIT_COST_MAX).contains(&limit.cost) && LIMIT_WINDOW_MS.contains(&limit.window_ms)
                };
                holds(rules.rules.limit.is_none_or(legal), "its limit is out of range")
            }
            Statement::Ban(ban) => holds(rises_by(&ban.heads, |head| head.0), "a list does not rise"),
            Statement::Erase(erase) => {
                let legal = |region: Region| region.width > 0 && region.height > 0;
                holds(erase.region.is_none_or(legal), "its region is empty")
            }
        }
    }
}

fn rises<T: Ord>(items: &[T]) -> bool {
    items.windows(2).all(|pair| pair[0] < pair[1])
}

fn rises_by<T, K: Ord>(items: &[T], key: impl Fn(&T) -> K) -> bool {
    items.windows(2).all(|pair| key(&pair[0]) < key(&pair[1]))
}

/// What is signed: so the room's id need not travel.
fn message(room: &RoomId, signed: &[u8]) -> Vec<u8> {
    [LABEL, &room.0, signed].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;
    use alloc::vec;
    use proptest::prelude::*;

    const ROOM: RoomId = RoomId([9; 32]);

    fn identity() -> Identity {
        Identity::from_secret([1; 32])
    }

    fn peer(number: u8) -> PeerId {
        PeerId([number; 32])
    }

    fn sign(statement: Statement) -> Result<Record, RecordError> {
        let stamp = Stamp::new(1_790_000_000_000, 3).unwrap();
        Record::sign(&identity(), &ROOM, stamp, ROOM.0, statement)
    }

    fn rules(number: u32, limit: Option<Limit>, moderators: Vec<PeerId>) -> Statement {
        let rules = Terms { limit, moderators: Bounded::new(moderators).unwrap(), ..Terms::default() };
        Statement::Terms(TermsRecord { number, rules, lifted: Bounded::default(), cut: None })
    }

    fn ban(heads: Vec<(Instance, u64)>) -> Statement {
        Statement::Ban(Ban { peer: peer(7), heads: Bounded::new(heads).unwrap() })
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// docs/protocol/records.md shows these. A failure prints what is written now.
    #[test]
    fn golden_records() {
        let limit = Some(Limit { cost: 60, window_ms: 60_000 });
        let head = Endpoint { peer: peer(3), instance: Instance(5) };
        let mut body = match rules(1, limit, vec![peer(7)]) {
            Statement::Terms(body) => body,
            other => panic!("{other:?}"),
        };
        body.rules.writers = Some(Bounded::new(vec![peer(3)]).unwrap());
        body.cut = Some(Bounded::new(vec![(head, 300)]).unwrap());
        let erase =
            Erase { author: Some(peer(7)), region: Some(Region { x: 1, y: 2, width: 300, height: 4 }) };
        let golden = [Statement::Terms(body), ban(vec![(Instance(5), 300)]), Statement::Erase(erase)]
            .map(|statement| hex(sign(statement).unwrap().bytes()));
        assert_eq!(
            golden,
            [
                "018a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c80d8c1a28c340309090909090909090909090909090909090909090909090909090909090909090001013ce0d4030101030303030303030303030303030303030303030303030303030303030303030301070707070707070707070707070707070707070707070707070707070707070700000101030303030303030303030303030303030303030303030303030303030303030305ac025f080f0b058b3a802b8701f77d84b92d8848fbc155b1c07b30f86c692c88026df1b0be19dd28cc5f82ff8c78e52de9c90a5ed9c10741117627a5615e036eac04",
                "018a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c80d8c1a28c340309090909090909090909090909090909090909090909090909090909090909090107070707070707070707070707070707070707070707070707070707070707070105ac02c157c043ea09395dd2571ab119f044e8e8f462d993f90509b690b05f2999a73df5ccc344943c33b91e178e10750ee5320f2fdcf4f83ed2991357adedd839040c",
                "018a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c80d8c1a28c3403090909090909090909090909090909090909090909090909090909090909090902010707070707070707070707070707070707070707070707070707070707070707010102ac02045b66160de242cf7927b0d3e571ed19695dd69619d0ddb6598b9827e60204a6910714416e0f67d4926d03afd87059a4636b46ef5a1337285e91d7a873185fb50e",
            ]
        );
    }

    proptest! {
        #[test]
        fn records_read_as_they_are_signed(number in 1..64u32, cost in 1..9u32, window_ms in 100..9999u32, kind in 0..3u8) {
            let statement = match kind {
                0 => rules(number, Some(Limit { cost, window_ms }), vec![peer(1), peer(2)]),
                1 => ban(vec![(Instance(number.into()), cost.into())]),
                _ => Statement::Erase(Erase { author: None, region: None }),
            };
            let record = sign(statement).unwrap();
            prop_assert_eq!(Record::decode(record.bytes(), &ROOM), Ok(record.clone()));
            let elsewhere = Record::decode(record.bytes(), &RoomId([8; 32]));
            prop_assert_eq!(elsewhere, Err(RecordError::Signature(identity().peer())));
        }

        #[test]
        fn rubbish_is_never_a_record(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(Record::decode(&bytes, &ROOM).is_err());
            prop_assert!(Record::decode(&[&[FORMAT], &bytes[..]].concat(), &ROOM).is_err());
        }
    }

    #[test]
    fn every_changed_bit_is_noticed() {
        let record = sign(rules(1, None, vec![peer(2)])).unwrap();
        for bit in 0..record.bytes().len() * 8 {
            let mut changed = record.bytes().to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(Record::decode(&changed, &ROOM).is_err(), "bit {bit}");
        }
        for length in 0..record.bytes().len() {
            assert!(Record::decode(&record.bytes()[..length], &ROOM).is_err(), "cut to {length}");
        }
    }

    #[test]
    fn what_a_record_cannot_say_is_refused() {
        let content = |statement| matches!(sign(statement), Err(RecordError::Content(_)));
        assert!(content(rules(0, None, vec![])) && content(rules(65, None, vec![])));
        assert!(content(rules(1, None, vec![peer(2), peer(1)])), "lists rise");
        assert!(content(rules(1, None, vec![peer(1), peer(1)])), "nobody stands twice");
        assert!(content(rules(1, Some(Limit { cost: 0, window_ms: 1000 }), vec![])));
        assert!(content(rules(1, Some(Limit { cost: 1, window_ms: 99 }), vec![])));
        assert!(content(ban(vec![(Instance(5), 1), (Instance(5), 2)])));
        let region = Some(Region { x: 0, y: 0, width: 0, height: 1 });
        assert!(content(Statement::Erase(Erase { author: None, region })));
        let long = vec![FORMAT; RECORD_MAX + 1];
        assert_eq!(Record::decode(&long, &ROOM), Err(RecordError::Length(RECORD_MAX + 1)));
    }

    #[test]
    fn the_longest_rules_fit_a_message() {
        let heads = |number: u64| {
            (Endpoint { peer: PeerId([0xff; 32]), instance: Instance(u64::MAX - 5000 + number) }, u64::MAX)
        };
        let peers = |count: u64| {
            let peer = |number: u64| {
                let mut key = [0xff; 32];
                key[24..].copy_from_slice(&number.to_be_bytes());
                PeerId(key)
            };
            (0..count).map(peer).collect::<Vec<_>>()
        };
        let record = TermsRecord {
            number: CHAIN_MAX as u32,
            rules: Terms {
                limit: Some(Limit { cost: LIMIT_COST_MAX, window_ms: *LIMIT_WINDOW_MS.end() }),
                writers: Some(Bounded::new(peers(WRITERS_MAX as u64)).unwrap()),
                moderators: Bounded::new(peers(MODERATORS_MAX as u64)).unwrap(),
                overlay: BoundedText::truncated("an overlay with a long name"),
            },
            lifted: Bounded::new(peers(LIFTED_MAX as u64).iter().map(|peer| peer.0).collect()).unwrap(),
            cut: Some(Bounded::new((0..HEADS_MAX as u64).map(heads).collect()).unwrap()),
        };
        let signed = sign(Statement::Terms(record)).unwrap();
        assert!(signed.bytes().len() <= RECORD_MAX, "{}", signed.bytes().len());
    }
}
