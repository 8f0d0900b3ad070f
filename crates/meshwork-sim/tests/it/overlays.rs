//! Rooms whose members keep some links each: k-gossip, tree and emergent overlays, and changing from one to another.

use std::time::Duration;

use crate::common::{Member, RED, SIZE};
use meshwork_core::id::Endpoint;
use meshwork_core::node::{Config, Event, LinkState, Node};
use meshwork_core::overlay::message::Tag;
use meshwork_core::overlay::sketch::{LOOK_INTERVAL, LOOK_LIVES};
use meshwork_core::overlay::{Kind, NeighbourView};
use meshwork_core::rng::Rng;
use meshwork_core::room::rules::terms::Terms;
use meshwork_core::seam::config::{PlantedBug, ROOM_ENDPOINTS_MAX};
use meshwork_core::wire::BoundedText;
use meshwork_place::Place as _;
use meshwork_place::canvas::Colour;
use meshwork_sim::check::{self, Violation};
use meshwork_sim::path::PathModel;
use meshwork_sim::world::{MakeNode, World};

/// A room, and who is in it.
pub(crate) struct Crowd {
    pub(crate) world: World,
    pub(crate) members: Vec<Member>,
    config: Config,
    painted: u16,
}

impl Crowd {
    /// A room of `count` whose record asks for `overlay`; they come 20 ms after each other.
    pub(crate) fn new(seed: u64, overlay: &str, count: usize, planted: Option<PlantedBug>) -> Crowd {
        let config = Config { planted, ..Config::default() };
        let mut world = World::new(seed, PathModel { loss_per_mille: 0, ..PathModel::WAN });
        let first = world.start(config.clone(), 1, 0);
        let room = world.create_room(first, SIZE, false);
        let known = |world: &World| world.node(first).room(room).address().is_some();
        assert!(world.run_while(Duration::from_secs(5), known));
        let mut crowd = Crowd { world, members: vec![(first, room)], config, painted: 0 };
        crowd.choose(overlay);
        crowd.grow(count);
        crowd
    }

    fn choose(&mut self, overlay: &str) {
        let rules = Terms { overlay: BoundedText::new(overlay).expect("short"), ..Terms::default() };
        let (first, room) = self.members[0];
        self.world
            .command(first, |node, now| node.room_mut(now, room).set_rules(rules))
            .expect("its own room");
    }

    fn grow(&mut self, count: usize) {
        self.grow_with(count, Node::new);
    }

    pub(crate) fn grow_with(&mut self, count: usize, make: MakeNode) {
        let (first, room) = self.members[0];
        let address = self.world.node(first).room(room).address().expect("it is registered");
        while self.members.len() < count {
            let person = self.members.len() as u64 + 1000;
            let index = self.world.start_with(self.config.clone(), person, 0, make);
            let room = self.world.join_room(index, address.clone());
            self.members.push((index, room));
            self.world.run_for(Duration::from_millis(20));
        }
    }

    /// Lets every `every`th member paint, and time pass.
    fn paint(&mut self, every: usize) -> usize {
        let writers: Vec<Member> = self.members.iter().copied().step_by(every).collect();
        for &(index, room) in &writers {
            self.painted += 1;
            let (x, y) = (self.painted % 100, self.painted / 100 % 100);
            let colour = Colour::rgb(self.painted as u8, index as u8, 1);
            self.world.paint(index, room, &[(x, y, colour)]).expect("it may paint");
        }
        writers.len()
    }

    /// Lets time pass until `check` holds.
    fn until(
        &mut self,
        limit: Duration,
        check: impl Fn(&World, &[Member]) -> Result<(), Violation>,
    ) -> Result<(), Violation> {
        let end = self.world.now() + limit;
        loop {
            match check(&self.world, &self.members) {
                Err(violation) if self.world.now() >= end => return Err(violation),
                Err(_) => self.world.run_for(Duration::from_millis(250)),
                Ok(()) => return Ok(()),
            }
        }
    }

    /// Ends a share of the members without a word; the owner stays.
    fn kill(&mut self, percent: usize) {
        let gone = |place: &usize| *place > 0 && place * 7919 % 100 < percent;
        let (dead, alive): (Vec<_>, Vec<_>) =
            self.members.iter().copied().enumerate().partition(|(place, _)| gone(place));
        dead.iter().for_each(|(_, (index, _))| drop(self.world.crash(*index)));
        self.members = alive.into_iter().map(|(_, member)| member).collect();
    }

    /// Everybody is linked as the overlay wants it.
    fn settle(&mut self, limit: Duration, least: usize) -> Result<(), Violation> {
        self.until(limit, |world, members| {
            check::overlay::degree(world, members, least)?;
            check::overlay::neighbours_mutual(world, members)?;
            check::overlay::connected(world, members)
        })
    }
}

/// A room of this overlay in which everybody is linked.
pub(crate) fn settled(seed: u64, overlay: &str, count: usize) -> (World, Vec<Member>) {
    let mut crowd = Crowd::new(seed, overlay, count, None);
    crowd.settle(Duration::from_secs(20), 3).unwrap_or_else(|violation| panic!("{violation}"));
    (crowd.world, crowd.members)
}

/// A room of `count` grows, is painted in, loses a third of its members at once, and heals without a server.
pub(crate) fn lives_through(
    seed: u64,
    overlay: &str,
    count: usize,
    least: usize,
    planted: Option<PlantedBug>,
) -> Result<Crowd, Violation> {
    let mut crowd = Crowd::new(seed, overlay, count, planted);
    crowd.settle(Duration::from_secs(30), least)?;
    // Everybody has heard of enough others to go on without anybody's help.
    crowd.world.run_for(Duration::from_secs(20));
    crowd.world.stop_server();
    crowd.paint(10);
    crowd.until(Duration::from_secs(2), check::overlay::coverage)?;
    crowd.kill(30);
    crowd.paint(10);
    crowd.settle(Duration::from_secs(15), least)?;
    crowd.until(Duration::from_secs(15), check::overlay::coverage)?;
    crowd.paint(5);
    // Names of batches wait for up to four seconds where the trees have not taken shape again.
    crowd.until(Duration::from_secs(4), check::overlay::coverage)?;
    Ok(crowd)
}

#[test]
fn k_gossip_room_heals_without_a_server() {
    // Of 35 rooms one takes longer, since a last link is sought. In some of these the dead hold up the search where they
    // keep the places of the living.
    for seed in [1, 11, 27, 32, 39] {
        let crowd = lives_through(seed, "k-gossip:3", 80, 8, None)
            .unwrap_or_else(|violation| panic!("seed {seed}: {violation}"));
        let (index, room) = crowd.members[1];
        let view = crowd.world.node(index).room(room).overlay().expect("it is open");
        assert_eq!(view.kind, Kind::KGossip(3));
        assert!((9..=11).contains(&view.degree.0), "k follows the room's size: {view:?}");
    }
}

#[test]
fn emergent_room_heals_without_a_server() {
    let crowd = lives_through(2, "emergent", 80, 10, None).unwrap_or_else(|violation| panic!("{violation}"));
    let (index, room) = crowd.members[1];
    assert_eq!(crowd.world.node(index).room(room).overlay().map(|view| view.kind), Some(Kind::Emergent));
}

#[test]
fn tree_room_heals_without_a_server() {
    let mut crowd = lives_through(11, "tree", 80, 6, None).unwrap_or_else(|violation| panic!("{violation}"));
    crowd.until(Duration::from_secs(10), check::overlay::one_root).unwrap_or_else(|one| panic!("{one}"));
    let views: Vec<_> = crowd
        .members
        .iter()
        .filter_map(|&(index, room)| crowd.world.node(index).room(room).overlay())
        .collect();
    assert!(views.iter().all(|view| view.kind == Kind::Tree));
    let branches = || views.iter().filter_map(|view| view.branch);
    assert!(branches().all(|branch| branch.children <= 12), "fan-out is bounded");
    let depth = branches().filter_map(|branch| branch.depth).max();
    assert!(depth.is_some_and(|depth| depth <= 8), "{depth:?} steps from the root");
}

/// A tree in which somebody dies every few seconds, the root every other time, while everybody looks for loops.
pub(crate) fn has_no_loops(seed: u64, planted: Option<PlantedBug>) -> Result<(), Violation> {
    let mut crowd = Crowd::new(seed, "tree", 40, planted);
    let mut chance = Rng::new([seed as u8; 32]);
    for round in 0..120 {
        crowd.world.run_for(Duration::from_millis(250));
        check::overlay::loop_free(&crowd.world, &crowd.members)?;
        if round % 12 != 11 {
            continue;
        }
        let is_root = |&(index, room): &Member| {
            let branch = crowd.world.node(index).room(room).overlay().and_then(|view| view.branch);
            branch.is_some_and(|branch| branch.depth == Some(0))
        };
        let root = crowd.members.iter().position(is_root).filter(|place| round % 24 == 11 && *place > 0);
        let drawn = 1 + chance.below(crowd.members.len() as u64 - 1) as usize;
        let (index, _) = crowd.members.remove(root.unwrap_or(drawn));
        crowd.world.crash(index);
    }
    crowd.until(Duration::from_secs(15), check::overlay::one_root)?;
    crowd.paint(5);
    crowd.until(Duration::from_secs(2), check::overlay::coverage)
}

#[test]
fn deaths_in_a_tree_never_make_a_loop() {
    for seed in 20..24 {
        has_no_loops(seed, None).unwrap_or_else(|violation| panic!("seed {seed}: {violation}"));
    }
}

/// How often a batch comes to a member once fifty broadcasts have shaped the trees.
pub(crate) fn copies(seed: u64, overlay: &str, planted: Option<PlantedBug>) -> Result<f64, Violation> {
    let mut crowd = Crowd::new(seed, overlay, 60, planted);
    crowd.settle(Duration::from_secs(30), if overlay == "tree" { 6 } else { 10 })?;
    crowd.world.run_for(Duration::from_secs(20));
    for _ in 0..10 {
        crowd.paint(12);
        crowd.world.run_for(Duration::from_secs(1));
    }
    let (before, mut batches) = (check::overlay::payloads(&crowd.world, &crowd.members), 0);
    for _ in 0..10 {
        batches += crowd.paint(6);
        crowd.world.run_for(Duration::from_secs(1));
    }
    crowd.until(Duration::from_secs(2), check::overlay::coverage)?;
    check::overlay::payload_copies(&crowd.world, &crowd.members, before, batches, 1.3)
}

#[test]
fn trees_bring_each_batch_about_once() {
    for overlay in ["emergent", "tree"] {
        let copies = copies(3, overlay, None).unwrap_or_else(|violation| panic!("{overlay}: {violation}"));
        println!("{overlay}: {copies:.3} copies");
        assert!(copies >= 0.9, "and not by repair");
    }
}

#[test]
fn live_room_changes_its_overlay_and_loses_nothing() {
    let mut crowd = Crowd::new(4, "full-mesh", 20, None);
    let whole = |world: &World, members: &[Member]| check::whole_mesh(world, members);
    crowd.until(Duration::from_secs(20), whole).unwrap_or_else(|violation| panic!("{violation}"));
    let kinds = [
        ("k-gossip:1", Kind::KGossip(1)),
        ("tree", Kind::Tree),
        ("emergent", Kind::Emergent),
        ("tree", Kind::Tree),
        ("full-mesh", Kind::FullMesh),
        ("tree", Kind::Tree),
        ("emergent", Kind::Emergent),
    ];
    for (overlay, wanted) in kinds {
        for step in 0..20 {
            if step == 5 {
                crowd.choose(overlay);
            }
            crowd.paint(3);
            crowd.world.run_for(Duration::from_millis(200));
        }
        for &(index, room) in &crowd.members {
            let kind = crowd.world.node(index).room(room).overlay().map(|one| one.kind);
            assert_eq!(kind, Some(wanted), "program {index} follows the record to {overlay}");
        }
        crowd.until(Duration::from_secs(2), check::overlay::coverage).unwrap_or_else(|violation| {
            panic!("{overlay}: {violation}");
        });
    }
    crowd.settle(Duration::from_secs(30), 10).unwrap_or_else(|violation| panic!("{violation}"));
    let canvas = crowd.world.node(crowd.members[7].0).canvas(crowd.members[7].1).expect("it is open");
    let cells = (0..crowd.painted).map(|number| (number + 1) % 100 + (number + 1) / 100 % 100 * 100);
    assert!(cells.into_iter().all(|cell| canvas.colour(cell % 100, cell / 100) != canvas.colour(99, 99)));
}

#[test]
fn full_mesh_has_a_limit_and_says_so() {
    let mut crowd = Crowd::new(8, "full-mesh", ROOM_ENDPOINTS_MAX, None);
    let whole = |world: &World, members: &[Member]| check::whole_mesh(world, members);
    crowd.until(Duration::from_secs(30), whole).unwrap_or_else(|violation| panic!("{violation}"));
    let members = crowd.members.clone();
    crowd.grow(ROOM_ENDPOINTS_MAX + 1);
    let (late, room) = crowd.members[ROOM_ENDPOINTS_MAX];
    let mut words = Vec::new();
    for _ in 0..80 {
        crowd.world.run_for(Duration::from_millis(250));
        words.extend(crowd.world.program(late).events.drain(..).filter_map(|event| match event {
            Event::RoomRefused { room: refused, reason } if refused == room => Some(reason.to_string()),
            _ => None,
        }));
    }
    assert_eq!(words, ["The room is full: 20 of its members say so. Ask someone to make room."]);
    whole(&crowd.world, &members).unwrap_or_else(|violation| panic!("the others stay: {violation}"));
}

#[test]
fn looker_sees_everybodys_links_until_nobody_looks() {
    let mut crowd = Crowd::new(6, "emergent", 40, None);
    crowd.settle(Duration::from_secs(30), 10).unwrap_or_else(|violation| panic!("{violation}"));
    crowd.world.run_for(Duration::from_secs(60));
    let (index, room) = crowd.members[5];
    let look = |crowd: &mut Crowd| {
        for _ in 0..2 {
            crowd.world.command(index, |node, now| node.room_mut(now, room).look());
            crowd.world.run_for(LOOK_INTERVAL);
        }
        crowd.world.node(index).room(room).sights()
    };
    assert_eq!(crowd.world.node(index).room(room).sights().len(), 1, "nobody tells of their links unasked");
    let sights = look(&mut crowd);
    assert_eq!(sights.len(), 40, "everybody answers");
    for (sight, (index, room)) in sights.iter().map(|sight| {
        let is_its = |(index, _): &&Member| crowd.world.node(*index).endpoint() == sight.endpoint;
        (sight, *crowd.members.iter().find(is_its).expect("a member"))
    }) {
        let neighbours = crowd.world.node(index).room(room).overlay().expect("it is open").neighbours;
        let told = sight.links.iter().filter(|seen| {
            let is_neighbour = |one: &NeighbourView| Tag::of(&one.endpoint) == seen.to;
            neighbours.iter().any(is_neighbour) && seen.rtt_ms > 0
        });
        // The overlay has gone on since.
        assert!(told.count() + 3 >= neighbours.len(), "{sight:?}");
    }
    crowd.kill(20);
    crowd.world.run_for(LOOK_LIVES);
    assert_eq!(crowd.world.node(index).room(room).sights().len(), 1, "what is old is not shown");
    crowd.settle(Duration::from_secs(15), 10).unwrap_or_else(|violation| panic!("{violation}"));
    assert_eq!(look(&mut crowd).len(), crowd.members.len(), "who is gone is out of the picture");
}

#[test]
fn auto_is_full_mesh_or_emergent_by_size() {
    let mut crowd = Crowd::new(5, "", 6, None);
    let whole = |world: &World, members: &[Member]| check::whole_mesh(world, members);
    crowd.until(Duration::from_secs(10), whole).unwrap_or_else(|violation| panic!("{violation}"));
    let kinds = |crowd: &Crowd| -> Vec<Kind> {
        let kind =
            |&(index, room): &Member| crowd.world.node(index).room(room).overlay().expect("it is open").kind;
        crowd.members.iter().map(kind).collect()
    };
    assert!(kinds(&crowd).iter().all(|kind| *kind == Kind::FullMesh));
    crowd.grow(30);
    crowd.settle(Duration::from_secs(40), 10).unwrap_or_else(|violation| panic!("{violation}"));
    assert!(kinds(&crowd).iter().all(|kind| *kind == Kind::Emergent), "{:?}", kinds(&crowd));
    let all: Vec<Member> = crowd.members.drain(5..).collect();
    for (index, _) in all {
        crowd.world.quit(index);
    }
    let whole = |world: &World, members: &[Member]| {
        check::whole_mesh(world, members)?;
        let full = |&(index, room): &Member| world.node(index).room(room).overlay().map(|one| one.kind);
        match members.iter().all(|member| full(member) == Some(Kind::FullMesh)) {
            true => Ok(()),
            false => Err(Violation::new("kind", String::from("not yet a full mesh"))),
        }
    };
    crowd.until(Duration::from_secs(300), whole).unwrap_or_else(|violation| panic!("{violation}"));
    let (index, room) = crowd.members[2];
    crowd.world.paint(index, room, &[(50, 50, RED)]);
    crowd
        .until(Duration::from_secs(1), check::overlay::coverage)
        .unwrap_or_else(|violation| panic!("{violation}"));
}

#[test]
fn newcomer_joins_a_saturated_large_room_at_once() {
    let mut crowd = Crowd::new(10, "emergent", 30, None);
    crowd.settle(Duration::from_secs(30), 10).unwrap_or_else(|violation| panic!("{violation}"));
    crowd.world.run_for(Duration::from_secs(20));
    crowd.paint(2);
    for count in 31..=36 {
        crowd.grow(count);
        crowd.until(Duration::from_secs(3), check::overlay::coverage).unwrap_or_else(|violation| {
            panic!("member {count}: {violation}");
        });
    }
}

/// A room of near and far members, in which everybody looks for nearer neighbours.
pub(crate) fn keeps_the_oldest(planted: Option<PlantedBug>) -> Result<(), Violation> {
    let mut crowd = Crowd::new(6, "emergent", 40, planted);
    for &(index, _) in crowd.members.iter().step_by(3) {
        crowd.world.program(index).access = PathModel::LAN;
    }
    let mut oldest = check::overlay::Oldest::default();
    for _ in 0..60 {
        crowd.world.run_for(Duration::from_secs(1));
        oldest.check(&crowd.world, &crowd.members)?;
    }
    Ok(())
}

#[test]
fn oldest_links_stay_while_nearer_ones_are_found() {
    assert_eq!(keeps_the_oldest(None), Ok(()));
}

#[test]
fn weak_member_sheds_links_and_room_stays_connected() {
    let mut crowd = Crowd::new(10, "emergent", 30, None);
    crowd.settle(Duration::from_secs(30), 10).unwrap_or_else(|violation| panic!("{violation}"));
    let (weak, room) = crowd.members[4];
    let linked =
        |crowd: &Crowd| crowd.world.node(weak).room(room).overlay().map_or(0, |view| view.neighbours.len());
    assert!(linked(&crowd) >= 10);
    crowd.world.command(weak, |node, now| node.set_links_most(now, 6));
    let has_few = |world: &World, _: &[Member]| match world.node(weak).room(room).overlay() {
        Some(view) if view.neighbours.len() <= 6 => Ok(()),
        view => Err(Violation::new("degree", format!("{view:?}"))),
    };
    crowd.until(Duration::from_secs(30), has_few).unwrap_or_else(|violation| panic!("{violation}"));
    crowd.paint(10);
    crowd.until(Duration::from_secs(2), check::overlay::coverage).unwrap_or_else(|one| panic!("{one}"));
    crowd.world.command(weak, |node, now| node.set_links_most(now, 16));
    crowd.settle(Duration::from_secs(30), 10).unwrap_or_else(|violation| panic!("{violation}"));
}

/// What everybody was told of others since it was last asked: how often that somebody became distant, and who left.
fn told(crowd: &mut Crowd) -> (usize, Vec<Endpoint>) {
    let (mut distant_ones, mut left) = (0, Vec::new());
    for &(index, _) in &crowd.members {
        for event in crowd.world.program(index).events.drain(..) {
            match event {
                Event::MemberDetached { distant: true, .. } => distant_ones += 1,
                Event::MemberDetached { endpoint, .. } => left.push(endpoint),
                Event::Refused { reason, detail, .. } => panic!("{reason}: {detail}"),
                _ => {}
            }
        }
    }
    (distant_ones, left)
}

#[test]
fn who_is_linked_through_others_did_not_leave() {
    let mut crowd = Crowd::new(15, "", 6, None);
    crowd.config.links_most = 8;
    crowd.grow(24);
    crowd.world.run_for(Duration::from_secs(40));
    let (distant_ones, left) = told(&mut crowd);
    assert!(distant_ones > 0, "links were given up");
    assert_eq!(left, [], "nobody left");
    for &(index, room) in &crowd.members {
        let now = crowd.world.now();
        let wrong = crowd.world.node(index).room(room).peers().into_iter().find(|peer| match peer.state {
            LinkState::Gone => !peer.distant,
            LinkState::Connecting => now.since(peer.since) > Duration::from_secs(10),
            _ => false,
        });
        assert_eq!(wrong, None);
        let view = crowd.world.node(index).room(room).overlay().expect("it is open");
        assert_eq!(view.beyond() + view.neighbours.len() + 1, 24, "all are counted");
    }
    let (leaver, _) = crowd.members.pop().expect("there are some");
    let leaver_endpoint = crowd.world.node(leaver).endpoint();
    crowd.world.quit(leaver);
    crowd.world.run_for(Duration::from_secs(2));
    let (_, left) = told(&mut crowd);
    assert!(!left.is_empty() && left.iter().all(|endpoint| *endpoint == leaver_endpoint), "{left:?}");
}
