//! Rooms that hear records and batches in any order, and then talk to each other.

mod admissions;
mod ages;
mod apps;
mod bounds;
mod joining;
mod past;
mod superseded;
mod tabs;

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::clock::Stamp;
use crate::id::{Instance, PeerId, RoomId};
use crate::replica::toy::{self, Board, HIDDEN, PART};
use crate::replica::{Replica, ReplicaNumber};
use crate::room::Member;
use crate::room::message::{ListPiece, RoomMessage};
use crate::room::rules::publish::Retract;
use crate::room::rules::terms::{Terms, Writers};
use crate::room::rules::waiting::{UNRULED_BYTES_MAX, UNRULED_MAX};
use crate::room::writing::{FOLD_LEAST, WritingLeft};
use crate::rulebook::{EDICTS_MAX, WithList};
use crate::seam::config::Config;
use crate::seam::event::{Refusal, RoomHandle};
use crate::signed::admission::EditSeed;
use crate::signed::app::GENESIS_SLOT;
use crate::signed::batch::{BatchKey, Header, StampWindow};
use crate::signed::change::{Change, Limit, Retraction, Rule, WhoWrites};
use crate::signed::genesis::Genesis;
use crate::signed::header::RecordName;
use crate::signed::list::List;
use crate::signed::record::{Body, Cut, Record};
use crate::time::{Time, WallTime};
use crate::wire::{Bounded, BoundedText, Bytes};

/// A record that nobody knows.
const UNKNOWN: RecordName = RecordName { number: 7, hash: [9; 8] };

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

fn first(room: &Room) -> &dyn Replica {
    room.kept().replicas().get(ReplicaNumber::FIRST).unwrap()
}

fn board(room: &Room) -> &Board {
    first(room).as_any().unwrap()
}

/// A room owned by person 0, as the program of `number` has it.
fn room(number: u8) -> Room {
    room_of(endpoint(number, 99))
}

/// The same, as this program has it.
fn room_of(me: Endpoint) -> Room {
    let (genesis, bytes, id) = Genesis::of_test(&identity(0));
    Room::new(RoomHandle(1), id, genesis, bytes, crate::room::Makers::new(toy::make), me, &Config::default())
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
    record: RecordName,
    used: Option<u32>,
    millis: u64,
    values: &[(u32, u32)],
) -> SignedBatch {
    let payload = Board::payloads(values).remove(0);
    let (number, instance, sequence) = author;
    let window = StampWindow::at(stamp(millis));
    let (author, replica, cost) = (endpoint(number, instance), ReplicaNumber::FIRST, values.len() as u32);
    let header = Header { author, sequence, replica, record, window, cost, used };
    SignedBatch::sign(&identity(number), &room_id(), &header, &payload).unwrap()
}

/// The same under the genesis.
fn free(author: (u8, u64, u64), millis: u64, values: &[(u32, u32)]) -> SignedBatch {
    batch(author, RecordName::GENESIS, None, millis, values)
}

/// A record after others, and which batches stay where it takes a right, in these slots from everybody.
fn record(
    signer: u8,
    millis: u64,
    before: &[&WithList],
    changes: Vec<Change>,
    cut: Option<(u16, Vec<SignedBatch>)>,
) -> WithList {
    let mut before: Vec<RecordName> = before.iter().map(|(record, _)| record.name()).collect();
    if before.is_empty() {
        before.push(RecordName::GENESIS);
    }
    let list = cut.map(|(slots, stays)| {
        let ids = stays.iter().map(|batch| batch.id().short()).collect();
        (slots, Arc::new(List::of_ids(ids).unwrap()))
    });
    let body = Body {
        signer: peer(signer),
        stamp: stamp(millis),
        before: Bounded::new(sorted(before)).unwrap(),
        changes: Bounded::new(changes).unwrap(),
        cut: list.as_ref().map(|(slots, list)| Cut { slots: *slots, stays: list.name() }),
    };
    (Record::sign(&identity(signer), &room_id(), body).unwrap(), list.map(|(_, list)| list))
}

fn peers<const MAX: usize>(numbers: &[u8]) -> Bounded<PeerId, MAX> {
    Bounded::new(sorted(numbers.iter().map(|&number| peer(number)).collect())).unwrap()
}

fn limited(cost: u32, window_ms: u32, writers: WhoWrites) -> Change {
    let rule = Rule { slot: 0, limit: Some(Limit { cost, window_ms }), writers };
    Change::Rules(Bounded::new(vec![rule]).unwrap())
}

fn retract(author: Option<PeerId>, until: u64, scope: &[u8]) -> Change {
    let (replica, scope) = (ReplicaNumber::FIRST, Bytes::new(scope.to_vec()).unwrap());
    Change::Retract(Retraction { replica, author, until: stamp(until), scope })
}

fn ban(signer: u8, millis: u64, before: &[&WithList], banned: u8, stays: Vec<SignedBatch>) -> WithList {
    record(signer, millis, before, vec![Change::Ban(peers(&[banned]))], Some((0, stays)))
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

/// Lets a room hear a record, and its list if it is short enough for one piece.
fn tell(room: &mut Room, at: Now, from: Endpoint, (record, list): &WithList) {
    hear(room, at, from, told(record));
    if let Some(list) = list.as_ref().filter(|list| list.name().count > 0) {
        let (list, bytes) = (list.name().hash, Bytes::new(list.bytes().to_vec()).unwrap());
        hear(room, at, from, RoomMessage::ListPiece(ListPiece { list, offset: 0, bytes }));
    }
}

/// The outputs of a room that are no messages.
fn outputs(room: &mut Room) -> Vec<RoomOutput> {
    let outputs = core::iter::from_fn(|| room.poll_output());
    let is_no_message = |output: &RoomOutput| {
        !matches!(output, RoomOutput::Send(..) | RoomOutput::SendAll(..) | RoomOutput::Persist { .. })
    };
    outputs.filter(is_no_message).collect()
}

fn offences(room: &mut Room) -> Vec<Refusal> {
    let offence = |output| match output {
        RoomOutput::Offence(_, refusal, _) => Some(refusal),
        _ => None,
    };
    outputs(room).into_iter().filter_map(offence).collect()
}

/// All that a room has to serve to a member.
fn served(room: &mut Room, to: Endpoint) -> Vec<RoomMessage> {
    let served = core::iter::from_fn(|| Some(room.serve(to)).filter(|served| !served.is_empty()));
    served.flatten().collect()
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
                    sent.extend(served(room, to).into_iter().map(|message| (me, to, message)));
                }
                while let Some(output) = room.poll_output() {
                    match output {
                        RoomOutput::Send(to, message) => sent.push((me, to, message)),
                        RoomOutput::SendAll(targets, message) => {
                            sent.extend(targets.into_iter().map(|to| (me, to, message.clone())));
                        }
                        _ => {}
                    }
                }
            }
            if sent.is_empty() {
                break;
            }
            for (from, to, message) in sent {
                // Others were heard before, and are not there.
                if let Some(room) = rooms.iter_mut().find(|room| room.kept.me == to) {
                    room.handle_message(at, from, message);
                }
            }
        }
        rooms.iter_mut().for_each(|room| room.handle_timeout(at));
    }
}

/// What is heard in a test: a record or a batch.
#[derive(Clone, Debug)]
enum Heard {
    Record(WithList),
    Batch(SignedBatch),
}

/// Records and batches of every kind: rules that change and fork, bans by owner and moderator that differ, retractions,
/// honest writers under each of the rules, the banned, and two that contradict themselves.
fn everything() -> Vec<Heard> {
    let mut batches = vec![];
    for number in [2u8, 3] {
        for instance in [1u64, 2] {
            for sequence in 1..4u64 {
                let millis = 20 + sequence * 400 + instance * 7 + u64::from(number);
                let values =
                    [(sequence as u32, u32::from(number)), (PART + instance as u32, sequence as u32)];
                let part = usize::from(sequence == 3);
                batches.push(free((number, instance, sequence), millis, &values[part..=part]));
            }
        }
    }
    let of = |places: &[(u8, u64, u64)]| -> Vec<SignedBatch> {
        let is_meant = |batch: &&SignedBatch| {
            let Header { author, sequence, .. } = batch.header();
            places.iter().any(|&(number, at, place)| (author, sequence) == (endpoint(number, at), place))
        };
        batches.iter().filter(is_meant).cloned().collect()
    };
    let first = record(0, 10, &[], vec![Change::Appoint(peers(&[1]))], None);
    let stay = || Some((1, of(&[(2, 1, 1), (2, 1, 2), (3, 1, 1)])));
    let second = record(0, 2000, &[&first], vec![limited(3, 10_000, WhoWrites::Everybody)], stay());
    let fork = record(0, 2001, &[&first], vec![limited(4, 10_000, WhoWrites::Everybody)], stay());
    let records = [
        first.clone(),
        second.clone(),
        fork,
        ban(1, 900, &[&first], 3, of(&[(3, 1, 1), (3, 1, 2), (3, 2, 1)])),
        ban(0, 800, &[], 3, of(&[(3, 1, 1), (3, 2, 1)])),
        record(1, 1500, &[&first], vec![retract(None, 1500, &[0, 4])], None),
        record(0, 3000, &[&second], vec![retract(Some(peer(2)), 3000, &[])], None),
        // Nobody whom the owner named.
        ban(4, 900, &[&first], 2, vec![]),
    ];
    let under = |number, sequence, used, millis, place| {
        batch((number, 5, sequence), second.0.name(), Some(used), millis, &[(place, sequence as u32)])
    };
    batches.extend([under(2, 1, 0, 5000, 8), under(2, 2, 1, 5001, 9), under(2, 3, 0, 12_000, 10)]);
    // Counts its second number as the first again.
    batches.extend([under(4, 1, 0, 5000, 12), under(4, 2, 0, 5100, 13), under(4, 3, 2, 5200, 14)]);
    // Two batches with one sequence, and one from before that.
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
            Heard::Record(record) => {
                tell(room, now(20_000), from, record);
                continue;
            }
            Heard::Batch(batch) if time == 0 => live(batch),
            Heard::Batch(batch) => RoomMessage::LeafBatch(Bytes::new(batch.bytes().to_vec()).unwrap()),
        };
        hear(room, now(20_000), from, message);
    }
}

/// The visible and stored state of a room.
fn state(room: &Room) -> ([u8; 32], [u8; 32], Vec<Option<u32>>, BTreeSet<BatchKey>) {
    let kept = first(room).batches().map(|batch| batch.key()).collect();
    let shown = (0..2 * PART).map(|place| board(room).value(place)).collect();
    (room.kept().records().digest(), first(room).digest(), shown, kept)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn rooms_hearing_the_same_in_any_order_converge(
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
    assert_eq!(room.kept().records().book().owned().count(), 5);
    assert_eq!(room.kept().records().banned().collect::<Vec<_>>(), [peer(3)], "and not whom a stranger bans");
    assert_eq!(room.kept().contradictors().collect::<Vec<_>>(), [&endpoint(5, 5)]);
    // What lies in the erased region and is older is hidden, what is beyond a cut is nobody's.
    assert_eq!(value(1), Some(HIDDEN));
    assert_eq!(board(room).author(1), Some(peer(3)), "it keeps its order, and its author");
    // Each batch is within the limit by what it says itself, and both of a contradiction compete.
    assert_eq!([8, 9, 10].map(value), [Some(1), Some(2), Some(3)]);
    assert_eq!([12, 13, 14].map(value), [Some(1), Some(2), Some(3)]);
    assert_eq!([16, 17, 18].map(value), [Some(1), Some(2), Some(2)]);
}

#[test]
fn forged_records_are_refused_and_the_sender_named() {
    let mut room = room(6);
    let from = endpoint(9, 9);
    let honest = record(0, 10, &[], vec![Change::Appoint(peers(&[1]))], None);
    let mut changed = honest.0.bytes().to_vec();
    *changed.last_mut().unwrap() ^= 1;
    hear(&mut room, now(20), from, RoomMessage::Record(Bytes::new(changed).unwrap()));
    assert_eq!(offences(&mut room), [Refusal::Record]);
    let stranger = record(4, 10, &[], vec![Change::Appoint(peers(&[4]))], None);
    tell(&mut room, now(20), from, &stranger);
    assert_eq!(offences(&mut room), [Refusal::RecordSigner]);
    tell(&mut room, now(20), from, &honest);
    assert_eq!(offences(&mut room), []);
    // A moderator bans, a stranger nobody.
    for (signer, banned, refused) in [(1, 4, false), (4, 2, true)] {
        tell(&mut room, now(20), from, &ban(signer, 15, &[&honest], banned, vec![]));
        let offences = offences(&mut room);
        assert_eq!(offences, if refused { vec![Refusal::RecordSigner] } else { vec![] }, "{signer} {banned}");
    }
    assert_eq!(room.kept().records().banned().collect::<Vec<_>>(), [peer(4)]);
    // Ahead of room time: an honest neighbour whose clock is ahead may hold it.
    let early = record(0, 60_000, &[&honest], vec![Change::Dismiss(peers(&[1]))], Some((0, vec![])));
    tell(&mut room, now(20), from, &early);
    assert_eq!((offences(&mut room), room.kept().records().book().owned().count()), (vec![], 1));
    tell(&mut room, now(51_000), from, &early);
    assert_eq!(room.kept().records().book().owned().count(), 2);
    assert_eq!(room.kept().records().banned().count(), 0, "who moderates no longer has banned nobody");
}

#[test]
fn rule_breaking_batches_name_whoever_passes_them_on() {
    let mut room = room(6);
    let from = endpoint(9, 9);
    let changes = vec![limited(3, 1000, WhoWrites::Listed), Change::List(peers(&[2, 3]))];
    let first = record(0, 10, &[], changes, Some((1, vec![])));
    let under =
        |author, used, millis, values: &[(u32, u32)]| batch(author, first.0.name(), used, millis, values);
    let values = [(1, 1), (2, 1), (3, 1), (4, 1)];
    let honest = under((2, 1, 1), Some(0), 20, &values[..3]);
    hear(&mut room, now(30), from, live(&honest));
    assert_eq!((offences(&mut room), board(&room).shown()), (vec![], 0), "its record is waited for");
    tell(&mut room, now(30), from, &first);
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
    // Counting where there is no limit, by the genesis; and saying another cost than the payload has.
    let mut unlimited = super::tests::room(7);
    let counted = batch((2, 1, 1), RecordName::GENESIS, Some(0), 20, &values);
    hear(&mut unlimited, now(30), from, live(&counted));
    assert_eq!(offences(&mut unlimited), [Refusal::BatchRules]);
    let header = Header { cost: 1, ..free((2, 1, 1), 20, &values).header() };
    let cheap = SignedBatch::sign(&identity(2), &room_id(), &header, counted.payload()).unwrap();
    hear(&mut unlimited, now(30), from, live(&cheap));
    assert_eq!(offences(&mut unlimited), [Refusal::BatchContent]);
    // Under the genesis, after rules that let nothing stay: not an offence, and nothing shows.
    let late = free((3, 1, 1), 5, &[(5, 1)]);
    let changes = vec![limited(2, 1000, WhoWrites::Listed)];
    tell(&mut room, now(40), from, &record(0, 35, &[&first], changes, Some((1, vec![]))));
    hear(&mut room, now(40), from, live(&late));
    assert_eq!((offences(&mut room), board(&room).shown()), (vec![], 0));
}

#[test]
fn own_writing_obeys_the_rules_before_signing() {
    let (owner, writer, stranger) = (identity(0), identity(2), identity(4));
    let mut rooms = vec![room(0), room(2), room(4)];
    let limit = Some(Limit { cost: 2, window_ms: 60_000 });
    let rules = Terms { limit, writers: Writers::Listed(peers(&[2])), ..Terms::default() };
    assert!(matches!(
        rooms[1].govern(now(0), &writer, Act::SetTerms(rules.clone())),
        Err(WriteError::NotAllowed(_))
    ));
    rooms[0].govern(now(0), &owner, Act::SetTerms(rules)).unwrap();
    talk(&mut rooms, 0);
    assert_eq!(
        rooms[2].write(now(60_000), &stranger, ReplicaNumber::FIRST, Board::payloads(&[(1, 7)])),
        Err(WriteError::NotWriter)
    );
    let start = 60_000 - START % 60_000 + 60_000;
    let three = [(1, 7), (2, 7), (3, 7)];
    let too_fast = |left, wait_ms| WriteError::TooFast { left, cost: 2, window_ms: 60_000, wait_ms };
    assert_eq!(
        rooms[1].write(now(start), &writer, ReplicaNumber::FIRST, Board::payloads(&three)),
        Err(too_fast(2, 60_000))
    );
    let left = |left, wait_ms| Ok(limit.map(|limit| WritingLeft { left, limit, wait_ms }));
    assert_eq!(rooms[2].kept().writing_left(now(start), GENESIS_SLOT), Err(WriteError::NotWriter));
    assert_eq!(rooms[1].kept().writing_left(now(start), GENESIS_SLOT), left(2, 60_000));
    rooms[1].write(now(start), &writer, ReplicaNumber::FIRST, Board::payloads(&three[..2])).unwrap();
    assert_eq!(rooms[1].kept().writing_left(now(start + 15_000), GENESIS_SLOT), left(0, 45_000));
    assert_eq!(
        room(1).kept().writing_left(now(start), GENESIS_SLOT),
        Ok(None),
        "without rules there is no limit"
    );
    let refused = rooms[1]
        .write(now(start + 15_000), &writer, ReplicaNumber::FIRST, Board::payloads(&three[..1]))
        .unwrap_err();
    assert_eq!(refused, too_fast(0, 45_000));
    assert_eq!(refused.to_string(), "the limit of this room leaves 0 of 2 in 60000 ms: wait 45000 ms");
    rooms[1].write(now(start + 60_000), &writer, ReplicaNumber::FIRST, Board::payloads(&three[2..])).unwrap();
    // Another program of the same peer sees what the first one has written in this window.
    rooms.push(room_of(endpoint(2, 100)));
    talk(&mut rooms, start + 60_100);
    let left = rooms[3]
        .write(now(start + 119_000), &writer, ReplicaNumber::FIRST, Board::payloads(&three[..2]))
        .unwrap_err();
    assert!(matches!(left, WriteError::TooFast { left: 1, .. }), "{left:?}");
    assert!(rooms.iter().all(|room| board(room).shown() == 3));

    rooms[0].govern(now(start + 119_100), &owner, Act::Ban(peer(2))).unwrap();
    talk(&mut rooms, start + 119_200);
    assert_eq!(
        rooms[1].write(now(start + 200_000), &writer, ReplicaNumber::FIRST, Board::payloads(&three)),
        Err(WriteError::Banned)
    );
    assert!(rooms.iter().all(|room| board(room).shown() == 3), "what was there stays");
}

#[test]
fn a_ban_lets_what_was_beaten_win_again() {
    let mut room = room(6);
    let from = endpoint(9, 9);
    let honest = free((2, 1, 1), 10, &[(1, 5)]);
    let vandal = free((3, 1, 1), 20, &[(1, 6), (2, 6)]);
    hear(&mut room, now(30), from, live(&honest));
    hear(&mut room, now(30), from, live(&vandal));
    assert_eq!((board(&room).value(1), first(&room).batch_count()), (Some(6), 1));
    outputs(&mut room);
    tell(&mut room, now(30), from, &ban(0, 25, &[], 3, vec![]));
    assert_eq!((board(&room).value(1), board(&room).value(2)), (Some(5), None));
    let mended = outputs(&mut room).into_iter().find_map(|output| match output {
        RoomOutput::Event(Event::Changed { batch: None, changes, .. }) => {
            Some(changes.of::<(u32, u32)>().len())
        }
        _ => None,
    });
    assert_eq!(mended, Some(2));
    // Whenever it comes: not again.
    hear(&mut room, now(40), from, live(&free((3, 7, 1), 35, &[(1, 6)])));
    let told = outputs(&mut room);
    assert!(told.iter().any(|output| matches!(output, RoomOutput::Refused(_, Refusal::BatchBanned, _))));
    assert_eq!(board(&room).value(1), Some(5));
}

#[test]
fn lifting_shows_what_was_erased() {
    let owner = identity(0);
    let mut room = room(0);
    room.write(now(1), &owner, ReplicaNumber::FIRST, Board::payloads(&[(1, 5), (200, 6)])).unwrap();
    let scope = Bytes::new(vec![0, 9]).unwrap();
    let retract = Retract { replica: ReplicaNumber::FIRST, author: None, scope };
    let record = room.govern(now(2), &owner, Act::Retract(retract)).unwrap();
    assert_eq!((board(&room).value(1), board(&room).shown()), (Some(HIDDEN), 1));
    room.write(now(3), &owner, ReplicaNumber::FIRST, Board::payloads(&[(2, 7)])).unwrap();
    assert_eq!(board(&room).value(2), Some(7), "what is written later shows");
    room.govern(now(4), &owner, Act::Lift(&[record])).unwrap();
    assert_eq!((board(&room).value(1), board(&room).shown()), (Some(5), 3));
}
