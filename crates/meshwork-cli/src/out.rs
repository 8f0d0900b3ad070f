//! The one place that writes words: results to standard output, notes and errors to standard error.
//!
//! # Problem
//! Keys, names, values and texts are other people's. A terminal carries out control characters: it moves its cursor, writes its
//! clipboard or hides a line. Characters that set the direction of writing make a line read as another one.
//!
//! # How it works
//! On a terminal a text is shown without such characters; tab and line feed stay. Into a pipe or a file it goes as it is, and so it
//! does on a terminal with `--raw`. JSON has them as escapes everywhere, which read as the same text. Words on standard error are
//! always made fit: a log is read on terminals too.
//!
//! # Invariants
//! - While a line is being typed on the terminal, lines go above it ([`above`]).
//! - Nothing else in this program opens standard output or standard error (clippy.toml). What draws on the terminal, the terminal
//!   canvas, progress bars and the log, filters for itself and says so where it stands.
#![expect(clippy::disallowed_methods, reason = "this is the place")]

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Mutex, PoisonError};

use anstyle::Style;
use anyhow::Context as _;
use meshwork_core::text;
use serde::Serialize;

use crate::exit::Failure;

/// Whether bytes go to a terminal as they are.
static IS_RAW: AtomicBool = AtomicBool::new(false);

/// Where lines go while somebody types on the terminal.
static ABOVE: Mutex<Option<Sender<String>>> = Mutex::new(None);

/// From now on lines for a terminal go here, fit to be shown: an editor writes them above the line that is being typed. `None` ends
/// that.
pub(crate) fn above(lines: Option<Sender<String>>) {
    *ABOVE.lock().unwrap_or_else(PoisonError::into_inner) = lines;
}

/// Hands lines to the editor of a terminal. Returns whether there is one.
fn is_sent_above(text: &str) -> bool {
    let above = ABOVE.lock().unwrap_or_else(PoisonError::into_inner);
    above.as_ref().is_some_and(|above| above.send(text.to_owned()).is_ok())
}

/// From now on a terminal gets texts as they are.
pub(crate) fn write_raw() {
    IS_RAW.store(true, Ordering::Relaxed);
}

/// Writes a line of a result, so that a reader of a pipe has it at once.
pub(crate) fn line(words: impl Display) -> Result<(), Failure> {
    print(format_args!("{words}\n"))
}

/// Writes a part of a result.
pub(crate) fn print(words: impl Display) -> Result<(), Failure> {
    let words = words.to_string();
    let is_raw = IS_RAW.load(Ordering::Relaxed) || !io::stdout().is_terminal();
    let text = if is_raw { words } else { text::shown_lines(&words) };
    if io::stdout().is_terminal() && is_sent_above(&text) {
        return Ok(());
    }
    write(&text)
}

/// Writes a result that is no text. A terminal does not get it, unless `--raw` says so.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    if io::stdout().is_terminal() && !IS_RAW.load(Ordering::Relaxed) {
        let words =
            format!("the result is {} bytes, which are no text for a terminal: use --out FILE", bytes.len());
        return Err(Failure::Usage(words));
    }
    write_bytes(bytes)
}

/// Writes one line of JSON.
pub(crate) fn json(value: &(impl Serialize + ?Sized)) -> Result<(), Failure> {
    let json = serde_json::to_string(value).context("a result cannot be written as JSON")?;
    write(&(escaped(&json) + "\n"))
}

fn write(text: &str) -> Result<(), Failure> {
    write_bytes(text.as_bytes())
}

fn write_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = out.write_all(bytes).and_then(|()| out.flush());
    Ok(written.context("cannot write to standard output")?)
}

/// Writes words to standard error behind a coloured one.
pub(crate) fn aside(kind: &str, style: Style, words: impl Display) {
    let words = text::shown_lines(&words.to_string());
    if io::stderr().is_terminal() {
        let style = if crate::style::colours_errors() { style } else { Style::new() };
        if is_sent_above(&format!("{style}{kind}:{style:#} {words}\n")) {
            return;
        }
    }
    // There is nobody left to tell when this stream fails.
    let _ = writeln!(anstream::stderr(), "{style}{kind}:{style:#} {words}");
}

/// Has the terminal mark pasted text, or send it as if it was typed, as terminals begin.
pub(crate) fn mark_pasted(is_marked: bool) {
    // A terminal that is gone needs nothing.
    let _ = write(if is_marked { "\u{1b}[?2004h" } else { "\u{1b}[?2004l" });
}

/// Asks something on standard error, where the answer is typed behind it.
pub(crate) fn ask(question: &str) -> io::Result<()> {
    let mut error = io::stderr();
    error.write_all(question.as_bytes())?;
    error.flush()
}

/// Standard error, for a log that escapes control characters itself.
pub(crate) fn log() -> io::Stderr {
    io::stderr()
}

/// JSON on one line, in which all that a terminal would carry out is an escape.
fn escaped(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            // JSON has these between values alone.
            '\n' | '\r' | '\t' => escaped.push(' '),
            // And these in texts alone.
            _ if text::does_something(character) => {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    escaped.push_str(&format!("\\u{unit:04x}"));
                }
            }
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn json_escapes_what_a_terminal_carries_out() {
        let hostile = "a\u{1b}]52;c;eA==\u{7}b\u{9b}31m\u{85}c\u{202e}d\u{2066}\u{7f}e\u{e0041}\n\tf\u{200b}";
        let value = json!({ hostile: [hostile, 1] });
        let line = escaped(&value.to_string());
        assert!(line.chars().all(|character| !text::does_something(character)), "{line}");
        assert!(
            line.contains(r"\u009b31m") && line.contains(r"\u202ed") && line.contains(r"\udb40\udc41"),
            "{line}"
        );
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), value);
    }

    #[test]
    fn json_is_one_line() {
        let value =
            serde_json::value::RawValue::from_string("{\n\t\"a\": \"محمد\",\r\n \"b\":1.0}".into()).unwrap();
        assert_eq!(escaped(value.get()), "{  \"a\": \"محمد\",   \"b\":1.0}");
    }
}
