//! How many are in a room, without anybody who knows them all: the least of everybody's hashes.
//!
//! Each minute of room time gives every member another hash; members keep the least of those they hear of and tell
//! them on. With fewer than [`LEAST_MAX`] of them all members are counted; with as many, the greatest says how dense
//! hashes lie (Bar-Yossef and others 2002, "k minimum values"). Who leaves is not counted a minute later. A liar can
//! make a room look larger, which gives its members a few more links and nothing worse.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::message::{LEAST_MAX, Least};
use crate::id::Endpoint;
use crate::time::WallTime;
use crate::wire::Bounded;

/// How long a count goes on before the next begins, in milliseconds.
pub const EPOCH_MS: u64 = 60_000;

#[derive(Clone, Debug)]
struct Sketch {
    epoch: u64,
    least: BTreeSet<[u8; 6]>,
}

impl Sketch {
    fn new(epoch: u64, me: &Endpoint) -> Sketch {
        let hash = blake3::Hasher::new().update(&epoch.to_le_bytes()).update(&me.to_bytes()).finalize();
        let mut own = [0; 6];
        own.copy_from_slice(&hash.as_bytes()[..6]);
        Sketch { epoch, least: BTreeSet::from([own]) }
    }

    /// Returns whether there was news.
    fn take(&mut self, hashes: &[[u8; 6]]) -> bool {
        let mut news = false;
        for hash in hashes {
            let place = self.least.len() < LEAST_MAX || self.least.last().is_some_and(|last| hash < last);
            if place && self.least.insert(*hash) {
                news = true;
                if self.least.len() > LEAST_MAX {
                    self.least.pop_last();
                }
            }
        }
        news
    }

    fn told(&self) -> Least {
        let hashes: Vec<[u8; 6]> = self.least.iter().copied().collect();
        Least { epoch: self.epoch, hashes: Bounded::new(hashes).expect("no more are kept") }
    }
}

/// How many members these hashes are of.
pub fn estimate(count: usize, greatest: Option<&[u8; 6]>) -> usize {
    let Some(greatest) = greatest.filter(|_| count >= LEAST_MAX) else { return count };
    let mut bytes = [0; 8];
    bytes[2..].copy_from_slice(greatest);
    let share = u64::from_be_bytes(bytes).max(1) as f64 / (1u64 << 48) as f64;
    ((LEAST_MAX - 1) as f64 / share).min(1e9) as usize
}

/// The count of this minute and of the one before.
#[derive(Clone, Debug)]
pub struct Count {
    me: Endpoint,
    now: Option<Sketch>,
    before: Option<Sketch>,
    version: u64,
}

impl Count {
    /// Nobody but `me` is known.
    pub fn new(me: Endpoint) -> Count {
        Count { me, now: None, before: None, version: 0 }
    }

    /// Begins the count of this minute where that is due.
    pub fn handle_time(&mut self, wall: WallTime) {
        let epoch = wall.as_millis() / EPOCH_MS;
        if self.now.as_ref().is_some_and(|now| now.epoch == epoch) {
            return;
        }
        let next = Sketch::new(epoch, &self.me);
        let last = self.now.replace(next).filter(|last| last.epoch + 1 == epoch);
        self.before = last.or_else(|| Some(Sketch::new(epoch.wrapping_sub(1), &self.me)));
        self.version += 1;
    }

    /// A neighbour told what it heard.
    pub fn handle_least(&mut self, told: &[Least]) {
        for least in told {
            for sketch in [&mut self.now, &mut self.before].into_iter().flatten() {
                if sketch.epoch == least.epoch && sketch.take(&least.hashes) {
                    self.version += 1;
                }
            }
        }
    }

    /// What is told to neighbours.
    pub fn told(&self) -> Bounded<Least, 2> {
        let told = [&self.now, &self.before].into_iter().flatten().map(Sketch::told).collect();
        Bounded::new(told).expect("two")
    }

    /// Counts up when there is something new to tell.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// How many are in the room, this endpoint included.
    pub fn size(&self) -> usize {
        let sizes = [&self.now, &self.before].into_iter().flatten();
        sizes.map(|sketch| estimate(sketch.least.len(), sketch.least.last())).max().unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Instance, PeerId};

    fn counts(members: u64, wall: WallTime) -> Vec<Count> {
        let one = |number| {
            let mut count = Count::new(Endpoint { peer: PeerId([1; 32]), instance: Instance(number) });
            count.handle_time(wall);
            count
        };
        (0..members).map(one).collect()
    }

    fn meet(counts: &mut [Count]) -> usize {
        for one in 1..counts.len() {
            let told = counts[one - 1].told();
            counts[one].handle_least(&told);
        }
        counts.last().expect("somebody").size()
    }

    #[test]
    fn small_rooms_are_counted_and_large_ones_estimated() {
        let wall = WallTime::from_millis(90_000_000);
        assert_eq!(meet(&mut counts(5, wall)), 5);
        assert_eq!(meet(&mut counts(31, wall)), 31);
        for size in [100, 1000, 20_000] {
            let estimate = meet(&mut counts(size, wall)) as f64 / size as f64;
            assert!((0.5..2.0).contains(&estimate), "{size} look like {estimate} times as many");
        }
    }

    #[test]
    fn who_leaves_is_not_counted_two_minutes_later() {
        let mut all = counts(20, WallTime::from_millis(0));
        assert_eq!(meet(&mut all), 20);
        let mut rest = all.split_off(15);
        for minute in 1..3 {
            rest.iter_mut().for_each(|one| one.handle_time(WallTime::from_millis(minute * EPOCH_MS)));
            let size = meet(&mut rest);
            assert_eq!(size, if minute == 1 { 20 } else { 5 });
        }
    }
}
