//! Tasks on several threads, whose results come in the order of the tasks.

use std::sync::atomic::{AtomicUsize, Ordering};

/// What tells how far a run is: tasks done, and how many there are.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// Does `work` for 0, 1, .. `count` on so many threads. Which thread does a task changes nothing about it.
pub fn in_order<R: Send>(
    threads: usize,
    count: usize,
    progress: Progress<'_>,
    work: impl Fn(usize) -> R + Sync,
) -> Vec<R> {
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let run = || {
        let mut results = vec![];
        loop {
            let task = next.fetch_add(1, Ordering::Relaxed);
            if task >= count {
                return results;
            }
            results.push((task, work(task)));
            progress(done.fetch_add(1, Ordering::Relaxed) as u64 + 1, count as u64);
        }
    };
    let mut results: Vec<(usize, R)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.clamp(1, count.max(1))).map(|_| scope.spawn(run)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a task does not panic")).collect()
    });
    results.sort_by_key(|(task, _)| *task);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Does `work` for all of `things`, in as many parts as there are threads.
pub(crate) fn split<T: Send>(threads: usize, things: &mut [T], work: impl Fn(&mut [T]) + Sync) {
    let size = things.len().div_ceil(threads.max(1)).max(1);
    let (own, others) = things.split_at_mut(size.min(things.len()));
    std::thread::scope(|scope| {
        for part in others.chunks_mut(size) {
            scope.spawn(|| work(part));
        }
        work(own);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_tasks() {
        for threads in [1, 2, 9] {
            assert_eq!(in_order(threads, 5, &|_, _| (), |task| task * task), [0, 1, 4, 9, 16]);
        }
        assert!(in_order(3, 0, &|_, _| (), |task| task).is_empty());
    }

    #[test]
    fn parts_cover_everything_once() {
        for (threads, count) in [(1, 5), (2, 5), (4, 5), (9, 5), (3, 0), (0, 2)] {
            let mut things = vec![0; count];
            split(threads, &mut things, |part| part.iter_mut().for_each(|one| *one += 1));
            assert_eq!(things, vec![1; count], "{threads} threads");
        }
    }
}
