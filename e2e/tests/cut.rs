//! A real path is cut for 20 s while people paint and talk: same session, nothing lost, nothing twice, and data
//! flows within three seconds of the path's return.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use meshwork_core::crdt::canvas::{CanvasSize, Colour};
use meshwork_core::id::{Endpoint, Identity};
use meshwork_core::node::{Config, Event, Node, PeerView, RoomHandle, RoomSpec};
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::time::Time;
use meshwork_e2e::{PATIENCE, UdpProxy, wait_until};
use meshwork_rtc::native::{Addresses, Driver, Events, Options, start};
use meshwork_signal::code::ServerKey;
use meshwork_signal::http::{self, HttpConfig, NoPages};
use meshwork_signal::hub::{Hub, HubConfig};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

const CUT: Duration = Duration::from_secs(20);
const BACK_WITHIN: Duration = Duration::from_secs(3);
/// Between two strokes and two messages.
const BEAT: Duration = Duration::from_millis(100);
const RED: Colour = Colour::rgb(230, 25, 75);

/// A meeting point on a free port; it stops when the sender is dropped.
async fn serve() -> Result<(String, oneshot::Sender<()>)> {
    let hub = Hub::new(HubConfig::default(), ServerKey::new([1; 32]), [2; 32])?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    let (stop, stopped) = oneshot::channel();
    tokio::spawn(http::serve(listener, hub, Arc::new(NoPages), HttpConfig::default(), async {
        // An error says that the test is over, which is the same.
        let _ = stopped.await;
    }));
    Ok((address, stop))
}

/// A native endpoint whose packets go through a proxy.
struct Native {
    driver: Driver,
    events: Events,
    room: RoomHandle,
    /// Batches that it was told of, to see that none comes twice.
    batches: BTreeSet<(Endpoint, u64)>,
    /// What was said to it.
    heard: Vec<u64>,
    said: u64,
}

impl Native {
    fn start(name: u8, addresses: Addresses, proxy: &UdpProxy) -> Result<(Driver, Events)> {
        let config = Config { name: format!("native {name}"), ..Config::default() };
        let proxy = proxy.clone();
        let options = Options {
            addresses,
            advertise: Some(Arc::new(move |own| proxy.stand_in_for(own).unwrap_or(own))),
            ..Options::new(config, Identity::from_secret([name; 32]))
        };
        Ok(start(options)?)
    }

    async fn create(server: &str, name: u8, proxy: &UdpProxy) -> Result<(Native, RoomAddress)> {
        let (driver, events) = Native::start(name, Addresses::loopback(), proxy)?;
        let size = CanvasSize { width: 64, height: 64 };
        let spec = RoomSpec { server: server.to_owned(), size, private: true };
        let room = driver.call(move |node, now| node.create_room(now, spec)).await??;
        let native = Native { driver, events, room, batches: BTreeSet::new(), heard: vec![], said: 0 };
        let address = wait_until(PATIENCE, "the room's LINK", async || {
            native.driver.call(move |node, _| node.room_address(room)).await?.context("not registered")
        });
        let address = address.await?;
        Ok((native, address))
    }

    async fn join(address: RoomAddress, name: u8, addresses: Addresses, proxy: &UdpProxy) -> Result<Native> {
        let (driver, events) = Native::start(name, addresses, proxy)?;
        let room = driver.call(move |node, now| node.join_room(now, address, None)).await??;
        Ok(Native { driver, events, room, batches: BTreeSet::new(), heard: vec![], said: 0 })
    }

    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Node, Time, RoomHandle) -> T + Send + 'static,
    ) -> Result<T> {
        let room = self.room;
        Ok(self.driver.call(move |node, now| work(node, now, room)).await?)
    }

    /// The only other one in the room.
    async fn other(&self) -> Result<PeerView> {
        let peers = self.call(|node, _, room| node.peers(room)).await?;
        peers.into_iter().find(|peer| peer.attached || peer.session.is_some()).context("nobody is linked")
    }

    async fn wait_linked(&self) -> Result<PeerView> {
        wait_until(PATIENCE, "a link", async || {
            let other = self.other().await?;
            ensure!(other.attached && other.in_step, "{other:?}");
            Ok(other)
        })
        .await
    }

    /// Paints the next cell and says the next number to `to`.
    async fn go_on(&mut self, row: u16, to: Option<Endpoint>) -> Result<()> {
        let number = self.said + 1;
        let cell = (number as u16 % 64, row + number as u16 / 64 % 8, RED);
        let said = self.call(move |node, now, room| {
            node.paint(now, room, &[cell])?;
            to.map_or(Ok(()), |to| node.send_direct(now, to, &number.to_be_bytes()))
        });
        said.await??;
        self.said = number;
        Ok(())
    }

    /// Takes in what it heard. Fails when a batch or a message comes twice, out of order, or is told as lost.
    fn hear(&mut self) -> Result<()> {
        while let Some(event) = self.events.try_next() {
            match event {
                Event::CanvasChanged { author, sequence, .. } => {
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
                Event::DirectLost { messages, reason, .. } => {
                    anyhow::bail!("{messages} messages lost: {reason}");
                }
                _ => {}
            }
        }
        ensure!(self.events.missed() == 0, "the test reads all events");
        Ok(())
    }

    async fn digest(&self) -> Result<[u8; 32]> {
        let digest = self.call(|node, _, room| node.canvas(room).map(|canvas| canvas.digest()));
        digest.await?.context("the room is not open")
    }
}

/// Waits for the next beat of two people who paint and talk.
async fn beat(one: &mut Native, other: &mut Native, to: (Endpoint, Endpoint)) -> Result<()> {
    one.go_on(0, Some(to.0)).await?;
    other.go_on(32, Some(to.1)).await?;
    tokio::time::sleep(BEAT).await;
    one.hear()?;
    other.hear()
}

/// Cuts two native peers off from each other for so long. Returns how long after the path's return data flowed.
async fn cut_natives(cut_for: Duration) -> Result<Duration> {
    let (server, _stop) = serve().await?;
    let proxy = UdpProxy::default();
    let (mut ada, address) = Native::create(&server, 1, &proxy).await?;
    let mut ben = Native::join(address, 2, Addresses::loopback(), &proxy).await?;
    let before = ada.wait_linked().await?;
    ben.wait_linked().await?;
    ensure!(proxy.passed() > 10, "the link goes through the proxy");
    let to = (ben.driver.endpoint(), ada.driver.endpoint());
    for _ in 0..10 {
        beat(&mut ada, &mut ben, to).await?;
    }

    proxy.cut();
    let cut = Instant::now();
    while cut.elapsed() < cut_for {
        beat(&mut ada, &mut ben, to).await?;
    }
    let (ada_said, ben_said) = (ada.said, ben.said);
    ensure!(ada.heard.len() as u64 + 10 < ben_said, "the cut holds");
    proxy.heal();
    let healed = Instant::now();
    let mut back = None;
    while back.is_none() && healed.elapsed() < PATIENCE {
        beat(&mut ada, &mut ben, to).await?;
        let is_back = ada.heard.last() > Some(&ben_said) && ben.heard.last() > Some(&ada_said);
        back = is_back.then(|| healed.elapsed());
    }
    println!("data flowed {back:?} after the end of a cut of {cut_for:?}");
    let after = ada.wait_linked().await?;
    ensure!(after.session == before.session, "the session is the same");
    ensure!(after.epoch > before.epoch, "the connection is not: {after:?}");
    wait_until(PATIENCE, "everything said and painted", async || {
        ada.hear()?;
        ben.hear()?;
        ensure!(ada.heard.len() as u64 == ben.said, "{} of {}", ada.heard.len(), ben.said);
        ensure!(ben.heard.len() as u64 == ada.said, "{} of {}", ben.heard.len(), ada.said);
        ensure!(ada.digest().await? == ben.digest().await?, "the canvases differ");
        Ok(())
    })
    .await?;
    back.context("no data flowed")
}

#[tokio::test]
async fn two_native_peers_live_through_a_cut_of_20_seconds() -> Result<()> {
    let back = cut_natives(CUT).await?;
    ensure!(back < BACK_WITHIN, "data flowed {back:?} after the path's return");
    Ok(())
}
