//! Endpoints on the local network of this machine, with no server.

use std::net::UdpSocket;
use std::time::Duration;

use meshwork::{BindError, Endpoint, JoinError, Lan, chat, place};

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
