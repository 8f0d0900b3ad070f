//! Limits events per second from or to one neighbour.

use core::time::Duration;

use crate::time::Time;

const WINDOW: Duration = Duration::from_secs(1);

/// Recent counts of one kind of event.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    most: u32,
    since: Time,
    count: u32,
    /// Refused events that were not reported yet.
    untold: u64,
}

impl Allowance {
    /// Allows `most` a second.
    pub fn new(most: u32) -> Allowance {
        Allowance { most, since: Time(0), count: 0, untold: 0 }
    }

    /// Counts an event; `Ok` if it is allowed.
    ///
    /// # Errors
    /// Number of refusals since the last report: 0 if there was a report in this second already.
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
