//! Units of strangers in a page: their ways out are closed, each gives the result that its program states, and one that misbehaves ends
//! alone.

use anyhow::{Context as _, Result, bail, ensure};
use meshwork_e2e::{Browser, Kind, PATIENCE, Server, Tab};
use serde_json::{Value, json};

use crate::common::site::serve;
use crate::play_sandbox::{HOISTED, Listener, kept};
use crate::sdk::app_of;

/// Names that the runner takes for itself from those that the prelude keeps.
const TAKEN: [&str; 4] = ["WebAssembly", "TextEncoder", "TextDecoder", "addEventListener"];

/// Runs units of a job, or its reduction, in the pool of the page. Returns the answers, and the page's longest pause in ms.
const RUN: &str = "
    const [job, order] = arguments;
    const bytes = (list) => list && new Uint8Array(list);
    const id = String(window.last = (window.last ?? 0) + 1);
    const told = [];
    window.hear = ({ ran, reduced, cardGone }) => {
      if (cardGone) return
      const { bytes, failure, unit } = ran ?? reduced;
      told.push(failure ? { unit, ...failure } : { unit, bytes: [...bytes] });
    };
    window.pool ??= await window.makePool((one) => window.hear(one));
    window.pool.order({ load: { id, input: null, hasItems: false, ...job, code: bytes(job.code), ...job.input && { input: bytes(job.input) } } });
    if (order.packet) window.pool.order({ reduce: { id, packet: bytes(order.packet) } });
    else window.pool.order({ run: { run: Number(id), id, ...order } });
    let [longest, last] = [0, performance.now()];
    const isOver = () => told.some(({ kind }) => kind) || told.length === (order.units ?? 1);
    while (!isOver()) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }
    window.pool.order({ unload: id });
    return [told, Math.round(longest)]";

/// A hidden element for the frame.
pub(crate) const HIDDEN: &str = "
    const hidden = document.createElement('div');
    hidden.hidden = true;
    document.body.append(hidden);";
/// A pool by the script of the pages.
pub(crate) const OF_PAGES: &str =
    "window.makePool = async (tell) => (await window.loadPool()).makePool(hidden, tell)";
/// A pool by the package. The page's own script imports it: objects of a driver's script in Firefox are of another realm.
const OF_PACKAGE: &str = "
    const script = document.createElement('script');
    script.type = 'module';
    script.textContent = `import { FramePool } from '/node_modules/meshwork/compute-pool.js'
      window.poolIn = (place, tell) => new FramePool(place, tell)`;
    document.head.append(script);
    while (!window.poolIn) await new Promise(requestAnimationFrame);
    window.makePool = (tell) => window.poolIn(hidden, tell)";

/// A module that returns its input, the number of the unit, and how often this instance ran.
const ECHO: &str = r#"(module
    (memory (export "memory") 1)
    (global $length (mut i32) (i32.const 0))
    (global $runs (mut i32) (i32.const 0))
    (func (export "input") (param i32) (result i32)
        (global.set $length (local.get 0))
        (i32.const 1024))
    (func (export "unit") (param i32) (result i64)
        (global.set $runs (i32.add (global.get $runs) (i32.const 1)))
        (i32.store8 (i32.add (i32.const 1024) (global.get $length)) (local.get 0))
        (i32.store8 (i32.add (i32.const 1025) (global.get $length)) (global.get $runs))
        (i64.or (i64.shl (i64.const 1024) (i64.const 32))
            (i64.extend_i32_u (i32.add (global.get $length) (i32.const 2)))))
    (func (export "reduce") (param i32 i32) (result i64)
        (i64.or (i64.shl (i64.extend_i32_u (local.get 0)) (i64.const 32)) (i64.extend_i32_u (local.get 1)))))"#;

/// A module with this memory, and with these instructions in `unit`.
fn module(memory: &str, unit: &str) -> Result<Vec<u8>> {
    let text = format!(
        r#"(module {memory}
            (func (export "input") (param i32) (result i32) (i32.const 0))
            (func (export "unit") (param i32) (result i64) {unit}))"#
    );
    Ok(wat::parse_str(text)?)
}

/// Takes memory as long as there is some, and returns the number of pages.
const GROW: &str = "(loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) (i32.store (i32.const 0) (memory.size)) (i64.const 4)";
const MEMORY: &str = r#"(memory (export "memory") 1)"#;

fn job(kind: &str, code: &[u8], shape: &str) -> Value {
    json!({
        "kind": kind, "code": code, "params": "{\"k\":3}", "units": 100, "shape": shape,
        "limits": { "memory_mib": 2, "unit_ms": 2000, "result": 65536 },
    })
}

fn script(code: &str, shape: &str) -> Value {
    job("js", code.as_bytes(), shape)
}

/// Runs units from 0 up.
pub(crate) async fn run(tab: &Tab, job: &Value, units: u32) -> Result<(Value, u64)> {
    let done = tab.eval(RUN, vec![job.clone(), json!({ "first": 0, "units": units })]).await?;
    Ok((done[0].clone(), done[1].as_u64().context("a pause is a number")?))
}

/// The bytes of all units of a run, none of which fails.
async fn results(tab: &Tab, job: &Value, units: u32) -> Result<Vec<Vec<u8>>> {
    let (told, _) = run(tab, job, units).await?;
    let told = told.as_array().context("a list")?;
    let failed = told.iter().find(|one| one["kind"].is_string());
    if let Some(failed) = failed {
        bail!("{failed} of {}", code_of(job));
    }
    told.iter().map(|one| Ok(serde_json::from_value(one["bytes"].clone())?)).collect()
}

/// A job's code, for errors.
fn code_of(job: &Value) -> String {
    let code: Vec<u8> = serde_json::from_value(job["code"].clone()).unwrap_or_default();
    String::from_utf8_lossy(&code).into_owned()
}

/// The failure with which a run ends.
async fn failure(tab: &Tab, job: &Value, units: u32) -> Result<Value> {
    let (told, _) = run(tab, job, units).await?;
    Ok(told.as_array().and_then(|told| told.last()).cloned().unwrap_or_default())
}

/// A program that tries to get out, at once and in each unit, and lists what its worker has.
fn escaping(hoisted: &str, listener: &Listener) -> String {
    let tries = listener.tries();
    format!(
        "{hoisted}
const plain = ({{}}).constructor, chain = []
for (let place = this; place; place = plain.getPrototypeOf(place)) if (place !== plain.prototype) chain.push(place)
const scope = this
const leads = (name) => {{ try {{ const value = scope[name]; return (typeof value === 'object' && value !== null) || typeof value === 'function' }} catch {{ return true }} }}
const left = chain.flatMap((place) => plain.getOwnPropertyNames(place)).filter(leads)
const attempt = () => {{
{tries}}}
attempt()
const events = []
const listen = (event) => events.push('a message with ' + event.ports.length + ' ports')
try {{ addEventListener('message', listen, true) }} catch {{}}
scope.onmessage = listen
const found = []
const seek = (name, find) => {{ try {{ if (find()) found.push(name) }} catch {{}} }}
function unit(n) {{
  attempt()
  seek('the storage of the page', () => indexedDB || localStorage || caches || navigator.storage)
  seek('the page', () => parent || top || opener)
  seek('a clock', () => Date || performance || setTimeout || Intl)
  seek('a caller', () => unit.caller)
  Error.prepareStackTrace = (_, frames) => frames
  for (const frame of [].concat(new Error().stack)) {{
    seek('a function of the runner', () => frame.getFunction() && frame.getFunction() !== unit)
    seek('an object of the runner', () => frame.getThis() && frame.getThis() !== scope)
  }}
  for (let i = 0; i < 2e7; i++) drawn = (drawn + i) % 1000
  return {{ left, events, found }}
}}
let drawn = 0
"
    )
}

#[tokio::test]
async fn units_reach_nothing_outside_their_worker() -> Result<()> {
    let server = Server::start().await?;
    let kept = kept("kept");
    ensure!(kept.len() > 40, "the list of the prelude is not read");
    for kind in [Kind::Chromium, Kind::Firefox] {
        let browser = Browser::start_kind(kind).await?;
        let tab = browser.tab(server.url()).await?;
        tab.wait_until(PATIENCE, "the page's first script", async || {
            let is_there = tab.eval("return typeof window.loadPool === 'function'", vec![]).await?;
            ensure!(is_there == json!(true), "it is not there");
            Ok(())
        })
        .await?;
        tab.eval(&format!("{HIDDEN} {OF_PAGES}"), vec![]).await?;
        for hoisted in ["", HOISTED] {
            let listener = Listener::start()?;
            // Units enough for all that was started to arrive.
            let results = results(&tab, &script(&escaping(hoisted, &listener), "json"), 30).await;
            let results = results.with_context(|| format!("{kind:?}"))?;
            listener.heard_nothing(&tab).await.with_context(|| format!("{kind:?}"))?;
            let state: Value = serde_json::from_slice(results.last().context("units ran")?)?;
            // A name that a newer browser leaves is found here.
            let is_kept = |name: &str| kept.iter().any(|kept| kept == name) && !TAKEN.contains(&name);
            let is_own = |name: &str| name == "unit" || name == "onmessage" || hoisted.contains(name);
            let left: Vec<String> = serde_json::from_value(state["left"].clone())?;
            ensure!(left.iter().any(|name| name == "Math"), "{kind:?}: no names are listed");
            let unknown: Vec<&String> = left.iter().filter(|name| !is_kept(name) && !is_own(name)).collect();
            ensure!(unknown.is_empty(), "{kind:?}: the worker has {unknown:?}");
            ensure!(state["events"] == json!([]), "{kind:?}: the program heard {}", state["events"]);
            ensure!(state["found"] == json!([]), "{kind:?}: the program found {}", state["found"]);
        }
    }
    Ok(())
}

#[tokio::test]
async fn units_end_alone_and_give_stated_bytes() -> Result<()> {
    let app = app_of("sdk/app")?;
    let page = format!("{}/plain.html", serve(app.path().to_owned())?);
    for kind in [Kind::Chromium, Kind::Firefox] {
        let browser = Browser::start_kind(kind).await?;
        let tab = browser.tab(&page).await?;
        tab.eval(&format!("{HIDDEN} {OF_PACKAGE}"), vec![]).await?;
        modules(&tab).await.with_context(|| format!("{kind:?}"))?;
        functions(&tab).await.with_context(|| format!("{kind:?}"))?;
        endings(&tab).await.with_context(|| format!("{kind:?}"))?;
    }
    Ok(())
}

/// Modules read parameters and input, have the memory of their job, and are refused if devices would differ.
async fn modules(tab: &Tab) -> Result<()> {
    let echo = job("wasm", &wat::parse_str(ECHO)?, "bytes");
    let all = |input: &[u8], n: u8| [&[7][..], b"{\"k\":3}", input, &[n, 1]].concat();
    let got = results(tab, &echo, 100).await?;
    ensure!(got == (0..100).map(|n| all(&[], n)).collect::<Vec<_>>(), "without an input: {got:?}");
    let (mut whole, mut items) = (echo.clone(), echo.clone());
    whole["input"] = json!([9, 8]);
    ensure!(results(tab, &whole, 2).await? == [all(&[9, 8], 0), all(&[9, 8], 1)], "a whole input");
    items["input"] = json!([1, 50, 0, 2, 51, 52]);
    items["hasItems"] = true.into();
    items["units"] = 3.into();
    ensure!(results(tab, &items, 3).await? == [all(b"2", 0), all(b"", 1), all(b"34", 2)], "an item each");
    let reduced = tab.eval(RUN, vec![echo.clone(), json!({ "packet": [1, 50, 0] })]).await?;
    ensure!(reduced[0][0]["bytes"] == json!([1, 50, 0]), "a reduction: {reduced}");
    for memory in [MEMORY, r#"(memory (export "memory") 1 17)"#, r#"(memory (export "memory") 1 9999)"#] {
        let most = if memory.contains(" 17") { 17 } else { 32 };
        let got = results(tab, &job("wasm", &module(memory, GROW)?, "u32"), 2).await?;
        ensure!(got == [[most, 0, 0, 0], [most, 0, 0, 0]], "{memory} has {got:?} pages");
    }
    for (memory, unit, words) in [
        (r#"(memory (export "memory") 33)"#, "(i64.const 0)", "the limit is 2 MiB"),
        (r#"(memory (export "memory") 1) (memory 1)"#, "(i64.const 0)", "more than one memory"),
        (r#"(memory (export "memory") 1 2 shared)"#, "(i64.const 0)", "shared"),
        (r#"(memory (export "memory") i64 1)"#, "(i64.const 0)", "64 bits"),
        (r#"(import "a" "b" (func)) (memory (export "memory") 1)"#, "(i64.const 0)", "imports"),
        (MEMORY, "(drop (i32.atomic.load (i32.const 0))) (i64.const 0)", "beyond WebAssembly 2.0"),
        (MEMORY, "(drop (i32x4.relaxed_trunc_f32x4_s (v128.const i32x4 0 0 0 0))) (i64.const 0)", "relaxed"),
        (
            r#"(memory (export "memory") 1) (table $t 1 funcref)"#,
            "(drop (table.grow $t (ref.null func) (i32.const 1))) (i64.const 0)",
            "tables grow",
        ),
    ] {
        let failed = failure(tab, &job("wasm", &module(memory, unit)?, "bytes"), 2).await?;
        let said = failed["words"].as_str().unwrap_or_default();
        ensure!(failed["kind"] == "load" && said.contains(words), "{memory} {unit}: {failed}");
    }
    for (unit, shape, kind) in [
        ("(unreachable)", "bytes", "trapped"),
        ("(i64.const 65537)", "bytes", "result"),
        ("(i64.const 5)", "u32", "result"),
        ("(i64.const 1)", "json", "result"),
    ] {
        let memory = r#"(memory (export "memory") 2)"#;
        let failed = failure(tab, &job("wasm", &module(memory, unit)?, shape), 2).await?;
        ensure!(failed["kind"] == kind && failed["unit"] == 0, "{unit}: {failed}");
    }
    Ok(())
}

/// Functions read parameters and input, and their values become the bytes that the manifest states.
async fn functions(tab: &Tab) -> Result<()> {
    for (code, shape, second) in [
        ("return n + params.k", "u32", vec![4, 0, 0, 0]),
        ("return n ? 0 / 0 : 1", "f32", vec![0, 0, 0xc0, 0x7f]),
        ("return n ? -(0 / 0) : 1", "f64", vec![0, 0, 0, 0, 0, 0, 0xf8, 0x7f]),
        ("return n / 2", "f64", 0.5f64.to_le_bytes().to_vec()),
        ("return 'é'", "bytes", "é".into()),
        ("return new Uint8Array([1, 2, n]).subarray(1)", "bytes", vec![2, 1]),
        ("return { n, input }", "json", br#"{"n":1}"#.to_vec()),
        // Every device draws the same numbers.
        ("return Math.random()", "json", b"0.6270739405881613".to_vec()),
    ] {
        let code = format!("function unit(n, params, input) {{ {code} }}");
        let got = results(tab, &script(&code, shape), 2).await?;
        ensure!(got[1] == second, "{code}: {:?} {:?}", got[1], String::from_utf8_lossy(&got[1]));
    }
    let mut items = script("function unit(n, params, input) { return input }", "json");
    items["input"] = json!([7, 123, 34, 97, 34, 58, 49, 125, 1, 255]);
    items["hasItems"] = true.into();
    items["units"] = 2.into();
    let got = results(tab, &items, 2).await?;
    ensure!(got == [&br#"{"a":1}"#[..], br#"{"0":255}"#], "items: {got:?}");
    let sum =
        "function unit(n) { return n }\nfunction reduce(results, params) { return [...results, params.k] }";
    let mut sum = script(sum, "json");
    sum["units"] = 2.into();
    let reduced = tab.eval(RUN, vec![sum, json!({ "packet": [1, 48, 1, 49] })]).await?;
    ensure!(reduced[0][0]["bytes"] == json!(b"[0,1,3]"), "a reduction: {reduced}");
    for (code, kind, words) in [
        ("function unit(n) {\n if (n === 1) null.x\n return n }", "trapped", "(line 2)"),
        ("function unit(n) { return ((( }", "load", "SyntaxError"),
        ("\n\nthrow new Error('at once')", "load", "at once (line 3)"),
        ("const other = 1", "load", "no function unit"),
        ("async function unit() { return 1 }", "trapped", "promise"),
        ("function unit() { return -1 }", "result", ""),
    ] {
        let failed = failure(tab, &script(code, "u32"), 2).await?;
        let said = failed["words"].as_str().unwrap_or_default();
        ensure!(failed["kind"] == kind && said.contains(words), "{code}: {failed}");
    }
    Ok(())
}

/// Units that run on are ended while the page goes on, and others run after them.
async fn endings(tab: &Tab) -> Result<()> {
    let next = script("function unit(n) { return n }", "u32");
    for (job, unit) in [
        (script("function unit(n) { if (n === 60) for (;;); return n }", "u32"), 60),
        (job("wasm", &module(MEMORY, "(loop (br 0)) (i64.const 0)")?, "bytes"), 0),
        (
            script(
                "function unit(n) { if (n === 1) new Float64Array(2e7).map(Math.random).sort((a, b) => a - b); return n }",
                "u32",
            ),
            1,
        ),
    ] {
        let (told, pause) = run(tab, &job, 100).await?;
        let last = told.as_array().and_then(|told| told.last()).context("something was told")?;
        ensure!(last["kind"] == "time" && last["unit"] == unit, "{last}");
        // A page that a unit stops stands still for the unit's two seconds.
        ensure!(pause < 1000, "the page stood still for {pause} ms");
        ensure!(results(tab, &next, 2).await? == [[0, 0, 0, 0], [1, 0, 0, 0]], "a run after it");
    }
    Ok(())
}
