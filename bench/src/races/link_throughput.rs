//! Links between two native programs: our nodes, str0m alone, and the `webrtc` crate.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::runtime::{Builder, Runtime};

use crate::clock;
use crate::links::delay::Delay;
use crate::links::{Pair, Path, bare, crate_webrtc, measure, ours};
use crate::race::{Needs, Plan, Race, Row, Samples};

/// What is compared with, as their versions stand in Cargo.toml.
const BARE: &str = "str0m 0.25";
const WEBRTC: &str = "webrtc 0.21";
/// Bytes that bare str0m buffers: its default.
const BARE_BUFFER: usize = 128 * 1024;
/// The long path.
const RTT: Duration = Duration::from_millis(50);
/// Lengths of messages.
const PAYLOADS: [usize; 2] = [1024, 16 * 1024];

/// The race.
pub(super) const RACE: Race = Race {
    name: "link-throughput",
    about: "One way over a linked pair of native programs in one process: direct messages of our nodes against one \
            ordered channel of the others. CPU seconds count both ends, and not what makes the path long. Not \
            tuned alike: bare str0m keeps its send buffer of 128 KiB, ours follows the path; with buffers as ours it \
            carries 4.2 MB/s over the long path, and costs 7.6 CPU s/GB on the short one \
            (docs/decisions/0001-native-webrtc-stack.md). The webrtc crate gets an eighth of the bytes, and \
            nothing at 50 ms. Set-up and idle pairs are measured one contestant after the other.",
    needs: Needs::Nothing,
    run,
};

#[derive(Clone, Copy)]
enum Who {
    Ours,
    Bare,
    Webrtc,
}

/// Bytes a second, and CPU seconds a gigabyte, of each round.
#[derive(Default)]
struct Speed {
    rate: Vec<f64>,
    cpu: Vec<f64>,
}

fn run(plan: &Plan) -> Result<Vec<Row>> {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut rows = Vec::new();
    let mut own_cost = Vec::new();
    for rtt in [Duration::ZERO, RTT] {
        for payload in PAYLOADS {
            let mut against = vec![Who::Bare];
            // Ten times slower than the others, on a long path in particular.
            if rtt.is_zero() {
                against.push(Who::Webrtc);
            }
            let speeds = race(&runtime, plan, rtt, payload, &against)?;
            let [ours, others @ ..] = speeds.as_slice() else { continue };
            if rtt.is_zero() {
                own_cost.push(Samples(ours.cpu.clone()).median());
            }
            let label = format!("{} KiB at {} ms", payload / 1024, rtt.as_millis());
            for (who, other) in against.iter().zip(others) {
                let (name, version) = named(*who);
                let title = |what: &str| format!("link-throughput/{what}, {label}, {name}");
                let rate = |speed: &Speed| Samples(speed.rate.iter().map(|rate| rate / 1e6).collect());
                rows.push(
                    Row::stated(title("rate"), rate(ours), "MB/s (wall)", true)
                        .against(version, rate(other))
                        .want(if matches!(who, Who::Bare) { "0.9x" } else { "" }),
                );
                rows.push(
                    Row::stated(title("cost"), Samples(ours.cpu.clone()), "CPU s/GB", false)
                        .against(version, Samples(other.cpu.clone())),
                );
            }
        }
    }
    if let [small, large] = own_cost[..] {
        let row = Row::stated("link-throughput/small to large", Samples::exact(small / large), "x", false);
        rows.push(row.want("2x").note("CPU time a byte of 1 KiB messages, of that of 16 KiB ones."));
    }
    rows.extend(set_up(&runtime, plan)?);
    rows.extend(idle(&runtime, plan)?);
    Ok(rows)
}

fn named(who: Who) -> (&'static str, &'static str) {
    match who {
        Who::Ours => ("ours", "ours"),
        Who::Bare => ("str0m", BARE),
        Who::Webrtc => ("webrtc", WEBRTC),
    }
}

async fn connect(who: Who, path: &Path) -> Result<Pair> {
    Ok(match who {
        Who::Ours => Pair::Ours(Box::new(ours::Pair::connect(path).await?)),
        Who::Bare => Pair::Bare(bare::Pair::connect(path, BARE_BUFFER).await?),
        Who::Webrtc => Pair::Webrtc(crate_webrtc::Pair::connect(path).await?),
    })
}

/// Transfers the same bytes in turn: ours first in even rounds, last in odd ones, after one round that does not count.
fn race(
    runtime: &Runtime,
    plan: &Plan,
    rtt: Duration,
    payload: usize,
    against: &[Who],
) -> Result<Vec<Speed>> {
    let bytes = if rtt.is_zero() { plan.size(64_000_000, 200_000) } else { plan.size(8_000_000, 100_000) };
    let mut pairs = Vec::new();
    for who in [&[Who::Ours], against].concat() {
        let path = if rtt.is_zero() { Path::Short } else { Path::Long(Delay::start(rtt)) };
        let connected =
            runtime.block_on(connect(who, &path)).with_context(|| format!("{} links", named(who).0))?;
        pairs.push((who, path, connected, Speed::default()));
    }
    for round in 0..=plan.rounds {
        if round % 2 == 1 {
            pairs.reverse();
        }
        for (who, path, pair, speed) in &mut pairs {
            // The crate is an order of magnitude slower with large messages; a smaller load tells that as well.
            let bytes = if matches!(who, Who::Webrtc) { bytes / 8 } else { bytes };
            let count = bytes / payload + 1;
            let delayed = path.cpu();
            let begin = Instant::now();
            let (cpu, done) = clock::process_cpu(|| runtime.block_on(pair.transfer(payload, count)));
            done.with_context(|| format!("{} transfers", named(*who).0))?;
            let (wall, moved) = (begin.elapsed().as_secs_f64(), (payload * count) as f64);
            let cpu = cpu - (path.cpu().saturating_sub(delayed)).as_secs_f64();
            if round > 0 {
                speed.rate.push(moved / wall);
                speed.cpu.push(cpu / (moved / 1e9));
            }
        }
        if round % 2 == 1 {
            pairs.reverse();
        }
    }
    Ok(pairs.into_iter().map(|(_, _, _, speed)| speed).collect())
}

/// How long it takes until both ends may send.
fn set_up(runtime: &Runtime, plan: &Plan) -> Result<Vec<Row>> {
    let ours = plan.alone(|| {
        let waiting = runtime.block_on(ours::Waiting::open(&Path::Short))?;
        let (wall, linked) = clock::wall(|| runtime.block_on(waiting.link()));
        linked.map(|_| wall * 1e3)
    })?;
    [Who::Bare, Who::Webrtc]
        .into_iter()
        .map(|who| {
            let other = plan.alone(|| {
                let (wall, linked) = clock::wall(|| runtime.block_on(connect(who, &Path::Short)));
                linked.map(|_| wall * 1e3)
            })?;
            let (name, version) = named(who);
            let row = Row::stated(format!("link-throughput/set-up, {name}"), ours.clone(), "ms (wall)", false);
            Ok(row.against(version, other).note(
                "Ours asks a meeting point, seals its signals and proves both ends; the others hand theirs over \
                 within the process.",
            ))
        })
        .collect()
}

/// What linked pairs hold and do while nobody says anything.
fn idle(runtime: &Runtime, plan: &Plan) -> Result<Vec<Row>> {
    let (pairs, rest) = (plan.size(20, 1), Duration::from_millis(plan.size(5000, 100)));
    let measure = |who: Who| -> Result<[f64; 3]> {
        // Pairs of before go away at their own pace.
        runtime.block_on(async { tokio::time::sleep(rest).await });
        let before = measure::heap_bytes();
        let mut held = Vec::new();
        for _ in 0..pairs {
            held.push(runtime.block_on(connect(who, &Path::Short))?);
        }
        // What set-up needed is given back.
        runtime.block_on(async { tokio::time::sleep(rest).await });
        let bytes = measure::heap_bytes().saturating_sub(before) as f64;
        ensure!(bytes > 0.0, "a pair holds something");
        let switches = measure::context_switches();
        let (cpu, ()) = clock::process_cpu(|| runtime.block_on(async { tokio::time::sleep(rest).await }));
        let switches = (measure::context_switches() - switches) as f64;
        let (pairs, rest) = (pairs as f64, rest.as_secs_f64());
        Ok([bytes / pairs / 1024.0, cpu / rest / pairs * 100.0, switches / rest / pairs])
    };
    let ours = measure(Who::Ours)?;
    let mut rows = Vec::new();
    for who in [Who::Bare, Who::Webrtc] {
        let other = measure(who)?;
        let (name, version) = named(who);
        let lines = [
            (
                "idle memory",
                "KiB a pair",
                "Heap of both ends, C code included; ours with two nodes and a room each.",
            ),
            ("idle CPU", "% of a core a pair", ""),
            ("idle wake-ups", "a second and pair", "Context switches that threads asked for."),
        ];
        for (index, (what, unit, note)) in lines.into_iter().enumerate() {
            let row = Row::stated(
                format!("link-throughput/{what}, {name}"),
                Samples::exact(ours[index].max(1e-6)),
                unit,
                false,
            );
            rows.push(row.against(version, Samples::exact(other[index].max(1e-6))).note(note));
        }
    }
    Ok(rows)
}
