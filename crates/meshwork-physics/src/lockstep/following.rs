//! A member that steps by the ticks of another.

use std::time::Duration;

use meshwork_core::time::Time;
use meshwork_core::wire::Bounded;

use super::joining::Join;
use super::message::{INPUTS_PER_TICK, Line, Message, Tick};
use super::ordering::Order;
use super::shared::Applied;
use super::{Base, Event, Role, SILENCE, Simulation, Violation};

/// Bytes of inputs in a report. With the rest of it they fit one datagram, unless one input alone is longer.
const REPORT_BYTES: usize = 600;

/// A member that follows a line.
pub(super) struct Follow {
    pub(super) line: Line,
    heard: Time,
    reported: Time,
    report_at: Time,
}

impl Follow {
    pub(super) fn new(now: Time, line: Line) -> Follow {
        Follow { line, heard: now, reported: Time(0), report_at: now }
    }

    pub(super) fn due<S: Simulation>(&self, base: &Base<S>) -> Time {
        self.report_at.min(self.heard + patience(base, self.line))
    }

    /// There is an input to send.
    pub(super) fn report_soon(&mut self, now: Time) {
        self.report_at = self.report_at.min(now);
    }

    pub(super) fn timeout<S: Simulation>(&mut self, now: Time, base: &mut Base<S>) -> Option<Role> {
        if now >= self.heard + patience(base, self.line) {
            return Some(Order::take_over(now, base));
        }
        if now >= self.report_at {
            self.report(now, base);
        }
        None
    }

    fn report<S: Simulation>(&mut self, now: Time, base: &mut Base<S>) {
        let (mut inputs, mut bytes) = (Vec::new(), 0);
        for (number, input) in base.shared.waiting() {
            bytes += input.len() + 6;
            if inputs.len() >= INPUTS_PER_TICK || (bytes > REPORT_BYTES && !inputs.is_empty()) {
                break;
            }
            inputs.push((number, input.clone()));
        }
        if let Some((number, _)) = inputs.last() {
            base.shared.sent = base.shared.sent.max(*number);
        }
        base.shared.forget(now);
        let inputs = Bounded::new(inputs).expect("they were counted");
        let report = Message::Report(self.line, base.shared.tick, base.shared.digest, inputs);
        base.send(self.line.orderer, &report);
        (self.reported, self.report_at) = (now, now + 4 * base.config.tick);
    }

    pub(super) fn handle<S: Simulation>(
        &mut self,
        now: Time,
        base: &mut Base<S>,
        message: Message,
    ) -> Option<Role> {
        match message {
            Message::Beat(_) => self.heard = now,
            Message::Ticks(_, first, ticks) => {
                self.heard = now;
                self.report_at = self.report_at.min(self.reported + 2 * base.config.tick);
                return self.step(now, base, first, ticks.into_inner());
            }
            Message::Offer(_, tick, ..) if tick <= base.shared.tick => base.refused.past += 1,
            Message::Differs(_, tick) => {
                if base.shared.digest.is_some_and(|(at, _)| at == tick) {
                    base.tell(Event::Differed(base.me, tick));
                }
                return Some(Role::Joining(Join::new(now, base, self.line)));
            }
            Message::Offer(..) => return Some(Role::Joining(Join::new(now, base, self.line))),
            _ => base.refused.astray += 1,
        }
        None
    }

    fn step<S: Simulation>(
        &mut self,
        now: Time,
        base: &mut Base<S>,
        first: u64,
        ticks: Vec<Tick>,
    ) -> Option<Role> {
        let Some(known) = base.shared.tick.checked_sub(first) else {
            base.refused.future += 1;
            return None;
        };
        if known >= ticks.len() as u64 {
            base.refused.past += 1;
            return None;
        }
        for tick in &ticks[known as usize..] {
            let at = base.shared.tick;
            let (applied, lost) = base.shared.apply(tick);
            if lost > 0 {
                base.tell(Event::Lost(lost));
            }
            match applied {
                Applied::Stepped | Applied::Restored => {}
                Applied::Differs => base.tell(Event::Differed(base.me, at + 1)),
                Applied::Contradiction => base.refuse(self.line.orderer, Violation::Tick(at)),
            }
            if matches!(applied, Applied::Differs | Applied::Contradiction) {
                return Some(Role::Joining(Join::new(now, base, self.line)));
            }
        }
        None
    }
}

/// Silence of the orderer after which this member takes over: longer for those that came later.
fn patience<S: Simulation>(base: &Base<S>, line: Line) -> Duration {
    let others = base.shared.seats.iter().filter(|seat| seat.endpoint != line.orderer);
    // Members that are not linked here are not waited for: they left together with the orderer.
    let mut before = others.take_while(|seat| seat.endpoint != base.me);
    let mut rank = 1;
    before.by_ref().filter(|seat| base.here.contains_key(&seat.endpoint)).for_each(|_| rank += 1);
    SILENCE * rank
}
