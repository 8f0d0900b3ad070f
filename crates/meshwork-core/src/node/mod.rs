//! The node: identity, link table and rooms of one endpoint, and the seam to its driver.
//!
//! # Problem
//! One endpoint takes part in rooms, over links to other endpoints, found through servers. All of that must be
//! the same code in a browser, in a native program and in the simulator, and must be reproducible.
//!
//! # How it works
//! A node is a state machine without input or output of its own. Its parts are layered, each with fields of its own:
//! links and their sessions, rooms and their members, servers and their state of rooms, and on top the making of links.
//! The acting part borrows clocks, identity and chance (`own`), and calls only the parts below it. The node forwards
//! the events of lower parts upward (`linked`, `heard`, `entering`).
//!
//! # Driving it
//! Call [`Node::handle_input`] and [`Node::handle_timeout`] with the present time; after every call, commands
//! included, drain [`Node::poll_output`]; call [`Node::handle_timeout`] when [`Node::poll_timeout`] is due.
//!
//! # Invariants
//! - Same seed, same calls, same outputs, on every platform.
//! - No input makes it panic or return an error: wrong input is refused, counted and reported as an event.
//! - A room's messages are accepted only from endpoints whose link and knowledge of the secret are proved.
//!
//! # Limits
//! [`ROOMS_MAX`] rooms, [`PEERS_MAX`] known endpoints, [`PENDING_MAX`] attempts at a time; further limits are in
//! [`Config`], `session::link` and `room`.

mod commands;
mod common;
mod connecting;
mod endpoints;
mod governing_commands;
mod invitations;
mod keys;
mod leaving;
mod link_events;
mod links;
mod lower_parts;
mod people;
mod room;
mod room_outputs;
mod rooms;
mod server_events;
mod servers;
#[cfg(test)]
mod test_world;
#[cfg(test)]
mod tests;

use alloc::string::String;
use alloc::vec::Vec;
use core::cell::Cell;

pub use self::common::{Output, PEERS_MAX, PENDING_MAX};
pub use self::room::{RoomMut, RoomRef};
pub use self::rooms::ROOMS_MAX;
pub use crate::room::delivery::Waiting;
pub use crate::room::writing::{Holders, Receipt, WriteError, WritingLeft};
pub use crate::seam::config::Config;
pub use crate::seam::event::{Event, LinkState, Refusal, RoomHandle, RoomRefusal, ServerState};
pub use crate::seam::io::{Effect, Input};
pub use commands::{CommandError, PeerView, RoomSpec, ServerAnswer, ServerSays, StoredRoom, Usage};

use self::common::Own;
use self::connecting::{Connecting, Known};
use self::links::{Links, Unflushed};
use self::lower_parts::Base;
use self::room_outputs::Prior;
use self::rooms::Rooms;
use self::servers::Servers;
use crate::clock::room_time;
use crate::id::{Endpoint, Identity, PeerId};
use crate::links::link::Link;
use crate::links::message::GoodbyeReason;
use crate::rng::Seed;
use crate::room::MakeReplica;
use crate::signalling::address::RoomAddress;
use crate::signed::app::AppWord;
use crate::time::{Now, Time, WallTime};

/// One endpoint of the network, driven from outside.
pub struct Node {
    base: Base,
    connecting: Connecting,
    /// The result of [`Node::poll_timeout`], while none of its inputs changed except a deadline that moved on.
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
        let own = Own::new(config, identity, seed, Now { time: now, wall });
        let rooms = Rooms::new(apps, *blake3::keyed_hash(&seed, b"meshwork overlay").as_bytes());
        let (links, servers, known) = (Links::new(), Servers::new(), Known::default());
        let base = Base { own, links, rooms, servers, known };
        Node { base, connecting: Connecting::default(), due: Cell::new(None) }
    }

    /// Registers an app. In rooms that open from now on and give it parameters, `make` makes its replicas, in place of the maker
    /// that other apps share. If it returns `None`, the app has tables only.
    pub fn register_app(&mut self, app: AppWord, make: MakeReplica) {
        self.base.rooms.register_app(app, make);
    }

    /// This endpoint.
    pub fn endpoint(&self) -> Endpoint {
        self.base.own.me
    }

    /// This peer's name.
    pub fn name(&self) -> &str {
        &self.base.own.config.name
    }

    /// Accepts an input of the driver.
    pub fn handle_input(&mut self, now: Time, input: Input) {
        self.base.own.move_on(now);
        let config = &self.base.own.config;
        let signatures = if config.verifies_on_input { config.signatures_per_call } else { 0 };
        self.base.rooms.set_signatures_left(signatures);
        let (base, connecting) = (&mut self.base, &mut self.connecting);
        match input {
            Input::Signal { link, signal } => connecting.handle_local_signal(base, link, signal),
            Input::Up { link, fingerprints, path } => {
                if !connecting.attempts().is_no_better(base, link, path)
                    && let Some(known) = base.links.get_mut(link)
                {
                    known.handle_up(now, &fingerprints, path, &base.own.identity);
                }
            }
            Input::PathChanged { link, path } => self.base.handle_path(link, path),
            Input::Data { link, channel, bytes } => {
                match base.links.handle_data(&base.own, link, channel, &bytes) {
                    None => return,
                    Some(false) => {}
                    Some(true) => self.base.handle_heard_again(link),
                }
            }
            Input::Writable { link, bytes } => {
                let goes_on = base.links.handle_writable(link, bytes);
                self.note_drained(link);
                if !goes_on {
                    return;
                }
            }
            Input::Down { link, reason } => self.handle_down(link, reason),
            Input::ServerUp { server, address } => base.servers.handle_up(server, address),
            Input::ServerText { server, text } => {
                let heard = base.servers.handle_text(&mut base.own, &base.rooms, server, &text);
                self.handle_heard(server, heard);
            }
            Input::ServerDown { server, reason } => {
                let heard = base.servers.handle_down(&mut base.own, &base.rooms, server, reason);
                self.handle_heard(server, heard);
            }
            Input::NetworkChanged => self.handle_network_changed(),
            Input::Persisted { token } => base.rooms.handle_persisted(&base.own, token, Ok(())),
            Input::PersistFailed { token, reason } => {
                base.rooms.handle_persisted(&base.own, token, Err(reason));
            }
            Input::HistoryRead { token, part } => {
                base.rooms.handle_history_read(&base.own, token, part);
            }
        }
        self.settle();
    }

    /// Does due work.
    pub fn handle_timeout(&mut self, now: Time) {
        self.advance(now);
        self.base.rooms.set_signatures_left(self.base.own.config.signatures_per_call);
        self.handle_server_timeouts();
        self.handle_link_timeouts();
        let (base, connecting) = (&mut self.base, &mut self.connecting);
        connecting.handle_by_hand_timeouts(base);
        for endpoint in base.links.end_old_sessions(&mut base.own) {
            base.known.try_at_latest(endpoint, base.own.time());
        }
        base.links.end_waiting(&mut base.own);
        base.servers.renew_ice_servers(&mut base.own, &base.rooms);
        connecting.handle_path_timeouts(base);
        let (visits, attempts) = connecting.visits();
        visits.handle_timeouts(base, attempts);
        connecting.handle_known_timeouts(base);
        self.vote_on_time();
        self.base.rooms.handle_overlay_timeouts(&self.base.own, &self.base.links);
        for (room, reason) in self.base.rooms.judge_full(&self.base.own) {
            self.refuse_room(room, reason);
        }
        self.base.rooms.handle_guests(&self.base.own);
        self.base.rooms.handle_timeouts(&self.base.own);
        self.settle();
    }

    /// The civil clock was read: at birth, and at least every minute, since somebody may have set it.
    pub fn handle_wall_clock(&mut self, now: Time, wall: WallTime) {
        self.due.set(None);
        if self.base.own.at(now).ahead_by(wall) > room_time::AGREE {
            self.base.servers.handle_clock_ahead();
        }
        self.base.own.set_clock(now, wall);
        // The reported advance of room time refers to the former clock.
        self.vote_on_time();
    }

    /// The next effect or event.
    ///
    /// Messages become frames here, after all else, so that those of several commands share frames.
    pub fn poll_output(&mut self) -> Option<Output> {
        let Base { own, links, .. } = &mut self.base;
        if !own.has_outputs() {
            match links.take_unflushed() {
                Unflushed::Nothing => {}
                Unflushed::One(link) => links.flush(own, link),
                Unflushed::All => {
                    self.due.set(None);
                    links.flush_all(own);
                }
            }
        }
        own.poll_output()
    }

    /// When [`Node::handle_timeout`] is due; `None` when only an input can change anything.
    pub fn poll_timeout(&self) -> Option<Time> {
        let due = self.due.get().unwrap_or_else(|| self.next_deadline());
        self.due.set(Some(due));
        due
    }

    fn next_deadline(&self) -> Option<Time> {
        let Base { own, links, rooms, servers, .. } = &self.base;
        let connecting = self.connecting.poll_timeout(&self.base);
        let below = [servers.poll_timeout(), rooms.poll_timeout(own), links.poll_timeout(own)];
        below.into_iter().chain([connecting]).flatten().min()
    }

    /// Makes a room and registers it with a server. Its LINK is known at [`Event::RoomRegistered`].
    ///
    /// # Errors
    /// [`CommandError::Server`] or [`CommandError::TooManyRooms`].
    pub fn create_room(&mut self, now: Time, spec: RoomSpec) -> Result<RoomHandle, CommandError> {
        self.advance(now);
        let handle = self.add_created_room(spec)?;
        self.vote_on_time();
        self.settle();
        Ok(handle)
    }

    /// Joins the room at `address`. `stored` is this machine's stored state; it must be that room's.
    ///
    /// Events report the result: opened, waiting or refused. A stored room of another version is refused too, and must
    /// be left as it is.
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
        let handle = self.add_joined_room(address, stored.map(Prior::Stored))?;
        self.vote_on_time();
        self.settle();
        Ok(handle)
    }

    /// Joins the room at `address`, of which this machine has stored nothing, by its genesis. The room opens at once and
    /// alone, and is stored as a new room is.
    ///
    /// # Errors
    /// [`CommandError::Stored`] if it is the genesis of another room or of none, or [`CommandError::TooManyRooms`].
    pub fn join_by_genesis(
        &mut self,
        now: Time,
        address: RoomAddress,
        genesis: Vec<u8>,
    ) -> Result<RoomHandle, CommandError> {
        self.advance(now);
        let handle = self.add_joined_room(address, Some(Prior::Genesis(genesis)))?;
        self.vote_on_time();
        self.settle();
        Ok(handle)
    }

    /// Leaves a room: informs members and server, and closes links that no other room needs.
    pub fn leave_room(&mut self, now: Time, room: RoomHandle) {
        self.advance(now);
        self.remove_room(room);
        self.settle();
    }

    /// A room, for reading. In a missing one nothing is known.
    pub fn room(&self, room: RoomHandle) -> RoomRef<'_> {
        RoomRef::new(self, room)
    }

    /// A room, for acting in it at `now`. In a missing one nothing can be done.
    pub fn room_mut(&mut self, now: Time, room: RoomHandle) -> RoomMut<'_> {
        self.advance(now);
        RoomMut::new(self, room)
    }

    /// Changes this peer's name; informs members.
    pub fn set_name(&mut self, now: Time, name: &str) {
        self.advance(now);
        let Base { own, links, rooms, .. } = &mut self.base;
        own.config.name = String::from(name);
        rooms.tell_members(own, links, None);
        self.settle();
    }

    /// Sets whether the application accepts direct messages. While it does not, they wait, and so do senders with more
    /// than their session's limit: only accepted messages are acknowledged. A driver sets false while many events are
    /// unread. It is true at birth.
    pub fn set_takes_direct(&mut self, now: Time, takes: bool) {
        self.advance(now);
        self.base.links.set_takes_direct(&mut self.base.own, takes);
        self.settle();
    }

    /// Whether the application accepts direct messages, by the driver's last call.
    pub fn takes_direct(&self) -> bool {
        self.base.links.takes_direct()
    }

    /// Reports that a peer sent data that the app cannot parse. This counts as a violation; repeated violations drop
    /// the link.
    pub fn accuse(&mut self, now: Time, endpoint: Endpoint, detail: String) {
        self.advance(now);
        self.judge(endpoint, Err((Refusal::App, detail)));
        self.settle();
    }

    /// Closes the links to all endpoints of a peer, with that reason, and makes no other: neither by itself nor at the
    /// peer's request, until [`Node::link_again`] or until people carry an invitation between the two. The peer need
    /// not be known, so that a remembered list can be set at the start.
    ///
    /// # Errors
    /// [`CommandError::OwnPeer`] or [`CommandError::TooManyUnlinked`].
    pub fn unlink(&mut self, now: Time, peer: PeerId) -> Result<(), CommandError> {
        self.advance(now);
        self.connecting.unlink(&mut self.base, peer)?;
        self.settle();
        Ok(())
    }

    /// Links to a peer may be made again, and are tried now.
    pub fn link_again(&mut self, now: Time, peer: PeerId) {
        self.advance(now);
        self.connecting.link_again(&mut self.base, peer);
        self.settle();
    }

    /// Hides this endpoint's address from others, or no longer does: links go over relays alone. Links that are up are
    /// replaced without loss; others may have learned the address before. Without a relay nobody is reachable then.
    pub fn set_hides_address(&mut self, now: Time, hides: bool) {
        self.advance(now);
        let (base, connecting) = (&mut self.base, &mut self.connecting);
        if core::mem::replace(&mut base.own.config.hides_address, hides) != hides {
            connecting.handle_hiding(base);
        }
        connecting.handle_known_timeouts(base);
        connecting.handle_move_timeouts(base);
        self.settle();
    }

    /// Whether this endpoint hides its address.
    pub fn hides_address(&self) -> bool {
        self.base.own.config.hides_address
    }

    /// Sets the most links of this endpoint in a sparse overlay (see [`Config::links_most`]). Further links are given
    /// up one after another.
    pub fn set_links_most(&mut self, now: Time, most: usize) {
        self.advance(now);
        self.base.own.config.links_most = most;
        self.base.rooms.set_links_most(most);
        self.settle();
    }

    /// Sends a goodbye on every link and server. Drain the outputs, execute them, then drop the node.
    pub fn shut_down(&mut self, now: Time) {
        self.advance(now);
        for handle in self.base.rooms.handles() {
            self.base.rooms.lanes().end_presence(&self.base.own, handle);
            self.carry_out_outputs_of(handle);
        }
        let (base, connecting) = (&mut self.base, &mut self.connecting);
        for link in base.links.ids() {
            connecting.attempts().close(base, link, Some(GoodbyeReason::Left));
        }
        base.servers.leave(&mut base.own, &base.rooms);
        base.rooms.clear();
        base.own.people.clear();
        base.known.clear();
    }

    /// The memory use of this node.
    pub fn usage(&self) -> Usage {
        let Base { links, rooms, .. } = &self.base;
        Usage {
            rooms: rooms.count(),
            peers: self.base.known.count(),
            links: links.count(),
            attempts: self.connecting.pending(),
            visits: rooms.attachments().visits(),
            queued_bytes_most: links.all().map(Link::queued).max().unwrap_or(0),
            held_batches: rooms.rooms().map(|room| room.kept().held_batches()).sum(),
            unverified_bytes: rooms.rooms().map(|room| room.kept().unverified_bytes()).sum(),
            retained_bytes_most: links.retained_bytes_most(),
        }
    }

    /// Time passes, and anything may change.
    fn advance(&mut self, now: Time) {
        self.due.set(None);
        self.base.own.move_on(now);
    }

    /// Takes each room's time from the clocks of its members and servers.
    fn vote_on_time(&mut self) {
        let Base { own, links, rooms, servers, known } = &mut self.base;
        let clocks = |room| (servers.clocks(own, room), servers.least_clock(own, room));
        let nearby = |room| servers.lan_alone(room).map(|lan| known.named_by(room, lan));
        let told = rooms.vote_on_time(own, links, clocks, nearby);
        told.into_iter().for_each(|event| own.event(event));
    }

    /// Lets rooms and links process their effects on each other.
    fn settle(&mut self) {
        self.due.set(None);
        loop {
            let mut idle = self.carry_out_room_outputs();
            idle &= self.handle_link_events();
            let Base { own, links, rooms, .. } = &mut self.base;
            idle &= links.serve_direct();
            idle &= rooms.serve_parts(links);
            idle &= rooms.verify(own);
            if idle {
                break;
            }
        }
        let Base { own, links, rooms, .. } = &mut self.base;
        rooms.lanes().say_presence(own, links);
        // A command of the application spends nothing: it must answer at once.
        self.base.rooms.set_signatures_left(0);
        self.base.links.flush_all_later();
    }
}
