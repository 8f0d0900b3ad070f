//! Rooms that a page of somebody's own keeps, by the npm package.

use anyhow::{Result, ensure};
use meshwork_e2e::{Browser, PATIENCE, Server};
use serde_json::json;

use super::{app, ask, wait_says};
use crate::common::site::serve;

#[tokio::test]
async fn kept_rooms_are_listed_opened_forgotten() -> Result<()> {
    let (app, mut server) = (app()?, Server::start().await?);
    let browser = Browser::start().await?;
    let page = format!("{}/plain.html", serve(app.path().to_owned())?);
    let tab = browser.tab(&page).await?;
    let link = ask(&tab, "createKept", vec![server.url().trim_end_matches('/').into()]).await?;
    let me = ask(&tab, "me", vec![]).await?;
    ask(&tab, "vote", vec!["ferry".into()]).await?;
    wait_says(&tab, "rooms", vec![], json!([[link, "votes", "Kitchen"]])).await?;
    server.kill();
    tab.reload().await?;
    let error = ask(&tab, "openUnkept", vec![link.clone()]).await?;
    ensure!(error["code"] == "NotStored", "a page keeps nothing that is not asked to: {error}");
    ask(&tab, "open", vec![link.clone()]).await?;
    ensure!(ask(&tab, "headline", vec![]).await? == json!({ "asks": "ferry" }));
    ensure!(ask(&tab, "me", vec![]).await? == me, "the page is the same peer again");
    let other = browser.tab(&page).await?;
    ask(&other, "open", vec![link.clone()]).await?;
    let error = ask(&other, "forget", vec![]).await?;
    ensure!((&error["code"], &error["name"]) == (&json!("InUse"), &json!("StoreError")), "{error}");
    ensure!(ask(&tab, "forget", vec![]).await?.is_null());
    ensure!(ask(&tab, "rooms", vec![]).await? == json!([]));
    ensure!(ask(&tab, "openUnkept", vec![link]).await?["code"] == "NotStored");
    Ok(())
}

#[tokio::test]
async fn rooms_forgotten_for_others_leave_no_blobs() -> Result<()> {
    let (app, server) = (app()?, Server::start().await?);
    let browser = Browser::start().await?;
    let tab = browser.tab(&format!("{}/plain.html", serve(app.path().to_owned())?)).await?;
    let url = server.url().trim_end_matches('/');
    let link = ask(&tab, "createKept", vec![url.into()]).await?;
    ask(&tab, "offer", vec![70_000.into()]).await?;
    let folders = "return navigator.storage.getDirectory()
        .then((files) => files.getDirectoryHandle('meshwork-kitchen-blobs'))
        .then((rooms) => Array.fromAsync(rooms.keys())).then((names) => names.length)";
    ensure!(tab.eval(folders, vec![]).await? == 1, "the blob lies in a file");
    wait_says(&tab, "rooms", vec![], json!([[link, "votes", "Kitchen"]])).await?;
    ask(&tab, "leave", vec![]).await?;
    let fill = "const open = indexedDB.open('meshwork-kitchen');
        return new Promise((tell) => {
            open.onsuccess = () => {
                const writing = open.result.transaction(['rooms', 'leases'], 'readwrite');
                const rooms = writing.objectStore('rooms');
                // As if others had the room that was made, and all of its blobs.
                writing.objectStore('leases').clear();
                rooms.openCursor().onsuccess = ({ target }) => target.result.update({ ...target.result.value, elsewhere: true });
                for (let number = 1; number < 33; number++) {
                    const room = { genesis: new Uint8Array([2]), used: Date.now() + 60_000, elsewhere: true };
                    rooms.put(room, new Uint8Array(32).fill(number));
                }
                writing.oncomplete = () => { open.result.close(); tell(true); };
            };
        });";
    tab.eval(fill, vec![]).await?;
    ask(&tab, "createKept", vec![url.into()]).await?;
    tab.wait_until(PATIENCE, "no folder", async || {
        let left = tab.eval(folders, vec![]).await?;
        ensure!(left == 0, "{left} rooms have blobs");
        Ok(())
    })
    .await
}
