//! Seats at the host: who gets one, keeps it, loses it, and who is the next host.

use std::cmp::Reverse;

use meshwork_core::id::Endpoint;
use meshwork_core::time::Time;

use super::Session;
use super::host::{Feed, LIVE_FOR};
use super::joining::Side;
use super::lobby::{Dress, Phase, cut};
use super::queue::Queue;
use super::types::{Event, Refused};
use crate::packets::{Direct, Hello, KICKED_MAX, NoSeat, SEATS_MAX, To, VERSION};

impl Session {
    /// Somebody wants a seat.
    pub(crate) fn handle_hello(&mut self, now: Time, from: Endpoint, hello: &Hello) {
        if self.hosting.is_none() {
            return;
        }
        let own = Side { is_known: false, ..self.side(now) };
        let theirs = Side { line: hello.line, term: hello.term, seats: hello.seats, host: from, ..own };
        if self.joining.looks_at(from) && hello.seats > 0 && theirs.is_better_than(&own) {
            // The sender is the host of a better side, by what counts for both: this one joins it.
            return;
        }
        match self.seat_for(now, from, hello) {
            Ok(slot) => {
                if let Some(feed) = self.hosting.as_mut().and_then(|hosting| hosting.feeds.get_mut(&slot)) {
                    feed.heard = now;
                }
                self.welcome_slot(now, slot);
            }
            Err(Some(why)) => {
                let line = self.lobby.line;
                self.direct(from, &Direct::Refused { line, why });
            }
            Err(None) => {}
        }
    }

    /// The slot of the sender, given now if it has none. `Err(None)` is no answer.
    fn seat_for(&mut self, now: Time, from: Endpoint, hello: &Hello) -> Result<u8, Option<NoSeat>> {
        if hello.version != VERSION || hello.package != self.package_head() {
            return Err(Some(NoSeat::Version(VERSION)));
        }
        if self.lobby.kicked.contains(&from.peer) {
            return Err(Some(NoSeat::Kicked));
        }
        let dress = Dress { name: cut(&hello.name), colour: hello.colour, bot: hello.bot };
        let seat = self.lobby.seat_of(from.peer).filter(|_| !planted_fault!(SeatForgotten));
        if let Some(seat) = seat {
            let (slot, endpoint) = (seat.slot, seat.endpoint);
            if endpoint == from {
                return Ok(slot);
            }
            if endpoint == self.me {
                return self.move_to(now, from, hello);
            }
            let hosting = self.hosting.as_ref();
            let is_here = hosting.is_some_and(|hosting| {
                hosting.feeds.get(&slot).is_some_and(|feed| now.since(feed.heard) < LIVE_FOR * 2)
            });
            if is_here && !hello.fresh {
                return Err(Some(NoSeat::Elsewhere));
            }
            let line = self.lobby.line;
            self.direct(endpoint, &Direct::Refused { line, why: NoSeat::Elsewhere });
            self.seat_anew(now, slot, from, &dress);
            return Ok(slot);
        }
        let is_on = matches!(self.lobby.phase, Phase::Starting | Phase::Playing);
        if is_on && !self.party.late {
            return Err(Some(NoSeat::Started));
        }
        let most = self.seats_most();
        let mut slot = None;
        self.edit(|lobby| {
            slot = lobby.sit(most, from, &dress);
            if planted_fault!(SeatForgotten) {
                lobby.seats.retain(|seat| seat.endpoint.peer != from.peer || Some(seat.slot) == slot);
            }
        });
        let slot = slot.ok_or(Some(NoSeat::Full))?;
        if let Some(hosting) = &mut self.hosting {
            hosting.feeds.insert(slot, Feed::new(from, now, Queue::default()));
        }
        Ok(slot)
    }

    /// Gives the seat of a person to its newer endpoint.
    fn seat_anew(&mut self, now: Time, slot: u8, endpoint: Endpoint, dress: &Dress) {
        self.edit(|lobby| {
            let colour = lobby.colour(slot, dress.colour);
            if let Some(seat) = lobby.seat_mut(slot) {
                (seat.endpoint, seat.away, seat.bot) = (endpoint, false, dress.bot);
                seat.name.clone_from(&dress.name);
                if dress.colour.is_some() {
                    seat.colour = colour;
                }
            }
        });
        if let Some(hosting) = &mut self.hosting {
            hosting.feeds.insert(slot, Feed::new(endpoint, now, Queue::default()));
        }
    }

    /// A newer endpoint of the host's own person takes seat and task.
    fn move_to(&mut self, now: Time, to: Endpoint, hello: &Hello) -> Result<u8, Option<NoSeat>> {
        if !hello.fresh || !hello.can_host {
            return Err(Some(NoSeat::Elsewhere));
        }
        let me = self.me;
        self.edit(|lobby| {
            lobby.seats.iter_mut().filter(|seat| seat.endpoint == me).for_each(|seat| seat.endpoint = to)
        });
        self.hand_over(now, to, false);
        self.outputs.push_back(super::Output::Event(Event::Refused(Refused::Elsewhere)));
        self.end();
        Err(None)
    }

    /// Most seats of this party.
    pub(crate) fn seats_most(&self) -> usize {
        usize::from(self.party.players.1).clamp(1, SEATS_MAX)
    }

    /// Removes the seat of an endpoint.
    pub(crate) fn unseat(&mut self, endpoint: Endpoint) {
        let Some(slot) = self.lobby.seat_at(endpoint).map(|seat| seat.slot) else { return };
        if let Some(hosting) = &mut self.hosting {
            hosting.feeds.remove(&slot);
        }
        self.edit(|lobby| lobby.seats.retain(|seat| seat.slot != slot));
    }

    /// Removes a player for good.
    pub(crate) fn kick(&mut self, endpoint: Endpoint) {
        let line = self.lobby.line;
        self.direct(endpoint, &Direct::Refused { line, why: NoSeat::Kicked });
        self.edit(|lobby| {
            if lobby.kicked.len() == KICKED_MAX {
                lobby.kicked.remove(0);
            }
            lobby.kicked.push(endpoint.peer);
        });
        self.unseat(endpoint);
    }

    /// The first in rank of the players that are here and can host.
    pub(crate) fn next_host(&self, now: Time, must_be_seen: bool) -> Option<Endpoint> {
        let hosting = self.hosting.as_ref().filter(|_| !self.keeps_host())?;
        let rank = |(slot, feed): (&u8, &Feed)| {
            let present = self.star.present(feed.endpoint).filter(|present| present.can_host)?;
            let is_here = feed.endpoint != self.me && now.since(feed.heard) < LIVE_FOR;
            let may = is_here && !(must_be_seen && present.hidden);
            may.then_some((!present.hidden, feed.acked, Reverse(*slot), feed.endpoint))
        };
        hosting.feeds.iter().filter_map(rank).max().map(|(.., endpoint)| endpoint)
    }

    /// Asks a player to be the next host.
    pub(crate) fn hand_over(&mut self, now: Time, to: Endpoint, leaves: bool) {
        let (line, term) = (self.lobby.line, self.lobby.term);
        let lobby = self.lobby.as_ref().clone();
        self.direct(to, &Direct::HandOver { leaves, lobby, whole: self.whole() });
        for other in self.others().into_iter().filter(|other| *other != to) {
            self.direct(other, &Direct::Leave { line, term, stays: !leaves, next: Some(To(to)) });
        }
        self.following.expected = Some(to);
        if let Some(hosting) = &mut self.hosting {
            hosting.handing_since = Some(now);
        }
    }
}
