//! The member that orders inputs.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use meshwork_core::id::Endpoint;
use meshwork_core::time::Time;
use meshwork_core::wire::{Bounded, Bytes, encode};

use super::joining::PARTS_PER_WANT;
use super::message::{
    INPUTS_PER_TICK, InputBytes, Line, MEMBERS_MAX, Message, Ordered, PART_MAX, Seat, TERM_MAX, TICKS_MAX,
    Tick,
};
#[cfg(feature = "planted-bugs")]
use super::planted::{self, Planted};
use super::{Base, Event, Role, Simulation, Violation, WAITING_MAX};
use crate::snapshot::Digest;

/// Time between two beats to endpoints that get no ticks.
const BEAT: Duration = Duration::from_millis(300);
/// Silence after which a member is no member any more.
const GONE: Duration = Duration::from_secs(5);
/// Ticks that are closed at once after a pause. The rest of the pause is skipped.
const AT_ONCE: usize = 8;
/// Age in ticks up to which a restore point serves the next newcomer: ten seconds of replay at most.
const FRESH: u64 = 600;
/// Most ticks that are kept for members that lag: a minute.
const LOG_MAX: usize = 3600;
/// Most bytes of ticks that are kept.
const LOG_BYTES: usize = 4 << 20;
/// Bytes of ticks in a message: one datagram, unless one tick alone is longer.
const SEND_BYTES: usize = 880;
/// Bytes of inputs in a tick: 16 of the longest.
const TICK_BYTES: usize = 8 * 1024;
/// Digests that are kept for members that lag.
const DIGESTS: usize = 16;
/// Parts of a restore point that a member gets between two beats: some 1 MiB a second.
const PARTS: usize = 20;

/// The orderer's state.
pub(super) struct Order {
    pub(super) line: Line,
    tick_at: Time,
    beat_at: Time,
    followers: BTreeMap<Endpoint, Follower>,
    entering: BTreeMap<Endpoint, u32>,
    leaving: BTreeSet<Endpoint>,
    /// Ticks with their lengths, and the number of the first one.
    log: VecDeque<(Tick, usize)>,
    first: u64,
    log_bytes: usize,
    point: Option<Made>,
    is_point_due: bool,
    digests: VecDeque<(u64, Digest)>,
}

/// A restore point.
struct Made {
    tick: u64,
    digest: Digest,
    bytes: Vec<u8>,
}

/// A member that follows, or is about to.
struct Follower {
    /// The tick that it needs next, once it has a world.
    next: Option<u64>,
    heard: Time,
    queue: VecDeque<(u32, InputBytes)>,
    wants_point: bool,
    parts: usize,
    told: Time,
}

impl Follower {
    fn new(now: Time) -> Follower {
        Follower {
            next: None,
            heard: now,
            queue: VecDeque::new(),
            wants_point: false,
            parts: PARTS,
            told: Time(0),
        }
    }
}

impl Order {
    /// Orders from now on, from the world that is here.
    pub(super) fn take_over<S: Simulation>(now: Time, base: &mut Base<S>) -> Role {
        let term = base.line.map_or(0, |line| line.term).saturating_add(1).min(TERM_MAX);
        let line = Line { term, since: base.since, orderer: base.me };
        let shared = &mut base.shared;
        #[cfg(feature = "planted-bugs")]
        {
            if planted::is(Planted::RepeatedTick, base.me) {
                shared.tick = shared.tick.saturating_sub(1);
            }
            if planted::is(Planted::InputsForgotten, base.me) {
                shared.seats.iter_mut().for_each(|seat| seat.last = 0);
            }
        }
        let mut order = Order {
            line,
            tick_at: now,
            beat_at: now,
            followers: BTreeMap::new(),
            entering: BTreeMap::new(),
            leaving: base.line.into_iter().map(|line| line.orderer).filter(|old| *old != base.me).collect(),
            log: VecDeque::new(),
            first: shared.tick,
            log_bytes: 0,
            point: None,
            is_point_due: true,
            digests: VecDeque::new(),
        };
        if shared.seat(base.me).is_none() {
            order.entering.insert(base.me, shared.sent);
        }
        let others = shared.seats.iter().map(|seat| seat.endpoint).filter(|seat| *seat != base.me);
        order.followers.extend(others.map(|seat| (seat, Follower::new(now))));
        base.line = Some(line);
        base.tell(Event::Stepping(line));
        Role::Ordering(Box::new(order))
    }

    pub(super) fn stored(&self) -> usize {
        let queues: usize = self.followers.values().map(|follower| 1 + follower.queue.len()).sum();
        self.log.len() + queues + self.entering.len() + self.leaving.len() + self.digests.len()
    }

    pub(super) fn due(&self) -> Time {
        self.tick_at.min(self.beat_at)
    }

    pub(super) fn gone<S: Simulation>(&mut self, base: &Base<S>, endpoint: Endpoint) {
        self.followers.remove(&endpoint);
        self.entering.remove(&endpoint);
        if base.shared.seat(endpoint).is_some() {
            self.leaving.insert(endpoint);
        }
    }

    pub(super) fn timeout<S: Simulation>(&mut self, now: Time, base: &mut Base<S>) {
        let mut closed = 0;
        while now >= self.tick_at && closed < AT_ONCE {
            self.close(base);
            self.tick_at += base.config.tick;
            closed += 1;
        }
        if closed > 0 {
            self.tick_at = self.tick_at.max(now);
            self.offer(base);
            self.send_ticks(base);
            base.shared.forget(now);
        }
        if now >= self.beat_at {
            self.beat_at = now + BEAT;
            self.drop_silent(now, base);
            let line = Message::Beat(self.line);
            let follows =
                |endpoint| self.followers.get(endpoint).is_some_and(|follower| follower.next.is_some());
            let idle: Vec<Endpoint> = base.here.keys().filter(|here| !follows(here)).copied().collect();
            idle.into_iter().for_each(|endpoint| base.send(endpoint, &line));
            self.followers.values_mut().for_each(|follower| follower.parts = PARTS);
        }
    }

    /// Tells an orderer of a lesser line, or somebody that follows one, that this line is here.
    pub(super) fn beat<S: Simulation>(&self, now: Time, base: &mut Base<S>, to: Endpoint) {
        if let Some(told) = base.here.get_mut(&to).filter(|told| now.since(**told) >= BEAT || told.0 == 0) {
            *told = now;
            base.send(to, &Message::Beat(self.line));
        }
    }

    fn drop_silent<S: Simulation>(&mut self, now: Time, base: &Base<S>) {
        let is_silent = |follower: &Follower| now.since(follower.heard) > GONE;
        let silent: Vec<Endpoint> =
            self.followers.iter().filter(|(_, follower)| is_silent(follower)).map(|(who, _)| *who).collect();
        silent.into_iter().for_each(|endpoint| self.gone(base, endpoint));
    }

    /// Closes a tick and steps the world by it.
    fn close<S: Simulation>(&mut self, base: &mut Base<S>) {
        let mut tick = self.changes(&base.shared.seats);
        let mut seats = base.shared.seats.clone();
        seats.retain(|seat| !tick.leave.contains(&seat.endpoint));
        seats.extend(tick.enter.iter().map(|(endpoint, last)| Seat { endpoint: *endpoint, last: *last }));
        tick.inputs = Bounded::new(self.order(base, &mut seats)).expect("they were counted");
        let (_, lost) = base.shared.apply(&tick);
        if lost > 0 {
            base.tell(Event::Lost(lost));
        }
        if self.is_point_due {
            tick.restore = self.make_point(base);
        }
        if let Some((at, digest)) = base.shared.digest.filter(|(at, _)| *at == base.shared.tick) {
            self.digests.push_back((at, digest));
        }
        while self.digests.len() > DIGESTS {
            self.digests.pop_front();
        }
        let length = encode(&tick).len();
        self.log_bytes += length;
        self.log.push_back((tick, length));
        while self.log.len() > LOG_MAX || self.log_bytes > LOG_BYTES {
            let Some((_, length)) = self.log.pop_front() else { break };
            self.log_bytes -= length;
            self.first += 1;
        }
        if self.point.as_ref().is_some_and(|point| point.tick < self.first) {
            self.point = None;
        }
    }

    /// The members that come and go with the next tick.
    fn changes(&mut self, seats: &[Seat]) -> Tick {
        let leaving = core::mem::take(&mut self.leaving);
        let leave: Vec<Endpoint> =
            seats.iter().map(|seat| seat.endpoint).filter(|seat| leaving.contains(seat)).collect();
        let stays = |endpoint: &Endpoint| {
            !leave.contains(endpoint) && seats.iter().any(|seat| seat.endpoint == *endpoint)
        };
        let room = MEMBERS_MAX + leave.len() - seats.len();
        self.entering.retain(|endpoint, _| !stays(endpoint));
        let enter: Vec<(Endpoint, u32)> =
            self.entering.iter().take(room).map(|(who, last)| (*who, *last)).collect();
        self.entering.retain(|endpoint, _| !enter.iter().any(|(who, _)| who == endpoint));
        Tick {
            leave: Bounded::new(leave).expect("members are few"),
            enter: Bounded::new(enter).expect("they were counted"),
            ..Tick::default()
        }
    }

    /// The inputs of the next tick: one of each member in turn.
    fn order<S: Simulation>(&mut self, base: &Base<S>, seats: &mut [Seat]) -> Vec<Ordered> {
        let mut own = base.shared.waiting().map(|(number, bytes)| (number, bytes.clone()));
        let (mut inputs, mut bytes, begin) = (Vec::new(), 0, base.shared.tick as usize);
        loop {
            let before = inputs.len();
            for turn in 0..seats.len() {
                let at = begin.wrapping_add(turn) % seats.len();
                if inputs.len() >= INPUTS_PER_TICK || bytes >= TICK_BYTES {
                    return inputs;
                }
                let seat = &mut seats[at];
                let next = if seat.endpoint == base.me {
                    own.by_ref().find(|(number, _)| *number > seat.last)
                } else {
                    let queue = self.followers.get_mut(&seat.endpoint).map(|follower| &mut follower.queue);
                    queue.and_then(|queue| {
                        while queue.front().is_some_and(|(number, _)| *number <= seat.last) {
                            queue.pop_front();
                        }
                        queue.pop_front()
                    })
                };
                if let Some((number, input)) = next {
                    seat.last = number;
                    bytes += input.len();
                    inputs.push(Ordered { seat: at as u8, number, bytes: input });
                }
            }
            if inputs.len() == before {
                return inputs;
            }
        }
    }

    /// Makes a restore point of the world, and restores it.
    fn make_point<S: Simulation>(&mut self, base: &mut Base<S>) -> Option<Digest> {
        self.is_point_due = false;
        let (bytes, digest, point) = base.shared.point();
        #[cfg(feature = "planted-bugs")]
        let is_restored = planted::is(Planted::OnlyNewcomerRestores, base.me);
        #[cfg(not(feature = "planted-bugs"))]
        let is_restored = false;
        let restored = if is_restored { Ok(()) } else { base.shared.simulation.restore(&point.world) };
        if let Err(refusal) = restored {
            // The simulation refuses its own snapshot. The others go on as they are, and no newcomer comes in.
            base.refuse(base.me, Violation::Point(refusal.to_string()));
            return None;
        }
        self.point = Some(Made { tick: base.shared.tick, digest, bytes });
        Some(digest)
    }

    /// Offers the restore point to those that wait for one.
    fn offer<S: Simulation>(&mut self, base: &mut Base<S>) {
        let Some(point) = &self.point else { return };
        let offer = Message::Offer(self.line, point.tick, point.digest, point.bytes.len() as u32);
        for (endpoint, follower) in &mut self.followers {
            if core::mem::take(&mut follower.wants_point) {
                base.send(*endpoint, &offer);
            }
        }
    }

    /// Sends each member the ticks that it has not reported.
    fn send_ticks<S: Simulation>(&mut self, base: &mut Base<S>) {
        for (endpoint, follower) in &mut self.followers {
            let Some(next) = follower.next.filter(|next| *next < base.shared.tick) else { continue };
            let Some(skip) = next.checked_sub(self.first) else {
                follower.next = None;
                base.send(*endpoint, &Message::Differs(self.line, next));
                continue;
            };
            let (mut ticks, mut bytes) = (Vec::new(), 0);
            for (tick, length) in self.log.range(skip as usize..) {
                bytes += length;
                if ticks.len() >= TICKS_MAX || (bytes > SEND_BYTES && !ticks.is_empty()) {
                    break;
                }
                ticks.push(tick.clone());
            }
            let ticks = Bounded::new(ticks).expect("they were counted");
            base.send(*endpoint, &Message::Ticks(self.line, next, ticks));
        }
    }

    pub(super) fn handle<S: Simulation>(
        &mut self,
        now: Time,
        base: &mut Base<S>,
        from: Endpoint,
        message: Message,
    ) {
        match message {
            Message::Hello(_, sent) => self.hello(now, base, from, sent),
            Message::Want(_, tick, at) => self.want(now, base, from, (tick, at as usize)),
            Message::Report(_, next, digest, inputs) => {
                self.report(now, base, from, (next, digest), inputs.into_inner());
            }
            _ => base.refused.astray += 1,
        }
    }

    fn hello<S: Simulation>(&mut self, now: Time, base: &mut Base<S>, from: Endpoint, sent: u32) {
        if !self.followers.contains_key(&from) && self.followers.len() + 1 >= MEMBERS_MAX {
            base.refused.many += 1;
            return;
        }
        let follower = self.followers.entry(from).or_insert_with(|| Follower::new(now));
        (follower.heard, follower.next, follower.wants_point) = (now, None, true);
        if base.shared.seat(from).is_none() {
            self.entering.insert(from, sent);
        } else if self.leaving.contains(&from) {
            // It was gone for a moment: it leaves and comes in again.
            self.entering.insert(from, sent);
        }
        self.provide(base);
    }

    /// Offers the restore point, if it still serves, or has one made.
    fn provide<S: Simulation>(&mut self, base: &mut Base<S>) {
        if self.point.as_ref().is_some_and(|point| base.shared.tick - point.tick <= FRESH) {
            self.offer(base);
        } else {
            self.is_point_due = true;
        }
    }

    fn want<S: Simulation>(
        &mut self,
        now: Time,
        base: &mut Base<S>,
        from: Endpoint,
        (tick, at): (u64, usize),
    ) {
        let Some(follower) = self.followers.get_mut(&from) else {
            base.refused.strangers += 1;
            return;
        };
        follower.heard = now;
        let Some(point) = self.point.as_ref().filter(|point| point.tick == tick) else {
            follower.wants_point = true;
            return self.provide(base);
        };
        let rest = point.bytes.get(at..).unwrap_or_default();
        for (number, part) in rest.chunks(PART_MAX).take(PARTS_PER_WANT).enumerate() {
            if follower.parts == 0 {
                base.refused.many += 1;
                return;
            }
            follower.parts -= 1;
            let place = (at + number * PART_MAX) as u32;
            let part = Bytes::new(part.to_vec()).expect("a part is at most that long");
            base.send(from, &Message::Part(self.line, tick, place, part));
        }
    }

    fn report<S: Simulation>(
        &mut self,
        now: Time,
        base: &mut Base<S>,
        from: Endpoint,
        (next, digest): (u64, Option<(u64, Digest)>),
        inputs: Vec<(u32, InputBytes)>,
    ) {
        let Some(follower) = self.followers.get_mut(&from) else {
            // It was silent for too long, and is no member any more. It comes in again.
            base.refused.strangers += 1;
            base.send(from, &Message::Differs(self.line, next));
            return;
        };
        follower.heard = now;
        if next > base.shared.tick {
            base.refused.future += 1;
            return;
        }
        // An older report only makes for repetition, and one from before a restore is corrected by the next.
        follower.next = Some(next);
        let known = digest.and_then(|(at, _)| self.digests.iter().find(|(known, _)| *known == at));
        if known.is_some_and(|known| Some(*known) != digest)
            && now.since(follower.told) >= Duration::from_secs(1)
        {
            let at = digest.map_or(0, |(at, _)| at);
            (follower.told, follower.next) = (now, None);
            base.send(from, &Message::Differs(self.line, at));
            base.tell(Event::Differed(from, at));
        }
        let Some(seat) = base.shared.seat(from) else {
            base.refused.strangers += inputs.len() as u64;
            return;
        };
        for (number, bytes) in inputs {
            let last = follower.queue.back().map_or(seat.last, |(last, _)| *last);
            if number <= last.max(seat.last) {
                base.refused.past += 1;
            } else if follower.queue.len() >= WAITING_MAX {
                base.refused.many += 1;
            } else {
                follower.queue.push_back((number, bytes));
            }
        }
    }
}
