//! Colours of what this program says: where a terminal wants them, or as `--color` asks for.
//!
//! `auto` heeds NO_COLOR (<https://no-color.org>), CLICOLOR and CLICOLOR_FORCE (<https://bixense.com/clicolors>),
//! TERM=dumb (with CI set too), and whether anybody looks: a pipe gets no escape bytes.

use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, IsTerminal as _};

use anstyle::{AnsiColor, Style};
use clap::ColorChoice;

use crate::out;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const NOTE: Style = AnsiColor::Yellow.on_default().bold();
/// What a progress bar has done.
pub(crate) const DONE: Style = AnsiColor::Cyan.on_default();
/// What stands beside something more important.
pub(crate) const ASIDE: Style = Style::new().dimmed();

/// What `--color` says among all arguments, so that even the words about wrong arguments heed it.
pub(crate) fn asked_for(arguments: impl IntoIterator<Item = OsString>) -> ColorChoice {
    let mut arguments = arguments.into_iter().take_while(|argument| argument != "--");
    while let Some(argument) = arguments.next() {
        let text = argument.to_string_lossy();
        let value = match text.strip_prefix("--color") {
            Some("") => arguments.next().map(|value| value.to_string_lossy().into_owned()),
            Some(rest) => rest.strip_prefix('=').map(str::to_owned),
            None => None,
        };
        if let Some(choice) = value.and_then(|value| value.parse().ok()) {
            return choice;
        }
    }
    ColorChoice::Auto
}

/// `choice`, but for a terminal that says it knows no colours: it gets none unless they are asked for by name.
/// Left to the libraries, a set CI would outweigh what the terminal says.
pub(crate) fn on_this_terminal(choice: ColorChoice) -> ColorChoice {
    let is_forced = std::env::var_os("CLICOLOR_FORCE").is_some_and(|value| !value.is_empty());
    if choice == ColorChoice::Auto && is_dumb() && !is_forced { ColorChoice::Never } else { choice }
}

/// Settles for the rest of the run what is coloured.
pub(crate) fn choose(choice: ColorChoice) {
    match on_this_terminal(choice) {
        ColorChoice::Auto => anstream::ColorChoice::Auto,
        ColorChoice::Always => anstream::ColorChoice::Always,
        ColorChoice::Never => anstream::ColorChoice::Never,
    }
    .write_global();
}

/// Whether standard error is to be coloured.
#[expect(clippy::disallowed_methods, reason = "nothing is written")]
pub(crate) fn colours_errors() -> bool {
    anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never
}

/// Whether standard output is to be coloured.
#[expect(clippy::disallowed_methods, reason = "nothing is written")]
pub(crate) fn colours_output() -> bool {
    anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
}

/// Whether somebody looks at standard error, on a terminal that can move its cursor.
#[expect(clippy::disallowed_methods, reason = "nothing is written")]
pub(crate) fn is_watched() -> bool {
    io::stderr().is_terminal() && !is_dumb()
}

/// Whether standard error is a terminal.
#[expect(clippy::disallowed_methods, reason = "nothing is written")]
pub(crate) fn is_error_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Whether standard output is a terminal.
#[expect(clippy::disallowed_methods, reason = "nothing is written")]
pub(crate) fn is_output_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether the terminal says of itself that it can do nothing but text.
pub(crate) fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// Whether the terminal shows characters beyond ASCII, by what the locale says (POSIX: the first that is set of
/// LC_ALL, LC_CTYPE and LANG counts).
pub(crate) fn is_unicode() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(std::env::var_os);
    let mut set = locale.filter(|value| !value.is_empty());
    cfg!(windows) || set.next().is_some_and(|value| names_utf8(&value.to_string_lossy()))
}

fn names_utf8(locale: &str) -> bool {
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// Says what went wrong, on standard error.
pub(crate) fn error(words: impl Display) {
    out::aside("error", ERROR, words);
}

/// Says something worth knowing, on standard error.
pub(crate) fn note(words: impl Display) {
    out::aside("note", NOTE, words);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(arguments: &[&str]) -> ColorChoice {
        asked_for(arguments.iter().map(OsString::from))
    }

    #[test]
    fn the_choice_is_found_wherever_it_stands() {
        assert_eq!(asked(&["meshwork", "--color", "never", "place"]), ColorChoice::Never);
        assert_eq!(asked(&["meshwork", "place", "watch", "--color=always"]), ColorChoice::Always);
        for none in [
            &["meshwork"][..],
            &["--color"],
            &["--color", "blue"],
            &["--colors=never"],
            &["--", "--color=never"],
        ] {
            assert_eq!(asked(none), ColorChoice::Auto, "{none:?}");
        }
    }

    #[test]
    fn locales_name_their_encoding() {
        assert!(names_utf8("en_GB.UTF-8") && names_utf8("C.utf8"));
        assert!(!names_utf8("C") && !names_utf8("de_DE.ISO-8859-1"));
    }
}
