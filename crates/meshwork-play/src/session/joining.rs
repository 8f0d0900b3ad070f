//! The way into a line: begin one, say hello to a host, and go over to a better line or side.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use meshwork_core::id::{Endpoint, PeerId};
use meshwork_core::time::Time;

use super::Session;
use super::frames::Frames;
use super::host::Hosting;
use super::lobby::{Lobby, Phase};
use super::types::{Can, Event, Output, Refused};
use crate::packets::{Ask, Direct, Hello, NoSeat, Present, Role, VERSION};

/// Time without a host after which a member begins a line.
const BEGIN_AFTER: Duration = Duration::from_secs(2);
/// Time for which another side must be the better one before a member goes over.
const BETTER_FOR: Duration = Duration::from_secs(1);
/// Time for which a member must have been linked to count for its host, where no match says who plays.
const LINKED_FOR: Duration = Duration::from_secs(5);
/// Time for which somebody who comes in looks on if several say that they are hosts: their players are linked for long enough
/// then, and count.
const COMPARE_FOR: Duration = Duration::from_secs(6);
/// People that are remembered from matches.
const SAT_MAX: usize = 128;
/// Time between two hellos, and between those of a member without a host.
const HELLO_AGAIN: Duration = Duration::from_secs(1);
const HELLO_SOON: Duration = Duration::from_millis(400);
/// Hellos without an answer, after which another host is tried.
const HELLOS_MAX: u32 = 6;
/// Time for which a host without an answer is avoided.
const AVOID_FOR: Duration = Duration::from_secs(10);
/// Hosts that are avoided.
const AVOIDED_MAX: usize = 32;
/// Lines that are remembered as given up.
const GIVEN_UP_MAX: usize = 16;

/// A host and those who follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Side {
    pub(crate) line: u32,
    pub(crate) term: u32,
    /// People that count.
    pub(crate) seats: u8,
    /// Whether somebody follows who had a seat in a match of ours.
    pub(crate) is_known: bool,
    pub(crate) host: Endpoint,
}

impl Side {
    /// Whether people of `other` go over to this side. Of one line: more seats, then the greater term, then the lower endpoint. Of
    /// two lines: one with people of earlier matches, then more seats, then the lower line.
    pub(crate) fn is_better_than(&self, other: &Side) -> bool {
        if self.line == other.line {
            let rank = |side: &Side| (side.seats, side.term, Reverse(side.host));
            return rank(self) > rank(other);
        }
        let rank = |side: &Side| (side.is_known, side.seats, Reverse(side.line));
        rank(self) > rank(other)
    }
}

/// The search for a line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Joining {
    /// The host that is asked for a seat.
    pub(crate) target: Option<Endpoint>,
    hello_at: Option<Time>,
    hellos: u32,
    avoided: BTreeMap<Endpoint, Time>,
    given_up: VecDeque<u32>,
    /// Since when there is neither a line nor a host.
    alone_since: Option<Time>,
    /// When the session began.
    begun: Time,
    better: Option<(Endpoint, Time)>,
    /// People with a seat in matches of this program.
    sat: BTreeSet<PeerId>,
    pub(crate) refused: Option<Refused>,
    /// This endpoint had a seat.
    pub(crate) has_entered: bool,
}

impl Joining {
    pub(crate) fn new(now: Time) -> Joining {
        Joining { begun: now, ..Joining::default() }
    }

    pub(crate) fn give_up(&mut self, line: u32) {
        if self.given_up.len() == GIVEN_UP_MAX {
            self.given_up.pop_front();
        }
        self.given_up.push_back(line);
    }

    pub(crate) fn has_given_up(&self, line: u32) -> bool {
        self.given_up.contains(&line)
    }

    fn avoid(&mut self, now: Time, host: Endpoint) {
        self.avoided.retain(|_, until| *until > now);
        if self.avoided.len() < AVOIDED_MAX {
            self.avoided.insert(host, now + AVOID_FOR);
        }
        self.aim(None);
    }

    /// A host that was avoided answers after all: it was merely not reached.
    pub(crate) fn forgive(&mut self, host: Endpoint) {
        self.avoided.remove(&host);
    }

    pub(crate) fn aim(&mut self, target: Option<Endpoint>) {
        if self.target != target {
            (self.target, self.hello_at, self.hellos) = (target, None, 0);
        }
    }

    /// Whether this program goes over to a host, or is about to.
    pub(crate) fn looks_at(&self, host: Endpoint) -> bool {
        self.target == Some(host) || self.better.is_some_and(|(better, _)| better == host)
    }

    /// There is a line.
    pub(crate) fn settle(&mut self) {
        self.aim(None);
        (self.alone_since, self.better) = (None, None);
        self.has_entered = true;
    }

    /// A match with these people is on.
    pub(crate) fn note_match(&mut self, people: impl Iterator<Item = PeerId>) {
        for peer in people {
            if self.sat.len() < SAT_MAX {
                self.sat.insert(peer);
            }
        }
    }
}

impl Session {
    /// The first bytes of the package's id.
    pub(crate) fn package_head(&self) -> [u8; 8] {
        self.party.package.0.first_chunk().copied().unwrap_or_default()
    }

    /// Whether this program wants a seat and may get one.
    pub(crate) fn wants_seat(&self) -> bool {
        self.wants_seat && self.can != Can::Watch && self.joining.refused.is_none()
    }

    /// The lobby of a new line, without seats.
    pub(crate) fn new_lobby(&mut self) -> Lobby {
        let line = (self.rng.next_u64() as u32).max(1);
        Lobby { line, term: 1, ..Lobby::none(self.me) }
    }

    /// The side of this program.
    pub(crate) fn side(&self, now: Time) -> Side {
        let (line, term, host) = (self.lobby.line, self.lobby.term, self.lobby.host);
        let seats = match (&self.hosting, line) {
            (Some(_), _) => self.live(now),
            (None, 0) => 0,
            (None, _) if self.following.search.is_some() => self.askers(now).len() as u8,
            (None, _) => self.claimed(now, host, self.star.present(host)).map_or(1, |side| side.seats),
        };
        let known = |seat: &super::Seat| self.joining.sat.contains(&seat.endpoint.peer);
        Side { line, term, seats, is_known: self.lobby.seats.iter().any(known), host }
    }

    /// Whether this program has a seat in a match. Only the people of that match count then.
    fn is_in_match(&self) -> bool {
        matches!(self.lobby.phase, Phase::Starting | Phase::Playing)
            && self.lobby.seat_of(self.me.peer).is_some()
    }

    /// The side of a host by its presence and by that of those who follow it. Keys are free, so presence alone counts for
    /// nobody: of a match, its seats do; else a seat in the own line, or a link of some seconds.
    pub(crate) fn claimed(&self, now: Time, host: Endpoint, present: Option<&Present>) -> Option<Side> {
        let present = present.filter(|present| present.role == Role::Host && present.line != 0)?;
        if present.version != VERSION || present.package != self.package_head() {
            return None;
        }
        let (is_in_match, people) = (self.is_in_match(), self.people());
        let counts = |who: &Endpoint| {
            let has_seat = people.contains(&who.peer) && (is_in_match || present.line == self.lobby.line);
            has_seat || !is_in_match && self.star.linked_for(now, *who) >= LINKED_FOR
        };
        let followers: BTreeSet<PeerId> =
            self.star.followers(present.line, host).filter(counts).map(|who| who.peer).collect();
        let mut count = followers.len().min(usize::from(u8::MAX)) as u8;
        let follows = self.hosting.is_none() && self.wants_seat();
        if self.lobby.line == present.line && self.lobby.host == host && follows {
            count = count.saturating_add(1);
        }
        let is_known = followers.iter().any(|peer| self.joining.sat.contains(peer));
        Some(Side { line: present.line, term: present.term, seats: present.seats.min(count), is_known, host })
    }

    /// The best side of another host, and the number of other hosts.
    fn best(&self, now: Time) -> (Option<Side>, usize) {
        let (mut best, mut hosts) = (None::<Side>, 0);
        for (who, present) in self.star.all_present() {
            let is_avoided = self.joining.avoided.get(&who).is_some_and(|until| *until > now);
            let Some(side) = self.claimed(now, who, Some(present)).filter(|_| !is_avoided) else { continue };
            let is_own = side.line == self.lobby.line;
            // Of the own line, only people with a seat can be hosts.
            let may = !is_own || self.lobby.seats.is_empty() || self.lobby.seat_of(who.peer).is_some();
            hosts += usize::from(may);
            if may && best.is_none_or(|best| side.is_better_than(&best)) {
                best = Some(side);
            }
        }
        (best, hosts)
    }

    /// Looks for a line, or for a better one.
    pub(crate) fn seek(&mut self, now: Time) {
        let is_in =
            self.lobby.line != 0 && (self.hosting.is_some() || self.lobby.seat_of(self.me.peer).is_some());
        if !self.wants_seat() {
            self.joining.aim(None);
            return self.seek_to_watch(now);
        }
        let (best, hosts) = self.best(now);
        if is_in && self.hosting.is_none() && self.following.search.is_some() {
            self.seek_in_search(best);
        } else if is_in {
            self.seek_better(now, best);
        } else {
            self.seek_outside(now, best, hosts);
        }
        self.say_hello(now);
    }

    /// Without a line: the best host, else people who ask for a line of ours, else a line of our own.
    fn seek_outside(&mut self, now: Time, best: Option<Side>, hosts: usize) {
        if let Some(best) = best {
            self.joining.alone_since = None;
            let is_clear = hosts < 2 || best.is_known || now.since(self.joining.begun) >= COMPARE_FOR;
            return self.joining.aim(is_clear.then_some(best.host));
        }
        self.joining.aim(None);
        if let Some(ask) = self.asked_for(now, 0) {
            if self.lobby.line != ask.line {
                self.join_search(now, &ask);
            }
            return;
        }
        if self.following.search.is_some() && self.lobby.seats.is_empty() {
            // Nobody is left who has anything of that line.
            self.leave_line();
        }
        let since = *self.joining.alone_since.get_or_insert(now);
        if self.can == Can::Host && now.since(since) >= BEGIN_AFTER + self.patience {
            self.begin_line(now);
        }
    }

    /// The host of the own line is silent: a host of the same line is asked at once, that of a line with more people too.
    fn seek_in_search(&mut self, best: Option<Side>) {
        let (line, host) = (self.lobby.line, self.lobby.host);
        let target = best.filter(|best| best.host != host && (best.line == line || best.seats > 0));
        self.joining.aim(target.map(|best| best.host));
    }

    /// There is a host: only a side that stays better is gone over to.
    fn seek_better(&mut self, now: Time, best: Option<Side>) {
        let own = self.side(now);
        let is_alone = self.live(now) == 1 && self.lobby.seats.len() == 1 && !self.is_in_match();
        let ask = self.asked_for(now, 1).filter(|ask| is_alone && ask.line != own.line);
        if let Some(ask) = ask {
            self.leave_line();
            return self.join_search(now, &ask);
        }
        let may = |best: &Side| best.host != own.host && best.host != self.me && best.seats > 0;
        let better = best.filter(|best| may(best) && best.is_better_than(&own));
        let Some(better) = better else {
            self.joining.better = None;
            return self.joining.aim(None);
        };
        match self.joining.better {
            Some((host, since)) if host == better.host => {
                if now.since(since) >= BETTER_FOR {
                    self.joining.aim(Some(host));
                }
            }
            _ => {
                self.joining.better = Some((better.host, now));
                self.joining.aim(None);
            }
        }
    }

    fn say_hello(&mut self, now: Time) {
        let Some(target) = self.joining.target else { return };
        let is_searching = self.lobby.line == 0 || self.following.search.is_some();
        let rest = if is_searching { HELLO_SOON } else { HELLO_AGAIN };
        if self.joining.hello_at.is_some_and(|at| now.since(at) < rest) {
            return;
        }
        if self.joining.hellos >= HELLOS_MAX {
            return self.joining.avoid(now, target);
        }
        self.joining.hello_at = Some(now);
        self.joining.hellos += 1;
        self.hello_to(now, target);
    }

    pub(crate) fn hello_to(&mut self, now: Time, to: Endpoint) {
        let hello = Hello {
            version: VERSION,
            package: self.package_head(),
            line: self.lobby.line,
            term: self.lobby.term,
            seats: self.live(now),
            fresh: !self.joining.has_entered,
            name: self.dress.name.clone(),
            colour: self.dress.colour,
            can_host: self.can == Can::Host,
            hidden: self.config.hidden,
            bot: self.dress.bot,
        };
        self.direct(to, &Direct::Hello(hello));
    }

    /// Begins a line with this person in the first seat.
    fn begin_line(&mut self, now: Time) {
        let mut lobby = self.new_lobby();
        let (most, dress) = (self.seats_most(), self.dress.clone());
        lobby.sit(most, self.me, &dress);
        self.frames = Frames::default();
        self.following.reset(now);
        self.hosting = Some(Hosting::new(now, &lobby, &self.frames, &[self.me.peer]));
        self.joining.settle();
        self.adopt(Arc::new(lobby));
        self.outputs.push_back(Output::Event(Event::Entered { slot: 0 }));
        self.say_lobby(now);
    }

    /// An answer of a host: no seat.
    pub(crate) fn handle_refused(&mut self, now: Time, from: Endpoint, line: u32, why: NoSeat) {
        let is_target = self.joining.target == Some(from);
        let is_host = self.lobby.line == line && self.lobby.host == from && self.hosting.is_none();
        if !is_target && !is_host {
            return;
        }
        let refused = match why {
            NoSeat::Full => Refused::Full,
            NoSeat::Kicked => Refused::Kicked,
            NoSeat::Started => Refused::Started,
            NoSeat::Version(theirs) => Refused::Version { ours: VERSION, theirs },
            NoSeat::Elsewhere => Refused::Elsewhere,
        };
        let has_line = self.lobby.seat_at(self.me).is_some();
        if is_target && has_line && matches!(why, NoSeat::Started | NoSeat::Version(_)) {
            return self.joining.avoid(now, from);
        }
        self.outputs.push_back(Output::Event(Event::Refused(refused)));
        if why == NoSeat::Elsewhere {
            return self.end();
        }
        self.joining.refused = Some(refused);
        self.joining.aim(None);
        self.leave_line();
    }

    /// Forgets the line without a word to anybody but those who follow.
    pub(crate) fn leave_line(&mut self) {
        let (line, term) = (self.lobby.line, self.lobby.term);
        if self.hosting.take().is_some() {
            for other in self.others() {
                self.direct(other, &Direct::Leave { line, term, stays: false, next: None });
            }
        }
        self.following.search = None;
        self.frames = Frames::default();
        self.adopt(Arc::new(Lobby::none(self.me)));
    }

    /// The newest search for a host of another line in which this person has a seat, and at least `more` people.
    fn asked_for(&self, now: Time, more: usize) -> Option<Ask> {
        let asks = self.asks.values().filter(|(_, at)| now.since(*at) < super::succession::ASK_FOR * 2);
        let fits = |ask: &&Ask| {
            // Two who have come back, and hold nothing, would wait for each other.
            ask.at.version > 0
                && ask.seats.len() > more
                && ask.seats.contains(&self.me.peer)
                && !self.joining.has_given_up(ask.line)
        };
        asks.map(|(ask, _)| ask).find(fits).cloned()
    }
}
