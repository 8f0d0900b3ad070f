//! Shows how long a page's thread is held up by the longest updates of documents that a stranger can send.
//!
//! Run with `cargo run --release -p meshwork-sync --example reading_costs`, or built for `wasm32-wasip1` with node's WASI.

use std::hint::black_box;
use std::time::Instant;

use meshwork_core::clock::Stamp;
use meshwork_core::id::{Endpoint, Identity, Instance, RoomId};
use meshwork_core::replica::Replica as _;
use meshwork_core::signed::batch::{Header, SignedBatch, StampWindow};
use meshwork_sync::document::update::{ITEMS_MAX, number};
use meshwork_sync::document::{Documents, UPDATE_MAX, client_of, payload};

const ROOM: RoomId = RoomId([9; 32]);
const ROUNDS: usize = 20;

fn milliseconds<T>(run: impl FnOnce() -> T) -> (f64, T) {
    let begin = Instant::now();
    let done = run();
    (begin.elapsed().as_secs_f64() * 1000.0, done)
}

/// An update of one client: as many of these items as it has place for, each by its clock, and nothing deleted.
fn items(client: u64, item: impl Fn(u64) -> Vec<u8>) -> Vec<u8> {
    let (mut count, mut all) = (0, Vec::new());
    loop {
        let next = item(count);
        if all.len() + next.len() + 32 > UPDATE_MAX || count as usize == ITEMS_MAX {
            break;
        }
        all.extend(next);
        count += 1;
    }
    let mut update = vec![1];
    [count, client, 0].iter().for_each(|head| number(&mut update, *head));
    [update, all, vec![0]].concat()
}

/// An item behind the one before it, the first in the text `t`.
fn chained(client: u64, clock: u64, content: &[u8]) -> Vec<u8> {
    let Some(before) = clock.checked_sub(1) else { return [&[4, 1, 1, b't'], content].concat() };
    let mut item = vec![0x84];
    [client, before].iter().for_each(|id| number(&mut item, *id));
    [&item, content].concat()
}

/// One content of so many bytes, whose parts are counted in `parts`.
fn one(client: u64, kind: u8, parts: usize, content: &[u8]) -> Vec<u8> {
    let mut update = vec![1, 1];
    number(&mut update, client);
    update.extend([0, kind, 1, 1, b't']);
    number(&mut update, parts as u64);
    [&update[..], content, &[0]].concat()
}

/// As many ranges of nobody's items as have place, deleted.
fn deletions() -> Vec<u8> {
    let mut update = vec![0, 1, 7];
    number(&mut update, ITEMS_MAX as u64);
    for range in 0..ITEMS_MAX as u64 {
        number(&mut update, 2 * range);
        update.push(1);
    }
    update
}

fn main() {
    let identity = Identity::from_secret([1; 32]);
    let me = Endpoint { peer: identity.peer(), instance: Instance(1) };
    let client = client_of(me);
    let long = UPDATE_MAX - 64;
    let updates = [
        ("letters, one by one", items(client, |clock| chained(client, clock, b"\x01a"))),
        ("letters in no order", items(client, |_| b"\x04\x01\x01t\x01a".to_vec())),
        ("deleted letters", items(client, |_| b"\x01\x01\x00\x01".to_vec())),
        ("values of a map", items(client, |_| b"\x28\x01\x01m\x01k\x01\x7e".to_vec())),
        ("types within a list", items(client, |_| b"\x07\x01\x01l\x00".to_vec())),
        ("another's, as a seed", items(5, |_| b"\x01\x01\x00\x01".to_vec())),
        ("one text of plain letters", one(client, 4, long, &vec![b'a'; long])),
        ("one text of emojis", one(client, 4, long / 4 * 4, "\u{1f300}".repeat(long / 4).as_bytes())),
        ("one list of nothing", one(client, 8, long, &vec![0x7e; long])),
        ("ranges that are deleted", deletions()),
    ];
    println!("each once, ms: read and checked; taken in; bytes");
    for (what, update) in updates {
        let payload = payload("notes", &[], &update);
        let header = Header::new(me, 1, StampWindow::at(Stamp(1)), 0);
        let batch = SignedBatch::sign(&identity, &ROOM, &header, &payload).expect("it has place");
        let round = || {
            let mut documents = Documents::new();
            let (reading, content) = milliseconds(|| documents.check(&header, batch.payload()));
            let taking = content.ok().map(|content| {
                let (taking, applied) = milliseconds(|| documents.apply(batch.clone(), content));
                assert!(applied.kept, "{what} stands");
                black_box(&applied);
                taking
            });
            (reading, taking)
        };
        let rounds: Vec<(f64, Option<f64>)> = (0..ROUNDS).map(|_| round()).collect();
        let reading = rounds.iter().map(|round| round.0).fold(0.0, f64::max);
        let taking: Option<Vec<f64>> = rounds.iter().map(|round| round.1).collect();
        let taking = taking.map(|rounds| rounds.into_iter().fold(0.0, f64::max));
        let taking = taking.map_or_else(|| "refused".to_owned(), |ms| format!("{ms:.2}"));
        println!("{what:26} {reading:6.2}  {taking:>7}  {}", update.len());
    }
}
