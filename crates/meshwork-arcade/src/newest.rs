//! The newest request of each author and kind, so that none counts twice.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use meshwork_core::id::PeerId;
use meshwork_play::shelf::{Ask, REQUEST_AGE_MAX_MS};

/// Requests that are remembered, each with about 200 bytes. Each is forgotten when it would be refused for its age.
const REQUESTS_MAX: usize = 100_000;
/// Requests of one party, such as an IPv4 address, that are remembered: more than one in a second. Wider networks count as several
/// parties.
const PARTY_MAX: usize = 400;
/// The same once half of the memory is used: those of few are admitted then, and it takes networks of fifty providers to use the
/// other half.
const PARTY_LATE_MAX: usize = 16;

/// The widths in which networks are counted, in bits of an address, and the parties for which one of that width stands: those of
/// the server's own tables (docs/protocol/signalling.md).
const WIDTHS_V4: [(u32, usize); 3] = [(32, 1), (24, 4), (16, 64)];
const WIDTHS_V6: [(u32, usize); 4] = [(64, 1), (56, 2), (48, 4), (32, 64)];

/// The time of the newest request of each author and kind. Requests of different kinds may overtake each other on their way.
///
/// It is memory alone. Requests from before the start of the server are refused, since those that it had answered are forgotten.
/// A clock that is set back after the start would refuse all requests until it reaches its former time. The start then counts as long
/// ago, and requests of the wrong time are forgotten: a stranger who recorded one may send it again when its time comes. Publications
/// are stored once all the same.
/// Ask it last: a place in it is for requests that are permitted.
#[derive(Debug)]
pub(crate) struct Newest {
    began_ms: u64,
    by_author: BTreeMap<(PeerId, Kind), Answered>,
    /// The same, the oldest first.
    by_age: BTreeSet<(u64, PeerId, Kind)>,
    /// How many of them each network holds, of every width.
    held: BTreeMap<(IpAddr, u32), usize>,
}

/// A request that counted.
#[derive(Clone, Copy, Debug)]
struct Answered {
    at_ms: u64,
    /// The network that holds its place.
    network: IpAddr,
}

/// The kind of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Publish,
    Remove,
    Party,
    Session,
}

impl Kind {
    pub(crate) fn of(ask: &Ask) -> Kind {
        match ask {
            Ask::Publish { .. } => Kind::Publish,
            Ask::Remove { .. } => Kind::Remove,
            Ask::Party { .. } => Kind::Party,
            Ask::Session { .. } => Kind::Session,
        }
    }
}

/// A request is not newer than one that counted, or there is no place to remember it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stale {
    #[error("this request is not newer than the last one of its author and kind: make it again")]
    Replayed,
    #[error("this request is older than this start of the server: make it again")]
    BeforeStart,
    #[error("your network has sent requests of too many authors: try again in five minutes")]
    Full,
}

impl Newest {
    pub(crate) fn new(began_ms: u64) -> Newest {
        Newest { began_ms, by_author: BTreeMap::new(), by_age: BTreeSet::new(), held: BTreeMap::new() }
    }

    /// Accepts a permitted request whose age was checked, once. `network` is the client's, such as `192.0.2.1/32`.
    pub(crate) fn accept(
        &mut self,
        now_ms: u64,
        network: &str,
        (author, kind): (PeerId, Kind),
        at_ms: u64,
    ) -> Result<(), Stale> {
        if now_ms < self.began_ms {
            self.began_ms = now_ms.saturating_sub(REQUEST_AGE_MAX_MS);
        }
        if at_ms < self.began_ms {
            return Err(Stale::BeforeStart);
        }
        self.forget_aged(now_ms);
        let former = self.by_author.get(&(author, kind)).copied();
        if former.is_some_and(|former| at_ms <= former.at_ms) {
            return Err(Stale::Replayed);
        }
        let network = match former {
            Some(former) => former.network,
            None => {
                let network = address_of(network);
                if !self.has_place(network) {
                    return Err(Stale::Full);
                }
                self.count(network, |held| held + 1);
                network
            }
        };
        if let Some(former) = former {
            self.by_age.remove(&(former.at_ms, author, kind));
        }
        self.by_author.insert((author, kind), Answered { at_ms, network });
        self.by_age.insert((at_ms, author, kind));
        Ok(())
    }

    /// Forgets requests that would be refused for their age.
    fn forget_aged(&mut self, now_ms: u64) {
        while let Some(&oldest) = self.by_age.first()
            && now_ms.saturating_sub(oldest.0) > REQUEST_AGE_MAX_MS
        {
            self.forget(oldest);
        }
        // The clock was set back.
        while let Some(&newest) = self.by_age.last()
            && newest.0.saturating_sub(now_ms) > REQUEST_AGE_MAX_MS
        {
            self.forget(newest);
        }
    }

    fn forget(&mut self, request: (u64, PeerId, Kind)) {
        self.by_age.remove(&request);
        if let Some(answered) = self.by_author.remove(&(request.1, request.2)) {
            self.count(answered.network, |held| held - 1);
        }
    }

    /// Whether a network, and each around it, has less than its share.
    fn has_place(&self, network: IpAddr) -> bool {
        let used = self.by_author.len();
        let most = if used < REQUESTS_MAX / 2 { PARTY_MAX } else { PARTY_LATE_MAX };
        let is_below = |(around, parties)| self.held.get(&around).is_none_or(|held| *held < most * parties);
        used < REQUESTS_MAX && around(network).all(is_below)
    }

    fn count(&mut self, network: IpAddr, change: impl Fn(usize) -> usize) {
        for (around, _) in around(network) {
            let held = change(self.held.get(&around).copied().unwrap_or(0));
            if held == 0 {
                self.held.remove(&around);
            } else {
                self.held.insert(around, held);
            }
        }
    }
}

/// The address of a network. A text that is none counts as one network with all such texts.
fn address_of(network: &str) -> IpAddr {
    let address = network.split('/').next().unwrap_or_default();
    address.parse::<IpAddr>().map_or(Ipv4Addr::UNSPECIFIED.into(), |address| address.to_canonical())
}

/// A network and those that it lies in, with the parties for which each stands.
fn around(network: IpAddr) -> impl Iterator<Item = ((IpAddr, u32), usize)> {
    let widths = if network.is_ipv4() { &WIDTHS_V4[..] } else { &WIDTHS_V6[..] };
    widths.iter().map(move |&(bits, parties)| {
        let first = match network {
            IpAddr::V4(v4) => {
                Ipv4Addr::from_bits(v4.to_bits() & !(u32::MAX.checked_shr(bits).unwrap_or(0))).into()
            }
            IpAddr::V6(v6) => {
                Ipv6Addr::from_bits(v6.to_bits() & !(u128::MAX.checked_shr(bits).unwrap_or(0))).into()
            }
        };
        ((first, bits), parties)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: &str = "192.0.2.1/32";

    fn author(number: usize) -> PeerId {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&number.to_be_bytes());
        PeerId(key)
    }

    #[test]
    fn each_request_counts_once() {
        let (alice, bob) = (author(1), author(2));
        let mut newest = Newest::new(100);
        let mut accept = |now_ms, who, at_ms| newest.accept(now_ms, HOME, who, at_ms);
        assert_eq!(accept(100, (alice, Kind::Party), 99), Err(Stale::BeforeStart));
        assert_eq!(accept(100, (alice, Kind::Party), 100), Ok(()));
        assert_eq!(accept(100, (alice, Kind::Party), 100), Err(Stale::Replayed));
        assert_eq!(accept(100, (bob, Kind::Party), 100), Ok(()));
        assert_eq!(accept(200, (alice, Kind::Party), 101), Ok(()));
        assert_eq!(accept(200, (alice, Kind::Party), 100), Err(Stale::Replayed));
        assert_eq!(accept(200, (alice, Kind::Session), 100), Ok(()), "another kind");
    }

    #[test]
    fn clocks_that_step_back_refuse_nobody() {
        let (alice, bob) = (author(1), author(2));
        let hours = 2 * 60 * 60 * 1000;
        let right = 100 * hours;
        let mut newest = Newest::new(right + hours);
        let mut accept = |now_ms, who, at_ms| newest.accept(now_ms, HOME, who, at_ms);
        assert_eq!(accept(right + hours, (alice, Kind::Party), right + hours), Ok(()));
        // A request takes a moment.
        assert_eq!(accept(right + 20, (alice, Kind::Party), right), Ok(()));
        assert_eq!(accept(right + 20, (bob, Kind::Publish), right), Ok(()));
        assert_eq!(
            accept(right + 30, (alice, Kind::Party), right),
            Err(Stale::Replayed),
            "once all the same"
        );
        assert_eq!(newest.held.values().max(), Some(&2));
    }

    #[test]
    fn full_memory_forgets_only_aged_requests() {
        let mut newest = Newest::new(0);
        let mut accept =
            |now_ms, number, at_ms| newest.accept(now_ms, HOME, (author(number), Kind::Party), at_ms);
        for number in 0..PARTY_MAX {
            accept(0, number, 1).unwrap();
        }
        assert_eq!(accept(10, PARTY_MAX, 10), Err(Stale::Full));
        assert_eq!(accept(10, 5, 10), Ok(()), "it has a place");
        let later = REQUEST_AGE_MAX_MS + 2;
        assert_eq!(accept(later, PARTY_MAX, later), Ok(()));
        assert_eq!(accept(later, 5, 10), Err(Stale::Replayed), "its request could still be replayed");
        accept(2 * later, 0, 2 * later).unwrap();
        assert_eq!((newest.by_author.len(), newest.by_age.len(), newest.held.len()), (1, 1, 3));
    }

    #[test]
    fn floods_of_authors_leave_places_for_others() {
        let mut newest = Newest::new(0);
        let mut sent = 0;
        let mut flood = |newest: &mut Newest, address: String| {
            for _ in 0..PARTY_MAX {
                sent += 1;
                // An error says that this network has its share.
                let _ = newest.accept(0, &address, (author(sent), Kind::Party), 1);
            }
        };
        for host in 0..250 {
            flood(&mut newest, format!("198.51.100.{host}/32"));
        }
        assert_eq!(newest.by_author.len(), 4 * PARTY_MAX, "a /24 stands for four");
        for site in 0..100 {
            flood(&mut newest, format!("2001:db8:{site:x}::/64"));
        }
        assert!(
            newest.by_author.len() < REQUESTS_MAX / 2,
            "a provider stands for 64: {}",
            newest.by_author.len()
        );
        for provider in 0..30 {
            (0..64).for_each(|site| flood(&mut newest, format!("10.{provider}.{site}.1/32")));
        }
        assert!(newest.by_author.len() < REQUESTS_MAX, "{}", newest.by_author.len());
        for number in 0..PARTY_LATE_MAX {
            let honest = (author(usize::MAX - number), Kind::Publish);
            assert_eq!(newest.accept(0, "203.0.113.9/32", honest, 1), Ok(()), "{number}");
        }
    }
}
