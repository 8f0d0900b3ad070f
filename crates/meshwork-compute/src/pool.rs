//! The seam between a lender and what runs its programs: threads natively, the sealed frame in a page, a queue of a cluster.

use std::sync::Arc;
use std::task::{Context, Poll};

use crate::job::{Job, JobId};
use crate::message::Failure;

/// The name of a run, unique at its endpoint.
pub type RunId = u64;

/// An order of a lender to its pool.
#[derive(Clone, Debug, PartialEq)]
pub enum PoolOrder {
    /// Load a program. It comes before its first run.
    Load {
        /// The job's name.
        id: JobId,
        /// The job with its manifest.
        job: Arc<Job>,
        /// The code, if the program has any.
        code: Option<Vec<u8>>,
        /// The input, if the job has any: the whole, or the packet of all items.
        input: Option<Vec<u8>>,
    },
    /// Run a span, a unit after the other, each in a fresh instance. [`Told::Ran`] answers for each unit. At most as many runs as
    /// the lender's terms have cores go on at once.
    Run {
        /// The run.
        run: RunId,
        /// The job, which was loaded.
        job: JobId,
        /// The first unit.
        first: u32,
        /// The number of units.
        units: u16,
    },
    /// End a run. Results of it that still come are ignored.
    End(RunId),
    /// Forget a program. Its runs have ended.
    Unload(JobId),
    /// Run the program's reduction. [`Told::Reduced`] answers.
    Reduce {
        /// The job, which was loaded.
        job: JobId,
        /// The packet of all results.
        packet: Vec<u8>,
    },
}

/// An answer of a pool to its lender.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// A unit of a run has ended. Units of a run come in their order; a failure ends the run. A program that cannot be loaded fails
    /// at the first unit of each run.
    Ran {
        /// The run.
        run: RunId,
        /// The unit.
        unit: u32,
        /// Its result, at most [`Limits::result`](crate::job::Limits::result) bytes.
        result: Result<Vec<u8>, Failure>,
        /// Microseconds that it took.
        micros: u32,
    },
    /// The program's reduction has ended.
    Reduced {
        /// The job.
        job: JobId,
        /// The outcome.
        result: Result<Vec<u8>, Failure>,
    },
}

/// Runs programs for a lender.
pub trait Pool {
    /// The kinds of programs that it can run: bit n for the [kind](crate::job::Kind::number) n.
    fn kinds(&self) -> u8;

    /// Carries out an order, without waiting for its end.
    fn order(&mut self, order: PoolOrder);

    /// The next answer.
    fn poll_told(&mut self, context: &mut Context<'_>) -> Poll<Told>;
}
