//! The file that holds a peer's secret key: where it lies, and the words when it cannot be used.

pub(crate) mod command;
mod passphrase;
mod sealing;

use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{Context as _, Result, anyhow};
use etcetera::BaseStrategy as _;
use meshwork::{Identity, IdentityError};
use meshwork_core::id::Identity as Keys;

use crate::file::make_private;

/// Where the identity lies that is used when none is named: `meshwork/identity` in the user's data directory.
///
/// # Errors
/// When the system does not say where the user's home is.
pub(crate) fn default_path() -> Result<PathBuf> {
    let directories = etcetera::choose_base_strategy()
        .context("the data directory is not known; name a file with --identity")?;
    Ok(directories.data_dir().join("meshwork").join("identity"))
}

/// Reads the identity at `path`, or makes one there, with its folder, when there is none.
///
/// # Errors
/// When the file cannot be read, made, or is not an identity. An existing file is left as it is.
pub(crate) fn load_or_create(path: &Path) -> Result<Identity> {
    tell_if_open(path);
    Identity::load_or_create(path).map_err(words)
}

/// The key pair of an identity, which signs by itself.
pub(crate) fn keys(identity: &Identity) -> Result<Keys> {
    Ok(Keys::import(&identity.export())?)
}

/// The identity at `path`; `None` when there is no file.
fn load(path: &Path) -> Result<Option<Identity>> {
    tell_if_open(path);
    match Identity::load(path) {
        Err(IdentityError::NoFile(_)) => Ok(None),
        loaded => loaded.map(Some).map_err(words),
    }
}

fn tell_if_open(path: &Path) {
    make_private(path, "whoever did can write as you");
}

fn words(error: IdentityError) -> anyhow::Error {
    match error {
        IdentityError::Damaged(_) => anyhow!(
            "{error}. Put back a copy, move the file away to start as a new peer, or name another with --identity"
        ),
        error => error.into(),
    }
}

/// Makes a folder, and those above it, that only its owner may enter; leaves one alone that is there.
pub(crate) fn create_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn garbled_files_are_told_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("identity");
        assert!(load(&path).unwrap().is_none());
        fs::write(&path, "meshwork identity v2\n").unwrap();
        let error = load_or_create(&path).unwrap_err().to_string();
        assert!(error.contains(path.to_str().unwrap()) && error.contains("--identity"), "{error}");
    }
}
