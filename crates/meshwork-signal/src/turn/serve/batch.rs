//! Packets that go the same way, kept together until they are handed to the system in one call.

use std::net::{IpAddr, SocketAddr};

use crate::turn::io::Socket;

/// Ways that are kept apart at once; beyond, all that waits is sent. A turn of the relay receives 32 buffers.
const WAYS_MAX: usize = 32;
/// Bytes that the system takes in one call.
const BYTES_MAX: usize = 65_000;

/// Packets of one size from one socket to one address; the last may be shorter.
pub(super) struct Batch {
    pub(super) socket: Socket,
    pub(super) local: Option<IpAddr>,
    pub(super) remote: SocketAddr,
    pub(super) segment: usize,
    pub(super) bytes: Vec<u8>,
    /// Nothing may follow a shorter packet.
    is_closed: bool,
}

/// What waits to be sent.
#[derive(Default)]
pub(super) struct Batches {
    waiting: Vec<Batch>,
    /// Memory to be used again.
    spare: Vec<Vec<u8>>,
}

impl Batches {
    /// Adds a packet. `send` is called with what has to go first.
    pub(super) fn push(
        &mut self,
        way: (Socket, Option<IpAddr>, SocketAddr),
        packet: &[u8],
        segments_max: usize,
        mut send: impl FnMut(&Batch),
    ) {
        let (socket, local, remote) = way;
        let same = self
            .waiting
            .iter_mut()
            .position(|batch| batch.socket == socket && batch.remote == remote && batch.local == local);
        if let Some(place) = same {
            let batch = &mut self.waiting[place];
            let has_room = batch.bytes.len() + packet.len() <= BYTES_MAX
                && batch.bytes.len() < batch.segment * segments_max;
            if !batch.is_closed && has_room && (1..=batch.segment).contains(&packet.len()) {
                batch.is_closed = packet.len() < batch.segment;
                batch.bytes.extend_from_slice(packet);
                return;
            }
            // Its packets first, so that those of one way stay in order.
            send(batch);
            batch.bytes.clear();
            batch.bytes.extend_from_slice(packet);
            (batch.segment, batch.is_closed) = (packet.len(), packet.is_empty());
            return;
        }
        if self.waiting.len() >= WAYS_MAX {
            self.flush(&mut send);
        }
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.extend_from_slice(packet);
        let (segment, is_closed) = (packet.len(), packet.is_empty());
        self.waiting.push(Batch { socket, local, remote, segment, bytes, is_closed });
    }

    /// Calls `send` with everything that waits.
    pub(super) fn flush(&mut self, mut send: impl FnMut(&Batch)) {
        for mut batch in self.waiting.drain(..) {
            send(&batch);
            batch.bytes.clear();
            self.spare.push(batch.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::turn::io::ListenerId;

    /// The sizes of the packets in each call, for packets given as (way, size).
    fn calls(packets: &[(u16, usize)]) -> Vec<(u16, Vec<usize>)> {
        let mut calls = Vec::new();
        let mut send = |batch: &Batch| {
            let sizes = batch.bytes.chunks(batch.segment.max(1)).map(<[u8]>::len).collect();
            calls.push((batch.remote.port(), sizes));
        };
        let mut batches = Batches::default();
        for &(port, size) in packets {
            let way = (Socket::Listener(ListenerId(0)), None, SocketAddr::from(([192, 0, 2, 1], port)));
            batches.push(way, &vec![7; size], 4, &mut send);
        }
        batches.flush(&mut send);
        calls
    }

    #[test]
    fn packets_of_one_size_and_way_go_together() {
        assert_eq!(calls(&[(1, 9), (2, 5), (1, 9), (2, 5)]), [(1, vec![9, 9]), (2, vec![5, 5])]);
    }

    #[test]
    fn shorter_packet_ends_a_call_and_keeps_order() {
        assert_eq!(calls(&[(1, 9), (1, 4), (1, 9)]), [(1, vec![9, 4]), (1, vec![9])]);
        assert_eq!(calls(&[(1, 4), (1, 9)]), [(1, vec![4]), (1, vec![9])]);
        assert_eq!(calls(&[(1, 9), (1, 0), (1, 9)]), [(1, vec![9]), (1, vec![]), (1, vec![9])]);
    }

    #[test]
    fn call_takes_no_more_than_the_system_does() {
        assert_eq!(calls(&[(1, 9); 5]), [(1, vec![9; 4]), (1, vec![9])]);
        assert_eq!(calls(&[(1, 40_000); 2]), [(1, vec![40_000]), (1, vec![40_000])]);
        let many: Vec<(u16, usize)> = (0..100).map(|port| (port, 9)).collect();
        assert_eq!(calls(&many).len(), 100);
    }
}
