//! What a browser keeps: rooms, which tab writes them, what is said when it cannot, and the key.

use crate::common::hands::{fill_storage, wait_there};
use crate::common::{
    SIZE, open_page, press_make, press_shown, wait_gone, wait_linked, wait_page_says, wait_says, wait_shows,
};
use anyhow::{Context, Result, ensure};
use meshwork::Identity;
use meshwork_e2e::{Browser, BrowserOptions, PATIENCE, Server, Tab};
use serde_json::json;

const RED: [u8; 4] = [0xe6, 0x19, 0x4b, 0xff];
const BLACK: [u8; 4] = [0, 0, 0, 0xff];
const HERE: &str = "Saved in this browser";

/// Counts what the database has: rooms and batches.
const COUNT: &str = r#"
    const open = indexedDB.open('meshwork-rooms');
    return new Promise((tell, fail) => {
        open.onerror = () => fail(open.error);
        open.onsuccess = () => {
            const database = open.result;
            const transaction = database.transaction(['rooms', 'batches']);
            const rooms = transaction.objectStore('rooms').count();
            const batches = transaction.objectStore('batches').count();
            transaction.oncomplete = () => { database.close(); tell([rooms.result, batches.result]); };
        };
    });
"#;

async fn wait_batches(tab: &Tab, least: u64) -> Result<()> {
    tab.wait_until(PATIENCE, "batches in the database", async || {
        let counts = tab.eval(COUNT, vec![]).await?;
        ensure!(counts[1].as_u64().unwrap_or(0) >= least, "rooms and batches: {counts}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_reload_with_nobody_there_shows_the_canvas() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let (tab, link) = open_page(&browser, server.url(), "private").await?;
    wait_says(&tab, "kept", HERE).await?;
    tab.click("palette-e6194b").await?;
    tab.click_cell(SIZE, (3, 4)).await?;
    // At once: what was painted just before the page went is there too.
    tab.reload().await?;
    wait_shows(&tab, (3, 4), RED).await?;
    tab.click("palette-000000").await?;
    tab.click_cell(SIZE, (3, 4)).await?;
    wait_shows(&tab, (3, 4), BLACK).await?;
    tab.goto("about:blank").await?;
    tab.goto(&link).await?;
    wait_shows(&tab, (3, 4), BLACK).await?;
    wait_says(&tab, "kept", HERE).await?;
    // The red stroke was beaten, and waits for a week beside the black one.
    tab.wait_until(PATIENCE, "two batches", async || {
        let counts = tab.eval(COUNT, vec![]).await?;
        ensure!(counts == json!([1, 2]), "{counts}");
        Ok(())
    })
    .await
}

/// Each tab saves what it has: one that is closed takes nothing with it.
async fn each_tab_keeps(browser: &Browser, url: &str) -> Result<()> {
    let (first, link) = open_page(browser, url, "open").await?;
    wait_says(&first, "kept", HERE).await?;
    let second = browser.tab(&link).await?;
    wait_says(&second, "kept", HERE).await?;
    wait_linked(&second, 1).await?;
    second.click("palette-e6194b").await?;
    second.click_cell(SIZE, (5, 5)).await?;
    wait_shows(&first, (5, 5), RED).await?;
    wait_batches(&first, 1).await?;
    first.close().await?;
    wait_says(&second, "kept", HERE).await?;
    second.click_cell(SIZE, (6, 5)).await?;
    wait_batches(&second, 2).await?;
    second.reload().await?;
    wait_shows(&second, (5, 5), RED).await?;
    wait_shows(&second, (6, 5), RED).await
}

#[tokio::test]
async fn each_tab_keeps_the_room() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    each_tab_keeps(&browser, server.url()).await
}

/// Over plain http from another machine there are no locks: a lease takes their place.
#[tokio::test]
async fn insecure_pages_keep_the_room_by_lease() -> Result<()> {
    let server = Server::start().await?;
    let options = BrowserOptions::default().argument("--host-resolver-rules=MAP place.test 127.0.0.1");
    let browser = Browser::start_with(options).await?;
    let url = server.url().replace("127.0.0.1", "place.test");
    let tab = browser.tab(&url).await?;
    let facts = tab.eval("return [isSecureContext, 'locks' in navigator]", vec![]).await?;
    ensure!(facts == json!([false, false]), "this test is about pages without locks: {facts}");
    each_tab_keeps(&browser, &url).await
}

#[tokio::test]
async fn refused_storage_is_said_and_the_room_works() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let tab = browser.tab("about:blank").await?;
    let refuse = "Object.defineProperty(window, 'indexedDB', { get() {\
                      throw new DOMException('storage is switched off here', 'SecurityError'); } });";
    tab.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": refuse })).await?;
    tab.goto(server.url()).await?;
    press_make(&tab, "open").await?;
    wait_page_says(&tab, "This browser does not let us keep the canvas.").await?;
    wait_page_says(&tab, "Storage is switched off here.").await?;
    tab.click("palette-e6194b").await?;
    tab.click_cell(SIZE, (8, 8)).await?;
    wait_shows(&tab, (8, 8), RED).await?;
    press_shown(&tab, "put-away").await?;
    tab.wait_until(PATIENCE, "the notice is put away", async || {
        let said = tab.eval("return document.body.innerText", vec![]).await?.to_string();
        ensure!(!said.contains("does not let us keep"), "{said}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn full_storage_is_said_and_taken_up_again() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let (tab, _) = open_page(&browser, server.url(), "open").await?;
    wait_says(&tab, "kept", HERE).await?;
    fill_storage(&tab).await?;
    tab.click("palette-e6194b").await?;
    tab.click_cell(SIZE, (8, 8)).await?;
    wait_page_says(&tab, "This browser has no room left for the canvas.").await?;
    wait_shows(&tab, (8, 8), RED).await?;
    tab.eval("window.isFull = false", vec![]).await?;
    wait_says(&tab, "kept", HERE).await?;
    wait_batches(&tab, 1).await?;
    tab.reload().await?;
    wait_shows(&tab, (8, 8), RED).await
}

#[tokio::test]
async fn longest_unused_room_is_forgotten_for_another() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let (tab, link) = open_page(&browser, server.url(), "open").await?;
    tab.click("palette-e6194b").await?;
    tab.click_cell(SIZE, (3, 4)).await?;
    wait_batches(&tab, 1).await?;
    // What is stored while the page is there is not changed below.
    tab.goto(server.url()).await?;
    let fill = r#"
        const open = indexedDB.open('meshwork-rooms');
        return new Promise(tell => {
            open.onsuccess = () => {
                const transaction = open.result.transaction('rooms', 'readwrite');
                const rooms = transaction.objectStore('rooms');
                // The room that was made is the longest unused one, and nobody else has it.
                rooms.openCursor().onsuccess = ({ target }) => target.result.update({ ...target.result.value, used: 1 });
                // The first is of Meshwork 0.1, which is neither counted nor forgotten; others have all the rest.
                for (let number = 0; number < 33; number++) {
                    const room = { genesis: new Uint8Array([number ? 2 : 1]), used: 1000 + number, elsewhere: true };
                    rooms.put(room, new Uint8Array(32).fill(number));
                }
                transaction.oncomplete = () => { open.result.close(); tell(true); };
            };
        });
    "#;
    tab.eval(fill, vec![]).await?;
    ensure!(tab.eval(COUNT, vec![]).await?[0] == 34);
    press_make(&tab, "open").await?;
    wait_page_says(&tab, "1 room that you had not opened for long is no longer kept here.").await?;
    tab.wait_until(PATIENCE, "as many rooms as are kept", async || {
        let counts = tab.eval(COUNT, vec![]).await?;
        ensure!(counts[0] == 34, "{counts}");
        Ok(())
    })
    .await?;
    tab.goto(&link).await?;
    wait_shows(&tab, (3, 4), RED).await
}

async fn own_peer(tab: &Tab) -> Result<String> {
    tab.click("your-key").await?;
    tab.wait_until(PATIENCE, "one's own short name", async || {
        let peer = tab.text("own-peer").await?;
        ensure!(!peer.is_empty(), "nothing yet");
        Ok(peer)
    })
    .await
}

#[tokio::test]
async fn saved_key_works_elsewhere_and_clearing_is_noticed() -> Result<()> {
    let server = Server::start().await?;
    let (browser, elsewhere) = tokio::try_join!(Browser::start(), Browser::start())?;
    let (tab, link) = open_page(&browser, server.url(), "open").await?;
    let peer = own_peer(&tab).await?;
    // It leaves the browser sealed, and in no other way.
    tab.type_text("new-passphrase", "correct horse").await?;
    tab.click("save-key").await?;
    wait_there(&tab, "own-key").await?;
    let key = tab.value("own-key").await?;
    ensure!(Identity::is_sealed(&key), "{key}");
    let opened = Identity::unseal(&key, "correct horse")?;
    ensure!(opened.peer().to_string().starts_with(&peer), "a program opens it too");
    let shown = tab.eval("return document.documentElement.outerHTML", vec![]).await?;
    ensure!(!shown.to_string().contains(&opened.export()), "the key stands in the page");

    let other = elsewhere.tab(&link).await?;
    wait_linked(&other, 1).await?;
    ensure!(own_peer(&other).await? != peer, "another profile is another author");
    other.type_text("other-key", "meshwork-key-1:nonsense").await?;
    other.click("use-key").await?;
    wait_page_says(&other, "This is not a saved key:").await?;
    other.type_text("other-key", &key).await?;
    other.type_text("passphrase", "wrong horse").await?;
    other.click("use-key").await?;
    wait_page_says(&other, "This is not the passphrase").await?;
    other.type_text("passphrase", "correct horse").await?;
    other.click("use-key").await?;
    // The page loads again as the same author, whom the first page knows as itself.
    wait_linked(&other, 1).await?;
    ensure!(own_peer(&other).await? == peer);
    wait_says(&tab, "peer-list", "You, another tab").await?;

    tab.eval("localStorage.clear()", vec![]).await?;
    tab.reload().await?;
    wait_page_says(&tab, "You are somebody new here.").await?;
    let said = tab.eval("return document.body.innerText", vec![]).await?;
    ensure!(said.as_str().context("text")?.contains(&peer), "the old key is named: {said}");
    Ok(())
}

#[tokio::test]
async fn deleting_all_leaves_nothing_on_the_device() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let (tab, link) = open_page(&browser, server.url(), "private").await?;
    wait_says(&tab, "kept", HERE).await?;
    tab.click_cell(SIZE, (8, 8)).await?;
    wait_batches(&tab, 1).await?;
    tab.type_text("display-name", "Mira").await?;
    // Pictures of documents lie there.
    let put = "return navigator.storage.getDirectory()
        .then(folder => folder.getDirectoryHandle('meshwork-rooms-blobs', { create: true })).then(() => true)";
    ensure!(tab.eval(put, vec![]).await? == true);
    let other = browser.tab(server.url()).await?;
    wait_there(&other, "kept-rooms").await?;
    let peer = own_peer(&tab).await?;
    tab.click("erase-all").await?;
    tab.click("erase-all-confirm").await?;
    wait_there(&tab, "make-room").await?;
    ensure!(!tab.has("kept-rooms").await?, "rooms are listed");
    // The other tab notices, and neither writes back what it knew.
    wait_gone(&other, "kept-rooms").await?;
    for tab in [&tab, &other] {
        let name = "return document.querySelector('[data-testid=display-name]').value";
        ensure!(tab.eval(name, vec![]).await? == "", "the name is there");
    }
    let left = "const folder = await navigator.storage.getDirectory();
        const names = [];
        for await (const name of folder.keys()) names.push(name);
        return [names.length, (await indexedDB.databases()).length, JSON.stringify(localStorage)]";
    let left = tab.eval(&format!("return (async () => {{ {left} }})()"), vec![]).await?;
    ensure!(left[0] == 0, "blobs are left: {left}");
    ensure!(!left[2].to_string().contains("Mira"), "{left}");
    ensure!(own_peer(&tab).await? != peer, "the key is the same");
    tab.goto(&link).await?;
    wait_page_says(&tab, "Nobody").await
}
