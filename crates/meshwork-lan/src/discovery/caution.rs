//! Limits of one address: datagrams that we send to it, signatures that we verify, payloads that the node gets.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use meshwork_core::time::Time;

/// Datagrams to an address that never answered, in [`WINDOW`]: announcements of others aim nobody at a victim.
pub(super) const UNANSWERED_MAX: usize = 8;
/// The window of [`UNANSWERED_MAX`] and [`PAYLOADS_MAX`].
const WINDOW: Duration = Duration::from_secs(10);
/// Payloads of one address for the node in [`WINDOW`].
const PAYLOADS_MAX: u32 = 256;
/// Signatures that are verified for one address in a minute.
const NEW_MAX: u32 = 64;
const MINUTE: Duration = Duration::from_secs(60);
/// Signatures that are verified in a second.
const VERIFIED_MAX: u32 = 512;
const SECOND: Duration = Duration::from_secs(1);
/// Addresses with a count. Further ones get nothing until a count is over.
const ADDRESSES_MAX: usize = 4_096;

/// A count that begins anew after a while.
#[derive(Debug, Default)]
struct Count {
    since: Time,
    count: u32,
}

impl Count {
    /// Counts one, if that is no more than `most` in `window`.
    fn take(&mut self, now: Time, window: Duration, most: u32) -> bool {
        if now.since(self.since) >= window {
            (self.since, self.count) = (now, 0);
        }
        let is_within = self.count < most;
        self.count += u32::from(is_within);
        is_within
    }
}

#[derive(Debug, Default)]
struct Address {
    /// When the last datagrams were sent, while it has not answered.
    sent: VecDeque<Time>,
    /// Until when its last answer counts.
    answered: Option<Time>,
    new: Count,
    payloads: Count,
    used: Time,
}

impl Address {
    fn is_over(&self, now: Time) -> bool {
        now.since(self.used) >= MINUTE && self.answered.is_none_or(|until| until <= now)
    }
}

/// Counts by address.
#[derive(Debug)]
pub(super) struct Caution {
    by_ip: BTreeMap<IpAddr, Address>,
    verified: Count,
    /// When counts that are over were last removed from a full map.
    cleaned: Time,
    /// How long an answer counts.
    trusted: Duration,
}

impl Caution {
    pub(super) fn new(now: Time, trusted: Duration) -> Caution {
        Caution { by_ip: BTreeMap::new(), verified: Count::default(), cleaned: now, trusted }
    }

    fn of(&mut self, now: Time, ip: IpAddr) -> Option<&mut Address> {
        let is_full = self.by_ip.len() >= ADDRESSES_MAX && !self.by_ip.contains_key(&ip);
        if is_full && now.since(self.cleaned) >= SECOND {
            self.cleaned = now;
            self.by_ip.retain(|_, address| !address.is_over(now));
        }
        if self.by_ip.len() >= ADDRESSES_MAX && !self.by_ip.contains_key(&ip) {
            return None;
        }
        let address = self.by_ip.entry(ip).or_default();
        address.used = now;
        Some(address)
    }

    /// Counts a datagram to an address, if it may be sent.
    pub(super) fn may_send(&mut self, now: Time, ip: IpAddr) -> bool {
        let Some(address) = self.of(now, ip) else { return false };
        if address.answered.is_some_and(|until| until > now) {
            return true;
        }
        address.answered = None;
        while address.sent.front().is_some_and(|&sent| now.since(sent) >= WINDOW) {
            address.sent.pop_front();
        }
        let is_within = address.sent.len() < UNANSWERED_MAX;
        if is_within {
            address.sent.push_back(now);
        }
        is_within
    }

    /// An address named a random number that it can know from a datagram of ours alone.
    pub(super) fn handle_answer(&mut self, now: Time, ip: IpAddr) {
        let until = now + self.trusted;
        if let Some(address) = self.of(now, ip) {
            address.answered = Some(until);
            address.sent.clear();
        }
    }

    /// Counts a signature to be verified for an address, if it may be.
    pub(super) fn may_verify(&mut self, now: Time, ip: IpAddr) -> bool {
        let is_own_within = self.of(now, ip).is_some_and(|address| address.new.take(now, MINUTE, NEW_MAX));
        is_own_within && self.verified.take(now, SECOND, VERIFIED_MAX)
    }

    /// Counts a payload of an address for the node, if it may have one more.
    pub(super) fn may_deliver(&mut self, now: Time, ip: IpAddr) -> bool {
        self.of(now, ip).is_some_and(|address| address.payloads.take(now, WINDOW, PAYLOADS_MAX))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const NOW: Time = Time(100_000_000);

    fn ip(number: u32) -> IpAddr {
        Ipv4Addr::from(number).into()
    }

    #[test]
    fn a_silent_address_gets_eight_in_ten_seconds() {
        let mut caution = Caution::new(NOW, Duration::from_secs(300));
        let sent = |caution: &mut Caution, at: Time| (0..20).filter(|_| caution.may_send(at, ip(7))).count();
        assert_eq!(sent(&mut caution, NOW), 8);
        assert_eq!(sent(&mut caution, NOW + Duration::from_secs(9)), 0);
        assert_eq!(sent(&mut caution, NOW + Duration::from_secs(10)), 8);
        caution.handle_answer(NOW, ip(7));
        assert_eq!(sent(&mut caution, NOW), 20, "it answered");
        assert_eq!(sent(&mut caution, NOW + Duration::from_secs(301)), 8, "long ago");
    }

    #[test]
    fn no_flood_of_addresses_clears_a_count() {
        let mut caution = Caution::new(NOW, Duration::from_secs(300));
        for _ in 0..8 {
            assert!(caution.may_send(NOW, ip(7)));
        }
        for number in 1_000..20_000 {
            caution.may_send(NOW + SECOND, ip(number));
        }
        assert!(caution.by_ip.len() <= ADDRESSES_MAX);
        assert!(!caution.may_send(NOW + SECOND, ip(7)), "it never answered");
        assert!(!caution.may_send(NOW + SECOND, ip(30_000)), "there is no count left for it");
        let later = NOW + SECOND + MINUTE;
        assert!(caution.may_send(later, ip(30_000)), "those counts are over");
    }
}
