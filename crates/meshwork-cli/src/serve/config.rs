//! The configuration of `meshwork serve`, as what runs the server takes it.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use meshwork_core::overlay::choice::Choice;
use meshwork_signal::http::{ForwardedHeader, HttpConfig, TlsFiles};
use meshwork_signal::hub::{HubConfig, HubConfigError, IceOffer};
use meshwork_signal::turn::credentials;

use super::kind::Value;
use super::layers::{Chosen, ConfigError, Source};
use super::settings;

/// A server that is told to end has ended within this.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// Everything that the server does as it was told. What each value means stands in [`settings::SETTINGS`].
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) listen: String,
    pub(crate) public_url: Option<String>,
    pub(crate) data: Option<PathBuf>,
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
    pub(crate) realm: String,
    pub(crate) allocations: Quota,
    pub(crate) bytes_per_second: Quota,
    pub(crate) turn_secret: Option<Secret>,
    pub(crate) urls: Vec<String>,
}

/// The most of something, in all and for each of those who share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota {
    pub(crate) in_all: u64,
    pub(crate) per_network: u64,
    pub(crate) per_room: u64,
    pub(crate) per_endpoint: u64,
}

/// A text that no log and no print shows.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Config {
    /// Puts the chosen values, which are legal one by one, together.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for a value that does not go with another.
    pub(super) fn new(chosen: &BTreeMap<&'static str, Chosen>) -> Result<Config, ConfigError> {
        let values = Values(chosen);
        let (mut hub, relay) = (hub(&values), relay(&values));
        if let Some(secret) = relay.turn_secret.as_ref().filter(|_| !relay.urls.is_empty()) {
            let secret = credentials::Secret::from_text(secret.reveal());
            let secret = secret.expect("the setting's check gives a secret that is long enough");
            hub.ice = IceOffer::external(relay.urls.clone(), secret);
        }
        hub.check().map_err(|error| values.blame(&error))?;
        let http = http(&values, &hub);
        let data = values.text("data").map(PathBuf::from);
        let own_socket = data.as_ref().map(|data| data.join("admin.sock"));
        Ok(Config {
            listen: values.text("listen").unwrap_or_default(),
            public_url: values.text("public_url"),
            tls: tls(&values)?,
            admin_socket: values.text("admin_socket").map(PathBuf::from).or(own_socket),
            log: LogConfig {
                filter: values.text("log").unwrap_or_default(),
                is_json: values.text("log_format").is_some_and(|format| format == "json"),
            },
            data,
            secret_key: values.text("secret_key").map(Secret),
            hub,
            http,
            relay,
        })
    }
}

fn tls(values: &Values<'_>) -> Result<Option<TlsFiles>, ConfigError> {
    match (values.text("tls_certificate"), values.text("tls_key")) {
        (Some(certificate), Some(key)) => {
            Ok(Some(TlsFiles { certificate: certificate.into(), key: key.into() }))
        }
        (None, None) => Ok(None),
        (Some(_), None) => {
            let source = &values.get("tls_certificate").source;
            Err(ConfigError::value(source, "tls_certificate", "it needs a tls_key beside it"))
        }
        (None, Some(_)) => {
            let source = &values.get("tls_key").source;
            Err(ConfigError::value(source, "tls_key", "it needs a tls_certificate beside it"))
        }
    }
}

fn hub(values: &Values<'_>) -> HubConfig {
    let rooms_max = values.count("rooms_max");
    let sockets_max = values.count("sockets_max");
    let idle_after = values.time("idle_after");
    let waits_per_socket_max = values.count("waits_per_socket_max");
    let or_less = |name, most: usize| {
        if values.is_default(name) { values.count(name).min(most) } else { values.count(name) }
    };
    let or_more = |name, least: u32| {
        if values.is_default(name) { values.small(name).max(least) } else { values.small(name) }
    };
    let (messages_per_second, message_burst) =
        (values.small("messages_per_second"), values.small("message_burst"));
    let keep_alive = values.time("keep_alive");
    HubConfig {
        only_room: None,
        overlay: Choice::of_record(&values.text("overlay").unwrap_or_default()),
        ice: IceOffer::default(),
        rooms_max,
        rooms_per_network_max: or_less("rooms_per_network_max", rooms_max),
        room_keep: values.time("room_keep"),
        members_max: values.count("members_max"),
        rooms_per_socket_max: values.count("rooms_per_socket_max"),
        waits_per_socket_max,
        waits_max: values.count("waits_max"),
        message_bytes_max: values.count("message_bytes_max"),
        messages_per_second,
        message_burst,
        network_messages_per_second: or_more("network_messages_per_second", messages_per_second),
        network_message_burst: or_more("network_message_burst", message_burst),
        enter_within: values.time("enter_within"),
        keep_alive: if values.is_default("keep_alive") { keep_alive.min(idle_after / 3) } else { keep_alive },
        idle_after,
        unread_after: values.time("unread_after"),
        queue_bytes_max: values.count("queue_bytes_max"),
        sockets_max,
        sockets_per_network_max: or_less("sockets_per_network_max", sockets_max),
    }
}

fn http(values: &Values<'_>, hub: &HubConfig) -> HttpConfig {
    // Where only the sockets were said, connections leave them room, and a fifth for pages.
    let or_more = |name, least: usize| {
        if values.is_default(name) { values.count(name).max(least + least / 5) } else { values.count(name) }
    };
    HttpConfig {
        connections_max: or_more("connections_max", hub.sockets_max),
        connections_per_network_max: or_more("connections_per_network_max", hub.sockets_per_network_max),
        head_within: values.time("head_within"),
        read_within: values.time("read_within"),
        requests_per_second: values.small("requests_per_second"),
        request_burst: values.small("request_burst"),
        drain_for: values.time("drain_for"),
        shut_down_within: HttpConfig::default().shut_down_within.min(ENDS_WITHIN - values.time("drain_for")),
        allowed_origins: values.list("allowed_origins"),
        trusted_proxies: values.parsed("trusted_proxies"),
        forwarded_header: match values.text("forwarded_header").as_deref() {
            Some("forwarded") => ForwardedHeader::Forwarded,
            _ => ForwardedHeader::XForwardedFor,
        },
        metrics_allow: values.parsed("metrics_allow"),
        log_addresses: values.switch("log_addresses"),
    }
}

fn relay(values: &Values<'_>) -> RelayConfig {
    let quota = |what: &str| Quota {
        in_all: values.number(&format!("relay_{what}_max")),
        per_network: values.number(&format!("relay_{what}_per_network_max")),
        per_room: values.number(&format!("relay_{what}_per_room_max")),
        per_endpoint: values.number(&format!("relay_{what}_per_endpoint_max")),
    };
    let ports = values.text("relay_ports").unwrap_or_default();
    let (first, last) = ports.split_once('-').expect("the setting's check gives FIRST-LAST");
    let port = |text: &str| text.parse().expect("the setting's check gives ports");
    RelayConfig {
        is_on: values.switch("relay"),
        listen: values.parsed("relay_listen"),
        tls_listen: values.parsed("relay_tls_listen"),
        addresses: values.parsed("relay_addresses"),
        ports: port(first)..=port(last),
        allow: values.parsed("relay_allow"),
        realm: values.text("relay_realm").unwrap_or_default(),
        allocations: quota("allocations"),
        bytes_per_second: quota("bytes_per_second"),
        turn_secret: values.text("turn_secret").map(Secret),
        urls: values.list("turn_urls"),
    }
}

/// The chosen values by name. A name that no setting has, or of another kind, is a mistake in this file, which any
/// test that makes a configuration finds.
struct Values<'a>(&'a BTreeMap<&'static str, Chosen>);

impl Values<'_> {
    fn get(&self, name: &str) -> &Chosen {
        self.0.get(name).expect("every setting has a value")
    }

    fn is_default(&self, name: &str) -> bool {
        self.get(name).source == Source::Default
    }

    fn text(&self, name: &str) -> Option<String> {
        match &self.get(name).value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        }
    }

    fn list(&self, name: &str) -> Vec<String> {
        match &self.get(name).value {
            Value::List(items) => items.clone(),
            other => unreachable!("{name} is a list, not {other:?}"),
        }
    }

    fn parsed<T: std::str::FromStr<Err: std::fmt::Debug>>(&self, name: &str) -> Vec<T> {
        let items = self.list(name);
        items.iter().map(|item| item.parse().expect("the setting's check has read it")).collect()
    }

    fn switch(&self, name: &str) -> bool {
        self.get(name).value == Value::Switch(true)
    }

    fn number(&self, name: &str) -> u64 {
        match self.get(name).value {
            Value::Whole(number) | Value::Bytes(number) => number,
            ref other => unreachable!("{name} is a number, not {other:?}"),
        }
    }

    fn count(&self, name: &str) -> usize {
        usize::try_from(self.number(name)).unwrap_or(usize::MAX)
    }

    fn small(&self, name: &str) -> u32 {
        u32::try_from(self.number(name)).unwrap_or(u32::MAX)
    }

    fn time(&self, name: &str) -> Duration {
        match self.get(name).value {
            Value::Time(time) => time,
            ref other => unreachable!("{name} is a duration, not {other:?}"),
        }
    }

    /// Who said the value that the hub does not take. Its fields have the names of their settings.
    fn blame(&self, error: &HubConfigError) -> ConfigError {
        let setting = settings::named(error.field).expect("every limit of the hub is a setting");
        let why = format!(
            "it is {}, but with the other values it must be {} to {}",
            error.value, error.least, error.most
        );
        ConfigError::value(&self.get(setting.name).source, setting.name, why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::layers;

    fn config(flags: &[(&'static str, Value)]) -> Result<Config, String> {
        let chosen = layers::choose(&BTreeMap::from_iter(flags.iter().cloned()), &|_| None, None).unwrap();
        Config::new(&chosen).map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_are_those_of_the_library() {
        let Config { hub, http, .. } = config(&[]).unwrap();
        assert_eq!((hub, http), (HubConfig::default(), HttpConfig::default()));
    }

    #[test]
    fn a_small_server_needs_one_value() {
        let small = config(&[("sockets_max", Value::Whole(100)), ("rooms_max", Value::Whole(10))]).unwrap();
        assert_eq!((small.hub.sockets_per_network_max, small.hub.rooms_per_network_max), (100, 10));
        let large = config(&[("sockets_max", Value::Whole(100_000))]).unwrap();
        assert_eq!(large.http.connections_max, 120_000);
    }

    #[test]
    fn values_that_do_not_go_together_are_blamed_on_who_said_them() {
        let error =
            config(&[("sockets_max", Value::Whole(100)), ("sockets_per_network_max", Value::Whole(200))])
                .unwrap_err();
        assert!(
            error.starts_with("--sockets-per-network-max: sockets_per_network_max: it is 200"),
            "{error}"
        );
    }

    #[test]
    fn a_certificate_needs_its_key() {
        let error = config(&[("tls_certificate", Value::Text("c.pem".into()))]).unwrap_err();
        assert!(error.contains("--tls-certificate") && error.contains("tls_key"), "{error}");
        let both =
            [("tls_certificate", Value::Text("c.pem".into())), ("tls_key", Value::Text("k.pem".into()))];
        assert!(config(&both).unwrap().tls.is_some());
    }

    #[test]
    fn a_server_ends_within_ten_seconds() {
        let longest = config(&[("drain_for", Value::Time(Duration::from_secs(8)))]).unwrap().http;
        assert_eq!(longest.drain_for + longest.shut_down_within, ENDS_WITHIN);
    }

    #[test]
    fn secrets_are_not_shown() {
        let config = config(&[("secret_key", Value::Text("0123456789abcdef".into()))]).unwrap();
        assert!(!format!("{config:?}").contains("0123456789"));
    }
}
