//! Entry to a private room with a changed secret: peers that show the secret in force, and peers that its record lists.
//!
//! # How it works
//! The secret of the genesis lets people find each other for ever, and everybody proves to know it. The one in force
//! admits them. A peer that a record lists comes with the old one, is admitted by its name, which its link proves, and
//! receives the new one. It admits peers with the secret that it has itself: so everybody shows the last few. Until its
//! record and the list are here, a secret from a neighbour is kept for that neighbour: so no neighbour displaces
//! another's.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::id::{Endpoint, PeerId, Secret};
use crate::links::message::RENEWED_MAX;
use crate::signed::change::NewSecret;
use crate::signed::list::List;

/// The reason why a peer is admitted, or rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entrance {
    /// It shows the secret in force.
    Shown,
    /// The record in force lists it: send it the secret.
    Listed,
    /// Unknown here yet: the secret in force, or its record, is missing.
    Unsure,
    /// It has no access any more.
    Shut,
}

impl Entrance {
    /// Whether it admits a peer.
    pub fn is_open(self) -> bool {
        matches!(self, Entrance::Shown | Entrance::Listed)
    }
}

/// The secret of this program beside that of the genesis.
#[derive(Debug, Default)]
pub(super) struct Access {
    held: Option<Secret>,
    /// Earlier secrets, the latest first. A member with only such a secret, and without its record, admits by it.
    earlier: Vec<Secret>,
    /// Secrets from neighbours, and secrets that this program will publish.
    told: BTreeMap<Endpoint, Secret>,
    /// Whether the secret changed since the last call.
    is_news: bool,
}

impl Access {
    /// A LINK or a store has this secret. A secret in force stays.
    pub(super) fn hold(&mut self, secret: Secret, in_force: Option<&NewSecret>) {
        if fits(&secret, in_force) || self.secret(in_force).is_none() {
            self.replace(secret);
        }
    }

    fn replace(&mut self, secret: Secret) {
        let before = self.held.replace(secret).filter(|before| *before != secret);
        self.earlier.retain(|earlier| *earlier != secret);
        before.into_iter().for_each(|before| self.earlier.insert(0, before));
        self.earlier.truncate(RENEWED_MAX - 1);
    }

    /// An endpoint sends this secret.
    pub(super) fn handle_told(&mut self, from: Endpoint, secret: Secret) {
        self.told.insert(from, secret);
    }

    /// A neighbour is gone.
    pub(super) fn handle_detached(&mut self, endpoint: Endpoint) {
        self.told.remove(&endpoint);
    }

    /// Adopts a received or earlier secret if it is in force. Of two forked records, the other may be in force once
    /// they are joined, when the sender of its secret is gone: so its secret is kept, too. `has_record` is as in
    /// [`Access::judge`].
    pub(super) fn settle(&mut self, in_force: Option<&NewSecret>, has_record: impl Fn(&Secret) -> bool) {
        let is_new = |told: &&Secret| has_record(told) && self.secrets().all(|known| known != **told);
        let told: Vec<Secret> = self.told.values().filter(is_new).copied().collect();
        self.earlier.splice(0..0, told);
        if in_force.is_some()
            && self.secret(in_force).is_none()
            && let Some(&secret) = self.earlier.iter().find(|secret| fits(secret, in_force))
        {
            self.replace(secret);
            self.is_news = true;
            self.told.clear();
        }
        self.earlier.truncate(RENEWED_MAX - 1);
    }

    /// Whether the secret changed since the last call.
    pub(super) fn take_news(&mut self) -> bool {
        core::mem::take(&mut self.is_news)
    }

    /// The secret, unless another one is in force.
    pub(super) fn secret(&self, in_force: Option<&NewSecret>) -> Option<Secret> {
        self.held.filter(|held| fits(held, in_force))
    }

    /// All known secrets, the latest first.
    pub(super) fn secrets(&self) -> impl Iterator<Item = Secret> {
        self.held.iter().chain(&self.earlier).copied()
    }

    /// Whether a peer with the secret of the genesis is admitted, and others by `shows`. `in_force` is the new secret
    /// of the record in force, if there is one; `has_record` tells whether the record of a secret is here, in force or
    /// not: of two forked records, one counts again when its maker joins them.
    pub(super) fn judge(
        &self,
        in_force: Option<(&NewSecret, &List)>,
        peer: &PeerId,
        shows: impl FnOnce(&Secret) -> bool,
        has_record: impl FnOnce(&Secret) -> bool,
    ) -> Entrance {
        let held = self.secret(in_force.map(|(new, _)| new));
        match (held, in_force) {
            (Some(held), _) if shows(&held) => Entrance::Shown,
            (_, Some((_, list))) if list.has_peer(peer) => Entrance::Listed,
            (None, None) => Entrance::Shown,
            (Some(held), None) if has_record(&held) => Entrance::Shown,
            (Some(_), Some(_)) => Entrance::Shut,
            _ => Entrance::Unsure,
        }
    }
}

/// Whether a secret is in force; without a record any may be.
fn fits(secret: &Secret, in_force: Option<&NewSecret>) -> bool {
    in_force.is_none_or(|new| secret.commitment() == new.commitment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Instance;
    use alloc::vec;

    const OLD: Secret = Secret([1; 16]);
    const NEW: Secret = Secret([2; 16]);

    fn endpoint(number: u8) -> Endpoint {
        Endpoint { peer: PeerId([number; 32]), instance: Instance(1) }
    }

    fn renewed(secret: Secret) -> (NewSecret, List) {
        let list = List::of_peers(vec![endpoint(1).peer]).expect("one");
        (NewSecret { commitment: secret.commitment(), access: list.name() }, list)
    }

    #[test]
    fn listed_peers_and_the_new_secret_enter() {
        let (new, list) = renewed(NEW);
        let in_force = Some((&new, &list));
        let [listed, other] = [1, 2].map(|number| endpoint(number).peer);
        let mut access = Access::default();
        let absent = |_: &Secret| false;
        assert_eq!(
            access.judge(None, &other, |_| false, absent),
            Entrance::Shown,
            "no record changes the secret"
        );
        assert_eq!(access.judge(in_force, &listed, |_| false, absent), Entrance::Listed);
        assert_eq!(
            access.judge(in_force, &other, |_| true, absent),
            Entrance::Unsure,
            "the new one is not here"
        );
        access.hold(NEW, None);
        assert_eq!(access.judge(None, &other, |_| false, absent), Entrance::Unsure, "its record is not here");
        assert_eq!(access.judge(in_force, &other, |_| false, absent), Entrance::Shut);
        assert_eq!(access.judge(in_force, &other, |secret| *secret == NEW, absent), Entrance::Shown);
        assert_eq!(access.judge(None, &other, absent, |_| true), Entrance::Shown, "another one is in force");
        let (newer, list) = renewed(OLD);
        assert_eq!(
            access.judge(Some((&newer, &list)), &other, |_| true, absent),
            Entrance::Unsure,
            "it is stale"
        );
    }

    #[test]
    fn a_told_secret_waits_for_its_record() {
        let (new, _) = renewed(NEW);
        let absent = |_: &Secret| false;
        let mut access = Access::default();
        access.handle_told(endpoint(1), NEW);
        access.handle_told(endpoint(2), OLD);
        access.settle(None, absent);
        assert_eq!(access.secret(None), None);
        access.settle(Some(&new), |secret| *secret == NEW);
        assert_eq!((access.secret(Some(&new)), access.take_news()), (Some(NEW), true));
        access.handle_told(endpoint(2), OLD);
        access.settle(Some(&new), |secret| *secret == NEW);
        assert_eq!((access.secret(Some(&new)), access.take_news()), (Some(NEW), false));
    }

    #[test]
    fn secrets_of_branches_outlive_who_told_them() {
        let (new, _) = renewed(NEW);
        let of_branch = |secret: &Secret| *secret == NEW;
        let mut access = Access::default();
        for (number, secret) in [(1, NEW), (2, OLD)] {
            access.handle_told(endpoint(number), secret);
            access.settle(None, of_branch);
            access.handle_detached(endpoint(number));
        }
        assert_eq!(access.secrets().collect::<Vec<_>>(), [NEW], "no record gives the other");
        access.settle(Some(&new), of_branch);
        assert_eq!((access.secret(Some(&new)), access.take_news()), (Some(NEW), true));
    }

    #[test]
    fn an_earlier_secret_counts_again() {
        let (new, _) = renewed(NEW);
        let mut access = Access::default();
        access.hold(NEW, None);
        access.hold(OLD, None);
        access.settle(Some(&new), |secret| *secret == NEW);
        assert_eq!((access.secret(Some(&new)), access.take_news()), (Some(NEW), true));
        assert_eq!(access.secrets().collect::<Vec<_>>(), [NEW, OLD]);
    }

    #[test]
    fn earlier_secrets_are_shown_too() {
        let secrets = |access: &Access| access.secrets().map(|secret| secret.0[0]).collect::<Vec<_>>();
        let mut access = Access::default();
        for number in 1..=6 {
            access.hold(Secret([number; 16]), None);
        }
        access.hold(Secret([6; 16]), None);
        assert_eq!(secrets(&access), [6, 5, 4, 3]);
        access.hold(Secret([4; 16]), None);
        assert_eq!(secrets(&access), [4, 6, 5, 3]);
    }

    #[test]
    fn old_links_replace_nothing_in_force() {
        let (new, _) = renewed(NEW);
        let mut access = Access::default();
        access.hold(OLD, None);
        access.hold(NEW, Some(&new));
        access.hold(OLD, Some(&new));
        assert_eq!(access.secret(Some(&new)), Some(NEW));
    }
}
