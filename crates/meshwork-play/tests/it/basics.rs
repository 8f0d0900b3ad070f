//! Lobby, match, inputs and states without faults.

use meshwork_play::session::{Act, ActError, Can, Event, Phase, Refused};

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
    world.holds = false;
    let guest = (0..6).find(|which| !world.session(*which).is_host()).expect("a player");
    world.act(guest, Act::Leave);
    world.left.insert(guest as u8);
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
    world.run(ms(6000));
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
