//! Chromium and its driver, for the tests in real browsers.

use anyhow::{Result, bail};

use super::{on_path, packages};

pub(super) fn find_or_install() -> Result<()> {
    if is_here() {
        return Ok(());
    }
    eprintln!("xtask: set up: Chromium or its driver is missing, installing Debian's packages");
    if let Err(error) = packages::install_debian("the browser", &["chromium", "chromium-driver"]) {
        bail!("Chromium and chromedriver: {error:#}\n    to install them: {}", packages::browser_line());
    }
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
