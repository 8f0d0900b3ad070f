//! A world that members share: one of them orders inputs by tick, and all of them step.
//!
//! # Problem
//! Every member of a room sees the same world, though each computes it for itself, messages get lost, and members come and go. A
//! restored world may take another way than one that went on (dimforge/rapier#966).
//!
//! # How it works
//! It is lockstep, as in games of the nineties (Bettner and Terrano, "1500 archers on a 28.8", 2001), with a leader as in Raft,
//! but without its majority: a party of two goes on when one leaves.
//!
//! - One member, the **orderer**, closes a **tick** after each interval: the members that come and go, and all inputs that arrived.
//!   It sends each member all ticks that this member has not reported yet, so a lost message delays and loses nothing.
//! - Members number their inputs and repeat them until they see them ordered. The numbers are part of the shared state, so no
//!   input counts twice, whoever orders.
//! - Each second members report a digest. A member with another one is told, fetches a restore point and goes on from it.
//! - A newcomer fetches a **restore point**: the world behind a tick, and its members. All members restore that point at that
//!   tick, each from its own world, whose digest the tick names. A later newcomer uses the same point for a while.
//! - A member that hears nothing of the orderer for a second takes over, the longest here first, with a greater **term** and a
//!   new restore point. A **line** is one member's time as orderer. Of two lines, after a split, the greater wins: the greater term,
//!   then the orderer that is longer here, then the lesser endpoint. Everybody restores its point.
//!
//! # Driving it
//! Call [`Lockstep::here`] and [`Lockstep::gone`] as links come and go, [`Lockstep::handle`] with each message and the endpoint that
//! the link proves, and [`Lockstep::timeout`] at [`Lockstep::poll_timeout`]. Then drain [`Lockstep::poll_output`]. Messages may get
//! lost, doubled and reordered.
//!
//! # Invariants
//! - Members at one tick of one line have equal worlds.
//! - An input is applied at most once in the world that goes on, in its author's order.
//! - Nothing from outside panics or grows without a limit; refused messages are [counted](Refused).
//!
//! # Limits
//! Members trust the orderer: it chooses the order, and could invent inputs. A member that claims a great term orders. Two orderers
//! whose members are linked, and who are not linked themselves, do not learn of each other.

mod following;
mod joining;
mod message;
mod ordering;
#[cfg(feature = "planted-bugs")]
pub mod planted;
mod shared;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use meshwork_core::id::Endpoint;
use meshwork_core::time::{Time, WallTime};

use self::following::Follow;
use self::joining::Join;
pub use self::message::{
    INPUT_MAX, INPUTS_PER_TICK, InputBytes, Line, MEMBERS_MAX, MESSAGE_MAX, Message, Ordered, PART_MAX,
    POINT_MAX, Point, Seat, TERM_MAX, TICKS_MAX, Tick, WORLD_MAX,
};
use self::ordering::Order;
use self::shared::Shared;
use crate::error::FormatError;
use crate::snapshot::Digest;

/// Most endpoints that a member knows of: more than can be members, as some of them are about to go.
pub const HERE_MAX: usize = 64;
/// Most inputs of a member that were not ordered yet.
pub const WAITING_MAX: usize = 64;
/// Silence of the orderer until the next member takes over. Each further member waits once more as long.
pub const SILENCE: Duration = Duration::from_secs(1);
/// Time in which a member that comes listens for an orderer, before it begins a world.
pub const LISTEN: Duration = Duration::from_millis(1500);

/// A world that steps by inputs, and can be saved.
///
/// Equal worlds that get equal inputs, or that restored one snapshot, are equal again. Equal digests mean equal snapshots.
pub trait Simulation {
    /// The reason that a snapshot is refused.
    type Refusal: core::fmt::Display;

    /// One step, with these inputs. An input that means nothing is skipped, alike everywhere.
    fn step(&mut self, inputs: &[Input]);

    /// The world as at most [`WORLD_MAX`] bytes.
    fn snapshot(&self) -> Vec<u8>;

    /// Makes this world that of a snapshot, which may come from a liar.
    ///
    /// # Errors
    /// The bytes are no snapshot. The world is as it was.
    fn restore(&mut self, snapshot: &[u8]) -> Result<(), Self::Refusal>;

    /// The digest of the world.
    fn digest(&self) -> Digest;
}

/// An input of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The author.
    pub from: Endpoint,
    /// The author's number for it: it grows.
    pub number: u32,
    /// The input, at most [`INPUT_MAX`].
    pub bytes: Vec<u8>,
}

/// Something for the driver to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send bytes to an endpoint, as a datagram if they fit into one.
    Send(Endpoint, Vec<u8>),
    /// Tell the program.
    Event(Event),
}

/// Something that a program may want to know.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// This member now steps the world, as orderer or not.
    Stepping(Line),
    /// This member has no world until it restored a point of that line.
    Joining(Line),
    /// The world is another one: it was restored. The tick from which it goes on.
    Restored(u64),
    /// A member's world differed at a tick. It restores.
    Differed(Endpoint, u64),
    /// That many own inputs were sent, and may never have been applied.
    Lost(usize),
    /// An endpoint sent something that no member sends.
    Refused(Endpoint, Violation),
}

/// The reason that a message was a violation. Nothing of it was kept.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// It has no message's form.
    #[error(transparent)]
    Form(#[from] FormatError),
    /// Only an orderer sends it, and the sender is not the one that it names.
    #[error("the sender is not the orderer that the message names")]
    NotOrderer,
    /// The restore point has another digest than announced, or no world restores it.
    #[error("the restore point is none: {0}")]
    Point(String),
    /// A tick contradicts the members or the numbers of inputs.
    #[error("tick {0} contradicts the ones before it")]
    Tick(u64),
}

/// Messages and inputs that were refused, by reason. Loss, doubles and reordering cause all but the first three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// Violations.
    pub violations: u64,
    /// From endpoints that are not members.
    pub strangers: u64,
    /// More than there is room for.
    pub many: u64,
    /// Of ticks, lines or inputs that are over.
    pub past: u64,
    /// Of ticks beyond the ones that exist.
    pub future: u64,
    /// For another line, or of no use in the present state.
    pub astray: u64,
}

/// An input that cannot be accepted now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// The input is too long.
    #[error("input of {0} bytes exceeds the limit of {INPUT_MAX}")]
    TooLong(usize),
    /// Too many inputs wait. Try again when some were ordered.
    #[error("{0} inputs wait to be ordered, which is the most: try again later")]
    Full(usize),
}

/// The settings of a shared world, equal at all members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The time between two ticks.
    pub tick: Duration,
    /// Ticks between two digests.
    pub digest_every: u32,
}

impl Default for Config {
    /// 60 ticks a second, and a digest each second.
    fn default() -> Config {
        Config { tick: Duration::from_micros(16_667), digest_every: 60 }
    }
}

/// The state of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It listens for an orderer.
    Listening,
    /// It fetches a restore point.
    Joining,
    /// It steps by the ticks of another.
    Following,
    /// It orders.
    Ordering,
}

impl<S> Lockstep<S> {
    /// The world, to fetch what happened in it. A change made here makes it differ from those of the others.
    pub fn simulation_mut(&mut self) -> &mut S {
        &mut self.base.shared.simulation
    }
}

/// A member's part in a shared world. The module's documentation says how to drive it.
pub struct Lockstep<S> {
    base: Base<S>,
    role: Role,
}

enum Role {
    /// Until a time.
    Listening(Time),
    Joining(Join),
    Following(Follow),
    Ordering(Box<Order>),
}

/// All that does not depend on the role.
struct Base<S> {
    me: Endpoint,
    since: WallTime,
    config: Config,
    /// Endpoints that are linked, and when each was last sent an unasked beat.
    here: BTreeMap<Endpoint, Time>,
    /// The line of the world that is here, if it is not a new one.
    line: Option<Line>,
    shared: Shared<S>,
    outputs: VecDeque<Output>,
    refused: Refused,
}

impl<S: Simulation> Lockstep<S> {
    /// A member that comes now. `since` is the civil time. The simulation is a new world: it is used if nobody else has one.
    pub fn new(now: Time, since: WallTime, me: Endpoint, config: Config, simulation: S) -> Lockstep<S> {
        let shared = Shared::new(me, config.digest_every, simulation);
        let (here, outputs) = (BTreeMap::new(), VecDeque::new());
        let base = Base { me, since, config, here, line: None, shared, outputs, refused: Refused::default() };
        Lockstep { base, role: Role::Listening(now + LISTEN) }
    }

    /// The world. It may be one that is about to be replaced, unless the phase is following or ordering.
    pub fn simulation(&self) -> &S {
        &self.base.shared.simulation
    }

    /// Steps of the shared world.
    pub fn tick(&self) -> u64 {
        self.base.shared.tick
    }

    /// The state of this member.
    pub fn phase(&self) -> Phase {
        match self.role {
            Role::Listening(_) => Phase::Listening,
            Role::Joining(_) => Phase::Joining,
            Role::Following(_) => Phase::Following,
            Role::Ordering(_) => Phase::Ordering,
        }
    }

    /// The line that this member follows, joins or orders.
    pub fn line(&self) -> Option<Line> {
        match &self.role {
            Role::Listening(_) => None,
            Role::Joining(join) => Some(join.line),
            Role::Following(follow) => Some(follow.line),
            Role::Ordering(order) => Some(order.line),
        }
    }

    /// The members, the longest here first.
    pub fn members(&self) -> impl ExactSizeIterator<Item = Endpoint> {
        self.base.shared.seats.iter().map(|seat| seat.endpoint)
    }

    /// Messages and inputs that were refused.
    pub fn refused(&self) -> Refused {
        self.base.refused
    }

    /// Own inputs that were not ordered yet.
    pub fn waiting(&self) -> usize {
        self.base.shared.waiting().count()
    }

    /// Everything that this member stores beside its world: own inputs, ticks, endpoints and outputs.
    pub fn stored(&self) -> usize {
        let order = if let Role::Ordering(order) = &self.role { order.stored() } else { 0 };
        self.base.shared.stored() + self.base.here.len() + self.base.outputs.len() + order
    }

    /// An own input. It is applied when it was ordered. Returns its number.
    ///
    /// # Errors
    /// It is too long, or too many wait.
    pub fn input(&mut self, now: Time, bytes: &[u8]) -> Result<u32, InputError> {
        let bytes = InputBytes::new(bytes.to_vec()).map_err(|_| InputError::TooLong(bytes.len()))?;
        let number = self.base.shared.issue(now, bytes)?;
        if let Role::Following(follow) = &mut self.role {
            follow.report_soon(now);
        }
        Ok(number)
    }

    /// An endpoint is linked.
    pub fn here(&mut self, endpoint: Endpoint) {
        if self.base.here.len() >= HERE_MAX && !self.base.here.contains_key(&endpoint) {
            self.base.refused.many += 1;
        } else if endpoint != self.base.me {
            self.base.here.entry(endpoint).or_insert(Time(0));
        }
    }

    /// An endpoint is not linked any more.
    pub fn gone(&mut self, endpoint: Endpoint) {
        self.base.here.remove(&endpoint);
        if let Role::Ordering(order) = &mut self.role {
            order.gone(&self.base, endpoint);
        }
    }

    /// A message. The link proves the sender.
    pub fn handle(&mut self, now: Time, from: Endpoint, bytes: &[u8]) {
        let message = match Message::decode(bytes) {
            Ok(message) => message,
            Err(error) => return self.base.refuse(from, error.into()),
        };
        if !self.base.here.contains_key(&from) {
            self.base.refused.strangers += 1;
            return;
        }
        let line = message.line();
        if message.is_of_orderer() && line.orderer != from {
            return self.base.refuse(from, Violation::NotOrderer);
        }
        if message.is_of_orderer() {
            self.compare(now, line);
        }
        match &mut self.role {
            Role::Listening(_) => self.base.refused.astray += 1,
            Role::Joining(join) if join.line == line => {
                if let Some(next) = join.handle(now, &mut self.base, message) {
                    self.role = next;
                }
            }
            Role::Following(follow) if follow.line == line => {
                if let Some(next) = follow.handle(now, &mut self.base, message) {
                    self.role = next;
                }
            }
            Role::Ordering(order) if order.line == line => {
                order.handle(now, &mut self.base, from, message);
            }
            Role::Ordering(order) => {
                self.base.refused.past += 1;
                order.beat(now, &mut self.base, from);
            }
            Role::Joining(_) | Role::Following(_) => self.base.refused.past += 1,
        }
    }

    /// Follows a line of another, if it is greater than the present one.
    fn compare(&mut self, now: Time, line: Line) {
        let is_greater = match self.line() {
            None => true,
            #[cfg(feature = "planted-bugs")]
            Some(mine) if planted::is(planted::Planted::LesserLine, self.base.me) => line < mine,
            Some(mine) => line > mine,
        };
        if is_greater {
            self.role = Role::Joining(Join::new(now, &mut self.base, line));
        }
    }

    /// The time at which [`Lockstep::timeout`] is due.
    pub fn poll_timeout(&self) -> Time {
        match &self.role {
            Role::Listening(until) => *until,
            Role::Joining(join) => join.due(),
            Role::Following(follow) => follow.due(&self.base),
            Role::Ordering(order) => order.due(),
        }
    }

    /// The clock reached [`Lockstep::poll_timeout`].
    pub fn timeout(&mut self, now: Time) {
        let next = match &mut self.role {
            Role::Listening(until) => (now >= *until).then(|| Order::take_over(now, &mut self.base)),
            Role::Joining(join) => join.timeout(now, &mut self.base),
            Role::Following(follow) => follow.timeout(now, &mut self.base),
            Role::Ordering(order) => {
                order.timeout(now, &mut self.base);
                None
            }
        };
        if let Some(next) = next {
            self.role = next;
        }
    }

    /// The next thing for the driver to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.base.outputs.pop_front()
    }
}

impl<S> Base<S> {
    fn send(&mut self, to: Endpoint, message: &Message) {
        self.outputs.push_back(Output::Send(to, message.encode()));
    }

    fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn refuse(&mut self, from: Endpoint, violation: Violation) {
        self.refused.violations += 1;
        self.tell(Event::Refused(from, violation));
    }
}
