//! Rooms on the local network, with no server anywhere.

use std::net::UdpSocket;

use super::support::{Home, Running};

/// The interface of the machine itself.
const LOOPBACK: &str = if cfg!(target_os = "linux") { "lo" } else { "lo0" };

/// Options of a network of its own: other tests use other ports.
pub(crate) fn network() -> [String; 5] {
    let free = UdpSocket::bind("0.0.0.0:0").unwrap();
    let port = free.local_addr().unwrap().port().to_string();
    ["--lan".into(), "--interface".into(), LOOPBACK.into(), "--lan-port".into(), port]
}

fn start(home: &Home, words: &[&str], network: &[String; 5]) -> Running {
    home.start(words.iter().copied().chain(network.iter().map(String::as_str)))
}

#[test]
fn two_machines_paint_with_no_server() {
    let (ann, bo, cy) = (Home::new(), Home::new(), Home::new());
    let network = network();
    let mut made = start(&ann, &["place", "create", "--json"], &network);
    let line = made.line("the link", |line| line.contains("link"));
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    let (link, code) = (line["link"].as_str().unwrap(), line["code"].as_str().unwrap());
    assert!(link.starts_with("meshwork:place#") && !link.contains(";at="), "{link}");

    let mut watch = start(&bo, &["place", "watch", link], &network);
    watch.event("room", |line| line["state"] == "opened");
    watch.event("linked", |_| true);
    let pixels = ["1,1,#000000", "2,1,#000000", "3,1,#000000"];
    let paint = ["place", "paint", code, "--pixel", pixels[0], pixels[1], pixels[2]];
    start(&cy, &paint, &network).end().expect_code(0);
    watch.event("stroke", |line| line["count"] == 3);
    made.interrupt();
    made.end().expect_code(0);
    watch.interrupt();
    watch.end().expect_code(0);
}

#[test]
fn hidden_addresses_exclude_the_local_network() {
    let home = Home::new();
    let refused = home.run(["place", "create", "--lan", "--hide-address"]);
    refused.expect_code(2).expect_words(&["--hide-address", "cannot be used with", "--lan"]);
    let refused = home.run(["place", "watch", "K7M4QX"]);
    refused.expect_code(2).expect_words(&["--lan"]);
}
