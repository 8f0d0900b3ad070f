//! Where somebody points on the board, what they see of it and what they chose, as they say of themselves.

use super::{Bounds, Point, ShapeId};

/// Most chosen shapes that are told: with more, a presence would be too long to be said twenty times a second.
pub const CHOSEN_MAX: usize = 4;

const VERSION: u8 = 1;
const POINTS: u8 = 1;
const DRAWS: u8 = 2;
const LASER: u8 = 4;
/// Bytes before the chosen shapes.
const HEAD: usize = 26;

/// What somebody says of themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// Where they point, if they do.
    pub pointer: Option<Point>,
    /// Whether they draw.
    pub is_drawing: bool,
    /// Whether they show something without drawing it.
    pub is_laser: bool,
    /// What they see of the board.
    pub view: Bounds,
    /// What they chose, at most [`CHOSEN_MAX`].
    pub chosen: Vec<ShapeId>,
}

impl Presence {
    /// Its bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        let flags =
            flag(self.pointer.is_some(), POINTS) | flag(self.is_drawing, DRAWS) | flag(self.is_laser, LASER);
        let Point { x, y } = self.pointer.unwrap_or_default();
        let numbers = [x, y, self.view.x, self.view.y, self.view.width, self.view.height];
        let mut bytes = vec![VERSION, flags];
        bytes.extend(numbers.into_iter().flat_map(i32::to_le_bytes));
        bytes.extend(self.chosen.iter().take(CHOSEN_MAX).flat_map(|id| id.0));
        bytes
    }

    /// Reads bytes; `None` for those of another version, or of something else.
    pub fn read(bytes: &[u8]) -> Option<Presence> {
        let ([VERSION, flags, numbers @ ..], rest) = bytes.split_first_chunk::<HEAD>()? else { return None };
        let number = |at: usize| i32::from_le_bytes([0, 1, 2, 3].map(|byte| numbers[4 * at + byte]));
        let (chosen, _) = rest.as_chunks();
        Some(Presence {
            pointer: (flags & POINTS != 0).then(|| Point { x: number(0), y: number(1) }),
            is_drawing: flags & DRAWS != 0,
            is_laser: flags & LASER != 0,
            view: Bounds { x: number(2), y: number(3), width: number(4), height: number(5) },
            chosen: chosen.iter().take(CHOSEN_MAX).map(|id| ShapeId(*id)).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_presence_is_read_as_it_was_written() {
        let presence = Presence {
            pointer: Some(Point { x: -3, y: 70_000 }),
            is_drawing: true,
            is_laser: false,
            view: Bounds { x: 1, y: -2, width: 8_000, height: 6_000 },
            chosen: vec![ShapeId([1; 8]), ShapeId([2; 8])],
        };
        assert_eq!(Presence::read(&presence.bytes()), Some(presence.clone()));
        let many = Presence { chosen: vec![ShapeId([3; 8]); 9], ..presence.clone() };
        assert!(many.bytes().len() <= 64, "it is said in datagrams");
        assert_eq!(Presence::read(&presence.bytes()[..HEAD - 1]), None);
        assert_eq!(Presence::read(&[2; 40]), None, "another version");
        let [away, still] =
            [None, Some(Point::default())].map(|pointer| Presence { pointer, ..presence.clone() });
        assert_ne!(Presence::read(&away.bytes()), Presence::read(&still.bytes()));
    }
}
