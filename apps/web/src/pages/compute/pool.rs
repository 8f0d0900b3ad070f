//! The pool of this page: programs run in the sealed frame of `apps/web/compute/pool.js`.
//!
//! [`start`] gives a [`PagePool`] for the library, which sends orders to a task of the page, since no object of JavaScript leaves its
//! thread. [`Frames`] is the frame itself, for trials of own code too. It is removed on drop, which ends all programs in it at once.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Poll};

use js_sys::{Array, Function, Object, Promise, Reflect, Uint8Array};
use leptos::task::spawn_local;
use leptos::web_sys::{self, Element};
use meshwork::compute::format::{Input, Job, Shader};
use meshwork::compute::{Failure, JobId, Kind, Pool, PoolOrder, Shape, Told, Words};
use tokio::sync::mpsc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    /// Loads the script; the page's own first script has this, since no other can.
    #[wasm_bindgen(js_name = loadPool, catch)]
    fn load_pool() -> Result<Promise, JsValue>;

    /// `Pool` of `sdk/js/compute/pool.js`.
    #[derive(Clone, Debug)]
    type Hold;

    #[wasm_bindgen(method, catch)]
    fn order(this: &Hold, order: &JsValue) -> Result<(), JsValue>;

    #[wasm_bindgen(method, setter, catch)]
    fn set_share(this: &Hold, share: f64) -> Result<(), JsValue>;

    #[wasm_bindgen(method, getter, catch, js_name = strangersModules)]
    fn strangers_modules(this: &Hold) -> Result<bool, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn end(this: &Hold) -> Result<(), JsValue>;
}

/// An answer of the frame.
pub(super) enum Answer {
    /// An answer of the pool.
    Told(Told),
    /// The browser runs no sealed frame.
    Refused,
    /// The graphics card runs no shader any more, in words.
    CardGone(String),
}

/// The graphics card of this device, as the browser shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Card {
    /// Its name.
    Here(String),
    /// WebGPU needs an address with https, or localhost.
    Insecure,
    /// The browser has no WebGPU.
    Missing,
    /// The browser gives no card.
    None,
    /// It ran a shader and answers no more, in words.
    Gone(String),
}

impl Card {
    /// Asks the browser. `None` if the script cannot be loaded.
    pub(super) async fn find() -> Option<Card> {
        let script = JsFuture::from(load_pool().ok()?).await.ok()?;
        let find: Function = Reflect::get(&script, &"findCard".into()).ok()?.dyn_into().ok()?;
        let asked: Promise = find.call0(&JsValue::UNDEFINED).ok()?.dyn_into().ok()?;
        let found = JsFuture::from(asked).await.ok()?;
        let text = |name: &str| field(&found, name).and_then(|text| text.as_string());
        Some(match (text("name"), text("problem").as_deref()) {
            (Some(name), _) => Card::Here(name),
            (None, Some("insecure")) => Card::Insecure,
            (None, Some("missing")) => Card::Missing,
            (None, _) => Card::None,
        })
    }
}

/// The frame, removed on drop.
pub(super) struct Frames {
    hold: Hold,
    place: Element,
    _tell: Closure<dyn Fn(JsValue)>,
}

impl Frames {
    /// Loads the script and makes a frame. `tell` is never called before an order returns. `None` if the script cannot be loaded.
    pub(super) async fn load(tell: impl Fn(Answer) + 'static) -> Option<Frames> {
        let script = JsFuture::from(load_pool().ok()?).await.ok()?;
        let make: Function = Reflect::get(&script, &"makePool".into()).ok()?.dyn_into().ok()?;
        let document = web_sys::window()?.document()?;
        let place = document.create_element("div").ok()?;
        place.set_attribute("hidden", "").ok()?;
        document.body()?.append_child(&place).ok()?;
        let tell = Closure::<dyn Fn(JsValue)>::new(move |told: JsValue| {
            if let Some(answer) = answer(&told) {
                tell(answer);
            }
        });
        let given = Array::of2(&place, tell.as_ref());
        let hold = make.apply(&JsValue::UNDEFINED, &given).ok()?.unchecked_into();
        Some(Frames { hold, place, _tell: tell })
    }

    /// The per cent of its time in which each worker works.
    pub(super) fn set_share(&self, share: u8) {
        // A number is always taken.
        let _ = self.hold.set_share(share.into());
    }

    /// Whether this browser can end a WebAssembly module that loops.
    pub(super) fn has_modules(&self) -> bool {
        self.hold.strangers_modules().unwrap_or(false)
    }

    /// Ends all programs.
    pub(super) fn end(&self) {
        let _ = self.hold.end();
    }

    /// Carries out an order.
    pub(super) fn order(&self, order: &PoolOrder) {
        // An order fails only if the script has a fault; the lender's own limits of time then count.
        let _ = self.hold.order(&in_js(order));
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        self.end();
        self.place.remove();
    }
}

/// The pool as the library has it.
pub(super) struct PagePool {
    kinds: u8,
    orders: mpsc::UnboundedSender<PoolOrder>,
    told: mpsc::UnboundedReceiver<Told>,
}

impl PagePool {
    /// Runs these kinds of programs alone, as bits.
    pub(super) fn with_kinds(self, kinds: u8) -> PagePool {
        PagePool { kinds, ..self }
    }
}

impl Pool for PagePool {
    fn kinds(&self) -> u8 {
        self.kinds
    }

    fn order(&mut self, order: PoolOrder) {
        // The task ends with the pool alone.
        let _ = self.orders.send(order);
    }

    fn poll_told(&mut self, context: &mut Context<'_>) -> Poll<Told> {
        match self.told.poll_recv(context) {
            Poll::Ready(Some(told)) => Poll::Ready(told),
            _ => Poll::Pending,
        }
    }
}

/// Starts a pool. `refused` is called if the browser runs no sealed frame, `card_gone` with the reason if shaders run here no more.
/// The frame goes with the pool.
pub(super) async fn start(
    refused: impl Fn() + 'static,
    card_gone: impl Fn(String) + 'static,
) -> Option<(PagePool, Rc<Frames>)> {
    let (orders, mut ordered) = mpsc::unbounded_channel();
    let (tell, told) = mpsc::unbounded_channel();
    let frames = Frames::load(move |answer| match answer {
        // The pool may have gone.
        Answer::Told(told) => drop(tell.send(told)),
        Answer::Refused => refused(),
        Answer::CardGone(words) => card_gone(words),
    });
    let frames = Rc::new(frames.await?);
    let held = Rc::new(RefCell::new(Some(Rc::clone(&frames))));
    spawn_local(async move {
        while let Some(order) = ordered.recv().await {
            if let Some(frames) = held.borrow().as_ref() {
                frames.order(&order);
            }
        }
        held.borrow_mut().take();
    });
    // The terms choose the kinds.
    Some((PagePool { kinds: 0, orders, told }, frames))
}

fn object(fields: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in fields {
        // A new object takes every field.
        let _ = Reflect::set(&object, &(*name).into(), value);
    }
    object.into()
}

fn bytes(bytes: Option<&Vec<u8>>) -> JsValue {
    bytes.map_or(JsValue::NULL, |bytes| Uint8Array::from(bytes.as_slice()).into())
}

/// An order as the script reads it.
fn in_js(order: &PoolOrder) -> JsValue {
    match order {
        PoolOrder::Load { id, job, code, input } => object(&[("load", load(id, job, code, input))]),
        PoolOrder::Run { run, job, first, units } => {
            let run = [
                ("run", JsValue::from_f64(*run as f64)),
                ("id", job.to_string().into()),
                ("first", (*first).into()),
                ("units", (*units).into()),
            ];
            object(&[("run", object(&run))])
        }
        PoolOrder::End(run) => object(&[("end", JsValue::from_f64(*run as f64))]),
        PoolOrder::Unload(job) => object(&[("unload", job.to_string().into())]),
        PoolOrder::Reduce { job, packet } => {
            let reduce = [("id", job.to_string().into()), ("packet", bytes(Some(packet)))];
            object(&[("reduce", object(&reduce))])
        }
    }
}

fn load(id: &JobId, job: &Job, code: &Option<Vec<u8>>, input: &Option<Vec<u8>>) -> JsValue {
    let (kind, shader) = match job.program.kind {
        Kind::Js => ("js", JsValue::UNDEFINED),
        Kind::Wgsl(shader) => ("wgsl", shader_in_js(shader)),
        Kind::Wasm | Kind::Offered => ("wasm", JsValue::UNDEFINED),
    };
    let shape = match job.program.result {
        Shape::Bytes => "bytes",
        Shape::Json => "json",
        Shape::F32 => "f32",
        Shape::F64 => "f64",
        Shape::U32 => "u32",
    };
    let limits = object(&[
        ("memory_mib", job.program.limits.memory_mib.into()),
        ("unit_ms", job.program.limits.unit_ms.into()),
        ("result", job.program.limits.result.into()),
    ]);
    object(&[
        ("id", id.to_string().into()),
        ("kind", kind.into()),
        ("shader", shader),
        ("code", bytes(code.as_ref())),
        ("input", bytes(input.as_ref())),
        ("hasItems", matches!(job.input, Input::Items(..)).into()),
        ("params", String::from_utf8_lossy(&job.params).into_owned().into()),
        ("units", job.units.into()),
        ("shape", shape.into()),
        ("limits", limits),
    ])
}

fn shader_in_js(shader: Shader) -> JsValue {
    let groups: Array = shader.groups.into_iter().map(JsValue::from).collect();
    object(&[("groups", groups.into()), ("output", shader.output.into())])
}

/// The answer that an object of the script is.
fn answer(told: &JsValue) -> Option<Answer> {
    let part = |name: &str| field(told, name).filter(|part| !part.is_undefined());
    if part("refused").is_some() {
        return Some(Answer::Refused);
    }
    if let Some(words) = part("cardGone") {
        return Some(Answer::CardGone(words.as_string().unwrap_or_default()));
    }
    if let Some(ran) = part("ran") {
        let number = |name: &str| field(&ran, name).and_then(|number| number.as_f64());
        return Some(Answer::Told(Told::Ran {
            run: number("run")? as u64,
            unit: number("unit")? as u32,
            result: result(&ran)?,
            micros: number("micros").unwrap_or_default() as u32,
        }));
    }
    let reduced = part("reduced")?;
    let job = job_id(&field(&reduced, "id")?.as_string()?)?;
    Some(Answer::Told(Told::Reduced { job, result: result(&reduced)? }))
}

fn field(object: &JsValue, name: &str) -> Option<JsValue> {
    Reflect::get(object, &name.into()).ok()
}

fn result(told: &JsValue) -> Option<Result<Vec<u8>, Failure>> {
    if let Some(bytes) = field(told, "bytes").and_then(|bytes| bytes.dyn_into::<Uint8Array>().ok()) {
        return Some(Ok(bytes.to_vec()));
    }
    let failure = field(told, "failure")?;
    let text = |name: &str| field(&failure, name).and_then(|text| text.as_string()).unwrap_or_default();
    let words = Words::truncated(&text("words"));
    Some(Err(match text("kind").as_str() {
        "time" => Failure::Time,
        "memory" => Failure::Memory,
        "result" => Failure::Result,
        "load" => Failure::Load(words),
        _ => Failure::Trapped(words),
    }))
}

/// The job with this name in hexadecimal digits.
fn job_id(text: &str) -> Option<JobId> {
    let mut id = [0; 16];
    if text.len() != 2 * id.len() || !text.is_ascii() {
        return None;
    }
    for (at, byte) in id.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(JobId(id))
}
