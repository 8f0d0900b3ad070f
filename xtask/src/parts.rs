//! Splits the pages' wasm into what every page needs and a part an app, which is loaded when the app comes to the front.
//!
//! A function of the pages that is marked as the door to a part is reached through a promise. What only that door leads to,
//! code and data, goes into a wasm of its own, which shares memory and table with the main one. The linker's relocations say
//! what leads where, so the compiler must leave them in (`--emit-relocs`). Code that several apps share and the main wasm does
//! not need is one more file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use wasm_split_cli_support::{Options, transform};

/// What the main wasm loads parts with; it lies beside it.
pub(crate) const LOADER: &str = "parts.js";

/// The parts beside the main wasm.
#[derive(Debug)]
pub(crate) struct Parts {
    /// The main wasm, not yet seen by wasm-bindgen.
    pub(crate) main: Vec<u8>,
    /// The files that are loaded for each part.
    pub(crate) loads: BTreeMap<String, Vec<String>>,
    files: Vec<PathBuf>,
}

/// Writes the parts and their loader into `folder`, where `NAME.js` of wasm-bindgen will lie as well.
///
/// # Errors
/// The wasm has no relocations, or nothing can be written.
pub(crate) fn split(wasm: &Path, folder: &Path, name: &str) -> Result<Parts> {
    let input = fs::read(wasm).with_context(|| format!("cannot read {}", wasm.display()))?;
    let main = folder.join("main.wasm");
    let mut options = Options::new(&input);
    options.output_dir = folder;
    options.main_out_path = &main;
    let loader = format!("./{LOADER}");
    options.link_name = &loader;
    let script = format!("./{name}.js");
    options.main_module = &script;
    let split = transform(options).map_err(|error| anyhow!("the pages' wasm cannot be split: {error:#}"))?;
    let bytes = fs::read(&main).context("the main wasm was written")?;
    fs::remove_file(&main).context("the main wasm can be taken away")?;
    let named = |files: Vec<String>| files.into_iter().map(|file| format!("{file}.wasm")).collect();
    let loads = split.prefetch_map.into_iter().map(|(part, files)| (part, named(files))).collect();
    Ok(Parts { main: bytes, loads, files: split.split_modules })
}

impl Parts {
    /// Takes the names of functions out of the parts' files.
    ///
    /// # Errors
    /// A part cannot be read or written.
    pub(crate) fn forget_names(&self) -> Result<()> {
        for file in &self.files {
            let mut config = walrus::ModuleConfig::new();
            config.generate_name_section(false).generate_producers_section(false);
            let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
            let mut module =
                config.parse(&bytes).with_context(|| format!("{} is no wasm", file.display()))?;
            fs::write(file, module.emit_wasm())
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
        Ok(())
    }
}
