//! Refreshing an allocation, permitting peers, binding channels (RFC 8656, sections 8, 10 and 12).

use std::net::SocketAddr;

use stun_types::message::{Message, StunParseError};
use stun_types::prelude::*;
use turn_types::AddressFamily;
use turn_types::attribute::{ChannelNumber, Lifetime, RequestedAddressFamily, XorPeerAddress};

use super::authenticate::Authentic;
use super::{Relay, Request, granted_lifetime};
use crate::turn::allocation::{Family, NotBound};
use crate::turn::answer::Answer;
use crate::turn::counts::Refusal;

/// Addresses in one request for permissions: more than a connection has candidates.
pub(super) const ADDRESSES_MAX: usize = 64;

pub(super) const MALFORMED: (u16, Refusal) = (400, Refusal::Malformed);

impl Relay {
    pub(super) fn refresh(
        &mut self,
        request: &Request<'_>,
        authentic: &Authentic,
    ) -> Result<Answer, (u16, Refusal)> {
        let key = self.allocation_of(request, authentic)?;
        let family =
            optional::<RequestedAddressFamily>(&request.message)?.map(|wanted| family(&wanted.family()));
        let lifetime = optional::<Lifetime>(&request.message)?.map(|lifetime| lifetime.seconds());
        if let Some(family) = family
            && self.allocations[key].end(family).is_none()
        {
            return Err((443, Refusal::Family));
        }
        if lifetime == Some(0) {
            self.end_family(request.now.time, key, family);
            return Ok(Answer::success(&request.message).with(&Lifetime::new(0)));
        }
        let granted = granted_lifetime(&self.config, lifetime);
        let renewed = authentic.end(request, self.config.outlives_credentials);
        let allocation = &mut self.allocations[key];
        allocation.credentials_end = allocation.credentials_end.max(renewed);
        let granted = granted.min(allocation.credentials_end.since(request.now.time));
        self.allocations.set_end(key, request.now.time + granted);
        let seconds = u32::try_from(granted.as_secs()).unwrap_or(u32::MAX);
        Ok(Answer::success(&request.message).with(&Lifetime::new(seconds)))
    }

    /// Permits all of the peers or none.
    pub(super) fn create_permission(
        &mut self,
        request: &Request<'_>,
        authentic: &Authentic,
    ) -> Result<Answer, (u16, Refusal)> {
        let key = self.allocation_of(request, authentic)?;
        let peers = peers(&request.message).filter(|peers| !peers.is_empty()).ok_or(MALFORMED)?;
        for &peer in &peers {
            // The port has no meaning here (RFC 8656, section 10.2), and may be zero.
            self.check_peer(key, SocketAddr::new(peer.ip(), peer.port().max(1)))?;
        }
        let (now, most) = (request.now.time, self.config.permissions_max);
        let allocation = &mut self.allocations[key];
        if !allocation.has_room_for(now, &peers, most) {
            return Err((508, Refusal::Capacity));
        }
        for peer in peers {
            allocation.permit(now, peer.ip(), most);
        }
        Ok(Answer::success(&request.message))
    }

    pub(super) fn channel_bind(
        &mut self,
        request: &Request<'_>,
        authentic: &Authentic,
    ) -> Result<Answer, (u16, Refusal)> {
        let key = self.allocation_of(request, authentic)?;
        let number = optional::<ChannelNumber>(&request.message)?.ok_or(MALFORMED)?.channel();
        let peers = peers(&request.message).ok_or(MALFORMED)?;
        let &[peer] = peers.as_slice() else { return Err(MALFORMED) };
        // RFC 8656 draws them from 0x4000 to 0x4fff; clients of RFC 5766, coturn's own among them, up to 0x7fff.
        if !(0x4000..=0x7fff).contains(&number) {
            return Err(MALFORMED);
        }
        self.check_peer(key, peer)?;
        let now = request.now.time;
        let allocation = &mut self.allocations[key];
        if !allocation.has_room_for(now, &[peer], self.config.permissions_max) {
            return Err((508, Refusal::Capacity));
        }
        match allocation.bind(now, number, peer, self.config.channels_max) {
            Ok(()) => {
                allocation.permit(now, peer.ip(), self.config.permissions_max);
                Ok(Answer::success(&request.message))
            }
            Err(NotBound::Conflict) => Err((400, Refusal::Mismatch)),
            Err(NotBound::Full) => Err((508, Refusal::Capacity)),
        }
    }

    /// The client's allocation, if it was made with the same name and may still be used.
    fn allocation_of(&self, request: &Request<'_>, authentic: &Authentic) -> Result<usize, (u16, Refusal)> {
        let key = self.allocations.of(&request.client);
        let key =
            key.filter(|&key| self.allocations[key].pending.is_none()).ok_or((437, Refusal::Mismatch))?;
        let allocation = &self.allocations[key];
        if allocation.name != authentic.name {
            return Err((441, Refusal::WrongCredentials));
        }
        // What made the allocation may have expired meanwhile; what never could have made it may not keep it.
        let end = allocation.credentials_end.max(authentic.end(request, self.config.outlives_credentials));
        if end <= request.now.time {
            return Err((401, Refusal::Expired));
        }
        Ok(key)
    }

    /// Whether a client may send to a peer.
    fn check_peer(&self, key: usize, peer: SocketAddr) -> Result<(), (u16, Refusal)> {
        if self.allocations[key].end(Family::of(peer.ip())).is_none() {
            return Err((443, Refusal::Family));
        }
        if self.is_forbidden(peer) {
            return Err((403, Refusal::Forbidden));
        }
        Ok(())
    }
}

/// An attribute that need not be there; a malformed one is refused.
pub(super) fn optional<'a, A>(message: &'a Message<'a>) -> Result<Option<A>, (u16, Refusal)>
where
    A: AttributeFromRaw<'a> + AttributeStaticType,
{
    match message.attribute::<A>() {
        Ok(attribute) => Ok(Some(attribute)),
        Err(StunParseError::MissingAttribute(_)) => Ok(None),
        Err(_) => Err(MALFORMED),
    }
}

pub(super) fn family(family: &AddressFamily) -> Family {
    match family {
        AddressFamily::IPV4 => Family::V4,
        AddressFamily::IPV6 => Family::V6,
    }
}

/// All XOR-PEER-ADDRESS attributes; none when one of them is malformed, or there are too many.
fn peers(message: &Message<'_>) -> Option<Vec<SocketAddr>> {
    let attributes = message.iter_attributes().map(|(_, attribute)| attribute);
    let peers: Option<Vec<SocketAddr>> = attributes
        .filter(|attribute| attribute.get_type() == XorPeerAddress::TYPE)
        .take(ADDRESSES_MAX + 1)
        .map(|attribute| {
            let peer = XorPeerAddress::from_raw_ref(&attribute).ok()?;
            Some(peer.addr(message.transaction_id()))
        })
        .collect();
    peers.filter(|peers| peers.len() <= ADDRESSES_MAX)
}
