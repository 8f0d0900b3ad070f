//! What programs in TypeScript, and the samples of the package's README, say of the package.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::sdk::{app, editor_of, run_tool, succeed};

#[test]
fn types_hold_under_strict_checks() -> Result<()> {
    check_types(app()?.path())
}

/// Each sample uses what the package has, as it has it.
#[test]
fn samples_of_the_readme_hold() -> Result<()> {
    let app = editor_of("sdk/readme")?;
    let mut files = vec![String::from("sample.ts")];
    for sample in include_str!("../../../sdk/js/README.md").split("```js\n").skip(1) {
        let (code, _) = sample.split_once("```").context("a sample ends")?;
        let file = format!("sample-{}.ts", files.len());
        // What a sample declares is its own.
        fs::write(app.path().join(&file), format!("{code}\nexport {{}}\n"))?;
        files.push(file);
    }
    ensure!(files.len() > 6, "there are samples");
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    // They are JavaScript, which names no types.
    check(app.path(), &[&["--noImplicitAny", "false"], &files[..]].concat())
}

/// What a program in TypeScript says of the package holds, however strictly it is taken.
pub(crate) fn check_types(app: &Path) -> Result<()> {
    check(app, &["sample.ts"])
}

fn check(app: &Path, files: &[&str]) -> Result<()> {
    let checks = ["--strict", "--noEmit", "--target", "es2022", "--module", "esnext"];
    let settings = ["--moduleResolution", "bundler", "--lib", "es2023,dom"];
    succeed(&run_tool(app, "typescript/bin/tsc", &[&checks[..], &settings, files].concat())?)
}
