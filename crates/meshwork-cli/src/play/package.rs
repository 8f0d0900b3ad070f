//! The package of a game's folder, or of its only file.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use anyhow::Context as _;
use meshwork_play::Package;
use meshwork_play::package::MAGIC;

use crate::exit::Failure;

/// Most files that are read of a folder. A package has fewer, and a folder that is no game may have millions.
const FILES_MAX: usize = 1000;

/// The package of a folder or a file.
pub(super) fn read(path: &Path) -> Result<Package, Failure> {
    let unread = |error: io::Error| Failure::Usage(format!("{} cannot be read: {error}.", path.display()));
    let mut files = BTreeMap::new();
    if fs::metadata(path).map_err(unread)?.is_dir() {
        read_folder(path, "", &mut files).map_err(unread)?;
    } else {
        let name = path.file_name().context("a file has a name")?.to_string_lossy().into_owned();
        files.insert(name, fs::read(path).map_err(unread)?);
    }
    let packed = match files.values().next().filter(|bytes| files.len() == 1 && bytes.starts_with(MAGIC)) {
        Some(bytes) => Package::read(bytes.as_slice().into()),
        None => Package::pack(&files),
    };
    packed.map_err(|error| Failure::Usage(format!("{} is no game: {error}.", path.display())))
}

/// Reads the files of a folder, without those whose name begins with a dot.
fn read_folder(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let path = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            read_folder(&entry.path(), &format!("{path}/"), files)?;
        } else if files.len() == FILES_MAX {
            return Err(io::Error::other(format!("a folder of more than {FILES_MAX} files")));
        } else {
            files.insert(path, fs::read(entry.path())?);
        }
    }
    Ok(())
}
