//! How much waits for a record, and how many records and contradictions there are.

use super::*;

/// A batch under a record that nobody knows.
fn unruled(instance: u64) -> SignedBatch {
    batch((1, instance, 1), UNKNOWN, None, 5, &[(0, 1)])
}

#[test]
fn batches_waiting_for_their_record_are_limited() {
    let mut room = room(2);
    let waiting = |room: &Room| {
        let (waiting, _) = room.kept.rules.waiting();
        (waiting.len(), waiting.front().map(|(_, batch, _)| batch.header().author.instance.0))
    };
    for instance in 0..UNRULED_MAX as u64 {
        hear(&mut room, now(10), endpoint(3, 1), live(&unruled(instance)));
    }
    assert_eq!(waiting(&room), (UNRULED_MAX, Some(0)));
    hear(&mut room, now(10), endpoint(3, 1), live(&unruled(UNRULED_MAX as u64)));
    assert_eq!(waiting(&room), (UNRULED_MAX, Some(1)), "the oldest gives way");
}

#[test]
fn bytes_of_batches_waiting_for_records_are_limited() {
    let mut room = room(2);
    let values: Vec<_> = (0..PART).map(|place| (place, place)).collect();
    let payload = Board::payloads(&values).remove(0);
    let mut sent = 0;
    for instance in 0.. {
        let author = endpoint(1, instance);
        let window = StampWindow::at(stamp(5));
        let header = Header { record: UNKNOWN, ..Header::new(author, 1, window, PART) };
        let batch = SignedBatch::sign(&identity(1), &room_id(), &header, &payload).unwrap();
        let length = batch.bytes().len();
        sent += length;
        hear(&mut room, now(10), endpoint(3, 1), live(&batch));
        let (waiting, bytes) = room.kept.rules.waiting();
        let kept: usize = waiting.iter().map(|(_, batch, _)| batch.bytes().len()).sum();
        assert_eq!(bytes, kept);
        if sent > UNRULED_BYTES_MAX {
            assert!((UNRULED_BYTES_MAX - 2 * length..=UNRULED_BYTES_MAX).contains(&kept), "{kept}");
            break;
        }
        assert_eq!(kept, sent);
    }
    assert!(room.kept.rules.waiting().0.len() < UNRULED_MAX);
}

#[test]
fn moderators_records_are_bounded_by_hash() {
    let mut room = room(2);
    let first = record(0, 1, &[], vec![Change::Appoint(peers(&[1]))], None);
    tell(&mut room, now(10_000), endpoint(3, 1), &first);
    let edict = |millis| record(1, millis, &[&first], vec![retract(None, 5, &[])], None);
    let edicts: Vec<WithList> = (2..12 + EDICTS_MAX as u64).map(edict).collect();
    edicts.iter().for_each(|edict| tell(&mut room, now(10_000), endpoint(3, 1), edict));
    let mut first: Vec<[u8; 32]> = edicts.iter().map(|(record, _)| record.hash()).collect();
    first = sorted(first);
    first.truncate(EDICTS_MAX);
    let held: Vec<_> = room.kept().records().book().edicts().map(|(record, _)| record.hash()).collect();
    assert!(held == first);
    assert_eq!(offences(&mut room), [], "whoever passes them on may hold them");
}

#[test]
fn contradictions_compete_and_are_told() {
    let mut room = room(2);
    for instance in 1..=100 {
        for bits in [1, 2] {
            let batch = free((1, instance, 1), 5, &[(instance as u32 % PART, bits)]);
            hear(&mut room, now(10), endpoint(3, 1), live(&batch));
        }
    }
    let is_told = |output: &RoomOutput| matches!(output, RoomOutput::Event(Event::Equivocation { .. }));
    assert_eq!(outputs(&mut room).iter().filter(|output| is_told(output)).count(), 64);
    assert_eq!((board(&room).value(1), board(&room).shown()), (Some(2), PART as usize));
}
