//! The attached members of a room, and the overlay that chooses links.
//!
//! # How it works
//! [`Membership`] keeps the members and one overlay. It makes another overlay when the room's records or
//! its size require one: links stay, and the new overlay decides which it gives up in time. In a full mesh it sends
//! neighbours the list of our links, a moment after a change.
//!
//! # Driving it
//! The room sends urgent messages at once ([`Membership::poll_said`]), and carries out the overlay's wishes when all
//! else is done ([`Membership::poll_output`]).

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::message::{Neighbours, RoomMessage};
use super::outputs::RoomOutput;
use crate::id::Endpoint;
use crate::links::message::Attach;
use crate::overlay::full_mesh::FullMesh;
use crate::overlay::maker::{self, Basis};
use crate::overlay::message::OverlayMessage;
use crate::overlay::size::{EMERGENT_DEGREE, FULL_MESH_AUTO_LEAST, FULL_MESH_AUTO_MAX};
use crate::overlay::{Face, Kind, Overlay, OverlayOutput, OverlayView};
use crate::rng::Seed;
use crate::seam::choice::Choice;
use crate::seam::config::ROOM_ENDPOINTS_MAX;
use crate::seam::event::Refusal;
use crate::signalling::announce::Introduction;
use crate::text::shown;
use crate::time::{Now, Time};
use crate::wire::{Bounded, Bytes};

/// How long changes of our links rest before neighbours receive them.
const LINKS_QUIET: Duration = Duration::from_millis(100);
/// How long a room must have been small before `auto` makes a full mesh of it: two counts.
const SMALL_FOR: Duration = Duration::from_secs(120);
/// Number of members named at once beyond which `auto` considers a room large without a link: twice the members of
/// an automatic full mesh, so that a server that invents some changes nothing.
const SIGHTED_MAX: usize = 2 * FULL_MESH_AUTO_MAX;

/// The facts about an attached member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Whether it stays and acknowledges.
    pub stays: bool,
    /// Whether it stores.
    pub stores: bool,
}

impl From<&Attach> for Member {
    fn from(attach: &Attach) -> Member {
        Member { name: shown(&attach.name), stays: attach.stays, stores: attach.stores }
    }
}

/// The members of a room and its overlay.
#[derive(Debug)]
pub struct Membership {
    members: BTreeMap<Endpoint, Member>,
    overlay: Box<dyn Overlay>,
    /// Our introduction, for members that search us, and the seed of chance; without them there is a full mesh.
    own: Option<(Introduction, Seed)>,
    /// Overlays made so far: each has a seed of its own.
    made: u64,
    /// The node's facts about attached members.
    faces: BTreeMap<Endpoint, Face>,
    /// Most links of an emergent overlay.
    most: usize,
    small_since: Option<Time>,
    /// Members named at once.
    sighted: usize,
    /// Live batches received, copies included.
    received: u64,
    /// The time to send neighbours the list of our links.
    tell_at: Option<Time>,
    said: VecDeque<RoomOutput>,
}

impl Membership {
    /// Nobody is attached; the overlay is a full mesh.
    pub(super) fn new(me: Endpoint) -> Membership {
        Membership {
            members: BTreeMap::new(),
            overlay: Box::new(FullMesh::new(me)),
            own: None,
            made: 0,
            faces: BTreeMap::new(),
            most: EMERGENT_DEGREE.1,
            small_since: None,
            sighted: 0,
            received: 0,
            tell_at: None,
            said: VecDeque::new(),
        }
    }

    /// Sets the introduction of this endpoint and a seed for the overlays of this room.
    pub fn set_own(&mut self, own: Introduction, seed: Seed) {
        self.own = Some((own, seed));
    }

    /// The most links that this endpoint keeps in a sparse overlay.
    pub fn set_most(&mut self, most: usize) {
        self.most = most;
        self.overlay.set_most(most);
    }

    /// The attached members.
    pub(super) fn members(&self) -> &BTreeMap<Endpoint, Member> {
        &self.members
    }

    /// The facts about an attached member.
    pub fn member(&self, endpoint: Endpoint) -> Option<&Member> {
        self.members.get(&endpoint)
    }

    /// Whether there is space for `endpoint`.
    pub fn admits(&self, endpoint: Endpoint) -> bool {
        self.overlay.admits(endpoint)
    }

    /// Whether the overlay wants a link to `endpoint`.
    pub fn wants_link(&self, endpoint: Endpoint) -> bool {
        self.overlay.wants_link(endpoint)
    }

    /// Whether [`Room::handle_linking_timeout`](super::Room::handle_linking_timeout) has work.
    pub fn is_linking_due(&self, now: Time) -> bool {
        self.overlay.poll_timeout().is_some_and(|at| at <= now)
    }

    /// Whether this member is attached and stays.
    pub(super) fn stays(&self, endpoint: Endpoint) -> bool {
        self.members.get(&endpoint).is_some_and(|member| member.stays)
    }

    /// Whether an attached member can acknowledge.
    pub(crate) fn somebody_stays(&self) -> bool {
        self.members.values().any(|member| member.stays)
    }

    /// The current overlay.
    pub(super) fn overlay(&self) -> &dyn Overlay {
        &*self.overlay
    }

    /// The overlay, for reports to it.
    pub(super) fn overlay_mut(&mut self) -> &mut dyn Overlay {
        &mut *self.overlay
    }

    /// A member has no access, or considers us without access.
    pub fn handle_shut_out(&mut self, now: Now, endpoint: Endpoint) {
        self.overlay.handle_shut_out(now, endpoint);
    }

    /// Whether every known member is linked.
    pub fn is_full_mesh(&self) -> bool {
        self.overlay.kind() == Kind::FullMesh
    }

    /// The state of the overlay, for display.
    pub fn view(&self) -> OverlayView {
        OverlayView { received: self.received, ..self.overlay.view() }
    }

    /// The node's facts about a member that will be attached.
    pub fn handle_face(&mut self, endpoint: Endpoint, face: Face) {
        self.faces.insert(endpoint, face);
    }

    /// A server or neighbour named this number of members at once.
    pub(super) fn handle_sighted(&mut self, members: usize) {
        self.sighted = self.sighted.max(members);
    }

    /// A member is attached. Returns false if it was already: its facts changed.
    pub(super) fn handle_attached(
        &mut self,
        now: Now,
        endpoint: Endpoint,
        member: Member,
        wanted: Choice,
    ) -> bool {
        if self.members.insert(endpoint, member).is_some() {
            return false;
        }
        let face = self.face(endpoint);
        if !face.speaks && !self.is_full_mesh() {
            let detail =
                "it speaks an older version that knows full mesh alone: everything is sent to it in full";
            self.said.push_back(RoomOutput::Refused(endpoint, Refusal::Version, String::from(detail)));
        }
        self.overlay.handle_attached(now, endpoint, face);
        self.choose(now, wanted);
        self.tell_soon(now);
        true
    }

    /// The facts about a member changed.
    pub fn handle_member(&mut self, endpoint: Endpoint, member: Member) {
        if let Some(known) = self.members.get_mut(&endpoint) {
            *known = member;
        }
    }

    /// Whether the member was attached; removes it.
    pub(super) fn handle_detached(&mut self, endpoint: Endpoint) -> bool {
        self.members.remove(&endpoint).is_some()
    }

    /// A detached member is no neighbour any more.
    pub(super) fn forget_neighbour(&mut self, now: Now, endpoint: Endpoint) {
        self.faces.remove(&endpoint);
        self.overlay.handle_detached(now, endpoint);
    }

    /// Neighbours receive the list of our links in a moment.
    pub(super) fn tell_soon(&mut self, now: Now) {
        self.tell_at = Some(now.time + LINKS_QUIET);
    }

    pub(super) fn handle_message(
        &mut self,
        now: Now,
        from: Endpoint,
        message: OverlayMessage,
        wanted: Choice,
    ) {
        if self.members.contains_key(&from) {
            self.overlay.handle_message(now, from, message);
            self.choose(now, wanted);
        }
    }

    /// A live batch arrived.
    pub(super) fn count_received(&mut self) {
        self.received += 1;
    }

    /// Sends neighbours the list of our links if it is due.
    pub(super) fn handle_timeout(&mut self, now: Time) {
        if self.tell_at.is_some_and(|at| at <= now) {
            self.tell_at = None;
            if self.is_full_mesh() {
                self.say_links(self.overlay.neighbours());
            }
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Time> {
        [self.overlay.poll_timeout(), self.tell_at].into_iter().flatten().min()
    }

    /// Makes the wanted overlay, if it is not the current one.
    pub(super) fn choose(&mut self, now: Now, wanted: Choice) {
        let before = self.overlay.kind();
        let kind = match wanted {
            Choice::FullMesh => Kind::FullMesh,
            Choice::KGossip { nines } => Kind::KGossip(nines),
            Choice::Tree => Kind::Tree,
            Choice::Emergent => Kind::Emergent,
            Choice::Auto => self.fitting(now.time, before),
        };
        if kind == before {
            return;
        }
        let Some(overlay) = self.make(kind) else { return };
        while let Some(output) = self.poll_overlay() {
            self.said.push_back(output);
        }
        if before == Kind::FullMesh {
            // A member that still is a neighbour forwards everything to us from here on, whatever we sent before.
            self.say_links(Vec::new());
        }
        self.overlay = overlay;
        for &endpoint in self.members.keys() {
            let face = self.face(endpoint);
            self.overlay.handle_attached(now, endpoint, face);
        }
        self.tell_at = Some(now.time);
        self.said.push_back(RoomOutput::Relink);
    }

    /// The next urgent message.
    pub(super) fn poll_said(&mut self) -> Option<RoomOutput> {
        self.said.pop_front()
    }

    /// The next message, or wish of the overlay.
    pub(super) fn poll_output(&mut self) -> Option<RoomOutput> {
        self.said.pop_front().or_else(|| self.poll_overlay())
    }

    fn poll_overlay(&mut self) -> Option<RoomOutput> {
        Some(match self.overlay.poll_output()? {
            OverlayOutput::Send(to, message) => RoomOutput::Send(to, RoomMessage::Overlay(message)),
            OverlayOutput::Batch(to, batch) => {
                let bytes = Bytes::new(batch.bytes().to_vec()).expect("a signed batch is within its limit");
                RoomOutput::Send(to, RoomMessage::Batch(bytes))
            }
            OverlayOutput::Seek(introduction, route) => RoomOutput::Seek(introduction, route),
            OverlayOutput::Unseek(endpoint) => RoomOutput::Unseek(endpoint),
            OverlayOutput::Drop(endpoint, why) => RoomOutput::Drop(endpoint, why),
            OverlayOutput::Refused(endpoint, detail) => {
                RoomOutput::Refused(endpoint, Refusal::Overlay, detail)
            }
        })
    }

    fn make(&mut self, kind: Kind) -> Option<Box<dyn Overlay>> {
        let (own, seed) = self.own.clone()?;
        self.made += 1;
        let seed =
            *blake3::Hasher::new().update(&seed).update(&self.made.to_le_bytes()).finalize().as_bytes();
        Some(maker::all(kind, Basis { own, most: self.most, seed }))
    }

    fn face(&self, endpoint: Endpoint) -> Face {
        self.faces.get(&endpoint).cloned().unwrap_or(Face { introduction: None, speaks: false })
    }

    /// The kind of overlay that fits the room's size.
    fn fitting(&mut self, now: Time, before: Kind) -> Kind {
        let size = self.overlay.size();
        if before == Kind::FullMesh {
            self.small_since = None;
            let large = size > FULL_MESH_AUTO_MAX || self.sighted > SIGHTED_MAX;
            return if large { Kind::Emergent } else { Kind::FullMesh };
        }
        if size > FULL_MESH_AUTO_LEAST {
            self.small_since = None;
        } else if now.since(*self.small_since.get_or_insert(now)) >= SMALL_FOR {
            self.sighted = 0;
            return Kind::FullMesh;
        }
        Kind::Emergent
    }

    fn say_links(&mut self, mut links: Vec<Endpoint>) {
        // A room that was larger before may have more for a while.
        links.truncate(ROOM_ENDPOINTS_MAX);
        let endpoints = Bounded::new(links).expect("just cut to the most");
        let links = RoomMessage::Neighbours(Neighbours { endpoints });
        let neighbours = self.overlay.neighbours();
        self.said.extend(neighbours.into_iter().map(|to| RoomOutput::Send(to, links.clone())));
    }
}
