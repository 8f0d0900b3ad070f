//! Members that compare boards and tables, message by message.

mod parts;

extern crate std;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use std::println;

use super::keyed::few::FEW;
use super::*;
use crate::clock::Stamp;
use crate::id::{Identity, Instance, RoomId};
use crate::replica::toy::Board;
use crate::replica::{Floor, Replica};
use crate::room::message::{Holds, Want};
use crate::signed::batch::{Header, SignedBatch, StampWindow, UnverifiedBatch};
use crate::signed::header::Family;
use crate::table::{Kind, Quota, Table, Write, Writer, payloads};
use crate::wire::Bounded;

const ROOM: RoomId = RoomId([1; 32]);
/// Delay of every message.
const WAY: Duration = Duration::from_millis(20);
const DAY: u64 = 24 * 60 * 60 * 1000;
/// Of the ten people who write those whom records name.
const KNOWN: [u64; 2] = [3, 4];

type Lie = Box<dyn FnMut(RoomMessage) -> Vec<RoomMessage>>;

struct Member {
    comparison: Comparison,
    replicas: Replicas,
    told: Vec<ComparisonOutput>,
}

#[derive(Default)]
struct World {
    now: Time,
    members: Vec<Member>,
    links: Vec<(usize, usize)>,
    on_the_way: VecDeque<(usize, usize, RoomMessage)>,
    lies: BTreeMap<usize, Lie>,
    /// All messages: time, sender, receiver.
    said: Vec<(Time, usize, usize, RoomMessage)>,
    sequence: u64,
}

fn endpoint(member: usize) -> Endpoint {
    Endpoint { peer: identity(0).peer(), instance: Instance(member as u64) }
}

/// Whoever writes: fields here are anybody's.
fn author() -> PeerId {
    identity(0).peer()
}

fn identity(author: u64) -> Identity {
    Identity::from_secret([1 + author as u8; 32])
}

fn number(family: Family) -> ReplicaNumber {
    ReplicaNumber::new(0, family).expect("a slot")
}

fn board() -> (ReplicaNumber, Box<dyn Replica>) {
    (number(Family::Own), Box::new(Board::new()))
}

fn table() -> (ReplicaNumber, Box<dyn Replica>) {
    (number(Family::ByValue), Box::new(Table::new(Kind::ByValue)))
}

fn from_day(day: u64) -> (ReplicaNumber, Box<dyn Replica>) {
    let mut table = Table::new(Kind::ByTime);
    table.set_floor(Floor(day as u32));
    (number(Family::ByTime), Box::new(table))
}

impl World {
    fn new<R: IntoIterator<Item = (ReplicaNumber, Box<dyn Replica>)>>(
        members: impl IntoIterator<Item = R>,
    ) -> World {
        let member = |replicas| Member {
            comparison: Comparison::default(),
            replicas: Replicas::with(replicas),
            told: Vec::new(),
        };
        World { members: members.into_iter().map(member).collect(), ..World::default() }
    }

    fn link(&mut self, one: usize, other: usize) {
        self.links.extend([(one, other), (other, one)]);
        for (member, other) in [(one, other), (other, one)] {
            let Member { comparison, replicas, .. } = &mut self.members[member];
            comparison.handle_attached(self.now, endpoint(other), replicas);
        }
        self.settle();
    }

    /// What ten people write in turn, signed.
    fn write(&mut self, family: Family, stamp: u64, payloads: Vec<Vec<u8>>) -> Vec<SignedBatch> {
        let sign = |payload: Vec<u8>| {
            self.sequence += 1;
            let identity = identity(self.sequence % 10);
            let author = Endpoint { peer: identity.peer(), instance: Instance(1) };
            let mut header = Header::new(author, self.sequence, StampWindow::at(Stamp(stamp << 16)), 1);
            header.replica = number(family);
            SignedBatch::sign(&identity, &ROOM, &header, &payload).expect("short")
        };
        payloads.into_iter().map(sign).collect()
    }

    fn fields(&mut self, fields: core::ops::Range<u32>) -> Vec<SignedBatch> {
        let field = |field: u32| Writer::Anybody.field(format!("{field}").as_bytes());
        // Few rows, so that signing takes little, and a leaf has entries of many batches all the same.
        let write = |at: u32| Write::value(format!("row {}", at % 100), field(at), "value");
        self.write(
            Family::ByValue,
            5,
            payloads(author(), &fields.map(write).collect::<Vec<_>>()).expect("short"),
        )
    }

    fn post(&mut self, day: u64, text: &str) -> Vec<SignedBatch> {
        self.edit(day, day, &[text])
    }

    /// Somebody writes on a day in the row of another one.
    fn edit(&mut self, row: u64, day: u64, texts: &[&str]) -> Vec<SignedBatch> {
        let row = [b"room\0", &(row * DAY).to_be_bytes()[2..], &[9; 8]].concat();
        let write = |text: &&str| Write::value(&row, Writer::Anybody.field(text.as_bytes()), text);
        let writes: Vec<Write> = texts.iter().map(write).collect();
        self.write(Family::ByTime, day * DAY, payloads(author(), &writes).expect("short"))
    }

    /// Batches arrive live.
    fn hear(&mut self, member: usize, batches: &[SignedBatch]) {
        let Member { comparison, replicas, .. } = &mut self.members[member];
        for batch in batches {
            let Some(replica) = replicas.get_mut(batch.header().replica) else { continue };
            let content = replica.check(&batch.header(), batch.payload()).expect("legal");
            replica.apply(batch.clone(), content);
            comparison.handle_change(self.now);
        }
    }

    fn handle(&mut self, from: usize, to: usize, message: &RoomMessage) {
        let (now, other) = (self.now, endpoint(from));
        if let RoomMessage::LeafBatch(bytes) = message {
            let batch = UnverifiedBatch::decode(&ROOM, bytes).expect("a batch");
            self.members[to].comparison.handle_leaf_batch(now, other, bytes.len());
            self.hear(to, &[batch.assume_signed()]);
            self.members[to].comparison.handle_worked_off(now, other, bytes.len());
            return;
        }
        let Member { comparison, replicas, .. } = &mut self.members[to];
        if let Some(leaf) = comparison.handle_message(now, other, message, replicas) {
            comparison.handle_leaf_end(now, other, leaf, replicas);
        }
    }

    /// Sends what everybody has to say now.
    fn settle(&mut self) {
        for member in 0..self.members.len() {
            let Member { comparison, replicas, told } = &mut self.members[member];
            if comparison.poll_timeout().is_some_and(|at| at <= self.now) {
                comparison.handle_timeout(self.now, replicas);
            }
            comparison.fetch(self.now, replicas, |_| true);
            let mut said = Vec::new();
            while let Some(output) = comparison.poll_output() {
                match output {
                    ComparisonOutput::Send(to, message) => said.push((to.instance.0 as usize, message)),
                    other => told.push(other),
                }
            }
            for &(_, to) in self.links.iter().filter(|(from, _)| *from == member) {
                let is_known = |peer: &PeerId| KNOWN.iter().any(|known| identity(*known).peer() == *peer);
                let next = || comparison.serve(endpoint(to), replicas, &is_known);
                said.extend(core::iter::from_fn(next).map(|message| (to, message)));
            }
            for (to, message) in said {
                let said = match self.lies.get_mut(&member) {
                    Some(lie) => lie(message),
                    None => vec![message],
                };
                for message in said {
                    self.said.push((self.now, member, to, message.clone()));
                    self.on_the_way.push_back((member, to, message));
                }
            }
        }
    }

    /// From now on a member holds its table by time from a day on.
    fn turn(&mut self, member: usize, day: u32) {
        let Member { comparison, replicas, .. } = &mut self.members[member];
        let any: &mut dyn core::any::Any = replicas.get_mut(number(Family::ByTime)).expect("it is kept");
        any.downcast_mut::<Table>().expect("a table").set_floor(Floor(day));
        comparison.handle_change(self.now);
        comparison.handle_forgotten();
        self.settle();
    }

    fn run_for(&mut self, interval: Duration) {
        let until = self.now + interval;
        while self.now < until {
            if self.on_the_way.is_empty() {
                let due = self.members.iter().filter_map(|member| member.comparison.poll_timeout()).min();
                self.now = due.unwrap_or(until).max(self.now).min(until);
            } else {
                self.now += WAY;
            }
            for (from, to, message) in core::mem::take(&mut self.on_the_way) {
                self.handle(from, to, &message);
            }
            self.settle();
        }
    }

    fn digest(&self, member: usize, family: Family) -> Digest {
        self.members[member].replicas.get(number(family)).expect("it is kept").digest()
    }

    fn is_in_step(&self, one: usize, other: usize) -> bool {
        let hears = |one: usize, other| self.members[one].comparison.is_in_step(endpoint(other));
        hears(one, other) && hears(other, one)
    }

    /// Messages and their bytes on a link, since this was last asked.
    fn take_cost(&mut self) -> (usize, usize) {
        let said = core::mem::take(&mut self.said);
        let bytes = |message: &RoomMessage| message.encode(1).1.len() + 3;
        (said.len(), said.iter().map(|(.., message)| bytes(message)).sum())
    }

    fn wants(&self) -> impl Iterator<Item = &Want> {
        self.said.iter().filter_map(|(.., message)| match message {
            RoomMessage::Want(want) => Some(want),
            _ => None,
        })
    }

    fn is_quiet(&mut self) -> bool {
        self.said.clear();
        self.run_for(Duration::from_secs(3600));
        self.said.is_empty()
    }
}

/// Two members that hold the same and know it.
fn in_step<R: IntoIterator<Item = (ReplicaNumber, Box<dyn Replica>)>>(
    members: [R; 2],
    write: impl FnOnce(&mut World) -> Vec<SignedBatch>,
) -> World {
    let mut world = World::new(members);
    let batches = write(&mut world);
    (0..2).for_each(|member| world.hear(member, &batches));
    world.link(0, 1);
    world.run_for(Duration::from_secs(10));
    assert!(world.is_in_step(0, 1));
    world.said.clear();
    world
}

/// One of two members that are in step hears of a change; returns what it costs until both are again.
fn cost_of_a_change(mut world: World, change: &[SignedBatch], family: Family) -> (usize, usize) {
    world.hear(0, change);
    world.run_for(Duration::from_secs(1));
    assert!(matches!(world.said[..], [(_, 0, 1, RoomMessage::Root(_))]), "{:?}", world.said);
    world.run_for(Duration::from_secs(10));
    assert!(world.is_in_step(0, 1) && world.digest(0, family) == world.digest(1, family));
    let cost = world.take_cost();
    assert!(world.is_quiet());
    cost
}

#[test]
fn one_change_in_large_tables_takes_few_messages() {
    let mut world = in_step([[table()], [table()]], |world| world.fields(0..100_000));
    let any: &dyn Replica = world.members[1].replicas.get(number(Family::ByValue)).expect("kept");
    let held = any.as_any::<Table>().map(|table| table.entries(b"row ").count());
    assert_eq!(held, Some(100_000));
    let change = world.fields(100_000..100_001);
    // The root that tells of the change is told at rest as well.
    let (messages, bytes) = cost_of_a_change(world, &change, Family::ByValue);
    println!("a table of 100,000 fields: a root, then {} messages; {bytes} bytes", messages - 1);
    assert!(messages - 1 <= 8 && bytes <= 8192, "{messages} messages of {bytes} bytes");
}

#[test]
fn one_change_of_a_board_takes_few_messages() {
    let values: Vec<(u32, u32)> = (0..256).map(|part| (part * 64, part)).collect();
    let mut world =
        in_step([[board()], [board()]], |world| world.write(Family::Own, 5, Board::payloads(&values)));
    let change = world.write(Family::Own, 6, Board::payloads(&[(5, 5)]));
    let (messages, bytes) = cost_of_a_change(world, &change, Family::Own);
    println!("a board of 256 parts: a root, then {} messages; {bytes} bytes", messages - 1);
    assert!(messages - 1 <= 8 && bytes <= 4096, "{messages} messages of {bytes} bytes");
}

#[test]
fn members_at_rest_tell_one_root_only() {
    let both = || [board(), table()];
    let mut world = in_step([both(), both()], |world| world.fields(0..100));
    for change in [world.fields(100..150), world.write(Family::Own, 9, Board::payloads(&[(1, 1)]))] {
        (0..2).for_each(|member| world.hear(member, &change));
        world.run_for(Duration::from_secs(3600));
        let roots: Vec<&Digest> = world
            .said
            .iter()
            .map(|(.., said)| match said {
                RoomMessage::Root(root) => root,
                said => panic!("{said:?}"),
            })
            .collect();
        assert!(roots.len() == 2 && roots[0] == roots[1], "one each for all replicas: {roots:?}");
        assert!(world.is_in_step(0, 1));
        world.said.clear();
    }
    assert!(world.is_quiet());
}

#[test]
fn roots_are_told_while_something_goes_on_changing() {
    let mut world = in_step([[table()], [table()]], |world| world.fields(0..100));
    let lost = world.fields(500..501);
    world.hear(0, &lost);
    let mut healed = None;
    for change in 0..300 {
        let batches = world.fields(1000 + change..1001 + change);
        (0..2).for_each(|member| world.hear(member, &batches));
        world.run_for(Duration::from_millis(100));
        if world.digest(0, Family::ByValue) == world.digest(1, Family::ByValue) {
            healed.get_or_insert(world.now);
        }
    }
    let told =
        world.said.iter().filter(|(_, from, _, said)| *from == 0 && matches!(said, RoomMessage::Root(_)));
    assert!((5..=8).contains(&told.clone().count()), "{} in half a minute", told.count());
    assert!(healed.is_some(), "what was lost comes although nobody rests");
}

#[test]
fn names_of_batches_that_collide_hide_nothing() {
    for is_few in [false, true] {
        FEW.set(is_few);
        let mut world = in_step([[table()], [table()]], |world| world.fields(0..1));
        for field in 10..60 {
            let batches = world.fields(field..field + 1);
            world.hear(field as usize % 2, &batches);
        }
        world.run_for(Duration::from_secs(30));
        assert!(
            world.is_in_step(0, 1) && world.digest(0, Family::ByValue) == world.digest(1, Family::ByValue)
        );
        let without_names = world.wants().filter(|want| want.have.is_empty()).count();
        assert_eq!(without_names > 0, is_few, "{without_names} of {}", world.wants().count());
        assert!(world.is_quiet());
    }
    FEW.set(false);
}

#[test]
fn members_lacking_a_family_stay_in_step() {
    let mut world = World::new([vec![board(), table()], vec![table()]]);
    let drawn = world.write(Family::Own, 5, Board::payloads(&[(1, 1)]));
    let fields = world.fields(0..50);
    world.hear(0, &drawn);
    world.hear(1, &fields);
    world.link(0, 1);
    world.run_for(Duration::from_secs(10));
    assert!(world.is_in_step(0, 1) && world.digest(0, Family::ByValue) == world.digest(1, Family::ByValue));
    let more = world.write(Family::Own, 6, Board::payloads(&[(2, 2)]));
    world.hear(0, &more);
    assert!(world.is_quiet() && world.is_in_step(0, 1), "what one of them lacks is not spoken of");
}

#[test]
fn new_families_are_compared_before_members_rest() {
    let drawn = |world: &mut World| world.write(Family::Own, 5, Board::payloads(&[(1, 1)]));
    for is_drawn in [true, false] {
        let mut world = World::new([vec![board(), table()], vec![table()]]);
        let drawn = if is_drawn { drawn(&mut world) } else { Vec::new() };
        let fields = world.fields(0..50);
        world.hear(0, &drawn);
        (0..2).for_each(|member| world.hear(member, &fields));
        world.link(0, 1);
        world.run_for(Duration::from_secs(10));
        assert!(world.is_in_step(0, 1));
        // A record turns the app on for the other one, too.
        let Member { comparison, replicas, .. } = &mut world.members[1];
        replicas.insert(board());
        comparison.handle_change(world.now);
        world.settle();
        for _ in 0..1000 {
            world.run_for(Duration::from_millis(10));
            let rests = world.members[1].comparison.is_in_step(endpoint(0));
            assert!(!rests || world.digest(0, Family::Own) == world.digest(1, Family::Own));
        }
        assert!(world.is_in_step(0, 1) && world.digest(0, Family::Own) == world.digest(1, Family::Own));
        assert!(world.is_quiet());
    }
}

#[test]
fn partial_and_whole_holders_of_a_table_agree() {
    // Days of which each takes several leaves, and one where each has a few.
    for posts in [1, 300] {
        let mut world = World::new([[from_day(0)], [from_day(20_010)]]);
        let mut later = 0;
        for day in 20_000..20_020 {
            for post in 0..posts {
                let batches = world.post(day, &format!("{post}"));
                world.hear(0, &batches);
            }
            later += if day >= 20_010 { posts } else { 0 };
        }
        world.link(0, 1);
        world.run_for(Duration::from_secs(20));
        assert!(world.is_in_step(0, 1));
        let held = |world: &World| {
            world.members[1].replicas.get(number(Family::ByTime)).expect("kept").batch_count()
        };
        assert_eq!(held(&world), later, "nothing before the floor is fetched");
        let (old, new) = (world.post(20_003, "old"), world.post(20_015, "new"));
        world.hear(0, &old);
        world.hear(1, &new);
        world.run_for(Duration::from_secs(20));
        assert!(world.is_in_step(0, 1) && held(&world) == later + 1);
        assert_ne!(world.digest(0, Family::ByTime), world.digest(1, Family::ByTime));
        assert!(world.is_quiet());
        // Its floor rises.
        let unheard = world.post(20_012, "unheard");
        world.turn(1, 20_015);
        world.hear(0, &unheard);
        world.run_for(Duration::from_secs(20));
        assert!(world.is_in_step(0, 1) && held(&world) == later / 2 + 1, "{} of {later}", held(&world));
    }
}

#[test]
fn members_of_different_days_become_equal() {
    // With a place for each value, and with fewer: then an author's entries hold where older ones are given up.
    for values in [100, 7] {
        let table = || Table::with_quota(Kind::ByTime, Quota { values, ..Quota::default() });
        let table = || -> (ReplicaNumber, Box<dyn Replica>) { (number(Family::ByTime), Box::new(table())) };
        let mut world = World::new([[table()], [table()], [table()]]);
        for day in 20_000..20_006 {
            for post in 0..20 {
                let batches = world.edit(day, day, &[&format!("{post}"), &format!("{}", post + 1)]);
                (0..2).for_each(|member| world.hear(member, &batches));
            }
        }
        for late in 0..20 {
            // Everybody goes on with what is about to be old.
            let batches = world.edit(20_000 + late % 2, 20_006, &[&format!("late {late}")]);
            (0..2).for_each(|member| world.hear(member, &batches));
        }
        world.link(0, 1);
        world.link(0, 2);
        world.link(1, 2);
        world.run_for(Duration::from_secs(20));
        for (today, member) in [(20_001, 1), (20_001, 2), (20_001, 0), (20_002, 0), (20_002, 2), (20_002, 1)]
        {
            world.turn(member, today);
            let batches = world.post(20_005, &format!("at {today} {member}"));
            world.hear(member, &batches);
            world.run_for(Duration::from_secs(3));
        }
        world.run_for(Duration::from_secs(60));
        for (one, other) in [(0, 1), (1, 2), (0, 2)] {
            assert_eq!(world.digest(one, Family::ByTime), world.digest(other, Family::ByTime));
            assert!(world.is_in_step(one, other));
        }
        assert!(world.is_quiet());
        let told = world.members.iter().flat_map(|member| &member.told);
        let others: Vec<_> = told.filter(|told| !matches!(told, ComparisonOutput::InStep(_))).collect();
        assert!(others.is_empty(), "nobody is blamed: {others:?}");
    }
}

/// A member that withholds batches, tells false digests, or both: it is not blamed, it is not asked for ever, and others
/// bring what it does not.
#[test]
fn withheld_batches_and_false_digests_do_no_harm() {
    let lies: [fn(RoomMessage) -> Vec<RoomMessage>; 3] = [
        |message| if matches!(message, RoomMessage::LeafBatch(_)) { vec![] } else { vec![message] },
        |message| match message {
            RoomMessage::LeafEnd(mut end) => {
                end.digest = [7; 32];
                vec![RoomMessage::LeafEnd(end)]
            }
            RoomMessage::LeafBatch(_) => vec![],
            message => vec![message],
        },
        |message| match message {
            RoomMessage::Nodes(mut nodes) => {
                let invent =
                    |below: crate::replica::Below| crate::replica::Below { digest: [8; 32], ..below };
                nodes.below =
                    Bounded::new(nodes.below.iter().copied().map(invent).collect()).expect("as many");
                vec![RoomMessage::Nodes(nodes)]
            }
            message => vec![message],
        },
    ];
    for lie in lies {
        let mut world = World::new([[table()], [table()], [table()]]);
        let batches = world.fields(0..3000);
        world.hear(1, &batches);
        world.hear(2, &batches);
        world.lies.insert(1, Box::new(lie));
        world.link(0, 1);
        world.run_for(Duration::from_secs(600));
        let first = world.wants().count();
        world.said.clear();
        world.run_for(Duration::from_secs(600));
        let (later, leaves) = (world.wants().count(), 64);
        assert!(first <= 4 * leaves && later <= leaves, "{first} wants, then {later}");
        world.link(0, 2);
        world.run_for(Duration::from_secs(20));
        assert!(
            world.is_in_step(0, 2) && world.digest(0, Family::ByValue) == world.digest(2, Family::ByValue)
        );
        // It hears nothing of what it did not send, and serves no more for that.
        let is_just = |told: &ComparisonOutput| match told {
            ComparisonOutput::InStep(_) => true,
            ComparisonOutput::Withheld(whom, _) => *whom == endpoint(1),
            _ => false,
        };
        assert!(world.members[0].told.iter().all(is_just), "{:?}", world.members[0].told);
    }
}

#[test]
fn newcomers_ask_for_leaves_at_once() {
    let values: Vec<(u32, u32)> = (0..256).map(|part| (part * 64, part)).collect();
    let mut world = World::new([[board()], [board()]]);
    let batches = world.write(Family::Own, 5, Board::payloads(&values));
    world.hear(0, &batches);
    world.link(0, 1);
    let begin = world.now;
    world.run_for(Duration::from_secs(10));
    assert_eq!(world.digest(0, Family::Own), world.digest(1, Family::Own));
    let when = |is_it: fn(&RoomMessage) -> bool| {
        let first = world.said.iter().find(|(.., said)| is_it(said));
        first.map(|(at, ..)| at.since(begin).as_millis() / WAY.as_millis())
    };
    assert_eq!(when(|said| matches!(said, RoomMessage::Open(_))), None, "all leaves are told at once");
    assert_eq!(when(|said| matches!(said, RoomMessage::Want(_))), Some(1));
    assert_eq!(when(|said| matches!(said, RoomMessage::LeafBatch(_))), Some(2));
    assert!(world.wants().all(|want| want.have.is_empty()) && world.wants().count() == 256);
}

#[test]
fn questions_beyond_what_is_remembered_are_not_answered() {
    let mut world = in_step([[table()], [table()]], |world| world.fields(0..3000));
    for _ in 0..1000 {
        let open = RoomMessage::Open(Open { replica: 1, node: ROOT });
        world.handle(1, 0, &open);
        let want = Want { replica: 1, leaf: ROOT, nonce: 0, have: Bounded::default(), known_alone: false };
        world.handle(1, 0, &RoomMessage::Want(want));
    }
    world.settle();
    let nodes = world.said.iter().filter(|(.., said)| matches!(said, RoomMessage::Nodes(_))).count();
    let ends = world.said.iter().filter(|(.., said)| matches!(said, RoomMessage::LeafEnd(_))).count();
    assert_eq!(nodes, 1, "one question asked a thousand times");
    assert!(ends <= WANTS_MAX, "{ends}");
}

#[test]
fn holdings_say_who_has_as_much() {
    let holding = |own, floors: &[(u8, u32)]| {
        let floors = floors.iter().map(|(number, day)| (*number, Floor(*day))).collect();
        Holding::said(&Holds { own, floors: Bounded::new(floors).expect("few") })
    };
    let all = holding(3, &[]);
    for (less, more) in [
        (holding(1, &[]), holding(3, &[])),
        (holding(1, &[(0x12, 20_000)]), holding(1, &[(0x12, 19_999)])),
        (holding(1, &[(0x12, 20_000), (0x01, u32::MAX)]), holding(1, &[(0x12, 20_000)])),
    ] {
        assert!(more.has_all_of(&less) && !less.has_all_of(&more), "{less:?} {more:?}");
        assert!(all.has_all_of(&more) && more.has_all_of(&more));
    }
    let one = holding(1, &[(0x12, 20_000)]);
    let other = holding(3, &[(0x12, 20_001)]);
    assert!(!one.has_all_of(&other) && !other.has_all_of(&one));
    // docs/protocol/gossip.md shows these.
    assert_eq!(crate::wire::encode(&one.as_said()), [1, 1, 0x12, 0xa0, 0x9c, 0x01]);
}
