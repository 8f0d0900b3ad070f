//! The others on the board: where they point, what they chose, what is under their hands, and whom one follows.

use std::collections::{BTreeMap, BTreeSet};

use leptos::prelude::{Track as _, *};
use meshwork_core::id::Endpoint;
use meshwork_core::node::Node;
use meshwork_core::seam::lane::{Audience, DATAGRAM_TO_ALL_MAX, Topic};
use meshwork_core::table::Write;
use meshwork_sync::whiteboard::presence::{CHOSEN_MAX, Presence};
use meshwork_sync::whiteboard::{Fields, Point, Shape, ShapeId, drafts};
use meshwork_web::cursors::Track;
use meshwork_web::people::beads;
use meshwork_web::sync::whiteboard::{Area, Place, bounds};
use meshwork_web::texts;

use super::super::super::browser;
use super::super::super::session::set_if_new;
use super::easel::{Drafted, Easel};

/// How often others are shown what is not kept yet while it changes, in ms, and while it does not: twice before they would
/// show it no longer.
const DRAFT_MS: f64 = 50.0;
const REPEAT_MS: f64 = 900.0;
/// How long a draft is shown of which nothing more is heard, in ms.
const SHOWN_MS: f64 = 2_000.0;
/// How long one is shown that has ended: what was drafted is on its way to be kept.
const ENDED_MS: f64 = 400.0;
/// Others whose cursors are shown: twice a full room.
const OTHERS_MAX: usize = 64;

/// Somebody else on the board.
pub(super) struct Other {
    pub(super) presence: Presence,
    /// How their pointer moves, while it is on the board.
    pub(super) track: Option<Track>,
}

#[derive(Default)]
struct Draft {
    shapes: Vec<(ShapeId, Shape)>,
    until: f64,
}

/// All others on the board.
#[derive(Default)]
pub(super) struct Others {
    pub(super) people: BTreeMap<Endpoint, Other>,
    drafts: BTreeMap<Endpoint, Draft>,
}

impl Others {
    /// What others have under their hands now, and when some of it ends.
    pub(super) fn drafted(&mut self, now: f64) -> (Drafted, Option<f64>) {
        self.drafts.retain(|_, draft| draft.until > now);
        let shapes = self.drafts.values().flat_map(|draft| draft.shapes.iter().cloned()).collect();
        (shapes, self.drafts.values().map(|draft| draft.until).reduce(f64::min))
    }

    /// Somebody kept these: they are drafted no longer.
    pub(super) fn keep(&mut self, author: Endpoint, ids: &BTreeSet<ShapeId>) {
        if let Some(draft) = self.drafts.get_mut(&author) {
            draft.shapes.retain(|(id, _)| !ids.contains(id));
        }
    }
}

impl Easel {
    pub(super) fn hear_presence(self, who: Endpoint, state: Option<&[u8]>) {
        let session = self.sync.session;
        let is_hidden = who == session.node.endpoint() || session.people.is_muted(who.peer);
        let presence = state.filter(|_| !is_hidden).and_then(Presence::read);
        let now = browser::milliseconds();
        self.with(|work| {
            let Some(presence) = presence else {
                work.others.people.remove(&who);
                return;
            };
            if work.others.people.len() >= OTHERS_MAX && !work.others.people.contains_key(&who) {
                return;
            }
            let trails = presence.is_laser && presence.is_drawing;
            let before = work.others.people.remove(&who).and_then(|other| other.track);
            let at = presence.pointer.map(Point::units);
            let track = match (before, at) {
                (Some(mut track), Some(at)) => {
                    track.hear(now, at, trails, browser::wants_no_motion());
                    Some(track)
                }
                (None, Some(at)) => Some(Track::new(now, at, trails)),
                (_, None) => None,
            };
            work.others.people.insert(who, Other { presence, track });
        });
        let people = self.with(|work| work.others.people.keys().copied().collect::<Vec<_>>());
        set_if_new(self.others, people.unwrap_or_default());
        if self.following.get_untracked() == Some(who) {
            self.see_as_followed();
        }
        self.ask_frame();
    }

    pub(super) fn hear_draft(self, who: Endpoint, bytes: &[u8]) {
        if self.sync.session.people.is_muted(who.peer) || who == self.sync.session.node.endpoint() {
            return;
        }
        let read = self.sync.look(|table| drafts::read(table, bytes)).flatten();
        let Some(shapes) = read else { return };
        let now = browser::milliseconds();
        self.with(|work| {
            let draft = work.others.drafts.entry(who).or_default();
            if shapes.is_empty() {
                draft.until = draft.until.min(now + ENDED_MS);
            } else {
                *draft = Draft { shapes, until: now + SHOWN_MS };
            }
        });
        self.ask_frame();
    }

    /// Tells others where one points, and what one sees and chose; `None` when one is not on the board.
    pub(super) fn say_presence(self, at: Option<Option<Place>>) {
        let state = at.and_then(|at| {
            let seen = self.camera.try_get_untracked()?.seen();
            self.with(|work| Presence {
                pointer: at.map(|(x, y)| Point::at(x, y)),
                is_drawing: work.hand.is_drawing(),
                is_laser: work.hand.tool == meshwork_web::sync::whiteboard::hand::Tool::Laser,
                view: bounds((seen.x, seen.y), (seen.right(), seen.bottom())),
                chosen: work.hand.chosen.iter().take(CHOSEN_MAX).copied().collect(),
            })
        });
        let bytes = state.map(|state| state.bytes());
        self.sync.session.node.with_room(|node, now, room| {
            // It is short, and before the room is open nobody is there to hear it.
            let _ = node.room_mut(now, room).set_presence(self.sync.slot, bytes.as_deref());
        });
    }

    /// Shows others what is not kept yet, at most every [`DRAFT_MS`]. Returns when that is to be looked at again.
    pub(super) fn say_drafts(self, drafted: &[(ShapeId, Shape)]) -> Option<f64> {
        let now = browser::milliseconds();
        let (said, shown) = self.with(|work| work.drafted.clone())?;
        if drafted.is_empty() && shown.is_none() {
            return None;
        }
        if !drafted.is_empty() && now - said < DRAFT_MS {
            return Some(said + DRAFT_MS);
        }
        let writes = self.sync.look(|table| {
            drafted.iter().flat_map(|(id, shape)| id.writes(&Fields::of(table, *id), shape)).collect()
        });
        let writes: Vec<Write> = writes.unwrap_or_default();
        let bytes = drafts::bytes(&writes, DATAGRAM_TO_ALL_MAX);
        if shown.as_ref() == Some(&bytes) && now - said < REPEAT_MS {
            return Some(said + REPEAT_MS);
        }
        let next = (!drafted.is_empty()).then_some(now + REPEAT_MS);
        self.with(|work| work.drafted = (now, next.is_some().then(|| bytes.clone())));
        if let Ok(topic) = Topic::new(drafts::TOPIC) {
            self.sync.session.node.with_room(|node: &mut Node, now, room| {
                // Nobody may be there to see it.
                let _ = node.room_mut(now, room).send_datagram(Audience::All, self.sync.slot, &topic, &bytes);
            });
        }
        next
    }

    /// Follows somebody, or nobody any more.
    pub(super) fn follow(self, who: Option<Endpoint>) {
        self.following.set(who);
        if let Some(who) = who {
            self.see_as_followed();
            self.speak(texts::board::following(&self.sync.session.people.called(who)));
        }
    }

    /// Follows the next of those who are on the board.
    pub(super) fn follow_next(self) {
        let people =
            self.with(|work| work.others.people.keys().copied().collect::<Vec<_>>()).unwrap_or_default();
        let at = self.following.get_untracked().and_then(|who| people.iter().position(|other| *other == who));
        let next = at.map_or(0, |at| at + 1);
        if people.is_empty() {
            return self.tell(texts::board::NOBODY_ELSE.to_owned());
        }
        self.follow(people.get(next).copied());
    }

    fn see_as_followed(self) {
        let Some(who) = self.following.get_untracked() else { return };
        let seen = self.with(|work| work.others.people.get(&who).map(|other| Area::of(other.presence.view)));
        match seen.flatten() {
            Some(seen) if seen.width > 0.0 => self.camera.update(|camera| camera.follow(seen)),
            _ => set_if_new(self.following, None),
        }
    }
}

/// The style of somebody's colour.
pub(super) fn colour_of(who: Endpoint) -> String {
    format!("--bead:var(--bead-{})", beads::colour(&who.peer))
}

/// Whom one may follow, and whom one follows.
#[component]
pub(super) fn Following(easel: Easel) -> impl IntoView {
    let session = easel.sync.session;
    let shown = move || {
        let who = easel.following.get()?;
        session.people.rows.track();
        let called = session.people.called(who);
        Some(view! {
            <div class="board-following" style=colour_of(who)>
                <p role="status">
                    {texts::board::FOLLOWING} <strong>{called}</strong> {texts::board::ESC_STOPS}
                </p>
                <button type="button" class="button plain" data-testid="follow-stop" on:click=move |_| easel.follow(None)>
                    {texts::board::STOP}
                </button>
            </div>
        })
    };
    view! { {shown} }
}
