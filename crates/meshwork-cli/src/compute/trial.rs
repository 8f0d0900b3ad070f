//! `compute try`: units of a program, alone and without a room.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use meshwork::PeerId;
use meshwork::compute::{NewJob, Shape};
use meshwork_engines::{Command, Tried, trial};
use serde_json::{Value, json};

use super::outcome;
use super::program::{ShaderOptions, json, of_argument};
use crate::exit::Failure;
use crate::out;
use crate::room::counted;

const AFTER_HELP: &str = "\
Each unit runs twice: results that differ would convict an honest lender. Exit code 1 if a unit fails or differs. With
--json: {units: [{unit, ms, memory, result or error, agrees}]}.

  meshwork compute try primes.js --units 0..3
  meshwork compute try @caption='python3 caption.py' --items photos.jsonl";

/// Arguments of `compute try`.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The program: FILE.wasm, FILE.js, FILE.wgsl, or @NAME=COMMAND for a program of this device.
    #[arg(value_name = "PROGRAM")]
    program: String,
    /// The units: from the first up to before the second.
    #[arg(long, value_name = "FROM..TO", default_value = "0..3", value_parser = units, conflicts_with = "items")]
    units: Range<u32>,
    /// Parameters for the program, as JSON.
    #[arg(long, value_name = "JSON", default_value = "null", value_parser = json)]
    params: Value,
    /// A file that all units read.
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// A file with an item a line, one for each unit.
    #[arg(long, value_name = "FILE", conflicts_with = "input")]
    items: Option<PathBuf>,
    #[command(flatten)]
    shader: ShaderOptions,
    /// Write the result to standard output as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    let (name, command) = match arguments.program.split_once('=').filter(|(name, _)| name.starts_with('@')) {
        Some((name, command)) => {
            let command = Command::parse(command).map_err(|error| Failure::Usage(error.to_string()))?;
            (name, Some(command))
        }
        None if arguments.program.starts_with('@') => {
            return Err(Failure::Usage(format!(
                "write {}=COMMAND: nothing is offered here",
                arguments.program
            )));
        }
        None => (arguments.program.as_str(), None),
    };
    let program = of_argument(name, &arguments.shader)?;
    let card = super::card(program.is_shader())?;
    let (shape, code) = (program.shape(), program.code().map(<[u8]>::to_vec));
    let read =
        |path: &PathBuf| std::fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let (new, units) = match (&arguments.items, &arguments.input) {
        (Some(path), _) => {
            let text = read(path)?;
            let lines: Vec<&[u8]> =
                text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
            let units = 0..u32::try_from(lines.len()).unwrap_or(u32::MAX);
            (NewJob::items(program, &lines), units)
        }
        (None, Some(path)) => {
            (NewJob::new(program, arguments.units.end).input(read(path)?), arguments.units.clone())
        }
        (None, None) => (NewJob::new(program, arguments.units.end), arguments.units.clone()),
    };
    let new = new.params(&arguments.params).context("the parameters are not JSON")?;
    let job = new.form(PeerId([0; 32]), [0; 8]).map_err(|error| Failure::Usage(error.to_string()))?;
    let input = new.input_bytes().map(<[u8]>::to_vec);
    let (mut wrong, mut values) = (0, Vec::new());
    for tried in trial(Arc::new(job), code, input, command, card, units) {
        wrong += usize::from(tried.result.is_err() || !tried.agrees);
        if arguments.json { values.push(value(&tried, shape)) } else { out::line(line(&tried, shape))? }
    }
    if arguments.json {
        out::json(&json!({ "units": values }))?;
    }
    match wrong {
        0 => Ok(()),
        wrong => Err(Failure::Unexpected(anyhow::anyhow!("{} failed or differed", counted(wrong, "unit")))),
    }
}

/// A unit for people.
fn line(tried: &Tried, shape: Shape) -> String {
    let memory = tried.memory.map(|bytes| format!("  {} KiB", bytes / 1024)).unwrap_or_default();
    let result = match (&tried.result, tried.agrees) {
        (Err(failure), _) => format!("fails: {failure}"),
        (Ok(_), false) => String::from("gives another result the second time: checks would fail"),
        (Ok(value), true) => shown(value, shape),
    };
    format!("unit {}  {:.1} ms{memory}  {result}", tried.unit, tried.time.as_secs_f64() * 1000.0)
}

/// The same for programs.
fn value(tried: &Tried, shape: Shape) -> Value {
    let (key, words) = match &tried.result {
        Ok(value) => ("result", shown(value, shape)),
        Err(failure) => ("error", failure.to_string()),
    };
    let ms = tried.time.as_secs_f64() * 1000.0;
    json!({ "unit": tried.unit, "ms": ms, "memory": tried.memory, key: words, "agrees": tried.agrees })
}

/// The beginning of a result.
fn shown(value: &[u8], shape: Shape) -> String {
    match (shape, std::str::from_utf8(value)) {
        (Shape::Bytes, Err(_)) => counted(value.len(), "byte"),
        (Shape::Bytes, Ok(text)) if text.contains(|letter: char| letter.is_control() && letter != '\n') => {
            counted(value.len(), "byte")
        }
        _ => {
            let line = outcome::line(shape, value);
            let line = line.trim_end();
            if line.len() <= 200 {
                line.to_owned()
            } else {
                format!("{}…", &line[..line.floor_char_boundary(200)])
            }
        }
    }
}

fn units(text: &str) -> Result<Range<u32>, String> {
    let wrong = || String::from("units are FROM..TO, such as 0..3");
    let (from, to) = text.split_once("..").ok_or_else(wrong)?;
    let (from, to) = (from.parse::<u32>().map_err(|_| wrong())?, to.parse::<u32>().map_err(|_| wrong())?);
    if from < to {
        Ok(from..to)
    } else {
        Err(String::from("the second number must be greater than the first"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_a_range() {
        assert_eq!(units("2..5"), Ok(2..5));
        assert!(["5..2", "3..3", "1", "a..b"].iter().all(|text| units(text).is_err()));
    }
}
