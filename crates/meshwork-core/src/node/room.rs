//! A room as an application sees it, and what it does in it.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::num::NonZero;

use super::rooms::Entry;
use super::view::{CommandError, PeerView, ServerAnswer};
use super::{Base, Node};
use crate::blobs::{BlobId, Blobs, FetchView};
use crate::id::{Endpoint, PeerId, RoomId};
use crate::lanes::Letter;
use crate::links::link::Link;
use crate::overlay::OverlayView;
use crate::overlay::sketch::Sight;
use crate::replica::{Replica, ReplicaNumber};
use crate::room::Room;
use crate::room::history::HistoryView;
use crate::room::rules::records::Records;
use crate::room::rules::terms::Terms;
use crate::room::writing::{Holders, Receipt, WritingLeft};
#[cfg(doc)]
use crate::seam::event::Event;
use crate::seam::event::{LinkState, RoomHandle};
use crate::seam::lane::{Audience, DirectToken, Slot, Topic};
use crate::signalling::address::RoomAddress;
use crate::signed::app::{AppWord, GENESIS_SLOT, GIVEN_SLOTS};
use crate::signed::batch::BatchKey;
use crate::signed::batch::SignedBatch;
use crate::signed::change::{Limit, WhoWrites};
use crate::signed::header::Family;
use crate::time::{Now, Time, WallTime};
use crate::wire::Bytes;

/// A room of a node, to read. Much of it is known only once the room's genesis is.
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

    /// Who made the room; `None` while that is not known, and for a room that nobody owns.
    pub fn owner(self) -> Option<PeerId> {
        self.open()?.kept().genesis().owner()
    }

    /// One's own batches that no member that stays has acknowledged.
    pub fn unacknowledged(self) -> impl Iterator<Item = &'a SignedBatch> {
        self.open().into_iter().flat_map(|room| room.kept().unacknowledged())
    }

    /// Who holds the last that this program wrote in a part of a replica: see
    /// [`Replica::outline`](crate::replica::Replica::outline).
    pub fn holders(self, replica: ReplicaNumber, part: u32) -> Holders {
        self.open().map(|room| room.kept().holders(replica, part)).unwrap_or_default()
    }

    /// The slot of an app, by its word; `None` while it is not on.
    pub fn slot_of(self, app: &AppWord) -> Option<u8> {
        self.open()?.kept().slot_of(app)
    }

    /// The apps that are on, the one that the room opened with first, and whether all that each keeps is kept here: one may have a
    /// family of its own that this program cannot make.
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

    /// The replica with this number, if it is what is asked for. That of the app which the room opened with is
    /// [`ReplicaNumber::FIRST`].
    pub fn replica<R: Replica>(self, number: ReplicaNumber) -> Option<&'a R> {
        self.open()?.kept().replicas().get(number)?.as_any()
    }

    /// The room's time at `now`, by which what is written is stamped.
    pub fn time(self, now: Time) -> Option<WallTime> {
        Some(self.open()?.kept().present(self.node.base.own.at(now)).wall)
    }

    /// How the room's overlay looks from here.
    pub fn overlay(self) -> Option<OverlayView> {
        self.open().map(|room| room.membership().view())
    }

    /// Whether one has left the room's members and servers and keeps the room: see [`RoomMut::disconnect`].
    pub fn is_disconnected(self) -> bool {
        self.node.base.servers.is_disconnected(self.room)
    }

    /// Whether a relay is known for the room, and may be used.
    pub fn knows_relay(self) -> bool {
        self.node.base.servers.knows_relay(&self.node.base.own, self.room)
    }

    /// What each of the room's servers says of it.
    pub fn server_answers(self) -> Vec<ServerAnswer> {
        self.node.base.servers.answers(self.room)
    }

    /// How many others the room's servers say are in it; of several servers the most. It is their word.
    pub fn others_named(self) -> u64 {
        self.node.base.servers.others_named(self.room)
    }

    /// To whom members are linked: oneself first, by one's own knowledge, then others, by what they say
    /// (see [`RoomMut::look`]).
    pub fn sights(self) -> Vec<Sight> {
        let Base { own, links, rooms, .. } = &self.node.base;
        rooms.sights(own, links, self.room)
    }

    /// Everyone known in the room but ourselves, those gone for less than a minute included, by endpoint.
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

    /// The rules that hold.
    pub fn rules(self) -> Option<&'a Terms> {
        Some(self.records()?.terms())
    }

    /// Who may write in the app in a slot, and how much; `None` where it is off. Of an app that only a branch beside the record in
    /// force turned on it is what holds once the owner's next record joins the two; until then nobody may write in it.
    pub fn rule(self, slot: u8) -> Option<(Option<Limit>, WhoWrites)> {
        let kept = self.open()?.kept();
        let records = kept.records();
        kept.is_on(slot).then(|| records.book().rule(&records.in_force(), slot))?
    }

    /// For how many whole days of room time a table by time keeps its rows; `None` for ever.
    pub fn age(self, replica: ReplicaNumber) -> Option<NonZero<u16>> {
        self.open()?.kept().replicas().age(replica)
    }

    /// Everything that follows from the room's records.
    pub fn records(self) -> Option<&'a Records> {
        self.open().map(|room| room.kept().records())
    }

    /// Endpoints that said two different things with one sequence, as far as that was seen here.
    pub fn contradictors(self) -> impl Iterator<Item = &'a Endpoint> {
        self.open().into_iter().flat_map(|room| room.kept().contradictors())
    }

    /// Who is banned.
    pub fn bans(self) -> Vec<PeerId> {
        self.records().map(|records| records.banned().collect()).unwrap_or_default()
    }

    /// Whether a member said that it holds the records of the room that we hold; one that stores says so when
    /// they are on its disk.
    pub fn has_our_records(self, endpoint: Endpoint) -> bool {
        self.open().is_some_and(|open| open.kept().has_our_records(endpoint))
    }

    /// Whether a neighbour was found to have the same records and the same content, and nothing has come between since.
    pub fn is_in_step(self, endpoint: Endpoint) -> bool {
        self.open().is_some_and(|open| open.kept().is_in_step(endpoint))
    }

    /// Whether everything that was stored of the room has been verified and is shown; false for a room that is not
    /// open.
    pub fn is_restored(self) -> bool {
        self.open().is_some_and(|room| room.kept().is_restored())
    }

    /// Which of these batches, which a store has, the room has not read yet: other programs that write the same store stored
    /// them. They are to be given to [`RoomMut::restore_slice`]. Nothing for a room that is not open.
    pub fn lacking(self, stored: &BTreeSet<BatchKey>) -> Vec<BatchKey> {
        self.open().map(|room| room.kept().lacking(stored)).unwrap_or_default()
    }

    /// How far the fetch of a blob is; `None` when there is none.
    pub fn blob(self, slot: Slot, blob: BlobId) -> Option<FetchView> {
        self.open()?.kept().blobs()?.view(slot, blob)
    }

    /// How far the fetch of its history is; `None` when there is none.
    pub fn history(self) -> Option<HistoryView> {
        self.open()?.history()
    }
}

/// A room of a node, to do something in it now.
pub struct RoomMut<'a> {
    pub(super) node: &'a mut Node,
    pub(super) room: RoomHandle,
}

impl<'a> RoomMut<'a> {
    pub(super) fn new(node: &'a mut Node, room: RoomHandle) -> RoomMut<'a> {
        RoomMut { node, room }
    }

    /// Does something in the room, if it is open, and lets the others follow.
    fn act<T>(&mut self, act: impl FnOnce(&mut Room, Now) -> T) -> Option<T> {
        let base = &mut self.node.base;
        let done = base.rooms.room_mut(&base.own, self.room).map(|(room, now)| act(room, now));
        self.node.settle();
        done
    }

    /// Registers the room with one more server, `http(s)://HOST`: its members can be found there too, and the
    /// LINK carries it.
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

    /// Leaves the room's members and servers, and keeps the room: it is read and written in as before, and what is written
    /// travels once it is [connected](RoomMut::connect) again.
    pub fn disconnect(&mut self) {
        self.node.disconnect_room(self.room);
        self.node.settle();
    }

    /// Looks for the room's members again, at the servers at which they were looked for before.
    pub fn connect(&mut self) {
        self.node.connect_room(self.room);
        self.node.settle();
    }

    /// Makes the replicas of apps that are on which the [maker](crate::room::MakeReplica) did not know when their records
    /// came, and does now: a page may load an app only once a room has it. Until then the room passes on what is written
    /// there and keeps none of it; members hand it over afterwards. [`Event::RulesChanged`] follows. A room that is not
    /// open stays as it is.
    pub fn make_replicas(&mut self) {
        let Base { own, rooms, .. } = &mut self.node.base;
        if let Some((room, now)) = rooms.room_mut(own, self.room) {
            room.make_replicas(now);
        }
        self.node.settle();
    }

    /// Writes payloads in one's own name into a replica of the room, a batch each: its app says what they are.
    ///
    /// # Errors
    /// [`CommandError`] says what is wrong with a payload, or that neighbours cannot keep up; nothing was written.
    pub fn write(&mut self, replica: ReplicaNumber, payloads: Vec<Vec<u8>>) -> Result<Receipt, CommandError> {
        let base = &mut self.node.base;
        base.rooms.check_backpressure(&base.links, self.room)?;
        let (room, now) = base.rooms.open(&base.own, self.room)?;
        let receipt = room.write(now, &base.own.identity, replica, payloads)?;
        self.node.settle();
        Ok(receipt)
    }

    /// What one may write now in the app in a slot; `None` where the room's rules have no limit for it.
    ///
    /// # Errors
    /// [`WriteError::AppIsOff`](super::WriteError::AppIsOff), [`WriteError::Banned`](super::WriteError::Banned) and [`WriteError::NotWriter`](super::WriteError::NotWriter) when that is nothing, [`CommandError::NoSuchRoom`],
    /// [`CommandError::NotOpen`].
    pub fn writing_left(&mut self, slot: u8) -> Result<Option<WritingLeft>, CommandError> {
        let base = &mut self.node.base;
        let (room, now) = base.rooms.open(&base.own, self.room)?;
        Ok(room.kept().writing_left(now, slot)?)
    }

    /// Sets what one says of oneself in an app; `None` for nothing. May be called at each movement: 20 times a second
    /// at most the newest is said, in a datagram where it is short, and once more reliably when it rests. Linked members
    /// and those who come hear it as [`Event::Presence`]; it ends when one leaves.
    ///
    /// # Errors
    /// [`CommandError::NoSuchRoom`], [`CommandError::NotOpen`] or [`CommandError::PresenceTooLong`].
    pub fn set_presence(&mut self, slot: Slot, state: Option<&[u8]>) -> Result<(), CommandError> {
        let Base { own, rooms, .. } = &mut self.node.base;
        // What is not due yet waits for the timeout.
        if rooms.lanes().set_presence(own, self.room, slot, state.unwrap_or_default())? {
            self.node.settle();
        }
        Ok(())
    }

    /// Says something to everybody in the room, linked or not, who hear it as [`Event::Said`]: once, and after what was
    /// said in the app before. It is signed and not kept: who is cut off for more than half a minute misses it, and is
    /// told how much.
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

    /// Says something once, which may be lost, to one linked member or to everybody in the room, who hear it as
    /// [`Event::Datagram`]. What does not go out before the next one of the same app and topic is replaced by it; what
    /// arrives after a newer one is passed over. Beyond
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

    /// Keeps a link to a member, whether the overlay wants one or not, until [`RoomMut::end_visit`]: for one with whom
    /// much is said directly, or in datagrams. Where everybody is linked to everybody there is nothing to do.
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

    /// From now on a link to a member is kept as others are.
    pub fn end_visit(&mut self, endpoint: Endpoint) {
        self.node.connecting.visits().0.unpin(self.room, endpoint);
        self.node.settle();
    }

    /// Says something to one member alone. It is heard there once, and after what was said to it in this way before, as
    /// [`Event::Direct`]; [`Event::DirectEnded`] tells how it ended. Where the member is not linked a link to it is made,
    /// a visit, which ends when nothing was said over it for half a minute; what waits longer than ten seconds for that ends
    /// as not sent. One whose link is cut waits for the session to be resumed, for as long as
    /// [`Config::resume_within`](super::Config::resume_within), and ends as unknown if it had been sent.
    ///
    /// # Errors
    /// [`CommandError::NoSuchRoom`], [`CommandError::NotOpen`], [`CommandError::TooLong`], [`CommandError::NoDirect`];
    /// [`CommandError::NotLinked`] for an endpoint that nobody linked knows in a room where everybody is, or where much
    /// waits for others that are not linked; [`WriteError::Banned`](super::WriteError::Banned) where a link would have to be
    /// found; [`CommandError::TooManyVisits`]; [`CommandError::Backpressure`] when more is kept for the endpoint already than it has acknowledged.
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

    /// Asks members to whom they are linked; [`RoomRef::sights`] has what they say, from the next second on
    /// and for ten. To be called every few seconds while somebody looks, and never otherwise: everybody answers.
    /// More often than every four seconds it does nothing.
    pub fn look(&mut self) {
        let Base { own, links, rooms, .. } = &mut self.node.base;
        if rooms.look(own, links, self.room) {
            self.node.settle();
        }
    }

    /// From now on the driver answers [`Effect::Persist`](super::Effect::Persist) for this room, whatever
    /// [`Config::stores`](super::Config::stores) says. `stored` are the batches that its store has: what it lacks
    /// is asked for at once, and what the room held once and dropped by its rules is removed. What this program never read
    /// stays: other programs may write the same store. Members are told. A room that is not open stays as it is.
    pub fn start_storing(&mut self, stored: &BTreeSet<BatchKey>) {
        self.set_storing(|room, now| room.start_storing(now, stored));
    }

    /// The driver does not store this room any longer: it lost the lock, or its storage failed. Members are told.
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

    /// Takes in the records that are stored of an open room, before its batches, which are written under them.
    /// Those that are known already change nothing.
    pub fn restore_records(&mut self, records: &[u8]) {
        self.act(|room, now| room.restore_records(now, records));
    }

    /// Takes in some more of what was stored of an open room, so that a large replica is restored in slices
    /// between which a page can draw. What does not verify is left out and told as
    /// [`Event::StorageFailed`].
    pub fn restore_slice(&mut self, batches: &[Vec<u8>]) {
        let base = &mut self.node.base;
        let Some((room, now)) = base.rooms.room_mut(&base.own, self.room) else { return };
        room.restore_slice(now, batches);
        self.node.settle();
    }

    /// Does something about the room's blobs; `None` for a room that is not open.
    pub fn blobs<T>(&mut self, act: impl FnOnce(&mut Blobs, Time) -> T) -> Option<T> {
        self.act(|room, now| room.sharing().act(now, act))
    }

    /// Begins to fetch the past of a replica from the neighbour whose log reaches back furthest;
    /// [`Event::HistoryChanged`] tells when it went on. What is fetched waits to be
    /// taken out, and no more comes until it is. A room that is not open stays as it is.
    pub fn fetch_history(&mut self, replica: ReplicaNumber) {
        self.act(|room, now| room.begin_history(now, replica));
    }

    /// Stops fetching, and forgets what was not taken out.
    pub fn cancel_history(&mut self) {
        self.act(|room, _| room.cancel_history());
    }

    /// Takes out batches that were fetched, verified each of them, until they cost `cost_most` or more together. They
    /// come in the order in which the log has them; where a second log had to be asked some come twice.
    pub fn take_history(&mut self, cost_most: usize) -> Vec<SignedBatch> {
        self.act(|room, now| room.take_history(now, cost_most)).unwrap_or_default()
    }
}
