//! Who holds which edit seed, by the LINKs with which programs came.

use std::collections::BTreeSet;

use meshwork_core::id::PeerId;
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::signed::admission::EditKey;
use meshwork_core::signed::batch::SignedBatch;

use super::{Law, law::Right};
use crate::connection::NodeIndex;

/// Edit keys whose seed somebody came with.
#[derive(Debug, Default)]
pub struct Seeds {
    by_program: BTreeSet<(NodeIndex, EditKey)>,
    by_peer: BTreeSet<(PeerId, EditKey)>,
}

impl Seeds {
    /// A program of a peer comes with a LINK.
    pub fn insert(&mut self, program: NodeIndex, peer: PeerId, address: &RoomAddress) {
        let seed = address.keys().and_then(|keys| keys.secrets?.edit_seed);
        if let Some(key) = seed.map(|seed| seed.key()) {
            self.by_program.insert((program, key));
            self.by_peer.insert((peer, key));
        }
    }

    /// Whether a program of a peer may write in a slot by this law, unless it is banned. Nobody can say it of who held the seed
    /// with another program alone: that one's admission may have come or not.
    pub fn let_write(&self, law: &Law, program: NodeIndex, peer: PeerId, slot: u8) -> Option<bool> {
        match law.right_now(peer, slot) {
            Right::Has => Some(true),
            Right::Lacks => Some(false),
            Right::By(key) if self.by_program.contains(&(program, key)) => Some(true),
            Right::By(key) => (!self.by_peer.contains(&(peer, key))).then_some(false),
        }
    }

    /// Whether a batch stands: its author had a right to it by the record that it names, and no record took it.
    pub fn let_stand(&self, law: &Law, batch: &SignedBatch) -> bool {
        let header = batch.header();
        let is_entitled = match law.right_of(&header) {
            Right::Has => true,
            Right::Lacks => false,
            Right::By(key) => self.by_peer.contains(&(header.author.peer, key)),
        };
        is_entitled && !law.takes(&header, &batch.id().short())
    }
}
