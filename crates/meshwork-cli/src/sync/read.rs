//! `sync list` and `sync get`: what a room has.

use std::collections::BTreeMap;

use clap::Args;
use meshwork::{App, Entry, Room};
use serde_json::{Map, Value, json};

use super::Target;
use crate::exit::Failure;
use crate::progress::Progress;
use crate::room::attempt::Attempt;
use crate::room::in_step::{self, Content};

const LIST_HELP: &str = "\
With --json: {values: {KEY: {value, author, time_ms}}, counters: {NAME: NUMBER}, documents: [NAME]}, times
in milliseconds since 1970.";

const GET_HELP: &str = "\
A key without a value prints null, and a counter of that name the number at which it stands.
With --json: {key, value, author, time_ms}; with --history {key, history: [{value, author, time_ms}]}, the
last write first, at most 20; what deleted the key has no member value.";

/// What `sync list` is asked for.
#[derive(Args)]
#[command(after_help = LIST_HELP)]
pub(crate) struct List {
    #[command(flatten)]
    pub(super) target: Target,
    /// Only what begins with this.
    #[arg(value_name = "PREFIX", default_value = "")]
    prefix: String,
}

/// What `sync get` is asked for.
#[derive(Args)]
#[command(after_help = GET_HELP)]
pub(crate) struct Get {
    #[command(flatten)]
    pub(super) target: Target,
    /// Which value or counter.
    #[arg(value_name = "KEY")]
    key: String,
    /// Print the last writes of the key, the latest first, with author and time.
    #[arg(long)]
    history: bool,
}

pub(super) async fn list(arguments: List) -> Result<(), Failure> {
    let prefix = &arguments.prefix;
    let list = async |attempt: &mut Attempt, room: &Room, app: &App| {
        fetch(attempt, room).await?;
        let (values, counters) = (app.values().entries(prefix).await?, app.counters(prefix).await?);
        let lines = values.iter().map(|entry| format!("{}  {}", entry.key(), text(entry)));
        let counted = counters.iter().map(|(name, value)| format!("{name}  {value}"));
        let mut documents = app.documents().await?;
        documents.retain(|name| name.starts_with(prefix));
        let named = documents.iter().map(|name| format!("{name}  (document)"));
        let lines: Vec<String> = lines.chain(counted).chain(named).collect();
        let words = if lines.is_empty() { "There is nothing yet.".into() } else { lines.join("\n") };
        let values: Map<String, Value> =
            values.iter().map(|entry| (entry.key().to_owned(), written(entry))).collect();
        let counters: BTreeMap<String, i64> = counters.into_iter().collect();
        Ok((words, json!({ "values": values, "counters": counters, "documents": documents })))
    };
    arguments.target.visit(list).await
}

pub(super) async fn get(arguments: Get) -> Result<(), Failure> {
    let key = &arguments.key;
    let get = async |attempt: &mut Attempt, room: &Room, app: &App| {
        fetch(attempt, room).await?;
        if arguments.history {
            let history = app.values().history(key).await?;
            let lines = history
                .iter()
                .map(|entry| format!("{}  {}  {}", entry.time_ms(), entry.author().short(), text(entry)));
            let words = lines.collect::<Vec<_>>().join("\n");
            let history: Vec<Value> = history.iter().map(written).collect();
            return Ok((words, json!({ "key": key, "history": history })));
        }
        let counters = app.counters(key).await?;
        let counter = counters.into_iter().find(|(name, _)| name == key);
        Ok(match (app.values().get(key).await?, counter) {
            (Some(entry), _) => {
                let mut value = written(&entry);
                value["key"] = key.as_str().into();
                (text(&entry), value)
            }
            (None, Some((_, value))) => (value.to_string(), json!({ "key": key, "value": value })),
            (None, None) => (String::from("null"), json!({ "key": key, "value": null })),
        })
    };
    arguments.target.visit(get).await
}

/// Waits until what the others have is here.
pub(super) async fn fetch(attempt: &Attempt, room: &Room) -> Result<(), Failure> {
    let progress = Progress::start("Fetching", Content::Entries.unit());
    in_step::wait(attempt, room, (&progress, Content::Entries), "What is there is not known yet.").await
}

/// A value as it was written, or what stands for none.
fn text(entry: &Entry) -> String {
    match entry.bytes() {
        [] => String::from("(deleted)"),
        bytes => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// A write, for programs.
pub(super) fn written(entry: &Entry) -> Value {
    let mut said = json!({ "author": entry.author().to_string(), "time_ms": entry.time_ms() });
    if let Ok(value) = entry.read::<Value>() {
        said["value"] = value;
    }
    said
}
