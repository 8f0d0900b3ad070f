//! What tests of the pages share.

pub(crate) mod arena;
pub(crate) mod board;
pub(crate) mod editor;
pub(crate) mod hands;
pub(crate) mod inside;
pub(crate) mod meddler;
pub(crate) mod native;
pub(crate) mod relay;
pub(crate) mod site;
pub(crate) mod turn;

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use image::{Rgba, RgbaImage};
use meshwork::{Endpoint, Room};
use meshwork_e2e::{Browser, PATIENCE, Tab};

/// The size of a room that the page makes by itself.
pub(crate) const SIZE: (usize, usize) = (100, 100);

/// Opens the start page, makes a room with the button of this name, and returns its LINK.
pub(crate) async fn open_page(browser: &Browser, url: &str, button: &str) -> Result<(Tab, String)> {
    let tab = open_start(browser, url).await?;
    let link = make_room(&tab, button).await?;
    Ok((tab, link))
}

/// Opens Sync by its bead on the start page, shares its room, which is private, and returns its LINK.
pub(crate) async fn open_values(browser: &Browser, url: &str) -> Result<(Tab, String)> {
    let tab = open_start(browser, url).await?;
    let link = share_sync(&tab).await?;
    wait_says(&tab, "counter", "0").await?;
    Ok((tab, link))
}

/// The same on a start page that is open.
pub(crate) async fn share_sync(tab: &Tab) -> Result<String> {
    tab.click("app-sync").await?;
    tab.wait_there(PATIENCE, "increment").await?;
    share_front(tab).await
}

/// Shares the room of a page, which is private, and returns its LINK.
pub(crate) async fn share_front(tab: &Tab) -> Result<String> {
    press_shown(tab, "open-share").await?;
    let link = tab
        .wait_until(PATIENCE, "the room's LINK", async || {
            let link = tab.value("share-link-sheet").await?;
            ensure!(link.contains('#'), "it is {link:?}");
            Ok(link)
        })
        .await?;
    close(tab).await?;
    Ok(link)
}

/// Goes to the tab of documents in a room of Sync, and waits for the editor.
pub(crate) async fn open_editor(tab: &Tab) -> Result<()> {
    tab.wait_until(PATIENCE, "the tabs", async || {
        ensure!(tab.has("tab-document").await?, "they are not there yet");
        Ok(())
    })
    .await?;
    tab.click("tab-document").await?;
    tab.wait_until(PATIENCE, "the editor", async || {
        ensure!(tab.has("document-editor").await?, "it is not there yet");
        Ok(())
    })
    .await
}

/// Two tabs of one browser in a private room of Sync, linked.
pub(crate) async fn open_values_twice(browser: &Browser, url: &str) -> Result<(Tab, Tab)> {
    let (tab, link) = open_values(browser, url).await?;
    let other = browser.tab(&link).await?;
    wait_linked(&tab, 1).await?;
    Ok((tab, other))
}

/// A private room of Sync that a program owns, and the links by which one writes in it and looks at it.
pub(crate) async fn watched_room(url: &str) -> Result<(Endpoint, Room, String, String)> {
    let mira = Endpoint::builder().name("Mira").server(url).bind().await?;
    let room = mira.create(meshwork::sync::room().private()).await?;
    room.registered().await?;
    let edit = room.rules().new_edit_link().await?.to_string();
    let look = room.rules().view_link().to_string();
    Ok((mira, room, edit, look))
}

/// Goes to the tab of the whiteboard in a room of Sync, and waits for it.
pub(crate) async fn open_board(tab: &Tab) -> Result<()> {
    for (testid, what) in [("tab-whiteboard", "the tabs"), ("whiteboard", "the whiteboard")] {
        tab.wait_until(PATIENCE, what, async || {
            ensure!(tab.has(testid).await?, "it is not there yet");
            Ok(())
        })
        .await?;
        if testid.starts_with("tab") {
            tab.click(testid).await?;
        }
    }
    // It is measured a frame later.
    tab.wait_laid_out().await
}

/// Waits until so many shapes are on the whiteboard.
pub(crate) async fn wait_shapes(tab: &Tab, count: usize) -> Result<()> {
    tab.wait_until(PATIENCE, "shapes", async || {
        let shown = tab.attribute("whiteboard", "data-shapes").await?;
        ensure!(shown == Some(count.to_string()), "there are {shown:?} shapes instead of {count}");
        Ok(())
    })
    .await
}

/// Drops a file on an element.
pub(crate) async fn drop_file(tab: &Tab, testid: &str, name: &str, text: &str) -> Result<()> {
    let drop = "const [testid, name, text] = arguments;
        const data = new DataTransfer();
        data.items.add(new File([text], name));
        const event = new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: data });
        document.querySelector(`[data-testid=\"${testid}\"]`).dispatchEvent(event);";
    tab.eval(drop, vec![testid.into(), name.into(), text.into()]).await?;
    Ok(())
}

/// Opens the start page, and waits for the button that makes a room.
pub(crate) async fn open_start(browser: &Browser, url: &str) -> Result<Tab> {
    let tab = browser.tab(url).await?;
    tab.wait_there(PATIENCE, "make-room").await?;
    Ok(tab)
}

/// Presses the button that makes a room of a kind: `private` or `open`. The picture that the start page begins with does not
/// come along.
pub(crate) async fn press_make(tab: &Tab, kind: &str) -> Result<()> {
    tab.click(&format!("kind-{kind}")).await?;
    clear_sample(tab).await?;
    tab.click("make-room").await
}

/// Takes back what the start page shows to somebody who was never there, where it does.
pub(crate) async fn clear_sample(tab: &Tab) -> Result<()> {
    let script = "if (localStorage.getItem('meshwork-doodle') === null) \
        document.querySelector('[data-testid=doodle-undo]:enabled')?.click();";
    tab.eval(script, vec![]).await.map(drop)
}

/// Makes a room of a kind on the start page, and returns its LINK.
pub(crate) async fn make_room(tab: &Tab, kind: &str) -> Result<String> {
    press_make(tab, kind).await?;
    tab.wait_until(PATIENCE, "the room's LINK", async || {
        let link = tab.value("share-link").await?;
        ensure!(link.contains('#'), "it is {link:?}");
        Ok(link)
    })
    .await
}

/// Waits until the page says that it is linked to so many endpoints.
pub(crate) async fn wait_linked(tab: &Tab, count: usize) -> Result<()> {
    tab.wait_until(PATIENCE, "links", async || {
        // A narrow page says how many are here, and this to those who listen alone.
        let script = "return document.querySelector('[data-testid=\"peer-count\"]')?.textContent";
        let shown = tab.eval(script, vec![]).await?;
        ensure!(shown.as_str() == Some(&*count.to_string()), "linked to {shown:?}");
        Ok(())
    })
    .await
}

/// Waits until an element says something.
pub(crate) async fn wait_says(tab: &Tab, testid: &str, words: &str) -> Result<()> {
    tab.wait_until(PATIENCE, "words", async || {
        let said = tab.text(testid).await?;
        ensure!(said.contains(words), "{testid} says {said:?} instead of {words:?}");
        Ok(())
    })
    .await
}

/// Waits until a page of Sync says who holds what was written last. For a moment after each change it says what held before.
pub(crate) async fn wait_held(tab: &Tab, words: &str) -> Result<()> {
    let held = "const held = document.querySelector('[data-testid=held-by]');
        return [held?.innerText ?? '', held?.ariaBusy ?? 'true']";
    tab.wait_until(PATIENCE, "holders", async || {
        let said = tab.eval(held, vec![]).await?;
        let (text, is_busy) = (said[0].as_str().unwrap_or_default(), said[1] != "false");
        ensure!(!is_busy && text.contains(words), "it says {said} instead of {words:?}");
        Ok(())
    })
    .await
}

/// Waits until an element is gone.
pub(crate) async fn wait_gone(tab: &Tab, testid: &str) -> Result<()> {
    tab.wait_until(PATIENCE, "an element that goes", async || {
        ensure!(!tab.has(testid).await?, "{testid} is still there");
        Ok(())
    })
    .await
}

/// Waits until a button is pressed, or is not.
pub(crate) async fn wait_pressed(tab: &Tab, testid: &str, wanted: bool) -> Result<()> {
    tab.wait_until(PATIENCE, "a button", async || {
        let pressed = tab.attribute(testid, "aria-pressed").await?;
        ensure!(pressed == Some(wanted.to_string()), "{testid} is pressed: {pressed:?}");
        Ok(())
    })
    .await
}

/// The link of a private room with another secret, and without what lets one write.
pub(crate) fn with_wrong_secret(link: &str) -> Result<String> {
    let (page, keys) = link.split_once('#').context("a private link has a fragment")?;
    let room = keys.split('.').next().context("it names the room")?;
    Ok(format!("{page}#{room}.{}", "A".repeat(22)))
}

/// Waits until the page says something, wherever on it.
pub(crate) async fn wait_page_says(tab: &Tab, words: &str) -> Result<()> {
    tab.wait_until(PATIENCE, "words on the page", async || {
        let said = tab.eval("return document.body.innerText", vec![]).await?.to_string();
        ensure!(said.contains(words), "{words:?} is not in {said}");
        Ok(())
    })
    .await
}

/// Presses a button of a notice: notices stand twice in the page, and which is seen depends on its width.
pub(crate) async fn press_shown(tab: &Tab, testid: &str) -> Result<()> {
    let press = "const all = document.querySelectorAll(`[data-testid=\"${arguments[0]}\"]`);\
                 const shown = Array.from(all).find(element => element.checkVisibility());\
                 shown?.click();\
                 return shown !== undefined;";
    tab.wait_until(PATIENCE, "a button that is seen", async || {
        ensure!(tab.eval(press, vec![testid.into()]).await? == true, "there is no {testid} to be seen");
        Ok(())
    })
    .await
}

/// Closes the sheet that is open.
pub(crate) async fn close(tab: &Tab) -> Result<()> {
    press_shown(tab, "close-sheet").await
}

/// Unfolds what is folded away, and brings it into sight.
pub(crate) async fn unfold(tab: &Tab, testid: &str) -> Result<()> {
    let script = "const fold = document.querySelector(`[data-testid=\"${arguments[0]}\"]`);
        fold.open = true;
        fold.scrollIntoView();";
    tab.eval(script, vec![testid.into()]).await.map(drop)
}

/// Waits until a cell shows a colour.
pub(crate) async fn wait_shows(tab: &Tab, at: (usize, usize), colour: [u8; 4]) -> Result<()> {
    tab.wait_until(PATIENCE, "a cell's colour", async || {
        let shown = tab.cell(SIZE, at).await?;
        ensure!(shown == colour, "cell {at:?} shows {shown:?} instead of {colour:?}");
        Ok(())
    })
    .await
}

/// Waits until two pages show the same canvas.
pub(crate) async fn same_cells(one: &Tab, other: &Tab) -> Result<()> {
    one.wait_until(PATIENCE, "equal canvases", async || {
        let (one, other) = (one.cells(SIZE).await?, other.cells(SIZE).await?);
        let differ = one.iter().zip(&other).filter(|(one, other)| one != other).count();
        ensure!(differ == 0, "{differ} cells differ");
        Ok(())
    })
    .await
}

/// Writes a picture in which every pixel is opaque and no two neighbours are alike, 100 by 100.
pub(crate) fn fill_picture(file: &Path) -> Result<RgbaImage> {
    let picture = RgbaImage::from_fn(SIZE.0 as u32, SIZE.1 as u32, |x, y| {
        Rgba([(x * 2) as u8, (y * 2) as u8, ((x * 7 + y * 13) % 256) as u8, 255])
    });
    picture.save(file)?;
    Ok(picture)
}

/// Fails unless two pictures are equal, pixel for pixel.
pub(crate) fn check_pictures_equal(one: &RgbaImage, other: &RgbaImage) -> Result<()> {
    ensure!(one.dimensions() == other.dimensions(), "{:?} and {:?}", one.dimensions(), other.dimensions());
    let differ = one.pixels().zip(other.pixels()).filter(|(one, other)| one != other).count();
    ensure!(differ == 0, "{differ} pixels differ");
    Ok(())
}
