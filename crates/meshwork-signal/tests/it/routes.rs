//! Routes of others in a server, over plain HTTP.

use std::time::Duration;

use axum::Router;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::routing::{get, post};
use meshwork_signal::http::{HttpConfig, RouteContext};
use meshwork_signal::hub::HubConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::common::{Server, soon, trusting};

/// A server whose routes tell their context.
async fn telling(config: HttpConfig) -> Server {
    let tell = async |context: RouteContext| {
        format!("{} {} {}", context.network(), context.address_of("/shelf/x"), context.base_path())
    };
    let routes = Router::new().route("/shelf/tell", get(tell)).route("/shelf/{word}", get("a word"));
    Server::with_routes(HubConfig::default(), config, [1; 32], [routes]).await
}

#[tokio::test]
async fn routes_answer_with_security_headers() {
    let policy = "sandbox; default-src 'none'";
    let framed = async move || ([(CONTENT_SECURITY_POLICY, policy)], "framed");
    let routes = Router::new().route("/shelf", get("shelf")).route("/shelf/frame", get(framed));
    let server = Server::with_routes(HubConfig::default(), trusting(), [1; 32], [routes]).await;
    for (path, policy) in [("/shelf", "default-src 'self'; script-src 'self'"), ("/shelf/frame", policy)] {
        let answer = server.request(&format!("GET {path} HTTP/1.1")).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains(&format!("\r\ncontent-security-policy: {policy}")), "{answer}");
        assert_eq!(answer.matches("content-security-policy").count(), 1, "{answer}");
        assert!(answer.contains("x-content-type-options: nosniff"), "{answer}");
    }
    let answer = server.request("POST /shelf HTTP/1.1\r\ncontent-length: 0").await;
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
}

#[tokio::test]
async fn routes_stand_between_own_addresses_and_pages() {
    let first = Router::new().route("/shelf", get("first")).route("/health", get("never"));
    let second = Router::new()
        .route("/shelf", get("second"))
        .route("/sync/{code}", get("a code"))
        .route("/signal", get("never"))
        .fallback(async || "never");
    let server = Server::with_routes(HubConfig::default(), trusting(), [1; 32], [first, second]).await;
    for (path, end) in [
        ("/shelf", "first"),
        ("/sync/K7M4QX", "a code"),
        ("/health", "OK"),
        ("/", "<!doctype html>"),
        ("/nothing", "There is nothing at /nothing. The start page is at /.\n"),
        ("/signal", "Programs speak WebSocket here.\n"),
    ] {
        let answer = server.request(&format!("GET {path} HTTP/1.1")).await;
        assert!(answer.ends_with(end), "{path}: {answer}");
    }
}

#[tokio::test]
async fn addresses_of_routes_begin_with_the_public_one() {
    let server = telling(trusting()).await;
    let answer = server.request("GET /shelf/tell HTTP/1.1").await;
    assert!(answer.ends_with("\r\n127.0.0.1/32 http://localhost/shelf/x "), "{answer}");
    let lines = "x-forwarded-for: 2001:db8:7::9\r\nx-forwarded-proto: https";
    let answer = server.request(&format!("GET /shelf/tell HTTP/1.1\r\n{lines}")).await;
    assert!(answer.ends_with("\r\n2001:db8:7::/64 https://localhost/shelf/x "), "{answer}");

    let below = HttpConfig { public_url: Some("https://x.org/mesh".into()), ..HttpConfig::default() };
    let server = telling(below).await;
    // Some proxies take the path away, others leave it.
    for path in ["/mesh/shelf/tell", "/shelf/tell"] {
        let answer = server.request(&format!("GET {path} HTTP/1.1")).await;
        assert!(answer.ends_with("\r\n127.0.0.1/32 https://x.org/mesh/shelf/x /mesh"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn routes_are_behind_the_shares_of_networks() {
    let config = HttpConfig { requests_per_second: 1, request_burst: 10, ..HttpConfig::default() };
    let server = telling(config).await;
    let mut refused = 0;
    for _ in 0..20 {
        let answer = server.request("GET /shelf/x HTTP/1.1").await;
        refused += usize::from(answer.starts_with("HTTP/1.1 429 "));
        assert!(refused > 0 || answer.ends_with("a word"), "{answer}");
    }
    assert!(refused >= 5, "{refused} of 20 were refused");
}

#[tokio::test]
async fn bodies_that_pause_are_ended() {
    let config = HttpConfig { head_within: Duration::from_millis(300), ..HttpConfig::default() };
    let routes = Router::new().route("/shelf", post(async |body: String| body));
    let server = Server::with_routes(HubConfig::default(), config, [1; 32], [routes]).await;
    let answer = server.request("POST /shelf HTTP/1.1\r\ncontent-length: 0").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"POST /shelf HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf").await.unwrap();
    let mut answer = String::new();
    soon(stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}
