//! What programs say to everybody in a room.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::common::{Member, join, refused, room_of};
use crate::overlays;
use meshwork_core::id::Endpoint;
use meshwork_core::node::{CommandError, Event, Refusal, WriteError};
use meshwork_core::room::rules::terms::{Terms, Writers};
use meshwork_core::seam::lane::{SAY_MAX, Slot, Topic};
use meshwork_core::wire::Bounded;
use meshwork_sim::connection::PathModel;
use meshwork_sim::world::World;

const CHAT: Slot = Slot::GENESIS;

fn endpoint(world: &World, (index, _): Member) -> Endpoint {
    world.node(index).endpoint()
}

fn say(world: &mut World, (index, room): Member, bytes: &[u8]) -> Result<(), CommandError> {
    let topic = Topic::new("greeting").expect("short");
    world.command(index, |node, now| node.room_mut(now, room).say(CHAT, &topic, bytes))
}

/// What a program heard of each author since this was last asked: the first byte, and how many it missed before.
fn heard(world: &mut World, (index, _): Member) -> BTreeMap<Endpoint, Vec<(u8, u64)>> {
    let mut heard: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for event in world.program(index).events.drain(..) {
        if let Event::Said { from, slot, topic, bytes, missed, .. } = event {
            assert_eq!((slot, &*topic), (CHAT, "greeting"));
            heard.entry(from).or_default().push((bytes[0], missed));
        }
    }
    heard
}

fn all(numbers: impl IntoIterator<Item = u8>) -> Vec<(u8, u64)> {
    numbers.into_iter().map(|number| (number, 0)).collect()
}

/// Everybody hears what some say, once and in each author's order.
fn everybody_hears(mut world: World, members: &[Member]) {
    let authors: Vec<Member> = members.iter().copied().step_by(7).collect();
    for number in 0..40 {
        for &author in &authors {
            say(&mut world, author, &[number; 200]).expect("there is room");
        }
        world.run_for(Duration::from_millis(50));
    }
    world.run_for(Duration::from_secs(5));
    let authors: Vec<Endpoint> = authors.into_iter().map(|author| endpoint(&world, author)).collect();
    for &member in members {
        let me = endpoint(&world, member);
        let others = authors.iter().filter(|author| **author != me);
        let expected: BTreeMap<_, _> = others.map(|author| (*author, all(0..40))).collect();
        assert_eq!(heard(&mut world, member), expected, "as {me} hears it");
    }
}

#[test]
fn sayings_are_heard_once_and_in_order() {
    let (world, members) = room_of(8, PathModel::WAN);
    everybody_hears(world, &members);
}

#[test]
fn a_say_reaches_members_beyond_the_neighbours() {
    for overlay in ["emergent", "tree", "k-gossip/3"] {
        let (world, members) = overlays::settled(5, overlay, 40);
        everybody_hears(world, &members);
    }
}

#[test]
fn short_cuts_lose_nothing_long_ones_are_told() {
    let (mut world, mut members) = room_of(2, PathModel::WAN);
    let (one, two) = (members[0], members[1]);
    let author = endpoint(&world, one);
    let cut_for = |world: &mut World, seconds, number| {
        world.cut(&[one.0], &[two.0]);
        say(world, one, &[number]).expect("it is its room");
        world.run_for(Duration::from_secs(seconds));
        world.heal();
        world.run_for(Duration::from_secs(20));
    };
    say(&mut world, one, &[0]).expect("its room");
    cut_for(&mut world, 8, 1);
    assert_eq!(heard(&mut world, two)[&author], all(0..2));
    cut_for(&mut world, 50, 2);
    assert_eq!(heard(&mut world, two), BTreeMap::new());
    say(&mut world, one, &[3]).expect("its room");
    world.run_for(Duration::from_secs(3));
    assert_eq!(heard(&mut world, two)[&author], [(3, 1)]);

    let newcomer = join(&mut world, &mut members, 9);
    world.run_for(Duration::from_secs(10));
    assert_eq!(heard(&mut world, newcomer)[&author], all([3]), "what is older is not kept");
}

#[test]
fn only_those_who_may_write_are_heard() {
    let (mut world, members) = room_of(3, PathModel::LOCAL);
    let [(owner, room), two, three] = [members[0], members[1], members[2]];
    let peer = endpoint(&world, three).peer;
    world.command(owner, |node, now| node.room_mut(now, room).ban(peer)).expect("its own room");
    // It has not heard of that.
    say(&mut world, three, &[1]).expect("it may, as far as it knows");
    world.run_for(Duration::from_secs(2));
    assert_eq!(heard(&mut world, (owner, room)), BTreeMap::new());
    assert_eq!(say(&mut world, three, &[2]), Err(CommandError::Write(WriteError::Banned)));

    let writers = Writers::Listed(Bounded::default());
    let rules = Terms { writers, ..Terms::default() };
    world.command(owner, |node, now| node.room_mut(now, room).set_rules(rules)).expect("its own room");
    world.run_for(Duration::from_secs(2));
    assert_eq!(say(&mut world, two, &[3]), Err(CommandError::Write(WriteError::NotWriter)));
    say(&mut world, (owner, room), &[4]).expect("the owner may");
    world.run_for(Duration::from_secs(2));
    let owner = endpoint(&world, (owner, room));
    assert_eq!(heard(&mut world, two)[&owner], all([4]));
    assert!(!refused(&world, two.0, Refusal::BatchRules), "no honest program is blamed");
}

#[test]
fn long_sayings_are_refused_in_words() {
    let (mut world, members) = room_of(2, PathModel::LOCAL);
    say(&mut world, members[0], &[7; SAY_MAX]).expect("the most");
    let too_long = WriteError::TooLong { bytes: SAY_MAX + 1, most: SAY_MAX };
    assert_eq!(say(&mut world, members[0], &[0; SAY_MAX + 1]), Err(CommandError::Write(too_long)));
    world.run_for(Duration::from_secs(1));
    let author = endpoint(&world, members[0]);
    assert_eq!(heard(&mut world, members[1])[&author], all([7]));
}

#[test]
fn saying_waits_for_neighbours() {
    let thin = PathModel { bytes_per_second: 50_000, ..PathModel::LOCAL };
    let (mut world, members) = room_of(2, thin);
    let mut said = 0;
    let refused = loop {
        match say(&mut world, members[0], &[said; SAY_MAX]) {
            Ok(()) => said += 1,
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, CommandError::Write(WriteError::Backpressure(_))), "{refused}");
    assert!(said >= 16, "{said} had room");
    world.run_for(Duration::from_secs(30));
    let author = endpoint(&world, members[0]);
    assert_eq!(heard(&mut world, members[1])[&author], all(0..said), "what had room arrives");
    say(&mut world, members[0], &[said]).expect("there is room again");
}
