//! Packages of npm that are raced against.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::contestant::Measured;
use crate::web::YJS;

/// The folder in which a package (`name@version`) is installed, once, below the build folder.
///
/// # Errors
/// There is no npm, or it cannot install the package.
pub fn installed(package: &str) -> Result<PathBuf> {
    installed_in(package, &[package])
}

/// The folder of this name, in which packages (`name@version`) are installed beside each other.
///
/// # Errors
/// There is no npm, or it cannot install them.
pub fn installed_in(folder: &str, packages: &[&str]) -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench-npm").join(folder);
    if !packages.iter().all(|package| is_installed(&root, package)) {
        fs::create_dir_all(&root)?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--prefix"]).arg(&root).args(packages);
        let status = npm.stdout(Stdio::null()).status().context("npm is needed to fetch packages")?;
        ensure!(status.success(), "npm cannot install {}", packages.join(", "));
    }
    Ok(root)
}

fn is_installed(root: &Path, package: &str) -> bool {
    let Some((name, version)) = package.rsplit_once('@') else { return false };
    let manifest = root.join("node_modules").join(name).join("package.json");
    let manifest = fs::read_to_string(manifest).ok().and_then(|text| serde_json::from_str(&text).ok());
    manifest.is_some_and(|manifest: Value| manifest["version"] == version)
}

/// Runs a script beside yjs, in a process of its own that reads `stdin`, and returns what it measured and how
/// everything reads.
///
/// # Errors
/// There is no Node.js, npm cannot install yjs, or the script fails.
pub fn measured_yjs(
    name: &str,
    script: &str,
    arguments: &[String],
    stdin: &Value,
) -> Result<(Measured, String)> {
    let folder = installed(YJS)?;
    fs::write(folder.join("measure.mjs"), include_str!("measure.js"))?;
    fs::write(folder.join(name), script)?;
    let mut node = Command::new("node");
    node.arg("--expose-gc").arg(folder.join(name)).args(arguments);
    let mut node = node.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("Node.js starts")?;
    node.stdin.take().context("standard input is piped")?.write_all(stdin.to_string().as_bytes())?;
    let output = node.wait_with_output()?;
    ensure!(output.status.success(), "yjs failed: {}", output.status);
    let told: Value = serde_json::from_slice(&output.stdout).context("the script prints JSON")?;
    let number = |name: &str| told[name].as_f64().with_context(|| format!("it tells `{name}`"));
    let measured = Measured {
        edit: number("edit")?,
        apply: number("apply")?,
        open: number("open")?,
        kept: number("kept")? as usize,
        memory: number("memory")? as usize,
    };
    Ok((measured, told["text"].as_str().context("it tells the text")?.to_owned()))
}
