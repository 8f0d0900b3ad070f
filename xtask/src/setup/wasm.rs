//! A compiler for wasm32-unknown-unknown: the target of the Rust in use, or else Debian's Rust.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, bail};

use super::{on_path, packages};
use crate::step;
use crate::workspace::Workspace;

pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-22"];
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_LINKER: &str = "/usr/bin/wasm-ld-22";
const DEBIAN_SOURCE: &str = "/usr/lib/rustlib/src/rust/library/std/Cargo.toml";

/// Who compiles for wasm.
pub(crate) enum WasmToolchain {
    /// The Rust in use has the target.
    InUse,
    /// Debian's Rust, which builds the standard library for the target from source.
    Debian,
}

impl WasmToolchain {
    /// A cargo that compiles for wasm, before its subcommand's arguments, and the folder it builds in.
    ///
    /// Packages and profile are the caller's to add.
    pub(crate) fn cargo(&self, workspace: &Workspace, subcommand: &str) -> (Command, PathBuf) {
        match self {
            WasmToolchain::InUse => {
                let mut cargo = workspace.cargo();
                cargo.args([subcommand, "--target", TARGET]);
                (cargo, workspace.target.join(TARGET))
            }
            WasmToolchain::Debian => {
                // Its own folder, or two compilers would take turns in rebuilding one.
                let target = workspace.target.join("debian");
                let mut cargo = Command::new(DEBIAN_CARGO);
                crate::workspace::forget_xtask(&mut cargo);
                cargo
                    .current_dir(&workspace.root)
                    .env_remove("RUSTUP_TOOLCHAIN")
                    .env_remove("CARGO")
                    .env("RUSTC", DEBIAN_RUSTC)
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", DEBIAN_LINKER)
                    .env("CARGO_TARGET_DIR", &target)
                    .args([subcommand, "--target", TARGET, "-Z", "build-std=std,panic_abort"]);
                (cargo, target.join(TARGET))
            }
        }
    }

    /// Makes what a cargo of [`cargo`](WasmToolchain::cargo) builds smaller, where the standard library is built too:
    /// that one for size as well, and panics without words. Elsewhere panics name files without the folder of this machine
    /// that they lie in, which nobody who loads a page should be sent.
    pub(crate) fn shrink(&self, cargo: &mut Command, profile: &str) {
        if let WasmToolchain::Debian = self {
            cargo.args(["-Z", "build-std-features=optimize_for_size", "-Z", "panic-immediate-abort"]);
            cargo.arg("--config").arg(format!("profile.{profile}.panic=\"immediate-abort\""));
            cargo.args(["--config", &format!("target.{TARGET}.rustflags=[\"-Zlocation-detail=none\"]")]);
        } else {
            for folder in sources_of_others() {
                let flag = format!("--remap-path-prefix={}/=", folder.display());
                cargo.args(["--config", &format!("target.{TARGET}.rustflags=[{flag:?}]")]);
            }
        }
    }
}

/// The folders in which cargo keeps the sources of other people's crates.
fn sources_of_others() -> Vec<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    let folders = home.and_then(|home| fs::read_dir(home.join("registry/src")).ok());
    folders.into_iter().flatten().flatten().map(|folder| folder.path()).collect()
}

pub(super) fn find_or_install(workspace: &Workspace) -> Result<WasmToolchain> {
    if target_is_here(workspace)? {
        return Ok(WasmToolchain::InUse);
    }
    if debian_is_here() {
        return Ok(WasmToolchain::Debian);
    }
    eprintln!("xtask: set up: the target {TARGET} is missing");
    let by_rustup = rustup_adds_target(workspace);
    let Err(rustup_error) = by_rustup else { return Ok(WasmToolchain::InUse) };
    eprintln!("xtask: set up: rustup cannot add it ({rustup_error:#}), trying Debian's Rust");
    match packages::install_debian("wasm", &DEBIAN_PACKAGES) {
        Ok(()) if debian_is_here() => Ok(WasmToolchain::Debian),
        Ok(()) => bail!("{TARGET}: Debian's packages are installed, but {} is missing", missing_of_debian()),
        Err(debian_error) => bail!(
            "{TARGET}: type: rustup target add {TARGET}\n    \
             it was tried: {rustup_error:#}\n    and without rustup: {debian_error:#}"
        ),
    }
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

fn debian_is_here() -> bool {
    missing_of_debian().is_empty()
}

fn missing_of_debian() -> String {
    let files = [DEBIAN_CARGO, DEBIAN_RUSTC, DEBIAN_LINKER, DEBIAN_SOURCE];
    let missing: Vec<&str> = files.into_iter().filter(|file| !Path::new(file).exists()).collect();
    missing.join(", ")
}
