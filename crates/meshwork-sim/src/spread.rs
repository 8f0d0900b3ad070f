//! How long a change takes to everybody: a counter and a document in one room of real nodes.
//!
//! # Problem
//! That everybody is equal in the end says nothing of what people notice: how late the others see what one did.
//!
//! # How it works
//! [`run`] lets everybody of a [`Plan`] come to a room of Sync, and be linked. A few changes give the overlay's trees
//! their shape. Then members drawn at random raise a counter and type a word into a document, and each endpoint is asked,
//! after everything that happens, what it was told of. A change counts as heard when the program is told of it: the row of
//! the counter's share, the update that shows the word.
//!
//! # Invariants
//! - One plan gives one [`Report`], on every machine and however many run beside it.
//! - Times are exact: they are looked at whenever virtual time moves.

use std::time::Duration;

use meshwork_core::id::Endpoint;
use meshwork_core::node::{Config, Event, RoomSpec};
use meshwork_core::replica::{Digest, Replica as _, ReplicaNumber};
use meshwork_core::rng::Rng;
use meshwork_core::signed::app::{AppParameters, GENESIS_SLOT};
use meshwork_core::signed::header::Family;
use meshwork_core::table::{self, Table};
use meshwork_core::time::Time;
use meshwork_sync::document::update::{self, Id};
use meshwork_sync::document::{self, Change, Documents, client_of, payload};
use meshwork_sync::{WORD, counter};

use crate::chance::{below, generator};
use crate::check::overlay::{connected, degree};
use crate::check::{Member, Violation};
use crate::library::Library;
use crate::path::PathModel;
use crate::world::{SERVER, World};

/// Newcomers in a second.
const ARRIVALS: u32 = 100;
/// Neighbours that everybody has at least when it is linked, as far as there are so many others.
const LEAST: usize = 5;
/// How long it may take until everybody is linked.
const LINKED_LIMIT: Duration = Duration::from_secs(120);
/// How often that is looked at.
const STRIDE: Duration = Duration::from_millis(100);
/// How long it may take after the last change until all are equal: as long as a healed room has.
const EQUAL_LIMIT: Duration = Duration::from_secs(60);
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(10);
/// The counter and the document.
const COUNTER: &str = "likes";
const DOCUMENT: &str = "notes";
/// Nobody writes as this client.
const READER: u64 = 0;

/// What a room is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Where all chance comes from.
    pub seed: u64,
    /// How many come: two or more.
    pub peers: usize,
    /// How everybody reaches the network.
    pub path: PathModel,
    /// How often the counter is raised before anything is measured, and the document changed.
    pub warm_up: usize,
    /// How often each is changed while it is measured.
    pub changes: usize,
    /// How long after each other.
    pub pause: Duration,
}

/// How long changes of one kind took to every other endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delays {
    /// Of each change to each endpoint that was told of it, in microseconds.
    pub micros: Vec<u32>,
    /// Endpoints that were told of a change never.
    pub missed: u64,
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Of steps of the counter.
    pub counter: Delays,
    /// Of words in the document.
    pub document: Delays,
    /// How long after the last change all endpoints had one number and one text, with everything that was written; `None`
    /// where they never had.
    pub equal_after: Option<Duration>,
    /// Happenings in the whole run.
    pub steps: u64,
}

/// Lets a room do what is planned.
///
/// # Errors
/// [`Violation`] where not everybody came to be linked, or somebody could not write.
pub fn run(plan: &Plan) -> Result<Report, Violation> {
    let mut room = Room::open(plan)?;
    room.arrive(plan.peers)?;
    for _ in 0..plan.warm_up {
        room.change()?;
        room.listen(plan.pause);
    }
    room.asked.clear();
    for number in 0..plan.changes {
        room.listen(if number > 0 { plan.pause } else { Duration::ZERO });
        room.change()?;
    }
    let last = room.asked.last().map_or(room.world.now(), |asked| asked.at);
    let end = room.world.now() + EQUAL_LIMIT;
    while !room.is_in_step() && room.world.now() < end {
        room.listen(LOOK);
    }
    let equal_after = room.is_equal().then(|| room.world.now().since(last));
    Ok(room.report(equal_after))
}

/// What tells of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    /// A batch of the table: this one of its author, or a later one in its place.
    Row(Endpoint, u64),
    /// The first letter of a word.
    Letter(Id),
}

/// A change whose way is watched.
struct Asked {
    mark: Mark,
    at: Time,
    /// When each member was told of it, by place; the author at once.
    told: Vec<Option<Time>>,
}

/// A room under way.
struct Room {
    world: World,
    rng: Rng,
    members: Vec<Member>,
    asked: Vec<Asked>,
    /// How often the counter was raised, and what was typed.
    raised: i64,
    typed: usize,
}

impl Room {
    fn open(plan: &Plan) -> Result<Room, Violation> {
        let mut world = World::new(plan.seed, plan.path);
        let first = world.start(Config::default(), 1, 0);
        let app = WORD.parse().expect("it is the word of an app");
        let parameters = AppParameters::default();
        let spec = RoomSpec { servers: vec![SERVER.to_owned()], app, parameters, private: false };
        let room = world.command(first, |node, now| node.create_room(now, spec)).expect("a legal room");
        let known = |world: &World| world.node(first).room(room).address().is_some();
        if !world.run_while(Duration::from_secs(5), known) {
            return Err(Violation::new("registered", String::from("the room is not registered")));
        }
        let rng = generator(plan.seed, [1; 3]);
        Ok(Room { world, rng, members: vec![(first, room)], asked: vec![], raised: 0, typed: 0 })
    }

    /// Everybody comes, at a steady pace, and is linked.
    fn arrive(&mut self, peers: usize) -> Result<(), Violation> {
        let (first, room) = self.members[0];
        let address = self.world.node(first).room(room).address().expect("it is registered");
        for person in 2..=peers as u64 {
            let index = self.world.start(Config::default(), person, 0);
            self.members.push((index, self.world.join_room(index, address.clone())));
            self.world.run_for(Duration::from_secs(1) / ARRIVALS);
        }
        let end = self.world.now() + LINKED_LIMIT;
        while let Err(violation) = self.is_linked() {
            if self.world.now() >= end {
                return Err(violation);
            }
            self.listen(STRIDE);
        }
        Ok(())
    }

    fn is_linked(&self) -> Result<(), Violation> {
        if let Some((index, _)) = self.members.iter().find(|member| self.documents(**member).is_none()) {
            return Err(Violation::new("degree", format!("program {index} is not in the room yet")));
        }
        degree(&self.world, &self.members, LEAST)?;
        connected(&self.world, &self.members)
    }

    fn table(&self, (index, room): Member) -> Option<&Table> {
        self.world.node(index).room(room).replica(rows())
    }

    fn documents(&self, (index, room): Member) -> Option<&Documents> {
        self.world.node(index).room(room).replica(ReplicaNumber::FIRST)
    }

    /// Somebody raises the counter, and somebody types.
    fn change(&mut self) -> Result<(), Violation> {
        let [counts, types] = [(); 2].map(|()| below(&mut self.rng, self.members.len()));
        let member = self.members[counts];
        let me = self.world.node(member.0).endpoint();
        let step = self.table(member).and_then(|table| counter::add(table, me, COUNTER, 1).ok());
        let payloads = step.and_then(|step| table::payloads(me.peer, &[step]).ok());
        let sequence = self.write(member, rows(), payloads.unwrap_or_default())?;
        self.raised += 1;
        self.ask(counts, Mark::Row(me, sequence));

        let member = self.members[types];
        let client = client_of(self.world.node(member.0).endpoint());
        let (word, per_mille) = (format!("{} ", self.raised), self.rng.below(1001) as u16);
        let whole = self.documents(member).and_then(|documents| documents.whole(DOCUMENT));
        let open =
            Library::open(client, whole.as_deref()).map_err(|words| Violation::new("opened", words))?;
        let letter = Id { client, clock: open.end_of(client) };
        let said = payload(DOCUMENT, &[], &open.insert(per_mille, &word));
        self.write(member, ReplicaNumber::FIRST, vec![said])?;
        self.typed += word.len();
        self.ask(types, Mark::Letter(letter));
        Ok(())
    }

    fn write(
        &mut self,
        (index, room): Member,
        replica: ReplicaNumber,
        payloads: Vec<Vec<u8>>,
    ) -> Result<u64, Violation> {
        let written =
            self.world.command(index, |node, now| node.room_mut(now, room).write(replica, payloads));
        let written = written.map(|receipt| *receipt.sequences.start());
        written.map_err(|error| Violation::new("written", format!("program {index} cannot write: {error}")))
    }

    fn ask(&mut self, author: usize, mark: Mark) {
        let at = self.world.now();
        let mut told = vec![None; self.members.len()];
        told[author] = Some(at);
        self.asked.push(Asked { mark, at, told });
    }

    /// Lets time pass, and notes when who is told of what.
    fn listen(&mut self, interval: Duration) {
        let until = self.world.now() + interval;
        while let Some(due) = self.world.due().filter(|due| *due <= until) {
            self.world.run_until(due);
            self.hear();
        }
        self.world.run_until(until);
    }

    fn hear(&mut self) {
        let now = self.world.now();
        for (place, &(index, _)) in self.members.iter().enumerate() {
            for event in self.world.program(index).events.drain(..) {
                let asked = self.asked.iter_mut().filter(|asked| asked.told[place].is_none());
                asked
                    .filter(|asked| tells(&event, asked.mark))
                    .for_each(|asked| asked.told[place] = Some(now));
            }
        }
    }

    /// Whether all replicas have one digest.
    fn is_in_step(&self) -> bool {
        let digests = |member: &Member| -> Option<[Digest; 2]> {
            Some([self.table(*member)?.digest(), self.documents(*member)?.digest()])
        };
        let first = self.members.first().and_then(digests);
        self.members.iter().all(|member| digests(member) == first)
    }

    /// Whether everybody has the number and one text that everything makes.
    fn is_equal(&self) -> bool {
        let read = |member: &Member| {
            let number = counter::value(self.table(*member)?, COUNTER);
            let whole = self.documents(*member)?.whole(DOCUMENT);
            Some((number, Library::open(READER, whole.as_deref()).ok()?.text()))
        };
        let Some((number, text)) = self.members.first().and_then(read) else { return false };
        let has_all = number == self.raised && text.len() == self.typed;
        has_all && self.members.iter().all(|member| read(member) == Some((number, text.clone())))
    }

    fn report(self, equal_after: Option<Duration>) -> Report {
        let mut report = Report {
            counter: Delays::default(),
            document: Delays::default(),
            equal_after,
            steps: self.world.steps(),
        };
        for Asked { mark, at, told } in &self.asked {
            let delays = match mark {
                Mark::Row(..) => &mut report.counter,
                Mark::Letter(_) => &mut report.document,
            };
            // The author, who was told at once, is nobody's other endpoint.
            let others = told.iter().filter(|told| **told != Some(*at));
            for told in others {
                match told {
                    Some(told) => delays.micros.push(told.since(*at).as_micros() as u32),
                    None => delays.missed += 1,
                }
            }
        }
        report
    }
}

/// The table in which the counter stands.
fn rows() -> ReplicaNumber {
    ReplicaNumber::new(GENESIS_SLOT, Family::ByValue).expect("the first app has a slot")
}

/// Whether an event tells a program of a change.
fn tells(event: &Event, mark: Mark) -> bool {
    let Event::Changed { batch, changes, .. } = event else { return false };
    match mark {
        Mark::Row(author, sequence) => {
            let is_it = batch.is_some_and(|key| key.author == author && key.sequence >= sequence);
            is_it && !changes.of::<table::Change>().is_empty()
        }
        Mark::Letter(id) => changes.of::<document::Change>().iter().any(|change| match change {
            Change::Said { update, .. } => {
                let read = update::read(update).unwrap_or_default();
                read.items.iter().any(|item| {
                    item.id.client == id.client
                        && (item.id.clock..item.id.clock + item.length).contains(&id.clock)
                })
            }
            // Whoever opens it anew sees all of it.
            Change::Anew { .. } => true,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(path: PathModel) -> Plan {
        let pause = Duration::from_millis(500);
        Plan { seed: 3, peers: 12, path, warm_up: 4, changes: 6, pause }
    }

    #[test]
    fn everybody_hears_each_change_in_time() {
        let report = run(&plan(PathModel::LAN)).expect("everybody is linked");
        for delays in [&report.counter, &report.document] {
            assert_eq!((delays.micros.len(), delays.missed), (6 * 11, 0));
            let least = PathModel::LAN.latency.as_micros() as u32;
            assert!(delays.micros.iter().all(|micros| (least..1_000_000).contains(micros)), "{delays:?}");
        }
        assert!(report.equal_after.is_some(), "{report:?}");
        assert_eq!(run(&plan(PathModel::LAN)), Ok(report), "one plan gives one report");
    }

    #[test]
    fn losses_are_healed() {
        let report = run(&plan(PathModel::MOBILE)).expect("everybody is linked");
        assert_eq!((report.counter.missed, report.document.missed), (0, 0));
        assert!(report.equal_after.is_some(), "{report:?}");
    }
}
