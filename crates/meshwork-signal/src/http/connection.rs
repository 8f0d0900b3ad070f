//! A connection that counts against the listener's limits, and breaks when its other end stops reading.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ipnet::IpNet;
use meshwork_core::time::Time;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, Sleep, sleep};

use crate::fair::{Holdings, Merit, Network};

/// How many connections there are and may be.
#[derive(Clone)]
pub(super) struct Places {
    taken: Arc<Mutex<Taken>>,
    most: usize,
    most_per_network: usize,
}

#[derive(Default)]
struct Taken {
    next: u64,
    /// Every connection that has a place.
    connections: BTreeMap<u64, Taker>,
    /// Those that count for their network, and may have to give way.
    holders: Holdings<u64>,
}

/// Who has a place.
struct Taker {
    network: Network,
    merit: Merit,
    /// Ends, without a value, when it is to give way.
    _keep: oneshot::Sender<Infallible>,
}

/// One connection's place, free again when it is dropped.
pub(super) struct Place {
    places: Places,
    number: u64,
    /// Ends when the place is taken away for somebody else.
    kept: oneshot::Receiver<Infallible>,
    /// Tells the server, when all are dropped, that nothing is left.
    _alive: mpsc::Sender<Infallible>,
}

/// A connection that somebody else than this listener speaks on; it goes on counting until it is dropped.
pub struct RawConnection {
    pub(super) connection: Connection,
    /// Its other end.
    pub address: SocketAddr,
}

impl RawConnection {
    /// What is read and written. Nothing of it is read yet.
    pub fn into_stream(self) -> impl AsyncRead + AsyncWrite + Send + Unpin + 'static {
        self.connection
    }
}

impl Places {
    pub(super) fn new(most: usize, most_per_network: usize) -> Places {
        Places { taken: Arc::default(), most, most_per_network }
    }

    /// How many there are.
    pub(super) fn taken(&self) -> usize {
        self.lock().connections.len()
    }

    /// The networks that have most of them, and how many.
    pub(super) fn heaviest(&self, most: usize) -> Vec<(IpNet, usize)> {
        self.lock().holders.heaviest().take(most).collect()
    }

    /// A place for a connection of `network`, if it may have one more. Where all are taken, the network that has most of
    /// them gives one up, unless that is this one. An exempt connection counts for no network and never gives way.
    pub(super) fn take(
        &self,
        network: Network,
        is_exempt: bool,
        alive: &mpsc::Sender<Infallible>,
    ) -> Option<Place> {
        let mut taken = self.lock();
        if !is_exempt && taken.holders.is_full(network, self.most_per_network) {
            return None;
        }
        if taken.connections.len() >= self.most {
            let least = taken.holders.gives_way(network)?;
            taken.free(least);
        }
        let number = taken.next;
        taken.next += 1;
        let (keep, kept) = oneshot::channel();
        // Their numbers tell which of them is younger.
        let merit = Merit::new(0, Time(number));
        taken.connections.insert(number, Taker { network, merit, _keep: keep });
        if !is_exempt {
            taken.holders.insert(network, merit, number);
        }
        Some(Place { places: self.clone(), number, kept, _alive: alive.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn free(&mut self, number: u64) {
        if let Some(taker) = self.connections.remove(&number) {
            self.holders.remove(taker.network, taker.merit, number);
        }
    }
}

impl Place {
    /// Ready once somebody else has the place.
    fn poll_lost(&mut self, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.kept).poll(context).map(drop)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().free(self.number);
    }
}

/// A TCP stream whose writes fail once its other end reads too slowly, and whose reads fail once its place is lost.
pub(super) struct Connection {
    stream: TcpStream,
    pace: Pace,
    place: Place,
}

/// Time that a connection has for a byte: 1,000 bytes a second. Slower readers occupy a place for what they do not read.
const BYTE_WITHIN: Duration = Duration::from_millis(1);

/// The pace of a reader. Time during which a write waits is its debt, and each byte that it takes pays for some of it.
struct Pace {
    /// The debt at which its connection ends.
    within: Duration,
    debt: Duration,
    /// The begin of a write that waits, and the end of its patience.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Pace {
    fn new(within: Duration) -> Pace {
        Pace { within, debt: Duration::ZERO, waiting: None }
    }

    /// A write, which fails instead of waiting on if its reader is too slow.
    fn guard(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let Poll::Ready(result) = written else {
            let rest = self.within.saturating_sub(self.debt);
            let (_, patience) = self.waiting.get_or_insert_with(|| (Instant::now(), Box::pin(sleep(rest))));
            ready!(patience.as_mut().poll(context));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        };
        if let Some((began, _)) = self.waiting.take() {
            self.debt += began.elapsed();
        }
        let taken = result.as_ref().map_or(0, |&count| u32::try_from(count).unwrap_or(u32::MAX));
        self.debt = self.debt.saturating_sub(BYTE_WITHIN * taken);
        Poll::Ready(result)
    }
}

impl Connection {
    pub(super) fn new(stream: TcpStream, place: Place, read_within: Duration) -> Connection {
        Connection { stream, pace: Pace::new(read_within), place }
    }

    /// The first byte, which stays to be read; `None` when none comes.
    pub(super) async fn peek(&mut self) -> Option<u8> {
        let mut first = [0];
        tokio::select! {
            peeked = self.stream.peek(&mut first) => peeked.ok().filter(|&length| length == 1).map(|_| first[0]),
            _ = &mut self.place.kept => None,
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.place.poll_lost(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.pace.guard(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.pace.guard(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    fn network(text: &str) -> Network {
        Network::of(text.parse().unwrap())
    }

    fn alive() -> mpsc::Sender<Infallible> {
        mpsc::channel(1).0
    }

    #[tokio::test]
    async fn places_are_limited_and_given_back() {
        let places = Places::new(3, 2);
        let take = |text: &str| places.take(network(text), false, &alive());
        let first = take("192.0.2.1").unwrap();
        let mut second = take("192.0.2.1").unwrap();
        assert!(take("192.0.2.1").is_none());
        let third = take("203.0.113.2").unwrap();
        let fourth = take("198.51.100.3").unwrap();
        let lost = std::future::poll_fn(|context| second.poll_lost(context));
        tokio::time::timeout(Duration::from_secs(5), lost).await.expect("who has most gives the youngest up");
        assert_eq!(places.taken(), 3);
        assert!(take("198.51.100.4").is_none(), "nobody has more than one");
        for place in [first, second, third, fourth] {
            drop(place);
        }
        assert!(places.lock().connections.is_empty() && places.lock().holders.is_empty());
    }

    #[test]
    fn a_trusted_proxy_may_bring_everybody() {
        let places = Places::new(3, 1);
        let first = places.take(network("127.0.0.1"), true, &alive());
        let second = places.take(network("127.0.0.1"), true, &alive());
        let third = places.take(network("127.0.0.1"), true, &alive());
        assert!(first.is_some() && second.is_some() && third.is_some());
        assert!(places.take(network("192.0.2.1"), false, &alive()).is_none(), "none of them gives way");
        drop(first);
        let _own = places.take(network("127.0.0.1"), false, &alive()).unwrap();
        drop(second);
        assert!(
            places.take(network("127.0.0.1"), false, &alive()).is_none(),
            "one that is not exempt counts"
        );
    }

    /// The bytes that a reader takes within an hour if it takes `bytes` after each two seconds, and the seconds until it is cut.
    async fn hour_of(bytes: usize) -> (usize, Option<u64>) {
        let (mut pace, begun) = (Pace::new(Duration::from_secs(30)), Instant::now());
        let mut taken = 0;
        while begun.elapsed() < Duration::from_secs(3_600) {
            let waits = std::future::poll_fn(|context| pace.guard(context, Poll::Pending));
            if tokio::time::timeout(Duration::from_secs(2), waits).await.is_ok() {
                return (taken, Some(begun.elapsed().as_secs()));
            }
            let took = std::future::poll_fn(|context| pace.guard(context, Poll::Ready(Ok(bytes)))).await;
            taken += took.unwrap();
        }
        (taken, None)
    }

    #[tokio::test(start_paused = true)]
    async fn readers_below_a_kilobyte_a_second_are_cut() {
        assert_eq!(hour_of(1).await, (15, Some(30)), "a byte in two seconds buys no time");
        assert_eq!(hour_of(1_000).await.1, Some(58), "half as fast as it must be");
        assert_eq!(hour_of(2_100).await, (1_800 * 2_100, None));
        // Time without anything to write is nobody's debt.
        let mut pace = Pace::new(Duration::from_secs(30));
        for _ in 0..10 {
            let rest = tokio::time::timeout(Duration::from_secs(600), std::future::pending::<()>());
            rest.await.expect_err("nothing is written");
            let waits = std::future::poll_fn(|context| pace.guard(context, Poll::Pending));
            tokio::time::timeout(Duration::from_secs(29), waits).await.expect_err("it is patient");
            let _ = std::future::poll_fn(|context| pace.guard(context, Poll::Ready(Ok(60_000)))).await;
        }
    }

    #[tokio::test]
    async fn writing_to_who_does_not_read_fails() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _silent = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let place = Places::new(1, 1).take(network("127.0.0.1"), true, &alive()).unwrap();
        let mut connection = Connection::new(stream, place, Duration::from_millis(50));
        let chunk = vec![0; 1024 * 1024];
        let error = loop {
            if let Err(error) = connection.write_all(&chunk).await {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
