//! Files that are replaced as a whole.

use std::fs::File;
use std::io;
use std::path::Path;

use anyhow::Context as _;
use tempfile::NamedTempFile;

use crate::style;

/// The folder that a file is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Whether others than its owner may read a file; false where nobody can tell.
#[cfg(unix)]
pub(crate) fn is_open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o077 != 0)
}

/// Elsewhere a file is as private as the user's folder.
#[cfg(not(unix))]
pub(crate) fn is_open_to_others(_path: &Path) -> bool {
    false
}

/// Takes a file from everybody's eyes but its owner's, and says so, with what `whoever_could` do so may do.
#[cfg(unix)]
pub(crate) fn make_private(path: &Path, whoever_could: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    if is_open_to_others(path) {
        let become_private = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600));
        let since = if become_private.is_ok() {
            "From now on only its owner may"
        } else {
            "That cannot be changed from here"
        };
        style::note(format!("Others could read {}. {since}; {whoever_could}.", path.display()));
    }
}

/// Elsewhere a file is as private as the user's folder.
#[cfg(not(unix))]
pub(crate) fn make_private(_path: &Path, _whoever_could: &str) {}

/// What files of this program begin with until they have their names.
pub(crate) const PREFIX: &str = ".meshwork-";

/// A new file beside `path`, which goes with its handle unless it is given a name.
pub(crate) fn new_beside(path: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    // What is shown to others is for everybody whom the user's umask lets in, unlike most temporary files.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.prefix(PREFIX).tempfile_in(folder_of(path))
}

/// Writes a file beside `path`, then gives it its name: whoever looks sees the old file or the whole new one.
///
/// # Errors
/// When it cannot be written; `path` is then as it was.
pub(crate) fn replace(
    path: &Path,
    write: impl FnOnce(&mut File) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let attempt = || -> anyhow::Result<()> {
        let mut beside = new_beside(path)?;
        write(beside.as_file_mut())?;
        beside.as_file().sync_all()?;
        beside.persist(path)?;
        Ok(())
    };
    attempt().with_context(|| format!("cannot write {}", path.display()))
}
