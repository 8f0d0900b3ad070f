//! The batches that can still count: winning ones, superseded ones, which compete again if their winners no longer
//! count, and suspended ones, which compete again when bans by moderators fall.
//!
//! # Limits
//! Winning batches are bounded by their replica, or by
//! [`Config::held_bytes_max`](crate::seam::config::Config::held_bytes_max). Superseded batches are kept for
//! [`BEATEN_DAYS`] days, [`AUTHOR_BYTES_MAX`] bytes of one author and [`BEATEN_BYTES_MAX`] of all, each batch counting
//! at least [`BATCH_BYTES_LEAST`]. Strangers are evicted before peers that the room knows, those with the most first.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use crate::id::{Endpoint, Instance, PeerId};
use crate::signed::batch::{BatchKey, SignedBatch};
use crate::signed::list::ShortId;

/// Days to keep superseded batches: long enough for an owner who looks once a week to undo vandalism.
pub const BEATEN_DAYS: u32 = 7;
/// Bytes of one author's superseded batches: half of an author's quota in a table, in addition to it.
pub const AUTHOR_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of all superseded batches: with the smallest ones 16,384, which a page verifies in two seconds when it opens
/// the room.
pub const BEATEN_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The share of the limit by which winning batches are reduced in one eviction, so that evictions are rare.
const SPARE: usize = 8;
/// Least bytes that a batch counts, so that one limit bounds number and bytes: the memory of a click.
pub const BATCH_BYTES_LEAST: usize = 1024;

/// The batches, by author and sequence.
#[derive(Debug, Default)]
pub struct Ledger {
    written: BTreeMap<BatchKey, Held>,
    /// The bytes of winning batches.
    winning: Weights,
    /// The superseded batches, by author and place.
    lost: BTreeMap<(PeerId, Place), BatchKey>,
    /// Their bytes.
    beaten: Weights,
    /// Numbers of batches that were superseded on each day.
    days: BTreeMap<u32, usize>,
    uses: u64,
}

/// Bytes of batches, by author.
#[derive(Debug, Default)]
struct Weights {
    of: BTreeMap<PeerId, usize>,
    /// The same, by bytes.
    ranked: BTreeSet<(usize, PeerId)>,
    sum: usize,
}

impl Weights {
    /// Adds to and subtracts from the bytes of an author.
    fn change(&mut self, author: PeerId, more: usize, less: usize) {
        if more == less {
            return;
        }
        let before = self.of.remove(&author).unwrap_or_default();
        self.ranked.remove(&(before, author));
        let bytes = before + more - less;
        if bytes > 0 {
            self.of.insert(author, bytes);
            self.ranked.insert((bytes, author));
        }
        self.sum = self.sum + more - less;
    }
}

#[derive(Debug)]
struct Held {
    batch: SignedBatch,
    /// Its bytes while it wins an entry.
    weight: usize,
    /// Its place among its author's superseded batches, if it is one.
    lost: Option<Place>,
    is_suspended: bool,
}

/// The day on which a batch was superseded, and a counter within the day.
type Place = (u32, u64);

impl Ledger {
    /// Whether a batch is here.
    pub fn holds(&self, key: &BatchKey) -> bool {
        self.written.contains_key(key)
    }

    /// A batch.
    pub fn get(&self, key: &BatchKey) -> Option<&SignedBatch> {
        self.written.get(key).map(|held| &held.batch)
    }

    /// The batches of an author with one sequence: several if it contradicts itself.
    pub fn at(&self, key: &BatchKey) -> impl Iterator<Item = &SignedBatch> {
        self.within(edge(*key, u8::MIN)..=edge(*key, u8::MAX))
    }

    /// Notes a winning batch. It has no weight if its replica `is_bounded`.
    pub fn note_kept(&mut self, batch: SignedBatch, is_bounded: bool) {
        let key = batch.key();
        self.forget(&key);
        let weight = if is_bounded { 0 } else { weight(&batch) };
        self.winning.change(key.author.peer, weight, 0);
        self.written.insert(key, Held { batch, weight, lost: None, is_suspended: false });
    }

    /// A batch is superseded from this day on. Returns whether it won an entry before, or was not here.
    pub fn note_beaten(&mut self, batch: &SignedBatch, day: u32) -> bool {
        let key = batch.key();
        self.uses += 1;
        let place = (day, self.uses);
        match self.written.get_mut(&key) {
            Some(Held { lost: Some(_), .. }) => return false,
            Some(held) => {
                held.lost = Some(place);
                self.winning.change(key.author.peer, 0, core::mem::take(&mut held.weight));
            }
            None => {
                let held = Held { batch: batch.clone(), weight: 0, lost: Some(place), is_suspended: false };
                self.written.insert(key, held);
            }
        }
        *self.days.entry(day).or_default() += 1;
        self.lost.insert((key.author.peer, place), key);
        self.beaten.change(key.author.peer, weight(batch), 0);
        true
    }

    /// A batch is suspended from this day on. Returns whether it won an entry before, or was not here.
    pub fn suspend(&mut self, batch: &SignedBatch, day: u32) -> bool {
        let is_lost = self.note_beaten(batch, day);
        self.written.entry(batch.key()).and_modify(|held| held.is_suspended = true);
        is_lost
    }

    /// The suspended batches.
    pub fn suspended(&self) -> impl Iterator<Item = &SignedBatch> {
        self.written.values().filter(|held| held.is_suspended).map(|held| &held.batch)
    }

    /// Whether a batch is suspended.
    pub fn is_suspended(&self, key: &BatchKey) -> bool {
        self.written.get(key).is_some_and(|held| held.is_suspended)
    }

    /// A batch is no longer suspended. It wins no entry until it competes.
    pub fn resume(&mut self, key: &BatchKey) {
        self.written.entry(*key).and_modify(|held| held.is_suspended = false);
    }

    /// Whether a batch is here and superseded.
    pub fn is_beaten(&self, key: &BatchKey) -> bool {
        self.written.get(key).is_some_and(|held| held.lost.is_some())
    }

    /// Forgets a batch. Returns whether it was superseded.
    pub fn forget(&mut self, key: &BatchKey) -> bool {
        let Some(held) = self.written.remove(key) else { return false };
        let peer = key.author.peer;
        let Some(place) = held.lost else {
            self.winning.change(peer, 0, held.weight);
            return false;
        };
        if let Some(count) = self.days.get_mut(&place.0) {
            *count -= 1;
            if *count == 0 {
                self.days.remove(&place.0);
            }
        }
        self.lost.remove(&(peer, place));
        self.beaten.change(peer, 0, weight(&held.batch));
        true
    }

    /// Forgets all batches except these. Returns the keys of superseded ones.
    pub fn retain(&mut self, is_held: impl Fn(&SignedBatch) -> bool) -> Vec<BatchKey> {
        let others = self.batches().filter(|batch| !is_held(batch)).map(|batch| batch.key());
        let others: Vec<BatchKey> = others.collect();
        others.into_iter().filter(|key| self.forget(key)).collect()
    }

    /// The authors whose winning batches must go so that the rest is below `most`, with some to spare: strangers, those
    /// with the most first; in ascending order. None if it is below already, or no stranger has any.
    pub fn beyond(&self, most: usize, is_known: impl Fn(&PeerId) -> bool) -> Vec<PeerId> {
        let mut left = self.winning.sum;
        let mut authors = Vec::new();
        if left <= most {
            return authors;
        }
        for (bytes, author) in self.winning.ranked.iter().rev().filter(|(_, author)| !is_known(author)) {
            authors.push(*author);
            left -= bytes;
            if left <= most - most / SPARE {
                break;
            }
        }
        authors.sort_unstable();
        authors
    }

    /// Forgets superseded batches after their days, and beyond the limits. Returns their keys.
    pub fn bound(&mut self, today: u32, is_known: impl Fn(&PeerId) -> bool) -> Vec<BatchKey> {
        let mut gone = Vec::new();
        if self.first_day().is_some_and(|day| is_over(day, today)) {
            let over = self.lost.iter().filter(|((_, (day, _)), _)| is_over(*day, today));
            gone.extend(over.map(|(_, key)| *key));
            gone.iter().for_each(|key| _ = self.forget(key));
        }
        while let Some(first) = self.heaviest(&is_known).and_then(|author| self.first_of(author)) {
            self.forget(&first);
            gone.push(first);
        }
        gone
    }

    /// The first day on which a batch that is here was superseded.
    pub fn first_day(&self) -> Option<u32> {
        self.days.first_key_value().map(|(day, _)| *day)
    }

    /// The superseded batches.
    pub fn beaten(&self) -> impl Iterator<Item = &SignedBatch> {
        self.lost.values().filter_map(|key| self.get(key))
    }

    /// The superseded batches, each with its day.
    pub fn beaten_since(&self) -> impl Iterator<Item = (&SignedBatch, u32)> {
        self.lost.iter().filter_map(|((_, (day, _)), key)| Some((self.get(key)?, *day)))
    }

    /// All batches of an endpoint, by sequence.
    pub fn of(&self, author: Endpoint) -> impl Iterator<Item = &SignedBatch> {
        let key = |sequence| BatchKey { author, sequence, id: ShortId([0; 16]) };
        self.within(key(0)..=edge(key(u64::MAX), u8::MAX))
    }

    /// All batches of a peer.
    pub fn of_peer(&self, peer: PeerId) -> impl Iterator<Item = &SignedBatch> {
        let key = |instance, sequence| {
            let author = Endpoint { peer, instance: Instance(instance) };
            BatchKey { author, sequence, id: ShortId([0; 16]) }
        };
        self.within(key(0, 0)..=edge(key(u64::MAX, u64::MAX), u8::MAX))
    }

    /// All batches.
    pub fn batches(&self) -> impl Iterator<Item = &SignedBatch> {
        self.written.values().map(|held| &held.batch)
    }

    fn within(&self, range: RangeInclusive<BatchKey>) -> impl Iterator<Item = &SignedBatch> {
        self.written.range(range).map(|(_, held)| &held.batch)
    }

    /// The author whose batches must go next, if any.
    fn heaviest(&self, is_known: &impl Fn(&PeerId) -> bool) -> Option<PeerId> {
        let heaviest = self.beaten.ranked.last()?;
        if heaviest.0 > AUTHOR_BYTES_MAX {
            return Some(heaviest.1);
        }
        if self.beaten.sum <= BEATEN_BYTES_MAX {
            return None;
        }
        let stranger = self.beaten.ranked.iter().rev().find(|(_, peer)| !is_known(peer));
        Some(stranger.unwrap_or(heaviest).1)
    }

    /// The superseded batch of an author that was superseded first.
    fn first_of(&self, author: PeerId) -> Option<BatchKey> {
        let (_, first) = self.lost.range((author, (0, 0))..=(author, (u32::MAX, u64::MAX))).next()?;
        Some(*first)
    }
}

/// Whether batches that were superseded on a day were kept long enough.
pub fn is_over(day: u32, today: u32) -> bool {
    day.saturating_add(BEATEN_DAYS) < today
}

fn weight(batch: &SignedBatch) -> usize {
    batch.bytes().len().max(BATCH_BYTES_LEAST)
}

/// The least or the greatest key at one place of a sequence.
fn edge(key: BatchKey, fill: u8) -> BatchKey {
    BatchKey { id: ShortId([fill; 16]), ..key }
}

#[cfg(test)]
mod tests;
