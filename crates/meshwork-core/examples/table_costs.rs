//! Shows what a table of 100,000 fields by 100 authors costs in memory and time.
//!
//! Run with `cargo run --release -p meshwork-core --example table_costs -- lone`, or `full` for rows of 100 fields.

use std::fs;
#[expect(clippy::disallowed_types, reason = "it is time that is measured")]
use std::time::Instant;

use meshwork_core::clock::Stamp;
use meshwork_core::id::{Endpoint, Identity, Instance, RoomId};
use meshwork_core::replica::Replica as _;
use meshwork_core::replica::tree::ROOT;
use meshwork_core::signed::batch::{Header, SignedBatch, StampWindow};
use meshwork_core::table::{Kind, Table, Write, Writer, payloads};

const FIELDS: u32 = 100_000;
const AUTHORS: u32 = 100;

/// Bytes of memory that this program uses.
fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").expect("a system that has it");
    let pages: usize = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number");
    pages * 4096
}

fn seconds<T>(run: impl FnOnce() -> T) -> (f64, T) {
    #[expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "it is time that is measured")]
    let begin = Instant::now();
    let done = run();
    (begin.elapsed().as_secs_f64(), done)
}

/// What so many batches write, each with so many fields of a row.
fn written(batches: u32, fields: u32) -> Vec<SignedBatch> {
    let identities: Vec<Identity> = (0..AUTHORS).map(|n| Identity::from_secret([n as u8 + 1; 32])).collect();
    let sign = |number: u32| {
        let identity = &identities[(number % AUTHORS) as usize];
        let author = Endpoint { peer: identity.peer(), instance: Instance(1) };
        let window = StampWindow::at(Stamp((1_790_000_000_000 + u64::from(number)) << 16));
        let header = Header::new(author, number.into(), window, 0);
        let write = |field: u32| {
            let field = Writer::Anybody.field(format!("{field}").as_bytes());
            Write::value(format!("table\0row {number}"), field, number.to_le_bytes())
        };
        let payload =
            payloads(author.peer, &(0..fields).map(write).collect::<Vec<_>>()).expect("short").remove(0);
        SignedBatch::sign(identity, &RoomId([1; 32]), &header, &payload).expect("a legal batch")
    };
    (1..=batches).map(sign).collect()
}

fn measure(batches: u32, fields: u32) {
    let mut written = written(batches + 1, fields);
    let last = written.pop().expect("one more than is counted");
    let bytes: usize = written.iter().map(|batch| batch.memory()).sum();
    let before = resident();
    let mut table = Table::new(Kind::ByValue);
    let mut apply = |batch: &SignedBatch| {
        let content = table.check(&batch.header(), batch.payload()).expect("it is of the table");
        table.apply(batch.clone(), content);
    };
    let (applied, ()) = seconds(|| written.iter().for_each(&mut apply));
    let (first, _) = seconds(|| table.digest());
    let beyond = resident() - before;
    let of_field = |bytes: usize| bytes / FIELDS as usize;
    println!("{batches} batches of {fields} fields:");
    println!("  {} bytes a field in batches, {} beyond", of_field(bytes), of_field(beyond));
    println!(
        "  {:.0} batches and {:.0} fields a second",
        f64::from(batches) / applied,
        f64::from(FIELDS) / applied
    );
    let mut apply = |batch: &SignedBatch| {
        let content = table.check(&batch.header(), batch.payload()).expect("it is of the table");
        table.apply(batch.clone(), content);
    };
    let (change, ()) = seconds(|| apply(&last));
    let (again, _) = seconds(|| table.digest());
    println!(
        "  digest {:.1} ms at first, {:.3} ms after one more batch, which took {:.3} ms",
        1e3 * first,
        1e3 * again,
        1e3 * change
    );
    let (listed, count) = seconds(|| table.below(ROOT, 0, usize::MAX).len());
    let (read, found) = seconds(|| {
        (1..=1000).filter(|n| table.get(format!("table\0row {n}").as_bytes(), b"\x000").is_some()).count()
    });
    println!(
        "  {count} leaves in {:.1} ms, a field read in {:.0} ns",
        1e3 * listed,
        1e9 * read / found as f64
    );
}

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("full") => measure(FIELDS / 100, 100),
        _ => measure(FIELDS, 1),
    }
}
