//! The lock of a server on its data directory: two servers there would overwrite each other's bans.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::identity::create_private_folder;

/// The file that is locked.
const FILE: &str = "server.lock";

/// Locks the directory until the result is dropped, and makes it first if it is not there.
///
/// # Errors
/// Another server has it, or this user cannot write there.
pub(super) fn take(data: &Path) -> Result<File> {
    let advice = "choose a directory that this user may write to";
    create_private_folder(data).with_context(|| format!("cannot make {}; {advice}", data.display()))?;
    let path = data.join(FILE);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&path).with_context(|| format!("cannot write {}; {advice}", path.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            bail!("another server uses {}. Stop it, or choose another directory with --data", data.display())
        }
        // Some network drives have no locks.
        Err(TryLockError::Error(error)) => {
            tracing::warn!(
                "{} cannot be locked, so a second server in it is not noticed: {error}",
                data.display()
            );
        }
    }
    Ok(file)
}
