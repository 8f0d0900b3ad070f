//! The release binary with the pages inside, and starting it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::pages::Aim;
use crate::workspace::{Workspace, forget_xtask, host};
use crate::{pages, step};

/// Builds the pages, then the binary that carries them, and returns the binary's path.
pub(crate) fn build_all(workspace: &Workspace) -> Result<PathBuf> {
    pages::build(workspace, Aim::Small).context("the pages were not built")?;
    build(workspace).context("the release binary was not built")
}

/// Builds both in the shortest time, to be started here; returns the binary's path.
pub(crate) fn build_quick(workspace: &Workspace) -> Result<PathBuf> {
    pages::build(workspace, Aim::Quick).context("the pages were not built")?;
    compile(workspace, "quick").context("the quick binary was not built")
}

/// Builds the binary around whatever pages there are.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    let built = compile(workspace, "release")?;
    let program = workspace.program();
    if built != program {
        copy_if_changed(&built, &program)?;
    }
    Ok(program)
}

/// The same with a profile of Cargo.toml, where cargo leaves it.
fn compile(workspace: &Workspace, profile: &str) -> Result<PathBuf> {
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--profile", profile, "--package", "meshwork-cli"]);
    step::run("binary", &mut cargo)?;
    let program = workspace.program();
    Ok(workspace.target.join(profile).join(program.file_name().context("it has a name")?))
}

/// Builds pages and binary as [`build_all`] does, but with the system's library in it, so that it runs where nothing
/// else is installed; returns its path.
///
/// The C library is the one that the toolchain is for, so no further target need be installed.
pub(crate) fn build_static(workspace: &Workspace) -> Result<PathBuf> {
    pages::build(workspace, Aim::Small).context("the pages were not built")?;
    let host = host()?;
    // With a target named, build scripts and macros, which are loaded into the compiler, stay as they are.
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--release", "--locked", "--package", "meshwork-cli", "--target", &host]);
    let flags = format!("CARGO_TARGET_{}_RUSTFLAGS", host.to_uppercase().replace('-', "_"));
    cargo.env(flags, "-C target-feature=+crt-static");
    step::run("static binary", &mut cargo)?;
    let program = workspace.target.join(host).join("release/meshwork");
    let bytes = fs::read(&program).with_context(|| format!("cannot read {}", program.display()))?;
    ensure!(!asks_for_a_loader(&bytes), "{} needs libraries of the system", program.display());
    Ok(program)
}

/// Whether a program of 64 bits and little-endian order names another that is to load it and its libraries: the
/// segment `PT_INTERP` of its program headers (System V ABI, chapter 5).
fn asks_for_a_loader(elf: &[u8]) -> bool {
    const PT_INTERP: u32 = 3;
    let number = |at: usize, length: usize| {
        let bytes = elf.get(at..at + length).unwrap_or_default();
        bytes.iter().rev().fold(0_u64, |number, &byte| number << 8 | u64::from(byte))
    };
    let (first, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    (0..count).any(|segment| number((first + segment * size) as usize, 4) as u32 == PT_INTERP)
}

/// These arguments of `meshwork serve` with a data directory below target, if they name none: with one, the server has a shelf of
/// games.
pub(crate) fn with_data(workspace: &Workspace, arguments: &[String]) -> Vec<String> {
    let names = |argument: &String| {
        ["--data", "--config"].iter().any(|name| {
            argument == name || argument.strip_prefix(name).is_some_and(|rest| rest.starts_with('='))
        })
    };
    let mut arguments = arguments.to_vec();
    if !arguments.iter().any(names) && std::env::var_os("MESHWORK_DATA").is_none() {
        let data = workspace.target.join("server");
        arguments.extend([String::from("--data"), data.display().to_string()]);
    }
    arguments
}

/// Becomes `meshwork serve`, or runs it where a process cannot become another.
pub(crate) fn serve(program: &Path, arguments: &[String]) -> Result<()> {
    let mut server = Command::new(program);
    forget_xtask(&mut server);
    server.arg("serve").args(arguments);
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        let error = server.exec();
        Err(error).with_context(|| format!("cannot start {}", program.display()))
    }
    #[cfg(not(unix))]
    step::check(&mut server)
}

/// Copies by way of a neighbour file, since a running program cannot be written over.
fn copy_if_changed(from: &Path, to: &Path) -> Result<()> {
    let bytes = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    if fs::read(to).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    let folder = to.parent().context("the binary lies in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let fresh = to.with_extension("new");
    fs::copy(from, &fresh).with_context(|| format!("cannot write {}", fresh.display()))?;
    fs::rename(&fresh, to).with_context(|| format!("cannot write {}", to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detects_dynamically_linked_elf() {
        let elf = |kinds: &[u32]| {
            let mut elf = vec![0; 64];
            elf[32] = 64;
            elf[54] = 56;
            elf[56] = kinds.len() as u8;
            for kind in kinds {
                elf.extend(kind.to_le_bytes());
                elf.extend([0; 52]);
            }
            elf
        };
        assert!(asks_for_a_loader(&elf(&[6, 3, 1])));
        assert!(!asks_for_a_loader(&elf(&[6, 1, 1])));
        assert!(!asks_for_a_loader(b"#!/bin/sh"));
    }
}
