//! Lending: the part of this device in the jobs of others.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::Ordering;

use meshwork_compute::job::Kind;
use meshwork_compute::{Pool, Terms, Trust};
use meshwork_core::id::PeerId;
use meshwork_core::wire::BoundedText;

use super::Compute;

/// The terms on which this device runs programs of others.
pub struct Lend {
    pool: Option<Box<dyn Pool + Send>>,
    terms: Terms,
}

impl Lend {
    /// Runs all that a pool can run, one unit at a time, and programs of this person alone.
    pub fn new(pool: impl Pool + Send + 'static) -> Lend {
        let kinds = pool.kinds() & !(1 << Kind::Offered.number());
        let terms = Terms {
            cores: 1,
            engines: kinds,
            offers: Vec::new(),
            trust: Trust::Mine,
            card: BoundedText::default(),
            is_paused: false,
        };
        Lend { pool: Some(Box::new(pool)), terms }
    }

    /// So many units at once, from 1 to 128.
    pub fn cores(mut self, cores: u8) -> Lend {
        self.terms.cores = cores.clamp(1, 128);
        self
    }

    /// The people whose programs run here.
    pub fn trust(mut self, trust: Trust) -> Lend {
        self.terms.trust = trust;
        self
    }

    /// Programs of these people and this person's own run here.
    pub fn people(self, people: impl IntoIterator<Item = PeerId>) -> Lend {
        let people: BTreeSet<PeerId> = people.into_iter().collect();
        self.trust(Trust::People(people))
    }

    /// The pool runs a program of this device under this name, of at most 32 bytes. Eight names are shown.
    pub fn offer(mut self, name: &str) -> Lend {
        self.terms.offers.push(BoundedText::truncated(name));
        self
    }

    /// Runs the offered programs alone, and no code of others.
    pub fn only_offers(mut self) -> Lend {
        self.terms.engines = 0;
        self
    }

    /// The name of the graphics card, for people.
    pub fn card(mut self, card: &str) -> Lend {
        self.terms.card = BoundedText::truncated(card);
        self
    }
}

impl fmt::Debug for Lend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lend").field("terms", &self.terms).finish_non_exhaustive()
    }
}

/// This device lends. Dropped, all that runs here ends at once, and the units go to others. A further [`Compute::lend`] takes its place.
#[derive(Debug)]
pub struct Lending {
    compute: Compute,
    number: u64,
    terms: Terms,
}

pub(super) fn start(compute: &Compute, lend: Lend) -> Lending {
    let Lend { pool, terms } = lend;
    if let Some(pool) = pool {
        compute.0.hub.set_pool(pool);
    }
    let number = compute.0.hub.lendings.fetch_add(1, Ordering::Relaxed) + 1;
    let lending = Lending { compute: compute.clone(), number, terms };
    lending.tell(Some(lending.terms.clone()));
    lending
}

impl Lending {
    /// Pauses, as on battery: what runs here ends, and nothing begins. Or goes on.
    pub fn pause(&mut self, is_paused: bool) {
        self.terms.is_paused = is_paused;
        self.tell(Some(self.terms.clone()));
    }

    /// Changes the number of units at once, from 1 to 128.
    pub fn set_cores(&mut self, cores: u8) {
        self.terms.cores = cores.clamp(1, 128);
        self.tell(Some(self.terms.clone()));
    }

    /// Changes whose programs run here.
    pub fn set_trust(&mut self, trust: Trust) {
        self.terms.trust = trust;
        self.tell(Some(self.terms.clone()));
    }

    /// The jobs that run here, each span with its unit.
    pub fn runs(&self) -> Vec<super::Run> {
        self.compute.runs()
    }

    fn tell(&self, terms: Option<Terms>) {
        let is_last = self.compute.0.hub.lendings.load(Ordering::Relaxed) == self.number;
        if is_last {
            self.compute.0.running.with(|session, now| session.lend(now, terms));
        }
    }
}

impl Drop for Lending {
    fn drop(&mut self) {
        self.tell(None);
    }
}
