//! Blobs in a folder: for each room and app a folder, and in it for each blob two files.
//!
//! `HASH` has the bytes, and `HASH.part` those of a blob that is not whole yet; `HASH.outline` its outline. A blob is whole from the moment on at which its bytes, which are on the disk then, get their
//! name. After a crash the groups of a part are checked one by one.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use meshwork_core::blobs::{BlobId, GROUP, Outline, Outliner, group_len};
use meshwork_core::id::RoomId;
use meshwork_core::seam::lane::Slot;
use tokio::runtime::Handle;

use super::store::{Failed, Held, Name, outline_file, outline_in};
use crate::private::make_folder;

/// A folder of blobs.
pub(crate) struct Disk {
    folder: PathBuf,
    /// On whose threads files are waited for.
    runtime: Handle,
}

/// The files of a blob.
struct Paths {
    folder: PathBuf,
    whole: PathBuf,
    part: PathBuf,
    outline: PathBuf,
}

impl Disk {
    pub(crate) fn new(folder: PathBuf, runtime: Handle) -> Disk {
        Disk { folder, runtime }
    }

    fn paths(&self, name: Name) -> Paths {
        let folder = self.app(name.room, name.slot);
        let at = |ending: &str| folder.join(format!("{}{ending}", name.blob));
        Paths { whole: at(""), part: at(".part"), outline: at(".outline"), folder }
    }

    fn app(&self, room: RoomId, slot: Slot) -> PathBuf {
        self.folder.join(room.to_string()).join(slot.number().to_string())
    }

    /// Does something with files, on a thread that may wait for a disk.
    async fn wait<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T, Failed> {
        let done = self.runtime.spawn_blocking(work).await.map_err(|error| error.to_string())?;
        done.map_err(|error| error.to_string())
    }

    pub(super) async fn look(&self, name: Name) -> Result<Option<Held>, Failed> {
        let paths = self.paths(name);
        self.wait(move || look(&paths, name.blob)).await
    }

    pub(super) async fn whole(&self, name: Name) -> Result<Option<Outline>, Failed> {
        let paths = self.paths(name);
        self.wait(move || whole(&paths, name.blob)).await
    }

    pub(super) async fn list(&self, room: RoomId, slot: Slot) -> Result<Vec<(BlobId, u64)>, Failed> {
        let folder = self.app(room, slot);
        self.wait(move || {
            let mut blobs = Vec::new();
            for file in present(fs::read_dir(folder))?.into_iter().flatten() {
                let file = file?;
                if let Some(blob) = file.file_name().to_str().and_then(|name| name.parse().ok()) {
                    blobs.push((blob, file.metadata()?.len()));
                }
            }
            blobs.sort_unstable();
            Ok(blobs)
        })
        .await
    }

    pub(super) async fn begin(&self, name: Name, outline: Outline) -> Result<(), Failed> {
        let paths = self.paths(name);
        self.wait(move || begin(&paths, &outline)).await
    }

    pub(super) async fn write(&self, name: Name, group: u32, bytes: Vec<u8>) -> Result<(), Failed> {
        let part = self.paths(name).part;
        self.wait(move || {
            let mut file = OpenOptions::new().write(true).open(part)?;
            file.seek(SeekFrom::Start(u64::from(group) * GROUP as u64))?;
            file.write_all(&bytes)
        })
        .await
    }

    pub(super) async fn end(&self, name: Name) -> Result<Outline, Failed> {
        let paths = self.paths(name);
        self.wait(move || {
            File::open(&paths.part)?.sync_all()?;
            fs::rename(&paths.part, &paths.whole)?;
            sync_folder(&paths.folder)?;
            read_outline(&paths, name.blob)?.ok_or_else(|| io::ErrorKind::NotFound.into())
        })
        .await
    }

    pub(super) async fn read(&self, name: Name, group: u32) -> Result<Vec<u8>, Failed> {
        let whole = self.paths(name).whole;
        self.wait(move || read_group(&mut File::open(whole)?, group)).await
    }

    pub(super) async fn free(&self, name: Name) -> Result<(), Failed> {
        let paths = self.paths(name);
        self.wait(move || {
            let files = [paths.whole, paths.part, paths.outline];
            files.into_iter().try_for_each(|file| present(fs::remove_file(file)).map(|_| ()))
        })
        .await
    }

    pub(super) async fn free_room(&self, room: RoomId) -> Result<(), Failed> {
        let folder = self.folder.join(room.to_string());
        self.wait(move || present(fs::remove_dir_all(folder)).map(|_| ())).await
    }

    /// Copies a file here as a whole blob. Returns its outline.
    pub(super) async fn take(&self, room: RoomId, slot: Slot, path: PathBuf) -> Result<Outline, Failed> {
        let folder = self.app(room, slot);
        let (outline, copied) = self.wait(move || copy(&folder, &path)).await?;
        let name = Name { room, slot, blob: outline.id() };
        let paths = self.paths(name);
        self.wait(move || {
            if whole(&paths, name.blob)?.is_none() {
                write_outline(&paths, &outline)?;
                copied.persist(&paths.part).map_err(|error| error.error)?;
                fs::rename(&paths.part, &paths.whole)?;
                sync_folder(&paths.folder)?;
            }
            Ok(outline)
        })
        .await
    }
}

/// What is there, where that it is not is no error.
fn present<T>(done: io::Result<T>) -> io::Result<Option<T>> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        done => done.map(Some),
    }
}

/// Copies a file into one that goes away with its handle, and is on the disk.
fn copy(folder: &Path, path: &Path) -> io::Result<(Outline, tempfile::NamedTempFile)> {
    let mut from = File::open(path)?;
    make_folder(folder)?;
    let mut to = tempfile::NamedTempFile::new_in(folder)?;
    let (mut outliner, mut buffer) = (Outliner::default(), vec![0; GROUP]);
    loop {
        let count = from.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        outliner.push(&buffer[..count]);
        to.write_all(&buffer[..count])?;
    }
    to.as_file().sync_all()?;
    Ok((outliner.finish(), to))
}

fn whole(paths: &Paths, blob: BlobId) -> io::Result<Option<Outline>> {
    if fs::exists(&paths.whole)? { read_outline(paths, blob) } else { Ok(None) }
}

fn look(paths: &Paths, blob: BlobId) -> io::Result<Option<Held>> {
    if let Some(outline) = whole(paths, blob)? {
        return Ok(Some(Held::Whole(outline)));
    }
    let Some(outline) = read_outline(paths, blob)? else { return Ok(None) };
    let Some(mut part) = present(File::open(&paths.part))? else { return Ok(None) };
    let mut groups = BTreeSet::new();
    for group in 0..outline.groups() {
        if outline.holds(group, &read_group(&mut part, group)?) {
            groups.insert(group);
        }
    }
    Ok(Some(Held::Part(outline, groups)))
}

fn read_group(file: &mut File, group: u32) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; group_len(file.metadata()?.len(), group)];
    file.seek(SeekFrom::Start(u64::from(group) * GROUP as u64))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn begin(paths: &Paths, outline: &Outline) -> io::Result<()> {
    make_folder(&paths.folder)?;
    let known = read_outline(paths, outline.id())?;
    if known.is_some_and(|known| known.groups() != outline.groups()) {
        present(fs::remove_file(&paths.part))?;
    }
    write_outline(paths, outline)?;
    let part = OpenOptions::new().write(true).create(true).truncate(false).open(&paths.part)?;
    part.set_len(outline.size())
}

/// The outline of a blob; `None` where there is none, or one that was cut off.
fn read_outline(paths: &Paths, blob: BlobId) -> io::Result<Option<Outline>> {
    Ok(present(fs::read(&paths.outline))?.and_then(|bytes| outline_in(blob, &bytes)))
}

/// Replaces the outline as a whole, so that it is never half of one and half of another.
fn write_outline(paths: &Paths, outline: &Outline) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(&paths.folder)?;
    file.write_all(&outline_file(outline))?;
    file.as_file().sync_all()?;
    file.persist(&paths.outline).map_err(|error| error.error)?;
    Ok(())
}

/// Brings the names in a folder to the disk, where a folder can be opened for that.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
