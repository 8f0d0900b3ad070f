//! The golden bytes in docs/protocol/physics.md are what this build writes and reads.

use meshwork_core::id::{Endpoint, Instance, PeerId};
use meshwork_core::time::WallTime;
use meshwork_core::wire::{Bounded, Bytes};
use meshwork_physics::lockstep::{Line, Message, Ordered, Tick};
use meshwork_physics::{Body, BodyId, Command, FormatError, Hold, Joint, JointId, Motion, World};
use proptest::prelude::*;

const DOCUMENTED: &str = include_str!("../../../../docs/protocol/physics.md");

fn line() -> Line {
    let orderer = Endpoint { peer: PeerId([1; 32]), instance: Instance(1) };
    Line { term: 2, since: WallTime(1_790_000_000_000_000), orderer }
}

fn messages() -> Vec<(&'static str, Message)> {
    let newcomer = Endpoint { peer: PeerId([2; 32]), instance: Instance(2) };
    let ordered = Ordered { seat: 1, number: 5, bytes: Bytes::new(b"hi".to_vec()).expect("short") };
    let tick = Tick {
        leave: Bounded::default(),
        enter: Bounded::new(vec![(newcomer, 4)]).expect("few"),
        inputs: Bounded::new(vec![ordered]).expect("few"),
        restore: Some([9; 32]),
    };
    let ticks = Bounded::new(vec![Tick::default(), tick]).expect("few");
    let input = (5, Bytes::new(b"hi".to_vec()).expect("short"));
    vec![
        ("Beat", Message::Beat(line())),
        ("Hello", Message::Hello(line(), 4)),
        ("Offer", Message::Offer(line(), 300, [9; 32], 70_000)),
        ("Want", Message::Want(line(), 300, 16_384)),
        ("Part", Message::Part(line(), 300, 16_384, Bytes::new(b"part".to_vec()).expect("short"))),
        ("Ticks", Message::Ticks(line(), 300, ticks)),
        (
            "Report",
            Message::Report(line(), 302, Some((300, [9; 32])), Bounded::new(vec![input]).expect("few")),
        ),
        ("Differs", Message::Differs(line(), 300)),
    ]
}

fn commands() -> Vec<(&'static str, Command)> {
    let bodies = [BodyId(1), BodyId(300)];
    let hold = Hold::Hinge([0.0, 0.0, 1.0], [-1.0, 1.0]);
    let joint = Joint { bodies, anchors: [[0.0; 3], [0.0, 1.0, 0.0]], hold, touches: false };
    vec![
        ("Add", Command::Add(Body::default())),
        ("Remove", Command::Remove(BodyId(300))),
        ("Place", Command::Place(BodyId(1), Motion::default())),
        ("Push", Command::Push(BodyId(1), [0.0, 5.0, 0.0], Some([1.0, 0.0, 0.0]))),
        ("Join", Command::Join(joint)),
        ("Part of a joint", Command::Part(JointId(2))),
        ("Gravity", Command::Gravity([0.0, -9.81, 0.0])),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_documented_bytes_are_written_and_read() {
    let mut rows = Vec::new();
    for (name, message) in messages() {
        let bytes = message.encode();
        assert_eq!(Message::decode(&bytes), Ok(message), "{name}");
        rows.push(format!("| {name} | `{}` |", hex(&bytes)));
    }
    for (name, command) in commands() {
        let bytes = command.encode();
        assert_eq!(Command::decode(&bytes), Ok(command), "{name}");
        rows.push(format!("| {name} | `{}` |", hex(&bytes)));
    }
    rows.push(format!("| snapshot | `{}` |", hex(&World::default().snapshot())));
    let missing: Vec<&String> = rows.iter().filter(|row| !DOCUMENTED.contains(row.as_str())).collect();
    assert!(missing.is_empty(), "docs/protocol/physics.md lacks these rows:\n{}", rows.join("\n"));
}

#[test]
fn lines_have_an_order() {
    let other = |instance| Endpoint { peer: PeerId([1; 32]), instance: Instance(instance) };
    let line = line();
    assert!(Line { term: 3, since: WallTime(u64::MAX), orderer: other(9) } > line);
    assert!(Line { since: WallTime(1), orderer: other(9), ..line } > line);
    assert!(Line { orderer: other(0), ..line } > line);
    assert!(Line { orderer: other(2), ..line } < line);
}

#[test]
fn refusals_name_the_number() {
    let refused =
        |message: Message| Message::decode(&message.encode()).expect_err("out of range").to_string();
    let far = Line { term: 1 << 21, ..line() };
    assert_eq!(refused(Message::Beat(far)), "the term is 2097152: it must be at most 1048576");
    assert!(refused(Message::Want(line(), 1 << 44, 0)).starts_with("the tick is 17592186044416"));
    assert!(refused(Message::Offer(line(), 1, [0; 32], u32::MAX)).starts_with("a length is 4294967295"));
    assert_eq!(Command::decode(&[1; 513]), Err(FormatError::TooLong { length: 513, most: 512 }));
    assert_eq!(Command::decode(&[2, 0]), Err(FormatError::Version(2)));
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let versioned = [&[1][..], &bytes].concat();
        if let Ok(message) = Message::decode(&versioned) {
            prop_assert_eq!(message.encode(), versioned.clone());
        }
        if let Ok(command) = Command::decode(&versioned) {
            prop_assert_eq!(command.encode(), versioned);
        }
    }
}
