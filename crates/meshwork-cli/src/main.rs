//! The `meshwork` program: a meeting point, and rooms from the command line.

mod bytes;
mod duration;
mod exit;
mod identity;
mod picture;
mod place;
mod serve;

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// Rooms where people and programs paint together, directly linked.
#[derive(Parser)]
#[command(name = "meshwork", version, arg_required_else_help = true, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a meeting point: the pages, and signalling for those who meet.
    Serve(serve::ServeArgs),
    /// Make, paint, export, keep or watch a shared canvas.
    Place {
        #[command(subcommand)]
        command: place::Command,
    },
    /// Show this user's identity, take it along, or become another.
    Identity {
        #[command(subcommand)]
        command: identity::command::Command,
    },
}

const AFTER_HELP: &str = "\
Exit codes: 0 done, 1 unexpected failure, 2 usage, 3 nobody reachable in time,
4 refused (wrong or missing secret, full, limit), 5 storage (what is kept is damaged, in use, or
cannot be written).
RUST_LOG=meshwork=debug says more on standard error.";

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    start_log();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return exit::finish(Err(exit::Failure::Unexpected(error.into())), false),
    };
    match arguments.command {
        Command::Serve(arguments) => {
            exit::finish(runtime.block_on(serve::run(arguments)).map_err(exit::Failure::from), false)
        }
        Command::Place { command } => {
            let json = command.wants_json();
            exit::finish(runtime.block_on(place::run(command)), json)
        }
        Command::Identity { command } => {
            let json = command.wants_json();
            exit::finish(identity::command::run(command), json)
        }
    }
}

/// Logs to standard error as RUST_LOG asks for; without it there is no log.
fn start_log() {
    let Ok(filter) = EnvFilter::try_from_default_env() else { return };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_well_formed() {
        Arguments::command().debug_assert();
    }
}
