//! What keeps a place in a large room until the code of its overlay is there: a few links, and everything in full.
//!
//! # How it works
//! Of the members that it hears of it links to [`LINKS`], and asks the first of its neighbours to send it every batch in
//! full. It passes batches on to who has not said that it has them from others already, so that a room in which all
//! wait hears everything too, and others are not bothered. It admits as many as an emergent overlay keeps. Walks end
//! at it without an answer, and their origins try another way; what else neighbours say of the overlay is dropped.
//!
//! # Limits
//! [`PASSIVE_MAX`] members are remembered for the overlay that takes its place; further ones are heard of again.

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

use super::full_mesh::FullMesh;
use super::message::{Graft, OverlayMessage};
use super::size::{EMERGENT_DEGREE, PASSIVE_MAX};
use super::{Candidate, Face, Kind, Overlay, OverlayOutput, OverlayView};
use crate::gossip::batch::SignedBatch;
use crate::id::Endpoint;
use crate::time::Now;
use crate::wire::Bounded;

/// Links that it seeks: with four neighbours one of them is up to date, and a join is served by several at once.
pub const LINKS: usize = 4;

/// One endpoint that waits for the code of its overlay.
#[derive(Debug)]
pub struct Waiting {
    kind: Kind,
    mesh: FullMesh,
    /// Members that could be sought; the first is next.
    known: VecDeque<Candidate>,
    /// Those that are.
    sought: Vec<Endpoint>,
    /// Neighbours that are to send every batch in full.
    asked: BTreeSet<Endpoint>,
    /// Neighbours that have what others wrote without us.
    served: BTreeSet<Endpoint>,
    outputs: VecDeque<OverlayOutput>,
}

impl Waiting {
    /// Waits for the code of `kind`.
    pub fn new(me: Endpoint, kind: Kind) -> Waiting {
        Waiting {
            kind,
            mesh: FullMesh::new(me),
            known: VecDeque::new(),
            sought: Vec::new(),
            asked: BTreeSet::new(),
            served: BTreeSet::new(),
            outputs: VecDeque::new(),
        }
    }

    fn ask(&mut self, neighbour: Endpoint) {
        let graft = Graft { trees: u8::MAX, names: Bounded::default() };
        self.outputs.push_back(OverlayOutput::Send(neighbour, OverlayMessage::Graft(graft)));
    }

    fn seek(&mut self) {
        while self.mesh.neighbours().len() + self.sought.len() < LINKS {
            let is_free = |known: &Candidate| {
                let endpoint = known.introduction.endpoint;
                !self.sought.contains(&endpoint) && !self.mesh.neighbours().contains(&endpoint)
            };
            let Some(place) = self.known.iter().position(is_free) else { return };
            let known = &self.known[place];
            self.sought.push(known.introduction.endpoint);
            self.outputs.push_back(OverlayOutput::Seek(known.introduction.clone(), known.route.clone()));
        }
    }
}

impl Overlay for Waiting {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn admits(&self, endpoint: Endpoint) -> bool {
        let neighbours = self.mesh.neighbours();
        neighbours.contains(&endpoint) || neighbours.len() < EMERGENT_DEGREE.1
    }

    fn wants_link(&self, endpoint: Endpoint) -> bool {
        self.sought.contains(&endpoint) || self.mesh.neighbours().contains(&endpoint)
    }

    fn handle_attached(&mut self, now: Now, endpoint: Endpoint, face: Face) {
        self.sought.retain(|sought| *sought != endpoint);
        if face.speaks && self.asked.len() < LINKS {
            self.asked.insert(endpoint);
            self.ask(endpoint);
        }
        self.mesh.handle_attached(now, endpoint, face);
    }

    fn handle_detached(&mut self, now: Now, endpoint: Endpoint) {
        self.mesh.handle_detached(now, endpoint);
        self.served.remove(&endpoint);
        self.asked.remove(&endpoint);
        self.handle_unreachable(now, endpoint);
    }

    fn handle_links(&mut self, from: Endpoint, links: Vec<Endpoint>) {
        self.mesh.handle_links(from, links);
    }

    fn handle_candidate(&mut self, _now: Now, candidate: Candidate) {
        let is_known = |known: &Candidate| known.introduction.endpoint == candidate.introduction.endpoint;
        if self.known.len() < PASSIVE_MAX && !self.known.iter().any(is_known) {
            self.known.push_back(candidate);
            self.seek();
        }
    }

    fn handle_unreachable(&mut self, _now: Now, endpoint: Endpoint) {
        self.sought.retain(|sought| *sought != endpoint);
        self.known.retain(|known| known.introduction.endpoint != endpoint);
        self.seek();
    }

    fn handle_message(&mut self, now: Now, from: Endpoint, message: OverlayMessage) {
        match message {
            OverlayMessage::Prune(_) => {
                if self.served.insert(from) && self.asked.contains(&from) {
                    // It stopped both ways.
                    self.ask(from);
                }
            }
            OverlayMessage::Graft(_) => drop(self.served.remove(&from)),
            message => self.mesh.handle_message(now, from, message),
        }
    }

    fn targets(&mut self, now: Now, batch: &SignedBatch, from: Option<Endpoint>) -> Vec<Endpoint> {
        let mut targets = self.mesh.targets(now, batch, from);
        if from.is_some() {
            targets.retain(|to| !self.served.contains(to));
        }
        targets
    }

    fn neighbours(&self) -> Vec<Endpoint> {
        self.mesh.neighbours()
    }

    fn size(&self) -> usize {
        self.mesh.size().max(self.known.len() + 1)
    }

    fn view(&self) -> OverlayView {
        OverlayView {
            kind: self.kind,
            size: self.size(),
            degree: (LINKS, EMERGENT_DEGREE.1),
            passive: self.known.len(),
            ..self.mesh.view()
        }
    }

    fn poll_output(&mut self) -> Option<OverlayOutput> {
        self.outputs.pop_front()
    }

    fn take_known(&mut self) -> Vec<Candidate> {
        self.known.drain(..).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::tests::introduction;
    use super::*;

    const SPEAKS: Face = Face { introduction: None, speaks: true };

    fn candidate(number: u8) -> Candidate {
        Candidate { introduction: introduction(number), introducer: None, route: Vec::new() }
    }

    fn endpoint(number: u8) -> Endpoint {
        introduction(number).endpoint
    }

    fn sought(waiting: &mut Waiting) -> Vec<Endpoint> {
        let outputs = core::iter::from_fn(|| waiting.poll_output());
        let sought = outputs.filter_map(|output| match output {
            OverlayOutput::Seek(introduction, _) => Some(introduction.endpoint),
            _ => None,
        });
        sought.collect()
    }

    #[test]
    fn it_keeps_a_few_links_and_remembers_others_for_the_overlay_to_come() {
        let mut waiting = Waiting::new(endpoint(0), Kind::Emergent);
        let now = Now::default();
        (1..=100).for_each(|number| waiting.handle_candidate(now, candidate(number)));
        assert_eq!(sought(&mut waiting), (1..=4).map(endpoint).collect::<Vec<_>>());
        waiting.handle_candidate(now, candidate(1));
        waiting.handle_attached(now, endpoint(1), SPEAKS);
        let graft = Graft { trees: u8::MAX, names: Bounded::default() };
        let asks = OverlayOutput::Send(endpoint(1), OverlayMessage::Graft(graft));
        assert_eq!(waiting.poll_output(), Some(asks.clone()), "everything is to come in full");
        waiting.handle_message(now, endpoint(1), OverlayMessage::Prune(1));
        assert_eq!(waiting.poll_output(), Some(asks), "also after it wants nothing of us");
        assert!(waiting.wants_link(endpoint(2)) && !waiting.wants_link(endpoint(5)));
        waiting.handle_unreachable(now, endpoint(2));
        waiting.handle_detached(now, endpoint(1));
        assert_eq!(sought(&mut waiting), [endpoint(5), endpoint(6)], "another takes the place of each");
        let known = waiting.take_known();
        assert_eq!(known.len(), PASSIVE_MAX - 2, "bounded, and without those that could not be linked");
    }

    #[test]
    fn it_admits_as_many_as_an_emergent_overlay_keeps() {
        let mut waiting = Waiting::new(endpoint(0), Kind::Emergent);
        for number in 1..=EMERGENT_DEGREE.1 as u8 {
            assert!(waiting.admits(endpoint(number)));
            waiting.handle_attached(Now::default(), endpoint(number), SPEAKS);
        }
        assert!(!waiting.admits(endpoint(100)) && waiting.admits(endpoint(1)));
        assert_eq!(sought(&mut waiting), []);
    }
}
