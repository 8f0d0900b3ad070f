//! Requests to the shelf of a server over HTTP.

use std::io;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use meshwork_play::shelf::Refused;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

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
    let body = receive(server, (method, path), body, ANSWER_MAX, within).await?;
    // An answer without content stands for nothing.
    let text = if body.is_empty() { b"null" } else { body.as_slice() };
    serde_json::from_slice(text)
        .map_err(|error| Failure::Unreachable(format!("{server} has no shelf of games: {error}.")))
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
    let answered = tokio::time::timeout(within, send(server, method, path, body, most)).await;
    let late = |_| Failure::Unreachable(format!("{server} does not answer within {within:?}."));
    let (status, body) = answered.map_err(late)??;
    if status.is_success() { Ok(body) } else { Err(refusal(server, status, &body)) }
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
    let Ok(Refused { error }) = serde_json::from_slice(body) else {
        let words = format!("{server} has no shelf of games (HTTP status {}).", status.as_u16());
        return Failure::Unreachable(words);
    };
    let reason = match status {
        StatusCode::NOT_FOUND => "not-found",
        StatusCode::TOO_MANY_REQUESTS | StatusCode::INSUFFICIENT_STORAGE => "limit",
        _ => "refused",
    };
    Failure::Forbidden { words: format!("The server refused: {error}."), reason }
}
