//! Clients over TCP and TLS: messages cut out of a stream (RFC 8656, section 12.5), and streams that are of no use.

use std::net::SocketAddr;

use meshwork_core::time::{Now, Time};
use stun_types::message::{MAGIC_COOKIE, MessageHeader};

use super::{REQUEST_MAX, Relay};
use crate::turn::counts::Refusal;
use crate::turn::io::{Client, StreamId};

/// Bytes of the longest message of a client that has an allocation.
const MESSAGE_MAX: usize = MessageHeader::LENGTH + 0xffff;

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
        let admitted = match self.is_banned(remote) {
            true => Err(Refusal::Banned),
            false => self.streams.admit(&self.config, remote),
        };
        match admitted {
            Err(cause) => {
                self.counts.refuse(cause);
                return None;
            }
            Ok(Some(least)) => {
                self.counts.refuse(Refusal::GaveWay);
                self.close(now.time, least);
            }
            Ok(None) => {}
        }
        let counts = self.config.counted(remote.ip()).is_some();
        let stream = self.streams.insert(now.time, remote, counts);
        self.counts.streams.set(self.streams.len() as u64);
        self.streams.expect_use(stream, now.time + self.config.idle_after);
        Some(stream)
    }

    /// More bytes of a stream, cut anywhere.
    pub fn handle_stream_bytes(&mut self, now: Now, id: StreamId, bytes: &[u8]) {
        let Some((remote, mut buffer)) = self.streams.take_buffer(id) else { return };
        buffer.extend_from_slice(bytes);
        let client = Client::Stream(id);
        let mut at = 0;
        loop {
            let most = if self.allocations.of(&client).is_some() { MESSAGE_MAX } else { REQUEST_MAX };
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
        self.streams.keep_buffer(id, buffer);
    }

    /// A stream ended, or was given up for `cause`.
    pub fn handle_stream_closed(&mut self, now: Now, id: StreamId, cause: Option<Refusal>) {
        if let Some(cause) = cause {
            self.counts.refuse(cause);
        }
        self.forget_stream(now.time, id);
    }

    pub(super) fn handle_stream_timer(&mut self, now: Time) {
        let Some(id) = self.streams.take_due() else { return };
        if self.allocations.of(&Client::Stream(id)).is_none() {
            self.counts.refuse(Refusal::Idle);
            self.close(now, id);
        }
    }

    pub(super) fn close(&mut self, now: Time, id: StreamId) {
        self.forget_stream(now, id);
        self.outbox.close_stream(id);
    }

    fn forget_stream(&mut self, now: Time, id: StreamId) {
        if !self.streams.remove(id) {
            return;
        }
        if let Some(key) = self.allocations.of(&Client::Stream(id)) {
            self.remove_allocation(now, key);
        }
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
