//! The input of a player: the names of keys and buttons, sticks and the pointer.

/// The names of keys and buttons that games know, each a bit of [`PlayerInput::held`]. The order stays for ever.
///
/// Letters and digits are keys of a keyboard. `pad-a` to `pad-r` are buttons of a pad or of a touch screen, `mouse` is the first
/// button of the pointer or a finger. Pages hold `space` with `pad-a`, `shift` with `pad-b`, and the arrows with the first stick.
#[rustfmt::skip]
pub const NAMES: [&str; 56] = [
    "left", "right", "up", "down", "space", "enter", "shift", "ctrl", "alt", "tab", "backspace",
    "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m",
    "n", "o", "p", "q", "r", "s", "t", "u", "v", "w", "x", "y", "z",
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9",
    "pad-a", "pad-b", "pad-x", "pad-y", "pad-l", "pad-r",
    "mouse", "mouse-right", "mouse-middle",
];

/// All bits that have a name.
pub const MASK: u64 = (1 << NAMES.len()) - 1;

/// The bit of a name, or `None` if no key has that name.
pub fn bit(name: &str) -> Option<u64> {
    NAMES.iter().position(|known| *known == name).map(|place| 1 << place)
}

/// The mask of several names. Unknown names are left out.
pub fn mask<'a>(names: impl IntoIterator<Item = &'a str>) -> u64 {
    names.into_iter().filter_map(bit).fold(0, |mask, bit| mask | bit)
}

/// The names in a mask, in the order of [`NAMES`].
pub fn names(mask: u64) -> impl Iterator<Item = &'static str> {
    NAMES.iter().enumerate().filter(move |(place, _)| mask >> place & 1 == 1).map(|(_, name)| *name)
}

/// What a player does at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlayerInput {
    /// The keys and buttons that are down, a bit for each of [`NAMES`].
    pub held: u64,
    /// The first stick's x and y, then those of the second, from -127 to 127. Right and down are positive.
    pub axes: [i8; 4],
    /// Where the pointer is, as a share of the game's view: 0 is left or top, 65,535 right or bottom.
    pub pointer: Option<(u16, u16)>,
}

impl PlayerInput {
    /// Whether nothing is held and no stick is moved. The pointer may be anywhere.
    pub fn is_idle(&self) -> bool {
        self.held == 0 && self.axes == [0; 4]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_its_own_bit() {
        for (place, name) in NAMES.iter().enumerate() {
            assert_eq!(bit(name), Some(1 << place), "{name}");
            assert_eq!(names(1 << place).collect::<Vec<_>>(), [*name]);
        }
        assert_eq!(bit("escape"), None);
        assert_eq!(mask(["left", "space", "no key"]), 0b1_0001);
        assert_eq!(MASK.count_ones(), 56);
    }
}
