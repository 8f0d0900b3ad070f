//! A box with a delay, losses and a bandwidth stands between machines as it says, and people paint through it.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use crate::networks::{create, serve};
use anyhow::{Context, Result, ensure};
use meshwork_e2e::networks::{Networks, Path, Router, SERVER};
use meshwork_e2e::{Cli, PATIENCE, wait_until};

/// A socket of the server's, and one of a machine's that sends to it along such paths; the networks must be kept.
struct Sockets {
    server: UdpSocket,
    machine: UdpSocket,
    _kept: Box<dyn Send>,
}

fn sockets(up: Path, down: Path) -> Result<Sockets> {
    let networks = Networks::new()?;
    let host = networks.host(2, Router::FullCone)?;
    let narrow = host.narrow(up, down)?;
    let server = networks.internet().bind_udp(format!("{SERVER}:0").parse()?)?;
    let machine = host.namespace().bind_udp("0.0.0.0:0".parse()?)?;
    machine.connect(server.local_addr()?)?;
    for socket in [&server, &machine] {
        socket.set_read_timeout(Some(PATIENCE))?;
    }
    Ok(Sockets { server, machine, _kept: Box::new((networks, host, narrow)) })
}

#[test]
fn an_echo_takes_the_delays_of_both_ways() -> Result<()> {
    let (up, down) = (Duration::from_millis(100), Duration::from_millis(50));
    let path = |delay| Path { delay, ..Path::default() };
    let sockets = sockets(path(up), path(down))?;
    let mut quickest = PATIENCE;
    for _ in 0..5 {
        let begun = Instant::now();
        sockets.machine.send(b"echo")?;
        let mut heard = [0; 8];
        let (length, from) = sockets.server.recv_from(&mut heard)?;
        ensure!(begun.elapsed() >= up, "there after {:?}", begun.elapsed());
        sockets.server.send_to(&heard[..length], from)?;
        ensure!(sockets.machine.recv(&mut heard)? == 4 && heard.starts_with(b"echo"), "{heard:?}");
        ensure!(begun.elapsed() >= up + down, "back after {:?}", begun.elapsed());
        quickest = quickest.min(begun.elapsed());
    }
    ensure!(quickest < 2 * (up + down), "the quickest echo took {quickest:?}");
    Ok(())
}

/// Sends numbered packets, of which some are lost.
fn numbers_that_arrive(seed: u64, count: u32) -> Result<Vec<u32>> {
    /// One of so many arrives.
    const ENDS: u32 = 20;
    let lossy = Path { loss: 0.2, seed, ..Path::default() };
    let sockets = sockets(lossy, Path::default())?;
    for number in 0..count + ENDS {
        sockets.machine.send(&number.to_be_bytes())?;
    }
    let mut arrived = Vec::new();
    loop {
        let mut number = [0; 4];
        sockets.server.recv(&mut number)?;
        match u32::from_be_bytes(number) {
            number if number < count => arrived.push(number),
            _ => return Ok(arrived),
        }
    }
}

#[test]
fn seed_always_loses_the_same_share_of_packets() -> Result<()> {
    // Few enough that all of them fit into a socket which nobody reads yet.
    let count = 200;
    let arrived = numbers_that_arrive(1, count)?;
    let lost = count as usize - arrived.len();
    ensure!((20..=60).contains(&lost), "{lost} of {count} packets are lost instead of a fifth");
    ensure!(numbers_that_arrive(1, count)? == arrived, "another time others are lost");
    ensure!(numbers_that_arrive(2, count)? != arrived, "another seed loses the same");
    Ok(())
}

#[test]
fn path_passes_no_more_bytes_than_its_rate() -> Result<()> {
    /// What an IPv4 packet has beside what UDP carries.
    const HEADERS: usize = 28;
    let bytes_per_second = 125_000;
    let sockets = sockets(Path { bytes_per_second, ..Path::default() }, Path::default())?;
    let packet = [0; 1000 - HEADERS];
    let count = 100;
    let begun = Instant::now();
    for _ in 0..count {
        sockets.machine.send(&packet)?;
    }
    for _ in 0..count {
        sockets.server.recv(&mut [0; 1000])?;
    }
    let (took, expected) = (begun.elapsed(), Duration::from_millis(8) * count);
    ensure!((expected..2 * expected).contains(&took), "{took:?} instead of {expected:?}");
    Ok(())
}

/// 100 ms each way, 2 % of packets lost, 1 Mbit/s: a half of the way for each machine's path.
#[tokio::test]
async fn programs_paint_over_a_slow_lossy_path() -> Result<()> {
    let networks = Networks::new()?;
    let _server = serve(&networks).await?;
    let hosts = [networks.host(2, Router::FullCone)?, networks.host(3, Router::PortRestricted)?];
    let mut narrows = Vec::new();
    for (seed, host) in (0..).step_by(2).zip(&hosts) {
        let delay = Duration::from_millis(50);
        let path =
            Path { delay, loss: 0.01, bytes_per_second: 125_000, queue: 64 * 1024, seed, ..Path::default() };
        narrows.push(host.narrow(path, Path { seed: seed + 1, ..path })?);
    }
    let [painter, other] = [Cli::within(hosts[0].namespace())?, Cli::within(hosts[1].namespace())?];
    let link = create(&painter).await?;
    let swarm = other.start(["swarm", &link, "--peers", "1", "--tell", "100ms", "--json"])?;
    painter.run(["place", "paint", &link, "--pixel", "3,4,#e6194b"]).await?.success()?;
    swarm.line(PATIENCE, "the stroke", |line| line.contains(r#""painted":1"#)).await?;
    let is_direct = |line: &String| line.contains(r#""state":"direct""#);
    ensure!(swarm.lines().iter().any(is_direct), "not linked directly: {:?}", swarm.lines());
    let round_trip = wait_until(PATIENCE, "a measured round trip", async || {
        let stats = painter.run(["place", "stats", &link, "--json"]).await?.success()?.json()?;
        let peers = stats["peers"].as_array().context("peers")?.clone();
        peers.iter().find_map(|peer| peer["rtt_ms"].as_f64()).with_context(|| format!("{peers:?}"))
    });
    let round_trip = round_trip.await?;
    ensure!(round_trip >= 200.0, "{round_trip} ms there and back");
    Ok(())
}
