//! People in a room: their cursors, who painted a cell, what is known of a link and done about it.

use crate::common::hands::{NARROW, resize};
use crate::common::{SIZE, open_page, unfold, wait_linked, wait_page_says, wait_says, wait_shows};
use anyhow::{Context, Result, ensure};
use meshwork_e2e::{Browser, PATIENCE, Server, Tab};
use serde_json::json;

const BLACK: [u8; 4] = [0, 0, 0, 0xff];

/// Where the middle of a cell is in the window.
async fn middle(tab: &Tab, (x, y): (usize, usize)) -> Result<(f64, f64)> {
    let script =
        "const box = document.querySelector('[data-testid=\"place-canvas\"]').getBoundingClientRect();
        return [box.left + (arguments[0] + 0.5) / arguments[2] * box.width,
                box.top + (arguments[1] + 0.5) / arguments[3] * box.height];";
    let at = tab.eval(script, vec![json!(x), json!(y), json!(SIZE.0), json!(SIZE.1)]).await?;
    Ok((at[0].as_f64().context("x")?, at[1].as_f64().context("y")?))
}

/// Moves the mouse over a cell.
async fn hover(tab: &Tab, cell: (usize, usize)) -> Result<()> {
    let (x, y) = middle(tab, cell).await?;
    tab.devtools("Input.dispatchMouseEvent", json!({ "type": "mouseMoved", "x": x, "y": y })).await.map(drop)
}

/// Presses the mouse, moves it while it is pressed, or lets it go.
async fn press(tab: &Tab, kind: &str, cell: (usize, usize)) -> Result<()> {
    let (x, y) = middle(tab, cell).await?;
    let event = json!({ "type": kind, "x": x, "y": y, "button": "left", "buttons": 1, "clickCount": 1 });
    tab.devtools("Input.dispatchMouseEvent", event).await.map(drop)
}

/// Puts a finger down, moves it or lifts it.
async fn touch(tab: &Tab, kind: &str, cell: Option<(usize, usize)>) -> Result<()> {
    let mut points = vec![];
    if let Some(cell) = cell {
        let (x, y) = middle(tab, cell).await?;
        points.push(json!({ "x": x, "y": y }));
    }
    tab.devtools("Input.dispatchTouchEvent", json!({ "type": kind, "touchPoints": points })).await.map(drop)
}

/// Cursors on a page: of each its name, whether that is to be seen, and how far its tip is from the middle of a cell, in
/// pixels.
async fn cursors(tab: &Tab, cell: (usize, usize)) -> Result<Vec<(String, bool, f64)>> {
    let (x, y) = middle(tab, cell).await?;
    let script =
        "return Array.from(document.querySelectorAll('[data-testid=\"cursor\"]:not(.leaving)'), cursor => {
            const name = cursor.querySelector('[data-testid=\"cursor-name\"]');
            const arrow = cursor.querySelector('.arrow').getBoundingClientRect();
            const [left, top] = [arrow.left + 2, arrow.top + 2];
            return [name.textContent, !name.classList.contains('quiet'),
                    Math.hypot(left - arguments[0], top - arguments[1])];
        });";
    Ok(serde_json::from_value(tab.eval(script, vec![json!(x), json!(y)]).await?)?)
}

async fn wait_cursor(tab: &Tab, called: &str, is_named: bool, cell: (usize, usize)) -> Result<()> {
    tab.wait_until(PATIENCE, "a cursor", async || {
        let seen = cursors(tab, cell).await?;
        let is_it =
            |(name, shown, away): &(String, bool, f64)| name == called && *shown == is_named && *away < 4.0;
        ensure!(seen.len() == 1 && is_it(&seen[0]), "there are {seen:?}");
        Ok(())
    })
    .await
}

async fn wait_no_cursor(tab: &Tab) -> Result<()> {
    tab.wait_until(PATIENCE, "no cursor", async || {
        let seen = cursors(tab, (0, 0)).await?;
        ensure!(seen.is_empty(), "there are {seen:?}");
        Ok(())
    })
    .await
}

/// What the card says, when it is to be seen.
async fn card(tab: &Tab) -> Result<Option<String>> {
    let script = "const card = document.querySelector('[data-testid=\"cell-card\"]');
        return card && card.checkVisibility() ? card.innerText : null;";
    Ok(tab.eval(script, vec![]).await?.as_str().map(str::to_owned))
}

async fn wait_card(tab: &Tab, words: &[&str]) -> Result<()> {
    tab.wait_until(PATIENCE, "the card", async || {
        let said = card(tab).await?.context("there is none")?;
        ensure!(words.iter().all(|words| said.contains(words)), "it says {said:?}");
        Ok(())
    })
    .await
}

async fn press_key(tab: &Tab, key: &str) -> Result<()> {
    let script = "const canvas = document.querySelector('[data-testid=\"place-canvas\"]');
        canvas.focus();
        const key = arguments[0];
        const code = key.length === 1 ? 'Key' + key.toUpperCase() : key;
        for (const type of ['keydown', 'keyup']) {
            canvas.dispatchEvent(new KeyboardEvent(type, { key, code, bubbles: true, cancelable: true }));
        }";
    tab.eval(script, vec![json!(key)]).await.map(drop)
}

/// A room with Mira in one browser and Lin in another.
async fn mira_and_lin(server: &Server, browsers: &(Browser, Browser)) -> Result<(Tab, Tab, String)> {
    let (mira, link) = open_page(&browsers.0, server.url(), "open").await?;
    mira.type_text("display-name", "Mira").await?;
    let lin = browsers.1.tab(server.url()).await?;
    lin.eval("localStorage.setItem('meshwork-name', 'Lin')", vec![]).await?;
    lin.goto(&link).await?;
    wait_linked(&mira, 1).await?;
    wait_linked(&lin, 1).await?;
    Ok((mira, lin, link))
}

#[tokio::test]
async fn cursors_wear_names_and_cells_know_their_painters() -> Result<()> {
    let server = Server::start().await?;
    let browsers = tokio::try_join!(Browser::start(), Browser::start())?;
    let (mira, lin, _) = mira_and_lin(&server, &browsers).await?;

    hover(&lin, (30, 40)).await?;
    wait_cursor(&mira, "Lin", true, (30, 40)).await?;
    hover(&lin, (80, 20)).await?;
    wait_cursor(&mira, "Lin", true, (80, 20)).await?;
    ensure!(cursors(&lin, (80, 20)).await?.is_empty(), "nobody sees their own");
    wait_cursor(&mira, "Lin", false, (80, 20)).await.context("the name fades")?;
    let hidden = "return document.querySelector('.cursors').getAttribute('aria-hidden')";
    ensure!(mira.eval(hidden, vec![]).await? == "true", "readers are not told of cursors");

    // What is painted is counted. Before the stroke that follows: a pause of a second in it would make two of it.
    lin.click("palette-000000").await?;
    lin.click_cell(SIZE, (70, 70)).await?;
    unfold(&mira, "activity-fold").await?;
    mira.wait_until(PATIENCE, "how much is painted", async || {
        let bars = mira.attribute("activity", "aria-label").await?.unwrap_or_default();
        ensure!(bars.contains("in all") && !bars.contains(" 0 in all"), "{bars}");
        ensure!(mira.text("strokes-a-minute").await?.contains("stroke"), "and the number");
        let painters = mira.text("painters").await?;
        ensure!(painters.contains("Lin") && painters.contains("1 stroke"), "and by whom: {painters}");
        Ok(())
    })
    .await?;

    // A thread trails behind a stroke, and is gone again by the time anybody looks.
    let watch = "window.threads = 0;
        new MutationObserver(changes => {
            window.threads += changes.filter(change => change.target.getAttribute('d')).length;
        }).observe(document.querySelector('.cursors'), { subtree: true, attributeFilter: ['d'] });";
    mira.eval(watch, vec![]).await?;
    // A hand is not that quick: each movement is seen before the next.
    press(&lin, "mousePressed", (10, 10)).await?;
    for cell in [(20, 10), (30, 10), (40, 14), (50, 10), (60, 10)] {
        press(&lin, "mouseMoved", cell).await?;
        wait_cursor(&mira, "Lin", true, cell).await?;
    }
    press(&lin, "mouseReleased", (60, 10)).await?;
    wait_shows(&mira, (60, 10), BLACK).await?;
    mira.wait_until(PATIENCE, "a thread", async || {
        ensure!(mira.eval("return window.threads", vec![]).await?.as_u64() > Some(0), "none was drawn");
        Ok(())
    })
    .await?;

    // Who painted a cell: by hovering, and by the key W, which also says it.
    hover(&mira, (20, 10)).await?;
    wait_card(&mira, &["Lin painted this", "20, 10 \u{2022} #000000 \u{2022} "]).await?;
    hover(&mira, (21, 30)).await?;
    wait_card(&mira, &["Nobody has painted this", "21, 30"]).await?;
    hover(&mira, (30, 10)).await?;
    press_key(&mira, "w").await?;
    wait_card(&mira, &["Lin painted this"]).await?;
    let spoken = "return document.querySelector('[aria-live=assertive]').textContent";
    let said = mira.eval(spoken, vec![]).await?;
    let expected = "x 30, y 10, black, Lin, ";
    ensure!(said.as_str().is_some_and(|said| said.starts_with(expected)), "it says {said}");
    hover(&lin, (30, 10)).await?;
    wait_card(&lin, &["You painted this"]).await?;

    // Who has left is not forgotten, though the page is loaded again.
    lin.close().await?;
    wait_no_cursor(&mira).await?;
    mira.wait_until(PATIENCE, "the room is kept", async || {
        ensure!(mira.has("kept").await?, "not yet");
        Ok(())
    })
    .await?;
    mira.reload().await?;
    wait_shows(&mira, (20, 10), BLACK).await?;
    hover(&mira, (20, 10)).await?;
    wait_card(&mira, &["Lin painted this"]).await
}

/// Waits until it is known which way a link goes and how steady it is.
async fn wait_measured(tab: &Tab) -> Result<()> {
    let way = tab.text("link-way").await?;
    ensure!(
        ["Same network, host to ", "Through a router, "].iter().any(|start| way.starts_with(start)),
        "{way}"
    );
    tab.wait_until(PATIENCE, "jitter and loss", async || {
        let (jitter, loss) = (tab.text("link-jitter").await?, tab.text("link-loss").await?);
        ensure!(jitter.ends_with("ms") && loss.starts_with("0\u{2009}%, 0 of "), "{jitter:?} and {loss:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn person_can_be_muted_unlinked_and_linked_again() -> Result<()> {
    let server = Server::start().await?;
    let browsers = tokio::try_join!(Browser::start(), Browser::start())?;
    let (mira, lin, link) = mira_and_lin(&server, &browsers).await?;

    mira.click("open-person").await?;
    wait_says(&mira, "link-words", "Direct").await?;
    mira.wait_until(PATIENCE, "the sparkline in words", async || {
        let words = mira.attribute("sparkline", "aria-label").await?.unwrap_or_default();
        ensure!(words.contains("median") && words.contains("highest"), "{words}");
        Ok(())
    })
    .await?;
    ensure!(mira.value("peer-key").await?.len() == 43, "the whole key can be copied");
    wait_measured(&mira).await?;

    mira.click("mute").await?;
    hover(&lin, (30, 40)).await?;
    hover(&lin, (31, 40)).await?;
    lin.click_cell(SIZE, (50, 50)).await?;
    wait_shows(&mira, (50, 50), BLACK).await.context("a muted person paints as before")?;
    ensure!(cursors(&mira, (31, 40)).await?.is_empty(), "the cursor of a muted person is hidden");
    mira.click("mute").await?;
    hover(&lin, (32, 40)).await?;
    wait_cursor(&mira, "Lin", true, (32, 40)).await?;

    mira.click("unlink").await?;
    wait_says(&mira, "link-words", "you unlinked").await?;
    wait_linked(&mira, 0).await?;
    wait_linked(&lin, 0).await?;
    wait_no_cursor(&mira).await?;
    wait_page_says(&lin, "Mira unlinked you").await?;
    lin.click("open-person").await?;
    wait_says(&lin, "link-words", "unlinked you").await?;
    // Loading the page again is no way around it, on neither side.
    lin.goto(&link).await?;
    mira.reload().await?;
    mira.wait_until(PATIENCE, "the unlinked person", async || {
        ensure!(mira.has("open-person").await?, "not listed yet");
        Ok(())
    })
    .await?;
    wait_says(&mira, "link-state", "gone").await?;
    wait_linked(&mira, 0).await?;
    mira.click("open-person").await?;
    wait_says(&mira, "unlink", "Link again").await?;
    mira.click("unlink").await?;
    wait_linked(&mira, 1).await?;
    wait_linked(&lin, 1).await
}

#[tokio::test]
async fn fingers_show_while_drawing_and_ask_by_resting() -> Result<()> {
    let server = Server::start().await?;
    let browsers = tokio::try_join!(Browser::start(), Browser::start())?;
    let (mira, lin, _) = mira_and_lin(&server, &browsers).await?;
    resize(&lin, NARROW).await?;
    lin.wait_until(PATIENCE, "the rail", async || {
        let width = lin.eval("return innerWidth", vec![]).await?;
        ensure!(width == 390, "{width} pixels wide");
        Ok(())
    })
    .await?;

    touch(&lin, "touchStart", Some((20, 50))).await?;
    touch(&lin, "touchMove", Some((30, 50))).await?;
    touch(&lin, "touchMove", Some((40, 50))).await?;
    wait_cursor(&mira, "Lin", true, (40, 50)).await?;
    touch(&lin, "touchEnd", None).await?;
    wait_no_cursor(&mira).await?;
    wait_shows(&mira, (30, 50), BLACK).await?;

    hover(&mira, (60, 60)).await?;
    wait_cursor(&lin, "Mira", true, (60, 60)).await?;

    touch(&lin, "touchStart", Some((30, 50))).await?;
    wait_card(&lin, &["You painted this", "30, 50"]).await?;
    touch(&lin, "touchEnd", None).await?;
    touch(&lin, "touchStart", Some((70, 20))).await?;
    wait_card(&lin, &["Nobody has painted this"]).await?;
    touch(&lin, "touchEnd", None).await?;
    let cell = lin.cell(SIZE, (70, 20)).await?;
    ensure!(cell == [0; 4], "asking paints nothing, not {cell:?}");

    // The rail opens the list of people, and a row what is known of a person.
    let open = "document.querySelector('.people .fold').click()";
    lin.eval(open, vec![]).await?;
    lin.click("open-person").await?;
    wait_says(&lin, "link-words", "Direct").await?;
    wait_measured(&lin).await?;
    unfold(&lin, "activity-fold").await?;
    wait_says(&lin, "painters", "You").await?;
    let fits = "return document.documentElement.scrollWidth <= innerWidth \
                && document.querySelector('[data-testid=person-details]').getBoundingClientRect().right <= innerWidth";
    ensure!(lin.eval(fits, vec![]).await? == true, "it is too wide");
    lin.click("unlink").await?;
    wait_linked(&mira, 0).await?;
    lin.click("unlink").await?;
    wait_linked(&mira, 1).await
}
