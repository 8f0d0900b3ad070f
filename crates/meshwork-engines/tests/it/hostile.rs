//! Hostile programs: each fails in time with the right failure, and the lender goes on.

use std::fmt;
use std::time::{Duration, Instant};

use meshwork_compute::job::{Kind, Shape};
use meshwork_compute::message::Failure;
use meshwork_engines::Threads;

use crate::bench::{Bench, brief, job, module, result, unit};

/// Longest time from the order to the answer of a unit of 200 ms, on a busy machine.
const LONGEST: Duration = Duration::from_secs(6);

/// The expected failure; texts are part of its words.
#[derive(Debug)]
pub(crate) enum Fails {
    Time,
    Memory,
    Result,
    Trapped(&'static str),
    Load(&'static str),
}

impl Fails {
    pub(crate) fn check(&self, name: impl fmt::Display, result: Result<Vec<u8>, Failure>) {
        let is_expected = match (self, &result) {
            (Fails::Time, Err(Failure::Time))
            | (Fails::Memory, Err(Failure::Memory))
            | (Fails::Result, Err(Failure::Result)) => true,
            (Fails::Trapped(part), Err(Failure::Trapped(words))) => words.as_str().contains(part),
            (Fails::Load(part), Err(Failure::Load(words))) => words.as_str().contains(part),
            _ => false,
        };
        assert!(is_expected, "{name}: expected {self:?}, not {result:?}");
    }
}

/// Name, program and failure.
type Row = (&'static str, &'static str, Fails);

/// Runs each program in one pool, and an honest one after it.
fn check(kind: Kind, shape: Shape, honest: &[u8], rows: &[(&str, Vec<u8>, &Fails)]) {
    let mut bench = Bench::new(Threads::new());
    let sane = bench.load(&job(kind, Shape::Bytes), honest, None);
    for (name, code, fails) in rows {
        let start = Instant::now();
        let job = if matches!(fails, Fails::Time) { brief(job(kind, shape)) } else { job(kind, shape) };
        let id = bench.load(&job, code, None);
        fails.check(name, bench.results(id, 1).remove(0));
        assert!(start.elapsed() < LONGEST, "{name} took {:?}", start.elapsed());
        assert_eq!(bench.results(sane, 1), [Ok(b"fine".to_vec())], "after {name}");
    }
}

/// Bodies of the function `unit`.
const UNITS: &[Row] = &[
    ("loops", "(loop $a (br $a)) (unreachable)", Fails::Time),
    (
        "fills memory for ever",
        "(loop $a (memory.fill (i32.const 0) (i32.const 1) (i32.const 65536)) (br $a)) (unreachable)",
        Fails::Time,
    ),
    ("traps", "(unreachable)", Fails::Trapped("unreachable")),
    ("divides by nought", "(i64.div_u (i64.const 1) (i64.const 0))", Fails::Trapped("zero")),
    (
        "grows beyond",
        "(if (i32.eq (memory.grow (i32.const 256)) (i32.const -1)) (then (unreachable))) (i64.const 0)",
        Fails::Memory,
    ),
    ("too much", "(i64.const 1025)", Fails::Result),
    ("beyond the memory", "(i64.const 0xffff00000010)", Fails::Trapped("outside")),
];

/// Fields of modules. `MEMORY`, `INPUT` and `UNIT` stand for honest ones.
const MODULES: &[Row] = &[
    ("loops in start", "MEMORY INPUT UNIT (func $s (loop $a (br $a))) (start $s)", Fails::Time),
    (
        "loops in input",
        "MEMORY UNIT (func (export \"input\") (param i32) (result i32) (loop $a (br $a)) (unreachable))",
        Fails::Time,
    ),
    (
        "input beyond the memory",
        "MEMORY UNIT (func (export \"input\") (param i32) (result i32) (i32.const -8))",
        Fails::Trapped("`input`"),
    ),
    (
        "recursion",
        "MEMORY INPUT (func $f (export \"unit\") (param i32) (result i64) (call $f (local.get 0)))",
        Fails::Trapped("stack"),
    ),
    ("huge table", "MEMORY INPUT UNIT (table 9000000 funcref)", Fails::Memory),
    ("trap in start", "MEMORY INPUT UNIT (func $s (unreachable)) (start $s)", Fails::Load("starts")),
    (
        "wrong signature",
        "MEMORY INPUT (func (export \"unit\") (result i64) (i64.const 0))",
        Fails::Load("`unit`"),
    ),
    ("no unit", "MEMORY INPUT", Fails::Load("unit(n: i32)")),
    ("no memory", "INPUT UNIT", Fails::Load("memory")),
    ("imports", "(import \"env\" \"now\" (func)) MEMORY INPUT UNIT", Fails::Load("imports env.now")),
    ("begins beyond the limit", "(memory (export \"memory\") 257) INPUT UNIT", Fails::Memory),
    ("two memories", "MEMORY (memory 1) INPUT UNIT", Fails::Load("more than one memory")),
    ("64-bit memory", "(memory (export \"memory\") i64 1) INPUT UNIT", Fails::Load("64-bit")),
    ("shared memory", "(memory (export \"memory\") 1 1 shared) INPUT UNIT", Fails::Load("shared memory")),
    ("atomics", "MEMORY INPUT UNIT (func (drop (i32.atomic.load (i32.const 0))))", Fails::Load("threads")),
    (
        "relaxed SIMD",
        "MEMORY INPUT UNIT
        (func (result v128) (f32x4.relaxed_min (v128.const i64x2 0 0) (v128.const i64x2 0 0)))",
        Fails::Load("relaxed SIMD"),
    ),
];

#[test]
fn hostile_modules_fail_by_kind() {
    let honest = module(&format!("(data (i32.const 8) \"fine\") {}", unit("(i64.const 0x800000004)")));
    let units = UNITS.iter().map(|(name, body, fails)| (*name, module(&unit(body)), fails));
    let mut rows: Vec<_> = units.collect();
    let input = "(func (export \"input\") (param i32) (result i32) (i32.const 1024))";
    rows.extend(MODULES.iter().map(|(name, text, fails)| {
        let text = text.replace("MEMORY", "(memory (export \"memory\") 1)").replace("INPUT", input);
        let text = text.replace("UNIT", &unit("(i64.const 0)"));
        (*name, wat::parse_str(format!("(module {text})")).unwrap(), fails)
    }));
    let tables = format!("{} {}", "(table 1 funcref)".repeat(17), unit("(i64.const 0)"));
    rows.push(("many tables", module(&tables), &Fails::Load("table")));
    rows.push(("no module", b"\0asm but no module".to_vec(), &Fails::Load("valid module")));
    check(Kind::Wasm, Shape::Bytes, &honest, &rows);
}

const SCRIPTS: &[Row] = &[
    ("loops when loaded", "for (;;);", Fails::Time),
    ("loops", "function unit() { while (1); }", Fails::Time),
    (
        "catches its end",
        "function unit() { for (;;) try { for (;;); } catch {} finally { for (;;); } }",
        Fails::Time,
    ),
    ("regular expression", "function unit() { return /^(a+)+$/.test('a'.repeat(60) + 'b') }", Fails::Time),
    ("getter", "function unit() { return { get a() { for (;;); } } }", Fails::Time),
    ("toJSON", "function unit() { return { toJSON() { for (;;); } } }", Fails::Time),
    ("proxy", "function unit() { return new Proxy({}, { ownKeys() { for (;;); } }) }", Fails::Time),
    ("promise", "async function unit() { await null; while (1); }", Fails::Time),
    ("promises for ever", "async function unit() { for (;;) await null }", Fails::Time),
    ("executor", "function unit() { return new Promise(() => { while (1); }) }", Fails::Time),
    ("thenable", "async function unit() { return { then() { for (;;); } } }", Fails::Time),
    ("comparison", "function unit() { return [3, 2, 1].sort(() => { for (;;); }) }", Fails::Time),
    (
        "message",
        "function unit() { const e = new Error('x'); Object.defineProperty(e, 'message', { get() { for (;;); } }); throw e }",
        Fails::Time,
    ),
    ("never settled", "function unit() { return new Promise(() => {}) }", Fails::Trapped("never settled")),
    ("grows", "function unit() { const a = []; for (;;) a.push(new Array(1000).fill(1)) }", Fails::Memory),
    ("grows a text", "function unit() { const a = []; for (;;) a.push('x'.repeat(1 << 18)) }", Fails::Memory),
    (
        "grows a buffer",
        "function unit() { const a = []; for (;;) a.push(new Uint8Array(1 << 20)) }",
        Fails::Memory,
    ),
    (
        "sorts twenty millions",
        "function unit() { return Array.from({ length: 2e7 }, (_, i) => -i).sort().length }",
        Fails::Memory,
    ),
    ("recursion", "function unit(n) { return unit(n) + 1 }", Fails::Trapped("call stack")),
    (
        "hostile toString",
        "function unit() { throw { toString() { for (;;); }, get message() { for (;;); } } }",
        Fails::Trapped("object"),
    ),
    ("throws", "function unit() { throw new TypeError('not so') }", Fails::Trapped("TypeError: not so")),
    ("throws a text", "function unit() { throw 'no' }", Fails::Trapped("no")),
    ("rejects", "async function unit() { throw new Error('later') }", Fails::Trapped("later")),
    ("import()", "async function unit() { return Object.keys(await import('std')) }", Fails::Trapped("")),
    ("import", "import * as std from 'std'; function unit() { return 1 }", Fails::Load("SyntaxError")),
    ("Function", "function unit() { return typeof Function('return this')() }", Fails::Trapped("barred")),
    (
        "async Function",
        "function unit() { return (async () => {}).constructor('for (;;);')() }",
        Fails::Trapped("barred"),
    ),
    (
        "generator",
        "function unit() { return new (function* () {}).constructor('for (;;);')() }",
        Fails::Trapped("barred"),
    ),
    ("eval", "function unit() { return (0, eval)('1') }", Fails::Trapped("eval")),
    (
        "waits",
        "function unit() { Atomics.wait(new Int32Array(new SharedArrayBuffer(8)), 0, 0) }",
        Fails::Trapped("Atomics"),
    ),
    ("no JSON", "function unit() { return () => 1 }", Fails::Result),
    ("circle", "function unit() { const a = []; a.push(a); return a }", Fails::Trapped("circular")),
    ("too much", "function unit() { return 'x'.repeat(1023) }", Fails::Result),
    ("no unit", "const other = 1", Fails::Load("`unit`")),
    ("syntax", "function unit( {", Fails::Load("SyntaxError")),
    ("throws when loaded", "throw new Error('at once')", Fails::Load("at once")),
    ("no text", "\u{0}\u{1}", Fails::Load("")),
];

#[test]
fn hostile_scripts_fail_by_kind() {
    let rows: Vec<_> =
        SCRIPTS.iter().map(|(name, text, fails)| (*name, text.as_bytes().to_vec(), fails)).collect();
    check(Kind::Js, Shape::Json, b"function unit() { return 'fine' }", &rows);
}

#[test]
fn scripts_lack_clock_timers_and_modules() {
    let names = "Date performance setTimeout setInterval queueMicrotask WeakRef FinalizationRegistry console require std os \
                 fetch process navigator Worker SharedArrayBuffer Atomics eval gc print load scriptArgs WebAssembly";
    let text =
        format!("function unit() {{ return '{names}'.split(' ').filter((name) => name in globalThis) }}");
    let found = String::from_utf8(result(&job(Kind::Js, Shape::Json), text.as_bytes()).unwrap()).unwrap();
    assert_eq!(found, "[\"queueMicrotask\"]");
}

#[test]
fn deleted_globals_harm_only_their_script() {
    let text = "const all = globalThis
        for (const name of Object.getOwnPropertyNames(all)) if (name !== 'unit') delete all[name]
        function unit() { return [typeof Math, typeof JSON, 7] }";
    let result = result(&job(Kind::Js, Shape::Json), text.as_bytes());
    assert_eq!(result, Ok(br#"["undefined","undefined",7]"#.to_vec()));
}

#[test]
fn wrong_values_are_no_result() {
    let rows = [
        (Shape::Bytes, "{}"),
        (Shape::Bytes, "7"),
        (Shape::Bytes, "'\\ud800'"),
        (Shape::U32, "1.5"),
        (Shape::U32, "-1"),
        (Shape::U32, "2 ** 32"),
        (Shape::U32, "'7'"),
        (Shape::F64, "null"),
        (Shape::F32, "7n"),
        (Shape::Json, "undefined"),
    ];
    for (shape, value) in rows {
        let text = format!("function unit() {{ return {value} }}");
        Fails::Result.check(value, result(&job(Kind::Js, shape), text.as_bytes()));
    }
    let five = module(&unit("(i64.const 5)"));
    for shape in [Shape::U32, Shape::F64, Shape::Json] {
        Fails::Result.check(format!("{shape:?}"), result(&job(Kind::Wasm, shape), &five));
    }
}

#[test]
fn long_step_of_a_script_is_answered() {
    let text = "function unit() { return 'a'.repeat(1 << 18).indexOf('a'.repeat(1 << 17) + 'b') }";
    let start = Instant::now();
    Fails::Time.check("a long search", result(&brief(job(Kind::Js, Shape::Json)), text.as_bytes()));
    assert!(start.elapsed() < LONGEST, "{:?}", start.elapsed());
}
