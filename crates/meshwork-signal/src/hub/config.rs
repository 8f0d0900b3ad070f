//! Every limit and timer of a hub, with its meaning, unit and legal range.

use std::collections::BTreeSet;
use std::time::Duration;

use meshwork_core::id::{Code, RoomId};
use meshwork_core::seam::choice::Choice;
use meshwork_core::seam::config::ROOM_ENDPOINTS_MAX;
use meshwork_core::seam::ice_server::ICE_SERVERS_MAX;
use meshwork_core::signalling::protocol::{CLIENT_MESSAGE_MAX, SERVER_MESSAGE_MAX};

use super::ice::IceOffer;
use crate::fair::Rate;

/// Bytes that one announcement takes in a `joined` message, at most.
pub(super) const ANNOUNCEMENT_JSON_MAX: usize = 300;
/// Members of a room, at the very most: each has a socket.
pub const MEMBERS_LEGAL_MAX: usize = 1_000_000;
/// Members that are named to a newcomer, and to whom it is named: all of a room in which everybody links to everybody.
/// Those of a larger room are drawn, and its members find the others without the server.
pub const NAMED_MAX: usize = ROOM_ENDPOINTS_MAX;
/// Most reserved codes, a thousandth of all codes: more would make the ten codes of a room collide often.
pub const RESERVED_MAX: usize = 1_000_000;
const _: () = assert!(NAMED_MAX < SERVER_MESSAGE_MAX / ANNOUNCEMENT_JSON_MAX, "`joined` fits a message");

/// Codes without a room that one party may look for: 5 in a second in the long run, and 50 at once after a quiet while.
/// docs/guides/threat-model.md has the sum of what that gives away.
pub(super) const GUESSES: Rate = Rate { per_second: 5, burst: 50 };
/// What it costs a network to open a socket, in messages: a challenge is drawn, two signatures are verified.
pub const OPENING_COST: u32 = 20;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How much a hub takes on. The defaults suit one small machine: with every table and queue full they come to
/// about 2.7 GB, with ten thousand idle sockets to about 100 MB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubConfig {
    /// The one room that may be registered, where the hub serves no other; `None` for a hub that serves all.
    pub only_room: Option<RoomId>,
    /// Codes that no room gets, because routes of the server use them as addresses of their own; none by default. At most
    /// [`RESERVED_MAX`]. [`Hub::reserve`](super::Hub::reserve) adds one while the hub runs.
    pub reserved: BTreeSet<Code>,
    /// The STUN and TURN servers that members of rooms are told of; none by default.
    pub ice: IceOffer,
    /// The overlay that new rooms are to have unless their owner chooses another; every client is told.
    pub overlay: Choice,
    /// Rooms that are kept in all, each with up to 1.3 KB. 1 to 1,000,000: beyond, codes would collide often.
    pub rooms_max: usize,
    /// Rooms kept that were registered from one network (an IPv4 address, an IPv6 /64). 1 to `rooms_max`;
    /// well below it, so that nobody alone fills the server.
    pub rooms_per_network_max: usize,
    /// How long a room is kept after its last member left; one that nobody ever joined is kept for five minutes at most.
    /// 1 minute to 90 days.
    pub room_keep: Duration,
    /// Members of one room, endpoints that is. 2 to [`MEMBERS_LEGAL_MAX`]; beyond `sockets_max` it bounds nothing. A
    /// member costs 120 bytes beside its socket, and 16 KB are said for it when it joins, however large the room is.
    /// In a room whose record asks for a full mesh members take in no more than [`ROOM_ENDPOINTS_MAX`].
    pub members_max: usize,
    /// Rooms that one socket is a member of. 1 to 256.
    pub rooms_per_socket_max: usize,
    /// Unknown rooms that one socket waits for. 1 to 64.
    pub waits_per_socket_max: usize,
    /// Unknown rooms that all sockets together wait for. `waits_per_socket_max` to 1,000,000.
    pub waits_max: usize,
    /// Bytes of one message from a client. 12 KiB, which the longest signal needs, to 64 KiB.
    pub message_bytes_max: usize,
    /// Messages that a socket may send each second in the long run. 1 to 10,000.
    pub messages_per_second: u32,
    /// Messages that a socket may send at once after a quiet while. 50 to 100,000; a page that meets 23 others
    /// says about 400 things in its first second.
    pub message_burst: u32,
    /// Messages that all sockets of one network together may send each second in the long run, an opened socket
    /// counting as [`OPENING_COST`]. `messages_per_second` to 1,000,000.
    pub network_messages_per_second: u32,
    /// The same at once after a quiet while. `message_burst` to 10,000,000.
    pub network_message_burst: u32,
    /// Time for a new socket to enter. 1 s to 60 s.
    pub enter_within: Duration,
    /// Silence after which a client is to say that it is alive. 1 s to 5 min, at most a third of
    /// `idle_after`; below 30 s no usual router or proxy forgets the connection.
    pub keep_alive: Duration,
    /// Silence after which a socket is closed. 3 s to 1 h; browsers may hold back the timers of a hidden page
    /// for one minute.
    pub idle_after: Duration,
    /// How long a socket may leave everything unread that was sent to it. 1 s to 5 min.
    pub unread_after: Duration,
    /// Bytes that wait for one socket to read them. Twice [`SERVER_MESSAGE_MAX`] to 16 MiB. Signals of others
    /// fill at most three quarters of it, so that they alone cannot get a reader closed.
    pub queue_bytes_max: usize,
    /// Sockets in all. 1 to 1,000,000; each takes a file descriptor and about 10 KB.
    pub sockets_max: usize,
    /// Sockets of one network. 1 to `sockets_max`; a school or an office may be one IPv4 address.
    pub sockets_per_network_max: usize,
}

impl Default for HubConfig {
    fn default() -> HubConfig {
        HubConfig {
            only_room: None,
            reserved: BTreeSet::new(),
            ice: IceOffer::default(),
            overlay: Choice::Auto,
            rooms_max: 65_536,
            rooms_per_network_max: 4_096,
            room_keep: 7 * DAY,
            members_max: 10_000,
            rooms_per_socket_max: 32,
            waits_per_socket_max: 8,
            waits_max: 16_384,
            message_bytes_max: CLIENT_MESSAGE_MAX,
            messages_per_second: 100,
            message_burst: 1_000,
            network_messages_per_second: 4_000,
            network_message_burst: 40_000,
            enter_within: 10 * SECOND,
            keep_alive: 25 * SECOND,
            idle_after: 90 * SECOND,
            unread_after: 20 * SECOND,
            queue_bytes_max: 256 * 1024,
            sockets_max: 10_000,
            sockets_per_network_max: 512,
        }
    }
}

/// A field of a [`HubConfig`] is outside its legal range. No hub was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} is {value}; it must be {least} to {most}")]
pub struct HubConfigError {
    /// The field.
    pub field: &'static str,
    /// Its value; durations in milliseconds.
    pub value: u128,
    /// The least that is legal.
    pub least: u128,
    /// The most that is legal.
    pub most: u128,
}

impl HubConfig {
    /// Checks every field against its legal range.
    ///
    /// # Errors
    /// [`HubConfigError`] names the first field that is outside.
    pub fn check(&self) -> Result<(), HubConfigError> {
        let count = |field, value: usize, least: usize, most: usize| {
            in_range(field, value as u128, least as u128, most as u128)
        };
        let time = |field, value: Duration, least: Duration, most: Duration| {
            in_range(field, value.as_millis(), least.as_millis(), most.as_millis())
        };
        let ice = self.ice.len();
        count("reserved", self.reserved.len(), 0, RESERVED_MAX)?;
        count("ice", ice, 0, ICE_SERVERS_MAX)?;
        count("rooms_max", self.rooms_max, 1, 1_000_000)?;
        count("rooms_per_network_max", self.rooms_per_network_max, 1, self.rooms_max)?;
        time("room_keep", self.room_keep, 60 * SECOND, 90 * DAY)?;
        count("members_max", self.members_max, 2, MEMBERS_LEGAL_MAX)?;
        count("rooms_per_socket_max", self.rooms_per_socket_max, 1, 256)?;
        count("waits_per_socket_max", self.waits_per_socket_max, 1, 64)?;
        count("waits_max", self.waits_max, self.waits_per_socket_max, 1_000_000)?;
        count("message_bytes_max", self.message_bytes_max, 12 * 1024, 64 * 1024)?;
        count("messages_per_second", self.messages_per_second as usize, 1, 10_000)?;
        count("message_burst", self.message_burst as usize, 50, 100_000)?;
        count(
            "network_messages_per_second",
            self.network_messages_per_second as usize,
            self.messages_per_second as usize,
            1_000_000,
        )?;
        count(
            "network_message_burst",
            self.network_message_burst as usize,
            self.message_burst as usize,
            10_000_000,
        )?;
        time("enter_within", self.enter_within, SECOND, 60 * SECOND)?;
        time("keep_alive", self.keep_alive, SECOND, (self.idle_after / 3).min(300 * SECOND))?;
        time("idle_after", self.idle_after, 3 * SECOND, 3600 * SECOND)?;
        time("unread_after", self.unread_after, SECOND, 300 * SECOND)?;
        count("queue_bytes_max", self.queue_bytes_max, 2 * SERVER_MESSAGE_MAX, 16 * 1024 * 1024)?;
        count("sockets_max", self.sockets_max, 1, 1_000_000)?;
        count("sockets_per_network_max", self.sockets_per_network_max, 1, self.sockets_max)
    }
}

impl HubConfig {
    /// How much one socket may say.
    pub(super) fn rate(&self) -> Rate {
        Rate { per_second: self.messages_per_second, burst: self.message_burst }
    }

    /// How much one network may say.
    pub(super) fn network_rate(&self) -> Rate {
        Rate { per_second: self.network_messages_per_second, burst: self.network_message_burst }
    }
}

fn in_range(field: &'static str, value: u128, least: u128, most: u128) -> Result<(), HubConfigError> {
    if (least..=most).contains(&value) { Ok(()) } else { Err(HubConfigError { field, value, least, most }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_legal() {
        assert_eq!(HubConfig::default().check(), Ok(()));
    }

    #[test]
    fn values_outside_their_range_are_named() {
        let zero = HubConfig { rooms_max: 0, ..HubConfig::default() };
        let error = zero.check().unwrap_err();
        assert_eq!(error.to_string(), "rooms_max is 0; it must be 1 to 1000000");
        let crowded = HubConfig { members_max: MEMBERS_LEGAL_MAX + 1, ..HubConfig::default() };
        assert_eq!(crowded.check().unwrap_err().field, "members_max");
        let codes = 0..=u32::try_from(RESERVED_MAX).unwrap();
        let greedy = HubConfig { reserved: codes.map(Code::from_bits).collect(), ..HubConfig::default() };
        assert_eq!(greedy.check().unwrap_err().field, "reserved");
        let hasty = HubConfig { idle_after: 30 * SECOND, ..HubConfig::default() };
        assert_eq!(hasty.check().unwrap_err().field, "keep_alive");
    }
}
