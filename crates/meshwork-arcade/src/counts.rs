//! Numbers of the shelf, for its operator.

/// Upper bounds of the classes of match lengths, in seconds.
const SECONDS: [f64; 8] = [10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];
/// Upper bounds of the classes of round-trip times, in seconds.
const LATENCY: [f64; 8] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8];

/// Amounts in classes.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Each class's upper bound, and the amounts in it.
    pub classes: [(f64, u64); 8],
    /// Amounts beyond the last class.
    pub beyond: u64,
    /// Their sum.
    pub sum: f64,
}

impl Histogram {
    fn new(bounds: [f64; 8]) -> Histogram {
        Histogram { classes: bounds.map(|bound| (bound, 0)), beyond: 0, sum: 0.0 }
    }

    pub(crate) fn add(&mut self, value: f64) {
        self.sum += value;
        match self.classes.iter_mut().find(|(bound, _)| value <= *bound) {
            Some((_, count)) => *count += 1,
            None => self.beyond += 1,
        }
    }
}

/// Numbers since the start of the server; the first four are of now.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Counts {
    /// Whether the store answered when [`Arcade::refresh`](crate::Arcade::refresh) last asked, and stored the last change.
    pub store_up: bool,
    /// Games that visitors can open.
    pub games: u64,
    /// Parties that are noted.
    pub parties: u64,
    /// Players of these parties.
    pub players: u64,
    /// Publications, new versions included.
    pub published: u64,
    /// Publications that were refused.
    pub refused: u64,
    /// Parties that were noted for the first time.
    pub rooms_created: u64,
    /// Players who entered a party.
    pub rooms_joined: u64,
    /// Attempts to enter a party that failed.
    pub joins_failed: u64,
    /// Hosts that parties lost.
    pub host_losses: u64,
    /// Matches that were reported.
    pub sessions: u64,
    /// Lengths of matches, in seconds.
    pub session_seconds: Histogram,
    /// Mean round-trip times of matches, in seconds.
    pub session_latency: Histogram,
}

impl Default for Counts {
    fn default() -> Counts {
        Counts {
            store_up: true,
            games: 0,
            parties: 0,
            players: 0,
            published: 0,
            refused: 0,
            rooms_created: 0,
            rooms_joined: 0,
            joins_failed: 0,
            host_losses: 0,
            sessions: 0,
            session_seconds: Histogram::new(SECONDS),
            session_latency: Histogram::new(LATENCY),
        }
    }
}
