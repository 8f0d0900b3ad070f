//! `compute map`: JSON lines in, JSON lines out.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use meshwork::Room;
use meshwork::compute::{Compute, ItemError, Items, Lend, MapError, MapOptions, Mapped};
use meshwork_engines::Threads;
use tokio::sync::mpsc::{Receiver, channel};

use super::program::ProgramOptions;
use super::run::{no_outcome, not_submitted};
use super::{Target, outcome, standstill_words};
use crate::exit::Failure;
use crate::out;
use crate::room::attempt::Attempt;
use crate::style;

/// Most bytes of a line.
const LINE_MAX: u64 = 4 << 20;

const AFTER_HELP: &str = "\
Each line is an item, which goes to one lender as it is: a lender of an offered program reads it. Results come in the
order of the lines. A line that is no JSON ends the command before it was sent. An item at which the program fails
ends the command with its number, or prints null with --skip. With --text lines are texts and results are printed as
the program writes them. Exit code 1 if an item failed.

  seq 100 | meshwork compute map LINK square.js
  meshwork compute map LINK @caption --items photos.jsonl > captions.jsonl";

/// Arguments of `compute map`.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    program: ProgramOptions,
    /// The file with the lines; - is standard input.
    #[arg(long, value_name = "FILE", default_value = "-")]
    items: PathBuf,
    /// Print results as they come, in any order.
    #[arg(long)]
    unordered: bool,
    /// Print null for an item at which the program fails, and go on.
    #[arg(long)]
    skip: bool,
    /// Lines and results are texts, not JSON.
    #[arg(long)]
    text: bool,
    /// Run this user's own programs here too, so many units at once; 0 for none.
    #[arg(long, value_name = "CORES", default_value_t = 1)]
    lend: u8,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let input: Box<dyn BufRead + Send> = match arguments.items.to_str() {
        Some("-") => Box::new(BufReader::new(std::io::stdin())),
        _ => {
            let path = &arguments.items;
            let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
            Box::new(BufReader::new(file))
        }
    };
    let mapped = arguments
        .target
        .visit(async |attempt, room, compute| map(attempt, room, compute, input, &arguments).await);
    match mapped.await? {
        Some(0) => Ok(()),
        Some(failed) => Err(Failure::Unexpected(anyhow::anyhow!("{failed} items failed"))),
        None => Err(Failure::Unexpected(anyhow::anyhow!("interrupted before all results were printed"))),
    }
}

/// Returns the number of items that failed.
async fn map(
    attempt: &mut Attempt,
    room: &Room,
    compute: &Compute,
    input: Box<dyn BufRead + Send>,
    arguments: &Arguments,
) -> Result<u64, Failure> {
    let mut program = arguments.program.read()?;
    if arguments.text {
        program = program.text();
    }
    attempt.stay();
    let _lending =
        (arguments.lend > 0).then(|| compute.lend(Lend::new(Threads::new()).cores(arguments.lend)));
    let mut options = MapOptions::default()
        .params(arguments.program.params.clone())
        .check(arguments.program.check(room))
        .trust(arguments.program.trusted(room).await?);
    if arguments.unordered {
        options = options.unordered();
    }
    let (items, results) = compute.map(program, options);
    let (lines, mut wrong) = (lines(input, arguments.text), Ok(()));
    let put = async {
        wrong = put(lines, items).await;
        std::future::pending().await
    };
    let tell = async {
        tell_standstills(room, compute).await;
        std::future::pending().await
    };
    let failed = tokio::select! {
        failed = print(results, arguments) => failed,
        failed = put => failed,
        failed = tell => failed,
    };
    // The results of the lines before a wrong one are printed.
    wrong.and(failed)
}

/// Puts each line in.
async fn put(mut lines: Receiver<Result<Vec<u8>, Failure>>, items: Items) -> Result<(), Failure> {
    while let Some(line) = lines.recv().await {
        if !items.put(line?).await {
            break;
        }
    }
    Ok(())
}

/// The lines of the input, from a thread of its own: a terminal or a pipe gives them when it likes, and nothing waits for its end.
fn lines(mut input: Box<dyn BufRead + Send>, is_text: bool) -> Receiver<Result<Vec<u8>, Failure>> {
    let (sender, lines) = channel(64);
    std::thread::spawn(move || {
        for number in 1_u64.. {
            let Some(line) = read_line(&mut input, number, is_text).transpose() else { break };
            let is_last = line.is_err();
            if sender.blocking_send(line).is_err() || is_last {
                break;
            }
        }
    });
    lines
}

/// Reads a line without its end; `None` at the end of the input.
fn read_line(input: &mut impl BufRead, number: u64, is_text: bool) -> Result<Option<Vec<u8>>, Failure> {
    let mut line = Vec::new();
    let read = input.take(LINE_MAX + 1).read_until(b'\n', &mut line);
    if read.context("cannot read the items")? == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    if line.len() as u64 > LINE_MAX {
        return Err(Failure::Usage(format!("line {number} is longer than 4 MiB")));
    }
    if is_text {
        return Ok(Some(line));
    }
    if line.iter().all(u8::is_ascii_whitespace) {
        return Err(Failure::Usage(format!("line {number} is empty: write null, or use --text")));
    }
    match serde_json::from_slice::<serde::de::IgnoredAny>(&line) {
        Ok(_) => Ok(Some(line)),
        Err(error) => {
            Err(Failure::Usage(format!("line {number} is not JSON ({error}): use --text for texts")))
        }
    }
}

/// Prints each result.
async fn print(mut results: Mapped, arguments: &Arguments) -> Result<u64, Failure> {
    let (shape, mut failed) = (arguments.program.read()?.shape(), 0);
    while let Some((number, result)) = results.next().await.map_err(not_mapped)? {
        let line = number + 1;
        match result {
            Ok(value) if arguments.text => {
                let text = String::from_utf8_lossy(&value);
                out::line(text.strip_suffix('\n').unwrap_or(&text))?;
            }
            Ok(value) => out::print(outcome::line(shape, &value))?,
            Err(ItemError::Failed(reason)) if arguments.skip => {
                failed += 1;
                style::note(format!("line {line}: {reason}"));
                out::line(if arguments.text { "" } else { "null" })?;
            }
            Err(ItemError::Failed(reason)) => {
                let words = format!("line {line}: {reason}. With --skip the others go on");
                return Err(Failure::Unexpected(anyhow::anyhow!(words)));
            }
            Err(ItemError::Corrected(value)) => {
                failed += 1;
                let value = outcome::line(shape, &value);
                style::note(format!(
                    "the result of line {line} is wrong: a lender that was caught returned it. It is {}",
                    value.trim_end()
                ));
            }
            Err(error) => return Err(Failure::Unexpected(error.into())),
        }
    }
    Ok(failed)
}

/// Says why nothing comes.
async fn tell_standstills(room: &Room, compute: &Compute) {
    let (mut changes, mut told) = (compute.changes(), String::new());
    let me = room.me().peer;
    while changes.next().await.is_some() {
        let of_us = |view: &meshwork::compute::JobView| view.submitter == me && !view.state.is_over();
        let standstill =
            compute.jobs().into_iter().find(|(_, view)| of_us(view)).map(|(_, view)| view.standstill);
        let words = match standstill.flatten() {
            Some(standstill) => standstill_words(room, &standstill).await,
            None => String::new(),
        };
        if words != told && !words.is_empty() {
            style::note(&words);
        }
        told = words;
    }
}

fn not_mapped(error: MapError) -> Failure {
    match error {
        MapError::Submit(error) => not_submitted(error),
        MapError::Job(error) => no_outcome(error),
        error => Failure::Usage(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use meshwork::compute::MapError;

    use super::*;

    #[test]
    fn lines_are_json_or_named() {
        let read = |text: &str, is_text| read_line(&mut text.as_bytes(), 7, is_text);
        assert_eq!(read("[1, 2]\n3\n", false).unwrap(), Some(b"[1, 2]".to_vec()));
        assert_eq!(read("", false).unwrap(), None);
        assert_eq!(read("two words\n", true).unwrap(), Some(b"two words".to_vec()));
        for (text, words) in [("two words\n", "line 7 is not JSON"), (" \n", "line 7 is empty")] {
            let Err(Failure::Usage(said)) = read(text, false) else { panic!("{text:?} is wrong usage") };
            assert!(said.starts_with(words), "{said}");
        }
        let long = "1".repeat(LINE_MAX as usize + 2);
        assert!(matches!(read(&long, true), Err(Failure::Usage(_))));
    }

    #[test]
    fn a_long_item_is_wrong_usage() {
        assert!(matches!(not_mapped(MapError::ItemTooLong { number: 3, length: 9 }), Failure::Usage(_)));
    }
}
