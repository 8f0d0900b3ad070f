//! A player: receives states of its host, shows them, and sends its inputs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use meshwork_core::id::{Endpoint, PeerId};
use meshwork_core::time::Time;
use meshwork_core::wire;

use super::engine::{Shown, Tick, ToGame};
use super::frames::Frames;
use super::host::view;
use super::lobby::{COUNTDOWN, Ending, Lobby, Phase};
use super::succession::Search;
use super::types::{End, Event, Output, Paused};
use super::{INPUTS, Session};
use crate::PlayerInput;
use crate::packets::{InputPacket, Parts, StateHead, StatePart, Whole};

/// Time between two packets of a player that holds nothing.
const IDLE: Duration = Duration::from_millis(100);
/// Own inputs that a prediction may run ahead.
const AHEAD_MAX: usize = 20;
/// Time between two requests for a lobby that was missed.
const MISSED: Duration = Duration::from_millis(500);

/// What a player keeps of its host.
#[derive(Clone, Debug, Default)]
pub(crate) struct Following {
    /// When the host was heard last.
    pub(crate) heard: Time,
    /// The host said goodbye.
    pub(crate) is_gone: bool,
    /// The endpoint that the host asked to go on.
    pub(crate) expected: Option<Endpoint>,
    /// When somebody said last that it hears the host.
    pub(crate) hears: Option<Time>,
    pub(crate) search: Option<Search>,
    /// People that left by their own will.
    pub(crate) departed: BTreeSet<PeerId>,
    /// People with a seat, as others say, where no lobby is known.
    pub(crate) people: Vec<PeerId>,
    /// The newest tick that was announced.
    pub(crate) newest_tick: Tick,
    /// When a match that is starting begins.
    pub(crate) starts_at: Option<Time>,
    parts: Parts,
    sent_at: Option<Time>,
    missed_at: Option<Time>,
    sounded: Tick,
}

impl Following {
    /// Follows a host from now on.
    pub(crate) fn reset(&mut self, now: Time) {
        *self = Following { heard: now, sent_at: self.sent_at, ..Following::default() };
    }
}

impl Session {
    /// The regular work of a player.
    pub(crate) fn run_player(&mut self, now: Time) {
        self.run_search(now);
        if self.hosting.is_none() && self.lobby.line != 0 {
            self.send_inputs(now);
        }
    }

    /// Numbers and sends inputs: each new one, and a sign of life ten times a second.
    pub(crate) fn send_inputs(&mut self, now: Time) {
        if self.slot().is_none() {
            return;
        }
        self.hands.forget_old(now);
        let is_running = self.lobby.phase == Phase::Playing && !self.lobby.waits;
        let is_new = is_running && self.hands.number(now);
        if self.following.search.is_some() {
            // They wait for the next host.
            return;
        }
        if !is_new && self.following.sent_at.is_some_and(|at| now.since(at) < IDLE) {
            return;
        }
        self.following.sent_at = Some(now);
        let is_own = self.frames.term == self.lobby.term;
        let acked = self.frames.newest().filter(|_| is_own).map(|frame| frame.tick);
        let (line, term, round) = (self.lobby.line, self.lobby.term, self.frames.round);
        let mut packet =
            InputPacket { line, term, round, newest: self.hands.newest(), acked, runs: Vec::new() };
        packet.pack(self.hands.kept().rev().map(|(_, input)| input));
        let to = Some(self.lobby.host);
        self.outputs.push_back(Output::Datagram { to, topic: INPUTS, bytes: wire::encode(&packet) });
    }

    /// A part of a state, or a sign of life of the host.
    pub(crate) fn handle_part(&mut self, now: Time, from: Endpoint, part: StatePart) {
        let head = part.head;
        let is_host = from == self.lobby.host && self.hosting.is_none();
        let is_term =
            head.line == self.lobby.line && (head.term == self.lobby.term || planted_fault!(LowerTerm));
        if !is_host || !is_term || self.lobby.line == 0 {
            return;
        }
        self.following.heard = now;
        if self.following.search.is_some() && !self.following.is_gone {
            self.end_search();
        }
        if head.round == self.frames.round {
            self.following.newest_tick = self.following.newest_tick.max(head.tick);
        }
        if head.back == 0 {
            return self.handle_beat(now, &head);
        }
        if head.round != self.frames.round || head.term != self.frames.term {
            return;
        }
        if let Some((head, body)) = self.following.parts.add(part) {
            self.meter.note(now, head.sent, head.tick, body.len());
            self.handle_body(&head, &body);
        }
    }

    /// A sign of life says which lobby is the newest: one that was missed is asked for.
    fn handle_beat(&mut self, now: Time, head: &StateHead) {
        let is_behind = head.sent > self.lobby.version || self.slot().is_none();
        if !is_behind || !self.wants_seat() {
            self.following.missed_at = None;
            return;
        }
        let since = *self.following.missed_at.get_or_insert(now);
        if now.since(since) >= MISSED {
            self.following.missed_at = Some(now);
            self.hello_to(now, self.lobby.host);
        }
    }

    fn handle_body(&mut self, head: &StateHead, body: &[u8]) {
        let is_older = self.frames.newest().is_some_and(|newest| newest.tick >= head.tick);
        if is_older {
            return;
        }
        let Some(sounds) = self.frames.build(head, body) else {
            self.counts.refused += 1;
            return;
        };
        let Some(lobby) = self.frames.newest().map(|frame| frame.lobby.clone()) else { return };
        if lobby.term == self.lobby.term && lobby.version > self.lobby.version {
            self.adopt(lobby);
        }
        let fresh = sounds.iter().rev().filter(|(tick, _)| *tick > self.following.sounded);
        let sounds = fresh.map(|(_, sound)| sound.as_str().to_owned()).collect();
        self.show(sounds);
    }

    /// Hands the newest state to the engine.
    pub(crate) fn show(&mut self, sounds: Vec<String>) {
        let slot = self.slot();
        let Some(frame) = self.frames.newest() else { return };
        let (tick, lobby, inputs) = (frame.tick, frame.lobby.clone(), frame.inputs);
        let consumed = frame.consumed;
        let own = slot.filter(|slot| lobby.seat(*slot).is_some_and(|seat| seat.endpoint == self.me));
        if let Some(slot) = own {
            self.hands.consumed(consumed[usize::from(slot)]);
        }
        let Some((state, random)) = self.frames.json() else { return };
        self.following.sounded = tick;
        self.counts.tick = tick;
        let mut before = own.map_or_else(PlayerInput::default, |slot| inputs[usize::from(slot)]);
        let mut mine = Vec::new();
        for input in own.map(|_| self.hands.ahead(AHEAD_MAX, &before)).unwrap_or_default() {
            mine.push(view(own.unwrap_or_default(), &input, input.held & !before.held));
            before = input;
        }
        let seats = lobby.seats.iter();
        let inputs = seats.map(|seat| view(seat.slot, &inputs[usize::from(seat.slot)], 0)).collect();
        let (players, draw) = (self.lobby.players(), self.party.draw);
        let shown = Shown { tick, state, random, me: slot, players, inputs, mine, draw, sounds };
        self.outputs.push_back(Output::Game(ToGame::Show(shown)));
    }

    /// The engine of the next host goes on from the newest state.
    pub(crate) fn restore(&mut self) {
        let tick = self.frames.newest().map(|frame| frame.tick);
        if let Some((tick, envelope)) = tick.zip(self.frames.envelope()) {
            self.outputs.push_back(Output::Game(ToGame::Restore { tick, envelope }));
        }
    }

    /// A host gives this program a seat, or the whole state.
    pub(crate) fn handle_welcome(&mut self, now: Time, from: Endpoint, lobby: Lobby, whole: Option<&Whole>) {
        if !lobby.is_sound()
            || lobby.host != from
            || lobby.seat_at(self.me).is_none()
            || !self.accepts(from, &lobby)
        {
            return;
        }
        let old = self.lobby.clone();
        let is_new_host = old.host != lobby.host || old.line != lobby.line;
        let was_apart = self.hosting.take().is_some()
            || old.line != 0 && !self.following.is_gone && self.following.search.is_none();
        let was_handing = self.following.expected == Some(from);
        let before =
            self.frames.newest().map(|frame| frame.tick).filter(|_| self.frames.round == lobby.round);
        let lobby = Arc::new(lobby);
        let frames = whole.and_then(|whole| Frames::read_whole(whole, lobby.clone()));
        let lost = before.zip(frames.as_ref().and_then(Frames::newest));
        let lost = lost
            .map_or(0, |(before, frame)| before.saturating_sub(frame.tick))
            .min(u64::from(u32::MAX)) as u32;
        if is_new_host {
            self.end_quietly(&old);
            self.following.reset(now);
        } else {
            self.following.heard = now;
            self.following.is_gone = false;
            self.end_search();
        }
        let lobby_host = lobby.host;
        let is_first = !self.joining.has_entered || old.line != lobby.line;
        self.joining.settle();
        self.settle_frames(&lobby, frames);
        let (slot, host) =
            (lobby.seat_at(self.me).map_or(0, |seat| seat.slot), lobby.host_slot().unwrap_or_default());
        self.adopt(lobby);
        if is_first {
            self.outputs.push_back(Output::Event(Event::Entered { slot }));
        } else if is_new_host {
            self.ask_again();
            self.note_lost(lost);
            let event = if old.host.peer == lobby_host.peer {
                Event::HostBack
            } else if was_apart && !was_handing {
                Event::Apart { lost }
            } else {
                Event::HostIs { slot: host, lost }
            };
            self.outputs.push_back(Output::Event(event));
        }
        self.welcomed(now);
    }

    fn welcomed(&mut self, now: Time) {
        self.following.sent_at = None;
        self.show(Vec::new());
        self.send_inputs(now);
    }

    /// Whether the lobby of a welcome is followed.
    fn accepts(&self, from: Endpoint, lobby: &Lobby) -> bool {
        let is_target = self.joining.target == Some(from);
        let own = &self.lobby;
        if planted_fault!(LowerTerm) && own.line == lobby.line && from != own.host {
            return lobby.term < own.term;
        }
        if own.line != lobby.line {
            return is_target || own.line != 0 && self.hosting.is_none() && from == own.host;
        }
        if from == own.host && self.hosting.is_none() {
            return lobby.term > own.term || lobby.term == own.term && lobby.version >= own.version;
        }
        let is_expected = self.following.expected == Some(from);
        let is_free = self.hosting.is_none() && (self.following.search.is_some() || self.following.is_gone);
        let has_seat = own.seats.is_empty() || own.seat_of(from.peer).is_some();
        is_target || lobby.term > own.term && has_seat && (is_expected || is_free)
    }

    /// The search ends with another host.
    fn end_quietly(&mut self, old: &Lobby) {
        let search = self.following.search.take();
        if search.is_some_and(|search| search.is_paused()) || old.waits {
            self.outputs.push_back(Output::Event(Event::Resumed));
        }
    }

    fn settle_frames(&mut self, lobby: &Lobby, frames: Option<Frames>) {
        match frames {
            Some(mut frames) => {
                // Acknowledged states are those of this term.
                frames.term = lobby.term;
                self.frames = frames;
            }
            None if self.frames.round != lobby.round || self.frames.term != lobby.term => {
                self.frames = Frames::new(lobby.round, lobby.term);
            }
            None => {}
        }
    }

    /// Makes this the lobby, and tells the person what is new.
    pub(crate) fn adopt(&mut self, lobby: Arc<Lobby>) {
        let old = std::mem::replace(&mut self.lobby, lobby);
        let new = self.lobby.clone();
        self.outputs.push_back(Output::Event(Event::Lobby));
        if new.phase == Phase::Starting && old.phase != Phase::Starting {
            self.following.starts_at = Some(self.now + COUNTDOWN);
        }
        let is_same = old.line == new.line && old.round == new.round;
        if !is_same {
            self.hands.forget();
        }
        if !is_same || old.phase != new.phase {
            self.wants_ready = None;
        }
        let was_on = old.phase == Phase::Playing;
        if was_on && (new.phase != Phase::Playing || !is_same) {
            self.outputs.push_back(Output::Game(ToGame::Stop));
        }
        if new.phase == Phase::Playing && new.seat_of(self.me.peer).is_some() {
            let others = new.seats.iter().map(|seat| seat.endpoint.peer).filter(|peer| *peer != self.me.peer);
            self.joining.note_match(others);
        }
        if new.phase == Phase::Playing && !(was_on && is_same) {
            self.outputs.push_back(Output::Event(Event::Began));
        }
        if old.line == new.line && new.phase == Phase::Ended && old.phase != Phase::Ended {
            let end = match &new.ending {
                Some(Ending::Failed(message)) => End::Failed(super::Fault {
                    message: message.clone(),
                    fatal: true,
                    ..super::Fault::default()
                }),
                Some(Ending::Over(words)) => End::Over(words.clone()),
                None => End::Over(String::from("null")),
            };
            self.outputs.push_back(Output::Event(Event::Ended(end)));
        }
        if old.line == new.line && old.waits != new.waits && new.phase == Phase::Playing {
            let event = if new.waits { Event::Paused(Paused::Others) } else { Event::Resumed };
            self.outputs.push_back(Output::Event(event));
        }
    }

    /// The lobby as its host says it.
    pub(crate) fn handle_lobby(&mut self, now: Time, from: Endpoint, lobby: Lobby) {
        if lobby.host != from || !lobby.is_sound() || self.hosting.is_some() {
            return;
        }
        let own = &self.lobby;
        let is_ours = from == own.host && lobby.line == own.line && lobby.term == own.term;
        let is_watched = self.joining.target.is_none() && !self.wants_seat() && self.watches(now, &lobby);
        if is_ours && lobby.version > own.version {
            self.following.heard = now;
            let is_seated = lobby.seat_at(self.me).is_some();
            if !is_seated && own.seat_at(self.me).is_some() {
                // The seat was given up while this program was not reached.
                return self.leave_line();
            }
            self.adopt(Arc::new(lobby));
        } else if is_watched && (lobby.line, lobby.term) != (own.line, own.term) {
            self.watch(now, Arc::new(lobby));
        }
    }
}
