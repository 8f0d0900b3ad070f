//! Where things are: the workspace, its crates and its build folders.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::pages::Aim;

/// The checkout that this run of `cargo xtask` belongs to.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// Where cargo builds: `<root>/target`, or elsewhere by CARGO_TARGET_DIR or cargo's configuration.
    pub(crate) target: PathBuf,
    /// What `cargo metadata --no-deps` says.
    pub(crate) metadata: Value,
}

impl Workspace {
    pub(crate) fn find() -> Result<Workspace> {
        // Asked at run time: with a shared target directory the compiled-in path may be another clone's.
        let manifest_dir =
            env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
        let root = Path::new(&manifest_dir).parent().context("xtask stands in a workspace")?.to_path_buf();
        let mut metadata = cargo_in(&root);
        metadata.args(["metadata", "--no-deps", "--format-version", "1"]);
        let output = metadata.output().context("cannot start cargo")?;
        ensure!(
            output.status.success(),
            "`cargo metadata` failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata is JSON")?;
        let target = metadata["target_directory"].as_str().context("metadata names the target directory")?;
        Ok(Workspace { target: PathBuf::from(target), root, metadata })
    }

    /// The finished pages, always here: `meshwork-cli` embeds this folder.
    pub(crate) fn pages(&self) -> PathBuf {
        self.root.join("target/pages")
    }

    /// The finished binary, always here, wherever cargo builds.
    pub(crate) fn program(&self) -> PathBuf {
        self.root.join("target/release").join(format!("meshwork{}", env::consts::EXE_SUFFIX))
    }

    /// The binary as the test programs' build leaves it.
    pub(crate) fn debug_program(&self) -> PathBuf {
        self.target.join("debug").join(format!("meshwork{}", env::consts::EXE_SUFFIX))
    }

    /// axe-core as npm installed it, always here: the browser tests look here.
    pub(crate) fn axe(&self) -> PathBuf {
        self.root.join("target/axe")
    }

    /// The finished npm package, always here: the browser tests look for theirs here.
    pub(crate) fn sdk(&self, aim: Aim) -> PathBuf {
        self.root.join(match aim {
            Aim::Quick => "target/test-sdk",
            Aim::Small => "target/sdk",
        })
    }

    /// Vite and TypeScript as npm installed them, always here: the browser tests look here.
    pub(crate) fn sdk_tools(&self) -> PathBuf {
        self.root.join("target/sdk-tools")
    }

    /// What the pages' editor is made of, as npm installed it.
    pub(crate) fn editor_tools(&self) -> PathBuf {
        self.root.join("target/editor-tools")
    }

    /// Programs that setting up installs for this checkout alone.
    pub(crate) fn tools(&self) -> PathBuf {
        self.root.join("target/tools")
    }

    /// Cargo as the user would start it in the workspace's root.
    pub(crate) fn cargo(&self) -> Command {
        cargo_in(&self.root)
    }
}

fn cargo_in(root: &Path) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root);
    forget_xtask(&mut cargo);
    cargo
}

/// Takes away what `cargo run` says about xtask, or build scripts that watch these variables run again each
/// time one changes between `cargo xtask` and plain cargo.
pub(crate) fn forget_xtask(command: &mut Command) {
    for (key, _) in env::vars_os() {
        let name = key.to_string_lossy();
        let about_package = name.starts_with("CARGO_PKG_")
            || name.starts_with("CARGO_MANIFEST_")
            || name.starts_with("CARGO_BIN_")
            || name == "CARGO_CRATE_NAME"
            || name == "CARGO_PRIMARY_PACKAGE";
        if about_package {
            command.env_remove(&key);
        }
    }
}

/// The platform that is built on, as rustc names it.
pub(crate) fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("cannot start rustc")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("`rustc -vV` does not name its host")
}
