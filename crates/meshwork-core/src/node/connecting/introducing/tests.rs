//! How much neighbours may have carried and introduce, and what is remembered of it.

use core::time::Duration;

use super::super::carrying::{ROUTE_KEPT, ROUTES_MAX};
use super::super::known::{CARRIES_MAX, INTRODUCED_MAX};
use super::*;
use crate::id::Instance;
use crate::node::test_world::{World, member};
use crate::room::message::Neighbours;
use crate::seam::config::ROOM_ENDPOINTS_MAX;

const MINUTE: Duration = Duration::from_secs(61);

/// Somebody whom nobody knows.
fn stranger() -> Endpoint {
    Endpoint { instance: Instance(u64::MAX), ..member(0).endpoint }
}

/// A payload that differs from all others.
fn carry(from: &Announcement, to: Endpoint, number: u64) -> Carry {
    let payload = Bytes::new(number.to_le_bytes().to_vec()).expect("short");
    Carry { hops_left: HOPS_MAX - 1, from: from.into(), to, payload }
}

/// How many payloads a neighbour was handed since this was last asked.
fn carried(world: &mut World, neighbour: u64) -> usize {
    let heard = world.heard(neighbour);
    heard.iter().filter(|message| matches!(message, RoomMessage::Carry(_))).count()
}

#[test]
fn payloads_carried_for_a_neighbour_are_limited() {
    let mut world = World::new();
    let [one, other] = [1, 2].map(|number| world.link(number));
    for number in 0..u64::from(CARRIES_MAX) {
        world.say(1, RoomMessage::Carry(carry(&member(1), other, number)));
    }
    assert_eq!(carried(&mut world, 2), CARRIES_MAX as usize);
    assert_eq!(world.refused(one, Refusal::TooManyAttempts), 0);
    world.say(1, RoomMessage::Carry(carry(&member(1), other, u64::MAX)));
    assert_eq!(carried(&mut world, 2), 0);
    assert_eq!(world.refused(one, Refusal::TooManyAttempts), 1);
    world.now += MINUTE;
    world.say(1, RoomMessage::Carry(carry(&member(1), other, u64::MAX)));
    assert_eq!(carried(&mut world, 2), 1);
}

#[test]
fn a_neighbour_introduces_so_many_endpoints_a_minute() {
    let mut world = World::new();
    let one = world.link(1);
    let introduced: Vec<Introduction> =
        (0..=u64::from(INTRODUCED_MAX)).map(|number| (&member(100 + number)).into()).collect();
    let introduce = |world: &mut World, introductions: &[Introduction]| {
        let endpoints = introductions.iter().map(|introduction| introduction.endpoint).collect();
        world
            .say(1, RoomMessage::Neighbours(Neighbours { endpoints: Bounded::new(endpoints).expect("few") }));
        let introductions = Bounded::new(introductions.to_vec()).expect("few");
        world.say(1, RoomMessage::Introductions(introductions));
    };
    let (within, beyond) = introduced.split_at(INTRODUCED_MAX as usize);
    within.chunks(ROOM_ENDPOINTS_MAX).for_each(|chunk| introduce(&mut world, chunk));
    assert_eq!(world.node.usage().peers, 1 + INTRODUCED_MAX as usize);
    assert_eq!(world.refused(one, Refusal::TooManyAttempts), 0);
    introduce(&mut world, beyond);
    assert_eq!(world.node.usage().peers, 1 + INTRODUCED_MAX as usize);
    assert_eq!(world.refused(one, Refusal::TooManyAttempts), 1);
    world.say(1, RoomMessage::Carry(carry(&member(99), world.node.endpoint(), 0)));
    assert_eq!(world.refused(one, Refusal::TooManyAttempts), 2, "payloads of strangers count too");
    world.now += MINUTE;
    introduce(&mut world, beyond);
    assert_eq!(world.node.usage().peers, 2 + INTRODUCED_MAX as usize);
}

#[test]
fn a_payload_is_passed_on_so_often() {
    let mut world = World::new();
    let [one, other] = [1, 2].map(|number| world.link(number));
    let sent = |hops_left: u8, to| Carry { hops_left, ..carry(&member(1), to, u64::from(hops_left)) };
    for hops_left in (0..HOPS_MAX).rev() {
        world.say(1, RoomMessage::Carry(sent(hops_left, stranger())));
        let heard = world.heard(2);
        let left = heard.iter().filter_map(|message| match message {
            RoomMessage::Carry(carry) => Some(carry.hops_left),
            _ => None,
        });
        assert_eq!(left.max(), hops_left.checked_sub(1), "each takes one off");
    }
    assert_eq!(world.refused(one, Refusal::Message), 0);
    world.say(1, RoomMessage::Carry(Carry { hops_left: 0, ..carry(&member(1), other, 100) }));
    assert_eq!(carried(&mut world, 2), 1, "a neighbour is handed what is for it");
    world.say(1, RoomMessage::Carry(sent(HOPS_MAX, other)));
    assert_eq!(carried(&mut world, 2), 0);
    assert_eq!(world.refused(one, Refusal::Message), 1, "nobody begins with more");
}

/// Whether an answer to `origin`, whose payload neighbour 1 brought, goes back there and not to everybody.
fn has_way_back(world: &mut World, origin: &Announcement, number: u64) -> bool {
    world.say(2, RoomMessage::Carry(carry(&member(2), origin.endpoint, number)));
    assert_eq!(carried(world, 1), 1);
    carried(world, 3) == 0
}

#[test]
fn so_many_ways_back_are_remembered() {
    let mut world = World::new();
    for number in 1..=3 {
        world.link(number);
    }
    let origins: Vec<Announcement> = (0..=ROUTES_MAX as u64).map(|number| member(100 + number)).collect();
    for (origin, number) in origins.iter().zip(0..) {
        world.say(1, RoomMessage::Carry(carry(origin, stranger(), number)));
    }
    (1..=3).for_each(|number| drop(world.heard(number)));
    assert!(has_way_back(&mut world, &origins[0], 10_000));
    assert!(has_way_back(&mut world, &origins[ROUTES_MAX - 1], 10_001));
    assert!(!has_way_back(&mut world, &origins[ROUTES_MAX], 10_002));
}

#[test]
fn a_way_back_is_remembered_for_a_minute() {
    let mut world = World::new();
    for number in 1..=3 {
        world.link(number);
    }
    let origin = member(100);
    world.say(1, RoomMessage::Carry(carry(&origin, stranger(), 0)));
    (1..=3).for_each(|number| drop(world.heard(number)));
    world.now += ROUTE_KEPT - Duration::from_micros(1);
    assert!(has_way_back(&mut world, &origin, 10_000));
    world.now += Duration::from_micros(1);
    assert!(!has_way_back(&mut world, &origin, 10_001));
}
