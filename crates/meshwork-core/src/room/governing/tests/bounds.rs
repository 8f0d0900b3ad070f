//! How much waits for a record, and how many records and contradictions there are.

use super::*;
use crate::room::rules::ledger::BATCH_BYTES_LEAST;
use crate::signed::header::Family;
use crate::table::{Write, payloads};

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

/// Rows of a table, each in a batch of its own.
fn rows(author: u8, count: u64) -> Vec<SignedBatch> {
    let replica = ReplicaNumber::new(GENESIS_SLOT, Family::ByValue).unwrap();
    let row = |sequence: u64| {
        let write = Write { row: vec![author, sequence as u8], field: vec![0], value: Some(vec![1]) };
        let payload = payloads(peer(author), &[write]).unwrap().remove(0);
        let header =
            Header { replica, ..Header::new(endpoint(author, 1), sequence, StampWindow::at(stamp(5)), 2) };
        SignedBatch::sign(&identity(author), &room_id(), &header, &payload).unwrap()
    };
    (1..=count).map(row).collect()
}

const MOST: usize = 64;
const FLOODERS: core::ops::Range<u8> = 10..20;
/// The owner, a moderator, and a stranger, and how much each wrote that is no flood.
const HONEST: [(u8, u64); 3] = [(0, 10), (3, 10), (4, 2)];

fn flooded_table() -> ReplicaNumber {
    ReplicaNumber::new(GENESIS_SLOT, Family::ByValue).unwrap()
}

fn appointed() -> WithList {
    record(0, 1, &[], vec![Change::Appoint(peers(&[3]))], None)
}

fn held(room: &Room, author: u8) -> usize {
    let table = room.kept.replicas.get(flooded_table()).unwrap();
    table.batches().filter(|batch| batch.peer() == peer(author)).count()
}

/// The same room at somebody else, who holds at most so much.
fn room_of(peer: u8, held_bytes_max: usize) -> Room {
    let (genesis, bytes, id) = Genesis::of_test(&identity(0));
    let config = Config { held_bytes_max, ..Config::default() };
    Room::new(
        RoomHandle(1),
        id,
        genesis,
        bytes,
        crate::room::Makers::new(toy::make),
        endpoint(peer, 1),
        &config,
    )
}

/// A member that holds a flood, and one that gave most of it up.
fn flooded() -> [Room; 2] {
    let mut large = room(2);
    tell(&mut large, now(10), endpoint(9, 1), &appointed());
    let flood = FLOODERS.map(|author| (author, 20));
    for batch in flood.chain(HONEST).flat_map(|(author, count)| rows(author, count)) {
        hear(&mut large, now(10), endpoint(9, 1), live(&batch));
        while large.verify(now(10), 64) > 0 {}
    }
    let mut rooms = [large, room_of(5, MOST * BATCH_BYTES_LEAST)];
    talk(&mut rooms, 100);
    rooms
}

#[test]
fn members_give_up_what_strangers_flood() {
    let table = flooded_table();
    let mut rooms = flooded();
    let small = &rooms[1];
    let all = small.kept.replicas.get(table).unwrap().batch_count();
    assert!((MOST / 2..=MOST).contains(&all), "{all} batches are held");
    assert_eq!(HONEST.map(|(author, _)| held(small, author)), [10, 10, 2], "who wrote little loses nothing");
    let others =
        [(0, 1), (1, 0)].map(|(one, other): (usize, usize)| rooms[one].kept.is_in_step(rooms[other].kept.me));
    assert_eq!(others, [true; 2], "nothing more is fetched");
    let lacks = rooms[0].kept.comparison.lacks(endpoint(5, 1), &rooms[0].kept.replicas);
    assert_eq!(lacks, [table], "what it holds of it is not counted on");

    let flooders: Vec<u8> = FLOODERS.collect();
    let banned = vec![Change::Ban(peers(&flooders))];
    let ban = record(0, 100_000, &[&appointed()], banned, Some((0, vec![])));
    tell(&mut rooms[0], now(100_000), endpoint(9, 1), &ban);
    talk(&mut rooms, 100_000);
    assert_eq!(rooms.each_ref().map(|room| room.kept.replicas.get(table).unwrap().batch_count()), [22; 2]);
    let digests = rooms.each_ref().map(|room| room.kept.replicas.get(table).unwrap().digest());
    assert_eq!(digests[0], digests[1], "it is compared again");
    assert!(rooms[1].kept.replicas.apart().is_empty());
}

#[test]
fn who_gave_up_hands_on_and_catches_up() {
    let [mut large, small] = flooded();
    let mut rooms = [small, room_of(6, Config::default().held_bytes_max)];
    talk(&mut rooms, 100_000);
    let counts = rooms.each_ref().map(|room| room.kept.replicas.get(flooded_table()).unwrap().batch_count());
    assert_eq!(counts[0], counts[1], "a newcomer gets all that is left");
    assert_eq!(HONEST.map(|(author, _)| held(&rooms[1], author)), [10, 10, 2]);
    assert!(rooms[1].kept.is_in_step(rooms[0].kept.me));

    // A moderator and a stranger write while the small one is away.
    for batch in [rows(3, 12), rows(4, 12)].concat() {
        hear(&mut large, now(200_000), endpoint(9, 1), live(&batch));
        while large.verify(now(200_000), 64) > 0 {}
    }
    outputs(&mut large);
    let [mut small, _] = rooms;
    small.handle_detached(now(200_000), large.kept.me, false);
    large.handle_detached(now(200_000), small.kept.me, false);
    let mut rooms = [large, small];
    talk(&mut rooms, 200_000);
    assert_eq!([3, 4].map(|author| held(&rooms[1], author)), [12, 2], "strangers' were too much already");
}
