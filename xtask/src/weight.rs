//! The bytes that a browser fetches on each route, beside those at the last release.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::editor;
use crate::pages::{BASE, LOADS};
use crate::workspace::Workspace;

/// The routes, with the parts and scripts that each loads beside the files that `index.html` names.
const ROUTES: [(&str, &[&str]); 4] = [
    ("start page", &[]),
    ("place", &["place"]),
    ("sync", &["sync"]),
    ("sync with a document open", &["sync", editor::NAME]),
];
/// Bytes of each route at the last release, as JSON. [`release`] writes it.
const RELEASED: &str = "xtask/released.json";
/// Endings of the compressed copies, in the order in which the server prefers them.
const COMPRESSED: [&str; 2] = ["br", "gz"];

/// Whether a route has grown by more than a quarter since the last release. Less is noise of builds and features, which
/// nobody who loads a page notices.
pub(crate) fn has_outgrown(bytes: u64, released: u64) -> bool {
    bytes > released + released / 4
}

/// One file that is fetched.
#[derive(Debug, PartialEq, Eq)]
struct Fetched {
    name: String,
    plain: u64,
    sent: u64,
}

/// Prints the files of each route.
///
/// # Errors
/// There are no pages, or a route has grown by more than a quarter since the last release.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let file = workspace.root.join(RELEASED);
    let released = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let released: BTreeMap<String, u64> =
        serde_json::from_slice(&released).with_context(|| format!("{RELEASED} is not JSON"))?;
    let mut heavy = Vec::new();
    for (route, sent) in routes(&workspace.pages())? {
        if let Some(&released) = released.get(route)
            && has_outgrown(sent, released)
        {
            heavy.push(format!("{route}: {sent} bytes, more than a quarter above the {released} released"));
        }
    }
    ensure!(heavy.is_empty(), "{}", heavy.join("; "));
    Ok(())
}

/// Writes the bytes of each route as those of a release.
///
/// # Errors
/// There are no pages, or the file cannot be written.
pub(crate) fn release(workspace: &Workspace) -> Result<()> {
    let routes = serde_json::to_string_pretty(&routes(&workspace.pages())?).context("names are JSON")?;
    let file = workspace.root.join(RELEASED);
    fs::write(&file, routes + "\n").with_context(|| format!("cannot write {}", file.display()))
}

/// Prints the files of each route, and sums up the bytes that are sent.
fn routes(pages: &Path) -> Result<BTreeMap<&'static str, u64>> {
    let mut routes = BTreeMap::new();
    for (route, parts) in ROUTES {
        let files = fetched(pages, parts)?;
        println!("{route:<40} {:>9} {:>9}", "plain", "sent");
        for Fetched { name, plain, sent } in &files {
            println!("  {name:<38} {plain:>9} {sent:>9}");
        }
        let sum = |of: fn(&Fetched) -> u64| files.iter().map(of).sum::<u64>();
        let (plain, sent) = (sum(|file| file.plain), sum(|file| file.sent));
        println!("  {:<38} {plain:>9} {sent:>9}\n", "all");
        routes.insert(route, sent);
    }
    Ok(routes)
}

/// `index.html`, everything that it names, the wasm of its script, and these parts and scripts; the heaviest first.
fn fetched(pages: &Path, parts: &[&str]) -> Result<Vec<Fetched>> {
    let read = |name: &str| fs::read_to_string(pages.join(name)).context("there are no pages; build them");
    let (index, loads) = (read("index.html")?, read(LOADS)?);
    let loads: BTreeMap<String, Vec<String>> = serde_json::from_str(&loads).context("names are JSON")?;
    let mut names = vec!["index.html".to_owned()];
    let quoted = index.split('"').skip(1).step_by(2);
    names.extend(
        quoted
            .filter_map(|text| text.strip_prefix(BASE)?.strip_prefix('/'))
            .filter(|name| name.starts_with("assets/"))
            .map(str::to_owned),
    );
    let wasm = names.iter().find(|name| name.ends_with(".wasm")).context("the pages load no wasm")?;
    let assets = wasm.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
    for part in parts {
        if part.ends_with(".js") {
            names.push(format!("{assets}/{part}"));
            continue;
        }
        let files = loads.get(*part).with_context(|| format!("the pages have no part {part}"))?;
        names.extend(files.iter().map(|file| format!("{assets}/{file}")));
    }
    names.sort();
    names.dedup();
    let mut files = names.iter().map(|name| file(pages, name)).collect::<Result<Vec<_>>>()?;
    files.sort_by_key(|file| std::cmp::Reverse(file.sent));
    Ok(files)
}

fn file(pages: &Path, name: &str) -> Result<Fetched> {
    let file = pages.join(name);
    let length = |file: &Path| file.metadata().map(|metadata| metadata.len());
    let plain = length(&file).with_context(|| format!("the pages name {name}, which is not there"))?;
    let compressed = COMPRESSED.iter().filter_map(|ending| {
        let copy = file.with_extension(format!("{}.{ending}", file.extension()?.to_string_lossy()));
        length(&copy).ok()
    });
    // The server hands out the first that there is.
    let sent = { compressed }.next().unwrap_or(plain);
    let short = name.rsplit('/').next().unwrap_or(name).to_owned();
    Ok(Fetched { name: short, plain, sent })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn route_counts_index_files_and_parts_compressed() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, length: usize| {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().expect("it lies in one")).expect("it can be made");
            fs::write(file, vec![b'x'; length]).expect("it is written");
        };
        write("assets/f00/a.wasm", 1000);
        write("assets/f00/a.wasm.br", 300);
        write("assets/f00/a.wasm.gz", 400);
        write("assets/f00/a.css", 20);
        write("assets/f00/lazy.css", 5000);
        write("assets/f00/tools.wasm", 7);
        write("assets/f00/chunk.wasm", 5);
        write("assets/f00/lazy.js", 3);
        let index = r#"<link href="{{base}}/assets/f00/a.css"><link href="{{base}}/assets/f00/a.wasm"><a href="{{base}}/place">"#;
        fs::write(folder.path().join("index.html"), index).expect("it is written");
        fs::write(folder.path().join(LOADS), r#"{"tools":["chunk.wasm","tools.wasm"]}"#)
            .expect("it is written");
        let of = |name: &str, plain, sent| Fetched { name: name.to_owned(), plain, sent };
        let length = index.len() as u64;
        let first = [of("a.wasm", 1000, 300), of("index.html", length, length), of("a.css", 20, 20)];
        assert_eq!(fetched(folder.path(), &[]).expect("all is there"), first);
        let more = fetched(folder.path(), &["tools", "lazy.js"]).expect("all is there");
        assert_eq!(more[3..], [of("tools.wasm", 7, 7), of("chunk.wasm", 5, 5), of("lazy.js", 3, 3)]);
        assert!(fetched(folder.path(), &["absent"]).is_err());
        fs::remove_file(folder.path().join("assets/f00/a.css")).expect("it was there");
        let error = fetched(folder.path(), &[]).expect_err("a file is missing").to_string();
        assert!(error.contains("a.css"), "{error}");
    }
}
