//! `table-100k`: a table of 100,000 fields by 100 authors, joined over loopback and held in memory.

use anyhow::{Context, Result, ensure};
use meshwork_core::id::{Identity, RoomId};
use meshwork_core::node::{Node, RoomHandle};
use meshwork_core::replica::{Replica as _, ReplicaNumber};
use meshwork_core::rng::Rng;
use meshwork_core::signed::app::GENESIS_SLOT;
use meshwork_core::signed::batch::{StampWindow, UnverifiedBatch};
use meshwork_core::signed::header::Family;
use meshwork_core::table::{Change, Kind, Table, Write, Writer, payloads};
use meshwork_place::canvas::CanvasSize;
use yrs::block::ClientID;
use yrs::{Doc, Map, MapRef, Options, ReadTxn, StateVector, Transact};

use super::paintings::{Author, stamp};
use super::yjs;
use crate::clock::{process_cpu, wall};
use crate::joining::{Content, Keeper, runtime};
use crate::machine::locked;
use crate::memory::held;
use crate::race::{Needs, Plan, Race, Row, Samples};

/// The race.
pub(crate) const RACE: Race = Race {
    name: "table-100k",
    about: "A table of 100,000 fields of 8 bytes in rows of ten, by 100 authors, each of whom wrote a row at once. A \
            newcomer joins as in join-1000, to the last field; memory is what the table holds after it was read \
            from another, by a counting allocator, with all signed batches. The other: a yrs map keyed \"row/field\" \
            with the same fields, a client for each author, written, read and taken in within one program, without \
            any network or signature. What one change costs two members to find is in \
            `room::comparison::tests::one_change_in_large_tables_takes_few_messages`: at most 8 messages and 8 KiB.",
    needs: Needs::Nothing,
    run,
};

/// Authors who write in turn.
const AUTHORS: usize = 100;
/// Fields of a row.
const ROW_FIELDS: usize = 10;

fn number() -> ReplicaNumber {
    ReplicaNumber::new(GENESIS_SLOT, Family::ByValue).expect("the first app has a slot")
}

fn run(plan: &Plan) -> Result<Vec<Row>> {
    let rows = plan.size(10_000, 200);
    let (content, table) = filled(rows, ROW_FIELDS)?;
    let document = document(rows);
    let runtime = runtime()?;
    let keeper = runtime.block_on(Keeper::start(&content))?;
    ensure!(keeper.digest() == Some(table.digest()), "the keeper has another table");
    let (mut bytes, mut cpu, mut their_bytes) = (Vec::new(), Vec::new(), 0);
    let per_field = |bytes: u64| bytes as f64 / content.entries as f64;
    let (ours, other) = plan.duel(
        || {
            let (busy, joined) = process_cpu(|| runtime.block_on(keeper.join()));
            let joined = joined?;
            bytes.push(per_field(joined.bytes));
            cpu.push(busy);
            Ok(joined.seconds)
        },
        || {
            let (seconds, joined) = wall(|| -> Result<_> {
                let whole = whole(&document);
                their_bytes = whole.len() as u64;
                read(&whole)
            });
            ensure!(fields(&joined?) == content.entries, "yrs has other fields");
            Ok(seconds)
        },
    )?;
    runtime.block_on(keeper.shut_down());
    // Where each field was a batch of its own, the most that there can be.
    let (lone, _) = filled(rows, 1)?;
    let keeper = runtime.block_on(Keeper::start(&lone))?;
    let joined = runtime.block_on(keeper.join())?;
    runtime.block_on(keeper.shut_down());
    let row = |name: &str, ours, unit| Row::stated(format!("table-100k{name}"), ours, unit, false);
    let batches = format!("{} batches of one field each; once", lone.batches.len());
    let mut result = vec![
        row("", ours, "s (wall)").against(locked("yrs"), other),
        row("/bytes", Samples(bytes), "bytes/field on the link")
            .against(locked("yrs"), Samples::exact(per_field(their_bytes))),
        row("/cpu", Samples(cpu), "s (CPU of both programs)"),
        row("/lone-fields", Samples::exact(joined.seconds), "s (wall)").note(batches.clone()),
        row("/lone-fields-bytes", Samples::exact(per_field(joined.bytes)), "bytes/field on the link")
            .note(batches),
    ];
    result.push(memory(&content, &table, &document)?);
    Ok(result)
}

/// A table of so many rows, and the room that it belongs to, where authors write so many fields at once.
fn filled(rows: usize, at_once: usize) -> Result<(Content, Table)> {
    let owner = Identity::from_secret([200; 32]);
    let size = CanvasSize { width: 1, height: 1 };
    let genesis = meshwork_place::owned(&mut Rng::new([6; 32]), owner.peer(), size, None);
    let (genesis, room) = genesis.sign(&owner)?;
    let mut authors: Vec<Author> = (0..AUTHORS as u8).map(Author::new).collect();
    let (mut table, mut batches) = (Table::new(Kind::ByValue), Vec::new());
    for (row, fields) in all(rows) {
        let author = &mut authors[row % AUTHORS];
        for fields in fields.chunks(at_once) {
            let writes: Vec<Write> = fields
                .iter()
                .map(|(field, value)| Write::value(format!("row {row}"), Writer::Anybody.field(field), value))
                .collect();
            let window = StampWindow::at(stamp(batches.len() as u64));
            for payload in payloads(owner.peer(), &writes)? {
                let batch = author.write(&room, &mut table, number(), &payload, window)?;
                batches.push(batch.bytes().to_vec());
            }
        }
    }
    let content = Content {
        app: meshwork_place::app(),
        make: meshwork_place::make,
        genesis,
        room,
        batches,
        entries: table.entries(b"").count(),
        shown: |node, room| shown(node, room).map_or(0, |table| table.entries(b"").count()),
        told: |changes| changes.of::<Change>().len(),
        digest: |node, room| shown(node, room).map(Table::digest),
    };
    ensure!(content.entries == rows * ROW_FIELDS, "every field holds");
    Ok((content, table))
}

fn shown(node: &Node, room: RoomHandle) -> Option<&Table> {
    node.room(room).replica(number())
}

/// A field's name and its value.
type Field = ([u8; 2], [u8; 8]);

/// Each row with its fields, always the same ones.
fn all(rows: usize) -> impl Iterator<Item = (usize, Vec<Field>)> {
    let mut rng = Rng::new([11; 32]);
    (0..rows).map(move |row| {
        let fields = (0..ROW_FIELDS as u8).map(|field| ([b'f', b'0' + field], rng.bytes()));
        (row, fields.collect())
    })
}

/// What the table holds beside what it is read from, and what yrs does.
fn memory(content: &Content, table: &Table, document: &Doc) -> Result<Row> {
    let (ours, again) = held(|| reread(&content.room, &content.batches));
    ensure!(again?.digest() == table.digest(), "a newcomer sees the same fields");
    let update = whole(document);
    let (theirs, again) = held(|| read(&update));
    ensure!(fields(&again?) == content.entries, "yrs has other fields");
    let megabytes = |bytes: usize| Samples::exact(bytes as f64 / 1e6);
    let row = Row::stated("table-100k/memory", megabytes(ours), "MB", false);
    Ok(row.against(locked("yrs"), megabytes(theirs)))
}

fn reread(room: &RoomId, batches: &[Vec<u8>]) -> Result<Table> {
    let mut table = Table::new(Kind::ByValue);
    for bytes in batches {
        let batch = UnverifiedBatch::decode(room, bytes)?.verify()?;
        let content = table.check(&batch.header(), batch.payload())?;
        table.apply(batch, content);
    }
    Ok(table)
}

/// The same fields in a document, each author's by a client of its own.
fn document(rows: usize) -> Doc {
    let document = empty(AUTHORS as u64 + 1);
    let authors: Vec<Doc> = (0..AUTHORS as u64).map(empty).collect();
    for (row, fields) in all(rows) {
        let author = &authors[row % AUTHORS];
        let map = map(author);
        let mut transaction = author.transact_mut();
        for (field, value) in fields {
            let field = String::from_utf8_lossy(&field).into_owned();
            map.insert(&mut transaction, format!("row {row}/{field}"), value.to_vec());
        }
    }
    for author in &authors {
        let update = yjs::decode(&whole(author)).expect("its own update");
        document.transact_mut().apply_update(update).expect("its own update");
    }
    document
}

fn empty(client: u64) -> Doc {
    Doc::with_options(Options { client_id: ClientID::new(client), ..Options::default() })
}

fn map(document: &Doc) -> MapRef {
    document.get_or_insert_map("fields")
}

fn whole(document: &Doc) -> Vec<u8> {
    document.transact().encode_diff_v1(&StateVector::default())
}

fn read(update: &[u8]) -> Result<Doc> {
    let document = empty(1000);
    map(&document);
    document.transact_mut().apply_update(yjs::decode(update)?).context("yrs takes its own update")?;
    Ok(document)
}

fn fields(document: &Doc) -> usize {
    let map = map(document);
    map.len(&document.transact()) as usize
}
