//! Updates changed at random by the ten thousand, in the nightly run by the million: none stops a program, takes more memory
//! than a bound, or makes unreadable what others wrote.

use std::alloc::{GlobalAlloc, Layout, System};
use std::borrow::Cow;
use std::cell::Cell;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice;
use std::thread;

use meshwork_core::signed::batch::PAYLOAD_MAX;
use yrs::types::Attrs;
use yrs::{
    Any, Array as _, ArrayPrelim, Map as _, MapPrelim, StateVector, TextPrelim, XmlElementPrelim,
    XmlFragment as _,
};

use super::hostile::{Liar, check_honest};
use super::*;
use crate::document::update::{Id, Kind, Parent, Piece, Ranges, Says, number, read, read_long, write};

/// Updates that are tried, and how many of them in one document.
const UPDATES: u64 = 20_000;
const NIGHTLY_UPDATES: u64 = 1_000_000;
const IN_A_DOCUMENT: u64 = 50;

/// Bytes of memory that reading an update takes at most for each of its own, and beside that.
const READING: (usize, usize) = (256, 4096);
/// Bytes that all those take which keep an update and show it, at most: in these documents, of a few kilobytes.
const SHOWING_MAX: usize = 4 * 1024 * 1024;

/// Counts what this thread has allocated, and the most that it ever had.
struct Counting;

thread_local! {
    static ALLOCATED: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

fn count(bytes: isize) {
    // While a thread ends there is nothing left to count with.
    let _ = ALLOCATED.try_with(|allocated| {
        let (now, most) = allocated.get();
        allocated.set((now + bytes, most.max(now + bytes)));
    });
}

// SAFETY: every call is the system allocator's, with its own arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Does something. Returns how many bytes it had allocated at most.
fn measured<R>(work: impl FnOnce() -> R) -> (R, usize) {
    let (before, _) = ALLOCATED.get();
    ALLOCATED.set((before, before));
    let done = work();
    (done, (ALLOCATED.get().1 - before) as usize)
}

/// What came of many updates.
#[derive(Debug, Default)]
struct Tally {
    refused: u64,
    taken: u64,
    /// How often the library stopped at one.
    stopped: u64,
    /// Most bytes that one took.
    reading: usize,
    showing: usize,
}

/// Somebody edits as people do: texts, of these words, marks, pictures, maps, lists and elements. Returns the update.
fn edit(document: &Doc, words: &str, rng: &mut Rng) -> Vec<u8> {
    let mut writing = document.transact_mut();
    let (text, map) = (writing.get_or_insert_text("text"), writing.get_or_insert_map("map"));
    let (list, page) = (writing.get_or_insert_array("list"), writing.get_or_insert_xml_fragment("page"));
    let length = text.len(&writing);
    let at = rng.below(u64::from(length) + 1) as u32;
    let some = (1 + rng.below(4) as u32).min(length - at);
    let key = ["a", "b", "c"][rng.below(3) as usize];
    match rng.below(11) {
        0..3 => text.insert(&mut writing, at, words),
        3 if some > 0 => text.remove_range(&mut writing, at, some),
        4 if some > 0 => {
            let bold = Attrs::from([("bold".into(), Any::Bool(rng.below(2) == 0))]);
            text.format(&mut writing, at, some, bold);
        }
        5 => drop(text.insert_embed(&mut writing, at, Any::from("picture"))),
        6 => drop(map.insert(&mut writing, key, rng.next_u64() as i64)),
        7 => drop(map.insert(&mut writing, key, TextPrelim::new("within"))),
        8 => drop(map.insert(&mut writing, key, MapPrelim::from([("in", Any::from(vec![7_u8; 5]))]))),
        9 => {
            let values = [Any::from(1.5), Any::from("x"), Any::Array(vec![Any::Null; 3].into())];
            list.push_back(&mut writing, ArrayPrelim::from(values));
        }
        _ => drop(page.push_back(&mut writing, XmlElementPrelim::empty("p"))),
    }
    writing.encode_update_v1()
}

/// An update changed in one to three ways; `other` is another one.
fn changed(update: &[u8], other: &[u8], known: &[Id], rng: &mut Rng) -> Vec<u8> {
    let mut changed = update.to_vec();
    for _ in 0..1 + rng.below(3) {
        let at = rng.below(changed.len() as u64 + 1) as usize;
        match rng.below(16) {
            0 if at < changed.len() => changed[at] ^= 1 << rng.below(8),
            1 if at < changed.len() => changed[at] = [0, 1, 0x7f, 0x80, 0xff][rng.below(5) as usize],
            2 => changed.truncate(at),
            3 => {
                changed.truncate(at);
                changed.extend_from_slice(&other[rng.below(other.len() as u64 + 1) as usize..]);
            }
            4 => {
                let mut huge = Vec::new();
                number(
                    &mut huge,
                    [1 << 14, (1 << 31) - 1, 1 << 31, 1 << 53, u64::MAX][rng.below(5) as usize],
                );
                changed.splice(at..(at + 1).min(changed.len()), huge);
            }
            5 => {
                let until = (at + 1 + rng.below(12) as usize).min(changed.len());
                let part = changed[at..until].to_vec();
                changed.splice(at..at, part.repeat(1 + rng.below(20) as usize));
            }
            _ => changed = rewritten(&changed, known, rng),
        }
        changed.truncate(PAYLOAD_MAX / 2);
    }
    changed
}

/// An update with another place, number, length or content for one of its items, or deletions of anything.
fn rewritten(bytes: &[u8], known: &[Id], rng: &mut Rng) -> Vec<u8> {
    let Ok(update) = read_long(bytes) else { return bytes.to_vec() };
    let mut deletions: Vec<_> = update.deletions.clone();
    let mut pieces: Vec<Piece<'_>> = update.items.iter().map(Piece::of).collect();
    let any = |rng: &mut Rng| known.get(rng.below(known.len() as u64 + 1) as usize).copied();
    let far = |rng: &mut Rng| [0, 1, 7, 1 << 16, (1 << 31) - 2][rng.below(5) as usize];
    let which = rng.below(pieces.len().max(1) as u64) as usize;
    let depth = 1 + rng.below(2 * update::DEPTH_MAX as u64) as usize;
    let nested = [&[117, 1].repeat(depth)[..], &[126]].concat();
    if let Some(piece) = pieces.get_mut(which) {
        match rng.below(12) {
            0 => (piece.origin, piece.parent) = (any(rng), None),
            1 => (piece.right, piece.parent) = (any(rng), None),
            2 => {
                let name = ["text", "map", "list", "page", ""][rng.below(5) as usize];
                (piece.origin, piece.right) = (None, None);
                piece.parent = Some(any(rng).map_or(Parent::Root(name), Parent::Item));
            }
            3 => piece.key = [None, Some("a"), Some("")][rng.below(3) as usize],
            4 => piece.id.clock = far(rng),
            5 => piece.id.clock += rng.below(3),
            6 => (piece.content, piece.length) = (Says::Deleted, 1 + far(rng)),
            7 => (piece.content, piece.length) = (Says::Values(vec![&nested]), 1),
            8 => {
                let whole: (Kind, &[u8]) = [
                    (Kind::Type, &b"\x00"[..]),
                    (Kind::Type, b"\x01"),
                    (Kind::Type, b"\x02"),
                    (Kind::Type, b"\x03\x01p"),
                    (Kind::Type, b"\x06"),
                    (Kind::Format, b"\x04bold\x04true"),
                    (Kind::Embed, b"\x02{}"),
                    (Kind::Binary, b"\x01\xff"),
                    (Kind::Document, b"\x01d\x76\x00"),
                ][rng.below(9) as usize];
                (piece.content, piece.length) = (Says::Whole(whole.0, whole.1), 1);
            }
            9 => (piece.content, piece.length) = (Says::Text(Cow::Borrowed("other")), 5),
            10 => {
                let twin = Piece { id: any(rng).unwrap_or(piece.id), ..piece.clone() };
                pieces.push(twin);
            }
            _ => piece.id.client = any(rng).map_or(7, |id| id.client),
        }
    }
    if rng.below(3) == 0 {
        let client = any(rng).map_or(7, |id| id.client);
        let from = far(rng);
        deletions.push((client, from..from + 1 + rng.below(1 << 20)));
    }
    write(pieces, &deletions.into_iter().collect())
}

/// A document of two who are honest, into which a liar says what it likes.
struct Trial {
    people: Vec<Person>,
    liar: Liar,
    /// What the liar goes on from.
    library: Doc,
    known: Vec<Id>,
    /// Updates of which one can be put together.
    said: Vec<Vec<u8>>,
}

impl Trial {
    fn new(rng: &mut Rng) -> Trial {
        let mut people = vec![Person::new(1, 1), Person::new(2, 1)];
        for _ in 0..8 {
            let person = &mut people[rng.below(2) as usize];
            let words: String = (0..1 + rng.below(4)).filter_map(|_| honest_letter(rng)).collect();
            let update = edit(&person.open, &words, rng);
            if read(&update).is_ok_and(|read| read != update::Update::default()) {
                person.say(&payload("notes", &[], &update), None);
            }
            let (one, other) = people.split_at_mut(1);
            exchange(&mut one[0], &mut other[0], rng);
        }
        let liar = Liar::new();
        let library = library(client_of(liar.me));
        people[0].documents.whole("notes").iter().for_each(|whole| apply(&library, whole));
        let batches: Vec<SignedBatch> = people[0].documents.batches().cloned().collect();
        let said = batches.iter().map(|batch| Said::read(batch.payload()).expect("kept").bytes.to_vec());
        let mut trial = Trial { said: said.collect(), people, liar, library, known: Vec::new() };
        let honest = trial.said.clone();
        honest.iter().for_each(|update| trial.note(update));
        trial
    }

    /// Items of an update may be named from now on.
    fn note(&mut self, update: &[u8]) {
        // A liar may have used up its numbers.
        let Ok(read) = read(update) else { return };
        let ends = read.items.iter().flat_map(|item| [item.id, Id { clock: item.end() - 1, ..item.id }]);
        self.known.extend(ends);
    }

    /// The liar opens what somebody keeps.
    fn open_anew(&mut self, who: usize) {
        self.library = library(client_of(self.liar.me));
        self.people[who].documents.whole("notes").iter().for_each(|whole| apply(&self.library, whole));
    }

    /// One more changed update.
    fn go_on(&mut self, rng: &mut Rng, tally: &mut Tally) {
        let who = rng.below(2) as usize;
        if rng.below(2) == 0 {
            // What was refused left a gap, and what was taken in says another thing.
            self.open_anew(who);
        }
        // The library counts values among the letters of a text, which it cannot remove there: it may stop whoever lies so.
        let edited = catch_unwind(AssertUnwindSafe(|| edit(&self.library, &letters(rng), rng)));
        let Ok(update) = edited else { return self.open_anew(who) };
        self.note(&update);
        let other = self.said[rng.below(self.said.len() as u64) as usize].clone();
        let changed = changed(&update, &other, &self.known, rng);
        self.said.push(update);
        let (is_read, bytes) = measured(|| read(&changed).is_ok());
        tally.reading = tally.reading.max(bytes);
        assert!(bytes <= READING.0 * changed.len() + READING.1, "{bytes} bytes to read {changed:x?}");
        let batch = self.liar.sign(&changed, START + rng.below(100));
        let person = &mut self.people[who];
        let (content, bytes) = measured(|| person.documents.check(&batch.header(), batch.payload()));
        assert!(bytes <= 3 * READING.0 * changed.len() + READING.1, "{bytes} bytes to check {changed:x?}");
        let Ok(content) = content else {
            tally.refused += 1;
            return;
        };
        assert!(is_read, "what can be said can be read");
        tally.taken += 1;
        let ((), bytes) = measured(|| hear(person, batch, content, tally));
        tally.showing = tally.showing.max(bytes);
        assert!(bytes <= SHOWING_MAX, "{bytes} bytes to show {changed:x?}");
    }

    /// What the two have is the same, is what anybody opens, and has all that they wrote.
    fn check(mut self, rng: &mut Rng, tally: &mut Tally, seed: u64) {
        let (one, other) = self.people.split_at_mut(1);
        for (to, from) in [(0, 1), (1, 0), (0, 1)] {
            let [to, from] =
                if to < from { [&mut one[0], &mut other[0]] } else { [&mut other[0], &mut one[0]] };
            hear_all(to, from, rng, tally);
        }
        let [one, other] = [&one[0], &other[0]];
        assert_eq!(one.documents.digest(), other.documents.digest(), "seed {seed}");
        let opened = opened(one).unwrap_or_else(|| panic!("seed {seed}: what stands cannot be opened"));
        let text = text_of(&opened);
        assert_eq!((&text_of(&one.open), &text_of(&other.open)), (&text, &text), "seed {seed}");
        check_honest(&self.people, seed);
        // As the library has it, too.
        let written = opened.transact().encode_state_as_update_v1(&StateVector::default());
        let written = read_long(&written).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let shown = self.people[0].documents.whole("notes").expect("somebody wrote");
        let deleted = read_long(&shown).expect("written here").deleted();
        let gone = written.deleted();
        let mut letters = 0;
        for batch in self.people[0].documents.batches().filter(|batch| batch.peer() != self.liar.me.peer) {
            let said = Said::read(batch.payload()).expect("kept");
            assert!(written.contains(slice::from_ref(&said.update)), "seed {seed}: {said:?}");
            for item in said.update.items.iter().filter(|item| is_honest_text(item)) {
                let stands: Ranges = Ranges::from_iter([item.range()]).without(&deleted);
                assert!(stands.both(&gone).is_empty(), "seed {seed}: {item:?}");
                letters += stands.iter().map(|(_, range)| range.end - range.start).sum::<u64>();
            }
        }
        let shown = text.chars().filter(|letter| HONEST_LETTERS.contains(&(*letter as u32))).count();
        assert!(shown as u64 >= letters, "seed {seed}: {letters} letters stand, {shown} show");
    }
}

/// Letters that honest people write, in the text that all share.
const HONEST_LETTERS: std::ops::Range<u32> = 0x4e00..0x9e00;

fn honest_letter(rng: &mut Rng) -> Option<char> {
    char::from_u32(HONEST_LETTERS.start + rng.below(HONEST_LETTERS.len() as u64) as u32)
}

fn is_honest_text(item: &update::Item<'_>) -> bool {
    match Piece::of(item).content {
        Says::Text(text) => text.chars().all(|letter| HONEST_LETTERS.contains(&(letter as u32))),
        _ => false,
    }
}

/// Somebody hears what another one keeps, in an order that `rng` draws.
fn hear_all(person: &mut Person, from: &Person, rng: &mut Rng, tally: &mut Tally) {
    let mut batches: Vec<SignedBatch> = from.documents.batches().cloned().collect();
    batches.retain(|batch| person.documents.batches().all(|held| held.id() != batch.id()));
    shuffle(&mut batches, rng);
    for batch in batches {
        let content =
            person.documents.check(&batch.header(), batch.payload()).expect("the other one keeps it");
        hear(person, batch, content, tally);
    }
}

fn hear(
    person: &mut Person,
    batch: SignedBatch,
    content: meshwork_core::replica::Content,
    tally: &mut Tally,
) {
    person.heard.insert(batch.id(), batch.clone());
    let changed = person.documents.apply(batch, content).changed;
    for change in changed.iter().flat_map(|changes| changes.of::<Change>()) {
        tally.stopped += u64::from(!shows(person, change));
    }
}

/// Takes a change in where a library may stop. Returns whether it did not.
fn shows(person: &mut Person, change: &Change) -> bool {
    let shown = catch_unwind(AssertUnwindSafe(|| person.show(change))).is_ok();
    if !shown {
        person.open = opened(person).expect("what stands can be opened");
    }
    shown
}

/// The document opened anew; `None` where the library stops at it.
fn opened(person: &Person) -> Option<Doc> {
    catch_unwind(AssertUnwindSafe(|| person.opened())).ok()
}

/// Tries so many updates, the documents' seeds from `first` on.
fn tried(first: u64, updates: u64) -> Tally {
    let mut tally = Tally::default();
    for offset in 0..updates / IN_A_DOCUMENT {
        let seed = first.wrapping_add(offset);
        let rng = &mut seeded(seed);
        let mut trial = Trial::new(rng);
        for _ in 0..IN_A_DOCUMENT {
            let tried = catch_unwind(AssertUnwindSafe(|| trial.go_on(rng, &mut tally)));
            tried.unwrap_or_else(|panic| {
                println!("in the document of seed {seed}");
                std::panic::resume_unwind(panic)
            });
        }
        trial.check(rng, &mut tally, seed);
    }
    tally
}

#[test]
fn changed_updates_stop_nobody() {
    let threads = thread::available_parallelism().map_or(1, NonZero::get) as u64;
    let updates = if is_nightly() { NIGHTLY_UPDATES } else { UPDATES } / threads;
    let first = seed(1_000_000);
    let share = |thread| first.wrapping_add(thread * updates / IN_A_DOCUMENT);
    let tallies: Vec<Tally> = thread::scope(|scope| {
        let shares: Vec<_> =
            (0..threads).map(|thread| scope.spawn(move || tried(share(thread), updates))).collect();
        shares.into_iter().map(|share| share.join().expect("no update stops a program")).collect()
    });
    println!("{tallies:#?}");
    let [refused, taken] = [|tally: &Tally| tally.refused, |tally: &Tally| tally.taken];
    let [refused, taken] = [refused, taken].map(|count| tallies.iter().map(count).sum::<u64>());
    assert!(refused > updates / 10 && taken > updates / 10, "both kinds are tried: {refused}, {taken}");
}

/// The seed of this run of the tests, from MESHWORK_SEED, so that a run can be repeated.
fn seed(default: u64) -> u64 {
    let seed = std::env::var("MESHWORK_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(default);
    println!("repeat with MESHWORK_SEED={seed}");
    seed
}

/// Whether this is the long run, in which much more is tried: MESHWORK_NIGHTLY is set, to whatever.
fn is_nightly() -> bool {
    std::env::var_os("MESHWORK_NIGHTLY").is_some()
}
