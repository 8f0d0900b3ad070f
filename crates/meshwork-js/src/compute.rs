//! Jobs of a room: programs, progress and orders to the page's pool, as JSON and bytes.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use js_sys::{Array, Uint8Array};
use meshwork::PeerId;
use meshwork::compute::format::{Input, Job as Form};
use meshwork::compute::{
    Check, Compute, Ended, Failure, ItemError, Items, Job, JobId, JobView, Kind, Lend, Lending, MapError,
    MapOptions, MappedItem, NewJob, Offer, Pool, PoolOrder, Program, Reduce, ResultChange, Shape, Standstill,
    State, SubmitError, Told, Trust, View, Words, read_packet,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use wasm_bindgen::prelude::*;

use crate::app::RawApp;
use crate::error::{Tell, thrown, unfit};
use crate::reader::{Reader, Shared, Source};

/// The jobs of an app.
#[wasm_bindgen]
pub struct RawCompute {
    compute: Compute,
    pool: PagePool,
    told: UnboundedSender<Told>,
    orders: Shared,
}

/// A job.
#[wasm_bindgen]
pub struct RawJob(Job);

/// The way in of a map.
#[wasm_bindgen]
pub struct RawItems(Items);

/// This device lends until the object is freed.
#[wasm_bindgen]
pub struct RawLending(Lending);

/// The pool of the page, which reads orders and answers in its own time. All clones are the same: a pool of the library may move to
/// another thread, and an object of the page may not.
#[derive(Clone)]
struct PagePool {
    kinds: u8,
    orders: UnboundedSender<PoolOrder>,
    told: Arc<Mutex<UnboundedReceiver<Told>>>,
}

/// A program, as the package writes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProgramOptions {
    kind: String,
    name: String,
    about: String,
    result: Option<String>,
    view: Option<String>,
    /// Columns, width and height.
    tiles: Option<[u16; 3]>,
    tolerance: Option<[f64; 2]>,
    memory_mib: Option<u16>,
    unit_ms: Option<u32>,
    result_max: Option<u32>,
    params: Value,
    check: Option<String>,
    trusted: Vec<String>,
    units: Option<u32>,
    reduce: Option<String>,
    #[serde(default)]
    is_unordered: bool,
}

/// The terms of a lender, as the package writes them.
#[derive(Deserialize)]
struct Terms {
    cores: u8,
    /// Bits of the kinds of programs that run.
    kinds: u8,
    offers: Vec<String>,
    /// `None` for everybody; else these people beside this one.
    people: Option<Vec<String>>,
}

#[wasm_bindgen]
impl RawApp {
    /// Its jobs.
    pub fn compute(&self) -> RawCompute {
        let (orders, ordered) = unbounded_channel();
        let (told, heard) = unbounded_channel();
        let pool = PagePool { kinds: 0, orders, told: Arc::new(Mutex::new(heard)) };
        RawCompute { compute: self.app().compute(), pool, told, orders: Source::Orders(ordered).shared() }
    }
}

#[wasm_bindgen(wasm_bindgen_futures = crate::promise)]
impl RawCompute {
    /// Submits a job: options in JSON, code of a program that is not offered, and the whole input or all items.
    pub async fn submit(
        &self,
        options: String,
        code: Option<Vec<u8>>,
        input: Option<Vec<u8>>,
        items: Option<Array>,
    ) -> Result<RawJob, JsValue> {
        let options: ProgramOptions = serde_json::from_str(&options).map_err(unfit)?;
        let new = options.job(code, input, items)?;
        self.compute.submit(new).await.map(RawJob).map_err(thrown)
    }

    /// Runs a program over items: the way in, and a reader of the results.
    pub fn map(&self, options: &str, code: Option<Vec<u8>>) -> Result<Array, JsValue> {
        let options: ProgramOptions = serde_json::from_str(options).map_err(unfit)?;
        let program = options.program(code)?;
        let mut how = MapOptions::default().params(options.params.clone()).trust(options.trusted()?);
        if let Some(check) = options.check() {
            how = how.check(check);
        }
        if options.is_unordered {
            how = how.unordered();
        }
        let (items, mapped) = self.compute.map(program, how);
        let reader = Reader::of(Source::Mapped(mapped));
        Ok(Array::of2(&RawItems(items).into(), &reader.into()))
    }

    /// The names of all jobs.
    pub fn jobs(&self) -> Vec<String> {
        self.compute.jobs().iter().map(|(id, _)| id.to_string()).collect()
    }

    /// The job of this name.
    pub fn job(&self, name: &str) -> Option<RawJob> {
        self.compute.job(self.named(name)?).map(RawJob)
    }

    /// The devices that take part, as JSON.
    pub fn devices(&self) -> String {
        let devices = self.compute.devices();
        let devices = devices.iter().map(|(endpoint, offer)| {
            let mut told = device(offer);
            told["id"] = endpoint.to_string().into();
            told["peer"] = endpoint.peer.to_string().into();
            told
        });
        Value::from_iter(devices).to_string()
    }

    /// One for each change of a job or device.
    pub fn changes(&self) -> Reader {
        Reader::of(Source::Compute(self.compute.changes()))
    }

    /// Lends on these terms in JSON.
    pub fn lend(&self, terms: &str) -> Result<RawLending, JsValue> {
        let Terms { cores, kinds, offers, people } = serde_json::from_str(terms).map_err(unfit)?;
        let trust = match people {
            None => Trust::Everybody,
            Some(people) if people.is_empty() => Trust::Mine,
            Some(people) => Trust::People(peers(&people)?.into_iter().collect()),
        };
        let lend = Lend::new(PagePool { kinds, ..self.pool.clone() }).cores(cores).trust(trust);
        let lend = offers.iter().fold(lend, |lend, name| lend.offer(name));
        Ok(RawLending(self.compute.lend(lend)))
    }

    /// The page's pool runs reductions of own jobs from now on.
    #[wasm_bindgen(js_name = usePool)]
    pub fn use_pool(&self) {
        self.compute.set_pool(self.pool.clone());
    }

    /// Orders to the page's pool: what is ordered as JSON, and its bytes.
    pub fn orders(&self) -> Reader {
        Reader::sharing(Shared::clone(&self.orders))
    }

    /// A unit has ended: with a result, or with a kind of failure and its words.
    pub fn ran(
        &self,
        run: f64,
        unit: u32,
        bytes: Option<Vec<u8>>,
        kind: Option<String>,
        words: Option<String>,
        micros: u32,
    ) {
        let told = Told::Ran { run: run as u64, unit, result: result(bytes, kind, words), micros };
        // The receiver lives as long as this object.
        let _ = self.told.send(told);
    }

    /// A reduction has ended.
    pub fn reduced(&self, job: &str, bytes: Option<Vec<u8>>, kind: Option<String>, words: Option<String>) {
        if let Some(job) = self.named(job) {
            let _ = self.told.send(Told::Reduced { job, result: result(bytes, kind, words) });
        }
    }
}

impl RawCompute {
    fn named(&self, name: &str) -> Option<JobId> {
        self.compute.jobs().into_iter().map(|(id, _)| id).find(|id| id.to_string() == name)
    }
}

#[wasm_bindgen(wasm_bindgen_futures = crate::promise)]
impl RawJob {
    /// Its name.
    pub fn id(&self) -> String {
        self.0.id().to_string()
    }

    /// Its program and progress as JSON; nothing once it was erased.
    pub fn view(&self) -> Option<String> {
        self.0.view().map(|job| view(&job).to_string())
    }

    /// Its progress.
    pub fn watch(&self) -> Reader {
        Reader::of(Source::Job(self.0.watch()))
    }

    /// Its results as they are accepted.
    pub fn results(&self) -> Reader {
        Reader::of(Source::Results(self.0.results()))
    }

    /// One outcome or error. The bytes of a list are those of each unit.
    pub fn outcome(&self) -> Reader {
        Reader::of(Source::Outcome(self.0.clone()))
    }

    /// Pauses it.
    pub async fn pause(&self) -> Result<(), JsValue> {
        self.0.pause().await.map_err(thrown)
    }

    /// Lets it run again.
    pub async fn resume(&self) -> Result<(), JsValue> {
        self.0.resume().await.map_err(thrown)
    }

    /// Cancels it for good.
    pub async fn cancel(&self) -> Result<(), JsValue> {
        self.0.cancel().await.map_err(thrown)
    }

    /// Removes it from the room.
    pub async fn erase(&self) -> Result<(), JsValue> {
        self.0.erase().await.map_err(thrown)
    }
}

#[wasm_bindgen(wasm_bindgen_futures = crate::promise)]
impl RawItems {
    /// Adds an item once there is room for it. `false` if no results are wanted any more.
    pub async fn put(&self, item: Vec<u8>) -> bool {
        self.0.put(item).await
    }
}

#[wasm_bindgen]
impl RawLending {
    /// The spans that run, as JSON: job, unit and end of each.
    pub fn runs(&self) -> String {
        let runs = self.0.runs();
        let run = |run: &meshwork::compute::Run| json!({ "job": run.job.to_string(), "unit": run.unit, "end": run.end });
        Value::from_iter(runs.iter().map(run)).to_string()
    }

    /// Changes the number of units at once.
    #[wasm_bindgen(js_name = setCores)]
    pub fn set_cores(&mut self, cores: u8) {
        self.0.set_cores(cores);
    }

    /// Pauses, or goes on.
    pub fn pause(&mut self, is_paused: bool) {
        self.0.pause(is_paused);
    }
}

impl Pool for PagePool {
    fn kinds(&self) -> u8 {
        self.kinds
    }

    fn order(&mut self, order: PoolOrder) {
        // The page reads them as long as it has the object; without it nothing runs here.
        let _ = self.orders.send(order);
    }

    fn poll_told(&mut self, context: &mut Context<'_>) -> Poll<Told> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        match told.poll_recv(context) {
            Poll::Ready(Some(told)) => Poll::Ready(told),
            _ => Poll::Pending,
        }
    }
}

impl ProgramOptions {
    fn program(&self, code: Option<Vec<u8>>) -> Result<Program, JsValue> {
        let code = code.unwrap_or_default();
        let mut program = match &*self.kind {
            "wasm" => Program::wasm(&self.name, code),
            "js" => Program::js(&self.name, &String::from_utf8(code).map_err(unfit)?),
            _ => Program::offered(&self.name),
        };
        program = match self.result.as_deref() {
            Some("bytes") => program.result(Shape::Bytes).view(View::File),
            Some("text") => program.text(),
            Some("json") => program.result(Shape::Json).view(View::Table),
            Some("f32") => program.result(Shape::F32),
            Some("f64") => program.result(Shape::F64),
            Some("u32") => program.result(Shape::U32),
            _ => program,
        };
        program = match self.view.as_deref() {
            Some("file") => program.view(View::File),
            Some("numbers") => program.view(View::Numbers),
            Some("table") => program.view(View::Table),
            _ => program,
        };
        if let Some([columns, width, height]) = self.tiles {
            program = program.tiles(columns, width, height);
        }
        if let Some([absolute, relative]) = self.tolerance {
            program = program.tolerance(absolute, relative);
        }
        if let Some(mib) = self.memory_mib {
            program = program.memory_mib(mib);
        }
        if let Some(ms) = self.unit_ms {
            program = program.unit_ms(ms);
        }
        if let Some(bytes) = self.result_max {
            program = program.result_max(bytes);
        }
        Ok(program.about(&self.about))
    }

    fn job(
        &self,
        code: Option<Vec<u8>>,
        input: Option<Vec<u8>>,
        items: Option<Array>,
    ) -> Result<NewJob, JsValue> {
        let program = self.program(code)?;
        let mut new = match items {
            Some(items) => {
                let items: Vec<Vec<u8>> = items.iter().map(|item| Uint8Array::new(&item).to_vec()).collect();
                NewJob::items(program, &items)
            }
            None => NewJob::new(program, self.units.unwrap_or_default()),
        };
        if let Some(input) = input {
            new = new.input(input);
        }
        if let Some(check) = self.check() {
            new = new.check(check);
        }
        new = match self.reduce.as_deref() {
            Some("concat") => new.reduce(Reduce::Concat),
            Some("list") => new.reduce(Reduce::List),
            Some("sum") => new.reduce(Reduce::Sum),
            Some("min") => new.reduce(Reduce::Min),
            Some("max") => new.reduce(Reduce::Max),
            Some("program") => new.reduce(Reduce::Program),
            _ => new,
        };
        new.params(&self.params).map_err(unfit).map(|new| Ok(new.trust(self.trusted()?)))?
    }

    fn check(&self) -> Option<Check> {
        match self.check.as_deref()? {
            "none" => Some(Check::None),
            "all" => Some(Check::All),
            _ => Some(Check::Sample),
        }
    }

    fn trusted(&self) -> Result<Vec<PeerId>, JsValue> {
        peers(&self.trusted)
    }
}

fn peers(texts: &[String]) -> Result<Vec<PeerId>, JsValue> {
    texts.iter().map(|text| text.parse().map_err(unfit)).collect()
}

fn result(bytes: Option<Vec<u8>>, kind: Option<String>, words: Option<String>) -> Result<Vec<u8>, Failure> {
    let words = Words::truncated(&words.unwrap_or_default());
    match (bytes, kind.as_deref()) {
        (Some(bytes), None) => Ok(bytes),
        (_, Some("time")) => Err(Failure::Time),
        (_, Some("memory")) => Err(Failure::Memory),
        (_, Some("result")) => Err(Failure::Result),
        (_, Some("load")) => Err(Failure::Load(words)),
        _ => Err(Failure::Trapped(words)),
    }
}

/// An order as the page reads it: JSON, and bytes that belong to it.
pub(crate) fn order(order: PoolOrder) -> JsValue {
    match order {
        PoolOrder::Load { id, job, code, input } => {
            let told = json!({ "load": {
                "id": id.to_string(), "kind": kind(job.program.kind), "name": job.program.name.as_str(),
                "submitter": job.submitter().map(|peer| peer.to_string()), "units": job.units,
                "params": String::from_utf8_lossy(&job.params), "shape": shape(&job),
                "hasItems": matches!(job.input, Input::Items(..)),
                "limits": { "memory_mib": job.program.limits.memory_mib, "unit_ms": job.program.limits.unit_ms,
                    "result": job.program.limits.result },
            } });
            let input = input.map_or(JsValue::NULL, |input| match job.input {
                Input::Items(..) if job.program.kind == Kind::Offered => items(&job, &input),
                _ => Uint8Array::from(&*input).into(),
            });
            let code = code.map_or(JsValue::NULL, |code| Uint8Array::from(&*code).into());
            Array::of3(&told.to_string().into(), &code, &input).into()
        }
        PoolOrder::Run { run, job, first, units } => {
            let told =
                json!({ "run": { "run": run, "id": job.to_string(), "first": first, "units": units } });
            Array::of1(&told.to_string().into()).into()
        }
        PoolOrder::End(run) => Array::of1(&json!({ "end": run }).to_string().into()).into(),
        PoolOrder::Unload(job) => Array::of1(&json!({ "unload": job.to_string() }).to_string().into()).into(),
        PoolOrder::Reduce { job, packet } => {
            let told = json!({ "reduce": { "id": job.to_string() } });
            Array::of2(&told.to_string().into(), &Uint8Array::from(&*packet)).into()
        }
    }
}

/// The bytes of each item; null for an input that is no packet of them.
fn items(job: &Form, input: &[u8]) -> JsValue {
    match read_packet(input, job.units as usize, input.len()) {
        Ok(items) => values(items),
        Err(_) => JsValue::NULL,
    }
}

fn values<T: AsRef<[u8]>>(values: impl IntoIterator<Item = T>) -> JsValue {
    let values = values.into_iter().map(|value| JsValue::from(Uint8Array::from(value.as_ref())));
    values.collect::<Array>().into()
}

/// A change of results: the first unit, and its bytes and those after it, or a number of units that are lost.
pub(crate) fn change(change: ResultChange) -> JsValue {
    match change {
        ResultChange::Came { first, values: came } => Array::of2(&first.into(), &values(came)).into(),
        ResultChange::Lost { first, units } => Array::of2(&first.into(), &units.into()).into(),
    }
}

/// An outcome, as bytes or as those of each unit; or an error.
pub(crate) async fn outcome(job: &Job) -> JsValue {
    let is_list = job.view().is_some_and(|view| view.job.reduce == Reduce::List);
    let outcome = match is_list {
        true => job.list().await.map(values),
        false => job.outcome().await.map(|bytes| Uint8Array::from(&*bytes).into()),
    };
    outcome.unwrap_or_else(thrown)
}

/// A number with the bytes of a result or an error, or an error after which nothing comes. The bytes behind an error are right.
pub(crate) fn mapped(next: Result<MappedItem, MapError>) -> JsValue {
    let (number, result) = match next {
        Ok(item) => item,
        Err(MapError::Submit(error)) => return thrown(error),
        Err(MapError::Job(error)) => return thrown(error),
        Err(error) => return thrown(OfItem { number: None, error: Err(error) }),
    };
    let index = JsValue::from(number as f64);
    match result {
        Ok(bytes) => Array::of2(&index, &Uint8Array::from(&*bytes)).into(),
        Err(error) => {
            let right = match &error {
                ItemError::Corrected(bytes) => Uint8Array::from(&**bytes).into(),
                _ => JsValue::UNDEFINED,
            };
            let error = thrown(OfItem { number: Some(number), error: Ok(error) });
            Array::of3(&index, &error, &right).into()
        }
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Wasm => "wasm",
        Kind::Js => "js",
        Kind::Wgsl(_) => "wgsl",
        Kind::Offered => "offered",
    }
}

/// The form of results. Texts are bytes that are shown as a table.
fn shape(job: &Form) -> &'static str {
    match job.program.result {
        Shape::Bytes => "bytes",
        Shape::Json => "json",
        Shape::F32 => "f32",
        Shape::F64 => "f64",
        Shape::U32 => "u32",
    }
}

fn device(offer: &Offer) -> Value {
    let kinds = [Kind::Wasm, Kind::Js].into_iter().filter(|kind| offer.engines >> kind.number() & 1 == 1);
    json!({
        "cores": offer.cores, "programs": Value::from_iter(kinds.map(kind)), "runs": offer.runs,
        "offers": Value::from_iter(offer.offers.iter().map(|name| name.as_str().to_owned())),
        "card": offer.card.as_str(), "isPaused": offer.is_paused,
    })
}

/// Program and progress of a job, as JSON.
pub(crate) fn view(view: &JobView) -> Value {
    let (program, reduce) = (&view.job.program, view.job.reduce);
    let result = match (shape(&view.job), program.view) {
        ("bytes", View::Table) => "text",
        (shape, _) => shape,
    };
    let tiles = match program.view {
        View::Tiles { columns, width, height } => {
            json!({ "columns": columns, "width": width, "height": height })
        }
        _ => Value::Null,
    };
    let (state, failure) = match &view.state {
        State::Running => ("running", Value::Null),
        State::Paused => ("paused", Value::Null),
        State::Done { .. } => ("done", Value::Null),
        State::Failed { unit, reason } => {
            let mut told = ended(reason);
            told["unit"] = (*unit).into();
            told["message"] = reason.to_string().into();
            ("failed", told)
        }
        State::Cancelled => ("cancelled", Value::Null),
    };
    let reduce = match reduce {
        Reduce::Concat => "concat",
        Reduce::List => "list",
        Reduce::Sum => "sum",
        Reduce::Min => "min",
        Reduce::Max => "max",
        Reduce::Program => "program",
    };
    let credit = view.credit.iter().map(|(peer, units)| (peer.to_string(), json!(units)));
    json!({
        "name": program.name.as_str(), "about": program.about.as_str(), "kind": kind(program.kind),
        "result": result, "reduce": reduce, "tiles": tiles, "params": String::from_utf8_lossy(&view.job.params),
        "submitter": view.submitter.to_string(), "state": state, "failure": failure,
        "units": view.units, "accepted": view.accepted, "checked": view.checked, "perSecond": view.per_second,
        "left": view.left.map(|left| left.as_millis() as u64), "lenders": view.lenders,
        "steward": view.steward.map(|steward| steward.to_string()), "credit": Value::from_iter(credit),
        "caught": Value::from_iter(view.caught.iter().map(|peer| peer.to_string())),
        "standstill": view.standstill.as_ref().map(standstill),
    })
}

fn standstill(standstill: &Standstill) -> Value {
    let mut told = match standstill {
        Standstill::Paused => json!({ "kind": "paused" }),
        Standstill::NobodyLends => json!({ "kind": "nobodyLends" }),
        Standstill::NobodyRuns(_) => json!({ "kind": "nobodyRuns" }),
        Standstill::NoCard => json!({ "kind": "noCard" }),
        Standstill::OutcomeAway(peer) => json!({ "kind": "outcomeAway", "peer": peer.to_string() }),
        Standstill::NobodyOffers(name) => json!({ "kind": "nobodyOffers", "offered": name }),
        Standstill::NobodyTrusted(peer) => json!({ "kind": "nobodyTrusted", "peer": peer.to_string() }),
        Standstill::NobodyChecks { results } => json!({ "kind": "nobodyChecks", "results": results }),
        Standstill::UnitFails { unit, reason } => {
            let (failure, words) = failure(reason);
            json!({ "kind": "unitFails", "unit": unit, "failure": failure, "words": words })
        }
        Standstill::NobodyReduces { submitter, steward } => {
            json!({ "kind": "nobodyReduces", "peer": submitter.to_string(), "steward": steward.to_string() })
        }
        Standstill::TakingOver => json!({ "kind": "takingOver" }),
        Standstill::BookRefused => json!({ "kind": "bookRefused" }),
        Standstill::Slow { unit, lender, .. } => {
            json!({ "kind": "slow", "unit": unit, "lender": lender.to_string() })
        }
        _ => json!({ "kind": "other" }),
    };
    told["message"] = standstill.to_string().into();
    told
}

/// The kind of a failure, and the program's last words.
fn failure(failure: &Failure) -> (&'static str, &str) {
    match failure {
        Failure::Trapped(words) => ("trapped", words.as_str()),
        Failure::Time => ("time", ""),
        Failure::Memory => ("memory", ""),
        Failure::Result => ("result", ""),
        Failure::Load(words) => ("load", words.as_str()),
    }
}

/// The reason of a failure as fields of an error.
fn ended(reason: &Ended) -> Value {
    match reason {
        Ended::Fails(reason) => {
            let (reason, words) = failure(reason);
            json!({ "reason": reason, "words": words })
        }
        Ended::Differs => json!({ "reason": "differs" }),
        Ended::TooMuch(max) => json!({ "reason": "tooMuch", "max": max }),
    }
}

/// An error of an item.
struct OfItem {
    number: Option<u64>,
    error: Result<ItemError, MapError>,
}

impl std::fmt::Display for OfItem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.error, self.number) {
            (Ok(error), Some(number)) => write!(f, "item {number}: {error}"),
            (Ok(error), None) => error.fmt(f),
            (Err(error), _) => error.fmt(f),
        }
    }
}

impl Tell for OfItem {
    const CLASS: &'static str = "ItemError";

    fn tell(&self) -> (&'static str, Value) {
        let (code, mut told) = match &self.error {
            Ok(ItemError::Failed(reason)) => ("Failed", ended(reason)),
            Ok(_) => ("Corrected", json!({})),
            Err(MapError::ItemTooLong { number, length }) => {
                ("TooLarge", json!({ "index": number, "size": length }))
            }
            Err(_) => ("Closed", json!({})),
        };
        if let Some(number) = self.number {
            told["index"] = number.into();
        }
        (code, told)
    }
}

impl Tell for SubmitError {
    const CLASS: &'static str = "SubmitError";

    fn tell(&self) -> (&'static str, Value) {
        match self {
            SubmitError::TooMany(open) => ("TooMany", json!({ "open": open })),
            SubmitError::NoPool => ("NoPool", json!({})),
            SubmitError::Blob(error) => error.tell(),
            SubmitError::Write(error) => error.tell(),
            _ => ("Format", json!({})),
        }
    }
}

impl Tell for meshwork::compute::JobError {
    const CLASS: &'static str = "JobError";

    fn tell(&self) -> (&'static str, Value) {
        use meshwork::compute::JobError;
        match self {
            JobError::Failed { unit, reason } => {
                let mut told = ended(reason);
                told["unit"] = (*unit).into();
                ("Failed", told)
            }
            JobError::Cancelled => ("Cancelled", json!({})),
            JobError::Fetch(error) => error.tell(),
            JobError::Packet(_) => ("Packet", json!({})),
            _ => ("Erased", json!({})),
        }
    }
}
