//! The clock of a player.

use meshwork_core::time::Time;
#[cfg(not(target_arch = "wasm32"))]
use tokio::time::Instant;

/// A clock that begins with the player: the runtime's, which tests pause, or the page's.
pub(super) struct Clock {
    #[cfg(not(target_arch = "wasm32"))]
    begun: Instant,
}

impl Clock {
    pub(super) fn begin() -> Clock {
        Clock {
            #[cfg(not(target_arch = "wasm32"))]
            begun: Instant::now(),
        }
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn now(&self) -> Time {
        Time(0) + self.begun.elapsed()
    }

    /// Pages have one clock since they were opened.
    #[cfg(target_arch = "wasm32")]
    #[allow(clippy::unused_self, reason = "the same call as natively")]
    pub(super) fn now(&self) -> Time {
        meshwork_rtc::web::now()
    }
}
