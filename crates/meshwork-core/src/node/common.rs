//! The shared state of all parts of a node: clocks, identity, configuration, chance, and the queue of outputs.

use alloc::collections::VecDeque;
use alloc::string::String;

use super::people::People;
use crate::id::{Endpoint, Identity, Instance};
use crate::rng::{Rng, Seed};
use crate::room::Signer;
use crate::seam::config::Config;
use crate::seam::event::{Event, LinkState, Refusal};
use crate::seam::io::Effect;
use crate::signalling::announce;
use crate::signalling::protocol::Announcement;
use crate::signalling::sealing::SealingKey;
use crate::text::make_fit;
use crate::time::{Now, Time, WallTime};

/// Endpoints that a node remembers: ten full rooms and those that left them within a minute.
pub const PEERS_MAX: usize = 512;
/// Connection attempts under way at a time: two for everybody in a full room, and some more.
pub const PENDING_MAX: usize = 64;

/// An act that no honest endpoint commits, and its report.
pub(super) type Offence = (Refusal, String);

/// An output of a node.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// The driver must execute this.
    Effect(Effect),
    /// An event for the application.
    Event(Event),
}

/// Lent to the acting part of the node.
pub(super) struct Own {
    pub(super) config: Config,
    pub(super) identity: Signer,
    /// This endpoint.
    pub(super) me: Endpoint,
    /// Opens signals sealed for us.
    pub(super) sealing: SealingKey,
    /// The public half of it, signed.
    pub(super) announcement: Announcement,
    pub(super) rng: Rng,
    pub(super) now: Now,
    /// The display state of others.
    pub(super) people: People,
    outputs: VecDeque<Output>,
}

impl Own {
    pub(super) fn new(config: Config, identity: Identity, seed: Seed, now: Now) -> Own {
        let mut rng = Rng::new(seed);
        let me = Endpoint { peer: identity.peer(), instance: Instance(rng.next_u64()) };
        let sealing = SealingKey::generate(&mut rng);
        let announcement = announce::announce(&identity, me, sealing.public());
        let (people, outputs) = (People::default(), VecDeque::new());
        let identity = Signer::new(identity);
        Own { config, identity, me, sealing, announcement, rng, now, people, outputs }
    }

    /// The present moment of the monotonic clock.
    pub(super) fn time(&self) -> Time {
        self.now.time
    }

    /// Both clocks at `now`; they never go back.
    pub(super) fn at(&self, now: Time) -> Now {
        let passed = now.since(self.now.time);
        Now { time: self.now.time + passed, wall: self.now.wall + passed }
    }

    /// Moves both clocks on. Time that goes back counts as standing still.
    pub(super) fn move_on(&mut self, now: Time) {
        #[cfg(feature = "planted-bugs")]
        crate::planted::enter(self.config.planted);
        self.now = self.at(now);
    }

    /// The civil clock was read.
    pub(super) fn set_clock(&mut self, now: Time, wall: WallTime) {
        self.now = Now { time: now.max(self.now.time), wall };
    }

    /// The next output.
    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub(super) fn has_outputs(&self) -> bool {
        !self.outputs.is_empty()
    }

    pub(super) fn effect(&mut self, effect: Effect) {
        self.outputs.push_back(Output::Effect(effect));
    }

    pub(super) fn event(&mut self, mut event: Event) {
        event.make_fit_to_show();
        self.outputs.push_back(Output::Event(event));
    }

    /// Counts and reports a refusal.
    pub(super) fn refuse(&mut self, endpoint: Option<Endpoint>, reason: Refusal, detail: String) {
        self.refuse_many(endpoint, reason, detail, 1);
    }

    /// The same, this number of times at once.
    pub(super) fn refuse_many(
        &mut self,
        endpoint: Option<Endpoint>,
        reason: Refusal,
        detail: String,
        times: u64,
    ) {
        let count = self.people.count_refusals(endpoint, reason, times);
        self.event(Event::Refused { endpoint, reason, detail, count });
    }

    /// The link to a known endpoint has this state, for this reason.
    pub(super) fn set_state(&mut self, endpoint: Endpoint, state: LinkState, mut reason: Option<String>) {
        reason.iter_mut().for_each(make_fit);
        if self.people.set_state(self.now.time, endpoint, state, reason.as_deref()) {
            self.event(Event::Link { endpoint, state, reason });
        }
    }
}
