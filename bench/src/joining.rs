//! A newcomer joins a room that somebody keeps: two programs with the native driver and a meeting point, over loopback.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use meshwork_core::id::{Code, Identity, RoomId};
use meshwork_core::node::{Config, Event, Node, RoomHandle, StoredRoom};
use meshwork_core::replica::{Changes, Digest};
use meshwork_core::room::MakeReplica;
use meshwork_core::signalling::address::{RoomAddress, RoomKeys};
use meshwork_core::signed::app::AppWord;
use meshwork_rtc::native::{Addresses, Driver, Events, Options, start};
use tokio::runtime::Runtime;

use crate::links::ours::Server;

/// The longest that a newcomer may take.
const DEADLINE: Duration = Duration::from_secs(1800);

/// What a room holds.
pub struct Content {
    /// The word of its app.
    pub app: AppWord,
    /// What makes that app's replica.
    pub make: MakeReplica,
    /// The room's signed genesis.
    pub genesis: Vec<u8>,
    /// Its id.
    pub room: RoomId,
    /// All that was written.
    pub batches: Vec<Vec<u8>>,
    /// How many entries that makes.
    pub entries: usize,
    /// How many a program shows.
    pub shown: fn(&Node, RoomHandle) -> usize,
    /// Of how many an event tells.
    pub told: fn(&Changes) -> usize,
    /// The digest of what a program shows.
    pub digest: fn(&Node, RoomHandle) -> Option<Digest>,
}

/// The member that has it all, and the meeting point.
pub struct Keeper<'a> {
    content: &'a Content,
    driver: Driver,
    address: RoomAddress,
    digest: Option<Digest>,
    _events: Events,
    _server: Server,
}

/// What joining took.
pub struct Joined {
    /// From the command to the last entry.
    pub seconds: f64,
    /// Received on the link, before SCTP.
    pub bytes: u64,
}

/// Two threads for both programs and the meeting point.
pub fn runtime() -> Result<Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

impl<'a> Keeper<'a> {
    /// Opens the room from what is stored of it.
    pub async fn start(content: &'a Content) -> Result<Keeper<'a>> {
        let server = Server::start().await?;
        let (driver, mut events) = program(content, 1)?;
        let address = RoomAddress::at_server(&server.url, Some(content.app.clone()), Code::from_bits(0))?;
        let address = address.with_keys(RoomKeys { room: content.room, secrets: None });
        let (genesis, batches) = (content.genesis.clone(), content.batches.clone());
        let stored = StoredRoom { genesis, batches, ..StoredRoom::default() };
        let joined = driver.call(move |node, now| node.join_room(now, address, Some(stored))).await?;
        let room = joined.context("the keeper opens its room")?;
        let registered = |event: &Event| matches!(event, Event::RoomRegistered { .. });
        wait(&mut events, registered).await?;
        whole(&driver, &mut events, room, content).await?;
        let digest = content.digest;
        let digest = driver.call(move |node, _| digest(node, room)).await?;
        let address =
            driver.call(move |node, _| node.room(room).address()).await?.context("a registered room")?;
        Ok(Keeper { content, driver, address, digest, _events: events, _server: server })
    }

    /// The digest of what it shows.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// By what others join.
    pub fn link(&self) -> String {
        self.address.to_string()
    }

    /// A newcomer comes, sees everything and goes.
    pub async fn join(&self) -> Result<Joined> {
        let (driver, mut events) = program(self.content, 2)?;
        let address = self.address.clone();
        let begin = Instant::now();
        let joined = driver.call(move |node, now| node.join_room(now, address, None)).await?;
        let room = joined.context("the newcomer asks to join")?;
        whole(&driver, &mut events, room, self.content).await?;
        let seconds = begin.elapsed().as_secs_f64();
        let digest = self.content.digest;
        let digest = driver.call(move |node, _| digest(node, room)).await?;
        ensure!(digest == self.digest, "the newcomer sees something else");
        let bytes =
            move |node: &mut Node| node.room(room).peers().iter().map(|peer| peer.bytes_received).sum();
        let bytes = driver.call(move |node, _| bytes(node)).await?;
        driver.shut_down().await;
        Ok(Joined { seconds, bytes })
    }

    /// It goes.
    pub async fn shut_down(self) {
        self.driver.shut_down().await;
    }
}

fn program(content: &Content, number: u8) -> Result<(Driver, Events)> {
    let options = Options {
        addresses: Addresses::loopback(),
        ..Options::new(content.make, Config::default(), Identity::from_secret([220 + number; 32]))
    };
    Ok(start(options)?)
}

async fn wait(events: &mut Events, wanted: impl Fn(&Event) -> bool) -> Result<()> {
    let found = async {
        while let Some(event) = events.next().await {
            if wanted(&event) {
                return Ok(());
            }
        }
        bail!("the program ended")
    };
    tokio::time::timeout(DEADLINE, found).await.context("it takes too long")?
}

/// Waits until the program shows as many entries as there are, by counting what it hears of.
async fn whole(driver: &Driver, events: &mut Events, room: RoomHandle, content: &Content) -> Result<()> {
    let count = content.entries;
    let (mut heard, mut missed, mut next_look) = (0, events.missed(), 0);
    let seen = async {
        loop {
            // What shows is counted where events were dropped, or came before anybody listened.
            if heard >= next_look {
                let shown = content.shown;
                heard = driver.call(move |node, _| shown(node, room)).await?;
                next_look = count;
            }
            if heard >= count {
                return Ok(());
            }
            match events.next().await {
                Some(Event::Changed { batch: Some(_), changes, .. }) => heard += (content.told)(&changes),
                Some(_) => {}
                None => bail!("the program ended"),
            }
            if events.missed() != missed {
                missed = events.missed();
                next_look = heard;
            }
        }
    };
    tokio::time::timeout(DEADLINE, seen).await.context("the newcomer does not get all in time")?
}
