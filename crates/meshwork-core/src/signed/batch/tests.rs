//! Batches and stubs read as they are signed, and only so; a click is small.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::super::header::{Family, RECORDS_MAX, ReplicaNumber, StampWindow};
use super::super::stub::STUB_MAX;
use super::*;
use crate::id::Instance;
use crate::wire::MessageWriter;

const ROOM: RoomId = RoomId([9; 32]);
/// What Place writes for a lone click.
const CLICK: [u8; 9] = [0x77, 0, 0, 0x9c, 0x83, 0x60, 0x29, 0xc3, 0x1c];

fn identity() -> Identity {
    Identity::from_secret([1; 32])
}

/// The header of a click: the three hundredth batch of its endpoint, under a record that limits what it costs.
fn header() -> Header {
    let author = Endpoint { peer: identity().peer(), instance: Instance(0x0102_0304_0506_0708) };
    Header {
        author,
        sequence: 300,
        replica: ReplicaNumber::new(0, Family::Own).expect("a slot"),
        record: RecordName { number: 7, hash: [7; 8] },
        window: StampWindow::at(Stamp::new(1_790_000_000_000, 0).expect("a stamp of today")),
        cost: 1,
        used: Some(59),
    }
}

fn sign(header: &Header, payload: &[u8]) -> Result<SignedBatch, BatchError> {
    SignedBatch::sign(&identity(), &ROOM, header, payload)
}

fn read(bytes: &[u8]) -> Result<SignedBatch, BatchError> {
    UnverifiedBatch::decode(&ROOM, bytes).and_then(UnverifiedBatch::verify)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn headers() -> impl Strategy<Value = Header> {
    let record = prop_oneof![
        Just(RecordName::GENESIS),
        (1..=RECORDS_MAX, any::<[u8; 8]>()).prop_map(|(number, hash)| RecordName { number, hash }),
    ];
    let stamps = prop_oneof![1..u64::MAX, (1..1u64 << 48).prop_map(|millis| millis << 16)];
    let span = prop_oneof![Just(0), any::<u64>()];
    let byte = any::<u8>().prop_map(|byte| ReplicaNumber::from_byte(byte & 0xf3).expect("a family"));
    let numbers = (any::<u64>(), 1..u64::MAX, any::<u32>(), any::<Option<u32>>());
    (numbers, byte, record, stamps, span).prop_map(|(numbers, replica, record, least, span)| {
        let (instance, sequence, cost, used) = numbers;
        let window = StampWindow { least: Stamp(least), most: Stamp(least.saturating_add(span)) };
        let author = Endpoint { peer: identity().peer(), instance: Instance(instance) };
        Header { author, sequence, replica, record, window, cost, used }
    })
}

proptest! {
    #[test]
    fn batches_read_as_they_are_signed(header in headers(), payload in proptest::collection::vec(any::<u8>(), 0..300)) {
        let signed = sign(&header, &payload).expect("a legal header");
        let batch = read(signed.bytes()).expect("just signed");
        prop_assert_eq!(&batch, &signed);
        prop_assert_eq!((batch.header(), batch.payload()), (header, &payload[..]));
        prop_assert_eq!((batch.peer(), batch.key().id), (header.author.peer, batch.id().short()));
        let stub = Stub::decode(&batch.stub().encode()).expect("just written");
        prop_assert_eq!((stub.header(), stub.verify(&ROOM)), (&header, Ok(batch.id())));
    }

    #[test]
    fn changed_headers_have_one_form(header in headers(), place in 0..HEADER_MAX, byte in any::<u8>(), way in 0..4) {
        let mut bytes = Vec::from(header.write(&mut [0; HEADER_MAX]));
        // What follows a header is not its own.
        bytes.extend([0; 12]);
        let place = place % bytes.len();
        match way {
            0 => bytes[place] = byte,
            1 => bytes.insert(place, byte),
            2 => {
                bytes[0] ^= 1 << (byte % 4);
                bytes.insert(place.max(1), 0);
            }
            _ => {
                bytes[place] |= 0x80;
                bytes.insert(place + 1, 0);
            }
        }
        if let Ok((read, rest)) = Header::read(&bytes) {
            let mut buffer = [0; HEADER_MAX];
            prop_assert_eq!(read.write(&mut buffer), &bytes[..bytes.len() - rest.len()]);
        }
    }

    #[test]
    fn rubbish_is_no_batch(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut bytes = bytes;
        if let Some(first) = bytes.first_mut() {
            *first = *first & 0xf | 0x20;
        }
        prop_assert!(read(&bytes).is_err());
        prop_assert!(Stub::decode(&bytes).is_ok_and(|stub| stub.verify(&ROOM).is_err()) || Stub::decode(&bytes).is_err());
    }
}

/// docs/protocol/batches.md has this sum.
#[test]
fn a_click_takes_138_bytes() {
    let click = sign(&header(), &CLICK).expect("a legal header");
    let number_of_room = 3;
    let mut link = MessageWriter::default();
    link.push(16, &[&[number_of_room], click.bytes()].concat());
    let parts = [
        ("kind and length of the message", 3),
        ("number of the room", 1),
        ("format and fields", 1),
        ("peer", 32),
        ("instance", 8),
        ("sequence", 2),
        ("replica", 1),
        ("record", 9),
        ("stamp", 6),
        ("cost", 1),
        ("used", 1),
        ("payload", 9),
        ("signature", 64),
    ];
    assert_eq!(link.len(), parts.iter().map(|(_, bytes)| bytes).sum::<usize>());
    assert_eq!(link.len(), 138);

    let late = Header { sequence: 2_000_000, used: Some(16_383), ..header() };
    let late = sign(&late, &CLICK).expect("a legal header");
    assert_eq!(late.bytes().len() + 4, 140, "the two millionth batch of a program is not larger");
}

#[test]
fn every_changed_byte_is_noticed() {
    let batch = sign(&Header { used: None, ..header() }, &CLICK).expect("a legal header");
    let stub = batch.stub().encode();
    for place in 0..batch.bytes().len() {
        for bit in 0..8 {
            let mut changed = batch.bytes().to_vec();
            changed[place] ^= 1 << bit;
            assert!(read(&changed).is_err(), "byte {place}");
        }
    }
    for place in 0..stub.len() {
        let mut changed = stub.clone();
        changed[place] ^= 1;
        let verdict = Stub::decode(&changed).and_then(|stub| stub.verify(&ROOM));
        assert!(verdict.is_err(), "byte {place} of the stub");
    }
}

#[test]
fn a_batch_counts_in_one_room() {
    let batch = sign(&header(), &CLICK).expect("a legal header");
    let elsewhere = UnverifiedBatch::decode(&RoomId([8; 32]), batch.bytes()).expect("its bytes are in order");
    assert_ne!(elsewhere.id(), batch.id());
    let Header { author, sequence, .. } = header();
    assert_eq!(elsewhere.verify(), Err(BatchError::Signature { author, sequence }));
    assert!(batch.stub().verify(&RoomId([8; 32])).is_err());
}

#[test]
fn a_header_has_one_form() {
    let batch = sign(&Header { record: RecordName::GENESIS, used: None, ..header() }, b"").expect("legal");
    let bytes = batch.bytes();
    assert_eq!(bytes[0], 0x20);
    // Where the fields stand that could be written otherwise.
    let (sequence, record, millis) = (41, 44, 44);
    let with = |flag: u8, place: usize, fields: &[u8], over: usize| {
        let mut changed = bytes.to_vec();
        changed[0] |= flag;
        changed.splice(place..place + over, fields.iter().copied());
        read(&changed)
    };
    assert_eq!(with(0, sequence, &[0xac, 0x82, 0], 2), Err(BatchError::NotShortest));
    assert_eq!(with(1, record, &[0; 9], 0), Err(BatchError::NotShortest), "the genesis is not named");
    assert_eq!(with(2, millis + 6, &[0], 0), Err(BatchError::NotShortest));
    assert_eq!(with(4, millis + 6, &[0], 0), Err(BatchError::NotShortest));
    let hashed = RecordName { number: 0, hash: [1; 8] };
    assert_eq!(with(1, record, &[0, 1, 1, 1, 1, 1, 1, 1, 1], 0), Err(BatchError::Record(hashed)));
    let far = RecordName { number: RECORDS_MAX + 1, hash: [0; 8] };
    assert_eq!(with(1, record, &[0x81, 8, 0, 0, 0, 0, 0, 0, 0, 0], 0), Err(BatchError::Record(far)));
    assert_eq!(with(0, sequence, &[0], 2), Err(BatchError::Sequence));
    assert_eq!(with(0, sequence + 2, &[8], 1), Err(BatchError::Family(8)));
    assert_eq!(with(0x10, 0, &[], 0), Err(BatchError::Format(0x30)));
    let never = Err(BatchError::Window { least: Stamp::NEVER, most: Stamp::NEVER });
    assert_eq!(with(0, millis, &[0], 6), never);
}

#[test]
fn what_cannot_be_is_not_signed() {
    let peer = Identity::from_secret([2; 32]).peer();
    let others = Header { author: Endpoint { peer, ..header().author }, ..header() };
    assert!(matches!(sign(&others, b""), Err(BatchError::Author { .. })));
    assert_eq!(sign(&Header { sequence: 0, ..header() }, b""), Err(BatchError::Sequence));
    let window = StampWindow { least: Stamp(9), most: Stamp(8) };
    assert!(matches!(sign(&Header { window, ..header() }, b""), Err(BatchError::Window { .. })));
    let record = RecordName { number: 0, hash: [1; 8] };
    assert_eq!(sign(&Header { record, ..header() }, b""), Err(BatchError::Record(record)));
}

#[test]
fn lengths_are_bounded() {
    let longest = sign(&header(), &vec![0; PAYLOAD_MAX]).expect("as long as may be");
    assert!(longest.bytes().len() <= BATCH_MAX && read(longest.bytes()).is_ok());
    assert!(longest.stub().encode().len() <= STUB_MAX);
    assert_eq!(sign(&header(), &vec![0; PAYLOAD_MAX + 1]), Err(BatchError::TooLong(PAYLOAD_MAX + 1)));
    assert_eq!(read(&vec![0x20; BATCH_MAX + 1]), Err(BatchError::TooLong(BATCH_MAX + 1)));
    assert_eq!(read(&[0x20; 63]), Err(BatchError::TooShort(63)));
    let mut padded: Vec<u8> = longest.bytes().to_vec();
    padded.resize(BATCH_MAX, 0);
    assert!(
        matches!(read(&padded), Err(BatchError::TooLong(_))),
        "the header is short, the payload too long"
    );
}

#[test]
fn batches_of_the_first_format_are_named() {
    assert_eq!(read(&[1; 125]), Err(BatchError::Format(1)));
    assert_eq!(read(&[2; 158]), Err(BatchError::Format(2)));
}

#[test]
fn the_golden_batch_is_the_documented_one() {
    let batch = sign(&header(), &CLICK).expect("a legal header");
    let page = include_str!("../../../../../docs/protocol/batches.md");
    let page: String = page.split_whitespace().collect();
    for golden in [hex(batch.bytes()), hex(&batch.id().0)] {
        assert!(page.contains(&golden), "docs/protocol/batches.md lacks {golden}");
    }
}

#[test]
fn ids_are_derived_under_their_context() {
    assert_eq!(ID_KEY, blake3::hazmat::hash_derive_key_context("meshwork batch id v2"));
}
