//! Endpoints that gave one sequence to two different batches, and the pairs that prove it without payloads.
//!
//! Both batches of a pair count, so nothing depends on who knows of it. A member that sees a pair sends it to all
//! neighbours, so that the owner receives it and may ban the author.

use alloc::collections::BTreeMap;

use crate::id::{Endpoint, RoomId};
use crate::room::message::{Contradiction, RoomMessage};
use crate::signed::batch::Batch;
use crate::signed::stub::Stub;
use crate::wire::Bytes;

/// Reported endpoints. Keys are free, so this must be bounded.
const CONTRADICTIONS_MAX: usize = 64;

/// The pairs, by endpoint.
#[derive(Debug, Default)]
pub(super) struct Contradictions(BTreeMap<Endpoint, Contradiction>);

impl Contradictions {
    /// Two different batches of one sequence arrived. Returns whether that is new.
    pub(super) fn take(&mut self, one: &Batch, other: &Batch) -> bool {
        let endpoint = one.header().author;
        let bytes = |batch: &Batch| Bytes::new(batch.stub().encode()).expect("a stub is within its limit");
        let is_new = self.has_place(endpoint);
        if is_new {
            self.0.insert(endpoint, Contradiction { one: bytes(one), other: bytes(other) });
        }
        is_new
    }

    /// A neighbour sent a pair. Returns its author, if that is new, and the sequence.
    ///
    /// # Errors
    /// The error of the message, in words.
    pub(super) fn read(
        &mut self,
        room: &RoomId,
        shown: Contradiction,
    ) -> Result<Option<(Endpoint, u64)>, &'static str> {
        let stubs = [&shown.one, &shown.other].map(|bytes| Stub::decode(bytes).ok());
        let [Some(one), Some(other)] = stubs else { return Err("it is not two stubs") };
        let place = |stub: &Stub| (stub.header().author, stub.header().sequence);
        if place(&one) != place(&other) {
            return Err("the two batches have different places");
        }
        // A known pair, or one without space, costs no signature check.
        let (endpoint, sequence) = place(&one);
        if !self.has_place(endpoint) {
            return Ok(None);
        }
        match (one.verify(room), other.verify(room)) {
            (Ok(one), Ok(other)) if one != other => {}
            (Ok(_), Ok(_)) => return Err("the two batches are the same"),
            _ => return Err("a signature does not hold"),
        }
        self.0.insert(endpoint, shown);
        Ok(Some((endpoint, sequence)))
    }

    /// The authors of the pairs.
    pub(super) fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.0.keys()
    }

    /// The pair of an endpoint, as a message.
    pub(super) fn shown(&self, endpoint: &Endpoint) -> Option<RoomMessage> {
        self.0.get(endpoint).cloned().map(RoomMessage::Contradiction)
    }

    fn has_place(&self, endpoint: Endpoint) -> bool {
        self.0.len() < CONTRADICTIONS_MAX && !self.0.contains_key(&endpoint)
    }
}
