//! How many cells the room's rules leave, counted by what was painted from here.

use std::time::Duration;

use meshwork_core::room::records::Limit;
use meshwork_core::time::WallTime;

use crate::place::counted;
use crate::progress::span;

/// What is painted in the window that runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Allowance {
    limit: Option<Limit>,
    /// The number of a window since 1970, and the cells painted in it.
    window: u64,
    used: u32,
}

impl Allowance {
    /// The rules are these from now on.
    pub(super) fn set_limit(&mut self, limit: Option<Limit>) {
        if limit != self.limit {
            *self = Allowance { limit, ..Allowance::default() };
        }
    }

    /// So many cells were painted.
    pub(super) fn note(&mut self, now: WallTime, cells: usize) {
        let Some(window) = self.window_at(now) else { return };
        if window != self.window {
            (self.window, self.used) = (window, 0);
        }
        self.used = self.used.saturating_add(u32::try_from(cells).unwrap_or(u32::MAX));
    }

    /// "60 cells every 60 s, 12 left"; nothing where one may paint as fast as one can.
    pub(super) fn words(&self, now: WallTime) -> Option<String> {
        let (limit, window) = (self.limit?, self.window_at(now)?);
        let used = if window == self.window { self.used } else { 0 };
        let left = limit.cells.saturating_sub(used);
        let length = u64::from(limit.window_ms.max(1));
        let rest = Duration::from_millis(length - now.as_millis() % length);
        let rule = format!(
            "{} every {}",
            counted(limit.cells as usize, "cell"),
            span(Duration::from_millis(length))
        );
        Some(match left {
            0 => format!("{rule}, again in {}", span(rest)),
            left => format!("{rule}, {left} left"),
        })
    }

    fn window_at(&self, now: WallTime) -> Option<u64> {
        Some(now.as_millis() / u64::from(self.limit?.window_ms.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_is_left_and_when_there_is_more() {
        let at = |millis: u64| WallTime::from_millis(600_000 + millis);
        let mut allowance = Allowance::default();
        assert_eq!(allowance.words(at(0)), None);
        allowance.set_limit(Some(Limit { cells: 60, window_ms: 60_000 }));
        allowance.note(at(1_000), 48);
        assert_eq!(allowance.words(at(1_000)).unwrap(), "60 cells every 60 s, 12 left");
        allowance.note(at(2_000), 12);
        assert_eq!(allowance.words(at(50_000)).unwrap(), "60 cells every 60 s, again in 10 s");
        assert_eq!(allowance.words(at(60_000)).unwrap(), "60 cells every 60 s, 60 left");
        allowance.note(at(61_000), 1);
        assert_eq!(allowance.words(at(61_000)).unwrap(), "60 cells every 60 s, 59 left");
    }
}
