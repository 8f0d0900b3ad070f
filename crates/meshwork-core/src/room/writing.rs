//! What one writes in a room in one's own name: new, folded, or said again.

use alloc::vec::Vec;

use super::{FOLD_LEAST, Room, delivery};
use crate::batches::batch::{Header, SignedBatch, StampWindow};
use crate::id::Identity;
use crate::node::{CommandError, Receipt};
use crate::replica::{Content, FIRST_REPLICA};
use crate::time::Now;

impl Room {
    /// Writes payloads in the name of `identity`, who is this endpoint's peer: a batch each, all with one stamp.
    ///
    /// # Errors
    /// [`CommandError`]; nothing was written.
    pub fn write(
        &mut self,
        now: Now,
        identity: &Identity,
        payloads: Vec<Vec<u8>>,
    ) -> Result<Receipt, CommandError> {
        if payloads.is_empty() {
            return Err(CommandError::Empty);
        }
        let stamp = self.membership.overlay().stamped(self.clock.next(now.wall));
        let window = StampWindow::at(stamp);
        let header = self.header(window);
        let check = |payload: Vec<u8>| match self.replica.check(&header, &payload) {
            Ok(content) => Ok((payload, content)),
            Err(error) => Err(CommandError::Content(error.0)),
        };
        let written: Vec<(Vec<u8>, Content)> = payloads.into_iter().map(check).collect::<Result<_, _>>()?;
        let cost = written.iter().map(|(_, content)| content.cost).sum();
        self.rules.check_cost(stamp, cost, &*self.replica)?;
        let waits = self.outbox.check(now.time, written.len(), self.membership.somebody_stays());
        waits.map_err(CommandError::Backpressure)?;
        self.clock.merge(stamp);
        let first = self.next_sequence;
        let outline = |(payload, _): &(Vec<u8>, Content)| self.replica.outline(payload);
        let parts: Vec<u32> = written.iter().filter_map(outline).map(|(part, _)| part).collect();
        for (payload, content) in written {
            self.write_batch(now, identity, window, &payload, content);
        }
        let receipt = Receipt { sequences: first..=self.next_sequence - 1, cost };
        for part in parts {
            self.fold_when_due(now, identity, part);
        }
        self.finish(now);
        Ok(receipt)
    }

    /// Says again in the name of `identity` what was written here under earlier rules and showed until now, as much of
    /// it as the rules allow at once.
    pub fn say_again(&mut self, now: Now, identity: &Identity) {
        let Some(shown) = self.unsaid.pop_front() else { return };
        let all = self.replica.say_again(&shown, usize::MAX);
        if let Err(CommandError::TooFast { left, .. }) = self.write(now, identity, all) {
            // What the limit leaves; the rest is for its author to write later.
            let some = self.replica.say_again(&shown, left as usize);
            let _ = self.write(now, identity, some);
        }
    }

    /// What the next batch says of itself.
    fn header(&self, window: StampWindow) -> Header {
        let (author, sequence, record) = (self.me, self.next_sequence, self.rules.records().current());
        Header { author, sequence, replica: FIRST_REPLICA, record, window }
    }

    /// Signs a payload, sends it to everybody and applies it here.
    fn write_batch(
        &mut self,
        now: Now,
        identity: &Identity,
        window: StampWindow,
        payload: &[u8],
        content: Content,
    ) {
        let used = self.rules.count_cost(window.most, content.cost);
        let batch = SignedBatch::sign_counted(identity, &self.id, self.header(window), used, payload)
            .expect("a payload that its replica read is within the limit and the author is this peer");
        self.next_sequence += 1;
        self.outbox.insert(now.time, batch.clone());
        let targets = self.membership.overlay_mut().targets(now, &batch, None);
        self.send_live(targets, &batch);
        self.apply(now, delivery::Checked { batch, content });
    }

    /// Repeats all that one wrote in a part in one batch, once many small ones carry it: what is kept, stored and
    /// handed to newcomers shrinks with it. The larger the fold, the more batches it waits for, so that folds cost a
    /// stated share of what is sent.
    fn fold_when_due(&mut self, now: Now, identity: &Identity, part: u32) {
        let (batches, due) = self.unfolded.entry(part).or_insert((0, FOLD_LEAST));
        *batches += 1;
        // Where there is a limit, each entry keeps the batch that counted it.
        if batches < due || self.rules.terms().limit.is_some() {
            return;
        }
        let Some((fold, content)) = self.replica.fold(part, self.me.peer) else { return };
        *batches = 0;
        *due = FOLD_LEAST.max(fold.cost / 8);
        let window = StampWindow { least: fold.least, most: self.clock.stamp(now.wall) };
        self.write_batch(now, identity, window, &fold.payload, content);
    }
}
