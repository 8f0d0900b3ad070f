//! The results of a job, as they come.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use meshwork::compute::format::Job as Form;
use meshwork::compute::{Job, Reduce, ResultChange, Shape, State, read_packet};
use meshwork_rtc::web;
use meshwork_web::compute::tiles::Layout;

use super::state::Computing;

/// Least time between two signals.
const SIGNAL_EACH: Duration = Duration::from_millis(80);

/// Time before an outcome is fetched again that did not come.
const OUTCOME_AGAIN: Duration = Duration::from_secs(2);

/// The results of a job.
pub(super) struct Gathered {
    /// One for each unit.
    pub(super) values: RefCell<Vec<Option<Vec<u8>>>>,
    /// Units that changed since they were drawn.
    pub(super) fresh: RefCell<Vec<u32>>,
    /// Counts changes.
    pub(super) version: ArcRwSignal<u32>,
    is_signalled: Cell<bool>,
}

impl Gathered {
    /// Gathers what comes of a job; `None` if it was erased.
    pub(super) fn begin(computing: Computing, job: Job) -> Option<Rc<Gathered>> {
        let view = job.view()?;
        let gathered = Rc::new(Gathered {
            values: RefCell::new(vec![None; view.units as usize]),
            fresh: RefCell::default(),
            version: ArcRwSignal::new(0),
            is_signalled: Cell::new(false),
        });
        let opening = computing.opening();
        let followed = Rc::clone(&gathered);
        let form = view.job;
        spawn_local(async move {
            let mut results = job.results();
            while let Some(change) = results.next().await {
                if !computing.is_opening(opening) {
                    return;
                }
                followed.note(change);
            }
            followed.complete(&job, &form, (computing, opening)).await;
        });
        Some(gathered)
    }

    fn note(self: &Rc<Self>, change: ResultChange) {
        let (first, came) = match change {
            ResultChange::Came { first, values } => (first, values.into_iter().map(Some).collect()),
            ResultChange::Lost { first, units } => (first, vec![None; units as usize]),
        };
        self.set(first, came);
    }

    fn set(self: &Rc<Self>, first: u32, came: Vec<Option<Vec<u8>>>) {
        let mut values = self.values.borrow_mut();
        for (unit, value) in (first..).zip(came) {
            let Some(place) = values.get_mut(unit as usize) else { break };
            if *place != value {
                *place = value;
                self.fresh.borrow_mut().push(unit);
            }
        }
        if !self.is_signalled.replace(true) {
            let signalled = Rc::clone(self);
            let signal = move || {
                signalled.is_signalled.set(false);
                signalled.version.update(|version| *version = version.wrapping_add(1));
            };
            set_timeout(signal, SIGNAL_EACH);
        }
    }

    /// Reads what is missing from the outcome, if the job has one.
    async fn complete(self: Rc<Self>, job: &Job, form: &Form, (computing, opening): (Computing, u32)) {
        let is_done = |job: &Job| job.view().is_some_and(|view| matches!(view.state, State::Done { .. }));
        let is_whole = self.values.borrow().iter().all(Option::is_some);
        // A job whose outcome nobody has shows what came, until somebody has it.
        while is_done(job) && !is_whole && computing.is_opening(opening) {
            if let Ok(outcome) = job.outcome().await {
                if let Some(values) = split(form, &outcome) {
                    self.set(0, values.into_iter().map(|value| Some(value.to_vec())).collect());
                }
                return;
            }
            web::sleep(OUTCOME_AGAIN).await;
        }
    }
}

/// The results that an outcome is made of; `None` if it does not say so.
fn split<'a>(form: &Form, outcome: &'a [u8]) -> Option<Vec<&'a [u8]>> {
    let units = form.units as usize;
    if form.reduce == Reduce::List {
        return read_packet(outcome, units, form.program.limits.result as usize).ok();
    }
    let length = match form.program.result {
        Shape::U32 | Shape::F32 => 4,
        Shape::F64 => 8,
        Shape::Bytes => Layout::of(form.program.view, form.units)?.bytes(),
        Shape::Json => return None,
    };
    let fits = form.reduce == Reduce::Concat && outcome.len() == units * length;
    fits.then(|| outcome.chunks_exact(length).collect())
}
