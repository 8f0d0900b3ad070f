//! The painting tools of the page, with mouse, fingers and keys, on a wide and on a narrow page.

use crate::common::hands::{
    NARROW, WIDE, canvas_box, count, give_picture, middle, mouse, resize, touch, wait_count, wait_there,
};
use crate::common::{SIZE, open_page, wait_linked, wait_pressed, wait_says, wait_shows};
use anyhow::{Context, Result, ensure};
use meshwork_e2e::{Browser, Cli, PATIENCE, Server, Tab};
use serde_json::json;

const BLACK: [u8; 4] = [0, 0, 0, 0xff];
const RED: [u8; 4] = [0xe6, 0x19, 0x4b, 0xff];
const BLUE: [u8; 4] = [0x43, 0x63, 0xd8, 0xff];
const NOTHING: [u8; 4] = [0; 4];

/// Modifiers of the DevTools protocol.
const ALT: u32 = 1;
const CTRL: u32 = 2;
const SHIFT: u32 = 8;

/// Clicks a cell with keys held.
async fn click(tab: &Tab, cell: (usize, usize), modifiers: u32) -> Result<()> {
    let at = middle(tab, SIZE, cell).await?;
    for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
        mouse(tab, kind, at, if kind == "mouseMoved" { "none" } else { "left" }, modifiers).await?;
    }
    Ok(())
}

/// Presses a key on the canvas, as a keyboard does.
async fn key(tab: &Tab, key: &str, modifiers: u32) -> Result<()> {
    let code = match key {
        " " => "Space".to_owned(),
        letter if letter.len() == 1 && letter.chars().all(char::is_alphabetic) => {
            format!("Key{}", letter.to_uppercase())
        }
        other => other.to_owned(),
    };
    let focus = "document.querySelector('[data-testid=\"place-canvas\"]').focus()";
    tab.eval(focus, vec![]).await?;
    for kind in ["rawKeyDown", "keyUp"] {
        let event = json!({ "type": kind, "key": key, "code": code, "modifiers": modifiers });
        tab.devtools("Input.dispatchKeyEvent", event).await?;
    }
    Ok(())
}

/// What was said last to those who listen.
async fn wait_spoken(tab: &Tab, words: &str) -> Result<()> {
    tab.wait_until(PATIENCE, "spoken words", async || {
        let script = "return document.querySelector('[aria-live=assertive]').textContent";
        let said = tab.eval(script, vec![]).await?;
        ensure!(
            said.as_str().is_some_and(|said| said.contains(words)),
            "{said} is said instead of {words:?}"
        );
        Ok(())
    })
    .await
}

async fn choose_own(tab: &Tab, hex: &str) -> Result<()> {
    let script = "const input = document.querySelector('[data-testid=\"colour-input\"]');
        input.value = arguments[0];
        input.dispatchEvent(new Event('input', { bubbles: true }));";
    tab.eval(script, vec![hex.into()]).await.map(drop)
}

#[tokio::test]
async fn shift_previews_straight_lines_painted_in_one_step() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let (tab, _) = open_page(&browser, server.url(), "open").await?;
    resize(&tab, WIDE).await?;
    click(&tab, (10, 10), 0).await?;
    wait_count(&tab, BLACK, 1).await?;
    // A line from the last cell is shown before it is painted.
    let far = middle(&tab, SIZE, (20, 15)).await?;
    mouse(&tab, "mouseMoved", far, "none", SHIFT).await?;
    let ghost =
        "const ghost = document.querySelector('.ghost'); return [ghost.hidden, ghost.width, ghost.height]";
    tab.wait_until(PATIENCE, "the line is shown", async || {
        let shown = tab.eval(ghost, vec![]).await?;
        ensure!(shown == json!([false, 10, 6]) || shown == json!([false, 10, 5]), "{shown}");
        Ok(())
    })
    .await?;
    ensure!(count(&tab, BLACK).await? == 1, "what is shown is not painted");
    click(&tab, (20, 15), SHIFT).await?;
    wait_count(&tab, BLACK, 11).await?;
    wait_shows(&tab, (20, 15), BLACK).await?;
    // A drag with Shift is a line from where it began to where it ends, whatever lies between.
    let path = [(40, 40), (45, 60), (60, 40)];
    for (index, cell) in path.into_iter().enumerate() {
        let at = middle(&tab, SIZE, cell).await?;
        if index == 0 {
            mouse(&tab, "mouseMoved", at, "none", 0).await?;
            mouse(&tab, "mousePressed", at, "left", 0).await?;
        } else {
            mouse(&tab, "mouseMoved", at, "left", SHIFT).await?;
        }
    }
    let end = middle(&tab, SIZE, (60, 40)).await?;
    mouse(&tab, "mouseReleased", end, "left", SHIFT).await?;
    wait_count(&tab, BLACK, 32).await?;
    wait_shows(&tab, (50, 40), BLACK).await?;
    tab.click("undo").await?;
    wait_count(&tab, BLACK, 11).await?;
    key(&tab, "z", CTRL).await?;
    wait_count(&tab, BLACK, 1).await?;
    key(&tab, "z", CTRL | SHIFT).await?;
    wait_count(&tab, BLACK, 11).await
}

#[tokio::test]
async fn colours_are_picked_kept_and_used_to_fill() -> Result<()> {
    let server = Server::start().await?;
    for size in [WIDE, NARROW] {
        let browser = Browser::start().await?;
        let (tab, _) = open_page(&browser, server.url(), "open").await?;
        resize(&tab, size).await?;
        // A box of 12 by 12, drawn in one drag.
        let corners = [(30, 30), (41, 30), (41, 41), (30, 41), (30, 30)];
        tab.drag_cells(SIZE, &corners).await?;
        wait_count(&tab, BLACK, 44).await?;
        choose_own(&tab, "#12ab9f").await?;
        tab.click("tool-fill").await?;
        tab.click_cell(SIZE, (35, 35)).await?;
        let own = [0x12, 0xab, 0x9f, 0xff];
        wait_count(&tab, own, 100).await?;
        wait_says(&tab, "tool-hint", "100 cells").await?;
        ensure!(count(&tab, BLACK).await? == 44, "a fill ends at its border");
        // The eyedropper takes what lies under it, and gives way to the tool before.
        tab.click("tool-eyedropper").await?;
        tab.click_cell(SIZE, (30, 35)).await?;
        wait_pressed(&tab, "palette-000000", true).await?;
        wait_pressed(&tab, "tool-fill", true).await?;
        if size == WIDE {
            click(&tab, (35, 35), ALT).await?;
            wait_pressed(&tab, "recent-12ab9f", true).await?;
        }
        // A large fill is a question first.
        tab.click("palette-e6194b").await?;
        tab.click_cell(SIZE, (2, 2)).await?;
        wait_says(&tab, "fill-question", "Fill 9,856 cells with red?").await?;
        ensure!(count(&tab, RED).await? == 0, "nothing is painted before the answer");
        tab.click("fill-confirm").await?;
        wait_count(&tab, RED, 9856).await?;
        tab.click("undo").await?;
        wait_count(&tab, RED, 0).await?;
        ensure!(count(&tab, NOTHING).await? == 9856, "what was empty is empty again");
        tab.click("redo").await?;
        wait_count(&tab, RED, 9856).await?;
        tab.reload().await?;
        wait_there(&tab, "recent-12ab9f").await?;
        tab.click("recent-12ab9f").await?;
        wait_pressed(&tab, "recent-12ab9f", true).await?;
    }
    Ok(())
}

#[tokio::test]
async fn undo_spares_what_others_painted_over_own_strokes() -> Result<()> {
    let server = Server::start().await?;
    let (first, second) = (Browser::start().await?, Browser::start().await?);
    let (one, link) = open_page(&first, server.url(), "open").await?;
    let two = second.tab(&link).await?;
    wait_linked(&two, 1).await?;
    for (size, row) in [(WIDE, 20), (NARROW, 70)] {
        resize(&one, size).await?;
        one.click("tool-pencil").await?;
        one.click("palette-4363d8").await?;
        one.drag_cells(SIZE, &[(10, row), (14, row)]).await?;
        one.click("palette-e6194b").await?;
        one.drag_cells(SIZE, &[(12, row), (16, row)]).await?;
        wait_shows(&two, (16, row), RED).await?;
        two.click("palette-000000").await?;
        two.click_cell(SIZE, (13, row)).await?;
        wait_shows(&one, (13, row), BLACK).await?;
        one.click("undo").await?;
        wait_says(&one, "tool-hint", "Undone: 4 cells. 1 cell stays, painted over by others.").await?;
        for (x, colour) in [(12, BLUE), (13, BLACK), (14, BLUE), (16, NOTHING)] {
            wait_shows(&one, (x, row), colour).await?;
            wait_shows(&two, (x, row), colour).await?;
        }
        one.click("undo").await?;
        wait_shows(&two, (14, row), NOTHING).await?;
        ensure!(one.attribute("undo", "aria-disabled").await?.as_deref() == Some("true"), "all is undone");
        one.click("redo").await?;
        wait_shows(&two, (14, row), BLUE).await?;
        one.click("undo").await?;
        wait_shows(&two, (14, row), NOTHING).await?;
    }
    Ok(())
}

#[tokio::test]
async fn stroke_beyond_the_limit_is_refused_with_numbers() -> Result<()> {
    let server = Server::start().await?;
    let (cli, browser) = (Cli::new()?, Browser::start().await?);
    let made = cli.run(["place", "create", "--server", server.url(), "--json"]).await?;
    let link = made.success()?.json()?["link"].as_str().context("a LINK")?.to_owned();
    let tab = browser.tab(&link).await?;
    wait_there(&tab, "tool-fill").await?;
    // Painted before there is a limit, so that none of it counts.
    tab.drag_cells(SIZE, &[(30, 30), (37, 30), (37, 37), (30, 37), (30, 30)]).await?;
    wait_count(&tab, BLACK, 28).await?;
    cli.run(["place", "rules", &link, "--cells-per-minute", "60"]).await?.success()?;
    for size in [WIDE, NARROW] {
        resize(&tab, size).await?;
        tab.click("palette-e6194b").await?;
        tab.click("tool-fill").await?;
        tab.click_cell(SIZE, (5, 5)).await?;
        wait_says(&tab, "tool-hint", "This fill takes 9,936 cells. This room allows 60 cells every minute.")
            .await?;
        ensure!(count(&tab, RED).await? == 0, "nothing was painted");
    }
    wait_same_minute(&tab).await?;
    tab.click_cell(SIZE, (33, 33)).await?;
    wait_count(&tab, RED, 36).await?;
    tab.click("undo").await?;
    wait_says(&tab, "tool-hint", "Undoing this takes 36 cells").await?;
    ensure!(count(&tab, RED).await? == 36, "nothing was undone");
    Ok(())
}

#[tokio::test]
async fn colours_are_one_stop_for_tab() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let (tab, _) = open_page(&browser, server.url(), "open").await?;
    tab.click("palette-e6194b").await?;
    let stops = "return Array.from(document.querySelectorAll('.swatch'))
        .filter(swatch => swatch.tabIndex === 0).map(swatch => swatch.dataset.testid)";
    let stops = tab.eval(stops, vec![]).await?;
    ensure!(stops == serde_json::json!(["palette-e6194b"]), "{stops}");
    ensure!(tab.value("colour-input").await? == "#e6194b", "it opens at the colour in hand");
    let walk = "const key = name => document.activeElement.dispatchEvent(
            new KeyboardEvent('keydown', { key: name, bubbles: true, cancelable: true }));
        document.querySelector('[data-testid=\"palette-e6194b\"]').focus();
        key('ArrowRight');
        const next = document.activeElement.dataset.testid;
        key('ArrowLeft');
        return [next, document.activeElement.dataset.testid];";
    let walked = tab.eval(walk, vec![]).await?;
    ensure!(walked[0] != walked[1] && walked[1] == "palette-e6194b", "{walked}");
    Ok(())
}

/// Waits until the room's minute goes on for twenty seconds, so that what follows lies in one of the rules' minutes.
async fn wait_same_minute(tab: &Tab) -> Result<()> {
    tab.wait_until(PATIENCE, "twenty seconds of a minute", async || {
        let said = tab.text("allowance").await?;
        let seconds = said.split(|letter: char| !letter.is_ascii_digit()).rfind(|number| !number.is_empty());
        let seconds: u64 = seconds.context("a number")?.parse()?;
        ensure!(said.contains("60 cells left") && seconds >= 20, "{said}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn keys_do_as_listed_and_letters_switch_off() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let (tab, _) = open_page(&browser, server.url(), "open").await?;
    resize(&tab, WIDE).await?;
    key(&tab, "g", 0).await?;
    tab.type_text("goto-cell", "7, 200").await?;
    tab.click("goto-go").await?;
    wait_says(&tab, "goto-problem", "There is no cell 7, 200. Columns go from 0 to 99, rows from 0 to 99.")
        .await?;
    tab.type_text("goto-cell", "7, 8").await?;
    tab.click("goto-go").await?;
    wait_spoken(&tab, "x 7, y 8, unpainted").await?;
    key(&tab, " ", 0).await?;
    wait_shows(&tab, (7, 8), BLACK).await?;
    key(&tab, "w", 0).await?;
    wait_spoken(&tab, "x 7, y 8, black, you, just now").await?;
    for (letter, tool) in
        [("f", "tool-fill"), ("i", "tool-eyedropper"), ("h", "tool-hand"), ("p", "tool-pencil")]
    {
        key(&tab, letter, 0).await?;
        wait_pressed(&tab, tool, true).await?;
    }
    // The hand's arrows move the canvas, and nothing is painted.
    for _ in 0..4 {
        key(&tab, "+", 0).await?;
    }
    key(&tab, "h", 0).await?;
    let before = canvas_box(&tab).await?;
    key(&tab, "ArrowRight", 0).await?;
    key(&tab, " ", 0).await?;
    wait_spoken(&tab, "The hand only moves the canvas").await?;
    let after = canvas_box(&tab).await?;
    ensure!(after[0] < before[0] && count(&tab, BLACK).await? == 1, "{before:?} {after:?}");
    key(&tab, "z", 0).await?;
    // A frame that leaves the view takes the view along.
    key(&tab, "p", 0).await?;
    for _ in 0..8 {
        key(&tab, "+", 0).await?;
    }
    let before = canvas_box(&tab).await?;
    for _ in 0..9 {
        key(&tab, "ArrowRight", SHIFT).await?;
    }
    let after = canvas_box(&tab).await?;
    ensure!(after[0] < before[0], "{before:?} {after:?}");
    key(&tab, "z", 0).await?;
    key(&tab, "?", 0).await?;
    wait_says(&tab, "keys", "who painted this cell").await?;
    tab.click("letter-keys").await?;
    key(&tab, "Escape", 0).await?;
    tab.reload().await?;
    wait_there(&tab, "tool-fill").await?;
    key(&tab, "f", 0).await?;
    key(&tab, "ArrowLeft", 0).await?;
    wait_spoken(&tab, "x 49").await?;
    let is_off = tab.attribute("tool-fill", "aria-pressed").await?.as_deref() == Some("false");
    ensure!(is_off, "a letter that is switched off does nothing");
    key(&tab, "?", 0).await?;
    tab.click("letter-keys").await
}

#[tokio::test]
async fn two_fingers_zoom_and_hand_drags_without_painting() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let (tab, _) = open_page(&browser, server.url(), "open").await?;
    resize(&tab, NARROW).await?;
    wait_there(&tab, "tool-hand").await?;
    let before = canvas_box(&tab).await?;
    let (x, y) = middle(&tab, SIZE, (50, 50)).await?;
    touch(&tab, "touchStart", &[(x - 20.0, y)]).await?;
    touch(&tab, "touchStart", &[(x - 20.0, y), (x + 20.0, y)]).await?;
    for apart in [40.0, 60.0, 80.0] {
        touch(&tab, "touchMove", &[(x - apart, y), (x + apart, y)]).await?;
    }
    touch(&tab, "touchEnd", &[]).await?;
    let after = canvas_box(&tab).await?;
    ensure!(after[2] > before[2] * 2.0, "it grows from {before:?} to {after:?}");
    ensure!(count(&tab, NOTHING).await? == 10_000, "two fingers painted");
    tab.click("tool-hand").await?;
    touch(&tab, "touchStart", &[(x, y)]).await?;
    touch(&tab, "touchMove", &[(x - 40.0, y - 30.0)]).await?;
    touch(&tab, "touchEnd", &[]).await?;
    let moved = canvas_box(&tab).await?;
    ensure!((moved[0] - after[0] + 40.0).abs() < 2.0, "{after:?} {moved:?}");
    ensure!(count(&tab, NOTHING).await? == 10_000, "moving painted");
    tab.click("zoom-reset").await?;
    tab.click("tool-pencil").await?;
    let (x, y) = middle(&tab, SIZE, (20, 20)).await?;
    touch(&tab, "touchStart", &[(x, y)]).await?;
    touch(&tab, "touchEnd", &[]).await?;
    wait_shows(&tab, (20, 20), BLACK).await?;
    // A stroke that becomes a pinch was none: what it has painted is painted back.
    let (x, y) = middle(&tab, SIZE, (60, 60)).await?;
    touch(&tab, "touchStart", &[(x, y)]).await?;
    touch(&tab, "touchMove", &[(x + 40.0, y)]).await?;
    wait_shows(&tab, (65, 60), BLACK).await?;
    touch(&tab, "touchStart", &[(x + 40.0, y), (x, y + 60.0)]).await?;
    touch(&tab, "touchEnd", &[]).await?;
    wait_count(&tab, BLACK, 1).await?;
    tab.click("undo").await?;
    wait_count(&tab, BLACK, 0).await
}

#[tokio::test]
async fn minimap_of_a_large_canvas_leads_everywhere() -> Result<()> {
    let server = Server::start().await?;
    let (cli, browser) = (Cli::new()?, Browser::start().await?);
    let made = cli.run(["place", "create", "--server", server.url(), "--size", "400x300", "--json"]).await?;
    let link = made.success()?.json()?["link"].as_str().context("a LINK")?.to_owned();
    let _host = cli.start(["place", "watch", &link])?;
    let tab = browser.tab(&link).await?;
    for size in [WIDE, NARROW] {
        wait_there(&tab, "zoom-reset").await?;
        resize(&tab, size).await?;
        tab.click("zoom-reset").await?;
        ensure!(!tab.has("minimap").await?, "all of it is seen");
        for _ in 0..8 {
            tab.click("zoom-in").await?;
        }
        wait_there(&tab, "minimap").await?;
        let before = canvas_box(&tab).await?;
        let script =
            "const box = document.querySelector('[data-testid=\"minimap\"]').getBoundingClientRect();
            return [box.left, box.top, box.width, box.height];";
        let [left, top, width, height]: [f64; 4] = serde_json::from_value(tab.eval(script, vec![]).await?)?;
        let (from, to) = ((left + width * 0.5, top + height * 0.5), (left + width * 0.9, top + height * 0.9));
        if size == NARROW {
            touch(&tab, "touchStart", &[from]).await?;
            touch(&tab, "touchMove", &[to]).await?;
            touch(&tab, "touchEnd", &[]).await?;
        } else {
            mouse(&tab, "mousePressed", from, "left", 0).await?;
            mouse(&tab, "mouseMoved", to, "left", 0).await?;
            mouse(&tab, "mouseReleased", to, "left", 0).await?;
        }
        let after = canvas_box(&tab).await?;
        let by = (before[0] - after[0], before[1] - after[1]);
        ensure!(by.0 > before[2] * 0.3 && by.1 > before[3] * 0.3, "it moved by {by:?} from {before:?}");
    }
    Ok(())
}

/// Column and row of the picture's upper left corner.
async fn picture_at(tab: &Tab) -> Result<(usize, usize)> {
    let script =
        "const box = document.querySelector('[data-testid=\"place-canvas\"]').getBoundingClientRect();
        const laid = document.querySelector('[data-testid=\"stencil\"]').getBoundingClientRect();
        const cell = box.width / 100;
        return [Math.round((laid.left - box.left) / cell), Math.round((laid.top - box.top) / cell)];";
    Ok(serde_json::from_value(tab.eval(script, vec![]).await?)?)
}

#[tokio::test]
async fn stencil_is_painted_through_and_finds_wrong_cells() -> Result<()> {
    let server = Server::start().await?;
    for size in [WIDE, NARROW] {
        let browser = Browser::start().await?;
        let (tab, _) = open_page(&browser, server.url(), "open").await?;
        resize(&tab, size).await?;
        give_picture(&tab).await?;
        wait_says(&tab, "picture-state", "0 of 31 cells painted.").await?;
        // Loose, it is moved by drags and arrows, and nothing is painted.
        let from = picture_at(&tab).await?;
        tab.drag_cells(SIZE, &[(from.0 + 2, from.1 + 2), (from.0 + 2, from.1 - 18)]).await?;
        key(&tab, "ArrowRight", 0).await?;
        let at = (from.0 + 1, from.1 - 20);
        tab.wait_until(PATIENCE, "the picture is moved", async || {
            let shown = picture_at(&tab).await?;
            ensure!(shown == at, "it lies at {shown:?} instead of {at:?}");
            Ok(())
        })
        .await?;
        ensure!(count(&tab, NOTHING).await? == 10_000, "moving a picture painted");
        // Pinned, the pencil takes its colours, brought to the twelve.
        tab.click("picture-pin").await?;
        tab.drag_cells(SIZE, &[(at.0 + 2, at.1 + 1), (at.0 + 5, at.1 + 1)]).await?;
        wait_shows(&tab, (at.0 + 3, at.1 + 1), RED).await?;
        wait_shows(&tab, (at.0 + 4, at.1 + 1), BLUE).await?;
        tab.click_cell(SIZE, (at.0 + 7, at.1 + 3)).await?;
        wait_says(&tab, "picture-state", "4 of 31 cells painted.").await?;
        ensure!(count(&tab, NOTHING).await? == 9996, "where the picture has nothing, nothing is painted");
        tab.click("picture-next").await?;
        wait_spoken(&tab, "should be").await?;
        tab.click("picture-paint").await?;
        wait_says(&tab, "picture-state", "All 31 cells painted.").await?;
        wait_count(&tab, RED, 16).await?;
        wait_count(&tab, BLUE, 15).await?;
        tab.click("undo").await?;
        wait_count(&tab, RED, 2).await?;
        tab.click("picture-remove").await?;
        ensure!(!tab.has("picture-size").await?, "it is taken away");
    }
    Ok(())
}

#[tokio::test]
async fn picture_is_painted_in_portions_and_cancelled() -> Result<()> {
    let server = Server::start().await?;
    let (cli, browser) = (Cli::new()?, Browser::start().await?);
    let made = cli.run(["place", "create", "--server", server.url(), "--json"]).await?;
    let link = made.success()?.json()?["link"].as_str().context("a LINK")?.to_owned();
    let tab = browser.tab(&link).await?;
    cli.run(["place", "rules", &link, "--cooldown", "1s"]).await?.success()?;
    for size in [WIDE, NARROW] {
        resize(&tab, size).await?;
        wait_there(&tab, "tool-fill").await?;
        give_picture(&tab).await?;
        wait_says(&tab, "picture-state", "The room\u{2019}s rules make the rest take").await?;
        let before = count(&tab, RED).await?;
        tab.click("picture-paint").await?;
        wait_says(&tab, "work-progress", "left").await?;
        tab.wait_until(PATIENCE, "a second portion", async || {
            let shown = count(&tab, RED).await?;
            ensure!(shown >= before + 2, "{shown} cells after {before}");
            Ok(())
        })
        .await?;
        tab.click("work-cancel").await?;
        wait_says(&tab, "tool-hint", "You cancelled it.").await?;
        tab.click("picture-remove").await?;
    }
    Ok(())
}
