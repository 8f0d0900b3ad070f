//! Requests to the shelf of a server over HTTP.

use std::io;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use meshwork_play::shelf::{Refused, RequestClock, reason_of};
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::duration::now_ms;
use crate::exit::Failure;

/// Bytes of an answer that are read: a hundred games in JSON take less.
const ANSWER_MAX: usize = 4 * 1024 * 1024;

/// Sends a request to the server at `server`, an address that its option has checked, and reads the answer.
pub(super) async fn ask<T: DeserializeOwned>(
    server: &str,
    (method, path): (Method, &str),
    body: Vec<u8>,
    within: Duration,
) -> Result<T, Failure> {
    read(server, receive(server, (method, path), body, ANSWER_MAX, within).await?)
}

fn read<T: DeserializeOwned>(server: &str, answer: Vec<u8>) -> Result<T, Failure> {
    // An answer without content stands for nothing.
    let text = if answer.is_empty() { b"null" } else { answer.as_slice() };
    serde_json::from_slice(text)
        .map_err(|error| Failure::Unreachable(format!("{server} has no shelf of games: {error}.")))
}

/// Sends a signed request, which `body` returns for its time, and reads the answer. If the server refuses the time, the request is
/// signed once more by the server's clock, and so are later ones by `clock`.
pub(super) async fn ask_signed<T: DeserializeOwned>(
    server: &str,
    (method, path): (Method, &str),
    clock: &mut RequestClock,
    body: impl Fn(u64) -> Vec<u8>,
    within: Duration,
) -> Result<T, Failure> {
    let first = body(clock.at_ms(now_ms()));
    let (status, answer) = answered(server, (method.clone(), path), first, ANSWER_MAX, within).await?;
    let refused: Option<Refused> = serde_json::from_slice(&answer).ok().filter(|_| !status.is_success());
    if refused.is_some_and(|refused| clock.handle_refused(now_ms(), &refused)) {
        return ask(server, (method, path), body(clock.at_ms(now_ms())), within).await;
    }
    read(server, accepted(server, status, answer)?)
}

/// Reads bytes from the server.
pub(super) async fn get(server: &str, path: &str, most: usize, within: Duration) -> Result<Vec<u8>, Failure> {
    receive(server, (Method::GET, path), Vec::new(), most, within).await
}

async fn receive(
    server: &str,
    (method, path): (Method, &str),
    body: Vec<u8>,
    most: usize,
    within: Duration,
) -> Result<Vec<u8>, Failure> {
    let (status, answer) = answered(server, (method, path), body, most, within).await?;
    accepted(server, status, answer)
}

fn accepted(server: &str, status: StatusCode, answer: Vec<u8>) -> Result<Vec<u8>, Failure> {
    if status.is_success() { Ok(answer) } else { Err(refusal(server, status, &answer)) }
}

async fn answered(
    server: &str,
    (method, path): (Method, &str),
    body: Vec<u8>,
    most: usize,
    within: Duration,
) -> Result<(StatusCode, Vec<u8>), Failure> {
    let answered = tokio::time::timeout(within, send(server, method, path, body, most)).await;
    answered.map_err(|_| Failure::Unreachable(format!("{server} does not answer within {within:?}.")))?
}

async fn send(
    server: &str,
    method: Method,
    path: &str,
    body: Vec<u8>,
    most: usize,
) -> Result<(StatusCode, Vec<u8>), Failure> {
    let unreachable =
        |error: &dyn std::fmt::Display| Failure::Unreachable(format!("{server} cannot be reached: {error}."));
    let uri: Uri = format!("{server}{path}").parse().map_err(|error| unreachable(&error))?;
    let authority = uri.authority().ok_or_else(|| unreachable(&"it has no host"))?.clone();
    let is_secure = uri.scheme_str() == Some("https");
    let port = authority.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    let stream = TcpStream::connect((host.as_str(), port)).await.map_err(|error| unreachable(&error))?;
    let request = Request::builder()
        .method(method)
        .uri(uri.path_and_query().map_or("/", |path| path.as_str()))
        .header(HOST, authority.as_str())
        .header(CONTENT_TYPE, "application/octet-stream")
        .body(Body::from(body))
        .map_err(|error| unreachable(&error))?;
    let answered = if is_secure {
        let name = ServerName::try_from(host).map_err(|error| unreachable(&error))?;
        let connector = TlsConnector::from(meshwork_rtc::native::tls_config());
        let stream = connector.connect(name, stream).await.map_err(|error| unreachable(&error))?;
        exchange(stream, request, most).await
    } else {
        exchange(stream, request, most).await
    };
    answered.map_err(|error| unreachable(&error))
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Body>,
    most: usize,
) -> io::Result<(StatusCode, Vec<u8>)> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    // It ends with the last sender. The request returns its errors too.
    let driver = tokio::spawn(connection);
    let answer = sender.send_request(request).await.map_err(io::Error::other)?;
    let status = answer.status();
    let body = to_bytes(Body::new(answer.into_body()), most).await.map_err(io::Error::other)?;
    driver.abort();
    Ok((status, body.to_vec()))
}

/// The words of a server that refused.
fn refusal(server: &str, status: StatusCode, body: &[u8]) -> Failure {
    let Ok(Refused { error, .. }) = serde_json::from_slice(body) else {
        return match reason_of(status.as_u16()) {
            Some(reason) => {
                Failure::Forbidden { words: format!("{server}: {reason}."), reason: of_status(status) }
            }
            None => Failure::Unreachable(format!(
                "{server} has no shelf of games (HTTP status {}).",
                status.as_u16()
            )),
        };
    };
    Failure::Forbidden { words: format!("The server refused: {error}."), reason: of_status(status) }
}

/// A fixed word for a refusal.
fn of_status(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "not-found",
        StatusCode::TOO_MANY_REQUESTS | StatusCode::INSUFFICIENT_STORAGE | StatusCode::PAYLOAD_TOO_LARGE => {
            "limit"
        }
        _ => "refused",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use meshwork::Code;
    use meshwork_core::id::Identity;
    use meshwork_play::shelf::{Ask, Request};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    const WITHIN: Duration = Duration::from_secs(20);

    /// A server with a clock so many milliseconds behind ours, and the number of requests that it has refused.
    async fn server(behind_ms: u64, names_clock: bool) -> (String, Arc<AtomicUsize>) {
        let refused = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&refused);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let body = body_of(&mut stream).await.unwrap();
                let now = now_ms() - behind_ms;
                let (status, answer) = match Request::check(&body, now) {
                    Ok(_) => (200, String::from("true")),
                    Err(error) => {
                        counted.fetch_add(1, Ordering::Relaxed);
                        let now_ms = names_clock.then_some(now);
                        let refused = Refused { error: error.to_string(), now_ms };
                        (403, serde_json::to_string(&refused).unwrap())
                    }
                };
                let head = format!("HTTP/1.1 {status} .\r\ncontent-length: {}\r\n\r\n", answer.len());
                stream.write_all((head + &answer).as_bytes()).await.unwrap();
            }
        });
        (address, refused)
    }

    /// The body of a request.
    async fn body_of(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
        let mut received = Vec::new();
        loop {
            stream.read_buf(&mut received).await?;
            let text = String::from_utf8_lossy(&received).to_lowercase();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
            if length.is_some_and(|length| length.parse() == Ok(body.len())) {
                return Ok(received.split_off(head.len() + 4));
            }
        }
    }

    async fn remove(server: &str, clock: &mut RequestClock) -> Result<bool, Failure> {
        let identity = Identity::from_secret([7; 32]);
        let ask = Ask::Remove { code: Code::from_bits(5) };
        let body = |at_ms| Request::sign(&identity, at_ms, server, &ask).to_json().into_bytes();
        ask_signed(server, (Method::POST, "/"), clock, body, WITHIN).await
    }

    #[tokio::test]
    async fn a_wrong_clock_publishes_by_the_servers() {
        let (server, refused) = server(20 * 60 * 1000, true).await;
        let mut clock = RequestClock::default();
        assert!(remove(&server, &mut clock).await.unwrap());
        assert!(remove(&server, &mut clock).await.unwrap());
        assert_eq!(refused.load(Ordering::Relaxed), 1, "later requests carry the server's time at once");
    }

    #[tokio::test]
    async fn a_refused_time_names_the_clock() {
        let (server, refused) = server(20 * 60 * 1000 + 30_000, false).await;
        let Err(Failure::Forbidden { words, .. }) = remove(&server, &mut RequestClock::default()).await
        else {
            panic!("it was not refused");
        };
        assert!(words.contains("the clock of your device is 20 minutes ahead of the server's"), "{words}");
        assert_eq!(refused.load(Ordering::Relaxed), 1);
    }
}
