//! States of the host: one body for each player and tick, split into at most four datagrams.

use meshwork_core::seam::lane::DATAGRAM_PAYLOAD_MAX;
use meshwork_core::wire::{self, BoundedText, Bytes, DecodeError};
use serde::{Deserialize, Serialize};

use super::{KEYS_MAX, RANDOM_MAX, Run, SEATS_MAX, SOUNDS_MAX};
use crate::session::{Lobby, Tick};

/// Parts of a state at most: what needs more is sent whole, as a direct message.
pub const PARTS_MAX: usize = 4;
/// Bytes of a body in one part: the head in front of it takes at most [`HEAD_MAX`].
pub const PART_MAX: usize = DATAGRAM_PAYLOAD_MAX - HEAD_MAX - TOPIC_MAX;
/// Bytes of the longest head.
const HEAD_MAX: usize = 5 + 5 + 5 + 10 + 5 + 5 + 1 + 1;
/// Bytes of a topic's name.
const TOPIC_MAX: usize = 2;

/// The name of a sound.
pub type Sound = BoundedText<{ super::SOUND_MAX }>;

/// What stands in front of each part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateHead {
    /// The line.
    pub line: u32,
    /// The term.
    pub term: u32,
    /// The match.
    pub round: u32,
    /// The tick.
    pub tick: Tick,
    /// Ticks back to the state on which this one is built. 0 announces no state: the host is alive.
    pub back: u32,
    /// The number of this state among those sent to this player. Without a state, the version of the lobby.
    pub sent: u32,
    /// Inputs of this player that wait at the host.
    pub waiting: u8,
    /// The number of this part, times 16, plus the number of parts.
    pub part: u8,
}

/// A part of a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatePart {
    /// Its head.
    pub head: StateHead,
    /// Its share of the body.
    pub bytes: Vec<u8>,
}

impl StatePart {
    /// Reads a datagram.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn decode(bytes: &[u8]) -> Result<StatePart, DecodeError> {
        let (head, rest): (StateHead, _) = wire::decode_first(bytes)?;
        let (part, parts) = (usize::from(head.part >> 4), usize::from(head.part & 15));
        let is_beat = head.part == 0 && head.back == 0 && rest.is_empty();
        let is_part = part < parts && parts <= PARTS_MAX && head.back > 0 && rest.len() <= PART_MAX;
        if !is_beat && !is_part {
            return Err(DecodeError::Trailing(rest.len()));
        }
        Ok(StatePart { head, bytes: rest.to_vec() })
    }

    /// The datagram.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = wire::encode(&self.head);
        bytes.extend_from_slice(&self.bytes);
        bytes
    }
}

/// Splits a body into parts. `None` if they are more than [`PARTS_MAX`].
pub fn split(head: StateHead, body: &[u8]) -> Option<Vec<StatePart>> {
    let parts = body.len().div_ceil(PART_MAX).max(1);
    if parts > PARTS_MAX {
        return None;
    }
    let part = |(number, bytes): (usize, &[u8])| StatePart {
        head: StateHead { part: (number << 4 | parts) as u8, ..head },
        bytes: bytes.to_vec(),
    };
    Some(body.chunks(PART_MAX).enumerate().map(part).collect())
}

/// A state as a difference to an older one. The difference of the game's state follows the encoded form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// The number of the last consumed input of each seat, in the order of the lobby's seats.
    #[serde(deserialize_with = "super::few::<_, _, SEATS_MAX>")]
    pub consumed: Vec<u32>,
    /// The version of the lobby.
    pub version: u32,
    /// The lobby, if the base has another version.
    pub lobby: Option<Lobby>,
    /// Keys that the base has.
    pub keys_from: u32,
    /// Keys that came since.
    pub keys: Bytes<KEYS_MAX>,
    /// The last input of each seat, with which the next host goes on.
    #[serde(deserialize_with = "super::few::<_, _, SEATS_MAX>")]
    pub inputs: Vec<Run>,
    /// Sounds since the base: ticks back, and the name.
    #[serde(deserialize_with = "super::few::<_, _, SOUNDS_MAX>")]
    pub sounds: Vec<(u8, Sound)>,
    /// The difference of the game's randomness.
    pub random: Bytes<RANDOM_MAX>,
}

/// Names of topics by part.
pub(crate) const TOPICS: [&str; PARTS_MAX] = ["s0", "s1", "s2", "s3"];

/// The parts of one state, until all are there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parts {
    head: Option<StateHead>,
    bytes: [Option<Vec<u8>>; PARTS_MAX],
}

impl Parts {
    /// Adds a part. Returns head and body if it was the last one. Parts of an older state are dropped.
    pub(crate) fn add(&mut self, part: StatePart) -> Option<(StateHead, Vec<u8>)> {
        let parts = usize::from(part.head.part & 15);
        let key = |head: StateHead| (head.line, head.term, head.round, head.tick, head.sent);
        if self.head.is_none_or(|head| key(head) < key(part.head)) {
            *self = Parts { head: Some(part.head), bytes: Default::default() };
        }
        let head = self.head?;
        if key(head) != key(part.head) || parts != usize::from(head.part & 15) || parts == 0 {
            return None;
        }
        *self.bytes.get_mut(usize::from(part.head.part >> 4))? = Some(part.bytes);
        if !self.bytes[..parts].iter().all(Option::is_some) {
            return None;
        }
        let body = core::mem::take(&mut self.bytes).into_iter().flatten().flatten().collect();
        Some((head, body))
    }
}
