//! The own inputs: numbered sixty times a second while there is anything, and repeated until a host consumed them.

use std::collections::VecDeque;
use std::time::Duration;

use meshwork_core::time::Time;

use crate::PlayerInput;

/// The time of one tick.
pub(crate) const TICK: Duration = Duration::from_micros(16_667);
/// Inputs that are kept for repetition: two seconds.
const KEPT_MAX: usize = 120;
/// Inputs that were missed at once if the program stood still.
const LATE_MAX: u32 = 6;

/// The own inputs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hands {
    now: PlayerInput,
    /// Keys that were pressed since the last numbered input: a short press between two of them counts.
    tapped: u64,
    last: PlayerInput,
    newest: u32,
    /// Numbered inputs that no known state contains, oldest first.
    kept: VecDeque<(u32, PlayerInput)>,
    due: Time,
}

impl Hands {
    pub(crate) fn hold(&mut self, input: PlayerInput) {
        self.tapped |= input.held & !self.now.held;
        self.now = input;
    }

    fn current(&mut self) -> PlayerInput {
        let input = PlayerInput { held: self.now.held | self.tapped, ..self.now };
        self.tapped = 0;
        input
    }

    /// Whether there is anything to number: somebody holds something, or let go of it.
    pub(crate) fn is_active(&self) -> bool {
        !self.now.is_idle() || self.tapped != 0 || self.now != self.last
    }

    /// When the next input is due, if there is any.
    pub(crate) fn due(&self) -> Option<Time> {
        self.is_active().then_some(self.due)
    }

    /// Numbers the inputs up to now. Returns whether there is a new one.
    pub(crate) fn number(&mut self, now: Time) -> bool {
        if now.since(self.due) > TICK * LATE_MAX {
            self.due = now;
        }
        let mut is_new = false;
        while self.is_active() && self.due <= now {
            let input = self.current();
            self.push(input);
            self.due += TICK;
            is_new = true;
        }
        is_new
    }

    /// Numbers one input: that of a host's own tick.
    pub(crate) fn one(&mut self) -> (u32, PlayerInput) {
        let input = self.current();
        self.push(input);
        (self.newest, input)
    }

    fn push(&mut self, input: PlayerInput) {
        self.newest += 1;
        self.last = input;
        if self.kept.len() == KEPT_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back((self.newest, input));
    }

    /// Forgets inputs that a state contains.
    pub(crate) fn consumed(&mut self, number: u32) {
        while self.kept.front().is_some_and(|(kept, _)| *kept <= number) {
            self.kept.pop_front();
        }
    }

    pub(crate) fn newest(&self) -> u32 {
        self.newest
    }

    /// Inputs that no known state contains, oldest first.
    pub(crate) fn kept(&self) -> impl DoubleEndedIterator<Item = &PlayerInput> {
        self.kept.iter().map(|(_, input)| input)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(held: u64) -> PlayerInput {
        PlayerInput { held, ..PlayerInput::default() }
    }

    #[test]
    fn a_short_press_is_numbered() {
        let mut hands = Hands::default();
        assert!(!hands.number(Time(1_000_000)));
        hands.hold(held(4));
        hands.hold(held(0));
        assert!(hands.number(Time(1_000_000)));
        assert!(hands.number(Time(1_017_000)));
        assert!(!hands.number(Time(1_034_000)));
        assert_eq!(hands.kept().map(|input| input.held).collect::<Vec<_>>(), [4, 0]);
        hands.consumed(1);
        assert_eq!((hands.kept().count(), hands.newest()), (1, 2));
    }

    #[test]
    fn nobody_runs_faster_after_a_pause() {
        let mut hands = Hands::default();
        hands.hold(held(1));
        hands.number(Time(0));
        hands.number(Time(60_000_000));
        assert_eq!(hands.newest(), 2);
    }
}
