//! Scenarios: people who come, paint, get cut off and leave, all drawn from one seed.

use std::time::Duration;

use meshwork_core::crdt::canvas::{CanvasSize, Colour};
use meshwork_core::node::config::{PlantedBug, ROOM_ENDPOINTS_MAX};
use meshwork_core::node::event::RoomHandle;
use meshwork_core::node::{Config, Event, Node};
use meshwork_core::rng::Rng;
use meshwork_core::signalling::address::RoomAddress;

use crate::check::{self, Checks, Violation};
use crate::connection::{NodeIndex, PathModel};
use crate::world::World;

/// Greatest offset of a civil clock in a scenario: below what is held back as coming from the future.
const SKEW_MAX_MICROS: i64 = 4_000_000;
/// How long a healed room has to become whole: the longest retry pause, a connection, and a comparison.
const HEAL_LIMIT: Duration = Duration::from_secs(60);

/// What a scenario came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The digest that all canvases have in the end.
    pub digest: [u8; 32],
    /// Happenings in the whole run.
    pub steps: u64,
    /// Strokes that were painted.
    pub strokes: u64,
}

struct Scenario {
    world: World,
    rng: Rng,
    members: Vec<(NodeIndex, RoomHandle)>,
    address: Option<RoomAddress>,
    checks: Checks,
    size: CanvasSize,
    strokes: u64,
    people: u64,
    planted: Option<PlantedBug>,
}

/// Runs the scenario of `seed`: faults first, then healing, then everybody must agree.
///
/// # Errors
/// The first [`Violation`] that a checker saw.
pub fn run(seed: u64, planted: Option<PlantedBug>) -> Result<Report, Violation> {
    let mut bytes = [1; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut rng = Rng::new(bytes);
    let path = [PathModel::LOCAL, PathModel::WAN, PathModel::MOBILE][rng.below(3) as usize];
    let side = |rng: &mut Rng| 1 + rng.below(200) as u16;
    let size = CanvasSize { width: side(&mut rng), height: side(&mut rng) };
    let (members, checks) = (vec![], Checks::default());
    let world = World::new(seed, path);
    let mut scenario =
        Scenario { world, rng, members, address: None, checks, size, strokes: 0, people: 0, planted };
    scenario.open_room()?;
    for _ in 0..40 {
        scenario.act()?;
        let pause = Duration::from_millis(scenario.rng.below(1500));
        scenario.run_for(pause)?;
    }
    scenario.world.heal();
    scenario.world.start_server();
    scenario.converge()
}

impl Scenario {
    fn open_room(&mut self) -> Result<(), Violation> {
        let index = self.start();
        let private = self.rng.below(2) == 0;
        let room = self.world.create_room(index, self.size, private);
        self.members.push((index, room));
        let known = |world: &World| world.node(index).room_address(room).is_some();
        if !self.world.run_while(Duration::from_secs(30), known) {
            let detail = String::from("the room was not registered within 30 s");
            return Err(Violation { checker: "registered", detail });
        }
        self.address = self.world.node(index).room_address(room);
        Ok(())
    }

    fn start(&mut self) -> NodeIndex {
        self.people += 1;
        // A few people open a second tab.
        let person = if self.rng.below(4) == 0 { 1 + self.rng.below(self.people) } else { self.people };
        let skew = self.rng.below(2 * SKEW_MAX_MICROS as u64) as i64 - SKEW_MAX_MICROS;
        let stores = self.rng.below(4) == 0;
        let config = Config { stores, planted: self.planted, ..Config::default() };
        self.world.start(config, person, skew)
    }

    fn join(&mut self) {
        let Some(address) = self.address.clone() else { return };
        if self.members.len() < ROOM_ENDPOINTS_MAX.min(8) {
            let index = self.start();
            let room = self.world.join_room(index, address);
            self.members.push((index, room));
        }
    }

    fn act(&mut self) -> Result<(), Violation> {
        match self.rng.below(12) {
            0..3 => self.join(),
            3..8 => return self.paint(),
            8 if self.members.len() > 2 => self.leave(),
            9 if self.members.len() > 1 => self.cut(),
            10 => self.world.heal(),
            11 => match self.rng.below(2) {
                0 => self.world.stop_server(),
                _ => self.world.start_server(),
            },
            _ => {}
        }
        Ok(())
    }

    fn pick(&mut self) -> (NodeIndex, RoomHandle) {
        self.members[self.rng.below(self.members.len() as u64) as usize]
    }

    /// **paint-wins**: what a person paints shows at once on their own screen, whatever was there.
    fn paint(&mut self) -> Result<(), Violation> {
        let (index, room) = self.pick();
        let CanvasSize { width, height } = self.size;
        let colour =
            Colour::rgb(self.rng.below(256) as u8, self.rng.below(256) as u8, self.rng.below(256) as u8);
        // Everybody paints near the corner, so that strokes compete.
        let cell = |rng: &mut Rng| {
            let near = |side: u16, rng: &mut Rng| rng.below(u64::from(side.min(12))) as u16;
            (near(width, rng), near(height, rng), colour)
        };
        let count = 1 + self.rng.below(30);
        let cells: Vec<_> = (0..count).map(|_| cell(&mut self.rng)).collect();
        if self.world.paint(index, room, &cells).is_none() {
            return Ok(());
        }
        self.strokes += 1;
        let canvas = self.world.node(index).canvas(room);
        let shows =
            |&(x, y, colour): &(u16, u16, Colour)| canvas.is_some_and(|c| c.colour(x, y) == Some(colour));
        match cells.iter().find(|cell| !shows(cell)) {
            None => self.check(),
            Some((x, y, _)) => {
                let detail =
                    format!("program {index} painted {x}, {y} over what it saw, and it does not show");
                Err(Violation { checker: "paint-wins", detail })
            }
        }
    }

    fn leave(&mut self) {
        let at = self.rng.below(self.members.len() as u64) as usize;
        let (index, _) = self.members[at];
        // A room whose genesis nobody holds any more is gone, with or without faults.
        let open = |(other, room): &(NodeIndex, RoomHandle)| {
            *other != index && self.world.node(*other).canvas(*room).is_some()
        };
        if !self.members.iter().any(open) {
            return;
        }
        self.members.remove(at);
        match self.rng.below(2) {
            0 => self.world.quit(index),
            _ => drop(self.world.crash(index)),
        }
    }

    fn cut(&mut self) {
        let indices: Vec<NodeIndex> = self.members.iter().map(|(index, _)| *index).collect();
        let place = 1 + self.rng.below(indices.len() as u64 - 1) as usize;
        let (one, other) = indices.split_at(place);
        self.world.cut(one, other);
    }

    fn run_for(&mut self, interval: Duration) -> Result<(), Violation> {
        self.world.run_for(interval);
        self.check()
    }

    fn check(&mut self) -> Result<(), Violation> {
        check::bounded_memory(&self.world)?;
        let indices: Vec<NodeIndex> = self.world.programs().map(|(index, _)| index).collect();
        for index in indices {
            while let Some(event) = self.world.program(index).events.pop_front() {
                self.checks.exactly_once(index, &event)?;
                no_honest_refusal(index, &event)?;
            }
        }
        Ok(())
    }

    fn converge(mut self) -> Result<Report, Violation> {
        let members = self.members.clone();
        let whole = |world: &World| {
            check::whole_mesh(world, &members).is_ok()
                && check::equal_replicas(world, &members).is_ok()
                && members.iter().all(|&(index, room)| in_step(world.node(index), room))
        };
        let healed = self.world.run_while(HEAL_LIMIT, whole);
        self.check()?;
        if !healed {
            check::whole_mesh(&self.world, &self.members)?;
            check::equal_replicas(&self.world, &self.members)?;
            let detail = String::from("members are equal, but do not know it");
            return Err(Violation { checker: "in-step", detail });
        }
        // Nothing moves in a room at rest.
        self.run_for(Duration::from_secs(2))?;
        check::equal_replicas(&self.world, &self.members)?;
        let (index, room) = self.members[0];
        let digest = self.world.node(index).canvas(room).map(|canvas| canvas.digest()).unwrap_or_default();
        Ok(Report { digest, steps: self.world.steps(), strokes: self.strokes })
    }
}

fn in_step(node: &Node, room: RoomHandle) -> bool {
    node.peers(room).iter().all(|peer| !peer.attached || peer.in_step)
}

/// **no-honest-refusal**: honest nodes refuse nothing of each other.
fn no_honest_refusal(index: NodeIndex, event: &Event) -> Result<(), Violation> {
    use meshwork_core::node::Refusal;
    let Event::Refused { endpoint, reason, detail, .. } = event else { return Ok(()) };
    // Offers may outrun the news of who made them when the server has just been started again, and come late when
    // they take another way than those after them.
    if matches!(reason, Refusal::SealingKey | Refusal::TooManyAttempts | Refusal::StaleSignal) {
        return Ok(());
    }
    let detail = format!("program {index} refused {endpoint:?}: {reason}: {detail}");
    Err(Violation { checker: "no-honest-refusal", detail })
}
