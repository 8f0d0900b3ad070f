//! `simulate`: overlays of up to a million peers, as numbers, figures and a page.

use std::io::Write as _;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::Context as _;
use clap::Args;
use meshwork_sim::graph::PEERS_MAX;
use meshwork_sim::graph::outcome::Outcome;
use meshwork_sim::graph::report;
use meshwork_sim::graph::scenario::{Run, SEEDS_MAX, Scenario, ScenarioError, ScenarioFile};
use serde_json::json;

use crate::exit::Failure;
use crate::file;
use crate::place::print_line;
use crate::progress::Progress;
use crate::style;

/// Bytes of a scenario's file: a list of every parameter there is has a few hundred.
const FILE_MAX: u64 = 64 * 1024;
/// Threads beyond which nothing goes faster: there are no more tasks than that.
const THREADS_MAX: i64 = 256;

/// What `simulate` is asked for.
#[derive(Args)]
pub(crate) struct Arguments {
    /// A scenario by its name, or a file of one that ends with .toml.
    #[arg(value_name = "SCENARIO|FILE.toml", required_unless_present = "list")]
    scenario: Option<String>,
    /// The folder to write to, made when there is none: report.html, and the data and figures in it as files.
    #[arg(long, value_name = "DIR", required_unless_present = "list")]
    out: Option<PathBuf>,
    /// Where all chance comes from; one is drawn where nothing is said. The same seed gives the same bytes.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How many times it is repeated, with seeds that follow each other.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(SEEDS_MAX)))]
    seeds: Option<u32>,
    /// How many peers; each scenario has its own number where nothing is said.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=PEERS_MAX as i64))]
    peers: Option<u32>,
    /// On how many threads, as many as there are cores where nothing is said. It changes no number.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=THREADS_MAX))]
    threads: Option<u16>,
    /// Name the scenarios, and what each is about.
    #[arg(long)]
    list: bool,
    /// Write the result to standard output as JSON; a failure as {error, reason}.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.list {
        return list(arguments.json);
    }
    let (Some(name), Some(out)) = (&arguments.scenario, &arguments.out) else {
        return Err(Failure::Usage("Name a scenario, and a folder with --out.".into()));
    };
    let (scenario, seed) = scenario(arguments, name)?;
    // Before minutes are spent on what cannot be written.
    std::fs::create_dir_all(out).with_context(|| format!("cannot make the folder {}", out.display()))?;
    let threads = arguments.threads.map_or_else(
        || std::thread::available_parallelism().map_or(1, NonZero::get),
        |threads| threads.into(),
    );
    if !arguments.json {
        style::note(format_args!("{} with seed {seed}, on {threads} threads", scenario.name()));
    }
    let begun = Instant::now();
    let progress = Progress::start("Simulating", "tasks");
    progress.turn_to("Simulating", None);
    let total = AtomicU64::new(0);
    let outcome = scenario.run(Run {
        seed,
        threads,
        progress: &|done, count| {
            if total.swap(count, Ordering::Relaxed) != count {
                progress.turn_to("Simulating", Some(count));
            }
            progress.set(done);
        },
    });
    drop(progress);
    let files = write(&outcome, out)?;
    let page = out.join(report::PAGE);
    if arguments.json {
        return print_line(json!({
            "scenario": outcome.scenario,
            "seed": seed,
            "report": page,
            "files": files,
            "findings": outcome.findings,
            "seconds": begun.elapsed().as_secs_f64(),
        }));
    }
    for finding in &outcome.findings {
        print_line(finding)?;
    }
    print_line(format_args!("Seed {seed}. Open {}.", page.display()))
}

fn list(as_json: bool) -> Result<(), Failure> {
    if as_json {
        let scenarios: Vec<_> =
            Scenario::LIST.iter().map(|(name, about)| json!({ "name": name, "about": about })).collect();
        return print_line(json!({ "scenarios": scenarios }));
    }
    Scenario::LIST.iter().try_for_each(|(name, about)| print_line(format_args!("{name:14} {about}")))
}

/// The scenario with what the command line changes of it, and the seed.
fn scenario(arguments: &Arguments, name: &str) -> Result<(Scenario, u64), Failure> {
    let usage = |error: ScenarioError| Failure::Usage(error.to_string());
    let file = match name.ends_with(".toml") {
        true => read(Path::new(name))?,
        false => ScenarioFile { scenario: Scenario::named(name).map_err(usage)?, seed: None },
    };
    let mut scenario = file.scenario;
    if let Some(peers) = arguments.peers {
        scenario.set_peers(peers as usize).map_err(usage)?;
    }
    if let Some(seeds) = arguments.seeds {
        scenario.set_seeds(seeds).map_err(usage)?;
    }
    let drawn = || getrandom::u32().context("the system gives no random numbers");
    let seed = match arguments.seed.or(file.seed) {
        Some(seed) => seed,
        // Short enough to be typed again.
        None => u64::from(drawn()?),
    };
    Ok((scenario, seed))
}

fn read(path: &Path) -> Result<ScenarioFile, Failure> {
    let cannot = || format!("cannot read {}", path.display());
    let size = std::fs::metadata(path).with_context(cannot)?.len();
    if size > FILE_MAX {
        let words = format!("{} has {size} bytes, more than a scenario's file can have.", path.display());
        return Err(Failure::Usage(words));
    }
    let text = std::fs::read_to_string(path).with_context(cannot)?;
    ScenarioFile::parse(&text).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))
}

/// Writes everything and says what.
fn write(outcome: &Outcome, folder: &Path) -> Result<Vec<String>, Failure> {
    let mut names = vec![];
    for (name, bytes) in report::files(outcome) {
        file::replace(&folder.join(&name), |file| Ok(file.write_all(&bytes)?))?;
        names.push(name);
    }
    Ok(names)
}
