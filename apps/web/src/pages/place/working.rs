//! Painting in portions: the next one when the room's rules and the others allow it, with progress and an end.

use std::time::Duration;

use leptos::prelude::*;
use meshwork_place::steps::Recorder;
use meshwork_web::place::portions::{self, Next, Portions};
use meshwork_web::place::stroke::Cell;
use meshwork_web::texts;

use super::entry::PlaceSession as _;
use super::tools::{Job, JobKind, Progress, Tools};

/// Between two portions: the page draws meanwhile.
const PAUSE: Duration = Duration::from_millis(16);

impl Tools {
    /// Paints cells in portions, the first at once.
    pub(super) fn start_job(self, cells: Vec<Cell>, kind: JobKind) {
        let inner = self.inner();
        if inner.job.borrow().is_some() {
            return self.say(texts::canvas::BUSY.to_owned());
        }
        let job =
            Job { portions: Portions::new(cells), recorder: Recorder::default(), kind, most: usize::MAX };
        *inner.job.borrow_mut() = Some(job);
        self.work_on();
    }

    /// Paints the next portion of what is being painted.
    fn work_on(self) {
        // The page may have gone with everything on it.
        let Some(inner) = self.try_inner() else { return };
        let Some(mut job) = inner.job.borrow_mut().take() else { return };
        let is_step = job.kind == JobKind::Step;
        let portion = self.session.canvas().with(|canvas| {
            let is_right = |cell: &Cell| is_step && canvas.colour(cell.0, cell.1) == Some(cell.2);
            job.portions.portion(job.most, is_right)
        });
        let portion = portion.unwrap_or_default();
        let Some(last) = portion.last().copied() else { return self.finish_job(job, None) };
        let (pause, wait) = match self.paint_noting(&portion, &mut job.recorder) {
            Ok(()) => {
                job.portions.painted(last);
                job.most = usize::MAX;
                (PAUSE, Duration::ZERO)
            }
            Err(error) => match portions::after(&error) {
                Next::Again(most, pause) => {
                    job.most = most;
                    (pause, Duration::ZERO)
                }
                Next::Wait(pause, whole) => (pause, whole),
                Next::Stop(why) => return self.finish_job(job, Some(why)),
            },
        };
        let (done, total) = (job.portions.done(), job.portions.total());
        if done == total {
            return self.finish_job(job, None);
        }
        *inner.job.borrow_mut() = Some(job);
        self.progress.set(Some(Progress { done, total, wait }));
        set_timeout(move || self.work_on(), pause);
    }

    /// How long what is being painted will still take by the room's rules, if they slow it down.
    pub(super) fn time_left(self) -> Option<Duration> {
        let progress = self.progress.get()?;
        let time = portions::time(progress.total - progress.done, self.session.governing.limit());
        let time = time + progress.wait;
        (!time.is_zero()).then_some(time)
    }

    /// Ends what is being painted; what is painted of it stays, and can be taken back.
    pub(crate) fn cancel_job(self) {
        let job = self.inner().job.borrow_mut().take();
        if let Some(job) = job {
            self.finish_job(job, Some(texts::canvas::CANCELLED.to_owned()));
        }
    }

    fn finish_job(self, job: Job, why: Option<String>) {
        self.progress.set(None);
        let inner = self.inner();
        let step = job.recorder.finish();
        let is_whole = why.is_none();
        let cells = step.cells();
        match job.kind {
            JobKind::Step => inner.steps.borrow_mut().push(step),
            JobKind::Go(way, _) => inner.steps.borrow_mut().go(way, step, is_whole),
        }
        self.count_steps();
        self.say(match (job.kind, why) {
            (_, Some(why)) => {
                let (painted, total) =
                    (texts::grouped(cells), texts::count(job.portions.total(), texts::CELL));
                texts::canvas::painted_of(&painted, &total, &texts::sentence(&why))
            }
            (JobKind::Step, None) => texts::canvas::painted(&texts::count(cells, texts::CELL)),
            (JobKind::Go(way, lost), None) => texts::steps::words(way, cells, lost),
        });
    }
}
