//! Compute's page: a job of one page runs on another one, and lending stops at a touch.

use std::time::Duration;

use anyhow::{Result, ensure};
use meshwork_e2e::{Browser, PATIENCE, Server, Tab};

use crate::common::{open_start, share_front, wait_linked, wait_says};

/// Time for a picture of 160 tiles on one core, with the index and the outcome.
const RENDERED: Duration = Duration::from_secs(120);

/// A sum over the pixels of the picture.
const PIXELS: &str = "
const canvas = document.querySelector('canvas[data-testid=job-result]')
const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
return String(data.reduce((sum, value, at) => (sum * 31 + value + at) % 4294967291, 7))";

/// The start of an unshared room of Compute.
async fn open_compute(browser: &Browser, server: &Server) -> Result<Tab> {
    let tab = open_start(browser, server.url()).await?;
    tab.goto(&format!("{}/compute", server.url())).await?;
    tab.wait_there(PATIENCE, "run-mandelbrot").await?;
    Ok(tab)
}

async fn pixels(tab: &Tab) -> Result<String> {
    Ok(tab.eval(PIXELS, Vec::new()).await?.as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_lender_renders_the_same_picture_for_both() -> Result<()> {
    let server = Server::start().await?;
    let browsers = [Browser::start().await?, Browser::start().await?];
    let ann = open_compute(&browsers[0], &server).await?;
    let link = share_front(&ann).await?;
    let bo = browsers[1].tab(&link).await?;
    wait_linked(&ann, 1).await?;
    ensure!(ann.has("nobody-lends").await?, "nobody lends before a press");
    bo.wait_there(PATIENCE, "lend").await?;
    bo.click("lend").await?;
    bo.wait_there(PATIENCE, "lend-stop").await?;
    ann.click("run-mandelbrot").await?;
    ann.wait_until(RENDERED, "the picture", async || {
        let units = ann.text("job-units").await?;
        ensure!(units.starts_with("160 of 160"), "{units:?}");
        Ok(())
    })
    .await?;
    bo.wait_until(RENDERED, "the same picture", async || {
        let (one, other) = (pixels(&ann).await?, pixels(&bo).await?);
        ensure!(one == other, "{one} and {other}");
        Ok(())
    })
    .await?;
    bo.click("lend-stop").await?;
    bo.wait_there(PATIENCE, "lend").await?;
    wait_says(&ann, "devices", "Lends nothing").await
}
