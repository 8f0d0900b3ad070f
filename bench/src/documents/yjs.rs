//! yjs in Node.js, with what was deleted kept (`gc: false`), as ours has it.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::Measured;
use super::trace::{Run, Trace};
use crate::npm;
use crate::web::YJS;

/// Replays a trace in a process of its own. Returns also how the text reads.
///
/// # Errors
/// There is no Node.js, npm cannot install yjs, or the text is another one.
pub fn replay(trace: &Trace) -> Result<(Measured, String)> {
    let script = npm::installed(YJS)?.join("documents.mjs");
    fs::write(&script, include_str!("yjs.js"))?;
    let mut node = Command::new("node");
    node.arg("--expose-gc")
        .arg(script)
        .arg(Trace::path(trace.name))
        .arg(trace.transactions.len().to_string());
    let mut node = node.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("Node.js starts")?;
    let run = |Run { agent, heard, transactions }: &Run| json!({ "agent": agent, "heard": heard, "from": transactions.start, "to": transactions.end });
    let runs: Value = trace.runs.iter().map(run).collect();
    let mut stdin = node.stdin.take().context("standard input is piped")?;
    stdin.write_all(runs.to_string().as_bytes())?;
    drop(stdin);
    let output = node.wait_with_output()?;
    ensure!(output.status.success(), "yjs failed: {}", output.status);
    let told: Value = serde_json::from_slice(&output.stdout).context("the script prints JSON")?;
    let number = |name: &str| told[name].as_f64().with_context(|| format!("it tells `{name}`"));
    let measured = Measured {
        edit: number("edit")?,
        apply: number("apply")?,
        open: number("open")?,
        kept: number("kept")? as usize,
        memory: number("memory")? as usize,
    };
    let text = told["text"].as_str().context("it tells the text")?.to_owned();
    ensure!(trace.end.as_ref().is_none_or(|end| *end == text), "{} ends in another text", trace.name);
    Ok((measured, text))
}
