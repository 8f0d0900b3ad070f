//! What batches may say of documents.

use super::*;
use crate::document::update::Ranges;

/// The update by which this client writes words at the beginning of a document.
fn words(client: u64, words: &str) -> Vec<u8> {
    let document = library(client);
    let mut writing = document.transact_mut();
    let text = writing.get_or_insert_text("text");
    text.insert(&mut writing, 0, words);
    writing.encode_update_v1()
}

fn refused(author: Endpoint, payload: &[u8]) -> SaidError {
    let read = Said::read(payload).and_then(|said| said.check(author));
    read.expect_err("it is refused")
}

#[test]
fn items_are_their_authors() {
    let (ann, bo) = (Person::new(1, 1).me, Person::new(2, 1).me);
    let before = Endpoint { instance: Instance(7), ..ann };
    let own = words(client_of(ann), "mine");
    assert_eq!(Said::read(&payload("notes", &[], &own)).expect("read").check(ann), Ok(()));
    assert_eq!(refused(bo, &payload("notes", &[], &own)), SaidError::Client(client_of(ann)));
    let earlier = words(client_of(before), "mine");
    assert_eq!(refused(ann, &payload("notes", &[], &earlier)), SaidError::Client(client_of(before)));
    let named = payload("notes", &[Instance(7)], &earlier);
    assert_eq!(Said::read(&named).expect("read").check(ann), Ok(()));
    assert_eq!(refused(bo, &named), SaidError::Client(client_of(before)), "the instance is another peer's");
    // Deletions name anybody's items.
    let deletion = b"\x00\x01\x05\x01\x00\x04";
    assert_eq!(Said::read(&payload("notes", &[], deletion)).expect("read").check(bo), Ok(()));
}

#[test]
fn seeds_stand_once_whoever_plants_them() {
    let content = words(0, "Agenda:");
    let seed = seed("notes", &content).expect("short");
    let mut people = [Person::new(1, 1), Person::new(2, 1), Person::new(3, 1)];
    for person in &mut people[..2] {
        person.say(&payload("notes", &[], &seed), None);
    }
    people[0].write(7, " ferry");
    settle(&mut people, &mut Rng::new([1; 32]), 1);
    assert_eq!(people[2].text(), "Agenda: ferry");
    let batch = payload("other", &[], &seed);
    assert!(matches!(refused(people[0].me, &batch), SaidError::Client(_)), "a seed is one document's");
    let read = update::read(&seed).expect("written here");
    let client = read.items[0].id.client;
    let more = [seed.clone(), words(client, "Agenda!")];
    let changed = update::renamed(&update::read(&more[1]).expect("words"), client, client);
    assert_eq!(refused(people[0].me, &payload("notes", &[], &changed)), SaidError::Client(client));
    assert_eq!(super::super::seed("notes", &words(3, "x")), Err(SaidError::Client(3)));
}

#[test]
fn payloads_are_as_documented() {
    let update = b"\x00\x01\x05\x01\x00\x04";
    let written = payload("notes", &[Instance(7)], update);
    assert_eq!(written, b"\x05notes\x01\x07\x00\x00\x00\x00\x00\x00\x00\x00\x01\x05\x01\x00\x04");
    let author = Endpoint { peer: PeerId([3; 32]), instance: Instance(7) };
    assert_eq!(client_of(author), GOLDEN_CLIENT);
    let content = b"\x01\x01\x00\x00\x04\x01\x04text\x02Hi\x00";
    let seed = seed("notes", content).expect("short");
    assert_eq!(update::read(&seed).expect("read").items[0].id.client, GOLDEN_SEED);
}

const GOLDEN_CLIENT: u64 = 8_457_784_881_803_475;
const GOLDEN_SEED: u64 = 298_910_264_212_887;

#[test]
fn wrong_payloads_are_refused() {
    let author = Person::new(1, 1).me;
    let update = b"\x00\x01\x05\x01\x00\x04";
    let long = "n".repeat(NAME_MAX + 1);
    for (payload, error) in [
        (Vec::new(), SaidError::Head),
        (payload("", &[], update), SaidError::Head),
        (payload(&long, &[], update), SaidError::Head),
        (b"\x02\xff\xfe\x00\x00\x00".to_vec(), SaidError::Head),
        (b"\x05notes\x02\x07".to_vec(), SaidError::Head),
        (payload("notes", &[Instance(2), Instance(1)], update), SaidError::Former),
        (payload("notes", &[Instance(1), Instance(1)], update), SaidError::Former),
        (payload("notes", &[], b"\x00\x00"), SaidError::Nothing),
        (payload("notes", &[], b""), SaidError::Update(update::UpdateError::BreaksOff)),
    ] {
        assert_eq!(refused(author, &payload), error, "{payload:x?}");
    }
}

#[test]
fn long_updates_are_cut_within_items() {
    let (mut ann, mut bo) = (Person::new(1, 1), Person::new(2, 1));
    let long: String = (0..150_000).map(|place| char::from(b'a' + (place % 26) as u8)).collect();
    ann.write(0, &format!("{long}€"));
    for place in 0..400 {
        ann.write(place * 300, "€");
    }
    ann.delete(10, 100_000);
    assert!(ann.documents.batch_count() > 3);
    exchange(&mut ann, &mut bo, &mut Rng::new([1; 32]));
    assert_eq!((bo.text(), bo.text().is_empty()), (ann.text(), false));
    let huge = yrs::Any::Buffer(vec![7; UPDATE_MAX].into());
    let document = library(client_of(ann.me));
    let mut writing = document.transact_mut();
    let list = writing.get_or_insert_array("list");
    yrs::Array::push_back(&list, &mut writing, huge);
    let said = payloads("notes", &[], &writing.encode_update_v1());
    assert!(matches!(said, Err(SaidError::TooLong(_))), "{said:?}");
}

#[test]
fn folds_leave_long_updates_alone() {
    let mut ann = Person::new(1, 1);
    ann.write(0, &"long ".repeat(2000));
    let ids = |person: &Person| person.documents.batches().map(|batch| batch.id()).collect::<Vec<_>>();
    let long = ids(&ann)[0];
    for _ in 0..64 {
        ann.write(u32::MAX, "a");
    }
    assert!(ann.fold() && !ann.fold());
    let left = ids(&ann);
    assert!(left.len() == 2 && left.contains(&long), "{left:?}");
    assert_eq!(ann.text(), "long ".repeat(2000) + &"a".repeat(64));
}

#[test]
fn deleted_content_goes_with_folds() {
    let (mut ann, mut bo) = (Person::new(1, 1), Person::new(2, 1));
    let secret = "the-password-is-swordfish";
    ann.write(0, secret);
    let padding = "x".repeat(12_000);
    ann.write(0, &padding);
    exchange(&mut ann, &mut bo, &mut Rng::new([1; 32]));
    ann.delete(12_000, secret.len() as u32);
    while ann.fold() {}
    exchange(&mut ann, &mut bo, &mut Rng::new([1; 32]));
    let holds = |person: &Person| {
        person
            .documents
            .batches()
            .any(|batch| batch.bytes().windows(secret.len()).any(|window| window == secret.as_bytes()))
    };
    assert!(!holds(&ann) && !holds(&bo));
    assert_eq!(bo.text(), padding);
}

#[test]
fn authors_are_those_who_signed() {
    let (mut ann, mut bo) = (Person::new(1, 1), Person::new(2, 1));
    ann.write(0, "ann");
    exchange(&mut ann, &mut bo, &mut Rng::new([1; 32]));
    bo.write(3, "bo");
    let id = |person: &Person, clock| update::Id { client: client_of(person.me), clock };
    assert_eq!(bo.documents.author("notes", id(&ann, 2)), Some(ann.me.peer));
    assert_eq!(bo.documents.author("notes", id(&bo, 1)), Some(bo.me.peer));
    assert_eq!(bo.documents.author("notes", id(&bo, 2)), None);
    assert_eq!(bo.documents.author("else", id(&bo, 1)), None);
}

#[test]
fn what_exceeds_a_share_falls_out() {
    let (mut ann, mut bo) = (Person::new(1, 1), Person::new(2, 1));
    bo.write(0, "before");
    exchange(&mut ann, &mut bo, &mut Rng::new([1; 32]));
    let long = "y".repeat(60_000);
    for _ in 0..BYTES_MAX / 60_000 + 5 {
        ann.write(0, &long);
    }
    let (_, bytes) = ann.documents.used(ann.me.peer);
    assert!(bytes <= BYTES_MAX && bytes > BYTES_MAX - 70_000, "{bytes}");
    exchange(&mut ann, &mut bo, &mut Rng::new([1; 32]));
    bo.write(0, "after ");
    exchange(&mut ann, &mut bo, &mut Rng::new([1; 32]));
    assert_eq!(ann.documents.digest(), bo.documents.digest());
    let (own, other) = (text_of(&ann.opened()), bo.text());
    assert!(own == other && other.contains("before") && other.contains("after "), "others' text is there");
}

#[test]
fn erased_items_stay_erased() {
    let (mut ann, mut bo) = (Person::new(1, 1), Person::new(2, 1));
    ann.write(0, "keep this, not that");
    exchange(&mut ann, &mut bo, &mut Rng::new([1; 32]));
    bo.write(19, "!");
    let scope = erase_scope("notes", &[(client_of(ann.me), 9..19)]);
    let retraction = meshwork_core::replica::Retraction {
        replica: meshwork_core::replica::ReplicaNumber::FIRST,
        author: None,
        until: Stamp(START),
        scope: meshwork_core::wire::Bytes::new(scope).expect("short"),
    };
    for person in [&mut ann, &mut bo] {
        let enforced =
            person.documents.enforce(&|_| true, std::slice::from_ref(&retraction), &mut std::iter::empty());
        assert!(enforced.changed.is_some() && enforced.removed.is_empty());
        person.open = person.opened();
    }
    assert_eq!((ann.text(), bo.text()), ("keep this".into(), "keep this!".into()));
    ann.write(0, "I ");
    while ann.fold() {}
    exchange(&mut ann, &mut bo, &mut Rng::new([1; 32]));
    assert_eq!(text_of(&bo.opened()), "I keep this!");
}

#[test]
fn crowded_deletions_let_long_ones_go() {
    let (mut ann, mut bo) = (Person::new(1, 1), Person::new(2, 1));
    let secret = "the-password-is-swordfish";
    ann.write(0, &"letters ".repeat(6000));
    ann.write(20_000, secret);
    ann.delete(20_000, secret.len() as u32);
    // Without their letters so many single ones take more bytes than a batch has.
    ann.edit(|writing| {
        let text = writing.get_or_insert_text("text");
        (0..5000).for_each(|place| text.remove_range(writing, place, 1));
    });
    let before = ann.text();
    while ann.fold() {}
    exchange(&mut ann, &mut bo, &mut Rng::new([1; 32]));
    assert_eq!((bo.text(), before.len()), (before.clone(), 43_000));
    let has = |batch: &SignedBatch| batch.bytes().windows(secret.len()).any(|part| part == secret.as_bytes());
    assert!(!bo.documents.batches().any(has));
    assert!(bo.documents.batch_count() < 4, "{}", bo.documents.batch_count());
}

#[test]
fn later_payloads_are_kept_as_they_are() {
    let (mut ann, mut bo) = (Person::new(1, 1), Person::new(2, 1));
    ann.write(0, "ferry");
    let later = [&b"\x00\x02\x03"[..], &[0xff; 3000]].concat();
    bo.say(&later, None);
    exchange(&mut ann, &mut bo, &mut Rng::new([1; 32]));
    assert_eq!(ann.documents.digest(), bo.documents.digest());
    assert_eq!((ann.text(), ann.documents.batch_count()), ("ferry".into(), 2));
    assert_eq!(ann.documents.outline(&later).map(|(_, cost)| cost), Some(3));
    let (_, bytes) = ann.documents.used(bo.me.peer);
    assert!(bytes > later.len(), "it counts in its author's share: {bytes}");
    // What is there already is not taken in again, and a ban takes it.
    let said = ann.documents.batches().find(|batch| batch.peer() == bo.me.peer).cloned().expect("kept");
    ann.hear(said);
    assert_eq!(ann.documents.batch_count(), 2);
    ann.enforce([(bo.me.peer, BTreeSet::new())].into());
    assert_eq!((ann.text(), ann.documents.batch_count()), ("ferry".into(), 1));
    let author = Person::new(1, 1).me;
    for payload in
        [&b"\x00"[..], b"\x00\x02", b"\x00\x00\x01", b"\x00\x01\x01", b"\x00\x02\x00", b"\x00\x02\x80\x00"]
    {
        assert_eq!(refused(author, payload), SaidError::Head, "{payload:x?}");
        assert!(Documents::new().check(&header(author), payload).is_err(), "{payload:x?}");
    }
    assert!(Documents::new().check(&header(author), &later[..2000]).is_ok());
    let cheap = [&b"\x00\x02\x02"[..], &[0; 3000]].concat();
    assert!(Documents::new().check(&header(author), &cheap).is_err(), "it costs its begun KiB");
}

fn header(author: Endpoint) -> Header {
    Header::new(author, 1, StampWindow::at(Stamp(START)), 0)
}

#[test]
fn scopes_have_place_for_every_session() {
    let name = "n".repeat(NAME_MAX);
    let client = update::CLIENT_MAX - 200;
    let ranges = |number| (client + number, (1_u64 << 31) - 2 * number - 2..(1_u64 << 31) - number - 1);
    let items: Ranges = (0..200).map(ranges).collect();
    let scopes = erase_scopes(&name, &items);
    assert!(scopes.iter().all(|scope| scope.len() <= 1024) && scopes.len() < 6, "{}", scopes.len());
    let erased: Ranges = scopes.iter().flat_map(|scope| erased_in(scope, &name)).collect();
    assert_eq!(erased, items);
    assert!(erase_scopes(&name, &Ranges::default()).is_empty());
}

#[test]
fn items_of_a_peer_are_no_seeds() {
    let (mut ann, mut bo) = (Person::new(1, 1), Person::new(2, 1));
    ann.say(&payload("notes", &[], &seed("notes", &words(0, "Agenda:")).expect("short")), None);
    ann.write(7, " ferry");
    exchange(&mut ann, &mut bo, &mut Rng::new([1; 32]));
    bo.write(0, "bo");
    let mut again = ann.reloaded(2);
    again.write(13, "!");
    exchange(&mut again, &mut bo, &mut Rng::new([1; 32]));
    let own = |instance, end| (client_of(Endpoint { instance: Instance(instance), ..ann.me }), 0..end);
    let items: Ranges = [own(1, 6), own(2, 1)].into_iter().collect();
    assert_eq!(bo.documents.items_of("notes", ann.me.peer), items);
    assert!(bo.documents.items_of("other", ann.me.peer).is_empty());
}
