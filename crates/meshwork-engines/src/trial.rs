//! Trials: an author's program runs alone, each unit twice, with its time and memory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use meshwork_compute::job::Job;
use meshwork_compute::message::Failure;
use meshwork_compute::packet;

use crate::command::Command;
use crate::gpu::Card;
use crate::limit::Stop;
use crate::program::{Call, Program};

/// A unit that was tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried {
    /// The unit.
    pub unit: u32,
    /// The first result.
    pub result: Result<Vec<u8>, Failure>,
    /// Time of the first run. A program's first unit includes its loading.
    pub time: Duration,
    /// Bytes of memory at the end: the module's memory, or the script's heap. `None` for commands and programs that did not start.
    pub memory: Option<u64>,
    /// Whether the second run gave the same result, within the job's tolerance. If not, checks would catch honest lenders.
    pub agrees: bool,
}

/// Runs units in this thread, each twice, as the iterator is read. `command` stands for the command of a lender if the program is offered,
/// `card` for its graphics card if it is a shader.
pub fn trial(
    job: Arc<Job>,
    code: Option<Vec<u8>>,
    input: Option<Vec<u8>>,
    command: Option<Command>,
    card: Option<Card>,
    units: impl IntoIterator<Item = u32>,
) -> impl Iterator<Item = Tried> {
    let mut program = Program::new(job, code, input, command, card);
    program.is_tried = true;
    let program = Arc::new(program);
    units.into_iter().map(move |unit| {
        let (call, stop) = (Call::Unit(unit), Stop::default());
        let start = Instant::now();
        let first = program.run(&call, &stop);
        let time = start.elapsed();
        let second = program.run(&call, &stop);
        let agrees = match (&first.result, &second.result) {
            (Ok(first), Ok(second)) => packet::agree(&program.job, first, second),
            (first, second) => first == second,
        };
        Tried { unit, result: first.result, time, memory: first.memory, agrees }
    })
}
