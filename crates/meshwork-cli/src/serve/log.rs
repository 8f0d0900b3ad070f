//! The log of a server: text for people, or one JSON object a line for programs.

use std::io;

use tracing_subscriber::EnvFilter;

use super::config::LogConfig;
use crate::style;

/// Starts it, once in a process.
pub(super) fn start(config: &LogConfig) {
    let filter = EnvFilter::try_new(&config.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // A log that runs already is another test's of this process.
    let _ = if config.is_json {
        log.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init()
    } else {
        log.with_ansi(style::colours_errors()).try_init()
    };
}
