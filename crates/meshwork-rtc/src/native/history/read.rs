//! Reading a history: from a time on, or as a whole, also while a keeper writes it.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use meshwork_core::id::RoomId;
use meshwork_core::time::WallTime;

use super::segment::{Next, Segment, SegmentReader};
use super::{Entry, HistoryError, file_error};

/// The history of one room.
#[derive(Clone, Debug)]
pub struct History {
    pub(super) folder: PathBuf,
    pub(super) room: RoomId,
}

/// What a history has, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Batches in it.
    pub batches: u64,
    /// Batches that are known to be missing between its first and its last entry.
    pub missed: u64,
    /// Entries that were removed since it became too large.
    pub forgotten: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// When its first entry was written.
    pub first: Option<WallTime>,
    /// When its last entry was written.
    pub last: Option<WallTime>,
    /// What is wrong with what follows its last entry.
    pub damage: Option<String>,
}

/// The entries of a history in order.
pub struct Entries {
    history: History,
    /// Not opened yet, the next one last.
    segments: Vec<Segment>,
    current: Option<SegmentReader<BufReader<File>>>,
    from: WallTime,
    damage: Option<String>,
}

impl Entries {
    /// What is wrong with what follows the last entry, once that was read; `None` also while a keeper writes on.
    pub fn damage(&self) -> Option<&str> {
        self.damage.as_deref()
    }
}

impl History {
    /// The history of `room` in the folder that holds all of them; it need not exist.
    pub fn new(folder: &Path, room: RoomId) -> History {
        History { folder: folder.join(room.to_string()), room }
    }

    /// The rooms that have a history in the folder, in the order of their ids; none when there is no folder.
    ///
    /// # Errors
    /// [`HistoryError::File`] when the folder cannot be read.
    pub fn rooms(folder: &Path) -> Result<Vec<RoomId>, HistoryError> {
        let files = match fs::read_dir(folder) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(file_error(folder)(error)),
        };
        let mut rooms = Vec::new();
        for file in files {
            let name = file.map_err(file_error(folder))?.file_name();
            rooms.extend(name.to_str().and_then(|name| name.parse::<RoomId>().ok()));
        }
        rooms.sort();
        Ok(rooms)
    }

    /// The entries from `from` on, or all when it is zero. Times never go back within a history.
    ///
    /// # Errors
    /// [`HistoryError`] when it cannot be read. Damage further on is told by the entries.
    pub fn since(&self, from: WallTime) -> Result<Entries, HistoryError> {
        let mut segments = Segment::list(&self.folder)?;
        // A segment whose successor begins at or before `from` has nothing to say, but for entries of the same
        // millisecond.
        while segments.len() > 1 && self.first_time(&segments[1])?.is_some_and(|first| first < from) {
            segments.remove(0);
        }
        segments.reverse();
        Ok(Entries { history: self.clone(), segments, current: None, from, damage: None })
    }

    /// What it has, in numbers. Reads all of it.
    ///
    /// # Errors
    /// [`HistoryError`] when it cannot be read, or is damaged before its last file.
    pub fn summary(&self) -> Result<Summary, HistoryError> {
        let segments = Segment::list(&self.folder)?;
        let mut summary = Summary {
            forgotten: segments.first().map_or(0, |oldest| oldest.first),
            bytes: segments.iter().map(|segment| segment.bytes).sum(),
            ..Summary::default()
        };
        let mut entries = self.since(WallTime(0))?;
        for entry in &mut entries {
            let entry = entry?;
            summary.first.get_or_insert(entry.at());
            summary.last = Some(entry.at());
            match entry {
                Entry::Batch { .. } => summary.batches += 1,
                Entry::Gap { missed, .. } => summary.missed += missed,
            }
        }
        summary.damage = entries.damage;
        Ok(summary)
    }

    /// When the first entry of a segment was written; `None` when it has none.
    pub(super) fn first_time(&self, segment: &Segment) -> Result<Option<WallTime>, HistoryError> {
        let Some(mut reader) = self.open(segment.first)? else { return Ok(None) };
        match reader.next()? {
            Next::Entry(entry) => Ok(Some(entry.at())),
            Next::End | Next::Torn(_) | Next::Damaged(_) => Ok(None),
        }
    }

    /// `None` when the segment was removed meanwhile.
    pub(super) fn open(&self, first: u64) -> Result<Option<SegmentReader<BufReader<File>>>, HistoryError> {
        let path = Segment::path(&self.folder, first);
        let Some(file) = open_file(&path)? else { return Ok(None) };
        SegmentReader::new(BufReader::new(file), path, self.room, first).map(Some)
    }
}

/// `None` when the file was removed meanwhile.
pub(super) fn open_file(path: &Path) -> Result<Option<File>, HistoryError> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(file_error(path)(error)),
    }
}

impl Entries {
    fn read(&mut self) -> Result<Option<Entry>, HistoryError> {
        loop {
            let Some(reader) = &mut self.current else {
                let Some(segment) = self.segments.pop() else { return Ok(None) };
                self.current = self.history.open(segment.first)?;
                continue;
            };
            match reader.next()? {
                Next::Entry(entry) if entry.at() < self.from => {}
                Next::Entry(entry) => return Ok(Some(entry)),
                // A keeper may be writing the end of the last segment this moment.
                Next::Torn(_) if self.segments.is_empty() => return Ok(None),
                // Or it was killed while it did; it cuts off what is wrong when it starts again.
                Next::Damaged(what) if self.segments.is_empty() => {
                    self.damage = Some(what);
                    return Ok(None);
                }
                Next::Torn(what) | Next::Damaged(what) => return Err(reader.damaged(what)),
                Next::End => {
                    let next = reader.next_number();
                    if self.segments.last().is_some_and(|successor| successor.first != next) {
                        return Err(reader.damaged(format!(
                            "it ends before entry {next}, the next file does not begin there"
                        )));
                    }
                    self.current = None;
                }
            }
        }
    }
}

impl Iterator for Entries {
    type Item = Result<Entry, HistoryError>;

    fn next(&mut self) -> Option<Result<Entry, HistoryError>> {
        let entry = self.read().transpose();
        if matches!(entry, Some(Err(_)) | None) {
            self.segments.clear();
            self.current = None;
        }
        entry
    }
}
