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
use super::types::{Event, Output, Refused};
use super::{Session, WATCH};
use crate::packets::{PARTS_MAX, StateHead, Whole, split};

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
    /// Whether this program watches the line of this lobby, or goes over to its host.
    pub(crate) fn watches(&self, now: Time, lobby: &Lobby) -> bool {
        self.watched.is_none_or(|watched| watched == lobby.host)
            || self.is_next(now, lobby.host, lobby.line, lobby.term)
    }

    /// Whether the watched host says that it is one, and is heard. In a lobby nothing is heard of it for up to 20 s, so a later term
    /// counts there at once.
    fn hears_watched(&self, now: Time) -> bool {
        let host = self.lobby.host;
        !self.is_host_silent(now) && self.claimed(now, host, self.star.present(host)).is_some()
    }

    /// Whether a host is the next one of the watched line, whose host is heard no more.
    fn is_next(&self, now: Time, host: Endpoint, line: u32, term: u32) -> bool {
        let is_later = line == self.lobby.line && term > self.lobby.term;
        is_later && self.lobby.seat_of(host.peer).is_some() && !self.hears_watched(now)
    }

    /// A watcher follows the host with most players. Of its own line it follows its host while it hears it, else the host of the
    /// latest term that has a seat in the last known lobby.
    pub(crate) fn seek_to_watch(&mut self, now: Time) {
        let own = self.lobby.clone();
        let has_own = own.line != 0 && !own.seats.is_empty();
        let (mut best, mut next) = (None::<Side>, None::<Side>);
        for (host, present) in self.star.all_present() {
            let Some(side) = self.claimed(now, host, Some(present)) else { continue };
            if !has_own || side.line != own.line {
                best = Some(best.filter(|best| !side.is_better_than(best)).unwrap_or(side));
            } else if self.is_next(now, host, side.line, side.term)
                && next.is_none_or(|next| side.term > next.term)
            {
                next = Some(side);
            }
        }
        let stays = || self.claimed(now, own.host, self.star.present(own.host)).filter(|_| has_own);
        let better = |own: Side, other: Side| if other.is_better_than(&own) { other } else { own };
        let best = next.or_else(stays).into_iter().chain(best).reduce(better);
        self.watched = best.map(|best| best.host);
        let is_open = own.line != 0 && matches!(own.phase, Phase::Gathering | Phase::Ended);
        if self.joining.refused == Some(Refused::Started) && is_open {
            // The match for which this program came too late is over.
            self.joining.refused = None;
            self.leave_line();
        }
        if self.watched.is_none() && own.line != 0 && own.phase == Phase::Playing {
            // The lobby stays as it was last seen, and nothing moves.
            self.frames = Frames::default();
        }
    }

    /// A watcher has this lobby from now on.
    pub(crate) fn watch(&mut self, now: Time, lobby: Arc<Lobby>) {
        let is_next = lobby.line == self.lobby.line && lobby.host != self.lobby.host;
        self.watched = Some(lobby.host);
        self.following.reset(now);
        self.pieces = Pieces::default();
        let slot = lobby.host_slot().unwrap_or_default();
        self.adopt(lobby);
        if is_next {
            self.counts.host_losses += 1;
            self.outputs.push_back(Output::Event(Event::HostIs { slot, lost: 0 }));
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

    /// Something of the watched host arrived.
    fn hear_watched(&mut self, now: Time, from: Endpoint) {
        if self.is_watching_host(from) {
            self.following.heard = now;
            self.following.is_gone = false;
        }
    }

    /// A piece of a whole state. It brings the lobby too, so a watcher of a host that is silent learns of the next one by it.
    pub(crate) fn handle_piece(&mut self, now: Time, from: Endpoint, bytes: &[u8]) {
        let Ok(piece) = wire::decode::<Piece>(bytes) else {
            self.counts.refused += 1;
            return;
        };
        if self.wants_seat() || self.hosting.is_some() {
            return;
        }
        let is_term = (piece.line, piece.term) == (self.lobby.line, self.lobby.term);
        let is_ours = self.is_watching_host(from) && is_term;
        if !is_ours && !self.is_next(now, from, piece.line, piece.term) {
            return;
        }
        let Some(bytes) = self.pieces.add(piece) else { return };
        let read = wire::decode::<(Lobby, Whole)>(&bytes)
            .ok()
            .filter(|(lobby, _)| lobby.is_sound() && lobby.host == from && lobby.line == self.lobby.line);
        let read = read.map(|(lobby, whole)| (Arc::new(lobby), whole));
        let Some((lobby, mut frames)) =
            read.and_then(|(lobby, whole)| Some((lobby.clone(), Frames::read_whole(&whole, lobby)?)))
        else {
            self.counts.refused += 1;
            return;
        };
        if !is_ours {
            if !self.is_next(now, from, lobby.line, lobby.term) {
                return;
            }
            self.watch(now, lobby.clone());
        }
        self.hear_watched(now, from);
        frames.term = lobby.term;
        self.frames = frames;
        if lobby.term == self.lobby.term && lobby.version > self.lobby.version {
            self.adopt(lobby);
        }
        self.show(Vec::new());
    }

    /// A difference for watchers.
    pub(crate) fn handle_watch_step(&mut self, now: Time, from: Endpoint, bytes: &[u8]) {
        let Ok(part) = crate::packets::StatePart::decode(bytes) else {
            self.counts.refused += 1;
            return;
        };
        let head = part.head;
        if (head.line, head.term) == (self.lobby.line, self.lobby.term) {
            self.hear_watched(now, from);
        }
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
