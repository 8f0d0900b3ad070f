//! States from the host to its players: differences by datagram, whole ones as direct messages.

use std::collections::BTreeMap;
use std::time::Duration;

use meshwork_core::id::Endpoint;
use meshwork_core::time::Time;
use meshwork_core::wire;

use super::engine::Tick;
use super::lobby::Phase;
use super::types::Output;
use super::{Session, TOPIC};
use crate::packets::{self, Direct, Said, StateHead, StatePart, TOPICS, Whole};

/// Time between two whole states to a player.
const WHOLE_REST: Duration = Duration::from_millis(500);
/// Time between two signs of life if no state is sent.
const BEAT: Duration = Duration::from_millis(200);

/// Ticks between two states of so many packets: 60, 30 and 20 states a second keep below 100 packets.
fn interval(parts: usize) -> Tick {
    match parts {
        0 | 1 => 1,
        2 => 2,
        _ => 3,
    }
}

impl Session {
    pub(crate) fn direct(&mut self, to: Endpoint, message: &Direct) {
        self.outputs.push_back(Output::Direct { to, bytes: wire::encode(message) });
    }

    pub(crate) fn say(&mut self, message: &Said) {
        self.outputs.push_back(Output::Say { topic: TOPIC, bytes: wire::encode(message) });
    }

    /// What stands in front of a packet of the newest state.
    pub(crate) fn head(&self) -> StateHead {
        let tick = self.frames.newest().map_or(0, |frame| frame.tick);
        let round = self.frames.round;
        let (line, term) = (self.lobby.line, self.lobby.term);
        StateHead { line, term, round, tick, back: 0, sent: self.lobby.version, waiting: 0, part: 0 }
    }

    /// Sends the newest state to each player that is due for one.
    pub(crate) fn send_states(&mut self, now: Time) {
        let head = self.head();
        let me = self.me;
        let Some(hosting) = &mut self.hosting else { return };
        let mut bodies: BTreeMap<Tick, Option<Vec<u8>>> = BTreeMap::new();
        let mut whole = Vec::new();
        let mut sent = 0;
        for (slot, feed) in &mut hosting.feeds {
            if feed.endpoint == me || head.tick < feed.due || !self.star.is_linked(feed.endpoint) {
                continue;
            }
            let base = feed.acked.filter(|base| *base < head.tick && self.frames.frame(*base).is_some());
            let body = base.and_then(|base| {
                let body = bodies.entry(base).or_insert_with(|| self.frames.body(base));
                Some((base, body.as_ref()?))
            });
            let parts = body.and_then(|(base, body)| {
                let waiting = feed.queue.waiting().min(255) as u8;
                let back = u32::try_from(head.tick - base).ok()?;
                packets::split(StateHead { back, sent: feed.sent + 1, waiting, ..head }, body)
            });
            let Some(parts) = parts else {
                whole.push(*slot);
                continue;
            };
            feed.sent += 1;
            feed.due = head.tick + interval(parts.len());
            feed.beat_at = now;
            sent = sent.max(body.map_or(0, |(_, body)| body.len()));
            for (part, topic) in parts.iter().zip(TOPICS) {
                let bytes = part.encode();
                self.outputs.push_back(Output::Datagram { to: Some(feed.endpoint), topic, bytes });
            }
        }
        self.meter.size(sent);
        self.welcome_slots(now, whole);
    }

    /// Shows players without states that the host is there.
    pub(crate) fn send_beats(&mut self, now: Time) {
        let bytes = StatePart { head: self.head(), bytes: Vec::new() }.encode();
        let me = self.me;
        let Some(hosting) = &mut self.hosting else { return };
        for feed in hosting.feeds.values_mut() {
            let is_due = now.since(feed.beat_at) >= BEAT && self.star.is_linked(feed.endpoint);
            if feed.endpoint != me && is_due {
                feed.beat_at = now;
                let to = Some(feed.endpoint);
                self.outputs.push_back(Output::Datagram { to, topic: TOPICS[0], bytes: bytes.clone() });
            }
        }
    }

    /// The newest state as a whole, during a match.
    pub(crate) fn whole(&self) -> Option<Whole> {
        if self.lobby.phase == Phase::Playing { self.frames.whole(&self.lobby) } else { None }
    }

    /// Sends lobby and whole state to the player of a slot, if it is due for them.
    pub(crate) fn welcome_slot(&mut self, now: Time, slot: u8) {
        self.welcome_slots(now, vec![slot]);
    }

    /// The same for several slots: the message of all is encoded once.
    fn welcome_slots(&mut self, now: Time, slots: Vec<u8>) {
        let me = self.me;
        let Some(hosting) = &mut self.hosting else { return };
        let mut due = Vec::new();
        for (slot, feed) in &mut hosting.feeds {
            let is_due = feed.whole_at.is_none_or(|at| now.since(at) >= WHOLE_REST);
            if slots.contains(slot) && feed.endpoint != me && is_due {
                feed.whole_at = Some(now);
                due.push(feed.endpoint);
            }
        }
        if due.is_empty() {
            return;
        }
        let lobby = self.lobby.as_ref().clone();
        let bytes = wire::encode(&Direct::Welcome { lobby, whole: self.whole() });
        self.outputs.extend(due.into_iter().map(|to| Output::Direct { to, bytes: bytes.clone() }));
    }

    /// Sends lobby and whole state to all players.
    pub(crate) fn welcome_all(&mut self, now: Time) {
        let slots: Vec<u8> = self.lobby.seats.iter().map(|seat| seat.slot).collect();
        self.welcome_slots(now, slots);
        if let Some(hosting) = &mut self.hosting {
            hosting.say_soon();
        }
        self.say_lobby(now);
    }
}
