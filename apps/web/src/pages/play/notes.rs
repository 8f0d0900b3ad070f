//! A host's notes for the shelf of its server: the party while it is there, and each match that has ended.

use std::collections::BTreeSet;

use leptos::prelude::*;
use leptos::task::spawn_local;
use meshwork_core::id::{Code, PeerId};
use meshwork_play::shelf::{Ask, GAMES_PATH, MatchNote, NOTE_EVERY_MS, PartyNote, Phase, Request};
use meshwork_web::play::party::{Lobby, Stage};

use super::super::browser;
use super::super::session::Session;

/// What a host remembers for its notes.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// What was noted last, and when.
    last: Option<(u8, Phase, f64)>,
    /// People who had a seat.
    joined: BTreeSet<PeerId>,
    /// When the match began, and its round trips so far: their sum in ms, and their number.
    began: Option<f64>,
    pings: (u64, u64),
}

impl Notes {
    /// Notes the party if something changed, or if the last note is old. Only open rooms of published games are noted.
    pub(super) fn party(&mut self, session: Session, code: Code, lobby: &Lobby, losses: u32) {
        let now = browser::milliseconds();
        let phase = match lobby.stage {
            Stage::Gathering | Stage::Starting(_) => Phase::Lobby,
            Stage::Playing => Phase::Playing,
            Stage::Ended => Phase::Ended,
        };
        if phase == Phase::Playing && self.began.is_none() {
            self.began = Some(now);
        }
        self.joined.extend(lobby.seats.iter().map(|seat| seat.peer));
        let seats = u8::try_from(lobby.seats.len()).unwrap_or(u8::MAX);
        let is_known = self.last.is_some_and(|(known, in_phase, at)| {
            known == seats && in_phase == phase && now - at < NOTE_EVERY_MS as f64
        });
        let is_open = session.address.is_private.get_untracked() == Some(false);
        let room = session.address.code.get_untracked();
        let link = session.address.link.get_untracked();
        let (Some(room), Some(link), true, false) = (room, link, is_open, is_known) else { return };
        self.last = Some((seats, phase, now));
        let party = PartyNote {
            room,
            link: link.to_string(),
            seats,
            most: lobby.players.1,
            phase,
            joined: u32::try_from(self.joined.len()).unwrap_or(u32::MAX),
            failed: 0,
            host_losses: losses,
        };
        post(session, code, "parties", Ask::Party { code, party });
    }

    /// A round trip between the host and a player.
    pub(super) fn ping(&mut self, ping_ms: u64) {
        self.pings = (self.pings.0 + ping_ms, self.pings.1 + 1);
    }

    /// Reports a match that has ended.
    pub(super) fn ended(&mut self, session: Session, code: Code, lobby: &Lobby, losses: u32) {
        let (Some(began), Some(room)) = (self.began.take(), session.address.code.get_untracked()) else {
            return;
        };
        let (sum, count) = std::mem::take(&mut self.pings);
        let note = MatchNote {
            room,
            player_count: u8::try_from(lobby.seats.len()).unwrap_or(u8::MAX),
            duration_seconds: ((browser::milliseconds() - began) / 1000.0) as u32,
            host_disconnects: losses,
            average_latency_ms: u32::try_from(sum.checked_div(count).unwrap_or_default()).unwrap_or(u32::MAX),
        };
        post(session, code, "sessions", Ask::Session { code, session: note });
    }
}

/// Posts a signed request.
fn post(session: Session, code: Code, what: &str, ask: Ask) {
    let key = session.me.key();
    let body = move |at_ms| Request::sign(&key, at_ms, &browser::server(), &ask).to_json().into_bytes();
    let address = browser::at(&format!("{GAMES_PATH}/{code}/{what}"));
    spawn_local(async move {
        // The next note comes in a moment.
        let _ = browser::ask_signed("POST", &address, body).await;
    });
}
