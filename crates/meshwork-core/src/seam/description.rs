//! What two endpoints must tell each other to open a connection: the facts of an SDP, without the SDP.
//!
//! A data-channel-only session description says five things that vary (RFC 8866, RFC 8839, RFC 8842): the
//! role, the ICE user fragment and password, the certificate fingerprint and the candidates. Meshwork carries
//! exactly these, typed and bounded, so that a description cannot hold two fingerprints, and a native peer
//! needs no SDP parser. Browser drivers render the rest from a template.
//!
//! Fixed for every connection: one `m=application` section `UDP/DTLS/SCTP`, mid `0`, SCTP port 5000, the
//! offerer is `setup:actpass`, the answerer `setup:active` (it is the DTLS client), the offerer is the
//! controlling ICE agent, and two negotiated data channels ([`Channel`](crate::seam::io::Channel)).

use alloc::string::String;
use core::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::wire::{Bounded, BoundedText};

/// Candidates that one endpoint may name for one connection; more are refused (docs/protocol/link.md).
pub const CANDIDATES_MAX: usize = 16;
/// Longest ICE user fragment or password, in bytes; RFC 8839 section 5.4 allows 256.
pub const CREDENTIAL_MAX: usize = 256;

/// Which end of a connection attempt an endpoint is: the greater endpoint offers, the other answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    /// Makes the first description; controlling ICE agent, DTLS server.
    Offerer,
    /// Replies with the second description; controlled ICE agent, DTLS client.
    Answerer,
}

impl Role {
    /// The other end's role.
    pub fn opposite(self) -> Role {
        match self {
            Role::Offerer => Role::Answerer,
            Role::Answerer => Role::Offerer,
        }
    }
}

/// SHA-256 fingerprint of a DTLS certificate (RFC 8122 section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fingerprint(pub [u8; 32]);

/// Both ends' certificate fingerprints as the driver saw them on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprints {
    /// Of the certificate that this endpoint presented.
    pub local: Fingerprint,
    /// Of the certificate that the other end presented.
    pub remote: Fingerprint,
}

/// One end's session description.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// Which end made it.
    pub role: Role,
    /// ICE user fragment, 4 to 256 `ice-char`s (RFC 8839 section 5.4).
    pub user_fragment: BoundedText<CREDENTIAL_MAX>,
    /// ICE password, 22 to 256 `ice-char`s.
    pub password: BoundedText<CREDENTIAL_MAX>,
    /// Of the certificate that this end will present.
    pub fingerprint: Fingerprint,
    /// Candidates known when the description was made; further ones follow as [`Signal::Candidate`].
    pub candidates: Bounded<Candidate, CANDIDATES_MAX>,
}

/// Where a candidate points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CandidateAddress {
    /// An IP address.
    Ip(IpAddr),
    /// The random UUID of a `<uuid>.local` name: a host address hidden by a browser
    /// (draft-ietf-mmusic-mdns-ice-candidates-03). A driver that cannot resolve it ignores the candidate: the
    /// other end's checks reach it all the same and reveal a peer-reflexive address.
    Mdns([u8; 16]),
}

/// How a candidate was found (RFC 8445 section 5.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CandidateKind {
    /// An address of an own interface.
    Host,
    /// An address that a STUN server saw.
    ServerReflexive,
    /// An address on a TURN server.
    Relayed,
}

/// One UDP address at which an endpoint may be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// How it was found.
    pub kind: CandidateKind,
    /// ICE priority (RFC 8445 section 5.1.2), 1 to 2^31 - 1.
    pub priority: u32,
    /// Where it points.
    pub address: CandidateAddress,
    /// UDP port, 1 to 65535.
    pub port: u16,
}

/// One thing that an end of a connection attempt tells the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Signal {
    /// The end's description; exactly one per attempt.
    Description(Description),
    /// A candidate found after the description was made.
    Candidate(Candidate),
}

/// Why a description or candidate from outside is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DescriptionError {
    /// A user fragment or password has a length or a character that RFC 8839 section 5.4 does not allow.
    #[error("ICE credential {0:?} is not 4 (fragment) or 22 (password) to 256 letters, digits, + or /")]
    Credential(String),
    /// Port 0, or a priority outside 1 to 2^31 - 1.
    #[error("candidate has port {port} and priority {priority}; both must be at least 1")]
    Range {
        /// The port as received.
        port: u16,
        /// The priority as received.
        priority: u32,
    },
    /// An address that no honest host candidate has: unspecified, multicast or broadcast.
    #[error("candidate address {0} is unspecified, multicast or broadcast")]
    ForbiddenAddress(IpAddr),
}

impl Description {
    /// Checks what the types alone cannot: the alphabet and lengths of the credentials, and each candidate.
    ///
    /// # Errors
    /// [`DescriptionError`] names the first offending value. The description must then not reach a driver.
    pub fn check(&self) -> Result<(), DescriptionError> {
        check_credential(&self.user_fragment, 4)?;
        check_credential(&self.password, 22)?;
        self.candidates.iter().try_for_each(Candidate::check)
    }
}

impl Candidate {
    /// Checks the ranges and refuses addresses that can reach no single host.
    ///
    /// # Errors
    /// [`DescriptionError`] names the offending value. The candidate must then not reach a driver.
    pub fn check(&self) -> Result<(), DescriptionError> {
        if self.port == 0 || self.priority == 0 || self.priority > i32::MAX as u32 {
            return Err(DescriptionError::Range { port: self.port, priority: self.priority });
        }
        match self.address {
            CandidateAddress::Ip(ip) if is_forbidden(ip) => Err(DescriptionError::ForbiddenAddress(ip)),
            _ => Ok(()),
        }
    }
}

fn check_credential(text: &BoundedText<CREDENTIAL_MAX>, least: usize) -> Result<(), DescriptionError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    if text.len() < least || !text.bytes().all(allowed) {
        return Err(DescriptionError::Credential(String::from(text.as_str())));
    }
    Ok(())
}

fn is_forbidden(ip: IpAddr) -> bool {
    let v4 = |ip: core::net::Ipv4Addr| ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast();
    match ip {
        IpAddr::V4(ip) => v4(ip),
        IpAddr::V6(ip) => ip.is_unspecified() || ip.is_multicast() || ip.to_ipv4_mapped().is_some_and(v4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::{Ipv4Addr, Ipv6Addr};

    fn candidate(ip: IpAddr) -> Candidate {
        Candidate { kind: CandidateKind::Host, priority: 1, address: CandidateAddress::Ip(ip), port: 9 }
    }

    #[test]
    fn addresses_that_reach_no_single_host_are_refused() {
        for ip in ["0.0.0.0", "255.255.255.255", "224.0.0.251", "::", "ff02::fb", "::ffff:224.0.0.1"] {
            let ip: IpAddr = ip.parse().expect("a literal address");
            assert_eq!(candidate(ip).check(), Err(DescriptionError::ForbiddenAddress(ip)));
        }
        assert_eq!(candidate(Ipv4Addr::LOCALHOST.into()).check(), Ok(()));
        assert_eq!(candidate(Ipv6Addr::LOCALHOST.into()).check(), Ok(()));
    }

    #[test]
    fn credentials_outside_the_alphabet_are_refused() {
        let mut description = Description {
            role: Role::Offerer,
            user_fragment: BoundedText::new("abcd").expect("short"),
            password: BoundedText::new("0123456789012345678901").expect("short"),
            fingerprint: Fingerprint([0; 32]),
            candidates: Bounded::default(),
        };
        assert_eq!(description.check(), Ok(()));
        description.user_fragment = BoundedText::new("ab\r\na=x").expect("short");
        assert!(matches!(description.check(), Err(DescriptionError::Credential(_))));
    }
}
