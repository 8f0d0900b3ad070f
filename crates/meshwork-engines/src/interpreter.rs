//! WebAssembly modules in wasmi: no imports, a fresh instance for each call, time by slices of fuel.

use meshwork_compute::message::Failure;
use wasmi::{
    Config, Engine, Error, Extern, ExternType, FuncType, Linker, Memory, Module, ResourceLimiter, Store,
    TrapCode, TypedFunc, TypedResumableCall, ValType, WasmParams, WasmResults,
};
use wasmi_core::LimiterError;

use crate::limit::Limit;
use crate::program::{Call, Program, Ran, trapped, unloadable};

/// Fuel between two looks at the clock, and of a start function, which wasmi cannot interrupt: some 10 ms.
const SLICE: u64 = 2_000_000;
/// Most elements of all tables of an instance: 16 MiB.
const ELEMENTS_MAX: usize = 1 << 20;
/// Most tables of an instance.
const TABLES_MAX: usize = 16;

/// A module that was checked. All threads share it.
pub(crate) struct Interpreter {
    module: Module,
}

impl Interpreter {
    /// Reads a module. `reduces` asks for the export `reduce`.
    ///
    /// # Errors
    /// [`Failure::Load`] for a module that does not keep the contract.
    pub(crate) fn new(code: &[u8], reduces: bool) -> Result<Interpreter, Failure> {
        let mut config = Config::default();
        config.consume_fuel(true).ignore_custom_sections(true);
        config.wasm_multi_memory(false).wasm_relaxed_simd(false);
        config.wasm_custom_page_sizes(false).wasm_wide_arithmetic(false);
        // An engine for each module: an engine keeps the code of its modules for as long as it lives.
        let module = Module::new(&Engine::new(&config), code).map_err(|error| invalid(&error))?;
        if let Some(import) = module.imports().next() {
            let name = format!("{}.{}", import.module(), import.name());
            return Err(unloadable(&format!("it imports {name}: a program has no imports")));
        }
        if !matches!(module.get_export("memory"), Some(ExternType::Memory(_))) {
            return Err(unloadable("it exports no memory under the name `memory`"));
        }
        function(&module, "input", "(len: i32) -> i32", &[ValType::I32], ValType::I32)?;
        function(&module, "unit", "(n: i32) -> i64", &[ValType::I32], ValType::I64)?;
        if reduces {
            let params = [ValType::I32, ValType::I32];
            function(&module, "reduce", "(ptr: i32, len: i32) -> i64", &params, ValType::I64)?;
        }
        Ok(Interpreter { module })
    }

    pub(crate) fn run(&self, program: &Program, call: &Call, limit: &Limit) -> Ran {
        let memory = usize::from(program.limits().memory_mib) << 20;
        let guard = Guard { memory, elements: ELEMENTS_MAX, is_refused: false };
        let mut store = Store::new(self.module.engine(), guard);
        store.limiter(|guard| guard);
        let (result, memory) = match self.start(&mut store) {
            Ok(instance) => {
                let result = instance.call(&mut store, program, call, limit);
                (result, Some(instance.memory.data_size(&store) as u64))
            }
            Err(failure) => (Err(failure), None),
        };
        // A program that dies of a refused growth traps, mostly by its allocator.
        let is_refused =
            store.data().is_refused && matches!(result, Err(Failure::Trapped(_) | Failure::Load(_)));
        Ran { result: if is_refused { Err(Failure::Memory) } else { result }, memory }
    }

    fn start(&self, store: &mut Store<Guard>) -> Result<Instance, Failure> {
        store.set_fuel(SLICE).map_err(|error| unloadable(&error.to_string()))?;
        let instance = Linker::new(self.module.engine()).instantiate_and_start(&mut *store, &self.module);
        let instance = instance.map_err(|error| match error.as_trap_code() {
            Some(TrapCode::OutOfFuel) => Failure::Time,
            _ => unloadable(&format!("it ends while it starts: {error}")),
        })?;
        match instance.get_export(&*store, "memory") {
            Some(Extern::Memory(memory)) => Ok(Instance { instance, memory }),
            _ => Err(unloadable("it exports no memory under the name `memory`")),
        }
    }
}

fn function(
    module: &Module,
    name: &str,
    form: &str,
    params: &[ValType],
    result: ValType,
) -> Result<(), Failure> {
    let expected = FuncType::new(params.iter().copied(), [result]);
    match module.get_export(name) {
        Some(ExternType::Func(found)) if found == expected => Ok(()),
        Some(_) => Err(unloadable(&format!("its export `{name}` is not a function {form}"))),
        None => Err(unloadable(&format!("it exports no function {name}{form}"))),
    }
}

/// The reason that a module is invalid, in plain words for features that programs must not use.
fn invalid(error: &Error) -> Failure {
    let text = error.to_string();
    let features = [
        ("shared mem", "it uses shared memory: build it without threads"),
        ("threads", "it uses threads: build it without the target feature `atomics`"),
        ("relaxed", "it uses relaxed SIMD, which differs from device to device"),
        ("memory64", "it uses 64-bit memory: build it for wasm32"),
        ("multiple memories", "it has more than one memory"),
        ("multi-memory", "it has more than one memory"),
    ];
    match features.iter().find(|(sign, _)| text.contains(sign)) {
        Some((_, words)) => unloadable(words),
        None => unloadable(&format!("it is not a valid module: {text}")),
    }
}

/// An instance for one call.
struct Instance {
    instance: wasmi::Instance,
    memory: Memory,
}

impl Instance {
    fn call(
        &self,
        store: &mut Store<Guard>,
        program: &Program,
        call: &Call,
        limit: &Limit,
    ) -> Result<Vec<u8>, Failure> {
        let params: &[u8] = &program.job.params;
        let head = meshwork_compute::packet::write(&[params]);
        let body = program.input(call);
        let length = u32::try_from(head.len() + body.len()).map_err(|_| Failure::Memory)?;
        let place: u32 = run(store, &self.function(store, "input")?, length, limit)?;
        let start = place as usize;
        let behind = start + head.len();
        let data = self.memory.data_mut(&mut *store);
        let outside = || trapped("its function `input` returned a place outside of its memory");
        data.get_mut(start..behind).ok_or_else(outside)?.copy_from_slice(&head);
        data.get_mut(behind..behind + body.len()).ok_or_else(outside)?.copy_from_slice(body);
        let at: u64 = match call {
            Call::Unit(unit) => run(store, &self.function(store, "unit")?, *unit, limit)?,
            Call::Reduce(_) => {
                let results = (behind as u32, body.len() as u32);
                run(store, &self.function(store, "reduce")?, results, limit)?
            }
        };
        let (start, length) = ((at >> 32) as usize, (at & u64::from(u32::MAX)) as usize);
        if matches!(call, Call::Unit(_)) && length > program.limits().result as usize {
            return Err(Failure::Result);
        }
        let result = self.memory.data(&*store).get(start..start + length);
        result.map(<[u8]>::to_vec).ok_or_else(|| trapped("its result lies outside of its memory"))
    }

    fn function<P: WasmParams, R: WasmResults>(
        &self,
        store: &Store<Guard>,
        name: &str,
    ) -> Result<TypedFunc<P, R>, Failure> {
        let function = self.instance.get_typed_func(store, name);
        function.map_err(|error| unloadable(&format!("its function `{name}`: {error}")))
    }
}

/// Calls a function in slices of fuel, until its end or its limit.
fn run<P: WasmParams, R: WasmResults>(
    store: &mut Store<Guard>,
    function: &TypedFunc<P, R>,
    params: P,
    limit: &Limit,
) -> Result<R, Failure> {
    let ended = |error: Error| trapped(&error.to_string());
    store.set_fuel(SLICE).map_err(ended)?;
    let mut call = function.call_resumable(&mut *store, params).map_err(ended)?;
    loop {
        call = match call {
            TypedResumableCall::Finished(result) => return Ok(result),
            TypedResumableCall::HostTrap(_) => return Err(trapped("it called the host")),
            TypedResumableCall::OutOfFuel(_) if limit.is_over() => return Err(Failure::Time),
            TypedResumableCall::OutOfFuel(call) => {
                store.set_fuel(SLICE.max(call.required_fuel())).map_err(ended)?;
                call.resume(&mut *store).map_err(ended)?
            }
        };
    }
}

/// Bounds memory and tables of an instance.
struct Guard {
    /// Most bytes of memory.
    memory: usize,
    /// Elements that tables may still get.
    elements: usize,
    /// A growth was refused.
    is_refused: bool,
}

impl ResourceLimiter for Guard {
    fn memory_growing(
        &mut self,
        _: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool, LimiterError> {
        self.is_refused |= desired > self.memory;
        Ok(desired <= self.memory && maximum.is_none_or(|maximum| desired <= maximum))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> Result<bool, LimiterError> {
        let more = desired.saturating_sub(current);
        self.is_refused |= more > self.elements;
        if more > self.elements {
            return Ok(false);
        }
        self.elements -= more;
        Ok(true)
    }

    fn instances(&self) -> usize {
        1
    }

    fn tables(&self) -> usize {
        TABLES_MAX
    }

    fn memories(&self) -> usize {
        1
    }
}
