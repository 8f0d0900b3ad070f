//! The past of a canvas: every cell that was painted, in order, and the picture at any moment.
//!
//! # How it works
//! What was painted is sixteen bytes a cell, sorted by (stamp, PeerId, colour): the order in which the last writer
//! wins, so that the picture at a moment is everything up to it, painted one over the other. Some pictures in between
//! are kept ([`KEYFRAMES_BYTES_MAX`]), so that no moment is far from one.
//!
//! # Limits
//! A builder holds as many cells as it is given; when there are more, the oldest half becomes the picture with which
//! the timeline begins, and [`Timeline::begins_late`] says so.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::canvas::PastBatch;
use crate::canvas::{CanvasSize, Colour};
use meshwork_core::clock::Stamp;
use meshwork_core::id::PeerId;

/// Bytes of pictures that are kept in between: four of a canvas of 1000 by 1000, so that a moment is at most a fifth
/// of all cells away from one.
pub const KEYFRAMES_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Pictures that are kept at most, however small: more save nothing that anybody could notice.
const KEYFRAMES_MAX: usize = 64;
/// Authors that are told apart; further ones count as the last of them.
const AUTHORS_MAX: usize = 1 << AUTHOR_BITS;
const AUTHOR_BITS: u32 = 15;
const COLOUR_BITS: u32 = 25;
const SIDE_BITS: u32 = 12;
/// A cell that shows nothing.
const NOTHING: u32 = Colour::CLEARED.bits();

/// A rectangle of cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// Leftmost column.
    pub x: u16,
    /// Topmost row.
    pub y: u16,
    /// Columns, at least one.
    pub width: u16,
    /// Rows, at least one.
    pub height: u16,
}

/// What was painted so far, in any order.
#[derive(Debug)]
pub struct TimelineBuilder {
    size: CanvasSize,
    cells_most: usize,
    writes: Vec<Write>,
    authors: Vec<PeerId>,
    numbers: BTreeMap<PeerId, u16>,
    /// By cell, what was painted last before the timeline begins; empty while it begins with an empty canvas.
    base: Vec<Write>,
    /// The last of what is in the base.
    cut: Stamp,
}

/// The past of a canvas, and one moment of it.
#[derive(Debug)]
pub struct Timeline {
    size: CanvasSize,
    writes: Vec<Write>,
    authors: Vec<PeerId>,
    begins_late: bool,
    /// How many cells were painted when each was the picture, and the picture; the first one is the beginning.
    keyframes: Vec<(usize, Vec<u32>)>,
    picture: Vec<u32>,
    at: usize,
}

/// Stamp, author, column, row and colour of one painted cell, from the highest bits on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Write(u128);

impl Write {
    fn new(stamp: Stamp, author: u16, (x, y): (u16, u16), colour: Colour) -> Write {
        let place = u64::from(x) << SIDE_BITS | u64::from(y);
        let low = (u64::from(author) << (2 * SIDE_BITS) | place) << COLOUR_BITS | u64::from(colour.bits());
        Write(u128::from(stamp.0) << 64 | u128::from(low))
    }

    fn stamp(self) -> Stamp {
        Stamp((self.0 >> 64) as u64)
    }

    fn author(self) -> u16 {
        (self.0 as u64 >> (2 * SIDE_BITS + COLOUR_BITS)) as u16
    }

    fn cell(self) -> (u16, u16) {
        let place = self.0 as u64 >> COLOUR_BITS;
        let side = (1 << SIDE_BITS) - 1;
        ((place >> SIDE_BITS & side) as u16, (place & side) as u16)
    }

    fn colour(self) -> u32 {
        self.0 as u32 & ((1 << COLOUR_BITS) - 1)
    }

    /// The order in which the last writer wins.
    fn order(&self, other: &Write, authors: &[PeerId]) -> Ordering {
        self.stamp().cmp(&other.stamp()).then_with(|| {
            let (one, two) = (self.author(), other.author());
            let by_author = match one == two {
                true => Ordering::Equal,
                false => authors[usize::from(one)].cmp(&authors[usize::from(two)]),
            };
            by_author.then(self.colour().cmp(&other.colour())).then(self.0.cmp(&other.0))
        })
    }
}

impl TimelineBuilder {
    /// Nothing was painted yet on a canvas of this size. At most `cells_most` painted cells are held, of sixteen
    /// bytes each; at least 2.
    pub fn new(size: CanvasSize, cells_most: usize) -> TimelineBuilder {
        TimelineBuilder {
            size,
            cells_most: cells_most.max(2),
            writes: Vec::new(),
            authors: Vec::new(),
            numbers: BTreeMap::new(),
            base: Vec::new(),
            cut: Stamp::NEVER,
        }
    }

    /// Adds a batch. What was added before, or is repeated by a fold, changes nothing.
    pub fn add(&mut self, batch: &PastBatch) {
        let author = self.number(batch.author.peer);
        for cell in &batch.cells {
            if !self.size.contains(cell.x, cell.y) {
                continue;
            }
            let write = Write::new(cell.stamp, author, (cell.x, cell.y), cell.colour);
            if !self.base.is_empty() && cell.stamp <= self.cut {
                self.put_in_base(write);
                continue;
            }
            if self.writes.len() >= self.cells_most {
                self.make_room();
            }
            self.writes.push(write);
        }
    }

    /// How many painted cells are held.
    pub fn len(&self) -> usize {
        self.writes.len()
    }

    /// Whether nothing was painted.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.base.is_empty()
    }

    /// The timeline, at its beginning.
    pub fn finish(mut self) -> Timeline {
        self.sort();
        let cells = usize::from(self.size.width) * usize::from(self.size.height);
        let mut picture = vec![NOTHING; cells];
        for (cell, write) in picture.iter_mut().zip(&self.base) {
            *cell = if *write == Write(0) { NOTHING } else { write.colour() };
        }
        let mut timeline = Timeline {
            size: self.size,
            writes: self.writes,
            authors: self.authors,
            begins_late: !self.base.is_empty(),
            keyframes: vec![(0, picture.clone())],
            picture,
            at: 0,
        };
        timeline.keep_keyframes();
        timeline
    }

    fn number(&mut self, peer: PeerId) -> u16 {
        if let Some(&number) = self.numbers.get(&peer) {
            return number;
        }
        let number = self.authors.len().min(AUTHORS_MAX - 1);
        if self.authors.len() < AUTHORS_MAX {
            self.authors.push(peer);
            self.numbers.insert(peer, number as u16);
        }
        number as u16
    }

    fn sort(&mut self) {
        let authors = &self.authors;
        // What a log has is nearly in order already, which this sort makes use of.
        self.writes.sort_by(|one, other| one.order(other, authors));
        self.writes.dedup();
    }

    /// Drops what stands twice; where that is little, the oldest half becomes the beginning.
    fn make_room(&mut self) {
        self.sort();
        if self.writes.len() <= self.cells_most / 4 * 3 {
            return;
        }
        if self.base.is_empty() {
            self.base = vec![Write(0); usize::from(self.size.width) * usize::from(self.size.height)];
        }
        let half = self.writes.len().div_ceil(2);
        let mut oldest = std::mem::take(&mut self.writes);
        self.writes.extend_from_slice(&oldest[half..]);
        oldest.truncate(half);
        self.cut = oldest.last().map_or(self.cut, |last| last.stamp());
        oldest.into_iter().for_each(|write| self.put_in_base(write));
    }

    fn put_in_base(&mut self, write: Write) {
        let (x, y) = write.cell();
        let place = &mut self.base[usize::from(y) * usize::from(self.size.width) + usize::from(x)];
        if *place == Write(0) || place.order(&write, &self.authors) == Ordering::Less {
            *place = write;
        }
    }
}

impl Timeline {
    /// The canvas's size.
    pub fn size(&self) -> CanvasSize {
        self.size
    }

    /// How many cells were painted from the beginning to the end: moments are counted from 0, when none of them
    /// was, to this.
    pub fn len(&self) -> usize {
        self.writes.len()
    }

    /// Whether nothing was painted.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Whether older cells were more than the builder could hold, so that it begins with a picture.
    pub fn begins_late(&self) -> bool {
        self.begins_late
    }

    /// The moment at which the picture stands.
    pub fn at(&self) -> usize {
        self.at
    }

    /// When the last cell before this moment was painted, in milliseconds since 1970-01-01 UTC, and by whom; at the
    /// beginning the first one's. `None` when nothing was painted.
    pub fn painted_at(&self, moment: usize) -> Option<(u64, PeerId)> {
        let last = self.writes.get(moment.saturating_sub(1)).or(self.writes.last())?;
        Some((last.stamp().millis(), self.authors[usize::from(last.author())]))
    }

    /// The first moment after everything that was painted before this millisecond since 1970-01-01 UTC.
    pub fn moment(&self, millis: u64) -> usize {
        self.writes.partition_point(|write| write.stamp().millis() < millis)
    }

    /// Moves to a moment. Returns which cells may look different now; `None` when none does.
    pub fn seek(&mut self, moment: usize) -> Option<Area> {
        let moment = moment.min(self.writes.len());
        let kept = self.keyframes.partition_point(|(at, _)| *at <= moment) - 1;
        let (at, picture) = &self.keyframes[kept];
        let mut changed = Bounds::default();
        if moment < self.at || *at > self.at {
            self.picture.copy_from_slice(picture);
            self.at = *at;
            changed.whole(self.size);
        }
        for write in &self.writes[self.at..moment] {
            let (x, y) = write.cell();
            self.picture[usize::from(y) * usize::from(self.size.width) + usize::from(x)] = write.colour();
            changed.add(x, y);
        }
        self.at = moment;
        changed.area()
    }

    /// The colour of a cell at the moment; `None` where nothing shows.
    pub fn colour(&self, x: u16, y: u16) -> Option<[u8; 3]> {
        let place = usize::from(y) * usize::from(self.size.width) + usize::from(x);
        let colour = Colour::from_bits(*self.picture.get(place).filter(|_| self.size.contains(x, y))?)?;
        colour.components()
    }

    /// An area as pixels, `scale` a cell each way, row by row, four bytes each: red, green, blue, alpha.
    pub fn rgba(&self, area: Area, scale: usize) -> Vec<u8> {
        let mut pixels =
            Vec::with_capacity(usize::from(area.width) * usize::from(area.height) * 4 * scale * scale);
        for y in area.y..area.y + area.height {
            let from = pixels.len();
            for x in area.x..area.x + area.width {
                let pixel = self.colour(x, y).map_or([0; 4], |[red, green, blue]| [red, green, blue, 255]);
                (0..scale).for_each(|_| pixels.extend_from_slice(&pixel));
            }
            let to = pixels.len();
            (1..scale).for_each(|_| pixels.extend_from_within(from..to));
        }
        pixels
    }

    /// Every colour that is painted at some time, each once, at most `most` of them.
    pub fn colours(&self, most: usize) -> Option<Vec<[u8; 3]>> {
        let mut known = std::collections::BTreeSet::new();
        let begun = self.keyframes[0].1.iter().copied();
        for colour in begun.chain(self.writes.iter().map(|write| write.colour())) {
            if colour != NOTHING && known.insert(colour) && known.len() > most {
                return None;
            }
        }
        Some(known.into_iter().filter_map(|bits| Colour::from_bits(bits)?.components()).collect())
    }

    /// The whole canvas.
    pub fn whole(&self) -> Area {
        Area { x: 0, y: 0, width: self.size.width, height: self.size.height }
    }

    fn keep_keyframes(&mut self) {
        let bytes = self.picture.len() * size_of::<u32>();
        let count = (KEYFRAMES_BYTES_MAX / bytes.max(1)).min(KEYFRAMES_MAX);
        for number in 1..=count {
            let moment = self.writes.len() * number / (count + 1);
            // The first one is there, and short timelines need no more.
            if moment > self.keyframes[self.keyframes.len() - 1].0 + 1024 {
                self.seek(moment);
                self.keyframes.push((moment, self.picture.clone()));
            }
        }
        self.seek(0);
    }
}

/// Grows around cells.
#[derive(Default)]
struct Bounds(Option<(u16, u16, u16, u16)>);

impl Bounds {
    fn add(&mut self, x: u16, y: u16) {
        let (left, top, right, bottom) = self.0.unwrap_or((x, y, x, y));
        self.0 = Some((left.min(x), top.min(y), right.max(x), bottom.max(y)));
    }

    fn whole(&mut self, size: CanvasSize) {
        self.0 = Some((0, 0, size.width - 1, size.height - 1));
    }

    fn area(self) -> Option<Area> {
        let (x, y, right, bottom) = self.0?;
        Some(Area { x, y, width: right - x + 1, height: bottom - y + 1 })
    }
}
