//! Where a native peer keeps its rooms: the seam between the driver and a store.

use std::io;
use std::sync::mpsc;
use std::thread::JoinHandle;

use meshwork_core::id::RoomId;
use meshwork_core::seam::io::{HistoryPart, StoreChange};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Durable storage for rooms.
pub trait Store: Send {
    /// Applies the changes of one group in their order, all or none, and returns when they are durable.
    ///
    /// # Errors
    /// [`StoreError`]; nothing of the group was applied.
    fn apply_all(&mut self, changes: &[(RoomId, StoreChange)]) -> Result<(), StoreError>;

    /// Whether it also keeps a history: then changes name every batch that was accepted.
    fn keeps_history(&self) -> bool {
        false
    }

    /// What reads the history for neighbours that ask for it, on a thread of its own; only of a store that keeps one.
    fn history_reader(&self) -> Option<Box<dyn ReadHistory>> {
        None
    }
}

/// Reads a history part by part.
pub trait ReadHistory: Send {
    /// Reads one part: [`Effect::ReadHistory`](meshwork_core::node::Effect::ReadHistory) says what is in it.
    ///
    /// # Errors
    /// In words, why it cannot be read.
    fn read(&mut self, room: RoomId, from: u64, bytes: u32) -> Result<HistoryPart, String>;
}

/// Why a store did not do what it was asked. What it held before is untouched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(String);

impl StoreError {
    /// An error that says what failed, and why, in words for people.
    pub fn new(words: impl Into<String>) -> StoreError {
        StoreError(words.into())
    }
}

/// Changes that one commit takes at most: enough that a slow disk serves a busy room, few enough that the first
/// of them is not kept waiting.
const GROUP_MAX: usize = 256;

/// What became of a change.
pub(super) struct Stored {
    /// Names the change.
    pub(super) token: u64,
    /// Whether it is durable.
    pub(super) result: Result<(), StoreError>,
}

/// Changes on their way to a store that runs on a thread of its own.
pub(super) struct Persister {
    changes: Option<mpsc::Sender<(u64, RoomId, StoreChange)>>,
    stored: UnboundedReceiver<Stored>,
    pending: usize,
    thread: Option<JoinHandle<()>>,
}

impl Persister {
    /// Changes that may wait. The driver takes in nothing new while more do, so that the other ends slow down
    /// to the pace of the disk.
    pub(super) const PENDING_MAX: usize = 4096;

    /// Starts the thread.
    ///
    /// # Errors
    /// The system's, when it has no thread left.
    pub(super) fn start(store: Option<Box<dyn Store>>) -> io::Result<Persister> {
        let (changes, queue) = mpsc::channel();
        let (results, stored) = unbounded_channel();
        let start = |store| {
            std::thread::Builder::new()
                .name("meshwork-store".into())
                .spawn(move || work(store, &queue, &results))
        };
        let thread = store.map(start).transpose()?;
        let changes = thread.is_some().then_some(changes);
        Ok(Persister { changes, stored, pending: 0, thread })
    }

    /// Whether more may be asked for.
    pub(super) fn has_room(&self) -> bool {
        self.pending < Persister::PENDING_MAX
    }

    /// Asks for a change to be stored; the answer comes from [`Persister::next`].
    ///
    /// # Errors
    /// [`StoreError`] when there is no store or its thread has failed.
    pub(super) fn persist(
        &mut self,
        token: u64,
        room: RoomId,
        change: StoreChange,
    ) -> Result<(), StoreError> {
        let changes = self.changes.as_ref().ok_or_else(|| StoreError::new("this program has no store"))?;
        changes.send((token, room, change)).map_err(|_| StoreError::new("the store has failed"))?;
        self.pending += 1;
        Ok(())
    }

    /// Waits for what became of a change. Cancelling it loses nothing.
    pub(super) async fn next(&mut self) -> Stored {
        match self.stored.recv().await {
            Some(stored) => {
                self.pending -= 1;
                stored
            }
            None => std::future::pending().await,
        }
    }

    /// Waits until everything asked for is stored.
    pub(super) async fn shut_down(mut self) {
        self.changes = None;
        let Some(thread) = self.thread.take() else { return };
        // Both errors say that the store panicked: there is nobody left to tell.
        let _ = tokio::task::spawn_blocking(move || thread.join()).await;
    }
}

/// Commits in groups: while one is written the next one gathers.
fn work(
    mut store: Box<dyn Store>,
    queue: &mpsc::Receiver<(u64, RoomId, StoreChange)>,
    results: &UnboundedSender<Stored>,
) {
    while let Ok((token, room, change)) = queue.recv() {
        let (mut tokens, mut changes) = (vec![token], vec![(room, change)]);
        while changes.len() < GROUP_MAX {
            let Ok((token, room, change)) = queue.try_recv() else { break };
            tokens.push(token);
            changes.push((room, change));
        }
        let result = store.apply_all(&changes);
        for token in tokens {
            // An error says that the driver is gone; what it asked for is stored all the same.
            let _ = results.send(Stored { token, result: result.clone() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps what it is given; fails while told to.
    struct Memory {
        groups: mpsc::Sender<usize>,
        go: mpsc::Receiver<Result<(), StoreError>>,
    }

    impl Store for Memory {
        fn apply_all(&mut self, changes: &[(RoomId, StoreChange)]) -> Result<(), StoreError> {
            let answer = self.go.recv().unwrap();
            self.groups.send(changes.len()).unwrap();
            answer
        }
    }

    #[tokio::test]
    async fn changes_that_wait_share_a_commit() {
        let (groups, seen) = mpsc::channel();
        let (go, wait) = mpsc::channel();
        let mut persister = Persister::start(Some(Box::new(Memory { groups, go: wait }))).unwrap();
        for token in 0..5 {
            persister.persist(token, RoomId([1; 32]), StoreChange::default()).unwrap();
        }
        let failure = StoreError::new("disk full");
        go.send(Err(failure.clone())).unwrap();
        go.send(Ok(())).unwrap();
        let mut failed = 0;
        for token in 0..5 {
            let stored = persister.next().await;
            assert_eq!(stored.token, token);
            failed += usize::from(stored.result == Err(failure.clone()));
        }
        // The thread took one or more before the rest was there.
        assert_eq!(seen.recv().unwrap(), failed);
        assert!(persister.has_room());
        drop(go);
        persister.shut_down().await;
    }

    #[tokio::test]
    async fn so_many_changes_wait_for_the_disk() {
        let (groups, _seen) = mpsc::channel();
        let (go, wait) = mpsc::channel();
        let mut persister = Persister::start(Some(Box::new(Memory { groups, go: wait }))).unwrap();
        for token in 0..Persister::PENDING_MAX as u64 {
            assert!(persister.has_room());
            persister.persist(token, RoomId([1; 32]), StoreChange::default()).unwrap();
        }
        assert!(!persister.has_room());
        // Once for each commit, of which there are no more than changes.
        (0..Persister::PENDING_MAX).for_each(|_| go.send(Ok(())).unwrap());
        persister.next().await;
        assert!(persister.has_room());
        persister.shut_down().await;
    }

    #[test]
    fn without_a_store_every_change_fails() {
        let mut persister = Persister::start(None).unwrap();
        assert!(persister.persist(1, RoomId([1; 32]), StoreChange::default()).is_err());
    }
}
