//! What looks different in a room, as its app hears it.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::fmt;

/// What looks different in a replica, in the words of its family.
#[derive(Clone)]
pub struct Changes(Arc<dyn Any + Send + Sync>);

impl Changes {
    /// These changes; `None` when there are none.
    pub fn new<C: Any + Send + Sync>(changes: Vec<C>) -> Option<Changes> {
        (!changes.is_empty()).then(|| Changes(Arc::new(changes)))
    }

    /// The changes, if they are of this kind; else none.
    pub fn of<C: Any>(&self) -> &[C] {
        self.0.downcast_ref::<Vec<C>>().map(Vec::as_slice).unwrap_or_default()
    }
}

impl PartialEq for Changes {
    /// Whether both are the very same changes.
    fn eq(&self, other: &Changes) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Changes(..)")
    }
}
