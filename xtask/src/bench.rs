//! `cargo xtask bench`: builds the races for speed and runs them.

use std::env;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::setup::{self, Need};
use crate::step;
use crate::workspace::{Workspace, forget_xtask};
use crate::{binary, pages, sdk};

/// Builds the program of the races and calls it with these arguments, which are its own to read. Where one of the
/// races chosen needs a browser, pages and binary are built first, and where it needs the npm package, that too.
pub(crate) fn bench(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let mut build = workspace.cargo();
    build.args(["build", "--release", "--package", "meshwork-bench"]);
    step::run("races", &mut build)?;
    let program = workspace.target.join("release").join(format!("bench{}", env::consts::EXE_SUFFIX));
    let mut races = Command::new(&program);
    forget_xtask(&mut races);
    races.current_dir(&workspace.root);
    let mut ask = Command::new(&program);
    let needs = ask.args(arguments).arg("--needs").output().context("cannot start the races")?;
    ensure!(needs.status.success(), "{}", String::from_utf8_lossy(&needs.stderr).trim());
    let needs = String::from_utf8_lossy(&needs.stdout).into_owned();
    let is_needed = |wanted| needs.lines().any(|need| need == wanted);
    if is_needed("browser") || is_needed("package") {
        setup::setup(workspace, Need::Everything)?;
        binary::build_all(workspace)?;
        let test_page = pages::build_test_page(workspace, pages::Aim::Small)?;
        races.env("MESHWORK_BIN", workspace.program()).env("MESHWORK_TEST_PAGE", test_page);
    }
    if is_needed("package") {
        sdk::build(workspace, pages::Aim::Small)?;
        races.env("MESHWORK_SDK", workspace.sdk(pages::Aim::Small));
    }
    step::check(races.args(arguments))
}
