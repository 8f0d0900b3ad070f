//! Segments of a history: their names, their head, and their entries with checksums.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use meshwork_core::id::RoomId;
use meshwork_core::signed::batch::BATCH_MAX;
use meshwork_core::time::WallTime;

use super::{Entry, HistoryError, file_error};

/// What every segment begins with.
const MAGIC: &[u8; 15] = b"meshwork-histor";
/// The form of what follows.
const FORMAT: u8 = 1;
/// Bytes of a segment's head: magic, format, room, number of the first entry.
pub(super) const HEAD_LEN: u64 = 16 + 32 + 8;
/// Bytes before the body of an entry: length and checksum.
const PREFIX_LEN: usize = 4 + CHECKSUM_LEN;
const CHECKSUM_LEN: usize = 8;
/// Bytes of a body besides a batch: kind and time.
const BODY_HEAD_LEN: usize = 1 + 8;
/// Longest body.
const BODY_MAX: usize = BODY_HEAD_LEN + BATCH_MAX;
const KIND_BATCH: u8 = 1;
const KIND_GAP: u8 = 2;

/// A segment as its name and its folder tell of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Segment {
    /// The number of its first entry.
    pub(super) first: u64,
    /// Bytes on disk.
    pub(super) bytes: u64,
}

impl Segment {
    /// Where the segment lies that begins with this entry.
    pub(super) fn path(folder: &Path, first: u64) -> PathBuf {
        folder.join(format!("{first:016x}.log"))
    }

    /// The segments in a folder, in order. Files of other names are none; no folder has no segments.
    pub(super) fn list(folder: &Path) -> Result<Vec<Segment>, HistoryError> {
        let files = match fs::read_dir(folder) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(file_error(folder)(error)),
        };
        let mut segments = Vec::new();
        for file in files {
            let file = file.map_err(file_error(folder))?;
            let name = file.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(".log"));
            let number = number.filter(|number| number.len() == 16);
            let Some(first) = number.and_then(|number| u64::from_str_radix(number, 16).ok()) else {
                continue;
            };
            // The oldest segment may be removed meanwhile.
            let Ok(facts) = file.metadata() else { continue };
            segments.push(Segment { first, bytes: facts.len() });
        }
        segments.sort();
        Ok(segments)
    }
}

/// The head of a segment.
pub(super) fn head(room: RoomId, first: u64) -> Vec<u8> {
    [&MAGIC[..], &[FORMAT], &room.0, &first.to_be_bytes()].concat()
}

/// Appends an entry's bytes to `out`.
pub(super) fn write_entry(out: &mut Vec<u8>, number: u64, entry: &Entry) {
    let mut body = Vec::new();
    let (kind, rest) = match entry {
        Entry::Batch { bytes, .. } => (KIND_BATCH, bytes.as_slice()),
        Entry::Gap { missed, .. } => (KIND_GAP, &missed.to_be_bytes()[..]),
    };
    body.push(kind);
    body.extend(entry.at().as_millis().to_be_bytes());
    body.extend(rest);
    out.extend((body.len() as u32).to_be_bytes());
    out.extend(checksum(number, &body));
    out.extend(body);
}

/// Reads a segment from its head on.
pub(super) struct SegmentReader<R> {
    file: R,
    path: PathBuf,
    next: u64,
    /// Bytes up to the end of the last entry that was read.
    valid: u64,
}

/// What a segment has next.
pub(super) enum Next {
    Entry(Entry),
    /// The file ends here.
    End,
    /// The file ends within an entry: its writer is about to go on, or was killed; in words.
    Torn(String),
    /// What follows was changed; in words.
    Damaged(String),
}

impl<R: Read> SegmentReader<R> {
    /// Reads and checks the head.
    pub(super) fn new(
        mut file: R,
        path: PathBuf,
        room: RoomId,
        first: u64,
    ) -> Result<SegmentReader<R>, HistoryError> {
        let mut found = [0; HEAD_LEN as usize];
        let length = read_up_to(&mut file, &mut found).map_err(file_error(&path))?;
        let wanted = head(room, first);
        if found[..MAGIC.len()] == MAGIC[..] && found[MAGIC.len()] > FORMAT {
            return Err(HistoryError::Version { path });
        }
        if found[..length] != wanted[..] {
            let what = String::from("its first bytes are not those of this room's history");
            return Err(HistoryError::Damaged { path, what });
        }
        Ok(SegmentReader { file, path, next: first, valid: HEAD_LEN })
    }

    /// Goes on in a file that was read before up to `valid` bytes and stands there.
    pub(super) fn resume(file: R, path: PathBuf, next: u64, valid: u64) -> SegmentReader<R> {
        SegmentReader { file, path, next, valid }
    }

    /// The number of the entry that comes next.
    pub(super) fn next_number(&self) -> u64 {
        self.next
    }

    /// That something is wrong with the content of this file.
    pub(super) fn damaged(&self, what: String) -> HistoryError {
        HistoryError::Damaged { path: self.path.clone(), what }
    }

    /// Bytes up to the end of the last whole entry.
    pub(super) fn valid(&self) -> u64 {
        self.valid
    }

    /// Reads the next entry.
    ///
    /// # Errors
    /// When the file cannot be read. What is wrong with its content is no error but [`Next::Torn`] or [`Next::Damaged`].
    pub(super) fn next(&mut self) -> Result<Next, HistoryError> {
        let mut prefix = [0; PREFIX_LEN];
        let length = read_up_to(&mut self.file, &mut prefix).map_err(file_error(&self.path))?;
        if length == 0 {
            return Ok(Next::End);
        }
        let torn = |next: u64| Ok(Next::Torn(format!("entry {next} is cut off")));
        if length < PREFIX_LEN {
            return torn(self.next);
        }
        let body_len = u32::from_be_bytes([prefix[0], prefix[1], prefix[2], prefix[3]]) as usize;
        if !(BODY_HEAD_LEN..=BODY_MAX).contains(&body_len) {
            return Ok(Next::Damaged(format!("entry {} says that it has {body_len} bytes", self.next)));
        }
        let mut body = vec![0; body_len];
        if read_up_to(&mut self.file, &mut body).map_err(file_error(&self.path))? < body_len {
            return torn(self.next);
        }
        if prefix[4..] != checksum(self.next, &body) {
            return Ok(Next::Damaged(format!("the checksum of entry {} does not hold", self.next)));
        }
        let Some(entry) = read_body(&body) else {
            return Ok(Next::Damaged(format!("entry {} is of unknown kind {}", self.next, body[0])));
        };
        self.next += 1;
        self.valid += (PREFIX_LEN + body_len) as u64;
        Ok(Next::Entry(entry))
    }
}

fn read_body(body: &[u8]) -> Option<Entry> {
    let (head, rest) = body.split_at(BODY_HEAD_LEN);
    let at = WallTime::from_millis(u64::from_be_bytes(head[1..].try_into().ok()?));
    match head[0] {
        KIND_BATCH => Some(Entry::Batch { at, bytes: rest.to_vec() }),
        KIND_GAP => Some(Entry::Gap { at, missed: u64::from_be_bytes(rest.try_into().ok()?) }),
        _ => None,
    }
}

/// Over the number too, so that an entry cannot stand in another's place.
fn checksum(number: u64, body: &[u8]) -> [u8; CHECKSUM_LEN] {
    let mut hasher = blake3::Hasher::new_derive_key("meshwork history entry v1");
    hasher.update(&number.to_be_bytes()).update(body);
    let mut sum = [0; CHECKSUM_LEN];
    sum.copy_from_slice(&hasher.finalize().as_bytes()[..CHECKSUM_LEN]);
    sum
}

/// Fills `buffer` as far as the file goes.
fn read_up_to(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}
