//! Hosts that leave, hide, crash and come back, and games that wait for theirs.

use std::time::Duration;

use meshwork_play::session::{Act, Can, End, Event, Paused, Phase};
use meshwork_play::{HostLoss, Party, input};

use crate::world::{World, ms, party};

fn guests(world: &World) -> Vec<usize> {
    world.alive().into_iter().filter(|which| !world.session(*which).is_host()).collect()
}

#[test]
fn the_next_host_goes_on_within_seconds() {
    for people in [2, 3, 6] {
        let mut world = World::new(people, party());
        world.way(30, 20, 2);
        world.gather(people as u8);
        world.run(ms(1000));
        world.measured.longest_gap = Duration::ZERO;
        let host = world.hosts()[0];
        world.kill(host, false);
        world.run(ms(4000));
        let gap = world.measured.longest_gap;
        println!("{people} people: {gap:?} without a tick, {} ticks taken back", world.measured.most_lost);
        assert!(gap < ms(2500), "{people} people: {gap:?}");
        let next = world.hosts()[0];
        assert!(world.events(next).iter().any(|event| matches!(event, Event::HostIs { .. })));
        world.check_healed();
        assert_eq!(world.violations, [""; 0]);
    }
}

/// People hold a key for 50 ms, let go of it, and move their pointers all the time.
fn tap(world: &mut World, who: &[usize], name: &str) {
    let key = input::bit(name).expect("a name of a key");
    for held in [key, key, key, 0, 0, 0] {
        who.iter().for_each(|which| world.steer(*which, held));
        world.run(ms(17));
    }
}

#[test]
fn presses_in_the_gap_count_once() {
    for (seed, goodbye) in [(11, false), (12, true), (13, false)] {
        let mut world = World::new(seed, party());
        world.way(30, 20, 2);
        world.gather(3);
        let host = world.hosts()[0];
        let guests = guests(&world);
        world.holds = false;
        guests.iter().for_each(|which| world.steer(*which, 0));
        world.run(ms(500));
        world.presses.clear();
        let before = ["a", "b", "a", "b", "c", "b"];
        before.iter().for_each(|name| tap(&mut world, &guests, name));
        world.kill(host, goodbye);
        let after = ["d", "e", "d", "d", "f", "e", "g"];
        after.iter().for_each(|name| tap(&mut world, &guests, name));
        world.run(ms(3000));
        for which in &guests {
            let slot = world.session(*which).slot().expect("a seat");
            let presses = world.presses.iter().filter(|(_, of, _)| *of == slot).map(|(.., name)| *name);
            let wanted: Vec<&str> = before.iter().chain(&after).copied().collect();
            assert_eq!(
                presses.collect::<Vec<_>>(),
                wanted,
                "m{which}, seed {seed}, hosts {:?}",
                world.hosts()
            );
        }
        world.check_healed();
        assert_eq!(world.violations, [""; 0]);
    }
}

#[test]
fn a_match_without_its_first_state_begins_anew() {
    for seed in 40..44 {
        let mut world = World::new(seed, party());
        world.way(20, 5, 0);
        for person in 0..2 {
            world.add(person, Can::Host);
        }
        world.run(ms(8000));
        // It passes on messages, and has no seat.
        world.add(9, Can::Watch);
        world.run(ms(1000));
        let (host, guest) = (world.hosts()[0], 1 - world.hosts()[0]);
        world.act(guest, Act::Ready(true));
        world.run(ms(500));
        world.act(host, Act::Start);
        world.run(ms(2800));
        world.cut(host, guest, true);
        for _ in 0..2000 {
            if world.session(guest).lobby().phase == Phase::Playing {
                break;
            }
            world.run(ms(1));
        }
        assert_eq!(world.session(guest).lobby().phase, Phase::Playing, "seed {seed}");
        assert_eq!(world.shows(guest), 0, "seed {seed}: it has no state");
        world.kill(host, false);
        world.run(ms(8000));
        assert_eq!(world.hosts(), [guest], "seed {seed}");
        assert_eq!(world.session(guest).lobby().phase, Phase::Playing, "seed {seed}");
        assert!(world.session(guest).counts().tick > 60, "seed {seed}: the match runs");
        assert_eq!(world.violations, [""; 0]);
    }
}

#[test]
fn a_watcher_follows_the_next_host() {
    for seed in 20..28 {
        let mut world = World::new(seed, party());
        world.way(30, 20, 2);
        world.gather(2 + (seed % 4) as u8);
        let watcher = world.add(9, Can::Watch);
        world.run(ms(2000));
        assert!(world.shows(watcher) > 10, "seed {seed}: it watches");
        for goodbye in [false, true] {
            let host = world.hosts()[0];
            // Fewer than half of the seats would be left.
            if goodbye && world.alive().len() < 4 {
                break;
            }
            world.kill(host, goodbye);
            world.run(ms(2600));
            let (next, before) = (world.hosts()[0], world.shows(watcher));
            let own = world.session(watcher).lobby();
            let host = world.session(next).lobby();
            assert_eq!((own.host, own.term), (host.host, host.term), "seed {seed}, goodbye {goodbye}");
            let told =
                world.events(watcher).iter().filter(|event| matches!(event, Event::HostIs { .. })).count();
            assert_eq!(told, 1 + usize::from(goodbye), "seed {seed}: {:?}", world.events(watcher));
            world.run(ms(1000));
            if !host_waits(&world, next) {
                assert!(world.shows(watcher) > before + 5, "seed {seed}: its picture moves");
            }
        }
        assert_eq!(world.violations, [""; 0]);
    }
}

fn host_waits(world: &World, host: usize) -> bool {
    world.session(host).lobby().waits
}

#[test]
fn a_watcher_of_a_lobby_follows_too() {
    for (seed, hands_over) in [(30, false), (31, true), (32, false), (33, true)] {
        let mut world = World::new(seed, party());
        world.way(30, 20, 2);
        for person in 0..3 {
            world.add(person, Can::Host);
        }
        let watcher = world.add(9, Can::Watch);
        world.run(ms(8000));
        let host = world.hosts()[0];
        assert_eq!(world.session(watcher).lobby().host, world.session(host).me());
        match hands_over {
            true => world.act(host, Act::HandOver),
            false => world.kill(host, false),
        }
        world.run(ms(2600));
        let next = world.hosts()[0];
        assert_ne!(next, host);
        assert_eq!(world.session(watcher).lobby().host, world.session(next).me(), "seed {seed}");
    }
}

#[test]
fn a_host_that_leaves_hands_over() {
    let mut world = World::new(2, party());
    world.way(30, 20, 2);
    world.gather(3);
    world.measured.longest_gap = Duration::ZERO;
    let host = world.hosts()[0];
    world.left.insert(world.person(host));
    world.act(host, Act::Leave);
    assert_eq!(world.events(host).last(), Some(&Event::Ended(End::Left)));
    world.run(ms(2000));
    assert!(world.measured.longest_gap < ms(400), "{:?}", world.measured.longest_gap);
    assert_eq!(world.session(world.hosts()[0]).lobby().seats.len(), 2);
    world.check_healed();
    assert_eq!(world.violations, [""; 0]);
}

#[test]
fn a_lobby_survives_its_host() {
    for goodbye in [true, false] {
        let mut world = World::new(3, party());
        world.way(20, 10, 0);
        for person in 0..3 {
            world.add(person, Can::Host);
        }
        world.run(ms(5000));
        let (host, line) = (world.hosts()[0], world.session(0).lobby().line);
        if goodbye {
            world.left.insert(world.person(host));
            world.act(host, Act::Leave);
        } else {
            world.kill(host, false);
        }
        world.run(ms(3000));
        let next = world.hosts()[0];
        let lobby = world.session(next).lobby().clone();
        assert_eq!((lobby.line, lobby.phase), (line, Phase::Gathering));
        assert_eq!(lobby.seats.len(), if goodbye { 2 } else { 3 });
        world.check_healed();
        world.begin();
        assert_eq!(world.violations, [""; 0]);
    }
}

#[test]
fn wishes_in_the_gap_reach_the_next_host() {
    let mut world = World::new(14, party());
    world.way(20, 10, 0);
    for person in 0..3 {
        world.add(person, Can::Host);
    }
    world.run(ms(5000));
    let host = world.hosts()[0];
    let guests = guests(&world);
    world.kill(host, false);
    world.run(ms(300));
    for which in &guests {
        world.act(*which, Act::Ready(true));
        world.act(*which, Act::Name(format!("p{which} again")));
    }
    world.run(ms(3000));
    let lobby = world.session(world.hosts()[0]).lobby().clone();
    for which in &guests {
        let seat = lobby.seat_at(world.session(*which).me()).expect("a seat");
        assert_eq!((seat.ready, seat.name.clone()), (true, format!("p{which} again")));
    }
    world.check_healed();
    assert_eq!(world.violations, [""; 0]);
}

#[test]
fn a_hidden_host_hands_over() {
    let mut world = World::new(4, party());
    world.way(20, 10, 1);
    world.gather(3);
    let host = world.hosts()[0];
    world.act(host, Act::Hidden(true));
    world.run(ms(1500));
    assert_eq!(world.hosts(), [host]);
    world.run(ms(2000));
    assert_ne!(world.hosts(), [host]);
    world.check_healed();
    let others: Vec<usize> = (0..3).filter(|which| *which != host).collect();
    others.iter().for_each(|which| world.act(*which, Act::Hidden(true)));
    world.run(ms(8000));
    world.check_healed();
    assert_eq!(world.violations, [""; 0], "where all are hidden, the game goes on");
}

#[test]
fn a_game_that_waits_keeps_its_host() {
    let waits = || Party { host_loss: HostLoss::Wait, ..party() };
    let mut world = World::new(5, waits());
    world.way(20, 10, 1);
    world.gather(3);
    let host = world.hosts()[0];
    let guests = guests(&world);
    world.kill(host, true);
    world.run(ms(20_000));
    assert_eq!(world.hosts(), [0; 0]);
    assert!(world.events(guests[0]).contains(&Event::Paused(Paused::Host)));
    let tick = world.session(guests[0]).counts().tick;
    let again = world.add(world.person(host), Can::Host);
    world.run(ms(3000));
    assert_eq!(world.hosts(), [again]);
    let entered = Event::Entered { slot: world.session(again).slot().unwrap() };
    assert!(world.events(again).contains(&entered), "{:?}", world.events(again));
    assert!(world.events(guests[0]).contains(&Event::Resumed), "{:?}", world.events(guests[0]));
    assert!(world.session(again).counts().tick > tick + 60);
    world.check_healed();
    assert_eq!(world.violations, [""; 0]);
    world.kill(again, true);
    world.run(ms(33_000));
    assert!(world.events(guests[0]).contains(&Event::Ended(End::HostGone)));
    world.run(ms(8000));
    world.check_healed();
    assert_eq!(world.session(world.hosts()[0]).lobby().phase, Phase::Gathering);
    assert_eq!(world.violations, [""; 0]);
}

#[test]
fn half_of_them_come_back() {
    let mut world = World::new(6, party());
    world.way(20, 10, 1);
    world.gather(5);
    world.run(ms(1000));
    let host = world.hosts()[0];
    let gone: Vec<usize> = std::iter::once(host).chain(guests(&world).into_iter().take(2)).collect();
    gone.iter().for_each(|which| world.kill(*which, false));
    world.run(ms(8000));
    assert_eq!(world.hosts(), [0; 0]);
    let line = world.session(guests(&world)[0]).lobby().line;
    assert!(world.events(guests(&world)[0]).contains(&Event::Paused(Paused::Others)));
    world.add(world.person(gone[1]), Can::Host);
    world.run(ms(4000));
    world.check_healed();
    let lobby = world.session(world.hosts()[0]).lobby().clone();
    assert_eq!((lobby.line, lobby.phase), (line, Phase::Playing));
    assert_eq!(world.violations, [""; 0]);
}

#[test]
fn two_halves_go_on_and_meet() {
    let mut world = World::new(7, party());
    world.way(20, 10, 1);
    world.gather(4);
    let host = world.hosts()[0];
    let mate = guests(&world)[0];
    let others: Vec<usize> = guests(&world).into_iter().skip(1).collect();
    for one in [host, mate] {
        others.iter().for_each(|other| world.cut(one, *other, true));
    }
    world.run(ms(5000));
    assert_eq!(world.hosts().len(), 2);
    for one in [host, mate] {
        others.iter().for_each(|other| world.cut(one, *other, false));
    }
    world.run(ms(10_000));
    world.check_healed();
    assert_ne!(world.hosts(), [host], "the greater term goes on");
    assert!(
        world.events(mate).iter().any(|event| matches!(event, Event::Apart { .. })),
        "{:?}",
        world.events(mate)
    );
    assert_eq!(world.violations, [""; 0]);
}

#[test]
fn two_who_lost_everything_begin_again() {
    let mut world = World::new(9, party());
    world.way(20, 10, 1);
    world.gather(2);
    let host = world.hosts()[0];
    let guest = guests(&world)[0];
    world.kill(host, false);
    world.run(ms(150));
    world.add(world.person(host), Can::Host);
    world.run(ms(1000));
    world.kill(guest, true);
    world.add(world.person(guest), Can::Host);
    world.run(ms(10_000));
    world.check_healed();
    assert_eq!(world.violations, [""; 0]);
    let silent = world.alive().into_iter().flat_map(|which| world.events(which));
    assert!(
        silent.filter(|event| *event == Event::HostSilent).count() < 10,
        "they search once, not for ever"
    );
}

#[test]
fn players_that_cannot_host_keep_the_state() {
    let mut world = World::new(8, party());
    world.way(20, 10, 1);
    world.add(0, Can::Host);
    world.run(ms(3000));
    world.add(1, Can::Play);
    world.add(2, Can::Play);
    world.run(ms(3000));
    world.begin();
    let tick = world.session(1).counts().tick;
    world.kill(0, true);
    world.run(ms(3000));
    assert_eq!(world.hosts(), [0; 0]);
    let again = world.add(0, Can::Host);
    world.run(ms(4000));
    assert_eq!(world.hosts(), [again]);
    let entered = Event::Entered { slot: world.session(again).slot().unwrap() };
    assert!(world.events(again).contains(&entered), "{:?}", world.events(again));
    assert!(world.session(again).counts().tick > tick);
    world.check_healed();
    assert_eq!(world.violations, [""; 0]);
}
