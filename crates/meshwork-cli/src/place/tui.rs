//! `place tui`: a room on a terminal, to look at and to paint in.

mod allowance;
mod app;
mod canvas;
pub(crate) mod colours;
mod draw;
mod keys;
pub(crate) mod people;
pub(crate) mod screen;
mod view;
mod visit;

use std::env;
use std::io::{self, IsTerminal as _};

use anyhow::Context as _;
use clap::Args;
use crossterm::event;
use meshwork::Link;
use tokio::sync::mpsc;

use super::attempt::{Attempt, named_guest};
use super::signal::Stop;
use super::{Common, link, values};
use crate::exit::Failure;
use crate::style;
use colours::Depth;
use screen::Screen;
use visit::Visit;

/// Keys and movements of the mouse that wait; more make the terminal wait.
const INPUTS_MAX: usize = 1024;

const AFTER_HELP: &str = "\
Keys: arrows move the frame (Shift: by 10), Space or Enter paints, 1-9 and 0 are the first ten colours,
Q and E the colours before and after, C any colour, X the last one, I the cell's own; U undoes your last
stroke; + and - zoom, Z shows as much as fits; G goes to a cell, W names its painter; L lists the
people, ? the keys; q leaves. The mouse paints with its left button, moves the canvas with the right one
and zooms with its wheel.
A terminal without true colour shows the nearest of 256 colours, and with NO_COLOR or --color never
letters. Set COLORTERM=truecolor if yours has true colour.";

/// Arguments of `place tui`.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The LINK of the room. A private one has a part after #. @FILE or - reads it from a file or standard input.
    #[arg(value_name = "LINK", value_parser = values::link)]
    link: Link,
    /// Your name for others, which stays with your strokes. [default: Terminal, which does not stay]
    #[arg(long, verbatim_doc_comment)]
    name: Option<String>,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Runs the command.
pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { link, name, common } = arguments;
    if !io::stdin().is_terminal() || !style::is_output_terminal() || style::is_dumb() {
        return Err(Failure::Usage(String::from(
            "place tui needs a terminal that can move its cursor. In a pipe, place watch says what happens, and \
             place export writes what is painted.",
        )));
    }
    let mut stop = Stop::listen()?;
    // The others count on whoever looks and paints as on an open page.
    let mut attempt = Attempt::start(&common, named_guest(name, || String::from("Terminal")).stays()).await?;
    let (depth, is_unicode) = (depth(), style::is_unicode());
    let title = format!("{} - Meshwork", link::room_name(&link));
    let result = match Screen::take(&title, depth != Depth::None, true) {
        Ok(screen) => {
            let mut visit = Visit::new(&mut attempt, screen, depth, is_unicode);
            let mut inputs = read_inputs();
            tokio::select! {
                result = visit.run(link, &mut inputs) => result,
                () = stop.asked() => Ok(()),
            }
        }
        Err(error) => Err(error).context("the terminal cannot be drawn on").map_err(Failure::from),
    };
    attempt.close().await;
    result
}

/// The colours of this terminal.
pub(crate) fn depth() -> Depth {
    if !style::colours_output() {
        return Depth::None;
    }
    let set = |name| env::var(name).ok();
    Depth::of(set("COLORTERM").as_deref(), set("TERM").as_deref())
}

/// Reads keys and the mouse on a thread of its own, which ends with the program: nothing can be told to stop waiting
/// for a key.
pub(crate) fn read_inputs() -> mpsc::Receiver<event::Event> {
    let (sender, inputs) = mpsc::channel(INPUTS_MAX);
    std::thread::spawn(move || {
        while let Ok(event) = event::read() {
            if sender.blocking_send(event).is_err() {
                return;
            }
        }
    });
    inputs
}
