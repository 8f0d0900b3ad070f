//! The configuration of `meshwork serve`, as what runs the server takes it.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use meshwork_arcade::Publishers;
use meshwork_signal::http::{HttpConfig, TlsFiles};
use meshwork_signal::hub::{HubConfig, IceOffer};
use meshwork_signal::turn::credentials;

use super::checks::{DatabaseUrl, Secret};
use super::layers::{Chosen, ConfigError};
use super::settings::{ClientSettings, LogFormat, RelaySettings, ServerSettings};
use crate::duration;

/// Connections over TCP and TLS to the relay, unless the system allows fewer.
const STREAMS_MAX: usize = 4_096;
/// A server that is told to end has ended within this.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// Everything that the server does as it was told. What each value means stands in [`super::settings`].
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) listen: String,
    pub(crate) public_url: Option<String>,
    pub(crate) data: Option<PathBuf>,
    /// The database of the shelf, if it is no file in the data directory.
    pub(crate) database: Option<DatabaseUrl>,
    /// The people who may publish games, if the operator names them.
    pub(crate) publish: Option<Publishers>,
    pub(crate) meshwork_games: bool,
    pub(crate) secret_key: Option<Secret>,
    pub(crate) hub: HubConfig,
    pub(crate) http: HttpConfig,
    pub(crate) relay: RelayConfig,
    /// The certificate, where the server speaks TLS.
    pub(crate) tls: Option<TlsFiles>,
    pub(crate) admin_socket: Option<PathBuf>,
    pub(crate) log: LogConfig,
}

/// How the log is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogConfig {
    pub(crate) filter: String,
    pub(crate) is_json: bool,
}

/// What the relay is told; `turn_secret` and `urls` are also for relays elsewhere, which work without ours.
#[derive(Clone, Debug)]
pub(crate) struct RelayConfig {
    pub(crate) is_on: bool,
    pub(crate) listen: Vec<SocketAddr>,
    pub(crate) tls_listen: Vec<SocketAddr>,
    /// Empty where the machine's own addresses count.
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) ports: RangeInclusive<u16>,
    pub(crate) allow: Vec<IpNet>,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) realm: String,
    pub(crate) allocations: Quota,
    /// Connections over TCP and TLS in all.
    pub(crate) streams_max: usize,
    pub(crate) bytes_per_second: Quota,
    pub(crate) turn_secret: Option<Secret>,
    pub(crate) urls: Vec<String>,
    /// Whether `/turn-token` is answered.
    pub(crate) hands_out: bool,
}

/// The most of something, in all and for each of those who share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota {
    pub(crate) in_all: u64,
    pub(crate) per_network: u64,
    pub(crate) per_room: u64,
    pub(crate) per_endpoint: u64,
}

impl Config {
    /// Whether people are told to reach it by https.
    pub(super) fn is_said_to_be_secure(&self) -> bool {
        self.public_url.as_deref().is_some_and(|url| url.starts_with("https:"))
    }

    /// Puts the chosen values, which are legal one by one, together.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for a value that does not go with another.
    pub(super) fn new(chosen: &Chosen) -> Result<Config, ConfigError> {
        let (mut hub, relay) = (hub(chosen), relay(&chosen.settings.relay, &chosen.settings.clients));
        if let Some(secret) = relay.turn_secret.as_ref().filter(|_| !relay.urls.is_empty()) {
            let secret = credentials::Secret::from_text(secret.reveal());
            let secret = secret.expect("the setting's check gives a secret that is long enough");
            hub.ice = IceOffer::external(relay.urls.clone(), secret);
        }
        // The hub's fields have the names of their settings.
        hub.check().map_err(|error| {
            let unit = unit(error.field);
            let written = chosen.said.get(error.field).map(|(text, _)| text.to_string_lossy().into_owned());
            let value = written.unwrap_or_else(|| unit(error.value));
            let why = format!("it is {value}, but must be {} to {}", unit(error.least), unit(error.most));
            chosen.blame(error.field, why)
        })?;
        let http = http(chosen, &hub);
        let tls = tls(chosen)?;
        let server = chosen.settings.server.clone();
        let ServerSettings {
            listen, public_url, data, database, publish, meshwork_games, secret_key, ..
        } = server;
        if let Some(why) = database.as_ref().and_then(|url| url.check().err()) {
            return Err(chosen.blame("database", why));
        }
        let own_socket = data.as_ref().map(|data| data.join("admin.sock"));
        Ok(Config {
            listen,
            public_url,
            tls,
            admin_socket: server.admin_socket.or(own_socket),
            log: LogConfig { filter: server.log, is_json: server.log_format == LogFormat::Json },
            data,
            database,
            publish,
            meshwork_games,
            secret_key,
            hub,
            http,
            relay,
        })
    }
}

/// The words for a value of one of the hub's fields, with its unit.
fn unit(field: &str) -> fn(u128) -> String {
    match field {
        "room_keep" | "enter_within" | "keep_alive" | "idle_after" | "unread_after" => {
            |ms| duration::format(Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX)))
        }
        "message_bytes_max" | "queue_bytes_max" => |bytes| format!("{bytes} bytes"),
        _ => |count| count.to_string(),
    }
}

fn tls(chosen: &Chosen) -> Result<Option<TlsFiles>, ConfigError> {
    let server = &chosen.settings.server;
    match (server.tls_certificate.clone(), server.tls_key.clone()) {
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(chosen.blame("tls_certificate", "it needs a tls_key beside it")),
        (None, Some(_)) => Err(chosen.blame("tls_key", "it needs a tls_certificate beside it")),
    }
}

fn hub(chosen: &Chosen) -> HubConfig {
    let (rooms, clients) = (&chosen.settings.rooms, &chosen.settings.clients);
    // What nobody said goes along with what somebody said.
    let is_free = |name: &str| !chosen.said.contains_key(name);
    let or_less = |name, value: usize, most| if is_free(name) { value.min(most) } else { value };
    let or_more = |name, value: u32, least| if is_free(name) { value.max(least) } else { value };
    let count = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    let keep_alive = clients.keep_alive;
    HubConfig {
        only_room: None,
        reserved: BTreeSet::new(),
        overlay: rooms.overlay,
        ice: IceOffer::default(),
        rooms_max: rooms.rooms_max,
        rooms_per_network_max: or_less("rooms_per_network_max", rooms.rooms_per_network_max, rooms.rooms_max),
        room_keep: rooms.room_keep,
        members_max: rooms.members_max,
        rooms_per_socket_max: rooms.rooms_per_socket_max,
        waits_per_socket_max: rooms.waits_per_socket_max,
        waits_max: rooms.waits_max,
        message_bytes_max: count(clients.message_bytes_max),
        messages_per_second: clients.messages_per_second,
        message_burst: clients.message_burst,
        network_messages_per_second: or_more(
            "network_messages_per_second",
            clients.network_messages_per_second,
            clients.messages_per_second,
        ),
        network_message_burst: or_more(
            "network_message_burst",
            clients.network_message_burst,
            clients.message_burst,
        ),
        enter_within: clients.enter_within,
        keep_alive: if is_free("keep_alive") { keep_alive.min(clients.idle_after / 3) } else { keep_alive },
        idle_after: clients.idle_after,
        unread_after: clients.unread_after,
        queue_bytes_max: count(clients.queue_bytes_max),
        sockets_max: clients.sockets_max,
        sockets_per_network_max: or_less(
            "sockets_per_network_max",
            clients.sockets_per_network_max,
            clients.sockets_max,
        ),
    }
}

fn http(chosen: &Chosen, hub: &HubConfig) -> HttpConfig {
    let (server, clients) = (&chosen.settings.server, &chosen.settings.clients);
    // Where only the sockets were said, connections leave them room, and a fifth for pages.
    let or_more = |name: &str, value: usize, least: usize| match chosen.said.contains_key(name) {
        true => value,
        false => value.max(least + least / 5),
    };
    HttpConfig {
        connections_max: or_more("connections_max", clients.connections_max, hub.sockets_max),
        connections_per_network_max: or_more(
            "connections_per_network_max",
            clients.connections_per_network_max,
            hub.sockets_per_network_max,
        ),
        head_within: clients.head_within,
        read_within: clients.read_within,
        requests_per_second: clients.requests_per_second,
        request_burst: clients.request_burst,
        drain_for: server.drain_for,
        shut_down_within: HttpConfig::default().shut_down_within.min(ENDS_WITHIN - server.drain_for),
        allowed_origins: clients.allowed_origins.to_vec(),
        trusted_proxies: clients.trusted_proxies.to_vec(),
        forwarded_header: clients.forwarded_header,
        metrics_allow: server.metrics_allow.to_vec(),
        // The system says them.
        forwarders: Vec::new(),
        public_url: server.public_url.clone(),
        log_addresses: server.log_addresses,
    }
}

fn relay(relay: &RelaySettings, clients: &ClientSettings) -> RelayConfig {
    RelayConfig {
        is_on: relay.relay,
        listen: relay.relay_listen.to_vec(),
        tls_listen: relay.relay_tls_listen.to_vec(),
        addresses: relay.relay_addresses.to_vec(),
        ports: relay.relay_ports.clone(),
        allow: relay.relay_allow.to_vec(),
        trusted_proxies: clients.trusted_proxies.to_vec(),
        realm: relay.relay_realm.clone(),
        streams_max: STREAMS_MAX,
        allocations: Quota {
            in_all: relay.relay_allocations_max.into(),
            per_network: relay.relay_allocations_per_network_max.into(),
            per_room: relay.relay_allocations_per_room_max.into(),
            per_endpoint: relay.relay_allocations_per_endpoint_max.into(),
        },
        bytes_per_second: Quota {
            in_all: relay.relay_bytes_per_second_max,
            per_network: relay.relay_bytes_per_second_per_network_max,
            per_room: relay.relay_bytes_per_second_per_room_max,
            per_endpoint: relay.relay_bytes_per_second_per_endpoint_max,
        },
        turn_secret: relay.turn_secret.clone(),
        urls: relay.turn_urls.to_vec(),
        hands_out: relay.turn_tokens,
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::serve::layers;

    fn config(flags: &[(&str, &str)]) -> Result<Config, String> {
        let flags = flags.iter().map(|(name, text)| (String::from(*name), OsString::from(text)));
        let chosen = layers::choose(&flags.collect(), &|_| None, None).unwrap();
        Config::new(&chosen).map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_are_those_of_the_library() {
        let Config { hub, http, .. } = config(&[]).unwrap();
        assert_eq!((hub, http), (HubConfig::default(), HttpConfig::default()));
    }

    #[test]
    fn a_small_server_needs_one_value() {
        let small = config(&[("sockets_max", "100"), ("rooms_max", "10")]).unwrap();
        assert_eq!((small.hub.sockets_per_network_max, small.hub.rooms_per_network_max), (100, 10));
        let large = config(&[("sockets_max", "100000")]).unwrap();
        assert_eq!(large.http.connections_max, 120_000);
    }

    #[test]
    fn conflicting_values_are_blamed_on_their_source() {
        let error = config(&[("sockets_max", "100"), ("sockets_per_network_max", "200")]).unwrap_err();
        assert!(
            error.starts_with("--sockets-per-network-max: sockets_per_network_max: it is 200"),
            "{error}"
        );
    }

    #[test]
    fn ranges_are_told_with_their_units() {
        for (name, text, words) in [
            ("keep_alive", "60s", "it is 60s, but must be 1s to 30s"),
            ("unread_after", "1week", "it is 1week, but must be 1s to 5m"),
            ("message_bytes_max", "1MiB", "it is 1MiB, but must be 12288 bytes to 65536 bytes"),
        ] {
            let error = config(&[(name, text)]).unwrap_err();
            assert!(error.ends_with(words), "{error}");
        }
    }

    #[test]
    fn a_certificate_needs_its_key() {
        let error = config(&[("tls_certificate", "c.pem")]).unwrap_err();
        assert!(error.contains("--tls-certificate") && error.contains("tls_key"), "{error}");
        let both = [("tls_certificate", "c.pem"), ("tls_key", "k.pem")];
        assert!(config(&both).unwrap().tls.is_some());
    }

    #[test]
    fn a_server_ends_within_ten_seconds() {
        let longest = config(&[("drain_for", "8s")]).unwrap().http;
        assert_eq!(longest.drain_for + longest.shut_down_within, ENDS_WITHIN);
    }

    #[test]
    fn secrets_are_not_shown() {
        let error = config(&[("database", "mysql://me:0123456789@db/games")]).unwrap_err();
        assert!(
            error.starts_with("--database: database: it is no URL") && !error.contains("0123"),
            "{error}"
        );
        let url = ("database", "postgres://me:0123456789@db/games");
        let config = config(&[("secret_key", "0123456789abcdef"), url]).unwrap();
        assert!(!format!("{config:?}").contains("0123456789"));
    }
}
