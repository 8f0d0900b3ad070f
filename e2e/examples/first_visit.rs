//! Shows how long it takes somebody who knows nothing of Meshwork to paint with somebody else: from opening `/` to a stroke that a
//! second profile sees, in Chromium and in Firefox. Clicks are made at once, so the time is the pages' own.
//! Run with `cargo run --release -p meshwork-e2e --example first_visit -- [ROUNDS]`, after `cargo xtask build`. It prints one array
//! of JSON, an entry for each round and browser: clicks, and milliseconds from the beginning until each step was done.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use meshwork_e2e::{Browser, BrowserOptions, Kind, Server, wait_until};
use serde_json::{Value, json};

/// A canvas as a new room has it.
const SIZE: (usize, usize) = (100, 100);
/// Where the stroke shows that is painted in the middle one of 90 by 44 cells of the start page, and in which colour.
const AT: (usize, usize) = (50, 50);
const RED: [u8; 4] = [0xe6, 0x19, 0x4b, 0xff];
/// What takes longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> Result<()> {
    let rounds: usize = std::env::args().nth(1).map_or(Ok(3), |rounds| rounds.parse())?;
    let mut visits = Vec::new();
    for _ in 0..rounds {
        for kind in [Kind::Chromium, Kind::Firefox] {
            visits.push(visit(kind).await.with_context(|| format!("{kind:?}"))?);
        }
    }
    println!("{}", Value::from(visits));
    Ok(())
}

async fn visit(kind: Kind) -> Result<Value> {
    let server = Server::start().await?;
    let start = || Browser::start_with(BrowserOptions::default().kind(kind).whole());
    let (one, other) = tokio::try_join!(start(), start())?;
    let begun = Instant::now();
    let passed = || begun.elapsed().as_millis() as u64;
    let first = one.tab(server.url()).await?;
    first.wait_there(PATIENCE, "make-room").await?;
    let opened = passed();
    let middle =
        "const { width, height } = document.querySelector('[data-testid=doodle]').getBoundingClientRect();
        return [Math.round(width * 45.5 / 90), Math.round(height * 22.5 / 44)];";
    let middle: (i64, i64) = serde_json::from_value(first.eval(middle, Vec::new()).await?)?;
    first.drag_on("doodle", &[middle]).await?;
    let painted = passed();
    first.click("make-room").await?;
    let link = wait_until(PATIENCE, "the link of the room", async || {
        let link = first.value("share-link").await?;
        ensure!(link.contains('#'), "it is {link:?}");
        Ok(link)
    });
    let link = link.await?;
    let shared = passed();
    let second = other.tab(&link).await?;
    wait_until(PATIENCE, "the stroke", async || {
        let shown = second.cell(SIZE, AT).await?;
        ensure!(shown == RED, "{shown:?} is shown there");
        Ok(())
    })
    .await?;
    let seen = passed();
    Ok(json!({
        "browser": format!("{kind:?}"), "clicks": 2, "opened_ms": opened, "painted_ms": painted, "shared_ms": shared,
        "seen_ms": seen,
    }))
}
