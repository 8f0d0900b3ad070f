//! The input of a player: the names of keys and buttons, sticks and the pointer.

use crate::bytes::{Reader, write_varint};

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

const AXES: u8 = 1;
const POINTER: u8 = 2;

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

    /// Appends the bytes of this input: `held` as a varint, a byte of flags, then the axes and the pointer if there are any.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_varint(out, self.held & MASK);
        let has_axes = self.axes != [0; 4];
        out.push(if has_axes { AXES } else { 0 } | if self.pointer.is_some() { POINTER } else { 0 });
        if has_axes {
            out.extend(self.axes.iter().map(|axis| (*axis).max(-127) as u8));
        }
        if let Some((x, y)) = self.pointer {
            write_varint(out, x.into());
            write_varint(out, y.into());
        }
    }

    /// Reads an input and moves `bytes` behind it. Bytes in any other form than the one that [`write`](PlayerInput::write) gives
    /// are refused.
    pub fn read(bytes: &mut &[u8]) -> Option<PlayerInput> {
        let mut reader = Reader(bytes);
        let held = reader.varint().filter(|held| held & !MASK == 0)?;
        let flags = reader.byte().filter(|flags| flags & !(AXES | POINTER) == 0)?;
        let axes = if flags & AXES == 0 {
            [0; 4]
        } else {
            let axes = reader.array::<4>()?.map(|axis| axis as i8);
            (axes != [0; 4] && !axes.contains(&i8::MIN)).then_some(axes)?
        };
        let mut place = || Some(reader.count(u16::MAX.into())? as u16);
        let pointer = if flags & POINTER == 0 { None } else { Some((place()?, place()?)) };
        *bytes = reader.0;
        Some(PlayerInput { held, axes, pointer })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(input: PlayerInput) -> Vec<u8> {
        let mut bytes = Vec::new();
        input.write(&mut bytes);
        bytes
    }

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

    #[test]
    fn inputs_are_read_as_they_are_written() {
        let idle = PlayerInput::default();
        assert_eq!(written(idle), [0, 0]);
        let all = PlayerInput { held: MASK, axes: [-127, 127, 0, 1], pointer: Some((0, 65_535)) };
        for input in
            [idle, all, PlayerInput { held: 1, ..idle }, PlayerInput { pointer: Some((300, 7)), ..idle }]
        {
            let bytes = [written(input), vec![9]].concat();
            let mut rest = &bytes[..];
            assert_eq!(PlayerInput::read(&mut rest), Some(input));
            assert_eq!(rest, [9]);
        }
        for length in 0..written(all).len() {
            assert_eq!(PlayerInput::read(&mut &written(all)[..length]), None, "{length} bytes");
        }
    }

    #[test]
    fn other_forms_of_inputs_are_refused() {
        let unknown_bit = written(PlayerInput { held: MASK, ..PlayerInput::default() });
        for wrong in [
            &[&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1][..], &[0]].concat(),
            &vec![0, 4],
            &vec![0, AXES, 0, 0, 0, 0],
            &vec![0, AXES, 0x80, 0, 0, 0],
            &vec![0x80, 0, 0],
            &vec![0, POINTER, 0xff, 0xff, 4, 0],
        ] {
            assert_eq!(PlayerInput::read(&mut &wrong[..]), None, "{wrong:?}");
        }
        assert_eq!(unknown_bit.len(), 9);
    }
}
