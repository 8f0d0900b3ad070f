//! Visits: links to members that are no neighbours, for direct messages.
//!
//! # How it works
//! In a sparse overlay, most members are known only to their neighbours. A member that wants a link to another
//! broadcasts a search along the overlay ([`Talking::seek`](crate::room::Talking::seek)), with the key for sealing
//! signals. Each forwarding member remembers the neighbour that sent it. The searched member begins the link from its
//! end, and the signals of the two travel back that way. Over the link each attaches as a visitor: it takes part in
//! lanes, and is no neighbour.
//!
//! The application can pin a member, which keeps its link for good. In a full mesh a pin does nothing at first: it becomes a
//! visit if the overlay changes and gives the neighbour up.
//!
//! # Limits
//! [`VISITS_MAX`] visits and pins together.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use super::Connecting;
use super::attempt::UNSOUGHT;
use super::attempts::Attempts;
use super::introducing::check_announcement;
use super::known::Source;
use crate::id::Endpoint;
use crate::links::message::{Attach, DetachReason};
use crate::node::commands::CommandError;
use crate::node::common::Offence;
use crate::node::lower_parts::Base;
use crate::node::rooms::{Entry, send_detach};
use crate::room::Room;
use crate::room::writing::WriteError;
use crate::seam::event::RoomHandle;
use crate::signalling::announce::Introduction;
use crate::signalling::sealing::SignalContent;
use crate::time::Time;

/// Visits at a time, beside the neighbours of the overlay: a game's players, or a few conversations.
pub(in crate::node) const VISITS_MAX: usize = 8;
/// Silence after which a visit ends.
const IDLE: Duration = Duration::from_secs(30);
/// How long a member is searched: as long as messages to it wait.
const FOUND_WITHIN: Duration = Duration::from_secs(10);
/// Pause before it is searched again: signals may be lost with a neighbour, or the first connection may fail.
const SEEK_AGAIN: Duration = Duration::from_secs(4);
/// The same later on for a visit that the application keeps: everybody in the room receives the search.
const SEEK_LATER: Duration = Duration::from_secs(30);

/// Members that we visit, or that search us.
#[derive(Debug, Default)]
pub(in crate::node) struct Visits(BTreeMap<(RoomHandle, Endpoint), Visit>);

#[derive(Debug)]
struct Visit {
    /// The time by which it must be linked.
    until: Time,
    /// The time of the next search; `None` for a member that searched us, which also ends the visit.
    seek_at: Option<Time>,
    /// Whether the application keeps it.
    is_pinned: bool,
    /// Whether the room keeps it, for comparison.
    is_compared: bool,
}

impl Visits {
    pub(super) fn contains(&self, room: RoomHandle, endpoint: Endpoint) -> bool {
        self.0.contains_key(&(room, endpoint))
    }

    pub(super) fn forget_room(&mut self, room: RoomHandle) {
        self.0.retain(|(of, _), _| *of != room);
    }

    /// Whether there is space for an endpoint, as a neighbour or on a visit.
    pub(super) fn takes_in(&self, base: &Base, room: RoomHandle, endpoint: Endpoint) -> bool {
        base.rooms.admits(room, endpoint) || self.contains(room, endpoint)
    }

    /// The application no longer keeps a visit.
    pub(in crate::node) fn unpin(&mut self, room: RoomHandle, endpoint: Endpoint) {
        if let Some(visit) = self.0.get_mut(&(room, endpoint)) {
            visit.is_pinned = false;
        }
    }

    /// Announces us to a linked endpoint in a room: as a visitor if the overlay does not want it as neighbour.
    pub(in crate::node) fn attach(&self, base: &mut Base, endpoint: Endpoint, room: RoomHandle) {
        let wants = |room: &Room| room.membership().wants_link(endpoint);
        if self.contains(room, endpoint) && !base.rooms.room(room).is_some_and(wants) {
            base.rooms.send_visit(&base.own, &mut base.links, endpoint, room);
        } else {
            base.rooms.send_attach(&base.own, &mut base.links, endpoint, room);
        }
    }

    /// A linked endpoint visits us.
    pub(in crate::node) fn handle_attach(
        &mut self,
        base: &mut Base,
        attempts: &mut Attempts,
        from: Endpoint,
        attach: &Attach,
    ) -> Result<(), Offence> {
        let Some(room) = base.rooms.with_id(attach.room) else {
            send_detach(&mut base.links, from, attach.room, DetachReason::Left);
            return Ok(());
        };
        if !self.contains(room, from) && !self.make_place(base, attempts) {
            send_detach(&mut base.links, from, attach.room, DetachReason::Full);
            return Ok(());
        }
        let Some(room) = base.rooms.handle_visit(&mut base.own, &mut base.links, from, attach)? else {
            return Ok(());
        };
        self.enter_guest(base, room, from);
        base.known.note_seen(from, room);
        base.links.handle_attached(&mut base.own, from, room.0);
        Ok(())
    }

    /// A linked endpoint attaches as a neighbour. Without space for one, an endpoint that searched us visits us
    /// instead, before it learns this: its messages meanwhile are for the visit.
    pub(in crate::node) fn handle_neighbour(
        &mut self,
        base: &mut Base,
        attempts: &mut Attempts,
        from: Endpoint,
        attach: &Attach,
    ) -> Result<(), Offence> {
        match base.rooms.with_id(attach.room) {
            Some(room) if self.contains(room, from) && !base.rooms.admits(room, from) => {
                self.handle_attach(base, attempts, from, attach)
            }
            _ => Ok(()),
        }
    }

    /// An endpoint visits us, or searches us, unless we visit it already.
    fn enter_guest(&mut self, base: &mut Base, room: RoomHandle, endpoint: Endpoint) {
        let until = base.own.time() + FOUND_WITHIN;
        let visit = Visit { until, seek_at: None, is_pinned: false, is_compared: false };
        self.0.entry((room, endpoint)).or_insert(visit);
        if let Some(peer) = base.known.get_mut(endpoint) {
            peer.add_source(room, Source::Visit);
        }
    }

    /// The overlay drops a neighbour. A visit goes on. Returns whether there is one.
    pub(super) fn begin_again(&self, base: &mut Base, room: RoomHandle, endpoint: Endpoint) -> bool {
        if !self.contains(room, endpoint) {
            return false;
        }
        if let Some(peer) = base.known.get_mut(endpoint) {
            peer.add_source(room, Source::Visit);
        }
        base.rooms.send_visit(&base.own, &mut base.links, endpoint, room);
        base.rooms.attachments_mut().keep_as_visit(base.own.time(), endpoint, room);
        true
    }

    /// The other end is no member, or ends the visit. A visit that the application keeps is searched again.
    pub(in crate::node) fn forget(&mut self, base: &mut Base, room: RoomHandle, endpoint: Endpoint) {
        base.rooms.attachments_mut().end_visit(endpoint, room);
        match self.0.get_mut(&(room, endpoint)) {
            Some(visit) if visit.is_kept() => visit.seek_at = Some(base.own.time() + SEEK_AGAIN),
            _ => {
                self.0.remove(&(room, endpoint));
                if let Some(peer) = base.known.get_mut(endpoint) {
                    peer.remove_source(room, Source::Visit);
                }
            }
        }
    }

    /// Ends visits that were silent for long, or failed, and repeats searches.
    pub(in crate::node) fn handle_timeouts(&mut self, base: &mut Base, attempts: &mut Attempts) {
        let now = base.own.time();
        let is_due = |(&(room, endpoint), visit): (&(RoomHandle, Endpoint), &Visit)| {
            visit.due(base, room, endpoint).is_some_and(|at| at <= now)
        };
        let due = self.0.iter().filter(|entry| is_due(*entry)).map(|(name, _)| *name);
        for (room, endpoint) in due.collect::<Vec<_>>() {
            let Some(visit) = self.0.get(&(room, endpoint)) else { continue };
            let is_linked = base.rooms.attachments().hears(endpoint, room);
            if is_linked || visit.until <= now && !visit.is_kept() {
                self.end(base, attempts, room, endpoint);
            } else {
                self.seek(base, attempts, room, endpoint);
            }
        }
    }

    /// Searches a member for a visit. If another room has a link to it, attaches at once.
    fn seek(&mut self, base: &mut Base, attempts: &Attempts, room: RoomHandle, endpoint: Endpoint) {
        let now = base.own.time();
        if let Some(visit) = self.0.get_mut(&(room, endpoint)) {
            visit.seek_at = Some(now + if now < visit.until { SEEK_AGAIN } else { SEEK_LATER });
        }
        if base.rooms.links_everybody(room) {
            // A full mesh links to its members by itself.
            return;
        }
        if let Some(peer) = base.known.get_mut(endpoint) {
            peer.add_source(room, Source::Visit);
        }
        if base.links.is_linked(endpoint) {
            return self.attach(base, endpoint, room);
        }
        let me = Introduction::from(&base.own.announcement);
        // An offer, or its answer, may be lost with its carrier.
        if !attempts.is_heard(base, endpoint)
            && let Some((open, now)) = base.rooms.room_mut(&base.own, room)
        {
            open.talking().seek(now, &base.own.identity, &me, endpoint);
        }
    }

    fn end(&mut self, base: &mut Base, attempts: &mut Attempts, room: RoomHandle, endpoint: Endpoint) {
        self.0.remove(&(room, endpoint));
        let was_visited = base.rooms.attachments().visited(endpoint, room).is_some();
        base.rooms.attachments_mut().end_visit(endpoint, room);
        // Nothing else changes for a member that the overlay made a neighbour.
        let is_over = was_visited && !base.rooms.attachments().is_attached(endpoint, room);
        let id = base.rooms.get(room).and_then(Entry::id).filter(|_| is_over);
        if let Some(id) = id {
            base.rooms.attachments_mut().note_distant(room, endpoint);
            base.links.end_direct_in(&mut base.own, endpoint, room.0, "nothing was said for long");
            send_detach(&mut base.links, endpoint, id, DetachReason::Left);
            attempts.close_unused(base, endpoint, UNSOUGHT);
        }
        attempts.handle_absent(base, room, endpoint, Source::Visit);
    }

    /// Makes space for a visit: if all places are taken, the one that was silent longest ends, if nobody keeps it and
    /// it was silent for long enough.
    fn make_place(&mut self, base: &mut Base, attempts: &mut Attempts) -> bool {
        if self.0.len() < VISITS_MAX {
            return true;
        }
        let visited = |(room, endpoint)| base.rooms.attachments().visited(endpoint, room);
        let loose = self.0.iter().filter(|(_, visit)| !visit.is_kept());
        let idle = loose.filter_map(|(name, _)| Some((visited(*name)?, *name))).min();
        match idle.filter(|(said, _)| base.own.time().since(*said) >= IDLE) {
            Some((_, (room, endpoint))) => {
                self.end(base, attempts, room, endpoint);
                true
            }
            None => false,
        }
    }

    /// The next due time about visits.
    pub(super) fn poll_timeout(&self, base: &Base) -> Option<Time> {
        self.0.iter().filter_map(|(&(room, endpoint), visit)| visit.due(base, room, endpoint)).min()
    }
}

/// A room wants to compare with this member, which is no neighbour, and with no other one. Without space for a visit
/// the room asks again.
pub(in crate::node) fn compare_with(
    connecting: &mut Connecting,
    base: &mut Base,
    room: RoomHandle,
    with: Option<Endpoint>,
) {
    for ((of, endpoint), visit) in &mut connecting.visits.0 {
        visit.is_compared &= *of != room || with == Some(*endpoint);
    }
    if let Some(with) = with
        && connecting.visit(base, room, with, false).is_ok()
        && let Some(visit) = connecting.visits.0.get_mut(&(room, with))
    {
        visit.is_compared = true;
    }
}

impl Visit {
    /// Whether it goes on in silence.
    fn is_kept(&self) -> bool {
        self.is_pinned || self.is_compared
    }

    /// The time of its next action; `None` while it goes on.
    fn due(&self, base: &Base, room: RoomHandle, endpoint: Endpoint) -> Option<Time> {
        if base.rooms.attachments().is_attached(endpoint, room) {
            // It is a neighbour meanwhile, as long as the overlay wants.
            return (!self.is_kept()).then_some(self.until);
        }
        match base.rooms.attachments().visited(endpoint, room) {
            Some(_) if self.is_kept() || self.seek_at.is_none() => None,
            Some(said) => Some(said + IDLE),
            // Its session may come back, with its messages.
            None if base.links.is_resuming(&base.own, endpoint) => None,
            None if self.is_kept() => self.seek_at,
            None => Some(self.seek_at.map_or(self.until, |at| at.min(self.until))),
        }
    }
}

impl Connecting {
    /// The visits, and the attempts that end with them.
    pub(in crate::node) fn visits(&mut self) -> (&mut Visits, &mut Attempts) {
        (&mut self.visits, &mut self.attempts)
    }

    /// The application wants to reach a member, and to keep the link if it is pinned. A linked member, or any in a full
    /// mesh, is not visited. In a full mesh a pin waits until the overlay changes.
    ///
    /// # Errors
    /// [`CommandError::NotLinked`], [`WriteError::Banned`] or [`CommandError::TooManyVisits`].
    pub(in crate::node) fn visit(
        &mut self,
        base: &mut Base,
        room: RoomHandle,
        to: Endpoint,
        pins: bool,
    ) -> Result<(), CommandError> {
        let links_everybody = base.rooms.links_everybody(room);
        if to == base.own.me || links_everybody && !base.known.is_seen_in(to, room) {
            return Err(CommandError::NotLinked(to));
        }
        if links_everybody && !pins {
            return Ok(());
        }
        let (now, is_attached) = (base.own.time(), base.rooms.attachments().is_attached(to, room));
        if let Some(visit) = self.visits.0.get_mut(&(room, to)) {
            visit.is_pinned |= pins;
            visit.seek_at.get_or_insert(now + SEEK_AGAIN);
            return Ok(());
        }
        if is_attached && !pins {
            return Ok(());
        }
        let is_banned =
            base.rooms.room(room).is_some_and(|open| open.kept().records().is_banned(base.own.me.peer));
        if is_banned && !links_everybody {
            // Members would not forward the search of a banned peer.
            return Err(CommandError::Write(WriteError::Banned));
        }
        let has_place = self.visits.make_place(base, &mut self.attempts);
        if !has_place || !base.known.contains(to) && !self.enter(base, to) {
            return Err(CommandError::TooManyVisits(VISITS_MAX));
        }
        base.known.note_seen(to, room);
        let visit =
            Visit { until: now + FOUND_WITHIN, seek_at: Some(now), is_pinned: pins, is_compared: false };
        self.visits.0.insert((room, to), visit);
        if !is_attached {
            self.visits.seek(base, &self.attempts, room, to);
        }
        Ok(())
    }

    /// A member searches another: signals travel back to it from here on, and a link to it begins if it searches us.
    pub(in crate::node) fn handle_sought(
        &mut self,
        base: &mut Base,
        room: RoomHandle,
        by: &Introduction,
        to: Endpoint,
        through: Endpoint,
    ) {
        let (origin, now) = (by.endpoint, base.own.time());
        self.carrying.remember_route(now, room, origin, through);
        if to != base.own.me
            || base.known.is_unlinked(origin.peer)
            || base.rooms.attachments().is_attached(origin, room)
        {
            return;
        }
        let announcement = by.announcement();
        if let Err((refusal, detail)) = check_announcement(base, &announcement) {
            return base.own.refuse(Some(origin), refusal, detail);
        }
        // A member without space asks again, or learns after a while that nobody answered.
        let is_expected = self.visits.contains(room, origin);
        if !is_expected && !self.visits.make_place(base, &mut self.attempts)
            || !self.know(base, room, &announcement)
        {
            return;
        }
        self.visits.enter_guest(base, room, origin);
        if base.links.is_linked(origin) {
            self.visits.attach(base, origin, room);
        } else if !self.attempts.is_trying(base, origin) {
            self.try_now(base, origin);
        } else if !self.attempts.is_heard(base, origin) {
            // An offer or answer may be lost: its search is a request.
            if base.own.me > origin {
                self.handle_ask(base, room, origin, (0, 0));
            } else {
                self.send_signal(base, origin, room, (0, 0), SignalContent::Ask);
            }
        }
    }
}
