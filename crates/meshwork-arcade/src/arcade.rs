//! The rules of a shelf: permission to publish, codes, limits a day, and the parties that visitors see.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use meshwork_core::id::{Code, Identity, PeerId, RoomId};
use meshwork_core::signalling::address::is_reserved;
use meshwork_play::shelf::{Game, MatchNote, PartyNote};
use meshwork_play::{About, Package, Release};

use crate::config::ArcadeConfig;
use crate::counts::Counts;
use crate::newest::{Kind, Newest, Stale};
use crate::parties::{NoteError, Parties, Seen};
use crate::picture;
use crate::quota::Daily;
use crate::seam::{Live, ReserveError};
use crate::store::{
    By, Files, Publication, PublishError, PutBack, PutBackError, SessionRecord, Shelf, ShelfError,
    StoredGame, TakeDown,
};
use crate::uploads::Uploads;

/// Codes that are drawn for one game before the shelf fails.
const CODE_TRIES: usize = 10;
/// The store is probed once in this time while it stores what it is given: a disk that fills up is noticed before the next
/// publication, for 92 MB of writes a day.
const PROBE_EVERY_MS: u64 = 60 * 1000;
/// Files of old take-downs are deleted once in this time.
const DELETE_EVERY_MS: u64 = 60 * 60 * 1000;

/// A shelf with its rules.
pub struct Arcade {
    pub(crate) shelf: Arc<dyn Shelf>,
    pub(crate) live: Arc<dyn Live>,
    pub(crate) config: ArcadeConfig,
    pub(crate) uploads: Uploads,
    newest: Mutex<Newest>,
    bytes: Mutex<Daily>,
    games: Mutex<Daily>,
    matches: Mutex<Daily>,
    parties: Mutex<Parties>,
    counts: Mutex<Counts>,
    store: Mutex<StoreState>,
    steady: Mutex<Steady>,
}

/// A time in milliseconds that never goes back: it stands still for one call when the clock is set back, and goes on from there. Parties
/// and pauses between two looks are measured by it.
#[derive(Debug, Default)]
struct Steady {
    clock_ms: u64,
    /// The time that the clock was set back, all in all.
    back_ms: u64,
}

impl Steady {
    fn at(&mut self, clock_ms: u64) -> u64 {
        self.back_ms += self.clock_ms.saturating_sub(clock_ms);
        self.clock_ms = clock_ms;
        clock_ms.saturating_add(self.back_ms)
    }
}

/// The last view of the store.
#[derive(Debug)]
struct StoreState {
    /// Games that there ever were, whose codes are reserved.
    games: u64,
    deleted_ms: u64,
    /// The last probe that was stored; 0 after a change that was not.
    probed_ms: u64,
}

/// The shelf cannot begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] ShelfError),
    /// The server does not store as many codes.
    #[error("the shelf has {0} games, and the server reserves fewer codes")]
    TooManyCodes(usize),
}

/// A publication failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NewGameError {
    /// All drawn codes were taken.
    #[error("Failed to generate unique share code")]
    NoCode,
    /// The hub reserves no more codes.
    #[error("this server stores no more games")]
    NoMoreCodes,
    /// The network published too much today.
    #[error("your network published {0} games today, the most that it may: try again tomorrow")]
    NetworkGames(u32),
    /// The store refused it.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

impl From<ShelfError> for NewGameError {
    fn from(error: ShelfError) -> NewGameError {
        NewGameError::Publish(error.into())
    }
}

/// A checked release, its bytes, and the value by which it is published once.
pub(crate) struct Signed {
    pub(crate) release: Release,
    pub(crate) signed: Vec<u8>,
    pub(crate) request: [u8; 32],
}

impl Arcade {
    /// Opens a shelf, and reserves the codes of its games.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn new(
        shelf: Arc<dyn Shelf>,
        live: Arc<dyn Live>,
        config: ArcadeConfig,
    ) -> Result<Arc<Arcade>, StartError> {
        let totals = shelf.totals().await?;
        let codes = shelf.codes().await?;
        for &code in &codes {
            if live.reserve(code) == Err(ReserveError::Full) {
                return Err(StartError::TooManyCodes(codes.len()));
            }
        }
        let probed = shelf.probe().await;
        if let Err(error) = &probed {
            tracing::error!("{error}");
        }
        let arcade = Arcade {
            newest: Mutex::new(Newest::new((config.clock)())),
            counts: Mutex::new(Counts { store_up: probed.is_ok(), games: totals.open, ..Counts::default() }),
            store: Mutex::new(StoreState { games: totals.games, deleted_ms: 0, probed_ms: 0 }),
            shelf,
            live,
            config,
            uploads: Uploads::default(),
            bytes: Mutex::default(),
            games: Mutex::default(),
            matches: Mutex::default(),
            parties: Mutex::default(),
            steady: Mutex::default(),
        };
        Ok(Arc::new(arcade))
    }

    /// Publishes games that the program brings along, signed by a key of this server: each once, and each new release of one under
    /// the code of its title. A game that was taken down stays away.
    ///
    /// # Errors
    /// [`NewGameError`]; earlier games of the list are published.
    pub async fn bring(
        &self,
        author: &Identity,
        name: &str,
        packages: &[Package],
    ) -> Result<(), NewGameError> {
        let present = self.shelf.games_of(author.peer()).await?;
        for package in packages {
            let title = &package.manifest().title;
            let old = present.iter().find(|game| game.title == *title);
            if old.is_some_and(|game| game.taken_down.is_some() || game.package == package.id()) {
                continue;
            }
            let version = old.map_or(1, |game| game.version.saturating_add(1));
            let release = Release::sign(author, About::of(package, name, version, self.now()));
            let code = old.map(|game| game.code);
            // Several servers on one store may bring the same game at once.
            let request =
                [package.id().0.as_slice(), &version.to_be_bytes(), author.peer().0.as_slice()].concat();
            let request = *blake3::hash(&request).as_bytes();
            let release = Signed { signed: release.to_bytes(), release, request };
            match self.publish(None, code, release, package, false).await {
                Ok(_) | Err(NewGameError::Publish(PublishError::Again | PublishError::Version { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Looks at the store: reserves the codes of games that other servers on it published, counts the games, deletes old files, and
    /// notes whether the store answers. Call it every few seconds.
    pub async fn refresh(&self) {
        let refreshed = self.read_store().await;
        let was_up = lock(&self.counts).store_up;
        self.count(|counts| counts.store_up = refreshed.is_ok());
        match refreshed {
            Ok(()) if !was_up => tracing::info!("the store of the games answers again"),
            Err(error) if was_up => tracing::error!("{error}; requests are refused until it answers"),
            _ => {}
        }
    }

    /// Notes a change that the store did not store, in case all others fail too: the next [`Arcade::refresh`] finds out.
    fn note_failure(&self, error: &ShelfError) {
        if let ShelfError::Unwritable(_) = error {
            self.count(|counts| counts.store_up = false);
            lock(&self.store).probed_ms = 0;
        }
    }

    async fn read_store(&self) -> Result<(), ShelfError> {
        let totals = self.shelf.totals().await?;
        self.count(|counts| counts.games = totals.open);
        if lock(&self.store).games != totals.games {
            for code in self.shelf.codes().await? {
                // A room that has the code keeps it until it ends.
                let _ = self.live.reserve(code);
            }
            lock(&self.store).games = totals.games;
        }
        let now = self.steady_now();
        if now.saturating_sub(lock(&self.store).deleted_ms) >= DELETE_EVERY_MS {
            self.shelf.delete_old(self.now()).await?;
            lock(&self.store).deleted_ms = now;
        }
        if now.saturating_sub(lock(&self.store).probed_ms) >= PROBE_EVERY_MS {
            self.shelf.probe().await?;
            lock(&self.store).probed_ms = now;
        }
        Ok(())
    }

    /// The numbers for an operator.
    pub fn counts(&self) -> Counts {
        let (parties, players) = self.recent_parties().totals(&|room| self.live.members(room));
        Counts { parties, players, ..lock(&self.counts).clone() }
    }

    /// All games, drafts and those that were taken down included, the newest change first.
    ///
    /// # Errors
    /// [`ShelfError`].
    pub async fn all_games(&self, most: u16) -> Result<Vec<StoredGame>, ShelfError> {
        self.shelf.all_games(most).await
    }

    /// Takes down a game, a package or an author. Returns the codes of the games that were there. An author's removal is final,
    /// and its files are deleted whatever `files` says.
    ///
    /// # Errors
    /// [`ShelfError`].
    pub async fn take_down(&self, what: TakeDown, by: By, files: Files) -> Result<Vec<Code>, ShelfError> {
        let files = if by == By::Owner { Files::Delete } else { files };
        let taken = self.shelf.take_down(what, by, files, self.now()).await;
        let codes = taken.inspect_err(|error| self.note_failure(error))?;
        for &code in &codes {
            lock(&self.parties).remove_game(code);
        }
        self.count_games().await;
        Ok(codes)
    }

    /// Undoes a removal by the operator. Returns the codes of the games that are there again.
    ///
    /// # Errors
    /// [`PutBackError`].
    pub async fn put_back(&self, what: PutBack) -> Result<Vec<Code>, PutBackError> {
        let codes = self.shelf.put_back(what).await?;
        self.count_games().await;
        Ok(codes)
    }

    /// The clock, which somebody may set.
    pub(crate) fn now(&self) -> u64 {
        (self.config.clock)()
    }

    /// A time for differences alone.
    fn steady_now(&self) -> u64 {
        lock(&self.steady).at(self.now())
    }

    pub(crate) fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut lock(&self.counts));
    }

    /// Accepts a permitted request of this network once.
    pub(crate) fn accept(&self, network: &str, by: (PeerId, Kind), at_ms: u64) -> Result<(), Stale> {
        let now = self.now();
        lock(&self.newest).accept(now, network, by, at_ms)
    }

    /// Uses bytes of a network's share of the day. False if it has no more.
    pub(crate) fn spend_bytes(&self, network: &str, bytes: u64) -> bool {
        lock(&self.bytes).spend(self.now(), network, bytes, self.config.network_bytes_a_day)
    }

    /// The game with a code, unless it was taken down.
    pub(crate) async fn game(&self, code: Code) -> Result<Option<StoredGame>, ShelfError> {
        Ok(self.shelf.game(code).await?.filter(|game| game.taken_down.is_none()))
    }

    /// Publishes a checked release and its package: under a new code, or as a version of the game with a code. It takes from the
    /// share of the day of `network`; this machine, `None`, has no such limit.
    pub(crate) async fn publish(
        &self,
        network: Option<&str>,
        code: Option<Code>,
        Signed { release, signed, request }: Signed,
        package: &Package,
        draft: bool,
    ) -> Result<Code, NewGameError> {
        let now = self.now();
        let games_a_day = self.config.network_games_a_day;
        let has_share = |network: &str| lock(&self.games).spend(now, network, 1, games_a_day.into());
        if !network.is_none_or(has_share) {
            return Err(NewGameError::NetworkGames(games_a_day));
        }
        let thumbnail = package.manifest().thumbnail.as_deref().and_then(|path| package.file(path));
        let mut new = Publication {
            code: code.unwrap_or(Code::from_bits(0)),
            is_version: code.is_some(),
            author: release.author,
            author_name: release.author_name,
            title: release.title,
            description: release.description,
            players: release.players,
            version: release.version,
            signed,
            package: release.package,
            bytes: Arc::clone(package.bytes()),
            thumbnail: thumbnail.filter(|bytes| picture::kind(bytes).is_some()).map(<[u8]>::to_vec),
            draft,
            request,
            at_ms: now,
            games_max: self.config.games_of_a_key,
            bytes_max: self.config.bytes_max,
        };
        if let Some(code) = code {
            self.put(new).await?;
            self.published().await;
            return Ok(code);
        }
        for _ in 0..CODE_TRIES {
            new.code = (self.config.draw)();
            if is_reserved(new.code) {
                continue;
            }
            match self.live.reserve(new.code) {
                Err(ReserveError::Taken) => continue,
                Err(ReserveError::Full) => return Err(NewGameError::NoMoreCodes),
                Ok(()) => {}
            }
            match self.put(new.clone()).await {
                Ok(()) => {
                    self.published().await;
                    return Ok(new.code);
                }
                // The store has it, so it stays reserved.
                Err(PublishError::CodeTaken) => {}
                Err(error) => {
                    self.live.release(new.code);
                    return Err(error.into());
                }
            }
        }
        Err(NewGameError::NoCode)
    }

    async fn put(&self, new: Publication) -> Result<(), PublishError> {
        let put = self.shelf.publish(new).await;
        if let Err(PublishError::Store(error)) = &put {
            self.note_failure(error);
        }
        put
    }

    async fn published(&self) {
        self.count(|counts| counts.published += 1);
        self.count_games().await;
    }

    async fn count_games(&self) {
        match self.shelf.totals().await {
            Ok(totals) => self.count(|counts| counts.games = totals.open),
            Err(error) => tracing::warn!("the games cannot be counted: {error}"),
        }
    }

    /// Notes a party, and returns it with the numbers that visitors see.
    pub(crate) fn note_party(
        &self,
        game: &StoredGame,
        id: Option<RoomId>,
        note: &PartyNote,
    ) -> Result<Option<Seen>, NoteError> {
        let step = lock(&self.parties).note(self.steady_now(), game.code, game.players.1, id, note)?;
        self.count(|counts| {
            counts.rooms_created += u64::from(step.is_new);
            counts.rooms_joined += u64::from(step.joined);
            counts.joins_failed += u64::from(step.failed);
            counts.host_losses += u64::from(step.host_losses);
        });
        let parties = lock(&self.parties).of(game.code, &|room| self.live.members(room));
        Ok(parties.into_iter().find(|party| party.room == note.room))
    }

    /// The game whose party has this room.
    pub(crate) fn game_of_room(&self, room: Code) -> Option<Code> {
        self.recent_parties().game_of(room)
    }

    /// The parties with a recent note.
    fn recent_parties(&self) -> MutexGuard<'_, Parties> {
        let mut parties = lock(&self.parties);
        parties.forget(self.steady_now());
        parties
    }

    /// Stores a match. False if the network reported too many today.
    pub(crate) async fn note_match(
        &self,
        network: &str,
        code: Code,
        session: MatchNote,
    ) -> Result<bool, ShelfError> {
        let now = self.now();
        if !lock(&self.matches).spend(now, network, 1, self.config.network_matches_a_day.into()) {
            return Ok(false);
        }
        let noted = self.shelf.note_session(SessionRecord { code, at_ms: now, session }).await;
        noted.inspect_err(|error| self.note_failure(error))?;
        self.count(|counts| {
            counts.sessions += 1;
            counts.session_seconds.add(session.duration_seconds.into());
            counts.session_latency.add(f64::from(session.average_latency_ms) / 1000.0);
        });
        Ok(true)
    }

    /// A game as visitors see it, and its parties: those with a free seat first, the fullest first.
    pub(crate) fn show(&self, game: StoredGame) -> (Game, Vec<Seen>) {
        self.show_with(&self.recent_parties(), game)
    }

    /// Games as visitors see them.
    pub(crate) fn list(&self, games: Vec<StoredGame>) -> Vec<Game> {
        let parties = self.recent_parties();
        games.into_iter().map(|game| self.show_with(&parties, game).0).collect()
    }

    fn show_with(&self, parties: &Parties, game: StoredGame) -> (Game, Vec<Seen>) {
        let parties = parties.of(game.code, &|room| self.live.members(room));
        let seats = parties.first().map_or((0, game.players.1), |party| (party.seats, party.most));
        let game = Game {
            code: game.code,
            title: game.title,
            description: game.description,
            author: game.owner,
            author_name: game.owner_name,
            package: game.package,
            length: game.length,
            players: game.players,
            version: game.version,
            draft: game.draft,
            made_ms: game.made_ms,
            changed_ms: game.changed_ms,
            plays: game.plays,
            parties: u32::try_from(parties.len()).unwrap_or(u32::MAX),
            online: parties.iter().map(|party| u32::from(party.seats)).sum(),
            seats,
        };
        (game, parties)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
