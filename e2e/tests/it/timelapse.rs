//! The time-lapse in a real browser: who comes late sees how the canvas came about, and takes it home as a file.

use std::io::Cursor;

use crate::common::hands::{NARROW, WIDE, resize};
use crate::common::{SIZE, open_page, wait_linked, wait_shows};
use anyhow::{Context, Result, ensure};
use image::codecs::gif::GifDecoder;
use image::codecs::png::PngDecoder;
use image::{AnimationDecoder, RgbaImage};
use meshwork_e2e::{Browser, Cli, PATIENCE, Server, Tab};
use serde_json::json;

const RED: [u8; 4] = [0xe6, 0x19, 0x4b, 0xff];
const GREEN: [u8; 4] = [0x3c, 0xb4, 0x4b, 0xff];
const BLACK: [u8; 4] = [0, 0, 0, 0xff];
const NOTHING: [u8; 4] = [0; 4];
const WHITE: [u8; 4] = [0xff; 4];

/// Cells that are painted red, then green; and one that is painted black at last.
const OVER: (usize, usize) = (30, 40);
const LAST: (usize, usize) = (50, 60);

/// Colours of two cells of the time-lapse's canvas.
async fn shown(tab: &Tab) -> Result<[[u8; 4]; 2]> {
    let read = "const canvas = document.querySelector('[data-testid=\"timelapse-canvas\"]');\
                const context = canvas.getContext('2d');\
                return arguments[0].map(([x, y]) => Array.from(context.getImageData(x, y, 1, 1).data));";
    let cells = json!([[OVER.0, OVER.1], [LAST.0, LAST.1]]);
    let colours = tab.eval(read, vec![cells]).await?;
    let colour = |index: usize| -> Result<[u8; 4]> {
        let parts: Vec<u8> = serde_json::from_value(colours[index].clone())?;
        parts.try_into().ok().context("four parts")
    };
    Ok([colour(0)?, colour(1)?])
}

async fn wait_shown(tab: &Tab, wanted: [[u8; 4]; 2]) -> Result<()> {
    tab.wait_until(PATIENCE, "a moment of the time-lapse", async || {
        let shown = shown(tab).await?;
        ensure!(shown == wanted, "{shown:?} instead of {wanted:?}");
        Ok(())
    })
    .await
}

/// Moves the playhead to a share of everything, as a person who drags it.
async fn scrub(tab: &Tab, share: f64) -> Result<()> {
    let drag = "const range = document.querySelector('[data-testid=\"timelapse-scrub\"]');\
                range.value = Math.round(Number(range.max) * arguments[0]);\
                range.dispatchEvent(new Event('input', { bubbles: true }));";
    tab.eval(drag, vec![share.into()]).await.map(drop)
}

/// Opens it from the bar's menu.
async fn open_timelapse(tab: &Tab) -> Result<String> {
    tab.click("more").await?;
    tab.click("menu-timelapse").await?;
    tab.wait_until(PATIENCE, "how far back it reaches", async || {
        let reach = tab.text("timelapse-reach").await?;
        ensure!(!reach.is_empty(), "nothing is said yet");
        Ok(reach)
    })
    .await
}

/// Presses a button that saves a file, and returns what is in it.
async fn saved(tab: &Tab, button: &str) -> Result<Vec<u8>> {
    tab.eval(
        "const make = URL.createObjectURL;\
         window.savedFile = null;\
         URL.createObjectURL = blob => {\
             blob.arrayBuffer().then(bytes => { window.savedFile = Array.from(new Uint8Array(bytes)); });\
             URL.createObjectURL = make;\
             return make.call(URL, blob);\
         };",
        vec![],
    )
    .await?;
    tab.click(button).await?;
    let bytes = tab
        .wait_until(PATIENCE, "a file", async || {
            let bytes = tab.eval("return window.savedFile", vec![]).await?;
            ensure!(!bytes.is_null(), "it is not saved yet");
            Ok(bytes)
        })
        .await?;
    ensure!(tab.text("timelapse-saved").await?.contains("Saved"), "{}", tab.text("timelapse-saved").await?);
    serde_json::from_value(bytes).context("bytes")
}

/// Fails unless a film begins with nothing painted and ends with the present canvas.
fn check_film(frames: &[RgbaImage], blank: [u8; 4]) -> Result<()> {
    let (first, last) = (frames.first().context("a frame")?, frames.last().context("a frame")?);
    let scale = first.width() / SIZE.0 as u32;
    ensure!(scale >= 1 && first.height() == scale * SIZE.1 as u32, "{:?}", first.dimensions());
    let cell = |frame: &RgbaImage, at: (usize, usize)| {
        frame.get_pixel(at.0 as u32 * scale + scale / 2, at.1 as u32 * scale + scale / 2).0
    };
    ensure!(first.pixels().all(|pixel| pixel.0 == blank), "it begins with an empty canvas");
    ensure!(cell(last, OVER) == GREEN && cell(last, LAST) == BLACK, "it ends with the present");
    ensure!(frames.iter().any(|frame| cell(frame, OVER) == RED), "what was painted over is seen in between");
    let painted = last.pixels().filter(|pixel| pixel.0 != blank).count();
    ensure!(painted == 12 * (scale * scale) as usize, "{painted} pixels are painted");
    Ok(())
}

async fn paint_a_past(tab: &Tab) -> Result<()> {
    let line = |y| [(OVER.0, y), (OVER.0 + 10, y)];
    tab.click("palette-e6194b").await?;
    tab.drag_cells(SIZE, &line(OVER.1)).await?;
    wait_shows(tab, OVER, RED).await?;
    tab.click("palette-3cb44b").await?;
    tab.drag_cells(SIZE, &line(OVER.1)).await?;
    wait_shows(tab, OVER, GREEN).await?;
    tab.click("palette-000000").await?;
    tab.click_cell(SIZE, LAST).await?;
    wait_shows(tab, LAST, BLACK).await
}

#[tokio::test]
async fn newcomer_plays_and_saves_a_keepers_whole_past() -> Result<()> {
    let server = Server::start().await?;
    let (browser, other) = tokio::try_join!(Browser::start(), Browser::start())?;
    let (painter, link) = open_page(&browser, server.url(), "open").await?;
    let keeping = Cli::new()?;
    let data = keeping.path("kept");
    let arguments = ["place", "keep", &link, "--history", "64MiB", "--data", &data.to_string_lossy()];
    let _keeper = keeping.start(arguments)?;
    wait_linked(&painter, 1).await?;
    paint_a_past(&painter).await?;
    for (width, height) in [WIDE, NARROW] {
        let tab = other.tab(&link).await?;
        resize(&tab, (width, height)).await?;
        wait_linked(&tab, if width > 600 { 2 } else { 3 }).await?;
        wait_shows(&tab, LAST, BLACK).await?;
        let reach = open_timelapse(&tab).await?;
        ensure!(reach.contains("The whole history, from keeper"), "{reach}");
        // It starts by itself and comes to the present.
        wait_shown(&tab, [GREEN, BLACK]).await?;
        scrub(&tab, 0.0).await?;
        wait_shown(&tab, [NOTHING, NOTHING]).await?;
        ensure!(tab.attribute("timelapse-play", "aria-label").await?.as_deref() == Some("Play"));
        scrub(&tab, 0.4).await?;
        wait_shown(&tab, [RED, NOTHING]).await?;
        ensure!(
            !tab.text("timelapse-time").await?.is_empty() && !tab.text("timelapse-who").await?.is_empty()
        );
        let shows = tab.eval(
            "const box = document.querySelector('dialog.timelapse').getBoundingClientRect();\
             return box.left >= 0 && box.right <= innerWidth && document.documentElement.scrollWidth <= innerWidth",
            vec![],
        );
        ensure!(shows.await? == true, "it fits a screen of {width}");
        let violations = tab.violations().await?;
        ensure!(violations.is_empty(), "{violations:?}");
        // Painting goes on beneath, and playing does not touch it.
        ensure!(tab.cell(SIZE, OVER).await? == GREEN);
        let gif = saved(&tab, "timelapse-gif").await?;
        let frames = GifDecoder::new(Cursor::new(gif))?.into_frames().collect_frames()?;
        let frames: Vec<RgbaImage> = frames.into_iter().map(|frame| frame.into_buffer()).collect();
        check_film(&frames, WHITE)?;
        let png = saved(&tab, "timelapse-png").await?;
        let frames = PngDecoder::new(Cursor::new(png))?.apng()?.into_frames().collect_frames()?;
        let frames: Vec<RgbaImage> = frames.into_iter().map(|frame| frame.into_buffer()).collect();
        check_film(&frames, NOTHING)?;
        wait_shown(&tab, [RED, NOTHING]).await?;
        tab.click("timelapse-play").await?;
        wait_shown(&tab, [GREEN, BLACK]).await?;
        tab.click("timelapse-close").await?;
        ensure!(!tab.has("timelapse-scrub").await?, "it is closed");
    }
    Ok(())
}

#[tokio::test]
async fn time_lapse_without_a_keeper_names_its_source() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let (tab, _link) = open_page(&browser, server.url(), "open").await?;
    tab.media(&[("prefers-reduced-motion", "reduce")]).await?;
    tab.click("more").await?;
    tab.click("menu-timelapse").await?;
    tab.wait_until(PATIENCE, "words for an empty canvas", async || {
        ensure!(tab.text("timelapse-empty").await?.contains("Nobody has painted yet"));
        Ok(())
    })
    .await?;
    tab.click("timelapse-close").await?;
    paint_a_past(&tab).await?;
    let reach = open_timelapse(&tab).await?;
    ensure!(reach.starts_with("From this browser, since"), "{reach}");
    ensure!(
        tab.attribute("timelapse-play", "aria-label").await?.as_deref() == Some("Play"),
        "it stands still"
    );
    wait_shown(&tab, [GREEN, BLACK]).await?;
    scrub(&tab, 0.5).await?;
    // What was painted over is gone.
    wait_shown(&tab, [GREEN, NOTHING]).await?;
    tab.click("timelapse-play").await?;
    wait_shown(&tab, [GREEN, BLACK]).await
}
