//! The contract of programs: parameters, inputs, results, fresh instances, seeds, and the ready programs.

use std::sync::Arc;

use meshwork_compute::job::{Input, Kind, Reduce, Shape};
use meshwork_compute::{Job, PoolOrder, Told, packet};
use meshwork_core::blobs::BlobId;
use meshwork_engines::{Threads, trial};

use crate::bench::{Bench, job, module, params, result, results, unit};

const MANDELBROT: &[u8] = include_bytes!("../../../../examples/programs/mandelbrot/mandelbrot.wasm");
const PRIMES: &[u8] = include_bytes!("../../../../examples/programs/primes.js");

fn script(shape: Shape, text: &str) -> Vec<u8> {
    result(&job(Kind::Js, shape), text.as_bytes()).unwrap()
}

fn with_input(kind: Kind, shape: Shape, is_items: bool, input: &[u8]) -> Job {
    let (blob, length) = (BlobId([4; 32]), input.len() as u64);
    let input = if is_items { Input::Items(blob, length) } else { Input::Whole(blob, length) };
    Job { input, ..job(kind, shape) }
}

fn items(first: &[&[u8]]) -> Vec<u8> {
    let mut items = first.to_vec();
    items.resize(8, b"");
    packet::write(&items)
}

fn all(results: Vec<Result<Vec<u8>, meshwork_compute::message::Failure>>) -> Vec<Vec<u8>> {
    results.into_iter().map(Result::unwrap).collect()
}

/// Gives back its parameters, input and number.
fn echo() -> Vec<u8> {
    let echo = "(global $len (mut i32) (i32.const 0))
        (func (export \"input\") (param $len i32) (result i32)
            (global.set $len (local.get $len)) (i32.const 1024))
        (func (export \"unit\") (param $n i32) (result i64)
            (i32.store8 (i32.add (i32.const 1024) (global.get $len)) (i32.add (local.get $n) (i32.const 48)))
            (i64.or (i64.const 0x40000000000) (i64.extend_i32_u (i32.add (global.get $len) (i32.const 1)))))";
    wat::parse_str(format!("(module (memory (export \"memory\") 1) {echo})")).unwrap()
}

#[test]
fn modules_read_parameters_and_items() {
    let input = items(&[b"first", b"second"]);
    let job = params(with_input(Kind::Wasm, Shape::Bytes, true, &input), "{\"a\":1}");
    let results = all(results(&job, &echo(), Some(&input), 2));
    assert_eq!(results, [b"\x07{\"a\":1}first0".to_vec(), b"\x07{\"a\":1}second1".to_vec()]);
}

#[test]
fn modules_read_a_whole_input() {
    let job = with_input(Kind::Wasm, Shape::Bytes, false, b"all");
    assert_eq!(all(results(&job, &echo(), Some(b"all"), 2)), [b"\0all0".to_vec(), b"\0all1".to_vec()]);
}

#[test]
fn scripts_read_parameters_and_items() {
    let input = items(&[b"{\"b\":2}", b"\xff\x01", b"no JSON"]);
    let job = params(with_input(Kind::Js, Shape::Json, true, &input), "{\"a\":1}");
    let text = "function unit(n, params, input) { return [n, params.a, input instanceof Uint8Array ? [...input] : input] }";
    let results = all(results(&job, text.as_bytes(), Some(&input), 3));
    assert_eq!(
        results,
        [&b"[0,1,{\"b\":2}]"[..], b"[1,1,[255,1]]", b"[2,1,[110,111,32,74,83,79,78]]"].map(<[u8]>::to_vec)
    );
}

#[test]
fn scripts_read_a_whole_input() {
    let job = with_input(Kind::Js, Shape::Json, false, b"[1]");
    let text =
        "function unit(n, params, input) { return [params, input instanceof Uint8Array, input.length] }";
    assert_eq!(all(results(&job, text.as_bytes(), Some(b"[1]"), 1)), [b"[null,true,3]".to_vec()]);
}

#[test]
fn missing_items_are_named() {
    let input = packet::write(&[b"one"]);
    let job = with_input(Kind::Js, Shape::Json, true, &input);
    let failure = results(&job, b"function unit() { return 1 }", Some(&input), 1).remove(0).unwrap_err();
    assert!(failure.to_string().contains("no item for each unit"), "{failure}");
}

#[test]
fn values_have_the_stated_form() {
    assert_eq!(script(Shape::U32, "function unit() { return 258 }"), [2, 1, 0, 0]);
    assert_eq!(script(Shape::F32, "function unit() { return 0.1 }"), 0.1f32.to_le_bytes());
    assert_eq!(script(Shape::F64, "async function unit() { return 0.1 }"), 0.1f64.to_le_bytes());
    assert_eq!(script(Shape::Json, "const unit = () => ({ a: ['ä'] })"), "{\"a\":[\"ä\"]}".as_bytes());
    assert_eq!(script(Shape::Bytes, "function unit() { return 'ä' }"), "ä".as_bytes());
    assert_eq!(script(Shape::Bytes, "function unit() { return Uint8Array.of(7, 8, 9).subarray(1) }"), [8, 9]);
    assert_eq!(script(Shape::Bytes, "function unit() { return Uint8Array.of(7, 8).buffer }"), [7, 8]);
}

#[test]
fn each_nan_is_the_same() {
    let nan = f64::NAN.to_le_bytes();
    assert_eq!(script(Shape::F64, "function unit() { return -Math.sqrt(-1) }"), nan);
    let store = "(f64.store (i32.const 8) (f64.neg (f64.sqrt (f64.const -1)))) (i64.const 0x800000008)";
    assert_eq!(result(&job(Kind::Wasm, Shape::F64), &module(&unit(store))).unwrap(), nan);
}

#[test]
fn each_unit_is_a_fresh_instance() {
    let count = "(global $g (mut i32) (i32.const 0))";
    let body = "(global.set $g (i32.add (global.get $g) (i32.const 1)))
        (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (global.get $g))) (i64.const 0x800000004)";
    let code = module(&format!("{count} {}", unit(body)));
    let one = vec![1, 0, 0, 0];
    assert_eq!(all(results(&job(Kind::Wasm, Shape::U32), &code, None, 3)), vec![one.clone(); 3]);
    let text = b"let count = 0; function unit() { Array.prototype.count ??= 0; return (count += 1) + Array.prototype.count++ }";
    assert_eq!(all(results(&job(Kind::Js, Shape::U32), text, None, 3)), vec![one; 3]);
}

#[test]
fn memory_grows_exactly_to_its_limit() {
    let body = "(i32.store (i32.const 8) (memory.grow (i32.const 255)))
        (i32.store (i32.const 12) (memory.grow (i32.const 1))) (i64.const 0x800000008)";
    let result = result(&job(Kind::Wasm, Shape::Bytes), &module(&unit(body)));
    assert_eq!(result, Ok(vec![1, 0, 0, 0, 255, 255, 255, 255]));
}

#[test]
fn random_numbers_follow_the_unit() {
    let text = b"function unit() { return [Math.random() * 2 ** 32, Math.random() * 2 ** 32] }";
    let twice = [0, 1].map(|_| all(results(&job(Kind::Js, Shape::Json), text, None, 2)));
    assert_eq!(twice[0], twice[1]);
    let golden = [&b"[1144304738,1416247]"[..], b"[2693262067,11749833]"];
    assert_eq!(twice[0], golden.map(<[u8]>::to_vec));
}

#[test]
fn primes_are_counted() {
    let job = params(job(Kind::Js, Shape::U32), "{\"step\":10000}");
    let counts = all(results(&job, PRIMES, None, 3)).concat();
    assert_eq!(counts, [1229u32, 1033, 983].map(u32::to_le_bytes).concat());
}

/// FNV-1a, 64 bits.
fn digest(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

fn mandelbrot() -> Job {
    let mut job = job(Kind::Wasm, Shape::Bytes);
    job.program.limits.result = 64 * 64 * 4;
    params(
        job,
        "{ \"columns\": 4, \"rows\": 2, \"x\": -0.75, \"y\": 1e-1, \"width\": 2.5, \"iterations\": 200 }",
    )
}

#[test]
fn tiles_are_equal_over_threads() {
    let mut bench = Bench::new(Threads::new());
    let id = bench.load(&mandelbrot(), MANDELBROT, None);
    (0..3).for_each(|run| bench.run(run, id, 1, 2));
    let mut tiles = Vec::new();
    for _ in 0..6 {
        let Told::Ran { unit, result, .. } = bench.next() else { panic!("a reduction answers") };
        tiles.push((unit, digest(&result.unwrap())));
    }
    tiles.sort_unstable();
    tiles.dedup();
    assert_eq!(tiles, [(1, 12_380_375_625_971_022_128), (2, 9_470_075_210_090_425_261)]);
}

#[test]
fn programs_reduce_their_results() {
    let text = b"function unit(n) { return n } function reduce(results, params) { return { sum: results.reduce((a, b) => a + b), params } }";
    let script = Job { reduce: Reduce::Program, ..params(job(Kind::Js, Shape::U32), "[5]") };
    let reduce = "(func (export \"reduce\") (param $at i32) (param $len i32) (result i64)
        (i64.or (i64.shl (i64.extend_i32_u (local.get $at)) (i64.const 32)) (i64.extend_i32_u (local.get $len))))";
    let code = module(&format!("{reduce} {}", unit("(i64.const 0)")));
    let module = Job { reduce: Reduce::Program, ..params(job(Kind::Wasm, Shape::U32), "[5]") };
    let packet = packet::write(&[[2, 0, 0, 0]; 8]);
    let rows =
        [(script, text.to_vec(), b"{\"sum\":16,\"params\":[5]}".to_vec()), (module, code, packet.clone())];
    for (job, code, expected) in rows {
        let mut bench = Bench::new(Threads::new());
        let id = bench.load(&job, &code, None);
        meshwork_compute::Pool::order(
            &mut bench.threads,
            PoolOrder::Reduce { job: id, packet: packet.clone() },
        );
        assert_eq!(bench.next(), Told::Reduced { job: id, result: Ok(expected) });
    }
}

#[test]
fn trial_measures_and_compares() {
    let job = Arc::new(job(Kind::Js, Shape::U32));
    let tried: Vec<_> = trial(job, Some(PRIMES.to_vec()), None, None, None, 0..2).collect();
    assert_eq!(tried.iter().map(|tried| tried.unit).collect::<Vec<_>>(), [0, 1]);
    assert!(
        tried.iter().all(|tried| tried.agrees && tried.result.is_ok() && !tried.time.is_zero()),
        "{tried:?}"
    );
    assert!(tried.iter().all(|tried| tried.memory.is_some_and(|bytes| bytes > 10_000)), "{tried:?}");
    let tile =
        trial(Arc::new(mandelbrot()), Some(MANDELBROT.to_vec()), None, None, None, [0]).next().unwrap();
    assert!(tile.agrees && tile.memory.is_some_and(|bytes| bytes % 65_536 == 0 && bytes > 0), "{tile:?}");
}
