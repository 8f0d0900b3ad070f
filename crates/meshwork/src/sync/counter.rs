//! Numbers that everybody raises at once.

use std::collections::VecDeque;

use meshwork_core::id::PeerId;
use meshwork_core::table;
use meshwork_sync::counter::{self, CounterError, Step};

use crate::app::App;
use crate::error::{Closed, WriteError};
use crate::inbox::Inbox;
use crate::room::Room;
use crate::shared::Changed;
use crate::table::Watched;

/// A number that everybody raises at once, and that loses no step: whoever was offline, reloaded or killed meanwhile,
/// what somebody else heard of is counted, once.
///
/// It lies between [`i64::MIN`] and [`i64::MAX`], and so does what one program adds in all.
#[derive(Clone, Debug)]
pub struct Counter {
    pub(crate) app: App,
    pub(crate) name: String,
}

/// Somebody raised a counter, or lowered it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CounterChange {
    /// Which counter.
    pub name: String,
    /// By how much; what one program added in quick succession may be one change.
    pub by: i64,
    /// Who.
    pub author: PeerId,
    /// When, by the room's time: milliseconds since 1970. `None` where what somebody had counted counts no more, as after a
    /// ban.
    pub time_ms: Option<u64>,
    /// Where the counter stands now.
    pub value: i64,
}

/// The changes of counters from the moment on at which they were asked for.
#[derive(Debug)]
pub struct CounterChanges {
    app: App,
    watched: Watched,
    inbox: Inbox<Changed>,
    waiting: VecDeque<Step>,
    missed: u64,
}

impl Room {
    /// A counter of the app that the room opened with: see [`App::counter`].
    pub fn counter(&self, name: &str) -> Counter {
        self.opening_app().counter(name)
    }
}

impl Counter {
    /// Raises the counter by so much, or lowers it. It may be done while nobody is linked, and travels later. Dropping the
    /// future leaves it done, or not.
    ///
    /// # Errors
    /// [`WriteError`]; the counter stands where it stood. A name has at most [`NAME_MAX`](crate::sync::NAME_MAX) bytes.
    pub async fn add(&self, by: i64) -> Result<(), WriteError> {
        let name = self.name.clone();
        let add = move |table: &table::Table, me| {
            counter::add(table, me, &name, by).map_err(|error| match error {
                CounterError::Name(size) => WriteError::TooLarge { size, max: meshwork_sync::NAME_MAX },
                error => WriteError::Invalid(error.to_string()),
            })
        };
        self.app.write(add).await
    }

    /// Where it stands; 0 for one that nobody raised.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn value(&self) -> Result<i64, Closed> {
        let name = self.name.clone();
        self.app.read(move |table| counter::value(table, &name)).await
    }

    /// Hears from now on who raises it, and by how much.
    pub fn watch(&self) -> CounterChanges {
        CounterChanges::new(&self.app, Watched::One(self.name.clone()))
    }
}

impl App {
    /// A number that everybody raises at once, and that loses no step. Naming a counter makes nothing.
    pub fn counter(&self, name: &str) -> Counter {
        Counter { app: self.clone(), name: name.to_owned() }
    }

    /// All counters whose names begin with `prefix`, by name, and where they stand.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn counters(&self, prefix: &str) -> Result<Vec<(String, i64)>, Closed> {
        let prefix = prefix.to_owned();
        self.read(move |table| counter::all(table, &prefix)).await
    }

    /// Hears from now on who raises counters whose names begin with `prefix`.
    pub fn watch_counters(&self, prefix: &str) -> CounterChanges {
        CounterChanges::new(self, Watched::From(prefix.to_owned()))
    }
}

impl CounterChanges {
    fn new(app: &App, watched: Watched) -> CounterChanges {
        let (inbox, waiting) = (app.watch(), VecDeque::new());
        CounterChanges { app: app.clone(), watched, inbox, waiting, missed: 0 }
    }

    /// Waits for the next change; `None` once the room was left. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<CounterChange> {
        loop {
            if let Some(step) = self.waiting.front() {
                let value = self.app.counter(&step.name).value().await.ok()?;
                let Step { name, author, by, at } = self.waiting.pop_front()?;
                let time_ms = at.map(|stamp| stamp.millis());
                return Some(CounterChange { name, by, author, time_ms, value });
            }
            let (changed, missed) = self.inbox.next().await?;
            self.missed += missed;
            let changes: &[table::Change] = changed.changes.of();
            let steps = changes.iter().filter_map(counter::step);
            self.waiting.extend(steps.filter(|step| self.watched.has(&step.name)));
        }
    }

    /// How many times something changed in the app's table, so far, that this reader was too slow to hear: the counter
    /// itself says where it stands.
    pub fn missed(&self) -> u64 {
        self.missed
    }
}
