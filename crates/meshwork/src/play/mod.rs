//! Play: games that people play in a room, with one of them as host.

mod machine;
mod member;
mod player;
mod rules;
mod stage;

use std::time::Duration;

use meshwork_core::node::Node;
use meshwork_core::signed::app::AppParameters;
use meshwork_core::time::Time;
pub use meshwork_play::package::MAGIC;
pub use meshwork_play::session::{
    Counts, End, Ending, Fault, InputView, Json, Paused, PlayerView, Refused, Seat, Stutter,
};
pub use meshwork_play::{
    Act, ActError, Colour, Draw, Event, FromGame, HostLoss, Kind, Lobby, Manifest, Pace, Package,
    PackageError, PackageId, Party, Phase, PlayerInput, Shown, Step, Tick, ToGame, input,
};

use self::machine::SeatLock;
pub use self::player::{GameEvent, GameEvents, Player};
use self::rules::RulesEngine;
pub use self::rules::{Engine, Random, Rules, Turn};
use crate::app::App;
use crate::blobs::{BlobError, BlobId, Blobs, FetchError, HOLDER_WAIT};
use crate::error::Closed;
use crate::new_room::NewRoom;
use crate::room::Room;
use crate::runner::first;

/// The name of the app.
pub const APP: &str = meshwork_play::WORD;

/// How long to wait before the package is looked for again that no member held.
const PACKAGE_AGAIN: Duration = Duration::from_secs(1);

/// A room in which people play this game.
pub fn party(party: &Party) -> NewRoom {
    crate::new_room::room(APP).parameters(&meshwork_play::parameters(party))
}

/// The game of a room that opened with a [`party`].
///
/// ```
/// # use meshwork::testing::Network;
/// use meshwork::play::{self, Act, Can, GameEvent, Package, Party, PlayerInput, PlayerView, Random, Rules, Turn, input};
///
/// /// The first player who presses space wins.
/// struct Draw;
/// impl Rules for Draw {
///     type State = Option<u8>;
///     fn setup(&mut self, _: &[PlayerView], _: &mut Random) -> Option<u8> {
///         None
///     }
///     fn update(&mut self, winner: &mut Option<u8>, turn: &mut Turn<'_>) {
///         *winner = turn.players().iter().map(|player| player.slot).find(|slot| turn.pressed(*slot, "space"));
///         if let Some(winner) = *winner {
///             turn.end(&winner);
///         }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let network = Network::calm(7);
/// # let (ann, bo) = (network.endpoint("Ann"), network.endpoint("Bo"));
/// let package = Package::of_file("draw.js", b"// This game is a program of its own.".to_vec())?;
/// let room = ann.create(play::party(&Party::of(&package, ann.id().peer, None))).await?;
/// let mut host = room.game().play(Can::host(Draw), "Ann").await?;
/// # let second = bo.join(room.link()).await?.game().play(Can::host(Draw), "Bo").await?;
/// # loop {
/// #     let _ = second.act(Act::Ready(true));
/// #     let _ = host.act(Act::Ready(true));
/// #     if host.act(Act::Start).is_ok() { break }
/// #     network.run(std::time::Duration::from_millis(500)).await;
/// # }
/// // Once all are ready: host.act(Act::Start)?;
/// host.hold(PlayerInput { held: input::mask(["space"]), ..PlayerInput::default() });
/// while let Some(event) = host.next().await {
///     match event {
///         GameEvent::Shown(shown) => println!("draw {}", shown.state.0),
///         GameEvent::Party(play::Event::Ended(_)) => break,
///         _ => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Game(Room);

/// The part of a program in a party.
pub enum Can {
    /// It plays, and runs the game for all if it becomes host.
    Host(Box<dyn Engine>),
    /// It plays.
    Play,
    /// It plays, and is shown as a program without a person.
    Bot,
    /// It watches.
    Watch,
}

/// The reason for which a party is not entered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnterError {
    /// The room has no party, or one of a later version.
    #[error("this room has no party, or one of a later version")]
    NoParty,
    /// Another program of this machine plays in this party for the same person, who has one seat.
    #[error("another program on this machine plays in this party with the same identity")]
    Elsewhere,
    /// The room was left, or its endpoint has closed.
    #[error(transparent)]
    Closed(#[from] Closed),
}

/// The reason for which the package of a party is not here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GetPackageError {
    /// The room has no party, or one of a later version.
    #[error(transparent)]
    Enter(#[from] EnterError),
    /// No member sent it, and the shelf of the party's server does not have it.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// It cannot be read from this program's store.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The blob of this name is no package.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The package to hold is another one than the party's.
    #[error("{given} is not the package of this party, which is {wanted}")]
    Other {
        /// The package that was given.
        given: PackageId,
        /// The package of the party.
        wanted: PackageId,
    },
}

impl Can {
    /// It plays, and runs these rules for all if it becomes host.
    pub fn host(rules: impl Rules) -> Can {
        Can::Host(Box::new(RulesEngine::new(rules)))
    }
}

impl std::fmt::Debug for Can {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Can::Host(_) => "Host",
            Can::Play => "Play",
            Can::Bot => "Bot",
            Can::Watch => "Watch",
        })
    }
}

impl Room {
    /// The game that people play in this room.
    pub fn game(&self) -> Game {
        Game(self.clone())
    }
}

impl Game {
    /// The party: which package it plays, with how many players, and how.
    ///
    /// # Errors
    /// [`EnterError`].
    pub async fn party(&self) -> Result<Party, EnterError> {
        self.found().await.map(|(_, party)| party)
    }

    /// Enters the party. Takes a seat if there is a free one, unless it watches. Dropping the player leaves the party.
    ///
    /// # Errors
    /// [`EnterError`]. The absence of a seat is no error: [`Event::Refused`] tells it.
    pub async fn play(&self, can: Can, name: &str) -> Result<Player, EnterError> {
        let (app, party) = self.found().await?;
        let lock = match can {
            Can::Watch => SeatLock::default(),
            _ => SeatLock::take(&self.0).await.ok_or(EnterError::Elsewhere)?,
        };
        let now = self.0.call(|_, now, _| now).await?;
        Ok(Player::enter(&app, party, can, name, seed(&self.0, now), lock))
    }

    /// Enters the party without a seat.
    ///
    /// # Errors
    /// [`EnterError`].
    pub async fn watch(&self) -> Result<Player, EnterError> {
        self.play(Can::Watch, "").await
    }

    /// The package of the party, from the members that hold it, or from the shelf of the party's server if the game was
    /// published there. If nobody holds it, this waits for a member that does, for up to half a minute. This program holds it from
    /// then on, unless its store takes it no more. Dropping the future ends the fetch.
    ///
    /// # Errors
    /// [`GetPackageError`].
    pub async fn package(&self) -> Result<Package, GetPackageError> {
        let (app, party) = self.found().await?;
        let (blobs, id) = (app.blobs(), BlobId::from(party.package));
        if let Some(blob) = blobs.get(id).await? {
            return Ok(Package::read(blob.read().await?.into())?);
        }
        let fetched = async { Ok(self.package_of_members(&blobs, &party).await) };
        let published = async { Err(machine::published_soon(&self.0, &party).await) };
        let package = match first(fetched, published).await {
            Ok(Ok(package)) => return Ok(package),
            Ok(Err(error)) => machine::published(&self.0, &party).await.ok_or(error)?,
            Err(package) => package,
        };
        // Others have it from here. A program that cannot hold it plays all the same.
        let _ = blobs.offer_bytes(package.bytes()).await;
        Ok(package)
    }

    async fn package_of_members(&self, blobs: &Blobs, party: &Party) -> Result<Package, GetPackageError> {
        let id = BlobId::from(party.package);
        let end = self.0.now() + HOLDER_WAIT;
        let blob = loop {
            match blobs.fetch(id).at_most(u64::from(party.length)).await {
                Err(FetchError::NobodyHolds) if self.0.now() < end => {
                    self.0.sleep(PACKAGE_AGAIN).await;
                }
                fetched => break fetched?,
            }
        };
        Ok(Package::read(blob.read().await?.into())?)
    }

    /// Holds the package of the party, so that members fetch it from this program.
    ///
    /// # Errors
    /// [`GetPackageError`]; the package is not held.
    pub async fn hold(&self, package: &Package) -> Result<(), GetPackageError> {
        let (app, party) = self.found().await?;
        if package.id() != party.package {
            return Err(GetPackageError::Other { given: package.id(), wanted: party.package });
        }
        app.blobs().offer_bytes(package.bytes()).await?;
        Ok(())
    }

    async fn found(&self) -> Result<(App, Party), EnterError> {
        let app = match self.0.app(APP).await {
            Ok(app) => app,
            // A room that was left has no apps.
            Err(_) => return Err(self.0.call(|_, _, _| EnterError::NoParty).await?),
        };
        let slot = app.slot.number();
        let read = move |node: &mut Node, _, room| {
            let parameters: Option<&AppParameters> = node.room(room).parameters(slot);
            parameters.and_then(meshwork_play::read_parameters)
        };
        let party = self.0.call(read).await?.ok_or(EnterError::NoParty)?;
        Ok((app, party))
    }
}

/// The randomness of a session: another one for each endpoint, room and moment, and the same in each run of a simulation.
fn seed(room: &Room, now: Time) -> [u8; 32] {
    let of = format!("{APP} {} {:?} {}", room.me(), room.id(), now.0);
    *blake3::hash(of.as_bytes()).as_bytes()
}
