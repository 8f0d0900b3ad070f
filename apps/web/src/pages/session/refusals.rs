//! What was refused from outside.

use leptos::prelude::*;
use meshwork_core::id::Endpoint;
use meshwork_core::node::Refusal;
use meshwork_web::texts;
use meshwork_web::texts::notices::Notice;

use super::people::People;

/// Refusals that are shown; the newest count.
const REFUSALS_MAX: usize = 3;

/// Copies are the same one.
#[derive(Clone, Copy)]
pub(crate) struct Refusals {
    /// One notice for a reason and a person.
    pub(crate) shown: RwSignal<Vec<(Refusal, Option<Endpoint>, Notice)>>,
}

impl Refusals {
    pub(super) fn new() -> Refusals {
        Refusals { shown: RwSignal::new(Vec::new()) }
    }

    pub(super) fn tell(self, endpoint: Option<Endpoint>, reason: Refusal, detail: &str, people: People) {
        if !reason.concerns_people() {
            return;
        }
        let who = endpoint.map_or_else(|| texts::notices::SOMEONE.to_owned(), |who| people.called(who));
        let notice = match (reason, endpoint) {
            (Refusal::Version, None) => texts::notices::server_version(detail),
            _ => texts::notices::refusal(reason, &who, detail),
        };
        self.show(reason, endpoint, notice);
    }

    pub(super) fn show(self, reason: Refusal, endpoint: Option<Endpoint>, notice: Notice) {
        self.shown.update(|shown| {
            shown.retain(|(known, from, _)| (*known, *from) != (reason, endpoint));
            shown.push((reason, endpoint, notice));
            let surplus = shown.len().saturating_sub(REFUSALS_MAX);
            shown.drain(..surplus);
        });
    }

    /// That somebody lets us in no more is said elsewhere.
    pub(super) fn drop_proof(self, of: Endpoint) {
        self.shown.update(|shown| {
            shown.retain(|(reason, from, _)| (*reason, *from) != (Refusal::RoomProof, Some(of)));
        });
    }

    /// What the meeting point refused is no news once that lets us in.
    pub(super) fn drop_server(self) {
        let is_of_server = |reason: Refusal, from: Option<Endpoint>| {
            reason == Refusal::Server || reason == Refusal::Version && from.is_none()
        };
        self.shown.update(|shown| shown.retain(|(reason, from, _)| !is_of_server(*reason, *from)));
    }

    /// That the meeting point speaks another version, if it does; tracked.
    pub(crate) fn old_version(self) -> Option<Notice> {
        self.shown.with(|shown| {
            let known = shown.iter().find(|(reason, from, _)| *reason == Refusal::Version && from.is_none());
            known.map(|(_, _, notice)| notice.clone())
        })
    }
}
