//! Native drivers with real nodes, a real meeting point and real sockets, all on the loopback interface.

#![cfg(not(target_arch = "wasm32"))]

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use meshwork_core::id::{Endpoint, Identity, Instance, RoomId};
use meshwork_core::links::direct::RETAINED_MAX;
use meshwork_core::node::{CommandError, Config, Event, RoomHandle, ServerState};
use meshwork_core::seam::io::StoreChange;
use meshwork_core::seam::lane::{DirectEnd, DirectToken};
use meshwork_core::signalling::address::{RoomAddress, RoomKeys};
use meshwork_core::signed::batch::BatchKey;
use meshwork_core::signed::list::ShortId;
use meshwork_place::Place as _;
use meshwork_place::canvas::{CanvasSize, Colour};
use meshwork_rtc::native::persist::{Store, StoreError};
use meshwork_rtc::native::store::RedbStore;
use meshwork_rtc::native::{Addressee, Addresses, Driver, DriverStopped, Events, Options, SendError, start};
use meshwork_signal::code::ServerKey;
use meshwork_signal::http::{self, HttpConfig, NoPages};
use meshwork_signal::hub::{Hub, HubConfig};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// The longest that anything here may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// A meeting point on a free port; it stops when the sender is dropped.
pub(crate) async fn serve() -> (SocketAddr, oneshot::Sender<()>) {
    let hub = Hub::new(HubConfig::default(), ServerKey::new([1; 32]), [2; 32]).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let serving = http::serve(listener, hub, Arc::new(NoPages), HttpConfig::default(), async {
        let _ = stopped.await;
    });
    tokio::spawn(serving);
    (address, stop)
}

pub(crate) struct Peer {
    pub(crate) driver: Driver,
    pub(crate) events: Events,
}

impl Peer {
    pub(crate) fn start(name: u8, store: Option<Box<dyn Store>>) -> Peer {
        let config = Config { name: format!("peer {name}"), ..Config::default() };
        let options = Options {
            store,
            addresses: Addresses::loopback(),
            ..Options::new(meshwork_place::make, config, Identity::from_secret([name; 32]))
        };
        let (driver, events) = start(options).unwrap();
        Peer { driver, events }
    }

    /// Reads events until one is what is wanted.
    pub(crate) async fn wait<T>(&mut self, what: &str, mut wanted: impl FnMut(&Event) -> Option<T>) -> T {
        let found = async {
            loop {
                let event = self.events.next().await.expect("the node runs");
                if let Some(found) = wanted(&event) {
                    return found;
                }
            }
        };
        tokio::time::timeout(DEADLINE, found).await.unwrap_or_else(|_| panic!("no {what} in time"))
    }

    pub(crate) async fn create(&mut self, server: SocketAddr, private: bool) -> (RoomHandle, RoomAddress) {
        let size = CanvasSize { width: 64, height: 48 };
        let spec = meshwork_place::room_spec(format!("http://{server}"), size, private);
        let room = self.driver.call(move |node, now| node.create_room(now, spec)).await.unwrap().unwrap();
        self.wait("registration", |event| matches!(event, Event::RoomRegistered { .. }).then_some(())).await;
        let address = self.driver.call(move |node, _| node.room(room).address()).await.unwrap();
        (room, address.expect("a registered room has an address"))
    }

    pub(crate) async fn join(&mut self, address: &RoomAddress) -> RoomHandle {
        let address = address.clone();
        let joined = self.driver.call(move |node, now| node.join_room(now, address, None)).await;
        let room = joined.unwrap().unwrap();
        self.wait("room", |event| matches!(event, Event::RoomOpened { .. }).then_some(())).await;
        room
    }

    async fn paint(&self, room: RoomHandle, cells: Vec<(u16, u16, Colour)>) {
        let painted = self.driver.call(move |node, now| node.paint(now, room, &cells)).await;
        painted.unwrap().unwrap();
    }

    async fn digest(&self, room: RoomHandle) -> [u8; 32] {
        let digest =
            move |node: &mut meshwork_core::node::Node| node.canvas(room).map(|canvas| canvas.digest());
        self.driver.call(move |node, _| digest(node)).await.unwrap().expect("the room is open")
    }

    async fn wait_painted(&mut self, room: RoomHandle, cells: usize) {
        let painted = async {
            loop {
                let shown = move |node: &mut meshwork_core::node::Node| {
                    node.canvas(room).map_or(0, |canvas| canvas.painted())
                };
                if self.driver.call(move |node, _| shown(node)).await.unwrap() >= cells {
                    return;
                }
                self.events.next().await.expect("the node runs");
            }
        };
        tokio::time::timeout(DEADLINE, painted).await.expect("the cells in time");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_native_peers_paint_one_canvas() {
    let (server, stop) = serve().await;
    let (mut ada, mut ben) = (Peer::start(1, None), Peer::start(2, None));
    let (ada_room, address) = ada.create(server, true).await;

    // What was there before, what both paint at the same time, and a cell that both want.
    let early: Vec<_> = (0..48).map(|y| (y, y, Colour::rgb(1, 2, 3))).collect();
    ada.paint(ada_room, early).await;
    let ben_room = ben.join(&address).await;
    ben.wait_painted(ben_room, 48).await;
    ada.paint(ada_room, vec![(60, 1, Colour::rgb(255, 0, 0)), (63, 47, Colour::rgb(9, 9, 9))]).await;
    ben.paint(ben_room, vec![(61, 1, Colour::rgb(0, 255, 0)), (63, 47, Colour::rgb(8, 8, 8))]).await;
    ada.wait_painted(ada_room, 51).await;
    ben.wait_painted(ben_room, 51).await;
    let equal = async {
        while ada.digest(ada_room).await != ben.digest(ben_room).await {
            tokio::select! {
                event = ada.events.next() => event.expect("the node runs"),
                event = ben.events.next() => event.expect("the node runs"),
            };
        }
    };
    tokio::time::timeout(DEADLINE, equal).await.expect("equal canvases in time");

    // The meeting point may go: the link stays.
    drop(stop);
    ada.wait("loss of the server", |event| {
        matches!(event, Event::Server { state: ServerState::Away { .. }, .. }).then_some(())
    })
    .await;
    ada.paint(ada_room, vec![(0, 47, Colour::rgb(4, 4, 4))]).await;
    ben.wait_painted(ben_room, 52).await;
    assert_eq!(ada.digest(ada_room).await, ben.digest(ben_room).await);

    let goodbye = ada.driver.endpoint();
    ada.driver.shut_down().await;
    ben.wait("goodbye", |event| {
        matches!(event, Event::MemberDetached { endpoint, .. } if *endpoint == goodbye).then_some(())
    })
    .await;
    assert_eq!(ada.driver.call(|_, _| ()).await, Err(DriverStopped));
    while ada.events.next().await.is_some() {}
    ben.driver.shut_down().await;
}

/// Hands out what it was given.
struct Memory(mpsc::Sender<(RoomId, StoreChange)>);

impl Store for Memory {
    fn apply_all(&mut self, changes: &[(RoomId, StoreChange)]) -> Result<(), StoreError> {
        for change in changes {
            self.0.send(change.clone()).map_err(|_| StoreError::new("nobody listens"))?;
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keeper_stores_before_it_acknowledges() {
    let (server, _stop) = serve().await;
    let (stored, store) = mpsc::channel();
    let (mut keeper, mut painter) = (Peer::start(3, Some(Box::new(Memory(stored)))), Peer::start(4, None));
    let (_, address) = keeper.create(server, false).await;
    let room = painter.join(&address).await;
    painter.paint(room, vec![(5, 6, Colour::rgb(7, 7, 7))]).await;
    let by = painter
        .wait("acknowledgement", |event| match event {
            Event::Acknowledged { by, stored: true, .. } => Some(*by),
            _ => None,
        })
        .await;
    assert_eq!(by, keeper.driver.endpoint());
    let mut rooms = BTreeMap::<RoomId, StoreChange>::new();
    for (room, change) in store.try_iter() {
        let whole = rooms.entry(room).or_default();
        whole.genesis = whole.genesis.take().or(change.genesis);
        whole.insert.extend(change.insert);
    }
    let kept = rooms.into_values().next().expect("a stored room");
    assert!(kept.genesis.is_some(), "the room itself is stored");
    assert!(kept.insert.iter().any(|(key, _)| key.author == painter.driver.endpoint()));
    keeper.driver.shut_down().await;
    painter.driver.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_texts_link_serverless_peers_and_introduce_others() {
    let (server, stop) = serve().await;
    let (mut ada, mut ben, mut eve) = (Peer::start(8, None), Peer::start(9, None), Peer::start(10, None));
    let (ada_room, address) = ada.create(server, true).await;
    let ben_room = ben.join(&address).await;
    ben.paint(ben_room, vec![(1, 1, Colour::rgb(1, 2, 3))]).await;
    ada.wait_painted(ada_room, 1).await;
    drop(stop);
    ada.wait("loss of the server", |event| {
        matches!(event, Event::Server { state: ServerState::Away { .. }, .. }).then_some(())
    })
    .await;

    let joined = eve.driver.call(move |node, now| node.join_room(now, address, None)).await;
    let eve_room = joined.unwrap().unwrap();
    ada.driver.call(move |node, now| node.room_mut(now, ada_room).invite()).await.unwrap().unwrap();
    let invitation = ada.wait("invitation", text_of).await;
    assert!(invitation.len() < 1500, "{} characters fit a picture code", invitation.len());
    let taken = eve.driver.call(move |node, now| node.room_mut(now, eve_room).take_text(&invitation)).await;
    taken.unwrap().expect("a good invitation");
    let reply = eve.wait("reply", text_of).await;
    ada.driver.call(move |node, now| node.room_mut(now, ada_room).take_text(&reply)).await.unwrap().unwrap();
    eve.wait_painted(eve_room, 1).await;
    let ben_endpoint = ben.driver.endpoint();
    eve.wait("introduction", |event| {
        matches!(event, Event::MemberAttached { endpoint, .. } if *endpoint == ben_endpoint).then_some(())
    })
    .await;
    for peer in [ada, ben, eve] {
        peer.driver.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn direct_messages_beyond_the_queue_arrive_in_order() {
    const COUNT: u32 = 3000;
    let (server, _stop) = serve().await;
    let (mut ada, mut ben) = (Peer::start(11, None), Peer::start(12, None));
    let (room, address) = ada.create(server, false).await;
    ben.join(&address).await;
    let attached = |event: &Event| matches!(event, Event::MemberAttached { .. }).then_some(());
    ada.wait("member", attached).await;
    ben.wait("member", attached).await;
    let (driver, to) = (ada.driver.clone(), Addressee::new(room, ben.driver.endpoint()));
    let addressee = to.clone();
    let sending = tokio::spawn(async move {
        let messages = (0..COUNT).map(|number| [number.to_be_bytes().as_slice(), &[0; 1020]].concat());
        driver.send_direct_all(addressee, messages).await
    });
    let mut next = 0;
    ben.wait("last message", |event| {
        if let Event::Direct { bytes, .. } = event {
            assert_eq!(bytes[..4], u32::to_be_bytes(next), "in their order");
            assert_eq!(bytes.len(), 1024);
            next += 1;
        }
        (next == COUNT).then_some(())
    })
    .await;
    let last = sending.await.unwrap().expect("a linked endpoint that reads");
    let is_last = |through: DirectToken| Some(through) == last;
    ada.wait("word that all were taken", |event| match event {
        Event::DirectEnded { through, end: DirectEnd::Taken, .. } => is_last(*through).then_some(()),
        _ => None,
    })
    .await;
    let stranger = Identity::from_secret([99; 32]).peer();
    let nobody = Endpoint { peer: stranger, instance: Instance(1) };
    let refused = ada.driver.send_direct(Addressee::new(room, nobody), vec![1]).await;
    assert_eq!(refused, Err(SendError::Refused(CommandError::NotLinked(nobody))));
    ada.driver.shut_down().await;
    assert_eq!(ada.driver.send_direct(to, vec![1]).await, Err(SendError::Stopped(DriverStopped)));
    ben.driver.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_reader_blocks_sender_and_loses_no_message() {
    // With what is added for each, twice what a neighbour keeps.
    const COUNT: u32 = 30_000;
    let (server, _stop) = serve().await;
    let (mut ada, mut ben) = (Peer::start(13, None), Peer::start(14, None));
    let (room, address) = ada.create(server, false).await;
    ben.join(&address).await;
    let attached = |event: &Event| matches!(event, Event::MemberAttached { .. }).then_some(());
    ada.wait("member", attached).await;
    ben.wait("member", attached).await;
    let (driver, to) = (ada.driver.clone(), Addressee::new(room, ben.driver.endpoint()));
    let sending = tokio::spawn(async move {
        driver.send_direct_all(to, (0..COUNT).map(|number| number.to_be_bytes().to_vec())).await
    });
    // It is full where nobody reads, and its neighbour has all that it keeps under way.
    let is_full = async || {
        let most = ben.driver.call(|node, _| (node.takes_direct(), node.usage().retained_bytes_most)).await;
        let kept = ada.driver.call(|node, _| node.usage().retained_bytes_most).await;
        let (takes, waiting) = most.unwrap();
        !takes && waiting > 0 && kept.unwrap() > RETAINED_MAX - 1024
    };
    let filled = tokio::time::timeout(DEADLINE, async { while !is_full().await {} });
    filled.await.expect("it is full in time");
    assert!(!sending.is_finished(), "who sends waits");
    let mut next = 0;
    ben.wait("last message", |event| {
        if let Event::Direct { bytes, .. } = event {
            assert_eq!(bytes[..], u32::to_be_bytes(next), "each once, in their order");
            next += 1;
        }
        (next == COUNT).then_some(())
    })
    .await;
    sending.await.unwrap().expect("an endpoint that reads in the end");
    ada.driver.shut_down().await;
    ben.driver.shut_down().await;
}

/// The text of an invitation or a reply.
fn text_of(event: &Event) -> Option<String> {
    match event {
        Event::Invitation { text, .. } | Event::Reply { text, .. } => Some(text.clone()),
        _ => None,
    }
}

#[tokio::test]
async fn an_unreachable_server_is_told_in_words() {
    // A port that was free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut peer = Peer::start(5, None);
    let address: RoomAddress = format!("http://{free}/place/AAAAAA").parse().unwrap();
    peer.driver.call(move |node, now| node.join_room(now, address, None)).await.unwrap().unwrap();
    let reason = peer
        .wait("word of the server", |event| match event {
            Event::Server { state: ServerState::Away { reason }, .. } => Some(reason.clone()),
            _ => None,
        })
        .await;
    assert!(reason.contains("nothing listens"), "{reason}");
    peer.driver.shut_down().await;
}

#[tokio::test]
async fn stores_of_version_1_are_named_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rooms.redb");
    let mut store = RedbStore::open(&path).unwrap();
    let room = RoomId([7; 32]);
    let author = Endpoint { peer: Identity::from_secret([1; 32]).peer(), instance: Instance(1) };
    let change = StoreChange {
        genesis: Some(b"\x01 and what followed".to_vec()),
        records: Some(b"records".to_vec()),
        insert: vec![(BatchKey { author, sequence: 1, id: ShortId([0; 16]) }, b"batch".to_vec())],
        ..StoreChange::default()
    };
    store.apply_all(&[(room, change)]).unwrap();
    let (stored, bytes) = (store.load(room).unwrap(), fs::read(&path).unwrap());
    assert!(stored.is_some());

    let mut peer = Peer::start(14, Some(Box::new(store.clone())));
    let address: RoomAddress = "http://127.0.0.1:1/place/AAAAAA".parse().unwrap();
    let (address, given) = (address.with_keys(RoomKeys { room, secrets: None }), stored.clone());
    peer.driver.call(move |node, now| node.join_room(now, address, given)).await.unwrap().unwrap();
    let words = peer
        .wait("refusal", |event| match event {
            Event::RoomRefused { reason, .. } => Some(reason.to_string()),
            _ => None,
        })
        .await;
    assert!(words.contains("made by Meshwork 0.1"), "{words}");
    peer.driver.shut_down().await;
    assert_eq!((store.load(room).unwrap(), fs::read(&path).unwrap()), (stored, bytes));
}

#[tokio::test]
async fn driver_stops_when_its_last_handle_is_dropped() {
    let Peer { driver, mut events } = Peer::start(6, None);
    let copy = driver.clone();
    drop(driver);
    assert_eq!(copy.call(|node, _| node.endpoint()).await, Ok(copy.endpoint()));
    drop(copy);
    let ended = tokio::time::timeout(DEADLINE, async { while events.next().await.is_some() {} });
    ended.await.expect("the end in time");
}

#[test]
fn a_driver_needs_a_runtime() {
    let options = Options::new(meshwork_place::make, Config::default(), Identity::from_secret([7; 32]));
    assert!(start(options).is_err());
}
