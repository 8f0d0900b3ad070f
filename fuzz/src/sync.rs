//! What is written in Sync: counters, values, documents, and messages in causal order.

use std::collections::BTreeMap;
use std::slice::from_ref;

use meshwork_core::blobs::BlobId;
use meshwork_core::clock::Stamp;
use meshwork_core::id::{Endpoint, Instance, PeerId};
use meshwork_core::replica::{Replica as _, part_named};
use meshwork_core::signed::batch::{Header, PAYLOAD_MAX, SignedBatch, StampWindow};
use meshwork_core::table::{Kind, Table, Write};
use meshwork_core::time::Time;
use meshwork_sync::causal::{Heard, Order};
use meshwork_sync::document::update::{self, CLOCK_MAX, ITEMS_MAX, Id, Piece, Ranges, Says};
use meshwork_sync::document::{self, Documents, Said, client_of};
use meshwork_sync::whiteboard::presence::Presence;
use meshwork_sync::whiteboard::{
    Bounds, Field, Fields, Order as Above, Piece as Points, Point, Shape, ShapeId, Style, What, drafts,
};
use meshwork_sync::{about, counter, values};

use crate::examples::{ROOM, STAMP, author};

/// Somebody writes "Hi!" and deletes the H; a map in a map; marks, values and a picture.
const UPDATES: [&[u8]; 3] = [
    b"\x01\x02\xac\x02\x00\x04\x01\x04text\x02Hi\x84\xac\x02\x01\x01!\x01\xac\x02\x01\x00\x01",
    b"\x01\x02\x05\x00\x27\x01\x03map\x01k\x01\x28\x00\x05\x00\x01a\x02\x7d\x41\x76\x01\x01b\x75\x01\x78\x00",
    b"\x01\x04\x07\x09\x06\x01\x01t\x04bold\x04true\x84\x07\x09\x02ab\x85\x07\x0b\x07{\"a\":1}\x83\x07\x0c\x02\x00\xff\x00",
];

pub(crate) fn updates() -> Vec<Vec<u8>> {
    UPDATES.map(<[u8]>::to_vec).to_vec()
}

pub(crate) fn run_update(input: &[u8]) {
    let Ok(update) = update::read(input) else { return };
    assert!(update.items.len() <= ITEMS_MAX.min(input.len()));
    assert!(update.deletions.len() <= ITEMS_MAX.min(input.len()));
    for item in &update.items {
        assert!(item.length > 0 && item.id.clock + item.length <= CLOCK_MAX);
        assert!(item.content.bytes.len() < input.len());
    }
    let written = update::merge(from_ref(&update), &update::Ranges::default());
    let again = update::read_long(&written).expect("what is written can be read");
    assert!(again.contains(from_ref(&update)) && update.contains(from_ref(&again)), "it says the same");
    for payload in document::payloads("notes", &[], input).unwrap_or_default() {
        let said = document::Said::read(&payload).expect("what is written can be read");
        assert!(payload.len() <= PAYLOAD_MAX && said.name == "notes");
    }
}

/// "Hi" at the beginning of the text, by the client 0.
const HI: &[u8] = b"\x01\x01\x00\x00\x04\x01\x04text\x02Hi\x00";

/// The author in a session with this instance.
fn session(instance: u64) -> Endpoint {
    Endpoint { instance: Instance(instance), ..author().1 }
}

/// What the author says of the document "notes": "Hi"; in its next session "!" behind that; that the H is deleted.
fn said() -> [(Endpoint, Vec<u8>); 3] {
    let [first, second] = [1, 2].map(session);
    let hi = update::renamed(&update::read(HI).expect("an update"), 0, client_of(first));
    let behind = Piece {
        id: Id { client: client_of(second), clock: 0 },
        length: 1,
        origin: Some(Id { client: client_of(first), clock: 1 }),
        right: None,
        parent: None,
        key: None,
        content: Says::Text("!".into()),
    };
    let behind = update::write(vec![behind], &Ranges::default());
    let deletion = update::write(Vec::new(), &Ranges::from_iter([(client_of(first), 0..1)]));
    [(first, hi), (second, behind), (second, deletion)]
        .map(|(endpoint, update)| (endpoint, document::payload("notes", &[], &update)))
}

/// Documents, and each batch that was taken in there.
#[derive(Default)]
struct Notes(Documents, Vec<SignedBatch>);

impl Notes {
    fn say(&mut self, by: Endpoint, payload: &[u8]) {
        let sequence = self.1.len() as u64 + 1;
        let window = StampWindow::at(Stamp(STAMP.0 + (sequence << 16)));
        let header = Header::new(by, sequence, window, 0);
        let content = self.0.check(&header, payload).expect("its author wrote it");
        let header = Header { cost: content.cost as u32, ..header };
        let batch = SignedBatch::sign(&author().0, &ROOM, &header, payload).expect("a legal batch");
        assert!(self.0.apply(batch.clone(), content).kept);
        self.1.push(batch);
    }

    fn fold(&self) -> Vec<u8> {
        let fold = self.0.fold(part_named(b"notes"), author().1.peer);
        fold.expect("it halves the bytes").0.payload
    }
}

/// The document in which all is said that [`said`] gives.
fn notes() -> Notes {
    let mut notes = Notes::default();
    said().iter().for_each(|(by, payload)| notes.say(*by, payload));
    notes
}

fn seed() -> Vec<u8> {
    document::payload("notes", &[], &document::seed("notes", HI).expect("it is short"))
}

pub(crate) fn payloads() -> Vec<Vec<u8>> {
    said().into_iter().map(|(_, payload)| payload).chain([notes().fold(), seed()]).collect()
}

/// What is read counts what it is long, and a document takes it in or refuses it.
pub(crate) fn run_payload(input: &[u8]) {
    let Ok(read) = Said::read(input) else { return };
    assert_eq!(document::payload(read.name, &read.former, read.bytes), input);
    let mut notes = notes();
    let header = Header::new(session(2), 9, StampWindow::at(Stamp(STAMP.0 + (9 << 16))), 0);
    let Ok(content) = notes.0.check(&header, input) else { return };
    assert_eq!(content.cost, read.cost());
    let header = Header { cost: content.cost as u32, ..header };
    let Ok(batch) = SignedBatch::sign(&author().0, &ROOM, &header, input) else { return };
    notes.0.apply(batch, content);
    for name in notes.0.names().map(str::to_owned).collect::<Vec<String>>() {
        let whole = notes.0.whole(&name).expect("it is there");
        assert!(update::read_long(&whole).is_ok(), "what stands can be read");
    }
}

/// Bytes by name, for docs/protocol/golden.md.
pub(crate) fn golden() -> Vec<(&'static str, Vec<u8>)> {
    let (me, table, blob) = (author().1, Table::new(Kind::ByValue), BlobId([9; 32]));
    let row = |write: Write| meshwork_core::table::payloads(me.peer, &[write]).expect("short").remove(0);
    let mut golden = vec![
        ("payload of a counter", row(counter::add(&table, me, "likes", 300).expect("few"))),
        ("payload of a lowered counter", row(counter::add(&table, me, "likes", -1).expect("few"))),
        ("payload of a value", row(values::set(&table, me.peer, "title", Some(b"\"one\"")))),
        ("payload of a deleted value", row(values::set(&table, me.peer, "title", None))),
        ("payload of a title", row(about::set_title("notes", Some("Minutes")))),
        ("payload of a version", row(about::save("notes", me.peer, "draft", blob, 300))),
        ("payload of a held version", row(about::hold("notes", me.peer, blob, true))),
    ];
    let names = ["payload of an update", "payload of an update by a second session", "payload of a deletion"];
    golden.extend(names.into_iter().zip(payloads()));
    let mut notes = notes();
    golden.push(("signed batch of an update", notes.1[0].bytes().to_vec()));
    golden.push(("digest of documents, 3 batches", notes.0.digest().to_vec()));
    golden.push(("update that makes a document", notes.0.whole("notes").expect("somebody wrote")));
    let fold = notes.fold();
    notes.say(session(2), &fold);
    golden.push(("payload of a folded document", fold));
    golden.push(("digest of documents, folded", notes.0.digest().to_vec()));
    golden.push(("payload of a seed", seed()));
    let erased = document::erase_scope("notes", &[(client_of(me), 0..2)]);
    golden.push(("scope that erases in a document", erased));
    let causal = ["first message in causal order", "answer in causal order"].into_iter().zip(frames());
    golden.extend(causal);
    golden
}

fn endpoint(number: u8) -> Endpoint {
    Endpoint { peer: PeerId([number; 32]), instance: Instance(number.into()) }
}

/// A question, an answer, and a message of somebody who heard neither.
pub(crate) fn frames() -> Vec<Vec<u8>> {
    let [mut asks, mut answers] = [1, 2].map(|number| Order::new(endpoint(number)));
    let question = asks.frame(Time(0), b"When?");
    asks.said();
    answers.handle_frame(Time(0), endpoint(1), &question, 0).expect("one of ours");
    while answers.poll().is_some() {}
    vec![question, answers.frame(Time(0), b"At nine."), Order::new(endpoint(3)).frame(Time(0), b"")]
}

/// The first byte says who speaks, and how long after the last message.
pub(crate) fn run_frame(input: &[u8]) {
    let mut order = Order::new(endpoint(0));
    let (mut now, mut came, mut heard) = (Time(0), 0, 0);
    for part in input.chunks(40) {
        let Some((&first, frame)) = part.split_first() else { return };
        now += std::time::Duration::from_millis(u64::from(first) * 10);
        came += usize::from(order.handle_frame(now, endpoint(first & 7), frame, 0).is_ok());
        order.handle_timeout(now);
        heard += std::iter::from_fn(|| order.poll())
            .inspect(|Heard { content, .. }| assert!(content.len() < 40))
            .count();
    }
    while let Some(due) = order.poll_timeout() {
        order.handle_timeout(due);
        heard += std::iter::from_fn(|| order.poll()).count();
    }
    assert_eq!(came, heard, "nothing is lost, and nothing is heard twice");
}

/// A stroke and a note, as drafts, and where somebody points.
pub(crate) fn shapes() -> Vec<Vec<u8>> {
    let points = [(0, 0), (80, 40), (90, -200)].map(|(x, y)| Point { x, y }).to_vec();
    let bounds = Bounds { x: 0, y: -200, width: 90, height: 240 };
    let shape = |what: What, text: &str| Shape {
        what,
        bounds,
        style: Style { colour: 3, size: 1, is_filled: true },
        order: Above::between(None, None),
        text: text.to_owned(),
    };
    let stroke = shape(What::Stroke(Points { points, pressures: vec![1, 2, 255] }), "");
    let note = shape(What::Note, "To bring");
    let id = ShapeId([7; 8]);
    let writes = |shape: &Shape| id.writes(&Fields::new(), shape);
    let presence = Presence {
        pointer: Some(Point { x: 3, y: 4 }),
        is_drawing: true,
        is_laser: false,
        view: bounds,
        chosen: vec![id],
    };
    let what = stroke.fields().0.remove(&Field::What).unwrap_or_default();
    vec![drafts::bytes(&writes(&stroke), 875), drafts::bytes(&writes(&note), 875), presence.bytes(), what]
}

/// Drafts, presences and what a shape is: what is read is written so that it reads the same.
pub(crate) fn run_shape(input: &[u8]) {
    let table = Table::new(Kind::ByValue);
    let mut shapes: Vec<Shape> =
        drafts::read(&table, input).into_iter().flatten().map(|(_, shape)| shape).collect();
    let fields = Fields(BTreeMap::from([
        (Field::What, input.to_vec()),
        (Field::Bounds, Bounds { x: 1, y: 2, width: 3, height: 4 }.bytes()),
    ]));
    shapes.extend(Shape::read(&fields));
    for shape in shapes {
        let points = shape.points();
        assert!(points.iter().all(|(x, y)| x.is_finite() && y.is_finite()), "{points:?}");
        if !matches!(shape.what, What::Unknown(_)) {
            assert_eq!(Shape::read(&shape.fields()).as_ref(), Some(&shape));
        }
    }
    if let Some(presence) = Presence::read(input) {
        assert_eq!(Presence::read(&presence.bytes()), Some(presence));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_updates() {
        for (number, bytes) in UPDATES.iter().enumerate() {
            assert!(update::read(bytes).is_ok(), "{number}: {:?}", update::read(bytes));
        }
    }
}
