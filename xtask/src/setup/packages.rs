//! The system's package manager: Debian's is used, for others the line to type is named.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::on_path;
use crate::step;

/// Installs Debian packages, as root or by a `sudo` that asks no password.
pub(super) fn install_debian(what: &str, packages: &[&str]) -> Result<()> {
    let line = format!("apt-get update && apt-get install --yes {}", packages.join(" "));
    if !is_debian() {
        bail!("there is no apt-get to install {}", packages.join(" "));
    }
    let Some(prefix) = root_prefix() else {
        bail!("installing packages needs root; type: sudo sh -c '{line}'");
    };
    let mut updated = lists_are_empty();
    if updated {
        apt(what, prefix, &["update"]).with_context(|| format!("type, as root: {line}"))?;
    }
    loop {
        // Without --no-remove, a package that conflicts could take the user's own Rust away.
        let mut arguments = vec!["install", "--yes", "--no-install-recommends", "--no-remove"];
        arguments.extend(packages);
        match apt(what, prefix, &arguments) {
            Ok(()) => return Ok(()),
            Err(error) if updated => return Err(error.context(format!("type, as root: {line}"))),
            Err(_) => {
                // Old lists name files that the mirror no longer has.
                apt(what, prefix, &["update"]).with_context(|| format!("type, as root: {line}"))?;
                updated = true;
            }
        }
    }
}

/// Whether packages are Debian's, or named like them.
pub(super) fn is_debian() -> bool {
    on_path("apt-get").is_some()
}

/// The line that installs the browsers and their drivers where packages are not Debian's.
pub(super) fn browser_line() -> &'static str {
    const LINES: [(&str, &str); 5] = [
        ("dnf", "sudo dnf install chromium chromedriver firefox webkitgtk6.0 xorg-x11-server-Xvfb"),
        ("pacman", "sudo pacman -S chromium firefox webkitgtk-6.0 xorg-server-xvfb"),
        ("apk", "sudo apk add chromium chromium-chromedriver firefox webkit2gtk-6.0 xvfb"),
        (
            "zypper",
            "sudo zypper install chromium chromedriver MozillaFirefox webkit2gtk-driver xorg-x11-server-Xvfb",
        ),
        ("brew", "brew install --cask chromium chromedriver firefox"),
    ];
    LINES.iter().find(|(manager, _)| on_path(manager).is_some()).map_or(
        "(your package manager's way to install Chromium, chromedriver, Firefox, WebKitWebDriver and Xvfb)",
        |(_, line)| line,
    )
}

fn apt(what: &str, prefix: &[&str], arguments: &[&str]) -> Result<()> {
    let words: Vec<&str> = prefix.iter().copied().chain(["apt-get", "-q"]).collect();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).args(arguments);
    // Nobody may be there to answer a package's questions.
    command.env("DEBIAN_FRONTEND", "noninteractive").stdin(std::process::Stdio::null());
    step::run(&format!("set up {what}"), &mut command)
}

/// What to put before a command so that it runs as root: nothing for root, else a `sudo` that does not ask.
fn root_prefix() -> Option<&'static [&'static str]> {
    if is_root() {
        return Some(&[]);
    }
    let asks_nothing =
        Command::new("sudo").args(["-n", "true"]).output().is_ok_and(|run| run.status.success());
    asks_nothing.then_some(&["sudo", "-n"])
}

#[cfg(unix)]
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|this| this.uid() == 0)
}

#[cfg(not(unix))]
pub(crate) fn is_root() -> bool {
    false
}

/// Images of machines come without package lists.
fn lists_are_empty() -> bool {
    let Ok(entries) = fs::read_dir("/var/lib/apt/lists") else { return true };
    !entries.flatten().any(|entry| entry.file_name().to_string_lossy().contains("_Packages"))
}
