//! The state that all members share, and the own inputs of this one.

use std::collections::VecDeque;
use std::time::Duration;

use meshwork_core::id::Endpoint;
use meshwork_core::time::Time;
use meshwork_core::wire::{Bounded, Bytes};

use super::message::{InputBytes, MEMBERS_MAX, Point, Seat, Tick};
#[cfg(feature = "planted-bugs")]
use super::planted::{self, Planted};
use super::{Input, InputError, Simulation, WAITING_MAX};
use crate::snapshot::Digest;

/// Ordered inputs are kept for this long: if the orderer goes, the next one may not have seen them.
const KEPT: Duration = Duration::from_secs(2);
/// Most own inputs that are kept, ordered or not.
const KEPT_MAX: usize = 4 * WAITING_MAX;

/// The world, its members, and own inputs.
pub(super) struct Shared<S> {
    me: Endpoint,
    digest_every: u32,
    pub(super) simulation: S,
    pub(super) tick: u64,
    pub(super) seats: Vec<Seat>,
    /// The last digest of a second, and its tick.
    pub(super) digest: Option<(u64, Digest)>,
    issued: VecDeque<Issued>,
    /// The number of the last own input, and of the last one that was sent.
    last: u32,
    pub(super) sent: u32,
    /// Inputs that a planted fault holds back.
    #[cfg(feature = "planted-bugs")]
    late: Vec<Input>,
}

/// An own input.
struct Issued {
    number: u32,
    at: Time,
    is_ordered: bool,
    bytes: InputBytes,
}

/// The outcome of a tick.
#[derive(Debug, PartialEq)]
pub(super) enum Applied {
    /// The world stepped.
    Stepped,
    /// The world stepped and was restored.
    Restored,
    /// The world stepped, and is not that of the restore point.
    Differs,
    /// The tick contradicts the members or the numbers of inputs. Nothing was changed.
    Contradiction,
}

impl<S: Simulation> Shared<S> {
    pub(super) fn new(me: Endpoint, digest_every: u32, simulation: S) -> Shared<S> {
        Shared {
            me,
            digest_every: digest_every.max(1),
            simulation,
            tick: 0,
            seats: Vec::new(),
            digest: None,
            issued: VecDeque::new(),
            last: 0,
            sent: 0,
            #[cfg(feature = "planted-bugs")]
            late: Vec::new(),
        }
    }

    pub(super) fn stored(&self) -> usize {
        self.issued.len() + self.seats.len()
    }

    pub(super) fn seat(&self, endpoint: Endpoint) -> Option<&Seat> {
        self.seats.iter().find(|seat| seat.endpoint == endpoint)
    }

    /// Own inputs that were not ordered yet.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (u32, &InputBytes)> {
        self.issued.iter().filter(|issued| !issued.is_ordered).map(|issued| (issued.number, &issued.bytes))
    }

    pub(super) fn issue(&mut self, now: Time, bytes: InputBytes) -> Result<u32, InputError> {
        let waiting = self.waiting().count();
        if waiting >= WAITING_MAX || self.last == u32::MAX {
            return Err(InputError::Full(waiting));
        }
        self.last += 1;
        self.issued.push_back(Issued { number: self.last, at: now, is_ordered: false, bytes });
        self.forget(now);
        Ok(self.last)
    }

    /// Forgets inputs that were ordered some time ago.
    pub(super) fn forget(&mut self, now: Time) {
        let is_over = |issued: &Issued| issued.is_ordered && now.since(issued.at) > KEPT;
        while self.issued.front().is_some_and(is_over) {
            self.issued.pop_front();
        }
        while self.issued.len() > KEPT_MAX {
            let ordered = self.issued.iter().position(|issued| issued.is_ordered);
            self.issued.remove(ordered.unwrap_or(0));
        }
    }

    /// Steps the world by a tick. The second value is the number of own inputs that are lost.
    pub(super) fn apply(&mut self, tick: &Tick) -> (Applied, usize) {
        let Some((seats, inputs)) = self.follow(tick) else { return (Applied::Contradiction, 0) };
        self.seats = seats;
        let lost = match tick.enter.iter().find(|(endpoint, _)| *endpoint == self.me) {
            Some((_, sent)) => self.enter(*sent),
            None => 0,
        };
        if let Some(last) = self.seat(self.me).map(|seat| seat.last) {
            self.issued.iter_mut().filter(|own| own.number <= last).for_each(|own| own.is_ordered = true);
        }
        #[cfg(feature = "planted-bugs")]
        let inputs = if planted::is(Planted::LateInputs, self.me) {
            core::mem::replace(&mut self.late, inputs)
        } else {
            inputs
        };
        self.simulation.step(&inputs);
        self.tick += 1;
        if self.tick.is_multiple_of(self.digest_every.into()) {
            self.digest = Some((self.tick, self.simulation.digest()));
        }
        let Some(wanted) = tick.restore else { return (Applied::Stepped, lost) };
        let (_, digest, point) = self.point();
        if digest != wanted {
            return (Applied::Differs, lost);
        }
        #[cfg(feature = "planted-bugs")]
        if planted::is(Planted::OnlyNewcomerRestores, self.me) {
            return (Applied::Stepped, lost);
        }
        let applied = self.simulation.restore(&point.world).map_or(Applied::Differs, |()| Applied::Restored);
        (applied, lost)
    }

    /// The members behind a tick, and its inputs. `None` if they contradict each other.
    fn follow(&self, tick: &Tick) -> Option<(Vec<Seat>, Vec<Input>)> {
        let mut seats = self.seats.clone();
        seats.retain(|seat| !tick.leave.contains(&seat.endpoint));
        for (endpoint, last) in tick.enter.iter() {
            if seats.len() >= MEMBERS_MAX || seats.iter().any(|seat| seat.endpoint == *endpoint) {
                return None;
            }
            seats.push(Seat { endpoint: *endpoint, last: *last });
        }
        let mut inputs = Vec::with_capacity(tick.inputs.len());
        for ordered in tick.inputs.iter() {
            let seat = seats.get_mut(usize::from(ordered.seat)).filter(|seat| ordered.number > seat.last)?;
            seat.last = ordered.number;
            let bytes = ordered.bytes.to_vec();
            inputs.push(Input { from: seat.endpoint, number: ordered.number, bytes });
        }
        Some((seats, inputs))
    }

    /// This endpoint becomes a member. Inputs that it sent before may have been applied, and are not sent again.
    fn enter(&mut self, sent: u32) -> usize {
        let before = self.issued.iter().filter(|own| own.number <= sent && !own.is_ordered).count();
        self.issued.retain(|own| own.number > sent);
        before
    }

    /// The bytes, digest and content of a restore point at this tick.
    pub(super) fn point(&self) -> (Vec<u8>, Digest, Point) {
        let seats = Bounded::new(self.seats.clone()).expect("members are counted when they come");
        let world = Bytes::new(self.simulation.snapshot()).expect("a snapshot is at most that long");
        let point = Point { tick: self.tick, seats, world };
        let bytes = point.encode();
        let digest = *blake3::hash(&bytes).as_bytes();
        (bytes, digest, point)
    }

    /// Goes on from a restore point of another.
    pub(super) fn restore(&mut self, point: Point) -> Result<(), S::Refusal> {
        self.simulation.restore(&point.world)?;
        (self.tick, self.seats, self.digest) = (point.tick, point.seats.into_inner(), None);
        #[cfg(feature = "planted-bugs")]
        self.late.clear();
        if let Some(last) = self.seat(self.me).map(|seat| seat.last) {
            // Inputs that the last orderer had ordered, and this one has not seen, wait again.
            self.issued.iter_mut().for_each(|own| own.is_ordered = own.number <= last);
        }
        Ok(())
    }
}
