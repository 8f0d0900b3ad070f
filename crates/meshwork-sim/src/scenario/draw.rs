//! How a schedule is drawn from a seed.

use std::time::Duration;

use meshwork_core::rng::Rng;
use meshwork_place::canvas::CanvasSize;

use super::schedule::{Action, Arrival, Name, Schedule, Step};
use super::{acts, overlay, visiting};
use crate::app::{self, Occasion, Operation};
use crate::chance::generator;
use crate::hostile::Behaviour;
use crate::meeting_point::Lie;
use crate::path::PathModel;

/// Greatest offset of a civil clock that is set as people set clocks: two of them are never further apart than
/// what is held back as coming from the future.
pub(super) const SKEW_MAX_MICROS: i64 = 4_000_000;
/// Whoever has this key moderates besides who made the room.
pub(super) const MODERATOR: u64 = 1;
/// How far ahead a clock may jump, in microseconds: what is written then is held by everybody else.
pub(super) const AHEAD_MAX_MICROS: i64 = 20_000_000;
/// Most people in a room at a time: enough for pairs, bridges and bystanders, few enough for many seeds.
pub(super) const PEOPLE_MAX: usize = 8;
/// Steps of a schedule with faults.
const STEPS: usize = 40;
/// Steps of a large room, which costs as much as many small ones.
const CROWD_STEPS: usize = 20;
/// Whoever writes speaks on lanes too, so rarely.
const SPEAKS_ONE_IN: u64 = 4;
/// Whose generator is that of lanes; those of apps have the other numbers from 1 on.
const LANES: u64 = 2;
/// Somebody who does something in one app does something in another within so many milliseconds.
const BESIDE_MAX_MS: u64 = 1000;

impl Schedule {
    /// Draws the schedule of a seed.
    ///
    /// One in eight is calm: a pair of people cannot link, and everything else is as it should be, so that what
    /// is promised of calm rooms can be asked for. The others mix some kinds of faults: each kind is in half of
    /// them, so that also rare pairs of faults meet undisturbed by the rest.
    pub fn draw(seed: u64) -> Schedule {
        let mut bytes = [1; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let mut rng = Rng::new(bytes);
        let side = |rng: &mut Rng| 1 + rng.below(200) as u16;
        let size = CanvasSize { width: side(&mut rng), height: side(&mut rng) };
        let private = rng.below(2) == 0;
        let calm = rng.below(8) == 0;
        let (overlay, large) = overlay::draw(seed);
        let is_large = large.is_some();
        let beside = (1..).filter(|task| *task != LANES).take(app::ALL.len() - 1);
        let beside = beside.map(|task| generator(seed, [task, 0, 0])).collect();
        let lanes = generator(seed, [LANES, 0, 0]);
        let mut draw = Draw::new(rng, (beside, lanes), calm, large);
        let first = draw.arrival();
        if calm {
            draw.calm()
        } else {
            draw.faults()
        }
        let mut steps = draw.steps;
        steps.sort_by_key(|step| step.at);
        let is_bare = acts::draw(seed, first, private, &mut steps);
        visiting::draw(seed, first, (overlay, is_large), &mut steps);
        Schedule { seed, size, private, overlay, is_large, is_bare, first, steps }
    }
}

/// A kind of fault that a schedule may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Cuts,
    Churn,
    Crashes,
    Sleep,
    Clocks,
    Disks,
    Roaming,
    Servers,
    Lies,
    Hostile,
}

const KINDS: [Kind; 10] = [
    Kind::Cuts,
    Kind::Churn,
    Kind::Crashes,
    Kind::Sleep,
    Kind::Clocks,
    Kind::Disks,
    Kind::Roaming,
    Kind::Servers,
    Kind::Lies,
    Kind::Hostile,
];

/// A schedule that is being drawn.
struct Draw {
    rng: Rng,
    steps: Vec<Step>,
    at: Duration,
    people: Name,
    here: Vec<Name>,
    keepers: Vec<Name>,
    crashed: Vec<Name>,
    asleep: Vec<Name>,
    hostile: Option<Name>,
    path: PathModel,
    /// Whether all clocks are right, so that stamps can be equal.
    clocks_right: bool,
    /// How many come at once, where the room is large.
    large: Option<usize>,
    /// From what is drawn what people do in each app but the first: so an app that is added changes nothing else.
    beside: Vec<Rng>,
    /// From what is drawn when they speak on lanes.
    lanes: Rng,
}

impl Draw {
    fn new(mut rng: Rng, (beside, lanes): (Vec<Rng>, Rng), calm: bool, large: Option<usize>) -> Draw {
        let paths = if calm { 2 } else { PathModel::ALL.len() as u64 };
        let path = PathModel::ALL[rng.below(paths) as usize];
        let clocks_right = rng.below(3) == 0;
        Draw {
            rng,
            steps: vec![],
            at: Duration::ZERO,
            people: 0,
            here: vec![],
            keepers: vec![],
            crashed: vec![],
            asleep: vec![],
            hostile: None,
            path,
            clocks_right,
            large,
            beside,
            lanes,
        }
    }

    fn push(&mut self, action: Action) {
        self.steps.push(Step { at: self.at, action });
    }

    /// What somebody does in the app that the room opens with.
    fn draw(&mut self, occasion: Occasion) -> Operation {
        app::ALL[0].draw(occasion, &mut self.rng)
    }

    fn act(&mut self, who: Name, occasion: Occasion) {
        let operation = self.draw(occasion);
        self.push(Action::Do { who, operation });
        if self.lanes.below(SPEAKS_ONE_IN) == 0 {
            let at = self.at + Duration::from_millis(self.lanes.below(BESIDE_MAX_MS));
            self.steps.push(Step { at, action: Action::Speak { who } });
        }
        self.act_beside(who, occasion);
    }

    /// What they do in other apps, soon afterwards.
    fn act_beside(&mut self, who: Name, occasion: Occasion) {
        let is_contest = matches!(occasion, Occasion::Contest { .. });
        for (app, rng) in app::ALL[1..].iter().zip(&mut self.beside) {
            let operation = app.draw(occasion, rng);
            // What is written many times costs most of a room.
            let one_in = if occasion == Occasion::Many { 4 } else { 2 };
            let (at, chance) = (rng.below(BESIDE_MAX_MS), rng.below(one_in));
            // Whoever contends with somebody does so at the same instant.
            let at = self.at + Duration::from_millis(if is_contest { 0 } else { at });
            let action = match occasion {
                Occasion::Probe => Action::Probe { who, operation },
                _ => Action::Do { who, operation },
            };
            if is_contest || occasion == Occasion::Probe || chance == 0 {
                self.steps.push(Step { at, action });
            }
        }
    }

    fn pause(&mut self, most_ms: u64) {
        self.at += Duration::from_millis(self.rng.below(most_ms));
    }

    fn chance(&mut self, one_in: u64) -> bool {
        self.rng.below(one_in) == 0
    }

    fn pick(&mut self) -> Name {
        self.here[self.rng.below(self.here.len() as u64) as usize]
    }

    fn pair(&mut self) -> Option<(Name, Name)> {
        let one = self.pick();
        let others: Vec<Name> = self.here.iter().copied().filter(|other| *other != one).collect();
        let other = *others.get(self.rng.below(others.len() as u64) as usize)?;
        Some((one, other))
    }

    fn skew(&mut self) -> i64 {
        if self.clocks_right {
            return 0;
        }
        self.rng.below(2 * SKEW_MAX_MICROS as u64) as i64 - SKEW_MAX_MICROS
    }

    fn arrival(&mut self) -> Arrival {
        let who = self.people;
        self.people += 1;
        self.here.push(who);
        let person = if self.chance(4) { self.rng.below(who as u64 + 1) } else { who as u64 };
        let (skew, stores) = (self.skew(), self.chance(3));
        if stores {
            self.keepers.push(who);
        }
        Arrival { who, person, skew, access: self.path, stores }
    }

    fn join(&mut self) {
        if self.here.len() < self.large.unwrap_or(PEOPLE_MAX) {
            let arrival = self.arrival();
            self.push(Action::Join(arrival));
        }
    }

    /// Three to six people, a pair of whom cannot link, and what they write must go round that.
    fn calm(&mut self) {
        for _ in 0..2 + self.rng.below(4) {
            self.join();
            self.pause(500);
        }
        if let Some((one, other)) = self.pair() {
            self.push(Action::Cut { one, other });
        }
        self.at += Duration::from_secs(15);
        for _ in 0..10 {
            let who = self.pick();
            self.act(who, Occasion::Usual);
            self.pause(1000);
        }
        self.at += Duration::from_secs(10);
        for who in self.here.clone() {
            let operation = self.draw(Occasion::Probe);
            self.push(Action::Probe { who, operation });
            self.at += Duration::from_secs(2);
            self.act_beside(who, Occasion::Probe);
            self.at += Duration::from_secs(3);
        }
    }

    fn faults(&mut self) {
        let mut kinds: Vec<Kind> = vec![];
        for kind in KINDS {
            if self.chance(2) {
                kinds.push(kind);
            }
        }
        while self.large.is_some_and(|most| self.here.len() < most) {
            self.join();
            self.pause(100);
        }
        for _ in 0..self.large.map_or(STEPS, |_| CROWD_STEPS) {
            self.step(&kinds);
            self.pause(1500);
        }
    }

    fn step(&mut self, kinds: &[Kind]) {
        match self.rng.below(12) {
            0..2 => self.join(),
            2..6 => {
                let who = self.pick();
                self.act(who, Occasion::Usual);
            }
            6 if self.chance(3) => {
                let who = self.pick();
                self.act(who, Occasion::Many);
            }
            6 => {
                if let Some((from, to)) = self.pair() {
                    self.push(Action::Say { from, to });
                }
            }
            7 => {
                if let Some((one, other)) = self.pair() {
                    self.act(one, Occasion::Contest { second: false });
                    self.act(other, Occasion::Contest { second: true });
                }
            }
            _ => {
                if let Some(&kind) = kinds.get(self.rng.below(kinds.len() as u64) as usize) {
                    self.fault(kind);
                }
            }
        }
    }

    fn fault(&mut self, kind: Kind) {
        match kind {
            Kind::Cuts => self.cut(),
            Kind::Churn => {
                if self.here.len() > 2 {
                    let who = self.remove();
                    self.push(Action::Leave { who });
                }
                self.join();
            }
            Kind::Crashes => self.crash(),
            Kind::Sleep => self.sleep(),
            Kind::Clocks => self.clock(),
            Kind::Disks => {
                let (who, full) = (self.pick(), self.chance(3));
                let delay_ms = if self.chance(2) { 5 } else { self.rng.below(4000) };
                self.push(Action::Disk { who, delay_ms, full });
            }
            Kind::Roaming => {
                let who = self.pick();
                let access = PathModel::ALL[self.rng.below(PathModel::ALL.len() as u64) as usize];
                self.push(Action::Move { who, access });
            }
            Kind::Servers => {
                let stop = self.chance(2);
                self.push(if stop { Action::StopServer } else { Action::StartServer });
            }
            Kind::Lies => {
                let lie = Lie::ALL[self.rng.below(Lie::ALL.len() as u64) as usize];
                let tells = !self.chance(3);
                self.push(Action::Lie(tells.then_some(lie)));
            }
            Kind::Hostile => self.hostility(),
        }
    }

    fn cut(&mut self) {
        let action = match (self.rng.below(6), self.pair()) {
            (0, _) => return self.rift(),
            (1, _) if self.chance(2) => Action::Split { sides: self.rng.next_u64() },
            (1, Some((one, other))) => Action::Cut { one, other },
            (2, Some((from, to))) => Action::CutOneWay { from, to },
            (3, Some((one, other))) => Action::Fail { one, other },
            _ => Action::Heal,
        };
        self.push(action);
    }

    /// A split that outlives all links across it, with little written meanwhile: only comparison heals that.
    fn rift(&mut self) {
        let (sides, operation) = (self.rng.next_u64(), self.draw(Occasion::Apart));
        self.push(Action::Split { sides });
        for _ in 0..1 + self.rng.below(3) {
            self.pause(3000);
            let who = self.pick();
            self.push(Action::Do { who, operation });
            self.act_beside(who, Occasion::Apart);
        }
        self.at += Duration::from_secs(12);
        self.push(Action::Heal);
    }

    fn remove(&mut self) -> Name {
        let place = self.rng.below(self.here.len() as u64) as usize;
        let who = self.here.remove(place);
        self.asleep.retain(|asleep| *asleep != who);
        who
    }

    fn crash(&mut self) {
        if self.chance(2)
            && let Some(who) = self.crashed.pop()
        {
            self.here.push(who);
            return self.push(Action::Restart { who });
        }
        if self.here.len() > 2 && self.chance(3) {
            return self.crash_while_storing();
        }
        if self.here.len() > 1 {
            let (who, durable) = (self.remove(), self.rng.below(3) as usize);
            self.crashed.push(who);
            self.push(Action::Crash { who, durable });
        }
    }

    /// A keeper whose disk is slow crashes soon after somebody wrote, and comes back.
    fn crash_while_storing(&mut self) {
        let keepers: Vec<Name> = self.here.iter().copied().filter(|who| self.keepers.contains(who)).collect();
        let Some(&who) = keepers.get(self.rng.below(keepers.len() as u64) as usize) else { return };
        self.push(Action::Disk { who, delay_ms: 3000, full: false });
        let author = self.pick();
        self.act(author, Occasion::Usual);
        self.pause(2500);
        let durable = self.rng.below(3) as usize;
        self.push(Action::Crash { who, durable });
        self.pause(5000);
        self.push(Action::Restart { who });
    }

    fn sleep(&mut self) {
        match self.asleep.pop() {
            Some(who) => self.push(Action::Wake { who }),
            None => {
                let who = self.pick();
                self.asleep.push(who);
                self.push(Action::Sleep { who });
            }
        }
    }

    fn clock(&mut self) {
        let who = self.pick();
        let skew = match self.rng.below(3) {
            0 => self.rng.below(AHEAD_MAX_MICROS as u64) as i64,
            1 => -(self.rng.below(3_600_000_000) as i64),
            _ => self.skew(),
        };
        let noticed = self.chance(2);
        self.push(Action::SetClock { who, skew, noticed });
    }

    fn hostility(&mut self) {
        match self.hostile {
            None => {
                let who = self.people;
                self.people += 1;
                self.hostile = Some(who);
                let behaviour = Behaviour::ALL[self.rng.below(Behaviour::ALL.len() as u64) as usize];
                self.push(Action::JoinHostile { who, behaviour });
            }
            Some(who) => {
                self.push(Action::Attack { who });
                self.pause(300);
                self.push(Action::Attack { who });
            }
        }
    }
}
