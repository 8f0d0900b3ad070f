//! A lender for tests: it makes jobs, gives orders to the pool and waits for its answers.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use meshwork_compute::job::{Check, Input, Kind, Limits, Program, Reduce, Shape, View};
use meshwork_compute::message::Failure;
use meshwork_compute::{Job, JobId, Pool, PoolOrder, RunId, Told};
use meshwork_core::blobs::BlobId;
use meshwork_core::id::PeerId;
use meshwork_core::wire::{Bounded, BoundedText, Bytes};
use meshwork_engines::Threads;

/// Longest wait for an answer, far above each limit of a unit.
const PATIENCE: Duration = Duration::from_secs(30);

/// A job of eight units: 16 MiB, 1 KiB of result, and time enough on a busy machine.
pub(crate) fn job(kind: Kind, shape: Shape) -> Job {
    Job {
        program: Program {
            name: BoundedText::new("echo").unwrap(),
            about: BoundedText::default(),
            kind,
            code: (kind != Kind::Offered).then_some((BlobId([3; 32]), 40)),
            result: shape,
            tolerance: (0, 0),
            view: View::File,
            limits: Limits { memory_mib: 16, unit_ms: 8_000, result: 1024 },
        },
        units: 8,
        params: Bytes::default(),
        input: Input::None,
        check: Check::None,
        reduce: Reduce::List,
        trusted: Bounded::new(vec![PeerId([1; 32])]).unwrap(),
        nonce: [0; 8],
    }
}

pub(crate) fn params(job: Job, json: &str) -> Job {
    Job { params: Bytes::new(json.into()).unwrap(), ..job }
}

/// A job whose units may take 200 ms, for programs that do not end.
pub(crate) fn brief(mut job: Job) -> Job {
    job.program.limits.unit_ms = 200;
    job
}

/// A module with a memory, `input` at 1,024 and these fields.
pub(crate) fn module(fields: &str) -> Vec<u8> {
    let input = "(func (export \"input\") (param i32) (result i32) (i32.const 1024))";
    wat::parse_str(format!("(module (memory (export \"memory\") 1) {input} {fields})")).unwrap()
}

/// A `unit` with this body.
pub(crate) fn unit(body: &str) -> String {
    format!("(func (export \"unit\") (param $n i32) (result i64) {body})")
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A pool and the names of its jobs.
pub(crate) struct Bench {
    pub(crate) threads: Threads,
    names: u8,
}

impl Bench {
    pub(crate) fn new(threads: Threads) -> Bench {
        Bench { threads, names: 0 }
    }

    pub(crate) fn load(&mut self, job: &Job, code: &[u8], input: Option<&[u8]>) -> JobId {
        self.names += 1;
        let id = JobId([self.names; 16]);
        let code = job.program.code.is_some().then(|| code.to_vec());
        let input = input.map(<[u8]>::to_vec);
        self.threads.order(PoolOrder::Load { id, job: Arc::new(job.clone()), code, input });
        id
    }

    pub(crate) fn run(&mut self, run: RunId, job: JobId, first: u32, units: u16) {
        self.threads.order(PoolOrder::Run { run, job, first, units });
    }

    /// The next answer. The test fails if none comes.
    pub(crate) fn next(&mut self) -> Told {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let end = Instant::now() + PATIENCE;
        loop {
            if let Poll::Ready(told) = self.threads.poll_told(&mut Context::from_waker(&waker)) {
                return told;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no answer within {PATIENCE:?}");
            thread::park_timeout(left);
        }
    }

    /// The results of units from 0 on, until the last or a failure.
    pub(crate) fn results(&mut self, job: JobId, units: u16) -> Vec<Result<Vec<u8>, Failure>> {
        let run = u64::from(self.names) << 32;
        self.run(run, job, 0, units);
        let mut results = Vec::new();
        while results.len() < units.into()
            && results.last().is_none_or(|result: &Result<_, _>| result.is_ok())
        {
            let Told::Ran { run: of, unit, result, .. } = self.next() else { panic!("a reduction answers") };
            assert_eq!((of, unit), (run, results.len() as u32));
            results.push(result);
        }
        results
    }
}

/// The result of unit 0 of a program, in a pool of its own.
pub(crate) fn result(job: &Job, code: &[u8]) -> Result<Vec<u8>, Failure> {
    results(job, code, None, 1).remove(0)
}

/// The results of units 0 to `units` of a program, in a pool of its own.
pub(crate) fn results(
    job: &Job,
    code: &[u8],
    input: Option<&[u8]>,
    units: u16,
) -> Vec<Result<Vec<u8>, Failure>> {
    let mut bench = Bench::new(Threads::new());
    let id = bench.load(job, code, input);
    bench.results(id, units)
}
