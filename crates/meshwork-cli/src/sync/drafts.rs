//! What files were made from: kept beside the identity, so that what somebody changed in a file can be merged.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use meshwork::{Draft, Room};

use crate::exit::Failure;
use crate::file::{folder_of, replace};
use crate::identity;
use crate::room::Common;

/// Where it is kept what one file was made from.
pub(super) struct Drafts {
    path: PathBuf,
}

impl Drafts {
    /// What is kept of a file and a document of a room.
    pub(super) fn of(common: &Common, room: &Room, name: &str, file: &Path) -> Result<Drafts, Failure> {
        let room = room.id().context("an open room has an id")?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(&room.0).update(&[name.len() as u8]).update(name.as_bytes());
        hasher.update(whole_path(file)?.as_os_str().as_encoded_bytes());
        let path =
            folder_of(&common.identity_path()?).join("drafts").join(hasher.finalize().to_hex().as_str());
        Ok(Drafts { path })
    }

    /// What the file was made from; `None` where that is not known.
    pub(super) fn read(&self) -> Result<Option<Draft>, Failure> {
        match std::fs::read(&self.path) {
            Ok(bytes) => Draft::from_bytes(bytes).map(Some).map_err(|error| {
                Failure::Storage(format!("{} is damaged: {error}. Remove it.", self.path.display()))
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::Storage(format!("{} cannot be read: {error}.", self.path.display()))),
        }
    }

    /// Keeps what the file is made from now.
    pub(super) fn write(&self, draft: &Draft) -> Result<(), Failure> {
        use std::io::Write as _;
        let folder = folder_of(&self.path);
        identity::create_private_folder(folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
        Ok(replace(&self.path, |file| Ok(file.write_all(draft.as_bytes())?))?)
    }

    /// Forgets it.
    pub(super) fn forget(&self) -> Result<(), Failure> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(Failure::Storage(format!("{} cannot be removed: {error}.", self.path.display())))
            }
            _ => Ok(()),
        }
    }
}

/// The path of a file from the root on, whether it is there or not.
pub(super) fn whole_path(file: &Path) -> Result<PathBuf, Failure> {
    if let Ok(whole) = file.canonicalize() {
        return Ok(whole);
    }
    let usage = |words: String| Failure::Usage(format!("{}: {words}.", file.display()));
    let name = file.file_name().ok_or_else(|| usage("this is no file".into()))?;
    let folder = folder_of(file).canonicalize().map_err(|error| usage(error.to_string()))?;
    Ok(folder.join(name))
}
