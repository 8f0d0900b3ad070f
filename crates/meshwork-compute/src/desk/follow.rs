//! Following: the results of a job as they are accepted, from the steward here, or from the index and the packets that it names.

use std::collections::{BTreeMap, BTreeSet};

use meshwork_core::blobs::BlobId;

use super::{Desk, FETCHES, Slot};
use crate::book::{Entry, INDEX_MAX, Index};
use crate::io::Output;
use crate::job::{Job, JobId};
use crate::packet;

/// A part of what a follower gets.
#[derive(Debug)]
enum News {
    Results(u32, Vec<Vec<u8>>),
    Reopened(u32, u32),
}

/// The state of a follower of one job.
#[derive(Debug, Default)]
pub(super) struct Follow {
    /// For each unit a hash of the result that was given; 0 for none.
    given: Vec<u64>,
    /// Entries of the index that was read last whose results were given.
    read: BTreeMap<u32, Entry>,
    index: Option<BlobId>,
    /// Entries to read, by their packet.
    lacks: BTreeMap<BlobId, Vec<Entry>>,
    /// Packets to fetch, the newest last.
    order: Vec<BlobId>,
    flying: BTreeSet<BlobId>,
    out: Vec<News>,
}

/// A short name of a result that is not 0.
fn name_of(value: &[u8]) -> u64 {
    let hash = blake3::hash(value);
    hash.as_bytes().iter().take(8).fold(0, |name, byte| name << 8 | u64::from(*byte)).max(1)
}

impl Follow {
    /// Results are accepted. Units whose result was given already come again only if it differs.
    pub(super) fn take(&mut self, first: u32, values: Vec<Vec<u8>>) {
        let end = first as usize + values.len();
        self.given.resize(self.given.len().max(end), 0);
        let mut part: (u32, Vec<Vec<u8>>) = (first, Vec::new());
        for (unit, value) in (first..).zip(values) {
            let (name, before) = (name_of(&value), self.given[unit as usize]);
            if name != before {
                if before != 0 {
                    self.reopen(unit, 1);
                }
                self.given[unit as usize] = name;
            }
            if name == before || part.0 + part.1.len() as u32 != unit {
                self.give(std::mem::replace(&mut part, (unit, Vec::new())));
            }
            if name == before {
                part.0 = unit + 1;
            } else {
                part.1.push(value);
            }
        }
        self.give(part);
    }

    fn give(&mut self, (first, values): (u32, Vec<Vec<u8>>)) {
        if !values.is_empty() {
            self.out.push(News::Results(first, values));
        }
    }

    /// Units are open again.
    pub(super) fn reopen(&mut self, first: u32, units: u32) {
        let mut run = (first, 0);
        for unit in first..first.saturating_add(units).min(self.given.len() as u32) {
            if std::mem::take(&mut self.given[unit as usize]) != 0 {
                run.1 += 1;
                continue;
            }
            self.open(std::mem::replace(&mut run, (unit + 1, 0)));
        }
        self.open(run);
    }

    fn open(&mut self, (first, units): (u32, u32)) {
        if units > 0 {
            self.out.push(News::Reopened(first, units));
        }
    }

    /// An index of the book that counts.
    fn read_index(&mut self, id: BlobId, index: &Index, units: u32) {
        if self.index.replace(id) == Some(id) {
            return;
        }
        let entries: BTreeMap<u32, &Entry> = index.entries.iter().map(|entry| (entry.first, entry)).collect();
        self.read.retain(|first, read| entries.get(first).is_some_and(|entry| *entry == read));
        let mut next = 0;
        for entry in index.entries.iter() {
            self.reopen(next, entry.first.saturating_sub(next));
            next = entry.first + u32::from(entry.units);
        }
        self.reopen(next, units.saturating_sub(next));
        let mut lacks: BTreeMap<BlobId, Vec<Entry>> = BTreeMap::new();
        let mut order = Vec::new();
        let new = |entry: &&Entry| !self.read.contains_key(&entry.first);
        for entry in index.entries.iter().rev().filter(new) {
            let parts = lacks.entry(entry.packet.0).or_default();
            if parts.is_empty() && !self.lacks.contains_key(&entry.packet.0) {
                order.push(entry.packet.0);
            }
            parts.push(*entry);
        }
        self.order.retain(|packet| lacks.contains_key(packet));
        self.order.extend(order);
        self.lacks = lacks;
    }

    /// A packet that the index names is here, or cannot be fetched.
    fn read_packet(&mut self, job: &Job, blob: BlobId, bytes: Option<&[u8]>) {
        let was_flying = self.flying.remove(&blob);
        let Some(bytes) = bytes else {
            if was_flying && self.lacks.contains_key(&blob) {
                self.order.insert(0, blob);
            }
            return;
        };
        self.order.retain(|packet| *packet != blob);
        for entry in self.lacks.remove(&blob).unwrap_or_default() {
            let (start, length) = (entry.packet.1 as usize, entry.packet.2 as usize);
            let in_job = u64::from(entry.first) + u64::from(entry.units) <= job.units.into();
            let packet = bytes.get(start..start.saturating_add(length)).filter(|_| in_job);
            let values = packet.map(|packet| packet::results(job, packet, entry.units.into()));
            if let Some(Ok(values)) = values {
                self.read.insert(entry.first, entry);
                self.take(entry.first, values.into_iter().map(<[u8]>::to_vec).collect());
            }
        }
    }

    /// Packets to fetch now, the newest first.
    fn fetches(&mut self, may_fetch: impl Fn(&BlobId) -> bool) -> Vec<BlobId> {
        let mut fetches = Vec::new();
        while self.flying.len() < FETCHES
            && let Some(at) = self.order.iter().rposition(&may_fetch)
        {
            let blob = self.order.remove(at);
            if self.flying.insert(blob) {
                fetches.push(blob);
            }
        }
        fetches
    }
}

impl Desk {
    /// Begins or ends to give the results of a job as [`Output::Results`] and [`Output::Reopened`], those that are accepted already
    /// first. At the steward they come when they are accepted, elsewhere when the index of the book that counts and its packets are here.
    pub fn follow(&mut self, id: &JobId, is_on: bool) {
        let slot = self.jobs.entry(*id).or_default();
        if is_on == slot.follow.is_some() {
            return;
        }
        slot.follow = is_on.then(Follow::default);
        if let Some(steward) = &mut slot.steward {
            steward.follow(is_on);
        }
        self.fetch_results(*id);
        self.flush();
    }

    /// Whether the results of a job are given here.
    pub fn is_followed(&self, id: &JobId) -> bool {
        self.jobs.get(id).is_some_and(|slot| slot.follow.is_some())
    }

    /// The index of the book that counts, and whether it is here.
    fn best_index(&self, slot: &Slot) -> Option<(BlobId, u32, bool)> {
        let (index, length) = self.best_book(slot)?.1.index?;
        Some((index, length, slot.index.as_ref().is_some_and(|(here, _)| *here == index)))
    }

    /// Whether results are accepted that a follower here has not got.
    pub(super) fn lacks_results(&self, slot: &Slot) -> bool {
        let Some(follow) = &slot.follow else { return false };
        let is_behind = self.best_index(slot).is_some_and(|(index, ..)| follow.index != Some(index));
        slot.steward.is_none() && (is_behind || !follow.lacks.is_empty())
    }

    /// Fetches the index of a job that is followed, and packets that it names.
    pub(super) fn fetch_results(&mut self, id: JobId) {
        let Some(slot) = self.jobs.get(&id).filter(|slot| slot.follow.is_some() && slot.steward.is_none())
        else {
            return;
        };
        let (Some(job), Some((index, length, is_here))) = (slot.job.clone(), self.best_index(slot)) else {
            return;
        };
        let (now, retries) = (self.now, &self.retries);
        let may_fetch = |blob: &BlobId| retries.get(&(id, *blob)).is_none_or(|at| now >= *at);
        let mut fetches = Vec::new();
        if !is_here && may_fetch(&index) {
            fetches.push((index, length.into()));
        }
        let Some(slot) = self.jobs.get_mut(&id) else { return };
        if let (Some(follow), Some((blob, index))) = (&mut slot.follow, &slot.index)
            && is_here
        {
            follow.read_index(*blob, index, job.units);
            fetches.extend(follow.fetches(may_fetch).into_iter().map(|blob| (blob, INDEX_MAX as u64)));
        }
        for (blob, at_most) in fetches {
            self.fetch(id, blob, at_most);
        }
        self.show(id, |_| ());
    }

    /// A blob of a job is here, or cannot be fetched: a follower reads it.
    pub(super) fn read_results(&mut self, id: JobId, blob: BlobId, bytes: Option<&[u8]>) {
        let Some(job) = self.jobs.get(&id).and_then(|slot| slot.job.clone()) else { return };
        self.show(id, |follow| follow.read_packet(&job, blob, bytes));
        self.fetch_results(id);
    }

    /// Changes a follower, and gives its news.
    pub(super) fn show(&mut self, id: JobId, change: impl FnOnce(&mut Follow)) {
        let Some(follow) = self.jobs.get_mut(&id).and_then(|slot| slot.follow.as_mut()) else { return };
        change(follow);
        let news = std::mem::take(&mut follow.out).into_iter().map(|news| match news {
            News::Results(first, values) => Output::Results { job: id, first, values },
            News::Reopened(first, units) => Output::Reopened { job: id, first, units },
        });
        self.out.extend(news);
    }
}
