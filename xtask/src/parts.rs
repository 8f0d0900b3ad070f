//! Splits the pages' wasm into what a first load needs, and parts that are loaded when they are wanted.
//!
//! A function of the pages that is marked as the door to a part is reached through a promise. What only such a door
//! leads to, code and data, goes into a wasm of its own, which shares memory and table with the main one. The linker's
//! relocations say what leads where, so the compiler must leave them in (`--emit-relocs`).
//!
//! What several parts share is a wasm for each set of parts that do: near a hundred, most of them small. A browser takes longer
//! to ask for so many than to fetch them, so they travel in few files ([`Parts::gather`]).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use wasm_split_cli_support::{Options, transform};

/// What the main wasm loads parts with; it lies beside it.
pub(crate) const LOADER: &str = "parts.js";

/// What pages load together, by parts. Code that is wanted by the same of these travels in one file.
const TOGETHER: [&[&str]; 10] = [
    &["overlays"],
    &["home"],
    &["shell", "place"],
    &["shell", "sync"],
    &["documents"],
    &["drawing"],
    &["writing"],
    &["sealing"],
    &["files"],
    &["shelf"],
];
/// Bytes below which a file travels with another that is wanted wherever it is, though that may be wanted elsewhere too.
const FILE_LEAST: u64 = 20_000;
/// What the loader fetches pieces of files with.
const PIECES: &str = include_str!("pieces.js");

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

    /// Puts what several parts share into few files, and has the loader fetch it from there.
    ///
    /// # Errors
    /// The loader fetches a file in a way that this does not know, a part stands in no line of what is loaded together, or
    /// nothing can be read or written.
    pub(crate) fn gather(&mut self, folder: &Path) -> Result<()> {
        let loader = folder.join(LOADER);
        let mut script = fs::read_to_string(&loader).context("the parts have a loader")?;
        for (number, files) in self.gathered(folder)?.iter().enumerate() {
            let name = format!("shared_{number}.bin");
            let mut bytes = Vec::new();
            for file in files {
                let path = folder.join(file);
                let piece = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
                let whole = fetcher(file);
                ensure!(script.contains(&whole), "{LOADER} does not fetch {file} as this build knows it");
                let (from, length) = (bytes.len(), piece.len());
                script = script.replace(&whole, &format!("piece(\"./{name}\", {from}, {length})"));
                bytes.extend(piece);
                fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
            }
            let path = folder.join(&name);
            fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
            for loads in self.loads.values_mut() {
                let before = loads.len();
                loads.retain(|load| !files.contains(load));
                if loads.len() < before {
                    loads.push(name.clone());
                }
            }
        }
        fs::write(&loader, script + PIECES).with_context(|| format!("cannot write {}", loader.display()))
    }

    /// The files that several parts share, those of one file together.
    fn gathered(&self, folder: &Path) -> Result<Vec<BTreeSet<String>>> {
        let mut users: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (part, files) in &self.loads {
            for file in files {
                users.entry(file).or_default().insert(part);
            }
        }
        let mut groups: BTreeMap<BTreeSet<usize>, (u64, BTreeSet<String>)> = BTreeMap::new();
        for (file, parts) in users.into_iter().filter(|(_, parts)| parts.len() > 1) {
            let is_wanted =
                |(_, together): &(usize, &&[&str])| together.iter().any(|part| parts.contains(part));
            let wanted: BTreeSet<usize> =
                TOGETHER.iter().enumerate().filter(is_wanted).map(|(place, _)| place).collect();
            ensure!(!wanted.is_empty(), "{parts:?} stand in no line of what is loaded together");
            let path = folder.join(file);
            let length = path.metadata().with_context(|| format!("cannot read {}", path.display()))?.len();
            let (bytes, files) = groups.entry(wanted).or_default();
            *bytes += length;
            files.insert(file.to_owned());
        }
        Ok(merged(groups))
    }
}

/// How the loader fetches a wasm, as it is written.
fn fetcher(file: &str) -> String {
    format!(
        "() => {{\n    const src = fetch(new URL(\"./{file}\", import.meta.url));\n    src.catch(() => {{}});\n    \
         return async (imports) => (WebAssembly.instantiateStreaming(src, imports));\n}}\n"
    )
}

/// Groups of files by where they are wanted, with their bytes: each that is small goes into the one that is wanted at the
/// fewest further places, the smallest first.
fn merged(mut groups: BTreeMap<BTreeSet<usize>, (u64, BTreeSet<String>)>) -> Vec<BTreeSet<String>> {
    let wider = |groups: &BTreeMap<BTreeSet<usize>, _>, small: &BTreeSet<usize>| {
        let wider = groups.keys().filter(|other| other.is_superset(small) && *other != small);
        wider.min_by_key(|other| other.len()).cloned()
    };
    loop {
        let mut small: Vec<_> = groups.iter().filter(|(_, (bytes, _))| *bytes < FILE_LEAST).collect();
        small.sort_by_key(|(_, (bytes, _))| *bytes);
        let found = small.into_iter().find_map(|(small, _)| Some((small.clone(), wider(&groups, small)?)));
        let Some((small, wider)) = found else { break };
        if let Some((bytes, files)) = groups.remove(&small)
            && let Some((of_wider, all)) = groups.get_mut(&wider)
        {
            *of_wider += bytes;
            all.extend(files);
        }
    }
    groups.into_values().map(|(_, files)| files).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_files_travel_with_wider_ones() {
        let group = |wanted: &[usize], bytes, file: &str| {
            (wanted.iter().copied().collect(), (bytes, BTreeSet::from([file.to_owned()])))
        };
        let large = FILE_LEAST;
        let groups = [
            group(&[1, 2], 10, "a"),
            group(&[1, 2, 3], large, "b"),
            group(&[1, 2, 3, 4], large, "c"),
            group(&[1, 5], large, "d"),
            group(&[6, 7], 10, "e"),
        ];
        let files = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>();
        let expected = [files(&["a", "b"]), files(&["c"]), files(&["d"]), files(&["e"])];
        assert_eq!(merged(groups.into()), expected);
    }

    #[test]
    fn shared_files_become_pieces_of_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let write =
            |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).expect("it is written");
        let names = ["chunk_1.wasm", "chunk_2.wasm", "split_home.wasm"];
        names.iter().for_each(|name| write(name, name.as_bytes()));
        write(LOADER, names.map(|name| format!("makeLoad({}, []);\n", fetcher(name))).concat().as_bytes());
        let loads = [("home", &names[..]), ("shell", &names[..2])];
        let owned = |files: &[&str]| files.iter().map(|&file| file.to_owned()).collect::<Vec<_>>();
        let loads = loads.map(|(part, files)| (part.to_owned(), owned(files)));
        let mut parts = Parts { main: Vec::new(), loads: loads.into(), files: Vec::new() };
        parts.gather(folder.path()).expect("the loader is as it is made");
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).expect("it is there");
        assert_eq!(read("shared_0.bin"), "chunk_1.wasmchunk_2.wasm");
        let script = [
            "makeLoad(piece(\"./shared_0.bin\", 0, 12), []);\n",
            "makeLoad(piece(\"./shared_0.bin\", 12, 12), []);\n",
            &format!("makeLoad({}, []);\n", fetcher("split_home.wasm")),
            PIECES,
        ];
        assert_eq!(read(LOADER), script.concat());
        assert!(!folder.path().join("chunk_1.wasm").exists(), "it is in the other file");
        assert_eq!(parts.loads["home"], owned(&["split_home.wasm", "shared_0.bin"]));
        assert_eq!(parts.loads["shell"], owned(&["shared_0.bin"]));
        write(LOADER, b"otherwise");
        names.iter().for_each(|name| write(name, b""));
        let loads = [("home".to_owned(), owned(&names)), ("shell".to_owned(), owned(&names))];
        let mut parts = Parts { main: Vec::new(), loads: loads.into(), files: Vec::new() };
        assert!(parts.gather(folder.path()).is_err(), "a loader of another kind");
    }
}
