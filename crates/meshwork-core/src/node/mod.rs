//! The node: identity, link table and rooms of one endpoint, and the seam to its driver.
//!
//! # Problem
//! One endpoint takes part in rooms, over links to other endpoints, found through servers. All of that must be
//! the same code in a browser, in a native program and in the simulator, and must be reproducible.
//!
//! # How it works
//! A node is a state machine without input or output of its own. It is thin: links (`session`), rooms (`room`),
//! and the conversations with servers (`signalling::client`) keep their own state; the node routes between them
//! and keeps the table of peers.
//!
//! # Driving it
//! Call [`Node::handle_input`] and [`Node::handle_timeout`] with the present time; after every call, commands
//! included, drain [`Node::poll_output`]; call [`Node::handle_timeout`] when [`Node::poll_timeout`] is due.
//!
//! # Invariants
//! - Same seed, same calls, same outputs, on every platform.
//! - Nothing that arrives can make it panic or return an error: it is refused, counted and told as an event.
//! - No message of a room is taken from an endpoint whose link and whose knowledge of the secret are not proved.
//!
//! # Limits
//! [`ROOMS_MAX`] rooms, [`PEERS_MAX`] known endpoints, [`PENDING_MAX`] attempts at a time; further ones stand in
//! [`Config`], `session::link` and `room`.

mod attempt;
mod attempts;
mod flushing;
mod governing;
mod history;
mod ice;
mod introductions;
mod invitations;
mod links;
mod looking;
mod overlays;
mod peer;
mod presence;
mod reaching;
mod registration;
mod reports;
mod resume;
mod rooms;
mod servers;
mod storing;
mod unlinking;
mod view;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::Cell;

pub use crate::room::writing::{Receipt, WriteError, WritingLeft};
pub use crate::seam::config::Config;
pub use crate::seam::event::{Event, LinkState, Refusal, RoomHandle, RoomRefusal, ServerState};
pub use crate::seam::io::{Effect, Input};
pub use view::{CommandError, PeerView, RoomSpec, StoredRoom, Usage};

use self::attempt::Attempt;
use self::flushing::Unflushed;
use self::introductions::Introductions;
use self::peer::Peer;
use self::rooms::Entry;
use crate::clock::room_time;
use crate::id::{Endpoint, Identity, Instance, PeerId, RoomId};
use crate::links::link::Link;
use crate::links::message::GoodbyeReason;
use crate::overlay::maker::{self, Maker};
use crate::replica::Replica;
use crate::rng::{Rng, Seed};
use crate::room::MakeReplica;
use crate::seam::io::{LinkId, ServerId};
use crate::signalling::address::RoomAddress;
use crate::signalling::announce;
use crate::signalling::client::ServerClient;
use crate::signalling::protocol::Announcement;
use crate::signalling::sealing::SealingKey;
use crate::text::make_fit;
use crate::time::{Now, Time, WallTime};

/// Rooms of one node: a person is in a few.
pub const ROOMS_MAX: usize = 16;
/// Endpoints that a node remembers: ten full rooms and those that left them within a minute.
pub const PEERS_MAX: usize = 512;
/// Connection attempts under way at a time: two for everybody in a full room, and some more.
pub const PENDING_MAX: usize = 64;
/// Bytes that may wait on a link while parts of a replica or direct messages are handed to it, so that live
/// batches never wait behind a whole replica: at 10 Mbit/s this is 50 ms.
const SERVE_QUEUE: usize = 64 * 1024;
/// Refusal counters that are kept; further offenders share one.
const COUNTERS_MAX: usize = 1024;

/// One thing that comes out of a node.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// To be carried out by the driver.
    Effect(Effect),
    /// To be heard by the application.
    Event(Event),
}

/// One endpoint of the network, driven from outside.
pub struct Node {
    apps: MakeReplica,
    config: Config,
    identity: Identity,
    me: Endpoint,
    sealing: SealingKey,
    announcement: Announcement,
    rng: Rng,
    now: Now,
    servers: BTreeMap<ServerId, ServerClient>,
    peers: BTreeMap<Endpoint, Peer>,
    links: BTreeMap<LinkId, Link>,
    attempts: BTreeMap<LinkId, Attempt>,
    rooms: BTreeMap<RoomHandle, Entry>,
    introductions: Introductions,
    /// People with whom no link is wanted.
    unlinked: BTreeSet<PeerId>,
    refusals: BTreeMap<(Option<Endpoint>, Refusal), u64>,
    /// Signatures that may still be checked in the present call.
    signatures_left: usize,
    /// Whether the application takes direct messages.
    takes_direct: bool,
    /// What makes overlays, once it is here.
    overlays: Option<Maker>,
    /// Where overlays have their chance from.
    overlay_seed: Seed,
    next_link: u64,
    next_room: u32,
    next_server: u32,
    outputs: VecDeque<Output>,
    /// Which links may have something to send.
    unflushed: Unflushed,
    /// The link that brought something last: no other has anything to tell.
    spoken: Option<LinkId>,
    /// What [`Node::poll_timeout`] found, while nothing changed that it looks at but a deadline that moved on.
    due: Cell<Option<Option<Time>>>,
}

impl Node {
    /// A node that knows nobody yet. `apps` makes what the apps of its rooms keep in step. Its instance and keys are
    /// drawn from `seed`, which must be fresh for each start of a program.
    pub fn new(
        apps: MakeReplica,
        config: Config,
        identity: Identity,
        seed: Seed,
        now: Time,
        wall: WallTime,
    ) -> Node {
        let node = Node::without_overlays(apps, config, identity, seed, now, wall);
        Node { overlays: Some(maker::all), ..node }
    }

    /// The same with full mesh as its only overlay until [`Node::set_overlays`], so that a program can be loaded
    /// without the code of the others.
    pub fn without_overlays(
        apps: MakeReplica,
        config: Config,
        identity: Identity,
        seed: Seed,
        now: Time,
        wall: WallTime,
    ) -> Node {
        let mut rng = Rng::new(seed);
        let me = Endpoint { peer: identity.peer(), instance: Instance(rng.next_u64()) };
        let sealing = SealingKey::generate(&mut rng);
        let announcement = announce::announce(&identity, me, sealing.public());
        Node {
            apps,
            config,
            identity,
            me,
            sealing,
            announcement,
            rng,
            now: Now { time: now, wall },
            servers: BTreeMap::new(),
            peers: BTreeMap::new(),
            links: BTreeMap::new(),
            attempts: BTreeMap::new(),
            rooms: BTreeMap::new(),
            introductions: Introductions::default(),
            unlinked: BTreeSet::new(),
            refusals: BTreeMap::new(),
            signatures_left: 0,
            takes_direct: true,
            overlays: None,
            overlay_seed: *blake3::keyed_hash(&seed, b"meshwork overlay").as_bytes(),
            next_link: 1,
            next_room: 1,
            next_server: 1,
            outputs: VecDeque::new(),
            unflushed: Unflushed::Nothing,
            spoken: None,
            due: Cell::new(None),
        }
    }

    /// This endpoint.
    pub fn endpoint(&self) -> Endpoint {
        self.me
    }

    /// Takes in what the driver has to tell.
    pub fn handle_input(&mut self, now: Time, input: Input) {
        self.move_on(now);
        self.signatures_left =
            if self.config.verifies_on_input { self.config.signatures_per_call } else { 0 };
        match input {
            Input::Signal { link, signal } => self.handle_local_signal(link, signal),
            Input::Up { link, fingerprints, path } => {
                if !self.is_no_better(link, path)
                    && let Some(known) = self.links.get_mut(&link)
                {
                    known.handle_up(now, &fingerprints, path, &self.identity);
                }
            }
            Input::PathChanged { link, path } => self.handle_path(link, path),
            Input::Data { link, channel, bytes } => {
                let Some(known) = self.links.get_mut(&link) else { return };
                let was_stale = known.is_stale(now);
                known.handle_data(now, channel, &bytes);
                if !known.has_events() && !was_stale {
                    return self.flush_later(link);
                }
                self.spoken = Some(link);
                if was_stale {
                    self.handle_heard_again(link);
                }
            }
            Input::Writable { link, bytes } => {
                let Some(known) = self.links.get_mut(&link) else { return };
                known.handle_writable(bytes);
                if !known.is_held_up() {
                    return self.flush_later(link);
                }
            }
            Input::Down { link, reason } => self.handle_down(link, reason),
            Input::ServerUp { server, address } => self.handle_server_up(server, address),
            Input::ServerText { server, text } => self.handle_server_text(server, &text),
            Input::ServerDown { server, reason } => self.handle_server_down(server, reason),
            Input::NetworkChanged => self.handle_network_changed(),
            Input::Persisted { token } => self.handle_persisted(token, Ok(())),
            Input::PersistFailed { token, reason } => self.handle_persisted(token, Err(reason)),
            Input::HistoryRead { token, part } => self.handle_history_read(token, part),
        }
        self.settle();
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Time) {
        self.advance(now);
        self.signatures_left = self.config.signatures_per_call;
        self.handle_server_timeouts();
        self.handle_link_timeouts();
        self.handle_by_hand_timeouts();
        self.handle_session_timeouts();
        self.handle_ice_timeouts();
        self.handle_peer_timeouts();
        self.vote_on_time();
        self.handle_overlay_timeouts();
        self.judge_full_rooms();
        for room in self.rooms.values_mut().filter_map(|entry| entry.room.as_mut()) {
            room.handle_timeout(room.present(self.now));
        }
        self.forget_silent_presence();
        self.settle();
    }

    /// The civil clock was read: at birth, and at least every minute, since somebody may have set it.
    pub fn handle_wall_clock(&mut self, now: Time, wall: WallTime) {
        self.due.set(None);
        self.now = Now { time: now.max(self.now.time), wall };
        // How far room time is ahead was told of the clock as it was set before.
        self.vote_on_time();
    }

    /// What is to be carried out or heard next.
    ///
    /// Messages become frames here, after all else, so that those of several commands share frames.
    pub fn poll_output(&mut self) -> Option<Output> {
        if self.outputs.is_empty() {
            match core::mem::replace(&mut self.unflushed, Unflushed::Nothing) {
                Unflushed::Nothing => {}
                Unflushed::One(link) => self.flush_link(link),
                Unflushed::All => self.flush_links(),
            }
        }
        self.outputs.pop_front()
    }

    /// When [`Node::handle_timeout`] is due; `None` when only an input can change anything.
    pub fn poll_timeout(&self) -> Option<Time> {
        let due = self.due.get().unwrap_or_else(|| self.next_deadline());
        self.due.set(Some(due));
        due
    }

    fn next_deadline(&self) -> Option<Time> {
        let servers = self.servers.values().map(ServerClient::poll_timeout);
        let rooms = self.rooms.values().filter_map(|entry| entry.room.as_ref());
        let rooms = rooms.filter_map(|room| room.poll_timeout(room.present(self.now)));
        let links = self.link_deadlines().chain(self.ice_deadlines());
        servers
            .chain(rooms)
            .chain(links)
            .chain(self.peer_deadlines())
            .chain(self.presence_deadlines())
            .chain(self.full_deadlines())
            .chain(self.asking_deadlines())
            .min()
    }

    /// Makes a room and registers it with a server. Its LINK is known at [`Event::RoomRegistered`].
    ///
    /// # Errors
    /// [`CommandError::Kind`] or [`CommandError::TooManyRooms`].
    pub fn create_room(&mut self, now: Time, spec: RoomSpec) -> Result<RoomHandle, CommandError> {
        self.advance(now);
        let handle = self.add_created_room(spec)?;
        self.settle();
        Ok(handle)
    }

    /// Joins the room at `address`. `stored` is what was kept of it on this machine; it must be that room.
    ///
    /// What becomes of it is told by events: opened, waiting or refused.
    ///
    /// # Errors
    /// [`CommandError::Stored`] or [`CommandError::TooManyRooms`].
    pub fn join_room(
        &mut self,
        now: Time,
        address: RoomAddress,
        stored: Option<StoredRoom>,
    ) -> Result<RoomHandle, CommandError> {
        self.advance(now);
        let handle = self.add_joined_room(address, stored)?;
        self.settle();
        Ok(handle)
    }

    /// Registers the room with one more server, `http(s)://HOST`: its members can be found there too, and the
    /// LINK carries it.
    ///
    /// # Errors
    /// [`CommandError::NoSuchRoom`], [`CommandError::Server`] or [`CommandError::TooManyServers`].
    pub fn add_server(&mut self, now: Time, room: RoomHandle, server: &str) -> Result<(), CommandError> {
        self.advance(now);
        self.add_registration(room, server)?;
        self.settle();
        Ok(())
    }

    /// Makes an invitation that people carry to somebody who has the room's LINK, without any server:
    /// [`Event::Invitation`] brings the text. An earlier one of the room that is not answered ends.
    ///
    /// # Errors
    /// [`CommandError::NoSuchRoom`], [`CommandError::NotOpen`] or [`CommandError::TooManyAttempts`].
    pub fn invite(&mut self, now: Time, room: RoomHandle) -> Result<(), CommandError> {
        self.advance(now);
        self.begin_invitation(room)?;
        self.settle();
        Ok(())
    }

    /// Takes a text that somebody carried here. Of an invitation comes an [`Event::Reply`], whose text must be
    /// carried back; of a reply comes the link.
    ///
    /// # Errors
    /// [`CommandError::ByHand`] says in words what is wrong with the text; [`CommandError::NoSuchRoom`],
    /// [`CommandError::NotOpen`] when the room's id is not known, and [`CommandError::TooManyAttempts`].
    pub fn take_text(&mut self, now: Time, room: RoomHandle, text: &str) -> Result<(), CommandError> {
        self.advance(now);
        self.take_by_hand(room, text)?;
        self.settle();
        Ok(())
    }

    /// Leaves a room: members and server are told, links that no other room needs are closed.
    pub fn leave_room(&mut self, now: Time, room: RoomHandle) {
        self.advance(now);
        self.remove_room(room);
        self.settle();
    }

    /// Changes what people call this peer; members are told.
    pub fn set_name(&mut self, now: Time, name: &str) {
        self.advance(now);
        self.config.name = String::from(name);
        self.announce_name();
        self.settle();
    }

    /// Says goodbye on every link and server. Drain the outputs, carry them out, then drop the node.
    pub fn shut_down(&mut self, now: Time) {
        self.advance(now);
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        for link in links {
            self.close_link(link, Some(GoodbyeReason::Left));
        }
        self.leave_servers();
        self.rooms.clear();
        self.peers.clear();
    }

    /// The room's id, once it is known.
    pub fn room_id(&self, room: RoomHandle) -> Option<RoomId> {
        self.rooms.get(&room)?.id()
    }

    /// The room's LINK, once it is registered.
    pub fn room_address(&self, room: RoomHandle) -> Option<RoomAddress> {
        self.rooms.get(&room)?.address()
    }

    /// Whether a secret guards the room, once its genesis is known.
    pub fn is_private(&self, room: RoomHandle) -> Option<bool> {
        Some(self.rooms.get(&room)?.room.as_ref()?.genesis().is_private())
    }

    /// The replica of the app that the room opened with, once its genesis is known, if it is what is asked for.
    pub fn replica<R: Replica>(&self, room: RoomHandle) -> Option<&R> {
        self.rooms.get(&room)?.room.as_ref()?.replica().as_any()
    }

    /// The room's time at `now`, by which strokes are stamped; `None` until its genesis is known.
    pub fn room_time(&self, now: Time, room: RoomHandle) -> Option<WallTime> {
        Some(self.rooms.get(&room)?.room.as_ref()?.present(self.at(now)).wall)
    }

    /// Everyone known in the room but ourselves, those gone for less than a minute included, by endpoint.
    pub fn peers(&self, room: RoomHandle) -> Vec<PeerView> {
        let seen = self.peers.iter().filter(|(_, peer)| peer.rooms.contains(&room));
        seen.map(|(&endpoint, peer)| self.view(room, endpoint, peer)).collect()
    }

    /// How much this node holds.
    pub fn usage(&self) -> Usage {
        let rooms = self.rooms.values().filter_map(|entry| entry.room.as_ref());
        Usage {
            rooms: self.rooms.len(),
            peers: self.peers.len(),
            links: self.links.len(),
            attempts: self.attempts.len(),
            queued_bytes_most: self.links.values().map(Link::queued).max().unwrap_or(0),
            held_batches: rooms.clone().map(|room| room.held_batches()).sum(),
            unverified_bytes: rooms.map(|room| room.unverified_bytes()).sum(),
            retained_bytes_most: self
                .peers
                .values()
                .filter_map(|peer| peer.session.as_ref())
                .map(|session| session.direct.retained_bytes().max(session.direct.arrived_bytes()))
                .max()
                .unwrap_or(0),
        }
    }

    fn view(&self, handle: RoomHandle, endpoint: Endpoint, peer: &Peer) -> PeerView {
        let room = self.rooms.get(&handle).and_then(|entry| entry.room.as_ref());
        let link = peer.link.and_then(|link| self.links.get(&link));
        let (bytes_sent, bytes_received) = link.map_or((0, 0), Link::traffic);
        PeerView {
            endpoint,
            name: peer.name.clone(),
            own: endpoint.peer == self.me.peer,
            state: peer.state,
            since: peer.since,
            heard: link.map(Link::heard),
            reason: peer.reason.clone(),
            rtt: link.and_then(Link::rtt),
            path: link.map(Link::path),
            relayed_because: link.and_then(|link| self.relayed_because(peer, link.path())),
            jitter: link.and_then(Link::jitter),
            pings: link.map(Link::ping_outcomes).unwrap_or_default(),
            attached: peer.is_attached(handle),
            distant: peer.is_distant(handle) && !self.unlinked.contains(&endpoint.peer),
            stays: room.and_then(|room| room.member(endpoint)).is_some_and(|member| member.stays),
            in_step: room.is_some_and(|room| room.is_in_step(endpoint)),
            bytes_received,
            bytes_sent,
            session: peer.session.as_ref().map(|session| session.id()),
            epoch: peer.session.as_ref().map_or(0, |session| session.epoch()),
            unacknowledged: peer.session.as_ref().map_or(0, |session| session.direct.unacknowledged()),
            unlinked: self.unlinked.contains(&endpoint.peer),
        }
    }

    /// Time passes, and anything may change.
    fn advance(&mut self, now: Time) {
        self.due.set(None);
        self.move_on(now);
    }

    /// Moves both clocks on; time that goes back is taken as standing still.
    fn move_on(&mut self, now: Time) {
        #[cfg(feature = "planted-bugs")]
        crate::planted::enter(self.config.planted);
        self.now = self.at(now);
    }

    /// Both clocks at `now`; they never go back.
    fn at(&self, now: Time) -> Now {
        let passed = now.since(self.now.time);
        Now { time: self.now.time + passed, wall: self.now.wall + passed }
    }

    /// Takes each room's time from the clocks of its members and servers.
    fn vote_on_time(&mut self) {
        let Now { time, wall } = self.now;
        let ahead = |theirs: WallTime| {
            let apart = i64::try_from(theirs.0.abs_diff(wall.0)).unwrap_or(i64::MAX);
            if theirs < wall { -apart } else { apart }
        };
        let mut told = Vec::new();
        for (&handle, entry) in &mut self.rooms {
            let servers = entry.registrations.iter().filter_map(|known| self.servers.get(&known.server));
            let servers: Vec<i64> = servers.filter_map(|server| server.wall(time)).map(ahead).collect();
            let attached = self.peers.values().filter(|peer| peer.is_attached(handle));
            let links = attached.filter_map(|peer| self.links.get(&peer.link?));
            let neighbours: Vec<i64> = links.filter_map(|link| link.remote_wall(time)).map(ahead).collect();
            let Some(room) = &mut entry.room else { continue };
            if let Some(ahead) = room.set_ahead(room_time::vote(&servers, &neighbours)) {
                told.push(Event::RoomTime { room: handle, ahead_ms: ahead / 1000 });
            }
        }
        told.into_iter().for_each(|event| self.event(event));
    }

    /// Lets rooms and links work off what they caused in each other.
    fn settle(&mut self) {
        self.due.set(None);
        loop {
            let mut idle = self.carry_out_room_outputs();
            idle &= self.handle_link_events();
            idle &= self.serve_direct();
            idle &= self.serve_parts();
            idle &= self.verify_batches();
            if idle {
                break;
            }
        }
        // A command that the application gives spends nothing: it must answer at once.
        self.signatures_left = 0;
        self.unflushed = Unflushed::All;
    }

    fn effect(&mut self, effect: Effect) {
        self.outputs.push_back(Output::Effect(effect));
    }

    fn event(&mut self, mut event: Event) {
        event.make_fit_to_show();
        self.outputs.push_back(Output::Event(event));
    }

    /// Counts and tells that something from outside was refused.
    fn refuse(&mut self, endpoint: Option<Endpoint>, reason: Refusal, detail: String) {
        self.refuse_many(endpoint, reason, detail, 1);
    }

    /// The same, so many times at once.
    fn refuse_many(&mut self, endpoint: Option<Endpoint>, reason: Refusal, detail: String, times: u64) {
        let counted = if self.refusals.len() < COUNTERS_MAX || self.refusals.contains_key(&(endpoint, reason))
        {
            endpoint
        } else {
            None
        };
        let count = self.refusals.entry((counted, reason)).or_default();
        *count = count.saturating_add(times);
        let count = *count;
        self.event(Event::Refused { endpoint, reason, detail, count });
    }

    fn set_state(&mut self, endpoint: Endpoint, state: LinkState, mut reason: Option<String>) {
        reason.iter_mut().for_each(make_fit);
        let Some(peer) = self.peers.get_mut(&endpoint) else { return };
        if peer.state != state || peer.reason != reason {
            peer.state = state;
            peer.since = self.now.time;
            peer.reason.clone_from(&reason);
            self.event(Event::Link { endpoint, state, reason });
        }
    }
}
