//! `place paint`: paints pixels or a picture, and waits until a member that stays has applied them.

mod drawing;
mod hold;
mod painter;
mod tally;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use meshwork_core::node::{PeerView, RoomHandle};
use meshwork_core::signalling::address::RoomAddress;
use meshwork_place::canvas::index_in_tile;
use meshwork_place::picture::{Dither, Fit};
use serde_json::json;
use tokio::time::Instant;

use super::session::{Session, Stay};
use super::signal::Stop;
use super::values::{self, Pixel, Position};
use super::{Common, counted};
use crate::exit::Failure;
use crate::progress::Progress;
use drawing::{Colours, Drawing};
use hold::Held;
use painter::Painter;

/// How long painting waits for a linked member to be in step, so that the strokes' stamps follow what is
/// there. In a room that is painted on all the time this may never be; the clocks have met by then.
const IN_STEP_WAIT: Duration = Duration::from_secs(2);

const AFTER_HELP: &str = "\
Examples:
  meshwork place paint LINK --pixel 3,4,#e6194b 4,4,#ffffff
  meshwork place paint LINK --image photo.jpg --fit contain --dither diffusion
  meshwork place paint LINK --image logo.png --at 10,10 --palette place --loop

Where the room limits how fast one may paint, it waits as the room asks and says so; give it the time
with --timeout, or paint with --loop, which takes as long as it takes.
With --json the result is {batches, cells, applied_by, stored_by}. With --loop each line has a member
`event`: painted {batches, cells, applied_by, stored_by}, repainted {cells} for each time that others
had painted over it, and ended {cells, repainted, rounds} when it is interrupted.";

/// What `place paint` is asked for.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The room's address, with its part after #; without it for an open room. @FILE or - reads it from there.
    #[arg(value_name = "LINK", value_parser = values::link)]
    link: RoomAddress,
    /// Pixels to paint: column, row and colour. May be given several times.
    #[arg(long, value_name = "X,Y,#rrggbb", num_args = 1.., required_unless_present = "image")]
    pixel: Vec<Pixel>,
    /// A PNG or JPEG picture to paint; pixels with an alpha below 128 are skipped.
    #[arg(long, value_name = "FILE", conflicts_with = "pixel")]
    image: Option<PathBuf>,
    /// Where the picture's upper left pixel goes. [default: 0,0; with --fit contain the middle]
    #[arg(long, value_name = "X,Y", requires = "image")]
    at: Option<Position>,
    /// How large the picture becomes: contain shows all of it, cover fills the canvas, stretch does so without keeping
    /// its proportions, exact takes a pixel for a cell; or its size in cells. All from --at to the lower right corner.
    #[arg(
        long,
        value_name = "contain|cover|stretch|exact|WxH",
        default_value = "exact",
        hide_default_value = true,
        requires = "image"
    )]
    fit: Fit,
    /// How colours that the palette lacks are shown: ordered is a pattern, diffusion suits photographs.
    #[arg(
        long,
        value_name = "none|ordered|diffusion",
        default_value = "none",
        hide_default_value = true,
        requires = "image"
    )]
    dither: Dither,
    /// Which colours the picture is painted in: the room's twelve (place), its own (any), a list of them, or those of a
    /// file with one #rrggbb a line or of a drawing program. [default: any; place with --dither]
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
    let mut session = Session::start(&common, Stay::Leaves).await?;
    let mut held = holds.then(Held::default);
    let painted = paint(&mut session, link, &drawing, &common, held.as_mut());
    let result = match &mut stop {
        Some(stop) => tokio::select! {
            result = painted => result,
            () = stop.asked() => Ok(()),
        },
        None => painted.await,
    };
    session.close().await;
    result?;
    match held {
        Some(held) => held.tell_end(&common),
        None => Ok(()),
    }
}

async fn paint(
    session: &mut Session,
    link: RoomAddress,
    drawing: &Drawing,
    common: &Common,
    held: Option<&mut Held>,
) -> Result<(), Failure> {
    let progress = Progress::start("Joining", "cells");
    let room = session.join(link).await?;
    let size = session.canvas_size(room).await?;
    let mut cells = drawing.cells(size)?;
    // A batch holds cells of one tile: in the order of tiles there are few and large ones.
    cells.sort_unstable_by_key(|&(x, y, _)| (size.tile_of(x, y), index_in_tile(x, y)));
    progress.say("looking for somebody who stays");
    wait_for_reader(session, room, "Nothing was painted.").await?;
    if held.is_some() {
        session.stay();
    }
    let mut painter = Painter::new(session, room, &progress).await?;
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

/// Waits until a member that stays is attached and, if that does not take long, in step. What could not be done without
/// one is told when time runs out.
pub(super) async fn wait_for_reader(
    session: &mut Session,
    room: RoomHandle,
    undone: &str,
) -> Result<(), Failure> {
    let mut attached_since = None;
    loop {
        let peers = session.peers(room).await?;
        if peers.iter().any(|peer| is_reader(peer) && peer.in_step) {
            return Ok(());
        }
        if !peers.iter().any(is_reader) {
            attached_since = None;
            let next = session.next().await;
            next.map_err(|failure| nobody_stays(failure, &peers, undone))?;
            continue;
        }
        let enough = *attached_since.get_or_insert_with(Instant::now) + IN_STEP_WAIT;
        if session.next_until(enough).await?.is_none() {
            return Ok(());
        }
    }
}

/// Whether the peer is linked, in the room, and expected to stay.
pub(super) fn is_reader(peer: &PeerView) -> bool {
    peer.attached && peer.stays && peer.state.is_linked()
}

/// Says more precisely why nobody was reachable, where those who are linked will not stay.
fn nobody_stays(failure: Failure, peers: &[PeerView], undone: &str) -> Failure {
    match failure {
        Failure::Unreachable(_) if peers.iter().any(|peer| peer.attached && peer.state.is_linked()) => {
            Failure::Unreachable(format!(
                "{undone} Only programs that are about to leave are in the room, so it would be lost. Open the link in \
                 a browser, or run meshwork place keep."
            ))
        }
        failure => failure,
    }
}
