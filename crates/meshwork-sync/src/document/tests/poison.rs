//! Documents that somebody poisons: what others write afterwards costs what it did before.

use std::borrow::Cow;

use super::*;
use crate::document::update::{Id, Parent, Piece, Ranges, Says, write};
use crate::document::visits::visited;

/// Somebody who signs what it likes, in any number of sessions.
struct Stranger {
    identity: Identity,
    sequence: u64,
}

impl Stranger {
    fn new(secret: u8) -> Stranger {
        Stranger { identity: Identity::from_secret([secret; 32]), sequence: 0 }
    }

    fn endpoint(&self, instance: u64) -> Endpoint {
        Endpoint { peer: self.identity.peer(), instance: Instance(instance) }
    }

    fn id(&self, instance: u64, clock: u64) -> Id {
        Id { client: client_of(self.endpoint(instance)), clock }
    }

    fn sign(&mut self, instance: u64, stamp: u64, pieces: Vec<Piece<'_>>) -> SignedBatch {
        self.sequence += 1;
        let window = StampWindow::at(Stamp(START + stamp));
        let header = Header::new(self.endpoint(instance), self.sequence, window, 0);
        let payload = payload("notes", &[], &write(pieces, &Ranges::default()));
        SignedBatch::sign(&self.identity, &ROOM, &header, &payload).expect("short")
    }
}

fn piece(id: Id, words: &str, origin: Option<Id>, right: Option<Id>) -> Piece<'_> {
    let parent = (origin.is_none() && right.is_none()).then_some(Parent::Root("text"));
    let content = Says::Text(Cow::Borrowed(words));
    Piece { id, length: words.len() as u64, origin, right, parent, key: None, content }
}

/// Takes a batch in as a program does that has nothing open.
fn keep(documents: &mut Documents, batch: &SignedBatch) -> Vec<Change> {
    let content = documents.check(&batch.header(), batch.payload()).expect("it can be read");
    let changed = documents.apply(batch.clone(), content).changed;
    changed.iter().flat_map(|changes| changes.of::<Change>()).cloned().collect()
}

/// The batches that so many letters make, typed one by one.
fn typed(person: &mut Person, count: usize) -> Vec<SignedBatch> {
    (0..count)
        .map(|_| {
            let end = person.open.transact().state_vector().get(&person.open.client_id());
            let id = |clock| Id { client: client_of(person.me), clock };
            let origin = u64::from(end).checked_sub(1).map(id);
            let update = write(vec![piece(id(end.into()), "a", origin, None)], &Ranges::default());
            apply(&person.open, &update);
            person.clock += 1;
            person.sequence += 1;
            let header = Header::new(person.me, person.sequence, StampWindow::at(Stamp(person.clock)), 0);
            let payload = payload("notes", &[], &update);
            SignedBatch::sign(&person.identity, &ROOM, &header, &payload).expect("short")
        })
        .collect()
}

/// A document of so many letters, of which each thousand is an update.
fn long(person: &mut Person, letters: usize) -> Vec<SignedBatch> {
    let words = "long ".repeat(200);
    (0..letters / 1000).for_each(|_| person.write(0, &words));
    person.documents.batches().cloned().collect()
}

/// The pair of batches that say one item with different letters.
fn contradiction(stranger: &mut Stranger, behind: Option<Id>) -> [SignedBatch; 2] {
    [("x", 1), ("y", 2)].map(|(letter, stamp)| {
        let id = stranger.id(1, 0);
        stranger.sign(1, stamp, vec![piece(id, letter, behind, None)])
    })
}

#[test]
fn letters_in_contradictory_documents_cost_little() {
    let mut ann = Person::new(1, 1);
    let before = long(&mut ann, 100_000);
    let first = Id { client: client_of(ann.me), clock: 0 };
    let pair = contradiction(&mut Stranger::new(9), Some(first));
    let after = typed(&mut Person::new(2, 1), 500);
    let mut bo = Person::new(3, 1);
    before.iter().chain(&pair).for_each(|batch| bo.hear(batch.clone()));
    // What follows hangs on the contradictory letter itself.
    bo.write(u32::MAX, "!");
    let began = visited();
    let mut said = 0;
    for batch in &after {
        let changes = keep(&mut bo.documents, batch);
        said += changes.iter().filter(|change| matches!(change, Change::Said { .. })).count();
        changes.iter().for_each(|change| bo.show(change));
    }
    for _ in 0..500 {
        bo.write(u32::MAX, "b");
    }
    let cost = visited() - began;
    assert_eq!(said, 500, "each is added to what is there");
    assert!(cost < 5_000, "1,000 letters had {cost} items visited");
    assert_eq!(bo.text(), text_of(&bo.opened()));
}

#[test]
fn stores_with_contradictions_are_read_in_one_go() {
    let mut ann = Person::new(1, 1);
    let before = long(&mut ann, 20_000);
    let pair = contradiction(&mut Stranger::new(9), None);
    let after = typed(&mut Person::new(2, 1), 1_000);
    let mut store = Documents::new();
    let began = visited();
    pair.iter().chain(&before).chain(&after).for_each(|batch| drop(keep(&mut store, batch)));
    let reading = visited() - began;
    assert!(reading < 3_000, "{reading} items were visited");
    assert!(store.whole("notes").is_some());
    let opening = visited() - began - reading;
    assert!(opening < 10_000, "opening it visited {opening} items");
}

#[test]
fn letters_after_a_ban_cost_little() {
    let mut stranger = Stranger::new(9);
    let (mut ann, mut bo) = (Person::new(1, 1), Person::new(3, 1));
    let before = long(&mut ann, 50_000);
    before.iter().for_each(|batch| bo.hear(batch.clone()));
    let id = stranger.id(1, 0);
    bo.hear(stranger.sign(1, 1, vec![piece(id, "spam", None, None)]));
    let at = bo.text().find("spam").expect("it shows") as u32 + 2;
    bo.write(at, "within");
    bo.enforce([(stranger.identity.peer(), BTreeSet::new())].into());
    assert!(bo.documents.held_but_fallen() > 0, "its letters are kept as places");
    bo.opened();
    let began = visited();
    for batch in typed(&mut Person::new(2, 1), 500) {
        bo.hear(batch);
    }
    // What the banned one says further is not kept, and changes nothing.
    for clock in 4..504 {
        let (id, origin) = (stranger.id(1, clock), stranger.id(1, clock - 1));
        bo.hear(stranger.sign(1, clock, vec![piece(id, "z", Some(origin), None)]));
    }
    let cost = visited() - began;
    assert!(cost < 5_000, "1,000 letters had {cost} items visited");
    assert_eq!(bo.text(), text_of(&bo.opened()));
}

/// What `docbomb` does: items without origins, of two clients of one peer, some hundred in a batch.
fn bomb(stranger: &mut Stranger, each: u64) -> Vec<SignedBatch> {
    let mut batches = Vec::new();
    for start in (0..each).step_by(500) {
        for instance in [1, 2] {
            let items = (start..(start + 500).min(each)).map(|clock| {
                // Letters of two kinds, so that no two become one item.
                piece(stranger.id(instance, clock), if clock % 2 == 0 { "x" } else { "y" }, None, None)
            });
            let items = items.collect();
            batches.push(stranger.sign(instance, start, items));
        }
    }
    batches
}

#[test]
fn items_without_origins_fall_out() {
    let mut stranger = Stranger::new(9);
    let mut batches = bomb(&mut stranger, 20_000);
    let mut few = Stranger::new(8);
    batches.extend((0..600).map(|stamp| {
        let id = few.id(1 + stamp % 2, stamp / 2);
        few.sign(1 + stamp % 2, stamp, vec![piece(id, "f", None, None)])
    }));
    let mut digests = BTreeSet::new();
    let mut texts = BTreeSet::new();
    for seed in 0..3 {
        let mut member = Documents::new();
        shuffle(&mut batches, &mut seeded(seed));
        batches.iter().for_each(|batch| drop(keep(&mut member, batch)));
        let whole = member.whole("notes").expect("somebody wrote");
        let read = update::read_long(&whole).expect("written here");
        assert!(read.items.len() <= PLACE_ITEMS_MAX as usize, "{} items are left", read.items.len());
        let open = library(1);
        apply(&open, &whole);
        digests.insert(member.digest());
        texts.insert(text_of(&open));
        assert_eq!(member.batch_count(), batches.len(), "what falls out is compared as before");
    }
    assert_eq!((digests.len(), texts.len()), (1, 1), "whatever the order");
    assert_eq!(texts.first().map(String::len), Some(PLACE_ITEMS_MAX as usize));
}

#[test]
fn people_among_crowds_are_read() {
    let mut stranger = Stranger::new(9);
    for seed in 0..8 {
        let (mut ann, mut bo) = (Person::new(1, 1), Person::new(2, 1));
        ann.write(0, "Notes");
        exchange(&mut ann, &mut bo, &mut seeded(seed));
        let batches = bomb(&mut stranger, 300);
        batches.iter().for_each(|batch| bo.hear(batch.clone()));
        bo.write(3, " by Bo ");
        bo.write(300, "end");
        ann.write(0, "More ");
        // Letters hang on one that stood until further ones were begun before it.
        let early = bomb(&mut stranger, 200);
        early.iter().for_each(|batch| ann.hear(batch.clone()));
        let mut people = [ann, bo];
        settle(&mut people, &mut seeded(seed), seed);
        hostile::check_honest(&people, seed);
        assert_eq!(people[0].text(), text_of(&people[0].opened()));
        assert!(
            people[0].text().contains("end") && people[0].text().contains("More "),
            "{}",
            people[0].text()
        );
    }
}

#[test]
fn what_hangs_on_crowds_keeps_its_place() {
    let mut stranger = Stranger::new(9);
    let mut bo = Person::new(2, 1);
    bo.checks = true;
    bomb(&mut stranger, 1_000).into_iter().for_each(|batch| bo.hear(batch));
    assert_eq!(bo.text(), "", "none of it stands");
    // An accomplice writes behind one of them.
    let mut other = Stranger::new(8);
    let behind = stranger.id(2, 700);
    let id = other.id(1, 0);
    bo.hear(other.sign(1, 5, vec![piece(id, "told", Some(behind), None)]));
    assert_eq!(bo.text(), "told");
    let whole = bo.documents.whole("notes").expect("it is there");
    let read = update::read_long(&whole).expect("written here");
    let root = |parent: Option<Parent<'_>>| matches!(parent, Some(Parent::Root("text")));
    let there = read.items.iter().filter(|item| root(item.parent)).count();
    assert_eq!(there, 1, "only the one on which it hangs is where it was put");
    bo.write(4, "!");
    assert_eq!(bo.text(), "told!");
}

#[test]
fn people_who_prepend_are_no_crowds() {
    let mut ann = Person::new(1, 1);
    (0..600).for_each(|_| ann.write(0, "a"));
    ann.write(300, "b");
    (0..400).for_each(|_| ann.write(301, "c\n"));
    (0..100).for_each(|at| {
        ann.delete(at, 1);
        ann.write(at, "d");
    });
    let text = ann.text();
    assert_eq!((text_of(&ann.opened()), text.len()), (text.clone(), 1_401));
    assert_eq!(ann.documents.crowds(), 0);
    // In further sessions, each of which has all that the former ones wrote.
    for session in 2..8 {
        ann = ann.reloaded(session);
        (0..30).for_each(|_| ann.write(0, "e"));
    }
    assert_eq!((ann.documents.crowds(), ann.text().len()), (0, 1_581));
}
