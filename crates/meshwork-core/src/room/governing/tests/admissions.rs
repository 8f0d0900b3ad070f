//! Our own admission: it reaches everybody that we are linked with, once, whenever a record names its key.

use super::*;
use crate::lanes::ToAll;
use crate::seam::lane::{Slot, Topic};
use crate::signed::header::Family;
use crate::wire;

const OWNER: u8 = 0;

fn admitting(seed: &EditSeed) -> Terms {
    Terms { writers: Writers::Admitted(Some(seed.key())), ..Terms::default() }
}

fn is_heard(room: &Room, number: u8) -> bool {
    room.kept().may_be_heard(GENESIS_SLOT, peer(number))
}

/// The receivers of admissions among the next messages of a room.
fn admitted_to(room: &mut Room) -> Vec<Endpoint> {
    let to = |output| match output {
        RoomOutput::Send(to, RoomMessage::Admission(_)) => Some(to),
        _ => None,
    };
    core::iter::from_fn(|| room.poll_output()).filter_map(to).collect()
}

/// The rooms of the owner, of 2, who comes with the edit seed and without the records, and of 4, who can only look.
fn newcomers(seed: &EditSeed) -> Vec<Room> {
    let mut rooms = vec![room(OWNER), room(2), room(4)];
    rooms[0].govern(now(0), &identity(OWNER), Act::SetTerms(admitting(seed))).unwrap();
    rooms[1].kept_mut().admit_self(seed);
    talk(&mut rooms, 0);
    rooms
}

#[test]
fn records_after_the_attach_admit_newcomers() {
    let rooms = newcomers(&EditSeed([3; 16]));
    assert_eq!(rooms.iter().map(|room| is_heard(room, 2)).collect::<Vec<_>>(), [true; 3]);
    assert!(rooms.iter().all(|room| !is_heard(room, 4)));
}

#[test]
fn seeds_that_come_later_admit_at_once() {
    let seed = EditSeed([3; 16]);
    let mut rooms = newcomers(&seed);
    rooms[2].kept_mut().admit_self(&seed);
    let mut to = admitted_to(&mut rooms[2]);
    to.sort_unstable();
    let mut others = vec![endpoint(OWNER, 99), endpoint(2, 99)];
    others.sort_unstable();
    assert_eq!(to, others);
    rooms[2].kept_mut().admit_self(&seed);
    rooms[2].write(now(60_000), &identity(4), ReplicaNumber::FIRST, Board::payloads(&[(1, 7)])).unwrap();
    assert_eq!(admitted_to(&mut rooms[2]), [], "everybody has it");
}

#[test]
fn another_edit_key_admits_its_holders() {
    let [first, second] = [3, 5].map(|byte| EditSeed([byte; 16]));
    let mut rooms = newcomers(&first);
    rooms[0].govern(now(60_000), &identity(OWNER), Act::SetTerms(admitting(&second))).unwrap();
    talk(&mut rooms, 60_000);
    assert!(!rooms.iter().any(|room| is_heard(room, 2)), "the former key is void");
    rooms[1].kept_mut().admit_self(&second);
    talk(&mut rooms, 120_000);
    assert!(rooms.iter().all(|room| is_heard(room, 2)));
    // Both are known to everybody, and a newcomer receives each once.
    let newcomer = Member { name: String::new(), stays: true, stores: false };
    rooms[1].handle_attached(now(180_000), endpoint(6, 99), newcomer);
    assert_eq!(admitted_to(&mut rooms[1]), [endpoint(6, 99); 2]);
}

#[test]
fn admissions_that_a_full_link_skipped_come_later() {
    let seed = EditSeed([3; 16]);
    let mut rooms = newcomers(&seed);
    let (to, at) = (endpoint(OWNER, 99), now(60_000));
    let admission = Bytes::new(seed.admit(&room_id(), peer(2)).to_bytes().to_vec()).unwrap();
    rooms[1].kept_mut().handle_skipped(at, to, &RoomMessage::Admission(admission));
    assert!(rooms[1].poll_timeout(at).is_some_and(|due| due <= now(60_100).time));
    rooms[1].handle_timeout(now(60_100));
    assert_eq!(admitted_to(&mut rooms[1]), [to]);
}

#[test]
fn visitors_receive_our_admission() {
    let mut rooms = newcomers(&EditSeed([3; 16]));
    rooms[1].handle_visited(now(60_000), endpoint(6, 99));
    assert_eq!(admitted_to(&mut rooms[1]), [endpoint(6, 99)]);
    let bytes = EditSeed([3; 16]).admit(&room_id(), peer(2)).to_bytes();
    assert!(RoomMessage::Admission(Bytes::new(bytes.to_vec()).unwrap()).is_for_visitors());
}

#[test]
fn forwarded_datagrams_follow_their_authors_admission() {
    let mut rooms = newcomers(&EditSeed([3; 16]));
    let said = ToAll { sequence: 1, topic: Topic::new("ball").unwrap(), bytes: Bytes::new(vec![1]).unwrap() };
    let (author, window) = (endpoint(2, 99), StampWindow::at(stamp(60_000)));
    let record = rooms[2].kept().records().in_force();
    let replica = Slot::GENESIS.replica(Family::Datagram);
    let header = Header { author, sequence: 1, replica, record, window, cost: 0, used: None };
    let datagram = SignedBatch::sign(&identity(2), &room_id(), &header, &wire::encode(&said)).unwrap();
    while rooms[2].poll_output().is_some() {}
    rooms[2].talking().handle_passed(author, datagram.bytes());
    let owner = endpoint(OWNER, 99);
    let sent: Vec<RoomOutput> = core::iter::from_fn(|| rooms[2].poll_output()).collect();
    assert!(
        matches!(&sent[..], [
            RoomOutput::Send(to, RoomMessage::Admission(_)),
            RoomOutput::Pass(ways, _),
            RoomOutput::Event(Event::Datagram { .. })
        ] if *to == owner && *ways == [owner]),
        "{sent:?}"
    );
}
