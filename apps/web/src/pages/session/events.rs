//! What the page makes of its node's events.

use std::rc::Rc;

use meshwork::Events;
use meshwork_core::clock::room_time;
use meshwork_core::id::Endpoint;
use meshwork_core::node::{Event, Refusal, RoomHandle, ServerState};
use meshwork_rtc::web::{StorageNews, StorageState};
use meshwork_web::texts;

use super::super::entries;
use super::{Phase, Session};
use leptos::prelude::*;
use leptos::task::spawn_local;

impl Session {
    pub(super) fn hear(self, event: Option<&Event>) {
        self.tell_listeners(event);
        if let Some(event) = event {
            self.handle(event.clone());
        }
    }

    fn tell_listeners(self, event: Option<&Event>) {
        let hearers: Vec<_> =
            self.hearers.with_value(|hearers| hearers.all.iter().map(|(_, hear)| Rc::clone(hear)).collect());
        hearers.iter().for_each(|hear| hear(event));
    }

    /// Hands events of the room to all apps, as long as the page is in it.
    pub(super) async fn follow(self, room: RoomHandle, mut events: Events) {
        while let Some(event) = events.next().await {
            if !self.node.is_in(room) {
                return;
            }
            entries::all().iter().for_each(|entry| entry.hear(self, &event));
        }
    }

    fn handle(self, event: Event) {
        let is_ours = |room| self.node.is_in(room);
        self.profiles.hear(&event);
        self.talk.hear(&event);
        match event {
            Event::Server { url, state } => self.handle_server(url, state),
            Event::RoomOpened { room, .. } if is_ours(room) => self.open(room),
            Event::RoomRegistered { room, code } if is_ours(room) => {
                self.address.code.set(Some(code));
                self.address.refresh();
            }
            Event::RoomWaiting { room } if is_ours(room) && self.phase.get_untracked() == Phase::Joining => {
                self.phase.set(Phase::Waiting);
            }
            Event::RoomRefused { room, reason } if is_ours(room) => {
                self.node.hold(None);
                self.phase.set(Phase::Refused(texts::notices::room_refused(&reason)));
            }
            Event::SecretChanged { room } if is_ours(room) => {
                self.governing.is_shut_out.set(false);
                self.address.refresh();
                self.refresh();
            }
            Event::RulesChanged { room } if is_ours(room) => {
                if let Some(first) = self.apps.on.with_untracked(|apps| apps.first().copied()) {
                    self.read_apps(first);
                }
                self.refresh();
            }
            Event::ShutOut { room, by } if is_ours(room) => self.handle_shut_out(by),
            Event::Link { .. } | Event::InStep { .. } | Event::RecordsInStep { .. } => self.refresh(),
            Event::MemberAttached { room, endpoint } if is_ours(room) => {
                self.governing.is_shut_out.set(false);
                self.greet(endpoint);
            }
            // Who becomes distant stays: that is no news but for the comb.
            Event::MemberDetached { room, distant: true, .. } if is_ours(room) => {
                self.refresh();
            }
            Event::MemberDetached { room, endpoint, .. } if is_ours(room) => {
                self.see_off(endpoint);
            }
            Event::RoomTime { room, ahead_ms } if is_ours(room) => self.hear_room_time(ahead_ms),
            Event::WaitingChanged { room } if is_ours(room) => self.ahead.refresh(),
            Event::Invitation { room, text } if is_ours(room) => self.meeting.invitation.set(Some(text)),
            Event::Reply { room, text } if is_ours(room) => self.meeting.reply.set(Some(text)),
            Event::ByHandFailed { room, reason } if is_ours(room) => self.meeting.fail(&reason),
            Event::GaveUp { room, .. } if is_ours(room) => {
                self.refusals.show(Refusal::Flood, None, texts::notices::gave_up());
            }
            Event::Refused { endpoint, reason, detail, .. } => {
                self.refusals.tell(endpoint, reason, &detail, self.people);
            }
            _ => {}
        }
    }

    fn handle_server(self, url: String, state: ServerState) {
        if state == ServerState::Connected {
            self.refusals.drop_server();
        }
        self.servers.hear(url, state);
    }

    pub(super) fn handle_storage(self, news: StorageNews) {
        match news {
            StorageNews::State { room, state } if self.node.is_in(room) => {
                if matches!(state, StorageState::Full { .. }) {
                    spawn_local(async move {
                        let room = self.visited.longest_unused_here().await;
                        // The page may have gone meanwhile.
                        self.only_here.try_set(room);
                    });
                }
                self.storage.set(state);
            }
            StorageNews::Forgotten { .. } => self.forgotten.update(|forgotten| *forgotten += 1),
            StorageNews::Restored { room, .. } if self.node.is_in(room) => {
                self.refresh();
                self.profiles.refresh();
                self.talk.gather();
                self.tell_listeners(None);
            }
            _ => {}
        }
    }

    fn open(self, room: RoomHandle) {
        let (is_private, app) = self.node.with(|node, _| {
            let view = node.room(room);
            (view.is_private(), view.app().map(|app| app.to_string()))
        });
        let app = app.unwrap_or_default();
        let known = entries::named(&app).filter(|known| entries::of(known).can_open(self));
        let Some(known) = known else {
            return self.phase.set(Phase::Refused(texts::notices::other_app(&app)));
        };
        self.read_apps(known);
        self.address.is_private.set(is_private);
        self.address.refresh();
        self.phase.set(Phase::Open);
        self.refresh();
        self.profiles.refresh();
        self.talk.gather();
    }

    /// Somebody lets us in no more: the room has a new link. That is said once, whoever says so.
    fn handle_shut_out(self, by: Endpoint) {
        if self.phase.get_untracked() != Phase::Open {
            return self.phase.set(Phase::Refused(texts::notices::new_link(None)));
        }
        self.governing.is_shut_out.set(true);
        self.refusals.drop_proof(by);
    }

    fn hear_room_time(self, ahead_ms: i64) {
        let agrees = ahead_ms.unsigned_abs() <= room_time::AGREE.unsigned_abs() / 1000;
        self.clock_ahead_ms.set(if agrees { 0 } else { ahead_ms });
    }
}
