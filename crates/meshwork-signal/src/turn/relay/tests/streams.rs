//! Clients over TCP and TLS.

use super::*;

const CLIENT: &str = "203.0.113.5:4000";

impl World {
    fn open(&mut self, from: &str) -> Option<StreamId> {
        self.relay.handle_stream_opened(self.now, at(from))
    }

    fn stream(&mut self, stream: StreamId, bytes: &[u8]) -> Vec<Sent> {
        self.relay.handle_stream_bytes(self.now, stream, bytes);
        self.outputs()
    }

    /// A client with an allocation over a stream.
    fn allocated_over(&mut self, stream: StreamId, name: &str) -> (Session, SocketAddr) {
        let credentials = self.relay.config.secrets[0].mint(name, self.now.wall + LIFE).unwrap();
        let mut first = self.message(MessageClass::Request, ALLOCATE);
        first.add_attribute(&RequestedTransport::new(17)).unwrap();
        let challenge = only(self.stream(stream, &first.finish()));
        let session = Session {
            from: at(CLIENT),
            username: credentials.username,
            password: credentials.password,
            realm: String::from("meshwork"),
            nonce: challenge.message().attribute::<Nonce>().unwrap().nonce().to_owned(),
            algorithm: IntegrityAlgorithm::Sha1,
        };
        let bytes = self.signed(&session, ALLOCATE, &[&RequestedTransport::new(17)]);
        let reply = only(self.stream(stream, &bytes));
        assert_eq!(reply.code(), None);
        (session, reply.relayed())
    }
}

fn only(sent: Vec<Sent>) -> Reply {
    match <[Sent; 1]>::try_from(sent) {
        Ok([Sent::Stream(_, bytes)]) => Reply { to: at(CLIENT), bytes },
        other => panic!("one answer was expected, and not {other:?}"),
    }
}

#[test]
fn stream_yields_its_messages_wherever_it_is_cut() {
    let mut world = World::new(config());
    let stream = world.open(CLIENT).unwrap();
    let (session, relayed) = world.allocated_over(stream, "alice");
    let transaction = (world.transaction + 1).into();
    let peer = XorPeerAddress::new(at("8.8.8.8:1"), transaction);
    let mut bytes = world.signed(&session, CHANNEL_BIND, &[&ChannelNumber::new(0x4000), &peer]);
    for data in [&b"one"[..], b"four", b"", b"fifth"] {
        let mut padded = channel_data(0x4000, data);
        padded.resize(padded.len().next_multiple_of(4), 0xff);
        bytes.extend(padded);
    }
    for cut in 1..bytes.len() {
        world.pass(Duration::from_millis(1));
        let mut sent = world.stream(stream, &bytes[..cut]);
        sent.extend(world.stream(stream, &bytes[cut..]));
        let data: Vec<&[u8]> = sent
            .iter()
            .filter_map(|sent| match sent {
                Sent::ToPeer { bytes, .. } => Some(bytes.as_slice()),
                _ => None,
            })
            .collect();
        assert_eq!(data, [&b"one"[..], b"four", b"", b"fifth"], "cut at {cut}");
    }
    let down = world.hear_peer(relayed, at("8.8.8.8:1"), b"12345");
    let mut padded = channel_data(0x4000, b"12345");
    padded.extend([0; 3]);
    assert_eq!(down, [Sent::Stream(stream, padded)]);
}

#[test]
fn a_closed_stream_takes_its_allocation_along() {
    let mut world = World::new(config());
    let stream = world.open(CLIENT).unwrap();
    world.allocated_over(stream, "alice");
    assert_eq!(world.bound.len(), 1);
    world.relay.handle_stream_closed(world.now, stream, None);
    world.outputs();
    world.pass(2 * SECOND);
    assert!(world.relay.is_empty() && world.bound.is_empty());
}

#[test]
fn a_stream_without_use_is_closed() {
    let mut world = World::new(config());
    let idle = world.open(CLIENT).unwrap();
    let used = world.open(CLIENT).unwrap();
    let (session, _) = world.allocated_over(used, "alice");
    assert_eq!(world.pass(Duration::from_secs(31)), [Sent::Closed(idle)]);
    assert_eq!(world.refused(Refusal::Idle), 1);
    let bytes = world.signed(&session, REFRESH, &[&Lifetime::new(0)]);
    assert_eq!(only(world.stream(used, &bytes)).code(), None);
    assert_eq!(
        world.pass(Duration::from_secs(31)),
        [Sent::Closed(used)],
        "also once its allocation has ended"
    );
    assert!(world.relay.is_empty());
}

#[test]
fn what_is_no_stun_closes_the_stream() {
    for wrong in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0x16, 3, 1, 2, 0, 1, 0, 1],
        &[0x80; 8],
        &[0, 1, 0, 3, 0x21, 0x12, 0xa4, 0x42],
        &[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x43],
        // More than any request has, from somebody without an allocation.
        &[0, 1, 0xff, 0xfc, 0x21, 0x12, 0xa4, 0x42],
        &[0x40, 0, 0xff, 0xfc],
    ] {
        let mut world = World::new(config());
        let stream = world.open(CLIENT).unwrap();
        assert_eq!(world.stream(stream, wrong), [Sent::Closed(stream)], "{wrong:x?}");
        assert_eq!(world.refused(Refusal::Malformed), 1);
        assert!(world.relay.is_empty());
        assert_eq!(world.stream(stream, b"more"), [], "what was under way is ignored");
    }
}

#[test]
fn streams_are_bounded_per_address_and_in_all() {
    let mut few = config();
    (few.streams_max, few.streams_per_address_max) = (3, 2);
    let mut world = World::new(few);
    let first = world.open("1.1.1.1:1").unwrap();
    assert!(world.open("1.1.1.1:2").is_some());
    assert_eq!(world.open("1.1.1.1:3"), None);
    let third = world.open("2.2.2.2:1").unwrap();
    let newcomer = world.open("3.3.3.3:1");
    assert!(newcomer.is_some(), "the address that has two gives one up");
    assert_eq!(world.open("4.4.4.4:1"), None, "nobody has more than one");
    assert_eq!((world.refused(Refusal::AddressQuota), world.refused(Refusal::Capacity)), (1, 1));
    assert_eq!((world.refused(Refusal::GaveWay), world.relay.streams.len()), (1, 3));
    assert!(world.relay.streams.contains(first) && world.relay.streams.contains(third));
    world.relay.handle_stream_closed(world.now, third, None);
    assert!(world.open("1.1.1.1:4").is_some());
}

#[test]
fn who_is_banned_loses_what_stands() {
    let mut world = World::new(config());
    let (near, _) = world.allocated("198.51.100.7:4000", "alice");
    let (far, relayed) = world.allocated("203.0.113.9:4000", "bob");
    assert_eq!(world.permit(&far, "8.8.8.8:1").code(), None);
    let stream = world.open("198.51.100.8:4000").expect("there is a place");
    world.allocated_over(stream, "carol");
    let banned = vec!["198.51.100.0/24".parse().unwrap()];
    world.relay.keep_out(world.now.time, banned);
    assert!(world.outputs().contains(&Sent::Closed(stream)));
    assert_eq!((world.relay.allocations.len(), world.relay.streams.len()), (1, 0));
    let refresh = world.signed(&near, REFRESH, &[]);
    assert_eq!(world.hear(near.from, &refresh), [], "not even a refusal");
    assert_eq!(world.open("198.51.100.8:4001"), None);
    assert_eq!(world.refused(Refusal::Banned), 2);
    // An address of IPv4 stays one inside IPv6.
    assert_eq!(world.hear(at("[::ffff:198.51.100.7]:4000"), &refresh), []);
    assert_eq!(world.hear_peer(relayed, at("8.8.8.8:1"), b"x").len(), 1, "others go on");
    world.relay.keep_out(world.now.time, Vec::new());
    world.allocated("198.51.100.7:4001", "alice");
}
