//! The relay against clients and peers made of messages alone, in virtual time.

mod allocations;
mod credentials;
mod hostile;
mod peers;
mod quotas;
mod streams;

use std::collections::BTreeSet;

use meshwork_core::time::WallTime;
use stun_types::attribute::{
    AttributeWrite, ErrorCode, MessageIntegrity, Nonce, PasswordAlgorithm, PasswordAlgorithmValue,
    PasswordAlgorithms, Realm, Username,
};
use stun_types::message::{
    IntegrityAlgorithm, LongTermKeyCredentials, MessageType, MessageWriteVec, Method, TransactionId,
};
use stun_types::prelude::*;
use turn_types::attribute::{
    ChannelNumber, Data, Lifetime, RequestedTransport, XorPeerAddress, XorRelayedAddress,
};
use turn_types::message::DATA;

use super::*;
use crate::turn::config::{Quota, RelayAddress};
use crate::turn::credentials::{LIFE, Secret};
use crate::turn::io::{ListenerId, RelayId, StreamId};

const NOON: Now = Now { time: Time(1_000_000), wall: WallTime(1_790_000_000_000_000) };
const SECRET: &str = "0123456789abcdef0123456789abcdef";
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
/// Where relayed addresses are.
const RELAY_V4: &str = "9.9.9.9";
const RELAY_V6: &str = "2a00::9";

fn config() -> Config {
    let address = |bind: &str, advertised: &str| RelayAddress {
        bind: bind.parse().unwrap(),
        advertised: advertised.parse().unwrap(),
    };
    let secret = Secret::from_text(SECRET).unwrap();
    let config = Config::new(secret, vec![address("10.0.0.1", RELAY_V4), address("fd00::1", RELAY_V6)]);
    // Most tests send nothing through what they make.
    Config { unused_after: 7 * 24 * Duration::from_secs(3600), ..config }
}

fn at(text: &str) -> SocketAddr {
    text.parse().expect(text)
}

/// Something that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Sent {
    ToClient(SocketAddr, Vec<u8>),
    ToPeer { relay: RelayId, peer: SocketAddr, bytes: Vec<u8> },
    Stream(StreamId, Vec<u8>),
    Closed(StreamId),
}

/// A relay with its sockets, as far as it can tell.
struct World {
    relay: Relay,
    now: Now,
    /// Sockets that are bound.
    bound: std::collections::BTreeMap<RelayId, SocketAddr>,
    /// Ports that other programs have.
    taken: BTreeSet<u16>,
    transaction: u128,
}

/// A client that knows its credentials.
#[derive(Clone)]
struct Session {
    from: SocketAddr,
    username: String,
    password: String,
    realm: String,
    nonce: String,
    algorithm: IntegrityAlgorithm,
}

impl World {
    fn new(config: Config) -> World {
        World {
            relay: Relay::new(config, [7; 32]).unwrap(),
            now: NOON,
            bound: std::collections::BTreeMap::new(),
            taken: BTreeSet::new(),
            transaction: 0,
        }
    }

    /// What is sent because of a datagram from a client.
    fn hear(&mut self, from: SocketAddr, bytes: &[u8]) -> Vec<Sent> {
        self.relay.handle_datagram(self.now, Socket::Listener(ListenerId(0)), None, from, bytes);
        self.outputs()
    }

    /// What is sent because of a datagram from a peer.
    fn hear_peer(&mut self, relayed: SocketAddr, from: SocketAddr, bytes: &[u8]) -> Vec<Sent> {
        let relay = self.relay.ends.at(relayed).expect("it stands");
        self.relay.handle_datagram(self.now, Socket::Relay(relay), None, from, bytes);
        self.outputs()
    }

    fn pass(&mut self, time: Duration) -> Vec<Sent> {
        self.now.time += time;
        self.now.wall = self.now.wall + time;
        let mut sent = Vec::new();
        while self.relay.poll_timeout().is_some_and(|due| due <= self.now.time) {
            self.relay.handle_timeout(self.now);
            sent.append(&mut self.outputs());
        }
        sent
    }

    fn outputs(&mut self) -> Vec<Sent> {
        let mut sent = Vec::new();
        loop {
            let mut asked = None;
            match self.relay.poll_output() {
                None => return sent,
                Some(Output::Datagram { socket: Socket::Listener(_), remote, bytes, .. }) => {
                    sent.push(Sent::ToClient(remote, bytes.to_vec()));
                }
                Some(Output::Datagram { socket: Socket::Relay(relay), remote, bytes, .. }) => {
                    assert!(self.bound.contains_key(&relay), "only bound sockets send");
                    sent.push(Sent::ToPeer { relay, peer: remote, bytes: bytes.to_vec() });
                }
                Some(Output::Stream { stream, bytes, .. }) => {
                    assert_eq!(bytes.len() % 4, 0, "messages on streams fill words");
                    sent.push(Sent::Stream(stream, bytes.to_vec()));
                }
                Some(Output::CloseStream { stream }) => sent.push(Sent::Closed(stream)),
                Some(Output::Bind { relay, address }) => asked = Some((relay, address)),
                Some(Output::Unbind { relay }) => {
                    self.bound.remove(&relay);
                }
            }
            if let Some((relay, address)) = asked {
                let is_bound = !self.taken.contains(&address.port());
                if is_bound {
                    assert_eq!(self.bound.insert(relay, address), None);
                }
                self.relay.handle_bound(self.now, relay, is_bound);
            }
        }
    }

    fn next_transaction(&mut self) -> TransactionId {
        self.transaction += 1;
        self.transaction.into()
    }

    fn message(&mut self, class: MessageClass, method: Method) -> MessageWriteVec {
        let kind = MessageType::from_class_method(class, method);
        Message::builder(kind, self.next_transaction(), MessageWriteVec::new())
    }

    /// Asks without credentials.
    fn ask_plainly(&mut self, from: SocketAddr, method: Method, attributes: &[&dyn AttributeWrite]) -> Reply {
        let mut message = self.message(MessageClass::Request, method);
        for attribute in attributes {
            message.add_attribute(*attribute).unwrap();
        }
        Reply::only(self.hear(from, &message.finish()))
    }

    /// The bytes of a request with credentials.
    fn signed(&mut self, session: &Session, method: Method, attributes: &[&dyn AttributeWrite]) -> Vec<u8> {
        let mut message = self.message(MessageClass::Request, method);
        for attribute in attributes {
            message.add_attribute(*attribute).unwrap();
        }
        session.sign(message)
    }

    fn ask(&mut self, session: &Session, method: Method, attributes: &[&dyn AttributeWrite]) -> Reply {
        let bytes = self.signed(session, method, attributes);
        Reply::only(self.hear(session.from, &bytes))
    }

    /// A client that got credentials for a name and heard the nonce.
    fn session(&mut self, from: &str, name: &str) -> Session {
        let credentials = self.relay.config.secrets[0].mint(name, self.now.wall + LIFE).unwrap();
        let reply = self.ask_plainly(at(from), ALLOCATE, &[&RequestedTransport::new(17)]);
        assert_eq!(reply.code(), Some(401));
        Session {
            from: at(from),
            username: credentials.username,
            password: credentials.password,
            realm: reply.message().attribute::<Realm>().unwrap().realm().to_owned(),
            nonce: reply.message().attribute::<Nonce>().unwrap().nonce().to_owned(),
            algorithm: IntegrityAlgorithm::Sha1,
        }
    }

    /// A client with an allocation, and its relayed address.
    fn allocated(&mut self, from: &str, name: &str) -> (Session, SocketAddr) {
        let session = self.session(from, name);
        let reply = self.ask(&session, ALLOCATE, &[&RequestedTransport::new(17)]);
        assert_eq!(reply.code(), None);
        let relayed = reply.relayed();
        (session, relayed)
    }

    fn permit(&mut self, session: &Session, peer: &str) -> Reply {
        let transaction = (self.transaction + 1).into();
        self.ask(session, CREATE_PERMISSION, &[&XorPeerAddress::new(at(peer), transaction)])
    }

    fn bind_channel(&mut self, session: &Session, number: u16, peer: SocketAddr) -> Reply {
        let transaction = (self.transaction + 1).into();
        let attributes: [&dyn AttributeWrite; 2] =
            [&ChannelNumber::new(number), &XorPeerAddress::new(peer, transaction)];
        self.ask(session, CHANNEL_BIND, &attributes)
    }

    /// A Send indication.
    fn send(&mut self, session: &Session, peer: SocketAddr, data: &[u8]) -> Vec<Sent> {
        let mut message = self.message(MessageClass::Indication, SEND);
        let transaction = message.transaction_id();
        message.add_attribute(&XorPeerAddress::new(peer, transaction)).unwrap();
        message.add_attribute(&Data::new(data)).unwrap();
        self.hear(session.from, &message.finish())
    }

    fn refresh(&mut self, session: &Session, seconds: u32) -> Reply {
        self.ask(session, REFRESH, &[&Lifetime::new(seconds)])
    }

    fn refused(&self, cause: Refusal) -> u64 {
        self.relay.counts.refused(cause)
    }
}

impl Session {
    fn sign(&self, mut message: MessageWriteVec) -> Vec<u8> {
        message.add_attribute(&Username::new(&self.username).unwrap()).unwrap();
        message.add_attribute(&Realm::new(&self.realm).unwrap()).unwrap();
        message.add_attribute(&Nonce::new(&self.nonce).unwrap()).unwrap();
        if self.algorithm == IntegrityAlgorithm::Sha256 {
            let offered = [PasswordAlgorithmValue::SHA256, PasswordAlgorithmValue::MD5];
            message.add_attribute(&PasswordAlgorithms::new(&offered)).unwrap();
            message.add_attribute(&PasswordAlgorithm::new(PasswordAlgorithmValue::SHA256)).unwrap();
        }
        message.add_message_integrity_with_key(&self.key(), self.algorithm).unwrap();
        message.finish()
    }

    fn key(&self) -> stun_types::message::IntegrityKey {
        let Session { username, password, realm, .. } = self.clone();
        LongTermKeyCredentials::new(username, password, realm).make_key(self.algorithm)
    }

    /// With credentials of the same server that are good from now on.
    fn renewed(&self, world: &World) -> Session {
        let name = self.username.split_once(':').unwrap().1;
        let fresh = world.relay.config.secrets[0].mint(name, world.now.wall + LIFE).unwrap();
        Session { username: fresh.username, password: fresh.password, ..self.clone() }
    }

    /// With a nonce of now.
    fn with_fresh_nonce(&self, world: &mut World) -> Session {
        let reply = world.ask_plainly(self.from, REFRESH, &[]);
        let nonce = reply.message().attribute::<Nonce>().unwrap().nonce().to_owned();
        Session { nonce, ..self.clone() }
    }
}

/// An answer to a client.
#[derive(Clone, Debug)]
struct Reply {
    to: SocketAddr,
    bytes: Vec<u8>,
}

impl Reply {
    fn only(sent: Vec<Sent>) -> Reply {
        match <[Sent; 1]>::try_from(sent) {
            Ok([Sent::ToClient(to, bytes)]) => Reply { to, bytes },
            other => panic!("one answer was expected, and not {other:?}"),
        }
    }

    fn message(&self) -> Message<'_> {
        Message::from_bytes(&self.bytes).unwrap()
    }

    /// What is wrong; nothing of a success.
    fn code(&self) -> Option<u16> {
        let message = self.message();
        assert!(message.is_response());
        message.has_class(MessageClass::Error).then(|| message.attribute::<ErrorCode>().unwrap().code())
    }

    fn relayed(&self) -> SocketAddr {
        let message = self.message();
        message.attribute::<XorRelayedAddress>().unwrap().addr(message.transaction_id())
    }

    fn lifetime(&self) -> u32 {
        self.message().attribute::<Lifetime>().unwrap().seconds()
    }
}

/// The bytes of channel data.
fn channel_data(number: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap();
    [&number.to_be_bytes()[..], &length.to_be_bytes(), data].concat()
}
