//! Oneself: one's key, what one is called, and what others see of one's network.

use leptos::prelude::*;
use leptos::reactive::owner::LocalStorage;
use meshwork_core::id::Identity;
use meshwork_rtc::web::IdentityStorage;

use super::super::{browser, hide, name_field};
use super::node::PageNode;

/// Copies are the same one.
#[derive(Clone, Copy)]
pub(crate) struct Oneself {
    node: PageNode,
    key: StoredValue<Identity, LocalStorage>,
    /// Whether the profile keeps who we are.
    pub(crate) is_key_kept: bool,
    /// The short name of the key that this profile had until it was cleared, where that is known.
    pub(crate) key_before: StoredValue<Option<String>>,
    /// Whether the sheet of one's key is shown.
    pub(crate) is_key_open: RwSignal<bool>,
    /// What one is called.
    pub(crate) name: RwSignal<String>,
    /// Whether one hides one's network address.
    pub(crate) hides_address: RwSignal<bool>,
}

impl Oneself {
    pub(super) fn new(node: PageNode, key: Identity, storage: &IdentityStorage) -> Oneself {
        let now = key.peer().short();
        // What this page left beside its address outlives storage that was cleared.
        let before = browser::exchange_trace(&now);
        let before =
            before.filter(|before| *storage == IdentityStorage::New && !before.is_empty() && *before != now);
        Oneself {
            node,
            key: StoredValue::new_local(key),
            is_key_kept: !matches!(storage, IdentityStorage::ThrownAway { .. }),
            key_before: StoredValue::new(before),
            is_key_open: RwSignal::new(false),
            name: RwSignal::new(name_field::kept()),
            hides_address: RwSignal::new(hide::kept()),
        }
    }

    /// One's key.
    pub(crate) fn key(self) -> Identity {
        self.key.get_value()
    }

    /// Changes what one is called.
    pub(crate) fn set_name(self, name: String) {
        self.node.with(|node, now| node.set_name(now, name.trim()));
        self.name.set(name);
    }

    /// Hides one's network address from others, or no longer does.
    pub(crate) fn set_hides_address(self, hides: bool) {
        self.node.with(|node, now| node.set_hides_address(now, hides));
        self.hides_address.set(hides);
    }
}
