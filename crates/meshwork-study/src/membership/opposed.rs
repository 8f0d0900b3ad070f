//! What stands against a room: a cut through it, and members who lead the others to their own.

use meshwork_core::rng::Rng;

use super::{CLAIMS, Membership, SERVER};
use meshwork_sim::chance;

impl Membership {
    /// Cuts the room in two: links from one side to the other end, and none can be made. `None` ends the cut.
    pub fn divide(&mut self, sides: Option<Vec<bool>>) {
        self.sides = sides;
        for peer in 0..self.peers() as u32 {
            let across: Vec<u32> =
                self.of(peer).iter().copied().filter(|&other| self.is_cut(peer, other)).collect();
            across.into_iter().for_each(|other| self.unlink(peer, other));
        }
    }

    pub(super) fn is_cut(&self, peer: u32, other: u32) -> bool {
        self.sides.as_ref().is_some_and(|sides| sides[peer as usize] != sides[other as usize])
    }

    /// From now on these lead walks to each other, name only each other, and ask for every place beside the victims.
    pub fn set_hostile(&mut self, is_hostile: &[bool], victims: &[u32]) {
        self.hostile = Some((is_hostile.to_vec(), victims.to_vec()));
    }

    pub(super) fn is_hostile(&self, peer: u32) -> bool {
        self.hostile.as_ref().is_some_and(|(hostile, _)| hostile[peer as usize])
    }

    /// To whom a peer hands on a walk.
    pub(super) fn hand_on(&self, peer: u32, rng: &mut Rng) -> Option<u32> {
        let links = self.of(peer);
        let start = chance::below(rng, links.len());
        let mut next = links.get(start).copied();
        if self.is_hostile(peer) {
            let mut turned = links[start..].iter().chain(&links[..start]).copied();
            next = turned.find(|&other| self.is_hostile(other)).or(next);
        }
        next.filter(|&next| self.is_alive(next))
    }

    /// A hostile peer claims places beside the victims, whom it knows how to reach, and leaves others for that.
    pub(super) fn push_in(&mut self, peer: u32, rng: &mut Rng) {
        let Some((_, victims)) = self.hostile.clone() else { return };
        for _ in 0..CLAIMS {
            let is_victim = |other: &u32| victims.contains(other);
            let other = self.of(peer).iter().copied().find(|other| !is_victim(other));
            if let Some(other) = other.filter(|_| self.of(peer).len() >= self.views.most) {
                self.unlink(peer, other);
            }
            if let Some(victim) = chance::pick(rng, &victims) {
                self.ask(peer, victim, SERVER, true, rng);
            }
        }
    }
}
