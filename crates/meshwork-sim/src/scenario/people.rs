//! A run of a schedule: the people of it, what they do, and the checkers that watch them.

use std::collections::BTreeMap;
use std::time::Duration;

use meshwork_core::node::{Config, Event, Node, Refusal};
use meshwork_core::replica::Digest;
use meshwork_core::room::rules::terms::Terms;
use meshwork_core::seam::config::PlantedBug;
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::signed::app::AppParameters;
use meshwork_core::time::Time;
use meshwork_core::wire::{Bounded, BoundedText};

use super::draw::SKEW_MAX_MICROS;
use super::overlay::FULL_MESH;
use super::schedule::{Action, Arrival, Name, Schedule};
use crate::app::{self, Author, Entry, Operation, Writing};
use crate::check::direct::DirectLedger;
use crate::check::overlay;
use crate::check::{
    self, Acknowledgements, Causal, Clocks, ExactlyOnce, Honest, Lanes, Member, OneSided, OnlyWritten,
    OpenDocuments, Told, Violation, Written,
};
use crate::connection::NodeIndex;
use crate::hostile::Behaviour;
use crate::path::PathModel;
use crate::world::{self, Store, World};

/// How long a room must have been left alone to be calm: longer than a link takes to be given up.
const CALM: Duration = Duration::from_secs(12);
/// How long what is written may take to be everywhere in a calm room: less than repair takes to begin.
const LIVE: Duration = Duration::from_secs(1);
/// How long registering a room may take when nothing is wrong.
const REGISTER_LIMIT: Duration = Duration::from_secs(30);
/// Neighbours that everybody has at least where not all are linked to all, as far as there are so many others.
const LEAST: usize = 2;

/// Whoever has this key moderates besides who made the room.
const MODERATOR: u64 = 1;

/// Somebody of the schedule.
#[derive(Debug)]
struct Person {
    arrival: Arrival,
    member: Option<Member>,
    hostile: bool,
    /// What is on their disk while their program does not run.
    disk: Option<Store>,
}

/// A schedule that is being carried out.
pub(super) struct Scenario {
    pub(super) world: World,
    people: BTreeMap<Name, Person>,
    address: Option<RoomAddress>,
    /// Whether everybody is to be linked to everybody.
    is_mesh: bool,
    planted: Option<PlantedBug>,
    disturbed: Time,
    /// The most that any clock was ahead.
    ahead_micros: i64,
    exactly_once: ExactlyOnce,
    honest: Honest,
    written: OnlyWritten,
    told: Told,
    documents: OpenDocuments,
    acknowledgements: Acknowledgements,
    clocks: Clocks,
    direct: DirectLedger,
    lanes: Lanes,
    causal: Causal,
    one_sided: OneSided,
    /// Whether the healed room came to be whole.
    pub(super) is_settled: bool,
}

impl Scenario {
    pub(super) fn new(schedule: &Schedule, planted: Option<PlantedBug>) -> Scenario {
        Scenario {
            world: World::new(schedule.seed, schedule.first.access),
            people: BTreeMap::new(),
            address: None,
            is_mesh: schedule.overlay == FULL_MESH,
            planted,
            disturbed: Time(0),
            ahead_micros: 0,
            exactly_once: ExactlyOnce::default(),
            honest: Honest::new(schedule.has_lies()),
            written: OnlyWritten::default(),
            told: Told::default(),
            documents: OpenDocuments::default(),
            acknowledgements: Acknowledgements::default(),
            clocks: Clocks::default(),
            direct: DirectLedger::default(),
            lanes: Lanes::default(),
            causal: Causal::default(),
            one_sided: OneSided::default(),
            is_settled: false,
        }
    }

    /// **registered**: the room is made, and its LINK is known soon.
    pub(super) fn open_room(&mut self, schedule: &Schedule) -> Result<(), Violation> {
        let index = self.start(schedule.first, None);
        let room = self.world.create_room(index, schedule.size, schedule.private);
        let overlay = BoundedText::new(schedule.overlay).expect("short enough");
        let moderators = Bounded::new(vec![world::identity(MODERATOR).peer()]).expect("one is not too many");
        let rules = Terms { overlay, moderators, ..Terms::default() };
        let ruled = self.world.command(index, |node, now| node.room_mut(now, room).set_rules(rules));
        let documents = meshwork_sync::WORD.parse().expect("it is the word of an app");
        let turn_on = |node: &mut Node, now| {
            node.room_mut(now, room).turn_on(documents, AppParameters::default()).map(drop)
        };
        if let Err(error) = ruled.map(drop).and_then(|()| self.world.command(index, turn_on)) {
            return Err(Violation::new("registered", format!("its maker set no rules: {error}")));
        }
        self.people.insert(
            schedule.first.who,
            Person { arrival: schedule.first, member: Some((index, room)), hostile: false, disk: None },
        );
        let known = |world: &World| world.node(index).room(room).address().is_some();
        if !self.world.run_while(REGISTER_LIMIT, known) {
            let detail = format!("the room was not registered within {} s", REGISTER_LIMIT.as_secs());
            return Err(Violation::new("registered", detail));
        }
        self.address = self.world.node(index).room(room).address();
        Ok(())
    }

    /// Carries out one step. What names somebody who is not there does nothing.
    pub(super) fn act(&mut self, action: &Action) -> Result<(), Violation> {
        if !matches!(
            action,
            Action::Do { .. } | Action::Say { .. } | Action::Speak { .. } | Action::Probe { .. }
        ) {
            self.disturbed = self.world.now();
        }
        match *action {
            Action::Join(arrival) => self.join(arrival, None),
            Action::JoinHostile { who, behaviour } => {
                let arrival = Arrival {
                    who,
                    person: 1000 + who as u64,
                    skew: 0,
                    access: PathModel::LAN,
                    stores: false,
                };
                self.join(arrival, Some(behaviour));
            }
            Action::Do { who, operation } => return self.write(who, &operation),
            Action::Say { from, to } => self.say(from, to),
            Action::Speak { who } => {
                if let Some(member) = self.awake(who) {
                    self.lanes.speak(&mut self.world, member);
                    self.causal.speak(&mut self.world, member);
                }
            }
            Action::Probe { who, operation } => return self.probe(who, &operation),
            Action::Attack { who } => {
                if let Some(Person { member: Some((index, _)), hostile: true, .. }) = self.people.get(&who) {
                    self.world.attack(*index);
                }
            }
            Action::Leave { who } => self.leave(who),
            Action::Crash { who, durable } => return self.crash(who, durable),
            Action::Restart { who } => self.restart(who),
            _ => self.disturb(action),
        }
        Ok(())
    }

    /// Faults of networks, machines and servers.
    fn disturb(&mut self, action: &Action) {
        match *action {
            Action::Sleep { who } => self.with(who, World::sleep),
            Action::Wake { who } => self.with(who, World::wake),
            Action::Split { sides } => {
                let (one, other): (Vec<_>, Vec<_>) =
                    self.running().into_iter().partition(|(name, _)| sides >> (name % 64) & 1 == 0);
                let indices =
                    |side: Vec<(Name, NodeIndex)>| side.into_iter().map(|(_, index)| index).collect();
                let (one, other): (Vec<_>, Vec<_>) = (indices(one), indices(other));
                self.world.cut(&one, &other);
            }
            Action::Cut { one, other } => self.with_both(one, other, |world, a, b| world.cut(&[a], &[b])),
            Action::CutOneWay { from, to } => self.with_both(from, to, World::cut_one_way),
            Action::Heal => self.world.heal(),
            Action::Fail { one, other } => self.with_both(one, other, World::fail_connection),
            Action::Move { who, access } => self.with(who, |world, index| world.set_access(index, access)),
            Action::SetClock { who, skew, noticed } => {
                self.ahead_micros = self.ahead_micros.max(skew);
                self.with(who, |world, index| match noticed {
                    true => world.jump_clock(index, skew),
                    false => world.set_clock(index, skew),
                });
            }
            Action::Disk { who, delay_ms, full } => {
                self.with(who, |world, index| world.set_disk(index, Duration::from_millis(delay_ms), full));
            }
            Action::StopServer => self.world.stop_server(),
            Action::StartServer => self.world.start_server(),
            Action::Lie(lie) => self.world.meeting_point().set_lie(lie),
            _ => {}
        }
    }

    /// Ends all faults but hostility.
    pub(super) fn heal(&mut self) {
        self.world.heal();
        for (name, index) in self.running() {
            let arrival = self.people[&name].arrival;
            self.world.set_disk(index, Duration::from_millis(5), false);
            self.world.set_access(index, arrival.access);
            self.world.wake(index);
            let program = self.world.look_at(index);
            let (skew, read) = (program.skew(), program.read_skew());
            if skew.abs() > SKEW_MAX_MICROS {
                self.world.jump_clock(index, arrival.skew);
            } else if read.abs() > SKEW_MAX_MICROS {
                // It was set right, and its driver has up to a minute to notice.
                self.world.jump_clock(index, skew);
            }
        }
        if self.honest.servers_lie() {
            // Who was lied to must find an honest server in its place.
            self.world.meeting_point().set_lie(None);
            self.world.stop_server();
        }
        self.world.start_server();
        self.enter_again();
        self.is_mesh &= self.is_overlay_known();
    }

    /// Whether a member knows which overlay the room's maker chose: a crash may have taken its record before anybody heard it.
    fn is_overlay_known(&self) -> bool {
        let overlay =
            |(index, room): &Member| Some(self.world.node(*index).room(*room).rules()?.overlay.clone());
        self.members().iter().filter_map(overlay).any(|overlay| &*overlay == FULL_MESH)
    }

    /// Whom a liar refused the room opens its LINK once more.
    fn enter_again(&mut self) {
        let Some(address) = self.address.clone() else { return };
        for person in self.people.values_mut() {
            if let Some((index, room)) = person.member.as_mut()
                && self.world.node(*index).room(*room).id().is_none()
            {
                *room = self.world.join_room(*index, address.clone());
            }
        }
    }

    /// How long what was written ahead of time may be held back.
    pub(super) fn ahead(&self) -> Duration {
        Duration::from_micros(self.ahead_micros.max(0) as u64)
    }

    /// How often anybody wrote.
    pub(super) fn writes(&self) -> u64 {
        self.acknowledgements.writes() as u64
    }

    /// The digests of the first honest member's replicas.
    pub(super) fn digests(&self) -> Vec<Digest> {
        let first = self.members().first().map(|&(index, room)| self.world.node(index).room(room));
        let digests = |room| app::ALL.iter().filter_map(move |app| app.digests(room)).flatten();
        first.into_iter().flat_map(digests).collect()
    }

    /// What must hold at every step.
    pub(super) fn check(&mut self) -> Result<(), Violation> {
        check::bounded_memory(&self.world)?;
        let members = self.members();
        self.clocks.check(&self.world, &members)?;
        if self.is_settled && !self.is_mesh {
            self.one_sided.check(&self.world, &members)?;
        }
        for &(index, room) in &members {
            while let Some(event) = self.world.program(index).events.pop_front() {
                self.lanes.hear((index, room), &event)?;
                self.causal.hear(&self.world, (index, room), &event);
                self.exactly_once.hear(index, &event)?;
                // Whoever has all its neighbours says so.
                let is_full = matches!(event, Event::Refused { reason: Refusal::RoomFull, .. });
                if self.is_mesh || !is_full {
                    self.honest.hear(index, &event)?;
                }
                self.direct.hear(self.world.node(index).endpoint(), &event)?;
                self.written.hear(index, &event)?;
                self.told.hear(index, &event);
                self.documents.hear(&self.world, (index, room), &event)?;
                self.acknowledgements.hear(&self.world, index, &event, &members)?;
            }
        }
        self.causal.hand_on(&mut self.world, &members)
    }

    /// Whether the healed room is whole: linked, equal, acknowledged, and aware of it.
    pub(super) fn settled(&self) -> Result<(), Violation> {
        let members = self.members();
        self.linked(&members)?;
        check::equal_replicas(&self.world, &members)?;
        check::in_step(&self.world, &members)?;
        let is_here =
            |endpoint| members.iter().any(|(index, _)| self.world.node(*index).endpoint() == endpoint);
        self.direct.nothing_is_lost_between(is_here)?;
        self.acknowledgements.check_all_acknowledged(&members)
    }

    /// Whether members are linked as their overlay promises.
    fn linked(&self, members: &[Member]) -> Result<(), Violation> {
        if self.is_mesh {
            return check::whole_mesh(&self.world, members);
        }
        overlay::degree(&self.world, members, LEAST)?;
        overlay::connected(&self.world, members)
    }

    /// Whether a member still makes a connection.
    pub(super) fn is_trying(&self) -> bool {
        self.members().iter().any(|(index, _)| self.world.node(*index).usage().attempts > 0)
    }

    /// What must hold of a room at rest.
    pub(super) fn check_end(&self) -> Result<(), Violation> {
        let members = self.members();
        // Where members keep some links each, some are always being made or given up.
        if self.is_mesh {
            self.settled()?;
            check::links_mutual(&self.world, &members)?;
        } else {
            overlay::connected(&self.world, &members)?;
        }
        check::same_entries(&self.world, &members)?;
        self.written.check(&self.world, &members)?;
        self.told.check(&self.world, &members)?;
        self.acknowledgements.check_kept(&self.world, &members)?;
        let past = self.acknowledgements.past(&self.world, &members);
        app::check(&self.world, &members, &past)?;
        check::one_text(&self.world, &members)?;
        check::letters(&self.world, &members, &past)?;
        self.documents.check(&self.world, &members)?;
        members.iter().try_for_each(|&(index, _)| self.check_disk(index))
    }

    /// Whether nodes hold nothing that they do not need. Where somebody hostile comes and goes, nothing is said.
    pub(super) fn at_rest(&self) -> Result<(), Violation> {
        if self.people.values().any(|person| person.hostile) {
            return Ok(());
        }
        let members = self.members();
        check::no_leak(&self.world, &members)?;
        self.lanes.all_shown(&self.world, &members)
    }

    fn check_disk(&self, index: NodeIndex) -> Result<(), Violation> {
        let program = self.world.look_at(index);
        self.acknowledgements.check_disk(program.node.endpoint(), &program.store)
    }

    /// Honest members whose programs run.
    fn members(&self) -> Vec<Member> {
        self.people.values().filter(|person| !person.hostile).filter_map(|person| person.member).collect()
    }

    fn running(&self) -> Vec<(Name, NodeIndex)> {
        self.people.iter().filter_map(|(&name, person)| Some((name, person.member?.0))).collect()
    }

    fn with(&mut self, who: Name, act: impl FnOnce(&mut World, NodeIndex)) {
        if let Some((index, _)) = self.people.get(&who).and_then(|person| person.member) {
            act(&mut self.world, index);
        }
    }

    fn with_both(&mut self, one: Name, other: Name, act: impl FnOnce(&mut World, NodeIndex, NodeIndex)) {
        let index = |name| Some(self.people.get(&name)?.member?.0);
        if let (Some(one), Some(other)) = (index(one), index(other)) {
            act(&mut self.world, one, other);
        }
    }

    fn start(&mut self, arrival: Arrival, behaviour: Option<Behaviour>) -> NodeIndex {
        let config = Config { stores: arrival.stores, planted: self.planted, ..Config::default() };
        let index = self.world.start(config, arrival.person, arrival.skew);
        self.world.set_access(index, arrival.access);
        let endpoint = self.world.node(index).endpoint();
        match behaviour {
            Some(behaviour) => self.world.corrupt(index, behaviour),
            None => {
                self.honest.insert(endpoint);
                self.written.insert_person(endpoint.peer);
            }
        }
        index
    }

    fn join(&mut self, arrival: Arrival, behaviour: Option<Behaviour>) {
        let Some(address) = self.address.clone() else { return };
        let index = self.start(arrival, behaviour);
        let room = self.world.join_room(index, address);
        let member = Some((index, room));
        self.people.insert(arrival.who, Person { arrival, member, hostile: behaviour.is_some(), disk: None });
    }

    /// Whether somebody honest holds the room beside `who`, awake, so that it does not end with them.
    fn may_go(&self, who: Name) -> bool {
        self.people.iter().any(|(&name, person)| {
            let holds = |(index, room)| self.world.node(index).room(room).app().is_some();
            name != who && !person.hostile && person.member.is_some_and(holds)
        })
    }

    fn leave(&mut self, who: Name) {
        if self.may_go(who)
            && let Some((index, _)) = self.people.get_mut(&who).and_then(|person| person.member.take())
        {
            self.world.wake(index);
            self.world.quit(index);
        }
    }

    fn crash(&mut self, who: Name, durable: usize) -> Result<(), Violation> {
        if !self.may_go(who) {
            return Ok(());
        }
        let Some((index, _)) = self.people.get(&who).and_then(|person| person.member) else { return Ok(()) };
        // What it said before it crashed was said.
        self.check()?;
        let endpoint = self.world.node(index).endpoint();
        let store = self.world.crash_while_storing(index, durable);
        self.acknowledgements.check_disk(endpoint, &store)?;
        if let Some(person) = self.people.get_mut(&who) {
            person.member = None;
            person.disk = Some(store);
        }
        Ok(())
    }

    fn restart(&mut self, who: Name) {
        let Some(address) = self.address.clone() else { return };
        let Some(person) = self.people.get_mut(&who) else { return };
        let (arrival, Some(store)) = (person.arrival, person.disk.take()) else { return };
        let index = self.start(arrival, None);
        self.world.restore(index, store);
        let room = self.world.join_room(index, address);
        self.told.insert_restored((index, room));
        self.documents.insert_restored((index, room));
        if let Some(person) = self.people.get_mut(&who) {
            person.member = Some((index, room));
        }
    }

    /// Somebody honest whose program runs on a machine that is awake.
    fn awake(&self, who: Name) -> Option<Member> {
        let member = self.people.get(&who).filter(|person| !person.hostile)?.member;
        member.filter(|(index, _)| !self.world.look_at(*index).is_asleep())
    }

    /// Somebody honest says three things to somebody honest.
    fn say(&mut self, from: Name, to: Name) {
        let to = self.people.get(&to).filter(|person| !person.hostile).and_then(|person| person.member);
        let (Some((from, room)), Some((to, _))) = (self.awake(from), to) else { return };
        let (me, them) = (self.world.node(from).endpoint(), self.world.node(to).endpoint());
        for _ in 0..3 {
            let content = self.direct.next(me, them);
            if self.world.send_direct(from, room, them, &content) {
                self.direct.sent(me, them);
            }
        }
    }

    /// Somebody honest does something.
    fn write(&mut self, who: Name, operation: &Operation) -> Result<(), Violation> {
        let Some((index, room)) = self.awake(who) else { return Ok(()) };
        let (now, number) = (self.world.now(), self.writes());
        for app in app::ALL {
            for turn in 0.. {
                let author = Author { node: self.world.node(index), room, now, who, number };
                let Some(writing) = app.writing(&author, operation, turn) else { break };
                self.write_once((index, room), *operation, writing)?;
            }
        }
        Ok(())
    }

    /// **write-wins**: what a person writes shows at once on their own screen, whatever was there.
    fn write_once(
        &mut self,
        (index, room): Member,
        operation: Operation,
        writing: Writing,
    ) -> Result<(), Violation> {
        let Writing { replica, payloads, entries } = writing;
        let said = payloads.clone();
        let write = |node: &mut Node, now| node.room_mut(now, room).write(replica, said);
        let Ok(receipt) = self.world.command(index, write) else { return Ok(()) };
        let node = self.world.node(index);
        let peer = node.endpoint().peer;
        let shown = |(place, content): (_, Vec<u8>)| match app::shown(node.room(room), &place) {
            Some(rank) if rank.peer == peer && rank.content == content => Ok(Entry { place, rank }),
            seen => {
                let content = content.escape_ascii();
                let detail = format!("program {index} wrote {content} in {place:?}, and it shows {seen:?}");
                Err(Violation::new("write-wins", detail))
            }
        };
        let entries = entries.into_iter().map(shown).collect::<Result<_, _>>()?;
        let written =
            Written { peer, program: index, sequences: receipt.sequences, operation, payloads, entries };
        self.written.insert(&written);
        self.acknowledgements.insert(written);
        Ok(())
    }

    /// **live-delivery**: in a calm room what is written is everywhere within a second.
    fn probe(&mut self, who: Name, operation: &Operation) -> Result<(), Violation> {
        let before = self.acknowledgements.writes();
        let calm = self.is_calm();
        self.write(who, operation)?;
        if !calm || self.acknowledgements.writes() == before {
            return Ok(());
        }
        if let Some(member) = self.awake(who) {
            self.lanes.speak(&mut self.world, member);
        }
        self.world.run_for(LIVE);
        self.check()?;
        let members = self.members();
        self.lanes.all_heard(&self.world, &members)?;
        match members.iter().find(|member| !self.acknowledgements.is_shown(before, &self.world, **member)) {
            None => Ok(()),
            Some((index, _)) => {
                let detail = format!("what person {who} wrote did not reach program {index} within a second");
                Err(Violation::new("live-delivery", detail))
            }
        }
    }

    /// Whether nothing has gone wrong for a while, and every two members are linked or have a common neighbour.
    fn is_calm(&self) -> bool {
        if !self.is_mesh {
            // Elsewhere a pair that is cut may wait for names of batches.
            return false;
        }
        let members = self.members();
        let quiet = self.world.now().since(self.disturbed) >= CALM;
        let all_honest = self.people.values().all(|person| !person.hostile);
        let fast = |&(index, _): &Member| {
            let program = self.world.look_at(index);
            let access = program.access();
            (access == PathModel::LOCAL || access == PathModel::LAN)
                && !program.is_asleep()
                && program.skew().abs() <= SKEW_MAX_MICROS
        };
        let linked = |&(one, room): &Member, &(other, _): &Member| {
            let endpoint = self.world.node(other).endpoint();
            let peers = self.world.node(one).room(room).peers();
            peers.iter().any(|peer| peer.endpoint == endpoint && peer.attached && peer.state.is_linked())
        };
        let reach = |one: &Member, other: &Member| {
            one == other
                || linked(one, other)
                || members.iter().any(|between| linked(one, between) && linked(between, other))
        };
        let whole = members.iter().all(|one| members.iter().all(|other| reach(one, other)));
        quiet && all_honest && members.iter().all(fast) && whole
    }
}
