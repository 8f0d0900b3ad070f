//! A pseudo-terminal with a `meshwork` process on it, and what its screen shows.

use std::io::{Read as _, Write};
use std::num::NonZeroU16;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, SlavePty, native_pty_system};
use vt100::{MouseProtocolMode, Parser, Screen};

use super::{Home, PATIENCE};

/// How often it is looked whether a program has ended.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// A terminal of so many columns and rows; what runs on it is killed when dropped.
pub(crate) struct Pty {
    child: Box<dyn Child + Send + Sync>,
    writer: Box<dyn Write + Send>,
    shared: Arc<(Mutex<Seen>, Condvar)>,
    master: Box<dyn MasterPty + Send>,
    /// Kept open, so that another program can be started on it.
    slave: Box<dyn SlavePty + Send>,
}

/// What came from the program so far.
struct Seen {
    parser: Parser,
    bytes: Vec<u8>,
}

impl Home {
    /// Starts `meshwork` with these arguments on a terminal with all colours, with further variables.
    pub(crate) fn start_on_terminal(
        &self,
        arguments: &[&str],
        (columns, rows): (u16, u16),
        set: &[(&str, &str)],
    ) -> Pty {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_meshwork"));
        command.args(arguments);
        command.cwd(self.as_path());
        command.env("HOME", self.as_path());
        command.env("XDG_DATA_HOME", self.path("data"));
        for name in ["CI", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "LC_ALL", "LC_CTYPE", "RUST_BACKTRACE"] {
            command.env_remove(name);
        }
        for (name, value) in
            [("TERM", "xterm-256color"), ("COLORTERM", "truecolor"), ("LANG", "C.UTF-8")].iter().chain(set)
        {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let writer = pair.master.take_writer().unwrap();
        let seen = Seen { parser: Parser::new(side(rows), side(columns), 0), bytes: Vec::new() };
        let shared = Arc::new((Mutex::new(seen), Condvar::new()));
        let sees = Arc::clone(&shared);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut buffer) {
                // A test that failed has left the lock behind.
                let Ok(mut seen) = sees.0.lock() else { return };
                seen.parser.process(&buffer[..length]);
                seen.bytes.extend_from_slice(&buffer[..length]);
                sees.1.notify_all();
            }
        });
        Pty { child, writer, shared, master: pair.master, slave: pair.slave }
    }
}

impl Pty {
    /// Waits until the screen shows what `is_wanted`.
    #[track_caller]
    pub(crate) fn wait(&self, what: &str, is_wanted: impl Fn(&Screen) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = self.shared.0.lock().unwrap();
        while !is_wanted(seen.parser.screen()) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no {what:?} on the screen:\n{}", seen.parser.screen().contents());
            seen = self.shared.1.wait_timeout(seen, left).unwrap().0;
        }
    }

    /// Waits until the screen has these words.
    #[track_caller]
    pub(crate) fn wait_for(&self, words: &str) {
        self.wait(words, |screen| screen.contents().contains(words));
    }

    /// Types.
    pub(crate) fn send(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).unwrap();
        self.writer.flush().unwrap();
    }

    /// Clicks the left button at a column and row, from 0.
    pub(crate) fn click(&mut self, (x, y): (u16, u16)) {
        let (x, y) = (x + 1, y + 1);
        self.send(&format!("\u{1b}[<0;{x};{y}M\u{1b}[<0;{x};{y}m"));
    }

    /// Moves the mouse to a column and row, from 0, without a button.
    pub(crate) fn hover(&mut self, (x, y): (u16, u16)) {
        self.send(&format!("\u{1b}[<35;{};{}M", x + 1, y + 1));
    }

    /// Drags the left button from one place to another.
    pub(crate) fn drag(&mut self, from: (u16, u16), to: (u16, u16)) {
        let place = |(x, y): (u16, u16)| format!("{};{}", x + 1, y + 1);
        self.send(&format!("\u{1b}[<0;{}M\u{1b}[<32;{}M\u{1b}[<0;{}m", place(from), place(to), place(to)));
    }

    /// Gives the terminal another size.
    pub(crate) fn resize(&mut self, (columns, rows): (u16, u16)) {
        self.shared.0.lock().unwrap().parser.screen_mut().set_size(side(rows), side(columns));
        self.master.resize(PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }).unwrap();
    }

    /// Asks the program to end, as a service manager does.
    pub(crate) fn terminate(&self) {
        let id = self.child.process_id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }

    /// Waits for the end of the program, and returns its code.
    #[track_caller]
    pub(crate) fn end(&mut self) -> u32 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.exit_code();
            }
            // What it writes last comes before its end.
            let seen = self.shared.0.lock().unwrap();
            let seen = self.shared.1.wait_timeout(seen, LOOK_INTERVAL).unwrap().0;
            assert!(Instant::now() < deadline, "it goes on:\n{}", seen.parser.screen().contents());
        }
    }

    /// All that was written to the terminal so far.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.shared.0.lock().unwrap().bytes.clone()
    }

    /// Waits until the terminal is what it was before: screen, cursor, mouse, and how lines are typed.
    #[track_caller]
    pub(crate) fn expect_restored(&self) {
        self.wait("the screen as it was", |screen| {
            let has_mouse = screen.mouse_protocol_mode() != MouseProtocolMode::None;
            !screen.alternate_screen() && !screen.hide_cursor() && !has_mouse
        });
        let mut stty = CommandBuilder::new("stty");
        stty.arg("-a");
        self.slave.spawn_command(stty).unwrap().wait().unwrap();
        self.wait("a terminal that edits lines", |screen| {
            let text = screen.contents();
            let has = |mode: &str| text.split([' ', ';', '\n']).any(|word| word == mode);
            has("icanon") && has("echo") && has("isig")
        });
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn side(length: u16) -> NonZeroU16 {
    NonZeroU16::new(length).unwrap()
}
