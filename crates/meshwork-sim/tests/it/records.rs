//! Rooms with rules: who sets them, who breaks them, and what a cut network makes of them.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::common::{BLUE, Member, RED, SIZE, equal, join, join_all, join_with, refused, room_of, whole};
use meshwork_core::clock::Stamp;
use meshwork_core::id::{Endpoint, Identity, Instance, PeerId, RoomId};
use meshwork_core::node::{CommandError, Config, Event, Node, Refusal, RoomHandle, WriteError};
use meshwork_core::replica::ReplicaNumber;
use meshwork_core::room::message::RoomMessage;
use meshwork_core::room::rules::terms::{Terms, Writers};
use meshwork_core::seam::config::PlantedBug;
use meshwork_core::signed::app::AppParameters;
use meshwork_core::signed::batch::{Header, SignedBatch, StampWindow};
use meshwork_core::signed::change::{Change, Limit};
use meshwork_core::signed::header::{Family, RecordName};
use meshwork_core::signed::list::List;
use meshwork_core::signed::record::{Body, Cut, Record};
use meshwork_core::time::Time;
use meshwork_core::wire::{Bounded, BoundedText, Bytes};
use meshwork_place::Place as _;
use meshwork_place::canvas::{Colour, Erase, Region, cells_to_strokes};
use meshwork_sim::check::{self, Violation};
use meshwork_sim::connection::{NodeIndex, PathModel};
use meshwork_sim::hostile::Behaviour;
use meshwork_sim::library::Library;
use meshwork_sim::world::World;
use meshwork_sync::document::{Documents, client_of, payload};

const MINUTE: Limit = Limit { cost: 6, window_ms: 60_000 };

/// The key pair of a person of this world.
fn identity(person: u64) -> Identity {
    let mut secret = [0x5a; 32];
    secret[..8].copy_from_slice(&person.to_le_bytes());
    Identity::from_secret(secret)
}

fn peer(person: u64) -> PeerId {
    identity(person).peer()
}

fn peers(people: &[u64]) -> Vec<PeerId> {
    let mut peers: Vec<PeerId> = people.iter().map(|&person| peer(person)).collect();
    peers.sort_unstable();
    peers
}

pub(crate) fn limited(limit: Limit) -> Terms {
    Terms { limit: Some(limit), ..Terms::default() }
}

/// Lets a program give a command about its room.
pub(crate) fn order<T>(
    world: &mut World,
    (index, room): Member,
    command: impl FnOnce(&mut Node, Time, RoomHandle) -> Result<T, CommandError>,
) -> T {
    world.command(index, |node, now| command(node, now, room)).expect("it is allowed")
}

pub(crate) fn paint(
    world: &mut World,
    (index, room): Member,
    cells: &[(u16, u16, Colour)],
) -> Result<(), CommandError> {
    world.command(index, |node, now| node.paint(now, room, cells).map(drop))
}

/// Whether all hold the same records, and know it of each other.
pub(crate) fn governed_alike(members: &[Member]) -> impl Fn(&World) -> bool + '_ {
    |world| {
        let digest = |&(index, room): &Member| world.node(index).room(room).records().map(|law| law.digest());
        let first = digest(&members[0]);
        members.iter().all(|member| first.is_some() && digest(member) == first)
    }
}

pub(crate) fn colour(world: &World, (index, room): Member, x: u16, y: u16) -> Option<Colour> {
    world.node(index).canvas(room).and_then(|canvas| canvas.colour(x, y))
}

pub(crate) fn room_id(world: &World, (index, room): Member) -> RoomId {
    world.node(index).room(room).id().expect("it is open")
}

/// Says something in the room over all links of a program whose user has changed it.
pub(crate) fn say(world: &mut World, (index, room): Member, messages: &[RoomMessage]) {
    for link in world.connections.of(index) {
        messages.iter().for_each(|message| world.say_over(index, link, room, message));
    }
}

fn as_record(record: &Record) -> RoomMessage {
    RoomMessage::Record(Bytes::new(record.bytes().to_vec()).expect("a record is within its limit"))
}

pub(crate) fn as_batch(batch: &SignedBatch) -> RoomMessage {
    RoomMessage::Batch(Bytes::new(batch.bytes().to_vec()).expect("a batch is within its limit"))
}

/// A batch of one cell by a program that no honest one is.
pub(crate) struct Forgery {
    pub(crate) person: u64,
    pub(crate) instance: u64,
    pub(crate) sequence: u64,
    pub(crate) record: RecordName,
    pub(crate) used: Option<u32>,
    pub(crate) millis: u64,
    pub(crate) cells: Vec<(u16, u16, Colour)>,
}

impl Forgery {
    pub(crate) fn sign(&self, room: RoomId) -> SignedBatch {
        let stamp = Stamp::new(self.millis, 0).expect("a time of this age");
        let strokes = cells_to_strokes(SIZE, &self.cells, stamp).expect("cells of the canvas").remove(0);
        let author = Endpoint { peer: peer(self.person), instance: Instance(self.instance) };
        let Forgery { sequence, record, used, .. } = *self;
        let (window, cost) = (StampWindow::at(stamp), self.cells.len() as u32);
        let header = Header { author, sequence, replica: ReplicaNumber::FIRST, record, window, cost, used };
        SignedBatch::sign(&identity(self.person), &room, &header, &strokes.encode())
            .expect("a batch in its own name")
    }
}

#[test]
fn rules_reach_everybody_newcomers_and_the_disk() {
    let (mut world, mut members) = room_of(4, PathModel::WAN);
    let rules = Terms { writers: Writers::Listed(Bounded::new(peers(&[2])).unwrap()), ..limited(MINUTE) };
    assert!(paint(&mut world, members[3], &[(9, 9, BLUE)]).is_ok());
    world.run_for(Duration::from_secs(2));
    order(&mut world, members[0], |node, now, room| node.room_mut(now, room).set_rules(rules.clone()));
    assert!(world.run_while(Duration::from_secs(3), governed_alike(&members)));
    join(&mut world, &mut members, 9);
    assert!(world.run_while(Duration::from_secs(5), governed_alike(&members)));
    for &(index, room) in &members {
        assert_eq!(world.node(index).room(room).rules(), Some(&rules));
    }
    assert_eq!(
        paint(&mut world, members[2], &[(1, 1, RED)]),
        Err(CommandError::Write(WriteError::NotWriter))
    );
    let seven: Vec<_> = (0..7).map(|x| (x, 0, RED)).collect();
    assert!(matches!(
        paint(&mut world, members[1], &seven),
        Err(CommandError::Write(WriteError::TooFast { .. }))
    ));
    assert_eq!(paint(&mut world, members[1], &seven[..6]), Ok(()));
    assert!(world.run_while(Duration::from_secs(5), equal(&members)));
    assert_eq!(colour(&world, members[4], 5, 0), Some(RED));
    assert_eq!(colour(&world, members[4], 9, 9), Some(BLUE), "what was there before stays");

    // The owner's program is killed; what it starts with again is on its disk.
    world.run_for(Duration::from_secs(1));
    let (owner, room) = members[0];
    let address = world.node(owner).room(room).address().expect("it is registered");
    let store = world.crash(owner);
    let again = world.start(Config { stores: true, ..Config::default() }, 1, 0);
    world.program(again).store = store;
    world.stop_server();
    let room = world.join_room(again, address);
    assert_eq!(world.node(again).room(room).rules(), Some(&rules));
    assert_eq!(colour(&world, (again, room), 5, 0), Some(RED));
}

#[test]
fn nobody_makes_rules_in_the_owners_name() {
    let (mut world, members) = room_of(4, PathModel::LAN);
    let liar = members[3];
    let room = room_id(&world, liar);
    let stamp = Stamp::at(world.wall());
    let record = |room: &RoomId, person, change, cut| {
        let signer = peer(person);
        let (before, changes) = (vec![RecordName::GENESIS], vec![change]);
        let (before, changes) = (Bounded::new(before).unwrap(), Bounded::new(changes).unwrap());
        Record::sign(&identity(person), room, Body { signer, stamp, before, changes, cut }).unwrap()
    };
    let rules = || Change::List(Bounded::new(peers(&[4])).unwrap());
    let own = record(&room, 4, rules(), None);
    let forged = record(&RoomId([1; 32]), 1, rules(), None).bytes().to_vec();
    let forged = RoomMessage::Record(Bytes::new(forged).unwrap());
    let nothing_stays = Cut { slots: 0, stays: List::default().name() };
    let ban = record(&room, 4, Change::Ban(Bounded::new(peers(&[2])).unwrap()), Some(nothing_stays));
    say(&mut world, liar, &[as_record(&own), forged, as_record(&ban)]);
    world.run_for(Duration::from_secs(1));
    for &(index, handle) in &members[..3] {
        assert!(refused(&world, index, Refusal::RecordSigner) && refused(&world, index, Refusal::Record));
        let law = world.node(index).room(handle).records().unwrap();
        assert!(law.is_empty(), "{index}");
    }
    assert_eq!(paint(&mut world, members[1], &[(1, 1, RED)]), Ok(()), "a stranger's ban bans nobody");
}

#[test]
fn ban_during_a_cut_holds_on_both_sides() {
    let (mut world, members) = room_of(6, PathModel::WAN);
    let (owner, moderator, vandal, other) = (members[0], members[1], members[3], members[5]);
    let rules = Terms { moderators: Bounded::new(peers(&[2])).unwrap(), ..Terms::default() };
    order(&mut world, owner, |node, now, room| node.room_mut(now, room).set_rules(rules));
    assert!(world.run_while(Duration::from_secs(5), governed_alike(&members)));
    paint(&mut world, vandal, &[(1, 1, RED)]).unwrap();
    paint(&mut world, other, &[(2, 1, BLUE)]).unwrap();
    assert!(world.run_while(Duration::from_secs(5), equal(&members)));
    let near: Vec<NodeIndex> = members[..3].iter().map(|(index, _)| *index).collect();
    let far: Vec<NodeIndex> = members[3..].iter().map(|(index, _)| *index).collect();
    world.cut(&near, &far);
    order(&mut world, moderator, |node, now, room| node.room_mut(now, room).ban(peer(4)));
    for x in 2..20 {
        // Where others had painted before, too.
        paint(&mut world, vandal, &[(x, 1, RED)]).unwrap();
        world.run_for(Duration::from_secs(1));
    }
    assert_eq!(colour(&world, other, 2, 1), Some(RED), "beyond the cut nobody knows of the ban");
    world.heal();
    let one =
        |world: &World| governed_alike(&members)(world) && equal(&members)(world) && whole(&members)(world);
    assert!(world.run_while(Duration::from_secs(60), one));
    for &member in &members {
        assert_eq!(colour(&world, member, 1, 1), Some(RED), "what was painted before the ban stays");
        assert_eq!(colour(&world, member, 2, 1), Some(BLUE), "and shows again where it was painted over");
        assert_eq!(colour(&world, member, 3, 1), None);
    }
    assert_eq!(paint(&mut world, vandal, &[(1, 1, RED)]), Err(CommandError::Write(WriteError::Banned)));
    order(&mut world, owner, |node, now, room| node.room_mut(now, room).unban(peer(4)));
    assert!(world.run_while(Duration::from_secs(5), governed_alike(&members)));
    assert_eq!(paint(&mut world, vandal, &[(7, 7, RED)]), Ok(()));
    assert!(world.run_while(Duration::from_secs(5), equal(&members)));
    assert_eq!(colour(&world, owner, 7, 7), Some(RED));
}

#[test]
fn erased_region_is_cleared_for_everybody_and_repaintable() {
    let (mut world, members) = room_of(4, PathModel::WAN);
    for (place, &member) in (0..).zip(&members) {
        paint(&mut world, member, &[(place, 0, RED), (place, 50, BLUE)]).unwrap();
    }
    assert!(world.run_while(Duration::from_secs(5), equal(&members)));
    let region = Some(Region { x: 0, y: 0, width: 100, height: 10 });
    let erase = Erase { author: None, region };
    order(&mut world, members[0], |node, now, room| node.erase(now, room, erase));
    assert!(world.run_while(Duration::from_secs(5), governed_alike(&members)));
    assert!(world.run_while(Duration::from_secs(5), equal(&members)));
    assert_eq!(colour(&world, members[3], 1, 0), Some(Colour::CLEARED));
    assert_eq!(world.node(members[3].0).canvas(members[3].1).map(|canvas| canvas.painted()), Some(4));
    paint(&mut world, members[2], &[(1, 0, BLUE)]).unwrap();
    assert!(world.run_while(Duration::from_secs(5), equal(&members)));
    assert_eq!(colour(&world, members[1], 1, 0), Some(BLUE));
}

/// Twenty people whose clocks differ, in a room with a limit, cut in two for five minutes while all paint as fast
/// as they may.
#[test]
fn cut_room_becomes_one_refusing_no_honest_stroke() {
    let (mut world, mut members) = room_of(1, PathModel::WAN);
    let overlay = BoundedText::new("full-mesh").expect("short enough");
    let rules = Terms { overlay, ..limited(MINUTE) };
    order(&mut world, members[0], |node, now, room| node.room_mut(now, room).set_rules(rules));
    for person in 2..=20 {
        let (index, _) = join(&mut world, &mut members, person);
        world.program(index).skew = (person as i64 * 97 % 41 - 20) * 100_000;
    }
    let greatest_skew = Duration::from_secs(4);
    assert!(world.run_while(Duration::from_secs(60), whole(&members)));
    assert!(world.run_while(Duration::from_secs(60), governed_alike(&members)));
    let indices: Vec<NodeIndex> = members.iter().map(|(index, _)| *index).collect();
    world.cut(&indices[..9], &indices[9..]);
    let (mut strokes, mut waits) = (0u32, 0u32);
    for second in 0..300u16 {
        for (place, &member) in (0u16..).zip(&members) {
            // Ten try in each second, more often than they may; some cells are everybody's.
            if (place + second) % 2 == 0 {
                let cell = (second % 90, if second % 3 == 0 { 0 } else { place }, RED);
                match paint(&mut world, member, &[cell]) {
                    Ok(()) => strokes += 1,
                    Err(CommandError::Write(WriteError::TooFast { .. })) => waits += 1,
                    Err(error) => panic!("{error}"),
                }
            }
        }
        world.run_for(Duration::from_secs(1));
    }
    assert!(strokes >= 20 * 5 * 6 && waits > strokes, "{strokes} strokes, {waits} waits");
    assert!(!equal(&members)(&world), "both sides have painted");
    world.heal();
    let healed = world.now();
    let one = |world: &World| equal(&members)(world) && governed_alike(&members)(world);
    assert!(world.run_while(greatest_skew + Duration::from_secs(30), one), "equal in time");
    println!("equal {:?} after the cut healed, {strokes} strokes", world.now().since(healed));
    for &(index, _) in &members {
        for event in &world.look_at(index).events {
            // Signals may outrun the news of who sends them, as everywhere; nothing of a stroke is refused.
            let is_early = matches!(event, Event::Refused { reason: Refusal::Unannounced, .. });
            let honest = !matches!(event, Event::Refused { .. } | Event::Equivocation { .. });
            assert!(honest || is_early, "{index}: {event:?}");
        }
    }
}

/// Three honest members of a room with a limit, and one that says what it likes.
fn limited_room() -> (World, Vec<Member>, Member, RecordName) {
    let (mut world, mut members) = room_of(3, PathModel::LAN);
    let hostile = join(&mut world, &mut members, 66);
    assert!(world.run_while(Duration::from_secs(20), whole(&members)));
    order(&mut world, members[0], |node, now, room| node.room_mut(now, room).set_rules(limited(MINUTE)));
    assert!(world.run_while(Duration::from_secs(5), governed_alike(&members)));
    world.run_for(Duration::from_secs(61));
    members.pop();
    let (owner, room) = members[0];
    let record = world.node(owner).room(room).records().expect("it is open").in_force();
    (world, members, hostile, record)
}

#[test]
fn everybody_refuses_strokes_over_limit_or_miscounted() {
    let (mut world, honest, hostile, record) = limited_room();
    let (room, wall) = (room_id(&world, hostile), world.wall().as_millis());
    let cells = |count: u16, y| (0..count).map(|x| (x, y, RED)).collect::<Vec<_>>();
    let forgery = |instance, sequence, used, millis, cells: Vec<_>| {
        as_batch(&Forgery { person: 66, instance, sequence, record, used, millis, cells }.sign(room))
    };
    // More at once than a window has; without counting; before the rules; under the rules from before.
    let breaches = [
        forgery(1, 1, Some(0), wall, cells(7, 0)),
        forgery(2, 1, Some(6), wall, cells(1, 1)),
        forgery(3, 1, None, wall, cells(1, 2)),
        forgery(4, 1, Some(0), wall - 3_600_000, cells(1, 3)),
    ];
    let outdated = Forgery {
        person: 66,
        instance: 5,
        sequence: 1,
        record: RecordName::GENESIS,
        used: None,
        millis: wall,
        cells: cells(6, 4),
    };
    say(&mut world, hostile, &breaches);
    say(&mut world, hostile, &[as_batch(&outdated.sign(room))]);
    world.run_for(Duration::from_secs(2));
    for &(index, handle) in &honest {
        assert!(refused(&world, index, Refusal::BatchRules));
        assert_eq!(world.node(index).canvas(handle).map(|canvas| canvas.painted()), Some(0));
    }
}

#[test]
fn two_batches_of_one_sequence_compete() {
    let (mut world, honest, hostile, record) = limited_room();
    let (room, millis) = (room_id(&world, hostile), world.wall().as_millis());
    let forgery = |x| {
        let cells = vec![(x, 3, RED)];
        as_batch(
            &Forgery { person: 66, instance: 3, sequence: 1, record, used: Some(0), millis, cells }
                .sign(room),
        )
    };
    say(&mut world, hostile, &[forgery(1), forgery(2)]);
    world.run_for(Duration::from_secs(3));
    for &member in &honest {
        let told =
            world.look_at(member.0).events.iter().filter(|event| matches!(event, Event::Equivocation { .. }));
        assert_eq!(told.count(), 1);
        assert_eq!([1, 2].map(|x| colour(&world, member, x, 3)), [Some(RED); 2]);
    }
    assert!(equal(&honest)(&world));
}

/// A room of four, in which one says one thing here and another there: the others find it out, and stay in step.
pub(crate) fn finds_out(planted: Option<PlantedBug>) -> Result<(), Violation> {
    let mut world = World::new(1, PathModel::LAN);
    let config = Config { planted, ..Config::default() };
    let mut members = join_all(&mut world, config.clone(), 1, false);
    for person in 2..=3 {
        join_with(&mut world, &mut members, person, config.clone());
    }
    // Its own node hears both as well, and would tell.
    let (hostile, _) = join_with(&mut world, &mut members, 66, config.clone());
    world.corrupt(hostile, Behaviour::Equivocates);
    assert!(world.run_while(Duration::from_secs(20), whole(&members)));
    members.pop();
    for _ in 0..3 {
        world.attack(hostile);
        world.run_for(Duration::from_secs(2));
    }
    let found = |world: &World| check::found_out(world, &members, peer(66));
    world.run_while(Duration::from_secs(60), |world| found(world).is_ok());
    found(&world)?;
    let told = |event: &Event| matches!(event, Event::Equivocation { .. });
    for &(index, _) in &members {
        assert!(world.look_at(index).events.iter().any(told), "{index} is told");
    }
    assert!(world.run_while(Duration::from_secs(60), |world| {
        equal(&members)(world) && governed_alike(&members)(world)
    }));
    Ok(())
}

#[test]
fn equivocating_member_is_found_out_by_everybody() {
    assert_eq!(finds_out(None), Ok(()));
}

#[test]
fn strokes_that_cross_new_rules_are_painted_again() {
    let (mut world, members) = room_of(3, PathModel::WAN);
    // Nobody else knows the rules yet when these are painted.
    order(&mut world, members[0], |node, now, room| node.room_mut(now, room).set_rules(limited(MINUTE)));
    paint(&mut world, members[1], &[(1, 1, RED), (2, 1, RED)]).unwrap();
    paint(&mut world, members[2], &[(3, 1, BLUE)]).unwrap();
    let one = |world: &World| equal(&members)(world) && governed_alike(&members)(world);
    world.run_for(Duration::from_secs(3));
    assert!(world.run_while(Duration::from_secs(5), one));
    for &member in &members {
        assert_eq!(colour(&world, member, 2, 1), Some(RED));
        assert_eq!(colour(&world, member, 3, 1), Some(BLUE));
    }
}

/// A room with rules, one member of which may have a fault, while somebody who is no program of ours paints these:
/// a person, how many cells it says that it has painted before.
fn is_one_after(planted: Option<PlantedBug>, (person, used): (u64, u32)) -> Result<(), Violation> {
    let (mut world, mut honest, hostile, record) = limited_room();
    let (first, handle) = honest[0];
    let address = world.node(first).room(handle).address().expect("it is registered");
    let index = world.start(Config { planted, ..Config::default() }, 30, 0);
    honest.push((index, world.join_room(index, address)));
    world.run_for(Duration::from_secs(65));
    order(&mut world, honest[0], |node, now, room| node.room_mut(now, room).ban(peer(67)));
    assert!(world.run_while(Duration::from_secs(5), governed_alike(&honest)));
    let (room, millis) = (room_id(&world, hostile), world.wall().as_millis());
    let cells = vec![(1, 1, RED)];
    let forgery = Forgery { person, instance: 1, sequence: 1, record, used: Some(used), millis, cells };
    say(&mut world, hostile, &[as_batch(&forgery.sign(room))]);
    world.run_for(Duration::from_secs(20));
    check::equal_replicas(&world, &honest)
}

/// A stroke beyond the limit counts nowhere.
pub(crate) fn keeps_rules(planted: Option<PlantedBug>) -> Result<(), Violation> {
    is_one_after(planted, (66, MINUTE.cost))
}

/// A stroke of somebody who was banned before counts nowhere.
pub(crate) fn keeps_bans(planted: Option<PlantedBug>) -> Result<(), Violation> {
    is_one_after(planted, (67, 0))
}

/// Two devices of the owner make rules apart and end, and of two members each hears of one first: which are in force does not
/// follow from that.
pub(crate) fn forks_alike(planted: Option<PlantedBug>) -> Result<(), Violation> {
    let (mut world, mut members) = room_of(1, PathModel::LAN);
    for person in [1, 2, 3] {
        join_with(&mut world, &mut members, person, Config { planted, ..Config::default() });
    }
    assert!(world.run_while(Duration::from_secs(20), whole(&members)));
    let [first, second, one, other] = [0, 1, 2, 3].map(|number: usize| members[number]);
    world.cut(&[first.0, one.0], &[second.0, other.0]);
    world.run_for(Duration::from_secs(1));
    for (device, cost) in [(first, 10), (second, 20)] {
        let rules = limited(Limit { cost, ..MINUTE });
        order(&mut world, device, |node, now, room| node.room_mut(now, room).set_rules(rules));
    }
    world.run_for(Duration::from_secs(5));
    [first, second].iter().for_each(|(index, _)| world.quit(*index));
    world.heal();
    assert!(world.run_while(Duration::from_secs(60), governed_alike(&[one, other])));
    check::same_rules(&world, &[one, other])
}

#[test]
fn rules_of_two_devices_are_the_same_everywhere() {
    assert_eq!(forks_alike(None), Ok(()));
}

#[test]
fn full_disks_do_not_hide_who_differs() {
    let (mut world, mut members) = room_of(1, PathModel::LAN);
    join_with(&mut world, &mut members, 2, Config { stores: true, ..Config::default() });
    assert!(world.run_while(Duration::from_secs(20), whole(&members)));
    world.run_for(Duration::from_secs(5));
    let [owner, keeper] = [members[0], members[1]];
    let is_known = |world: &World| {
        let owner = world.node(owner.0).endpoint();
        world.node(keeper.0).room(keeper.1).has_our_records(owner)
    };
    [owner, keeper].iter().for_each(|(index, _)| world.program(*index).disk.set(Duration::ZERO, true));
    order(&mut world, owner, |node, now, room| node.room_mut(now, room).ban(peer(9)));
    assert!(world.run_while(Duration::from_secs(1), governed_alike(&members)));
    assert!(!is_known(&world), "the owner has not told what it could not store");
    assert!(world.run_while(Duration::from_secs(5), is_known), "it is asked");
    world.program(keeper.0).disk.set(Duration::ZERO, false);
    let is_unsure = |world: &World| !is_known(world);
    assert!(!world.run_while(Duration::from_secs(30), is_unsure), "what is stored at last changes nothing");
}

#[test]
fn suspended_strokes_are_acknowledged_in_the_end() {
    let (mut world, members) = room_of(3, PathModel::LAN);
    let [owner, moderator, author] = [members[0], members[1], members[2]];
    let rules = Terms { moderators: Bounded::new(peers(&[2])).unwrap(), ..Terms::default() };
    order(&mut world, owner, |node, now, room| node.room_mut(now, room).set_rules(rules));
    assert!(world.run_while(Duration::from_secs(5), governed_alike(&members)));
    world.cut(&[author.0], &[owner.0, moderator.0]);
    // The second stroke takes the place of the first, which is found by nothing but its author's program.
    [RED, BLUE].iter().for_each(|&colour| paint(&mut world, author, &[(1, 1, colour)]).unwrap());
    order(&mut world, moderator, |node, now, room| node.room_mut(now, room).ban(peer(3)));
    world.run_for(Duration::from_secs(40));
    world.heal();
    assert!(world.run_while(Duration::from_secs(60), governed_alike(&members)));
    world.run_for(Duration::from_secs(10));
    assert_eq!(colour(&world, author, 1, 1), None);
    order(&mut world, owner, |node, now, room| node.room_mut(now, room).unban(peer(3)));
    let acknowledged = |world: &World| {
        let told = world.look_at(author.0).events.iter().filter_map(|event| match event {
            Event::Acknowledged { sequences, .. } => Some(sequences.iter().copied()),
            _ => None,
        });
        told.flatten().collect::<BTreeSet<u64>>().len()
    };
    assert_eq!(acknowledged(&world), 0);
    assert!(world.run_while(Duration::from_secs(20), |world| acknowledged(world) == 2));
    assert!(members.iter().all(|member| colour(&world, *member, 1, 1) == Some(BLUE)));
}

#[test]
fn what_a_ban_took_is_not_acknowledged() {
    let (mut world, members) = room_of(3, PathModel::LAN);
    let [owner, moderator, author] = [members[0], members[1], members[2]];
    let rules = Terms { moderators: Bounded::new(peers(&[2])).unwrap(), ..Terms::default() };
    order(&mut world, owner, |node, now, room| node.room_mut(now, room).set_rules(rules));
    let documents = meshwork_sync::WORD.parse().expect("it is the word of an app");
    let on = AppParameters::default();
    order(&mut world, owner, |node, now, room| node.room_mut(now, room).turn_on(documents, on));
    assert!(world.run_while(Duration::from_secs(5), governed_alike(&members)));
    world.cut(&[author.0], &[owner.0, moderator.0]);
    order(&mut world, moderator, |node, now, room| node.room_mut(now, room).ban(peer(3)));
    let number = ReplicaNumber::new(2, Family::Own).expect("a slot");
    let client = client_of(world.node(author.0).endpoint());
    let letters = Library::open(client, None).expect("it is empty").insert(0, "ab");
    let said = vec![payload("notes", &[], &letters)];
    order(&mut world, author, |node, now, room| node.room_mut(now, room).write(number, said));
    world.run_for(Duration::from_secs(2));
    world.heal();
    assert!(world.run_while(Duration::from_secs(60), governed_alike(&members)));
    world.run_for(Duration::from_secs(10));
    let text = |world: &World, (index, room): Member| {
        let documents = world.node(index).room(room).replica::<Documents>(number);
        let whole = documents.and_then(|documents| documents.whole("notes"));
        Library::open(1, whole.as_deref()).expect("it is whole").text()
    };
    let is_acknowledged = |event: &Event| matches!(event, Event::Acknowledged { .. });
    assert!(!world.look_at(author.0).events.iter().any(is_acknowledged), "nobody keeps it");
    order(&mut world, owner, |node, now, room| node.room_mut(now, room).unban(peer(3)));
    world.run_for(Duration::from_secs(20));
    assert!(world.look_at(author.0).events.iter().any(is_acknowledged));
    assert!(members.iter().all(|member| text(&world, *member) == "ab"));
}
