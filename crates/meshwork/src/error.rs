//! Why something was not done: one enum an operation, each variant with what is left.

use std::time::Duration;

use meshwork_core::id::PeerId;
use meshwork_core::node::{CommandError, WriteError as NodeWriteError};
use meshwork_core::signed::verify::APP_LABEL_MAX;

use crate::room::KEPT_MAX;

/// The room was left, or its endpoint has closed. Nothing more can be done there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the room was left, or its endpoint has closed")]
pub struct Closed;

/// Why something was not written. Nothing of it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The room's rules do not allow it: who may.
    #[error("only {rule} can do this")]
    NotAllowed {
        /// Who may.
        rule: String,
    },
    /// The room's limit is used up, or this is more than it leaves: write as much as is left, or again after the wait.
    #[error("the room allows {cost} every {window:?}: {left} left, and more in {wait:?}")]
    TooFast {
        /// What it allows now: of the canvas, so many cells.
        left: u32,
        /// What it allows in each window.
        cost: u32,
        /// How long a window is.
        window: Duration,
        /// How long until the next one begins.
        wait: Duration,
    },
    /// A key, a value or all of it is longer than it may be.
    #[error("{size} bytes are above the limit of {max}")]
    TooLarge {
        /// So many it has.
        size: usize,
        /// So many are allowed.
        max: usize,
    },
    /// An entry of one's own would have to go for it: remove one first, or let the owner raise what each peer may have.
    #[error("this peer has {entries} entries of {bytes} bytes here, as many as it may have")]
    Full {
        /// Entries that it has.
        entries: usize,
        /// Bytes that they take.
        bytes: u64,
    },
    /// It has more bytes than this peer's share of the app's documents leaves: write less.
    #[error("{size} bytes exceed the limit: {used} of {max} bytes are used by this peer's documents")]
    ShareExceeded {
        /// Bytes of what was to be written.
        size: usize,
        /// Bytes that the peer has in the app's documents.
        used: usize,
        /// Bytes that it may have there.
        max: usize,
    },
    /// The app is not on in this room, or is none that this program can write for.
    #[error("the app is not on in this room")]
    AppIsOff,
    /// The room has a list of writers, and this peer is not on it: the owner names them.
    #[error("only those whom the owner named may write in this room")]
    NotWriter,
    /// This peer is banned in the room.
    #[error("this peer is banned in this room")]
    Banned,
    /// No direct post can be sealed for this peer: its id is no key with which others share a secret.
    #[error("no post can be sealed for {0}")]
    NoKey(PeerId),
    /// It is nothing that can be written, in words.
    #[error("{0}")]
    Invalid(String),
    /// The room is not open yet: wait for [`Event::Opened`](crate::Event::Opened).
    #[error("the room is not open yet")]
    NotOpen,
    /// The room was left, or its endpoint has closed.
    #[error(transparent)]
    Closed(#[from] Closed),
}

impl WriteError {
    /// Whether the same is refused however often it is tried: it is too long, exceeds this peer's share, or cannot be read. A
    /// program takes it out of its queue then, since nothing behind it would travel. All else may be tried again.
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            WriteError::TooLarge { .. }
                | WriteError::Full { .. }
                | WriteError::ShareExceeded { .. }
                | WriteError::NoKey(_)
                | WriteError::Invalid(_)
        )
    }
}

impl From<CommandError> for WriteError {
    fn from(error: CommandError) -> WriteError {
        match error {
            CommandError::NoSuchRoom(_) => WriteError::Closed(Closed),
            CommandError::NotOpen => WriteError::NotOpen,
            CommandError::Write(error) => error.into(),
            error => WriteError::Invalid(error.to_string()),
        }
    }
}

impl From<NodeWriteError> for WriteError {
    fn from(error: NodeWriteError) -> WriteError {
        match error {
            NodeWriteError::AppIsOff(_) => WriteError::AppIsOff,
            NodeWriteError::Banned => WriteError::Banned,
            NodeWriteError::NotWriter => WriteError::NotWriter,
            NodeWriteError::Content(words) => WriteError::Invalid(words),
            NodeWriteError::NotAllowed(rule) => WriteError::NotAllowed { rule: rule.into() },
            NodeWriteError::TooLong { bytes, most } => WriteError::TooLarge { size: bytes, max: most },
            NodeWriteError::TooFast { left, cost, window_ms, wait_ms } => WriteError::TooFast {
                left,
                cost,
                window: Duration::from_millis(window_ms.into()),
                wait: Duration::from_millis(wait_ms),
            },
            error => WriteError::Invalid(error.to_string()),
        }
    }
}

/// Why something was not said to everybody. Nobody hears it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SayError {
    /// It cannot be written as JSON, in words.
    #[error("this value cannot be said: {0}")]
    Value(String),
    /// The room's rules do not let this peer speak, it is too long, or the room is gone.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Why a message to one member is not known to have been heard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DirectError {
    /// It cannot be written as JSON, in words. Nothing was sent.
    #[error("this value cannot be said: {0}")]
    Value(String),
    /// It is longer than [`DIRECT_MAX`](crate::DIRECT_MAX). Nothing was sent.
    #[error("{0} bytes are more than a direct message has")]
    TooLarge(usize),
    /// It never left this program, in words: it may be sent again.
    #[error("the message was not sent: {0}")]
    NotSent(String),
    /// It was sent, and nobody knows whether it arrived, in words.
    #[error("nobody knows whether the message arrived: {0}")]
    Unknown(String),
    /// The room was left, or its endpoint has closed.
    #[error(transparent)]
    Closed(#[from] Closed),
}

/// Why a datagram was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DatagramError {
    /// It cannot be written as JSON, in words.
    #[error("this value cannot be said: {0}")]
    Value(String),
    /// It is longer than [`DATAGRAM_TO_ALL_MAX`](crate::DATAGRAM_TO_ALL_MAX), or to one member than
    /// [`DATAGRAM_MAX`](crate::DATAGRAM_MAX).
    #[error("{0} bytes are more than a datagram has")]
    TooLarge(usize),
    /// The member is not linked.
    #[error("there is no link to this member")]
    NotLinked,
    /// The room is not open yet.
    #[error("the room is not open yet")]
    NotOpen,
    /// The room was left, or its endpoint has closed.
    #[error(transparent)]
    Closed(#[from] Closed),
}

/// Why nothing else is said of this program now. What was said before stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PresenceError {
    /// It cannot be written as JSON, in words.
    #[error("this value cannot be said: {0}")]
    Value(String),
    /// It is longer than [`PRESENCE_MAX`](crate::PRESENCE_MAX).
    #[error("{0} bytes are more than one says of oneself")]
    TooLarge(usize),
    /// The room is not open yet.
    #[error("the room is not open yet")]
    NotOpen,
    /// The room was left, or its endpoint has closed.
    #[error(transparent)]
    Closed(#[from] Closed),
}

/// Why it is not known that somebody has what this program wrote. It goes on being offered to whoever comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeptError {
    /// No member that stays took it in within [`KEPT_MAX`].
    #[error("no member that stays took in what was written within {KEPT_MAX:?}")]
    NobodyStays,
    /// The room was left, or its endpoint has closed.
    #[error(transparent)]
    Closed(#[from] Closed),
}

/// Why this peer shares no secret with another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AgreeError {
    /// The id is no key, or one with which everybody would share the same secret.
    #[error("{0} is no key that shares a secret")]
    Key(PeerId),
    /// The endpoint has closed.
    #[error(transparent)]
    Closed(#[from] Closed),
}

/// Why bytes were not signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The label has no byte, or more than [`SIGN_LABEL_MAX`](crate::SIGN_LABEL_MAX).
    #[error("a label of {0} bytes: a label has 1 to {APP_LABEL_MAX}")]
    Label(usize),
    /// The endpoint has closed.
    #[error(transparent)]
    Closed(#[from] Closed),
}

/// Why the link to a member is not pinned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PinError {
    /// Nobody in a room in which everybody is linked knows this endpoint, or it is this program.
    #[error("this endpoint is no other member")]
    NotMember,
    /// As many links are pinned, or in use for direct messages, as can be.
    #[error("an endpoint keeps at most {0} links beyond those of the overlay")]
    TooMany(usize),
    /// This peer is banned in the room.
    #[error("this peer is banned in this room")]
    Banned,
    /// The room is not open yet.
    #[error("the room is not open yet")]
    NotOpen,
    /// The room was left, or its endpoint has closed.
    #[error(transparent)]
    Closed(#[from] Closed),
}

impl From<CommandError> for PinError {
    fn from(error: CommandError) -> PinError {
        match error {
            CommandError::NotOpen => PinError::NotOpen,
            CommandError::TooManyVisits(most) => PinError::TooMany(most),
            CommandError::Write(NodeWriteError::Banned) => PinError::Banned,
            CommandError::NotLinked(_) => PinError::NotMember,
            _ => PinError::Closed(Closed),
        }
    }
}

/// Why a room's rules are as they were.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// That is somebody else's to do: whose.
    #[error("only {rule} can do this")]
    NotAllowed {
        /// Who may.
        rule: String,
    },
    /// The peer is not banned.
    #[error("this peer is not banned")]
    NotBanned,
    /// The app is not on in this room.
    #[error("the app is not on in this room")]
    AppIsOff,
    /// It cannot be, in words.
    #[error("{0}")]
    Invalid(String),
    /// The room is not open yet.
    #[error("the room is not open yet")]
    NotOpen,
    /// The room was left, or its endpoint has closed.
    #[error(transparent)]
    Closed(#[from] Closed),
}

impl From<CommandError> for RuleError {
    fn from(error: CommandError) -> RuleError {
        match error {
            CommandError::NoSuchRoom(_) => RuleError::Closed(Closed),
            CommandError::NotOpen => RuleError::NotOpen,
            CommandError::Write(NodeWriteError::NotBanned) => RuleError::NotBanned,
            CommandError::Write(NodeWriteError::AppIsOff(_)) => RuleError::AppIsOff,
            CommandError::Write(NodeWriteError::NotAllowed(rule)) => {
                RuleError::NotAllowed { rule: rule.into() }
            }
            error => RuleError::Invalid(error.to_string()),
        }
    }
}
