//! What the room does when its rules change, and how one's own person changes them.

use super::rules::Heard;
use super::rules::publish::Act;
use super::{Room, RoomOutput};
use crate::id::{Endpoint, Identity};
use crate::room::message::RoomMessage;
use crate::room::writing::WriteError;
use crate::rulebook::Verdict;
use crate::seam::event::Event;
use crate::signed::batch::SignedBatch;
use crate::signed::list::ShortId;
use crate::time::Now;

impl Room {
    /// Publishes something in the name of `identity`, who is this endpoint's peer. Returns what names the record.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] when it is not for this peer to do, [`WriteError::Record`] when a rule cannot be,
    /// [`WriteError::NotBanned`].
    pub fn govern(&mut self, now: Now, identity: &Identity, act: Act<'_>) -> Result<ShortId, WriteError> {
        let stamp = self.kept.clock.next(now.wall);
        let stated = self.kept.rules.state(identity.peer(), stamp, act, &*self.kept.replica)?;
        let record = self.kept.rules.publish(identity, stated)?;
        self.kept.clock.merge(stamp);
        self.enforce(now);
        self.finish(now);
        Ok(record)
    }

    /// A neighbour said something about the room's rules.
    pub(super) fn handle_rules(&mut self, now: Now, from: Endpoint, message: RoomMessage) {
        match self.kept.rules.handle_message(now, from, message) {
            Ok(Heard::Nothing) => {}
            Ok(Heard::Records(stamp)) => {
                self.kept.clock.merge(stamp);
                self.enforce(now);
            }
            Ok(Heard::Admission) => {
                self.kept.store_records();
                let waited = self.kept.rules.take_waiting();
                self.kept.delivery.push_again(waited);
            }
            Ok(Heard::Contradiction(endpoint, sequence)) => self.kept.tell_contradiction(endpoint, sequence),
            Err((refusal, detail)) => {
                self.kept.outputs.push_back(RoomOutput::Offence(from, refusal, detail));
            }
        }
    }

    /// Whether a verified batch may compete.
    pub(super) fn admits_batch(&mut self, batch: &SignedBatch) -> bool {
        let verdict = self.kept.rules.judge(batch);
        if verdict == Verdict::Cut {
            self.kept.tell_cut(batch.header().author);
        }
        verdict == Verdict::Stands
    }

    /// The records changed: takes out what does not stand any more, and lets what it had beaten win again.
    fn enforce(&mut self, now: Now) {
        let outdated = self.kept.rules.outdated(&*self.kept.replica);
        let rules = &self.kept.rules;
        let stands = |batch: &SignedBatch| rules.lets_stand(batch);
        let retractions = self.kept.rules.retractions();
        let enforced = self.kept.replica.enforce(&stands, &retractions, &mut rules.beaten());
        self.kept.writing.outbox_mut().retain(stands);
        for removed in &enforced.removed {
            self.kept.storage.remove(removed.key());
        }
        let waited = self.kept.rules.handle_enforced(&enforced.restored);
        enforced.restored.into_iter().for_each(|restored| self.kept.storage.insert_again(restored));
        if let Some(changes) = enforced.changed {
            self.kept.tell_changed(None, changes);
        }
        self.kept.event(Event::RulesChanged { room: self.kept.handle });
        self.keep_records(now);
        self.kept.comparison.handle_change(now.time);
        if outdated.cost > 0 {
            self.kept.writing.outdate(outdated);
            self.kept.outputs.push_back(RoomOutput::Sign);
        }
        self.kept.delivery.push_again(waited);
    }

    /// Stores changed records, and tells neighbours once they are durable.
    fn keep_records(&mut self, now: Now) {
        self.choose_overlay(now);
        self.kept.comparison.handle_rules(now.time, self.kept.records().digest());
        self.kept.store_records();
        self.kept.rules.tell_changed(now.time, self.kept.storage.stores());
    }
}

#[cfg(test)]
mod tests;
