//! What can be simulated: scenarios with typed parameters, by name or from a file.

mod catastrophe;
mod churn;
mod cost;
mod flash_crowd;
mod hostile;
mod partition;
mod place_study;
mod scale;
mod slow_peers;
mod spread;
mod viewers;
mod writers;

use meshwork_core::rng::Rng;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use self::catastrophe::Catastrophe;
pub use self::churn::Churn;
pub use self::cost::Cost;
pub use self::flash_crowd::FlashCrowd;
pub use self::hostile::Hostile;
pub use self::partition::Partition;
pub use self::place_study::PlaceStudy;
pub use self::scale::Scale;
pub use self::slow_peers::SlowPeers;
pub use self::spread::Spread;
pub use self::viewers::Viewers;
pub use self::writers::Writers;
use crate::membership::{Membership, Views};
use crate::outcome::{Axis, Figure, Form, Outcome, Series, Table, Value};
use crate::workers::{Progress, in_order};
use meshwork_sim::latency::Latency;

/// Seeds of one run at most: a study of more says nothing new, and its numbers would take gigabytes.
pub const SEEDS_MAX: u32 = 100_000;

/// Rounds of upkeep in a minute.
const ROUNDS_A_MINUTE: u32 = 6;

/// How a scenario is run.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// Where all chance comes from.
    pub seed: u64,
    /// On how many threads; which changes nothing about what is found.
    pub threads: usize,
    /// Told after each task.
    pub progress: Progress<'a>,
}

impl Run<'_> {
    /// Studies so many rooms, each by its number, for each of `cases`. Returns the rooms of each case.
    fn rooms<C: Sync, R: Send>(
        &self,
        cases: &[C],
        seeds: u32,
        room: impl Fn(&C, u64) -> R + Sync,
    ) -> Vec<Vec<R>> {
        let seeds = seeds.max(1) as usize;
        let all = in_order(self.threads, cases.len() * seeds, self.progress, |task| {
            room(&cases[task / seeds], (task % seeds) as u64)
        });
        let mut all = all.into_iter();
        cases.iter().map(|_| all.by_ref().take(seeds).collect()).collect()
    }
}

/// A column of a table, how many digits it shows, and what it says of a room.
type Column<R> = (&'static str, u8, fn(&R) -> f64);

/// A row for each case, with the means over its rooms.
fn means<R>(name: &'static str, cases: &[u32], rooms: &[Vec<R>], columns: &[Column<R>]) -> Table {
    let names: Vec<&str> = std::iter::once(name).chain(columns.iter().map(|(name, ..)| *name)).collect();
    let mut table = Table::of(&names);
    for (case, rooms) in cases.iter().zip(rooms) {
        let mean = |of: fn(&R) -> f64| rooms.iter().map(of).sum::<f64>() / rooms.len().max(1) as f64;
        let values = columns.iter().map(|&(_, digits, of)| Value::Number(mean(of), digits));
        table.push(std::iter::once(Value::count(*case)).chain(values).collect());
    }
    table
}

/// Why a scenario cannot be run. Nothing was begun; mend the parameters.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// There is no scenario of this name.
    #[error("there is no scenario {0:?}; --list names them all")]
    Unknown(String),
    /// A file is not TOML, or says something that the scenario does not know.
    #[error("{0}")]
    Text(String),
    /// A file does not say which scenario it is about.
    #[error("the file names no scenario; its first line is to be one such as scenario = \"place-study\"")]
    Unnamed,
    /// A parameter lies outside its range.
    #[error("{name} is {value}, but must be {legal}")]
    Range {
        /// The parameter.
        name: &'static str,
        /// What it was.
        value: String,
        /// What it may be.
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

/// What a scenario is.
trait Study: Serialize + DeserializeOwned + Default {
    /// Whether the parameters are in their ranges.
    fn check(&self) -> Result<(), ScenarioError>;
    /// Its numbers of peers and of rooms, where it has one of them.
    fn counts(&mut self) -> (Option<&mut usize>, Option<&mut u32>);
    /// Another number of peers. False when there is no such parameter.
    fn set_peers(&mut self, peers: usize) -> bool {
        self.counts().0.map(|count| *count = peers).is_some()
    }
    /// Does it. Name, seed and parameters of the outcome are set by the caller.
    fn run(&self, run: Run<'_>) -> Outcome;
}

macro_rules! scenarios {
    ($($variant:ident($parameters:ty) = $name:literal, $about:literal;)*) => {
        /// A scenario with its parameters.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum Scenario {
            $(#[doc = $about] $variant($parameters),)*
        }

        impl Scenario {
            /// Names, and what each is about.
            pub const LIST: &[(&str, &str)] = &[$(($name, $about),)*];

            /// The scenario of this name, as it is where nothing is said.
            ///
            /// # Errors
            /// When there is none.
            pub fn named(name: &str) -> Result<Scenario, ScenarioError> {
                match name {
                    $($name => Ok(Scenario::$variant(Default::default())),)*
                    _ => Err(ScenarioError::Unknown(name.to_owned())),
                }
            }

            /// Its name.
            pub fn name(&self) -> &'static str {
                match self { $(Scenario::$variant(_) => $name,)* }
            }

            fn from_table(name: &str, table: toml::Table) -> Result<Scenario, ScenarioError> {
                match name {
                    $($name => table.try_into().map(Scenario::$variant).map_err(text_error),)*
                    _ => Err(ScenarioError::Unknown(name.to_owned())),
                }
            }

            /// Whether the parameters are in their ranges.
            ///
            /// # Errors
            /// The first that is not.
            pub fn check(&self) -> Result<(), ScenarioError> {
                match self { $(Scenario::$variant(parameters) => Study::check(parameters),)* }
            }

            /// Another number of peers.
            ///
            /// # Errors
            /// When it has no such parameter.
            pub fn set_peers(&mut self, peers: usize) -> Result<(), ScenarioError> {
                let is_set = match self { $(Scenario::$variant(parameters) => parameters.set_peers(peers),)* };
                self.or_none(is_set, "peers")
            }

            /// Another number of repetitions.
            ///
            /// # Errors
            /// When it has no such parameter.
            pub fn set_seeds(&mut self, seeds: u32) -> Result<(), ScenarioError> {
                let count = match self { $(Scenario::$variant(parameters) => parameters.counts().1,)* };
                let is_set = count.map(|count| *count = seeds).is_some();
                self.or_none(is_set, "seeds")
            }

            /// Runs it. Parameters out of range give an outcome that says little, but do no harm: call
            /// [`check`](Self::check) first.
            pub fn run(&self, run: Run<'_>) -> Outcome {
                let outcome = match self { $(Scenario::$variant(study) => Study::run(study, run),)* };
                Outcome { scenario: self.name(), seed: run.seed, parameters: self.toml(run.seed), ..outcome }
            }

            /// A file that repeats the run.
            pub fn toml(&self, seed: u64) -> String {
                let body = match self { $(Scenario::$variant(study) => toml::to_string(study),)* };
                let body = body.expect("parameters are numbers, texts and lists of them");
                format!("scenario = \"{}\"\nseed = {seed}\n{body}", self.name())
            }
        }
    };
}

scenarios! {
    PlaceStudy(PlaceStudy) = "place-study",
        "rounds, messages and time against the number of peers, as Place's own study has it, and ours beside it";
    Catastrophe(Catastrophe) = "catastrophe",
        "10 to 80 % of a room die at once: who hears, and how soon the room is whole again";
    Churn(Churn) = "churn",
        "half of the room is replaced every ten minutes, and the same with rules taken away";
    FlashCrowd(FlashCrowd) = "flash-crowd",
        "10,000 join within 10 s";
    Partition(Partition) = "partition",
        "the room is cut in two for 5 minutes: how soon all replicas are equal again";
    SlowPeers(SlowPeers) = "slow-peers",
        "some have a slow access: what the others notice";
    Hostile(Hostile) = "hostile",
        "some drop, lie, flood, or try to surround the others";
    Cost(Cost) = "cost",
        "copies, bytes and processor time per peer against the room's size, full mesh, a star server and flooding";
    Writers(Writers) = "writers",
        "1, 32 and 1000 writers: copies per peer, delivery against flooding, how evenly the work is spread";
    Viewers(Viewers) = "viewers",
        "50,000 look on while 10,000 cells a second are painted, with and without loss";
    Scale(Scale) = "scale",
        "an overlay of a million peers is built and 100 broadcasts over it measured";
    Spread(Spread) = "sync",
        "a counter and a document change at 100 real nodes: how soon the others see it, in four networks";
}

/// What the file of a scenario says.
#[derive(Clone, Debug, PartialEq)]
pub struct ScenarioFile {
    /// The scenario with its parameters.
    pub scenario: Scenario,
    /// The seed, where the file names one.
    pub seed: Option<u64>,
}

impl ScenarioFile {
    /// Reads a file: `scenario = "NAME"`, perhaps `seed = N`, and the scenario's parameters, of which those that are
    /// not named are as they are where nothing is said.
    ///
    /// # Errors
    /// When it is not such a file, with the place where that was seen.
    pub fn parse(text: &str) -> Result<ScenarioFile, ScenarioError> {
        #[derive(Deserialize)]
        struct Head {
            scenario: Option<String>,
            seed: Option<u64>,
        }
        let head: Head = toml::from_str(text).map_err(text_error)?;
        let name = head.scenario.ok_or(ScenarioError::Unnamed)?;
        let mut table: toml::Table = toml::from_str(text).map_err(text_error)?;
        table.remove("scenario");
        table.remove("seed");
        let scenario = Scenario::from_table(&name, table)?;
        scenario.check()?;
        Ok(ScenarioFile { scenario, seed: head.seed })
    }
}

impl Scenario {
    fn or_none(&self, is_set: bool, flag: &'static str) -> Result<(), ScenarioError> {
        if is_set { self.check() } else { Err(ScenarioError::NoSuch { scenario: self.name(), flag }) }
    }
}

fn text_error(error: toml::de::Error) -> ScenarioError {
    ScenarioError::Text(error.to_string().trim().to_owned())
}

/// Whether a parameter lies in its range.
fn within<N: PartialOrd + std::fmt::Display>(
    name: &'static str,
    value: N,
    legal: std::ops::RangeInclusive<N>,
) -> Result<(), ScenarioError> {
    if legal.contains(&value) {
        return Ok(());
    }
    let legal = format!("{} to {}", legal.start(), legal.end());
    Err(ScenarioError::Range { name, value: value.to_string(), legal })
}

/// A room that so many joined, and in which neighbours have come nearer for so many minutes.
fn settled(peers: usize, views: Views, minutes: u32, latency: &Latency, rng: &mut Rng) -> Membership {
    let mut room = Membership::grown(peers, views, 3, rng);
    for _ in 0..minutes * ROUNDS_A_MINUTE {
        room.round(true, rng);
        room.approach(latency, rng);
    }
    room
}

/// A chart of lines.
fn lines(name: &'static str, title: &'static str, x: Axis, y: Axis, series: Vec<Series>) -> Figure {
    Figure { name, title, x, y, form: Form::Lines, series }
}

/// How many of a hundred.
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 }
}

/// Runs a study without being told how far it is.
#[cfg(test)]
fn tried(study: &impl Study, seed: u64, threads: usize) -> Outcome {
    study.run(Run { seed, threads, progress: &|_, _| () })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_a_run_repeats_it() {
        for (name, _) in Scenario::LIST {
            let scenario = Scenario::named(name).expect("it is listed");
            assert!(scenario.check().is_ok(), "{name}");
            let file = ScenarioFile::parse(&scenario.toml(17)).expect("we wrote it");
            assert_eq!(file, ScenarioFile { scenario, seed: Some(17) });
        }
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        let words = |text: &str| ScenarioFile::parse(text).expect_err(text).to_string();
        assert!(words("seed = 3").contains("names no scenario"));
        assert!(words("scenario = \"place\"").contains("there is no scenario \"place\""));
        assert!(words("scenario = \"place-study\"\npeers = [100]\nnine = [3]").contains("nine"));
        assert!(words("scenario = \"place-study\"\npeers = [1]").contains("peers"));
        assert!(words("scenario = ").contains("1"), "the line is named");
    }
}
