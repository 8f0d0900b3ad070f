//! Real `meshwork` processes as tests start, read, interrupt and kill them.

#[cfg(unix)]
pub(crate) mod pty;

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Nothing that is waited for takes as long as this on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A home folder with everything of one test in it.
pub(crate) struct Home {
    folder: TempDir,
}

/// What a process said, and how it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A running process; killed when dropped.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    read: VecDeque<String>,
    stderr: Receiver<String>,
}

impl Home {
    pub(crate) fn new() -> Home {
        Home { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts `meshwork` with these arguments.
    pub(crate) fn start<I: IntoIterator<Item: AsRef<OsStr>>>(&self, arguments: I) -> Running {
        self.start_through(&[], arguments)
    }

    /// Starts `meshwork` with these arguments through a program that runs what its last arguments say.
    pub(crate) fn start_through<I: IntoIterator<Item: AsRef<OsStr>>>(
        &self,
        through: &[&str],
        arguments: I,
    ) -> Running {
        self.start_in(&[], through, arguments)
    }

    /// Starts `meshwork` with these arguments and environment variables.
    pub(crate) fn start_with<I: IntoIterator<Item: AsRef<OsStr>>>(
        &self,
        arguments: I,
        environment: &[(&str, &str)],
    ) -> Running {
        self.start_in(environment, &[], arguments)
    }

    fn start_in<I: IntoIterator<Item: AsRef<OsStr>>>(
        &self,
        environment: &[(&str, &str)],
        through: &[&str],
        arguments: I,
    ) -> Running {
        self.start_reading(Stdio::null(), environment, through, arguments)
    }

    /// Starts `meshwork` with these arguments, and somebody who types.
    pub(crate) fn start_typing<I: IntoIterator<Item: AsRef<OsStr>>>(
        &self,
        arguments: I,
    ) -> (Running, Typing) {
        let mut running = self.start_reading(Stdio::piped(), &[], &[], arguments);
        let typing = Typing(running.child.stdin.take().unwrap());
        (running, typing)
    }

    fn start_reading<I: IntoIterator<Item: AsRef<OsStr>>>(
        &self,
        input: Stdio,
        environment: &[(&str, &str)],
        through: &[&str],
        arguments: I,
    ) -> Running {
        let words = through.iter().chain(&[env!("CARGO_BIN_EXE_meshwork")]);
        let mut words = words.copied();
        let mut command = Command::new(words.next().unwrap());
        command
            .args(words)
            .args(arguments)
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path())
            .env("XDG_DATA_HOME", self.path("data"))
            .env_remove("HOST")
            .env_remove("PORT")
            .env_remove("SECRET_KEY")
            .env_remove("MODE")
            .env_remove("NINES")
            .env_remove("MESHWORK_CONFIG")
            .env_remove("MESHWORK_ADMIN_SOCKET")
            .env_remove("RUST_LOG")
            // A server that is told to end waits as long as this; tests of draining say another time.
            .env("MESHWORK_DRAIN_FOR", "1ms")
            .envs(environment.iter().copied())
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = read_lines(child.stdout.take().unwrap());
        let stderr = read_lines(child.stderr.take().unwrap());
        Running { child, lines, read: VecDeque::new(), stderr }
    }

    /// Runs `meshwork` with these arguments to its end.
    pub(crate) fn run<I: IntoIterator<Item: AsRef<OsStr>>>(&self, arguments: I) -> Ended {
        self.start(arguments).end()
    }

    /// Runs `meshwork` with these environment variables and arguments to its end.
    pub(crate) fn run_with<I: IntoIterator<Item: AsRef<OsStr>>>(
        &self,
        environment: &[(&str, &str)],
        arguments: I,
    ) -> Ended {
        self.start_in(environment, &[], arguments).end()
    }

    /// Starts a meeting point on a free port, and returns it with its address.
    pub(crate) fn serve(&self) -> (Running, String) {
        let mut server = self.start(["serve", "--listen", "127.0.0.1:0"]);
        let line = server.line("listening", |line| line.starts_with("listening on "));
        (server, line["listening on ".len()..].to_owned())
    }

    /// Makes a room and returns its LINK.
    pub(crate) fn create(&self, server: &str, options: &[&str]) -> String {
        let arguments = [&["place", "create", "--server", server, "--json"], options].concat();
        let ended = self.run(arguments).expect_code(0);
        ended.json()["link"].as_str().unwrap().to_owned()
    }

    /// Starts a keeper and waits until it keeps.
    pub(crate) fn keep(&self, link: &str, data: &str) -> Running {
        self.keep_for("place", link, data)
    }

    /// The same in the room of an app.
    pub(crate) fn keep_for(&self, app: &str, link: &str, data: &str) -> Running {
        let mut keeper = self.start([app, "keep", link, "--data", data, "--json"]);
        keeper.event("ready", |_| true);
        keeper
    }

    /// The pixels of a PNG file in this home.
    pub(crate) fn pixels(&self, name: &str) -> image::RgbaImage {
        image::open(self.path(name)).unwrap().into_rgba8()
    }

    /// Writes a PNG file into this home.
    pub(crate) fn draw(&self, name: &str, picture: &image::RgbaImage) {
        picture.save(self.path(name)).unwrap();
    }

    pub(crate) fn as_path(&self) -> &Path {
        self.folder.path()
    }
}

/// Somebody who types lines for a program, until dropped.
pub(crate) struct Typing(ChildStdin);

impl Typing {
    pub(crate) fn line(&mut self, line: &str) {
        writeln!(self.0, "{line}").unwrap();
    }
}

impl Running {
    /// The first line, of those not taken yet, that `is_wanted`; what came before it stays.
    pub(crate) fn line(&mut self, what: &str, is_wanted: impl Fn(&str) -> bool) -> String {
        if let Some(place) = self.read.iter().position(|line| is_wanted(line)) {
            return self.read.remove(place).unwrap();
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) if is_wanted(&line) => return line,
                Ok(line) => self.read.push_back(line),
                Err(RecvTimeoutError::Timeout) => {
                    panic!("no line {what:?} among {:?}; stderr {:?}", self.read, self.errors_so_far())
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let _ = self.child.wait();
                    panic!("ended without {what:?} among {:?}; stderr {:?}", self.read, self.errors_so_far())
                }
            }
        }
    }

    /// The first JSON line, of those not taken yet, whose `event` is `name` and that `is_wanted`.
    pub(crate) fn event(&mut self, name: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
        let read = |line: &str| serde_json::from_str::<Value>(line).ok();
        let line =
            self.line(name, |line| read(line).is_some_and(|line| line["event"] == name && is_wanted(&line)));
        read(&line).unwrap()
    }

    /// The first line of standard error, of those not taken yet, that `is_wanted`; what came before it is forgotten.
    pub(crate) fn log(&mut self, what: &str, is_wanted: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.stderr.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) if is_wanted(&line) => return line,
                Ok(_) => {}
                Err(error) => panic!("no line {what:?} on standard error: {error}"),
            }
        }
    }

    /// Asks it to read its configuration again.
    pub(crate) fn hang_up(&self) {
        self.signal("-HUP");
    }

    /// The process's number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end, as Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        self.signal("-INT");
    }

    /// Asks it to end, as a service manager does.
    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Ends it at once, as a crash would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        let deadline = Instant::now() + PATIENCE;
        let rest = |lines: &Receiver<String>| {
            let mut text = Vec::new();
            loop {
                match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                    Ok(line) => text.push(line),
                    Err(RecvTimeoutError::Disconnected) => return text.join("\n"),
                    Err(RecvTimeoutError::Timeout) => panic!("it goes on and on: {text:?}"),
                }
            }
        };
        let mut stdout: Vec<_> = self.read.drain(..).collect();
        stdout.push(rest(&self.lines));
        let stderr = rest(&self.stderr);
        // Both streams are closed: it has ended or is about to.
        let status: ExitStatus = self.child.wait().unwrap();
        Ended { code: status.code(), stdout: stdout.join("\n"), stderr }
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    fn errors_so_far(&self) -> Vec<String> {
        self.stderr.try_iter().collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Ended {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    /// The last line, as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(self.stdout.lines().last().unwrap_or_default())
            .unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// Whether standard error has all of these words.
    #[track_caller]
    pub(crate) fn expect_words(self, words: &[&str]) -> Ended {
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is missing: {self:?}");
        }
        self
    }
}

fn read_lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { return };
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
