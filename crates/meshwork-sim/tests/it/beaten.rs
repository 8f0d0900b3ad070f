//! What was painted over shows again when whoever painted over it is banned, days later and after restarts.

use std::time::Duration;

use crate::common::{BLUE, Member, RED, SIZE, equal, join_with};
use crate::records::{colour, governed_alike, order, paint};
use meshwork_core::node::Config;
use meshwork_core::room::storage::form;
use meshwork_core::signalling::address::RoomAddress;
use meshwork_place::canvas::Colour;
use meshwork_sim::connection::PathModel;
use meshwork_sim::world::{Store, World};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const OWNER: u64 = 1;
const KEEPERS: [u64; 2] = [2, 3];
const ARTIST: u64 = 4;
const VANDAL: u64 = 5;

fn stores() -> Config {
    Config { stores: true, ..Config::default() }
}

/// Starts a person's program again with what was on its disk.
fn start_again(world: &mut World, address: &RoomAddress, person: u64, store: Store) -> Member {
    let index = world.start(stores(), person, 0);
    world.program(index).store = store;
    (index, world.join_room(index, address.clone()))
}

/// Batches on a disk that wait.
fn waiting(store: &Store) -> usize {
    let stored = store.values().flat_map(|room| room.batches.values());
    stored.filter(|stored| form::read(stored).1.is_some()).count()
}

/// What a room shows in which somebody honest painted and somebody else painted over it, while the owner was away; all
/// keepers are killed, and so many days later the owner bans who did it, having seen nothing of it.
fn shown_after(days: u32) -> Option<Colour> {
    let mut world = World::new(11, PathModel::LAN);
    let owner = world.start(stores(), OWNER, 0);
    let mut members = vec![(owner, world.create_room(owner, SIZE, false))];
    let address = |world: &World| world.node(owner).room(members[0].1).address();
    assert!(world.run_while(Duration::from_secs(5), |world| address(world).is_some()));
    let address = address(&world).expect("just seen");
    for person in KEEPERS {
        join_with(&mut world, &mut members, person, stores());
    }
    world.run_for(Duration::from_secs(5));
    let of_owner = world.crash(owner);

    let keepers = [members[1], members[2]];
    let join = |world: &mut World, person| {
        let index = world.start(Config::default(), person, 0);
        (index, world.join_room(index, address.clone()))
    };
    let cells = |colour| (0..20).map(|x| (x, 7, colour)).collect::<Vec<_>>();
    let artist = join(&mut world, ARTIST);
    world.run_for(Duration::from_secs(5));
    for cell in cells(RED) {
        paint(&mut world, artist, &[cell]).expect("everybody paints");
        world.run_for(Duration::from_millis(200));
    }
    let vandal = join(&mut world, VANDAL);
    let seen = |world: &World| equal(&[keepers[0], keepers[1], artist, vandal])(world);
    assert!(world.run_while(Duration::from_secs(20), seen));
    paint(&mut world, vandal, &cells(BLUE)).expect("everybody paints");
    assert!(world.run_while(Duration::from_secs(20), seen));
    world.run_for(Duration::from_secs(5));
    [artist, vandal].iter().for_each(|(index, _)| world.quit(*index));
    let stores = keepers.map(|(index, _)| world.crash(index));
    assert!(stores.iter().all(|store| waiting(store) == 20), "they wait on both disks");

    world.run_for(DAY * days);
    let owner = start_again(&mut world, &address, OWNER, of_owner);
    assert_eq!(colour(&world, owner, 3, 7), None, "the owner has nothing of either");
    let whom = meshwork_sim::world::identity(VANDAL).peer();
    order(&mut world, owner, |node, now, room| node.room_mut(now, room).ban(whom));
    let [one, other] = stores;
    let one = start_again(&mut world, &address, KEEPERS[0], one);
    let other = start_again(&mut world, &address, KEEPERS[1], other);
    assert_eq!([one, other].map(|keeper| colour(&world, keeper, 3, 7)), [Some(BLUE); 2]);
    let all = [owner, one, other];
    let settled = |world: &World| equal(&all)(world) && governed_alike(&all)(world);
    assert!(world.run_while(Duration::from_secs(60), settled));
    let shown = all.map(|member| colour(&world, member, 3, 7));
    assert_eq!(shown, [shown[0]; 3]);
    shown[0]
}

#[test]
fn spoilt_pictures_return_with_the_ban() {
    assert_eq!(shown_after(1), Some(RED));
    assert_eq!(shown_after(6), Some(RED));
}

#[test]
fn what_waited_for_eight_days_is_gone() {
    assert_eq!(shown_after(8), None);
}
