//! The whiteboard's tools, its keys, what is done with chosen shapes, and its pictures as files.

use anyhow::{Context as _, Result, ensure};
use meshwork_e2e::{Browser, Key, Kind, PATIENCE, Server, Tab};
use serde_json::{Value, json};

use crate::common::board::{
    corner, focus, is_ink, kinds, middle, only, saved, saved_as, two, wait_pixel, zoom,
};
use crate::common::hands::mouse;
use crate::common::{open_board, open_values, wait_shapes};

/// How WebDriver names keys.
const ESCAPE: char = '\u{e00c}';
const RIGHT: char = '\u{e014}';
const DOWN: char = '\u{e015}';

/// The tools by name, with the keys that take them.
const TOOLS: [(&str, &[&str]); 11] = [
    ("select", &["v", "1"]),
    ("rectangle", &["r", "2"]),
    ("ellipse", &["o", "3"]),
    ("arrow", &["a", "4"]),
    ("line", &["l", "5"]),
    ("pen", &["p", "6"]),
    ("text", &["t", "7"]),
    ("note", &["n", "8"]),
    ("hand", &["h"]),
    ("eraser", &["e"]),
    ("laser", &["k"]),
];

/// One person on an empty board.
async fn one(server: &Server, browser: &Browser) -> Result<Tab> {
    let (tab, _) = open_values(browser, server.url()).await?;
    open_board(&tab).await?;
    focus(&tab).await?;
    Ok(tab)
}

/// Waits until so many shapes are chosen.
async fn wait_chosen(tab: &Tab, count: usize) -> Result<()> {
    tab.wait_until(PATIENCE, "what is chosen", async || {
        let chosen = tab.attribute("whiteboard", "data-chosen").await?;
        ensure!(chosen == Some(count.to_string()), "{chosen:?} instead of {count} are chosen");
        Ok(())
    })
    .await
}

/// Left, top, width and height of an element of a file.
fn place(element: &Value) -> [i64; 4] {
    #[expect(clippy::cast_possible_truncation, reason = "a place on a board is a small number")]
    ["x", "y", "width", "height"].map(|side| element[side].as_f64().unwrap_or(f64::NAN).round() as i64)
}

/// Draws a rectangle with its tool.
async fn draw_rectangle(tab: &Tab, from: (i64, i64), to: (i64, i64)) -> Result<()> {
    tab.click("tool-rectangle").await?;
    tab.drag_on("whiteboard", &[from, (from.0 + 20, from.1 + 20), to]).await
}

#[tokio::test]
async fn every_tool_has_its_keys() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start_kind(Kind::of_this_run()).await?;
    let tab = one(&server, &browser).await?;
    for (tool, keys) in TOOLS {
        for key in keys {
            // Another tool is in hand before.
            tab.press_keys(if tool == "hand" { "e" } else { "h" }).await?;
            tab.press_keys(*key).await?;
            tab.wait_until(PATIENCE, "the tool", async || {
                let pressed = tab.attribute(&format!("tool-{tool}"), "aria-pressed").await?;
                ensure!(pressed.as_deref() == Some("true"), "{key} does not take {tool}");
                Ok(())
            })
            .await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn every_tool_draws_its_shape() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start_kind(Kind::of_this_run()).await?;
    let tab = one(&server, &browser).await?;
    for (count, (key, left)) in (1..).zip([("r", 60), ("o", 180), ("a", 300), ("l", 420), ("p", 540)]) {
        tab.press_keys(key).await?;
        tab.drag_on("whiteboard", &[(left, 100), (left + 30, 130), (left + 80, 160)]).await?;
        wait_shapes(&tab, count).await?;
        focus(&tab).await?;
    }
    tab.press_keys("t").await?;
    tab.drag_on("whiteboard", &[(100, 300)]).await?;
    tab.press_keys(format!("Ferry at noon{ESCAPE}")).await?;
    wait_shapes(&tab, 6).await?;
    tab.press_keys("n").await?;
    tab.drag_on("whiteboard", &[(300, 300), (350, 350), (420, 420)]).await?;
    tab.press_keys(format!("Umbrella{ESCAPE}")).await?;
    wait_shapes(&tab, 7).await?;
    let shapes = saved(&tab).await?;
    let drawn = ["rectangle", "ellipse", "arrow", "line", "freedraw", "text", "rectangle", "text"];
    ensure!(kinds(&shapes) == drawn, "{shapes:#}");
    ensure!(place(only(&shapes, "ellipse")?)[2..] == [80, 60], "{shapes:#}");
    ensure!(shapes[5]["text"] == "Ferry at noon" && shapes[7]["originalText"] == "Umbrella", "{shapes:#}");
    // The eraser takes away what it goes over.
    focus(&tab).await?;
    tab.press_keys("e").await?;
    tab.drag_on("whiteboard", &[(100, 60), (100, 100), (100, 180), (460, 180), (460, 120)]).await?;
    wait_shapes(&tab, 5).await?;
    ensure!(kinds(&saved(&tab).await?) == ["ellipse", "arrow", "freedraw", "text", "rectangle", "text"]);
    Ok(())
}

#[tokio::test]
async fn chosen_shapes_move_resize_and_change_order() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start_kind(Kind::of_this_run()).await?;
    let tab = one(&server, &browser).await?;
    draw_rectangle(&tab, (100, 100), (200, 160)).await?;
    wait_shapes(&tab, 1).await?;
    wait_chosen(&tab, 1).await?;
    // Its lower right corner is a handle, its edge takes hold of it.
    tab.drag_on("whiteboard", &[(200, 160), (230, 180), (300, 220)]).await?;
    tab.drag_on("whiteboard", &[(150, 100), (160, 110), (170, 130)]).await?;
    let shapes = saved(&tab).await?;
    ensure!(place(only(&shapes, "rectangle")?) == [120, 130, 200, 120], "{shapes:#}");
    focus(&tab).await?;
    tab.press_keys("o").await?;
    tab.drag_on("whiteboard", &[(200, 150), (300, 200), (380, 280)]).await?;
    wait_shapes(&tab, 2).await?;
    focus(&tab).await?;
    for (key, order) in [("[", ["ellipse", "rectangle"]), ("]", ["rectangle", "ellipse"])] {
        tab.press_keys(key).await?;
        let shapes = saved(&tab).await?;
        ensure!(kinds(&shapes) == order, "{key}: {shapes:#}");
        focus(&tab).await?;
    }
    tab.click("board-back").await?;
    ensure!(kinds(&saved(&tab).await?) == ["ellipse", "rectangle"], "to the back");
    tab.click("board-front").await?;
    ensure!(kinds(&saved(&tab).await?) == ["rectangle", "ellipse"], "to the front");
    // Arrows move by one, with Shift by ten, and with Alt change the size.
    focus(&tab).await?;
    tab.press_keys(RIGHT.to_string()).await?;
    tab.press_with(Key::Shift, DOWN.to_string()).await?;
    tab.press_with(Key::Alt, RIGHT.to_string()).await?;
    let shapes = saved(&tab).await?;
    ensure!(place(only(&shapes, "ellipse")?) == [201, 160, 181, 130], "{shapes:#}");
    Ok(())
}

#[tokio::test]
async fn several_shapes_are_chosen_copied_and_coloured() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start_kind(Kind::of_this_run()).await?;
    let tab = one(&server, &browser).await?;
    for left in [100, 300, 500] {
        draw_rectangle(&tab, (left, 100), (left + 100, 160)).await?;
    }
    wait_shapes(&tab, 3).await?;
    focus(&tab).await?;
    tab.press_keys(ESCAPE.to_string()).await?;
    wait_chosen(&tab, 0).await?;
    // A frame drawn around two of them chooses both.
    tab.drag_on("whiteboard", &[(80, 80), (300, 150), (420, 200)]).await?;
    wait_chosen(&tab, 2).await?;
    tab.click("board-colour-6").await?;
    tab.click("board-copy").await?;
    wait_shapes(&tab, 5).await?;
    wait_chosen(&tab, 2).await?;
    focus(&tab).await?;
    tab.press_with(Key::Control, "a").await?;
    wait_chosen(&tab, 5).await?;
    let shapes = saved(&tab).await?;
    let coloured = shapes.as_array().into_iter().flatten().filter(|shape| shape["strokeColor"] == "#b93a5b");
    ensure!(coloured.count() == 4, "two and their copies are coloured: {shapes:#}");
    tab.click("board-delete").await?;
    wait_shapes(&tab, 0).await?;
    focus(&tab).await?;
    tab.press_with(Key::Control, "z").await?;
    wait_shapes(&tab, 5).await?;
    tab.press_with(Key::Control, "a").await?;
    tab.press_with(Key::Control, "d").await?;
    wait_shapes(&tab, 10).await?;
    tab.press_with(Key::Control, "z").await?;
    wait_shapes(&tab, 5).await?;
    // What is pasted elsewhere comes as text, and shapes as shapes.
    let paste = "const data = new DataTransfer();
        data.setData('text/plain', arguments[0]);
        document.body.dispatchEvent(
            new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));";
    tab.eval(paste, vec!["Platform 9".into()]).await?;
    wait_shapes(&tab, 6).await?;
    let file = json!({ "type": "excalidraw/clipboard", "elements": [only(&saved(&tab).await?, "text")?] });
    tab.eval(paste, vec![file.to_string().into()]).await?;
    wait_shapes(&tab, 7).await?;
    let shapes = saved(&tab).await?;
    let words = shapes.as_array().into_iter().flatten().filter(|shape| shape["text"] == "Platform 9");
    ensure!(words.count() == 2, "{shapes:#}");
    Ok(())
}

/// Waits until the zoom is so, in percent.
async fn wait_zoom(tab: &Tab, is_right: impl Fn(u32) -> bool) -> Result<()> {
    tab.wait_until(PATIENCE, "a zoom", async || {
        let shown = zoom(tab).await?;
        ensure!(is_right(shown), "it is {shown} %");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn boards_are_zoomed_and_moved() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start_kind(Kind::of_this_run()).await?;
    let tab = one(&server, &browser).await?;
    tab.press_keys("p").await?;
    tab.click("board-size-2").await?;
    tab.drag_on("whiteboard", &[(200, 200), (210, 200), (220, 200), (230, 200)]).await?;
    wait_shapes(&tab, 1).await?;
    let is_bare = |shown: &Value| shown[3] == json!(0);
    wait_pixel(&tab, (215, 200), is_ink).await?;
    // The hand and the wheel move the board.
    focus(&tab).await?;
    tab.press_keys("h").await?;
    tab.drag_on("whiteboard", &[(400, 400), (420, 430), (450, 500)]).await?;
    wait_pixel(&tab, (265, 300), is_ink).await?;
    wait_pixel(&tab, (215, 200), is_bare).await?;
    let wheel = "const stage = document.querySelector('[data-testid=\"whiteboard\"]');
        const box = stage.getBoundingClientRect();
        stage.dispatchEvent(new WheelEvent('wheel', { deltaY: arguments[0], ctrlKey: arguments[1], bubbles: true,
            cancelable: true, clientX: box.left + 265, clientY: box.top + arguments[2] }));";
    tab.eval(wheel, vec![json!(100), json!(false), json!(300)]).await?;
    wait_pixel(&tab, (265, 200), is_ink).await?;
    // With Ctrl it zooms about the pointer, and what lies there stays.
    tab.eval(wheel, vec![json!(-300), json!(true), json!(200)]).await?;
    wait_zoom(&tab, |percent| percent > 140).await?;
    wait_pixel(&tab, (265, 200), is_ink).await?;
    // An empty board shows where its shapes are at one key.
    for _ in 0..40 {
        tab.press_keys(RIGHT.to_string()).await?;
    }
    wait_pixel(&tab, (265, 200), is_bare).await?;
    tab.press_with(Key::Shift, "1").await?;
    wait_pixel(&tab, middle(&tab).await?, is_ink).await?;
    let before = zoom(&tab).await?;
    tab.press_keys("-").await?;
    wait_zoom(&tab, |percent| percent < before).await?;
    tab.press_keys("+").await?;
    wait_zoom(&tab, |percent| percent == before).await
}

#[tokio::test]
async fn lasers_show_and_leave_nothing_behind() -> Result<()> {
    let server = Server::start().await?;
    let browsers = [Browser::start().await?, Browser::start().await?];
    let (ann, bo, _) = two(&server, &browsers).await?;
    ann.click("tool-laser").await?;
    let (left, top) = corner(&ann).await?;
    let at = |x: f64| (left + x, top + 250.0);
    mouse(&ann, "mousePressed", at(200.0), "left", 0).await?;
    // It moves to and fro while the other one looks: a laser's light goes out by itself.
    let mut is_there = false;
    for round in 0..2_000_u32 {
        let step = f64::from(round % 40);
        mouse(&ann, "mouseMoved", at(200.0 + (step - 20.0).abs() * 5.0), "left", 0).await?;
        if round % 10 == 9 && wait_light(&bo, true).await.is_ok() {
            is_there = true;
            break;
        }
    }
    ensure!(is_there, "the other one sees no light");
    mouse(&ann, "mouseReleased", at(200.0), "left", 0).await?;
    mouse(&ann, "mouseMoved", (left + 600.0, top + 600.0), "none", 0).await?;
    bo.wait_until(PATIENCE, "no light", async || wait_light(&bo, false).await).await?;
    wait_shapes(&ann, 0).await?;
    wait_shapes(&bo, 0).await
}

/// Whether the line along which the laser goes has light in it, or has none.
async fn wait_light(tab: &Tab, is_lit: bool) -> Result<()> {
    let script = "const canvas = document.querySelector('.board-paper');
        const scale = canvas.width / canvas.clientWidth;
        const line = canvas.getContext('2d').getImageData(200 * scale, 250 * scale, 100 * scale, 1).data;
        return line.filter((part, at) => at % 4 === 3 && part > 0).length;";
    let lit = tab.eval(script, vec![]).await?.as_u64().context("no number")?;
    ensure!((lit > 20) == is_lit, "{lit} pixels are lit");
    Ok(())
}

/// Width and height of a picture in a page, and the colours of some of its points, as shares of its size.
async fn look_into(tab: &Tab, address: &str, points: &[(f64, f64)]) -> Result<(u32, u32, Vec<[u8; 4]>)> {
    let script = "const image = new Image();
        image.src = arguments[0];
        return image.decode().then(() => {
            const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
            const context = canvas.getContext('2d');
            context.drawImage(image, 0, 0);
            const colours = arguments[1].map(([x, y]) =>
                Array.from(context.getImageData(x * canvas.width, y * canvas.height, 1, 1).data));
            return [canvas.width, canvas.height, colours];
        });";
    Ok(serde_json::from_value(tab.eval(script, vec![address.into(), json!(points)]).await?)?)
}

#[tokio::test]
async fn boards_are_saved_as_pictures() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start_kind(Kind::of_this_run()).await?;
    let tab = one(&server, &browser).await?;
    draw_rectangle(&tab, (100, 100), (300, 220)).await?;
    wait_shapes(&tab, 1).await?;
    tab.click("board-colour-6").await?;
    tab.click("board-fill").await?;
    // It is 200 by 120 with its line; what lies in it is a tint, what lies around it paper.
    let points = [(0.02, 0.02), (0.5, 0.5), (0.98, 0.5)];
    focus(&tab).await?;
    tab.press_keys(ESCAPE.to_string()).await?;
    let mut pictures = Vec::new();
    for (item, kind, scale) in [("save-board-svg", "image/svg+xml", 1), ("save-board-png", "image/png", 2)] {
        // A file on a disk has its kind by its name alone.
        let address = saved_as(&tab, item).await?.replace("application/octet-stream", kind);
        let (width, height, colours) = look_into(&tab, &address, &points).await?;
        // 24 stay free at each side, and room for the widest line.
        ensure!((width, height) == (260 * scale, 180 * scale), "{item} is {width} by {height}");
        pictures.push(colours);
    }
    let [white, tint, _] = pictures[0][..] else { anyhow::bail!("three points were asked for") };
    ensure!(white == [255; 4], "around it is white paper: {white:?}");
    ensure!(tint[0] > tint[1] + 15 && tint[3] == 255, "its area is a tint of red: {tint:?}");
    let apart = pictures[0].iter().flatten().zip(pictures[1].iter().flatten());
    ensure!(apart.into_iter().all(|(one, other)| one.abs_diff(*other) < 6), "both look alike: {pictures:?}");
    Ok(())
}
