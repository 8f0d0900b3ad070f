//! The npm package `meshwork`: the wasm module, its JavaScript face and the classes of `sdk/js`, as one tarball.
//!
//! `target/sdk/package` holds the package's files, and beside it lies what `npm pack` makes of them. What tests install lies
//! in `target/test-sdk`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use wasm_bindgen_cli_support::Bindgen;

use crate::pages::{Aim, check_bindgen};
use crate::setup::wasm;
use crate::stamp::{self, Outcome};
use crate::workspace::Workspace;
use crate::{compressed, stage, step, weight};

/// The crate that the wasm is made of.
pub(crate) const PACKAGE: &str = "meshwork-js";
/// The crate of the module that is loaded when a program asks for physics.
pub(crate) const PHYSICS: &str = "meshwork-physics-js";
/// What all of it should be compressed: about a picture on a page. docs/decisions/0037-library.md says why it is more.
const COMPRESSED_WANTED: usize = 400_000;
/// Its size at the last release.
const COMPRESSED_RELEASED: u64 = 845_000;
/// The modules: what the compiler names each, the script of wasm-bindgen, and the wasm's name in the package.
const MODULES: [(&str, &str, &str); 2] =
    [("meshwork_js", "wasm", "meshwork.wasm"), ("meshwork_physics_js", "physics-module", "physics.wasm")];
/// How files begin that are loaded for physics alone. They have a sum of their own.
const PHYSICS_FILES: &str = "physics";
/// What it is made of.
const SOURCES: [&str; 3] = ["crates", "sdk", "LICENSE"];
/// What is for people and tools alone, and never loaded into a page.
const UNLOADED: [&str; 3] = [".md", ".d.ts", ".json"];

/// Brings the package up to date, and fails if it has grown by more than a quarter since the last release.
///
/// # Errors
/// It cannot be built, or is too heavy: then it is there all the same.
pub(crate) fn check_size(workspace: &Workspace) -> Result<()> {
    build(workspace, Aim::Small)?;
    let sent = weigh(workspace)?;
    ensure!(
        !weight::has_outgrown(sent, COMPRESSED_RELEASED),
        "the package is {sent} bytes compressed, more than a quarter above the {COMPRESSED_RELEASED} released"
    );
    Ok(())
}

/// Brings the package up to date and returns the tarball.
///
/// # Errors
/// It cannot be built.
pub(crate) fn build(workspace: &Workspace, aim: Aim) -> Result<PathBuf> {
    check_bindgen(workspace)?;
    let (mut cargo, folder) = wasm::cargo(workspace, "build");
    cargo.args(aim.packages(PACKAGE)).args(["--profile", aim.profile()]);
    if aim == Aim::Small {
        cargo.args(["--package", PHYSICS]);
        wasm::forget_folders(&mut cargo);
    }
    step::run("sdk", &mut cargo)?;
    let sdk = workspace.sdk(aim);
    if sdk.exists() {
        fs::remove_dir_all(&sdk).with_context(|| format!("cannot remove {}", sdk.display()))?;
    }
    let package = sdk.join("package");
    fs::create_dir_all(&package).with_context(|| format!("cannot create {}", package.display()))?;
    for module in MODULES {
        bind(&folder.join(aim.profile()), &package, module, aim)?;
    }
    copy(&workspace.root.join("sdk/js"), &package)?;
    copy_file(&workspace.root.join("LICENSE"), &package)?;
    drop_comments(&package)?;
    make_document(&package)?;
    make_worker(workspace, &package)?;
    check_version(workspace, &package)?;
    pack(&sdk)
}

/// Brings the package up to date that tests install, unless nothing has changed that it is made of.
///
/// # Errors
/// It cannot be built.
pub(crate) fn build_for_tests(workspace: &Workspace) -> Result<Outcome> {
    stamp::unless_unchanged(workspace, "npm package", &SOURCES, || build(workspace, Aim::Quick).map(drop))
}

/// Makes the script and the wasm of what the compiler left. The script is told where the wasm is, by a place that
/// bundlers find.
fn bind(made: &Path, package: &Path, (name, script, wasm): (&str, &str, &str), aim: Aim) -> Result<()> {
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(made.join(format!("{name}.wasm")))
        .out_name(script)
        .typescript(false)
        .remove_name_section(aim == Aim::Small);
    bindgen.remove_producers_section(true).omit_default_module_path(true);
    bindgen.web(true).context("wasm-bindgen has a target for the web")?;
    bindgen.generate(package).context("wasm-bindgen cannot make the package's wasm")?;
    let (made, named) = (package.join(format!("{script}_bg.wasm")), package.join(wasm));
    fs::rename(&made, &named).with_context(|| format!("cannot name {}", named.display()))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    for file in files(from)? {
        let place = to.join(file.strip_prefix(from).context("it lies in the folder")?);
        let folder = place.parent().context("a file lies in a folder")?;
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        copy_file(&file, folder)?;
    }
    Ok(())
}

/// The files of a folder, and of those in it.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let cannot = || format!("cannot read {}", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

fn copy_file(file: &Path, to: &Path) -> Result<()> {
    let name = file.file_name().context("a file has a name")?;
    fs::copy(file, to.join(name)).map(drop).with_context(|| format!("cannot copy {}", file.display()))
}

/// Takes from all scripts what is for people alone, who read it in the sources: pages need not load it.
fn drop_comments(package: &Path) -> Result<()> {
    for path in files(package)? {
        if path.extension().is_some_and(|kind| kind == "js") {
            let script =
                fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let script = without_comments(&script);
            fs::write(&path, script).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    Ok(())
}

/// Makes the document of the sealed frame. Its script is part of it.
fn make_document(package: &Path) -> Result<()> {
    let (script, made) = (package.join(stage::SCRIPT), package.join(stage::DOCUMENT));
    let text = fs::read_to_string(&script).with_context(|| format!("cannot read {}", script.display()))?;
    fs::write(&made, stage::document(&text)?).with_context(|| format!("cannot write {}", made.display()))?;
    fs::remove_file(&script).with_context(|| format!("cannot remove {}", script.display()))
}

/// Makes the text before programs of Compute. Its scripts are part of it.
fn make_worker(workspace: &Workspace, package: &Path) -> Result<()> {
    let text = serde_json::to_string(&stage::compute_worker(workspace)?)?;
    let made = package.join(stage::WORKER);
    fs::write(&made, format!("export const WORKER = {text}\n"))
        .with_context(|| format!("cannot write {}", made.display()))?;
    for part in stage::WORKER_PARTS {
        let part = package.join(part);
        fs::remove_file(&part).with_context(|| format!("cannot remove {}", part.display()))?;
    }
    Ok(())
}

/// A script without the lines that are comments and nothing else.
fn without_comments(script: &str) -> String {
    let mut is_within = false;
    let is_code = |line: &&str| {
        let line = line.trim();
        let is_comment = is_within || line.starts_with("//") || line.starts_with("/*");
        is_within = (is_within || line.starts_with("/*")) && !line.contains("*/");
        !is_comment || line.contains("*/") && !line.ends_with("*/")
    };
    script.lines().filter(is_code).map(|line| format!("{line}\n")).collect()
}

fn check_version(workspace: &Workspace, package: &Path) -> Result<()> {
    let text = fs::read_to_string(package.join("package.json")).context("the package has a package.json")?;
    let manifest: serde_json::Value = serde_json::from_str(&text).context("package.json is JSON")?;
    let packages = workspace.metadata["packages"].as_array().context("packages")?;
    let ours = packages.iter().find(|one| one["name"] == PACKAGE).context("the workspace has the crate")?;
    ensure!(
        manifest["version"] == ours["version"],
        "sdk/js/package.json has version {}, the workspace {}",
        manifest["version"],
        ours["version"]
    );
    Ok(())
}

/// Prints what a page loads of the small package. Returns its bytes, compressed.
///
/// # Errors
/// The package is not there.
pub(crate) fn weigh(workspace: &Workspace) -> Result<u64> {
    let (package, mut sizes) = (workspace.sdk(Aim::Small).join("package"), Vec::new());
    for path in files(&package)? {
        let name =
            path.strip_prefix(&package).context("it lies in the package")?.to_string_lossy().into_owned();
        if name == "LICENSE" || UNLOADED.iter().any(|ending| name.ends_with(ending)) {
            continue;
        }
        let plain = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        sizes.push((compressed::brotli(&plain)?.len(), plain.len(), name));
    }
    sizes.sort_unstable_by(|one, other| other.cmp(one));
    println!("{:<40} {:>9} {:>9}", "the npm package", "plain", "brotli");
    for (sent, plain, name) in &sizes {
        println!("  {name:<38} {plain:>9} {sent:>9}");
    }
    let (apart, main): (Vec<_>, Vec<_>) = sizes.iter().partition(|file| file.2.starts_with(PHYSICS_FILES));
    let sum = |files: Vec<&(usize, usize, String)>| {
        files.iter().fold((0, 0), |(sent, plain), file| (sent + file.0, plain + file.1))
    };
    let (sent, plain) = sum(apart);
    println!("  {:<38} {plain:>9} {sent:>9}  when asked for", "physics");
    let (sent, plain) = sum(main);
    println!(
        "  {:<38} {plain:>9} {sent:>9}  of {COMPRESSED_WANTED} wanted, released at {COMPRESSED_RELEASED}\n",
        "all"
    );
    Ok(sent as u64)
}

fn pack(sdk: &Path) -> Result<PathBuf> {
    let mut npm = Command::new("npm");
    npm.current_dir(sdk.join("package")).args(["pack", "--pack-destination", "..", "--loglevel=error"]);
    npm.stdin(Stdio::null());
    step::run("pack sdk", &mut npm)?;
    let is_tarball = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "tgz");
    let mut files = fs::read_dir(sdk).context("the folder was made")?.flatten().map(|entry| entry.path());
    files.find(is_tarball).context("npm packed nothing")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_go_and_code_stays() {
        let script = "// What it is.\n/** One line. */\nlet a = 1 // said behind it\n  /**\n   * Several.\n   */\n\
                      /* before */ b()\n  const url = 'https://x.test' /* c */\n";
        let left = "let a = 1 // said behind it\n/* before */ b()\n  const url = 'https://x.test' /* c */\n";
        assert_eq!(without_comments(script), left);
    }
}
