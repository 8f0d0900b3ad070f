//! Clients over TCP and TLS: messages cut out of a stream (RFC 8656, section 12.5), and streams that are of no use.

use std::mem;
use std::net::SocketAddr;

use meshwork_core::time::{Now, Time};
use stun_types::message::{MAGIC_COOKIE, MessageHeader};

use super::{REQUEST_MAX, Relay, Timer};
use crate::fair::{Merit, Network};
use crate::turn::counts::Refusal;
use crate::turn::io::{Client, StreamId};

/// Bytes of the longest message of a client that has an allocation.
const MESSAGE_MAX: usize = MessageHeader::LENGTH + 0xffff;
/// A buffer that grew beyond this is given back once it is empty.
const KEPT_BUFFER: usize = 4096;

/// A connection of a client.
pub(super) struct Stream {
    pub(super) remote: SocketAddr,
    network: Network,
    /// What speaks for keeping it.
    merit: Merit,
    /// The beginning of a message whose end has not come yet.
    buffer: Vec<u8>,
    /// When it is closed unless it has an allocation by then.
    timer: Option<Time>,
}

/// What stands at the beginning of bytes of a stream.
enum Frame {
    /// A message, and how many bytes lead to the next.
    Whole {
        length: usize,
        padded: usize,
    },
    Incomplete,
    Wrong,
}

impl Relay {
    /// A client connected from `remote` over TCP or TLS. Without a name for the stream it is turned away: close it.
    pub fn handle_stream_opened(&mut self, now: Now, remote: SocketAddr) -> Option<StreamId> {
        if self.is_banned(remote) {
            self.counts.refuse(Refusal::Banned);
            return None;
        }
        let network = Network::of(remote.ip());
        let counts = self.config.counted(remote.ip()).is_some();
        if counts && self.connected.is_full(network, self.config.streams_per_address_max) {
            self.counts.refuse(Refusal::AddressQuota);
            return None;
        }
        if self.streams.len() >= self.config.streams_max {
            let Some(least) = self.connected.gives_way(network) else {
                self.counts.refuse(Refusal::Capacity);
                return None;
            };
            self.counts.refuse(Refusal::GaveWay);
            self.close(now.time, least);
        }
        let stream = StreamId(self.next_stream);
        self.next_stream += 1;
        let merit = Merit::new(0, now.time);
        if counts {
            self.connected.insert(network, merit, stream);
        }
        self.streams.insert(stream, Stream { remote, network, merit, buffer: Vec::new(), timer: None });
        self.counts.streams.set(self.streams.len() as u64);
        self.expect_use(now.time, stream);
        Some(stream)
    }

    /// More bytes of a stream, cut anywhere.
    pub fn handle_stream_bytes(&mut self, now: Now, id: StreamId, bytes: &[u8]) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let remote = stream.remote;
        let mut buffer = mem::take(&mut stream.buffer);
        buffer.extend_from_slice(bytes);
        let client = Client::Stream(id);
        let mut at = 0;
        loop {
            let most = if self.clients.contains_key(&client) { MESSAGE_MAX } else { REQUEST_MAX };
            match frame(&buffer[at..], most) {
                Frame::Whole { length, padded } => {
                    self.handle_message(now, client, remote, &buffer[at..at + length]);
                    at += padded;
                }
                Frame::Incomplete => break,
                Frame::Wrong => {
                    self.counts.refuse(Refusal::Malformed);
                    return self.close(now.time, id);
                }
            }
        }
        buffer.drain(..at);
        if buffer.is_empty() && buffer.capacity() > KEPT_BUFFER {
            buffer = Vec::new();
        }
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.buffer = buffer;
        }
    }

    /// A stream ended, or was given up for `cause`.
    pub fn handle_stream_closed(&mut self, now: Now, id: StreamId, cause: Option<Refusal>) {
        if let Some(cause) = cause {
            self.counts.refuse(cause);
        }
        self.forget_stream(now.time, id);
    }

    /// Data for a client was dropped, as its stream does not read what waits for it.
    pub fn handle_stream_full(&mut self) {
        self.counts.refuse(Refusal::SlowReader);
    }

    pub(super) fn handle_stream_timer(&mut self, now: Time, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.timer = None;
        if !self.clients.contains_key(&Client::Stream(id)) {
            self.counts.refuse(Refusal::Idle);
            self.close(now, id);
        }
    }

    /// Notes that the client of a stream has an allocation, which speaks for keeping the stream.
    pub(super) fn note_use(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let former = stream.merit;
        stream.merit = former.with_use(1);
        self.connected.rank(stream.network, former, stream.merit, id);
    }

    /// From now on a stream has some time to get an allocation.
    pub(super) fn expect_use(&mut self, now: Time, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let timer = now + self.config.idle_after;
        let before = stream.timer.replace(timer);
        if let Some(before) = before {
            self.timers.remove(&(before, Timer::Stream(id)));
        }
        self.set_timer(timer, Timer::Stream(id));
    }

    pub(super) fn close(&mut self, now: Time, id: StreamId) {
        self.forget_stream(now, id);
        self.outbox.close_stream(id);
    }

    fn forget_stream(&mut self, now: Time, id: StreamId) {
        let Some(stream) = self.streams.remove(&id) else { return };
        if let Some(timer) = stream.timer {
            self.timers.remove(&(timer, Timer::Stream(id)));
        }
        if let Some(&key) = self.clients.get(&Client::Stream(id)) {
            self.remove_allocation(now, key);
        }
        self.connected.remove(stream.network, stream.merit, id);
        self.counts.streams.set(self.streams.len() as u64);
    }
}

/// What stands at the beginning of `bytes`, where a message may have `most` bytes.
fn frame(bytes: &[u8], most: usize) -> Frame {
    let &[first, _, high, low, ref rest @ ..] = bytes else { return Frame::Incomplete };
    let stated = usize::from(u16::from_be_bytes([high, low]));
    let cookie = MAGIC_COOKIE.to_be_bytes();
    let (length, padded) = match first >> 6 {
        // Whatever speaks something else is known by its first bytes.
        0b00 if stated % 4 != 0 || rest.iter().zip(&cookie).any(|(byte, cookie)| byte != cookie) => {
            return Frame::Wrong;
        }
        0b00 => (MessageHeader::LENGTH + stated, MessageHeader::LENGTH + stated),
        0b01 => (4 + stated, (4 + stated).next_multiple_of(4)),
        _ => return Frame::Wrong,
    };
    if padded > most {
        Frame::Wrong
    } else if bytes.len() < padded {
        Frame::Incomplete
    } else {
        Frame::Whole { length, padded }
    }
}
