//! What comes from elsewhere: its licences, its sources and what is banned, as `deny.toml` says.

use anyhow::Result;

use crate::setup::CARGO_DENY;
use crate::step;
use crate::workspace::Workspace;

/// Where workspaces of their own may be, each with its lockfile.
const WORKSPACES: [&str; 3] = [".", "fuzz", "bench"];

/// Runs cargo-deny over every lockfile, but for advisories: their list is to be had from GitHub alone.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let folders = WORKSPACES.map(|folder| workspace.root.join(folder));
    for folder in folders.iter().filter(|folder| folder.join("Cargo.lock").exists()) {
        let mut deny = CARGO_DENY.command(workspace)?;
        deny.current_dir(folder).args(["--locked", "--log-level", "error", "--config"]);
        deny.arg(workspace.root.join("deny.toml")).args(["check", "bans", "licenses", "sources"]);
        step::check(&mut deny)?;
    }
    Ok(())
}
