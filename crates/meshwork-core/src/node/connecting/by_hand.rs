//! Invitations and replies that people carry by hand.
//!
//! # How it works
//! An invitation is a connection attempt whose other end is not known yet; it waits for the reply as long as people
//! take. Both texts contain all candidates, since none can follow. The receiver withholds the invitation's candidates
//! from its own stack: a stack that checks them before the reply arrives would give up too early. The maker's checks
//! reach it, and reveal their source (RFC 8445 section 7.3.1.3).
//!
//! # Limits
//! One invitation a room is open at a time, for [`KEPT`].

use alloc::string::{String, ToString as _};
use core::time::Duration;

use super::Connecting;
use super::attempt::LINK_VERSIONS;
use super::by_hand_attempt::ByHandAttempt;
use crate::id::Endpoint;
use crate::links::link::Link;
use crate::links::transcript::Facts;
use crate::node::commands::CommandError;
use crate::node::common::PENDING_MAX;
use crate::node::lower_parts::Base;
use crate::seam::description::{Description, Role, Signal};
use crate::seam::event::{Event, RoomHandle};
use crate::seam::io::{Effect, LinkId};
use crate::signalling::announce::Introduction;
use crate::signalling::by_hand::{self, ByHand, ByHandError};
use crate::wire::{Bounded, Bytes};

/// How long a text's maker waits for the reply: long enough for a messenger, short enough for an abandoned screen.
const KEPT: Duration = Duration::from_secs(600);
impl Connecting {
    /// Begins an attempt whose offer somebody will carry.
    pub(in crate::node) fn begin_invitation(
        &mut self,
        base: &mut Base,
        handle: RoomHandle,
    ) -> Result<(), CommandError> {
        base.rooms.open(&base.own, handle)?;
        if let Some(older) = self.invitation_of(base, handle) {
            self.attempts.drop_attempt(base, older);
        }
        if !self.attempts.make_place(base, base.own.me, true) {
            return Err(CommandError::TooManyAttempts(PENDING_MAX));
        }
        let facts = Facts {
            offerer: base.own.me,
            // Nobody yet: the reply names the answerer.
            answerer: base.own.me,
            session: base.own.rng.next_u64(),
            epoch: 1,
            offerer_nonce: base.own.rng.bytes(),
            answerer_nonce: [0; 16],
            offered_versions: (LINK_VERSIONS.least, LINK_VERSIONS.most),
            version: 0,
        };
        let link = self.attempts.begin(base, base.own.me, handle, Role::Offerer, facts, false);
        self.carry_by_hand(base, link);
        Ok(())
    }

    /// Accepts an invitation or a reply that a person carried here. Returns its maker.
    pub(in crate::node) fn take_by_hand(
        &mut self,
        base: &mut Base,
        handle: RoomHandle,
        text: &str,
    ) -> Result<Endpoint, CommandError> {
        let entry = base.rooms.get(handle).ok_or(CommandError::NoSuchRoom(handle))?;
        let room = entry.id().ok_or(CommandError::NotOpen)?;
        let what = by_hand::open(text, &room, entry.secret())?;
        match what {
            ByHand::Invitation { from, genesis, session, versions, nonce, description } => {
                let version = LINK_VERSIONS.agree(versions).ok_or(ByHandError::Version)?;
                check(base, &from, &description, Role::Offerer)?;
                base.rooms
                    .open_found(&mut base.own, handle, room, &genesis)
                    .map_err(|reason| ByHandError::Room(reason.to_string()))?;
                let facts = Facts {
                    offerer: from.endpoint,
                    answerer: base.own.me,
                    session,
                    epoch: 1,
                    offerer_nonce: nonce,
                    answerer_nonce: base.own.rng.bytes(),
                    offered_versions: (versions.least, versions.most),
                    version,
                };
                self.take_invitation(base, handle, &from, facts, description)?;
                Ok(from.endpoint)
            }
            ByHand::Reply { from, to, session, version, nonce, description } => {
                let waiting = self.invitation_of(base, handle).filter(|link| {
                    let facts = base.links.get(*link).map(Link::facts);
                    to == base.own.me && facts.is_some_and(|facts| facts.session == session)
                });
                let link = waiting.ok_or(ByHandError::NotWaiting)?;
                if !(LINK_VERSIONS.least..=LINK_VERSIONS.most).contains(&version) {
                    return Err(ByHandError::Version.into());
                }
                check(base, &from, &description, Role::Answerer)?;
                self.take_reply(base, link, handle, &from, (version, nonce), description)?;
                Ok(from.endpoint)
            }
        }
    }

    fn take_invitation(
        &mut self,
        base: &mut Base,
        handle: RoomHandle,
        from: &Introduction,
        facts: Facts,
        description: Description,
    ) -> Result<(), CommandError> {
        let endpoint = from.endpoint;
        if !base.rooms.admits(handle, endpoint) {
            return Err(ByHandError::Full.into());
        }
        self.attempts.drop_all_attempts(base, endpoint);
        // There is no second attempt that could use relays.
        if let Some(peer) = base.known.get_mut(endpoint) {
            peer.needs_relay = true;
        }
        if !self.know(base, handle, &from.announcement()) || !self.attempts.make_place(base, endpoint, true) {
            return Err(CommandError::TooManyAttempts(PENDING_MAX));
        }
        let link = self.attempts.begin(base, endpoint, handle, Role::Answerer, facts, false);
        self.carry_by_hand(base, link);
        if let Some(attempt) = self.attempts.get_mut(link) {
            attempt.note_description(&description);
        }
        let description = Description { candidates: Bounded::default(), ..description };
        base.own.effect(Effect::Signal { link, signal: Signal::Description(description) });
        Ok(())
    }

    fn take_reply(
        &mut self,
        base: &mut Base,
        link: LinkId,
        handle: RoomHandle,
        from: &Introduction,
        (version, nonce): (u16, [u8; 16]),
        description: Description,
    ) -> Result<(), CommandError> {
        if !self.know(base, handle, &from.announcement()) {
            return Err(CommandError::TooManyAttempts(PENDING_MAX));
        }
        let until = base.own.time() + base.own.config.connect_timeout;
        self.attempts.drop_all_attempts(base, from.endpoint);
        if let Some(state) = base.links.get_mut(link) {
            state.set_answerer(from.endpoint);
            state.set_answer(version, nonce);
        }
        if let Some(attempt) = self.attempts.get_mut(link) {
            attempt.answered = true;
            attempt.note_description(&description);
            attempt.by_hand.iter_mut().for_each(|by_hand| by_hand.until = until);
        }
        if let Some(peer) = base.known.get_mut(from.endpoint) {
            peer.trying.push(link);
        }
        base.own.effect(Effect::Signal { link, signal: Signal::Description(description) });
        Ok(())
    }

    /// The open, unanswered invitation of a room.
    fn invitation_of(&self, base: &Base, handle: RoomHandle) -> Option<LinkId> {
        let is_open =
            |link: &LinkId| base.links.get(*link).is_some_and(|state| state.remote() == base.own.me);
        self.attempts.those(|attempt| attempt.room == handle).into_iter().find(is_open)
    }

    fn carry_by_hand(&mut self, base: &Base, link: LinkId) {
        if let Some(attempt) = self.attempts.get_mut(link) {
            attempt.by_hand = Some(ByHandAttempt::new(base.own.time() + KEPT));
        }
    }

    /// Makes texts whose candidates are gathered, and ends unanswered ones.
    pub(in crate::node) fn handle_by_hand_timeouts(&mut self, base: &mut Base) {
        let now = base.own.time();
        let is_due = |by_hand: &ByHandAttempt| by_hand.deadline() <= now;
        for link in self.attempts.those(|attempt| attempt.by_hand.as_ref().is_some_and(is_due)) {
            let Some(attempt) = self.attempts.get_mut(link) else { continue };
            let handle = attempt.room;
            let Some(by_hand) = &mut attempt.by_hand else { continue };
            if by_hand.until <= now {
                let is_answered = base.links.get(link).is_some_and(|state| state.remote() != base.own.me);
                let reason = if is_answered {
                    "no connection came of it: are both in one network? Try again with a new invitation"
                } else {
                    "nobody answered it: make a new one"
                };
                self.attempts.fail_attempt(base, link, String::from(reason));
            } else if by_hand.tell_at.take().is_some()
                && let Some(description) = by_hand.description.clone()
            {
                self.tell_by_hand(base, link, handle, description);
            }
        }
    }

    fn tell_by_hand(&mut self, base: &mut Base, link: LinkId, handle: RoomHandle, description: Description) {
        if description.candidates.is_empty() {
            let reason = "this device has no address at which it could be reached: connect it to a network";
            return self.attempts.fail_attempt(base, link, String::from(reason));
        }
        let (Some(state), Some(entry)) = (base.links.get(link), base.rooms.get(handle)) else { return };
        let Some(room) = entry.room() else { return };
        let facts = *state.facts();
        let own = &mut base.own;
        let from = Introduction::from(&own.announcement);
        let session = facts.session;
        let what = match state.role() {
            Role::Offerer => ByHand::Invitation {
                from,
                genesis: Bytes::new(room.kept().genesis_bytes().to_vec())
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
        let text = by_hand::seal(&what, &own.identity, &room.kept().id(), entry.secret(), &mut own.rng);
        own.event(match what {
            ByHand::Invitation { .. } => Event::Invitation { room: handle, text },
            ByHand::Reply { .. } => Event::Reply { room: handle, text },
        });
    }
}

fn check(base: &Base, from: &Introduction, description: &Description, role: Role) -> Result<(), ByHandError> {
    if from.endpoint == base.own.me {
        return Err(ByHandError::Own);
    }
    if base.links.is_linked(from.endpoint) {
        return Err(ByHandError::Linked);
    }
    if description.role != role {
        return Err(ByHandError::Description(String::from("it is of the wrong end")));
    }
    description.check().map_err(|error| ByHandError::Description(error.to_string()))
}
