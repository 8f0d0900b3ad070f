//! The part of Play outside the room: the shelf of the party's server, and other programs of this machine.

use std::time::Duration;
#[cfg(not(target_arch = "wasm32"))]
use std::{
    env::temp_dir,
    fs::{self, File, TryLockError},
    path::PathBuf,
};

use meshwork_play::package::PACKAGE_MAX;
use meshwork_play::shelf::PACKAGES_PATH;
use meshwork_play::{Package, Party};

use crate::room::Room;

/// Time for which members alone are asked for a package.
const SERVER_AFTER: Duration = Duration::from_secs(1);
/// Time for which a program that is just ending may still have the seat.
#[cfg(not(target_arch = "wasm32"))]
const LOCK_WAIT: Duration = Duration::from_secs(1);
/// Time between two attempts.
#[cfg(not(target_arch = "wasm32"))]
const LOCK_INTERVAL: Duration = Duration::from_millis(50);

/// The package of a published game from the server of its party, checked by its hash.
pub(super) async fn published(room: &Room, party: &Party) -> Option<Package> {
    party.code?;
    let link = room.link();
    let (server, _) = link.server()?;
    let url = format!("{server}{PACKAGES_PATH}/{}", party.package);
    let bytes = room.shared().runner.get(url, PACKAGE_MAX).await?;
    let package = Package::read(bytes.into()).ok()?;
    (package.id() == party.package).then_some(package)
}

/// The same after the members had a moment to answer. Without an answer it never ends.
pub(super) async fn published_soon(room: &Room, party: &Party) -> Package {
    room.shared().runner.sleep(SERVER_AFTER).await;
    match published(room, party).await {
        Some(package) => package,
        None => std::future::pending().await,
    }
}

/// The right of one program of this machine to play for its person in a party. The system ends it with the program, however that
/// ends. The tabs of a browser have a lock of the page.
#[derive(Debug, Default)]
pub(super) struct SeatLock {
    #[cfg(not(target_arch = "wasm32"))]
    held: Option<(File, PathBuf)>,
}

impl SeatLock {
    /// `None` if another program has it. A machine without such locks leaves the decision to the host of the party, which gives
    /// the seat to the newer program.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) async fn take(room: &Room) -> Option<SeatLock> {
        let runner = &room.shared().runner;
        let Some(id) = room.id().filter(|_| runner.is_of_machine()) else {
            return Some(SeatLock::default());
        };
        let name = blake3::hash(format!("{} {id}", room.me().peer).as_bytes()).to_hex();
        let path = temp_dir().join(format!("meshwork-play-{}.lock", &name[..32]));
        let mut waited = Duration::ZERO;
        loop {
            let opened = File::options().create(true).truncate(false).write(true).open(&path);
            let Ok(file) = opened else { return Some(SeatLock::default()) };
            match file.try_lock() {
                Ok(()) => return Some(SeatLock { held: Some((file, path)) }),
                Err(TryLockError::Error(_)) => return Some(SeatLock::default()),
                Err(TryLockError::WouldBlock) if waited >= LOCK_WAIT => return None,
                Err(TryLockError::WouldBlock) => runner.sleep(LOCK_INTERVAL).await,
            }
            waited += LOCK_INTERVAL;
        }
    }

    #[cfg(target_arch = "wasm32")]
    pub(super) async fn take(_: &Room) -> Option<SeatLock> {
        Some(SeatLock::default())
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl Drop for SeatLock {
    fn drop(&mut self) {
        if let Some((_file, path)) = &self.held {
            // A file that stays is locked by nobody.
            let _ = fs::remove_file(path);
        }
    }
}
