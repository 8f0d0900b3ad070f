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
//! a neighbour agree against it. In a room that is found on the local network alone, two neighbours at two addresses of
//! that network count as a server and a neighbour: elsewhere keys are free, and two would set everybody's clock. A peer
//! votes once, however many of its programs are linked.
//!
//! Somebody alone with a clock that is ahead would stamp what the next member holds back. So until neighbours decide,
//! our own stamps are made from the least of room time and the servers' clocks: see [`stamping`].
//!
//! # Invariants
//! - Less than half of the voters cannot move room time beyond what some honest clock says.
//! - One neighbour alone, or a server alone, moves nothing.
//! - Servers set stamps back by at most [`BACK_MAX`], and never before a stamp that was merged.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::IpAddr;

use crate::id::Endpoint;
use crate::time::WallTime;

/// Clocks that differ by no more than this agree, in microseconds: 5 s, half of what stamps may be ahead.
pub const AGREE: i64 = 5_000_000;
/// Neighbours from which on the median counts: fewer could be one person's doing.
pub const MEDIAN_LEAST: usize = 3;
/// Most by which servers set stamps back, in microseconds: a day. Tables by time keep rows for whole days, so no row is old
/// when it is written.
pub const BACK_MAX: u64 = 24 * 60 * 60 * 1_000_000;

/// The clock of a linked program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Voter {
    /// The program.
    pub endpoint: Endpoint,
    /// How far its clock is ahead of our own, in microseconds.
    pub ahead: i64,
    /// Its address on the local network, in a room that is found there alone.
    pub address: Option<IpAddr>,
}

/// One clock of each peer: of several programs the one that differs least from ours.
pub fn once_each(voters: impl IntoIterator<Item = Voter>) -> Vec<Voter> {
    let mut least = BTreeMap::new();
    for voter in voters {
        let known = least.entry(voter.endpoint.peer).or_insert(voter);
        if voter.ahead.unsigned_abs() < known.ahead.unsigned_abs() {
            *known = voter;
        }
    }
    least.into_values().collect()
}

/// How far room time is ahead of one's own clock, in microseconds, given how far the clocks of servers and
/// neighbours are ahead of it, and those of neighbours on the local network with their addresses.
pub fn vote(servers: &[i64], neighbours: &[i64], nearby: &[(IpAddr, i64)]) -> i64 {
    if neighbours.len() < MEDIAN_LEAST {
        return agreed(servers, neighbours, nearby);
    }
    let mut clocks: Vec<i64> = servers.iter().chain(neighbours).copied().chain([0]).collect();
    clocks.sort();
    let (lower, upper) = (clocks[(clocks.len() - 1) / 2], clocks[clocks.len() / 2]);
    if lower.unsigned_abs() <= upper.unsigned_abs() { lower } else { upper }
}

/// The difference to one's own clock on which a server and a neighbour agree, or two neighbours at two addresses nearby;
/// the least such difference.
fn agreed(servers: &[i64], neighbours: &[i64], nearby: &[(IpAddr, i64)]) -> i64 {
    let pairs =
        servers.iter().flat_map(|server| neighbours.iter().map(move |neighbour| (*server, *neighbour)));
    // Of two neighbours each comes first once, so that the lesser difference counts.
    let two = nearby
        .iter()
        .flat_map(|one| nearby.iter().filter(|other| other.0 != one.0).map(move |other| (one.1, other.1)));
    let against = |&(one, other): &(i64, i64)| {
        one.saturating_abs() > AGREE
            && other.saturating_abs() > AGREE
            && one.abs_diff(other) <= AGREE.unsigned_abs()
    };
    let agreed = pairs.chain(two).filter(against).map(|(one, _)| one);
    agreed.min_by_key(|ahead| ahead.unsigned_abs()).unwrap_or(0)
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
    use crate::id::{Instance, PeerId};
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
        assert_eq!(vote(&[], &[MINUTE, MINUTE + 10, MINUTE - 20], &[]), MINUTE - 20, "ours against three");
        assert_eq!(vote(&[], &[0, 5, MINUTE], &[]), 0, "theirs against ours and two");
    }

    #[test]
    fn own_clock_stands_unless_two_kinds_outvote_it() {
        assert_eq!(vote(&[MINUTE], &[], &[]), 0);
        assert_eq!(vote(&[], &[MINUTE, MINUTE], &[]), 0);
        assert_eq!(vote(&[MINUTE], &[MINUTE + 3], &[]), MINUTE);
        assert_eq!(vote(&[MINUTE], &[-MINUTE], &[]), 0, "they disagree");
        assert_eq!(vote(&[1000], &[2000, 10], &[]), 0, "no quarrel");
        assert_eq!(vote(&[i64::MIN], &[i64::MIN + 1], &[]), i64::MIN);
    }

    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;

    fn at(host: u8, ahead: i64) -> (IpAddr, i64) {
        (IpAddr::from([192, 168, 1, host]), ahead)
    }

    #[test]
    fn two_agreeing_addresses_nearby_set_a_wrong_clock() {
        for apart in [MINUTE, HOUR, 40 * DAY, -MINUTE, -HOUR, -40 * DAY] {
            let more = apart + apart.signum() * 3_000_000;
            let voted = |nearby: &[(IpAddr, i64)]| {
                let clocks: Vec<i64> = nearby.iter().map(|(_, ahead)| *ahead).collect();
                vote(&[], &clocks, nearby)
            };
            assert_eq!(voted(&[at(5, more), at(6, apart)]), apart, "the lesser difference");
            assert_eq!(voted(&[at(5, apart)]), 0, "one alone");
            assert_eq!(voted(&[at(5, apart), at(5, apart)]), 0, "two programs of one address");
            assert_eq!(voted(&[at(5, apart), at(6, -apart)]), 0, "they disagree");
            assert_eq!(voted(&[at(5, 0), at(6, apart)]), 0, "one agrees with ours");
            assert_eq!(vote(&[], &[apart, apart], &[]), 0, "elsewhere");
        }
    }

    #[test]
    fn a_peer_votes_once() {
        let voter = |peer, instance, ahead| Voter {
            endpoint: Endpoint { peer: PeerId([peer; 32]), instance: Instance(instance) },
            ahead,
            address: None,
        };
        let mallory = (1..=9).map(|instance| voter(1, instance, HOUR + instance as i64));
        let voters = once_each(mallory.chain([voter(2, 1, 7)]));
        let clocks: Vec<i64> = voters.iter().map(|voter| voter.ahead).collect();
        assert_eq!(clocks, [HOUR + 1, 7]);
        assert_eq!(vote(&[], &clocks, &[]), 0);
    }

    proptest! {
        #[test]
        fn a_lying_minority_leaves_time_within_honest_clocks(
            honest in proptest::collection::vec(-1000i64..1000, 3..12),
            lies: [i64; 3],
        ) {
            let liars = lies.len().min(honest.len().saturating_sub(1) / 2);
            let neighbours: alloc::vec::Vec<i64> = honest.iter().copied().chain(lies.into_iter().take(liars)).collect();
            let voted = vote(&[], &neighbours, &[]);
            prop_assert!((-1000..1000).contains(&voted), "{voted}");
        }
    }
}
