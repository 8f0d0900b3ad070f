//! Tables against the rules as plain data, and what members promise each other of them.

mod again;
mod ages;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec;
use alloc::{format, vec::Vec};
use core::cmp::Reverse;

use super::*;
use crate::clock::Stamp;
use crate::id::{Endpoint, Identity, Instance, RoomId};
use crate::replica::{Below, Digest, EMPTY_PART_DIGEST, Enforced, Floor, Fold, ReplicaNumber, tree};
use crate::rng::Rng;
use crate::signed::batch::BatchKey;
use crate::signed::batch::{SignedBatch, StampWindow};
use crate::wire::Bytes;

const ROOM: RoomId = RoomId([1; 32]);
const NO_LIMIT: Quota = Quota { values: 99, bytes: 9999, removals: 99 };

fn identity(person: u8) -> Identity {
    Identity::from_secret([person + 1; 32])
}

fn peer(person: u8) -> PeerId {
    identity(person).peer()
}

/// A field that anybody may write.
fn field(name: &str) -> Vec<u8> {
    Writer::Anybody.field(name.as_bytes())
}

/// Signs a payload of entries from `least` on, written at `most`.
fn sign(person: u8, sequence: u64, (least, most): (u64, u64), payload: &[u8]) -> SignedBatch {
    let author = Endpoint { peer: peer(person), instance: Instance(1) };
    let window = StampWindow { least: Stamp(least), most: Stamp(most) };
    let header = Header::new(author, sequence, window, 0);
    SignedBatch::sign(&identity(person), &ROOM, &header, payload).expect("a legal batch")
}

/// What a person writes at a time: the batches have the numbers from that on.
fn written(person: u8, stamp: u64, writes: &[Write]) -> Vec<SignedBatch> {
    let payloads = payloads(peer(person), writes).expect("it can be written");
    (stamp..)
        .zip(payloads)
        .map(|(sequence, payload)| sign(person, sequence, (stamp, stamp), &payload))
        .collect()
}

fn apply(table: &mut Table, batch: &SignedBatch) -> Applied<Option<Changes>> {
    let content = table.check(&batch.header(), batch.payload()).expect("it is of the table");
    table.apply(batch.clone(), content)
}

fn write(table: &mut Table, person: u8, stamp: u64, writes: &[Write]) -> Vec<Change> {
    let batches = written(person, stamp, writes);
    let changes = batches.iter().filter_map(|batch| apply(table, batch).changed);
    changes.flat_map(|changes| changes.of::<Change>().to_vec()).collect()
}

fn text<'a>(table: &'a Table, row: &str, name: &str) -> Option<&'a str> {
    let value = table.get(row.as_bytes(), &field(name))?.value()?;
    core::str::from_utf8(value).ok()
}

/// All bytes of a field.
fn bytes((writer, name): Field<'_>) -> Vec<u8> {
    writer.field(name)
}

/// Row, field, stamp, author and value of what holds a field.
type Line = (Vec<u8>, Vec<u8>, u64, PeerId, Option<Vec<u8>>);

/// What a table is: who holds each field, and which batches are kept.
fn state(table: &Table) -> (Vec<Line>, BTreeSet<BatchKey>) {
    let line = |(entry, _): (&Entry, bool)| {
        let value = entry.value().map(<[u8]>::to_vec);
        (entry.row().to_vec(), bytes(entry.field()), entry.stamp().0, entry.author(), value)
    };
    let lines = table.contest.held_from(&[], FIRST_FIELD).map(line).collect();
    (lines, table.batches().map(|batch| batch.key()).collect())
}

/// The rules: entries from the latest to the earliest, each of which holds that finds its field free and fits.
fn by_the_rules(batches: &[SignedBatch], quota: Quota) -> (Vec<Line>, BTreeSet<BatchKey>) {
    let mut entries = Vec::new();
    for batch in batches {
        let header = batch.header();
        let Payload { row, entries: all } = Payload::read(&header, batch.payload()).expect("legal");
        for Written { field, stamp, value } in all {
            let content = (value.is_none(), value);
            let rank = (header.window.most, batch.id());
            let (peer, first) = (header.author.peer, Reverse((stamp, header.author.peer)));
            entries.push((first, row, field, Reverse(content), Reverse(rank), peer, batch.key()));
        }
    }
    entries.sort();
    let (mut lines, mut kept) = (BTreeMap::<(&[u8], Field<'_>), _>::new(), BTreeSet::new());
    let mut used: BTreeMap<PeerId, (u32, u64, u32)> = BTreeMap::new();
    for (Reverse((stamp, _)), row, field, Reverse((_, value)), _, peer, key) in entries {
        let (values, sizes, removals) = used.get(&peer).copied().unwrap_or_default();
        let size = (row.len() + bytes(field).len() + value.map_or(0, <[u8]>::len)) as u64;
        let more = match value {
            _ if field.0 == Writer::Moderators => (values, sizes, removals),
            Some(_) => (values + 1, sizes + size, removals),
            None => (values, sizes, removals + 1),
        };
        let fits = more.0 <= quota.values && more.1 <= quota.bytes && more.2 <= quota.removals;
        if fits && !lines.contains_key(&(row, field)) {
            used.insert(peer, more);
            lines.insert((row, field), (stamp.0, peer, value.map(<[u8]>::to_vec)));
            kept.insert(key);
        }
    }
    let lines = lines
        .into_iter()
        .map(|((row, field), (stamp, peer, value))| (Vec::from(row), bytes(field), stamp, peer, value));
    (lines.collect(), kept)
}

/// Batches of three people who write in few fields: what is new, what is older, and folds of what they hold.
fn drawn(rng: &mut Rng, number: u64) -> Vec<SignedBatch> {
    let mut table = Table::with_quota(Kind::ByValue, NO_LIMIT);
    let mut batches: Vec<SignedBatch> = Vec::new();
    for sequence in 1..=number {
        let person = rng.below(3) as u8;
        let row = ["r", "s"][rng.below(2) as usize];
        if rng.below(5) == 0
            && let Some((payload, least)) = folded_all(&table, row.as_bytes(), peer(person))
        {
            batches.push(sign(person, sequence, (least.0, 100 + sequence), &payload));
        } else {
            let stamp = 1 + rng.below(12);
            let writes: Vec<Write> = (0..1 + rng.below(3)).map(|_| drawn_write(rng, person, row)).collect();
            let payload = payloads(peer(person), &writes).expect("short").remove(0);
            batches.push(sign(person, sequence, (stamp, stamp), &payload));
        }
        apply(&mut table, &batches[batches.len() - 1]);
    }
    batches
}

fn drawn_write(rng: &mut Rng, person: u8, row: &str) -> Write {
    let writer = [Writer::Anybody, Writer::Anybody, Writer::Peer(peer(person)), Writer::Moderators];
    let field = writer[rng.below(4) as usize].field(&[b"ab"[rng.below(2) as usize]]);
    match rng.below(4) {
        0 => Write::removal(row, field),
        length => Write::value(row, field, vec![rng.below(2) as u8; length as usize]),
    }
}

/// Everything that a peer holds in a row, in one payload, whether that is shorter or not.
fn folded_all(table: &Table, row: &[u8], peer: PeerId) -> Option<(Vec<u8>, Stamp)> {
    let held = table.contest.held_from(row, FIRST_FIELD).take_while(|(entry, _)| entry.row() == row);
    let own = held.map(|(entry, _)| entry).filter(|entry| entry.author() == peer);
    let own = own.map(|entry| Written { field: entry.field(), stamp: entry.stamp(), value: entry.value() });
    let payload = Payload { row, entries: own.collect() };
    (!payload.entries.is_empty()).then(|| (payload.write(payload.least()), payload.least()))
}

fn drawn_quota(rng: &mut Rng) -> Quota {
    let bytes = [8, 12, 99][rng.below(3) as usize];
    Quota { values: 1 + rng.below(4) as u32, bytes, removals: 1 + rng.below(2) as u32 }
}

fn shuffle<T>(rng: &mut Rng, all: &mut [T]) {
    (1..all.len()).for_each(|place| all.swap(place, rng.below(place as u64 + 1) as usize));
}

/// What an app that follows the changes believes to stand in each field.
type Followed = BTreeMap<(Vec<u8>, Vec<u8>), (Stamp, PeerId, Vec<u8>)>;

fn said(entry: &Entry) -> (Stamp, PeerId, Vec<u8>) {
    (entry.stamp(), entry.author(), entry.value().expect("it stands there").to_vec())
}

fn follow(followed: &mut Followed, changed: Option<Changes>) {
    for change in changed.iter().flat_map(Changes::of::<Change>) {
        let field = (change.row().to_vec(), bytes(change.field()));
        assert_eq!(followed.remove(&field), change.before.as_ref().map(said), "what stood there before");
        followed.extend(change.after.as_ref().map(|after| (field, said(after))));
    }
}

fn shown(table: &Table) -> Followed {
    let place = |entry: &Entry| (entry.row().to_vec(), bytes(entry.field()));
    table.entries(&[]).map(|entry| (place(entry), said(entry))).collect()
}

#[test]
fn tables_hold_what_the_rules_say() {
    let rng = &mut Rng::new([3; 32]);
    for schedule in 0..1000 {
        let quota = if schedule % 4 == 0 { NO_LIMIT } else { drawn_quota(rng) };
        let mut table = Table::with_quota(Kind::ByValue, quota);
        let (mut kept, mut followed) = (Vec::<SignedBatch>::new(), Followed::new());
        let mut batches = drawn(rng, 10);
        shuffle(rng, &mut batches);
        for batch in &batches {
            let before: BTreeSet<BatchKey> = kept.iter().map(|batch| batch.key()).collect();
            let applied = apply(&mut table, batch);
            kept.push(batch.clone());
            let (lines, keys) = by_the_rules(&kept, quota);
            kept.retain(|batch| keys.contains(&batch.key()));
            assert_eq!(state(&table), (lines, keys.clone()), "schedule {schedule}");
            assert_eq!(applied.dropped.into_iter().collect::<BTreeSet<_>>(), &before - &keys);
            assert_eq!(applied.kept, keys.contains(&batch.key()));
            follow(&mut followed, applied.changed);
        }
        assert_eq!(followed, shown(&table));
        assert_eq!(table.digest(), rebuilt(&table).digest());
        let miscounted = (0..3).find(|person| table.used(peer(*person)) != counted(&table, *person));
        assert_eq!(miscounted, None, "schedule {schedule}");
    }
}

/// The same batches in another table.
fn rebuilt(table: &Table) -> Table {
    let mut other = Table::with_quota(table.kind, table.quota());
    for batch in table.batches() {
        other.contest.enter(batch.clone(), |entry| Table::is_hidden(&table.retracted, entry));
    }
    let outcome = other.contest.settle();
    other.turn(outcome.turns);
    other
}

fn counted(table: &Table, person: u8) -> Used {
    let held = table.contest.held_from(&[], FIRST_FIELD).map(|(entry, _)| entry);
    let own = held.filter(|entry| entry.author() == peer(person) && entry.field().0 != Writer::Moderators);
    own.fold(Used::default(), |used, entry| match entry.value() {
        Some(_) => Used { values: used.values + 1, bytes: used.bytes + entry.size(), ..used },
        None => Used { removals: used.removals + 1, ..used },
    })
}

#[test]
fn tables_are_the_same_in_any_order() {
    let rng = &mut Rng::new([4; 32]);
    for schedule in 0..500 {
        let mut batches = drawn(rng, 12);
        let expected = by_the_rules(&batches, NO_LIMIT);
        let (mut straight, mut shuffled) = (Table::new(Kind::ByValue), Table::new(Kind::ByValue));
        batches.iter().for_each(|batch| drop(apply(&mut straight, batch)));
        shuffle(rng, &mut batches);
        batches.iter().chain(&batches[..5]).for_each(|batch| drop(apply(&mut shuffled, batch)));
        assert_eq!(state(&straight), expected, "schedule {schedule}");
        assert_eq!(
            (state(&shuffled), shuffled.digest()),
            (expected, straight.digest()),
            "schedule {schedule}"
        );
        for batch in straight.batches().cloned().collect::<Vec<_>>() {
            assert_eq!(apply(&mut straight, &batch), Applied::default(), "it is here already");
        }
    }
}

#[test]
fn tables_that_meet_come_to_hold_the_same() {
    let rng = &mut Rng::new([5; 32]);
    for schedule in 0..500 {
        let quota = drawn_quota(rng);
        let mut tables = [0, 1, 2].map(|_| Table::with_quota(Kind::ByValue, quota));
        for batch in drawn(rng, 14) {
            let hear = tables.iter_mut().filter(|_| rng.below(2) == 0);
            hear.for_each(|table| drop(apply(table, &batch)));
        }
        let meet = |tables: &mut [Table; 3], [one, other]: [usize; 2]| {
            let served: Vec<SignedBatch> = tables[other].node_batches(tree::ROOT, 0);
            served.iter().filter(|batch| apply(&mut tables[one], batch).kept).count()
        };
        let pairs = [[0, 1], [1, 2], [2, 0], [1, 0], [2, 1], [0, 2]];
        let is_quiet = (0..10).any(|_| pairs.iter().map(|pair| meet(&mut tables, *pair)).sum::<usize>() == 0);
        assert!(is_quiet, "schedule {schedule}");
        let [one, other, third] = &tables;
        assert_eq!(state(one).0, state(other).0, "schedule {schedule}");
        assert_eq!([one.digest(); 2], [other.digest(), third.digest()], "schedule {schedule}");
    }
}

#[test]
fn what_does_not_stand_was_never_written() {
    let rng = &mut Rng::new([6; 32]);
    for schedule in 0..500 {
        let quota = if schedule % 2 == 0 { NO_LIMIT } else { drawn_quota(rng) };
        let mut table = Table::with_quota(Kind::ByValue, quota);
        let mut followed = Followed::new();
        let batches = drawn(rng, 12);
        batches.iter().for_each(|batch| follow(&mut followed, apply(&mut table, batch).changed));
        let kept = state(&table).1;
        let beaten: Vec<SignedBatch> =
            batches.iter().filter(|batch| !kept.contains(&batch.key())).cloned().collect();
        let banned = peer(rng.below(3) as u8);
        let stands = |batch: &SignedBatch| batch.peer() != banned;
        let enforced = table.enforce(&stands, &[], &mut beaten.iter());
        let removed = enforced.removed.iter().any(|batch| batch.peer() == banned);
        let standing: Vec<SignedBatch> = batches
            .iter()
            .filter(|batch| stands(batch) && (removed || kept.contains(&batch.key())))
            .cloned()
            .collect();
        let expected = by_the_rules(&standing, quota);
        assert_eq!(state(&table), expected, "schedule {schedule}");
        let keys = |batches: &[SignedBatch]| batches.iter().map(|batch| batch.key()).collect::<BTreeSet<_>>();
        assert_eq!(keys(&enforced.removed), &kept - &expected.1);
        assert_eq!(keys(&enforced.restored), &expected.1 - &kept);
        follow(&mut followed, enforced.changed);
        assert_eq!((followed, table.digest()), (shown(&table), rebuilt(&table).digest()));
    }
}

#[test]
fn the_latest_entries_hold() {
    let quota = Quota { values: 2, bytes: 100, removals: 1 };
    let mut table = Table::with_quota(Kind::ByValue, quota);
    for (stamp, name) in [(10, "a"), (11, "b"), (9, "early"), (12, "c")] {
        write(&mut table, 0, stamp, &[Write::value("row", field(name), name)]);
    }
    assert_eq!(
        ["early", "a", "b", "c"].map(|name| text(&table, "row", name)),
        [None, None, Some("b"), Some("c")]
    );
    assert_eq!((table.used(peer(0)), table.batch_count()), (Used { values: 2, bytes: 12, removals: 0 }, 2));

    // Others, removals and moderators' fields have places of their own.
    write(&mut table, 1, 5, &[Write::value("row", field("a"), "mine")]);
    write(&mut table, 0, 13, &[Write::removal("row", field("a"))]);
    let notice = Writer::Moderators.field(b"notice");
    write(&mut table, 0, 14, &[Write::value("row", notice.clone(), "be kind")]);
    assert_eq!(text(&table, "row", "a"), None);
    assert_eq!((text(&table, "row", "b"), table.get(b"row", &notice).is_some()), (Some("b"), true));

    // What is too large beside the later ones makes no place for itself.
    write(&mut table, 0, 15, &[Write::removal("row", field("c"))]);
    assert_eq!(table.used(peer(0)).removals, 1, "the earlier removal has fallen");
    write(&mut table, 0, 2, &[Write::value("row", field("large"), [b'x'; 90])]);
    assert_eq!((text(&table, "row", "b"), text(&table, "row", "large")), (Some("b"), None));

    // A batch of which a part has fallen is kept whole, and comes back whole.
    write(&mut table, 2, 20, &["a", "b", "d"].map(|name| Write::value("other", field(name), name)));
    assert_eq!(["a", "b", "d"].map(|name| text(&table, "other", name)), [Some("a"), Some("b"), None]);
    let raised = table.raise_quota(Quota { values: 3, bytes: 0, removals: 0 });
    assert_eq!(table.quota(), Quota { values: 3, ..quota }, "it is never lowered");
    assert_eq!(raised.changed.map_or(0, |changes| changes.of::<Change>().len()), 1);
    assert_eq!(text(&table, "other", "d"), Some("d"));
}

#[test]
fn heavy_writers_stay_within_their_quota() {
    let quota = Quota { values: 50, ..Quota::default() };
    let mut table = Table::with_quota(Kind::ByValue, quota);
    let names: Vec<String> = (0..120).map(|number| format!("{number:03}")).collect();
    for (stamp, name) in (1..).zip(&names) {
        write(&mut table, 0, stamp, &[Write::value("row", field(name), "x")]);
        assert_eq!(table.used(peer(0)).values as u64, stamp.min(50));
    }
    assert!(names.iter().zip(0..).all(|(name, place)| text(&table, "row", name).is_some() == (place >= 70)));
    for (stamp, name) in (200..).zip(&names[80..]) {
        write(&mut table, 1, stamp, &[Write::value("row", field(name), "mine")]);
    }
    assert_eq!([table.used(peer(0)).values, table.used(peer(1)).values], [10, 40]);
    assert_eq!(table.digest(), rebuilt(&table).digest());
}

#[test]
fn fields_are_read_and_removed() {
    let mut table = Table::new(Kind::ByValue);
    write(
        &mut table,
        0,
        1,
        &[Write::value("votes\0a", field("x"), "1"), Write::value("votes\0b", field("x"), "2")],
    );
    let mine = Write::value("votes\0b", Writer::Peer(peer(0)).field(b"x"), "mine");
    write(&mut table, 0, 2, &[Write::value("voters", field("x"), "3"), mine]);
    let read =
        |prefix: &[u8]| table.entries(prefix).map(|entry| entry.value().expect("a value").to_vec()).collect();
    let votes: Vec<Vec<u8>> = read(b"votes\0");
    assert_eq!(votes, [&b"1"[..], b"2", b"mine"]);
    let all: Vec<Vec<u8>> = read(b"");
    assert_eq!((all.len(), all[0].as_slice()), (4, &b"3"[..]), "in the order of rows");
    let entry = table.get(b"votes\0a", &field("x")).expect("somebody wrote it");
    assert_eq!((entry.author(), entry.stamp(), entry.row()), (peer(0), Stamp(1), &b"votes\0a"[..]));
    let changes = write(&mut table, 1, 3, &[Write::removal("votes\0a", field("x"))]);
    let [Change { before: Some(before), after: None, removal: Some(removal) }] = &changes[..] else {
        panic!("{changes:?}")
    };
    assert_eq!((before.value(), text(&table, "votes\0a", "x")), (Some(&b"1"[..]), None));
    assert_eq!((removal.author(), removal.stamp()), (peer(1), Stamp(3)));
    assert_eq!(write(&mut table, 0, 2, &[Write::value("votes\0a", field("x"), "late")]).len(), 0);
    assert_eq!(text(&table, "nobody", "x").or(text(&table, "votes\0a", "y")), None);
}

#[test]
fn rows_are_read_from_both_ends() {
    let mut table = Table::new(Kind::ByValue);
    for (stamp, row) in (1..).zip(["a", "ma", "mb", "mc", "n"]) {
        write(&mut table, 0, stamp, &[Write::value(row, field(""), row), Write::value(row, field("x"), row)]);
    }
    write(&mut table, 0, 9, &[Write::removal("mb", field("x"))]);
    let rows = |entries: &mut dyn Iterator<Item = &Entry>| -> Vec<String> {
        entries.map(|entry| String::from_utf8_lossy(entry.row()).into_owned()).collect()
    };
    assert_eq!(rows(&mut table.entries_from(b"m", b"mb")), ["mb", "mc", "mc"]);
    assert_eq!(rows(&mut table.entries_before(b"m", b"mc")), ["mb", "ma", "ma"]);
    assert_eq!(rows(&mut table.entries_before(b"m", b"n")).len(), 5);
    assert_eq!(rows(&mut table.entries_from(b"m", b"n")), [] as [&str; 0]);
}

#[test]
fn writes_of_several_fields_count_together() {
    let mut table = Table::with_quota(Kind::ByValue, Quota { values: 3, bytes: 999, removals: 9 });
    write(&mut table, 0, 1, &[Write::value("a", field("x"), "1")]);
    let value = |name: &str| Write::value("a", field(name), "2");
    assert!(!table.is_full_for_all(peer(0), &[value("x"), value("y"), value("z")]), "one is replaced");
    assert!(table.is_full_for_all(peer(0), &[value("w"), value("y"), value("z")]));
    assert!(!table.is_full_for_all(peer(1), &[value("w"), value("y"), value("z")]));
    write(&mut table, 0, 2, &[value("x"), value("y"), value("z")]);
    assert!(table.is_full_for(peer(0), &value("w")));
    let hidden = Write::value("a", Writer::Moderators.field(b"w"), "2");
    assert!(!table.is_full_for_all(peer(0), &[Write::removal("a", field("x")), hidden]));
}

#[test]
fn what_is_taken_back_reads_as_removed() {
    let mut table = Table::new(Kind::ByValue);
    for (person, stamp) in [(0, 5), (1, 6), (0, 7)] {
        let name = format!("{stamp}");
        write(&mut table, person, stamp, &[Write::value("row", field(&name), &name)]);
    }
    let (before, batches) = (table.digest(), state(&table).1);
    let of = |author, scope: &[u8]| {
        let (replica, scope) = (ReplicaNumber::FIRST, Bytes::new(scope.to_vec()).expect("short"));
        Retraction { replica, until: Stamp(6), author, scope }
    };
    let (retracted, scoped) = (of(Some(peer(0)), b""), of(None, b"other row"));
    let enforce = |table: &mut Table, list: &[Retraction]| -> Enforced<Option<Changes>> {
        table.enforce(&|_| true, list, &mut core::iter::empty())
    };
    assert!(enforce(&mut table, core::slice::from_ref(&scoped)).changed.is_none(), "another row");
    let hidden = enforce(&mut table, &[retracted, scoped]).changed.expect("one reads different");
    assert!(matches!(hidden.of::<Change>(), [Change { before: Some(_), after: None, removal: None }]));
    assert_eq!(["5", "6", "7"].map(|name| text(&table, "row", name)), [None, Some("6"), Some("7")]);
    assert_eq!((table.digest() != before, state(&table).1), (true, batches));

    // What is hidden keeps its order, also where it comes later.
    write(&mut table, 1, 4, &[Write::value("row", field("5"), "earlier")]);
    write(&mut table, 0, 6, &[Write::value("row", field("late"), "hidden")]);
    assert_eq!((text(&table, "row", "5"), text(&table, "row", "late")), (None, None));
    let again = enforce(&mut table, &[]);
    assert_eq!(again.changed.map_or(0, |changes| changes.of::<Change>().len()), 2);
    assert_eq!((text(&table, "row", "5"), text(&table, "row", "late")), (Some("5"), Some("hidden")));
}

#[test]
fn folds_keep_the_digest() {
    let mut table = Table::new(Kind::ByValue);
    for stamp in 1..40 {
        let name = format!("{}", stamp % 30);
        write(&mut table, 0, stamp, &[Write::value("row", field(&name), format!("{stamp}"))]);
        write(&mut table, 1, stamp, &[Write::value("row", Writer::Peer(peer(1)).field(b"x"), "other")]);
    }
    write(&mut table, 0, 50, &[Write::value("elsewhere", field("x"), "y")]);
    let batch = table.batches().find(|batch| batch.peer() == peer(0)).expect("one wrote");
    let (number, _) = table.outline(batch.payload()).expect("a payload");
    let (before, shown_before) = (table.digest(), shown(&table));
    let (Fold { payload, cost, least }, _) = table.fold(number, peer(0)).expect("it is worth it");
    assert_eq!((least, cost), (Stamp(10), 31));
    let applied = apply(&mut table, &sign(0, 99, (least.0, 60), &payload));
    assert_eq!((applied.kept, applied.dropped.len(), applied.changed), (true, 30, None));
    assert_eq!((table.digest(), shown(&table), table.batch_count()), (before, shown_before, 3));
    assert!(table.fold(number, peer(0)).is_none(), "one batch carries all");
    assert!(table.fold(number, peer(1)).is_none() && table.fold(number + 1, peer(0)).is_none());
}

#[test]
fn folds_fit_one_batch() {
    let mut table = Table::new(Kind::ByValue);
    for stamp in 1..60 {
        let length = if stamp % 3 == 0 { 20_000 } else { 5 };
        write(&mut table, 0, stamp, &[Write::value("row", field(&format!("{stamp}")), vec![7; length])]);
    }
    let number = table.batches().find_map(|batch| table.outline(batch.payload())).expect("a payload").0;
    let (Fold { payload, least, .. }, _) = table.fold(number, peer(0)).expect("the short ones at least");
    let before = table.digest();
    let applied = apply(&mut table, &sign(0, 99, (least.0, 60), &payload));
    assert!(applied.dropped.len() >= 39, "{}", applied.dropped.len());
    assert_eq!(table.digest(), before);
}

#[test]
fn leaves_are_served() {
    let mut table = Table::new(Kind::ByValue);
    let value = |number: u16| Write::value("row", field(&format!("{number}")), "value");
    write(&mut table, 0, 1, &(0..700).map(value).collect::<Vec<_>>());
    assert_eq!(leaves(&table).len(), 1, "one leaf");
    write(&mut table, 1, 2, &(500..1300).map(value).collect::<Vec<_>>());
    write(&mut table, 2, 3, &[value(1), value(2)]);
    let leaves = leaves(&table);
    assert_eq!((leaves.len(), table.batch_count()), (64, 3));
    for Below { number, digest, .. } in leaves {
        let mut other = Table::new(Kind::ByValue);
        table.node_batches(number, 0).iter().for_each(|batch| drop(apply(&mut other, batch)));
        assert_eq!(other.node_digest(number, 0), digest);
    }
    assert_eq!((table.node_digest(0, 0), table.node_batches(0, 0)), (EMPTY_PART_DIGEST, vec![]));
}

#[test]
fn costs_are_entries_and_begun_kib() {
    let table = Table::new(Kind::ByValue);
    let header = written(0, 1, &[Write::removal("row", field("x"))])[0].header();
    let cost = |writes: &[Write]| {
        let payload = payloads(peer(0), writes).expect("short").remove(0);
        let content = table.check(&header, &payload).expect("legal");
        assert_eq!(table.outline(&payload).map(|(_, cost)| cost), Some(content.cost));
        (content.cost, content.is_for_moderators)
    };
    let large = |length: usize| Write::value("", field(""), vec![7; length]);
    assert_eq!(cost(&[large(5)]), (2, false));
    assert_eq!([1016, 1017].map(|length| cost(&[large(length)]).0), [2, 3], "8 bytes stand before it");
    let notice = Write::removal("", Writer::Moderators.field(b"notice"));
    assert_eq!(cost(&[large(5), notice]), (3, true));
}

#[test]
fn tables_by_time_keep_old_rows_together() {
    const DAY: u64 = 24 * 60 * 60 * 1000;
    let row = |millis: u64| [b"room\0", &millis.to_be_bytes()[2..], &[9; 8]].concat();
    let mut table = Table::new(Kind::ByTime);
    for day in 0..40 {
        let millis = 1_790_000_000_000 + day * DAY;
        let writes: Vec<Write> =
            (0..30).map(|n| Write::value(row(millis), field(&format!("{n}")), "x")).collect();
        write(&mut table, 0, (millis + 5) << 16, &writes);
        assert_eq!(time_of(&row(millis)), Some(millis));
    }
    let parts = leaves(&table);
    assert!((3..=40).contains(&parts.len()), "{} parts", parts.len());
    let batches: usize = parts.iter().map(|leaf| table.node_batches(leaf.number, 0).len()).sum();
    assert_eq!(batches, 40, "a row lies in one leaf while that has place");
    let last = 1_790_000_000_000 + 41 * DAY;
    write(&mut table, 0, last << 16, &[Write::value(row(last), field("x"), "x")]);
    let same = leaves(&table).iter().filter(|leaf| parts.contains(leaf)).count();
    assert!(same >= parts.len() - 1, "what is old stays as it is");
    let floor = Floor((1_790_000_000_000 / DAY + 20) as u32);
    let from = table.path_of(floor);
    let later = table.node_batches(tree::ROOT, from).len();
    assert!((20..=22).contains(&later), "of 41 days {later} are held by who holds the last 20");
    assert_ne!(table.node_digest(tree::ROOT, from), table.digest());
    assert_eq!(Table::new(Kind::ByValue).path_of(floor), 0, "by value nothing old lies together");
    let header = written(0, (last << 16) - 1, &[Write::value("", field("x"), "x")])[0].header();
    for wrong in [row(last), b"thirteen byte".to_vec(), vec![]] {
        let payload = payloads(peer(0), &[Write::removal(&wrong, field("x"))]).expect("short").remove(0);
        assert_eq!(table.read(&header, &payload), Err(TableError::Time(wrong.len())));
        assert!(Table::new(Kind::ByValue).read(&header, &payload).is_ok());
    }
}

fn leaves(table: &Table) -> Vec<Below> {
    table.below(tree::ROOT, 0, usize::MAX)
}

/// docs/protocol/table.md shows these. A failure prints what comes out now.
#[test]
fn golden_digests() {
    let mut table = Table::new(Kind::ByValue);
    let stamp = 1_790_000_000_000 << 16 | 3;
    let hex = |digest: Digest| digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    write(&mut table, 0, stamp, &[Write::value("votes\0ferry", field("seats"), "40")]);
    let one = hex(table.digest());
    write(&mut table, 1, stamp, &[Write::removal("votes\0ferry", Writer::Peer(peer(1)).field(b""))]);
    let lines = [hex(Table::new(Kind::ByValue).digest()), one, hex(table.digest())];
    let expected = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "c3b72dbddbddaebd48ed2e397bf2fc471e894526e0b9c0dee282dc2405cdfd4d",
        "c00825ba4d5adfb51b8ce1f4bec1cc595116e85ec2a3b35340619e2bb31134d7",
    ];
    assert_eq!(lines, expected);
}
