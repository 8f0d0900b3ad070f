//! Every timer and limit of a node, with its meaning, unit and legal range.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::path::NamedServer;
#[cfg(feature = "planted-bugs")]
pub use crate::planted::PlantedBug;

/// Links that an endpoint of an emergent overlay aims for, and keeps beyond that at most.
pub const EMERGENT_DEGREE: (usize, usize) = (12, 16);
/// Endpoints of one room in a full mesh: 24 endpoints keep 276 links, and each page 23 of them.
pub const ROOM_ENDPOINTS_MAX: usize = 24;

/// How a node behaves. `Config::default()` is right for a page; a keeper sets `stores`, a one-shot program
/// clears `stays`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// What people call this peer; cut to 32 bytes on the wire. May be empty.
    pub name: String,
    /// Whether this endpoint is expected to stay in its rooms (a page or a keeper): only such members
    /// acknowledge batches, so that an author may leave.
    pub stays: bool,
    /// Whether the driver answers [`Effect::Persist`](super::io::Effect::Persist): batches are then
    /// acknowledged only when they are on durable storage.
    pub stores: bool,
    /// Whether the driver also keeps every batch that is accepted, in order: a history that can be replayed. No
    /// effect without `stores`.
    pub keeps_history: bool,
    /// Time from one ping of a link to the next. 200 ms to 2 s; less than half of `stale_after`, from which on a link is
    /// asked again and again, so that one that answers is not.
    pub ping_interval: Duration,
    /// Silence after which a link is stale, if the other end was asked for half of it and has had time for three round
    /// trips. 1 s to 30 s; with a ping and a message that was on its way it may take a third more until it is told.
    pub stale_after: Duration,
    /// Silence after which a link is gone. Longer than `stale_after`, at most 60 s.
    pub gone_after: Duration,
    /// Silence after which a new connection is tried under the same session, while the old one still may come
    /// back. `stale_after` to `gone_after`; the shorter, the more connections are made for nothing.
    pub resume_after: Duration,
    /// Time from one attempt to resume a session to the next. 3 s to 15 s, below `resume_probe`, so that there
    /// always is one that is not about to end; each costs both ends a connection and some signals.
    pub resume_interval: Duration,
    /// How long each of these attempts looks for a path. `resume_interval` to twice that, since two of them run
    /// at a time; 5 s to 30 s.
    pub resume_probe: Duration,
    /// How long a session is kept after its last link was last heard: direct messages wait for so long and are
    /// then reported as lost. `gone_after` to 10 min.
    pub resume_within: Duration,
    /// How long a link may take to answer after the network changed, before it is taken for silent. 250 ms to
    /// 5 s, longer than a round trip.
    pub answer_within: Duration,
    /// How long a connection attempt may take until the link is proved. 2 s to 60 s; ICE itself needs up to
    /// some seconds on bad networks.
    pub connect_timeout: Duration,
    /// Links that this endpoint keeps at most in a tree or an emergent overlay, of which it aims for three quarters.
    /// 4 to [`EMERGENT_DEGREE`].1: fewer for a page that is hidden or weak (see
    /// [`links_of_page`](crate::overlay::size::links_of_page)).
    pub links_most: usize,
    /// Whether others are to learn no address of this endpoint: links go over relays alone, and without a relay
    /// there are none.
    pub hides_address: bool,
    /// Hosts whose relays may learn this endpoint's address while it hides it, beside those that a server runs on its
    /// own host: hosts of relays, and of servers whose word on relays is taken.
    pub trusted_relays: Vec<String>,
    /// STUN and TURN servers of this program's own, used in every room before those that its servers hand out. As many
    /// as [`ICE_SERVERS_MAX`](super::ice_server::ICE_SERVERS_MAX), which holds for both together.
    pub ice_servers: Vec<NamedServer>,
    /// How long two ends that described themselves look for a direct path before they use a relay, where they know
    /// one. 500 ms to 10 s: each costs the pair that needs a relay this long, and the shorter it is the more pairs
    /// use one for nothing.
    pub relay_after: Duration,
    /// First pause before a direct path is looked for again for a relayed link; doubles each time. 1 s to 5 min.
    pub direct_again_least: Duration,
    /// Longest such pause. `direct_again_least` to 1 h; each look costs both ends a connection and some signals.
    pub direct_again_most: Duration,
    /// First pause before a link or server connection is made again; doubles with jitter at each failure.
    pub retry_least: Duration,
    /// Longest such pause.
    pub retry_most: Duration,
    /// Stamps further ahead of room time than this are held back until due. 1 s to 60 s.
    pub stamp_ahead_max: Duration,
    /// Bytes of batches that a room holds at most in tables, documents and the like, each counting a kibibyte at least; beyond,
    /// what strangers wrote is given up, of those first who wrote most. A member needs some twice that in memory.
    pub held_bytes_max: usize,
    /// Signatures of received batches that are checked in one call of the node; while more wait, the node asks to
    /// be called again at once. 1 to 4096. A page has 16 ms for a frame and a signature takes it 0.11 ms, a slow
    /// phone 0.5; more at a time make a join no faster.
    pub signatures_per_call: usize,
    /// Whether what arrives may have signatures checked at once, in the call that brings it. A page says no: messages
    /// come in bursts, each a turn of its own, and frames would wait behind all of them. Then what arrives only
    /// queues, and [`Node::handle_timeout`](crate::node::Node::handle_timeout), which is due at once, checks.
    pub verifies_on_input: bool,
    /// A fault on purpose, so that the simulator can show that a checker notices it.
    #[cfg(feature = "planted-bugs")]
    pub planted: Option<PlantedBug>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            name: String::new(),
            stays: true,
            stores: false,
            keeps_history: false,
            ping_interval: Duration::from_secs(1),
            stale_after: Duration::from_millis(2500),
            gone_after: Duration::from_secs(10),
            resume_after: Duration::from_secs(5),
            resume_interval: Duration::from_secs(5),
            resume_probe: Duration::from_secs(10),
            resume_within: Duration::from_secs(60),
            answer_within: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(15),
            links_most: EMERGENT_DEGREE.1,
            hides_address: false,
            trusted_relays: Vec::new(),
            ice_servers: Vec::new(),
            relay_after: Duration::from_secs(2),
            direct_again_least: Duration::from_secs(15),
            direct_again_most: Duration::from_secs(600),
            retry_least: Duration::from_millis(250),
            retry_most: Duration::from_secs(15),
            stamp_ahead_max: Duration::from_secs(10),
            held_bytes_max: 256 * 1024 * 1024,
            signatures_per_call: 16,
            verifies_on_input: true,
            #[cfg(feature = "planted-bugs")]
            planted: None,
        }
    }
}
