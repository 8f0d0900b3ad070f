//! Sees to it that there are pages to embed: where none were built, one page says so.

#![allow(clippy::disallowed_macros, reason = "cargo reads what a build script prints")]

use std::error::Error;
use std::path::Path;
use std::{env, fs};

const NOT_BUILT: &str = "<!doctype html>
<meta charset=\"utf-8\">
<title>Meshwork</title>
<p>The pages were not built into this program. Build it with <code>cargo xtask build</code>.</p>
";

fn main() -> Result<(), Box<dyn Error>> {
    let pages = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../target/pages");
    let index = pages.join("index.html");
    if !index.exists() {
        fs::create_dir_all(&pages)?;
        fs::write(&index, NOT_BUILT)?;
    }
    // Not the pages: the program names each of their files by itself, and the library has nothing of them.
    println!("cargo::rerun-if-changed=build.rs");
    Ok(())
}
