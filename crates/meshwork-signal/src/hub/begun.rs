//! Conversations that others began with a socket lately, so that no network begins more than an endpoint can answer.

use std::time::Duration;

use meshwork_core::time::Time;

use super::SocketId;
use crate::fair::{Holdings, Merit, Network};

/// How long a conversation counts as begun lately: a link opens sooner, or is offered anew.
const LATELY: Duration = Duration::from_secs(10);
/// Conversations that others may begin with one socket in that time. An endpoint has places for 64 attempts, half of them
/// for what others ask: at 13 a second each lasts more than two seconds before it gives way, and most links open in one.
pub(super) const BEGUN_MAX: usize = 128;
/// Of these so many may be one network's. A meeting of 64 behind one address begins in one moment.
pub(super) const BEGUN_PER_NETWORK_MAX: usize = 64;

/// What others began with one socket, the oldest first; at most [`BEGUN_MAX`].
#[derive(Default)]
pub(super) struct Conversations(Vec<Begun>);

struct Begun {
    by: SocketId,
    network: Network,
    at: Time,
}

impl Conversations {
    pub(super) fn contains(&self, by: SocketId) -> bool {
        self.0.iter().any(|begun| begun.by == by)
    }

    /// Somebody of a network says something. False where that begins a conversation, and the network has begun enough.
    pub(super) fn begin(&mut self, now: Time, by: SocketId, network: Network) -> bool {
        self.0.retain(|begun| now.since(begun.at) < LATELY);
        if self.contains(by) {
            return true;
        }
        let of_network = self.0.iter().filter(|begun| begun.network == network).count();
        if of_network >= BEGUN_PER_NETWORK_MAX || self.0.len() >= BEGUN_MAX && !self.make_place(network) {
            return false;
        }
        self.0.push(Begun { by, network, at: now });
        true
    }

    /// Counts one conversation no more: of the network that began most, unless that is this one. Where nobody began more
    /// than one the oldest.
    fn make_place(&mut self, network: Network) -> bool {
        let mut holdings = Holdings::default();
        for (place, begun) in self.0.iter().enumerate() {
            holdings.insert(begun.network, Merit::new(0, begun.at), place);
        }
        let least = holdings.gives_way(network).or_else(|| holdings.is_least(network).then_some(0));
        least.map(|place| self.0.remove(place)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        Network::of(text.parse().unwrap())
    }

    #[test]
    fn one_network_leaves_half_to_others() {
        let mut begun = Conversations::default();
        let flood = (0..1_000).filter(|&by| begun.begin(Time(0), SocketId(by), network("192.0.2.1"))).count();
        assert_eq!(flood, BEGUN_PER_NETWORK_MAX);
        assert!(begun.begin(Time(0), SocketId(0), network("192.0.2.1")), "what was begun goes on");
        assert!(begun.begin(Time(0), SocketId(2_000), network("198.51.100.1")));
        assert!(begun.begin(Time(0) + LATELY, SocketId(999), network("192.0.2.1")));
    }

    #[test]
    fn many_networks_of_one_provider_give_way() {
        let mut begun = Conversations::default();
        let of = |number: u64| network(&format!("2001:db8:{number:x}::1"));
        let flood = (0..1_000).filter(|&by| begun.begin(Time(0), SocketId(by), of(by))).count();
        assert_eq!(flood, BEGUN_MAX);
        for number in 0..10 {
            assert!(begun.begin(Time(0), SocketId(2_000 + number), network(&format!("203.{number}.113.9"))));
        }
        assert_eq!(begun.0.len(), BEGUN_MAX);
    }

    #[test]
    fn a_network_that_began_nothing_yet_is_heard() {
        let mut begun = Conversations::default();
        let of = |number: u64| network(&format!("{}.{}.0.1", 1 + number / 200, number % 200));
        for by in 0..500 {
            assert!(begun.begin(Time(0), SocketId(by), of(by)), "{by}: each network begins one");
        }
        assert!(!begun.begin(Time(0), SocketId(900), of(499)), "one more of the same");
    }
}
