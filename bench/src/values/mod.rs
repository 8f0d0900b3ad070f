//! Libraries that count and keep named values, and ours.
//!
//! # How it works
//! Each author has a replica and does its share without hearing of the others, as people do who are offline.
//! Somebody who only reads hears of everything in turn: the first act of each author, then the second, and so on.
//! What is timed stands in [`crate::contestant`].

#[cfg(feature = "automerge")]
pub mod automerge;
pub mod ours;
pub mod yjs;
pub mod yrs;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, Result, ensure};

use crate::clock::thread_cpu;
use crate::contestant::{self, Contestant, Measured, Sent};

/// What somebody does at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Raises the counter by one.
    Count,
    /// Gives a name a value.
    Name(String, String),
}

/// What several people do.
pub struct Work {
    /// What each author does, in order.
    pub acts: Vec<Vec<Act>>,
}

impl Work {
    /// Each of so many authors raises the counter so often.
    pub fn counting(authors: usize, each: usize) -> Work {
        Work { acts: vec![vec![Act::Count; each]; authors] }
    }

    /// Each of so many authors gives names in turn a value, so often in all.
    pub fn naming(authors: usize, each: usize, names: usize) -> Work {
        let act = |author, number| {
            Act::Name(format!("name {:03}", number % names), format!("value {number} of {author}"))
        };
        Work {
            acts: (0..authors).map(|author| (0..each).map(|number| act(author, number)).collect()).collect(),
        }
    }

    /// Whether everything reads as it must: all steps count, and each name has the value that one of the authors
    /// gave it last. Whose that is each library has a rule of its own for.
    ///
    /// # Errors
    /// It does not.
    pub fn check(&self, text: &str) -> Result<()> {
        let acts = self.acts.iter().flatten();
        let steps = acts.filter(|act| **act == Act::Count).count();
        let mut lines = text.lines();
        let counted = lines.next().context("the counter is read first")?;
        ensure!(counted == steps.to_string(), "{counted} steps are counted instead of {steps}");
        let mut last: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for acts in &self.acts {
            let own: BTreeMap<&str, &str> = acts.iter().filter_map(named).collect();
            own.into_iter().for_each(|(name, value)| last.entry(name).or_default().push(value));
        }
        let mut names = 0;
        for line in lines {
            let (name, value) = line.split_once('=').context("a name and a value")?;
            let could = last.get(name).with_context(|| format!("nobody named {name}"))?;
            ensure!(could.contains(&value), "{name} is {value}, which nobody wrote last");
            names += 1;
        }
        ensure!(names == last.len(), "{names} of {} names are read", last.len());
        Ok(())
    }
}

fn named(act: &Act) -> Option<(&str, &str)> {
    match act {
        Act::Count => None,
        Act::Name(name, value) => Some((name, value)),
    }
}

/// How everything reads: a line for the counter, and one for each name.
pub fn text(
    count: i64,
    names: impl IntoIterator<Item = (impl std::fmt::Display, impl std::fmt::Display)>,
) -> String {
    let mut lines: Vec<String> = names.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    lines.sort_unstable();
    let mut text = count.to_string();
    for line in lines {
        let _ = write!(text, "\n{line}");
    }
    text
}

/// Does all of a work: what that took, and how everything reads.
///
/// # Errors
/// The library's, or it reads wrongly.
pub fn replay<C: Contestant<Edit = Act>>(contestant: &C, work: &Work) -> Result<(Measured, String)> {
    let (mut seconds, mut sent_by): (f64, Vec<std::vec::IntoIter<Vec<Vec<u8>>>>) = (0.0, Vec::new());
    for (author, acts) in work.acts.iter().enumerate() {
        let mut replica = contestant.begin(author)?;
        let (taken, sent) = thread_cpu(|| {
            acts.iter().map(|act| contestant.edit(&mut replica, act)).collect::<Result<Sent>>()
        });
        seconds += taken;
        sent_by.push(sent.with_context(|| format!("author {author}"))?.into_iter());
    }
    let mut sent = Sent::new();
    while let Some(turn) = sent_by.iter_mut().map(Iterator::next).collect::<Option<Sent>>() {
        sent.extend(turn);
    }
    let (measured, text) = contestant::read(contestant, contestant.begin(work.acts.len())?, seconds, sent)?;
    work.check(&text)?;
    Ok((measured, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_steps_and_older_values_are_noticed() {
        let mut work = Work::naming(2, 4, 2);
        work.acts[0].push(Act::Count);
        let right = text(1, [("name 000", "value 2 of 1"), ("name 001", "value 3 of 0")]);
        assert!(work.check(&right).is_ok());
        let wrong = [
            right.replacen('1', "0", 1),
            right.replace("value 2 of 1", "value 0 of 1"),
            right.replace("\nname 001=value 3 of 0", ""),
        ];
        for wrong in wrong {
            assert!(work.check(&wrong).is_err(), "{wrong}");
        }
    }
}
