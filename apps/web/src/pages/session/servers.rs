//! What became of the room's meeting points.

use std::collections::BTreeMap;

use leptos::prelude::*;
use meshwork_core::node::ServerState;

use super::set_if_new;

/// A room may have several: one that answers is enough. Copies are the same one.
#[derive(Clone, Copy)]
pub(crate) struct Servers {
    states: StoredValue<BTreeMap<String, ServerState>>,
    /// What became of the one that is reached best.
    pub(crate) best: RwSignal<Option<ServerState>>,
}

impl Servers {
    pub(super) fn new() -> Servers {
        Servers { states: StoredValue::new(BTreeMap::new()), best: RwSignal::new(None) }
    }

    /// While one that was away is tried again it stays away, so that nothing flickers.
    pub(super) fn hear(self, url: String, state: ServerState) {
        self.states.update_value(|states| {
            let known = states.entry(url).or_insert(ServerState::Connecting);
            if state != ServerState::Connecting || *known == ServerState::Connected {
                *known = state;
            }
        });
        let best = self.states.with_value(|states| {
            let rank = |state: &&ServerState| match state {
                ServerState::Connected => 0,
                ServerState::Connecting => 1,
                ServerState::Away { .. } => 2,
            };
            states.values().min_by_key(rank).cloned()
        });
        set_if_new(self.best, best);
    }

    /// None is asked any more.
    pub(super) fn forget(self) {
        self.states.update_value(BTreeMap::clear);
        self.best.set(None);
    }

    /// Why the meeting point is away, if it is; tracked.
    pub(crate) fn away(self) -> Option<String> {
        match self.best.get() {
            Some(ServerState::Away { reason }) => Some(reason),
            _ => None,
        }
    }
}
