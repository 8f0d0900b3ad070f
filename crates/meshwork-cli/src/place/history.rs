//! `place history`: prints the extent of a keeper's history, for each room.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use meshwork::{History, RoomId, Store};
use serde_json::{Value, json};

use crate::bytes;
use crate::duration::date;
use crate::exit::Failure;
use crate::out;

/// Arguments of `place history`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The folder of a keeper that runs or ran with --history.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Write one JSON object for each room; times in milliseconds since 1970.
    #[arg(long)]
    pub(super) json: bool,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let store = Store::at(&arguments.data);
    let rooms = store.histories().context("the histories cannot be read")?;
    if rooms.is_empty() {
        return Err(Failure::Storage(format!(
            "There is no history in {}. A keeper records one with --history 1GiB.",
            arguments.data.display()
        )));
    }
    let mut damaged = None;
    for room in rooms {
        let history = store.history(room).map_err(|error| Failure::Storage(error.to_string()))?;
        if arguments.json { out::json(&value(room, &history)) } else { out::line(words(room, &history)) }?;
        damaged = damaged.or(history.damage.map(|what| (room, what)));
    }
    match damaged {
        None => Ok(()),
        Some((room, what)) => Err(Failure::Storage(format!(
            "The history of {room} is damaged: {what}. What stands before is whole. A keeper that starts on it says what \
             it can go on with; put back a copy if that is too little."
        ))),
    }
}

fn value(room: RoomId, history: &History) -> Value {
    json!({
        "room": room.to_string(),
        "batches": history.batches,
        "missed": history.missed,
        "forgotten": history.forgotten,
        "bytes": history.bytes,
        "first_ms": history.first_ms,
        "last_ms": history.last_ms,
        "damage": history.damage,
    })
}

fn words(room: RoomId, history: &History) -> String {
    let mut words = format!("{room}: {} strokes, {}", history.batches, bytes::format(history.bytes));
    if let (Some(first), Some(last)) = (history.first_ms, history.last_ms) {
        words.push_str(&format!(", from {} to {}", date(first), date(last)));
    }
    if history.forgotten > 0 {
        words.push_str(&format!("; {} older entries were forgotten, it was full", history.forgotten));
    }
    if history.missed > 0 {
        words.push_str(&format!("; {} are missing in between", history.missed));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_tells_its_reach_and_missing_strokes() {
        let mut history = History::default();
        (history.batches, history.missed, history.forgotten, history.bytes) = (2, 3, 4, 2048);
        (history.first_ms, history.last_ms) = (Some(1_790_000_000_000), Some(1_790_000_060_000));
        let words = words(RoomId([0; 32]), &history);
        let (first, last) = (date(1_790_000_000_000), date(1_790_000_060_000));
        for part in ["2 strokes", "2 KiB", &first, &last, "4 older", "3 are missing"] {
            assert!(words.contains(part), "{part:?} is missing: {words}");
        }
    }
}
