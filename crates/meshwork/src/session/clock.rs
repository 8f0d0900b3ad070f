//! The clock of sessions.

use meshwork_core::time::Time;
#[cfg(not(target_arch = "wasm32"))]
use tokio::time::Instant;

/// A clock that begins with the endpoint: the runtime's, which tests pause, or the page's.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    #[cfg(not(target_arch = "wasm32"))]
    begun: Instant,
}

impl Clock {
    pub(crate) fn begin() -> Clock {
        Clock {
            #[cfg(not(target_arch = "wasm32"))]
            begun: Instant::now(),
        }
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn now(&self) -> Time {
        Time(0) + self.begun.elapsed()
    }

    /// Pages have one clock since they were opened.
    #[cfg(target_arch = "wasm32")]
    #[allow(clippy::unused_self, reason = "the same call as natively")]
    pub(crate) fn now(&self) -> Time {
        meshwork_rtc::web::now()
    }
}
