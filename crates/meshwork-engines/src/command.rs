//! A lender's own commands: a process for each unit, which is ended with all its children.
//!
//! The process leads a group of its own, so one signal ends it and its children. A child that has left the group still has the
//! variable `MESHWORK_RUN` in its environment, by which Linux finds it. Pipes are read without blocking: a child that keeps one open
//! holds up nobody.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use meshwork_compute::job::Shape;
use meshwork_compute::message::Failure;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

use crate::limit::Limit;
use crate::program::{Call, Program, Ran, trapped, unloadable};

/// Bytes of standard error that a failure carries.
const ERROR_TAIL: usize = 200;
/// Bytes of white space behind a JSON text that are trimmed.
const SPACE: usize = 64;
/// Longest wait for a pipe before the next look at limits and process, in nanoseconds.
const LOOK: i64 = 5_000_000;
/// The same once the output is closed, as the process is about to end.
const LAST_LOOK: i64 = 500_000;
/// Searches for children that left the group. Each ends those that it finds, and a child may start others meanwhile.
const SEARCHES: usize = 50;
/// The variable by which children are found.
const MARK: &str = "MESHWORK_RUN";

/// A command line, split by a shell's quoting rules. No shell runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    words: Vec<String>,
}

/// A command that cannot be offered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The line is empty.
    #[error("the command is empty: give a program and its arguments")]
    Empty,
    /// A quotation mark is not closed.
    #[error("the command `{0}` has a quotation mark that is not closed")]
    Quotes(String),
}

impl Command {
    /// Reads a command line.
    ///
    /// # Errors
    /// [`CommandError`] for an empty line and for an open quotation mark.
    pub fn parse(line: &str) -> Result<Command, CommandError> {
        let words = shell_words::split(line).map_err(|_| CommandError::Quotes(line.to_owned()))?;
        if words.is_empty() { Err(CommandError::Empty) } else { Ok(Command { words }) }
    }

    pub(crate) fn run(&self, program: &Program, call: &Call, limit: &Limit) -> Ran {
        let Call::Unit(unit) = call else {
            return unloadable("an offered program has no reduction of its own").into();
        };
        let mut process = match self.start(program, *unit) {
            Ok(process) => process,
            Err(error) => return unloadable(&format!("`{}` does not start: {error}", self.words[0])).into(),
        };
        let most = program.limits().result as usize;
        let ended = process.attend(program.input(call), most, limit);
        process.end();
        let mut result = ended.and_then(|()| process.result());
        if let (Shape::Json, Ok(value)) = (program.job.program.result, &mut result) {
            value.truncate(value.trim_ascii_end().len());
        }
        Ran { result, memory: None }
    }

    fn start(&self, program: &Program, unit: u32) -> io::Result<Process> {
        static RUNS: AtomicU64 = AtomicU64::new(0);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let mark = format!("{}-{since}-{}", std::process::id(), RUNS.fetch_add(1, Ordering::Relaxed));
        let params: &[u8] = &program.job.params;
        let mut command = std::process::Command::new(&self.words[0]);
        command.args(&self.words[1..]).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("MESHWORK_UNIT", unit.to_string()).env("MESHWORK_UNITS", program.job.units.to_string());
        command.env("MESHWORK_PARAMS", OsStr::from_bytes(params)).env(MARK, &mark);
        #[cfg(target_os = "linux")]
        seal(&mut command);
        let mut child = command.spawn()?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let mut process =
            Process { child, mark, input: pipes.0, output: pipes.1, error: pipes.2, told: Told::default() };
        match process.unblock() {
            Ok(()) => Ok(process),
            Err(error) => {
                process.end();
                Err(error)
            }
        }
    }
}

/// Keeps our descriptors from the process, and ends it if this program dies.
#[cfg(target_os = "linux")]
fn seal(command: &mut std::process::Command) {
    let before = || {
        // SAFETY: the call marks descriptors and touches no memory.
        unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) };
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes two system calls and neither allocates nor locks.
    unsafe { command.pre_exec(before) };
}

fn unblock(pipe: &impl AsFd) -> io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(pipe)?;
    Ok(rustix::fs::fcntl_setfl(pipe, flags | OFlags::NONBLOCK)?)
}

/// A process and our ends of its pipes; a closed pipe is `None`.
struct Process {
    child: Child,
    mark: String,
    input: Option<ChildStdin>,
    output: Option<ChildStdout>,
    error: Option<ChildStderr>,
    told: Told,
}

/// The output so far, the end of standard error, and the exit.
#[derive(Default)]
struct Told {
    output: Vec<u8>,
    error: Vec<u8>,
    status: Option<ExitStatus>,
}

impl Process {
    /// Feeds and reads the process until it has ended or exceeds a limit.
    fn attend(&mut self, mut item: &[u8], most: usize, limit: &Limit) -> Result<(), Failure> {
        loop {
            if limit.is_over() {
                return Err(Failure::Time);
            }
            let has_ended = self.has_ended();
            self.feed(&mut item);
            self.read(most)?;
            if has_ended {
                return Ok(());
            }
            self.wait();
        }
    }

    /// Makes our ends of the pipes return at once. The process has ends of its own and sees no difference.
    fn unblock(&self) -> io::Result<()> {
        self.input.as_ref().map_or(Ok(()), unblock)?;
        self.output.as_ref().map_or(Ok(()), unblock)?;
        self.error.as_ref().map_or(Ok(()), unblock)
    }

    /// Whether the process has ended. It stays a zombie, so that its group's number is not given to others.
    fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let Some(pid) = self.pid() else { return true };
        !matches!(rustix::process::waitid(WaitId::Pid(pid), options), Ok(None))
    }

    fn pid(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }

    fn feed(&mut self, item: &mut &[u8]) {
        while let Some(input) = &mut self.input {
            match input.write(item) {
                Ok(written) if written > 0 => *item = &item[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                // All is written, or the process reads no more of it, which is its own affair.
                _ => self.input = None,
            }
        }
    }

    /// Reads all that lies in the pipes. A line's end may follow a result of `most` bytes.
    fn read(&mut self, most: usize) -> Result<(), Failure> {
        let told = &mut self.told;
        let most = most + SPACE;
        drain(&mut self.output, |bytes| {
            told.output.extend_from_slice(bytes);
            told.output.len() <= most
        });
        if told.output.len() > most {
            return Err(Failure::Result);
        }
        let mut reads = 0;
        drain(&mut self.error, |bytes| {
            told.error.extend_from_slice(bytes);
            told.error.drain(..told.error.len().saturating_sub(ERROR_TAIL));
            reads += 1;
            // The clock needs a turn even if the process never stops writing.
            reads < 16
        });
        Ok(())
    }

    /// Waits for a pipe, for a moment.
    fn wait(&self) {
        let mut pipes = Vec::with_capacity(3);
        pipes.extend(self.input.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::OUT)));
        pipes.extend(self.output.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        pipes.extend(self.error.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        let tv_nsec = if self.output.is_none() { LAST_LOOK } else { LOOK };
        let _ = rustix::event::poll(&mut pipes, Some(&Timespec { tv_sec: 0, tv_nsec }));
    }

    /// Ends the process and all its children.
    fn end(&mut self) {
        if let Some(pid) = self.pid() {
            let _ = rustix::process::kill_process_group(pid, Signal::KILL);
        }
        self.told.status = self.child.wait().ok();
        for _ in 0..SEARCHES {
            if !end_marked(&self.mark) {
                break;
            }
        }
    }

    /// The result, or the failure by the exit.
    fn result(self) -> Result<Vec<u8>, Failure> {
        let words = String::from_utf8_lossy(&self.told.error);
        let words = words.trim_matches(|c: char| c == char::REPLACEMENT_CHARACTER || c.is_whitespace());
        match self.told.status {
            Some(status) if status.success() => Ok(self.told.output),
            _ if !words.is_empty() => Err(trapped(words)),
            Some(status) => Err(trapped(&match (status.code(), status.signal()) {
                (Some(code), _) => format!("exit code {code}"),
                (None, signal) => format!("signal {}", signal.unwrap_or_default()),
            })),
            None => Err(trapped("its exit is unknown")),
        }
    }
}

/// Reads a pipe until it is empty, closed, or `take` wants no more.
fn drain<P: Read>(pipe: &mut Option<P>, mut take: impl FnMut(&[u8]) -> bool) {
    let mut buffer = [0; 16 * 1024];
    while let Some(open) = pipe {
        match open.read(&mut buffer) {
            Ok(0) => *pipe = None,
            Ok(length) if take(&buffer[..length]) => (),
            Ok(_) => return,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(_) => *pipe = None,
        }
    }
}

/// Ends all processes with this mark in their environment; whether there were any.
#[cfg(target_os = "linux")]
fn end_marked(mark: &str) -> bool {
    use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};
    let variable = format!("{MARK}={mark}");
    let Ok(entries) = std::fs::read_dir("/proc") else { return false };
    let pids = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok().and_then(Pid::from_raw));
    let mut is_found = false;
    for pid in pids {
        // The descriptor names one process for good, and its number may go to another.
        let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { continue };
        let Ok(environment) = std::fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())) else {
            continue;
        };
        if environment.split(|byte| *byte == 0).any(|entry| entry == variable.as_bytes()) {
            is_found |= pidfd_send_signal(&process, Signal::KILL).is_ok();
        }
    }
    is_found
}

/// Other systems show no environments, so a child that has left the group goes on.
#[cfg(not(target_os = "linux"))]
fn end_marked(_: &str) -> bool {
    false
}
