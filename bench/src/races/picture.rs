//! A picture as a camera might have taken it: a landscape of fractal noise with hard edges and grain, from a seed.
//!
//! As a PNG it takes about 1.4 bytes a cell, as photographs of this size do.

use meshwork_core::rng::Rng;
use meshwork_place::canvas::{CanvasSize, Colour};

use super::paintings::Cell;

/// The twelve colours that Place offers.
const PALETTE: [u32; 12] = [
    0x000000, 0x7f7f7f, 0xffffff, 0xe6194b, 0xf58231, 0xffe119, 0xbfef45, 0x3cb44b, 0x42d4f4, 0x4363d8,
    0x911eb4, 0xf032e6,
];

/// All cells of the picture, row by row: sky over two ranges of hills over water, in full colour.
pub(crate) fn landscape(size: CanvasSize) -> Vec<Cell> {
    let mut rng = Rng::new([11; 32]);
    let (width, height) = (usize::from(size.width), usize::from(size.height));
    let light = Noise::new(
        &mut rng,
        &[(256, 28.0), (128, 16.0), (64, 10.0), (32, 7.0), (16, 5.0), (8, 4.0), (4, 3.0), (2, 2.0)],
    );
    let warmth = Noise::new(&mut rng, &[(256, 18.0), (64, 7.0), (16, 3.0), (4, 1.5)]);
    let ridge = Noise::new(&mut rng, &[(256, 0.10), (128, 0.05), (32, 0.02), (8, 0.008)]);
    let mut cells = Vec::with_capacity(width * height);
    for y in 0..height {
        let depth = y as f64 / height as f64;
        for x in 0..width {
            let far = 0.42 + ridge.at(x, 0);
            let near = 0.58 + ridge.at(x, 500);
            // What stands there: its colour, and how much of the noise shows on it.
            let (base, relief) = if depth < far {
                ([110.0 + 70.0 * depth, 150.0 + 60.0 * depth, 225.0], 0.35)
            } else if depth < near {
                ([92.0, 112.0, 120.0], 0.7)
            } else if depth < 0.8 {
                ([70.0, 96.0, 48.0], 1.3)
            } else {
                ([48.0, 84.0, 110.0], 0.5)
            };
            let light = light.at(x, y) * relief;
            let warmth = warmth.at(x, y) * relief;
            // The grain of a sensor: the same for all three, and a little for each.
            let all = rng.below(5) as f64 - 2.0;
            let mut channel = |base: f64, tint: f64| {
                let own = rng.below(3) as f64 - 1.0;
                (base + light + warmth * tint + all + own).clamp(0.0, 255.0) as u8
            };
            let colour = Colour::rgb(channel(base[0], 1.0), channel(base[1], 0.2), channel(base[2], -0.8));
            cells.push((x as u16, y as u16, colour));
        }
    }
    cells
}

/// The same in the twelve colours of Place, each cell in the nearest.
pub(crate) fn in_twelve_colours(cells: &[Cell]) -> Vec<Cell> {
    let palette = PALETTE.map(|bits| Colour::from_bits(bits).expect("24 bits are a colour"));
    let parts = |colour: Colour| colour.components().unwrap_or([255; 3]).map(i32::from);
    let nearest = |colour: Colour| {
        let of = parts(colour);
        let distance =
            |other: &Colour| of.iter().zip(parts(*other)).map(|(one, two)| (one - two).pow(2)).sum::<i32>();
        palette.into_iter().min_by_key(distance).unwrap_or(colour)
    };
    cells.iter().map(|&(x, y, colour)| (x, y, nearest(colour))).collect()
}

/// Random values on lattices of several widths, smoothly joined and summed.
struct Noise(Vec<Octave>);

struct Octave {
    step: usize,
    amplitude: f64,
    values: Vec<f64>,
}

/// Lattice points along a side; the pattern repeats beyond.
const LATTICE: usize = 512;

impl Noise {
    fn new(rng: &mut Rng, octaves: &[(usize, f64)]) -> Noise {
        let octave = |&(step, amplitude): &(usize, f64)| {
            let values = (0..LATTICE * LATTICE).map(|_| rng.below(2001) as f64 / 1000.0 - 1.0).collect();
            Octave { step, amplitude, values }
        };
        Noise(octaves.iter().map(octave).collect())
    }

    fn at(&self, x: usize, y: usize) -> f64 {
        self.0.iter().map(|octave| octave.at(x, y)).sum()
    }
}

impl Octave {
    fn at(&self, x: usize, y: usize) -> f64 {
        let smooth = |part: usize| {
            let part = part as f64 / self.step as f64;
            part * part * (3.0 - 2.0 * part)
        };
        let value = |x: usize, y: usize| self.values[y % LATTICE * LATTICE + x % LATTICE];
        let (left, top) = (x / self.step, y / self.step);
        let (across, down) = (smooth(x % self.step), smooth(y % self.step));
        let upper = value(left, top) * (1.0 - across) + value(left + 1, top) * across;
        let lower = value(left, top + 1) * (1.0 - across) + value(left + 1, top + 1) * across;
        (upper * (1.0 - down) + lower * down) * self.amplitude
    }
}
