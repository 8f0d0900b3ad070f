//! Queues between what runs a room and who reads it: bounded, and a reader that is too slow is told what it missed.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

/// The end that reads. Dropped, nothing more is queued for it.
pub(crate) struct Inbox<T>(Arc<Mutex<Queue<T>>>);

/// The end that writes.
pub(crate) struct Outbox<T>(Weak<Mutex<Queue<T>>>);

struct Queue<T> {
    items: VecDeque<T>,
    most: usize,
    may_drop: fn(&T) -> bool,
    missed: u64,
    is_closed: bool,
    reader: Option<Waker>,
}

/// Readers for whom something is queued. They are woken when it is dropped: after every lock that was taken since, or one
/// on another core would wait for a lock at once.
#[derive(Default)]
pub(crate) struct Readers(Vec<Waker>);

impl Drop for Readers {
    fn drop(&mut self) {
        self.0.drain(..).for_each(Waker::wake);
    }
}

/// A queue of at most so many, and its two ends.
pub(crate) fn inbox<T>(most: usize) -> (Outbox<T>, Inbox<T>) {
    inbox_of(most, |_| true)
}

/// A queue of at most so many, those besides that must not be dropped, and its two ends.
pub(crate) fn inbox_of<T>(most: usize, may_drop: fn(&T) -> bool) -> (Outbox<T>, Inbox<T>) {
    let queue = Queue { items: VecDeque::new(), most, may_drop, missed: 0, is_closed: false, reader: None };
    let queue = Arc::new(Mutex::new(queue));
    (Outbox(Arc::downgrade(&queue)), Inbox(queue))
}

/// A panic while the lock was held left the queue whole: every step on it is one call.
fn locked<T>(queue: &Mutex<Queue<T>>) -> MutexGuard<'_, Queue<T>> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T> fmt::Debug for Inbox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("waiting", &locked(&self.0).items.len()).finish()
    }
}

impl<T> Inbox<T> {
    /// The next one, and how many before it were dropped; `None` once nothing more comes. Cancelling it loses nothing.
    pub(crate) async fn next(&mut self) -> Option<(T, u64)> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// The same for a reader of several.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<(T, u64)>> {
        let mut queue = locked(&self.0);
        match queue.items.pop_front() {
            Some(item) => Poll::Ready(Some((item, std::mem::take(&mut queue.missed)))),
            None if queue.is_closed => Poll::Ready(None),
            None => {
                queue.reader = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

#[cfg(all(feature = "documents", not(target_arch = "wasm32")))]
impl<T> Inbox<T> {
    /// The next one that is there already, and how many before it were dropped.
    pub(crate) fn take(&mut self) -> Option<(T, u64)> {
        let mut queue = locked(&self.0);
        let item = queue.items.pop_front()?;
        Some((item, std::mem::take(&mut queue.missed)))
    }
}

impl<T> Outbox<T> {
    /// How many wait to be read.
    pub(crate) fn waiting(&self) -> usize {
        self.0.upgrade().map_or(0, |queue| locked(&queue).items.len())
    }

    /// Queues something; the oldest that may be dropped gives way where there is no place. False when nobody reads any more.
    pub(crate) fn push(&self, item: T, readers: &mut Readers) -> bool {
        let Some(queue) = self.0.upgrade() else { return false };
        let mut queue = locked(&queue);
        queue.items.push_back(item);
        if queue.items.len() > queue.most
            && let Some(oldest) = queue.items.iter().position(queue.may_drop)
        {
            queue.items.remove(oldest);
            queue.missed += 1;
        }
        readers.0.extend(queue.reader.take());
        true
    }
}

impl<T> Drop for Outbox<T> {
    fn drop(&mut self) {
        if let Some(queue) = self.0.upgrade() {
            let mut queue = locked(&queue);
            queue.is_closed = true;
            if let Some(reader) = queue.reader.take() {
                reader.wake();
            }
        }
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn slow_readers_are_told_what_they_missed() {
        let (outbox, mut inbox) = inbox(2);
        assert!((0..5).all(|item| outbox.push(item, &mut Readers::default())));
        assert_eq!(inbox.next().await, Some((3, 3)));
        assert_eq!(inbox.next().await, Some((4, 0)));
        drop(outbox);
        assert_eq!(inbox.next().await, None);
    }

    #[tokio::test]
    async fn what_must_not_be_dropped_waits() {
        let (outbox, mut inbox) = inbox_of(2, |item| item % 2 == 0);
        assert!([1, 3, 4, 5, 6].into_iter().all(|item| outbox.push(item, &mut Readers::default())));
        assert_eq!(outbox.waiting(), 3);
        assert_eq!(inbox.next().await, Some((1, 2)));
        assert_eq!((inbox.next().await, inbox.next().await), (Some((3, 0)), Some((5, 0))));
    }

    #[tokio::test]
    async fn nothing_is_queued_for_nobody() {
        let (outbox, inbox) = inbox(2);
        drop(inbox);
        assert!(!outbox.push(1, &mut Readers::default()));
    }
}
