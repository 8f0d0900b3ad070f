//! The display state of other endpoints: names, link states with reasons, and counts of refusals.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;

use super::endpoints::Endpoints;
use crate::id::Endpoint;
use crate::seam::event::{LinkState, Refusal};
use crate::time::Time;

/// Refusal counters; further endpoints share one.
pub(super) const COUNTERS_MAX: usize = 1024;

/// The display state of another endpoint.
#[derive(Clone, Debug)]
pub(super) struct Person {
    /// State of the link.
    pub(super) state: LinkState,
    /// Its begin.
    pub(super) since: Time,
    /// Its reason.
    pub(super) reason: Option<String>,
    /// Its name.
    pub(super) name: String,
}

/// All known and all refused endpoints.
#[derive(Debug, Default)]
pub(super) struct People {
    people: Endpoints<Person>,
    refusals: BTreeMap<(Option<Endpoint>, Refusal), u64>,
}

impl People {
    /// An endpoint is known from here on.
    pub(super) fn insert(&mut self, now: Time, endpoint: Endpoint) {
        let (state, reason, name) = (LinkState::Connecting, None, String::new());
        self.people.insert(endpoint, Person { state, since: now, reason, name });
    }

    pub(super) fn remove(&mut self, endpoint: Endpoint) {
        self.people.remove(endpoint);
    }

    pub(super) fn clear(&mut self) {
        self.people.clear();
    }

    pub(super) fn get(&self, endpoint: Endpoint) -> Option<&Person> {
        self.people.get(endpoint)
    }

    /// All known endpoints, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Person> {
        self.people.iter().map(|(_, person)| person)
    }

    /// Endpoints whose display state may have changed since the last call.
    pub(super) fn take_changed(&self) -> BTreeSet<Endpoint> {
        self.people.take_changed()
    }

    /// The state of the link to a known endpoint.
    pub(super) fn state(&self, endpoint: Endpoint) -> Option<LinkState> {
        Some(self.people.get(endpoint)?.state)
    }

    pub(super) fn set_name(&mut self, endpoint: Endpoint, name: String) {
        if let Some(person) = self.people.get_mut(endpoint) {
            person.name = name;
        }
    }

    /// Returns whether that is new, for a known endpoint.
    pub(super) fn set_state(
        &mut self,
        now: Time,
        endpoint: Endpoint,
        state: LinkState,
        reason: Option<&str>,
    ) -> bool {
        let Some(person) = self.people.get_mut(endpoint) else { return false };
        let is_news = person.state != state || person.reason.as_deref() != reason;
        if is_news {
            (person.state, person.since, person.reason) = (state, now, reason.map(String::from));
        }
        is_news
    }

    /// Counts further refusals. Returns the sum.
    pub(super) fn count_refusals(&mut self, endpoint: Option<Endpoint>, reason: Refusal, times: u64) -> u64 {
        let is_counted =
            self.refusals.len() < COUNTERS_MAX || self.refusals.contains_key(&(endpoint, reason));
        let counted = endpoint.filter(|_| is_counted);
        let count = self.refusals.entry((counted, reason)).or_default();
        *count = count.saturating_add(times);
        *count
    }

    #[cfg(test)]
    pub(super) fn counters(&self) -> usize {
        self.refusals.len()
    }
}
