//! A whiteboard in a page: its shapes, its pixels, and the files that it is saved as.

use anyhow::{Context as _, Result, ensure};
use meshwork_e2e::{Browser, PATIENCE, Server, Tab};
use serde_json::{Value, json};

use super::{open_board, open_values, wait_linked};

/// Two people on one board, each in a browser, and where its room is.
pub(crate) async fn two(server: &Server, browsers: &[Browser; 2]) -> Result<(Tab, Tab, String)> {
    let (ann, link) = open_values(&browsers[0], server.url()).await?;
    let bo = browsers[1].tab(&link).await?;
    wait_linked(&ann, 1).await?;
    open_board(&ann).await?;
    open_board(&bo).await?;
    Ok((ann, bo, link))
}

/// Gives keys to the board.
pub(crate) async fn focus(tab: &Tab) -> Result<()> {
    tab.eval("document.querySelector('[data-testid=\"whiteboard\"]').focus()", vec![]).await.map(drop)
}

/// The address of the file that the board would be saved as by an item of its menu, as a `data:` URL.
pub(crate) async fn saved_as(tab: &Tab, item: &str) -> Result<String> {
    let catch = "window.saved = null;
        const make = URL.createObjectURL;
        URL.createObjectURL = (blob) => {
            const reader = new FileReader();
            reader.onload = () => { window.saved = reader.result; };
            reader.readAsDataURL(blob);
            URL.createObjectURL = make;
            return make.call(URL, blob);
        };
        HTMLAnchorElement.prototype.click = () => {};";
    tab.eval(catch, vec![]).await?;
    tab.click("board-files").await?;
    tab.click(item).await?;
    tab.wait_until(PATIENCE, "the file", async || {
        let saved = tab.eval("return window.saved", vec![]).await?;
        Ok(saved.as_str().context("nothing was saved")?.to_owned())
    })
    .await
}

/// The shapes of the board as its Excalidraw file has them.
pub(crate) async fn saved(tab: &Tab) -> Result<Value> {
    let address = saved_as(tab, "save-excalidraw").await?;
    let read =
        "const bytes = Uint8Array.from(atob(arguments[0].split(',')[1]), (letter) => letter.charCodeAt(0));
        return new TextDecoder().decode(bytes);";
    let text = tab.eval(read, vec![address.into()]).await?;
    let file: Value = serde_json::from_str(text.as_str().context("a file is a text")?)?;
    Ok(file["elements"].clone())
}

/// The only element of a kind in a file.
pub(crate) fn only<'a>(elements: &'a Value, kind: &str) -> Result<&'a Value> {
    let mut of_kind = elements.as_array().into_iter().flatten().filter(|element| element["type"] == kind);
    let element = of_kind.next().with_context(|| format!("there is no {kind} in {elements:#}"))?;
    ensure!(of_kind.next().is_none(), "there are several: {elements:#}");
    Ok(element)
}

/// The kinds of the elements of a file, from the one at the back to the one at the front.
pub(crate) fn kinds(elements: &Value) -> Vec<&str> {
    elements.as_array().into_iter().flatten().filter_map(|element| element["type"].as_str()).collect()
}

/// The colour of the board at a point, as red, green, blue and alpha.
async fn pixel(tab: &Tab, (x, y): (i64, i64)) -> Result<Value> {
    let script = "const canvas = document.querySelector('.board-paper');
        const scale = canvas.width / canvas.clientWidth;
        return Array.from(canvas.getContext('2d').getImageData(arguments[0] * scale, arguments[1] * scale, 1, 1).data);";
    tab.eval(script, vec![x.into(), y.into()]).await
}

/// Waits until the board has a colour at a point.
pub(crate) async fn wait_pixel(tab: &Tab, at: (i64, i64), is_right: impl Fn(&Value) -> bool) -> Result<()> {
    tab.wait_until(PATIENCE, "a colour", async || {
        let shown = pixel(tab, at).await?;
        ensure!(is_right(&shown), "at {at:?} it is {shown}");
        Ok(())
    })
    .await
}

/// Whether it is the colour of ink, as [`wait_pixel`] asks.
pub(crate) fn is_ink(shown: &Value) -> bool {
    shown[3] == json!(255) && shown[0].as_u64().is_some_and(|red| red < 60)
}

/// Where the board begins on the page.
pub(crate) async fn corner(tab: &Tab) -> Result<(f64, f64)> {
    let script = "const box = document.querySelector('[data-testid=\"whiteboard\"]').getBoundingClientRect();
        return [box.left, box.top];";
    Ok(serde_json::from_value(tab.eval(script, vec![]).await?)?)
}

/// The middle of the board, from its corner.
pub(crate) async fn middle(tab: &Tab) -> Result<(i64, i64)> {
    let script = "const box = document.querySelector('[data-testid=\"whiteboard\"]').getBoundingClientRect();
        return [Math.round(box.width / 2), Math.round(box.height / 2)];";
    Ok(serde_json::from_value(tab.eval(script, vec![]).await?)?)
}

/// The zoom in percent.
pub(crate) async fn zoom(tab: &Tab) -> Result<u32> {
    let shown = tab.eval("return document.querySelector('.board-zoom output').innerText", vec![]).await?;
    let shown = shown.as_str().context("no zoom")?.trim_end_matches(['%', '\u{2009}']);
    Ok(shown.parse()?)
}
