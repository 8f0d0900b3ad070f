//! Members that gave something up.

use super::*;

/// A member that kept these batches of a table and gave the rest up.
fn give_up(world: &mut World, member: usize, kept: &[SignedBatch]) {
    world.hear(member, kept);
    world.members[member].replicas.set_apart(vec![number(Family::ByValue)]);
}

fn has(world: &World, member: usize, batches: &[SignedBatch]) -> usize {
    let table = world.members[member].replicas.get(number(Family::ByValue)).expect("it is kept");
    let held: Vec<_> = table.batches().map(|batch| batch.key()).collect();
    batches.iter().filter(|batch| held.contains(&batch.key())).count()
}

#[test]
fn newcomers_fetch_from_members_that_gave_up() {
    let mut world = World::new([[table()], [table()], [table()]]);
    let batches = world.fields(0..3000);
    give_up(&mut world, 0, &batches[..60]);
    give_up(&mut world, 1, &batches[40..]);
    world.link(0, 2);
    world.run_for(Duration::from_secs(20));
    assert_eq!(has(&world, 2, &batches), 60);
    assert!(world.is_in_step(0, 2));
    world.link(1, 2);
    world.run_for(Duration::from_secs(20));
    assert_eq!(has(&world, 2, &batches), 100);
    assert!(world.is_quiet(), "{:?}", world.said);
    // What two known people wrote of the first forty comes back, and no more.
    assert_eq!((has(&world, 0, &batches), has(&world, 1, &batches)), (60, 60 + 8));
}

#[test]
fn newcomers_are_in_step_with_the_part_there() {
    let mut world = World::new([[table()], [table()]]);
    let batches = world.fields(0..3000);
    give_up(&mut world, 0, &batches);
    world.link(0, 1);
    while !world.is_in_step(1, 0) {
        world.run_for(WAY);
        assert!(world.now < Time(0) + Duration::from_secs(20), "never");
    }
    assert_eq!(has(&world, 1, &batches), 100);
}

#[test]
fn who_gave_up_fetches_what_the_known_wrote() {
    let mut world = World::new([[table()], [table()]]);
    let batches = world.fields(0..3000);
    let (known, strange): (Vec<_>, Vec<_>) = { batches.iter().cloned() }
        .partition(|batch| KNOWN.iter().any(|one| identity(*one).peer() == batch.peer()));
    world.hear(0, &batches);
    give_up(&mut world, 1, &strange[..30]);
    world.link(0, 1);
    world.run_for(Duration::from_secs(20));
    assert_eq!((has(&world, 1, &known), has(&world, 1, &strange)), (20, 30));
    assert!(world.is_in_step(0, 1) && world.is_quiet(), "{:?}", world.said);
}

#[test]
fn roots_without_end_are_answered_with_few_nodes() {
    let mut world = World::new([[table()], [table()]]);
    let batches = world.fields(0..3000);
    give_up(&mut world, 0, &batches);
    world.link(0, 1);
    world.run_for(Duration::from_secs(20));
    let roots = Roots {
        records: Digest::default(),
        holds: Holds { own: 0, floors: Bounded::default() },
        replicas: Bounded::default(),
    };
    world.said.clear();
    (0..1000).for_each(|_| world.handle(1, 0, &RoomMessage::Roots(roots.clone())));
    world.settle();
    let nodes = world.said.iter().filter(|(.., said)| matches!(said, RoomMessage::Nodes(_))).count();
    assert_eq!(nodes, 1, "asked a thousand times");
}
