//! How a person looks: a bead whose colour and shape follow from the PeerId, the same on every screen.

use meshwork_core::id::PeerId;
use meshwork_play::session::Colour;

use crate::texts;

/// Number of bead colours; their values are the custom properties `--bead-0` and on in tokens.css.
pub const COLOURS: u8 = 10;

/// The colours of beads in games, whose pictures know no theme: those of the dark theme.
const PAINTS: [Colour; COLOURS as usize] = [
    Colour([0x4f, 0xc4, 0xb8]),
    Colour([0x7f, 0xb0, 0xf5]),
    Colour([0xb4, 0x9d, 0xf2]),
    Colour([0xe0, 0x8f, 0xd3]),
    Colour([0xf2, 0x8c, 0xa6]),
    Colour([0xf0, 0x9a, 0x7a]),
    Colour([0xc3, 0xcb, 0x5e]),
    Colour([0x7e, 0xcb, 0x8b]),
    Colour([0xa3, 0xba, 0xcb]),
    Colour([0xd0, 0xaa, 0x85]),
];

/// The form of a bead.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// Its outline, as SVG path data in a box of 24 x 24.
    pub path: &'static str,
    /// Where the middle of a letter stands in that box, from the top.
    pub letter_y: f32,
}

/// One's own bead on one's own screen, whatever others see.
pub const ROUND: Shape = Shape { path: "M12 1a11 11 0 1 1 0 22a11 11 0 1 1 0-22z", letter_y: 12.0 };

/// Round, cube, diamond, hexagon, clover, scallop, drop, triangle.
pub const SHAPES: [Shape; 8] = [
    ROUND,
    Shape { path: "M7 2h10a5 5 0 0 1 5 5v10a5 5 0 0 1-5 5H7a5 5 0 0 1-5-5V7a5 5 0 0 1 5-5z", letter_y: 12.0 },
    Shape {
        path: "M10 1.6a2.8 2.8 0 0 1 4 0l8.4 8.4a2.8 2.8 0 0 1 0 4L14 22.4a2.8 2.8 0 0 1-4 0L1.6 14a2.8 2.8 0 0 \
               1 0-4z",
        letter_y: 12.0,
    },
    Shape {
        path: "M6.9 2.2h10.2q1 0 1.5.9l4.2 7.9q.5 1 0 2l-4.2 7.9q-.5.9-1.5.9H6.9q-1 0-1.5-.9L1.2 13q-.5-1 0-2l\
               4.2-7.9q.5-.9 1.5-.9z",
        letter_y: 12.0,
    },
    Shape {
        path: "M12 2.9A6.5 6.5 0 0 1 21.1 12A6.5 6.5 0 0 1 12 21.1A6.5 6.5 0 0 1 2.9 12A6.5 6.5 0 0 1 12 2.9z",
        letter_y: 12.0,
    },
    Shape {
        path: "M21.6 12A4 4 0 0 1 18.8 18.8A4 4 0 0 1 12 21.6A4 4 0 0 1 5.2 18.8A4 4 0 0 1 2.4 12A4 4 0 0 1 5.2 \
               5.2A4 4 0 0 1 12 2.4A4 4 0 0 1 18.8 5.2A4 4 0 0 1 21.6 12z",
        letter_y: 12.0,
    },
    Shape { path: "M12 1C16 5 21.4 9 21.4 14.2a9.4 9.4 0 0 1-18.8 0C2.6 9 8 5 12 1z", letter_y: 13.6 },
    Shape {
        path: "M9.9 2.7a2.4 2.4 0 0 1 4.2 0l8.8 15.6a2.4 2.4 0 0 1-2.1 3.6H3.2a2.4 2.4 0 0 1-2.1-3.6z",
        letter_y: 14.6,
    },
];

/// Which of the [`COLOURS`] a peer has.
pub fn colour(peer: &PeerId) -> u8 {
    peer.0[0] % COLOURS
}

/// The colour for which a peer asks in a game, so that a game and the names of beads agree.
pub fn paint(peer: &PeerId) -> Colour {
    PAINTS[usize::from(colour(peer))]
}

/// Which shape a peer has.
pub fn shape(peer: &PeerId) -> Shape {
    SHAPES[shape_number(peer)]
}

fn shape_number(peer: &PeerId) -> usize {
    usize::from(peer.0[1]) % SHAPES.len()
}

/// What a person is called who has not said a name: by their bead, "Teal hexagon".
pub fn name(peer: &PeerId) -> String {
    texts::people::bead(colour(peer), shape_number(peer))
}

/// The letter on a bead: the first letter or digit of what the person is called.
pub fn letter(called: &str) -> Option<char> {
    let first = called.chars().find(|character| character.is_alphanumeric())?;
    first.to_uppercase().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_and_shape_follow_the_first_two_bytes() {
        let mut peer = PeerId([0; 32]);
        assert_eq!((colour(&peer), shape(&peer)), (0, ROUND));
        peer.0[..2].copy_from_slice(&[27, 255]);
        assert_eq!((colour(&peer), shape(&peer)), (7, SHAPES[7]));
    }

    #[test]
    fn games_paint_players_as_the_dark_theme_does() {
        let tokens = include_str!("../../static/tokens.css");
        for (number, paint) in PAINTS.iter().enumerate() {
            let token = format!("--bead-{number}: {};", paint.to_text());
            assert!(tokens.contains(&token), "{token}");
        }
    }

    #[test]
    fn beads_have_names_by_colour_and_shape() {
        let mut peer = PeerId([0; 32]);
        assert_eq!(name(&peer), "Teal circle");
        peer.0[..2].copy_from_slice(&[10, 11]);
        assert_eq!(name(&peer), "Teal hexagon");
        peer.0[..2].copy_from_slice(&[255, 255]);
        assert_eq!(name(&peer), "Brick triangle");
    }

    #[test]
    fn the_letter_is_the_first_that_is_one() {
        assert_eq!(letter("mira"), Some('M'));
        assert_eq!(letter("  _7up"), Some('7'));
        assert_eq!(letter("ßeta"), Some('S'));
        assert_eq!(letter("…"), None);
    }
}
