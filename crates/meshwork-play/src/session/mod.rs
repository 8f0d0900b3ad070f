//! The session of one member of a party, without sockets or clock.
//!
//! # Problem
//! Two to six people play a game of sixty ticks a second, whose rules run at one of them. That one may leave, crash or be cut off
//! at any moment, and the game goes on.
//!
//! # How it works
//! A member is *outside*, a *player* or the *host*. The host keeps the lobby, gives seats, takes one input of each seat a tick and
//! sends each player the difference to the newest state that this player acknowledged. A player that has not heard its host for a
//! second asks the others. If nobody hears the host, the first in rank of those who asked is the next host and begins the next
//! *term* from its newest state. Nobody votes. A side with fewer than half of the seats waits. Two sides that meet again go on
//! with the larger one.
//!
//! # Driving it
//! Hand in presence, links, datagrams, direct messages and broadcasts of the app's slot, and the answers of the game's engine.
//! Call [`Session::handle_timeout`] at [`Session::poll_timeout`]. After each call, take [`Output`]s until there is none.
//!
//! # Invariants
//! - An input counts for the seat of the endpoint that it came from, once, and in order, across hosts.
//! - A state is built on a state that the receiver has.
//! - The same inputs and seed give the same outputs.
//!
//! # Limits
//! [`crate::packets`] has those of packets. A host keeps 128 states of at most 6 MiB.

mod engine;
mod hands;
mod lobby;
#[cfg(feature = "planted-bugs")]
mod planted;
mod queue;
mod star;
mod types;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use meshwork_core::id::Endpoint;
use meshwork_core::rng::{Rng, Seed};
use meshwork_core::time::Time;

pub use self::engine::{Fault, FromGame, InputView, Json, PlayerView, Shown, Step, Tick, ToGame};
use self::hands::Hands;
use self::lobby::Dress;
pub use self::lobby::{COUNTDOWN, Ending, Lobby, Phase, Seat};
#[cfg(feature = "planted-bugs")]
pub use self::planted::Planted;
use self::star::Star;
pub use self::types::{
    Act, ActError, COLOURS, Can, Colour, Config, Counts, End, Event, Linked, Output, Pace, Paused, Refused,
    Stutter,
};
use crate::{Party, PlayerInput};

/// The topic of direct messages and of the lobby's broadcasts.
pub const TOPIC: &str = "p";
/// The topic of inputs.
pub const INPUTS: &str = "i";
/// The topic of watchers.
pub const WATCH: &str = "w";
/// All topics that a session subscribes to: direct messages, broadcasts, inputs, the parts of a state, and the watchers' lane.
pub const TOPICS: [&str; 7] = [TOPIC, INPUTS, "s0", "s1", "s2", "s3", WATCH];

/// Time between two looks at the timers.
const LOOK: Duration = Duration::from_millis(50);

/// One member of a party.
pub struct Session {
    me: Endpoint,
    party: Party,
    can: Can,
    config: Config,
    dress: Dress,
    rng: Rng,
    next: Time,
    outputs: VecDeque<Output>,
    star: Star,
    lobby: Arc<Lobby>,
    hands: Hands,
    counts: Counts,
    is_over: bool,
}

impl Session {
    /// A member of the party that acts from `now` on. `me` is the endpoint of this program in the room.
    pub fn new(
        me: Endpoint,
        name: &str,
        party: Party,
        can: Can,
        config: Config,
        seed: Seed,
        now: Time,
    ) -> Session {
        let dress = Dress { name: lobby::cut(name), colour: config.colour, bot: config.bot };
        Session {
            me,
            party,
            can,
            config,
            dress,
            rng: Rng::new(seed),
            next: now,
            outputs: VecDeque::new(),
            star: Star::default(),
            lobby: Arc::new(Lobby::none(me)),
            hands: Hands::default(),
            counts: Counts::default(),
            is_over: false,
        }
    }

    /// The presence that a member published, or `None` if it has none any more.
    pub fn handle_present(&mut self, now: Time, who: Endpoint, said: Option<&[u8]>) {
        let _ = (now, who, said);
    }

    /// The state of the link to a member.
    pub fn handle_link(&mut self, now: Time, who: Endpoint, link: Linked) {
        self.star.handle_link(now, who, link);
    }

    /// A datagram of one of [`TOPICS`].
    pub fn handle_datagram(&mut self, now: Time, from: Endpoint, topic: &str, bytes: &[u8]) {
        let _ = (now, from, topic, bytes);
    }

    /// A direct message.
    pub fn handle_direct(&mut self, now: Time, from: Endpoint, bytes: &[u8]) {
        let _ = (now, from, bytes);
    }

    /// A broadcast of topic [`TOPIC`] or [`WATCH`].
    pub fn handle_said(&mut self, now: Time, from: Endpoint, topic: &str, bytes: &[u8]) {
        let _ = (now, from, topic, bytes);
    }

    /// An answer of the game's engine.
    pub fn handle_game(&mut self, now: Time, from: FromGame) {
        let _ = (now, from);
    }

    /// A sixtieth of a second is over, by the clock of the host's engine. Others need not call it.
    pub fn handle_clock(&mut self, now: Time) {
        let _ = now;
    }

    /// The keys, sticks and pointer that the person holds now.
    pub fn hold(&mut self, now: Time, input: PlayerInput) {
        let _ = now;
        self.hands.hold(input);
    }

    /// An action of the person.
    ///
    /// # Errors
    /// [`ActError`]; nothing happened.
    pub fn act(&mut self, now: Time, act: Act) -> Result<(), ActError> {
        let _ = (now, act, &self.party, &self.config, &self.dress, &self.rng);
        Err(ActError::Phase)
    }

    /// Changes what this program can be: a page that has the package by now can host.
    pub fn set_can(&mut self, now: Time, can: Can) {
        self.can = can;
        self.handle_timeout(now);
    }

    /// The time of [`Session::poll_timeout`] is reached.
    pub fn handle_timeout(&mut self, now: Time) {
        self.next = now + LOOK;
    }

    /// When to call [`Session::handle_timeout`]. `None` at the end.
    pub fn poll_timeout(&self) -> Option<Time> {
        (!self.is_over).then_some(self.next)
    }

    /// The next order, if there is any.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// This program.
    pub fn me(&self) -> Endpoint {
        self.me
    }

    /// The lobby. Its line is 0 before there is one.
    pub fn lobby(&self) -> &Lobby {
        &self.lobby
    }

    /// The own seat.
    pub fn slot(&self) -> Option<u8> {
        self.lobby.seat_at(self.me).map(|seat| seat.slot)
    }

    /// Whether this program is the host.
    pub fn is_host(&self) -> bool {
        false
    }

    /// The time until the first tick of a match that is starting.
    pub fn countdown(&self, now: Time) -> Option<Duration> {
        let _ = now;
        None
    }

    /// How well the game runs.
    pub fn pace(&self) -> Pace {
        Pace::default()
    }

    /// Counts since the start.
    pub fn counts(&self) -> Counts {
        self.counts
    }
}
