//! Ports, times and conversations of a driver, and two drivers of one machine.

use std::net::{Ipv4Addr, UdpSocket};

use meshwork_core::id::{Identity, Instance, RoomId};
use meshwork_core::signalling::announce::{announce, prove_entry};
use meshwork_core::signalling::protocol::{Announcement, FromClient, FromServer, VERSIONS};
use meshwork_core::signed::app::AppParameters;
use meshwork_core::signed::genesis::Commons;
use meshwork_core::wire::{Base64, BoundedText};

use super::*;

/// The interface of the machine itself.
const LOOPBACK: &str = if cfg!(target_os = "linux") { "lo" } else { "lo0" };

fn free_port() -> u16 {
    UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap().local_addr().unwrap().port()
}

/// Options of a network of its own: other tests use other ports.
fn options() -> Options {
    Options {
        announce: Duration::from_secs(5),
        ports: 0..=0,
        shared_port: free_port(),
        interfaces: vec![LOOPBACK.to_owned()],
        mdns: false,
        ..Options::default()
    }
}

fn words(options: Options) -> String {
    Lan::start(options).map(|lan| lan.port()).unwrap_err().to_string()
}

#[tokio::test]
async fn a_taken_port_leads_to_the_next() {
    let taken = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let range = port..=port.saturating_add(20);
    let lan = Lan::start(Options { ports: range.clone(), ..options() }).unwrap();
    assert!(range.contains(&lan.port()) && lan.port() != port, "{}", lan.port());
}

#[tokio::test]
async fn a_range_without_free_port_is_refused() {
    let taken = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = words(Options { ports: port..=port, ..options() });
    assert!(error.contains(&format!("no UDP port of {port} to {port} is free")), "{error}");
    #[expect(clippy::reversed_empty_ranges, reason = "the test")]
    let error = words(Options { ports: 9..=8, ..options() });
    assert!(error.contains("the range is empty"), "{error}");
}

#[tokio::test]
async fn a_taken_shared_port_is_refused() {
    let taken = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = words(Options { shared_port: port, ..options() });
    assert!(error.contains(&format!("the shared UDP port {port} cannot be opened")), "{error}");
}

#[tokio::test]
async fn times_have_limits() {
    let error = words(Options { announce: Duration::from_secs(4), ..options() });
    assert_eq!(error, "announce interval of 4s is outside 5s to 600s");
    let error = words(Options { timeout: Duration::from_secs(9), ..options() });
    assert_eq!(error, "timeout of 9s is below twice the announce interval of 5s");
}

#[test]
fn a_runtime_is_required() {
    assert!(Lan::start(options()).is_err());
}

/// A conversation as a node has it.
async fn converse(lan: &Lan) -> (mpsc::Sender<String>, mpsc::Receiver<ToNode>) {
    let (sender, from_node) = mpsc::channel(16);
    let (to_node, inputs) = mpsc::channel(16);
    lan.converse(from_node, to_node).await;
    (sender, inputs)
}

#[tokio::test]
async fn a_newer_conversation_ends_the_former() {
    let lan = Lan::start(options()).unwrap();
    let (_first, mut former) = converse(&lan).await;
    let (_second, mut newer) = converse(&lan).await;
    let mut last = None;
    while let Some(input) = former.recv().await {
        last = Some(input);
    }
    assert!(
        matches!(&last, Some(ToNode::Down(reason)) if reason.contains("another conversation")),
        "{last:?}"
    );
    drop((_second, lan));
    while newer.recv().await.is_some() {}
}

#[tokio::test]
async fn the_last_handle_ends_the_task() {
    let lan = Lan::start(options()).unwrap();
    let (mut events, further) = (lan.events(), lan.clone());
    drop(lan);
    assert!(matches!(events.try_recv(), Err(broadcast::error::TryRecvError::Empty)));
    drop(further);
    assert!(matches!(events.recv().await, Err(broadcast::error::RecvError::Closed)));
}

/// A node, as far as a server sees it.
struct Node {
    identity: Identity,
    announcement: Announcement,
    to_server: mpsc::Sender<String>,
    inputs: mpsc::Receiver<ToNode>,
}

impl Node {
    /// Enters the network and joins the room of `genesis`.
    async fn enter(lan: &Lan, secret: u8, genesis: &[u8], room: RoomId) -> (Node, Vec<Announcement>) {
        let identity = Identity::from_secret([secret; 32]);
        let endpoint =
            meshwork_core::id::Endpoint { peer: identity.peer(), instance: Instance(secret.into()) };
        let announcement = announce(&identity, endpoint, [secret; 32]);
        let (to_server, inputs) = converse(lan).await;
        let mut node = Node { identity, announcement, to_server, inputs };
        let challenge = node.next(|heard| match heard {
            FromServer::Welcome { challenge, .. } => Some(challenge),
            _ => None,
        });
        let challenge = challenge.await;
        let proof = prove_entry(&node.identity, endpoint, &challenge.array().unwrap());
        let proof = Base64::new(proof.to_vec()).unwrap();
        node.send(&FromClient::Enter { version: VERSIONS.1, announcement: node.announcement.clone(), proof })
            .await;
        node.send(&FromClient::Register { genesis: Base64::new(genesis.to_vec()).unwrap() }).await;
        node.next(|heard| matches!(heard, FromServer::Found { .. }).then_some(())).await;
        node.send(&FromClient::Join { room, token: None }).await;
        let members = node.next(|heard| match heard {
            FromServer::Joined { members, .. } => Some(members),
            _ => None,
        });
        let members = members.await;
        (node, members)
    }

    async fn send(&self, message: &FromClient) {
        self.to_server.send(serde_json::to_string(message).unwrap()).await.unwrap();
    }

    /// The next message that `choose` wants.
    async fn next<R>(&mut self, choose: impl Fn(FromServer) -> Option<R>) -> R {
        let search = async {
            loop {
                if let ToNode::Text(text) = self.inputs.recv().await.expect("the conversation goes on")
                    && let Some(found) = choose(serde_json::from_str(&text).unwrap())
                {
                    return found;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), search).await.expect("an answer")
    }
}

#[tokio::test]
async fn two_programs_of_one_machine_signal() {
    let options = options();
    let (first, second) = (Lan::start(options.clone()).unwrap(), Lan::start(options).unwrap());
    let app = "toy".parse().unwrap();
    let (genesis, room) = Commons {
        name: BoundedText::new("club").unwrap(),
        nonce: 0,
        app,
        parameters: AppParameters::new(Vec::new()).unwrap(),
    }
    .to_bytes();
    let (mut ann, _) = Node::enter(&first, 1, &genesis, room).await;
    let (mut bo, members) = Node::enter(&second, 2, &genesis, room).await;
    let joined = |heard| match heard {
        FromServer::MemberJoined { announcement, .. } => Some(announcement),
        _ => None,
    };
    assert_eq!(ann.next(joined).await.endpoint, bo.announcement.endpoint);
    if members.is_empty() {
        assert_eq!(bo.next(joined).await.endpoint, ann.announcement.endpoint);
    }
    // Three parts.
    let payload = Base64::new(vec![7; 2_500]).unwrap();
    let to = bo.announcement.endpoint;
    ann.send(&FromClient::Signal { room, to, payload: payload.clone() }).await;
    let signal = bo.next(|heard| match heard {
        FromServer::Signal { payload, .. } => Some(payload),
        _ => None,
    });
    assert_eq!(signal.await, payload);
    assert_eq!(first.seen().iter().map(|seen| seen.endpoint).collect::<Vec<_>>(), [to]);
    drop(bo);
    let left = |heard| matches!(heard, FromServer::MemberLeft { .. }).then_some(());
    ann.next(left).await;
}
