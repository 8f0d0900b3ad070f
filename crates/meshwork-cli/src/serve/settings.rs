//! Every setting of `meshwork serve`: its names, meaning, unit, range and default, in one table.
//!
//! A setting `rooms_max` is the flag `--rooms-max`, the environment variable `MESHWORK_ROOMS_MAX` and the key
//! `rooms_max` of the file. Some have another variable, the one that platforms and the original system use.

use super::checks;
use super::kind::{Kind, Value};
use Topic::{Clients, Relay, Rooms, Server};

/// One thing that can be set.
#[derive(Clone, Copy)]
pub(crate) struct Setting {
    /// Its key in the file. With dashes for underscores it is the flag.
    pub(crate) name: &'static str,
    /// The environment variable, where it has a name of its own.
    own_variable: Option<&'static str>,
    pub(crate) topic: Topic,
    pub(crate) kind: Kind,
    /// Written as in the environment; empty where nothing stands in for a missing value.
    default: &'static str,
    /// What it does and how to choose it.
    pub(crate) meaning: &'static str,
    /// It is shown to nobody, and is no flag: everybody on a machine can read the flags of a process.
    pub(crate) is_secret: bool,
    /// A running server takes a new value when it reads its configuration again.
    pub(crate) is_live: bool,
}

/// What a setting is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    Server,
    Rooms,
    Clients,
    Relay,
}

impl Topic {
    pub(crate) fn heading(self) -> &'static str {
        match self {
            Server => "Server",
            Rooms => "Rooms",
            Clients => "Limits of clients",
            Relay => "Relay",
        }
    }
}

/// The setting of this name.
pub(crate) fn named(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

impl Setting {
    /// The environment variable.
    pub(crate) fn variable(&self) -> String {
        match self.own_variable {
            Some(variable) => String::from(variable),
            None => format!("MESHWORK_{}", self.name.to_uppercase()),
        }
    }

    /// The flag, without the dashes in front of it.
    pub(crate) fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// The value that counts when nobody says anything.
    pub(crate) fn default(&self) -> Value {
        match self.kind {
            Kind::List(_) if self.default.is_empty() => Value::List(Vec::new()),
            _ if self.default.is_empty() => Value::Unset,
            kind => kind.parse(self.default).expect("a test reads every default"),
        }
    }

    const fn new(topic: Topic, name: &'static str, kind: Kind, default: &'static str) -> Setting {
        let (own_variable, meaning, is_secret, is_live) = (None, "", false, false);
        Setting { name, own_variable, topic, kind, default, meaning, is_secret, is_live }
    }

    const fn variable_is(self, variable: &'static str) -> Setting {
        Setting { own_variable: Some(variable), ..self }
    }

    const fn secret(self) -> Setting {
        Setting { is_secret: true, ..self }
    }

    const fn live(self) -> Setting {
        Setting { is_live: true, ..self }
    }

    const fn means(self, meaning: &'static str) -> Setting {
        Setting { meaning, ..self }
    }
}

const MILLION: u64 = 1_000_000;
const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const DAY: u64 = 24 * 60 * MINUTE;
const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

/// All of them, in the order in which they are shown.
pub(crate) const SETTINGS: &[Setting] = &[
    Setting::new(Server, "listen", Kind::Text(checks::listen_address), "127.0.0.1:8080").means(
        "Where to listen. Port 0 takes a free one; `0.0.0.0` or `[::]` is reachable from other machines. The \
         variables HOST and PORT give its halves; PORT alone means 0.0.0.0, as platforms expect that set it",
    ),
    Setting::new(Server, "public_url", Kind::Text(checks::public_url), "").means(
        "The address that people use, where it is another than the one listened on: it is printed for them. LINKs \
         name the address by which their maker reached the server, so make rooms there",
    ),
    Setting::new(Server, "data", Kind::Text(checks::path), "").means(
        "Directory for the server's key: with it, rooms have the same codes after a restart. A secret_key does the \
         same and comes first",
    ),
    Setting::new(Server, "secret_key", Kind::Text(checks::secret), "").variable_is("SECRET_KEY").secret().means(
        "A random text of at least 16 characters, from which the server's key is made instead of keeping one in the \
         data directory",
    ),
    Setting::new(Server, "tls_certificate", Kind::Text(checks::path), "").means(
        "A file with the server's certificate in PEM form, the others of its chain behind it. With tls_key, the \
         server speaks https and nothing else. A file that is replaced is read again within half a minute, and at SIGHUP",
    ),
    Setting::new(Server, "tls_key", Kind::Text(checks::path), "")
        .means("The file with the certificate's private key in PEM form"),
    Setting::new(Server, "admin_socket", Kind::Text(checks::path), "").means(
        "Where `meshwork admin` reaches the server: a socket for its owner only. Without it, admin.sock in the data \
         directory, if there is one",
    ),
    Setting::new(Server, "log", Kind::Text(checks::log_filter), "info").variable_is("RUST_LOG").means(
        "What is logged to standard error: off, error, warn, info, debug or trace, also by module as in \
         meshwork_signal=debug",
    ),
    Setting::new(Server, "log_format", Kind::Text(checks::log_format), "text")
        .means("The form of the log: text, or json with one object a line"),
    Setting::new(Server, "log_addresses", Kind::Switch, "false")
        .live()
        .means("Log from which addresses sockets are opened, at the level debug. Otherwise no address is logged"),
    Setting::new(Server, "metrics_allow", Kind::List(checks::address_range), "127.0.0.0/8,::1").live().means(
        "Who may read /metrics, as addresses and ranges; the address counts that a trusted proxy names",
    ),
    Setting::new(Server, "drain_for", Kind::Time(1, 8 * SECOND), "2s").live().means(
        "How long a server that gets SIGTERM goes on: /ready says 503, clients are told one after the other to come \
         back elsewhere or later. Behind a load balancer, as long as it takes to notice",
    ),
    Setting::new(Rooms, "overlay", Kind::Text(checks::overlay), "auto").live().means(
        "The overlay that new rooms get unless their owner chooses another: auto, full-mesh, k-gossip, k-gossip:NINES, \
         tree or emergent. The variables MODE (fullmesh or kgossip) and NINES of the original Place say the same",
    ),
    Setting::new(Rooms, "rooms_max", Kind::Whole(1, MILLION), "65536").live().means(
        "Rooms that are kept in all, each with up to 1.3 KB",
    ),
    Setting::new(Rooms, "rooms_per_network_max", Kind::Whole(1, MILLION), "4096").live().means(
        "Rooms kept that were registered from one network: an IPv4 address, an IPv6 /64",
    ),
    Setting::new(Rooms, "room_keep", Kind::Time(MINUTE, 90 * DAY), "7days").live().means(
        "How long a room is kept after its last member left, or after it was registered and nobody came",
    ),
    Setting::new(Rooms, "members_max", Kind::Whole(2, MILLION), "10000").live().means(
        "Members of one room; in one whose record asks for a full mesh members take in 24",
    ),
    Setting::new(Rooms, "rooms_per_socket_max", Kind::Whole(1, 256), "32").live().means(
        "Rooms that one client is a member of",
    ),
    Setting::new(Rooms, "waits_per_socket_max", Kind::Whole(1, 64), "8").live().means(
        "Unknown rooms that one client waits for",
    ),
    Setting::new(Rooms, "waits_max", Kind::Whole(1, MILLION), "16384").live().means(
        "Unknown rooms that all clients together wait for",
    ),
    Setting::new(Clients, "connections_max", Kind::Whole(1, 2 * MILLION), "12000").means(
        "Connections in all, below the limit of file descriptors, which is raised as far as the system allows",
    ),
    Setting::new(Clients, "connections_per_network_max", Kind::Whole(1, 2 * MILLION), "1024").means(
        "Connections of one network, this machine excepted: a proxy there speaks for everybody",
    ),
    Setting::new(Clients, "sockets_max", Kind::Whole(1, MILLION), "10000").live().means(
        "Signalling sockets in all, each of about 10 KB",
    ),
    Setting::new(Clients, "sockets_per_network_max", Kind::Whole(1, MILLION), "512").live().means(
        "Signalling sockets of one network; a school or an office may be one",
    ),
    Setting::new(Clients, "message_bytes_max", Kind::Bytes(12 * KIB, 64 * KIB), "16KiB").means(
        "Length of one message from a client",
    ),
    Setting::new(Clients, "messages_per_second", Kind::Whole(1, 10_000), "100").live().means(
        "Messages that a socket may send each second in the long run",
    ),
    Setting::new(Clients, "message_burst", Kind::Whole(50, 100_000), "1000").live().means(
        "Messages that a socket may send at once after a quiet while",
    ),
    Setting::new(Clients, "network_messages_per_second", Kind::Whole(1, MILLION), "4000").live().means(
        "Messages that all sockets of one network may send each second in the long run; opening a socket counts as 20",
    ),
    Setting::new(Clients, "network_message_burst", Kind::Whole(50, 10 * MILLION), "40000")
        .live()
        .means("Messages that all sockets of one network may send at once after a quiet while"),
    Setting::new(Clients, "requests_per_second", Kind::Whole(1, 100_000), "50").live().means(
        "HTTP requests that one network may make each second in the long run, this machine excepted",
    ),
    Setting::new(Clients, "request_burst", Kind::Whole(10, MILLION), "500")
        .live()
        .means("HTTP requests that one network may make at once; a page asks for about 20 files"),
    Setting::new(Clients, "allowed_origins", Kind::List(checks::origin), "")
        .variable_is("ALLOWED_ORIGINS")
        .live()
        .means(
            "Pages elsewhere whose scripts may use this server's signalling, such as https://paint.example.org; its \
             own always may. Empty for any",
        ),
    Setting::new(Clients, "trusted_proxies", Kind::List(checks::address_range), "127.0.0.0/8,::1").live().means(
        "Addresses of proxies that are believed when they say for whom they speak",
    ),
    Setting::new(Clients, "forwarded_header", Kind::Text(checks::forwarded_header), "x-forwarded-for").live().means(
        "The header in which they say it: x-forwarded-for or forwarded. A proxy must set it, and not only add to \
         whatever a client sent in another",
    ),
    Setting::new(Clients, "queue_bytes_max", Kind::Bytes(128 * KIB, 16 * MIB), "256KiB").live().means(
        "How much may wait for one socket to read it; a slower reader is dropped",
    ),
    Setting::new(Clients, "enter_within", Kind::Time(SECOND, MINUTE), "10s").live().means(
        "Time for a new socket to prove who it is",
    ),
    Setting::new(Clients, "keep_alive", Kind::Time(SECOND, 5 * MINUTE), "25s").means(
        "Silence after which a client is to say that it is alive; at most a third of idle_after. Below 30s no usual \
         router or proxy forgets the connection",
    ),
    Setting::new(Clients, "idle_after", Kind::Time(3 * SECOND, 60 * MINUTE), "90s").live().means(
        "Silence after which a socket is closed; browsers may hold back a hidden page for a minute",
    ),
    Setting::new(Clients, "unread_after", Kind::Time(SECOND, 5 * MINUTE), "20s").live().means(
        "How long a socket may leave everything unread that was sent to it",
    ),
    Setting::new(Clients, "head_within", Kind::Time(SECOND, 5 * MINUTE), "15s").means(
        "Time to send the head of a request, also of the next one on a connection that is kept",
    ),
    Setting::new(Clients, "read_within", Kind::Time(SECOND, 5 * MINUTE), "30s").means(
        "How long a connection may take nothing of what is sent to it",
    ),
    Setting::new(Relay, "relay", Kind::Switch, "false").means(
        "Answer STUN and relay as a TURN server, for people who cannot reach each other directly",
    ),
    Setting::new(Relay, "relay_listen", Kind::List(checks::socket_address), "0.0.0.0:3478,[::]:3478").means(
        "Where STUN and TURN are spoken, over UDP and TCP",
    ),
    Setting::new(Relay, "relay_tls_listen", Kind::List(checks::socket_address), "").means(
        "Where TURN is spoken over TLS, with the server's certificate; 5349 is the usual port",
    ),
    Setting::new(Relay, "relay_addresses", Kind::List(checks::ip_address), "").means(
        "The addresses by which others reach the relay, where they are not the machine's own, as behind a router or \
         in a cloud. Without any, the machine's own public ones count",
    ),
    Setting::new(Relay, "relay_ports", Kind::Text(checks::port_range), "49152-65535").means(
        "Ports for relayed traffic, which the firewall must let in over UDP",
    ),
    Setting::new(Relay, "relay_allow", Kind::List(checks::address_range), "").live().means(
        "Address ranges such as 192.168.0.0/16 to which is relayed although they are denied by default: private, \
         link-local, metadata and other special ones",
    ),
    Setting::new(Relay, "relay_realm", Kind::Text(checks::word), "meshwork").means(
        "The realm that the relay names to its clients",
    ),
    Setting::new(Relay, "relay_allocations_max", Kind::Whole(1, 16_384), "4096").live().means(
        "Relayed transport addresses in all",
    ),
    Setting::new(Relay, "relay_allocations_per_network_max", Kind::Whole(1, 16_384), "64").live().means(
        "Relayed transport addresses of one network",
    ),
    Setting::new(Relay, "relay_allocations_per_room_max", Kind::Whole(1, 16_384), "256").live().means(
        "Relayed transport addresses for the members of one room together",
    ),
    Setting::new(Relay, "relay_allocations_per_endpoint_max", Kind::Whole(1, 16_384), "24").live().means(
        "Relayed transport addresses of one endpoint, which needs one for each link that is relayed",
    ),
    Setting::new(Relay, "relay_bytes_per_second_max", Kind::Bytes(KIB, 100 * GIB), "128MiB").live().means(
        "Bytes that are relayed each second in all",
    ),
    Setting::new(Relay, "relay_bytes_per_second_per_network_max", Kind::Bytes(KIB, 100 * GIB), "16MiB").live().means(
        "Bytes that are relayed each second for one network",
    ),
    Setting::new(Relay, "relay_bytes_per_second_per_room_max", Kind::Bytes(KIB, 100 * GIB), "32MiB").live().means(
        "Bytes that are relayed each second for the members of one room together",
    ),
    Setting::new(Relay, "relay_bytes_per_second_per_endpoint_max", Kind::Bytes(KIB, 100 * GIB), "4MiB").live().means(
        "Bytes that are relayed each second for one endpoint",
    ),
    Setting::new(Relay, "turn_secret", Kind::Text(checks::secret), "").variable_is("TURN_SECRET").secret().live().means(
        "The text from which relay credentials are made, the one that coturn calls static-auth-secret. Without it the \
         server draws one for its own relay",
    ),
    Setting::new(Relay, "turn_urls", Kind::List(checks::turn_url), "").variable_is("TURN_URLS").live().means(
        "Relays elsewhere that share turn_secret, such as turn:relay.example.org:3478?transport=udp",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_used_once_and_everything_is_said() {
        let mut names = BTreeSet::new();
        for setting in SETTINGS {
            assert!(names.insert(setting.name.to_uppercase()), "{}", setting.name);
            let variable = setting.variable();
            assert!(variable == setting.name.to_uppercase() || names.insert(variable), "{}", setting.name);
            assert!(!setting.meaning.is_empty() && !setting.meaning.ends_with('.'), "{}", setting.name);
        }
    }

    #[test]
    fn every_default_is_a_legal_value() {
        for setting in SETTINGS.iter().filter(|setting| !setting.default.is_empty()) {
            assert!(setting.kind.parse(setting.default).is_ok(), "{}", setting.name);
        }
    }
}
