//! The doors that the library and pages use: following, erasing, pausing, inputs, offered programs, reductions, and several jobs at once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use meshwork_compute::book::State;
use meshwork_compute::job::{Check, Input, Kind, Reduce};
use meshwork_compute::message::{GRANT, Grants};
use meshwork_compute::order::Order;
use meshwork_compute::{Job, JobId, Standstill, Terms, Trust};
use meshwork_core::wire::{Bounded, BoundedText};

use crate::basics::ms;
use crate::world::{Conduct, World, job, peer_id, plain, value};

/// A room of honest lenders. The first `trusted` are trusted.
fn room(seed: u64, job: Job, lenders: usize) -> World {
    let mut world = World::new(seed, job);
    for peer in 0..lenders {
        world.add(peer, Conduct::Honest, 1, ms(300));
    }
    world
}

fn sound(world: &mut World) {
    assert_eq!(world.judge(), BTreeSet::new());
}

fn lend(world: &mut World, peer: usize, terms: Option<Terms>) {
    let now = world.now;
    world.with(peer, |desk| desk.lend(now, terms));
}

fn view(world: &World, peer: usize) -> meshwork_compute::JobView {
    let at = world.at(peer).unwrap();
    world.nodes[at].desk.job(&world.id.unwrap()).unwrap()
}

/// All results of the job of this world.
fn truths(world: &World) -> BTreeMap<u32, Vec<u8>> {
    (0..world.job.units).map(|unit| (unit, value(&world.job, unit))).collect()
}

fn given(world: &World, peer: usize) -> BTreeMap<u32, Vec<u8>> {
    world.nodes[world.at(peer).unwrap()].given.get(&world.id.unwrap()).cloned().unwrap_or_default()
}

#[test]
fn followers_get_each_result_once() {
    for (seed, result) in [(1, 8), (2, 900)] {
        let mut world = room(seed, job(300, Check::Sample, &[0, 1], result), 4);
        world.add(4, Conduct::Honest, 0, ms(100));
        world.add(5, Conduct::Honest, 0, ms(100));
        let id = world.submit(0);
        for peer in [0, 1, 4] {
            world.with(peer, |desk| desk.follow(&id, true));
        }
        world.run(20);
        let early = given(&world, 0).len();
        assert!(early > 0 && early == view(&world, 0).accepted as usize);
        world.run(35);
        assert!(!given(&world, 4).is_empty(), "results come before the job is done");
        assert!(matches!(world.run_to_end(300), State::Done { .. }));
        world.with(5, |desk| desk.follow(&id, true));
        world.run(10);
        for peer in [0, 1, 4, 5] {
            assert_eq!(given(&world, peer), truths(&world), "peer {peer}");
        }
        let fetched = &world.nodes[world.at(4).unwrap()].fetched;
        assert_eq!(
            fetched.iter().collect::<BTreeSet<_>>().len(),
            fetched.len(),
            "a packet was fetched twice"
        );
        sound(&mut world);
    }
}

/// The longest time from the acceptance of a unit to its arrival at a follower elsewhere.
fn longest_delay(seed: u64, result: usize, loss: u64) -> Duration {
    let mut world = room(seed, job(400, Check::Sample, &[0, 1], result), 4);
    world.loss = loss;
    world.add(4, Conduct::Honest, 0, ms(100));
    let id = world.submit(0);
    for peer in [0, 4] {
        world.with(peer, |desk| desk.follow(&id, true));
    }
    let (mut waits, mut longest) = (BTreeMap::new(), Duration::ZERO);
    while !world.state().is_over() || !waits.is_empty() {
        world.tick();
        let (here, there) = (given(&world, 0), given(&world, 4));
        let now = world.now;
        for (unit, value) in here {
            waits.entry(unit).or_insert((now, value));
        }
        waits.retain(|unit, (since, value)| {
            let is_late = there.get(unit) != Some(value);
            longest = longest.max(now.since(*since));
            is_late
        });
        if there.len() == 400 {
            break;
        }
    }
    println!("seed {seed}, results of {result} bytes, {loss} % lost: {longest:?}");
    longest
}

#[test]
fn followers_see_results_within_seconds() {
    for (seed, result) in [(31, 8), (32, 900), (33, 6000)] {
        assert!(longest_delay(seed, result, 0) < Duration::from_secs(6));
        assert!(longest_delay(seed, result, 10) < Duration::from_secs(9));
    }
}

#[test]
fn followers_see_units_opened_again() {
    let mut world = World::new(3, job(600, Check::None, &[0, 1], 40));
    for (peer, conduct) in [Conduct::Honest, Conduct::Honest, Conduct::Wrong].into_iter().enumerate() {
        world.add(peer, conduct, 1, ms(300));
    }
    world.add(3, Conduct::Honest, 0, ms(300));
    let id = world.submit(0);
    for peer in [0, 3] {
        world.with(peer, |desk| desk.follow(&id, true));
    }
    world.run(20);
    world.convict(1, 2);
    world.run(8);
    for peer in [0, 3] {
        assert!(world.reopened.contains_key(&peer), "peer {peer} saw units opened again");
    }
    assert!(matches!(world.run_to_end(900), State::Done { .. }));
    world.run(10);
    assert_eq!(view(&world, 0).caught, [peer_id(2)]);
    for peer in [0, 3] {
        assert_eq!(given(&world, peer), truths(&world), "peer {peer}");
    }
    sound(&mut world);
}

#[test]
fn followers_survive_a_takeover() {
    let mut world = room(4, job(400, Check::None, &[0, 1], 900), 4);
    let id = world.submit(0);
    for peer in [1, 2] {
        world.with(peer, |desk| desk.follow(&id, true));
    }
    world.run(40);
    world.kill(0, false);
    assert!(matches!(world.run_to_end(600), State::Done { .. }));
    world.run(10);
    for peer in [1, 2] {
        assert_eq!(given(&world, peer), truths(&world), "peer {peer}");
    }
    sound(&mut world);
}

#[test]
fn an_outcome_that_left_is_named() {
    for follows in [false, true] {
        let mut world = room(24, job(60, Check::None, &[0], 40), 3);
        let id = world.submit(0);
        world.with(1, |desk| desk.follow(&id, follows));
        assert!(matches!(world.run_to_end(300), State::Done { .. }));
        world.run(5);
        assert_eq!(view(&world, 1).standstill, None);
        world.kill(0, true);
        world.run(12);
        assert!(matches!(view(&world, 2).state, State::Done { .. }));
        assert_eq!(view(&world, 2).standstill, Some(Standstill::OutcomeAway(peer_id(0))));
        assert_eq!(view(&world, 1).standstill.is_some(), !follows, "all results are at 1 if it follows");
        world.add(0, Conduct::Honest, 1, ms(300));
        world.run(5);
        assert_eq!(view(&world, 2).standstill, None);
    }
}

#[test]
fn stewards_before_count_nothing() {
    let mut world = room(25, job(400, Check::None, &[0, 1], 40), 4);
    let id = world.submit(0);
    world.run(20);
    let old =
        Grants { job: id, epoch: 1, accepted: 399, fresh: Bounded::default(), lenders: Bounded::default() };
    let seen = view(&world, 3).accepted;
    assert!(seen > 0 && seen < 300);
    // Peer 1 was a steward once, and does not see that peer 0 is one now.
    for _ in 0..20 {
        world.forge_message(1, GRANT, old.encode());
    }
    for _ in 0..8 {
        world.tick();
        assert!(view(&world, 3).accepted < 300, "{}", view(&world, 3).accepted);
    }
}

#[test]
fn offers_count_running_units() {
    let mut world = room(26, job(4000, Check::None, &[0], 40), 3);
    let id = world.submit(0);
    let runs = |world: &World| -> Vec<u8> {
        let desk = &world.nodes[2].desk;
        desk.devices().map(|(_, offer)| offer.runs).collect()
    };
    world.run(20);
    assert_eq!(runs(&world), [1, 1, 1]);
    let before = world.nodes[1].presences;
    world.run(20);
    assert!(world.nodes[1].presences < before + 8, "{}", world.nodes[1].presences - before);
    world.with(0, |desk| desk.cancel(&id));
    world.run(20);
    assert_eq!(runs(&world), [0, 0, 0]);
}

#[test]
fn nothing_comes_to_former_followers() {
    let mut world = room(5, job(200, Check::None, &[0], 8), 3);
    let id = world.submit(0);
    world.with(0, |desk| desk.follow(&id, true));
    world.run(10);
    world.with(0, |desk| desk.follow(&id, false));
    let count = given(&world, 0).len();
    world.run(20);
    assert!(count > 0 && given(&world, 0).len() == count);
}

/// Blobs at all endpoints.
fn blobs(world: &World) -> usize {
    world.nodes.iter().map(|node| node.blobs.len()).sum()
}

#[test]
fn erased_jobs_are_forgotten() {
    let mut world = room(6, job(400, Check::Sample, &[0, 1], 900), 4);
    let id = world.submit(0);
    world.with(2, |desk| desk.follow(&id, true));
    world.run(45);
    world.kill(0, false);
    world.run(40);
    assert!(blobs(&world) > 6);
    world.add(0, Conduct::Honest, 1, ms(300));
    world.run(10);
    world.with(2, |desk| desk.erase(&id));
    world.run(5);
    assert!(world.nodes[0].desk.job(&id).is_some(), "the submitter alone erases");
    world.with(0, |desk| desk.erase(&id));
    world.run(10);
    let ran = world.ran;
    world.run(60);
    assert_eq!(world.ran, ran, "no unit runs");
    assert!(
        world.nodes.iter().all(|node| node.desk.job(&id).is_none() && node.desk.poll_timeout().is_none())
    );
    assert_eq!(blobs(&world), 0);
    assert!(world.book().is_none(), "no book is left");
}

#[test]
fn old_books_bring_no_job_back() {
    let mut world = room(7, job(400, Check::None, &[0, 1, 2], 40), 4);
    let id = world.submit(0);
    world.run(35);
    world.kill(0, true);
    world.run(50);
    assert!(world.book().unwrap().epoch > 1);
    world.kill(1, false);
    world.kill(2, true);
    world.add(0, Conduct::Honest, 1, ms(300));
    world.run(5);
    world.with(0, |desk| desk.erase(&id));
    world.run(10);
    world.add(1, Conduct::Honest, 1, ms(300));
    world.add(2, Conduct::Honest, 1, ms(300));
    world.run(90);
    assert!(world.nodes.iter().all(|node| node.desk.job(&id).is_none()));
    assert!(world.book().is_none(), "no book is left");
    assert!(world.nodes.iter().all(|node| node.desk.poll_timeout().is_none()));
    sound(&mut world);
}

#[test]
fn paused_lenders_run_nothing() {
    let mut world = room(8, job(300, Check::None, &[0], 40), 3);
    world.submit(0);
    world.run(10);
    let id = world.id.unwrap();
    let paused = Terms { is_paused: true, ..plain() };
    lend(&mut world, 1, Some(paused.clone()));
    assert!(!world.nodes[1].desk.is_running(&id), "its runs end at once");
    world.run(5);
    let before = view(&world, 0);
    assert!(before.spans.iter().all(|(lender, _)| lender.peer != peer_id(1)) && !before.spans.is_empty());
    assert_eq!((before.lenders, world.nodes[0].desk.lenders().count()), (2, 3));
    lend(&mut world, 0, Some(paused.clone()));
    lend(&mut world, 2, Some(paused));
    world.run(5);
    assert_eq!(view(&world, 0).standstill, Some(Standstill::NobodyLends));
    lend(&mut world, 1, Some(plain()));
    assert!(matches!(world.run_to_end(300), State::Done { .. }));
    sound(&mut world);
}

#[test]
fn lending_ends_in_the_middle() {
    let mut world = room(9, job(300, Check::Sample, &[0], 900), 4);
    world.submit(0);
    for peer in [1, 2, 3] {
        world.run(8);
        lend(&mut world, peer, None);
        assert!(!world.nodes[peer].desk.is_running(&world.id.unwrap()));
    }
    assert!(matches!(world.run_to_end(600), State::Done { .. }));
    sound(&mut world);
}

#[test]
fn views_show_speed_and_time_left() {
    let mut world = room(10, job(600, Check::None, &[0], 40), 3);
    world.submit(0);
    world.run(40);
    for peer in [0, 2] {
        let view = view(&world, peer);
        assert!((4.0..11.0).contains(&view.per_second), "{} at {peer}", view.per_second);
        let expected = f64::from(view.units - view.accepted) / view.per_second;
        assert!((view.left.unwrap().as_secs_f64() - expected).abs() < 0.1);
    }
    world.run_to_end(300);
    assert_eq!((view(&world, 0).per_second, view(&world, 0).left), (0.0, None));
}

#[test]
fn inputs_reach_the_programs() {
    for is_items in [false, true] {
        let mut job = job(100, Check::Sample, &[0], 40);
        let mut world = World::new(11, job.clone());
        let items: Vec<Vec<u8>> = (0..100u8).map(|item| vec![item; 9]).collect();
        let (blob, length) = world.input_blob(&meshwork_compute::packet::write(&items));
        job.input = if is_items { Input::Items(blob, length) } else { Input::Whole(blob, length) };
        world.job = job;
        for peer in 0..3 {
            world.add(peer, Conduct::Honest, 1, ms(300));
        }
        world.submit(0);
        assert!(matches!(world.run_to_end(300), State::Done { .. }));
        sound(&mut world);
    }
}

#[test]
fn offered_programs_wait_for_their_name() {
    let mut job = job(60, Check::None, &[0], 40);
    (job.program.kind, job.program.code) = (Kind::Offered, None);
    let mut world = room(12, job, 3);
    world.submit(0);
    world.run(20);
    assert_eq!(view(&world, 0).standstill, Some(Standstill::NobodyOffers("Test".to_owned())));
    let offers = vec![BoundedText::new("Other").unwrap(), BoundedText::new("Test").unwrap()];
    lend(&mut world, 2, Some(Terms { offers, ..plain() }));
    assert!(matches!(world.run_to_end(300), State::Done { .. }));
    assert!(world.nodes[1].blobs.is_empty(), "no code travels");
    sound(&mut world);
}

fn reduced_job(trusted: &[usize]) -> Job {
    Job { reduce: Reduce::Program, ..job(60, Check::None, trusted, 40) }
}

#[test]
fn submitters_reduce_without_lending() {
    let mut world = World::new(13, reduced_job(&[0]));
    world.add(0, Conduct::Honest, 0, ms(300));
    world.add(1, Conduct::Honest, 1, ms(300));
    world.submit(0);
    assert!(matches!(world.run_to_end(300), State::Done { .. }));
    sound(&mut world);
}

#[test]
fn strangers_reduce_by_consent_alone() {
    let mut world = World::new(14, reduced_job(&[0, 1]));
    world.add(0, Conduct::Honest, 0, ms(300));
    world.add(1, Conduct::Honest, 0, ms(300));
    world.add(2, Conduct::Honest, 1, ms(300));
    world.submit(0);
    world.run(5);
    world.kill(0, true);
    world.run(120);
    let nobody = Standstill::NobodyReduces { submitter: peer_id(0), steward: world.nodes[0].endpoint };
    for peer in [1, 2] {
        assert_eq!(view(&world, peer).standstill, Some(nobody.clone()), "at {peer}");
    }
    lend(&mut world, 1, Some(plain()));
    assert!(matches!(world.run_to_end(60), State::Done { .. }));
    sound(&mut world);
}

#[test]
fn returning_submitters_reduce_their_job() {
    let mut world = World::new(15, reduced_job(&[0, 1]));
    world.add(0, Conduct::Honest, 0, ms(300));
    world.add(1, Conduct::Honest, 1, ms(300));
    lend(&mut world, 1, Some(Terms { trust: Trust::People([peer_id(0)].into()), ..plain() }));
    world.add(2, Conduct::Honest, 1, ms(300));
    world.submit(0);
    world.run(5);
    world.kill(0, true);
    lend(&mut world, 1, Some(Terms { trust: Trust::Mine, ..plain() }));
    world.run(120);
    assert!(!world.state().is_over());
    world.add(0, Conduct::Honest, 0, ms(300));
    assert!(matches!(world.run_to_end(120), State::Done { .. }));
    sound(&mut world);
}

#[test]
fn reductions_outlive_the_end_of_lending() {
    let mut world = room(16, reduced_job(&[0]), 2);
    world.submit(0);
    while view(&world, 0).accepted < 60 {
        world.tick();
    }
    world.run(1);
    lend(&mut world, 0, None);
    assert!(matches!(world.run_to_end(60), State::Done { .. }));
    sound(&mut world);
}

/// Another job of the same kind.
fn another(world: &World, number: u8) -> Job {
    Job { nonce: [number; 8], ..world.job.clone() }
}

#[test]
fn jobs_share_a_lender_fairly() {
    let mut world = World::new(17, job(400, Check::None, &[0], 40));
    world.add(0, Conduct::Honest, 0, ms(300));
    world.add(1, Conduct::Honest, 2, ms(300));
    let first = world.submit(0);
    world.run(20);
    let others: Vec<JobId> = (1..4).map(|number| world.submit_also(0, another(&world, number))).collect();
    world.run(15);
    let before = world.ran_of.clone();
    world.run(60);
    let ran = |id: &JobId| world.ran_of[id] - before.get(id).copied().unwrap_or_default();
    let shares: Vec<u64> = [first].iter().chain(&others).map(ran).collect();
    let (least, most) = (shares.iter().min().unwrap(), shares.iter().max().unwrap());
    assert!(*least > 40 && most < &(least * 2), "{shares:?}");
}

#[test]
fn several_jobs_are_done_at_once() {
    let mut world = room(18, job(150, Check::Sample, &[0, 1], 40), 4);
    world.add(4, Conduct::Wrong, 1, ms(200));
    world.submit(0);
    let mut ids: Vec<JobId> = (1..4).map(|number| world.submit_also(0, another(&world, number))).collect();
    world.run(15);
    let last = ids.pop().unwrap();
    world.with(0, |desk| desk.order(&last, Order::Pause));
    assert!(matches!(world.run_to_end(600), State::Done { .. }));
    world.run(120);
    assert!(ids.iter().all(|id| matches!(world.state_of(id), State::Done { .. })));
    assert_eq!(world.state_of(&last), State::Paused);
    let book = world.book_of(&ids[0]).unwrap();
    assert!(book.index.is_some_and(|(index, _)| world.blob(&index).is_some()));
    sound(&mut world);
}

#[test]
fn refused_removal_of_a_book_is_repeated() {
    let mut world = room(21, job(60, Check::None, &[0, 1], 40), 4);
    let id = world.submit(0);
    world.run(5);
    world.kill(0, true);
    assert!(matches!(world.run_to_end(300), State::Done { .. }));
    world.add(0, Conduct::Honest, 1, ms(300));
    world.run(10);
    world.refuses.insert(1);
    world.with(0, |desk| desk.erase(&id));
    world.run(20);
    assert!(world.book_of(&id).is_some(), "the room refuses the removal of peer 1's book");
    world.refuses.clear();
    world.run(80);
    assert_eq!(world.book_of(&id), None);
}

#[test]
fn lenders_obey_a_steward_that_reads_books() {
    let mut world = room(22, job(400, Check::None, &[0, 1], 40), 4);
    let id = world.submit(0);
    world.run(40);
    world.kill(0, false);
    // The packets of the book are nowhere, so the new steward waits for them.
    world.nodes.iter_mut().for_each(|node| node.blobs.clear());
    world.run(30);
    assert_eq!(view(&world, 1).standstill, Some(Standstill::TakingOver));
    let obeyed = world.nodes[world.at(2).unwrap()].desk.obeys(&id);
    assert_eq!(obeyed.map(|(epoch, steward)| (epoch, steward.peer)), Some((2, peer_id(1))));
}

/// Peers 0 and 2 see a job end whose outcome nobody has. Peer 2 last received grants of peer 0 long before.
#[test]
fn lost_outcome_has_one_new_steward() {
    let mut world = World::new(23, job(60, Check::None, &[0, 1, 2], 40));
    for (peer, cores) in [0, 1, 0, 1].into_iter().enumerate() {
        world.add(peer, Conduct::Honest, cores, ms(300));
    }
    let id = world.submit(0);
    world.run(3);
    for peer in [0, 2] {
        let at = world.at(peer).unwrap();
        world.nodes[at].group = 1;
    }
    assert!(matches!(world.run_to_end(300), State::Done { .. }));
    assert_eq!(world.book().map(|book| book.epoch), Some(2));
    world.nodes.iter_mut().filter(|node| node.group == 0).for_each(|node| node.blobs.clear());
    // Peer 2 learns of it first, and notices the loss first.
    let at = world.at(2).unwrap();
    world.nodes[at].group = 0;
    while !view(&world, 2).state.is_over() {
        world.tick();
    }
    world.kill(1, false);
    world.run(5);
    world.nodes.iter_mut().for_each(|node| node.group = 0);
    assert!(matches!(world.run_to_end(300), State::Done { .. }));
    let book = world.book_of(&id).unwrap();
    assert_eq!((book.epoch, book.by), (3, world.nodes[world.at(0).unwrap()].endpoint.instance));
    sound(&mut world);
}
