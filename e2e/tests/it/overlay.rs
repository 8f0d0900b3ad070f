//! The live picture of a room's overlay, with a swarm of native peers in it, on a desk and on a phone.

use crate::common::{close, open_page, wait_linked, wait_says};
use anyhow::{Result, ensure};
use meshwork_e2e::{Browser, Cli, Look, PATIENCE, Server, Tab};
use serde_json::{Value, json};

/// Native peers beside the page: more than a full mesh has, so that not everybody is linked to everybody.
const SWARM: usize = 16;

/// What the drawing holds: beads, links of one's own, whether links of others are drawn, beads that lie on others,
/// the largest distance from the middle beyond the picture, and whether anything scrolls sideways.
const DRAWN: &str = "const drawing = document.querySelector('[data-testid=\"overlay-drawing\"]');
    if (!drawing) return {};
    const beads = Array.from(drawing.querySelectorAll('.dot'), dot => {
        const box = dot.querySelector('path').getBoundingClientRect();
        return { x: box.x + box.width / 2, y: box.y + box.height / 2, width: box.width };
    });
    const lies = (one, other) => Math.hypot(one.x - other.x, one.y - other.y) < (one.width + other.width) / 2 - 3;
    const over = beads.filter((one, at) => beads.slice(0, at).some(other => lies(one, other))).length;
    const frame = drawing.getBoundingClientRect();
    const beyond = beads.filter(bead => bead.x < frame.left || bead.x > frame.right).length;
    const others = Array.from(drawing.querySelectorAll('path.link:not(.mine)'), path => path.getAttribute('d'));
    const sheet = drawing.closest('dialog');
    return {
        beads: beads.length,
        mine: drawing.querySelectorAll('path.mine[data-state]').length,
        others: others.join('').split('M').length - 1,
        carrying: Array.from(drawing.querySelectorAll('path.carries:not(.mine)'), path => path.getAttribute('d'))
            .join('').split('M').length - 1 + drawing.querySelectorAll('path.mine.carries').length,
        over, beyond,
        named: drawing.querySelectorAll('.name.named').length,
        sideways: sheet.scrollWidth > sheet.clientWidth,
    };";

/// Notes whatever is said in passing from here on.
const HEAR: &str = "window.said = [];
    const toasts = document.querySelector('.toasts');
    new MutationObserver(() => said.push(toasts.innerText)).observe(toasts, { childList: true });";

/// What stands beside the canvas: people who are linked and who are gone, what is said of all others, and what was said
/// in passing.
const BESIDE: &str = "const text = testid => document.querySelector(`[data-testid=\"${testid}\"]`)?.textContent;
    return {
        linked: Number(text('peer-count')),
        connecting: document.querySelectorAll('.person[data-state=\"connecting\"]').length,
        gone: Array.from(document.querySelectorAll('.person[data-state=\"gone\"] .state'), one => one.textContent),
        more: text('comb-more'),
        notices: document.querySelector('.room-facts').innerText,
        said,
    };";

/// Whoever is linked to others alone is counted, and nobody stays connecting, nor is said to have left or to have found
/// the room full.
async fn check_people(tab: &Tab) -> Result<()> {
    // Attempts of sixteen peers in one process may each take a while on a loaded machine.
    tab.wait_until(3 * PATIENCE, "the people", async || {
        let beside = tab.eval(BESIDE, vec![]).await?;
        let more = SWARM as u64 - beside["linked"].as_u64().unwrap_or(0);
        let expected = if more == 0 { Value::Null } else { format!("and {more} more through them").into() };
        ensure!(beside["gone"] == json!([]) && beside["connecting"] == 0, "{beside}");
        ensure!(beside["more"] == expected, "{beside}");
        let said = beside["said"].to_string();
        ensure!(said.contains("joined") && !said.contains(" left"), "{beside}");
        ensure!(!beside["notices"].to_string().contains("full"), "{beside}");
        Ok(())
    })
    .await
}

async fn drawn(tab: &Tab) -> Result<Value> {
    // Beads that are on their way are where they go.
    tab.settle().await?;
    tab.eval(DRAWN, vec![]).await
}

/// Waits until so many are in the picture, each of whom tells of its links.
async fn wait_picture(tab: &Tab, people: usize) -> Result<Value> {
    tab.wait_until(PATIENCE, "the picture", async || {
        let drawn = drawn(tab).await?;
        ensure!(drawn["beads"] == people, "{people} are here: {drawn}");
        ensure!(drawn["carrying"] == people - 1, "the tree reaches everybody once: {drawn}");
        // One who is linked to everybody sees the tree before the others have told of their links.
        let others = drawn["others"].as_u64().is_some_and(|links| links > 20);
        ensure!(people == 1 || others, "links of others are seen: {drawn}");
        Ok(drawn)
    })
    .await
}

async fn rows(tab: &Tab) -> Result<Vec<Vec<String>>> {
    let script = "return Array.from(document.querySelectorAll('[data-testid=\"overlay-rows\"] tbody tr'),
        row => Array.from(row.cells, cell => cell.textContent))";
    Ok(serde_json::from_value(tab.eval(script, vec![]).await?)?)
}

async fn press(tab: &Tab, key: &str) -> Result<()> {
    let script = "document.activeElement.dispatchEvent(
        new KeyboardEvent('keydown', { key: arguments[0], bubbles: true, cancelable: true }))";
    tab.eval(script, vec![key.into()]).await.map(drop)
}

async fn check_accessible(tab: &Tab) -> Result<()> {
    for look in [Look::DESKTOP, Look::PHONE.in_the_dark()] {
        tab.look(look).await?;
        let found = tab.violations().await?;
        ensure!(found.is_empty(), "{look:?}: {found:#?}");
    }
    tab.look(Look::DESKTOP).await
}

#[tokio::test]
async fn overlay_is_seen_as_people_come_and_go() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let (tab, link) = open_page(&browser, server.url(), "open").await?;
    tab.look(Look::DESKTOP).await?;
    tab.media(&[("prefers-reduced-motion", "reduce")]).await?;
    tab.click("open-overlay").await?;
    wait_says(&tab, "overlay-count", "Nobody else is here yet").await?;
    close(&tab).await?;
    tab.eval(HEAR, vec![]).await?;
    let cli = Cli::new()?;
    let swarm = cli.start(["swarm", &link, "--peers", &SWARM.to_string(), "--json"])?;
    swarm.line(PATIENCE, "the swarm", |line| line.contains("ready")).await?;

    tab.click("open-overlay").await?;
    let all = SWARM + 1;
    check_people(&tab).await?;
    let picture = wait_picture(&tab, all).await?;
    ensure!(picture["over"] == 0 && picture["beyond"] == 0, "every bead is seen: {picture}");
    wait_says(&tab, "overlay-count", &format!("{all} here, ")).await?;
    wait_says(&tab, "overlay-in-force", "Emergent (automatic)").await?;
    // Links come and go while one looks.
    tab.wait_until(PATIENCE, "a picture, words and a table that agree", async || {
        let (picture, linked) = (drawn(&tab).await?, tab.text("overlay-count").await?);
        let table = rows(&tab).await?;
        ensure!(linked.contains(&format!(" {} linked to you", picture["mine"])), "{linked}: {picture}");
        ensure!(table.len() == all && table[0][0] == "You" && table[0][2] == "author", "{table:?}");
        ensure!(table[1..].iter().all(|row| row[2].contains(" hop")), "everybody hears it: {table:?}");
        let direct = table.iter().filter(|row| row[1].starts_with("Direct, ")).count();
        ensure!(picture["mine"] == direct, "{direct} of {table:?}");
        Ok(())
    })
    .await?;

    // Somebody else's strokes, chosen by keys: the tree is another one, and the table says whose.
    tab.eval("document.querySelector('.dot.me').focus()", vec![]).await?;
    press(&tab, "ArrowRight").await?;
    press(&tab, "Enter").await?;
    let whose = "return document.querySelector('[data-testid=\"overlay-rows\"] caption').textContent";
    tab.wait_until(PATIENCE, "another origin", async || {
        let caption = tab.eval(whose, vec![]).await?;
        ensure!(!caption.to_string().contains("how your strokes travel"), "{caption}");
        Ok(())
    })
    .await?;
    let authors = rows(&tab).await?.into_iter().filter(|row| row[2] == "author").count();
    ensure!(authors == 1 && rows(&tab).await?[0][2] != "author");
    wait_picture(&tab, all).await?;
    check_accessible(&tab).await?;
    tab.click("overlay-table").await?;
    ensure!(!tab.has("overlay-drawing").await?, "the table takes its place");
    check_accessible(&tab).await?;
    tab.click("overlay-picture").await?;

    tab.look(Look::PHONE).await?;
    let narrow = wait_picture(&tab, all).await?;
    ensure!(narrow["sideways"] == false && narrow["over"] == 0 && narrow["beyond"] == 0, "{narrow}");

    swarm.interrupt()?;
    swarm.end(PATIENCE).await?.success()?;
    wait_picture(&tab, 1).await?;
    close(&tab).await?;
    wait_linked(&tab, 0).await?;
    ensure!(tab.eval("return document.querySelector('.overlay')", vec![]).await? == json!(null));
    Ok(())
}
