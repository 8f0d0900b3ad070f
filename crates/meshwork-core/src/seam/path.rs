//! How packets of a link travel, and which ways a connection may look for.

use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

use crate::reach::Reach;
use crate::seam::ice_server::IceServer;

/// How packets of a link travel, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Path {
    /// From one endpoint to the other.
    Direct,
    /// Through a TURN relay, or two.
    Relayed,
}

/// How packets of a link travel: what the driver knows of the candidate pair that ICE selected (RFC 8445 section
/// 8.1.1). Its default says nothing, and counts as direct.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkPath {
    /// Where this end sends from; `None` where the driver cannot tell.
    pub local: Option<PathEnd>,
    /// Where it sends to.
    pub remote: Option<PathEnd>,
    /// How this end reaches its relay, where it sends from one.
    pub relay: Option<RelayTransport>,
    /// The address of the other end's interface, where no relay is between and the driver knows it.
    pub address: Option<IpAddr>,
}

/// One end of a candidate pair (RFC 8445 section 5.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathEnd {
    /// An address of an own interface.
    Host,
    /// An address that a STUN server saw.
    ServerReflexive,
    /// An address that the other end saw, and nobody named.
    PeerReflexive,
    /// An address on a TURN server.
    Relayed,
}

/// How an end reaches its TURN server (RFC 8656 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RelayTransport {
    /// Datagrams.
    Udp,
    /// A TCP connection, as where a firewall lets no datagrams pass.
    Tcp,
    /// A TLS connection over TCP.
    Tls,
}

impl LinkPath {
    /// A path between two addresses of interfaces.
    pub const HOSTS: LinkPath =
        LinkPath { local: Some(PathEnd::Host), remote: Some(PathEnd::Host), relay: None, address: None };

    /// Whether a relay is on the way.
    pub fn kind(self) -> Path {
        let is_relayed = [self.local, self.remote].contains(&Some(PathEnd::Relayed));
        if is_relayed { Path::Relayed } else { Path::Direct }
    }
}

impl fmt::Display for PathEnd {
    /// The candidate type as RFC 8839 section 5.1 writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PathEnd::Host => "host",
            PathEnd::ServerReflexive => "srflx",
            PathEnd::PeerReflexive => "prflx",
            PathEnd::Relayed => "relay",
        })
    }
}

impl fmt::Display for RelayTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RelayTransport::Udp => "UDP",
            RelayTransport::Tcp => "TCP",
            RelayTransport::Tls => "TLS",
        })
    }
}

/// Why a link is relayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RelayedBecause {
    /// This end hides its address ([`Config::hides_address`](super::config::Config::hides_address)).
    WeHide,
    /// The other end named relayed candidates alone: it hides its address.
    TheyHide,
    /// No direct path was found. It is looked for again and again.
    NoDirectPath,
}

impl fmt::Display for RelayedBecause {
    /// In words, for people, after "relayed: ".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RelayedBecause::WeHide => "you hide your address",
            RelayedBecause::TheyHide => "they hide their address",
            RelayedBecause::NoDirectPath => "no direct path found",
        })
    }
}

/// What a connection may use to find a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IceConfig {
    /// Which candidates it may name and send from.
    pub policy: IcePolicy,
    /// STUN and TURN servers, with what opens them.
    pub servers: Vec<NamedServer>,
    /// The nearest that an own address, or the other end's, may be: those on this machine or its cable are for rooms
    /// that have a server there.
    pub nearest: Reach,
}

/// A STUN or TURN server that a signalling server named, or this program itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedServer {
    /// Its addresses, and what opens it.
    pub ice: IceServer,
    /// The nearest that the names in its addresses may lead to: a server names none that is nearer than itself.
    pub nearest: Reach,
    /// Whether it may learn this end's address while that hides it.
    pub may_learn: bool,
}

impl NamedServer {
    /// One that this program names itself: it may be anywhere, and learn what it may.
    pub fn own(ice: IceServer) -> NamedServer {
        NamedServer { ice, nearest: Reach::Machine, may_learn: true }
    }
}

impl IceConfig {
    /// The servers that may be asked under the policy.
    pub fn usable_servers(&self) -> impl Iterator<Item = &NamedServer> {
        self.servers.iter().filter(|server| match self.policy {
            IcePolicy::All => true,
            IcePolicy::Direct => !server.ice.is_relay(),
            IcePolicy::Relay => server.ice.is_relay(),
        })
    }
}

/// Which candidates a connection may name and send from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IcePolicy {
    /// All that there are.
    #[default]
    All,
    /// No relayed ones: no allocation is made. What the other end relays is reached all the same.
    Direct,
    /// Relayed ones alone (`iceTransportPolicy: relay`, RFC 8828 mode 4): the other end learns no own address.
    Relay,
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::*;

    #[test]
    fn a_path_is_relayed_when_either_end_is() {
        let ends = [PathEnd::Host, PathEnd::ServerReflexive, PathEnd::PeerReflexive, PathEnd::Relayed];
        for local in ends {
            for remote in ends {
                let path = LinkPath { local: Some(local), remote: Some(remote), ..LinkPath::default() };
                let relayed = local == PathEnd::Relayed || remote == PathEnd::Relayed;
                assert_eq!(path.kind() == Path::Relayed, relayed, "{local} {remote}");
            }
        }
        assert_eq!(LinkPath::default().kind(), Path::Direct);
    }

    #[test]
    fn a_policy_names_which_servers_may_be_asked() {
        let stun = IceServer::open("stun:a");
        let turn = IceServer { urls: ["turn:a", "turn:b"].map(String::from).into(), ..IceServer::default() };
        let urls = |policy| {
            let named =
                |ice: &IceServer| NamedServer { ice: ice.clone(), nearest: Reach::Internet, may_learn: true };
            let config =
                IceConfig { policy, servers: [named(&stun), named(&turn)].into(), ..IceConfig::default() };
            config.usable_servers().flat_map(|server| server.ice.urls.clone()).collect::<Vec<_>>()
        };
        assert_eq!(urls(IcePolicy::All), ["stun:a", "turn:a", "turn:b"]);
        assert_eq!(urls(IcePolicy::Direct), ["stun:a"]);
        assert_eq!(urls(IcePolicy::Relay), ["turn:a", "turn:b"]);
    }
}
