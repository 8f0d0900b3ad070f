//! Makes few updates of one author out of many.

use std::ops::Range;

use meshwork_core::clock::Stamp;
use meshwork_core::id::{Instance, PeerId};
use meshwork_core::replica::Fold;
use meshwork_core::signed::batch::{HEADER_MAX, PAYLOAD_MAX, SIGNATURE_LEN, SignedBatch};

use super::one::{Document, Held};
use super::said::{FORMER_MAX, Said, UPDATE_MAX, payload};
use super::update::{ITEMS_MAX, Item, Kind, Ranges, Update, merge};

/// Some updates of one author, and under which of its instances they were written.
#[derive(Clone)]
pub(super) struct Part<'a> {
    instances: Vec<Instance>,
    updates: Vec<Update<'a>>,
    /// Bytes of the batches.
    length: usize,
    /// Bytes of the updates.
    bytes: usize,
    least: Stamp,
}

impl<'a> Part<'a> {
    pub(super) fn of(batch: &SignedBatch, said: Said<'a>) -> Part<'a> {
        let (header, length) = (batch.header(), batch.bytes().len());
        let instances = said.former.iter().copied().chain([header.author.instance]);
        let mut instances = said.writers(header.author.peer, instances);
        instances.sort_unstable();
        instances.dedup();
        Part {
            instances,
            updates: vec![said.update],
            length,
            bytes: said.bytes.len(),
            least: header.window.least,
        }
    }

    /// Whether one batch names the instances of both.
    pub(super) fn has_place(&self, other: &Part<'_>) -> bool {
        let more = other.instances.iter().filter(|instance| !self.instances.contains(instance));
        self.instances.len() + more.count() <= FORMER_MAX
    }

    pub(super) fn join(&mut self, other: Part<'a>) {
        self.instances.extend(other.instances);
        self.instances.sort_unstable();
        self.instances.dedup();
        self.updates.extend(other.updates);
        self.length += other.length;
        self.bytes += other.bytes;
        self.least = self.least.min(other.least);
    }

    /// Which items it inserts.
    fn items(&self) -> Ranges {
        let items = self.updates.iter().flat_map(|update| &update.items);
        items.map(Item::range).collect()
    }

    /// All of it as one update, without the content of what lies in `emptied`.
    pub(super) fn merged(&self, emptied: &Ranges) -> (Vec<Instance>, Vec<u8>) {
        (self.instances.clone(), merge(&self.updates, emptied))
    }
}

/// What a fold has to gain to be worth its bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Gain {
    /// Half of the bytes of the batches that it takes the place of. It leaves out what is longer than all that is shorter, so
    /// that what was folded is not merged again for each few that are new.
    Half,
    /// A quarter of them. Where nothing of an author is left that saves it, its updates take at most 4/3 of the bytes of one
    /// that says the same.
    Quarter,
}

impl Gain {
    fn is_worth(self, bytes: usize, before: usize) -> bool {
        match self {
            Gain::Half => 2 * bytes <= before,
            Gain::Quarter => 4 * bytes <= 3 * before,
        }
    }
}

/// The shortest updates of an author as one, as many as have place in a batch, where that is worth it; else one that still
/// has content which its author deleted, without it.
pub(super) fn fold(name: &str, document: &Document, peer: PeerId, gain: Gain) -> Option<Fold> {
    let is_own = |held: &Held| held.stands && held.batch.peer() == peer;
    let mut held: Vec<&Held> = document.held().map(|(_, held)| held).filter(|held| is_own(held)).collect();
    held.sort_by_key(|held| length(held));
    let near = if gain == Gain::Half { short(&held) } else { &held[..] };
    let (mut bytes, mut items) = (0, 0);
    let fits = near.iter().filter_map(|held| own_part(&held.batch)).take_while(|part| {
        bytes += part.bytes;
        items += part.updates[0].items.len().max(part.updates[0].deletions.len());
        bytes <= UPDATE_MAX - SLACK && items <= ITEMS_MAX / 2
    });
    let own: Vec<Part<'_>> = fits.collect();
    let mut count = own.len();
    while count > 1 {
        let part = joined(own.iter().take(count));
        let emptied = document.deleted_in(&part.items(), is_own);
        let folded = folded(name, &part, &emptied);
        let length = |fold: &Fold| fold.payload.len() + HEADER_MAX + SIGNATURE_LEN;
        if folded.as_ref().is_some_and(|fold| gain.is_worth(length(fold), part.length)) {
            return folded;
        }
        // Without the longest ones, which are folded already.
        let half = own[..count].iter().map(|part| part.bytes).sum::<usize>() / 2;
        let mut sum = 0;
        count = own[..count - 1]
            .iter()
            .take_while(|part| {
                sum += part.bytes;
                sum <= half
            })
            .count();
    }
    held.iter().find_map(|held| {
        let deleted = document.deleted_in(held.items(), is_own);
        let part = (!deleted.is_empty()).then(|| own_part(&held.batch))??;
        let emptied = EMPTIED_LEAST.iter().map(|least| {
            let is_long = |(_, range): &&(u64, Range<u64>)| range.end - range.start >= *least;
            deleted.iter().filter(is_long).cloned().collect::<Ranges>()
        });
        let mut emptied = emptied.filter(|emptied| has_content_in(&part.updates[0], emptied));
        emptied.find_map(|emptied| folded(name, &part, &emptied))
    })
}

fn length(held: &Held) -> usize {
    held.batch.payload().len()
}

/// Of updates in the order of their lengths those that are left without each that is longer than all shorter ones together.
fn short<'s, 'h>(held: &'s [&'h Held]) -> &'s [&'h Held] {
    let mut left = held;
    let mut shorter: usize = held.iter().map(|held| length(held)).sum();
    while let Some((longest, rest)) = left.split_last() {
        shorter -= length(longest);
        if length(longest) <= shorter {
            break;
        }
        left = rest;
    }
    left
}

/// Fewest items in a row that lose their content: an item without content takes more bytes than a letter, so where many
/// letters were deleted one by one, an update that has place in a batch with them may have none without them.
const EMPTIED_LEAST: [u64; 4] = [1, 4, 16, 64];

/// What a batch says, unless that is a seed.
fn own_part(batch: &SignedBatch) -> Option<Part<'_>> {
    let part = Part::of(batch, Said::read(batch.payload()).ok()?);
    let is_own = !part.instances.is_empty() || part.updates[0].items.is_empty();
    is_own.then_some(part)
}

/// Bytes by which a fold may be longer than what it is made of: what lies between its items is said, and what is deleted
/// elsewhere.
const SLACK: usize = 4096;

fn joined<'p, 'a: 'p>(parts: impl Iterator<Item = &'p Part<'a>>) -> Part<'a> {
    let none = Part { instances: Vec::new(), updates: Vec::new(), length: 0, bytes: 0, least: Stamp::LAST };
    parts.fold(none, |mut all, part| {
        if all.has_place(part) {
            all.join(part.clone());
        }
        all
    })
}

/// A part as a fold, without the content of its items that lie in `emptied`. `None` where that has no place in a batch, or
/// could not take the place of all that it is made of: where half of a letter was deleted, the other half is lost with it.
fn folded(name: &str, part: &Part<'_>, emptied: &Ranges) -> Option<Fold> {
    let payload = payload(name, &part.instances, &merge(&part.updates, emptied));
    let said = Said::read(&payload).ok().filter(|_| payload.len() <= PAYLOAD_MAX)?;
    let (cost, has_all) = (said.cost(), said.update.contains(&part.updates));
    has_all.then_some(Fold { payload, cost, least: part.least })
}

/// Whether an update has content of items that lie in some ranges, other than types.
fn has_content_in(update: &Update<'_>, ranges: &Ranges) -> bool {
    update.items.iter().any(|item| {
        let has_content = !matches!(item.content.kind, Kind::Deleted | Kind::Type);
        let span = item.id.clock..item.id.clock + item.length;
        has_content && ranges.within(item.id.client, &span).next().is_some()
    })
}
