//! Typed lines of `chat LINK`: from a line that is edited on a terminal, or whole ones from anything else.
//!
//! # How it works
//! On a terminal rustyline edits the last line of the screen, on a thread of its own. Whatever the program prints goes above that
//! line, through another thread: the printer may wait for the editor, and the program must wait for neither. After each line the
//! editor waits until the program has dealt with it, so that the program can put a line back.
//!
//! # Text and commands
//! A line is a command only if a person typed its beginning: on a terminal, unless it was pasted there from its beginning on or has
//! several lines. Lines of a pipe are text, unless commands were asked for.

use std::io::{BufRead as _, IsTerminal as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc as channel;
use std::thread;
use std::time::Duration;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{
    Cmd, ConditionalEventHandler, Config, Context, Editor, Event, EventContext, EventHandler,
    ExternalPrinter as _, Helper, KeyCode, KeyEvent, Modifiers, RepeatCount,
};
use tokio::sync::{mpsc, oneshot};

use crate::{out, style};

/// What stands in front of a line that is being typed.
const PROMPT: &str = "> ";
/// Earlier lines that arrow up brings back.
const HISTORY_MAX: usize = 200;
/// How long the last lines above may take to be written once nobody types any more.
const LAST_MAX: Duration = Duration::from_millis(200);

/// What was entered.
pub(super) enum Entered {
    Line(Line),
    /// The end of the input.
    End,
    /// Ctrl C, where it is a key.
    Interrupted,
}

/// A line, or several that were pasted together.
pub(super) struct Line {
    pub(super) text: String,
    /// Whether it is text whatever it begins with.
    pub(super) is_text: bool,
    /// Puts a line back into the editor; dropped, the next line begins empty.
    back: Option<oneshot::Sender<String>>,
}

impl Line {
    /// Puts the line back where it was typed. Returns it where that cannot be.
    pub(super) fn put_back(self) -> Option<String> {
        match self.back {
            Some(back) => back.send(self.text).err(),
            None => Some(self.text),
        }
    }
}

/// The typed lines, until dropped.
pub(super) struct Typing {
    lines: mpsc::Receiver<Entered>,
    /// The terminal is given back behind everything else.
    _terminal: Option<Terminal>,
}

impl Typing {
    /// Begins to read. `takes_commands` if lines of a pipe may be commands, too.
    pub(super) fn start(takes_commands: bool) -> Typing {
        let (sender, lines) = mpsc::channel(64);
        let is_typed = std::io::stdin().is_terminal();
        if is_typed && style::is_output_terminal() && !style::is_dumb() {
            let (tell, written) = channel::channel();
            // What cannot be saved cannot be edited on either.
            if let Some(terminal) = Terminal::save(written)
                && let Some(editor) = LineEditor::new(tell)
            {
                thread::spawn(move || editor.run(&sender));
                return Typing { lines, _terminal: Some(terminal) };
            }
        }
        let is_text = !is_typed && !takes_commands;
        // Nothing can interrupt a read of standard input.
        thread::spawn(move || read_lines(&sender, is_text));
        Typing { lines, _terminal: None }
    }

    /// The next line. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Entered {
        self.lines.recv().await.unwrap_or(Entered::End)
    }
}

fn read_lines(sender: &mpsc::Sender<Entered>, is_text: bool) {
    for line in std::io::stdin().lock().split(b'\n') {
        let Ok(line) = line else { return };
        let text = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
        if sender.blocking_send(Entered::Line(Line { text, is_text, back: None })).is_err() {
            return;
        }
    }
}

/// The terminal as it was before lines were edited on it.
struct Terminal {
    #[cfg(unix)]
    modes: nix::sys::termios::Termios,
    /// Says that all lines above were written.
    written: channel::Receiver<()>,
}

impl Terminal {
    /// Between two lines nothing is echoed, and pasted text is marked as such all the time: keys that come while a line is being dealt
    /// with wait for the next one.
    #[cfg(unix)]
    fn save(written: channel::Receiver<()>) -> Option<Terminal> {
        use nix::sys::termios::{InputFlags, LocalFlags, SetArg, tcgetattr, tcsetattr};
        let modes = tcgetattr(std::io::stdin()).ok()?;
        let mut quiet = modes.clone();
        quiet.input_flags.remove(InputFlags::ICRNL);
        // Signals stay: the editor takes Ctrl C as a key only in a line.
        quiet.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::IEXTEN);
        tcsetattr(std::io::stdin(), SetArg::TCSADRAIN, &quiet).ok()?;
        out::mark_pasted(true);
        Some(Terminal { modes, written })
    }

    #[cfg(not(unix))]
    fn save(written: channel::Receiver<()>) -> Option<Terminal> {
        Some(Terminal { written })
    }
}

impl Drop for Terminal {
    /// Gives the terminal back, also in the middle of a line: a signal or the room may end the program.
    fn drop(&mut self) {
        out::above(None);
        let _ = self.written.recv_timeout(LAST_MAX);
        #[cfg(unix)]
        {
            use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
            let now = tcgetattr(std::io::stdin());
            let is_in_line = now.is_ok_and(|now| !now.local_flags.contains(LocalFlags::ISIG));
            out::mark_pasted(false);
            // A terminal that is gone needs nothing.
            let _ = tcsetattr(std::io::stdin(), SetArg::TCSADRAIN, &self.modes);
            if is_in_line {
                let _ = out::print("\n");
            }
        }
    }
}

/// Edits one line after the other.
struct LineEditor {
    editor: Editor<Pasting, MemHistory>,
    is_pasted: Arc<AtomicBool>,
}

impl LineEditor {
    /// An editor above which all lines for the terminal go from now on; `None` if there is no such terminal. `written` hears
    /// when the last of those lines was written.
    fn new(written: channel::Sender<()>) -> Option<LineEditor> {
        // The terminal marks pasted text between lines, too: see `Terminal`.
        let config =
            Config::builder().max_history_size(HISTORY_MAX).ok()?.bracketed_paste(cfg!(not(unix))).build();
        let mut editor = Editor::with_history(config.clone(), MemHistory::with_config(&config)).ok()?;
        let is_pasted = Arc::new(AtomicBool::new(false));
        editor.set_helper(Some(Pasting(Arc::clone(&is_pasted))));
        let paste = KeyEvent(KeyCode::BracketedPasteStart, Modifiers::NONE);
        let noted = EventHandler::Conditional(Box::new(Pasting(Arc::clone(&is_pasted))));
        editor.bind_sequence(Event::from(paste), noted);
        let mut printer = editor.create_external_printer().ok()?;
        let (lines, above) = channel::channel::<String>();
        thread::spawn(move || {
            while let Ok(text) = above.recv() {
                // Nobody is left to tell when the terminal is gone.
                let _ = printer.print(text);
            }
            let _ = written.send(());
        });
        out::above(Some(lines));
        Some(LineEditor { editor, is_pasted })
    }

    fn run(mut self, sender: &mpsc::Sender<Entered>) {
        let mut begun = String::new();
        loop {
            let read = self.editor.readline_with_initial(PROMPT, (&begun, ""));
            let is_pasted = self.is_pasted.load(Ordering::Relaxed);
            let entered = match read {
                Ok(text) => {
                    let text = text.trim_end_matches('\n').to_owned();
                    // It keeps none twice in a row, and nothing that is empty.
                    let _ = self.editor.add_history_entry(text.as_str());
                    Ok((is_text(&text, is_pasted), text))
                }
                Err(ReadlineError::Interrupted) => Err(Entered::Interrupted),
                Err(_) => Err(Entered::End),
            };
            let (is_text, text) = match entered {
                Ok(entered) => entered,
                Err(end) => return drop(sender.blocking_send(end)),
            };
            let (back, dealt_with) = oneshot::channel();
            if sender.blocking_send(Entered::Line(Line { text, is_text, back: Some(back) })).is_err() {
                return;
            }
            // A line that comes back is what it was.
            begun = dealt_with.blocking_recv().unwrap_or_default();
            self.is_pasted.store(is_text && !begun.is_empty(), Ordering::Relaxed);
        }
    }
}

/// Whether a line of the editor is text whatever it begins with. `is_pasted` if its beginning was pasted.
fn is_text(line: &str, is_pasted: bool) -> bool {
    is_pasted || line.contains('\n')
}

/// Notes whether the beginning of the line was pasted.
struct Pasting(Arc<AtomicBool>);

impl ConditionalEventHandler for Pasting {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, context: &EventContext<'_>) -> Option<Cmd> {
        if context.pos() == 0 {
            self.0.store(true, Ordering::Relaxed);
        }
        // It is inserted as ever.
        None
    }
}

impl Hinter for Pasting {
    type Hint = String;

    fn hint(&self, line: &str, _: usize, _: &Context<'_>) -> Option<String> {
        // What is typed into an empty line is typed.
        if line.is_empty() {
            self.0.store(false, Ordering::Relaxed);
        }
        None
    }
}

impl Completer for Pasting {
    type Candidate = String;
}

impl Highlighter for Pasting {}
impl Validator for Pasting {}
impl Helper for Pasting {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pasted_beginnings_and_several_lines_are_text() {
        assert!(!is_text("/quit", false));
        assert!(is_text("/quit", true));
        assert!(is_text("/quit\nnow", false));
    }

    #[test]
    fn lines_go_back_to_an_editor_alone() {
        let (back, mut editor) = oneshot::channel();
        let line = |back| Line { text: String::from("/nothing"), is_text: false, back };
        assert_eq!(line(Some(back)).put_back(), None);
        assert_eq!(editor.try_recv().as_deref(), Ok("/nothing"));
        assert_eq!(line(None).put_back().as_deref(), Some("/nothing"));
    }
}
