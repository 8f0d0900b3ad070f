//! `stroke-bytes`: what a stroke costs on the wire, signature included, before SCTP.

use anyhow::{Result, ensure};
use meshwork_core::rng::Rng;
use meshwork_core::room::message::RoomMessage;
use meshwork_core::signed::batch::UnverifiedBatch;
use meshwork_core::wire::{Bytes, MessageWriter};
use meshwork_place::canvas::{Canvas, CanvasSize};

use super::paintings::{self, Cell, ROOM, any_colour, scribble};
use crate::race::{Needs, Plan, Race, Row, Samples};

/// The canvas of the original, which is smaller than any that ours is wanted for.
const SIZE: CanvasSize = CanvasSize { width: 100, height: 100 };
const ORIGINAL: &str = "the original's JSON";

/// The race.
pub(crate) const RACE: Race = Race {
    name: "stroke-bytes",
    about: "Bytes that a stroke takes on a link, before SCTP. Ours are signed and name author and time, in a room without \
            records: where there are rules, a batch names one in 8 or 9 bytes more. The other: the JSON messages of the \
            page that Place began with, one for each cell.",
    needs: Needs::Nothing,
    run,
};

fn run(plan: &Plan) -> Result<Vec<Row>> {
    let rounds = plan.size(200, 2);
    let one_colour = |rng: &mut Rng| {
        let colour = any_colour(rng);
        scribble(rng, SIZE, 64).into_iter().map(|(x, y)| (x, y, colour)).collect()
    };
    let random_colours =
        |rng: &mut Rng| scribble(rng, SIZE, 64).into_iter().map(|(x, y)| (x, y, any_colour(rng))).collect();
    let lone_click = |rng: &mut Rng| vec![(rng.below(100) as u16, rng.below(100) as u16, any_colour(rng))];
    Ok(vec![
        row("stroke-bytes/one-colour", rounds, 64.0, "bytes/cell", one_colour)?
            .want("4")
            .note("a scribble of 64 neighbouring cells"),
        row("stroke-bytes/random-colours", rounds, 64.0, "bytes/cell", random_colours)?
            .want("8")
            .note("the same scribble, each cell in any of 16.8 million colours"),
        row("stroke-bytes/lone-click", rounds, 1.0, "bytes", lone_click)?.want("160"),
    ])
}

fn row(
    name: &str,
    rounds: usize,
    divisor: f64,
    unit: &'static str,
    paint: impl Fn(&mut Rng) -> Vec<Cell>,
) -> Result<Row> {
    let mut rng = Rng::new([4; 32]);
    let strokes = paintings::strokes(SIZE, (0..rounds).map(|_| paint(&mut rng)))?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for (number, stroke) in strokes.iter().enumerate() {
        let mut bytes = 0;
        let mut canvas = Canvas::new(SIZE)?;
        for (batch, strokes) in &stroke.batches {
            let message = frame(batch.bytes())?;
            bytes += message.len();
            // Who receives it must be able to tell every cell, author and stamp from these bytes alone.
            let received = &message[message.len() - batch.bytes().len()..];
            let received = UnverifiedBatch::decode(&ROOM, received)?.verify()?;
            ensure!(canvas.read(&received)? == *strokes, "the batch says what was painted");
            canvas.apply(received, strokes);
        }
        ensure!(
            stroke.cells.iter().all(|&(x, y, colour)| canvas.colour(x, y) == Some(colour)),
            "all cells show"
        );
        ours.push(bytes as f64 / divisor);
        let json = stroke.cells.iter().map(|cell| original(cell, number).len()).sum::<usize>();
        theirs.push(json as f64 / divisor);
    }
    Ok(Row::stated(name, Samples(ours), unit, false).against(ORIGINAL, Samples(theirs)))
}

/// The frame in which a batch travels when nothing else does.
fn frame(batch: &[u8]) -> Result<Vec<u8>> {
    let message = RoomMessage::Batch(Bytes::new(batch.to_vec())?);
    let (kind, body) = message.encode(1);
    let mut writer = MessageWriter::default();
    writer.push(kind, &body);
    let frame = writer.take_frame(usize::MAX).unwrap_or_default();
    ensure!(writer.is_empty(), "a stroke fits a frame");
    Ok(frame)
}

/// What the page of the original sends for a click.
fn original(&(x, y, colour): &Cell, clicks: usize) -> String {
    let identity = "3b241101-e2bb-4255-8caf-4136c566a962";
    let [clock, colour] = [clicks + 1, colour.bits() as usize];
    format!(r##"{{"type":"pixel","x":{x},"y":{y},"color":"#{colour:06x}","clk":{clock},"id":"{identity}"}}"##)
}
