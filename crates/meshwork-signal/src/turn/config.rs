//! Everything that can be set of a relay, with its legal range.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use ipnet::IpNet;

use super::credentials::Secret;
use crate::fair::{Network, is_within};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const MIB: u64 = 1024 * 1024;
/// The most that any rate may be: nothing a single thread relays comes near.
const BYTES_PER_SECOND_LEGAL_MAX: u64 = 1 << 40;

/// What somebody may use of the relay at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Allocations. 1 to 65,536.
    pub allocations_max: u32,
    /// Bytes of payload in a second, both ways together; as many may come in one burst. 64 KiB to 1 TiB. What is
    /// beyond is dropped, as by a slow line.
    pub bytes_per_second: u64,
}

/// Where relayed addresses are: one for each address family at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelayAddress {
    /// The address of this machine to which sockets are bound.
    pub bind: IpAddr,
    /// The address under which the world reaches it: another one than `bind` behind a NAT that maps ports 1:1.
    pub advertised: IpAddr,
}

/// What a [`Relay`](super::Relay) takes on.
#[derive(Clone, Debug)]
pub struct Config {
    /// The realm in which credentials count (RFC 8489, section 14.9). 1 to 127 bytes.
    pub realm: String,
    /// What credentials are checked with; at least one, at most 8. Several while an operator changes it.
    pub secrets: Vec<Secret>,
    /// Relayed addresses, one for each family that is relayed. At least one.
    pub relay_addresses: Vec<RelayAddress>,
    /// Ports of relayed addresses. 1024 to 65535; each allocation takes one for each family.
    pub ports: RangeInclusive<u16>,
    /// Ranges of peers that are opened although they are no part of the public internet.
    pub allow: Vec<IpNet>,
    /// Who speaks for many others: nothing is counted by these addresses.
    pub trusted_proxies: Vec<IpNet>,
    /// The server's own addresses, which are no peers although they may be public. Relayed addresses among them stay
    /// reachable, each by its port.
    pub own_addresses: Vec<IpAddr>,
    /// How long a nonce is good for. 1 min to 1 h (RFC 8656, section 5).
    pub nonce_life: Duration,
    /// The longest that an allocation stands without being refreshed. 10 min, the default of the protocol, to 1 h.
    pub lifetime_max: Duration,
    /// How long an allocation may be refreshed after the credentials expired that made it. A browser cannot change
    /// them while a connection stands. Up to 7 days; zero ends sessions with their credentials.
    pub outlives_credentials: Duration,
    /// For one endpoint: the name in its username, after the expiry. A browser takes an allocation for each
    /// connection, address and transport.
    pub per_endpoint: Quota,
    /// For all endpoints of one room.
    pub per_room: Quota,
    /// For one client address (an IPv4 address, an IPv6 /64); for an IPv6 /56 twice as much, for an IPv4 /24 or an IPv6
    /// /48 four times, for an IPv4 /16 or an IPv6 /32 64 times.
    pub per_address: Quota,
    /// For everybody together.
    pub in_all: Quota,
    /// Permissions of one allocation, each for one peer address. 4 to 1,024.
    pub permissions_max: usize,
    /// Channels of one allocation. 4 to 1,024.
    pub channels_max: usize,
    /// Connections over TCP and TLS in all. 1 to 65,536; each takes a file descriptor.
    pub streams_max: usize,
    /// Those of one client address, and of wider networks as `per_address` says. 1 to `streams_max`.
    pub streams_per_address_max: usize,
    /// Bytes that wait for one stream to be read. 64 KiB to 16 MiB. Data beyond is dropped, as by a slow line.
    pub stream_queue_bytes_max: usize,
    /// How long a stream may take nothing of what waits for it. 1 s to 5 min.
    pub unread_after: Duration,
    /// How long a stream may stand without an allocation. 1 s to 5 min.
    pub idle_after: Duration,
    /// How long an allocation stands that carries nothing: whoever may need it checks its ways more often. 30 s to 7
    /// days.
    pub unused_after: Duration,
}

impl Config {
    /// The defaults, with what has none: what credentials are made with, and where relayed addresses are.
    pub fn new(secret: Secret, relay_addresses: Vec<RelayAddress>) -> Config {
        let quota = |allocations_max, mib| Quota { allocations_max, bytes_per_second: mib * MIB };
        Config {
            realm: String::from("meshwork"),
            secrets: vec![secret],
            relay_addresses,
            ports: 49_152..=65_535,
            allow: Vec::new(),
            trusted_proxies: Vec::new(),
            own_addresses: Vec::new(),
            nonce_life: 10 * MINUTE,
            lifetime_max: HOUR,
            outlives_credentials: 24 * HOUR,
            per_endpoint: quota(128, 4),
            per_room: quota(2_048, 32),
            per_address: quota(512, 16),
            in_all: quota(8_192, 128),
            permissions_max: 64,
            channels_max: 64,
            streams_max: 4_096,
            streams_per_address_max: 256,
            stream_queue_bytes_max: 256 * 1024,
            unread_after: 20 * SECOND,
            idle_after: 30 * SECOND,
            unused_after: MINUTE,
        }
    }

    /// Whose share what comes from this address takes, if anybody's.
    pub(super) fn counted(&self, address: IpAddr) -> Option<Network> {
        (!is_within(address, &self.trusted_proxies)).then(|| Network::of(address))
    }

    /// Checks every field against its legal range.
    ///
    /// # Errors
    /// [`ConfigError`] names the first field that is outside.
    pub fn check(&self) -> Result<(), ConfigError> {
        let count = |field, value: usize, least: usize, most: usize| {
            in_range(field, value as u128, least as u128, most as u128)
        };
        let time = |field, value: Duration, least: Duration, most: Duration| {
            in_range(field, value.as_millis(), least.as_millis(), most.as_millis())
        };
        count("realm", self.realm.len(), 1, 127)?;
        count("secrets", self.secrets.len(), 1, 8)?;
        self.check_relay_addresses()?;
        count("ports (first)", (*self.ports.start()).into(), 1024, (*self.ports.end()).into())?;
        time("nonce_life", self.nonce_life, MINUTE, HOUR)?;
        time("lifetime_max", self.lifetime_max, 10 * MINUTE, HOUR)?;
        time("outlives_credentials", self.outlives_credentials, Duration::ZERO, 7 * 24 * HOUR)?;
        self.per_endpoint.check("per_endpoint")?;
        self.per_room.check("per_room")?;
        self.per_address.check("per_address")?;
        self.in_all.check("in_all")?;
        count("permissions_max", self.permissions_max, 4, 1_024)?;
        count("channels_max", self.channels_max, 4, 1_024)?;
        count("streams_max", self.streams_max, 1, 65_536)?;
        count("streams_per_address_max", self.streams_per_address_max, 1, self.streams_max)?;
        count("stream_queue_bytes_max", self.stream_queue_bytes_max, 64 * 1024, 16 * 1024 * 1024)?;
        time("unread_after", self.unread_after, SECOND, 5 * MINUTE)?;
        time("idle_after", self.idle_after, SECOND, 5 * MINUTE)?;
        time("unused_after", self.unused_after, 30 * SECOND, 7 * 24 * HOUR)
    }

    fn check_relay_addresses(&self) -> Result<(), ConfigError> {
        let v4 = self.relay_addresses.iter().filter(|address| address.bind.is_ipv4()).count();
        let v6 = self.relay_addresses.len() - v4;
        in_range("relay_addresses", self.relay_addresses.len() as u128, 1, 2)?;
        in_range("relay_addresses of IPv4", v4 as u128, 0, 1)?;
        in_range("relay_addresses of IPv6", v6 as u128, 0, 1)?;
        let odd = self.relay_addresses.iter().find(|address| {
            address.bind.is_ipv4() != address.advertised.is_ipv4() || address.advertised.is_unspecified()
        });
        odd.map_or(Ok(()), |address| Err(ConfigError::Advertised { address: address.advertised }))
    }
}

/// A field of a [`Config`] is not legal. No relay was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A number is outside its range.
    #[error("{field} is {value}; it must be {least} to {most}")]
    Range {
        /// The field.
        field: &'static str,
        /// Its value; durations in milliseconds.
        value: u128,
        /// The least that is legal.
        least: u128,
        /// The most that is legal.
        most: u128,
    },
    /// The advertised address cannot be reached, or is of another family than the bound one.
    #[error(
        "{address} cannot stand for a relayed address; give one of the same family that others can reach"
    )]
    Advertised {
        /// The address.
        address: IpAddr,
    },
}

impl Quota {
    /// What several parties may use together.
    pub(super) fn times(self, parties: usize) -> Quota {
        let allocations_max = self.allocations_max.saturating_mul(u32::try_from(parties).unwrap_or(u32::MAX));
        Quota { allocations_max, bytes_per_second: self.bytes_per_second.saturating_mul(parties as u64) }
    }

    fn check(&self, field: &'static str) -> Result<(), ConfigError> {
        in_range(field, self.allocations_max.into(), 1, 65_536)?;
        in_range(field, self.bytes_per_second.into(), 64 * 1024, BYTES_PER_SECOND_LEGAL_MAX.into())
    }
}

fn in_range(field: &'static str, value: u128, least: u128, most: u128) -> Result<(), ConfigError> {
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err(ConfigError::Range { field, value, least, most })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(addresses: &[(&str, &str)]) -> Config {
        let address = |(bind, advertised): &(&str, &str)| RelayAddress {
            bind: bind.parse().unwrap(),
            advertised: advertised.parse().unwrap(),
        };
        Config::new(Secret::from_random([1; 32]), addresses.iter().map(address).collect())
    }

    #[test]
    fn the_defaults_are_legal() {
        assert_eq!(config(&[("0.0.0.0", "9.9.9.9"), ("::", "2a00::1")]).check(), Ok(()));
        assert_eq!(config(&[("127.0.0.1", "127.0.0.1")]).check(), Ok(()));
    }

    #[test]
    fn relayed_addresses_are_one_a_family_and_reachable() {
        for wrong in [
            &[][..],
            &[("127.0.0.1", "0.0.0.0")],
            &[("127.0.0.1", "::1")],
            &[("127.0.0.1", "127.0.0.1"), ("127.0.0.2", "127.0.0.2")],
        ] {
            assert!(config(wrong).check().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn values_outside_their_range_are_named() {
        let mut wrong = config(&[("127.0.0.1", "127.0.0.1")]);
        wrong.nonce_life = SECOND;
        let error = wrong.check().unwrap_err();
        assert_eq!(error.to_string(), "nonce_life is 1000; it must be 60000 to 3600000");
    }
}
