//! What tests make networks of their own with, where the system has such: Linux.

use super::{on_path, packages};

/// Installs what is missing, where that can be done without asking. Without it the tests that need it say so and pass.
pub(super) fn find_or_install() {
    let missing = ["ip", "nft"].iter().any(|program| on_path(program).is_none());
    if !missing || !cfg!(target_os = "linux") || !packages::is_debian() {
        return;
    }
    eprintln!("xtask: set up: nftables or iproute2 is missing, installing Debian's packages");
    if let Err(error) = packages::install_debian("the networks of tests", &["iproute2", "nftables"]) {
        eprintln!("xtask: tests of bad networks are left out: {error:#}");
    }
}
