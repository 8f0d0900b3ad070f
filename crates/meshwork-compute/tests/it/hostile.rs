//! Messages, rows and blobs of clients that keep no rules. `MESHWORK_SEED` sets the seed, `MESHWORK_NIGHTLY` tries many more.

use meshwork_compute::book::{BOOK_FIELD, Book, EPOCH_MAX, Entry, Index, STANDING_ROW, Standing, State};
use meshwork_compute::job::{Check, JOB_FIELD};
use meshwork_compute::message::{
    Failure, Fresh, GRANT, Grants, News, Offer, Packet, REPORT, Ran, Report, Tag8,
};
use meshwork_compute::order::{CANCEL_FIELD, ORDER_FIELD, Order};
use meshwork_compute::{Desk, Input, JobId, Terms, Told, packet};
use meshwork_core::blobs::BlobId;
use meshwork_core::id::{Endpoint, Instance};
use meshwork_core::rng::Rng;
use meshwork_core::table::Writer;
use meshwork_core::time::Time;
use meshwork_core::wire::{Bounded, Bytes};

use crate::basics::ms;
use crate::world::{Conduct, ROOM, World, job, peer_id, plain, value};

/// Changed inputs that a desk gets by day.
const INPUTS: u64 = 4_000;
const NIGHTLY_INPUTS: u64 = 100_000;

fn room(seed: u64, units: u32) -> World {
    let mut world = World::new(seed, job(units, Check::All, &[0, 1], 40));
    for peer in 0..4 {
        world.add(peer, Conduct::Honest, 1, ms(300));
    }
    world
}

fn done(world: &mut World) {
    let state = world.run_to_end(900);
    assert!(matches!(state, State::Done { .. }), "{state:?}");
    assert_eq!(world.judge(), Default::default());
}

fn book(epoch: u32, state: State) -> Book {
    Book {
        epoch,
        by: Instance(u64::MAX),
        accepted: 1_000_000,
        checked: 0,
        caught: 0,
        state,
        index: None,
        fresh: 0,
    }
}

/// Row, name and value of a field.
type Forged<'a> = (Vec<u8>, &'a [u8], Option<Vec<u8>>);

#[test]
fn rows_of_strangers_change_nothing() {
    let mut world = room(1, 120);
    let id = world.submit(0);
    world.run(10);
    let stranger = Writer::Peer(peer_id(3));
    let cancelled = book(EPOCH_MAX, State::Cancelled).encode();
    let caught = Standing { agreed: u32::MAX, is_caught: true }.encode();
    let name = Standing::field(world.job.program.kind, &peer_id(2));
    let fields: [Forged; 8] = [
        (id.row(), JOB_FIELD, None),
        (id.row(), JOB_FIELD, Some(world.job.encode())),
        (id.row(), BOOK_FIELD, Some(cancelled)),
        (id.row(), ORDER_FIELD, Some(Order::Pause.encode())),
        (id.row(), CANCEL_FIELD, Some(vec![1])),
        (STANDING_ROW.to_vec(), &name, Some(caught)),
        (JobId([9; 16]).row(), JOB_FIELD, Some(world.job.encode())),
        (JobId([9; 16]).row(), BOOK_FIELD, Some(vec![7; 400])),
    ];
    for (row, name, value) in fields {
        world.forge(3, row, stranger, name, value);
    }
    done(&mut world);
    let desk = &world.nodes[0].desk;
    assert_eq!((desk.jobs().count(), desk.job(&id).unwrap().caught.len()), (1, 0));
}

#[test]
fn the_greatest_epoch_locks_nobody_out() {
    for epoch in [u32::MAX, EPOCH_MAX] {
        let mut world = room(2, 200);
        let id = world.submit(0);
        world.run(10);
        world.forge(
            1,
            id.row(),
            Writer::Peer(peer_id(1)),
            BOOK_FIELD,
            Some(book(epoch, State::Running).encode()),
        );
        world.kill(1, true);
        done(&mut world);
        assert!(world.book().unwrap().epoch <= EPOCH_MAX);
    }
}

/// A report of a stranger to the steward, in epoch 1.
fn report(world: &World, id: JobId, number: u32, ran: Vec<Ran>) -> Report {
    Report {
        job: id,
        answers: (1, Tag8::of(&world.nodes[0].endpoint)),
        number,
        seen: u32::MAX,
        wants: 16,
        runs: Bounded::new(vec![(0, 200), (10, 5), (10, 5), (12, 100)]).unwrap(),
        ran: Bounded::new(ran).unwrap(),
        failed: Bounded::new(vec![((0, 200), 199, Failure::Time), ((3, 4), 5, Failure::Memory)]).unwrap(),
    }
}

fn ran(first: u32, values: &[Vec<u8>], micros: u32) -> Ran {
    let packet = Packet::Inline(Bytes::new(packet::write(values)).unwrap());
    Ran { span: (first, values.len() as u16), packet, micros }
}

#[test]
fn overlapping_spans_are_accepted_once() {
    let mut world = room(3, 200);
    world.job.check = Check::None;
    let id = world.submit(0);
    world.with(0, |desk| desk.follow(&id, true));
    world.run(5);
    let values = |first: u32, units: u32| -> Vec<Vec<u8>> {
        (first..first + units).map(|unit| value(&world.job, unit)).collect()
    };
    let spans = vec![
        ran(50, &values(50, 20), 0),
        ran(55, &values(55, 40), u32::MAX),
        ran(50, &values(50, 45), 1),
        ran(195, &values(195, 30), 1),
    ];
    let report = report(&world, id, u32::MAX, spans);
    // A member that never reported before.
    world.add(7, Conduct::Honest, 0, ms(300));
    world.run(1);
    world.forge_message(7, REPORT, report.encode());
    world.run(3);
    let accepted = world.nodes[0].desk.job(&id).unwrap().accepted;
    assert_eq!(world.nodes[0].given[&id].len() as u32, accepted, "each unit counts once");
    assert!(matches!(world.run_to_end(300), State::Done { .. }));
}

#[test]
fn false_reports_of_many_members_end_no_job() {
    let mut world = room(4, 150);
    let id = world.submit(0);
    for peer in 10..30 {
        world.add(peer, Conduct::Wrong, 0, ms(300));
    }
    world.run(5);
    for second in 0..10 {
        for peer in 10..30 {
            let (first, value) = (world.rng.below(150) as u32, vec![world.rng.below(250) as u8; 40]);
            let mut report = report(&world, id, second + 1, vec![ran(first, &[value], 5)]);
            let blob = Packet::Blob(BlobId([second as u8; 32]), 4 << 20);
            report.ran = Bounded::new(
                [&report.ran[..], &[Ran { span: (first, 3), packet: blob, micros: 0 }]].concat(),
            )
            .unwrap();
            world.forge_message(peer, REPORT, report.encode());
        }
        world.run(1);
    }
    done(&mut world);
}

/// Bytes of each format that a desk reads, with a job that it knows.
fn honest(id: JobId, endpoint: Endpoint) -> Vec<Vec<u8>> {
    let job = job(200, Check::Sample, &[0, 1], 40);
    let ran = ran(3, &[value(&job, 3), value(&job, 4)], 9);
    let report = Report {
        job: id,
        answers: (2, Tag8::of(&endpoint)),
        number: 3,
        seen: 1,
        wants: 9,
        runs: Bounded::new(vec![(40, 8)]).unwrap(),
        ran: Bounded::new(vec![ran]).unwrap(),
        failed: Bounded::new(vec![((60, 4), 61, Failure::Time)]).unwrap(),
    };
    let spans = Bounded::new(vec![(5, 4), (90, 2)]).unwrap();
    let hold = Bounded::new(vec![(0, 2)]).unwrap();
    let grant =
        meshwork_compute::message::Grant { to: Tag8::of(&endpoint), number: 4, taken: 2, spans, hold };
    let fresh = Fresh { number: 2, blob: BlobId([5; 32]), length: 400 };
    let grants = Grants {
        job: id,
        epoch: 3,
        accepted: 9,
        fresh: Bounded::new(vec![Fresh { number: 1, blob: BlobId([4; 32]), ..fresh }, fresh]).unwrap(),
        lenders: Bounded::new(vec![grant]).unwrap(),
    };
    let results = vec![
        ((7, 2), Packet::Inline(Bytes::new(packet::write(&[value(&job, 7), value(&job, 8)])).unwrap())),
        ((8, 2), Packet::Blob(BlobId([4; 32]), 82)),
    ];
    let (opened, results) = (Bounded::new(vec![(5, 4)]).unwrap(), Bounded::new(results).unwrap());
    let news = News { number: 2, opened, results };
    let entry = Entry { first: 7, units: 2, packet: (BlobId([4; 32]), 0, 82), by: 0, confirmed: Some(0) };
    let index = Index {
        peers: Bounded::new(vec![peer_id(1)]).unwrap(),
        caught: Bounded::new(vec![peer_id(3)]).unwrap(),
        entries: Bounded::new(vec![entry]).unwrap(),
    };
    let index_of = Book { index: Some((BlobId([5; 32]), 99)), ..book(4, State::Running) };
    vec![
        job.encode(),
        report.encode(),
        grants.encode(),
        news.encode(),
        index.encode(),
        index_of.encode(),
        Offer { cores: 3, engines: 1, ..Offer::default() }.encode(),
        Standing { agreed: 4, is_caught: true }.encode(),
        packet::write(&[value(&job, 7), value(&job, 8)]),
    ]
}

/// Changes some bytes, or their number.
fn change(rng: &mut Rng, bytes: &mut Vec<u8>) {
    for _ in 0..rng.below(4) {
        let at = rng.below(bytes.len() as u64 + 1) as usize;
        match rng.below(4) {
            0 => bytes.insert(at, rng.below(256) as u8),
            1 if at < bytes.len() => drop(bytes.remove(at)),
            2 => bytes.truncate(at.max(1)),
            _ if at < bytes.len() => {
                bytes[at] = [0, 1, 127, 128, 255, rng.below(256) as u8][rng.below(6) as usize]
            }
            _ => (),
        }
    }
}

/// One changed input, from a trusted peer or a stranger.
fn feed(desk: &mut Desk, rng: &mut Rng, now: Time, id: JobId, honest: &[Vec<u8>]) {
    let mut bytes = honest[rng.below(honest.len() as u64) as usize].clone();
    change(rng, &mut bytes);
    let peer = peer_id(rng.below(5) as usize);
    let endpoint = Endpoint { peer, instance: Instance(rng.below(3)) };
    let (row, standing) = (id.row(), [&[0], &peer.0[..]].concat());
    let writer = if rng.below(6) == 0 { Writer::Moderators } else { Writer::Peer(peer) };
    let value = (rng.below(5) > 0).then_some(&bytes[..]);
    let blob = BlobId([4 + rng.below(2) as u8; 32]);
    match rng.below(10) {
        0 => desk.handle(now, Input::Link { endpoint, is_here: rng.below(2) == 0 }),
        1 => desk.handle(now, Input::Presence { endpoint, value }),
        2 => desk.handle(now, Input::Message { from: endpoint, topic: REPORT, bytes: &bytes }),
        3 => desk.handle(now, Input::Message { from: endpoint, topic: GRANT, bytes: &bytes }),
        4 => desk.handle(now, Input::Row { row: &row, writer, name: BOOK_FIELD, value }),
        5 => desk.handle(now, Input::Row { row: &STANDING_ROW, writer, name: &standing, value }),
        6 => desk.handle(now, Input::Fetched { blob, bytes: value.map(<[u8]>::to_vec) }),
        7 => desk.handle(now, Input::NotWritten { row: &row }),
        8 => {
            let (run, unit) = (rng.below(20), rng.below(200) as u32);
            desk.handle(now, Input::Told(Told::Ran { run, unit, result: Ok(bytes), micros: u32::MAX }));
        }
        _ => desk.handle(now, Input::Timeout),
    }
}

#[test]
fn changed_inputs_stop_no_desk() {
    let seed: u64 = std::env::var("MESHWORK_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    println!("repeat with MESHWORK_SEED={seed}");
    let inputs = if std::env::var_os("MESHWORK_NIGHTLY").is_some() { NIGHTLY_INPUTS } else { INPUTS };
    let mut rng = Rng::new([seed as u8; 32]);
    for me in [0, 1, 3] {
        let endpoint = Endpoint { peer: peer_id(me), instance: Instance(1) };
        let mut desk = Desk::new(rng.bytes(), endpoint, ROOM);
        let (mut now, job) = (Time(1), job(200, Check::Sample, &[0, 1], 40));
        desk.lend(now, Some(Terms { cores: 3, ..plain() }));
        let (written, writer) = (job.encode(), Writer::Peer(peer_id(0)));
        let id = JobId::of(&ROOM, &peer_id(0), &written);
        desk.handle(now, Input::Row { row: &id.row(), writer, name: JOB_FIELD, value: Some(&written) });
        let code = BlobId(*blake3::hash(b"code").as_bytes());
        desk.follow(&id, true);
        let honest = honest(id, endpoint);
        for number in 0..inputs {
            now += ms(rng.below(900));
            feed(&mut desk, &mut rng, now, id, &honest);
            if number % 50 == 0 {
                desk.handle(now, Input::Fetched { blob: code, bytes: Some(b"code".to_vec()) });
            }
            let outputs = std::iter::from_fn(|| desk.poll_output()).count();
            assert!(outputs <= 400, "{outputs} outputs of one input");
            assert!(desk.job(&id).is_some_and(|view| view.accepted <= 200));
        }
    }
}
