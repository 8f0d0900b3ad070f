//! JavaScript in QuickJS: a fresh realm for each call, without clock, timers, modules and code from text.
//!
//! A call runs in a thread of its own. QuickJS asks for the time between steps, and a step of its own functions may take long, such as
//! a search in a long text. The caller leaves such a thread behind, so the answer is there in time.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use meshwork_compute::job::{Input, RESULT_MAX, Shape};
use meshwork_compute::message::Failure;
use meshwork_compute::packet;
use rquickjs::context::{EvalOptions, intrinsic};
use rquickjs::promise::PromiseState;
use rquickjs::{Array, ArrayBuffer, Context, Ctx, Error, Function, Runtime, TypedArray, Value};

use crate::limit::Limit;
use crate::program::{Call, Program, Ran, trapped, unloadable};

const PRELUDE: &str = include_str!("prelude.js");
/// Stack of a thread, and the part of it that scripts may use.
const STACK: (usize, usize) = (4 << 20, 1 << 20);
/// Time between two looks at a thread that must end.
const LOOK: Duration = Duration::from_millis(10);
/// Time for a thread to end by itself after its unit's time. A busy machine needs it.
const GRACE: Duration = Duration::from_secs(1);
/// The same if its run was stopped, and nobody waits for the answer.
const STOP_GRACE: Duration = Duration::from_millis(30);
/// Threads left behind that are busy, beyond which no script starts.
const LEFT_MAX: usize = 2;
/// Seed of a reduction: no unit has this number.
const REDUCE_SEED: u32 = u32::MAX;

/// Threads of this process that were left behind and are still busy.
static LEFT: AtomicUsize = AtomicUsize::new(0);

/// Standard objects that programs have: no `Date`, `performance`, `WeakRef`. The compiler is for the host.
type Objects = (
    intrinsic::Eval,
    intrinsic::RegExpCompiler,
    intrinsic::RegExp,
    intrinsic::Json,
    intrinsic::Proxy,
    intrinsic::MapSet,
    intrinsic::TypedArrays,
    intrinsic::Promise,
);

/// Runs a call in a thread of its own.
pub(crate) fn run(program: &Arc<Program>, call: &Call, limit: &Limit) -> Ran {
    let start = Instant::now();
    while LEFT.load(Ordering::Relaxed) >= LEFT_MAX {
        if start.elapsed() > GRACE || limit.is_stopped() {
            let words = format!("{LEFT_MAX} scripts do not end here: start this lender's program again");
            return unloadable(&words).into();
        }
        thread::sleep(LOOK);
    }
    let (sender, receiver) = mpsc::channel();
    let work = (Arc::clone(program), call.clone(), limit.clone());
    let body = move || {
        let _ = sender.send(execute(&work.0, &work.1, &work.2));
    };
    // The handle is dropped: a thread that is left behind has no one to wait for it.
    if let Err(error) = thread::Builder::new().name("script".to_owned()).stack_size(STACK.0).spawn(body) {
        return unloadable(&format!("no thread for it: {error}")).into();
    }
    let mut over = None;
    loop {
        match receiver.recv_timeout(LOOK) {
            Ok(ran) => return ran,
            Err(RecvTimeoutError::Disconnected) => return trapped("the engine broke").into(),
            Err(RecvTimeoutError::Timeout) if !limit.is_over() => (),
            Err(RecvTimeoutError::Timeout) => {
                let grace = if limit.is_stopped() { STOP_GRACE } else { GRACE };
                if over.get_or_insert_with(Instant::now).elapsed() > grace {
                    leave(receiver);
                    return Failure::Time.into();
                }
            }
        }
    }
}

/// Counts a thread as left behind until it ends.
fn leave(receiver: mpsc::Receiver<Ran>) {
    LEFT.fetch_add(1, Ordering::Relaxed);
    let wait = move || {
        let _ = receiver.recv();
        LEFT.fetch_sub(1, Ordering::Relaxed);
    };
    if thread::Builder::new().name("script-left".to_owned()).spawn(wait).is_err() {
        // No thread can start, so no script could start either.
        LEFT.fetch_sub(1, Ordering::Relaxed);
    }
}

fn execute(program: &Program, call: &Call, limit: &Limit) -> Ran {
    let is_over = Rc::new(Cell::new(false));
    let (result, memory) = match realm(program, limit, &is_over) {
        Ok((runtime, context)) => {
            let result = context.with(|ctx| evaluate(&ctx, program, call, limit));
            let memory = program.is_tried.then(|| runtime.memory_usage().memory_used_size.unsigned_abs());
            (result, memory)
        }
        Err(_) => (Err(Failure::Memory), None),
    };
    // The last word is the limit's, since a script sees its end as an error that runs through its frames.
    Ran { result: if is_over.get() { Err(Failure::Time) } else { result }, memory }
}

fn realm(program: &Program, limit: &Limit, is_over: &Rc<Cell<bool>>) -> Result<(Runtime, Context), Error> {
    let runtime = Runtime::new()?;
    runtime.set_memory_limit(usize::from(program.limits().memory_mib) << 20);
    runtime.set_max_stack_size(STACK.1);
    let (limit, is_over) = (limit.clone(), Rc::clone(is_over));
    runtime.set_interrupt_handler(Some(Box::new(move || {
        is_over.set(is_over.get() || limit.is_over());
        is_over.get()
    })));
    let context = Context::custom::<Objects>(&runtime)?;
    Ok((runtime, context))
}

fn evaluate(ctx: &Ctx<'_>, program: &Program, call: &Call, limit: &Limit) -> Result<Vec<u8>, Failure> {
    let failed = |error| failure(ctx, error);
    let (name, seed) = match call {
        Call::Unit(unit) => ("unit", *unit),
        Call::Reduce(_) => ("reduce", REDUCE_SEED),
    };
    let prelude: Function<'_> = ctx.eval(PRELUDE).map_err(failed)?;
    prelude.call::<_, ()>((seed,)).map_err(failed)?;
    let function = load(ctx, program, name).map_err(|failure| match failure {
        Failure::Trapped(words) => Failure::Load(words),
        other => other,
    })?;
    let params: &[u8] = &program.job.params;
    let params = match params {
        [] => Value::new_null(ctx.clone()),
        params => ctx.json_parse(params).map_err(|error| match failed(error) {
            Failure::Trapped(words) => unloadable(&format!("its parameters: {}", words.as_str())),
            other => other,
        })?,
    };
    let value: Value<'_> = match call {
        Call::Unit(unit) => {
            let input = input(ctx, program, call).map_err(failed)?;
            function.call((*unit, params, input))
        }
        Call::Reduce(packet) => {
            let results = results(ctx, program, packet)?;
            function.call((results, params))
        }
    }
    .map_err(failed)?;
    let value = settled(ctx, value, limit)?;
    match call {
        Call::Unit(_) => result(ctx, program.job.program.result, value),
        Call::Reduce(_) => outcome(ctx, value),
    }
}

/// Evaluates the program's text and returns its function of this name.
fn load<'js>(ctx: &Ctx<'js>, program: &Program, name: &str) -> Result<Function<'js>, Failure> {
    // A browser's worker script is not strict either.
    let options = || {
        let mut options = EvalOptions::default();
        options.strict = false;
        options
    };
    let evaluated: Result<(), Error> = ctx.eval_with_options(program.code(), options());
    evaluated.map_err(|error| failure(ctx, error))?;
    let text = format!("typeof {name} === 'function' ? {name} : undefined");
    let function: Value<'js> = ctx.eval_with_options(text, options()).map_err(|error| failure(ctx, error))?;
    function.into_function().ok_or_else(|| unloadable(&format!("it declares no function named `{name}`")))
}

/// The input as programs see it: `undefined`, the bytes of the whole, or the item as JSON if it is JSON.
fn input<'js>(ctx: &Ctx<'js>, program: &Program, call: &Call) -> Result<Value<'js>, Error> {
    let bytes = program.input(call);
    match program.job.input {
        Input::None => Ok(Value::new_undefined(ctx.clone())),
        Input::Whole(..) => buffer(ctx, bytes),
        Input::Items(..) => json(ctx, bytes),
    }
}

/// These bytes as JSON if they are JSON, else as bytes.
fn json<'js>(ctx: &Ctx<'js>, bytes: &[u8]) -> Result<Value<'js>, Error> {
    if str::from_utf8(bytes).is_ok()
        && let Ok(value) = ctx.json_parse(bytes)
    {
        return Ok(value);
    }
    ctx.catch();
    buffer(ctx, bytes)
}

fn buffer<'js>(ctx: &Ctx<'js>, bytes: &[u8]) -> Result<Value<'js>, Error> {
    TypedArray::<u8>::new_copy(ctx.clone(), bytes).map(TypedArray::into_value)
}

/// All results as an array: bytes, JSON values or numbers.
fn results<'js>(ctx: &Ctx<'js>, program: &Program, bytes: &[u8]) -> Result<Value<'js>, Failure> {
    let (units, shape) = (program.job.units as usize, program.job.program.result);
    let values = packet::read(bytes, units, RESULT_MAX as usize);
    let values = values.map_err(|error| unloadable(&format!("the results: {error}")))?;
    let array = Array::new(ctx.clone()).map_err(|error| failure(ctx, error))?;
    for (at, bytes) in values.into_iter().enumerate() {
        let number = |number: Option<f64>| number.map(|number| Value::new_number(ctx.clone(), number));
        let value = match shape {
            Shape::F32 => number(bytes.try_into().ok().map(f32::from_le_bytes).map(f64::from)),
            Shape::F64 => number(bytes.try_into().ok().map(f64::from_le_bytes)),
            Shape::U32 => number(bytes.try_into().ok().map(u32::from_le_bytes).map(f64::from)),
            Shape::Json => Some(json(ctx, bytes).map_err(|error| failure(ctx, error))?),
            Shape::Bytes => None,
        };
        let value = match value {
            Some(value) => value,
            None => buffer(ctx, bytes).map_err(|error| failure(ctx, error))?,
        };
        array.set(at, value).map_err(|error| failure(ctx, error))?;
    }
    Ok(array.into_value())
}

/// The value of a promise, or the value itself.
fn settled<'js>(ctx: &Ctx<'js>, value: Value<'js>, limit: &Limit) -> Result<Value<'js>, Failure> {
    let Some(promise) = value.as_promise() else { return Ok(value) };
    while promise.state() == PromiseState::Pending {
        if limit.is_over() {
            return Err(Failure::Time);
        }
        if !ctx.execute_pending_job() {
            return Err(trapped("its promise is never settled"));
        }
    }
    match promise.result() {
        Some(result) => result.map_err(|error| failure(ctx, error)),
        None => Err(trapped("its promise is never settled")),
    }
}

/// The value of a unit as bytes.
fn result<'js>(ctx: &Ctx<'js>, shape: Shape, value: Value<'js>) -> Result<Vec<u8>, Failure> {
    let number = value.as_number();
    match shape {
        Shape::Bytes => bytes(&value).ok_or(Failure::Result),
        Shape::Json => stringified(ctx, value),
        Shape::F32 => number.map(|number| (number as f32).to_le_bytes().to_vec()).ok_or(Failure::Result),
        Shape::F64 => number.map(|number| number.to_le_bytes().to_vec()).ok_or(Failure::Result),
        Shape::U32 => {
            let whole = number.filter(|number| number.fract() == 0.0);
            let fits = whole.filter(|number| (0.0..=f64::from(u32::MAX)).contains(number));
            fits.map(|number| (number as u32).to_le_bytes().to_vec()).ok_or(Failure::Result)
        }
    }
}

/// The value of a reduction as bytes: bytes and texts as they are, all else as JSON.
fn outcome<'js>(ctx: &Ctx<'js>, value: Value<'js>) -> Result<Vec<u8>, Failure> {
    match bytes(&value) {
        Some(bytes) => Ok(bytes),
        None => stringified(ctx, value),
    }
}

fn bytes(value: &Value<'_>) -> Option<Vec<u8>> {
    if let Some(text) = value.as_string() {
        return text.to_string().ok().map(String::into_bytes);
    }
    let object = value.as_object()?;
    if let Some(array) = object.as_typed_array::<u8>() {
        // SAFETY: no script runs between here and the copy.
        return unsafe { array.as_bytes() }.map(<[u8]>::to_vec);
    }
    let buffer = ArrayBuffer::from_object(object.clone())?;
    // SAFETY: no script runs between here and the copy.
    unsafe { buffer.as_bytes() }.map(<[u8]>::to_vec)
}

fn stringified<'js>(ctx: &Ctx<'js>, value: Value<'js>) -> Result<Vec<u8>, Failure> {
    let text = ctx.json_stringify(value).map_err(|error| failure(ctx, error))?;
    let text = text.and_then(|text| text.to_string().ok());
    text.map(String::into_bytes).ok_or(Failure::Result)
}

/// The failure behind an error. The text of a thrown value is read if it is a text or an error: others' `toString` is the program's own.
fn failure(ctx: &Ctx<'_>, error: Error) -> Failure {
    match error {
        Error::Exception => thrown(&ctx.catch()),
        Error::Allocation => Failure::Memory,
        other => trapped(&other.to_string()),
    }
}

fn thrown(value: &Value<'_>) -> Failure {
    if let Some(text) = value.as_string() {
        return trapped(&text.to_string().unwrap_or_default());
    }
    if let Some(number) = value.as_number() {
        return trapped(&number.to_string());
    }
    let Some(exception) = value.as_exception() else {
        return trapped(&format!("it throws a value of type {}", value.type_name()));
    };
    let name = exception.as_object().get::<_, String>("name").unwrap_or_default();
    let message = exception.message().unwrap_or_default();
    match (name.as_str(), message.as_str()) {
        ("InternalError", "out of memory") => Failure::Memory,
        (name, message) => trapped(&format!("{name}: {message}")),
    }
}
