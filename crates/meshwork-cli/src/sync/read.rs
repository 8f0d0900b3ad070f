//! `sync list` and `sync get`: what a room has.

use std::collections::BTreeMap;

use clap::Args;
use meshwork::{App, Entry, Room};
use meshwork_core::json::{self, JsonError};
use serde::Serialize;
use serde_json::value::RawValue;

use super::Target;
use crate::exit::Failure;
use crate::progress::Progress;
use crate::room::attempt::Attempt;
use crate::room::in_step::{self, Content};
use crate::style;

const LIST_HELP: &str = "\
With --json: {values: {KEY: {value, author, time_ms}}, counters: {NAME: NUMBER}, documents: [NAME]}, times
in milliseconds since 1970. A value that programs cannot read, such as half of a surrogate pair, has its text as
member unreadable in place of value.";

const GET_HELP: &str = "\
A key without a value prints null, and a counter of that name the number at which it stands.
With --json: {key, value, author, time_ms}; with --history {key, history: [{value, author, time_ms}]}, the
last write first, at most 20; what deleted the key has no member value. What programs cannot read has its text
as member unreadable.";

/// Arguments of `sync list`.
#[derive(Args)]
#[command(after_help = LIST_HELP)]
pub(crate) struct List {
    #[command(flatten)]
    pub(super) target: Target,
    /// Only keys with this prefix.
    #[arg(value_name = "PREFIX", default_value = "")]
    prefix: String,
}

/// Arguments of `sync get`.
#[derive(Args)]
#[command(after_help = GET_HELP)]
pub(crate) struct Get {
    #[command(flatten)]
    pub(super) target: Target,
    /// The key of a value or counter.
    #[arg(value_name = "KEY")]
    key: String,
    /// Print the last writes of the key, the latest first, with author and time.
    #[arg(long)]
    history: bool,
}

/// A write, for programs: the value is the text that was written.
#[derive(Serialize)]
pub(super) struct Written {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    pub(super) author: String,
    pub(super) time_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unreadable: Option<String>,
}

pub(super) async fn list(arguments: List) -> Result<(), Failure> {
    let prefix = &arguments.prefix;
    let list = async |attempt: &mut Attempt, room: &Room, app: &App| {
        fetch(attempt, room).await?;
        let (values, counters) = (app.values().entries(prefix).await?, app.counters(prefix).await?);
        let lines = values.iter().map(|entry| format!("{}  {}", entry.key(), text(entry.bytes())));
        let counted = counters.iter().map(|(name, value)| format!("{name}  {value}"));
        let mut documents = app.documents().await?;
        documents.retain(|name| name.starts_with(prefix));
        let named = documents.iter().map(|name| format!("{name}  (document)"));
        let lines: Vec<String> = lines.chain(counted).chain(named).map(|line| on_one_line(&line)).collect();
        let words = if lines.is_empty() { "There is nothing yet.".into() } else { lines.join("\n") };
        let values: BTreeMap<String, Written> =
            values.iter().map(|entry| (entry.key().to_owned(), written(entry))).collect();
        let counters: BTreeMap<String, i64> = counters.into_iter().collect();
        Ok((words, Listed { values, counters, documents }))
    };
    arguments.target.visit(list).await
}

pub(super) async fn get(arguments: Get) -> Result<(), Failure> {
    let key = &arguments.key;
    let get = async |attempt: &mut Attempt, room: &Room, app: &App| {
        fetch(attempt, room).await?;
        if arguments.history {
            let history = app.values().history(key).await?;
            let lines = history.iter().map(|entry| {
                format!("{}  {}  {}", entry.time_ms(), entry.author().short(), text(entry.bytes()))
            });
            let words = lines.map(|line| on_one_line(&line)).collect::<Vec<_>>().join("\n");
            let history: Vec<Written> = history.iter().map(written).collect();
            return Ok((words, Got::History { key: key.clone(), history }));
        }
        let counters = app.counters(key).await?;
        let counter = counters.into_iter().find(|(name, _)| name == key);
        Ok(match (app.values().get(key).await?, counter) {
            (Some(entry), _) => {
                let value = Written { key: Some(key.clone()), ..written(&entry) };
                if let Some(error) = fault(entry.bytes()) {
                    style::note(format!("This value is not readable JSON: {error}."));
                }
                (String::from_utf8_lossy(entry.bytes()).into_owned(), Got::Value(value))
            }
            (None, Some((_, value))) => {
                (value.to_string(), Got::Counter { key: key.clone(), value: Some(value) })
            }
            (None, None) => (String::from("null"), Got::Counter { key: key.clone(), value: None }),
        })
    };
    arguments.target.visit(get).await
}

/// What `sync list` finds, for programs.
#[derive(Serialize)]
struct Listed {
    values: BTreeMap<String, Written>,
    counters: BTreeMap<String, i64>,
    documents: Vec<String>,
}

/// What `sync get` finds, for programs.
#[derive(Serialize)]
#[serde(untagged)]
enum Got {
    Value(Written),
    Counter { key: String, value: Option<i64> },
    History { key: String, history: Vec<Written> },
}

/// Waits until what the others have is here.
pub(super) async fn fetch(attempt: &Attempt, room: &Room) -> Result<(), Failure> {
    let progress = Progress::start("Fetching", Content::Entries.unit());
    in_step::wait(attempt, room, (&progress, Content::Entries), "The content is not known yet.").await
}

/// A value as it was written, or what stands for none.
fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    match fault(bytes) {
        _ if bytes.is_empty() => String::from("(deleted)"),
        Some(_) => format!("(unreadable) {text}"),
        None => text.into_owned(),
    }
}

/// Why programs cannot read what was written; `None` where they can, and for what deleted a key.
fn fault(bytes: &[u8]) -> Option<JsonError> {
    if bytes.is_empty() { None } else { json::check(bytes).err() }
}

/// A line of a list: what others wrote begins no other one.
fn on_one_line(line: &str) -> String {
    line.replace(['\n', '\r', '\t'], " ")
}

/// A write, for programs.
pub(super) fn written(entry: &Entry) -> Written {
    let (value, unreadable) = told(entry.bytes());
    Written { key: None, author: entry.author().to_string(), time_ms: entry.time_ms(), value, unreadable }
}

/// A value as JSON, and the text of one that programs cannot read; neither of what deleted a key.
fn told(bytes: &[u8]) -> (Option<Box<RawValue>>, Option<String>) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    match fault(bytes) {
        _ if bytes.is_empty() => (None, None),
        Some(_) => (None, Some(text)),
        None => (RawValue::from_string(text).ok(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unreadable_values_are_shown_as_such() {
        let deep = format!("{}1{}", "[".repeat(130), "]".repeat(130));
        for unread in [&b"\"\\ud83d\""[..], b"1e999", deep.as_bytes(), b"no JSON", b"\"\xff\""] {
            let shown = text(unread);
            assert!(shown.starts_with("(unreadable) ") && shown.len() > 13, "{shown}");
            assert!(matches!(told(unread), (None, Some(_))), "{shown}");
        }
        assert_eq!(text(b""), "(deleted)");
        assert!(matches!(told(b""), (None, None)));
        assert_eq!(text(b"{\"b\":1,\"a\":2,\"b\":1e20}"), "{\"b\":1,\"a\":2,\"b\":1e20}");
        assert_eq!(told(b"100000000000000000000").0.unwrap().get(), "100000000000000000000");
    }

    #[test]
    fn lines_of_lists_stay_lines() {
        assert_eq!(on_one_line("title  1\nlikes\t\r1000"), "title  1 likes  1000");
    }
}
