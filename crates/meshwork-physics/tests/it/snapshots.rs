//! Snapshots, digests, and one golden world.

use std::fmt::Write;

use meshwork_physics::{Body, FormatError, Kind, SNAPSHOT_MAX, Shape, World, demo_world};
use proptest::prelude::*;

/// The digest of the demo world after its steps, on every device.
const GOLDEN: &str = "a3a7da39e18eb219fc2b343e03a88e54ce54bad42b8ef7e5eb5d1fea8fd19577";
const STEPS: usize = 10_000;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a text takes all");
        text
    })
}

fn heap(steps: usize) -> World {
    let mut world = demo_world(1).expect("in range");
    for _ in 0..steps {
        world.step();
    }
    world
}

#[test]
fn two_hundred_bodies_end_in_one_digest() {
    let world = heap(STEPS);
    assert_eq!(hex(&world.digest()), GOLDEN);
}

#[test]
fn a_restored_world_has_the_same_digest() {
    for steps in [0, 1, 60, 200, 1000] {
        let world = heap(steps);
        let mut copy = World::default();
        copy.restore(&world.snapshot()).expect("its own snapshot");
        assert_eq!((copy.digest(), copy.steps()), (world.digest(), steps as u64), "after {steps} steps");
    }
}

#[test]
fn all_who_restore_go_one_way() {
    // In the middle of a collapse, where most bodies touch.
    let mut world = heap(150);
    let snapshot = world.snapshot();
    let mut stays = heap(150);
    let mut newcomer = World::default();
    world.restore(&snapshot).expect("its own snapshot");
    newcomer.restore(&snapshot).expect("a snapshot");
    let mut differed = false;
    for step in 0..600 {
        world.step();
        newcomer.step();
        stays.step();
        assert_eq!(world.digest(), newcomer.digest(), "{step} steps after both restored");
        differed |= stays.digest() != newcomer.digest();
    }
    assert!(differed, "a world that did not restore goes its own way: else nobody would have to");
}

#[test]
fn a_restored_sleeping_world_hardly_moves() {
    let mut world = World::default();
    let floor = Shape::Box([10.0, 0.5, 10.0]);
    world.add_body(Body { kind: Kind::Fixed, shape: floor, ..Body::default() }).expect("in range");
    let mut body = Body::default();
    body.motion.position[1] = 1.2;
    let ball = world.add_body(body).expect("in range");
    for _ in 0..200 {
        world.step();
    }
    let before = world.body(ball).expect("it is there");
    world.restore(&world.snapshot()).expect("its own snapshot");
    assert_eq!(world.body(ball), Ok(before));
    for _ in 0..200 {
        world.step();
    }
    let after = world.body(ball).expect("it is there");
    let moved = (after.body.motion.position[1] - before.body.motion.position[1]).abs();
    assert!(before.is_asleep && after.is_asleep && moved < 1e-5, "it moved by {moved}");
}

#[test]
fn a_changed_snapshot_is_refused_and_changes_nothing() {
    let mut world = heap(30);
    let (snapshot, digest) = (world.snapshot(), world.digest());
    for at in (0..snapshot.len()).step_by(7) {
        let mut changed = snapshot.clone();
        changed[at] ^= 1;
        let refused = world.restore(&changed).expect_err("changed");
        assert!(matches!(refused, FormatError::Digest(_) | FormatError::Version(_)), "{refused}");
    }
    assert_eq!(world.restore(&[]), Err(FormatError::Version(0)));
    assert_eq!(world.restore(&[1]), Err(FormatError::Digest(1)));
    let long = FormatError::TooLong { length: SNAPSHOT_MAX + 1, most: SNAPSHOT_MAX };
    assert_eq!(world.restore(&vec![1; SNAPSHOT_MAX + 1]), Err(long));
    assert_eq!(world.digest(), digest);
}

/// Bytes with the digest that belongs to them: what a liar would send.
fn signed(mut bytes: Vec<u8>) -> Vec<u8> {
    let digest = blake3::hash(&bytes);
    bytes.extend(digest.as_bytes());
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn signed_lies_are_refused_or_whole_worlds(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        end in any::<prop::sample::Index>(),
        is_cut in prop::bool::weighted(0.1),
    ) {
        let mut world = World::default();
        world.restore(&small()).expect("a snapshot");
        let before = world.digest();
        let mut bytes = small();
        bytes.truncate(bytes.len() - 32);
        for (at, byte) in changes {
            let at = at.index(bytes.len() - 1) + 1;
            bytes[at] = byte;
        }
        if is_cut {
            bytes.truncate(1 + end.index(bytes.len()));
        }
        match world.restore(&signed(bytes.clone())) {
            Err(_) => prop_assert_eq!(world.digest(), before),
            Ok(()) => {
                prop_assert_eq!(world.snapshot(), signed(bytes));
                for _ in 0..5 {
                    world.step();
                }
                let again = world.snapshot();
                prop_assert!(World::default().restore(&again).is_ok());
            }
        }
    }
}

/// A snapshot of some bodies and joints.
fn small() -> Vec<u8> {
    let mut world = demo_world(2).expect("in range");
    let rest: Vec<_> = world.bodies().map(|(id, _)| id).skip(30).collect();
    for id in rest {
        world.remove_body(id).expect("it is there");
    }
    world.step();
    world.snapshot()
}
