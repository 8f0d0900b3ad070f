//! Files and folders for their owner's eyes alone.

use std::fs;
use std::io;
use std::path::Path;

/// Makes a folder, and those above it, that only its owner may enter; leaves one alone that is there.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Takes a file from everybody's eyes but its owner's.
#[cfg(unix)]
pub(crate) fn make_private(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    if fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o077 != 0) {
        let is_private_now = fs::set_permissions(path, fs::Permissions::from_mode(0o600)).is_ok();
        tracing::warn!(path = %path.display(), is_private_now, "others could read a file that is its owner's");
    }
}

/// Elsewhere a file is as private as the user's folder.
#[cfg(not(unix))]
pub(crate) fn make_private(_: &Path) {}
