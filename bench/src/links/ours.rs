//! Two of our nodes with their native drivers, met through a meeting point of their own.

use std::sync::Arc;

use anyhow::Context;
use meshwork_core::id::Identity;
use meshwork_core::node::{Config, Event, RoomHandle};
use meshwork_core::signalling::address::RoomAddress;
use meshwork_place::canvas::CanvasSize;
use meshwork_rtc::native::{Addressee, Addresses, Driver, Events, Options, start};
use meshwork_signal::code::ServerKey;
use meshwork_signal::http::{self, HttpConfig, NoPages};
use meshwork_signal::hub::{Hub, HubConfig};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use super::Path;

/// A meeting point; it stops when this is dropped.
pub struct Server {
    /// Where it listens.
    pub url: String,
    _stop: oneshot::Sender<()>,
}

impl Server {
    /// Listens on a free port.
    ///
    /// # Errors
    /// When there is none.
    pub async fn start() -> anyhow::Result<Server> {
        let hub = Hub::new(HubConfig::default(), ServerKey::new([1; 32]), [2; 32])?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(http::serve(listener, hub, Arc::new(NoPages), HttpConfig::default(), async {
            let _ = stopped.await;
        }));
        Ok(Server { url, _stop: stop })
    }
}

/// One node.
pub struct Peer {
    /// Its driver.
    pub driver: Driver,
    /// What it says.
    pub events: Events,
}

/// Two linked nodes.
pub struct Pair {
    /// Who sends.
    pub driver: Driver,
    /// Who receives.
    pub to: Addressee,
    /// Dropping it stops the receiver.
    _receiver: Driver,
    received: mpsc::UnboundedReceiver<usize>,
    _server: Server,
}

impl Peer {
    fn start(path: &Path) -> anyhow::Result<Peer> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| anyhow::anyhow!("{error}"))?;
        let mut options =
            Options::new(meshwork_place::make, Config::default(), Identity::from_secret(secret));
        options.addresses = Addresses::loopback();
        if let Path::Long(delay) = path {
            let delay = delay.clone();
            options.advertise = Some(Arc::new(move |own| delay.stand_in_for(own).unwrap_or(own)));
        }
        let (driver, events) = start(options)?;
        Ok(Peer { driver, events })
    }

    async fn wait<T>(&mut self, mut wanted: impl FnMut(&Event) -> Option<T>) -> anyhow::Result<T> {
        loop {
            let event = self.events.next().await.context("the node stopped")?;
            if let Some(found) = wanted(&event) {
                return Ok(found);
            }
        }
    }
}

/// A room with its creator, in which a second node can join.
pub struct Waiting {
    server: Server,
    creator: Peer,
    room: RoomHandle,
    address: RoomAddress,
    joiner: Peer,
}

impl Waiting {
    /// Opens a room on a meeting point of its own.
    ///
    /// # Errors
    /// When a socket, the server or a node fails.
    pub async fn open(path: &Path) -> anyhow::Result<Waiting> {
        let server = Server::start().await?;
        let mut creator = Peer::start(path)?;
        let size = CanvasSize { width: 1000, height: 1000 };
        let spec = meshwork_place::room_spec(&server.url, size, false);
        let room = creator.driver.call(move |node, now| node.create_room(now, spec)).await??;
        creator.wait(|event| matches!(event, Event::RoomRegistered { .. }).then_some(())).await?;
        let address = creator.driver.call(move |node, _| node.room(room).address()).await?;
        let address = address.context("a registered room has an address")?;
        let joiner = Peer::start(path)?;
        Ok(Waiting { server, creator, room, address, joiner })
    }

    /// Joins and waits until both ends count the other in.
    ///
    /// # Errors
    /// When a node fails.
    pub async fn link(self) -> anyhow::Result<Pair> {
        let Waiting { server, mut creator, room, address, mut joiner } = self;
        joiner.driver.call(move |node, now| node.join_room(now, address, None)).await??;
        let attached = |event: &Event| matches!(event, Event::MemberAttached { .. }).then_some(());
        creator.wait(attached).await?;
        joiner.wait(attached).await?;
        let to = Addressee::new(room, joiner.driver.endpoint());
        let (lengths, received) = mpsc::unbounded_channel();
        let mut events = joiner.events;
        tokio::spawn(async move {
            while let Some(event) = events.next().await {
                if let Event::Direct { bytes, .. } = event
                    && lengths.send(bytes.len()).is_err()
                {
                    return;
                }
            }
        });
        // Somebody must read the events of the other as well.
        let mut events = creator.events;
        tokio::spawn(async move { while events.next().await.is_some() {} });
        Ok(Pair { driver: creator.driver, to, _receiver: joiner.driver, received, _server: server })
    }
}

impl Pair {
    /// Links two nodes.
    ///
    /// # Errors
    /// When a socket, the server or a node fails.
    pub async fn connect(path: &Path) -> anyhow::Result<Pair> {
        Waiting::open(path).await?.link().await
    }

    /// Sends `count` direct messages of `payload` bytes and waits until all have arrived.
    ///
    /// # Errors
    /// When a node stopped or refused.
    pub async fn transfer(&mut self, payload: usize, count: usize) -> anyhow::Result<()> {
        let (driver, to) = (self.driver.clone(), self.to.clone());
        let sending =
            tokio::spawn(
                async move { driver.send_direct_all(to, (0..count).map(|_| vec![7; payload])).await },
            );
        let mut left = payload * count;
        while left > 0 {
            left -= self.received.recv().await.context("the receiver ended")?;
        }
        sending.await??;
        Ok(())
    }
}
