//! The release binary with the pages inside, and starting it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::setup::Tools;
use crate::workspace::{Workspace, forget_xtask};
use crate::{pages, step};

/// Builds the pages, then the binary that carries them, and returns the binary's path.
pub(crate) fn build_all(workspace: &Workspace, tools: &Tools) -> Result<PathBuf> {
    pages::build(workspace, tools).context("the pages were not built")?;
    build(workspace).context("the release binary was not built")
}

/// Builds the binary around whatever pages there are.
fn build(workspace: &Workspace) -> Result<PathBuf> {
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--release", "--package", "meshwork-cli"]);
    step::run("binary", &mut cargo)?;
    let program = workspace.program();
    let built = workspace.target.join("release").join(program.file_name().context("it has a name")?);
    if built != program {
        copy_if_changed(&built, &program)?;
    }
    Ok(program)
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
