//! The npm package as people have it: its tarball is installed into apps, which are built, served and opened.

mod board;
mod compute;
mod frame;
mod game;
mod kept;
mod limits;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, ensure};
use meshwork::{Colour, Endpoint, Lane, Room};
use meshwork_e2e::{Browser, PATIENCE, Server, Tab, wait_until};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::site::serve;
use crate::types::check_types;

/// The folder of the repository that this is.
fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The finished tarball: in what MESHWORK_SDK names, else where `cargo xtask test` leaves it.
fn tarball() -> Result<PathBuf> {
    let folder = std::env::var_os("MESHWORK_SDK").map_or_else(|| here("../target/test-sdk"), PathBuf::from);
    let missing = || format!("there is no package in {}; build it with: cargo xtask test", folder.display());
    let mut files = fs::read_dir(&folder).with_context(missing)?.flatten().map(|entry| entry.path());
    files.find(|file| file.extension().is_some_and(|kind| kind == "tgz")).with_context(missing)
}

/// Runs a program in a folder.
fn run(folder: &Path, program: &str, arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    command.output().with_context(|| format!("{program} does not start"))
}

pub(crate) fn succeed(output: &Output) -> Result<()> {
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{}: {out}{error}", output.status);
    Ok(())
}

/// The app that does what tests ask of it, with the package installed.
pub(crate) fn app() -> Result<TempDir> {
    app_of("sdk/app")
}

/// An app of this folder, with the package installed.
pub(crate) fn app_of(sources: &str) -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    for entry in fs::read_dir(here(sources))? {
        let file = entry?.path();
        fs::copy(&file, folder.path().join(file.file_name().context("a file has a name")?))?;
    }
    fs::write(folder.path().join("package.json"), r#"{"name":"app","private":true,"type":"module"}"#)?;
    let tarball = tarball()?;
    let tarball = tarball.to_string_lossy();
    let install = ["install", "--offline", "--no-audit", "--no-fund", "--loglevel=error", &tarball];
    succeed(&run(folder.path(), "npm", &install)?)?;
    Ok(folder)
}

/// What set-up installed from npm.
fn installed(path: &str) -> Result<PathBuf> {
    let path = here("../target/sdk-tools/node_modules").join(path);
    ensure!(path.exists(), "install it with: cargo xtask setup");
    Ok(path)
}

/// An app of this folder, with the package and these of npm's installed.
pub(crate) fn app_with(sources: &str, packages: &[&str]) -> Result<TempDir> {
    let app = app_of(sources)?;
    for package in packages {
        symlink(installed(package)?, app.path().join("node_modules").join(package))?;
    }
    Ok(app)
}

/// An app of this folder, with the package, Yjs and an editor installed.
pub(crate) fn editor_of(sources: &str) -> Result<TempDir> {
    app_with(sources, &["@codemirror", "codemirror", "y-codemirror.next", "y-protocols", "yjs"])
}

pub(crate) fn run_tool(app: &Path, script: &str, arguments: &[&str]) -> Result<Output> {
    let script = installed(script)?;
    run(app, "node", &[&[&*script.to_string_lossy()][..], arguments].concat())
}

/// Builds an app with Vite, which is told nothing, and serves it.
pub(crate) fn build_and_serve(app: &Path) -> Result<String> {
    succeed(&run_tool(app, "vite/bin/vite.js", &["build"])?)?;
    serve(app.join("dist"))
}

/// Has the page do something, and returns what comes of it.
pub(crate) async fn ask(tab: &Tab, what: &str, arguments: Vec<Value>) -> Result<Value> {
    tab.eval(&format!("return page.{what}(...arguments)"), arguments).await
}

pub(crate) async fn wait_says(tab: &Tab, what: &str, arguments: Vec<Value>, wanted: Value) -> Result<()> {
    tab.wait_until(PATIENCE, what, async || {
        let said = ask(tab, what, arguments.clone()).await?;
        ensure!(said == wanted, "it says {said} instead of {wanted}");
        Ok(())
    })
    .await
}

async fn wait_among(tab: &Tab, what: &str, wanted: Value) -> Result<()> {
    tab.wait_until(PATIENCE, what, async || {
        let said = ask(tab, what, vec![]).await?;
        ensure!(said.as_array().is_some_and(|said| said.contains(&wanted)), "{wanted} is not in {said}");
        Ok(())
    })
    .await
}

/// Two pages and a native program meet in a room that the first one makes. Returns the program, its room and the link.
pub(crate) async fn gather(server: &Server, ann: &Tab, bo: &Tab) -> Result<(Endpoint, Room, Value)> {
    let link = ask(ann, "create", vec![server.url().trim_end_matches('/').into(), "Ann".into()]).await?;
    ask(bo, "join", vec![link.clone(), "Bo".into()]).await?;
    let kim = Endpoint::builder().name("Kim").bind().await?;
    let room = kim.join(link.as_str().context("a link is text")?).await?;
    wait_says(ann, "members", vec![], json!([["Bo", "direct"], ["Kim", "direct"]])).await?;
    wait_says(bo, "members", vec![], json!([["Ann", "direct"], ["Kim", "direct"]])).await?;
    Ok((kim, room, link))
}

/// Two profiles and a native program in one room of a page's, whose server is stopped.
async fn meet(page: &str) -> Result<()> {
    let mut server = Server::start().await?;
    let (one, other) = tokio::try_join!(Browser::start(), Browser::start())?;
    let (ann, bo) = (one.tab(page).await?, other.tab(page).await?);
    let (_kim, room, _) = gather(&server, &ann, &bo).await?;
    server.kill();
    paint(&ann, &bo, &room).await?;
    take_back(&ann, &bo, &room).await?;
    talk(&ann, &bo, &room).await?;
    share(&ann, &bo, &room).await?;
    count(&ann, &bo, &room).await?;
    hand_over(&ann, &bo, &room).await?;
    ask(&bo, "leave", vec![]).await?;
    wait_says(&bo, "isLeft", vec![], json!(true)).await?;
    wait_says(&ann, "members", vec![], json!([["Kim", "direct"]])).await
}

async fn paint(ann: &Tab, bo: &Tab, room: &Room) -> Result<()> {
    let mut changes = room.canvas().watch();
    let painted = ask(ann, "paint", vec![json!([{ "x": 3, "y": 4, "color": "#c81e1e" }])]).await?;
    ensure!(painted[0].is_u64() && painted[0] == painted[1], "{painted}");
    wait_says(bo, "cell", vec![3.into(), 4.into()], json!("#c81e1e")).await?;
    wait_says(bo, "painted", vec![], json!([{ "x": 3, "y": 4, "color": "#c81e1e" }])).await?;
    ensure!(changes.next().await == Some(vec![(3, 4, Colour::rgb(200, 30, 30))]));
    room.canvas().fill(7..8, 8..9, [60, 180, 75]).await?;
    for tab in [ann, bo] {
        wait_says(tab, "pixel", vec![7.into(), 8.into()], json!([60, 180, 75, 255])).await?;
    }
    ask(bo, "note", vec!["Ferry leaves at 9:40".into()]).await?;
    wait_says(ann, "notes", vec![], json!(["Ferry leaves at 9:40"])).await
}

/// A page takes back what it painted, and does it again; what a program painted over it stays.
async fn take_back(ann: &Tab, bo: &Tab, room: &Room) -> Result<()> {
    let (canvas, mut changes) = (room.canvas(), room.canvas().watch());
    let cells = |columns: &[u16]| {
        let cell = |x: &u16| json!({ "x": x, "y": 5, "color": "#c81e1e" });
        vec![columns.iter().map(cell).collect::<Value>()]
    };
    let cell = |x: u16| vec![x.into(), 5.into()];
    ask(ann, "paint", cells(&[20, 21])).await?;
    ask(ann, "paintOn", cells(&[22])).await?;
    while canvas.get(22, 5).await? != Some([200, 30, 30]) {
        changes.next().await.context("the room goes on")?;
    }
    canvas.fill(21..22, 5..6, [60, 180, 75]).await?;
    wait_says(ann, "cell", cell(21), json!("#3cb44b")).await?;
    let gone = ask(ann, "step", vec!["undo".into()]).await?;
    ensure!(gone == json!({ "painted": 2, "theirs": 1, "left": 0 }), "{gone}");
    wait_says(bo, "cell", cell(22), Value::Null).await?;
    ensure!(ask(bo, "cell", cell(21)).await? == json!("#3cb44b"));
    ensure!(ask(bo, "step", vec!["undo".into()]).await?.is_null(), "Bo painted nothing");
    ensure!(ask(ann, "steps", vec![]).await? == json!({ "undo": 1, "redo": 1 }));
    let gone = ask(ann, "step", vec!["redo".into()]).await?;
    ensure!(gone == json!({ "painted": 2, "theirs": 0, "left": 0 }), "{gone}");
    wait_says(bo, "cell", cell(22), json!("#c81e1e")).await?;
    // Who made the room erases of somebody's what lies in a region.
    canvas.fill(30..32, 5..6, [60, 180, 75]).await?;
    wait_says(ann, "cell", cell(31), json!("#3cb44b")).await?;
    let kim = room.me().peer.to_string();
    let what = json!({ "author": kim, "region": { "x": 20, "y": 5, "width": 11, "height": 1 } });
    ensure!(ask(bo, "erase", vec![what.clone()]).await? == "RuleError", "Bo owns nothing");
    let beyond = json!({ "region": { "x": -1, "y": 5, "width": 11, "height": 1 } });
    ensure!(ask(ann, "erase", vec![beyond]).await? == "TypeError", "no region begins there");
    ensure!(ask(ann, "erase", vec![what]).await?.is_null());
    wait_says(bo, "cell", cell(30), Value::Null).await?;
    ensure!(ask(bo, "cell", cell(31)).await? == json!("#3cb44b"), "beside the region all stays");
    ensure!(ask(bo, "cell", cell(22)).await? == json!("#c81e1e"), "and what somebody else painted");
    Ok(())
}

async fn talk(ann: &Tab, bo: &Tab, room: &Room) -> Result<()> {
    let topic = room.topic::<Value>("moves");
    let mut moves = topic.listen();
    ask(ann, "say", vec![json!({ "x": 1, "y": 2.5 })]).await?;
    wait_among(bo, "heard", json!(["Ann", { "x": 1, "y": 2.5 }, "say"])).await?;
    let heard = moves.next().await.context("the room goes on")?;
    ensure!((&heard.value, heard.lane) == (&json!({ "x": 1, "y": 2.5 }), Lane::Say), "{heard:?}");
    ask(bo, "direct", vec!["Kim".into(), json!("for Kim")]).await?;
    let heard = moves.next().await.context("the room goes on")?;
    ensure!((&heard.value, heard.lane) == (&json!("for Kim"), Lane::Direct), "{heard:?}");
    topic.direct(heard.from, &json!("for Bo")).await?;
    wait_among(bo, "heard", json!(["Kim", "for Bo", "direct"])).await?;
    ann.wait_until(PATIENCE, "a datagram, of which some may be lost", async || {
        ask(bo, "datagram", vec![json!([1, 2])]).await?;
        let heard = ask(ann, "heard", vec![]).await?;
        ensure!(heard.to_string().contains(r#"["Bo",[1,2],"datagram"]"#), "{heard}");
        Ok(())
    })
    .await?;
    let mut questions = room.topic::<String>("questions").causal();
    ask(ann, "ask", vec!["When?".into()]).await?;
    wait_among(bo, "answers", json!(["Ann", "When?"])).await?;
    ask(bo, "ask", vec!["At nine.".into()]).await?;
    for wanted in ["When?", "At nine."] {
        ensure!(questions.next().await.context("the room goes on")?.value == wanted);
    }
    questions.say(&"Sharp.".into()).await?;
    for tab in [ann, bo] {
        wait_among(tab, "answers", json!(["Kim", "Sharp."])).await?;
    }
    ask(ann, "present", vec![json!("a: typing")]).await?;
    room.presence().set(&"k: idle").await?;
    wait_says(bo, "presences", vec![], json!(["a: typing", "k: idle"])).await
}

/// Blobs go from page to page and program, and lie in the pages' own files.
async fn hand_over(ann: &Tab, bo: &Tab, room: &Room) -> Result<()> {
    let pattern = |length: usize| (0..length).map(|place| (place / 977) as u8).collect::<Vec<u8>>();
    let id = ask(ann, "offer", vec![300_001.into()]).await?;
    ensure!(ask(bo, "fetch", vec![id.clone()]).await? == json!([300_001, true, true]));
    for tab in [ann, bo] {
        ensure!(ask(tab, "held", vec![]).await? == json!([id]));
        ensure!(ask(tab, "files", vec![]).await?.to_string().contains("meshwork-app-blobs"));
    }
    let blob = room.blobs().fetch(id.as_str().context("an id is text")?.parse()?).await?;
    ensure!(blob.read().await? == pattern(300_001));
    let blob = room.blobs().offer_bytes(&pattern(2_000_000)).await?;
    ensure!(ask(ann, "fetch", vec![blob.id().to_string().into()]).await? == json!([2_000_000, true, true]));
    let refused = ask(bo, "fetchTooMuch", vec![blob.id().to_string().into()]).await?;
    ensure!(refused["kinds"] == json!(["FetchError", "MeshworkError"]), "{refused}");
    ensure!((&refused["code"], &refused["size"]) == (&json!("TooLarge"), &json!(2_000_000)), "{refused}");
    Ok(())
}

/// Counters and values are the same for pages and a program.
async fn count(ann: &Tab, bo: &Tab, room: &Room) -> Result<()> {
    ask(ann, "count", vec![8.into()]).await?;
    ask(bo, "count", vec![(-3).into()]).await?;
    room.counter("likes").add(1).await?;
    wait_says(ann, "likes", vec![], json!([6, [["likes", 6]]])).await?;
    wait_says(bo, "likes", vec![], json!([6, [["likes", 6]]])).await?;
    let steps = ask(bo, "counted", vec![]).await?;
    let sum: i64 = steps.as_array().context("a list")?.iter().filter_map(|step| step[0].as_i64()).sum();
    ensure!(sum == 6, "{steps}");
    let odd = ask(ann, "countHalf", vec![]).await?;
    ensure!(odd["message"].to_string().contains("whole number"), "{odd}");
    ask(ann, "keep", vec!["title2".into(), json!(1)]).await?;
    ask(ann, "keep", vec!["title".into(), json!({ "seats": 40 })]).await?;
    wait_says(bo, "kept", vec!["title".into()], json!([{ "seats": 40 }, [{ "seats": 40 }]])).await?;
    wait_among(bo, "changed", json!(["title", { "seats": 40 }])).await?;
    let held = json!({ "saved": true, "members": [] });
    wait_says(ann, "heldBy", vec!["title".into()], json!([held, held])).await?;
    ask(bo, "drop", vec!["title".into()]).await?;
    wait_says(ann, "kept", vec!["title".into()], json!([null, [null, { "seats": 40 }]])).await?;
    let bo_peer = ask(bo, "me", vec![]).await?;
    wait_says(ann, "deleted", vec![], json!([["title", bo_peer, "number"]])).await?;
    wait_says(bo, "titles", vec![], json!([["title", { "seats": 40 }], ["title", null]])).await?;
    room.values().set("later", &1).await?;
    wait_says(ann, "keptKeys", vec![], json!(["later", "title2"])).await
}

async fn share(ann: &Tab, bo: &Tab, room: &Room) -> Result<()> {
    let votes = room.table("votes");
    let mut changes = votes.watch("headline");
    votes.mine().set("vote", "kayak").await?;
    ask(ann, "vote", vec!["ferry".into()]).await?;
    wait_says(bo, "headline", vec![], json!({ "asks": "ferry" })).await?;
    ask(bo, "vote", vec!["train".into()]).await?;
    wait_says(ann, "votes", vec![], json!(["kayak", "train"])).await?;
    wait_says(bo, "votes", vec![], json!(["ferry", "kayak"])).await?;
    for tab in [ann, bo] {
        wait_says(tab, "allVotes", vec![], json!(["ferry", "kayak", "train"])).await?;
        for vote in ["ferry", "kayak", "train"] {
            wait_among(tab, "cast", json!(vote)).await?;
        }
    }
    wait_says(ann, "headline", vec![], json!({ "asks": "train" })).await?;
    wait_among(ann, "changed", json!(["headline", { "asks": "train" }])).await?;
    wait_says(ann, "seats", vec![], json!(40)).await?;
    wait_says(ann, "keys", vec![], json!(["headline"])).await?;
    loop {
        let change = changes.next().await.context("the room goes on")?;
        if change.after.map(|entry| entry.read::<Value>()).transpose()? == Some(json!({ "asks": "train" })) {
            return Ok(());
        }
    }
}

#[tokio::test]
async fn a_plain_page_meets_pages_and_a_program() -> Result<()> {
    let app = app()?;
    meet(&format!("{}/plain.html", serve(app.path().to_owned())?)).await
}

#[tokio::test]
async fn a_built_app_meets_pages_and_a_program() -> Result<()> {
    let app = app()?;
    meet(&build_and_serve(app.path())?).await
}

/// Waits until an element of the page reads so.
pub(crate) async fn wait_shows(tab: &Tab, selector: &str, wanted: &str) -> Result<()> {
    tab.wait_until(PATIENCE, selector, async || {
        let script = "return document.querySelector(arguments[0])?.innerText ?? 'nothing'";
        let shown = tab.eval(script, vec![selector.into()]).await?;
        ensure!(shown == wanted, "it shows {shown} instead of {wanted}");
        Ok(())
    })
    .await
}

/// The address of an example's page, at which its room is.
pub(crate) async fn wait_room(tab: &Tab) -> Result<String> {
    tab.wait_until(PATIENCE, "a link in the address", async || {
        let url = tab.url().await?;
        ensure!(url.contains('#'), "{url}");
        Ok(url)
    })
    .await
}

#[tokio::test]
async fn the_example_without_a_build_paints() -> Result<()> {
    let (app, server) = (app_of("../examples/js/plain")?, Server::start().await?);
    let page = format!("{}/?server={}", serve(app.path().to_owned())?, server.url().trim_end_matches('/'));
    let (one, other) = tokio::try_join!(Browser::start(), Browser::start())?;
    let ann = one.tab(&page).await?;
    let bo = other.tab(&wait_room(&ann).await?).await?;
    wait_shows(&ann, "#says", "1 others are here").await?;
    wait_shows(&bo, "#says", "1 others are here").await?;
    let paint = "const canvas = document.querySelector('canvas'), { x, y } = canvas.getBoundingClientRect(); \
                 const at = { buttons: 1, clientX: x + 33, clientY: y + 17 }; \
                 canvas.dispatchEvent(new PointerEvent('pointerdown', at))";
    ann.eval(paint, vec![]).await?;
    let look = "return document.querySelector('canvas').getContext('2d').getImageData(4, 2, 1, 1).data[3]";
    bo.wait_until(PATIENCE, "a cell", async || {
        ensure!(bo.eval(look, vec![]).await? == 255, "nobody painted");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_example_with_vite_keeps_votes() -> Result<()> {
    let (app, mut server) = (app_of("../examples/js/vite")?, Server::start().await?);
    let page = format!("{}/?server={}", build_and_serve(app.path())?, server.url().trim_end_matches('/'));
    let (one, other) = tokio::try_join!(Browser::start(), Browser::start())?;
    let ann = one.tab(&page).await?;
    let bo = other.tab(&wait_room(&ann).await?).await?;
    let vote = "document.querySelector(`button[value=${arguments[0]}]`).click()";
    wait_shows(&bo, "#says", "1 others are here").await?;
    ann.eval(vote, vec!["ferry".into()]).await?;
    wait_shows(&bo, "#votes", "Ferry 1, train 0").await?;
    bo.eval(vote, vec!["train".into()]).await?;
    wait_shows(&ann, "#votes", "Ferry 1, train 1").await?;
    server.kill();
    bo.close().await?;
    ann.reload().await?;
    // Who left has voted all the same.
    wait_shows(&ann, "#says", "0 others are here").await?;
    wait_shows(&ann, "#votes", "Ferry 1, train 1").await
}

/// Two pages with CodeMirror and a native program write one text, with nobody in the middle.
#[tokio::test]
async fn programs_for_yjs_share_a_document() -> Result<()> {
    let (app, mut server) = (editor_of("sdk/yjs")?, Server::start().await?);
    check_types(app.path())?;
    let kim = Endpoint::builder().name("Kim").server(server.url()).bind().await?;
    let room = kim.create(meshwork::sync::room().private()).await?;
    let (notes, link) = (room.document("notes"), json!(room.link().to_string()));
    notes.edit(|text| text.push("The ferry leaves.")).await?;
    let page = build_and_serve(app.path())?;
    let (one, other) = tokio::try_join!(Browser::start(), Browser::start())?;
    let (ann, bo) = (one.tab(&page).await?, other.tab(&page).await?);
    ask(&ann, "join", vec![link.clone(), "Ann".into()]).await?;
    ask(&bo, "join", vec![link, "Bo".into()]).await?;
    for tab in [&ann, &bo] {
        wait_says(tab, "text", vec![], json!("The ferry leaves.")).await?;
        wait_says(tab, "names", vec![], json!(["Ann", "Bo"])).await?;
    }
    server.kill();
    // Key by key, as somebody types.
    ask(&ann, "caret", vec![3.into()]).await?;
    for letter in "ö last".chars() {
        ask(&ann, "type", vec![letter.to_string().into()]).await?;
        ask(&bo, "type", vec!["🦉".into()]).await?;
        notes.edit(|text| text.push("!")).await?;
    }
    let wanted = format!("{}Theö last ferry leaves.!!!!!!", "🦉".repeat(6));
    for tab in [&ann, &bo] {
        wait_says(tab, "text", vec![], json!(wanted)).await?;
    }
    let mut changes = notes.watch();
    while notes.text().await? != wanted {
        changes.next().await.context("the room goes on")?;
    }
    ask(&bo, "focus", vec![]).await?;
    ask(&bo, "caret", vec![2.into()]).await?;
    wait_says(&ann, "carets", vec![], json!(["Bo"])).await?;
    // Undo takes back one's own keys alone.
    ask(&ann, "undo", vec![]).await?;
    let undone = format!("{}The ferry leaves.!!!!!!", "🦉".repeat(6));
    wait_says(&bo, "text", vec![], json!(undone)).await?;
    ensure!(ask(&ann, "isAuthor", vec![]).await? == json!(true));
    for (what, words) in [("second", "has the document notes already"), ("edited", "make the provider first")]
    {
        let said = ask(&ann, what, vec![]).await?;
        ensure!(said.as_str().is_some_and(|said| said.contains(words)), "{what}: {said}");
    }
    // Carets stay in their document, however alike the names are.
    for tab in [&ann, &bo] {
        ask(tab, "openLong", vec![]).await?;
    }
    ask(&bo, "callLong", vec![0.into(), "Bo".into()]).await?;
    wait_says(&ann, "namesLong", vec![], json!([["Bo"], []])).await?;
    // What cannot be opened is not taken: the second time fails as the first one.
    for _ in 0..2 {
        ensure!(ask(&ann, "tooLong", vec![]).await? == json!(["WriteError", "TooLarge"]));
    }
    ensure!(ask(&ann, "errors", vec![]).await? == json!([]));
    // Both seed the same, and so does the program: it stands there once.
    ask(&ann, "seed", vec!["Agenda. ".into()]).await?;
    ask(&bo, "seed", vec!["Agenda. ".into()]).await?;
    notes.seed_text("Agenda. ").await?;
    let seeded = notes.text().await?;
    ensure!(seeded.matches("Agenda. ").count() == 1, "{seeded}");
    for tab in [&ann, &bo] {
        wait_says(tab, "text", vec![], json!(seeded)).await?;
    }
    ask(&bo, "leave", vec![]).await?;
    wait_says(&ann, "names", vec![], json!(["Ann"])).await
}

#[tokio::test]
async fn receipts_wait_for_who_stays() -> Result<()> {
    let (app, server) = (app()?, Server::start().await?);
    let browser = Browser::start().await?;
    let tab = browser.tab(&format!("{}/plain.html", serve(app.path().to_owned())?)).await?;
    let link = ask(&tab, "create", vec![server.url().trim_end_matches('/').into(), "Ann".into()]).await?;
    let kim = Endpoint::builder().name("Kim").stays().bind().await?;
    let _room = kim.join(link.as_str().context("a link is text")?).await?;
    let kept = ask(&tab, "paintKept", vec![json!([{ "x": 3, "y": 4, "color": "#c81e1e" }])]).await?;
    ensure!(kept == json!(kim.id().to_string()), "{kept}");
    Ok(())
}

#[tokio::test]
async fn two_texts_link_two_pages() -> Result<()> {
    let app = app()?;
    let page = format!("{}/plain.html", serve(app.path().to_owned())?);
    let (one, other) = tokio::try_join!(Browser::start(), Browser::start())?;
    let (ann, bo) = (one.tab(&page).await?, other.tab(&page).await?);
    let link = ask(&ann, "createAlone", vec![]).await?;
    ask(&ann, "vote", vec!["ferry".into()]).await?;
    let invitation = ask(&ann, "invite", vec![]).await?;
    let answer = ask(&bo, "answer", vec![link, invitation]).await?;
    ensure!(ask(&ann, "accept", vec![answer]).await? == "Bo");
    wait_says(&bo, "headline", vec![], json!({ "asks": "ferry" })).await
}

#[tokio::test]
async fn errors_are_classes_with_codes() -> Result<()> {
    let (app, server) = (app()?, Server::start().await?);
    let browser = Browser::start().await?;
    let tab = browser.tab(&format!("{}/plain.html", serve(app.path().to_owned())?)).await?;
    let error = ask(&tab, "joinNonsense", vec![]).await?;
    ensure!((&error["code"], &error["kinds"]) == (&json!("Link"), &json!(["JoinError", "MeshworkError"])));
    ask(&tab, "create", vec![server.url().trim_end_matches('/').into(), "Ann".into()]).await?;
    let error = ask(&tab, "answerNonsense", vec![]).await?;
    ensure!((&error["code"], &error["name"]) == (&json!("NotWhole"), &json!("InviteError")), "{error}");
    let error = ask(&tab, "writeTooMuch", vec![]).await?;
    ensure!(error["kinds"] == json!(["MeshworkError", "WriteError"]), "{error}");
    let told = (&error["code"], &error["size"], &error["max"]);
    ensure!(told == (&json!("TooLarge"), &json!(105), &json!(meshwork::KEY_MAX)), "{error}");
    let error = ask(&tab, "writeNothing", vec![]).await?;
    ensure!(error["message"] == "undefined cannot be written as JSON", "{error}");
    ensure!(ask(&tab, "identity", vec![]).await? == json!([true, true]));
    ensure!(ask(&tab, "importNonsense", vec![]).await?["code"] == "Text");
    let kim = Endpoint::builder().name("Kim").server(server.url()).bind().await?;
    let room = kim.create(meshwork::room("votes")).await?;
    room.rules().set_writers(Vec::new()).await?;
    ask(&tab, "join", vec![room.link().to_string().into(), "Bo".into()]).await?;
    tab.wait_until(PATIENCE, "the list of writers", async || {
        let error = ask(&tab, "writeAnyway", vec![]).await?;
        ensure!(error["code"] == "NotWriter", "{error}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn readmes_page_joins_and_paints() -> Result<()> {
    let (app, server) = (app()?, Server::start().await?);
    let readme = include_str!("../../../README.md");
    let code = readme.split("```js\n").nth(1).and_then(|rest| rest.split("```").next());
    let code = code.context("README has a program for pages")?;
    let endpoint = Endpoint::builder().server(server.url()).bind().await?;
    let room = endpoint.create(meshwork::place::canvas(100, 100)).await?;
    let (link, drawn) = (room.link(), "const draw = (cells) => { globalThis.drawn = cells }");
    let script = format!("const link = {:?}\n{drawn}\n{code}", link.to_string());
    fs::write(app.path().join("main.js"), script)?;
    let browser = Browser::start().await?;
    let tab = browser.tab(&format!("{}/plain.html", serve(app.path().to_owned())?)).await?;
    let (canvas, likes) = (room.canvas(), room.counter("likes"));
    let is_there = async || {
        ensure!(likes.value().await? == 1 && canvas.get(10, 10).await? == Some([200, 30, 30]));
        let drawn = tab.eval("return globalThis.drawn?.[0]", vec![]).await?;
        ensure!(drawn == json!({ "x": 10, "y": 10, "color": "#c81e1e" }), "it drew {drawn}");
        Ok(())
    };
    wait_until(PATIENCE, "the page's stroke and step", is_there).await
}

#[test]
fn node_is_told_what_is_missing() -> Result<()> {
    let app = app()?;
    let script = "import { join } from 'meshwork'; await join('x')";
    let said = run(app.path(), "node", &["--input-type=module", "--eval", script])?;
    let words = String::from_utf8_lossy(&said.stderr);
    ensure!(!said.status.success() && words.contains("UnsupportedError: meshwork runs in a browser's page"));
    ensure!(words.contains("has no window, RTCPeerConnection"), "{words}");
    Ok(())
}

/// Physics needs no page. The demo world ends as it does natively: `physics::snapshots` has the same digest.
#[test]
fn physics_in_wasm_is_that_of_programs() -> Result<()> {
    let app = app()?;
    fs::write(app.path().join("physics.js"), include_str!("sdk/physics.js"))?;
    let output = run(app.path(), "node", &["physics.js"])?;
    succeed(&output)?;
    let digest = "a3a7da39e18eb219fc2b343e03a88e54ce54bad42b8ef7e5eb5d1fea8fd19577";
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(said.trim_end() == digest, "it ends as {said}");
    Ok(())
}
