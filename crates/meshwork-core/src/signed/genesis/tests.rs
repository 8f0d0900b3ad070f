//! Geneses read as they are signed, and only so.

use alloc::string::ToString as _;
use alloc::vec;

use proptest::prelude::*;

use super::*;
use crate::rng::Rng;

fn identity() -> Identity {
    Identity::from_secret([1; 32])
}

fn owned(parameters: Vec<u8>, secret: Option<&Secret>) -> Owned {
    let app = "place".parse().expect("a word");
    let parameters = Bytes::new(parameters).expect("short");
    Owned::new(&mut Rng::new([1; 32]), identity().peer(), app, parameters, secret)
}

fn commons() -> Commons {
    let name = BoundedText::new("lan").expect("short");
    Commons { name, nonce: 0, app: "chat".parse().expect("a word"), parameters: Bytes::default() }
}

/// docs/protocol/genesis.md shows these names.
#[test]
fn geneses_read_as_they_are_signed() {
    let secret = Secret([4; 16]);
    let (bytes, room) = owned(vec![100, 70], Some(&secret)).sign(&identity()).expect("the owner signs");
    let (genesis, read) = Genesis::decode(&bytes).expect("just signed");
    assert_eq!((read, genesis.owner()), (room, Some(identity().peer())));
    assert_eq!((&**genesis.app().0, &**genesis.app().1), ("place", &[100, 70][..]));
    assert_eq!(genesis.commitment(), Some(secret.commitment()));
    let page = include_str!("../../../../../docs/protocol/genesis.md");
    assert!(page.contains(&room.to_string()), "docs/protocol/genesis.md lacks {room}");

    let (bytes, room) = commons().to_bytes();
    let (genesis, read) = Genesis::decode(&bytes).expect("just written");
    assert_eq!((read, genesis.owner(), genesis.commitment()), (room, None, None));
    assert!(page.contains(&room.to_string()), "docs/protocol/genesis.md lacks {room}");
}

#[test]
fn every_changed_byte_is_noticed() {
    let (bytes, room) = owned(vec![], None).sign(&identity()).expect("the owner signs");
    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        assert!(Genesis::decode(&changed).is_err(), "byte {place}");
    }
    for place in 0..=bytes.len() {
        let mut longer = bytes.clone();
        longer.insert(place, 0);
        assert!(Genesis::decode(&longer).is_err(), "byte {place}");
    }
    assert_eq!(Genesis::decode(&bytes).expect("unchanged").1, room);
    let others = Identity::from_secret([2; 32]);
    assert!(matches!(owned(vec![], None).sign(&others), Err(GenesisError::Owner { .. })));
}

/// docs/protocol/genesis.md shows it.
#[test]
fn a_commons_without_a_name_is_not_stored() {
    let parameters = Bytes::new(vec![1]).expect("short");
    let default = Commons { name: BoundedText::default(), parameters, ..commons() };
    let (bytes, room) = default.to_bytes();
    let stored = |bytes: &[u8]| Genesis::decode(bytes).expect("just written").0.is_stored();
    assert!(!stored(&bytes) && stored(&commons().to_bytes().0));
    assert!(stored(&owned(vec![], None).sign(&identity()).expect("the owner signs").0));
    let page = include_str!("../../../../../docs/protocol/genesis.md");
    assert!(page.contains(&room.to_string()), "docs/protocol/genesis.md lacks {room}");
}

#[test]
fn a_commons_has_one_byte_string() {
    let (bytes, _) = commons().to_bytes();
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(Genesis::decode(&longer), Err(DecodeError::Trailing(1).into()));
    let nonce = bytes.iter().rposition(|&byte| byte == b'n').expect("the name ends with n") + 1;
    let mut padded = bytes.clone();
    padded.splice(nonce..=nonce, [0x80, 0]);
    assert_eq!(Genesis::decode(&padded), Err(GenesisError::NotShortest));
}

#[test]
fn other_formats_are_named_in_words() {
    // Meshwork 0.1 wrote this.
    let first = "0178774a186003cdaf73dfefce516edeac8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c00644600ca90a6bf3a5a456985d2562ecf28761e7bbff9d9cf8bc77a6885301d3662cc8a291ab59c71e066696505f0472e12863377169139bb149c8f75fd0ff99e8f9a07";
    let byte = |place: usize| u8::from_str_radix(&first[place..place + 2], 16).expect("hex");
    let first: Vec<u8> = (0..first.len()).step_by(2).map(byte).collect();
    assert_eq!(Genesis::decode(&first), Err(GenesisError::First));
    assert!(GenesisError::First.to_string().contains("Meshwork 0.1"));
    assert_eq!(Genesis::decode(&[3, 0]), Err(GenesisError::Later(3)));
    assert_eq!(Genesis::decode(&[]), Err(GenesisError::Length(0)));
    assert_eq!(Genesis::decode(&[2; GENESIS_MAX + 1]), Err(GenesisError::Length(GENESIS_MAX + 1)));
}

#[test]
fn the_longest_genesis_fits() {
    let mut longest = owned(vec![0; 256], Some(&Secret([4; 16])));
    longest.app = "0123456789abcdef0123456789abcdef".parse().expect("a word");
    longest.heirs = Bytes::new(vec![7; HEIRS_MAX]).expect("as long as may be");
    let (bytes, room) = longest.clone().sign(&identity()).expect("the owner signs");
    assert_eq!(bytes.len(), 696);
    assert_eq!(Genesis::decode(&bytes), Ok((Genesis::Owned(longest), room)));
}

proptest! {
    #[test]
    fn rubbish_is_no_genesis(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut bytes = bytes;
        bytes.splice(0..0, [FORMAT, 0]);
        prop_assert!(Genesis::decode(&bytes).is_err());
    }
}
