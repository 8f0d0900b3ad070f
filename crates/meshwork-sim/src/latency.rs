//! How long a message is on its way between two peers: the same for all, or peers in five regions of the world.

use meshwork_core::rng::Rng;

/// Regions, with the share of all peers that live there in percent.
pub const REGIONS: [(&str, u32); 5] = [
    ("North America, east", 25),
    ("North America, west", 15),
    ("Europe", 30),
    ("East Asia", 20),
    ("South America", 10),
];

/// Round trips between data centres in the regions, in milliseconds: averages between the AWS regions us-east-1,
/// us-west-2, eu-central-1, ap-northeast-1 and sa-east-1, as published in 2017
/// (<https://acomputerscientistlearnsaws.blogspot.com/2017/04/aws-regions.html>), rounded; within a region 20 ms,
/// as between cities of one continent.
pub const ROUND_TRIPS_MS: [[u32; 5]; 5] = [
    [20, 87, 89, 145, 120],
    [87, 20, 160, 89, 183],
    [89, 160, 20, 237, 195],
    [145, 89, 237, 20, 257],
    [120, 183, 195, 257, 20],
];

/// What a peer's own access adds to every message, one way, in microseconds: from fibre to a busy wireless network.
pub const ACCESS_MICROS: std::ops::Range<u32> = 1_000..12_000;

/// Times on the way between peers.
#[derive(Clone, Debug)]
pub enum Latency {
    /// Everybody is equally far from everybody, in microseconds one way.
    Uniform(u32),
    /// Peers are placed in [`REGIONS`].
    Regions(Places),
}

/// Where each peer is.
#[derive(Clone, Debug)]
pub struct Places(Vec<Place>);

#[derive(Clone, Copy, Debug)]
struct Place {
    region: u8,
    /// In microseconds.
    access: u32,
}

impl Latency {
    /// Places so many peers in the five regions.
    pub fn regions(peers: usize, rng: &mut Rng) -> Latency {
        let mut place = || {
            let mut left = rng.below(100) as u32;
            let region = REGIONS.iter().position(|(_, share)| {
                let is_here = left < *share;
                left = left.saturating_sub(*share);
                is_here
            });
            let more = rng.below(u64::from(ACCESS_MICROS.end - ACCESS_MICROS.start)) as u32;
            Place { region: region.unwrap_or(0) as u8, access: ACCESS_MICROS.start + more }
        };
        Latency::Regions(Places((0..peers).map(|_| place()).collect()))
    }

    /// One way from one peer to another, in microseconds.
    pub fn one_way(&self, from: u32, to: u32) -> u32 {
        match self {
            Latency::Uniform(micros) => *micros,
            Latency::Regions(Places(places)) => {
                let (from, to) = (places[from as usize], places[to as usize]);
                let round = ROUND_TRIPS_MS[usize::from(from.region)][usize::from(to.region)];
                round * 500 + from.access + to.access
            }
        }
    }

    /// There and back, in microseconds.
    pub fn round_trip(&self, one: u32, other: u32) -> u32 {
        2 * self.one_way(one, other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance;

    #[test]
    fn the_matrix_is_symmetric_and_shares_are_whole() {
        for (one, row) in ROUND_TRIPS_MS.iter().enumerate() {
            assert!(row.iter().enumerate().all(|(other, &time)| time == ROUND_TRIPS_MS[other][one]));
        }
        assert_eq!(REGIONS.iter().map(|(_, share)| share).sum::<u32>(), 100);
    }

    #[test]
    fn regions_have_their_shares_and_lie_far_apart() {
        let latency = Latency::regions(10_000, &mut chance::generator(1, [0; 3]));
        let Latency::Regions(places) = &latency else { panic!("they are placed") };
        let europe = places.0.iter().filter(|place| place.region == 2).count();
        assert!((2_800..3_200).contains(&europe), "{europe}");
        let mut trips: Vec<u32> = (0..9_999).map(|peer| latency.round_trip(peer, peer + 1) / 1000).collect();
        trips.sort_unstable();
        let median = trips[trips.len() / 2];
        assert!((80..200).contains(&median), "{median} ms");
    }
}
