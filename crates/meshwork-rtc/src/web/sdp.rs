//! Reads the facts of a browser's session descriptions and renders descriptions from such facts.
//!
//! Only a browser wants SDP; between endpoints travels a [`Description`]. Grammar: RFC 8866 (SDP), RFC 8839
//! (ICE), RFC 8842 (DTLS), RFC 8841 (SCTP).

use std::fmt::Write as _;
use std::net::IpAddr;

use meshwork_core::seam::description::{
    CANDIDATES_MAX, Candidate, CandidateAddress, CandidateKind, Description, DescriptionError, Fingerprint,
    Role,
};
use meshwork_core::wire::{Bounded, BoundedText};

/// Longest session description that is read, in bytes: a browser's, with 16 candidates, takes under 4 KiB.
pub(crate) const SDP_MAX: usize = 64 * 1024;
/// Longest message that the rendered description allows the browser to send, in bytes: the default of RFC
/// 8841 section 6.1, four times what a node sends.
const MESSAGE_SIZE_MAX: usize = 64 * 1024;

/// Why a session description is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum SdpError {
    /// It is longer than any honest one.
    #[error("the session description has {0} bytes, {SDP_MAX} are the most")]
    TooLong(usize),
    /// A line that must be there is not.
    #[error("the session description has no line {0}")]
    Missing(&'static str),
    /// A line that must be there once has two different values.
    #[error("the session description has two different lines {0}")]
    Twice(&'static str),
    /// The certificate fingerprint is not 32 bytes in hexadecimal.
    #[error("{0:?} is not a SHA-256 fingerprint")]
    Fingerprint(String),
    /// A value is out of the limits of a description.
    #[error(transparent)]
    Description(#[from] DescriptionError),
}

/// Reads the facts of the session description that the own browser made.
///
/// Candidates that are not UDP host, server-reflexive or relayed ones are left out, and those above
/// [`CANDIDATES_MAX`].
///
/// # Errors
/// [`SdpError`] names what is missing or wrong.
pub(crate) fn read_description(role: Role, sdp: &str) -> Result<Description, SdpError> {
    if sdp.len() > SDP_MAX {
        return Err(SdpError::TooLong(sdp.len()));
    }
    let fingerprint = read_fingerprint(single(sdp, "a=fingerprint:sha-256 ")?)?;
    let mut candidates: Vec<Candidate> =
        sdp.lines().filter_map(|line| line.strip_prefix("a=")).filter_map(read_candidate).collect();
    candidates.truncate(CANDIDATES_MAX);
    let description = Description {
        role,
        user_fragment: credential(single(sdp, "a=ice-ufrag:")?)?,
        password: credential(single(sdp, "a=ice-pwd:")?)?,
        fingerprint,
        candidates: Bounded::new(candidates).unwrap_or_default(),
    };
    description.check()?;
    Ok(description)
}

/// The one value that lines with this prefix have, in whatever section they stand.
fn single<'a>(sdp: &'a str, prefix: &'static str) -> Result<&'a str, SdpError> {
    let mut values = sdp.lines().filter_map(|line| strip_prefix_ignoring_case(line, prefix)).map(str::trim);
    let name = prefix.trim_end();
    let value = values.next().ok_or(SdpError::Missing(name))?;
    if values.any(|other| other != value) {
        return Err(SdpError::Twice(name));
    }
    Ok(value)
}

fn strip_prefix_ignoring_case<'a>(line: &'a str, prefix: &str) -> Option<&'a str> {
    let start = line.get(..prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then(|| &line[prefix.len()..])
}

fn credential<const MAX: usize>(text: &str) -> Result<BoundedText<MAX>, SdpError> {
    BoundedText::new(text).map_err(|_| DescriptionError::Credential(text.to_owned()).into())
}

fn read_fingerprint(text: &str) -> Result<Fingerprint, SdpError> {
    let wrong = || SdpError::Fingerprint(text.chars().take(100).collect());
    let mut bytes = [0; 32];
    let mut pairs = text.split(':');
    for byte in &mut bytes {
        let pair = pairs.next().filter(|pair| pair.len() == 2 && is_hex(pair)).ok_or_else(wrong)?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
    }
    if pairs.next().is_some() {
        return Err(wrong());
    }
    Ok(Fingerprint(bytes))
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Reads a `candidate:` attribute (RFC 8839 section 5.1); `None` for one that Meshwork does not carry: not
/// UDP, not of the first component, peer-reflexive, or out of the limits of a [`Candidate`].
pub(crate) fn read_candidate(attribute: &str) -> Option<Candidate> {
    if attribute.len() > SDP_MAX {
        return None;
    }
    let mut words = attribute.trim().strip_prefix("candidate:")?.split_ascii_whitespace();
    let _foundation = words.next()?;
    let component = words.next()?;
    let transport = words.next()?;
    let priority = words.next()?.parse().ok()?;
    let address = read_address(words.next()?)?;
    let port = words.next()?.parse().ok()?;
    if component != "1" || !transport.eq_ignore_ascii_case("udp") || words.next()? != "typ" {
        return None;
    }
    let kind = match words.next()? {
        "host" => CandidateKind::Host,
        "srflx" => CandidateKind::ServerReflexive,
        "relay" => CandidateKind::Relayed,
        _ => return None,
    };
    let candidate = Candidate { kind, priority, address, port };
    candidate.check().is_ok().then_some(candidate)
}

fn read_address(text: &str) -> Option<CandidateAddress> {
    match text.strip_suffix(".local") {
        Some(uuid) => read_uuid(uuid).map(CandidateAddress::Mdns),
        None => text.parse().ok().map(CandidateAddress::Ip),
    }
}

/// Where the hyphens of a UUID's text stand (RFC 9562 section 4).
const UUID_GROUPS: [usize; 5] = [8, 4, 4, 4, 12];

fn read_uuid(text: &str) -> Option<[u8; 16]> {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths = groups.iter().map(|group| group.len());
    if !lengths.eq(UUID_GROUPS) || !groups.iter().all(|group| is_hex(group)) {
        return None;
    }
    u128::from_str_radix(&groups.concat(), 16).ok().map(u128::to_be_bytes)
}

/// Renders the session description of the other end for the own browser.
pub(crate) fn write_description(description: &Description) -> String {
    let mut sdp = String::with_capacity(1024);
    sdp.push_str("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n");
    sdp.push_str("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n");
    let mut line = |text: std::fmt::Arguments<'_>| {
        write!(sdp, "{text}\r\n").expect("writing to a String succeeds");
    };
    for candidate in description.candidates.iter() {
        line(format_args!("a={}", write_candidate(candidate)));
    }
    line(format_args!("a=ice-ufrag:{}", description.user_fragment.as_str()));
    line(format_args!("a=ice-pwd:{}", description.password.as_str()));
    line(format_args!("a=ice-options:trickle"));
    line(format_args!("a=fingerprint:sha-256 {}", write_fingerprint(&description.fingerprint)));
    line(format_args!("a=setup:{}", setup(description.role)));
    line(format_args!("a=mid:0"));
    line(format_args!("a=sctp-port:5000"));
    line(format_args!("a=max-message-size:{MESSAGE_SIZE_MAX}"));
    sdp
}

/// The DTLS role of an end (RFC 8842 section 5): the answerer is the client.
fn setup(role: Role) -> &'static str {
    match role {
        Role::Offerer => "actpass",
        Role::Answerer => "active",
    }
}

fn write_fingerprint(fingerprint: &Fingerprint) -> String {
    let pairs: Vec<String> = fingerprint.0.iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

/// Renders a candidate of the other end as the browser reads it.
pub(crate) fn write_candidate(candidate: &Candidate) -> String {
    let (kind, rest) = match candidate.kind {
        CandidateKind::Host => ("host", ""),
        // The grammar demands a related address; browsers that hide theirs write this one.
        CandidateKind::ServerReflexive => ("srflx", " raddr 0.0.0.0 rport 0"),
        CandidateKind::Relayed => ("relay", " raddr 0.0.0.0 rport 0"),
    };
    let family = match candidate.address {
        CandidateAddress::Ip(IpAddr::V4(_)) => 4,
        CandidateAddress::Ip(IpAddr::V6(_)) => 6,
        CandidateAddress::Mdns(_) => 1,
    };
    let address = write_address(candidate.address);
    // Candidates of one kind and family share a foundation (RFC 8445 section 5.1.1.3).
    format!(
        "candidate:{kind}{family} 1 udp {} {address} {} typ {kind}{rest}",
        candidate.priority, candidate.port
    )
}

fn write_address(address: CandidateAddress) -> String {
    match address {
        CandidateAddress::Ip(ip) => ip.to_string(),
        CandidateAddress::Mdns(uuid) => {
            let digits = format!("{:032x}", u128::from_be_bytes(uuid));
            let mut rest = digits.as_str();
            let groups = UUID_GROUPS.map(|length| {
                let (group, after) = rest.split_at(length);
                rest = after;
                group
            });
            format!("{}.local", groups.join("-"))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const PRINT: &str =
        "7B:8A:F0:42:1D:00:FF:5C:AA:10:2B:3C:4D:5E:6F:70:81:92:A3:B4:C5:D6:E7:F8:09:1A:2B:3C:4D:5E:6F:70";

    fn chromium() -> String {
        format!(
            "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
             a=extmap-allow-mixed\r\na=msid-semantic: WMS\r\n\
             m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n\
             a=candidate:3988050410 1 udp 2113937151 0cbd6187-7e4d-4a95-9a62-03a52b5cd5f6.local 40123 typ host generation 0 network-cost 999\r\n\
             a=candidate:1 1 tcp 1518280447 192.0.2.7 9 typ host tcptype active\r\n\
             a=candidate:2 1 udp 1677729535 198.51.100.9 40123 typ srflx raddr 0.0.0.0 rport 0\r\n\
             a=ice-ufrag:uC9x\r\na=ice-pwd:Nxb8cEDxyrXYhWSsrmLEG8dK\r\na=ice-options:trickle\r\n\
             a=fingerprint:sha-256 {PRINT}\r\na=setup:actpass\r\na=mid:0\r\na=sctp-port:5000\r\n\
             a=max-message-size:262144\r\n"
        )
    }

    #[test]
    fn a_browsers_description_is_read() {
        let description = read_description(Role::Offerer, &chromium()).unwrap();
        assert_eq!(description.user_fragment.as_str(), "uC9x");
        assert_eq!(description.password.as_str(), "Nxb8cEDxyrXYhWSsrmLEG8dK");
        assert_eq!(description.fingerprint.0[..3], [0x7b, 0x8a, 0xf0]);
        assert_eq!(description.candidates.len(), 2, "the TCP candidate is left out");
        assert_eq!(description.candidates[0].kind, CandidateKind::Host);
        let CandidateAddress::Mdns(uuid) = description.candidates[0].address else {
            panic!("the first candidate is hidden")
        };
        assert_eq!(uuid[..4], [0x0c, 0xbd, 0x61, 0x87]);
        assert_eq!(description.candidates[1].kind, CandidateKind::ServerReflexive);
    }

    #[test]
    fn session_level_and_repeated_fingerprints_are_read() {
        let sdp = chromium().replace("t=0 0\r\n", &format!("t=0 0\r\na=fingerprint:SHA-256 {PRINT}\r\n"));
        assert!(read_description(Role::Offerer, &sdp).is_ok());
        let lines = sdp.replace("\r\n", "\n");
        assert!(read_description(Role::Offerer, &lines).is_ok());
    }

    #[test]
    fn what_is_rendered_reads_back_as_itself() {
        for role in [Role::Offerer, Role::Answerer] {
            let description = read_description(role, &chromium()).unwrap();
            let rendered = write_description(&description);
            assert_eq!(read_description(role, &rendered).unwrap(), description);
            let setup = if role == Role::Offerer { "a=setup:actpass\r\n" } else { "a=setup:active\r\n" };
            assert!(rendered.contains(setup), "{rendered}");
            assert!(rendered.lines().all(|line| line.as_bytes()[1] == b'='), "{rendered}");
        }
    }

    #[test]
    fn addresses_of_every_family_and_kind_survive() {
        let addresses = [
            CandidateAddress::Ip("192.0.2.1".parse().unwrap()),
            CandidateAddress::Ip("2001:db8::7".parse().unwrap()),
            CandidateAddress::Mdns(*b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"),
        ];
        for kind in [CandidateKind::Host, CandidateKind::ServerReflexive, CandidateKind::Relayed] {
            for address in addresses {
                let candidate = Candidate { kind, priority: 77, address, port: 65535 };
                assert_eq!(read_candidate(&write_candidate(&candidate)), Some(candidate));
            }
        }
    }

    #[test]
    fn candidates_that_are_not_carried_are_left_out() {
        let lines = [
            "",
            "candidate:",
            "candidate:1 1 udp 1 192.0.2.1 9 typ prflx",
            "candidate:1 2 udp 1 192.0.2.1 9 typ host",
            "candidate:1 1 tcp 1 192.0.2.1 9 typ host tcptype passive",
            "candidate:1 1 udp 0 192.0.2.1 9 typ host",
            "candidate:1 1 udp 1 192.0.2.1 0 typ host",
            "candidate:1 1 udp 1 192.0.2.1 65536 typ host",
            "candidate:1 1 udp 99999999999 192.0.2.1 9 typ host",
            "candidate:1 1 udp 1 0.0.0.0 9 typ host",
            "candidate:1 1 udp 1 host.example 9 typ host",
            "candidate:1 1 udp 1 not-a-uuid.local 9 typ host",
            "candidate:1 1 udp 1 +cbd6187-7e4d-4a95-9a62-03a52b5cd5f6.local 9 typ host",
            "candidate:1 1 udp 1 192.0.2.1 9 type host",
            "candidate:1 1 udp 1 192.0.2.1 9 typ",
        ];
        for line in lines {
            assert_eq!(read_candidate(line), None, "{line}");
        }
        assert_eq!(read_candidate(&format!("candidate:{}", "1 ".repeat(SDP_MAX))), None);
    }

    #[test]
    fn odd_descriptions_are_refused_with_the_reason() {
        let read = |sdp: &str| read_description(Role::Answerer, sdp);
        assert_eq!(read(""), Err(SdpError::Missing("a=fingerprint:sha-256")));
        let with = |from: &str, to: &str| read(&chromium().replace(from, to));
        assert_eq!(with("a=ice-pwd:", "a=x:"), Err(SdpError::Missing("a=ice-pwd:")));
        let second = format!("a=mid:0\r\na=fingerprint:sha-256 {}\r\n", PRINT.replace("7B", "7C"));
        assert_eq!(with("a=mid:0\r\n", &second), Err(SdpError::Twice("a=fingerprint:sha-256")));
        for wrong in ["", "7B", "zz:8A", "+B:8A:F0", &format!("{PRINT}:00"), &"7B:".repeat(31)] {
            assert!(matches!(with(PRINT, wrong), Err(SdpError::Fingerprint(_))), "{wrong}");
        }
        assert!(matches!(with("uC9x", "u"), Err(SdpError::Description(_))));
        assert!(matches!(with("uC9x", "uC9\u{e4}"), Err(SdpError::Description(_))));
        assert!(matches!(with("uC9x", &"u".repeat(300)), Err(SdpError::Description(_))));
        assert_eq!(read(&"a".repeat(SDP_MAX + 1)), Err(SdpError::TooLong(SDP_MAX + 1)));
        assert!(read("a=fingerprint:sha-25\u{e4} x").is_err(), "no cut inside a character");
    }

    #[test]
    fn more_candidates_than_allowed_are_cut() {
        let line = "a=candidate:1 1 udp 5 192.0.2.1 9 typ host\r\n";
        let sdp = format!("{}{}", chromium(), line.repeat(40));
        assert_eq!(read_description(Role::Offerer, &sdp).unwrap().candidates.len(), CANDIDATES_MAX);
    }
}
