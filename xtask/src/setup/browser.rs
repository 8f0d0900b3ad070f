//! The browsers in which tests look at pages, with their drivers: Chromium, Firefox and WebKit.

use std::fs;

use anyhow::{Context, Result, bail};

use super::{on_path, packages};
use crate::step;
use crate::workspace::Workspace;

/// The version of geckodriver that is built where PATH has none. The newest drives all versions of Firefox that Mozilla
/// maintains.
const GECKODRIVER: &str = "0.37.1";

/// One program that tests start.
struct Program {
    /// What it is called on PATH: one of these.
    names: &'static [&'static str],
    /// What names it for the tests, wherever it is.
    variable: &'static str,
    /// Debian's package of it.
    package: &'static str,
}

/// Names and variables are those by which the browser tests look.
const PROGRAMS: [Program; 5] = [
    Program {
        names: &["chromium", "chromium-browser", "google-chrome"],
        variable: "MESHWORK_CHROMIUM",
        package: "chromium",
    },
    Program { names: &["chromedriver"], variable: "MESHWORK_CHROMEDRIVER", package: "chromium-driver" },
    Program { names: &["firefox-esr", "firefox"], variable: "MESHWORK_FIREFOX", package: "firefox-esr" },
    Program { names: &["WebKitWebDriver"], variable: "MESHWORK_WEBKIT_DRIVER", package: "webkit2gtk-driver" },
    // WebKit's small browser needs a display.
    Program { names: &["Xvfb"], variable: "MESHWORK_XVFB", package: "xvfb" },
];

/// Most tests take it for speed, where it is: Debian alone has it.
const SHELL: Program = Program {
    names: &["chromium-headless-shell"],
    variable: "MESHWORK_CHROMIUM",
    package: "chromium-headless-shell",
};

pub(super) fn find_or_install() -> Result<()> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    let names = list(&missing);
    if !packages::is_debian() {
        bail!("{names}: type: {}", packages::browser_line());
    }
    eprintln!("xtask: set up: {names} missing, installing Debian's packages");
    let packages: Vec<&str> = missing.iter().map(|program| program.package).collect();
    packages::install_debian("the browsers", &packages).with_context(|| names.clone())?;
    match self::missing().as_slice() {
        [] => Ok(()),
        still => bail!("the packages are installed, but PATH has no {}", list(still)),
    }
}

/// Firefox's driver, which Debian does not have: built from its source, into `target/tools/geckodriver`.
pub(super) fn find_or_build_geckodriver(workspace: &Workspace) -> Result<()> {
    let is_chosen = std::env::var_os("MESHWORK_GECKODRIVER").is_some() || on_path("geckodriver").is_some();
    let folder = workspace.tools().join("geckodriver");
    // Cargo notes there what it has installed.
    let installed = fs::read_to_string(folder.join(".crates.toml")).unwrap_or_default();
    if is_chosen || installed.contains(&format!("\"geckodriver {GECKODRIVER} ")) {
        return Ok(());
    }
    let build = folder.join("build");
    let mut cargo = workspace.cargo();
    cargo.args(["install", "geckodriver", "--locked", "--force", "--version", GECKODRIVER]);
    // A driver waits for its browser, so it needs no optimisation, which takes as long again.
    cargo.args(["--debug", "--config", "profile.dev.debug=false"]);
    cargo.arg("--root").arg(&folder).arg("--target-dir").arg(&build);
    step::run("set up geckodriver", &mut cargo)?;
    fs::remove_dir_all(&build).with_context(|| format!("cannot remove {}", build.display()))
}

fn missing() -> Vec<&'static Program> {
    let is_here = |program: &&Program| {
        std::env::var_os(program.variable).is_some()
            || program.names.iter().any(|name| on_path(name).is_some())
    };
    let shell = packages::is_debian().then_some(&SHELL);
    PROGRAMS.iter().chain(shell).filter(|program| !is_here(program)).collect()
}

fn list(programs: &[&Program]) -> String {
    let names: Vec<&str> = programs.iter().map(|program| program.names[0]).collect();
    names.join(", ")
}
