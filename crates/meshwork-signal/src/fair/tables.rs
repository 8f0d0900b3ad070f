//! Every limit of hub, relay and listener on how many of something there are, and the share that one network has of it.

use std::collections::BTreeSet;
use std::path::Path;

/// Tables that can be full in all, and the share of each by network.
const SHARED: [(&str, &str); 12] = [
    ("sockets_max", "the heaviest network gives one up: hub::tests::shares::sockets_from_many_networks_..."),
    ("connections_max", "the heaviest network gives one up: http"),
    ("rooms_max", "the heaviest network gives one up: hub::tests::shares::rooms_from_many_networks_..."),
    ("waits_max", "the heaviest network gives one up: hub::tests::shares::lookups_of_one_site_..."),
    ("BEGUN_MAX", "the heaviest network gives one up: hub::begun"),
    ("NAMED_MAX", "drawn by provider and site, a quarter by age: hub::members"),
    ("members_max", "each member has a socket, and there are as many of those in all"),
    (
        "allocations_max",
        "in all, and of one room: the heaviest network gives one up: turn::relay::tests::quotas",
    ),
    ("streams_max", "the heaviest network gives one up: turn::relay::tests::streams"),
    ("RESERVATIONS_MAX", "the heaviest network gives one up: turn::relay::tests::allocations"),
    ("NETWORKS_MAX", "the heaviest provider is counted as one: fair::bucket"),
    ("PER_NETWORK_MAX", "a bucket of each network, nothing in all: turn::token"),
];

/// Shares of one network, and what one socket, allocation, message or operator has: no other is kept out where it is full.
const OWN: [&str; 40] = [
    "rooms_per_network_max",
    "sockets_per_network_max",
    "connections_per_network_max",
    "streams_per_address_max",
    "BEGUN_PER_NETWORK_MAX",
    "OF_A_SITE_MAX",
    "ELDERS_MAX",
    "ELDERS_OF_A_PROVIDER_MAX",
    "ANSWERING_MAX",
    "rooms_per_socket_max",
    "waits_per_socket_max",
    "ASKED_MAX",
    "NAMED_IN_ALL_MAX",
    "PONGS_MAX",
    "INBOX_MAX",
    "permissions_max",
    "channels_max",
    "ADDRESSES_MAX",
    // Bytes of one message, or of what waits for one socket.
    "message_bytes_max",
    "queue_bytes_max",
    "stream_queue_bytes_max",
    "HEAD_MAX",
    "CONTROL_MAX",
    "REQUEST_HEAD_MAX",
    "REQUEST_MAX",
    "MESSAGE_MAX",
    "DATA_MAX",
    "EXCERPT_MAX",
    "ANNOUNCEMENT_JSON_MAX",
    "UNSENT_MAX",
    "NAME_MAX",
    "UNKNOWN_MAX",
    "WAYS_MAX",
    "BYTES_MAX",
    // Settings and actions of the operator, and codes that routes reserve: a route shares them by network itself.
    "BANS_MAX",
    "RESERVED_MAX",
    "RETIRED_MAX",
    "DOUBTS_MAX",
    // What a room's code is drawn from, and the widths of networks.
    "ATTEMPTS_MAX",
    "WIDTHS_MAX",
];

/// The names of limits in the sources under a folder.
fn limits(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            limits(&path, found);
        } else if !path.ends_with("fair/tables.rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.extend(text.lines().filter_map(limit).map(str::to_owned));
        }
    }
}

/// The limit that a line declares: a constant, or a field of a configuration.
fn limit(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let (head, kind) = line.split_once(": ")?;
    let name = head.rsplit(' ').next()?;
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return None;
    }
    let is_constant = head.contains("const ") && name.ends_with("_MAX") && !name.ends_with("LEGAL_MAX");
    let is_field = head.starts_with("pub ") && name.ends_with("_max") && !kind.starts_with("Duration");
    (is_constant || is_field).then_some(name)
}

#[test]
fn each_full_table_is_shared_by_network() {
    let mut found = BTreeSet::new();
    limits(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    // How much a test may leave.
    found.remove("GROWTH_MAX");
    let listed: BTreeSet<String> =
        SHARED.iter().map(|(name, _)| *name).chain(OWN).map(str::to_owned).collect();
    let unlisted: Vec<_> = found.difference(&listed).collect();
    assert!(unlisted.is_empty(), "{unlisted:?}: whose share of these is how large, once they are full?");
    let gone: Vec<_> = listed.difference(&found).collect();
    assert!(gone.is_empty(), "{gone:?} are no limits any more");
}
