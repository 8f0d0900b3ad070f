//! The target wasm32-unknown-unknown of the Rust in use.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, bail};

use super::on_path;
use crate::step;
use crate::workspace::Workspace;

pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// A cargo that compiles for wasm, before its subcommand's arguments, and the folder it builds in.
///
/// Packages and profile are the caller's to add.
pub(crate) fn cargo(workspace: &Workspace, subcommand: &str) -> (Command, PathBuf) {
    let mut cargo = workspace.cargo();
    cargo.args([subcommand, "--target", TARGET]);
    (cargo, workspace.target.join(TARGET))
}

/// Panics then name files without the folder of this machine that they lie in, which nobody who loads a page should be
/// sent.
pub(crate) fn forget_folders(cargo: &mut Command) {
    for folder in sources_of_others() {
        let flag = format!("--remap-path-prefix={}/=", folder.display());
        cargo.args(["--config", &format!("target.{TARGET}.rustflags=[{flag:?}]")]);
    }
}

/// The folders in which cargo keeps the sources of other people's crates.
fn sources_of_others() -> Vec<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    let folders = home.and_then(|home| fs::read_dir(home.join("registry/src")).ok());
    folders.into_iter().flatten().flatten().map(|folder| folder.path()).collect()
}

pub(super) fn find_or_install(workspace: &Workspace) -> Result<()> {
    if target_is_here(workspace)? {
        return Ok(());
    }
    eprintln!("xtask: set up: the target {TARGET} is missing");
    rustup_adds_target(workspace).with_context(|| format!("{TARGET}: type: rustup target add {TARGET}"))
}

fn rustup_adds_target(workspace: &Workspace) -> Result<()> {
    on_path("rustup").context("there is no rustup")?;
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", TARGET]).current_dir(&workspace.root);
    step::run("set up wasm", &mut rustup)?;
    if !target_is_here(workspace)? {
        bail!("rustup added the target to a Rust that is not the one in use");
    }
    Ok(())
}

/// The target's folder must hold a standard library: an empty one is left behind by removals.
fn target_is_here(workspace: &Workspace) -> Result<bool> {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args(["--print", "target-libdir", "--target", TARGET]).current_dir(&workspace.root);
    let output = rustc.output().context("cannot start rustc")?;
    let folder = String::from_utf8_lossy(&output.stdout);
    let Ok(mut entries) = Path::new(folder.trim()).read_dir() else { return Ok(false) };
    Ok(entries
        .any(|entry| entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))))
}
