//! People who link by texts that they carry, while no server answers.

use std::time::Duration;

use crate::common::{Member, RED, linked};
use meshwork_core::node::{CommandError, Config, Event};
use meshwork_core::signalling::by_hand::ByHandError;
use meshwork_place::Place as _;
use meshwork_sim::check;
use meshwork_sim::connection::PathModel;
use meshwork_sim::world::World;

/// A room of `count` members, then the server dies, then somebody with the LINK comes.
fn room_and_newcomer(count: usize, private: bool) -> (World, Vec<Member>, Member) {
    let (mut world, members) = linked(World::new(31, PathModel::WAN), Config::default(), count, private);
    let (first, room) = members[0];
    let address = world.node(first).room(room).address().expect("it is registered");
    world.stop_server();
    world.paint(first, room, &[(1, 1, RED)]);
    let newcomer = world.start(Config::default(), 77, 0);
    let newcomers_room = world.join_room(newcomer, address);
    (world, members, (newcomer, newcomers_room))
}

fn next_text(world: &mut World, of: Member) -> Option<String> {
    world.run_for(Duration::from_secs(3));
    let events = std::mem::take(&mut world.program(of.0).events);
    events.into_iter().find_map(|event| match event {
        Event::Invitation { text, .. } | Event::Reply { text, .. } => Some(text),
        _ => None,
    })
}

fn take(world: &mut World, by: Member, text: &str) -> Result<(), CommandError> {
    world.command(by.0, |node, now| node.room_mut(now, by.1).take_text(text).map(drop))
}

#[test]
fn two_texts_link_newcomer_to_the_whole_room() {
    for private in [false, true] {
        let (mut world, mut members, newcomer) = room_and_newcomer(3, private);
        let host = members[1];
        world.command(host.0, |node, now| node.room_mut(now, host.1).invite()).expect("it is in the room");
        let invitation = next_text(&mut world, host).expect("an invitation");
        // People take their time.
        world.run_for(Duration::from_secs(120));
        take(&mut world, newcomer, &invitation).expect("a good invitation");
        let reply = next_text(&mut world, newcomer).expect("a reply");
        world.run_for(Duration::from_secs(120));
        take(&mut world, host, &reply).expect("a good reply");
        members.push(newcomer);
        let whole = |world: &World| check::whole_mesh(world, &members).is_ok();
        assert!(world.run_while(Duration::from_secs(20), whole), "{:?}", check::whole_mesh(&world, &members));
        let equal = |world: &World| check::equal_replicas(world, &members).is_ok();
        assert!(world.run_while(Duration::from_secs(5), equal));
        assert_eq!(world.node(newcomer.0).canvas(newcomer.1).map(|canvas| canvas.painted()), Some(1));
    }
}

#[test]
fn unfitting_texts_are_refused_and_change_nothing() {
    let (mut world, members, newcomer) = room_and_newcomer(1, true);
    let host = members[0];
    world.command(host.0, |node, now| node.room_mut(now, host.1).invite()).expect("it is in the room");
    let older = next_text(&mut world, host).expect("an invitation");
    let refused = |result, expected| assert_eq!(result, Err(CommandError::ByHand(expected)));
    refused(take(&mut world, newcomer, "hello"), ByHandError::Text);
    let cut = take(&mut world, newcomer, &older[..older.len() - 4]);
    let told = [ByHandError::Text, ByHandError::Sealed].map(CommandError::ByHand);
    assert!(cut.as_ref().is_err_and(|error| told.contains(error)), "{cut:?}");
    refused(take(&mut world, host, &older), ByHandError::Own);
    take(&mut world, newcomer, &older).expect("a good invitation");
    let reply = next_text(&mut world, newcomer).expect("a reply");
    // A newer invitation ends the older one.
    world.command(host.0, |node, now| node.room_mut(now, host.1).invite()).expect("it is in the room");
    refused(take(&mut world, host, &reply), ByHandError::NotWaiting);
    assert_eq!(world.node(host.0).usage().attempts, 1);
}

#[test]
fn an_invitation_that_nobody_answers_ends() {
    let (mut world, members, _) = room_and_newcomer(1, false);
    let host = members[0];
    world.command(host.0, |node, now| node.room_mut(now, host.1).invite()).expect("it is in the room");
    world.run_for(Duration::from_secs(620));
    let failed = |event: &Event| matches!(event, Event::ByHandFailed { .. });
    assert!(world.program(host.0).events.iter().any(failed), "it is said");
    assert_eq!(world.node(host.0).usage().attempts, 0);
}
