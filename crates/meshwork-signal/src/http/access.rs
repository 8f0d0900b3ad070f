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

/// Headers that proxies add. A request with one of them may come from anywhere.
const PROXY_HEADERS: [&str; 7] = [
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-server",
    "x-real-ip",
];

/// Whether a program on this machine sent the request itself: it is connected from a loopback address, names one, and no proxy
/// is configured or shows itself by a header. A server with a public address has a proxy or strangers, so none counts.
pub(super) fn is_own_machine(connected: IpAddr, headers: &HeaderMap, config: &HttpConfig) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let is_local_name = name.eq_ignore_ascii_case("localhost")
        || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    connected.to_canonical().is_loopback()
        && is_local_name
        && config.public_url.is_none()
        && config.trusted_proxies.is_empty()
        && !PROXY_HEADERS.iter().any(|name| headers.contains_key(*name))
}

/// Where whoever asks reaches this server, such as `https://paint.example.org`: as its operator says, else as the request does, or
/// the trusted proxy that brings it. Nothing where that is no address that may stand in a page as it is.
pub(super) fn reached_at(
    connected: IpAddr,
    headers: &HeaderMap,
    is_secure: bool,
    config: &HttpConfig,
) -> Option<String> {
    let is_plain = |text: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/[]%".contains(&byte);
        !text.is_empty() && text.bytes().all(is_plain)
    };
    if let Some(url) = &config.public_url {
        return Some(url.clone()).filter(|url| is_plain(url));
    }
    let is_proxied = is_within(connected, &config.trusted_proxies);
    let proxied = |what: &str| is_proxied.then(|| said_by_proxy(headers, config.forwarded_header, what))?;
    let host = || headers.get(header::HOST)?.to_str().ok();
    let host = proxied("host").or_else(host).filter(|host| is_plain(host) && !host.contains('/'))?;
    let scheme = proxied("proto").filter(|scheme| ["http", "https"].contains(scheme));
    let scheme = scheme.unwrap_or(if is_secure { "https" } else { "http" });
    Some(format!("{scheme}://{host}"))
}

/// What the nearest proxy says of the request: its `host` or its `proto`.
fn said_by_proxy<'a>(headers: &'a HeaderMap, header: ForwardedHeader, what: &str) -> Option<&'a str> {
    let name = match header {
        ForwardedHeader::XForwardedFor => format!("x-forwarded-{what}"),
        ForwardedHeader::Forwarded => String::from("forwarded"),
    };
    let element = headers.get_all(name).iter().next_back()?.to_str().ok()?.rsplit(',').next()?;
    match header {
        ForwardedHeader::XForwardedFor => Some(element.trim()),
        ForwardedHeader::Forwarded => of_element(element, what),
    }
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
    if config.is_forwarder(connected) && !is_trusted {
        return Some(format!(
            "clients come from {connected}, the gateway of this machine's network: a forwarder such as docker's hides their addresses, \
             and all share the limits of one network. Let the server listen on the host's own network, or put a proxy before it that \
             sets {said}, and name that with --trusted-proxies; a forwarder passes on a header that anybody wrote"
        ));
    }
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
    read_address(of_element(element, "for")?)
}

/// What one element of a `Forwarded` header says under a name.
fn of_element<'a>(element: &'a str, wanted: &str) -> Option<&'a str> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))?;
    Some(value.trim().trim_matches('"'))
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
    allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)) || is_own_page(origin, headers)
}

/// Whether a request may change something on this server: of pages only the server's own and those that are named, also where none
/// is. `own` is the server's own address.
pub(super) fn may_change(headers: &HeaderMap, allowed: &[String], own: &str) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    let is_of_own = || {
        let (scheme, rest) = own.split_once("://")?;
        let authority = rest.split('/').next()?;
        Some(origin.eq_ignore_ascii_case(&format!("{scheme}://{authority}")))
    };
    allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
        || is_own_page(origin, headers)
        || is_of_own().unwrap_or(false)
}

/// Whether an origin is that of the server's own pages, by the host that the request names.
fn is_own_page(origin: &str, headers: &HeaderMap) -> bool {
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
    fn only_what_trusted_proxies_added_is_believed() {
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
    fn standard_header_is_read_when_it_is_chosen() {
        let line = |value| [("forwarded", value), ("x-forwarded-for", "6.6.6.6")];
        let f = ForwardedHeader::Forwarded;
        assert_eq!(seen("127.0.0.1", &line("for=192.0.2.60;proto=http;by=203.0.113.43"), f), "192.0.2.60");
        assert_eq!(seen("127.0.0.1", &line("For=\"[2001:db8::17]:4711\""), f), "2001:db8::17");
        assert_eq!(seen("127.0.0.1", &line("for=1.2.3.4, for=10.0.0.1"), f), "1.2.3.4");
        assert_eq!(seen("127.0.0.1", &line("for=_hidden"), f), "127.0.0.1");
    }

    #[test]
    fn the_own_address_is_what_people_type() {
        let trusting =
            HttpConfig { trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()], ..HttpConfig::default() };
        let standard = HttpConfig { forwarded_header: ForwardedHeader::Forwarded, ..trusting.clone() };
        let at = |connected: &str, lines: &[(&str, &str)], is_secure, config: &HttpConfig| {
            reached_at(connected.parse().unwrap(), &headers(lines), is_secure, config).unwrap_or_default()
        };
        let host = ("host", "paint.example.org:8080");
        assert_eq!(at("203.0.113.9", &[host], false, &trusting), "http://paint.example.org:8080");
        assert_eq!(at("203.0.113.9", &[host], true, &trusting), "https://paint.example.org:8080");
        let said = [host, ("x-forwarded-proto", "https"), ("x-forwarded-host", "a.example, b.example")];
        assert_eq!(at("203.0.113.9", &said, false, &trusting), "http://paint.example.org:8080", "no proxy");
        assert_eq!(at("10.0.0.7", &said, false, &trusting), "https://b.example");
        assert_eq!(at("10.0.0.7", &[host, said[1]], false, &trusting), "https://paint.example.org:8080");
        let forwarded =
            [said[0], said[1], said[2], ("forwarded", "for=1.2.3.4;proto=https;host=\"[::1]:80\"")];
        assert_eq!(at("10.0.0.7", &forwarded, false, &standard), "https://[::1]:80");
        for wrong in ["x\"><script>", "a/b", "", "a b"] {
            assert_eq!(at("10.0.0.7", &[("host", wrong)], false, &trusting), "", "{wrong}");
        }
        let named = HttpConfig { public_url: Some("https://x.org/mesh".into()), ..trusting };
        assert_eq!(at("10.0.0.7", &said, false, &named), "https://x.org/mesh");
    }

    #[test]
    fn doubtful_proxy_setup_is_told_with_its_remedy() {
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
        let contained = HttpConfig { forwarders: vec!["172.18.0.1".parse().unwrap()], ..trusting(&[]) };
        for headers in [&says[..], &[]] {
            let words = doubt("::ffff:172.18.0.1", headers, &contained);
            assert!(words.contains("172.18.0.1") && words.contains("limits of one network"), "{words}");
        }
        assert_eq!(doubt("172.18.0.7", &[], &contained), "", "a neighbour comes itself");
        let named = HttpConfig { forwarders: contained.forwarders, ..trusting(&["172.18.0.1/32"]) };
        assert_eq!(doubt("172.18.0.1", &says, &named), "", "a proxy of the operator");
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

    #[test]
    fn other_pages_change_nothing_unless_named() {
        let named = [String::from("https://paint.example.org")];
        let may = |origin: &str, allowed: &[String], own: &str| {
            may_change(&headers(&[("origin", origin), ("host", "127.0.0.1:8080")]), allowed, own)
        };
        assert!(may_change(&headers(&[("host", "127.0.0.1:8080")]), &[], ""), "a program");
        assert!(may("http://127.0.0.1:8080", &[], ""), "its own page");
        assert!(may("https://x.org", &[], "https://x.org/mesh"), "its own page behind a proxy");
        assert!(may("https://paint.example.org", &named, ""));
        for other in ["https://evil.example", "null", "http://127.0.0.1:8081", "https://paint.example.org"] {
            assert!(!may(other, &[], "http://127.0.0.1:8080"), "{other}");
        }
    }
}
