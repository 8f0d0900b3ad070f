//! The state of one room at one server.

use alloc::string::String;

use super::ice::IceOffer;
use crate::id::Code;
use crate::seam::io::ServerId;
use crate::signalling::address::LAN;
use crate::time::Time;

/// A server's knowledge of a room and of us in it.
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
    /// Whether it keeps our lookup of the room until the room appears.
    pub(super) waits: bool,
    /// Whether it refused to admit us.
    pub(super) refused: bool,
    /// The number of others in the room, by its report.
    pub(super) others: u64,
    /// The time to request other members than the named ones, unless one of them is reached before.
    pub(super) ask_again: Option<Time>,
    /// Number of attempts to reach the server before it was asked for this room.
    pub(super) attempts_before: u32,
    /// Its STUN and TURN servers.
    pub(super) ice: Option<IceOffer>,
}

impl Registration {
    /// The state at a server that was not asked yet.
    pub(super) fn new(server: ServerId, base: String, attempts_before: u32) -> Registration {
        Registration {
            server,
            base,
            code: None,
            joined: false,
            waits: false,
            refused: false,
            others: 0,
            ask_again: None,
            attempts_before,
            ice: None,
        }
    }

    /// Whether it is the local network in place of a server.
    pub(super) fn is_lan(&self) -> bool {
        self.base == LAN
    }
}
