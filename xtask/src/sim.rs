//! `cargo xtask sim`: builds the simulator for speed, and lets it run rooms.

use std::env;
use std::process::Command;

use anyhow::Result;

use crate::step;
use crate::workspace::{Workspace, forget_xtask};

/// Builds the simulator and calls it with these arguments, which are its own to read.
pub(crate) fn sim(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--release", "--package", "meshwork-sim"]);
    step::run("simulator", &mut cargo)?;
    let name = format!("meshwork-sim{}", env::consts::EXE_SUFFIX);
    let mut simulator = Command::new(workspace.target.join("release").join(name));
    forget_xtask(&mut simulator);
    simulator.args(arguments);
    step::check(&mut simulator)
}
