//! What parted rooms once: contradictions without number, and devices of one owner that did not hear of each other.

use std::time::Duration;

use meshwork_core::signed::change::Limit;
use meshwork_core::signed::header::RecordName;
use meshwork_sim::check::{self, Violation};
use meshwork_sim::connection::PathModel;
use meshwork_sim::world::World;

use crate::common::{BLUE, Member, RED, equal, join, room_of, whole};
use crate::records::{Forgery, as_batch, colour, governed_alike, limited, order, paint, room_id, say};

/// Says one batch over every other link of a program, and another one over the others, at the same instant.
fn say_apart(world: &mut World, (index, room): Member, halves: &[Forgery; 2], of: Member) {
    let room_id = room_id(world, of);
    for (place, link) in world.connections.of(index).into_iter().enumerate() {
        world.say_over(index, link, room, &as_batch(&halves[place % 2].sign(room_id)));
    }
}

/// However many keys somebody gives up by contradicting itself with them, one more contradiction parts nobody.
#[test]
fn sacrificed_keys_part_nobody() {
    const SACRIFICED: u64 = 70;
    let (mut world, mut members) = room_of(2, PathModel::LAN);
    let hostile = join(&mut world, &mut members, 66);
    assert!(world.run_while(Duration::from_secs(20), whole(&members)));
    members.pop();
    let (room, millis) = (room_id(&world, hostile), world.wall().as_millis());
    let half = |instance, x| Forgery {
        person: 66,
        instance,
        sequence: 1,
        record: RecordName::GENESIS,
        used: None,
        millis,
        cells: vec![(x, 1, RED)],
    };
    for instance in 1..=SACRIFICED {
        let both = [1, 2].map(|x| as_batch(&half(instance, x).sign(room)));
        say(&mut world, hostile, &both);
        world.run_for(Duration::from_millis(200));
    }
    say_apart(&mut world, hostile, &[half(1000, 1), half(1000, 2)], members[0]);
    world.run_for(Duration::from_secs(60));
    assert_eq!(check::equal_replicas(&world, &members), Ok(()));
}

/// An owner's two devices make rules while one is away. What was painted under the rules of the one that was not stays,
/// whichever record comes to hold.
#[test]
fn a_device_that_was_away_voids_nothing() {
    // Which of two records with one number goes on follows from their hashes: some of these do.
    let trials = (1..=8).map(|cells| away_with(Limit { cost: cells, window_ms: 60_000 }));
    assert_eq!(trials.collect::<Result<(), _>>(), Ok(()));
}

fn away_with(limit: Limit) -> Result<(), Violation> {
    let (mut world, mut members) = room_of(3, PathModel::LAN);
    // The owner's other device.
    let away = join(&mut world, &mut members, 1);
    assert!(world.run_while(Duration::from_secs(20), whole(&members)));
    let others: Vec<_> = members[..3].iter().map(|(index, _)| *index).collect();
    world.cut(&[away.0], &others);
    order(&mut world, away, |node, now, room| node.room_mut(now, room).set_rules(limited(limit)));
    world.run_for(Duration::from_secs(30));
    for cells in [100, 200] {
        let rules = limited(Limit { cost: cells, ..limit });
        order(&mut world, members[0], |node, now, room| node.room_mut(now, room).set_rules(rules));
        world.run_for(Duration::from_secs(5));
    }
    let (painter, room) = members[2];
    for x in 0..10 {
        paint(&mut world, (painter, room), &[(x, 1, BLUE)]).expect("it may");
        world.run_for(Duration::from_secs(1));
    }
    // Who painted is gone when the other device comes back, and cannot paint it again.
    world.quit(painter);
    members.remove(2);
    world.heal();
    let one = |world: &World| governed_alike(&members)(world) && equal(&members)(world);
    assert!(world.run_while(Duration::from_secs(60), one));
    match (0..10).find(|&x| colour(&world, members[0], x, 1) != Some(BLUE)) {
        None => Ok(()),
        Some(x) => Err(Violation::new("kept", format!("with {limit:?} the stroke at {x}, 1 is gone"))),
    }
}
