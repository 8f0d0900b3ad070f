//! Lobby, match, inputs and states without faults.

use meshwork_play::session::planted::begin_at;
use meshwork_play::session::{Act, ActError, Can, End, Event, Fault, FromGame, Phase, Refused};

use meshwork_play::{Draw, HostLoss, Party};

use crate::world::{World, ms, party};

#[test]
fn six_people_play_under_one_host() {
    let mut world = World::new(1, party());
    world.way(30, 10, 2);
    world.gather(6);
    world.run(ms(3000));
    assert_eq!(world.violations, [""; 0]);
    assert_eq!(world.hosts().len(), 1);
    let lobby = world.session(0).lobby().clone();
    assert_eq!((lobby.seats.len(), lobby.phase), (6, Phase::Playing));
    for which in 0..6 {
        assert!(
            world.session(which).is_host() || world.shows(which) > 150,
            "m{which} saw {}",
            world.shows(which)
        );
        assert!(world.session(which).counts().tick > 180);
    }
    world.check_healed();
    assert_eq!(world.violations, [""; 0]);
}

#[test]
fn the_seventh_reads_that_it_is_full() {
    let mut world = World::new(2, party());
    world.way(20, 5, 0);
    world.gather(6);
    let seventh = world.add(6, Can::Host);
    world.run(ms(3000));
    assert_eq!(world.events(seventh), [Event::Refused(Refused::Full), Event::Began]);
    assert!(world.session(seventh).is_watching());
    assert!(world.shows(seventh) > 10, "it watches: {}", world.shows(seventh));
    assert_eq!(world.session(world.hosts()[0]).watchers(), 1);
    world.holds = false;
    let guest = (0..6).find(|which| !world.session(*which).is_host()).expect("a player");
    world.act(guest, Act::Leave);
    world.left.insert(guest as u8);
    world.run(ms(500));
    world.act(seventh, Act::Sit);
    world.run(ms(3000));
    assert!(world.session(seventh).slot().is_some());
    assert_eq!(world.violations, [""; 0]);
}

#[test]
fn a_match_needs_ready_players() {
    let mut world = World::new(3, party());
    for person in 0..3 {
        world.add(person, Can::Host);
    }
    world.run(ms(8000));
    let host = world.hosts()[0];
    let guest = (0..3).find(|which| *which != host).expect("a player");
    assert_eq!(world.net.act(world.now, guest, Act::Start), Err(ActError::NotHost));
    assert!(
        matches!(world.net.act(world.now, host, Act::Start), Err(ActError::NotReady(unready)) if unready.len() == 2)
    );
    world.begin();
    assert_eq!(world.session(guest).lobby().phase, Phase::Playing);
}

#[test]
fn a_removed_player_stays_out() {
    let mut world = World::new(4, party());
    world.gather(3);
    let host = world.hosts()[0];
    let guest = (0..3).find(|which| *which != host).expect("a player");
    let slot = world.session(guest).slot().expect("a seat");
    world.act(host, Act::Kick(slot));
    world.run(ms(3000));
    assert!(world.events(guest).contains(&Event::Refused(Refused::Kicked)));
    assert_eq!(world.session(host).lobby().seats.len(), 2);
    let person = world.person(guest);
    world.kill(guest, true);
    let again = world.add(person, Can::Host);
    world.run(ms(3000));
    assert!(world.events(again).contains(&Event::Refused(Refused::Kicked)));
}

#[test]
fn ticks_pass_powers_of_two() {
    for tick in [(1 << 16) - 90, (1 << 32) - 90] {
        let mut world = World::new(5, party());
        world.way(30, 30, 2);
        begin_at(tick);
        world.gather(3);
        world.run(ms(1500));
        let host = world.hosts()[0];
        world.kill(host, false);
        world.run(ms(3000));
        world.check_healed();
        assert_eq!(world.violations, [""; 0]);
        assert!(world.session(world.hosts()[0]).counts().tick > tick + 180);
    }
}

#[test]
fn a_late_player_joins_where_allowed() {
    for late in [true, false] {
        let mut world = World::new(6, Party { late, ..party() });
        world.way(30, 10, 1);
        world.gather(3);
        let fourth = world.add(3, Can::Host);
        world.run(ms(2500));
        assert_eq!(world.session(fourth).slot(), late.then_some(3));
        assert_eq!(world.events(fourth).contains(&Event::Refused(Refused::Started)), !late);
        assert!(world.shows(fourth) > if late { 60 } else { 5 }, "{}", world.shows(fourth));
        let fault = Fault { message: String::from("over"), fatal: true, ..Fault::default() };
        world.net.handle_game(world.now, world.hosts()[0], FromGame::Failed(fault));
        world.run(ms(3000));
        assert_eq!(world.session(fourth).slot(), Some(3), "a match is over, and the next one has a place");
        assert_eq!(world.violations, [""; 0]);
    }
}

#[test]
fn a_reload_keeps_the_seat() {
    for goodbye in [true, false] {
        let mut world = World::new(7, party());
        world.way(20, 10, 1);
        world.gather(4);
        let guest = (0..4).find(|which| !world.session(*which).is_host()).expect("a player");
        let (person, slot) = (world.person(guest), world.session(guest).slot());
        world.kill(guest, goodbye);
        world.run(ms(400));
        let again = world.add(person, Can::Host);
        world.run(ms(2000));
        assert_eq!(world.session(again).slot(), slot);
        assert_eq!(world.session(world.hosts()[0]).lobby().seats.len(), 4);
        world.check_healed();
        assert_eq!(world.violations, [""; 0]);
    }
}

#[test]
fn the_newer_tab_takes_the_seat() {
    let mut world = World::new(8, party());
    world.gather(3);
    for which in 0..3 {
        let (person, slot) = (world.person(which), world.session(which).slot());
        let was_host = world.session(which).is_host();
        let newer = world.add(person, Can::Host);
        world.run(ms(2500));
        assert!(
            world.events(which).contains(&Event::Refused(Refused::Elsewhere)),
            "{was_host} {:?}",
            world.events(which)
        );
        assert!(world.session(which).is_over());
        assert_eq!(world.session(newer).slot(), slot);
    }
    world.check_healed();
    assert_eq!(world.violations, [""; 0]);
}

#[test]
fn a_seat_is_free_after_a_minute() {
    let mut world = World::new(9, party());
    world.gather(3);
    let guest = (0..3).find(|which| !world.session(*which).is_host()).expect("a player");
    world.holds = false;
    world.kill(guest, false);
    world.run(ms(5000));
    let host = world.hosts()[0];
    let away = |world: &World| world.session(host).lobby().seats.iter().filter(|seat| seat.away).count();
    assert_eq!((away(&world), world.session(host).lobby().seats.len()), (1, 3));
    world.run(ms(56_000));
    assert_eq!((away(&world), world.session(host).lobby().seats.len()), (0, 2));
}

#[test]
fn a_large_party_draws_interpolated_states_too() {
    let mut world = World::new(10, Party { draw: Draw::Interpolate, host_loss: HostLoss::Wait, ..party() });
    world.way(50, 50, 5);
    world.gather(6);
    world.run(ms(2000));
    let pace = world.session((0..6).find(|which| !world.session(*which).is_host()).expect("a player")).pace();
    assert!(pace.rate >= 50 && pace.states >= 40, "{pace:?}");
    assert_eq!(world.violations, [""; 0]);
}

#[test]
fn each_sound_is_heard_once() {
    let mut world = World::new(11, party());
    world.way(40, 60, 5);
    world.gather(3);
    world.sounds.clear();
    world.run(ms(4000));
    for which in (0..3).filter(|which| !world.session(*which).is_host()) {
        let own = world.sounds.iter().filter(|(who, _)| *who == which);
        let heard: Vec<u64> = own.map(|(_, sound)| sound[1..].parse().expect("a tick")).collect();
        assert!(heard.len() > 20 && heard.windows(2).all(|two| two[1] == two[0] + 10), "m{which}: {heard:?}");
    }
}

#[test]
fn larger_states_come_less_often() {
    for (bulk, least, most) in [(0, 55, 61), (400, 26, 31), (900, 17, 21), (4000, 1, 3)] {
        let mut world = World::new(12, party());
        world.way(20, 0, 0);
        world.bulk = bulk;
        world.gather(2);
        let guest = (0..2).find(|which| !world.session(*which).is_host()).expect("a player");
        let before = world.shows(guest);
        world.run(ms(2000));
        let shows = (world.shows(guest) - before) / 2;
        assert!((least..=most).contains(&shows), "{bulk} numbers: {shows} states a second");
        let host = world.hosts()[0];
        world.kill(host, true);
        world.run(ms(3000));
        assert_eq!((world.hosts(), world.violations), (vec![guest], vec![]));
    }
}

#[test]
fn a_state_that_grows_ends_the_match() {
    let mut world = World::new(13, party());
    world.bulk = 20_500;
    for person in 0..2 {
        world.add(person, Can::Host);
    }
    world.run(ms(5000));
    let host = world.hosts()[0];
    world.act(1 - host, Act::Ready(true));
    world.run(ms(200));
    world.act(host, Act::Start);
    world.run(ms(4000));
    let failed = |event: &Event| matches!(event, Event::Ended(End::Failed(fault)) if fault.message.contains("exceeds the limit"));
    for which in 0..2 {
        assert!(world.events(which).iter().any(failed), "{:?}", world.events(which));
        assert_eq!(world.session(which).lobby().phase, Phase::Ended);
    }
    world.bulk = 0;
    world.act(host, Act::Again);
    world.run(ms(500));
    world.begin();
    world.check_healed();
    assert_eq!(world.violations, [""; 0]);
}

#[test]
fn a_silent_engine_ends_the_match() {
    let mut world = World::new(14, party());
    world.gather(2);
    world.is_mute = true;
    world.run(ms(17_000));
    for which in 0..2 {
        assert_eq!(world.session(which).lobby().phase, Phase::Ended);
    }
}
