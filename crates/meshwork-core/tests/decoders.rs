//! No bytes from outside make a decoder panic: rubbish, and honest bytes with changes.

use meshwork_core::clock::Stamp;
use meshwork_core::crdt::canvas::{Canvas, CanvasSize, Colour, cells_to_strokes};
use meshwork_core::gossip::batch::{Header, SignedBatch, UnverifiedBatch};
use meshwork_core::id::{Code, Endpoint, Identity, Instance, RoomId};
use meshwork_core::rng::Rng;
use meshwork_core::room::genesis::Genesis;
use meshwork_core::session::message::{LinkMessage, Links, RoomMessage};
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::signalling::protocol::{FromClient, FromServer};
use meshwork_core::signalling::sealing::{self, SealingKey};
use meshwork_core::wire::{Bounded, Bytes};
use proptest::prelude::*;

const SIZE: CanvasSize = CanvasSize { width: 100, height: 70 };

fn me() -> Endpoint {
    Endpoint { peer: Identity::from_secret([1; 32]).peer(), instance: Instance(1) }
}

/// Lets every decoder of the core read `bytes`.
fn decode_all(bytes: &[u8]) {
    for kind in 0..64 {
        let _ = LinkMessage::decode(kind, bytes);
    }
    let _ = Genesis::decode_signed(bytes);
    if let Ok(batch) = UnverifiedBatch::decode(bytes) {
        let _ = Canvas::new(SIZE).expect("a legal size").read(&batch);
        let _ = batch.verify(&RoomId([3; 32]));
    }
    let key = SealingKey::generate(&mut Rng::new([2; 32]));
    let _ = sealing::open(bytes, &key, me(), &RoomId([3; 32]), None);
    let text = String::from_utf8_lossy(bytes);
    let _ = serde_json::from_str::<FromServer>(&text);
    let _ = serde_json::from_str::<FromClient>(&text);
    let _ = text.parse::<RoomAddress>();
    let _ = text.parse::<Code>();
    let _ = text.parse::<Endpoint>();
}

/// Honest bytes of several kinds.
fn honest() -> Vec<Vec<u8>> {
    let identity = Identity::from_secret([1; 32]);
    let cells: Vec<_> = (0..60).map(|x| (x, x, Colour::rgb(x as u8, 2, 3))).collect();
    let strokes = cells_to_strokes(SIZE, &cells, Stamp(77 << 16)).expect("cells on the canvas").remove(0);
    let header = Header { author: me(), sequence: 5, replica: 0, record: None, window: strokes.window() };
    let batch = SignedBatch::sign(&identity, &RoomId([3; 32]), header, &strokes.encode()).expect("legal");
    let genesis = Genesis::new_canvas(&mut Rng::new([4; 32]), identity.peer(), SIZE, None).sign(&identity).0;
    let live = RoomMessage::Batch(Bytes::new(batch.bytes().to_vec()).expect("within the limit"));
    let links = RoomMessage::Links(Links { endpoints: Bounded::new(vec![me()]).expect("one") });
    let inside = |message| LinkMessage::Room { number: 1, message }.encode().1;
    vec![batch.bytes().to_vec(), genesis, inside(live), inside(links)]
}

proptest! {
    #[test]
    fn rubbish_is_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        decode_all(&bytes);
    }

    #[test]
    fn changed_bytes_are_refused_without_a_panic(
        which in 0..4usize,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        keep in any::<prop::sample::Index>(),
    ) {
        let mut bytes = honest().remove(which);
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        bytes.truncate(1 + keep.index(bytes.len()));
        decode_all(&bytes);
    }

    #[test]
    fn text_is_refused_without_a_panic(text in "\\PC{0,200}") {
        decode_all(text.as_bytes());
    }
}

#[test]
fn honest_bytes_are_read() {
    let honest = honest();
    assert!(UnverifiedBatch::decode(&honest[0]).is_ok_and(|batch| batch.verify(&RoomId([3; 32])).is_ok()));
    assert!(Genesis::decode_signed(&honest[1]).is_ok());
    assert!(matches!(LinkMessage::decode(16, &honest[2]), Ok(Some(_))));
    assert!(matches!(LinkMessage::decode(24, &honest[3]), Ok(Some(_))));
}
