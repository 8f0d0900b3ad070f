//! Child processes that never outlive the test that started them.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process_group};

/// A whole run of one test file takes at most this long: more means that something hangs.
const RUN_MAX: Duration = Duration::from_secs(20 * 60);

/// A process with all its descendants, as one group, killed on drop.
pub(crate) struct Group {
    child: Child,
    leash: Leash,
    output: Output,
}

impl Group {
    /// Starts a command in a group of its own and keeps what it prints.
    pub(crate) fn start(command: &mut Command) -> Result<Group> {
        watch_over_run();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))?;
        let leash = Leash::tie(child.id());
        let output = Output::default();
        output.collect(child.stdout.take(), &output.stdout);
        output.collect(child.stderr.take(), &output.stderr);
        // A group whose leash failed is killed at once, by its drop.
        let (leash, problem) = match leash {
            Ok(leash) => (leash, None),
            Err(problem) => (Leash { holder: None, _held: None }, Some(problem)),
        };
        let group = Group { child, leash, output };
        match problem {
            None => Ok(group),
            Some(problem) => Err(problem),
        }
    }

    /// The lines printed to stdout so far.
    pub(crate) fn stdout(&self) -> Vec<String> {
        lock(&self.output.stdout).clone()
    }

    /// The last line printed to stdout so far that is wanted.
    pub(crate) fn last_of_stdout(&self, is_wanted: impl Fn(&str) -> bool) -> Option<String> {
        lock(&self.output.stdout).iter().rfind(|line| is_wanted(line)).cloned()
    }

    /// The lines printed to stderr so far.
    pub(crate) fn stderr(&self) -> Vec<String> {
        lock(&self.output.stderr).clone()
    }

    /// How it ended, or `None` while it runs.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().context("cannot ask for a child's state")
    }

    /// Whether all that it printed was read; so after the end, when no descendant keeps its output open.
    pub(crate) fn is_read(&self) -> bool {
        *lock(&self.output.open) == 0
    }

    /// Sends a signal to the process alone, as a user or a service manager would.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        rustix::process::kill_process(pid(self.child.id())?, signal).context("cannot signal a child")
    }

    /// Ends the group with SIGKILL and returns when the process is gone.
    pub(crate) fn kill(&mut self) {
        self.leash.untie();
        if let Ok(group) = pid(self.child.id()) {
            // It may be gone already, which is as good.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

fn pid(number: u32) -> Result<Pid> {
    i32::try_from(number).ok().and_then(Pid::from_raw).context("a process has a positive number")
}

/// A small process that kills the group when the test's process is gone, however it went.
///
/// It waits for the end of its stdin, which only the test's process holds open.
struct Leash {
    holder: Option<Child>,
    _held: Option<ChildStdin>,
}

impl Leash {
    fn tie(group: u32) -> Result<Leash> {
        let mut holder = Command::new("sh")
            .args(["-c", "read -r _; kill -s KILL -- \"-$1\"", "leash", &group.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Its own group, so that an interrupt from the keyboard does not end it first.
            .process_group(0)
            .spawn()
            .context("cannot start sh")?;
        let held = holder.stdin.take();
        Ok(Leash { holder: Some(holder), _held: held })
    }

    fn untie(&mut self) {
        if let Some(mut holder) = self.holder.take() {
            let _ = holder.kill();
            let _ = holder.wait();
        }
    }
}

/// What a process printed, line by line, while it still prints.
#[derive(Default)]
struct Output {
    stdout: Arc<Mutex<Vec<String>>>,
    stderr: Arc<Mutex<Vec<String>>>,
    /// How many of the two streams are still open.
    open: Arc<Mutex<usize>>,
}

impl Output {
    fn collect(&self, stream: Option<impl Read + Send + 'static>, lines: &Arc<Mutex<Vec<String>>>) {
        let Some(stream) = stream else { return };
        let lines = Arc::clone(lines);
        let open = Arc::clone(&self.open);
        *lock(&open) += 1;
        thread::spawn(move || {
            let mut reader = BufReader::new(stream);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                let text = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
                lock(&lines).push(text);
                line.clear();
            }
            *lock(&open) -= 1;
        });
    }
}

/// What another thread left when it panicked is still worth reading.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the run of a test file that hangs; the leashes then end what it started.
fn watch_over_run() {
    static WATCH: OnceLock<()> = OnceLock::new();
    WATCH.get_or_init(|| {
        thread::spawn(|| {
            thread::park_timeout(RUN_MAX);
            let words = format!("the tests of this file did not end within {RUN_MAX:?}, so they are ended\n");
            // Not eprintln!, which the test harness might keep to itself.
            let _ = std::io::Write::write_all(&mut std::io::stderr(), words.as_bytes());
            std::process::exit(101);
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PATIENCE, wait_until};

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn is_running(number: &str) -> bool {
        // A process that ended but was not yet asked for is no longer running.
        std::fs::read_to_string(format!("/proc/{number}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
    }

    #[tokio::test]
    async fn the_output_is_kept() {
        let mut group = Group::start(&mut shell("echo one; echo two >&2; exit 3")).unwrap();
        let status = wait_until(PATIENCE, "the end", async || {
            anyhow::ensure!(group.is_read(), "still printing");
            group.ended()?.context("still running")
        });
        assert_eq!(status.await.unwrap().code(), Some(3));
        assert_eq!(group.stdout(), ["one"]);
        assert_eq!(group.stderr(), ["two"]);
    }

    #[tokio::test]
    async fn descendants_end_with_the_group() {
        let group = Group::start(&mut shell("tail -f /dev/null & echo $!; wait")).unwrap();
        let descendant = wait_until(PATIENCE, "a number", async || {
            group.stdout().first().cloned().context("nothing printed")
        });
        let descendant = descendant.await.unwrap();
        assert!(is_running(&descendant));
        drop(group);
        wait_until(PATIENCE, "the end of the descendant", async || {
            anyhow::ensure!(!is_running(&descendant), "it runs");
            Ok(())
        })
        .await
        .unwrap();
    }

    #[tokio::test]
    async fn the_leash_kills_when_it_is_let_go() {
        let mut group = Group::start(&mut shell("tail -f /dev/null")).unwrap();
        // What the kernel does for a test process that is killed.
        drop(group.leash._held.take());
        wait_until(PATIENCE, "the end", async || group.ended()?.context("it runs")).await.unwrap();
    }
}
