//! yjs in Node.js, with what was deleted kept (`gc: false`), as ours has it.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::trace::{Run, Trace};
use crate::contestant::Measured;
use crate::npm;

/// Replays a trace in a process of its own. Returns also how the text reads.
///
/// # Errors
/// There is no Node.js, npm cannot install yjs, or the text is another one.
pub fn replay(trace: &Trace) -> Result<(Measured, String)> {
    let run = |Run { agent, heard, transactions }: &Run| json!({ "agent": agent, "heard": heard, "from": transactions.start, "to": transactions.end });
    let runs: Value = trace.runs.iter().map(run).collect();
    let path = Trace::path(trace.name);
    let arguments = [path.to_string_lossy().into_owned(), trace.transactions.len().to_string()];
    let (measured, text) = npm::measured_yjs("documents.mjs", include_str!("yjs.js"), &arguments, &runs)?;
    ensure!(trace.end.as_ref().is_none_or(|end| *end == text), "{} ends in another text", trace.name);
    Ok((measured, text))
}
