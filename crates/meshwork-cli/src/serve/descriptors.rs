//! File descriptors: what a server takes on is what the system has some for, all its needs together.

use meshwork_signal::http::HttpConfig;

use super::config::{Config, RelayConfig};

/// Those that are left for everything else: files, the log, the admin socket.
const SPARE: u64 = 64;

impl Config {
    /// Raises the process's limit to what connections, relayed addresses and the relay's streams need together. Where
    /// the system allows less, each of them takes on less, in proportion, and the log says so.
    pub(crate) fn fit_descriptors(&mut self) {
        let relay = if self.relay.is_on { self.relay.descriptors() } else { 0 };
        let wanted = self.http.connections_max as u64 + relay;
        self.shrink(wanted, allowed(wanted));
    }

    fn shrink(&mut self, wanted: u64, allowed: u64) {
        if allowed >= wanted {
            return;
        }
        let part = |of: u64| (of * allowed / wanted).max(1);
        let connections = part(self.http.connections_max as u64);
        self.http.connections_max = usize::try_from(connections).unwrap_or(usize::MAX);
        if self.relay.is_on {
            self.relay.allocations.in_all = part(self.relay.allocations.in_all);
            self.relay.streams_max =
                usize::try_from(part(self.relay.streams_max as u64)).unwrap_or(usize::MAX);
        }
        tracing::warn!(
            wanted,
            allowed,
            connections,
            "the system allows fewer file descriptors than the limits of this server need; it takes on fewer \
             connections and relayed addresses (raise it with ulimit -n, or LimitNOFILE in a unit)"
        );
    }
}

/// As many as the system allows, of those that are wanted.
fn allowed(wanted: u64) -> u64 {
    match rlimit::increase_nofile_limit(wanted + SPARE) {
        Ok(allowed) => allowed.saturating_sub(SPARE).min(wanted),
        Err(error) => {
            tracing::warn!(%error, "cannot tell how many files and connections the system allows");
            wanted
        }
    }
}

/// The limits of a listener that is all there is, as far as the system allows them.
pub(crate) fn fitting(config: HttpConfig) -> HttpConfig {
    let connections_max = allowed(config.connections_max as u64);
    HttpConfig { connections_max: usize::try_from(connections_max).unwrap_or(usize::MAX), ..config }
}

impl RelayConfig {
    /// One for each relayed address, of which an allocation may have two, and one for each stream.
    fn descriptors(&self) -> u64 {
        2 * self.allocations.in_all + self.streams_max as u64
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::serve::layers;

    #[test]
    fn what_the_system_allows_is_shared_out() {
        let flags = [("relay", "true"), ("connections_max", "12000"), ("relay_allocations_max", "4000")];
        let flags = flags.map(|(name, text)| (String::from(name), OsString::from(text)));
        let mut config = Config::new(&layers::choose(&flags.into(), &|_| None, None).unwrap()).unwrap();
        let wanted = 12_000 + config.relay.descriptors();
        config.shrink(wanted, wanted);
        assert_eq!((config.http.connections_max, config.relay.allocations.in_all), (12_000, 4_000));
        config.shrink(wanted, wanted / 4);
        assert_eq!((config.http.connections_max, config.relay.allocations.in_all), (3_000, 1_000));
        assert!(config.http.connections_max as u64 + config.relay.descriptors() <= wanted / 4);
    }
}
