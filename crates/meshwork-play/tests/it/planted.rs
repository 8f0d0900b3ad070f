//! Faults planted in sessions, each of which the checker that is named for it must notice.

use meshwork_core::wire;
use meshwork_play::input;
use meshwork_play::packets::{InputPacket, Run};
use meshwork_play::session::planted::{Planted, plant};
use meshwork_play::session::{Can, Output};

use crate::seeds::Drawn;
use crate::world::{World, ms, party};

/// Two of four people are cut off from the host alone.
fn two_are_cut_off() -> Vec<String> {
    let mut world = World::new(5, party());
    world.way(20, 10, 1);
    world.gather(4);
    let host = world.hosts()[0];
    let guests: Vec<usize> = (0..4).filter(|which| *which != host).take(2).collect();
    world.run(ms(500));
    guests.iter().for_each(|guest| world.cut(host, *guest, true));
    world.run(ms(4000));
    let hosts = world.hosts();
    if hosts != [host] {
        world.violations.push(format!("cut-off: hosts are {hosts:?}"));
    }
    guests.iter().for_each(|guest| world.cut(host, *guest, false));
    world.run(ms(4000));
    world.violations
}

/// One of five is alone, longer than it may go on.
fn one_is_alone() -> Vec<String> {
    let mut world = World::new(6, party());
    world.way(20, 10, 1);
    world.gather(5);
    let host = world.hosts()[0];
    world.run(ms(500));
    for other in (0..5).filter(|other| *other != host) {
        world.cut(host, other, true);
    }
    world.run(ms(8000));
    world.violations
}

/// A watcher sends inputs.
fn one_plays_for_another() -> Vec<String> {
    let mut world = World::new(7, party());
    world.gather(3);
    let host = world.hosts()[0];
    let guest = world.add(3, Can::Watch);
    world.run(ms(1000));
    let lobby = world.session(host).lobby().clone();
    let run = Run { repeat: 1, keys: input::MASK, axes: None, pointer: Some((guest as u16, 9)) };
    let packet = InputPacket {
        line: lobby.line,
        term: lobby.term,
        round: 1,
        newest: 60_000,
        acked: None,
        runs: vec![run],
    };
    let to = Some(world.session(host).me());
    world.net.forge(world.now, guest, Output::Datagram { to, topic: "i", bytes: wire::encode(&packet) });
    world.run(ms(2000));
    world.violations
}

/// A host that was cut off for a while comes back, when there is another one.
fn an_old_host_returns() -> Vec<String> {
    let mut world = World::new(8, party());
    world.way(20, 10, 1);
    world.gather(2);
    let host = world.hosts()[0];
    world.run(ms(500));
    world.cut(0, 1, true);
    world.run(ms(5000));
    world.cut(0, 1, false);
    world.run(ms(12_000));
    let hosts = world.hosts();
    if hosts != [1 - host] {
        world.violations.push(format!("greater-term: hosts are {hosts:?}, {host} was the first one"));
    }
    world.violations
}

/// Somebody in the middle seat reloads.
fn one_reloads() -> Vec<String> {
    let mut world = World::new(9, party());
    world.gather(3);
    let host = world.hosts()[0];
    let guest = (0..3).find(|which| *which != host).expect("a player");
    let person = world.person(guest);
    world.kill(guest, true);
    world.run(ms(300));
    world.add(person, Can::Host);
    world.run(ms(3000));
    world.check_healed();
    world.violations
}

/// A player misses the last states of a host that consumed its inputs.
fn last_states_are_missed() -> Vec<String> {
    let mut world = World::new(10, party());
    world.way(60, 20, 0);
    world.gather(3);
    let host = world.hosts()[0];
    let guest = (0..3).rev().find(|which| *which != host).expect("a player");
    world.run(ms(1500));
    world.holds = false;
    world.cut(host, guest, true);
    world.run(ms(80));
    world.kill(host, true);
    world.run(ms(4000));
    world.violations
}

fn a_party_is_drawn() -> Vec<String> {
    (0..20).find_map(|seed| Drawn::new(seed, false).run().err()).into_iter().collect()
}

/// The checker that is named for a fault, and where it is to notice it.
fn proof(fault: Planted) -> (&'static str, fn() -> Vec<String>) {
    match fault {
        Planted::CutOffTakesOver => ("cut-off", two_are_cut_off),
        Planted::FewGoOn => ("half", one_is_alone),
        Planted::CountsForgotten => ("once", last_states_are_missed),
        Planted::OthersInput => ("own-input", one_plays_for_another),
        Planted::LowerTerm => ("greater-term", an_old_host_returns),
        Planted::RemovalsForgotten => ("rebuilt", a_party_is_drawn),
        Planted::SeatForgotten => ("seat-kept", one_reloads),
    }
}

#[test]
fn every_planted_fault_is_noticed() {
    let mut wrong = Vec::new();
    for fault in Planted::ALL {
        let (checker, trial) = proof(fault);
        plant(None);
        let clean = trial();
        plant(Some(fault));
        let found = trial();
        plant(None);
        if !clean.is_empty() {
            wrong.push(format!("{fault:?}: not clean without the fault: {clean:?}"));
        }
        if !found.iter().any(|violation| violation.starts_with(checker)) {
            wrong.push(format!("{fault:?}: {checker} did not notice it: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
