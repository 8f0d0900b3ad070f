//! Native peers that hide their address meet through a real relay, over UDP and over TCP, and move to a direct path
//! when they no longer hide: nothing is lost, nothing comes twice.

#![cfg(not(target_arch = "wasm32"))]

use std::sync::Arc;
use std::time::Duration;

use meshwork_core::id::Identity;
use meshwork_core::node::{Config, Event, LinkState, RoomHandle};
use meshwork_core::seam::lane::{DIRECT_MAX, DirectEnd};
use meshwork_core::seam::path::{LinkPath, PathEnd, RelayTransport};
use meshwork_core::signalling::address::RoomAddress;
use meshwork_place::canvas::CanvasSize;
use meshwork_rtc::native::{Addressee, Addresses, Driver, Events, Options, start};
use meshwork_signal::code::ServerKey;
use meshwork_signal::http::{self, HttpConfig, NoPages};
use meshwork_signal::hub::{Hub, HubConfig, IceOffer, RelayOffer};
use meshwork_signal::turn::{self, Listeners, RelayAddress, Secret};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The longest that one step may take, on a busy machine.
const DEADLINE: Duration = Duration::from_secs(120);
/// Messages of the greatest length that make ten megabytes.
const MESSAGES: usize = 160;

/// A relay on a free port, and a meeting point that tells of it.
async fn serve(transport: RelayTransport) -> (turn::serve::Server, String, JoinHandle<()>) {
    let local = "127.0.0.1".parse().unwrap();
    let secret = Secret::from_random([7; 32]);
    let mut config = turn::Config::new(secret.clone(), vec![RelayAddress { bind: local, advertised: local }]);
    // What one may have suffices for people, and not for a test in a hurry.
    (config.per_endpoint, config.per_room, config.per_address) =
        (config.in_all, config.in_all, config.in_all);
    let listeners = Listeners::bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
    let relay = turn::serve(config, [8; 32], listeners).unwrap();
    let words = if transport == RelayTransport::Tcp { "?transport=tcp" } else { "" };
    let port = relay.udp_addresses()[0].port();
    let offer = RelayOffer { urls: vec![format!("turn:*:{port}{words}")], secret };
    let ice = IceOffer { stun: vec![format!("stun:*:{port}")], relays: vec![offer] };
    let config = HubConfig { ice, ..HubConfig::default() };
    let hub = Hub::new(config, ServerKey::new([1; 32]), [2; 32]).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let pages = Arc::new(NoPages);
    let serving = tokio::spawn(async move {
        http::serve(listener, hub, pages, HttpConfig::default(), std::future::pending()).await;
    });
    (relay, server, serving)
}

struct Peer {
    driver: Driver,
    events: Events,
    /// Direct messages heard, whose numbers must follow each other.
    heard: usize,
    states: Vec<(LinkState, Option<String>)>,
}

impl Peer {
    fn start(name: u8) -> Peer {
        let config = Config { hides_address: true, ..Config::default() };
        let identity = Identity::from_secret([name; 32]);
        let options = Options {
            addresses: Addresses::loopback(),
            ..Options::new(meshwork_place::make, config, identity)
        };
        let (driver, events) = start(options).unwrap();
        Peer { driver, events, heard: 0, states: Vec::new() }
    }

    /// Reads events until `is_done` says so of what was seen so far.
    async fn until(&mut self, what: &str, mut is_done: impl FnMut(&Peer, &Event) -> bool) {
        let reading = async {
            loop {
                let event = self.events.next().await.expect("the node runs");
                match &event {
                    Event::Direct { bytes, .. } => {
                        assert_eq!(*bytes, message(self.heard), "whole, in order, none twice");
                        self.heard += 1;
                    }
                    Event::DirectEnded { messages, end, reason, .. } => {
                        assert_eq!(*end, DirectEnd::Taken, "{messages}: {reason:?}");
                    }
                    Event::Link { state, reason, .. } => self.states.push((*state, reason.clone())),
                    _ => {}
                }
                if is_done(self, &event) {
                    return;
                }
            }
        };
        let waited = tokio::time::timeout(DEADLINE, reading).await;
        waited.unwrap_or_else(|_| panic!("no {what}: {:?}", self.states));
    }

    async fn until_linked(&mut self, state: LinkState) {
        let is_it = move |peer: &Peer| peer.states.last().is_some_and(|(last, _)| *last == state);
        if !is_it(self) {
            self.until(&format!("link that is {state}"), move |peer, _| is_it(peer)).await;
        }
    }

    async fn set_hides(&self, hides: bool) {
        self.driver.call(move |node, now| node.set_hides_address(now, hides)).await.unwrap();
    }

    async fn path(&self, room: RoomHandle) -> LinkPath {
        let path =
            self.driver.call(move |node, _| node.room(room).peers().first().and_then(|peer| peer.path)).await;
        path.unwrap().expect("a link")
    }
}

fn message(number: usize) -> Vec<u8> {
    let mut bytes = vec![(number % 251) as u8; DIRECT_MAX];
    bytes[..8].copy_from_slice(&(number as u64).to_be_bytes());
    bytes
}

fn send(driver: &Driver, to: Addressee, numbers: std::ops::Range<usize>) -> JoinHandle<()> {
    let driver = driver.clone();
    tokio::spawn(async move {
        driver.send_direct_all(to, numbers.map(message)).await.unwrap();
    })
}

async fn meet(ada: &mut Peer, ben: &mut Peer, server: String) -> (RoomHandle, RoomHandle) {
    let spec = meshwork_place::room_spec(server, CanvasSize { width: 64, height: 48 }, true);
    let room = ada.driver.call(move |node, now| node.create_room(now, spec)).await.unwrap().unwrap();
    ada.until("registration", |_, event| matches!(event, Event::RoomRegistered { .. })).await;
    let address: Option<RoomAddress> =
        ada.driver.call(move |node, _| node.room(room).address()).await.unwrap();
    let address = address.expect("a registered room has an address");
    let joined = ben.driver.call(move |node, now| node.join_room(now, address, None)).await.unwrap();
    (room, joined.unwrap())
}

async fn hidden_then_shown(transport: RelayTransport) {
    let (_relay, server, serving) = serve(transport).await;
    let (mut ada, mut ben) = (Peer::start(1), Peer::start(2));
    let (room, _) = meet(&mut ada, &mut ben, server).await;
    ada.until_linked(LinkState::Relayed).await;
    ben.until_linked(LinkState::Relayed).await;
    let reason = ada.states.last().and_then(|(_, reason)| reason.as_deref());
    assert_eq!(reason, Some("you hide your address"));
    let relayed = Some(PathEnd::Relayed);
    let expected = LinkPath { local: relayed, remote: relayed, relay: Some(transport), address: None };
    assert_eq!(ada.path(room).await, expected);

    let to = Addressee::new(room, ben.driver.endpoint());
    let sending = send(&ada.driver, to.clone(), 0..MESSAGES);
    ben.until("ten megabytes", |peer, _| peer.heard == MESSAGES).await;
    sending.await.unwrap();

    // What goes on while the path changes arrives all the same.
    let sending = send(&ada.driver, to, MESSAGES..MESSAGES + 40);
    ada.set_hides(false).await;
    ben.set_hides(false).await;
    ben.until_linked(LinkState::Direct).await;
    ada.until_linked(LinkState::Direct).await;
    let direct = ada.path(room).await;
    assert!(direct.address.is_some(), "{direct:?}");
    assert_eq!(LinkPath { address: None, ..direct }, LinkPath::HOSTS);
    if ben.heard < MESSAGES + 40 {
        ben.until("the rest", |peer, _| peer.heard == MESSAGES + 40).await;
    }
    sending.await.unwrap();
    let was_gone = |peer: &Peer| {
        let since = peer.states.iter().skip_while(|(state, _)| *state != LinkState::Relayed);
        since.clone().any(|(state, _)| *state == LinkState::Gone)
    };
    assert!(!was_gone(&ada) && !was_gone(&ben), "nobody was gone meanwhile: {:?}", ada.states);
    serving.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transfer_moves_from_udp_relay_to_direct_path() {
    hidden_then_shown(RelayTransport::Udp).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transfer_moves_from_tcp_relay_to_direct_path() {
    hidden_then_shown(RelayTransport::Tcp).await;
}
