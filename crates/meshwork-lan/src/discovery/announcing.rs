//! Unasked datagrams: announcements to all, to hinted addresses, and questions for rooms.

use std::net::SocketAddr;
use std::time::Duration;

use meshwork_core::signalling::protocol::FromServer;
use meshwork_core::time::Time;
use meshwork_core::wire::Bounded;

use super::{Discovery, Interface, Output, Socket, Way};
use crate::wire::{Announce, Datagram, OTHERS_MAX, Tag, Wants};

/// When an announcement is repeated after the first of a burst: networks lose broadcasts.
const BURST: [Duration; 2] = [Duration::from_millis(400), Duration::from_secs(2)];
/// Several changes at once are one announcement.
const GATHERED_FOR: Duration = Duration::from_millis(20);
/// When the network is asked for a room; then with each announcement.
const ASKED_AFTER: [Duration; 2] = [Duration::from_millis(250), Duration::from_millis(500)];
/// Addresses that are asked alone, each time: those that hear no broadcast of ours.
const ASKED_ALONE_MAX: usize = 8;
/// When an address that somebody named is tried again.
const HINTED_AFTER: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];
/// Addresses that were named and have not answered.
const HINTS_MAX: usize = 64;

/// When the next announcements to all are due.
#[derive(Debug, Default)]
pub(super) struct Announcing {
    /// The next of a burst.
    burst: Option<Time>,
    /// How many of the burst were sent.
    sent: usize,
    /// The next regular one.
    regular: Option<Time>,
}

impl Announcing {
    pub(super) fn next(&self) -> Option<Time> {
        self.burst.into_iter().chain(self.regular).min()
    }
}

/// An address at which a program may be.
#[derive(Debug)]
pub(super) struct Hint {
    pub(super) address: SocketAddr,
    pub(super) way: Way,
    pub(super) next: Time,
    tried: usize,
}

impl Discovery {
    /// An address at which a program may be. It is sent an announcement, now and then until a program is heard there, if a
    /// person typed it; a few times otherwise.
    pub fn handle_hint(&mut self, now: Time, address: SocketAddr, way: Way) {
        self.now = self.now.max(now);
        let is_own_port = address.port() == self.config.port;
        let is_own = is_own_port && self.interfaces.iter().any(|own| own.address == address.ip());
        let is_known = self.hints.iter().any(|hint| hint.address == address);
        // Of a typed address the own port of the program there may not be known.
        let is_heard = self.table.places().any(|place| {
            place.address == address
                || way == Way::Typed && place.way == way && place.address.ip() == address.ip()
        });
        if address.port() == 0 || is_own || is_known || is_heard {
            return;
        }
        if self.hints.len() >= HINTS_MAX {
            let Some(at) = self.hints.iter().position(|hint| hint.way != Way::Typed) else {
                return self.note_dropped(|dropped| &mut dropped.excess);
            };
            self.hints.remove(at);
        }
        self.hints.push(Hint { address, way, next: self.now, tried: 0 });
        self.hint_due();
    }

    pub(super) fn hint_due(&mut self) {
        if self.own.is_none() {
            return;
        }
        let mut due = Vec::new();
        let (now, every) = (self.now, self.config.announce);
        for hint in self.hints.iter_mut().filter(|hint| hint.next <= now) {
            hint.next = now + HINTED_AFTER.get(hint.tried).copied().unwrap_or(every);
            hint.tried += 1;
            due.push(hint.address);
        }
        self.hints.retain(|hint| hint.way == Way::Typed || hint.tried <= 1 + HINTED_AFTER.len());
        for address in due {
            self.announce_to(Socket::Main, address, Wants::Answer);
        }
    }

    /// A program is heard at an address. Returns how the address was known.
    pub(super) fn end_hints(&mut self, address: SocketAddr) -> Option<Way> {
        let is_it = |hint: &Hint| hint.address.ip() == address.ip();
        let way = self.hints.iter().find(|hint| is_it(hint)).map(|hint| hint.way);
        self.hints.retain(|hint| hint.address != address && !(is_it(hint) && hint.way == Way::Typed));
        way
    }

    /// Announces to all shortly, and once more: networks lose broadcasts.
    pub(super) fn announce_soon(&mut self) {
        if self.own.is_some() {
            self.announcing.burst = Some(self.now + GATHERED_FOR);
            self.announcing.sent = 0;
        }
    }

    pub(super) fn announce_due(&mut self) {
        if self.own.is_none() {
            self.announcing = Announcing::default();
            return;
        }
        let is_regular = self.announcing.regular.is_none_or(|at| at <= self.now);
        let is_burst = self.announcing.burst.is_some_and(|at| at <= self.now);
        if !is_regular && !is_burst {
            return;
        }
        if is_burst {
            let after = BURST.get(self.announcing.sent).copied();
            self.announcing.burst = after.map(|after| self.now + after);
            self.announcing.sent += 1;
        }
        // Programs that started together do not stay in step.
        let tenth = self.config.announce.as_micros() as u64 / 10;
        let jitter = Duration::from_micros(self.rng.below(2 * tenth + 1));
        let every = self.config.announce - self.config.announce / 10 + jitter;
        self.announcing.regular = Some(self.now + every);
        let is_first = self.announcing.sent <= 1 && is_burst;
        let wants = if is_first || self.table.len() == 0 { Wants::Some } else { Wants::Nothing };
        self.announce_to_all(wants);
        self.announce_to_hinted();
    }

    fn announce_to_all(&mut self, wants: Wants) {
        for interface in 0..self.interfaces.len() {
            let is_near = self.is_near(&self.interfaces[interface]);
            let Some(announce) = self.announcement(wants, is_near, Vec::new()) else { return };
            self.push(Output::SendToAll { interface, bytes: Datagram::Announce(announce).encode() });
        }
    }

    /// Announces to the addresses that hear no broadcast of ours: a firewall forgets them otherwise.
    fn announce_to_hinted(&mut self) {
        let places = self.table.places().filter(|place| place.way.is_hinted());
        for address in places.map(|place| place.address).collect::<Vec<_>>() {
            self.announce_to(Socket::Main, address, Wants::Nothing);
        }
    }

    /// Announces to one address.
    pub(super) fn announce_to(&mut self, from: Socket, to: SocketAddr, wants: Wants) {
        let is_near = self.is_near_address(to);
        if let Some(announce) = self.announcement(wants, is_near, Vec::new()) {
            self.send(from, to, &Datagram::Announce(announce));
        }
    }

    /// Answers a program that reaches us alone: it may hear nobody else, so that it is told of others.
    pub(super) fn introduce_others(&mut self, from: Socket, to: SocketAddr) {
        let is_near = self.is_near_address(to);
        let mut known: Vec<_> = self.table.places().filter(|place| place.address != to).collect();
        known.sort_by_key(|place| (std::cmp::Reverse(place.has_answered), std::cmp::Reverse(place.heard)));
        // An address of IPv6's link has a zone, which is this machine's alone.
        let is_told = |address: &SocketAddr| match address {
            SocketAddr::V4(v4) => !v4.ip().is_loopback() || to.ip().is_loopback(),
            SocketAddr::V6(v6) => !v6.ip().is_unicast_link_local() && !v6.ip().is_loopback(),
        };
        let addresses = known.into_iter().map(|place| place.address).filter(is_told);
        let others = addresses.take(OTHERS_MAX).map(|address| (address.ip(), address.port())).collect();
        if let Some(announce) = self.announcement(Wants::Nothing, is_near, others) {
            self.send(from, to, &Datagram::Announce(announce));
        }
    }

    /// Our announcement. It names the commons of this network to nobody who is elsewhere.
    fn announcement(
        &self,
        wants: Wants,
        is_near: bool,
        others: Vec<(std::net::IpAddr, u16)>,
    ) -> Option<Announce> {
        let rooms = self.rooms.joined().filter(|(_, room, _)| is_near || !room.is_local);
        let tags: Vec<Tag> = rooms.map(|(_, _, joined)| joined.tag).collect();
        Some(Announce {
            port: self.config.port,
            introduction: self.own.clone()?,
            wants,
            tags: Bounded::new(tags).ok()?,
            pages: self.pages,
            others: Bounded::new(others).ok()?,
        })
    }

    /// Tells the network that our node has left.
    pub(super) fn say_goodbye(&mut self) {
        let Some(announce) = self.announcement(Wants::Nothing, false, Vec::new()) else { return };
        let announce = Announce { port: 0, tags: Bounded::default(), ..announce };
        let bytes = Datagram::Announce(announce).encode();
        self.send_to_all(&bytes);
        let hinted = self.table.places().filter(|place| place.way.is_hinted());
        for to in hinted.map(|place| place.address).collect::<Vec<_>>() {
            if self.caution.may_send(self.now, to.ip()) {
                self.push(Output::Send { from: Socket::Main, to, bytes: bytes.clone() });
            }
        }
    }

    /// Asks the network for the rooms that the node looks for, and tells the node of which nobody answers.
    pub(super) fn ask_due(&mut self) {
        let (now, every) = (self.now, self.config.announce);
        let (mut asks, mut unknown) = (Vec::new(), Vec::new());
        for lookup in &mut self.rooms.lookups {
            if lookup.unknown.is_some_and(|at| at <= now) {
                lookup.unknown = None;
                unknown.push((lookup.room, lookup.code));
            }
            if lookup.next <= now {
                lookup.next = now + ASKED_AFTER.get(lookup.asked).copied().unwrap_or(every);
                lookup.asked += 1;
                asks.extend(lookup.ask());
            }
        }
        for (room, code) in unknown {
            self.tell(&FromServer::Unknown { room, code });
        }
        for ask in asks {
            self.send_to_all(&Datagram::Ask(ask).encode());
            self.ask_alone(&Datagram::Ask(ask));
        }
    }

    /// Asks some of the addresses that may hear no broadcast of ours.
    fn ask_alone(&mut self, ask: &Datagram) {
        let hinted = self.table.places().filter(|place| place.way.is_hinted()).map(|place| place.address);
        let typed = self.hints.iter().filter(|hint| hint.way == Way::Typed).map(|hint| hint.address);
        let mut addresses: Vec<_> = hinted.chain(typed).collect();
        for _ in 0..ASKED_ALONE_MAX {
            if addresses.is_empty() {
                return;
            }
            let to = addresses.swap_remove(self.rng.below(addresses.len() as u64) as usize);
            self.send(Socket::Main, to, ask);
        }
    }

    /// A program that was not heard before may know the rooms that the node looks for.
    pub(super) fn ask_newcomer(&mut self, address: SocketAddr) {
        let asks: Vec<_> = self.rooms.lookups.iter().filter_map(|lookup| lookup.ask()).collect();
        for ask in asks {
            self.send(Socket::Main, address, &Datagram::Ask(ask));
        }
    }

    /// Forgets those who were heard on networks that this machine has left.
    pub(super) fn forget_networks(&mut self, former: &[Interface]) {
        let up = self.interfaces.clone();
        let holds = |networks: &[Interface], address| networks.iter().any(|own| own.holds(address));
        let gone = self.table.remove(|_, place| holds(former, place.address) && !holds(&up, place.address));
        self.handle_gone(gone);
    }
}
