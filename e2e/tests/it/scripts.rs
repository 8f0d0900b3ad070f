//! The JavaScript of the editor, of games, and of the package's players, jobs and provider for Yjs, run by node alone: `e2e/scripts` has its tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Bundles a script with what it has from npm, as pages are bundled, and has node run its tests.
fn run(name: &str) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let tools = root.join("target/editor-tools/node_modules");
    ensure!(tools.exists(), "install the editor's tools with: cargo xtask setup");
    let folder = tempfile::tempdir()?;
    let bundle: PathBuf = folder.path().join(format!("{name}.mjs"));
    let mut esbuild = Command::new("node");
    esbuild.current_dir(&root).env("NODE_PATH", tools.canonicalize()?);
    esbuild.arg(tools.join("esbuild/bin/esbuild")).arg(format!("e2e/scripts/{name}.test.js"));
    esbuild.args(["--bundle", "--platform=node", "--format=esm", "--log-level=warning"]);
    // The build makes the frame's document, which belongs to a page.
    esbuild.arg("--external:*/compute-pool.js");
    succeed(esbuild.arg(format!("--outfile={}", bundle.display())))?;
    succeed(Command::new("node").arg("--test").arg(&bundle))
}

fn succeed(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().context("node does not start")?;
    let words = [output.stdout, output.stderr].concat();
    ensure!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&words));
    Ok(())
}

#[test]
fn refused_edits_hold_nothing_up() -> Result<()> {
    run("provider")
}

#[test]
fn tangled_documents_are_given_up() -> Result<()> {
    run("tangled")
}

#[test]
fn editors_show_what_documents_have() -> Result<()> {
    run("lines")
}

#[test]
fn depth_and_work_of_markdown_are_bounded() -> Result<()> {
    run("markdown")
}

#[test]
fn each_tab_has_a_draft_of_its_own() -> Result<()> {
    run("drafts")
}

#[test]
fn games_run_alike_and_name_their_faults() -> Result<()> {
    run("game")
}

#[test]
fn shipped_games_end_and_change_hosts() -> Result<()> {
    run("games")
}

#[test]
fn pages_run_rules_of_their_own() -> Result<()> {
    run("player")
}

#[test]
fn jobs_name_wrong_arguments_and_items() -> Result<()> {
    run("compute")
}
