//! Direct messages of a party.

use meshwork_core::id::Endpoint;
use meshwork_core::wire::Bytes;
use serde::{Deserialize, Serialize};

use super::{KEYS_MAX, NAME_MAX, RANDOM_MAX, Run, SEATS_MAX, STATE_MAX};
use crate::session::{Colour, Lobby, Tick};

/// A request for a seat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The version of the sender's packets.
    pub version: u16,
    /// The first bytes of its package.
    pub package: [u8; 8],
    /// The line in which it is, 0 for none.
    pub line: u32,
    /// The term that it follows.
    pub term: u32,
    /// Of a host: seats that follow it.
    pub seats: u8,
    /// It never had a seat in this party: it takes the seat from an older endpoint of its person.
    pub fresh: bool,
    /// Its name.
    #[serde(deserialize_with = "super::short::<_, NAME_MAX>")]
    pub name: String,
    /// The wanted colour.
    pub colour: Option<Colour>,
    /// It can host.
    pub can_host: bool,
    /// Nobody sees its page.
    pub hidden: bool,
    /// A program plays.
    pub bot: bool,
}

/// A whole state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whole {
    /// Its match.
    pub round: u32,
    /// The term in which it was made.
    pub term: u32,
    /// Its tick.
    pub tick: Tick,
    /// The number of the last consumed input of each seat, in the order of the lobby's seats.
    #[serde(deserialize_with = "super::few::<_, _, SEATS_MAX>")]
    pub consumed: Vec<u32>,
    /// The last input of each seat.
    #[serde(deserialize_with = "super::few::<_, _, SEATS_MAX>")]
    pub inputs: Vec<Run>,
    /// The table of keys.
    pub keys: Bytes<KEYS_MAX>,
    /// The encoded state of the game's randomness.
    pub random: Bytes<RANDOM_MAX>,
    /// The encoded state.
    pub state: Bytes<STATE_MAX>,
}

/// Why there is no seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NoSeat {
    /// All seats are taken.
    Full,
    /// The host removed this person.
    Kicked,
    /// The match began, and the game admits nobody late.
    Started,
    /// The versions differ.
    Version(u16),
    /// A newer endpoint of this person has the seat.
    Elsewhere,
}

/// An endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct To(pub Endpoint);

/// A direct message of topic `p`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direct {
    /// A request for a seat.
    Hello(Hello),
    /// The receiver has a seat in this lobby. During a match the state follows.
    Welcome {
        /// The lobby.
        lobby: Lobby,
        /// The newest state.
        whole: Option<Whole>,
    },
    /// The receiver has no seat.
    Refused {
        /// The line of the host.
        line: u32,
        /// The reason.
        why: NoSeat,
    },
    /// The sender is ready, or not any more.
    Ready {
        /// The line.
        line: u32,
        /// Whether it is ready.
        ready: bool,
    },
    /// The sender has another name or colour, or its page is hidden or seen.
    Dress {
        /// The line.
        line: u32,
        /// The name.
        #[serde(deserialize_with = "super::short::<_, NAME_MAX>")]
        name: String,
        /// The wanted colour.
        colour: Option<Colour>,
    },
    /// The sender gives up its seat, or as host its term.
    Leave {
        /// The line.
        line: u32,
        /// The term that it followed.
        term: u32,
        /// Whether it keeps its seat: a host that hands over.
        stays: bool,
        /// The endpoint that a host asked to be the next one.
        next: Option<To>,
    },
    /// The receiver is asked to be the next host.
    HandOver {
        /// The sender gives its seat up.
        leaves: bool,
        /// The lobby.
        lobby: Lobby,
        /// The newest state.
        whole: Option<Whole>,
    },
}
