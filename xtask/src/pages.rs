//! The pages: wasm from `apps/web`, its JavaScript face, the editor, and the folder that the binary embeds.
//!
//! `target/pages` holds `index.html` and `assets/<build>/`, where `<build>` is one hash over everything that
//! goes in; so all but `index.html` may be cached for ever. `apps/web/index.html` is a template: `{{assets}}` becomes
//! `/assets/<build>`, `{{scripts}}` the tags that start the program. Each app of `apps/web/src/apps.rs` has the same
//! page with a preview of its own as `apps/WORD.html`, and as `apps/WORD/PAGE.html` for each of its own pages. An app of another
//! package's table has the page of all as `apps/WORD.html`, if `package.metadata.pages.apps` in its manifest names it. `{{title}}`,
//! `{{word}}`, `{{invitation}}` and `{{sentence}}` are the app's. Everything in `apps/web/static` is copied to `/assets/<build>/`, and what lies in `apps/web/static/root` to `/`; in the list of
//! shortcuts the apps are filled in. `{{origin}}` stays for the server, which puts its address there; `{{picture}}` is what previews
//! show, which for an app is `preview-WORD.png` of `apps/web/static/root`.
//! Some pictures of `docs/pictures`, which the manifest shows, lie at `/` as well. `apps/web/start.js` starts the program, and
//! lies below `/assets/<build>/` without its comments. `apps/web/sw.js` becomes `/sw.js`, which keeps the files of this build
//! in the browser: `{{build}}` becomes the hash, `{{files}}` the list of the files below `/assets/<build>/`, with a copy of
//! `index.html` among them, `{{apps}}` the addresses of the apps. `script-sources.txt` lists the scripts that the policy of all
//! pages allows beside their own.

use std::env;
use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use wasm_bindgen_cli_support::Bindgen;

use crate::setup::wasm;
use crate::stage::Stage;
use crate::workspace::Workspace;
use crate::{compressed, editor, parts, sdk, stage, step};

#[path = "../../apps/web/src/apps.rs"]
#[expect(dead_code, unreachable_pub, reason = "the pages read all of it")]
mod apps;

use self::apps::{APPS, App};

const PACKAGE: &str = "meshwork-web";
/// The variable that names another package, whose program has a table of apps of its own.
const PACKAGE_VARIABLE: &str = "MESHWORK_PAGES";
/// How the script and the wasm of the pages are called.
const NAME: &str = "meshwork";
const TEST_PACKAGE: &str = "meshwork-e2e-page";
const TEST_INDEX: &str = "<!doctype html>\n<meta charset=\"utf-8\">\n<title>loading</title>\n\
    <link rel=\"icon\" href=\"data:,\">\n<body>\n\
    <script type=\"module\">import start from \"./checks.js\"; start();</script>\n";
/// All style sheets in one, as the index names it.
const STYLE: &str = "pages.css";
/// Their order, in which later ones win; a new one comes last.
const STYLES: [&str; 9] = [
    "tokens.css",
    "base.css",
    "home.css",
    "place.css",
    "room.css",
    "timelapse.css",
    "people.css",
    "tools.css",
    "shell.css",
];
/// Lists the files of each part, for `cargo xtask size`.
pub(crate) const LOADS: &str = "parts.json";
/// Raised when this file makes another folder of the same inputs.
const LAYOUT: u32 = 13;
/// Filled in by the server.
pub(crate) const ORIGIN: &str = "{{origin}}";
/// What stands in a page for the path of that address, which is empty for most servers.
pub(crate) const BASE: &str = "{{base}}";

/// Pictures of the documentation that the manifest shows; each lies at `/` under its name.
const SCREENSHOTS: [&str; 4] = [
    "place-desktop-light.png",
    "place-phone-light.png",
    "whiteboard-desktop-light.png",
    "whiteboard-phone-light.png",
];

/// What wasm is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aim {
    /// To be there soon. It keeps the names of functions, for whoever looks for a fault.
    Quick,
    /// To be loaded soon.
    Small,
}

impl Aim {
    /// The profile in Cargo.toml.
    pub(crate) fn profile(self) -> &'static str {
        match self {
            Aim::Quick => "web-quick",
            Aim::Small => "web",
        }
    }

    /// What is compiled with this package: all that tests in browsers load beside the pages goes in one call, or cargo would compile
    /// what they share once for the features of each.
    pub(crate) fn packages(self, package: &'static str) -> Vec<&'static str> {
        let packages = match self {
            Aim::Quick => vec![TEST_PACKAGE, sdk::PACKAGE, sdk::PHYSICS],
            Aim::Small => vec![package],
        };
        packages.into_iter().flat_map(|package| ["--package", package]).collect()
    }
}

/// Brings `target/pages` up to date.
pub(crate) fn build(workspace: &Workspace, aim: Aim) -> Result<()> {
    prepare(workspace, aim)?.map_or(Ok(()), Prepared::install)
}

/// Builds the pages beside those in `target/pages`, which a compiler may be reading for a binary. `None` if those are current.
pub(crate) fn prepare(workspace: &Workspace, aim: Aim) -> Result<Option<Prepared>> {
    let lockfile = fs::read_to_string(workspace.root.join("Cargo.lock")).context("cannot read Cargo.lock")?;
    let bindgen_version = checked_version(&lockfile)?;
    let (mut cargo, folder) = wasm::cargo(workspace, "rustc");
    let package = env::var(PACKAGE_VARIABLE).unwrap_or_else(|_| PACKAGE.to_owned());
    cargo.args(["--package", &package, "--bin", &package, "--profile", aim.profile()]);
    if aim == Aim::Small {
        wasm::forget_folders(&mut cargo);
    }
    // What leads where, by which the parts are told apart.
    cargo.args(["--", "-C", "link-arg=--emit-relocs"]);
    step::run("pages", &mut cargo)?;
    let wasm = folder.join(aim.profile()).join(format!("{package}.wasm"));
    let own = own_apps(&workspace.metadata, &package)?;
    let sources = Sources { own, ..Sources::read(workspace, &wasm, bindgen_version, aim)? };
    let build = sources.hash();
    let pages = workspace.pages();
    let wanted = sources.index(&build, None, &[])?;
    let is_current = pages.join("assets").join(&build).is_dir()
        && fs::read_to_string(pages.join("index.html")).is_ok_and(|present| present == wanted);
    if is_current {
        return Ok(None);
    }
    let fresh = pages.with_extension("new");
    remove(&fresh)?;
    let assets = fresh.join("assets").join(&build);
    fs::create_dir_all(&assets).with_context(|| format!("cannot create {}", assets.display()))?;
    let parts = parts::split(&wasm, &assets, NAME)?;
    bind(Bindgen::new().input_bytes(NAME, parts.main.clone()), &assets, NAME, aim)?;
    if aim == Aim::Small {
        parts.forget_names()?;
    }
    write(&fresh.join(LOADS), &serde_json::to_vec(&parts.loads).context("names are JSON")?)?;
    write(&assets.join(STYLE), sources.style()?.as_bytes())?;
    for (name, bytes) in sources.statics.iter().filter(|(name, _)| !is_style(name)) {
        let place = match name.strip_prefix("root") {
            Ok(at_root) => fresh.join(at_root),
            Err(_) => assets.join(name),
        };
        match name.extension().is_some_and(|kind| kind == "webmanifest") {
            true => write(&place, manifest(bytes)?.as_bytes())?,
            false => write(&place, bytes)?,
        }
    }
    // Pages of another table have some of these apps.
    let has_page = |app: &&App| package == PACKAGE || parts.loads.contains_key(app.word);
    for app in APPS.iter().filter(has_page) {
        let page = fresh.join("apps").join(app.word).with_extension("html");
        let part =
            parts.loads.get(app.word).with_context(|| format!("the pages have no part {}", app.word))?;
        let index = sources.index(&build, Some(app), part)?;
        write(&page, index.as_bytes())?;
        for own in app.pages {
            write(&page.with_extension("").join(own).with_extension("html"), index.as_bytes())?;
        }
    }
    for word in &sources.own {
        write(&fresh.join("apps").join(word).with_extension("html"), wanted.as_bytes())?;
    }
    write(&assets.join("start.js"), sources.start.as_bytes())?;
    write(&assets.join(editor::NAME), &sources.editor)?;
    write(&assets.join(stage::NAME), &sources.stage.script)?;
    write(&assets.join(stage::POOL), &sources.stage.pool)?;
    write(&assets.join(stage::TRUSTED), sources.stage.trusted.as_bytes())?;
    write(&fresh.join(stage::SOURCES), sources.stage.source.as_bytes())?;
    write(&assets.join("index.html"), wanted.as_bytes())?;
    write(&fresh.join("index.html"), wanted.as_bytes())?;
    write(&fresh.join("sw.js"), sources.worker(&build, &assets)?.as_bytes())?;
    compressed::add(&fresh, aim)?;
    Ok(Some(Prepared { fresh, pages, build }))
}

/// The apps that a package adds in a table of its own, by their words in addresses.
fn own_apps(metadata: &Value, package: &str) -> Result<Vec<String>> {
    let packages = metadata["packages"].as_array().context("cargo metadata is not as expected")?;
    let found = packages.iter().find(|known| known["name"] == package);
    let found = found.with_context(|| format!("the workspace has no package {package}"))?;
    match &found["metadata"]["pages"]["apps"] {
        Value::Null => Ok(Vec::new()),
        apps => serde_json::from_value(apps.clone())
            .with_context(|| format!("package.metadata.pages.apps of {package} is no list of words")),
    }
}

/// Finished pages that are not yet in `target/pages`.
pub(crate) struct Prepared {
    fresh: PathBuf,
    pages: PathBuf,
    build: String,
}

impl Prepared {
    /// Moves them there. Their files get the present time: a binary that was compiled since they were written, around other
    /// pages, would otherwise look newer to cargo, which would leave it as it is.
    pub(crate) fn install(self) -> Result<()> {
        let Prepared { fresh, pages, build } = self;
        remove(&pages)?;
        fs::rename(&fresh, &pages).with_context(|| format!("cannot write {}", pages.display()))?;
        touch(&pages, SystemTime::now())?;
        eprintln!("xtask: pages: {} written, build {build}", pages.display());
        Ok(())
    }
}

/// Gives all files below a folder this time.
fn touch(folder: &Path, time: SystemTime) -> Result<()> {
    let cannot = |path: &Path| format!("cannot set the time of {}", path.display());
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
        if path.is_dir() {
            touch(&path, time)?;
        } else {
            let file = fs::File::options().append(true).open(&path).with_context(|| cannot(&path))?;
            file.set_modified(time).with_context(|| cannot(&path))?;
        }
    }
    Ok(())
}

/// Brings the page up to date that runs checks inside a browser, and returns its folder.
pub(crate) fn build_test_page(workspace: &Workspace, aim: Aim) -> Result<PathBuf> {
    check_bindgen(workspace)?;
    let (mut cargo, folder) = wasm::cargo(workspace, "build");
    cargo.args(aim.packages(TEST_PACKAGE)).args(["--profile", aim.profile()]);
    step::run("test page", &mut cargo)?;
    let finished = workspace.root.join("target/test-page");
    remove(&finished)?;
    let wasm = folder.join(aim.profile()).join(format!("{TEST_PACKAGE}.wasm"));
    bind(Bindgen::new().input_path(&wasm), &finished, "checks", aim)?;
    write(&finished.join("index.html"), TEST_INDEX.as_bytes())?;
    Ok(finished)
}

/// Makes `NAME.js` and `NAME_bg.wasm` from what the compiler left.
fn bind(bindgen: &mut Bindgen, folder: &Path, name: &str, aim: Aim) -> Result<()> {
    bindgen.out_name(name).typescript(false).remove_name_section(aim == Aim::Small);
    // Parts use the same memory, table of functions and stack.
    bindgen.keep_lld_exports(true);
    // The script finds its wasm beside itself.
    bindgen.omit_default_module_path(false);
    bindgen.web(true).context("wasm-bindgen has a target for the web")?;
    bindgen.generate(folder).context("wasm-bindgen cannot make the pages' wasm")
}

/// Fails where the two halves of wasm-bindgen would not understand each other.
pub(crate) fn check_bindgen(workspace: &Workspace) -> Result<()> {
    let lockfile = fs::read_to_string(workspace.root.join("Cargo.lock")).context("cannot read Cargo.lock")?;
    checked_version(&lockfile).map(drop)
}

/// The two halves of wasm-bindgen understand each other only at the same version.
fn checked_version(lockfile: &str) -> Result<&str> {
    let library = locked_version(lockfile, "wasm-bindgen").context("Cargo.lock has no wasm-bindgen")?;
    let tool = locked_version(lockfile, "wasm-bindgen-cli-support")
        .context("Cargo.lock has no wasm-bindgen-cli-support")?;
    ensure!(
        library == tool,
        "Cargo.lock has wasm-bindgen {library} but wasm-bindgen-cli-support {tool}; \
         type: cargo update -p wasm-bindgen-cli-support --precise {library}"
    );
    Ok(tool)
}

fn locked_version<'a>(lockfile: &'a str, package: &str) -> Option<&'a str> {
    let name_line = format!("name = \"{package}\"");
    let mut lines = lockfile.lines();
    lines.find(|line| *line == name_line)?;
    lines.next()?.strip_prefix("version = \"")?.strip_suffix('"')
}

/// Everything that the finished folder is made of.
struct Sources<'a> {
    bindgen_version: &'a str,
    aim: Aim,
    wasm: Vec<u8>,
    editor: Vec<u8>,
    stage: Stage,
    template: String,
    /// The first script, without its comments.
    start: String,
    worker: String,
    /// Words of the apps that another package adds.
    own: Vec<String>,
    /// Path below `apps/web/static`, in order, and content.
    statics: Vec<(PathBuf, Vec<u8>)>,
}

impl<'a> Sources<'a> {
    fn read(workspace: &Workspace, wasm: &Path, bindgen_version: &'a str, aim: Aim) -> Result<Sources<'a>> {
        let web = workspace.root.join("apps/web");
        let read = |name: &str| {
            let file = web.join(name);
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))
        };
        let mut statics = Vec::new();
        let folder = web.join("static");
        if folder.is_dir() {
            read_folder(&folder, &folder, &mut statics)?;
            statics.sort();
        }
        for name in SCREENSHOTS {
            let file = workspace.root.join("docs/pictures").join(name);
            let picture = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            statics.push((Path::new("root").join(name), picture));
        }
        Ok(Sources {
            bindgen_version,
            aim,
            wasm: fs::read(wasm).with_context(|| format!("cannot read {}", wasm.display()))?,
            editor: editor::bundle(workspace, aim)?,
            stage: stage::bundle(workspace, aim)?,
            template: read("index.html")?,
            start: without_comments(&read("start.js")?),
            worker: read("sw.js")?,
            own: Vec::new(),
            statics,
        })
    }

    /// The style sheets as one.
    fn style(&self) -> Result<String> {
        let mut sheets: Vec<_> = self.statics.iter().filter(|(name, _)| is_style(name)).collect();
        sheets.sort_by_key(|(name, _)| {
            STYLES.iter().position(|known| name == Path::new(known)).unwrap_or(STYLES.len())
        });
        let mut style = String::new();
        for (name, bytes) in sheets {
            let sheet =
                std::str::from_utf8(bytes).with_context(|| format!("{} is no text", name.display()))?;
            style.push_str(sheet);
        }
        Ok(style)
    }

    /// Sixteen hexadecimal digits over everything that goes in.
    fn hash(&self) -> String {
        let mut hasher = DefaultHasher::new();
        let mut add = |bytes: &[u8]| {
            hasher.write_usize(bytes.len());
            hasher.write(bytes);
        };
        add(&LAYOUT.to_le_bytes());
        add(self.bindgen_version.as_bytes());
        add(self.start.as_bytes());
        add(self.aim.profile().as_bytes());
        add(format!("{APPS:?}").as_bytes());
        add(&self.wasm);
        add(&self.editor);
        add(&self.stage.script);
        add(&self.stage.pool);
        add(self.stage.trusted.as_bytes());
        add(self.template.as_bytes());
        add(self.worker.as_bytes());
        self.own.iter().for_each(|word| add(word.as_bytes()));
        for (name, bytes) in &self.statics {
            add(name.to_string_lossy().as_bytes());
            add(bytes);
        }
        format!("{:016x}", hasher.finish())
    }

    /// The template with its places filled, for one app with the files of its part, or for all.
    fn index(&self, build: &str, app: Option<&App>, part: &[String]) -> Result<String> {
        let (assets, loader) = (format!("{BASE}/assets/{build}"), parts::LOADER);
        let preload = |file: &str| {
            format!(
                "<link rel=\"preload\" href=\"{assets}/{file}\" as=\"fetch\" type=\"application/wasm\" crossorigin>\n    "
            )
        };
        let wasm: String =
            ["meshwork_bg.wasm"].into_iter().chain(part.iter().map(String::as_str)).map(preload).collect();
        let scripts = format!(
            "<link rel=\"modulepreload\" href=\"{assets}/meshwork.js\">\n    \
             <link rel=\"modulepreload\" href=\"{assets}/{loader}\">\n    \
             {wasm}<script type=\"module\" src=\"{assets}/start.js\"></script>"
        );
        ensure!(self.template.contains("{{scripts}}"), "apps/web/index.html has no place {{{{scripts}}}}");
        let title = app.map_or("Meshwork".to_owned(), |app| format!("{} \u{b7} Meshwork", app.title));
        let index = self.template.replace("{{scripts}}", &scripts).replace("{{assets}}", &assets);
        let index = index
            .replace("{{title}}", &title)
            .replace("{{word}}", app.map_or("", |app| app.word))
            .replace("{{invitation}}", app.map_or("You are invited to a room", |app| app.invitation))
            .replace("{{sentence}}", app.map_or("Rooms made of people", |app| app.sentence))
            .replace("{{picture}}", &self.picture(app)?);
        if let Some((_, rest)) = index.replace(ORIGIN, "").replace(BASE, "").split_once("{{") {
            bail!("apps/web/index.html has an unknown place {{{{{}", rest.lines().next().unwrap_or_default());
        }
        Ok(index)
    }

    /// The address of the picture that previews of links show, below the server's.
    fn picture(&self, app: Option<&App>) -> Result<String> {
        let name = app.map_or("preview.png".to_owned(), |app| format!("preview-{}.png", app.word));
        let is_there = self.statics.iter().any(|(known, _)| *known == Path::new("root").join(&name));
        ensure!(is_there, "apps/web/static/root has no {name}");
        Ok(format!("/{name}"))
    }

    /// The worker that keeps what lies in `assets`.
    fn worker(&self, build: &str, assets: &Path) -> Result<String> {
        for place in ["{{build}}", "{{files}}", "{{apps}}"] {
            ensure!(self.worker.contains(place), "apps/web/sw.js has no place {place}");
        }
        let files = serde_json::to_string(&names(assets)?).context("names are JSON")?;
        let apps = [&[addresses(&APPS)], &*self.own].concat().join("|");
        Ok(self.worker.replace("{{build}}", build).replace("{{files}}", &files).replace("{{apps}}", &apps))
    }
}

/// The addresses of apps and of their own pages, as alternatives of a regular expression.
fn addresses(apps: &[App]) -> String {
    let address = |app: &App| match app.pages {
        [] => app.word.to_owned(),
        pages => format!("{}(/({}))?", app.word, pages.join("|")),
    };
    apps.iter().map(address).collect::<Vec<_>>().join("|")
}

/// What a device is told that installs the pages, with the apps filled in.
fn manifest(template: &[u8]) -> Result<String> {
    let template = std::str::from_utf8(template).context("the manifest is no text")?;
    let shortcut = |app: &App| serde_json::json!({ "name": app.title, "description": app.sentence, "url": format!("../../{}", app.word) });
    let shortcuts = serde_json::Value::from_iter(APPS.iter().map(shortcut)).to_string();
    let sentences = APPS.map(|app| app.sentence).join(". ");
    Ok(template.replace("{{shortcuts}}", &shortcuts).replace("{{sentences}}", &sentences))
}

fn is_style(name: &Path) -> bool {
    name.extension().is_some_and(|kind| kind == "css")
}

/// The files below a folder as a page names them, in order.
fn names(folder: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    read_folder(folder, folder, &mut files)?;
    let mut names: Vec<String> = files
        .iter()
        .map(|(name, _)| name.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "/"))
        .collect();
    names.sort();
    Ok(names)
}

fn read_folder(folder: &Path, base: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
        if path.is_dir() {
            read_folder(&path, base, found)?;
        } else {
            let name = path.strip_prefix(base).context("a folder's files lie below it")?.to_path_buf();
            found.push((name, fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?));
        }
    }
    Ok(())
}

fn write(place: &Path, bytes: &[u8]) -> Result<()> {
    let folder = place.parent().context("a file lies in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    fs::write(place, bytes).with_context(|| format!("cannot write {}", place.display()))
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

/// A script or page without its lines of comments.
pub(crate) fn without_comments(text: &str) -> String {
    text.lines().filter(|line| !line.starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(template: &str) -> Sources<'_> {
        let pictures = ["preview.png", "preview-place.png", "preview-sync.png"];
        Sources {
            bindgen_version: "0.2.1",
            aim: Aim::Small,
            wasm: vec![1, 2],
            editor: vec![3],
            stage: Stage { script: vec![4], pool: vec![6], source: String::new(), trusted: String::new() },
            template: template.to_owned(),
            start: String::new(),
            worker: "{{build}} {{files}} {{apps}}".to_owned(),
            own: Vec::new(),
            statics: pictures.map(|name| (Path::new("root").join(name), Vec::new())).into(),
        }
    }

    #[test]
    fn apps_own_pages_have_addresses() {
        let [place, sync, ..] = APPS;
        let play = App { word: "play", pages: &["new", "maps"], ..sync };
        assert_eq!(addresses(&[place, play]), "place|play(/(new|maps))?");
    }

    #[test]
    fn packages_name_the_apps_they_add() {
        let package = |name: &str, pages: Value| serde_json::json!({ "name": name, "metadata": pages });
        let metadata = serde_json::json!({ "packages": [
            package("plain", Value::Null),
            package("votes", serde_json::json!({ "pages": { "apps": ["vote"] } })),
            package("wrong", serde_json::json!({ "pages": { "apps": "vote" } })),
        ] });
        let apps = |name: &str| own_apps(&metadata, name).map_err(|error| error.to_string());
        assert_eq!(apps("plain"), Ok(vec![]));
        assert_eq!(apps("votes"), Ok(vec!["vote".to_owned()]));
        assert!(apps("wrong").is_err() && apps("missing").is_err());
    }

    #[test]
    fn installed_pages_are_newer_than_binaries_compiled_meanwhile() {
        let folder = tempfile::tempdir().expect("a folder");
        let (fresh, pages) = (folder.path().join("pages.new"), folder.path().join("pages"));
        for name in ["index.html", "assets/f00/start.js"] {
            write(&fresh.join(name), b"x").expect("it is written");
        }
        touch(&fresh, SystemTime::UNIX_EPOCH).expect("times can be set");
        let binary = folder.path().join("meshwork");
        write(&binary, b"around the stand-in").expect("it is written");
        Prepared { fresh, pages: pages.clone(), build: "f00".to_owned() }.install().expect("it installs");
        let modified =
            |path: &Path| fs::metadata(path).and_then(|file| file.modified()).expect("it has a time");
        for name in ["index.html", "assets/f00/start.js"] {
            assert!(modified(&pages.join(name)) >= modified(&binary), "{name}");
        }
    }

    #[test]
    fn unequal_versions_of_wasm_bindgen_are_refused() {
        let lockfile = |tool: &str| {
            format!(
                "[[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.1\"\n\n\
                 [[package]]\nname = \"wasm-bindgen-cli-support\"\nversion = \"{tool}\"\n"
            )
        };
        assert!(checked_version(&lockfile("0.2.1")).is_ok());
        let error = checked_version(&lockfile("0.2.2")).expect_err("the versions differ").to_string();
        assert!(error.contains("wasm-bindgen 0.2.1 but wasm-bindgen-cli-support 0.2.2"), "{error}");
    }

    #[test]
    fn the_build_hash_changes_with_each_source() {
        let before = sources("{{scripts}}");
        let mut wasm = sources("{{scripts}}");
        wasm.wasm.push(3);
        let mut editor = sources("{{scripts}}");
        editor.editor.push(4);
        let mut stage = sources("{{scripts}}");
        stage.stage.script.push(5);
        let mut pool = sources("{{scripts}}");
        pool.stage.pool.push(5);
        let mut statics = sources("{{scripts}}");
        statics.statics.push((PathBuf::from("a.css"), Vec::new()));
        let mut worker = sources("{{scripts}}");
        worker.worker.push(' ');
        let mut own = sources("{{scripts}}");
        own.own.push("vote".to_owned());
        let others = [wasm, editor, stage, pool, statics, worker, own, sources("{{scripts}} ")];
        let hashes: Vec<String> = std::iter::once(&before).chain(&others).map(Sources::hash).collect();
        for (index, hash) in hashes.iter().enumerate() {
            assert!(!hashes[..index].contains(hash), "{hashes:?}");
        }
        assert_eq!(before.hash(), sources("{{scripts}}").hash());
    }

    #[test]
    fn the_worker_keeps_every_file_of_its_build() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["index.html", "meshwork.js", "fonts/a.woff2"] {
            write(&folder.path().join(name), b"x").expect("it is written");
        }
        let worker = sources("{{scripts}}").worker("f00", folder.path()).expect("both places are known");
        assert_eq!(
            worker,
            r#"f00 ["fonts/a.woff2","index.html","meshwork.js"] place|sync|chat|play(/(new))?|compute"#
        );
        let more = Sources { own: vec!["vote".to_owned()], ..sources("{{scripts}}") };
        assert!(more.worker("f00", folder.path()).expect("places are known").ends_with("|vote"));
        let mut without = sources("{{scripts}}");
        without.worker = "{{build}}".to_owned();
        assert!(without.worker("f00", folder.path()).is_err());
    }

    #[test]
    fn the_template_is_filled_and_checked() {
        let index =
            sources("{{scripts}} {{assets}}/x.css").index("f00", None, &[]).expect("both places are known");
        assert!(index.contains("src=\"{{base}}/assets/f00/start.js\""), "{index}");
        assert!(index.contains(" {{base}}/assets/f00/x.css"), "{index}");
        let preloading =
            sources("{{scripts}}").index("f00", Some(&APPS[0]), &["split_place.wasm".to_owned()]);
        assert!(preloading.expect("all places are known").contains("{{base}}/assets/f00/split_place.wasm"));
        assert!(sources("no place").index("f00", None, &[]).is_err());
        assert!(sources("{{scripts}} {{other}}").index("f00", None, &[]).is_err());
        let of_app =
            sources("{{scripts}} {{title}}, {{invitation}}, {{origin}}/{{word}}, {{origin}}{{picture}}")
                .index("f00", Some(&APPS[1]), &[]);
        assert!(of_app.expect("all places are known").ends_with(
            "Sync \u{b7} Meshwork, You are invited to draw, write and count together, {{origin}}/sync, {{origin}}/preview-sync.png"
        ));
        let mut without = sources("{{scripts}}");
        without.statics.clear();
        assert!(without.index("f00", None, &[]).is_err(), "a preview without its picture");
    }
}
