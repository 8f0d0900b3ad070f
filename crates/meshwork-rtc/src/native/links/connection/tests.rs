//! How much others can have a connection keep.

use super::*;

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn open(role: Role, port: u16, now: Instant) -> Connection {
    let opened = Connection::open(LinkId(1), role, IcePolicy::All, &[address(port)], |own| own, now);
    opened.expect("an address")
}

/// Tells one end what the other said.
fn introduce(from: &mut Connection, to: &mut Connection, now: Instant) {
    for input in from.inputs().split_off(0) {
        if let Input::Signal { signal, .. } = input {
            to.handle_signal(now, signal);
        }
    }
}

#[test]
fn so_much_data_waits_until_channels_are_open() {
    let mut connection = open(Role::Answerer, 1, Instant::now());
    connection.stage = Stage::Connecting;
    for _ in 0..HELD_MAX / FRAME_MAX {
        connection.handle_data(Channel::Reliable, vec![0; FRAME_MAX]);
    }
    assert_eq!((connection.stage, connection.held_bytes), (Stage::Connecting, HELD_MAX));
    connection.handle_data(Channel::Reliable, vec![0]);
    assert!(connection.is_done() && connection.held.is_empty());
    let last = connection.inputs().pop();
    assert!(
        matches!(&last, Some(Input::Down { reason, .. }) if reason.contains("before its channels")),
        "{last:?}"
    );
}

#[test]
fn a_connection_hears_from_so_many_addresses() {
    let mut now = Instant::now();
    let (mut offerer, mut answerer) = (open(Role::Offerer, 1, now), open(Role::Answerer, 2, now));
    introduce(&mut offerer, &mut answerer, now);
    introduce(&mut answerer, &mut offerer, now);
    while offerer.datagrams().is_empty() {
        now = offerer.poll_timeout();
        offerer.handle_timeout(now);
    }
    // A check of the true other end, which knows the password, from wherever it likes.
    let check = offerer.datagrams().remove(0).bytes;
    for number in 1..=SOURCES_MAX + 3 {
        answerer.handle_datagram(now, address(1000 + number as u16), address(2), &check);
        assert_eq!(answerer.sources.len(), number.min(SOURCES_MAX));
    }
}

/// Two ends that carry packets to each other.
struct Pair {
    ends: [Connection; 2],
    now: Instant,
    /// What each was told.
    told: [Vec<Input>; 2],
}

impl Pair {
    fn new() -> Pair {
        let now = Instant::now();
        let mut ends = [open(Role::Offerer, 1, now), open(Role::Answerer, 2, now)];
        let [offerer, answerer] = &mut ends;
        introduce(offerer, answerer, now);
        introduce(answerer, offerer, now);
        Pair { ends, now, told: [Vec::new(), Vec::new()] }
    }

    /// Carries packets, and lets time pass, until `is_done`.
    fn run_until(&mut self, is_done: impl Fn(&[Vec<Input>; 2]) -> bool) {
        let until = self.now + Duration::from_secs(10);
        while self.now < until && !is_done(&self.told) {
            for from in 0..2 {
                for datagram in self.ends[from].datagrams().split_off(0) {
                    let to = &mut self.ends[1 - from];
                    to.handle_datagram(self.now, datagram.source, datagram.destination, &datagram.bytes);
                    to.handle_datagrams_end(self.now);
                }
                self.told[from].append(self.ends[from].inputs());
            }
            if !is_done(&self.told) && self.ends.iter_mut().all(|end| end.datagrams().is_empty()) {
                let due = self.ends[0].poll_timeout().min(self.ends[1].poll_timeout());
                self.now = self.now.max(due);
                self.ends.iter_mut().for_each(|end| end.handle_timeout(self.now));
            }
        }
    }
}

#[test]
fn early_checks_are_answered_with_the_description() {
    let start = Instant::now();
    let (mut offerer, mut answerer) = (open(Role::Offerer, 1, start), open(Role::Answerer, 2, start));
    introduce(&mut offerer, &mut answerer, start);
    let mut now = start;
    // Checks travel directly, and the answer comes by way of a server.
    for _ in 0..4 {
        now = answerer.poll_timeout().max(now);
        answerer.handle_timeout(now);
        for check in answerer.datagrams().split_off(0) {
            offerer.handle_datagram(now, check.source, check.destination, &check.bytes);
        }
    }
    assert!(!offerer.early_checks.is_empty() && offerer.early_checks.len() <= EARLY_CHECKS_MAX);
    introduce(&mut answerer, &mut offerer, now);
    assert!(offerer.early_checks.is_empty());
    let mut pair = Pair { ends: [offerer, answerer], now, told: [Vec::new(), Vec::new()] };
    let is_up = |told: &Vec<Input>| told.iter().any(|input| matches!(input, Input::Up { .. }));
    pair.run_until(|told| told.iter().all(is_up));
    let took = pair.now - now;
    assert!(
        took < Duration::from_millis(100),
        "linking took {took:?} after the answer: a check was repeated"
    );
}

#[test]
fn a_message_is_so_long() {
    for length in [RECEIVE_MAX, RECEIVE_MAX + 1] {
        let mut pair = Pair::new();
        let is_up = |told: &Vec<Input>| told.iter().any(|input| matches!(input, Input::Up { .. }));
        pair.run_until(|told| told.iter().all(is_up));
        // A program of another make says what it likes.
        let sender = &mut pair.ends[0];
        let written =
            sender.rtc.channel(sender.channels[0]).expect("it is open").write(true, &vec![5; length]);
        assert!(written.expect("the sender's own limit is greater"));
        sender.drive(pair.now);
        let is_last = |input: &Input| matches!(input, Input::Data { .. } | Input::Down { .. });
        pair.run_until(|told| told[1].last().is_some_and(is_last));
        match pair.told[1].last() {
            Some(Input::Data { bytes, .. }) => assert_eq!((bytes.len(), length), (length, RECEIVE_MAX)),
            Some(Input::Down { .. }) => assert_eq!(length, RECEIVE_MAX + 1),
            other => panic!("{length}: {other:?}"),
        }
    }
}
