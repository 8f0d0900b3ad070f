//! One run against the clock: an endpoint, the time it has, and the words for what stood in the way.

use std::future::ready;
use std::pin::pin;
use std::time::Duration;

use anyhow::Context as _;
use meshwork::{
    App, Builder, Closed, CreateError, Endpoint, JoinError, Link, NewRoom, Room, RoomRefusal, ServerState,
};
use tokio::time::{Instant, sleep_until, timeout};

use super::obstacles::{NO_SERVER, Obstacles, Other};
use super::{Common, link};
use crate::exit::Failure;
use crate::{duration, identity};

/// Time for the goodbye and for the last writes to disk.
const GOODBYE_MAX: Duration = Duration::from_secs(5);
/// Time to wait for a keeper to synchronise, so that our stamps are later than existing ones. In a busy room this may never
/// happen, but the clocks have met by then.
const IN_STEP_WAIT: Duration = Duration::from_secs(2);

/// Time to wait for the rules of a room that others know already.
const RULES_WAIT: Duration = Duration::from_secs(5);

/// An endpoint that leaves when the command is done, so that nobody relies on it.
pub(crate) fn guest() -> Builder {
    Endpoint::builder().name("Command line")
}

/// The same under a name: one that was given stays with what the command writes.
pub(crate) fn named_guest(name: Option<String>, otherwise: impl FnOnce() -> String) -> Builder {
    match name {
        Some(name) => guest().name(name).keep_name(),
        None => guest().name(otherwise()),
    }
}

/// The name of this system's user.
pub(crate) fn user_name() -> String {
    std::env::var("USER").unwrap_or_else(|_| String::from("Command line"))
}

/// Returns at this time, if there is one.
pub(crate) async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// An endpoint with a deadline.
pub(crate) struct Attempt {
    pub(crate) endpoint: Endpoint,
    /// `None` for a command that runs until it is interrupted.
    deadline: Option<Instant>,
    timeout: Duration,
}

impl Attempt {
    /// Starts an endpoint with the given options. The deadline runs from here.
    pub(crate) async fn start(common: &Common, builder: Builder) -> Result<Attempt, Failure> {
        let path = common.identity_path()?;
        let identity =
            identity::load_or_create(&path).map_err(|error| Failure::Storage(format!("{error:#}")))?;
        Attempt::of(common.apply(builder.identity(identity)), common.timeout).await
    }

    /// Starts an endpoint as it is; the deadline runs from here.
    pub(crate) async fn of(builder: Builder, timeout: Duration) -> Result<Attempt, Failure> {
        let deadline = Some(Instant::now() + timeout);
        let endpoint = builder.patience(timeout).bind().await.context("the peer cannot be started")?;
        Ok(Attempt { endpoint, deadline, timeout })
    }

    /// Makes a room and waits until it can be found.
    pub(crate) async fn create(&self, room: NewRoom) -> Result<Room, Failure> {
        let room = self.endpoint.create(room).await.map_err(|error| match error {
            CreateError::Refused(reason) => Failure::Refused(reason),
            CreateError::Server { tried } => self.no_server(&tried),
            error => anyhow::Error::from(error).context("cannot make the room").into(),
        })?;
        let registered = async {
            tokio::select! {
                biased;
                registered = room.registered() => registered.map_err(|error| Failure::Unexpected(error.into())),
                () = self.late() => {
                    let (server, refused) = (worst(self.endpoint.servers()), self.endpoint.last_refused());
                    let obstacles = Obstacles { server, refused, ..Obstacles::default() };
                    Err(Failure::Unreachable(obstacles.words(&duration::format(self.timeout))))
                }
            }
        };
        unless_refused(room.refused(), registered).await?;
        Ok(room)
    }

    /// No server took a room in: it refused, or cannot be reached.
    fn no_server(&self, tried: &[(String, String)]) -> Failure {
        let (server, refused) = (worst(self.endpoint.servers()), self.endpoint.last_refused());
        if let (Some((_, ServerState::Connected)), [(_, why)]) = (&server, tried) {
            return Failure::Refused(RoomRefusal::Server(why.clone()));
        }
        let obstacles = Obstacles { server, refused, ..Obstacles::default() };
        Failure::Unreachable(obstacles.words(&duration::format(self.timeout)))
    }

    /// From here on there is no deadline.
    pub(crate) fn stay(&mut self) {
        self.deadline = None;
    }

    /// Joins a room and waits until it is open.
    pub(crate) async fn join(&self, link: &Link) -> Result<Room, Failure> {
        let room = self.look_for(link).await?;
        self.opened(&room).await?;
        Ok(room)
    }

    /// Begins to search for a room.
    pub(crate) async fn look_for(&self, link: &Link) -> Result<Room, Failure> {
        self.endpoint.look_for(link.to_string()).await.map_err(|error| match error {
            JoinError::NoServer => Failure::Usage(String::from(NO_SERVER)),
            JoinError::Store(error) => Failure::Storage(error.to_string()),
            error => anyhow::Error::from(error).context("cannot join the room").into(),
        })
    }

    /// The app's part of a room. If the room did not open with the app, waits until a member sent the room's records, and a moment more:
    /// the first to send some may be a newcomer too, without the rules that turn the app on.
    pub(crate) async fn app(&self, room: &Room, word: &str) -> Result<App, Failure> {
        let mut events = room.events();
        if let Ok(app) = room.app(word).await {
            return Ok(app);
        }
        let joined = async { room.joined().await.map_err(|error| Failure::Unexpected(error.into())) };
        self.within(room, joined).await?;
        let turned_on = async {
            while room.app(word).await.is_err() && events.next().await.is_some() {}
            Ok::<(), Failure>(())
        };
        // If it is not on by then, the words below say so.
        let _ = timeout(RULES_WAIT, self.within(room, turned_on)).await;
        super::app(room, word).await
    }

    /// Waits until a room can be read and written in.
    pub(crate) async fn opened(&self, room: &Room) -> Result<(), Failure> {
        let opened = async { room.opened().await.map_err(|error| Failure::Unexpected(error.into())) };
        self.within(room, opened).await
    }

    /// Works in a room until the deadline, or until the room refuses us.
    pub(crate) async fn within<T, E: Into<Failure>>(
        &self,
        room: &Room,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Failure> {
        unless_refused(room.refused(), self.in_time(room, work)).await
    }

    /// Works in a room until the deadline.
    pub(crate) async fn in_time<T, E: Into<Failure>>(
        &self,
        room: &Room,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Failure> {
        tokio::select! {
            biased;
            done = work => done.map_err(Into::into),
            () = self.late() => Err(self.what_stood_in_the_way(room).await?),
        }
    }

    /// Waits until a member that stays is linked and, if that does not take long, synchronised. The error begins with `undone`.
    pub(crate) async fn somebody_stays(&self, room: &Room, undone: &str) -> Result<(), Failure> {
        let found = self.within(room, room.somebody_stays()).await;
        let Err(Failure::Unreachable(words)) = found else {
            found?;
            // Others who are not in step do not matter.
            let _ = timeout(IN_STEP_WAIT, self.within(room, room.in_step())).await;
            return Ok(());
        };
        Err(Failure::Unreachable(
            match room.members().await?.iter().any(|member| member.link().is_linked()) {
                true => format!(
                    "{undone} Only programs that are about to leave are in the room, so the write would be lost. {}",
                    link::HOW_TO_STAY
                ),
                false => words,
            },
        ))
    }

    /// Says goodbye to everyone and ends the peer.
    pub(crate) async fn close(self) {
        if timeout(GOODBYE_MAX, self.endpoint.close()).await.is_err() {
            tracing::warn!("goodbye took longer than {}", duration::format(GOODBYE_MAX));
        }
    }

    /// Whether there is more time than this.
    pub(crate) fn has_time(&self, wait: Duration) -> bool {
        self.deadline.is_none_or(|deadline| deadline > Instant::now() + wait)
    }

    /// Returns at the deadline, if there is one.
    async fn late(&self) {
        at(self.deadline).await;
    }

    /// The error after the deadline: what happened, why, and what to do.
    async fn what_stood_in_the_way(&self, room: &Room) -> Result<Failure, Closed> {
        let reach = room.reach().await?;
        let others = reach.tried.iter().map(|member| Other {
            is_here: member.is_here(),
            link: member.link(),
            reason: member.reason().map(String::from),
        });
        let obstacles = Obstacles {
            link: Some(room.link()),
            others: others.collect(),
            server: worst(reach.servers),
            is_unknown: reach.is_unknown,
            named: reach.named,
            refused: reach.refused,
        };
        Ok(Failure::Unreachable(obstacles.words(&duration::format(self.timeout))))
    }
}

/// Works in a room unless the room refuses us. The refusal replaces any other error: it may come
/// between the last check and the error of the work.
async fn unless_refused<T>(
    refused: impl Future<Output = RoomRefusal>,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let mut refused = pin!(refused);
    let failure = tokio::select! {
        biased;
        reason = &mut refused => return Err(reason.into()),
        done = work => match done {
            Ok(done) => return Ok(done),
            Err(failure) => failure,
        },
    };
    tokio::select! {
        biased;
        reason = refused => Err(reason.into()),
        () = ready(()) => Err(failure),
    }
}

/// The server to name in the error, preferably one that answers.
fn worst(servers: Vec<(String, ServerState)>) -> Option<(String, ServerState)> {
    let rank = |state: &ServerState| match state {
        ServerState::Connected => 0,
        ServerState::Away { .. } => 1,
        ServerState::Connecting => 2,
    };
    servers.into_iter().min_by_key(|(_, state)| rank(state))
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn a_refusal_explains_what_fails_with_it() {
        let (refuse, refused) = oneshot::channel();
        // It is refused once it has been looked at, while the work goes on.
        let work = async {
            refuse.send(RoomRefusal::SecretMissing).unwrap();
            Err::<(), _>(Failure::Unreachable(String::from("nobody")))
        };
        let failed = unless_refused(async { refused.await.unwrap() }, work).await;
        assert!(matches!(failed, Err(Failure::Refused(RoomRefusal::SecretMissing))), "{failed:?}");
    }

    #[tokio::test]
    async fn what_fails_alone_keeps_its_reason() {
        let work = async { Err::<(), _>(Failure::Unreachable(String::from("nobody"))) };
        let failed = unless_refused(std::future::pending(), work).await;
        assert!(matches!(failed, Err(Failure::Unreachable(_))), "{failed:?}");
    }
}
