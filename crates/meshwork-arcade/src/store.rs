//! The store of a shelf: games, their versions, packages, matches and refusals.

mod sql;

use std::pin::Pin;

use meshwork_core::id::{Code, PeerId};
use meshwork_play::PackageId;
use meshwork_play::shelf::MatchNote;

pub use sql::SqlShelf;

/// Bytes of each piece of a package but the last: as much as a reader's connection has waiting.
pub(crate) const PIECE: usize = 64 * 1024;
/// Versions of a game that are stored.
pub(crate) const VERSIONS_MAX: u32 = 10;
/// Days for which matches are stored.
pub(crate) const SESSION_DAYS: u64 = 365;
/// Days for which the files of a game stay that the operator took down.
pub(crate) const TAKEN_DAYS: u64 = 30;

/// A call of a store, which may wait for a disk or a database.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A store of games. Each call is one step: it happens as a whole or not at all.
pub trait Shelf: Send + Sync {
    /// Stores a new game or a new version of one, whose release and package the caller has checked.
    fn publish(&self, publication: Publication) -> Boxed<'_, Result<(), PublishError>>;

    /// A game by its code, also one that was taken down.
    fn game(&self, code: Code) -> Boxed<'_, Result<Option<StoredGame>, ShelfError>>;

    /// Games that lists show, the newest change first; with `before`, those behind it.
    fn games(&self, before: Option<Cursor>, most: u16) -> Boxed<'_, Result<Vec<StoredGame>, ShelfError>>;

    /// All games, drafts and those that were taken down included, the newest change first.
    fn all_games(&self, most: u16) -> Boxed<'_, Result<Vec<StoredGame>, ShelfError>>;

    /// The games of an author, drafts and those that were taken down included, the newest change first.
    fn games_of(&self, owner: PeerId) -> Boxed<'_, Result<Vec<StoredGame>, ShelfError>>;

    /// The codes of all games that there ever were.
    fn codes(&self) -> Boxed<'_, Result<Vec<Code>, ShelfError>>;

    /// The numbers of games.
    fn totals(&self) -> Boxed<'_, Result<Totals, ShelfError>>;

    /// The signed release of the present version.
    fn release(&self, code: Code) -> Boxed<'_, Result<Option<Vec<u8>>, ShelfError>>;

    /// The picture of a game's card.
    fn thumbnail(&self, code: Code) -> Boxed<'_, Result<Option<Vec<u8>>, ShelfError>>;

    /// The length in bytes of a package that a version of an open game has, unless the operator refuses it.
    fn package_length(&self, id: PackageId) -> Boxed<'_, Result<Option<u32>, ShelfError>>;

    /// The piece of such a package that begins at byte `place` times 65,536.
    fn piece(&self, id: PackageId, place: u32) -> Boxed<'_, Result<Option<Vec<u8>>, ShelfError>>;

    /// Fails with the operator's reason if the author or the package is refused.
    fn check_refusals(&self, author: PeerId, package: PackageId) -> Boxed<'_, Result<(), PublishError>>;

    /// Takes a game down, or all games of an author or with a package as their present version, which is then refused. Returns
    /// the codes.
    fn take_down(
        &self,
        what: TakeDown,
        by: By,
        files: Files,
        at_ms: u64,
    ) -> Boxed<'_, Result<Vec<Code>, ShelfError>>;

    /// Undoes a removal by the operator: of one game, or of all that a refusal took down, which ends. Returns the codes.
    fn put_back(&self, what: PutBack) -> Boxed<'_, Result<Vec<Code>, PutBackError>>;

    /// Deletes files that the operator took down 30 days ago.
    fn delete_old(&self, now_ms: u64) -> Boxed<'_, Result<(), ShelfError>>;

    /// Writes 64 KiB, to see that the store has room.
    fn probe(&self) -> Boxed<'_, Result<(), ShelfError>>;

    /// A secret key of the store under a name: `fresh`, unless the store has one already.
    fn shared_key(&self, name: &'static str, fresh: [u8; 32]) -> Boxed<'_, Result<[u8; 32], ShelfError>>;

    /// Stores a match, and drops those that are older than a year.
    fn note_session(&self, session: SessionRecord) -> Boxed<'_, Result<(), ShelfError>>;
}

/// A checked release and its package, for [`Shelf::publish`].
#[derive(Clone, Debug)]
pub struct Publication {
    /// The code: a new one, or the game's.
    pub code: Code,
    /// Whether the game has it already.
    pub is_version: bool,
    /// The author.
    pub author: PeerId,
    /// The name that the author gave.
    pub author_name: String,
    /// The title.
    pub title: String,
    /// The description.
    pub description: String,
    /// Least and most players.
    pub players: (u8, u8),
    /// The version.
    pub version: u32,
    /// The signed release.
    pub signed: Vec<u8>,
    /// The id of the package.
    pub package: PackageId,
    /// The bytes of the package.
    pub bytes: std::sync::Arc<[u8]>,
    /// The picture of the card, if the package has one.
    pub thumbnail: Option<Vec<u8>>,
    /// Whether lists leave the game out.
    pub draft: bool,
    /// Publications with the same value are stored once: the hash of the release.
    pub request: [u8; 32],
    /// The time.
    pub at_ms: u64,
    /// Games of one author.
    pub games_max: u32,
    /// Bytes of all packages.
    pub bytes_max: u64,
}

/// A game as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredGame {
    /// Its code.
    pub code: Code,
    /// The key of its author.
    pub owner: PeerId,
    /// The name that the author gave.
    pub owner_name: String,
    /// The title.
    pub title: String,
    /// The description.
    pub description: String,
    /// The package of the present version.
    pub package: PackageId,
    /// The length of the package in bytes.
    pub length: u32,
    /// Least and most players.
    pub players: (u8, u8),
    /// Whether lists leave it out.
    pub draft: bool,
    /// The present version.
    pub version: u32,
    /// Matches that hosts reported.
    pub plays: u64,
    /// The time of the first publication.
    pub made_ms: u64,
    /// The time of the present version's publication.
    pub changed_ms: u64,
    /// The person who took it down, if somebody did.
    pub taken_down: Option<By>,
}

/// The last game of a page of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The time of its last change.
    pub changed_ms: u64,
    /// Its code.
    pub code: Code,
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.changed_ms, self.code)
    }
}

impl std::str::FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Cursor, ()> {
        let (changed, code) = text.split_once('-').ok_or(())?;
        let changed_ms = changed.parse().ok().filter(|&changed| i64::try_from(changed).is_ok()).ok_or(())?;
        Ok(Cursor { changed_ms, code: code.parse().map_err(|_| ())? })
    }
}

/// The numbers of games in a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// All games that there ever were.
    pub games: u64,
    /// Games that visitors can open.
    pub open: u64,
}

/// The subject of a removal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TakeDown {
    /// The game with a code.
    Code(Code),
    /// A package, with the reason that authors read.
    Package(PackageId, String),
    /// An author, with the reason that the author reads.
    Author(PeerId, String),
}

/// The fate of the files of games that are taken down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Files {
    /// They stay for 30 days, for nobody, so that the game can be put back.
    Keep,
    /// They are deleted now, and the game cannot come back.
    Delete,
}

/// The subject of an undo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutBack {
    /// The game with a code, which the operator took down.
    Code(Code),
    /// A refused package, and the games that were taken down with it.
    Package(PackageId),
    /// A refused author, and the author's games that were taken down with the refusal.
    Author(PeerId),
}

/// An undo failed. Nothing has changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PutBackError {
    /// No game has the code.
    #[error("there is no game {0}")]
    NoGame(Code),
    /// The game is not taken down.
    #[error("the game {0} is not taken down")]
    IsThere(Code),
    /// Its author removed it.
    #[error("the author of {0} removed it, which you cannot undo")]
    ByOwner(Code),
    /// The package of the game is refused.
    #[error("its package is refused, so accept the package first: {0}")]
    RefusedPackage(PackageId),
    /// The author of the game is refused.
    #[error("its author is refused, so accept the author first: {0}")]
    RefusedAuthor(PeerId),
    /// The files of the game are deleted.
    #[error("the files of {0} are deleted: its author may publish them again, under another code")]
    Deleted(Code),
    /// The package or author is not refused.
    #[error("it is not refused")]
    NotRefused,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] ShelfError),
}

/// The person who takes a game down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The author.
    Owner,
    /// The operator of the server.
    Operator,
}

impl By {
    /// The word in the store.
    pub fn word(self) -> &'static str {
        match self {
            By::Owner => "owner",
            By::Operator => "operator",
        }
    }
}

/// A match that was reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// The game.
    pub code: Code,
    /// The time.
    pub at_ms: u64,
    /// The match.
    pub session: MatchNote,
}

/// A publication was not stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// Another game has the code: draw another.
    #[error("the code is taken")]
    CodeTaken,
    /// No game has the code, or it was taken down.
    #[error("Game not found")]
    NoGame,
    /// Another author has the game.
    #[error("the game is another author's")]
    NotOwner,
    /// The version is not above the present one.
    #[error("version {found} is not above the present version {present}")]
    Version {
        /// The version of the release.
        found: u32,
        /// The version on the shelf.
        present: u32,
    },
    /// The operator refuses the package.
    #[error("the operator of this server refuses this package: {0}")]
    Refused(String),
    /// The operator refuses the author.
    #[error("the operator of this server refuses your games: {0}")]
    RefusedAuthor(String),
    /// The release is stored already, perhaps by another server.
    #[error("this release is published already: publish it anew if you want it twice")]
    Again,
    /// The author has too many games.
    #[error("your key has {0} games here, the most that a key may have: remove one first")]
    TooManyGames(u32),
    /// The shelf has too many bytes.
    #[error("the packages on this server have {0} bytes, the most that it stores")]
    Full(u64),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] ShelfError),
}

/// The store failed, or its data is damaged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShelfError {
    /// The database does not answer now, in words.
    #[error("the database of the games does not answer: {0}")]
    Away(String),
    /// The store is read, and stores nothing more, in words: its disk is full, or it may not be written.
    #[error("the games cannot be stored, though they can be read: {0}")]
    Unwritable(String),
    /// The file of the store is damaged, in words.
    #[error(
        "the file is damaged ({0}): stop the server and put a whole copy of the file there, without the files -wal and -shm \
         of another copy, or move all three away to begin with an empty shelf"
    )]
    Corrupt(String),
    /// The database failed, in words.
    #[error("the shelf cannot be read or written: {0}")]
    Database(String),
    /// This program does not write such a row.
    #[error("the shelf is damaged: {0}")]
    Damaged(&'static str),
}
