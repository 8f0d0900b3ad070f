//! The native pool of a lender: each run has a thread of low priority, and answers come over a queue with a waker.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use meshwork_compute::job::{Job, JobId, Kind, Shader};
use meshwork_compute::message::Failure;
use meshwork_compute::{Pool, PoolOrder, RunId, Told};

use crate::command::{Command, CommandError};
use crate::gpu::Card;
use crate::limit::Stop;
use crate::program::{Call, Program, Ran, trapped, unloadable};

/// Priority of the threads: the person's own programs come first.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;
/// Most bytes of a name under which a command is offered.
const NAME_MAX: usize = 32;
/// Most commands on offer.
const OFFERS_MAX: usize = 8;

/// A command that is not offered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OfferError {
    /// The name is empty or too long.
    #[error("the name `{0}` has {n} bytes: use 1 to {NAME_MAX}", n = .0.len())]
    Name(String),
    /// The name is on offer already.
    #[error("a command is offered under the name `{0}` already: choose another name")]
    Taken(String),
    /// Too many commands.
    #[error("a lender offers at most {OFFERS_MAX} commands")]
    Many,
    /// The command is not understood.
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// Threads of this program that run units. Dropping them ends all runs, with the processes of commands and their children.
pub struct Threads {
    /// Percent of time that a run works.
    share: u8,
    offers: BTreeMap<String, Command>,
    card: Option<Card>,
    programs: BTreeMap<JobId, Arc<Program>>,
    tasks: BTreeMap<Task, Going>,
    /// Threads whose task was ended.
    ended: Vec<JoinHandle<()>>,
    answers: Arc<Mutex<Answers>>,
}

/// A task of a thread.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Task {
    Run(RunId),
    Reduce(JobId),
}

/// A task that goes on.
struct Going {
    job: JobId,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

/// Answers of all threads.
#[derive(Default)]
struct Answers {
    queue: VecDeque<Answer>,
    waker: Option<Waker>,
}

struct Answer {
    task: Task,
    /// The task's last answer.
    is_last: bool,
    told: Told,
}

impl Default for Threads {
    fn default() -> Threads {
        Threads::new()
    }
}

impl Threads {
    /// Threads that run WebAssembly and JavaScript, for the whole time of their runs.
    pub fn new() -> Threads {
        Threads {
            share: 100,
            offers: BTreeMap::new(),
            card: None,
            programs: BTreeMap::new(),
            tasks: BTreeMap::new(),
            ended: Vec::new(),
            answers: Arc::default(),
        }
    }

    /// The share of time that each run works, in percent from 1 to 100; it pauses after each unit. Numbers beyond are moved to the
    /// nearest.
    pub fn share(mut self, percent: u8) -> Threads {
        self.share = percent.clamp(1, 100);
        self
    }

    /// Offers a command under a name of 1 to 32 bytes. A shell's quoting rules split it, and no shell runs it.
    ///
    /// # Errors
    /// [`OfferError`] for a name or a command that cannot be used.
    pub fn offer(mut self, name: &str, command: &str) -> Result<Threads, OfferError> {
        if name.is_empty() || name.len() > NAME_MAX {
            return Err(OfferError::Name(name.to_owned()));
        }
        if self.offers.contains_key(name) {
            return Err(OfferError::Taken(name.to_owned()));
        }
        if self.offers.len() == OFFERS_MAX {
            return Err(OfferError::Many);
        }
        self.offers.insert(name.to_owned(), Command::parse(command)?);
        Ok(self)
    }

    /// Runs shaders on this card too, one at a time.
    pub fn card(mut self, card: Card) -> Threads {
        self.card = Some(card);
        self
    }

    /// Names of the commands on offer.
    pub fn offers(&self) -> impl Iterator<Item = &str> {
        self.offers.keys().map(String::as_str)
    }

    fn load(&mut self, id: JobId, job: Arc<Job>, code: Option<Vec<u8>>, input: Option<Vec<u8>>) {
        let command = self.offers.get(job.program.name.as_str()).cloned();
        self.programs.insert(id, Arc::new(Program::new(job, code, input, command, self.card.clone())));
    }

    fn run(&mut self, run: RunId, job: JobId, first: u32, units: u16) {
        let task = Task::Run(run);
        let told = move |unit, result, micros| Told::Ran { run, unit, result, micros };
        let last = first.saturating_add(u32::from(units).saturating_sub(1));
        let share = self.share;
        let work = move |program: Arc<Program>, stop: &Stop, answers: &Mutex<Answers>| {
            for unit in first..=last {
                let start = Instant::now();
                let ran = program.run(&Call::Unit(unit), stop);
                let worked = start.elapsed();
                let (is_last, pause) = (unit == last || ran.result.is_err(), pause(worked, share));
                let micros = u32::try_from((worked + pause).as_micros()).unwrap_or(u32::MAX);
                answer(answers, stop, Answer { task, is_last, told: told(unit, ran.result, micros) });
                if is_last {
                    return;
                }
                rest(pause, stop);
                if stop.is_set() {
                    return;
                }
            }
        };
        self.start(task, job, work, move |failure| told(first, Err(failure), 0));
    }

    fn reduce(&mut self, job: JobId, packet: Vec<u8>) {
        let task = Task::Reduce(job);
        let call = Call::Reduce(Arc::new(packet));
        let work = move |program: Arc<Program>, stop: &Stop, answers: &Mutex<Answers>| {
            let Ran { result, .. } = program.run(&call, stop);
            answer(answers, stop, Answer { task, is_last: true, told: Told::Reduced { job, result } });
        };
        self.start(task, job, work, move |failure| Told::Reduced { job, result: Err(failure) });
    }

    /// Starts a task in a thread of its own. If it cannot start, `failed` is its answer.
    fn start(
        &mut self,
        task: Task,
        job: JobId,
        work: impl FnOnce(Arc<Program>, &Stop, &Mutex<Answers>) + Send + 'static,
        failed: impl Fn(Failure) -> Told + Clone + Send + 'static,
    ) {
        self.end(task);
        let stop = Stop::default();
        let started = match self.programs.get(&job) {
            Some(program) => {
                let (program, stop) = (Arc::clone(program), stop.clone());
                let (answers, failed) = (Arc::clone(&self.answers), failed.clone());
                let body = move || {
                    calm();
                    // A panic is a fault of ours: it ends this run, and the lender goes on.
                    let work = std::panic::AssertUnwindSafe(|| work(program, &stop, &answers));
                    if std::panic::catch_unwind(work).is_err() {
                        let told = failed(trapped("the engine broke"));
                        answer(&answers, &stop, Answer { task, is_last: true, told });
                    }
                };
                let thread = thread::Builder::new().name("compute".to_owned()).spawn(body);
                thread.map_err(|error| format!("no thread for it: {error}"))
            }
            None => Err("the program is not loaded here".to_owned()),
        };
        if let Err(reason) = &started {
            let told = failed(unloadable(reason));
            answer(&self.answers, &stop, Answer { task, is_last: true, told });
        }
        self.tasks.insert(task, Going { job, stop, thread: started.ok() });
    }

    fn end(&mut self, task: Task) {
        if let Some(going) = self.tasks.remove(&task) {
            going.stop.set();
            self.ended.extend(going.thread);
        }
        self.ended.retain(|thread| !thread.is_finished());
    }

    fn unload(&mut self, id: JobId) {
        let of_job: Vec<Task> =
            self.tasks.iter().filter(|(_, going)| going.job == id).map(|(task, _)| *task).collect();
        of_job.into_iter().for_each(|task| self.end(task));
        self.programs.remove(&id);
    }
}

impl Pool for Threads {
    fn kinds(&self) -> u8 {
        let offered = if self.offers.is_empty() { 0 } else { 1 << Kind::Offered.number() };
        let shader = Kind::Wgsl(Shader { groups: [1; 3], output: 4 });
        let shaders = u8::from(self.card.is_some()) << shader.number();
        1 << Kind::Wasm.number() | 1 << Kind::Js.number() | shaders | offered
    }

    fn order(&mut self, order: PoolOrder) {
        match order {
            PoolOrder::Load { id, job, code, input } => self.load(id, job, code, input),
            PoolOrder::Run { run, job, first, units } => self.run(run, job, first, units),
            PoolOrder::End(run) => self.end(Task::Run(run)),
            PoolOrder::Unload(id) => self.unload(id),
            PoolOrder::Reduce { job, packet } => self.reduce(job, packet),
        }
    }

    fn poll_told(&mut self, context: &mut Context<'_>) -> Poll<Told> {
        let mut answers = lock(&self.answers);
        while let Some(answer) = answers.queue.pop_front() {
            // A task that was ended is not listed, and its answers are dropped.
            if !self.tasks.contains_key(&answer.task) {
                continue;
            }
            if answer.is_last {
                self.tasks.remove(&answer.task);
            }
            return Poll::Ready(answer.told);
        }
        answers.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.tasks.values().for_each(|going| going.stop.set());
        let going = std::mem::take(&mut self.tasks).into_values().filter_map(|going| going.thread);
        for thread in going.chain(self.ended.drain(..)) {
            // Commands are ended by their threads, so the end of this program must wait for them.
            let _ = thread.join();
        }
    }
}

fn lock(answers: &Mutex<Answers>) -> MutexGuard<'_, Answers> {
    answers.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Queues an answer of a task that goes on, and wakes the lender.
fn answer(answers: &Mutex<Answers>, stop: &Stop, answer: Answer) {
    let waker = {
        let mut answers = lock(answers);
        if stop.is_set() {
            return;
        }
        answers.queue.push_back(answer);
        answers.waker.take()
    };
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// The pause after this much work, so that work has its share of the time.
fn pause(worked: Duration, share: u8) -> Duration {
    worked * u32::from(100 - share) / u32::from(share)
}

/// Rests for a time, or until the run is stopped.
fn rest(pause: Duration, stop: &Stop) {
    let end = Instant::now() + pause;
    while !stop.is_set() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        thread::park_timeout(left.min(Duration::from_millis(20)));
    }
}

/// Lowers the priority of this thread, and of the processes that it starts.
fn calm() {
    // If the system refuses, the thread runs as others do.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, NICE);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_leave_the_share() {
        let worked = Duration::from_millis(30);
        let pauses = [(100, 0), (75, 10), (50, 30), (25, 90), (1, 2970)];
        for (share, millis) in pauses {
            assert_eq!(pause(worked, share), Duration::from_millis(millis), "{share} percent");
        }
    }
}
