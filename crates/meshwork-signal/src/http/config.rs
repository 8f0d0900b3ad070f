//! Every limit and timer of a listener, with its meaning and unit.

use std::net::IpAddr;
use std::time::Duration;

use axum::http::Uri;
use ipnet::IpNet;

use super::access::ForwardedHeader;

/// How much a listener takes on. A connection becomes a socket of the hub once it is upgraded, and then counts
/// under both limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpConfig {
    /// Connections in all. At least the hub's `sockets_max`, and below the limit of file descriptors.
    pub connections_max: usize,
    /// Connections of one network (an IPv4 address, an IPv6 /64; wider ones hold several times as many), trusted proxies
    /// excepted: they speak for everybody. At least the hub's `sockets_per_network_max`.
    pub connections_per_network_max: usize,
    /// Requests of one network each second in the long run. 1 to 100,000.
    pub requests_per_second: u32,
    /// Requests of one network at once after a quiet while. 10 to 1,000,000; a browser that comes for the first time asks for about 200 files.
    pub request_burst: u32,
    /// Time to send the head of a request, also of the next one on a connection that is kept, and to agree on TLS. Also the
    /// longest pause within the body of a request to a route. 1 s to 5 min.
    pub head_within: Duration,
    /// How long a connection may take nothing of what is sent to it, or less than 1,000 bytes a second. 1 s to 5 min.
    pub read_within: Duration,
    /// How long a server that drains goes on, while it says goodbye to its clients one after the other. Up to 8 s.
    pub drain_for: Duration,
    /// Time that connections have to end once the server shuts down. Up to 1 min.
    pub shut_down_within: Duration,
    /// Pages elsewhere whose scripts may use the signalling, such as `https://paint.example.org`; the server's own
    /// always may. Empty for any. It is for browsers: other programs name no page, or any.
    pub allowed_origins: Vec<String>,
    /// Addresses of proxies that say for whom they speak. Nobody is one for being on this machine.
    pub trusted_proxies: Vec<IpNet>,
    /// The header in which they say it.
    pub forwarded_header: ForwardedHeader,
    /// Who may read `/metrics`. This machine is not among them by itself: a proxy on it speaks for everybody.
    pub metrics_allow: Vec<IpNet>,
    /// Addresses of forwarders that hide their clients, such as the gateway of a container's network, from which docker's own forwarder
    /// connects. The number of their connections is not limited, and a range of `metrics_allow` does not admit them.
    pub forwarders: Vec<IpAddr>,
    /// The address by which people reach the server, such as `https://paint.example.org`: previews of links show pictures
    /// from there. Without it that is what a request, or the trusted proxy that brings it, says. It may have a path, such as
    /// `https://example.org/mesh`: the server then answers below that path, and without it for proxies that take it away.
    pub public_url: Option<String>,
    /// Whether addresses of clients stand in the log.
    pub log_addresses: bool,
}

impl Default for HttpConfig {
    fn default() -> HttpConfig {
        HttpConfig {
            connections_max: 12_000,
            connections_per_network_max: 1_024,
            requests_per_second: 200,
            request_burst: 5_000,
            head_within: Duration::from_secs(15),
            read_within: Duration::from_secs(30),
            drain_for: Duration::from_secs(2),
            shut_down_within: Duration::from_secs(3),
            allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            forwarded_header: ForwardedHeader::XForwardedFor,
            metrics_allow: Vec::new(),
            forwarders: Vec::new(),
            public_url: None,
            log_addresses: false,
        }
    }
}

impl HttpConfig {
    /// Whether a client with this address may read `/metrics`. A forwarder has to be named by its own address: a range that
    /// contains it is for its neighbours.
    pub fn admits_to_metrics(&self, client: IpAddr) -> bool {
        let is_forwarder = self.is_forwarder(client);
        let is_alone = |range: &IpNet| range.prefix_len() == range.max_prefix_len();
        self.metrics_allow.iter().any(|range| range.contains(&client) && (!is_forwarder || is_alone(range)))
    }

    /// Whether a forwarder that hides its clients connects from this address.
    pub(super) fn is_forwarder(&self, address: IpAddr) -> bool {
        self.forwarders.contains(&address.to_canonical())
    }

    /// Likely mistakes that are known before the first client comes, each for people.
    pub fn doubts(&self) -> Vec<String> {
        let is_within = |address: &&IpAddr| self.metrics_allow.iter().any(|range| range.contains(*address));
        let hidden =
            self.forwarders.iter().filter(is_within).filter(|address| !self.admits_to_metrics(**address));
        hidden
            .map(|address| {
                format!(
                    "metrics_allow contains {address}, the gateway of this machine's network, from which a forwarder such as docker's \
                     brings strangers: /metrics is closed for it. Name the address of Prometheus alone"
                )
            })
            .collect()
    }

    /// An address without the path of [`public_url`](HttpConfig::public_url) before it; nothing where it does not begin so.
    pub(super) fn below_base(&self, asked: &Uri) -> Option<Uri> {
        let base = Some(base_path(self.public_url.as_deref()?)).filter(|base| !base.is_empty())?;
        let rest = asked.path().strip_prefix(base)?;
        if !matches!(rest.bytes().next(), None | Some(b'/')) {
            return None;
        }
        let path = if rest.is_empty() { "/" } else { rest };
        let query = asked.query().map_or(String::new(), |query| format!("?{query}"));
        format!("{path}{query}").parse().ok()
    }
}

/// The path of a server's address, such as `/mesh` of `https://example.org/mesh`; empty for one without.
pub(super) fn base_path(url: &str) -> &str {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = authority.find('/').map_or("", |start| &authority[start..]);
    path.trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lose_the_base_path_alone() {
        let config = |url: &str| HttpConfig { public_url: Some(url.to_owned()), ..HttpConfig::default() };
        let below = |config: &HttpConfig, asked: &str| {
            config.below_base(&asked.parse().expect("an address")).map(|uri| uri.to_string())
        };
        let mesh = config("https://example.org/a/mesh/");
        for (asked, answered) in [
            ("/a/mesh", Some("/")),
            ("/a/mesh/", Some("/")),
            ("/a/mesh/place/K7M4QX?shared", Some("/place/K7M4QX?shared")),
            ("/a/mesh/a/mesh/x", Some("/a/mesh/x")),
            ("/a/meshwork", None),
            ("/place/K7M4QX", None),
        ] {
            assert_eq!(below(&mesh, asked).as_deref(), answered, "{asked}");
        }
        assert_eq!(below(&config("https://example.org"), "/place"), None);
        assert_eq!(below(&HttpConfig::default(), "/place"), None);
    }
}
