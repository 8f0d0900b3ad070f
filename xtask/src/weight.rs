//! What a browser fetches to show a room for the first time, and the most that it may be.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::workspace::Workspace;

/// Most bytes of a first load, as they are sent to a browser that reads brotli.
///
/// See docs/decisions/0016-page-weight-and-frames.md for what is in them.
const FIRST_LOAD_MAX: u64 = 400_000;
/// Endings of the smaller twins.
const TWINS: [&str; 2] = ["br", "gz"];

/// One file of a first load.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    name: String,
    plain: u64,
    sent: u64,
}

/// Prints what a first load is made of.
///
/// # Errors
/// There are no pages, or they are heavier than allowed.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let parts = first_load(&workspace.pages())?;
    println!("{:<28} {:>9} {:>9}", "first load of /place", "plain", "sent");
    for Part { name, plain, sent } in &parts {
        println!("{name:<28} {plain:>9} {sent:>9}");
    }
    let plain: u64 = parts.iter().map(|part| part.plain).sum();
    let sent: u64 = parts.iter().map(|part| part.sent).sum();
    println!("{:<28} {plain:>9} {sent:>9}  of at most {FIRST_LOAD_MAX}", "all");
    ensure!(sent <= FIRST_LOAD_MAX, "a first load is {sent} bytes; at most {FIRST_LOAD_MAX} are allowed");
    Ok(())
}

/// `index.html` and everything that it names, the heaviest first. The script starts the wasm, which it does not name.
fn first_load(pages: &Path) -> Result<Vec<Part>> {
    let index = fs::read_to_string(pages.join("index.html")).context("there are no pages; build them")?;
    let mut names = vec!["index.html".to_owned()];
    let quoted = index.split('"').skip(1).step_by(2);
    names.extend(
        quoted
            .filter_map(|text| text.strip_prefix('/'))
            .filter(|name| name.starts_with("assets/"))
            .map(str::to_owned),
    );
    names.sort();
    names.dedup();
    let mut parts = names.iter().map(|name| part(pages, name)).collect::<Result<Vec<_>>>()?;
    parts.sort_by_key(|part| std::cmp::Reverse(part.sent));
    ensure!(parts.iter().any(|part| part.name.ends_with(".wasm")), "the pages load no wasm");
    Ok(parts)
}

fn part(pages: &Path, name: &str) -> Result<Part> {
    let file = pages.join(name);
    let length = |file: &Path| file.metadata().map(|metadata| metadata.len());
    let plain = length(&file).with_context(|| format!("the pages name {name}, which is not there"))?;
    let twins = TWINS.iter().filter_map(|ending| {
        let twin = file.with_extension(format!("{}.{ending}", file.extension()?.to_string_lossy()));
        length(&twin).ok()
    });
    // The server hands out the first that there is.
    let sent = { twins }.next().unwrap_or(plain);
    let short = name.rsplit('/').next().unwrap_or(name).to_owned();
    Ok(Part { name: short, plain, sent })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_load_is_what_the_index_names_in_its_smallest_form() {
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
        let index = r#"<link href="/assets/f00/a.css"><link href="/assets/f00/a.wasm"><a href="/place">"#;
        fs::write(folder.path().join("index.html"), index).expect("it is written");
        let parts = first_load(folder.path()).expect("all is there");
        let of = |name: &str, plain, sent| Part { name: name.to_owned(), plain, sent };
        let length = index.len() as u64;
        assert_eq!(parts, [of("a.wasm", 1000, 300), of("index.html", length, length), of("a.css", 20, 20)]);
        fs::remove_file(folder.path().join("assets/f00/a.css")).expect("it was there");
        let error = first_load(folder.path()).expect_err("a file is missing").to_string();
        assert!(error.contains("a.css"), "{error}");
    }
}
