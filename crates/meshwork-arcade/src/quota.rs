//! Amounts that a network may use in a day.

use std::collections::BTreeMap;

/// A day in milliseconds.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// Networks that are counted in a day: about 10 MB. Beyond it new networks wait for the next day.
const NETWORKS_MAX: usize = 100_000;

/// The amounts that each network used today (UTC). No address is stored.
#[derive(Debug, Default)]
pub(crate) struct Daily {
    day: u64,
    used: BTreeMap<String, u64>,
}

impl Daily {
    /// Uses an amount. False, and nothing is used, if the network would exceed its limit.
    pub(crate) fn spend(&mut self, now_ms: u64, network: &str, amount: u64, most: u64) -> bool {
        let day = now_ms / DAY_MS;
        if day != self.day {
            *self = Daily { day, used: BTreeMap::new() };
        }
        let used = self.used.get(network).copied();
        let total = used.unwrap_or(0).saturating_add(amount);
        if total > most || used.is_none() && self.used.len() >= NETWORKS_MAX {
            return false;
        }
        self.used.insert(network.to_owned(), total);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_begin_anew_each_day() {
        let mut daily = Daily::default();
        assert!(daily.spend(0, "a", 6, 10) && !daily.spend(0, "a", 5, 10) && daily.spend(0, "a", 4, 10));
        assert!(daily.spend(0, "b", 10, 10), "another network");
        assert!(!daily.spend(DAY_MS - 1, "a", 1, 10) && daily.spend(DAY_MS, "a", 10, 10));
    }
}
