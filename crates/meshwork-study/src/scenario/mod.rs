//! Scenarios: each is data, by name or from a file, and one runner runs all of them.

mod catastrophe;
mod churn;
mod cost;
mod parameters;
mod place_study;

use std::fmt::Write as _;

use self::parameters::{Parameter, Setting};
use crate::outcome::{Outcome, Section};
use crate::workers::{Progress, in_order};

/// Seeds of one run at most: a study of more says nothing new, and its numbers would take gigabytes.
pub const SEEDS_MAX: u32 = 100_000;

/// Rounds of upkeep in a minute.
const ROUNDS_A_MINUTE: usize = 6;

/// All scenarios.
static ALL: [&Study; 4] = [&place_study::STUDY, &catastrophe::STUDY, &churn::STUDY, &cost::STUDY];
/// Parameters that count repetitions.
const SEEDS: [&str; 2] = ["seeds", "repetitions"];

/// A scenario as data.
struct Study {
    name: &'static str,
    about: &'static str,
    title: &'static str,
    modelled: &'static [&'static str],
    not_modelled: &'static [&'static str],
    parameters: &'static [Parameter],
    /// A sentence for each row of the first table that is about the largest room, with columns in braces.
    finding: &'static str,
    /// Measures, and returns tables with their figures.
    run: fn(&Scenario, Run<'_>) -> Vec<Section>,
}

/// How a scenario is run.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// The seed of all chance.
    pub seed: u64,
    /// The number of threads; it changes no result.
    pub threads: usize,
    /// Called after each task.
    pub progress: Progress<'a>,
}

impl Run<'_> {
    /// Studies rooms 0 to `seeds` of each of `cases`. Returns the rooms of each case. The last case, which is the largest,
    /// begins first, so that no thread is left with it at the end.
    fn rooms<C: Sync, R: Send>(
        &self,
        cases: &[C],
        seeds: usize,
        room: impl Fn(&C, u64) -> R + Sync,
    ) -> Vec<Vec<R>> {
        let seeds = seeds.max(1);
        let count = cases.len() * seeds;
        let all = in_order(self.threads, count, self.progress, |task| {
            let task = count - 1 - task;
            room(&cases[task / seeds], (task % seeds) as u64)
        });
        let mut all = all.into_iter().rev();
        cases.iter().map(|_| all.by_ref().take(seeds).collect()).collect()
    }
}

/// A scenario with its parameters.
#[derive(Clone)]
pub struct Scenario {
    study: &'static Study,
    /// One for each parameter of the study.
    settings: Vec<Setting>,
}

/// Why a scenario cannot be run. Nothing was begun; mend the parameters.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// There is no scenario of this name.
    #[error("there is no scenario {0:?}; --list names them all")]
    Unknown(String),
    /// A file is not TOML.
    #[error("{0}")]
    Text(String),
    /// A file does not name its scenario.
    #[error("the file names no scenario; its first line must be like scenario = \"place-study\"")]
    Unnamed,
    /// A file sets a parameter that its scenario does not have.
    #[error("{scenario} has no parameter {name}; it has {legal}")]
    NoParameter {
        /// The scenario.
        scenario: &'static str,
        /// The parameter.
        name: String,
        /// The scenario's parameters.
        legal: String,
    },
    /// A parameter lies outside its range.
    #[error("{name} is {value}, but must be {legal}")]
    Range {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: String,
        /// Its legal values.
        legal: String,
    },
    /// A parameter of the command line that this scenario does not have.
    #[error("{scenario} takes no --{flag}")]
    NoSuch {
        /// The scenario.
        scenario: &'static str,
        /// The flag without its hyphens.
        flag: &'static str,
    },
}

impl Scenario {
    /// All names, each with one line about the scenario.
    pub fn list() -> impl Iterator<Item = (&'static str, &'static str)> {
        ALL.iter().map(|study| (study.name, study.about))
    }

    /// The scenario of this name with its default parameters.
    ///
    /// # Errors
    /// There is none.
    pub fn named(name: &str) -> Result<Scenario, ScenarioError> {
        let study = ALL.iter().find(|study| study.name == name);
        let study = study.ok_or_else(|| ScenarioError::Unknown(name.to_owned()))?;
        let settings = study.parameters.iter().map(|parameter| parameter.default.clone()).collect();
        Ok(Scenario { study, settings })
    }

    /// Reads a file: `scenario = "NAME"`, perhaps `seed = N`, and parameters; those that the file leaves out have their
    /// defaults. Returns the scenario and the seed.
    ///
    /// # Errors
    /// The text is not TOML, or sets a parameter that does not exist or lies outside its range.
    pub fn parse(text: &str) -> Result<(Scenario, Option<u64>), ScenarioError> {
        let table: toml::Table =
            toml::from_str(text).map_err(|error| ScenarioError::Text(error.to_string().trim().to_owned()))?;
        let name = table.get("scenario").and_then(toml::Value::as_str).ok_or(ScenarioError::Unnamed)?;
        let mut scenario = Scenario::named(name)?;
        let seed = table.get("seed").map(|seed| {
            seed.as_integer().and_then(|seed| u64::try_from(seed).ok()).ok_or_else(|| ScenarioError::Range {
                name: "seed",
                value: seed.to_string(),
                legal: format!("0 to {}", i64::MAX),
            })
        });
        for (name, value) in table.iter().filter(|(name, _)| !["scenario", "seed"].contains(&name.as_str())) {
            let place = scenario.place(name).ok_or_else(|| scenario.no_parameter(name))?;
            scenario.settings[place] = scenario.study.parameters[place].read(value)?;
        }
        Ok((scenario, seed.transpose()?))
    }

    /// Changes the number of peers.
    ///
    /// # Errors
    /// It lies outside its range.
    pub fn set_peers(&mut self, peers: u32) -> Result<(), ScenarioError> {
        self.set(&["peers"], "peers", peers)
    }

    /// Changes the number of repetitions.
    ///
    /// # Errors
    /// The scenario has none, or the number lies outside its range.
    pub fn set_seeds(&mut self, seeds: u32) -> Result<(), ScenarioError> {
        self.set(&SEEDS, "seeds", seeds)
    }

    fn set(&mut self, names: &[&str], flag: &'static str, value: u32) -> Result<(), ScenarioError> {
        let place = names.iter().find_map(|name| self.place(name));
        let place = place.ok_or(ScenarioError::NoSuch { scenario: self.study.name, flag })?;
        self.settings[place] = self.study.parameters[place].with(value.into())?;
        Ok(())
    }

    /// Runs the scenario.
    pub fn run(&self, run: Run<'_>) -> Outcome {
        let Study { name, title, modelled, not_modelled, finding, .. } = *self.study;
        let sections = (self.study.run)(self, run);
        let findings = sections.first().map(|section| section.table.sentences(finding)).unwrap_or_default();
        let parameters = self.toml(run.seed);
        Outcome {
            scenario: name,
            title,
            seed: run.seed,
            parameters,
            findings,
            modelled,
            not_modelled,
            sections,
        }
    }

    /// A file that repeats the run.
    pub fn toml(&self, seed: u64) -> String {
        let mut text = format!("scenario = \"{}\"\nseed = {seed}\n", self.study.name);
        for (parameter, setting) in self.study.parameters.iter().zip(&self.settings) {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{} = {setting}", parameter.name);
        }
        text
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.study.parameters.iter().position(|parameter| parameter.name == name)
    }

    fn no_parameter(&self, name: &str) -> ScenarioError {
        let legal: Vec<&str> = self.study.parameters.iter().map(|parameter| parameter.name).collect();
        ScenarioError::NoParameter {
            scenario: self.study.name,
            name: name.to_owned(),
            legal: legal.join(", "),
        }
    }

    fn setting(&self, name: &str) -> &Setting {
        &self.settings[self.place(name).expect("a study reads its own parameters")]
    }

    /// The values of a parameter, in ascending order; one of a parameter that is no list.
    fn numbers(&self, name: &str) -> Vec<usize> {
        self.setting(name).numbers()
    }

    /// The first value of a parameter.
    fn number(&self, name: &str) -> usize {
        self.numbers(name).first().copied().unwrap_or(0)
    }

    fn is_on(&self, name: &str) -> bool {
        *self.setting(name) == Setting::Flag(true)
    }
}

/// For each round, that round of all rooms.
fn by_round<R: Copy>(rooms: &[Vec<R>]) -> Vec<Vec<R>> {
    let rounds = rooms.iter().map(Vec::len).max().unwrap_or(0);
    (0..rounds).map(|round| rooms.iter().filter_map(|room| room.get(round).copied()).collect()).collect()
}

fn mean<S>(samples: &[S], of: impl Fn(&S) -> f64) -> f64 {
    samples.iter().map(of).sum::<f64>() / samples.len().max(1) as f64
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 }
}

/// Runs a scenario with these lines of a file.
#[cfg(test)]
fn tried(text: &str, seed: u64, threads: usize) -> Outcome {
    let (scenario, _) = Scenario::parse(text).expect("a legal file");
    scenario.run(Run { seed, threads, progress: &|_, _| () })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_a_run_repeats_it() {
        for (name, _) in Scenario::list() {
            let text = Scenario::named(name).expect("it is listed").toml(17);
            let (again, seed) = Scenario::parse(&text).expect("we wrote it, with defaults in their ranges");
            assert_eq!((again.toml(17), seed), (text, Some(17)));
        }
    }

    #[test]
    fn errors_name_the_parameter_and_its_range() {
        let error = |text: &str| Scenario::parse(text).map(|_| ()).expect_err(text).to_string();
        assert!(error("seed = 3").contains("names no scenario"));
        assert!(error("scenario = \"place\"").contains("there is no scenario \"place\""));
        assert!(error("scenario = \"place-study\"\nnine = [3]").contains("nine; it has peers, nines"));
        assert!(error("scenario = \"place-study\"\npeers = [1]").contains("peers is [1], but must be"));
        assert!(error("scenario = \"churn\"\npeers = [100]").contains("must be 10 to 100000"));
        assert!(error("scenario = \"catastrophe\"\nserver = 1").contains("must be true or false"));
        assert!(error("scenario = \"cost\"\nseed = -1").contains("seed is -1"));
        assert!(error("scenario = ").contains("line 1"));
        let mut cost = Scenario::named("cost").expect("it is listed");
        assert_eq!(cost.set_seeds(3).expect_err("it has none").to_string(), "cost takes no --seeds");
        assert!(cost.set_peers(1).expect_err("too few").to_string().contains("peers is 1,"));
    }
}
