//! A run of a schedule: the people of it, what they do, and the checkers that watch them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use meshwork_core::id::PeerId;
use meshwork_core::node::{CommandError, Config, Event, Node, Refusal, RoomMut};
use meshwork_core::replica::Digest;
use meshwork_core::room::rules::terms::Terms;
use meshwork_core::seam::config::{PlantedBug, ROOM_ENDPOINTS_MAX};
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::signed::app::AppParameters;
use meshwork_core::time::Time;
use meshwork_core::wire::{Bounded, BoundedText};

use super::access::Access;
use super::draw::{MODERATOR, SKEW_MAX_MICROS};
use super::overlay::FULL_MESH;
use super::schedule::{Action, Arrival, Name, Schedule, hostile_person};
use crate::app::{self, Pens};
use crate::check::direct::DirectLedger;
use crate::check::overlay;
use crate::check::{
    self, Acknowledgements, Causal, Clocks, ExactlyOnce, Honest, Lanes, Member, OneSided, OnlyWritten,
    OpenDocuments, Refused, Seeds, Told, Violation, Visits,
};
use crate::connection::NodeIndex;
use crate::hostile::Behaviour;
use crate::path::PathModel;
use crate::world::{self, Store, World};

/// How long registering a room may take when nothing is wrong.
const REGISTER_LIMIT: Duration = Duration::from_secs(30);
/// Neighbours that everybody has at least where not all are linked to all, as far as there are so many others.
const LEAST: usize = 2;

/// Somebody of the schedule.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) arrival: Arrival,
    pub(super) member: Option<Member>,
    pub(super) hostile: bool,
    /// With which LINK they came.
    pub(super) address: Option<RoomAddress>,
    /// What is on their disk while their program does not run.
    disk: Option<Store>,
}

/// A schedule that is being carried out.
pub(super) struct Scenario {
    pub(super) world: World,
    pub(super) people: BTreeMap<Name, Person>,
    /// Whose key each person uses, of those who are to come, too.
    pub(super) persons: BTreeMap<Name, u64>,
    pub(super) address: Option<RoomAddress>,
    /// The last LINK that each person was handed, beside that of all.
    pub(super) links: BTreeMap<Name, RoomAddress>,
    /// Whether the room got another secret.
    pub(super) is_renewed: bool,
    /// Whom anybody ever banned.
    pub(super) banned: BTreeSet<PeerId>,
    /// Who holds which edit seed.
    pub(super) seeds: Seeds,
    /// Whether everybody is to be linked to everybody.
    pub(super) is_mesh: bool,
    /// Whether somebody keeps order, and whether somebody says something to who may not be linked.
    pub(super) is_governed: bool,
    pub(super) has_visits: bool,
    planted: Option<PlantedBug>,
    pub(super) disturbed: Time,
    /// The most that any clock was ahead.
    ahead_micros: i64,
    exactly_once: ExactlyOnce,
    honest: Honest,
    pub(super) written: OnlyWritten,
    told: Told,
    documents: OpenDocuments,
    pub(super) pens: Pens,
    pub(super) acknowledgements: Acknowledgements,
    pub(super) refused: Refused,
    clocks: Clocks,
    pub(super) direct: DirectLedger,
    pub(super) visits: Visits,
    pub(super) lanes: Lanes,
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
            persons: schedule.persons(),
            address: None,
            links: BTreeMap::new(),
            is_renewed: false,
            banned: BTreeSet::new(),
            seeds: Seeds::default(),
            is_mesh: schedule.overlay == FULL_MESH,
            is_governed: schedule.is_governed(),
            has_visits: schedule.has_visits(),
            planted,
            disturbed: Time(0),
            ahead_micros: 0,
            exactly_once: ExactlyOnce::default(),
            honest: Honest::new(schedule.has_lies()),
            written: OnlyWritten::default(),
            told: Told::default(),
            documents: OpenDocuments::default(),
            pens: Pens::default(),
            acknowledgements: Acknowledgements::default(),
            refused: Refused::default(),
            clocks: Clocks::default(),
            direct: DirectLedger::default(),
            visits: Visits::default(),
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
        let turn_on = |node: &mut Node, now| turn_documents_on(&mut node.room_mut(now, room));
        let turned_on =
            |world: &mut World| if schedule.is_bare { Ok(()) } else { world.command(index, turn_on) };
        if let Err(error) = ruled.map(drop).and_then(|()| turned_on(&mut self.world)) {
            return Err(Violation::new("registered", format!("its maker set no rules: {error}")));
        }
        let (arrival, member) = (schedule.first, Some((index, room)));
        let maker = Person { arrival, member, hostile: false, address: None, disk: None };
        self.people.insert(arrival.who, maker);
        let known = |world: &World| world.node(index).room(room).address().is_some();
        if !self.world.run_while(REGISTER_LIMIT, known) {
            let detail = format!("the room was not registered within {} s", REGISTER_LIMIT.as_secs());
            return Err(Violation::new("registered", detail));
        }
        self.address = self.world.node(index).room(room).address();
        if let Some(maker) = self.people.get_mut(&arrival.who) {
            maker.address.clone_from(&self.address);
        }
        Ok(())
    }

    /// Carries out one step. What names somebody who is not there does nothing.
    pub(super) fn act(&mut self, action: &Action) -> Result<(), Violation> {
        use Action as A;
        if !matches!(
            action,
            A::Do { .. } | A::Say { .. } | A::Visit { .. } | A::Speak { .. } | A::Probe { .. }
        ) {
            self.disturbed = self.world.now();
        }
        match *action {
            Action::Join(arrival) => self.join(arrival, None),
            Action::JoinHostile { who, behaviour } => {
                let arrival = Arrival {
                    who,
                    person: hostile_person(who),
                    skew: 0,
                    access: PathModel::LAN,
                    stores: false,
                };
                self.join(arrival, Some(behaviour));
            }
            Action::Do { who, operation } => return self.write(who, &operation),
            Action::Say { from, to } => self.say(from, to, 3),
            Action::Visit { from, to } => self.visit(from, to),
            Action::Govern { who, act } => return self.govern(who, act),
            Action::Defy { who } => self.defy(who),
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
            Action::Leave { who } => return self.leave(who),
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
            Action::CutOneWay { from, to } => {
                self.with_both(from, to, |world, from, to| world.connections.cut_one_way(from, to))
            }
            Action::Heal => self.world.heal(),
            Action::Fail { one, other } => self.with_both(one, other, World::fail_connection),
            Action::Move { who, access } => {
                self.with(who, |world, index| world.program(index).access = access)
            }
            Action::SetClock { who, skew, noticed } => {
                self.ahead_micros = self.ahead_micros.max(skew);
                self.with(who, |world, index| match noticed {
                    true => world.jump_clock(index, skew),
                    false => world.program(index).skew = skew,
                });
            }
            Action::Disk { who, delay_ms, full } => {
                self.with(who, |world, index| {
                    world.program(index).disk.set(Duration::from_millis(delay_ms), full)
                });
            }
            Action::StopServer => self.world.stop_server(),
            Action::StartServer => self.world.servers.start(),
            Action::Lie(lie) => self.world.servers.first().set_lie(lie),
            _ => {}
        }
    }

    /// Ends all faults but hostility.
    pub(super) fn heal(&mut self) {
        self.world.heal();
        for (name, index) in self.running() {
            let arrival = self.people[&name].arrival;
            self.world.program(index).disk.set(Duration::from_millis(5), false);
            self.world.program(index).access = arrival.access;
            self.world.wake(index);
            let program = self.world.look_at(index);
            let (skew, read) = (program.skew, program.read_skew());
            if skew.abs() > SKEW_MAX_MICROS {
                self.world.jump_clock(index, arrival.skew);
            } else if read.abs() > SKEW_MAX_MICROS {
                // It was set right, and its driver has up to a minute to notice.
                self.world.jump_clock(index, skew);
            }
        }
        if self.honest.servers_lie() {
            // Who was lied to must find an honest server in its place.
            self.world.servers.first().set_lie(None);
            self.world.stop_server();
        }
        self.world.servers.start();
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
        for person in self.people.values_mut() {
            if let (Some((index, room)), Some(address)) = (person.member.as_mut(), &person.address)
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
        let first = Access(self).insiders().first().map(|&(index, room)| self.world.node(index).room(room));
        let digests = |room| app::ALL.iter().filter_map(move |app| app.digests(room)).flatten();
        first.into_iter().flat_map(digests).collect()
    }

    /// What must hold at every step.
    pub(super) fn check(&mut self) -> Result<(), Violation> {
        check::bounded_memory(&self.world)?;
        let members = self.members();
        self.clocks.check(&self.world, &members)?;
        if self.is_settled && !self.is_mesh {
            self.one_sided.check(&self.world, &Access(self).insiders())?;
        }
        // Whoever has as many neighbours as it keeps says so. In a mesh those count whose programs crashed until their links are
        // closed, so whoever comes back at once may hear that a room of many is full. Programs are numbered as they start.
        let may_be_full =
            !self.is_mesh || self.world.programs().any(|(index, _)| index >= ROOM_ENDPOINTS_MAX);
        for &(index, room) in &members {
            while let Some(event) = self.world.program(index).events.pop_front() {
                self.lanes.hear((index, room), &event)?;
                self.causal.hear(&self.world, (index, room), &event);
                self.exactly_once.hear(index, &event)?;
                let is_full = matches!(event, Event::Refused { reason: Refusal::RoomFull, .. });
                let me = self.world.node(index).endpoint();
                // Nor does anybody say anything of who has no access any more, and is told so.
                let is_shut = match event {
                    Event::Refused { endpoint: Some(other), reason: Refusal::RoomProof, .. } => {
                        Access(self).may_shut_out(me, other) || Access(self).may_shut_out(other, me)
                    }
                    _ => false,
                };
                // A ban by a moderator may have fallen with its signer since it was refused.
                let is_banned = matches!(event, Event::Refused { endpoint: Some(other), reason: Refusal::BatchBanned, .. }
                    if self.banned.contains(&other.peer));
                if !(is_full && may_be_full || is_shut || is_banned) {
                    self.honest.hear(index, &event)?;
                }
                self.direct.hear(me, &event)?;
                self.visits.hear(me, &event)?;
                self.written.hear(&self.world, (index, room), &event)?;
                self.told.hear(index, &event);
                self.documents.hear(&self.world, (index, room), &event)?;
                self.acknowledgements.hear(&self.world, index, &event, &members)?;
            }
        }
        self.causal.hand_on(&mut self.world, &members)
    }

    /// Whether the healed room is whole: linked, equal, acknowledged, and aware of it.
    pub(super) fn settled(&self) -> Result<(), Violation> {
        let members = Access(self).insiders();
        self.linked(&members)?;
        check::equal_replicas(&self.world, &members)?;
        check::in_step(&self.world, &members)?;
        let is_here =
            |endpoint| members.iter().any(|(index, _)| self.world.node(*index).endpoint() == endpoint);
        self.direct.nothing_is_lost_between(is_here)?;
        self.acknowledgements.check_all_acknowledged(&self.world, &members)
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
        Access(self).insiders().iter().any(|(index, _)| self.world.node(*index).usage().attempts > 0)
    }

    /// Whether a program of the owner is about to join what others of his wrote.
    pub(super) fn is_joining(&self) -> bool {
        Access(self).insiders().iter().any(|(index, room)| {
            let node = self.world.node(*index);
            let room = node.room(*room);
            let has_fork = room.records().is_some_and(|records| records.book().heads().len() > 1);
            has_fork && room.owner() == Some(node.endpoint().peer)
        })
    }

    /// What must hold of a room at rest.
    pub(super) fn check_end(&self) -> Result<(), Violation> {
        let members = Access(self).insiders();
        // Where members keep some links each, some are always being made or given up.
        if self.is_mesh {
            self.settled()?;
            check::links_mutual(&self.world, &members)?;
        } else {
            overlay::connected(&self.world, &members)?;
        }
        check::same_rules(&self.world, &members)?;
        check::rights(&self.world, &members)?;
        check::cuts(&self.world, &members)?;
        check::let_in(&self.world, &members, |endpoint| Access(self).has_access(endpoint))?;
        check::silenced(&self.world, &members, &self.seeds)?;
        check::same_entries(&self.world, &members)?;
        let past = self.acknowledgements.past(&self.world, &members);
        self.written.check(&self.world, &members, &past)?;
        self.told.check(&self.world, &members)?;
        self.visits.check()?;
        self.acknowledgements.check_kept(&self.world, &members)?;
        app::check(&self.world, &members, &past)?;
        check::one_text(&self.world, &members)?;
        check::letters(&self.world, &members, &past)?;
        self.documents.check(&self.world, &members)?;
        members.iter().try_for_each(|&(index, _)| self.check_disk(index))
    }

    /// Whether nodes hold nothing that they do not need. Where somebody hostile comes and goes, or somebody without access goes
    /// on asking, nothing is said.
    pub(super) fn at_rest(&self) -> Result<(), Violation> {
        let members = Access(self).insiders();
        if self.has_visits {
            let is_here =
                |endpoint| members.iter().any(|(index, _)| self.world.node(*index).endpoint() == endpoint);
            self.visits.all_ended(is_here)?;
        }
        if self.is_among_friends() {
            check::no_leak(&self.world, &members)?;
        }
        self.all_shown()
    }

    /// Members set their presence, and nothing else.
    pub(super) fn everybody_shows(&mut self) {
        for member in Access(self).insiders() {
            self.lanes.show(&mut self.world, member);
        }
    }

    /// Whether all members are shown the presence of the others, where nobody is hostile or without access.
    pub(super) fn all_shown(&self) -> Result<(), Violation> {
        match self.is_among_friends() {
            true => self.lanes.all_shown(&self.world, &Access(self).insiders(), &self.seeds),
            false => Ok(()),
        }
    }

    fn is_among_friends(&self) -> bool {
        let is_shut_out = Access(self).insiders().len() < self.members().len();
        !is_shut_out && !self.people.values().any(|person| person.hostile)
    }

    fn check_disk(&self, index: NodeIndex) -> Result<(), Violation> {
        let (program, law) = (self.world.look_at(index), self.law_of(index));
        self.acknowledgements.check_disk(program.node.endpoint(), &program.store, law.as_ref())
    }

    /// Honest members whose programs run.
    pub(super) fn members(&self) -> Vec<Member> {
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
        self.world.program(index).access = arrival.access;
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
        // The last LINK that they were handed.
        let Some(address) = self.links.get(&arrival.who).or(self.address.as_ref()).cloned() else { return };
        let index = self.start(arrival, behaviour);
        self.seeds.insert(index, self.world.node(index).endpoint().peer, &address);
        let room = self.world.join_room(index, address.clone());
        let (member, hostile) = (Some((index, room)), behaviour.is_some());
        let person = Person { arrival, member, hostile, address: Some(address), disk: None };
        self.people.insert(arrival.who, person);
    }

    /// Whether somebody honest holds the room beside `who`, awake, so that it does not end with them.
    fn may_go(&self, who: Name) -> bool {
        self.people.iter().any(|(&name, person)| {
            let holds = |(index, room)| {
                let node = self.world.node(index);
                node.room(room).app().is_some() && Access(self).has_access(node.endpoint())
            };
            name != who && !person.hostile && person.member.is_some_and(holds)
        })
    }

    fn leave(&mut self, who: Name) -> Result<(), Violation> {
        if self.may_go(who)
            && let Some((index, _)) = self.people.get_mut(&who).and_then(|person| person.member.take())
        {
            self.world.wake(index);
            // What it heard before it left was heard.
            let me = self.world.node(index).endpoint();
            self.world.look_at(index).events.iter().try_for_each(|event| self.visits.hear(me, event))?;
            self.world.quit(index);
        }
        Ok(())
    }

    fn crash(&mut self, who: Name, durable: usize) -> Result<(), Violation> {
        if !self.may_go(who) {
            return Ok(());
        }
        let Some((index, _)) = self.people.get(&who).and_then(|person| person.member) else { return Ok(()) };
        // What it said before it crashed was said.
        self.check()?;
        let (endpoint, law) = (self.world.node(index).endpoint(), self.law_of(index));
        let store = self.world.crash_while_storing(index, durable);
        self.acknowledgements.check_disk(endpoint, &store, law.as_ref())?;
        if let Some(person) = self.people.get_mut(&who) {
            person.member = None;
            person.disk = Some(store);
        }
        Ok(())
    }

    fn restart(&mut self, who: Name) {
        let link = self.links.get(&who).cloned();
        let Some(person) = self.people.get_mut(&who) else { return };
        // Whose program goes on runs with the LINK that it came with.
        let Some(store) = person.disk.take() else { return };
        person.address = link.or(person.address.take());
        let (arrival, Some(address)) = (person.arrival, person.address.clone()) else { return };
        let index = self.start(arrival, None);
        self.seeds.insert(index, self.world.node(index).endpoint().peer, &address);
        self.world.program(index).store = store;
        let room = self.world.join_room(index, address);
        self.told.insert_restored((index, room));
        self.documents.insert_restored((index, room));
        if let Some(person) = self.people.get_mut(&who) {
            person.member = Some((index, room));
        }
    }

    /// Somebody honest whose program runs on a machine that is awake.
    pub(super) fn awake(&self, who: Name) -> Option<Member> {
        let member = self.people.get(&who).filter(|person| !person.hostile)?.member;
        member.filter(|(index, _)| !self.world.look_at(*index).is_asleep())
    }
}

/// Turns the app on whose replica is documents.
pub(super) fn turn_documents_on(room: &mut RoomMut<'_>) -> Result<(), CommandError> {
    let documents = meshwork_sync::WORD.parse().expect("it is the word of an app");
    room.turn_on(documents, AppParameters::default()).map(drop)
}
