//! The past of a canvas shows what the canvas showed then, and files decode, elsewhere, to every frame of it.

use std::collections::BTreeMap;
use std::io::Cursor;

use meshwork_core::clock::Stamp;
use meshwork_core::id::{Endpoint, Instance, PeerId};
use meshwork_core::rng::Rng;
use meshwork_place::canvas::{CanvasSize, Colour, PastBatch, PastCell};
use meshwork_place::picture::{ApngAssembler, ApngError, Area, Film, GifEncoder, Timeline, TimelineBuilder};

const SIZE: CanvasSize = CanvasSize { width: 37, height: 21 };

/// Batches of several authors, with folds that repeat cells, in an order of their own.
fn past(rng: &mut Rng, count: usize, colours: u32) -> Vec<PastBatch> {
    let mut batches: Vec<PastBatch> = Vec::new();
    for number in 0..count {
        let author = rng.below(5) as u8;
        let colour = match rng.below(10) {
            0 => Colour::CLEARED,
            _ => {
                Colour::from_bits(rng.below(u64::from(colours)) as u32 * 4099 % 0x0100_0000).expect("24 bits")
            }
        };
        let stamp = Stamp::new(1_790_000_000_000 + number as u64 / 2, rng.below(3) as u16).expect("small");
        let cells = (0..1 + rng.below(40))
            .map(|_| {
                let (x, y) = (rng.below(37) as u16, rng.below(21) as u16);
                PastCell { x, y, stamp, colour }
            })
            .collect();
        let author = Endpoint { peer: PeerId([author; 32]), instance: Instance(1) };
        batches.push(PastBatch { author, sequence: number as u64 + 1, cells });
        if number % 7 == 6 {
            let again = batches[rng.below(batches.len() as u64) as usize].clone();
            batches.push(again);
        }
    }
    batches
}

/// What shows when everything up to a stamp was painted, by the rule of the canvas alone.
fn showed(batches: &[PastBatch], until: Stamp) -> BTreeMap<(u16, u16), Colour> {
    let mut winners: BTreeMap<(u16, u16), (Stamp, PeerId, Colour)> = BTreeMap::new();
    for batch in batches {
        for cell in batch.cells.iter().filter(|cell| cell.stamp <= until) {
            let claim = (cell.stamp, batch.author.peer, cell.colour);
            let winner = winners.entry((cell.x, cell.y)).or_insert(claim);
            *winner = claim.max(*winner);
        }
    }
    winners.into_iter().map(|(cell, (_, _, colour))| (cell, colour)).collect()
}

fn timeline(batches: &[PastBatch], cells_most: usize) -> Timeline {
    let mut builder = TimelineBuilder::new(SIZE, cells_most);
    batches.iter().for_each(|batch| builder.add(batch));
    builder.finish()
}

fn check(timeline: &Timeline, truth: &BTreeMap<(u16, u16), Colour>) {
    for (x, y) in (0..SIZE.height).flat_map(|y| (0..SIZE.width).map(move |x| (x, y))) {
        let wanted = truth.get(&(x, y)).and_then(|colour| colour.components());
        assert_eq!(timeline.colour(x, y), wanted, "cell {x}, {y} at {}", timeline.at());
    }
}

#[test]
fn every_moment_shows_what_the_canvas_showed() {
    let mut rng = Rng::new([7; 32]);
    let batches = past(&mut rng, 300, 50);
    let mut timeline = timeline(&batches, 1_000_000);
    let stamps: Vec<Stamp> =
        batches.iter().flat_map(|batch| batch.cells.iter().map(|cell| cell.stamp)).collect();
    for _ in 0..60 {
        let stamp = stamps[rng.below(stamps.len() as u64) as usize];
        // After all that was painted in the same millisecond.
        let last = Stamp::new(stamp.millis(), u16::MAX).expect("as before");
        let moment = timeline.moment(stamp.millis() + 1);
        timeline.seek(moment);
        check(&timeline, &showed(&batches, last));
        assert_eq!(timeline.painted_at(moment).map(|(at, _)| at), Some(stamp.millis()));
    }
    timeline.seek(usize::MAX);
    check(&timeline, &showed(&batches, Stamp::LAST));
    timeline.seek(0);
    check(&timeline, &BTreeMap::new());
    assert!(!timeline.begins_late());
}

#[test]
fn a_move_says_to_redraw_all_that_changed() {
    let mut timeline = timeline(&past(&mut Rng::new([8; 32]), 2000, 9), 1_000_000);
    let mut rng = Rng::new([9; 32]);
    let mut shown = timeline.rgba(timeline.whole(), 1);
    for _ in 0..100 {
        let near = timeline.at() + rng.below(60) as usize;
        let moment = if rng.below(3) == 0 { rng.below(timeline.len() as u64) as usize } else { near };
        if let Some(area) = timeline.seek(moment) {
            let pixels = timeline.rgba(area, 1);
            let width = usize::from(area.width) * 4;
            for (row, line) in pixels.chunks_exact(width).enumerate() {
                let at = (usize::from(area.y) + row) * 37 * 4 + usize::from(area.x) * 4;
                shown[at..at + width].copy_from_slice(line);
            }
        }
        assert_eq!(shown, timeline.rgba(timeline.whole(), 1));
    }
}

#[test]
fn a_full_builder_begins_later_and_ends_alike() {
    let batches = past(&mut Rng::new([3; 32]), 900, 50);
    let whole = timeline(&batches, 1_000_000);
    let mut late = timeline(&batches, 2000);
    assert!(late.begins_late() && late.len() <= 2000 && late.len() > 500, "{} cells", late.len());
    let first = late.painted_at(0).expect("something was painted").0;
    assert!(first > whole.painted_at(0).expect("something was painted").0);
    let before = Stamp::new(first - 1, u16::MAX).expect("a stamp");
    let moment = late.moment(first);
    late.seek(moment);
    if moment == 0 && batches.iter().all(|batch| batch.cells.iter().all(|cell| cell.stamp.millis() != first))
    {
        check(&late, &showed(&batches, before));
    }
    late.seek(usize::MAX);
    check(&late, &showed(&batches, Stamp::LAST));
    // What comes late and is older than the beginning changes no more than it should.
    let mut backwards = TimelineBuilder::new(SIZE, 2000);
    batches.iter().rev().for_each(|batch| backwards.add(batch));
    let mut backwards = backwards.finish();
    backwards.seek(usize::MAX);
    check(&backwards, &showed(&batches, Stamp::LAST));
}

/// The areas and moments of a film, frame by frame.
fn frames(timeline: &mut Timeline, film: Film, mut each: impl FnMut(&Timeline, Area, u32)) {
    timeline.seek(film.from);
    for frame in 0..film.frames {
        let moved = timeline.seek(film.moment(frame));
        let unchanged = Area { x: 0, y: 0, width: 1, height: 1 };
        let area = if frame == 0 { timeline.whole() } else { moved.unwrap_or(unchanged) };
        each(timeline, area, frame);
    }
}

#[test]
fn a_gif_decodes_to_every_frame() {
    for (colours, scale) in [(3, 1), (100, 3), (250, 2)] {
        let mut timeline = timeline(&past(&mut Rng::new([5; 32]), 800, colours), 1_000_000);
        let film = Film { from: 0, to: timeline.len(), frames: 40, per_second: 12 };
        let mut encoder = GifEncoder::new(&timeline, scale);
        assert!(encoder.is_exact());
        let mut wanted = vec![];
        frames(&mut timeline, film, |timeline, area, frame| {
            encoder.push(timeline, area, film.hundredths(frame));
            wanted.push(timeline.rgba(timeline.whole(), scale));
        });
        let file = encoder.finish();
        let mut options = gif::DecodeOptions::new();
        options.set_color_output(gif::ColorOutput::RGBA);
        let mut decoder = options.read_info(Cursor::new(file)).expect("a GIF");
        let width = 37 * scale;
        assert_eq!((usize::from(decoder.width()), usize::from(decoder.height())), (width, 21 * scale));
        let mut shown = vec![0; width * 21 * scale * 4];
        for (number, wanted) in wanted.iter().enumerate() {
            let frame = decoder.read_next_frame().expect("a legal frame").expect("as many frames");
            for (row, line) in frame.buffer.chunks_exact(usize::from(frame.width) * 4).enumerate() {
                let at = ((usize::from(frame.top) + row) * width + usize::from(frame.left)) * 4;
                shown[at..at + line.len()].copy_from_slice(line);
            }
            for (shown, wanted) in shown.chunks_exact(4).zip(wanted.chunks_exact(4)) {
                let wanted = if wanted[3] == 0 { &[255; 4] } else { wanted };
                assert_eq!(shown, wanted, "frame {number}");
            }
        }
        assert!(decoder.read_next_frame().expect("an end").is_none());
    }
}

#[test]
fn a_gif_short_of_colours_shows_near_ones() {
    let mut timeline = timeline(&past(&mut Rng::new([6; 32]), 3000, 4000), 1_000_000);
    let mut encoder = GifEncoder::new(&timeline, 1);
    assert!(!encoder.is_exact());
    timeline.seek(usize::MAX);
    encoder.push(&timeline, timeline.whole(), 10);
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    let mut decoder = options.read_info(Cursor::new(encoder.finish())).expect("a GIF");
    let frame = decoder.read_next_frame().expect("a legal frame").expect("one frame");
    for (shown, wanted) in
        frame.buffer.chunks_exact(4).zip(timeline.rgba(timeline.whole(), 1).chunks_exact(4))
    {
        let wanted = if wanted[3] == 0 { &[255; 4] } else { wanted };
        assert!(
            shown.iter().zip(wanted).all(|(one, other)| one.abs_diff(*other) <= 26),
            "{shown:?} {wanted:?}"
        );
    }
}

#[test]
fn noise_filling_the_code_table_still_decodes_exactly() {
    let size = CanvasSize { width: 200, height: 200 };
    let mut rng = Rng::new([1; 32]);
    let cells = (0..40_000_u32)
        .map(|cell| {
            let colour = Colour::from_bits(rng.below(250) as u32 * 60_000).expect("24 bits");
            PastCell { x: (cell % 200) as u16, y: (cell / 200) as u16, stamp: Stamp(1 << 20), colour }
        })
        .collect();
    let author = Endpoint { peer: PeerId([1; 32]), instance: Instance(1) };
    let mut builder = TimelineBuilder::new(size, 100_000);
    builder.add(&PastBatch { author, sequence: 1, cells });
    let mut timeline = builder.finish();
    timeline.seek(usize::MAX);
    let mut encoder = GifEncoder::new(&timeline, 1);
    encoder.push(&timeline, timeline.whole(), 10);
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    let mut decoder = options.read_info(Cursor::new(encoder.finish())).expect("a GIF");
    let frame = decoder.read_next_frame().expect("a legal frame").expect("one frame");
    assert!(*frame.buffer == *timeline.rgba(timeline.whole(), 1));
}

fn png(area: Area, scale: usize, rgba: &[u8]) -> Vec<u8> {
    let mut out = vec![];
    let side = |length: u16| u32::from(length) * scale as u32;
    let mut encoder = png::Encoder::new(&mut out, side(area.width), side(area.height));
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().and_then(|mut writer| writer.write_image_data(rgba)).expect("a PNG");
    out
}

#[test]
fn an_animated_png_decodes_to_every_frame() {
    let scale = 2;
    let mut timeline = timeline(&past(&mut Rng::new([4; 32]), 500, 5000), 1_000_000);
    let film = Film { from: 0, to: timeline.len(), frames: 30, per_second: 10 };
    let (mut assembler, mut wanted) = (ApngAssembler::default(), vec![]);
    frames(&mut timeline, film, |timeline, area, frame| {
        let still = png(area, scale, &timeline.rgba(area, scale));
        let at = (u32::from(area.x) * 2, u32::from(area.y) * 2);
        assembler.push(&still, at, film.milliseconds(frame)).expect("a frame");
        wanted.push(timeline.rgba(timeline.whole(), scale));
    });
    let file = assembler.finish().expect("frames");
    let mut reader = png::Decoder::new(Cursor::new(file)).read_info().expect("a PNG");
    let control = *reader.info().animation_control().expect("an animation");
    assert_eq!((control.num_frames, control.num_plays), (30, 0));
    let width = 37 * scale;
    let mut shown = vec![0; width * 21 * scale * 4];
    for wanted in wanted {
        let mut buffer = vec![0; reader.output_buffer_size().expect("a small picture")];
        let info = reader.next_frame(&mut buffer).expect("a legal frame");
        let frame = *reader.info().frame_control().expect("a frame's control");
        assert_eq!((info.width, info.height), (frame.width, frame.height));
        assert_eq!(frame.blend_op, png::BlendOp::Source);
        for (row, line) in buffer[..info.buffer_size()].chunks_exact(frame.width as usize * 4).enumerate() {
            let at = ((frame.y_offset as usize + row) * width + frame.x_offset as usize) * 4;
            shown[at..at + line.len()].copy_from_slice(line);
        }
        assert!(shown == wanted);
    }
}

#[test]
fn what_cannot_be_a_frame_is_refused() {
    let area = Area { x: 0, y: 0, width: 2, height: 2 };
    let still = png(area, 1, &[9; 16]);
    let mut assembler = ApngAssembler::default();
    assert_eq!(assembler.push(b"GIF89a", (0, 0), 9), Err(ApngError::NotPng));
    assert_eq!(assembler.push(&still[..still.len() - 5], (0, 0), 9), Err(ApngError::NotPng));
    assembler.push(&still, (0, 0), 9).expect("a frame");
    let outside = ApngError::Outside { x: 1, y: u32::MAX, width: 2, height: 2 };
    assert_eq!(assembler.push(&still, (1, u32::MAX), 9), Err(outside));
    assert_eq!(ApngAssembler::default().finish(), Err(ApngError::Empty));
}
