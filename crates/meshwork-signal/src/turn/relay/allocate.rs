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
use super::ends::Holder;
use super::requests::{MALFORMED, family, optional};
use super::{Relay, Request, granted_lifetime};
use crate::fair::Network;
use crate::turn::allocation::{Allocation, Family};
use crate::turn::answer::Answer;
use crate::turn::counts::Refusal;
use crate::turn::io::{Client, RelayId};
use crate::turn::quota::Shares;

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
    pub(in crate::turn) additional_error: Option<u16>,
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
    Reserved { token: u64 },
    Port { port: u16, is_pair: bool },
}

impl Relay {
    pub(super) fn handle_allocate(&mut self, request: &Request<'_>, authentic: Authentic) {
        if let Some(key) = self.allocations.of(&request.client) {
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
        let wanted = Wanted::read(&request.message, self.ends.default_family())?;
        let address = self.ends.place(wanted.family).ok_or((440, Refusal::Family))?;
        let full = (508, Refusal::Capacity);
        let place = match wanted.token {
            Some(token) if self.ends.is_reserved(token) => Place::Reserved { token },
            Some(_) => return Err(full),
            None => {
                let is_pair = wanted.even == Some(true);
                if is_pair && !self.ends.may_reserve(&mut self.outbox, network) {
                    return Err(full);
                }
                let find = |relay: &mut Relay| {
                    relay.ends.free_port(&mut relay.rng, address, wanted.even.is_some(), is_pair)
                };
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
        if admitted.as_ref().err() == Some(&Refusal::RoomQuota)
            && let Some(least) = self.allocations.gives_way_in_room(&authentic.name, network)
        {
            self.give_way(now, least);
            admitted = self.quotas.admit(now, &self.config, &authentic.name, counted);
        }
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
        let Some(least) = self.allocations.gives_way(network) else { return false };
        self.give_way(now, least);
        true
    }

    fn give_way(&mut self, now: Time, key: usize) {
        self.counts.refuse(Refusal::GaveWay);
        self.remove_allocation(now, key);
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
        let counts = self.config.counted(request.remote.ip()).is_some();
        let key = self.allocations.insert(allocation, counts);
        if let Client::Stream(stream) = request.client {
            self.streams.note_use(stream);
        }
        match place {
            Place::Reserved { token } => {
                if let Some(end) = self.ends.claim(token, key) {
                    self.allocations[key].ends[Family::of(end.advertised.ip()) as usize] = Some(end);
                }
            }
            Place::Port { port, is_pair } => self.claim_ports(key, wanted, port, is_pair),
        }
        self.answer_if_bound(key);
    }

    fn claim_ports(&mut self, key: usize, wanted: &Wanted, port: u16, is_pair: bool) {
        self.claim(key, wanted.family, port, is_pair);
        if wanted.is_dual {
            let address = self.ends.place(Family::V6);
            let port = address.and_then(|address| self.ends.free_port(&mut self.rng, address, false, false));
            match (address, port) {
                (Some(_), Some(port)) => self.claim(key, Family::V6, port, false),
                (Some(_), None) => self.allocations[key].note_one_family(508),
                (None, _) => self.allocations[key].note_one_family(440),
            }
        }
    }

    /// Takes a port that is free for an allocation, and of a pair the next one for who shows its token.
    fn claim(&mut self, key: usize, family: Family, port: u16, is_pair: bool) {
        let Some(address) = self.ends.place(family) else { return };
        let end = self.ends.open(&mut self.outbox, address, port, Holder::Allocation(key));
        let allocation = &mut self.allocations[key];
        allocation.ends[family as usize] = Some(end);
        if is_pair {
            let by = Holder::Reservation { token: 0, by: key };
            let next = self.ends.open(&mut self.outbox, address, port + 1, by);
            if let Some(pending) = allocation.pending.as_mut() {
                pending.reserves = Some(next.relay);
            }
        }
    }

    /// What became of [`Output::Bind`](super::Output::Bind).
    pub fn handle_bound(&mut self, now: Now, relay: RelayId, is_bound: bool) {
        let Some((key, family)) = self.ends.note_bound(relay, is_bound) else { return };
        if !is_bound {
            self.handle_not_bound(now, key, relay, family);
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
        for end in own.map(|end| end.relay).into_iter().chain(reserved) {
            self.ends.close(&mut self.outbox, end);
        }
        let address = self.ends.place(family).filter(|_| may_try);
        match address.and_then(|address| self.ends.free_port(&mut self.rng, address, is_even, is_pair)) {
            Some(port) => self.claim(key, family, port, is_pair),
            None if is_second => self.allocations[key].note_one_family(508),
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

    /// Tells the client once all of its sockets are bound.
    fn answer_if_bound(&mut self, key: usize) {
        let Some(allocation) = self.allocations.get_mut(key) else { return };
        let ends = allocation.ends;
        let reserves = allocation.pending.as_ref().and_then(|pending| pending.reserves);
        let is_bound =
            ends.iter().flatten().map(|end| end.relay).chain(reserves).all(|relay| self.ends.is_bound(relay));
        let Some(pending) = allocation.pending.take_if(|_| is_bound) else { return };
        let (client, expires, network) = (allocation.client, allocation.expires, allocation.network);
        let Ok(message) = Message::from_bytes(&pending.request) else { return };
        let mut answer = Answer::success(&message);
        for end in ends.iter().flatten() {
            answer = answer.with(&XorRelayedAddress::new(end.advertised, message.transaction_id()));
        }
        let seconds = u32::try_from(pending.lifetime.as_secs()).unwrap_or(u32::MAX);
        answer = answer.with(&Lifetime::new(seconds));
        if let Some(relay) = reserves {
            let token = self.rng.next_u64().max(1);
            self.ends.reserve(expires - pending.lifetime, relay, token, network);
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

    /// Gives up the relayed address of one family, or all.
    pub(super) fn end_family(&mut self, now: Time, key: usize, family: Option<Family>) {
        if let Some(family) = family
            && let Some(end) = self.allocations[key].ends[family as usize].take()
        {
            self.ends.close(&mut self.outbox, end.relay);
        }
        if family.is_none() || self.allocations[key].ends.iter().all(Option::is_none) {
            self.remove_allocation(now, key);
        }
    }

    pub(super) fn handle_allocation_timer(&mut self, now: Time) {
        let Some((key, is_unused)) = self.allocations.look(now, self.config.unused_after) else { return };
        if is_unused {
            self.counts.refuse(Refusal::Idle);
        }
        self.remove_allocation(now, key);
    }

    pub(super) fn remove_allocation(&mut self, now: Time, key: usize) {
        let gone = self.allocations.remove(key);
        let reserved = gone.pending.and_then(|pending| pending.reserves);
        for end in gone.ends.into_iter().flatten().map(|end| end.relay).chain(reserved) {
            self.ends.close(&mut self.outbox, end);
        }
        self.quotas.release(now, gone.shares);
        self.counts.allocations.set(self.allocations.len() as u64);
        if let Client::Stream(stream) = gone.client {
            self.streams.expect_use(stream, now + self.config.idle_after);
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
