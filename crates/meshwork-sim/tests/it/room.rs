//! Rooms of real nodes on a virtual network.

use std::time::Duration;

use crate::common;
use crate::common::{BLUE, Member, RED, SIZE, equal, join, join_with, linked};
use meshwork_core::node::{CommandError, Config, Event, LinkState, Refusal, WriteError};
use meshwork_core::room::rules::terms::Terms;
use meshwork_core::room::storage::form;
use meshwork_core::seam::config::{PlantedBug, ROOM_ENDPOINTS_MAX};
use meshwork_core::signalling::address::{RoomKeys, Secrets};
use meshwork_core::signed::admission::EditSeed;
use meshwork_core::wire::BoundedText;
use meshwork_place::Place as _;
use meshwork_sim::check::{self, Violation};
use meshwork_sim::connection::PathModel;
use meshwork_sim::meeting_point::Lie;
use meshwork_sim::world::World;

/// A room with `count` programs of different people, all linked.
fn room_of(count: usize, path: PathModel) -> (World, Vec<Member>) {
    linked(World::new(1, path), Config::default(), count, false)
}

fn join_all(world: &mut World, count: usize, private: bool) -> Vec<Member> {
    common::join_all(world, Config::default(), count, private)
}

#[test]
fn a_link_is_passed_on_as_it_came() {
    let mut world = World::new(1, PathModel::WAN);
    let members = join_all(&mut world, 1, true);
    let address = world.node(members[0].0).room(members[0].1).address().expect("it is registered");
    assert_eq!(address.app().map(|app| app.to_string()), Some("place".into()));
    // With what lets one write, and with another app in front or none.
    let whole = format!("{address}.{}", EditSeed([5; 16]));
    let links = [whole.clone(), whole.replace("/place/", "/chat/"), whole.replace("/place/", "/")];
    for (link, person) in links.into_iter().zip(2..) {
        let guest = world.start(Config::default(), person, 0);
        let room = world.join_room(guest, link.parse().expect("a link"));
        let passed_on =
            |world: &World| world.node(guest).room(room).address().map(|address| address.to_string());
        assert!(world.run_while(Duration::from_secs(5), |world| passed_on(world).is_some()), "{link}");
        assert_eq!(passed_on(&world), Some(link));
    }
}

#[test]
fn strokes_reach_everybody() {
    let (mut world, members) = room_of(5, PathModel::WAN);
    for (place, &(index, room)) in members.iter().enumerate() {
        world.paint(index, room, &[(place as u16, 0, RED), (99, 99, BLUE)]);
    }
    assert!(world.run_while(Duration::from_secs(2), equal(&members)));
    let canvas = world.node(4).canvas(members[4].1).expect("it is open");
    assert_eq!(canvas.painted(), 6);
}

#[test]
fn newcomer_gets_full_canvas_and_first_click_wins() {
    let (mut world, mut members) = room_of(2, PathModel::WAN);
    let (painter, room) = members[0];
    let all: Vec<_> = (0..100).flat_map(|y| (0..100).map(move |x| (x, y, RED))).collect();
    // The painter's clock is ahead of the newcomer's.
    let ahead = world.start(Config::default(), 50, 5_000_000);
    let address = world.node(painter).room(room).address().expect("it is registered");
    let ahead_room = world.join_room(ahead, address.clone());
    assert!(world.run_while(Duration::from_secs(5), |world| world.node(ahead).canvas(ahead_room).is_some()));
    world.paint(ahead, ahead_room, &all);
    members.push((ahead, ahead_room));
    assert!(world.run_while(Duration::from_secs(10), equal(&members)));

    let newcomer = world.start(Config::default(), 60, -5_000_000);
    members.push((newcomer, world.join_room(newcomer, address)));
    assert!(world.run_while(Duration::from_secs(10), equal(&members)), "10,000 cells arrive");
    let (_, room) = members[3];
    world.paint(newcomer, room, &[(7, 7, BLUE)]);
    assert!(world.run_while(Duration::from_secs(5), equal(&members)));
    for &(index, room) in &members {
        assert_eq!(world.node(index).canvas(room).and_then(|canvas| canvas.colour(7, 7)), Some(BLUE));
    }
}

#[test]
fn a_painter_hears_that_members_applied_and_stored() {
    let mut world = World::new(2, PathModel::WAN);
    let keeper = world.start(Config { stores: true, ..Config::default() }, 1, 0);
    let room = world.create_room(keeper, SIZE, false);
    assert!(
        world.run_while(Duration::from_secs(5), |world| world.node(keeper).room(room).address().is_some())
    );
    let address = world.node(keeper).room(room).address().expect("it is registered");
    let painter = world.start(Config { stays: false, ..Config::default() }, 2, 0);
    let painters_room = world.join_room(painter, address.clone());
    assert!(
        world.run_while(Duration::from_secs(5), |world| world.node(painter).canvas(painters_room).is_some())
    );
    // Painted before there is any link.
    let receipt = world.paint(painter, painters_room, &[(1, 1, RED), (90, 90, RED)]).expect("it is open");
    world.run_for(Duration::from_secs(5));
    let mut applied = vec![];
    while let Some(event) = world.program(painter).events.pop_front() {
        if let Event::Acknowledged { sequences, stored, .. } = event {
            assert!(stored, "a keeper acknowledges after storing");
            applied.extend(sequences);
        }
    }
    assert_eq!(applied, receipt.sequences.collect::<Vec<_>>());
    // What was acknowledged survives a crash of the keeper, with the painter gone.
    world.quit(painter);
    let store = world.crash(keeper);
    let again = world.start(Config { stores: true, ..Config::default() }, 1, 0);
    world.program(again).store = store;
    let room = world.join_room(again, address.clone());
    assert_eq!(world.node(again).canvas(room).map(|canvas| canvas.painted()), Some(2));
    // Also on a machine whose clock was set back meanwhile.
    let store = world.crash(again);
    let late = world.start(Config { stores: true, ..Config::default() }, 1, -3_600_000_000);
    world.program(late).store = store;
    let room = world.join_room(late, address);
    assert_eq!(world.node(late).canvas(room).map(|canvas| canvas.painted()), Some(2));
}

#[test]
fn slow_disk_makes_larger_commits_and_no_queue() {
    use meshwork_core::room::storage::PERSISTING_MAX;
    let mut world = World::new(9, PathModel::LOCAL);
    world.set_store_delay(Duration::from_secs(1));
    let keeper = world.start(Config { stores: true, ..Config::default() }, 1, 0);
    let room = world.create_room(keeper, SIZE, false);
    assert!(
        world.run_while(Duration::from_secs(5), |world| world.node(keeper).room(room).address().is_some())
    );
    let address = world.node(keeper).room(room).address().expect("it is registered");
    let painter = world.start(Config { stays: false, ..Config::default() }, 2, 0);
    let painters_room = world.join_room(painter, address);
    assert!(
        world.run_while(Duration::from_secs(5), |world| world.node(painter).canvas(painters_room).is_some())
    );
    let mut painted = vec![];
    for stroke in 0..400u16 {
        // Every cell is painted over four times, so that most batches are beaten before they are stored.
        let receipt = world.paint(painter, painters_room, &[(stroke % 100, 0, RED)]).expect("it is open");
        painted.extend(receipt.sequences);
        world.run_for(Duration::from_millis(10));
        assert!(world.stores_under_way() <= PERSISTING_MAX);
    }
    world.run_for(Duration::from_secs(5));
    let mut applied = vec![];
    while let Some(event) = world.program(painter).events.pop_front() {
        if let Event::Acknowledged { sequences, stored, .. } = event {
            assert!(stored);
            applied.extend(sequences);
        }
    }
    applied.sort_unstable();
    let all: Vec<u64> = (1..=applied.len() as u64).collect();
    assert_eq!(applied, all, "each is acknowledged, once, folds included");
    assert!(painted.iter().all(|sequence| applied.contains(sequence)));
    let kept = world.node(keeper).canvas(room).map(|canvas| canvas.batch_count());
    let stored = world.look_at(keeper).store.values().flat_map(|room| room.batches.values());
    let (winning, waiting): (Vec<_>, Vec<_>) = stored.partition(|stored| form::read(stored).1.is_none());
    assert_eq!(kept, Some(winning.len()), "the disk holds what wins");
    assert_eq!(winning.len() + waiting.len(), applied.len(), "and what was painted over waits");
}

#[test]
fn many_lone_clicks_are_folded_into_few_batches() {
    let (mut world, mut members) = room_of(2, PathModel::LOCAL);
    let (index, room) = members[0];
    for click in 0..1000u16 {
        world.paint(index, room, &[(click % 40, click / 40, RED)]);
    }
    assert!(world.run_while(Duration::from_secs(5), equal(&members)));
    for &(index, room) in &members {
        let canvas = world.node(index).canvas(room).expect("it is open");
        assert_eq!(canvas.painted(), 1000);
        assert!(canvas.batch_count() < 200, "{} batches carry 1000 clicks", canvas.batch_count());
    }
    let newcomer = world.start(Config::default(), 70, 0);
    let address = world.node(index).room(room).address().expect("it is registered");
    members.push((newcomer, world.join_room(newcomer, address)));
    assert!(world.run_while(Duration::from_secs(5), equal(&members)));
}

#[test]
fn a_cut_room_heals() {
    let (mut world, members) = room_of(6, PathModel::WAN);
    let indices: Vec<_> = members.iter().map(|(index, _)| *index).collect();
    world.cut(&indices[..3], &indices[3..]);
    world.run_for(Duration::from_secs(30));
    for &(index, room) in &members {
        world.paint(index, room, &[(index as u16, 3, BLUE)]);
    }
    world.run_for(Duration::from_secs(5));
    assert!(check::equal_replicas(&world, &members).is_err(), "the cut holds");
    world.heal();
    assert!(world.run_while(Duration::from_secs(40), equal(&members)));
}

#[test]
fn links_outlive_the_server() {
    let (mut world, members) = room_of(3, PathModel::WAN);
    world.stop_server();
    world.run_for(Duration::from_secs(60));
    check::whole_mesh(&world, &members).expect("no link needs the server");
    world.paint(members[0].0, members[0].1, &[(0, 0, RED)]);
    assert!(world.run_while(Duration::from_secs(2), equal(&members)));
    // It comes back with an empty memory: members register the room again, and a newcomer gets in.
    let address = world.node(members[0].0).room(members[0].1).address().expect("it was registered");
    world.servers.start();
    let newcomer = world.start(Config::default(), 9, 0);
    let mut members = members;
    members.push((newcomer, world.join_room(newcomer, address)));
    let whole = |world: &World| check::whole_mesh(world, &members).is_ok() && equal(&members)(world);
    assert!(world.run_while(Duration::from_secs(60), whole));
}

#[test]
fn pair_that_cannot_link_is_served_by_others() {
    let mut world = World::new(3, PathModel::WAN);
    world.cut(&[1], &[2]);
    let members = join_all(&mut world, 4, false);
    world.run_for(Duration::from_secs(20));
    for &(index, room) in &members {
        world.paint(index, room, &[(index as u16, 0, RED)]);
    }
    assert!(world.run_while(Duration::from_secs(1), equal(&members)), "live, not by repair alone");
}

#[test]
fn a_room_has_a_limit() {
    let mut world = World::new(4, PathModel::LOCAL);
    let mut members = join_all(&mut world, 1, false);
    let (first, room) = members[0];
    let overlay = BoundedText::new("full-mesh").expect("short enough");
    let rules = Terms { overlay, ..Terms::default() };
    world.command(first, |node, now| node.room_mut(now, room).set_rules(rules)).expect("its own room");
    // Two more than there is place for, all at once.
    for person in 2..=ROOM_ENDPOINTS_MAX as u64 + 2 {
        join(&mut world, &mut members, person);
    }
    for _ in 0..60 {
        world.run_for(Duration::from_millis(500));
        for &(index, room) in &members {
            let attached = world.node(index).room(room).peers().iter().filter(|peer| peer.attached).count();
            assert!(attached < ROOM_ENDPOINTS_MAX, "program {index} is attached to {attached}");
        }
    }
    let is_full = |&&(index, room): &&Member| {
        world.node(index).room(room).peers().iter().filter(|peer| peer.attached).count()
            == ROOM_ENDPOINTS_MAX - 1
    };
    let full = members.iter().filter(is_full).count();
    assert!(full > ROOM_ENDPOINTS_MAX / 2, "the limit is reached, by {full} of them");
}

/// Twenty come at once to a room of three who keep few links, as pages do, while all paint; some come and go for minutes.
#[test]
fn a_busy_room_raises_no_alarm() {
    let mut early = 0;
    for seed in 1..=5 {
        let mut world = World::new(seed, PathModel::WAN);
        let page = Config { links_most: 8, ..Config::default() };
        let mut members = common::join_all(&mut world, page.clone(), 1, false);
        join_with(&mut world, &mut members, 2, page.clone());
        join_with(&mut world, &mut members, 3, page);
        world.run_for(Duration::from_secs(3));
        for person in 4..=23 {
            join(&mut world, &mut members, person);
        }
        for turn in 0..15 {
            for &(index, room) in members.iter().step_by(4) {
                world.paint(index, room, &[(index as u16, turn, RED)]);
            }
            world.run_for(Duration::from_secs(10));
            if turn % 3 == 2 {
                world.quit(members.remove(5).0);
                join(&mut world, &mut members, 100 + u64::from(turn));
            }
        }
        for &(index, _) in &members {
            for event in &world.look_at(index).events {
                let Event::Refused { reason, detail, .. } = event else { continue };
                early += usize::from(*reason == Refusal::Unannounced);
                let is_harmless = !reason.concerns_people() || *reason == Refusal::RoomFull;
                assert!(is_harmless, "seed {seed}, program {index}: {reason}: {detail}");
            }
        }
        assert!(world.run_while(Duration::from_secs(30), equal(&members)), "seed {seed}");
    }
    assert!(early > 0, "no signal came before its announcement");
}

#[test]
fn server_that_substitutes_keys_gets_no_link_made() {
    let mut world = World::new(5, PathModel::LOCAL);
    world.servers.first().set_lie(Some(Lie::SealingKeys));
    let members = join_all(&mut world, 2, false);
    world.run_for(Duration::from_secs(30));
    for (index, room) in members {
        assert!(world.node(index).room(room).peers().iter().all(|peer| !peer.attached));
        let refused = |event: &Event| matches!(event, Event::Refused { reason: Refusal::SealingKey, .. });
        assert!(world.program(index).events.iter().any(refused), "program {index} says why");
    }
}

#[test]
fn server_that_changes_payloads_gets_no_link_made() {
    let mut world = World::new(6, PathModel::LOCAL);
    world.servers.first().set_lie(Some(Lie::Payloads));
    let members = join_all(&mut world, 2, true);
    world.run_for(Duration::from_secs(30));
    let refused = |event: &Event| matches!(event, Event::Refused { reason: Refusal::Seal, .. });
    let told = members.iter().any(|(index, _)| world.program(*index).events.iter().any(refused));
    assert!(told, "the receiving end says why");
    for (index, room) in members {
        assert!(world.node(index).room(room).peers().iter().all(|peer| !peer.attached));
    }
}

#[test]
fn server_with_stolen_sealing_keys_cannot_substitute_certificates() {
    let mut world = World::new(6, PathModel::LOCAL);
    world.servers.first().set_lie(Some(Lie::Fingerprints));
    let members = join_all(&mut world, 2, false);
    world.run_for(Duration::from_secs(30));
    let refused = |event: &Event| matches!(event, Event::Refused { reason: Refusal::SignalSignature, .. });
    let told = members.iter().any(|(index, _)| world.program(*index).events.iter().any(refused));
    assert!(told, "the receiving end says why");
    for (index, room) in members {
        assert!(world.node(index).room(room).peers().iter().all(|peer| !peer.attached));
    }
}

#[test]
fn replaying_server_is_told_of_and_harms_nothing() {
    let mut world = World::new(6, PathModel::LOCAL);
    world.servers.first().set_lie(Some(Lie::Replays));
    let members = join_all(&mut world, 3, true);
    let whole = |world: &World| check::whole_mesh(world, &members).is_ok();
    assert!(world.run_while(Duration::from_secs(20), whole), "{:?}", check::whole_mesh(&world, &members));
    let refused = |event: &Event| matches!(event, Event::Refused { reason: Refusal::Replay, .. });
    let told = members.iter().any(|(index, _)| world.program(*index).events.iter().any(refused));
    assert!(told, "the receiving end says why");
}

#[test]
fn private_rooms_open_to_the_right_secret_only() {
    use meshwork_core::id::Secret;
    use meshwork_core::node::RoomRefusal;
    let mut world = World::new(7, PathModel::LOCAL);
    let members = join_all(&mut world, 2, true);
    assert!(world.run_while(Duration::from_secs(5), |world| check::whole_mesh(world, &members).is_ok()));
    let address = world.node(members[0].0).room(members[0].1).address().expect("it is registered");
    let cases = [(None, RoomRefusal::SecretMissing), (Some(Secret([0; 16])), RoomRefusal::SecretWrong)];
    for (secret, expected) in cases {
        let outsider = world.start(Config::default(), 9, 0);
        let secrets = secret.map(Secrets::from);
        let keys = RoomKeys { room: address.room().expect("it is registered"), secrets };
        world.join_room(outsider, address.clone().with_keys(keys));
        world.run_for(Duration::from_secs(5));
        let refused =
            |event: &Event| matches!(event, Event::RoomRefused { reason, .. } if *reason == expected);
        assert!(world.program(outsider).events.iter().any(refused));
    }
}

#[test]
fn edit_links_write_and_view_links_look() {
    let mut world = World::new(8, PathModel::LOCAL);
    let mut members = join_all(&mut world, 2, true);
    assert!(world.run_while(Duration::from_secs(5), |world| check::whole_mesh(world, &members).is_ok()));
    let (owner, room) = members[0];
    let before = world.command(members[1].0, |node, now| node.paint(now, members[1].1, &[(1, 1, RED)]));
    assert!(before.is_ok(), "everybody may paint until there is an edit key");
    world.run_for(Duration::from_secs(1));
    world.command(owner, |node, now| node.room_mut(now, room).set_edit_key()).expect("it is the owner's");
    let edit = world.node(owner).room(room).address().expect("it is registered");
    let look = edit.clone().to_look();
    assert!(edit.to_string().starts_with(&look.to_string()) && edit != look, "{edit} {look}");
    let mut outcomes = vec![];
    for (person, address) in [(3, edit), (4, look)] {
        let index = world.start(Config::default(), person, 0);
        let room = world.join_room(index, address);
        members.push((index, room));
        assert!(world.run_while(Duration::from_secs(10), equal(&members)));
        let painted =
            world.command(index, |node, now| node.paint(now, room, &[(person as u16, 1, RED)]).map(drop));
        outcomes.push(painted);
    }
    assert_eq!(outcomes, [Ok(()), Err(CommandError::Write(WriteError::NotWriter))]);
    assert!(world.run_while(Duration::from_secs(10), equal(&members)));
    // A newcomer finds it painted, when the painter has gone.
    let (painter, _) = members.remove(2);
    world.quit(painter);
    let address = world.node(owner).room(room).address().expect("it is registered").to_look();
    let index = world.start(Config::default(), 5, 0);
    members.push((index, world.join_room(index, address)));
    assert!(world.run_while(Duration::from_secs(10), equal(&members)));
    for (x, shown) in [(1, Some(RED)), (3, Some(RED)), (4, None)] {
        let canvas = world.node(index).canvas(members[3].1).expect("it is open");
        assert_eq!(canvas.colour(x, 1), shown, "{x}");
    }
}

#[test]
fn a_modified_client_is_counted_and_dropped() {
    use meshwork_core::seam::io::Channel;
    let (mut world, members) = room_of(3, PathModel::LOCAL);
    let (liar, _) = members[2];
    let links = world.connections.of(liar);
    for link in links {
        // A message kind that exists, with a body that cannot be.
        world.inject(liar, link, Channel::Reliable, vec![16, 3, 0xff, 0xff, 0xff]);
    }
    world.run_for(Duration::from_secs(1));
    for &(index, room) in &members[..2] {
        let refused = |event: &Event| matches!(event, Event::Refused { reason: Refusal::Message, .. });
        assert!(world.program(index).events.iter().any(refused));
        let attached = world.node(index).room(room).peers().iter().filter(|peer| peer.attached).count();
        assert_eq!(attached, 1, "the liar is out, the other honest one stays");
    }
}

#[test]
fn stamps_far_ahead_are_held_and_ratchet_nobody() {
    let (mut world, mut members) = room_of(2, PathModel::LOCAL);
    // Somebody whose clock is a minute ahead, and two neighbours and a server that do not agree against it.
    world.servers.first().set_lie(Some(Lie::Time));
    let early = world.start(Config::default(), 9, 60_000_000);
    let address = world.node(members[0].0).room(members[0].1).address().expect("it is registered");
    members.push((early, world.join_room(early, address)));
    assert!(world.run_while(Duration::from_secs(5), |world| check::whole_mesh(world, &members).is_ok()));
    world.paint(early, members[2].1, &[(5, 5, RED)]);
    world.run_for(Duration::from_secs(10));
    let (index, room) = members[0];
    let shows = |world: &World| world.node(index).canvas(room).and_then(|canvas| canvas.colour(5, 5));
    assert_eq!((shows(&world), world.node(index).usage().held_batches), (None, 1), "held, not shown");
    world.paint(index, room, &[(6, 6, BLUE)]);
    let stamp = world.node(index).canvas(room).map(|canvas| canvas.stamp(6, 6)).unwrap_or_default();
    let ahead = stamp.millis().saturating_sub(1_767_225_600_000 + world.now().0 / 1000);
    assert!(ahead < 1000, "the clock of an honest member is {ahead} ms ahead");
    world.run_for(Duration::from_secs(50));
    assert_eq!(shows(&world), Some(RED), "shown when its time has come");
    assert!(world.run_while(Duration::from_secs(30), equal(&members)));
}

/// Somebody alone, with a clock that is ahead, writes for others with right clocks.
pub(crate) fn stamps_by_the_server(planted: Option<PlantedBug>) -> Result<(), Violation> {
    let mut world = World::new(5, PathModel::WAN);
    let ahead = world.start(Config { planted, ..Config::default() }, 1, 7 * 60_000_000);
    let room = world.create_room(ahead, SIZE, false);
    let known = |world: &World| world.node(ahead).room(room).address().is_some();
    assert!(world.run_while(Duration::from_secs(5), known));
    let address = world.node(ahead).room(room).address().expect("it is registered");
    let shows = |world: &mut World, x| {
        world.paint(ahead, room, &[(x, 5, RED)]);
        check::stamped_in_time(world, (ahead, room))?;
        let newcomer = world.start(Config::default(), 2 + u64::from(x), 0);
        let joined = world.join_room(newcomer, address.clone());
        let shows = |world: &World| {
            world.node(newcomer).canvas(joined).and_then(|canvas| canvas.colour(x, 5)) == Some(RED)
        };
        assert!(world.run_while(Duration::from_secs(5), shows), "a newcomer sees it");
        world.paint(newcomer, joined, &[(x, 6, BLUE)]);
        let answered = |world: &World| world.node(ahead).canvas(room).and_then(|canvas| canvas.colour(x, 6));
        assert!(world.run_while(Duration::from_secs(5), |world| answered(world) == Some(BLUE)));
        world.quit(newcomer);
        world.run_for(Duration::from_secs(15));
        Ok::<(), Violation>(())
    };
    shows(&mut world, 1)?;
    // Alone again, and by the last welcome of a server that is away.
    shows(&mut world, 2)?;
    world.stop_server();
    world.run_for(Duration::from_secs(5));
    world.paint(ahead, room, &[(3, 5, RED)]);
    check::stamped_in_time(&world, (ahead, room))
}

#[test]
fn a_clock_ahead_stamps_by_its_server() {
    stamps_by_the_server(None).expect("stamps are in time");
}

#[test]
fn a_clock_that_is_set_wrong_is_outvoted() {
    for ahead in [-1i64, 1] {
        let (mut world, mut members) = room_of(4, PathModel::WAN);
        let wrong = world.start(Config::default(), 9, ahead * 120_000_000);
        let address = world.node(members[0].0).room(members[0].1).address().expect("it is registered");
        members.push((wrong, world.join_room(wrong, address)));
        let told = |world: &World| {
            let tells = |event: &Event| matches!(event, Event::RoomTime { ahead_ms, .. } if ahead_ms.signum() == -ahead);
            world.look_at(wrong).events.iter().any(tells)
        };
        assert!(world.run_while(Duration::from_secs(10), told), "it is told that its clock is wrong");
        world.paint(wrong, members[4].1, &[(5, 5, RED)]);
        world.paint(members[0].0, members[0].1, &[(6, 6, BLUE)]);
        assert!(world.run_while(Duration::from_secs(2), equal(&members)), "nobody waits for anybody's time");
        let canvas = world.node(members[1].0).canvas(members[1].1).expect("it is open");
        assert_eq!((canvas.colour(5, 5), canvas.colour(6, 6)), (Some(RED), Some(BLUE)));
    }
}

#[test]
fn who_leaves_while_connecting_is_gone_at_once() {
    let mut world = World::new(8, PathModel::LOCAL);
    world.cut(&[0], &[1]);
    let members = join_all(&mut world, 2, false);
    world.run_for(Duration::from_secs(2));
    world.quit(members[1].0);
    world.run_for(Duration::from_secs(1));
    let (index, room) = members[0];
    let seen = world.node(index).room(room).peers();
    let states: Vec<_> = seen.iter().map(|peer| (peer.state, peer.reason.as_deref())).collect();
    assert_eq!(states, [(LinkState::Gone, Some("left"))]);
}
