//! Peers of the course protocol LSNP, as guests beside a room: a state machine without sockets. docs/protocol/lsnp.md.
//!
//! # Problem
//! Programs of LSNP speak two framings and several dialects over UDP port 50999, without any proof of who sends. Two of them
//! answer each other's discovery for ever.
//!
//! # How it works
//! [`frame`] reads and writes lines, [`token`] the permissions that senders write for themselves, [`guest`] has the table
//! of peers. `limits` bounds sending for each address: every answer passes it. [`Lsnp`] sends in the framing in which a guest was
//! heard. Guests never enter the room's members, and nothing of a room is passed to them.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

pub mod frame;
pub mod guest;
mod limits;
mod machine;
mod receive;
pub mod token;

pub use guest::{Avatar, Dialect, Guest, GuestProfile, NoUserId, UserId};
pub use limits::{UNANSWERED_MAX, UNANSWERED_SPAN};
pub use machine::{Config, Lsnp};

/// The UDP port of LSNP.
pub const PORT: u16 = 50_999;
/// Longest text of a post or a direct message, in bytes: the rest of the message fits beside it.
pub const TEXT_MAX: usize = 3_500;
/// Longest base64 of a picture that is handed out, in bytes.
pub const AVATAR_MAX: usize = 20_480;

/// A socket of the driver.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Socket {
    /// The main socket, which is this program's alone.
    Main,
    /// The socket at [`PORT`], which all programs share.
    Lsnp,
}

/// Output of the machine, for the driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// A datagram for one address.
    Send {
        /// The socket to send from. The main one serves if the other could not be opened.
        from: Socket,
        /// The address; it may be a broadcast address.
        to: SocketAddr,
        /// The datagram.
        bytes: Vec<u8>,
    },
    /// A change that people see.
    Event(Event),
}

/// A change that people see.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A guest is heard for the first time, or again after it was gone.
    Came {
        /// The guest.
        id: UserId,
        /// Its address.
        address: SocketAddr,
    },
    /// A guest said goodbye, was silent for too long, or made room for another.
    Gone(UserId),
    /// A guest posted.
    Posted {
        /// The guest.
        from: UserId,
        /// The text, one line.
        text: String,
    },
    /// A guest wrote to us alone.
    Direct {
        /// The guest.
        from: UserId,
        /// The text, one line.
        text: String,
    },
    /// The profile of a guest, each time that it is heard.
    Profile {
        /// The guest.
        of: UserId,
        /// The profile. Check its picture before anything decodes it.
        profile: GuestProfile,
        /// The bytes of a picture that exceeds [`AVATAR_MAX`] and was dropped.
        dropped: Option<usize>,
    },
    /// A guest follows us, or no longer.
    Follows {
        /// The guest.
        by: UserId,
        /// Whether it follows us.
        follows: bool,
    },
    /// We follow a guest, or no longer.
    Followed {
        /// The guest.
        who: UserId,
        /// Whether we follow it.
        follows: bool,
    },
    /// A guest acknowledged a direct message.
    Delivered {
        /// The guest.
        to: UserId,
        /// The id that [`Lsnp::direct`] returned.
        id: String,
    },
    /// A guest that acknowledges did not acknowledge a direct message.
    Undelivered {
        /// The guest.
        to: UserId,
        /// The id that [`Lsnp::direct`] returned.
        id: String,
    },
    /// Our picture was left out: with it the profile exceeds [`frame::WRITE_MAX`].
    AvatarLeftOut {
        /// Bytes of the profile with the picture.
        bytes: usize,
    },
    /// Outputs that were dropped, since the queue was full.
    Excess(u64),
    /// A line for those who watch the protocol.
    Verbose(Verbose),
}

/// The way of a datagram.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Direction {
    /// It was sent.
    Sent,
    /// It was received.
    Received,
    /// It was received and dropped, or not sent.
    Dropped,
}

/// One datagram, as VERBOSE shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verbose {
    /// Its way.
    pub direction: Direction,
    /// The other end.
    pub address: SocketAddr,
    /// The type of the message, `-` if there is none.
    pub kind: String,
    /// Bytes of the datagram.
    pub size: usize,
    /// The result, or the reason why it was dropped.
    pub result: String,
}

impl fmt::Display for Verbose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verbose { direction, address, kind, size, result } = self;
        let prefix = match direction {
            Direction::Sent => "SEND >",
            Direction::Received => "RECV <",
            Direction::Dropped => "DROP !",
        };
        write!(f, "{prefix} {address} {kind} {size} bytes: {result}")
    }
}

/// Why a text was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// No guest has this id.
    #[error("no guest {0}: LIST shows the guests")]
    NoGuest(UserId),
    /// The text is too long for one datagram.
    #[error("text of {0} bytes exceeds the limit of {TEXT_MAX}: send it in parts")]
    Long(usize),
}

/// No guest has this id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no guest {0}: LIST shows the guests")]
pub struct NoGuest(pub UserId);

impl From<NoGuest> for SendError {
    fn from(NoGuest(id): NoGuest) -> SendError {
        SendError::NoGuest(id)
    }
}

/// Why a received datagram was dropped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Refused {
    #[error("{0}")]
    Frame(#[from] frame::FrameError),
    #[error("{0}")]
    Token(#[from] token::TokenError),
    #[error("{0}")]
    UserId(#[from] NoUserId),
    #[error("not supported")]
    Unsupported,
    #[error("unknown type")]
    Unknown,
    #[error("not asked")]
    NotAsked,
    #[error("no {0}")]
    Missing(&'static str),
    #[error("{id} does not send from {ip}")]
    Source { id: UserId, ip: IpAddr },
    #[error("{0} is no address of one machine")]
    Address(IpAddr),
    #[error("{0} is our own user id: choose another name")]
    Own(UserId),
    #[error("for {0}, not for us")]
    Addressee(UserId),
    #[error("{0:?} is no port")]
    Port(String),
    #[error("id of {0} bytes exceeds the limit of {max}", max = guest::ID_MAX)]
    Id(usize),
}

#[cfg(test)]
mod tests;
