//! Rooms that introduce their own members, without a server.

use std::time::Duration;

use crate::common::{Member, RED, linked};
use meshwork_core::node::{Config, LinkState};
use meshwork_sim::check;
use meshwork_sim::connection::{NodeIndex, PathModel};
use meshwork_sim::world::World;

fn room_of(count: usize, private: bool) -> (World, Vec<Member>) {
    linked(World::new(21, PathModel::WAN), Config::default(), count, private)
}

fn state(world: &World, of: Member, to: NodeIndex) -> Option<LinkState> {
    let endpoint = world.node(to).endpoint();
    let peers = world.node(of.0).room(of.1).peers();
    peers.iter().find(|peer| peer.endpoint == endpoint).map(|peer| peer.state)
}

#[test]
fn lost_link_is_restored_through_others_without_server() {
    for private in [false, true] {
        let (mut world, members) = room_of(4, private);
        world.stop_server();
        world.cut(&[members[0].0], &[members[1].0]);
        let gone = |world: &World| state(world, members[0], members[1].0) == Some(LinkState::Gone);
        assert!(world.run_while(Duration::from_secs(30), gone));
        // Strokes go round the cut meanwhile.
        world.paint(members[0].0, members[0].1, &[(1, 1, RED)]);
        let equal = |world: &World| check::equal_replicas(world, &members).is_ok();
        assert!(world.run_while(Duration::from_secs(2), equal));
        world.heal();
        let whole = |world: &World| check::whole_mesh(world, &members).is_ok();
        assert!(world.run_while(Duration::from_secs(40), whole), "{:?}", check::whole_mesh(&world, &members));
    }
}

#[test]
fn who_reached_one_member_is_introduced_to_all() {
    let (mut world, mut members) = room_of(5, true);
    let address = world.node(members[0].0).room(members[0].1).address().expect("it is registered");
    // All but one lose the server; the newcomer meets the one that still has it.
    for &(index, _) in &members[1..] {
        world.lose_server(index);
    }
    let newcomer = world.start(Config::default(), 9, 0);
    members.push((newcomer, world.join_room(newcomer, address)));
    let whole = |world: &World| check::whole_mesh(world, &members).is_ok();
    assert!(world.run_while(Duration::from_secs(20), whole), "{:?}", check::whole_mesh(&world, &members));
}

#[test]
fn steady_room_sends_the_server_only_keep_alives() {
    let (mut world, members) = room_of(5, false);
    world.run_for(Duration::from_secs(5));
    let (requests, keep_alives) = world.servers.first().heard();
    for round in 0..60u16 {
        for &(index, room) in &members {
            world.paint(index, room, &[(index as u16, round, RED)]);
        }
        world.run_for(Duration::from_secs(1));
        if round == 20 {
            world.cut(&[members[0].0], &[members[1].0]);
        }
        if round == 40 {
            world.heal();
        }
    }
    let whole = |world: &World| check::whole_mesh(world, &members).is_ok();
    assert!(world.run_while(Duration::from_secs(40), whole), "{:?}", check::whole_mesh(&world, &members));
    let (requests_after, keep_alives_after) = world.servers.first().heard();
    assert!(keep_alives_after >= keep_alives + 10, "it is still asked whether it lives");
    assert_eq!(requests_after, requests, "a lost link between two of five is none of its business");
}
