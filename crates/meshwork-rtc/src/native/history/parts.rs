//! Reading a history part by part, for neighbours that ask for it.
//!
//! A segment has no index. Where a part ended is remembered, so that who goes on there does not have the segment read
//! from its beginning again; who begins anywhere else costs up to a segment, 16 MiB.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufReader, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use meshwork_core::id::RoomId;
use meshwork_core::room::history::GAP_BYTES;
use meshwork_core::seam::io::{HistoryEntry, HistoryPart};

use super::read::open_file;
use super::segment::{Next, Segment, SegmentReader};
use super::{Entry, History, HistoryError, file_error};
use crate::native::persist::ReadHistory;

/// Places that are remembered: one for each neighbour of a full room, and some more.
const PLACES_MAX: usize = 32;

/// Reads the histories in a folder.
#[derive(Debug)]
pub struct LogParts {
    folder: PathBuf,
    /// The one used longest ago first.
    places: VecDeque<Place>,
}

/// Where a part ended.
#[derive(Clone, Copy, Debug)]
struct Place {
    room: RoomId,
    segment: u64,
    next: u64,
    valid: u64,
}

type Reader = SegmentReader<BufReader<File>>;

impl LogParts {
    /// The histories in the folder that holds all of them.
    pub fn new(folder: &Path) -> LogParts {
        LogParts { folder: folder.to_owned(), places: VecDeque::new() }
    }

    /// The entries from number `from` on, or from the oldest one, until they have `bytes` bytes of batches; at least
    /// one, if there is one. With 0 bytes, none.
    ///
    /// # Errors
    /// [`HistoryError`] when it cannot be read or is damaged.
    pub fn read_part(&mut self, room: RoomId, from: u64, bytes: u32) -> Result<HistoryPart, HistoryError> {
        let history = History::new(&self.folder, room);
        let segments = Segment::list(&history.folder)?;
        let Some(oldest) = segments.first() else {
            return Ok(HistoryPart { is_end: true, ..HistoryPart::default() });
        };
        let mut part = HistoryPart {
            first: oldest.first,
            // Only who asks how far it reaches wants to know, and it costs another file to be opened.
            since: if bytes == 0 { history.first_time(oldest)? } else { None },
            bytes: segments.iter().map(|segment| segment.bytes).sum(),
            next: from.max(oldest.first),
            ..HistoryPart::default()
        };
        if bytes == 0 {
            return Ok(part);
        }
        let mut left = bytes as usize;
        let Some((mut segment, mut reader)) = self.open(&history, &segments, part.next)? else {
            // It was removed this moment: the oldest segment is another now.
            return self.read_part(room, part.next, bytes);
        };
        loop {
            let place = Place { room, segment, next: reader.next_number(), valid: reader.valid() };
            match reader.next()? {
                Next::Entry(_) if place.next < part.next => continue,
                Next::Entry(entry) => {
                    let cost = match &entry {
                        Entry::Batch { bytes, .. } => bytes.len(),
                        Entry::Gap { .. } => GAP_BYTES,
                    };
                    if cost > left && !part.entries.is_empty() {
                        self.remember(place);
                        return Ok(part);
                    }
                    left = left.saturating_sub(cost);
                    part.entries.push(numbered(place.next, entry));
                    part.next = place.next + 1;
                    continue;
                }
                Next::End => {}
                // A keeper may be writing the end of the last segment this moment.
                Next::Torn(_) | Next::Damaged(_)
                    if segments.last().is_some_and(|last| last.first == segment) => {}
                Next::Torn(what) | Next::Damaged(what) => return Err(reader.damaged(what)),
            }
            let successor =
                segments.iter().find(|successor| successor.first == place.next && place.next != segment);
            let following = match successor {
                Some(successor) => history.open(successor.first)?,
                None => None,
            };
            match following {
                Some(following) => (segment, reader) = (place.next, following),
                None => {
                    self.remember(place);
                    part.next = place.next.max(part.first);
                    part.is_end = true;
                    return Ok(part);
                }
            }
        }
    }

    /// Opens the segment with entry `next`, where it was left if it was read before.
    fn open(
        &mut self,
        history: &History,
        segments: &[Segment],
        next: u64,
    ) -> Result<Option<(u64, Reader)>, HistoryError> {
        let known = self.places.iter().position(|place| place.room == history.room && place.next == next);
        if let Some(place) = known.and_then(|known| self.places.remove(known)) {
            let path = Segment::path(&history.folder, place.segment);
            let Some(file) = open_file(&path)? else { return Ok(None) };
            let mut file = BufReader::new(file);
            file.seek(SeekFrom::Start(place.valid)).map_err(file_error(&path))?;
            return Ok(Some((place.segment, SegmentReader::resume(file, path, next, place.valid))));
        }
        let behind = segments.partition_point(|segment| segment.first <= next);
        let first = segments[behind.saturating_sub(1)].first;
        Ok(history.open(first)?.map(|reader| (first, reader)))
    }

    fn remember(&mut self, place: Place) {
        if self.places.len() == PLACES_MAX {
            self.places.pop_front();
        }
        self.places.push_back(place);
    }
}

impl ReadHistory for LogParts {
    fn read(&mut self, room: RoomId, from: u64, bytes: u32) -> Result<HistoryPart, String> {
        self.read_part(room, from, bytes).map_err(|error| error.to_string())
    }
}

fn numbered(number: u64, entry: Entry) -> HistoryEntry {
    match entry {
        Entry::Batch { at, bytes } => HistoryEntry::Batch { number, at, bytes },
        Entry::Gap { at, missed } => HistoryEntry::Gap { number, at, missed },
    }
}
