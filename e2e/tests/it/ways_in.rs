//! Ways into a room and back: rooms on this device, an address at which there is nothing, and a guest without a name.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::common::hands::wait_there;
use crate::common::{
    SIZE, open_page, press_make, wait_gone, wait_linked, wait_page_says, wait_says, wait_shows,
};
use anyhow::{Result, ensure};
use meshwork_e2e::{Browser, Key, PATIENCE, Server, Tab};
use serde_json::{Value, json};

const BLACK: [u8; 4] = [0, 0, 0, 0xff];

#[tokio::test]
async fn home_leads_back_to_a_private_room() -> Result<()> {
    let server = Server::start().await?;
    let browsers = tokio::try_join!(Browser::start(), Browser::start())?;
    let (mira, link) = open_page(&browsers.0, server.url(), "private").await?;
    let lin = browsers.1.tab(server.url()).await?;
    lin.type_text("display-name", "Lin").await?;
    lin.goto(&link).await?;
    wait_linked(&mira, 1).await?;
    mira.click_cell(SIZE, (7, 7)).await?;
    wait_shows(&lin, (7, 7), BLACK).await?;
    wait_says(&mira, "kept", "Saved in this browser").await?;

    mira.goto(server.url()).await?;
    wait_says(&mira, "kept-met", "With Lin").await?;
    ensure!(mira.value("kept-link").await? == link, "the whole link, with its secret");
    let beads =
        "return Array.from(document.querySelectorAll('.kept-beads .bead'), bead => bead.textContent).join()";
    ensure!(mira.eval(beads, vec![]).await? == "L", "the bead of Lin");
    let painted = "const image = document.querySelector('[data-testid=\"kept-picture\"]');
        return image.decode().then(() => {
            const context = new OffscreenCanvas(image.width, image.height).getContext('2d');
            context.drawImage(image, 0, 0, image.naturalWidth, image.naturalHeight);
            return Array.from(context.getImageData(0, 0, image.naturalWidth, image.naturalHeight).data)
                .filter((value, place) => place % 4 === 3 && value === 255).length;
        });";
    ensure!(mira.eval(painted, vec![]).await? == 1, "a picture with the one cell that was painted");
    mira.click("kept-link").await?;
    wait_shows(&mira, (7, 7), BLACK).await?;
    wait_says(&mira, "kept", "Saved in this browser").await?;

    mira.goto(server.url()).await?;
    mira.click("open-room-menu").await?;
    // Lin has all of it, which this browser knows once both were compared after the last stroke.
    mira.wait_until(PATIENCE, "what forgetting means", async || {
        let said = mira.text("room-menu").await?;
        let is_told = ["The others keep theirs.", "deletes what only this device has."];
        ensure!(is_told.iter().any(|words| said.contains(words)), "{said}");
        Ok(())
    })
    .await?;
    ensure!(mira.value("kept-address").await? == link, "the link can be copied without going there");
    mira.click("kept-address").await?;
    mira.press_keys(Key::Escape).await?;
    wait_gone(&mira, "room-menu").await?;
    let focused = mira.eval("return document.activeElement.dataset.testid", vec![]).await?;
    ensure!(focused == "open-room-menu", "the focus is on {focused}");
    mira.click("open-room-menu").await?;
    mira.click("forget-room").await?;
    wait_gone(&mira, "kept-room").await?;
    // For some seconds it can be taken back.
    mira.click("forget-undo").await?;
    wait_says(&mira, "kept-met", "With Lin").await?;
    ensure!(!mira.has("forgotten").await?, "nothing is forgotten");
    mira.click("open-room-menu").await?;
    mira.click("forget-room").await?;
    wait_says(&mira, "forgotten", "Forgot Place room.").await?;
    // Who leaves the page has it done at once.
    mira.reload().await?;
    wait_there(&mira, "make-room").await?;
    wait_nothing_stored(&mira).await?;
    let pictures = "return Object.keys(localStorage).filter((name) => name.includes('picture')).length";
    ensure!(mira.eval(pictures, vec![]).await? == 0, "nor its picture");
    ensure!(!mira.has("kept-rooms").await?, "nor listed");
    Ok(())
}

/// Waits until the browser stores no room.
async fn wait_nothing_stored(tab: &Tab) -> Result<()> {
    let rooms = "return new Promise((found, failed) => {
            const opening = indexedDB.open('meshwork-rooms');
            opening.onerror = failed;
            opening.onsuccess = () => {
                const all = opening.result.transaction('rooms').objectStore('rooms').count();
                all.onsuccess = () => found(all.result);
            };
        });";
    tab.wait_until(PATIENCE, "nothing of it is stored", async || {
        let stored = tab.eval(rooms, vec![]).await?;
        ensure!(stored == 0, "{stored} rooms are");
        Ok(())
    })
    .await
}

/// Installed before the page's own scripts: a browser that agrees to keep what pages store once it is asked, as `is_asked`
/// tells, or never does.
fn asked_to_keep(agrees: bool) -> Value {
    let source = format!(
        "if (navigator.storage) {{
            const asked = () => sessionStorage.getItem('asked') === 'yes';
            window.isAsked = asked;
            navigator.storage.persist = async () => {{
                sessionStorage.setItem('asked', 'yes');
                return {agrees};
            }};
            navigator.storage.persisted = async () => asked() && {agrees};
        }}"
    );
    json!({ "source": source })
}

#[tokio::test]
async fn kept_rooms_say_whether_browsers_may_clear_them() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let tab = browser.tab("about:blank").await?;
    for (agrees, says) in
        [(false, "which may clear them when its space runs short"), (true, "in this browser only.")]
    {
        tab.devtools("Page.addScriptToEvaluateOnNewDocument", asked_to_keep(agrees)).await?;
        // Drawing alone asks for nothing, since some browsers ask the person.
        tab.goto(&format!("{}/place", server.url())).await?;
        wait_says(&tab, "kept", "Saved in this browser").await?;
        ensure!(tab.eval("return window.isAsked()", vec![]).await? == false, "somebody alone was asked");
        tab.goto(server.url()).await?;
        press_make(&tab, "open").await?;
        wait_says(&tab, "kept", "Saved in this browser").await?;
        ensure!(tab.eval("return window.isAsked()", vec![]).await? == true, "who makes a room was not asked");
        tab.goto(server.url()).await?;
        wait_says(&tab, "kept-where", says).await?;
        tab.eval("sessionStorage.clear()", vec![]).await?;
    }
    Ok(())
}

/// The status and the body of what a server has at a path for a browser.
fn get(server: &Server, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(server.address())?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let (host, accept) = (server.address(), "text/html,*/*;q=0.8");
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\naccept: {accept}\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test]
async fn unknown_paths_show_a_page_with_ways_on() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    for path in ["/nonsense", "/place/K7M", "/mosaic"] {
        let answer = get(&server, path)?;
        ensure!(answer.starts_with("HTTP/1.1 404 ") && answer.contains("<html"), "{path}: {answer}");
    }
    for path in ["/place", "/place/", "/favicon.ico", "/robots.txt"] {
        ensure!(get(&server, path)?.starts_with("HTTP/1.1 200 "), "{path}");
    }
    let preview = get(&server, "/place/ABCDEF")?;
    ensure!(preview.contains("property=\"og:title\"") && !preview.contains("ABCDEF"), "{preview}");
    let tab = browser.tab(&format!("{}/nonsense", server.url())).await?;
    wait_says(&tab, "no-such-page", "/nonsense").await?;
    ensure!(tab.title().await?.starts_with("No such page"));
    wait_says(&tab, "go-home", "Make a room").await?;
    let (_other, link) = open_page(&browser, server.url(), "open").await?;
    tab.type_text("join-code", &link).await?;
    tab.click("join-room").await?;
    wait_linked(&tab, 1).await?;
    tab.goto(server.url()).await?;
    wait_there(&tab, "begin-alone").await
}

#[tokio::test]
async fn a_guest_without_a_name_is_asked() -> Result<()> {
    let server = Server::start().await?;
    let browsers = tokio::try_join!(Browser::start(), Browser::start())?;
    let (mira, link) = open_page(&browsers.0, server.url(), "open").await?;
    let guest = browsers.1.tab(&link).await?;
    wait_says(&guest, "guest", "You are ").await?;
    let called = guest.eval("return document.querySelector('.guest strong').textContent", vec![]).await?;
    let called = called.as_str().unwrap_or_default().to_owned();
    wait_linked(&mira, 1).await?;
    wait_says(&mira, "peer-list", &called).await?;
    wait_says(&mira, "here-count", "2").await?;
    wait_page_says(&mira, &format!("{called} joined")).await?;
    let told = guest.eval("return document.querySelector('.toasts').textContent", vec![]).await?;
    ensure!(told == "", "who was here before has not joined: {told}");
    ensure!(!mira.has("guest").await?, "who made the room is no guest");
    guest.type_text("guest-name", "Lin\n").await?;
    wait_gone(&guest, "guest").await?;
    wait_says(&mira, "peer-list", "Lin").await?;
    guest
        .type_text(
            "display-name",
            "Lin \u{65e5}\u{672c}\u{65e5}\u{672c}\u{65e5}\u{672c}\u{65e5}\u{672c}\u{65e5}\u{672c}",
        )
        .await?;
    let cut = "Lin \u{65e5}\u{672c}\u{65e5}\u{672c}\u{65e5}\u{672c}\u{65e5}\u{672c}\u{65e5}";
    ensure!(guest.value("display-name").await? == cut, "one's own page shows what others see");
    wait_says(&mira, "peer-list", cut).await?;

    guest.eval("localStorage.removeItem('meshwork-name')", vec![]).await?;
    guest.reload().await?;
    guest.click("guest-nameless").await?;
    wait_gone(&guest, "guest").await?;
    guest.reload().await?;
    wait_linked(&guest, 1).await?;
    ensure!(!guest.has("guest").await?, "who said no is not asked again");
    Ok(())
}

#[tokio::test]
async fn a_sheet_begins_in_its_field() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let (tab, _) = open_page(&browser, server.url(), "open").await?;
    tab.eval("document.querySelector('[data-testid=\"place-canvas\"]').focus()", vec![]).await?;
    tab.press_keys("g").await?;
    tab.wait_until(PATIENCE, "the focus", async || {
        let focused = tab.eval("return document.activeElement.dataset.testid", vec![]).await?;
        ensure!(focused == "goto-cell", "{focused} has it");
        Ok(())
    })
    .await?;
    tab.press_keys("12,40\u{e007}").await?;
    tab.wait_until(PATIENCE, "the cell", async || {
        let said =
            tab.eval("return document.querySelector('[aria-live=assertive]').textContent", vec![]).await?;
        ensure!(said.as_str().is_some_and(|said| said.starts_with("x 12, y 40, unpainted")), "{said}");
        Ok(())
    })
    .await
}
