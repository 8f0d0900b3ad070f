//! Runs simulated rooms, many at a time: `cargo xtask sim` builds and calls this.

#![allow(clippy::print_stderr, reason = "progress is told on stderr, so that stdout stays the result's")]

use std::num::NonZero;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use meshwork_core::overlay::size::K_GOSSIP_DEGREE_MAX;
use meshwork_core::seam::config::PlantedBug;
use meshwork_sim::crowd::{self, Plan};
use meshwork_sim::scenario::{self, Report, Schedule, Violation};

const HELP: &str = "\
Usage: cargo xtask sim [--seeds N] [--from SEED] [--jobs J] [--planted NAME]
       cargo xtask sim --seed SEED [--only PLACES] [--planted NAME]
       cargo xtask sim --crowd N [--overlay K] [--seed SEED] [--planted NAME]

  --seeds N       how many rooms to run, 200 where nothing is said
  --from SEED     the seed of the first, 0 where nothing is said
  --jobs J        how many run at a time, as many as there are cores where nothing is said
  --planted NAME  with a fault planted in every node, until a checker notices it
  --seed SEED     one room, with its schedule; a failing one is made smaller
  --only PLACES   of that schedule only the steps with these numbers: 0,3,7-9
  --crowd N       one room of N nodes, of which many die at once, and how long each part of that took
  --overlay K     its overlay, emergent where nothing is said: k-gossip, k-gossip:NINES, tree
";

/// Failing seeds that are told one by one.
const TOLD_MAX: usize = 20;
/// How often progress is told.
const PROGRESS: Duration = Duration::from_secs(5);
/// Neighbours that everybody has at least in overlays other than the emergent one.
const LEAST_ELSEWHERE: usize = 4;

#[derive(Debug, PartialEq, Eq)]
struct Options {
    seeds: u64,
    from: u64,
    jobs: usize,
    planted: Option<PlantedBug>,
    seed: Option<u64>,
    only: Option<Vec<usize>>,
    crowd: Option<usize>,
    overlay: Option<String>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|word| word == "--help" || word == "-h") {
        eprint!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let passed = match parse(&arguments) {
        Ok(Options { crowd: Some(peers), overlay, seed, planted, .. }) => {
            run_crowd(peers, overlay, seed.unwrap_or(0), planted)
        }
        Ok(Options { seed: Some(seed), only, planted, .. }) => run_one(seed, only.as_deref(), planted),
        Ok(options) => run_many(&options),
        Err(error) => {
            eprintln!("sim: {error}\n\n{HELP}");
            false
        }
    };
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs many seeds on some threads. Which thread runs a seed changes nothing about it.
fn run_many(options: &Options) -> bool {
    let (next, failed, over) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let started = Instant::now();
    let work = || {
        let mut results = vec![];
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            // A fault that is planted is caught once; all seeds below the one that did it are under way or done.
            let caught = options.planted.is_some() && failed.load(Ordering::Relaxed) > 0;
            if number >= options.seeds || caught {
                return results;
            }
            let seed = options.from.wrapping_add(number);
            let result = scenario::run(seed, options.planted);
            if result.is_err() {
                failed.fetch_add(1, Ordering::Relaxed);
            }
            results.push((number, seed, result));
        }
    };
    let mut results: Vec<(u64, u64, Result<Report, Violation>)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..options.jobs).map(|_| scope.spawn(work)).collect();
        scope.spawn(|| tell_progress(options.seeds, &next, &failed, &over));
        let joined = workers.into_iter().map(|worker| worker.join());
        let results = joined.flat_map(|results| results.expect("a run does not panic")).collect();
        over.store(true, Ordering::Relaxed);
        results
    });
    results.sort_by_key(|&(number, ..)| number);
    tell_results(&results, options, started.elapsed())
}

/// Tells how far the runs are, every few seconds until they are over.
fn tell_progress(seeds: u64, next: &AtomicU64, failed: &AtomicU64, over: &AtomicBool) {
    let started = Instant::now();
    let mut told = started;
    while !over.load(Ordering::Relaxed) {
        std::thread::park_timeout(Duration::from_millis(20));
        if told.elapsed() < PROGRESS {
            continue;
        }
        told = Instant::now();
        let (begun, failed) = (next.load(Ordering::Relaxed).min(seeds), failed.load(Ordering::Relaxed));
        let rate = begun as f64 / started.elapsed().as_secs_f64();
        eprintln!("sim: {begun} of {seeds} rooms, {failed} failed, {rate:.1} a second");
    }
}

fn tell_results(
    results: &[(u64, u64, Result<Report, Violation>)],
    options: &Options,
    elapsed: Duration,
) -> bool {
    let failures: Vec<_> =
        results.iter().filter_map(|(_, seed, result)| Some((*seed, result.as_ref().err()?))).collect();
    for (seed, violation) in failures.iter().take(TOLD_MAX) {
        println!("seed {seed}: {violation}\n  repeat with: {}", repeat(*seed, None, options.planted));
    }
    let reports = results.iter().filter_map(|(_, _, result)| result.as_ref().ok());
    let writes: u64 = reports.clone().map(|report| report.writes).sum();
    let steps: u64 = reports.clone().map(|report| report.steps).sum();
    let healed = reports.clone().map(|report| report.healed_after).max().unwrap_or_default();
    let fold = |sum: u64, report: &Report| {
        let heads = report.digests.iter().filter_map(|digest| digest.first_chunk());
        let head = heads.fold(0, |head, next| head ^ u64::from_le_bytes(*next));
        (sum.rotate_left(5) ^ head ^ report.steps).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    };
    let digest = reports.fold(0, fold);
    println!(
        "{} rooms, {} failed, {writes} writes, {steps} happenings, healed after {:.1} s at most, in {:.1} s; digest {digest:016x}",
        results.len(),
        failures.len(),
        healed.as_secs_f64(),
        elapsed.as_secs_f64(),
    );
    if let Some((seed, violation)) = failures.first() {
        tell_shrunk(&Schedule::draw(*seed), violation, options.planted);
    }
    failures.is_empty()
}

/// Runs one large room, and tells of each part of its life.
fn run_crowd(peers: usize, overlay: Option<String>, seed: u64, planted: Option<PlantedBug>) -> bool {
    let mut plan = Plan { planted, ..Plan::emergent(seed, peers) };
    if let Some(overlay) = overlay {
        plan = Plan { overlay, least: LEAST_ELSEWHERE, most: K_GOSSIP_DEGREE_MAX, ..plan };
    }
    let started = Instant::now();
    let outcome = crowd::run(&plan, &mut |world, phase| {
        let (ended, took) = (Duration::from_micros(phase.ended.0), phase.took);
        println!(
            "{:>8.1} s: {} (after {:.1} virtual seconds, at {:.1}; {} held last; {} happenings so far)",
            started.elapsed().as_secs_f64(),
            phase.name,
            took.as_secs_f64(),
            ended.as_secs_f64(),
            phase.last.unwrap_or("nothing"),
            world.steps(),
        );
    });
    match &outcome {
        Ok(report) => println!("passed: {report:?}"),
        Err(violation) => println!("failed: {violation}"),
    }
    outcome.is_ok()
}

/// Runs one seed, or some steps of its schedule, and tells everything about it.
fn run_one(seed: u64, only: Option<&[usize]>, planted: Option<PlantedBug>) -> bool {
    let whole = Schedule::draw(seed);
    let schedule = only.map_or_else(|| whole.clone(), |places| whole.only(places));
    print!("{schedule}");
    match scenario::run_schedule(&schedule, planted) {
        Ok(report) => {
            println!("passed: {report:?}");
            true
        }
        Err(violation) => {
            println!("failed: {violation}");
            if only.is_none() {
                tell_shrunk(&whole, &violation, planted);
            }
            false
        }
    }
}

fn tell_shrunk(schedule: &Schedule, violation: &Violation, planted: Option<PlantedBug>) {
    eprintln!("sim: making seed {} smaller ...", schedule.seed);
    let Some(shrunk) = scenario::shrink(schedule, planted, violation.checker) else { return };
    println!("\nthe same checker fails with {} of {} steps:", shrunk.places.len(), schedule.steps.len());
    print!("{}", shrunk.schedule);
    println!("failed: {}", shrunk.violation);
    println!("repeat with: {}", repeat(schedule.seed, Some(&shrunk.places), planted));
}

/// The command that runs a seed again.
fn repeat(seed: u64, only: Option<&[usize]>, planted: Option<PlantedBug>) -> String {
    let mut words = format!("cargo xtask sim --seed {seed}");
    if let Some(only) = only {
        let places: Vec<String> = only.iter().map(usize::to_string).collect();
        words += &format!(" --only {}", if places.is_empty() { "none".into() } else { places.join(",") });
    }
    if let Some(planted) = planted {
        words += &format!(" --planted {}", planted.name());
    }
    words
}

fn parse(arguments: &[String]) -> Result<Options, String> {
    let jobs = std::thread::available_parallelism().map_or(1, NonZero::get);
    let mut options = Options {
        seeds: 200,
        from: 0,
        jobs,
        planted: None,
        seed: None,
        only: None,
        crowd: None,
        overlay: None,
    };
    let mut words = arguments.iter();
    while let Some(flag) = words.next() {
        let value = words.next().ok_or_else(|| format!("`{flag}` needs a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("`{value}` is not a number for {flag}"));
        match flag.as_str() {
            "--seeds" => options.seeds = number()?,
            "--from" => options.from = number()?,
            "--jobs" => options.jobs = number()?.max(1) as usize,
            "--seed" => options.seed = Some(number()?),
            "--only" => options.only = Some(places(value)?),
            "--crowd" => options.crowd = Some(number()?.max(2) as usize),
            "--overlay" => options.overlay = Some(value.clone()),
            "--planted" => options.planted = Some(planted(value)?),
            _ => return Err(format!("there is no flag `{flag}`")),
        }
    }
    Ok(options)
}

fn planted(name: &str) -> Result<PlantedBug, String> {
    let known = PlantedBug::ALL.iter().copied().find(|fault| fault.name() == name);
    known.ok_or_else(|| {
        let names: Vec<&str> = PlantedBug::ALL.iter().map(|fault| fault.name()).collect();
        format!("there is no fault `{name}`, only {}", names.join(", "))
    })
}

/// Reads `0,3,7-9`, or `none`.
fn places(list: &str) -> Result<Vec<usize>, String> {
    let wrong = |part: &str| format!("`{part}` is not a step or a range of steps");
    let mut places = vec![];
    for part in list.split(',').filter(|_| list != "none") {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to): (usize, usize) =
            (from.parse().map_err(|_| wrong(part))?, to.parse().map_err(|_| wrong(part))?);
        places.extend(from..=to);
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_repeating_a_run_is_read_back() {
        let command = repeat(7, Some(&[0, 3, 8]), Some(PlantedBug::ClockMerge));
        let words: Vec<String> = command.split(' ').skip(3).map(String::from).collect();
        let options = parse(&words).expect("the command is one of ours");
        assert_eq!((options.seed, options.only), (Some(7), Some(vec![0, 3, 8])));
        assert_eq!(options.planted, Some(PlantedBug::ClockMerge));
        assert_eq!(places("1-3,9"), Ok(vec![1, 2, 3, 9]));
        assert_eq!(places("none"), Ok(vec![]));
    }

    #[test]
    fn what_cannot_be_meant_is_said() {
        let say = |words: &[&str]| parse(&words.iter().map(|&word| word.into()).collect::<Vec<_>>());
        assert!(
            say(&["--seeds"]).is_err() && say(&["--seeds", "x"]).is_err() && say(&["--sneeds", "1"]).is_err()
        );
        let wrong = say(&["--planted", "nothing"]).expect_err("there is no such fault");
        assert!(wrong.contains("clock-merge"), "it says which there are");
    }
}
