//! Overlays in which everybody keeps some links: k-gossip, tree and emergent.
//!
//! All find members and keep their number of links by [`Views`]. In k-gossip links are random, there are as many as
//! the promised nines need in a room of its size, and all of them carry everything. In the emergent overlay two
//! thirds of twelve links are near, and [`Trees`] carry each batch about once. In a tree there are eight, two thirds of
//! them near, and [`Branches`] say along which ones batches travel in full; names travel along the others.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::branches::Branches;
use super::message::OverlayMessage;
use super::size::{EMERGENT_DEGREE, TREE_DEGREE, most_links, mutual_k};
use super::trees::{Trees, tree_of_batch};
use super::views::{Degree, Views};
use super::{
    BranchView, Candidate, Face, Kind, LinkFacts, NeighbourView, Overlay, OverlayOutput, OverlayView,
};
use crate::clock::Stamp;
use crate::id::Endpoint;
use crate::rng::Seed;
use crate::signalling::announce::Introduction;
use crate::signed::batch::BatchKey;
use crate::signed::batch::SignedBatch;
use crate::time::{Now, Time};

/// The fewest links that k-gossip aims for: a room grows from nothing, and two links are no room.
const K_LEAST: usize = 4;

/// One endpoint's part of a k-gossip, a tree or an emergent overlay.
#[derive(Debug)]
pub struct Sparse {
    kind: Kind,
    views: Views,
    /// The broadcast trees of an emergent overlay, and what lacks to whom in a tree.
    trees: Option<Trees>,
    /// Who is whose parent in a tree.
    branches: Option<Branches>,
    outputs: VecDeque<OverlayOutput>,
}

impl Sparse {
    /// Links for so many nines.
    pub fn k_gossip(me: Introduction, nines: u8, seed: Seed) -> Sparse {
        let degree = k_degree(K_LEAST + 1, nines);
        Sparse {
            kind: Kind::KGossip(nines),
            views: Views::new(me, degree, false, seed),
            trees: None,
            branches: None,
            outputs: VecDeque::new(),
        }
    }

    /// Near and far links, and trees. `most` bounds the links of an endpoint that is weak for now.
    pub fn emergent(me: Introduction, most: usize, seed: Seed) -> Sparse {
        let salt = u64::from_le_bytes(core::array::from_fn(|place| seed[place] ^ 0x5a));
        let trees = Trees::new(&me.endpoint, salt);
        Sparse {
            kind: Kind::Emergent,
            views: Views::new(me, emergent_degree(most), true, seed),
            trees: Some(trees),
            branches: None,
            outputs: VecDeque::new(),
        }
    }

    /// Parents and children. `most` bounds the links of an endpoint that is weak for now, which is no root then.
    pub fn tree(me: Introduction, most: usize, seed: Seed) -> Sparse {
        let degree = degree_within(TREE_DEGREE, most);
        let branches = Branches::new(&me.endpoint, degree.most as u8);
        let emergent = Sparse::emergent(me.clone(), most, seed);
        Sparse {
            kind: Kind::Tree,
            views: Views::new(me, degree, true, seed),
            branches: Some(branches),
            ..emergent
        }
    }

    /// Says what is new about branches, and lets batches travel along them.
    fn follow_branches(&mut self) {
        let (Some(branches), Some(trees)) = (&mut self.branches, &mut self.trees) else { return };
        for (to, branch) in branches.take_news() {
            self.outputs.push_back(OverlayOutput::Send(to, OverlayMessage::Branch(branch)));
        }
        for endpoint in self.views.neighbours() {
            if let Some(is_branch) = branches.is_branch(endpoint) {
                trees.shape(endpoint, is_branch);
            }
        }
    }
}

/// The degree of an emergent overlay of which one endpoint keeps at most `most` links.
pub fn emergent_degree(most: usize) -> Degree {
    degree_within(EMERGENT_DEGREE, most)
}

fn degree_within((target, upper): (usize, usize), most: usize) -> Degree {
    let most = most.clamp(4, upper);
    Degree { target: target.min(most * 3 / 4), most }
}

fn k_degree(size: usize, nines: u8) -> Degree {
    let target = mutual_k(size, nines).max(K_LEAST);
    Degree { target, most: most_links(target) }
}

impl Overlay for Sparse {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn admits(&self, endpoint: Endpoint) -> bool {
        self.views.admits(endpoint)
    }

    fn wants_link(&self, endpoint: Endpoint) -> bool {
        self.views.wants_link(endpoint)
    }

    fn set_most(&mut self, most: usize) {
        match self.kind {
            Kind::Tree => self.views.set_degree(degree_within(TREE_DEGREE, most)),
            Kind::Emergent => self.views.set_degree(emergent_degree(most)),
            // What was promised needs them all.
            _ => {}
        }
        if let Some(branches) = &mut self.branches {
            branches.set_weight(self.views.degree().most as u8);
        }
    }

    fn handle_attached(&mut self, now: Now, endpoint: Endpoint, face: Face) {
        if let Some(trees) = &mut self.trees {
            trees.handle_attached(now.time, endpoint, face.speaks, &mut self.outputs);
        }
        if let Some(branches) = &mut self.branches {
            branches.handle_attached(now, endpoint, face.speaks);
        }
        self.views.handle_attached(now, endpoint, face);
        self.follow_branches();
    }

    fn handle_detached(&mut self, now: Now, endpoint: Endpoint) {
        if let Some(trees) = &mut self.trees {
            trees.handle_detached(endpoint, &mut self.outputs);
        }
        if let Some(branches) = &mut self.branches {
            branches.handle_detached(now.time, endpoint);
        }
        self.views.handle_detached(now, endpoint);
        self.follow_branches();
    }

    fn handle_candidate(&mut self, now: Now, candidate: Candidate) {
        self.views.handle_candidate(now, candidate);
    }

    fn handle_shut_out(&mut self, now: Now, endpoint: Endpoint) {
        self.views.handle_shut_out(now, endpoint);
    }

    fn handle_unreachable(&mut self, now: Now, endpoint: Endpoint) {
        self.views.handle_unreachable(now, endpoint);
    }

    fn handle_message(&mut self, now: Now, from: Endpoint, message: OverlayMessage) {
        if let (Some(branches), OverlayMessage::Branch(branch)) = (&mut self.branches, &message) {
            branches.handle_branch(now.time, from, *branch);
            return self.follow_branches();
        }
        match (&mut self.trees, message) {
            (Some(trees), OverlayMessage::Have(names)) => trees.handle_have(now.time, from, &names),
            (Some(trees), OverlayMessage::Prune(pruned)) => trees.handle_prune(from, pruned),
            (Some(trees), OverlayMessage::Graft(graft)) => {
                if !trees.handle_graft(now.time, from, &graft, &mut self.outputs) {
                    self.views.handle_fault(from, "it asks for the same batches again and again");
                }
            }
            (_, message) => self.views.handle_message(now, from, message),
        }
    }

    fn handle_duplicate(&mut self, key: &BatchKey, from: Endpoint) {
        if let Some(trees) = &mut self.trees {
            trees.handle_duplicate(key, from, &mut self.outputs);
        }
    }

    fn handle_arrived(&mut self, key: &BatchKey) {
        if let Some(trees) = &mut self.trees {
            trees.handle_arrived(key);
        }
    }

    fn handle_known(&mut self, now: Now, batch: &SignedBatch) {
        if let Some(trees) = &mut self.trees {
            trees.handle_known(now.time, batch);
        }
    }

    fn stamped(&self, stamp: Stamp) -> Stamp {
        self.trees.as_ref().map_or(stamp, |trees| trees.stamped(stamp))
    }

    fn targets(&mut self, now: Now, batch: &SignedBatch, from: Option<Endpoint>) -> Vec<Endpoint> {
        if from.is_some() && planted!(OverlaySilent) {
            return Vec::new();
        }
        match &mut self.trees {
            Some(trees) => trees.publish(now, batch, from),
            None => {
                let author = batch.key().author;
                self.views.neighbours().filter(|one| Some(*one) != from && *one != author).collect()
            }
        }
    }

    fn ways(&self, author: Endpoint, stamp: Stamp, from: Option<Endpoint>) -> Vec<Endpoint> {
        let tree = self.trees.as_ref().map(|trees| (trees, 1 << tree_of_batch(&author, stamp)));
        let carries = |one: &Endpoint| tree.is_none_or(|(trees, bit)| trees.eager(*one) & bit != 0);
        let ways = self.views.neighbours().filter(|one| Some(*one) != from && *one != author);
        ways.filter(carries).collect()
    }

    fn neighbours(&self) -> Vec<Endpoint> {
        self.views.neighbours().collect()
    }

    fn size(&self) -> usize {
        self.views.size()
    }

    fn view(&self) -> OverlayView {
        let Degree { target, most } = self.views.degree();
        let eager = |view: NeighbourView| match &self.trees {
            Some(trees) => NeighbourView { eager: trees.eager(view.endpoint), ..view },
            None => view,
        };
        OverlayView {
            kind: self.kind,
            size: self.size(),
            degree: (target, most),
            passive: self.views.passive(),
            received: 0,
            branch: self.branches.as_ref().map(|branches| BranchView {
                root: branches.root(),
                depth: branches.depth(),
                parent: branches.parent(),
                children: self.views.neighbours().filter(|one| branches.is_child(*one)).count(),
            }),
            neighbours: self.views.view().into_iter().map(eager).collect(),
        }
    }

    fn handle_timeout(&mut self, now: Now, facts: &dyn Fn(Endpoint) -> LinkFacts) {
        self.views.handle_timeout(now, facts);
        if let Kind::KGossip(nines) = self.kind {
            self.views.set_degree(k_degree(self.views.size(), nines));
        }
        if let Some(branches) = &mut self.branches {
            branches.handle_timeout(now, facts);
        }
        self.follow_branches();
        let Some(trees) = &mut self.trees else { return };
        for (endpoint, rtt) in self.views.rtts() {
            trees.handle_rtt(endpoint, rtt);
        }
        for endpoint in trees.handle_timeout(now.time, &mut self.outputs) {
            self.views.handle_fault(endpoint, "it named batches that it then did not send");
        }
    }

    fn poll_timeout(&self) -> Option<Time> {
        let trees = self.trees.as_ref().and_then(Trees::poll_timeout);
        self.views.poll_timeout().into_iter().chain(trees).min()
    }

    fn poll_output(&mut self) -> Option<OverlayOutput> {
        let output = self.outputs.pop_front().or_else(|| self.views.poll_output());
        if let (Some(OverlayOutput::Drop(endpoint, _)), Some(trees)) = (&output, &mut self.trees) {
            trees.handle_detached(*endpoint, &mut self.outputs);
            if let Some(branches) = &mut self.branches {
                branches.forget(*endpoint);
            }
        }
        output
    }
}
