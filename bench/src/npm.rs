//! Packages of npm that are raced against.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// The folder in which a package (`name@version`) is installed, once, below the build folder.
///
/// # Errors
/// There is no npm, or it cannot install the package.
pub fn installed(package: &str) -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench-npm").join(package);
    let name = package.split('@').next().unwrap_or(package);
    if !root.join("node_modules").join(name).join("package.json").exists() {
        fs::create_dir_all(&root)?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--prefix"]).arg(&root).arg(package);
        let status = npm.stdout(Stdio::null()).status().context("npm is needed to fetch packages")?;
        ensure!(status.success(), "npm cannot install {package}");
    }
    Ok(root)
}
