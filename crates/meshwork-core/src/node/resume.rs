//! Sessions of the node: when one is resumed, what was said in it, and what is lost with it.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::view::CommandError;
use super::{Node, Output, SERVE_QUEUE};
use crate::id::Endpoint;
use crate::links::direct::{Arrival, DIRECT_MAX};
use crate::links::link::{Link, SEND_QUEUE_MAX};
use crate::links::message::{Direct, LinkMessage};
use crate::links::resume::{Resumed, Resumption, Session};
use crate::links::transcript::Facts;
use crate::seam::event::{Event, Refusal};
use crate::seam::path::LinkPath;
use crate::time::Time;
use crate::wire::Bytes;

/// The first version of the link protocol with resumption and direct messages.
const RESUMPTION_VERSION: u16 = 2;

impl Node {
    /// Says something to one linked endpoint alone. It is heard there exactly once and after what was said to it
    /// before, also when the link breaks and its session is resumed in time; otherwise the loss is told by
    /// [`Event::DirectLost`].
    ///
    /// # Errors
    /// [`CommandError::NotLinked`], [`CommandError::NoDirect`], [`CommandError::TooLong`], or
    /// [`CommandError::Backpressure`] when more is kept for the endpoint already than it has acknowledged.
    pub fn send_direct(&mut self, now: Time, to: Endpoint, bytes: &[u8]) -> Result<(), CommandError> {
        self.advance(now);
        if bytes.len() > DIRECT_MAX {
            return Err(CommandError::TooLong(bytes.len()));
        }
        let peer = self.peers.get_mut(&to).ok_or(CommandError::NotLinked(to))?;
        let session = peer.session.as_mut().ok_or(CommandError::NotLinked(to))?;
        if !peer.direct_links {
            return Err(CommandError::NoDirect(to));
        }
        session.direct.queue(bytes).map_err(CommandError::Backpressure)?;
        self.settle();
        Ok(())
    }

    /// Whether the link to an endpoint has been silent for so long that another is tried.
    pub(super) fn is_silent(&self, endpoint: Endpoint) -> bool {
        let Some(peer) = self.peers.get(&endpoint) else { return false };
        let Some(heard) = peer.link.and_then(|link| self.links.get(&link)).map(Link::heard) else {
            return false;
        };
        let now = self.now.time;
        let unanswered = |since: Time| heard < since && now >= since + self.config.answer_within;
        now.since(heard) >= self.config.resume_after || peer.suspect.is_some_and(unanswered)
    }

    /// Whether a session with an endpoint is to be resumed.
    pub(super) fn is_resuming(&self, endpoint: Endpoint) -> bool {
        let session = |peer: &super::Peer| peer.session.is_some() && peer.link.is_none();
        self.is_silent(endpoint) || self.peers.get(&endpoint).is_some_and(session)
    }

    /// A link is proved: resumes its session, or begins it. Returns what to tell people when it was resumed, and
    /// what to tell the other end first.
    pub(super) fn open_session(
        &mut self,
        endpoint: Endpoint,
        facts: &Facts,
    ) -> (Option<String>, Option<Resumption>) {
        let Some(peer) = self.peers.get_mut(&endpoint) else { return (None, None) };
        let heard = peer.link.and_then(|link| self.links.get(&link)).map(Link::heard);
        let is_same = |session: &&mut Session| session.id() == facts.session;
        let mut words = None;
        if let Some(session) = peer.session.as_mut().filter(is_same) {
            let away = session.cut().or(heard).map_or(Duration::ZERO, |since| self.now.time.since(since));
            words = Some(format!("resumed after {} s", away.as_secs()));
        } else {
            self.end_session(endpoint, "the other end began a new session");
        }
        let Some(peer) = self.peers.get_mut(&endpoint) else { return (None, None) };
        let session = peer.session.get_or_insert_with(|| Session::new(facts.session, facts.epoch));
        let resumption = session.handle_proved(facts.epoch);
        peer.direct_links = facts.version >= RESUMPTION_VERSION;
        #[cfg(feature = "planted-bugs")]
        let resumption = match self.config.planted {
            Some(crate::seam::config::PlantedBug::DirectTwice) => {
                Resumption { received: resumption.received.saturating_sub(1), ..resumption }
            }
            _ => resumption,
        };
        (words, peer.direct_links.then_some(resumption))
    }

    /// A session is over; what was said in it and not acknowledged is given up.
    pub(super) fn end_session(&mut self, endpoint: Endpoint, reason: &str) {
        let Some(peer) = self.peers.get_mut(&endpoint) else { return };
        let messages = peer.session.take().map_or(0, |session| session.direct.unacknowledged());
        self.tell_lost(endpoint, messages, reason);
    }

    /// The other end says what it remembers of the session.
    pub(super) fn handle_resumption(&mut self, from: Endpoint, resumption: Resumption) {
        let Some(session) = self.peers.get_mut(&from).and_then(|peer| peer.session.as_mut()) else { return };
        #[cfg(feature = "planted-bugs")]
        if self.config.planted == Some(crate::seam::config::PlantedBug::DirectForgotten) {
            session.direct.forget_retained(resumption.received);
        }
        match session.handle_resumption(resumption) {
            Resumed::Continued => {}
            Resumed::Restarted(messages) => {
                self.tell_lost(from, messages, "one end had forgotten the session");
            }
            Resumed::Impossible => {
                let detail = format!("it says that it received {} direct messages", resumption.received);
                self.handle_offence(from, Refusal::Message, detail);
            }
        }
    }

    /// A direct message arrived.
    pub(super) fn handle_direct(&mut self, from: Endpoint, direct: Direct) {
        let Some(session) = self.peers.get_mut(&from).and_then(|peer| peer.session.as_mut()) else { return };
        let Direct { number, bytes } = direct;
        #[cfg(feature = "planted-bugs")]
        let again = (self.config.planted == Some(crate::seam::config::PlantedBug::DirectTwice))
            .then(|| bytes.to_vec());
        let arrival = if session.is_told() {
            session.direct.handle_message(number, bytes.into_inner())
        } else {
            // It must say first what it remembers.
            Arrival::Gap
        };
        #[cfg(feature = "planted-bugs")]
        if let (Arrival::Known, Some(bytes)) = (arrival, again) {
            return self.event(Event::Direct { from, bytes });
        }
        match arrival {
            Arrival::Next => self.hand_over_direct(from),
            Arrival::Known => {}
            Arrival::Gap => {
                let detail = format!("direct message {number} comes out of turn");
                self.handle_offence(from, Refusal::Message, detail);
            }
            Arrival::TooMuch => {
                let detail = format!("direct message {number} comes before enough others were acknowledged");
                self.handle_offence(from, Refusal::Message, detail);
            }
        }
    }

    /// Says whether the application takes direct messages. While it does not, they wait, and so do those who say
    /// more than their session holds: nothing is acknowledged that the application has not taken. A driver says no
    /// while many events are unread; it is yes at birth.
    pub fn set_takes_direct(&mut self, now: Time, takes: bool) {
        self.advance(now);
        self.takes_direct = takes;
        let waiting =
            |peer: &super::Peer| peer.session.as_ref().is_some_and(|s| s.direct.arrived_bytes() > 0);
        let waiting: Vec<Endpoint> =
            self.peers.iter().filter(|(_, peer)| waiting(peer)).map(|(&endpoint, _)| endpoint).collect();
        for endpoint in waiting {
            self.hand_over_direct(endpoint);
        }
        self.settle();
    }

    /// Whether the application takes direct messages, as the driver said last.
    pub fn takes_direct(&self) -> bool {
        self.takes_direct
    }

    fn hand_over_direct(&mut self, from: Endpoint) {
        if !self.takes_direct {
            return;
        }
        let Some(session) = self.peers.get_mut(&from).and_then(|peer| peer.session.as_mut()) else { return };
        while let Some(bytes) = session.direct.take_arrived() {
            self.outputs.push_back(Output::Event(Event::Direct { from, bytes }));
        }
    }

    /// The other end has received direct messages.
    pub(super) fn handle_direct_received(&mut self, from: Endpoint, number: u64) {
        let Some(session) = self.peers.get_mut(&from).and_then(|peer| peer.session.as_mut()) else { return };
        if !session.is_told() || !session.direct.handle_acknowledgement(number) {
            let detail = format!("it acknowledges direct message {number}, which was not sent");
            self.handle_offence(from, Refusal::Message, detail);
        }
    }

    /// Sends direct messages and their acknowledgements over links that have room. Returns whether there was
    /// nothing.
    pub(super) fn serve_direct(&mut self) -> bool {
        let mut idle = true;
        for peer in self.peers.values_mut() {
            let waits = |session: &&mut Session| session.is_told() && session.direct.is_waiting();
            let Some(session) = peer.session.as_mut().filter(waits) else { continue };
            let Some(link) = peer.link.and_then(|link| self.links.get_mut(&link)) else { continue };
            if link.queued() < SEND_QUEUE_MAX
                && let Some(number) = session.direct.take_acknowledgement()
            {
                idle = false;
                link.send(&LinkMessage::DirectReceived(number));
            }
            while link.queued() < SERVE_QUEUE {
                let Some((number, bytes)) = session.direct.hand_over() else { break };
                idle = false;
                let bytes = Bytes::new(bytes.to_vec()).expect("its length was checked when it was queued");
                link.send(&LinkMessage::Direct(Direct { number, bytes }));
            }
            link.set_held_up(link.queued() >= SERVE_QUEUE);
        }
        idle
    }

    /// Gives up sessions that were not resumed in time.
    pub(super) fn handle_session_timeouts(&mut self) {
        let (now, within) = (self.now.time, self.config.resume_within);
        let is_over = |session: &Session| session.cut().is_some_and(|cut| cut + within <= now);
        let over: Vec<Endpoint> = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.session.as_ref().is_some_and(is_over))
            .map(|(&endpoint, _)| endpoint)
            .collect();
        for endpoint in over {
            self.end_session(endpoint, &format!("no way to it was found for {} s", within.as_secs()));
            if let Some(peer) = self.peers.get_mut(&endpoint) {
                peer.next_try.get_or_insert(now);
            }
        }
    }

    /// The machine may have another network now: links must answer soon, and what waited is tried at once.
    pub(super) fn handle_network_changed(&mut self) {
        let now = self.now.time;
        self.doubt_links(|_| true);
        for peer in self.peers.values_mut().filter(|peer| peer.link.is_none()) {
            peer.failures = 0;
            peer.next_try = peer.next_try.map(|_| now);
        }
        for server in self.servers.values_mut() {
            server.handle_network_changed(now);
        }
        let endpoints: Vec<Endpoint> = self.peers.keys().copied().collect();
        endpoints.into_iter().for_each(|endpoint| self.plan_move(endpoint, self.config.answer_within));
        self.handle_server_timeouts();
        self.handle_peer_timeouts();
    }

    /// Has the links with such paths answer within a moment, else others are tried without waiting for more silence.
    pub(super) fn doubt_links(&mut self, is_doubted: impl Fn(LinkPath) -> bool) {
        let now = self.now.time;
        for peer in self.peers.values_mut() {
            let link = peer.link.and_then(|link| self.links.get_mut(&link));
            if let Some(link) = link.filter(|link| is_doubted(link.path())) {
                link.ping_now(self.now);
                peer.suspect = Some(now);
                peer.next_try = Some(now + self.config.answer_within);
            }
        }
    }

    fn tell_lost(&mut self, to: Endpoint, messages: usize, reason: &str) {
        if messages > 0 {
            self.event(Event::DirectLost { to, messages, reason: String::from(reason) });
        }
    }
}
