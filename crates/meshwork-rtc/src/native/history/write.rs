//! Writing a history: appending durably, cutting off what the store does not know, forgetting the oldest.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Write as _};
use std::path::{Path, PathBuf};

use meshwork_core::id::RoomId;
use meshwork_core::seam::io::AcceptedBatch;
use meshwork_core::time::WallTime;

use super::segment::{HEAD_LEN, Next, Segment, SegmentReader, head, write_entry};
use super::{BYTES_LEAST, Entry, HistoryError, HistoryLimits, SEGMENT_MAX, SEGMENTS, file_error};

/// Appends to the history of one room. After an error it is of no use any more: open it again.
#[derive(Debug)]
pub(in super::super) struct HistoryWriter {
    folder: PathBuf,
    room: RoomId,
    bytes_max: u64,
    segment_max: u64,
    segments: VecDeque<Segment>,
    /// The last segment, to be appended to.
    file: Option<File>,
    next: u64,
    last: WallTime,
}

impl HistoryWriter {
    /// Opens the history of `room`, which ends before entry `committed` as the store knows it, and cuts off what
    /// goes beyond. Without a word of the store every whole entry counts.
    ///
    /// # Errors
    /// [`HistoryError`]: it cannot be read, or entries that the store knows of are damaged or missing. A history
    /// without any segment is begun anew.
    pub(in super::super) fn open(
        limits: &HistoryLimits,
        room: RoomId,
        committed: Option<u64>,
    ) -> Result<HistoryWriter, HistoryError> {
        let folder = limits.folder.join(room.to_string());
        create_folder(&folder).map_err(file_error(&folder))?;
        let bytes_max = limits.bytes_max.max(BYTES_LEAST);
        let mut writer = HistoryWriter {
            segments: Segment::list(&folder)?.into(),
            folder,
            room,
            bytes_max,
            segment_max: (bytes_max / SEGMENTS).min(SEGMENT_MAX),
            file: None,
            next: committed.unwrap_or(0),
            last: WallTime(0),
        };
        // What begins beyond the end was made for entries that were never committed.
        while let (Some(end), Some(last)) = (committed, writer.segments.back()) {
            if last.first < end || last.first == 0 {
                break;
            }
            let path = Segment::path(&writer.folder, last.first);
            fs::remove_file(&path).map_err(file_error(&path))?;
            writer.segments.pop_back();
        }
        if let Some(last) = writer.segments.back().cloned() {
            writer.open_last(&last, committed)?;
        }
        Ok(writer)
    }

    /// The number of the entry that will come next: what the store is to commit.
    pub(in super::super) fn end(&self) -> u64 {
        self.next
    }

    /// Appends batches in their order, after a word on those that are missing, and returns when they are durable.
    ///
    /// # Errors
    /// [`HistoryError::File`]; any part may have been written, all of it beyond the end that the store knows.
    pub(in super::super) fn append(
        &mut self,
        missed: u64,
        accepted: &[AcceptedBatch],
    ) -> Result<(), HistoryError> {
        let at = accepted.first().map_or(self.last, |first| first.at);
        let gap = (missed > 0).then_some(Entry::Gap { at, missed });
        let batches = accepted.iter().map(|batch| Entry::Batch { at: batch.at, bytes: batch.bytes.clone() });
        let mut entries = gap.into_iter().chain(batches).peekable();
        while entries.peek().is_some() {
            let used = match self.segments.back() {
                Some(last) if self.file.is_some() && last.bytes < self.segment_max => last.bytes,
                _ => self.begin_segment()?,
            };
            let mut bytes = Vec::new();
            while used + (bytes.len() as u64) < self.segment_max
                && let Some(entry) = entries.next()
            {
                let entry = self.in_order(entry);
                write_entry(&mut bytes, self.next, &entry);
                self.next += 1;
            }
            self.forget_for(bytes.len() as u64)?;
            self.write_durably(&bytes)?;
        }
        Ok(())
    }

    /// Finds the end of the last segment, and cuts off what lies behind it.
    fn open_last(&mut self, last: &Segment, committed: Option<u64>) -> Result<(), HistoryError> {
        let path = Segment::path(&self.folder, last.first);
        let file = OpenOptions::new().read(true).append(true).open(&path).map_err(file_error(&path))?;
        let mut reader = SegmentReader::new(BufReader::new(&file), path.clone(), self.room, last.first)?;
        let mut problem = None;
        while committed.is_none_or(|end| reader.next_number() < end) {
            match reader.next()? {
                Next::Entry(entry) => self.last = self.last.max(entry.at()),
                Next::End => break,
                Next::Torn(what) | Next::Damaged(what) => {
                    problem = Some(what);
                    break;
                }
            }
        }
        let (end, valid) = (reader.next_number(), reader.valid());
        if let Some(committed) = committed.filter(|&committed| end < committed) {
            let problem = problem.unwrap_or_else(|| format!("it ends before entry {end}"));
            let what = format!("{problem}, and the store knows of {committed} entries");
            return Err(HistoryError::Damaged { path, what });
        }
        if valid < last.bytes {
            file.set_len(valid).and_then(|()| file.sync_all()).map_err(file_error(&path))?;
        }
        if let Some(last) = self.segments.back_mut() {
            last.bytes = valid;
        }
        self.next = end;
        self.file = Some(file);
        Ok(())
    }

    /// Makes the next segment, whole under another name first, so that one with a torn head cannot be. Returns
    /// its length.
    fn begin_segment(&mut self) -> Result<u64, HistoryError> {
        let path = Segment::path(&self.folder, self.next);
        let fresh = path.with_extension("log.new");
        let begin = || {
            let mut file = File::create(&fresh)?;
            file.write_all(&head(self.room, self.next))?;
            file.sync_all()?;
            drop(file);
            fs::rename(&fresh, &path)?;
            sync_folder(&self.folder)?;
            OpenOptions::new().append(true).open(&path)
        };
        self.file = Some(begin().map_err(file_error(&path))?);
        self.segments.push_back(Segment { first: self.next, bytes: HEAD_LEN });
        Ok(HEAD_LEN)
    }

    /// Removes the oldest segments, but for the one that is written, until `bytes` more fit.
    fn forget_for(&mut self, bytes: u64) -> Result<(), HistoryError> {
        while self.segments.len() > 1
            && self.segments.iter().map(|segment| segment.bytes).sum::<u64>() + bytes > self.bytes_max
        {
            let oldest = Segment::path(&self.folder, self.segments[0].first);
            match fs::remove_file(&oldest) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(file_error(&oldest)(error));
                }
                _ => self.segments.pop_front(),
            };
        }
        Ok(())
    }

    fn write_durably(&mut self, bytes: &[u8]) -> Result<(), HistoryError> {
        let (Some(file), Some(last)) = (&mut self.file, self.segments.back_mut()) else { return Ok(()) };
        let path = Segment::path(&self.folder, last.first);
        file.write_all(bytes).and_then(|()| file.sync_data()).map_err(file_error(&path))?;
        last.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Times never go back, so that a reader finds its place.
    fn in_order(&mut self, mut entry: Entry) -> Entry {
        let (Entry::Batch { at, .. } | Entry::Gap { at, .. }) = &mut entry;
        *at = (*at).max(self.last);
        self.last = *at;
        entry
    }
}

/// Makes the folder for histories and sees whether it can be written in, so that trouble is told at the start.
///
/// # Errors
/// [`HistoryError::File`].
pub(in super::super) fn prepare(limits: &HistoryLimits) -> Result<(), HistoryError> {
    let probe = limits.folder.join("writable.new");
    create_folder(&limits.folder).map_err(file_error(&limits.folder))?;
    File::create(&probe).and_then(|_| fs::remove_file(&probe)).map_err(file_error(&probe))
}

/// Removes the history of a room, if there is one.
///
/// # Errors
/// [`HistoryError::File`]; some of it may be gone.
pub(in super::super) fn remove(limits: &HistoryLimits, room: RoomId) -> Result<(), HistoryError> {
    let folder = limits.folder.join(room.to_string());
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file_error(&folder)(error)),
        _ => Ok(()),
    }
}

/// Only the owner may look into it.
fn create_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Makes a new name in a folder durable. Elsewhere than on Unix folders cannot be opened, and need not be.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}
