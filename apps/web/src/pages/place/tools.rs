//! What the tools remember beside the board: the steps that can be taken back, the line that is shown, the colours
//! used lately, and what is said about all that.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use leptos::prelude::*;
use leptos::reactive::owner::LocalStorage;
use meshwork_core::node::CommandError;
use meshwork_place::canvas::Colour;
use meshwork_place::steps::{Back, Before, Recorder, Step, Steps, Way};
use meshwork_web::gestures::Tool;
use meshwork_web::place::fill::Preview;
use meshwork_web::place::portions::Portions;
use meshwork_web::place::recent;
use meshwork_web::place::stroke;

use super::super::browser;
use super::super::session::Session;
use super::entry::PlaceSession as _;

/// How long a hint stays.
const HINT: Duration = Duration::from_secs(6);
/// Under this name a profile keeps the colours used lately.
const COLOURS_KEY: &str = "meshwork-colours";

/// What a press on the canvas does until it ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Doing {
    #[default]
    Nothing,
    Paint,
    Pick,
    Fill,
    /// The picture that lies over the canvas is moved.
    Carry,
    /// A rectangle is marked.
    Mark,
}

/// Cells that are shown as if they were painted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ghost {
    pub(crate) cells: Vec<(u16, u16)>,
    pub(crate) colour: Colour,
}

/// How far painting in portions is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Progress {
    pub(crate) done: usize,
    pub(crate) total: usize,
    /// How long the room's rules make it wait before it goes on.
    pub(crate) wait: Duration,
}

/// What is painted in portions, and what becomes of it when it is done.
pub(crate) struct Job {
    pub(crate) portions: Portions,
    pub(crate) recorder: Recorder,
    pub(crate) kind: JobKind,
    /// Cells that the next portion may have.
    pub(crate) most: usize,
}

/// Why something is painted in portions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JobKind {
    /// A fill or a picture: a step of its own.
    Step,
    /// A step on its way back or again; so many cells of it are others' now.
    Go(Way, usize),
}

/// The tools of a board. Copies are the same ones.
#[derive(Clone, Copy)]
pub(crate) struct Tools {
    pub(super) session: Session,
    /// What is said beside the tools.
    pub(crate) hint: RwSignal<Option<String>>,
    /// The colours used lately that are none of the twelve.
    pub(crate) recent: RwSignal<Vec<Colour>>,
    /// How many steps can be taken back, and how many done again.
    pub(crate) steps: RwSignal<(usize, usize)>,
    /// What is shown as if it were painted.
    pub(crate) ghost: RwSignal<Option<Ghost>>,
    /// A large fill that waits to be confirmed.
    pub(crate) asked: RwSignal<Option<Ghost>>,
    /// How far painting in portions is, while there is any.
    pub(crate) progress: RwSignal<Option<Progress>>,
    /// Whether the list of keys is shown.
    pub(crate) is_keys_open: RwSignal<bool>,
    /// Whether the sheet that goes to a cell is shown.
    pub(crate) is_goto_open: RwSignal<bool>,
    /// Whether the time-lapse is asked for.
    pub(crate) is_timelapse_wanted: RwSignal<bool>,
    /// Whether letters are keys of the canvas.
    pub(crate) are_letters_on: RwSignal<bool>,
    inner: StoredValue<Rc<Inner>, LocalStorage>,
}

/// What is not for anybody to watch.
#[derive(Default)]
pub(crate) struct Inner {
    pub(crate) steps: RefCell<Steps>,
    pub(crate) recorder: RefCell<Recorder>,
    pub(crate) doing: Cell<Doing>,
    /// Where the press began, and where it is now.
    pub(crate) from: Cell<(i32, i32)>,
    pub(crate) at: Cell<(i32, i32)>,
    /// The cell that was painted last by hand, where a straight line starts.
    pub(crate) last: Cell<Option<(i32, i32)>>,
    /// Where the rectangle began that is being marked.
    pub(crate) corner: Cell<Option<(i32, i32)>>,
    /// Whether a line is shown that is painted when the press ends.
    pub(crate) is_line: Cell<bool>,
    pub(crate) is_shift_held: Cell<bool>,
    pub(crate) is_alt_held: Cell<bool>,
    /// The tool to return to from the eyedropper.
    pub(crate) before: Cell<Tool>,
    pub(crate) job: RefCell<Option<Job>>,
    /// The area under the pointer that a fill would fill.
    pub(crate) preview: RefCell<Preview>,
    hints: Cell<u32>,
}

impl Tools {
    /// The tools of a board, with the colours that this profile used lately.
    pub(crate) fn new(session: Session) -> Tools {
        let colours = browser::stored(COLOURS_KEY).map(|text| recent::from_text(&text)).unwrap_or_default();
        Tools {
            session,
            hint: RwSignal::new(None),
            recent: RwSignal::new(colours),
            steps: RwSignal::new((0, 0)),
            ghost: RwSignal::new(None),
            asked: RwSignal::new(None),
            progress: RwSignal::new(None),
            is_keys_open: RwSignal::new(false),
            is_goto_open: RwSignal::new(false),
            is_timelapse_wanted: RwSignal::new(false),
            are_letters_on: RwSignal::new(browser::are_letters_on()),
            inner: StoredValue::new_local(Rc::new(Inner::default())),
        }
    }

    pub(crate) fn inner(self) -> Rc<Inner> {
        self.inner.get_value()
    }

    /// Whether the page is still there, after waiting.
    pub(crate) fn try_inner(self) -> Option<Rc<Inner>> {
        self.inner.try_get_value()
    }

    /// A colour was painted with.
    pub(crate) fn use_colour(self, colour: Colour) {
        let present = self.recent.get_untracked();
        let colours = recent::with(present.clone(), colour);
        if colours != present {
            browser::store(COLOURS_KEY, &recent::to_text(&colours));
            self.recent.set(colours);
        }
    }

    /// Lets letters be keys of the canvas, or not.
    pub(crate) fn set_letters(self, are_on: bool) {
        self.are_letters_on.set(are_on);
        browser::set_letters(are_on);
    }

    /// Says something about what a tool did, to those who look and those who listen.
    pub(crate) fn say(self, words: String) {
        self.session.voice.speak(words.clone());
        self.show_hint(words);
    }

    /// Shows something about what a tool would do.
    pub(crate) fn show_hint(self, words: String) {
        let inner = self.inner();
        let number = inner.hints.get().wrapping_add(1);
        inner.hints.set(number);
        if self.hint.with_untracked(|hint| hint.as_ref() != Some(&words)) {
            self.hint.set(Some(words));
        }
        let forget = move || {
            if self.try_inner().is_some_and(|inner| inner.hints.get() == number) {
                self.hint.set(None);
            }
        };
        set_timeout(forget, HINT);
    }

    /// Paints cells and notes what they showed before.
    pub(super) fn paint_noting(
        self,
        cells: &[stroke::Cell],
        recorder: &mut Recorder,
    ) -> Result<(), CommandError> {
        let before = self.session.canvas().with(|canvas| Before::look(canvas, cells)).unwrap_or_default();
        self.session.paint(cells)?;
        self.session.canvas().with(|canvas| recorder.record(before, canvas));
        Ok(())
    }

    /// What was painted by hand since the last step becomes one.
    pub(super) fn close_step(self) {
        let inner = self.inner();
        if !inner.recorder.borrow().is_empty() {
            let step = inner.recorder.take().finish();
            inner.steps.borrow_mut().push(step);
            self.count_steps();
        }
    }

    /// The number of steps changed.
    pub(super) fn count_steps(self) {
        let inner = self.inner();
        let remembered = inner.steps.borrow();
        let steps = (remembered.count(Way::Undo), remembered.count(Way::Redo));
        if self.steps.get_untracked() != steps {
            self.steps.set(steps);
        }
    }

    /// What taking a step back paints.
    pub(super) fn back(self, step: &Step) -> Back {
        let me = self.session.node.peer();
        self.session.canvas().with(|canvas| step.back(canvas, me)).unwrap_or_default()
    }
}
