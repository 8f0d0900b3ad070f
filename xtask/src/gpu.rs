//! Tests of shaders on a graphics card, and lints of the crates that use it. No other build compiles wgpu, so these have a folder of
//! their own, `target/gpu`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::setup::{self, NEXTEST};
use crate::step;
use crate::workspace::{self, Workspace};

/// The tests.
const TESTS: &str = "crates/meshwork-engines/tests/it/gpu.rs";
/// The folder in which drivers for Vulkan are named.
const DRIVERS: &str = "/usr/share/vulkan/icd.d";

/// The card on which tests run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Card {
    /// That of this machine; without one the tests fail.
    Real,
    /// Mesa's software driver, which is installed if it is missing.
    Software,
}

/// Runs the tests.
///
/// # Errors
/// A test fails, or there is no such card.
pub(crate) fn test(workspace: &Workspace, card: Card) -> Result<()> {
    let mut nextest = NEXTEST.command(workspace)?;
    workspace::forget_xtask(&mut nextest);
    nextest.current_dir(&workspace.root).args(["nextest", "run", "--package", "meshwork-engines"]);
    nextest.args(["--features", "gpu", "--target-dir", "target/gpu", "--filterset", "test(/^gpu::/)"]);
    // The card does one thing at a time.
    nextest.args(["--test-threads", "1"]);
    match card {
        Card::Real => nextest.env("MESHWORK_CARD", "real"),
        Card::Software => nextest.env("VK_DRIVER_FILES", software()?),
    };
    step::check(&mut nextest)
}

/// Lints of the crates that use the card.
pub(crate) fn lints(workspace: &Workspace) -> Command {
    let mut cargo = workspace.cargo();
    cargo.args(["clippy", "--package", "meshwork-engines", "--package", "meshwork-cli", "--all-targets"]);
    cargo.args(["--features", "gpu", "--target-dir", "target/gpu", "--", "-D", "warnings"]);
    cargo
}

/// The last line of a run that leaves the tests out.
///
/// # Errors
/// The file of the tests cannot be read.
pub(crate) fn not_run(workspace: &Workspace) -> Result<String> {
    let text =
        fs::read_to_string(workspace.root.join(TESTS)).with_context(|| format!("cannot read {TESTS}"))?;
    let tests = text.lines().filter(|line| *line == "#[test]").count();
    ensure!(tests > 0, "{TESTS} has no tests");
    Ok(format!("{tests} tests need a graphics card: not run; they run by cargo xtask test --gpu"))
}

/// The file that names Mesa's software driver.
fn software() -> Result<PathBuf> {
    let find = || {
        let files = fs::read_dir(DRIVERS).into_iter().flatten().flatten().map(|file| file.path());
        files
            .into_iter()
            .find(|file| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("lvp_icd")))
    };
    if let Some(file) = find() {
        return Ok(file);
    }
    setup::install_software_card()?;
    find().with_context(|| format!("the package is installed, but {DRIVERS} has no lvp_icd file"))
}
