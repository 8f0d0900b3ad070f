//! Endpoints on the local network of this machine, with no server.

use std::net::UdpSocket;
use std::time::Duration;

use meshwork::{BindError, Endpoint, Event, JoinError, Lan, Store, chat, place};

/// The interface of the machine itself.
const LOOPBACK: &str = if cfg!(target_os = "linux") { "lo" } else { "lo0" };

/// A network of its own: other tests use other ports.
fn network() -> Lan {
    let free = UdpSocket::bind("0.0.0.0:0").unwrap();
    let port = free.local_addr().unwrap().port();
    Lan::default().interface(LOOPBACK).shared_port(port).announce(Duration::from_secs(5))
}

async fn endpoint(name: &str, lan: &Lan) -> Endpoint {
    Endpoint::builder().name(name).lan(lan.clone()).bind().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn rooms_are_found_by_link_and_by_code() {
    let lan = network();
    let (ann, bo, cy) = (endpoint("Ann", &lan).await, endpoint("Bo", &lan).await, endpoint("Cy", &lan).await);
    let room = ann.create(place::canvas(10, 10)).await.unwrap();
    let (link, code) = (room.link().to_string(), room.code().expect("a code"));
    assert!(link.starts_with("meshwork:place#"), "{link}");
    let same = bo.join(&link).await.unwrap();
    let mut changes = room.canvas().watch();
    same.canvas().fill(1..2, 1..2, [200, 30, 30]).await.unwrap();
    changes.next().await.expect("the cell arrives");
    let by_code = cy.join(code).await.unwrap();
    assert_eq!(by_code.link().to_string(), link, "who came by the code passes on the link");
    assert!(cy.join(code).await.unwrap().members().await.is_ok(), "a further handle");
    for endpoint in [ann, bo, cy] {
        endpoint.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn private_rooms_open_by_their_whole_link() {
    let lan = network();
    let (ann, bo) = (endpoint("Ann", &lan).await, endpoint("Bo", &lan).await);
    let room = ann.create(chat::room().private()).await.unwrap();
    bo.join(room.link()).await.unwrap();
    let cy = endpoint("Cy", &lan).await;
    let by_code = cy.join(room.code().expect("a code")).await;
    assert!(matches!(by_code, Err(JoinError::WrongSecret | JoinError::Unknown { .. })), "{by_code:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_enters_the_same_commons() {
    let lan = network();
    let (ann, bo) = (endpoint("Ann", &lan).await, endpoint("Bo", &lan).await);
    let here = ann.commons(chat::room()).await.unwrap();
    let (post, _) = here.chat().post("Ferry leaves at 9:40.").await.unwrap();
    let there = bo.commons(chat::room()).await.unwrap();
    assert_eq!(here.id(), there.id());
    there.joined().await.unwrap();
    there.in_step().await.unwrap();
    let posts = there.chat().newest(None, 10).await.unwrap();
    assert!(posts.iter().any(|read| read.id == post), "{posts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_address_is_refused_with_the_network() {
    let bound = Endpoint::builder().lan(network()).hide_address().bind().await;
    assert!(matches!(bound, Err(BindError::HiddenOnLan)), "{bound:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_left_comes_back() {
    let lan = network();
    let (ann, bo) = (endpoint("Ann", &lan).await, endpoint("Bo", &lan).await);
    let room = ann.create(place::canvas(10, 10)).await.unwrap();
    let (link, mut events) = (room.link().to_string(), room.events());
    bo.join(&link).await.unwrap();
    bo.close().await;
    while !matches!(events.next().await.expect("the room is open"), Event::Left { .. }) {}
    let again = endpoint("Bo", &lan).await;
    let same = again.join(&link).await.unwrap();
    same.canvas().fill(3..4, 3..4, [200, 30, 30]).await.unwrap();
    while !matches!(events.next().await.expect("the room is open"), Event::Joined(_)) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_named_commons_is_stored() {
    for (new, expected) in [(chat::room().named("club"), 1), (chat::room(), 0)] {
        let folder = tempfile::tempdir().unwrap();
        let bind = async || Endpoint::builder().store(Store::at(folder.path())).bind().await.unwrap();
        let first = bind().await;
        let room = first.commons(new.clone()).await.unwrap();
        room.chat().post("Ferry leaves at 9:40.").await.unwrap();
        first.close().await;
        let again = bind().await;
        let room = again.commons(new).await.unwrap();
        room.restored().await.unwrap();
        assert_eq!(room.chat().newest(None, 10).await.unwrap().len(), expected);
        assert_eq!(again.rooms().await.unwrap().len(), expected);
        again.close().await;
    }
}

#[tokio::test]
async fn a_range_of_taken_ports_is_named() {
    let taken = UdpSocket::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let bound = Endpoint::builder().lan(network().ports(port..=port)).bind().await;
    let words = bound.map(|_| ()).unwrap_err().to_string();
    assert!(words.contains(&format!("no UDP port of {port} to {port} is free")), "{words}");
}
