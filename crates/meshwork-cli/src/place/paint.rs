//! `place paint`: paints pixels or a picture, and waits until a member that stays has applied them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use meshwork_core::crdt::canvas::{CanvasSize, TILE_CELLS, index_in_tile};
use meshwork_core::id::Endpoint;
use meshwork_core::node::{Event, PeerView, RoomHandle};
use meshwork_core::signalling::address::RoomAddress;
use serde_json::json;
use tokio::time::Instant;

use super::session::{Pause, Session, Stay};
use super::values::{Pixel, Position};
use super::{Common, counted};
use crate::exit::Failure;
use crate::picture::{Cell, Picture};

/// Cells handed to the node at once: one whole tile, some 12 kilobytes of a batch at most.
const CHUNK_CELLS: usize = TILE_CELLS;
/// Batches that nobody has applied yet, above which painting waits: megabytes under way, yet fewer than a node
/// sends again when a link is made anew, so that each is acknowledged in the end.
const UNAPPLIED_MAX: usize = 256;
/// How long painting waits for a linked member to be in step, so that the strokes' stamps follow what is
/// there. In a room that is painted on all the time this may never be; the clocks have met by then.
const IN_STEP_WAIT: Duration = Duration::from_secs(2);
/// How long, after the first member has applied everything, others that are linked may take to be counted.
const SETTLE: Duration = Duration::from_secs(1);

/// What `place paint` is asked for.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The room's address, with its part after #; without it for an open room.
    #[arg(value_name = "LINK")]
    link: RoomAddress,
    /// Pixels to paint: column, row and colour. May be given several times.
    #[arg(long, value_name = "X,Y,#rrggbb", num_args = 1.., required_unless_present = "image")]
    pixel: Vec<Pixel>,
    /// A PNG or JPEG picture to paint; pixels with an alpha below 128 are skipped.
    #[arg(long, value_name = "FILE", conflicts_with = "pixel")]
    image: Option<PathBuf>,
    /// Where the picture's upper left pixel goes.
    #[arg(long, value_name = "X,Y", default_value = "0,0", requires = "image")]
    at: Position,
    #[command(flatten)]
    pub(super) common: Common,
}

/// What there is to paint.
enum Paint {
    Pixels(Vec<Pixel>),
    Picture(Picture, Position),
}

/// What became of it.
struct Painted {
    batches: usize,
    cells: usize,
    applied_by: usize,
    stored_by: usize,
}

/// Runs the command.
pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { link, pixel, image, at, common } = arguments;
    let paint = match image {
        Some(path) => Paint::Picture(Picture::open(&path)?, at),
        None => Paint::Pixels(pixel),
    };
    let mut session = Session::start(&common, Stay::Leaves).await?;
    let result = paint_all(&mut session, link, &paint).await;
    session.close().await;
    let painted = result?;
    let Painted { batches, cells, applied_by, stored_by } = painted;
    let words = format!(
        "Painted {}. {} applied them, {stored_by} on disk.",
        counted(cells, "cell"),
        counted(applied_by, "member"),
    );
    let value =
        json!({ "batches": batches, "cells": cells, "applied_by": applied_by, "stored_by": stored_by });
    common.tell(&words, &value)
}

async fn paint_all(session: &mut Session, link: RoomAddress, paint: &Paint) -> Result<Painted, Failure> {
    let room = session.join(link, None).await?;
    let size = session.canvas(room).await?.size;
    let mut cells = paint.cells(size)?;
    // A batch holds cells of one tile: in the order of tiles there are few and large ones.
    cells.sort_unstable_by_key(|&(x, y, _)| (size.tile_of(x, y), index_in_tile(x, y)));
    wait_for_reader(session, room).await?;
    let mut tally = Tally::default();
    for chunk in cells.chunks(CHUNK_CELLS) {
        paint_chunk(session, room, chunk, &mut tally).await?;
    }
    wait_until_applied(session, room, &mut tally).await?;
    Ok(Painted {
        batches: tally.sequences.len(),
        cells: cells.len(),
        applied_by: tally.complete(|of| &of.applied).count(),
        stored_by: tally.complete(|of| &of.stored).count(),
    })
}

impl Paint {
    /// The cells, each once.
    fn cells(&self, size: CanvasSize) -> Result<Vec<Cell>, Failure> {
        match self {
            Paint::Picture(picture, at) => picture.cells((at.x, at.y), size),
            Paint::Pixels(pixels) => pixel_cells(pixels, size),
        }
    }
}

/// The cells of `pixels`; of two for one cell the later counts.
fn pixel_cells(pixels: &[Pixel], size: CanvasSize) -> Result<Vec<Cell>, Failure> {
    let outside = |pixel: &&Pixel| pixel.x >= size.width || pixel.y >= size.height;
    if let Some(pixel) = pixels.iter().find(outside) {
        return Err(Failure::Usage(format!(
            "Cell {},{} is outside the canvas of {size} cells. Nothing was painted. \
             Columns and rows are counted from 0.",
            pixel.x, pixel.y
        )));
    }
    let cells: BTreeMap<_, _> = pixels.iter().map(|pixel| ((pixel.y, pixel.x), pixel.colour)).collect();
    Ok(cells.into_iter().map(|((y, x), colour)| (x, y, colour)).collect())
}

/// Waits until a member that stays is attached and, if that does not take long, in step.
async fn wait_for_reader(session: &mut Session, room: RoomHandle) -> Result<(), Failure> {
    let mut attached_since = None;
    loop {
        let peers = session.peers(room).await?;
        if peers.iter().any(|peer| is_reader(peer) && peer.in_step) {
            return Ok(());
        }
        if !peers.iter().any(is_reader) {
            attached_since = None;
            let next = session.next().await;
            next.map_err(|failure| nobody_stays(failure, &peers))?;
            continue;
        }
        let enough = *attached_since.get_or_insert_with(Instant::now) + IN_STEP_WAIT;
        if session.next_until(enough).await?.is_none() {
            return Ok(());
        }
    }
}

/// Whether the peer is linked, in the room, and expected to stay.
fn is_reader(peer: &PeerView) -> bool {
    peer.attached && peer.stays && peer.state.is_linked()
}

/// Says more precisely why nobody was reachable, where those who are linked will not stay.
fn nobody_stays(failure: Failure, peers: &[PeerView]) -> Failure {
    match failure {
        Failure::Unreachable(_) if peers.iter().any(|peer| peer.attached && peer.state.is_linked()) => {
            Failure::Unreachable(String::from(
                "Nothing was painted. Only programs that are about to leave are in the room, so the strokes \
                 would be lost. Open the link in a browser, or run meshwork place keep.",
            ))
        }
        failure => failure,
    }
}

async fn paint_chunk(
    session: &mut Session,
    room: RoomHandle,
    chunk: &[Cell],
    tally: &mut Tally,
) -> Result<(), Failure> {
    let (mut rest, mut most) = (chunk, chunk.len());
    while !rest.is_empty() {
        while tally.unapplied() > UNAPPLIED_MAX {
            let event = session.next().await.map_err(|failure| tally.explain(failure))?;
            tally.note(event);
        }
        let (cells, later) = rest.split_at(most.min(rest.len()));
        let painted = session.paint(room, cells).await?;
        // What waits to be heard is bounded, so it is heard before more is said.
        while let Some(event) = session.heard()? {
            tally.note(event);
        }
        match painted {
            Ok(receipt) => {
                tally.sequences.extend(receipt.sequences);
                (rest, most) = (later, later.len());
            }
            Err(Pause { left, wait, is_behind }) => {
                most = left;
                if is_behind {
                    tally.tell_slowed();
                }
                let again = Instant::now() + wait;
                while let Some(event) =
                    session.next_until(again).await.map_err(|failure| tally.explain(failure))?
                {
                    tally.note(event);
                }
            }
        }
    }
    Ok(())
}

/// Waits until a member has applied everything, then a little for the others that are linked.
async fn wait_until_applied(
    session: &mut Session,
    room: RoomHandle,
    tally: &mut Tally,
) -> Result<(), Failure> {
    while tally.complete(|of| &of.applied).next().is_none() {
        let event = session.next().await.map_err(|failure| tally.explain(failure))?;
        tally.note(event);
    }
    let settled = Instant::now() + SETTLE;
    while !tally.has_everybody(&session.peers(room).await?) {
        match session.next_until(settled).await {
            Ok(Some(event)) => tally.note(event),
            // Time-outs and refusals do not matter any more.
            Ok(None) | Err(Failure::Unreachable(_) | Failure::Refused(_)) => break,
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
}

/// Who has applied which of one's own batches.
#[derive(Default)]
struct Tally {
    sequences: BTreeSet<u64>,
    members: BTreeMap<Endpoint, Acknowledged>,
    /// Whether it was said that the others cannot keep up.
    slowed: bool,
}

/// What one member has said of them.
#[derive(Default)]
struct Acknowledged {
    applied: BTreeSet<u64>,
    stored: BTreeSet<u64>,
}

impl Tally {
    fn note(&mut self, event: Event) {
        let Event::Applied { by, sequences, stored, .. } = event else { return };
        let member = self.members.entry(by).or_default();
        member.applied.extend(&sequences);
        if stored {
            member.stored.extend(&sequences);
        }
    }

    /// Says once that painting waits for the others.
    fn tell_slowed(&mut self) {
        if !self.slowed {
            self.slowed = true;
            // Who does not listen to it need not know.
            let _ = writeln!(
                io::stderr(),
                "The others cannot keep up: painting goes on as fast as they apply it."
            );
        }
    }

    /// The members that have all batches in the set that `of` names.
    fn complete(&self, of: impl Fn(&Acknowledged) -> &BTreeSet<u64>) -> impl Iterator<Item = &Endpoint> {
        let whole = move |member: &Acknowledged| of(member).is_superset(&self.sequences);
        self.members.iter().filter(move |(_, member)| whole(member)).map(|(endpoint, _)| endpoint)
    }

    /// How many batches the member that has most of them has applied.
    fn applied(&self) -> usize {
        self.members.values().map(|member| member.applied.len()).max().unwrap_or(0)
    }

    /// How many batches not even that member has applied.
    fn unapplied(&self) -> usize {
        self.sequences.len().saturating_sub(self.applied())
    }

    /// Whether all linked members that stay have applied everything.
    fn has_everybody(&self, peers: &[PeerView]) -> bool {
        let complete: BTreeSet<_> = self.complete(|of| &of.applied).collect();
        peers.iter().filter(|peer| is_reader(peer)).all(|peer| complete.contains(&peer.endpoint))
    }

    /// Says how far painting came, when time ran out.
    fn explain(&self, failure: Failure) -> Failure {
        let Failure::Unreachable(words) = failure else { return failure };
        let most = self.applied();
        Failure::Unreachable(format!(
            "No member that stays has applied the whole: at most {most} of {} batches in time. {words}",
            self.sequences.len()
        ))
    }
}

#[cfg(test)]
mod tests {
    use meshwork_core::crdt::canvas::Colour;
    use meshwork_core::id::{Instance, PeerId};

    use super::*;

    const SIZE: CanvasSize = CanvasSize { width: 10, height: 5 };

    fn pixel(text: &str) -> Pixel {
        text.parse().unwrap()
    }

    fn endpoint(number: u64) -> Endpoint {
        Endpoint { peer: PeerId([1; 32]), instance: Instance(number) }
    }

    fn applied(by: u64, sequences: &[u64], stored: bool) -> Event {
        Event::Applied { room: RoomHandle(0), by: endpoint(by), sequences: sequences.to_vec(), stored }
    }

    #[test]
    fn the_last_colour_of_a_cell_counts() {
        let cells = pixel_cells(&[pixel("1,2,#000000"), pixel("0,0,#0000ff"), pixel("1,2,#ff0000")], SIZE);
        assert_eq!(cells.unwrap(), [(0, 0, Colour::rgb(0, 0, 255)), (1, 2, Colour::rgb(255, 0, 0))]);
    }

    #[test]
    fn pixels_outside_are_named() {
        for outside in ["10,0,#000000", "0,5,#000000"] {
            let error = pixel_cells(&[pixel("9,4,#000000"), pixel(outside)], SIZE).unwrap_err();
            assert!(matches!(&error, Failure::Usage(words) if words.contains("10x5")), "{error}");
            let (position, _) = outside.rsplit_once(',').unwrap();
            assert!(error.to_string().contains(position), "{error}");
        }
    }

    #[test]
    fn only_members_with_every_batch_count() {
        let mut tally = Tally { sequences: (1..=3).collect(), ..Tally::default() };
        assert_eq!(tally.unapplied(), 3);
        tally.note(applied(1, &[1, 3], true));
        assert_eq!(tally.unapplied(), 1);
        tally.note(applied(2, &[1, 2, 3], false));
        let counts = |tally: &Tally| {
            (tally.complete(|of| &of.applied).count(), tally.complete(|of| &of.stored).count())
        };
        assert_eq!(counts(&tally), (1, 0));
        assert_eq!(tally.unapplied(), 0);
        tally.note(applied(1, &[2], true));
        tally.note(applied(2, &[2], true));
        assert_eq!(counts(&tally), (2, 1));
    }

    #[test]
    fn time_outs_say_how_far_it_came() {
        let mut tally = Tally { sequences: (1..=3).collect(), ..Tally::default() };
        tally.note(applied(1, &[1, 3], true));
        let words = tally.explain(Failure::Unreachable("Nobody.".into())).to_string();
        assert!(words.contains("2 of 3 batches") && words.ends_with("Nobody."), "{words}");
    }
}
