//! A datagram socket that takes and hands over many packets in one call.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};

use mio::{Interest, Registry, Token};
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};

/// Bytes of a buffer that the system may fill with several packets of one sender.
const BUFFER: usize = 0xffff;

/// A socket, and what the system can do with it.
pub(super) struct Datagrams {
    socket: mio::net::UdpSocket,
    state: UdpSocketState,
    /// Bound to every address of this machine: answers must leave from the one that was asked.
    has_several: bool,
}

/// Room for what is received in one call.
pub(super) struct Received {
    buffers: Box<[u8]>,
    meta: [RecvMeta; BATCH_SIZE],
}

/// One packet that was received.
pub(super) struct Packet<'a> {
    pub(super) remote: SocketAddr,
    pub(super) local: Option<IpAddr>,
    pub(super) bytes: &'a [u8],
}

/// A new socket, bound to `address`; one of IPv6 leaves IPv4 alone.
pub(super) fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

impl Datagrams {
    /// Takes a socket over, to be told of under `token`.
    pub(super) fn register(
        socket: std::net::UdpSocket,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Datagrams> {
        let has_several = socket.local_addr()?.ip().is_unspecified();
        let state = UdpSocketState::new((&socket).into())?;
        let mut socket = mio::net::UdpSocket::from_std(socket);
        registry.register(&mut socket, token, Interest::READABLE)?;
        Ok(Datagrams { socket, state, has_several })
    }

    pub(super) fn deregister(mut self, registry: &Registry) {
        // Closing it, which follows, does the same.
        let _ = registry.deregister(&mut self.socket);
    }

    /// Receives what is there, up to one call's worth. Returns how many buffers were filled, and whether there may be
    /// more.
    pub(super) fn receive(&self, received: &mut Received) -> (usize, bool) {
        let mut buffers = received.buffers.chunks_exact_mut(BUFFER);
        let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| IoSliceMut::new(buffers.next().unwrap_or_default()));
        match self.state.recv(UdpSockRef::from(&self.socket), &mut slices, &mut received.meta) {
            Ok(count) => (count, count == BATCH_SIZE),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => (0, false),
            // Errors of single packets, such as an unreachable peer: what came behind them is still there.
            Err(_) => (0, true),
        }
    }

    /// The packets in buffer `number` of those that were just filled.
    pub(super) fn packets<'a>(
        &self,
        received: &'a Received,
        number: usize,
    ) -> impl Iterator<Item = Packet<'a>> + use<'a> {
        let meta = &received.meta[number];
        let bytes = &received.buffers[number * BUFFER..][..meta.len.min(BUFFER)];
        let (remote, local) = (meta.addr, meta.dst_ip.filter(|_| self.has_several));
        // An empty datagram is one as well.
        let empty = bytes.is_empty().then_some(bytes);
        let packets = empty.into_iter().chain(bytes.chunks(meta.stride.max(1)));
        packets.map(move |bytes| Packet { remote, local, bytes })
    }

    /// How many packets may be handed over in one call.
    pub(super) fn segments_max(&self) -> usize {
        self.state.max_gso_segments()
    }

    /// Sends packets of `segment` bytes each, of which the last may be shorter. Returns how many were not taken.
    pub(super) fn send(
        &self,
        local: Option<IpAddr>,
        remote: SocketAddr,
        bytes: &[u8],
        segment: usize,
    ) -> usize {
        let is_several = bytes.len() > segment;
        let transmit = |contents, segment_size| Transmit {
            destination: remote,
            ecn: None,
            contents,
            segment_size,
            src_ip: local,
        };
        let send = |transmit: Transmit<'_>| self.state.try_send(UdpSockRef::from(&self.socket), &transmit);
        match send(transmit(bytes, is_several.then_some(segment))) {
            Ok(()) => 0,
            // The system, or the device, cannot cut these: one by one then. Others are told to wait, and a relay does
            // not wait for anybody.
            Err(error) if is_several && error.kind() != io::ErrorKind::WouldBlock => {
                bytes.chunks(segment).filter(|packet| send(transmit(packet, None)).is_err()).count()
            }
            Err(_) => bytes.len().div_ceil(segment.max(1)).max(1),
        }
    }
}

impl Received {
    pub(super) fn new() -> Received {
        Received {
            buffers: vec![0; BUFFER * BATCH_SIZE].into_boxed_slice(),
            meta: [RecvMeta::default(); BATCH_SIZE],
        }
    }
}
