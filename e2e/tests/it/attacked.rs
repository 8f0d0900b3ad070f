//! What honest people feel while somebody with many networks attacks their server, on real sockets: a table is printed, of
//! joins, messages between members, and datagrams through the relay. Nobody is refused; times are not asserted, since the
//! attackers take the same two cores as the server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::common::arena::{Arena, Client, Reached};
use crate::common::inside;
use crate::common::turn::Allocation;
use anyhow::{Context, Result, ensure};
use meshwork_core::id::{Code, Endpoint, RoomId};
use meshwork_core::signalling::protocol::{FromClient, FromServer};
use meshwork_core::wire::Base64;
use meshwork_e2e::networks::Networks;
use meshwork_e2e::{PATIENCE, wait_until};
use tokio::net::UdpSocket;

/// How often each thing is done by honest people.
const ROUNDS: u32 = 200;
/// Small ones, so that each attack reaches them within seconds.
const LIMITS: [&str; 8] = [
    "--connections-max=1000",
    "--connections-per-network-max=100",
    "--sockets-max=800",
    "--sockets-per-network-max=100",
    "--rooms-max=1000",
    "--rooms-per-network-max=100",
    "--relay-allocations-max=60",
    "--relay-allocations-per-network-max=30",
];
const RELAY: &str = "[2001:dbf::5]:3478";

/// The attacks, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attack {
    Nobody,
    Rooms,
    SilentConnections,
    Sockets,
    Codes,
    Joins,
    UnprovedDatagrams,
    Allocations,
}

const ATTACKS: [Attack; 8] = [
    Attack::Nobody,
    Attack::Rooms,
    Attack::SilentConnections,
    Attack::Sockets,
    Attack::Codes,
    Attack::Joins,
    Attack::UnprovedDatagrams,
    Attack::Allocations,
];

impl Attack {
    /// Blows that come before anything is measured: then what is limited is full.
    fn first_blows(self) -> u32 {
        match self {
            Attack::Nobody => 0,
            Attack::UnprovedDatagrams => 50,
            Attack::Allocations => 100,
            _ => 1_500,
        }
    }

    /// Attacks as fast as one task can, until told to stop, and counts its blows. What the server refuses is no failure.
    async fn run(self, arena: Reached, room: RoomId, blows: &AtomicU32, stop: &AtomicBool) -> Result<()> {
        let (mut held, mut connections) = (Vec::new(), Vec::new());
        let mut pace = tokio::time::interval(Duration::from_millis(5));
        let datagrams = UdpSocket::bind("[2001:db8:ffff::1]:0").await?;
        datagrams.connect(RELAY).await?;
        let mut client: Option<Client> = None;
        let mut allocations = Vec::new();
        while self != Attack::Nobody && !stop.load(Ordering::Relaxed) {
            let done = blows.fetch_add(1, Ordering::Relaxed) + 1;
            let from = format!("2001:db8:{:x}::{:x}", done % 66, done / 66 % 60_000 + 1);
            match self {
                Attack::Nobody => {}
                Attack::SilentConnections => match arena.connect(&from).await {
                    Ok(connection) if connections.len() < 3_000 => connections.push(connection),
                    _ => connections.clear(),
                },
                Attack::Sockets => match arena.enter(&from, 1_000_000 + done).await {
                    Ok(socket) if held.len() < 2_000 => held.push(socket),
                    _ => held.clear(),
                },
                Attack::UnprovedDatagrams => {
                    let binding = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
                    for _ in 0..100 {
                        // What the system's queue does not take is lost.
                        let _ = datagrams.try_send(&binding);
                    }
                    pace.tick().await;
                }
                Attack::Allocations => {
                    if let Some(token) = arena.token(&from).await? {
                        allocations.extend(token.allocate(&from, RELAY.parse()?).await?);
                    }
                }
                Attack::Rooms | Attack::Codes | Attack::Joins => {
                    let message = match self {
                        Attack::Joins => FromClient::Join { room, token: None },
                        _ => FromClient::Lookup { room: None, code: Some(Code::from_bits(done)) },
                    };
                    let Some(mut attacker) = client.take() else {
                        client = arena.enter(&from, 1_000_000 + done).await.ok();
                        continue;
                    };
                    let is_open = match self {
                        Attack::Rooms => attacker.register(done).await.is_ok(),
                        _ => attacker.say(&message).await.is_ok() && attacker.hear().await.is_ok(),
                    };
                    client = is_open.then_some(attacker);
                }
            }
        }
        Ok(())
    }
}

/// How long things took.
#[derive(Default)]
struct Times(Vec<Duration>);

impl Times {
    /// The quantile, in milliseconds.
    fn at(&mut self, share: f64) -> f64 {
        self.0.sort();
        let place = ((self.0.len() - 1) as f64 * share).ceil() as usize;
        self.0[place].as_secs_f64() * 1e3
    }
}

/// Two members of a room and a client of the relay, who stay for one attack; others come and go.
struct Honest {
    room: RoomId,
    speaker: Client,
    listener: (Client, Endpoint),
    allocation: Allocation,
    echo: UdpSocket,
}

impl Honest {
    /// Those of one attack: nobody says more than the server hears from one socket.
    async fn start(arena: &Arena, number: u32) -> Result<Honest> {
        let (one, other) = (2 * number + 1, 2 * number + 2);
        let mut speaker = arena.enter(&format!("2001:dbf:{one:x}::1"), one).await?;
        let mut listener = arena.enter(&format!("2001:dbf:{other:x}::1"), other).await?;
        let (room, _) = speaker.register(1_000_000 + number).await?;
        for member in [&mut speaker, &mut listener] {
            join(member, room).await?;
        }
        let endpoint = Reached::endpoint(other);
        let (relay, from): (SocketAddr, _) = (RELAY.parse()?, format!("2001:dbd:{number:x}::1"));
        let token = arena.token(&from).await?.context("a token")?;
        let mut allocation = token.allocate(&from, relay).await?.context("an allocation")?;
        let echo = UdpSocket::bind("[2001:dbf::9]:0").await?;
        allocation.permit(echo.local_addr()?.ip()).await?;
        Ok(Honest { room, speaker, listener: (listener, endpoint), allocation, echo })
    }

    /// Joins, messages between members, and round trips through the relay, in turn.
    async fn measure(&mut self, arena: &Arena, offset: u32) -> Result<[Times; 3]> {
        let [mut joins, mut messages, mut trips] = [(); 3].map(|()| Times::default());
        for round in 0..ROUNDS {
            let begun = Instant::now();
            let mut newcomer = arena.enter(&format!("2001:dbe:{round:x}::1"), offset + round).await?;
            join(&mut newcomer, self.room).await?;
            joins.0.push(begun.elapsed());
            let begun = Instant::now();
            let payload = Base64::new(vec![7; 300]).context("short")?;
            self.speaker.say(&FromClient::Signal { room: self.room, to: self.listener.1, payload }).await?;
            while !matches!(self.listener.0.hear().await?, FromServer::Signal { .. }) {}
            messages.0.push(begun.elapsed());
            trips.0.push(self.allocation.ping(&self.echo).await?);
        }
        Ok([joins, messages, trips])
    }
}

async fn join(client: &mut Client, room: RoomId) -> Result<()> {
    client.say(&FromClient::Join { room, token: None }).await?;
    while !matches!(client.hear().await?, FromServer::Joined { .. }) {}
    Ok(())
}

#[tokio::test]
async fn honest_people_are_served_during_every_attack() -> Result<()> {
    if !inside::is_inside("attacked::honest_people_are_served_during_every_attack", Networks::add_many)? {
        return Ok(());
    }
    let arena = Arena::start(&[&["--relay", "--relay-listen", RELAY][..], &LIMITS].concat()).await?;
    println!("| attack | join p50, p99 | message p50, p99 | relay p50, p99 | p99 against nobody's |");
    println!("|---|---|---|---|---|");
    let mut quiet = [1.0; 3];
    for (attack, number) in ATTACKS.into_iter().zip(0..) {
        let mut honest = Honest::start(&arena, number).await?;
        let room = honest.room;
        let (counts, reached) = (Arc::new((AtomicU32::new(0), AtomicBool::new(false))), *arena);
        let shared = Arc::clone(&counts);
        // On a thread of its own, so that it takes no turns of honest people's.
        let attacking = tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(attack.run(reached, room, &shared.0, &shared.1))
        });
        let (blows, stop) = (&counts.0, &counts.1);
        wait_until(PATIENCE, "the first blows", async || {
            let struck = blows.load(Ordering::Relaxed);
            ensure!(struck >= attack.first_blows() || attacking.is_finished(), "{struck} of {attack:?}");
            Ok(())
        })
        .await?;
        let times = honest.measure(&arena, 10_000 + 1_000 * number).await;
        stop.store(true, Ordering::Relaxed);
        attacking.await??;
        let (blows, mut times) =
            (blows.load(Ordering::Relaxed), times.with_context(|| format!("during {attack:?}"))?);
        let shown = times.each_mut().map(|times| (times.at(0.5), times.at(0.99)));
        if attack == Attack::Nobody {
            quiet = shown.map(|(_, p99)| p99);
        }
        let cells = shown.map(|(p50, p99)| format!("{p50:.2}, {p99:.2} ms"));
        let ratios: Vec<String> =
            shown.iter().zip(quiet).map(|((_, p99), quiet)| format!("{:.1}", p99 / quiet)).collect();
        println!("| {attack:?}, {blows} blows | {} | {} |", cells.join(" | "), ratios.join(", "));
    }
    let sockets = arena.number("meshwork_sockets").await?;
    ensure!(sockets <= 3.0, "{sockets} sockets stay");
    Ok(())
}
