//! Moving pictures as GIF (GIF89a, CompuServe 1990): a palette, and for each frame what changed.
//!
//! A GIF has at most 256 colours and no half of anything: cells that show nothing are white in it, and where more
//! colours were painted than fit, each becomes the nearest of a cube of 252.

use crate::timeline::{Area, Timeline};

/// Colours beside the white of what shows nothing.
pub const COLOURS_MAX: usize = 255;
/// Steps of red, green and blue where there are more: eyes tell greens apart best.
const STEPS: [usize; 3] = [6, 7, 6];
/// Codes are at most 12 bits long (appendix F).
const CODES_MAX: usize = 4096;
/// Slots for known strings: a power of two, twice as many as there are codes.
const SLOTS: usize = 2 * CODES_MAX;
/// Shortest time that every program shows a frame for, in hundredths of a second.
const DELAY_LEAST: u16 = 2;

/// Writes one GIF.
pub struct GifEncoder {
    out: Vec<u8>,
    palette: Palette,
    scale: usize,
    bits: u8,
    slots: Vec<u32>,
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
        let colours = palette.colours();
        let bits = (colours.len().next_power_of_two().trailing_zeros() as u8).clamp(2, 8);
        let size = timeline.size();
        let mut out = Vec::from(*b"GIF89a");
        for side in [size.width, size.height] {
            out.extend(((usize::from(side) * scale) as u16).to_le_bytes());
        }
        out.extend([0xf0 | (bits - 1), 0, 0]);
        colours.iter().for_each(|colour| out.extend(colour));
        out.resize(out.len() + ((1 << bits) - colours.len()) * 3, 0);
        // Begin again for ever.
        out.extend(b"\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0");
        GifEncoder { out, palette, scale, bits, slots: vec![0; SLOTS] }
    }

    /// Whether every colour is as it was painted.
    pub fn is_exact(&self) -> bool {
        matches!(self.palette, Palette::Exact(_))
    }

    /// Adds what an area shows at the timeline's moment, for so many hundredths of a second.
    pub fn push(&mut self, timeline: &Timeline, area: Area, hundredths: u16) {
        // What was there before stays beneath.
        self.out.extend([0x21, 0xf9, 4, 1 << 2]);
        self.out.extend(hundredths.max(DELAY_LEAST).to_le_bytes());
        self.out.extend([0, 0, 0x2c]);
        for length in [area.x, area.y, area.width, area.height] {
            self.out.extend(((usize::from(length) * self.scale) as u16).to_le_bytes());
        }
        self.out.push(0);
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
        self.compress(&pixels);
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether there is nothing, which is never so.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// The whole file.
    pub fn finish(mut self) -> Vec<u8> {
        self.out.push(0x3b);
        self.out
    }

    /// Lempel, Ziv and Welch's coding with codes that grow, in blocks of 255 bytes (appendix F).
    fn compress(&mut self, pixels: &[u8]) {
        let clear = 1_u16 << self.bits;
        let mut bits = Bits { out: &mut self.out, block: Vec::with_capacity(255), waiting: 0, count: 0 };
        bits.out.push(self.bits);
        let (mut next, mut width) = (clear + 2, u32::from(self.bits) + 1);
        self.slots.fill(0);
        bits.put(clear, width);
        let mut pixels = pixels.iter().copied();
        let Some(first) = pixels.next() else { return };
        let mut prefix = u16::from(first);
        for pixel in pixels {
            let key = u32::from(prefix) << 8 | u32::from(pixel);
            let mut slot = key.wrapping_mul(0x9e37_79b1) as usize >> 16 & (SLOTS - 1);
            // A slot holds a string above its code, which is never 0.
            while self.slots[slot] != 0 && self.slots[slot] >> 12 != key {
                slot = (slot + 1) & (SLOTS - 1);
            }
            if self.slots[slot] != 0 {
                prefix = (self.slots[slot] & 0xfff) as u16;
                continue;
            }
            bits.put(prefix, width);
            prefix = u16::from(pixel);
            if usize::from(next) == CODES_MAX {
                bits.put(clear, width);
                (next, width) = (clear + 2, u32::from(self.bits) + 1);
                self.slots.fill(0);
                continue;
            }
            self.slots[slot] = key << 12 | u32::from(next);
            if next == 1 << width {
                width += 1;
            }
            next += 1;
        }
        bits.put(prefix, width);
        // The reader's table is one entry behind, and grows by one more before it reads the end.
        if next == 1 << width && width < 12 {
            width += 1;
        }
        bits.put(clear + 1, width);
        bits.end();
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

/// Codes, the lowest bits first, in blocks.
struct Bits<'a> {
    out: &'a mut Vec<u8>,
    block: Vec<u8>,
    waiting: u32,
    count: u32,
}

impl Bits<'_> {
    fn put(&mut self, code: u16, width: u32) {
        self.waiting |= u32::from(code) << self.count;
        self.count += width;
        while self.count >= 8 {
            self.byte();
            self.count -= 8;
        }
    }

    fn byte(&mut self) {
        self.block.push(self.waiting as u8);
        self.waiting >>= 8;
        if self.block.len() == 255 {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if !self.block.is_empty() {
            self.out.push(self.block.len() as u8);
            self.out.append(&mut self.block);
        }
    }

    fn end(mut self) {
        if self.count > 0 {
            self.byte();
        }
        self.flush();
        self.out.push(0);
    }
}
