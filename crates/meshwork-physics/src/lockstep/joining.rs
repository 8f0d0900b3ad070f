//! A member that fetches a restore point.

use std::time::Duration;

use meshwork_core::time::Time;

use super::following::Follow;
use super::message::{Line, Message, PART_MAX, Point};
use super::{Base, Event, LISTEN, Role, SILENCE, Simulation, Violation};
use crate::snapshot::Digest;

/// Time after which a question is asked again.
const AGAIN: Duration = Duration::from_millis(200);
/// Time after which a point that was none is asked for again.
const AFTER_LIE: Duration = Duration::from_secs(1);
/// Parts that are sent for one question.
pub(super) const PARTS_PER_WANT: usize = 4;

/// A member that joins a line.
pub(super) struct Join {
    pub(super) line: Line,
    heard: Time,
    ask_at: Time,
    fetch: Option<Fetch>,
}

/// A restore point that is on its way.
struct Fetch {
    tick: u64,
    digest: Digest,
    length: usize,
    bytes: Vec<u8>,
}

impl Join {
    pub(super) fn new<S: Simulation>(now: Time, base: &mut Base<S>, line: Line) -> Join {
        base.tell(Event::Joining(line));
        let mut join = Join { line, heard: now, ask_at: now, fetch: None };
        join.ask(now, base);
        join
    }

    pub(super) fn due(&self) -> Time {
        self.ask_at.min(self.heard + 2 * SILENCE)
    }

    pub(super) fn timeout<S: Simulation>(&mut self, now: Time, base: &mut Base<S>) -> Option<Role> {
        if now >= self.heard + 2 * SILENCE {
            return Some(Role::Listening(now + LISTEN));
        }
        if now >= self.ask_at {
            self.ask(now, base);
        }
        None
    }

    fn ask<S: Simulation>(&mut self, now: Time, base: &mut Base<S>) {
        let message = match &self.fetch {
            Some(fetch) => Message::Want(self.line, fetch.tick, fetch.bytes.len() as u32),
            None => Message::Hello(self.line, base.shared.sent),
        };
        base.send(self.line.orderer, &message);
        self.ask_at = now + AGAIN;
    }

    pub(super) fn handle<S: Simulation>(
        &mut self,
        now: Time,
        base: &mut Base<S>,
        message: Message,
    ) -> Option<Role> {
        match message {
            Message::Beat(_) | Message::Ticks(..) | Message::Differs(..) => self.heard = now,
            Message::Offer(_, tick, digest, length) => {
                self.heard = now;
                if self.fetch.as_ref().is_some_and(|fetch| fetch.tick >= tick) {
                    base.refused.past += 1;
                    return None;
                }
                if base.shared.tick == tick {
                    let (_, own, point) = base.shared.point();
                    if own == digest {
                        return self.restore(now, base, point);
                    }
                }
                self.fetch = Some(Fetch { tick, digest, length: length as usize, bytes: Vec::new() });
                self.ask(now, base);
            }
            Message::Part(_, tick, at, bytes) => {
                self.heard = now;
                return self.part(now, base, (tick, at as usize), &bytes);
            }
            _ => base.refused.astray += 1,
        }
        None
    }

    fn part<S: Simulation>(
        &mut self,
        now: Time,
        base: &mut Base<S>,
        (tick, at): (u64, usize),
        bytes: &[u8],
    ) -> Option<Role> {
        let Some(fetch) = self.fetch.as_mut().filter(|fetch| fetch.tick == tick && fetch.bytes.len() == at)
        else {
            base.refused.past += 1;
            return None;
        };
        if bytes.is_empty() || bytes.len() > fetch.length - at {
            return self.lie(now, base, String::from("it is longer than announced"));
        }
        fetch.bytes.extend_from_slice(bytes);
        if fetch.bytes.len() < fetch.length {
            if fetch.bytes.len().is_multiple_of(PARTS_PER_WANT * PART_MAX) {
                self.ask(now, base);
            }
            return None;
        }
        if *blake3::hash(&fetch.bytes).as_bytes() != fetch.digest {
            return self.lie(now, base, String::from("its digest is another one"));
        }
        match Point::decode(&fetch.bytes) {
            Ok(point) if point.tick == tick => self.restore(now, base, point),
            Ok(point) => self.lie(now, base, format!("it is of tick {}", point.tick)),
            Err(error) => self.lie(now, base, error.to_string()),
        }
    }

    fn restore<S: Simulation>(&mut self, now: Time, base: &mut Base<S>, point: Point) -> Option<Role> {
        let tick = point.tick;
        if let Err(refusal) = base.shared.restore(point) {
            return self.lie(now, base, refusal.to_string());
        }
        base.line = Some(self.line);
        base.tell(Event::Restored(tick));
        base.tell(Event::Stepping(self.line));
        Some(Role::Following(Follow::new(now, self.line)))
    }

    fn lie<S: Simulation>(&mut self, now: Time, base: &mut Base<S>, reason: String) -> Option<Role> {
        base.refuse(self.line.orderer, Violation::Point(reason));
        self.fetch = None;
        self.ask_at = now + AFTER_LIE;
        None
    }
}
