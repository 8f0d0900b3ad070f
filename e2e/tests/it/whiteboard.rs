//! Sync's whiteboard: what several people draw at once, apart and together again.

use anyhow::{Result, ensure};
use meshwork_e2e::{Browser, Key, Kind, PATIENCE, Server, wait_until};
use serde_json::{Value, json};

use crate::common::board::{corner, focus, is_ink, middle, only, saved, two, wait_pixel, zoom};
use crate::common::hands::{mouse, wait_there};
use crate::common::{
    drop_file, open_board, open_values, wait_gone, wait_held, wait_linked, wait_says, wait_shapes,
    watched_room,
};

/// How WebDriver names keys.
const ENTER: char = '\u{e007}';
const ESCAPE: char = '\u{e00c}';
const DELETE: char = '\u{e017}';
const RIGHT: char = '\u{e014}';

#[tokio::test]
async fn shapes_drawn_apart_come_together() -> Result<()> {
    let mut server = Server::start().await?;
    let browsers = [Browser::start().await?, Browser::start().await?];
    let (ann, bo, link) = two(&server, &browsers).await?;
    ann.click("tool-rectangle").await?;
    ann.drag_on("whiteboard", &[(100, 100), (150, 150), (260, 180)]).await?;
    wait_shapes(&bo, 1).await?;
    wait_held(&ann, "held by 1").await?;
    bo.click("disconnect").await?;
    wait_linked(&ann, 0).await?;
    // One moves it and the other colours it; both draw.
    focus(&bo).await?;
    bo.press_keys(",").await?;
    for _ in 0..4 {
        bo.press_with(Key::Shift, RIGHT.to_string()).await?;
    }
    bo.click("tool-pen").await?;
    bo.drag_on("whiteboard", &[(100, 300), (140, 320), (180, 300), (220, 330)]).await?;
    ann.click("board-colour-6").await?;
    ann.click("tool-arrow").await?;
    ann.drag_on("whiteboard", &[(300, 100), (350, 120), (400, 200)]).await?;
    wait_shapes(&bo, 2).await?;
    wait_shapes(&ann, 2).await?;
    bo.click("connect").await?;
    wait_shapes(&ann, 3).await?;
    wait_shapes(&bo, 3).await?;
    let shapes = saved(&ann).await?;
    ensure!(saved(&bo).await? == shapes, "both see one board");
    let rectangle = only(&shapes, "rectangle")?;
    ensure!(rectangle["x"] == json!(140.0) && rectangle["y"] == json!(100.0), "it was moved: {rectangle:#}");
    ensure!(rectangle["strokeColor"] == "#b93a5b", "it was coloured: {rectangle:#}");
    only(&shapes, "freedraw")?;
    only(&shapes, "arrow")?;
    // Links go on without the server, and so does drawing; what was drawn is there when a page comes again.
    server.kill();
    ann.click("tool-ellipse").await?;
    ann.drag_on("whiteboard", &[(500, 300), (550, 350), (600, 380)]).await?;
    wait_shapes(&bo, 4).await?;
    server.restart().await?;
    bo.goto(&link).await?;
    open_board(&bo).await?;
    wait_shapes(&bo, 4).await?;
    ensure!(saved(&bo).await? == saved(&ann).await?, "the board is as it was");
    Ok(())
}

#[tokio::test]
async fn undo_takes_back_ones_own_shapes() -> Result<()> {
    let server = Server::start().await?;
    let browsers = [Browser::start_kind(Kind::of_this_run()).await?, Browser::start().await?];
    let (ann, bo, _) = two(&server, &browsers).await?;
    ann.click("tool-rectangle").await?;
    ann.drag_on("whiteboard", &[(100, 100), (150, 150), (260, 180)]).await?;
    wait_shapes(&bo, 1).await?;
    bo.click("tool-ellipse").await?;
    bo.drag_on("whiteboard", &[(300, 100), (350, 150), (460, 180)]).await?;
    wait_shapes(&ann, 2).await?;
    ann.click("board-undo").await?;
    wait_shapes(&bo, 1).await?;
    only(&saved(&ann).await?, "ellipse")?;
    ann.click("whiteboard").await?;
    ann.press_with(Key::Control, "y").await?;
    wait_shapes(&bo, 2).await?;
    ann.press_with(Key::Control, "z").await?;
    wait_shapes(&bo, 1).await?;
    let disabled = ann.attribute("board-undo", "aria-disabled").await?;
    ensure!(disabled.as_deref() == Some("true"), "there is nothing left to undo");
    Ok(())
}

#[tokio::test]
async fn strokes_are_seen_before_they_end() -> Result<()> {
    let server = Server::start().await?;
    let browsers = [Browser::start().await?, Browser::start().await?];
    let (ann, bo, _) = two(&server, &browsers).await?;
    ann.click("tool-pen").await?;
    ann.click("board-size-2").await?;
    let (left, top) = corner(&ann).await?;
    mouse(&ann, "mousePressed", (left + 100.0, top + 200.0), "left", 0).await?;
    for x in 1..30 {
        mouse(&ann, "mouseMoved", (left + 100.0 + f64::from(x) * 8.0, top + 200.0), "left", 0).await?;
    }
    wait_pixel(&bo, (200, 200), is_ink).await?;
    wait_shapes(&bo, 0).await?;
    mouse(&ann, "mouseReleased", (left + 340.0, top + 200.0), "left", 0).await?;
    wait_shapes(&bo, 1).await?;
    wait_pixel(&bo, (200, 200), is_ink).await?;
    // Who follows sees what the other one sees.
    wait_until(PATIENCE, "somebody to follow", async || {
        ensure!(bo.has("follow").await?, "nobody is on the board");
        Ok(())
    })
    .await?;
    bo.click("follow").await?;
    ann.click("board-zoom-in").await?;
    ann.drag_on("whiteboard", &[(300, 300), (310, 310)]).await?;
    bo.wait_until(PATIENCE, "the other's zoom", async || {
        // Another window shows as much at least, and no other zoom than before by itself.
        let percent = zoom(&bo).await?;
        ensure!(percent > 100 && percent <= 125, "it is {percent} %");
        Ok(())
    })
    .await?;
    // Keys go to the board again after a press beside it.
    bo.press_keys(Key::Escape).await?;
    wait_gone(&bo, "follow-stop").await?;
    bo.click("board-zoom-in").await?;
    bo.press_keys("r").await?;
    let tool = "return document.querySelector('[data-testid=tool-rectangle]').ariaPressed";
    ensure!(bo.eval(tool, vec![]).await? == "true", "a letter takes its tool after a press beside the board");
    bo.click("follow").await?;
    wait_there(&bo, "follow-stop").await?;
    bo.click("follow-stop").await
}

#[tokio::test]
async fn pictures_come_from_whoever_has_them() -> Result<()> {
    let server = Server::start().await?;
    let browsers = [Browser::start().await?, Browser::start().await?];
    let (ann, bo, link) = two(&server, &browsers).await?;
    let drop = "const canvas = new OffscreenCanvas(200, 100);
        const context = canvas.getContext('2d');
        context.fillStyle = '#e01040';
        context.fillRect(0, 0, 200, 100);
        const board = document.querySelector('[data-testid=\"whiteboard\"]');
        const box = board.getBoundingClientRect();
        return canvas.convertToBlob().then((blob) => {
            const data = new DataTransfer();
            data.items.add(new File([blob], 'red.png', { type: 'image/png' }));
            board.dispatchEvent(new DragEvent('drop', {
                dataTransfer: data, bubbles: true, cancelable: true, clientX: box.left + 300, clientY: box.top + 200,
            }));
        });";
    ann.eval(drop, vec![]).await?;
    let is_red = |shown: &Value| *shown == json!([0xe0, 0x10, 0x40, 0xff]);
    wait_pixel(&ann, (300, 200), is_red).await?;
    wait_shapes(&bo, 1).await?;
    wait_pixel(&bo, (300, 200), is_red).await?;
    // Who made it may go: the other one has it, and gives it to who comes.
    ann.goto("about:blank").await?;
    let late = browsers[0].tab(&link).await?;
    open_board(&late).await?;
    wait_shapes(&late, 1).await?;
    wait_pixel(&late, middle(&late).await?, is_red).await
}

#[tokio::test]
async fn keys_alone_make_shapes_and_take_them_away() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start_kind(Kind::of_this_run()).await?;
    let (tab, _) = open_values(&browser, server.url()).await?;
    open_board(&tab).await?;
    focus(&tab).await?;
    tab.press_keys(format!("n{ENTER}")).await?;
    wait_shapes(&tab, 1).await?;
    // A note is there to be written.
    tab.press_keys("Umbrella").await?;
    tab.press_keys(ESCAPE.to_string()).await?;
    tab.press_keys(format!("r{ENTER}")).await?;
    wait_shapes(&tab, 2).await?;
    let before = saved(&tab).await?;
    focus(&tab).await?;
    tab.press_keys(RIGHT.to_string()).await?;
    tab.press_with(Key::Shift, RIGHT.to_string()).await?;
    wait_says(&tab, "whiteboard-spoken", "by").await?;
    let after = saved(&tab).await?;
    let x =
        |elements: &Value| elements.as_array().and_then(|all| all.last()?["x"].as_f64()).unwrap_or_default();
    ensure!((x(&after) - x(&before) - 11.0).abs() < 0.2, "it went from {} to {}", x(&before), x(&after));
    focus(&tab).await?;
    tab.press_keys(",").await?;
    wait_says(&tab, "whiteboard-spoken", "Teal note: Umbrella, 1 of 2").await?;
    tab.press_keys(DELETE.to_string()).await?;
    wait_shapes(&tab, 1).await?;
    tab.press_with(Key::Control, "z").await?;
    wait_shapes(&tab, 2).await
}

#[tokio::test]
async fn texts_outlive_pages_that_end_meanwhile() -> Result<()> {
    let server = Server::start().await?;
    let browsers = [Browser::start_kind(Kind::of_this_run()).await?, Browser::start().await?];
    let (ann, bo, _) = two(&server, &browsers).await?;
    focus(&ann).await?;
    ann.press_keys(format!("n{ENTER}")).await?;
    wait_shapes(&bo, 1).await?;
    // The field is never left.
    ann.press_keys("Umbrella").await?;
    bo.wait_until(PATIENCE, "the text while it is written", async || {
        ensure!(only(&saved(&bo).await?, "text")?["originalText"] == "Umbrella", "it is not there");
        Ok(())
    })
    .await?;
    bo.goto("about:blank").await?;
    ann.press_keys("s").await?;
    ann.reload().await?;
    open_board(&ann).await?;
    wait_shapes(&ann, 1).await?;
    focus(&ann).await?;
    ann.press_keys(",").await?;
    wait_says(&ann, "whiteboard-spoken", "Teal note: Umbrellas, 1 of 1").await?;
    // What is typed at once is one step back.
    ann.press_keys(ENTER.to_string()).await?;
    ann.wait_there(PATIENCE, "whiteboard-text").await?;
    ann.press_keys("Rain and more rain").await?;
    wait_held(&ann, "Only this device has it").await?;
    ann.press_keys(ESCAPE.to_string()).await?;
    ann.press_with(Key::Control, "z").await?;
    ann.press_keys(",").await?;
    wait_says(&ann, "whiteboard-spoken", "Teal note: Umbrellas, 1 of 1").await
}

#[tokio::test]
async fn an_excalidraw_file_is_taken() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let (tab, _) = open_values(&browser, server.url()).await?;
    open_board(&tab).await?;
    let file = json!({
        "type": "excalidraw", "version": 2, "source": "https://excalidraw.com", "files": {}, "appState": {},
        "elements": [
            { "type": "rectangle", "id": "a", "x": 0, "y": 0, "width": 200, "height": 80, "strokeColor": "#1e1e1e",
              "boundElements": [{ "type": "text", "id": "b" }] },
            { "type": "text", "id": "b", "x": 10, "y": 10, "width": 80, "height": 25, "text": "Ferry", "fontSize": 20,
              "containerId": "a" },
            { "type": "freedraw", "id": "c", "x": 300, "y": 0, "width": 20, "height": 20, "points": [[0, 0], [20, 20]] },
            { "type": "ellipse", "id": "d", "x": 0, "y": 200, "width": 40, "height": 40, "isDeleted": true },
        ],
    });
    drop_file(&tab, "whiteboard", "trip.excalidraw", &file.to_string()).await?;
    wait_shapes(&tab, 2).await?;
    let shapes = saved(&tab).await?;
    only(&shapes, "freedraw")?;
    ensure!(only(&shapes, "text")?["originalText"] == "Ferry", "{shapes:#}");
    drop_file(&tab, "whiteboard", "trip.excalidraw", "{}").await?;
    wait_shapes(&tab, 2).await
}

#[tokio::test]
async fn view_links_show_the_board_and_say_why() -> Result<()> {
    let server = Server::start().await?;
    let (_mira, _room, edit, look) = watched_room(server.url()).await?;
    let browsers = [Browser::start().await?, Browser::start().await?];
    let (writer, reader) = (browsers[0].tab(&edit).await?, browsers[1].tab(&look).await?);
    open_board(&writer).await?;
    open_board(&reader).await?;
    wait_says(&reader, "whiteboard-shut", "View only").await?;
    writer.click("tool-note").await?;
    writer.drag_on("whiteboard", &[(100, 100), (150, 150), (260, 260)]).await?;
    wait_shapes(&reader, 1).await?;
    let tools = "return ['tool-pen', 'tool-hand'].map((tool) =>
        document.querySelector(`[data-testid=\"${tool}\"]`).checkVisibility());";
    ensure!(reader.eval(tools, vec![]).await? == json!([false, true]), "one may look, and not draw");
    reader.drag_on("whiteboard", &[(150, 150), (300, 300)]).await?;
    reader.press_keys(DELETE.to_string()).await?;
    wait_held(&writer, "held by").await?;
    ensure!(only(&saved(&writer).await?, "rectangle")?["x"] == json!(100.0), "the note is where it was");
    Ok(())
}
