//! The relay inside `meshwork serve`: its configuration, its sockets, and what members are told of it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use meshwork_signal::http::{self, ServerHandle, Tls};
use meshwork_signal::hub::{IceOffer, RelayOffer};
use meshwork_signal::turn::serve::Handle;
use meshwork_signal::turn::token::Tokens;
use meshwork_signal::turn::{self, Listeners, RelayAddress, Secret, Server};

use super::config::{Quota, RelayConfig};
use super::random_bytes;

/// The relay while the server runs.
pub(super) struct Relay {
    server: Server,
    secret: Secret,
    tls: Vec<SocketAddr>,
    /// The servers that members are told of: it, and those elsewhere that share its secret.
    pub(super) offer: IceOffer,
    /// Whether `/turn-token` is answered.
    hands_out: bool,
}

/// Starts the relay.
///
/// # Errors
/// It cannot listen where it should, has no address on which to relay, or a limit is not legal.
pub(super) fn start(config: &RelayConfig, tls: Option<&Arc<Tls>>) -> Result<Relay> {
    let secret = match shared_secret(config)? {
        Some(secret) => secret,
        None => Secret::from_random(random_bytes()?),
    };
    let relay = relay_config(config, secret.clone())?;
    let listeners = Listeners::bind(&reachable(&config.listen)).map_err(cannot_listen)?;
    let mut server = turn::serve(relay, random_bytes()?, listeners).context("the relay does not start")?;
    let mut secured = Vec::new();
    for &address in &config.tls_listen {
        let tls =
            tls.context("--relay-tls-listen needs the server's certificate; name it, or leave this out")?;
        secured.push(server.listen_tls(address, Arc::clone(tls)).map_err(cannot_listen)?);
    }
    let offer = offer(config, &secret, server.udp_addresses(), &secured);
    Ok(Relay { server, secret, tls: secured, offer, hands_out: config.hands_out })
}

impl Relay {
    /// What it says on the terminal.
    pub(super) fn words(&self) -> String {
        let places: Vec<String> =
            self.server.udp_addresses().iter().chain(&self.tls).map(ToString::to_string).collect();
        format!("relaying on {}\n", places.join(", "))
    }

    /// Takes on other settings, and says what members are told from now on. Where it listens stays.
    ///
    /// # Errors
    /// A setting is not legal; all stays as it was.
    pub(super) fn reconfigure(&mut self, config: &RelayConfig, server: &ServerHandle) -> Result<IceOffer> {
        // One that was drawn stays until another is named.
        let secret = shared_secret(config)?.unwrap_or_else(|| self.secret.clone());
        self.server.reconfigure(relay_config(config, secret.clone())?)?;
        self.offer = offer(config, &secret, self.server.udp_addresses(), &self.tls);
        self.secret = secret;
        self.hands_out = config.hands_out;
        self.hand_out(server);
        Ok(self.offer.clone())
    }

    /// Has the server hand out credentials at `/turn-token`.
    fn hand_out(&self, server: &ServerHandle) {
        let (stun, relay) = (self.offer.stun.first(), self.offer.relays.first());
        let tokens = stun.zip(relay).filter(|_| self.hands_out);
        server.hand_out(
            tokens.map(|(stun, relay)| Tokens::new(self.secret.clone(), stun.clone(), relay.urls.clone())),
        );
    }

    /// Reaches it from other tasks.
    pub(super) fn handle(&self) -> Handle {
        self.server.handle()
    }

    /// Makes it known to the server: its numbers among the metrics, its credentials at `/turn-token`, and connections
    /// to the server's own port that speak STUN.
    pub(super) fn join(&self, server: http::Server) -> http::Server {
        let handle = server.handle();
        handle.add_metrics(self.server.counts());
        self.hand_out(&handle);
        let gate = self.server.handle();
        handle.keep_out_by(move |banned| gate.keep_out(banned));
        let relay = self.server.handle();
        server.with_stun(move |connection| {
            let (relay, remote) = (relay.clone(), connection.address);
            tokio::spawn(async move { relay.serve_stream(connection.into_stream(), remote).await });
        })
    }
}

/// The secret that was named, if one was.
fn shared_secret(config: &RelayConfig) -> Result<Option<Secret>> {
    Ok(config.turn_secret.as_ref().map(|secret| Secret::from_text(secret.reveal())).transpose()?)
}

/// Where to listen: without IPv6 on this machine, not on all of its addresses, unless nothing else was asked for.
fn reachable(listen: &[SocketAddr]) -> Vec<SocketAddr> {
    let is_any_v6 = |address: &&SocketAddr| address.is_ipv6() && address.ip().is_unspecified();
    let others: Vec<SocketAddr> = listen.iter().filter(|address| !is_any_v6(address)).copied().collect();
    if others.is_empty() || turn::serve::default_address(false).is_some() { listen.to_vec() } else { others }
}

fn relay_config(config: &RelayConfig, secret: Secret) -> Result<turn::Config> {
    let addresses = relay_addresses(config)?;
    let quota = |share: fn(&Quota) -> u64| turn::Quota {
        allocations_max: u32::try_from(share(&config.allocations)).unwrap_or(u32::MAX),
        bytes_per_second: share(&config.bytes_per_second).max(64 * 1024),
    };
    let mut relay = turn::Config::new(secret, addresses);
    relay.realm.clone_from(&config.realm);
    relay.ports = config.ports.clone();
    relay.allow.clone_from(&config.allow);
    relay.trusted_proxies.clone_from(&config.trusted_proxies);
    relay.own_addresses = own_addresses();
    relay.per_endpoint = quota(|quota| quota.per_endpoint);
    relay.per_room = quota(|quota| quota.per_room);
    relay.per_address = quota(|quota| quota.per_network);
    relay.in_all = quota(|quota| quota.in_all);
    relay.streams_max = config.streams_max;
    relay.streams_per_address_max = relay.streams_per_address_max.min(config.streams_max);
    relay.check().context("the limits of the relay")?;
    Ok(relay)
}

/// One address of each family that is listened on: where to bind, and by which others reach it.
fn relay_addresses(config: &RelayConfig) -> Result<Vec<RelayAddress>> {
    let mut addresses = Vec::new();
    for is_ipv4 in [true, false] {
        let Some(listen) = config.listen.iter().map(SocketAddr::ip).find(|ip| ip.is_ipv4() == is_ipv4) else {
            continue;
        };
        let named = config.addresses.iter().copied().find(|address| address.is_ipv4() == is_ipv4);
        let own = if listen.is_unspecified() { turn::serve::default_address(is_ipv4) } else { Some(listen) };
        // Bound to the one address from which the world is reached, so that answers leave from nowhere else.
        match (named, own) {
            (None, None) => {}
            (Some(advertised), own) => {
                addresses.push(RelayAddress { bind: own.unwrap_or(listen), advertised })
            }
            (None, Some(own)) => addresses.push(RelayAddress { bind: own, advertised: own }),
        }
    }
    if addresses.is_empty() {
        return Err(anyhow!(
            "this machine has no address on which it could relay. Name one with --relay-addresses, or leave --relay out"
        ));
    }
    Ok(addresses)
}

/// The addresses of this machine. Where the system does not say, those that the relay is bound to still count.
fn own_addresses() -> Vec<IpAddr> {
    match if_addrs::get_if_addrs() {
        Ok(interfaces) => interfaces.into_iter().map(|interface| interface.ip()).collect(),
        Err(error) => {
            tracing::warn!(%error, "cannot tell the addresses of this machine");
            Vec::new()
        }
    }
}

/// What members are told: the relay by the host that they know already, or by the addresses that were named.
fn offer(config: &RelayConfig, secret: &Secret, listening: &[SocketAddr], tls: &[SocketAddr]) -> IceOffer {
    let external = config.turn_secret.as_ref().filter(|_| !config.urls.is_empty());
    let mut offer =
        external.map_or_else(IceOffer::default, |_| IceOffer::external(config.urls.clone(), secret.clone()));
    let port = listening.first().map_or(3478, SocketAddr::port);
    let hosts: Vec<String> = match config.addresses.as_slice() {
        [] => vec![String::from("*")],
        named => named.iter().map(host).collect(),
    };
    let mut stun: Vec<String> = hosts.iter().map(|host| format!("stun:{host}:{port}")).collect();
    let urls = hosts
        .iter()
        .flat_map(|host| ["udp", "tcp"].map(|transport| format!("turn:{host}:{port}?transport={transport}")));
    let secured = tls.first().map(|address| address.port());
    let secured = hosts.iter().filter_map(|host| Some(format!("turns:{host}:{}?transport=tcp", secured?)));
    let urls: Vec<String> = urls.chain(secured).collect();
    stun.append(&mut offer.stun);
    offer.stun = stun;
    offer.relays.insert(0, RelayOffer { urls, secret: secret.clone() });
    offer
}

fn host(address: &IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    }
}

fn cannot_listen(error: turn::ServeError) -> anyhow::Error {
    let advice = "Choose another address with --relay-listen, such as 0.0.0.0:3479, or leave --relay out";
    let cause = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
    anyhow!("{error}{cause}. {advice}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(listen: &[&str], addresses: &[&str]) -> RelayConfig {
        let quota = Quota { in_all: 100_000, per_network: 100_000, per_room: 100_000, per_endpoint: 100_000 };
        RelayConfig {
            is_on: true,
            listen: listen.iter().map(|address| address.parse().unwrap()).collect(),
            tls_listen: Vec::new(),
            addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
            ports: 49_152..=65_535,
            allow: Vec::new(),
            trusted_proxies: Vec::new(),
            realm: String::from("meshwork"),
            streams_max: 100,
            allocations: Quota { in_all: 100, per_network: 50, per_room: 50, per_endpoint: 10 },
            bytes_per_second: quota,
            turn_secret: None,
            urls: Vec::new(),
            hands_out: true,
        }
    }

    #[test]
    fn relays_advertise_their_listen_address_unless_told_otherwise() {
        let both = relay_addresses(&config(&["127.0.0.1:3478", "[::1]:3478"], &[])).unwrap();
        let loopbacks: [IpAddr; 2] = ["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
        assert_eq!(both.iter().map(|address| address.advertised).collect::<Vec<_>>(), loopbacks);
        let named = relay_addresses(&config(&["127.0.0.1:3478"], &["9.9.9.9"])).unwrap();
        assert_eq!(named[0], RelayAddress { bind: loopbacks[0], advertised: "9.9.9.9".parse().unwrap() });
    }

    #[test]
    fn relay_is_named_by_host_or_configured_address() {
        let secret = Secret::from_random([1; 32]);
        let listening = ["0.0.0.0:3478".parse().unwrap()];
        let told = offer(&config(&["0.0.0.0:3478"], &[]), &secret, &listening, &[]);
        assert_eq!(told.stun, ["stun:*:3478"]);
        assert_eq!(told.relays[0].urls, ["turn:*:3478?transport=udp", "turn:*:3478?transport=tcp"]);
        let told = offer(
            &config(&["0.0.0.0:3478"], &["9.9.9.9", "2a00::9"]),
            &secret,
            &listening,
            &["0.0.0.0:5349".parse().unwrap()],
        );
        assert_eq!(told.stun, ["stun:9.9.9.9:3478", "stun:[2a00::9]:3478"]);
        assert_eq!(told.relays[0].urls.len(), 6);
        assert_eq!(told.relays[0].urls[5], "turns:[2a00::9]:5349?transport=tcp");
    }

    #[tokio::test]
    async fn a_taken_relay_address_has_a_remedy() {
        let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let error = start(&config(&[&address], &[]), None).err().unwrap().to_string();
        assert!(error.contains(&address) && error.contains("--relay-listen"), "{error}");
    }
}
