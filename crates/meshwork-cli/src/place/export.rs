//! `place export`: waits until the canvas is synchronised, and writes it to a PNG.

use std::path::PathBuf;

use clap::Args;
use meshwork::{CanvasImage, Link};
use meshwork_place::canvas::CanvasSize;
use serde_json::json;

use super::attempt::{Attempt, guest};
use super::in_step::{self, Content};
use super::values;
use super::{Common, counted};
use crate::exit::Failure;
use crate::picture;
use crate::progress::Progress;

/// Arguments of `place export`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The LINK of the room. A private one has a part after #. @FILE or - reads it from a file or standard input.
    #[arg(value_name = "LINK", value_parser = values::link)]
    link: Link,
    /// The PNG file, written whole or not at all.
    #[arg(long, value_name = "FILE.png")]
    out: PathBuf,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Runs the command.
pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { link, out, common } = arguments;
    let attempt = Attempt::start(&common, guest()).await?;
    let result = fetch(&attempt, &link).await;
    attempt.close().await;
    let CanvasImage { width, height, painted, rgba } = result?;
    picture::write_png(&out, CanvasSize { width, height }, &rgba)?;
    let words = format!("Wrote {} with {}.", out.display(), counted(painted, "painted cell"));
    common.tell(&words, &json!({ "cells": painted, "width": width, "height": height }))
}

async fn fetch(attempt: &Attempt, link: &Link) -> Result<CanvasImage, Failure> {
    let progress = Progress::start("Joining", "cells");
    let room = attempt.join(link).await?;
    progress.turn_to("Fetching", None);
    in_step::wait(attempt, &room, (&progress, Content::Cells), "Nothing was written.").await?;
    match room.canvas().image().await? {
        Some(image) => Ok(image),
        None => Err(Failure::App(room.opened_with().await?.unwrap_or_default())),
    }
}
