//! What people read of what a room's rules forbid.

use meshwork_core::node::{CommandError, WriteError};

/// What who is no writer of a room reads where nothing was painted.
pub const NOT_WRITER: &str = "Only those whom the owner named may paint here. You can watch.";
/// What who is banned reads where nothing was painted.
pub const BANNED: &str = "You are banned in this room and cannot paint here any more.";

/// Why nothing was painted: what happened, and what can be done.
pub fn refusal(error: &CommandError) -> String {
    match *error {
        CommandError::Write(WriteError::NotWriter) => String::from(NOT_WRITER),
        CommandError::Write(WriteError::Banned) => String::from(BANNED),
        CommandError::Write(WriteError::TooFast { left, cost, window_ms, wait_ms }) => {
            too_fast(left, cost, window_ms, wait_ms)
        }
        ref other => other.to_string(),
    }
}

/// Why nothing was painted where a room allows so many cells in each window, of which some are left.
pub fn too_fast(left: u32, cells: u32, window_ms: u32, wait_ms: u64) -> String {
    let number = |count: u32| match count {
        1 => String::from("1 cell"),
        count => format!("{count} cells"),
    };
    let window = match u64::from(window_ms) {
        1000 => String::from("second"),
        60_000 => String::from("minute"),
        3_600_000 => String::from("hour"),
        86_400_000 => String::from("day"),
        other => match [(86_400_000, "days"), (3_600_000, "hours"), (60_000, "minutes")]
            .into_iter()
            .find(|(unit, _)| other % unit == 0)
        {
            Some((unit, name)) => format!("{} {name}", other / unit),
            None => format!("{} s", f64::from(window_ms) / 1000.0),
        },
    };
    let used = if left == 0 { String::from("You have used them") } else { format!("{} left", number(left)) };
    format!("This room allows {} every {window}. {used}. Wait {}.", number(cells), wait(wait_ms))
}

fn wait(ms: u64) -> String {
    match ms.div_ceil(1000).max(1) {
        seconds if seconds > 7200 => format!("{} hours", seconds.div_ceil(3600)),
        seconds if seconds > 120 => format!("{} minutes", seconds.div_ceil(60)),
        seconds => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hasty_painter_reads_the_limit_and_wait() {
        let words = |left, cost, window_ms, wait_ms| {
            refusal(&CommandError::Write(WriteError::TooFast { left, cost, window_ms, wait_ms }))
        };
        let none = "This room allows 2 cells every minute. You have used them. Wait 45 s.";
        assert_eq!(words(0, 2, 60_000, 45_000), none);
        assert_eq!(words(1, 9, 5000, 1), "This room allows 9 cells every 5 s. 1 cell left. Wait 1 s.");
        let long = "This room allows 1 cell every 7 days. You have used them. Wait 24 hours.";
        assert_eq!(words(0, 1, 604_800_000, 86_400_000), long);
    }
}
