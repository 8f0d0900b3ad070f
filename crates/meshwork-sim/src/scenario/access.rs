//! Who has access to a private room by its newest secret.

use meshwork_core::id::{Endpoint, Secret};

use super::people::{Person, Scenario};
use crate::check::{Law, Member};
use crate::connection::NodeIndex;

/// Who has access in a scenario.
pub(super) struct Access<'s>(pub(super) &'s Scenario);

impl Access<'_> {
    /// Honest members who have access to the room by the newest secret that any of them knows of.
    pub(super) fn insiders(&self) -> Vec<Member> {
        let mut members = self.0.members();
        if let Some(law) = self.renewing() {
            members.retain(|(index, _)| self.is_let_in(&law, self.0.world.node(*index).endpoint()));
        }
        let laws: Vec<Law> = members.iter().filter_map(|(index, _)| self.0.law_of(*index)).collect();
        members.retain(|(index, _)| !self.waits_for_record(&laws, *index));
        members
    }

    /// Whether a program came by the LINK of a secret of which nobody here has the record, which is lost with those who had
    /// it: it cannot tell who has access, and lets nobody in.
    fn waits_for_record(&self, laws: &[Law], index: NodeIndex) -> bool {
        let Some(secret) = self.came_by(self.0.world.node(index).endpoint()) else { return false };
        !laws.iter().any(|law| law.gave(&secret.commitment()))
    }

    /// Whether the program at an endpoint has access, if one runs there.
    pub(super) fn has_access(&self, endpoint: Endpoint) -> bool {
        self.at(endpoint).is_none() || self.renewing().is_none_or(|law| self.is_let_in(&law, endpoint))
    }

    /// The records of the member that knows the newest secret, where the room got another one.
    fn renewing(&self) -> Option<Law> {
        self.0.is_renewed.then_some(())?;
        let laws = self.0.members().into_iter().filter_map(|(index, _)| self.0.law_of(index));
        laws.filter(|law| law.access().is_some()).max_by_key(Law::secret_rank)
    }

    fn is_let_in(&self, law: &Law, endpoint: Endpoint) -> bool {
        let Some((commitment, list)) = law.access() else { return true };
        let came_by = || self.came_by(endpoint).map(|secret| secret.commitment());
        list.has_peer(&endpoint.peer) || came_by() == Some(commitment)
    }

    /// The newer secret of the LINK with which the program at an endpoint came, if it runs and came with one.
    fn came_by(&self, endpoint: Endpoint) -> Option<Secret> {
        self.at(endpoint)?.address.as_ref()?.keys()?.secrets?.renewed
    }

    /// Whose program runs at an endpoint.
    fn at(&self, endpoint: Endpoint) -> Option<&Person> {
        let is_it = |person: &&Person| {
            person.member.is_some_and(|(index, _)| self.0.world.node(index).endpoint() == endpoint)
        };
        self.0.people.values().find(is_it)
    }

    /// Whether the program at one endpoint may let in that at another no more: by any record that it holds, since of two that
    /// fork the other may be in force by now. Where that program is gone, what members hold says it.
    pub(super) fn may_shut_out(&self, by: Endpoint, whom: Endpoint) -> bool {
        let mut members = self.0.members().into_iter();
        let Some((index, _)) = members.find(|(index, _)| self.0.world.node(*index).endpoint() == by) else {
            return !self.has_access(whom);
        };
        self.0.law_of(index).is_some_and(|law| law.ever_shut(whom.peer, self.came_by(whom)))
    }
}
