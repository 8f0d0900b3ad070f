//! What a reader of a history finds after writers that came, went and were torn away.

use std::fs;
use std::path::Path;

use meshwork_core::id::{Endpoint, Instance, PeerId, RoomId};
use meshwork_core::seam::io::{AcceptedBatch, HistoryEntry};
use meshwork_core::signed::batch::BatchKey;
use meshwork_core::signed::list::ShortId;
use proptest::prelude::*;

use super::segment::Segment;
use super::*;

const ROOM: RoomId = RoomId([7; 32]);

fn limits(folder: &Path, bytes_max: u64) -> HistoryLimits {
    HistoryLimits { folder: folder.to_owned(), bytes_max }
}

fn batch(millis: u64, bytes: &[u8]) -> AcceptedBatch {
    let author = Endpoint { peer: PeerId([1; 32]), instance: Instance(1) };
    let key = BatchKey { author, sequence: millis, id: ShortId([0; 16]) };
    AcceptedBatch { key, at: WallTime::from_millis(millis), bytes: bytes.to_vec() }
}

fn entry(millis: u64, bytes: &[u8]) -> Entry {
    Entry::Batch { at: WallTime::from_millis(millis), bytes: bytes.to_vec() }
}

fn all(folder: &Path) -> Vec<Entry> {
    let entries = History::new(folder, ROOM).since(WallTime(0)).unwrap();
    entries.collect::<Result<_, _>>().unwrap()
}

fn segments(folder: &Path) -> Vec<Segment> {
    Segment::list(&folder.join(ROOM.to_string())).unwrap()
}

#[test]
fn appended_batches_read_in_order_from_any_time() {
    let folder = tempfile::tempdir().unwrap();
    let limits = limits(folder.path(), 0);
    let mut writer = HistoryWriter::open(&limits, ROOM, None).unwrap();
    writer.append(0, &[batch(10, b"one"), batch(20, b"two")]).unwrap();
    let end = writer.end();
    drop(writer);
    let mut writer = HistoryWriter::open(&limits, ROOM, Some(end)).unwrap();
    // The clock was set back meanwhile.
    writer.append(3, &[batch(15, b"three"), batch(30, b"four")]).unwrap();
    assert_eq!(writer.end(), 5);
    let gap = Entry::Gap { at: WallTime::from_millis(20), missed: 3 };
    let wanted = [entry(10, b"one"), entry(20, b"two"), gap, entry(20, b"three"), entry(30, b"four")];
    assert_eq!(all(folder.path()), wanted);
    let history = History::new(folder.path(), ROOM);
    let late: Vec<_> = history.since(WallTime::from_millis(21)).unwrap().map(Result::unwrap).collect();
    assert_eq!(late, [entry(30, b"four")]);
    let summary = history.summary().unwrap();
    assert_eq!((summary.batches, summary.missed, summary.forgotten), (4, 3, 0));
    assert_eq!(summary.first.zip(summary.last), Some((WallTime(10_000), WallTime(30_000))));
    assert_eq!(History::rooms(folder.path()).unwrap(), [ROOM]);
}

#[test]
fn a_room_without_a_history_has_no_entries() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere");
    assert_eq!(History::rooms(&nowhere).unwrap(), []);
    assert_eq!(History::new(&nowhere, ROOM).summary().unwrap(), Summary::default());
}

#[test]
fn the_oldest_entries_are_forgotten_beyond_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let limits = limits(folder.path(), BYTES_LEAST);
    let mut writer = HistoryWriter::open(&limits, ROOM, None).unwrap();
    for number in 0..300_u64 {
        let batches: Vec<_> = (0..8).map(|_| batch(number, &[number as u8; 1000])).collect();
        writer.append(0, &batches).unwrap();
        let bytes: u64 = segments(folder.path()).iter().map(|segment| segment.bytes).sum();
        assert!(bytes <= BYTES_LEAST, "{bytes} bytes after {number}");
    }
    let summary = History::new(folder.path(), ROOM).summary().unwrap();
    assert_eq!(summary.forgotten + summary.batches, 2400, "from some number on everything is there");
    assert!(summary.batches > 800 && summary.forgotten > 1000, "{summary:?}");
    assert!(summary.first.unwrap() > WallTime(0), "it says how far back it reaches");
    // A reader that asks for the end does not read from the beginning.
    let entries = History::new(folder.path(), ROOM).since(WallTime::from_millis(299)).unwrap();
    assert_eq!(entries.map(Result::unwrap).count(), 8);
    let end = writer.end();
    drop(writer);
    assert_eq!(HistoryWriter::open(&limits, ROOM, Some(end)).unwrap().end(), 2400);
}

#[test]
fn a_large_group_goes_over_several_segments() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = HistoryWriter::open(&limits(folder.path(), BYTES_LEAST), ROOM, None).unwrap();
    let batches: Vec<_> = (0..10).map(|number| batch(number, &[number as u8; 60_000])).collect();
    writer.append(0, &batches).unwrap();
    assert!(segments(folder.path()).len() >= 5);
    assert_eq!(all(folder.path()).len(), 10);
}

#[test]
fn history_matches_what_the_store_knows() {
    let folder = tempfile::tempdir().unwrap();
    let limits = limits(folder.path(), BYTES_LEAST);
    let mut writer = HistoryWriter::open(&limits, ROOM, None).unwrap();
    for number in 0..20 {
        writer.append(0, &[batch(number, &[number as u8; 20_000])]).unwrap();
    }
    drop(writer);
    let before = segments(folder.path()).len();
    let writer = HistoryWriter::open(&limits, ROOM, Some(5)).unwrap();
    assert_eq!((writer.end(), all(folder.path()).len()), (5, 5));
    assert!(segments(folder.path()).len() < before);
    drop(writer);
    let error = HistoryWriter::open(&limits, ROOM, Some(6)).unwrap_err().to_string();
    assert!(error.contains("damaged") && error.contains("6 entries"), "{error}");
    // Moved away as a whole it begins anew, behind what was counted.
    fs::remove_dir_all(folder.path().join(ROOM.to_string())).unwrap();
    let mut writer = HistoryWriter::open(&limits, ROOM, Some(6)).unwrap();
    writer.append(0, &[batch(50, b"new")]).unwrap();
    assert_eq!((writer.end(), all(folder.path())), (7, vec![entry(50, b"new")]));
    assert_eq!(History::new(folder.path(), ROOM).summary().unwrap().forgotten, 6);
}

#[test]
fn changed_entries_are_told_and_torn_ones_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let limits = limits(folder.path(), BYTES_LEAST);
    HistoryWriter::open(&limits, ROOM, None)
        .unwrap()
        .append(0, &[batch(1, b"one"), batch(2, b"two")])
        .unwrap();
    let path = Segment::path(&folder.path().join(ROOM.to_string()), 0);
    let whole = fs::read(&path).unwrap();
    let history = History::new(folder.path(), ROOM);
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let summary = history.summary().unwrap();
    assert_eq!((summary.batches, summary.damage), (1, None));
    let mut changed = whole.clone();
    *changed.last_mut().unwrap() ^= 1;
    fs::write(&path, changed).unwrap();
    let summary = history.summary().unwrap();
    assert_eq!(summary.damage.as_deref(), Some("the checksum of entry 1 does not hold"));
    assert_eq!(summary.batches, 1);
}

#[test]
fn another_rooms_or_newer_history_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let limits = limits(folder.path(), BYTES_LEAST);
    HistoryWriter::open(&limits, ROOM, None).unwrap().append(0, &[batch(1, b"one")]).unwrap();
    let path = Segment::path(&folder.path().join(ROOM.to_string()), 0);
    let whole = fs::read(&path).unwrap();
    for (place, value) in [(0, b'x'), (20, 1), (50, 1)] {
        let mut changed = whole.clone();
        changed[place] = value;
        fs::write(&path, changed).unwrap();
        assert!(matches!(HistoryWriter::open(&limits, ROOM, None), Err(HistoryError::Damaged { .. })));
        assert!(History::new(folder.path(), ROOM).summary().is_err());
    }
    let mut newer = whole.clone();
    newer[15] = 2;
    fs::write(&path, newer).unwrap();
    assert!(matches!(HistoryWriter::open(&limits, ROOM, None), Err(HistoryError::Version { .. })));
}

#[test]
fn a_historys_bytes_are_the_documented_ones() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = HistoryWriter::open(&limits(folder.path(), 0), ROOM, None).unwrap();
    writer.append(2, &[batch(1_790_000_000_000, b"batch")]).unwrap();
    let bytes = fs::read(Segment::path(&folder.path().join(ROOM.to_string()), 0)).unwrap();
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let page: String = include_str!("../../../../../docs/protocol/history.md").split_whitespace().collect();
    assert!(page.contains(&text), "docs/protocol/history.md shows other bytes than {text}");
}

proptest! {
    // Every case waits for the disk a few times.
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Wherever a crash tears the file, and whatever the tail then has, the whole entries before it are there
    /// and appending goes on.
    #[test]
    fn a_torn_tail_is_cut_off(lengths in prop::collection::vec(0_usize..300, 1..20), cut: prop::sample::Index, noise: Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let limits = limits(folder.path(), BYTES_LEAST);
        let mut writer = HistoryWriter::open(&limits, ROOM, None).unwrap();
        let mut ends = vec![super::segment::HEAD_LEN];
        for (number, length) in lengths.iter().enumerate() {
            writer.append(0, &[batch(number as u64, &vec![number as u8; *length])]).unwrap();
            ends.push(segments(folder.path())[0].bytes);
        }
        drop(writer);
        let path = Segment::path(&folder.path().join(ROOM.to_string()), 0);
        let whole = fs::read(&path).unwrap();
        let cut = super::segment::HEAD_LEN as usize + cut.index(whole.len() - super::segment::HEAD_LEN as usize + 1);
        let mut torn = whole[..cut].to_vec();
        torn.extend(&noise);
        fs::write(&path, torn).unwrap();
        let intact = ends.iter().filter(|&&end| end <= cut as u64).count() - 1;
        // A reader without the store, and a writer with it, stop at the same place.
        let reread = all(folder.path());
        prop_assert!(reread.len() >= intact);
        let mut writer = HistoryWriter::open(&limits, ROOM, Some(intact as u64)).unwrap();
        writer.append(0, &[batch(1000, b"next")]).unwrap();
        let entries = all(folder.path());
        prop_assert_eq!(entries.len(), intact + 1);
        prop_assert_eq!(&entries[intact], &entry(1000, b"next"));
        for (number, length) in lengths.iter().take(intact).enumerate() {
            prop_assert_eq!(&entries[number], &entry(number as u64, &vec![number as u8; *length]));
        }
    }

    /// Rubbish is refused in words, never read past its length, never a panic.
    #[test]
    fn rubbish_is_no_history(mut bytes: Vec<u8>, with_head: bool) {
        let folder = tempfile::tempdir().unwrap();
        let room = folder.path().join(ROOM.to_string());
        fs::create_dir_all(&room).unwrap();
        if with_head {
            bytes = [super::segment::head(ROOM, 0), bytes].concat();
        }
        fs::write(Segment::path(&room, 0), &bytes).unwrap();
        let read = History::new(folder.path(), ROOM).summary();
        prop_assert_eq!(read.is_ok(), with_head);
        prop_assert_eq!(HistoryWriter::open(&limits(folder.path(), 0), ROOM, None).is_ok(), with_head);
    }
}

#[test]
fn parts_follow_across_segments_and_during_writing() {
    let folder = tempfile::tempdir().unwrap();
    let limits = limits(folder.path(), 0);
    let mut writer = HistoryWriter::open(&limits, ROOM, None).unwrap();
    let bytes = |number: u64| [&number.to_be_bytes()[..], &[7; 600]].concat();
    let write = |writer: &mut HistoryWriter, numbers: std::ops::Range<u64>, missed| {
        let batches: Vec<_> = numbers.map(|number| batch(number, &bytes(number))).collect();
        writer.append(missed, &batches).unwrap();
    };
    write(&mut writer, 0..500, 0);
    assert!(segments(folder.path()).len() > 2);
    let mut parts = LogParts::new(folder.path());
    let mut read = |mut from: u64| {
        let mut numbers = Vec::new();
        loop {
            let part = parts.read_part(ROOM, from, 10_000).unwrap();
            let cost: usize = part
                .entries
                .iter()
                .map(|entry| if let HistoryEntry::Batch { bytes, .. } = entry { bytes.len() } else { 64 })
                .sum();
            assert!(cost <= 10_000, "{cost} bytes");
            numbers.extend(part.entries.iter().map(|entry| match entry {
                HistoryEntry::Batch { number, bytes, .. } => {
                    (*number, u64::from_be_bytes(bytes[..8].try_into().unwrap()))
                }
                HistoryEntry::Gap { number, missed, .. } => (*number, 1_000_000 + missed),
            }));
            from = part.next;
            if part.is_end {
                return (part.first, numbers, from);
            }
        }
    };
    let (first, numbers, end) = read(0);
    assert_eq!((first, numbers.len(), end), (0, 500, 500));
    assert!(
        numbers
            .iter()
            .enumerate()
            .all(|(place, (number, batch))| (place as u64, *number) == (*number, *batch))
    );
    write(&mut writer, 500..510, 9);
    let (_, numbers, end) = read(500);
    assert_eq!((numbers[0], numbers[1], end), ((500, 1_000_009), (501, 500), 511));
    // Anywhere, and where nothing is yet.
    assert_eq!(read(123).1[0], (123, 123));
    assert_eq!((read(9999).1.len(), read(9999).2), (0, 511));
    // The oldest entries are forgotten: it begins with those that are left.
    write(&mut writer, 510..2500, 0);
    let (first, numbers, _) = read(0);
    assert!(first > 0 && numbers[0].0 == first, "{first}");
    let span = LogParts::new(folder.path()).read_part(ROOM, 0, 0).unwrap();
    assert_eq!((span.first, span.entries.len()), (first, 0));
    assert!(span.since.is_some() && span.bytes > 500_000);
    let empty = LogParts::new(folder.path()).read_part(RoomId([8; 32]), 0, 9).unwrap();
    assert!(empty.is_end && empty.since.is_none());
}
