use std::net::{Ipv4Addr, UdpSocket};

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
async fn a_range_without_a_free_port_is_an_error() {
    let taken = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = words(Options { ports: port..=port, ..options() });
    assert!(error.contains(&format!("no UDP port of {port} to {port} is free")), "{error}");
    #[expect(clippy::reversed_empty_ranges, reason = "the test")]
    let error = words(Options { ports: 9..=8, ..options() });
    assert!(error.contains("the range is empty"), "{error}");
}

#[tokio::test]
async fn a_shared_port_of_another_program_is_an_error() {
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
