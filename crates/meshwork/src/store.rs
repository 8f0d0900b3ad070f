//! Where an endpoint keeps its rooms and its identity.

use std::path::PathBuf;

use meshwork_core::id::RoomId;
use meshwork_core::node::StoredRoom;
use meshwork_core::signalling::address::RoomAddress as Link;

#[cfg(target_arch = "wasm32")]
use crate::identity::{Identity, IdentityError};

/// Where an endpoint keeps its rooms and its identity.
#[derive(Clone, Debug, Default)]
pub struct Store(pub(crate) Kind);

#[derive(Clone, Debug, Default)]
pub(crate) enum Kind {
    #[default]
    None,
    #[cfg_attr(target_arch = "wasm32", allow(dead_code))]
    File { path: PathBuf, history_bytes: u64 },
    #[cfg(target_arch = "wasm32")]
    Browser(String),
}

impl Store {
    /// Nothing is kept: what this program wrote is gone with it, unless others have it.
    pub fn none() -> Store {
        Store::default()
    }

    /// Rooms and the identity are kept in this folder, which is made where there is none. One program has it open at a time: another
    /// one is refused with [`StoreError::InUse`]. A program with a store stays in its rooms: others count on it to keep what they
    /// write.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn at(folder: impl Into<PathBuf>) -> Store {
        Store(Kind::File { path: folder.into(), history_bytes: 0 })
    }

    /// Rooms and the identity are kept by the browser under this name, for all pages of one site (IndexedDB). Of those that a member that
    /// stores has too, the 32 used last are kept. Of those that nobody else is known to have, 256 are kept, and one more is
    /// kept once one of them is [forgotten](crate::Endpoint::forget). Of several tabs one writes a room, and another takes over when that
    /// one is closed. Where the browser lets a page store nothing, rooms go on without:
    /// [`Event::StorageFailed`](crate::Event::StorageFailed).
    #[cfg(target_arch = "wasm32")]
    pub fn browser(name: impl Into<String>) -> Store {
        Store(Kind::Browser(name.into()))
    }

    /// Whether others may count on what is kept there: a page is closed at any time.
    pub(crate) fn stays(&self) -> bool {
        matches!(self.0, Kind::File { .. })
    }

    /// The database of a page, where there is one.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn database(self) -> Option<String> {
        match self.0 {
            // A page has databases of its own, too.
            Kind::Browser(name) => Some(format!("meshwork-{name}")),
            _ => None,
        }
    }

    /// Its identity, made at the first call. It is a guest's if nothing is kept.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn identity(&self) -> Result<Identity, IdentityError> {
        match &self.0 {
            Kind::Browser(name) => {
                match meshwork_rtc::web::load_identity_of(&format!("meshwork-{name}-identity")) {
                    Ok((identity, _)) => Ok(Identity(identity)),
                    Err(error) => Err(IdentityError::Randomness(error.to_string())),
                }
            }
            _ => Identity::generate(),
        }
    }

    /// Also keeps everything that was accepted, in its order, for replay: at most so many bytes of each room, and then the
    /// oldest are forgotten; less than [`HISTORY_LEAST`](crate::HISTORY_LEAST) counts as that, and 0 for nothing.
    #[cfg(not(target_arch = "wasm32"))]
    #[must_use]
    pub fn with_history(self, bytes_max: u64) -> Store {
        match self.0 {
            Kind::File { path, .. } => Store(Kind::File { path, history_bytes: bytes_max }),
            Kind::None => self,
        }
    }
}

/// A room that is kept on this device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptRoom {
    /// Which room.
    pub id: RoomId,
    /// Where it was found last, with what lets one in; `None` where that was never known.
    pub link: Option<Link>,
    /// The word of the app that it opened with; `None` of a room of another version, which this one cannot open.
    pub app: Option<String>,
    /// What people saw it called last; empty where it has no name.
    pub name: String,
}

impl KeptRoom {
    /// What a store lists.
    pub(crate) fn new((id, link, stored): (RoomId, Option<String>, StoredRoom)) -> KeptRoom {
        let (app, name) = stored.about().map(|(app, name)| (Some(app.to_string()), name)).unwrap_or_default();
        // A link that cannot be read is one of another version: the room is there all the same.
        KeptRoom { id, link: link.and_then(|link| link.parse().ok()), app, name }
    }
}

/// A store cannot be used. What it has is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another program has it open: stop that one, or use another folder. Of a room that is to be forgotten: a tab is in
    /// it, and keeps it.
    #[error("another program or tab keeps what is there")]
    InUse,
    /// It was cut off or changed: put back a copy, or move it away and begin anew.
    #[error("what is kept there is damaged: {0}")]
    Damaged(String),
    /// The history beside it cannot be read or written on, in words: move that history away, or open the store without one.
    #[error("{0}")]
    History(String),
    /// It cannot be read or written, in words: look at the folder and its disk.
    #[error("{0}")]
    Failed(String),
}

/// Where the histories of a store lie.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn history_folder(store: &std::path::Path) -> PathBuf {
    store.join("history")
}

/// Where a room is found, with the app in front: what rooms were noted under before apps could stand in front of each
/// other.
#[cfg_attr(target_arch = "wasm32", allow(dead_code))]
pub(crate) fn page(link: &Link) -> String {
    let whole = link.to_string();
    whole.split('#').next().unwrap_or_default().to_owned()
}

/// Where a room is found, whichever of its apps is in front: what it is noted under.
#[cfg_attr(target_arch = "wasm32", allow(dead_code))]
pub(crate) fn place(link: &Link) -> String {
    match (link.server(), link.room()) {
        (Some((server, code)), _) => format!("{server}/{code}"),
        (None, Some(room)) => room.to_string(),
        (None, None) => String::new(),
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod file {
    use std::path::Path;

    use meshwork_rtc::native::history::HistoryLimits;
    use meshwork_rtc::native::store::{OpenStoreError, RedbStore};

    use super::{Kind, Store, StoreError, history_folder};
    use crate::identity::{Identity, IdentityError};
    use crate::private::{make_folder, make_private};

    /// The file of the identity. A keeper of the command line has its identity there, too.
    const IDENTITY: &str = "identity";

    impl Store {
        /// Its folder; `None` where nothing is kept.
        pub(crate) fn folder(&self) -> Option<&Path> {
            match &self.0 {
                Kind::None => None,
                Kind::File { path, .. } => Some(path),
            }
        }

        /// Its identity, made at the first call. It is a guest's if nothing is kept.
        pub(crate) fn identity(&self) -> Result<Identity, IdentityError> {
            self.folder()
                .map_or_else(Identity::generate, |folder| Identity::load_or_create(folder.join(IDENTITY)))
        }

        /// Opens it; `None` where nothing is kept.
        pub(crate) fn open(&self) -> Result<Option<RedbStore>, StoreError> {
            match &self.0 {
                Kind::None => Ok(None),
                Kind::File { path, history_bytes } => open(path, *history_bytes).map(Some),
            }
        }
    }

    fn open(folder: &Path, history_bytes: u64) -> Result<RedbStore, StoreError> {
        let failed =
            |error: &dyn std::fmt::Display| StoreError::Failed(format!("{}: {error}", folder.display()));
        // What is in a private room is for whoever keeps it, and for no other user of the machine.
        make_folder(folder).map_err(|error| failed(&error))?;
        let path = folder.join("rooms.redb");
        let opened = match history_bytes {
            0 => RedbStore::open(&path),
            bytes_max => {
                let limits = HistoryLimits { folder: history_folder(folder), bytes_max };
                RedbStore::open_with_history(&path, limits)
            }
        };
        let store = opened.map_err(|error| match error {
            OpenStoreError::InUse => StoreError::InUse,
            OpenStoreError::Damaged(words) => StoreError::Damaged(words),
            OpenStoreError::History(error) => StoreError::History(error.to_string()),
            error => failed(&error),
        })?;
        make_private(&path);
        Ok(store)
    }
}
