//! A vote: an app outside Meshwork's crates, with a replica and an object of its own.
//!
//! Each peer has one vote in a room, and its last choice counts. Members accept no other entry, so a program that someone changed
//! cannot vote twice. The rule is a function of `ballot.rs`; the object below uses public calls of the library only.

mod ballot;

use std::collections::{BTreeMap, VecDeque};

use meshwork::{
    App, AppIsOff, Builder, Closed, NewRoom, PeerId, Receipt, ReplicaChanges, Room, RuleError, WriteError,
};
use meshwork_core::table::Change;

pub use ballot::{Ballot, CHOICES_MAX, Choices, Votes, make, parameters};

/// The name of the app.
pub const APP: &str = "vote";

/// Registers the app with an endpoint that is about to start.
pub fn register(builder: Builder) -> Builder {
    builder.app(APP, make)
}

/// A room that opens with a vote between these choices: 2 to [`CHOICES_MAX`] different lines, 255 bytes together.
/// [`Endpoint::create`](meshwork::Endpoint::create) returns an error if they are longer, and [`Vote::of`] if they are none.
pub fn room(choices: &[&str]) -> NewRoom {
    meshwork::room(APP).parameters(&ballot::parameters(choices))
}

/// The vote of a room. Clones are the same vote.
#[derive(Clone, Debug)]
pub struct Vote {
    app: App,
    me: PeerId,
}

/// A vote that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cast {
    /// The voter.
    pub peer: PeerId,
    /// Its choice; `None` if it has no vote any more.
    pub choice: Option<String>,
}

/// The votes that change, from the call of [`Vote::watch`] on.
#[derive(Debug)]
pub struct Casts {
    vote: Vote,
    changes: ReplicaChanges,
    waiting: VecDeque<Cast>,
}

impl Vote {
    /// The vote of a room that opened with one, or in which [`room`] was [enabled](Room::turn_on).
    ///
    /// # Errors
    /// [`AppIsOff`] if the room has no vote, or one of another version.
    pub async fn of(room: &Room) -> Result<Vote, AppIsOff> {
        let vote = Vote { app: room.app(APP).await?, me: room.me().peer };
        match vote.choices().await {
            Ok(choices) if !choices.is_empty() => Ok(vote),
            _ => Err(AppIsOff(APP.to_owned())),
        }
    }

    /// The names of the choices.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn choices(&self) -> Result<Vec<String>, Closed> {
        let choices = self.app.replica(|votes: &Votes| Ballot::of(votes).choices().to_vec()).await?;
        Ok(choices.unwrap_or_default())
    }

    /// Votes for a choice, in place of an earlier vote; `None` withdraws the vote. Dropping the future leaves the vote cast, or not.
    ///
    /// # Errors
    /// [`WriteError`]; the earlier vote counts. [`WriteError::Invalid`] for an unknown choice.
    pub async fn cast(&self, choice: Option<&str>) -> Result<Receipt, WriteError> {
        let (me, choice) = (self.me, choice.map(str::to_owned));
        let make = move |votes: &Votes| {
            let ballot = Ballot::of(votes);
            let payload = ballot.payload(me, choice.as_deref());
            let unknown =
                || WriteError::Invalid(format!("{choice:?} is no choice of {:?}", ballot.choices()));
            payload.ok_or_else(unknown)?.map_err(|error| WriteError::Invalid(error.to_string()))
        };
        self.app.write_replica(make).await
    }

    /// The votes for each choice, those without a vote included.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn tally(&self) -> Result<BTreeMap<String, usize>, Closed> {
        Ok(self.app.replica(|votes: &Votes| Ballot::of(votes).tally()).await?.unwrap_or_default())
    }

    /// The choice of a peer; `None` without a vote.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn choice_of(&self, peer: PeerId) -> Result<Option<String>, Closed> {
        let choice =
            move |votes: &Votes| Ballot::of(votes).votes().get(&peer).map(|&choice| choice.to_owned());
        Ok(self.app.replica(choice).await?.flatten())
    }

    /// Removes the vote of a peer, which may vote again unless it is banned. Owners and moderators may do so.
    ///
    /// # Errors
    /// [`RuleError`]; the vote counts.
    pub async fn strike(&self, peer: PeerId) -> Result<(), RuleError> {
        self.app.erase_replica_by(peer).await
    }

    /// Returns the votes that change from now on.
    pub fn watch(&self) -> Casts {
        Casts { vote: self.clone(), changes: self.app.watch_replica(), waiting: VecDeque::new() }
    }
}

impl Casts {
    /// Waits for the next vote that changes; `None` once the room was left.
    pub async fn next(&mut self) -> Option<Cast> {
        loop {
            if let Some(cast) = self.waiting.pop_front() {
                return Some(cast);
            }
            let changes: Vec<Change> = self.changes.next().await?.of().to_vec();
            let read = move |votes: &Votes| {
                let ballot = Ballot::of(votes);
                let read = changes.iter().filter_map(|change| ballot.read_change(change));
                read.map(|(peer, choice)| Cast { peer, choice: choice.map(str::to_owned) }).collect()
            };
            self.waiting = self.vote.app.replica(read).await.ok()??;
        }
    }
}
