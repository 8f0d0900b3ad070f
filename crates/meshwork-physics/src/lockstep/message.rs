//! The messages of a shared world: docs/protocol/physics.md. Every length is checked before anything is reserved.

use core::cmp::Ordering;

use meshwork_core::id::Endpoint;
use meshwork_core::time::WallTime;
use meshwork_core::wire::{Bounded, Bytes, decode, encode};
use serde::{Deserialize, Serialize};

use crate::VERSION;
use crate::error::FormatError;
use crate::snapshot::Digest;

/// Most members of a shared world: a full mesh has no more endpoints.
pub const MEMBERS_MAX: usize = 24;
/// Most bytes of an input.
pub const INPUT_MAX: usize = 512;
/// Most inputs of a tick.
pub const INPUTS_PER_TICK: usize = 64;
/// Most bytes of a message: as much as is said to everybody.
pub const MESSAGE_MAX: usize = 48 * 1024;
/// Most bytes of a part of a snapshot.
pub const PART_MAX: usize = 16 * 1024;
/// Most bytes of a world's snapshot.
pub const WORLD_MAX: usize = crate::SNAPSHOT_MAX;
/// Most bytes of a restore point: a world, and its members.
pub const POINT_MAX: usize = WORLD_MAX + 4096;
/// Most ticks of a message.
pub const TICKS_MAX: usize = 256;
/// The greatest term. At one a second it lasts for twelve days without a pause.
pub const TERM_MAX: u32 = 1 << 20;
/// The greatest number of a tick: some 5,000 years.
const TICK_MAX: u64 = 1 << 43;

/// The bytes of an input.
pub type InputBytes = Bytes<INPUT_MAX>;

/// One member's time as orderer. Of two, one is the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Grows each time that a member takes over.
    pub term: u32,
    /// The civil time at which the orderer came.
    pub since: WallTime,
    /// The member that orders.
    pub orderer: Endpoint,
}

impl PartialOrd for Line {
    fn partial_cmp(&self, other: &Line) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Line {
    /// The greater term, then the longer here, then the lesser endpoint.
    fn cmp(&self, other: &Line) -> Ordering {
        let term = self.term.cmp(&other.term);
        term.then(other.since.cmp(&self.since)).then(other.orderer.cmp(&self.orderer))
    }
}

/// An input with its place in the order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ordered {
    /// The author's place among the members.
    pub seat: u8,
    /// The author's number for it.
    pub number: u32,
    /// The input.
    pub bytes: InputBytes,
}

/// All that happens in a tick, in this order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tick {
    /// Members that go.
    pub leave: Bounded<Endpoint, MEMBERS_MAX>,
    /// Members that come, and the last number of an input that each has sent.
    pub enter: Bounded<(Endpoint, u32), MEMBERS_MAX>,
    /// Inputs. Then the world steps.
    pub inputs: Bounded<Ordered, INPUTS_PER_TICK>,
    /// The digest of the restore point behind the step, if everybody restores there.
    pub restore: Option<Digest>,
}

/// A member: its endpoint, and the number of its last input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// The number of its last input that was ordered.
    pub last: u32,
}

/// Everything that a newcomer needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Steps of the shared world.
    pub tick: u64,
    /// The members, the longest here first.
    pub seats: Bounded<Seat, MEMBERS_MAX>,
    /// The world's snapshot.
    pub world: Bytes<WORLD_MAX>,
}

/// A message between two members.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Message {
    /// An orderer is here.
    Beat(Line),
    /// The sender wants to come in, or lost its way. The last number of an input that it has sent.
    Hello(Line, u32),
    /// There is a restore point: its tick, digest and length.
    Offer(Line, u64, Digest, u32),
    /// The sender lacks the restore point of a tick, from a place on.
    Want(Line, u64, u32),
    /// Bytes of the restore point of a tick, from a place on.
    Part(Line, u64, u32, Bytes<PART_MAX>),
    /// Ticks from a number on.
    Ticks(Line, u64, Bounded<Tick, TICKS_MAX>),
    /// The state of a member: the tick that it needs next, the last digest, and inputs that it has not seen ordered.
    Report(Line, u64, Option<(u64, Digest)>, Bounded<(u32, InputBytes), INPUTS_PER_TICK>),
    /// The digest that the member reported for a tick is another one: it must restore.
    Differs(Line, u64),
}

impl Message {
    /// The line that the message belongs to.
    pub fn line(&self) -> Line {
        match self {
            Message::Beat(line)
            | Message::Hello(line, _)
            | Message::Offer(line, ..)
            | Message::Want(line, ..)
            | Message::Part(line, ..)
            | Message::Ticks(line, ..)
            | Message::Report(line, ..)
            | Message::Differs(line, _) => *line,
        }
    }

    /// Whether only an orderer sends such a message.
    pub(crate) fn is_of_orderer(&self) -> bool {
        !matches!(self, Message::Hello(..) | Message::Want(..) | Message::Report(..))
    }

    /// The bytes: a version, then postcard.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(encode(self));
        bytes
    }

    /// Reads bytes of [`Message::encode`].
    ///
    /// # Errors
    /// [`FormatError`] for anything else: nothing was kept.
    pub fn decode(bytes: &[u8]) -> Result<Message, FormatError> {
        if bytes.len() > MESSAGE_MAX {
            return Err(FormatError::TooLong { length: bytes.len(), most: MESSAGE_MAX });
        }
        let body = match bytes.split_first() {
            Some((&VERSION, body)) => body,
            other => return Err(FormatError::Version(other.map_or(0, |(version, _)| *version))),
        };
        let message: Message = decode(body)?;
        if encode(&message) != body {
            return Err(FormatError::NotShortest(bytes.len()));
        }
        message.check()?;
        Ok(message)
    }

    fn check(&self) -> Result<(), FormatError> {
        let number = match self {
            Message::Offer(_, tick, ..) | Message::Want(_, tick, _) | Message::Part(_, tick, ..) => *tick,
            Message::Ticks(_, tick, _) | Message::Report(_, tick, ..) | Message::Differs(_, tick) => *tick,
            Message::Beat(_) | Message::Hello(..) => 0,
        };
        let length = match self {
            Message::Offer(.., length) | Message::Want(.., length) | Message::Part(_, _, length, _) => {
                *length
            }
            _ => 0,
        };
        within("the term", self.line().term.into(), TERM_MAX.into())?;
        within("the tick", number, TICK_MAX)?;
        within("a length", length.into(), POINT_MAX as u64)
    }
}

impl Point {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(encode(self));
        bytes
    }

    /// Reads a restore point whose digest was checked.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Point, FormatError> {
        match bytes.split_first() {
            Some((&VERSION, body)) => {
                let point: Point = decode(body)?;
                within("the tick", point.tick, TICK_MAX)?;
                Ok(point)
            }
            other => Err(FormatError::Version(other.map_or(0, |(version, _)| *version))),
        }
    }
}

fn within(name: &'static str, value: u64, most: u64) -> Result<(), FormatError> {
    if value > most {
        return Err(FormatError::Number { name, value, most });
    }
    Ok(())
}
