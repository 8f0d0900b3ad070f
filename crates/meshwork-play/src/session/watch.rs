//! Watchers: a whole state each second to everybody, and differences to it in between.

use std::sync::Arc;
use std::time::Duration;

use meshwork_core::id::Endpoint;
use meshwork_core::time::Time;
use meshwork_core::wire::{self, Bytes};
use serde::{Deserialize, Serialize};

use super::engine::Tick;
use super::frames::Frames;
use super::joining::Side;
use super::lobby::{Lobby, Phase};
use super::types::{Output, Refused};
use super::{Session, WATCH};
use crate::packets::{PARTS_MAX, Role, StateHead, Whole, split};

/// Time between two whole states.
const WHOLE: Duration = Duration::from_secs(1);
/// Time between two differences.
const STEP: Duration = Duration::from_millis(100);
/// Bytes of a piece: below the limit of a broadcast.
const PIECE_MAX: usize = 15 * 1024;
/// Bytes of a difference: one datagram, which others pass on.
const STEP_MAX: usize = 875;

/// What a host remembers of its watchers' lane.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cast {
    whole: Option<(Tick, Time)>,
    step_at: Time,
    sent: u32,
}

/// A piece of a whole state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Piece {
    line: u32,
    term: u32,
    tick: Tick,
    part: u8,
    parts: u8,
    bytes: Bytes<PIECE_MAX>,
}

/// The pieces that a watcher has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pieces {
    key: (u32, u32, Tick),
    parts: [Option<Vec<u8>>; PARTS_MAX],
}

impl Pieces {
    fn add(&mut self, piece: Piece) -> Option<Vec<u8>> {
        let key = (piece.line, piece.term, piece.tick);
        if self.key != key {
            *self = Pieces { key, ..Pieces::default() };
        }
        let parts = usize::from(piece.parts);
        *self.parts.get_mut(usize::from(piece.part))? = Some(piece.bytes.into_inner());
        let whole =
            self.parts.get(..parts).filter(|parts| !parts.is_empty() && parts.iter().all(Option::is_some))?;
        Some(whole.iter().flatten().flatten().copied().collect())
    }
}

impl Session {
    /// Whether this program watches the line of this lobby: the best one that it knows.
    pub(crate) fn watches(&self, lobby: &Lobby) -> bool {
        self.watched.is_none_or(|watched| watched == lobby.host)
    }

    /// A watcher follows the host with most players.
    pub(crate) fn seek_to_watch(&mut self) {
        let mut best: Option<Side> = None;
        for (host, present) in self.star.all_present().filter(|(_, present)| present.role == Role::Host) {
            let side = Side { line: present.line, term: present.term, seats: present.seats, host };
            if present.package == self.package_head() && best.is_none_or(|best| side.is_better_than(&best)) {
                best = Some(side);
            }
        }
        self.watched = best.map(|best| best.host);
        let is_open = self.lobby.line != 0 && matches!(self.lobby.phase, Phase::Gathering | Phase::Ended);
        if self.joining.refused == Some(Refused::Started) && is_open {
            // The match for which this program came too late is over.
            self.joining.refused = None;
            self.leave_line();
        }
        if best.is_none() && self.lobby.line != 0 && self.lobby.phase == Phase::Playing {
            // The lobby stays as it was last seen, and nothing moves.
            self.frames = Frames::default();
        }
    }

    /// Sends to watchers what is due.
    pub(crate) fn run_watch(&mut self, now: Time) {
        if self.lobby.phase != Phase::Playing || self.star.watchers() == 0 {
            return;
        }
        let head = self.head();
        let Some(cast) = self.hosting.as_mut().map(|hosting| &mut hosting.watch) else { return };
        let is_due = cast.whole.is_none_or(|(_, at)| now.since(at) >= WHOLE);
        if is_due {
            cast.whole = Some((head.tick, now));
            if let Some(whole) = self.frames.whole(&self.lobby) {
                self.say_pieces(&wire::encode(&(self.lobby.as_ref(), whole)));
            }
            return;
        }
        let Some((base, _)) =
            cast.whole.filter(|(base, _)| *base < head.tick && now.since(cast.step_at) >= STEP)
        else {
            return;
        };
        cast.step_at = now;
        cast.sent = cast.sent.wrapping_add(1);
        let head = StateHead { back: (head.tick - base) as u32, sent: cast.sent, ..head };
        let Some(body) = self.frames.body(base).filter(|body| body.len() <= STEP_MAX) else { return };
        for part in split(head, &body).into_iter().flatten() {
            self.outputs.push_back(Output::Datagram { to: None, topic: WATCH, bytes: part.encode() });
        }
    }

    fn say_pieces(&mut self, bytes: &[u8]) {
        let parts = bytes.len().div_ceil(PIECE_MAX);
        let (line, term) = (self.lobby.line, self.lobby.term);
        let tick = self.frames.newest().map_or(0, |frame| frame.tick);
        for (part, bytes) in bytes.chunks(PIECE_MAX).enumerate().filter(|_| parts <= PARTS_MAX) {
            let Ok(bytes) = Bytes::new(bytes.to_vec()) else { return };
            let piece = Piece { line, term, tick, part: part as u8, parts: parts as u8, bytes };
            self.outputs.push_back(Output::Say { topic: WATCH, bytes: wire::encode(&piece) });
        }
    }

    fn is_watching_host(&self, from: Endpoint) -> bool {
        !self.wants_seat() && self.hosting.is_none() && self.watched == Some(from) && self.lobby.host == from
    }

    /// A piece of a whole state.
    pub(crate) fn handle_piece(&mut self, from: Endpoint, bytes: &[u8]) {
        let Ok(piece) = wire::decode::<Piece>(bytes) else {
            self.counts.refused += 1;
            return;
        };
        if !self.is_watching_host(from) || (piece.line, piece.term) != (self.lobby.line, self.lobby.term) {
            return;
        }
        let Some(bytes) = self.pieces.add(piece) else { return };
        let read = wire::decode::<(Lobby, Whole)>(&bytes)
            .ok()
            .filter(|(lobby, _)| lobby.is_sound() && lobby.host == from);
        let read = read.map(|(lobby, whole)| (Arc::new(lobby), whole));
        let Some((lobby, mut frames)) =
            read.and_then(|(lobby, whole)| Some((lobby.clone(), Frames::read_whole(&whole, lobby)?)))
        else {
            self.counts.refused += 1;
            return;
        };
        frames.term = lobby.term;
        self.frames = frames;
        if (lobby.line, lobby.term) == (self.lobby.line, self.lobby.term)
            && lobby.version > self.lobby.version
        {
            self.adopt(lobby);
        }
        self.show(Vec::new());
    }

    /// A difference for watchers.
    pub(crate) fn handle_watch_step(&mut self, from: Endpoint, bytes: &[u8]) {
        let Ok(part) = crate::packets::StatePart::decode(bytes) else {
            self.counts.refused += 1;
            return;
        };
        let head = part.head;
        let is_known =
            (head.line, head.term, head.round) == (self.lobby.line, self.frames.term, self.frames.round);
        if self.is_watching_host(from) && is_known && self.frames.build(&head, &part.bytes).is_some() {
            let (term, version) = (self.lobby.term, self.lobby.version);
            let lobby = self.frames.newest().map(|frame| frame.lobby.clone());
            if let Some(lobby) = lobby.filter(|lobby| lobby.term == term && lobby.version > version) {
                self.adopt(lobby);
            }
            self.show(Vec::new());
        }
    }
}
