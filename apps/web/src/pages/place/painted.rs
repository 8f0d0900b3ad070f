//! Who painted what, and how much is painted.

use leptos::prelude::*;
use meshwork_core::id::{Endpoint, PeerId};
use meshwork_place::canvas::{Canvas, Colour, Painted};
use meshwork_web::place::activity::{self, Activity};
use meshwork_web::place::palette;
use meshwork_web::texts;

use super::super::browser;
use super::super::session::node::PageNode;
use super::super::session::people::People;
use super::super::voice::Voice;
use super::canvas::RoomCanvas;

const QUIET_KEY: &str = "meshwork-quiet";
/// What was painted longer ago came with the room, in ms: it is not told as news.
const NEWS_MS: u64 = 30_000;

/// Batches that are counted in a second; what a page gets while it joins is mostly old and counts for nothing.
const PAINTED_MAX: usize = 1024;

/// A batch that was painted: by whom, one of its cells, and how many it has.
type Batch = (Endpoint, (u16, u16), usize);

/// Who painted a cell.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Authorship {
    /// Who; none where nobody has.
    pub(crate) peer: Option<PeerId>,
    /// What they are called.
    pub(crate) called: String,
    /// What the cell shows.
    pub(crate) colour: Option<Colour>,
    /// How long ago, in ms of room time.
    pub(crate) age_ms: u64,
}

/// Copies are the same one.
#[derive(Clone, Copy)]
pub(crate) struct RoomActivity {
    node: PageNode,
    people: People,
    canvas: RoomCanvas,
    /// What was painted since it was last counted.
    painted: StoredValue<Vec<Batch>>,
    counts: RwSignal<Activity>,
    /// Whether what others paint is not spoken.
    pub(crate) is_quiet: RwSignal<bool>,
}

impl RoomActivity {
    pub(super) fn new(node: PageNode, people: People, canvas: RoomCanvas) -> RoomActivity {
        RoomActivity {
            node,
            people,
            canvas,
            painted: StoredValue::new(Vec::new()),
            counts: RwSignal::new(Activity::default()),
            is_quiet: RwSignal::new(browser::stored(QUIET_KEY).is_some_and(|kept| !kept.is_empty())),
        }
    }

    /// Speaks what others paint, or does not.
    pub(crate) fn set_quiet(self, is_quiet: bool) {
        self.is_quiet.set(is_quiet);
        browser::store(QUIET_KEY, if is_quiet { "1" } else { "" });
    }

    /// Somebody painted: it is counted and told within a second, since much may come at once.
    pub(super) fn note(self, author: Endpoint, cells: &[Painted]) {
        let Some(first) = cells.first() else { return };
        self.painted.update_value(|painted| {
            if painted.len() < PAINTED_MAX {
                painted.push((author, (first.x, first.y), cells.len()));
            } else if let Some((.., count)) = painted.iter_mut().rfind(|(who, ..)| *who == author) {
                *count += cells.len();
            }
        });
    }

    /// Counts what was painted since the last second, and tells what was painted just now.
    pub(super) fn count(self, voice: Voice) {
        let mut painted = Vec::new();
        self.painted.update_value(|noted| painted = std::mem::take(noted));
        if painted.is_empty() {
            return;
        }
        let now = self.node.room_time_ms();
        let stamps = |canvas: &Canvas| {
            painted.iter().map(|(_, (x, y), _)| canvas.stamp(*x, *y).millis()).collect::<Vec<_>>()
        };
        let stamps = self.canvas.with(stamps).unwrap_or_default();
        self.counts.update(|activity| {
            for ((author, ..), at) in painted.iter().zip(&stamps) {
                activity.count(now, *author, *at);
            }
        });
        let (me, is_quiet) = (self.node.endpoint(), self.is_quiet.get_untracked());
        for ((author, _, cells), at) in painted.into_iter().zip(stamps) {
            let is_told = author != me && !is_quiet && !self.people.is_muted(author.peer);
            if is_told && at + NEWS_MS > now {
                voice.painted(self.people.called(author), cells);
            }
        }
    }

    /// Who painted a cell, and when.
    pub(crate) fn authorship(self, (x, y): (u16, u16)) -> Authorship {
        let look = |canvas: &Canvas| (canvas.author(x, y), canvas.colour(x, y), canvas.stamp(x, y).millis());
        let (peer, colour, at) = self.canvas.with(look).unwrap_or_default();
        // A cell that shows nothing, as one does whose painting was undone, is nobody's.
        let peer = peer.filter(|_| colour.is_some_and(|colour| colour != Colour::CLEARED));
        Authorship {
            peer,
            called: peer.map(|peer| self.people.called_by_peer(peer)).unwrap_or_default(),
            colour,
            age_ms: self.node.room_time_ms().saturating_sub(at),
        }
    }

    /// A cell in words: where, what, by whom, how long ago.
    pub(crate) fn describe_cell(self, (x, y): (u16, u16)) -> String {
        let Authorship { peer, called, colour, age_ms } = self.authorship((x, y));
        let colour = palette::name(colour);
        match peer {
            Some(_) => format!("x {x}, y {y}, {colour}, {called}, {}", texts::ago::spoken(age_ms)),
            None => format!("x {x}, y {y}, {colour}"),
        }
    }

    /// Who painted in the last ten minutes, what they are called, and how many strokes; the busiest first. Tracked.
    pub(crate) fn painters(self) -> Vec<(PeerId, String, u32)> {
        self.people.rows.track();
        let now = self.node.room_time_ms();
        let painters = self.counts.with(|activity| activity.painters(now));
        painters.into_iter().map(|(peer, strokes)| (peer, self.people.listed(peer), strokes)).collect()
    }

    /// Strokes in each of the last ten minutes, and the same in words; read again each second. Tracked.
    pub(crate) fn strokes(self) -> ([u32; activity::MINUTES], String) {
        self.people.rows.track();
        let now = self.node.room_time_ms();
        self.counts.with(|activity| (activity.bars(now), activity.words(now)))
    }
}
