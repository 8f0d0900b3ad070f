//! One allocation: its relayed addresses, whom its client permitted, and its channels.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use meshwork_core::time::Time;
use stun_types::message::TransactionId;

use super::io::{Client, RelayId};
use super::quota::Shares;
use super::relay::Pending;
use crate::fair::{Merit, Network};

/// How long a permission stands (RFC 8656, section 9).
const PERMISSION_LIFE: Duration = Duration::from_secs(300);
/// How long a channel stands (RFC 8656, section 12).
const CHANNEL_LIFE: Duration = Duration::from_secs(600);

/// IPv4 or IPv6, as the place of its relayed address in an allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    pub(super) fn of(address: IpAddr) -> Family {
        if address.is_ipv4() { Family::V4 } else { Family::V6 }
    }
}

/// A relayed address of an allocation.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) relay: RelayId,
    pub(super) advertised: SocketAddr,
}

pub(super) struct Allocation {
    pub(super) client: Client,
    /// Whose it is: the name in the username that made it.
    pub(super) name: String,
    /// From where it was made.
    pub(super) network: Network,
    pub(super) shares: Shares,
    made: Time,
    /// Whether it ever carried something.
    is_used: bool,
    /// Whether it carried something since it was looked at.
    has_carried: bool,
    /// When it was looked at last.
    looked: Time,
    /// The request that made it, and what was answered: asked again, the answer is the same.
    pub(super) made_by: TransactionId,
    pub(super) answer: Vec<u8>,
    /// What is still to be done before it is answered.
    pub(super) pending: Option<Box<Pending>>,
    /// By [`Family`].
    pub(super) ends: [Option<End>; 2],
    pub(super) expires: Time,
    /// Under which time it stands among the timers: no later than `expires`.
    pub(super) timer: Time,
    /// It cannot be refreshed beyond this.
    pub(super) credentials_end: Time,
    permissions: Vec<Permission>,
    channels: Vec<Channel>,
}

struct Permission {
    address: IpAddr,
    expires: Time,
}

struct Channel {
    number: u16,
    peer: SocketAddr,
    expires: Time,
}

/// Why a channel was not bound.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotBound {
    /// The number has another peer, or the peer another number.
    Conflict,
    /// There are as many as allowed.
    Full,
}

impl Allocation {
    pub(super) fn new(
        client: Client,
        name: String,
        network: Network,
        shares: Shares,
        pending: Pending,
        times: [Time; 3],
    ) -> Allocation {
        let [made, expires, credentials_end] = times;
        Allocation {
            client,
            name,
            network,
            shares,
            made,
            is_used: false,
            has_carried: false,
            looked: made,
            made_by: pending.transaction(),
            answer: Vec::new(),
            pending: Some(Box::new(pending)),
            ends: [None; 2],
            expires,
            timer: expires,
            credentials_end,
            permissions: Vec::new(),
            channels: Vec::new(),
        }
    }

    /// What speaks for keeping it.
    pub(super) fn merit(&self) -> Merit {
        Merit::new(u8::from(self.is_used), self.made)
    }

    /// Notes that it carried something. Returns whether that was the first time.
    pub(super) fn carry(&mut self) -> bool {
        self.has_carried = true;
        !std::mem::replace(&mut self.is_used, true)
    }

    /// Whether it has carried nothing for as long as `most`.
    pub(super) fn is_unused(&mut self, now: Time, most: Duration) -> bool {
        if now < self.looked + most {
            return false;
        }
        self.looked = now;
        !std::mem::take(&mut self.has_carried)
    }

    /// When it is to be looked at, where it may carry nothing for as long as `most`.
    pub(super) fn next_look(&self, most: Duration) -> Time {
        self.expires.min(self.looked + most)
    }

    /// Notes why it has the address of one family only, for its answer; a legal code of STUN.
    pub(super) fn note_one_family(&mut self, code: u16) {
        if let Some(pending) = &mut self.pending {
            pending.additional_error = Some(code);
        }
    }

    pub(super) fn end(&self, family: Family) -> Option<End> {
        self.ends[family as usize]
    }

    pub(super) fn is_permitted(&self, now: Time, address: IpAddr) -> bool {
        self.permissions.iter().any(|entry| entry.address == address && entry.expires > now)
    }

    /// Permits an address for five minutes more; false when as many as `most` are permitted.
    pub(super) fn permit(&mut self, now: Time, address: IpAddr, most: usize) -> bool {
        let expires = now + PERMISSION_LIFE;
        if let Some(entry) = self.permissions.iter_mut().find(|entry| entry.address == address) {
            entry.expires = expires;
            return true;
        }
        if self.permissions.len() >= most {
            self.permissions.retain(|entry| entry.expires > now);
        }
        let has_room = self.permissions.len() < most;
        if has_room {
            self.permissions.push(Permission { address, expires });
        }
        has_room
    }

    /// Whether all of `addresses` could be permitted.
    pub(super) fn has_room_for(&self, now: Time, addresses: &[SocketAddr], most: usize) -> bool {
        let standing = self.permissions.iter().filter(|entry| {
            entry.expires > now && !addresses.iter().any(|address| address.ip() == entry.address)
        });
        standing.count() + addresses.len() <= most
    }

    /// The peer at the other end of a channel.
    pub(super) fn peer_of(&self, now: Time, number: u16) -> Option<SocketAddr> {
        let mut channels = self.channels.iter();
        channels.find(|channel| channel.number == number && channel.expires > now).map(|channel| channel.peer)
    }

    /// The channel that leads to a peer.
    pub(super) fn channel_of(&self, now: Time, peer: SocketAddr) -> Option<u16> {
        let mut channels = self.channels.iter();
        channels.find(|channel| channel.peer == peer && channel.expires > now).map(|channel| channel.number)
    }

    /// Binds a channel to a peer for ten minutes more.
    pub(super) fn bind(
        &mut self,
        now: Time,
        number: u16,
        peer: SocketAddr,
        most: usize,
    ) -> Result<(), NotBound> {
        self.channels.retain(|channel| channel.expires > now);
        let expires = now + CHANNEL_LIFE;
        let is_full = self.channels.len() >= most;
        let mut channels = self.channels.iter_mut();
        match channels.find(|channel| channel.number == number || channel.peer == peer) {
            Some(channel) if channel.number == number && channel.peer == peer => channel.expires = expires,
            Some(_) => return Err(NotBound::Conflict),
            None if is_full => return Err(NotBound::Full),
            None => self.channels.push(Channel { number, peer, expires }),
        }
        Ok(())
    }
}
