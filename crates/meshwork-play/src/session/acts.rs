//! Actions of the person, and what players ask of their host.

use meshwork_core::id::Endpoint;
use meshwork_core::time::Time;

use super::Session;
use super::lobby::cut;
use super::types::{Act, ActError, Can, Colour, End, Event, Output};
use crate::packets::Direct;

impl Session {
    /// An action of the person.
    ///
    /// # Errors
    /// [`ActError`]; nothing happened.
    pub fn act(&mut self, now: Time, act: Act) -> Result<(), ActError> {
        if self.is_over {
            return Err(ActError::Over);
        }
        match act {
            Act::Sit => {
                self.wants_seat = true;
                self.joining.refused = None;
                if self.slot().is_none() && self.hosting.is_none() {
                    self.leave_line();
                }
            }
            Act::Watch => {
                self.depart(now);
                self.wants_seat = false;
            }
            Act::Leave => {
                self.depart(now);
                self.outputs.push_back(Output::Event(Event::Ended(End::Left)));
                self.end();
            }
            Act::Hidden(hidden) => self.config.hidden = hidden,
            Act::Ready(ready) => self.be_ready(ready)?,
            Act::Name(name) => {
                self.dress.name = cut(&name);
                self.dress_up();
            }
            Act::Colour(colour) => {
                self.dress.colour = Some(colour);
                self.dress_up();
            }
            Act::Start | Act::Kick(_) | Act::Again | Act::HandOver => self.act_as_host(now, &act)?,
        }
        self.run(now);
        Ok(())
    }

    /// Changes what this program can be: a page that has the package by now can host.
    pub fn set_can(&mut self, now: Time, can: Can) {
        self.can = can;
        self.handle_timeout(now);
    }

    /// Gives up seat and task.
    fn depart(&mut self, now: Time) {
        let (line, term) = (self.lobby.line, self.lobby.term);
        if self.hosting.is_some() {
            if let Some(to) = self.next_host(now, false) {
                self.hand_over(now, to, true);
                self.hosting = None;
            }
        } else if self.slot().is_some() {
            let leave = Direct::Leave { line, term, stays: false, next: None };
            self.others().into_iter().for_each(|to| self.direct(to, &leave));
        }
        self.leave_line();
        self.joining.has_entered = false;
    }

    /// All other programs with a seat.
    pub(crate) fn others(&self) -> Vec<Endpoint> {
        self.lobby.seats.iter().map(|seat| seat.endpoint).filter(|endpoint| *endpoint != self.me).collect()
    }

    fn be_ready(&mut self, ready: bool) -> Result<(), ActError> {
        self.slot().ok_or(ActError::NotSeated)?;
        self.wants_ready = Some(ready);
        if self.hosting.is_some() {
            self.set_ready(self.me, ready);
        } else {
            let line = self.lobby.line;
            self.direct(self.lobby.host, &Direct::Ready { line, ready });
        }
        Ok(())
    }

    fn dress_up(&mut self) {
        let (name, colour) = (self.dress.name.clone(), self.dress.colour);
        if self.hosting.is_some() {
            self.change_dress(self.me, &name, colour);
        } else if self.slot().is_some() {
            let line = self.lobby.line;
            self.direct(self.lobby.host, &Direct::Dress { line, name, colour });
        }
    }

    /// Asks a new host for what its predecessor may not have heard any more.
    pub(crate) fn ask_again(&mut self) {
        let Some(seat) = self.lobby.seat_at(self.me) else { return };
        let is_dressed = seat.name == self.dress.name;
        let ready = self.wants_ready.filter(|ready| *ready != seat.ready);
        if !is_dressed {
            self.dress_up();
        }
        if let Some(ready) = ready {
            // The seat is there.
            let _ = self.be_ready(ready);
        }
    }

    fn change_dress(&mut self, endpoint: Endpoint, name: &str, wanted: Option<Colour>) {
        let Some(slot) = self.lobby.seat_at(endpoint).map(|seat| seat.slot) else { return };
        self.edit(|lobby| {
            let colour = lobby.colour(slot, wanted);
            if let Some(seat) = lobby.seat_mut(slot) {
                seat.name = cut(name);
                if wanted.is_some() {
                    seat.colour = colour;
                }
            }
        });
    }

    /// A player is ready, or not any more.
    pub(crate) fn handle_ready(&mut self, from: Endpoint, line: u32, ready: bool) {
        if self.hosting.is_some() && line == self.lobby.line {
            self.set_ready(from, ready);
        }
    }

    fn set_ready(&mut self, endpoint: Endpoint, ready: bool) {
        self.edit(|lobby| {
            if let Some(seat) = lobby.seats.iter_mut().find(|seat| seat.endpoint == endpoint) {
                seat.ready = ready;
            }
        });
    }

    /// A player has another name or colour.
    pub(crate) fn handle_dress(&mut self, from: Endpoint, line: u32, name: &str, colour: Option<Colour>) {
        if self.hosting.is_some() && line == self.lobby.line {
            self.change_dress(from, name, colour);
        }
    }

    /// Whether this program only watches.
    pub fn is_watching(&self) -> bool {
        !self.wants_seat()
    }
}
