//! The TCP or TLS connection to a relay, as a task of its own.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{Receiver, Sender};
use tokio_rustls::TlsConnector;

/// How long a stream may take to open, TLS included.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How long the end of a stream may take to be written.
const CLOSE_MAX: Duration = Duration::from_secs(1);
/// Bytes read at a time.
const READ_BUFFER: usize = 16 * 1024;
/// Packets that wait to be written. More are lost, as on any network: what the stream does not take within a round
/// trip is better sent again by whoever watches over loss.
pub(super) const WRITES_MAX: usize = 128;
/// Pieces of what was read that wait for the connection. More make the relay wait.
pub(super) const EVENTS_MAX: usize = 16;

/// What happened to the stream of a relay.
#[derive(Debug)]
pub(super) enum StreamEvent {
    /// It is open, from this own address.
    Open(SocketAddr),
    /// Bytes arrived.
    Data(Vec<u8>),
    /// It could not be opened, or ended.
    End,
}

/// Opens the stream to `server` and carries bytes, until either end is dropped. `name` is that in the server's
/// certificate where TLS is spoken.
pub(super) async fn run(
    relay: usize,
    server: SocketAddr,
    name: Option<String>,
    writes: Receiver<Vec<u8>>,
    events: Sender<(usize, StreamEvent)>,
) {
    if let Err(error) = carry(relay, server, name, writes, &events).await {
        tracing::debug!(%error, "the stream to a relay ended");
    }
    // An error says that the connection is over.
    let _ = events.send((relay, StreamEvent::End)).await;
}

async fn carry(
    relay: usize,
    server: SocketAddr,
    name: Option<String>,
    writes: Receiver<Vec<u8>>,
    events: &Sender<(usize, StreamEvent)>,
) -> io::Result<()> {
    let opening = tokio::time::timeout(CONNECT_MAX, TcpStream::connect(server));
    let stream = opening.await.map_err(|_| io::ErrorKind::TimedOut)??;
    stream.set_nodelay(true)?;
    let local = stream.local_addr()?;
    match name {
        None => exchange(relay, local, stream, writes, events).await,
        Some(name) => {
            let name = ServerName::try_from(name).map_err(|_| io::ErrorKind::InvalidInput)?;
            let connector = TlsConnector::from(Arc::clone(&super::super::server::tls_config()));
            let opening = tokio::time::timeout(CONNECT_MAX, connector.connect(name, stream));
            let stream = opening.await.map_err(|_| io::ErrorKind::TimedOut)??;
            exchange(relay, local, stream, writes, events).await
        }
    }
}

async fn exchange(
    relay: usize,
    local: SocketAddr,
    stream: impl AsyncRead + AsyncWrite,
    mut writes: Receiver<Vec<u8>>,
    events: &Sender<(usize, StreamEvent)>,
) -> io::Result<()> {
    let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
    events.send((relay, StreamEvent::Open(local))).await.map_err(|_| gone())?;
    let (mut reader, mut writer) = tokio::io::split(stream);
    let read = async {
        let mut buffer = vec![0; READ_BUFFER];
        loop {
            let length = reader.read(&mut buffer).await?;
            if length == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let data = StreamEvent::Data(buffer[..length].to_vec());
            events.send((relay, data)).await.map_err(|_| gone())?;
        }
    };
    let write = async {
        while let Some(bytes) = writes.recv().await {
            writer.write_all(&bytes).await?;
            if writes.is_empty() {
                writer.flush().await?;
            }
        }
        // What is left is the end, which need not arrive.
        let _ = tokio::time::timeout(CLOSE_MAX, writer.shutdown()).await;
        Ok(())
    };
    tokio::select! {
        ended = read => ended,
        ended = write => ended,
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test]
    async fn a_stream_has_so_long_to_open() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let server = listener.local_addr().expect("it listens");
        let (sender, mut events) = mpsc::channel(EVENTS_MAX);
        let (_writes, queue) = mpsc::channel(WRITES_MAX);
        tokio::spawn(run(7, server, Some("localhost".into()), queue, sender));
        let (mut stream, _) = listener.accept().await.expect("it connects");
        stream.read_exact(&mut [0]).await.expect("TLS begins, and nobody answers");
        tokio::time::pause();
        let begun = Instant::now();
        assert!(matches!(events.recv().await, Some((7, StreamEvent::End))));
        // It began a little before the clock was stopped.
        let time = begun.elapsed();
        assert!(time > CONNECT_MAX / 2 && time < CONNECT_MAX + Duration::from_millis(2), "{time:?}");
    }
}
