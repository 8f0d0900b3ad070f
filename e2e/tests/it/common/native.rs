//! Native endpoints inside a test's own process.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use meshwork_core::id::{Endpoint, Identity};
use meshwork_core::node::{Config, Event, Node, PeerView, RoomHandle};
use meshwork_core::seam::lane::{DirectEnd, Slot, Topic};
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::signed::batch::BatchKey;
use meshwork_core::time::Time;
use meshwork_e2e::{PATIENCE, wait_until};
use meshwork_place::Place as _;
use meshwork_place::canvas::{CanvasSize, Colour};
use meshwork_rtc::native::{Addresses, Driver, Events, Options, start};

/// What they paint.
pub(crate) const RED: Colour = Colour::rgb(230, 25, 75);

/// What an endpoint is started with: the identity and name of this number.
pub(crate) fn options(name: u8) -> Options {
    let config = Config { name: format!("native {name}"), ..Config::default() };
    Options::new(meshwork_place::make, config, Identity::from_secret([name; 32]))
}

/// The same for one that hides its address.
pub(crate) fn hidden_options(name: u8) -> Options {
    let mut options = Options { addresses: Addresses::loopback(), ..options(name) };
    options.config.hides_address = true;
    options
}

/// A native endpoint, which notices when something comes twice, out of order, or not at all.
pub(crate) struct Native {
    pub(crate) driver: Driver,
    events: Events,
    room: RoomHandle,
    /// Batches that it was told of, to see that none comes twice.
    batches: BTreeSet<(Endpoint, u64)>,
    /// What was said to it.
    pub(crate) heard: Vec<u64>,
    pub(crate) said: u64,
}

impl Native {
    pub(crate) async fn create(server: &str, options: Options) -> Result<(Native, RoomAddress)> {
        let (driver, events) = start(options)?;
        let size = CanvasSize { width: 64, height: 64 };
        let spec = meshwork_place::room_spec(server, size, true);
        let room = driver.call(move |node, now| node.create_room(now, spec)).await??;
        let native = Native { driver, events, room, batches: BTreeSet::new(), heard: vec![], said: 0 };
        let address = wait_until(PATIENCE, "the room's LINK", async || {
            native.driver.call(move |node, _| node.room(room).address()).await?.context("not registered")
        });
        let address = address.await?;
        Ok((native, address))
    }

    pub(crate) async fn join(address: RoomAddress, options: Options) -> Result<Native> {
        let (driver, events) = start(options)?;
        let room = driver.call(move |node, now| node.join_room(now, address, None)).await??;
        Ok(Native { driver, events, room, batches: BTreeSet::new(), heard: vec![], said: 0 })
    }

    pub(crate) async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Node, Time, RoomHandle) -> T + Send + 'static,
    ) -> Result<T> {
        let room = self.room;
        Ok(self.driver.call(move |node, now| work(node, now, room)).await?)
    }

    /// The only other one in the room.
    pub(crate) async fn other(&self) -> Result<PeerView> {
        let peers = self.call(|node, _, room| node.room(room).peers()).await?;
        peers.into_iter().find(|peer| peer.attached || peer.session.is_some()).context("nobody is linked")
    }

    pub(crate) async fn wait_linked(&self) -> Result<PeerView> {
        let other = wait_until(PATIENCE, "a link", async || self.other().await).await?;
        self.wait_linked_to(other.endpoint).await
    }

    pub(crate) async fn wait_linked_to(&self, endpoint: Endpoint) -> Result<PeerView> {
        wait_until(PATIENCE, "a link", async || {
            let peers = self.call(|node, _, room| node.room(room).peers()).await?;
            let other = peers.into_iter().find(|peer| peer.endpoint == endpoint);
            let other = other.context("it is not known")?;
            ensure!(other.attached && other.in_step, "{other:?}");
            Ok(other)
        })
        .await
    }

    /// Paints the next cell and says the next number to `to`.
    pub(crate) async fn go_on(&mut self, row: u16, to: Option<Endpoint>) -> Result<()> {
        let number = self.said + 1;
        let cell = (number as u16 % 64, row + number as u16 / 64 % 8, RED);
        let said = self.call(move |node, now, room| {
            node.paint(now, room, &[cell])?;
            if let Some(to) = to {
                let (slot, topic) = (Slot::GENESIS, Topic::default());
                node.room_mut(now, room).send_direct(to, slot, &topic, &number.to_be_bytes())?;
            }
            anyhow::Ok(())
        });
        said.await??;
        self.said = number;
        Ok(())
    }

    /// Takes in what it heard. Fails when a batch or a message comes twice, out of order, or is told as lost.
    pub(crate) fn hear(&mut self) -> Result<()> {
        while let Some(event) = self.events.try_next() {
            match event {
                Event::Changed { batch: Some(BatchKey { author, sequence, .. }), .. } => {
                    ensure!(
                        self.batches.insert((author, sequence)),
                        "batch {sequence} of {author} came twice"
                    );
                }
                Event::Direct { bytes, .. } => {
                    let number = u64::from_be_bytes(bytes.as_slice().try_into()?);
                    ensure!(number == self.heard.len() as u64 + 1, "{number} after {:?}", self.heard.last());
                    self.heard.push(number);
                }
                Event::DirectEnded { messages, end, reason, .. } => {
                    ensure!(end == DirectEnd::Taken, "{messages} messages lost: {reason:?}");
                }
                _ => {}
            }
        }
        ensure!(self.events.missed() == 0, "the test reads all events");
        Ok(())
    }

    pub(crate) async fn digest(&self) -> Result<[u8; 32]> {
        let digest = self.call(|node, _, room| node.canvas(room).map(|canvas| canvas.digest()));
        digest.await?.context("the room is not open")
    }
}
