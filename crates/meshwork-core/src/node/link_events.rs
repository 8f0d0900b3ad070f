//! The effects on other parts when a link is proved, sends something, falls silent or is lost.

use alloc::format;
use alloc::string::{String, ToString as _};
use core::time::Duration;

use super::Node;
use super::common::Offence;
use super::connecting::{ASK_LATER, linked_state, path_words, wants_proved};
use super::lower_parts::Base;
use super::rooms::{entrance, hand_secret, is_behind, send_detach, shut_out};
use crate::id::Endpoint;
use crate::lanes::Unreliable;
use crate::links::link::{Link, LinkEvent};
use crate::links::message::{DetachReason, GoodbyeReason, LinkMessage, Renewed};
use crate::room::message::RoomMessage;
use crate::room::rules::access::Entrance;
use crate::seam::event::{Event, LinkState, Refusal, RoomHandle};
use crate::seam::io::{Effect, LinkId};
use crate::seam::path::Path;
use crate::signalling::announce::Introduction;
use crate::time::Time;
use crate::wire::Bounded;

/// How long an endpoint that broke the protocol is refused.
const REFUSED_FOR: Duration = Duration::from_secs(60);

impl Node {
    /// Executes the events of links. Returns whether there were none.
    pub(super) fn handle_link_events(&mut self) -> bool {
        let Some(link) = self.base.links.take_spoken() else { return true };
        while let Some(event) = self.base.links.poll_event(link) {
            match event {
                LinkEvent::Proved => self.handle_proved(link),
                LinkEvent::Broken(refusal, detail) => self.handle_broken(link, refusal, detail),
                LinkEvent::Message(message) => {
                    if let Some(from) = self.base.links.owner(link) {
                        self.handle_link_message(from, link, message);
                    }
                }
                LinkEvent::Datagram(bytes) => {
                    if let Some(from) = self.base.links.owner(link) {
                        self.handle_datagram(from, &bytes);
                    }
                }
            }
        }
        false
    }

    fn handle_proved(&mut self, link: LinkId) {
        let (base, connecting) = (&mut self.base, &mut self.connecting);
        let Some(state) = base.links.get(link) else { return };
        let (endpoint, path, facts) = (state.remote(), state.path(), *state.facts());
        let attempt = connecting.attempts().take_proved(base, link, endpoint);
        let attempt = attempt.as_ref();
        if !wants_proved(base, endpoint, attempt) {
            return connecting.say_unlinked(base, link);
        }
        if !base.known.contains(endpoint) {
            return;
        }
        let was_alive = !base.links.is_resuming(&base.own, endpoint);
        let sought = base.known.take_sought(endpoint);
        let older = base.links.of(endpoint);
        let older_path = older.map(|older| older.path().kind());
        let is_younger =
            |older: &Link| older.facts().session == facts.session && older.facts().epoch > facts.epoch;
        if older.is_some_and(is_younger) {
            return connecting.attempts().close(base, link, Some(GoodbyeReason::Replaced));
        }
        let (words, resumption) = base.links.open_session(&mut base.own, endpoint, &facts);
        let is_resumed = words.is_some();
        if let Some(older) = base.links.id_of(endpoint) {
            if is_resumed {
                base.keep_rooms(endpoint);
            }
            connecting.attempts().close(base, older, Some(GoodbyeReason::Replaced));
        }
        connecting.attempts().drop_unproved(base, endpoint);
        base.links.set_link(endpoint, link);
        let rooms = base.known.note_proved(endpoint, attempt, is_resumed);
        let because = path_words(base.relayed_because(endpoint, path));
        let told = match (&because, older_path) {
            (None, Some(Path::Relayed)) if was_alive => Some(String::from("a direct path was found")),
            _ if was_alive => because,
            _ => words.or(because),
        };
        if let Some(resumption) = resumption {
            base.links.send(endpoint, &LinkMessage::Resumption(resumption));
        }
        base.known.handle_path_known(&base.own, &base.links, endpoint);
        base.own.set_state(endpoint, linked_state(path), told);
        connecting.attempts().report_link(base, link, sought, attempt);
        for room in rooms {
            connecting.visits().0.attach(base, endpoint, room);
        }
    }

    fn handle_link_message(&mut self, from: Endpoint, link: LinkId, message: LinkMessage) {
        let base = &mut self.base;
        let done = match message {
            LinkMessage::Goodbye(reason) => return self.handle_goodbye(from, link, reason),
            LinkMessage::Attach(attach)
                if base.rooms.with_id(attach.room).is_some_and(|room| base.servers.is_disconnected(room)) =>
            {
                send_detach(&mut base.links, from, attach.room, DetachReason::Left);
                Ok(())
            }
            LinkMessage::Attach(attach) if attach.visits => {
                let (visits, attempts) = self.connecting.visits();
                visits.handle_attach(base, attempts, from, &attach)
            }
            LinkMessage::Attach(attach) => {
                let introduction = base.known.announcement(from).map(Introduction::from);
                let (visits, attempts) = self.connecting.visits();
                let visited = visits.handle_neighbour(base, attempts, from, &attach);
                let attached = visited.and_then(|()| {
                    base.rooms.handle_attach(&mut base.own, &mut base.links, from, &attach, introduction)
                });
                attached.map(|room| {
                    if let Some(room) = room {
                        base.known.note_seen(from, room);
                        base.links.handle_attached(&mut base.own, from, room.0);
                    }
                })
            }
            LinkMessage::Detach(detach) => {
                if let Some(handle) = base.rooms.with_id(detach.room) {
                    self.handle_detach(handle, from, detach.reason);
                }
                Ok(())
            }
            LinkMessage::Room { kind, body } => return self.handle_room_message(from, kind, &body),
            LinkMessage::Unlinked => {
                self.base.known.note_unlinked(from);
                Ok(())
            }
            LinkMessage::Resumption(resumption) => {
                as_offence(base.links.handle_resumption(&mut base.own, from, resumption))
            }
            LinkMessage::Direct(direct) => {
                let room = base.rooms.attachments().numbered_for_lanes(from, direct.letter.room);
                if let Some(room) = room {
                    base.rooms.attachments_mut().note_said(base.own.time(), from, room);
                }
                as_offence(base.links.handle_direct(&mut base.own, from, room, direct))
            }
            LinkMessage::Presence(said) => {
                base.rooms.lanes().handle_lane(&mut base.own, from, Unreliable::Presence(said));
                Ok(())
            }
            LinkMessage::DirectReceived(number) => {
                as_offence(base.links.handle_direct_received(&mut base.own, from, number))
            }
            // The rest belongs to the link.
            _ => Ok(()),
        };
        self.judge(from, done);
    }

    fn handle_datagram(&mut self, from: Endpoint, bytes: &[u8]) {
        match Unreliable::decode(bytes) {
            Ok(Some(said)) => self.base.rooms.lanes().handle_lane(&mut self.base.own, from, said),
            Ok(None) => {}
            Err(error) => self.judge(from, Err((Refusal::Datagram, error.to_string()))),
        }
    }

    fn handle_goodbye(&mut self, from: Endpoint, link: LinkId, reason: GoodbyeReason) {
        let (base, connecting) = (&mut self.base, &mut self.connecting);
        // The other end has proved a newer link, and so will this one, or it is cut again.
        if reason == GoodbyeReason::Replaced {
            connecting.attempts().lose_link(base, link, String::from(reason.words()));
            return base.own.effect(Effect::Close { link });
        }
        let words = base.goodbye_words(from, reason);
        // It closed the link before it learned that we are in a room with it, after all.
        let is_crossed = reason == GoodbyeReason::Unused && base.rooms.attachments().is_told_anywhere(from);
        if reason == GoodbyeReason::Left {
            base.rooms.attachments_mut().forget_distant(from);
        }
        base.links.end_session(&mut base.own, from, words);
        connecting.attempts().close(base, link, None);
        base.own.set_state(from, LinkState::Gone, Some(String::from(words)));
        // A server names a member that left by itself when it comes back.
        let again = (reason == GoodbyeReason::Refused).then_some(base.own.time() + REFUSED_FOR);
        base.known.try_at(from, again);
        if is_crossed {
            connecting.attempts().plan_retry(base, from);
        }
    }

    /// Decodes a message in a room from a linked endpoint. Unknown kinds are skipped.
    fn handle_room_message(&mut self, from: Endpoint, kind: u32, body: &[u8]) {
        match RoomMessage::decode(kind, body) {
            Ok(Some((number, message))) => {
                // An unknown number may be that of a room just left: no violation.
                let base = &mut self.base;
                if let Some(handle) = base.rooms.attachments().numbered(from, number) {
                    self.handle_inside(handle, from, message);
                } else if message.is_for_visitors()
                    && let Some(handle) = base.rooms.attachments().numbered_for_lanes(from, number)
                {
                    // Comparison goes on as long as its beginner wants.
                    if matches!(message, RoomMessage::Blob(_)) {
                        base.rooms.attachments_mut().note_said(base.own.time(), from, handle);
                    }
                    base.handle_in_room(handle, from, message);
                } else if let Some(handle) = numbered_unsure(base, from, number, &message) {
                    base.handle_in_room(handle, from, message);
                }
            }
            Ok(None) => {}
            Err(error) => {
                if let Some(link) = self.base.links.of_mut(from) {
                    link.refuse(format!("kind {kind}: {error}"));
                }
            }
        }
    }

    fn handle_detach(&mut self, handle: RoomHandle, from: Endpoint, reason: DetachReason) {
        let (base, connecting) = (&mut self.base, &mut self.connecting);
        let is_behind = is_behind(&base.rooms, &base.links, handle, from);
        let attachments = base.rooms.attachments();
        let shown = (attachments.number(from, handle), attachments.renewed(from, handle));
        if reason == DetachReason::Full && base.rooms.attachments().visited(from, handle).is_some() {
            // It has no space for a neighbour, and keeps the visit.
            base.rooms.attachments_mut().unattach_neighbour(handle, from);
        } else {
            connecting.visits().0.forget(base, handle, from);
            base.rooms.attachments_mut().unattach(handle, from);
            let why = "it is no member or no neighbour any more";
            base.links.end_direct_in(&mut base.own, from, handle.0, why);
        }
        match reason {
            DetachReason::Left => base.known.unlist(from, handle),
            DetachReason::Full | DetachReason::Unsure => {
                base.rooms.attachments_mut().note_distant(handle, from);
            }
            DetachReason::Proof => {}
        }
        if reason == DetachReason::Proof && !is_behind {
            shut_out(&mut base.rooms, &base.own, handle, from);
        }
        connecting.attempts().detach(base, handle, from);
        match reason {
            DetachReason::Left => {}
            DetachReason::Full => {
                if !base.rooms.links_everybody(handle) {
                    // The overlay searches another.
                    base.rooms.handle_unreachable(&base.own, handle, from);
                    connecting.attempts().close_unused(base, from, "it has as many neighbours as it keeps");
                }
                base.rooms.handle_full(&base.own, handle, from);
            }
            // The link stays: it may attach again over it. Meanwhile the overlay searches another.
            DetachReason::Unsure => {
                hand_records(base, handle, from, shown);
                base.rooms.handle_unreachable(&base.own, handle, from);
            }
            DetachReason::Proof if is_behind => {
                // By its present records this end has no access; it will receive more.
                connecting.attempts().close_unused(base, from, "it has not heard of the room's secret yet");
                connecting.attempts().plan_retry(base, from);
            }
            DetachReason::Proof => {
                let why = "it does not accept our proof of the room's secret, which may have been replaced";
                base.own.refuse(Some(from), Refusal::RoomProof, String::from(why));
                base.own.event(Event::ShutOut { room: handle, by: from });
                connecting.attempts().close_unused(base, from, why);
            }
        }
    }

    fn handle_broken(&mut self, link: LinkId, refusal: Refusal, detail: String) {
        let Some(endpoint) = self.base.links.get(link).map(Link::remote) else { return };
        self.base.own.refuse(Some(endpoint), refusal, detail);
        if self.base.links.id_of(endpoint).is_some_and(|current| current != link) {
            // The proved link is not concerned, whoever was at the other end of this attempt.
            return self.connecting.attempts().close(&mut self.base, link, None);
        }
        self.shut_out(endpoint, link, format!("broke the protocol: {refusal}"));
    }

    /// Judges the result of a linked endpoint's message: no honest one commits a violation.
    pub(super) fn judge(&mut self, endpoint: Endpoint, done: Result<(), Offence>) {
        let Err((refusal, detail)) = done else { return };
        self.base.own.refuse(Some(endpoint), refusal, detail);
        if let Some(link) = self.base.links.count_offence(endpoint) {
            let times = super::links::OFFENCES_MAX;
            self.shut_out(endpoint, link, format!("broke the rules {times} times: {refusal}"));
        }
    }

    /// Closes a link to an endpoint that broke the protocol, and refuses it for a while.
    fn shut_out(&mut self, endpoint: Endpoint, link: LinkId, reason: String) {
        let base = &mut self.base;
        self.connecting.attempts().close(base, link, Some(GoodbyeReason::Refused));
        base.rooms.handle_shut_out(endpoint);
        base.known.refuse_until(endpoint, base.own.time() + REFUSED_FOR);
        base.own.set_state(endpoint, LinkState::Gone, Some(reason));
    }

    /// The driver lost a connection.
    pub(super) fn handle_down(&mut self, link: LinkId, reason: String) {
        if self.connecting.attempts().is_attempt(link) {
            self.connecting.attempts().fail_attempt(&mut self.base, link, reason);
        } else {
            self.connecting.attempts().lose_link(&mut self.base, link, reason);
        }
    }

    /// Fails late attempts, pings, and detects silence.
    pub(super) fn handle_link_timeouts(&mut self) {
        self.base.links.handle_timeout(&self.base.own);
        for link in self.base.links.ids() {
            if !self.connecting.attempts().fail_late(&mut self.base, link) {
                self.notice_silence(link);
            }
        }
        for endpoint in self.base.rooms.attachments().late(self.base.own.time()) {
            self.connecting.attempts().give_rooms_up(&mut self.base, endpoint);
        }
    }

    fn notice_silence(&mut self, link: LinkId) {
        let (base, connecting) = (&mut self.base, &mut self.connecting);
        let Some(state) = base.links.get(link) else { return };
        let (endpoint, heard, now) = (state.remote(), state.heard(), base.own.time());
        let silent = now.since(heard);
        if silent >= base.own.config.gone_after {
            base.own.effect(Effect::Close { link });
            connecting.attempts().lose_link(base, link, format!("silent for {} s", silent.as_secs()));
        } else if state.is_stale(now) {
            let was_stale = base.own.people.state(endpoint) == Some(LinkState::Stale);
            base.own.set_state(endpoint, LinkState::Stale, None);
            if !was_stale {
                let later = if base.own.me > endpoint { Duration::ZERO } else { ASK_LATER };
                let again: Time = heard + base.own.config.resume_after + later;
                base.known.try_at(endpoint, Some(again));
            }
        } else if !base.links.is_silent(&base.own, endpoint) {
            connecting.attempts().drop_replacements(base, endpoint);
            self.base.handle_heard_again(link);
        }
    }

    /// The machine may have another network now: links must answer soon, and waiting ones are tried at once.
    pub(super) fn handle_network_changed(&mut self) {
        let base = &mut self.base;
        base.doubt_links(|_| true);
        base.known.retry_at_once(&base.own, &base.links);
        base.servers.handle_network_changed(base.own.time());
        let pause = base.own.config.answer_within;
        for endpoint in base.known.endpoints() {
            base.known.plan_move(&base.own, &base.links, endpoint, pause);
        }
        self.handle_server_timeouts();
        self.connecting.handle_known_timeouts(&mut self.base);
    }
}

/// An endpoint with this number for a room and these proofs does not know yet whether we have access. If our records
/// say we have access, sends it all of them: it may lack the one that lists us.
fn hand_records(
    base: &mut Base,
    handle: RoomHandle,
    to: Endpoint,
    (number, renewed): (Option<u32>, Renewed),
) {
    let Some(entry) = base.rooms.get(handle) else { return };
    let entrance = entrance(&base.links, entry, to, &renewed);
    if !entrance.is_open() {
        return;
    }
    base.rooms.attachments_mut().note_unsure(handle, to, number, renewed);
    base.handle_in_room(handle, to, RoomMessage::Records(Bounded::default()));
    if let Some(room) = base.rooms.room(handle).filter(|_| entrance == Entrance::Listed) {
        hand_secret(&mut base.links, to, room);
    }
}

/// The room in which an endpoint sends a message that decides about its access, or requests one that decides about
/// ours.
fn numbered_unsure(base: &Base, from: Endpoint, number: u32, message: &RoomMessage) -> Option<RoomHandle> {
    let attachments = base.rooms.attachments();
    let handle = attachments.numbered_unsure(from, number)?;
    let is_heard = match message {
        RoomMessage::Record(_) | RoomMessage::ListPiece(_) | RoomMessage::Secret(_) => true,
        RoomMessage::AskList(_) | RoomMessage::Records(_) => {
            let renewed = attachments.renewed(from, handle);
            entrance(&base.links, base.rooms.get(handle)?, from, &renewed).is_open()
        }
        _ => false,
    };
    is_heard.then_some(handle)
}

fn as_offence(done: Result<(), String>) -> Result<(), Offence> {
    done.map_err(|detail| (Refusal::Message, detail))
}
