//! Clocks: CPU time of this thread or process, and the wall clock.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, Timespec, clock_gettime};

/// CPU time that `work` took on this thread, in seconds, and what it gave.
pub fn thread_cpu<T>(work: impl FnOnce() -> T) -> (f64, T) {
    between(ClockId::ThreadCPUTime, work)
}

/// CPU time of the calling thread so far.
pub fn thread_cpu_so_far() -> Duration {
    since_zero(clock_gettime(ClockId::ThreadCPUTime))
}

/// CPU time that this process took on all threads while `work` ran, in seconds, and what it gave.
pub fn process_cpu<T>(work: impl FnOnce() -> T) -> (f64, T) {
    between(ClockId::ProcessCPUTime, work)
}

/// Seconds by the wall clock that `work` took, and what it gave.
pub fn wall<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let begin = Instant::now();
    let result = work();
    (begin.elapsed().as_secs_f64(), result)
}

fn between<T>(clock: ClockId, work: impl FnOnce() -> T) -> (f64, T) {
    let begin = clock_gettime(clock);
    let result = work();
    let taken = since_zero(clock_gettime(clock)).saturating_sub(since_zero(begin));
    (taken.as_secs_f64(), result)
}

fn since_zero(time: Timespec) -> Duration {
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_time_is_counted_and_waiting_is_not() {
        let spin =
            || (0..2_000_000u64).fold(1u64, |sum, next| std::hint::black_box(sum.wrapping_mul(31) ^ next));
        let (busy, _) = thread_cpu(spin);
        let (idle, _) = thread_cpu(|| std::thread::spawn(spin).join());
        assert!(busy > 0.0 && idle < busy, "{busy} {idle}");
    }
}
