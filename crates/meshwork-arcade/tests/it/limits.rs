//! Who may publish, and how much.

use meshwork_arcade::Publishers;
use meshwork_signal::http::HttpConfig;

use crate::support::{Author, Server, package, package_with};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

#[tokio::test]
pub(crate) async fn only_named_keys_may_publish() {
    let folder = tempfile::tempdir().unwrap();
    let (mira, other) = (Author::new(1), Author::new(2));
    let keys = Publishers::Keys([mira.identity.peer()].into());
    let server = Server::with(folder.path(), HttpConfig::default(), |config| config.publishers = keys).await;
    server.publish(&mira, "A").await;
    let refused = server.try_publish(&other, &package("B"), None, 1).await;
    refused.expect_refusal(403, "does not let you publish");
    assert_eq!(server.arcade.counts().refused, 1);
}

#[tokio::test]
pub(crate) async fn networks_publish_few_games_a_day() {
    let folder = tempfile::tempdir().unwrap();
    let server =
        Server::with(folder.path(), HttpConfig::default(), |config| config.network_games_a_day = 2).await;
    for number in 1..=2 {
        server.publish(&Author::new(number), "A").await;
    }
    let refused = server.try_publish(&Author::new(3), &package("B"), None, 1).await;
    refused.expect_refusal(429, "published 2 games today");
    server.wait(DAY_MS);
    server.publish(&Author::new(4), "C").await;
}

#[tokio::test]
pub(crate) async fn the_own_machine_publishes_without_limit() {
    let folder = tempfile::tempdir().unwrap();
    let one_a_day = |config: &mut meshwork_arcade::ArcadeConfig| {
        (config.network_games_a_day, config.network_bytes_a_day) = (1, 2000);
    };
    let publish = async |server: &Server, number: u8, lines: &str| {
        let body = Author::new(number).publication(server, &package("A"), None, 1, false);
        server.request("POST", "/play/api/games", lines, &body).await
    };
    let server = Server::with(folder.path(), HttpConfig::default(), one_a_day).await;
    for number in 1..=5 {
        assert_eq!(publish(&server, number, "").await.status, 200);
    }
    // A proxy on this machine brings strangers, who share a limit.
    for (number, header) in
        ["via: 1.1 cache", "forwarded: for=192.0.2.9", "x-real-ip: 192.0.2.9"].iter().enumerate()
    {
        let answer = publish(&server, 10 + number as u8, &format!("{header}\r\n")).await;
        assert_eq!(answer.status, if number == 0 { 200 } else { 429 }, "{header}: {}", answer.text());
    }
    server.stop().await;
    let trusted =
        HttpConfig { trusted_proxies: vec!["127.0.0.1/32".parse().unwrap()], ..HttpConfig::default() };
    let server = Server::with(folder.path(), trusted, one_a_day).await;
    assert_eq!(publish(&server, 20, "").await.status, 200);
    publish(&server, 21, "").await.expect_refusal(429, "published 1 games today");
}

#[tokio::test]
pub(crate) async fn networks_publish_few_bytes_a_day() {
    let folder = tempfile::tempdir().unwrap();
    let server =
        Server::with(folder.path(), HttpConfig::default(), |config| config.network_bytes_a_day = 100_000)
            .await;
    let large = package_with("Large", &[("data", &[7; 90_000])]);
    let answer = server.try_publish(&Author::new(1), &large, None, 1).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let refused = server.try_publish(&Author::new(2), &large, None, 1).await;
    refused.expect_refusal(429, "100000 bytes");
    server.publish(&Author::new(3), "Small").await;
}

#[tokio::test]
pub(crate) async fn keys_have_few_games() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::with(folder.path(), HttpConfig::default(), |config| config.games_of_a_key = 1).await;
    let mira = Author::new(1);
    let game = server.publish(&mira, "A").await.code;
    let refused = server.try_publish(&mira, &package("B"), None, 1).await;
    refused.expect_refusal(429, "your key has 1 games");
    let version = server.try_publish(&mira, &package("A2"), Some(game), 2).await;
    assert_eq!(version.status, 200, "a version is no further game");
    server.publish(&Author::new(2), "B").await;
}

#[tokio::test]
pub(crate) async fn large_bodies_are_refused_unread() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let announced = server.announce("POST", "/play/api/games", 17 * 1024 * 1024).await;
    announced.expect_refusal(413, "a package has at most");
    // A first line that never ends.
    server.post(&[b'x'; 10_000]).await.expect_refusal(400, "no request of at most 4096 bytes");
}

#[tokio::test]
pub(crate) async fn other_origins_follow_the_allowed_ones() {
    let folder = tempfile::tempdir().unwrap();
    let http = HttpConfig { allowed_origins: vec!["https://friend.example".into()], ..HttpConfig::default() };
    let server = Server::with(folder.path(), http, |_| {}).await;
    let ask = async |method: &str, origin: &str| {
        server.request(method, "/play/api/games", &format!("origin: {origin}\r\n"), b"").await
    };
    let friend = ask("GET", "https://friend.example").await;
    assert!(friend.head.contains("access-control-allow-origin: https://friend.example"), "{}", friend.head);
    let preflight = ask("OPTIONS", "https://friend.example").await;
    assert!(preflight.status == 204 && preflight.head.contains("GET, POST, DELETE"), "{}", preflight.head);
    for method in ["GET", "OPTIONS"] {
        let stranger = ask(method, "https://stranger.example").await;
        assert!(!stranger.head.contains("access-control"), "{}", stranger.head);
    }
    ask("POST", "https://stranger.example").await.expect_refusal(403, "allowed_origins");
    ask("POST", "https://friend.example").await.expect_refusal(400, "no request");
    ask("POST", &server.url()).await.expect_refusal(400, "no request");
}

/// A developer's own server, on which everyone of the machine publishes.
#[tokio::test]
pub(crate) async fn other_pages_publish_on_no_unnamed_server() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let send = async |method: &str, origin: &str| {
        let headers = format!("content-type: text/plain\r\n{origin}");
        server.request(method, "/play/api/games", &headers, b"").await
    };
    for origin in ["https://evil.example", "null"] {
        let refused = send("POST", &format!("origin: {origin}\r\n")).await;
        refused.expect_refusal(403, "allowed_origins");
    }
    assert_eq!(send("GET", "origin: https://evil.example\r\n").await.status, 200, "it may read");
    send("POST", &format!("origin: {}\r\n", server.url())).await.expect_refusal(400, "no request");
    send("POST", "").await.expect_refusal(400, "no request");
}
