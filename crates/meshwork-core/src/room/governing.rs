//! Changes of a room's rules: their effects, and acts of our own person.

use alloc::vec::Vec;

use super::delivery::Checked;
use super::kept::Kept;
use super::rules::Heard;
use super::rules::publish::Act;
use super::{Room, RoomOutput, eviction, expiry, superseded};
use crate::id::{Endpoint, Identity};
use crate::room::message::RoomMessage;
use crate::room::writing::WriteError;
use crate::rulebook::Verdict;
use crate::seam::event::Event;
use crate::signed::batch::SignedBatch;
use crate::signed::list::ShortId;
use crate::time::Now;

impl Room {
    /// Publishes an act in the name of `identity`, which is this endpoint's peer. Returns the id of the record.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] if this peer may not do this, [`WriteError::Banned`] for a banned moderator,
    /// [`WriteError::Record`] for an invalid rule, [`WriteError::NotBanned`].
    pub fn govern(&mut self, now: Now, identity: &Identity, act: Act<'_>) -> Result<ShortId, WriteError> {
        let stamp = self.kept.next_stamp(now);
        let stated = self.kept.rules.drafting().state(identity.peer(), stamp, act, &self.kept.replicas)?;
        let record = self.kept.rules.publish(identity, stated)?;
        self.kept.merge_stamp(self.kept.me.peer, stamp);
        self.enforce(now);
        self.finish(now);
        Ok(record)
    }

    /// A neighbour sent a message about the room's rules.
    pub(super) fn handle_rules(&mut self, now: Now, from: Endpoint, message: RoomMessage) {
        match self.kept.rules.handle_message(now, from, message) {
            Ok(Heard::Nothing) => {}
            Ok(Heard::Records(signer, stamp)) => {
                self.kept.merge_stamp(signer, stamp);
                self.enforce(now);
            }
            Ok(Heard::Admission(peer)) => self.kept.handle_admitted(peer),
            Ok(Heard::Secret) => {
                self.kept.store_records();
                self.kept.event(Event::SecretChanged { room: self.kept.handle });
            }
            Ok(Heard::Contradiction(endpoint, sequence)) => self.kept.tell_contradiction(endpoint, sequence),
            Err((refusal, detail)) => {
                self.kept.outputs.push_back(RoomOutput::Offence(from, refusal, detail));
            }
        }
    }

    /// The records changed: removes invalid batches, and lets the batches that they had superseded win again.
    pub(super) fn enforce(&mut self, now: Now) {
        let (mut changed, mut lost) = (Vec::new(), Vec::new());
        // They may name our edit key.
        self.kept.send_own_admission();
        eviction::take_up_again(&mut self.kept);
        let outdated = self.kept.rules.outdated(&self.kept.replicas);
        let rules = &self.kept.rules;
        for given_up in self.kept.replicas.turn_on_apps(rules.records().book()) {
            given_up.batches().for_each(|batch| self.kept.storage.remove(batch.key()));
        }
        let rules = &self.kept.rules;
        for (number, raised) in self.kept.replicas.handle_records(rules.records().book()) {
            lost.extend(raised.dropped);
            changed.extend(raised.changed.map(|changes| (number, changes)));
        }
        changed.drain(..).for_each(|(number, changes)| self.kept.tell_changed(number, None, changes));
        superseded::lose(&mut self.kept, now, core::mem::take(&mut lost));
        self.kept.calendar.handle_records(now.time);
        expiry::evict_old(&mut self.kept, now);
        let rules = &self.kept.rules;
        let stands = |batch: &SignedBatch| rules.lets_stand(batch);
        let retractions = rules.retractions();
        let enforced = self.kept.replicas.enforce(&stands, &retractions, || rules.beaten());
        let outbox = self.kept.writing.outbox_mut();
        outbox.suspend(now.time, |batch| rules.suspends(batch));
        outbox.retain(|batch| stands(batch) || rules.suspends(batch));
        let (mut restored, mut gone) = (Vec::new(), Vec::new());
        for (number, enforced) in enforced {
            let (standing, falling): (Vec<SignedBatch>, _) = enforced.removed.into_iter().partition(stands);
            gone.extend(falling.iter().map(|batch| batch.key()));
            // Batches that lost to a batch that competes again.
            lost.extend(standing.iter().map(|batch| batch.key()));
            let is_bounded = self.kept.replicas.is_bounded(number);
            restored.extend(enforced.restored.into_iter().map(|batch| (batch, is_bounded)));
            changed.extend(enforced.changed.map(|changes| (number, changes)));
        }
        let today = self.kept.calendar.today(now);
        gone.sort_unstable();
        let enforced = self.kept.rules.handle_enforced(&gone, &restored, today);
        gone.into_iter().chain(enforced.fallen).for_each(|gone| self.kept.storage.remove(gone));
        // Some of the removed batches wait.
        enforced.suspended.iter().for_each(|batch| self.kept.storage.set_aside(batch, today, true));
        superseded::lose(&mut self.kept, now, lost);
        restored.into_iter().for_each(|(restored, _)| self.kept.storage.insert_again(restored));
        changed.into_iter().for_each(|(number, changes)| self.kept.tell_changed(number, None, changes));
        enforced.resumed.into_iter().for_each(|batch| superseded::resume(&mut self.kept, now, batch));
        self.kept.event(Event::RulesChanged { room: self.kept.handle });
        if self.kept.rules.takes_secret() {
            self.kept.event(Event::SecretChanged { room: self.kept.handle });
        }
        self.talking().handle_present_rules();
        self.choose_overlay(now);
        self.kept.comparison.handle_rules(now.time, self.kept.records().digest());
        self.kept.store_records();
        // Neighbours receive the records once they are durable.
        self.kept.rules.tell_changed(now.time, self.kept.storage.stores());
        self.kept.comparison.handle_change(now.time);
        for (number, content) in outdated {
            self.kept.writing.outdate(number, content);
            self.kept.outputs.sign(now);
        }
        self.kept.delivery.push_again(enforced.waited);
    }
}

/// Whether a verified batch may compete, or be kept for batches that need it.
pub(super) fn admits(kept: &mut Kept, checked: &mut Checked) -> bool {
    let batch = &checked.batch;
    let verdict = kept.rules.judge(batch);
    checked.content.is_cut = verdict.is_cut();
    if checked.content.is_cut && !kept.keeps_what_is_needed(batch) {
        kept.tell_cut(batch.header().author);
        return false;
    }
    checked.content.is_cut || verdict == Verdict::Stands
}

#[cfg(test)]
mod tests;
