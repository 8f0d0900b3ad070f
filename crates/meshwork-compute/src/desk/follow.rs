//! Following: the results of a job as they are accepted. They come from the steward here, or from news, indexes and packets.
//!
//! News are provisional: an index of the same steward covers those up to a number, and units that it does not name are open. Another steward
//! begins anew. So each unit remembers the news that changed it last, and only an index that covers these changes it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use meshwork_core::blobs::BlobId;

use super::charge::key;
use super::{Desk, FETCHES, Slot};
use crate::book::{Entry, INDEX_MAX, Index};
use crate::io::Output;
use crate::job::{Job, JobId};
use crate::lender::Key;
use crate::message::{Fresh, Grants, NEWS_NAMED, News, Packet, SPAN_MAX, Span};
use crate::packet;

/// News are held for this time, so that others can fetch them.
const NEWS_HELD: Duration = Duration::from_secs(30);
/// Packets that news name and that are not here. Others come with the next index.
const PARTS_MAX: usize = 1024;

/// A part of what a follower gets.
#[derive(Debug)]
enum Change {
    Results(u32, Vec<Vec<u8>>),
    Reopened(u32, u32),
}

/// Units of a packet, and its blob, place and length.
type Place = (u16, (BlobId, u32, u32));

/// News that are fetched.
#[derive(Debug)]
struct Pending {
    blob: BlobId,
    /// The result of the fetch.
    fetched: Option<Option<News>>,
}

/// A packet that news name.
#[derive(Debug)]
struct Part {
    units: u16,
    packet: (BlobId, u32),
    number: u32,
}

/// The state of a follower of one job.
#[derive(Debug, Default)]
pub(super) struct Follow {
    /// For each unit a hash of the result that was given; 0 for none.
    given: Vec<u64>,
    /// Packets by their first unit whose results were given, all of them.
    read: BTreeMap<u32, Place>,
    index: Option<BlobId>,
    /// The steward whose news are read.
    steward: Option<Key>,
    /// The last news that its index covers, and the last that were read.
    covered: u32,
    heard: u32,
    /// For each unit the number of the news that changed it last.
    touched: Vec<u32>,
    /// News to read, by number.
    pending: BTreeMap<u32, Pending>,
    /// Packets of news that are not here, by their first unit. They do not overlap.
    parts: BTreeMap<u32, Part>,
    /// Entries to read, by their packet.
    lacks: BTreeMap<BlobId, Vec<Entry>>,
    /// Packets to fetch, the newest last.
    order: Vec<BlobId>,
    flying: BTreeSet<BlobId>,
    out: Vec<Change>,
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
            self.out.push(Change::Results(first, values));
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
            self.out.push(Change::Reopened(first, units));
        }
    }

    /// Whether the results of all units were given.
    pub(super) fn has_all(&self, units: u32) -> bool {
        self.given.len() >= units as usize && self.given.iter().all(|name| *name != 0)
    }

    /// The steward here has accepted results.
    pub(super) fn accept(&mut self, first: u32, values: Vec<Vec<u8>>) {
        self.forget_read(first, values.len() as u32);
        self.take(first, values);
    }

    /// The steward here has opened units again.
    pub(super) fn lose(&mut self, first: u32, units: u32) {
        self.forget_read(first, units);
        self.reopen(first, units);
    }

    /// Units have other results than the packets that were read.
    fn forget_read(&mut self, first: u32, units: u32) {
        self.index = None;
        self.read_over(first, units);
    }

    fn read_over(&mut self, first: u32, units: u32) {
        let near = self.read.range(first.saturating_sub(SPAN_MAX.into())..first.saturating_add(units));
        let hit = near.filter(|(start, (units, _))| **start + u32::from(*units) > first);
        for start in hit.map(|(start, _)| *start).collect::<Vec<u32>>() {
            self.read.remove(&start);
        }
    }

    /// Another steward has news: those of the one before are provisional until an index comes.
    fn turn(&mut self, steward: Key) {
        self.steward = Some(steward);
        (self.covered, self.heard, self.index) = (0, 0, None);
        self.touched.clear();
        self.pending.clear();
        self.parts.clear();
    }

    /// Grants of a steward name news. Returns those to fetch.
    fn hear(&mut self, steward: Key, fresh: &[Fresh]) -> Vec<(BlobId, u64)> {
        match self.steward {
            Some(known) if steward < known => return Vec::new(),
            Some(known) if steward == known => (),
            _ => self.turn(steward),
        }
        let mut fetches = Vec::new();
        for fresh in fresh.iter().filter(|fresh| fresh.number > self.heard) {
            if self.pending.len() < NEWS_NAMED && !self.pending.contains_key(&fresh.number) {
                self.pending.insert(fresh.number, Pending { blob: fresh.blob, fetched: None });
                fetches.push((fresh.blob, fresh.length.into()));
            }
        }
        fetches
    }

    /// News are here, or cannot be fetched. They are read in the order of their numbers.
    fn read_news(&mut self, job: &Job, blob: BlobId, bytes: Option<&[u8]>) {
        for (number, pending) in self.pending.iter_mut().filter(|(_, pending)| pending.blob == blob) {
            let news = bytes.and_then(|bytes| News::decode(bytes).ok());
            pending.fetched = Some(news.filter(|news| news.number == *number));
        }
        while let Some(first) = self.pending.first_entry().filter(|first| first.get().fetched.is_some()) {
            self.heard = *first.key();
            if let Some(Some(news)) = first.remove().fetched {
                self.read_one(job, &news);
            }
        }
    }

    fn read_one(&mut self, job: &Job, news: &News) {
        let in_job = |(first, units): &Span| u64::from(*first) + u64::from(*units) <= job.units.into();
        for span in news.opened.iter().filter(|span| in_job(span)) {
            self.touch(*span, news.number);
            self.reopen(span.0, span.1.into());
        }
        for (span, packet) in news.results.iter().filter(|(span, _)| in_job(span)) {
            self.touch(*span, news.number);
            match packet {
                Packet::Inline(bytes) => {
                    if let Ok(values) = packet::results(job, bytes, span.1.into()) {
                        self.take(span.0, values.into_iter().map(<[u8]>::to_vec).collect());
                    }
                }
                Packet::Blob(blob, length) if self.parts.len() < PARTS_MAX => {
                    let part = Part { units: span.1, packet: (*blob, *length), number: news.number };
                    self.parts.insert(span.0, part);
                    self.order.retain(|packet| packet != blob);
                    self.order.push(*blob);
                }
                Packet::Blob(..) => (),
            }
        }
    }

    /// News change units: packets with older results do not count any more.
    fn touch(&mut self, (first, units): Span, number: u32) {
        let end = first + u32::from(units);
        self.touched.resize(self.touched.len().max(end as usize), 0);
        self.touched[first as usize..end as usize].fill(number);
        self.read_over(first, units.into());
        let near = self.parts.range(first.saturating_sub(SPAN_MAX.into())..end);
        let hit = near.filter(|(start, part)| **start + u32::from(part.units) > first);
        for start in hit.map(|(start, _)| *start).collect::<Vec<u32>>() {
            self.parts.remove(&start);
        }
    }

    /// The parts of a range that no news changed which the index does not cover.
    fn settled(&self, range: Range<u32>) -> Vec<Range<u32>> {
        let is_newer = |unit: &u32| self.touched.get(*unit as usize).is_some_and(|at| *at > self.covered);
        let mut parts = Vec::new();
        let mut start = range.start;
        // Units behind the end of `touched` are as in the index.
        for unit in range.start..range.end.min(self.touched.len() as u32) {
            if is_newer(&unit) {
                parts.push(start..unit);
                start = unit + 1;
            }
        }
        parts.push(start..range.end);
        parts.retain(|part| !part.is_empty());
        parts
    }

    fn reopen_settled(&mut self, first: u32, end: u32) {
        for part in self.settled(first..end.max(first)) {
            self.reopen(part.start, part.end - part.start);
        }
    }

    /// An index of the book that counts, which covers news up to a number.
    fn read_index(&mut self, id: BlobId, index: &Index, units: u32, (steward, covered): (Key, u32)) {
        if self.steward.is_none_or(|known| steward > known) {
            self.turn(steward);
        }
        let covered = if self.steward == Some(steward) { covered } else { self.covered };
        if (self.index.replace(id), self.covered) == (Some(id), covered) {
            return;
        }
        self.covered = covered;
        self.heard = self.heard.max(covered);
        self.pending.retain(|number, _| *number > covered);
        self.parts.retain(|_, part| part.number > covered);
        let place = |entry: &Entry| (entry.units, entry.packet);
        let entries: BTreeMap<u32, Place> =
            index.entries.iter().map(|entry| (entry.first, place(entry))).collect();
        let touched = &self.touched;
        let is_newer = |first: u32| touched.get(first as usize).is_some_and(|at| *at > covered);
        self.read.retain(|first, read| entries.get(first) == Some(read) || is_newer(*first));
        let mut next = 0;
        for entry in index.entries.iter() {
            self.reopen_settled(next, entry.first);
            next = entry.first + u32::from(entry.units);
        }
        self.reopen_settled(next, units);
        let mut lacks: BTreeMap<BlobId, Vec<Entry>> = BTreeMap::new();
        let mut order = Vec::new();
        let new = |entry: &&Entry| self.read.get(&entry.first) != Some(&place(entry));
        for entry in index.entries.iter().rev().filter(new) {
            let parts = lacks.entry(entry.packet.0).or_default();
            if parts.is_empty() && !self.lacks.contains_key(&entry.packet.0) {
                order.push(entry.packet.0);
            }
            parts.push(*entry);
        }
        let parts = &self.parts;
        let is_part = |packet: &BlobId| parts.values().any(|part| part.packet.0 == *packet);
        self.order.retain(|packet| lacks.contains_key(packet) || is_part(packet));
        self.order.extend(order);
        self.lacks = lacks;
    }

    /// A packet that the index or news name is here, or cannot be fetched.
    fn read_packet(&mut self, job: &Job, blob: BlobId, bytes: Option<&[u8]>) {
        let was_flying = self.flying.remove(&blob);
        let parts = self.parts.iter().filter(|(_, part)| part.packet.0 == blob);
        let parts: Vec<u32> = parts.map(|(first, _)| *first).collect();
        let Some(bytes) = bytes else {
            if was_flying && (self.lacks.contains_key(&blob) || !parts.is_empty()) {
                self.order.insert(0, blob);
            }
            return;
        };
        self.order.retain(|packet| *packet != blob);
        for entry in self.lacks.remove(&blob).unwrap_or_default() {
            self.read_part(job, entry.first, (entry.units, entry.packet), bytes, false);
        }
        for first in parts {
            if let Some(part) = self.parts.remove(&first) {
                let (blob, length) = part.packet;
                self.read_part(job, first, (part.units, (blob, 0, length)), bytes, true);
            }
        }
    }

    /// Reads a part of a blob: units that news changed since count no more, unless it is of the news.
    fn read_part(&mut self, job: &Job, first: u32, place: Place, bytes: &[u8], is_news: bool) {
        let (units, (_, start, length)) = place;
        let (start, end) = (start as usize, first + u32::from(units));
        let packet = bytes.get(start..start.saturating_add(length as usize)).filter(|_| end <= job.units);
        let values = packet.map(|packet| packet::results(job, packet, units.into()));
        let Some(Ok(values)) = values else { return };
        let whole = first..end;
        let settled = if is_news { Vec::from([whole.clone()]) } else { self.settled(whole.clone()) };
        if settled.first() == Some(&whole) {
            self.read.insert(first, place);
        }
        for part in settled {
            let values = &values[(part.start - first) as usize..(part.end - first) as usize];
            self.take(part.start, values.iter().map(|value| value.to_vec()).collect());
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
        let Some(job) = slot.job.clone() else { return };
        let Some((index, length, is_here)) = self.best_index(slot) else {
            return self.fetch_parts(id);
        };
        let Some((endpoint, book)) = self.best_book(slot) else { return };
        let covers = (key(&job, book.epoch, &endpoint), book.fresh);
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
            follow.read_index(*blob, index, job.units, covers);
        }
        for (blob, at_most) in fetches {
            self.fetch(id, blob, at_most);
        }
        self.fetch_parts(id);
    }

    /// Fetches packets that an index or news name.
    fn fetch_parts(&mut self, id: JobId) {
        let (now, retries) = (self.now, &self.retries);
        let may_fetch = |blob: &BlobId| retries.get(&(id, *blob)).is_none_or(|at| now >= *at);
        let follow = self.jobs.get_mut(&id).and_then(|slot| slot.follow.as_mut());
        for blob in follow.map(|follow| follow.fetches(may_fetch)).unwrap_or_default() {
            self.fetch(id, blob, INDEX_MAX as u64);
        }
        self.show(id, |_| ());
    }

    /// Grants of the steward in charge name news: a follower fetches them.
    pub(super) fn hear_news(&mut self, steward: Key, grants: &Grants) {
        let Some(slot) = self.jobs.get_mut(&grants.job).filter(|slot| slot.steward.is_none()) else { return };
        let Some(follow) = &mut slot.follow else { return };
        let fetches = follow.hear(steward, &grants.fresh);
        slot.news_to_come.extend(fetches.iter().map(|(blob, _)| *blob));
        for (blob, at_most) in fetches {
            self.fetch(grants.job, blob, at_most);
        }
    }

    /// A blob is here, or cannot be fetched. Returns whether it was fetched as news.
    pub(super) fn read_news(&mut self, id: JobId, blob: BlobId, bytes: Option<&[u8]>) -> bool {
        let Some(slot) = self.jobs.get_mut(&id) else { return false };
        let Some(job) = slot.job.clone().filter(|_| slot.news_to_come.remove(&blob)) else { return false };
        if bytes.is_some() {
            self.hold_news(id, blob);
        }
        self.show(id, |follow| follow.read_news(&job, blob, bytes));
        self.fetch_parts(id);
        true
    }

    /// News are here.
    pub(super) fn hold_news(&mut self, id: JobId, blob: BlobId) {
        let Some(slot) = self.jobs.get_mut(&id) else { return };
        slot.here.insert(blob);
        slot.news.push_back((self.now, blob));
    }

    /// Frees news that nobody fetches any more.
    pub(super) fn free_news(&mut self, id: JobId) {
        let now = self.now;
        while let Some(slot) = self.jobs.get_mut(&id)
            && let Some((at, blob)) = slot.news.front().copied()
            && now.since(at) >= NEWS_HELD
        {
            slot.news.pop_front();
            slot.here.remove(&blob);
            if !self.has(&blob) {
                self.out.push_back(Output::Free(blob));
            }
        }
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
            Change::Results(first, values) => Output::Results { job: id, first, values },
            Change::Reopened(first, units) => Output::Reopened { job: id, first, units },
        });
        self.out.extend(news);
    }
}
