//! `place history`: says what a keeper's history has, for each room.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use clap::Args;
use meshwork_core::id::RoomId;
use meshwork_core::time::WallTime;
use meshwork_rtc::native::history::{History, Summary};
use serde_json::{Value, json};

use super::{kept, print_line};
use crate::bytes;
use crate::exit::Failure;

/// What `place history` is asked for.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The folder of a keeper that was started with --history. The keeper may be running.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Write one JSON object for each room; times in milliseconds since 1970.
    #[arg(long)]
    pub(super) json: bool,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let folder = kept::history_folder(&arguments.data);
    let rooms = History::rooms(&folder).context("the histories cannot be read")?;
    if rooms.is_empty() {
        return Err(Failure::Storage(format!(
            "There is no history in {}. A keeper writes one with --history 1GiB.",
            arguments.data.display()
        )));
    }
    let mut damaged = None;
    for room in rooms {
        let summary =
            History::new(&folder, room).summary().map_err(|error| Failure::Storage(error.to_string()))?;
        if arguments.json { print_line(value(room, &summary)) } else { print_line(words(room, &summary)) }?;
        damaged = damaged.or(summary.damage.map(|what| (room, what)));
    }
    match damaged {
        None => Ok(()),
        Some((room, what)) => Err(Failure::Storage(format!(
            "The history of {room} is damaged: {what}. What stands before is whole. A keeper that starts on it says what \
             it can go on with; put back a copy if that is too little."
        ))),
    }
}

fn value(room: RoomId, summary: &Summary) -> Value {
    json!({
        "room": room.to_string(),
        "batches": summary.batches,
        "missed": summary.missed,
        "forgotten": summary.forgotten,
        "bytes": summary.bytes,
        "first_ms": summary.first.map(WallTime::as_millis),
        "last_ms": summary.last.map(WallTime::as_millis),
        "damage": summary.damage,
    })
}

fn words(room: RoomId, summary: &Summary) -> String {
    let mut words = format!("{room}: {} strokes, {}", summary.batches, bytes::format(summary.bytes));
    if let (Some(first), Some(last)) = (summary.first, summary.last) {
        words.push_str(&format!(", from {} to {}", date(first), date(last)));
    }
    if summary.forgotten > 0 {
        words.push_str(&format!("; {} older entries were forgotten, it was full", summary.forgotten));
    }
    if summary.missed > 0 {
        words.push_str(&format!("; {} are missing in between", summary.missed));
    }
    words
}

/// This device's clock.
pub(super) fn now() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// A time as people and programs read it: RFC 3339, UTC.
pub(super) fn date(time: WallTime) -> String {
    /// The last second that has four digits for its year.
    const LAST: u64 = 253_402_300_799;
    let since = std::time::Duration::from_secs((time.as_millis() / 1000).min(LAST));
    humantime::format_rfc3339_seconds(UNIX_EPOCH + since).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_how_far_back_it_reaches_and_what_is_missing() {
        let summary = Summary {
            batches: 2,
            missed: 3,
            forgotten: 4,
            bytes: 2048,
            first: Some(WallTime::from_millis(1_790_000_000_000)),
            last: Some(WallTime::from_millis(1_790_000_060_000)),
            damage: None,
        };
        let words = words(RoomId([0; 32]), &summary);
        for part in ["2 strokes", "2 KiB", "2026-09-21T14:13:20Z", "14:14:20Z", "4 older", "3 are missing"] {
            assert!(words.contains(part), "{part:?} is missing: {words}");
        }
    }
}
