//! An application's view of a room, and its acts in it.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::num::NonZero;

use super::Node;
use super::commands::{CommandError, PeerView, ServerAnswer};
use super::lower_parts::Base;
use super::rooms::Entry;
use crate::blobs::{BlobId, Blobs, FetchView};
use crate::clock::Stamp;
use crate::id::{Endpoint, PeerId, RoomId};
use crate::lanes::Letter;
use crate::links::link::Link;
use crate::overlay::OverlayView;
use crate::overlay::sketch::Sight;
use crate::replica::{Replica, ReplicaNumber};
use crate::room::Room;
use crate::room::delivery::Waiting;
use crate::room::history::HistoryView;
use crate::room::rules::records::Records;
use crate::room::rules::terms::Terms;
use crate::room::writing::{Holders, Receipt, WritingLeft};
#[cfg(doc)]
use crate::seam::event::Event;
use crate::seam::event::{LinkState, RoomHandle};
use crate::seam::lane::{Audience, DirectToken, Slot, Topic};
use crate::signalling::address::{RoomAddress, Secrets};
use crate::signed::app::{AppParameters, AppWord, GENESIS_SLOT, GIVEN_SLOTS};
use crate::signed::batch::BatchKey;
use crate::signed::batch::SignedBatch;
use crate::signed::change::{Limit, WhoWrites};
use crate::signed::header::Family;
use crate::time::{Now, Time, WallTime};
use crate::wire::Bytes;

/// A room of a node, for reading. Much of it is known only once the room's genesis is.
#[derive(Clone, Copy)]
pub struct RoomRef<'a> {
    pub(super) node: &'a Node,
    pub(super) room: RoomHandle,
}

impl<'a> RoomRef<'a> {
    pub(super) fn new(node: &'a Node, room: RoomHandle) -> RoomRef<'a> {
        RoomRef { node, room }
    }

    pub(super) fn open(self) -> Option<&'a Room> {
        self.node.base.rooms.room(self.room)
    }

    /// The room's id, once it is known.
    pub fn id(self) -> Option<RoomId> {
        self.node.base.rooms.get(self.room).and_then(Entry::id)
    }

    /// The room's LINK, once it is registered.
    pub fn address(self) -> Option<RoomAddress> {
        self.node.base.servers.address(&self.node.base.rooms, self.room)
    }

    /// The room's LINK while no server has given it a code; `None` while the room is not known.
    pub fn address_without_code(self) -> Option<RoomAddress> {
        self.node.base.servers.address_without_code(&self.node.base.rooms, self.room)
    }

    /// Whether a secret guards the room.
    pub fn is_private(self) -> Option<bool> {
        Some(self.open()?.kept().genesis().commitment().is_some())
    }

    /// The app that the room opened with.
    pub fn app(self) -> Option<&'a AppWord> {
        Some(self.open()?.kept().genesis().app().0)
    }

    /// The maker of the room; `None` while unknown, and for a room without owner.
    pub fn owner(self) -> Option<PeerId> {
        self.open()?.kept().genesis().owner()
    }

    /// Our own batches that no member that stays has acknowledged.
    pub fn unacknowledged(self) -> impl Iterator<Item = &'a SignedBatch> {
        self.open().into_iter().flat_map(|room| room.kept().unacknowledged())
    }

    /// Whether some member was synchronised with this program since the room was opened.
    pub fn was_in_step(self) -> bool {
        self.open().is_some_and(|room| room.kept().was_in_step())
    }

    /// The number of batches that this program has written since the room was opened.
    pub fn written(self) -> u64 {
        self.open().map_or(0, |room| room.kept().written())
    }

    /// The holders of this program's last write in a part of a replica: see
    /// [`Replica::outline`](crate::replica::Replica::outline).
    pub fn holders(self, replica: ReplicaNumber, part: u32) -> Holders {
        self.open().map(|room| room.kept().holders(replica, part)).unwrap_or_default()
    }

    /// The slot of an app, by its name; `None` while it is not enabled.
    pub fn slot_of(self, app: &AppWord) -> Option<u8> {
        self.open()?.kept().slot_of(app)
    }

    /// The parameters of the app in a slot; `None` while none is enabled there.
    pub fn parameters(self, slot: u8) -> Option<&'a AppParameters> {
        let kept = self.open()?.kept();
        match slot {
            GENESIS_SLOT => Some(kept.genesis().app().1),
            _ => kept.records().book().app(slot).map(|on| &on.parameters),
        }
    }

    /// The enabled apps, the one that the room opened with first, and whether each is stored whole here: an app may
    /// have a family of its own that this program cannot make.
    pub fn apps(self) -> Vec<(AppWord, bool)> {
        let Some(room) = self.open() else { return Vec::new() };
        let is_made = |slot| {
            let own = ReplicaNumber::new(slot, Family::Own);
            own.is_some_and(|own| room.kept().replicas().get(own).is_some())
        };
        let kept = room.kept();
        let given = GIVEN_SLOTS.filter_map(|slot| Some((slot, &kept.records().book().app(slot)?.app)));
        let on = core::iter::once((GENESIS_SLOT, kept.genesis().app().0)).chain(given);
        on.map(|(slot, app)| (app.clone(), is_made(slot))).collect()
    }

    /// The replica with this number, if it has this type. That of the app which the room opened with is
    /// [`ReplicaNumber::FIRST`].
    pub fn replica<R: Replica>(self, number: ReplicaNumber) -> Option<&'a R> {
        self.open()?.kept().replicas().get(number)?.as_any()
    }

    /// The time at `now` that stamps of writes are made from: room time, or less while servers say so.
    pub fn time(self, now: Time) -> Option<WallTime> {
        let kept = self.open()?.kept();
        Some(kept.stamping(kept.present(self.node.base.own.at(now))))
    }

    /// Writes of others that wait here for their time, since their authors' clocks are ahead: by author and replica.
    pub fn waiting(self) -> Vec<Waiting> {
        self.open().map(|room| room.kept().waiting()).unwrap_or_default()
    }

    /// When others accept a write of ours with this stamp, by our own civil clock and as far as their clocks are known; `None` if
    /// they do already.
    pub fn appears_at(self, now: Time, stamp: Stamp) -> Option<WallTime> {
        let kept = self.open()?.kept();
        kept.appears_at(kept.present(self.node.base.own.at(now)), stamp)
    }

    /// The stamp of our next write at `now`, as it stands.
    pub fn next_stamp(self, now: Time) -> Option<Stamp> {
        let kept = self.open()?.kept();
        Some(kept.next_stamp(kept.present(self.node.base.own.at(now))))
    }

    /// The room's overlay, seen from here.
    pub fn overlay(self) -> Option<OverlayView> {
        self.open().map(|room| room.membership().view())
    }

    /// Whether we left the room's members and servers and keep the room: see [`RoomMut::disconnect`].
    pub fn is_disconnected(self) -> bool {
        self.node.base.servers.is_disconnected(self.room)
    }

    /// Whether an allowed relay is known for the room.
    pub fn knows_relay(self) -> bool {
        self.node.base.servers.knows_relay(&self.node.base.own, self.room)
    }

    /// The answer of each of the room's servers about it.
    pub fn server_answers(self) -> Vec<ServerAnswer> {
        self.node.base.servers.answers(self.room)
    }

    /// Number of others in the room, by its servers' reports; of several servers the most.
    pub fn others_named(self) -> u64 {
        self.node.base.servers.others_named(self.room)
    }

    /// The links of members: first our own, then others, by their own reports (see [`RoomMut::look`]).
    pub fn sights(self) -> Vec<Sight> {
        let Base { own, links, rooms, .. } = &self.node.base;
        rooms.sights(own, links, self.room)
    }

    /// All known endpoints in the room except us, including those gone for less than a minute, by endpoint.
    pub fn peers(self) -> Vec<PeerView> {
        let seen = self.node.base.known.seen_in(self.room);
        seen.filter_map(|endpoint| self.peer(endpoint)).collect()
    }

    /// One of [`RoomRef::peers`].
    pub fn peer(self, endpoint: Endpoint) -> Option<PeerView> {
        let base = &self.node.base;
        let is_seen = base.known.is_seen_in(endpoint, self.room);
        let person = base.own.people.get(endpoint).filter(|_| is_seen)?.clone();
        let (room, link) = (self.open(), base.links.of(endpoint));
        let session = base.links.session(endpoint);
        let (bytes_sent, bytes_received) = link.map_or((0, 0), Link::traffic);
        let unlinked = base.known.is_unlinked(endpoint.peer);
        let is_wanted = !unlinked && !base.known.has_unlinked_us(endpoint);
        let is_gone = person.state == LinkState::Gone;
        Some(PeerView {
            endpoint,
            name: person.name,
            own: endpoint.peer == base.own.me.peer,
            state: person.state,
            since: person.since,
            heard: link.map(Link::heard),
            reason: person.reason,
            rtt: link.and_then(Link::rtt),
            path: link.map(Link::path),
            relayed_because: link.and_then(|link| base.relayed_because(endpoint, link.path())),
            jitter: link.and_then(Link::jitter),
            pings: link.map(Link::ping_outcomes).unwrap_or_default(),
            sought: base.known.is_sought(endpoint),
            attached: base.rooms.attachments().is_attached(endpoint, self.room),
            distant: is_gone && is_wanted && base.rooms.attachments().is_distant(endpoint, self.room),
            stays: room
                .and_then(|room| room.membership().member(endpoint))
                .is_some_and(|member| member.stays),
            in_step: room.is_some_and(|room| room.kept().is_in_step(endpoint)),
            bytes_received,
            bytes_sent,
            session: session.map(|session| session.id()),
            epoch: session.map_or(0, |session| session.epoch()),
            unacknowledged: session.map_or(0, |session| session.direct.unacknowledged()),
            unlinked,
        })
    }

    /// The rules in force.
    pub fn rules(self) -> Option<&'a Terms> {
        Some(self.records()?.terms())
    }

    /// The writers of the app in a slot, and their limit; `None` if it is not enabled. If only a branch beside the
    /// record in force enabled the app, the rule after the owner's next join; until then nobody may write in it.
    pub fn rule(self, slot: u8) -> Option<(Option<Limit>, WhoWrites)> {
        let kept = self.open()?.kept();
        let records = kept.records();
        kept.is_on(slot).then(|| records.book().rule(&records.in_force(), slot))?
    }

    /// Whole days of room time for which a table by time keeps its rows; `None` for ever.
    pub fn age(self, replica: ReplicaNumber) -> Option<NonZero<u16>> {
        self.open()?.kept().replicas().age(replica)
    }

    /// Everything that follows from the room's records.
    pub fn records(self) -> Option<&'a Records> {
        self.open().map(|room| room.kept().records())
    }

    /// Endpoints that gave one sequence to two different batches, as far as seen here.
    pub fn contradictors(self) -> impl Iterator<Item = &'a Endpoint> {
        self.open().into_iter().flat_map(|room| room.kept().contradictors())
    }

    /// The banned peers.
    pub fn bans(self) -> Vec<PeerId> {
        self.records().map(|records| records.banned().collect()).unwrap_or_default()
    }

    /// Whether a member reported to have the same records of the room; one that stores reports it when they are on its
    /// disk.
    pub fn has_our_records(self, endpoint: Endpoint) -> bool {
        self.open().is_some_and(|open| open.kept().has_our_records(endpoint))
    }

    /// Whether a neighbour had the same records and content at the last comparison, and nothing changed since.
    pub fn is_in_step(self, endpoint: Endpoint) -> bool {
        self.open().is_some_and(|open| open.kept().is_in_step(endpoint))
    }

    /// Whether no replica of the room stores a batch here; also for a room that is not open.
    pub fn is_empty(self) -> bool {
        self.open().is_none_or(|open| open.kept().replicas().batches().next().is_none())
    }

    /// Whether a member of another peer that stores has everything that is here: its records and content equalled ours at
    /// the last comparison, and nothing changed since. It may leave, and lose or delete the room later.
    pub fn is_elsewhere(self) -> bool {
        self.open().is_some_and(Room::is_elsewhere)
    }

    /// Whether all stored batches of the room have been verified and are shown; false for a room that is not open.
    pub fn is_restored(self) -> bool {
        self.open().is_some_and(|room| room.kept().is_restored())
    }

    /// The stored batches that the room has not read yet: other programs that write the same store stored them. Pass
    /// them to [`RoomMut::restore_slice`]. Empty for a room that is not open.
    pub fn lacking(self, stored: &BTreeSet<BatchKey>) -> Vec<BatchKey> {
        self.open().map(|room| room.kept().lacking(stored)).unwrap_or_default()
    }

    /// The state of a blob's fetch; `None` if there is none.
    pub fn blob(self, slot: Slot, blob: BlobId) -> Option<FetchView> {
        self.open()?.kept().blobs()?.view(slot, blob)
    }

    /// The state of the history's fetch; `None` if there is none.
    pub fn history(self) -> Option<HistoryView> {
        self.open()?.history()
    }
}

/// A room of a node, for acting in it now.
pub struct RoomMut<'a> {
    pub(super) node: &'a mut Node,
    pub(super) room: RoomHandle,
}

impl<'a> RoomMut<'a> {
    pub(super) fn new(node: &'a mut Node, room: RoomHandle) -> RoomMut<'a> {
        RoomMut { node, room }
    }

    /// Acts in the room, if it is open, and lets other parts follow.
    fn act<T>(&mut self, act: impl FnOnce(&mut Room, Now) -> T) -> Option<T> {
        let base = &mut self.node.base;
        let done = base.rooms.room_mut(&base.own, self.room).map(|(room, now)| act(room, now));
        self.node.settle();
        done
    }

    /// Registers the room with one more server, `http(s)://HOST`: its members can be found there too, and the LINK
    /// names it.
    ///
    /// # Errors
    /// [`CommandError::NoSuchRoom`], [`CommandError::Server`] or [`CommandError::TooManyServers`].
    pub fn add_server(&mut self, server: &str) -> Result<(), CommandError> {
        self.node.base.servers.check_further(self.room, server)?;
        if let Some(servers) = self.node.base.servers.waiting_mut(self.room) {
            servers.push(server.into());
            return Ok(());
        }
        let server = self.node.register_at(self.room, server);
        let base = &mut self.node.base;
        base.servers.ask_one_for_room(&mut base.own, &base.rooms, self.room, server);
        self.node.settle();
        Ok(())
    }

    /// Uses the secrets of a further LINK of a private room, as if the room had been joined by that LINK. Those of another
    /// room change nothing.
    pub fn offer_secrets(&mut self, secrets: &Secrets) {
        self.node.base.rooms.offer_secrets(self.room, secrets);
        self.node.settle();
    }

    /// Leaves the room's members and servers, and keeps the room for reading and writing. Writes travel once it is
    /// [connected](RoomMut::connect) again.
    pub fn disconnect(&mut self) {
        self.node.disconnect_room(self.room);
        self.node.settle();
    }

    /// Searches the room's members again, at the former servers.
    pub fn connect(&mut self) {
        self.node.connect_room(self.room);
        self.node.settle();
    }

    /// Writes payloads in our own name into a replica of the room, one batch each. Its app defines the payloads.
    ///
    /// # Errors
    /// [`CommandError`] describes an invalid payload, or reports slow neighbours; nothing was written.
    pub fn write(&mut self, replica: ReplicaNumber, payloads: Vec<Vec<u8>>) -> Result<Receipt, CommandError> {
        let base = &mut self.node.base;
        base.rooms.check_backpressure(&base.links, self.room)?;
        let (room, now) = base.rooms.open(&base.own, self.room)?;
        let receipt = room.write(now, &base.own.identity, replica, payloads)?;
        self.node.settle();
        Ok(receipt)
    }

    /// The amount that we may write now in the app in a slot; `None` if the room's rules have no limit.
    ///
    /// # Errors
    /// [`WriteError::AppIsOff`](super::WriteError::AppIsOff), [`WriteError::Banned`](super::WriteError::Banned) and [`WriteError::NotWriter`](super::WriteError::NotWriter) when that is nothing, [`CommandError::NoSuchRoom`],
    /// [`CommandError::NotOpen`].
    pub fn writing_left(&mut self, slot: u8) -> Result<Option<WritingLeft>, CommandError> {
        let base = &mut self.node.base;
        let (room, now) = base.rooms.open(&base.own, self.room)?;
        Ok(room.kept().writing_left(now, slot)?)
    }

    /// Sets our presence in an app; `None` for nothing. It may be called at each movement: at most 20 times a second
    /// the newest is sent, in a datagram if it is short, and once more reliably when it rests. Linked members and
    /// newcomers receive [`Event::Presence`]; it ends when we leave.
    ///
    /// # Errors
    /// [`CommandError::NoSuchRoom`], [`CommandError::NotOpen`] or [`CommandError::PresenceTooLong`].
    pub fn set_presence(&mut self, slot: Slot, state: Option<&[u8]>) -> Result<(), CommandError> {
        let Base { own, rooms, .. } = &mut self.node.base;
        // Presence that is not due yet waits for the timeout.
        if rooms.lanes().set_presence(own, self.room, slot, state.unwrap_or_default())? {
            self.node.settle();
        }
        Ok(())
    }

    /// Broadcasts a message to everybody in the room, linked or not, who receive [`Event::Said`] once, and after
    /// earlier broadcasts in the app. It is signed and not stored: a member that is cut off for more than half a minute
    /// misses it, and receives the number of missed ones.
    ///
    /// # Errors
    /// [`CommandError::NoSuchRoom`], [`CommandError::NotOpen`], [`WriteError::TooLong`](super::WriteError::TooLong),
    /// [`WriteError::AppIsOff`](super::WriteError::AppIsOff), [`WriteError::Banned`](super::WriteError::Banned), [`WriteError::NotWriter`](super::WriteError::NotWriter), and
    /// [`WriteError::Backpressure`](super::WriteError::Backpressure) while no neighbour has room for it: nothing was said.
    pub fn say(&mut self, slot: Slot, topic: &Topic, bytes: &[u8]) -> Result<(), CommandError> {
        let base = &mut self.node.base;
        base.rooms.check_backpressure(&base.links, self.room)?;
        let (room, now) = base.rooms.open(&base.own, self.room)?;
        room.talking().say(now, &base.own.identity, slot, topic, bytes)?;
        self.node.settle();
        Ok(())
    }

    /// Sends a datagram, which may be lost, to one linked member or to everybody in the room, who receive
    /// [`Event::Datagram`]. A datagram that has not gone out before the next one of the same app and topic is replaced
    /// by it; one that arrives after a newer one is dropped. Beyond
    /// [`DATAGRAMS_SENT_MAX`](crate::lanes::DATAGRAMS_SENT_MAX) a second to a member it is dropped.
    ///
    /// # Errors
    /// [`CommandError::NoSuchRoom`], [`CommandError::NotOpen`], [`CommandError::DatagramTooLong`], or
    /// [`CommandError::NotLinked`] when it is for one endpoint that is no linked member.
    pub fn send_datagram(
        &mut self,
        to: Audience,
        slot: Slot,
        topic: &Topic,
        bytes: &[u8],
    ) -> Result<(), CommandError> {
        let Base { own, links, rooms, .. } = &mut self.node.base;
        rooms.lanes().send_datagram(own, links, self.room, to, (slot, topic), bytes)
    }

    /// Keeps a link to a member, whether the overlay wants one or not, until [`RoomMut::end_visit`]: for many direct
    /// messages or datagrams. In a full mesh the link is there already, and stays if the room grows and its overlay changes.
    ///
    /// # Errors
    /// As for [`RoomMut::send_direct`].
    pub fn visit(&mut self, endpoint: Endpoint) -> Result<(), CommandError> {
        let base = &mut self.node.base;
        base.rooms.open(&base.own, self.room)?;
        self.node.connecting.visit(base, self.room, endpoint, true)?;
        self.node.settle();
        Ok(())
    }

    /// From now on a link to a member is kept like any other.
    pub fn end_visit(&mut self, endpoint: Endpoint) {
        self.node.connecting.visits().0.unpin(self.room, endpoint);
        self.node.settle();
    }

    /// Sends a direct message to one member. It arrives once, and after earlier direct messages, as [`Event::Direct`];
    /// [`Event::DirectEnded`] reports its end. Without a link to the member one is made, a visit, which ends after half
    /// a minute of silence; a message that waits longer than ten seconds for that ends as not sent. If the link is cut,
    /// the message waits for the session to resume, as long as [`Config::resume_within`](super::Config::resume_within),
    /// and ends as unknown if it had been sent.
    ///
    /// # Errors
    /// [`CommandError::NoSuchRoom`], [`CommandError::NotOpen`], [`CommandError::TooLong`], [`CommandError::NoDirect`];
    /// [`CommandError::NotLinked`] for an unknown endpoint in a full mesh, or if too much waits for other unlinked
    /// endpoints; [`WriteError::Banned`](super::WriteError::Banned) if we are banned and a link must be found;
    /// [`CommandError::TooManyVisits`]; [`CommandError::Backpressure`] if too much is unacknowledged by the endpoint.
    pub fn send_direct(
        &mut self,
        to: Endpoint,
        slot: Slot,
        topic: &Topic,
        bytes: &[u8],
    ) -> Result<DirectToken, CommandError> {
        let base = &mut self.node.base;
        base.rooms.open(&base.own, self.room)?;
        let bytes = Bytes::new(bytes.to_vec()).map_err(|error| CommandError::TooLong(error.length))?;
        self.node.connecting.visit(base, self.room, to, false)?;
        let hears = base.rooms.attachments().hears(to, self.room);
        let letter = Letter { room: self.room.0, slot, topic: topic.clone(), bytes };
        let token = base.links.send_direct(&base.own, to, letter, hears)?;
        base.rooms.attachments_mut().note_said(base.own.time(), to, self.room);
        self.node.settle();
        Ok(token)
    }

    /// Requests the links of members; [`RoomRef::sights`] has their reports, from the next second on and for ten. Call
    /// it every few seconds while somebody looks, and never otherwise: everybody answers. More often than every four
    /// seconds it does nothing.
    pub fn look(&mut self) {
        let Base { own, links, rooms, .. } = &mut self.node.base;
        if rooms.look(own, links, self.room) {
            self.node.settle();
        }
    }

    /// From now on the driver answers [`Effect::Persist`](super::Effect::Persist) for this room, whatever
    /// [`Config::stores`](super::Config::stores) is. `stored` are the batches in its store: missing ones are stored at
    /// once, and batches that the room dropped by its rules are removed. Batches that this program never read stay:
    /// other programs may write the same store. Members are informed. A room that is not open stays as it is.
    pub fn start_storing(&mut self, stored: &BTreeSet<BatchKey>) {
        self.set_storing(|room, now| room.start_storing(now, stored));
    }

    /// The driver no longer stores this room: it lost the lock, or its storage failed. Members are informed.
    pub fn stop_storing(&mut self) {
        self.set_storing(Room::stop_storing);
    }

    fn set_storing(&mut self, set: impl FnOnce(&mut Room, Now)) {
        let Base { own, links, rooms, .. } = &mut self.node.base;
        if let Some((room, now)) = rooms.room_mut(own, self.room) {
            set(room, now);
            rooms.tell_members(own, links, Some(self.room));
        }
        self.node.settle();
    }

    /// Accepts the stored records of an open room, before its batches, which were written under them. Known ones change
    /// nothing.
    pub fn restore_records(&mut self, records: &[u8]) {
        self.act(|room, now| room.restore_records(now, records));
    }

    /// Accepts further stored batches of an open room, so that a large replica is restored in slices between which a
    /// page can draw. Invalid ones are left out and reported as [`Event::StorageFailed`].
    pub fn restore_slice(&mut self, batches: &[Vec<u8>]) {
        let base = &mut self.node.base;
        let Some((room, now)) = base.rooms.room_mut(&base.own, self.room) else { return };
        room.restore_slice(now, batches);
        self.node.settle();
    }

    /// Acts on the room's blobs; `None` for a room that is not open.
    pub fn blobs<T>(&mut self, act: impl FnOnce(&mut Blobs, Time) -> T) -> Option<T> {
        self.act(|room, now| room.sharing().act(now, act))
    }

    /// Begins to fetch the past of a replica from the neighbour whose log reaches back furthest;
    /// [`Event::HistoryChanged`] reports progress. Fetched batches wait to be taken out, and no more come until then. A
    /// room that is not open stays as it is.
    pub fn fetch_history(&mut self, replica: ReplicaNumber) {
        self.act(|room, now| room.begin_history(now, replica));
    }

    /// Stops fetching, and forgets batches that were not taken out.
    pub fn cancel_history(&mut self) {
        self.act(|room, _| room.cancel_history());
    }

    /// Takes out fetched and verified batches, until they cost `cost_most` or more together. They come in the order of
    /// the log; if a second log was needed some come twice.
    pub fn take_history(&mut self, cost_most: usize) -> Vec<SignedBatch> {
        self.act(|room, now| room.take_history(now, cost_most)).unwrap_or_default()
    }
}
