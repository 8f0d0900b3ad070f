//! Making and ending allocations, and the ports that they stand on (RFC 8656, sections 7 and 5).

use std::net::SocketAddr;
use std::time::Duration;

use meshwork_core::time::{Now, Time};
use stun_types::attribute::ErrorCode;
use stun_types::message::{Message, TransactionId};
use turn_types::AddressFamily;
use turn_types::attribute::{
    AdditionalAddressFamily, AddressErrorCode, EvenPort, Lifetime, RequestedAddressFamily,
    RequestedTransport, ReservationToken, XorRelayedAddress,
};

use super::authenticate::{Authentic, Signer};
use super::requests::{MALFORMED, family, optional};
use super::{Holder, Relay, RelayEnd, Request, Timer, granted_lifetime};
use crate::fair::Network;
use crate::turn::allocation::{Allocation, End, Family};
use crate::turn::answer::Answer;
use crate::turn::config::RelayAddress;
use crate::turn::counts::Refusal;
use crate::turn::io::{Client, RelayId};
use crate::turn::quota::Shares;

/// How long a reserved port stands (RFC 8656, section 7.2).
const RESERVATION_LIFE: Duration = Duration::from_secs(30);
/// Reserved ports at once: nobody uses them any more, and they must not use up the ports.
pub(super) const RESERVATIONS_MAX: usize = 64;
/// How often another port is tried after one could not be bound: other programs use some of them.
const BIND_TRIES: u8 = 8;

/// An allocation whose sockets are still to be bound.
pub(in crate::turn) struct Pending {
    request: Vec<u8>,
    transaction: TransactionId,
    remote: SocketAddr,
    signer: Signer,
    lifetime: Duration,
    /// Why the second address family is missing.
    additional_error: Option<u16>,
    /// The port that is to be reserved.
    reserves: Option<RelayId>,
    /// Whether the port must be even.
    is_even: bool,
    tries: u8,
}

impl Pending {
    pub(in crate::turn) fn transaction(&self) -> TransactionId {
        self.transaction
    }
}

/// What an Allocate request asks for.
struct Wanted {
    lifetime: Option<u32>,
    family: Family,
    /// IPv6 as well.
    is_dual: bool,
    /// An even port, and the one above reserved.
    even: Option<bool>,
    token: Option<u64>,
}

/// What was found for it.
enum Place {
    Reserved { token: u64, relay: RelayId },
    Port { port: u16, is_pair: bool },
}

impl Relay {
    pub(super) fn handle_allocate(&mut self, request: &Request<'_>, authentic: Authentic) {
        if let Some(&key) = self.clients.get(&request.client) {
            let allocation = &self.allocations[key];
            if allocation.made_by != request.message.transaction_id() {
                return self.refuse(request, (437, Refusal::Mismatch), &authentic.signer);
            }
            // Asked again because the answer was lost (RFC 8656, section 7.2); while it is pending there is none.
            if allocation.pending.is_none() {
                self.outbox.send_to_client(request.client, false, [&allocation.answer, &[]]);
            }
            return;
        }
        match self.prepare(request, &authentic) {
            Ok((wanted, place, shares)) => self.allocate(request, authentic, &wanted, place, shares),
            Err(refusal) => self.refuse(request, refusal, &authentic.signer),
        }
    }

    /// Checks in the order of RFC 8656, section 7.2.
    fn prepare(
        &mut self,
        request: &Request<'_>,
        authentic: &Authentic,
    ) -> Result<(Wanted, Place, Shares), (u16, Refusal)> {
        if self.is_draining {
            return Err((508, Refusal::Draining));
        }
        if authentic.is_expired(request) {
            return Err((401, Refusal::Expired));
        }
        if !authentic.makes_allocations {
            return Err((401, Refusal::Forged));
        }
        let (network, now) = (Network::of(request.remote.ip()), request.now.time);
        let wanted = Wanted::read(&request.message, self.default_family())?;
        let relay_address = self.relay_address(wanted.family).ok_or((440, Refusal::Family))?;
        let full = (508, Refusal::Capacity);
        let place = match wanted.token {
            Some(token) => {
                let relay = *self.reservations.get(&token).ok_or(full)?;
                Place::Reserved { token, relay }
            }
            None => {
                let is_pair = wanted.even == Some(true);
                if is_pair && self.reservations.len() >= RESERVATIONS_MAX {
                    return Err(full);
                }
                let find = |relay: &mut Relay| relay.free_port(relay_address, wanted.even.is_some(), is_pair);
                let found = find(self);
                // A pair of ports is too much to ask others for.
                let port = match found {
                    None if !is_pair && self.make_way(now, network) => find(self),
                    found => found,
                };
                Place::Port { port: port.ok_or(full)?, is_pair }
            }
        };
        let counted = self.config.counted(request.remote.ip());
        let mut admitted = self.quotas.admit(now, &self.config, &authentic.name, counted);
        if admitted.as_ref().err() == Some(&Refusal::Capacity) && self.make_way(now, network) {
            admitted = self.quotas.admit(now, &self.config, &authentic.name, counted);
        }
        match admitted {
            Ok(shares) => Ok((wanted, place, shares)),
            Err(Refusal::Capacity) => Err(full),
            Err(cause) => Err((486, cause)),
        }
    }

    /// Ends an allocation of the network that has most, unless that is this one.
    fn make_way(&mut self, now: Time, network: Network) -> bool {
        let Some(least) = self.holders.gives_way(network) else { return false };
        self.counts.refuse(Refusal::GaveWay);
        self.remove_allocation(now, least);
        true
    }

    fn allocate(
        &mut self,
        request: &Request<'_>,
        authentic: Authentic,
        wanted: &Wanted,
        place: Place,
        shares: Shares,
    ) {
        let credentials_end = authentic.end(request, self.config.outlives_credentials);
        let lifetime = granted_lifetime(&self.config, wanted.lifetime);
        let lifetime = lifetime.min(credentials_end.since(request.now.time));
        let expires = request.now.time + lifetime;
        let pending = Pending {
            request: request.bytes.to_vec(),
            transaction: request.message.transaction_id(),
            remote: request.remote,
            signer: authentic.signer,
            lifetime,
            additional_error: None,
            reserves: None,
            is_even: wanted.even.is_some(),
            tries: 0,
        };
        let times = [request.now.time, expires, credentials_end];
        let network = Network::of(request.remote.ip());
        let mut allocation = Allocation::new(request.client, authentic.name, network, shares, pending, times);
        allocation.timer = allocation.next_look(self.config.unused_after);
        let (merit, timer) = (allocation.merit(), allocation.timer);
        let key = self.allocations.insert(allocation);
        if self.config.counted(request.remote.ip()).is_some() {
            self.holders.insert(network, merit, key);
        }
        self.clients.insert(request.client, key);
        if let Client::Stream(stream) = request.client {
            self.note_use(stream);
        }
        self.set_timer(timer, Timer::Allocation(key));
        match place {
            Place::Reserved { token, relay } => self.claim_reserved(key, token, relay),
            Place::Port { port, is_pair } => self.claim_ports(key, wanted, port, is_pair),
        }
        self.answer_if_bound(key);
    }

    fn claim_reserved(&mut self, key: usize, token: u64, relay: RelayId) {
        self.reservations.remove(&token);
        if let Some(end) = self.ends.get_mut(&relay) {
            end.holder = Holder::Allocation(key);
            let advertised = end.advertised;
            self.allocations[key].ends[Family::of(advertised.ip()) as usize] =
                Some(End { relay, advertised });
        }
        // Its timer finds another holder, and does nothing.
    }

    fn claim_ports(&mut self, key: usize, wanted: &Wanted, port: u16, is_pair: bool) {
        self.claim(key, wanted.family, port, is_pair);
        if wanted.is_dual {
            let address = self.relay_address(Family::V6);
            let port = address.and_then(|address| self.free_port(address, false, false));
            match (address, port) {
                (Some(_), Some(port)) => self.claim(key, Family::V6, port, false),
                (Some(_), None) => self.change_pending(key, |pending| pending.additional_error = Some(508)),
                (None, _) => self.change_pending(key, |pending| pending.additional_error = Some(440)),
            }
        }
    }

    /// Takes a port that is free for an allocation, and of a pair the next one for who shows its token.
    fn claim(&mut self, key: usize, family: Family, port: u16, is_pair: bool) {
        let Some(address) = self.relay_address(family) else { return };
        let relay = self.open_end(address, port, Holder::Allocation(key));
        let advertised = SocketAddr::new(address.advertised, port);
        self.allocations[key].ends[family as usize] = Some(End { relay, advertised });
        if is_pair {
            let relay = self.open_end(address, port + 1, Holder::Reservation { token: 0, by: key });
            self.change_pending(key, |pending| pending.reserves = Some(relay));
        }
    }

    fn open_end(&mut self, address: RelayAddress, port: u16, holder: Holder) -> RelayId {
        // Numbers come round after four thousand million; one that still stands is passed over.
        let relay = loop {
            let relay = RelayId(self.next_relay);
            self.next_relay = self.next_relay.wrapping_add(1);
            if !self.ends.contains_key(&relay) {
                break relay;
            }
        };
        let advertised = SocketAddr::new(address.advertised, port);
        self.ends.insert(relay, RelayEnd { advertised, holder, is_bound: false });
        self.advertised.insert(advertised, relay);
        self.outbox.bind(relay, SocketAddr::new(address.bind, port));
        relay
    }

    /// A port nobody has, drawn so that nobody can foresee it (RFC 8656, section 7.2).
    fn free_port(&mut self, address: RelayAddress, is_even: bool, is_pair: bool) -> Option<u16> {
        let (first, last) = (u32::from(*self.config.ports.start()), u32::from(*self.config.ports.end()));
        let count = last - first + 1;
        let start = u32::try_from(self.rng.below(count.into())).unwrap_or(0);
        let is_free = |port: u16| !self.advertised.contains_key(&SocketAddr::new(address.advertised, port));
        (0..count)
            .filter_map(|offset| u16::try_from(first + (start + offset) % count).ok())
            .filter(|port| !is_even || port % 2 == 0)
            .find(|&port| is_free(port) && (!is_pair || u32::from(port) < last && is_free(port + 1)))
    }

    /// What became of [`Output::Bind`](super::Output::Bind).
    pub fn handle_bound(&mut self, now: Now, relay: RelayId, is_bound: bool) {
        let Some(end) = self.ends.get_mut(&relay) else { return };
        end.is_bound = is_bound;
        let (Holder::Allocation(key) | Holder::Reservation { by: key, .. }) = end.holder;
        if !is_bound {
            let advertised = end.advertised;
            self.ends.remove(&relay);
            self.advertised.remove(&advertised);
            self.handle_not_bound(now, key, relay, Family::of(advertised.ip()));
        }
        self.answer_if_bound(key);
    }

    fn handle_not_bound(&mut self, now: Now, key: usize, relay: RelayId, family: Family) {
        let Some(allocation) = self.allocations.get_mut(key) else { return };
        let Some(pending) = allocation.pending.as_mut() else { return };
        pending.tries += 1;
        let is_second = family == Family::V6 && allocation.ends[Family::V4 as usize].is_some();
        let (is_even, may_try) = (pending.is_even, pending.tries <= BIND_TRIES);
        // One of a pair is of no use without the other.
        let reserved = pending.reserves.take();
        let is_pair = reserved.is_some();
        let own = allocation.ends[family as usize].take_if(|end| is_pair || end.relay == relay);
        own.map(|end| end.relay).into_iter().chain(reserved).for_each(|end| self.close_end(end));
        let address = self.relay_address(family).filter(|_| may_try);
        match address.and_then(|address| self.free_port(address, is_even, is_pair)) {
            Some(port) => self.claim(key, family, port, is_pair),
            None if is_second => self.change_pending(key, |pending| pending.additional_error = Some(508)),
            None => self.fail(now, key),
        }
    }

    /// No port could be bound.
    fn fail(&mut self, now: Now, key: usize) {
        let Some(pending) = self.allocations[key].pending.take() else { return };
        let client = self.allocations[key].client;
        self.remove_allocation(now.time, key);
        if let Ok(message) = Message::from_bytes(&pending.request) {
            let request = Request { now, client, remote: pending.remote, message, bytes: &pending.request };
            self.refuse(&request, (508, Refusal::Capacity), &pending.signer);
        }
    }

    fn change_pending(&mut self, key: usize, change: impl FnOnce(&mut Pending)) {
        if let Some(pending) = self.allocations[key].pending.as_mut() {
            change(pending);
        }
    }

    /// Tells the client once all of its sockets are bound.
    fn answer_if_bound(&mut self, key: usize) {
        let Some(allocation) = self.allocations.get_mut(key) else { return };
        let ends = allocation.ends;
        let reserves = allocation.pending.as_ref().and_then(|pending| pending.reserves);
        let is_bound = ends
            .iter()
            .flatten()
            .map(|end| end.relay)
            .chain(reserves)
            .all(|relay| self.ends.get(&relay).is_some_and(|end| end.is_bound));
        let Some(pending) = allocation.pending.take_if(|_| is_bound) else { return };
        let (client, expires) = (allocation.client, allocation.expires);
        let Ok(message) = Message::from_bytes(&pending.request) else { return };
        let mut answer = Answer::success(&message);
        for end in ends.iter().flatten() {
            answer = answer.with(&XorRelayedAddress::new(end.advertised, message.transaction_id()));
        }
        let seconds = u32::try_from(pending.lifetime.as_secs()).unwrap_or(u32::MAX);
        answer = answer.with(&Lifetime::new(seconds));
        if let Some(relay) = reserves {
            let token = self.reserve(relay, expires - pending.lifetime);
            answer = answer.with(&ReservationToken::new(token));
        }
        answer = answer.with_mapped_address(&message, pending.remote);
        if let Some(code) = pending.additional_error {
            let error = ErrorCode::builder(code).build().expect("a legal code");
            answer = answer.with(&AddressErrorCode::new(AddressFamily::IPV6, error));
        }
        let bytes = self.answer(client, answer, Some(&pending.signer));
        self.allocations[key].answer = bytes;
        self.counts.allocations_made.add(1);
        self.counts.allocations.set(self.allocations.len() as u64);
    }

    /// Keeps a port for whoever shows the token.
    fn reserve(&mut self, relay: RelayId, now: Time) -> u64 {
        let token = self.rng.next_u64().max(1);
        if let Some(end) = self.ends.get_mut(&relay) {
            end.holder = Holder::Reservation { token, by: usize::MAX };
        }
        self.reservations.insert(token, relay);
        self.set_timer(now + RESERVATION_LIFE, Timer::Reservation(relay));
        token
    }

    pub(super) fn end_reservation(&mut self, relay: RelayId) {
        if let Some(RelayEnd { holder: Holder::Reservation { token, .. }, .. }) = self.ends.get(&relay) {
            self.reservations.remove(token);
            self.close_end(relay);
        }
    }

    /// Gives up the relayed address of one family, or all.
    pub(super) fn end_family(&mut self, now: Time, key: usize, family: Option<Family>) {
        if let Some(family) = family
            && let Some(end) = self.allocations[key].ends[family as usize].take()
        {
            self.close_end(end.relay);
        }
        if family.is_none() || self.allocations[key].ends.iter().all(Option::is_none) {
            self.remove_allocation(now, key);
        }
    }

    pub(super) fn handle_allocation_timer(&mut self, now: Time, key: usize) {
        let (allocation, most) = (&mut self.allocations[key], self.config.unused_after);
        let is_unused = allocation.is_unused(now, most);
        if allocation.expires > now && !is_unused {
            allocation.timer = allocation.next_look(most);
            let timer = allocation.timer;
            return self.set_timer(timer, Timer::Allocation(key));
        }
        if is_unused {
            self.counts.refuse(Refusal::Idle);
        }
        self.remove_allocation(now, key);
    }

    pub(super) fn move_allocation_timer(&mut self, key: usize, to: Time) {
        let from = std::mem::replace(&mut self.allocations[key].timer, to);
        self.timers.remove(&(from, Timer::Allocation(key)));
        self.set_timer(to, Timer::Allocation(key));
    }

    pub(super) fn remove_allocation(&mut self, now: Time, key: usize) {
        let gone = self.allocations.remove(key);
        self.holders.remove(gone.network, gone.merit(), key);
        self.clients.remove(&gone.client);
        self.timers.remove(&(gone.timer, Timer::Allocation(key)));
        for end in gone.ends.into_iter().flatten() {
            self.close_end(end.relay);
        }
        if let Some(reserved) = gone.pending.and_then(|pending| pending.reserves) {
            self.close_end(reserved);
        }
        self.quotas.release(now, gone.shares);
        self.counts.allocations.set(self.allocations.len() as u64);
        if let Client::Stream(stream) = gone.client {
            self.expect_use(now, stream);
        }
    }

    /// The family of relayed addresses for who names none: IPv4 (RFC 8656, section 7.2), but IPv6 where that alone is
    /// relayed, since browsers name none whatever the relay's own address is.
    fn default_family(&self) -> Family {
        if self.relay_address(Family::V4).is_some() { Family::V4 } else { Family::V6 }
    }

    fn close_end(&mut self, relay: RelayId) {
        if let Some(end) = self.ends.remove(&relay) {
            self.advertised.remove(&end.advertised);
            self.outbox.unbind(relay);
        }
    }
}

impl Wanted {
    fn read(message: &Message<'_>, default_family: Family) -> Result<Wanted, (u16, Refusal)> {
        /// The number of UDP among protocols of the internet.
        const UDP: u8 = 17;
        let transport = optional::<RequestedTransport>(message)?.ok_or(MALFORMED)?;
        if transport.protocol() != UDP {
            return Err((442, Refusal::Transport));
        }
        let token = optional::<ReservationToken>(message)?.map(|token| token.token());
        let even = optional::<EvenPort>(message)?.map(|even| even.requested());
        let requested = optional::<RequestedAddressFamily>(message).map_err(|_| (440, Refusal::Family))?;
        let requested = requested.map(|requested| family(&requested.family()));
        // The codec refuses any other than IPv6, as RFC 8656 does.
        let additional = optional::<AdditionalAddressFamily>(message)?;
        let additional = additional.map(|additional| family(&additional.family()));
        let contradicts = token.is_some() && (even.is_some() || requested.is_some() || additional.is_some())
            || requested.is_some() && additional.is_some()
            || additional == Some(Family::V4)
            || additional.is_some() && even == Some(true);
        if contradicts {
            return Err(MALFORMED);
        }
        Ok(Wanted {
            lifetime: optional::<Lifetime>(message)?.map(|lifetime| lifetime.seconds()),
            family: requested.unwrap_or(if additional.is_some() { Family::V4 } else { default_family }),
            is_dual: additional.is_some(),
            even,
            token,
        })
    }
}
