//! Rooms that hear records and batches in any order, and then talk to each other.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::string::ToString as _;
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::batches::batch::{Header, StampWindow};
use crate::clock::Stamp;
use crate::id::{PeerId, RoomId};
use crate::replica::FIRST_REPLICA;
use crate::replica::toy::{Board, HIDDEN, PART};
use crate::room::Member;
use crate::room::genesis::Genesis;
use crate::room::rules::record::{Ban, EDICTS_MAX, Erase, Limit, Record, Statement, Terms, TermsRecord};
use crate::room::rules::records::PROOFS_MAX;
use crate::room::rules::waiting::{UNRULED_BYTES_MAX, UNRULED_MAX};
use crate::room::writing::WritingLeft;
use crate::seam::config::Config;
use crate::seam::event::RoomHandle;
use crate::seam::io::BatchKey;
use crate::time::{Time, WallTime};
use crate::wire::Bounded;

const START: u64 = 1_790_000_000_000;

fn now(millis: u64) -> Now {
    Now { time: Time(millis * 1000), wall: WallTime::from_millis(START + millis) }
}

fn identity(number: u8) -> Identity {
    Identity::from_secret([number + 1; 32])
}

fn peer(number: u8) -> PeerId {
    identity(number).peer()
}

fn endpoint(number: u8, instance: u64) -> Endpoint {
    Endpoint { peer: peer(number), instance: Instance(instance) }
}

fn board(room: &Room) -> &Board {
    room.kept().replica().as_any().unwrap()
}

/// A room owned by person 0, as the program of `number` has it.
fn room(number: u8) -> Room {
    room_of(endpoint(number, 99))
}

/// The same, as this program has it.
fn room_of(me: Endpoint) -> Room {
    let genesis = Genesis::of_test(peer(0));
    let (bytes, id) = genesis.sign(&identity(0));
    let board = Box::new(Board::new());
    Room::new(RoomHandle(1), id, genesis, bytes, board, me, &Config::default())
}

fn room_id() -> RoomId {
    room(0).kept().id()
}

fn stamp(millis: u64) -> Stamp {
    Stamp::new(START + millis, 0).unwrap()
}

/// A batch of numbers at places of one part: the second begins at place 64.
fn batch(
    author: (u8, u64, u64),
    record: Option<RecordHash>,
    used: Option<u32>,
    millis: u64,
    values: &[(u32, u32)],
) -> SignedBatch {
    let payload = Board::payloads(values).remove(0);
    let (number, instance, sequence) = author;
    let window = StampWindow::at(stamp(millis));
    let header =
        Header { author: endpoint(number, instance), sequence, replica: FIRST_REPLICA, record, window };
    SignedBatch::sign_counted(&identity(number), &room_id(), header, used, &payload).unwrap()
}

fn record(signer: u8, millis: u64, before: Option<&Record>, statement: Statement) -> Record {
    let before = before.map_or(room_id().0, Record::hash);
    Record::sign(&identity(signer), &room_id(), stamp(millis), before, statement).unwrap()
}

fn rules(number: u32, limit: Option<Limit>, moderators: &[u8]) -> TermsRecord {
    let mut moderators: Vec<PeerId> = moderators.iter().map(|&number| peer(number)).collect();
    moderators.sort_unstable();
    let rules = Terms { limit, moderators: Bounded::new(moderators).unwrap(), ..Terms::default() };
    TermsRecord { number, rules, lifted: Bounded::default(), cut: None }
}

fn ban(number: u8, heads: &[(u64, u64)]) -> Statement {
    let heads = heads.iter().map(|&(instance, head)| (Instance(instance), head)).collect();
    Statement::Ban(Ban { peer: peer(number), heads: Bounded::new(heads).unwrap() })
}

fn hear(room: &mut Room, at: Now, from: Endpoint, message: RoomMessage) {
    room.handle_message(at, from, message);
    while room.verify(at, 64) > 0 {}
}

fn live(batch: &SignedBatch) -> RoomMessage {
    RoomMessage::Batch(Bytes::new(batch.bytes().to_vec()).unwrap())
}

fn told(record: &Record) -> RoomMessage {
    RoomMessage::Record(Bytes::new(record.bytes().to_vec()).unwrap())
}

/// What came out of a room that is no message.
fn outputs(room: &mut Room) -> Vec<RoomOutput> {
    let outputs = core::iter::from_fn(|| room.poll_output());
    outputs.filter(|output| !matches!(output, RoomOutput::Send(..) | RoomOutput::Persist { .. })).collect()
}

fn offences(room: &mut Room) -> Vec<Refusal> {
    let offence = |output| match output {
        RoomOutput::Offence(_, refusal, _) => Some(refusal),
        _ => None,
    };
    outputs(room).into_iter().filter_map(offence).collect()
}

/// Lets rooms that are all attached to each other talk until nothing more is said, for a minute at most.
fn talk(rooms: &mut [Room], from_millis: u64) {
    let member = Member { name: String::new(), stays: true, stores: false };
    let endpoints: Vec<Endpoint> = rooms.iter().map(|room| room.kept.me).collect();
    for room in rooms.iter_mut() {
        let me = room.kept.me;
        for &other in endpoints.iter().filter(|&&other| other != me) {
            room.handle_attached(now(from_millis), other, member.clone());
        }
    }
    for tick in 0..1200 {
        let at = now(from_millis + tick * 50);
        loop {
            let mut sent: Vec<(Endpoint, Endpoint, RoomMessage)> = vec![];
            for room in rooms.iter_mut() {
                while room.verify(at, 64) > 0 {}
                let me = room.kept.me;
                for &to in &endpoints {
                    let served = core::iter::from_fn(|| room.serve(to));
                    sent.extend(served.map(|message| (me, to, message)));
                }
                while let Some(output) = room.poll_output() {
                    if let RoomOutput::Send(to, message) = output {
                        sent.push((me, to, message));
                    }
                }
            }
            if sent.is_empty() {
                break;
            }
            for (from, to, message) in sent {
                let place = endpoints.iter().position(|&endpoint| endpoint == to).unwrap();
                rooms[place].handle_message(at, from, message);
            }
        }
        rooms.iter_mut().for_each(|room| room.handle_timeout(at));
    }
}

/// What is heard in a test: a record or a batch.
#[derive(Clone, Debug)]
enum Heard {
    Record(Record),
    Batch(SignedBatch),
}

/// Records and batches of every kind: rules that change and fork, bans by owner and moderator that differ, erases,
/// honest writers under each of the rules, the banned, and two that contradict themselves.
fn everything() -> Vec<Heard> {
    let limit = Some(Limit { cost: 3, window_ms: 10_000 });
    let first = record(0, 10, None, Statement::Terms(rules(1, None, &[1])));
    let mut limited = rules(2, limit, &[1]);
    limited.cut = Some(Bounded::new(sorted(vec![(endpoint(2, 1), 2), (endpoint(3, 1), 1)])).unwrap());
    let second = record(0, 2000, Some(&first), Statement::Terms(limited.clone()));
    limited.rules.limit = Some(Limit { cost: 4, window_ms: 10_000 });
    let fork = record(0, 2001, Some(&first), Statement::Terms(limited));
    let erase = |author, region| Statement::Erase(Erase { author, region });
    let edge = crate::room::rules::record::Region { x: 0, y: 0, width: 4, height: 1 };
    let records = [
        first.clone(),
        second.clone(),
        fork.clone(),
        record(1, 900, Some(&first), ban(3, &[(1, 2), (2, 1)])),
        record(0, 800, None, ban(3, &[(1, 1), (2, 1)])),
        record(1, 1500, Some(&first), erase(None, Some(edge))),
        record(0, 3000, Some(&first), erase(Some(peer(2)), None)),
        // Nobody whom the owner named.
        record(4, 900, Some(&first), ban(2, &[])),
    ];
    let winner = if second.hash() > fork.hash() { second.hash() } else { fork.hash() };
    let mut batches = vec![];
    for number in [2u8, 3] {
        for instance in [1u64, 2] {
            for sequence in 1..4u64 {
                let millis = 20 + sequence * 400 + instance * 7 + u64::from(number);
                let values =
                    [(sequence as u32, u32::from(number)), (PART + instance as u32, sequence as u32)];
                let part = usize::from(sequence == 3);
                batches.push(batch((number, instance, sequence), None, None, millis, &values[part..=part]));
            }
        }
    }
    let under = |number, sequence, used, millis, place| {
        batch((number, 5, sequence), Some(winner), Some(used), millis, &[(place, sequence as u32)])
    };
    batches.extend([under(2, 1, 0, 5000, 8), under(2, 2, 1, 5001, 9), under(2, 3, 0, 12_000, 10)]);
    // Counts its second number as the first again.
    batches.extend([under(4, 1, 0, 5000, 12), under(4, 2, 0, 5100, 13), under(4, 3, 2, 5200, 14)]);
    // Two batches with one number, and one from before that.
    batches.extend([under(5, 1, 0, 5000, 16), under(5, 2, 1, 5001, 17), under(5, 2, 1, 5002, 18)]);
    let records = records.into_iter().map(Heard::Record);
    records.chain(batches.into_iter().map(Heard::Batch)).collect()
}

fn sorted<T: Ord>(mut items: Vec<T>) -> Vec<T> {
    items.sort_unstable();
    items
}

/// Hears everything once live, then twice more, as a neighbour offers again what is lacking.
fn hear_all(room: &mut Room, heard: impl Iterator<Item = Heard>) {
    let from = endpoint(9, 9);
    let heard: Vec<Heard> = heard.collect();
    for (time, heard) in (0..3).flat_map(|time| heard.iter().map(move |heard| (time, heard))) {
        let message = match heard {
            Heard::Record(record) => told(record),
            Heard::Batch(batch) if time == 0 => live(batch),
            Heard::Batch(batch) => RoomMessage::PartBatch(Bytes::new(batch.bytes().to_vec()).unwrap()),
        };
        hear(room, now(20_000), from, message);
    }
}

/// What a room shows and holds.
fn state(room: &Room) -> ([u8; 32], [u8; 32], Vec<Option<u32>>, BTreeSet<BatchKey>) {
    let kept = room.kept().replica().batches().map(|batch| batch.key()).collect();
    let shown = (0..2 * PART).map(|place| board(room).value(place)).collect();
    (room.kept().records().digest(), room.kept().replica().digest(), shown, kept)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn rooms_that_heard_the_same_in_any_order_become_equal(
        orders in proptest::collection::vec(Just(everything()).prop_shuffle(), 3),
        parts in proptest::collection::vec(0..everything().len() + 1, 3),
    ) {
        // Each of three rooms hears a part, in its own order; the third also hears what the others did not.
        let mut rooms: Vec<Room> = (6..9).map(room).collect();
        for ((room, order), part) in rooms.iter_mut().zip(&orders).zip(&parts) {
            hear_all(room, order.iter().take(*part).cloned());
        }
        hear_all(&mut rooms[2], orders[2].iter().cloned());
        talk(&mut rooms, 20_100);
        let mut straight = vec![room(10), room(11)];
        hear_all(&mut straight[0], everything().into_iter());
        talk(&mut straight, 20_100);
        for room in rooms.iter().chain(&straight) {
            prop_assert_eq!(state(room), state(&straight[0]));
        }
        // Hearing all of it again changes nothing.
        let before = state(&rooms[0]);
        hear_all(&mut rooms[0], orders[1].iter().cloned());
        prop_assert_eq!(state(&rooms[0]), before);
    }
}

#[test]
fn what_everything_comes_to() {
    let mut rooms = vec![room(6), room(7)];
    hear_all(&mut rooms[0], everything().into_iter());
    talk(&mut rooms, 20_100);
    let room = &rooms[0];
    let value = |place| board(room).value(place);
    assert_eq!(room.kept().records().chain().len(), 2);
    assert_eq!(room.kept().records().banned().collect::<Vec<_>>(), [peer(3)], "and not whom a stranger bans");
    let proved: Vec<Endpoint> = room.kept().records().proofs().map(|(endpoint, _)| endpoint).collect();
    assert_eq!(proved, sorted(vec![endpoint(4, 5), endpoint(5, 5)]));
    // What lies in the erased region and is older is hidden, what is beyond a cut is nobody's.
    assert_eq!(value(1), Some(HIDDEN));
    assert_eq!(board(room).author(1), Some(peer(3)), "it keeps its order, and its author");
    // Under the limit: person 2 counts, those who contradict themselves do not from there on.
    assert_eq!([8, 9, 10].map(value), [Some(1), Some(2), Some(3)]);
    assert_eq!([12, 13, 14].map(value), [None; 3]);
    assert_eq!([16, 17, 18].map(value), [Some(1), None, None]);
}

#[test]
fn forged_records_are_refused_and_the_sender_named() {
    let mut room = room(6);
    let from = endpoint(9, 9);
    let honest = record(0, 10, None, Statement::Terms(rules(1, None, &[1])));
    let mut changed = honest.bytes().to_vec();
    *changed.last_mut().unwrap() ^= 1;
    hear(&mut room, now(20), from, RoomMessage::Record(Bytes::new(changed).unwrap()));
    assert_eq!(offences(&mut room), [Refusal::Record]);
    let stranger = record(4, 10, None, Statement::Terms(rules(1, None, &[4])));
    hear(&mut room, now(20), from, told(&stranger));
    assert_eq!(offences(&mut room), [Refusal::RecordSigner]);
    hear(&mut room, now(20), from, told(&honest));
    assert_eq!(offences(&mut room), []);
    // A moderator bans, but neither the owner nor another moderator; a stranger nobody.
    for (signer, banned, refused) in [(1, 4, false), (1, 0, true), (1, 1, true), (4, 2, true), (0, 0, true)] {
        let edict = record(signer, 15, Some(&honest), ban(banned, &[]));
        hear(&mut room, now(20), from, told(&edict));
        let offences = offences(&mut room);
        assert_eq!(offences, if refused { vec![Refusal::RecordSigner] } else { vec![] }, "{signer} {banned}");
    }
    assert_eq!(room.kept().records().banned().collect::<Vec<_>>(), [peer(4)]);
    // Ahead of room time: an honest neighbour whose clock is ahead may hold it.
    let early = record(0, 60_000, Some(&honest), Statement::Terms(rules(2, None, &[])));
    hear(&mut room, now(20), from, told(&early));
    assert_eq!((offences(&mut room), room.kept().records().chain().len()), (vec![], 1));
    hear(&mut room, now(51_000), from, told(&early));
    assert_eq!(room.kept().records().chain().len(), 2);
    assert_eq!(room.kept().records().banned().count(), 0, "who moderates no longer has banned nobody");
}

#[test]
fn batches_that_break_their_rules_name_who_passes_them_on() {
    let mut room = room(6);
    let from = endpoint(9, 9);
    let limit = Some(Limit { cost: 3, window_ms: 1000 });
    let mut statement = rules(1, limit, &[]);
    statement.rules.writers = Some(Bounded::new(sorted(vec![peer(2), peer(3)])).unwrap());
    let first = record(0, 10, None, Statement::Terms(statement));
    let under =
        |author, used, millis, values: &[(u32, u32)]| batch(author, Some(first.hash()), used, millis, values);
    let values = [(1, 1), (2, 1), (3, 1), (4, 1)];
    let honest = under((2, 1, 1), Some(0), 20, &values[..3]);
    hear(&mut room, now(30), from, live(&honest));
    assert_eq!((offences(&mut room), board(&room).shown()), (vec![], 0), "its record is waited for");
    hear(&mut room, now(30), from, told(&first));
    assert_eq!((offences(&mut room), board(&room).shown()), (vec![], 3));
    let breaches = [
        under((4, 1, 1), Some(0), 20, &values[..1]),
        under((2, 1, 2), Some(0), 20, &values),
        under((2, 1, 2), Some(3), 20, &values[..1]),
        under((2, 1, 2), Some(u32::MAX), 20, &values[..1]),
        under((2, 1, 2), None, 20, &values[..1]),
        under((2, 1, 2), Some(0), 9, &values[..1]),
    ];
    for (number, breach) in breaches.iter().enumerate() {
        hear(&mut room, now(30), from, live(breach));
        assert_eq!(offences(&mut room), [Refusal::BatchRules], "{number}");
    }
    // Counting where there is no limit, by the genesis.
    let mut free = super::tests::room(7);
    hear(&mut free, now(30), from, live(&batch((2, 1, 1), None, Some(0), 20, &values)));
    assert_eq!(offences(&mut free), [Refusal::BatchRules]);
    // Under the genesis, after rules that name nobody: not an offence, and nothing shows.
    let late = batch((3, 1, 1), None, None, 5, &[(5, 1)]);
    let mut statement = rules(2, limit, &[]);
    statement.cut = Some(Bounded::default());
    hear(&mut room, now(40), from, told(&record(0, 35, Some(&first), Statement::Terms(statement))));
    hear(&mut room, now(40), from, live(&late));
    assert_eq!((offences(&mut room), board(&room).shown()), (vec![], 0));
}

#[test]
fn own_writing_obeys_the_rules_before_it_is_signed() {
    let (owner, writer, stranger) = (identity(0), identity(2), identity(4));
    let mut rooms = vec![room(0), room(2), room(4)];
    let limit = Some(Limit { cost: 2, window_ms: 60_000 });
    let rules = Terms { limit, writers: Some(Bounded::new(vec![peer(2)]).unwrap()), ..Terms::default() };
    assert!(matches!(
        rooms[1].govern(now(0), &writer, Act::SetTerms(rules.clone())),
        Err(WriteError::NotAllowed(_))
    ));
    rooms[0].govern(now(0), &owner, Act::SetTerms(rules)).unwrap();
    talk(&mut rooms, 0);
    assert_eq!(
        rooms[2].write(now(60_000), &stranger, Board::payloads(&[(1, 7)])),
        Err(WriteError::NotWriter)
    );
    let start = 60_000 - START % 60_000 + 60_000;
    let three = [(1, 7), (2, 7), (3, 7)];
    let too_fast = |left, wait_ms| WriteError::TooFast { left, cost: 2, window_ms: 60_000, wait_ms };
    assert_eq!(rooms[1].write(now(start), &writer, Board::payloads(&three)), Err(too_fast(2, 60_000)));
    let left = |left, wait_ms| Ok(limit.map(|limit| WritingLeft { left, limit, wait_ms }));
    assert_eq!(rooms[2].kept().writing_left(now(start)), Err(WriteError::NotWriter));
    assert_eq!(rooms[1].kept().writing_left(now(start)), left(2, 60_000));
    rooms[1].write(now(start), &writer, Board::payloads(&three[..2])).unwrap();
    assert_eq!(rooms[1].kept().writing_left(now(start + 15_000)), left(0, 45_000));
    assert_eq!(room(1).kept().writing_left(now(start)), Ok(None), "without rules there is no limit");
    let refused = rooms[1].write(now(start + 15_000), &writer, Board::payloads(&three[..1])).unwrap_err();
    assert_eq!(refused, too_fast(0, 45_000));
    assert_eq!(refused.to_string(), "the limit of this room leaves 0 of 2 in 60000 ms: wait 45000 ms");
    rooms[1].write(now(start + 60_000), &writer, Board::payloads(&three[2..])).unwrap();
    // Another program of the same peer sees what the first one has written in this window.
    rooms.push(room_of(endpoint(2, 100)));
    talk(&mut rooms, start + 60_100);
    let left = rooms[3].write(now(start + 119_000), &writer, Board::payloads(&three[..2])).unwrap_err();
    assert!(matches!(left, WriteError::TooFast { left: 1, .. }), "{left:?}");
    assert!(rooms.iter().all(|room| board(room).shown() == 3));

    rooms[0].govern(now(start + 119_100), &owner, Act::Ban(peer(2))).unwrap();
    talk(&mut rooms, start + 119_200);
    assert_eq!(
        rooms[1].write(now(start + 200_000), &writer, Board::payloads(&three)),
        Err(WriteError::Banned)
    );
    assert!(rooms.iter().all(|room| board(room).shown() == 3), "what was there stays");
}

#[test]
fn a_ban_lets_what_was_beaten_win_again() {
    let mut room = room(6);
    let from = endpoint(9, 9);
    let honest = batch((2, 1, 1), None, None, 10, &[(1, 5)]);
    let vandal = batch((3, 1, 1), None, None, 20, &[(1, 6), (2, 6)]);
    hear(&mut room, now(30), from, live(&honest));
    hear(&mut room, now(30), from, live(&vandal));
    assert_eq!((board(&room).value(1), room.kept().replica().batch_count()), (Some(6), 1));
    outputs(&mut room);
    hear(&mut room, now(30), from, told(&record(0, 25, None, ban(3, &[]))));
    assert_eq!((board(&room).value(1), board(&room).value(2)), (Some(5), None));
    let mended = outputs(&mut room).into_iter().find_map(|output| match output {
        RoomOutput::Event(Event::Changed { batch: None, changes, .. }) => {
            Some(changes.of::<(u32, u32)>().len())
        }
        _ => None,
    });
    assert_eq!(mended, Some(2));
    // Whenever it comes: not again.
    hear(&mut room, now(40), from, live(&batch((3, 7, 1), None, None, 35, &[(1, 6)])));
    let told = outputs(&mut room);
    assert!(told.iter().any(|output| matches!(output, RoomOutput::Refused(_, Refusal::BatchBanned, _))));
    assert_eq!(board(&room).value(1), Some(5));
}

#[test]
fn lifting_shows_what_was_erased() {
    let owner = identity(0);
    let mut room = room(0);
    room.write(now(1), &owner, Board::payloads(&[(1, 5), (200, 6)])).unwrap();
    let region = Some(crate::room::rules::record::Region { x: 0, y: 0, width: 9, height: 9 });
    let hash = room.govern(now(2), &owner, Act::Erase(Erase { author: None, region })).unwrap();
    assert_eq!((board(&room).value(1), board(&room).shown()), (Some(HIDDEN), 1));
    room.write(now(3), &owner, Board::payloads(&[(2, 7)])).unwrap();
    assert_eq!(board(&room).value(2), Some(7), "what is written later shows");
    room.govern(now(4), &owner, Act::Lift(&[hash])).unwrap();
    assert_eq!((board(&room).value(1), board(&room).shown()), (Some(5), 3));
}

#[test]
fn what_was_written_under_earlier_rules_is_said_again() {
    let (owner, writer) = (identity(0), identity(2));
    let mut rooms = vec![room(0), room(2)];
    rooms[1].write(now(1), &writer, Board::payloads(&[(1, 5), (2, 6)])).unwrap();
    rooms[0]
        .govern(
            now(2),
            &owner,
            Act::SetTerms(Terms { limit: Some(Limit { cost: 9, window_ms: 1000 }), ..Terms::default() }),
        )
        .unwrap();
    let bytes = rooms[0].kept().records().chain()[0].bytes().to_vec();
    rooms[1].handle_message(now(3), endpoint(0, 99), RoomMessage::Record(Bytes::new(bytes).unwrap()));
    assert_eq!(board(&rooms[1]).shown(), 0);
    assert!(outputs(&mut rooms[1]).contains(&RoomOutput::SayAgain));
    rooms[1].say_again(now(4), &writer);
    assert_eq!([1, 2].map(|place| board(&rooms[1]).value(place)), [Some(5), Some(6)]);
    talk(&mut rooms, 5);
    assert_eq!((state(&rooms[0]), board(&rooms[0]).shown()), (state(&rooms[1]), 2));
}

#[test]
fn records_survive_with_the_room() {
    let owner = identity(0);
    let mut rooms = vec![room(0), room(6)];
    hear_all(&mut rooms[1], everything().into_iter());
    rooms[0].govern(now(1), &owner, Act::SetTerms(Terms::default())).unwrap();
    for original in &rooms {
        let mut kept = None;
        let mut storing = room(8);
        storing.kept.storage =
            crate::room::storage::Storage::new(&Config { stores: true, ..Config::default() }, b"");
        let records = original.kept().records().chain().iter().chain(original.kept().records().edicts());
        records.for_each(|record| storing.handle_record(now(30_000), endpoint(9, 9), record.bytes()));
        for (_, proof) in original.kept().records().proofs() {
            storing.handle_proof(now(30_000), endpoint(9, 9), &proof.encode());
        }
        storing.finish(now(30_000));
        while let Some(output) = storing.poll_output() {
            if let RoomOutput::Persist { change, .. } = output {
                kept = change.records.or(kept);
            }
        }
        let mut restored = room(7);
        assert_eq!(restored.kept_mut().restore_records(&kept.unwrap()), 0);
        assert_eq!(restored.kept().records().digest(), original.kept().records().digest());
    }
    let mut other = room(7);
    assert_eq!(other.kept_mut().restore_records(b"torn"), 1);
    assert!(other.kept().records().is_empty());
}

/// A batch under a record that nobody knows.
fn unruled(instance: u64) -> SignedBatch {
    batch((1, instance, 1), Some([9; 32]), None, 5, &[(0, 1)])
}

#[test]
fn so_many_batches_wait_for_the_record_they_were_written_under() {
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
fn so_many_bytes_of_batches_wait_for_their_record() {
    let mut room = room(2);
    let values: Vec<_> = (0..PART).map(|place| (place, place)).collect();
    let payload = Board::payloads(&values).remove(0);
    let mut sent = 0;
    for instance in 0.. {
        let author = endpoint(1, instance);
        let window = StampWindow::at(stamp(5));
        let header = Header { author, sequence: 1, replica: FIRST_REPLICA, record: Some([9; 32]), window };
        let batch = SignedBatch::sign(&identity(1), &room_id(), header, &payload).unwrap();
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
fn of_too_many_bans_and_erases_the_earliest_hold() {
    let mut room = room(2);
    let erase = |millis| record(0, millis, None, Statement::Erase(Erase { author: None, region: None }));
    let most = EDICTS_MAX as u64;
    for millis in 2..2 + most {
        hear(&mut room, now(10_000), endpoint(3, 1), told(&erase(millis)));
    }
    let held = |room: &Room| sorted(room.kept().records().edicts().map(|record| record.stamp()).collect());
    let stamps = |millis: core::ops::Range<u64>| millis.map(stamp).collect::<Vec<_>>();
    assert_eq!(held(&room), stamps(2..2 + most));
    hear(&mut room, now(10_000), endpoint(3, 1), told(&erase(2 + most)));
    assert_eq!(held(&room), stamps(2..2 + most), "a later one has no place");
    hear(&mut room, now(10_000), endpoint(3, 1), told(&erase(1)));
    assert_eq!(held(&room), stamps(1..1 + most), "an earlier one takes that of the latest");
    assert_eq!(offences(&mut room), [], "whoever passes them on may hold them");
}

#[test]
fn so_many_endpoints_are_known_to_contradict_themselves() {
    let mut room = room(2);
    let most = PROOFS_MAX as u64;
    let mut contradict = |instance| {
        for bits in [1, 2] {
            let batch = batch((1, instance, 1), None, None, 5, &[(0, bits)]);
            hear(&mut room, now(10), endpoint(3, 1), live(&batch));
        }
        let proved = room.kept().records().proofs().map(|(endpoint, _)| endpoint.instance.0);
        proved.collect::<Vec<_>>()
    };
    let all: Vec<_> = (1..=most).map(&mut contradict).collect();
    assert_eq!(all.last(), Some(&(1..=most).collect()));
    assert_eq!(contradict(most + 1), (1..=most).collect::<Vec<_>>(), "those that come first stay");
    assert_eq!(contradict(0), (0..most).collect::<Vec<_>>());
}
