//! The connections of clients over TCP and TLS: how many there may be, which gives way, and which are of no use.

use std::collections::{BTreeSet, HashMap};
use std::mem;
use std::net::SocketAddr;

use meshwork_core::time::Time;

use crate::fair::{Holdings, Merit, Network};
use crate::turn::config::Config;
use crate::turn::counts::Refusal;
use crate::turn::io::StreamId;

/// A buffer that grew beyond this is given back once it is empty.
const KEPT_BUFFER: usize = 4096;

/// A connection of a client.
struct Stream {
    remote: SocketAddr,
    network: Network,
    /// What speaks for keeping it.
    merit: Merit,
    /// The beginning of a message whose end has not come yet.
    buffer: Vec<u8>,
    /// When it is closed unless it has an allocation by then.
    timer: Option<Time>,
}

/// All connections.
#[derive(Default)]
pub(super) struct Streams {
    streams: HashMap<StreamId, Stream>,
    /// The same by the networks that they came from.
    connected: Holdings<StreamId>,
    timers: BTreeSet<(Time, StreamId)>,
    next: u64,
}

impl Streams {
    pub(super) fn len(&self) -> usize {
        self.streams.len()
    }

    /// Whether one more may connect from `remote`, and which gives way to it.
    ///
    /// # Errors
    /// Why not: the address has as many as it may, or nobody gives way.
    pub(super) fn admit(&self, config: &Config, remote: SocketAddr) -> Result<Option<StreamId>, Refusal> {
        let network = Network::of(remote.ip());
        let counts = config.counted(remote.ip()).is_some();
        if counts && self.connected.is_full(network, config.streams_per_address_max) {
            return Err(Refusal::AddressQuota);
        }
        if self.streams.len() < config.streams_max {
            return Ok(None);
        }
        self.connected.gives_way(network).map(Some).ok_or(Refusal::Capacity)
    }

    /// Takes one in. Where it does not count towards its network, it gives way to nobody.
    pub(super) fn insert(&mut self, now: Time, remote: SocketAddr, counts: bool) -> StreamId {
        let stream = StreamId(self.next);
        self.next += 1;
        let (network, merit) = (Network::of(remote.ip()), Merit::new(0, now));
        if counts {
            self.connected.insert(network, merit, stream);
        }
        self.streams.insert(stream, Stream { remote, network, merit, buffer: Vec::new(), timer: None });
        stream
    }

    /// Forgets one. Returns whether it stood.
    pub(super) fn remove(&mut self, id: StreamId) -> bool {
        let Some(gone) = self.streams.remove(&id) else { return false };
        if let Some(timer) = gone.timer {
            self.timers.remove(&(timer, id));
        }
        self.connected.remove(gone.network, gone.merit, id);
        true
    }

    /// Those whose client `is_meant` names.
    pub(super) fn among(&self, is_meant: impl Fn(SocketAddr) -> bool) -> Vec<StreamId> {
        self.streams.iter().filter(|(_, stream)| is_meant(stream.remote)).map(|(&id, _)| id).collect()
    }

    /// Where the client is, and the beginning of a message whose end has not come yet.
    pub(super) fn take_buffer(&mut self, id: StreamId) -> Option<(SocketAddr, Vec<u8>)> {
        let stream = self.streams.get_mut(&id)?;
        Some((stream.remote, mem::take(&mut stream.buffer)))
    }

    /// Keeps the beginning of a message.
    pub(super) fn keep_buffer(&mut self, id: StreamId, mut buffer: Vec<u8>) {
        if buffer.is_empty() && buffer.capacity() > KEPT_BUFFER {
            buffer = Vec::new();
        }
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.buffer = buffer;
        }
    }

    /// Notes that the client of a stream has an allocation, which speaks for keeping the stream.
    pub(super) fn note_use(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let former = stream.merit;
        stream.merit = former.with_use(1);
        self.connected.rank(stream.network, former, stream.merit, id);
    }

    /// A stream has time until then to get an allocation.
    pub(super) fn expect_use(&mut self, id: StreamId, until: Time) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if let Some(before) = stream.timer.replace(until) {
            self.timers.remove(&(before, id));
        }
        self.timers.insert((until, id));
    }

    /// When a stream must have got an allocation.
    pub(super) fn due(&self) -> Option<Time> {
        self.timers.first().map(|&(time, _)| time)
    }

    /// The time has come that [`due`](Streams::due) names. Returns for which stream.
    pub(super) fn take_due(&mut self) -> Option<StreamId> {
        let (_, id) = self.timers.pop_first()?;
        self.streams.get_mut(&id)?.timer = None;
        Some(id)
    }

    #[cfg(test)]
    pub(super) fn contains(&self, id: StreamId) -> bool {
        self.streams.contains_key(&id)
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.streams.is_empty() && self.connected.is_empty() && self.timers.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_due_until_it_is_gone() {
        let mut streams = Streams::default();
        let from = "192.0.2.1:1".parse().unwrap();
        let [idle, used] = [5, 7].map(|until| {
            let stream = streams.insert(Time(0), from, true);
            streams.expect_use(stream, Time(until));
            stream
        });
        streams.expect_use(used, Time(9));
        assert_eq!((streams.due(), streams.take_due()), (Some(Time(5)), Some(idle)));
        assert_eq!(streams.due(), Some(Time(9)), "what was expected earlier is forgotten");
        assert!(streams.remove(idle) && !streams.remove(idle) && streams.remove(used));
        assert!(streams.is_empty());
    }

    #[test]
    fn a_large_buffer_is_given_back_empty() {
        let mut streams = Streams::default();
        let stream = streams.insert(Time(0), "192.0.2.1:1".parse().unwrap(), true);
        let taken = |streams: &mut Streams, buffer: Vec<u8>| {
            streams.keep_buffer(stream, buffer);
            streams.take_buffer(stream).map(|(_, buffer)| (buffer.len(), buffer.capacity() > KEPT_BUFFER))
        };
        assert_eq!(taken(&mut streams, vec![0; 2 * KEPT_BUFFER]), Some((2 * KEPT_BUFFER, true)));
        assert_eq!(taken(&mut streams, Vec::with_capacity(2 * KEPT_BUFFER)), Some((0, false)));
    }
}
