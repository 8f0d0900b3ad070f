//! Place as people use it: pages in Chromium, the command line, and one canvas between them.

use crate::common::{
    SIZE, check_pictures_equal, fill_picture, open_page, same_cells, wait_linked, wait_shows,
    with_wrong_secret,
};
use anyhow::{Context, Result, ensure};
use meshwork_e2e::{Browser, BrowserOptions, Cli, PATIENCE, Server};

const RED: [u8; 4] = [0xe6, 0x19, 0x4b, 0xff];
const GREEN: [u8; 4] = [0x3c, 0xb4, 0x4b, 0xff];
const BLACK: [u8; 4] = [0, 0, 0, 0xff];

#[tokio::test]
async fn two_tabs_of_one_profile_share_a_peer() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let (first, link) = open_page(&browser, server.url(), "open").await?;
    let second = browser.tab(&link).await?;
    wait_linked(&first, 1).await?;
    wait_linked(&second, 1).await?;
    for tab in [&first, &second] {
        ensure!(
            tab.text("peer-list").await?.contains("You, another tab"),
            "{}",
            tab.text("peer-list").await?
        );
    }
    first.click("palette-e6194b").await?;
    first.click_cell(SIZE, (3, 4)).await?;
    wait_shows(&second, (3, 4), RED).await?;
    second.click("palette-3cb44b").await?;
    second.drag_cells(SIZE, &[(10, 10), (14, 10)]).await?;
    for x in 10..=14 {
        wait_shows(&first, (x, 10), GREEN).await?;
    }
    first.reload().await?;
    wait_linked(&first, 1).await?;
    wait_shows(&first, (3, 4), RED).await?;
    first.click("palette-000000").await?;
    first.click_cell(SIZE, (50, 50)).await?;
    wait_shows(&second, (50, 50), BLACK).await?;
    same_cells(&first, &second).await
}

#[tokio::test]
async fn third_profile_gets_every_cell_of_full_canvas() -> Result<()> {
    let server = Server::start().await?;
    let (browser, other, third) = tokio::try_join!(Browser::start(), Browser::start(), Browser::start())?;
    let (first, link) = open_page(&browser, server.url(), "open").await?;
    let second = other.tab(&link).await?;
    wait_linked(&first, 1).await?;
    let cli = Cli::new()?;
    let picture = fill_picture(&cli.path("full.png"))?;
    let file = cli.path("full.png");
    let painted = cli.run(["place", "paint", &link, "--json", "--image", &file.to_string_lossy()]).await?;
    ensure!(painted.success()?.json()?["cells"] == 10_000);
    let newcomer = third.tab(&link).await?;
    for tab in [&newcomer, &first, &second] {
        tab.wait_until(PATIENCE, "all 10,000 cells", async || {
            let cells = tab.cells(SIZE).await?;
            let wrong = cells.iter().zip(picture.pixels()).filter(|(cell, pixel)| **cell != pixel.0).count();
            ensure!(wrong == 0, "{wrong} cells differ");
            Ok(())
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_picture_outlives_its_painter_in_a_browser() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let (_tab, link) = open_page(&browser, server.url(), "open").await?;
    let (painter, other) = (Cli::new()?, Cli::new()?);
    let picture = fill_picture(&painter.path("in.png"))?;
    let file = painter.path("in.png");
    painter.run(["place", "paint", &link, "--image", &file.to_string_lossy()]).await?.success()?;
    let out = other.path("out.png");
    other.run(["place", "export", &link, "--out", &out.to_string_lossy()]).await?.success()?;
    check_pictures_equal(&picture, &image::open(&out)?.into_rgba8())
}

#[tokio::test]
async fn chromium_with_default_flags_links_to_native_keeper() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start_with(BrowserOptions::default().default_flags()).await?;
    let (tab, link) = open_page(&browser, server.url(), "open").await?;
    let cli = Cli::new()?;
    let data = cli.path("kept");
    let _keeper = cli.start(["place", "keep", &link, "--data", &data.to_string_lossy()])?;
    wait_linked(&tab, 1).await?;
    tab.click("palette-e6194b").await?;
    tab.click_cell(SIZE, (1, 1)).await?;
    wait_shows(&tab, (1, 1), RED).await?;
    drop(tab);
    browser.quit().await?;
    // Only the keeper is left: it must have the stroke.
    let other = Cli::new()?;
    let out = other.path("out.png");
    other.run(["place", "export", &link, "--out", &out.to_string_lossy()]).await?.success()?;
    ensure!(image::open(&out)?.into_rgba8().get_pixel(1, 1).0 == RED);
    Ok(())
}

#[tokio::test]
async fn newcomers_first_click_wins_over_older_cells() -> Result<()> {
    let server = Server::start().await?;
    let (browser, other) = tokio::try_join!(Browser::start(), Browser::start())?;
    let (first, link) = open_page(&browser, server.url(), "open").await?;
    first.click("palette-e6194b").await?;
    for _ in 0..5 {
        first.click_cell(SIZE, (9, 9)).await?;
    }
    wait_shows(&first, (9, 9), RED).await?;
    let newcomer = other.tab(&link).await?;
    wait_shows(&newcomer, (9, 9), RED).await?;
    newcomer.click("palette-3cb44b").await?;
    newcomer.click_cell(SIZE, (9, 9)).await?;
    wait_shows(&newcomer, (9, 9), GREEN).await?;
    wait_shows(&first, (9, 9), GREEN).await
}

#[tokio::test]
async fn private_room_without_secret_is_refused_in_words() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let (_tab, link) = open_page(&browser, server.url(), "private").await?;
    let (bare, _) = link.split_once('#').context("a private link has a fragment")?;
    let cli = Cli::new()?;
    let refused = cli.run(["place", "paint", bare, "--pixel", "0,0,#000000"]).await?.expect_code(4)?;
    ensure!(refused.stderr.contains("private"), "{}", refused.stderr);
    let wrong = with_wrong_secret(&link)?;
    let out = cli.path("never.png");
    let refused =
        cli.run(["place", "export", &wrong, "--out", &out.to_string_lossy()]).await?.expect_code(4)?;
    ensure!(refused.stderr.contains("does not open"), "{}", refused.stderr);
    ensure!(!out.exists(), "nothing is written");
    let outsider = browser.tab(bare).await?;
    outsider
        .wait_until(PATIENCE, "the page says why", async || {
            let said = outsider.eval("return document.body.innerText", vec![]).await?.to_string();
            ensure!(said.contains("private"), "{said}");
            Ok(())
        })
        .await
}

#[tokio::test]
async fn a_code_that_nobody_has_waits_in_words() -> Result<()> {
    let server = Server::start().await?;
    let link = format!("{}/place/ABCDEF", server.url());
    let cli = Cli::new()?;
    let arguments = ["place", "paint", &link, "--timeout", "3s", "--pixel", "0,0,#000000"];
    let waited = cli.run(arguments).await?.expect_code(3)?;
    ensure!(waited.stderr.contains("ABCDEF"), "{}", waited.stderr);
    let browser = Browser::start().await?;
    let tab = browser.tab(&link).await?;
    tab.wait_until(PATIENCE, "the page says that it waits", async || {
        let said = tab.eval("return document.body.innerText", vec![]).await?.to_string();
        ensure!(said.contains("Nobody has this room open"), "{said}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn links_and_strokes_outlive_the_server() -> Result<()> {
    let data = tempfile::tempdir()?;
    let options = meshwork_e2e::ServerOptions { data: Some(data.path().to_owned()), ..Default::default() };
    let mut server = Server::start_with(options).await?;
    let (browser, other) = tokio::try_join!(Browser::start(), Browser::start())?;
    let (first, link) = open_page(&browser, server.url(), "open").await?;
    let second = other.tab(&link).await?;
    wait_linked(&first, 1).await?;
    wait_linked(&second, 1).await?;
    server.kill();
    first.click("palette-e6194b").await?;
    first.click_cell(SIZE, (2, 2)).await?;
    wait_shows(&second, (2, 2), RED).await?;
    server.restart().await?;
    // The members register the room again under its code, and a newcomer gets in.
    let cli = Cli::new()?;
    let out = cli.path("out.png");
    cli.run(["place", "export", &link, "--out", &out.to_string_lossy()]).await?.success()?;
    ensure!(image::open(&out)?.into_rgba8().get_pixel(2, 2).0 == RED);
    Ok(())
}
