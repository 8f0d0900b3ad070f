//! A crowd counts together: tabs reload, profiles are copied to second devices, and disks lose what they wrote last.

use std::collections::BTreeMap;
use std::time::Duration;

use meshwork_core::id::Endpoint;
use meshwork_core::node::{Config, Node};
use meshwork_core::replica::Replica as _;
use meshwork_core::rng::Rng;
use meshwork_core::seam::event::RoomHandle;
use meshwork_core::table::{Table, payloads};
use meshwork_sim::connection::PathModel;
use meshwork_sim::world::{SERVER, World};
use meshwork_sync::counter;

use crate::common::{Member, SIZE, first_table, is_nightly, seed};

const NAME: &str = "likes";

fn table(node: &Node, room: RoomHandle) -> Option<&Table> {
    node.room(room).replica(first_table())
}

fn shares(node: &Node, room: RoomHandle) -> BTreeMap<Endpoint, i64> {
    table(node, room).map(|table| counter::shares(table, NAME).into_iter().collect()).unwrap_or_default()
}

/// People who count, and what each of their sessions is known to have said.
struct Crowd {
    world: World,
    rng: Rng,
    members: Vec<(u64, Member)>,
    /// What each session stood at after each of its steps.
    said: BTreeMap<Endpoint, Vec<i64>>,
    /// What at least survives of a session that ended.
    survives: BTreeMap<Endpoint, i64>,
}

impl Crowd {
    fn new(seed: u64) -> Crowd {
        let mut world = World::new(seed, PathModel::WAN);
        let first = world.start(Config { stores: true, stays: true, ..Config::default() }, 1, 0);
        let room = world.create_room_at(first, SERVER, SIZE, false);
        let is_registered = |world: &World| world.node(first).room(room).address().is_some();
        assert!(world.run_while(Duration::from_secs(5), is_registered));
        let rng = Rng::new([seed as u8; 32]);
        let members = vec![(1, (first, room))];
        Crowd { world, rng, members, said: BTreeMap::new(), survives: BTreeMap::new() }
    }

    /// A person joins with what some disk has.
    fn start(&mut self, person: u64, store: Option<meshwork_sim::world::Store>) {
        let (_, (first, room)) = self.members[0];
        let address = self.world.node(first).room(room).address().expect("it is registered");
        let index = self.world.start(Config { stores: true, ..Config::default() }, person, 0);
        if let Some(store) = store {
            self.world.program(index).store = store;
        }
        let member = (index, self.world.join_room(index, address));
        self.members.push((person, member));
    }

    fn step(&mut self, by: i64) {
        let who = self.rng.below(self.members.len() as u64) as usize;
        let (_, (index, room)) = self.members[who];
        let added = self.world.command(index, |node, now| {
            let me = node.endpoint();
            let write = counter::add(table(node, room)?, me, NAME, by).expect("few");
            let payloads = payloads(me.peer, &[write]).expect("short");
            // Who is not in the room yet counts later.
            node.room_mut(now, room).write(first_table(), payloads).ok().map(|_| me)
        });
        if let Some(me) = added {
            let said = self.said.entry(me).or_default();
            said.push(said.last().unwrap_or(&0) + by);
        }
    }

    /// A tab is killed and opened again, with what reached the disk; or a second device starts from a copy of it.
    fn disturb(&mut self, copies: bool) {
        let who = 1 + self.rng.below(self.members.len() as u64 - 1) as usize;
        let (person, (index, _)) = self.members[who];
        if copies {
            let copy = self.world.look_at(index).store.clone();
            return self.start(person, Some(copy));
        }
        let me = self.world.node(index).endpoint();
        self.members.remove(who);
        let durable = self.rng.below(3) as usize;
        let store = self.world.crash_while_storing(index, durable);
        let heard = self
            .members
            .iter()
            .filter_map(|(_, (other, room))| shares(self.world.node(*other), *room).get(&me).copied());
        let heard = heard.max().unwrap_or(0);
        self.survives.insert(me, heard);
        self.start(person, Some(store));
    }

    /// Whether everybody has the same, and what is wrong with it.
    fn check(&self) -> Result<(), String> {
        let (_, (first, room)) = self.members[0];
        let digest = |(index, room): Member| table(self.world.node(index), room).map(|table| table.digest());
        for &(_, member) in &self.members {
            if digest(member) != digest((first, room)) {
                return Err(format!("program {} has something else", member.0));
            }
        }
        let shown = shares(self.world.node(first), room);
        for (me, said) in &self.said {
            let total = shown.get(me).copied().unwrap_or(0);
            let last = *said.last().expect("it said something");
            let is_right = match self.survives.get(me) {
                // Of a session that ended counts what it said at some time, and all that anybody had heard.
                Some(heard) => total >= *heard && (total == 0 || said.contains(&total)),
                None => total == last,
            };
            if !is_right {
                return Err(format!("{me:?} counts {total} of {last}, {:?} survives", self.survives.get(me)));
            }
        }
        let stranger = shown.keys().find(|me| !self.said.contains_key(me));
        stranger.map_or(Ok(()), |me| Err(format!("{me:?} said nothing")))
    }
}

#[test]
fn a_crowd_counts_exactly() {
    let seed = seed(19);
    let (endpoints, batches, by) = if is_nightly() { (100, 20_000, 50) } else { (24, 500, 20) };
    println!("seed {seed}");
    let mut crowd = Crowd::new(seed);
    for person in 2..=endpoints * 4 / 5 {
        crowd.start(person, None);
    }
    crowd.world.run_for(Duration::from_secs(20));
    for batch in 0..batches {
        crowd.step(by);
        let wait = crowd.rng.below(40);
        crowd.world.run_for(Duration::from_millis(wait));
        match batch % (batches / endpoints).max(1) {
            7 if (crowd.members.len() as u64) < endpoints => crowd.disturb(true),
            13 => crowd.disturb(false),
            _ => {}
        }
    }
    for second in 0.. {
        match crowd.check() {
            Ok(()) => break,
            Err(words) => assert!(second < 600, "seed {seed}: {words}"),
        }
        crowd.world.run_for(Duration::from_secs(1));
    }
    let (_, (first, room)) = crowd.members[0];
    let value = counter::value(table(crowd.world.node(first), room).expect("it is open"), NAME);
    let said: i64 = crowd.said.values().filter_map(|said| said.last()).sum();
    println!("{value} of {said} said by {} sessions", crowd.said.len());
    assert!(value > said / 2, "most of what was said survives");
}
