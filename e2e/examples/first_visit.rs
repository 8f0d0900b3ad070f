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
/// Where the stroke is painted.
const AT: (usize, usize) = (50, 50);
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
    first.click("make-room").await?;
    let link = wait_until(PATIENCE, "the link of the room", async || {
        let link = first.value("share-link").await?;
        ensure!(link.contains('#'), "it is {link:?}");
        Ok(link)
    });
    let link = link.await?;
    let shared = passed();
    let second = other.tab(&link).await?;
    first.click_cell(SIZE, AT).await?;
    let painted = passed();
    wait_until(PATIENCE, "the stroke", async || {
        ensure!(second.cell(SIZE, AT).await?[3] > 0, "nothing is painted there");
        Ok(())
    })
    .await?;
    let seen = passed();
    Ok(json!({
        "browser": format!("{kind:?}"), "clicks": 2, "opened_ms": opened, "shared_ms": shared, "painted_ms": painted,
        "seen_ms": seen,
    }))
}
