//! `library-say`: what the library adds to the driver under it, in time and while nothing happens.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use meshwork::{Endpoint, Room};
use meshwork_core::id::Identity;
use meshwork_core::node::{Config, Event, RoomHandle, RoomSpec};
use meshwork_core::seam::lane::{Slot, Topic};
use meshwork_core::signed::app::AppParameters;
use meshwork_rtc::native::{Driver, Events, Options, start};

use crate::clock::process_cpu;
use crate::joining::runtime;
use crate::links::ours::Server;
use crate::race::{Needs, Plan, Race, Row, Samples};

/// The race.
pub(crate) const RACE: Race = Race {
    name: "library-say",
    about: "Two programs in one process, linked over loopback: one says 8 bytes to everybody, the other says them back; \
            the median of 2,000 round trips. Then both are left alone for five seconds. Ours: the library \
            (`Topic::say`, `Inbox::next`). The other: the native driver under it, called as the library calls it.",
    needs: Needs::Nothing,
    run,
};

const NAME: &str = "the bare driver";
/// How long nodes remember who left, and a little more.
const REMEMBERED: Duration = Duration::from_secs(65);

fn run(plan: &Plan) -> Result<Vec<Row>> {
    let runtime = runtime()?;
    let (trips, idle) = (plan.size(2000, 10), Duration::from_secs(plan.size(5, 1)));
    let server = runtime.block_on(Server::start())?;
    // One is there at a time, since the CPU time is that of the process, and the other is forgotten.
    let alone = || {
        plan.alone(|| {
            let (busy, ()) = process_cpu(|| runtime.block_on(async { tokio::time::sleep(idle).await }));
            Ok(busy / idle.as_secs_f64() * 1000.0)
        })
    };
    let mut pair = runtime.block_on(Pair::start(&server.url))?;
    let ours_idle = alone()?;
    runtime.block_on(pair.close());
    runtime.block_on(async { tokio::time::sleep(plan.size(REMEMBERED, Duration::ZERO)).await });
    let mut bare = runtime.block_on(BarePair::start(&server.url))?;
    let other_idle = alone()?;
    pair = runtime.block_on(Pair::start(&server.url))?;
    let (ours, other) = plan
        .duel(|| runtime.block_on(pair.round_trips(trips)), || runtime.block_on(bare.round_trips(trips)))?;
    runtime.block_on(bare.shut_down());
    runtime.block_on(pair.close());
    Ok(vec![
        Row::stated("library-say", ours, "us a round trip, p50", false)
            .against(NAME, other)
            .want("at most 50 us more"),
        Row::stated("library-say/idle", ours_idle, "ms of CPU a second", false)
            .against(NAME, other_idle)
            .want("at most 5 % more"),
    ])
}

fn median_us(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    Samples(times.iter().map(|time| time.as_secs_f64() * 1e6).collect()).median()
}

/// Two endpoints of the library.
struct Pair {
    endpoints: [Endpoint; 2],
    asking: Room,
    inbox: meshwork::Inbox<Vec<u8>, meshwork::Bytes>,
}

impl Pair {
    async fn start(server: &str) -> Result<Pair> {
        let (ann, bo) = (Endpoint::builder().server(server).bind().await?, Endpoint::bind().await?);
        let asking = ann.create(meshwork::room("echo")).await?;
        let answering = bo.join(asking.link()).await?;
        let (topic, mut heard) = (answering.topic_bytes("e"), answering.topic_bytes("e").listen());
        tokio::spawn(async move {
            while let Some(message) = heard.next().await {
                if topic.say(&message.value).await.is_err() {
                    break;
                }
            }
        });
        let inbox = asking.topic_bytes("e").listen();
        Ok(Pair { endpoints: [ann, bo], asking, inbox })
    }

    async fn round_trips(&mut self, count: u64) -> Result<f64> {
        let (topic, mut times) = (self.asking.topic_bytes("e"), Vec::new());
        for number in 0..count {
            let begun = Instant::now();
            topic.say(&number.to_le_bytes().to_vec()).await?;
            let heard = self.inbox.next().await.context("the room was left")?;
            ensure!(heard.value == number.to_le_bytes(), "another answer came");
            times.push(begun.elapsed());
        }
        Ok(median_us(times))
    }

    async fn close(self) {
        for endpoint in &self.endpoints {
            endpoint.close().await;
        }
    }
}

/// Two drivers alone.
struct BarePair {
    drivers: [Driver; 2],
    room: RoomHandle,
    events: Events,
}

impl BarePair {
    async fn start(server: &str) -> Result<BarePair> {
        let make = |secret: u8| {
            let config = Config::default();
            start(Options::new(meshwork_place::make, config, Identity::from_secret([secret; 32])))
        };
        let ((ann, mut events), (bo, mut theirs)) = (make(71)?, make(72)?);
        let spec = RoomSpec {
            servers: vec![server.into()],
            app: "echo".parse()?,
            parameters: AppParameters::default(),
            private: false,
        };
        let room = ann.call(move |node, now| node.create_room(now, spec)).await??;
        while !matches!(next(&mut events).await?, Event::RoomRegistered { .. }) {}
        let link = ann.call(move |node, _| node.room(room).address()).await?.context("it is registered")?;
        let same = bo.call(move |node, now| node.join_room(now, link, None)).await??;
        while !matches!(next(&mut theirs).await?, Event::RecordsInStep { .. }) {}
        let answering = bo.clone();
        tokio::spawn(async move {
            while let Some(event) = theirs.next().await {
                if let Event::Said { bytes, .. } = event
                    && say(&answering, same, bytes).await.is_err()
                {
                    break;
                }
            }
        });
        Ok(BarePair { drivers: [ann, bo], room, events })
    }

    async fn round_trips(&mut self, count: u64) -> Result<f64> {
        let mut times = Vec::new();
        for number in 0..count {
            let begun = Instant::now();
            say(&self.drivers[0], self.room, number.to_le_bytes().to_vec()).await?;
            loop {
                if let Event::Said { bytes, .. } = next(&mut self.events).await? {
                    ensure!(bytes == number.to_le_bytes(), "another answer came");
                    break;
                }
            }
            times.push(begun.elapsed());
        }
        Ok(median_us(times))
    }

    async fn shut_down(self) {
        for driver in &self.drivers {
            driver.shut_down().await;
        }
    }
}

async fn next(events: &mut Events) -> Result<Event> {
    match events.next().await {
        Some(event) => Ok(event),
        None => bail!("the driver has ended"),
    }
}

async fn say(driver: &Driver, room: RoomHandle, bytes: Vec<u8>) -> Result<()> {
    let topic = Topic::new("e").expect("it is short");
    Ok(driver.call(move |node, now| node.room_mut(now, room).say(Slot::GENESIS, &topic, &bytes)).await??)
}
