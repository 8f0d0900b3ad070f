//! The next host. Nobody votes: the first in rank of those who no longer hear the host begins the next term.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use meshwork_core::id::{Endpoint, PeerId};
use meshwork_core::time::Time;

use super::Session;
use super::frames::Frames;
use super::host::{Hosting, WAIT_FOR};
use super::lobby::{Lobby, Phase};
use super::types::{Can, End, Event, Output, Paused};
use crate::HostLoss;
use crate::packets::{Ask, At, Direct, Said, Whole};

/// Silence of a host after which its players ask.
const SILENT_AFTER: Duration = Duration::from_secs(1);
/// The same if the link is gone.
const UNLINKED_AFTER: Duration = Duration::from_millis(250);
/// Whoever heard the host within this time answers for it.
const HEARS_WITHIN: Duration = Duration::from_millis(500);
/// Time between two asks.
const ASK_AGAIN: Duration = Duration::from_millis(250);
/// Time for which an ask, or an answer to one, counts.
pub(crate) const ASK_FOR: Duration = Duration::from_millis(750);
/// Time to wait for answers.
const ANSWERS_FOR: Duration = Duration::from_millis(300);
/// Time after which players read that the game waits.
const PAUSED_AFTER: Duration = Duration::from_millis(1500);
/// Time to wait for a newer state of somebody who cannot host.
const OFFER_FOR: Duration = Duration::from_secs(1);
/// Time after which the first in rank is left out if it does not begin.
const SKIP_AFTER: Duration = Duration::from_secs(2);
/// A term that is further ahead is not believed.
const TERMS_AHEAD: u32 = 64;
/// Time between two offers of the own state.
const OFFER_AGAIN: Duration = Duration::from_millis(500);
/// Members without a seat here whose asks are remembered.
const ASKS_MAX: usize = 32;
/// Endpoints of a person with a seat whose asks are remembered.
const ASKS_EACH: usize = 4;

/// A search for the host.
#[derive(Clone, Debug)]
pub(crate) struct Search {
    since: Time,
    /// When answers of others were last waited for.
    quiet_since: Time,
    asked_at: Option<Time>,
    offered_at: Option<Time>,
    /// The first in rank, and since when.
    first: Option<(Endpoint, Time)>,
    /// Those that were first and did not begin.
    skipped: BTreeSet<Endpoint>,
    is_cut_off: bool,
    is_paused: bool,
}

/// Somebody who asks, as ranked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asker {
    endpoint: Endpoint,
    can_host: bool,
    hidden: bool,
    at: At,
    slot: u8,
}

impl Search {
    /// Whether the person reads that the game waits.
    pub(crate) fn is_paused(&self) -> bool {
        self.is_paused
    }
}

impl Asker {
    fn rank(&self) -> (bool, bool, At, Reverse<u8>) {
        (self.can_host, !self.hidden, self.at, Reverse(self.slot))
    }
}

impl Session {
    /// Whether nothing is heard of the host any more.
    pub(crate) fn is_host_silent(&self, now: Time) -> bool {
        let host = self.lobby.host;
        let unlinked = self.star.unlinked_since(host);
        self.following.is_gone
            || now.since(self.following.heard) >= SILENT_AFTER
            || unlinked.is_some_and(|at| now.since(at.max(self.following.heard)) >= UNLINKED_AFTER)
    }

    /// Whether the match waits for its host, and nobody else goes on.
    pub(crate) fn keeps_host(&self) -> bool {
        let is_on = matches!(self.lobby.phase, Phase::Starting | Phase::Playing);
        self.party.host_loss == HostLoss::Wait && is_on
    }

    /// The regular work of a player that follows a host.
    pub(crate) fn run_search(&mut self, now: Time) {
        if !self.is_host_silent(now) {
            return self.end_search();
        }
        if self.following.search.is_none() {
            self.counts.host_losses += 1;
            self.begin_search(now);
        }
        self.ask(now);
        let Some(search) = &mut self.following.search else { return };
        let hears = self.following.hears.is_some_and(|at| now.since(at) < ASK_FOR);
        if hears && !planted_fault!(CutOffTakesOver) {
            search.quiet_since = now;
            if !std::mem::replace(&mut search.is_cut_off, true) {
                let slot = self.lobby.host_slot().unwrap_or_default();
                self.outputs.push_back(Output::Event(Event::CutOff { slot }));
            }
            return;
        }
        let waited = now.since(search.since);
        let is_answered = now.since(search.quiet_since) < ANSWERS_FOR;
        if self.following.hears.is_none() && waited >= WAIT_FOR || waited >= WAIT_FOR * 2 {
            return self.give_up(now);
        }
        if !is_answered {
            self.succeed(now);
        }
        let Some(search) = &mut self.following.search else { return };
        if waited >= PAUSED_AFTER
            && !std::mem::replace(&mut search.is_paused, true)
            && self.party.host_loss == HostLoss::Migrate
        {
            self.outputs.push_back(Output::Event(Event::Paused(Paused::Others)));
        }
    }

    fn begin_search(&mut self, now: Time) {
        let is_wait = self.keeps_host();
        let event = if is_wait { Event::Paused(Paused::Host) } else { Event::HostSilent };
        self.outputs.push_back(Output::Event(event));
        self.following.hears = None;
        self.following.search = Some(Search {
            since: now,
            quiet_since: now,
            asked_at: None,
            offered_at: None,
            first: None,
            skipped: BTreeSet::new(),
            is_cut_off: false,
            is_paused: is_wait,
        });
    }

    /// The host, or another one, is heard.
    pub(crate) fn end_search(&mut self) {
        let Some(search) = self.following.search.take() else { return };
        self.outputs.push_back(Output::Event(Event::HostBack));
        if search.is_paused {
            self.outputs.push_back(Output::Event(Event::Resumed));
        }
    }

    fn give_up(&mut self, now: Time) {
        self.joining.give_up(self.lobby.line);
        self.outputs.push_back(Output::Event(Event::Ended(End::HostGone)));
        self.leave_line();
        self.following.reset(now);
    }

    /// Searches together with others for the host of a line in which this person has a seat.
    pub(crate) fn join_search(&mut self, now: Time, ask: &Ask) {
        let lobby = Lobby { line: ask.line, term: ask.term, host: ask.host, ..Lobby::none(self.me) };
        self.frames = Frames::default();
        self.following.reset(now);
        self.following.is_gone = true;
        self.following.people.clone_from(&ask.seats);
        self.adopt(Arc::new(lobby));
        self.begin_search(now);
    }

    /// People with a seat in the line, those that left not counted.
    pub(crate) fn people(&self) -> Vec<PeerId> {
        if self.lobby.seats.is_empty() {
            return self.following.people.clone();
        }
        let stays = |peer: &PeerId| !self.following.departed.contains(peer);
        self.lobby.seats.iter().map(|seat| seat.endpoint.peer).filter(stays).collect()
    }

    fn ask(&mut self, now: Time) {
        let Some(search) = &mut self.following.search else { return };
        if search.asked_at.is_some_and(|at| now.since(at) < ASK_AGAIN) {
            return;
        }
        search.asked_at = Some(now);
        let ask = self.own_ask();
        self.say(&Said::Ask(ask));
    }

    fn own_ask(&self) -> Ask {
        Ask {
            line: self.lobby.line,
            term: self.lobby.term,
            host: self.lobby.host,
            at: match self.lobby.phase {
                Phase::Playing => self.frames.at(self.lobby.version),
                _ => At { version: self.lobby.version, ..At::default() },
            },
            can_host: self.can == Can::Host,
            hidden: self.config.hidden,
            seats: self.people(),
        }
    }

    /// Somebody asks for a host.
    pub(crate) fn handle_ask(&mut self, now: Time, from: Endpoint, ask: Ask) {
        if self.lobby.line == ask.line && ask.term <= self.lobby.term && self.hears_host(now) {
            let is_due = self.answered_at.is_none_or(|at| now.since(at) >= ASK_AGAIN / 2);
            if is_due {
                self.answered_at = Some(now);
                let (line, term, host) = (self.lobby.line, self.lobby.term, self.lobby.host);
                self.say(&Said::Hears { line, term, host });
            }
        }
        // Of the own line only its people count. Whoever asks for another one says itself who has a seat there.
        let people = self.people();
        let has_seat = people.contains(&from.peer);
        if ask.line == self.lobby.line && !has_seat || !ask.seats.contains(&from.peer) {
            return;
        }
        self.asks.retain(|_, (_, at)| now.since(*at) < ASK_FOR * 4);
        let strangers = || self.asks.keys().filter(|who| !people.contains(&who.peer)).count();
        let of_person = || self.asks.keys().filter(|who| who.peer == from.peer).count();
        let has_room = if has_seat { of_person() < ASKS_EACH } else { strangers() < ASKS_MAX };
        if self.asks.contains_key(&from) || has_room {
            self.asks.insert(from, (ask, now));
        }
    }

    /// Whether the host is heard here and goes on.
    fn hears_host(&self, now: Time) -> bool {
        let is_near = now.since(self.following.heard) < HEARS_WITHIN && !self.following.is_gone;
        !self.lobby.waits
            && (self.hosting.as_ref().is_some_and(|hosting| hosting.handing_since.is_none())
                || is_near && self.slot().is_some())
    }

    /// Somebody hears the host. Only people with a seat count, and only hosts with one.
    pub(crate) fn handle_hears(&mut self, now: Time, from: Endpoint, line: u32, term: u32, host: Endpoint) {
        let people = self.people();
        if !people.contains(&from.peer) || !people.contains(&host.peer) {
            return;
        }
        if line != self.lobby.line || term < self.lobby.term || self.hosting.is_some() {
            return;
        }
        self.following.hears = Some(now);
        if self.following.search.is_some() && host != self.lobby.host && host != self.me {
            self.joining.aim(Some(host));
        }
    }

    /// People with a seat that search now, this one included, each by its newest endpoint.
    pub(crate) fn askers(&self, now: Time) -> BTreeMap<PeerId, Asker> {
        let people = self.people();
        let mut askers = BTreeMap::new();
        let own = self.own_ask();
        let others = self.asks.iter().map(|(who, (ask, at))| (*who, ask, *at));
        let mut all: Vec<(Endpoint, &Ask, Time)> = others.chain([(self.me, &own, now)]).collect();
        all.sort_by_key(|(_, _, at)| *at);
        for (endpoint, ask, at) in all {
            let Some(slot) = people.iter().position(|peer| *peer == endpoint.peer) else { continue };
            if ask.line == self.lobby.line && now.since(at) < ASK_FOR {
                let (can_host, hidden) = (ask.can_host, ask.hidden);
                let asker = Asker { endpoint, can_host, hidden, at: ask.at, slot: slot as u8 };
                askers.insert(endpoint.peer, asker);
            }
        }
        askers
    }

    /// Nobody hears the host: the first in rank goes on.
    fn succeed(&mut self, now: Time) {
        let askers = self.askers(now);
        let people = self.people();
        let round = askers.values().map(|asker| asker.at.round).max().unwrap_or_default();
        let is_playing = round > 0 || self.lobby.phase == Phase::Playing;
        if is_playing && askers.len() * 2 < people.len() && !planted_fault!(FewGoOn) {
            return;
        }
        let host = self.lobby.host.peer;
        let keeps_host = self.party.host_loss == HostLoss::Wait && is_playing;
        let Some(search) = &self.following.search else { return };
        let may = |asker: &&Asker| {
            let is_kept = !keeps_host || asker.endpoint.peer == host;
            asker.can_host && is_kept && !search.skipped.contains(&asker.endpoint)
        };
        let Some(first) = askers.values().filter(may).max_by_key(|asker| asker.rank()).copied() else {
            return;
        };
        let newest = askers.values().max_by_key(|asker| (asker.at, Reverse(asker.slot))).copied();
        let is_behind = newest.is_some_and(|newest| newest.at > first.at);
        let Some(search) = &mut self.following.search else { return };
        let since = match search.first {
            Some((endpoint, since)) if endpoint == first.endpoint => since,
            _ => now,
        };
        search.first = Some((first.endpoint, since));
        if first.endpoint != self.me {
            if now.since(since) >= SKIP_AFTER && search.skipped.len() < ASKS_MAX {
                search.skipped.insert(first.endpoint);
            }
            let is_due = search.offered_at.is_none_or(|at| now.since(at) >= OFFER_AGAIN);
            if is_behind
                && is_due
                && newest.is_some_and(|newest| newest.endpoint == self.me)
                && self.lobby.version > 0
            {
                search.offered_at = Some(now);
                let lobby = self.lobby.as_ref().clone();
                self.direct(first.endpoint, &Direct::HandOver { leaves: false, lobby, whole: self.whole() });
            }
            return;
        }
        let has_lobby = !self.lobby.seats.is_empty();
        if has_lobby && (!is_behind || now.since(since) >= OFFER_FOR) {
            let here: BTreeMap<PeerId, Endpoint> =
                askers.iter().map(|(peer, asker)| (*peer, asker.endpoint)).collect();
            self.begin_term(now, &here);
        }
    }

    /// Begins the next term of the line from the newest state that is here. `here` are the people that follow,
    /// this one among them.
    pub(crate) fn begin_term(&mut self, now: Time, here: &BTreeMap<PeerId, Endpoint>) {
        let asked =
            self.asks.values().filter(|(ask, _)| ask.line == self.lobby.line).map(|(ask, _)| ask.term);
        let near = asked.filter(|term| *term <= self.lobby.term.saturating_add(TERMS_AHEAD));
        let term = near.chain([self.lobby.term]).max().unwrap_or_default().saturating_add(1);
        let newest = self.frames.newest().map_or(0, |frame| frame.tick);
        let lost = self.following.newest_tick.saturating_sub(newest).min(u64::from(u32::MAX)) as u32;
        let mut lobby = Lobby::clone(&self.lobby);
        let departed = std::mem::take(&mut self.following.departed);
        lobby
            .seats
            .retain(|seat| !departed.contains(&seat.endpoint.peer) || seat.endpoint.peer == self.me.peer);
        for seat in &mut lobby.seats {
            if let Some(endpoint) = here.get(&seat.endpoint.peer) {
                (seat.endpoint, seat.away) = (*endpoint, false);
            }
        }
        (lobby.term, lobby.host, lobby.waits) = (term, self.me, false);
        lobby.version += 1;
        self.frames.begin_term(term);
        let live: Vec<PeerId> = here.keys().copied().collect();
        self.hosting = Some(Hosting::new(now, &lobby, &self.frames, &live));
        let was_paused = self.following.search.take().is_some_and(|search| search.is_paused);
        self.following.reset(now);
        let is_first = !self.joining.has_entered;
        self.joining.settle();
        let slot = lobby.host_slot().unwrap_or_default();
        let is_playing = lobby.phase == Phase::Playing;
        self.adopt(Arc::new(lobby));
        if is_first {
            // A host that has come back to people who cannot host.
            self.outputs.push_back(Output::Event(Event::Entered { slot }));
        }
        self.note_lost(lost);
        self.outputs.push_back(Output::Event(Event::HostIs { slot, lost }));
        if was_paused {
            self.outputs.push_back(Output::Event(Event::Resumed));
        }
        self.ask_again();
        match is_playing.then(|| self.frames.newest().is_some()) {
            Some(true) => {
                self.offer_own(now);
                self.restore();
            }
            // Its host went before anybody had a state of the match.
            Some(false) => self.set_up(now),
            None => {}
        }
        self.welcome_all(now);
    }

    /// The host, or people who search for one, ask this program to be the next host.
    pub(crate) fn handle_hand_over(
        &mut self,
        now: Time,
        from: Endpoint,
        leaves: bool,
        lobby: Lobby,
        whole: Option<&Whole>,
    ) {
        if self.hosting.is_some() || self.can != Can::Host || !lobby.is_sound() {
            return;
        }
        let is_line = lobby.line == self.lobby.line;
        let by_host = is_line && from == self.lobby.host && lobby.term == self.lobby.term;
        let by_asker = is_line && self.following.search.is_some() && self.people().contains(&from.peer);
        let by_own = from.peer == self.me.peer && lobby.host == from;
        if !(by_host || by_asker || by_own) || lobby.seat_of(self.me.peer).is_none() {
            return;
        }
        let lobby = Arc::new(lobby);
        let frames = whole.and_then(|whole| Frames::read_whole(whole, lobby.clone()));
        if let Some(frames) = frames.filter(|frames| frames.at(0) >= self.frames.at(0)) {
            self.frames = frames;
        }
        if lobby.version >= self.lobby.version || by_own {
            self.adopt(lobby.clone());
        }
        if leaves {
            self.following.departed.insert(from.peer);
        }
        let mut here: BTreeMap<PeerId, Endpoint> = if by_asker && !by_host {
            self.askers(now).into_iter().map(|(peer, asker)| (peer, asker.endpoint)).collect()
        } else {
            let stay = |seat: &&super::Seat| !seat.away && (!leaves || seat.endpoint != from);
            lobby.seats.iter().filter(stay).map(|seat| (seat.endpoint.peer, seat.endpoint)).collect()
        };
        here.insert(self.me.peer, self.me);
        self.begin_term(now, &here);
    }

    /// A member leaves, or the host gives up its term.
    pub(crate) fn handle_leave(
        &mut self,
        now: Time,
        from: Endpoint,
        line: u32,
        term: u32,
        stays: bool,
        next: Option<Endpoint>,
    ) {
        if line != self.lobby.line {
            return;
        }
        if self.hosting.is_some() {
            if !stays {
                self.unseat(from);
            }
            return;
        }
        if from != self.lobby.host || term != self.lobby.term {
            if !stays && self.lobby.seat_at(from).is_some() {
                self.following.departed.insert(from.peer);
            }
            return;
        }
        self.following.expected = next;
        if !stays {
            self.following.departed.insert(from.peer);
            self.following.is_gone = true;
        }
        self.run_player(now);
    }

    pub(crate) fn note_lost(&mut self, lost: u32) {
        self.counts.most_lost = self.counts.most_lost.max(lost);
    }

    /// The people to keep links to: a player keeps those to its host and the two next in rank, a host those to all players.
    pub(crate) fn wanted_pins(&self) -> BTreeSet<Endpoint> {
        let others = self.others().into_iter();
        if self.hosting.is_some() {
            return others.collect();
        }
        let host = (self.lobby.line != 0).then_some(self.lobby.host);
        let next = others.filter(|other| {
            Some(*other) != host && self.star.present(*other).is_some_and(|present| present.can_host)
        });
        let all = host.into_iter().chain(next.take(2)).chain(self.joining.target);
        all.filter(|endpoint| *endpoint != self.me).collect()
    }
}
