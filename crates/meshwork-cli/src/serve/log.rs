//! The log of a server: text for people, or one JSON object a line for programs.

use std::io;

use tracing_subscriber::EnvFilter;

use super::config::LogConfig;
use crate::style;

/// The codec of the relay. It warns of every message that it cannot read, and those are for strangers to send: whoever
/// wants to see them names it.
const CODEC: &str = "stun_types";

/// Starts it, once in a process.
pub(super) fn start(config: &LogConfig) {
    let filter = match &config.filter {
        named if named.contains(CODEC) => named.clone(),
        others => format!("{others},{CODEC}=off"),
    };
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // A log that runs already is another test's of this process.
    let _ = if config.is_json {
        log.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init()
    } else {
        log.with_ansi(style::colours_errors()).try_init()
    };
}
