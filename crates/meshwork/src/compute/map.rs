//! Map: a program over a stream of items, as jobs of some thousand items each, with the results in the order of the items.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use meshwork_compute::book::{Ended, State};
use meshwork_compute::job::Check;
use meshwork_core::id::PeerId;
use meshwork_core::time::Time;
use tokio::sync::mpsc;

use super::job::{Job, JobError, ResultChange, Results, SubmitError};
use super::{Compute, NewJob, Program};
use crate::runner::first;

/// Most bytes of an item.
const ITEM_MAX: usize = 4 << 20;
/// Most items of a job.
const BATCH_ITEMS: usize = 4096;
/// Most bytes of the items of a job.
const BATCH_BYTES: usize = 8 << 20;
/// Jobs at once.
const BATCHES: usize = 4;
/// Items whose results were not handed out yet.
const AHEAD: u64 = (BATCHES * BATCH_ITEMS) as u64;
/// Time without a further item after which a job begins with those that are there.
const IDLE: Duration = Duration::from_millis(50);

/// How to run a program over items.
#[derive(Clone, Debug)]
pub struct MapOptions {
    params: serde_json::Value,
    check: Check,
    trusted: Vec<PeerId>,
    is_ordered: bool,
}

impl Default for MapOptions {
    fn default() -> MapOptions {
        MapOptions {
            params: serde_json::Value::Null,
            check: Check::Sample,
            trusted: Vec::new(),
            is_ordered: true,
        }
    }
}

impl MapOptions {
    /// Parameters for the program, as JSON of at most 16 KiB.
    pub fn params(mut self, params: serde_json::Value) -> MapOptions {
        self.params = params;
        self
    }

    /// How results of peers that are not trusted are checked.
    pub fn check(mut self, check: Check) -> MapOptions {
        self.check = check;
        self
    }

    /// Peers that confirm results besides the submitter, at most 63.
    pub fn trust(mut self, peers: impl IntoIterator<Item = PeerId>) -> MapOptions {
        self.trusted.extend(peers);
        self
    }

    /// Results as they come, in any order.
    pub fn unordered(mut self) -> MapOptions {
        self.is_ordered = false;
        self
    }
}

/// An item that has no result, or another one than was handed out.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ItemError {
    /// The program fails at it.
    #[error("{0}")]
    Failed(Ended),
    /// A lender that was caught had returned the result that was handed out. This is the right one.
    #[error("the result that was handed out is wrong: its lender was caught")]
    Corrected(Vec<u8>),
}

/// The reason that no more results come.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MapError {
    /// An item is too long.
    #[error("item {number} has {length} bytes: it may have {ITEM_MAX}")]
    ItemTooLong {
        /// The item, from 0.
        number: u64,
        /// Its length in bytes.
        length: usize,
    },
    /// A job cannot be submitted.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// A job ended without its results.
    #[error(transparent)]
    Job(#[from] JobError),
}

/// The way in: items in their order. Dropped, there are no more.
#[derive(Debug)]
pub struct Items(mpsc::Sender<Vec<u8>>);

impl Items {
    /// Adds an item of at most 4 MiB, once there is room for it. `false` if no results are wanted any more.
    pub async fn put(&self, item: Vec<u8>) -> bool {
        self.0.send(item).await.is_ok()
    }
}

/// An item with its number, from 0, and its result.
pub type MappedItem = (u64, Result<Vec<u8>, ItemError>);

/// The way out. Dropped, the jobs are cancelled.
#[derive(Debug)]
pub struct Mapped(mpsc::Receiver<Result<MappedItem, MapError>>);

impl Mapped {
    /// The next item with its result; `None` once all are there. An item that failed has its error, and the others go on.
    ///
    /// # Errors
    /// [`MapError`]; nothing more comes.
    pub async fn next(&mut self) -> Result<Option<MappedItem>, MapError> {
        self.0.recv().await.transpose()
    }
}

pub(super) fn start(compute: &Compute, program: Program, options: MapOptions) -> (Items, Mapped) {
    let (items, input) = mpsc::channel(64);
    let (output, results) = mpsc::channel(64);
    let mut map = Map {
        compute: compute.clone(),
        program,
        options,
        input: Some(input),
        pending: VecDeque::new(),
        bytes: 0,
        read: 0,
        last_item: compute.0.app.room.now(),
        batches: Vec::new(),
        done: BTreeMap::new(),
        told: 0,
        output,
    };
    compute.0.app.room.spawn(async move {
        if let Err(error) = map.run().await {
            // Nobody waits for it any more if this fails.
            let _ = map.output.send(Err(error)).await;
        }
        for batch in &map.batches {
            // A job that stays belongs to a room that was left.
            let _ = batch.job.erase().await;
        }
    });
    (Items(items), Mapped(results))
}

/// A job over some items.
struct Batch {
    job: Job,
    results: Results,
    items: Vec<(u64, Vec<u8>)>,
    /// Hashes of the results that are there.
    came: Vec<Option<blake3::Hash>>,
}

struct Map {
    compute: Compute,
    program: Program,
    options: MapOptions,
    input: Option<mpsc::Receiver<Vec<u8>>>,
    /// Items that are in no job.
    pending: VecDeque<(u64, Vec<u8>)>,
    bytes: usize,
    read: u64,
    last_item: Time,
    batches: Vec<Batch>,
    /// Results that wait for earlier ones.
    done: BTreeMap<u64, Result<Vec<u8>, ItemError>>,
    /// Results that were handed out in order.
    told: u64,
    output: mpsc::Sender<Result<MappedItem, MapError>>,
}

/// The reason that the map goes on.
enum Woke {
    Item(Option<Vec<u8>>),
    Result(usize, Option<ResultChange>),
    Idle,
    Unwanted,
}

impl Map {
    /// Runs until all results were handed out, or nobody wants them.
    async fn run(&mut self) -> Result<(), MapError> {
        loop {
            if self.tell().await.is_none() {
                return Ok(());
            }
            if self.input.is_none() && self.pending.is_empty() && self.batches.is_empty() {
                return Ok(());
            }
            match self.wait().await {
                Woke::Item(Some(item)) => self.take(item)?,
                Woke::Item(None) => {
                    self.input = None;
                    self.begin().await?;
                }
                Woke::Idle => self.begin().await?,
                Woke::Result(at, Some(change)) => self.note(at, change).await,
                Woke::Result(at, None) => self.end(at).await?,
                Woke::Unwanted => return Ok(()),
            }
            if self.is_full() {
                self.begin().await?;
            }
        }
    }

    async fn wait(&mut self) -> Woke {
        let (may_read, may_begin) = (!self.is_full() && self.read < self.told + AHEAD, self.may_begin());
        let room = &self.compute.0.app.room;
        let (input, batches, output) = (&mut self.input, &mut self.batches, &self.output);
        let item = async {
            match input {
                Some(input) if may_read => Woke::Item(input.recv().await),
                _ => std::future::pending().await,
            }
        };
        let mut nexts: Vec<_> = batches.iter_mut().map(|batch| Box::pin(batch.results.next())).collect();
        let result = poll_fn(move |context| {
            for (at, next) in nexts.iter_mut().enumerate() {
                if let Poll::Ready(change) = next.as_mut().poll(context) {
                    return Poll::Ready(Woke::Result(at, change));
                }
            }
            Poll::Pending
        });
        let idle_for = room.now().since(self.last_item);
        let idle = async {
            match may_begin {
                true => room.sleep(IDLE.saturating_sub(idle_for)).await,
                false => std::future::pending().await,
            }
            Woke::Idle
        };
        let unwanted = async {
            output.closed().await;
            Woke::Unwanted
        };
        first(first(item, result), first(idle, unwanted)).await
    }

    fn is_full(&self) -> bool {
        self.pending.len() >= BATCH_ITEMS || self.bytes >= BATCH_BYTES
    }

    fn may_begin(&self) -> bool {
        !self.pending.is_empty() && self.batches.len() < BATCHES
    }

    fn take(&mut self, item: Vec<u8>) -> Result<(), MapError> {
        let (number, length) = (self.read, item.len());
        if length > ITEM_MAX {
            return Err(MapError::ItemTooLong { number, length });
        }
        self.read += 1;
        self.last_item = self.compute.0.app.room.now();
        self.bytes += length;
        self.pending.push_back((number, item));
        Ok(())
    }

    /// Begins a job with the items that are there.
    async fn begin(&mut self) -> Result<(), MapError> {
        if !self.may_begin() {
            return Ok(());
        }
        let mut items = Vec::new();
        let mut bytes = 0;
        while let Some((number, item)) = self.pending.pop_front() {
            bytes += item.len();
            items.push((number, item));
            if items.len() == BATCH_ITEMS || bytes >= BATCH_BYTES {
                break;
            }
        }
        self.bytes -= bytes;
        let values: Vec<&[u8]> = items.iter().map(|(_, item)| item.as_slice()).collect();
        let options = &self.options;
        let new = NewJob::items(self.program.clone(), &values).check(options.check);
        let new = new.trust(options.trusted.iter().copied()).params_json(&options.params);
        let job = self.compute.submit(new).await?;
        let (results, came) = (job.results(), vec![None; items.len()]);
        self.batches.push(Batch { job, results, items, came });
        Ok(())
    }

    /// Results came, or do not count any more.
    async fn note(&mut self, at: usize, change: ResultChange) {
        let Some(batch) = self.batches.get_mut(at) else { return };
        // Lost results come again.
        let ResultChange::Came { first, values } = change else { return };
        for (unit, value) in (first as usize..).zip(values) {
            let Some(((number, _), came)) = batch.items.get(unit).zip(batch.came.get_mut(unit)) else {
                return;
            };
            let hash = blake3::hash(&value);
            let result = match came.replace(hash) {
                Some(before) if before == hash => continue,
                Some(_) if *number < self.told || !self.options.is_ordered => {
                    Err(ItemError::Corrected(value))
                }
                _ => Ok(value),
            };
            if result.is_ok() {
                self.done.insert(*number, result);
            } else {
                // Nobody wants it any more if this fails.
                let _ = self.output.send(Ok((*number, result))).await;
            }
        }
    }

    /// A job has ended.
    async fn end(&mut self, at: usize) -> Result<(), MapError> {
        let (job, has_all) = match self.batches.get(at) {
            Some(batch) => (batch.job.clone(), batch.came.iter().all(Option::is_some)),
            None => return Ok(()),
        };
        match job.view().map(|view| view.state) {
            Some(State::Done { .. }) if !has_all => {
                let values = job.list().await?;
                self.note(at, ResultChange::Came { first: 0, values }).await;
            }
            Some(State::Done { .. }) => (),
            Some(State::Failed { unit, reason }) if !matches!(reason, Ended::TooMuch(_)) => {
                self.go_on_without(at, unit, reason);
            }
            Some(State::Failed { unit, reason }) => return Err(JobError::Failed { unit, reason }.into()),
            Some(_) => return Err(JobError::Cancelled.into()),
            None => return Err(JobError::Erased.into()),
        }
        self.batches.remove(at);
        job.erase().await.map_err(SubmitError::from)?;
        Ok(())
    }

    /// The program fails at one item: the others whose results are missing go into the next job.
    fn go_on_without(&mut self, at: usize, unit: u32, reason: Ended) {
        let Some(batch) = self.batches.get_mut(at) else { return };
        let items = std::mem::take(&mut batch.items);
        for (place, (number, item)) in items.into_iter().enumerate().rev() {
            if place == unit as usize {
                self.done.insert(number, Err(ItemError::Failed(reason.clone())));
            } else if batch.came.get(place).is_some_and(Option::is_none) {
                self.bytes += item.len();
                self.pending.push_front((number, item));
            }
        }
    }

    /// Hands out the results that are next; `None` if nobody wants them.
    async fn tell(&mut self) -> Option<()> {
        while let Some((number, _)) = self.done.first_key_value() {
            if self.options.is_ordered && *number != self.told {
                break;
            }
            let (number, result) = self.done.pop_first()?;
            self.told += 1;
            self.output.send(Ok((number, result))).await.ok()?;
        }
        Some(())
    }
}
