//! The inputs of one seat at the host: one a tick, each once and in order.

use std::collections::VecDeque;
use std::time::Duration;

use meshwork_core::time::Time;

use crate::PlayerInput;

/// Inputs that wait: all that a player keeps over a change of host. Beyond it the oldest are dropped.
const WAITING_MAX: usize = super::hands::KEPT_MAX;
/// Above it repetitions of the same keys are dropped and two inputs are merged in each tick, so that a burst costs no lasting delay.
const MERGED_ABOVE: usize = 6;
/// Time for which the last input is held if no further one arrives.
const HELD_FOR: Duration = Duration::from_millis(250);

/// The inputs of one seat.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    waiting: VecDeque<(u32, PlayerInput)>,
    consumed: u32,
    last: PlayerInput,
    last_at: Time,
}

impl Queue {
    /// A queue that goes on behind input `consumed`, the last of which was `last`.
    pub(crate) fn after(consumed: u32, last: PlayerInput, now: Time) -> Queue {
        Queue { waiting: VecDeque::new(), consumed, last, last_at: now }
    }

    /// The number of the last input that was consumed.
    pub(crate) fn consumed(&self) -> u32 {
        self.consumed
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Adds an input. One that is not newer than all before it is dropped.
    pub(crate) fn offer(&mut self, number: u32, input: PlayerInput) {
        let newest = self.waiting.back().map_or(self.consumed, |(number, _)| *number);
        if number <= newest {
            return;
        }
        if self.waiting.len() == WAITING_MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back((number, input));
    }

    /// The input of this tick, and the keys that were pressed in it.
    pub(crate) fn next(&mut self, now: Time) -> (PlayerInput, u64) {
        let mut pressed = 0;
        let mut take = |queue: &mut Queue| {
            let Some((number, input)) = queue.waiting.pop_front() else { return false };
            pressed |= input.held & !queue.last.held;
            (queue.consumed, queue.last, queue.last_at) = (number, input, now);
            true
        };
        if !take(self) && now.since(self.last_at) >= HELD_FOR {
            self.last = PlayerInput { pointer: self.last.pointer, ..PlayerInput::default() };
        }
        let mut is_merged = false;
        while self.waiting.len() >= MERGED_ABOVE {
            let repeats = self.waiting.front().is_some_and(|(_, input)| input.held == self.last.held);
            if !repeats && std::mem::replace(&mut is_merged, true) {
                break;
            }
            take(self);
        }
        (self.last, pressed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(held: u64) -> PlayerInput {
        PlayerInput { held, ..PlayerInput::default() }
    }

    #[test]
    fn inputs_count_once_and_in_order() {
        let mut queue = Queue::default();
        for number in [1, 2, 2, 1, 3, 2] {
            queue.offer(number, held(u64::from(number)));
        }
        let ticks: Vec<u64> = (0..4).map(|_| queue.next(Time(0)).0.held).collect();
        assert_eq!(ticks, [1, 2, 3, 3]);
        queue.offer(3, held(8));
        assert_eq!((queue.next(Time(0)).0.held, queue.consumed()), (3, 3));
    }

    #[test]
    fn a_burst_is_merged_without_losing_presses() {
        let mut queue = Queue::default();
        for number in 1..=20u32 {
            queue.offer(number, held(1 << number));
        }
        let mut pressed = 0;
        let ticks = (0..20).take_while(|_| {
            pressed |= queue.next(Time(0)).1;
            queue.waiting() > 0
        });
        assert_eq!(ticks.count(), 12, "fourteen in seven ticks, then six");
        assert_eq!(pressed, (1..=20).map(|number| 1 << number).sum::<u64>());
    }

    #[test]
    fn repetitions_cost_no_delay() {
        let mut queue = Queue::default();
        for number in 1..=100u32 {
            queue.offer(number, held(if number < 50 { 1 } else { 2 }));
        }
        assert_eq!(queue.next(Time(0)), (held(2), 3), "both presses count");
        assert_eq!(queue.waiting(), MERGED_ABOVE - 1);
    }

    #[test]
    fn a_silent_player_lets_go() {
        let mut queue = Queue::default();
        queue.offer(1, held(4));
        assert_eq!(queue.next(Time(0)), (held(4), 4));
        assert_eq!(queue.next(Time(200_000)), (held(4), 0));
        assert_eq!(queue.next(Time(250_000)), (held(0), 0));
    }

    #[test]
    fn a_flood_keeps_the_newest() {
        let mut queue = Queue::default();
        (1..=1000).for_each(|number| queue.offer(number, held(1)));
        assert_eq!(queue.waiting(), WAITING_MAX);
        while queue.waiting() > 0 {
            queue.next(Time(0));
        }
        assert_eq!(queue.consumed(), 1000);
    }
}
