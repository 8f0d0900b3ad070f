//! Streams of clients: each is a task that cuts nothing and decides nothing.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ipnet::IpNet;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::TlsAcceptor;

use super::driver::Bell;
use crate::accepting::Accepting;
use crate::http::Tls;
use crate::turn::counts::Refusal;
use crate::turn::io::StreamId;

/// Messages of streams on their way to the relay. When it is full, streams wait their turn before they read on.
const INBOX_MAX: usize = 1024;
/// Bytes read at once.
const READ: usize = 8 * 1024;
/// Bytes written at once, if as many wait.
const WRITE: usize = 64 * 1024;
/// Time for the handshake of TLS.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);

/// What streams tell the relay.
pub(super) enum Told {
    Opened {
        remote: SocketAddr,
        line: oneshot::Sender<Line>,
    },
    Bytes(StreamId, Vec<u8>),
    Closed(StreamId, Option<Refusal>),
    /// Who has allocations, and how many; at most so many networks.
    Asked(usize, oneshot::Sender<Vec<(IpNet, usize)>>),
    /// No allocation is to be taken on; the sender goes with the last one.
    Drains(oneshot::Sender<()>),
}

/// The way from streams to the relay.
pub(super) fn inbox() -> (mpsc::Sender<Told>, mpsc::Receiver<Told>) {
    mpsc::channel(INBOX_MAX)
}

/// A stream's end of the line from the relay.
pub(super) struct Line {
    pub(super) id: StreamId,
    /// What is to be written. The relay bounds it, in bytes; it ends when the stream is to be closed.
    pub(super) queue: mpsc::UnboundedReceiver<Vec<u8>>,
    /// Bytes in it.
    pub(super) waiting: Arc<AtomicUsize>,
}

/// Brings streams to a relay.
#[derive(Clone, Debug)]
pub struct Handle {
    inbox: mpsc::Sender<Told>,
    bell: Arc<Bell>,
    unread_after: Duration,
}

impl Handle {
    pub(super) fn new(inbox: mpsc::Sender<Told>, bell: Arc<Bell>, unread_after: Duration) -> Handle {
        Handle { inbox, bell, unread_after }
    }

    /// Whether a connection whose first byte this is may be a client of the relay: STUN requests begin with a zero,
    /// HTTP with a letter, TLS with 22.
    pub fn is_for_relay(first_byte: u8) -> bool {
        first_byte == 0
    }

    /// Has the relay keep out everybody from these addresses, and nobody else, as
    /// [`Relay::keep_out`](crate::turn::Relay::keep_out) says.
    pub fn keep_out(&self, ranges: Vec<IpNet>) {
        self.bell.keep_out(ranges);
    }

    /// The networks that have most allocations, and how many; at most `most`. None where no relay runs any more.
    pub async fn networks(&self, most: usize) -> Vec<(IpNet, usize)> {
        let (sender, answer) = oneshot::channel();
        self.tell(Told::Asked(most, sender)).await;
        answer.await.unwrap_or_default()
    }

    /// Has the relay take on nothing new, and waits until it has nothing left.
    pub async fn drain(&self) {
        let (sender, idle) = oneshot::channel();
        self.tell(Told::Drains(sender)).await;
        // It ends without a word.
        let _ = idle.await;
    }

    /// Serves one stream until either side ends it.
    pub async fn serve_stream(&self, stream: impl AsyncRead + AsyncWrite, remote: SocketAddr) {
        self.serve_once(async { Ok(stream) }, remote).await;
    }

    /// Serves one stream that has yet to be agreed on, such as one over TLS: it counts before that begins.
    async fn serve_once<S: AsyncRead + AsyncWrite>(
        &self,
        agreed: impl Future<Output = io::Result<S>>,
        remote: SocketAddr,
    ) {
        let (sender, opened) = oneshot::channel();
        self.tell(Told::Opened { remote, line: sender }).await;
        // Without a line it is turned away.
        let Ok(Line { id, mut queue, waiting }) = opened.await else { return };
        let stream = tokio::select! {
            agreed = tokio::time::timeout(HANDSHAKE_WITHIN, agreed) => agreed.ok().and_then(Result::ok),
            // Nothing is said to it yet, so this is the end.
            _ = queue.recv() => None,
        };
        let Some(stream) = stream else { return self.tell(Told::Closed(id, None)).await };
        let (mut reader, mut writer) = tokio::io::split(stream);
        let cause = tokio::select! {
            () = self.read(&mut reader, id) => None,
            cause = self.write(&mut writer, &mut queue, &waiting) => cause,
        };
        self.tell(Told::Closed(id, cause)).await;
        let _ = writer.shutdown().await;
    }

    async fn read(&self, reader: &mut (impl AsyncRead + Unpin), id: StreamId) {
        let mut buffer = vec![0; READ];
        loop {
            match reader.read(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(length) => self.tell(Told::Bytes(id, buffer[..length].to_vec())).await,
            }
        }
    }

    /// Ends when the relay wants the stream closed, or its other end takes nothing any more, which is a cause.
    async fn write(
        &self,
        writer: &mut (impl AsyncWrite + Unpin),
        queue: &mut mpsc::UnboundedReceiver<Vec<u8>>,
        waiting: &AtomicUsize,
    ) -> Option<Refusal> {
        while let Some(mut bytes) = queue.recv().await {
            while bytes.len() < WRITE
                && let Ok(mut more) = queue.try_recv()
            {
                bytes.append(&mut more);
            }
            match tokio::time::timeout(self.unread_after, writer.write_all(&bytes)).await {
                Ok(Ok(())) => waiting.fetch_sub(bytes.len(), Ordering::Relaxed),
                Ok(Err(_)) => return None,
                Err(_) => return Some(Refusal::SlowReader),
            };
        }
        None
    }

    async fn tell(&self, told: Told) {
        // Without a relay nobody listens, and the line ends by itself.
        if self.inbox.send(told).await.is_ok() {
            self.bell.ring();
        }
    }
}

/// Accepts connections and serves each, over TLS where there is a certificate.
pub(super) async fn accept(listener: TcpListener, handle: Handle, tls: Option<Arc<Tls>>) {
    let mut accepting = Accepting::new("the relay");
    loop {
        let (stream, remote) = accepting.next(&listener).await;
        let handle = handle.clone();
        match &tls {
            None => tokio::spawn(async move { handle.serve_stream(stream, remote).await }),
            Some(tls) => {
                let handshake = TlsAcceptor::from(tls.config()).accept(stream);
                tokio::spawn(async move { handle.serve_once(handshake, remote).await })
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::io::{DuplexStream, duplex};
    use tokio::task::JoinHandle;
    use tokio::time::Instant;

    use super::super::driver::Driver;
    use super::super::driver::tests::{config, driver};
    use super::*;

    type Queue = mpsc::UnboundedSender<Vec<u8>>;

    /// Streams, and what the relay would hear of them.
    struct World {
        handle: Handle,
        told: mpsc::Receiver<Told>,
        _driver: Driver,
    }

    impl World {
        fn new() -> World {
            let (driver, bell) = driver(inbox().1);
            let (sender, told) = inbox();
            World { handle: Handle::new(sender, bell, config().unread_after), told, _driver: driver }
        }

        /// Serves a stream that is agreed on when `agreed` is done.
        async fn serve(
            &mut self,
            agreed: impl Future<Output = io::Result<DuplexStream>> + Send + 'static,
        ) -> (Queue, JoinHandle<()>) {
            let handle = self.handle.clone();
            let remote = SocketAddr::from(([192, 0, 2, 1], 5));
            let serving = tokio::spawn(async move { handle.serve_once(agreed, remote).await });
            let Some(Told::Opened { line, .. }) = self.told.recv().await else { panic!("it opens first") };
            let (sender, queue) = mpsc::unbounded_channel();
            assert!(line.send(Line { id: StreamId(1), queue, waiting: Arc::default() }).is_ok());
            (sender, serving)
        }

        /// Why the stream ended, and how long that took.
        async fn ended(&mut self, begun: Instant) -> (Option<Refusal>, Duration) {
            match self.told.recv().await {
                Some(Told::Closed(StreamId(1), cause)) => (cause, begun.elapsed()),
                _ => panic!("the stream ends"),
            }
        }
    }

    /// The clock of these tests counts milliseconds, and wakes at the next one.
    fn is_about(time: Duration, expected: Duration) -> bool {
        (expected..=expected + Duration::from_millis(2)).contains(&time)
    }

    #[tokio::test(start_paused = true)]
    async fn a_handshake_has_so_long() {
        let mut world = World::new();
        let begun = Instant::now();
        let (_queue, _serving) = world.serve(pending()).await;
        let (cause, time) = world.ended(begun).await;
        assert_eq!(cause, None);
        assert!(is_about(time, HANDSHAKE_WITHIN), "{time:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_takes_nothing_is_closed() {
        let mut world = World::new();
        let (mut client, stream) = duplex(1);
        let (queue, _serving) = world.serve(async { Ok(stream) }).await;
        client.write_all(&[0]).await.expect("it is open");
        assert!(matches!(world.told.recv().await, Some(Told::Bytes(..))));
        let begun = Instant::now();
        queue.send(vec![0; 2]).expect("it is open");
        let (cause, time) = world.ended(begun).await;
        assert_eq!(cause, Some(Refusal::SlowReader));
        assert!(is_about(time, Duration::from_secs(20)), "{time:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn streams_wait_for_a_relay_that_is_busy() {
        let mut world = World::new();
        let (mut client, stream) = duplex(1);
        let (_queue, _serving) = world.serve(async { Ok(stream) }).await;
        // Each byte is a message: the next is only taken when this one was read.
        let mut taken = 0;
        while tokio::time::timeout(Duration::from_secs(1), client.write_all(&[0])).await.is_ok() {
            taken += 1;
        }
        // One is in the stream's hand and one on its way.
        assert_eq!((world.told.len(), taken), (INBOX_MAX, INBOX_MAX + 2));
        assert!(matches!(world.told.recv().await, Some(Told::Bytes(..))));
        client.write_all(&[0]).await.expect("it reads on");
    }
}
