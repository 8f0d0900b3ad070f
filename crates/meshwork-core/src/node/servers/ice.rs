//! The STUN and TURN servers that each server gives us for a room.
//!
//! We renew them before they expire, and use them until then, whether the server is there or not.

use alloc::string::ToString as _;
use alloc::vec::Vec;
use core::time::Duration;

use super::Servers;
use crate::node::common::Own;
use crate::node::rooms::{Entry, Rooms};
use crate::seam::event::{Refusal, RoomHandle};
use crate::seam::ice_server::{ICE_SERVERS_MAX, IceServer, check_servers};
use crate::seam::io::ServerId;
use crate::seam::path::NamedServer;
use crate::signalling::protocol::FromClient;
use crate::time::Time;

/// Least and most lifetime of such servers, whatever the server sends.
const LASTS: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(24 * 60 * 60));

/// The STUN and TURN servers that a signalling server gave for a room.
#[derive(Debug)]
pub(super) struct IceOffer {
    servers: Vec<NamedServer>,
    /// The time to renew them; `None` if none expires.
    renew: Option<Time>,
    /// The pause after an unanswered request.
    again: Duration,
    until: Option<Time>,
}

impl IceOffer {
    /// The time to renew them; `None` if none expires.
    pub(super) fn renewal(&self) -> Option<Time> {
        self.renew
    }
}

impl Servers {
    /// A server sends the STUN and TURN servers for us in a room.
    pub(super) fn handle_ice_servers(
        &mut self,
        own: &mut Own,
        room: Option<RoomHandle>,
        server: ServerId,
        servers: Vec<IceServer>,
        lasts_ms: u64,
    ) {
        if let Err(error) = check_servers(&servers) {
            return own.refuse(None, Refusal::Server, error.to_string());
        }
        let Some(room) = room else { return };
        let servers = self.take_servers(own, server, servers);
        let lasts = Duration::from_millis(lasts_ms).clamp(LASTS.0, LASTS.1);
        let lapses = servers.iter().any(|server| !server.ice.username.is_empty());
        let now = own.time();
        let offer = IceOffer {
            servers,
            renew: lapses.then(|| now + lasts * 3 / 4),
            again: lasts / 16,
            until: lapses.then(|| now + lasts),
        };
        if let Some(known) = self.registration(room, server) {
            known.ice = Some(offer);
        }
    }

    /// The known, allowed and unexpired servers of a room.
    pub(in crate::node) fn ice_servers<'a>(
        &'a self,
        own: &'a Own,
        room: RoomHandle,
    ) -> impl Iterator<Item = &'a NamedServer> {
        let (now, hides) = (own.time(), own.config.hides_address);
        let offers = self.of(room).iter().filter_map(|known| known.ice.as_ref());
        let offers = offers.filter(move |offer| offer.until.is_none_or(|until| until > now));
        let servers = own.config.ice_servers.iter().chain(offers.flat_map(|offer| &offer.servers));
        servers.filter(move |server| server.may_learn || !hides).take(ICE_SERVERS_MAX)
    }

    /// Whether an allowed relay is known for a room.
    pub(in crate::node) fn knows_relay(&self, own: &Own, room: RoomHandle) -> bool {
        self.ice_servers(own, room).any(|server| server.ice.is_relay())
    }

    /// Whether this end hides its address and knows no allowed relay.
    pub(in crate::node) fn has_no_way_to_hide(&self, own: &Own, room: RoomHandle) -> bool {
        own.config.hides_address && !self.knows_relay(own, room)
    }

    /// Renews servers that will expire soon.
    pub(in crate::node) fn renew_ice_servers(&mut self, own: &mut Own, rooms: &Rooms) {
        let now = own.time();
        let mut wanted = Vec::new();
        for (&handle, known) in &mut self.registrations {
            let Some(room) = rooms.get(handle).and_then(Entry::id) else { continue };
            for known in known.iter_mut().filter(|known| known.joined) {
                let Some(offer) = &mut known.ice else { continue };
                if offer.renew.is_some_and(|renew| renew <= now) {
                    offer.renew = Some(now + offer.again);
                    wanted.push((known.server, room));
                }
            }
        }
        for (server, room) in wanted {
            self.request(own, server, &FromClient::IceServers { room });
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::*;
    use crate::node::test_world::World;

    #[test]
    fn named_servers_lapse_within_bounds() {
        let moment = Duration::from_micros(1);
        for (lasts_ms, until) in [(0, LASTS.0), (11_000, Duration::from_secs(11)), (u64::MAX, LASTS.1)] {
            let World { mut node, room, .. } = World::new();
            let urls = alloc::vec![String::from("turn:192.88.1.1")];
            let server = IceServer { urls, username: "9:x".into(), credential: "y".into() };
            let base = &mut node.base;
            let servers = alloc::vec![server];
            base.servers.handle_ice_servers(&mut base.own, Some(room), ServerId(1), servers, lasts_ms);
            node.handle_timeout(Time(0) + until - moment);
            assert!(node.room(room).knows_relay(), "{lasts_ms}");
            node.handle_timeout(Time(0) + until);
            assert!(!node.room(room).knows_relay(), "{lasts_ms}");
        }
    }
}
