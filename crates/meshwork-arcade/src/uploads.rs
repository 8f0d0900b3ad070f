//! The packages that are received now: few at once, and the slowest gives way.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

/// Packages that are received at once, each of up to 16 MiB in memory.
const PLACES_MAX: usize = 8;
/// Packages of one network that are received at once.
const OF_A_NETWORK_MAX: usize = 2;
/// Bytes a second of an upload that keeps its place, and by which the time of a package is measured.
const RATE_LEAST: u64 = 64 * 1024;
/// Time in which an upload gives way to none: a connection needs some round trips to become fast.
const GRACE: Duration = Duration::from_secs(5);
/// Time that every package has besides.
const TIME_LEAST: Duration = Duration::from_secs(10);

/// Time for a package of this length to arrive.
pub(crate) fn time_for(length: u32) -> Duration {
    TIME_LEAST + Duration::from_secs(u64::from(length) / RATE_LEAST)
}

/// The places of uploads.
#[derive(Debug, Default)]
pub(crate) struct Uploads(Arc<Mutex<Places>>);

#[derive(Debug, Default)]
struct Places {
    next: u64,
    by_number: BTreeMap<u64, Upload>,
}

#[derive(Debug)]
struct Upload {
    network: Option<String>,
    began: Instant,
    received: Arc<AtomicU64>,
    /// Ends, without a value, when the upload must give way.
    _keep: oneshot::Sender<Infallible>,
}

impl Upload {
    /// Bytes a second.
    fn rate(&self) -> u64 {
        let elapsed = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.received.load(Ordering::Relaxed).saturating_mul(1000) / elapsed.max(1)
    }
}

/// The place of an upload, free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Mutex<Places>>,
    number: u64,
    kept: oneshot::Receiver<Infallible>,
}

impl Uploads {
    /// A place for an upload that counts its bytes in `received`. `None` if its network has two, or if all are taken by uploads that
    /// are fast or have just begun. This machine is no network.
    pub(crate) fn enter(&self, network: Option<&str>, received: Arc<AtomicU64>) -> Option<Place> {
        let mut places = lock(&self.0);
        let of_network = places.by_number.values().filter(|upload| upload.network.as_deref() == network);
        if network.is_some() && of_network.count() >= OF_A_NETWORK_MAX {
            return None;
        }
        if places.by_number.len() >= PLACES_MAX {
            let old = places.by_number.iter().filter(|(_, upload)| upload.began.elapsed() >= GRACE);
            let slowest = old.map(|(&number, upload)| (upload.rate(), number)).min();
            let (_, number) = slowest.filter(|&(rate, _)| rate < RATE_LEAST)?;
            places.by_number.remove(&number);
        }
        let number = places.next;
        places.next += 1;
        let (keep, kept) = oneshot::channel();
        let network = network.map(str::to_owned);
        places.by_number.insert(number, Upload { network, began: Instant::now(), received, _keep: keep });
        Some(Place { places: Arc::clone(&self.0), number, kept })
    }
}

impl Place {
    /// The result of work that needs the place; `None` if it was given to another upload meanwhile.
    pub(crate) async fn keep<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending => Pin::new(&mut self.kept).poll(context).map(|_| None),
        })
        .await
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.places).by_number.remove(&self.number);
    }
}

fn lock(places: &Mutex<Places>) -> MutexGuard<'_, Places> {
    places.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count() -> Arc<AtomicU64> {
        Arc::default()
    }

    #[tokio::test(start_paused = true)]
    async fn slow_uploads_give_way_to_newcomers() {
        let uploads = Uploads::default();
        let mut taken = Vec::new();
        for number in 0..PLACES_MAX {
            let received = count();
            taken.push((
                uploads.enter(Some(&format!("n{}", number / 2)), Arc::clone(&received)).unwrap(),
                received,
            ));
        }
        assert!(uploads.enter(Some("n0"), count()).is_none(), "it has two");
        assert!(uploads.enter(Some("newcomer"), count()).is_none(), "all have just begun");
        tokio::time::advance(GRACE).await;
        for (number, (_, received)) in taken.iter().enumerate() {
            received.store(if number == 3 { 10 } else { 1_000_000 }, Ordering::Relaxed);
        }
        let newcomer = uploads.enter(Some("newcomer"), count()).unwrap();
        let (slow, _) = &mut taken[3];
        assert_eq!(slow.keep(std::future::pending::<()>()).await, None);
        assert_eq!(taken[2].0.keep(std::future::ready(7)).await, Some(7));
        assert!(uploads.enter(None, count()).is_none(), "all others are fast or new");
        drop(newcomer);
        assert!(uploads.enter(None, count()).is_some());
        drop(taken);
        assert!(lock(&uploads.0).by_number.is_empty());
    }

    #[test]
    fn time_grows_with_length() {
        assert_eq!(time_for(500), Duration::from_secs(10));
        assert_eq!(time_for(16 * 1024 * 1024), Duration::from_secs(266));
    }
}
