//! Whom the operator keeps out: peers, addresses and rooms.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use meshwork_core::id::{PeerId, RoomId};
use meshwork_core::time::Time;

use crate::fair::is_within;

/// Bans of each kind, so that a list stays one that people can read.
pub const BANS_MAX: usize = 10_000;
/// How long a room that was closed cannot be registered again.
pub const CLOSED_FOR: Duration = Duration::from_secs(60 * 60);

/// Who is kept out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ban {
    /// Every endpoint of a peer. A peer costs nothing, so this stops accidents rather than malice.
    Peer(PeerId),
    /// Everybody from these addresses. Text that names a part of an IPv6 /64 stands for all of it.
    Addresses(IpNet),
    /// A room, for everybody.
    Room(RoomId),
}

/// A text that is no ban: neither `peer ID`, nor `room ID`, nor `address CIDR`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is none of: peer ID, room ID, address IP, address IP/BITS")]
pub struct BanFormatError(pub String);

impl fmt::Display for Ban {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ban::Peer(peer) => write!(f, "peer {peer}"),
            Ban::Addresses(range) => write!(f, "address {range}"),
            Ban::Room(room) => write!(f, "room {room}"),
        }
    }
}

impl FromStr for Ban {
    type Err = BanFormatError;

    fn from_str(text: &str) -> Result<Ban, BanFormatError> {
        let wrong = || BanFormatError(String::from(text));
        let (kind, what) = text.trim().split_once(' ').ok_or_else(wrong)?;
        match kind {
            "peer" => what.parse().map(Ban::Peer).map_err(|_| wrong()),
            "room" => what.parse().map(Ban::Room).map_err(|_| wrong()),
            "address" => {
                let range = what.parse().or_else(|_| what.parse::<IpAddr>().map(IpNet::from));
                range.map(|range: IpNet| Ban::Addresses(at_least_a_network(range))).map_err(|_| wrong())
            }
            _ => Err(wrong()),
        }
    }
}

/// A part of an IPv6 /64 stands for all of it: whoever has one address of it has the others.
fn at_least_a_network(range: IpNet) -> IpNet {
    match range {
        IpNet::V6(v6) if v6.prefix_len() > 64 => {
            IpNet::new(v6.addr().into(), 64).expect("64 bits are within an address").trunc()
        }
        range => range.trunc(),
    }
}

#[derive(Debug, Default)]
pub(super) struct Bans {
    peers: BTreeSet<PeerId>,
    addresses: BTreeSet<IpNet>,
    rooms: BTreeSet<RoomId>,
    /// Rooms that were closed, and until when; forgotten when they are asked for after that.
    closed: BTreeMap<RoomId, Time>,
}

impl Bans {
    /// False when there are as many as allowed.
    pub(super) fn insert(&mut self, ban: Ban) -> bool {
        match ban {
            Ban::Peer(peer) => fits(&self.peers, &peer) && (self.peers.insert(peer), true).1,
            Ban::Addresses(range) => fits(&self.addresses, &range) && (self.addresses.insert(range), true).1,
            Ban::Room(room) => fits(&self.rooms, &room) && (self.rooms.insert(room), true).1,
        }
    }

    /// False when there was no such ban.
    pub(super) fn remove(&mut self, ban: Ban) -> bool {
        match ban {
            Ban::Peer(peer) => self.peers.remove(&peer),
            Ban::Addresses(range) => self.addresses.remove(&range),
            Ban::Room(room) => self.rooms.remove(&room) | self.closed.remove(&room).is_some(),
        }
    }

    pub(super) fn list(&self) -> Vec<Ban> {
        let peers = self.peers.iter().copied().map(Ban::Peer);
        let addresses = self.addresses.iter().copied().map(Ban::Addresses);
        peers.chain(addresses).chain(self.rooms.iter().copied().map(Ban::Room)).collect()
    }

    pub(super) fn close(&mut self, now: Time, room: RoomId) {
        self.closed.retain(|_, until| *until > now);
        if self.closed.len() < BANS_MAX {
            self.closed.insert(room, now + CLOSED_FOR);
        }
    }

    pub(super) fn has_peer(&self, peer: PeerId) -> bool {
        self.peers.contains(&peer)
    }

    pub(super) fn has_address(&self, address: IpAddr) -> bool {
        is_within(address, &self.addresses)
    }

    pub(super) fn has_room(&self, now: Time, room: RoomId) -> bool {
        self.rooms.contains(&room) || self.closed.get(&room).is_some_and(|&until| until > now)
    }
}

fn fits<T: Ord>(bans: &BTreeSet<T>, ban: &T) -> bool {
    bans.len() < BANS_MAX || bans.contains(ban)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bans_read_as_they_are_written() {
        let peer = meshwork_core::id::Identity::from_secret([1; 32]).peer();
        for ban in
            [Ban::Peer(peer), Ban::Room(RoomId([2; 32])), Ban::Addresses("10.0.0.0/8".parse().unwrap())]
        {
            assert_eq!(ban.to_string().parse(), Ok(ban));
        }
        assert_eq!("address 192.0.2.7/24".parse(), Ok(Ban::Addresses("192.0.2.0/24".parse().unwrap())));
        assert_eq!("address 2001:db8::1:2:3".parse(), Ok(Ban::Addresses("2001:db8::/64".parse().unwrap())));
        for wrong in ["", "peer", "peer x", "address 1.2.3", "tree ab", "address 1.2.3.4/33"] {
            assert!(wrong.parse::<Ban>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn banned_ipv4_address_is_banned_in_mapped_form() {
        let mut bans = Bans::default();
        bans.insert("address 192.0.2.0/24".parse().unwrap());
        assert!(bans.has_address("::ffff:192.0.2.9".parse().unwrap()));
        assert!(!bans.has_address("192.0.3.9".parse().unwrap()));
    }
}
