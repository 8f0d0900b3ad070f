//! axe-core, by which the browser tests look for what keeps people out of a page: from npm, pinned by a lockfile.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::step;
use crate::workspace::Workspace;

/// What names the package, its version and the hash of its content.
const FILES: [&str; 2] = ["package.json", "package-lock.json"];

/// Installs it into `target/axe`, unless what the lockfile names is there already.
pub(super) fn find_or_install(workspace: &Workspace) -> Result<()> {
    let source = workspace.root.join("e2e/axe");
    let folder = workspace.axe();
    // npm leaves the lockfile that it has installed; it is copied last, so that a run cut short is done again.
    let lockfile = FILES[1];
    let wanted = fs::read(source.join(lockfile)).context("e2e/axe has a lockfile")?;
    let is_script_here = folder.join("node_modules/axe-core/axe.min.js").is_file();
    if is_script_here && fs::read(folder.join(lockfile)).is_ok_and(|present| present == wanted) {
        return Ok(());
    }
    super::find_or_install("npm", "npm").context("axe-core needs npm")?;
    let fresh = folder.with_extension("new");
    for stale in [&fresh, &folder] {
        if stale.exists() {
            fs::remove_dir_all(stale).with_context(|| format!("cannot remove {}", stale.display()))?;
        }
    }
    fs::create_dir_all(&fresh).with_context(|| format!("cannot create {}", fresh.display()))?;
    for name in FILES {
        fs::copy(source.join(name), fresh.join(name)).with_context(|| format!("cannot copy {name}"))?;
    }
    let mut npm = Command::new("npm");
    npm.current_dir(&fresh).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
    npm.stdin(Stdio::null());
    step::run("set up axe-core", &mut npm)?;
    if !fresh.join("node_modules/axe-core/axe.min.js").is_file() {
        bail!("npm installed axe-core without its script");
    }
    fs::rename(&fresh, &folder).with_context(|| format!("cannot write {}", folder.display()))
}
