//! One cause and its effect each.

use std::time::Duration;

use meshwork_compute::book::{Ended, State};
use meshwork_compute::job::{Check, Kind, Shader};
use meshwork_compute::message::{Packet, Ran, Report, Tag8};
use meshwork_compute::order::Order;
use meshwork_compute::{Input, Standstill, SubmitError, Terms, Trust, packet};
use meshwork_core::wire::{Bounded, Bytes};

use crate::world::{Conduct, World, job, peer_id, plain};

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn done(world: &mut World) {
    let state = world.run_to_end(900);
    assert!(
        matches!(state, State::Done { .. }),
        "{state:?}, {:?}",
        world.nodes[0].desk.job(&world.id.unwrap())
    );
    assert_eq!(world.judge(), Default::default());
}

fn standstill(world: &World, peer: usize) -> Option<Standstill> {
    let at = world.at(peer).unwrap();
    world.nodes[at].desk.job(&world.id.unwrap()).unwrap().standstill
}

#[test]
fn a_job_is_done_by_all() {
    for check in [Check::None, Check::Sample, Check::All] {
        let mut world = World::new(1, job(200, check, &[0], 40));
        for peer in 0..4 {
            world.add(peer, Conduct::Honest, 1, ms(300));
        }
        world.submit(0);
        done(&mut world);
    }
}

#[test]
fn large_results_travel_as_blobs() {
    let mut world = World::new(2, job(40, Check::Sample, &[0], 5000));
    for peer in 0..3 {
        world.add(peer, Conduct::Honest, 2, ms(300));
    }
    world.submit(0);
    done(&mut world);
}

#[test]
fn a_job_survives_its_submitter() {
    let mut world = World::new(3, job(120, Check::Sample, &[0, 1], 40));
    for peer in 0..4 {
        world.add(peer, Conduct::Honest, 1, ms(500));
    }
    world.submit(0);
    world.run(15);
    world.kill(0, true);
    done(&mut world);
    assert!(world.book().unwrap().epoch > 1);
}

#[test]
fn without_lenders_the_job_says_so() {
    let mut world = World::new(4, job(10, Check::None, &[0], 40));
    world.add(0, Conduct::Honest, 0, ms(500));
    world.submit(0);
    world.run(20);
    assert_eq!(standstill(&world, 0), Some(Standstill::NobodyLends));
    world.add(1, Conduct::Honest, 1, ms(100));
    done(&mut world);
}

#[test]
fn without_cards_a_shader_says_so() {
    let mut shader = job(10, Check::None, &[0], 40);
    shader.program.kind = Kind::Wgsl(Shader { groups: [1; 3], output: 4 });
    let mut world = World::new(4, shader);
    for peer in 0..2 {
        world.add(peer, Conduct::Honest, 1, ms(500));
    }
    world.submit(0);
    world.run(20);
    assert_eq!(standstill(&world, 0), Some(Standstill::NoCard));
}

#[test]
fn lenders_of_other_kinds_are_not_nobody() {
    let mut script = job(10, Check::None, &[0], 40);
    script.program.kind = Kind::Js;
    let mut world = World::new(4, script);
    world.add(0, Conduct::Honest, 1, ms(500));
    world.submit(0);
    world.run(20);
    assert_eq!(standstill(&world, 0), Some(Standstill::NobodyRuns(Kind::Js)));
}

#[test]
fn without_trusted_lenders_results_wait() {
    let mut world = World::new(5, job(10, Check::All, &[0], 40));
    world.add(0, Conduct::Honest, 0, ms(500));
    world.add(1, Conduct::Honest, 1, ms(100));
    world.submit(0);
    world.run(90);
    assert!(
        matches!(standstill(&world, 0), Some(Standstill::NobodyChecks { results: 1.. })),
        "{:?}",
        standstill(&world, 0)
    );
    world.add(0, Conduct::Honest, 1, ms(100));
    done(&mut world);
}

/// A stranger reports more than ten results before a trusted peer lends. Returns the checks of the whole job.
fn checks_of_a_stranger(conduct: Conduct) -> u32 {
    let mut world = World::new(19, job(400, Check::Sample, &[0], 40));
    world.add(0, Conduct::Honest, 0, ms(100));
    world.add(1, conduct, 1, ms(300));
    let id = world.submit(0);
    world.run(100);
    let waiting = standstill(&world, 0);
    assert!(matches!(waiting, Some(Standstill::NobodyChecks { results: 25.. })), "{waiting:?}");
    assert_eq!(world.nodes[0].desk.job(&id).unwrap().accepted, 0);
    let now = world.now;
    world.with(0, |desk| desk.lend(now, Some(plain())));
    done(&mut world);
    assert_eq!(world.blob_of_outcome(), world.alone(&world.job));
    assert_eq!(world.caught().contains(&peer_id(1)), conduct.lies());
    world.book().unwrap().checked
}

#[test]
fn results_wait_for_the_first_checks() {
    let checks = checks_of_a_stranger(Conduct::Honest);
    assert!((10..22).contains(&checks), "{checks}");
}

#[test]
fn waiting_results_of_a_liar_are_open_again() {
    checks_of_a_stranger(Conduct::Wrong);
}

#[test]
fn without_trusted_endpoints_the_job_waits() {
    let mut world = World::new(6, job(100, Check::None, &[0], 40));
    world.add(0, Conduct::Honest, 0, ms(500));
    world.add(1, Conduct::Honest, 1, ms(500));
    world.submit(0);
    world.run(10);
    world.kill(0, true);
    world.run(30);
    assert_eq!(standstill(&world, 1), Some(Standstill::NobodyTrusted(peer_id(0))));
    world.add(0, Conduct::Honest, 0, ms(500));
    done(&mut world);
}

#[test]
fn a_failing_program_ends_its_job() {
    let mut world = World::new(7, job(30, Check::Sample, &[0], 40));
    world.traps.insert(17);
    for peer in 0..3 {
        world.add(peer, Conduct::Honest, 1, ms(200));
    }
    world.submit(0);
    let state = world.run_to_end(300);
    assert!(matches!(state, State::Failed { unit: 17, .. }), "{state:?}");
}

#[test]
fn strangers_alone_fail_no_job() {
    let mut world = World::new(8, job(60, Check::Sample, &[0], 40));
    world.add(0, Conduct::Honest, 1, ms(300));
    for peer in 1..5 {
        world.add(peer, Conduct::Fails, 1, ms(300));
    }
    world.submit(0);
    done(&mut world);
}

#[test]
fn pause_waits_and_goes_on() {
    let mut world = World::new(9, job(200, Check::None, &[0], 40));
    for peer in 0..3 {
        world.add(peer, Conduct::Honest, 1, ms(500));
    }
    let id = world.submit(0);
    world.run(15);
    world.with(0, |desk| desk.order(&id, Order::Pause));
    world.run(10);
    let ran = world.ran;
    world.run(60);
    assert_eq!(world.ran, ran);
    assert_eq!(standstill(&world, 0), Some(Standstill::Paused));
    world.with(0, |desk| desk.order(&id, Order::Run));
    done(&mut world);
}

#[test]
fn cancel_is_for_good() {
    let mut world = World::new(10, job(200, Check::None, &[0], 40));
    for peer in 0..3 {
        world.add(peer, Conduct::Honest, 1, ms(500));
    }
    let id = world.submit(0);
    world.run(10);
    world.with(2, |desk| desk.cancel(&id));
    world.with(0, |desk| desk.order(&id, Order::Run));
    assert_eq!(world.run_to_end(60), State::Cancelled);
    let ran = world.ran;
    world.run(30);
    assert_eq!(world.ran, ran);
}

#[test]
fn a_refused_book_is_named() {
    let mut world = World::new(11, job(60, Check::None, &[0], 40));
    world.add(0, Conduct::Honest, 0, ms(500));
    world.add(1, Conduct::Honest, 1, ms(300));
    world.submit(0);
    world.run(1);
    world.refuses.insert(0);
    world.run(45);
    assert_eq!(standstill(&world, 0), Some(Standstill::BookRefused));
    world.refuses.clear();
    done(&mut world);
}

#[test]
fn cheaters_are_caught_and_undone() {
    let mut world = World::new(12, job(300, Check::All, &[0, 1], 40));
    world.add(0, Conduct::Honest, 1, ms(200));
    world.add(1, Conduct::Honest, 1, ms(300));
    world.add(2, Conduct::Wrong, 1, ms(200));
    world.add(3, Conduct::Rare, 1, ms(200));
    world.add(4, Conduct::ManyKeys, 1, ms(200));
    world.submit(0);
    done(&mut world);
    assert!(world.caught().contains(&peer_id(2)) && world.caught().contains(&peer_id(4)));
}

#[test]
fn only_sound_jobs_are_submitted() {
    let mut world = World::new(13, job(0, Check::None, &[0], 40));
    world.add(0, Conduct::Honest, 0, ms(500));
    let (none, other) = (world.job.clone(), job(5, Check::None, &[1], 40));
    let desk = &mut world.nodes[0].desk;
    assert!(matches!(desk.submit(&none), Err(SubmitError::Format(_))));
    assert_eq!(desk.submit(&other), Err(SubmitError::NotFirst));
}

#[test]
fn trusted_results_that_differ_end_jobs() {
    let mut world = World::new(14, job(40, Check::All, &[0, 1, 2], 40));
    for peer in 0..3 {
        world.add(peer, Conduct::Honest, 0, ms(300));
    }
    let id = world.submit(0);
    world.run(5);
    let (steward, now) = (world.nodes[0].endpoint, world.now);
    for (at, value) in [(1, 7), (2, 7), (2, 8)] {
        let from = world.nodes[at].endpoint;
        let packet = Packet::Inline(Bytes::new(packet::write(&[[value; 4]])).unwrap());
        let report = Report {
            job: id,
            answers: (1, Tag8::of(&steward)),
            number: value.into(),
            seen: 0,
            wants: 0,
            runs: Bounded::default(),
            ran: Bounded::new(vec![Ran { span: (3, 1), packet, micros: 9 }]).unwrap(),
            failed: Bounded::default(),
        };
        assert!(!world.state().is_over(), "equal results end nothing");
        world.with(0, |desk| {
            desk.handle(now, Input::Message { from, topic: "report", bytes: &report.encode() })
        });
    }
    world.run(5);
    let state = world.state();
    assert!(matches!(state, State::Failed { unit: 3, reason: Ended::Differs }), "{state:?}");
}

#[test]
fn pardoned_peers_work_again() {
    let mut world = World::new(15, job(400, Check::All, &[0], 40));
    world.add(0, Conduct::Honest, 1, ms(900));
    world.add(1, Conduct::Wrong, 1, ms(300));
    let id = world.submit(0);
    world.run(30);
    assert!(world.caught().contains(&peer_id(1)));
    let ran = |world: &World| world.nodes[1].desk.is_running(&id);
    assert!(!ran(&world));
    world.with(0, |desk| desk.pardon(&peer_id(1)));
    assert!((0..40).any(|_| {
        world.tick();
        ran(&world)
    }));
}

#[test]
fn lenders_choose_whose_programs_run() {
    let mut world = World::new(16, job(40, Check::None, &[0], 40));
    world.add(0, Conduct::Honest, 0, ms(300));
    world.add(1, Conduct::Honest, 1, ms(300));
    let now = world.now;
    let terms = |trust| Some(Terms { trust, ..plain() });
    world.with(1, |desk| desk.lend(now, terms(Trust::Mine)));
    world.submit(0);
    world.run(40);
    assert_eq!(world.ran, 0);
    assert_eq!(standstill(&world, 0), Some(Standstill::NobodyTakes));
    let now = world.now;
    world.with(1, |desk| desk.lend(now, terms(Trust::People([peer_id(0)].into()))));
    world.run(5);
    assert!(world.ran > 0);
    let now = world.now;
    world.with(1, |desk| desk.lend(now, None));
    let ran = world.ran;
    world.run(5);
    assert_eq!(world.ran, ran);
    world.with(1, |desk| desk.lend(now, terms(Trust::Everybody)));
    done(&mut world);
}

#[test]
fn convictions_by_others_open_units() {
    let mut world = World::new(17, job(300, Check::None, &[0, 1], 40));
    for (peer, conduct) in [Conduct::Honest, Conduct::Honest, Conduct::Wrong].into_iter().enumerate() {
        world.add(peer, conduct, 1, ms(300));
    }
    let id = world.submit(0);
    world.run(20);
    let rest_on_it = |world: &World| {
        let author = |unit| world.nodes[0].desk.author(&id, unit).map(|(by, _)| by);
        (0..300).filter(|unit| author(*unit) == Some(peer_id(2))).count()
    };
    assert!(rest_on_it(&world) > 0);
    world.convict(1, 2);
    world.run(10);
    assert_eq!(rest_on_it(&world), 0);
    done(&mut world);
}

#[test]
fn an_outcome_is_final() {
    let mut world = World::new(18, job(60, Check::None, &[0, 1], 40));
    for (peer, conduct) in [Conduct::Honest, Conduct::Honest, Conduct::Wrong].into_iter().enumerate() {
        world.add(peer, conduct, 1, ms(300));
    }
    let id = world.submit(0);
    done(&mut world);
    let book = world.book();
    world.convict(1, 2);
    world.run(60);
    assert_eq!(world.book(), book);
    assert_eq!(world.nodes[0].desk.job(&id).unwrap().caught, [peer_id(2)], "readers are warned");
    assert_eq!(world.judge(), Default::default());
}
