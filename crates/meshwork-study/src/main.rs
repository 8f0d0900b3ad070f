//! Runs a scenario and writes its report into a folder.

#![allow(clippy::print_stderr, reason = "errors are told on stderr, so that stdout stays the result's")]

use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser};
use indicatif::ProgressBar;
use meshwork_study::PEERS_MAX;
use meshwork_study::report;
use meshwork_study::scenario::{Run, SEEDS_MAX, Scenario, ScenarioError};

/// Threads beyond which nothing goes faster: there are no more tasks than that.
const THREADS_MAX: i64 = 256;
/// The seed where nothing is said.
const SEED: u64 = 1;

/// Studies of overlays of up to a million peers: numbers, figures and a page to read.
#[derive(Parser)]
#[command(name = "meshwork-study", version, max_term_width = 100)]
struct Arguments {
    /// A scenario by its name, or a file of one that ends with .toml.
    #[arg(value_name = "SCENARIO|FILE.toml", required_unless_present = "list")]
    scenario: Option<String>,
    /// The folder to write to, made when there is none: report.html, and the data and figures in it as files.
    #[arg(long, value_name = "DIR", required_unless_present = "list")]
    out: Option<PathBuf>,
    /// Where all chance comes from: the file's, or 1. The same seed gives the same bytes.
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
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match (&arguments.scenario, &arguments.out) {
        (Some(name), Some(out)) if !arguments.list => match study(&arguments, name, out) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) if error.is::<ScenarioError>() => {
                Arguments::command().error(ErrorKind::ValueValidation, format_args!("{error:#}")).exit()
            }
            Err(error) => {
                eprintln!("error: {error:#}");
                ExitCode::FAILURE
            }
        },
        _ => {
            for (name, about) in Scenario::list() {
                println!("{name:14} {about}");
            }
            ExitCode::SUCCESS
        }
    }
}

fn study(arguments: &Arguments, name: &str, out: &Path) -> Result<()> {
    let (scenario, seed) = scenario(arguments, name)?;
    // Before minutes are spent on what cannot be written.
    fs::create_dir_all(out).with_context(|| format!("cannot make the folder {}", out.display()))?;
    let threads = arguments.threads.map_or_else(
        || std::thread::available_parallelism().map_or(1, NonZero::get),
        |threads| threads.into(),
    );
    // It shows on a terminal only.
    let bar = ProgressBar::new(0);
    let progress = |done, count| {
        bar.set_length(count);
        bar.set_position(done);
    };
    let outcome = scenario.run(Run { seed, threads, progress: &progress });
    bar.finish_and_clear();
    for (name, bytes) in report::files(&outcome) {
        let path = out.join(name);
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    for finding in &outcome.findings {
        println!("{finding}");
    }
    println!("Seed {seed}. Open {}.", out.join(report::PAGE).display());
    Ok(())
}

/// The scenario with what the command line changes of it, and the seed.
fn scenario(arguments: &Arguments, name: &str) -> Result<(Scenario, u64)> {
    let (mut scenario, seed) = match name.ends_with(".toml") {
        true => {
            let text = fs::read_to_string(name).with_context(|| format!("cannot read {name}"))?;
            Scenario::parse(&text).with_context(|| name.to_owned())?
        }
        false => (Scenario::named(name)?, None),
    };
    if let Some(peers) = arguments.peers {
        scenario.set_peers(peers)?;
    }
    if let Some(seeds) = arguments.seeds {
        scenario.set_seeds(seeds)?;
    }
    Ok((scenario, arguments.seed.or(seed).unwrap_or(SEED)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_well_formed() {
        Arguments::command().debug_assert();
    }
}
