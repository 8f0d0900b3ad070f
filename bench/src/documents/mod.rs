//! Libraries that replay what people typed, and ours.
//!
//! # How it works
//! Each agent of a [`Trace`] has a replica. Where the trace says that an agent knew of what another one wrote, its
//! replica takes that in first, so everybody writes where it wrote. The text that is read must be how the trace
//! ends. What is timed stands in [`crate::contestant`].

#[cfg(feature = "automerge")]
pub mod automerge;
#[cfg(feature = "loro")]
pub mod loro;
pub mod ours;
pub mod trace;
pub mod yjs;
pub mod yrs;

use anyhow::{Context, Result, ensure};

use self::trace::Trace;
use crate::clock::thread_cpu;
use crate::contestant::{self, Contestant, Measured, Sent};

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
    let (measured, text) = contestant::read(contestant, contestant.begin(trace.agents)?, edit, sent)?;
    agrees(trace, &text)?;
    Ok((measured, text))
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
