//! `sync set`, `sync delete` and `sync add`: what this program changes.

use anyhow::anyhow;
use clap::Args;
use meshwork::{App, KEPT_MAX, KeptError, Room, WriteError};
use meshwork_core::json;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::time::timeout;

use super::Target;
use crate::exit::Failure;
use crate::room::attempt::Attempt;

const AFTER_HELP: &str = "\
The command ends when a member that stays has the write. If no such member comes within 10 seconds it ends with exit
code 3, and nothing was written. With --json: set and delete {key}, add {key, value}.";

/// Arguments of `sync set`.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Set {
    #[command(flatten)]
    pub(super) target: Target,
    /// Which value.
    #[arg(value_name = "KEY")]
    key: String,
    /// The value as JSON: 3, true, '\"a text\"', '{\"seats\": 40}'. At most 32 KiB, stored unchanged.
    #[arg(value_name = "VALUE", value_parser = json_value, allow_hyphen_values = true)]
    value: Box<RawValue>,
}

/// Arguments of `sync delete`.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Delete {
    #[command(flatten)]
    pub(super) target: Target,
    /// Which value.
    #[arg(value_name = "KEY")]
    key: String,
}

/// Arguments of `sync add`.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Add {
    #[command(flatten)]
    pub(super) target: Target,
    /// The name of the counter.
    #[arg(value_name = "KEY")]
    key: String,
    /// The amount: a whole number, below 0 to lower the counter.
    #[arg(value_name = "N", allow_hyphen_values = true)]
    by: i64,
}

pub(super) async fn set(arguments: Set) -> Result<(), Failure> {
    let Set { target, key, value } = &arguments;
    let set = async |attempt: &mut Attempt, room: &Room, app: &App| {
        write(attempt, room, async { app.values().set(key, &**value).await }).await?;
        Ok((String::from("Written. A member that stays has it."), json!({ "key": key })))
    };
    target.visit(set).await
}

pub(super) async fn delete(arguments: Delete) -> Result<(), Failure> {
    let Delete { target, key } = &arguments;
    let delete = async |attempt: &mut Attempt, room: &Room, app: &App| {
        write(attempt, room, async { app.values().delete(key).await }).await?;
        Ok((String::from("Deleted. A member that stays has this."), json!({ "key": key })))
    };
    target.visit(delete).await
}

pub(super) async fn add(arguments: Add) -> Result<(), Failure> {
    let Add { target, key, by } = &arguments;
    let add = async |attempt: &mut Attempt, room: &Room, app: &App| {
        let counter = app.counter(key);
        write(attempt, room, async { counter.add(*by).await }).await?;
        let value = counter.value().await?;
        Ok((value.to_string(), json!({ "key": key, "value": value })))
    };
    target.visit(add).await
}

/// Writes once a member that stays is there, and waits until it has that.
pub(super) async fn write(
    attempt: &Attempt,
    room: &Room,
    work: impl Future<Output = Result<(), WriteError>>,
) -> Result<(), Failure> {
    somebody_stays(attempt, room).await?;
    attempt.within(room, async { work.await.map_err(denied) }).await?;
    kept(room).await
}

/// Waits until a member that stays is there.
pub(super) async fn somebody_stays(attempt: &Attempt, room: &Room) -> Result<(), Failure> {
    let stays = timeout(KEPT_MAX, attempt.somebody_stays(room, "Nothing was written.")).await;
    stays.map_err(|_| {
        Failure::Unreachable(format!("Nothing was written: no member that stays was {NOBODY}"))
    })?
}

/// Waits until a member that stays has all that was written.
pub(super) async fn kept(room: &Room) -> Result<(), Failure> {
    room.kept().await.map_err(|error| match error {
        KeptError::Closed(closed) => closed.into(),
        _ => Failure::Unreachable(format!("It was written here only: no member that stays was {NOBODY}")),
    })
}

pub(super) const NOBODY: &str =
    "there within 10 seconds. Open the link in a browser, or run meshwork keep, and try again.";

/// The words for what was not written.
pub(super) fn denied(error: WriteError) -> Failure {
    let forbidden = |words: &str, reason| Failure::Forbidden { words: String::from(words), reason };
    match error {
        WriteError::Closed(closed) => closed.into(),
        WriteError::Invalid(_) | WriteError::TooLarge { .. } => {
            Failure::Usage(format!("Nothing was written: {error}."))
        }
        WriteError::NotWriter => {
            forbidden("Only peers that the owner named may write here. You can read.", "not-writer")
        }
        WriteError::Banned => forbidden("You are banned in this room and cannot write here.", "banned"),
        WriteError::NotAllowed { rule } => forbidden(&format!("Only {rule} can do this."), "not-allowed"),
        WriteError::TooFast { .. } => forbidden(&format!("Nothing was written: {error}."), "too-fast"),
        WriteError::Full { .. } | WriteError::ShareExceeded { .. } => {
            forbidden(&format!("Nothing was written: {error}."), "full")
        }
        error => Failure::Unexpected(anyhow!(error).context("it cannot be written")),
    }
}

/// The text of a value, which every program can read.
fn json_value(text: &str) -> Result<Box<RawValue>, String> {
    let value: Box<RawValue> = serde_json::from_str(text)
        .map_err(|error| format!("it is not JSON ({error}); a text is '\"in quotes\"'"))?;
    json::check(value.get().as_bytes())
        .map_err(|error| format!("other programs could not read this value: {error}"))?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_as_they_are_given() {
        let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
        for text in [
            "0.9424502837770503",
            "100000000000000000000",
            r#"{"b":1,"a":2,"b":3}"#,
            "-0",
            "1.10",
            "[1,\n 2]",
            &deep,
        ] {
            assert_eq!(json_value(text).unwrap().get(), text);
        }
        assert_eq!(json_value(" 3 \n").unwrap().get(), "3");
        let deep = format!("{}1{}", "[".repeat(130), "]".repeat(130));
        for unread in [r#""\ud83d""#, "1e999", &deep] {
            let words = json_value(unread).unwrap_err();
            assert!(words.starts_with("other programs could not read this value"), "{unread}: {words}");
        }
        assert!(json_value("a text").unwrap_err().contains("not JSON"));
    }
}
