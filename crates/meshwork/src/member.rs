//! Somebody else in a room.

use std::fmt;
use std::time::Duration;

use meshwork_core::id::{Endpoint as EndpointId, PeerId};
use meshwork_core::node::{LinkState, PeerView};
use meshwork_core::seam::path::Path;
use meshwork_core::time::Time;

/// Another endpoint in a room, as it was when the room was asked.
#[derive(Clone)]
pub struct Member {
    view: PeerView,
    since: Duration,
    silent: Option<Duration>,
}

impl Member {
    pub(crate) fn new(view: PeerView, now: Time) -> Member {
        let (since, silent) = (now.since(view.since), view.heard.map(|heard| now.since(heard)));
        Member { view, since, silent }
    }

    /// Which endpoint: a tab, or a run of a program.
    pub fn id(&self) -> EndpointId {
        self.view.endpoint
    }

    /// Whose endpoint: what it writes is written by this peer.
    pub fn peer(&self) -> PeerId {
        self.view.endpoint.peer
    }

    /// What they call themselves; empty where they do not say.
    pub fn name(&self) -> &str {
        &self.view.name
    }

    /// Whether it is another tab or program of one's own.
    pub fn is_own(&self) -> bool {
        self.view.own
    }

    /// The state of the link. Of somebody in a large room with whom others pass on what is said, it is
    /// [`LinkState::Gone`].
    pub fn link(&self) -> LinkState {
        self.view.state
    }

    /// For how long it is in this state.
    pub fn link_since(&self) -> Duration {
        self.since
    }

    /// For how long nothing was heard over the link; `None` where there is none.
    pub fn silent_for(&self) -> Option<Duration> {
        self.silent
    }

    /// In words: why it is in this state, where there is something to say.
    pub fn reason(&self) -> Option<&str> {
        self.view.reason.as_deref()
    }

    /// Whether what is said travels through a relay, or how else, as far as the system tells.
    pub fn path(&self) -> Option<Path> {
        self.view.path.map(|path| path.kind())
    }

    /// Smoothed round-trip time (RFC 6298), once measured.
    pub fn rtt(&self) -> Option<Duration> {
        self.view.rtt
    }

    /// Bytes sent and received over the link.
    pub fn traffic(&self) -> (u64, u64) {
        (self.view.bytes_sent, self.view.bytes_received)
    }

    /// Whether it says that it stays in the room, and keeps what is written there.
    pub fn stays(&self) -> bool {
        self.view.stays
    }

    /// Whether it had what this program has when both were last compared.
    pub fn is_in_step(&self) -> bool {
        self.view.in_step
    }

    /// Whether it is in the room, linked or not: not so of those who are tried, or left.
    pub fn is_here(&self) -> bool {
        self.view.attached || self.view.distant
    }

    /// Whether it is in the room and linked through others alone.
    pub fn is_distant(&self) -> bool {
        self.view.distant
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut member = f.debug_struct("Member");
        member.field("id", &self.id()).field("name", &self.name()).field("link", &self.link());
        member.field("reason", &self.reason()).finish_non_exhaustive()
    }
}
