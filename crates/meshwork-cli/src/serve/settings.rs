//! Every setting of `meshwork serve`: its names, meaning, default and what it may be.
//!
//! A setting `rooms_max` is the flag `--rooms-max`, the environment variable `MESHWORK_ROOMS_MAX` and the key
//! `rooms_max` of the file. Some have another variable, the one that platforms and the original system use. What the
//! hub's and the relay's own checks bound is not bounded here again.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::ArgAction::{Append, Set};
use clap::{Arg, Args, Command, ValueEnum};
use ipnet::IpNet;
use meshwork::Overlay;
use meshwork_arcade::Publishers;
use meshwork_signal::http::ForwardedHeader;

use super::checks::{
    DatabaseUrl, List, Secret, address, address_range, amount, at_most, database_url, forwarded_header, list,
    listen_address, log_filter, number, origin, port_range, public_url, secret, switch, turn_url, whole,
};
use crate::duration;

/// Settings that a running server takes only when it is started again.
pub(super) const FROM_A_RESTART: [&str; 23] = [
    "listen",
    "public_url",
    "data",
    "database",
    "publish",
    "meshwork_games",
    "secret_key",
    "tls_certificate",
    "tls_key",
    "admin_socket",
    "log_format",
    "connections_max",
    "connections_per_network_max",
    "message_bytes_max",
    "keep_alive",
    "head_within",
    "read_within",
    "relay",
    "relay_listen",
    "relay_tls_listen",
    "relay_addresses",
    "relay_ports",
    "relay_realm",
];

/// Shown to nobody, and no flags: everybody on a machine can read the flags of a process.
pub(super) const SECRETS: [&str; 2] = ["secret_key", "turn_secret"];

/// Whether the value of a setting is shown to nobody: a secret, or a URL that may have a password.
pub(super) fn is_hidden(name: &str) -> bool {
    SECRETS.contains(&name) || name == "database"
}

/// Variables of their own.
const OWN_VARIABLES: [&str; 4] = ["secret_key", "allowed_origins", "turn_secret", "turn_urls"];

/// The environment variable of a setting.
pub(super) fn variable(name: &str) -> String {
    match name {
        "log" => String::from("RUST_LOG"),
        own if OWN_VARIABLES.contains(&own) => own.to_uppercase(),
        other => format!("MESHWORK_{}", other.to_uppercase()),
    }
}

/// Those of some variables that no part of the program reads, each with the variable that may be meant.
pub(super) fn unread(names: impl Iterator<Item = String>) -> impl Iterator<Item = (String, Option<String>)> {
    /// Read elsewhere than here.
    const OTHERS: [&str; 2] = ["MESHWORK_CONFIG", "MESHWORK_ADMIN_SOCKET"];
    let settings: Vec<String> = arguments().map(|arg| arg.get_id().to_string()).collect();
    let known: Vec<String> = settings.iter().map(|name| variable(name)).collect();
    let is_known = move |name: &String| known.contains(name) || OTHERS.contains(&name.as_str());
    names.filter(move |name| !is_known(name)).map(move |name| {
        let meant = meant(&name, &settings);
        (name, meant)
    })
}

/// The variable that may be meant by one that is none.
fn meant(name: &str, settings: &[String]) -> Option<String> {
    /// Platforms and the original Place set these, without a prefix.
    const BARE: [&str; 4] = ["HOST", "PORT", "MODE", "NINES"];
    let bare = name.strip_prefix("MESHWORK_")?;
    if BARE.contains(&bare) {
        return Some(bare.to_owned());
    }
    let setting = bare.to_lowercase();
    let alikeness = |known: &str| similar::TextDiff::from_chars(setting.as_str(), known).ratio();
    let nearest = settings.iter().max_by(|a, b| alikeness(a).total_cmp(&alikeness(b)))?;
    (alikeness(nearest) > 0.8).then(|| variable(nearest))
}

/// The flag of a setting.
pub(super) fn flag(name: &str) -> String {
    format!("--{}", name.replace('_', "-"))
}

/// All settings as arguments, each named after its field.
pub(super) fn arguments() -> impl Iterator<Item = Arg> {
    let named = |arg: &Arg| {
        let name = arg.get_id().as_str();
        let help = format!("{} [env: {}]", arg.get_help().cloned().unwrap_or_default(), variable(name));
        let arg = arg.clone().long(flag(name).split_off(2)).help(help);
        match arg.get_default_values() {
            // A switch may stand alone.
            [default] if default == "false" => arg
                .value_name("true|false")
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value("true"),
            _ => arg.value_name("VALUE"),
        }
    };
    let arguments: Vec<Arg> =
        Settings::augment_args(Command::new("serve")).get_arguments().map(named).collect();
    arguments.into_iter()
}

/// The effective settings.
#[derive(Args, Clone, Debug)]
pub(super) struct Settings {
    #[command(flatten)]
    pub(super) server: ServerSettings,
    #[command(flatten)]
    pub(super) rooms: RoomSettings,
    #[command(flatten)]
    pub(super) clients: ClientSettings,
    #[command(flatten)]
    pub(super) relay: RelaySettings,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    Text,
    Json,
}

/// The program.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Server")]
pub(super) struct ServerSettings {
    /// The address to listen on. Port 0 is any free one; `0.0.0.0` or `[::]` is reachable from other machines. The
    /// variables HOST and PORT are its halves; PORT alone means `[::]`, for platforms that set it. `[::]` listens for IPv4 too.
    #[arg(default_value = "127.0.0.1:8080", value_parser = listen_address)]
    pub(super) listen: String,
    /// The public address, if it differs from the listening address. The server prints it, and
    /// previews of LINKs show pictures from there. LINKs name the address that their maker used for the server, so make
    /// rooms there.
    #[arg(value_parser = public_url)]
    pub(super) public_url: Option<String>,
    /// Directory for the server's key and its shelf of games, unless a database has the shelf: with it, rooms have the same codes after a restart. A secret_key
    /// does the same for codes and takes precedence.
    pub(super) data: Option<PathBuf>,
    /// The PostgreSQL database of the shelf of games, instead of a file in the data directory, such as
    /// postgres://meshwork@db.example.org/games?sslmode=verify-full. Several servers may share it. A URL with a password belongs in
    /// the file or the variable, since everybody on a machine can read the flags of a process.
    #[arg(value_parser = database_url)]
    pub(super) database: Option<DatabaseUrl>,
    /// Who may publish games on the shelf: everyone, nobody, or keys of peers with commas between them.
    /// By default everyone if the server listens on this machine alone, without a public address or proxies, else nobody.
    pub(super) publish: Option<Publishers>,
    /// Whether the shelf has the games that come with Meshwork.
    #[arg(action = Set, default_value = "true", value_parser = switch)]
    pub(super) meshwork_games: bool,
    /// A random text of at least 16 characters that determines the server's key, instead of a key in the
    /// data directory.
    #[arg(hide = true, value_parser = secret)]
    pub(super) secret_key: Option<Secret>,
    /// A PEM file with the server's certificate, followed by the others of its chain. With tls_key, the server
    /// speaks only https. It loads a replaced file within half a minute, and on SIGHUP.
    pub(super) tls_certificate: Option<PathBuf>,
    /// A PEM file with the certificate's private key.
    pub(super) tls_key: Option<PathBuf>,
    /// The socket for `meshwork admin`, for its owner only. Without it, admin.sock in the data
    /// directory, if there is one.
    pub(super) admin_socket: Option<PathBuf>,
    /// Level of the log on standard error: off, error, warn, info, debug or trace, also by module as in
    /// meshwork_signal=debug.
    #[arg(default_value = "info", value_parser = log_filter)]
    pub(super) log: String,
    /// The form of the log: text, or json with one object a line.
    #[arg(default_value = "text")]
    pub(super) log_format: LogFormat,
    /// Log the addresses of clients, at the level debug. Otherwise no address is logged.
    #[arg(action = Set, default_value = "false", value_parser = switch)]
    pub(super) log_addresses: bool,
    /// Addresses and ranges that may read /metrics, such as 127.0.0.1 for this machine. Behind a trusted proxy the
    /// address in its header counts. None by default.
    #[arg(default_value = "", action = Append, value_parser = list(address_range))]
    pub(super) metrics_allow: List<IpNet>,
    /// Time to drain after SIGTERM: /ready returns 503, and the server asks one client after the other to come
    /// back elsewhere or later. Behind a load balancer, the time that it needs to notice.
    #[arg(default_value = "2s", value_parser = at_most(8))]
    pub(super) drain_for: Duration,
}

/// Settings of rooms.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Rooms")]
pub(super) struct RoomSettings {
    /// The overlay that new rooms get unless their owner chooses another: auto, full-mesh, k-gossip, k-gossip:NINES,
    /// tree or emergent. The variables MODE (fullmesh or kgossip) and NINES of the original Place set it too.
    #[arg(default_value = "auto")]
    pub(super) overlay: Overlay,
    /// Most rooms in all, each of up to 1.3 KB.
    #[arg(default_value = "65536", value_parser = number::<usize>)]
    pub(super) rooms_max: usize,
    /// Most rooms registered from one network: an IPv4 address, an IPv6 /64. An IPv6 /56 may have twice as many, an
    /// IPv4 /24 or an IPv6 /48 four times, an IPv4 /16 or an IPv6 /32 64 times. All limits of networks work so.
    #[arg(default_value = "4096", value_parser = number::<usize>)]
    pub(super) rooms_per_network_max: usize,
    /// Time to keep a room after its last member left. A room that nobody ever joined is kept for five minutes.
    #[arg(default_value = "7days", value_parser = duration::parse)]
    pub(super) room_keep: Duration,
    /// Most members of one room. In a full mesh members admit 24.
    #[arg(default_value = "10000", value_parser = number::<usize>)]
    pub(super) members_max: usize,
    /// Most rooms of one client.
    #[arg(default_value = "32", value_parser = number::<usize>)]
    pub(super) rooms_per_socket_max: usize,
    /// Most unknown rooms that one client waits for.
    #[arg(default_value = "8", value_parser = number::<usize>)]
    pub(super) waits_per_socket_max: usize,
    /// Most unknown rooms that all clients together wait for.
    #[arg(default_value = "16384", value_parser = number::<usize>)]
    pub(super) waits_max: usize,
}

/// Limits of clients.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits of clients")]
pub(super) struct ClientSettings {
    /// Most connections in all, below the limit of file descriptors, which the server raises as far as the system allows.
    #[arg(default_value = "12000", value_parser = whole::<usize>(1..=2_000_000))]
    pub(super) connections_max: usize,
    /// Most connections of one network, except trusted proxies.
    #[arg(default_value = "1024", value_parser = whole::<usize>(1..=2_000_000))]
    pub(super) connections_per_network_max: usize,
    /// Most signalling sockets in all, each of about 10 KB.
    #[arg(default_value = "10000", value_parser = number::<usize>)]
    pub(super) sockets_max: usize,
    /// Most signalling sockets of one network, such as a school or an office.
    #[arg(default_value = "512", value_parser = number::<usize>)]
    pub(super) sockets_per_network_max: usize,
    /// Longest message from a client.
    #[arg(default_value = "16KiB", value_parser = amount)]
    pub(super) message_bytes_max: u64,
    /// Messages a second of one socket in the long run.
    #[arg(default_value = "100", value_parser = number::<u32>)]
    pub(super) messages_per_second: u32,
    /// Messages that one socket may send at once after a pause.
    #[arg(default_value = "1000", value_parser = number::<u32>)]
    pub(super) message_burst: u32,
    /// Messages a second of all sockets of one network in the long run. Opening a socket counts as 20.
    #[arg(default_value = "4000", value_parser = number::<u32>)]
    pub(super) network_messages_per_second: u32,
    /// Messages that all sockets of one network may send at once after a pause.
    #[arg(default_value = "40000", value_parser = number::<u32>)]
    pub(super) network_message_burst: u32,
    /// HTTP requests a second of one network in the long run.
    #[arg(default_value = "200", value_parser = whole::<u32>(1..=100_000))]
    pub(super) requests_per_second: u32,
    /// HTTP requests that one network may make at once. The first visit of a browser makes about 200.
    #[arg(default_value = "5000", value_parser = whole::<u32>(10..=1_000_000))]
    pub(super) request_burst: u32,
    /// Origins of other pages that may use this server's signalling, such as `https://paint.example.org`. Its own pages
    /// always may. Empty for any.
    #[arg(default_value = "", action = Append, value_parser = list(origin))]
    pub(super) allowed_origins: List<String>,
    /// Addresses of proxies whose header with the client's address is trusted, such as 127.0.0.1 for one on this
    /// machine. The relay does not use them. None by default.
    #[arg(default_value = "", action = Append, value_parser = list(address_range))]
    pub(super) trusted_proxies: List<IpNet>,
    /// That header: x-forwarded-for or forwarded. The proxy must set it itself, and not forward a client's
    /// header.
    #[arg(default_value = "x-forwarded-for", value_parser = forwarded_header)]
    pub(super) forwarded_header: ForwardedHeader,
    /// Most bytes that wait for one socket. A slower reader is dropped.
    #[arg(default_value = "256KiB", value_parser = amount)]
    pub(super) queue_bytes_max: u64,
    /// Time for a new socket to prove who it is.
    #[arg(default_value = "10s", value_parser = duration::parse)]
    pub(super) enter_within: Duration,
    /// Interval of a client's keep-alive messages, at most a third of idle_after. Below 30s no usual
    /// router or proxy forgets the connection.
    #[arg(default_value = "25s", value_parser = duration::parse)]
    pub(super) keep_alive: Duration,
    /// Silence after which a socket is closed. Browsers may suspend a hidden page for a minute.
    #[arg(default_value = "90s", value_parser = duration::parse)]
    pub(super) idle_after: Duration,
    /// Time after which a socket that reads nothing is closed.
    #[arg(default_value = "20s", value_parser = duration::parse)]
    pub(super) unread_after: Duration,
    /// Time to send the head of a request, also of the next one on the same connection.
    #[arg(default_value = "15s", value_parser = at_most(300))]
    pub(super) head_within: Duration,
    /// Time after which a connection that reads nothing is closed.
    #[arg(default_value = "30s", value_parser = at_most(300))]
    pub(super) read_within: Duration,
}

/// STUN and TURN.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Relay")]
pub(super) struct RelaySettings {
    /// Answer STUN and relay as a TURN server, for people who cannot reach each other directly.
    #[arg(action = Set, default_value = "false", value_parser = switch)]
    pub(super) relay: bool,
    /// Addresses for STUN and TURN, over UDP and TCP.
    #[arg(default_value = "0.0.0.0:3478,[::]:3478", action = Append, value_parser = list(address::<SocketAddr>))]
    pub(super) relay_listen: List<SocketAddr>,
    /// Addresses for TURN over TLS, with the server's certificate; 5349 is the usual port.
    #[arg(default_value = "", action = Append, value_parser = list(address::<SocketAddr>))]
    pub(super) relay_tls_listen: List<SocketAddr>,
    /// The relay's public addresses, if they are not the machine's own, as behind a router or in
    /// a cloud. By default the machine's own public ones.
    #[arg(default_value = "", action = Append, value_parser = list(address::<IpAddr>))]
    pub(super) relay_addresses: List<IpAddr>,
    /// Ports for relayed traffic. The firewall must open them for UDP.
    #[arg(default_value = "49152-65535", value_parser = port_range)]
    pub(super) relay_ports: RangeInclusive<u16>,
    /// Address ranges such as 192.168.0.0/16 to relay to although they are denied by default: private,
    /// link-local, metadata and other special ones.
    #[arg(default_value = "", action = Append, value_parser = list(address_range))]
    pub(super) relay_allow: List<IpNet>,
    /// The relay's realm.
    #[arg(default_value = "meshwork")]
    pub(super) relay_realm: String,
    /// Most relayed transport addresses in all.
    #[arg(default_value = "4096", value_parser = whole::<u32>(1..=16_384))]
    pub(super) relay_allocations_max: u32,
    /// Most relayed transport addresses of one network.
    #[arg(default_value = "64", value_parser = whole::<u32>(1..=16_384))]
    pub(super) relay_allocations_per_network_max: u32,
    /// Most relayed transport addresses for the members of one room together.
    #[arg(default_value = "256", value_parser = whole::<u32>(1..=16_384))]
    pub(super) relay_allocations_per_room_max: u32,
    /// Most relayed transport addresses of one endpoint, which needs one for each relayed link.
    #[arg(default_value = "24", value_parser = whole::<u32>(1..=16_384))]
    pub(super) relay_allocations_per_endpoint_max: u32,
    /// Most relayed bytes a second in all.
    #[arg(default_value = "128MiB", value_parser = amount)]
    pub(super) relay_bytes_per_second_max: u64,
    /// Most relayed bytes a second for one network.
    #[arg(default_value = "16MiB", value_parser = amount)]
    pub(super) relay_bytes_per_second_per_network_max: u64,
    /// Most relayed bytes a second for the members of one room together.
    #[arg(default_value = "32MiB", value_parser = amount)]
    pub(super) relay_bytes_per_second_per_room_max: u64,
    /// Most relayed bytes a second for one endpoint.
    #[arg(default_value = "4MiB", value_parser = amount)]
    pub(super) relay_bytes_per_second_per_endpoint_max: u64,
    /// The secret of relay credentials; coturn calls it static-auth-secret. Without it the
    /// server draws one for its own relay.
    #[arg(hide = true, value_parser = secret)]
    pub(super) turn_secret: Option<Secret>,
    /// Whether /turn-token gives credentials for the relay to anybody, as the original Place does. Members of
    /// rooms get theirs without it.
    #[arg(action = Set, default_value = "true", value_parser = switch)]
    pub(super) turn_tokens: bool,
    /// Other relays with the same turn_secret, such as turn:relay.example.org:3478?transport=udp.
    #[arg(default_value = "", action = Append, value_parser = list(turn_url))]
    pub(super) turn_urls: List<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_variables_name_the_right_one() {
        for (wrong, right) in [
            ("MESHWORK_SECRET_KEY", Some("SECRET_KEY")),
            ("MESHWORK_TURN_SECRET", Some("TURN_SECRET")),
            ("MESHWORK_TURN_URLS", Some("TURN_URLS")),
            ("MESHWORK_ALLOWED_ORIGINS", Some("ALLOWED_ORIGINS")),
            ("MESHWORK_HOST", Some("HOST")),
            ("MESHWORK_LOG", Some("RUST_LOG")),
            ("MESHWORK_ROOM_MAX", Some("MESHWORK_ROOMS_MAX")),
            ("MESHWORK_COLOUR_OF_THE_SKY", None),
        ] {
            let found: Vec<_> = unread([wrong.to_owned()].into_iter()).collect();
            assert_eq!(found, [(wrong.to_owned(), right.map(str::to_owned))]);
        }
        assert_eq!(unread([String::from("MESHWORK_ROOMS_MAX")].into_iter()).count(), 0);
    }

    #[test]
    fn names_are_those_of_settings() {
        let names: Vec<String> = arguments().map(|arg| arg.get_id().to_string()).collect();
        for name in FROM_A_RESTART.iter().chain(&SECRETS).chain(&OWN_VARIABLES) {
            assert!(names.iter().any(|known| known == name), "{name}");
        }
        assert!(arguments().all(|arg| arg.get_help().is_some()), "each says what it means");
    }
}
