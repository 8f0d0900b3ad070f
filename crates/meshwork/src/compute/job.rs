//! Jobs that were submitted: their progress, their results, their outcome.

use std::future::poll_fn;
use std::task::Poll;

use meshwork_compute::book::{Ended, State};
use meshwork_compute::job::JOB_FIELD;
use meshwork_compute::job::Reduce;
use meshwork_compute::order::{CANCEL_FIELD, ORDER_FIELD, Order};
use meshwork_compute::packet::{self, PacketError};
use meshwork_compute::{Desk, FormatError, JobId, JobView, SubmitError as DeskError};
use tokio::sync::{mpsc, watch};

use super::{Compute, NewJob};
use crate::blobs::{BlobError, FetchError};
use crate::error::{Closed, WriteError};

/// A job that cannot be submitted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// A number or text of the job is outside its range.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// This person has too many open jobs in the room.
    #[error("{0} jobs of yours are open, which is the limit: cancel one or wait")]
    TooMany(usize),
    /// The program reduces its results itself, and this device runs no programs.
    #[error("this program reduces its results itself, which this device cannot run: give it a pool")]
    NoPool,
    /// Code or input cannot be held here.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The room refuses the job.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<Closed> for SubmitError {
    fn from(closed: Closed) -> SubmitError {
        SubmitError::Write(closed.into())
    }
}

/// The reason that a job has no outcome.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// The program cannot go on.
    #[error("unit {unit}: {reason}")]
    Failed {
        /// The unit that ended the job.
        unit: u32,
        /// The reason.
        reason: Ended,
    },
    /// It was cancelled.
    #[error("the job was cancelled")]
    Cancelled,
    /// It is not known here any more.
    #[error("the job was erased")]
    Erased,
    /// The outcome is not the list of results that the job states.
    #[error(transparent)]
    Packet(#[from] PacketError),
    /// The outcome cannot be fetched.
    #[error("the outcome cannot be fetched: {0}")]
    Fetch(#[from] FetchError),
}

impl From<BlobError> for JobError {
    fn from(error: BlobError) -> JobError {
        JobError::Fetch(error.into())
    }
}

/// A change of a job's results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResultChange {
    /// Results were accepted.
    Came {
        /// The first unit.
        first: u32,
        /// The results, one for each unit from there on.
        values: Vec<Vec<u8>>,
    },
    /// Results are accepted no longer: a lender was caught. Others come.
    Lost {
        /// The first unit.
        first: u32,
        /// The number of units.
        units: u32,
    },
}

/// A job in a room. Clones are the same.
#[derive(Clone, Debug)]
pub struct Job {
    pub(super) compute: Compute,
    id: JobId,
}

pub(super) async fn submit(compute: &Compute, new: NewJob) -> Result<Job, SubmitError> {
    let (app, hub, running) = (&compute.0.app, &compute.0.hub, &compute.0.running);
    new.within_limits()?;
    app.room.opened().await.map_err(|_| WriteError::NotOpen)?;
    let mut changed = hub.changed.subscribe();
    let job = new.form(app.room.me().peer, compute.nonce())?;
    if job.reduce == Reduce::Program && !hub.has_pool() {
        return Err(SubmitError::NoPool);
    }
    let code = (!new.program.code.is_empty()).then_some(&new.program.code);
    for bytes in [code, new.input.as_ref()].into_iter().flatten() {
        app.blobs().offer_bytes(bytes).await?;
    }
    let submitted = running.with(|session, _| session.desk_mut().map(|desk| desk.submit(&job)));
    let id = match submitted.ok_or(WriteError::NotOpen)? {
        Ok(id) => id,
        Err(DeskError::Format(error)) => return Err(error.into()),
        Err(DeskError::TooMany(open)) => return Err(SubmitError::TooMany(open)),
        Err(error) => return Err(WriteError::Invalid(error.to_string()).into()),
    };
    loop {
        if let Some(error) = running.with(|session, _| session.refused.remove(&id)) {
            return Err(error.into());
        }
        if compute.view(id).is_some() {
            return Ok(Job { compute: compute.clone(), id });
        }
        if hub.is_over() {
            return Err(Closed.into());
        }
        changed.changed().await.map_err(|_| Closed)?;
    }
}

impl Job {
    pub(super) fn new(compute: Compute, id: JobId) -> Job {
        Job { compute, id }
    }

    /// Its name.
    pub fn id(&self) -> JobId {
        self.id
    }

    /// The job as this device sees it now; `None` once it was erased.
    pub fn view(&self) -> Option<JobView> {
        self.compute.view(self.id)
    }

    /// Its progress: the current view first, then each other one.
    pub fn watch(&self) -> JobWatch {
        JobWatch {
            job: self.clone(),
            changed: self.compute.0.hub.changed.subscribe(),
            last: None,
            is_over: false,
        }
    }

    /// Its results as they are accepted, those that are here already first, until it has ended. A device without the job's books
    /// fetches them from others, a moment later.
    pub fn results(&self) -> Results {
        let (hub, id) = (&self.compute.0.hub, self.id);
        let changes = hub.follow(id);
        // All that there is comes anew. Others of this device get it twice, which changes nothing.
        self.compute.0.running.with(|session, _| {
            if let Some(desk) = session.desk_mut() {
                desk.follow(&id, false);
                desk.follow(&id, true);
            }
        });
        Results { watch: self.watch(), changes }
    }

    /// Waits until the job is done, and fetches its outcome.
    ///
    /// # Errors
    /// [`JobError`].
    pub async fn outcome(&self) -> Result<Vec<u8>, JobError> {
        let mut watch = self.watch();
        while let Some(view) = watch.next().await {
            match view.state {
                State::Done { outcome: (blob, length) } => {
                    let fetched = self.compute.0.app.blobs().fetch(blob).at_most(length).await?;
                    let bytes = fetched.read().await?;
                    self.compute.0.running.with(|session, _| {
                        if let Some(desk) = session.desk_mut() {
                            desk.note_outcome(&self.id, blob);
                        }
                    });
                    return Ok(bytes);
                }
                State::Failed { unit, reason } => return Err(JobError::Failed { unit, reason }),
                State::Cancelled => return Err(JobError::Cancelled),
                State::Running | State::Paused => (),
            }
        }
        Err(JobError::Erased)
    }

    /// Waits for the outcome of a job whose results are [listed](Reduce::List), and reads the list.
    ///
    /// # Errors
    /// [`JobError`].
    pub async fn list(&self) -> Result<Vec<Vec<u8>>, JobError> {
        let view = self.view().ok_or(JobError::Erased)?;
        let outcome = self.outcome().await?;
        let most = view.job.program.limits.result as usize;
        let values = packet::read(&outcome, view.units as usize, most)?;
        Ok(values.into_iter().map(<[u8]>::to_vec).collect())
    }

    /// Pauses it, as its submitter or as a moderator, and waits until this device has written that. Others are not obeyed.
    ///
    /// # Errors
    /// [`WriteError`]; it goes on.
    pub async fn pause(&self) -> Result<(), WriteError> {
        self.write(ORDER_FIELD, |desk, id| desk.order(id, Order::Pause)).await
    }

    /// Lets it run again. Submitter and moderators must both let it run.
    ///
    /// # Errors
    /// [`WriteError`]; nothing was written.
    pub async fn resume(&self) -> Result<(), WriteError> {
        self.write(ORDER_FIELD, |desk, id| desk.order(id, Order::Run)).await
    }

    /// Cancels it for good, as its submitter or as a moderator.
    ///
    /// # Errors
    /// [`WriteError`]; it goes on.
    pub async fn cancel(&self) -> Result<(), WriteError> {
        self.write(CANCEL_FIELD, Desk::cancel).await
    }

    /// Removes it from the room with all that belongs to it, as its submitter.
    ///
    /// # Errors
    /// [`WriteError`]; it stays.
    pub async fn erase(&self) -> Result<(), WriteError> {
        self.write(JOB_FIELD, Desk::erase).await
    }

    /// Writes a field of the job's row, and waits until it is written or refused.
    async fn write(&self, field: &[u8], write: impl FnOnce(&mut Desk, &JobId)) -> Result<(), WriteError> {
        let (hub, running, id) = (&self.compute.0.hub, &self.compute.0.running, self.id);
        let (key, mut changed) = ((id, field.to_vec()), hub.changed.subscribe());
        let before = running.with(|session, _| {
            session.refused.remove(&id);
            let before = session.written.get(&key).copied();
            session.desk_mut().map(|desk| write(desk, &id)).map(|()| before)
        });
        let before = before.ok_or(WriteError::NotOpen)?;
        loop {
            let refused = running.with(|session, _| session.refused.remove(&id));
            match refused {
                Some(error) => return Err(error),
                None if running.read(|session| session.written.get(&key).copied() != before) => return Ok(()),
                None if hub.is_over() => return Err(Closed.into()),
                None => changed.changed().await.map_err(|_| Closed)?,
            }
        }
    }
}

/// The progress of a job.
#[derive(Debug)]
pub struct JobWatch {
    job: Job,
    changed: watch::Receiver<()>,
    last: Option<JobView>,
    is_over: bool,
}

impl JobWatch {
    /// The next view; `None` once the job has ended and was told so, or was erased.
    pub async fn next(&mut self) -> Option<JobView> {
        while !self.is_over {
            self.changed.borrow_and_update();
            let view = self.job.view()?;
            if self.job.compute.0.hub.is_over() {
                return None;
            }
            if self.last.as_ref() != Some(&view) {
                self.is_over = view.state.is_over();
                self.last = Some(view.clone());
                return Some(view);
            }
            self.changed.changed().await.ok()?;
        }
        None
    }
}

/// The results of a job as they come.
#[derive(Debug)]
pub struct Results {
    watch: JobWatch,
    changes: mpsc::UnboundedReceiver<ResultChange>,
}

impl Results {
    /// The next change; `None` once the job has ended or was erased.
    pub async fn next(&mut self) -> Option<ResultChange> {
        let Results { watch, changes } = self;
        loop {
            let mut watching = std::pin::pin!(watch.next());
            let next = poll_fn(|context| {
                if let Poll::Ready(change) = changes.poll_recv(context) {
                    return Poll::Ready(Ok(change));
                }
                watching.as_mut().poll(context).map(Err)
            });
            match next.await {
                Ok(change) => return change,
                Err(Some(_)) => (),
                // Results that were accepted before the end are queued before it.
                Err(None) => return changes.try_recv().ok(),
            }
        }
    }
}
