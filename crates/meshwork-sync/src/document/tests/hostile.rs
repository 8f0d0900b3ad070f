//! People who sign whatever they like, and are banned at last: nobody's text goes, and all read the same.

use std::borrow::Cow;

use super::*;
use crate::document::update::{Id, Parent, Piece, Ranges, Says, write};

/// Somebody whose updates follow no document.
pub(super) struct Liar {
    identity: Identity,
    pub(super) me: Endpoint,
    sequence: u64,
    /// What it said.
    said: Vec<SignedBatch>,
    clock: u64,
}

impl Liar {
    pub(super) fn new() -> Liar {
        let identity = Identity::from_secret([9; 32]);
        let me = Endpoint { peer: identity.peer(), instance: Instance(9) };
        Liar { identity, me, sequence: 0, said: Vec::new(), clock: 0 }
    }

    pub(super) fn sign(&mut self, update: &[u8], stamp: u64) -> SignedBatch {
        self.sequence += 1;
        let header = Header::new(self.me, self.sequence, StampWindow::at(Stamp(stamp)), 0);
        let batch =
            SignedBatch::sign(&self.identity, &ROOM, &header, &payload("notes", &[], update)).expect("short");
        self.said.push(batch.clone());
        batch
    }

    /// An item of its own with these letters behind another one.
    fn item(&self, clock: u64, words: &'static str, origin: Option<Id>) -> Piece<'static> {
        Piece {
            id: Id { client: client_of(self.me), clock },
            length: words.len() as u64,
            origin,
            right: None,
            parent: origin.is_none().then_some(Parent::Root("text")),
            key: None,
            content: Says::Text(Cow::Borrowed(words)),
        }
    }
}

/// All items that anybody knows of.
fn items(people: &[Person]) -> Vec<Id> {
    let batches = people.iter().flat_map(|person| person.heard.values());
    let ids = batches.flat_map(|batch| {
        let said = Said::read(batch.payload()).expect("it was read");
        let items = said.update.items.iter();
        let all =
            items.flat_map(|item| (0..item.length).map(|part| Id { clock: item.id.clock + part, ..item.id }));
        all.collect::<Vec<Id>>()
    });
    ids.collect::<BTreeSet<Id>>().into_iter().collect()
}

/// One lie, told to some.
fn lie(liar: &mut Liar, people: &mut [Person], rng: &mut Rng) {
    let all = items(people);
    let any = |rng: &mut Rng| all.get(rng.below(all.len().max(1) as u64) as usize).copied();
    let none = Ranges::default();
    let update = match rng.below(8) {
        0..3 => {
            let piece = liar.item(liar.clock, ["v", "vw", "vwx"][rng.below(3) as usize], any(rng));
            liar.clock += piece.length;
            write(vec![piece], &none)
        }
        3 => {
            let Some(id) = any(rng) else { return };
            write(Vec::new(), &[(id.client, id.clock..id.clock + 1 + rng.below(3))].into_iter().collect())
        }
        // Another content, and perhaps another place, for an item that it has used.
        4..6 if liar.clock > 0 => {
            let origin = if rng.below(3) == 0 { None } else { any(rng) };
            write(vec![liar.item(rng.below(liar.clock), ["X", "YZ"][rng.below(2) as usize], origin)], &none)
        }
        6 if !liar.said.is_empty() => {
            let from = rng.below(liar.said.len() as u64) as usize;
            let some: Vec<Said<'_>> =
                liar.said[from..].iter().map(|batch| Said::read(batch.payload()).expect("signed")).collect();
            let updates: Vec<update::Update<'_>> = some.iter().map(|said| said.update.clone()).collect();
            let deletions = updates.iter().flat_map(|update| update.deletions.iter().cloned());
            let emptied = if rng.below(2) == 0 { deletions.collect() } else { Ranges::default() };
            update::merge(&updates, &emptied)
        }
        _ => return,
    };
    if update::read(&update).is_ok_and(|read| read != update::Update::default()) {
        let stamp = START + rng.below(100);
        let batch = liar.sign(&update, stamp);
        for person in people.iter_mut().filter(|_| rng.below(2) == 0) {
            person.hear(batch.clone());
        }
    }
}

/// What honest people wrote and nobody who stands deleted is there for everybody to read.
pub(super) fn check_honest(people: &[Person], seed: u64) {
    let standing = || people[0].documents.batches().filter(|batch| people[0].stands(batch));
    let read = |batch: &SignedBatch| Said::read(batch.payload()).expect("kept").update.deletions.clone();
    let deleted: Ranges = standing().flat_map(read).collect();
    let whole = people[0].documents.whole("notes").unwrap_or_else(|| b"\0\0".to_vec());
    let shown = update::read_long(&whole).expect("written here");
    let honest: BTreeSet<PeerId> = people.iter().map(|person| person.me.peer).collect();
    for batch in standing().filter(|batch| honest.contains(&batch.peer())) {
        let said = Said::read(batch.payload()).expect("kept");
        for item in &said.update.items {
            for clock in item.id.clock..item.id.clock + item.length {
                let id = Id { clock, ..item.id };
                assert!(shown.has(id), "seed {seed}: {id:?} waits for ever");
            }
        }
    }
    // What was taken from somebody deletes nothing.
    for (client, range) in &shown.deletions {
        assert!(
            deleted.has(*client, range),
            "seed {seed}: {client} {range:?} stays deleted by what does not stand"
        );
    }
}

#[test]
fn liars_take_nobodys_text() {
    let mut needed = 0;
    for seed in 0..100 {
        let rng = &mut seeded(seed);
        let mut people: Vec<Person> = (1..4).map(|secret| Person::new(secret, 1)).collect();
        people.iter_mut().for_each(|person| person.checks = true);
        let mut liar = Liar::new();
        for _ in 0..70 {
            let who = rng.below(3) as usize;
            match rng.below(16) {
                0..3 => people[who].write(rng.below(30) as u32, &letters(rng)),
                3 => people[who].delete(rng.below(20) as u32, 2),
                4 => drop(people[who].fold()),
                5..11 => lie(&mut liar, &mut people, rng),
                11 if rng.below(5) == 0 && people[0].bans.is_empty() => people[0].ban(liar.me.peer),
                _ => {
                    let (first, second) = people.split_at_mut(1 + who % 2);
                    exchange(&mut first[0], &mut second[0], rng);
                }
            }
        }
        settle(&mut people, rng, seed);
        check_honest(&people, seed);
        if people[0].bans.is_empty() {
            people[0].ban(liar.me.peer);
            // What the liar says after that, with a stamp of before.
            lie(&mut liar, &mut people, rng);
            settle(&mut people, rng, seed);
            check_honest(&people, seed);
        }
        let batches: Vec<&SignedBatch> = people[0].documents.batches().collect();
        needed += batches.iter().filter(|batch| !people[0].stands(batch)).count();
    }
    assert!(needed > 20, "what was taken stayed where it was needed {needed} times");
}
