//! Links to members beyond the overlay, for what is said to one alone.

use std::time::Duration;

use crate::common::{Member, equal, join, linked, room_of};
use crate::overlays;
use meshwork_core::id::{Endpoint, Instance};
use meshwork_core::node::{CommandError, Config, Event};
use meshwork_core::overlay::Kind;
use meshwork_core::seam::config::PlantedBug;
use meshwork_core::seam::lane::{Audience, DirectEnd, DirectToken, Slot, Topic};
use meshwork_sim::check::{Violation, Visits};
use meshwork_sim::connection::PathModel;
use meshwork_sim::world::World;

const GAME: Slot = Slot::GENESIS;

fn endpoint(world: &World, (index, _): Member) -> Endpoint {
    world.node(index).endpoint()
}

fn about() -> Topic {
    Topic::new("move").expect("short")
}

fn say(world: &mut World, (index, room): Member, to: Endpoint) -> Result<DirectToken, CommandError> {
    world.command(index, |node, now| node.room_mut(now, room).send_direct(to, GAME, &about(), b"e2e4"))
}

fn is_linked(world: &World, (index, room): Member, to: Endpoint) -> bool {
    world.node(index).room(room).peers().iter().any(|peer| peer.endpoint == to && peer.path.is_some())
}

/// Members that have no link to this one.
fn strangers(world: &World, members: &[Member], me: Member) -> Vec<Member> {
    let is_stranger = |other: &&Member| **other != me && !is_linked(world, me, endpoint(world, **other));
    members.iter().filter(is_stranger).copied().collect()
}

/// How the direct messages of a program ended since this was last asked, and from whom it heard some.
fn ends(world: &mut World, (index, _): Member) -> (Vec<DirectEnd>, Vec<Endpoint>) {
    let (mut ended, mut heard) = (Vec::new(), Vec::new());
    for event in world.program(index).events.drain(..) {
        match event {
            Event::DirectEnded { messages, end, .. } => ended.extend(vec![end; messages]),
            Event::Direct { from, .. } => heard.push(from),
            _ => {}
        }
    }
    (ended, heard)
}

#[test]
fn direct_messages_make_links_beyond_the_overlay() {
    for (seed, overlay) in [(3, "emergent"), (4, "tree"), (5, "k-gossip/3")] {
        let (mut world, members) = overlays::settled(seed, overlay, 40);
        let neighbours = |world: &World| {
            let view =
                |&(index, room): &Member| world.node(index).room(room).overlay().expect("open").neighbours;
            members.iter().map(|member| view(member).len()).collect::<Vec<_>>()
        };
        let me = members[7];
        // The servers are gone: members find each other.
        world.stop_server();
        let far: Vec<Member> = strangers(&world, &members, me).into_iter().take(5).collect();
        assert_eq!(far.len(), 5, "{overlay}");
        for &other in &far {
            let to = endpoint(&world, other);
            say(&mut world, me, to).expect("it can wait");
        }
        world.run_for(Duration::from_secs(9));
        assert_eq!(ends(&mut world, me).0, [DirectEnd::Taken; 5], "{overlay}");
        let mine = endpoint(&world, me);
        for &other in &far {
            assert_eq!(ends(&mut world, other).1, [mine], "{overlay}");
            say(&mut world, other, mine).expect("the link is there");
        }
        world.run_for(Duration::from_secs(1));
        assert_eq!(ends(&mut world, me).1.len(), 5, "an answer comes over the same link");
        assert!(neighbours(&world).into_iter().all(|count| count < 33), "{overlay}");

        // Nothing is said for half a minute.
        assert!(far.iter().all(|other| is_linked(&world, me, endpoint(&world, *other))), "{overlay}");
        world.run_for(Duration::from_secs(45));
        let left = far.iter().filter(|other| is_linked(&world, me, endpoint(&world, **other))).count();
        // The overlay may have taken one for a neighbour.
        assert!(left <= 2, "{left} visits are not over in a room of {overlay}");
    }
}

#[test]
fn a_kept_visit_comes_back_after_a_cut() {
    let (mut world, members) = overlays::settled(6, "emergent", 60);
    let me = members[3];
    let other = strangers(&world, &members, me)[0];
    let to = endpoint(&world, other);
    world.command(me.0, |node, now| node.room_mut(now, me.1).visit(to)).expect("there is a place");
    world.run_for(Duration::from_secs(10));
    let link = |world: &World| {
        let peers = world.node(me.0).room(me.1).peers();
        peers.iter().find(|peer| peer.endpoint == to && peer.path.is_some()).map(|peer| peer.since)
    };
    let since = link(&world);
    world.run_for(Duration::from_secs(120));
    assert!(since.is_some() && link(&world) == since, "it is kept, and not made again");
    let send = |world: &mut World| {
        world.command(me.0, |node, now| {
            node.room_mut(now, me.1).send_datagram(Audience::One(to), GAME, &about(), b"left")
        })
    };
    send(&mut world).expect("linked");
    world.run_for(Duration::from_secs(1));
    let is_said = |event: &Event| matches!(event, Event::Datagram { bytes, .. } if bytes == b"left");
    assert!(world.look_at(other.0).events.iter().any(is_said));

    world.cut(&[me.0], &[other.0]);
    world.run_for(Duration::from_secs(100));
    assert!(!is_linked(&world, me, to));
    world.heal();
    assert!(world.run_while(Duration::from_secs(60), |world| is_linked(world, me, to)));
    // Visitors take no part in what the room keeps: it goes on along the overlay.
    world.paint(me.0, me.1, &[(1, 1, crate::common::RED)]).expect("it may");
    assert!(world.run_while(Duration::from_secs(20), equal(&members)));
    world.command(me.0, |node, now| node.room_mut(now, me.1).end_visit(to));
    world.run_for(Duration::from_secs(45));
    let is_neighbour =
        world.node(me.0).room(me.1).peers().iter().any(|peer| peer.endpoint == to && peer.attached);
    assert!(is_neighbour || !is_linked(&world, me, to));
}

#[test]
fn pins_outlive_a_full_mesh() {
    let (mut world, mut members) = room_of(7, PathModel::LAN);
    let (host, players) = (members[0], members[1..7].to_vec());
    let pin = |world: &mut World, (index, room): Member, to: Endpoint| {
        world.command(index, |node, now| node.room_mut(now, room).visit(to))
    };
    for player in &players {
        let (theirs, its) = (endpoint(&world, *player), endpoint(&world, host));
        pin(&mut world, host, theirs).expect("a place for each of six");
        pin(&mut world, *player, its).expect("a place for one");
    }
    let mine = endpoint(&world, host);
    assert_eq!(pin(&mut world, host, mine), Err(CommandError::NotLinked(mine)), "oneself");
    // Watchers come, and most members have no link to the others any more.
    for person in 8..=47 {
        join(&mut world, &mut members, person);
        world.run_for(Duration::from_millis(500));
    }
    for second in 0..90 {
        for player in &players {
            let to = endpoint(&world, *player);
            let state = second.to_string();
            let sent = world.command(host.0, |node, now| {
                let mut room = node.room_mut(now, host.1);
                room.send_datagram(Audience::One(to), GAME, &about(), state.as_bytes())
            });
            assert_eq!(sent, Ok(()), "second {second}");
        }
        world.run_for(Duration::from_secs(1));
    }
    let kind = world.node(host.0).room(host.1).overlay().expect("it is open").kind;
    assert_eq!(kind, Kind::Emergent);
    assert!(!strangers(&world, &members, host).is_empty(), "not everybody is linked to everybody");
    // Without the pin a link ends like others, unless the overlay wants it.
    let to = endpoint(&world, players[0]);
    world.command(host.0, |node, now| node.room_mut(now, host.1).end_visit(to));
    let its = endpoint(&world, host);
    world.command(players[0].0, |node, now| node.room_mut(now, players[0].1).end_visit(its));
    world.run_for(Duration::from_secs(60));
    let is_neighbour =
        world.node(host.0).room(host.1).peers().iter().any(|peer| peer.endpoint == to && peer.attached);
    assert!(is_neighbour || !is_linked(&world, host, to));
}

#[test]
fn absent_endpoint_is_looked_for_in_vain() {
    let (mut world, members) = overlays::settled(8, "emergent", 40);
    let me = members[0];
    let nobody = Endpoint { instance: Instance(1), ..endpoint(&world, members[1]) };
    say(&mut world, me, nobody).expect("it can wait");
    world.run_for(Duration::from_millis(9500));
    assert_eq!(ends(&mut world, me).0, []);
    world.run_for(Duration::from_secs(1));
    assert_eq!(ends(&mut world, me).0, [DirectEnd::NotSent]);
}

#[test]
fn visits_are_limited() {
    let (mut world, members) = overlays::settled(9, "emergent", 60);
    let me = members[5];
    let far: Vec<Endpoint> =
        strangers(&world, &members, me).into_iter().map(|other| endpoint(&world, other)).collect();
    for &to in &far[..8] {
        say(&mut world, me, to).expect("there is a place");
    }
    assert_eq!(say(&mut world, me, far[8]), Err(CommandError::TooManyVisits(8)));
    world.run_for(Duration::from_secs(9));
    assert_eq!(ends(&mut world, me).0, [DirectEnd::Taken; 8]);
    let another = |world: &World| endpoint(world, strangers(world, &members, me)[0]);
    let to = another(&world);
    assert_eq!(say(&mut world, me, to), Err(CommandError::TooManyVisits(8)));
    world.run_for(Duration::from_secs(31));
    let to = another(&world);
    say(&mut world, me, to).expect("the others were silent for half a minute");
}

/// A message arrives, and before its sender hears of that the two are cut apart for good.
pub(crate) fn ends_unknown(planted: Option<PlantedBug>) -> Result<(), Violation> {
    let first = Config { planted, ..Config::default() };
    let (mut world, members) = linked(World::new(31, PathModel::WAN), first, 2, false);
    let [from, to] = [0, 1].map(|number: usize| endpoint(&world, members[number]));
    let token = say(&mut world, members[0], to).expect("they are linked");
    let mut visits = Visits::default();
    visits.sent(from, to, token, b"e2e4");
    let is_heard = |event: &Event| matches!(event, Event::Direct { .. });
    let heard = |world: &World| world.look_at(members[1].0).events.iter().any(is_heard);
    assert!(world.run_while(Duration::from_secs(5), heard));
    world.cut(&[members[0].0], &[members[1].0]);
    world.run_for(Duration::from_secs(120));
    for ((index, _), me) in members.iter().zip([from, to]) {
        for event in &world.look_at(*index).events {
            visits.hear(me, event)?;
        }
    }
    visits.check()?;
    visits.all_ended(|endpoint| endpoint == from)
}

#[test]
fn what_may_have_arrived_ends_as_unknown() {
    assert_eq!(ends_unknown(None), Ok(()));
}
