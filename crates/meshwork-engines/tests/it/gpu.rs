//! Shaders on a graphics card: the software driver of Mesa at night, a real card by `cargo xtask test --gpu`.

use std::sync::Arc;

use meshwork_compute::job::{Job, Kind, Limits, Shader, Shape};
use meshwork_compute::message::Failure;
use meshwork_core::wire::Bytes;
use meshwork_engines::{Card, Tried, trial};

use crate::bench::job;

const JULIA: &[u8] = include_bytes!("../../../../examples/programs/julia.wgsl");
/// Bytes of a tile.
const TILE: u32 = 64 * 64 * 4;

/// The card of the tests. MESHWORK_CARD=real refuses one that a processor computes.
fn card() -> Card {
    let card = Card::open().expect("a graphics card, or mesa-vulkan-drivers");
    let is_real = std::env::var("MESHWORK_CARD").is_ok_and(|kind| kind == "real");
    assert!(!(is_real && card.name().contains("llvmpipe")), "no real graphics card is here: {}", card.name());
    card
}

fn shader(groups: [u16; 3], output: u32, params: &str) -> Job {
    let mut job = job(Kind::Wgsl(Shader { groups, output }), Shape::Bytes);
    job.params = Bytes::new(params.as_bytes().to_vec()).unwrap();
    job.units = 160;
    job.program.limits = Limits { memory_mib: 1, unit_ms: 20_000, result: TILE };
    job
}

fn run(card: &Card, job: Job, text: &[u8], units: impl IntoIterator<Item = u32>) -> Vec<Tried> {
    trial(Arc::new(job), Some(text.to_vec()), None, None, Some(card.clone()), units).collect()
}

/// A sum over bytes, as the page's test has it.
fn sum(bytes: &[u8]) -> u64 {
    let numbered = bytes.iter().zip(0_u64..);
    numbered.fold(7, |sum, (value, at)| (sum * 31 + u64::from(*value) + at) % 4_294_967_291)
}

#[test]
fn every_card_draws_the_same_julia() {
    let params = r#"{"columns":16,"rows":10,"re":-0.8,"im":0.156,"width":3.2,"iterations":600}"#;
    let tried = run(&card(), shader([8, 8, 1], TILE, params), JULIA, [0, 72, 87]);
    let sums: Vec<u64> = tried.iter().map(|tried| sum(tried.result.as_ref().unwrap())).collect();
    assert!(tried.iter().all(|tried| tried.agrees));
    assert_eq!(sums, GOLDEN);
}

/// The sums of three tiles. Integers alone make them, so they need no tolerance.
const GOLDEN: [u64; 3] = [1_574_508_453, 4_079_130_909, 3_650_187_575];

#[test]
fn units_read_their_numbers() {
    let text = b"struct U { n: u32, all: u32, size: u32, pad: u32, a: f32, b: f32 }
        @group(0) @binding(1) var<storage, read_write> o: array<u32>;
        @group(0) @binding(2) var<uniform> u: U;
        @compute @workgroup_size(1) fn main() { o[0] = u.n * 1000u + u.all; o[1] = u32(u.a * 10 + u.b) + u.size; }";
    let tried = run(&card(), shader([1; 3], 8, r#"{"b":7,"a":4}"#), text, [2]);
    let right = [2160_u32.to_le_bytes(), 47_u32.to_le_bytes()].concat();
    assert_eq!((&tried[0].result, tried[0].agrees), (&Ok(right), true));
}

#[test]
fn faults_have_words() {
    let card = card();
    let fault = |text: &str, params: &str| {
        let tried = run(&card, shader([1; 3], 8, params), text.as_bytes(), [0]);
        tried[0].result.clone().unwrap_err()
    };
    let output = "@group(0) @binding(1) var<storage, read_write> o: array<u32>;";
    let main = "@compute @workgroup_size(1) fn main()";
    let unknown = fault(&format!("{output}\n{main} {{ o[0] = nothing; }}"), "null");
    assert!(matches!(&unknown, Failure::Load(words) if words.as_str().starts_with("line 2: ")), "{unknown}");
    let other = fault(
        &format!("@group(1) @binding(0) var<storage, read_write> o: array<u32>; {main} {{ o[0] = 1; }}"),
        "null",
    );
    assert!(matches!(&other, Failure::Load(words) if !words.is_empty()), "{other}");
    let short =
        "struct U { n: u32, all: u32, size: u32, pad: u32, a: f32 } @group(0) @binding(2) var<uniform> u: U;";
    let short = fault(&format!("{output} {short} {main} {{ o[0] = u.n + u32(u.a); }}"), "null");
    assert!(matches!(&short, Failure::Load(_) | Failure::Trapped(_)), "{short}");
    assert!(matches!(fault(main, "true"), Failure::Load(_)));
    // The card goes on.
    let tried =
        run(&card, shader([1; 3], 8, "null"), format!("{output} {main} {{ o[0] = 5u; }}").as_bytes(), [0]);
    assert_eq!(tried[0].result, Ok(vec![5, 0, 0, 0, 0, 0, 0, 0]));
}

/// Mesa's software driver ends a shader's loops after 65,535 rounds in all, so there are many workgroups. It ends none of them early, so the
/// process of this test ends without its destructors.
#[test]
fn a_loop_ends_within_its_limit() {
    let card = card();
    let mut job = shader([65_535, 65_535, 1], 8, "null");
    job.program.limits.unit_ms = 500;
    let text = b"@group(0) @binding(1) var<storage, read_write> o: array<u32>;
        @compute @workgroup_size(1) fn main() { while o[0] < 5u { o[1] = o[1] * 3u + 1u; o[0] = o[1] & 1u; } }";
    let program = trial(Arc::new(job), Some(text.to_vec()), None, None, Some(card), [0]).next().unwrap();
    assert_eq!(program.result, Err(Failure::Time));
}
