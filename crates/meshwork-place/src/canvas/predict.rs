//! Colours of pictures: each cell's colour as its difference from what its neighbours let expect.
//!
//! A camera's neighbours are alike, so differences are small and take few bits: the median edge detector and adaptive
//! Rice codes of JPEG-LS (ITU-T T.87, A.4 and A.5), on green and the differences of red and blue from it.

use super::bits::{BitReader, BitWriter};
use super::colour::Colour;
use super::size::TILE_SIDE;
use super::strokes::{StrokesError, TileCell};

/// Differences whose quotient would take more zeros than this are written out: no code is longer than 29 bits.
const QUOTIENT_MAX: u32 = 20;
/// Width of a difference that is written out.
const DIFFERENCE: u32 = 8;
/// Greatest difference as it is mapped to numbers from 0: 0, -1, 1, -2, 2 and so on.
const MAPPED_MAX: u32 = (1 << DIFFERENCE) - 1;
/// Green, red less green, blue less green.
const PLANES: usize = 3;
/// How lively the neighbourhood is: not known, or in four steps.
const LIVELINESS: usize = 5;
/// Values after which a context begins to forget the older ones.
const FORGET_AFTER: u32 = 64;
/// Places that are remembered: more than a row of a tile and one cell.
const REMEMBERED: usize = 128;

/// Bits that [`write`] takes; `None` when a cell is cleared, which has no colour to predict.
pub(super) fn bits(cells: &[TileCell]) -> Option<usize> {
    let mut bits = 0;
    code(cells, |_, width| bits += width as usize)?;
    Some(bits)
}

/// Writes the colours of cells, none of which is cleared.
pub(super) fn write(writer: &mut BitWriter, cells: &[TileCell]) {
    let written = code(cells, |value, width| writer.put(value, width));
    debug_assert!(written.is_some(), "only what can be predicted is written so");
}

/// Reads the colours of cells whose indices are known.
///
/// # Errors
/// [`StrokesError::BreaksOff`] or [`StrokesError::Difference`].
pub(super) fn read(reader: &mut BitReader<'_>, cells: &mut [TileCell]) -> Result<(), StrokesError> {
    let mut model = Model::new();
    for cell in cells {
        let (expected, lively) = model.expect(cell.index);
        let mut planes = [0; PLANES];
        for (plane, value) in planes.iter_mut().enumerate() {
            let context = &mut model.contexts[plane][lively];
            let parameter = context.parameter();
            let mapped = read_mapped(reader, parameter).ok_or(StrokesError::BreaksOff)?;
            // Beyond eight bits nobody writes it, and parameters would grow without end.
            if mapped > MAPPED_MAX {
                return Err(StrokesError::Difference(mapped));
            }
            let half = (mapped >> 1) as i32;
            let difference = if mapped & 1 == 0 { half } else { -half - 1 };
            context.note(difference);
            *value = expected[plane] + difference;
        }
        // What the bits say beyond a component's eight bits is dropped, as the writer dropped it.
        let green = planes[0] & 0xff;
        let [red, blue] = [planes[1] + green, planes[2] + green].map(|component| component & 0xff);
        cell.colour = Colour::rgb(red as u8, green as u8, blue as u8);
        model.remember(cell.index, [green, red - green, blue - green]);
    }
    Ok(())
}

fn read_mapped(reader: &mut BitReader<'_>, parameter: u32) -> Option<u32> {
    let quotient = reader.take_unary(QUOTIENT_MAX)?;
    if quotient == QUOTIENT_MAX {
        return reader.take(DIFFERENCE).map(|mapped| mapped as u32);
    }
    Some((quotient << parameter) + reader.take(parameter)? as u32)
}

/// Hands each field of the colours to `put`, as value and width.
fn code(cells: &[TileCell], mut put: impl FnMut(u64, u32)) -> Option<()> {
    let mut model = Model::new();
    for cell in cells {
        let [red, green, blue] = cell.colour.components()?.map(i32::from);
        let planes = [green, red - green, blue - green];
        let (expected, lively) = model.expect(cell.index);
        for plane in 0..PLANES {
            let difference = i32::from((planes[plane] - expected[plane]) as i8);
            let mapped = if difference >= 0 { 2 * difference } else { -2 * difference - 1 } as u32;
            let context = &mut model.contexts[plane][lively];
            let parameter = context.parameter();
            let quotient = mapped >> parameter;
            if quotient < QUOTIENT_MAX {
                put(1 << quotient, quotient + 1);
                put(u64::from(mapped & ((1 << parameter) - 1)), parameter);
            } else {
                put(1 << QUOTIENT_MAX, QUOTIENT_MAX + 1);
                put(u64::from(mapped), DIFFERENCE);
            }
            context.note(difference);
        }
        model.remember(cell.index, planes);
    }
    Some(())
}

/// What is known of the cells before.
struct Model {
    contexts: [[Context; LIVELINESS]; PLANES],
    /// The last cells by their index modulo the length; an index that no cell has where there was none.
    near: [(u16, [i16; PLANES]); REMEMBERED],
    last: [i32; PLANES],
}

impl Model {
    fn new() -> Model {
        let contexts = [[Context { sum: 4, count: 1 }; LIVELINESS]; PLANES];
        Model { contexts, near: [(u16::MAX, [0; PLANES]); REMEMBERED], last: [0; PLANES] }
    }

    /// What the neighbours let expect, and how lively they are.
    fn expect(&self, index: u16) -> ([i32; PLANES], usize) {
        let is_first = index.is_multiple_of(TILE_SIDE);
        let left = if is_first { None } else { self.at(index.checked_sub(1)) };
        let above = self.at(index.checked_sub(TILE_SIDE));
        let corner = if is_first { None } else { self.at(index.checked_sub(TILE_SIDE + 1)) };
        let (Some(left), Some(above), Some(corner)) = (left, above, corner) else {
            return (left.or(above).unwrap_or(self.last), 0);
        };
        let mut expected = [0; PLANES];
        for plane in 0..PLANES {
            let (left, above, corner) = (left[plane], above[plane], corner[plane]);
            let (least, most) = (left.min(above), left.max(above));
            expected[plane] = (left + above - corner).clamp(least, most);
        }
        let lively = (left[0] - corner[0]).abs() + (above[0] - corner[0]).abs();
        let step = match lively {
            0..=3 => 1,
            4..=8 => 2,
            9..=20 => 3,
            _ => 4,
        };
        (expected, step)
    }

    fn at(&self, index: Option<u16>) -> Option<[i32; PLANES]> {
        let index = index?;
        let (there, planes) = self.near[usize::from(index) % REMEMBERED];
        (there == index).then(|| planes.map(i32::from))
    }

    fn remember(&mut self, index: u16, planes: [i32; PLANES]) {
        self.near[usize::from(index) % REMEMBERED] = (index, planes.map(|plane| plane as i16));
        self.last = planes;
    }
}

/// How large differences were in one plane at one liveliness.
#[derive(Clone, Copy)]
struct Context {
    sum: u32,
    count: u32,
}

impl Context {
    /// The least parameter by which the mean so far is at most one: below 8, since no difference is above 128.
    fn parameter(self) -> u32 {
        let mut parameter = 0;
        while self.count << parameter < self.sum {
            parameter += 1;
        }
        parameter
    }

    fn note(&mut self, difference: i32) {
        self.sum += difference.unsigned_abs();
        self.count += 1;
        if self.count == FORGET_AFTER {
            self.sum /= 2;
            self.count /= 2;
        }
    }
}
