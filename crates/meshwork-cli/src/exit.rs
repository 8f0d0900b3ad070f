//! How a run ends: its exit code, with the words for people and the reason for programs.

use std::io;
use std::process::ExitCode;

use meshwork::{Closed, RoomRefusal, RuleError};

use crate::{out, style};

/// Why a run did not do what it was asked. Its text says what happened, why, and what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A value turned out to be wrong after the arguments were read: a picture larger than the canvas.
    #[error("{0}")]
    Usage(String),
    /// Nobody was reachable in time, or nobody who could do what was needed.
    #[error("{0}")]
    Unreachable(String),
    /// The room cannot be entered.
    #[error(transparent)]
    Refused(#[from] RoomRefusal),
    /// The room is for an app that this command is not for, or tells its app what cannot be.
    #[error(
        "This room is for {0}, or has settings that this program does not know. Open the link with a program for it."
    )]
    App(String),
    /// What is kept on disk is damaged, in use, or cannot be read or written.
    #[error("{0}")]
    Storage(String),
    /// The room's rules, or who one is in it, do not allow it.
    #[error("{words}")]
    Forbidden {
        /// Whose it is to do, or what to do.
        words: String,
        /// A fixed word for programs.
        reason: &'static str,
    },
    /// Reading, writing or the system failed.
    #[error("{0:#}")]
    Unexpected(#[from] anyhow::Error),
}

impl Failure {
    /// The exit code: 1 unexpected, 2 usage, 3 nobody reachable in time, 4 refused,
    /// 5 storage.
    fn code(&self) -> u8 {
        match self {
            Failure::Unexpected(_) => 1,
            Failure::Usage(_) => 2,
            Failure::Unreachable(_) => 3,
            Failure::Refused(_) | Failure::App(_) | Failure::Forbidden { .. } => 4,
            Failure::Storage(_) => 5,
        }
    }

    /// A fixed word for programs.
    fn reason(&self) -> &'static str {
        match self {
            Failure::Unexpected(_) => "failed",
            Failure::Usage(_) => "usage",
            Failure::Unreachable(_) => "unreachable",
            Failure::Storage(_) => "storage",
            Failure::Refused(refusal) => refusal_reason(refusal),
            Failure::App(_) => "app",
            Failure::Forbidden { reason, .. } => reason,
        }
    }

    /// Whether it only says that whoever read the output has stopped reading.
    fn is_broken_pipe(&self) -> bool {
        let Failure::Unexpected(error) = self else { return false };
        error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl From<Closed> for Failure {
    fn from(closed: Closed) -> Failure {
        Failure::Unexpected(anyhow::Error::from(closed).context("run again with RUST_LOG=debug to see why"))
    }
}

impl From<RuleError> for Failure {
    fn from(error: RuleError) -> Failure {
        let (words, reason) = match error {
            RuleError::Closed(closed) => return closed.into(),
            RuleError::NotAllowed { rule } => (format!("Only {rule} can do this."), "not-allowed"),
            RuleError::NotBanned => (String::from("This peer is not banned."), "not-banned"),
            error => (error.to_string(), "denied"),
        };
        Failure::Forbidden { words, reason }
    }
}

/// A fixed word for why a room cannot be entered.
pub(crate) fn refusal_reason(refusal: &RoomRefusal) -> &'static str {
    match refusal {
        RoomRefusal::SecretMissing => "secret-missing",
        RoomRefusal::SecretWrong => "secret-wrong",
        RoomRefusal::WrongRoom(_) => "wrong-room",
        RoomRefusal::Full(_) => "room-full",
        RoomRefusal::First | RoomRefusal::Version(_) => "version",
        RoomRefusal::Server(_) => "server",
        _ => "refused",
    }
}

/// Says why the run failed, if it did, and turns it into the exit code.
///
/// The words go to standard error; with `json` an object `{error, reason}` stands in for the result on
/// standard output. A reader that went away ends the run well, as `watch | head -1` asks for.
pub(crate) fn finish(result: Result<(), Failure>, json: bool) -> ExitCode {
    let Err(failure) = result else { return ExitCode::SUCCESS };
    if failure.is_broken_pipe() {
        return ExitCode::SUCCESS;
    }
    style::error(&failure);
    if json {
        let object = serde_json::json!({ "error": failure.to_string(), "reason": failure.reason() });
        // There is nobody left to tell when this stream fails.
        let _ = out::json(&object);
    }
    ExitCode::from(failure.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_follow_from_the_kind_of_failure() {
        let full = RoomRefusal::Full("24 of 24".into());
        let cases = [
            (Failure::Unexpected(anyhow::anyhow!("disk")), 1, "failed"),
            (Failure::Usage("too large".into()), 2, "usage"),
            (Failure::Unreachable("nobody".into()), 3, "unreachable"),
            (Failure::Refused(RoomRefusal::SecretWrong), 4, "secret-wrong"),
            (Failure::from(full), 4, "room-full"),
            (Failure::from(RuleError::NotBanned), 4, "not-banned"),
            (Failure::Storage("damaged".into()), 5, "storage"),
        ];
        for (failure, code, reason) in cases {
            assert_eq!((failure.code(), failure.reason()), (code, reason), "{failure}");
        }
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure() {
        let gone = anyhow::Error::from(io::Error::from(io::ErrorKind::BrokenPipe)).context("standard output");
        assert!(Failure::Unexpected(gone).is_broken_pipe());
        assert!(!Failure::Unexpected(anyhow::anyhow!("disk")).is_broken_pipe());
    }

    #[test]
    fn causes_are_told_with_what_failed() {
        let error = anyhow::anyhow!("disk is full").context("cannot write a.png");
        assert_eq!(Failure::from(error).to_string(), "cannot write a.png: disk is full");
    }
}
