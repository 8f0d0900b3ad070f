//! The relay as a state machine: no sockets, no clock, no randomness of its own.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use meshwork_core::rng::Seed;
use meshwork_core::time::{Now, Time};
use stun_types::message::{BINDING, Message, MessageClass};

use super::answer::Answer;
use super::config::{Config, ConfigError};
use super::counts::{Counts, Refusal};
use super::io::{Client, Outbox, Output, RelayId, Socket, StreamId};

/// A STUN and TURN server. See [the module](super) for how to drive it.
#[derive(Debug)]
pub struct Relay {
    config: Config,
    counts: Arc<Counts>,
    outbox: Outbox,
}

impl Relay {
    /// A relay that draws nonces and ports from `seed`.
    ///
    /// # Errors
    /// [`ConfigError`]: a field of `config` is not legal.
    pub fn new(config: Config, _seed: Seed) -> Result<Relay, ConfigError> {
        config.check()?;
        Ok(Relay { config, counts: Arc::default(), outbox: Outbox::default() })
    }

    /// What it takes on.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What it counts; any thread may read along.
    pub fn counts(&self) -> Arc<Counts> {
        self.counts.clone()
    }

    /// A datagram came in on `socket` from `remote`; `local` is the server's address that it was sent to, where the
    /// socket has several.
    pub fn handle_datagram(
        &mut self,
        _now: Now,
        socket: Socket,
        local: Option<IpAddr>,
        remote: SocketAddr,
        bytes: &[u8],
    ) {
        let Socket::Listener(listener) = socket else { return };
        let client = Client::Datagrams { listener, local, remote };
        let Ok(message) = Message::from_bytes(bytes) else {
            self.counts.refuse(Refusal::Malformed);
            return;
        };
        if message.has_class(MessageClass::Request) && message.has_method(BINDING) {
            let answer = Answer::success(&message).with_mapped_address(&message, remote).finish();
            self.counts.bindings.add(1);
            self.outbox.send_to_client(client, false, [&answer, &[]]);
        }
    }

    /// A client connected from `remote` over TCP or TLS. Without a name for the stream it is turned away: close it.
    pub fn handle_stream_opened(&mut self, _now: Now, _remote: SocketAddr) -> Option<StreamId> {
        None
    }

    /// More bytes of a stream, cut anywhere.
    pub fn handle_stream_bytes(&mut self, _now: Now, _stream: StreamId, _bytes: &[u8]) {}

    /// A stream ended, or is given up for `cause`.
    pub fn handle_stream_closed(&mut self, _now: Now, _stream: StreamId, cause: Option<Refusal>) {
        if let Some(cause) = cause {
            self.counts.refuse(cause);
        }
    }

    /// What became of [`Output::Bind`].
    pub fn handle_bound(&mut self, _now: Now, _relay: RelayId, _is_bound: bool) {}

    /// The time that [`poll_timeout`](Relay::poll_timeout) named has come.
    pub fn handle_timeout(&mut self, _now: Now) {}

    /// What is to be done next; drain it after every `handle_` call.
    pub fn poll_output(&mut self) -> Option<Output<'_>> {
        self.outbox.poll()
    }

    /// When [`handle_timeout`](Relay::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Option<Time> {
        None
    }
}
