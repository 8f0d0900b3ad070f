//! A whiteboard in a page: its shapes, its pixels, and the files that it is saved as.

use anyhow::{Context as _, Result, ensure};
use meshwork_e2e::{PATIENCE, Tab};
use serde_json::Value;

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
