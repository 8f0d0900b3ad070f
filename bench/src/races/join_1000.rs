//! `join-1000`: from nothing to all cells of a full canvas of 1000 by 1000, over loopback.

use anyhow::{Result, ensure};
use meshwork_core::id::{Identity, RoomId};
use meshwork_core::rng::Rng;
use meshwork_place::Place as _;
use meshwork_place::canvas::{self, Canvas, CanvasSize};
use tokio::runtime::Runtime;

use super::paintings::{self, Cell};
use super::picture;
use super::yjs::{self, YrsCanvas};
use crate::clock::{process_cpu, wall};
use crate::joining::{Content, Keeper, runtime};
use crate::machine::locked;
use crate::race::{Needs, Plan, Race, Row, Samples};

/// The race.
pub(crate) const RACE: Race = Race {
    name: "join-1000",
    about: "A newcomer joins a room with a full canvas of 1000 by 1000: two programs with the native driver and a \
            meeting point, over loopback, from the command to the last cell (wall clock), server, ICE, DTLS, proofs \
            and all signatures included. The other: a yrs document of the same cells by one client, written, read \
            and taken in within one program, without any network or signature. The page that Place began with can \
            be joined up to some 2,970 cells: beyond, its one snapshot message is too long to be sent.",
    needs: Needs::Nothing,
    run,
};

fn run(plan: &Plan) -> Result<Vec<Row>> {
    let size = size(plan);
    let runtime = runtime()?;
    let mut rows = Vec::new();
    let random = Painted::new(size, |room| paintings::folded_scribbles(room, size))?;
    rows.extend(rows_of(plan, &runtime, "join-1000", &random, ["1", "8"])?);
    let cells = picture::landscape(size);
    let picture = Painted::new(size, |room| paintings::picture(room, size, &cells))?;
    rows.extend(rows_of(plan, &runtime, "join-1000/picture", &picture, ["1", "1.5"])?);
    let cells = picture::in_twelve_colours(&cells);
    let snapped = Painted::new(size, |room| paintings::picture(room, size, &cells))?;
    rows.extend(rows_of(plan, &runtime, "join-1000/picture-of-12-colours", &snapped, ["1", "1.5"])?);
    let notes = [
        "16 authors, each cell in a random colour, painted in overlapping scribbles and folded",
        "a landscape drawn from noise in full colour, painted by one author tile by tile",
        "the same landscape in the palette of Place",
    ];
    for (row, note) in rows.iter_mut().step_by(3).zip(notes) {
        row.note =
            format!("{note}. Nothing is shown before it is verified, so all cells shown means all verified");
    }
    Ok(rows)
}

fn size(plan: &Plan) -> CanvasSize {
    plan.size(CanvasSize { width: 1000, height: 1000 }, CanvasSize { width: 80, height: 70 })
}

/// A full canvas, and the room that it belongs to.
struct Painted {
    content: Content,
    canvas: Canvas,
    cells: Vec<Cell>,
}

impl Painted {
    fn new(size: CanvasSize, paint: impl FnOnce(&RoomId) -> Result<Canvas>) -> Result<Painted> {
        let owner = Identity::from_secret([200; 32]);
        let (genesis, room) =
            meshwork_place::owned(&mut Rng::new([6; 32]), owner.peer(), size, None).sign(&owner)?;
        let canvas = paint(&room)?;
        let cells = paintings::cells_of(&canvas);
        ensure!(cells.len() == usize::from(size.width) * usize::from(size.height), "every cell is painted");
        let content = Content {
            app: meshwork_place::app(),
            make: meshwork_place::make,
            genesis,
            room,
            batches: canvas.batches().map(|batch| batch.bytes().to_vec()).collect(),
            entries: cells.len(),
            shown: |node, room| node.canvas(room).map_or(0, Canvas::painted),
            told: |changes| canvas::Painted::of(changes).len(),
            digest: |node, room| node.canvas(room).map(Canvas::digest),
        };
        Ok(Painted { content, canvas, cells })
    }

    fn per_cell(&self, bytes: u64) -> f64 {
        bytes as f64 / self.cells.len() as f64
    }
}

fn rows_of(
    plan: &Plan,
    runtime: &Runtime,
    name: &str,
    painted: &Painted,
    wants: [&'static str; 2],
) -> Result<Vec<Row>> {
    let keeper = runtime.block_on(Keeper::start(&painted.content))?;
    ensure!(keeper.digest() == Some(painted.canvas.digest()), "the keeper has another canvas");
    let document = YrsCanvas::new(1);
    painted.cells.chunks(4096).for_each(|cells| drop(document.paint(cells)));
    let (mut bytes, mut cpu, mut their_bytes) = (Vec::new(), Vec::new(), 0);
    let mut checked = false;
    let (ours, other) = plan.duel(
        || {
            let (busy, joined) = process_cpu(|| runtime.block_on(keeper.join()));
            let joined = joined?;
            bytes.push(painted.per_cell(joined.bytes));
            cpu.push(busy);
            Ok(joined.seconds)
        },
        || {
            let (seconds, joined) = wall(|| -> Result<_> {
                let whole = document.whole();
                their_bytes = whole.len() as u64;
                let newcomer = YrsCanvas::new(2);
                newcomer.apply(yjs::decode(&whole)?)?;
                Ok(newcomer)
            });
            let joined = joined?;
            if !std::mem::replace(&mut checked, true) {
                joined.shows_the_same_as(&painted.canvas)?;
            }
            Ok(seconds)
        },
    )?;
    runtime.block_on(keeper.shut_down());
    let row = |name: String, ours: Samples, unit: &'static str| Row::stated(name, ours, unit, false);
    let [seconds_wanted, bytes_wanted] = wants;
    Ok(vec![
        row(name.to_owned(), ours, "s (wall)").against(locked("yrs"), other).want(seconds_wanted),
        row(format!("{}-bytes", dashed(name)), Samples(bytes), "bytes/cell on the link")
            .against(locked("yrs"), Samples::exact(painted.per_cell(their_bytes)))
            .want(bytes_wanted),
        row(format!("{}-cpu", dashed(name)), Samples(cpu), "s (CPU of both programs)"),
    ])
}

/// A name under which further rows of it stand.
fn dashed(name: &str) -> String {
    if name.contains('/') { name.to_owned() } else { format!("{name}/random") }
}
