//! The pages and `/health` over plain HTTP: content types, caching, security headers, time limits.

use std::time::Duration;

use crate::common::{FRAME_POLICY, Server, soon};
use meshwork_signal::http::HttpConfig;
use meshwork_signal::hub::HubConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

fn has(answer: &str, line: &str) -> bool {
    answer.lines().any(|found| found.eq_ignore_ascii_case(line))
}

#[tokio::test]
async fn health_is_ok() {
    let answer = Server::start().await.request("GET /health HTTP/1.1").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nOK"), "{answer}");
}

#[tokio::test]
async fn every_room_is_the_one_page() {
    let server = Server::start().await;
    for path in ["/", "/place", "/place/K7M4QX", "/chat/K7M4QX", "/K7M4QX", "/?x=1"] {
        let answer = server.request(&format!("GET {path} HTTP/1.1")).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{path}: {answer}");
        assert!(answer.ends_with("<!doctype html>"), "{path}: {answer}");
        assert!(has(&answer, "content-type: text/html; charset=utf-8"), "{answer}");
        assert!(has(&answer, "cache-control: no-cache"), "{answer}");
    }
}

#[tokio::test]
async fn previews_name_pictures_by_their_whole_address() {
    let server = Server::start().await;
    let of = async |path: &str, lines: &str| {
        server.request(&format!("GET {path} HTTP/1.1\r\naccept-encoding: br{lines}")).await
    };
    let secure = "\r\nx-forwarded-for: 192.0.2.1\r\nx-forwarded-proto: https";
    for (lines, picture) in
        [("", "http://localhost/preview-sync.png"), (secure, "https://localhost/preview-sync.png")]
    {
        let answer = of("/sync/K7M4QX", lines).await;
        let page = format!("\r\n\r\n<meta content=\"{picture}\"><script src=\"/a.js\">");
        assert!(answer.ends_with(&page), "{answer}");
        assert!(!answer.contains("content-encoding"), "{answer}");
    }
    let tag = |answer: &str| answer.lines().find(|line| line.starts_with("etag: ")).unwrap().to_owned();
    assert_ne!(tag(&of("/sync", "").await), tag(&of("/sync", secure).await), "another page");
}

#[tokio::test]
async fn servers_answer_below_the_path_of_their_address() {
    let config = HttpConfig { public_url: Some("https://x.org/mesh".into()), ..HttpConfig::default() };
    let server = Server::with(HubConfig::default(), config, [1; 32]).await;
    // Some proxies take the path away, others leave it.
    for path in ["/mesh/sync/K7M4QX", "/sync/K7M4QX", "/mesh/sync", "/sync"] {
        let answer = server.request(&format!("GET {path} HTTP/1.1")).await;
        assert!(answer.contains("https://x.org/mesh/preview-sync.png"), "{path}: {answer}");
        assert!(answer.contains("src=\"/mesh/a.js\""), "{path}: {answer}");
    }
    for path in ["/mesh", "/mesh/", "/mesh/robots.txt", "/mesh/health", "/mesh/assets/1f0c/meshwork_bg.wasm"]
    {
        let answer = server.request(&format!("GET {path} HTTP/1.1")).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{path}: {answer}");
    }
    for path in ["/meshes/robots.txt", "/mesh/mesh/robots.txt"] {
        let answer = server.request(&format!("GET {path} HTTP/1.1")).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn every_answer_has_security_headers() {
    let server = Server::start().await;
    for path in ["/", "/health", "/nothing", "/signal"] {
        let answer = server.request(&format!("GET {path} HTTP/1.1")).await.to_lowercase();
        for part in [
            "script-src 'self' 'wasm-unsafe-eval';",
            "connect-src 'self' ws: wss:;",
            "frame-ancestors 'none'; frame-src 'self'\r\n",
            "referrer-policy: no-referrer",
            "x-content-type-options: nosniff",
            "permissions-policy: camera=(self)",
        ] {
            assert!(answer.contains(part), "{path}: {answer}");
        }
    }
}

#[tokio::test]
async fn pages_may_bring_their_own_policy() {
    let server = Server::start().await;
    let own = format!("content-security-policy: {FRAME_POLICY}");
    for lines in ["", "\r\naccept-encoding: br", "\r\nif-none-match: *"] {
        let answer = server.request(&format!("GET /frame.html HTTP/1.1{lines}")).await;
        assert!(has(&answer, &own), "{answer}");
        assert_eq!(answer.matches("content-security-policy").count(), 1, "{answer}");
        assert!(has(&answer, "x-content-type-options: nosniff"), "{answer}");
    }
}

#[tokio::test]
async fn hashed_files_are_kept_for_ever() {
    let server = Server::start().await;
    let answer = server.request("GET /assets/1f0c/meshwork_bg.wasm HTTP/1.1").await;
    assert!(has(&answer, "content-type: application/wasm"), "{answer}");
    assert!(has(&answer, "cache-control: public, max-age=31536000, immutable"), "{answer}");
    assert!(!answer.contains("content-encoding"), "{answer}");
    assert!(answer.ends_with("\0asm"), "{answer}");
    let answer = server.request("GET /robots.txt HTTP/1.1").await;
    assert!(has(&answer, "cache-control: no-cache"), "{answer}");
}

/// The worker decides what the browser keeps: it is looked for again each time, and may load from here alone.
#[tokio::test]
async fn the_worker_is_never_kept_by_the_browser() {
    let answer = Server::start().await.request("GET /sw.js HTTP/1.1").await;
    assert!(has(&answer, "cache-control: no-cache"), "{answer}");
    assert!(has(&answer, "content-type: text/javascript; charset=utf-8"), "{answer}");
    assert!(answer.contains("worker-src 'self'"), "{answer}");
}

#[tokio::test]
async fn smaller_twin_is_sent_where_it_is_accepted() {
    let server = Server::start().await;
    let answer =
        server.request("GET /assets/1f0c/meshwork_bg.wasm HTTP/1.1\r\naccept-encoding: gzip, br").await;
    assert!(has(&answer, "content-encoding: br"), "{answer}");
    assert!(has(&answer, "vary: accept-encoding"), "{answer}");
    assert!(has(&answer, "content-type: application/wasm"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nbr"), "{answer}");
}

#[tokio::test]
async fn what_the_browser_has_is_not_sent_again() {
    let server = Server::start().await;
    let answer = server.request("GET / HTTP/1.1").await;
    let tag = answer.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
    let again = server.request(&format!("GET / HTTP/1.1\r\nif-none-match: \"x\", W/{tag}")).await;
    assert!(again.starts_with("HTTP/1.1 304 "), "{again}");
    assert!(again.ends_with("\r\n\r\n"), "{again}");
    let other = server.request("GET / HTTP/1.1\r\nif-none-match: \"x\"").await;
    assert!(other.starts_with("HTTP/1.1 200 "), "{other}");
}

#[tokio::test]
async fn heads_are_answered_without_a_body() {
    let answer = Server::start().await.request("HEAD / HTTP/1.1").await;
    assert!(has(&answer, "content-length: 15"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn what_is_not_there_is_said_in_words() {
    let server = Server::start().await;
    for path in
        ["/nothing", "/../server.key", "/assets", "/assets/", "/assets/1f0c/meshwork_bg.wasm/x", "/%2e%2e/x"]
    {
        let answer = server.request(&format!("GET {path} HTTP/1.1")).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
        assert!(answer.contains(path), "{answer}");
    }
    let answer = server.request("POST / HTTP/1.1\r\ncontent-length: 0").await;
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    let answer = server.request("GET /signal HTTP/1.1").await;
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
}

#[tokio::test]
async fn people_are_shown_a_page_where_nothing_is() {
    let server = Server::start().await;
    let page = server.request("GET /nothing HTTP/1.1\r\naccept: text/html,*/*;q=0.8").await;
    assert!(page.starts_with("HTTP/1.1 404 "), "{page}");
    assert!(has(&page, "content-type: text/html; charset=utf-8"), "{page}");
    let script = server.request("GET /assets/1f0c/gone.js HTTP/1.1\r\naccept: text/html").await;
    assert!(script.contains("There is nothing at"), "{script}");
}

/// Connections that say nothing, half a request, or nothing more after an answer, are all closed.
#[tokio::test]
async fn connections_that_idle_are_closed() {
    let config = HttpConfig { head_within: Duration::from_millis(300), ..HttpConfig::default() };
    let server = Server::with(HubConfig::default(), config, [1; 32]).await;
    for start in ["", "GET / HTTP/1.1\r\nx-slow: ", "GET /health HTTP/1.1\r\nhost: x\r\n\r\n"] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(start.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        soon(stream.read_to_end(&mut rest)).await.unwrap();
    }
}

#[tokio::test]
async fn a_request_head_without_end_is_refused() {
    let server = Server::start().await;
    let answer = server.request(&format!("GET / HTTP/1.1\r\nx-long: {}", "x".repeat(40_000))).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}
