//! Who asks: the address that counts behind proxies, and the page that a browser's request comes from.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

use super::HttpConfig;
use crate::fair::is_within;

/// The header in which proxies say for whom they speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`, which nearly all proxies write.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// Whose address counts: the nearest one that is no trusted proxy. What a client itself wrote into the header stands
/// before what the proxies added, and is never reached.
pub(super) fn client_address(
    connected: IpAddr,
    headers: &HeaderMap,
    proxies: &[IpNet],
    header: ForwardedHeader,
) -> IpAddr {
    let is_proxy = |address: IpAddr| proxies.iter().any(|range| range.contains(&address));
    let mut nearest = connected.to_canonical();
    if !is_proxy(nearest) {
        return nearest;
    }
    let name = match header {
        ForwardedHeader::XForwardedFor => HeaderName::from_static("x-forwarded-for"),
        ForwardedHeader::Forwarded => header::FORWARDED,
    };
    let lines: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    for entry in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
        let address = match header {
            ForwardedHeader::XForwardedFor => read_address(entry),
            ForwardedHeader::Forwarded => forwarded_for(entry),
        };
        let Some(address) = address else { return nearest };
        nearest = address;
        if !is_proxy(nearest) {
            break;
        }
    }
    nearest
}

/// What an operator is to be told of whoever brought a client's request: a proxy that is not trusted, though it says for
/// whom it speaks, or one that is and does not say it. Only of addresses that no stranger has.
pub(super) fn doubt_of_proxy(connected: IpAddr, headers: &HeaderMap, config: &HttpConfig) -> Option<String> {
    let connected = connected.to_canonical();
    let is_near = match connected {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local(),
    };
    let is_trusted = is_within(connected, &config.trusted_proxies);
    let said = match config.forwarded_header {
        ForwardedHeader::XForwardedFor => "X-Forwarded-For",
        ForwardedHeader::Forwarded => "Forwarded",
    };
    let says = headers.contains_key(said.to_ascii_lowercase());
    if is_near && says && !is_trusted {
        return Some(format!(
            "a proxy at {connected} is not believed, so everybody behind it counts as one: name it with \
             --trusted-proxies {connected}"
        ));
    }
    (is_trusted && !says).then(|| {
        format!(
            "the trusted proxy at {connected} does not say for whom it speaks, so everybody behind it counts as one: \
             have it send {said}"
        )
    })
}

/// The `for` of one element of a `Forwarded` header.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, node) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    read_address(node.trim().trim_matches('"'))
}

/// An address, perhaps in brackets, perhaps with a port.
fn read_address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let plain = text.parse().ok();
    let bracketed = || text.strip_prefix('[')?.split_once(']')?.0.parse().ok();
    let with_port = || text.rsplit_once(':')?.0.parse().ok();
    plain.or_else(bracketed).or_else(with_port).map(|address: IpAddr| address.to_canonical())
}

/// Whether a request may come from the page that it says it comes from. Programs that are no browser name no page.
pub(super) fn is_allowed_origin(headers: &HeaderMap, allowed: &[String]) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    if allowed.is_empty() {
        return true;
    }
    let Ok(origin) = origin.to_str() else { return false };
    if allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)) {
        return true;
    }
    // The server's own pages.
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    host.is_some()
        && authority.zip(host).is_some_and(|(authority, host)| authority.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let line = |&(name, value): &(&str, &str)| {
            (name.parse::<HeaderName>().unwrap(), value.parse::<axum::http::HeaderValue>().unwrap())
        };
        lines.iter().map(line).collect()
    }

    fn seen(connected: &str, lines: &[(&str, &str)], header: ForwardedHeader) -> String {
        let proxies = ["127.0.0.0/8", "::1/128", "10.0.0.0/8"].map(|range| range.parse().unwrap());
        client_address(connected.parse().unwrap(), &headers(lines), &proxies, header).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed_and_only_what_they_added() {
        let x = ForwardedHeader::XForwardedFor;
        let line = |value| [("x-forwarded-for", value)];
        assert_eq!(seen("203.0.113.9", &line("1.2.3.4"), x), "203.0.113.9", "nobody we trust");
        assert_eq!(seen("127.0.0.1", &line("1.2.3.4"), x), "1.2.3.4");
        assert_eq!(seen("::ffff:127.0.0.1", &line("1.2.3.4"), x), "1.2.3.4");
        assert_eq!(seen("127.0.0.1", &line("6.6.6.6, 1.2.3.4"), x), "1.2.3.4", "the client wrote the first");
        assert_eq!(seen("127.0.0.1", &line("6.6.6.6, 1.2.3.4, 10.0.0.7"), x), "1.2.3.4", "two proxies");
        assert_eq!(seen("127.0.0.1", &line("1.2.3.4, rubbish"), x), "127.0.0.1");
        assert_eq!(seen("127.0.0.1", &line("10.0.0.7"), x), "10.0.0.7", "a client inside");
        assert_eq!(seen("127.0.0.1", &[], x), "127.0.0.1");
        let two = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "1.2.3.4:5678")];
        assert_eq!(seen("127.0.0.1", &two, x), "1.2.3.4");
        assert_eq!(seen("127.0.0.1", &[("forwarded", "for=6.6.6.6")], x), "127.0.0.1", "the other header");
    }

    #[test]
    fn the_standard_header_is_read_when_it_is_chosen() {
        let line = |value| [("forwarded", value), ("x-forwarded-for", "6.6.6.6")];
        let f = ForwardedHeader::Forwarded;
        assert_eq!(seen("127.0.0.1", &line("for=192.0.2.60;proto=http;by=203.0.113.43"), f), "192.0.2.60");
        assert_eq!(seen("127.0.0.1", &line("For=\"[2001:db8::17]:4711\""), f), "2001:db8::17");
        assert_eq!(seen("127.0.0.1", &line("for=1.2.3.4, for=10.0.0.1"), f), "1.2.3.4");
        assert_eq!(seen("127.0.0.1", &line("for=_hidden"), f), "127.0.0.1");
    }

    #[test]
    fn a_proxy_that_cannot_be_meant_so_is_doubted() {
        let trusting = |ranges: &[&str]| HttpConfig {
            trusted_proxies: ranges.iter().map(|range| range.parse().unwrap()).collect(),
            ..HttpConfig::default()
        };
        let doubt = |connected: &str, lines: &[(&str, &str)], config: &HttpConfig| {
            doubt_of_proxy(connected.parse().unwrap(), &headers(lines), config).unwrap_or_default()
        };
        let (says, nobody, local) =
            ([("x-forwarded-for", "1.2.3.4")], trusting(&[]), trusting(&["127.0.0.1/32"]));
        assert!(doubt("127.0.0.1", &says, &nobody).contains("--trusted-proxies 127.0.0.1"));
        assert!(doubt("10.0.0.7", &says, &local).contains("--trusted-proxies 10.0.0.7"));
        assert!(doubt("127.0.0.1", &[], &local).contains("have it send X-Forwarded-For"));
        assert_eq!(doubt("127.0.0.1", &says, &local), "");
        assert_eq!(doubt("127.0.0.1", &[], &nobody), "", "a program on this machine");
        assert_eq!(doubt("203.0.113.5", &says, &nobody), "", "a stranger writes what it likes");
    }

    #[test]
    fn pages_elsewhere_are_let_in_by_name() {
        let allowed = [String::from("https://paint.example.org")];
        let is = |lines: &[(&str, &str)]| is_allowed_origin(&headers(lines), &allowed);
        assert!(is(&[]), "a program");
        assert!(is(&[("origin", "https://PAINT.example.org")]));
        assert!(is(&[("origin", "http://127.0.0.1:8080"), ("host", "127.0.0.1:8080")]), "its own page");
        for wrong in ["https://paint.example.org.evil", "null", "http://paint.example.org", "https://evil"] {
            assert!(!is(&[("origin", wrong), ("host", "127.0.0.1:8080")]), "{wrong}");
        }
        assert!(is_allowed_origin(&headers(&[("origin", "https://any")]), &[]));
    }
}
