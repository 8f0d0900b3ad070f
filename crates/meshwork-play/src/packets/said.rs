//! Broadcasts of a party: the lobby, and the search for a host.

use meshwork_core::id::{Endpoint, PeerId};
use serde::{Deserialize, Serialize};

use super::SEATS_MAX;
use crate::session::{Lobby, Tick};

/// How new a member's state is. The greater one is newer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct At {
    /// The match.
    pub round: u32,
    /// The term in which the state was made.
    pub term: u32,
    /// The tick, from 1; 0 is no state.
    pub tick: Tick,
    /// The version of the lobby.
    pub version: u32,
}

/// A member has not heard its host for a second.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// The line.
    pub line: u32,
    /// The greatest term of the line that is known.
    pub term: u32,
    /// The silent host.
    pub host: Endpoint,
    /// How new the member's state is.
    pub at: At,
    /// Whether the member can host.
    pub can_host: bool,
    /// Whether nobody sees its page.
    pub hidden: bool,
    /// People with a seat, by slot.
    #[serde(deserialize_with = "super::few::<_, _, SEATS_MAX>")]
    pub seats: Vec<PeerId>,
}

/// A message of topic `p` to everybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Said {
    /// The lobby, by its host alone.
    Lobby(Lobby),
    /// A search for the host.
    Ask(Ask),
    /// An answer: the host is heard.
    Hears {
        /// The line.
        line: u32,
        /// The host's term.
        term: u32,
        /// The host.
        host: Endpoint,
    },
}
