//! Tables by time of which the owner says for how long they keep their rows.

use core::num::NonZero;

use super::*;
use crate::signed::app::CONVERSATION_SLOT;
use crate::signed::change::Age;
use crate::signed::genesis::Commons;
use crate::signed::header::Family;
use crate::table::{Table, Write, Writer, payloads};
use crate::wire::BoundedText;

const DAY: u64 = 24 * 60 * 60 * 1000;
/// In microseconds.
const THIRTY_DAYS: i64 = 1000 * (30 * DAY) as i64;

fn number() -> ReplicaNumber {
    ReplicaNumber::new(CONVERSATION_SLOT, Family::ByTime).unwrap()
}

fn age(days: u16) -> Act<'static> {
    Act::Age(Age { replica: number(), days: NonZero::new(days) })
}

/// A row of so many days ago.
fn row(days: u64) -> Vec<u8> {
    [&(START - days * DAY).to_be_bytes()[2..], &[9; 8]].concat()
}

fn write(room: &mut Room, author: u8, at: Now, days: u64) -> Result<(), WriteError> {
    let field = Writer::Peer(peer(author)).field(b"text");
    let payloads = payloads(peer(author), &[Write::value(row(days), field, "v")]).unwrap();
    room.write(at, &identity(author), number(), payloads).map(drop)
}

fn days(room: &Room) -> Vec<u64> {
    let table: &Table = room.kept().replicas().get(number()).unwrap().as_any().unwrap();
    let mut days: Vec<u64> =
        (0..50).filter(|days| table.entries(b"").any(|entry| entry.row() == row(*days))).collect();
    days.dedup();
    days
}

/// The links of the last room to the others are cut.
fn cut_off(rooms: &mut [Room], at: Now) {
    let endpoints: Vec<Endpoint> = rooms.iter().map(|room| room.kept.me).collect();
    let (last, others) = rooms.split_last_mut().unwrap();
    for (room, endpoint) in others.iter_mut().zip(&endpoints) {
        room.handle_detached(at, last.kept.me, false);
        last.handle_detached(at, *endpoint, false);
    }
}

/// How many batches a room wants removed from its store, in which nothing is wrong.
fn removed(room: &mut Room, at: Now) -> usize {
    let mut count = 0;
    while let Some(output) = room.poll_output() {
        let is_failure = matches!(output, RoomOutput::Event(Event::StorageFailed { .. }));
        assert!(!is_failure, "what became old is no fault: {output:?}");
        if let RoomOutput::Persist { token, change } = output {
            count += change.remove.len();
            room.handle_persisted(at, token, Ok(()));
        }
    }
    count
}

/// Programs of the owner and of two others, who all have what one of them wrote so many days ago.
fn rooms_with(ages: [u64; 4]) -> [Room; 3] {
    let mut rooms = [room(0), room(2), room(4)];
    for days in ages {
        write(&mut rooms[1], 2, now(days), days).unwrap();
    }
    talk(&mut rooms, 10);
    rooms
}

#[test]
fn what_is_too_old_is_given_up_everywhere() {
    let owner = identity(0);
    let mut rooms = rooms_with([0, 3, 8, 20]);
    assert_eq!(days(&rooms[0]), [0, 3, 8, 20]);

    cut_off(&mut rooms, now(69_000));
    rooms[0].govern(now(70_000), &owner, age(5)).unwrap();
    talk(&mut rooms[..2], 70_001);
    assert_eq!([0, 1, 2].map(|place| days(&rooms[place]).len()), [2, 2, 4]);
    assert_eq!(write(&mut rooms[1], 2, now(131_000), 6), Err(WriteError::TooOld(5)));
    write(&mut rooms[2], 4, now(131_000), 12).unwrap();
    talk(&mut rooms, 132_000);
    for room in &rooms {
        assert_eq!(
            (days(room), room.kept().replicas().age(number()).map(NonZero::get)),
            (vec![0, 3], Some(5))
        );
    }
    let offences: Vec<Refusal> = rooms.iter_mut().flat_map(offences).collect();
    assert_eq!(offences, [], "who did not know is not blamed");
}

#[test]
fn a_longer_age_brings_back_what_somebody_has() {
    let owner = identity(0);
    let mut rooms = rooms_with([1, 3, 8, 20]);
    cut_off(&mut rooms, now(90_000));
    let mut lengths = vec![];
    for (round, number) in [2, 9, 0].into_iter().enumerate() {
        // Of three the last one hears of each number late, and never of the first.
        let millis = 100_000 * (round as u64 + 1);
        rooms[0].govern(now(millis), &owner, age(number)).unwrap();
        talk(&mut rooms[..if round == 0 { 2 } else { 3 }], millis + 1);
        lengths.push([0, 1, 2].map(|place| days(&rooms[place]).len()));
    }
    assert_eq!(lengths, [[1, 1, 4], [3, 3, 3], [3, 3, 3]]);
    assert!(rooms[0].kept().replicas().age(number()).is_none());
    write(&mut rooms[2], 4, now(400_000), 40).unwrap();
    talk(&mut rooms, 400_001);
    assert_eq!(days(&rooms[0]), [1, 3, 8, 40], "it is off");
}

#[test]
fn days_turn_by_themselves() {
    let mut room = room(0);
    room.govern(now(0), &identity(0), age(3)).unwrap();
    (0..3).for_each(|days| write(&mut room, 0, now(1 + days), days).unwrap());
    room.start_storing(now(4), &BTreeSet::new());
    let mut turns = vec![];
    for _ in 0..3 {
        let midnight = START.next_multiple_of(DAY) - START + DAY * turns.len() as u64;
        room.handle_timeout(now(midnight - 1));
        assert!(room.poll_timeout(now(midnight - 1)).is_some_and(|at| at <= now(midnight).time));
        let before = (days(&room).len(), removed(&mut room, now(midnight - 1)));
        room.handle_timeout(now(midnight));
        turns.push((before, (days(&room).len(), removed(&mut room, now(midnight)))));
    }
    assert_eq!(turns, [((3, 0), (3, 0)), ((3, 0), (2, 1)), ((2, 0), (1, 1))]);
}

#[test]
fn clocks_that_run_ahead_make_nobody_give_up() {
    let mut room = room(0);
    room.govern(now(0), &identity(0), age(3)).unwrap();
    (0..3).for_each(|days| write(&mut room, 0, now(1 + days), days).unwrap());
    room.handle_timeout(now(20_000));
    room.kept_mut().calendar_mut().set_clocks(&[THIRTY_DAYS], &[THIRTY_DAYS], &[], None);
    let present = room.kept().present(now(20_010));
    assert_eq!(present.wall, now(20_010 + 30 * DAY).wall);
    room.handle_timeout(present);
    assert_eq!(days(&room).len(), 3, "one's own clock says otherwise");
    // One's own clock is ahead, and the others know better.
    room.kept_mut().calendar_mut().set_clocks(&[-THIRTY_DAYS], &[-THIRTY_DAYS], &[], None);
    room.handle_timeout(room.kept().present(now(20_011 + 30 * DAY)));
    assert_eq!(days(&room).len(), 3);
    room.kept_mut().calendar_mut().set_clocks(&[], &[], &[], None);
    room.handle_timeout(now(20_012 + 30 * DAY));
    assert_eq!(days(&room).len(), 0, "both say so");
}

#[test]
fn until_neighbours_decide_servers_lower_stamps() {
    const SEVEN_MINUTES: u64 = 7 * 60_000;
    let behind = -1000 * SEVEN_MINUTES as i64;
    let mut room = room(0);
    room.kept_mut().calendar_mut().set_clocks(&[behind], &[], &[], Some(behind));
    room.govern(now(SEVEN_MINUTES), &identity(0), age(3)).unwrap();
    let record = room.kept().records().all().next().map(|(record, _)| record.body().stamp);
    assert_eq!(record.map(Stamp::wall), Some(now(0).wall), "records too");
    let next = |room: &mut Room, neighbours: &[i64]| {
        room.kept_mut().calendar_mut().set_clocks(&[behind], neighbours, &[], Some(behind));
        room.kept().next_stamp(now(SEVEN_MINUTES + 1000)).wall()
    };
    // A clock that is wrong alike decides nothing while nobody else wrote.
    assert_eq!(next(&mut room, &[0]), now(1000).wall);
    room.kept_mut().merge_stamp(identity(1).peer(), Stamp::at(now(500).wall));
    assert_eq!(next(&mut room, &[]), now(1000).wall);
    assert_eq!(next(&mut room, &[behind / 2]), now(1000).wall);
    assert_eq!(next(&mut room, &[0]), now(SEVEN_MINUTES + 1000).wall);
    // Later than all that was merged, whatever a server says.
    room.kept_mut().merge_stamp(identity(1).peer(), Stamp::at(now(9000).wall));
    assert_eq!(next(&mut room, &[]), now(9000).wall);
}

#[test]
fn stored_rows_that_became_old_are_removed() {
    let mut written = room(0);
    [0, 3, 8].into_iter().for_each(|days| write(&mut written, 0, now(days), days).unwrap());
    let batches: Vec<Vec<u8>> =
        written.kept().replicas().batches().map(|batch| batch.bytes().to_vec()).collect();
    written.govern(now(10), &identity(0), age(9)).unwrap();
    let records = written.kept().rules.stored().unwrap();
    for slices in [false, true] {
        let (genesis, bytes, id) = Genesis::of_test(&identity(0));
        let config = Config { stores: true, ..Config::default() };
        let mut room = Room::new(
            RoomHandle(1),
            id,
            genesis,
            bytes,
            crate::room::Makers::new(toy::make),
            endpoint(0, 5),
            &config,
        );
        let later = now(2 * DAY);
        room.kept_mut().restore_records(&records);
        if slices {
            room.restore_slice(later, &batches);
        } else {
            room.restore(later, batches.clone());
        }
        room.handle_timeout(later);
        assert_eq!((days(&room), removed(&mut room, later)), (vec![0, 3], 1));
    }
}

#[test]
fn a_commons_keeps_rows_for_thirty_days() {
    let name = BoundedText::new("lan").unwrap();
    let commons = Commons { name, nonce: 0, app: "chat".parse().unwrap(), parameters: Bytes::default() };
    let (bytes, id) = commons.to_bytes();
    let (genesis, _) = Genesis::decode(&bytes).unwrap();
    let me = endpoint(1, 1);
    let mut room = Room::new(
        RoomHandle(1),
        id,
        genesis,
        bytes,
        crate::room::Makers::new(toy::make),
        me,
        &Config::default(),
    );
    room.handle_timeout(now(0));
    assert_eq!([31, 30, 29].map(|days| write(&mut room, 1, now(days), days).is_ok()), [false, true, true]);
    room.handle_timeout(now(DAY));
    assert_eq!(days(&room), [29]);
}
