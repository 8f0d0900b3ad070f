//! The sealed frame of `sdk/js/frame`, and the script that runs games in it in the pages: `apps/web/play`, with the frame's document and
//! the worker's own text inside.
//!
//! A frame with `srcdoc` runs its inline script only if the policy of the frame and the policy of its page name the script's
//! hash. The build writes the hash into the frame's document, and as a source of scripts into [`SOURCES`], from which the
//! server's program makes the header. The npm package has the same document and source in [`DOCUMENT`].

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::pages::{Aim, without_comments};
use crate::workspace::Workspace;
use crate::{editor, step};

/// The script's name, beside those of the pages.
pub(crate) const NAME: &str = "stage.js";
/// The page in which HTML games run. The server's program knows its name, and gives it a policy of its own.
pub(crate) const TRUSTED: &str = "trusted.html";
/// The file of the pages' folder that lists more sources of scripts for the policy of all pages.
pub(crate) const SOURCES: &str = "script-sources.txt";

/// The file of the npm package that has the frame's document, and the source of its script.
pub(crate) const DOCUMENT: &str = "frame/document.js";
/// The frame's inline script, from which that file is made.
pub(crate) const SCRIPT: &str = "frame/frame.js";

/// The script and the prelude of games.
const PLAY: &str = "apps/web/play";
/// The frame, and the page's side of it.
const FRAME: &str = "sdk/js/frame";

/// The finished script.
pub(crate) struct Stage {
    /// The module that the pages import.
    pub(crate) script: Vec<u8>,
    /// The hash of the frame's inline script, as a policy names it.
    pub(crate) source: String,
    /// The page of HTML games.
    pub(crate) trusted: String,
}

/// Bundles the script, which takes less than a second.
///
/// # Errors
/// The editor's tools are not installed, a script cannot be bundled, or the frame's would end before its end.
pub(crate) fn bundle(workspace: &Workspace, aim: Aim) -> Result<Stage> {
    let folder = workspace.root.join("target/play");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let small = |place: &str, name: &str, more: &[&str]| {
        esbuild(workspace, &folder, place, name, &[&["--minify"], more].concat())
    };
    let (frame, source) = frame(&small(FRAME, "frame.js", &[])?)?;
    let runner = small(PLAY, "runner.js", &["--bundle", "--format=iife"])?;
    let worker = worker(&small(PLAY, "prelude.js", &[])?, &runner);
    let text = |name: &str, text: &str| -> Result<String> {
        let place = folder.join(format!("{name}.txt"));
        fs::write(&place, text).with_context(|| format!("cannot write {}", place.display()))?;
        Ok(format!("--alias:play-{name}={}", place.display()))
    };
    let (frame, worker) = (text("frame", &frame)?, text("worker", &worker)?);
    let mut options = vec!["--bundle", "--format=esm", "--loader:.txt=text", &frame, &worker];
    if aim == Aim::Small {
        options.push("--minify");
    }
    let script = esbuild(workspace, &folder, PLAY, "page.js", &options)?.into_bytes();
    let page = workspace.root.join(PLAY).join(TRUSTED);
    let page = fs::read_to_string(&page).with_context(|| format!("cannot read {}", page.display()))?;
    Ok(Stage { script, source, trusted: without_comments(&page) })
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

/// The text in front of a game's. It ends with a line end, so that the game's first line is its own. The runner is strict, or
/// functions that it calls could read its arguments; the game is as it likes.
fn worker(prelude: &str, runner: &str) -> String {
    format!("{}\n(workerScope=>{{\"use strict\";{}}})(this);\n", prelude.trim_end(), runner.trim_end())
}

/// Hands a file to esbuild.
fn esbuild(
    workspace: &Workspace,
    folder: &Path,
    place: &str,
    name: &str,
    options: &[&str],
) -> Result<String> {
    let made = folder.join(name);
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
    fn game_begins_on_a_line_of_its_own() {
        assert_eq!(worker("a\n", "b;\n"), "a\n(workerScope=>{\"use strict\";b;})(this);\n");
    }
}
