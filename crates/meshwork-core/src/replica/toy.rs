//! A board of numbered places that hold numbers, for tests of what does not care what a replica is.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;

use super::{
    ContentError, Digest, EMPTY_PART_DIGEST, Entries, Family, Fold, MadeOfParts, Parts, Replica, Retraction,
    Slot,
};
use crate::clock::Stamp;
use crate::id::PeerId;
use crate::signed::app::{AppParameters, AppWord};
use crate::signed::batch::{Batch, Header};

/// A board for the app `toy`, which is told nothing.
pub(crate) fn make(app: &AppWord, parameters: &AppParameters) -> Option<Box<dyn Replica>> {
    let is_known = matches!(&**app, "toy" | "toys") && parameters.is_empty();
    is_known.then(|| Box::new(Board::new()) as Box<dyn Replica>)
}

/// Places in one part.
pub(crate) const PART: u32 = 64;
/// Parts of a board.
pub(crate) const PARTS: u32 = 256;
/// What a place shows that was written and is hidden.
pub(crate) const HIDDEN: u32 = u32::MAX;
/// Bytes of an entry in a payload: place, value, and how long after the window's begin it was written.
const ENTRY: usize = 1 + 4 + 8;

/// The latest number of each place holds.
pub(crate) struct Board(Parts<Places>);

pub(crate) struct Places;

#[derive(Clone, Copy)]
pub(crate) struct Write {
    place: u8,
    value: u32,
    stamp: Stamp,
}

struct Held {
    write: Write,
    shown: u32,
    slot: Slot,
}

#[derive(Default)]
pub(crate) struct Places64(BTreeMap<u8, Held>);

impl Board {
    pub(crate) fn new() -> Board {
        Board(Parts::new(Places))
    }

    /// What writes these numbers at these places: a payload for each part.
    pub(crate) fn payloads(values: &[(u32, u32)]) -> Vec<Vec<u8>> {
        let mut parts: BTreeMap<u32, Vec<Write>> = BTreeMap::new();
        for &(place, value) in values {
            let write = Write { place: (place % PART) as u8, value, stamp: Stamp(1) };
            parts.entry(place / PART).or_default().push(write);
        }
        parts
            .into_iter()
            .filter_map(|(part, writes)| Places.fold(part, writes))
            .map(|fold| fold.payload)
            .collect()
    }

    /// What a place shows.
    pub(crate) fn value(&self, place: u32) -> Option<u32> {
        Some(self.0.part(place / PART)?.entries().0.get(&((place % PART) as u8))?.shown)
    }

    /// Who wrote what a place holds.
    pub(crate) fn author(&self, place: u32) -> Option<PeerId> {
        let part = self.0.part(place / PART)?;
        Some(part.author(part.entries().0.get(&((place % PART) as u8))?.slot))
    }

    /// How many places show something.
    pub(crate) fn shown(&self) -> usize {
        self.0.entries().flat_map(|part| part.0.values()).filter(|held| held.shown != HIDDEN).count()
    }
}

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Board of {}", self.shown())
    }
}

impl MadeOfParts for Board {
    type Family = Places;

    fn made_of(&self) -> &Parts<Places> {
        &self.0
    }

    fn made_of_mut(&mut self) -> &mut Parts<Places> {
        &mut self.0
    }
}

impl Family for Places {
    type Entries = Places64;
    type Change = (u32, u32);
    type Place = u32;

    fn part_count(&self) -> u32 {
        PARTS
    }

    fn place(&self, part: u32) -> Option<u32> {
        (part < PARTS).then_some(part * PART)
    }

    fn read(&self, header: &Header, payload: &[u8]) -> Result<(u32, Vec<Write>), ContentError> {
        let wrong = || ContentError(format!("{} bytes are no numbers of a board", payload.len()));
        let (&part, entries) = payload.split_first().ok_or_else(wrong)?;
        let (entries, rest) = entries.as_chunks::<ENTRY>();
        let write = |entry: &[u8; ENTRY]| {
            let value = u32::from_le_bytes([entry[1], entry[2], entry[3], entry[4]]);
            let after = entry[5..].iter().rev().fold(0, |after, byte| after << 8 | u64::from(*byte));
            Write { place: entry[0], value, stamp: Stamp(header.window.least.0 + after) }
        };
        let writes: Vec<Write> = entries.iter().map(write).collect();
        let rises = writes.windows(2).all(|pair| pair[0].place < pair[1].place);
        let is_legal =
            rises && rest.is_empty() && writes.last().is_some_and(|last| u32::from(last.place) < PART);
        if is_legal { Ok((part.into(), writes)) } else { Err(wrong()) }
    }

    fn outline(payload: &[u8]) -> Option<(u32, usize)> {
        Some((u32::from(*payload.first()?), payload.len() / ENTRY))
    }

    fn cost(writes: &[Write]) -> usize {
        writes.len()
    }

    fn fold(&self, part: u32, writes: Vec<Write>) -> Option<Fold> {
        let least = writes.iter().map(|write| write.stamp).min()?;
        let writes: BTreeMap<u8, Write> = writes.into_iter().map(|write| (write.place, write)).collect();
        let mut payload = alloc::vec![u8::try_from(part).ok()?];
        for write in writes.values() {
            payload.push(write.place);
            payload.extend(write.value.to_le_bytes());
            payload.extend((write.stamp.0 - least.0).to_le_bytes());
        }
        Some(Fold { payload, cost: writes.len(), least })
    }

    fn touches(_: &Retraction, _: u32) -> bool {
        true
    }

    /// A scope is the first place that it covers, and how many: a byte each.
    fn covers(retraction: &Retraction, first: u32, write: &Write, peer: PeerId) -> bool {
        let place = first + u32::from(write.place);
        let is_within =
            |scope: &[u8; 2]| (0..u32::from(scope[1])).contains(&place.wrapping_sub(scope[0].into()));
        let scope: Option<&[u8; 2]> = retraction.scope.as_chunks().0.first();
        retraction.is_of(write.stamp, peer) && scope.is_none_or(is_within)
    }

    fn change(first: u32, write: &Write, is_hidden: bool) -> (u32, u32) {
        (first + u32::from(write.place), if is_hidden { HIDDEN } else { write.value })
    }

    fn differences(&self, first: u32, before: &Places64, after: &Places64, changed: &mut Vec<(u32, u32)>) {
        for place in 0..PART as u8 {
            let shown = |part: &Places64| part.0.get(&place).map_or(HIDDEN, |held| held.shown);
            if shown(before) != shown(after) {
                changed.push((first + u32::from(place), shown(after)));
            }
        }
    }
}

impl Entries for Places64 {
    type Write = Write;

    fn stamp(write: &Write) -> Stamp {
        write.stamp
    }

    fn restamped(write: &Write, stamp: Stamp) -> Write {
        Write { stamp, ..*write }
    }

    fn holder(&self, write: &Write) -> Option<(Stamp, Slot)> {
        self.0.get(&write.place).map(|held| (held.write.stamp, held.slot))
    }

    fn compare(&self, write: &Write, _: &Batch) -> Ordering {
        self.0.get(&write.place).map_or(Ordering::Greater, |held| write.value.cmp(&held.write.value))
    }

    fn set(&mut self, write: &Write, slot: Slot, is_hidden: bool) -> bool {
        let shown = if is_hidden { HIDDEN } else { write.value };
        let before = self.0.insert(write.place, Held { write: *write, shown, slot });
        before.map_or(HIDDEN, |held| held.shown) != shown
    }

    fn greatest_stamp(&self) -> Stamp {
        self.0.values().map(|held| held.write.stamp).max().unwrap_or(Stamp::NEVER)
    }

    fn held_by(&self, is_meant: impl Fn(Slot) -> bool) -> Vec<Write> {
        let held = self.0.values().filter(|held| is_meant(held.slot) && held.shown != HIDDEN);
        held.map(|held| held.write).collect()
    }

    fn digest(&self, author: impl Fn(Slot) -> PeerId) -> Digest {
        if self.0.is_empty() {
            return EMPTY_PART_DIGEST;
        }
        let mut hasher = blake3::Hasher::new();
        for (place, Held { write, shown, slot }) in &self.0 {
            hasher.update(&[*place]).update(&write.stamp.0.to_le_bytes()).update(&shown.to_le_bytes());
            hasher.update(&author(*slot).0);
        }
        *hasher.finalize().as_bytes()
    }

    fn remap(&mut self, moved: &[Slot]) {
        self.0.values_mut().for_each(|held| held.slot = moved[usize::from(held.slot)]);
    }

    fn memory(&self) -> usize {
        self.0.len() * size_of::<(u8, Held)>()
    }
}
