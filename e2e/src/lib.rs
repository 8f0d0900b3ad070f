//! Real browsers and real binaries, as tests drive them.
//!
//! A test starts a [`Server`], some [`Browser`]s with their [`Tab`]s and some [`Cli`]s, and waits for
//! conditions with [`wait_until`]. Whatever it starts ends with it: on drop, and also when the test's own
//! process is killed. Nothing here needs a free port or a folder of its own: ports are 0, folders temporary.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use meshwork_e2e::{Browser, PATIENCE, Server, wait_until};
//!
//! let server = Server::start().await?;
//! let browser = Browser::start().await?;
//! let tab = browser.tab(server.url()).await?;
//! tab.wait_until(PATIENCE, "the page names itself", async || {
//!     anyhow::ensure!(tab.title().await? == "Meshwork", "the title is {:?}", tab.title().await?);
//!     Ok(())
//! })
//! .await?;
//! # Ok(())
//! # }
//! ```

mod accessibility;
mod browser;
mod canvas;
mod cli;
mod driver;
mod frames;
mod namespace;
mod narrow;
pub mod networks;
mod process;
mod proxy;
mod server;
mod tab;
mod wait;

pub use crate::accessibility::Look;
pub use crate::browser::{Browser, BrowserOptions, Kind};
pub use crate::canvas::Cell;
pub use crate::cli::{Cli, Finished, Running};
pub use crate::frames::{Burst, Frames};
pub use crate::proxy::UdpProxy;
pub use crate::server::{Server, ServerOptions};
pub use crate::tab::Tab;
pub use crate::wait::{PATIENCE, wait_until};
/// Keys that type no letter.
pub use thirtyfour::Key;

use std::env;
use std::path::{Path, PathBuf};

/// The binary under test: what MESHWORK_BIN names, else `target/debug/meshwork`.
pub fn program() -> PathBuf {
    env::var_os("MESHWORK_BIN").map_or_else(|| checkout().join("target/debug/meshwork"), PathBuf::from)
}

/// The checkout that the tests belong to: the folder with the lockfile, above the crate that cargo runs.
fn checkout() -> PathBuf {
    let crate_folder =
        env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
    let above = Path::new(&crate_folder).ancestors();
    above.map(Path::to_path_buf).find(|folder| folder.join("Cargo.lock").is_file()).unwrap_or_default()
}
