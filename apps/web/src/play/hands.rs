//! The hands of a player: keyboard, touch stick with two buttons, gamepad and pointer become one input of a game.

use std::collections::BTreeSet;

/// Keys of a keyboard that have a name of their own, by their place; letters and digits follow from theirs.
const KEYS: [(&str, &str); 13] = [
    ("ArrowLeft", "left"),
    ("ArrowRight", "right"),
    ("ArrowUp", "up"),
    ("ArrowDown", "down"),
    ("Space", "space"),
    ("Enter", "enter"),
    ("NumpadEnter", "enter"),
    ("ShiftLeft", "shift"),
    ("ShiftRight", "shift"),
    ("ControlLeft", "ctrl"),
    ("ControlRight", "ctrl"),
    ("AltLeft", "alt"),
    ("Backspace", "backspace"),
];
/// Buttons of a pad in the standard layout of browsers, by their number.
const PAD: [(usize, Button); 6] =
    [(0, Button::A), (1, Button::B), (2, Button::X), (3, Button::Y), (4, Button::L), (5, Button::R)];
/// Buttons of a pad that are the cross.
const CROSS: [(usize, &str); 4] = [(12, "up"), (13, "down"), (14, "left"), (15, "right")];
/// A stick counts from here on: sticks at rest are a little off.
const DEAD: f64 = 0.18;
/// From here on a stick is an arrow too, for games that know arrows alone.
const ARROW: f64 = 0.5;
/// The greatest value of an axis.
const AXIS: f64 = 127.0;
/// The greatest place of a pointer.
const EDGE: f64 = 65_535.0;

/// A button on glass or on a pad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Button {
    /// The first.
    A,
    /// The second.
    B,
    /// The third, on pads alone.
    X,
    /// The fourth, on pads alone.
    Y,
    /// The left one at the shoulder, on pads alone.
    L,
    /// The right one at the shoulder, on pads alone.
    R,
}

impl Button {
    /// The names that a game knows it by: the button's own, and the key that does the same.
    fn names(self) -> &'static [&'static str] {
        match self {
            Button::A => &["pad-a", "space"],
            Button::B => &["pad-b", "shift"],
            Button::X => &["pad-x"],
            Button::Y => &["pad-y"],
            Button::L => &["pad-l"],
            Button::R => &["pad-r"],
        }
    }
}

/// One reading of all hands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Names of what is held.
    pub names: BTreeSet<&'static str>,
    /// First and second stick, x and y, -127 to 127.
    pub axes: [i8; 4],
    /// Where the pointer is, 0 to 65,535 of the view.
    pub pointer: Option<(u16, u16)>,
}

/// Everything that a player holds now.
#[derive(Clone, Debug, Default)]
pub struct Hands {
    keys: BTreeSet<&'static str>,
    /// Keys that went down since the last reading: a short press counts too.
    tapped: BTreeSet<&'static str>,
    stick: Option<(f64, f64)>,
    buttons: BTreeSet<Button>,
    pad: Pad,
    pointer: Option<(f64, f64)>,
    pressed: u16,
}

#[derive(Clone, Debug, Default)]
struct Pad {
    names: BTreeSet<&'static str>,
    axes: [f64; 4],
}

impl Hands {
    /// A key went down. Returns whether it belongs to the game, so that the page must not scroll.
    pub fn press(&mut self, code: &str) -> bool {
        key_name(code).is_some_and(|name| {
            self.keys.insert(name);
            self.tapped.insert(name);
            true
        })
    }

    /// A key went up.
    pub fn release(&mut self, code: &str) {
        if let Some(name) = key_name(code) {
            self.keys.remove(name);
        }
    }

    /// Lets go of everything: the window lost its keys, and nobody reports when they go up.
    pub fn let_go(&mut self) {
        *self = Hands::default();
    }

    /// The touch stick is here, -1 to 1 each way; `None` if nobody touches it.
    pub fn set_stick(&mut self, at: Option<(f64, f64)>) {
        self.stick = at;
    }

    /// A button on the glass is held or not.
    pub fn set_button(&mut self, button: Button, is_held: bool) {
        match is_held {
            true => {
                self.buttons.insert(button);
                self.tapped.extend(button.names());
            }
            false => _ = self.buttons.remove(&button),
        }
    }

    /// The pad reads so: its axes, -1 to 1, and whether each button is held.
    pub fn set_pad(&mut self, axes: &[f64], buttons: &[bool]) {
        let is_held = |number: usize| buttons.get(number).copied().unwrap_or(false);
        let cross = CROSS.iter().filter(|(number, _)| is_held(*number)).map(|(_, name)| *name);
        let named = PAD.iter().filter(|(number, _)| is_held(*number)).flat_map(|(_, button)| button.names());
        let axis = |place: usize| axes.get(place).copied().filter(|value| value.abs() >= DEAD).unwrap_or(0.0);
        self.pad = Pad { names: cross.chain(named.copied()).collect(), axes: [0, 1, 2, 3].map(axis) };
    }

    /// The pointer is here, 0 to 1 of the view; `None` outside of it.
    pub fn set_pointer(&mut self, at: Option<(f64, f64)>) {
        self.pointer = at;
    }

    /// Buttons of the pointer that are held, as browsers number them.
    pub fn set_pressed(&mut self, buttons: u16) {
        self.pressed = buttons;
    }

    /// Reads all hands: what they hold, and keys that were pressed since the last reading.
    pub fn take(&mut self) -> Held {
        let held = self.held();
        self.tapped.clear();
        held
    }

    /// What all hands hold together. A stick is arrows and arrows are a stick, so that a game that knows one of them is played
    /// with both.
    pub fn held(&self) -> Held {
        let mut names: BTreeSet<&'static str> =
            self.keys.iter().chain(&self.tapped).chain(&self.pad.names).copied().collect();
        names.extend(self.buttons.iter().flat_map(|button| button.names()).copied());
        let mice = [(1, "mouse"), (2, "mouse-right"), (4, "mouse-middle")];
        names.extend(mice.iter().filter(|(bit, _)| self.pressed & bit != 0).map(|(_, name)| *name));
        let (mut x, mut y) = self.stick.unwrap_or((self.pad.axes[0], self.pad.axes[1]));
        if x == 0.0 && y == 0.0 {
            let pull = |less: [&str; 2], more: [&str; 2]| {
                let any =
                    |wanted: [&str; 2]| f64::from(u8::from(wanted.iter().any(|name| names.contains(name))));
                any(more) - any(less)
            };
            (x, y) = (pull(["left", "a"], ["right", "d"]), pull(["up", "w"], ["down", "s"]));
            // Two arrows are not faster than one.
            let length = x.hypot(y).max(1.0);
            (x, y) = (x / length, y / length);
        } else {
            let arrows = [(-x, "left"), (x, "right"), (-y, "up"), (y, "down")];
            names.extend(arrows.iter().filter(|(pull, _)| *pull >= ARROW).map(|(_, name)| *name));
        }
        let place = |part: f64| (part.clamp(0.0, 1.0) * EDGE).round() as u16;
        Held {
            names,
            axes: [x, y, self.pad.axes[2], self.pad.axes[3]].map(axis),
            pointer: self.pointer.map(|(x, y)| (place(x), place(y))),
        }
    }
}

/// An axis as inputs carry it.
fn axis(value: f64) -> i8 {
    (value.clamp(-1.0, 1.0) * AXIS).round() as i8
}

/// The name of a key by its place on the keyboard.
fn key_name(code: &str) -> Option<&'static str> {
    const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz";
    const DIGITS: &str = "0123456789";
    let nth = |list: &'static str, first: u8, letter: &str| {
        let place = usize::from(letter.bytes().next()?.checked_sub(first)?);
        (letter.len() == 1).then(|| list.get(place..place + 1)).flatten()
    };
    let known = KEYS.iter().find(|(place, _)| *place == code).map(|(_, name)| *name);
    known
        .or_else(|| nth(LETTERS, b'A', code.strip_prefix("Key")?))
        .or_else(|| nth(DIGITS, b'0', code.strip_prefix("Digit")?))
}

/// Whether a key is one that makes others commands.
pub fn is_control(code: &str) -> bool {
    key_name(code) == Some("ctrl")
}

/// Where a finger holds a stick, -1 to 1 each way: how far it is from the middle, in parts of how far the knob goes.
pub fn stick(from_middle: (f64, f64), reach: f64) -> (f64, f64) {
    let (x, y) = (from_middle.0 / reach, from_middle.1 / reach);
    let length = x.hypot(y);
    match length {
        length if length < DEAD => (0.0, 0.0),
        length if length > 1.0 => (x / length, y / length),
        _ => (x, y),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(hands: &Hands) -> Vec<&'static str> {
        hands.held().names.into_iter().collect()
    }

    #[test]
    fn keys_count_by_their_place() {
        let mut hands = Hands::default();
        assert!(
            hands.press("ArrowLeft") && hands.press("Space") && hands.press("KeyQ") && hands.press("Digit7")
        );
        assert!(!hands.press("Escape") && !hands.press("Tab") && !hands.press("KeyÄ") && !hands.press("F5"));
        assert_eq!(names(&hands), ["7", "left", "q", "space"]);
        hands.release("Space");
        assert_eq!(names(&hands), ["7", "left", "q", "space"], "a press that was not read yet counts");
        assert_eq!(hands.take().names.len(), 4);
        assert_eq!(names(&hands), ["7", "left", "q"]);
    }

    #[test]
    fn everything_is_let_go_with_the_window() {
        let mut hands = Hands::default();
        hands.press("ArrowUp");
        hands.set_stick(Some((1.0, 0.0)));
        hands.set_button(Button::A, true);
        hands.set_pad(&[0.0, 1.0], &[true]);
        hands.set_pointer(Some((0.5, 0.5)));
        hands.let_go();
        assert_eq!(hands.held(), Held::default());
    }

    #[test]
    fn arrows_are_a_stick_and_sticks_are_arrows() {
        let mut hands = Hands::default();
        hands.press("KeyD");
        assert_eq!(hands.held().axes, [127, 0, 0, 0]);
        hands.press("ArrowUp");
        assert_eq!(hands.held().axes, [90, -90, 0, 0], "two arrows are not faster than one");
        hands.let_go();
        hands.set_stick(Some((-0.9, 0.2)));
        assert_eq!((names(&hands), hands.held().axes), (vec!["left"], [-114, 25, 0, 0]));
    }

    #[test]
    fn buttons_on_glass_and_pad_are_keys() {
        let mut hands = Hands::default();
        hands.set_button(Button::A, true);
        assert_eq!(names(&hands), ["pad-a", "space"]);
        hands.set_button(Button::A, false);
        hands.take();
        let mut buttons = [false; 16];
        (buttons[1], buttons[15]) = (true, true);
        hands.set_pad(&[0.1, -0.05, 0.0, -1.0], &buttons);
        assert_eq!(names(&hands), ["pad-b", "right", "shift"]);
        assert_eq!(hands.held().axes, [127, 0, 0, -127], "a stick at rest is a little off");
    }

    #[test]
    fn a_finger_pulls_the_knob_to_its_edge() {
        assert_eq!(stick((3.0, 4.0), 42.0), (0.0, 0.0));
        assert_eq!(stick((84.0, 0.0), 42.0), (1.0, 0.0));
        assert_eq!(stick((0.0, -21.0), 42.0), (0.0, -0.5));
    }

    #[test]
    fn the_pointer_is_a_part_of_the_view() {
        let mut hands = Hands::default();
        hands.set_pointer(Some((0.5, 2.0)));
        hands.set_pressed(1);
        assert_eq!((hands.held().pointer, names(&hands)), (Some((32_768, 65_535)), vec!["mouse"]));
    }
}
