//! The STUN and TURN servers that a hub tells its members of, with credentials for each room and endpoint.

use meshwork_core::id::{Endpoint, RoomId};
use meshwork_core::seam::ice_server::IceServer;
use meshwork_core::signalling::protocol::FromServer;
use meshwork_core::time::WallTime;

use super::rooms::Circle;
use crate::turn::credentials::{LIFE, Secret, name_in_circle, name_of};

/// Which servers there are. An address with the host `*` is at the host by which a client reached the hub.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IceOffer {
    /// Addresses of STUN servers, such as `stun:*:3478`; told as one server.
    pub stun: Vec<String>,
    /// Relays: one's own, external ones, or both.
    pub relays: Vec<RelayOffer>,
}

/// A relay, or several that share a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayOffer {
    /// Addresses, such as `turn:relay.example.org?transport=tcp`.
    pub urls: Vec<String>,
    /// What its credentials are made with: coturn's `static-auth-secret`.
    pub secret: Secret,
}

impl IceOffer {
    /// Relays elsewhere that share a secret with us. They answer STUN over UDP as well (RFC 8656 section 3).
    pub fn external(urls: Vec<String>, secret: Secret) -> IceOffer {
        let over_udp = urls.iter().filter_map(|url| url.strip_prefix("turn:"));
        let over_udp = over_udp.map(|rest| rest.strip_suffix("?transport=udp").unwrap_or(rest));
        let mut stun = Vec::new();
        for place in over_udp.filter(|rest| !rest.contains('?')) {
            let url = format!("stun:{place}");
            if !stun.contains(&url) {
                stun.push(url);
            }
        }
        IceOffer { stun, relays: vec![RelayOffer { urls, secret }] }
    }

    /// Whether nobody is told of anything.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many servers are told.
    pub(super) fn len(&self) -> usize {
        usize::from(!self.stun.is_empty()) + self.relays.len()
    }

    /// What `endpoint` is told for `room` at `wall`: credentials that are bound to both, and to the circle in which it is,
    /// and lapse after [`LIFE`].
    pub(super) fn message(
        &self,
        wall: WallTime,
        room: RoomId,
        circle: &Circle,
        endpoint: Endpoint,
    ) -> FromServer {
        let name = match circle {
            None => name_of(&room, &endpoint),
            Some(circle) => name_in_circle(&room, circle, &endpoint),
        };
        let mut servers = Vec::with_capacity(self.len());
        if !self.stun.is_empty() {
            servers.push(IceServer { urls: self.stun.clone(), ..IceServer::default() });
        }
        for relay in &self.relays {
            let minted = relay.secret.mint(&name, wall + LIFE).expect("ids in text are short and plain");
            servers.push(IceServer {
                urls: relay.urls.clone(),
                username: minted.username,
                credential: minted.password,
            });
        }
        FromServer::IceServers { room, servers, lasts_ms: LIFE.as_millis().try_into().unwrap_or(u64::MAX) }
    }
}
