//! The network's side: what datagrams of others do.

use std::net::SocketAddr;
use std::time::Duration;

use meshwork_core::id::{Endpoint, RoomId};
use meshwork_core::reach::Reach;
use meshwork_core::signalling::announce::verify;
use meshwork_core::signalling::protocol::FromServer;
use meshwork_core::time::{Time, WallTime};
use meshwork_core::wire::{Base64, Bytes};

use super::signals::Part;
use super::table::{Change, Place};
use super::{Discovery, Event, Output, Socket, Way};
use crate::wire::{Announce, Ask, Datagram, Genesis, Signal, Taken, Wants};

/// An announcement to all is answered by some so many.
const ANSWERS: u64 = 6;
/// Answers to all come within this time, not all at once.
const SPREAD: Duration = Duration::from_millis(200);
/// Answers that wait.
const REPLIES_MAX: usize = 64;

/// An answer that is due.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) due: Time,
    from: Socket,
    to: SocketAddr,
    what: What,
}

#[derive(Debug)]
enum What {
    /// Our announcement.
    Announcement,
    /// The genesis of a room.
    Genesis(RoomId),
}

impl Discovery {
    /// A datagram that came `from` an address, on a socket. A datagram that is none of ours is counted and dropped.
    pub fn handle_datagram(&mut self, now: Time, wall: WallTime, on: Socket, from: SocketAddr, bytes: &[u8]) {
        self.handle_clocks(now, wall);
        // A program of the internet has no business here, unless a person typed its address.
        let is_typed = |ip| self.hints.iter().any(|hint| hint.way == Way::Typed && hint.address.ip() == ip);
        let is_near = Reach::of(from.ip()) != Reach::Internet || self.networks_of(from).next().is_some();
        let is_known = is_near || is_typed(from.ip()) || self.table.is_heard_at(from);
        if self.own.is_none() || from.port() == 0 || !is_known {
            return;
        }
        match Datagram::decode(bytes) {
            Ok(Datagram::Announce(announce)) => self.handle_announce(on, from, announce),
            Ok(Datagram::Ask(ask)) => self.handle_ask(on, from, ask),
            Ok(Datagram::Genesis(genesis)) => self.handle_genesis(&genesis.genesis),
            Ok(Datagram::Signal(signal)) => self.handle_signal(on, from, signal),
            Ok(Datagram::Taken(taken)) => self.handle_taken(from, taken),
            Err(_) => self.note_dropped(|dropped| &mut dropped.malformed),
        }
    }

    fn handle_announce(&mut self, on: Socket, from: SocketAddr, announce: Announce) {
        let endpoint = announce.introduction.endpoint;
        if self.own.as_ref().is_some_and(|own| own.endpoint == endpoint) {
            // This machine hears itself over loopback in any case.
            if !from.ip().is_loopback() {
                self.echoed = Some(self.now);
            }
            return;
        }
        if announce.port == 0 {
            let gone = self.table.remove(|one, place| *one == endpoint && place.address.ip() == from.ip());
            return self.handle_gone(gone);
        }
        let is_known =
            self.table.get(&endpoint).is_some_and(|known| known.introduction == announce.introduction);
        if !is_known {
            if !self.caution.may_verify(self.now, from.ip()) {
                return self.note_dropped(|dropped| &mut dropped.excess);
            }
            if !verify(&announce.introduction.announcement()) {
                return self.note_dropped(|dropped| &mut dropped.forged);
            }
        }
        let mut address = from;
        address.set_port(announce.port);
        let is_alone = on == Socket::Main;
        let hinted = self.end_hints(address);
        let way = hinted.unwrap_or(if on == Socket::Group { Way::Multicast } else { Way::Broadcast });
        // Another program had this port before: it has ended, if the port is where this datagram comes from.
        if from == address {
            let gone = self.table.remove(|one, place| *one != endpoint && place.address == address);
            self.handle_gone(gone);
        }
        let place = Place {
            address,
            way,
            heard: self.now,
            tags: announce.tags.to_vec(),
            pages: announce.pages,
            has_answered: false,
        };
        let (change, gave_way) = self.table.hear(&mut self.rng, announce.introduction, place);
        self.handle_gone(gave_way);
        match change {
            Change::Refused => return self.note_dropped(|dropped| &mut dropped.excess),
            Change::Address => {
                self.push(Output::Event(Event::Heard { endpoint, address, way }));
                // Its firewall, and ours, admit what comes from where they saw one sent to.
                if from != address {
                    self.announce_to(Socket::Main, address, Wants::Nothing);
                }
                self.ask_newcomer(address);
            }
            Change::None => {}
        }
        if is_alone {
            self.take_others(from, &announce.others);
        }
        self.answer(on, from, endpoint, announce.wants);
        self.tell_changes(endpoint);
    }

    /// Takes addresses that another program names: those of our own networks.
    fn take_others(&mut self, from: SocketAddr, others: &[(std::net::IpAddr, u16)]) {
        for &(ip, port) in others {
            let address = SocketAddr::new(ip, port);
            let is_ours = self.networks_of(address).any(|own| !own.address.is_loopback());
            if is_ours || ip.is_loopback() && from.ip().is_loopback() {
                self.handle_hint(self.now, address, Way::Hint);
            }
        }
    }

    fn answer(&mut self, on: Socket, from: SocketAddr, endpoint: Endpoint, wants: Wants) {
        match wants {
            Wants::Nothing => {}
            Wants::Answer => self.introduce_others(on, from),
            Wants::Some => {
                let shares =
                    |tags: &[crate::wire::Tag]| tags.iter().any(|tag| self.rooms.of_tag(*tag).is_some());
                let is_member =
                    |known: &super::table::Known| known.places.iter().any(|place| shares(&place.tags));
                let is_one = self.table.get(&endpoint).is_some_and(is_member);
                let others = self
                    .table
                    .iter()
                    .filter(|(one, known)| **one != endpoint && (!is_one || is_member(known)));
                // Each that hears it knows about as many as we do, and answers as rarely.
                let count = others.count() as u64 + 1;
                if self.rng.below(count) < ANSWERS {
                    self.reply_later(Socket::Main, from, What::Announcement);
                }
            }
        }
    }

    fn handle_ask(&mut self, on: Socket, from: SocketAddr, ask: Ask) {
        let Some((&room, known)) = self.rooms.of_ask(ask) else { return };
        // The commons of a network is asked for by nobody who is elsewhere.
        if known.is_local && !self.is_near_address(from) {
            return;
        }
        let count = self.members(room).count() as u64 + 1;
        if on == Socket::Main {
            self.send_genesis(on, from, room);
        } else if self.rng.below(count) < ANSWERS {
            self.reply_later(Socket::Main, from, What::Genesis(room));
        }
    }

    fn send_genesis(&mut self, on: Socket, to: SocketAddr, room: RoomId) {
        let Some(known) = self.rooms.by_id.get(&room) else { return };
        let genesis = Bytes::new(known.genesis.clone()).expect("a checked genesis is within the limit");
        self.send(on, to, &Datagram::Genesis(Genesis { genesis }));
    }

    fn reply_later(&mut self, from: Socket, to: SocketAddr, what: What) {
        if self.replies.len() >= REPLIES_MAX {
            return self.note_dropped(|dropped| &mut dropped.excess);
        }
        let wait = Duration::from_micros(self.rng.below(SPREAD.as_micros() as u64));
        self.replies.push(Reply { due: self.now + wait, from, to, what });
    }

    pub(super) fn reply_due(&mut self) {
        let due: Vec<Reply> = self.replies.extract_if(.., |reply| reply.due <= self.now).collect();
        for reply in due {
            match reply.what {
                What::Announcement => self.announce_to(reply.from, reply.to, Wants::Nothing),
                What::Genesis(room) => self.send_genesis(reply.from, reply.to, room),
            }
        }
    }

    fn handle_signal(&mut self, on: Socket, from: SocketAddr, signal: Signal) {
        let is_ours = self.own.as_ref().is_some_and(|own| own.endpoint == signal.to);
        let room = self.rooms.of_tag(signal.tag).filter(|_| is_ours);
        let Some((&room, known)) = room else { return self.note_dropped(|dropped| &mut dropped.excess) };
        let sender = signal.from;
        // A sender that was not heard yet repeats it, after its announcement.
        let is_near = !known.is_local || self.is_near_address(from);
        if !is_near || self.table.get(&sender).is_none() {
            return self.note_dropped(|dropped| &mut dropped.excess);
        }
        let taken = Taken { number: signal.number, part: signal.part };
        let payload = match self.arrivals.handle_part(self.now, from.ip(), signal) {
            Part::Excess => return self.note_dropped(|dropped| &mut dropped.excess),
            Part::Taken => None,
            Part::Last(payload) => Some(payload),
        };
        self.send(on, from, &Datagram::Taken(taken));
        let Some(payload) = payload.and_then(|payload| Base64::new(payload).ok()) else { return };
        if !self.caution.may_deliver(self.now, from.ip()) {
            return self.note_dropped(|dropped| &mut dropped.excess);
        }
        if self.tell_of_sender(room, sender) {
            self.tell(&FromServer::Signal { room, from: sender, payload });
        }
    }

    fn handle_taken(&mut self, from: SocketAddr, taken: Taken) {
        let Some(at) = self.outgoing.iter().position(|signal| signal.number == taken.number) else { return };
        self.caution.handle_answer(self.now, from.ip());
        let signal = &mut self.outgoing[at];
        let to = signal.to;
        // An address that answers for an endpoint, and is none of its own, stops no other.
        let is_its =
            self.table.get(&to).is_some_and(|known| known.places.iter().any(|place| place.address == from));
        if !is_its {
            return;
        }
        self.table.handle_answer(&to, from);
        if signal.handle_taken(from, taken.part) && self.is_taken_by_all(at) {
            self.outgoing.swap_remove(at);
        }
    }

    /// Whether each address of the addressee has a signal that has answered at all.
    fn is_taken_by_all(&self, at: usize) -> bool {
        let signal = &self.outgoing[at];
        let Some(known) = self.table.get(&signal.to) else { return true };
        known.places.iter().all(|place| signal.is_whole_at(place.address))
    }

    /// Sends the signals that are due, and gives up those that nobody took.
    pub(super) fn signal_due(&mut self) {
        let Some(own) = self.own.as_ref().map(|own| own.endpoint) else { return };
        let mut given_up = Vec::new();
        for at in (0..self.outgoing.len()).rev() {
            if self.outgoing[at].next() > self.now {
                continue;
            }
            if !self.outgoing[at].send() {
                given_up.push(self.outgoing.swap_remove(at));
                continue;
            }
            let signal = &self.outgoing[at];
            let Some(known) = self.table.get(&signal.to) else { continue };
            let addresses = known.freshest().into_iter().map(|place| place.address);
            let parts: Vec<_> = addresses.map(|address| (address, signal.parts_for(address, own))).collect();
            let is_unheard = signal.is_unheard();
            for (address, parts) in parts {
                if is_unheard {
                    // The addressee may not have heard us: it drops signals of those it does not know.
                    self.announce_to(Socket::Main, address, Wants::Nothing);
                }
                for part in parts {
                    self.send(Socket::Main, address, &Datagram::Signal(part));
                }
            }
        }
        for signal in given_up.into_iter().filter(|signal| !signal.is_whole_anywhere()) {
            self.no_such_member(signal.room, signal.to);
        }
    }

    /// Those who are silent for too long are gone.
    pub(super) fn drop_silent(&mut self) {
        let (now, timeout) = (self.now, self.config.timeout);
        if self.table.first_silent(timeout).is_some_and(|at| at <= now) {
            let gone = self.table.remove(|_, place| now.since(place.heard) >= timeout);
            self.handle_gone(gone);
        }
    }

    pub(super) fn handle_gone(&mut self, gone: impl IntoIterator<Item = Endpoint>) {
        for endpoint in gone {
            self.push(Output::Event(Event::Gone(endpoint)));
            self.tell_changes(endpoint);
        }
    }
}
