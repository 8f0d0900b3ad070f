//! Looks for who holds a blob, where members keep links to some others alone.
//!
//! Who finds no holder among its neighbours says to everybody which blob it wants, and how many of those who hold it are
//! to answer: each decides by a hash, so nobody needs to know of the others. Who answers visits the one that asked, which
//! then fetches from it as from a neighbour. Nobody answering, more are to the next time.

use std::sync::Arc;
use std::time::Duration;

use meshwork_core::blobs::BlobId;
use meshwork_core::id::Endpoint as EndpointId;
use meshwork_core::node::{Node, RoomHandle};
use meshwork_core::overlay::Kind;
use meshwork_core::seam::lane::{Slot, Topic};
use meshwork_core::time::Time;
use meshwork_core::wire::BoundedText;

use super::store::Name;
use crate::shared::{RoomState, Shared};

/// What is said of it is no app's.
const TOPIC: &str = "\0blobs";
/// How long neighbours are waited for at first, and answers each time.
const EVERY: Duration = Duration::from_secs(3);
/// How many are to answer at first, if all hold it: as many as help.
const ANSWERS: u64 = 4;
/// How many times as many the next time.
const MORE: u64 = 4;

fn topic() -> Topic {
    BoundedText::new(TOPIC).expect("it is short")
}

/// Whether what is said on this topic is said by the library itself.
pub(crate) fn is_seeking(topic: &Topic) -> bool {
    **topic == *TOPIC
}

/// Which blob, and of 2^32 holders so many are to answer.
struct Seek {
    blob: BlobId,
    share: u32,
}

impl Seek {
    fn encode(&self) -> Vec<u8> {
        [&self.blob.0[..], &self.share.to_be_bytes()].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Seek> {
        let (blob, share) = bytes.split_first_chunk()?;
        Some(Seek { blob: BlobId(*blob), share: u32::from_be_bytes(share.try_into().ok()?) })
    }

    /// Whether this holder is to answer: one that is to is so for any greater share.
    fn is_for(&self, holder: EndpointId) -> bool {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.blob.0).update(&holder.peer.0).update(&holder.instance.0.to_be_bytes());
        let [a, b, c, d, ..] = *hasher.finalize().as_bytes();
        u32::from_be_bytes([a, b, c, d]) <= self.share
    }
}

/// Looks for a blob that no neighbour has held for so long.
pub(super) fn seek(node: &mut Node, now: Time, room: RoomHandle, slot: Slot, blob: BlobId, waited: Duration) {
    let sparse = node.room(room).overlay().filter(|overlay| overlay.kind != Kind::FullMesh);
    let Some(overlay) =
        sparse.filter(|_| !waited.is_zero() && waited.as_secs().is_multiple_of(EVERY.as_secs()))
    else {
        return;
    };
    let turn = (waited.as_secs() / EVERY.as_secs() - 1) as u32;
    let answers = ANSWERS.saturating_mul(MORE.saturating_pow(turn));
    let share = answers.saturating_mul(1 << 32) / overlay.size.max(1) as u64;
    let seek = Seek { blob, share: u32::try_from(share).unwrap_or(u32::MAX) };
    // Who may not speak here finds what neighbours hold.
    let _ = node.room_mut(now, room).say(slot, &topic(), &seek.encode());
}

/// Visits somebody who looks for a blob, where it is held here and this holder is to answer.
pub(crate) async fn answer(
    shared: Arc<Shared>,
    room: Arc<RoomState>,
    from: EndpointId,
    slot: Slot,
    said: Vec<u8>,
) {
    let Some(seek) = Seek::decode(&said).filter(|seek| seek.is_for(shared.runner.id())) else { return };
    let Some(id) = room.look(|known| known.link.as_ref().and_then(|link| link.room())) else { return };
    let name = Name { room: id, slot, blob: seek.blob };
    if !matches!(shared.blobs.whole(name).await, Ok(Some(_))) {
        return;
    }
    let handle = room.handle;
    let visit = move |node: &mut Node, now| {
        // What is said is nothing: it makes the link. One that cannot be made leaves it to other holders.
        let _ = node.room_mut(now, handle).send_direct(from, slot, &topic(), &[]);
    };
    // A node that has stopped holds nothing.
    let _ = shared.call(visit).await;
}
