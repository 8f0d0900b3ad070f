//! Room time: what the clocks of a room's members agree on, so that one that is set wrong harms nobody.
//!
//! # Problem
//! Stamps far ahead of civil time are held back, so that nobody can freeze an entry. But civil time is what one's
//! own clock says, and people's clocks are set wrong: whoever is a minute ahead would be seen a minute late,
//! whoever is a minute behind would hold everybody back.
//!
//! # How it works
//! Members tell each other their civil time, servers tell theirs on entry. With three neighbours or more, room
//! time is the median of all clocks, one's own included. With fewer, one's own clock stands unless a server and
//! a neighbour agree against it.
//!
//! Somebody alone with a clock that is ahead would stamp what the next member holds back. So until neighbours decide,
//! our own stamps are made from the least of room time and the servers' clocks: see [`stamping`].
//!
//! # Invariants
//! - Less than half of the voters cannot move room time beyond what some honest clock says.
//! - One neighbour alone, or a server alone, moves nothing.
//! - Servers set stamps back by at most [`BACK_MAX`], and never before a stamp that was merged.

use crate::time::WallTime;

/// Clocks that differ by no more than this agree, in microseconds: 5 s, half of what stamps may be ahead.
pub const AGREE: i64 = 5_000_000;
/// Neighbours from which on the median counts: fewer could be one person's doing.
pub const MEDIAN_LEAST: usize = 3;
/// Most by which servers set stamps back, in microseconds: a day. Tables by time keep rows for whole days, so no row is old
/// when it is written.
pub const BACK_MAX: u64 = 24 * 60 * 60 * 1_000_000;

/// How far room time is ahead of one's own clock, in microseconds, given how far the clocks of servers and
/// neighbours are ahead of it.
pub fn vote(servers: &[i64], neighbours: &[i64]) -> i64 {
    if neighbours.len() < MEDIAN_LEAST {
        return agreed(servers, neighbours);
    }
    let mut clocks: alloc::vec::Vec<i64> = servers.iter().chain(neighbours).copied().chain([0]).collect();
    clocks.sort();
    let (lower, upper) = (clocks[(clocks.len() - 1) / 2], clocks[clocks.len() / 2]);
    if lower.unsigned_abs() <= upper.unsigned_abs() { lower } else { upper }
}

/// What a server and a neighbour say alike, when one's own clock says something else; the least such difference.
fn agreed(servers: &[i64], neighbours: &[i64]) -> i64 {
    let pairs =
        servers.iter().flat_map(|server| neighbours.iter().map(move |neighbour| (*server, *neighbour)));
    let against = |&(server, neighbour): &(i64, i64)| {
        server.saturating_abs() > AGREE
            && neighbour.saturating_abs() > AGREE
            && server.abs_diff(neighbour) <= AGREE.unsigned_abs()
    };
    pairs.filter(against).map(|(server, _)| server).min_by_key(|ahead| ahead.unsigned_abs()).unwrap_or(0)
}

/// Whether the clocks of neighbours, in microseconds ahead of our own, decide what stamps are made from: their median
/// counts, or one of them agrees with our own clock.
pub fn is_decided(neighbours: &[i64]) -> bool {
    let agrees = |ahead: &i64| ahead.unsigned_abs() <= AGREE.unsigned_abs();
    neighbours.len() >= MEDIAN_LEAST || neighbours.iter().any(agrees)
}

/// The civil time that stamps are made from, if room time is `present` and the least of the servers' clocks is `server`:
/// the server's if it is more than [`AGREE`] behind, at most [`BACK_MAX`] before `present`. A welcome is late by its way here.
pub fn stamping(present: WallTime, server: WallTime) -> WallTime {
    if present.0.saturating_sub(server.0) <= AGREE.unsigned_abs() {
        return present;
    }
    server.max(WallTime(present.0.saturating_sub(BACK_MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MINUTE: i64 = 60_000_000;

    #[test]
    fn servers_set_stamps_back_a_day() {
        let now = WallTime(1_800_000_000_000_000);
        let minute = MINUTE.unsigned_abs();
        assert_eq!(stamping(now, WallTime(now.0 - 7 * minute)), WallTime(now.0 - 7 * minute));
        assert_eq!(stamping(now, WallTime(now.0 + minute)), now, "a clock that is behind stands");
        assert_eq!(stamping(now, WallTime(0)), WallTime(now.0 - 24 * 60 * minute));
        let late = WallTime(now.0 - AGREE.unsigned_abs());
        assert_eq!(
            [stamping(now, late), stamping(WallTime(5), WallTime(0))],
            [now, WallTime(5)],
            "they agree"
        );
        assert_eq!(stamping(now, WallTime(late.0 - 1)), WallTime(late.0 - 1));
    }

    #[test]
    fn one_agreeing_neighbour_decides() {
        assert!(!is_decided(&[]) && !is_decided(&[MINUTE, -MINUTE]));
        assert!(is_decided(&[MINUTE, AGREE]) && is_decided(&[MINUTE, MINUTE, i64::MIN]));
    }

    #[test]
    fn a_clock_that_is_set_wrong_is_outvoted() {
        assert_eq!(vote(&[], &[MINUTE, MINUTE + 10, MINUTE - 20]), MINUTE - 20, "ours against three");
        assert_eq!(vote(&[], &[0, 5, MINUTE]), 0, "theirs against ours and two");
    }

    #[test]
    fn own_clock_stands_unless_two_kinds_outvote_it() {
        assert_eq!(vote(&[MINUTE], &[]), 0);
        assert_eq!(vote(&[], &[MINUTE, MINUTE]), 0);
        assert_eq!(vote(&[MINUTE], &[MINUTE + 3]), MINUTE);
        assert_eq!(vote(&[MINUTE], &[-MINUTE]), 0, "they disagree");
        assert_eq!(vote(&[1000], &[2000, 10]), 0, "no quarrel");
        assert_eq!(vote(&[i64::MIN], &[i64::MIN + 1]), i64::MIN);
    }

    proptest! {
        #[test]
        fn a_lying_minority_leaves_time_within_honest_clocks(
            honest in proptest::collection::vec(-1000i64..1000, 3..12),
            lies: [i64; 3],
        ) {
            let liars = lies.len().min(honest.len().saturating_sub(1) / 2);
            let neighbours: alloc::vec::Vec<i64> = honest.iter().copied().chain(lies.into_iter().take(liars)).collect();
            let voted = vote(&[], &neighbours);
            prop_assert!((-1000..1000).contains(&voted), "{voted}");
        }
    }
}
