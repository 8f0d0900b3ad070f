//! `sync watch`: says what changes, one JSON object a line.

use anyhow::Context as _;
use clap::Args;
use meshwork::{App, Closed, Room, sync};
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use super::Target;
use super::read::{Written, written};
use crate::exit::Failure;
use crate::out;
use crate::room::attempt::{Attempt, guest};
use crate::room::signal::Stop;

const AFTER_HELP: &str = "\
Each line is an object. For a value: {key, value, author, time_ms}; without value for a deletion; with unreadable,
the text, if it is not readable JSON; with the key alone if its values count no more, as after a ban. For a counter:
{key, counter, by, author, time_ms}, with its number and the amount by which the author raised it. The current
entries come first, one line each, and then {ready: true}. Times are milliseconds since 1970. {missed} is the number
of changes that this program was too slow to receive; the current state is complete. When the command ends by itself
the last line is {error, reason}.";

/// Arguments of `sync watch`.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// Only keys with this prefix.
    #[arg(value_name = "PREFIX", default_value = "")]
    prefix: String,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { target, prefix } = arguments;
    let mut stop = Stop::listen()?;
    let mut attempt = Attempt::start(&target.common, guest()).await?;
    let watched = async {
        let room = attempt.join(&target.link).await?;
        attempt.stay();
        watch(&attempt, &room, &attempt.app(&room, sync::APP).await?, &prefix).await
    };
    let result = tokio::select! {
        result = watched => result,
        () = stop.asked() => Ok(()),
    };
    attempt.close().await;
    result
}

async fn watch(attempt: &Attempt, room: &Room, app: &App, prefix: &str) -> Result<(), Failure> {
    let (mut values, mut counters) = (app.values().watch(prefix).await?, app.watch_counters(prefix));
    for entry in app.values().entries(prefix).await? {
        out::json(&Written { key: Some(entry.key().to_owned()), ..written(&entry) })?;
    }
    for (key, counter) in app.counters(prefix).await? {
        out::json(&json!({ "key": key, "counter": counter }))?;
    }
    out::json(&json!({ "ready": true }))?;
    let mut told = 0;
    loop {
        let next = async {
            let line = tokio::select! {
                change = values.next() => {
                    let change = change.ok_or(Closed)?;
                    let line = match (&change.after, change.author) {
                        (Some(entry), _) => {
                            to_raw_value(&Written { key: Some(change.key), ..written(entry) })
                        }
                        (None, Some(author)) => to_raw_value(&json!({
                            "key": change.key, "author": author.to_string(), "time_ms": change.time_ms,
                        })),
                        (None, None) => to_raw_value(&json!({ "key": change.key })),
                    };
                    line.context("a change cannot be written as JSON")?
                }
                change = counters.next() => {
                    let change = change.ok_or(Closed)?;
                    let (author, time_ms) = (change.author.to_string(), change.time_ms);
                    let line = json!({
                        "key": change.name, "counter": change.value, "by": change.by,
                        "author": author, "time_ms": time_ms,
                    });
                    to_raw_value(&line).context("a change cannot be written as JSON")?
                }
            };
            Ok::<Box<RawValue>, Failure>(line)
        };
        out::json(&*attempt.within(room, next).await?)?;
        let missed = values.missed();
        if missed > told {
            told = missed;
            out::json(&json!({ "missed": missed }))?;
        }
    }
}
