//! Full mesh: everybody links to everybody, up to a limit; who cannot is served by a common neighbour.
//!
//! # How it works
//! A batch goes from its author straight to all its neighbours and is not passed on, with one exception: when
//! a neighbour says that it has no link to the author, the least of the author's neighbours that it does have
//! a link to passes the batch on. So a pair that cannot link still hears each other, with one copy as a rule.
//!
//! # Invariants
//! - With all links up, a room of n endpoints sends n - 1 copies of a batch.
//! - A batch reaches every endpoint at most two links away from its author.
//!
//! # Limits
//! [`ROOM_ENDPOINTS_MAX`] endpoints, this one included.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::count::estimate;
use super::message::OverlayMessage;
use super::{Face, Kind, NeighbourView, Overlay, OverlayView};
use crate::id::Endpoint;
use crate::seam::config::ROOM_ENDPOINTS_MAX;
use crate::signed::batch::SignedBatch;
use crate::time::{Now, Time};

/// The full mesh as `me` sees it.
#[derive(Debug)]
pub struct FullMesh {
    me: Endpoint,
    /// To whom each of our neighbours says it is attached.
    neighbours: BTreeMap<Endpoint, BTreeSet<Endpoint>>,
    since: BTreeMap<Endpoint, Time>,
    /// How many are in the room, as far as members of other overlays told.
    told: usize,
}

impl FullMesh {
    /// A mesh in which nobody is attached yet.
    pub fn new(me: Endpoint) -> FullMesh {
        FullMesh { me, neighbours: BTreeMap::new(), since: BTreeMap::new(), told: 0 }
    }

    /// Whether it falls to us to pass what `origin` wrote to `to`, which has no link to `origin`.
    fn is_ours_to_pass(&self, origin: Endpoint, to: Endpoint) -> bool {
        let bridges = |links: &BTreeSet<Endpoint>| links.contains(&origin) && links.contains(&to);
        !self.neighbours.iter().any(|(neighbour, links)| *neighbour < self.me && bridges(links))
    }

    /// To whom to pass what `origin` wrote and `from` sent.
    fn to_pass(&self, origin: Endpoint, from: Option<Endpoint>) -> Vec<Endpoint> {
        let Some(from) = from else { return self.neighbours() };
        if planted!(OverlaySilent) {
            return Vec::new();
        }
        let lacks = |(to, links): &(&Endpoint, &BTreeSet<Endpoint>)| {
            **to != from && **to != origin && !links.contains(&origin) && self.is_ours_to_pass(origin, **to)
        };
        self.neighbours.iter().filter(lacks).map(|(to, _)| *to).collect()
    }
}

impl Overlay for FullMesh {
    fn kind(&self) -> Kind {
        Kind::FullMesh
    }

    fn admits(&self, endpoint: Endpoint) -> bool {
        self.neighbours.contains_key(&endpoint) || self.neighbours.len() + 1 < ROOM_ENDPOINTS_MAX
    }

    fn wants_link(&self, endpoint: Endpoint) -> bool {
        self.admits(endpoint)
    }

    fn handle_attached(&mut self, now: Now, endpoint: Endpoint, _face: Face) {
        self.neighbours.entry(endpoint).or_default();
        self.since.entry(endpoint).or_insert(now.time);
    }

    fn handle_detached(&mut self, _now: Now, endpoint: Endpoint) {
        self.neighbours.remove(&endpoint);
        self.since.remove(&endpoint);
    }

    fn handle_links(&mut self, from: Endpoint, links: Vec<Endpoint>) {
        if let Some(known) = self.neighbours.get_mut(&from) {
            *known = links.into_iter().take(ROOM_ENDPOINTS_MAX).collect();
        }
    }

    fn handle_message(&mut self, _now: Now, _from: Endpoint, message: OverlayMessage) {
        if let OverlayMessage::Status(status) = message {
            let sizes = status.least.iter().map(|least| estimate(least.hashes.len(), least.hashes.last()));
            self.told = sizes.max().unwrap_or(0);
        }
    }

    fn targets(&mut self, _now: Now, batch: &SignedBatch, from: Option<Endpoint>) -> Vec<Endpoint> {
        self.to_pass(batch.header().author, from)
    }

    fn neighbours(&self) -> Vec<Endpoint> {
        self.neighbours.keys().copied().collect()
    }

    fn size(&self) -> usize {
        (self.neighbours.len() + 1).max(self.told)
    }

    fn view(&self) -> OverlayView {
        let view = |endpoint: &Endpoint| NeighbourView {
            endpoint: *endpoint,
            since: self.since.get(endpoint).copied().unwrap_or_default(),
            introducer: None,
            pinned: false,
            long: false,
            eager: u8::MAX,
        };
        OverlayView {
            kind: Kind::FullMesh,
            size: self.size(),
            degree: (ROOM_ENDPOINTS_MAX - 1, ROOM_ENDPOINTS_MAX - 1),
            passive: 0,
            received: 0,
            branch: None,
            neighbours: self.neighbours.keys().map(view).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Instance, PeerId};
    use alloc::vec;

    const STRANGER: Face = Face { introduction: None, speaks: false };

    fn endpoint(number: u8) -> Endpoint {
        Endpoint { peer: PeerId([number; 32]), instance: Instance(0) }
    }

    fn mesh(me: u8, neighbours: &[(u8, &[u8])]) -> FullMesh {
        let mut mesh = FullMesh::new(endpoint(me));
        for (neighbour, links) in neighbours {
            mesh.handle_attached(Now::default(), endpoint(*neighbour), STRANGER);
            mesh.handle_links(endpoint(*neighbour), links.iter().map(|&link| endpoint(link)).collect());
        }
        mesh
    }

    #[test]
    fn full_mesh_sends_own_batches_and_forwards_none() {
        let mesh = mesh(1, &[(2, &[1, 3]), (3, &[1, 2])]);
        assert_eq!(mesh.to_pass(endpoint(1), None), vec![endpoint(2), endpoint(3)]);
        assert_eq!(mesh.to_pass(endpoint(2), Some(endpoint(2))), vec![]);
    }

    #[test]
    fn one_common_neighbour_serves_an_unlinked_pair() {
        // 3 and 4 cannot link; 1 and 2 are linked to both.
        let first = mesh(1, &[(2, &[1, 3, 4]), (3, &[1, 2]), (4, &[1, 2])]);
        let second = mesh(2, &[(1, &[2, 3, 4]), (3, &[1, 2]), (4, &[1, 2])]);
        assert_eq!(first.to_pass(endpoint(3), Some(endpoint(3))), vec![endpoint(4)]);
        assert_eq!(second.to_pass(endpoint(3), Some(endpoint(3))), vec![]);
    }

    #[test]
    fn a_full_room_admits_nobody_else() {
        let mut mesh = FullMesh::new(endpoint(0));
        for number in 1..ROOM_ENDPOINTS_MAX as u8 {
            assert!(mesh.admits(endpoint(number)));
            mesh.handle_attached(Now::default(), endpoint(number), STRANGER);
        }
        assert!(!mesh.admits(endpoint(200)) && mesh.admits(endpoint(1)));
        mesh.handle_detached(Now::default(), endpoint(1));
        assert!(mesh.wants_link(endpoint(200)));
    }
}
