//! `cargo xtask tidy`: what the compiler and clippy do not check about the house.

mod apps;
mod arrows;
mod edges;
mod exceptions;
mod foreign;
mod habits;
mod imports;
mod inside;
mod ledger;
mod leftovers;
mod links;
mod proofs;
mod ratchet;
mod source;
mod texts;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::{fs, io};

use anyhow::{Context, Result, bail};

use crate::surface;
use crate::workspace::Workspace;

/// Our text files: path from the root with `/` between its parts, and content.
pub(crate) type Files = BTreeMap<String, String>;

/// Prints the sentences below this path that are turned round.
pub(crate) fn list_habits(workspace: &Workspace, path: &str) -> Result<()> {
    let habits = habits::Habits::of(&our_files(&workspace.root)?);
    habits.below(path).for_each(|finding| eprintln!("{finding}"));
    eprintln!("xtask: tidy: {} habits below {path}", habits.below(path).count());
    Ok(())
}

/// Writes down how many sentences of each crate are turned round, unless there are more than before.
pub(crate) fn record_words(workspace: &Workspace) -> Result<()> {
    let files = our_files(&workspace.root)?;
    let packages = edges::packages(&workspace.metadata).context("cargo metadata is not as expected")?;
    let counts = ratchet::count(&habits::Habits::of(&files), &packages);
    fs::write(workspace.root.join(ratchet::COUNTS), ratchet::lowered(&files, &counts))
        .with_context(|| format!("cannot write {}", ratchet::COUNTS))?;
    eprintln!("xtask: tidy: {} has {} sentences", ratchet::COUNTS, counts.values().sum::<usize>());
    Ok(())
}

/// Runs all checks and fails with all problems found. Of the habits of writing, only more clauses in a crate fail.
pub(crate) fn tidy(workspace: &Workspace) -> Result<()> {
    let files = our_files(&workspace.root)?;
    let habits = habits::Habits::of(&files);
    eprintln!("xtask: tidy: {habits}");
    let packages = edges::packages(&workspace.metadata).context("cargo metadata is not as expected")?;
    let mut problems = Vec::new();
    problems.extend(edges::check(&packages));
    match proofs::Proofs::read(&files, &packages) {
        Ok(proofs) => {
            problems.extend(ledger::check(&files, &proofs));
            problems.extend(ledger::check_threats(&files, &proofs));
            problems.extend(proofs.check_names());
        }
        Err(unreadable) => problems.extend(unreadable),
    }
    problems.extend(ratchet::check(&files, &ratchet::count(&habits, &packages)));
    problems.extend(source::check(&files));
    problems.extend(leftovers::check(&files, exceptions::WAITS));
    problems.extend(foreign::check(&files));
    problems.extend(imports::check(&files));
    problems.extend(apps::check(&files));
    problems.extend(texts::check(&files));
    problems.extend(arrows::check(&files, exceptions::UPWARD));
    problems.extend(inside::check(&files));
    problems.extend(surface::check(&files));
    problems.extend(links::check(&files, &|path| workspace.root.join(path).exists()));
    if problems.is_empty() {
        eprintln!("xtask: tidy: {} files and {} crates are in order", files.len(), packages.len());
        return Ok(());
    }
    let count = problems.len();
    bail!("tidy found {count} problem{}:\n  {}", if count == 1 { "" } else { "s" }, problems.join("\n  "))
}

/// What git tracks or would track; files that are not text are left out.
pub(crate) fn our_files(root: &Path) -> Result<Files> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root);
    let names: Vec<String> = match git.output() {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout)
            .split('\0')
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect(),
        // A source archive has no repository around it.
        _ => {
            let mut names = Vec::new();
            walk(root, "", &mut names).context("cannot list the source files")?;
            names
        }
    };
    let mut files = Files::new();
    for name in names {
        // A file that was just deleted is still tracked.
        if let Ok(bytes) = fs::read(root.join(&name))
            && let Ok(text) = String::from_utf8(bytes)
        {
            files.insert(name, text);
        }
    }
    Ok(files)
}

fn walk(root: &Path, below: &str, names: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        if !entry.file_type()?.is_dir() {
            names.push(path);
        } else if name != "target" && name != ".git" {
            walk(root, &path, names)?;
        }
    }
    Ok(())
}

/// The lines of a Rust file that are neither comments nor tests, with their numbers from 1. The file is laid out as rustfmt
/// does: what is for tests alone ends at the brace that stands as far in as its attribute, or is one statement.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    std::iter::from_fn(move || {
        loop {
            let (number, line) = lines.next()?;
            let words = line.trim_start();
            if words.starts_with("#[cfg(test)]") {
                let own = indent(line);
                let is_last = |line: &str| {
                    let is_outermost = indent(line) == own && !line.trim().is_empty();
                    is_outermost
                        && !line.trim_start().starts_with(['#', '/'])
                        && line.ends_with([';', '}', ','])
                };
                lines.by_ref().find(|(_, line)| is_last(line))?;
            } else if !words.starts_with("//") {
                return Some((number, line));
            }
        }
    })
}

#[cfg(test)]
fn files(contents: &[(&str, &str)]) -> Files {
    contents.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_goes_on_after_what_tests_have() {
        let text = "use a;\n#[cfg(test)]\nmod tests;\nmod b;\n// no code\n\nimpl A {\n    fn one() {}\n\n    #[cfg(test)]\n    \
                    /// For tests.\n    #[must_use]\n    fn two() {\n        {\n        }\n    }\n\n    fn three() {}\n}\n\n\
                    #[cfg(test)]\nmod last {\n    fn four() {}\n}\n";
        let code: Vec<_> = code_lines(text).filter(|(_, line)| !line.is_empty()).collect();
        let wanted = [
            (1, "use a;"),
            (4, "mod b;"),
            (7, "impl A {"),
            (8, "    fn one() {}"),
            (18, "    fn three() {}"),
            (19, "}"),
        ];
        assert_eq!(code, wanted);
    }
}
