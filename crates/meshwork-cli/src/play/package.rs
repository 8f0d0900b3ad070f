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
        read_folder(path, "", &mut files)?;
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

/// Reads the files of a folder, without those whose name begins with a dot. A link is refused, since its target may be a file
/// that the author means for nobody.
fn read_folder(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) -> Result<(), Failure> {
    let unread = |path: &Path, error: io::Error| {
        Failure::Usage(format!("{} cannot be read: {error}.", path.display()))
    };
    for entry in fs::read_dir(folder).map_err(|error| unread(folder, error))? {
        let entry = entry.map_err(|error| unread(folder, error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let (path, place) = (format!("{prefix}{name}"), entry.path());
        let kind = entry.file_type().map_err(|error| unread(&place, error))?;
        if kind.is_symlink() {
            let target = fs::read_link(&place).map_err(|error| unread(&place, error))?;
            return Err(Failure::Usage(format!(
                "{} is a link to {}, and links are not followed. Put the file itself into the folder, or give the link a name that \
                 begins with a point to leave it out.",
                place.display(),
                target.display()
            )));
        } else if kind.is_dir() {
            read_folder(&place, &format!("{path}/"), files)?;
        } else if !kind.is_file() {
            return Err(Failure::Usage(format!(
                "{} is no file. Move it out of the folder of the game.",
                place.display()
            )));
        } else if files.len() == FILES_MAX {
            return Err(Failure::Usage(format!(
                "{} has more than {FILES_MAX} files. Name the folder of the game alone.",
                folder.display()
            )));
        } else {
            files.insert(path, fs::read(&place).map_err(|error| unread(&place, error))?);
        }
    }
    Ok(())
}
