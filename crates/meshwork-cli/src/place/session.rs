//! One run in one room: the native peer, the deadline, and the words for what stood in the way.

use std::time::Duration;

use anyhow::Context as _;
use meshwork::Identity;
use meshwork_core::id::Endpoint;
use meshwork_core::node::{CommandError, Config, Event, Node, PeerView, RoomHandle, ServerState, WriteError};
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::time::Time;
use meshwork_place::Place as _;
use meshwork_place::canvas::{Canvas, CanvasSize};
use meshwork_place::picture::Cell;
use meshwork_rtc::native::{Driver, DriverStopped, Events, Options, start};
use tokio::time::{Instant, timeout, timeout_at};

use super::Hiding;
use super::obstacles::{Obstacles, Other};
use super::paint::denied;
use crate::duration;
use crate::exit::Failure;

/// How long saying goodbye and finishing what is being stored may take.
const GOODBYE_MAX: Duration = Duration::from_secs(5);

/// A running peer with a deadline.
pub(super) struct Session {
    driver: Driver,
    events: Events,
    /// `None` when there is nothing left to wait for but the end.
    deadline: Option<Instant>,
    timeout: Duration,
    painted: u64,
    seen: Seen,
}

/// What was heard so far that may explain why nothing came of it.
#[derive(Default)]
struct Seen {
    /// The room that is joined; `None` while one is made.
    joined: Option<(RoomAddress, RoomHandle)>,
    /// The server and what became of it.
    server: Option<(String, ServerState)>,
    /// Whether the server does not know the room.
    waiting: bool,
    /// The last refusal, in words.
    refused: Option<String>,
}

impl Session {
    /// Starts a peer with this identity: how long it has, and what others learn of its address.
    pub(super) async fn start_as(
        identity: Identity,
        timeout: Duration,
        hiding: &Hiding,
        name: String,
    ) -> Result<Session, Failure> {
        let deadline = Instant::now() + timeout;
        let (hides_address, trusted_relays) = (hiding.hide_address, hiding.trust_relay.clone());
        let config = Config { name, stays: true, hides_address, trusted_relays, ..Config::default() };
        let identity = meshwork_core::id::Identity::import(&identity.export()).context("just exported")?;
        let options = Options::new(meshwork_place::make, config, identity);
        let (driver, events) = start(options).context("the peer cannot be started")?;
        Ok(Session { driver, events, deadline: Some(deadline), timeout, painted: 0, seen: Seen::default() })
    }

    /// Who this program is to the others.
    pub(super) fn endpoint(&self) -> Endpoint {
        self.driver.endpoint()
    }

    /// Begins to join a room; [`Event::RoomOpened`] says that it can be painted on.
    pub(super) async fn begin_join(&mut self, link: RoomAddress) -> Result<RoomHandle, Failure> {
        let address = link.clone();
        let joined = self.call(move |node, now| node.join_room(now, link, None)).await?;
        let room = match joined {
            Err(error @ CommandError::NoServer) => return Err(Failure::Usage(error.to_string())),
            joined => joined.context("the room cannot be joined")?,
        };
        self.seen.joined = Some((address, room));
        Ok(room)
    }

    /// Joins a room and waits until it is open.
    pub(super) async fn join(&mut self, link: RoomAddress) -> Result<RoomHandle, Failure> {
        let room = self.begin_join(link).await?;
        while !matches!(self.next().await?, Event::RoomOpened { room: opened, .. } if opened == room) {}
        Ok(room)
    }

    /// From here on there is no deadline.
    pub(super) fn stay(&mut self) {
        self.deadline = None;
    }

    /// The next event, but for a room that was refused: that is the failure.
    pub(super) async fn next(&mut self) -> Result<Event, Failure> {
        unless_refused(self.next_of_any_kind().await?)
    }

    /// The next event; at the deadline, why there was no better one.
    pub(super) async fn next_of_any_kind(&mut self) -> Result<Event, Failure> {
        let next = match self.deadline {
            Some(deadline) => match timeout_at(deadline, self.events.next()).await {
                Ok(next) => next,
                Err(_) => return Err(self.what_stood_in_the_way().await),
            },
            None => self.events.next().await,
        };
        let event = next.ok_or_else(|| stopped(DriverStopped))?;
        self.seen.note(&event);
        Ok(event)
    }

    /// Paints. What the room's rules or full links do not allow now is left out.
    pub(super) async fn paint(&mut self, room: RoomHandle, cells: &[Cell]) -> Result<(), Failure> {
        let (count, cells) = (cells.len(), cells.to_vec());
        match self.call(move |node, now| node.paint(now, room, &cells)).await? {
            Ok(_) => self.painted += count as u64,
            Err(CommandError::Write(WriteError::Backpressure(_) | WriteError::TooFast { .. })) => {}
            Err(CommandError::NoSuchRoom(_)) => return Err(self.refusal().await),
            Err(error) => return Err(denied(error.into())),
        }
        Ok(())
    }

    /// How many cells it painted.
    pub(super) fn painted(&self) -> u64 {
        self.painted
    }

    /// What a command about a room has to be told first.
    pub(super) async fn look<R: Send + 'static>(
        &mut self,
        room: RoomHandle,
        look: impl FnOnce(&Node, RoomHandle) -> Option<R> + Send + 'static,
    ) -> Result<R, Failure> {
        match self.call(move |node, _| look(node, room)).await? {
            Some(seen) => Ok(seen),
            None => Err(self.refusal().await),
        }
    }

    /// Everyone known in the room but this program.
    pub(super) async fn peers(&self, room: RoomHandle) -> Result<Vec<PeerView>, Failure> {
        self.call(move |node, _| node.room(room).peers()).await
    }

    /// Columns and rows of the canvas.
    pub(super) async fn canvas_size(&mut self, room: RoomHandle) -> Result<CanvasSize, Failure> {
        let size = self.look(room, |node, room| {
            let app = node.room(room).app()?.to_string();
            Some(node.canvas(room).map(Canvas::size).ok_or(app))
        });
        size.await?.map_err(Failure::App)
    }

    /// Says goodbye to everyone and ends the peer.
    pub(super) async fn close(self) {
        let missed = self.events.missed();
        if missed > 0 {
            tracing::warn!(missed, "events were not heard in time");
        }
        if timeout(GOODBYE_MAX, self.driver.shut_down()).await.is_err() {
            tracing::warn!("goodbye took longer than {}", duration::format(GOODBYE_MAX));
        }
    }

    /// The refusal of a room that is gone: it is among the events that wait to be read.
    async fn refusal(&mut self) -> Failure {
        loop {
            if let Err(failure) = self.next().await {
                return failure;
            }
        }
    }

    /// What happened, why, and what to do, when time ran out.
    async fn what_stood_in_the_way(&self) -> Failure {
        let timeout = duration::format(self.timeout);
        let Some((_, room)) = self.seen.joined else {
            return Failure::Unreachable(self.seen.obstacles(&[], 0).words(&timeout));
        };
        match self.call(move |node, _| (node.room(room).peers(), node.room(room).others_named())).await {
            Ok((peers, named)) => Failure::Unreachable(self.seen.obstacles(&peers, named).words(&timeout)),
            Err(failure) => failure,
        }
    }

    /// Lets the node do something.
    pub(super) async fn call<R, F>(&self, work: F) -> Result<R, Failure>
    where
        R: Send + 'static,
        F: FnOnce(&mut Node, Time) -> R + Send + 'static,
    {
        self.driver.call(work).await.map_err(stopped)
    }
}

fn unless_refused(event: Event) -> Result<Event, Failure> {
    match event {
        Event::RoomRefused { reason, .. } => Err(Failure::Refused(reason)),
        event => Ok(event),
    }
}

fn stopped(error: DriverStopped) -> Failure {
    Failure::Unexpected(anyhow::Error::from(error).context("run again with RUST_LOG=debug to see why"))
}

impl Seen {
    fn note(&mut self, event: &Event) {
        match event {
            // A server that was away stays so in words until it is back.
            Event::Server { state: ServerState::Connecting, .. } if self.server.is_some() => {}
            Event::Server { url, state } => self.server = Some((url.clone(), state.clone())),
            Event::RoomWaiting { .. } => self.waiting = true,
            Event::RoomOpened { .. } | Event::RoomRegistered { .. } => self.waiting = false,
            Event::Refused { reason, detail, .. } if reason.concerns_people() => {
                self.refused = Some(format!("{reason}, {detail}"));
            }
            _ => {}
        }
    }

    /// What there is to say of it, with who is known in the room and how many are named.
    fn obstacles(&self, peers: &[PeerView], named: u64) -> Obstacles {
        let other =
            |peer: &PeerView| Other { is_here: peer.attached, link: peer.state, reason: peer.reason.clone() };
        Obstacles {
            link: self.joined.as_ref().map(|(link, _)| link.clone()),
            server: self.server.clone(),
            is_unknown: self.waiting,
            others: peers.iter().map(other).collect(),
            named,
            refused: self.refused.clone(),
        }
    }
}
