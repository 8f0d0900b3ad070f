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

macro_rules! planted_fault {
    ($fault:ident) => {{
        #[cfg(feature = "planted-bugs")]
        let is_planted = $crate::session::planted::is($crate::session::planted::Planted::$fault);
        #[cfg(not(feature = "planted-bugs"))]
        let is_planted = false;
        is_planted
    }};
}

mod acts;
mod engine;
mod frames;
mod hands;
mod host;
mod joining;
mod lobby;
mod pace;
#[cfg(feature = "planted-bugs")]
pub mod planted;
mod player;
mod queue;
mod seating;
mod sending;
mod star;
mod succession;
mod types;
mod watch;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use meshwork_core::id::Endpoint;
use meshwork_core::rng::{Rng, Seed};
use meshwork_core::time::Time;
use meshwork_core::wire;

pub use self::engine::{Fault, FromGame, InputView, Json, PlayerView, Shown, Step, Tick, ToGame};
use self::frames::Frames;
use self::hands::Hands;
use self::host::Hosting;
use self::joining::Joining;
use self::lobby::Dress;
pub use self::lobby::{COUNTDOWN, Ending, Lobby, Phase, Seat};
use self::pace::Meter;
use self::player::Following;
use self::star::Star;
pub use self::types::{
    Act, ActError, COLOURS, Can, Colour, Config, Counts, End, Event, Linked, Output, Pace, Paused, Refused,
    Stutter,
};
use crate::packets::{Ask, Direct, InputPacket, Present, Role, Said, StatePart, TOPICS as PARTS, VERSION};
use crate::{Party, PlayerInput};

/// The topic of direct messages and of the lobby's broadcasts.
pub const TOPIC: &str = "p";
/// The topic of inputs.
pub const INPUTS: &str = "i";
/// The topic of watchers.
pub const WATCH: &str = "w";
/// All topics that a session subscribes to: direct messages, broadcasts, inputs, the parts of a state, and the watchers' lane.
pub const TOPICS: [&str; 7] = [TOPIC, INPUTS, PARTS[0], PARTS[1], PARTS[2], PARTS[3], WATCH];

/// Time between two looks at the timers.
const LOOK: Duration = Duration::from_millis(50);
/// Most of the random time that a member waits before it begins a line, so that not all begin at once.
const PATIENCE_MAX: u64 = 600;

/// One member of a party.
pub struct Session {
    me: Endpoint,
    party: Party,
    can: Can,
    config: Config,
    dress: Dress,
    wants_seat: bool,
    /// Whether the person was ready last, in this phase of the lobby.
    wants_ready: Option<bool>,
    patience: Duration,
    rng: Rng,
    now: Time,
    next: Time,
    outputs: VecDeque<Output>,
    star: Star,
    lobby: Arc<Lobby>,
    frames: Frames,
    hands: Hands,
    meter: Meter,
    counts: Counts,
    hosting: Option<Hosting>,
    following: Following,
    joining: Joining,
    /// Searches for hosts that were heard.
    asks: BTreeMap<Endpoint, (Ask, Time)>,
    answered_at: Option<Time>,
    /// The host that a watcher follows.
    watched: Option<Endpoint>,
    pieces: watch::Pieces,
    presented: Vec<u8>,
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
        let mut rng = Rng::new(seed);
        Session {
            me,
            party,
            can,
            config,
            dress,
            wants_seat: can != Can::Watch,
            wants_ready: None,
            patience: Duration::from_millis(rng.below(PATIENCE_MAX)),
            rng,
            now,
            next: now,
            outputs: VecDeque::new(),
            star: Star::default(),
            lobby: Arc::new(Lobby::none(me)),
            frames: Frames::default(),
            hands: Hands::default(),
            meter: Meter::default(),
            counts: Counts::default(),
            hosting: None,
            following: Following::default(),
            joining: Joining::new(now),
            asks: BTreeMap::new(),
            answered_at: None,
            watched: None,
            pieces: watch::Pieces::default(),
            presented: Vec::new(),
            is_over: false,
        }
    }

    /// The presence that a member published, or `None` if it has none any more.
    pub fn handle_present(&mut self, now: Time, who: Endpoint, said: Option<&[u8]>) {
        if self.is_over || who == self.me {
            return;
        }
        let said = said.filter(|said| !said.is_empty());
        let Ok(present) = said.map(wire::decode::<Present>).transpose() else {
            self.counts.refused += 1;
            return;
        };
        let lobby = &self.lobby;
        let is_asking = |present: &Present| {
            let has_this = present.line == lobby.line && present.term == lobby.term;
            present.role == Role::Watcher && present.host == self.me.instance.0 && !has_this
        };
        let (mut was_watcher, mut was_asking) = (false, false);
        if let Some(before) = self.star.present(who) {
            (was_watcher, was_asking) = (before.role == Role::Watcher, is_asking(before));
        }
        let asks = present.as_ref().is_some_and(is_asking) && !was_asking;
        self.star.handle_present(who, present);
        if let Some(present) = present {
            self.note_astray(now, who, &present);
            let is_watcher = present.role == Role::Watcher && !was_watcher;
            if let Some(hosting) = self.hosting.as_mut().filter(|_| is_watcher || asks) {
                hosting.say_soon();
            }
        }
        self.run(now);
    }

    /// A player follows another host by now.
    fn note_astray(&mut self, now: Time, who: Endpoint, present: &Present) {
        let is_other =
            present.host != self.me.instance.0 && matches!(present.role, Role::Player | Role::Host);
        let hosting = self.hosting.as_mut().filter(|_| present.line == self.lobby.line && is_other);
        if let Some((_, feed)) = hosting.and_then(|hosting| hosting.feed_of(who)) {
            feed.heard = feed.heard.min(now - host::LIVE_FOR);
        }
    }

    /// The state of the link to a member.
    pub fn handle_link(&mut self, now: Time, who: Endpoint, link: Linked) {
        if self.is_over || who == self.me {
            return;
        }
        self.star.handle_link(now, who, link);
        if link == (Linked::Gone { goodbye: true }) && who == self.lobby.host && self.hosting.is_none() {
            self.following.is_gone = true;
        }
        self.run(now);
    }

    /// A datagram of one of [`TOPICS`].
    pub fn handle_datagram(&mut self, now: Time, from: Endpoint, topic: &str, bytes: &[u8]) {
        if self.is_over || from == self.me {
            return;
        }
        if topic == WATCH {
            self.handle_watch_step(now, from, bytes);
            return self.run_if_due(now);
        }
        self.star.heard(from);
        if topic == INPUTS {
            match wire::decode::<InputPacket>(bytes) {
                Ok(packet) => self.handle_input(now, from, &packet),
                Err(_) => self.counts.refused += 1,
            }
        } else if PARTS.contains(&topic) {
            match StatePart::decode(bytes) {
                Ok(part) => self.handle_part(now, from, part),
                Err(_) => self.counts.refused += 1,
            }
        }
        self.run_if_due(now);
    }

    /// A direct message.
    pub fn handle_direct(&mut self, now: Time, from: Endpoint, bytes: &[u8]) {
        if self.is_over || from == self.me {
            return;
        }
        let Ok(message) = wire::decode::<Direct>(bytes) else {
            self.counts.refused += 1;
            return;
        };
        match message {
            Direct::Hello(hello) => self.handle_hello(now, from, &hello),
            Direct::Welcome { lobby, whole } => {
                self.joining.forgive(from);
                self.handle_welcome(now, from, lobby, whole.as_ref());
            }
            Direct::Refused { line, why } => self.handle_refused(now, from, line, why),
            Direct::Ready { line, ready } => self.handle_ready(from, line, ready),
            Direct::Dress { line, name, colour } => self.handle_dress(from, line, &name, colour),
            Direct::Leave { line, term, stays, next } => {
                self.handle_leave(now, from, line, term, stays, next.map(|next| next.0));
            }
            Direct::HandOver { leaves, lobby, whole } => {
                self.handle_hand_over(now, from, leaves, lobby, whole.as_ref())
            }
        }
        self.run(now);
    }

    /// A broadcast of topic [`TOPIC`] or [`WATCH`].
    pub fn handle_said(&mut self, now: Time, from: Endpoint, topic: &str, bytes: &[u8]) {
        if self.is_over || from == self.me {
            return;
        }
        if topic == WATCH {
            return self.handle_piece(now, from, bytes);
        }
        match wire::decode::<Said>(bytes) {
            Ok(Said::Lobby(lobby)) => self.handle_lobby(now, from, lobby),
            Ok(Said::Ask(ask)) => self.handle_ask(now, from, ask),
            Ok(Said::Hears { line, term, host }) => self.handle_hears(now, from, line, term, host),
            Err(_) => self.counts.refused += 1,
        }
        self.run(now);
    }

    /// An answer of the game's engine.
    pub fn handle_game(&mut self, now: Time, from: FromGame) {
        if self.is_over {
            return;
        }
        match from {
            FromGame::Tick => self.handle_clock(now),
            FromGame::Stepped { tick, envelope } => self.handle_stepped(now, tick, &envelope),
            FromGame::Failed(fault) => self.fail(now, fault),
        }
        self.run_if_due(now);
    }

    /// A sixtieth of a second is over, by the clock of the host's engine. Others need not call it.
    pub fn handle_clock(&mut self, now: Time) {
        if self.is_over {
            return;
        }
        self.run_if_due(now);
        self.run_clock(now);
    }

    /// The keys, sticks and pointer that the person holds now.
    pub fn hold(&mut self, now: Time, input: PlayerInput) {
        self.hands.hold(now, input);
        if self.hosting.is_none() && !self.is_over {
            self.send_inputs(now);
            self.next = self.next.min(self.hands.due().unwrap_or(self.next));
        }
    }

    /// The time of [`Session::poll_timeout`] is reached.
    pub fn handle_timeout(&mut self, now: Time) {
        if !self.is_over {
            self.run(now);
        }
    }

    fn run_if_due(&mut self, now: Time) {
        if now >= self.next {
            self.run(now);
        }
    }

    /// All regular work.
    fn run(&mut self, now: Time) {
        if self.is_over {
            return;
        }
        self.now = now;
        if self.hosting.is_some() {
            self.run_host(now);
        } else if self.lobby.line != 0 && self.wants_seat() {
            self.run_player(now);
        }
        self.seek(now);
        self.publish(now);
        self.next = now + LOOK;
        if let Some(due) =
            self.hands.due().filter(|_| self.hosting.is_none() && self.lobby.phase == Phase::Playing)
        {
            self.next = self.next.min(due.max(now + Duration::from_millis(1)));
        }
    }

    /// Publishes presence and pins, if they changed.
    fn publish(&mut self, now: Time) {
        if self.is_over {
            return;
        }
        let present = wire::encode(&self.presence(now));
        if present != self.presented {
            self.presented.clone_from(&present);
            self.outputs.push_back(Output::Present(present));
        }
        let wanted = self.wanted_pins();
        let (pins, unpins) = self.star.pin(now, &wanted);
        self.outputs.extend(pins.into_iter().map(Output::Pin));
        self.outputs.extend(unpins.into_iter().map(Output::Unpin));
    }

    fn presence(&self, now: Time) -> Present {
        let role = if self.hosting.is_some() {
            Role::Host
        } else if !self.wants_seat() {
            Role::Watcher
        } else if self.lobby.line == 0 {
            Role::Outside
        } else if self.following.search.is_some() || self.slot().is_none() {
            Role::Asking
        } else {
            Role::Player
        };
        let has_line = role != Role::Outside;
        // A watcher names the host that it turns to, whose lobby it may not have: that host says it then.
        let host = self.watched.filter(|_| role == Role::Watcher).unwrap_or(self.lobby.host);
        Present {
            version: VERSION,
            package: self.package_head(),
            line: self.lobby.line,
            term: self.lobby.term,
            host: if has_line { host.instance.0 } else { 0 },
            role,
            seats: self.live(now),
            slot: self.slot(),
            can_host: self.can == Can::Host,
            hidden: self.config.hidden,
        }
    }

    /// The session is over.
    fn end(&mut self) {
        self.is_over = true;
        self.hosting = None;
        self.outputs.push_back(Output::Present(Vec::new()));
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

    /// How many others watch.
    pub fn watchers(&self) -> usize {
        self.star.watchers()
    }

    /// The own seat.
    pub fn slot(&self) -> Option<u8> {
        self.lobby.seat_at(self.me).map(|seat| seat.slot)
    }

    /// Whether this program is the host.
    pub fn is_host(&self) -> bool {
        self.hosting.is_some()
    }

    /// Whether the session has ended: the person left, or plays elsewhere.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// The time until the first tick of a match that is starting. Players measure it from the moment at which they read of it.
    pub fn countdown(&self, now: Time) -> Option<Duration> {
        let at = match &self.hosting {
            Some(hosting) => hosting.starts_at(),
            None => self.following.starts_at,
        };
        at.filter(|_| self.lobby.phase == Phase::Starting).map(|at| at.since(now))
    }

    /// How well the game runs.
    pub fn pace(&self) -> Pace {
        let ping = self.star.member(self.lobby.host).and_then(|member| member.rtt);
        self.meter.pace(self.now, ping, self.hosting.is_some())
    }

    /// Counts since the start.
    pub fn counts(&self) -> Counts {
        self.counts
    }
}
