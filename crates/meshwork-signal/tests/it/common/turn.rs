//! A relay on loopback, pairs that go on through it, and strangers that send it rubbish.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use meshwork_core::rng::Rng;
use meshwork_core::time::WallTime;
use meshwork_signal::turn::{Config, Listeners, RelayAddress, Secret, Server, serve};
use stun_types::attribute::{AttributeWrite, Nonce, Realm, Username};
use stun_types::message::{
    BINDING, IntegrityAlgorithm, LongTermKeyCredentials, Message, MessageClass, MessageType, MessageWriteVec,
    Method,
};
use stun_types::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use turn_types::attribute::{
    ChannelNumber, Data, Lifetime, RequestedTransport, XorPeerAddress, XorRelayedAddress,
};
use turn_types::message::{ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, REFRESH, SEND};

use super::{mutated, soon};

const SECRET: &str = "a secret for tests only";
const REALM: &str = "meshwork";
/// The one channel of each client.
const CHANNEL: u16 = 0x4000;
/// How long an answer over UDP is waited for before it is asked again: datagrams may be lost on a loopback too, where
/// more comes than a socket holds.
const RETRY: Duration = Duration::from_millis(250);
const UDP: u8 = 17;
/// Longer than the longest run; the lifetime of allocations.
const HOUR: Duration = Duration::from_secs(3600);
/// Channels stand ten minutes, permissions five (RFC 8656 sections 9 and 12): the pairs of a long run renew them.
const RENEW: Duration = Duration::from_secs(120);

/// A relay for clients on this machine.
pub(crate) fn relay() -> Server {
    let loopback = "127.0.0.1".parse().unwrap();
    let address = RelayAddress { bind: loopback, advertised: loopback };
    let mut config = Config::new(Secret::from_text(SECRET).unwrap(), vec![address]);
    config.nonce_life = HOUR;
    let listeners = Listeners::bind(&[SocketAddr::new(loopback, 0)]).unwrap();
    serve(config, [9; 32], listeners).unwrap()
}

enum Wire {
    Udp(UdpSocket),
    Tcp(TcpStream),
}

/// A client with an allocation and a channel.
struct Relayed {
    wire: Wire,
    relayed: SocketAddr,
    username: String,
    password: String,
    nonce: String,
    transaction: u128,
}

impl Relayed {
    async fn over_udp(relay: &Server, name: &str) -> Relayed {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(relay.udp_addresses()[0]).await.unwrap();
        Relayed::allocate(Wire::Udp(socket), name).await
    }

    async fn over_tcp(relay: &Server, name: &str) -> Relayed {
        let stream = TcpStream::connect(relay.tcp_addresses()[0]).await.unwrap();
        Relayed::allocate(Wire::Tcp(stream), name).await
    }

    async fn allocate(wire: Wire, name: &str) -> Relayed {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let expires = WallTime(u64::try_from(now.as_micros()).unwrap()) + Duration::from_secs(3600);
        let minted = Secret::from_text(SECRET).unwrap().mint(name, expires).unwrap();
        let (username, password) = (minted.username, minted.password);
        let relayed = "0.0.0.0:0".parse().unwrap();
        let mut client = Relayed { wire, relayed, username, password, nonce: String::new(), transaction: 1 };
        let challenge = client.exchange(&unsigned(ALLOCATE, &[&RequestedTransport::new(UDP)])).await;
        client.nonce =
            Message::from_bytes(&challenge).unwrap().attribute::<Nonce>().unwrap().nonce().to_owned();
        let lifetime = Lifetime::new(HOUR.as_secs() as u32);
        let answer = client.ask(ALLOCATE, &[&RequestedTransport::new(UDP), &lifetime]).await;
        let answer = Message::from_bytes(&answer).unwrap();
        client.relayed = answer.attribute::<XorRelayedAddress>().unwrap().addr(answer.transaction_id());
        client
    }

    async fn bind(&mut self, peer: SocketAddr) {
        let peer = XorPeerAddress::new(peer, (self.transaction + 1).into());
        self.ask(CHANNEL_BIND, &[&ChannelNumber::new(CHANNEL), &peer]).await;
    }

    async fn ask(&mut self, method: Method, attributes: &[&dyn AttributeWrite]) -> Vec<u8> {
        self.transaction += 1;
        let own: [&dyn AttributeWrite; 3] = [
            &Username::new(&self.username).unwrap(),
            &Realm::new(REALM).unwrap(),
            &Nonce::new(&self.nonce).unwrap(),
        ];
        let mut message = request(method, self.transaction);
        for attribute in attributes.iter().chain(&own) {
            message.add_attribute(*attribute).unwrap();
        }
        let key = LongTermKeyCredentials::new(self.username.clone(), self.password.clone(), REALM.to_owned());
        let key = key.make_key(IntegrityAlgorithm::Sha1);
        message.add_message_integrity_with_key(&key, IntegrityAlgorithm::Sha1).unwrap();
        let answer = self.exchange(&message.finish()).await;
        assert!(
            Message::from_bytes(&answer).unwrap().has_class(MessageClass::Success),
            "{method} is refused"
        );
        answer
    }

    /// Asks until an answer comes.
    async fn exchange(&mut self, request: &[u8]) -> Vec<u8> {
        let asking = async {
            loop {
                self.write(request).await;
                // Data that was sent twice may come in between.
                if let Some(answer) = self.read().await.filter(|answer| answer[0] < 0x40) {
                    break answer;
                }
            }
        };
        soon(asking).await
    }

    async fn write(&mut self, bytes: &[u8]) {
        match &mut self.wire {
            Wire::Udp(socket) => assert_eq!(socket.send(bytes).await.unwrap(), bytes.len()),
            Wire::Tcp(stream) => stream.write_all(bytes).await.unwrap(),
        }
    }

    /// The next message; over UDP nothing when none comes for a while.
    async fn read(&mut self) -> Option<Vec<u8>> {
        match &mut self.wire {
            Wire::Udp(socket) => {
                let mut buffer = vec![0; 2048];
                let length = tokio::time::timeout(RETRY, socket.recv(&mut buffer)).await.ok()?.unwrap();
                buffer.truncate(length);
                Some(buffer)
            }
            Wire::Tcp(stream) => {
                let mut message = vec![0; 4];
                soon(stream.read_exact(&mut message)).await.unwrap();
                let length = usize::from(u16::from_be_bytes([message[2], message[3]]));
                // A STUN message's head has 16 bytes more; channel data is padded to whole words on streams.
                let rest = if message[0] < 0x40 { length + 16 } else { length.next_multiple_of(4) };
                message.resize(4 + rest, 0);
                soon(stream.read_exact(&mut message[4..])).await.unwrap();
                Some(message)
            }
        }
    }

    /// Sends a number over the channel.
    async fn say(&mut self, number: u64) {
        let data = [&CHANNEL.to_be_bytes()[..], &8_u16.to_be_bytes(), &number.to_be_bytes()].concat();
        self.write(&data).await;
    }

    /// The next number, if one comes.
    async fn hear(&mut self) -> Option<u64> {
        let data = self.read().await?;
        assert_eq!(data[..4], [0x40, 0, 0, 8], "channel data, and nothing else");
        Some(u64::from_be_bytes(data[4..12].try_into().unwrap()))
    }
}

/// Two clients that reach each other through the relay.
pub(crate) struct Pair {
    first: Relayed,
    second: Relayed,
    /// Numbers that were sent once more, since they or their answer did not come.
    pub(crate) repeated: u64,
}

impl Pair {
    pub(crate) async fn over_udp(relay: &Server) -> Pair {
        let first = Relayed::over_udp(relay, "room:udp-1").await;
        Pair::of(first, Relayed::over_udp(relay, "room:udp-2").await).await
    }

    pub(crate) async fn over_tcp(relay: &Server) -> Pair {
        let first = Relayed::over_tcp(relay, "room:tcp-1").await;
        Pair::of(first, Relayed::over_tcp(relay, "room:tcp-2").await).await
    }

    async fn of(first: Relayed, second: Relayed) -> Pair {
        let mut pair = Pair { first, second, repeated: 0 };
        pair.bind().await;
        pair
    }

    async fn bind(&mut self) {
        self.first.bind(self.second.relayed).await;
        self.second.bind(self.first.relayed).await;
    }

    /// Sends numbers there and back until it is `over`, and says how many. Every one comes. What is sent over TCP is
    /// sent once.
    pub(crate) async fn talk(&mut self, over: Arc<AtomicBool>) -> u64 {
        let mut number = 0;
        let mut bound = Instant::now();
        while !over.load(Ordering::Relaxed) {
            if bound.elapsed() > RENEW {
                self.bind().await;
                bound = Instant::now();
            }
            soon(self.carry(number)).await;
            number += 1;
        }
        number
    }

    async fn carry(&mut self, number: u64) {
        loop {
            self.first.say(number).await;
            while let Some(heard) = self.second.hear().await {
                self.second.say(heard).await;
                if heard == number {
                    break;
                }
            }
            while let Some(heard) = self.first.hear().await {
                if heard == number {
                    return;
                }
                assert!(heard < number, "an answer that came late");
            }
            self.repeated += 1;
        }
    }
}

/// What strangers begin from: requests, indications and data of clients that this relay does not know.
pub(crate) fn templates() -> Vec<Vec<u8>> {
    let peer = XorPeerAddress::new("127.0.0.1:9".parse().unwrap(), 1.into());
    let channel = ChannelNumber::new(CHANNEL);
    let transport = RequestedTransport::new(UDP);
    let name = Username::new("4000000000:room:nobody").unwrap();
    let (realm, nonce) = (Realm::new(REALM).unwrap(), Nonce::new("obMatJos2AAAAsomething").unwrap());
    let mut forged = request(ALLOCATE, 1);
    for attribute in [&transport as &dyn AttributeWrite, &name, &realm, &nonce] {
        forged.add_attribute(attribute).unwrap();
    }
    let key = LongTermKeyCredentials::new(String::from("nobody"), String::from("x"), REALM.to_owned());
    let key = key.make_key(IntegrityAlgorithm::Sha1);
    forged.add_message_integrity_with_key(&key, IntegrityAlgorithm::Sha1).unwrap();
    let kind = MessageType::from_class_method(MessageClass::Indication, SEND);
    let mut send = Message::builder(kind, 1.into(), MessageWriteVec::new());
    send.add_attribute(&peer).unwrap();
    send.add_attribute(&Data::new(b"some data")).unwrap();
    vec![
        binding(1),
        unsigned(ALLOCATE, &[&transport]),
        forged.finish(),
        unsigned(REFRESH, &[&Lifetime::new(0)]),
        unsigned(CREATE_PERMISSION, &[&peer]),
        unsigned(CHANNEL_BIND, &[&channel, &peer]),
        send.finish(),
        [&[0x40, 0, 0, 9][..], b"some data\0\0\0"].concat(),
    ]
}

/// Sends the relay up to `most` wrong messages over UDP, and waits until it has read them; gives how many.
pub(crate) async fn attack_over_udp(
    relay: SocketAddr,
    rng: &mut Rng,
    templates: &[Vec<u8>],
    most: u64,
) -> u64 {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(relay).await.unwrap();
    let count = 1 + rng.below(most);
    for _ in 0..count {
        let _ = socket.send(&wrong(rng, templates)).await;
    }
    // A relay that still answers has read what came before.
    let mut answer = [0; 2048];
    let transaction = u128::from(rng.next_u64());
    let asking = async {
        loop {
            let _ = socket.send(&binding(transaction)).await;
            let answered = async {
                while let Ok(length) = socket.recv(&mut answer).await {
                    let told = Message::from_bytes(&answer[..length]);
                    if told.is_ok_and(|told| told.transaction_id() == transaction.into()) {
                        break;
                    }
                }
            };
            if tokio::time::timeout(RETRY, answered).await.is_ok() {
                break;
            }
        }
    };
    soon(asking).await;
    count
}

/// The same over a stream, which the relay closes at what it cannot tell apart.
pub(crate) async fn attack_over_tcp(
    relay: SocketAddr,
    rng: &mut Rng,
    templates: &[Vec<u8>],
    most: u64,
) -> u64 {
    let Ok(mut stream) = TcpStream::connect(relay).await else { return 0 };
    let count = 1 + rng.below(most);
    for said in 0..count {
        if stream.write_all(&wrong(rng, templates)).await.is_err() {
            return said;
        }
    }
    let _ = stream.shutdown().await;
    let mut answers = [0; 4096];
    while soon(stream.read(&mut answers)).await.is_ok_and(|length| length > 0) {}
    count
}

fn wrong(rng: &mut Rng, templates: &[Vec<u8>]) -> Vec<u8> {
    let template = &templates[rng.below(templates.len() as u64) as usize];
    match rng.below(8) {
        0 => (0..rng.below(200)).map(|_| rng.below(256) as u8).collect(),
        1 => template.clone(),
        _ => mutated(rng, template),
    }
}

fn binding(transaction: u128) -> Vec<u8> {
    request(BINDING, transaction).finish()
}

fn unsigned(method: Method, attributes: &[&dyn AttributeWrite]) -> Vec<u8> {
    let mut message = request(method, 1);
    for attribute in attributes {
        message.add_attribute(*attribute).unwrap();
    }
    message.finish()
}

fn request(method: Method, transaction: u128) -> MessageWriteVec {
    let kind = MessageType::from_class_method(MessageClass::Request, method);
    Message::builder(kind, transaction.into(), MessageWriteVec::new())
}
