//! Writes the honest examples of a target into a folder: `corpus TARGET FOLDER`.
#![allow(clippy::print_stderr, reason = "it is a program")]

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [name, folder] = arguments.as_slice() else {
        eprintln!("usage: corpus TARGET FOLDER");
        return ExitCode::from(2);
    };
    let Some(target) = meshwork_fuzz::target(name) else {
        eprintln!("there is no target `{name}`");
        return ExitCode::from(2);
    };
    match write(&(target.examples)(), Path::new(folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot write to {folder}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(examples: &[Vec<u8>], folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for (number, example) in examples.iter().enumerate() {
        fs::write(folder.join(format!("example-{number}")), example)?;
    }
    Ok(())
}
