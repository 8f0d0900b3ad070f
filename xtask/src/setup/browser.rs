//! Chromium and its driver, for the tests in real browsers.

use anyhow::{Context, Result, bail};

use super::{on_path, packages};

pub(super) fn find_or_install() -> Result<()> {
    if is_here() {
        return Ok(());
    }
    if !packages::is_debian() {
        bail!("Chromium and chromedriver: type: {}", packages::browser_line());
    }
    eprintln!("xtask: set up: Chromium or its driver is missing, installing Debian's packages");
    packages::install_debian("the browser", &["chromium", "chromium-driver"])
        .context("Chromium and chromedriver")?;
    if !is_here() {
        bail!(
            "Chromium and chromedriver: the packages are installed, but give no `chromium` and `chromedriver` on PATH"
        );
    }
    Ok(())
}

/// The names and the variables are those by which the browser tests look.
fn is_here() -> bool {
    let chromium = ["chromium", "chromium-browser", "google-chrome"];
    let browser = std::env::var_os("MESHWORK_CHROMIUM").is_some();
    let driver = std::env::var_os("MESHWORK_CHROMEDRIVER").is_some();
    (browser || chromium.iter().any(|name| on_path(name).is_some()))
        && (driver || on_path("chromedriver").is_some())
}
