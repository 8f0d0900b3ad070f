//! What comes from npm, pinned by lockfiles: what the pages' editor of documents is made of; axe-core, by which browser tests look
//! for what keeps people out of a page; and Vite and TypeScript, with which people use the npm package.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::step;
use crate::workspace::Workspace;

/// What names the packages, their versions and the hashes of their contents.
const FILES: [&str; 2] = ["package.json", "package-lock.json"];

/// Installs what the pages are made of, unless it is there already.
pub(super) fn find_or_install_editor(workspace: &Workspace) -> Result<()> {
    let folder = workspace.editor_tools();
    install(&workspace.root.join("apps/web/editor"), folder, "node_modules/esbuild/bin/esbuild")
}

/// Installs what browser tests need, unless it is there already.
pub(super) fn find_or_install(workspace: &Workspace) -> Result<()> {
    install(&workspace.root.join("e2e/axe"), workspace.axe(), "node_modules/axe-core/axe.min.js")?;
    install(&workspace.root.join("e2e/sdk"), workspace.sdk_tools(), "node_modules/vite/bin/vite.js")
}

/// Installs what is named in `source` into `folder`, where this file then is.
fn install(source: &Path, folder: PathBuf, file: &str) -> Result<()> {
    let name = source.display();
    // npm leaves the lockfile that it has installed; it is copied last, so that a run cut short is done again.
    let lockfile = FILES[1];
    let wanted = fs::read(source.join(lockfile)).with_context(|| format!("{name} has a lockfile"))?;
    let is_file_here = folder.join(file).is_file();
    if is_file_here && fs::read(folder.join(lockfile)).is_ok_and(|present| present == wanted) {
        return Ok(());
    }
    super::find_or_install("npm", "npm")?;
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
    step::run("set up what npm has", &mut npm)?;
    ensure!(fresh.join(file).is_file(), "npm installed what {name} names without {file}");
    fs::rename(&fresh, &folder).with_context(|| format!("cannot write {}", folder.display()))
}
