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
}
