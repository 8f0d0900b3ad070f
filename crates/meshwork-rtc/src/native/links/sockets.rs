//! The UDP sockets of one connection: true destination addresses in, batches of equal datagrams out.

use std::cell::RefCell;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Poll, ready};

use meshwork_core::reach::Reach;
use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::flight;
use super::interfaces::Addresses;

/// Bytes of one receive buffer: the most that one UDP datagram, or one coalesced run of them, can have.
const BUFFER_LEN: usize = 64 * 1024;
/// Buffers filled by one system call.
const BUFFERS: usize = 8;
/// Bytes that a socket's buffers should have in the system: twice what is in flight at most, since systems count what
/// datagrams take up, not what they hold. Many grant less.
const SYSTEM_BUFFER: usize = 2 * flight::MOST;
/// Addresses of one connection, those included that it had on earlier networks: far more than the other end is told.
const ADDRESSES_MAX: usize = 64;
/// Bytes sent by one system call. Linux refuses a segmented send of more than an IP packet can have.
const BATCH_MAX: usize = 60 * 1024;

thread_local! {
    /// Receive buffers, one set a thread: a connection needs them only while it handles what it read.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; BUFFER_LEN * BUFFERS]);
}

/// One datagram to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Datagram {
    /// The own address that it comes from.
    pub(super) source: SocketAddr,
    /// Where it goes.
    pub(super) destination: SocketAddr,
    /// What it holds.
    pub(super) bytes: Vec<u8>,
}

/// The sockets of one connection.
///
/// Connections do not share sockets. Two connections between the same two programs would have the same
/// addresses at both ends, and nothing in a DTLS record tells them apart.
#[derive(Debug)]
pub(super) struct Sockets {
    sockets: Vec<Socket>,
    addresses: Vec<SocketAddr>,
    nearest: Reach,
    /// Where the search for a readable socket starts, so that a busy one does not starve the others.
    first: usize,
}

#[derive(Debug)]
struct Socket {
    io: UdpSocket,
    state: UdpSocketState,
    local: SocketAddr,
}

impl Sockets {
    /// Binds to free ports: one socket a family for [`Addresses::Interfaces`], one for each address otherwise. Addresses
    /// nearer than `nearest` are for nobody else.
    ///
    /// # Errors
    /// The system's, when not a single address can be bound.
    pub(super) fn bind(which: &Addresses, nearest: Reach) -> io::Result<Sockets> {
        let list = which.list(nearest)?;
        let mut sockets = Sockets { sockets: Vec::new(), addresses: Vec::new(), nearest, first: 0 };
        let mut failure = io::Error::new(io::ErrorKind::AddrNotAvailable, "no interface has an address");
        let binds: Vec<IpAddr> = match which {
            Addresses::Only(_) => list.clone(),
            Addresses::Interfaces => vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
        };
        for bind in binds {
            let served =
                |ip: &&IpAddr| **ip == bind || bind.is_unspecified() && ip.is_ipv4() == bind.is_ipv4();
            if list.iter().find(served).is_none() {
                continue;
            }
            match Socket::bind(bind) {
                Ok(socket) => {
                    let port = socket.local.port();
                    sockets.addresses.extend(list.iter().filter(served).map(|ip| SocketAddr::new(*ip, port)));
                    sockets.sockets.push(socket);
                }
                // A machine without IPv6 is common; whoever is reachable otherwise is not told.
                Err(error) => failure = error,
            }
        }
        // As listed again, since candidates are numbered in this order.
        sockets.addresses.sort_by_key(|address| list.iter().position(|ip| *ip == address.ip()));
        if sockets.sockets.is_empty() { Err(failure) } else { Ok(sockets) }
    }

    /// Looks again at which addresses others may reach the sockets, and returns those that are new. An address that is
    /// gone is kept: it may come back. Sockets of single addresses get no others.
    pub(super) fn look_again(&mut self, which: &Addresses) -> Vec<SocketAddr> {
        let Addresses::Interfaces = which else { return Vec::new() };
        let mut fresh = Vec::new();
        for ip in which.list(self.nearest).unwrap_or_default() {
            let socket = self.sockets.iter().find(|socket| socket.local.is_ipv4() == ip.is_ipv4());
            let address = socket.map(|socket| SocketAddr::new(ip, socket.local.port()));
            if let Some(address) = address.filter(|address| !self.addresses.contains(address))
                && self.addresses.len() < ADDRESSES_MAX
            {
                self.addresses.push(address);
                fresh.push(address);
            }
        }
        fresh
    }

    /// The addresses at which others may reach the sockets, the most useful first.
    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Waits until datagrams arrive and hands each of them to `handle` as source, destination and bytes.
    ///
    /// Cancelling it loses nothing.
    pub(super) async fn receive(&mut self, mut handle: impl FnMut(SocketAddr, SocketAddr, &[u8])) {
        std::future::poll_fn(|context| {
            let count = self.sockets.len();
            for step in 0..count {
                let index = (self.first + step) % count;
                if self.sockets[index].poll_receive(context, &self.addresses, &mut handle).is_ready() {
                    self.first = index + 1;
                    return Poll::Ready(());
                }
            }
            Poll::Pending
        })
        .await;
    }

    /// Sends `datagrams` in their order. What the system refuses is lost, as on any network.
    pub(super) async fn send(&self, datagrams: &mut Vec<Datagram>) {
        let mut batch = Vec::new();
        let mut rest = datagrams.as_slice();
        while let Some(first) = rest.first() {
            let socket = self.sockets.iter().find(|socket| socket.serves(first.source));
            let most = socket.map_or(1, |socket| socket.state.max_gso_segments());
            let run = run_length(rest, most);
            if let Some(socket) = socket {
                if run == 1 {
                    socket.send(first, &first.bytes, None).await;
                } else {
                    batch.clear();
                    rest[..run].iter().for_each(|datagram| batch.extend_from_slice(&datagram.bytes));
                    socket.send(first, &batch, Some(first.bytes.len())).await;
                }
            }
            rest = &rest[run..];
        }
        datagrams.clear();
    }
}

/// How many datagrams from the first on can go out at once: same way, same length, the last may be shorter.
fn run_length(datagrams: &[Datagram], most: usize) -> usize {
    let first = &datagrams[0];
    let mut bytes = first.bytes.len();
    let mut run = 1;
    for next in &datagrams[1..] {
        bytes += next.bytes.len();
        let same_way = next.source == first.source && next.destination == first.destination;
        if run == most || bytes > BATCH_MAX || !same_way || next.bytes.len() > first.bytes.len() {
            break;
        }
        run += 1;
        if next.bytes.len() < first.bytes.len() {
            break;
        }
    }
    run
}

impl Socket {
    fn bind(ip: IpAddr) -> io::Result<Socket> {
        let socket = socket2::Socket::new(
            if ip.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 },
            Type::DGRAM,
            Some(Protocol::UDP),
        )?;
        if ip.is_ipv6() {
            // Otherwise it would take the IPv4 datagrams of its port as well.
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&SocketAddr::new(ip, 0).into())?;
        let io = UdpSocket::from_std(socket.into())?;
        let state = UdpSocketState::new(UdpSockRef::from(&io))?;
        // What is not granted costs datagrams when a program is slow to read, and no more than that.
        let _ = state.set_recv_buffer_size(UdpSockRef::from(&io), SYSTEM_BUFFER);
        let _ = state.set_send_buffer_size(UdpSockRef::from(&io), SYSTEM_BUFFER);
        let local = io.local_addr()?;
        Ok(Socket { io, state, local })
    }

    fn serves(&self, source: SocketAddr) -> bool {
        source.port() == self.local.port()
            && source.is_ipv4() == self.local.is_ipv4()
            && (self.local.ip().is_unspecified() || self.local.ip() == source.ip())
    }

    fn poll_receive(
        &self,
        context: &mut std::task::Context<'_>,
        addresses: &[SocketAddr],
        handle: &mut impl FnMut(SocketAddr, SocketAddr, &[u8]),
    ) -> Poll<()> {
        loop {
            // An error here belongs to the runtime that is shutting down: nothing will arrive any more.
            if ready!(self.io.poll_recv_ready(context)).is_err() {
                return Poll::Pending;
            }
            let received = BUFFER.with_borrow_mut(|buffer| self.try_receive(buffer, addresses, handle));
            match received {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // An error that the network reported about an earlier datagram counts as a wake-up.
                Ok(()) | Err(_) => return Poll::Ready(()),
            }
        }
    }

    fn try_receive(
        &self,
        buffer: &mut [u8],
        addresses: &[SocketAddr],
        handle: &mut impl FnMut(SocketAddr, SocketAddr, &[u8]),
    ) -> io::Result<()> {
        let mut metas = [RecvMeta::default(); BUFFERS];
        let count = {
            let mut chunks = buffer.chunks_mut(BUFFER_LEN);
            let mut slices: [IoSliceMut<'_>; BUFFERS] =
                std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
            self.io.try_io(Interest::READABLE, || {
                self.state.recv(UdpSockRef::from(&self.io), &mut slices, &mut metas)
            })?
        };
        for (meta, bytes) in metas.iter().zip(buffer.chunks(BUFFER_LEN)).take(count) {
            let Some(destination) = self.destination(meta, addresses) else { continue };
            let source = SocketAddr::new(meta.addr.ip().to_canonical(), meta.addr.port());
            // A stride of zero would be a datagram without content.
            for datagram in bytes[..meta.len].chunks(meta.stride.max(1)) {
                handle(source, destination, datagram);
            }
        }
        Ok(())
    }

    /// The own address that a datagram was sent to. Where the system does not tell, the only one there is.
    fn destination(&self, meta: &RecvMeta, addresses: &[SocketAddr]) -> Option<SocketAddr> {
        let port = self.local.port();
        if !self.local.ip().is_unspecified() {
            return Some(self.local);
        }
        if let Some(ip) = meta.dst_ip {
            return Some(SocketAddr::new(ip.to_canonical(), port));
        }
        let mut served = addresses.iter().filter(|address| self.serves(**address));
        let only = served.next().copied();
        if served.next().is_none() { only } else { None }
    }

    async fn send(&self, first: &Datagram, contents: &[u8], segment_size: Option<usize>) {
        let transmit = quinn_udp::Transmit {
            destination: first.destination,
            ecn: None,
            contents,
            segment_size,
            src_ip: self.local.ip().is_unspecified().then(|| first.source.ip()),
        };
        loop {
            let sent = self
                .io
                .try_io(Interest::WRITABLE, || self.state.try_send(UdpSockRef::from(&self.io), &transmit));
            match sent {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.io.writable().await.is_err() {
                        return;
                    }
                }
                Ok(()) => return,
                Err(error) => {
                    // Unreachable networks are the rule while candidates are tried.
                    tracing::trace!(%error, bytes = contents.len(), "datagram not sent");
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(source: SocketAddr, destination: SocketAddr, bytes: Vec<u8>) -> Datagram {
        Datagram { source, destination, bytes }
    }

    #[test]
    fn runs_hold_equal_datagrams_of_one_way() {
        let (a, b) = (SocketAddr::from(([127, 0, 0, 1], 1)), SocketAddr::from(([127, 0, 0, 1], 2)));
        let sized = |length: usize| datagram(a, b, vec![0; length]);
        assert_eq!(run_length(&[sized(5), sized(5), sized(3), sized(3)], 64), 3, "a shorter one ends a run");
        assert_eq!(run_length(&[sized(3), sized(5)], 64), 1, "a longer one starts another");
        assert_eq!(run_length(&[sized(5), sized(5), sized(5)], 2), 2, "the system's limit holds");
        assert_eq!(run_length(&[sized(5), datagram(b, a, vec![0; 5])], 64), 1, "another way");
    }

    #[tokio::test]
    async fn addresses_that_appear_later_are_found_once() {
        let mut sockets = Sockets::bind(&Addresses::Interfaces, Reach::Machine).unwrap();
        assert_eq!(sockets.look_again(&Addresses::Interfaces), [], "nothing is new");
        let gone = sockets.addresses.remove(0);
        assert_eq!(sockets.look_again(&Addresses::Interfaces), [gone]);
        assert_eq!(sockets.look_again(&Addresses::Interfaces), []);
        let mut only = Sockets::bind(&Addresses::loopback(), Reach::Machine).unwrap();
        only.addresses.clear();
        assert_eq!(only.look_again(&Addresses::loopback()), [], "who names addresses means no others");
    }

    #[tokio::test]
    async fn wildcard_sockets_tell_which_address_was_reached() {
        let mut receiver = Sockets::bind(&Addresses::Interfaces, Reach::Machine).unwrap();
        let sender = Sockets::bind(&Addresses::Interfaces, Reach::Machine).unwrap();
        for target in receiver.addresses().to_vec() {
            let Some(source) = sender.addresses().iter().find(|own| own.ip() == target.ip()) else {
                continue;
            };
            let mut datagrams: Vec<_> = (0..5).map(|n| datagram(*source, target, vec![n; 100])).collect();
            sender.send(&mut datagrams).await;
            let mut seen = Vec::new();
            while seen.len() < 5 {
                let reached = receiver.receive(|from, to, bytes| seen.push((from, to, bytes.to_vec())));
                tokio::time::timeout(std::time::Duration::from_secs(10), reached).await.unwrap();
            }
            for (n, seen) in seen.into_iter().enumerate() {
                assert_eq!(seen, (*source, target, vec![n as u8; 100]));
            }
        }
    }
}
