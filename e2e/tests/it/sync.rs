//! Sync in pages that use the npm package: counters while servers stop, a shared list, versions of documents.

use anyhow::{Context, Result, ensure};
use meshwork::sync::DOCUMENT_SLICE_ITEMS;
use meshwork::sync::shapes::PICTURE_MAX;
use meshwork::{Endpoint, PieceKind, Room};
use meshwork_e2e::{Browser, PATIENCE, Server, ServerOptions, Tab};
use serde_json::{Value, json};

use crate::common::site::serve;
use crate::sdk::{app, app_of, ask, build_and_serve, editor_of, gather, wait_room, wait_says};
use crate::types::check_types;

/// Waits until the counter `likes` stands so, for pages and a program.
async fn all_count(tabs: [&Tab; 2], room: &Room, wanted: i64) -> Result<()> {
    for tab in tabs {
        wait_says(tab, "likes", vec![], json!([wanted, [["likes", wanted]]])).await?;
    }
    let counter = room.counter("likes");
    let mut changes = counter.watch();
    while counter.value().await? != wanted {
        changes.next().await.context("the room goes on")?;
    }
    Ok(())
}

#[tokio::test]
async fn counters_are_exact_while_servers_stop() -> Result<()> {
    let (app, data) = (app()?, tempfile::tempdir()?);
    let options = ServerOptions { data: Some(data.path().to_owned()), ..ServerOptions::default() };
    let mut server = Server::start_with(options).await?;
    let page = format!("{}/plain.html", serve(app.path().to_owned())?);
    let (one, other) = tokio::try_join!(Browser::start(), Browser::start())?;
    let (ann, bo) = (one.tab(&page).await?, other.tab(&page).await?);
    let (_kim, room, link) = gather(&server, &ann, &bo).await?;
    ask(&ann, "count", vec![8.into()]).await?;
    all_count([&ann, &bo], &room, 8).await?;
    server.kill();
    for tab in [&ann, &bo] {
        ask(tab, "count", vec![2.into()]).await?;
    }
    room.counter("likes").add(-1).await?;
    all_count([&ann, &bo], &room, 11).await?;
    // A page that is loaded again finds nobody without the server. All go on.
    bo.reload().await?;
    ask(&bo, "open", vec![link, "app".into()]).await?;
    ask(&bo, "count", vec![1.into()]).await?;
    ask(&ann, "count", vec![1.into()]).await?;
    room.counter("likes").add(5).await?;
    wait_says(&ann, "likes", vec![], json!([17, [["likes", 17]]])).await?;
    wait_says(&ann, "members", vec![], json!([["Kim", "direct"]])).await?;
    server.restart().await?;
    // And while its links open, too.
    for _ in 0..2 {
        ask(&bo, "count", vec![1.into()]).await?;
    }
    all_count([&ann, &bo], &room, 20).await
}

/// Waits until a script finds this in a page.
async fn wait_finds(tab: &Tab, script: &str, wanted: Value) -> Result<()> {
    tab.wait_until(PATIENCE, script, async || {
        let found = tab.eval(script, vec![]).await?;
        ensure!(found == wanted, "it finds {found} instead of {wanted}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_example_of_a_list_outlives_its_server() -> Result<()> {
    let (app, mut server) = (app_of("../examples/js/todo")?, Server::start().await?);
    let page = format!("{}/?server={}", serve(app.path().to_owned())?, server.url().trim_end_matches('/'));
    let (one, other) = tokio::try_join!(Browser::start(), Browser::start())?;
    let ann = one.tab(&page).await?;
    let bo = other.tab(&wait_room(&ann).await?).await?;
    let others = "return document.querySelector('#says').innerText";
    wait_finds(&bo, others, json!("1 others are here")).await?;
    let list = "return [...document.querySelectorAll('li')].map(({ childNodes: [tick, text] }) => \
                [text.data.trim(), tick.checked])";
    ann.eval("document.querySelector('form input').focus()", vec![]).await?;
    ann.press_keys("Bread\n").await?;
    wait_finds(&bo, list, json!([["Bread", false]])).await?;
    server.kill();
    bo.eval("document.querySelector('li input').click()", vec![]).await?;
    wait_finds(&ann, list, json!([["Bread", true]])).await?;
    // Loaded again, with nobody to be found, the page shows and changes what this browser keeps.
    ann.reload().await?;
    wait_finds(&ann, list, json!([["Bread", true]])).await?;
    wait_finds(&ann, others, json!("0 others are here")).await?;
    ann.eval("document.querySelector('li button').click()", vec![]).await?;
    wait_finds(&ann, list, json!([])).await
}

/// Two pages and a native program save versions of one document, compare and restore them.
#[tokio::test]
async fn pages_save_compare_and_restore_versions() -> Result<()> {
    let (app, server) = (editor_of("sdk/yjs")?, Server::start().await?);
    let kim = Endpoint::builder().name("Kim").server(server.url()).bind().await?;
    let room = kim.create(meshwork::sync::room().private()).await?;
    let (notes, link) = (room.document("notes"), json!(room.link().to_string()));
    let page = build_and_serve(app.path())?;
    let (one, other) = tokio::try_join!(Browser::start(), Browser::start())?;
    let (ann, bo) = (one.tab(&page).await?, other.tab(&page).await?);
    ask(&ann, "join", vec![link.clone(), "Ann".into()]).await?;
    ask(&bo, "join", vec![link, "Bo".into()]).await?;
    ask(&bo, "keepBlobs", vec![]).await?;
    ask(&ann, "type", vec!["The ferry 🦉 leaves.".into()]).await?;
    for name in ["bread", "milk"] {
        ask(&ann, "addCard", vec![name.into()]).await?;
    }
    // All that was typed is in it, and Bo's page holds it.
    ensure!(ask(&ann, "saveVersion", vec!["first".into()]).await? == json!(["first", true, true]));
    wait_says(&ann, "versions", vec![], json!([["first", 1]])).await?;
    ask(&ann, "tickCard", vec![0.into()]).await?;
    ask(&ann, "removeCard", vec![1.into()]).await?;
    let mut changes = notes.watch();
    while notes.text().await? != "The ferry 🦉 leaves." {
        changes.next().await.context("the room goes on")?;
    }
    notes.edit(|text| text.set("The 🦉 leaves. Now!")).await?;
    wait_says(&bo, "text", vec![], json!("The 🦉 leaves. Now!")).await?;
    wait_says(&bo, "cards", vec![], json!([{ "name": "bread", "done": true }])).await?;
    check_changes(&bo, &room).await?;
    ask(&ann, "restore", vec!["first".into()]).await?;
    let cards = json!([{ "name": "bread", "done": false }, { "name": "milk", "done": false }]);
    for tab in [&ann, &bo] {
        wait_says(tab, "text", vec![], json!("The ferry 🦉 leaves.")).await?;
        wait_says(tab, "cards", vec![], cards.clone()).await?;
    }
    while notes.text().await? != "The ferry 🦉 leaves." {
        changes.next().await.context("the room goes on")?;
    }
    let image = ask(&ann, "putImage", vec![3.into()]).await?;
    wait_says(&bo, "images", vec![], json!([[3, 7]])).await?;
    let images: Vec<String> = notes.images().await?.iter().map(ToString::to_string).collect();
    ensure!(json!(images) == json!([image]), "{images:?}");
    let refused = ask(&ann, "putImage", vec![json!(PICTURE_MAX + 1)]).await?;
    ensure!(refused == json!(["ImageError", "TooLarge"]), "{refused}");
    govern(&ann, &bo, &room).await?;
    ensure!(ask(&ann, "errors", vec![]).await? == json!([]));
    check_types(app.path())
}

#[tokio::test]
async fn long_documents_open_while_one_types() -> Result<()> {
    const ITEMS: usize = 5_000;
    let (app, server) = (editor_of("sdk/yjs")?, Server::start().await?);
    let kim = Endpoint::builder().server(server.url()).bind().await?;
    let room = kim.create(meshwork::sync::room().private()).await?;
    let long = room.document("long");
    // Letter by letter at the beginning, so that no two of them are one item.
    long.edit(|text| (0..ITEMS).for_each(|_| text.insert(0, "a"))).await?;
    let (page, browser) = (build_and_serve(app.path())?, Browser::start().await?);
    let ann = browser.tab(&page).await?;
    ask(&ann, "join", vec![json!(room.link().to_string()), "Ann".into()]).await?;
    // The first has 2,000 items, each later one 250.
    wait_says(&ann, "slices", vec!["long".into()], json!(13)).await?;
    let opened = ask(&ann, "openTyping", vec!["long".into(), " typed".into()]).await?;
    let (first, text) = (opened[0].as_u64(), opened[1].as_str().context("a text")?);
    ensure!(first == Some(DOCUMENT_SLICE_ITEMS as u64), "{first:?} letters were there at once");
    ensure!(text == format!("{} typed", "a".repeat(ITEMS)), "it reads {text}");
    let mut changes = long.watch();
    while long.text().await? != text {
        changes.next().await.context("the room goes on")?;
    }
    // So it is with what came earlier than what it needs, and then all at once.
    let steps = ask(&ann, "openWaiting", vec![20_000.into()]).await?;
    ensure!(steps == json!([10_000, 20_000]), "{steps}");
    // What cannot be read is told, and ends nothing.
    let read = ask(&ann, "openBroken", vec![]).await?;
    ensure!(read == json!([[true, true], "heard"]), "{read}");
    Ok(())
}

/// What a page and a program say of what was changed is the same.
async fn check_changes(tab: &Tab, room: &Room) -> Result<()> {
    let version = room.document("notes").versions().await?.into_iter().next().context("it was saved")?;
    ensure!(version.text().await? == "The ferry 🦉 leaves.");
    let pieces = version.compare_to_now().await?;
    let told: Vec<Value> = pieces
        .iter()
        .map(|piece| {
            let kind = match piece.kind {
                PieceKind::Same => "same",
                PieceKind::Removed => "removed",
                PieceKind::Added => "added",
            };
            json!([kind, piece.text, piece.author.map(|author| author.to_string())])
        })
        .collect();
    let [ann, kim] = [version.author(), room.me().peer].map(|peer| peer.to_string());
    let wanted = json!([
        ["same", "The ", ann],
        ["removed", "ferry ", ann],
        ["same", "🦉 leaves.", ann],
        ["added", " Now!", kim],
    ]);
    ensure!(json!(told) == wanted, "{told:?}");
    wait_says(tab, "changes", vec!["first".into()], wanted).await
}

/// Versions and titles belong to people; a document is deleted by anybody.
async fn govern(ann: &Tab, bo: &Tab, room: &Room) -> Result<()> {
    let notes = room.document("notes");
    notes.save_version("second").await?;
    wait_says(ann, "versions", vec![], json!([["second", 1], ["first", 1]])).await?;
    let refused = ask(ann, "deleteVersion", vec!["second".into()]).await?;
    ensure!(refused == json!(["VersionError", "NotMine"]), "{refused}");
    ensure!(ask(ann, "deleteVersion", vec!["first".into()]).await?.is_null());
    // Bo, who holds it, asks for others.
    wait_says(bo, "versions", vec![], json!([["second", 0]])).await?;
    ask(ann, "rename", vec!["Minutes".into()]).await?;
    wait_says(bo, "titles", vec![], json!([["notes", "Minutes"]])).await?;
    ensure!(notes.title().await?.as_deref() == Some("Minutes"));
    ask(bo, "erase", vec![]).await?;
    wait_says(ann, "text", vec![], json!("")).await?;
    wait_says(ann, "titles", vec![], json!([])).await?;
    // A moderator erases what somebody wrote, and nobody else does; editors are told to begin anew.
    let mut changes = notes.watch();
    notes.edit(|text| text.set("Shout")).await?;
    wait_says(ann, "text", vec![], json!("Shout")).await?;
    let kim = vec![json!(room.me().peer.to_string())];
    ensure!(ask(ann, "eraseBy", kim.clone()).await? == "RuleError", "Ann moderates nothing yet");
    let members = room.members().await?;
    let moderator = members.iter().find(|member| member.name() == "Ann").context("Ann is here")?;
    room.rules().set_moderators(vec![moderator.peer()]).await?;
    wait_says(ann, "eraseBy", kim, json!(true)).await?;
    while !notes.text().await?.is_empty() {
        changes.next().await.context("the room goes on")?;
    }
    wait_says(bo, "begunAnew", vec![], json!(true)).await
}
