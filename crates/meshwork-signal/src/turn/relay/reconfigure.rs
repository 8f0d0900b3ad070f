//! Other settings for a relay that runs, and what becomes of its former secrets.

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;
use meshwork_core::time::Time;

use super::{Relay, own_addresses};
use crate::fair::is_within;
use crate::turn::config::{Config, ConfigError};
use crate::turn::credentials::{LIFE, Secret};
use crate::turn::deny::Peers;
use crate::turn::io::{Client, StreamId};

/// Former secrets that still count: somebody who changes it more often than that has a reason to be rid of them. Each
/// costs a forged request one more check, or two.
const RETIRED_MAX: usize = 4;

/// A secret that was replaced.
pub(super) struct Retired {
    pub(super) secret: Secret,
    since: Time,
}

impl Retired {
    /// Whether credentials made with it may still make an allocation: those that were given out before lapse by then.
    pub(super) fn makes_allocations(&self, now: Time) -> bool {
        now.since(self.since) < LIFE
    }

    /// Whether such an allocation may still be used.
    fn keeps_allocations(&self, now: Time, outlives: Duration) -> bool {
        now.since(self.since) < LIFE + outlives
    }
}

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
        let (secrets, outlives) = (&self.config.secrets, self.config.outlives_credentials);
        self.retired.retain(|old| !secrets.contains(&old.secret) && old.keeps_allocations(now, outlives));
        let replaced = former.secrets.into_iter().filter(|secret| !secrets.contains(secret));
        self.retired.extend(replaced.map(|secret| Retired { secret, since: now }));
        let too_many = self.retired.len().saturating_sub(RETIRED_MAX);
        self.retired.drain(..too_many);
        self.peers = Peers::new(self.config.allow.clone(), own_addresses(&self.config));
        Ok(())
    }

    /// Keeps out everybody from these addresses and nobody else from now on. Allocations and streams of theirs end; they
    /// are answered nothing.
    pub fn keep_out(&mut self, now: Time, ranges: Vec<IpNet>) {
        self.banned = ranges;
        let streams: Vec<StreamId> = self
            .streams
            .iter()
            .filter(|(_, stream)| self.is_banned(stream.remote))
            .map(|(&id, _)| id)
            .collect();
        for id in streams {
            self.close(now, id);
        }
        let by_datagrams = |client: &Client| match client {
            Client::Datagrams { remote, .. } => self.is_banned(*remote),
            Client::Stream(_) => false,
        };
        let keys: Vec<usize> =
            self.clients.iter().filter(|(client, _)| by_datagrams(client)).map(|(_, &key)| key).collect();
        for key in keys {
            self.remove_allocation(now, key);
        }
    }

    pub(super) fn is_banned(&self, remote: SocketAddr) -> bool {
        is_within(remote.ip(), &self.banned)
    }

    /// The secrets with which credentials are checked, the present ones first, each with whether it makes allocations.
    pub(super) fn secrets(&self, now: Time) -> impl Iterator<Item = (&Secret, bool)> {
        let outlives = self.config.outlives_credentials;
        let former = self.retired.iter().filter(move |old| old.keeps_allocations(now, outlives));
        let former = former.map(move |old| (&old.secret, old.makes_allocations(now)));
        self.config.secrets.iter().map(|secret| (secret, true)).chain(former)
    }
}
