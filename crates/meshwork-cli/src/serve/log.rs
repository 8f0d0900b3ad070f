//! The log of a server: text for people, or one JSON object a line for programs.

use std::sync::OnceLock;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, reload};

use super::config::LogConfig;
use crate::{out, style};

/// The codec of the relay. It warns of every message that it cannot read, and those are for strangers to send: whoever
/// wants to see them names it.
const CODEC: &str = "stun_types";

/// Changes what is logged of the log that runs.
static CHANGE: OnceLock<Box<dyn Fn(EnvFilter) + Send + Sync>> = OnceLock::new();

/// Starts it, once in a process.
pub(super) fn start(config: &LogConfig) {
    let (filter, handle) = reload::Layer::new(filter(config));
    let lines = tracing_subscriber::fmt::layer().with_writer(out::log);
    let log = tracing_subscriber::registry().with(filter);
    // A log that runs already is another test's of this process.
    let started = if config.is_json {
        log.with(lines.json().flatten_event(true).with_current_span(false).with_span_list(false)).try_init()
    } else {
        log.with(lines.with_ansi(style::colours_errors())).try_init()
    };
    if started.is_ok() {
        // It fails where the log has ended, which it does with the process.
        let _ = CHANGE.set(Box::new(move |filter| drop(handle.reload(filter))));
    }
}

/// From now on logs what `config` says, in the form as before.
pub(super) fn change(config: &LogConfig) {
    if let Some(change) = CHANGE.get() {
        change(filter(config));
    }
}

fn filter(config: &LogConfig) -> EnvFilter {
    let filter = match &config.filter {
        named if named.contains(CODEC) => named.clone(),
        others => format!("{others},{CODEC}=off"),
    };
    EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"))
}
