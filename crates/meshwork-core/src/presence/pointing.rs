//! What is said about a cursor, and its bytes: docs/protocol/presence.md.

use crate::crdt::canvas::{CanvasSize, Colour};

/// Steps in a cell's edge: places are given in sixteenths, so that a canvas of 4096 fits 16 bits.
pub const STEPS: u16 = 16;
/// Bytes of a datagram after its kind.
const LENGTH: usize = 17;
const POINTS: u8 = 1;
const DRAWS: u8 = 2;

/// A cursor on the canvas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pointer {
    /// Column, in sixteenths of a cell from the left edge.
    pub x: u16,
    /// Row, in sixteenths of a cell from the top edge.
    pub y: u16,
    /// Whether it is painting.
    pub is_drawing: bool,
    /// The colour in hand.
    pub colour: Colour,
}

impl Pointer {
    /// A cursor at a place in cells, brought onto a canvas of `size`.
    pub fn new(size: CanvasSize, (x, y): (f64, f64), is_drawing: bool, colour: Colour) -> Pointer {
        let step = |at: f64, cells: u16| {
            let most = u32::from(cells.max(1)) * u32::from(STEPS) - 1;
            // A float becomes an integer by saturation, and what is no number becomes 0.
            let step = (at * f64::from(STEPS)) as u32;
            u16::try_from(step.min(most)).unwrap_or(u16::MAX)
        };
        Pointer { x: step(x, size.width), y: step(y, size.height), is_drawing, colour }
    }

    /// The place in cells, with its fraction.
    pub fn place(&self) -> (f64, f64) {
        (f64::from(self.x) / f64::from(STEPS), f64::from(self.y) / f64::from(STEPS))
    }

    /// Whether it is on a canvas of `size`.
    pub fn is_on(&self, size: CanvasSize) -> bool {
        self.x / STEPS < size.width && self.y / STEPS < size.height
    }
}

/// One datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pointing {
    /// The sender's number for the room on this link.
    pub room: u32,
    /// Grows with each change of the sender's cursor in this room, from 1.
    pub sequence: u32,
    /// The cursor; `None` when it is not on the canvas.
    pub pointer: Option<Pointer>,
}

/// Why a datagram is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PointingError {
    /// It is longer or shorter than it must be.
    #[error("a cursor in {0} bytes instead of 17")]
    Length(usize),
    /// Its colour is none.
    #[error("a cursor in colour {0:#x}")]
    Colour(u32),
}

impl Pointing {
    /// The datagram's kind on the unreliable channel.
    pub const KIND: u8 = 4;

    /// The datagram, its kind included.
    pub fn encode(&self) -> [u8; 1 + LENGTH] {
        let mut bytes = [0; 1 + LENGTH];
        bytes[0] = Pointing::KIND;
        bytes[1..5].copy_from_slice(&self.room.to_be_bytes());
        bytes[5..9].copy_from_slice(&self.sequence.to_be_bytes());
        if let Some(pointer) = &self.pointer {
            bytes[9] = POINTS | if pointer.is_drawing { DRAWS } else { 0 };
            bytes[10..14].copy_from_slice(&pointer.colour.bits().to_be_bytes());
            bytes[14..16].copy_from_slice(&pointer.x.to_be_bytes());
            bytes[16..18].copy_from_slice(&pointer.y.to_be_bytes());
        }
        bytes
    }

    /// Reads what stands after the kind. Flags that this build does not know are passed over.
    ///
    /// # Errors
    /// [`PointingError`]: nothing of it counts.
    pub fn decode(bytes: &[u8]) -> Result<Pointing, PointingError> {
        let wrong = PointingError::Length(bytes.len());
        let bytes = <&[u8; LENGTH]>::try_from(bytes).map_err(|_| wrong)?;
        let word = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let half = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        let flags = bytes[8];
        let pointer = if flags & POINTS == 0 {
            None
        } else {
            let colour = Colour::from_bits(word(9)).ok_or(PointingError::Colour(word(9)))?;
            Some(Pointer { x: half(13), y: half(15), is_drawing: flags & DRAWS != 0, colour })
        };
        Ok(Pointing { room: word(0), sequence: word(4), pointer })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    const SIZE: CanvasSize = CanvasSize { width: 4096, height: 70 };

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| alloc::format!("{byte:02x}")).collect()
    }

    /// docs/protocol/presence.md shows these bytes.
    #[test]
    fn golden_datagrams() {
        let pointer = Pointer::new(SIZE, (12.5, 40.25), true, Colour::rgb(0xe6, 0x19, 0x4b));
        let there = Pointing { room: 3, sequence: 300, pointer: Some(pointer) };
        assert_eq!(hex(&there.encode()), "04000000030000012c0300e6194b00c80284");
        let away = Pointing { room: 3, sequence: 301, pointer: None };
        assert_eq!(hex(&away.encode()), "04000000030000012d000000000000000000");
        for pointing in [there, away] {
            assert_eq!(Pointing::decode(&pointing.encode()[1..]), Ok(pointing));
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        assert_eq!(Pointing::decode(&[]), Err(PointingError::Length(0)));
        assert_eq!(Pointing::decode(&[0; 18]), Err(PointingError::Length(18)));
        let mut bytes = [0xff; LENGTH];
        assert_eq!(Pointing::decode(&bytes), Err(PointingError::Colour(u32::MAX)));
        bytes[9..13].copy_from_slice(&[0, 1, 2, 3]);
        let read = Pointing::decode(&bytes).expect("flags may be added").pointer.expect("it points");
        assert!(!read.is_on(SIZE), "row 4095 of 70");
    }

    #[test]
    fn places_are_brought_onto_the_canvas() {
        let at = |x, y| Pointer::new(SIZE, (x, y), false, Colour::CLEARED).place();
        assert_eq!(at(-3.0, 1e9), (0.0, 70.0 - 1.0 / 16.0));
        assert_eq!(at(f64::NAN, 12.03), (0.0, 12.0));
        assert_eq!(at(4096.0, 12.5), (4096.0 - 1.0 / 16.0, 12.5));
    }
}
