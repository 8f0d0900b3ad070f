//! People who see each other's cursors, and people who do not want a link.

use std::time::Duration;

use crate::common::{BLUE, Member, RED, SIZE, equal, join, join_with, refused, room_of, whole};
use meshwork_core::id::Endpoint;
use meshwork_core::lanes::{DATAGRAM_KIND, PRESENCE_TAKEN_MAX, Said, Unreliable};
use meshwork_core::node::{Config, Event, LinkState, Node, PeerView, Refusal};
use meshwork_core::seam::io::Channel;
use meshwork_core::seam::lane::Slot;
use meshwork_core::wire::Bytes;
use meshwork_place::{Cursor, Place as _};
use meshwork_sim::connection::PathModel;
use meshwork_sim::world::World;

fn pointer(x: f64, y: f64) -> Cursor {
    Cursor::new(SIZE, (x, y), true, RED)
}

fn point(world: &mut World, (index, room): Member, pointer: Option<Cursor>) {
    world.command(index, |node, now| node.point(now, room, pointer)).expect("it is on the canvas");
}

/// What a program heard of cursors since this was last asked.
fn pointed(world: &mut World, (index, _): Member) -> Vec<(Endpoint, Option<Cursor>)> {
    let events: Vec<Event> = world.program(index).events.drain(..).collect();
    let mut heard = Vec::new();
    for event in events {
        if let Event::Presence { room, endpoint, state, .. } = event {
            let read = |node: &mut Node, now| node.read_cursor(now, room, endpoint, state.as_deref());
            heard.push((endpoint, world.command(index, read)));
        }
    }
    heard
}

fn endpoint(world: &World, (index, _): Member) -> Endpoint {
    world.node(index).endpoint()
}

fn view(world: &World, (index, room): Member, of: Endpoint) -> Option<PeerView> {
    world.node(index).room(room).peers().into_iter().find(|view| view.endpoint == of)
}

#[test]
fn cursors_reach_everybody_linked_and_change_nothing_else() {
    let (mut world, mut members) = room_of(3, PathModel::WAN);
    let digest = world.node(0).canvas(members[0].1).map(|canvas| canvas.digest());
    let painter = endpoint(&world, members[0]);
    for step in 0..100 {
        point(&mut world, members[0], Some(pointer(f64::from(step), 7.5)));
        world.run_for(Duration::from_millis(10));
    }
    world.run_for(Duration::from_secs(1));
    for &member in &members[1..] {
        let heard = pointed(&mut world, member);
        assert!(heard.iter().all(|(whose, _)| *whose == painter));
        assert!((10..=21).contains(&heard.len()), "{} of 20, some of them lost", heard.len());
        let places: Vec<_> = heard.iter().filter_map(|(_, at)| Some(at.as_ref()?.place().0)).collect();
        assert!(places.is_sorted(), "what comes late is passed over: {places:?}");
        assert_eq!(heard.last(), Some(&(painter, Some(pointer(99.0, 7.5)))));
    }
    // Who comes later is told where the cursor rests; then nobody says anything.
    let newcomer = join(&mut world, &mut members, 9);
    world.run_for(Duration::from_secs(3));
    assert_eq!(pointed(&mut world, newcomer), [(painter, Some(pointer(99.0, 7.5)))]);
    world.run_for(Duration::from_secs(20));
    assert_eq!(pointed(&mut world, newcomer), []);
    // Who leaves takes the cursor along.
    world.quit(members[0].0);
    world.run_for(Duration::from_secs(2));
    assert_eq!(pointed(&mut world, newcomer), [(painter, None)]);
    let after = world.node(members[1].0).canvas(members[1].1).map(|canvas| canvas.digest());
    assert_eq!(after, digest, "cursors leave no trace in a replica");
}

#[test]
fn cursors_give_way_to_strokes() {
    // The same strokes over a thin line, with and without a cursor that never rests.
    let narrow = PathModel { bytes_per_second: 10_000, ..PathModel::LOCAL };
    let run = |moves: bool| {
        let (mut world, members) = room_of(2, narrow);
        let (index, room) = members[0];
        let begun = world.now();
        for stroke in 0..200u16 {
            let cells: Vec<_> = (0..50).map(|x| (x, stroke % 100, [RED, BLUE][usize::from(x) % 2])).collect();
            world.paint(index, room, &cells);
        }
        let mut moved = 0;
        while !equal(&members)(&world) {
            if moves {
                moved += 1;
                point(&mut world, members[0], Some(pointer(f64::from(moved % 100), 1.0)));
            }
            world.run_for(Duration::from_millis(10));
        }
        (world.now().since(begun), moved / 5, pointed(&mut world, members[1]).len())
    };
    let (still, _, _) = run(false);
    let (moving, due, heard) = run(true);
    assert!(due > 20, "it took a while: {due}");
    assert!(heard * 2 < due as usize, "{heard} of {due} were said while strokes waited");
    assert!(moving <= still + Duration::from_millis(100), "{moving:?} instead of {still:?}");
}

#[test]
fn floods_and_nonsense_about_cursors_are_counted() {
    let (mut world, members) = room_of(2, PathModel::LOCAL);
    let (liar, honest) = (members[1], members[0]);
    let link = world.connections.of(liar.0)[0];
    let said = |sequence, x, y| {
        let cursor = Cursor { x, y, is_drawing: false, colour: RED };
        let state = Bytes::new(cursor.state().to_vec()).expect("short");
        Unreliable::Presence(Said { room: liar.1.0, slot: Slot::GENESIS, sequence, state }).encode().0
    };
    for sequence in 1..=1000 {
        world.inject(liar.0, link, Channel::Unreliable, said(sequence, 16, 16));
    }
    world.run_for(Duration::from_millis(500));
    assert!(refused(&world, honest.0, Refusal::Presence));
    // Some overtake others, and what is older is no news.
    let taken = 1..=PRESENCE_TAKEN_MAX as usize;
    assert!(taken.contains(&pointed(&mut world, honest).len()), "what a neighbour may say in a second");
    world.run_for(Duration::from_secs(2));
    // A later kind is passed over; a cursor outside the canvas, or cut off, is an offence.
    for byte in 0..7 {
        world.inject(liar.0, link, Channel::Unreliable, vec![9, byte, 1, 2]);
        world.inject(liar.0, link, Channel::Unreliable, said(2000 + u32::from(byte), 16 * 100, byte.into()));
        world.run_for(Duration::from_millis(20));
    }
    world.run_for(Duration::from_millis(100));
    let liar_seen = endpoint(&world, liar);
    assert_eq!(pointed(&mut world, honest), [(liar_seen, None); 7]);
    assert!(refused(&world, honest.0, Refusal::App));
    assert_eq!(view(&world, honest, liar_seen).map(|view| view.state), Some(LinkState::Direct));
    world.inject(liar.0, link, Channel::Unreliable, vec![DATAGRAM_KIND, 0, 0]);
    world.run_for(Duration::from_millis(100));
    let seen = view(&world, honest, liar_seen).expect("it is still shown");
    assert_eq!(seen.state, LinkState::Gone, "the eighth ends the link: {:?}", seen.reason);
}

#[test]
fn unlinked_person_stays_unlinked_until_asked_for_again() {
    let (mut world, members) = room_of(3, PathModel::WAN);
    let [mira, lin, kaveh] = [members[0], members[1], members[2]];
    let (me, them) = (endpoint(&world, mira), endpoint(&world, lin));
    point(&mut world, lin, Some(pointer(1.0, 1.0)));
    world.run_for(Duration::from_secs(1));
    pointed(&mut world, mira);
    world.command(mira.0, |node, now| node.unlink(now, them.peer)).expect("it is somebody else");
    world.run_for(Duration::from_secs(1));
    assert_eq!(pointed(&mut world, mira), [(them, None)], "the cursor goes with the link");
    let seen = |world: &World, from: Member, of: Endpoint| {
        view(world, from, of).map(|view| (view.state, view.reason.unwrap_or_default(), view.unlinked))
    };
    let gone = |why: &str, unlinked| Some((LinkState::Gone, why.to_owned(), unlinked));
    // Whatever makes programs try links does not make them try this one.
    for round in 0..4 {
        world.change_network(lin.0);
        world.change_network(mira.0);
        if round == 1 {
            world.stop_server();
        } else if round == 2 {
            world.servers.start();
        }
        world.run_for(Duration::from_secs(40));
        assert_eq!(seen(&world, mira, them), gone("you unlinked", true));
        assert_eq!(seen(&world, lin, me), gone("unlinked you", false));
    }
    // What they paint still counts, and comes by the third.
    world.paint(lin.0, lin.1, &[(3, 3, BLUE)]);
    assert!(world.run_while(Duration::from_secs(40), equal(&members)));
    // A program that was told nothing asks in vain.
    world.command(lin.0, |node, now| node.link_again(now, me.peer));
    world.run_for(Duration::from_secs(40));
    assert_eq!(seen(&world, mira, them), gone("you unlinked", true));
    assert_eq!(view(&world, mira, endpoint(&world, kaveh)).map(|view| view.state), Some(LinkState::Direct));

    world.command(mira.0, |node, now| node.link_again(now, them.peer));
    assert!(world.run_while(Duration::from_secs(20), |world| {
        [(mira, them), (lin, me)]
            .iter()
            .all(|&(from, of)| view(world, from, of).is_some_and(|view| view.attached && !view.unlinked))
    }));
}

#[test]
fn reloaded_page_is_still_unlinked() {
    let (mut world, mut members) = room_of(2, PathModel::WAN);
    let lin = members[1];
    let peer = endpoint(&world, lin).peer;
    let me = endpoint(&world, members[0]).peer;
    let own = world.command(members[0].0, |node, now| node.unlink(now, me));
    assert!(own.is_err(), "nobody unlinks from themselves");
    world.command(members[0].0, |node, now| node.unlink(now, peer)).expect("it is somebody else");
    world.quit(lin.0);
    world.run_for(Duration::from_secs(90));
    members.pop();
    let again = join(&mut world, &mut members, 2);
    world.run_for(Duration::from_secs(40));
    let seen = view(&world, members[0], endpoint(&world, again)).expect("the server lists it");
    assert_eq!((seen.endpoint.peer, seen.state, seen.unlinked), (peer, LinkState::Gone, true));
    world.command(members[0].0, |node, now| node.link_again(now, peer));
    let is_linked =
        |world: &World| view(world, members[0], endpoint(world, again)).is_some_and(|view| view.attached);
    assert!(world.run_while(Duration::from_secs(30), is_linked));
}

#[test]
fn name_with_control_characters_arrives_as_plain_text() {
    let (mut world, mut members) = room_of(2, PathModel::LAN);
    let name = "\u{1b}]52;c;cm0gLXJm\u{7}Lin\u{202e}exe\r\n".into();
    let guest = join_with(&mut world, &mut members, 3, Config { name, ..Config::default() });
    assert!(world.run_while(Duration::from_secs(20), whole(&members)));
    let guest = endpoint(&world, guest);
    for member in [members[0], members[1]] {
        let seen = view(&world, member, guest).expect("it is linked");
        assert_eq!(seen.name, "]52;c;cm0gLXJmLinexe");
    }
}

#[test]
fn moving_cursors_cost_little_and_resting_ones_nothing() {
    let sent = |moves: bool, rest: u64| {
        let (mut world, members) = room_of(2, PathModel::LOCAL);
        let (me, them) = (members[0], endpoint(&world, members[1]));
        world.run_for(Duration::from_secs(5));
        for step in 0..1000 {
            if moves {
                point(&mut world, me, Some(pointer(f64::from(step % 100), 7.5)));
            }
            world.run_for(Duration::from_millis(10));
        }
        world.run_for(Duration::from_secs(rest));
        view(&world, me, them).expect("it is linked").bytes_sent
    };
    let moving = sent(true, 1) - sent(false, 1);
    println!("{moving} bytes in ten seconds");
    assert!(moving <= 3400, "{moving}");
    assert_eq!(sent(true, 61) - sent(false, 61), moving);
}
