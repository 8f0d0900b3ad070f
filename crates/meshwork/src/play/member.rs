//! The session of a player as the library runs it, with ticks for an engine that has no clock of its own.

use std::time::Duration;

use meshwork_core::time::Time;
use meshwork_play::session::{TOPIC, TOPICS};
use meshwork_play::{Event, Output as GameOutput, ToGame};

use crate::session::{Input, Linked, Output, Session};
use crate::topic::Lane;

/// A sixtieth of a second.
const TICK: Duration = Duration::from_nanos(1_000_000_000 / 60);
/// Ticks that a host that was held up makes up for; beyond them it skips.
const BEHIND_MAX: u32 = 5;

/// One member of a party.
pub(super) struct PartyMember {
    pub(super) session: meshwork_play::Session,
    /// Whether its engine is stepped from here while it hosts.
    needs_clock: bool,
    /// The next tick, while it hosts.
    next_tick: Option<Time>,
}

/// An effect outside the room.
pub(super) enum Effect {
    /// A message to the engine, and the seat of this program at that moment.
    Game(Option<u8>, ToGame),
    /// An event for the person.
    Event(Event),
}

impl PartyMember {
    pub(super) fn new(session: meshwork_play::Session, needs_clock: bool) -> PartyMember {
        PartyMember { session, needs_clock, next_tick: None }
    }

    fn ticks(&self) -> bool {
        self.needs_clock && self.session.is_host()
    }

    fn handle_timeout(&mut self, now: Time) {
        if self.session.poll_timeout().is_some_and(|due| due <= now) {
            self.session.handle_timeout(now);
        }
        if !self.ticks() {
            return;
        }
        let tick = self.next_tick.unwrap_or(now);
        if tick <= now {
            let next = tick + TICK;
            self.next_tick = Some(if next + TICK * BEHIND_MAX < now { now + TICK } else { next });
            self.session.handle_clock(now);
        }
    }
}

impl Session for PartyMember {
    type Effect = Effect;
    const TOPICS: &'static [&'static str] = &TOPICS;

    fn handle(&mut self, now: Time, input: Input<'_>) {
        let session = &mut self.session;
        match input {
            Input::Link { endpoint, link } => session.handle_link(now, endpoint, linked(link)),
            Input::Presence { endpoint, value } => session.handle_present(now, endpoint, value),
            Input::Message { from, topic, lane, bytes } => match lane {
                Lane::Datagram => session.handle_datagram(now, from, topic, bytes),
                Lane::Direct => session.handle_direct(now, from, bytes),
                Lane::Say => session.handle_said(now, from, topic, bytes),
            },
            Input::Timeout => self.handle_timeout(now),
            _ => {}
        }
    }

    fn poll_output(&mut self) -> Option<Output<Effect>> {
        if !self.ticks() {
            self.next_tick = None;
        }
        Some(match self.session.poll_output()? {
            GameOutput::Datagram { to, topic, bytes } => Output::Datagram { to, topic, bytes },
            GameOutput::Direct { to, bytes } => Output::Direct { to, topic: TOPIC, bytes },
            GameOutput::Say { topic, bytes } => Output::Say { topic, bytes },
            GameOutput::Present(bytes) => Output::Presence(Some(bytes).filter(|bytes| !bytes.is_empty())),
            GameOutput::Pin(endpoint) => Output::Visit(endpoint),
            GameOutput::Unpin(endpoint) => Output::EndVisit(endpoint),
            GameOutput::Game(message) => Output::Effect(Effect::Game(self.session.slot(), message)),
            GameOutput::Event(event) => Output::Effect(Effect::Event(event)),
        })
    }

    fn poll_timeout(&self) -> Option<Time> {
        // A tick without a time is the first one, which is due now.
        let tick = self.ticks().then(|| self.next_tick.unwrap_or(Time(0)));
        self.session.poll_timeout().into_iter().chain(tick).min()
    }

    fn is_over(&self) -> bool {
        self.session.poll_timeout().is_none()
    }
}

fn linked(link: Linked) -> meshwork_play::Linked {
    match link {
        Linked::Near(rtt) => meshwork_play::Linked::Near(rtt),
        Linked::Far => meshwork_play::Linked::Far,
        Linked::Gone { goodbye } => meshwork_play::Linked::Gone { goodbye },
    }
}
