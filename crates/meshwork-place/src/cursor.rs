//! Where somebody points on the canvas, and its bytes: docs/protocol/lanes.md.

use crate::canvas::{CanvasSize, Colour};

/// Steps in a cell's edge: places are given in sixteenths, so that a canvas of 4096 fits 16 bits.
pub const STEPS: u16 = 16;
const DRAWS: u8 = 1;
/// Bytes of a cursor.
const LENGTH: usize = 9;

/// A cursor on the canvas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Column, in sixteenths of a cell from the left edge.
    pub x: u16,
    /// Row, in sixteenths of a cell from the top edge.
    pub y: u16,
    /// Whether it is painting.
    pub is_drawing: bool,
    /// The colour in hand.
    pub colour: Colour,
}

impl Cursor {
    /// A cursor at a place in cells, brought onto a canvas of `size`.
    pub fn new(size: CanvasSize, (x, y): (f64, f64), is_drawing: bool, colour: Colour) -> Cursor {
        let step = |at: f64, cells: u16| {
            let most = u32::from(cells.max(1)) * u32::from(STEPS) - 1;
            // A float becomes an integer by saturation, and what is no number becomes 0.
            let step = (at * f64::from(STEPS)) as u32;
            u16::try_from(step.min(most)).unwrap_or(u16::MAX)
        };
        Cursor { x: step(x, size.width), y: step(y, size.height), is_drawing, colour }
    }

    /// The place in cells, with its fraction.
    pub fn place(&self) -> (f64, f64) {
        (f64::from(self.x) / f64::from(STEPS), f64::from(self.y) / f64::from(STEPS))
    }

    /// Whether it is on a canvas of `size`.
    pub fn is_on(&self, size: CanvasSize) -> bool {
        self.x / STEPS < size.width && self.y / STEPS < size.height
    }

    /// What an endpoint with this cursor says of itself.
    pub fn state(&self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        bytes[0] = if self.is_drawing { DRAWS } else { 0 };
        bytes[1..5].copy_from_slice(&self.colour.bits().to_be_bytes());
        bytes[5..7].copy_from_slice(&self.x.to_be_bytes());
        bytes[7..9].copy_from_slice(&self.y.to_be_bytes());
        bytes
    }

    /// Reads what an endpoint says of itself; `None` where that is no cursor. Flags that this build does not know are
    /// passed over.
    pub fn read(state: &[u8]) -> Option<Cursor> {
        let bytes = <&[u8; LENGTH]>::try_from(state).ok()?;
        let half = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        let colour = Colour::from_bits(u32::from_be_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]))?;
        Some(Cursor { x: half(5), y: half(7), is_drawing: bytes[0] & DRAWS != 0, colour })
    }
}

#[cfg(test)]
mod tests {
    use meshwork_core::lanes::{Said, Unreliable};
    use meshwork_core::seam::lane::Slot;
    use meshwork_core::wire::Bytes;

    use super::*;

    const SIZE: CanvasSize = CanvasSize { width: 4096, height: 70 };

    /// docs/protocol/lanes.md shows these bytes.
    #[test]
    fn golden_datagrams() {
        let page = include_str!("../../../docs/protocol/lanes.md");
        let cursor = Cursor::new(SIZE, (12.5, 40.25), true, Colour::rgb(0xe6, 0x19, 0x4b));
        for (sequence, state) in [(300, &cursor.state()[..]), (301, &[])] {
            let state = Bytes::new(state.to_vec()).expect("short");
            let said = Unreliable::Presence(Said { room: 3, slot: Slot::GENESIS, sequence, state });
            let bytes: Vec<String> = said.encode().0.iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(page.contains(&format!("`{}`", bytes.join(" "))), "{bytes:?}");
        }
        assert_eq!(Cursor::read(&cursor.state()), Some(cursor));
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        assert_eq!(Cursor::read(&[0xff; LENGTH]), None, "no such colour");
        let state = [0xff, 0, 1, 2, 3, 0xff, 0xff, 0xff, 0xff];
        let read = Cursor::read(&state).expect("flags may be added");
        assert!(!read.is_on(SIZE), "row 4095 of 70");
        assert_eq!(Cursor::read(&state[1..]), None, "too short");
    }

    #[test]
    fn places_are_brought_onto_the_canvas() {
        let at = |x, y| Cursor::new(SIZE, (x, y), false, Colour::CLEARED).place();
        assert_eq!(at(-3.0, 1e9), (0.0, 70.0 - 1.0 / 16.0));
        assert_eq!(at(f64::NAN, 12.03), (0.0, 12.0));
        assert_eq!(at(4096.0, 12.5), (4096.0 - 1.0 / 16.0, 12.5));
    }
}
