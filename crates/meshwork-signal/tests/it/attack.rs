//! Rubbish from all sides at once, over signalling, HTTP and TURN: the server stays up, a well-behaved room and
//! well-behaved relayed pairs lose nothing, and nothing is left behind.
//!
//! `MESHWORK_NIGHTLY=1` makes a million attacks of it, `MESHWORK_ATTACKS=50000` so many.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::common::turn::{self, Pair};
use crate::common::{Client, DEADLINE, Server, genesis, mutated, someone, soon};
use futures_util::{SinkExt as _, StreamExt as _};
use meshwork_core::id::RoomId;
use meshwork_core::rng::Rng;
use meshwork_core::signalling::announce;
use meshwork_core::signalling::protocol::{FromClient, FromServer, LinkOutcome, VERSIONS};
use meshwork_core::wire::Base64;
use meshwork_signal::http::HttpConfig;
use meshwork_signal::hub::{Counts, HubConfig, Snapshot};
use meshwork_signal::turn::Refusal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;

/// Attackers at a time.
const ATTACKERS: u64 = 8;
/// Messages of one socket, if it is let.
const MESSAGES_OF_A_SOCKET: u64 = 24;
/// After so many signals their listener says that it is alive: the long run takes minutes.
const LISTENER_SAYS: u64 = 1_000;
/// Attacks in a usual run, and at night.
const ATTACKS: [u64; 2] = [20_000, 1_000_000];
/// Resident memory by which the second half of the attacks may grow: by then the allocator has what it keeps.
const RESIDENT_GROWTH_MAX: u64 = 1024 * 1024;
/// The same for each attack: less than any entry of a table weighs that was left behind.
const GROWTH_OF_AN_ATTACK_MAX: u64 = 8;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}

/// What is held, without what was counted.
fn held(snapshot: Snapshot) -> Snapshot {
    Snapshot { counts: Counts::default(), networks: 0, ..snapshot }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rubbish_from_all_sides_leaves_no_trace() {
    let is_night = std::env::var_os("MESHWORK_NIGHTLY").is_some();
    let attacks = number("MESHWORK_ATTACKS", ATTACKS[usize::from(is_night)]);
    let seed = number("MESHWORK_SEED", 0);
    println!("repeat with MESHWORK_SEED={seed} MESHWORK_ATTACKS={attacks}");
    let relay = turn::relay();
    let (mut over_udp, mut over_tcp) = (Pair::over_udp(&relay).await, Pair::over_tcp(&relay).await);
    let server = Arc::new(server().await);
    let (mut sender, mut listener, room) = members(&server).await;
    let before = held(server.handle.snapshot());
    let relay_holds = || (relay.counts().allocations.value(), relay.counts().streams.value());
    let relay_before = relay_holds();

    let (done, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let targets =
        Targets { udp: relay.udp_addresses()[0], tcp: relay.tcp_addresses()[0], server: Arc::clone(&server) };
    let watch = tokio::spawn({
        let over = Arc::clone(&over);
        let done = Arc::clone(&done);
        async move {
            let mut resident = 0;
            for until in [attacks / 2, attacks] {
                resident = resident_bytes();
                for attacker in start_attackers(&targets, &done, until, seed ^ until) {
                    attacker.await.unwrap();
                }
            }
            over.store(true, Ordering::Relaxed);
            resident
        }
    });
    let relayed = tokio::spawn({
        let over = Arc::clone(&over);
        async move {
            let relayed = tokio::join!(over_udp.talk(Arc::clone(&over)), over_tcp.talk(over));
            (relayed, over_udp, over_tcp)
        }
    });
    let carried = talk(&mut sender, &mut listener, room, &over).await;
    let resident = watch.await.unwrap();
    // Kept until everything is counted.
    let ((by_udp, by_tcp), over_udp, over_tcp) = relayed.await.unwrap();

    // Whoever attacked is gone; the server notices by and by.
    let gone = async {
        while held(server.handle.snapshot()) != before
            || server.handle.connections() != 2
            || relay_holds() != relay_before
        {
            tokio::task::yield_now().await;
        }
    };
    let is_gone = tokio::time::timeout(3 * DEADLINE, gone).await.is_ok();
    let after = server.handle.snapshot();
    let connections = server.handle.connections();
    assert!(is_gone, "left behind: {after:?}, {connections} connections, {:?} of the relay", relay_holds());
    let grown = resident_bytes().saturating_sub(resident);
    println!(
        "{} attacks; meanwhile {carried} signals carried, {by_udp} round trips relayed over UDP ({} asked again) and \
         {by_tcp} over TCP; {grown} bytes more resident since the half",
        done.load(Ordering::Relaxed),
        over_udp.repeated
    );
    println!("{:?}", after.counts);
    assert!(carried > 0 && after.counts.goodbyes.len() > 3, "the attacks were attacks");
    assert_eq!(over_tcp.repeated, 0);
    let refused = [Refusal::Malformed, Refusal::NotPermitted].map(|cause| relay.counts().refused(cause));
    println!("the relay refused {refused:?} and challenged {}", relay.counts().challenges.value());
    assert!(!refused.contains(&0) && relay.counts().challenges.value() > 0 && by_udp > 0 && by_tcp > 0);
    let grown_max = RESIDENT_GROWTH_MAX + GROWTH_OF_AN_ATTACK_MAX * attacks / 2;
    assert!(grown < grown_max, "{grown} bytes are still in use of the second half, {grown_max} may be");
    assert!(server.request("GET /health HTTP/1.1").await.ends_with("OK"));
}

/// A server whose limits by network are out of the way: all attackers come from one.
async fn server() -> Server {
    let hub = HubConfig {
        network_messages_per_second: 1_000_000,
        network_message_burst: 10_000_000,
        message_burst: 100_000,
        messages_per_second: 10_000,
        ..HubConfig::default()
    };
    Server::with(hub, HttpConfig::default(), [1; 32]).await
}

/// Two members of a room.
async fn members(server: &Server) -> (Client, Client, RoomId) {
    let (bytes, room) = genesis(1);
    let mut sender = server.enter(&someone(1)).await;
    sender.register(&bytes).await;
    sender.join(room).await;
    let mut listener = server.enter(&someone(2)).await;
    listener.join(room).await;
    assert!(matches!(sender.hear().await, Some(FromServer::MemberJoined { .. })));
    (sender, listener, room)
}

/// Attackers that go on until as many attacks are done.
fn start_attackers(targets: &Targets, done: &Arc<AtomicU64>, attacks: u64, seed: u64) -> Vec<JoinHandle<()>> {
    let start = |attacker: u64| {
        let (targets, done) = (targets.clone(), Arc::clone(done));
        let mut secret = [0; 32];
        secret[..8].copy_from_slice(&seed.to_le_bytes());
        secret[8..16].copy_from_slice(&attacker.to_le_bytes());
        tokio::spawn(async move {
            let rng = Rng::new(secret);
            let mut attacker = Attacker { rng, templates: templates(), turn: turn::templates() };
            while done.load(Ordering::Relaxed) < attacks {
                done.fetch_add(attacker.attack(&targets).await, Ordering::Relaxed);
            }
        })
    };
    (0..ATTACKERS).map(start).collect()
}

/// Carries numbered signals from one to the other until it is `over`; every one must come, in order, and nothing else.
async fn talk(sender: &mut Client, listener: &mut Client, room: RoomId, over: &AtomicBool) -> u64 {
    let mut number = 0_u64;
    // Well-behaved: far below what a socket may say.
    let mut beat = tokio::time::interval(Duration::from_millis(1));
    while !over.load(Ordering::Relaxed) {
        if number.is_multiple_of(LISTENER_SAYS) {
            listener.say(&FromClient::KeepAlive).await;
        }
        beat.tick().await;
        let payload = Base64::new(number.to_le_bytes()).unwrap();
        sender.say(&FromClient::Signal { room, to: someone(2).endpoint, payload: payload.clone() }).await;
        let expected = FromServer::Signal { room, from: someone(1).endpoint, payload };
        // Strangers may enter an open room, and say something there.
        loop {
            match listener.hear().await.expect("a well-behaved member is not closed") {
                FromServer::Signal { from, .. } if from != someone(1).endpoint => {}
                FromServer::MemberJoined { .. } | FromServer::MemberLeft { .. } | FromServer::KeepAlive => {}
                heard => break assert_eq!(heard, expected),
            }
        }
        sender.say(&FromClient::KeepAlive).await;
        while sender.hear().await.expect("a well-behaved member is not closed") != FromServer::KeepAlive {}
        number += 1;
    }
    number
}

/// One of each thing that a client may say.
fn templates() -> Vec<String> {
    let (bytes, room) = genesis(1);
    let stranger = someone(50);
    let messages = [
        FromClient::Enter {
            version: VERSIONS.1,
            announcement: announce::announce(&stranger.identity, stranger.endpoint, [7; 32]),
            proof: announce::prove_entry(&stranger.identity, stranger.endpoint, &[0; 32]).into(),
        },
        FromClient::Register { genesis: bytes },
        FromClient::Lookup { room: Some(room), code: None },
        FromClient::Lookup { room: None, code: Some("AAAAAA".parse().unwrap()) },
        FromClient::Join { room, token: None },
        FromClient::Leave { room: Some(room), code: None },
        FromClient::Signal { room, to: someone(2).endpoint, payload: Base64::new([5; 200]).unwrap() },
        FromClient::IceServers { room },
        FromClient::Report { outcome: LinkOutcome::Direct, ms: 5 },
        FromClient::KeepAlive,
    ];
    messages.iter().map(|message| serde_json::to_string(message).unwrap()).collect()
}

/// What is attacked.
#[derive(Clone)]
struct Targets {
    server: Arc<Server>,
    udp: SocketAddr,
    tcp: SocketAddr,
}

struct Attacker {
    rng: Rng,
    templates: Vec<String>,
    turn: Vec<Vec<u8>>,
}

impl Attacker {
    /// One connection's worth of rubbish; gives how many messages it was.
    async fn attack(&mut self, targets: &Targets) -> u64 {
        let server = &*targets.server;
        match self.rng.below(11) {
            0 => {
                self.raw(server, b"GET /place/K7M4QX HTTP/1.1\r\nhost: x\r\naccept-encoding: br\r\n\r\n")
                    .await
            }
            1 => self.raw(server, b"GET /signal HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\n\r\n").await,
            2 => {
                let binding = b"\x00\x01\x00\x08\x21\x12\xa4\x42abcdefghijkl\x80\x22\x00\x04none";
                self.raw(server, binding).await
            }
            3 => turn::attack_over_tcp(targets.tcp, &mut self.rng, &self.turn, MESSAGES_OF_A_SOCKET).await,
            4 | 5 => {
                turn::attack_over_udp(targets.udp, &mut self.rng, &self.turn, MESSAGES_OF_A_SOCKET).await
            }
            _ => self.socket(server).await,
        }
    }

    /// Bytes that are nearly a request, and the first of what is answered.
    async fn raw(&mut self, server: &Server, template: &[u8]) -> u64 {
        let bytes = mutated(&mut self.rng, template);
        let Ok(mut stream) = TcpStream::connect(server.address).await else { return 0 };
        // It may be refused at any byte.
        let _ = stream.write_all(&bytes).await;
        let _ = stream.shutdown().await;
        let mut answer = [0; 256];
        let _ = soon(stream.read(&mut answer)).await;
        1
    }

    /// A socket that says wrong things until it is closed, or goes in the middle of them.
    async fn socket(&mut self, server: &Server) -> u64 {
        let mut client = Client::connect(server.address).await;
        if self.rng.below(2) == 0 {
            client.enter(&someone(100 + self.rng.below(400) as u16)).await;
            if self.rng.below(2) == 0 {
                let join = FromClient::Join { room: genesis(3).1, token: None };
                client.say(&join).await;
            }
        }
        let mut said = 1;
        for _ in 0..=self.rng.below(MESSAGES_OF_A_SOCKET) {
            let message = self.message();
            said += 1;
            if client.socket.send(message).await.is_err() {
                return said;
            }
        }
        match self.rng.below(3) {
            0 => drop(client),
            1 => {
                let garbage = mutated(&mut self.rng, b"\x81\x85abcdefghi\x88\x80abcd");
                let _ = client.socket.get_mut().write_all(&garbage).await;
            }
            _ => {
                let _ = client.socket.close(None).await;
                while let Some(Ok(_)) = soon(client.socket.next()).await {}
            }
        }
        said
    }

    fn message(&mut self) -> Message {
        let chosen = self.rng.below(self.templates.len() as u64) as usize;
        let template = self.templates[chosen].clone();
        match self.rng.below(12) {
            0 => Message::binary(mutated(&mut self.rng, template.as_bytes())),
            1 => Message::Ping(
                mutated(&mut self.rng, b"ping").into_iter().take(100).collect::<Vec<u8>>().into(),
            ),
            2 => Message::text("[".repeat(self.rng.below(20_000) as usize)),
            // In order and well formed, from somebody who is not in the room: these live longer.
            3..=7 => Message::text(template),
            _ => Message::text(
                String::from_utf8_lossy(&mutated(&mut self.rng, template.as_bytes())).into_owned(),
            ),
        }
    }
}
