//! What the page makes of its node's events.

use meshwork_core::clock::room_time;
use meshwork_core::id::Endpoint;
use meshwork_core::node::{Event, Node, Refusal, RoomHandle, ServerState};
use meshwork_core::replica::ReplicaNumber;
use meshwork_place::Place as _;
use meshwork_place::canvas::{self, Canvas, Painted};
use meshwork_place::notes;
use meshwork_rtc::web::{Events, StorageNews};
use meshwork_web::words::{self, Notice};
use meshwork_web::{apps, texts};

use super::later::News;
use super::{Phase, Session, set_if_new};
use leptos::prelude::*;

/// Refusals that are shown; the newest count.
const REFUSALS_MAX: usize = 3;

impl Session {
    pub(super) async fn listen(self, mut events: Events) {
        let mut missed = 0;
        while let Some(event) = events.next().await {
            self.tell_hearer(Some(&event));
            self.handle(event);
            if missed != events.missed() {
                missed = events.missed();
                self.tell_listener(None);
                self.tell_hearer(None);
            }
        }
    }

    fn tell_hearer(self, event: Option<&Event>) {
        if let Some(hear) = self.hearer.get_value() {
            hear(event);
        }
    }

    pub(super) fn is_ours(self, room: RoomHandle) -> bool {
        self.room.get_untracked() == Some(room)
    }

    pub(super) fn handle(self, event: Event) {
        match event {
            Event::Server { url, state } => self.handle_server(url, state),
            Event::RoomOpened { room, .. } if self.is_ours(room) => self.open(room),
            Event::RoomRegistered { room, code } if self.is_ours(room) => {
                self.code.set(Some(code));
                self.read_address();
            }
            Event::RoomWaiting { room }
                if self.is_ours(room) && self.phase.get_untracked() == Phase::Joining =>
            {
                self.phase.set(Phase::Waiting);
            }
            Event::RoomRefused { room, reason } if self.is_ours(room) => {
                self.room.set(None);
                self.phase.set(Phase::Refused(words::room_refused(&reason)));
            }
            Event::SecretChanged { room } if self.is_ours(room) => {
                self.governing.is_shut_out.set(false);
                self.read_address();
                self.heed(News::Changed);
            }
            Event::RulesChanged { room } if self.is_ours(room) => {
                if let Some(first) = self.apps.on.with_untracked(|apps| apps.first().copied()) {
                    self.read_apps(first);
                }
                self.heed(News::Changed);
            }
            Event::ShutOut { room, by } if self.is_ours(room) => self.handle_shut_out(by),
            Event::Link { .. } | Event::InStep { .. } | Event::RecordsInStep { .. } => {
                self.heed(News::Changed)
            }
            Event::Presence { room, endpoint, slot, state }
                if self.is_canvas(room, canvas::replica(slot)) =>
            {
                let read = |node: &mut Node, now| node.read_cursor(now, room, endpoint, state.as_deref());
                self.handle_pointed(endpoint, self.with_node(read));
            }
            Event::MemberAttached { room, endpoint } if self.is_ours(room) => {
                self.governing.is_shut_out.set(false);
                self.heed(News::Came(endpoint));
            }
            // Who becomes distant stays: that is no news but for the comb.
            Event::MemberDetached { room, distant: true, .. } if self.is_ours(room) => {
                self.heed(News::Changed);
            }
            Event::MemberDetached { room, endpoint, .. } if self.is_ours(room) => {
                self.heed(News::Went(endpoint));
            }
            Event::Changed { room, replica, batch, changes } if self.is_canvas(room, replica) => {
                self.show_painted(batch, Painted::of(&changes));
            }
            Event::Changed { room, replica, .. } if replica == notes::replica() && self.is_ours(room) => {
                self.heed(News::Noted);
            }
            Event::Acknowledged { room, by, sequences, .. } if self.is_ours(room) => {
                self.hear_acknowledged(by, &sequences);
            }
            Event::RoomTime { room, ahead_ms } if self.is_ours(room) => self.hear_room_time(ahead_ms),
            Event::Invitation { room, text } if self.is_ours(room) => self.invitation.set(Some(text)),
            Event::Reply { room, text } if self.is_ours(room) => self.reply.set(Some(text)),
            Event::ByHandFailed { room, reason } if self.is_ours(room) => {
                self.invitation.set(None);
                self.reply.set(None);
                self.meeting_failed.set(Some(words::sentence(&reason)));
            }
            Event::GaveUp { room, .. } if self.is_ours(room) => self.tell_gave_up(),
            Event::Refused { endpoint, reason, detail, .. } => self.tell_refusal(endpoint, reason, &detail),
            _ => {}
        }
    }

    /// A room may have several meeting points: one that answers is enough. While one that was away is tried again
    /// it stays away, so that nothing flickers.
    pub(super) fn handle_server(self, url: String, state: ServerState) {
        if state == ServerState::Connected {
            self.refusals
                .update(|refusals| refusals.retain(|(reason, from, _)| !is_of_server(*reason, *from)));
        }
        self.servers.update_value(|servers| {
            let known = servers.entry(url).or_insert(ServerState::Connecting);
            if state != ServerState::Connecting || *known == ServerState::Connected {
                *known = state;
            }
        });
        let best = self.servers.with_value(|servers| {
            let rank = |state: &&ServerState| match state {
                ServerState::Connected => 0,
                ServerState::Connecting => 1,
                ServerState::Away { .. } => 2,
            };
            servers.values().min_by_key(rank).cloned()
        });
        set_if_new(self.server, best);
    }

    pub(super) fn handle_storage(self, news: StorageNews) {
        match news {
            StorageNews::State { room, state } if self.is_ours(room) => self.storage.set(state),
            StorageNews::Forgotten { .. } => self.forgotten.update(|forgotten| *forgotten += 1),
            StorageNews::Restored { room, .. } if self.is_ours(room) => {
                self.heed(News::Changed);
                self.heed(News::Noted);
                self.tell_hearer(None);
            }
            _ => {}
        }
    }

    /// Whether this is the canvas of our room.
    fn is_canvas(self, room: RoomHandle, replica: ReplicaNumber) -> bool {
        let number = |node: &mut Node, _| node.canvas_slot(room).map(canvas::replica);
        self.is_ours(room) && self.with_node(number) == Some(replica)
    }

    pub(super) fn open(self, room: RoomHandle) {
        let (size, is_private, app) = self.with_node(|node, _| {
            let view = node.room(room);
            (node.canvas(room).map(Canvas::size), view.is_private(), view.app().map(|app| app.to_string()))
        });
        let app = app.unwrap_or_default();
        let known = apps::named(&app).filter(|known| size.is_some() || known.word != apps::APPS[0].word);
        let Some(known) = known else {
            return self.phase.set(Phase::Refused(words::other_app(&app)));
        };
        self.read_apps(known);
        self.is_private.set(is_private);
        self.read_address();
        self.phase.set(Phase::Open);
        self.heed(News::Changed);
        self.heed(News::Noted);
    }

    /// The room's LINK, once the meeting point knows it, names the app in front: who came by a code alone named none, and
    /// others perhaps one that is not on.
    pub(super) fn read_address(self) {
        let read = |node: &mut Node, _, room| (node.room(room).address(), node.room(room).app().cloned());
        let Some((Some(address), app)) = self.with_room(read) else { return self.note_unshared() };
        let front = self.apps.front.get_untracked().and_then(|front| front.word.parse().ok());
        let address = match front.or(app) {
            Some(app) => address.with_app(app),
            None => address,
        };
        self.note_link(&address);
        let address = match self.apps.view.get_untracked() {
            Some(view) => address.with_view(view),
            None => address,
        };
        self.address.set(Some(address));
    }

    /// Somebody lets us in no more: the room has a new link. That is said once, whoever says so.
    fn handle_shut_out(self, by: Endpoint) {
        if self.phase.get_untracked() != Phase::Open {
            return self.phase.set(Phase::Refused(words::new_link(None)));
        }
        self.governing.is_shut_out.set(true);
        self.refusals.update(|refusals| {
            refusals.retain(|(reason, from, _)| (*reason, *from) != (Refusal::RoomProof, Some(by)));
        });
    }

    fn hear_room_time(self, ahead_ms: i64) {
        let agrees = ahead_ms.unsigned_abs() <= room_time::AGREE.unsigned_abs() / 1000;
        self.clock_ahead_ms.set(if agrees { 0 } else { ahead_ms });
    }

    fn tell_gave_up(self) {
        self.show_refusal(Refusal::Flood, None, words::gave_up());
    }

    pub(super) fn tell_refusal(self, endpoint: Option<Endpoint>, reason: Refusal, detail: &str) {
        if !reason.concerns_people() {
            return;
        }
        let who = endpoint.map_or_else(|| texts::notices::SOMEONE.to_owned(), |who| self.called(who));
        let notice = match (reason, endpoint) {
            (Refusal::Version, None) => words::server_version(detail),
            _ => words::refusal(reason, &who, detail),
        };
        self.show_refusal(reason, endpoint, notice);
    }

    fn show_refusal(self, reason: Refusal, endpoint: Option<Endpoint>, notice: Notice) {
        self.refusals.update(|refusals| {
            refusals.retain(|(known, from, _)| (*known, *from) != (reason, endpoint));
            refusals.push((reason, endpoint, notice));
            let surplus = refusals.len().saturating_sub(REFUSALS_MAX);
            refusals.drain(..surplus);
        });
    }
}

/// Whether a refusal is the meeting point's, so that it is no news once that lets us in.
fn is_of_server(reason: Refusal, from: Option<Endpoint>) -> bool {
    reason == Refusal::Server || reason == Refusal::Version && from.is_none()
}
