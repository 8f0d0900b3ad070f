//! Jobs of real nodes on a network in virtual time.

use std::collections::{BTreeMap, VecDeque};
use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use meshwork::compute::format::Job as JobForm;
use meshwork::compute::{
    self, Check, Compute, Failure, ItemError, Job, JobError, JobView, Lend, Lending, MapOptions, NewJob,
    Pool, PoolOrder, Program, Reduce, RunNumber, Shape, Standstill, State, Told, Trust, read_packet,
};
use meshwork::testing::Network;
use meshwork::{Endpoint, Room};
use tokio::time::{Instant, timeout};

use crate::guard::{create, in_private_rooms_too};

in_private_rooms_too!(
    lenders_compute_the_same_as_one_machine,
    a_job_outlives_its_submitter,
    a_map_keeps_the_order_of_items
);

/// Time in which a job does what it is expected to.
const SOON: Duration = Duration::from_secs(600);

/// A pool whose program squares: a unit's number without items, else the number that its item is. It fails at the item `bad`.
struct Squares {
    /// Time of a unit.
    takes: Duration,
    lies: bool,
    ran: Arc<AtomicU32>,
    jobs: BTreeMap<compute::JobId, (Arc<JobForm>, Option<Vec<u8>>)>,
    due: VecDeque<(Instant, Told)>,
    timer: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Squares {
    fn new(takes_ms: u64) -> Squares {
        Squares {
            takes: Duration::from_millis(takes_ms),
            lies: false,
            ran: Arc::default(),
            jobs: BTreeMap::new(),
            due: VecDeque::new(),
            timer: None,
        }
    }

    fn result(&self, job: &JobForm, input: Option<&[u8]>, unit: u32) -> Result<Vec<u8>, Failure> {
        let Some(input) = input else {
            let square = u64::from(unit) * u64::from(unit) + u64::from(self.lies);
            return Ok(square.to_string().into_bytes());
        };
        let items = read_packet(input, job.units as usize, 1 << 20).expect("it is a packet of all items");
        match std::str::from_utf8(items[unit as usize]).unwrap().parse::<u64>() {
            Ok(number) => Ok((number * number).to_string().into_bytes()),
            Err(_) => Err(Failure::Trapped("no number".parse_words())),
        }
    }

    fn run(&mut self, run: RunNumber, job: &compute::JobId, units: std::ops::Range<u32>) {
        let (job, input) = &self.jobs[job];
        let mut at = Instant::now();
        for unit in units {
            at += self.takes;
            let result = self.result(job, input.as_deref(), unit);
            let is_last = result.is_err();
            let micros = self.takes.as_micros() as u32;
            self.due.push_back((at, Told::Ran { run, unit, result, micros }));
            if is_last {
                break;
            }
        }
        self.due.make_contiguous().sort_by_key(|(at, _)| *at);
        self.timer = None;
    }
}

trait ParseWords {
    fn parse_words(&self) -> compute::Words;
}

impl ParseWords for str {
    fn parse_words(&self) -> compute::Words {
        compute::Words::truncated(self)
    }
}

impl Pool for Squares {
    fn kinds(&self) -> u8 {
        0b11
    }

    fn order(&mut self, order: PoolOrder) {
        match order {
            PoolOrder::Load { id, job, input, .. } => drop(self.jobs.insert(id, (job, input))),
            PoolOrder::Run { run, job, first, units } => self.run(run, &job, first..first + u32::from(units)),
            PoolOrder::End(run) => {
                self.due.retain(|(_, told)| !matches!(told, Told::Ran { run: of, .. } if *of == run));
            }
            PoolOrder::Unload(job) => drop(self.jobs.remove(&job)),
            PoolOrder::Reduce { .. } => panic!("no program of these tests reduces"),
        }
    }

    fn poll_told(&mut self, context: &mut Context<'_>) -> Poll<Told> {
        loop {
            let Some((at, _)) = self.due.front() else { return Poll::Pending };
            let wait = at.saturating_duration_since(Instant::now());
            if wait.is_zero() {
                self.timer = None;
                self.ran.fetch_add(1, Ordering::Relaxed);
                return self.due.pop_front().map_or(Poll::Pending, |(_, told)| Poll::Ready(told));
            }
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(async move { drop(timeout(wait, pending::<()>()).await) }));
            if timer.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.timer = None;
        }
    }
}

/// The squares of the first `units` numbers as one text.
fn squares(units: u64) -> Vec<u8> {
    (0..units).flat_map(|unit| (unit * unit).to_string().into_bytes()).collect()
}

fn program() -> Program {
    Program::wasm("Squares", b"the pool knows it".to_vec())
}

/// A room, and parts in it of so many endpoints, the first of which made it.
async fn met(network: &Network, names: &[&str]) -> (Vec<Endpoint>, Vec<Room>, Vec<Compute>) {
    let endpoints: Vec<Endpoint> = names.iter().map(|name| network.endpoint(name)).collect();
    let mut rooms = vec![create(&endpoints[0], compute::room()).await.unwrap()];
    for endpoint in &endpoints[1..] {
        rooms.push(endpoint.join(rooms[0].link()).await.unwrap());
    }
    let parts: Vec<Compute> = rooms.iter().map(Room::compute).collect();
    for part in &parts {
        until(part, |part| (part.devices().len() == names.len()).then_some(())).await;
    }
    (endpoints, rooms, parts)
}

fn lends(part: &Compute, takes_ms: u64) -> Lending {
    part.lend(Lend::new(Squares::new(takes_ms)).cores(2).trust(Trust::Everybody))
}

/// Waits until something is so.
async fn until<T>(part: &Compute, is_so: impl Fn(&Compute) -> Option<T>) -> T {
    let mut changes = part.changes();
    let found = async {
        loop {
            if let Some(found) = is_so(part) {
                return found;
            }
            changes.next().await.expect("the room goes on");
        }
    };
    let found = timeout(SOON, found).await;
    found.unwrap_or_else(|_| panic!("{:#?} {:#?}", part.jobs(), part.devices()))
}

async fn outcome(job: &Job) -> Result<Vec<u8>, JobError> {
    let outcome = timeout(SOON, job.outcome()).await;
    outcome.unwrap_or_else(|_| panic!("{:#?}", job.view()))
}

async fn until_view(job: &Job, is_so: impl Fn(&JobView) -> bool) -> JobView {
    let mut watch = job.watch();
    let found = async {
        loop {
            let view = watch.next().await.expect("it goes on until then");
            if is_so(&view) {
                return view;
            }
        }
    };
    let found = timeout(SOON, found).await;
    found.unwrap_or_else(|_| panic!("{:#?}", job.view()))
}

#[tokio::test(start_paused = true)]
async fn lenders_compute_the_same_as_one_machine() {
    let network = Network::new(3);
    let (_endpoints, rooms, parts) = met(&network, &["Ann", "Bo", "Cy"]).await;
    let _lendings = [lends(&parts[1], 40), lends(&parts[2], 90)];
    let new = NewJob::new(program(), 500).trust([rooms[1].me().peer]);
    let job = parts[0].submit(new).await.unwrap();
    assert_eq!(outcome(&job).await.unwrap(), squares(500));
    let view = job.view().unwrap();
    assert_eq!((view.accepted, view.job.program.name.as_str()), (500, "Squares"));
    assert_eq!(view.credit.values().sum::<u32>(), 500);
    assert!(view.checked > 0, "a stranger's results are checked");
    // Everybody in the room has it.
    let seen = until(&parts[2], |part| part.job(job.id())).await;
    assert_eq!(outcome(&seen).await.unwrap(), squares(500));
}

#[tokio::test(start_paused = true)]
async fn a_job_outlives_its_submitter() {
    let network = Network::new(5);
    let (endpoints, rooms, mut parts) = met(&network, &["Ann", "Bo", "Cy", "Di", "Eve"]).await;
    let lendings: Vec<Lending> = parts[1..].iter().map(|part| lends(part, 200)).collect();
    let trusted = [rooms[1].me().peer, rooms[2].me().peer];
    let job = parts[0].submit(NewJob::new(program(), 600).trust(trusted)).await.unwrap();
    let seen = until(&parts[3], |part| part.job(job.id())).await;
    until_view(&job, |view| view.accepted > 100).await;
    let id = job.id();
    drop(job);
    parts.remove(0);
    network.kill(&endpoints[0]);
    // The next steward goes too, and a lender.
    let charge =
        until_view(&seen, |view| view.steward.is_some_and(|steward| steward.peer == trusted[0])).await;
    until_view(&seen, |view| view.accepted > charge.accepted.max(250)).await;
    network.kill(&endpoints[1]);
    network.kill(&endpoints[4]);
    assert_eq!(outcome(&seen).await.unwrap(), squares(600));
    assert!(until(&parts[1], |part| part.job(id)).await.view().unwrap().state.is_over());
    drop(lendings);
}

#[tokio::test(start_paused = true)]
async fn a_job_outlives_the_server() {
    let network = Network::new(13);
    let (_endpoints, _rooms, parts) = met(&network, &["Ann", "Bo", "Cy"]).await;
    let _lendings = [lends(&parts[1], 100), lends(&parts[2], 100)];
    let job = parts[0].submit(NewJob::new(program(), 400).check(Check::None)).await.unwrap();
    until_view(&job, |view| view.accepted > 20).await;
    network.stop_server();
    assert_eq!(outcome(&job).await.unwrap(), squares(400));
}

/// Twelve in a network that loses a packet in twenty: the submitter leaves, the steward after it and two lenders die, one returns.
#[tokio::test(start_paused = true)]
async fn twelve_end_a_job_that_loses_its_stewards() {
    let network = Network::new(17);
    let names = ["Ann", "Bo", "Cy", "Di", "Eve", "Fay", "Gus", "Hal", "Ida", "Jo", "Kim", "Lou"];
    let (endpoints, rooms, parts) = met(&network, &names).await;
    let mut lendings: Vec<Option<Lending>> =
        parts.iter().zip(0..).map(|(part, at)| (at > 0).then(|| lends(part, 100 + 30 * at))).collect();
    let trusted = [rooms[1].me().peer, rooms[2].me().peer, rooms[3].me().peer];
    let job = parts[0].submit(NewJob::new(program(), 2000).trust(trusted)).await.unwrap();
    let seen = until(&parts[11], |part| part.job(job.id())).await;
    until_view(&seen, |view| view.accepted > 200).await;
    network.kill(&endpoints[0]);
    lendings[9] = None;
    until_view(&seen, |view| view.steward.is_some_and(|steward| steward.peer == trusted[0])).await;
    network.kill(&endpoints[1]);
    network.kill(&endpoints[7]);
    network.kill(&endpoints[8]);
    lendings[9] = Some(lends(&parts[9], 150));
    until_view(&seen, |view| view.steward.is_some_and(|steward| steward.peer == trusted[1])).await;
    assert_eq!(outcome(&seen).await.unwrap(), squares(2000));
    assert_eq!(seen.view().unwrap().accepted, 2000);
}

#[tokio::test(start_paused = true)]
async fn a_map_keeps_the_order_of_items() {
    let network = Network::new(9);
    let (_endpoints, rooms, parts) = met(&network, &["Ann", "Bo", "Cy"]).await;
    let _lendings = [lends(&parts[1], 10), lends(&parts[2], 70)];
    let options = MapOptions::default().trust([rooms[1].me().peer]);
    let (items, mut results) = parts[0].map(program().result(Shape::Json), options);
    let put = async {
        for number in 0..300_u64 {
            let item = if number == 77 { "\"bad\"".to_owned() } else { number.to_string() };
            assert!(items.put(item.into_bytes()).await);
        }
        drop(items);
        pending::<()>().await
    };
    let read = async {
        for number in 0..300_u64 {
            let (of, result) = results.next().await.unwrap().expect("there are more");
            assert_eq!(of, number);
            match number {
                77 => assert!(matches!(result, Err(ItemError::Failed(_))), "{result:?}"),
                _ => assert_eq!(result, Ok((number * number).to_string().into_bytes())),
            }
        }
        assert_eq!(results.next().await.unwrap(), None);
    };
    let done = timeout(SOON, async {
        tokio::select! { () = put => (), () = read => () }
    });
    done.await.unwrap_or_else(|_| panic!("{:#?}", parts[0].jobs()));
    // Nothing of it is left in the room.
    until(&parts[1], |part| part.jobs().is_empty().then_some(())).await;
}

#[tokio::test(start_paused = true)]
async fn a_map_gives_results_before_its_end() {
    let network = Network::calm(10);
    let (_endpoints, _rooms, parts) = met(&network, &["Ann", "Bo"]).await;
    let _lending = lends(&parts[1], 10);
    let options = MapOptions::default().check(Check::None);
    let (items, mut results) = parts[0].map(program().result(Shape::Json), options);
    for number in 3..6_u64 {
        assert!(items.put(number.to_string().into_bytes()).await);
        let next = timeout(SOON, results.next()).await.expect("it comes while the input is open");
        assert_eq!(next.unwrap(), Some((number - 3, Ok((number * number).to_string().into_bytes()))));
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_map_cancels_its_jobs() {
    let network = Network::calm(12);
    let (_endpoints, _rooms, parts) = met(&network, &["Ann", "Bo"]).await;
    let (items, results) = parts[0].map(program().result(Shape::Json), MapOptions::default());
    assert!(items.put(b"1".to_vec()).await);
    until(&parts[1], |part| (!part.jobs().is_empty()).then_some(())).await;
    drop(results);
    until(&parts[1], |part| part.jobs().is_empty().then_some(())).await;
}

#[tokio::test(start_paused = true)]
async fn lending_ends_at_once() {
    let network = Network::calm(4);
    let (_endpoints, _rooms, parts) = met(&network, &["Ann", "Bo"]).await;
    let pool = Squares::new(1000);
    let ran = Arc::clone(&pool.ran);
    let lending = parts[1].lend(Lend::new(pool).cores(4).trust(Trust::Everybody));
    let job = parts[0].submit(NewJob::new(program(), 1000).check(Check::None)).await.unwrap();
    until_view(&job, |view| view.accepted > 3).await;
    assert!(!lending.runs().is_empty());
    drop(lending);
    let after = ran.load(Ordering::Relaxed);
    until_view(&job, |view| view.standstill == Some(Standstill::NobodyLends)).await;
    assert_eq!(ran.load(Ordering::Relaxed), after, "no unit ends after the press");
    assert!(parts[1].runs().is_empty());
}

#[tokio::test(start_paused = true)]
async fn nobody_runs_programs_unasked() {
    let network = Network::calm(6);
    let (_endpoints, _rooms, parts) = met(&network, &["Ann", "Bo", "Cy"]).await;
    let (silent, own) = (Squares::new(1), Squares::new(1));
    let (of_silent, of_own) = (Arc::clone(&silent.ran), Arc::clone(&own.ran));
    // One has a pool and never lends, the other lends to its own person alone.
    parts[1].set_pool(silent);
    let _lending = parts[2].lend(Lend::new(own).trust(Trust::Mine));
    let job = parts[0].submit(NewJob::new(program(), 5)).await.unwrap();
    until_view(&job, |view| view.standstill == Some(Standstill::NobodyTakes)).await;
    assert_eq!((of_silent.load(Ordering::Relaxed), of_own.load(Ordering::Relaxed)), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_liar_is_caught_and_named() {
    let network = Network::new(8);
    let (_endpoints, rooms, parts) = met(&network, &["Ann", "Bo", "Liar"]).await;
    let liar = Squares { lies: true, ..Squares::new(5) };
    let _lendings = [lends(&parts[1], 50), parts[2].lend(Lend::new(liar).cores(4).trust(Trust::Everybody))];
    let new = NewJob::new(program(), 300).trust([rooms[1].me().peer]);
    let job = parts[0].submit(new).await.unwrap();
    assert_eq!(outcome(&job).await.unwrap(), squares(300));
    assert_eq!(job.view().unwrap().caught, [rooms[2].me().peer]);
}

#[tokio::test(start_paused = true)]
async fn orders_pause_and_cancel_a_job() {
    let network = Network::calm(2);
    let (_endpoints, _rooms, parts) = met(&network, &["Ann", "Bo"]).await;
    let _lending = lends(&parts[1], 300);
    let job = parts[0].submit(NewJob::new(program(), 400).check(Check::None)).await.unwrap();
    until_view(&job, |view| view.accepted > 5).await;
    job.pause().await.unwrap();
    until_view(&job, |view| view.standstill == Some(Standstill::Paused)).await;
    job.resume().await.unwrap();
    let paused_at = job.view().unwrap().accepted;
    until_view(&job, |view| view.accepted > paused_at + 20).await;
    job.cancel().await.unwrap();
    assert_eq!(outcome(&job).await, Err(JobError::Cancelled));
    until(&parts[1], |part| part.runs().is_empty().then_some(())).await;
    assert_eq!(until(&parts[1], |part| part.job(job.id())).await.view().unwrap().state, State::Cancelled);
    job.erase().await.unwrap();
    until(&parts[1], |part| part.job(job.id()).is_none().then_some(())).await;
    assert_eq!(outcome(&job).await, Err(JobError::Erased));
}

#[tokio::test(start_paused = true)]
async fn wrong_jobs_are_refused_in_words() {
    let network = Network::calm(1);
    let (_endpoints, rooms, parts) = met(&network, &["Ann"]).await;
    let refused = |new: NewJob| async { parts[0].submit(new).await.unwrap_err().to_string() };
    assert_eq!(refused(NewJob::new(program(), 0)).await, "units is 0: it must be 1 to 1000000");
    let long = Program::wasm(&"n".repeat(65), vec![1]);
    assert_eq!(refused(NewJob::new(long, 1)).await, "the length of the name is 65: it must be 0 to 64");
    let bytes = NewJob::new(program(), 1).reduce(Reduce::Sum);
    assert!(refused(bytes).await.starts_with("only numbers"));
    let reduces = NewJob::new(program(), 1).reduce(Reduce::Program);
    assert!(refused(reduces).await.contains("give it a pool"));
    drop(rooms);
}
