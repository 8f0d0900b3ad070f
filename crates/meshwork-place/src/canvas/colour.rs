//! What a cell can be painted with.

use meshwork_core::replica::Changes;

/// A 24-bit colour (`0xRRGGBB`) or nothing again. Ordered as a number; [`Colour::CLEARED`] is the greatest.
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
        (self != Colour::CLEARED).then_some([(self.0 >> 16) as u8, (self.0 >> 8) as u8, self.0 as u8])
    }

    /// The number behind it: `0xRRGGBB`, or `0x1000000` when cleared.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The colour with this number; `None` above `0x1000000`.
    pub fn from_bits(bits: u32) -> Option<Colour> {
        (bits <= Colour::CLEARED.0).then_some(Colour(bits))
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

impl Painted {
    /// The cells that look different, where these are changes of a canvas.
    pub fn of(changes: &Changes) -> &[Painted] {
        changes.of()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_colours_match() {
        assert_eq!(Colour::from_bits(0xe6_19_4b), Some(Colour::rgb(0xe6, 0x19, 0x4b)));
        assert_eq!(Colour::from_bits(0x0100_0000), Some(Colour::CLEARED));
        assert_eq!(Colour::from_bits(0x0100_0001), None);
        assert_eq!(Colour::rgb(1, 2, 3).components(), Some([1, 2, 3]));
        assert_eq!(Colour::CLEARED.components(), None);
    }
}
