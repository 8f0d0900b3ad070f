//! The graph level held against the protocol level: the same broadcasts over the same links and trees, by arrays and by
//! the nodes that browsers run.
//!
//! Tolerances: half and 99 % of deliveries within 10 % of each other, copies within 0.1, and who hears after a third
//! died, over links that are left, exactly alike. Of rooms that grew apart from each other: links within one, rounds of
//! a flood within one. How near neighbours have come is told and not compared: nodes that have just met look for nearer
//! ones for minutes, each at its own time, where arrays take a pass each round.

use std::collections::BTreeMap;
use std::time::Duration;

use meshwork_core::id::Endpoint;
use meshwork_core::node::{Config, Event};
use meshwork_core::overlay::trees::tree_of_batch;
use meshwork_core::room::rules::terms::Terms;
use meshwork_core::wire::BoundedText;
use meshwork_place::Place as _;
use meshwork_place::canvas::{CanvasSize, Colour};
use meshwork_sim::chance::generator;
use meshwork_sim::check::Member;
use meshwork_sim::check::overlay::{neighbours, payloads};
use meshwork_sim::latency::Latency;
use meshwork_sim::path::PathModel;
use meshwork_sim::world::World;
use meshwork_study::adjacency::Adjacency;
use meshwork_study::membership::{Membership, Views};
use meshwork_study::reach::hops;
use meshwork_study::tree::{Delivery, NEVER, Timing, Trees, flood};

const SIZE: CanvasSize = CanvasSize { width: 100, height: 100 };
/// How long after a broadcast nobody has yet found new neighbours.
const AT_ONCE: Duration = Duration::from_millis(2500);

/// A room of real nodes in five regions.
struct Room {
    world: World,
    members: Vec<Member>,
    latency: Latency,
    painted: u16,
}

/// When each peer heard, in milliseconds; `None` of who did not.
type Heard = Vec<Option<u64>>;

impl Room {
    /// So many come, find near neighbours, and shape their trees by fifty broadcasts of all.
    fn settled(seed: u64, count: usize) -> Room {
        let latency = Latency::regions(count, &mut generator(seed, [0; 3]));
        let path =
            PathModel { jitter: Duration::ZERO, bytes_per_second: u64::MAX / 2_000_000, ..PathModel::LOCAL };
        let mut world = World::new(seed, PathModel { loss_per_mille: 0, ..path });
        let ways = latency.clone();
        world.set_ways(Box::new(move |from, to| {
            Duration::from_micros(ways.one_way(from as u32, to as u32).into())
        }));
        let first = world.start(Config::default(), 1, 0);
        let room = world.create_room(first, SIZE, false);
        let known = |world: &World| world.node(first).room(room).address().is_some();
        assert!(world.run_while(Duration::from_secs(5), known));
        let rules = Terms { overlay: BoundedText::new("emergent").expect("short"), ..Terms::default() };
        world.command(first, |node, now| node.room_mut(now, room).set_rules(rules)).expect("its own room");
        let mut room = Room { world, members: vec![(first, room)], latency, painted: 0 };
        let address = room.world.node(first).room(room.members[0].1).address().expect("it is registered");
        for person in 1..count as u64 {
            let index = room.world.start(Config::default(), person + 1000, 0);
            room.members.push((index, room.world.join_room(index, address.clone())));
            room.world.run_for(Duration::from_millis(20));
        }
        room.world.run_for(Duration::from_secs(40));
        let members = room.members.clone();
        let is_in =
            |world: &World, &(index, handle): &Member| world.node(index).room(handle).overlay().is_some();
        let all = |world: &World| members.iter().all(|member| is_in(world, member));
        let (world, late) = (&mut room.world, Duration::from_secs(120));
        assert!(world.run_while(late, all), "somebody is not in the room");
        for number in 0..50 {
            room.paint(number * 7 % count);
            room.world.run_for(Duration::from_millis(500));
        }
        room.world.run_for(Duration::from_secs(2));
        room
    }

    /// The links that both ends have.
    fn graph(&self) -> Adjacency {
        let neighbours = neighbours(&self.world, &self.members);
        let of = |one: usize| neighbours[one].iter().map(move |&other| (one, other));
        let links = (0..neighbours.len()).flat_map(of);
        let links = links.filter(|&(one, other)| one < other && neighbours[other].contains(&one));
        let links: Vec<(u32, u32)> = links.map(|(one, other)| (one as u32, other as u32)).collect();
        Adjacency::undirected(self.members.len(), &links)
    }

    /// The nodes' own trees, over arrays.
    fn trees<'a>(&self, graph: &'a Adjacency) -> Trees<'a> {
        let places: BTreeMap<Endpoint, u32> = (0..)
            .zip(&self.members)
            .map(|(place, (index, _))| (self.world.node(*index).endpoint(), place))
            .collect();
        let mut eager = BTreeMap::new();
        for (from, &(index, room)) in (0u32..).zip(&self.members) {
            for neighbour in self.world.node(index).room(room).overlay().expect("it is open").neighbours {
                if let Some(&to) = places.get(&neighbour.endpoint) {
                    eager.insert((to, from), neighbour.eager);
                }
            }
        }
        Trees::laid(graph, |to, from| eager.get(&(to, from)).copied().unwrap_or(0))
    }

    /// Somebody paints. Returns along which tree that travels.
    fn paint(&mut self, place: usize) -> usize {
        self.painted += 1;
        let (index, room) = self.members[place];
        let (x, y) = (self.painted % 100, self.painted / 100 % 100);
        self.world.paint(index, room, &[(x, y, Colour::rgb(self.painted as u8, 2, 1))]).expect("it may");
        let node = self.world.node(index);
        let stamp = node.canvas(room).expect("it is open").stamp(x, y);
        tree_of_batch(&node.endpoint(), stamp).into()
    }

    /// Somebody paints, and everybody has so long to hear it.
    fn broadcast(&mut self, place: usize, within: Duration) -> (usize, Heard) {
        self.members.iter().for_each(|&(index, _)| self.world.program(index).events.clear());
        let author = self.world.node(self.members[place].0).endpoint();
        let tree = self.paint(place);
        let mut heard = vec![None; self.members.len()];
        for ms in 1..=within.as_millis() as u64 {
            self.world.run_for(Duration::from_millis(1));
            for (heard, &(index, _)) in heard.iter_mut().zip(&self.members) {
                let mut events = self.world.program(index).events.drain(..);
                let is_it =
                    |event| matches!(event, Event::Changed { batch: Some(key), .. } if key.author == author);
                if events.any(is_it) {
                    heard.get_or_insert(ms);
                }
            }
            if heard.iter().all(Option::is_some) {
                // What is still on its way comes before the next one.
                self.world.run_for(within.saturating_sub(Duration::from_millis(ms)));
                break;
            }
        }
        (tree, heard)
    }

    fn kill(&mut self, share: usize) {
        let mut place = 0;
        let (dead, alive): (Vec<Member>, Vec<Member>) = self.members.iter().partition(|_| {
            place += 1;
            place > 1 && place * 7919 % 100 < share
        });
        dead.iter().for_each(|(index, _)| drop(self.world.crash(*index)));
        self.members = alive;
    }
}

/// The same by arrays, in milliseconds.
fn by_arrays(delivery: &Delivery) -> Heard {
    delivery.at.iter().map(|&at| (at != NEVER).then(|| u64::from(at).div_ceil(1000))).collect()
}

fn percentile(all: &[Heard], percent: usize) -> f64 {
    let mut times: Vec<u64> = all.iter().flatten().copied().flatten().collect();
    times.sort_unstable();
    times[(times.len() * percent).div_ceil(100) - 1] as f64
}

fn is_near(what: &str, nodes: f64, arrays: f64, tolerance: f64) {
    println!("{what}: {nodes:.2} by nodes, {arrays:.2} by arrays");
    assert!((nodes - arrays).abs() <= tolerance, "{what}: {nodes:.2} by nodes, {arrays:.2} by arrays");
}

fn compare(seed: u64, count: usize) {
    let mut room = Room::settled(seed, count);
    let latency = room.latency.clone();
    let timing = Timing::of(&latency);
    let mut delivery = Delivery::default();
    let (mut nodes, mut arrays, mut flooded, mut copies) = (vec![], vec![], vec![], 0);
    let before = payloads(&room.world, &room.members);
    let graph = room.graph();
    for number in 0..BROADCASTS {
        let author = (number * 13 + 5) % count;
        let graph = room.graph();
        let mut trees = room.trees(&graph);
        let (tree, heard) = room.broadcast(author, Duration::from_secs(2));
        trees.broadcast(tree, author as u32, &timing, |_| true, &mut delivery);
        copies += delivery.copies;
        nodes.push(heard);
        arrays.push(by_arrays(&delivery));
        flood(&graph, author as u32, &timing, |_| true, &mut delivery);
        flooded.push(by_arrays(&delivery));
    }
    let each = (BROADCASTS * (count - 1)) as f64;
    let real = (payloads(&room.world, &room.members) - before) as f64 / each;
    is_near("copies", real, copies as f64 / each, 0.1);
    for percent in [50, 99] {
        let (by_nodes, by_arrays) = (percentile(&nodes, percent), percentile(&arrays, percent));
        println!("{:.0} ms by flooding", percentile(&flooded, percent));
        is_near(&format!("{percent} % have it, ms"), by_nodes, by_arrays, by_nodes / 10.0);
    }
    let (late, flooding) = (percentile(&nodes, 99), percentile(&flooded, 99));
    println!("99 % have it after {:.2} times flooding's time", late / flooding);
    assert!(late <= FLOODING_MOST * flooding, "{late} ms, where flooding takes {flooding} ms");
    structure(seed, &graph, &latency);
    room.kill(30);
    let graph = room.graph();
    let (_, heard) = room.broadcast(1, AT_ONCE);
    let reached = hops(&graph, 1, |_| true).reached;
    is_near("hear when 30 % died", heard.iter().flatten().count() as f64, reached as f64, 0.0);
}

/// A room that the graph level grew looks like the one of nodes.
fn structure(seed: u64, nodes: &Adjacency, latency: &Latency) {
    let count = nodes.peers();
    let rng = &mut generator(seed, [1; 3]);
    let mut room = Membership::grown(count, Views::default(), 3, rng);
    for _ in 0..12 {
        room.round(true, rng);
        room.approach(latency, rng);
    }
    let arrays = room.graph();
    let degree = |graph: &Adjacency| graph.arcs() as f64 / count as f64;
    is_near("links", degree(nodes), degree(&arrays), 1.0);
    let rounds = |graph: &Adjacency| f64::from(hops(graph, 0, |_| true).most);
    is_near("rounds", rounds(nodes), rounds(&arrays), 1.0);
    let near = |graph: &Adjacency| {
        let arcs = (0..count as u32).flat_map(|one| graph.of(one).iter().map(move |&other| (one, other)));
        let mut trips: Vec<u32> = arcs.map(|(one, other)| latency.round_trip(one, other)).collect();
        trips.sort_unstable();
        f64::from(trips[trips.len() / 2])
    };
    let all: Vec<(u32, u32)> =
        (0..count as u32).flat_map(|one| (0..one).map(move |other| (one, other))).collect();
    let strangers = near(&Adjacency::undirected(count, &all));
    let (by_nodes, by_arrays) = (near(nodes) / strangers, near(&arrays) / strangers);
    println!(
        "round trips of neighbours against strangers': {by_nodes:.2} by nodes, {by_arrays:.2} by arrays"
    );
}

/// How much later than by plain flooding 99 % may have a broadcast once fifty have shaped the trees, in any room. Of 46
/// rooms of 60 and 80 it was 1.7 to 3.6 times as late, in half of them up to 2.3.
const FLOODING_MOST: f64 = 4.0;
/// Broadcasts that are compared in each room.
const BROADCASTS: usize = 20;

#[test]
fn arrays_say_what_nodes_do() {
    compare(1, 60);
    compare(2, 80);
}
