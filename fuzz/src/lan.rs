//! Datagrams of a local network, one after the other, against a program that is in a room and looks for another.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use meshwork_core::id::{Endpoint, Identity, Instance, RoomId};
use meshwork_core::signalling::announce::{announce, prove_entry};
use meshwork_core::signalling::protocol::{FromClient, FromServer, VERSIONS};
use meshwork_core::signed::genesis::Commons;
use meshwork_core::time::{Time, WallTime};
use meshwork_core::wire::{Base64, Bounded, Bytes};
use meshwork_lan::discovery::{Config, Discovery, Interface, Output, Socket, ToNode};
use meshwork_lan::wire::{Announce, Ask, DATAGRAM_MAX, Datagram, Genesis, Signal, Tag, Taken, Wants};

const WALL: WallTime = WallTime(1_790_000_000_000_000);
/// Bytes of the length before each datagram of an input.
const LENGTH: usize = 2;

fn someone(number: u8) -> (Identity, Endpoint) {
    let identity = Identity::from_secret([number; 32]);
    let endpoint = Endpoint { peer: identity.peer(), instance: Instance(number.into()) };
    (identity, endpoint)
}

fn room() -> (Vec<u8>, RoomId) {
    let app = "chat".parse().expect("a word");
    Commons { name: Default::default(), nonce: 7, app, parameters: Default::default() }.to_bytes()
}

/// Another program enters, asks, and signals.
pub(crate) fn examples() -> Vec<Vec<u8>> {
    let ((_, ours), (identity, endpoint), (genesis, room)) = (someone(1), someone(2), room());
    let tag = Tag::new(&room, None);
    let introduction = (&announce(&identity, endpoint, [3; 32])).into();
    let others = Bounded::new(vec![(Ipv4Addr::new(10, 0, 0, 9).into(), 8_000)]).expect("few");
    let announce = Announce {
        port: 9_002,
        introduction,
        wants: Wants::Answer,
        tags: Bounded::new(vec![tag]).expect("few"),
        pages: Some(9_002),
        others,
    };
    let piece = Bytes::new(vec![5; 40]).expect("short");
    let signal = Signal { number: 9, part: 0, parts: 1, tag, from: endpoint, to: ours, piece };
    let datagrams = [
        Datagram::Announce(announce.clone()),
        Datagram::Ask(Ask::Tag(tag)),
        Datagram::Ask(Ask::Code(meshwork_lan::wire::code(&room))),
        Datagram::Genesis(Genesis { genesis: Bytes::new(genesis).expect("short") }),
        Datagram::Signal(signal),
        Datagram::Taken(Taken { number: 9, part: 0 }),
        Datagram::Announce(Announce { port: 0, ..announce }),
    ];
    let framed = datagrams.iter().flat_map(|datagram| {
        let bytes = datagram.encode();
        [(bytes.len() as u16).to_be_bytes().to_vec(), bytes].concat()
    });
    vec![framed.collect()]
}

/// A program that has entered, is in a room, and looks for another.
fn entered() -> Discovery {
    let config = Config { announce: Duration::from_secs(30), timeout: Duration::from_secs(300), port: 8_000 };
    let mut discovery = Discovery::new(config, [1; 32], Time(0), WALL);
    let interface = Interface {
        name: "eth0".into(),
        address: Ipv4Addr::new(10, 0, 0, 7).into(),
        prefix: 24,
        broadcast: Some(Ipv4Addr::new(10, 0, 0, 255)),
        index: 2,
    };
    discovery.handle_interfaces(Time(0), WALL, &[interface]);
    discovery.handle_opened(Time(0));
    let (identity, endpoint) = someone(1);
    let (genesis, room) = room();
    while let Some(output) = discovery.poll_output() {
        if let Output::ToNode(ToNode::Text(text)) = output
            && let Ok(FromServer::Welcome { challenge, .. }) = serde_json::from_str(&text)
        {
            let proof = prove_entry(&identity, endpoint, &challenge.array().expect("32 bytes")).into();
            let announcement = announce(&identity, endpoint, [4; 32]);
            let genesis = Base64::new(genesis.clone()).expect("short");
            for message in [
                FromClient::Enter { version: VERSIONS.1, announcement, proof },
                FromClient::Register { genesis },
                FromClient::Join { room, token: None },
                FromClient::Lookup { room: Some(RoomId([8; 32])), code: None },
            ] {
                let text = serde_json::to_string(&message).expect("it is written");
                discovery.handle_text(Time(0), &text);
            }
        }
    }
    discovery
}

/// No input makes the machine panic, send a long datagram, or send many.
pub(crate) fn run(input: &[u8]) {
    let (mut discovery, mut now, mut rest, mut number) = (entered(), Time(0), input, 0_u8);
    while let Some((length, after)) = rest.split_first_chunk::<LENGTH>() {
        let (bytes, after) = after.split_at(usize::from(u16::from_be_bytes(*length)).min(after.len()));
        (rest, number) = (after, number.wrapping_add(1));
        let from = SocketAddr::from((Ipv4Addr::new(10, 0, 0, 2 + number % 3), 9_002));
        let on = [Socket::Main, Socket::Shared, Socket::Group][usize::from(number % 3)];
        discovery.handle_datagram(now, WALL, on, from, bytes);
        now += Duration::from_millis(100);
        discovery.handle_timeout(now, WALL);
        let mut sent = 0;
        while let Some(output) = discovery.poll_output() {
            if let Output::Send { bytes, .. } | Output::SendToAll { bytes, .. } = output {
                assert!(bytes.len() <= DATAGRAM_MAX, "{} bytes", bytes.len());
                sent += 1;
            }
        }
        assert!(sent <= 40, "one datagram is answered by {sent}");
    }
    assert!(discovery.seen().count() <= 1_024);
}
