//! The page itself, as fingers, mouse and keyboard find it.

use crate::common::hands::{NARROW, WIDE, resize};
use crate::common::{
    SIZE, open_page, open_start, press_make, wait_linked, wait_page_says, wait_says, wait_shows,
};
use anyhow::{Context, Result, ensure};
use meshwork_e2e::{Browser, Key, Kind, Look, PATIENCE, Server, Tab};
use serde_json::json;

const BLACK: [u8; 4] = [0, 0, 0, 0xff];
const NOTHING: [u8; 4] = [0; 4];
/// More than there are places on a page to which Tab leads.
const STOPS_MAX: usize = 100;

/// Presses keys on the canvas, one after the other.
async fn press(tab: &Tab, keys: &[&str]) -> Result<()> {
    let script = "const canvas = document.querySelector('[data-testid=\"place-canvas\"]');
        canvas.focus();
        for (const key of arguments[0]) {
            const code = key === ' ' ? 'Space' : key.length === 1 ? 'Key' + key.toUpperCase() : key;
            for (const type of ['keydown', 'keyup']) {
                canvas.dispatchEvent(new KeyboardEvent(type, { key, code, bubbles: true, cancelable: true }));
            }
        }";
    tab.eval(script, vec![serde_json::json!(keys)]).await?;
    Ok(())
}

/// The code in a LINK.
fn code_of(link: &str) -> Result<String> {
    let code = link.split("/place/").nth(1).and_then(|rest| rest.get(..6));
    Ok(code.context("a code")?.to_owned())
}

async fn painted(tab: &Tab) -> Result<usize> {
    Ok(tab.cells(SIZE).await?.iter().filter(|cell| **cell != NOTHING).count())
}

#[tokio::test]
async fn lower_case_code_leads_into_the_room() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start_kind(Kind::of_this_run()).await?;
    let (first, link) = open_page(&browser, server.url(), "open").await?;
    wait_page_says(&first, "Nobody else is here yet").await?;
    let code = code_of(&link)?;
    let second = browser.tab(server.url()).await?;
    second
        .wait_until(PATIENCE, "the field for a code", async || {
            ensure!(second.has("join-code").await?, "not there yet");
            Ok(())
        })
        .await?;
    second.type_text("join-code", &code.to_lowercase()).await?;
    // A whole code of an open room may lead in at once; else the button does.
    if second.has("join-room").await? {
        let _ = second.click("join-room").await;
    }
    wait_linked(&second, 1).await?;
    wait_linked(&first, 1).await
}

#[tokio::test]
async fn panning_paints_nothing_and_zoom_reset_restores_view() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start_kind(Kind::of_this_run()).await?;
    let (tab, _) = open_page(&browser, server.url(), "open").await?;
    for _ in 0..3 {
        tab.click("zoom-in").await?;
    }
    press(&tab, &["h"]).await?;
    let script =
        "const box = document.querySelector('[data-testid=\"place-canvas\"]').getBoundingClientRect();
        return [box.left, box.top, box.width];";
    let before = tab.eval(script, vec![]).await?;
    tab.drag_cells(SIZE, &[(50, 50), (45, 44), (40, 40)]).await?;
    let after = tab.eval(script, vec![]).await?;
    ensure!(before != after, "the hand moves the canvas, which stays at {before}");
    ensure!(painted(&tab).await? == 0, "panning painted");
    tab.click("zoom-out").await?;
    tab.click("zoom-reset").await?;
    press(&tab, &["p"]).await?;
    tab.click("palette-000000").await?;
    tab.click_cell(SIZE, (7, 93)).await?;
    wait_shows(&tab, (7, 93), BLACK).await?;
    ensure!(painted(&tab).await? == 1, "one click paints one cell");
    Ok(())
}

/// Goes on with Tab until what has the focus is this.
async fn tab_to(tab: &Tab, selector: &str) -> Result<()> {
    step_to(tab, selector, async || tab.press_keys(Key::Tab).await).await
}

/// Goes back with Shift and Tab until what has the focus is this: after the last element of the page Tab leads into the
/// browser's own bars.
async fn tab_back_to(tab: &Tab, selector: &str) -> Result<()> {
    step_to(tab, selector, async || tab.press_with(Key::Shift, Key::Tab).await).await
}

async fn step_to(tab: &Tab, selector: &str, step: impl AsyncFn() -> Result<()>) -> Result<()> {
    let there = "return document.querySelector(arguments[0])?.matches(':not(:disabled)') ?? false";
    tab.wait_until(PATIENCE, "where Tab is to lead", async || {
        ensure!(tab.eval(there, vec![selector.into()]).await? == true, "there is no {selector}");
        Ok(())
    })
    .await?;
    for _ in 0..STOPS_MAX {
        step().await?;
        if tab.eval("return document.activeElement.matches(arguments[0])", vec![selector.into()]).await?
            == true
        {
            return Ok(());
        }
    }
    anyhow::bail!("Tab does not lead to {selector}")
}

#[tokio::test]
async fn keys_alone_make_join_paint_and_leave_rooms() -> Result<()> {
    let server = Server::start().await?;
    let start = || Browser::start_kind(Kind::of_this_run());
    let (one, other) = tokio::try_join!(start(), start())?;
    let first = open_start(&one, server.url()).await?;
    // A newcomer's page begins with a picture.
    tab_to(&first, "[data-testid=doodle-undo]").await?;
    first.press_keys(Key::Enter).await?;
    tab_to(&first, "[data-testid=kind-private] input").await?;
    first.press_keys(Key::Right).await?;
    tab_to(&first, "[data-testid=make-room]").await?;
    first.press_keys(Key::Enter).await?;
    tab_to(&first, "[data-testid=open-share]").await?;
    first.press_keys(Key::Enter).await?;
    tab_to(&first, "[data-testid=share-link-sheet]").await?;
    tab_to(&first, ".copy-field button").await?;
    first.press_keys(Key::Enter).await?;
    wait_page_says(&first, "Copied").await?;
    // The button says so for two seconds, then what it does.
    first
        .wait_until(PATIENCE, "the button's own words", async || {
            let words = "return document.querySelector('.copy-field button').textContent.trim()";
            let words = first.eval(words, vec![]).await?;
            ensure!(words == "Copy link", "it says {words}");
            Ok(())
        })
        .await?;
    let code = code_of(&first.value("share-link-sheet").await?)?;
    first.press_keys(Key::Escape).await?;

    let second = open_start(&other, server.url()).await?;
    tab_to(&second, "[data-testid=join-code]").await?;
    second.press_keys(code).await?;
    second.press_keys(Key::Enter).await?;
    wait_linked(&second, 1).await?;
    wait_linked(&first, 1).await?;
    tab_to(&second, "[data-testid=place-canvas]").await?;
    second.press_keys(Key::Right + Key::Down).await?;
    second.press_keys(" ").await?;
    second.press_keys(Key::Right + Key::Enter).await?;
    first
        .wait_until(PATIENCE, "two cells", async || {
            let count = painted(&first).await?;
            ensure!(count == 2, "{count} cells are painted");
            Ok(())
        })
        .await?;
    tab_back_to(&second, "a[href='/']").await?;
    second.press_keys(Key::Enter).await?;
    wait_linked(&first, 0).await?;
    // What was left is found again among the rooms on this device.
    wait_page_says(&second, "Rooms on this device").await?;
    tab_to(&second, "[data-testid=kept-link]").await?;
    second.press_keys(Key::Enter).await?;
    wait_linked(&first, 1).await?;
    second
        .wait_until(PATIENCE, "two cells", async || {
            let count = painted(&second).await?;
            ensure!(count == 2, "{count} cells are painted");
            Ok(())
        })
        .await
}

#[tokio::test]
async fn any_colour_and_a_picture_to_keep() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start_kind(Kind::of_this_run()).await?;
    let (tab, _) = open_page(&browser, server.url(), "open").await?;
    let choose = "const input = document.querySelector('[data-testid=\"colour-input\"]');
        input.value = '#12ab9f';
        input.dispatchEvent(new Event('input', { bubbles: true }));
        input.dispatchEvent(new Event('change', { bubbles: true }));";
    // The tools come after the canvas.
    tab.wait_until(PATIENCE, "the colours", async || tab.eval(choose, vec![]).await).await?;
    tab.click_cell(SIZE, (30, 31)).await?;
    wait_shows(&tab, (30, 31), [0x12, 0xab, 0x9f, 0xff]).await?;
    // What would be downloaded is caught on its way.
    let catch = "window.saved = null;
        let bytes = null;
        const make = URL.createObjectURL;
        URL.createObjectURL = blob => { bytes = blob.arrayBuffer(); return make.call(URL, blob); };
        HTMLAnchorElement.prototype.click = function () {
            const name = this.download;
            bytes.then(bytes => { window.saved = [name, Array.from(new Uint8Array(bytes))]; });
        };";
    tab.eval(catch, vec![]).await?;
    tab.click("save-png").await?;
    let saved = tab
        .wait_until(PATIENCE, "the picture", async || {
            let saved = tab.eval("return window.saved", vec![]).await?;
            ensure!(!saved.is_null(), "nothing was saved");
            Ok(saved)
        })
        .await?;
    let name = saved[0].as_str().context("a file name")?;
    ensure!(name.starts_with("p2place_20") && name.ends_with(".png") && name.len() == 31, "{name}");
    let bytes: Vec<u8> = serde_json::from_value(saved[1].clone())?;
    let picture = image::load_from_memory(&bytes)?.into_rgba8();
    ensure!(picture.dimensions() == (100, 100), "one pixel a cell, not {:?}", picture.dimensions());
    ensure!(picture.get_pixel(30, 31).0 == [0x12, 0xab, 0x9f, 0xff] && picture.get_pixel(0, 0).0[3] == 0);
    Ok(())
}

#[tokio::test]
async fn picture_goes_to_the_clipboard_where_allowed() -> Result<()> {
    let server = Server::start().await?;
    for size in [WIDE, NARROW] {
        let browser = Browser::start().await?;
        let (tab, _) = open_page(&browser, server.url(), "open").await?;
        resize(&tab, size).await?;
        tab.click_cell(SIZE, (40, 20)).await?;
        wait_shows(&tab, (40, 20), BLACK).await?;
        tab.click("open-share").await?;
        for (setting, words) in [("denied", "does not let us copy"), ("granted", "Copied")] {
            for name in ["clipboard-read", "clipboard-write"] {
                let permission =
                    json!({ "permission": { "name": name }, "setting": setting, "origin": server.url() });
                tab.devtools("Browser.setPermission", permission).await?;
            }
            tab.click("copy-picture").await?;
            wait_says(&tab, "picture-copied", words).await?;
        }
        let pasted = tab
            .eval(
                "return navigator.clipboard.read()
                    .then(items => items[0].getType('image/png'))
                    .then(picture => picture.arrayBuffer())
                    .then(bytes => Array.from(new Uint8Array(bytes)));",
                vec![],
            )
            .await?;
        let bytes: Vec<u8> = serde_json::from_value(pasted)?;
        let picture = image::load_from_memory(&bytes)?.into_rgba8();
        ensure!(picture.dimensions() == (100, 100), "one pixel a cell, not {:?}", picture.dimensions());
        ensure!(picture.get_pixel(40, 20).0 == BLACK && picture.get_pixel(0, 0).0[3] == 0);
    }
    Ok(())
}

#[tokio::test]
async fn narrow_screen_has_everything_without_scrolling_sideways() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start_kind(Kind::of_this_run()).await?;
    let home = browser.tab(server.url()).await?;
    home.look(Look::PHONE).await?;
    let fits = "return document.documentElement.scrollWidth <= window.innerWidth";
    home.wait_until(PATIENCE, "the start page fits", async || {
        ensure!(home.has("make-room").await? && home.eval(fits, vec![]).await? == true, "too wide");
        Ok(())
    })
    .await?;
    press_make(&home, "open").await?;
    home.wait_until(PATIENCE, "the room fits", async || {
        ensure!(home.has("place-canvas").await? && home.eval(fits, vec![]).await? == true, "too wide");
        ensure!(home.value("share-link").await?.contains('#'), "no link yet");
        Ok(())
    })
    .await?;
    for name in ["peer-count", "open-chat", "zoom-in", "palette-f032e6"] {
        ensure!(home.has(name).await?, "there is no {name}");
    }
    home.click("palette-000000").await?;
    home.click_cell(SIZE, (50, 50)).await?;
    wait_shows(&home, (50, 50), BLACK).await
}

/// What of the menu is shown, by the names of its lines.
async fn menu_lines(tab: &Tab) -> Result<Vec<String>> {
    let shown = "const lines = document.querySelectorAll('#more-menu:popover-open .menu-line');
        return Array.from(lines).filter(line => line.checkVisibility()).map(line => line.dataset.testid);";
    Ok(serde_json::from_value(tab.eval(shown, vec![]).await?)?)
}

#[tokio::test]
async fn menu_holds_what_the_bar_does_not() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start_kind(Kind::of_this_run()).await?;
    let (tab, _) = open_page(&browser, server.url(), "open").await?;
    let always = ["menu-timelapse", "menu-open-keys", "menu-theme", "menu-room", "menu-key"];
    let open = async |lines: &[&str]| {
        tab.wait_until(PATIENCE, "the menu", async || {
            if menu_lines(&tab).await?.is_empty() {
                tab.click("more").await?;
            }
            let shown = menu_lines(&tab).await?;
            ensure!(shown == lines, "{shown:?}");
            Ok(())
        })
        .await
    };
    open(&always).await?;
    let theme = async || tab.eval("return document.documentElement.dataset.theme", vec![]).await;
    let before = theme().await?;
    tab.click("menu-theme").await?;
    ensure!(theme().await? != before, "it is {before} as before");
    ensure!(menu_lines(&tab).await?.is_empty(), "what is chosen closes the menu");
    // Escape closes it too, and what it opened gives the focus back to the bar.
    open(&always).await?;
    tab.press_keys("\u{e00c}").await?;
    ensure!(menu_lines(&tab).await?.is_empty(), "Escape closes the menu");
    open(&always).await?;
    tab.click("menu-key").await?;
    tab.wait_there(PATIENCE, "own-peer").await?;
    tab.press_keys("\u{e00c}").await?;
    tab.wait_until(PATIENCE, "the focus", async || {
        let focused = tab.eval("return document.activeElement.dataset.testid", vec![]).await?;
        ensure!(focused == "more", "{focused} has it");
        Ok(())
    })
    .await?;
    tab.look(Look::PHONE).await?;
    let in_bar = "return document.querySelector('[data-testid=\"save-png\"]').checkVisibility()";
    ensure!(tab.eval(in_bar, vec![]).await? == false, "a narrow bar has no place for it");
    open(&[&["menu-open-picture", "menu-save-png"], &always[..]].concat()).await
}
