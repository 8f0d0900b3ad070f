//! What one server says of one room.

use alloc::string::String;

use super::ice::IceOffer;
use crate::id::Code;
use crate::seam::io::ServerId;
use crate::time::Time;

/// What one server knows of a room and of us in it.
#[derive(Debug)]
pub(super) struct Registration {
    /// The server.
    pub(super) server: ServerId,
    /// `http(s)://HOST` of that server.
    pub(super) base: String,
    /// The room's code there, once it was found or registered.
    pub(super) code: Option<Code>,
    /// Whether the server counts us among the room's members.
    pub(super) joined: bool,
    /// Whether it keeps our lookup of the room until it knows of it.
    pub(super) waits: bool,
    /// Whether it said that it does not let us in.
    pub(super) refused: bool,
    /// How many others it says are in the room.
    pub(super) others: u64,
    /// When it is asked for others than those that it named, unless one of them is reached before.
    pub(super) ask_again: Option<Time>,
    /// What it said of STUN and TURN servers.
    pub(super) ice: Option<IceOffer>,
}

impl Registration {
    /// Of a server that was not asked yet.
    pub(super) fn new(server: ServerId, base: String) -> Registration {
        Registration {
            server,
            base,
            code: None,
            joined: false,
            waits: false,
            refused: false,
            others: 0,
            ask_again: None,
            ice: None,
        }
    }
}
