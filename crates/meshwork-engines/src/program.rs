//! A loaded program: its engine, its input by units, and the check of its results.

use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use meshwork_compute::book::Words;
use meshwork_compute::job::{INPUT_MAX, Input, Job, Kind, Limits, Reduce, UNIT_MS_MAX};
use meshwork_compute::message::Failure;
use meshwork_compute::packet;

use crate::command::Command;
use crate::gpu::{self, Card};
use crate::interpreter::Interpreter;
use crate::limit::{Limit, Stop};
use crate::script;

/// Time of a reduction: it runs once, over all results.
const REDUCE_TIME: Duration = Duration::from_millis(UNIT_MS_MAX as u64);

/// The call of a program.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    /// A unit.
    Unit(u32),
    /// The reduction of this packet of all results.
    Reduce(Arc<Vec<u8>>),
}

/// A finished call.
pub(crate) struct Ran {
    pub(crate) result: Result<Vec<u8>, Failure>,
    /// Bytes of memory that the program held at its end, if its engine counts them.
    pub(crate) memory: Option<u64>,
}

impl From<Failure> for Ran {
    fn from(failure: Failure) -> Ran {
        Ran { result: Err(failure), memory: None }
    }
}

/// A program that is to run here.
pub(crate) struct Program {
    pub(crate) job: Arc<Job>,
    code: Option<Vec<u8>>,
    input: Option<Vec<u8>>,
    command: Option<Command>,
    card: Option<Card>,
    /// Scripts count their memory, which takes time.
    pub(crate) is_tried: bool,
    /// Loaded by its first run, for all threads.
    loaded: OnceLock<Result<Loaded, Failure>>,
}

/// Code that was read, and the places of the items in the input.
struct Loaded {
    engine: Engine,
    items: Vec<Range<usize>>,
}

enum Engine {
    Interpreter(Interpreter),
    Script,
    Command(Command),
    Gpu(gpu::Shader),
}

impl Program {
    /// A program with its code and input. `command` is the lender's command under the program's name, `card` the one that it lends.
    pub(crate) fn new(
        job: Arc<Job>,
        code: Option<Vec<u8>>,
        input: Option<Vec<u8>>,
        command: Option<Command>,
        card: Option<Card>,
    ) -> Program {
        Program { job, code, input, command, card, is_tried: false, loaded: OnceLock::new() }
    }

    /// Runs a call in a fresh instance, within the job's limits.
    pub(crate) fn run(self: &Arc<Self>, call: &Call, stop: &Stop) -> Ran {
        let loaded = match self.loaded.get_or_init(|| self.load()) {
            Ok(loaded) => loaded,
            Err(failure) => return failure.clone().into(),
        };
        let time = match call {
            Call::Unit(_) => Duration::from_millis(self.limits().unit_ms.into()),
            Call::Reduce(_) => REDUCE_TIME,
        };
        let limit = Limit::new(stop, time);
        let mut ran = match &loaded.engine {
            Engine::Interpreter(interpreter) => interpreter.run(self, call, &limit),
            Engine::Script => script::run(self, call, &limit),
            Engine::Command(command) => command.run(self, call, &limit),
            Engine::Gpu(shader) => shader.run(self, call, &limit),
        };
        if let Call::Unit(_) = call {
            ran.result = ran.result.and_then(|value| self.checked(value));
        }
        ran
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.job.program.limits
    }

    /// The code; empty if there is none.
    pub(crate) fn code(&self) -> &[u8] {
        self.code.as_deref().unwrap_or_default()
    }

    /// The input of a call: its item, the whole input, or the packet of all results.
    pub(crate) fn input<'a>(&'a self, call: &'a Call) -> &'a [u8] {
        let whole = self.input.as_deref().unwrap_or_default();
        match (call, &self.job.input, self.loaded.get()) {
            (Call::Reduce(packet), ..) => packet,
            (Call::Unit(unit), Input::Items(..), Some(Ok(loaded))) => {
                loaded.items.get(*unit as usize).map(|item| &whole[item.clone()]).unwrap_or_default()
            }
            (Call::Unit(_), ..) => whole,
        }
    }

    fn load(&self) -> Result<Loaded, Failure> {
        let is_offered = self.job.program.kind == Kind::Offered;
        if self.code.is_none() && !is_offered {
            return Err(unloadable("its code is missing"));
        }
        if self.input.is_none() && self.job.input != Input::None {
            return Err(unloadable("its input is missing"));
        }
        let reduces = self.job.reduce == Reduce::Program;
        let engine = match self.job.program.kind {
            Kind::Wasm => Engine::Interpreter(Interpreter::new(self.code(), reduces)?),
            Kind::Js => Engine::Script,
            Kind::Offered => match &self.command {
                Some(command) => Engine::Command(command.clone()),
                None => {
                    let name = self.job.program.name.as_str();
                    return Err(unloadable(&format!("nothing is offered here under the name {name}")));
                }
            },
            Kind::Wgsl(_) => Engine::Gpu(gpu::Shader::new(self, self.card.as_ref())?),
        };
        Ok(Loaded { engine, items: self.items()? })
    }

    fn items(&self) -> Result<Vec<Range<usize>>, Failure> {
        let (Input::Items(..), Some(input)) = (&self.job.input, &self.input) else { return Ok(Vec::new()) };
        let items = packet::read(input, self.job.units as usize, INPUT_MAX as usize);
        let items =
            items.map_err(|error| unloadable(&format!("its input has no item for each unit: {error}")))?;
        // Items lie in the input, so the distance between the pointers is the item's place.
        let place = |item: &[u8]| item.as_ptr() as usize - input.as_ptr() as usize;
        Ok(items.into_iter().map(|item| place(item)..place(item) + item.len()).collect())
    }

    /// A result within its limit and in the stated form, with one NaN.
    fn checked(&self, value: Vec<u8>) -> Result<Vec<u8>, Failure> {
        if value.len() > self.limits().result as usize {
            return Err(Failure::Result);
        }
        let value = packet::canonical(self.job.program.result, value);
        match packet::results(&self.job, &packet::write(&[&value]), 1) {
            Ok(_) => Ok(value),
            Err(_) => Err(Failure::Result),
        }
    }
}

/// The failure of a program that cannot be loaded.
pub(crate) fn unloadable(reason: &str) -> Failure {
    Failure::Load(Words::truncated(reason))
}

/// The failure of a program that ended itself.
pub(crate) fn trapped(words: &str) -> Failure {
    Failure::Trapped(Words::truncated(words))
}
