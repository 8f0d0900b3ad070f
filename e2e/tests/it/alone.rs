//! An app's own address: its thing at once, for oneself, until it is shared.

use anyhow::{Result, ensure};
use meshwork_e2e::{Browser, PATIENCE, Server, Tab};
use serde_json::{Value, json};

use crate::common::hands::wait_there;
use crate::common::{SIZE, close, press_make, wait_linked, wait_page_says, wait_says, wait_shows};

const RED: [u8; 4] = [0xe6, 0x19, 0x4b, 0xff];

/// One cell to the right by keys.
const RIGHT: &str = "document.querySelector('[data-testid=doodle]').dispatchEvent(
    new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true }))";

/// Whether something is painted on the start page, which may have no canvas.
const IS_LEFT: &str = "return document.querySelector('[data-testid=doodle-hint]')?.hidden ?? false";

async fn paint(tab: &Tab, at: (usize, usize)) -> Result<()> {
    wait_there(tab, "palette-e6194b").await?;
    tab.click("palette-e6194b").await?;
    tab.click_cell(SIZE, at).await?;
    wait_shows(tab, at, RED).await
}

/// The link on the share sheet, once there is one with this in it.
async fn sheet_link(tab: &Tab, part: &str) -> Result<String> {
    tab.wait_until(PATIENCE, "a link", async || {
        let link = tab.value("share-link-sheet").await?;
        ensure!(link.contains(part) && link.contains('#'), "{link}");
        Ok(link)
    })
    .await
}

async fn painted(tab: &Tab) -> Result<usize> {
    Ok(tab.cells(SIZE).await?.into_iter().filter(|cell| *cell == RED).count())
}

#[tokio::test]
async fn a_canvas_is_painted_before_anybody_is_invited() -> Result<()> {
    let server = Server::start().await?;
    let browsers = tokio::try_join!(Browser::start(), Browser::start())?;
    let alone = format!("{}/place", server.url());
    let ann = browsers.0.tab(&alone).await?;
    paint(&ann, (3, 4)).await?;
    wait_says(&ann, "room-chip", "Only you").await?;
    ensure!(ann.url().await? == alone, "no room has an address yet");
    ensure!(server.metrics()?.contains("\nmeshwork_rooms 0\n"), "no server knows of it");
    wait_says(&ann, "kept", "Saved in this browser").await?;
    ann.reload().await?;
    wait_shows(&ann, (3, 4), RED).await?;
    // A second tab has a canvas of its own, since both would write one apart.
    let second = browsers.0.tab(&alone).await?;
    paint(&second, (9, 9)).await?;
    ensure!(painted(&second).await? == 1);
    ann.click("open-share").await?;
    let link = sheet_link(&ann, "/place/").await?;
    ensure!(ann.url().await? == link, "the address is the link");
    let bo = browsers.1.tab(&link).await?;
    wait_linked(&bo, 1).await?;
    wait_shows(&bo, (3, 4), RED).await?;
    // What was shared is a room now, and the app's address begins another one.
    second.reload().await?;
    wait_shows(&second, (9, 9), RED).await?;
    ensure!(painted(&second).await? == 1, "what the second tab had");
    Ok(())
}

#[tokio::test]
async fn what_is_counted_alone_is_shared_later() -> Result<()> {
    let mut server = Server::start().await?;
    let browsers = tokio::try_join!(Browser::start(), Browser::start())?;
    let ann = browsers.0.tab(server.url()).await?;
    wait_there(&ann, "app-sync").await?;
    ann.click("app-sync").await?;
    wait_there(&ann, "increment").await?;
    ensure!(ann.url().await? == format!("{}/sync", server.url()), "no room has an address yet");
    ann.click("increment").await?;
    wait_says(&ann, "counter", "1").await?;
    // Without the server there is no link, and that is said; it comes by itself.
    server.kill();
    ann.click("open-share").await?;
    wait_page_says(&ann, "The server is unreachable").await?;
    server.restart().await?;
    let link = sheet_link(&ann, "/sync/").await?;
    let bo = browsers.1.tab(&link).await?;
    wait_says(&bo, "counter", "1").await
}

#[tokio::test]
async fn start_pages_painting_comes_along() -> Result<()> {
    let server = Server::start().await?;
    let browsers = tokio::try_join!(Browser::start(), Browser::start())?;
    let ann = browsers.0.tab(server.url()).await?;
    wait_there(&ann, "doodle").await?;
    // A picture shows what the canvas is for; it is taken back as one stroke.
    let shown = "const paper = document.querySelector('[data-testid=doodle]');
        const { data } = paper.getContext('2d').getImageData(0, 0, paper.width, paper.height);
        return [document.querySelector('[data-testid=doodle-hint]').hidden,
            data.filter((value, place) => place % 4 === 3 && value > 0).length]";
    let [is_painted, cells]: [Value; 2] = serde_json::from_value(ann.eval(shown, vec![]).await?)?;
    ensure!(is_painted == true && cells.as_u64() > Some(800), "{cells} cells of the sample");
    ann.click("doodle-undo").await?;
    ensure!(ann.eval(shown, vec![]).await? == json!([false, 0]), "it is taken back");
    ann.eval("document.querySelector('[data-testid=doodle]').focus()", vec![]).await?;
    ann.press_keys(" ").await?;
    ensure!(ann.eval(shown, vec![]).await? == json!([true, 1]), "the one cell that was painted");
    ann.eval(RIGHT, vec![]).await?;
    ann.press_keys(" ").await?;
    ann.click("doodle-undo").await?;
    // The small canvas lies in the middle of the room's.
    press_make(&ann, "private").await?;
    wait_page_says(&ann, "Bring someone in").await?;
    let link = sheet_link(&ann, "/place/").await?;
    close(&ann).await?;
    let bo = browsers.1.tab(&link).await?;
    for (whose, tab) in [("Ann", &ann), ("Bo", &bo)] {
        wait_shows(tab, (50, 50), RED).await?;
        let cells = painted(tab).await?;
        ensure!(cells == 1, "what was taken back stays so, {whose} sees {cells} cells");
    }
    Ok(())
}

#[tokio::test]
async fn newcomers_sample_is_shared_once() -> Result<()> {
    let server = Server::start().await?;
    let browsers = tokio::try_join!(Browser::start(), Browser::start())?;
    let ann = browsers.0.tab(server.url()).await?;
    wait_there(&ann, "doodle").await?;
    ann.click("make-room").await?;
    wait_page_says(&ann, "Bring someone in").await?;
    let link = sheet_link(&ann, "/place/").await?;
    let bo = browsers.1.tab(&link).await?;
    // The roof of its house.
    for tab in [&ann, &bo] {
        wait_shows(tab, (25, 44), RED).await?;
    }
    ann.goto(server.url()).await?;
    wait_there(&ann, "begin-alone").await?;
    ensure!(ann.eval(IS_LEFT, vec![]).await? == false, "who was here before begins with nothing");
    Ok(())
}

#[tokio::test]
async fn beginning_alone_takes_the_painting_along() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let tab = browser.tab(server.url()).await?;
    wait_there(&tab, "doodle").await?;
    tab.eval("document.querySelector('[data-testid=doodle]').focus()", vec![]).await?;
    tab.press_keys(" ").await?;
    tab.click("begin-alone").await?;
    wait_shows(&tab, (50, 50), RED).await?;
    wait_says(&tab, "room-chip", "Only you").await?;
    ensure!(tab.url().await? == format!("{}/place", server.url()), "no room has an address yet");
    ensure!(server.metrics()?.contains("\nmeshwork_rooms 0\n"), "no server knows of it");
    tab.goto(server.url()).await?;
    wait_there(&tab, "begin-alone").await?;
    ensure!(tab.eval(IS_LEFT, vec![]).await? == false, "it is in the room, and no longer here");
    // What is there already is found again.
    tab.click("begin-alone").await?;
    wait_shows(&tab, (50, 50), RED).await
}

#[tokio::test]
async fn start_pages_paintings_wait_for_the_server() -> Result<()> {
    let mut server = Server::start().await?;
    let browser = Browser::start().await?;
    let tab = browser.tab(server.url()).await?;
    wait_there(&tab, "doodle").await?;
    tab.eval("document.querySelector('[data-testid=doodle]').focus()", vec![]).await?;
    tab.press_keys(" ").await?;
    tab.reload().await?;
    let is_painted = "return document.querySelector('[data-testid=doodle-hint]').hidden";
    wait_there(&tab, "doodle").await?;
    ensure!(tab.eval(is_painted, vec![]).await? == true, "a reload takes it away");
    server.kill();
    press_make(&tab, "private").await?;
    wait_says(&tab, "doodle-kept", "Your drawing is kept.").await?;
    server.restart().await?;
    wait_shows(&tab, (50, 50), RED).await?;
    // It is in the room, and no longer here.
    tab.goto(server.url()).await?;
    wait_there(&tab, "make-room").await?;
    ensure!(tab.eval(IS_LEFT, vec![]).await? == false, "it is there twice");
    Ok(())
}

/// A picture of 8 by 4 pixels as a file of the page's.
const PICTURE: &str = "const canvas = new OffscreenCanvas(8, 4);
    canvas.getContext('2d').fillRect(0, 0, 8, 4);
    const blob = await canvas.convertToBlob();
    const picture = new File([blob], 'picture.png', { type: 'image/png' });";

#[tokio::test]
async fn shared_pictures_lie_over_the_canvas() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let address = format!("{}/place", server.url());
    let tab = browser.tab(&address).await?;
    tab.eval("await navigator.serviceWorker.ready", vec![]).await?;
    // As the browser does for another program.
    let share = "const body = new FormData();
        body.set('picture', picture);
        return fetch('/place', { method: 'POST', body }).then(({ url }) => url);";
    let opened = tab.eval(&format!("{PICTURE} {share}"), vec![]).await?;
    ensure!(opened == json!(format!("{address}?shared")), "{opened}");
    tab.goto(&format!("{address}?shared")).await?;
    wait_says(&tab, "picture-size", "8").await?;
    ensure!(tab.url().await? == address, "the address is the app's own");
    // It is taken once.
    let left =
        "return caches.open('meshwork-shared').then((cache) => cache.keys()).then((keys) => keys.length)";
    ensure!(tab.eval(left, vec![]).await? == json!(0), "nothing is kept");
    Ok(())
}

#[tokio::test]
async fn files_opened_with_the_app_lie_over_it() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let tab = browser.tab("about:blank").await?;
    let queue = "Object.defineProperty(window, 'launchQueue',
        { value: { setConsumer: (take) => { window.launch = take; } } });";
    tab.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": queue })).await?;
    tab.goto(&format!("{}/place", server.url())).await?;
    tab.wait_until(PATIENCE, "the page takes files", async || {
        ensure!(
            tab.eval("return typeof window.launch", vec![]).await? == json!("function"),
            "it does not yet"
        );
        Ok(())
    })
    .await?;
    tab.eval("await launch({ files: [] })", vec![]).await?;
    tab.eval(&format!("{PICTURE} await launch({{ files: [{{ getFile: async () => picture }}] }});"), vec![])
        .await?;
    wait_says(&tab, "picture-size", "8").await
}
