//! What happens next: a monotone queue that sorts by the bits in which times differ (a radix heap; Ahuja, Mehlhorn,
//! Orlin and Tarjan, JACM 1990).

/// Things with their times, taken in the order of time; among equal times in an order that depends on nothing else
/// than what was put in.
#[derive(Clone, Debug)]
pub(crate) struct Queue<T> {
    /// The time of what was taken last: nothing earlier comes in.
    now: u32,
    /// By the highest bit in which a time differs from `now`; the first bucket is of `now` itself.
    buckets: [Vec<(u32, T)>; 33],
}

impl<T> Default for Queue<T> {
    fn default() -> Queue<T> {
        Queue { now: 0, buckets: [const { Vec::new() }; 33] }
    }
}

impl<T> Queue<T> {
    /// Empty, at the beginning of time.
    pub(crate) fn restart(&mut self) {
        self.now = 0;
        self.buckets.iter_mut().for_each(Vec::clear);
    }

    /// Something happens at `at`, or now if that has passed.
    pub(crate) fn push(&mut self, at: u32, what: T) {
        let at = at.max(self.now);
        self.buckets[bucket(self.now, at)].push((at, what));
    }

    /// What happens next, and when.
    pub(crate) fn pop(&mut self) -> Option<(u32, T)> {
        if self.buckets[0].is_empty() {
            let first = self.buckets.iter().position(|bucket| !bucket.is_empty())?;
            let mut moved = std::mem::take(&mut self.buckets[first]);
            self.now = moved.iter().map(|(at, _)| *at).min()?;
            for (at, what) in moved.drain(..) {
                self.buckets[bucket(self.now, at)].push((at, what));
            }
            // Its memory is used again.
            self.buckets[first] = moved;
        }
        self.buckets[0].pop()
    }
}

fn bucket(now: u32, at: u32) -> usize {
    32 - (now ^ at).leading_zeros() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use meshwork_sim::chance::generator;

    #[test]
    fn things_come_in_the_order_of_time() {
        let (mut queue, mut rng) = (Queue::default(), generator(3, [0; 3]));
        (0..200).for_each(|_| queue.push(rng.below(1000) as u32, ()));
        let (mut last, mut taken) = (0, 0);
        while let Some((at, ())) = queue.pop() {
            assert!(at >= last);
            (last, taken) = (at, taken + 1);
            if taken < 500 {
                queue.push(at + rng.below(300) as u32, ());
            }
        }
        assert_eq!(taken, 699);
    }
}
