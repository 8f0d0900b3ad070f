//! Libraries that replay what people typed, and ours.
//!
//! # How it works
//! Each agent of a [`Trace`] has a replica. Where the trace says that an agent knew of what another one wrote, its replica
//! takes that in first, so everybody writes where it wrote. Three things are timed apart: the edits where they are made,
//! with the update that is to be sent for each; taking in all updates one by one at a replica of somebody who only reads;
//! and opening what that one keeps. Each ends with the text being read, which must be how the trace ends.

#[cfg(feature = "rivals")]
pub mod automerge;
#[cfg(feature = "rivals")]
pub mod loro;
pub mod ours;
pub mod trace;
pub mod yjs;
pub mod yrs;

use anyhow::{Context, Result, ensure};

use self::trace::{Patch, Trace};
use crate::clock::thread_cpu;
use crate::memory::held;

/// A library, or ours.
pub trait Contestant {
    /// A copy of the document that somebody has.
    type Replica;

    /// An empty one, of the agent with this number; the one who only reads has the number after theirs.
    ///
    /// # Errors
    /// The library's.
    fn begin(&self, agent: usize) -> Result<Self::Replica>;

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

    /// The text as it reads.
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
    /// Bytes of memory that the opened document takes.
    pub memory: usize,
}

/// What each transaction sends.
pub type Sent = Vec<Vec<Vec<u8>>>;

/// Lets all agents write. Returns the seconds that their edits took, and what they send.
///
/// # Errors
/// The library's.
pub fn write<C: Contestant>(contestant: &C, trace: &Trace) -> Result<(f64, Sent)> {
    let mut replicas: Vec<C::Replica> =
        (0..trace.agents).map(|agent| contestant.begin(agent)).collect::<Result<_>>()?;
    let (mut seconds, mut sent): (f64, Sent) = (0.0, Vec::with_capacity(trace.transactions.len()));
    for run in &trace.runs {
        let replica = &mut replicas[run.agent];
        for update in run.heard.iter().flat_map(|heard| &sent[*heard]) {
            contestant.apply(replica, update)?;
        }
        let (taken, written) = thread_cpu(|| {
            let transactions = &trace.transactions[run.transactions.clone()];
            let written = transactions.iter().map(|one| contestant.edit(replica, &one.patches));
            written.collect::<Result<Sent>>()
        });
        seconds += taken;
        sent.extend(written.with_context(|| format!("within {:?}", run.transactions))?);
    }
    let last = trace.runs.last().context("an empty trace")?.agent;
    agrees(trace, &contestant.text(&replicas[last]))?;
    Ok((seconds, sent))
}

/// Replays a trace.
///
/// # Errors
/// The library's, or its text is another one.
pub fn replay<C: Contestant>(contestant: &C, trace: &Trace) -> Result<(Measured, String)> {
    let (edit, sent) = write(contestant, trace)?;
    let mut reader = contestant.begin(trace.agents)?;
    let (apply, text) = thread_cpu(|| -> Result<String> {
        sent.iter().flatten().try_for_each(|update| contestant.apply(&mut reader, update))?;
        Ok(contestant.text(&reader))
    });
    let text = text?;
    agrees(trace, &text)?;
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

fn agrees(trace: &Trace, text: &str) -> Result<()> {
    let Some(end) = &trace.end else { return Ok(()) };
    ensure!(
        text == end,
        "{} ends in another text, of {} bytes instead of {}",
        trace.name,
        text.len(),
        end.len()
    );
    Ok(())
}
