//! What people typed, transaction by transaction.

use std::fs::File;
use std::ops::Range;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;
use serde_json::Value;

/// An editing history, in an order in which nothing comes before what it follows.
pub struct Trace {
    /// Its name.
    pub name: &'static str,
    /// What was done.
    pub transactions: Vec<Transaction>,
    /// The same, in runs that one agent makes without hearing of anything.
    pub runs: Vec<Run>,
    /// How many wrote it.
    pub agents: usize,
    /// How the text reads at the end; `None` for a part of a history.
    pub end: Option<String>,
}

/// What an agent did at once.
pub struct Transaction {
    /// Each is made in the text that the one before leaves.
    pub patches: Vec<Patch>,
}

/// Something that takes the place of something.
pub struct Patch {
    /// At which character (`char`).
    pub at: usize,
    /// How many characters go.
    pub deleted: usize,
    /// What comes.
    pub inserted: String,
}

/// Transactions of one agent, one after the other.
pub struct Run {
    /// Whose.
    pub agent: usize,
    /// Others' transactions that the agent hears of first, in order.
    pub heard: Vec<usize>,
    /// Which.
    pub transactions: Range<usize>,
}

impl Trace {
    /// Where the traces lie, and their names.
    pub const NAMES: [&'static str; 3] = ["seph-blog1", "friendsforever", "clownschool"];

    /// Where the trace of this name lies.
    pub fn path(name: &str) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("traces").join(format!("{name}.json.gz"))
    }

    /// Reads a trace, up to the first transaction from `least` on that knows of all others.
    ///
    /// # Errors
    /// The file is none, or its agents did not write one thing after the other.
    pub fn read(name: &'static str, least: usize) -> Result<Trace> {
        let file = File::open(Trace::path(name)).with_context(|| format!("there is no trace {name}"))?;
        let read: Value = serde_json::from_reader(GzDecoder::new(file))?;
        let told = read["txns"].as_array().context("a trace has transactions")?;
        let agents = read["numAgents"].as_u64().unwrap_or(1) as usize;
        let mut trace = Trace { name, transactions: Vec::new(), runs: Vec::new(), agents, end: None };
        // How many transactions of each agent each transaction knows of, its own included.
        let mut known: Vec<Vec<usize>> = Vec::new();
        let mut of_agent: Vec<Vec<usize>> = vec![Vec::new(); agents];
        for (number, told) in told.iter().enumerate() {
            let agent = told["agent"].as_u64().unwrap_or(0) as usize;
            let before: Vec<usize> =
                of_agent[agent].last().map_or(vec![0; agents], |last| known[*last].clone());
            let mut knows = before.clone();
            for parent in parents(told, number) {
                knows.iter_mut().zip(&known[parent]).for_each(|(one, other)| *one = (*one).max(*other));
            }
            ensure!(knows[agent] == of_agent[agent].len(), "agent {agent} wrote two things at once");
            let heard = (0..agents).flat_map(|other| of_agent[other][before[other]..knows[other]].to_vec());
            let mut heard: Vec<usize> = heard.collect();
            heard.sort_unstable();
            match trace.runs.last_mut() {
                Some(run) if run.agent == agent && heard.is_empty() => run.transactions.end += 1,
                _ => trace.runs.push(Run { agent, heard, transactions: number..number + 1 }),
            }
            trace.transactions.push(Transaction { patches: patches(told)? });
            knows[agent] += 1;
            of_agent[agent].push(number);
            known.push(knows);
            let all: usize = known[number].iter().sum();
            if number + 1 >= least && all == number + 1 {
                break;
            }
        }
        if trace.transactions.len() == told.len() {
            trace.end = Some(read["endContent"].as_str().context("a trace has an end")?.to_owned());
        }
        Ok(trace)
    }
}

/// Whom a transaction follows: in a trace of one person the one before.
fn parents(told: &Value, number: usize) -> Vec<usize> {
    match told["parents"].as_array() {
        Some(parents) => parents.iter().filter_map(Value::as_u64).map(|parent| parent as usize).collect(),
        None => number.checked_sub(1).into_iter().collect(),
    }
}

fn patches(told: &Value) -> Result<Vec<Patch>> {
    let patch = |told: &Value| {
        let inserted = told[2].as_str()?.to_owned();
        Some(Patch { at: told[0].as_u64()? as usize, deleted: told[1].as_u64()? as usize, inserted })
    };
    let patches = told["patches"].as_array().context("a transaction has patches")?;
    patches.iter().map(|told| patch(told).context("a patch is a place, a number and a text")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_all_transactions_and_all_is_heard() {
        for name in Trace::NAMES {
            let trace = Trace::read(name, 300).expect("a trace");
            let count = trace.transactions.len();
            assert!((300..2000).contains(&count) && trace.end.is_none(), "{name}: {count}");
            let all: usize = trace.runs.iter().map(|run| run.transactions.len()).sum();
            assert_eq!(all, count, "{name}");
            let mut next = 0;
            for run in &trace.runs {
                assert!(
                    run.transactions.start == next && run.heard.iter().all(|heard| *heard < next),
                    "{name}"
                );
                next = run.transactions.end;
            }
        }
    }
}
