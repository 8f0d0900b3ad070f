//! How many attempts others can have under way here, what they can name in them, and when another one is asked for.

use super::*;
use crate::node::connecting::attempt::ASK_DELAY;
use crate::node::connecting::attempts::{ATTEMPTS_PER_PEER_MAX, HALF, OPENS_WITHIN};
use crate::node::test_world::{World, member, other};
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

/// Lets time pass.
fn pass(world: &mut World, time: Duration) {
    world.now += time;
    world.node.handle_timeout(world.now);
    world.run();
}

/// How many of the attempts under way are with these members.
fn attempts_with(world: &World, numbers: core::ops::Range<u64>) -> usize {
    let trying =
        |number| world.node.base.known.get(member(number).endpoint).map_or(0, |peer| peer.trying.len());
    numbers.map(trying).sum()
}

#[test]
fn attempts_under_way_at_once_are_limited() {
    let mut world = World::new();
    let most = PENDING_MAX as u64;
    (0..most).for_each(|number| signal(&mut world, number, 1, offer()));
    assert_eq!(world.node.usage().attempts, PENDING_MAX);
    pass(&mut world, OPENS_WITHIN);
    signal(&mut world, most, 1, offer());
    assert_eq!(world.node.usage().attempts, PENDING_MAX);
    assert_eq!(
        (attempts_with(&world, 0..1), attempts_with(&world, most..most + 1)),
        (0, 1),
        "the oldest gave way"
    );
    pass(&mut world, Config::default().connect_timeout);
    assert_eq!(world.node.usage().attempts, 0);
}

/// As many as a server lets through to one member, for a minute, from endpoints that never connect.
#[test]
fn offers_that_lead_nowhere_leave_places_for_others() {
    let mut world = World::new();
    let (mut ghost, mut kept) = (0, 0);
    for second in 0..60 {
        let honest = 100_000 + second;
        signal(&mut world, honest, 1, offer());
        for _ in 0..13 {
            ghost += 1;
            signal(&mut world, ghost, 1, offer());
            pass(&mut world, Duration::from_millis(77));
        }
        kept += attempts_with(&world, honest..honest + 1);
    }
    assert_eq!(world.node.usage().attempts, PENDING_MAX, "all places are taken");
    assert_eq!(kept, 60, "each newcomer has a second in which its link may open");
}

#[test]
fn offers_too_fast_for_any_link_leave_chances() {
    let mut world = World::new();
    let (mut ghost, mut kept) = (0, 0);
    for round in 0..100 {
        let honest = 100_000 + round;
        signal(&mut world, honest, 1, offer());
        // So many in 200 ms that the oldest would be gone before its link could open.
        for _ in 0..2 * PENDING_MAX {
            ghost += 1;
            signal(&mut world, ghost, 1, offer());
        }
        pass(&mut world, Duration::from_millis(200));
        kept += attempts_with(&world, honest..honest + 1);
    }
    assert!(kept >= 3, "{kept} of 100, of which 13 are to be expected");
}

#[test]
fn attempts_begun_here_keep_half_of_the_places() {
    let mut world = World::new();
    let own = 0..HALF as u64;
    for number in own.clone() {
        let (announcement, room) = (member(number), world.room);
        world.node.connecting.learn(&mut world.node.base, room, &announcement, SERVER);
    }
    pass(&mut world, ASK_DELAY);
    own.clone().for_each(|number| signal(&mut world, number, 1, offer()));
    for number in 1_000..1_200 {
        signal(&mut world, number, 1, offer());
        pass(&mut world, Duration::from_millis(10));
    }
    assert_eq!(attempts_with(&world, own.clone()), HALF, "they were asked for");
    assert_eq!(world.node.usage().attempts, PENDING_MAX);
    // Others have as many places when this end has asked for more.
    let mut world = World::new();
    for number in own.start..2 * PENDING_MAX as u64 {
        let (announcement, room) = (member(number), world.room);
        world.node.connecting.learn(&mut world.node.base, room, &announcement, SERVER);
    }
    pass(&mut world, ASK_DELAY);
    (0..2 * PENDING_MAX as u64).for_each(|number| signal(&mut world, number, 1, offer()));
    assert_eq!(world.node.usage().attempts, PENDING_MAX);
    let strangers = 1_000..1_000 + HALF as u64;
    strangers.clone().for_each(|number| signal(&mut world, number, 1, offer()));
    assert_eq!(attempts_with(&world, strangers), HALF);
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
