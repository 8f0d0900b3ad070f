//! A connection that counts against the listener's limits, and breaks when its other end stops reading.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::Sleep;

use crate::hub::Network;

/// How many connections there are and may be.
#[derive(Clone)]
pub(super) struct Places {
    taken: Arc<Mutex<Taken>>,
    most: usize,
    most_per_network: usize,
}

#[derive(Default)]
struct Taken {
    in_all: usize,
    of_networks: BTreeMap<Network, usize>,
}

/// One connection's place, free again when it is dropped.
pub(super) struct Place {
    places: Places,
    network: Network,
    /// Tells the server, when all are dropped, that nothing is left.
    _alive: mpsc::Sender<Infallible>,
}

/// A connection that somebody else than this listener speaks on; it goes on counting until it is dropped.
pub struct RawConnection {
    /// The connection, of which nothing is read yet.
    pub stream: TcpStream,
    /// Its other end.
    pub address: SocketAddr,
    pub(super) place: Place,
}

impl RawConnection {
    /// The stream, and what keeps its place.
    pub fn into_parts(self) -> (TcpStream, SocketAddr, impl Send + 'static) {
        (self.stream, self.address, self.place)
    }
}

impl Places {
    pub(super) fn new(most: usize, most_per_network: usize) -> Places {
        Places { taken: Arc::default(), most, most_per_network }
    }

    /// How many there are.
    pub(super) fn taken(&self) -> usize {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).in_all
    }

    /// A place for a connection of `network`, if there is one left; of an exempt one if there is one at all.
    pub(super) fn take(
        &self,
        network: Network,
        is_exempt: bool,
        alive: &mpsc::Sender<Infallible>,
    ) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let of_network = taken.of_networks.get(&network).copied().unwrap_or(0);
        if taken.in_all >= self.most || (!is_exempt && of_network >= self.most_per_network) {
            return None;
        }
        taken.in_all += 1;
        *taken.of_networks.entry(network).or_default() += 1;
        Some(Place { places: self.clone(), network, _alive: alive.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.in_all -= 1;
        if let Some(connections) = taken.of_networks.get_mut(&self.network) {
            *connections -= 1;
            if *connections == 0 {
                taken.of_networks.remove(&self.network);
            }
        }
    }
}

/// A TCP stream whose writes fail once nothing was taken for a while.
pub(super) struct Connection {
    stream: TcpStream,
    read_within: Duration,
    /// Runs while a write waits.
    stalled: Option<Pin<Box<Sleep>>>,
    _place: Place,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, place: Place, read_within: Duration) -> Connection {
        Connection { stream, read_within, stalled: None, _place: place }
    }

    fn guard<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let read_within = self.read_within;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(read_within)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
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
        self.guard(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.guard(context, written)
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

    #[test]
    fn places_are_limited_and_given_back() {
        let places = Places::new(3, 2);
        let first = places.take(network("192.0.2.1"), false, &alive()).unwrap();
        let _second = places.take(network("192.0.2.1"), false, &alive()).unwrap();
        assert!(places.take(network("192.0.2.1"), false, &alive()).is_none());
        let third = places.take(network("192.0.2.2"), false, &alive()).unwrap();
        assert!(places.take(network("192.0.2.3"), false, &alive()).is_none());
        drop(first);
        let _fourth = places.take(network("192.0.2.1"), false, &alive()).unwrap();
        drop(third);
        assert_eq!(places.taken.lock().unwrap().of_networks.len(), 1);
    }

    #[test]
    fn a_trusted_proxy_may_bring_everybody() {
        let places = Places::new(3, 1);
        let _first = places.take(network("127.0.0.1"), true, &alive()).unwrap();
        assert!(places.take(network("127.0.0.1"), true, &alive()).is_some());
        assert!(places.take(network("127.0.0.1"), false, &alive()).is_none());
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
