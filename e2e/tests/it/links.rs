//! The links of a room, its name and its apps: what an owner gives to whom.

use anyhow::{Result, ensure};
use meshwork_e2e::{Browser, Cli, Kind, PATIENCE, Server, ServerOptions, Tab};

use crate::common::hands::wait_there;
use crate::common::{
    SIZE, close, make_room, open_editor, open_page, open_start, open_values, unfold, wait_gone, wait_linked,
    wait_page_says, wait_says, wait_shows,
};

const RED: [u8; 4] = [0xe6, 0x19, 0x4b, 0xff];
const NOTHING: [u8; 4] = [0; 4];
const BLACK: [u8; 4] = [0, 0, 0, 0xff];

/// A spot on a canvas that nobody painted: it stays until the page empties the canvas.
const SPOT: &str =
    "document.querySelector('[data-testid=place-canvas]').getContext('2d').fillRect(2, 3, 1, 1)";

/// Somebody called so, in a browser of their own.
async fn person(server: &Server, browser: &Browser, name: &str) -> Result<Tab> {
    let tab = browser.tab(server.url()).await?;
    if !name.is_empty() {
        tab.type_text("display-name", name).await?;
    }
    Ok(tab)
}

async fn paint(tab: &Tab, at: (usize, usize)) -> Result<()> {
    wait_there(tab, "palette-e6194b").await?;
    tab.click("palette-e6194b").await?;
    tab.click_cell(SIZE, at).await
}

/// The link in a field of the share sheet.
async fn shared(tab: &Tab, testid: &str) -> Result<String> {
    tab.click("open-share").await?;
    let link = tab.wait_until(PATIENCE, "a link", async || {
        let link = tab.value(testid).await?;
        ensure!(link.contains('#'), "there is no link yet: {link}");
        Ok(link)
    });
    let link = link.await?;
    close(tab).await?;
    Ok(link)
}

#[tokio::test]
async fn view_links_let_people_watch() -> Result<()> {
    let server = Server::start().await?;
    let kind = Kind::of_this_run();
    let browsers = [Browser::start_kind(kind).await?, Browser::start_kind(kind).await?];
    let mira = person(&server, &browsers[0], "Mira").await?;
    let edit = make_room(&mira, "private").await?;
    ensure!(shared(&mira, "share-link-sheet").await? == edit, "the address bar has the edit link");
    let view = shared(&mira, "view-link-sheet").await?;
    ensure!(
        edit.starts_with(&view) && edit.len() > view.len(),
        "{view} is {edit} without what lets one write"
    );
    let lin = browsers[1].tab(&view).await?;
    wait_linked(&mira, 1).await?;
    paint(&mira, (3, 3)).await?;
    wait_shows(&lin, (3, 3), RED).await?;
    wait_says(&lin, "allowance", "View only. Ask Mira for an edit link.").await?;
    ensure!(lin.attribute("tool-pencil", "disabled").await?.is_some(), "a pencil that paints nothing");
    ensure!(shared(&lin, "view-link-sheet").await? == view, "they pass on what they have");
    ensure!(!lin.has("share-link-sheet").await? && !lin.has("new-link").await?, "and nothing else");
    // With the edit link the same person paints.
    lin.goto(&edit).await?;
    wait_linked(&mira, 1).await?;
    wait_shows(&lin, (3, 3), RED).await?;
    wait_gone(&lin, "allowance").await?;
    paint(&lin, (5, 5)).await?;
    wait_shows(&mira, (5, 5), RED).await
}

/// Gives the room a new link with which one other person keeps access, and returns it.
async fn give_new_link(owner: &Tab) -> Result<String> {
    owner.click("open-share").await?;
    owner.eval("document.querySelector('[data-testid=new-link]').open = true", vec![]).await?;
    wait_says(owner, "make-new-link", "Make new link, 1 keeps access").await?;
    owner.click("make-new-link").await?;
    wait_says(owner, "new-link-made", "Copy it again").await?;
    close(owner).await?;
    owner.url().await
}

async fn wait_address(tab: &Tab, link: &str) -> Result<()> {
    tab.wait_until(PATIENCE, "a link in the address bar", async || {
        let present = tab.url().await?;
        ensure!(present == link, "it is {present}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn new_links_keep_access_for_the_ticked() -> Result<()> {
    let server = Server::start().await?;
    let browsers = [Browser::start().await?, Browser::start().await?, Browser::start().await?];
    let mira = person(&server, &browsers[0], "Mira").await?;
    let old = make_room(&mira, "private").await?;
    let lin = person(&server, &browsers[1], "Lin").await?;
    lin.goto(&old).await?;
    let stranger = browsers[2].tab(&old).await?;
    wait_linked(&mira, 2).await?;
    wait_page_says(&mira, "Lin").await?;
    let new = give_new_link(&mira).await?;
    ensure!(new != old, "the address bar has the new link");
    wait_page_says(&stranger, "This room has a new link.").await?;
    wait_page_says(&stranger, "Ask Mira for it.").await?;
    wait_linked(&mira, 1).await?;
    wait_address(&lin, &new).await?;
    paint(&mira, (3, 3)).await?;
    wait_shows(&lin, (3, 3), RED).await?;
    paint(&lin, (4, 4)).await?;
    wait_shows(&mira, (4, 4), RED).await?;
    ensure!(stranger.cell(SIZE, (3, 3)).await? == NOTHING, "who is left out gets nothing new");
    // Whoever has the new link is in, the stranger too.
    stranger.goto(&new).await?;
    wait_shows(&stranger, (4, 4), RED).await?;
    wait_linked(&mira, 2).await?;
    // Who is away is in the list as well, and comes back by the link that they know.
    lin.goto(server.url()).await?;
    wait_linked(&mira, 1).await?;
    let newer = give_new_link(&mira).await?;
    lin.goto(&new).await?;
    wait_address(&lin, &newer).await?;
    paint(&mira, (6, 6)).await?;
    wait_shows(&lin, (6, 6), RED).await
}

#[tokio::test]
async fn rooms_get_further_apps() -> Result<()> {
    let server = Server::start().await?;
    let browsers = [Browser::start().await?, Browser::start().await?];
    let mira = open_start(&browsers[0], server.url()).await?;
    let link = make_room(&mira, "private").await?;
    let lin = browsers[1].tab(&link).await?;
    wait_linked(&mira, 1).await?;
    paint(&lin, (3, 3)).await?;
    wait_shows(&mira, (3, 3), RED).await?;
    mira.click("room-chip").await?;
    mira.click("tab-rules").await?;
    mira.click("turn-on-sync").await?;
    wait_gone(&mira, "turn-on-sync").await?;
    close(&mira).await?;
    for tab in [&mira, &lin] {
        tab.click("front-sync").await?;
        wait_says(tab, "counter", "0").await?;
    }
    lin.click("increment").await?;
    mira.click("increment").await?;
    for tab in [&mira, &lin] {
        wait_says(tab, "counter", "2").await?;
        open_editor(tab).await?;
    }
    lin.click("document-editor").await?;
    lin.press_keys("Bread").await?;
    wait_page_says(&mira, "Bread").await?;
    // The other app is where it was left.
    lin.click("front-place").await?;
    wait_shows(&lin, (3, 3), RED).await?;
    mira.click("front-place").await?;
    wait_shows(&mira, (3, 3), RED).await?;
    paint(&mira, (4, 4)).await?;
    wait_shows(&lin, (4, 4), RED).await?;
    // A page that comes again has all of it, whichever app is in front.
    let canvas = lin.url().await?;
    ensure!(canvas.contains("/place/"), "{canvas}");
    lin.reload().await?;
    wait_shows(&lin, (4, 4), RED).await?;
    lin.click("front-sync").await?;
    wait_says(&lin, "counter", "2").await?;
    open_editor(&lin).await?;
    wait_page_says(&lin, "Bread").await
}

#[tokio::test]
async fn sync_rooms_get_a_canvas() -> Result<()> {
    let server = Server::start().await?;
    let browsers = tokio::try_join!(Browser::start(), Browser::start(), Browser::start())?;
    let (mira, link) = open_values(&browsers.0, server.url()).await?;
    let lin = browsers.1.tab(&link).await?;
    wait_linked(&mira, 1).await?;
    lin.click("increment").await?;
    wait_says(&mira, "counter", "1").await?;
    mira.click("room-chip").await?;
    mira.click("tab-rules").await?;
    mira.click("turn-on-place").await?;
    wait_gone(&mira, "turn-on-place").await?;
    close(&mira).await?;
    for tab in [&mira, &lin] {
        tab.click("front-place").await?;
    }
    paint(&lin, (3, 3)).await?;
    wait_shows(&mira, (3, 3), RED).await?;
    paint(&mira, (4, 4)).await?;
    wait_shows(&lin, (4, 4), RED).await?;
    // Who comes by the link to the canvas has all that the room opened with, too.
    let canvas = link.replace("/sync/", "/place/");
    ensure!(canvas != link, "{link}");
    let kim = browsers.2.tab(&canvas).await?;
    wait_shows(&kim, (3, 3), RED).await?;
    kim.click("front-sync").await?;
    wait_says(&kim, "counter", "1").await?;
    open_editor(&kim).await?;
    kim.click("document-editor").await?;
    kim.press_keys("Bread").await?;
    lin.click("front-sync").await?;
    open_editor(&lin).await?;
    wait_page_says(&lin, "Bread").await?;
    kim.reload().await?;
    open_editor(&kim).await?;
    wait_page_says(&kim, "Bread").await?;
    kim.click("front-place").await?;
    wait_shows(&kim, (4, 4), RED).await
}

#[tokio::test]
async fn rooms_have_names() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start_kind(Kind::of_this_run()).await?;
    let mira = open_start(&browser, server.url()).await?;
    let link = make_room(&mira, "open").await?;
    mira.click("room-chip").await?;
    mira.type_text("room-name-field", &"long ".repeat(20)).await?;
    mira.click("set-rules").await?;
    wait_page_says(&mira, "This name is too long.").await?;
    mira.eval(SPOT, vec![]).await?;
    mira.type_text("room-name-field", "Harbour wall").await?;
    mira.click("set-rules").await?;
    close(&mira).await?;
    wait_says(&mira, "room-name", "Harbour wall").await?;
    ensure!(mira.cell(SIZE, (2, 3)).await? == BLACK, "new rules empty the canvas");
    let other = browser.tab(&link).await?;
    wait_says(&other, "room-name", "Harbour wall").await?;
    other.goto(server.url()).await?;
    wait_page_says(&other, "Harbour wall").await
}

#[tokio::test]
async fn split_links_hold_for_every_app() -> Result<()> {
    let server = Server::start().await?;
    let browsers = [Browser::start().await?, Browser::start().await?];
    let mira = open_start(&browsers[0], server.url()).await?;
    // A room in which nobody but its owner paints has one link.
    unfold(&mira, "rules-fold").await?;
    mira.click("painters-some").await?;
    make_room(&mira, "private").await?;
    mira.click("room-chip").await?;
    mira.click("tab-rules").await?;
    mira.click("turn-on-sync").await?;
    mira.click("painters-all").await?;
    mira.click("set-rules").await?;
    wait_says(&mira, "rule-painters", "Everybody").await?;
    close(&mira).await?;
    mira.click("open-share").await?;
    mira.click("split-link").await?;
    close(&mira).await?;
    let view = shared(&mira, "view-link-sheet").await?;
    let lin = browsers[1].tab(&view.replace("/place/", "/sync/")).await?;
    wait_linked(&mira, 1).await?;
    lin.wait_until(PATIENCE, "buttons that are off", async || {
        ensure!(lin.attribute("increment", "disabled").await?.is_some(), "who looks can count");
        Ok(())
    })
    .await?;
    // With the edit link the same person counts.
    lin.goto(&shared(&mira, "share-link-sheet").await?.replace("/place/", "/sync/")).await?;
    lin.click("increment").await?;
    wait_says(&lin, "counter", "1").await
}

#[tokio::test]
async fn servers_have_pages_below_a_path() -> Result<()> {
    let arguments = ["--public-url", "http://127.0.0.1/some/mesh"].map(str::to_owned).to_vec();
    let server = Server::start_with(ServerOptions { arguments, ..ServerOptions::default() }).await?;
    let url = format!("http://{}/some/mesh", server.address());
    let browser = Browser::start().await?;
    let (tab, link) = open_page(&browser, &format!("{url}/"), "open").await?;
    ensure!(link.starts_with(&format!("{url}/place/")), "the link is {link}");
    paint(&tab, (3, 4)).await?;
    Cli::new()?.run(["place", "stats", &link]).await?.success()?;
    wait_says(&tab, "kept", "Saved in this browser").await?;
    tab.reload().await?;
    wait_shows(&tab, (3, 4), RED).await?;
    tab.eval("document.querySelector('a.brand').click()", vec![]).await?;
    wait_there(&tab, "join-code").await?;
    ensure!(tab.url().await? == format!("{url}/"), "home is {}", tab.url().await?);
    let code = link.rsplit('/').next().unwrap_or_default().split('#').next().unwrap_or_default().to_owned();
    tab.type_text("join-code", &code).await?;
    tab.click("join-room").await?;
    wait_shows(&tab, (3, 4), RED).await?;
    ensure!(tab.url().await?.starts_with(&format!("{url}/")), "the room is at {}", tab.url().await?);
    tab.goto(&format!("{url}/")).await?;
    wait_there(&tab, "app-sync").await?;
    tab.click("app-sync").await?;
    wait_says(&tab, "counter", "0").await?;
    ensure!(tab.url().await? == format!("{url}/sync"), "Sync is at {}", tab.url().await?);
    Ok(())
}

#[tokio::test]
async fn links_lead_to_what_is_in_view() -> Result<()> {
    let server = Server::start().await?;
    let browsers = [Browser::start().await?, Browser::start().await?];
    let (ann, link) = open_values(&browsers[0], server.url()).await?;
    ann.click("tab-whiteboard").await?;
    let link = ann
        .wait_until(PATIENCE, "the address", async || {
            let (now, keys) = (ann.url().await?, link.split('#').next_back().unwrap_or_default());
            ensure!(now.contains("/whiteboard#") && now.ends_with(keys), "{now}");
            Ok(now)
        })
        .await?;
    ann.reload().await?;
    let bo = browsers[1].tab(&link).await?;
    for tab in [&ann, &bo] {
        wait_there(tab, "whiteboard").await?;
        ensure!(tab.attribute("tab-whiteboard", "aria-selected").await?.as_deref() == Some("true"));
    }
    wait_linked(&ann, 1).await?;
    bo.click("tab-values").await?;
    bo.wait_until(PATIENCE, "the address", async || {
        let now = bo.url().await?;
        ensure!(!now.contains("whiteboard"), "{now}");
        Ok(())
    })
    .await?;
    // Programs take such a link, too.
    let listed = Cli::new()?.run(["sync", "list", &link]).await?;
    listed.success().map(drop)
}
