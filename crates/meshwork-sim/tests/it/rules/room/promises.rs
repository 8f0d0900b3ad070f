//! What a room promises, whatever happened in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::rc::Rc;

use super::member::{Member, Verdict};
use super::record::{Batch, Change, Device, Entry, Field, Key, Peer, REMOVED, Record, counted_with, table};
use super::{Attack, Room, Trick};
use crate::rules::harness::Broken;

fn broken(promise: &'static str, seen: impl Debug) -> Broken {
    Broken { promise, seen: format!("{seen:?}") }
}

impl Room {
    pub(super) fn broken_promises(mut self) -> Vec<Broken> {
        let mut found = Vec::new();
        if !self.heal() {
            found.push(broken("quiet", "batches still move"));
        }
        let views: BTreeSet<_> = self.members.values().map(Member::view).collect();
        if views.len() > 1 {
            found.push(broken("same view", views));
        }
        let taken: BTreeMap<u64, Rc<Batch>> =
            self.members.values().flat_map(|member| member.taken.clone()).collect();
        let taken: Vec<Rc<Batch>> = taken.into_values().collect();
        match self.rules.quota {
            None => {
                self.find_lost(&taken, &mut found);
                self.find_silenced(&taken, &mut found);
            }
            Some(quota) => self.find_fallen(&taken, quota, &mut found),
        }
        self.find_rights_that_work(&mut found);
        self.find_rights_that_do_not(&mut found);
        found
    }

    /// Everybody meets everybody until nothing moves. Returns whether that came.
    fn heal(&mut self) -> bool {
        let state = |room: &Room| -> Vec<(BTreeSet<u64>, usize)> {
            let members = room.members.values();
            members
                .map(|member| (member.held.iter().map(|batch| batch.id).collect(), member.records.len()))
                .collect()
        };
        (0..8).any(|_| {
            let before = state(self);
            for (at, one) in Device::HONEST.into_iter().enumerate() {
                Device::HONEST[at + 1..].iter().for_each(|other| self.meet(one, *other));
            }
            before == state(self)
        })
    }

    fn ann(&self) -> &Member {
        &self.members[&Device::Ann]
    }

    /// What stands by every rule is shown, or something greater. So is what an honest author said that may go on
    /// writing.
    fn find_lost(&self, taken: &[Rc<Batch>], found: &mut Vec<Broken>) {
        let ann = self.ann();
        let standing: Vec<_> =
            taken.iter().filter(|batch| ann.judge(batch) == Verdict::Stands).cloned().collect();
        for (key, (entry, _)) in table(&standing, None, self.rules) {
            if !ann.shows(key, entry) {
                let promise = if entry.peer == Peer::Hostile { "hostile kept" } else { "honest kept" };
                found.push(broken(promise, (key, entry)));
            }
        }
        let edit_key = ann.in_force().rights.edit_key;
        let honest = taken
            .iter()
            .filter(|batch| batch.peer() != Peer::Hostile && batch.record.rights.edit_key <= edit_key);
        for (key, entry) in honest.flat_map(|batch| &batch.entries) {
            if key.field != Field::Moderators && !ann.shows(*key, *entry) {
                found.push(broken("honest kept", (key, entry)));
            }
        }
    }

    /// A new key voids only what names an earlier record, nothing that was written in another branch.
    fn find_silenced(&self, taken: &[Rc<Batch>], found: &mut Vec<Broken>) {
        let ann = self.ann();
        let has_new_key = |record: &&Rc<Record>| record.cuts.iter().any(|cut| cut.change == Change::NewKey);
        let cutting: Vec<_> = ann.records.values().filter(has_new_key).collect();
        for batch in taken.iter().filter(|batch| ann.judge(batch) == Verdict::Cut(Change::NewKey)) {
            let is_earlier = cutting.iter().any(|record| record.after.contains(&batch.record.id));
            if batch.peer() != Peer::Hostile && !is_earlier {
                found.push(broken("branches stand", batch));
            }
        }
    }

    /// Whoever writes more than the quota harms only itself: what is greatest in its key and within it is shown.
    fn find_fallen(&self, taken: &[Rc<Batch>], quota: usize, found: &mut Vec<Broken>) {
        let (ann, in_force) = (self.ann(), super::IN_FORCE);
        let entries: BTreeSet<(Key, Entry)> = taken.iter().flat_map(|batch| batch.entries.clone()).collect();
        let mut counts = BTreeMap::new();
        for (key, entry) in &entries {
            *counts.entry(counted_with(*key, *entry, in_force)).or_insert(0) += 1;
        }
        let greatest: BTreeMap<Key, Entry> = entries.into_iter().collect();
        for (key, entry) in greatest {
            let group = counted_with(key, entry, in_force);
            let is_within = group.is_none() || counts[&group] <= quota;
            let stands = |batch: &Rc<Batch>| {
                batch.entries.contains(&(key, entry)) && ann.judge(batch) == Verdict::Stands
            };
            if is_within && taken.iter().any(stands) && !ann.shows(key, entry) {
                let promise = match (group, entry.content) {
                    (None, _) => "hides last",
                    (_, REMOVED) => "removals last",
                    _ => "values last",
                };
                found.push(broken(promise, (key, entry, ann.shown.get(&key))));
            }
        }
    }

    /// A right that was taken does not work once all know: a ban at once, a new key in all branches once they are
    /// joined.
    fn find_rights_that_work(&mut self, found: &mut Vec<Broken>) {
        let takes = |room: &Room, change| {
            let mut cuts = room.ann().records.values().flat_map(|record| &record.cuts);
            cuts.any(|cut| cut.change == change)
        };
        if takes(self, Change::Ban) {
            found.extend(self.attack_that_counts().map(|attack| broken("bans work", attack)));
        }
        if self.ann().heads().len() > 1 {
            self.change(Device::Phone, Change::Rename, &Device::HONEST);
            self.heal();
        }
        if takes(self, Change::Ban) || takes(self, Change::NewKey) {
            found.extend(self.attack_that_counts().map(|attack| broken("rights end", attack)));
        }
    }

    /// An attack that counts, if there is one.
    fn attack_that_counts(&mut self) -> Option<Attack> {
        let mut attacks = Vec::new();
        for under in 0..self.ann().records.len() {
            for (trick, instance) in
                [Trick::Next, Trick::Low, Trick::Same].map(|trick| [(trick, 0), (trick, 1)]).concat()
            {
                attacks.push(Attack { instance, trick, row: 'z', under, shown_to: vec![Device::Ann] });
            }
        }
        attacks.into_iter().find(|attack| {
            let id = self.attack(attack);
            self.ann().held.iter().any(|batch| batch.id == id)
        })
    }

    /// Whoever may write under the newest record is heard.
    fn find_rights_that_do_not(&mut self, found: &mut Vec<Broken>) {
        for device in [Device::Ann, Device::Moderator] {
            if !self.member(device).put('y', &[Field::Anybody], 1) {
                found.push(broken("the honest count", device));
            }
        }
    }
}
