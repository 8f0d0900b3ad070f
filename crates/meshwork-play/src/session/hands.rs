//! The own inputs: numbered sixty times a second while there is anything, and repeated until a host consumed them, the next one too.

use std::collections::VecDeque;
use std::time::Duration;

use meshwork_core::time::Time;

use crate::PlayerInput;

/// The time of one tick.
pub(crate) const TICK: Duration = Duration::from_micros(16_667);
/// Time for which inputs are kept for repetition. A change of host takes about a second and a half, and the next host may go on from
/// a state that is older than the newest one here. A press of longer ago would surprise its player.
const KEPT_FOR: Duration = Duration::from_secs(2);
/// Inputs that are kept: those of [`KEPT_FOR`].
pub(crate) const KEPT_MAX: usize = 120;
/// Inputs that were missed at once if the program stood still.
const LATE_MAX: u32 = 6;

/// The own inputs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hands {
    now: PlayerInput,
    /// Keys that were pressed since the last numbered input: a short press between two of them counts.
    tapped: u64,
    tapped_at: Time,
    last: PlayerInput,
    newest: u32,
    /// The last input that the newest state contains. It goes back with a host whose state is older.
    consumed: u32,
    /// The last inputs with their numbers and times, oldest first.
    kept: VecDeque<(u32, Time, PlayerInput)>,
    due: Time,
}

impl Hands {
    pub(crate) fn hold(&mut self, now: Time, input: PlayerInput) {
        let tapped = input.held & !self.now.held;
        if tapped != 0 {
            self.forget_old(now);
            (self.tapped, self.tapped_at) = (self.tapped | tapped, now);
        }
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
        self.forget_old(now);
        if now.since(self.due) > TICK * LATE_MAX {
            self.due = now;
        }
        let mut is_new = false;
        while self.is_active() && self.due <= now {
            let input = self.current();
            self.push(now, input);
            self.due += TICK;
            is_new = true;
        }
        is_new
    }

    /// Numbers one input: that of a host's own tick.
    pub(crate) fn one(&mut self, now: Time) -> (u32, PlayerInput) {
        self.forget_old(now);
        let input = self.current();
        self.push(now, input);
        (self.newest, input)
    }

    fn push(&mut self, now: Time, input: PlayerInput) {
        self.newest += 1;
        self.last = input;
        if self.kept.len() == KEPT_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back((self.newest, now, input));
    }

    /// The newest state contains the inputs up to this one.
    pub(crate) fn consumed(&mut self, number: u32) {
        self.consumed = number;
    }

    /// Forgets what is too old for the next host.
    pub(crate) fn forget_old(&mut self, now: Time) {
        while self.kept.front().is_some_and(|(_, at, _)| now.since(*at) >= KEPT_FOR) {
            self.kept.pop_front();
        }
        if now.since(self.tapped_at) >= KEPT_FOR {
            self.tapped = 0;
        }
    }

    /// Forgets the inputs of another match.
    pub(crate) fn forget(&mut self) {
        self.kept.clear();
    }

    pub(crate) fn newest(&self) -> u32 {
        self.newest
    }

    /// Inputs that the newest state does not contain, with their numbers, oldest first.
    pub(crate) fn kept(&self) -> impl DoubleEndedIterator<Item = (u32, &PlayerInput)> {
        let known = self.kept.partition_point(|(number, ..)| *number <= self.consumed);
        self.kept.range(known..).map(|(number, _, input)| (*number, input))
    }

    /// At most so many of these inputs, behind `before`. The host drops repetitions of the same keys if it has too many inputs,
    /// and so does this.
    pub(crate) fn ahead(&self, most: usize, before: &PlayerInput) -> Vec<PlayerInput> {
        let mut excess = self.kept().count().saturating_sub(most);
        let mut before = before.held;
        let mut is_new = |input: &PlayerInput| {
            let drops = excess > 0 && input.held == before;
            excess -= usize::from(drops);
            before = input.held;
            !drops
        };
        self.kept().map(|(_, input)| *input).filter(|input| is_new(input)).take(most).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(held: u64) -> PlayerInput {
        PlayerInput { held, ..PlayerInput::default() }
    }

    fn numbers(hands: &Hands) -> Vec<u32> {
        hands.kept().map(|(number, _)| number).collect()
    }

    #[test]
    fn a_short_press_is_numbered() {
        let mut hands = Hands::default();
        let at = Time(1_000_000);
        assert!(!hands.number(at));
        hands.hold(at, held(4));
        hands.hold(at, held(0));
        assert!(hands.number(at));
        assert!(hands.number(Time(1_017_000)));
        assert!(!hands.number(Time(1_034_000)));
        assert_eq!(hands.kept().map(|(_, input)| input.held).collect::<Vec<_>>(), [4, 0]);
        hands.consumed(1);
        assert_eq!((hands.kept().count(), hands.newest()), (1, 2));
    }

    #[test]
    fn an_older_state_brings_inputs_back() {
        let mut hands = Hands::default();
        for number in 0..5 {
            hands.one(Time(number));
        }
        hands.consumed(4);
        assert_eq!(numbers(&hands), [5]);
        hands.consumed(2);
        assert_eq!(numbers(&hands), [3, 4, 5]);
    }

    #[test]
    fn presses_of_long_ago_are_forgotten() {
        let mut hands = Hands::default();
        hands.hold(Time(0), held(1));
        hands.one(Time(0));
        hands.hold(Time(1_000_000), held(0));
        hands.hold(Time(1_000_000), held(2));
        hands.hold(Time(1_000_000), held(0));
        hands.forget_old(Time(1_999_999));
        assert_eq!(numbers(&hands), [1]);
        assert_eq!(hands.one(Time(2_999_999)), (2, held(2)));
        assert_eq!(numbers(&hands), [2]);
        hands.hold(Time(3_000_000), held(4));
        hands.hold(Time(3_000_000), held(0));
        assert_eq!(hands.one(Time(5_000_000)), (3, held(0)));
    }

    #[test]
    fn repetitions_do_not_hide_newer_presses() {
        let mut hands = Hands::default();
        for key in [1, 2, 4] {
            hands.hold(Time(0), held(key));
            (0..30).for_each(|_| _ = hands.one(Time(0)));
        }
        let ahead: Vec<u64> = hands.ahead(20, &held(1)).iter().map(|input| input.held).collect();
        assert_eq!(ahead.len(), 20);
        assert_eq!((ahead[0], ahead[1], ahead[19]), (2, 4, 4));
    }

    #[test]
    fn nobody_runs_faster_after_a_pause() {
        let mut hands = Hands::default();
        hands.hold(Time(0), held(1));
        hands.number(Time(0));
        hands.number(Time(60_000_000));
        assert_eq!(hands.newest(), 2);
    }
}
