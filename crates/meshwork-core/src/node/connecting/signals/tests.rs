//! How many attempts others can have under way here, what they can name in them, and when another one is asked for.

use super::*;
use crate::node::connecting::attempts::ATTEMPTS_PER_PEER_MAX;
use crate::node::world::{World, member, other};
use crate::node::{Node, PENDING_MAX};
use crate::rng::Rng;
use crate::room::message::RoomMessage;
use crate::seam::config::Config;
use crate::seam::description::{CandidateAddress, CandidateKind, Fingerprint};
use crate::seam::io::ServerId;
use crate::signalling::announce::Introduction;
use crate::time::Time;
use crate::wire::{Bounded, BoundedText};

const SERVER: Source = Source::Server(ServerId(1));

fn candidate(port: u16) -> Candidate {
    let address = CandidateAddress::Ip([8, 8, 8, 8].into());
    Candidate { kind: CandidateKind::Host, priority: 1, address, port }
}

fn offer() -> SignalContent {
    let description = Description {
        role: Role::Offerer,
        user_fragment: BoundedText::new("abcd").expect("short"),
        password: BoundedText::new("0123456789012345678901").expect("short"),
        fingerprint: Fingerprint([7; 32]),
        candidates: Bounded::new(alloc::vec![candidate(1)]).expect("one"),
    };
    SignalContent::Offer { versions: LINK_VERSIONS, nonce: [4; 16], description }
}

/// Member `number` signals, in a session of its own.
fn signal(world: &mut World, number: u64, epoch: u32, content: SignalContent) {
    let announcement = member(number);
    assert!(world.know(&announcement));
    let node = &mut world.node;
    let (from, to) = (announcement.endpoint, node.endpoint());
    let room = node.room(world.room).id().expect("it is open");
    let body = SignalBody { from, to, room, session: number, epoch, content };
    let mut rng = Rng::new([epoch as u8; 32]);
    let payload =
        sealing::seal(&body, &other(), &node.base.own.sealing.public(), None, &mut rng).expect("it fits");
    node.connecting.handle_sealed_signal(&mut node.base, world.room, from, &payload, SERVER);
    world.run();
}

#[test]
fn attempts_under_way_at_once_are_limited() {
    let mut world = World::new();
    for number in 0..PENDING_MAX as u64 {
        signal(&mut world, number, 1, offer());
    }
    assert_eq!(world.node.usage().attempts, PENDING_MAX);
    let late = member(PENDING_MAX as u64).endpoint;
    signal(&mut world, PENDING_MAX as u64, 1, offer());
    assert_eq!(world.node.usage().attempts, PENDING_MAX);
    assert_eq!(world.refused(late, Refusal::RoomFull), 1);
    world.node.handle_timeout(Time(0) + Config::default().connect_timeout);
    signal(&mut world, PENDING_MAX as u64, 2, offer());
    assert_eq!(world.node.usage().attempts, 1);
}

#[test]
fn an_attempt_times_out_without_a_proved_link() {
    let mut world = World::new();
    signal(&mut world, 1, 1, offer());
    let late = Time(0) + Config::default().connect_timeout;
    world.node.handle_timeout(late - Duration::from_micros(1));
    assert_eq!(world.node.usage().attempts, 1);
    world.node.handle_timeout(late);
    assert_eq!(world.node.usage().attempts, 0);
}

#[test]
fn attempts_per_endpoint_are_limited_evicting_the_oldest() {
    let mut world = World::new();
    let most = ATTEMPTS_PER_PEER_MAX as u32;
    (1..=most).for_each(|epoch| signal(&mut world, 1, epoch, offer()));
    let trying =
        |world: &World| world.node.base.known.get(member(1).endpoint).expect("it is known").trying.clone();
    let before = trying(&world);
    assert_eq!(before.len(), ATTEMPTS_PER_PEER_MAX);
    signal(&mut world, 1, most + 1, offer());
    assert_eq!(world.node.usage().attempts, ATTEMPTS_PER_PEER_MAX);
    assert!(world.effects.contains(&Effect::Close { link: before[0] }), "the oldest gives way");
    assert_eq!(trying(&world)[..ATTEMPTS_PER_PEER_MAX - 1], before[1..]);
}

#[test]
fn candidates_taken_from_the_other_end_are_limited() {
    let mut world = World::new();
    signal(&mut world, 1, 1, offer());
    let named = |world: &World| {
        let is_candidate =
            |effect: &&Effect| matches!(effect, Effect::Signal { signal: Signal::Candidate(_), .. });
        world.effects.iter().filter(is_candidate).count()
    };
    // One of them stood in the offer.
    for port in 2..=CANDIDATES_MAX as u16 {
        signal(&mut world, 1, 1, SignalContent::Candidate(candidate(port)));
    }
    assert_eq!(named(&world), CANDIDATES_MAX - 1);
    assert_eq!(world.refused(member(1).endpoint, Refusal::Signal), 0);
    signal(&mut world, 1, 1, SignalContent::Candidate(candidate(CANDIDATES_MAX as u16 + 1)));
    assert_eq!(named(&world), CANDIDATES_MAX - 1);
    assert_eq!(world.refused(member(1).endpoint, Refusal::Signal), 1);
}

#[test]
fn who_is_sought_while_it_answers_asks_again() {
    let mut world = World::new();
    let (carrier, announcement) = (world.link(2), member(1));
    let seek = |world: &mut World| {
        let (room, me) = (world.room, world.node.endpoint());
        let Node { connecting, base, .. } = &mut world.node;
        connecting.handle_sought(base, room, &Introduction::from(&announcement), me, carrier);
        world.node.handle_timeout(world.now);
        world.heard(2).iter().filter(|message| matches!(message, RoomMessage::Carry(_))).count()
    };
    assert_eq!(seek(&mut world), 1, "the greater end is asked for an offer");
    signal(&mut world, 1, 1, offer());
    assert_eq!(world.node.usage().attempts, 1);
    assert_eq!(seek(&mut world), 1, "it looks on, so the answer may be lost");
    let Node { connecting, base, .. } = &world.node;
    assert!(
        !connecting.attempts.is_heard(base, announcement.endpoint),
        "nor does this end stop to look for it"
    );
}
