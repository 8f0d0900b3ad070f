//! Runs races: `cargo xtask bench [NAME] [--json]` builds and starts this.

#![allow(clippy::print_stderr, reason = "races tell their progress on stderr")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs};

use anyhow::{Context, Result, bail, ensure};
use meshwork_bench::machine;
use meshwork_bench::race::{Needs, Plan, Race};
use meshwork_bench::races::RACES;
use meshwork_bench::report::{self, Run};

const HELP: &str = "\
Usage: bench [NAME] [--json] [--rounds N] [--tiny] [--list] [--needs]

  NAME        only this race
  --json      one array of all rows on stdout instead of a table
  --rounds N  measured rounds of each contestant
  --tiny      the size of the smoke test: says whether a race works, and writes no results
  --list      say which races there are
  --needs     say what must be built first, a line each: `browser`, `package`
";

struct Options {
    name: Option<String>,
    json: bool,
    rounds: usize,
    tiny: bool,
}

fn main() -> ExitCode {
    match obey() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn obey() -> Result<()> {
    meshwork_bench::signal::serve_if_asked()?;
    let mut options = Options { name: None, json: false, rounds: Plan::FULL.rounds, tiny: false };
    let (mut list, mut needs) = (false, false);
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => options.json = true,
            "--tiny" => options.tiny = true,
            "--list" => list = true,
            "--needs" => needs = true,
            "--rounds" => {
                let rounds = arguments.next().context("--rounds takes a number")?;
                options.rounds = rounds.parse().with_context(|| format!("`{rounds}` is not a number"))?;
                ensure!(options.rounds > 0, "without a round there is no number");
            }
            "--help" | "-h" => {
                print!("{HELP}");
                return Ok(());
            }
            flag if flag.starts_with('-') => bail!("there is no flag `{flag}`\n\n{HELP}"),
            name if options.name.is_none() => options.name = Some(name.to_owned()),
            extra => bail!("one race or all of them, `{extra}` is too many"),
        }
    }
    let races = chosen(options.name.as_deref())?;
    if list {
        races.iter().for_each(|race| println!("{}: {}", race.name, race.about));
        return Ok(());
    }
    if needs {
        for (need, word) in [(Needs::Browser, "browser"), (Needs::Package, "package")] {
            if races.iter().any(|race| race.needs == need) {
                println!("{word}");
            }
        }
        return Ok(());
    }
    run(&races, &options)
}

fn chosen(name: Option<&str>) -> Result<Vec<&'static Race>> {
    let races: Vec<&Race> =
        RACES.iter().filter(|race| name.is_none_or(|name| name == race.name)).copied().collect();
    let names = || RACES.iter().map(|race| race.name).collect::<Vec<_>>().join(", ");
    ensure!(!races.is_empty(), "there is no race `{}`; there are {}", name.unwrap_or_default(), names());
    Ok(races)
}

/// Runs the races. One that fails does not keep the others from running, but the end tells of it.
fn run(races: &[&'static Race], options: &Options) -> Result<()> {
    let plan = Plan { rounds: options.rounds, tiny: options.tiny };
    let results = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("RESULTS.md");
    let order: Vec<&str> = RACES.iter().map(|race| race.name).collect();
    let (machine, meshwork, date) = (machine::describe(), machine::meshwork(), machine::today());
    let (mut all_rows, mut failed) = (Vec::new(), Vec::new());
    for race in races {
        eprintln!("bench: {} ...", race.name);
        let rows = match (race.run)(&plan) {
            Ok(rows) => rows,
            Err(error) => {
                eprintln!("bench: {} failed: {error:#}", race.name);
                failed.push(race.name);
                continue;
            }
        };
        if !options.json {
            print!("{}", report::table(race, &rows));
        }
        if options.tiny {
            all_rows.extend(rows);
            continue;
        }
        let rivals = [("loro", cfg!(feature = "loro")), ("automerge", cfg!(feature = "automerge"))];
        let rivals: Vec<&str> =
            rivals.iter().filter(|(_, is_there)| *is_there).map(|(name, _)| *name).collect();
        let start = match rivals.as_slice() {
            [] => "cargo xtask bench".to_owned(),
            rivals => format!("cargo run --release -p meshwork-bench --features {} --", rivals.join(",")),
        };
        let mut command = format!("{start} {}", race.name);
        if plan.rounds != Plan::FULL.rounds {
            command.push_str(&format!(" --rounds {}", plan.rounds));
        }
        let (date, machine, meshwork) = (date.clone(), machine.clone(), meshwork.clone());
        let run = Run { date, machine, meshwork, command };
        // Read anew each time: another run may have written other sections meanwhile.
        let before = fs::read_to_string(&results).unwrap_or_default();
        let page = report::page(&before, &order, race, &rows, &run);
        fs::write(&results, page).with_context(|| format!("cannot write {}", results.display()))?;
        all_rows.extend(rows);
    }
    if options.json {
        println!("{}", serde_json::to_string_pretty(&report::json(&all_rows))?);
    }
    ensure!(failed.is_empty(), "these races failed: {}", failed.join(", "));
    Ok(())
}
