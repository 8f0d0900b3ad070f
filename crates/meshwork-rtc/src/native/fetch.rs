//! One request to a web server, for bytes that the caller checks by their hash.

use std::io;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::http::Uri;

use super::server::tls_config;

/// Bytes of the head of an answer.
const HEAD_MAX: usize = 16 * 1024;

/// Reads the body with which a server answers a request for `url`, of at most `most` bytes. Redirections are errors.
///
/// # Errors
/// The server is not reached within this time, has nothing there, or sends more.
pub async fn get(url: &str, most: usize, within: Duration) -> io::Result<Vec<u8>> {
    tokio::time::timeout(within, ask(url, most)).await.map_err(|_| io::ErrorKind::TimedOut)?
}

async fn ask(url: &str, most: usize) -> io::Result<Vec<u8>> {
    let wrong = || io::Error::from(io::ErrorKind::InvalidInput);
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let authority = uri.authority().ok_or_else(wrong)?;
    let is_secure = uri.scheme_str() == Some("https");
    let port = authority.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    // Answers of HTTP 1.0 end with the connection, and have no pieces.
    let request = format!("GET {path} HTTP/1.0\r\nhost: {authority}\r\nconnection: close\r\n\r\n");
    let stream = TcpStream::connect((host.as_str(), port)).await?;
    if !is_secure {
        return exchange(stream, &request, most).await;
    }
    let name = ServerName::try_from(host).map_err(|_| wrong())?;
    let stream = TlsConnector::from(tls_config()).connect(name, stream).await?;
    exchange(stream, &request, most).await
}

async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &str,
    most: usize,
) -> io::Result<Vec<u8>> {
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut answer = Vec::new();
    match stream.take((HEAD_MAX + most) as u64).read_to_end(&mut answer).await {
        // Some servers end a connection without a word. The hash tells whether everything came.
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
        _ => body(&answer, most).ok_or_else(|| io::ErrorKind::InvalidData.into()),
    }
}

/// The body of a successful answer.
fn body(answer: &[u8], most: usize) -> Option<Vec<u8>> {
    let end = answer.windows(4).take(HEAD_MAX).position(|four| four == b"\r\n\r\n")?;
    let head = str::from_utf8(&answer[..end]).ok()?.to_ascii_lowercase();
    let body = &answer[end + 4..];
    let is_whole = head.starts_with("http/1.") && !head.contains("\r\ntransfer-encoding:");
    let is_success = head.split_whitespace().nth(1) == Some("200");
    (is_whole && is_success && body.len() <= most).then(|| body.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn successful_answers_alone_have_a_body() {
        let of = |answer: &str| body(answer.as_bytes(), 5);
        assert_eq!(of("HTTP/1.1 200 OK\r\nserver: x\r\n\r\nbytes"), Some(b"bytes".to_vec()));
        for wrong in [
            "HTTP/1.1 404 Not Found\r\n\r\nbytes",
            "HTTP/1.1 302 Found\r\nlocation: /\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5",
            "HTTP/1.0 200 OK\r\n\r\nlonger",
            "HTTP/1.0 200 OK\r\nbytes",
            "200\r\n\r\nbytes",
            "",
        ] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }
}
