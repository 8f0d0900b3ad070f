//! Tests that run themselves once more inside a network namespace, where they have every address that they need.

use anyhow::{Result, ensure};
use meshwork_e2e::networks::Networks;

/// Set in the process that is inside.
const INSIDE: &str = "MESHWORK_TEST_INSIDE";

/// Whether this process is inside the namespace, which `prepare` gave its addresses. Outside, the test of this name was
/// run inside to its end.
pub(crate) fn is_inside(test: &str, prepare: impl FnOnce(&Networks) -> Result<()>) -> Result<bool> {
    if std::env::var_os(INSIDE).is_some() {
        return Ok(true);
    }
    let networks = Networks::new()?;
    prepare(&networks)?;
    let mut again = networks.internet().command(&std::env::current_exe()?);
    let output = again.args(["--exact", test, "--nocapture"]).env(INSIDE, "1").output()?;
    print!("{}", String::from_utf8_lossy(&output.stdout));
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(false)
}
