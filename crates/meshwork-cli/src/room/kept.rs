//! The folder of a keeper: one keeper at a time, the store, the history, and the words when they are damaged.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use meshwork::{BindError, StoreError};
use tokio::time::{Instant, sleep};

use crate::exit::Failure;
use crate::file::make_private;
use crate::identity;

/// How long a keeper that is just ending, or was killed, may still hold the folder.
const LOCK_WAIT: Duration = Duration::from_secs(1);
/// How often the folder is tried meanwhile.
const LOCK_INTERVAL: Duration = Duration::from_millis(20);

/// Makes the folder, and locks it as long as the file lives; the system lets go when the process ends, however
/// it ends.
pub(crate) async fn lock(data: &Path) -> Result<File, Failure> {
    identity::create_private_folder(data).map_err(|error| unusable(data, &error))?;
    let path = data.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|error| unusable(&path, &error))?;
    let given_up = Instant::now() + LOCK_WAIT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < given_up => sleep(LOCK_INTERVAL).await,
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::Storage(format!(
                    "Another keeper uses {}. Two would write over each other. \
                     Stop that one, or name another folder with --data.",
                    data.display()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(unusable(&path, &error)),
        }
    }
}

/// Takes the store from everybody's eyes but its owner's, and says so.
pub(crate) fn tell_if_open(data: &Path) {
    make_private(&store_path(data), "whoever did has seen the rooms that are kept, private ones too");
}

/// A failure to start, in words where the store is the reason.
pub(crate) fn told(failure: Failure, data: &Path) -> Failure {
    let Failure::Unexpected(error) = failure else { return failure };
    match error.downcast_ref() {
        Some(BindError::Store(error)) => Failure::Storage(words(data, error)),
        _ => Failure::Unexpected(error),
    }
}

fn store_path(data: &Path) -> PathBuf {
    data.join("rooms.redb")
}

/// What people read where the store in a folder cannot be used.
pub(crate) fn words(data: &Path, error: &StoreError) -> String {
    let path = store_path(data);
    let path = path.display();
    let advice = match error {
        StoreError::InUse => "Stop the other program, or name another folder with --data.",
        StoreError::Damaged(_) => {
            "The file stays as it is. Put back a copy of it, or move it away and start the keeper again: \
             it then gets from the other members what they have."
        }
        StoreError::History(_) => {
            "Nothing was changed. Move the folder of that history away, or start the keeper without \
             --history: what is kept of rooms is not concerned."
        }
        _ => "Check the file, its permissions and its disk.",
    };
    format!("Cannot use the stored data in {path}: {error}. {advice}")
}

fn unusable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Storage(format!(
        "The room cannot be kept in {}: {error}. Make it a folder that this user may write, \
         or name another one with --data.",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use meshwork::{RoomId, Store};

    #[tokio::test(start_paused = true)]
    async fn a_folder_is_locked_by_one_keeper() {
        let folder = tempfile::tempdir().unwrap();
        let first = lock(folder.path()).await.unwrap();
        let error = lock(folder.path()).await.unwrap_err();
        assert!(error.to_string().contains(folder.path().to_str().unwrap()), "{error}");
        // One that is about to end is waited for.
        let (second, ()) = tokio::join!(lock(folder.path()), async {
            sleep(LOCK_INTERVAL).await;
            drop(first);
        });
        second.unwrap();
    }

    #[tokio::test]
    async fn a_file_is_no_folder() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = lock(file.path()).await.unwrap_err();
        assert!(matches!(&error, Failure::Storage(words) if words.contains("--data")), "{error}");
    }

    #[test]
    fn a_damaged_store_is_told_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("rooms.redb"), "no store").unwrap();
        let error = Store::at(folder.path()).past(RoomId([1; 32])).err().unwrap();
        let words = words(folder.path(), &error);
        assert!(
            words.contains("rooms.redb") && words.contains("damaged") && words.contains("copy"),
            "{words}"
        );
    }
}
