//! Physics: snapshots, commands, messages of shared worlds, and members that get them one after the other.

use std::time::Duration;

use meshwork_core::id::{Endpoint, Instance, PeerId};
use meshwork_core::time::{Time, WallTime};
use meshwork_core::wire::{Bounded, Bytes};
use meshwork_physics::lockstep::{Config, Line, Lockstep, Message, Ordered, Tick};
use meshwork_physics::{Body, BodyId, Command, Hold, Joint, SharedWorld, World};

/// Steps of a world that a snapshot made.
const STEPS: usize = 3;
/// Bytes before each input of a member: its kind, its sender, and its length.
const HEAD: usize = 4;

fn endpoint(number: u8) -> Endpoint {
    Endpoint { peer: PeerId([number; 32]), instance: Instance(number.into()) }
}

/// A snapshot of few bodies and a joint, without its digest.
pub(crate) fn snapshots() -> Vec<Vec<u8>> {
    let mut world = World::default();
    let bodies = [Body::default(), Body::default()].map(|body| world.add_body(body).expect("in range"));
    let joint = Joint { bodies, anchors: [[0.0; 3]; 2], hold: Hold::Rope(2.0), touches: true };
    world.add_joint(joint).expect("in range");
    [World::default(), world]
        .iter()
        .map(|world| {
            let mut snapshot = world.snapshot();
            snapshot.truncate(snapshot.len() - meshwork_physics::DIGEST_LEN);
            snapshot
        })
        .collect()
}

/// A snapshot with a digest that fits is refused, or is a world that steps and can be saved.
pub(crate) fn run_snapshot(input: &[u8]) {
    let mut world = World::default();
    let before = world.digest();
    assert!(world.restore(input).is_err() || world.snapshot() == input);
    let mut bytes = input.to_vec();
    bytes.extend(meshwork_physics::digest_of(input));
    let mut world = World::default();
    if world.restore(&bytes).is_err() {
        assert_eq!(world.digest(), before);
        return;
    }
    assert_eq!(world.snapshot(), bytes);
    if world.bodies().len() <= 64 {
        for _ in 0..STEPS {
            world.step();
        }
        assert!(World::default().restore(&world.snapshot()).is_ok());
    }
}

fn line() -> Line {
    Line { term: 2, since: WallTime(7), orderer: endpoint(2) }
}

/// A message or command of each kind.
pub(crate) fn messages() -> Vec<Vec<u8>> {
    let short = |bytes: &[u8]| Bytes::new(bytes.to_vec()).expect("short");
    let push = Command::Push(BodyId(0), [0.0, 5.0, 0.0], None).encode();
    let ordered = Ordered { seat: 0, number: 5, bytes: short(&push) };
    let tick = Tick {
        leave: Bounded::new(vec![endpoint(4)]).expect("few"),
        enter: Bounded::new(vec![(endpoint(3), 4)]).expect("few"),
        inputs: Bounded::new(vec![ordered]).expect("few"),
        restore: Some([9; 32]),
    };
    let ticks = Bounded::new(vec![Tick::default(), tick]).expect("few");
    let part = Bytes::new(b"part".to_vec()).expect("short");
    let inputs = Bounded::new(vec![(5, short(&push))]).expect("few");
    let messages = [
        Message::Beat(line()),
        Message::Hello(line(), 4),
        Message::Offer(line(), 300, [9; 32], 4),
        Message::Want(line(), 300, 0),
        Message::Part(line(), 300, 0, part),
        Message::Ticks(line(), 0, ticks),
        Message::Report(line(), 2, Some((0, [9; 32])), inputs),
        Message::Differs(line(), 300),
    ];
    messages.iter().map(Message::encode).chain([Command::Add(Body::default()).encode(), push]).collect()
}

pub(crate) fn run_message(input: &[u8]) {
    if let Ok(message) = Message::decode(input) {
        assert_eq!(message.encode(), input);
    }
    if let Ok(command) = Command::decode(input) {
        assert_eq!(command.encode(), input);
    }
}

/// Messages, each behind its kind, its sender and its length.
pub(crate) fn members() -> Vec<Vec<u8>> {
    let framed = |(number, bytes): (usize, Vec<u8>)| {
        [&[number as u8, 2][..], &(bytes.len() as u16).to_be_bytes(), &bytes].concat()
    };
    vec![messages().into_iter().enumerate().flat_map(framed).collect()]
}

/// No message makes a member panic, answer without end, or store without end.
pub(crate) fn run_member(input: &[u8]) {
    let (mut now, mut rest) = (Time(1), input);
    let world = SharedWorld::default();
    let mut member = Lockstep::new(now, WallTime(9), endpoint(1), Config::default(), world);
    (2..5).for_each(|number| member.here(endpoint(number)));
    while let Some((head, after)) = rest.split_first_chunk::<HEAD>() {
        let [kind, from, ..] = *head;
        let length = usize::from(u16::from_be_bytes([head[2], head[3]])).min(after.len());
        let (bytes, after) = after.split_at(length);
        rest = after;
        now += Duration::from_millis(40 * u64::from(kind % 16));
        let sender = endpoint(1 + from % 5);
        match kind % 32 {
            29 => member.gone(sender),
            30 => member.here(sender),
            31 => drop(member.input(now, bytes)),
            _ => member.handle(now, sender, bytes),
        }
        if now >= member.poll_timeout() {
            member.timeout(now);
        }
        assert!(std::iter::from_fn(|| member.poll_output()).count() <= 600);
        assert!(member.stored() <= 8000);
    }
}
