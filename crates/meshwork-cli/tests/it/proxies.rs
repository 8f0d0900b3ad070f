//! Publishing through proxies: those that pass requests on, and those that answer in the server's place.
#![cfg(unix)]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use meshwork_play::package::PACKAGE_MAX;

use crate::support::{Ended, Home, PATIENCE};

/// Publishes a small game at a proxy.
fn publish(home: &Home, proxy: &str) -> Ended {
    std::fs::write(home.path("pong.html"), "<!doctype html><p>pong").unwrap();
    home.run(["play", "publish", "pong.html", "--server", proxy, "--json"])
}

/// A proxy that reads each request and gives it to `answer`.
fn proxy(answer: impl Fn(Vec<u8>) -> Vec<u8> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    // It ends with the process of the test.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let request = request_of(&mut stream);
            let _ = stream.write_all(&answer(request));
        }
    });
    address
}

/// A whole request.
fn request_of(stream: &mut TcpStream) -> Vec<u8> {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).to_lowercase();
        if let Some(end) = text.find("\r\n\r\n") {
            let length = text.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
            let length: usize = length.map_or(0, |length| length.parse().unwrap());
            if request.len() >= end + 4 + length {
                return request;
            }
        }
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk).unwrap();
        assert_ne!(read, 0, "{text}");
        request.extend_from_slice(&chunk[..read]);
    }
}

#[test]
fn a_proxys_own_answer_is_named_as_such() {
    let home = Home::new();
    for (status, words) in [
        ("413 Request Entity Too Large", "takes no request of this size (status 413)"),
        ("502 Bad Gateway", "(status 502): the server behind it does not run"),
        ("504 Gateway Time-out", "(status 504): the server behind it, or the way to it, was too slow"),
    ] {
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>");
        let proxy = proxy(move |_| head.clone().into_bytes());
        publish(&home, &proxy).expect_code(4).expect_words(&["a proxy before the server", words]);
    }
    let absent = proxy(|_| b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec());
    publish(&home, &absent).expect_code(3).expect_words(&["has no shelf of games"]);
}

#[test]
fn games_pass_a_proxy_on_another_port() {
    let home = Home::new();
    let mut server = home.start([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--data",
        "meeting",
        "--publish",
        "everyone",
        "--trusted-proxies",
        "127.0.0.1",
        "--allowed-origins",
        "https://elsewhere.example",
    ]);
    let line = server.line("listening", |line| line.starts_with("listening on "));
    let host = line["listening on http://".len()..].to_owned();
    // As the guide's block does, it leaves the Host header as the client sent it.
    let proxy = proxy(move |request| {
        let line = request.windows(2).position(|bytes| bytes == b"\r\n").unwrap() + 2;
        let (line, rest) = request.split_at(line);
        let request = [line, b"x-forwarded-for: 198.51.100.7\r\nconnection: close\r\n", rest].concat();
        let mut upstream = TcpStream::connect(&host).unwrap();
        upstream.set_read_timeout(Some(PATIENCE)).unwrap();
        upstream.write_all(&request).unwrap();
        let mut answer = Vec::new();
        upstream.read_to_end(&mut answer).unwrap();
        answer
    });
    let published = publish(&home, &proxy).expect_code(0).json();
    let link = published["link"].as_str().unwrap();
    assert!(link.starts_with(&format!("{proxy}/play/")), "{link} is not at {proxy}");
}

#[test]
fn the_guides_block_passes_what_the_shelf_takes() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let guide = std::fs::read_to_string(top.join("docs/guides/operate.md")).unwrap();
    let size = guide.split("client_max_body_size ").nth(1).and_then(|rest| rest.split("m;").next());
    let size: usize = size.expect("the block sets the limit").parse().unwrap();
    assert!(size * 1024 * 1024 > PACKAGE_MAX, "{size} MiB");
    assert!(guide.contains("proxy_set_header Host $http_host;"), "the header without its port");
}
