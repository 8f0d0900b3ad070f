//! The time-lapse: the canvas from empty to now, on a sheet of its own; the canvas that is painted on goes on beneath.

mod export;
mod page;
mod player;
mod sheet;

use std::cell::RefCell;
use std::rc::Rc;

use leptos::html;
use leptos::prelude::*;
use leptos::reactive::owner::LocalStorage;
use leptos::web_sys;
use meshwork_place::picture::{Area, Timeline};
use meshwork_web::place::timelapse::LENGTH_FIRST;

use super::super::session::{Phase, Session};
use super::entry::PlaceSession as _;
use super::painter;
pub(crate) use sheet::TimelapseSheet;

/// How far the time-lapse is.
#[derive(Clone, Debug, PartialEq)]
enum Stage {
    /// It is not shown.
    Closed,
    /// The history is being fetched: bytes, of how many where that is known, and strokes so far.
    Loading { bytes: u64, of: Option<u64>, strokes: u64 },
    /// It can be played.
    Ready,
    /// Nobody has painted yet.
    Empty,
}

/// How far a file is that is being made.
#[derive(Clone, Debug, PartialEq)]
enum Export {
    /// None is.
    Idle,
    /// So many frames, of how many.
    Running { frames: u32, of: u32 },
    /// It came to this, in a sentence.
    Done(String),
}

/// The time-lapse of a room. Copies are the same one.
#[derive(Clone, Copy)]
pub(crate) struct Timelapse {
    session: Session,
    stage: RwSignal<Stage>,
    /// The moment that is shown, in painted cells, and how many there are.
    moment: RwSignal<usize>,
    length: RwSignal<usize>,
    is_playing: RwSignal<bool>,
    /// How long the whole takes, in seconds.
    seconds: RwSignal<u32>,
    /// When the moment was, and who painted then.
    when: RwSignal<String>,
    who: RwSignal<String>,
    /// How far back it reaches.
    reach: RwSignal<String>,
    export: RwSignal<Export>,
    paper: NodeRef<html::Canvas>,
    work: StoredValue<Rc<RefCell<Work>>, LocalStorage>,
}

/// What is not for anybody to watch.
#[derive(Default)]
struct Work {
    timeline: Option<Timeline>,
    context: Option<web_sys::CanvasRenderingContext2d>,
    /// Counts openings, so that what an earlier one began ends.
    opening: u32,
    /// Where the playhead is, with what is left of a cell.
    playhead: f64,
    frame_at: f64,
    is_awaited: bool,
}

impl Timelapse {
    fn new(session: Session) -> Timelapse {
        Timelapse {
            session,
            stage: RwSignal::new(Stage::Closed),
            moment: RwSignal::new(0),
            length: RwSignal::new(0),
            is_playing: RwSignal::new(false),
            seconds: RwSignal::new(LENGTH_FIRST),
            when: RwSignal::new(String::new()),
            who: RwSignal::new(String::new()),
            reach: RwSignal::new(String::new()),
            export: RwSignal::new(Export::Idle),
            paper: NodeRef::new(),
            work: StoredValue::new_local(Rc::default()),
        }
    }

    /// Opens the sheet and begins to fetch.
    fn open(self) {
        if self.stage.get_untracked() == Stage::Closed && self.session.phase.get_untracked() == Phase::Open {
            self.load();
        }
    }

    /// Closes the sheet; what was fetched is forgotten.
    fn close(self) {
        if self.stage.get_untracked() == Stage::Closed {
            return;
        }
        self.session.canvas().cancel_history();
        self.is_playing.set(false);
        self.export.set(Export::Idle);
        self.stage.set(Stage::Closed);
        let work = self.work();
        let mut work = work.borrow_mut();
        *work = Work { opening: work.opening.wrapping_add(1), ..Work::default() };
    }

    fn work(self) -> Rc<RefCell<Work>> {
        self.work.get_value()
    }

    fn is_opening(self, opening: u32) -> bool {
        self.work.try_get_value().is_some_and(|work| work.borrow().opening == opening)
    }
}

/// Draws an area of a timeline at its moment.
fn draw(context: &web_sys::CanvasRenderingContext2d, timeline: &Timeline, area: Area) {
    painter::put(context, &timeline.rgba(area, 1), area.width.into(), (area.x.into(), area.y.into()));
}
