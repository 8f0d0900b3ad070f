//! Messages from anybody, seeded: nothing panics, and nothing is left of them.

use super::*;
use crate::turn::io::Client;

/// Messages in all.
const MESSAGES: usize = 100_000;

/// Honest messages to begin from, some of them with good credentials.
fn examples(world: &mut World, sessions: &[Session]) -> Vec<(SocketAddr, Vec<u8>)> {
    let mut examples = Vec::new();
    for session in sessions {
        let peer = |world: &World| XorPeerAddress::new(at("8.8.8.8:7"), (world.transaction + 1).into());
        examples.push((session.from, world.signed(session, ALLOCATE, &[&RequestedTransport::new(17)])));
        examples.push((session.from, world.signed(session, REFRESH, &[&Lifetime::new(600)])));
        let permitted = peer(world);
        examples.push((session.from, world.signed(session, CREATE_PERMISSION, &[&permitted])));
        let bound = peer(world);
        let number = ChannelNumber::new(0x4000);
        examples.push((session.from, world.signed(session, CHANNEL_BIND, &[&number, &bound])));
        let to = peer(world);
        let mut send = world.message(MessageClass::Indication, SEND);
        send.add_attribute(&to).unwrap();
        send.add_attribute(&Data::new(b"some data")).unwrap();
        examples.push((session.from, send.finish()));
        examples.push((session.from, channel_data(0x4000, b"some data")));
        let mut binding = world.message(MessageClass::Request, BINDING);
        binding.add_fingerprint().unwrap();
        examples.push((session.from, binding.finish()));
    }
    examples
}

fn mutate(rng: &mut Rng, bytes: &mut Vec<u8>) {
    for _ in 0..rng.below(4) {
        let place = rng.below(bytes.len() as u64 + 1) as usize;
        match rng.below(6) {
            0 if place < bytes.len() => bytes[place] = rng.next_u64() as u8,
            1 if place < bytes.len() => bytes[place] ^= 1 << rng.below(8),
            2 => bytes.truncate(place),
            3 => bytes.extend_from_within(..place),
            4 => drop(bytes.splice(place..place, rng.bytes::<4>())),
            _ if bytes.len() >= 4 => bytes[2..4].copy_from_slice(&rng.bytes::<2>()),
            _ => {}
        }
    }
}

#[test]
fn a_hundred_thousand_wrong_messages_leave_nothing_behind() {
    let mut rng = Rng::new([3; 32]);
    let mut config = config();
    config.per_address.allocations_max = 16;
    let mut world = World::new(config);
    let sessions: Vec<Session> =
        (0..8).map(|number| world.session(&format!("203.0.113.5:{}", 4000 + number), "room:alice")).collect();
    let examples = examples(&mut world, &sessions);
    // One of them is well behaved throughout.
    let (good, relayed) = world.allocated("198.51.100.1:4000", "room:bob");
    let mut good = good;
    world.bind_channel(&good, 0x4000, at("8.8.8.8:9"));
    let stream = world.relay.handle_stream_opened(world.now, at("203.0.113.6:1"));
    let mut streams: Vec<StreamId> = stream.into_iter().collect();
    for number in 0..MESSAGES {
        let (from, mut bytes) = examples[rng.below(examples.len() as u64) as usize].clone();
        mutate(&mut rng, &mut bytes);
        if number % 8 == 0 {
            let open = streams.last().copied().filter(|id| world.relay.streams.contains(*id));
            let id = open.or_else(|| world.relay.handle_stream_opened(world.now, at("203.0.113.6:1")));
            streams.extend(id.filter(|_| open.is_none()));
            if let Some(id) = id {
                world.relay.handle_stream_bytes(world.now, id, &bytes);
            }
        } else {
            world.relay.handle_datagram(world.now, Socket::Listener(ListenerId(0)), None, from, &bytes);
        }
        world.outputs();
        if number % 1000 == 0 {
            let up = world.hear(good.from, &channel_data(0x4000, b"still here"));
            assert_eq!(up.len(), 1, "after {number} messages");
            assert_eq!(world.hear_peer(relayed, at("8.8.8.8:9"), b"me too").len(), 1);
            world.pass(SECOND);
        }
        if number % 20_000 == 0 {
            good = good.with_fresh_nonce(&mut world);
            assert_eq!(world.bind_channel(&good, 0x4000, at("8.8.8.8:9")).code(), None);
        }
    }
    assert!(world.relay.allocations.len() <= 17);
    assert!(world.refused(Refusal::Malformed) > 1000 && world.refused(Refusal::Forged) > 1000);
    for stream in streams {
        world.relay.handle_stream_closed(world.now, stream, None);
    }
    world.pass(Duration::from_secs(3700));
    world.pass(SECOND);
    assert!(world.relay.is_empty() && world.bound.is_empty());
    assert!(world.relay.allocations.of(&Client::Stream(StreamId(0))).is_none());
}

#[test]
fn bytes_of_any_length_are_heard() {
    let mut world = World::new(config());
    for length in 0..40 {
        for first in [0, 0x40, 0x80, 0xff] {
            let mut bytes = vec![0; length];
            bytes.iter_mut().take(1).for_each(|byte| *byte = first);
            assert_eq!(world.hear(at("203.0.113.5:4000"), &bytes), []);
        }
    }
    assert!(world.relay.is_empty());
}
