//! How much of something is taken from one neighbour, or given to it, in a second.

use core::time::Duration;

use crate::time::Time;

const WINDOW: Duration = Duration::from_secs(1);

/// What was counted lately of one thing.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    most: u32,
    since: Time,
    count: u32,
    /// Refused ones that nobody was told of yet.
    untold: u64,
}

impl Allowance {
    /// `most` a second are allowed.
    pub fn new(most: u32) -> Allowance {
        Allowance { most, since: Time(0), count: 0, untold: 0 }
    }

    /// Counts one more; `Ok` when it is allowed.
    ///
    /// # Errors
    /// How many were refused since that was last told: 0 where it was told in this second already.
    pub fn count(&mut self, now: Time) -> Result<(), u64> {
        if now.since(self.since) >= WINDOW {
            (self.since, self.count) = (now, 0);
        }
        self.count = self.count.saturating_add(1);
        if self.count <= self.most {
            return Ok(());
        }
        self.untold += 1;
        let tells = self.count == self.most + 1;
        Err(if tells { core::mem::take(&mut self.untold) } else { 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_and_told_each_second() {
        let mut allowance = Allowance::new(40);
        let (mut taken, mut told, mut tellings) = (0, 0, 0);
        for tenth in 0..30_000u64 {
            match allowance.count(Time(tenth * 100)) {
                Ok(()) => taken += 1,
                Err(refused) => {
                    told += refused;
                    tellings += u32::from(refused > 0);
                }
            }
        }
        assert_eq!((taken, tellings), (120, 3));
        assert_eq!(told, 1 + 9_959 + 1 + 9_959 + 1, "each is told, those of the last second later");
    }
}
