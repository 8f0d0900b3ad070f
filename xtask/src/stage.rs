//! The sealed frame of `sdk/js/frame`, and the scripts that run programs of strangers in it in the pages: games (`apps/web/play`), and
//! units of Compute (`apps/web/compute`). Both have the frame's document and the text before programs inside.
//!
//! A frame with `srcdoc` runs its inline script only if the policy of the frame and the policy of its page name the script's
//! hash. The build writes the hash into the frame's document, and as a source of scripts into [`SOURCES`], from which the
//! server's program makes the header. The npm package has the same document and source in [`DOCUMENT`].

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::pages::{Aim, without_comments};
use crate::workspace::Workspace;
use crate::{editor, step};

/// The script's name, beside those of the pages.
pub(crate) const NAME: &str = "stage.js";
/// The name of the script that runs units of Compute.
pub(crate) const POOL: &str = "compute-pool.js";
/// The page in which HTML games run. The server's program knows its name, and gives it a policy of its own.
pub(crate) const TRUSTED: &str = "trusted.html";
/// The file of the pages' folder that lists more sources of scripts for the policy of all pages.
pub(crate) const SOURCES: &str = "script-sources.txt";

/// The file of the npm package that has the frame's document, and the source of its script.
pub(crate) const DOCUMENT: &str = "frame/document.js";
/// The frame's inline script, from which that file is made.
pub(crate) const SCRIPT: &str = "frame/frame.js";

/// Scripts of the npm package of which [`WORKER`] is made.
pub(crate) const WORKER_PARTS: [&str; 3] = ["frame/prelude.js", "compute/runner.js", "compute/module.js"];
/// The file of the npm package that has the text before programs of Compute.
pub(crate) const WORKER: &str = "compute/worker.js";

/// The script of games.
const PLAY: &str = "apps/web/play";
/// The script of Compute.
const COMPUTE: &str = "apps/web/compute";
/// The runner of Compute.
const RUNNER: &str = "sdk/js/compute";
/// The frame, the page's side of it, and the prelude.
const FRAME: &str = "sdk/js/frame";

/// The finished scripts.
pub(crate) struct Stage {
    /// The module that the pages import for games.
    pub(crate) script: Vec<u8>,
    /// The module that the pages import for Compute.
    pub(crate) pool: Vec<u8>,
    /// The hash of the frame's inline script, as a policy names it.
    pub(crate) source: String,
    /// The page of HTML games.
    pub(crate) trusted: String,
}

/// Bundles the scripts, which takes less than a second.
///
/// # Errors
/// The editor's tools are not installed, a script cannot be bundled, or the frame's would end before its end.
pub(crate) fn bundle(workspace: &Workspace, aim: Aim) -> Result<Stage> {
    let folder = folder(workspace)?;
    let (frame, source) = frame(&esbuild(workspace, FRAME, "frame.js", &["--minify"])?)?;
    let text = |name: &str, text: &str| -> Result<String> {
        let place = folder.join(format!("{name}.txt"));
        fs::write(&place, text).with_context(|| format!("cannot write {}", place.display()))?;
        Ok(format!("--alias:{name}={}", place.display()))
    };
    let texts = [
        text("frame-document", &frame)?,
        text("play-worker", &worker(workspace, PLAY, true)?)?,
        text("compute-worker", &compute_worker(workspace)?)?,
    ];
    let mut options = vec!["--bundle", "--format=esm", "--loader:.txt=text"];
    options.extend(texts.iter().map(String::as_str));
    if aim == Aim::Small {
        options.push("--minify");
    }
    let script = esbuild(workspace, PLAY, "page.js", &options)?.into_bytes();
    let pool = esbuild(workspace, COMPUTE, "pool.js", &options)?.into_bytes();
    let page = workspace.root.join(PLAY).join(TRUSTED);
    let page = fs::read_to_string(&page).with_context(|| format!("cannot read {}", page.display()))?;
    Ok(Stage { script, pool, source, trusted: without_comments(&page) })
}

/// The text before programs of Compute.
///
/// # Errors
/// The editor's tools are not installed, or a script cannot be bundled.
pub(crate) fn compute_worker(workspace: &Workspace) -> Result<String> {
    worker(workspace, RUNNER, false)
}

/// The text before programs: the prelude, and the runner of a folder.
fn worker(workspace: &Workspace, runner: &str, is_game: bool) -> Result<String> {
    let define = format!("--define:GAME={is_game}");
    let prelude = esbuild(workspace, FRAME, "prelude.js", &["--minify", &define])?;
    let runner = esbuild(workspace, runner, "runner.js", &["--minify", "--bundle", "--format=iife"])?;
    Ok(before_programs(&prelude, &runner))
}

/// The folder of what esbuild makes.
fn folder(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.root.join("target/play");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder)
}

/// The document of the frame, and the source of its script as policies name it.
fn frame(script: &str) -> Result<(String, String)> {
    let script = script.trim_end();
    // A browser ends the script there, in comments and texts too.
    ensure!(!script.to_lowercase().contains("</script"), "sdk/js/frame/frame.js contains </script");
    let source = format!("'sha256-{}'", STANDARD.encode(Sha256::digest(script)));
    let policy = format!("default-src 'none'; script-src {source} 'wasm-unsafe-eval'; worker-src blob:");
    let document = format!(
        "<!doctype html><meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\"><script>{script}</script>"
    );
    Ok((document, source))
}

/// The text of [`DOCUMENT`], made of [`SCRIPT`] without comments.
///
/// # Errors
/// The script would end before its end.
pub(crate) fn document(script: &str) -> Result<String> {
    let (document, source) = frame(script)?;
    let (document, source) = (serde_json::to_string(&document)?, serde_json::to_string(&source)?);
    Ok(format!("export const DOCUMENT = {document}\nexport const SOURCE = {source}\n"))
}

/// The text in front of a program's. It ends with a line end, so that the program's first line is its own. Both parts get the
/// worker's scope by name, since esbuild takes `this` of a module for nothing. The runner is strict, or functions that it calls could
/// read its arguments; the program is as it likes.
fn before_programs(prelude: &str, runner: &str) -> String {
    let (prelude, runner) = (prelude.trim_end(), runner.trim_end());
    format!("(workerScope=>{{{prelude}}})(this);\n(workerScope=>{{\"use strict\";{runner}}})(this);\n")
}

/// Hands a file to esbuild.
fn esbuild(workspace: &Workspace, place: &str, name: &str, options: &[&str]) -> Result<String> {
    let made = folder(workspace)?.join(name);
    let mut esbuild = editor::esbuild(workspace, &format!("{place}/{name}"), &made);
    esbuild.arg("--legal-comments=none").args(options);
    step::run("stage", &mut esbuild)?;
    fs::read_to_string(&made).with_context(|| format!("cannot read {}", made.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_names_the_hash_of_its_script() {
        let (document, source) = frame("x()\n").expect("it has no end in it");
        assert_eq!(source, "'sha256-D6IGS8VMvCoyaR/l0h9tERrBTATY01CoPS7l6xDv0kI='");
        assert!(document.contains(&format!("script-src {source} 'wasm-unsafe-eval'; worker-src blob:")));
        assert!(document.ends_with("<script>x()</script>"), "{document}");
        assert!(frame("'</SCRIPT>'").is_err());
    }

    #[test]
    fn package_has_document_and_hash_of_the_frame() {
        let text = document("x('\"')\n").expect("it has no end in it");
        let values: Vec<String> =
            text.lines().filter_map(|line| serde_json::from_str(line.split_once(" = ")?.1).ok()).collect();
        let (document, source) = frame("x('\"')").expect("it has no end in it");
        assert_eq!(values, [document, source]);
    }

    #[test]
    fn program_begins_on_a_line_of_its_own() {
        let text = "(workerScope=>{a})(this);\n(workerScope=>{\"use strict\";b;})(this);\n";
        assert_eq!(before_programs("a\n", "b;\n"), text);
    }
}
