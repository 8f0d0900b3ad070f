//! Rooms of a node: their members, and their messages to links.
//!
//! It calls links and knows neither servers nor attempts: it reports the endpoints that a room seeks, not the way to
//! them.

mod attaching;
mod attachments;
mod lanes;
mod survey;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

pub(super) use self::attaching::{
    entrance, hand_listed, hand_secret, is_behind, send_detach, shut_out, tell_secret, with_access_at_last,
    without_access,
};
use self::attachments::Attachments;
use self::lanes::may_be_heard;

use super::commands::CommandError;
use super::common::Own;
use super::links::Links;
use crate::clock::room_time::{self, Voter};
use crate::id::{Code, Endpoint, PeerId, RoomId, Secret};
use crate::lanes::Presence;
use crate::links::link::Link;
use crate::overlay::LinkFacts;
use crate::overlay::sketch::Sketch;
use crate::reach::Reach;
use crate::rng::Seed;
use crate::room::rules::terms::Writers;
use crate::room::{MakeReplica, Makers, Room, RoomOutput};
use crate::seam::event::{Event, RoomHandle, RoomRefusal};
use crate::seam::io::HistoryPart;
use crate::signalling::address::Secrets;
use crate::signalling::announce::Introduction;
use crate::signed::admission::EditSeed;
use crate::signed::app::AppWord;
use crate::signed::genesis::{Genesis, GenesisError};
use crate::time::{Now, Time};

/// Rooms of one node: a person is in a few.
pub const ROOMS_MAX: usize = 16;
/// Members that must refuse us as full: nearly all of a full mesh, since one of them may be silent.
const FULL_SAYERS: usize = crate::seam::config::ROOM_ENDPOINTS_MAX - 4;
/// How long they must do so: when many come at once, all of a sample may be full for a moment in another overlay, until
/// earlier newcomers are settled.
const FULL_AFTER: Duration = Duration::from_secs(5);

/// A room that the node is in, or on its way into.
#[derive(Debug)]
pub(super) struct Entry {
    /// The code by which it was requested.
    wanted_code: Option<Code>,
    /// The id by which it was requested.
    wanted_room: Option<RoomId>,
    /// The secrets that admit us, if it is private and we know them.
    secrets: Option<Secrets>,
    /// The app that its LINK names.
    app: Option<AppWord>,
    /// The room itself, once its genesis is known.
    room: Option<Room>,
    /// The presence of its members.
    presence: Presence,
    /// Members that refused us as full while nobody admitted us; at most [`FULL_SAYERS`].
    full: BTreeSet<Endpoint>,
    /// The time at which enough had.
    full_since: Option<Time>,
    /// Attached peers whose clocks were reported as differing, with how far they are ahead of our own, in microseconds.
    told_apart: BTreeMap<PeerId, i64>,
    /// The known links of others, while somebody looks.
    sketch: Sketch,
    /// It was made here and no server knows it yet: the first server proposes an overlay.
    is_new: bool,
}

impl Entry {
    /// The room's id, once it is known.
    pub(super) fn id(&self) -> Option<RoomId> {
        self.room.as_ref().map(|room| room.kept().id()).or(self.wanted_room)
    }

    /// The room, once its genesis is known.
    pub(super) fn room(&self) -> Option<&Room> {
        self.room.as_ref()
    }

    /// The room, once its genesis is known, for changes, and its present moment.
    fn open(&mut self, own: &Own) -> Option<(&mut Room, Now)> {
        let room = self.room.as_mut()?;
        let present = room.kept().present(own.now);
        Some((room, present))
    }

    /// Its secret, if it is private and we know it.
    pub(super) fn secret(&self) -> Option<&Secret> {
        self.secrets.as_ref().map(|secrets| &secrets.secret)
    }

    /// The secrets that admit us, if it is private and we know them.
    pub(super) fn secrets(&self) -> Option<Secrets> {
        let renewed = self.room().map_or(self.secrets?.renewed, |room| room.kept().secret());
        Some(Secrets { renewed, ..self.secrets? })
    }

    /// Its LINK allows us to write from now on.
    fn set_edit_seed(&mut self, seed: EditSeed) {
        if let Some(secrets) = &mut self.secrets {
            secrets.edit_seed = Some(seed);
        }
        if let Some(room) = &mut self.room {
            room.kept_mut().admit_self(&seed);
        }
    }

    /// The app of its LINK: the one with which it was made or requested, if any.
    pub(super) fn app(&self) -> Option<&AppWord> {
        self.app.as_ref()
    }

    /// The code by which it was requested.
    pub(super) fn wanted_code(&self) -> Option<Code> {
        self.wanted_code
    }

    /// The id by which it was requested.
    pub(super) fn wanted_room(&self) -> Option<RoomId> {
        self.wanted_room
    }

    /// Reports the voters whose clock differs from room time, each once until the difference changes.
    fn clocks_apart(&mut self, room: RoomHandle, voters: &[Voter], ahead: i64) -> Vec<Event> {
        let agree = room_time::AGREE.unsigned_abs();
        let apart = |voter: &&Voter| voter.ahead.abs_diff(ahead) > agree;
        let is_apart = |peer: &PeerId| voters.iter().filter(apart).any(|voter| voter.endpoint.peer == *peer);
        self.told_apart.retain(|peer, _| is_apart(peer));
        let mut told = Vec::new();
        for Voter { endpoint, ahead, .. } in voters.iter().filter(apart) {
            let former = self.told_apart.get(&endpoint.peer);
            if former.is_none_or(|former| former.abs_diff(*ahead) > agree) {
                self.told_apart.insert(endpoint.peer, *ahead);
                told.push(Event::ClockApart { room, endpoint: *endpoint, ahead_ms: ahead / 1000 });
            }
        }
        told
    }

    /// The time of the decision whether the room is full, once enough members refused us.
    fn full_judged(&self) -> Option<Time> {
        self.full_since.map(|since| since + FULL_AFTER)
    }
}

/// All rooms, and their attached members.
#[derive(Debug)]
pub(super) struct Rooms {
    rooms: BTreeMap<RoomHandle, Box<Entry>>,
    attachments: Attachments,
    /// Make the replicas of the apps of rooms.
    apps: Makers,
    /// The seed of overlays.
    overlay_seed: Seed,
    /// Signatures that may still be checked in the present call.
    signatures_left: usize,
    /// The sequence of the last sent datagram, in any room: a member that leaves one and comes back goes on.
    datagrams: u32,
    next: u32,
}

impl Rooms {
    pub(super) fn new(apps: MakeReplica, overlay_seed: Seed) -> Rooms {
        Rooms {
            rooms: BTreeMap::new(),
            attachments: Attachments::default(),
            apps: Makers::new(apps),
            overlay_seed,
            signatures_left: 0,
            datagrams: 0,
            next: 1,
        }
    }

    /// Gives an app a maker of its own, in rooms that open from now on.
    pub(super) fn register_app(&mut self, app: AppWord, make: MakeReplica) {
        self.apps.register(app, make);
    }

    /// The attached members of rooms.
    pub(super) fn attachments(&self) -> &Attachments {
        &self.attachments
    }

    /// The LINK of a room allows us to write from now on.
    pub(super) fn set_edit_seed(&mut self, handle: RoomHandle, seed: EditSeed) {
        if let Some(entry) = self.rooms.get_mut(&handle) {
            entry.set_edit_seed(seed);
        }
    }

    /// A further LINK of the room has these secrets. Its edit seed counts if it is in force, or if we have none.
    pub(super) fn offer_secrets(&mut self, handle: RoomHandle, offered: &Secrets) {
        let Some(entry) = self.rooms.get_mut(&handle) else { return };
        let Some(own) = entry.secrets.as_mut().filter(|own| own.secret == offered.secret) else { return };
        own.renewed = offered.renewed.or(own.renewed);
        if let (Some(room), Some(renewed)) = (&mut entry.room, offered.renewed) {
            room.kept_mut().hold_secret(renewed);
        }
        let Some(seed) = offered.edit_seed else { return };
        let writers = entry.room.as_ref().map(|room| &room.kept().records().terms().writers);
        let is_in_force = writers.is_some_and(|writers| *writers == Writers::Admitted(Some(seed.key())));
        if is_in_force || own.edit_seed.is_none() {
            entry.set_edit_seed(seed);
        }
    }

    /// The attached members of rooms, for changes.
    pub(super) fn attachments_mut(&mut self) -> &mut Attachments {
        &mut self.attachments
    }

    pub(super) fn count(&self) -> usize {
        self.rooms.len()
    }

    pub(super) fn handles(&self) -> Vec<RoomHandle> {
        self.rooms.keys().copied().collect()
    }

    pub(super) fn get(&self, handle: RoomHandle) -> Option<&Entry> {
        self.rooms.get(&handle).map(Box::as_ref)
    }

    /// A room whose genesis is known.
    pub(super) fn room(&self, handle: RoomHandle) -> Option<&Room> {
        self.rooms.get(&handle)?.room.as_ref()
    }

    /// A room whose genesis is known, for changes, and its present moment.
    pub(super) fn room_mut(&mut self, own: &Own, handle: RoomHandle) -> Option<(&mut Room, Now)> {
        self.rooms.get_mut(&handle)?.open(own)
    }

    /// The same for a command of the application.
    ///
    /// # Errors
    /// [`CommandError::NoSuchRoom`], [`CommandError::NotOpen`].
    pub(super) fn open(&mut self, own: &Own, handle: RoomHandle) -> Result<(&mut Room, Now), CommandError> {
        let entry = self.rooms.get_mut(&handle).ok_or(CommandError::NoSuchRoom(handle))?;
        entry.open(own).ok_or(CommandError::NotOpen)
    }

    /// Rooms whose genesis is known.
    pub(super) fn rooms(&self) -> impl Iterator<Item = &Room> {
        self.rooms.values().filter_map(|entry| entry.room.as_ref())
    }

    fn rooms_mut(&mut self) -> impl Iterator<Item = &mut Room> {
        self.rooms.values_mut().filter_map(|entry| entry.room.as_mut())
    }

    /// The room with this id, open or sought.
    pub(super) fn with_id(&self, id: RoomId) -> Option<RoomHandle> {
        self.rooms.iter().find(|(_, entry)| entry.id() == Some(id)).map(|(&handle, _)| handle)
    }

    /// Enters a new or sought room.
    ///
    /// # Errors
    /// [`CommandError::TooManyRooms`].
    pub(super) fn insert(
        &mut self,
        wanted_code: Option<Code>,
        wanted_room: Option<RoomId>,
        secrets: Option<Secrets>,
        app: Option<AppWord>,
    ) -> Result<RoomHandle, CommandError> {
        if self.rooms.len() >= ROOMS_MAX {
            return Err(CommandError::TooManyRooms(ROOMS_MAX));
        }
        let handle = RoomHandle(self.next);
        self.next += 1;
        let entry = Entry {
            wanted_code,
            wanted_room,
            secrets,
            app,
            room: None,
            presence: Presence::default(),
            sketch: Sketch::default(),
            told_apart: BTreeMap::new(),
            full: BTreeSet::new(),
            full_since: None,
            is_new: false,
        };
        self.rooms.insert(handle, Box::new(entry));
        Ok(handle)
    }

    /// Forgets a room that was left, or all of them.
    pub(super) fn remove(&mut self, handle: RoomHandle) {
        self.rooms.remove(&handle);
    }

    pub(super) fn clear(&mut self) {
        self.rooms.clear();
        self.attachments.clear();
    }

    /// A room was made here, and no server knows it.
    pub(super) fn set_new(&mut self, handle: RoomHandle) {
        if let Some(entry) = self.rooms.get_mut(&handle) {
            entry.is_new = true;
        }
    }

    /// Whether a room was made here and no server knew it until now.
    pub(super) fn take_new(&mut self, handle: RoomHandle) -> bool {
        self.rooms.get_mut(&handle).is_some_and(|entry| core::mem::take(&mut entry.is_new))
    }

    /// Opens a room whose genesis is known and checked, if its secret is known.
    pub(super) fn open_room(
        &mut self,
        own: &mut Own,
        handle: RoomHandle,
        genesis: Genesis,
        bytes: Vec<u8>,
        id: RoomId,
    ) -> Result<(), RoomRefusal> {
        let Some(entry) = self.rooms.get_mut(&handle) else { return Ok(()) };
        match (genesis.commitment(), entry.secret()) {
            (None, _) => entry.secrets = None,
            (Some(_), None) => return Err(RoomRefusal::SecretMissing),
            (Some(commitment), Some(secret)) if secret.commitment() != commitment => {
                return Err(RoomRefusal::SecretWrong);
            }
            (Some(_), Some(_)) => {}
        }
        let mut room = Room::new(handle, id, genesis, bytes, self.apps.clone(), own.me, &own.config);
        room.set_signer(own.identity.clone());
        let seed = *blake3::keyed_hash(&self.overlay_seed, &id.0).as_bytes();
        room.membership_mut().set_own(Introduction::from(&own.announcement), seed);
        room.membership_mut().set_most(own.config.links_most);
        if let Some(Secrets { renewed, edit_seed, .. }) = entry.secrets {
            edit_seed.iter().for_each(|seed| room.kept_mut().admit_self(seed));
            renewed.into_iter().for_each(|secret| room.kept_mut().hold_secret(secret));
        }
        entry.room = Some(room);
        own.event(Event::RoomOpened { room: handle, id });
        Ok(())
    }

    /// Stores the genesis of a newly opened room that was not restored.
    pub(super) fn store_genesis(&mut self, own: &Own, handle: RoomHandle) {
        if let Some((room, now)) = self.room_mut(own, handle) {
            room.handle_opened(now);
        }
    }

    /// Opens a room by a received genesis, unless it is open.
    pub(super) fn open_found(
        &mut self,
        own: &mut Own,
        handle: RoomHandle,
        room: RoomId,
        bytes: &[u8],
    ) -> Result<(), RoomRefusal> {
        let Some(entry) = self.rooms.get(&handle) else { return Ok(()) };
        if entry.room.is_some() {
            return Ok(());
        }
        let (genesis, id) = Genesis::decode(bytes).map_err(|error| {
            of_another_version(&error).unwrap_or_else(|| RoomRefusal::WrongRoom(error.to_string()))
        })?;
        if id != room || entry.wanted_room.is_some_and(|wanted| wanted != id) {
            return Err(RoomRefusal::WrongRoom(format!("its id is {id}")));
        }
        self.open_room(own, handle, genesis, bytes.to_vec(), id)?;
        self.store_genesis(own, handle);
        Ok(())
    }

    /// The most links that this endpoint keeps.
    pub(super) fn set_links_most(&mut self, most: usize) {
        self.rooms_mut().for_each(|room| room.membership_mut().set_most(most));
    }

    /// Takes each room's time from the clocks of its members and servers. `servers` returns those of its servers in
    /// microseconds ahead of our own, and the least one, also of a server that is away. `named_nearby` returns the members that
    /// the local network names, in a room that is found there alone. Returns the reports.
    pub(super) fn vote_on_time(
        &mut self,
        own: &Own,
        links: &Links,
        servers: impl Fn(RoomHandle) -> (Vec<i64>, Option<i64>),
        named_nearby: impl Fn(RoomHandle) -> Option<BTreeSet<Endpoint>>,
    ) -> Vec<Event> {
        let mut told = Vec::new();
        for (&handle, entry) in &mut self.rooms {
            let Some(room) = &mut entry.room else { continue };
            let named = named_nearby(handle);
            let attached = self.attachments.iter().filter(|(_, one)| one.is_attached(handle));
            let voters = attached.filter_map(|(endpoint, _)| {
                let link = links.of(endpoint)?;
                let is_named = named.as_ref().is_some_and(|named| named.contains(&endpoint));
                let address = link.path().address.filter(|ip| is_named && Reach::of(*ip) > Reach::Machine);
                Some(Voter { endpoint, ahead: own.now.ahead_by(link.remote_wall(own.time())?), address })
            });
            let voters = room_time::once_each(voters);
            let neighbours: Vec<i64> = voters.iter().map(|voter| voter.ahead).collect();
            let nearby: Vec<(IpAddr, i64)> =
                voters.iter().filter_map(|voter| Some((voter.address?, voter.ahead))).collect();
            let (servers, least) = servers(handle);
            let calendar = room.kept_mut().calendar_mut();
            if let Some(ahead) = calendar.set_clocks(&servers, &neighbours, &nearby, least) {
                told.push(Event::RoomTime { room: handle, ahead_ms: ahead / 1000 });
            }
            if named.is_some() {
                let ahead = calendar.ahead();
                told.extend(entry.clocks_apart(handle, &voters, ahead));
            }
        }
        told
    }

    /// Lets overlays do due work.
    pub(super) fn handle_overlay_timeouts(&mut self, own: &Own, links: &Links) {
        let now = own.time();
        let facts = |endpoint: Endpoint| {
            let link = links.of(endpoint);
            LinkFacts { rtt: link.and_then(Link::rtt), stale: link.is_none_or(|link| link.is_stale(now)) }
        };
        for room in self.rooms_mut().filter(|room| room.membership().is_linking_due(now)) {
            room.handle_linking_timeout(room.kept().present(own.now), &facts);
        }
    }

    /// Lets rooms do due work.
    pub(super) fn handle_timeouts(&mut self, own: &Own) {
        self.rooms_mut().for_each(|room| room.handle_timeout(room.kept().present(own.now)));
    }

    /// The next due time about rooms.
    pub(super) fn poll_timeout(&self, own: &Own) -> Option<Time> {
        let rooms = self.rooms().filter_map(|room| room.poll_timeout(room.kept().present(own.now)));
        let presence = self.rooms.values().filter_map(|entry| {
            let sparse = entry.room().filter(|room| !room.membership().is_full_mesh());
            let may = |slot| may_be_heard(sparse, own.me, slot);
            entry.presence.poll_timeout().into_iter().chain(entry.presence.poll_passed(may)).min()
        });
        let full = self.rooms.values().filter_map(|entry| entry.full_judged());
        rooms.chain(presence).chain(full).min()
    }

    /// The next output of a room.
    pub(super) fn poll_output(&mut self, handle: RoomHandle) -> Option<RoomOutput> {
        self.rooms.get_mut(&handle)?.room.as_mut()?.poll_output()
    }

    /// A change of a room was stored, or not.
    pub(super) fn handle_persisted(&mut self, own: &Own, token: u64, result: Result<(), String>) {
        let (handle, token) = split_token(token);
        if let Some((room, now)) = self.room_mut(own, handle) {
            room.handle_persisted(now, token, result);
        }
    }

    /// The driver read a part of a room's stored past.
    pub(super) fn handle_history_read(&mut self, own: &Own, token: u64, part: Result<HistoryPart, String>) {
        let (handle, token) = split_token(token);
        if let Some((room, now)) = self.room_mut(own, handle) {
            room.handle_history_read(now, token, part);
        }
    }

    /// The number of signatures that may be checked from here on.
    pub(super) fn set_signatures_left(&mut self, left: usize) {
        self.signatures_left = left;
    }

    /// Verifies queued batches, as many as this call may. Returns whether there was nothing to verify.
    pub(super) fn verify(&mut self, own: &Own) -> bool {
        let mut idle = true;
        let mut waiting = self.rooms().filter(|room| room.has_unverified()).count();
        let mut left = self.signatures_left;
        for room in self.rooms_mut().filter(|room| room.has_unverified()) {
            // A flood in one room leaves the others their share.
            let verified = room.verify(room.kept().present(own.now), left.div_ceil(waiting));
            waiting -= 1;
            left = left.saturating_sub(verified);
            idle &= verified == 0;
        }
        self.signatures_left = left;
        idle
    }

    /// A server names this number of members of a room.
    pub(super) fn handle_sighted(&mut self, own: &Own, handle: RoomHandle, members: usize) {
        if let Some((room, now)) = self.room_mut(own, handle) {
            room.handle_sighted(now, members);
        }
    }

    /// A wanted link cannot be made at present.
    pub(super) fn handle_unreachable(&mut self, own: &Own, handle: RoomHandle, endpoint: Endpoint) {
        if let Some((room, now)) = self.room_mut(own, handle) {
            room.handle_unreachable(now, endpoint);
        }
    }

    /// An attempt failed: every room that sought this endpoint searches another.
    pub(super) fn handle_unreachable_everywhere(&mut self, own: &Own, endpoint: Endpoint) {
        self.rooms_mut().for_each(|room| room.handle_unreachable(room.kept().present(own.now), endpoint));
    }

    /// An endpoint broke the protocol, and is no longer linked.
    pub(super) fn handle_shut_out(&mut self, endpoint: Endpoint) {
        self.rooms_mut().for_each(|room| room.handle_shut_out(endpoint));
    }

    /// Whether a room's overlay links to every known member; true until its genesis is known.
    pub(super) fn links_everybody(&self, handle: RoomHandle) -> bool {
        self.room(handle).is_none_or(|room| room.membership().is_full_mesh())
    }

    /// Whether an open room's overlay chooses its links.
    pub(super) fn is_sparse(&self, handle: RoomHandle) -> bool {
        self.room(handle).is_some_and(|room| !room.membership().is_full_mesh())
    }

    /// Whether an open room has space for an endpoint.
    pub(super) fn admits(&self, handle: RoomHandle, endpoint: Endpoint) -> bool {
        self.room(handle).is_some_and(|room| room.membership().admits(endpoint))
    }

    /// A member refuses us as full: [`Rooms::judge_full`] decides later, when others may have admitted us.
    pub(super) fn handle_full(&mut self, own: &Own, handle: RoomHandle, from: Endpoint) {
        let Some(entry) = self.rooms.get_mut(&handle) else { return };
        if entry.full.len() < FULL_SAYERS && entry.full.insert(from) && entry.full.len() == FULL_SAYERS {
            entry.full_since = Some(own.time());
        }
    }

    /// Full rooms, which cannot be entered. A full mesh is full if enough members refuse us and nobody has admitted us
    /// after a while; in a sparse overlay another member soon has space.
    pub(super) fn judge_full(&mut self, own: &Own) -> Vec<(RoomHandle, RoomRefusal)> {
        let is_due = |entry: &Entry| entry.full_judged().is_some_and(|at| at <= own.time());
        let due: Vec<RoomHandle> =
            self.rooms.iter().filter(|(_, entry)| is_due(entry)).map(|(&handle, _)| handle).collect();
        // A program that slept may have lost its admitting member since then.
        let is_late = |room: &RoomHandle| {
            let judged = self.rooms.get(room).and_then(|entry| entry.full_judged());
            judged.is_some_and(|at| at + FULL_AFTER <= own.time())
        };
        let (entered, full): (Vec<RoomHandle>, _) =
            due.into_iter().partition(|room| self.attachments.has_attached(*room) || is_late(room));
        for handle in entered {
            let Some(entry) = self.rooms.get_mut(&handle) else { continue };
            entry.full.clear();
            entry.full_since = None;
        }
        let detail = || RoomRefusal::Full(format!("{FULL_SAYERS} of its members say so"));
        full.into_iter().map(|handle| (handle, detail())).collect()
    }
}

/// The refusal of a room of another version; `None` if its genesis is wrong otherwise.
pub(super) fn of_another_version(error: &GenesisError) -> Option<RoomRefusal> {
    match error {
        GenesisError::First => Some(RoomRefusal::First),
        GenesisError::Later(format) => Some(RoomRefusal::Version(*format)),
        _ => None,
    }
}

/// Tokens are counted by room; the driver sees one number.
pub(super) fn persist_token(handle: RoomHandle, token: u64) -> u64 {
    u64::from(handle.0) << 40 | token & ((1 << 40) - 1)
}

fn split_token(token: u64) -> (RoomHandle, u64) {
    (RoomHandle((token >> 40) as u32), token & ((1 << 40) - 1))
}
