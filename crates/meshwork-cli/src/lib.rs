//! The `meshwork` program: a meeting point, and rooms from the command line.
//!
//! A library, so that the program itself is no more than this and the pages: other pages do not make the rest anew. It has nothing
//! for other programs, which use `meshwork` and `meshwork-signal`.

#[cfg(unix)]
mod admin;
mod bytes;
mod chat;
mod compute;
mod duration;
mod exit;
mod file;
mod identity;
mod lan;
mod out;
mod picture;
mod place;
mod play;
mod progress;
mod room;
mod serve;
mod style;
mod sync;

use std::num::NonZero;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{ColorChoice, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use meshwork_signal::http::Pages;
use tracing_subscriber::EnvFilter;

/// Rooms in which people and programs paint together, directly linked.
#[derive(Parser)]
#[command(name = "meshwork", version, arg_required_else_help = true, after_help = AFTER_HELP)]
#[command(max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// When to colour the output: auto colours on a terminal, unless NO_COLOR is set.
    #[arg(long, global = true, value_name = "auto|always|never", default_value = "auto", alias = "colour")]
    #[arg(hide_default_value = true, hide_possible_values = true, help_heading = "Every command")]
    color: ColorChoice,
    /// Write texts of others to a terminal unchanged, so that their control characters act. A pipe always gets them so.
    #[arg(long, global = true, help_heading = "Every command")]
    raw: bool,
}

#[derive(Subcommand)]
#[expect(clippy::large_enum_variant, reason = "one value is made, at the start")]
enum Command {
    /// Run a meeting point: it serves the pages and introduces people.
    Serve(serve::ServeArgs),
    /// List a running server's rooms, close one, ban a client, or save the server's files.
    #[cfg(unix)]
    Admin(admin::Arguments),
    /// Make, paint, show, export, keep or watch a shared canvas.
    Place {
        #[command(subcommand)]
        command: Box<place::Command>,
    },
    /// Read, write and watch counters, values and documents of a room.
    Sync {
        #[command(subcommand)]
        command: Box<sync::Command>,
    },
    /// Talk with everybody on the local network, or in a room of any app; or read, write and watch its posts.
    Chat(Box<chat::Arguments>),
    /// List the programs on the local network, or find out why none is found.
    Lan {
        #[command(subcommand)]
        command: Box<lan::Command>,
    },
    /// Publish a game, make a party of one, play in one with a program, or watch one.
    Play {
        #[command(subcommand)]
        command: Box<play::Command>,
    },
    /// Submit jobs that all devices of a room work on, lend this device to them, or run a program over lines.
    Compute {
        #[command(subcommand)]
        command: Box<compute::Command>,
    },
    /// Stay in a room of any app and keep it on disk, until interrupted.
    Keep(room::keep::Arguments),
    /// Show, export or import this user's identity.
    Identity {
        #[command(subcommand)]
        command: identity::command::Command,
    },
    /// Add many peers of this process to a room, for load and demonstrations, until interrupted.
    Swarm(place::swarm::Arguments),
}

const AFTER_HELP: &str = "\
First steps:
  meshwork serve                                              the meeting point, with its pages
  meshwork place create --server http://127.0.0.1:8080        makes a room, prints its LINK
  meshwork place tui LINK                                     paint on this terminal
  meshwork place paint LINK --image photo.jpg --fit contain   paint a picture
  meshwork keep LINK --data ./keeper                          keep the room when everybody leaves

  meshwork sync create --server http://127.0.0.1:8080         makes a room of counters and values
  meshwork sync add LINK likes 1                              counts in it

  meshwork chat create --server http://127.0.0.1:8080         makes a room for talking
  meshwork chat LINK                                          talks in a room of any app
  meshwork chat                                               talks on the local network, with no server

  meshwork play publish ./game --server http://127.0.0.1:8080 publishes a game, prints its code and link
  meshwork play party ./game --server http://127.0.0.1:8080   makes a party of a game, prints its LINK

  meshwork compute create --server http://127.0.0.1:8080      makes a room of jobs
  meshwork compute lend LINK --cores 2                        lends this device to them
  seq 100 | meshwork compute map LINK square.js               runs a program over lines

Results go to standard output, with --json as JSON; progress, notes and errors to standard error.
Exit codes: 0 done, 1 unexpected failure, 2 usage, 3 nobody reachable in time, 4 refused (wrong or
missing secret, full, limit), 5 storage (the stored data is damaged, in use, or not writable).
RUST_LOG=meshwork=debug logs more to standard error.";

/// Runs the command that the process's arguments name. A server serves `pages`.
pub fn run(pages: Arc<dyn Pages>) -> ExitCode {
    leave_out_the_store();
    let arguments = parse();
    style::choose(arguments.color);
    if arguments.raw {
        out::write_raw();
    }
    // A server has settings for its log.
    if !matches!(arguments.command, Command::Serve(_)) {
        start_log();
    }
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let threads = match arguments.command {
        Command::Serve(_) => meshwork_signal::http::threads(processors),
        _ => processors,
    };
    let runtime =
        match tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return exit::finish(Err(exit::Failure::Unexpected(error.into())), false),
        };
    match arguments.command {
        Command::Serve(arguments) => exit::finish(runtime.block_on(serve::run(arguments, pages)), false),
        #[cfg(unix)]
        Command::Admin(arguments) => {
            exit::finish(runtime.block_on(admin::run(&arguments)), arguments.wants_json())
        }
        Command::Place { command } => {
            let json = command.wants_json();
            exit::finish(runtime.block_on(place::run(*command, pages)), json)
        }
        Command::Sync { command } => {
            let json = command.wants_json();
            exit::finish(runtime.block_on(sync::run(*command, pages)), json)
        }
        Command::Lan { command } => {
            let json = command.wants_json();
            exit::finish(runtime.block_on(lan::run(*command)), json)
        }
        Command::Chat(arguments) => {
            let json = arguments.wants_json();
            exit::finish(runtime.block_on(chat::run(*arguments, pages)), json)
        }
        Command::Play { command } => {
            let json = command.wants_json();
            exit::finish(runtime.block_on(play::run(*command)), json)
        }
        Command::Compute { command } => {
            let json = command.wants_json();
            exit::finish(runtime.block_on(compute::run(*command)), json)
        }
        Command::Keep(arguments) => {
            let json = arguments.common.json;
            exit::finish(runtime.block_on(room::keep::run(arguments, pages)), json)
        }
        Command::Identity { command } => {
            let json = command.wants_json();
            exit::finish(identity::command::run(command), json)
        }
        Command::Swarm(arguments) => {
            let json = arguments.json;
            exit::finish(runtime.block_on(place::swarm::run(arguments)), json)
        }
    }
}

/// Reports no panic of the store's own crate: a damaged file causes some, which are caught and become errors.
fn leave_out_the_store() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let is_of_store = panic.location().is_some_and(|place| place.file().contains("/redb-"));
        if !is_of_store {
            report(panic);
        }
    }));
}

/// Reads the arguments. Prints an error or the help, and ends, if they say so.
fn parse() -> Arguments {
    let command =
        Arguments::command().color(style::on_this_terminal(style::asked_for(std::env::args_os().skip(1))));
    Arguments::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit())
}

/// Logs to standard error at the level of RUST_LOG. Without it there is no log.
fn start_log() {
    let Ok(filter) = EnvFilter::try_from_default_env() else { return };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(out::log)
        .with_ansi(style::colours_errors())
        .init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_well_formed() {
        Arguments::command().debug_assert();
    }
}
