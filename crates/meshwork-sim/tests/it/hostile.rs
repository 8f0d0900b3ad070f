//! Hostile members of a room, each in its own way and all together.

use std::time::Duration;

use crate::common::{BLUE, Member, RED, equal, join, join_all, refused, room_of, whole};
use crate::records::say;
use meshwork_core::id::{Endpoint, Instance, PeerId};
use meshwork_core::node::{Config, Event, LinkState, Refusal};
use meshwork_core::overlay::message::{BatchName, OverlayMessage, Tag, Walk, route};
use meshwork_core::overlay::nearness::Position;
use meshwork_core::room::delivery::HELD_MAX;
use meshwork_core::room::message::RoomMessage;
use meshwork_core::room::rules::terms::Terms;
use meshwork_core::signalling::announce::Introduction;
use meshwork_core::wire::{Bounded, BoundedText, Bytes};
use meshwork_place::Place as _;
use meshwork_sim::check::{self, Honest, Violation};
use meshwork_sim::connection::{NodeIndex, PathModel};
use meshwork_sim::hostile::Behaviour;
use meshwork_sim::world::World;

/// How often each hostile member strikes.
const BLOWS: u16 = 10;
/// Honest members that paint between two blows, at most.
const PAINTERS: usize = 8;

/// How an attack is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    /// Something of it is refused for one of these reasons, in the name of who did it.
    As(&'static [Refusal]),
    /// It is proved to have contradicted itself.
    Proved,
    /// Nothing of it is out of order, and it does no harm.
    Harmless,
}

fn named(behaviour: Behaviour) -> Named {
    match behaviour {
        Behaviour::Forges => Named::As(&[Refusal::BatchSignature]),
        Behaviour::Oversizes | Behaviour::Babbles => Named::As(&[Refusal::Message]),
        Behaviour::Foretells => Named::As(&[Refusal::BatchFuture]),
        Behaviour::Withholds | Behaviour::Eclipses => Named::As(&[Refusal::Withheld]),
        Behaviour::Trespasses => Named::As(&[Refusal::BatchContent, Refusal::BatchRules]),
        Behaviour::Equivocates => Named::Proved,
        // Nobody is blamed for a digest.
        Behaviour::Misleads | Behaviour::Replays | Behaviour::Floods | Behaviour::Pretends => Named::Harmless,
    }
}

/// So many come, one after the other, until somebody hostile is found.
const COMERS_MAX: usize = 6;
/// So many seconds somebody is with nobody else.
const LURED_FOR: usize = 30;

/// Whether it lies to those who come and lack what the others have.
fn lies_to_newcomers(behaviour: Behaviour) -> bool {
    matches!(behaviour, Behaviour::Withholds | Behaviour::Eclipses | Behaviour::Misleads)
}

/// A room in which some are hostile.
struct Attacked {
    world: World,
    honest: Vec<Member>,
    hostile: Vec<(NodeIndex, Behaviour)>,
    is_mesh: bool,
    checker: Honest,
    /// Whom honest members refused what.
    told: Vec<(Option<Endpoint>, Refusal)>,
}

impl Attacked {
    /// A room of so many honest members, in which everybody is linked.
    fn new(overlay: &str, honest: usize, behaviours: &[Behaviour]) -> Attacked {
        let mut world = World::new(1, PathModel { loss_per_mille: 0, ..PathModel::LAN });
        let mut members = join_all(&mut world, Config::default(), 1, false);
        let (first, room) = members[0];
        let rules = Terms { overlay: BoundedText::new(overlay).expect("short"), ..Terms::default() };
        world.command(first, |node, now| node.room_mut(now, room).set_rules(rules)).expect("its own room");
        let mut hostile = vec![];
        for person in 2..=(honest + behaviours.len()) as u64 {
            let (index, _) = join(&mut world, &mut members, person);
            // They are spread over those who come.
            let due = person as usize * behaviours.len() / (honest + behaviours.len());
            if let Some(&behaviour) = behaviours.get(hostile.len()).filter(|_| due > hostile.len()) {
                world.corrupt(index, behaviour);
                hostile.push((index, behaviour));
                members.pop();
            }
            world.run_for(Duration::from_millis(20));
        }
        assert_eq!((members.len(), hostile.len()), (honest, behaviours.len()));
        let is_mesh = overlay == "full-mesh";
        let (checker, told) = (Honest::new(false), vec![]);
        let mut room = Attacked { world, honest: members, hostile, is_mesh, checker, told };
        room.until(Duration::from_secs(30), Attacked::is_linked).expect("the honest are linked");
        room.world.run_for(Duration::from_secs(5));
        room
    }

    /// Each hostile member strikes again and again, while others paint; then people come who reach nobody but one that
    /// lies to newcomers for a while.
    fn strike(&mut self) -> Result<(), Violation> {
        let every = self.honest.len().div_ceil(PAINTERS);
        let mut strokes = vec![];
        for blow in 0..BLOWS {
            for (place, &(index, room)) in self.honest.iter().step_by(every).enumerate() {
                let cell = (10 + blow, place as u16);
                self.world.paint(index, room, &[(cell.0, cell.1, RED)]).expect("it may paint");
                strokes.push(cell);
            }
            self.world.run_for(Duration::from_secs(1));
            for &(index, _) in &self.hostile {
                self.world.attack(index);
            }
            self.hear()?;
        }
        self.until(Duration::from_secs(15), Attacked::is_whole)?;
        let liars = self.hostile.clone().into_iter().filter(|(_, how)| lies_to_newcomers(*how));
        for (hostile, behaviour) in liars.collect::<Vec<_>>() {
            if !self.let_in(hostile)? && matches!(named(behaviour), Named::As(_)) {
                return Err(Violation::new(
                    "lured",
                    format!("none of {COMERS_MAX} came to program {hostile}"),
                ));
            }
        }
        for &(index, room) in &self.honest {
            let canvas = self.world.node(index).canvas(room).expect("it is open");
            if let Some((x, y)) = strokes.iter().find(|(x, y)| canvas.colour(*x, *y) != Some(RED)) {
                let detail = format!("program {index} lost the stroke at {x}, {y}");
                return Err(Violation::new("kept", detail));
            }
        }
        Ok(())
    }

    /// People come who reach nobody but this one at first, until one of them has found it among all that the server names, and are
    /// as far as the others in the end. Returns whether one has.
    fn let_in(&mut self, by: NodeIndex) -> Result<bool, Violation> {
        for person in (900..).step_by(100).take(COMERS_MAX) {
            let all = self.world.programs().map(|(index, _)| index);
            let others: Vec<NodeIndex> = all.filter(|index| *index != by).collect();
            // It loses half of its neighbours, so that it has a place.
            let half: Vec<NodeIndex> = self.honest.iter().step_by(2).map(|(index, _)| *index).collect();
            let late = join(&mut self.world, &mut self.honest, person + by as u64);
            self.world.cut(&[late.0], &others);
            self.world.cut(&[by], &half);
            // It has to be with that one for long enough to notice what it does.
            let mut lured = 0;
            for _ in 0..120 {
                self.world.run_for(Duration::from_secs(1));
                self.hear()?;
                lured += usize::from(self.is_lured(late, by));
                if lured == LURED_FOR {
                    break;
                }
            }
            self.world.heal();
            // After the longest pause between two tries.
            self.until(Duration::from_secs(120), Attacked::is_whole)?;
            if lured == LURED_FOR {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_lured(&self, (index, room): Member, by: NodeIndex) -> bool {
        let liar = self.world.node(by).endpoint();
        let peers = self.world.node(index).room(room).peers();
        peers.iter().any(|peer| peer.endpoint == liar && peer.attached)
    }

    fn until(
        &mut self,
        limit: Duration,
        check: impl Fn(&Attacked) -> Result<(), Violation>,
    ) -> Result<(), Violation> {
        let end = self.world.now() + limit;
        loop {
            self.hear()?;
            match check(self) {
                Err(violation) if self.world.now() >= end => return Err(violation),
                Err(_) => self.world.run_for(Duration::from_millis(250)),
                Ok(()) => return Ok(()),
            }
        }
    }

    /// Honest members refuse nothing of each other, whatever the others do.
    fn hear(&mut self) -> Result<(), Violation> {
        for &(index, _) in &self.honest {
            self.checker.insert(self.world.node(index).endpoint());
        }
        for &(index, _) in &self.honest {
            while let Some(event) = self.world.program(index).events.pop_front() {
                if let Event::Refused { endpoint, reason, .. } = &event {
                    self.told.push((*endpoint, *reason));
                    if *reason == Refusal::RoomFull {
                        continue;
                    }
                }
                self.checker.hear(index, &event)?;
            }
        }
        check::bounded_memory(&self.world)
    }

    fn is_linked(&self) -> Result<(), Violation> {
        if self.is_mesh {
            return check::whole_mesh(&self.world, &self.honest);
        }
        check::overlay::degree(&self.world, &self.honest, 5)?;
        check::overlay::connected(&self.world, &self.honest)
    }

    fn is_whole(&self) -> Result<(), Violation> {
        self.is_linked()?;
        check::equal_replicas(&self.world, &self.honest)
    }

    /// Whether what somebody hostile did is told in its name.
    fn is_named(&self, (index, behaviour): (NodeIndex, Behaviour)) -> bool {
        let who = self.world.node(index).endpoint();
        match named(behaviour) {
            Named::As(reasons) => {
                self.told.iter().any(|(told, reason)| *told == Some(who) && reasons.contains(reason))
            }
            Named::Proved => check::found_out(&self.world, &self.honest, who.peer).is_ok(),
            Named::Harmless => true,
        }
    }
}

/// Lets all these attack a room together: the honest must stay in step, linked and at peace, and every attack be named.
fn withstands(overlay: &str, honest: usize, behaviours: &[Behaviour]) {
    let mut room = Attacked::new(overlay, honest, behaviours);
    let words = |what: &str| format!("{overlay} of {honest} and {behaviours:?}: {what}");
    room.strike().unwrap_or_else(|violation| panic!("{}", words(&violation.to_string())));
    for &hostile in &room.hostile {
        let (who, mut told) = (room.world.node(hostile.0).endpoint(), room.told.clone());
        told.retain(|(told, _)| *told == Some(who));
        told.sort();
        told.dedup();
        println!("{overlay} {honest} {hostile:?}: {:?}", told.iter().map(|one| one.1).collect::<Vec<_>>());
        assert!(room.is_named(hostile), "{}", words(&format!("{hostile:?} is named")));
    }
}

/// Each way of being hostile alone.
fn each_alone(overlay: &str, honest: usize) {
    for behaviour in Behaviour::ALL {
        withstands(overlay, honest, &[behaviour]);
    }
}

#[test]
fn every_attack_is_named_in_a_small_room() {
    each_alone("full-mesh", 3);
    withstands("full-mesh", 4, &Behaviour::ALL);
}

#[test]
fn every_attack_is_named_in_a_full_mesh() {
    // With who comes late it is as full as can be.
    each_alone("full-mesh", 22);
    withstands("full-mesh", 9, &Behaviour::ALL);
}

#[test]
fn every_attack_is_named_in_an_emergent_room() {
    each_alone("emergent", 59);
    withstands("emergent", 49, &Behaviour::ALL);
}

/// A room of twenty in which one says this to its neighbours: they refuse it, name it, and give the link up. An overlay goes
/// on to choose others meanwhile, so some of them are gone before.
fn loses_its_links(said: &[RoomMessage], every: Duration) {
    let mut room = Attacked::new("emergent", 20, &[]);
    let member = room.honest.pop().expect("there are some");
    room.checker = Honest::new(false);
    let view = |room: &Attacked, (index, handle): Member| {
        room.world.node(index).room(handle).overlay().expect("open")
    };
    let who = room.world.node(member.0).endpoint();
    let neighbours: Vec<Endpoint> = view(&room, member).neighbours.iter().map(|one| one.endpoint).collect();
    assert!(neighbours.len() >= 5, "{neighbours:?}");
    for message in said {
        say(&mut room.world, member, std::slice::from_ref(message));
        room.world.run_for(every);
    }
    room.world.run_for(Duration::from_secs(10));
    let mut severe = 0;
    for &(index, _) in &room.honest {
        let endpoint = room.world.node(index).endpoint();
        let told = |event: &Event| matches!(event, Event::Refused { endpoint, reason: Refusal::Overlay, .. } if *endpoint == Some(who));
        let gave_up = |event: &Event| {
            matches!(event, Event::Link { endpoint, state: LinkState::Gone, reason: Some(words) }
                if *endpoint == who && words.contains("it misbehaved too often"))
        };
        if neighbours.contains(&endpoint) {
            let events = &room.world.look_at(index).events;
            severe += usize::from(events.iter().any(told) && events.iter().any(gave_up));
        }
    }
    assert!(severe * 2 > neighbours.len(), "{severe} of {} gave it up", neighbours.len());
    assert_eq!(room.until(Duration::from_secs(15), Attacked::is_whole), Ok(()), "the others go on");
}

#[test]
fn sender_of_misrouted_walks_loses_its_links() {
    let endpoint = Endpoint { peer: PeerId([9; 32]), instance: Instance(9) };
    let signature = Bytes::new(vec![0; 64]).expect("64 bytes");
    let walk = Walk {
        hops_left: 3,
        joins: true,
        origin: Introduction { endpoint, sealing_key: [0; 32], signature },
        place: Position::default().place(),
        path: route([Tag([7; 8])]).expect("one is not too long"),
        sample: Bounded::default(),
    };
    let walk = RoomMessage::Overlay(OverlayMessage::Walk(Box::new(walk)));
    loses_its_links(&vec![walk; 8], Duration::from_millis(100));
}

#[test]
fn member_naming_batches_never_sent_loses_its_links() {
    let name = |number: u8| Bounded::new(vec![BatchName([number; 8])]).expect("one is not too many");
    let said: Vec<RoomMessage> =
        (1..=10).map(|number| RoomMessage::Overlay(OverlayMessage::Have(name(number)))).collect();
    // One late burst is forgiven, however long it is.
    loses_its_links(&said, Duration::from_secs(5));
}

#[test]
fn strokes_of_the_future_are_held_within_bounds() {
    let (mut world, mut members) = room_of(3, PathModel::LAN);
    let (hostile, _) = join(&mut world, &mut members, 66);
    world.corrupt(hostile, Behaviour::Foretells);
    assert!(world.run_while(Duration::from_secs(20), whole(&members)));
    members.pop();
    for _ in 0..10 {
        world.attack(hostile);
        world.run_for(Duration::from_secs(1));
    }
    world.paint(members[0].0, members[0].1, &[(50, 0, BLUE)]);
    assert!(world.run_while(Duration::from_secs(10), equal(&members)));
    for &(index, room) in &members {
        assert_eq!(world.node(index).canvas(room).and_then(|canvas| canvas.colour(0, 0)), None);
        let held = world.node(index).usage().held_batches;
        assert_eq!(held, HELD_MAX, "of ten blows with three hundred strokes each");
        assert!(refused(&world, index, Refusal::BatchFuture), "the others are refused, and that is told");
    }
}
