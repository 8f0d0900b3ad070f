//! A room's overlay: which one it is, who is linked by it, and what it wants done.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use super::{Room, RoomOutput};
use crate::id::Endpoint;
use crate::overlay::choice::Choice;
use crate::overlay::full_mesh::FullMesh;
use crate::overlay::maker::{Basis, Maker};
use crate::overlay::message::OverlayMessage;
use crate::overlay::size::{EMERGENT_DEGREE, FULL_MESH_AUTO_LEAST, FULL_MESH_AUTO_MAX};
use crate::overlay::{Candidate, Face, Kind, LinkFacts, Overlay, OverlayOutput, OverlayView};
use crate::rng::Seed;
use crate::room::message::{Links, RoomMessage};
use crate::seam::config::ROOM_ENDPOINTS_MAX;
use crate::seam::event::Refusal;
use crate::signalling::announce::Introduction;
use crate::time::{Now, Time};
use crate::wire::{Bounded, Bytes};

/// How long a room must have been small before `auto` makes a full mesh of it: two counts.
const SMALL_FOR: Duration = Duration::from_secs(120);
/// Members that somebody names at once beyond which `auto` needs no link to see that a room is large: twice what a
/// full mesh has then, so that a server that invents some changes nothing.
const SIGHTED_MAX: usize = 2 * FULL_MESH_AUTO_MAX;

/// What a room remembers about its overlay.
#[derive(Debug)]
pub(super) struct Linking {
    pub(super) overlay: Box<dyn Overlay>,
    /// What others need to seek us, and where chance comes from; without them there is a full mesh.
    own: Option<(Introduction, Seed)>,
    /// What makes overlays; without it there is a full mesh.
    maker: Option<Maker>,
    /// Overlays made so far: each has a chance of its own.
    made: u64,
    /// What the node knows of attached members.
    faces: BTreeMap<Endpoint, Face>,
    /// Links of an emergent overlay at most.
    most: usize,
    small_since: Option<Time>,
    /// Members that were named at once.
    sighted: usize,
    /// Batches that came live, copies included.
    pub(super) received: u64,
}

impl Linking {
    pub(super) fn new(me: Endpoint) -> Linking {
        Linking {
            overlay: Box::new(FullMesh::new(me)),
            own: None,
            maker: None,
            made: 0,
            faces: BTreeMap::new(),
            most: EMERGENT_DEGREE.1,
            small_since: None,
            sighted: 0,
            received: 0,
        }
    }

    fn make(&mut self, kind: Kind) -> Option<Box<dyn Overlay>> {
        let (own, seed) = self.own.clone()?;
        let make = self.maker?;
        self.made += 1;
        let seed =
            *blake3::Hasher::new().update(&seed).update(&self.made.to_le_bytes()).finalize().as_bytes();
        Some(make(kind, Basis { own, most: self.most, seed }))
    }

    fn face(&self, endpoint: Endpoint) -> Face {
        self.faces.get(&endpoint).cloned().unwrap_or(Face { introduction: None, speaks: false })
    }
}

impl Room {
    /// What others need to seek this endpoint, a seed of its own for the room's overlays, and what makes them if that
    /// is here.
    pub fn set_own(&mut self, own: Introduction, seed: Seed, maker: Option<Maker>) {
        self.linking.own = Some((own, seed));
        self.linking.maker = maker;
    }

    /// What makes overlays is here.
    pub fn set_maker(&mut self, now: Now, maker: Maker) {
        self.linking.maker = Some(maker);
        self.choose_overlay(now);
        self.finish(now);
    }

    /// How many links this endpoint keeps at most where members keep some each.
    pub fn set_links_most(&mut self, most: usize) {
        self.linking.most = most;
        self.linking.overlay.set_most(most);
    }

    /// Whether there is a place for `endpoint`.
    pub fn admits(&self, endpoint: Endpoint) -> bool {
        self.linking.overlay.admits(endpoint)
    }

    /// Whether the overlay wants a link to `endpoint`.
    pub fn wants_link(&self, endpoint: Endpoint) -> bool {
        self.linking.overlay.wants_link(endpoint)
    }

    /// Whether everybody who is known is linked to.
    pub fn is_full_mesh(&self) -> bool {
        self.linking.overlay.kind() == Kind::FullMesh
    }

    /// How the overlay looks.
    pub fn overlay(&self) -> OverlayView {
        OverlayView { received: self.linking.received, ..self.linking.overlay.view() }
    }

    /// Which overlay the room's record asks for.
    pub fn overlay_choice(&self) -> Choice {
        Choice::of_record(self.law.rules().overlay.as_str())
    }

    /// What the node knows of a member that is about to be attached.
    pub fn handle_face(&mut self, endpoint: Endpoint, face: Face) {
        self.linking.faces.insert(endpoint, face);
    }

    /// Somebody names so many members at once.
    pub fn handle_sighted(&mut self, now: Now, members: usize) {
        self.linking.sighted = self.linking.sighted.max(members);
        self.choose_overlay(now);
        self.finish(now);
    }

    /// Somebody named a member.
    pub fn handle_candidate(&mut self, now: Now, candidate: Candidate) {
        self.linking.overlay.handle_candidate(now, candidate);
        self.finish(now);
    }

    /// No link to a member can be made at present.
    pub fn handle_unreachable(&mut self, now: Now, endpoint: Endpoint) {
        self.linking.overlay.handle_unreachable(now, endpoint);
        self.finish(now);
    }

    /// Whether [`Room::handle_linking_timeout`] has something to do.
    pub fn is_linking_due(&self, now: Time) -> bool {
        self.linking.overlay.poll_timeout().is_some_and(|at| at <= now)
    }

    /// Does what is due about links. `facts` tells how the link to a neighbour does.
    pub fn handle_linking_timeout(&mut self, now: Now, facts: &dyn Fn(Endpoint) -> LinkFacts) {
        self.linking.overlay.handle_timeout(now, facts);
        self.choose_overlay(now);
        self.finish(now);
    }

    /// Makes the overlay that the room's record asks for, if it is not this one. Links stay; the new one decides
    /// which of them it gives up in time.
    pub(super) fn choose_overlay(&mut self, now: Now) {
        let before = self.linking.overlay.kind();
        let kind = match self.overlay_choice() {
            Choice::FullMesh => Kind::FullMesh,
            Choice::KGossip { nines } => Kind::KGossip(nines),
            Choice::Tree => Kind::Tree,
            Choice::Emergent => Kind::Emergent,
            Choice::Auto => self.fitting(now.time, before),
        };
        if kind == before {
            return;
        }
        let Some(overlay) = self.linking.make(kind) else { return };
        self.finish_linking();
        if before == Kind::FullMesh {
            // Who still is one passes everything on to us from here on, whatever we said before.
            self.say_links(Vec::new());
        }
        self.linking.overlay = overlay;
        for &endpoint in self.members.keys() {
            let face = self.linking.face(endpoint);
            self.linking.overlay.handle_attached(now, endpoint, face);
        }
        self.tell_links_at = Some(now.time);
        self.outputs.push_back(RoomOutput::Relink);
    }

    /// What fits the room's size.
    fn fitting(&mut self, now: Time, before: Kind) -> Kind {
        let size = self.linking.overlay.size();
        if before == Kind::FullMesh {
            self.linking.small_since = None;
            let large = size > FULL_MESH_AUTO_MAX || self.linking.sighted > SIGHTED_MAX;
            return if large { Kind::Emergent } else { Kind::FullMesh };
        }
        if size > FULL_MESH_AUTO_LEAST {
            self.linking.small_since = None;
        } else if now.since(*self.linking.small_since.get_or_insert(now)) >= SMALL_FOR {
            self.linking.sighted = 0;
            return Kind::FullMesh;
        }
        Kind::Emergent
    }

    pub(super) fn link_attached(&mut self, now: Now, endpoint: Endpoint) {
        let face = self.linking.face(endpoint);
        if !face.speaks && !self.is_full_mesh() {
            let detail = alloc::string::String::from(
                "it speaks an older version that knows full mesh alone: everything is sent to it in full",
            );
            self.outputs.push_back(RoomOutput::Refused(endpoint, Refusal::Version, detail));
        }
        self.linking.overlay.handle_attached(now, endpoint, face);
        self.choose_overlay(now);
    }

    pub(super) fn link_detached(&mut self, now: Now, endpoint: Endpoint) {
        self.linking.faces.remove(&endpoint);
        self.linking.overlay.handle_detached(now, endpoint);
    }

    pub(super) fn handle_overlay(&mut self, now: Now, from: Endpoint, message: OverlayMessage) {
        if self.members.contains_key(&from) {
            self.linking.overlay.handle_message(now, from, message);
            self.choose_overlay(now);
        }
    }

    /// Tells neighbours to whom we are attached, where somebody needs to know.
    pub(super) fn tell_links(&mut self) {
        if self.is_full_mesh() {
            self.say_links(self.linking.overlay.neighbours());
        }
    }

    fn say_links(&mut self, mut links: Vec<Endpoint>) {
        let neighbours = self.linking.overlay.neighbours();
        // A room that was larger before may have more of them for a while.
        links.truncate(ROOM_ENDPOINTS_MAX);
        let endpoints = Bounded::new(links).expect("just cut to the most");
        let links = RoomMessage::Links(Links { endpoints });
        self.outputs.extend(neighbours.into_iter().map(|to| RoomOutput::Send(to, links.clone())));
    }

    /// Takes over what the overlay wants done.
    pub(super) fn finish_linking(&mut self) {
        while let Some(output) = self.linking.overlay.poll_output() {
            self.outputs.push_back(match output {
                OverlayOutput::Send(to, message) => RoomOutput::Send(to, RoomMessage::Overlay(message)),
                OverlayOutput::Batch(to, batch) => {
                    let bytes =
                        Bytes::new(batch.bytes().to_vec()).expect("a signed batch is within its limit");
                    RoomOutput::Send(to, RoomMessage::Batch(bytes))
                }
                OverlayOutput::Seek(introduction, route) => RoomOutput::Seek(introduction, route),
                OverlayOutput::Unseek(endpoint) => RoomOutput::Unseek(endpoint),
                OverlayOutput::Drop(endpoint, why) => RoomOutput::Drop(endpoint, why),
                OverlayOutput::Refused(endpoint, detail) => {
                    RoomOutput::Refused(endpoint, Refusal::Overlay, detail)
                }
            });
        }
    }
}
