//! The end of a unit: its deadline, and a flag by which the pool stops its run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A flag that stops a run. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The limit of a unit in time.
#[derive(Clone)]
pub(crate) struct Limit {
    stop: Stop,
    #[cfg(feature = "gpu")]
    time: Duration,
    deadline: Instant,
}

impl Limit {
    /// A unit that begins here and may take this long.
    pub(crate) fn new(stop: &Stop, time: Duration) -> Limit {
        Limit {
            stop: stop.clone(),
            #[cfg(feature = "gpu")]
            time,
            deadline: Instant::now() + time,
        }
    }

    /// Whether the unit must end: its time is up, or its run is stopped.
    pub(crate) fn is_over(&self) -> bool {
        self.stop.is_set() || Instant::now() >= self.deadline
    }

    /// The same time, which begins here.
    #[cfg(feature = "gpu")]
    pub(crate) fn renewed(&self) -> Limit {
        Limit::new(&self.stop, self.time)
    }

    /// Whether the time is up.
    #[cfg(feature = "gpu")]
    pub(crate) fn is_late(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Whether the run is stopped.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.is_set()
    }
}
