//! A run of a schedule: the people of it, what they do, and the checkers that watch them.

use std::collections::BTreeMap;
use std::time::Duration;

use meshwork_core::node::{Config, Event, Refusal};
use meshwork_core::rng::Rng;
use meshwork_core::room::rules::terms::Terms;
use meshwork_core::seam::config::PlantedBug;
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::time::Time;
use meshwork_core::wire::BoundedText;
use meshwork_place::Place as _;
use meshwork_place::canvas::{CanvasSize, Colour};

use super::overlay::FULL_MESH;
use super::schedule::{Action, Arrival, Name, SKEW_MAX_MICROS, Schedule};
use crate::check::direct::DirectLedger;
use crate::check::overlay;
use crate::check::{
    self, Acknowledgements, Clocks, ExactlyOnce, Honest, Member, OneSided, Painted, Stroke, StrokeCell,
    Violation,
};
use crate::connection::NodeIndex;
use crate::hostile::Behaviour;
use crate::path::PathModel;
use crate::world::{Store, World};

/// How long a room must have been left alone to be calm: longer than a link takes to be given up.
const CALM: Duration = Duration::from_secs(12);
/// How long a stroke may take to be everywhere in a calm room: less than repair takes to begin.
const LIVE: Duration = Duration::from_secs(1);
/// How long registering a room may take when nothing is wrong.
const REGISTER_LIMIT: Duration = Duration::from_secs(30);
/// Neighbours that everybody has at least where not all are linked to all, as far as there are so many others.
const LEAST: usize = 2;
/// Everybody paints near the corner, so that strokes compete.
const CORNER: u64 = 12;

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
    size: CanvasSize,
    /// Whether everybody is to be linked to everybody.
    is_mesh: bool,
    planted: Option<PlantedBug>,
    disturbed: Time,
    /// The most that any clock was ahead.
    ahead_micros: i64,
    exactly_once: ExactlyOnce,
    honest: Honest,
    painted: Painted,
    acknowledgements: Acknowledgements,
    clocks: Clocks,
    direct: DirectLedger,
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
            size: schedule.size,
            is_mesh: schedule.overlay == FULL_MESH,
            planted,
            disturbed: Time(0),
            ahead_micros: 0,
            exactly_once: ExactlyOnce::default(),
            honest: Honest::new(schedule.has_lies()),
            painted: Painted::default(),
            acknowledgements: Acknowledgements::default(),
            clocks: Clocks::default(),
            direct: DirectLedger::default(),
            one_sided: OneSided::default(),
            is_settled: false,
        }
    }

    /// **registered**: the room is made, and its LINK is known soon.
    pub(super) fn open_room(&mut self, schedule: &Schedule) -> Result<(), Violation> {
        let index = self.start(schedule.first, None);
        let room = self.world.create_room(index, schedule.size, schedule.private);
        let overlay = BoundedText::new(schedule.overlay).expect("short enough");
        let rules = Terms { overlay, ..Terms::default() };
        let ruled = self.world.command(index, |node, now| node.room_mut(now, room).set_rules(rules));
        if let Err(error) = ruled {
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
        use Action::{Click, Dot, Paint, Probe, Say};
        if !matches!(action, Paint { .. } | Dot { .. } | Click { .. } | Say { .. } | Probe { .. }) {
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
            Action::Paint { who, salt } => return self.paint_random(who, salt),
            Action::Dot { who, x } => {
                let colour = Colour::rgb(3, who as u8, self.strokes() as u8);
                return self.paint(who, &[(x.min(self.size.width - 1), 0, colour)]);
            }
            Action::Click { who, count } => return self.click(who, count),
            Action::Duel { one, other } => {
                let mut cells = [(0, 0, Colour::rgb(one as u8, 50, 50)); 2];
                cells[1].0 = 1.min(self.size.width - 1);
                self.paint(one, &cells[..1 + cells[1].0 as usize])?;
                cells.iter_mut().for_each(|cell| cell.2 = Colour::rgb(other as u8, 60, 60));
                return self.paint(other, &cells[..1 + cells[1].0 as usize]);
            }
            Action::Say { from, to } => self.say(from, to),
            Action::Probe { who } => return self.probe(who),
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
            let skew = self.world.look_at(index).skew();
            if skew.abs() > SKEW_MAX_MICROS {
                self.world.jump_clock(index, arrival.skew);
            }
        }
        if self.honest.servers_lie() {
            // Who was lied to must find an honest server in its place.
            self.world.meeting_point().set_lie(None);
            self.world.stop_server();
        }
        self.world.start_server();
        self.enter_again();
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

    /// How long what was painted ahead of time may be held back.
    pub(super) fn ahead(&self) -> Duration {
        Duration::from_micros(self.ahead_micros.max(0) as u64)
    }

    /// How many strokes were painted.
    pub(super) fn strokes(&self) -> u64 {
        self.acknowledgements.strokes() as u64
    }

    /// The digest of the first honest member's canvas.
    pub(super) fn digest(&self) -> [u8; 32] {
        let canvas = |&(index, room): &Member| self.world.node(index).canvas(room);
        self.members().first().and_then(canvas).map(|canvas| canvas.digest()).unwrap_or_default()
    }

    /// What must hold at every step.
    pub(super) fn check(&mut self) -> Result<(), Violation> {
        check::bounded_memory(&self.world)?;
        let members = self.members();
        self.clocks.check(&self.world, &members)?;
        if self.is_settled && !self.is_mesh {
            self.one_sided.check(&self.world, &members)?;
        }
        for &(index, _) in &members {
            while let Some(event) = self.world.program(index).events.pop_front() {
                self.exactly_once.hear(index, &event)?;
                // Whoever has all its neighbours says so.
                let is_full = matches!(event, Event::Refused { reason: Refusal::RoomFull, .. });
                if self.is_mesh || !is_full {
                    self.honest.hear(index, &event)?;
                }
                self.direct.hear(self.world.node(index).endpoint(), &event)?;
                self.painted.hear(index, &event)?;
                self.acknowledgements.hear(&self.world, index, &event, &members)?;
            }
        }
        Ok(())
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
        check::same_cells(&self.world, &members)?;
        self.painted.check(&self.world, &members)?;
        self.acknowledgements.check_kept(&self.world, &members)?;
        members.iter().try_for_each(|&(index, _)| self.check_disk(index))
    }

    /// Whether nodes hold nothing that they do not need. Where somebody hostile comes and goes, nothing is said.
    pub(super) fn at_rest(&self) -> Result<(), Violation> {
        match self.people.values().any(|person| person.hostile) {
            true => Ok(()),
            false => check::no_leak(&self.world, &self.members()),
        }
    }

    fn check_disk(&self, index: NodeIndex) -> Result<(), Violation> {
        let program = self.world.look_at(index);
        self.acknowledgements.check_disk(program.node.endpoint(), self.size, &program.store)
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
                self.painted.insert_person(endpoint.peer);
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
            let holds = |(index, room)| self.world.node(index).canvas(room).is_some();
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
        self.acknowledgements.check_disk(endpoint, self.size, &store)?;
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
        if let Some(person) = self.people.get_mut(&who) {
            person.member = Some((index, room));
        }
    }

    fn paint_random(&mut self, who: Name, salt: u64) -> Result<(), Violation> {
        let mut bytes = [2; 32];
        bytes[..8].copy_from_slice(&salt.to_le_bytes());
        let mut rng = Rng::new(bytes);
        let colour = match rng.below(6) {
            0 => Colour::CLEARED,
            _ => Colour::rgb(rng.below(256) as u8, rng.below(256) as u8, rng.below(256) as u8),
        };
        let reach = if rng.below(8) == 0 { 200 } else { CORNER };
        let mut near = |side: u16| rng.below(u64::from(side).min(reach)) as u16;
        let cells: Vec<_> =
            (0..30).map(|_| (near(self.size.width), near(self.size.height), colour)).collect();
        let count = 1 + rng.below(30) as usize;
        self.paint(who, &cells[..count])
    }

    /// Somebody honest says three things to somebody honest.
    fn say(&mut self, from: Name, to: Name) {
        let member = |name| {
            let person = self.people.get(&name).filter(|person| !person.hostile)?;
            person.member
        };
        let (Some((from, room)), Some((to, _))) = (member(from), member(to)) else { return };
        if self.world.look_at(from).is_asleep() {
            return;
        }
        let (me, them) = (self.world.node(from).endpoint(), self.world.node(to).endpoint());
        for _ in 0..3 {
            let content = self.direct.next(me, them);
            if self.world.send_direct(from, room, them, &content) {
                self.direct.sent(me, them);
            }
        }
    }

    /// Single cells, one stroke each, in one tile.
    fn click(&mut self, who: Name, count: u16) -> Result<(), Violation> {
        let (width, height) = (self.size.width.min(40), self.size.height.min(40));
        for click in 0..count {
            let colour = Colour::rgb(who as u8, click as u8, 1);
            self.paint(who, &[(click % width, click / width % height, colour)])?;
        }
        Ok(())
    }

    /// **paint-wins**: what a person paints shows at once on their own screen, whatever was there.
    fn paint(&mut self, who: Name, cells: &[(u16, u16, Colour)]) -> Result<(), Violation> {
        let Some(&Person { member: Some((index, room)), hostile: false, .. }) = self.people.get(&who) else {
            return Ok(());
        };
        if self.world.look_at(index).is_asleep() {
            return Ok(());
        }
        let Some(receipt) = self.world.paint(index, room, cells) else { return Ok(()) };
        let peer = self.world.node(index).endpoint().peer;
        let Some(canvas) = self.world.node(index).canvas(room) else { return Ok(()) };
        if let Some((x, y, _)) = cells.iter().find(|(x, y, colour)| canvas.colour(*x, *y) != Some(*colour)) {
            let detail = format!("program {index} painted {x}, {y} over what it saw, and it does not show");
            return Err(Violation::new("paint-wins", detail));
        }
        let painted =
            |&(x, y, colour): &(u16, u16, Colour)| StrokeCell { x, y, stamp: canvas.stamp(x, y), colour };
        let cells = cells.iter().map(painted).collect();
        let stroke = Stroke { peer, painter: index, sequences: receipt.sequences, cells };
        self.painted.insert(&stroke);
        self.acknowledgements.insert(stroke);
        Ok(())
    }

    /// **live-delivery**: in a calm room a stroke is everywhere within a second.
    fn probe(&mut self, who: Name) -> Result<(), Violation> {
        let before = self.acknowledgements.strokes();
        let calm = self.is_calm();
        let (x, y) = (self.size.width - 1, self.size.height - 1);
        self.paint(who, &[(x, y, Colour::rgb(9, who as u8, before as u8))])?;
        if !calm || self.acknowledgements.strokes() == before {
            return Ok(());
        }
        self.world.run_for(LIVE);
        let members = self.members();
        match members.iter().find(|member| !self.acknowledgements.is_shown(before, &self.world, **member)) {
            None => Ok(()),
            Some((index, _)) => {
                let detail =
                    format!("a stroke of person {who} did not reach program {index} within a second");
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
