//! What tests make networks of their own with: Linux alone has such.

use anyhow::{Context, Result};

use super::{on_path, packages};

/// Installs what is missing, where that can be done without asking.
///
/// # Errors
/// What is missing, and what to type.
pub(super) fn find_or_install() -> Result<()> {
    let missing = ["ip", "nft", "nsenter", "unshare"].iter().any(|program| on_path(program).is_none());
    if !missing || !cfg!(target_os = "linux") {
        return Ok(());
    }
    let names = ["iproute2", "nftables", "util-linux"];
    eprintln!(
        "xtask: set up: the programs that make networks for tests are missing, installing Debian's packages"
    );
    packages::install_debian("the networks of tests", &names).with_context(|| {
        format!("tests need the programs ip, nft, nsenter and unshare: {}", names.join(", "))
    })
}
