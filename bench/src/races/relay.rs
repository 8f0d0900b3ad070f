//! Our relay against coturn: packets for each CPU second, delay, and memory after many strangers.

use std::net::UdpSocket;
use std::time::Instant;

use anyhow::{Result, ensure};

use crate::race::{Needs, Plan, Race, Row, Samples};
use crate::relay::client::{Client, packet, socket, unauthenticated};
use crate::relay::server::{Contestant, coturn_version};

/// Clients that send at once.
const FLOWS: usize = 8;
/// Packets that each has under way.
const WINDOW: usize = 16;
const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// The race.
pub(super) const RACE: Race = Race {
    name: "relay",
    about: "One relay thread each, over loopback. Eight clients with 16 packets under way each; CPU seconds are those \
            of the relay alone, in the system too. Across is from one client to another over both their allocations.",
    needs: Needs::Coturn,
    run,
};

/// Which way packets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Up,
    Down,
    Across,
}

fn run(plan: &Plan) -> Result<Vec<Row>> {
    let coturn = format!("coturn {}", coturn_version()?);
    let mut rows = Vec::new();
    for (way, label, want) in
        [(Way::Up, "up", "1.1x"), (Way::Down, "down", "1.1x"), (Way::Across, "across", "1.8x")]
    {
        for size in [200, 1200] {
            let packets = plan.size(60_000, 512);
            let (ours, other) = plan.duel(
                || rate(&Contestant::ours()?, way, size, packets),
                || rate(&Contestant::coturn()?, way, size, packets),
            )?;
            let name = format!("relay/{label}, {size} bytes");
            rows.push(Row::stated(name, ours, "packets/s (CPU)", true).against(&coturn, other).want(want));
        }
    }
    rows.push(latency(plan, &coturn)?);
    rows.push(memory(plan, &coturn)?);
    Ok(rows)
}

/// Two ends of one flow: packets go from the first to the second.
struct Flow {
    from: UdpSocket,
    to: UdpSocket,
    packet: Vec<u8>,
    /// Their clients, whose allocations stand as long as they do.
    _clients: Vec<Client>,
}

fn flow(server: &Contestant, way: Way, size: usize, number: usize) -> Result<Flow> {
    let mut client = Client::allocate(server.address(), &format!("client{number}"))?;
    let own = client.socket.try_clone()?;
    if way == Way::Across {
        let mut other = Client::allocate(server.address(), &format!("other{number}"))?;
        client.bind(other.relayed)?;
        other.bind(client.relayed)?;
        let to = other.socket.try_clone()?;
        return Ok(Flow { from: own, to, packet: packet(size, true)?, _clients: vec![client, other] });
    }
    let peer = socket()?;
    client.bind(peer.local_addr()?)?;
    peer.connect(client.relayed)?;
    let (from, to) = if way == Way::Up { (own, peer) } else { (peer, own) };
    Ok(Flow { from, to, packet: packet(size, way == Way::Up)?, _clients: vec![client] })
}

/// Packets that came through for each CPU second.
fn rate(server: &Contestant, way: Way, size: usize, packets: usize) -> Result<f64> {
    let flows = (0..FLOWS).map(|number| flow(server, way, size, number)).collect::<Result<Vec<_>>>()?;
    let mut buffer = [0; 2048];
    let before = server.cpu()?;
    let (mut sent, mut received) = (0, 0);
    while sent < packets {
        for _ in 0..WINDOW {
            for flow in &flows {
                flow.from.send(&flow.packet)?;
                sent += 1;
            }
        }
        for flow in &flows {
            for _ in 0..WINDOW {
                // A lost one is not waited for again.
                let Ok(length) = flow.to.recv(&mut buffer) else { break };
                ensure!(length >= size, "a packet of {length} bytes came instead of {size}");
                received += 1;
            }
        }
    }
    let taken = server.cpu()? - before;
    ensure!(received * 100 >= sent * 99, "of {sent} packets {received} came through");
    Ok(f64::from(u32::try_from(received)?) / taken)
}

/// How much later than without a relay the slowest hundredth of packets comes, one at a time.
fn latency(plan: &Plan, coturn: &str) -> Result<Row> {
    let count = plan.size(3_000, 50);
    let through = |server: Contestant| -> Result<f64> {
        let relayed = flow(&server, Way::Up, 200, 0)?;
        let (from, to) = (socket()?, socket()?);
        from.connect(to.local_addr()?)?;
        let direct = Flow { from, to, packet: packet(200, false)?, _clients: Vec::new() };
        Ok(slowest(&relayed, count)? - slowest(&direct, count)?)
    };
    let (ours, other) = plan.duel(|| through(Contestant::ours()?), || through(Contestant::coturn()?))?;
    let row = Row::stated("relay/added delay, p99", ours, "us (wall)", false).against(coturn, other);
    Ok(row.note("one packet at a time, less the same without a relay"))
}

/// The 99th percentile of the time that a packet takes, in microseconds.
fn slowest(flow: &Flow, count: usize) -> Result<f64> {
    let mut buffer = [0; 2048];
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let begin = Instant::now();
        flow.from.send(&flow.packet)?;
        flow.to.recv(&mut buffer)?;
        times.push(begin.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[(count * 99 / 100).min(count - 1)])
}

/// What strangers leave behind who ask and never show credentials.
fn memory(plan: &Plan, coturn: &str) -> Result<Row> {
    let (sources, each): (u32, u32) = plan.size((3_000, 50), (20, 2));
    let after = |server: Contestant| -> Result<f64> {
        let before = server.resident()?;
        let mut buffer = [0; 2048];
        for source in 0..sources {
            let stranger = socket()?;
            stranger.connect(server.address())?;
            for number in 0..each {
                stranger.send(&unauthenticated(u128::from(source * each + number + 1)))?;
                stranger.recv(&mut buffer)?;
            }
        }
        Ok((server.resident()? - before).max(0.0) / MEBIBYTE)
    };
    // Their order makes no difference, and what a process once had it keeps.
    let ours = Samples((0..plan.rounds).map(|_| after(Contestant::ours()?)).collect::<Result<_>>()?);
    let other = Samples((0..plan.rounds).map(|_| after(Contestant::coturn()?)).collect::<Result<_>>()?);
    let row = Row::stated("relay/memory after strangers", ours, "MiB more", false).against(coturn, other);
    let requests = sources * each;
    Ok(row.note(format!(
        "{requests} requests without credentials from {sources} addresses. Coturn is started for it; ours is a thread of \
         this program, which has memory at hand from what ran before, so the ratio says little."
    )))
}
