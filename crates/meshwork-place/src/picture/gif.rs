//! Moving pictures as GIF (GIF89a, CompuServe 1990): a palette, and for each frame what changed.
//!
//! A GIF has at most 256 colours and no half of anything: cells that show nothing are white in it, and where more
//! colours were painted than fit, each becomes the nearest of a cube of 252.

use std::borrow::Cow;

use gif::{DisposalMethod, Encoder, Frame, Repeat};

use super::timeline::{Area, Timeline};

/// Colours beside the white of what shows nothing.
pub const COLOURS_MAX: usize = 255;
/// Steps of red, green and blue where there are more: eyes tell greens apart best.
const STEPS: [usize; 3] = [6, 7, 6];
/// Shortest time that every program shows a frame for, in hundredths of a second.
const DELAY_LEAST: u16 = 2;
/// Nothing is written but to memory, in the sizes that it says.
const FITS: &str = "memory takes what is written, and a frame has as many pixels as it says";

/// Writes one GIF.
pub struct GifEncoder {
    encoder: Encoder<Vec<u8>>,
    palette: Palette,
    scale: usize,
}

enum Palette {
    /// Sorted.
    Exact(Vec<[u8; 3]>),
    Cube,
}

impl GifEncoder {
    /// A GIF of this timeline, `scale` pixels a cell each way; its sides are at most 65,535 pixels, which is for the
    /// caller to see to.
    pub fn new(timeline: &Timeline, scale: usize) -> GifEncoder {
        let palette = timeline.colours(COLOURS_MAX).map_or(Palette::Cube, Palette::Exact);
        let colours = palette.colours().concat();
        let size = timeline.size();
        let side = |cells: u16| (usize::from(cells) * scale) as u16;
        let mut encoder =
            Encoder::new(Vec::new(), side(size.width), side(size.height), &colours).expect(FITS);
        encoder.set_repeat(Repeat::Infinite).expect(FITS);
        GifEncoder { encoder, palette, scale }
    }

    /// Whether every colour is as it was painted.
    pub fn is_exact(&self) -> bool {
        matches!(self.palette, Palette::Exact(_))
    }

    /// Adds what an area shows at the timeline's moment, for so many hundredths of a second.
    pub fn push(&mut self, timeline: &Timeline, area: Area, hundredths: u16) {
        let mut row = Vec::with_capacity(usize::from(area.width) * self.scale);
        let mut pixels = Vec::with_capacity(row.capacity() * usize::from(area.height) * self.scale);
        for y in area.y..area.y + area.height {
            row.clear();
            for x in area.x..area.x + area.width {
                let index = timeline.colour(x, y).map_or(0, |colour| self.palette.index(colour));
                row.resize(row.len() + self.scale, index);
            }
            (0..self.scale).for_each(|_| pixels.extend_from_slice(&row));
        }
        let side = |cells: u16| (usize::from(cells) * self.scale) as u16;
        let frame = Frame {
            delay: hundredths.max(DELAY_LEAST),
            // What was there before stays beneath.
            dispose: DisposalMethod::Keep,
            left: side(area.x),
            top: side(area.y),
            width: side(area.width),
            height: side(area.height),
            buffer: Cow::Owned(pixels),
            ..Frame::default()
        };
        self.encoder.write_frame(&frame).expect(FITS);
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.encoder.get_ref().len()
    }

    /// Whether there is nothing, which is never so.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The whole file.
    pub fn finish(self) -> Vec<u8> {
        self.encoder.into_inner().expect(FITS)
    }
}

impl Palette {
    /// White first.
    fn colours(&self) -> Vec<[u8; 3]> {
        let mut colours = vec![[255; 3]];
        match self {
            Palette::Exact(exact) => colours.extend(exact),
            Palette::Cube => {
                let [reds, greens, blues] = STEPS;
                let cube = (0..reds * greens * blues).map(|index| {
                    let level = |step: usize, steps: usize| (step * 255 / (steps - 1)) as u8;
                    let (red, rest) = (index / (greens * blues), index % (greens * blues));
                    [level(red, reds), level(rest / blues, greens), level(rest % blues, blues)]
                });
                colours.extend(cube);
            }
        }
        colours
    }

    fn index(&self, colour: [u8; 3]) -> u8 {
        let index = match self {
            Palette::Exact(exact) => exact.binary_search(&colour).unwrap_or(0),
            Palette::Cube => {
                let step = |part: usize| (usize::from(colour[part]) * (STEPS[part] - 1) + 127) / 255;
                (step(0) * STEPS[1] + step(1)) * STEPS[2] + step(2)
            }
        };
        (index + 1) as u8
    }
}
