//! The hooks of the npm package, in components of React.

use anyhow::{Context, Result, ensure};
use meshwork::Endpoint;
use meshwork_e2e::{Browser, Server};
use serde_json::{Value, json};

use crate::sdk::{app_with, ask, build_and_serve, wait_shows};

/// What React's users install.
const REACT: [&str; 3] = ["react", "react-dom", "scheduler"];

#[tokio::test]
async fn the_example_with_hooks_follows_a_room() -> Result<()> {
    let (app, server) = (app_with("../examples/js/react", &REACT)?, Server::start().await?);
    let kim = Endpoint::builder().name("Kim").server(server.url()).bind().await?;
    let room = kim.create(meshwork::room("to-do").private()).await?;
    let (things, mut changes) = (room.table("things"), room.table("things").watch(""));
    things.set("bread", &json!({ "text": "Bread", "done": false })).await?;
    room.presence().set(&"typing").await?;
    let browser = Browser::start().await?;
    let tab = browser.tab(&format!("{}/#{}", build_and_serve(app.path())?, room.link())).await?;
    wait_shows(&tab, "#members", "Kim").await?;
    wait_shows(&tab, "#typing", "Kim").await?;
    room.presence().clear().await?;
    wait_shows(&tab, "#typing", "").await?;
    wait_shows(&tab, "ul", "Bread").await?;
    tab.eval("document.querySelector('li').click()", vec![]).await?;
    let is_done = async || anyhow::Ok(things.get("bread").await?.context("it is there")?.read::<Value>()?);
    while is_done().await? != json!({ "text": "Bread", "done": true }) {
        changes.next().await.context("the room goes on")?;
    }
    wait_shows(&tab, "li s", "Bread").await?;
    tab.eval("document.querySelector('input').focus()", vec![]).await?;
    tab.press_keys("Milk\n").await?;
    while things.entries("").await?.len() < 2 {
        changes.next().await.context("the room goes on")?;
    }
    // What the page draws goes when it takes that back, though somebody else wrote in it.
    let (board, mut shapes) = (room.whiteboard(), room.whiteboard().watch());
    tab.press_keys("Ferry").await?;
    tab.eval("document.getElementById('note').click()", vec![]).await?;
    wait_shows(&tab, "#notes", "Ferry").await?;
    let (id, mut note) = loop {
        if let (id, Some(note)) = shapes.next().await.context("the room goes on")?
            && note.text == "Ferry"
        {
            break (id, note);
        }
    };
    note.text = "Train".to_owned();
    board.change(id, note).await?;
    wait_shows(&tab, "#notes", "Train").await?;
    tab.eval("document.getElementById('undo').click()", vec![]).await?;
    wait_shows(&tab, "#notes", "").await?;
    let mut events = room.events();
    tab.eval("document.getElementById('leave').click()", vec![]).await?;
    while !room.members().await?.is_empty() {
        events.next().await.context("the room goes on")?;
    }
    wait_shows(&tab, "#root", "Open this page with the link of a room behind #.").await
}

/// What changes at once is read once: a page that puts many rows in would read all of them at each.
#[tokio::test]
async fn hooks_read_once_for_many_changes() -> Result<()> {
    const ROWS: usize = 1_000;
    let (app, server) = (app_with("sdk/react", &REACT)?, Server::start().await?);
    let kim = Endpoint::builder().name("Kim").server(server.url()).bind().await?;
    let room = kim.create(meshwork::room("to-do").private()).await?;
    let browser = Browser::start().await?;
    let tab = browser.tab(&build_and_serve(app.path())?).await?;
    ask(&tab, "show", vec![json!(room.link().to_string())]).await?;
    wait_shows(&tab, "p", "0").await?;
    ask(&tab, "fill", vec![json!(ROWS)]).await?;
    wait_shows(&tab, "p", &ROWS.to_string()).await?;
    let reads = ask(&tab, "reads", vec![]).await?.as_u64().context("reads are counted")?;
    ensure!(reads < ROWS as u64 / 4, "{ROWS} rows were read {reads} times");
    Ok(())
}
