//! Packets of a party: docs/protocol/play.md. Every length is checked before anything is reserved.

mod direct;
mod input;
mod present;
mod said;
mod state;

use meshwork_core::wire::{Bounded, BoundedText};
use serde::{Deserialize, Deserializer};

pub use self::direct::{Direct, Hello, NoSeat, To, Whole};
pub use self::input::{InputPacket, RUNS_MAX, Run};
pub use self::present::{Present, Role};
pub use self::said::{Ask, At, Said};
pub use self::state::{Body, PART_MAX, PARTS_MAX, Sound, StateHead, StatePart, split};
pub(crate) use self::state::{Parts, TOPICS};

/// The version of the session's packets.
pub const VERSION: u16 = 1;
/// Seats of a party with a player as host: a full mesh of them stays below the limit of links.
pub const SEATS_MAX: usize = 6;
/// Bytes of a player's name.
pub const NAME_MAX: usize = 48;
/// People that a host remembers as removed.
pub const KICKED_MAX: usize = 32;
/// Bytes of the table of keys: all names, with their count and lengths.
pub const KEYS_MAX: usize = crate::value::KEYS_BYTES_MAX + 2 * crate::value::KEYS_MAX + 2;
/// Sounds that a packet carries.
pub const SOUNDS_MAX: usize = 16;
/// Bytes of a sound's name.
pub const SOUND_MAX: usize = 64;
/// Bytes of an encoded state.
pub const STATE_MAX: usize = 48 * 1024;
/// Bytes of the encoded state of a game's randomness.
pub const RANDOM_MAX: usize = 256;
/// Bytes of a game's words at its end.
pub const RESULT_MAX: usize = 512;

/// A sequence of at most `MAX` items, as a plain vector.
pub(crate) fn few<'de, D: Deserializer<'de>, T: Deserialize<'de>, const MAX: usize>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    Bounded::<T, MAX>::deserialize(deserializer).map(Bounded::into_inner)
}

/// A text of at most `MAX` bytes, as a plain string.
pub(crate) fn short<'de, D: Deserializer<'de>, const MAX: usize>(
    deserializer: D,
) -> Result<String, D::Error> {
    BoundedText::<MAX>::deserialize(deserializer).map(|text| String::from(text.as_str()))
}
