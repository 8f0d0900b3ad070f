//! The pool: order of answers, ends, loading, and the share of time.

use std::time::{Duration, Instant};

use meshwork_compute::job::{Kind, Shader, Shape};
use meshwork_compute::message::Failure;
use meshwork_compute::{JobId, Pool, PoolOrder, Told};
use meshwork_engines::{CommandError, OfferError, Threads};

use crate::bench::{Bench, job, module, unit};

/// Time in which a stopped run's thread has ended, on a busy machine.
const ENDED: Duration = Duration::from_millis(600);

fn told(bench: &mut Bench) -> (u64, u32, Result<Vec<u8>, Failure>) {
    match bench.next() {
        Told::Ran { run, unit, result, .. } => (run, unit, result),
        told => panic!("{told:?}"),
    }
}

#[test]
fn failed_unit_ends_its_run() {
    let mut bench = Bench::new(Threads::new());
    let text = b"function unit(n) { if (n === 2) throw 'no'; return n }";
    let id = bench.load(&job(Kind::Js, Shape::U32), text, None);
    let results = bench.results(id, 8);
    assert_eq!(results.len(), 3);
    assert!(matches!(results[2], Err(Failure::Trapped(_))));
    bench.run(9, id, 4, 1);
    assert_eq!(told(&mut bench), (9, 4, Ok(vec![4, 0, 0, 0])));
}

#[test]
fn ended_run_tells_nothing() {
    let mut bench = Bench::new(Threads::new());
    let forever = job(Kind::Js, Shape::U32);
    let loops = bench.load(&forever, b"function unit(n) { while (n === 1); return n }", None);
    let fine = bench.load(&job(Kind::Js, Shape::U32), b"function unit(n) { return n }", None);
    bench.run(1, loops, 0, 2);
    bench.run(2, fine, 0, 1);
    // Both answers of run 1 and 2 are queued or were read; only that of run 2 may be read behind the end.
    bench.threads.order(PoolOrder::End(1));
    assert_eq!(told(&mut bench), (2, 0, Ok(vec![0; 4])));
    bench.run(3, fine, 1, 1);
    assert_eq!(told(&mut bench), (3, 1, Ok(vec![1, 0, 0, 0])));
}

#[test]
fn dropping_ends_all_threads() {
    let mut bench = Bench::new(Threads::new());
    let script = bench.load(&job(Kind::Js, Shape::U32), b"function unit() { while (1); }", None);
    let code = module(&unit("(loop $again (br $again)) (unreachable)"));
    let module = bench.load(&job(Kind::Wasm, Shape::U32), &code, None);
    bench.run(1, script, 0, 1);
    bench.run(2, module, 0, 1);
    let start = Instant::now();
    drop(bench);
    assert!(start.elapsed() < ENDED, "{:?}", start.elapsed());
}

#[test]
fn unloaded_program_runs_no_more() {
    let mut bench = Bench::new(Threads::new());
    let id = bench.load(&job(Kind::Js, Shape::U32), b"function unit(n) { return n }", None);
    assert!(bench.results(id, 1)[0].is_ok());
    bench.threads.order(PoolOrder::Unload(id));
    for (run, id) in [(5, id), (6, JobId([9; 16]))] {
        bench.run(run, id, 3, 2);
        let (of, unit, result) = told(&mut bench);
        assert_eq!((of, unit), (run, 3));
        assert!(matches!(result, Err(Failure::Load(_))), "{result:?}");
    }
}

#[test]
fn share_pauses_between_units() {
    let mut bench = Bench::new(Threads::new().share(20));
    let text = b"function unit(n) { let sum = 0; for (let i = 0; i < 200000; i += 1) sum += i; return n }";
    let id = bench.load(&job(Kind::Js, Shape::U32), text, None);
    let start = Instant::now();
    bench.run(1, id, 0, 3);
    let mut micros = Vec::new();
    for _ in 0..3 {
        let Told::Ran { micros: time, result, .. } = bench.next() else { panic!("a reduction answers") };
        assert!(result.is_ok(), "{result:?}");
        micros.push(u64::from(time));
    }
    // A unit's time includes the pause behind it, so the lender's speed is that which the room gets.
    let least = Duration::from_micros(micros[0] + micros[1]);
    assert!(start.elapsed() >= least && !least.is_zero(), "{:?} for {micros:?}", start.elapsed());
}

#[test]
fn kinds_are_those_that_run() {
    assert_eq!(Threads::new().kinds(), 0b11);
    let shader = Kind::Wgsl(Shader { groups: [1; 3], output: 4 });
    let mut bench = Bench::new(Threads::new());
    let id = bench.load(&job(shader, Shape::U32), b"", None);
    assert!(matches!(bench.results(id, 1)[0], Err(Failure::Load(_))));
}

#[cfg(unix)]
#[test]
fn offers_have_names_and_commands() {
    let offering = Threads::new().offer("echo", "cat").unwrap();
    assert_eq!((offering.kinds(), offering.offers().collect::<Vec<_>>()), (0b1011, vec!["echo"]));
    assert_eq!(offering.offer("echo", "cat").err(), Some(OfferError::Taken("echo".to_owned())));
    assert_eq!(Threads::new().offer("", "cat").err(), Some(OfferError::Name(String::new())));
    let open = OfferError::Command(CommandError::Quotes("cat 'a".to_owned()));
    assert_eq!(Threads::new().offer("echo", "cat 'a").err(), Some(open));
    assert_eq!(Threads::new().offer("echo", " ").err(), Some(OfferError::Command(CommandError::Empty)));
}
