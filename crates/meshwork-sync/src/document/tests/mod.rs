//! Documents against yrs, in every order, and against people who lie.

mod hostile;
mod mutated;
mod poison;
mod said;

use std::collections::{BTreeMap, BTreeSet};

use meshwork_core::clock::Stamp;
use meshwork_core::id::{Endpoint, Identity, Instance, PeerId, RoomId};
use meshwork_core::replica::Replica as _;
use meshwork_core::rng::Rng;
use meshwork_core::signed::batch::{BatchId, Header, SignedBatch, StampWindow};
use yrs::updates::decoder::Decode as _;
use yrs::{
    ClientID, Doc, GetString as _, OffsetKind, Options, ReadTxn as _, Text as _, Transact as _, WriteTxn as _,
};

use super::*;

const ROOM: RoomId = RoomId([1; 32]);
const START: u64 = 1_790_000_000_000 << 16;

/// A library's document with this client.
fn library(client: u64) -> Doc {
    let client_id = ClientID::new(client);
    Doc::with_options(Options {
        client_id,
        skip_gc: true,
        offset_kind: OffsetKind::Utf16,
        ..Options::default()
    })
}

/// Somebody with a document open.
struct Person {
    identity: Identity,
    me: Endpoint,
    documents: Documents,
    pen: Pen,
    open: Doc,
    heard: BTreeMap<BatchId, SignedBatch>,
    bans: BTreeMap<PeerId, BTreeSet<BatchId>>,
    clock: u64,
    sequence: u64,
    /// Whether what is open is held against what is kept at each step.
    checks: bool,
}

impl Person {
    fn new(secret: u8, instance: u64) -> Person {
        let identity = Identity::from_secret([secret; 32]);
        let me = Endpoint { peer: identity.peer(), instance: Instance(instance) };
        Person {
            identity,
            me,
            documents: Documents::new(),
            pen: Pen::new(me),
            open: library(client_of(me)),
            heard: BTreeMap::new(),
            bans: BTreeMap::new(),
            clock: START + u64::from(secret),
            sequence: 0,
            checks: false,
        }
    }

    /// The same person in a new session with the store of this one.
    fn reloaded(&self, instance: u64) -> Person {
        let mut next = Person::new(self.identity.to_secret()[0], instance);
        next.bans = self.bans.clone();
        self.documents.batches().for_each(|batch| next.hear(batch.clone()));
        next
    }

    /// Edits, and says what came of it.
    fn edit(&mut self, edit: impl FnOnce(&mut yrs::TransactionMut<'_>)) {
        let mut writing = self.open.transact_mut();
        edit(&mut writing);
        let update = writing.encode_update_v1();
        drop(writing);
        if update::read_long(&update).is_ok_and(|read| read != update::Update::default()) {
            let saying = self.pen.say("notes", &update).expect("it can be said");
            self.pen.wrote(&saying);
            saying.payloads.iter().for_each(|payload| drop(self.say(payload, None)));
        }
    }

    fn write(&mut self, at: u32, words: &str) {
        self.edit(|writing| {
            let text = writing.get_or_insert_text("text");
            let at = at.min(text.len(writing));
            text.insert(writing, at, words);
        });
    }

    fn delete(&mut self, at: u32, length: u32) {
        self.edit(|writing| {
            let text = writing.get_or_insert_text("text");
            let at = at.min(text.len(writing));
            let length = length.min(text.len(writing) - at);
            text.remove_range(writing, at, length);
        });
    }

    fn say(&mut self, payload: &[u8], least: Option<Stamp>) -> SignedBatch {
        (self.clock, self.sequence) = (self.clock + 1, self.sequence + 1);
        let most = Stamp(self.clock);
        let window = StampWindow { least: least.unwrap_or(most), most };
        let header = Header::new(self.me, self.sequence, window, 0);
        let batch = SignedBatch::sign(&self.identity, &ROOM, &header, payload).expect("short");
        self.hear(batch.clone());
        batch
    }

    fn fold(&mut self) -> bool {
        let part =
            self.documents.outline(&payload("notes", &[], b"\x00\x01\x01\x01\x00\x01")).expect("read").0;
        let fold = self.documents.fold(part, self.me.peer);
        fold.map(|(fold, _)| self.say(&fold.payload, Some(fold.least))).is_some()
    }

    fn stands(&self, batch: &SignedBatch) -> bool {
        self.bans.get(&batch.peer()).is_none_or(|stays| stays.contains(&batch.id()))
    }

    fn hear(&mut self, batch: SignedBatch) {
        self.clock = self.clock.max(batch.header().window.most.0);
        self.heard.insert(batch.id(), batch.clone());
        let mut content = self.documents.check(&batch.header(), batch.payload()).expect("it can be read");
        content.is_cut = !self.stands(&batch);
        let changed = self.documents.apply(batch, content).changed;
        for change in changed.iter().flat_map(|changes| changes.of::<Change>()) {
            self.show(change);
        }
        if self.checks {
            assert_eq!(self.text(), text_of(&self.opened()), "what changed makes what stands");
        }
    }

    fn show(&mut self, change: &Change) {
        match change {
            Change::Said { update, .. } => apply(&self.open, update),
            Change::Anew { .. } => {
                let fresh = Instance(self.me.instance.0 << 32 | self.sequence);
                self.pen.open(&self.documents, "notes", fresh);
                self.open = self.opened();
            }
        }
    }

    /// The document opened anew from what is kept.
    fn opened(&self) -> Doc {
        let opened = library(self.pen.client());
        self.documents.whole("notes").iter().for_each(|update| apply(&opened, update));
        opened
    }

    fn ban(&mut self, peer: PeerId) {
        let of_peer = self.documents.batches().filter(|batch| batch.peer() == peer);
        let stays = of_peer.map(|batch| batch.id()).collect();
        let mut bans = self.bans.clone();
        bans.insert(peer, stays);
        self.enforce(bans);
    }

    fn enforce(&mut self, bans: BTreeMap<PeerId, BTreeSet<BatchId>>) {
        if self.bans == bans {
            return;
        }
        self.bans = bans;
        let bans = self.bans.clone();
        let stands =
            |batch: &SignedBatch| bans.get(&batch.peer()).is_none_or(|stays| stays.contains(&batch.id()));
        let heard: Vec<SignedBatch> = self.heard.values().cloned().collect();
        let enforced = self.documents.enforce(&stands, &[], &mut heard.iter());
        for change in enforced.changed.iter().flat_map(|changes| changes.of::<Change>()) {
            self.show(change);
        }
    }

    fn shows(&self) -> bool {
        self.documents.showing().eq(["notes"])
    }

    fn text(&self) -> String {
        text_of(&self.open)
    }
}

impl Documents {
    /// How many updates do not stand, and are kept for what hangs on them.
    fn held_but_fallen(&self) -> usize {
        let all = self.documents.values().flat_map(|document| document.held());
        all.filter(|(_, held)| !held.stands).count()
    }

    /// How many updates have more items in one place than their author has place for.
    fn crowds(&self) -> usize {
        let all = self.documents.values().flat_map(|document| document.held());
        all.filter(|(_, held)| held.is_crowd).count()
    }
}

fn apply(document: &Doc, update: &[u8]) {
    let update = yrs::Update::decode_v1(update).expect("it was read");
    document.transact_mut().apply_update(update).expect("it can be applied");
}

fn text_of(document: &Doc) -> String {
    let reading = document.transact();
    reading.get_text("text").map(|text| text.get_string(&reading)).unwrap_or_default()
}

/// Each hears what the other keeps, in an order that `rng` draws.
fn exchange(one: &mut Person, other: &mut Person, rng: &mut Rng) {
    let mut bans = one.bans.clone();
    for (peer, stays) in &other.bans {
        bans.entry(*peer)
            .and_modify(|all| all.retain(|id| stays.contains(id)))
            .or_insert_with(|| stays.clone());
    }
    one.enforce(bans.clone());
    other.enforce(bans);
    let lacks = |person: &Person, has: &Person| -> Vec<SignedBatch> {
        let held: BTreeSet<BatchId> = person.documents.batches().map(|batch| batch.id()).collect();
        has.documents.batches().filter(|batch| !held.contains(&batch.id())).cloned().collect()
    };
    let (mut for_one, mut for_other) = (lacks(one, other), lacks(other, one));
    shuffle(&mut for_one, rng);
    shuffle(&mut for_other, rng);
    for_one.into_iter().for_each(|batch| one.hear(batch));
    for_other.into_iter().for_each(|batch| other.hear(batch));
}

fn seeded(seed: u64) -> Rng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    Rng::new(bytes)
}

fn shuffle(batches: &mut [SignedBatch], rng: &mut Rng) {
    for place in (1..batches.len()).rev() {
        batches.swap(place, rng.below(place as u64 + 1) as usize);
    }
}

/// Everybody exchanges until nothing moves any more; then all are equal, and so is what each opens anew.
fn settle(people: &mut [Person], rng: &mut Rng, seed: u64) {
    for round in 0.. {
        let before: Vec<_> = people.iter().map(|person| person.documents.digest()).collect();
        for one in 0..people.len() {
            for other in one + 1..people.len() {
                let (first, second) = people.split_at_mut(other);
                exchange(&mut first[one], &mut second[0], rng);
            }
        }
        let after: Vec<_> = people.iter().map(|person| person.documents.digest()).collect();
        if before == after && round > 0 {
            break;
        }
        assert!(round < 12, "seed {seed}: still moving");
    }
    for person in people.iter() {
        assert_eq!(person.documents.digest(), people[0].documents.digest(), "seed {seed}");
        assert_eq!(person.text(), people[0].text(), "seed {seed}");
        assert_eq!(text_of(&person.opened()), person.text(), "seed {seed}: opened anew");
        let is_deletable = person.documents.deletion("notes").is_some();
        assert_eq!(person.shows(), is_deletable, "seed {seed}: what shows can be deleted");
    }
}

/// A few letters, each of one unit of UTF-16.
fn letters(rng: &mut Rng) -> String {
    let all = ['a', 'b', 'c', 'd', 'e', 'ä', '€', ' '];
    (0..1 + rng.below(6)).map(|_| all[rng.below(8) as usize]).collect()
}

#[test]
fn people_in_every_order_have_one_text() {
    for seed in 0..60 {
        let rng = &mut seeded(seed);
        let mut people: Vec<Person> = (1..4).map(|secret| Person::new(secret, 1)).collect();
        let mut instance = 1;
        for _ in 0..120 {
            let who = rng.below(3) as usize;
            match rng.below(12) {
                0..5 => people[who].write(rng.below(80) as u32, &letters(rng)),
                5..7 => people[who].delete(2 * rng.below(20) as u32, 2),
                7 => drop(people[who].fold()),
                8 if rng.below(4) == 0 => {
                    instance += 1;
                    people[who] = people[who].reloaded(instance);
                }
                _ => {
                    let other = (who + 1 + rng.below(2) as usize) % 3;
                    let (low, high) = (who.min(other), who.max(other));
                    let (first, second) = people.split_at_mut(high);
                    exchange(&mut first[low], &mut second[0], rng);
                }
            }
        }
        settle(&mut people, rng, seed);
        let before = people[0].text();
        people.iter_mut().for_each(|person| while person.fold() {});
        settle(&mut people, rng, seed);
        assert_eq!(people[0].text(), before, "seed {seed}: folding changes nothing");
        let batches = people[0].documents.batch_count();
        assert!(batches <= 3 * 4, "seed {seed}: {batches} batches are left");
    }
}

#[test]
fn documents_show_until_all_is_deleted() {
    let (mut ann, mut bo) = (Person::new(1, 1), Person::new(2, 1));
    let meet = |ann: &mut Person, bo: &mut Person| exchange(ann, bo, &mut seeded(1));
    ["b", "a"].into_iter().for_each(|letter| ann.write(0, letter));
    meet(&mut ann, &mut bo);
    bo.edit(|writing| {
        let text = writing.get_or_insert_text("text");
        text.remove_range(writing, 1, 1);
        text.push(writing, "c");
    });
    meet(&mut ann, &mut bo);
    ann.write(2, "d");
    ann.delete(0, 1);
    assert!(ann.shows(), "{:?}", ann.text());
    ann.delete(1, 1);
    meet(&mut ann, &mut bo);
    bo.delete(0, 1);
    meet(&mut ann, &mut bo);
    assert_eq!([ann.shows(), bo.shows()], [false; 2]);
    // Records take what they said, which stays as a place where another's letter hangs on it.
    ann.enforce([(bo.me.peer, BTreeSet::new())].into());
    assert_eq!((ann.shows(), &*ann.text()), (true, "b"));
    bo.enforce([(ann.me.peer, BTreeSet::new())].into());
    assert_eq!((bo.shows(), &*bo.text()), (false, ""));

    let (mut kim, mut lu) = (Person::new(3, 1), Person::new(4, 1));
    kim.write(0, "k");
    meet(&mut kim, &mut lu);
    lu.write(1, "l");
    lu.delete(1, 1);
    assert!(lu.shows());
    lu.enforce([(kim.me.peer, BTreeSet::new())].into());
    assert_eq!((lu.shows(), lu.documents.batch_count()), (false, 3), "a letter is kept for what hangs on it");
}

#[test]
fn what_falls_is_contained_in_any_order() {
    let (mut ann, mut bo) = (Person::new(1, 1), Person::new(2, 1));
    (0..8).for_each(|at| ann.write(at, "a"));
    let small: Vec<SignedBatch> = ann.documents.batches().cloned().collect();
    assert!(ann.fold());
    let whole = ann.documents.batches().next().cloned().expect("the fold");
    small.iter().for_each(|batch| bo.hear(batch.clone()));
    bo.write(8, "x");
    let needing = bo.documents.batches().find(|batch| batch.peer() == bo.me.peer).cloned().expect("one");

    let stay = |batches: &[SignedBatch]| -> BTreeMap<PeerId, BTreeSet<BatchId>> {
        [(ann.me.peer, batches.iter().map(|batch| batch.id()).collect())].into()
    };
    // One device left the small ones, another the fold; they join.
    let (mut early, mut late) = (Person::new(3, 1), Person::new(4, 1));
    early.enforce(stay(&small));
    late.enforce(stay(std::slice::from_ref(&whole)));
    let all = || small.iter().chain([&needing, &whole]);
    all().for_each(|batch| early.hear(batch.clone()));
    all().for_each(|batch| late.hear(batch.clone()));
    assert_eq!(early.documents.batch_count(), small.len() + 2, "others' items hang on all of them");
    early.enforce(stay(std::slice::from_ref(&whole)));
    let held = |person: &Person| person.documents.batches().map(|batch| batch.id()).collect::<BTreeSet<_>>();
    assert_eq!(held(&early), [whole.id(), needing.id()].into());
    assert_eq!((held(&early), early.text()), (held(&late), late.text()));
}

#[test]
fn numbers_of_what_fell_stay_taken() {
    let (mut bo, mut kim) = (Person::new(2, 1), Person::new(3, 1));
    bo.write(0, "abc");
    let none = BTreeSet::new();
    bo.enforce([(bo.me.peer, none)].into());
    assert_eq!(bo.text(), "", "a record took it");
    bo.enforce(BTreeMap::new());
    bo.write(0, "x");
    // Whoever held it hands it on again.
    let heard: Vec<SignedBatch> = bo.heard.values().cloned().collect();
    heard.into_iter().for_each(|batch| bo.hear(batch));
    bo.write(0, "y");
    let mut letters: Vec<char> = bo.text().chars().collect();
    letters.sort_unstable();
    assert_eq!(letters, ['a', 'b', 'c', 'x', 'y'], "all stand again");
    exchange(&mut bo, &mut kim, &mut seeded(1));
    assert_eq!(kim.text(), bo.text());
}
