//! What each endpoint that is known is linked by, and who has something to be handed over or given up.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::waiting::Waiting;
use crate::id::Endpoint;
use crate::links::resume::Session;
use crate::node::endpoints::Endpoints;
use crate::node::own::Own;
use crate::seam::io::LinkId;
use crate::time::Time;

/// What an endpoint that is known is linked by.
#[derive(Debug, Default)]
pub(super) struct End {
    /// The proved link.
    pub(super) link: Option<LinkId>,
    /// What outlives its links.
    pub(super) session: Option<Session>,
    /// Direct messages that wait for a link.
    pub(super) waiting: Option<Waiting>,
    /// Whether its last link was of a version that has direct messages.
    pub(super) direct_links: bool,
    /// Since when its link is under suspicion: the network changed, and nothing was heard since.
    pub(super) suspect: Option<Time>,
    /// Offences since the last link came up.
    pub(super) offences: u32,
}

impl End {
    /// Whether anything is to be remembered of it.
    fn is_bound(&self) -> bool {
        self.link.is_some() || self.session.is_some() || self.waiting.is_some()
    }

    /// Whether its session has something that the other end is to be told or sent.
    fn is_unserved(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.is_told() && session.direct.is_waiting())
    }
}

/// All who are known.
#[derive(Debug, Default)]
pub(in crate::node) struct Ends {
    all: Endpoints<End>,
    /// Whose sessions may have direct messages or acknowledgements to hand over.
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

    /// All who are known, in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Endpoint, &End)> {
        self.all.iter()
    }

    /// Those of whom something holds, in their order.
    pub(super) fn those(&self, holds: impl Fn(&End) -> bool) -> Vec<Endpoint> {
        self.all.those(holds)
    }

    /// Hands those over whose sessions have something for the other end.
    pub(super) fn for_each_unserved(&mut self, mut serve: impl FnMut(&mut End)) {
        let Ends { all, unserved } = self;
        unserved.retain(|endpoint| {
            // Most have nothing, and are not to count as changed for having been looked at.
            let is_unserved = all.get(*endpoint).is_some_and(End::is_unserved);
            is_unserved && all.get_mut(*endpoint).map(&mut serve).is_some()
        });
    }

    /// All who are known, in their order, and whether each has a link or a session, or something waits for one.
    pub(in crate::node) fn bound(&self) -> impl Iterator<Item = bool> {
        self.all.iter().map(|(_, end)| end.is_bound())
    }

    /// Whether an endpoint has a link or a session, or something waits for one.
    pub(in crate::node) fn is_bound(&self, endpoint: Endpoint) -> bool {
        self.all.get(endpoint).is_some_and(End::is_bound)
    }

    /// Of whose links or sessions something may have changed since this was last asked.
    pub(in crate::node) fn take_changed(&self) -> BTreeSet<Endpoint> {
        self.all.take_changed()
    }

    /// When an endpoint's session is over that is not resumed, and what waits for a link has waited too long.
    pub(in crate::node) fn due(&self, own: &Own, endpoint: Endpoint) -> Option<Time> {
        let end = self.all.get(endpoint)?;
        let cut = end.session.as_ref().and_then(Session::cut).map(|cut| cut + own.config.resume_within);
        cut.into_iter().chain(end.waiting.as_ref().and_then(Waiting::poll_timeout)).min()
    }
}
