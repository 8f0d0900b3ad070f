//! Sessions: their resumption, direct messages, and losses.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::ends::End;
use super::waiting::LINK_WITHIN;
use super::{Links, SERVE_QUEUE};
use crate::id::Endpoint;
use crate::lanes::Letter;
use crate::links::direct::{Arrival, Ended};
use crate::links::link::{Link, SEND_QUEUE_MAX};
use crate::links::message::{Direct, LinkMessage};
use crate::links::resume::{Resumed, Resumption, Session};
use crate::links::transcript::Facts;
use crate::node::commands::CommandError;
use crate::node::common::Own;
use crate::seam::event::{Event, RoomHandle};
use crate::seam::io::LinkId;
use crate::seam::lane::{DirectEnd, DirectToken};

/// Endpoints without link that may have waiting messages: a link to each is sought meanwhile.
const WAITING_ENDPOINTS_MAX: usize = 8;
/// The first version of the link protocol with resumption and direct messages.
const RESUMPTION_VERSION: u16 = 2;

impl Links {
    /// The session with an endpoint, while there is a link or one may come back.
    pub(in crate::node) fn session(&self, endpoint: Endpoint) -> Option<&Session> {
        self.ends.get(endpoint)?.session.as_ref()
    }

    /// The session with an endpoint, for changes.
    pub(in crate::node) fn session_mut(&mut self, endpoint: Endpoint) -> Option<&mut Session> {
        self.ends.get_mut(endpoint)?.session.as_mut()
    }

    /// Queues a direct message in a session. Without a session, or before the room is attached, it waits.
    ///
    /// # Errors
    /// [`CommandError::NotLinked`], [`CommandError::NoDirect`] or [`CommandError::Backpressure`].
    pub(in crate::node) fn send_direct(
        &mut self,
        own: &Own,
        to: Endpoint,
        letter: Letter,
        is_attached: bool,
    ) -> Result<DirectToken, CommandError> {
        let token = DirectToken(self.next_token);
        let others = self.ends.iter().filter(|(whose, _)| *whose != to);
        let waiting = others.filter(|(_, end)| end.waiting.is_some()).count();
        let end = self.ends.get_mut(to).ok_or(CommandError::NotLinked(to))?;
        let waits_in_room = end.waiting.as_ref().is_some_and(|waiting| waiting.has_room(letter.room));
        match &mut end.session {
            Some(_) if !end.direct_links => return Err(CommandError::NoDirect(to)),
            // Messages that wait for the room go first.
            Some(session) if (is_attached || end.link.is_none()) && !waits_in_room => {
                session.direct.queue(token, letter).map_err(CommandError::Backpressure)?;
            }
            _ if waiting >= WAITING_ENDPOINTS_MAX => return Err(CommandError::NotLinked(to)),
            _ => {
                let waiting = end.waiting.get_or_insert_default();
                waiting.queue(own.time() + LINK_WITHIN, token, letter).map_err(CommandError::Backpressure)?;
            }
        }
        self.next_token += 1;
        Ok(token)
    }

    /// An endpoint is attached to a room, with our number for it: sends the waiting messages.
    pub(in crate::node) fn handle_attached(&mut self, own: &mut Own, endpoint: Endpoint, room: u32) {
        let Some(end) = self.ends.get_mut(endpoint) else { return };
        let (Some(waiting), Some(session)) = (&mut end.waiting, &mut end.session) else { return };
        let mut ended = Vec::new();
        for (token, letter) in waiting.take_room(room) {
            if session.direct.queue(token, letter).is_err() {
                ended.push(Ended { room, token, end: DirectEnd::NotSent });
            }
        }
        end.waiting.take_if(|waiting| waiting.is_empty());
        tell_ended(own, endpoint, &ended, Some("more waited for it than it is kept for one endpoint"));
    }

    /// Ends messages that waited too long for a link.
    pub(in crate::node) fn end_waiting(&mut self, own: &mut Own) {
        let now = own.time();
        for endpoint in self.ends.those(|end| end.waiting.is_some()) {
            let Some(end) = self.ends.get_mut(endpoint) else { continue };
            let Some(waiting) = &mut end.waiting else { continue };
            let ended = waiting.take_late(now);
            end.waiting.take_if(|waiting| waiting.is_empty());
            let words = format!("no link to it was found within {} s", LINK_WITHIN.as_secs());
            tell_ended(own, endpoint, &ended, Some(&words));
        }
    }

    /// An endpoint is no longer in the room with our number, or we are not: ends the direct messages to it there.
    pub(in crate::node) fn end_direct_in(&mut self, own: &mut Own, endpoint: Endpoint, room: u32, why: &str) {
        let Some(end) = self.ends.get_mut(endpoint) else { return };
        let mut ended = end.session.as_mut().map(|session| session.direct.end_room(room)).unwrap_or_default();
        if let Some(waiting) = &mut end.waiting {
            let not_sent = |(token, _)| Ended { room, token, end: DirectEnd::NotSent };
            ended.extend(waiting.take_room(room).into_iter().map(not_sent));
        }
        end.waiting.take_if(|waiting| waiting.is_empty());
        tell_ended(own, endpoint, &ended, Some(why));
    }

    /// A link is proved: resumes its session, or begins it. Returns the report if it was resumed, and the first message
    /// for the other end.
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
            self.give_session_up(own, endpoint);
        }
        let Some(end) = self.ends.get_mut(endpoint) else { return (None, None) };
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

    /// The other end began a new session: sent messages of the former one may or may not have arrived, and unsent
    /// messages wait for their room.
    fn give_session_up(&mut self, own: &mut Own, endpoint: Endpoint) {
        let Some(end) = self.ends.get_mut(endpoint) else { return };
        let Some(mut session) = end.session.take() else { return };
        let ended = session.direct.restart();
        let unsent = session.direct.take_unsent();
        if !unsent.is_empty() {
            end.waiting.get_or_insert_default().put_first(own.time() + LINK_WITHIN, unsent);
        }
        tell_ended(own, endpoint, &ended, Some("the other end began a new session"));
    }

    /// A proved link is lost. Returns its endpoint, unless another link has replaced it.
    pub(in crate::node) fn cut(&mut self, link: LinkId) -> Option<Endpoint> {
        let state = self.links.get(&link)?;
        let (endpoint, heard) = (state.remote(), state.heard());
        let end = self.ends.get_mut(endpoint).filter(|end| end.link == Some(link))?;
        if let Some(session) = &mut end.session {
            session.handle_cut(heard);
        }
        Some(endpoint)
    }

    /// A session is over; ends its unacknowledged messages.
    pub(in crate::node) fn end_session(&mut self, own: &mut Own, endpoint: Endpoint, reason: &str) {
        let Some(end) = self.ends.get_mut(endpoint) else { return };
        let ended = end.session.take().map(|mut session| session.direct.end()).unwrap_or_default();
        tell_ended(own, endpoint, &ended, Some(reason));
    }

    /// Ends sessions that were not resumed in time. Returns their endpoints.
    pub(in crate::node) fn end_old_sessions(&mut self, own: &mut Own) -> Vec<Endpoint> {
        let (now, within) = (own.time(), own.config.resume_within);
        let is_over = |session: &Session| session.cut().is_some_and(|cut| cut + within <= now);
        let over = self.ends.those(|end| end.session.as_ref().is_some_and(is_over));
        for &endpoint in &over {
            self.end_session(own, endpoint, &format!("no way to it was found for {} s", within.as_secs()));
        }
        over
    }

    /// The other end sends its memory of the session. An error is its violation.
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
            Resumed::Continued(ended) => tell_ended(own, from, &ended, None),
            Resumed::Restarted(ended) => {
                tell_ended(own, from, &ended, Some("one end had forgotten the session"));
            }
            Resumed::Impossible => {
                return Err(format!("it says that it received {} direct messages", resumption.received));
            }
        }
        Ok(())
    }

    /// A direct message arrived, in this room unless this end left it. An error is the other end's violation.
    pub(in crate::node) fn handle_direct(
        &mut self,
        own: &mut Own,
        from: Endpoint,
        room: Option<RoomHandle>,
        direct: Direct,
    ) -> Result<(), String> {
        let Some(session) = self.session_mut(from) else { return Ok(()) };
        let Direct { number, letter } = direct;
        #[cfg(feature = "planted-bugs")]
        let again = (own.config.planted == Some(crate::seam::config::PlantedBug::DirectTwice))
            .then(|| letter.clone());
        let arrival = if session.is_told() {
            session.direct.handle_message(number, room, letter)
        } else {
            // It must send its memory first.
            Arrival::Gap
        };
        #[cfg(feature = "planted-bugs")]
        if let (Arrival::Known, Some(letter), Some(room)) = (arrival, again, room) {
            tell_arrived(own, from, room, letter);
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

    /// The other end has received direct messages. An error is its violation.
    pub(in crate::node) fn handle_direct_received(
        &mut self,
        own: &mut Own,
        from: Endpoint,
        number: u64,
    ) -> Result<(), String> {
        let Some(session) = self.session_mut(from) else { return Ok(()) };
        let ended = if session.is_told() { session.direct.handle_acknowledgement(number) } else { None };
        let wrong = || format!("it acknowledges direct message {number}, which was not sent");
        tell_ended(own, from, &ended.ok_or_else(wrong)?, None);
        Ok(())
    }

    /// The application accepts direct messages, or lets them wait.
    pub(in crate::node) fn set_takes_direct(&mut self, own: &mut Own, takes: bool) {
        self.takes_direct = takes;
        let waits = |end: &End| end.session.as_ref().is_some_and(|s| s.direct.arrived_bytes() > 0);
        for endpoint in self.ends.those(waits) {
            self.hand_over_direct(own, endpoint);
        }
    }

    /// Whether the application accepts direct messages.
    pub(in crate::node) fn takes_direct(&self) -> bool {
        self.takes_direct
    }

    fn hand_over_direct(&mut self, own: &mut Own, from: Endpoint) {
        if !self.takes_direct {
            return;
        }
        let Some(session) = self.session_mut(from) else { return };
        while let Some((room, letter)) = session.direct.take_arrived() {
            if let Some(room) = room {
                tell_arrived(own, from, room, letter);
            }
        }
    }

    /// Sends direct messages and their acknowledgements over links with space. Returns whether there was nothing.
    pub(in crate::node) fn serve_direct(&mut self) -> bool {
        let mut idle = true;
        let links = &mut self.links;
        self.ends.for_each_unserved(|end| {
            let Some(link) = end.link.and_then(|link| links.get_mut(&link)) else { return };
            let Some(session) = &mut end.session else { return };
            if link.queued() < SEND_QUEUE_MAX
                && let Some(number) = session.direct.take_acknowledgement()
            {
                idle = false;
                link.send(&LinkMessage::DirectReceived(number));
            }
            while link.queued() < SERVE_QUEUE {
                let Some((number, letter)) = session.direct.hand_over() else { break };
                idle = false;
                link.send(&LinkMessage::Direct(Direct { number, letter: letter.clone() }));
            }
            link.set_held_up(link.queued() >= SERVE_QUEUE);
        });
        idle
    }

    /// The most bytes of direct messages kept for or from one endpoint.
    pub(in crate::node) fn retained_bytes_most(&self) -> usize {
        let sessions = self.ends.iter().filter_map(|(_, end)| end.session.as_ref());
        let retained =
            sessions.map(|session| session.direct.retained_bytes().max(session.direct.arrived_bytes()));
        retained.max().unwrap_or(0)
    }
}

fn tell_arrived(own: &mut Own, from: Endpoint, room: RoomHandle, letter: Letter) {
    let Letter { slot, topic, bytes, .. } = letter;
    own.event(Event::Direct { room, from, slot, topic, bytes: bytes.into_inner() });
}

/// Reports ended messages, those of a room with equal outcome together.
fn tell_ended(own: &mut Own, to: Endpoint, ended: &[Ended], reason: Option<&str>) {
    let mut kinds: BTreeMap<(u32, DirectEnd), (DirectToken, usize)> = BTreeMap::new();
    for one in ended {
        let (through, messages) = kinds.entry((one.room, one.end)).or_insert((one.token, 0));
        *through = one.token.max(*through);
        *messages += 1;
    }
    // Sent ones come before unsent ones.
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, (through, _))| *through);
    for ((room, end), (through, messages)) in kinds {
        let reason = reason.filter(|_| end != DirectEnd::Taken).map(String::from);
        own.event(Event::DirectEnded { room: RoomHandle(room), to, through, messages, end, reason });
    }
}
