//! `page-size`: what a browser fetches to show a room for the first time.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::race::{Needs, Plan, Race, Row, Samples};

/// The race.
pub(crate) const RACE: Race = Race {
    name: "page-size",
    about: "The first load of /place as it is sent: index.html and all that it names, brotli where that is smaller.",
    needs: Needs::Browser,
    run,
};

fn run(_plan: &Plan) -> Result<Vec<Row>> {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/pages");
    let index = fs::read_to_string(pages.join("index.html")).context("the pages are not built")?;
    let named = index.split('"').skip(1).step_by(2).filter_map(|text| text.strip_prefix('/'));
    let mut names: Vec<&str> =
        named.filter(|name| name.starts_with("assets/")).chain(["index.html"]).collect();
    names.sort_unstable();
    names.dedup();
    let (mut all, mut wasm) = (0, 0);
    for name in names {
        let length = sent(&pages.join(name)).with_context(|| format!("the pages name {name}"))?;
        all += length;
        wasm += if name.ends_with(".wasm") { length } else { 0 };
    }
    ensure!(wasm > 0, "the pages load no wasm");
    let row = |name: &str, bytes: u64| Row::stated(name, Samples::exact(bytes as f64 / 1000.0), "kB", false);
    Ok(vec![row(RACE.name, all).want("600 kB"), row("page-size/wasm", wasm)])
}

/// The length of a file, or of its smaller twin.
fn sent(file: &Path) -> Result<u64> {
    let mut twin = file.as_os_str().to_owned();
    twin.push(".br");
    Ok(fs::metadata(&twin).or_else(|_| fs::metadata(file))?.len())
}
