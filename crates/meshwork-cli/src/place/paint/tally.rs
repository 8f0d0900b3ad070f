//! Who has applied which of one's own batches.

use std::collections::{BTreeMap, BTreeSet};

use meshwork::{EndpointId, Event, Member};

use super::is_reader;
use crate::exit::Failure;

/// One's own batches, and what the members said of them.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) sequences: BTreeSet<u64>,
    members: BTreeMap<EndpointId, Acknowledged>,
}

/// What one member has said of them.
#[derive(Default)]
pub(super) struct Acknowledged {
    pub(super) applied: BTreeSet<u64>,
    pub(super) stored: BTreeSet<u64>,
}

impl Tally {
    pub(super) fn note(&mut self, event: Event) {
        let Event::Kept { by, sequences, stored } = event else { return };
        let member = self.members.entry(by).or_default();
        member.applied.extend(&sequences);
        if stored {
            member.stored.extend(&sequences);
        }
    }

    /// Forgets what every member that counts has applied.
    pub(super) fn forget(&mut self) {
        if self.unapplied() == 0 {
            *self = Tally::default();
        }
    }

    /// The members that have all batches in the set that `of` names.
    pub(super) fn complete(
        &self,
        of: impl Fn(&Acknowledged) -> &BTreeSet<u64>,
    ) -> impl Iterator<Item = &EndpointId> {
        let whole = move |member: &Acknowledged| of(member).is_superset(&self.sequences);
        self.members.iter().filter(move |(_, member)| whole(member)).map(|(endpoint, _)| endpoint)
    }

    /// How many batches the member that has most of them has applied.
    pub(super) fn applied(&self) -> usize {
        self.members.values().map(|member| member.applied.len()).max().unwrap_or(0)
    }

    /// How many batches not even that member has applied.
    pub(super) fn unapplied(&self) -> usize {
        self.sequences.len().saturating_sub(self.applied())
    }

    /// Whether all linked members that stay have applied everything.
    pub(super) fn has_everybody(&self, members: &[Member]) -> bool {
        let complete: BTreeSet<_> = self.complete(|of| &of.applied).collect();
        members.iter().filter(|member| is_reader(member)).all(|member| complete.contains(&member.id()))
    }

    /// Says how far painting came, when time ran out.
    pub(super) fn explain(&self, failure: Failure) -> Failure {
        let Failure::Unreachable(words) = failure else { return failure };
        let most = self.applied();
        Failure::Unreachable(format!(
            "No member that stays has applied all batches: at most {most} of {} in time. {words}",
            self.sequences.len()
        ))
    }
}

#[cfg(test)]
mod tests {
    use meshwork::PeerId;
    use meshwork_core::id::Instance;

    use super::*;

    fn endpoint(number: u64) -> EndpointId {
        EndpointId { peer: PeerId([1; 32]), instance: Instance(number) }
    }

    fn applied(by: u64, sequences: &[u64], stored: bool) -> Event {
        Event::Kept { by: endpoint(by), sequences: sequences.to_vec(), stored }
    }

    #[test]
    fn only_members_with_every_batch_count() {
        let mut tally = Tally { sequences: (1..=3).collect(), ..Tally::default() };
        assert_eq!(tally.unapplied(), 3);
        tally.note(applied(1, &[1, 3], true));
        assert_eq!(tally.unapplied(), 1);
        tally.note(applied(2, &[1, 2, 3], false));
        let counts = |tally: &Tally| {
            (tally.complete(|of| &of.applied).count(), tally.complete(|of| &of.stored).count())
        };
        assert_eq!(counts(&tally), (1, 0));
        assert_eq!(tally.unapplied(), 0);
        tally.note(applied(1, &[2], true));
        tally.note(applied(2, &[2], true));
        assert_eq!(counts(&tally), (2, 1));
    }

    #[test]
    fn time_outs_say_how_far_it_came() {
        let mut tally = Tally { sequences: (1..=3).collect(), ..Tally::default() };
        tally.note(applied(1, &[1, 3], true));
        let words = tally.explain(Failure::Unreachable("Nobody.".into())).to_string();
        assert!(words.contains("2 of 3 in time") && words.ends_with("Nobody."), "{words}");
    }
}
