//! The reader of updates against what yrs writes and reads, against changed bytes and against lies.

use std::collections::BTreeMap;
use std::slice;

use proptest::prelude::*;
use yrs::updates::decoder::Decode as _;
use yrs::{
    Any, Array as _, ArrayPrelim, ClientID, Doc, GetString as _, Map as _, MapPrelim, OffsetKind, Options,
    Out, ReadTxn as _, Text as _, TextPrelim, Transact as _, WriteTxn as _,
};

use super::*;

/// A document with this client, in which nothing that was deleted is collected unless that is asked for.
fn document(client: u64, collects: bool) -> Doc {
    let client_id = ClientID::new(client);
    Doc::with_options(Options {
        client_id,
        skip_gc: !collects,
        offset_kind: OffsetKind::Utf16,
        ..Options::default()
    })
}

/// One act of somebody in a document.
#[derive(Clone, Debug)]
enum Act {
    Write(u32, String),
    Delete(u32, u32),
    Mark(u32, u32),
    Embed(u32),
    Set(String, i64),
    Nest(String),
    Push(Vec<f64>),
    Unset(String),
}

/// Letters have one unit of UTF-16 each: who writes into the middle of a pair breaks it.
fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (any::<u32>(), "[a-zäß€]{1,12}").prop_map(|(at, text)| Act::Write(at, text)),
        2 => (any::<u32>(), 1..5_u32).prop_map(|(at, length)| Act::Delete(at, length)),
        1 => (any::<u32>(), 1..5_u32).prop_map(|(at, length)| Act::Mark(at, length)),
        1 => any::<u32>().prop_map(Act::Embed),
        1 => ("[a-c]", any::<i64>()).prop_map(|(key, value)| Act::Set(key, value)),
        1 => "[a-c]".prop_map(Act::Nest),
        1 => prop::collection::vec(any::<f64>(), 1..4).prop_map(Act::Push),
        1 => "[a-c]".prop_map(Act::Unset),
    ]
}

/// Carries an act out, and returns its update.
fn update_of(document: &Doc, act: &Act) -> Vec<u8> {
    let mut writing = document.transact_mut();
    let text = writing.get_or_insert_text("text");
    let map = writing.get_or_insert_map("map");
    let list = writing.get_or_insert_array("list");
    let length = text.len(&writing);
    match act {
        Act::Write(at, words) => text.insert(&mut writing, at % (length + 1), words),
        Act::Delete(at, most) if length > 0 => {
            let at = at % length;
            text.remove_range(&mut writing, at, (*most).min(length - at));
        }
        Act::Mark(at, most) if length > 0 => {
            let (at, bold) = (at % length, [("bold".into(), Any::Bool(true))]);
            text.format(&mut writing, at, (*most).min(length - at), bold.into_iter().collect());
        }
        Act::Embed(at) => drop(text.insert_embed(&mut writing, at % (length + 1), Any::from("picture"))),
        Act::Set(key, value) => drop(map.insert(&mut writing, key.as_str(), *value)),
        Act::Nest(key) => drop(map.insert(&mut writing, key.as_str(), TextPrelim::new("within"))),
        Act::Push(values) => {
            let values: Vec<Any> = values.iter().map(|value| Any::from(*value)).collect();
            list.push_back(&mut writing, ArrayPrelim::from(values));
        }
        Act::Unset(key) => drop(map.remove(&mut writing, key)),
        Act::Delete(..) | Act::Mark(..) => {}
    }
    writing.encode_update_v1()
}

/// The whole of a document to which this update was applied.
fn whole_of(update: &[u8]) -> Vec<u8> {
    let applied = document(7, false);
    applied.transact_mut().apply_update(yrs::Update::decode_v1(update).unwrap()).unwrap();
    applied.transact().encode_diff_v1(&yrs::StateVector::default())
}

/// Where the items of an update end, by client.
fn ends(update: &Update<'_>) -> BTreeMap<u64, u64> {
    let mut ends = BTreeMap::new();
    for item in &update.items {
        ends.insert(item.id.client, item.id.clock + item.length);
    }
    ends
}

proptest! {
    /// What yrs writes is read, and says what yrs reads of it.
    #[test]
    fn honest_updates_are_read_whole(acts in prop::collection::vec((0..3_u64, act()), 1..40)) {
        let people: Vec<Doc> = (0..3).map(|client| document(1000 - client, false)).collect();
        let mut said = Vec::new();
        for (who, act) in &acts {
            let bytes = update_of(&people[*who as usize], act);
            let read = read(&bytes).map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert!(read.items.iter().all(|item| item.id.client == 1000 - who));
            said.push(bytes.clone());
            for other in people.iter().filter(|other| other.client_id() != people[*who as usize].client_id()) {
                other.transact_mut().apply_update(yrs::Update::decode_v1(&bytes).unwrap()).unwrap();
            }
        }
        let whole = people[0].transact().encode_diff_v1(&yrs::StateVector::default());
        let update = read(&whole).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let state = people[0].transact().state_vector();
        let expected: BTreeMap<u64, u64> =
            state.iter().map(|(client, clock)| (client.get(), u64::from(*clock))).collect();
        prop_assert_eq!(ends(&update), expected);
        // The whole has each of them, and none that is less has the whole.
        for one in &said {
            let one = super::read(one).expect("it was read");
            prop_assert!(update.contains(slice::from_ref(&one)));
            prop_assert!(!one.contains(slice::from_ref(&update)) || ends(&one) == ends(&update));
        }
        // In slices it is the same, and none waits for a later one.
        let pieces = || update.items.iter().map(Piece::of).collect::<Vec<_>>();
        let deletions: Ranges = update.deletions.iter().cloned().collect();
        let expected = whole_of(&write(pieces(), &deletions));
        let client = people[0].client_id().get();
        for (items_max, client) in [(1, None), (3, None), (3, Some(client))] {
            let slices = slices(pieces(), &deletions, items_max, client);
            let applied = document(7, false);
            for (number, slice) in slices.iter().enumerate() {
                let items = super::read(slice).expect("written here").items;
                let is_own = |item: &Item<'_>| Some(item.id.client) == client;
                prop_assert!(items.len() <= items_max || number == 0 && items.iter().any(is_own));
                prop_assert!(number == 0 || !items.iter().any(is_own));
                applied.transact_mut().apply_update(yrs::Update::decode_v1(slice).unwrap()).unwrap();
                prop_assert!(applied.transact().store().pending_update().is_none());
            }
            prop_assert_eq!(&applied.transact().encode_diff_v1(&yrs::StateVector::default()), &expected);
        }
        // The items of a client lie one behind the other.
        for pair in update.items.windows(2).filter(|pair| pair[0].id.client == pair[1].id.client) {
            prop_assert_eq!(pair[0].id.clock + pair[0].length, pair[1].id.clock);
        }
    }

    /// A changed update is refused or read, and costs no more than it is long.
    #[test]
    fn changed_updates_are_harmless(
        acts in prop::collection::vec(act(), 1..20),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let person = document(7, false);
        acts.iter().for_each(|act| drop(update_of(&person, act)));
        let mut bytes = person.transact().encode_diff_v1(&yrs::StateVector::default());
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes.truncate(1 + cut.index(bytes.len()));
        if let Ok(update) = read(&bytes) {
            prop_assert!(update.items.len() <= bytes.len() && update.deletions.len() <= bytes.len());
            prop_assert!(update.items.iter().all(|item| item.id.clock + item.length <= CLOCK_MAX));
        }
    }
}

#[test]
fn updates_read_as_they_are_written() {
    // Client 300 writes "Hi" at the beginning of "text", and "!" behind it; the H is deleted.
    let bytes = b"\x01\x02\xac\x02\x00\x04\x01\x04text\x02Hi\x84\xac\x02\x01\x01!\x01\xac\x02\x01\x00\x01";
    let id = |clock| Id { client: 300, clock };
    let text = |bytes| Content { kind: Kind::Text, bytes };
    let first = Item {
        id: id(0),
        length: 2,
        origin: None,
        right: None,
        parent: Some(Parent::Root("text")),
        key: None,
        content: text(b"\x02Hi"),
    };
    let second =
        Item { id: id(2), length: 1, origin: Some(id(1)), parent: None, content: text(b"\x01!"), ..first };
    assert_eq!(read(bytes), Ok(Update { items: vec![first, second], deletions: vec![(300, 0..1)] }));
    let applied = document(1, false);
    applied.transact_mut().apply_update(yrs::Update::decode_v1(bytes).unwrap()).unwrap();
    let reading = applied.transact();
    assert_eq!(reading.get_text("text").unwrap().get_string(&reading), "i!");
}

#[test]
fn collected_structs_are_refused() {
    let person = document(1, true);
    update_of(&person, &Act::Nest("a".into()));
    update_of(&person, &Act::Unset("a".into()));
    let whole = person.transact().encode_diff_v1(&yrs::StateVector::default());
    assert_eq!(read(&whole), Err(UpdateError::Collected));
}

#[test]
fn lies_are_told_apart() {
    let deep = [&b"\x01\x01\x01\x00\x08\x01\x01t\x01"[..], &[117, 1].repeat(DEPTH_MAX), b"\x7e\x00"].concat();
    let cases: &[(&[u8], UpdateError)] = &[
        (b"", UpdateError::BreaksOff),
        (b"\xff\xff\xff\xff\xff\xff\xff\x0f\x00", UpdateError::BreaksOff),
        (b"\x80\x00\x00", UpdateError::Number),
        (b"\x01\x01\x01\x00\x04\x01\x01t\x01\xff\x00", UpdateError::Text),
        (b"\x01\x01\x01\x00\x00\x01\x00", UpdateError::Collected),
        (b"\x01\x01\x01\x00\x0b\x01\x01t\x00", UpdateError::Kind(11)),
        (b"\x01\x01\x01\x00\x02\x01\x01t\x01\x011\x00", UpdateError::Kind(2)),
        (b"\x01\x01\x01\x00\x07\x01\x01t\x05\x01h\x00", UpdateError::Kind(5)),
        (b"\x01\x01\x01\x00\x05\x01\x01t\x01{\x00", UpdateError::Json),
        (b"\x01\x01\x01\x00\x06\x01\x01t\x01b\x02no\x00", UpdateError::Json),
        (b"\x01\x01\x01\x00\x07\x01\x01t\x09\x00", UpdateError::Kind(9)),
        (b"\x01\x01\x01\x00\x08\x01\x01t\x01\x05\x00", UpdateError::Kind(5)),
        (b"\x01\x01\x01\x00\x04\x01\x01t\x00\x00", UpdateError::Empty),
        (&deep, UpdateError::Depth),
        // Client 1 before client 1, before client 2, and without items.
        (b"\x02\x01\x01\x00\x0a\x01\x01\x01\x05\x0a\x01\x00", UpdateError::Twice(1)),
        (b"\x02\x01\x01\x00\x0a\x01\x01\x02\x00\x0a\x01\x00", UpdateError::Twice(2)),
        (b"\x01\x00\x01\x00\x00", UpdateError::Twice(1)),
        (b"\x00\x02\x01\x01\x00\x01\x01\x01\x05\x01", UpdateError::Twice(1)),
        // Items, and a deletion, beyond the last clock.
        (b"\x01\x01\x01\xff\xff\xff\xff\x07\x01\x01\x01t\x02\x00", UpdateError::Number),
        (b"\x00\x01\x01\x01\xff\xff\xff\xff\x07\x02", UpdateError::Number),
        (b"\x00\x00\x07", UpdateError::Trailing(1)),
    ];
    for (bytes, error) in cases {
        assert_eq!(read(bytes), Err(*error), "{bytes:x?}");
    }
    assert_eq!(read(b"\x00\x00"), Ok(Update::default()));
    let letters = vec![[0x0a_u8, 1]; ITEMS_MAX + 1].concat();
    let many = [&b"\x00\x01\x01\x81\x80\x01"[..], &letters].concat();
    assert_eq!(read(&many), Err(UpdateError::TooMany));
}

#[test]
fn types_of_all_kinds_are_read() {
    let person = document(5, false);
    {
        let mut writing = person.transact_mut();
        let map = writing.get_or_insert_map("map");
        let value = Any::from_json(r#"{"a": [1, -7, 2.5, null, true, "text", {"b": []}]}"#).unwrap();
        map.insert(&mut writing, "value", value);
        map.insert(&mut writing, "map", MapPrelim::from([("bytes", Any::from(vec![1_u8, 2]))]));
        map.insert(&mut writing, "great", i64::MIN);
        writing.get_or_insert_xml_fragment("page");
    }
    let whole = person.transact().encode_diff_v1(&yrs::StateVector::default());
    let update = read(&whole).unwrap();
    let kinds: Vec<Kind> = update.items.iter().map(|item| item.content.kind).collect();
    assert!(kinds.contains(&Kind::Type) && kinds.contains(&Kind::Any), "{kinds:?}");
    let again = document(6, false);
    again.transact_mut().apply_update(yrs::Update::decode_v1(&whole).unwrap()).unwrap();
    let reading = again.transact();
    assert!(matches!(reading.get_map("map").unwrap().get(&reading, "map"), Some(Out::YMap(_))));
}
