//! The node's side of invitations and replies that people carry by hand.
//!
//! # How it works
//! An invitation is a connection attempt whose other end is not known yet; it waits for the reply as long as
//! people take. Both texts hold all candidates, since none can follow. The taker keeps the invitation's
//! candidates from its own stack: a stack that checks them while the reply is still on its way would give up
//! before it is there. The maker's checks reach it, and reveal where they come from (RFC 8445 section 7.3.1.3).
//!
//! # Limits
//! One invitation a room is open at a time, for [`KEPT`].

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::time::Duration;

use super::attempts::LINK_VERSIONS;
use super::view::CommandError;
use super::{Node, PENDING_MAX};
use crate::id::Endpoint;
use crate::links::link::Link;
use crate::links::transcript::Facts;
use crate::seam::description::{CANDIDATES_MAX, Description, Role, Signal};
use crate::seam::event::{Event, RoomHandle};
use crate::seam::io::{Effect, LinkId};
use crate::signalling::announce::Introduction;
use crate::signalling::by_hand::{self, ByHand, ByHandError};
use crate::time::Time;
use crate::wire::{Bounded, Bytes};

/// How long a text's maker waits for what follows: long enough for a messenger, short enough for a screen that
/// is left alone.
const KEPT: Duration = Duration::from_secs(600);
/// How long candidates are gathered after the description: own addresses come at once, and the hidden names
/// that browsers register within a second.
const GATHERED_AFTER: Duration = Duration::from_secs(2);

/// What is special about an attempt that people carry.
#[derive(Debug)]
pub(super) struct ByHandAttempt {
    /// Our description, with the candidates gathered so far.
    description: Option<Description>,
    /// When the text is made; `None` before the description came, and once the text was told.
    tell_at: Option<Time>,
    /// When the attempt is given up.
    pub(super) until: Time,
}

impl ByHandAttempt {
    /// When something is to be done about it.
    pub(super) fn deadline(&self) -> Time {
        self.tell_at.map_or(self.until, |at| at.min(self.until))
    }
}

impl Node {
    /// Begins an attempt whose offer somebody will carry.
    pub(super) fn begin_invitation(&mut self, handle: RoomHandle) -> Result<(), CommandError> {
        let entry = self.rooms.get(&handle).ok_or(CommandError::NoSuchRoom(handle))?;
        if entry.room.is_none() {
            return Err(CommandError::NotOpen);
        }
        if let Some(older) = self.invitation_of(handle) {
            self.drop_attempt(older);
        }
        if self.attempts.len() >= PENDING_MAX {
            return Err(CommandError::TooManyAttempts(PENDING_MAX));
        }
        let facts = Facts {
            offerer: self.me,
            // Nobody yet: the reply says who.
            answerer: self.me,
            session: self.rng.next_u64(),
            epoch: 1,
            offerer_nonce: self.rng.bytes(),
            answerer_nonce: [0; 16],
            offered_versions: (LINK_VERSIONS.least, LINK_VERSIONS.most),
            version: 0,
        };
        let link = self.begin(self.me, handle, Role::Offerer, facts, false);
        self.carry_by_hand(link);
        Ok(())
    }

    /// Takes an invitation or a reply that somebody carried here.
    pub(super) fn take_by_hand(&mut self, handle: RoomHandle, text: &str) -> Result<(), CommandError> {
        let entry = self.rooms.get(&handle).ok_or(CommandError::NoSuchRoom(handle))?;
        let room = entry.id().ok_or(CommandError::NotOpen)?;
        let what = by_hand::open(text, &room, entry.secret.as_ref())?;
        match what {
            ByHand::Invitation { from, genesis, session, versions, nonce, description } => {
                let version = LINK_VERSIONS.agree(versions).ok_or(ByHandError::Version)?;
                self.check_by_hand(&from, &description, Role::Offerer)?;
                self.open_found(handle, room, &genesis)
                    .map_err(|reason| ByHandError::Room(reason.to_string()))?;
                let facts = Facts {
                    offerer: from.endpoint,
                    answerer: self.me,
                    session,
                    epoch: 1,
                    offerer_nonce: nonce,
                    answerer_nonce: self.rng.bytes(),
                    offered_versions: (versions.least, versions.most),
                    version,
                };
                self.take_invitation(handle, &from, facts, description)
            }
            ByHand::Reply { from, to, session, version, nonce, description } => {
                let waiting = self.invitation_of(handle).filter(|link| {
                    let facts = self.links.get(link).map(Link::facts);
                    to == self.me && facts.is_some_and(|facts| facts.session == session)
                });
                let link = waiting.ok_or(ByHandError::NotWaiting)?;
                if !(LINK_VERSIONS.least..=LINK_VERSIONS.most).contains(&version) {
                    return Err(ByHandError::Version.into());
                }
                self.check_by_hand(&from, &description, Role::Answerer)?;
                self.take_reply(link, handle, &from, (version, nonce), description)
            }
        }
    }

    fn check_by_hand(
        &self,
        from: &Introduction,
        description: &Description,
        role: Role,
    ) -> Result<(), ByHandError> {
        if from.endpoint == self.me {
            return Err(ByHandError::Own);
        }
        if self.peers.get(&from.endpoint).is_some_and(|peer| peer.link.is_some()) {
            return Err(ByHandError::Linked);
        }
        if description.role != role {
            return Err(ByHandError::Description(String::from("it is of the wrong end")));
        }
        description.check().map_err(|error| ByHandError::Description(error.to_string()))
    }

    fn take_invitation(
        &mut self,
        handle: RoomHandle,
        from: &Introduction,
        facts: Facts,
        description: Description,
    ) -> Result<(), CommandError> {
        let endpoint = from.endpoint;
        let room = self.rooms.get(&handle).and_then(|entry| entry.room.as_ref());
        if room.is_none_or(|room| !room.admits(endpoint)) {
            return Err(ByHandError::Full.into());
        }
        self.drop_all_attempts(endpoint);
        // There is no second attempt that could use relays.
        if let Some(peer) = self.peers.get_mut(&endpoint) {
            peer.needs_relay = true;
        }
        if self.attempts.len() >= PENDING_MAX || !self.know(handle, &from.announcement()) {
            return Err(CommandError::TooManyAttempts(PENDING_MAX));
        }
        let link = self.begin(endpoint, handle, Role::Answerer, facts, false);
        self.carry_by_hand(link);
        if let Some(attempt) = self.attempts.get_mut(&link) {
            attempt.note_description(&description);
        }
        let description = Description { candidates: Bounded::default(), ..description };
        self.effect(Effect::Signal { link, signal: Signal::Description(description) });
        Ok(())
    }

    fn take_reply(
        &mut self,
        link: LinkId,
        handle: RoomHandle,
        from: &Introduction,
        (version, nonce): (u16, [u8; 16]),
        description: Description,
    ) -> Result<(), CommandError> {
        if !self.know(handle, &from.announcement()) {
            return Err(CommandError::TooManyAttempts(PENDING_MAX));
        }
        let until = self.now.time + self.config.connect_timeout;
        self.drop_all_attempts(from.endpoint);
        if let Some(state) = self.links.get_mut(&link) {
            state.set_answerer(from.endpoint);
            state.set_answer(version, nonce);
        }
        if let Some(attempt) = self.attempts.get_mut(&link) {
            attempt.answered = true;
            attempt.note_description(&description);
            attempt.by_hand.iter_mut().for_each(|by_hand| by_hand.until = until);
        }
        if let Some(peer) = self.peers.get_mut(&from.endpoint) {
            peer.trying.push(link);
        }
        self.effect(Effect::Signal { link, signal: Signal::Description(description) });
        Ok(())
    }

    /// The invitation of a room that is open and not answered.
    fn invitation_of(&self, handle: RoomHandle) -> Option<LinkId> {
        let open = |link: &LinkId| self.links.get(link).is_some_and(|state| state.remote() == self.me);
        let attempts = self.attempts.iter().filter(|(_, attempt)| attempt.room == handle);
        attempts.map(|(&link, _)| link).find(open)
    }

    /// Whether a connection to `endpoint` is being made otherwise than by hand.
    pub(super) fn is_trying(&self, endpoint: Endpoint) -> bool {
        let is_it = |link: &LinkId| self.attempts.get(link).is_some_and(|attempt| attempt.by_hand.is_none());
        self.peers.get(&endpoint).is_some_and(|peer| peer.trying.iter().any(is_it))
    }

    /// Gives up what people carry in a room that is left.
    pub(super) fn forget_by_hand(&mut self, handle: RoomHandle) {
        let here = self.attempts.iter().filter(|(_, known)| known.room == handle && known.by_hand.is_some());
        for link in here.map(|(&link, _)| link).collect::<Vec<_>>() {
            self.drop_attempt(link);
        }
    }

    fn carry_by_hand(&mut self, link: LinkId) {
        let until = self.now.time + KEPT;
        if let Some(attempt) = self.attempts.get_mut(&link) {
            attempt.by_hand = Some(ByHandAttempt { description: None, tell_at: None, until });
        }
    }

    /// The driver has something for the other end of an attempt that people carry.
    pub(super) fn gather_by_hand(&mut self, link: LinkId, signal: Signal) {
        let now = self.now.time;
        let Some(attempt) = self.attempts.get_mut(&link) else { return };
        let Some(by_hand) = &mut attempt.by_hand else { return };
        match signal {
            Signal::Description(description) => {
                let mut candidates = description.candidates.clone().into_inner();
                candidates.append(&mut attempt.waiting);
                candidates.truncate(CANDIDATES_MAX);
                let candidates = Bounded::new(candidates).expect("just cut to the limit");
                by_hand.description = Some(Description { candidates, ..description });
                by_hand.tell_at = Some(now + GATHERED_AFTER);
            }
            Signal::Candidate(candidate) => match &mut by_hand.description {
                None if attempt.waiting.len() < CANDIDATES_MAX => attempt.waiting.push(candidate),
                None => {}
                Some(description) => {
                    let mut candidates = description.candidates.clone().into_inner();
                    candidates.push(candidate);
                    // Above the limit the first ones stay: own addresses come before those that servers saw.
                    if let Ok(candidates) = Bounded::new(candidates) {
                        description.candidates = candidates;
                    }
                }
            },
        }
    }

    /// Makes the texts whose candidates are gathered, and gives up what nobody answered.
    pub(super) fn handle_by_hand_timeouts(&mut self) {
        let now = self.now.time;
        let due = |by_hand: &ByHandAttempt| by_hand.deadline() <= now;
        let attempts = self.attempts.iter();
        let due = attempts.filter(|(_, attempt)| attempt.by_hand.as_ref().is_some_and(due));
        for link in due.map(|(&link, _)| link).collect::<Vec<_>>() {
            let Some(attempt) = self.attempts.get_mut(&link) else { continue };
            let handle = attempt.room;
            let Some(by_hand) = &mut attempt.by_hand else { continue };
            if by_hand.until <= now {
                let answered = self.links.get(&link).is_some_and(|state| state.remote() != self.me);
                let reason = if answered {
                    "no connection came of it: are both in one network? Try again with a new invitation"
                } else {
                    "nobody answered it: make a new one"
                };
                self.fail_attempt(link, String::from(reason));
            } else if by_hand.tell_at.take().is_some()
                && let Some(description) = by_hand.description.clone()
            {
                self.tell_by_hand(link, handle, description);
            }
        }
    }

    fn tell_by_hand(&mut self, link: LinkId, handle: RoomHandle, description: Description) {
        if description.candidates.is_empty() {
            let reason = "this device has no address at which it could be reached: connect it to a network";
            return self.fail_attempt(link, String::from(reason));
        }
        let Some(state) = self.links.get(&link) else { return };
        let Some(entry) = self.rooms.get(&handle) else { return };
        let Some(room) = &entry.room else { return };
        let facts = *state.facts();
        let from = Introduction::from(&self.announcement);
        let session = facts.session;
        let what = match state.role() {
            Role::Offerer => ByHand::Invitation {
                from,
                genesis: Bytes::new(room.genesis_bytes().to_vec())
                    .expect("a checked genesis is within the limit"),
                session,
                versions: LINK_VERSIONS,
                nonce: facts.offerer_nonce,
                description,
            },
            Role::Answerer => ByHand::Reply {
                from,
                to: facts.offerer,
                session,
                version: facts.version,
                nonce: facts.answerer_nonce,
                description,
            },
        };
        let text = by_hand::seal(&what, &self.identity, &room.id(), entry.secret.as_ref(), &mut self.rng);
        self.event(match what {
            ByHand::Invitation { .. } => Event::Invitation { room: handle, text },
            ByHand::Reply { .. } => Event::Reply { room: handle, text },
        });
    }
}
