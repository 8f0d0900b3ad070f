//! `cargo xtask pictures`: every state of the page as a small picture under docs/pictures.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;
use crate::{binary, step};

/// With this key rooms have the same codes in every run.
const SECRET_KEY: &str = "the pictures of the pages are alike";

/// Builds everything, then takes the pictures of the states whose names contain the one word given, or all.
pub(crate) fn pictures(workspace: &Workspace, rest: &[String]) -> Result<()> {
    if let Some(extra) = rest.get(1) {
        bail!("one word is enough, `{extra}` is too many");
    }
    // A binary that is named is taken as it is.
    let program = match std::env::var_os("MESHWORK_BIN") {
        Some(named) => named.into(),
        None => binary::build_all(workspace)?,
    };
    let folder = workspace.root.join("docs/pictures");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut cargo = workspace.cargo();
    cargo.args(["run", "--package", "meshwork-e2e", "--example", "pictures", "--"]);
    cargo.arg(&folder).args(rest).env("MESHWORK_BIN", program).env("SECRET_KEY", SECRET_KEY);
    step::check(&mut cargo)
}
