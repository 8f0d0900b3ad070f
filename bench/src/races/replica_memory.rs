//! `replica-memory`: what a full canvas takes in memory, with the batches that prove it.

use anyhow::{Result, ensure};
use meshwork_place::canvas::CanvasSize;

use super::paintings::{self, ROOM};
use super::yjs::{self, YrsCanvas};
use crate::machine::locked;
use crate::memory::held;
use crate::race::{Needs, Plan, Race, Row, Samples};

/// The race.
pub(crate) const RACE: Race = Race {
    name: "replica-memory",
    about: "Megabytes that a full canvas of 1000 by 1000 random colours by 16 authors holds after it was read from \
            another, by a counting allocator; ours with all signed batches, folded. The other: a yrs map keyed \
            \"x,y\" with the same cells by one client, unsigned.",
    needs: Needs::Nothing,
    run,
};

fn run(plan: &Plan) -> Result<Vec<Row>> {
    let size = plan.size(CanvasSize { width: 1000, height: 1000 }, CanvasSize { width: 70, height: 70 });
    let painted = paintings::folded_scribbles(&ROOM, size)?;
    let cells = paintings::cells_of(&painted);
    ensure!(cells.len() == usize::from(size.width) * usize::from(size.height), "every cell is painted");
    let (ours, again) = held(|| paintings::reread(&ROOM, &painted));
    let again = again?;
    let told = again.memory();
    ensure!(told.abs_diff(ours) * 10 < ours, "the canvas counts {told} bytes itself, the allocator {ours}");
    let writer = YrsCanvas::new(1);
    cells.chunks(4096).for_each(|cells| drop(writer.paint(cells)));
    let whole = writer.whole();
    drop(writer);
    let (theirs, document) = held(|| {
        let document = YrsCanvas::new(2);
        yjs::decode(&whole).and_then(|update| document.apply(update)).map(|()| document)
    });
    document?.shows_the_same_as(&again)?;
    let megabytes = |bytes: usize| Samples::exact(bytes as f64 / 1e6);
    let row = Row::stated("replica-memory", megabytes(ours), "MB", false);
    let batches = format!("{} batches", again.batch_count());
    Ok(vec![row.against(locked("yrs"), megabytes(theirs)).want("24 MB").note(batches)])
}
