//! Books: writing ours, and merging those of other trusted peers, at a takeover and after a split alike.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use meshwork_core::blobs::BlobId;
use meshwork_core::id::{Endpoint, PeerId};
use meshwork_core::time::Time;
use meshwork_core::wire::Bounded;

use super::{FETCH_TIME, Kept, Out, Steward};
use crate::book::{Book, Entry, INDEX_MAX, Index};
use crate::message::Span;
use crate::packet;
use crate::planted::{self, Planted};

/// Time after which a failed fetch begins again.
const RETRY: Duration = Duration::from_secs(5);
/// Most units of an index entry.
const ENTRY_UNITS: u16 = 256;

/// Most rows of standing that are written with a book.
const STANDINGS: usize = 16;

/// A blob that must come, and its uses.
#[derive(Debug)]
pub(super) struct Want {
    at_most: u64,
    since: Time,
    /// The time of the next attempt; `None` while one goes on.
    again: Option<Time>,
    uses: Vec<Use>,
}

/// The use of a blob.
#[derive(Clone, Debug)]
pub(super) enum Use {
    /// The index of a trusted peer.
    Index,
    /// A packet that an index names: place, span, lender, confirmation.
    Entry { at: (u32, u32), span: Span, by: PeerId, confirmed: Option<PeerId> },
    /// A lender's result.
    Result(Endpoint, Span),
}

impl Want {
    pub(super) fn of_result(from: Endpoint, span: Span) -> Use {
        Use::Result(from, span)
    }

    /// The lenders' spans that wait for this blob.
    pub(super) fn results(&self) -> impl Iterator<Item = (Endpoint, Span)> {
        self.uses.iter().filter_map(|used| match used {
            Use::Result(from, span) => Some((*from, *span)),
            _ => None,
        })
    }
}

impl Steward {
    /// Fetches a blob, once for all uses.
    pub(super) fn want(&mut self, now: Time, blob: BlobId, at_most: u64, used: Use) {
        let is_same = |other: &Use| matches!((other, &used), (Use::Result(a, b), Use::Result(c, d)) if (a, b) == (c, d));
        if let Some(want) = self.wants.get_mut(&blob) {
            if !want.uses.iter().any(is_same) {
                want.uses.push(used);
            }
            return;
        }
        self.wants.insert(blob, Want { at_most, since: now, again: None, uses: vec![used] });
        self.out.push(Out::Fetch(blob, at_most));
    }

    /// A book of a trusted peer changed.
    pub(crate) fn handle_book(&mut self, now: Time, peer: PeerId, book: &Book) {
        let Some((index, length)) = book.index else { return };
        if planted::is(Planted::WithoutIndex) || self.merged.get(&peer) == Some(&index) {
            return;
        }
        self.merged.insert(peer, index);
        self.want(now, index, length.into(), Use::Index);
    }

    /// A fetch ended.
    pub(crate) fn handle_fetched(&mut self, now: Time, blob: BlobId, bytes: Option<&[u8]>) {
        let Some(bytes) = bytes else {
            if let Some(want) = self.wants.get_mut(&blob) {
                want.again = Some(now + RETRY);
            }
            return;
        };
        let Some(want) = self.wants.remove(&blob) else { return };
        for used in want.uses {
            match used {
                Use::Index => self.merge(now, bytes),
                Use::Result(from, span) => self.take(now, from, span, bytes, Some(blob)),
                Use::Entry { at: (start, length), span, by, confirmed } => {
                    let end = (start as usize).saturating_add(length as usize);
                    if let Some(packet) = bytes.get(start as usize..end) {
                        self.restore(now, span, packet, (blob, start, length), (by, confirmed));
                    }
                }
            }
        }
    }

    /// Begins failed fetches again, and drops results that do not come.
    pub(super) fn retry_fetches(&mut self, now: Time) {
        let mut lost = Vec::new();
        let mut fetches = Vec::new();
        self.wants.retain(|blob, want| {
            let is_old = now.since(want.since) >= FETCH_TIME;
            if is_old {
                let is_result = |used: &Use| matches!(used, Use::Result(..));
                lost.extend(want.uses.iter().filter(|used| is_result(used)).cloned());
                want.uses.retain(|used| !is_result(used));
            }
            if want.again.is_some_and(|again| now >= again) && !want.uses.is_empty() {
                want.again = None;
                fetches.push(Out::Fetch(*blob, want.at_most));
            }
            !want.uses.is_empty()
        });
        self.out.extend(fetches);
        for used in lost {
            if let Use::Result(by, (first, _)) = used {
                self.end_run(&by, first);
            }
        }
    }

    /// The packet of a run does not come: its units go back.
    fn end_run(&mut self, by: &Endpoint, first: u32) {
        if let Some(task) = self.tasks.get_mut(&first) {
            task.runs.retain(|run| run.by != *by);
        }
        self.change_probes(|probe| {
            if probe.first == first {
                probe.runs.retain(|run| run.by != *by);
            }
        });
        self.drop_runs(|_| false);
        self.is_dirty = true;
    }

    /// Merges an index: its convictions join ours, its entries fill open units once their packets are here.
    fn merge(&mut self, now: Time, bytes: &[u8]) {
        let Ok(index) = Index::decode(bytes) else { return };
        for peer in index.caught.iter() {
            self.convict(now, *peer);
        }
        for entry in index.entries.iter() {
            let peer = |at: u16| index.peers.get(usize::from(at)).copied();
            let (Some(by), confirmed) = (peer(entry.by), entry.confirmed.and_then(peer)) else { continue };
            let in_job = u64::from(entry.first) + u64::from(entry.units) <= self.job.units.into();
            if !in_job || self.open_parts(entry.first, entry.units).is_empty() {
                continue;
            }
            let (blob, start, length) = entry.packet;
            let used = Use::Entry { at: (start, length), span: (entry.first, entry.units), by, confirmed };
            self.want(now, blob, INDEX_MAX as u64, used);
        }
        self.is_changed = true;
    }

    /// A packet that an index names is here.
    fn restore(
        &mut self,
        now: Time,
        span: Span,
        packet: &[u8],
        place: (BlobId, u32, u32),
        authors: (PeerId, Option<PeerId>),
    ) {
        let job = self.job.clone();
        let (by, confirmed) = authors;
        let Ok(values) = packet::results(&job, packet, span.1.into()) else { return };
        if self.is_caught(&by) && confirmed.is_none() && !job.trusts(&by) {
            return;
        }
        for (first, units) in self.open_parts(span.0, span.1) {
            let offset = (first - span.0) as usize;
            let packet = packet::write(&values[offset..offset + usize::from(units)]);
            let place = ((first, units) == span).then_some(place);
            let kept =
                Kept { first, units, by, confirmed, packet, place, probe: None, waits: false, holder: None };
            self.restored += u32::from(units);
            self.keep(now, kept);
        }
    }

    /// Writes our book, with an index of all that is accepted.
    pub(super) fn write_book(&mut self, now: Time) {
        self.book_at = now;
        self.is_refused = false;
        let index = if self.is_restoring && self.base.is_some() { self.base } else { self.write_index() };
        self.is_changed = self.is_restoring;
        // Convictions first. The rest waits for the next book.
        let is_innocent = |peer: &PeerId| !self.standing.get(peer).is_some_and(|standing| standing.is_caught);
        let mut changed: Vec<PeerId> = std::mem::take(&mut self.changed_standing).into_iter().collect();
        changed.sort_by_key(is_innocent);
        self.changed_standing = changed.split_off(changed.len().min(STANDINGS)).into_iter().collect();
        for peer in changed {
            if let Some(standing) = self.standing.get(&peer) {
                self.out.push(Out::Standing(peer, *standing));
            }
        }
        let caught = self.standing.values().filter(|standing| standing.is_caught).count() as u32;
        self.out.push(Out::Book(Book {
            epoch: self.epoch,
            by: self.me.instance,
            accepted: self.accepted(),
            checked: self.checked,
            caught,
            state: self.state.clone(),
            index,
            fresh: self.news.cover(),
        }));
    }

    /// Bundles packets that lie in no blob yet, and offers the index.
    fn write_index(&mut self) -> Option<(BlobId, u32)> {
        let mut bundle = Vec::new();
        let mut placed = Vec::new();
        for (number, kept) in self.kept.iter().filter(|(_, kept)| kept.is_accepted() && kept.place.is_none())
        {
            placed.push((*number, bundle.len() as u32, kept.packet.len() as u32));
            bundle.extend_from_slice(&kept.packet);
        }
        if !placed.is_empty() {
            let id = BlobId(*blake3::hash(&bundle).as_bytes());
            self.out.push(Out::Offer(bundle));
            for (number, start, length) in placed {
                if let Some(kept) = self.kept.get_mut(&number) {
                    kept.place = Some((id, start, length));
                }
            }
        }
        let accepted = self.kept.iter().filter(|(_, kept)| kept.is_accepted());
        let named = accepted.clone().flat_map(|(_, kept)| [Some(kept.by), kept.confirmed]).flatten();
        let peers: BTreeSet<PeerId> = named.take(65_000).collect();
        let number: BTreeMap<PeerId, u16> = peers.iter().copied().zip(0..).collect();
        let entry = |kept: &Kept| {
            let (by, packet) = (*number.get(&kept.by)?, kept.place?);
            let confirmed = kept.confirmed.and_then(|peer| number.get(&peer).copied());
            Some(Entry { first: kept.first, units: kept.units.min(ENTRY_UNITS), packet, by, confirmed })
        };
        let mut entries: Vec<Entry> = accepted.filter_map(|(_, kept)| entry(kept)).collect();
        entries.sort_by_key(|entry| entry.first);
        let caught = self.standing.iter().filter(|(_, standing)| standing.is_caught).map(|(peer, _)| *peer);
        let index = Index {
            peers: Bounded::new(peers.into_iter().collect()).unwrap_or_default(),
            caught: Bounded::new(caught.take(65_000).collect()).unwrap_or_default(),
            entries: Bounded::new(entries).unwrap_or_default(),
        };
        let bytes = index.encode();
        let named = (BlobId(*blake3::hash(&bytes).as_bytes()), bytes.len() as u32);
        self.out.push(Out::Offer(bytes));
        let pending = |number: &u32| self.kept.get(number).is_some_and(|kept| !kept.is_accepted());
        self.unbooked = self.unbooked.iter().copied().filter(pending).collect();
        self.is_dirty = true;
        Some(named)
    }
}
