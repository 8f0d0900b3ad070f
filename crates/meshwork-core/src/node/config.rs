//! Every timer and limit of a node, with its meaning, unit and legal range.

use alloc::string::String;
use core::time::Duration;

/// Endpoints of one room in a full mesh: 24 endpoints keep 276 links, and each page 23 of them.
pub const ROOM_ENDPOINTS_MAX: usize = 24;

/// How a node behaves. `Config::default()` is right for a page; a keeper sets `stores`, a one-shot program
/// clears `stays`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// What people call this peer; cut to 32 bytes on the wire. May be empty.
    pub name: String,
    /// Whether this endpoint is expected to stay in its rooms (a page or a keeper): only such members
    /// acknowledge batches, so that a painter may leave.
    pub stays: bool,
    /// Whether the driver answers [`Effect::Persist`](super::io::Effect::Persist): batches are then
    /// acknowledged only when they are on durable storage.
    pub stores: bool,
    /// Whether the driver also keeps every batch that is accepted, in order: a history that can be replayed. No
    /// effect without `stores`.
    pub keeps_history: bool,
    /// Silence on a link after which it is pinged and pinged again. 200 ms to 2 s; a third of `stale_after` or
    /// less, so that one lost ping does not make a link stale.
    pub ping_interval: Duration,
    /// Silence after which a link is stale. 1 s to 30 s, longer than two pings.
    pub stale_after: Duration,
    /// Silence after which a link is gone. Longer than `stale_after`, at most 60 s.
    pub gone_after: Duration,
    /// How long a connection attempt may take until the link is proved. 2 s to 60 s; ICE itself needs up to
    /// some seconds on bad networks.
    pub connect_timeout: Duration,
    /// First pause before a link or server connection is made again; doubles with jitter at each failure.
    pub retry_least: Duration,
    /// Longest such pause.
    pub retry_most: Duration,
    /// Stamps further ahead of room time than this are held back until due. 1 s to 60 s.
    pub stamp_ahead_max: Duration,
    /// Signatures of received batches that are checked in one call of the node; while more wait, the node asks to
    /// be called again at once. 1 to 4096. A page has 16 ms for a frame and a signature takes it 0.1 to 0.3 ms;
    /// more at a time make a join no faster.
    pub signatures_per_call: usize,
    /// A fault on purpose, so that the simulator can show that a checker notices it.
    #[cfg(feature = "planted-bugs")]
    pub planted: Option<PlantedBug>,
}

/// Faults that can be planted.
#[cfg(feature = "planted-bugs")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlantedBug {
    /// Clocks do not merge what others stamped.
    ClockMerge,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            name: String::new(),
            stays: true,
            stores: false,
            keeps_history: false,
            ping_interval: Duration::from_secs(1),
            stale_after: Duration::from_secs(3),
            gone_after: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(15),
            retry_least: Duration::from_millis(250),
            retry_most: Duration::from_secs(15),
            stamp_ahead_max: Duration::from_secs(10),
            signatures_per_call: 16,
            #[cfg(feature = "planted-bugs")]
            planted: None,
        }
    }
}
