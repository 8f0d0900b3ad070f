//! Sessions: when one is resumed, what was said in it to one endpoint alone, and what is lost with it.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::{End, Links, SERVE_QUEUE};
use crate::id::Endpoint;
use crate::links::direct::{Arrival, DIRECT_MAX};
use crate::links::link::{Link, SEND_QUEUE_MAX};
use crate::links::message::{Direct, LinkMessage};
use crate::links::resume::{Resumed, Resumption, Session};
use crate::links::transcript::Facts;
use crate::node::own::Own;
use crate::node::view::CommandError;
use crate::seam::event::Event;
use crate::seam::io::LinkId;
use crate::wire::Bytes;

/// The first version of the link protocol with resumption and direct messages.
const RESUMPTION_VERSION: u16 = 2;

impl Links {
    /// The session with an endpoint, while there is a link or one may come back.
    pub(in crate::node) fn session(&self, endpoint: Endpoint) -> Option<&Session> {
        self.ends.get(&endpoint)?.session.as_ref()
    }

    /// The session with an endpoint, to change it.
    pub(in crate::node) fn session_mut(&mut self, endpoint: Endpoint) -> Option<&mut Session> {
        self.ends.get_mut(&endpoint)?.session.as_mut()
    }

    /// Queues a direct message.
    pub(in crate::node) fn send_direct(&mut self, to: Endpoint, bytes: &[u8]) -> Result<(), CommandError> {
        if bytes.len() > DIRECT_MAX {
            return Err(CommandError::TooLong(bytes.len()));
        }
        let end = self.ends.get_mut(&to).ok_or(CommandError::NotLinked(to))?;
        let session = end.session.as_mut().ok_or(CommandError::NotLinked(to))?;
        if !end.direct_links {
            return Err(CommandError::NoDirect(to));
        }
        session.direct.queue(bytes).map_err(CommandError::Backpressure)?;
        Ok(())
    }

    /// A link is proved: resumes its session, or begins it. Returns what to tell people when it was resumed, and
    /// what to tell the other end first.
    pub(in crate::node) fn open_session(
        &mut self,
        own: &mut Own,
        endpoint: Endpoint,
        facts: &Facts,
    ) -> (Option<String>, Option<Resumption>) {
        let heard = self.of(endpoint).map(Link::heard);
        let mut words = None;
        if let Some(session) = self.session(endpoint).filter(|session| session.id() == facts.session) {
            let away = session.cut().or(heard).map_or(Duration::ZERO, |since| own.time().since(since));
            words = Some(format!("resumed after {} s", away.as_secs()));
        } else {
            self.end_session(own, endpoint, "the other end began a new session");
        }
        let Some(end) = self.ends.get_mut(&endpoint) else { return (None, None) };
        let session = end.session.get_or_insert_with(|| Session::new(facts.session, facts.epoch));
        let resumption = session.handle_proved(facts.epoch);
        end.direct_links = facts.version >= RESUMPTION_VERSION;
        #[cfg(feature = "planted-bugs")]
        let resumption = match own.config.planted {
            Some(crate::seam::config::PlantedBug::DirectTwice) => {
                Resumption { received: resumption.received.saturating_sub(1), ..resumption }
            }
            _ => resumption,
        };
        (words, end.direct_links.then_some(resumption))
    }

    /// A proved link is lost. Returns whose it was, unless another has taken its place.
    pub(in crate::node) fn cut(&mut self, link: LinkId) -> Option<Endpoint> {
        let state = self.links.get(&link)?;
        let (endpoint, heard) = (state.remote(), state.heard());
        let end = self.ends.get_mut(&endpoint).filter(|end| end.link == Some(link))?;
        if let Some(session) = &mut end.session {
            session.handle_cut(heard);
        }
        Some(endpoint)
    }

    /// A session is over; what was said in it and not acknowledged is given up.
    pub(in crate::node) fn end_session(&mut self, own: &mut Own, endpoint: Endpoint, reason: &str) {
        let Some(end) = self.ends.get_mut(&endpoint) else { return };
        let messages = end.session.take().map_or(0, |session| session.direct.unacknowledged());
        tell_lost(own, endpoint, messages, reason);
    }

    /// Gives up sessions that were not resumed in time. Returns whose they were.
    pub(in crate::node) fn end_old_sessions(&mut self, own: &mut Own) -> Vec<Endpoint> {
        let (now, within) = (own.time(), own.config.resume_within);
        let is_over = |session: &Session| session.cut().is_some_and(|cut| cut + within <= now);
        let over = self.ends.iter().filter(|(_, end)| end.session.as_ref().is_some_and(is_over));
        let over: Vec<Endpoint> = over.map(|(&endpoint, _)| endpoint).collect();
        for &endpoint in &over {
            self.end_session(own, endpoint, &format!("no way to it was found for {} s", within.as_secs()));
        }
        over
    }

    /// The other end says what it remembers of the session. An error is its offence.
    pub(in crate::node) fn handle_resumption(
        &mut self,
        own: &mut Own,
        from: Endpoint,
        resumption: Resumption,
    ) -> Result<(), String> {
        let Some(session) = self.session_mut(from) else { return Ok(()) };
        #[cfg(feature = "planted-bugs")]
        if own.config.planted == Some(crate::seam::config::PlantedBug::DirectForgotten) {
            session.direct.forget_retained(resumption.received);
        }
        match session.handle_resumption(resumption) {
            Resumed::Continued => {}
            Resumed::Restarted(messages) => {
                tell_lost(own, from, messages, "one end had forgotten the session");
            }
            Resumed::Impossible => {
                return Err(format!("it says that it received {} direct messages", resumption.received));
            }
        }
        Ok(())
    }

    /// A direct message arrived. An error is the other end's offence.
    pub(in crate::node) fn handle_direct(
        &mut self,
        own: &mut Own,
        from: Endpoint,
        direct: Direct,
    ) -> Result<(), String> {
        let Some(session) = self.session_mut(from) else { return Ok(()) };
        let Direct { number, bytes } = direct;
        #[cfg(feature = "planted-bugs")]
        let again = (own.config.planted == Some(crate::seam::config::PlantedBug::DirectTwice))
            .then(|| bytes.to_vec());
        let arrival = if session.is_told() {
            session.direct.handle_message(number, bytes.into_inner())
        } else {
            // It must say first what it remembers.
            Arrival::Gap
        };
        #[cfg(feature = "planted-bugs")]
        if let (Arrival::Known, Some(bytes)) = (arrival, again) {
            own.event(Event::Direct { from, bytes });
            return Ok(());
        }
        match arrival {
            Arrival::Next => self.hand_over_direct(own, from),
            Arrival::Known => {}
            Arrival::Gap => return Err(format!("direct message {number} comes out of turn")),
            Arrival::TooMuch => {
                return Err(format!("direct message {number} comes before enough others were acknowledged"));
            }
        }
        Ok(())
    }

    /// The other end has received direct messages. An error is its offence.
    pub(in crate::node) fn handle_direct_received(
        &mut self,
        from: Endpoint,
        number: u64,
    ) -> Result<(), String> {
        let Some(session) = self.session_mut(from) else { return Ok(()) };
        if session.is_told() && session.direct.handle_acknowledgement(number) {
            Ok(())
        } else {
            Err(format!("it acknowledges direct message {number}, which was not sent"))
        }
    }

    /// The application takes direct messages, or lets them wait.
    pub(in crate::node) fn set_takes_direct(&mut self, own: &mut Own, takes: bool) {
        self.takes_direct = takes;
        let waits = |end: &End| end.session.as_ref().is_some_and(|s| s.direct.arrived_bytes() > 0);
        let waiting = self.ends.iter().filter(|(_, end)| waits(end));
        for endpoint in waiting.map(|(&endpoint, _)| endpoint).collect::<Vec<_>>() {
            self.hand_over_direct(own, endpoint);
        }
    }

    /// Whether the application takes direct messages.
    pub(in crate::node) fn takes_direct(&self) -> bool {
        self.takes_direct
    }

    fn hand_over_direct(&mut self, own: &mut Own, from: Endpoint) {
        if !self.takes_direct {
            return;
        }
        let Some(session) = self.session_mut(from) else { return };
        while let Some(bytes) = session.direct.take_arrived() {
            own.event(Event::Direct { from, bytes });
        }
    }

    /// Sends direct messages and their acknowledgements over links that have room. Returns whether there was
    /// nothing.
    pub(in crate::node) fn serve_direct(&mut self) -> bool {
        let mut idle = true;
        // There are fewer links than endpoints that are known.
        for (&id, link) in &mut self.links {
            let Some(end) = self.ends.get_mut(&link.remote()) else { continue };
            let waits = |session: &&mut Session| session.is_told() && session.direct.is_waiting();
            let session = end.session.as_mut().filter(|_| end.link == Some(id)).filter(waits);
            let Some(session) = session else { continue };
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

    /// Bytes of direct messages kept for or from the endpoint for which most are kept.
    pub(in crate::node) fn retained_bytes_most(&self) -> usize {
        let sessions = self.ends.values().filter_map(|end| end.session.as_ref());
        let retained =
            sessions.map(|session| session.direct.retained_bytes().max(session.direct.arrived_bytes()));
        retained.max().unwrap_or(0)
    }
}

fn tell_lost(own: &mut Own, to: Endpoint, messages: usize, reason: &str) {
    if messages > 0 {
        own.event(Event::DirectLost { to, messages, reason: String::from(reason) });
    }
}
