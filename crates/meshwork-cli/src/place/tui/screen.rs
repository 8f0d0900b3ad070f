//! The terminal while a program draws on it: taken at the beginning, given back at the end, however that comes.
#![expect(
    clippy::disallowed_methods,
    reason = "cells are drawn one by one, each a visible character; the names in them are made fit by the node"
)]

use std::io::{self, BufWriter, Stdout, stdout};
use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::cursor::Show;
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::execute;
use crossterm::style::force_color_output;
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, SetTitle, disable_raw_mode, enable_raw_mode,
};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

/// Whether the terminal is taken.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// A taken terminal, given back when dropped.
pub(crate) struct Screen {
    pub(crate) terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
}

impl Screen {
    /// Takes the terminal: keys come one by one, so does the mouse if `takes_mouse`, and the former screen comes back
    /// later.
    ///
    /// # Errors
    /// When the terminal does not do that; it is then as it was.
    pub(crate) fn take(title: &str, has_colours: bool, takes_mouse: bool) -> io::Result<Screen> {
        give_back_on_panic();
        // Asked for by --color, whatever NO_COLOR says; and the other way round.
        force_color_output(has_colours);
        TAKEN.store(true, Ordering::SeqCst);
        let take = || {
            enable_raw_mode()?;
            execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste, SetTitle(title))?;
            if takes_mouse {
                execute!(stdout(), EnableMouseCapture)?;
            }
            let terminal = Terminal::new(CrosstermBackend::new(BufWriter::new(stdout())))?;
            Ok(Screen { terminal })
        };
        take().inspect_err(|_| give_back())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Whatever thread panics, its words are to be read.
fn give_back_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            give_back();
            before(info);
        }));
    });
}

/// Makes the terminal what it was. Twice is as good as once.
fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        // A terminal that is gone needs nothing.
        let _ = execute!(stdout(), DisableBracketedPaste, DisableMouseCapture, LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}
