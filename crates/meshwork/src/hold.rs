//! An endpoint's handles: the endpoint ends when the last one is dropped.

use std::sync::{Arc, Weak};

use crate::shared::Shared;

/// Held by the clones of an endpoint and by its rooms, and by nothing that runs beside them.
pub(crate) struct Hold(Arc<Shared>);

impl Hold {
    pub(crate) fn new(shared: &Arc<Shared>) -> Arc<Hold> {
        let hold = Arc::new(Hold(Arc::clone(shared)));
        shared.set_hold(Arc::downgrade(&hold));
        hold
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.runner.end();
    }
}

/// Finds the hold of an endpoint, while there is one.
pub(crate) type FindHold = std::sync::OnceLock<Weak<Hold>>;
