//! A phone in somebody's hand: what fingers do alone, without a mouse or a key.

use crate::common::hands::{
    NARROW, WIDE, count, draw_by_finger, give_picture, middle, resize, tap, wait_count, wait_there,
};
use crate::common::{SIZE, open_page, wait_says, wait_shows};
use anyhow::{Result, ensure};
use meshwork_e2e::{Browser, PATIENCE, Server};
use serde_json::json;

const BLACK: [u8; 4] = [0, 0, 0, 0xff];
const RED: [u8; 4] = [0xe6, 0x19, 0x4b, 0xff];
const BLUE: [u8; 4] = [0x43, 0x63, 0xd8, 0xff];
const NOTHING: [u8; 4] = [0; 4];

#[tokio::test]
async fn touch_alone_fills_areas_and_paints_pictures() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let (tab, _) = open_page(&browser, server.url(), "open").await?;
    resize(&tab, NARROW).await?;
    wait_there(&tab, "tool-fill").await?;

    draw_by_finger(&tab, &[(30, 30), (41, 30), (41, 41), (30, 41), (30, 30)]).await?;
    wait_count(&tab, BLACK, 44).await?;
    tap(&tab, "tool-fill").await?;
    tap(&tab, "palette-4363d8").await?;
    draw_by_finger(&tab, &[(35, 35)]).await?;
    wait_count(&tab, BLUE, 100).await?;
    wait_says(&tab, "tool-hint", "100 cells").await?;
    // A large area is asked about, and two fingers' movement is no answer.
    tap(&tab, "palette-e6194b").await?;
    draw_by_finger(&tab, &[(2, 2)]).await?;
    wait_says(&tab, "fill-question", "Fill 9,856 cells with red?").await?;
    ensure!(count(&tab, RED).await? == 0, "nothing is painted before the answer");
    tap(&tab, "fill-confirm").await?;
    wait_count(&tab, RED, 9856).await?;
    tap(&tab, "undo").await?;
    wait_count(&tab, NOTHING, 9856).await?;

    // A picture from the phone: the button asks for a file, and fingers do all the rest.
    let watch = "const input = document.querySelector('[data-testid=\"picture-file\"]');
        input.addEventListener('click', event => { event.preventDefault(); window.isAsked = true; });";
    tab.eval(watch, vec![]).await?;
    tap(&tab, "more").await?;
    tap(&tab, "menu-open-picture").await?;
    tab.wait_until(PATIENCE, "a question for a file", async || {
        ensure!(tab.eval("return window.isAsked", vec![]).await? == true, "nothing is asked");
        Ok(())
    })
    .await?;
    give_picture(&tab).await?;
    wait_says(&tab, "picture-state", "0 of 31 cells painted.").await?;
    let laid = "const box = document.querySelector('[data-testid=\"place-canvas\"]').getBoundingClientRect();
        const laid = document.querySelector('[data-testid=\"stencil\"]').getBoundingClientRect();
        const cell = box.width / 100;
        return [Math.round((laid.left - box.left) / cell), Math.round((laid.top - box.top) / cell)];";
    let (x, y): (usize, usize) = serde_json::from_value(tab.eval(laid, vec![]).await?)?;
    draw_by_finger(&tab, &[(x + 1, y + 1), (x + 1, y - 9), (x + 1, y - 19)]).await?;
    let at = (x, y - 20);
    tab.wait_until(PATIENCE, "the picture is moved", async || {
        let shown: (usize, usize) = serde_json::from_value(tab.eval(laid, vec![]).await?)?;
        ensure!(shown == at, "it lies at {shown:?} instead of {at:?}");
        Ok(())
    })
    .await?;
    tap(&tab, "picture-pin").await?;
    tap(&tab, "tool-pencil").await?;
    draw_by_finger(&tab, &[(at.0 + 1, at.1 + 1), (at.0 + 5, at.1 + 1)]).await?;
    wait_shows(&tab, (at.0 + 2, at.1 + 1), RED).await?;
    wait_shows(&tab, (at.0 + 5, at.1 + 1), BLUE).await?;
    tap(&tab, "picture-paint").await?;
    wait_says(&tab, "picture-state", "All 31 cells painted.").await?;
    tap(&tab, "undo").await?;
    wait_says(&tab, "picture-state", "5 of 31 cells painted.").await?;
    tap(&tab, "picture-remove").await?;
    ensure!(!tab.has("picture-size").await?, "it is taken away");
    ensure!(tab.cell(SIZE, (35, 35)).await? == BLUE, "the rest stays");
    Ok(())
}

#[tokio::test]
async fn a_pen_draws_on_wide_and_narrow_pages() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let (tab, _) = open_page(&browser, server.url(), "open").await?;
    for (row, screen) in [(20, WIDE), (40, NARROW)] {
        resize(&tab, screen).await?;
        wait_there(&tab, "palette-e6194b").await?;
        let strokes =
            [("mousePressed", 10, 1), ("mouseMoved", 15, 1), ("mouseMoved", 20, 1), ("mouseReleased", 20, 0)];
        for (kind, column, buttons) in strokes {
            let (x, y) = middle(&tab, SIZE, (column, row)).await?;
            let event = json!({ "type": kind, "x": x, "y": y, "button": "left", "buttons": buttons,
                "clickCount": 1, "pointerType": "pen", "force": 0.5 });
            tab.devtools("Input.dispatchMouseEvent", event).await?;
        }
        for column in [10, 13, 20] {
            wait_shows(&tab, (column, row), BLACK).await?;
        }
    }
    wait_count(&tab, BLACK, 22).await
}

#[tokio::test]
async fn phones_open_painted_canvases_with_the_hand() -> Result<()> {
    let server = Server::start().await?;
    let browsers = tokio::try_join!(Browser::start(), Browser::start())?;
    let (tab, link) = open_page(&browsers.0, server.url(), "open").await?;
    tab.click_cell(SIZE, (30, 30)).await?;
    let phone = browsers.1.tab("about:blank").await?;
    resize(&phone, NARROW).await?;
    phone.goto(&link).await?;
    wait_shows(&phone, (30, 30), BLACK).await?;
    let in_hand = async |tool: &str| -> Result<bool> {
        Ok(phone.attribute(tool, "aria-pressed").await? == Some("true".to_owned()))
    };
    phone
        .wait_until(PATIENCE, "the hand", async || {
            ensure!(in_hand("tool-hand").await?, "another tool is in hand");
            Ok(())
        })
        .await?;
    draw_by_finger(&phone, &[(50, 50), (60, 50)]).await?;
    ensure!(count(&phone, BLACK).await? == 1, "who looks around paints nothing");
    tap(&phone, "tool-pencil").await?;
    draw_by_finger(&phone, &[(50, 60)]).await?;
    wait_count(&phone, BLACK, 2).await?;
    // Nobody's tool changes while they use it.
    tab.click_cell(SIZE, (31, 30)).await?;
    wait_count(&phone, BLACK, 3).await?;
    ensure!(in_hand("tool-pencil").await?, "the pencil was put away");
    Ok(())
}
