//! Credit: units that a steward accepted, by peer.

use std::collections::BTreeMap;

use meshwork_core::id::PeerId;

/// Peers with their units, the largest share first.
pub fn shares(credit: &BTreeMap<PeerId, u32>) -> Vec<(PeerId, u32)> {
    let mut shares: Vec<(PeerId, u32)> =
        credit.iter().filter(|(_, units)| **units > 0).map(|(peer, units)| (*peer, *units)).collect();
    shares.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(&other.0)));
    shares
}

/// The progress in whole per cent: 100 only if all units are accepted.
pub fn percent(accepted: u32, units: u32) -> u32 {
    (u64::from(accepted) * 100 / u64::from(units.max(1))) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_share_stands_first() {
        let peer = |byte| PeerId([byte; 32]);
        let credit = [(peer(1), 3), (peer(2), 9), (peer(3), 0), (peer(4), 3)].into();
        assert_eq!(shares(&credit), [(peer(2), 9), (peer(1), 3), (peer(4), 3)]);
    }

    #[test]
    fn a_hundred_means_all() {
        assert_eq!([(999, 1000), (1000, 1000), (0, 3)].map(|(a, u)| percent(a, u)), [99, 100, 0]);
        assert_eq!(percent(1_000_000, 1_000_000), 100);
    }
}
