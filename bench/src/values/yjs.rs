//! yjs in Node.js: a map for the counter, in which each client has a key that it raises, and one for the names.

use anyhow::Result;
use serde_json::{Value, json};

use super::{Act, Work};
use crate::contestant::Measured;
use crate::npm;

/// Does all of a work in a process of its own. Returns also how everything reads.
///
/// # Errors
/// There is no Node.js, npm cannot install yjs, or it reads wrongly.
pub fn replay(work: &Work) -> Result<(Measured, String)> {
    let act = |act: &Act| match act {
        Act::Count => Value::Null,
        Act::Name(name, value) => json!([name, value]),
    };
    let acts: Value = work.acts.iter().map(|acts| acts.iter().map(act).collect::<Value>()).collect();
    let (measured, text) = npm::measured_yjs("values.mjs", include_str!("yjs.js"), &[], &acts)?;
    work.check(&text)?;
    Ok((measured, text))
}
