//! Others' cursors over the canvas, and one's own as the others get it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use leptos::prelude::{Track as _, *};
use leptos::reactive::owner::LocalStorage;
use leptos::{ev, web_sys};
use meshwork_core::id::Endpoint;
use meshwork_place::Cursor;
use meshwork_web::cursors::{self, Track};
use meshwork_web::gestures::Tool;
use meshwork_web::people::beads;
use wasm_bindgen::JsCast as _;

use super::super::browser;
use super::super::session::set_if_new;
use super::board::Board;
use super::entry::PlaceSession as _;

/// Cursors that are kept in the page, those that left included: twice a full room.
const SHOWN_MAX: usize = 64;

/// A cursor in the page.
#[derive(Clone, Copy)]
struct Shown {
    at: RwSignal<(i32, i32)>,
    thread: RwSignal<String>,
    is_named: RwSignal<bool>,
    is_leaving: RwSignal<bool>,
}

/// The cursors of a room. Copies are the same one.
#[derive(Clone, Copy)]
struct Flock {
    board: Board,
    shown: RwSignal<BTreeMap<Endpoint, Shown>>,
    work: StoredValue<Rc<Work>, LocalStorage>,
}

#[derive(Default)]
struct Work {
    tracks: RefCell<BTreeMap<Endpoint, Track>>,
    /// The frame or timer that is waited for; what comes under an older number is void.
    awaited: Cell<u32>,
}

/// The layer of cursors. It is nothing to those who listen, and nothing to pointers.
#[component]
pub(crate) fn Cursors(
    /// The room's board.
    board: Board,
) -> impl IntoView {
    let flock = Flock {
        board,
        shown: RwSignal::new(BTreeMap::new()),
        work: StoredValue::new_local(Rc::new(Work::default())),
    };
    board.session.cursors().on_move(move |who, pointer| flock.hear(who, pointer));
    // They stand where the canvas stands.
    Effect::new(move || {
        board.surface.view.track();
        flock.draw();
    });
    share_own(board);
    let each =
        move || flock.shown.with(|shown| shown.iter().map(|(who, at)| (*who, *at)).collect::<Vec<_>>());
    view! {
        <div class="cursors" aria-hidden="true">
            <For each=each key=|(who, _)| *who children=move |(who, shown)| cursor(board, who, shown)/>
        </div>
    }
}

fn cursor(board: Board, who: Endpoint, shown: Shown) -> impl IntoView {
    let called = move || {
        board.session.people.rows.track();
        board.session.people.called(who)
    };
    let style = move || {
        let (x, y) = shown.at.get();
        format!("transform:translate({x}px,{y}px)")
    };
    let bead = format!("--bead:var(--bead-{})", beads::colour(&who.peer));
    view! {
        <div class="someone" class:leaving=shown.is_leaving style=bead data-testid="cursor">
            <svg class="thread">
                <path class="edge" d=shown.thread></path>
                <path d=shown.thread></path>
            </svg>
            <div class="arrow" style=style>
                <svg width="20" height="20" viewBox="0 0 20 20">
                    <path d="M2.2 2.2L17.4 8.2L10.6 10.6L8.2 17.4z"></path>
                </svg>
                <span class="tag" class:quiet=move || !shown.is_named.get() data-testid="cursor-name">
                    {called}
                </span>
            </div>
        </div>
    }
}

impl Flock {
    fn work(self) -> Option<Rc<Work>> {
        self.work.try_get_value()
    }

    fn hear(self, who: Endpoint, pointer: Option<Cursor>) {
        let Some(work) = self.work() else { return };
        let Some(pointer) = pointer else { return self.leave(who) };
        let now = js_sys::Date::now();
        {
            let mut tracks = work.tracks.borrow_mut();
            match tracks.get_mut(&who) {
                Some(track) => {
                    track.hear(now, pointer.place(), pointer.is_drawing, browser::wants_no_motion())
                }
                None => {
                    tracks.insert(who, Track::new(now, pointer.place(), pointer.is_drawing));
                }
            }
        }
        let known = self.shown.with_untracked(|shown| shown.get(&who).copied());
        match known {
            Some(shown) => set_if_new(shown.is_leaving, false),
            None => self.shown.update(|shown| {
                if shown.len() >= SHOWN_MAX {
                    shown.retain(|_, shown| !shown.is_leaving.get_untracked());
                }
                let fresh = Shown {
                    at: RwSignal::new((0, 0)),
                    thread: RwSignal::new(String::new()),
                    is_named: RwSignal::new(true),
                    is_leaving: RwSignal::new(false),
                };
                shown.insert(who, fresh);
            }),
        }
        self.draw();
    }

    /// It fades, and is there for when it comes back.
    fn leave(self, who: Endpoint) {
        if let Some(work) = self.work() {
            work.tracks.borrow_mut().remove(&who);
        }
        if let Some(shown) = self.shown.with_untracked(|shown| shown.get(&who).copied()) {
            set_if_new(shown.is_leaving, true);
        }
    }

    /// Shows all cursors as they are now, and comes back when they look different.
    fn draw(self) {
        let (Some(work), Some(view)) = (self.work(), self.board.surface.view.get_untracked()) else { return };
        let now = js_sys::Date::now();
        let mut soonest: Option<f64> = None;
        let quiet: Vec<Endpoint> = {
            let tracks = work.tracks.borrow();
            tracks.iter().filter(|(_, track)| !track.is_shown(now)).map(|(who, _)| *who).collect()
        };
        quiet.into_iter().for_each(|who| self.leave(who));
        let tracks = work.tracks.borrow();
        for (who, track) in tracks.iter() {
            let Some(shown) = self.shown.with_untracked(|shown| shown.get(who).copied()) else { continue };
            set_if_new(shown.at, cursors::pixel(&view, track.place(now)));
            set_if_new(shown.is_named, track.is_named(now));
            set_if_new(shown.thread, cursors::thread_path(&view, &track.thread(now)));
            soonest = match (soonest, track.changes_in(now)) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
        }
        let number = work.awaited.get().wrapping_add(1);
        work.awaited.set(number);
        let again = move || {
            if self.work().is_some_and(|work| work.awaited.get() == number) {
                self.draw();
            }
        };
        match soonest {
            None => {}
            Some(wait) if wait <= 0.0 => request_animation_frame(again),
            Some(wait) => set_timeout(again, Duration::from_millis(wait as u64 + 1)),
        }
    }
}

/// Tells the others where one's own cursor is: a mouse or a pen over the canvas, a finger that draws, the frame that
/// keys move.
fn share_own(board: Board) {
    let session = board.session;
    let is_pressed = StoredValue::new(false);
    let say = move |at: Option<(f64, f64)>| {
        let paints = board.tool.get_untracked() != Tool::Hand && !board.is_panning.get_untracked();
        let is_drawing = at.is_some() && is_pressed.get_value() && paints;
        session.cursors().point(at, is_drawing, board.colour.get_untracked());
    };
    let follow = move |event: &web_sys::PointerEvent| {
        let is_touch = event.pointer_type() == "touch";
        let draws = is_pressed.get_value() && board.tool.get_untracked() != Tool::Hand;
        let is_seen = !is_touch || (draws && !board.is_panning.get_untracked());
        say(stage_point(event).filter(|_| is_seen).and_then(|point| on_canvas(board, point)));
    };
    let down = window_event_listener(ev::pointerdown, move |event| {
        is_pressed.set_value(event.button() == 0 && stage_point(&event).is_some());
        if event.pointer_type() != "touch" {
            follow(&event);
        }
    });
    let moved = window_event_listener(ev::pointermove, move |event| follow(&event));
    let lift = move |event: web_sys::PointerEvent| {
        is_pressed.set_value(false);
        follow(&event);
    };
    let up = window_event_listener(ev::pointerup, lift);
    let cancelled = window_event_listener(ev::pointercancel, lift);
    let hidden = window_event_listener(ev::visibilitychange, move |_| say(None));
    let left = window_event_listener(ev::blur, move |_| say(None));
    on_cleanup(move || {
        for listener in [down, moved, up, cancelled] {
            listener.remove();
        }
        hidden.remove();
        left.remove();
    });
    Effect::new(move || {
        if let Some(frame) = board.surface.frame.get().filter(|frame| frame.is_by_key) {
            let (x, y) = frame.cell;
            session.cursors().point(
                Some((f64::from(x) + 0.5, f64::from(y) + 0.5)),
                false,
                board.colour.get_untracked(),
            );
        }
    });
}

/// Where a pointer is from the stage's corner, if it is on the stage.
pub(super) fn stage_point(event: &web_sys::PointerEvent) -> Option<(f64, f64)> {
    let target: web_sys::Element = event.target()?.dyn_into().ok()?;
    let stage = target.closest(".stage").ok()??;
    let origin = stage.get_bounding_client_rect();
    Some((f64::from(event.client_x()) - origin.left(), f64::from(event.client_y()) - origin.top()))
}

/// The place on the canvas in cells, if it is on it.
fn on_canvas(board: Board, point: (f64, f64)) -> Option<(f64, f64)> {
    let view = board.surface.view.get_untracked()?;
    view.cell_at(point)?;
    Some(((point.0 - view.x) / view.scale, (point.1 - view.y) / view.scale))
}
