//! The pages' editor of documents: `apps/web/editor` and what it has from npm, as one script.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::pages::Aim;
use crate::step;
use crate::workspace::Workspace;

/// What the script is called, beside those of the pages.
pub(crate) const NAME: &str = "editor.js";
/// What browsers that have what the pages need understand.
const LANGUAGE: &str = "es2022";

/// Bundles the editor, which takes less than a second, and returns the script.
///
/// # Errors
/// Its packages are not installed, or it cannot be bundled.
pub(crate) fn bundle(workspace: &Workspace, aim: Aim) -> Result<Vec<u8>> {
    let script = workspace.root.join("target").join(NAME);
    let mut esbuild = esbuild(workspace, "apps/web/editor/editor.js", &script);
    // What the package of `sdk/js` asks for is looked for here as well.
    esbuild.env("NODE_PATH", workspace.editor_tools().join("node_modules"));
    esbuild.args(["--bundle", "--format=esm"]);
    if aim == Aim::Small {
        // The licences are told once, in the page of them.
        esbuild.args(["--minify", "--legal-comments=none"]);
    }
    step::run("editor", &mut esbuild)?;
    fs::read(&script).with_context(|| format!("cannot read {}", script.display()))
}

/// esbuild for one script of the checkout, which becomes the file `made`.
pub(crate) fn esbuild(workspace: &Workspace, script: &str, made: &Path) -> Command {
    let mut esbuild = Command::new("node");
    esbuild.current_dir(&workspace.root).stdin(Stdio::null());
    esbuild.arg(workspace.editor_tools().join("node_modules/esbuild/bin/esbuild")).arg(script);
    esbuild.args(["--charset=utf8", "--log-level=warning"]);
    esbuild.arg(format!("--target={LANGUAGE}")).arg(format!("--outfile={}", made.display()));
    esbuild
}
