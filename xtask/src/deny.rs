//! What comes from elsewhere: its licences, its sources and what is banned, as `deny.toml` says.

use anyhow::Result;

use crate::setup::CARGO_DENY;
use crate::step;
use crate::workspace::Workspace;

/// Runs cargo-deny over the lockfile, but for advisories: their list is to be had from GitHub alone.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let mut deny = CARGO_DENY.command(workspace)?;
    deny.current_dir(&workspace.root).args(["--locked", "--log-level", "error", "check"]);
    step::check(deny.args(["bans", "licenses", "sources"]))
}
