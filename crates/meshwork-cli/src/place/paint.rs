//! `place paint`: paints pixels or a picture, and waits until a member that stays has applied them.

mod drawing;
mod hold;
mod painter;
mod tally;

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;
use meshwork::{Link, Member, WriteError, place};
use meshwork_place::canvas::index_in_tile;
use meshwork_place::picture::{Dither, Fit};
use meshwork_place::words;
use serde_json::json;

use super::attempt::{Attempt, guest};
use super::signal::Stop;
use super::values::{self, Pixel, Position};
use super::{Common, counted};
use crate::exit::Failure;
use crate::progress::Progress;
use drawing::{Colours, Drawing};
use hold::Held;
use painter::Painter;

const AFTER_HELP: &str = "\
Examples:
  meshwork place paint LINK --pixel 3,4,#e6194b 4,4,#ffffff
  meshwork place paint LINK --image photo.jpg --fit contain --dither diffusion
  meshwork place paint LINK --image logo.png --at 10,10 --palette place --loop

If the room limits the pace, the command waits accordingly and says so. Give it the time with --timeout, or
use --loop, which has no timeout.
With --json the result is {batches, cells, applied_by, stored_by}. With --loop each line has a member
`event`: painted {batches, cells, applied_by, stored_by}, repainted {cells} each time that others
had painted over it, and ended {cells, repainted, rounds} on interruption.";

/// Arguments of `place paint`.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The LINK of the room. A private one has a part after #. @FILE or - reads it from a file or standard input.
    #[arg(value_name = "LINK", value_parser = values::link)]
    link: Link,
    /// Pixels to paint: column, row and colour. May be repeated.
    #[arg(long, value_name = "X,Y,#rrggbb", num_args = 1.., required_unless_present = "image")]
    pixel: Vec<Pixel>,
    /// A PNG or JPEG picture to paint; pixels with an alpha below 128 are skipped.
    #[arg(long, value_name = "FILE", conflicts_with = "pixel")]
    image: Option<PathBuf>,
    /// The cell of the picture's upper left pixel. [default: 0,0; with --fit contain the middle]
    #[arg(long, value_name = "X,Y", requires = "image")]
    at: Option<Position>,
    /// The size of the picture: contain shows all of it, cover fills the canvas, stretch fills it without keeping
    /// proportions, exact uses a cell for each pixel; or a size in cells. All from --at to the lower right corner.
    #[arg(
        long,
        value_name = "contain|cover|stretch|exact|WxH",
        default_value = "exact",
        hide_default_value = true,
        requires = "image"
    )]
    fit: Fit,
    /// How to approximate colours outside the palette: ordered is a pattern, diffusion suits photographs.
    #[arg(
        long,
        value_name = "none|ordered|diffusion",
        default_value = "none",
        hide_default_value = true,
        requires = "image"
    )]
    dither: Dither,
    /// The colours to use: the room's twelve (place), the picture's own (any), a list, or a palette file with one
    /// #rrggbb a line or of a drawing program. [default: any; place with --dither]
    #[arg(long, value_name = "place|any|#hex,..|FILE", requires = "image")]
    palette: Option<Colours>,
    /// Stay and repaint what others paint over, within the room's rules, until interrupted.
    #[arg(long = "loop")]
    holds: bool,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Runs the command.
pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { link, pixel, image, at, fit, dither, palette, holds, common } = arguments;
    let drawing = match image {
        Some(path) => Drawing::open(&path, fit, at, palette, dither)?,
        None => Drawing::Pixels(pixel),
    };
    let mut stop = if holds { Some(Stop::listen()?) } else { None };
    let mut attempt = Attempt::start(&common, guest()).await?;
    let mut held = holds.then(Held::default);
    let painted = paint(&mut attempt, link, &drawing, &common, held.as_mut());
    let result = match &mut stop {
        Some(stop) => tokio::select! {
            result = painted => result,
            () = stop.asked() => Ok(()),
        },
        None => painted.await,
    };
    attempt.close().await;
    result?;
    match held {
        Some(held) => held.tell_end(&common),
        None => Ok(()),
    }
}

async fn paint(
    attempt: &mut Attempt,
    link: Link,
    drawing: &Drawing,
    common: &Common,
    held: Option<&mut Held>,
) -> Result<(), Failure> {
    let progress = Progress::start("Joining", "cells");
    let room = attempt.join(&link).await?;
    attempt.app(&room, place::APP).await?;
    let size = crate::place::canvas_size(&room).await?;
    let mut cells = drawing.cells(size)?;
    // A batch holds cells of one tile: in the order of tiles there are few and large ones.
    cells.sort_unstable_by_key(|&(x, y, _)| (size.tile_of(x, y), index_in_tile(x, y)));
    progress.say("waiting for a member that stays");
    attempt.somebody_stays(&room, "Nothing was painted.").await?;
    if held.is_some() {
        attempt.stay();
    }
    let mut painter = Painter::new(attempt, &room, &progress).await?;
    painter.paint_all(&cells).await?;
    painter.wait_until_applied().await?;
    let tally = painter.tally();
    let (applied, stored) =
        (tally.complete(|of| &of.applied).count(), tally.complete(|of| &of.stored).count());
    let words = format!(
        "Painted {}. {} applied them, {stored} on disk.",
        counted(cells.len(), "cell"),
        counted(applied, "member"),
    );
    let mut value = json!({
        "batches": tally.sequences.len(), "cells": cells.len(), "applied_by": applied, "stored_by": stored,
    });
    let Some(held) = held else {
        return progress.aside(|| common.tell(&words, &value));
    };
    value["event"] = "painted".into();
    progress.aside(|| common.tell(&words, &value))?;
    held.hold(&mut painter, &cells, size, common).await
}

/// Whether the member is linked and expected to stay.
pub(super) fn is_reader(member: &Member) -> bool {
    member.stays() && member.link().is_linked()
}

/// The message if the room's rules forbid painting, with a fixed word for programs; `None` for other errors.
pub(super) fn denial(error: &WriteError) -> Option<(String, &'static str)> {
    Some(match error {
        WriteError::NotWriter => (words::NOT_WRITER.into(), "not-painter"),
        WriteError::Banned => (words::BANNED.into(), "banned"),
        WriteError::TooFast { left, cost, window, wait } => {
            let window_ms = u32::try_from(window.as_millis()).unwrap_or(u32::MAX);
            let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            (words::too_fast(*left, *cost, window_ms, wait_ms), "too-fast")
        }
        _ => return None,
    })
}

/// Turns a refusal by the room's rules into a message.
pub(super) fn denied(error: WriteError) -> Failure {
    match (denial(&error), error) {
        (Some((words, reason)), _) => Failure::Forbidden { words, reason },
        (None, WriteError::Closed(closed)) => closed.into(),
        (None, error) => Failure::Unexpected(anyhow!(error).context("the cells cannot be painted")),
    }
}
