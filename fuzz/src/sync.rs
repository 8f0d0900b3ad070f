//! Updates of documents, and messages in causal order.

use meshwork_core::id::{Endpoint, Instance, PeerId};
use meshwork_core::signed::batch::PAYLOAD_MAX;
use meshwork_core::time::Time;
use meshwork_sync::causal::{Heard, Order};
use meshwork_sync::document;
use meshwork_sync::document::update::{self, CLOCK_MAX, ITEMS_MAX};

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
    let written = update::merge(std::slice::from_ref(&update), &update::Ranges::default());
    let again = update::read_long(&written).expect("what is written can be read");
    assert!(again.contains(&update) && update.contains(&again), "it says the same");
    for payload in document::payloads("notes", &[], input).unwrap_or_default() {
        let said = document::Said::read(&payload).expect("what is written can be read");
        assert!(payload.len() <= PAYLOAD_MAX && said.name == "notes");
    }
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
