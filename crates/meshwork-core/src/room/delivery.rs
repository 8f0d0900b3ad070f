//! Delivery: which batches count, each once, and which wait until their time has come.
//!
//! # How it works
//! Bytes are decoded within their limits, looked up in the window of their author's endpoint, verified, checked
//! against the room's records, the canvas and room time, in that order: the cheap checks first. Stamps further ahead of
//! room time than is allowed are held back, unmerged, until they are no longer, so that nobody can freeze a
//! cell or drive the others' clocks ahead.
//!
//! # Invariants
//! - Nothing is remembered of a batch whose signature does not hold.
//! - A batch that is held is neither shown, merged into the clock, nor passed on.
//!
//! # Limits
//! [`HELD_MAX`] batches of [`HELD_BYTES_MAX`] bytes are held; windows are kept for [`WINDOWS_MAX`] endpoints.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString as _};
use core::time::Duration;

use crate::clock::{Clock, Stamp};
use crate::crdt::canvas::{Applied, Canvas, REPLICA, Strokes};
use crate::gossip::batch::{Batch, BatchError, SignedBatch, UnverifiedBatch};
use crate::gossip::window::SequenceWindow;
use crate::id::{Endpoint, RoomId};
use crate::node::event::Refusal;
use crate::node::io::BatchKey;
use crate::room::records::law::{Law, Standing, Void};
use crate::time::{Now, Time};

/// Batches held back for their stamps: more than an honest room with clocks set wrong ever has.
pub const HELD_MAX: usize = 1024;
/// Bytes of batches held back, so that large ones do not multiply [`HELD_MAX`].
pub const HELD_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Endpoints whose delivered sequences are remembered. Keys cost nothing, so this must be bounded; a batch of a
/// forgotten endpoint that comes again changes nothing, since applying is idempotent.
pub const WINDOWS_MAX: usize = 4096;

/// A batch that counts.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Its signature holds.
    pub batch: SignedBatch,
    /// Its cells, all on the canvas.
    pub strokes: Strokes,
}

/// Why a batch does not count now.
#[derive(Clone, Debug)]
pub enum Rejection {
    /// It was delivered before.
    Known(BatchKey),
    /// Its stamp is ahead of room time.
    Ahead(Checked),
    /// It belongs to a replica that this build does not have.
    Unknown,
    /// It was written under a record that is not known here: it may come yet.
    Unruled(SignedBatch),
    /// It never competes, by the room's records.
    Void(Endpoint, Void),
    /// It breaks the rules.
    Refused(Refusal, String),
}

#[derive(Debug)]
struct Window {
    sequences: SequenceWindow,
    used: u64,
}

/// What was delivered, and what is held back.
#[derive(Debug)]
pub struct Delivery {
    ahead_max: Duration,
    windows: BTreeMap<Endpoint, Window>,
    /// The same endpoints by their last use, so that a flood of keys costs no search.
    by_use: BTreeMap<u64, Endpoint>,
    uses: u64,
    held: BTreeMap<(Stamp, BatchKey), (Endpoint, Checked)>,
    held_bytes: usize,
}

impl Delivery {
    /// Nothing was delivered yet; stamps up to `ahead_max` ahead of room time count at once.
    pub fn new(ahead_max: Duration) -> Delivery {
        Delivery {
            ahead_max,
            windows: BTreeMap::new(),
            by_use: BTreeMap::new(),
            uses: 0,
            held: BTreeMap::new(),
            held_bytes: 0,
        }
    }

    /// Reads a batch and does the checks that cost little: it may be queued for the others.
    ///
    /// # Errors
    /// [`Rejection`] says why it does not count; nothing was remembered.
    pub fn screen(&self, bytes: &[u8]) -> Result<UnverifiedBatch, Rejection> {
        let refused = |refusal, detail: String| Rejection::Refused(refusal, detail);
        let batch = UnverifiedBatch::decode(bytes)
            .map_err(|error| refused(Refusal::BatchContent, error.to_string()))?;
        let header = batch.header();
        if header.replica != REPLICA {
            return Err(Rejection::Unknown);
        }
        Ok(batch)
    }

    /// Whether a batch with this key was delivered before.
    pub fn is_delivered(&self, key: &BatchKey) -> bool {
        self.windows.get(&key.author).is_some_and(|window| window.sequences.contains(key.sequence))
    }

    /// Whether a batch is held.
    pub fn is_held(&self, batch: &Batch) -> bool {
        let header = batch.header();
        let held = self.held.get(&(header.window.most, header.key()));
        held.is_some_and(|(_, held)| held.batch.body() == batch.body())
    }

    /// Decides whether a batch that was screened counts now: its signature, its cells and its stamps.
    ///
    /// # Errors
    /// [`Rejection`] says why not; nothing was remembered.
    pub fn verify(
        &self,
        now: Now,
        batch: UnverifiedBatch,
        room: &RoomId,
        canvas: &Canvas,
        law: &Law,
    ) -> Result<Checked, Rejection> {
        let refused = |refusal, detail: String| Rejection::Refused(refusal, detail);
        let header = batch.header();
        let key = header.key();
        let batch = batch
            .verify(room)
            .map_err(|error: BatchError| refused(Refusal::BatchSignature, error.to_string()))?;
        if law.standing(&header) == Standing::Unknown {
            return Err(Rejection::Unruled(batch));
        }
        let strokes = canvas.read(&batch).map_err(|error| {
            refused(Refusal::BatchContent, format!("batch {} of {}: {error}", key.sequence, key.author))
        })?;
        if let Some(breach) = law.breach(&batch, strokes.cells().len()) {
            let detail = format!("batch {} of {}: {breach}", key.sequence, key.author);
            return Err(refused(Refusal::BatchRules, detail));
        }
        let checked = Checked { batch, strokes };
        if self.due(now, header.window.most) > now.time {
            return Err(Rejection::Ahead(checked));
        }
        Ok(checked)
    }

    /// Applies a batch that counts and remembers it.
    pub fn apply(&mut self, checked: Checked, canvas: &mut Canvas, clock: &mut Clock) -> Applied {
        let header = checked.batch.header();
        self.remember(header.key());
        clock.merge(header.window.most);
        canvas.apply(checked.batch, &checked.strokes)
    }

    /// Holds a batch back until it is due. Returns whether there was a place for it.
    pub fn hold(&mut self, from: Endpoint, checked: Checked) -> bool {
        let header = checked.batch.header();
        let place = (header.window.most, header.key());
        let bytes = self.held_bytes + checked.batch.bytes().len();
        let fits = self.held.len() < HELD_MAX && bytes <= HELD_BYTES_MAX;
        if fits {
            self.held_bytes = bytes;
            self.held.insert(place, (from, checked));
        }
        fits
    }

    /// A held batch whose time has come, and from whom it was.
    pub fn take_due(&mut self, now: Now) -> Option<(Endpoint, Checked)> {
        let (&(stamp, _), _) = self.held.first_key_value()?;
        if self.due(now, stamp) > now.time {
            return None;
        }
        let (_, held) = self.held.pop_first()?;
        self.held_bytes -= held.1.batch.bytes().len();
        Some(held)
    }

    /// When the next held batch is due.
    pub fn poll_timeout(&self, now: Now) -> Option<Time> {
        self.held.first_key_value().map(|(&(stamp, _), _)| self.due(now, stamp))
    }

    /// How many batches are held.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// When `stamp` is no further ahead of room time than is allowed.
    fn due(&self, now: Now, stamp: Stamp) -> Time {
        let ahead = Duration::from_millis(stamp.millis().saturating_sub(now.wall.as_millis()));
        now.time + ahead.saturating_sub(self.ahead_max)
    }

    fn remember(&mut self, key: BatchKey) {
        if self.windows.len() == WINDOWS_MAX
            && !self.windows.contains_key(&key.author)
            && let Some((_, longest_unused)) = self.by_use.pop_first()
        {
            self.windows.remove(&longest_unused);
        }
        self.uses += 1;
        let fresh = || Window { sequences: SequenceWindow::new(), used: 0 };
        let window = self.windows.entry(key.author).or_insert_with(fresh);
        self.by_use.remove(&window.used);
        self.by_use.insert(self.uses, key.author);
        window.used = self.uses;
        window.sequences.insert(key.sequence);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Instance, PeerId};

    #[test]
    fn windows_are_bounded_and_the_longest_unused_is_forgotten() {
        let mut delivery = Delivery::new(Duration::from_secs(10));
        let author = |number: u64| Endpoint { peer: PeerId([1; 32]), instance: Instance(number) };
        let key = |number, sequence| BatchKey { author: author(number), sequence };
        for number in 0..WINDOWS_MAX as u64 {
            delivery.remember(key(number, 1));
        }
        delivery.remember(key(0, 2));
        delivery.remember(key(u64::MAX, 1));
        assert_eq!((delivery.windows.len(), delivery.by_use.len()), (WINDOWS_MAX, WINDOWS_MAX));
        assert!(delivery.windows.contains_key(&author(0)), "it was used again");
        assert!(!delivery.windows.contains_key(&author(1)), "it was not");
    }
}
