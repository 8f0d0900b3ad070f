//! Shaders in pages: a picture is made on a lent card, faults have words, and a page without a card states the reason.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use meshwork_e2e::{Browser, BrowserOptions, Key, PATIENCE, Server, Tab};
use serde_json::{Value, json};

use crate::common::{open_start, share_front, wait_linked, wait_says};
use crate::compute_sandbox::{HIDDEN, OF_PAGES, run};

/// Time for a picture of 160 tiles on a card that a processor computes.
const RENDERED: Duration = Duration::from_secs(180);
/// Longest pause of the page while a shader loops, in ms.
const PAUSE_MAX: u64 = 1000;

/// The pixels of the picture, without those of other sizes.
const PIXELS: &str = "
const canvas = document.querySelector('canvas[data-testid=job-result]')
const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
return [canvas.width, canvas.height, String(data.reduce((sum, value, at) => (sum * 31 + value + at) % 4294967291, 7))]";

/// Columns and rows of the picture, in tiles of 64 by 64 pixels.
const SIZE: (i64, i64) = (16, 10);

/// The Julia set of `examples/programs/julia.wgsl`, in numbers of 64 bits.
fn julia(x: i64, y: i64) -> [u8; 4] {
    let fixed = |number: f32| (number * 268_435_456.0) as i64;
    let (re, im, most) = (fixed(-0.8), fixed(0.156), 600);
    let product = |a: i64, b: i64| ((a.abs() * b.abs()) >> 28) * a.signum() * b.signum();
    let pitch = fixed(3.2) / (SIZE.0 * 64);
    let (mut zx, mut zy) = ((x - SIZE.0 * 32) * pitch, (y - SIZE.1 * 32) * pitch);
    let two = fixed(2.0);
    let mut step = 0_u32;
    while step < most {
        let (xx, yy) = (product(zx, zx), product(zy, zy));
        if zx.abs() > two || zy.abs() > two || xx + yy > 2 * two {
            break;
        }
        (zx, zy) = (xx - yy + re, 2 * product(zx, zy) + im);
        step += 1;
    }
    if step == most {
        return [8, 16, 32, 255];
    }
    let wave = |shift| match (step * 5 + shift) % 512 {
        place if place < 256 => place as u8,
        place => (511 - place) as u8,
    };
    [wave(40), wave(130), wave(200), 255]
}

/// The sum that [`PIXELS`] makes of the right picture.
fn right_sum() -> String {
    let pixels = (0..SIZE.1 * 64).flat_map(|y| (0..SIZE.0 * 64).map(move |x| julia(x, y)));
    let sum = pixels
        .flatten()
        .zip(0_u64..)
        .fold(7, |sum, (value, at)| (sum * 31 + u64::from(value) + at) % 4_294_967_291);
    sum.to_string()
}

/// The start of an unshared room of Compute.
async fn open_compute(browser: &Browser, server: &Server) -> Result<Tab> {
    let tab = open_start(browser, server.url()).await?;
    tab.goto(&format!("{}/compute", server.url())).await?;
    tab.wait_there(PATIENCE, "run-julia").await?;
    Ok(tab)
}

fn shader(text: &str, params: &str) -> Value {
    json!({
        "kind": "wgsl", "code": text.as_bytes(), "params": params, "units": 5, "shape": "bytes",
        "shader": { "groups": [1, 1, 1], "output": 8 },
        "limits": { "memory_mib": 1, "unit_ms": 1500, "result": 8 },
    })
}

/// The answers of units that the page's own pool runs.
async fn told(tab: &Tab, text: &str, params: &str, units: u32) -> Result<(Vec<Value>, u64)> {
    let (told, pause) = run(tab, &shader(text, params), units).await?;
    Ok((told.as_array().context("a list")?.clone(), pause))
}

/// Faults of shaders, the loop last: the card that Chromium computes does not come back from it.
async fn faults_have_words(tab: &Tab) -> Result<()> {
    tab.eval(&format!("{HIDDEN} {OF_PAGES}"), vec![]).await?;
    let main = "@compute @workgroup_size(1) fn main()";
    let output = "@group(0) @binding(1) var<storage, read_write> o: array<u32>;";
    let given = "struct U { n: u32, all: u32, size: u32, pad: u32, a: f32, b: f32 } @group(0) @binding(2) var<uniform> u: U;";
    let units = format!(
        "{output} {given} {main} {{ o[0] = u.n * 10u + u.all; o[1] = u32(u.a * 10 + u.b) + u.size; }}"
    );
    let (right, _) = told(tab, &units, r#"{"b":7,"a":4}"#, 3).await?;
    let bytes: Vec<&Value> = right.iter().map(|unit| &unit["bytes"]).collect();
    ensure!(
        bytes
            == [
                &json!([5, 0, 0, 0, 47, 0, 0, 0]),
                &json!([15, 0, 0, 0, 47, 0, 0, 0]),
                &json!([25, 0, 0, 0, 47, 0, 0, 0])
            ],
        "{right:?}"
    );
    let fault = async |text: &str, params: &str| -> Result<(String, String)> {
        let (told, _) = told(tab, text, params, 1).await?;
        let text = |name: &str| told[0][name].as_str().unwrap_or_default().to_owned();
        Ok((text("kind"), text("words")))
    };
    let (kind, words) = fault(&format!("{output}\n{main} {{ o[0] = nothing; }}"), "null").await?;
    ensure!(kind == "load" && words.starts_with("line 2: ") && words.contains("nothing"), "{kind}: {words}");
    let (kind, words) = fault(
        &format!("@group(1) @binding(0) var<storage, read_write> o: array<u32>; {main} {{ o[0] = 1; }}"),
        "null",
    )
    .await?;
    ensure!(kind == "load" && !words.is_empty(), "{kind}: {words}");
    // The uniform has no place for two parameters.
    let (kind, words) = fault(&units, "null").await?;
    ensure!(matches!(&*kind, "load" | "trapped") && !words.is_empty(), "{kind}: {words}");
    let (kind, words) = fault(&units, "true").await?;
    ensure!(kind == "load" && words.contains("object of numbers"), "{kind}: {words}");
    let endless =
        format!("{output} {main} {{ while o[0] < 5u {{ o[1] = o[1] * 3u + 1u; o[0] = o[1] & 1u; }} }}");
    let (ended, pause) = told(tab, &endless, "null", 1).await?;
    ensure!(ended[0]["kind"] == "time", "{ended:?}");
    ensure!(pause < PAUSE_MAX, "the page stood still for {pause} ms");
    Ok(())
}

#[tokio::test]
async fn shaders_run_on_lent_cards_alone() -> Result<()> {
    let server = Server::start().await?;
    let browsers =
        [Browser::start().await?, Browser::start_with(BrowserOptions::default().graphics()).await?];
    let ann = open_compute(&browsers[0], &server).await?;
    let link = share_front(&ann).await?;
    // Ann's browser gives no card: her page states the reason, and lends the rest.
    ann.click("lend-change").await?;
    wait_says(&ann, "gpu-state", "gives no graphics card").await?;
    ann.press_keys(Key::Escape).await?;
    ann.click("lend").await?;
    ann.wait_there(PATIENCE, "lend-stop").await?;
    let bo = browsers[1].tab(&link).await?;
    wait_linked(&ann, 1).await?;
    bo.wait_there(PATIENCE, "lend").await?;
    bo.click("lend").await?;
    bo.wait_there(PATIENCE, "lend-stop").await?;
    ann.click("run-julia").await?;
    // Both lend, and neither its card.
    wait_says(&ann, "job-standstill", "Nobody lends a graphics card").await?;
    bo.click("lend-change").await?;
    wait_says(&bo, "gpu-state", "swiftshader").await?;
    bo.click("lend-card").await?;
    ann.wait_until(RENDERED, "the picture", async || {
        let units = ann.text("job-units").await?;
        ensure!(units.starts_with("160 of 160"), "{units:?}");
        Ok(())
    })
    .await?;
    let right = json!([1024, 640, right_sum()]);
    ann.wait_until(PATIENCE, "the right picture", async || {
        let shown = ann.eval(PIXELS, Vec::new()).await?;
        ensure!(shown == right, "{shown} and {right}");
        Ok(())
    })
    .await?;
    faults_have_words(&bo).await
}
