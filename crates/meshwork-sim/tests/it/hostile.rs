//! Hostile members of a room, each in its own way.

use std::time::Duration;

use crate::common;
use crate::common::{BLUE, RED, equal, join, refused, room_of, whole};
use meshwork_core::node::Refusal;
use meshwork_core::room::delivery::HELD_MAX;
use meshwork_sim::connection::PathModel;
use meshwork_sim::hostile::Behaviour;
use meshwork_sim::world::World;

/// A room of three honest members and a hostile one, after it struck ten times while the others painted.
fn attacked(behaviour: Behaviour) -> (World, Vec<common::Member>) {
    let (mut world, mut members) = room_of(3, PathModel::LAN);
    let (hostile, _) = join(&mut world, &mut members, 66);
    world.corrupt(hostile, behaviour);
    assert!(world.run_while(Duration::from_secs(20), whole(&members)));
    let honest = members[..3].to_vec();
    for blow in 0..10u16 {
        for &(index, room) in &honest {
            world.paint(index, room, &[(10 + blow, index as u16, RED)]);
        }
        world.run_for(Duration::from_secs(1));
        world.attack(hostile);
    }
    for &(index, room) in &honest {
        world.paint(index, room, &[(50, index as u16, BLUE)]);
    }
    world.run_for(Duration::from_secs(2));
    (world, honest)
}

#[test]
fn no_way_of_being_hostile_keeps_the_honest_apart() {
    for behaviour in Behaviour::ALL {
        let (mut world, honest) = attacked(behaviour);
        assert!(world.run_while(Duration::from_secs(10), equal(&honest)), "{behaviour:?}");
        for &(index, room) in &honest {
            let canvas = world.node(index).canvas(room).expect("it is open");
            let strokes = (10..20).flat_map(|x| (0..3).map(move |y| (x, y)));
            assert!(
                strokes.into_iter().all(|(x, y)| canvas.colour(x, y) == Some(RED)),
                "{behaviour:?} took a stroke from {index}"
            );
        }
    }
}

#[test]
fn every_attack_is_named() {
    let cases = [
        (Behaviour::Forges, Refusal::BatchSignature),
        (Behaviour::Oversizes, Refusal::Message),
        (Behaviour::Babbles, Refusal::Message),
    ];
    for (behaviour, reason) in cases {
        let (world, honest) = attacked(behaviour);
        let told = honest.iter().all(|&(index, _)| refused(&world, index, reason));
        assert!(told, "{behaviour:?} is refused as {reason} by everybody");
    }
}

#[test]
fn strokes_of_the_future_are_held_within_bounds() {
    let (world, honest) = attacked(Behaviour::Foretells);
    for &(index, room) in &honest {
        assert_eq!(world.node(index).canvas(room).and_then(|canvas| canvas.colour(0, 0)), None);
        let held = world.node(index).usage().held_batches;
        assert_eq!(held, HELD_MAX, "of ten blows with three hundred strokes each");
        assert!(refused(&world, index, Refusal::BatchFuture), "the others are refused, and that is told");
    }
}
