//! Mice and fingers on pages of several widths, and what befalls a page: full storage, and its end.

use std::time::Duration;

use anyhow::{Result, ensure};
use meshwork_e2e::{PATIENCE, Tab};
use serde_json::{Value, json};

use super::{SIZE, wait_says};

/// Width and height of the pages that everything is tried on.
pub(crate) const WIDE: (u32, u32) = (1440, 900);
/// A phone's.
pub(crate) const NARROW: (u32, u32) = (390, 844);

/// Gives the tab the size of a screen; a narrow one is a phone's, with fingers.
pub(crate) async fn resize(tab: &Tab, (width, height): (u32, u32)) -> Result<()> {
    let is_phone = width < 600;
    let screen = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone });
    tab.devtools("Emulation.setDeviceMetricsOverride", screen).await?;
    let touch = json!({ "enabled": is_phone, "maxTouchPoints": 5 });
    tab.devtools("Emulation.setTouchEmulationEnabled", touch).await?;
    // The canvas finds its new place a frame later.
    tab.wait_laid_out().await
}

/// Left, top, width and height of the canvas on the page.
pub(crate) async fn canvas_box(tab: &Tab) -> Result<[f64; 4]> {
    let script =
        "const box = document.querySelector('[data-testid=\"place-canvas\"]').getBoundingClientRect();
        return [box.left, box.top, box.width, box.height];";
    Ok(serde_json::from_value(tab.eval(script, vec![]).await?)?)
}

/// Where the middle of a cell is.
pub(crate) async fn middle(tab: &Tab, size: (usize, usize), cell: (usize, usize)) -> Result<(f64, f64)> {
    let [left, top, width, height] = canvas_box(tab).await?;
    let at = |cell: usize, cells: usize, start: f64, length: f64| {
        start + (cell as f64 + 0.5) / cells as f64 * length
    };
    Ok((at(cell.0, size.0, left, width), at(cell.1, size.1, top, height)))
}

/// Presses, moves or lifts the mouse.
pub(crate) async fn mouse(
    tab: &Tab,
    kind: &str,
    (x, y): (f64, f64),
    button: &str,
    modifiers: u32,
) -> Result<()> {
    let event =
        json!({ "type": kind, "x": x, "y": y, "button": button, "clickCount": 1, "modifiers": modifiers });
    tab.devtools("Input.dispatchMouseEvent", event).await.map(drop)
}

/// Fingers at these points; none are lifted.
pub(crate) async fn touch(tab: &Tab, kind: &str, points: &[(f64, f64)]) -> Result<()> {
    let points: Vec<Value> =
        (0..).zip(points).map(|(id, (x, y))| json!({ "x": x, "y": y, "id": id })).collect();
    tab.devtools("Input.dispatchTouchEvent", json!({ "type": kind, "touchPoints": points })).await.map(drop)
}

/// How many cells show a colour.
pub(crate) async fn count(tab: &Tab, colour: [u8; 4]) -> Result<usize> {
    Ok(tab.cells(SIZE).await?.iter().filter(|cell| **cell == colour).count())
}

/// Waits until so many cells show a colour.
pub(crate) async fn wait_count(tab: &Tab, colour: [u8; 4], cells: usize) -> Result<()> {
    tab.wait_until(PATIENCE, "so many cells of a colour", async || {
        let shown = count(tab, colour).await?;
        ensure!(shown == cells, "{shown} cells instead of {cells} show {colour:?}");
        Ok(())
    })
    .await
}

/// Waits until there is an element.
pub(crate) async fn wait_there(tab: &Tab, testid: &str) -> Result<()> {
    tab.wait_there(PATIENCE, testid).await
}

/// Gives the page a picture of 8 by 4 pixels as a file: red at the left, blue at the right, one corner transparent.
pub(crate) async fn give_picture(tab: &Tab) -> Result<()> {
    let script = "const canvas = new OffscreenCanvas(8, 4);
        const context = canvas.getContext('2d');
        context.fillStyle = '#e01040';
        context.fillRect(0, 0, 4, 4);
        context.fillStyle = '#4060e0';
        context.fillRect(4, 0, 4, 4);
        context.clearRect(7, 3, 1, 1);
        return canvas.convertToBlob().then(blob => {
            const data = new DataTransfer();
            data.items.add(new File([blob], 'picture.png', { type: 'image/png' }));
            if (arguments[0] === 'drop') {
                document.querySelector('main').dispatchEvent(
                    new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
            } else if (arguments[0] === 'paste') {
                document.body.dispatchEvent(
                    new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
            } else {
                const input = document.querySelector('[data-testid=\"picture-file\"]');
                input.files = data.files;
                input.dispatchEvent(new Event('change', { bubbles: true }));
            }
        });";
    for way in ["file", "paste", "drop"] {
        tab.eval(script, vec![way.into()]).await?;
        wait_says(tab, "picture-size", "8").await?;
        if way != "drop" {
            tab.click("picture-remove").await?;
        }
    }
    Ok(())
}

/// Taps an element with a finger.
pub(crate) async fn tap(tab: &Tab, testid: &str) -> Result<()> {
    wait_there(tab, testid).await?;
    let script = "const element = document.querySelector(`[data-testid=\"${arguments[0]}\"]`);
        element.scrollIntoView({ block: 'nearest' });
        const box = element.getBoundingClientRect();
        return [box.left + box.width / 2, box.top + box.height / 2];";
    let (x, y) = serde_json::from_value(tab.eval(script, vec![testid.into()]).await?)?;
    touch(tab, "touchStart", &[(x, y)]).await?;
    touch(tab, "touchEnd", &[]).await
}

/// Draws with a finger from cell to cell. It rests before it is lifted: after a finger that flies off, browsers take
/// the next tap for the end of its flight.
pub(crate) async fn draw_by_finger(tab: &Tab, cells: &[(usize, usize)]) -> Result<()> {
    for (index, cell) in cells.iter().enumerate() {
        let at = middle(tab, SIZE, *cell).await?;
        touch(tab, if index == 0 { "touchStart" } else { "touchMove" }, &[at]).await?;
    }
    let rest = "return new Promise(rested => {
        let frames = 12;
        const next = () => frames-- > 0 ? requestAnimationFrame(next) : rested();
        next();
    });";
    tab.eval(rest, vec![]).await?;
    touch(tab, "touchEnd", &[]).await
}

/// Kills the page, which has no time for anything.
pub(crate) async fn crash(tab: &Tab) {
    let crash = tab.devtools("Page.crash", Value::Object(Default::default()));
    // A page that crashed answers no more.
    let _ = tokio::time::timeout(Duration::from_millis(100), crash).await;
}

/// Nothing more is stored while the page's `isFull` is true, as it is from now on. Chromium's own small quota does not reach a page
/// under test, so its error is raised where it would be.
pub(crate) async fn fill_storage(tab: &Tab) -> Result<()> {
    let fill = "const put = IDBObjectStore.prototype.put;
        window.isFull = true;
        IDBObjectStore.prototype.put = function (...value) {
            if (window.isFull) throw new DOMException('no space', 'QuotaExceededError');
            return put.apply(this, value);
        };";
    tab.eval(fill, vec![]).await?;
    Ok(())
}
