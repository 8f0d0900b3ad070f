//! What bytes that are no replica are said under, and how much may be said at a time.

use serde::{Deserialize, Deserializer, Serialize};

use crate::id::Endpoint;
use crate::signed::app::{CONVERSATION_SLOT, GENESIS_SLOT, SLOTS_MAX};
use crate::signed::header::{Family, ReplicaNumber};
use crate::wire::BoundedText;

/// Longest topic, in bytes: a path of a few words.
pub const TOPIC_MAX: usize = 64;
/// Bytes of one datagram, its framing included: with that of the channel one packet of a browser.
pub const DATAGRAM_MAX: usize = 1120;
/// Bytes that the framing of a datagram takes at most: its kind, the room's number (5), the slot, the topic with its
/// length (65), the sequence (5) and the length of what is said (2).
const FRAMING_MAX: usize = 79;
/// Bytes that may be said in a datagram, whatever its topic.
pub const DATAGRAM_PAYLOAD_MAX: usize = DATAGRAM_MAX - FRAMING_MAX;
/// Bytes that may be said in a datagram to everybody: where others pass it on it is signed, which takes 166 bytes more.
pub const DATAGRAM_TO_ALL_MAX: usize = 875;
/// Bytes that an endpoint may say of itself in an app: it fits one datagram, and all neighbours hold it.
pub const PRESENCE_MAX: usize = 1024;
/// Longest thing said to everybody, in bytes: a long post. Everybody passes it on a few times.
pub const SAY_MAX: usize = 16 * 1024;
/// Longest direct message, in bytes: as long as the longest signed batch, so that neither holds up a link.
pub const DIRECT_MAX: usize = 64 * 1024;

/// What something is about within an app: a text that the app chooses, which may be empty.
pub type Topic = BoundedText<TOPIC_MAX>;

/// The slot of an app in a room: its place in the list of the room's apps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Slot(u8);

impl Slot {
    /// The app that the room opens with.
    pub const GENESIS: Slot = Slot(GENESIS_SLOT);
    /// The conversation, which every room has.
    pub const CONVERSATION: Slot = Slot(CONVERSATION_SLOT);

    /// The slot with this number; `None` when it is not below [`SLOTS_MAX`].
    pub fn new(number: u8) -> Option<Slot> {
        (number < SLOTS_MAX).then_some(Slot(number))
    }

    /// The slot of the app that a batch for this number is of.
    pub fn of(number: ReplicaNumber) -> Slot {
        Slot(number.slot())
    }

    /// What the app's batches of a family are for.
    pub fn replica(self, family: Family) -> ReplicaNumber {
        ReplicaNumber::new(self.0, family).expect("a slot is below the most")
    }

    /// Its number, below [`SLOTS_MAX`].
    pub fn number(self) -> u8 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Slot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Slot, D::Error> {
        let number = u8::deserialize(deserializer)?;
        Slot::new(number).ok_or_else(|| serde::de::Error::custom("a slot that does not exist"))
    }
}

/// Who is to hear a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// One endpoint that is linked and in the room.
    One(Endpoint),
    /// Everybody in the room, in at most [`DATAGRAM_TO_ALL_MAX`] bytes: those that are linked at once, and others ten times
    /// a second at most, as neighbours pass it on.
    All,
}

/// Names a direct message at its sender. Later messages have greater ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DirectToken(pub u64);

/// How a direct message ended. Each ends once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DirectEnd {
    /// The other end's application took it.
    Taken,
    /// It never left this end.
    NotSent,
    /// It was sent, and nobody knows whether it arrived.
    Unknown,
}
