//! Signalling: our meeting point against the same service on npm `ws`, under one load program.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use meshwork_core::id::{Identity, RoomId};
use meshwork_core::rng::Rng;
use meshwork_core::signalling::protocol::FromClient;
use meshwork_core::signed::genesis::Owned;
use meshwork_core::wire::{Base64, Bytes};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::race::{Needs, Plan, Race, Row, Samples};
use crate::signal::client::{Client, frame};
use crate::signal::{Server, WS, Whose, raise_descriptors};

/// The race.
pub(super) const RACE: Race = Race {
    name: "signal",
    about: "A signalling server with 64 members in pairs that send each other sealed payloads of 600 bytes, with \
            thousands of idle sockets, and with thousands that come at once. Both check the same two signatures of \
            whoever enters and carry the same messages; CPU time is the server's, the system's part included.",
    needs: Needs::Npm,
    run,
};

/// Pairs that signal.
const PAIRS: u64 = 32;
/// Bytes of a payload: a description with a few candidates.
const PAYLOAD: usize = 600;
/// Signals of a pair that are on their way.
const WINDOW: u64 = 16;
/// Members of a room of those who come at once.
const ROOM: u64 = 20;
/// Sockets that are being opened at a time.
const OPENING: usize = 128;

fn run(plan: &Plan) -> Result<Vec<Row>> {
    raise_descriptors();
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let both = |what: fn(&Runtime, &Plan, Whose) -> Result<Vec<f64>>| -> Result<Vec<(Samples, Samples)>> {
        let mut numbers: [Vec<Vec<f64>>; 2] = [Vec::new(), Vec::new()];
        for round in 0..plan.rounds.min(5) {
            let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
            for side in order {
                let whose = [Whose::Ours, Whose::Ws][side];
                numbers[side].push(what(&runtime, plan, whose).with_context(|| format!("{whose:?}"))?);
            }
        }
        let count = numbers[0].first().map_or(0, Vec::len);
        let column = |side: usize, at: usize| Samples(numbers[side].iter().map(|round| round[at]).collect());
        Ok((0..count).map(|at| (column(0, at), column(1, at))).collect())
    };
    let row = |name: &str, unit, higher, (ours, other)| {
        Row::stated(format!("signal/{name}"), ours, unit, higher).against(WS, other)
    };
    let [forwarded, p50, p99]: [_; 3] = both(signals)?.try_into().ok().context("three numbers")?;
    let [alone, elsewhere, beside, flood]: [_; 4] =
        both(beside_a_flood)?.try_into().ok().context("four numbers")?;
    let [limited, limited_p99, limited_flood]: [_; 3] =
        both(beside_a_flood_within_limits)?.try_into().ok().context("three numbers")?;
    let [memory]: [_; 1] = both(idle)?.try_into().ok().context("one number")?;
    let [storm, storm_cpu]: [_; 2] = both(storm_of)?.try_into().ok().context("two numbers")?;
    Ok(vec![
        row("forwarded", "messages/s (CPU)", true, forwarded).want("3x"),
        row("p50 at 2,000 a second", "ms (wall)", false, p50),
        row("p99 at 2,000 a second", "ms (wall)", false, p99),
        row("p99 of a quiet pair, beside a flood of one client", "of the same alone", false, alone).want("2x or less").note(
            "Two clients signal 500 times a second; a third says as much as it can to a fourth, with 64 messages under \
             way, on a thread of the lowest priority: what it adds is the server's doing.",
        ),
        row("p99 of a quiet pair, beside that flood", "of the same with the flood elsewhere", false, elsewhere)
            .note("The flood goes to another server on the same machine: what is left is what the server adds."),
        row("p99 of a quiet pair beside a flood", "ms (wall)", false, beside),
        row("that flood", "messages/s", true, flood),
        row("p99 of quiet pairs, beside one client at full speed, limits as they come", "of the same alone", false, limited)
            .want("2x or less")
            .note(
                "Eight pairs signal 50 times a second each. One client of another address says as much as it can and \
                 comes again as soon as it is thrown out; npm ws has no limits and carries all of it, so this is not the \
                 same work.",
            ),
        row("p99 of quiet pairs, so", "ms (wall)", false, limited_p99),
        row("the flood, so", "messages/s (sent)", true, limited_flood),
        row("memory of an idle socket", "KiB", false, memory)
            .want("10 KiB or less")
            .note("Resident memory of the process; 10,000 sockets that have entered."),
        row("join storm", "s (wall)", false, storm)
            .note("5,000 come at once, enter, and join rooms of 20; the load program's own work is in it."),
        row("join storm, cost", "s (CPU)", false, storm_cpu),
    ])
}

fn genesis(number: u64) -> Vec<u8> {
    let owner = Identity::from_secret([99; 32]);
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    let app = "place".parse().expect("a word");
    let owned = Owned::new(&mut Rng::new(seed), owner.peer(), app, Bytes::default(), None);
    owned.sign(&owner).expect("the owner signs").0
}

fn signal_frame(room: RoomId, to: &Client) -> Result<Vec<u8>> {
    let payload = Base64::new(vec![5; PAYLOAD]).context("a payload is short")?;
    Ok(frame(&serde_json::to_string(&FromClient::Signal { room, to: to.endpoint, payload })?))
}

/// Two members of a room of their own, and the frame that the first sends the second.
async fn pair(address: SocketAddr, number: u64) -> Result<(Client, Client, Vec<u8>)> {
    let mut sender = Client::enter(address, 2 * number).await?;
    let mut receiver = Client::enter(address, 2 * number + 1).await?;
    let room = sender.register(&genesis(number)).await?;
    sender.join(room).await?;
    receiver.join(room).await?;
    let frame = signal_frame(room, &receiver)?;
    Ok((sender, receiver, frame))
}

/// Messages a CPU second under full load; half and 99 % of the delays, in milliseconds, under a steady one.
fn signals(runtime: &Runtime, plan: &Plan, whose: Whose) -> Result<Vec<f64>> {
    let server = Server::start(whose)?;
    runtime.block_on(async {
        let mut pairs = Vec::new();
        for number in 0..PAIRS {
            pairs.push(pair(server.address, number).await?);
        }
        // Once to warm up: what a server compiles while it runs does not count.
        let count: u64 = plan.size(4_000, 64);
        pairs = flood(pairs, count / 4).await?;
        let begun = server.cpu()?;
        pairs = flood(pairs, count).await?;
        let cpu = (server.cpu()? - begun).as_secs_f64().max(0.01);
        let rate = (count * PAIRS) as f64 / cpu;
        let interval = Duration::from_millis(PAIRS / 2);
        let lasting = plan.size(Duration::from_secs(4), Duration::from_millis(200));
        let (_, delays) = steady(pairs, interval, lasting).await?;
        Ok(vec![rate, share_of(&delays, 50)?, share_of(&delays, 99)?])
    })
}

/// Each pair carries `count` signals as fast as it goes, with a window.
async fn flood(pairs: Vec<(Client, Client, Vec<u8>)>, count: u64) -> Result<Vec<(Client, Client, Vec<u8>)>> {
    let mut running = JoinSet::new();
    for (mut sender, mut receiver, frame) in pairs {
        running.spawn(async move {
            let (mut sent, mut heard) = (0, 0);
            while heard < count {
                while sent < count.min(heard + WINDOW) {
                    sender.write(&frame).await?;
                    sent += 1;
                }
                receiver.skip_signal().await?;
                heard += 1;
            }
            anyhow::Ok((sender, receiver, frame))
        });
    }
    let mut pairs = Vec::new();
    while let Some(pair) = running.join_next().await {
        pairs.push(pair??);
    }
    Ok(pairs)
}

/// Delays of signals in milliseconds, sent at an even pace, one of each pair at each interval.
async fn steady(
    pairs: Vec<(Client, Client, Vec<u8>)>,
    interval: Duration,
    lasting: Duration,
) -> Result<(Vec<(Client, Client, Vec<u8>)>, Vec<f64>)> {
    let mut running = JoinSet::new();
    for (number, (mut sender, mut receiver, frame)) in pairs.into_iter().enumerate() {
        running.spawn(async move {
            let mut delays = Vec::new();
            let first = tokio::time::Instant::now() + Duration::from_micros(500 * number as u64);
            let mut beat = tokio::time::interval_at(first, interval);
            let end = Instant::now() + lasting;
            while Instant::now() < end {
                beat.tick().await;
                let sent = Instant::now();
                sender.write(&frame).await?;
                receiver.skip_signal().await?;
                delays.push(sent.elapsed().as_secs_f64() * 1000.0);
            }
            anyhow::Ok(((sender, receiver, frame), delays))
        });
    }
    let (mut pairs, mut delays) = (Vec::new(), Vec::new());
    while let Some(ended) = running.join_next().await {
        let (pair, some) = ended??;
        pairs.push(pair);
        delays.extend(some);
    }
    Ok((pairs, delays))
}

/// The delay that so many of a hundred do not exceed.
fn share_of(delays: &[f64], percent: usize) -> Result<f64> {
    let mut delays = delays.to_vec();
    delays.sort_by(f64::total_cmp);
    delays.get(delays.len() * percent / 100).copied().context("something was carried")
}

/// 99 % of the delays of a quiet pair beside a client at full speed: by those alone, by those with that client at
/// another server, and in milliseconds; and messages a second of that client.
fn beside_a_flood(runtime: &Runtime, plan: &Plan, whose: Whose) -> Result<Vec<f64>> {
    const TURNS: u64 = 12;
    let (server, elsewhere) = (Server::start(whose)?, Server::start(whose)?);
    runtime.block_on(async {
        let mut quiet = vec![pair(server.address, 1).await?];
        let mut delays: [Vec<f64>; 3] = Default::default();
        let mut rates = Vec::new();
        let lasting = plan.size(Duration::from_millis(300), Duration::from_millis(50));
        for turn in 0..3 * plan.size(TURNS, 1) {
            let which = (turn % 3) as usize;
            // Always another one: in this time nobody says as much as the server lets a newcomer say at once.
            let flood = match which {
                0 => None,
                1 => Some(Flood::start(elsewhere.address, 2 + turn, flood_a_pair).await?),
                _ => Some(Flood::start(server.address, 2 + turn, flood_a_pair).await?),
            };
            let mut some;
            (quiet, some) = steady(quiet, Duration::from_millis(2), lasting).await?;
            let rate = flood.map(Flood::end).transpose()?;
            rates.extend(rate.filter(|_| which == 2));
            delays[which].append(&mut some);
        }
        let [alone, away, beside] = delays.map(|delays| share_of(&delays, 99));
        let (alone, away, beside) = (alone?, away?, beside?);
        Ok(vec![beside / alone, beside / away, beside, share_of(&rates, 50)?])
    })
}

/// 99 % of the delays of quiet pairs beside a client of another address at full speed, where the server has the limits
/// that it has unless told otherwise: by those alone, and in milliseconds; and messages a second of that client.
fn beside_a_flood_within_limits(runtime: &Runtime, plan: &Plan, whose: Whose) -> Result<Vec<f64>> {
    const QUIET: u64 = 8;
    const INTERVAL: Duration = Duration::from_millis(20);
    let server = Server::start(if whose == Whose::Ours { Whose::OursLimited } else { whose })?;
    runtime.block_on(async {
        let mut quiet = Vec::new();
        for number in 1..=QUIET {
            quiet.push(pair(server.address, number).await?);
        }
        let lasting = plan.size(Duration::from_secs(5), Duration::from_millis(200));
        let (quiet, alone) = steady(quiet, INTERVAL, lasting).await?;
        let flood = Flood::start(server.address, QUIET + 1, flood_again_and_again).await?;
        let (_, beside) = steady(quiet, INTERVAL, lasting).await?;
        let rate = flood.end()?;
        let (alone, beside) = (share_of(&alone, 99)?, share_of(&beside, 99)?);
        Ok(vec![beside / alone, beside, rate])
    })
}

/// A client at full speed, on a thread of the lowest priority: it takes what the others leave of the processors, so
/// that what it does to them is the server's doing, not that of the load program's own work.
struct Flood {
    thread: thread::JoinHandle<Result<()>>,
    stop: oneshot::Sender<()>,
    said: Arc<AtomicU64>,
    begun: Instant,
}

impl Flood {
    /// Begins, and waits until it has entered.
    async fn start(
        address: SocketAddr,
        number: u64,
        flood: impl AsyncFnOnce(SocketAddr, u64, oneshot::Sender<()>, &AtomicU64) -> Result<()> + Send + 'static,
    ) -> Result<Flood> {
        let said = Arc::new(AtomicU64::new(0));
        let says = Arc::clone(&said);
        let (ready, is_ready) = oneshot::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            rustix::process::nice(19)?;
            Builder::new_current_thread().enable_all().build()?.block_on(async {
                tokio::select! {
                    ended = flood(address, number, ready, &says) => ended,
                    _ = stopped => Ok(()),
                }
            })
        });
        let is_ready = is_ready.await.is_ok();
        let flood = Flood { thread, stop, said, begun: Instant::now() };
        if is_ready {
            return Ok(flood);
        }
        // It says why.
        flood.end().and(Err(anyhow!("the flood ended before it began")))
    }

    /// Stops it, and gives how many messages a second it said. Fails if it had ended by itself.
    fn end(self) -> Result<f64> {
        let rate = self.said.load(Ordering::Relaxed) as f64 / self.begun.elapsed().as_secs_f64();
        let has_ended = self.stop.send(()).is_err();
        self.thread.join().map_err(|_| anyhow!("the flood panicked"))??;
        ensure!(!has_ended, "the flood ended by itself");
        Ok(rate)
    }
}

/// A pair signals as fast as it goes.
async fn flood_a_pair(
    address: SocketAddr,
    number: u64,
    ready: oneshot::Sender<()>,
    said: &AtomicU64,
) -> Result<()> {
    // Even if twice as many wait, the server does not take the receiver for one that does not read.
    const UNDER_WAY: u64 = 64;
    let (mut sender, mut receiver, frame) = pair(address, number).await?;
    let _ = ready.send(());
    let (mut sent, mut heard) = (0, 0);
    loop {
        while sent < heard + UNDER_WAY {
            sender.write(&frame).await?;
            sent += 1;
        }
        receiver.skip_signal().await?;
        heard += 1;
        said.store(heard, Ordering::Relaxed);
    }
}

/// A client of another address signals as fast as it goes, and comes again whenever it is thrown out.
async fn flood_again_and_again(
    address: SocketAddr,
    number: u64,
    ready: oneshot::Sender<()>,
    said: &AtomicU64,
) -> Result<()> {
    let mut receiver = Client::enter(address, 2 * number + 1).await?;
    let room = receiver.register(&genesis(number)).await?;
    receiver.join(room).await?;
    let frame = signal_frame(room, &receiver)?;
    let _ = ready.send(());
    let flood = async {
        loop {
            // Ends with the socket.
            let _ = speak(enter_again(address, number, room).await, &frame, said).await;
        }
    };
    tokio::select! {
        heard = receiver.skip_all() => heard.map(|never| match never {}),
        // It goes on for ever.
        () = flood => Ok(()),
    }
}

/// Says the same as fast as it goes, until the server has enough.
async fn speak(mut sender: Client, frame: &[u8], said: &AtomicU64) -> Result<()> {
    loop {
        sender.write(frame).await?;
        said.fetch_add(1, Ordering::Relaxed);
    }
}

/// Enters from an address of its own and joins the room, as often as it takes.
async fn enter_again(address: SocketAddr, number: u64, room: RoomId) -> Client {
    loop {
        let entered = async {
            let mut client = Client::enter_from(Ipv4Addr::new(127, 0, 0, 2), address, 2 * number).await?;
            client.join(room).await?;
            anyhow::Ok(client)
        };
        match entered.await {
            Ok(client) => return client,
            // Its network has said too much for the moment.
            Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    }
}

/// Opens sockets, a few at a time, and does something with each.
async fn open_many(server: &Server, count: u64, rooms: &[RoomId]) -> Result<Vec<Client>> {
    let mut opening = JoinSet::new();
    let mut clients = Vec::new();
    for number in 0..count {
        let address = server.address;
        let room = rooms.get((number / ROOM) as usize).copied();
        opening.spawn(async move {
            let mut client = Client::enter(address, 1_000_000 + number).await?;
            if let Some(room) = room {
                client.join(room).await?;
            }
            anyhow::Ok(client)
        });
        if opening.len() >= OPENING {
            clients.extend(opening.join_next().await.transpose()?.transpose()?);
        }
    }
    while let Some(client) = opening.join_next().await {
        clients.push(client??);
    }
    Ok(clients)
}

/// KiB of resident memory that an idle socket takes.
fn idle(runtime: &Runtime, plan: &Plan, whose: Whose) -> Result<Vec<f64>> {
    let count = plan.size(10_000, 50).min(raise_descriptors().saturating_sub(200));
    let server = Server::start(whose)?;
    runtime.block_on(async {
        let _warm = open_many(&server, 10, &[]).await?;
        let before = server.resident()?;
        let clients = open_many(&server, count, &[]).await?;
        let grown = server.resident()?.saturating_sub(before);
        ensure!(clients.len() as u64 == count, "all are open");
        Ok(vec![grown as f64 / 1024.0 / count as f64])
    })
}

/// Seconds until thousands have entered and joined, by the wall and of the server's CPU.
fn storm_of(runtime: &Runtime, plan: &Plan, whose: Whose) -> Result<Vec<f64>> {
    let count: u64 = plan.size(5_000, 60);
    let server = Server::start(whose)?;
    runtime.block_on(async {
        let mut maker = Client::enter(server.address, 1).await?;
        let mut rooms = Vec::new();
        for number in 0..count.div_ceil(ROOM) {
            rooms.push(maker.register(&genesis(number)).await?);
        }
        let (begun, cpu) = (Instant::now(), server.cpu()?);
        let clients = open_many(&server, count, &rooms).await?;
        let wall = begun.elapsed().as_secs_f64();
        ensure!(clients.len() as u64 == count, "all have come");
        Ok(vec![wall, (server.cpu()? - cpu).as_secs_f64()])
    })
}
