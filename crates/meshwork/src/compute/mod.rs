//! Compute: jobs that all devices of a room work on.
//!
//! # How it works
//! A member submits a [`NewJob`]: a [`Program`] over numbered units. Devices that [lend](Compute::lend) run some of them. One of the peers that
//! the job trusts keeps the books, and another one goes on if it leaves. Every device of the room sees the results come.

mod desk;
mod job;
mod lend;
mod map;
mod program;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use meshwork_compute::RunId;
pub use meshwork_compute::book::{Ended, State, Words};
pub use meshwork_compute::job::{Check, Kind, Limits, Reduce, Shape, View};
pub use meshwork_compute::message::{Failure, Offer};
pub use meshwork_compute::order::Order;
pub use meshwork_compute::packet::{PacketError, read as read_packet};
pub use meshwork_compute::pool::{Pool, PoolOrder, Told};
pub use meshwork_compute::{APP, FormatError, JobId, JobView, Standstill, Trust, job as format};
use meshwork_core::id::{Endpoint as EndpointId, PeerId};
use meshwork_core::signed::app::AppParameters;
use meshwork_core::time::Time;
use tokio::sync::watch;

pub use self::desk::Run;
use self::desk::{DeskSession, Effects, Hub};
pub use self::job::{Job, JobError, JobWatch, ResultChange, Results, SubmitError};
pub use self::lend::{Lend, Lending};
pub use self::map::{ItemError, Items, MapError, MapOptions, Mapped, MappedItem};
pub use self::program::{NewJob, Program};
use crate::app::App;
use crate::new_room::NewRoom;
use crate::room::Room;
use crate::session::Running;
use crate::shared::locked;

/// The name of a run of a pool.
pub type RunNumber = RunId;

/// The parameters of a room of the app: the version of its rows.
const PARAMETERS: [u8; 1] = [1];

/// The parameters of a room of the app, for a program that makes its rooms itself.
pub fn parameters() -> AppParameters {
    AppParameters::new(PARAMETERS.to_vec()).expect("one byte fits")
}

/// A room that opens with jobs.
pub fn room() -> NewRoom {
    crate::new_room::room(APP).parameters(&PARAMETERS)
}

/// The jobs of an app in a room. Clones are the same. This device takes part while a clone, a [`Job`] or a [`Lending`] of it exists.
///
/// ```
/// # use meshwork::testing::Network;
/// use meshwork::compute::{self, NewJob, Program, Standstill};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let network = Network::calm(7);
/// # let ann = network.endpoint("Ann");
/// let room = ann.create(compute::room()).await?;
/// let squares = Program::js("Squares", "function unit(n) { return n * n }");
/// let job = room.compute().submit(NewJob::new(squares, 100)).await?;
/// let mut watch = job.watch();
/// while let Some(view) = watch.next().await {
///     println!("{} of {}", view.accepted, view.units);
///     if view.standstill == Some(Standstill::NobodyLends) { break } // a device lends by Compute::lend
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Compute(Arc<Part>);

/// The part of this device.
struct Part {
    app: App,
    hub: Arc<Hub>,
    running: Running<DeskSession>,
    nonces: AtomicU64,
}

/// The part of this device in an app of a room, if it takes part.
#[derive(Default)]
struct Place(Mutex<Weak<Part>>);

impl App {
    /// Jobs that all devices work on. The app has no other use of its presence, nor of the topics `report` and `grant`.
    pub fn compute(&self) -> Compute {
        let place = self.room.state.state::<Place>(self.slot);
        let mut place = locked(&place.0);
        let part = place.upgrade().unwrap_or_else(|| {
            let part = Arc::new(Part::start(self.clone()));
            *place = Arc::downgrade(&part);
            part
        });
        Compute(part)
    }
}

impl Room {
    /// The jobs of the app that the room opened with: see [`App::compute`].
    pub fn compute(&self) -> Compute {
        self.opening_app().compute()
    }
}

impl Part {
    fn start(app: App) -> Part {
        let (room, hub) = (&app.room, Arc::new(Hub::new()));
        let seed = seed(room, room.now());
        let session = DeskSession::new(seed, room.me(), Arc::clone(&room.state));
        let effects = Effects(Arc::clone(&hub));
        let running = app.run(session, move |handle, effect| effects.0.carry_out(handle, effect));
        let handle = (*running).clone();
        app.room.spawn(Arc::clone(&hub).hear_pool(handle));
        Part { app, hub, running, nonces: AtomicU64::new(0) }
    }
}

impl Compute {
    /// Submits a job and waits until this device has written it.
    ///
    /// # Errors
    /// [`SubmitError`]; nothing was written.
    pub async fn submit(&self, new: NewJob) -> Result<Job, SubmitError> {
        job::submit(self, new).await
    }

    /// The job of this name, if it is known here.
    pub fn job(&self, id: JobId) -> Option<Job> {
        self.view(id).map(|_| Job::new(self.clone(), id))
    }

    /// All jobs that are known here, by name.
    pub fn jobs(&self) -> Vec<(JobId, JobView)> {
        self.0.running.read(|session| {
            let Some(desk) = session.desk() else { return Vec::new() };
            desk.jobs().filter_map(|id| Some((id, desk.job(&id)?))).collect()
        })
    }

    /// The devices of the room that take part, with what they lend.
    pub fn devices(&self) -> Vec<(EndpointId, Offer)> {
        self.0.running.read(|session| {
            let Some(desk) = session.desk() else { return Vec::new() };
            desk.devices().map(|(endpoint, offer)| (endpoint, offer.clone())).collect()
        })
    }

    /// Tells from now on when a job or a device reads differently.
    pub fn changes(&self) -> ComputeChanges {
        ComputeChanges { hub: Arc::clone(&self.0.hub), changed: self.0.hub.changed.subscribe() }
    }

    /// Gives this device a pool, which runs the reductions of its own jobs. [`Compute::lend`] does so too.
    pub fn set_pool(&self, pool: impl Pool + Send + 'static) {
        self.0.hub.set_pool(Box::new(pool));
    }

    /// Runs programs of others, until [`Lending`] is dropped.
    pub fn lend(&self, lend: Lend) -> Lending {
        lend::start(self, lend)
    }

    /// The runs on this device.
    pub fn runs(&self) -> Vec<Run> {
        self.0.hub.runs()
    }

    /// Withdraws this peer's word that another one returned wrong results. It gets units again once each trusted peer has done so.
    pub fn pardon(&self, peer: PeerId) {
        self.0.running.with(|session, _| session.desk_mut().map(|desk| desk.pardon(&peer)));
    }

    /// Runs a program over items as they come, and hands out the results in the order of the items.
    pub fn map(&self, program: Program, options: MapOptions) -> (Items, Mapped) {
        map::start(self, program, options)
    }

    /// Another one for each job of this endpoint.
    fn nonce(&self) -> [u8; 8] {
        let count = self.0.nonces.fetch_add(1, Ordering::Relaxed);
        let (me, now) = (self.0.app.room.me(), self.0.app.room.now());
        let hash = blake3::hash(format!("{APP} {me} {} {count}", now.0).as_bytes());
        let mut nonce = [0; 8];
        nonce.copy_from_slice(&hash.as_bytes()[..8]);
        nonce
    }

    fn view(&self, id: JobId) -> Option<JobView> {
        self.0.running.read(|session| session.desk()?.job(&id))
    }
}

/// Tells when a job or a device reads differently.
pub struct ComputeChanges {
    hub: Arc<Hub>,
    changed: watch::Receiver<()>,
}

impl ComputeChanges {
    /// Waits for the next change; `None` once the room was left. Changes in between count as one.
    pub async fn next(&mut self) -> Option<()> {
        self.changed.changed().await.ok().filter(|()| !self.hub.is_over())
    }
}

impl fmt::Debug for ComputeChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ComputeChanges").finish_non_exhaustive()
    }
}

impl fmt::Debug for Compute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Compute").field(&self.0.app).finish()
    }
}

/// The randomness of a desk: another one for each endpoint, room and moment, and the same in each run of a simulation.
fn seed(room: &Room, now: Time) -> [u8; 32] {
    let of = format!("{APP} {} {:?} {}", room.me(), room.id(), now.0);
    *blake3::hash(of.as_bytes()).as_bytes()
}
