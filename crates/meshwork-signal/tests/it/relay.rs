//! The relay over real sockets on loopback, with an independent client: `turn-client-proto`.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use crate::operation::write_certificate;
use meshwork_core::time::WallTime;
use meshwork_signal::http::{Tls, TlsFiles};
use meshwork_signal::turn::credentials::LIFE;
use meshwork_signal::turn::{Config, Listeners, Refusal, RelayAddress, Secret, Server, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use turn_client_proto::api::{TurnClientApi, TurnConfig, TurnEvent, TurnRecvRet};
use turn_client_proto::stun::agent::Transmit;
use turn_client_proto::stun::types::message::IntegrityAlgorithm;
use turn_client_proto::tcp::TurnClientTcp;
use turn_client_proto::types::{AddressFamily, Instant, TransportType, TurnCredentials};
use turn_client_proto::udp::TurnClientUdp;

const SECRET: &str = "a secret for tests only";
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);
/// The load client's words for a channel that the relay refuses with 400.
const BOUND_OTHERWISE: &str = "channel bind: error 400";
/// How long a client waits for bytes before it looks whether something else is due.
const TURN: Duration = Duration::from_millis(20);

fn config(address: &str) -> Config {
    let loopback = address.parse().unwrap();
    let relay = RelayAddress { bind: loopback, advertised: loopback };
    let mut config = Config::new(Secret::from_text(SECRET).unwrap(), vec![relay]);
    config.allow = vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
    config
}

fn start(config: Config) -> Server {
    start_seeded(config, [9; 32])
}

/// The seed says which ports it gives out, one after the other.
fn start_seeded(config: Config, seed: [u8; 32]) -> Server {
    let address = config.relay_addresses[0].bind;
    let listeners = Listeners::bind(&[SocketAddr::new(address, 0)]).unwrap();
    serve(config, seed, listeners).unwrap()
}

fn wall() -> WallTime {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    WallTime(u64::try_from(since.as_micros()).unwrap())
}

fn credentials(name: &str) -> TurnCredentials {
    let minted = Secret::from_text(SECRET).unwrap().mint(name, wall() + LIFE).unwrap();
    TurnCredentials::new(&minted.username, &minted.password)
}

/// How a client reaches the relay.
enum Wire {
    Udp(UdpSocket),
    Tcp(TcpStream),
}

/// Somebody else's client on a real socket.
struct Client<C> {
    turn: C,
    wire: Wire,
    origin: std::time::Instant,
}

fn over_udp(server: &Server, config: TurnConfig) -> Client<TurnClientUdp> {
    let to = server.udp_addresses()[0];
    let socket = UdpSocket::bind(SocketAddr::new(to.ip(), 0)).unwrap();
    socket.connect(to).unwrap();
    socket.set_read_timeout(Some(TURN)).unwrap();
    let turn = TurnClientUdp::allocate(socket.local_addr().unwrap(), to, config);
    Client { turn, wire: Wire::Udp(socket), origin: std::time::Instant::now() }
}

fn over_tcp(server: &Server, config: TurnConfig) -> Client<TurnClientTcp> {
    let stream = TcpStream::connect(server.tcp_addresses()[0]).unwrap();
    stream.set_read_timeout(Some(TURN)).unwrap();
    let (from, to) = (stream.local_addr().unwrap(), stream.peer_addr().unwrap());
    let turn = TurnClientTcp::allocate(from, to, config);
    Client { turn, wire: Wire::Tcp(stream), origin: std::time::Instant::now() }
}

impl<C: TurnClientApi> Client<C> {
    fn now(&self) -> Instant {
        Instant::from_std(self.origin)
    }

    fn write(&mut self, bytes: &[u8]) {
        match &mut self.wire {
            Wire::Udp(socket) => assert_eq!(socket.send(bytes).unwrap(), bytes.len()),
            Wire::Tcp(stream) => stream.write_all(bytes).unwrap(),
        }
    }

    /// Goes on until `done` finds what it looks for, in events, in data of peers, or once a round elsewhere.
    fn until<T>(
        &mut self,
        mut done: impl FnMut(Option<TurnEvent>, Option<(SocketAddr, &[u8])>) -> Option<T>,
    ) -> T {
        let mut buffer = vec![0; 65_536];
        while self.origin.elapsed() < PATIENCE {
            if let Some(found) = done(None, None) {
                return found;
            }
            let now = self.now();
            self.turn.poll(now);
            while let Some(transmit) = self.turn.poll_transmit(now) {
                self.write(&transmit.data);
            }
            while let Some(event) = self.turn.poll_event() {
                if let Some(found) = done(Some(event), None) {
                    return found;
                }
            }
            while let Some(data) = self.turn.poll_recv(now) {
                if let Some(found) = done(None, Some((data.peer, data.data()))) {
                    return found;
                }
            }
            let read = match &mut self.wire {
                Wire::Udp(socket) => socket.recv(&mut buffer),
                Wire::Tcp(stream) => stream.read(&mut buffer),
            };
            let length = match read {
                Ok(length) => length,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
                Err(error) => panic!("{error}"),
            };
            let transmit = Transmit::new(
                &buffer[..length],
                self.turn.transport(),
                self.turn.remote_addr(),
                self.turn.local_addr(),
            );
            if let TurnRecvRet::PeerData(data) = self.turn.recv(transmit, now)
                && let Some(found) = done(None, Some((data.peer, data.data())))
            {
                return found;
            }
        }
        panic!("it took too long");
    }

    fn relayed(&mut self) -> SocketAddr {
        self.until(|event, _| match event {
            Some(TurnEvent::AllocationCreated(_, relayed)) => Some(relayed),
            Some(TurnEvent::AllocationCreateFailed(family)) => panic!("no allocation of {family}"),
            _ => None,
        })
    }

    /// Goes on until the relay has refused this client, as `is_counted` tells. This client takes a refusal without a
    /// signature for none, and asks again and again.
    fn expect_refused(&mut self, is_counted: impl Fn() -> bool) {
        self.until(|event, _| {
            assert!(!matches!(event, Some(TurnEvent::AllocationCreated(..))), "it has an allocation");
            is_counted().then_some(())
        });
    }

    /// Permits a peer; false when that is refused.
    fn permit(&mut self, peer: IpAddr) -> bool {
        let now = self.now();
        self.turn.create_permission(TransportType::Udp, peer, now).unwrap();
        self.until(|event, _| match event {
            Some(TurnEvent::PermissionCreated(..)) => Some(true),
            Some(TurnEvent::PermissionCreateFailed(..)) => Some(false),
            _ => None,
        })
    }

    fn bind(&mut self, peer: SocketAddr) {
        let now = self.now();
        self.turn.bind_channel(TransportType::Udp, peer, now).unwrap();
        self.until(|event, _| matches!(event, Some(TurnEvent::ChannelCreated(..))).then_some(()));
    }

    fn send(&mut self, peer: SocketAddr, data: &[u8]) {
        let now = self.now();
        if let Some(transmit) = self.turn.send_to(TransportType::Udp, peer, data, now).unwrap() {
            let bytes = transmit.build().data;
            self.write(&bytes);
        }
    }

    fn receive(&mut self) -> (SocketAddr, Vec<u8>) {
        self.until(|_, data| data.map(|(peer, bytes)| (peer, bytes.to_vec())))
    }
}

/// A peer that is nobody's client.
fn peer(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind(SocketAddr::new(address.parse().unwrap(), 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// Sends both ways, as indications and over a channel.
fn exchange<C: TurnClientApi>(mut client: Client<C>, peer: &UdpSocket) {
    let (relayed, address) = (client.relayed(), peer.local_addr().unwrap());
    assert!(client.permit(address.ip()));
    let mut buffer = [0; 2048];
    for is_bound in [false, true] {
        if is_bound {
            client.bind(address);
        }
        // Over streams this client leaves channel data unpadded: whole words come to the same.
        for size in [0, 8, 1200] {
            let data = vec![size as u8; size];
            client.send(address, &data);
            let (length, from) = peer.recv_from(&mut buffer).unwrap();
            assert_eq!((&buffer[..length], from), (&data[..], relayed));
            peer.send_to(&data, relayed).unwrap();
            assert_eq!(client.receive(), (address, data));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn independent_clients_are_relayed_over_udp_and_tcp() {
    let server = start(config("127.0.0.1"));
    let peer = peer("127.0.0.1");
    exchange(over_udp(&server, TurnConfig::new(credentials("alice"))), &peer);
    exchange(over_tcp(&server, TurnConfig::new(credentials("alice"))), &peer);
    let mut better = TurnConfig::new(credentials("bob"));
    better.set_supported_integrity(IntegrityAlgorithm::Sha256);
    exchange(over_udp(&server, better), &peer);
    let counts = server.counts();
    assert_eq!((counts.packets_up.value(), counts.packets_down.value()), (18, 18));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn clients_are_relayed_over_ipv6() {
    let server = start(config("::1"));
    let mut config = TurnConfig::new(credentials("alice"));
    config.set_address_family(AddressFamily::IPV6);
    exchange(over_udp(&server, config.clone()), &peer("::1"));
    exchange(over_tcp(&server, config), &peer("::1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn two_clients_meet_inside_the_relay() {
    let mut closed = config("127.0.0.1");
    closed.allow.clear();
    let server = start(closed);
    let mut alice = over_udp(&server, TurnConfig::new(credentials("alice")));
    let mut bob = over_tcp(&server, TurnConfig::new(credentials("bob")));
    let (of_alice, of_bob) = (alice.relayed(), bob.relayed());
    assert!(alice.permit(of_bob.ip()) && bob.permit(of_alice.ip()), "though loopback is no peer here");
    bob.bind(of_alice);
    alice.send(of_bob, b"hello...");
    assert_eq!(bob.receive(), (of_alice, b"hello...".to_vec()));
    bob.send(of_alice, b"and back");
    assert_eq!(alice.receive(), (of_bob, b"and back".to_vec()));
    assert_eq!(server.counts().packets_across.value(), 2);
    assert_eq!(server.counts().packets_up.value(), 0);
    assert!(!alice.permit("10.0.0.1".parse().unwrap()));
    assert_eq!(server.counts().refused(Refusal::Forbidden), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn wrong_credentials_are_refused_and_counted_by_cause() {
    let mut strict = config("127.0.0.1");
    strict.per_endpoint.allocations_max = 1;
    let server = start(strict);
    let minted = |secret: &str, expires: WallTime| {
        let minted = Secret::from_text(secret).unwrap().mint("alice", expires).unwrap();
        TurnConfig::new(TurnCredentials::new(&minted.username, &minted.password))
    };
    let forged = TurnConfig::new(TurnCredentials::new("4000000000:alice", "no password of ours"));
    let foreign = TurnConfig::new(TurnCredentials::new("alice", "password"));
    let mut good = over_udp(&server, TurnConfig::new(credentials("alice")));
    good.relayed();
    let wrong = [
        (minted(SECRET, WallTime(1_000_000_000_000_000)), Refusal::Expired),
        (minted("another server's secret", wall() + LIFE), Refusal::Forged),
        (forged, Refusal::Forged),
        (foreign, Refusal::Foreign),
        (TurnConfig::new(credentials("alice")), Refusal::EndpointQuota),
    ];
    for (config, cause) in wrong {
        let before = server.counts().refused(cause);
        over_udp(&server, config).expect_refused(|| server.counts().refused(cause) > before);
    }
    assert_eq!(server.counts().allocations.value(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn client_that_reads_nothing_holds_nobody_back() {
    let mut fast = config("127.0.0.1");
    fast.per_endpoint.bytes_per_second = 1 << 40;
    fast.in_all.bytes_per_second = 1 << 40;
    fast.stream_queue_bytes_max = 64 * 1024;
    let server = start(fast);
    let flood = peer("127.0.0.1");
    let mut lazy = over_tcp(&server, TurnConfig::new(credentials("lazy")));
    let relayed = lazy.relayed();
    assert!(lazy.permit("127.0.0.1".parse().unwrap()));
    let started = std::time::Instant::now();
    while server.counts().refused(Refusal::SlowReader) == 0 {
        assert!(started.elapsed() < PATIENCE, "the queue is bounded");
        for _ in 0..64 {
            flood.send_to(&[7; 8192], relayed).unwrap();
        }
        // One at a time gets through meanwhile: a ready check that the relay has read what came before.
        exchange(over_udp(&server, TurnConfig::new(credentials("alice"))), &peer("127.0.0.1"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn streams_accepted_elsewhere_are_served() {
    let server = start(config("127.0.0.1"));
    let (mut ours, theirs) = tokio::io::duplex(1024);
    let handle = server.handle();
    let remote: SocketAddr = "192.0.2.7:1234".parse().unwrap();
    let served = tokio::spawn(async move { handle.serve_stream(theirs, remote).await });
    let request = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    ours.write_all(&request).await.unwrap();
    let mut answer = [0; 32];
    ours.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer[..2], [1, 1], "a success");
    assert_eq!(
        answer[26..28],
        [(1234u16 >> 8) as u8 ^ 0x21, (1234u16 & 0xff) as u8 ^ 0x12],
        "the port it came from"
    );
    ours.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    assert_eq!(ours.read(&mut answer).await.unwrap(), 0, "closed");
    served.await.unwrap();
}

/// Sends back what comes, to two ports in a row, as a client expects that has connections for control beside those for
/// data. Returns the first.
fn echoing_pair() -> u16 {
    let loopback = IpAddr::from([127, 0, 0, 1]);
    let pair = std::iter::repeat_with(|| {
        let first = UdpSocket::bind((loopback, 0)).ok()?;
        let second = first.local_addr().ok()?.port().checked_add(1)?;
        Some([first, UdpSocket::bind((loopback, second)).ok()?])
    });
    let [first, second] = pair.take(100).flatten().next().expect("two ports in a row are free");
    let port = first.local_addr().unwrap().port();
    for socket in [first, second] {
        std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                let _ = socket.send_to(&buffer[..length], from);
            }
        });
    }
    port
}

/// coturn's own load client, in each of its ways over UDP, TCP and TLS: it draws channel numbers from all that RFC 5766
/// allows. Over TLS it checks the relay's certificate.
///
/// The client draws a number for each of two peers. Once in 16,384 times the two are the same, and the relay must refuse the
/// second. Such a client runs again. Two of them in one run are a fault.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn coturns_load_client_is_relayed_in_all_ways() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = start(config("127.0.0.1"));
    let files = TlsFiles { certificate: folder.path().join("c.pem"), key: folder.path().join("k.pem") };
    write_certificate(&files, "127.0.0.1");
    let tls = Arc::new(Tls::load(files.clone()).unwrap());
    let secured = server.listen_tls("127.0.0.1:0".parse().unwrap(), tls).unwrap().port();
    let (udp, tcp) = (server.udp_addresses()[0].port(), server.tcp_addresses()[0].port());
    let peer_port = echoing_pair().to_string();
    const WAYS: [(&[&str], &str); 12] = [
        (&[], ""),
        (&[], "-s"),
        (&[], "-c"),
        (&[], "-D"),
        (&[], "-X"),
        (&["-t"], ""),
        (&["-t"], "-s"),
        (&["-t"], "-c"),
        (&["-t"], "-D"),
        (&["-t", "-S"], ""),
        (&["-t", "-S"], "-s"),
        (&["-t", "-S"], "-c"),
    ];
    // Each waits some seconds for nothing at its end.
    let started = WAYS.map(|(transport, way)| {
        let port = [udp, tcp, secured][transport.len()].to_string();
        let mut client = std::process::Command::new("turnutils_uclient");
        let mut flags = [transport, &[way][usize::from(way.is_empty())..]].concat();
        if port == secured.to_string() {
            flags.extend(["-E", files.certificate.to_str().unwrap()]);
        }
        let flags: Vec<String> = flags.into_iter().map(String::from).collect();
        client.args(&flags).args(["-n", "10", "-m", "2", "-l", "200", "-W", SECRET, "-u", "load"]);
        client.args(["-e", "127.0.0.1", "-r", &peer_port, "-p", &port, "127.0.0.1"]);
        let running = move || {
            let first = client.output()?;
            let is_unlucky = String::from_utf8_lossy(&first.stdout).contains(BOUND_OTHERWISE);
            Ok::<_, std::io::Error>((if is_unlucky { client.output()? } else { first }, is_unlucky))
        };
        (flags, tokio::task::spawn_blocking(running))
    });
    let mut unlucky = 0;
    for (flags, output) in started {
        let (output, is_unlucky) =
            output.await.unwrap().expect("`cargo xtask setup` installs Debian's coturn");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{flags:?}: {}\n{said}", output.status);
        assert!(said.contains("Total lost packets 0 ("), "{flags:?}: {said}");
        unlucky += u64::from(is_unlucky);
    }
    let counts = server.counts();
    let refused = [Refusal::Mismatch, Refusal::Malformed].map(|cause| counts.refused(cause));
    assert_eq!(refused, [unlucky, 0], "numbers drawn twice, and nothing else");
    assert!(unlucky <= 1, "{unlucky} clients were refused a channel");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_ban_ends_allocations_at_once() {
    let server = start(config("127.0.0.1"));
    let mut client = over_udp(&server, TurnConfig::new(credentials("alice")));
    let relayed = client.relayed();
    server.handle().keep_out(vec!["127.0.0.0/8".parse().unwrap()]);
    // The port is free again.
    let patience = std::time::Instant::now() + PATIENCE;
    while UdpSocket::bind(relayed).is_err() {
        assert!(std::time::Instant::now() < patience, "the allocation stands");
        tokio::task::yield_now().await;
    }
    client.write(b"\x00\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl");
    while server.counts().refused(Refusal::Banned) == 0 {
        assert!(std::time::Instant::now() < patience, "it is heard");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn draining_relay_serves_standing_allocations_and_refuses_new() {
    let server = start(config("127.0.0.1"));
    let mut client = over_udp(&server, TurnConfig::new(credentials("alice")));
    client.relayed();
    let handle = server.handle();
    let draining = tokio::spawn(async move { handle.drain().await });
    let refused = || server.counts().refused(Refusal::Draining);
    while refused() == 0 {
        // Until it has heard that it drains.
        let mut late = over_udp(&server, TurnConfig::new(credentials("bob")));
        late.until(|event, _| {
            let is_answered = matches!(event, Some(TurnEvent::AllocationCreated(..)));
            (is_answered || refused() > 0).then_some(())
        });
    }
    assert!(!draining.is_finished(), "somebody is served still");
    let peer = peer("127.0.0.1");
    assert!(client.permit(peer.local_addr().unwrap().ip()));
    client.send(peer.local_addr().unwrap(), b"one more");
    peer.recv_from(&mut [0; 64]).unwrap();
    server.handle().keep_out(vec!["127.0.0.0/8".parse().unwrap()]);
    tokio::time::timeout(PATIENCE, draining).await.expect("nobody is left").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_relay_that_is_dropped_frees_its_ports() {
    // With the others' seed, a relay of a test that runs beside this one may take the port as soon as it is free.
    let server = start_seeded(config("127.0.0.1"), [10; 32]);
    let mut client = over_udp(&server, TurnConfig::new(credentials("alice")));
    let relayed = client.relayed();
    assert!(UdpSocket::bind(relayed).is_err(), "it is in use");
    let listening = server.udp_addresses()[0];
    drop(server);
    assert!(UdpSocket::bind(relayed).is_ok() && UdpSocket::bind(listening).is_ok());
}
