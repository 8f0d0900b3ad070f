//! The shared canvas.

use core::fmt;

use crate::id::PeerId;

/// Width and height of a canvas in cells, each 1 to 4096.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CanvasSize {
    /// Cells in a row.
    pub width: u16,
    /// Cells in a column.
    pub height: u16,
}

impl fmt::Display for CanvasSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// What a cell can be painted with: a 24-bit colour (`0xRRGGBB`) or nothing again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Colour(u32);

impl Colour {
    /// A cell that was painted and wiped again; shown like one never painted.
    pub const CLEARED: Colour = Colour(0x0100_0000);

    /// An opaque colour of its three components.
    pub const fn rgb(red: u8, green: u8, blue: u8) -> Colour {
        Colour((red as u32) << 16 | (green as u32) << 8 | blue as u32)
    }

    /// The components red, green, blue; `None` when cleared.
    pub fn components(self) -> Option<[u8; 3]> {
        (self != Colour::CLEARED).then(|| [(self.0 >> 16) as u8, (self.0 >> 8) as u8, self.0 as u8])
    }
}

/// A cell with its new colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Painted {
    /// Column, from 0 at the left.
    pub x: u16,
    /// Row, from 0 at the top.
    pub y: u16,
    /// What it shows.
    pub colour: Colour,
}

/// A last-writer-wins canvas.
pub struct Canvas;

#[allow(unused_variables, missing_docs)]
impl Canvas {
    pub fn size(&self) -> CanvasSize { todo!() }
    /// The winning colour of a cell; `None` where nobody ever painted or out of range.
    pub fn colour(&self, x: u16, y: u16) -> Option<Colour> { todo!() }
    /// Who painted the winning colour.
    pub fn author(&self, x: u16, y: u16) -> Option<PeerId> { todo!() }
    /// How many cells show a colour.
    pub fn painted(&self) -> usize { todo!() }
    /// Row by row, four bytes a cell: red, green, blue, alpha (0 where nothing shows).
    pub fn to_rgba(&self) -> alloc::vec::Vec<u8> { todo!() }
    /// blake3 over the verified, due cells: equal if and only if the canvases are.
    pub fn digest(&self) -> [u8; 32] { todo!() }
}
