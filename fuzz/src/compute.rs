//! Compute: rows and blobs of jobs, messages of lenders and stewards, packets, and a desk that gets them one after the other.

use std::time::Duration;

use meshwork_compute::book::{BOOK_FIELD, Book, Entry, Index, STANDING_ROW, Standing, State};
use meshwork_compute::job::{
    Check, Input as JobInput, JOB_FIELD, Kind, Limits, Program, Reduce, Shape, View,
};
use meshwork_compute::message::{
    Failure, Fresh, GRANT, Grant, Grants, News, Offer, Packet, REPORT, Ran, Report, Tag8,
};
use meshwork_compute::order::{ORDER_FIELD, Order};
use meshwork_compute::{Desk, Input, Job, JobId, Terms, Trust, packet};
use meshwork_core::blobs::BlobId;
use meshwork_core::id::{Endpoint, Instance, PeerId, RoomId};
use meshwork_core::table::Writer;
use meshwork_core::time::Time;
use meshwork_core::wire::{Bounded, BoundedText, Bytes};

const ROOM: RoomId = RoomId([7; 32]);
/// Bytes before each input of a desk: its kind, its sender, and its length.
const HEAD: usize = 4;

fn endpoint(number: u8) -> Endpoint {
    Endpoint { peer: PeerId([number; 32]), instance: Instance(number.into()) }
}

fn job() -> Job {
    let program = Program {
        name: BoundedText::new("Primes").expect("short"),
        about: BoundedText::default(),
        kind: Kind::Offered,
        code: None,
        result: Shape::Bytes,
        tolerance: (0, 0),
        view: View::File,
        limits: Limits { memory_mib: 64, unit_ms: 1000, result: 40 },
    };
    Job {
        program,
        units: 60,
        params: Bytes::new(b"{}".to_vec()).expect("short"),
        input: JobInput::None,
        check: Check::Sample,
        reduce: Reduce::List,
        trusted: Bounded::new(vec![endpoint(1).peer, endpoint(2).peer]).expect("few"),
        nonce: [9; 8],
    }
}

fn id() -> JobId {
    JobId::of(&ROOM, &endpoint(1).peer, &job().encode())
}

fn book() -> Book {
    let index = Some((BlobId([5; 32]), 99));
    Book {
        epoch: 2,
        by: Instance(2),
        accepted: 4,
        checked: 1,
        caught: 1,
        state: State::Running,
        index,
        fresh: 1,
    }
}

fn index() -> Index {
    let entry = Entry { first: 3, units: 2, packet: (BlobId([4; 32]), 0, 4), by: 0, confirmed: Some(0) };
    Index {
        peers: Bounded::new(vec![endpoint(2).peer]).expect("few"),
        caught: Bounded::new(vec![endpoint(4).peer]).expect("few"),
        entries: Bounded::new(vec![entry]).expect("few"),
    }
}

/// Rows and the index of a job.
pub(crate) fn rows() -> Vec<Vec<u8>> {
    let standing = Standing { agreed: 11, is_caught: true };
    vec![job().encode(), book().encode(), index().encode(), standing.encode(), Order::Pause.encode()]
}

pub(crate) fn run_row(input: &[u8]) {
    if let Ok(job) = Job::decode(input) {
        assert_eq!(job.encode(), input);
    }
    if let Ok(book) = Book::decode(input) {
        assert_eq!(book.encode(), input);
    }
    if let Ok(index) = Index::decode(input) {
        assert_eq!(index.encode(), input);
        let units: u64 = index.entries.iter().map(|entry| u64::from(entry.units)).sum();
        assert_eq!(index.credit().iter().map(|(_, units)| u64::from(*units)).sum::<u64>(), units);
    }
    if let Ok(standing) = Standing::decode(input) {
        assert_eq!(standing.encode(), input);
    }
    if let Ok(order) = Order::decode(input) {
        assert_eq!(order.encode(), input);
    }
}

/// A report, grants and a presence.
pub(crate) fn messages() -> Vec<Vec<u8>> {
    let packet = Packet::Inline(Bytes::new(packet::write(&[[7; 4], [8; 4]])).expect("short"));
    let report = Report {
        job: id(),
        answers: (1, Tag8::of(&endpoint(1))),
        number: 3,
        seen: 4,
        wants: 5,
        runs: Bounded::new(vec![(20, 8)]).expect("few"),
        ran: Bounded::new(vec![Ran { span: (0, 2), packet, micros: 500 }]).expect("few"),
        failed: Bounded::new(vec![((10, 4), 12, Failure::Time)]).expect("few"),
    };
    let spans = Bounded::new(vec![(2, 8)]).expect("few");
    let hold = Bounded::new(vec![(0, 2)]).expect("few");
    let grant = Grant { to: Tag8::of(&endpoint(1)), number: 1, taken: 3, spans, hold };
    let lenders = Bounded::new(vec![grant]).expect("few");
    let fresh = Fresh { number: 2, blob: BlobId([5; 32]), length: 90 };
    let fresh = Bounded::new(vec![fresh]).expect("few");
    let grants = Grants { job: id(), epoch: 1, accepted: 2, fresh, lenders };
    let results = Bounded::new(vec![((8, 3), Packet::Blob(BlobId([4; 32]), 20))]).expect("few");
    let news = News { number: 2, opened: Bounded::new(vec![(2, 4)]).expect("few"), results };
    let offer = Offer { cores: 4, engines: 3, ..Offer::default() };
    vec![report.encode(), grants.encode(), news.encode(), offer.encode()]
}

pub(crate) fn run_message(input: &[u8]) {
    if let Ok(report) = Report::decode(input) {
        assert_eq!(report.encode(), input);
    }
    if let Ok(grants) = Grants::decode(input) {
        assert_eq!(grants.encode(), input);
    }
    if let Ok(news) = News::decode(input) {
        assert_eq!(news.encode(), input);
    }
    if let Ok(offer) = Offer::decode(input) {
        assert_eq!(offer.encode(), input);
    }
}

/// A byte with the number of values, and the packet.
pub(crate) fn packets() -> Vec<Vec<u8>> {
    let values: [&[u8]; 3] = [b"1", b"", &[7; 200]];
    vec![[&[3][..], &packet::write(&values)].concat(), [&[1][..], &packet::write(&[b"{\"a\":1.5}"])].concat()]
}

pub(crate) fn run_packet(input: &[u8]) {
    let Some((count, bytes)) = input.split_first() else { return };
    if let Ok(values) = packet::read(bytes, usize::from(*count), 256) {
        assert_eq!(packet::write(&values), bytes);
    }
    let shapes = [Shape::Bytes, Shape::Json, Shape::F32, Shape::F64, Shape::U32];
    let reductions = [Reduce::Concat, Reduce::List, Reduce::Sum, Reduce::Min, Reduce::Max];
    for (result, reduce) in shapes.into_iter().zip(reductions) {
        let mut job = Job { reduce, ..job() };
        (job.program.result, job.program.tolerance) = (result, (0, 1e-9f64.to_bits()));
        if let Ok(values) = packet::results(&job, bytes, usize::from(*count)) {
            assert!(values.iter().all(|value| packet::agree(&job, value, value)));
            packet::reduce(&job, &values);
        }
    }
}

/// One input of a desk: its kind, its sender, the length of its bytes, and the bytes.
fn framed(kind: u8, from: u8, bytes: &[u8]) -> Vec<u8> {
    [&[kind, from][..], &(bytes.len() as u16).to_be_bytes(), bytes].concat()
}

/// A steward that lends: a job, a lender's presence and report, books of another.
pub(crate) fn desks() -> Vec<Vec<u8>> {
    let (rows, messages) = (rows(), messages());
    let inputs = [
        framed(0, 3, &messages[2]),
        framed(9, 0, &[]),
        framed(9, 0, &[]),
        framed(1, 3, &messages[0]),
        framed(3, 2, &rows[1]),
        framed(9, 0, &[]),
        framed(6, 5, &rows[2]),
        framed(6, 4, &packet::write(&[[7], [8]])),
        framed(4, 2, &rows[3]),
        framed(2, 2, &messages[1]),
        framed(5, 1, &rows[4]),
        framed(7, 3, &[]),
    ];
    vec![inputs.concat()]
}

/// A desk of the submitter, with a job that it follows.
fn desk() -> Desk {
    let mut desk = Desk::new([1; 32], endpoint(1), ROOM);
    let (offers, card) = (vec![BoundedText::new("Primes").expect("short")], BoundedText::default());
    let terms = Terms { cores: 2, engines: 0, offers, trust: Trust::Everybody, card, is_paused: false };
    desk.lend(Time(1), Some(terms));
    let (value, writer) = (job().encode(), Writer::Peer(endpoint(1).peer));
    desk.handle(Time(1), Input::Row { row: &id().row(), writer, name: JOB_FIELD, value: Some(&value) });
    desk.follow(&id(), true);
    desk
}

/// No input makes the desk panic, answer without end, or count a unit twice.
pub(crate) fn run_desk(input: &[u8]) {
    let (mut desk, mut now, mut rest) = (desk(), Time(1), input);
    let row = id().row();
    while let Some((head, after)) = rest.split_first_chunk::<HEAD>() {
        let [kind, from, ..] = *head;
        let length = usize::from(u16::from_be_bytes([head[2], head[3]])).min(after.len());
        let (bytes, after) = after.split_at(length);
        rest = after;
        now += Duration::from_millis(700);
        let sender = endpoint(1 + from % 5);
        let (writer, value) = (Writer::Peer(sender.peer), Some(bytes));
        let standing = [&[3], &[4; 32][..]].concat();
        let blob = BlobId([from; 32]);
        desk.handle(
            now,
            match kind % 10 {
                0 => Input::Presence { endpoint: sender, value },
                1 => Input::Message { from: sender, topic: REPORT, bytes },
                2 => Input::Message { from: sender, topic: GRANT, bytes },
                3 => Input::Row { row: &row, writer, name: BOOK_FIELD, value },
                4 => Input::Row { row: &STANDING_ROW, writer, name: &standing, value },
                5 => Input::Row { row: &row, writer, name: ORDER_FIELD, value },
                6 => Input::Fetched { blob, bytes: Some(bytes.to_vec()) },
                7 => Input::Link { endpoint: sender, is_here: bytes.is_empty() },
                8 => Input::NotWritten { row: &row },
                _ => Input::Timeout,
            },
        );
        assert!(std::iter::from_fn(|| desk.poll_output()).count() <= 400);
        assert!(desk.job(&id()).is_none_or(|view| view.accepted <= 60));
    }
}
