//! Long steps: each says what it is, how long it took and how to repeat it.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::processor;

/// Runs a command as a named step; all its output goes to stderr.
pub(crate) fn run(name: &str, command: &mut Command) -> Result<()> {
    command.stdout(std::io::stderr());
    let started = Instant::now();
    eprintln!("xtask: {name}: {}", shown(command));
    check(command)?;
    eprintln!("xtask: {name}: done in {}", seconds(started.elapsed()));
    Ok(())
}

/// Runs a command and turns anything but success into an error that says how to repeat it.
pub(crate) fn check(command: &mut Command) -> Result<()> {
    let mut child = command.spawn().with_context(|| cannot_start(command))?;
    let status = processor::wait(&mut child)?;
    judge(command, status)
}

/// As [`check`], and tells whether what it said on stderr has `sign` in a line.
pub(crate) fn check_for(command: &mut Command, sign: &str) -> Result<(Result<()>, bool)> {
    let mut child = command.stderr(Stdio::piped()).spawn().with_context(|| cannot_start(command))?;
    let mut seen = false;
    for line in BufReader::new(child.stderr.take().expect("it is piped")).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        seen |= line.contains(sign);
        eprintln!("{line}");
    }
    let status = processor::wait(&mut child)?;
    Ok((judge(command, status), seen))
}

fn cannot_start(command: &Command) -> String {
    format!("cannot start {}", command.get_program().to_string_lossy())
}

fn judge(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("{status}; to repeat it: {}", shown(command));
    }
    Ok(())
}

/// A command as one types it.
pub(crate) fn shown(command: &Command) -> String {
    let mut words: Vec<String> = Vec::new();
    for (key, value) in command.get_envs() {
        if let Some(value) = value {
            words.push(format!("{}={}", key.to_string_lossy(), quoted(value)));
        }
    }
    let program = command.get_program();
    // Cargo hands itself on by its full path, which nobody would type.
    let is_cargo = std::env::var_os("CARGO").is_some_and(|cargo| cargo == program);
    words.push(if is_cargo { "cargo".to_owned() } else { quoted(program) });
    words.extend(command.get_args().map(quoted));
    words.join(" ")
}

pub(crate) fn seconds(elapsed: Duration) -> String {
    format!("{:.1} s", elapsed.as_secs_f64())
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_./:=,@+".contains(character);
    if !word.is_empty() && word.chars().all(plain) { word.into_owned() } else { format!("'{word}'") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_one_types_it() {
        let mut command = Command::new("tool");
        command.env("FLAGS", "-D warnings").args(["build", "--release"]);
        assert_eq!(shown(&command), "FLAGS='-D warnings' tool build --release");
    }

    #[test]
    fn a_failed_command_says_how_to_repeat_it() {
        let error = check(&mut Command::new("false")).expect_err("false always fails");
        assert!(error.to_string().contains("to repeat it: false"), "{error}");
    }

    #[test]
    fn a_sign_is_seen_on_stderr_alone() {
        let said =
            |script: &str| check_for(Command::new("sh").args(["-c", script]), "lost").expect("sh starts");
        let (result, seen) = said("echo a symbol is lost >&2; exit 1");
        assert!(result.is_err() && seen);
        let (result, seen) = said("echo lost; echo found >&2");
        assert!(result.is_ok() && !seen);
    }
}
