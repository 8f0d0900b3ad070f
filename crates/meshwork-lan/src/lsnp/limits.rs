//! Limits of sending, so that no peer and no forged address starts a storm.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use meshwork_core::time::Time;

/// Addresses that each limit remembers. Beyond them it refuses.
pub(super) const ADDRESSES_MAX: usize = 1_024;
/// Datagrams to an address that never answered, in [`UNANSWERED_SPAN`].
pub const UNANSWERED_MAX: usize = 8;
/// The time in which [`UNANSWERED_MAX`] counts.
pub const UNANSWERED_SPAN: Duration = Duration::from_secs(10);

/// Admits one action for each address in an interval.
#[derive(Debug)]
pub(super) struct Limiter {
    every: Duration,
    last: BTreeMap<SocketAddr, Time>,
}

impl Limiter {
    pub(super) fn new(every: Duration) -> Limiter {
        Limiter { every, last: BTreeMap::new() }
    }

    pub(super) fn admits(&mut self, now: Time, address: SocketAddr) -> bool {
        let every = self.every;
        if self.last.len() >= ADDRESSES_MAX {
            self.last.retain(|_, last| now.since(*last) < every);
        }
        let is_recent = self.last.get(&address).is_some_and(|last| now.since(*last) < every);
        if is_recent || self.last.len() >= ADDRESSES_MAX {
            return false;
        }
        self.last.insert(address, now);
        true
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.last.len()
    }
}

/// Bounds the datagrams to machines that never answered.
#[derive(Debug, Default)]
pub(super) struct Budget(BTreeMap<IpAddr, Sent>);

#[derive(Debug)]
enum Sent {
    /// It has answered, last at this time.
    Answered(Time),
    /// It has not: the times of the datagrams to it.
    At(VecDeque<Time>),
}

impl Budget {
    /// A machine has received a datagram of ours.
    pub(super) fn answered(&mut self, now: Time, ip: IpAddr) {
        if self.has_space(now, ip) {
            self.0.insert(ip, Sent::Answered(now));
        }
    }

    /// Whether one more datagram may go to a machine.
    pub(super) fn admits(&mut self, now: Time, ip: IpAddr) -> bool {
        if !self.has_space(now, ip) {
            return false;
        }
        match self.0.entry(ip).or_insert_with(|| Sent::At(VecDeque::new())) {
            Sent::Answered(_) => true,
            Sent::At(times) => {
                while times.front().is_some_and(|time| now.since(*time) >= UNANSWERED_SPAN) {
                    times.pop_front();
                }
                let admits = times.len() < UNANSWERED_MAX;
                if admits {
                    times.push_back(now);
                }
                admits
            }
        }
    }

    /// Whether an entry for a machine exists or fits. Old ones make room, then the machine that answered longest ago.
    fn has_space(&mut self, now: Time, ip: IpAddr) -> bool {
        if self.0.contains_key(&ip) || self.0.len() < ADDRESSES_MAX {
            return true;
        }
        self.0.retain(|_, sent| match sent {
            Sent::Answered(_) => true,
            Sent::At(times) => times.back().is_some_and(|time| now.since(*time) < UNANSWERED_SPAN),
        });
        if self.0.len() >= ADDRESSES_MAX {
            let answered = self.0.iter().filter_map(|(ip, sent)| match sent {
                Sent::Answered(at) => Some((*at, *ip)),
                Sent::At(_) => None,
            });
            if let Some((_, oldest)) = answered.min() {
                self.0.remove(&oldest);
            }
        }
        self.0.len() < ADDRESSES_MAX
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> SocketAddr {
        (std::net::Ipv4Addr::from(number), 8000).into()
    }

    #[test]
    fn limiter_admits_once_in_an_interval() {
        let mut limiter = Limiter::new(Duration::from_secs(30));
        assert!(limiter.admits(Time(0), address(1)));
        assert!(!limiter.admits(Time(29_999_999), address(1)));
        assert!(limiter.admits(Time(30_000_000), address(1)));
        let admitted = (2..5000).filter(|number| limiter.admits(Time(30_000_001), address(*number))).count();
        assert_eq!((admitted, limiter.len()), (ADDRESSES_MAX - 1, ADDRESSES_MAX));
        assert!(limiter.admits(Time(60_000_001), address(6000)));
    }

    #[test]
    fn silent_address_gets_eight_in_any_span() {
        let (mut budget, ip) = (Budget::default(), address(1).ip());
        let mut times: Vec<u64> = Vec::new();
        for millis in (0..40_000).step_by(70) {
            if budget.admits(Time(millis * 1000), ip) {
                times.push(millis);
            }
        }
        assert!(times.len() >= 32 && times.windows(9).all(|nine| nine[8] - nine[0] >= 10_000), "{times:?}");
        budget.answered(Time(41_000_000), ip);
        assert!((0..100).all(|_| budget.admits(Time(41_000_000), ip)));
        for number in 2..5000 {
            budget.admits(Time(41_000_000), address(number).ip());
        }
        assert_eq!(budget.len(), ADDRESSES_MAX);
    }
}
