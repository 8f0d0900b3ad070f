//! The links and sessions of known endpoints, and those with pending messages.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::waiting::Waiting;
use crate::id::Endpoint;
use crate::links::resume::Session;
use crate::node::common::Own;
use crate::node::endpoints::Endpoints;
use crate::seam::io::LinkId;
use crate::time::Time;

/// The link and session of a known endpoint.
#[derive(Debug, Default)]
pub(super) struct End {
    /// The proved link.
    pub(super) link: Option<LinkId>,
    /// The session, which survives its links.
    pub(super) session: Option<Session>,
    /// Direct messages that wait for a link.
    pub(super) waiting: Option<Waiting>,
    /// Whether its last link was of a version that has direct messages.
    pub(super) direct_links: bool,
    /// The time since when its link is suspect: the network changed, and no data came since.
    pub(super) suspect: Option<Time>,
    /// Violations since the last link came up.
    pub(super) offences: u32,
}

impl End {
    /// Whether it must be remembered.
    fn is_bound(&self) -> bool {
        self.link.is_some() || self.session.is_some() || self.waiting.is_some()
    }

    /// Whether its session has messages for the other end.
    fn is_unserved(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.is_told() && session.direct.is_waiting())
    }
}

/// All known endpoints.
#[derive(Debug, Default)]
pub(in crate::node) struct Ends {
    all: Endpoints<End>,
    /// Endpoints whose sessions may have direct messages or acknowledgements to send.
    unserved: BTreeSet<Endpoint>,
}

impl Ends {
    pub(super) fn insert(&mut self, endpoint: Endpoint) {
        self.all.insert(endpoint, End::default());
    }

    pub(super) fn remove(&mut self, endpoint: Endpoint) {
        self.all.remove(endpoint);
    }

    pub(super) fn get(&self, endpoint: Endpoint) -> Option<&End> {
        self.all.get(endpoint)
    }

    pub(super) fn get_mut(&mut self, endpoint: Endpoint) -> Option<&mut End> {
        let end = self.all.get_mut(endpoint)?;
        self.unserved.insert(endpoint);
        Some(end)
    }

    /// All rows, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Endpoint, &End)> {
        self.all.iter()
    }

    /// The endpoints for which `holds` is true, in order.
    pub(super) fn those(&self, holds: impl Fn(&End) -> bool) -> Vec<Endpoint> {
        self.all.those(holds)
    }

    /// Sends the pending messages of sessions.
    pub(super) fn for_each_unserved(&mut self, mut serve: impl FnMut(&mut End)) {
        let Ends { all, unserved } = self;
        unserved.retain(|endpoint| {
            // Most have none, and must not count as changed.
            let is_unserved = all.get(*endpoint).is_some_and(End::is_unserved);
            is_unserved && all.get_mut(*endpoint).map(&mut serve).is_some()
        });
    }

    /// For each known endpoint, in order, whether it has a link or a session, or waiting messages.
    pub(in crate::node) fn bound(&self) -> impl Iterator<Item = bool> {
        self.all.iter().map(|(_, end)| end.is_bound())
    }

    /// Whether an endpoint has a link or a session, or waiting messages.
    pub(in crate::node) fn is_bound(&self, endpoint: Endpoint) -> bool {
        self.all.get(endpoint).is_some_and(End::is_bound)
    }

    /// Endpoints whose links or sessions may have changed since the last call.
    pub(in crate::node) fn take_changed(&self) -> BTreeSet<Endpoint> {
        self.all.take_changed()
    }

    /// The time at which an endpoint's unresumed session ends, or a waiting message is late.
    pub(in crate::node) fn due(&self, own: &Own, endpoint: Endpoint) -> Option<Time> {
        let end = self.all.get(endpoint)?;
        let cut = end.session.as_ref().and_then(Session::cut).map(|cut| cut + own.config.resume_within);
        cut.into_iter().chain(end.waiting.as_ref().and_then(Waiting::poll_timeout)).min()
    }
}
