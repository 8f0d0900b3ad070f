//! One large room of real nodes: many come, some write, a part dies at once, and the others go on.
//!
//! # Problem
//! What holds among eighty nodes need not hold among a thousand: nobody knows everybody, newcomers find neighbours that
//! are full, and what each does a little of adds up.
//!
//! # How it works
//! [`run`] lets a room live through a [`Plan`] in virtual time, five regions apart: everybody comes, is linked, hears
//! what several write, loses [`DIES_PERCENT`] of the room together with the server at one moment, is linked again and
//! hears the rest. Each phase ends when its [checkers](crate::check) hold, and fails when they do not in time.
//!
//! # Invariants
//! - One plan gives one [`Report`], on every machine and however many run beside it.
//! - At no moment that is looked at has anybody more neighbours than its overlay keeps at most, and of two members never
//!   one alone the other for a neighbour for long.

use std::collections::BTreeSet;
use std::time::Duration;

use meshwork_core::node::{Config, Event, Refusal};
use meshwork_core::overlay::size::EMERGENT_DEGREE;
use meshwork_core::room::rules::terms::Terms;
use meshwork_core::seam::config::PlantedBug;
use meshwork_core::time::Time;
use meshwork_core::wire::BoundedText;
use meshwork_place::Place as _;
use meshwork_place::canvas::{CanvasSize, Colour};

use crate::chance::generator;
use crate::check::overlay::{connected, coverage, degree, payloads};
use crate::check::{self, ExactlyOnce, Honest, Member, OneSided, Violation};
use crate::latency::Latency;
use crate::path::PathModel;
use crate::world::World;

/// Share of the room that dies at once.
pub const DIES_PERCENT: usize = 30;
/// Members that write at once.
pub const WRITERS: usize = 5;
/// Newcomers in a second.
const ARRIVALS: u32 = 400;
/// How often checkers look.
const STRIDE: Duration = Duration::from_millis(500);
/// How long it may take until everybody is linked.
const LINKED_LIMIT: Duration = Duration::from_secs(30);
/// And once a part has died: three seconds until it is noticed, and several tries.
const HEALED_LIMIT: Duration = Duration::from_secs(30);
/// How long a stroke may be on its way to everybody: by comparison alone it takes longer.
const HEARD_LIMIT: Duration = Duration::from_millis(2500);
/// Every cell is compared in the end: a canvas of four tiles.
const SIZE: CanvasSize = CanvasSize { width: 64, height: 64 };

/// What a room is to live through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Where all chance comes from.
    pub seed: u64,
    /// How many come: two or more.
    pub peers: usize,
    /// The overlay as the room's record names it.
    pub overlay: String,
    /// Neighbours that everybody has at least when it is linked.
    pub least: usize,
    /// Neighbours that nobody has more of, whatever it takes the room's size for.
    pub most: usize,
    /// A fault in every node.
    pub planted: Option<PlantedBug>,
}

impl Plan {
    /// An emergent room without faults.
    pub fn emergent(seed: u64, peers: usize) -> Plan {
        Plan {
            seed,
            peers,
            overlay: String::from("emergent"),
            least: 5,
            most: EMERGENT_DEGREE.1,
            planted: None,
        }
    }
}

/// A part of a run that came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    /// What everybody was waiting for.
    pub name: &'static str,
    /// The checker that held last; `None` where all held when they first looked.
    pub last: Option<&'static str>,
    /// How long it took.
    pub took: Duration,
    /// When it ended.
    pub ended: Time,
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The digest that all canvases have in the end.
    pub digest: [u8; 32],
    /// Happenings in the whole run.
    pub steps: u64,
    /// Who is left.
    pub survivors: usize,
    /// Strokes that were painted.
    pub strokes: usize,
    /// Strokes that arrived at somebody while they were new, copies included.
    pub payloads: u64,
    /// Neighbours of everybody in the end: of whom has the fewest, of all together, of whom has the most.
    pub neighbours: (usize, usize, usize),
    /// One after another.
    pub phases: Vec<Phase>,
}

/// Lets a room live through a plan. `tell` hears of each phase when it has ended.
///
/// # Errors
/// The first [`Violation`] that a checker saw.
pub fn run(plan: &Plan, tell: &mut dyn FnMut(&World, &Phase)) -> Result<Report, Violation> {
    let mut crowd = Crowd::open(plan)?;
    crowd.arrive(plan)?;
    crowd.end_phase("everybody came", tell);
    crowd.until(LINKED_LIMIT, |crowd| crowd.is_linked(plan.least))?;
    crowd.end_phase("everybody is linked", tell);
    crowd.write();
    crowd.until(HEARD_LIMIT, Crowd::is_equal)?;
    crowd.end_phase("everybody heard what was written", tell);
    crowd.world.stop_server();
    crowd.kill();
    crowd.write();
    crowd.until(HEALED_LIMIT, |crowd| crowd.is_linked(plan.least).and_then(|()| crowd.is_equal()))?;
    crowd.end_phase("the living are linked, and heard what was written when others died", tell);
    crowd.write();
    crowd.until(HEARD_LIMIT, Crowd::is_equal)?;
    check::same_entries(&crowd.world, &crowd.members)?;
    crowd.end_phase("the living heard what was written then", tell);
    Ok(crowd.report())
}

/// A room under way.
struct Crowd {
    world: World,
    members: Vec<Member>,
    once: ExactlyOnce,
    honest: Honest,
    one_sided: OneSided,
    most: usize,
    painted: u16,
    last: Option<&'static str>,
    phases: Vec<Phase>,
}

impl Crowd {
    fn open(plan: &Plan) -> Result<Crowd, Violation> {
        let mut world = World::new(plan.seed, PathModel::WAN);
        let latency = Latency::regions(plan.peers, &mut generator(plan.seed, [0; 3]));
        world.set_ways(Box::new(move |from, to| {
            Duration::from_micros(latency.one_way(from as u32, to as u32).into())
        }));
        let first = world.start(Config { planted: plan.planted, ..Config::default() }, 1, 0);
        let room = world.create_room(first, SIZE, false);
        let known = |world: &World| world.node(first).room(room).address().is_some();
        if !world.run_while(Duration::from_secs(5), known) {
            return Err(Violation::new("registered", String::from("the room is not registered")));
        }
        let overlay = BoundedText::new(&plan.overlay)
            .map_err(|_| Violation::new("kind", format!("`{}` is no overlay", plan.overlay)))?;
        let rules = Terms { overlay, ..Terms::default() };
        world.command(first, |node, now| node.room_mut(now, room).set_rules(rules)).expect("its own room");
        let mut honest = Honest::new(false);
        honest.insert(world.node(first).endpoint());
        let (members, once, one_sided) = (vec![(first, room)], ExactlyOnce::default(), OneSided::default());
        let (most, phases) = (plan.most, vec![]);
        Ok(Crowd { world, members, once, honest, one_sided, most, painted: 0, last: None, phases })
    }

    /// Everybody comes, at a steady pace.
    fn arrive(&mut self, plan: &Plan) -> Result<(), Violation> {
        let (first, room) = self.members[0];
        let address = self.world.node(first).room(room).address().expect("it is registered");
        let (mut at, mut looked) = (self.world.now(), self.world.now());
        for person in 2..=plan.peers as u64 {
            let config = Config { planted: plan.planted, ..Config::default() };
            let index = self.world.start(config, person, 0);
            self.honest.insert(self.world.node(index).endpoint());
            self.members.push((index, self.world.join_room(index, address.clone())));
            at += Duration::from_secs(1) / ARRIVALS;
            self.world.run_until(at);
            if at.since(looked) >= STRIDE {
                looked = at;
                self.look()?;
            }
        }
        Ok(())
    }

    /// Members all over the room write a stroke each.
    fn write(&mut self) {
        let every = self.members.len().div_ceil(WRITERS);
        for (index, room) in self.members.clone().into_iter().step_by(every) {
            let cell = self.painted % (SIZE.width * SIZE.height);
            self.painted += 1;
            let colour = Colour::rgb(index as u8, self.painted as u8, 1);
            let cells = [(cell % SIZE.width, cell / SIZE.width, colour)];
            self.world.paint(index, room, &cells).expect("it may paint");
        }
    }

    /// A part of the room dies without a word; the owner lives.
    fn kill(&mut self) {
        let dies = |place: usize| place > 0 && place * 7919 % 100 < DIES_PERCENT;
        let all = std::mem::take(&mut self.members);
        for (place, member) in all.into_iter().enumerate() {
            if dies(place) {
                self.world.crash(member.0);
            } else {
                self.members.push(member);
            }
        }
    }

    /// Lets time pass until `check` holds.
    fn until(
        &mut self,
        limit: Duration,
        check: impl Fn(&Crowd) -> Result<(), Violation>,
    ) -> Result<(), Violation> {
        let end = self.world.now() + limit;
        loop {
            self.world.run_for(STRIDE);
            self.look()?;
            match check(self) {
                Err(violation) if self.world.now() >= end => return Err(violation),
                Err(violation) => self.last = Some(violation.checker),
                Ok(()) => return Ok(()),
            }
        }
    }

    /// What must hold at every moment.
    fn look(&mut self) -> Result<(), Violation> {
        for &(index, _) in &self.members {
            for event in std::mem::take(&mut self.world.program(index).events) {
                self.once.hear(index, &event)?;
                // Whoever has all its neighbours says so.
                let is_full =
                    |event: &Event| matches!(event, Event::Refused { reason: Refusal::RoomFull, .. });
                if !is_full(&event) {
                    self.honest.hear(index, &event)?;
                }
            }
        }
        for &(index, room) in &self.members {
            let kept = self.world.node(index).room(room).overlay().map_or(0, |view| view.neighbours.len());
            if kept > self.most {
                let detail = format!("program {index} has {kept} neighbours, {} at most", self.most);
                return Err(Violation::new("degree", detail));
            }
        }
        self.one_sided.check(&self.world, &self.members)
    }

    fn is_linked(&self, least: usize) -> Result<(), Violation> {
        degree(&self.world, &self.members, least)?;
        connected(&self.world, &self.members)
    }

    fn is_equal(&self) -> Result<(), Violation> {
        coverage(&self.world, &self.members)
    }

    fn end_phase(&mut self, name: &'static str, tell: &mut dyn FnMut(&World, &Phase)) {
        let ended = self.world.now();
        let began = self.phases.last().map_or(Time(0), |phase| phase.ended);
        let phase = Phase { name, last: self.last.take(), took: ended.since(began), ended };
        tell(&self.world, &phase);
        self.phases.push(phase);
    }

    fn report(self) -> Report {
        let (index, room) = self.members[0];
        let canvas = self.world.node(index).canvas(room).expect("it is open");
        let counts = check::overlay::neighbours(&self.world, &self.members);
        let counts: Vec<usize> =
            counts.iter().map(|links| links.iter().collect::<BTreeSet<_>>().len()).collect();
        Report {
            digest: canvas.digest(),
            steps: self.world.steps(),
            survivors: self.members.len(),
            strokes: self.painted.into(),
            payloads: payloads(&self.world, &self.members),
            neighbours: (
                counts.iter().copied().min().unwrap_or(0),
                counts.iter().sum(),
                counts.iter().copied().max().unwrap_or(0),
            ),
            phases: self.phases,
        }
    }
}
