//! What a session takes and what it gives, as plain data.

use core::time::Duration;

use meshwork_core::id::Endpoint;

use super::engine::{Fault, Tick, ToGame};

/// What this program can be in a party.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Can {
    /// Play, and run the game's rules for all.
    Host,
    /// Play.
    Play,
    /// Watch.
    Watch,
}

/// Settings of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Whether a program plays here.
    pub bot: bool,
    /// The wanted colour. `None` leaves it to the host.
    pub colour: Option<Colour>,
    /// Whether nobody sees this page now.
    pub hidden: bool,
}

/// Red, green and blue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Colour(pub [u8; 3]);

impl Colour {
    /// `#rrggbb`.
    pub fn to_text(self) -> String {
        let [red, green, blue] = self.0;
        format!("#{red:02x}{green:02x}{blue:02x}")
    }
}

/// The colours that a host gives, by slot.
pub const COLOURS: [Colour; 6] = [
    Colour([0xe5, 0x48, 0x4d]),
    Colour([0x3e, 0x82, 0xf7]),
    Colour([0x2f, 0xa4, 0x6a]),
    Colour([0xf0, 0xa0, 0x20]),
    Colour([0x9a, 0x5c, 0xe0]),
    Colour([0x1f, 0xa8, 0xb8]),
];

/// The state of a link to an endpoint of the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linked {
    /// There is a link, with this round-trip time if it is measured.
    Near(Option<Duration>),
    /// There is no link. The endpoint is known by others.
    Far,
    /// The endpoint is gone.
    Gone {
        /// It said goodbye.
        goodbye: bool,
    },
}

/// An action of the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Take a seat.
    Sit,
    /// Give the seat up and watch.
    Watch,
    /// Be ready, or not ready any more.
    Ready(bool),
    /// Begin the match. Host only.
    Start,
    /// Remove the player of this slot. Host only.
    Kick(u8),
    /// Go back to the lobby after a match. Host only.
    Again,
    /// Leave the party.
    Leave,
    /// Give the host's task to the next in rank. Host only.
    HandOver,
    /// Nobody sees this page any more, or somebody sees it again.
    Hidden(bool),
    /// Change the name.
    Name(String),
    /// Change the colour.
    Colour(Colour),
}

/// Why an action is not possible.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ActError {
    /// The action is the host's.
    #[error("only the host can do this")]
    NotHost,
    /// This program has no seat.
    #[error("this program has no seat")]
    NotSeated,
    /// Fewer players than the game needs.
    #[error("{have} of {least} players are here")]
    TooFew {
        /// Players that are here.
        have: u8,
        /// Players that the game needs.
        least: u8,
    },
    /// These slots are not ready.
    #[error("players {0:?} are not ready")]
    NotReady(Vec<u8>),
    /// Nobody has this seat, or it is the own one.
    #[error("slot {0} has no other player")]
    NoSuchSeat(u8),
    /// The lobby is in another phase.
    #[error("not possible in this phase of the party")]
    Phase,
    /// There is nobody who could host.
    #[error("nobody else can host")]
    NobodyElse,
    /// The session has ended.
    #[error("the session has ended")]
    Over,
}

/// An order to the driver. Taken with [`super::Session::poll_output`].
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send a datagram to one endpoint, or to everybody.
    Datagram {
        /// The endpoint. `None` is everybody.
        to: Option<Endpoint>,
        /// The topic.
        topic: &'static str,
        /// The packet.
        bytes: Vec<u8>,
    },
    /// Send a direct message, with the topic [`super::TOPIC`].
    Direct {
        /// The endpoint.
        to: Endpoint,
        /// The message.
        bytes: Vec<u8>,
    },
    /// Broadcast a message.
    Say {
        /// The topic.
        topic: &'static str,
        /// The message.
        bytes: Vec<u8>,
    },
    /// Publish this as the presence of this endpoint. Empty at the end of the session.
    Present(Vec<u8>),
    /// Keep a link to this endpoint.
    Pin(Endpoint),
    /// The link is not needed any more.
    Unpin(Endpoint),
    /// A message to the game's engine.
    Game(ToGame),
    /// A message to the person.
    Event(Event),
}

/// A message to the person.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The lobby changed.
    Lobby,
    /// This program has a seat.
    Entered {
        /// The seat.
        slot: u8,
    },
    /// This program has no seat any more, or gets none.
    Refused(Refused),
    /// The host is silent. The next host is looked for.
    HostSilent,
    /// Others reach the host, and this program does not: "Connection to Lin lost. Trying again".
    CutOff {
        /// The host's seat.
        slot: u8,
    },
    /// There is another host: "Lin is host now".
    HostIs {
        /// The new host's seat.
        slot: u8,
        /// Ticks that the new host takes back.
        lost: u32,
    },
    /// The same host is heard again: "Host reconnected!"
    HostBack,
    /// The game waits.
    Paused(Paused),
    /// The game goes on after a pause.
    Resumed,
    /// The match began.
    Began,
    /// The match is over, or the party is.
    Ended(End),
    /// The other side of a split goes on: what was played here apart from it is gone.
    Apart {
        /// Ticks that are gone.
        lost: u32,
    },
    /// The game reports an error.
    Fault(Fault),
}

/// Why a seat is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// "Room is full".
    Full,
    /// The host removed this player.
    Kicked,
    /// The match began, and the game admits nobody late.
    Started,
    /// The host has another version of the protocol.
    Version {
        /// This program's.
        ours: u16,
        /// The host's.
        theirs: u16,
    },
    /// "You play in another tab".
    Elsewhere,
}

/// Why a game waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paused {
    /// "Host disconnected. Waiting 30s to reconnect..."
    Host,
    /// "Waiting for the others".
    Others,
}

/// How a match ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// The game said so. Its words, as JSON.
    Over(String),
    /// "Game ended: Host did not reconnect".
    HostGone,
    /// The game failed.
    Failed(Fault),
    /// This person left.
    Left,
}

/// How well the game runs, for the person who plays.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pace {
    /// Round-trip time to the host. `None` at the host, or if it is not known.
    pub ping: Option<Duration>,
    /// States of the host that were lost in the last seconds, of a hundred.
    pub loss: u8,
    /// How much the time between states varies.
    pub jitter: Duration,
    /// Ticks of the host in the last second.
    pub rate: u8,
    /// States from the host in the last second.
    pub states: u8,
    /// Bytes of the last state on the wire.
    pub bytes: u32,
    /// Why the game stutters. `None` if it does not.
    pub why: Option<Stutter>,
}

/// Why a game stutters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stutter {
    /// Nothing comes from the host.
    Silent,
    /// Packets are lost.
    Loss,
    /// Packets come unevenly.
    Jitter,
    /// The way to the host is long.
    Ping,
    /// The host's device is too slow.
    Host,
    /// The game's state is large.
    Size,
}

/// Counts of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets that were refused.
    pub refused: u64,
    /// Hosts that went.
    pub host_losses: u32,
    /// The highest number of ticks that a host's loss took back.
    pub most_lost: u32,
    /// The last tick seen.
    pub tick: Tick,
}
