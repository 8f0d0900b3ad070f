//! The Mandelbrot set in tiles: unit n is the n-th tile of a picture, 64 by 64 pixels of RGBA, row by row.
//!
//! Parameters, all optional: `columns` and `rows` of tiles (8 by 8), the middle `x`, `y` (-0.6, 0) and the `width` of the picture
//! (3.2) in the plane, and `iterations` (500, at most 100,000).
//!
//! The module has no imports and uses no function of floats that differs from device to device. `mandelbrot.wasm` is built by
//! `cargo build --release --target wasm32-unknown-unknown` here.

use std::cell::UnsafeCell;

/// Pixels of a tile's side.
const SIDE: usize = 64;
/// Most bytes of parameters are 16 KiB.
const INPUT: usize = 17 << 10;
/// Colours of the picture from the edge of the set outwards: dark blue, blue, white, orange, brown.
const COLOURS: [[f64; 3]; 5] =
    [[0.0, 7.0, 100.0], [32.0, 107.0, 203.0], [237.0, 255.0, 255.0], [255.0, 170.0, 0.0], [48.0, 2.0, 12.0]];
/// Steps of the iteration from one colour to the next.
const STEPS: f64 = 12.0;

/// The host's bytes and the tile.
struct Memory {
    input: UnsafeCell<[u8; INPUT]>,
    tile: UnsafeCell<[u8; SIDE * SIDE * 4]>,
}

// SAFETY: a module without threads has one.
unsafe impl Sync for Memory {}

static MEMORY: Memory =
    Memory { input: UnsafeCell::new([0; INPUT]), tile: UnsafeCell::new([0; SIDE * SIDE * 4]) };

/// Makes room for the parameters' length, the parameters and the input.
#[unsafe(no_mangle)]
pub extern "C" fn input(len: u32) -> u32 {
    // SAFETY: the host calls one function at a time, and no reference outlives its call.
    let input = unsafe { &mut *MEMORY.input.get() };
    assert!(len as usize <= INPUT);
    input.as_mut_ptr() as u32
}

/// Renders a tile. The result is its address and length.
#[unsafe(no_mangle)]
pub extern "C" fn unit(n: u32) -> u64 {
    // SAFETY: as in `input`.
    let (input, tile) = unsafe { (&*MEMORY.input.get(), &mut *MEMORY.tile.get()) };
    View::read(params(input)).render(n, tile);
    (tile.as_ptr() as u64) << 32 | tile.len() as u64
}

/// The parameters behind their length as a varint.
fn params(input: &[u8]) -> &[u8] {
    let (mut length, mut at) = (0usize, 0);
    while let Some(byte) = input.get(at) {
        length |= usize::from(byte & 0x7f) << (7 * at);
        at += 1;
        if byte & 0x80 == 0 || at == 4 {
            break;
        }
    }
    input.get(at..).and_then(|rest| rest.get(..length)).unwrap_or_default()
}

/// The part of the plane that the picture shows.
struct View {
    columns: u32,
    rows: u32,
    x: f64,
    y: f64,
    width: f64,
    iterations: u32,
}

impl View {
    fn read(json: &[u8]) -> View {
        let whole = |name, default: f64, most: f64| number(json, name).unwrap_or(default).clamp(1.0, most) as u32;
        View {
            columns: whole("columns", 8.0, 1024.0),
            rows: whole("rows", 8.0, 1024.0),
            x: number(json, "x").unwrap_or(-0.6),
            y: number(json, "y").unwrap_or(0.0),
            width: number(json, "width").unwrap_or(3.2),
            iterations: whole("iterations", 500.0, 100_000.0),
        }
    }

    fn render(&self, n: u32, tile: &mut [u8]) {
        let (left, top) = ((n % self.columns) as usize * SIDE, (n / self.columns) as usize * SIDE);
        let pixel = self.width / f64::from(self.columns * SIDE as u32);
        let half = [f64::from(self.columns), f64::from(self.rows)].map(|tiles| tiles * SIDE as f64 / 2.0 - 0.5);
        for (at, rgba) in tile.chunks_exact_mut(4).enumerate() {
            let x = self.x + ((left + at % SIDE) as f64 - half[0]) * pixel;
            let y = self.y + ((top + at / SIDE) as f64 - half[1]) * pixel;
            rgba.copy_from_slice(&colour(self.steps(x, y)));
        }
    }

    /// Steps until the point leaves the circle of radius 2; `None` inside the set.
    fn steps(&self, x: f64, y: f64) -> Option<u32> {
        let (mut a, mut b) = (0.0, 0.0);
        for step in 0..self.iterations {
            let (aa, bb) = (a * a, b * b);
            if aa + bb > 4.0 {
                return Some(step);
            }
            b = 2.0 * a * b + y;
            a = aa - bb + x;
        }
        None
    }
}

fn colour(steps: Option<u32>) -> [u8; 4] {
    let Some(steps) = steps else { return [0, 0, 0, 255] };
    let place = f64::from(steps) / STEPS;
    let (at, part) = (place as usize, place - (place as usize) as f64);
    let (from, to) = (COLOURS[at % COLOURS.len()], COLOURS[(at + 1) % COLOURS.len()]);
    let mix = |channel: usize| (from[channel] + (to[channel] - from[channel]) * part) as u8;
    [mix(0), mix(1), mix(2), 255]
}

/// The number of a field in a flat JSON object.
fn number(json: &[u8], name: &str) -> Option<f64> {
    let named = |at: &usize| {
        let rest = &json[*at..];
        rest.first() == Some(&b'"')
            && rest[1..].starts_with(name.as_bytes())
            && rest.get(1 + name.len()) == Some(&b'"')
    };
    let at = (0..json.len()).find(named)? + name.len() + 2;
    let rest = json[at..].trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    let (negative, mut rest) = match rest.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let (mut value, mut scale) = (digits(&mut rest, 0.0)?, 0);
    if let Some(mut fraction) = rest.strip_prefix(b".") {
        let before = fraction.len();
        value = digits(&mut fraction, value)?;
        scale -= (before - fraction.len()) as i32;
        rest = fraction;
    }
    if let Some(exponent) = rest.strip_prefix(b"e").or_else(|| rest.strip_prefix(b"E")) {
        let (negative, mut exponent) = match exponent.strip_prefix(b"-") {
            Some(exponent) => (true, exponent),
            None => (false, exponent.strip_prefix(b"+").unwrap_or(exponent)),
        };
        let power = digits(&mut exponent, 0.0)? as i32;
        scale += if negative { -power } else { power };
    }
    for _ in 0..scale.unsigned_abs().min(400) {
        value = if scale < 0 { value / 10.0 } else { value * 10.0 };
    }
    value.is_finite().then_some(if negative { -value } else { value })
}

/// Takes digits from the front and appends them to a number. Whole numbers below 2^53 are exact.
fn digits(rest: &mut &[u8], mut value: f64) -> Option<f64> {
    let before = rest.len();
    while let Some((digit @ b'0'..=b'9', behind)) = rest.split_first() {
        value = value * 10.0 + f64::from(digit - b'0');
        *rest = behind;
    }
    (rest.len() < before).then_some(value)
}
