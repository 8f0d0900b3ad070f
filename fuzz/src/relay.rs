//! Messages of clients and peers to a relay, on which one client has an allocation and a channel.

use std::net::SocketAddr;
use std::time::Duration;

use meshwork_core::time::{Now, Time, WallTime};
use meshwork_signal::turn::{Config, ListenerId, Output, Relay, RelayAddress, Secret, Socket};
use stun_types::attribute::{Nonce, Realm, Username};
use stun_types::message::{
    BINDING, IntegrityAlgorithm, LongTermKeyCredentials, Message, MessageClass, MessageType, MessageWriteVec,
    Method,
};
use stun_types::prelude::*;
use turn_types::attribute::{ChannelNumber, Data, Lifetime, RequestedTransport, XorPeerAddress};
use turn_types::message::{ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, REFRESH, SEND};

const START: Now = Now { time: Time(0), wall: WallTime(1_790_000_000_000_000) };
const LISTENER: Socket = Socket::Listener(ListenerId(0));
const CHANNEL: u16 = 0x4000;

/// A relay, and what its client needs to sign with.
struct World {
    relay: Relay,
    nonce: String,
    username: String,
    password: String,
    relayed: Option<Socket>,
}

fn client() -> SocketAddr {
    SocketAddr::from(([203, 0, 113, 5], 4000))
}

fn peer() -> SocketAddr {
    SocketAddr::from(([8, 8, 8, 8], 7))
}

impl World {
    fn new() -> World {
        let secret = Secret::from_random([1; 32]);
        let address = [9, 9, 9, 9].into();
        let places = vec![RelayAddress { bind: address, advertised: address }];
        let minted = secret.mint("room:client", START.wall + Duration::from_secs(600)).expect("a short name");
        let mut world = World {
            relay: Relay::new(Config::new(secret, places), [2; 32]).expect("legal defaults"),
            nonce: String::new(),
            username: minted.username,
            password: minted.password,
            relayed: None,
        };
        let mut ask = request(ALLOCATE, 1);
        add(&mut ask, &RequestedTransport::new(17));
        let told = world.hear(&ask.finish()).expect("it asks for credentials");
        let told = Message::from_bytes(&told)
            .expect("an answer")
            .attribute::<Nonce>()
            .expect("a nonce")
            .nonce()
            .to_owned();
        world.nonce = told;
        for message in [world.allocate(), world.bind()] {
            world.hear(&message);
        }
        world
    }

    /// What is answered to a datagram, and nothing is left to be done.
    fn hear(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        self.relay.handle_datagram(START, LISTENER, None, client(), bytes);
        self.carry_out()
    }

    fn carry_out(&mut self) -> Option<Vec<u8>> {
        let mut answer = None;
        loop {
            match self.relay.poll_output() {
                None => return answer,
                Some(Output::Datagram { bytes, .. } | Output::Stream { bytes, .. }) => {
                    answer = Some(bytes.to_vec())
                }
                Some(Output::Bind { relay, .. }) => {
                    self.relayed = Some(Socket::Relay(relay));
                    self.relay.handle_bound(START, relay, true);
                }
                Some(_) => {}
            }
        }
    }

    fn sign(&self, mut message: MessageWriteVec) -> Vec<u8> {
        let realm = String::from("meshwork");
        add(&mut message, &Username::new(&self.username).expect("a short one"));
        add(&mut message, &Realm::new(&realm).expect("a short one"));
        add(&mut message, &Nonce::new(&self.nonce).expect("a short one"));
        let key = LongTermKeyCredentials::new(self.username.clone(), self.password.clone(), realm);
        let key = key.make_key(IntegrityAlgorithm::Sha1);
        message.add_message_integrity_with_key(&key, IntegrityAlgorithm::Sha1).expect("the first");
        message.finish()
    }

    fn allocate(&self) -> Vec<u8> {
        let mut message = request(ALLOCATE, 2);
        add(&mut message, &RequestedTransport::new(17));
        self.sign(message)
    }

    fn bind(&self) -> Vec<u8> {
        let mut message = request(CHANNEL_BIND, 3);
        add(&mut message, &ChannelNumber::new(CHANNEL));
        add(&mut message, &XorPeerAddress::new(peer(), 3.into()));
        self.sign(message)
    }
}

fn request(method: Method, transaction: u128) -> MessageWriteVec {
    let kind = MessageType::from_class_method(MessageClass::Request, method);
    Message::builder(kind, transaction.into(), MessageWriteVec::new())
}

fn add(message: &mut MessageWriteVec, attribute: &dyn stun_types::attribute::AttributeWrite) {
    message.add_attribute(attribute).expect("each attribute once");
}

/// What a client says to a relay, by name.
pub(crate) fn messages() -> [(&'static str, Vec<u8>); 7] {
    let world = World::new();
    let mut permission = request(CREATE_PERMISSION, 4);
    add(&mut permission, &XorPeerAddress::new(peer(), 4.into()));
    let mut refresh = request(REFRESH, 5);
    add(&mut refresh, &Lifetime::new(600));
    let kind = MessageType::from_class_method(MessageClass::Indication, SEND);
    let mut send = Message::builder(kind, 6.into(), MessageWriteVec::new());
    add(&mut send, &XorPeerAddress::new(peer(), 6.into()));
    add(&mut send, &Data::new(b"some data"));
    let mut binding = request(BINDING, 7);
    binding.add_fingerprint().expect("the first");
    [
        ("Allocate, signed", world.allocate()),
        ("ChannelBind, signed", world.bind()),
        ("CreatePermission, signed", world.sign(permission)),
        ("Refresh, signed", world.sign(refresh)),
        ("Send indication", send.finish()),
        ("Binding", binding.finish()),
        ("channel data", [&CHANNEL.to_be_bytes()[..], &[0, 4], b"data"].concat()),
    ]
}

/// Every message on every way, and all of them one after the other on each.
pub(crate) fn examples() -> Vec<Vec<u8>> {
    let messages = messages();
    let put = |way: u8, message: &[u8]| [&[way][..], &(message.len() as u16).to_be_bytes(), message].concat();
    let one = |way: u8| messages.iter().map(move |(_, message)| put(way, message));
    (0..4).flat_map(|way| one(way).chain([one(way).flatten().collect()])).collect()
}

/// Messages one after the other. Each has in front how it comes, which is 0 for a datagram of the client, 1 for one of
/// a stranger, 2 for one of the peer and 3 for a stream, and its length in two bytes.
pub(crate) fn run(input: &[u8]) {
    let mut world = World::new();
    let stranger = SocketAddr::from(([203, 0, 113, 6], 1));
    let stream = world.relay.handle_stream_opened(START, stranger).expect("the first");
    let mut rest = input;
    while let Some(([way, high, low], behind)) = rest.split_first_chunk::<3>() {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(behind.len());
        let (bytes, behind) = behind.split_at(length);
        rest = behind;
        match (way % 4, world.relayed) {
            (0, _) => world.relay.handle_datagram(START, LISTENER, None, client(), bytes),
            (1, _) => world.relay.handle_datagram(START, LISTENER, None, stranger, bytes),
            (2, Some(relayed)) => world.relay.handle_datagram(START, relayed, None, peer(), bytes),
            _ => {
                for part in bytes.chunks(bytes.len() / 2 + 1) {
                    world.relay.handle_stream_bytes(START, stream, part);
                }
            }
        }
        world.carry_out();
    }
    let late = Now { time: START.time + Duration::from_secs(3700), ..START };
    world.relay.handle_timeout(late);
    world.carry_out();
    assert_eq!(world.relay.counts().allocations.value(), 0, "all have ended by then");
}
