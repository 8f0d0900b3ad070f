//! Relayed addresses: which stand, for whom, and which ports are free (RFC 8656, section 7.2).

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use meshwork_core::rng::Rng;
use meshwork_core::time::Time;

use crate::fair::{Holdings, Merit, Network};
use crate::turn::allocation::{End, Family};
use crate::turn::config::RelayAddress;
use crate::turn::io::{Outbox, RelayId};

/// How long a reserved port stands (RFC 8656, section 7.2).
const RESERVATION_LIFE: Duration = Duration::from_secs(30);
/// Reserved ports at once: nobody uses them any more, and they must not use up the ports.
pub(super) const RESERVATIONS_MAX: usize = 64;

/// All relayed addresses, each a socket that is bound or to be bound.
pub(super) struct Ends {
    /// Where they may be, one for each family at most.
    places: Vec<RelayAddress>,
    ports: RangeInclusive<u16>,
    ends: HashMap<RelayId, RelayEnd>,
    /// The same by the address that peers see.
    advertised: HashMap<SocketAddr, RelayId>,
    /// Those that stand for whoever shows their token.
    reservations: HashMap<u64, Reservation>,
    /// The same by the networks that made them.
    holders: Holdings<u64>,
    /// When each of these ends, unless it was claimed.
    timers: BTreeSet<(Time, RelayId)>,
    next: u32,
}

struct Reservation {
    relay: RelayId,
    network: Network,
    merit: Merit,
}

struct RelayEnd {
    advertised: SocketAddr,
    holder: Holder,
    is_bound: bool,
}

/// For whom a relayed address stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    Allocation(usize),
    /// For whoever shows the token; zero until that is handed out.
    Reservation {
        token: u64,
        by: usize,
    },
}

impl Ends {
    pub(super) fn new(places: Vec<RelayAddress>, ports: RangeInclusive<u16>) -> Ends {
        Ends {
            places,
            ports,
            ends: HashMap::new(),
            advertised: HashMap::new(),
            reservations: HashMap::new(),
            holders: Holdings::default(),
            timers: BTreeSet::new(),
            next: 0,
        }
    }

    /// Where addresses of this family are relayed.
    pub(super) fn place(&self, family: Family) -> Option<RelayAddress> {
        self.places.iter().copied().find(|place| Family::of(place.bind) == family)
    }

    /// The family of relayed addresses for who names none: IPv4 (RFC 8656, section 7.2), but IPv6 where that alone is
    /// relayed, since browsers name none whatever the relay's own address is.
    pub(super) fn default_family(&self) -> Family {
        if self.place(Family::V4).is_some() { Family::V4 } else { Family::V6 }
    }

    /// Whether others reach relayed addresses under this one.
    pub(super) fn is_advertised(&self, address: IpAddr) -> bool {
        self.places.iter().any(|place| place.advertised == address)
    }

    /// The relayed address that peers see as this one.
    pub(super) fn at(&self, advertised: SocketAddr) -> Option<RelayId> {
        self.advertised.get(&advertised).copied()
    }

    /// The allocation that a relayed address stands for.
    pub(super) fn held_by(&self, relay: RelayId) -> Option<usize> {
        match self.ends.get(&relay)?.holder {
            Holder::Allocation(key) => Some(key),
            Holder::Reservation { .. } => None,
        }
    }

    /// A port nobody has, drawn so that nobody can foresee it (RFC 8656, section 7.2).
    pub(super) fn free_port(
        &self,
        rng: &mut Rng,
        place: RelayAddress,
        is_even: bool,
        is_pair: bool,
    ) -> Option<u16> {
        let (first, last) = (u32::from(*self.ports.start()), u32::from(*self.ports.end()));
        let count = last - first + 1;
        let start = u32::try_from(rng.below(count.into())).unwrap_or(0);
        let is_free = |port: u16| !self.advertised.contains_key(&SocketAddr::new(place.advertised, port));
        (0..count)
            .filter_map(|offset| u16::try_from(first + (start + offset) % count).ok())
            .filter(|port| !is_even || port % 2 == 0)
            .find(|&port| is_free(port) && (!is_pair || u32::from(port) < last && is_free(port + 1)))
    }

    /// Asks for the socket of a relayed address.
    pub(super) fn open(
        &mut self,
        outbox: &mut Outbox,
        place: RelayAddress,
        port: u16,
        holder: Holder,
    ) -> End {
        // Numbers come round after four thousand million; one that still stands is passed over.
        let relay = loop {
            let relay = RelayId(self.next);
            self.next = self.next.wrapping_add(1);
            if !self.ends.contains_key(&relay) {
                break relay;
            }
        };
        let advertised = SocketAddr::new(place.advertised, port);
        self.ends.insert(relay, RelayEnd { advertised, holder, is_bound: false });
        self.advertised.insert(advertised, relay);
        outbox.bind(relay, SocketAddr::new(place.bind, port));
        End { relay, advertised }
    }

    /// Notes whether a socket was bound; one that was not is forgotten. Returns the allocation that asked for it, and its
    /// family; none where it was given up meanwhile.
    pub(super) fn note_bound(&mut self, relay: RelayId, is_bound: bool) -> Option<(usize, Family)> {
        let end = self.ends.get_mut(&relay)?;
        end.is_bound = is_bound;
        let (advertised, holder) = (end.advertised, end.holder);
        if !is_bound {
            self.ends.remove(&relay);
            self.advertised.remove(&advertised);
        }
        let (Holder::Allocation(key) | Holder::Reservation { by: key, .. }) = holder;
        Some((key, Family::of(advertised.ip())))
    }

    pub(super) fn is_bound(&self, relay: RelayId) -> bool {
        self.ends.get(&relay).is_some_and(|end| end.is_bound)
    }

    pub(super) fn close(&mut self, outbox: &mut Outbox, relay: RelayId) {
        if let Some(end) = self.ends.remove(&relay) {
            self.advertised.remove(&end.advertised);
            outbox.unbind(relay);
        }
    }

    /// Keeps a port for whoever shows the token.
    pub(super) fn reserve(&mut self, now: Time, relay: RelayId, token: u64, network: Network) {
        if let Some(end) = self.ends.get_mut(&relay) {
            end.holder = Holder::Reservation { token, by: usize::MAX };
        }
        let merit = Merit::new(0, now);
        self.holders.insert(network, merit, token);
        self.reservations.insert(token, Reservation { relay, network, merit });
        self.timers.insert((now + RESERVATION_LIFE, relay));
    }

    /// Whether one more port may be reserved for `network`. Where all reservations are made the network that has most
    /// gives one up.
    pub(super) fn may_reserve(&mut self, outbox: &mut Outbox, network: Network) -> bool {
        if self.reservations.len() < RESERVATIONS_MAX {
            return true;
        }
        let least = self.holders.gives_way(network);
        let given = least.and_then(|token| self.forget_reservation(token));
        given.map(|relay| self.close(outbox, relay)).is_some()
    }

    /// How many are reserved, at most [`RESERVATIONS_MAX`].
    #[cfg(test)]
    pub(super) fn reservations(&self) -> usize {
        self.reservations.len()
    }

    /// Reserves a port no more, and names it.
    fn forget_reservation(&mut self, token: u64) -> Option<RelayId> {
        let Reservation { relay, network, merit } = self.reservations.remove(&token)?;
        self.holders.remove(network, merit, token);
        Some(relay)
    }

    pub(super) fn is_reserved(&self, token: u64) -> bool {
        self.reservations.contains_key(&token)
    }

    /// Gives what is reserved to an allocation. Its timer finds another holder then, and does nothing.
    pub(super) fn claim(&mut self, token: u64, key: usize) -> Option<End> {
        let relay = self.forget_reservation(token)?;
        let end = self.ends.get_mut(&relay)?;
        end.holder = Holder::Allocation(key);
        Some(End { relay, advertised: end.advertised })
    }

    /// When a reservation ends.
    pub(super) fn due(&self) -> Option<Time> {
        self.timers.first().map(|&(time, _)| time)
    }

    /// The time has come that [`due`](Ends::due) names.
    pub(super) fn end_reservation(&mut self, outbox: &mut Outbox) {
        let Some((_, relay)) = self.timers.pop_first() else { return };
        if let Some(&RelayEnd { holder: Holder::Reservation { token, .. }, .. }) = self.ends.get(&relay) {
            self.forget_reservation(token);
            self.close(outbox, relay);
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
            && self.advertised.is_empty()
            && self.reservations.is_empty()
            && self.holders.is_empty()
            && self.timers.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::turn::io::Output;

    const PLACE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn ends() -> (Ends, RelayAddress) {
        let place = RelayAddress { bind: PLACE, advertised: PLACE };
        (Ends::new(vec![place], 2000..=2003), place)
    }

    #[test]
    fn ports_are_used_up_and_come_back() {
        let ((mut ends, place), mut outbox, mut rng) = (ends(), Outbox::default(), Rng::new([1; 32]));
        for _ in 0..4 {
            let port = ends.free_port(&mut rng, place, false, false).expect("one is free");
            ends.open(&mut outbox, place, port, Holder::Allocation(0));
        }
        assert_eq!(ends.free_port(&mut rng, place, false, false), None);
        for port in [2001, 2002] {
            let relay = ends.at(SocketAddr::new(PLACE, port)).expect("it stands");
            ends.close(&mut outbox, relay);
        }
        assert_eq!(ends.free_port(&mut rng, place, true, true), None, "no pair begins there");
        assert_eq!(ends.free_port(&mut rng, place, true, false), Some(2002));
    }

    #[test]
    fn a_reserved_port_waits_for_its_token() {
        let ((mut ends, place), mut outbox) = (ends(), Outbox::default());
        let [one, other] = [2000, 2001].map(|port| {
            let relay = ends.open(&mut outbox, place, port, Holder::Reservation { token: 0, by: 7 }).relay;
            assert_eq!(ends.note_bound(relay, true), Some((7, Family::V4)));
            ends.reserve(Time(0), relay, port.into(), Network::of(PLACE));
            relay
        });
        assert_eq!(ends.held_by(one), None);
        assert_eq!(ends.claim(2000, 8).map(|end| end.relay), Some(one));
        assert_eq!((ends.held_by(one), ends.is_reserved(2000)), (Some(8), false));
        while outbox.poll().is_some() {}
        assert_eq!(ends.due(), Some(Time(0) + RESERVATION_LIFE));
        while ends.due().is_some() {
            ends.end_reservation(&mut outbox);
        }
        assert_eq!(outbox.poll(), Some(Output::Unbind { relay: other }), "nobody came for it");
        assert_eq!((ends.is_bound(one), outbox.poll()), (true, None));
    }
}
