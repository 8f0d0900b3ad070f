//! `place export`: waits until the canvas is the one that the others have, and writes it to a PNG.

use std::path::PathBuf;

use clap::Args;
use meshwork_core::signalling::address::RoomAddress;
use serde_json::json;

use super::session::{CanvasView, Session, Stay};
use super::values;
use super::{Common, counted, in_step};
use crate::exit::Failure;
use crate::picture;
use crate::progress::Progress;

/// What `place export` is asked for.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The room's address, with its part after #; without it for an open room. @FILE or - reads it from there.
    #[arg(value_name = "LINK", value_parser = values::link)]
    link: RoomAddress,
    /// The PNG file to write, whole or not at all.
    #[arg(long, value_name = "FILE.png")]
    out: PathBuf,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Runs the command.
pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { link, out, common } = arguments;
    let mut session = Session::start(&common, Stay::Leaves).await?;
    let result = fetch(&mut session, link).await;
    session.close().await;
    let canvas = result?;
    picture::write_png(&out, canvas.size, &canvas.rgba)?;
    let (width, height) = (canvas.size.width, canvas.size.height);
    let words = format!("Wrote {} with {}.", out.display(), counted(canvas.painted, "painted cell"));
    common.tell(&words, &json!({ "cells": canvas.painted, "width": width, "height": height }))
}

async fn fetch(session: &mut Session, link: RoomAddress) -> Result<CanvasView, Failure> {
    let progress = Progress::start("Joining", "cells");
    let room = session.join(link, None).await?;
    progress.turn_to("Fetching", None);
    in_step::wait(session, room, &progress, "Nothing was written.").await?;
    session.canvas(room).await
}
