//! What a relay is told and what it asks for: the seam between the machine and its sockets, as data.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

/// A datagram socket on which clients speak to the relay, numbered by whoever owns the sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerId(pub u16);

/// A relayed address: a datagram socket on which peers speak. Named by the relay; a number may be used again after
/// [`Output::Unbind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelayId(pub u32);

/// A connection of a client over TCP or TLS. Named by the relay, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

/// Where a datagram came in, or is to go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Socket {
    /// Towards clients.
    Listener(ListenerId),
    /// Towards peers.
    Relay(RelayId),
}

/// The client's end of an allocation: its 5-tuple (RFC 8656, section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Client {
    /// Datagrams: the socket, the server's address where it has several, the client's address.
    Datagrams {
        listener: ListenerId,
        local: Option<IpAddr>,
        remote: SocketAddr,
    },
    Stream(StreamId),
}

/// What the owner of the sockets is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output<'a> {
    /// Send a datagram.
    Datagram {
        /// On which socket.
        socket: Socket,
        /// From which of the server's addresses, where the socket has several.
        local: Option<IpAddr>,
        /// To whom.
        remote: SocketAddr,
        /// What.
        bytes: &'a [u8],
    },
    /// Send over a stream: one whole message, so that a full queue can drop it whole.
    Stream {
        /// Over which.
        stream: StreamId,
        /// Whether it is data that a slow line may lose, rather than an answer.
        is_data: bool,
        /// What.
        bytes: &'a [u8],
    },
    /// Close a stream. It needs not be reported closed.
    CloseStream {
        /// Which.
        stream: StreamId,
    },
    /// Bind a datagram socket and report whether that worked with `handle_bound`.
    Bind {
        /// Its name.
        relay: RelayId,
        /// To which address of this machine.
        address: SocketAddr,
    },
    /// Close it, if it was bound.
    Unbind {
        /// Its name.
        relay: RelayId,
    },
}

/// An output without its bytes, which lie in [`Outbox::bytes`].
#[derive(Clone, Debug)]
enum Entry {
    Datagram { socket: Socket, local: Option<IpAddr>, remote: SocketAddr, bytes: Range<usize> },
    Stream { stream: StreamId, is_data: bool, bytes: Range<usize> },
    CloseStream(StreamId),
    Bind(RelayId, SocketAddr),
    Unbind(RelayId),
}

/// Outputs that wait to be polled. Bytes lie one behind the other and are forgotten together, so that a packet costs
/// no allocation of memory.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    entries: VecDeque<Entry>,
    bytes: Vec<u8>,
}

impl Outbox {
    /// The next output, in the order in which they were made.
    pub(super) fn poll(&mut self) -> Option<Output<'_>> {
        let Some(entry) = self.entries.pop_front() else {
            self.bytes.clear();
            return None;
        };
        Some(match entry {
            Entry::Datagram { socket, local, remote, bytes } => {
                Output::Datagram { socket, local, remote, bytes: &self.bytes[bytes] }
            }
            Entry::Stream { stream, is_data, bytes } => {
                Output::Stream { stream, is_data, bytes: &self.bytes[bytes] }
            }
            Entry::CloseStream(stream) => Output::CloseStream { stream },
            Entry::Bind(relay, address) => Output::Bind { relay, address },
            Entry::Unbind(relay) => Output::Unbind { relay },
        })
    }

    /// Sends the parts, one behind the other, to a client.
    pub(super) fn send_to_client(&mut self, client: Client, is_data: bool, parts: [&[u8]; 2]) {
        match client {
            Client::Datagrams { listener, local, remote } => {
                self.datagram(Socket::Listener(listener), local, remote, parts);
            }
            Client::Stream(stream) => {
                let mut bytes = self.append(parts);
                // Over streams channel data fills whole words (RFC 8656, section 12.5), as STUN does by itself.
                bytes.end = bytes.start + bytes.len().next_multiple_of(4);
                self.bytes.resize(bytes.end, 0);
                self.entries.push_back(Entry::Stream { stream, is_data, bytes });
            }
        }
    }

    /// Sends the parts, one behind the other, as one datagram.
    pub(super) fn datagram(
        &mut self,
        socket: Socket,
        local: Option<IpAddr>,
        remote: SocketAddr,
        parts: [&[u8]; 2],
    ) {
        let bytes = self.append(parts);
        self.entries.push_back(Entry::Datagram { socket, local, remote, bytes });
    }

    pub(super) fn close_stream(&mut self, stream: StreamId) {
        self.entries.push_back(Entry::CloseStream(stream));
    }

    pub(super) fn bind(&mut self, relay: RelayId, address: SocketAddr) {
        self.entries.push_back(Entry::Bind(relay, address));
    }

    pub(super) fn unbind(&mut self, relay: RelayId) {
        self.entries.push_back(Entry::Unbind(relay));
    }

    fn append(&mut self, parts: [&[u8]; 2]) -> Range<usize> {
        let start = self.bytes.len();
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        start..self.bytes.len()
    }
}
