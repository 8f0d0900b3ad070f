//! The passphrase of a sealed identity: asked for on the terminal, which does not show it, or read from a file.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Read};
use std::path::Path;

use anyhow::Context as _;
use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::terminal::{disable_raw_mode, enable_raw_mode};

use crate::exit::Failure;
use crate::{out, style};

/// Longest passphrase that is taken, in bytes: more than anybody types, or a program makes.
const LENGTH_MAX: usize = 1024;

/// A passphrase to seal with: the one in a file, or what is typed twice alike.
pub(super) fn new(file: Option<&Path>) -> Result<String, Failure> {
    if let Some(file) = file {
        return read(file);
    }
    let typed = ask("A passphrase to seal it with: ")?;
    if typed != ask("The same again: ")? {
        return Err(Failure::Usage(String::from(
            "The two passphrases differ. Nothing was written. Try again.",
        )));
    }
    Ok(typed)
}

/// The passphrase that something was sealed with: the one in a file, or what is typed.
pub(super) fn known(file: Option<&Path>) -> Result<String, Failure> {
    file.map_or_else(|| ask("Its passphrase: "), read)
}

/// The first line of a file; `-` is standard input.
fn read(file: &Path) -> Result<String, Failure> {
    let first_line = |source: &mut dyn Read| {
        let mut line = String::new();
        // What is longer is noticed by a byte too much, after the line's end.
        BufReader::new(source.take(LENGTH_MAX as u64 + 3)).read_line(&mut line)?;
        Ok(line)
    };
    let line: io::Result<String> = match file.to_str() {
        Some("-") => first_line(&mut io::stdin().lock()),
        _ => File::open(file).and_then(|mut file| first_line(&mut file)),
    };
    let line = line.with_context(|| format!("cannot read the passphrase from {}", file.display()))?;
    let line = line.strip_suffix('\n').unwrap_or(&line);
    checked(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

fn checked(passphrase: String) -> Result<String, Failure> {
    match passphrase.len() {
        0 => Err(Failure::Usage(String::from("The passphrase is empty. Nothing was changed."))),
        1..=LENGTH_MAX => Ok(passphrase),
        _ => Err(Failure::Usage(format!(
            "The passphrase has more than {LENGTH_MAX} bytes. Nothing was changed."
        ))),
    }
}

/// Asks a person at the terminal.
fn ask(question: &str) -> Result<String, Failure> {
    if !io::stdin().is_terminal() || !style::is_error_terminal() {
        return Err(Failure::Usage(String::from(
            "A passphrase is asked for on a terminal, and this runs on none. Name a file that has it with \
             --passphrase-file.",
        )));
    }
    let typed = type_unseen(question);
    // There is nobody left to tell when this stream fails.
    let _ = out::ask("\n");
    match typed.context("cannot read the passphrase from the terminal")? {
        Some(typed) => checked(typed),
        None => Err(Failure::Usage(String::from("No passphrase was typed. Nothing was changed."))),
    }
}

/// A line that is typed; `None` where it is given up.
fn type_unseen(question: &str) -> io::Result<Option<String>> {
    // Before anybody is asked, so that whoever types quickly is not shown either.
    let _raw = Raw::take()?;
    out::ask(question)?;
    let mut line = String::new();
    loop {
        if let Event::Key(key) = event::read()? {
            match type_in(&mut line, key) {
                Typing::GoesOn => {}
                Typing::Done => return Ok(Some(line)),
                Typing::GivenUp => return Ok(None),
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Typing {
    GoesOn,
    Done,
    GivenUp,
}

fn type_in(line: &mut String, key: KeyEvent) -> Typing {
    // Where a third level of keys counts as both, it writes characters.
    let has_alt = key.modifiers.contains(KeyModifiers::ALT);
    let is_control = key.modifiers.contains(KeyModifiers::CONTROL) && !has_alt;
    match key.code {
        _ if key.kind == KeyEventKind::Release => {}
        KeyCode::Enter => return Typing::Done,
        // What a pasted line ends with.
        KeyCode::Char('j') if is_control => return Typing::Done,
        KeyCode::Char('c' | 'd') if is_control => return Typing::GivenUp,
        KeyCode::Esc => return Typing::GivenUp,
        KeyCode::Char('u') if is_control => line.clear(),
        KeyCode::Backspace => drop(line.pop()),
        // One more than may be is refused afterwards, in words.
        KeyCode::Char(character) if !is_control && line.len() <= LENGTH_MAX => line.push(character),
        _ => {}
    }
    Typing::GoesOn
}

/// A terminal that shows nothing of what is typed, until this is dropped.
struct Raw;

impl Raw {
    fn take() -> io::Result<Raw> {
        enable_raw_mode().map(|()| Raw)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = disable_raw_mode();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &[(KeyCode, KeyModifiers)]) -> (String, Typing) {
        let mut line = String::new();
        let mut last = Typing::GoesOn;
        for &(code, modifiers) in keys {
            last = type_in(&mut line, KeyEvent::new(code, modifiers));
        }
        (line, last)
    }

    #[test]
    fn lines_are_typed_corrected_and_given_up() {
        let (plain, control) = (KeyModifiers::NONE, KeyModifiers::CONTROL);
        let third_level = control | KeyModifiers::ALT;
        let [a, b, at] = ['a', 'b', '@'].map(KeyCode::Char);
        let line = [(b, plain), (KeyCode::Char('u'), control), (a, plain), (b, plain)];
        let end = [(KeyCode::Backspace, plain), (at, third_level), (KeyCode::Enter, plain)];
        assert_eq!(typed(&[&line[..], &end[..]].concat()), (String::from("a@"), Typing::Done));
        assert_eq!(typed(&[(a, plain), (KeyCode::Char('c'), control)]).1, Typing::GivenUp);
        let long = vec![(a, plain); LENGTH_MAX + 9];
        assert!(checked(typed(&long).0).is_err());
    }

    #[test]
    fn the_first_line_of_a_file_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passphrase");
        let read_of = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            read(&path)
        };
        for bytes in ["two words", "two words\n", "two words\r\nand more\n"] {
            assert_eq!(read_of(bytes.as_bytes()).unwrap(), "two words");
        }
        let most = "x".repeat(LENGTH_MAX);
        assert_eq!(read_of(format!("{most}\r\n").as_bytes()).unwrap(), most);
        for wrong in [String::new(), String::from("\nlater"), format!("{most}x")] {
            assert!(matches!(read_of(wrong.as_bytes()), Err(Failure::Usage(_))), "{}", wrong.len());
        }
    }
}
