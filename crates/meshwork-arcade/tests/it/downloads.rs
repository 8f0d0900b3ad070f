//! Downloads of packages: slow readers, removals meanwhile, and heads.

use std::time::Duration;

use meshwork_arcade::{By, Files, TakeDown};
use meshwork_play::Package;
use meshwork_play::shelf::Published;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{Author, Server, package_with};

/// More readers than the store has connections.
const READERS: usize = 16;
/// Much less than the store waits for a connection.
const AT_ONCE: Duration = Duration::from_secs(2);

/// A package of several megabytes, more than the system stores of a connection whose other end reads nothing.
fn large() -> Package {
    let mut bytes = vec![0; 3 * 1024 * 1024 + 5];
    for (number, piece) in bytes.chunks_mut(32).enumerate() {
        piece.copy_from_slice(&blake3::hash(&number.to_be_bytes()).as_bytes()[..piece.len()]);
    }
    package_with("Large", &[("data", &bytes), ("more", &bytes)])
}

/// Begins a download, and reads its head alone.
async fn begin(server: &Server, path: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(&server.address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", server.address);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    (stream, String::from_utf8(head).unwrap())
}

#[tokio::test]
pub(crate) async fn slow_readers_hold_no_connection() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let packed = large();
    let code = server.try_publish(&Author::new(1), &packed, None, 1).await.json::<Published>().code;
    let path = format!("/play/api/packages/{}", packed.id());
    let mut readers = Vec::new();
    for _ in 0..READERS {
        readers.push(timeout(AT_ONCE, begin(&server, &path)).await.expect("a head at once"));
    }
    let game = timeout(AT_ONCE, server.game(code)).await.expect("others are answered at once");
    assert_eq!(game.game.length as usize, packed.bytes().len());
    timeout(AT_ONCE, server.publish(&Author::new(2), "Other")).await.expect("and publish");
    let (mut last, head) = readers.pop().unwrap();
    assert!(head.contains(&format!("content-length: {}\r\n", packed.bytes().len())), "{head}");
    let mut received = Vec::new();
    last.read_to_end(&mut received).await.unwrap();
    assert!(received == packed.bytes()[..], "{} bytes", received.len());
}

#[tokio::test]
pub(crate) async fn removals_break_downloads_off() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let packed = large();
    let path = format!("/play/api/packages/{}", packed.id());
    for (number, files) in [(1, Files::Keep), (2, Files::Delete)] {
        let published = server.try_publish(&Author::new(number), &packed, None, 1).await;
        let code = published.json::<Published>().code;
        let (mut stream, _) = begin(&server, &path).await;
        server.arcade.take_down(TakeDown::Code(code), By::Operator, files).await.unwrap();
        let mut received = Vec::new();
        // A connection that is cut may be reset.
        let _ = stream.read_to_end(&mut received).await;
        assert!(received.len() < packed.bytes().len(), "{files:?}");
        assert_eq!(server.get(&path).await.status, 404);
    }
}

#[tokio::test]
pub(crate) async fn heads_and_known_packages_have_no_body() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let packed = large();
    let published = server.try_publish(&Author::new(1), &packed, None, 1).await;
    assert_eq!(published.status, 200, "{}", published.text());
    let path = format!("/play/api/packages/{}", packed.id());
    let head = server.request("HEAD", &path, "", b"").await;
    let length = format!("content-length: {}", packed.bytes().len());
    assert!(head.status == 200 && head.body.is_empty() && head.head.contains(&length), "{}", head.head);
    let known = format!("if-none-match: \"other\", \"{}\"\r\n", packed.id());
    let known = server.request("GET", &path, &known, b"").await;
    assert!(known.status == 304 && known.body.is_empty(), "{}", known.head);
    assert_eq!(server.get(&path).await.body, packed.bytes()[..]);
}
