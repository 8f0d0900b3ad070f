//! Shared worlds: members that come and go, drawn from seeds; hostile messages; planted faults.

use meshwork_core::wire::{Bounded, Bytes};
use meshwork_physics::lockstep::planted::{Planted, plant};
use meshwork_physics::lockstep::{
    Event, INPUT_MAX, InputBytes, InputError, MESSAGE_MAX, Message, Phase, TICKS_MAX, Tick, Violation,
    WAITING_MAX,
};

use crate::room::{Room, endpoint, ms};

/// Seeds of each run. A night tries many more: `MESHWORK_NIGHTLY=1`, or `MESHWORK_PHYSICS_SEEDS=5000`.
const SEEDS: u64 = 100;
const NIGHTLY_SEEDS: u64 = 2000;

/// Two to six members who come, go, and are split.
fn drawn(seed: u64) -> Vec<String> {
    let mut room = Room::new(seed);
    let members = 2 + room.rng.below(5) as usize;
    room.delay = (2 + room.rng.below(40), 1 + room.rng.below(120));
    for _ in 0..members {
        room.add();
        let pause = room.rng.below(1200);
        room.play(ms(pause));
    }
    let pause = 2000 + room.rng.below(2000);
    room.play(ms(pause));
    for _ in 0..2 + room.rng.below(3) {
        fault(&mut room, members);
        let pause = 300 + room.rng.below(4000);
        room.play(ms(pause));
    }
    while room.members.len() < 2 {
        room.add();
    }
    room.run(ms(15_000));
    room.check_healed();
    room.violations
}

fn fault(room: &mut Room, most: usize) {
    let all: Vec<usize> = room.members.keys().copied().collect();
    let which = all[room.rng.below(all.len() as u64) as usize];
    match room.rng.below(5) {
        0 if all.len() > 1 => {
            let is_noticed = room.rng.below(2) == 0;
            room.kill(which, is_noticed);
        }
        1 if all.len() > 1 => {
            let orderer = room.orderers().first().copied().unwrap_or(which);
            let is_noticed = room.rng.below(2) == 0;
            room.kill(orderer, is_noticed);
        }
        2 if all.len() > 2 => {
            let side = 1 + room.rng.below(all.len() as u64 - 1) as usize;
            for one in &all[..side] {
                room.cut.extend(all[side..].iter().map(|other| (*one, *other)));
            }
            let time = 300 + room.rng.below(9000);
            room.play(ms(time));
            room.cut.clear();
        }
        3 => {
            room.loss = 60;
            let time = 300 + room.rng.below(3000);
            room.play(ms(time));
            room.loss = 5;
        }
        _ if all.len() < most + 1 => {
            room.add();
        }
        _ => {}
    }
}

#[test]
fn drawn_rooms_keep_one_world() {
    let asked = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = asked("MESHWORK_SEED") {
        return assert_eq!(drawn(seed), Vec::<String>::new(), "MESHWORK_SEED={seed}");
    }
    let is_night = std::env::var_os("MESHWORK_NIGHTLY").is_some();
    let seeds = asked("MESHWORK_PHYSICS_SEEDS").unwrap_or(if is_night { NIGHTLY_SEEDS } else { SEEDS });
    let wrong: Vec<String> = (0..seeds)
        .filter_map(|seed| drawn(seed).first().map(|wrong| format!("MESHWORK_SEED={seed}: {wrong}")))
        .collect();
    println!("{seeds} seeds");
    assert!(wrong.is_empty(), "{} of {seeds} seeds:\n{}", wrong.len(), wrong.join("\n"));
}

/// Members that came one after the other. The first one orders.
fn gathered(seed: u64, members: usize) -> Room {
    let mut room = Room::new(seed);
    for _ in 0..members {
        room.add();
        room.run(ms(3000));
    }
    room
}

#[test]
fn everybody_restores_when_a_newcomer_joins() {
    let mut room = gathered(1, 2);
    room.play(ms(12_000));
    let newcomer = room.add();
    room.play(ms(5000));
    assert_eq!(room.violations, Vec::<String>::new());
    let ticks: Vec<u64> = room.members.values().map(|member| member.lockstep.tick()).collect();
    assert!(ticks.iter().all(|tick| *tick > 900), "{ticks:?}");
    assert!(
        room.members[&newcomer]
            .events
            .iter()
            .any(|event| matches!(event, Event::Restored(tick) if *tick > 600))
    );
}

#[test]
fn the_next_member_orders_when_the_first_goes() {
    let mut room = gathered(2, 4);
    assert_eq!(room.orderers(), [0]);
    let before = room.members[&1].lockstep.tick();
    room.kill(0, false);
    room.play(ms(1900));
    assert_eq!(room.orderers(), [1]);
    assert!(room.members[&1].lockstep.tick() > before);
    room.run(ms(8000));
    room.check_healed();
    assert_eq!(room.violations, Vec::<String>::new());
}

#[test]
fn of_two_orderers_the_greater_term_wins() {
    let mut room = gathered(3, 4);
    room.cut = vec![(0, 2), (0, 3), (1, 2), (1, 3)];
    room.play(ms(6000));
    assert_eq!(room.orderers(), [0, 2]);
    room.cut.clear();
    room.play(ms(6000));
    assert_eq!(room.orderers(), [2]);
    assert!(room.members.keys().all(|which| room.line(*which).map(|line| line.term) == Some(2)));
    assert_eq!(room.violations, Vec::<String>::new());
}

#[test]
fn of_two_beginnings_the_longer_here_wins() {
    let mut room = Room::new(4);
    room.add();
    room.run(ms(5000));
    room.add();
    room.cut = vec![(0, 1)];
    room.run(ms(4000));
    assert_eq!(room.orderers(), [0, 1]);
    room.cut.clear();
    room.run(ms(3000));
    assert_eq!(room.orderers(), [0]);
}

#[test]
fn inputs_count_once_when_the_orderer_goes() {
    let mut room = gathered(5, 3);
    for _ in 0..20 {
        room.input(2);
        room.run(ms(40));
    }
    room.kill(0, true);
    for _ in 0..20 {
        room.input(2);
        room.run(ms(40));
    }
    room.run(ms(5000));
    let world = room.members[&1].lockstep.simulation();
    assert_eq!(world.authors[&endpoint(2).to_bytes()], (40, 40));
    assert_eq!((room.members[&2].lost, room.violations), (0, Vec::new()));
}

#[test]
fn an_input_has_its_limits() {
    let mut room = gathered(6, 2);
    let member = room.members.get_mut(&1).expect("it is here");
    let long = vec![0; INPUT_MAX + 1];
    assert_eq!(member.lockstep.input(room.now, &long), Err(InputError::TooLong(INPUT_MAX + 1)));
    let results: Vec<bool> =
        (0..=WAITING_MAX).map(|_| member.lockstep.input(room.now, b"x").is_ok()).collect();
    assert_eq!(results.iter().filter(|is_accepted| **is_accepted).count(), WAITING_MAX);
    room.run(ms(3000));
    assert_eq!(room.members[&1].lockstep.waiting(), 0);
}

#[test]
fn hostile_messages_are_refused_and_counted() {
    let mut room = gathered(7, 3);
    let (line, now) = (room.line(0).expect("it orders"), room.now);
    let own = |number, bytes: &[u8]| (number, InputBytes::new(bytes.to_vec()).expect("short"));
    let report = |next, inputs| Message::Report(line, next, None, Bounded::new(inputs).expect("few"));
    let tick = room.members[&0].lockstep.tick();
    let orderer = &mut room.members.get_mut(&0).expect("it is here").lockstep;
    let before = orderer.refused();
    orderer.handle(now, endpoint(9), &report(tick, vec![own(1, b"x")]).encode());
    assert_eq!(orderer.refused().strangers, before.strangers + 1);
    orderer.here(endpoint(9));
    orderer.handle(now, endpoint(9), &report(tick, vec![own(1, b"x")]).encode());
    assert_eq!(orderer.refused().strangers, before.strangers + 2);
    orderer.handle(now, endpoint(1), &report(tick + 5, vec![own(900, b"x")]).encode());
    assert_eq!(orderer.refused().future, before.future + 1);
    let doubled = report(tick, vec![own(50, b"a"), own(50, b"b"), own(49, b"c")]);
    orderer.handle(now, endpoint(1), &doubled.encode());
    assert_eq!(orderer.refused().past, before.past + 2);
    let many = (0..64).map(|number| own(100 + number, b"x")).collect();
    orderer.handle(now, endpoint(1), &report(tick, many).encode());
    assert_eq!(orderer.refused().many, before.many + 1);
    for bytes in [vec![], vec![2, 0], vec![1, 99], vec![1; 40], vec![0; MESSAGE_MAX + 1]] {
        let violations = orderer.refused().violations;
        orderer.handle(now, endpoint(1), &bytes);
        assert_eq!(orderer.refused().violations, violations + 1);
    }
    let ticks = Bounded::new(vec![Tick::default(); TICKS_MAX]).expect("few");
    let forged = [Message::Beat(line), Message::Ticks(line, tick, ticks), Message::Differs(line, tick)];
    let member = &mut room.members.get_mut(&1).expect("it is here").lockstep;
    for message in forged {
        let violations = member.refused().violations;
        member.handle(now, endpoint(2), &message.encode());
        assert_eq!((member.refused().violations, member.phase()), (violations + 1, Phase::Following));
    }
}

#[test]
fn a_false_restore_point_changes_nothing() {
    let mut room = gathered(8, 2);
    let (mut line, now) = (room.line(0).expect("it orders"), room.now);
    (line.term, line.orderer) = (9, endpoint(9));
    let member = &mut room.members.get_mut(&1).expect("it is here").lockstep;
    member.here(endpoint(9));
    let world = member.simulation().clone();
    let part = |bytes: &[u8]| Message::Part(line, 70, 0, Bytes::new(bytes.to_vec()).expect("short")).encode();
    for (length, digest, bytes) in [
        (4, [0; 32], &b"lies"[..]),
        (4, *blake3::hash(b"lies").as_bytes(), &b"lies"[..]),
        (4, *blake3::hash(b"lies").as_bytes(), &b"longer"[..]),
        (1, *blake3::hash(&[1]).as_bytes(), &[1][..]),
    ] {
        let violations = member.refused().violations;
        member.handle(now, endpoint(9), &Message::Offer(line, 70, digest, length).encode());
        member.handle(now, endpoint(9), &part(bytes));
        assert_eq!(member.refused().violations, violations + 1);
        assert_eq!((member.simulation(), member.phase()), (&world, Phase::Joining));
    }
    // Its orderer is still there: the liar falls silent, and the member goes back.
    room.run(ms(9000));
    assert_eq!(room.members[&1].lockstep.phase(), Phase::Following);
    let lies = room.members[&1].events.iter();
    assert!(lies.clone().any(|event| matches!(event, Event::Refused(_, Violation::Point(_)))));
}

#[test]
fn a_differing_member_is_told_and_restores() {
    let mut room = gathered(9, 3);
    // Its world gets another input behind the back of the others.
    let input = meshwork_physics::lockstep::Input { from: endpoint(7), number: 1, bytes: vec![9] };
    let world = room.members.get_mut(&2).expect("it is here").lockstep.simulation_mut();
    let steps = world.steps;
    meshwork_physics::lockstep::Simulation::step(world, &[input]);
    world.steps = steps;
    room.forgive(2);
    room.run(ms(6000));
    let told = |which: usize| {
        let events = &room.members[&which].events;
        events.iter().any(|event| matches!(event, Event::Differed(who, _) if *who == endpoint(2)))
    };
    assert!(told(0) && told(2));
    room.watch();
    room.run(ms(1000));
    room.check_healed();
    assert_eq!(room.violations, Vec::<String>::new());
}

fn takeover() -> Vec<String> {
    let mut room = gathered(11, 3);
    room.play(ms(3000));
    room.kill(0, true);
    room.play(ms(6000));
    room.violations
}

fn newcomer() -> Vec<String> {
    let mut room = gathered(12, 3);
    room.play(ms(12_000));
    room.add();
    room.play(ms(5000));
    room.violations
}

fn playing() -> Vec<String> {
    let mut room = gathered(13, 3);
    room.play(ms(4000));
    room.violations
}

fn split() -> Vec<String> {
    let mut room = gathered(14, 4);
    room.cut = vec![(0, 2), (0, 3), (1, 2), (1, 3)];
    room.play(ms(6000));
    room.cut.clear();
    room.run(ms(15_000));
    room.check_healed();
    if room.orderers() != [2] {
        room.violations.push(format!("greater: {:?} order, and 2 has the greater term", room.orderers()));
    }
    room.violations
}

#[test]
fn every_planted_fault_is_noticed() {
    let mut wrong = Vec::new();
    for fault in Planted::ALL {
        let (checker, trial, at): (_, fn() -> Vec<String>, _) = match fault {
            Planted::OnlyNewcomerRestores => ("digest", newcomer, None),
            Planted::LateInputs => ("digest", playing, Some(endpoint(1))),
            Planted::RepeatedTick => ("ticks", takeover, None),
            Planted::InputsForgotten => ("once", takeover, None),
            Planted::LesserLine => ("greater", split, None),
        };
        plant(None);
        let clean = trial();
        plant(Some((fault, at)));
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

#[test]
fn drawn_rooms_notice_planted_faults() {
    let faults =
        [Planted::OnlyNewcomerRestores, Planted::LateInputs, Planted::RepeatedTick, Planted::InputsForgotten];
    let mut unnoticed = Vec::new();
    for fault in faults {
        let at = (fault == Planted::LateInputs).then(|| endpoint(1));
        plant(Some((fault, at)));
        if (0..SEEDS).all(|seed| drawn(seed).is_empty()) {
            unnoticed.push(fault);
        }
        plant(None);
    }
    assert!(unnoticed.is_empty(), "{unnoticed:?}");
}
