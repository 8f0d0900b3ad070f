//! Sync's page: what several people count and write, apart and together again.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use meshwork::Endpoint;
use meshwork_e2e::{Browser, Cli, Kind, PATIENCE, Server, Tab, wait_until};
use serde_json::Value;

use crate::common::hands::{NARROW, crash, resize};
use crate::common::{
    open_editor, open_values, wait_held, wait_linked, wait_page_says, wait_says, watched_room,
};

async fn wait_counter(tab: &Tab, value: i64) -> Result<()> {
    tab.wait_until(PATIENCE, "the sum", async || {
        let shown = tab.text("counter").await?;
        ensure!(shown == value.to_string(), "the counter stands at {shown} instead of {value}");
        Ok(())
    })
    .await
}

async fn click_times(tab: &Tab, testid: &str, times: usize) -> Result<()> {
    for _ in 0..times {
        tab.click(testid).await?;
    }
    Ok(())
}

/// The original's way through, with its defects: what is counted while apart counts once, and the server may be away.
#[tokio::test]
async fn sums_are_exact_after_being_apart() -> Result<()> {
    let mut server = Server::start().await?;
    let browsers = [Browser::start().await?, Browser::start().await?];
    let (ann, link) = open_values(&browsers[0], server.url()).await?;
    let bo = browsers[1].tab(&link).await?;
    wait_linked(&ann, 1).await?;
    click_times(&ann, "increment", 3).await?;
    click_times(&bo, "increment", 2).await?;
    wait_counter(&ann, 5).await?;
    wait_counter(&bo, 5).await?;
    // Within two seconds each knows how far the other is.
    for tab in [&ann, &bo] {
        let rtt = tab.wait_until(Duration::from_secs(2), "a round trip", async || {
            Ok(tab.text("peer-rtt").await?.parse::<u32>()?)
        });
        ensure!(rtt.await? > 0, "a round trip takes time");
        wait_says(tab, "rtt-average", "ms").await?;
    }
    bo.click("disconnect").await?;
    wait_page_says(&bo, "You are disconnected").await?;
    wait_linked(&ann, 0).await?;
    click_times(&bo, "increment", 4).await?;
    click_times(&bo, "decrement", 1).await?;
    click_times(&ann, "increment", 2).await?;
    wait_counter(&bo, 8).await?;
    wait_counter(&ann, 7).await?;
    bo.click("connect").await?;
    wait_counter(&ann, 10).await?;
    wait_counter(&bo, 10).await?;
    wait_held(&bo, "held by 1").await?;
    // Links go on without the server, and so does counting.
    server.kill();
    click_times(&ann, "increment", 1).await?;
    wait_counter(&bo, 11).await?;
    bo.click("disconnect").await?;
    wait_linked(&ann, 0).await?;
    click_times(&ann, "increment", 1).await?;
    click_times(&bo, "increment", 1).await?;
    server.restart().await?;
    bo.click("connect").await?;
    wait_counter(&ann, 13).await?;
    wait_counter(&bo, 13).await?;
    // What was counted is still there when the page comes again.
    bo.reload().await?;
    wait_counter(&bo, 13).await
}

#[tokio::test]
async fn values_are_set_changed_and_deleted() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start_kind(Kind::of_this_run()).await?;
    let (ann, link) = open_values(&browser, server.url()).await?;
    let bo = browser.tab(&link).await?;
    wait_linked(&ann, 1).await?;
    ann.type_text("value-key", "ferry").await?;
    ann.type_text("value-input", "Sat 9:40\n").await?;
    wait_says(&bo, "value-row-ferry", "Sat 9:40").await?;
    // Where it stands it is changed, by keys alone.
    bo.click("value-edit").await?;
    bo.press_keys("Sun 8:15\u{e007}").await?;
    wait_says(&ann, "value-row-ferry", "Sun 8:15").await?;
    ann.click("value-history").await?;
    wait_says(&ann, "value-past", "Sat 9:40").await?;
    ann.click("value-again").await?;
    wait_says(&bo, "value-row-ferry", "Sat 9:40").await?;
    bo.click("value-delete").await?;
    wait_until(PATIENCE, "no row", async || {
        ensure!(!ann.has("value-row-ferry").await?, "the key is there");
        Ok(())
    })
    .await?;
    bo.click("value-undo").await?;
    wait_says(&ann, "value-row-ferry", "Sat 9:40").await?;
    // Numbers are numbers for programs, and texts are texts.
    ann.type_text("value-key", "seats").await?;
    ann.type_text("value-input", "40\n").await?;
    let program = Cli::new()?;
    let values = program.run(["sync", "list", &link, "--json"]).await?.success()?.json()?;
    let listed = values.to_string();
    ensure!(listed.contains("40") && listed.contains("\"Sat 9:40\""), "{listed}");
    program.run(["sync", "set", &link, "rain", "true"]).await?.success()?;
    wait_says(&ann, "value-row-rain", "true").await?;
    program.run(["sync", "add", &link, "likes", "7"]).await?.success()?;
    wait_says(&ann, "counter-name", "likes").await?;
    bo.click("statistics").await?;
    wait_says(&bo, "log", "rain = true").await?;
    // What is shown of the log is chosen by kind.
    let links = "const filter = document.querySelector('[data-testid=log-filter]');
        filter.value = [...filter.options].find(({ text }) => text === 'Links').value;
        filter.dispatchEvent(new Event('change'));";
    bo.eval(links, vec![]).await?;
    wait_says(&bo, "log", "direct").await?;
    ensure!(!bo.text("log").await?.contains("rain"), "a value is no link");
    // Who has the same is said to.
    wait_says(&ann, "peer-list", "ynced, direct").await
}

/// Notes in a page when somebody's link was first in each state: name and state, and milliseconds of the page's clock.
const NOTE_STATES: &str = "window.states = {};
    const note = () => document.querySelectorAll('li.person').forEach((row) => {
        const name = row.querySelector('.called').textContent;
        window.states[`${name} ${row.dataset.state}`] ??= performance.now();
    });
    new MutationObserver(note).observe(document.querySelector('[data-testid=peer-list]'),
        { subtree: true, childList: true, attributeFilter: ['data-state'] });
    note();";

/// How many milliseconds after this moment of its clock a page saw somebody in a state.
async fn seen_after(tab: &Tab, state: &str, moment: &Value) -> Result<f64> {
    let seen = tab.wait_until(PATIENCE, "a state", async || {
        let seen = tab.eval("return window.states[arguments[0]] ?? null", vec![state.into()]).await?;
        seen.as_f64().with_context(|| format!("nobody is {state}"))
    });
    Ok(seen.await? - moment.as_f64().context("a moment")?)
}

#[tokio::test]
async fn killed_tabs_go_stale_and_closed_ones_go() -> Result<()> {
    let server = Server::start().await?;
    let browsers = [Browser::start().await?, Browser::start().await?, Browser::start().await?];
    let (ann, link) = open_values(&browsers[0], server.url()).await?;
    let (bo, cy) = (browsers[1].tab(&link).await?, browsers[2].tab(&link).await?);
    wait_linked(&ann, 2).await?;
    bo.type_text("display-name", "Bo").await?;
    cy.type_text("display-name", "Cy").await?;
    wait_says(&ann, "peer-list", "Bo").await?;
    wait_says(&ann, "peer-list", "Cy").await?;
    ann.eval(NOTE_STATES, vec![]).await?;
    let now = "return performance.now()";
    let closed = ann.eval(now, vec![]).await?;
    bo.close().await?;
    let gone = seen_after(&ann, "Bo gone", &closed).await?;
    ensure!(gone < 1_000.0, "who closed their tab was gone after {gone} ms");
    let killed = ann.eval(now, vec![]).await?;
    crash(&cy).await;
    let stale = seen_after(&ann, "Cy stale", &killed).await?;
    ensure!(stale < 3_500.0, "who was killed was stale after {stale} ms");
    let gone = seen_after(&ann, "Cy gone", &killed).await?;
    ensure!(gone < 10_500.0, "who was killed was gone after {gone} ms");
    ensure!(gone > stale + 1_000.0, "silence of {stale} ms is no end");
    Ok(())
}

#[tokio::test]
async fn a_view_link_says_why_values_are_shut() -> Result<()> {
    let server = Server::start().await?;
    let (_mira, room, _, look) = watched_room(server.url()).await?;
    let browser = Browser::start().await?;
    let reader = browser.tab(&look).await?;
    wait_says(&reader, "values-shut", "View only. Ask Mira for an edit link.").await?;
    let is_off = reader.eval("return document.querySelector('[data-testid=increment]').disabled", vec![]);
    ensure!(is_off.await? == true, "the counter is shut");
    room.counter("counter").add(3).await?;
    wait_counter(&reader, 3).await
}

/// On a phone one sees what is said and what is asked at once, and leaving the others takes no line.
#[tokio::test]
async fn phones_have_room_for_names_and_toasts() -> Result<()> {
    let server = Server::start().await?;
    let (_mira, _room, _, look) = watched_room(server.url()).await?;
    let browser = Browser::start().await?;
    let guest = browser.tab(&look).await?;
    resize(&guest, NARROW).await?;
    wait_says(&guest, "guest", "You are").await?;
    open_editor(&guest).await?;
    guest.click("document-editor").await?;
    guest.press_keys("x").await?;
    let laid = "const of = selector => document.querySelector(selector)?.getBoundingClientRect();
        const [toast, line] = [of('.toast'), of('[data-testid=guest]')];
        return toast && line && toast.top >= line.bottom";
    wait_until(PATIENCE, "a toast", async || {
        let is_below = guest.eval(laid, vec![]).await?;
        ensure!(is_below == true, "a toast below the line: {is_below}");
        Ok(())
    })
    .await?;
    let in_row =
        "const all = [...arguments].map(name => document.querySelector(name).getBoundingClientRect());
        return Math.max(...all.map(({ top }) => top)) < Math.min(...all.map(({ bottom }) => bottom))";
    let tabs = ["[data-testid=tab-values]", "[data-testid=tab-document]"];
    let row = |more: &'static str| tabs.into_iter().chain([more]).map(Value::from).collect::<Vec<_>>();
    ensure!(guest.eval(in_row, row("[data-testid=disconnect]")).await? == true, "beside the tabs");
    guest.click("disconnect").await?;
    wait_says(&guest, "connect", "Connect").await?;
    let away = vec![".sync-away".into(), "[data-testid=connect]".into()];
    ensure!(guest.eval(in_row, away).await? == true, "beside the words that one is away");
    ensure!(guest.eval(in_row, row("[data-testid=tab-whiteboard]")).await? == true, "tabs in one row");
    Ok(())
}

#[tokio::test]
async fn rooms_open_with_their_own_app() -> Result<()> {
    let server = Server::start().await?;
    let browser = Browser::start().await?;
    let mira = Endpoint::builder().name("Mira").server(server.url()).bind().await?;
    let room = mira.create(meshwork::sync::room()).await?;
    room.registered().await?;
    let link = room.link().to_string();
    let other = browser.tab(&link.replace("/sync/", "/place/")).await?;
    wait_says(&other, "counter", "0").await?;
    ensure!(other.url().await? == link, "the address is {}", other.url().await?);
    let bare = link.split('#').next().context("an address")?.replace("/sync/", "/");
    other.goto(&bare).await?;
    wait_says(&other, "counter", "0").await?;
    other.goto(server.url()).await?;
    wait_says(&other, "kept-link", "Sync room").await
}
