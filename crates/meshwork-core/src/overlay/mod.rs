//! Overlays: which endpoints of a room keep links to which, and along which links a batch travels.
//!
//! # Problem
//! Everybody must hear everything, with few links and few copies, although some pairs cannot link, members come
//! and go, and nobody knows them all.
//!
//! # How it works
//! A room's record makes a [`Choice`](crate::seam::choice::Choice). [`full_mesh`] links all to all; [`sparse`] overlays keep
//! some links each: [`views`] finds members, keeps the number of links and replaces lost ones, [`trees`] carries
//! batches in full along few links and as names along the others, [`branches`] gives everybody a parent.
//! docs/protocol/overlay.md has the messages. [`maker`] makes an overlay of each kind.
//!
//! # Driving it
//! The room tells an overlay who is attached, what they say, whom the node heard of and how links do, and gives it
//! the time; the overlay answers to whom a batch goes, whom to admit, and says in its outputs whom to seek, whom to
//! drop and what to send. It sends nothing itself.
//!
//! # Invariants
//! - Overlays of different kinds get on with each other, so that a room can change while everybody writes.
//! - What broadcast misses, comparison of replicas between neighbours brings: no overlay needs to be perfect.
//!
//! # Limits
//! Every table has its own; [`size`] has the numbers of links.

pub mod branches;
pub mod count;
pub mod full_mesh;
pub mod maker;
pub mod message;
pub mod nearness;
pub mod size;
pub mod sketch;
pub mod sparse;
pub mod trees;
pub mod views;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use self::message::{OverlayMessage, Tag};
use crate::clock::Stamp;
use crate::id::Endpoint;
use crate::signalling::announce::Introduction;
use crate::signed::batch::BatchKey;
use crate::signed::batch::SignedBatch;
use crate::time::{Now, Time};

/// What is to become of an overlay's decisions.
#[derive(Clone, Debug, PartialEq)]
pub enum OverlayOutput {
    /// To be said to a neighbour.
    Send(Endpoint, OverlayMessage),
    /// A batch to be sent to a neighbour that lacks it.
    Batch(Endpoint, SignedBatch),
    /// A link to this member is wanted. The route, where there is one, begins with a neighbour's tag.
    Seek(Introduction, Vec<Tag>),
    /// It is wanted no longer: attempts may end.
    Unseek(Endpoint),
    /// This neighbour is to be detached, for this reason.
    Drop(Endpoint, &'static str),
    /// A neighbour did something that the person may want to know of.
    Refused(Endpoint, String),
}

/// A member that somebody named.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Who.
    pub introduction: Introduction,
    /// The neighbour that named it; `None` when a server did, or it came by itself.
    pub introducer: Option<Endpoint>,
    /// How to reach it; empty when there is only the server.
    pub route: Vec<Tag>,
}

/// What the node knows of a neighbour.
#[derive(Clone, Debug, PartialEq)]
pub struct Face {
    /// Its announcement; `None` when it is known by its link alone.
    pub introduction: Option<Introduction>,
    /// Whether its link is of a version that has messages about overlays.
    pub speaks: bool,
}

/// How the link to a neighbour does.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LinkFacts {
    /// Smoothed round-trip time.
    pub rtt: Option<Duration>,
    /// Whether it has been silent for so long that another should take its place.
    pub stale: bool,
}

/// What an overlay is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Everybody links to everybody.
    FullMesh,
    /// Mutual random links, all of which carry everything, for so many nines.
    KGossip(u8),
    /// Parents and children over views.
    Tree,
    /// Views with near and far links, and broadcast trees.
    Emergent,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::FullMesh => f.write_str("full mesh"),
            Kind::KGossip(nines) => write!(f, "k-gossip with {nines} nines"),
            Kind::Tree => f.write_str("tree"),
            Kind::Emergent => f.write_str("emergent"),
        }
    }
}

/// A neighbour as an overlay sees it, to be looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct NeighbourView {
    /// Who.
    pub endpoint: Endpoint,
    /// Since when.
    pub since: Time,
    /// Who named it, if a neighbour did.
    pub introducer: Option<Endpoint>,
    /// Whether it is one of the oldest, which are never given up.
    pub pinned: bool,
    /// Whether it was chosen at random, and is kept however far it is.
    pub long: bool,
    /// Trees in which it gets batches in full, a bit for each; all of them where there are no trees.
    pub eager: u8,
}

/// Where an endpoint is in a tree, to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BranchView {
    /// The root that it follows.
    pub root: Tag,
    /// Hops to it; `None` while there is no way.
    pub depth: Option<u8>,
    /// Its parent; the root has none.
    pub parent: Option<Endpoint>,
    /// Neighbours that have it for a parent.
    pub children: usize,
}

/// An overlay to be looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct OverlayView {
    /// Which.
    pub kind: Kind,
    /// Members of the room, as far as is known or estimated, this endpoint included.
    pub size: usize,
    /// Links that it aims for and keeps at most.
    pub degree: (usize, usize),
    /// Members that could take a neighbour's place.
    pub passive: usize,
    /// Batches that came live so far, copies included.
    pub received: u64,
    /// Its place in a tree, where it keeps one.
    pub branch: Option<BranchView>,
    /// Its neighbours.
    pub neighbours: Vec<NeighbourView>,
}

impl OverlayView {
    /// Members to whom there is no link, as far as is known: what they say comes through neighbours. An estimate where
    /// [`is_estimate`](Self::is_estimate) says so; who left is counted for up to two minutes.
    pub fn beyond(&self) -> usize {
        self.size.saturating_sub(1 + self.neighbours.len())
    }

    /// Whether the room is so large that its size is reckoned from samples.
    pub fn is_estimate(&self) -> bool {
        self.size >= message::LEAST_MAX
    }
}

/// The shape of a room's network, as one of its endpoints sees it.
///
/// It shows itself by name alone: all of it would put the code to show it into every program.
pub trait Overlay: Send {
    /// What it is.
    fn kind(&self) -> Kind;
    /// Whether there is a place in the room for `endpoint`; always true for one that is attached.
    fn admits(&self, endpoint: Endpoint) -> bool;
    /// Whether this endpoint should have a link to `endpoint`.
    fn wants_link(&self, endpoint: Endpoint) -> bool;
    /// How many links this endpoint keeps at most from here on, where that is for it to say.
    fn set_most(&mut self, _most: usize) {}
    /// `endpoint` is attached to the room over a link of ours.
    fn handle_attached(&mut self, now: Now, endpoint: Endpoint, face: Face);
    /// `endpoint` is no longer attached over a link of ours.
    fn handle_detached(&mut self, now: Now, endpoint: Endpoint);
    /// `from` says to whom it is attached.
    fn handle_links(&mut self, _from: Endpoint, _links: Vec<Endpoint>) {}
    /// Somebody named a member.
    fn handle_candidate(&mut self, _now: Now, _candidate: Candidate) {}
    /// This member has no access to the room by the records here, or takes us for somebody without. It is told before the member is
    /// said to be detached, where it was attached.
    fn handle_shut_out(&mut self, _now: Now, _endpoint: Endpoint) {}
    /// No link to this member can be made at present.
    fn handle_unreachable(&mut self, _now: Now, _endpoint: Endpoint) {}
    /// A neighbour says something about the overlay.
    fn handle_message(&mut self, now: Now, from: Endpoint, message: OverlayMessage);
    /// `from` sent a batch that was here already.
    fn handle_duplicate(&mut self, _key: &BatchKey, _from: Endpoint) {}
    /// A batch arrived, which may or may not count.
    fn handle_arrived(&mut self, _key: &BatchKey) {}
    /// A batch was taken in, or decided about, that is not to be passed on.
    fn handle_known(&mut self, _now: Now, _batch: &SignedBatch) {}
    /// The stamp from `stamp` on for what we write next: its lowest bits may say which way it travels.
    fn stamped(&self, stamp: Stamp) -> Stamp {
        stamp
    }
    /// To whom to pass a new batch heard from `from`; `None` when it is our own.
    fn targets(&mut self, now: Now, batch: &SignedBatch, from: Option<Endpoint>) -> Vec<Endpoint>;
    /// To whom to pass something that may be lost and travels as a batch of this author and stamp would; nobody is told its
    /// name.
    fn ways(&self, author: Endpoint, _stamp: Stamp, from: Option<Endpoint>) -> Vec<Endpoint> {
        self.neighbours().into_iter().filter(|one| Some(*one) != from && *one != author).collect()
    }
    /// To whom this endpoint is attached.
    fn neighbours(&self) -> Vec<Endpoint>;
    /// How many are in the room, as far as is known or estimated, this endpoint included.
    fn size(&self) -> usize;
    /// How it looks.
    fn view(&self) -> OverlayView;
    /// Does what is due. `facts` tells how the link to a neighbour does.
    fn handle_timeout(&mut self, _now: Now, _facts: &dyn Fn(Endpoint) -> LinkFacts) {}
    /// When [`Overlay::handle_timeout`] has something to do.
    fn poll_timeout(&self) -> Option<Time> {
        None
    }
    /// What is to be sent, sought or dropped.
    fn poll_output(&mut self) -> Option<OverlayOutput> {
        None
    }
}

impl fmt::Debug for dyn Overlay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Overlay").field(&self.kind()).finish()
    }
}
