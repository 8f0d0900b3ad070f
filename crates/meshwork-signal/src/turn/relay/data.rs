//! Data: from clients to peers, from peers to clients, and from one client to another (RFC 8656, sections 11 and 12).

use std::net::SocketAddr;

use meshwork_core::time::Time;
use stun_types::message::{Message, MessageClass, MessageType, MessageWriteVec};
use stun_types::prelude::*;
use turn_types::attribute::{Data, XorPeerAddress};
use turn_types::channel::ChannelData;
use turn_types::message::DATA;

use super::{Relay, unknown_attributes};
use crate::turn::allocation::Family;
use crate::turn::counts::Refusal;
use crate::turn::io::{Client, RelayId, Socket};

/// Bytes of the longest data: with its headers it fits a datagram, and the length of a STUN message.
pub(super) const DATA_MAX: usize = 65_000;

impl Relay {
    pub(super) fn handle_channel_data(&mut self, now: Time, client: Client, bytes: &[u8]) {
        let Ok(message) = ChannelData::parse(bytes) else {
            return self.counts.refuse(Refusal::Malformed);
        };
        let bound = self.allocations.of(&client).and_then(|key| {
            let peer = self.allocations[key].peer_of(now, message.id())?;
            Some((key, peer))
        });
        match bound {
            Some((key, peer)) => self.forward(now, key, peer, message.data()),
            None => self.counts.refuse(Refusal::NotPermitted),
        }
    }

    pub(super) fn handle_send(&mut self, now: Time, client: Client, message: &Message<'_>) {
        let Some(key) = self.allocations.of(&client) else {
            return self.counts.refuse(Refusal::NotPermitted);
        };
        let (peer, data) = (message.attribute::<XorPeerAddress>(), message.attribute::<Data<'_>>());
        let (Ok(peer), Ok(data)) = (peer, data) else {
            return self.counts.refuse(Refusal::Malformed);
        };
        if !unknown_attributes(message).is_empty() {
            return self.counts.refuse(Refusal::UnknownAttribute);
        }
        let peer = peer.addr(message.transaction_id());
        if peer.port() == 0 || !self.allocations[key].is_permitted(now, peer.ip()) {
            return self.counts.refuse(Refusal::NotPermitted);
        }
        self.forward(now, key, peer, data.data());
    }

    /// A datagram came in on a relayed address.
    pub(super) fn handle_peer_data(&mut self, now: Time, relay: RelayId, peer: SocketAddr, bytes: &[u8]) {
        let Some(key) = self.permitted(now, relay, peer) else {
            return self.counts.refuse(Refusal::NotPermitted);
        };
        if self.spend(now, key, bytes.len()) {
            self.counts.packets_down.add(1);
            self.counts.bytes_down.add(bytes.len() as u64);
            self.deliver(now, key, peer, bytes);
        }
    }

    /// Sends data of a client on to a peer that it permitted.
    fn forward(&mut self, now: Time, key: usize, peer: SocketAddr, data: &[u8]) {
        let Some(end) = self.allocations[key].end(Family::of(peer.ip())) else {
            return self.counts.refuse(Refusal::NotPermitted);
        };
        if self.ends.is_advertised(peer.ip()) {
            if let Some(relay) = self.ends.at(peer) {
                return self.forward_across(now, key, end.advertised, relay, data);
            }
            // Another program on the relay's own address.
            if self.peers.is_forbidden(peer.ip()) {
                return self.counts.refuse(Refusal::Forbidden);
            }
        }
        if data.len() > DATA_MAX {
            return self.counts.refuse(Refusal::Malformed);
        }
        if self.spend(now, key, data.len()) {
            self.counts.packets_up.add(1);
            self.counts.bytes_up.add(data.len() as u64);
            self.outbox.datagram(Socket::Relay(end.relay), None, peer, [data, &[]]);
        }
    }

    /// Sends data of a client on to another client, as if it had come in on that one's relayed address.
    fn forward_across(&mut self, now: Time, from: usize, source: SocketAddr, relay: RelayId, data: &[u8]) {
        let Some(to) = self.permitted(now, relay, source) else {
            return self.counts.refuse(Refusal::NotPermitted);
        };
        if self.spend(now, from, data.len()) && self.spend(now, to, data.len()) {
            self.counts.packets_across.add(1);
            self.counts.bytes_across.add(data.len() as u64);
            self.deliver(now, to, source, data);
        }
    }

    /// Hands data of a peer to a client: over the channel to that peer, or as an indication.
    fn deliver(&mut self, now: Time, key: usize, peer: SocketAddr, data: &[u8]) {
        let allocation = &self.allocations[key];
        let client = allocation.client;
        let Ok(length) = u16::try_from(data.len()) else { return };
        if let Some(number) = allocation.channel_of(now, peer) {
            let (number, length) = (number.to_be_bytes(), length.to_be_bytes());
            let header = [number[0], number[1], length[0], length[1]];
            return self.outbox.send_to_client(client, true, [&header, data]);
        }
        if data.len() > DATA_MAX {
            return self.counts.refuse(Refusal::Malformed);
        }
        let transaction = u128::from_be_bytes(self.rng.bytes()).into();
        let kind = MessageType::from_class_method(MessageClass::Indication, DATA);
        let mut message =
            Message::builder(kind, transaction, MessageWriteVec::with_capacity(data.len() + 64));
        let is_written = message.add_attribute(&XorPeerAddress::new(peer, transaction)).is_ok()
            && message.add_attribute(&Data::new(data)).is_ok();
        if is_written {
            self.outbox.send_to_client(client, true, [&message.finish(), &[]]);
        }
    }

    /// The allocation that a relayed address belongs to, if it permits this peer.
    fn permitted(&self, now: Time, relay: RelayId, peer: SocketAddr) -> Option<usize> {
        let key = self.ends.held_by(relay)?;
        self.allocations.get(key)?.is_permitted(now, peer.ip()).then_some(key)
    }

    /// Counts bytes towards everybody's quota; false when one is used up.
    fn spend(&mut self, now: Time, key: usize, bytes: usize) -> bool {
        let spent = self.quotas.spend(now, &self.config, self.allocations[key].shares, bytes);
        if let Err(cause) = spent {
            self.counts.refuse(cause);
            return false;
        }
        self.allocations.note_use(key);
        true
    }
}
