//! The `meshwork` commands as a user types them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::namespace::Namespace;
use crate::process::Group;
use crate::wait::wait_until;

/// A command that does not end by itself is killed after this long.
const RUN_MAX: Duration = Duration::from_secs(120);

/// One user of the command line, with an identity and a home folder of their own.
pub struct Cli {
    home: TempDir,
    /// The network namespace in which they are, if they are in one of their own.
    namespace: Option<Namespace>,
    /// What else stands in the environment of the commands.
    variables: Vec<(String, String)>,
}

impl Cli {
    /// A user who has never run `meshwork` before.
    pub fn new() -> Result<Cli> {
        let home = TempDir::new().context("cannot make a temporary folder")?;
        Ok(Cli { home, namespace: None, variables: Vec::new() })
    }

    /// Such a user in a network namespace.
    pub fn within(namespace: &Namespace) -> Result<Cli> {
        Ok(Cli { namespace: Some(namespace.clone()), ..Cli::new()? })
    }

    /// The same user, with one more variable in the environment.
    pub fn with_variable(mut self, name: &str, value: &str) -> Cli {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The user's home, for files of the test as well; it goes with the user.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// A file or folder in the user's home.
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Runs a command to its end, whatever its exit code.
    pub async fn run<I>(&self, arguments: I) -> Result<Finished>
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        self.start(arguments)?.end(RUN_MAX).await
    }

    /// Starts a command that goes on until it is told to stop; it is killed on drop.
    pub fn start<I>(&self, arguments: I) -> Result<Running>
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        let mut command = match &self.namespace {
            None => Command::new(crate::program()),
            Some(namespace) => namespace.command(&crate::program()),
        };
        let before = command.get_args().count();
        command.args(arguments);
        // `keep` has its identity in its data folder, `history` needs none; all else has it in the user's.
        let words: Vec<&OsStr> = command.get_args().skip(before).collect();
        let takes_identity = words.first() == Some(&OsStr::new("place"))
            && !words.get(1).is_some_and(|word| ["keep", "history"].iter().any(|one| word == one))
            && !words.contains(&OsStr::new("--identity"));
        if takes_identity {
            command.arg("--identity").arg(self.path("identity"));
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.home()).env("HOME", self.home()).env("XDG_DATA_HOME", self.path("data"));
        let group = Group::start(&mut command).context("build the binary with: cargo xtask build")?;
        Ok(Running { group })
    }
}

/// A command that runs.
pub struct Running {
    group: Group,
}

impl Running {
    /// What it printed to stdout so far.
    pub fn lines(&self) -> Vec<String> {
        self.group.stdout()
    }

    /// The last line that it printed to stdout so far which `is_wanted`: of what is said again and again, how it is now.
    pub fn last_line(&self, is_wanted: impl Fn(&str) -> bool) -> Option<String> {
        self.group.last_of_stdout(is_wanted)
    }

    /// What it printed to stderr so far.
    pub fn stderr(&self) -> String {
        self.group.stderr().join("\n")
    }

    /// Waits for a line of stdout that `is_wanted`, among those printed already too.
    pub async fn line(
        &self,
        deadline: Duration,
        what: &str,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Result<String> {
        wait_until(deadline, what, async || {
            let lines = self.lines();
            let found = lines.iter().find(|line| is_wanted(line)).cloned();
            found.with_context(|| format!("stdout {lines:?}, stderr {}", self.stderr()))
        })
        .await
    }

    /// Asks it to stop, as Ctrl-C does.
    pub fn interrupt(&self) -> Result<()> {
        self.group.signal(Signal::INT)
    }

    /// Ends it with SIGKILL, as a crash would.
    pub fn kill(&mut self) {
        self.group.kill();
    }

    /// Waits for its end.
    pub async fn end(mut self, deadline: Duration) -> Result<Finished> {
        let status = wait_until(deadline, "the end of the command", async || {
            let status = self.group.ended()?.with_context(|| {
                format!("still running, stdout {:?}, stderr {}", self.group.stdout(), self.stderr())
            })?;
            ensure!(self.group.is_read(), "it ended, but something still holds its output");
            Ok(status)
        })
        .await?;
        Ok(Finished { code: status.code(), stdout: self.group.stdout().join("\n"), stderr: self.stderr() })
    }
}

/// A command that has ended.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The exit code, `None` when a signal ended it.
    pub code: Option<i32>,
    /// All of stdout, without the last line's end.
    pub stdout: String,
    /// All of stderr, without the last line's end.
    pub stderr: String,
}

impl Finished {
    /// Fails unless the exit code is this one.
    pub fn expect_code(self, code: i32) -> Result<Finished> {
        if self.code != Some(code) {
            bail!(
                "exit code {:?} instead of {code}\nstdout: {}\nstderr: {}",
                self.code,
                self.stdout,
                self.stderr
            );
        }
        Ok(self)
    }

    /// Fails unless all went well.
    pub fn success(self) -> Result<Finished> {
        self.expect_code(0)
    }

    /// What a command with `--json` says at its end.
    pub fn json(&self) -> Result<Value> {
        let last = self.stdout.lines().last().context("nothing was printed")?;
        serde_json::from_str(last).with_context(|| format!("not JSON: {last}"))
    }
}
