//! Other settings for a relay that runs.

use std::net::SocketAddr;

use ipnet::IpNet;
use meshwork_core::time::Time;

use super::{Relay, own_addresses};
use crate::fair::is_within;
use crate::turn::config::{Config, ConfigError};
use crate::turn::deny::Peers;
use crate::turn::io::Client;

impl Relay {
    /// Takes on other limits, opened ranges, own addresses and secrets from now on. Realm, relayed addresses and ports
    /// stay what they were. What stands above a new limit goes on, and so does what was permitted before, until it has
    /// to be renewed. A secret that is gone makes allocations for ten minutes more, and keeps those as long as they
    /// outlive their credentials, so that nobody loses a link for it.
    ///
    /// # Errors
    /// [`ConfigError`]: a field is not legal, and all stays as it was.
    pub fn reconfigure(&mut self, now: Time, config: Config) -> Result<(), ConfigError> {
        config.check()?;
        let Config { realm, relay_addresses, ports, .. } = self.config.clone();
        let former = std::mem::replace(&mut self.config, Config { realm, relay_addresses, ports, ..config });
        self.gate.retire(now, &self.config, former.secrets);
        self.peers = Peers::new(self.config.allow.clone(), own_addresses(&self.config));
        Ok(())
    }

    /// Keeps out everybody from these addresses and nobody else from now on. Allocations and streams of theirs end; they
    /// are answered nothing.
    pub fn keep_out(&mut self, now: Time, ranges: Vec<IpNet>) {
        self.banned = ranges;
        for id in self.streams.among(|remote| self.is_banned(remote)) {
            self.close(now, id);
        }
        let by_datagrams = |client: &Client| match client {
            Client::Datagrams { remote, .. } => self.is_banned(*remote),
            Client::Stream(_) => false,
        };
        for key in self.allocations.among(by_datagrams) {
            self.remove_allocation(now, key);
        }
    }

    pub(super) fn is_banned(&self, remote: SocketAddr) -> bool {
        is_within(remote.ip(), &self.banned)
    }
}
