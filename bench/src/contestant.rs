//! Libraries that store documents of several authors, ours among them, and what they are measured by.
//!
//! # How it works
//! Each author has a replica. Three things are timed apart: the edits where they are made, with the update that is
//! to be sent for each; taking in all updates one by one at a replica of somebody who only reads; and opening what
//! that one keeps. Each ends with everything being read.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::clock::thread_cpu;
use crate::documents::trace::{Patch, Trace};
use crate::memory::held;
use crate::race::{Plan, Samples};

/// A library, or ours.
pub trait Contestant {
    /// A copy that somebody has.
    type Replica;

    /// An empty one, of the author with this number; the one who only reads has the number after theirs.
    ///
    /// # Errors
    /// The library's.
    fn begin(&self, author: usize) -> Result<Self::Replica>;

    /// Makes a transaction. Returns what is to be sent to others, one or more things.
    ///
    /// # Errors
    /// The library's.
    fn edit(&self, replica: &mut Self::Replica, patches: &[Patch]) -> Result<Vec<Vec<u8>>>;

    /// Takes in what another sends.
    ///
    /// # Errors
    /// The library's.
    fn apply(&self, replica: &mut Self::Replica, update: &[u8]) -> Result<()>;

    /// All of it as it reads.
    fn text(&self, replica: &Self::Replica) -> String;

    /// What is written to a disk.
    ///
    /// # Errors
    /// The library's.
    fn keep(&self, replica: &mut Self::Replica) -> Result<Vec<Vec<u8>>>;

    /// The replica of the one who only reads, as it is opened from what was kept.
    ///
    /// # Errors
    /// The library's.
    fn open(&self, kept: &[Vec<u8>]) -> Result<Self::Replica>;
}

/// What was measured in one round.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measured {
    /// Seconds of all edits.
    pub edit: f64,
    /// Seconds of taking in all updates one by one.
    pub apply: f64,
    /// Seconds of opening what is kept.
    pub open: f64,
    /// Bytes that are kept.
    pub kept: usize,
    /// Bytes of memory that what was opened takes.
    pub memory: usize,
}

/// What each edit sends.
pub type Sent = Vec<Vec<Vec<u8>>>;

/// Lets a reader take in what edits that took so long sent, keep it and open it. Returns also how it reads.
///
/// # Errors
/// The library's, or what was kept reads otherwise.
pub fn read<C: Contestant>(
    contestant: &C,
    mut reader: C::Replica,
    edit: f64,
    sent: Sent,
) -> Result<(Measured, String)> {
    let (apply, text) = thread_cpu(|| -> Result<String> {
        sent.iter().flatten().try_for_each(|update| contestant.apply(&mut reader, update))?;
        Ok(contestant.text(&reader))
    });
    let text = text?;
    drop(sent);
    let kept = contestant.keep(&mut reader)?;
    drop(reader);
    let (open, opened) = thread_cpu(|| -> Result<_> {
        let opened = contestant.open(&kept)?;
        let text = contestant.text(&opened);
        Ok((opened, text))
    });
    ensure!(opened?.1 == text, "what was kept reads otherwise");
    let (memory, opened) = held(|| contestant.open(&kept));
    ensure!(contestant.text(&opened?) == text, "what was kept reads otherwise");
    let kept = kept.iter().map(Vec::len).sum();
    Ok((Measured { edit, apply, open, kept, memory }, text))
}

/// Who takes longer for its first round is measured once.
const LONG: Duration = Duration::from_secs(60);

/// Replays a trace. Returns what was measured, and the text.
type Replay = Box<dyn Fn(&Trace) -> Result<(Measured, String)>>;

/// Somebody who takes part.
pub struct Entrant {
    /// Whose numbers they are, with the version.
    pub name: String,
    replay: Replay,
    rounds: Vec<Measured>,
    /// What its first round took.
    first: Duration,
}

impl Entrant {
    /// A contestant that replays a trace this way.
    pub fn new(
        name: impl Into<String>,
        replay: impl Fn(&Trace) -> Result<(Measured, String)> + 'static,
    ) -> Entrant {
        Entrant { name: name.into(), replay: Box::new(replay), rounds: Vec::new(), first: Duration::ZERO }
    }

    /// One number of each round.
    pub fn samples(&self, of: impl Fn(&Measured) -> f64) -> Samples {
        Samples(self.rounds.iter().map(of).collect())
    }
}

/// Lets all of them replay a trace: one round to warm up, then those of the plan, of which whoever takes longer than a minute has one
/// alone. In each another one begins. What each round took is told, since some take minutes.
///
/// # Errors
/// The first that an entrant reports, or what `check` says of how everything reads for one of this name.
pub fn compete(
    plan: &Plan,
    entrants: &mut [Entrant],
    trace: &Trace,
    mut check: impl FnMut(&str, &str) -> Result<()>,
) -> Result<()> {
    let count = entrants.len();
    for round in 0..=plan.rounds {
        for place in 0..count {
            let entrant = &mut entrants[(round + place) % count];
            if round > 1 && entrant.first > LONG {
                continue;
            }
            let begun = Instant::now();
            let (measured, text) = (entrant.replay)(trace)?;
            if round == 0 {
                entrant.first = begun.elapsed();
            }
            eprintln!("bench: round {round} of {} took {:.1} s", entrant.name, begun.elapsed().as_secs_f64());
            check(&entrant.name, &text)?;
            if round > 0 {
                entrant.rounds.push(measured);
            }
        }
    }
    Ok(())
}
