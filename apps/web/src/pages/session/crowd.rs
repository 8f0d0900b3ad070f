//! What the page remembers and watches of people: names, who is muted, cursors, round-trip times, how much is painted.

use std::collections::BTreeMap;
use std::rc::Rc;

use leptos::prelude::*;
use leptos::reactive::owner::LocalStorage;
use meshwork_core::id::{Endpoint, PeerId};
use meshwork_core::node::{LinkState, PeerView};
use meshwork_place::Cursor;
use meshwork_place::Place as _;
use meshwork_place::canvas::{Colour, Painted};
use meshwork_web::acquainted::{Names, Peers, Unnamed};
use meshwork_web::activity::Activity;
use meshwork_web::people::{Row, isolated};
use meshwork_web::sparkline::History;
use meshwork_web::{ago, palette};

use super::super::browser;
use super::{Phase, Session};

const NAMES_KEY: &str = "meshwork-met";
const MUTED_KEY: &str = "meshwork-muted";
const UNLINKED_KEY: &str = "meshwork-unlinked";
const QUIET_KEY: &str = "meshwork-quiet";
/// What was painted longer ago came with the room, in ms: it is not told as news.
const NEWS_MS: u64 = 30_000;

/// Batches that are counted in a second; what a page gets while it joins is mostly old and counts for nothing.
const PAINTED_MAX: usize = 1024;

/// A batch that was painted: by whom, one of its cells, and how many it has.
type Batch = (Endpoint, (u16, u16), usize);
/// Called back with a cursor that moved; with `None`, it is not to be shown any more.
type CursorListener = Rc<dyn Fn(Endpoint, Option<Cursor>)>;

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
pub(crate) struct Crowd {
    names: StoredValue<Names>,
    unnamed: StoredValue<Unnamed>,
    unlinked: StoredValue<Peers>,
    cursors: StoredValue<Option<CursorListener>, LocalStorage>,
    /// What was painted since it was last counted.
    painted: StoredValue<Vec<Batch>>,
    /// Whose cursors and announcements are hidden.
    pub(crate) muted: RwSignal<Peers>,
    /// The last minute of each link.
    pub(crate) round_trips: RwSignal<BTreeMap<Endpoint, History>>,
    /// How much is painted.
    pub(crate) activity: RwSignal<Activity>,
    /// Whether what others paint is not spoken.
    pub(crate) is_quiet: RwSignal<bool>,
}

impl Crowd {
    pub(crate) fn new() -> Crowd {
        let text = |key: &str| browser::stored(key).unwrap_or_default();
        Crowd {
            names: StoredValue::new(Names::read(&text(NAMES_KEY))),
            unnamed: StoredValue::new(Unnamed::default()),
            unlinked: StoredValue::new(Peers::read(&text(UNLINKED_KEY))),
            cursors: StoredValue::new_local(None),
            painted: StoredValue::new(Vec::new()),
            muted: RwSignal::new(Peers::read(&text(MUTED_KEY))),
            round_trips: RwSignal::new(BTreeMap::new()),
            activity: RwSignal::new(Activity::default()),
            is_quiet: RwSignal::new(!text(QUIET_KEY).is_empty()),
        }
    }
}

impl Session {
    /// Tells the node whom this profile does not want to be linked to.
    pub(super) fn restore_unlinked(self) {
        let unlinked: Vec<PeerId> = self.crowd.unlinked.with_value(|peers| peers.iter().collect());
        self.driver.with_value(|driver| {
            driver.with(|node, now| {
                for peer in unlinked {
                    // Only one's own key is refused, which was exchanged since then.
                    let _ = node.unlink(now, peer);
                }
            });
        });
    }

    /// Closes the links to somebody, or lets them be made again.
    pub(crate) fn set_unlinked(self, peer: PeerId, is_unlinked: bool) {
        let done = self.driver.with_value(|driver| {
            driver.with(|node, now| {
                if is_unlinked {
                    return node.unlink(now, peer).is_ok();
                }
                node.link_again(now, peer);
                true
            })
        });
        if done {
            self.crowd.unlinked.update_value(|peers| peers.set(peer, is_unlinked));
            self.crowd.unlinked.with_value(|peers| browser::store(UNLINKED_KEY, &peers.write()));
        }
        self.refresh();
    }

    /// Hides somebody's cursor and announcements, or shows them again.
    pub(crate) fn set_muted(self, peer: PeerId, is_muted: bool) {
        self.crowd.muted.update(|peers| peers.set(peer, is_muted));
        self.crowd.muted.with_untracked(|peers| browser::store(MUTED_KEY, &peers.write()));
        if is_muted {
            let theirs = self.people.with_untracked(|rows| {
                rows.iter().map(|row| row.endpoint).filter(|who| who.peer == peer).collect::<Vec<_>>()
            });
            for who in theirs {
                self.tell_cursor(who, None);
            }
        }
    }

    /// Whether somebody is muted.
    pub(crate) fn is_muted(self, peer: PeerId) -> bool {
        self.crowd.muted.with_untracked(|peers| peers.has(peer))
    }

    /// Speaks what others paint, or does not.
    pub(crate) fn set_quiet(self, is_quiet: bool) {
        self.crowd.is_quiet.set(is_quiet);
        browser::store(QUIET_KEY, if is_quiet { "1" } else { "" });
    }

    /// Tells the others where one's cursor is, in cells; `None` when it is not on the canvas.
    pub(crate) fn point(self, at: Option<(f64, f64)>, is_drawing: bool, colour: Colour) {
        let (Some(room), Some(size)) = (self.room.get_untracked(), self.size.get_untracked()) else { return };
        if self.phase.get_untracked() == Phase::Open {
            let pointer = at.map(|at| Cursor::new(size, at, is_drawing, colour));
            // The room is open, and the cursor on its canvas.
            let _ = self.driver.with_value(|driver| driver.with(|node, now| node.point(now, room, pointer)));
        }
    }

    /// Calls `listener` with cursors that moved, until another one is set.
    pub(crate) fn on_cursor(self, listener: impl Fn(Endpoint, Option<Cursor>) + 'static) {
        self.crowd.cursors.set_value(Some(Rc::new(listener)));
    }

    /// A member's cursor moved: one's own other tabs and muted people have none.
    pub(super) fn handle_pointed(self, who: Endpoint, pointer: Option<Cursor>) {
        let is_hidden = who.peer == self.me.peer || self.is_muted(who.peer);
        self.tell_cursor(who, pointer.filter(|_| !is_hidden));
    }

    fn tell_cursor(self, who: Endpoint, pointer: Option<Cursor>) {
        if let Some(listener) = self.crowd.cursors.get_value() {
            listener(who, pointer);
        }
    }

    /// What somebody was called when they were last met.
    pub(super) fn remembered(self, peer: PeerId) -> Option<String> {
        self.crowd.names.with_value(|names| names.name(peer).map(isolated))
    }

    /// What somebody is called who has no name.
    pub(super) fn bead_name(self, peer: PeerId) -> String {
        self.crowd.unnamed.try_update_value(|unnamed| unnamed.call(peer)).unwrap_or_default()
    }

    /// Remembers what those are called who are here, and how long the way to them takes.
    pub(super) fn remember(self, views: &[PeerView], is_second: bool) {
        let mut is_news = false;
        self.crowd.names.update_value(|names| {
            for view in views.iter().filter(|view| view.attached) {
                is_news |= names.meet(view.endpoint.peer, &view.name);
            }
        });
        if is_news {
            self.crowd.names.with_value(|names| browser::store(NAMES_KEY, &names.write()));
        }
        if !is_second {
            return;
        }
        self.crowd.round_trips.update(|links| {
            links.retain(|known, _| views.iter().any(|view| view.endpoint == *known));
            for view in views {
                let is_heard = matches!(view.state, LinkState::Direct | LinkState::Relayed);
                links.entry(view.endpoint).or_default().push(view.rtt.filter(|_| is_heard));
            }
        });
    }

    /// The room's time, in ms.
    pub(crate) fn room_time_ms(self) -> u64 {
        let wall = self.with_room(|node, now, room| node.room(room).time(now)).flatten();
        wall.map_or(0, meshwork_core::time::WallTime::as_millis)
    }

    /// Somebody painted: it is counted and told within a second, since much may come at once.
    pub(super) fn note_painted(self, author: Endpoint, cells: &[Painted]) {
        let Some(first) = cells.first() else { return };
        self.crowd.painted.update_value(|painted| {
            if painted.len() < PAINTED_MAX {
                painted.push((author, (first.x, first.y), cells.len()));
            } else if let Some((.., count)) = painted.iter_mut().rfind(|(who, ..)| *who == author) {
                *count += cells.len();
            }
        });
    }

    /// Counts what was painted since the last second, and tells what was painted just now.
    pub(super) fn count_painted(self) {
        let mut painted = Vec::new();
        self.crowd.painted.update_value(|noted| painted = std::mem::take(noted));
        if painted.is_empty() {
            return;
        }
        let now = self.room_time_ms();
        let stamps: Vec<u64> = self
            .with_canvas(|canvas| {
                painted.iter().map(|(_, (x, y), _)| canvas.stamp(*x, *y).millis()).collect()
            })
            .unwrap_or_default();
        self.crowd.activity.update(|activity| {
            for ((author, ..), at) in painted.iter().zip(&stamps) {
                activity.count(now, *author, *at);
            }
        });
        let is_quiet = self.crowd.is_quiet.get_untracked();
        for ((author, _, cells), at) in painted.into_iter().zip(stamps) {
            let is_told = author != self.me && !is_quiet && !self.is_muted(author.peer);
            if is_told && at + NEWS_MS > now {
                self.voice.painted(self.called(author), cells);
            }
        }
    }

    /// Who painted a cell, and when.
    pub(crate) fn authorship(self, (x, y): (u16, u16)) -> Authorship {
        let look = |canvas: &meshwork_place::canvas::Canvas| {
            (canvas.author(x, y), canvas.colour(x, y), canvas.stamp(x, y).millis())
        };
        let (peer, colour, at) = self.with_canvas(look).unwrap_or_default();
        // A cell that shows nothing, as one does whose painting was undone, is nobody's.
        let peer = peer.filter(|_| colour.is_some_and(|colour| colour != Colour::CLEARED));
        Authorship {
            peer,
            called: peer.map(|peer| self.called_by_peer(peer)).unwrap_or_default(),
            colour,
            age_ms: self.room_time_ms().saturating_sub(at),
        }
    }

    /// A cell in words: where, what, by whom, how long ago.
    pub(crate) fn describe_cell(self, (x, y): (u16, u16)) -> String {
        let Authorship { peer, called, colour, age_ms } = self.authorship((x, y));
        let colour = palette::name(colour);
        match peer {
            Some(_) => format!("x {x}, y {y}, {colour}, {called}, {}", ago::spoken(age_ms)),
            None => format!("x {x}, y {y}, {colour}"),
        }
    }

    /// Whether a person's link was closed by one of the two, and by whom: `Some(true)` by oneself.
    pub(super) fn unlinking(self, row: Option<&Row>) -> Option<bool> {
        let row = row?;
        (row.unlinked || row.is_unwanted()).then_some(row.unlinked)
    }
}

/// Who painted in the last ten minutes, what they are called, and how many strokes; the busiest first.
pub(crate) fn painters(session: Session) -> Vec<(PeerId, String, u32)> {
    session.people.track();
    let now = session.room_time_ms();
    let painters = session.crowd.activity.with(|activity| activity.painters(now));
    painters.into_iter().map(|(peer, strokes)| (peer, session.listed(peer), strokes)).collect()
}

/// Strokes in each of the last ten minutes, and the same in words; read again each second.
pub(crate) fn strokes(session: Session) -> ([u32; meshwork_web::activity::MINUTES], String) {
    session.people.track();
    let now = session.room_time_ms();
    session.crowd.activity.with(|activity| (activity.bars(now), activity.words(now)))
}
