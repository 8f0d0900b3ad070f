//! Sentences for people whose write a room refused.

use meshwork_core::node::{CommandError, WriteError};

/// Why nothing was written: the reason, and what can be done.
pub fn refusal(error: &CommandError) -> String {
    match error {
        CommandError::Write(WriteError::NotWriter) => {
            String::from("Only those whom the owner named may write here. You can read.")
        }
        CommandError::Write(WriteError::Banned) => {
            String::from("You are banned in this room and cannot write here any more.")
        }
        CommandError::Write(WriteError::TooFast { wait_ms, .. }) => {
            format!("You write faster than this room allows. Wait {}.", wait(*wait_ms))
        }
        CommandError::Write(WriteError::Backpressure(_)) | CommandError::Backpressure(_) => {
            String::from("The others cannot keep up. Try again in a moment.")
        }
        other => other.to_string(),
    }
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
    fn a_hasty_author_reads_the_wait() {
        let limit = WriteError::TooFast { left: 0, cost: 2, window_ms: 60_000, wait_ms: 45_000 };
        let words = "You write faster than this room allows. Wait 45 s.";
        assert_eq!(refusal(&CommandError::Write(limit)), words);
    }
}
