//! The words of the core in str0m's terms and back: credentials, fingerprints, candidates and channels.

use std::net::{IpAddr, SocketAddr};

use meshwork_core::seam::description::{Candidate, CandidateKind, Fingerprint};
use meshwork_core::seam::io::Channel;
use str0m::IceCreds;
use str0m::channel::{ChannelConfig, Reliability};
use str0m::net::Protocol;

/// The characters of ICE credentials (RFC 8839 section 5.4): six random bits each.
const ICE_CHARACTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Characters of the user fragment: 48 bits, of which RFC 8445 section 5.3 asks for 24.
const FRAGMENT_LEN: usize = 8;
/// Characters of the password: 192 bits, of which RFC 8445 section 5.3 asks for 128.
const PASSWORD_LEN: usize = 32;
/// How SDP, and with it str0m, names SHA-256 (RFC 8122 section 5).
const SHA_256: &str = "sha-256";

/// Type preference of loopback candidates (RFC 8445 section 5.1.2.1): below all kinds but relays, since hardly
/// anybody else is on the same machine.
const LOOPBACK_PREFERENCE: u32 = 90;
/// That of link-local candidates of IPv4, which str0m makes none of: below all other addresses of interfaces.
const LINK_LOCAL_PREFERENCE: u32 = 95;

/// Fresh credentials from the system's randomness. Those that str0m makes by itself can be guessed.
///
/// # Errors
/// In words, when the system has no randomness.
pub(super) fn credentials() -> Result<IceCreds, String> {
    let mut random = [0; FRAGMENT_LEN + PASSWORD_LEN];
    getrandom::fill(&mut random).map_err(|error| format!("the system has no randomness: {error}"))?;
    let text: String = random.iter().map(|byte| char::from(ICE_CHARACTERS[usize::from(byte & 63)])).collect();
    let (ufrag, pass) = text.split_at(FRAGMENT_LEN);
    Ok(IceCreds { ufrag: ufrag.into(), pass: pass.into() })
}

/// A fingerprint as the core knows it; `None` when it is not SHA-256.
pub(super) fn read_fingerprint(fingerprint: &str0m::config::Fingerprint) -> Option<Fingerprint> {
    let bytes = fingerprint.bytes.as_slice().try_into().ok()?;
    (fingerprint.hash_func == SHA_256).then_some(Fingerprint(bytes))
}

/// A fingerprint as str0m knows it.
pub(super) fn write_fingerprint(fingerprint: Fingerprint) -> str0m::config::Fingerprint {
    str0m::config::Fingerprint { hash_func: SHA_256.into(), bytes: fingerprint.0.to_vec() }
}

/// The out-of-band form of a channel: both ends make it, nothing is sent for it.
pub(super) fn channel_config(channel: Channel) -> ChannelConfig {
    let reliable = channel == Channel::Reliable;
    ChannelConfig {
        label: channel.label().into(),
        ordered: reliable,
        reliability: match channel {
            Channel::Reliable => Reliability::Reliable,
            Channel::Unreliable => Reliability::MaxRetransmits { retransmits: 0 },
        },
        negotiated: Some(channel.stream_id()),
        protocol: String::new(),
    }
}

/// A candidate for an own address; `index` tells it from the others. `None` when str0m refuses the address.
pub(super) fn local_candidate(address: SocketAddr, index: usize) -> Option<str0m::Candidate> {
    let kind = match address.ip() {
        ip if ip.is_loopback() => LOOPBACK_PREFERENCE,
        IpAddr::V4(ip) if ip.is_link_local() => LINK_LOCAL_PREFERENCE,
        _ => return str0m::Candidate::host(address, Protocol::Udp).ok(),
    };
    let preference = u32::from(u16::MAX) - index as u32;
    let priority = kind << 24 | preference << 8 | 255;
    let host = str0m::CandidateKind::Host;
    Some(str0m::Candidate::from_parts(
        format!("near{index}"),
        1,
        Protocol::Udp,
        priority,
        address,
        host,
        None,
        None,
        None,
    ))
}

/// The other end's candidate, whose address is `ip`; `index` tells it from the others.
pub(super) fn remote_candidate(candidate: Candidate, ip: IpAddr, index: usize) -> str0m::Candidate {
    let kind = match candidate.kind {
        CandidateKind::Host => str0m::CandidateKind::Host,
        CandidateKind::ServerReflexive => str0m::CandidateKind::ServerReflexive,
        CandidateKind::Relayed => str0m::CandidateKind::Relayed,
    };
    let address = SocketAddr::new(ip.to_canonical(), candidate.port);
    let priority = candidate.priority.clamp(1, i32::MAX as u32);
    // Foundations only order checks, and str0m does not use them for that; they must merely differ.
    let foundation = index.to_string();
    str0m::Candidate::from_parts(foundation, 1, Protocol::Udp, priority, address, kind, None, None, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_keep_to_their_alphabet_and_differ() {
        let (first, second) = (credentials().unwrap(), credentials().unwrap());
        assert_ne!(first, second);
        assert_eq!((first.ufrag.len(), first.pass.len()), (FRAGMENT_LEN, PASSWORD_LEN));
        let allowed = |text: &str| text.bytes().all(|byte| ICE_CHARACTERS.contains(&byte));
        assert!(allowed(&first.ufrag) && allowed(&first.pass));
    }

    #[test]
    fn near_addresses_make_candidates_of_low_priority() {
        let priorities = ["10.0.0.2:9", "169.254.3.4:9", "127.0.0.1:9"]
            .map(|address| local_candidate(address.parse().unwrap(), 1).expect("a candidate").prio());
        assert!(priorities.is_sorted_by(|one, next| one > next), "{priorities:?}");
    }

    #[test]
    fn fingerprints_survive_the_way_there_and_back() {
        let fingerprint = Fingerprint([7; 32]);
        assert_eq!(read_fingerprint(&write_fingerprint(fingerprint)), Some(fingerprint));
        let short = str0m::config::Fingerprint { hash_func: "sha-1".into(), bytes: vec![7; 20] };
        assert_eq!(read_fingerprint(&short), None);
    }
}
