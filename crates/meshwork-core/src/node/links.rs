//! Links that are up: what arrives over them, when they are silent, and what becomes of them.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::attempts::ASK_LATER;
use super::ice::path_words;
use super::peer::{OFFENCES_MAX, Peer, REFUSED_FOR};
use super::{Node, Output};
use crate::id::Endpoint;
use crate::links::link::{Link, LinkEvent};
use crate::links::message::{GoodbyeReason, LinkMessage};
use crate::seam::event::{LinkState, Refusal, RoomHandle};
use crate::seam::io::{Effect, LinkId};
use crate::seam::path::{LinkPath, Path};
use crate::time::Time;

impl Node {
    /// Carries out what a link has received. Returns whether there was nothing.
    pub(super) fn handle_link_events(&mut self) -> bool {
        let Some(link) = self.spoken.take() else { return true };
        while let Some(event) = self.links.get_mut(&link).and_then(Link::poll_event) {
            match event {
                LinkEvent::Proved => self.handle_proved(link),
                LinkEvent::Message(message) => self.handle_link_message(link, message),
                LinkEvent::Presented(presented) => self.handle_presented(link, presented),
                LinkEvent::Broken(refusal, detail) => self.handle_broken(link, refusal, detail),
            }
        }
        false
    }

    fn handle_proved(&mut self, link: LinkId) {
        let Some(state) = self.links.get(&link) else { return };
        let (endpoint, path, facts) = (state.remote(), state.path(), *state.facts());
        let attempt = self.attempts.remove(&link);
        let named = attempt.as_ref().map(|attempt| attempt.named).unwrap_or_default();
        if !self.wants_proved(endpoint, attempt.as_ref()) {
            return self.say_unlinked(link);
        }
        let was_alive = !self.is_resuming(endpoint);
        let Some(peer) = self.peers.get_mut(&endpoint) else { return };
        peer.unlinked_us = false;
        peer.trying.retain(|attempt| *attempt != link);
        let (older, sought) = (peer.link, peer.sought.take());
        let older_path = older.and_then(|older| self.links.get(&older)).map(|older| older.path().kind());
        let older_facts = older.and_then(|older| self.links.get(&older)).map(|older| *older.facts());
        if older_facts.is_some_and(|older| older.session == facts.session && older.epoch > facts.epoch) {
            return self.close_link(link, Some(GoodbyeReason::Replaced));
        }
        let (words, resumption) = self.open_session(endpoint, &facts);
        let is_same = words.is_some();
        if let Some(older) = older {
            if is_same {
                self.keep_rooms(endpoint);
            }
            self.close_link(older, Some(GoodbyeReason::Replaced));
        }
        // An attempt that is still looking for a path is for nothing now.
        self.drop_attempts(endpoint, |_, _| true);
        let Some(peer) = self.peers.get_mut(&endpoint) else { return };
        peer.link = Some(link);
        peer.next_try = None;
        peer.suspect = None;
        peer.failures = 0;
        peer.offences = 0;
        let mut rooms: BTreeSet<RoomHandle> = peer.present_rooms().collect();
        rooms.extend(attempt.as_ref().map(|attempt| attempt.room));
        if is_same {
            rooms.extend(&peer.rooms);
        }
        peer.they_hide = named.hides();
        let because = self.peers.get(&endpoint).and_then(|peer| self.relayed_because(peer, path));
        let told = match (because, older_path) {
            (None, Some(Path::Relayed)) if was_alive => Some(String::from("a direct path was found")),
            _ if was_alive => path_words(because),
            _ => words.or_else(|| path_words(because)),
        };
        if let (Some(resumption), Some(state)) = (resumption, self.links.get_mut(&link)) {
            state.send(&LinkMessage::Resumption(resumption));
        }
        self.handle_path_known(endpoint);
        self.set_state(endpoint, linked_state(path), told);
        self.report_link(link, sought, attempt.as_ref());
        for room in rooms {
            self.send_attach(endpoint, room);
        }
    }

    fn handle_link_message(&mut self, link: LinkId, message: LinkMessage) {
        let Some(endpoint) = self.links.get(&link).map(Link::remote) else { return };
        // An older link to the same endpoint may still deliver what was under way; it no longer counts.
        if self.peers.get(&endpoint).and_then(|peer| peer.link) != Some(link) {
            return;
        }
        match message {
            // The other end has proved a newer link, and so will this one, or it is cut again.
            LinkMessage::Goodbye(GoodbyeReason::Replaced) => {
                self.lose_link(link, String::from(GoodbyeReason::Replaced.words()));
                self.effect(Effect::Close { link });
            }
            LinkMessage::Goodbye(reason) => {
                let words = self.goodbye_words(endpoint, reason);
                if let (GoodbyeReason::Left, Some(peer)) = (reason, self.peers.get_mut(&endpoint)) {
                    peer.distant.clear();
                }
                self.end_session(endpoint, words);
                self.close_link(link, None);
                self.set_state(endpoint, LinkState::Gone, Some(String::from(words)));
                if let Some(peer) = self.peers.get_mut(&endpoint) {
                    // It left of its own will: the server says when it comes back.
                    peer.next_try = (reason == GoodbyeReason::Refused).then_some(self.now.time + REFUSED_FOR);
                }
            }
            LinkMessage::Unlinked => self.handle_unlinked(endpoint),
            LinkMessage::Resumption(resumption) => self.handle_resumption(endpoint, resumption),
            LinkMessage::Direct(direct) => self.handle_direct(endpoint, direct),
            LinkMessage::DirectReceived(number) => self.handle_direct_received(endpoint, number),
            message => self.handle_room_message(endpoint, message),
        }
    }

    fn handle_broken(&mut self, link: LinkId, refusal: Refusal, detail: String) {
        let Some(endpoint) = self.links.get(&link).map(Link::remote) else { return };
        self.refuse(Some(endpoint), refusal, detail);
        let is_other = |current: LinkId| current != link;
        if self.peers.get(&endpoint).and_then(|peer| peer.link).is_some_and(is_other) {
            // Whoever was at the other end of this attempt, the proved link is not concerned.
            return self.close_link(link, None);
        }
        self.shut_out(endpoint, link, format!("broke the protocol: {refusal}"));
    }

    /// Closes a link to an endpoint that broke the protocol, and stays away from it for a while.
    fn shut_out(&mut self, endpoint: Endpoint, link: LinkId, reason: String) {
        self.close_link(link, Some(GoodbyeReason::Refused));
        for room in self.rooms.values_mut().filter_map(|entry| entry.room.as_mut()) {
            room.handle_shut_out(endpoint);
        }
        let until = self.now.time + REFUSED_FOR;
        if let Some(peer) = self.peers.get_mut(&endpoint) {
            peer.refused_until = Some(until);
            peer.next_try = Some(until);
        }
        self.set_state(endpoint, LinkState::Gone, Some(reason));
    }

    /// Whether nothing was heard of an endpoint for so long that it may be cut off.
    pub(super) fn is_cut_off(&self, endpoint: Endpoint) -> bool {
        let Some(peer) = self.peers.get(&endpoint) else { return true };
        let link = peer.link.and_then(|link| self.links.get(&link));
        link.is_none_or(|link| link.is_stale(self.now.time))
    }

    /// A linked endpoint did something that no honest one does.
    pub(super) fn handle_offence(&mut self, endpoint: Endpoint, refusal: Refusal, detail: String) {
        self.refuse(Some(endpoint), refusal, detail);
        let Some(peer) = self.peers.get_mut(&endpoint) else { return };
        peer.offences += 1;
        if let (Some(link), true) = (peer.link, peer.offences >= OFFENCES_MAX) {
            self.shut_out(endpoint, link, format!("broke the rules {OFFENCES_MAX} times: {refusal}"));
        }
    }

    /// The driver lost a connection.
    pub(super) fn handle_down(&mut self, link: LinkId, reason: String) {
        if self.attempts.contains_key(&link) {
            return self.fail_attempt(link, reason);
        }
        self.lose_link(link, reason);
    }

    pub(super) fn handle_path(&mut self, link: LinkId, path: LinkPath) {
        let Some(state) = self.links.get_mut(&link) else { return };
        state.set_path(path);
        let (endpoint, proved) = (state.remote(), state.is_proved());
        if proved {
            self.tell_path(endpoint);
            self.handle_path_known(endpoint);
        }
    }

    /// Tells how packets of a link travel, and why, while it is neither silent nor gone.
    pub(super) fn tell_path(&mut self, endpoint: Endpoint) {
        let Some(peer) = self.peers.get(&endpoint).filter(|peer| peer.state != LinkState::Stale) else {
            return;
        };
        let Some(path) = peer.link.and_then(|link| self.links.get(&link)).map(Link::path) else { return };
        let words = path_words(self.relayed_because(peer, path));
        self.set_state(endpoint, linked_state(path), words);
    }

    /// Closes a link, with a last word if one is given. The peer's state is the caller's to set.
    pub(super) fn close_link(&mut self, link: LinkId, goodbye: Option<GoodbyeReason>) {
        let Some(state) = self.links.get_mut(&link) else { return };
        let endpoint = state.remote();
        if let (Some(reason), true) = (goodbye, state.is_proved()) {
            state.send(&LinkMessage::Goodbye(reason));
        }
        while let Some((channel, bytes)) = state.flush() {
            self.outputs.push_back(Output::Effect(Effect::Send { link, channel, bytes }));
        }
        self.effect(Effect::Close { link });
        self.forget_link(link);
        match goodbye {
            None | Some(GoodbyeReason::Replaced) => {}
            Some(GoodbyeReason::Left | GoodbyeReason::Refused | GoodbyeReason::Unused) => {
                self.end_session(endpoint, "this end closed the link");
            }
        }
    }

    /// A proved link is lost to a fault of the path or of the other end. Its session waits for another.
    fn lose_link(&mut self, link: LinkId, reason: String) {
        let Some(state) = self.links.get(&link) else { return };
        let (endpoint, heard) = (state.remote(), state.heard());
        let Some(peer) = self.peers.get_mut(&endpoint).filter(|peer| peer.link == Some(link)) else {
            return self.forget_link(link);
        };
        if let Some(session) = &mut peer.session {
            session.handle_cut(heard);
        }
        let proving = |link: &LinkId| self.links.get(link).is_some_and(|state| state.transcript().is_some());
        let is_almost_back = peer.trying.iter().any(proving);
        // The greater end acts at once; the lesser asks if it does not.
        let pause = if self.me > endpoint { Duration::ZERO } else { ASK_LATER };
        peer.next_try = Some(self.now.time + pause);
        if is_almost_back {
            self.keep_rooms(endpoint);
            self.forget_link(link);
        } else {
            self.forget_link(link);
            self.set_state(endpoint, LinkState::Gone, Some(reason));
        }
    }

    /// Forgets a link and detaches its rooms.
    fn forget_link(&mut self, link: LinkId) {
        self.attempts.remove(&link);
        let Some(endpoint) = self.links.get(&link).map(Link::remote) else { return };
        if !planted!(LinkLeaks) {
            self.links.remove(&link);
        }
        let Some(peer) = self.peers.get_mut(&endpoint) else { return };
        peer.trying.retain(|attempt| *attempt != link);
        if peer.link == Some(link) {
            peer.link = None;
            peer.sent_attach.clear();
            let mut attached: BTreeSet<RoomHandle> =
                core::mem::take(&mut peer.attached).into_values().collect();
            attached.append(&mut peer.reattaching);
            for room in attached {
                self.detach(room, endpoint);
            }
        }
    }

    /// Takes the rooms of an endpoint from its link, which is about to be replaced: it may attach to them again
    /// over the next one, and meanwhile nobody is told.
    fn keep_rooms(&mut self, endpoint: Endpoint) {
        let Some(peer) = self.peers.get_mut(&endpoint) else { return };
        peer.link = None;
        peer.sent_attach.clear();
        peer.reattaching.extend(core::mem::take(&mut peer.attached).into_values());
        peer.reattach_until = self.now.time + self.config.resume_probe;
    }

    /// Deadlines of connections: when attempts have taken too long, and when to ping.
    pub(super) fn link_deadlines(&self) -> impl Iterator<Item = Time> + '_ {
        let attempts = self.attempts.iter().filter_map(|(link, attempt)| match &attempt.by_hand {
            Some(by_hand) => Some(by_hand.deadline()),
            None => Some(self.links.get(link)?.opened() + self.attempt_timeout(attempt.resumes)),
        });
        attempts.chain(self.links.values().filter_map(Link::poll_timeout))
    }

    /// Deadlines of what the peer table has to do, in one walk through it: links that were silent for too long, rooms
    /// that were not attached again, sessions that are over, better paths, attempts, and who is long gone.
    pub(super) fn peer_deadlines(&self) -> impl Iterator<Item = Time> + '_ {
        let of = |peer: &Peer| {
            let silence =
                peer.link.and_then(|link| self.links.get(&link)).and_then(|link| match peer.state {
                    LinkState::Stale => Some(link.heard() + self.config.gone_after),
                    _ => link.stale_at(),
                });
            let reattaching = (!peer.reattaching.is_empty()).then_some(peer.reattach_until);
            let cut = peer.session.as_ref().and_then(|session| session.cut());
            let over = cut.map(|cut| cut + self.config.resume_within);
            [silence, reattaching, over, peer.next_move, peer.next_try, peer.forget_at()]
        };
        self.peers.values().filter_map(move |peer| of(peer).into_iter().flatten().min())
    }

    fn attempt_timeout(&self, resumes: bool) -> core::time::Duration {
        if resumes { self.config.resume_probe } else { self.config.connect_timeout }
    }

    /// Fails attempts that took too long, pings, and notices silence.
    pub(super) fn handle_link_timeouts(&mut self) {
        let now = self.now.time;
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        // Soon all links are pinged at the same moment, and the machine wakes up once for them.
        let ahead = if self.links.values().any(|link| link.is_ping_due(now)) {
            self.config.ping_interval / 2
        } else {
            Duration::ZERO
        };
        for link in links {
            let Some(state) = self.links.get_mut(&link) else { continue };
            state.handle_timeout(self.now, ahead);
            let opened = state.opened();
            if let Some(attempt) = self.attempts.get(&link) {
                let timeout = self.attempt_timeout(attempt.resumes);
                if attempt.by_hand.is_none() && now.since(opened) >= timeout {
                    self.fail_attempt(link, format!("no connection within {} s", timeout.as_secs()));
                }
            } else {
                self.notice_silence(link);
            }
        }
        let over = |peer: &Peer| !peer.reattaching.is_empty() && peer.reattach_until <= now;
        let over: Vec<Endpoint> =
            self.peers.iter().filter(|(_, peer)| over(peer)).map(|(&endpoint, _)| endpoint).collect();
        for endpoint in over {
            self.give_rooms_up(endpoint);
        }
    }

    fn notice_silence(&mut self, link: LinkId) {
        let Some(state) = self.links.get(&link) else { return };
        let (endpoint, heard) = (state.remote(), state.heard());
        let silent = self.now.time.since(heard);
        let has_ceased = state.is_stale(self.now.time);
        let is_stale = self.peers.get(&endpoint).is_some_and(|peer| peer.state == LinkState::Stale);
        if silent >= self.config.gone_after {
            self.effect(Effect::Close { link });
            self.lose_link(link, format!("silent for {} s", silent.as_secs()));
        } else if has_ceased {
            self.set_state(endpoint, LinkState::Stale, None);
            let later = if self.me > endpoint { Duration::ZERO } else { ASK_LATER };
            if let (Some(peer), false) = (self.peers.get_mut(&endpoint), is_stale) {
                peer.next_try = Some(heard + self.config.resume_after + later);
            }
        } else if !self.is_silent(endpoint) {
            // The old link is back: what was begun to replace it is for nothing.
            self.drop_attempts(endpoint, |attempt, _| attempt.for_silence);
            self.handle_heard_again(link);
        }
    }

    /// A link that was stale is so no longer.
    pub(super) fn handle_heard_again(&mut self, link: LinkId) {
        let Some(state) = self.links.get(&link) else { return };
        let (endpoint, path) = (state.remote(), state.path());
        let is_its = |peer: &&Peer| peer.link == Some(link) && peer.state == LinkState::Stale;
        if let Some(peer) = self.peers.get(&endpoint).filter(is_its) {
            let words = path_words(self.relayed_because(peer, path));
            self.set_state(endpoint, linked_state(path), words);
        }
    }

    /// The rooms of a link that was lost or replaced were not attached again in time.
    pub(super) fn give_rooms_up(&mut self, endpoint: Endpoint) {
        let Some(peer) = self.peers.get_mut(&endpoint) else { return };
        let rooms = core::mem::take(&mut peer.reattaching);
        let is_lost = peer.link.is_none();
        for room in rooms {
            self.detach(room, endpoint);
        }
        if is_lost {
            self.set_state(endpoint, LinkState::Gone, Some(String::from("the connection broke off")));
        }
    }
}

fn linked_state(path: LinkPath) -> LinkState {
    match path.kind() {
        Path::Direct => LinkState::Direct,
        Path::Relayed => LinkState::Relayed,
    }
}
