//! Shows how long a page takes until it shows a full whiteboard that it joins, and how busy it is while many draw on it.
//! Run with `cargo run --release -p meshwork-e2e --example board_race -- [SHAPES] [PEOPLE] [SECONDS]`, after `cargo xtask
//! build`. It prints one line of JSON: milliseconds but for the numbers of shapes and people.

#![allow(clippy::print_stderr, reason = "the result alone stands on stdout")]

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use meshwork::sync::shapes::{Bounds, Order, Piece, Point, Shape, Style, What};
use meshwork::{Endpoint, Link, Room, sync};
use meshwork_core::rng::Rng;
use meshwork_e2e::{Browser, Server, Tab, wait_until};
use serde_json::{Value, json};
use tokio::runtime::{self, Handle};

/// Points of a stroke.
const POINTS: u64 = 60;
/// The board on which strokes lie, in steps: 6,000 by 4,000 pixels.
const SIDES: (u64, u64) = (48_000, 32_000);
/// Those who draw the full board: of each a room keeps some thousand strokes.
const AUTHORS: usize = 5;
/// What takes longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(240);

/// Installed before the page's own scripts: how long the callbacks of each frame take together, tasks above 50 ms, and what
/// ran in long frames, by who called it.
const WATCH: &str = "(() => {
    const seen = { frames: [], long: [], callers: [] };
    window.meshworkSeen = seen;
    const ask = window.requestAnimationFrame;
    let stamp = 0;
    window.requestAnimationFrame = (work) => ask((now) => {
        const begun = performance.now();
        try { work(now); } finally {
            const took = performance.now() - begun;
            if (now === stamp) seen.frames[seen.frames.length - 1] += took; else seen.frames.push(took);
            stamp = now;
        }
    });
    new PerformanceObserver((list) => seen.long.push(...list.getEntries().map((entry) => entry.duration)))
        .observe({ type: 'longtask', buffered: true });
    const called = ({ invoker, duration }) => invoker + ' ' + Math.round(duration);
    new PerformanceObserver((list) => seen.callers.push(...list.getEntries().map(({ duration, scripts }) =>
        [Math.round(duration), ...scripts.map(called)])))
        .observe({ type: 'long-animation-frame', buffered: true });
})();";

#[tokio::main]
async fn main() -> Result<()> {
    let numbers: Vec<usize> = std::env::args()
        .skip(1)
        .map(|text| text.parse().context("sizes are numbers"))
        .collect::<Result<_>>()?;
    let number = |at: usize, otherwise: usize| numbers.get(at).copied().unwrap_or(otherwise);
    let (shapes, people, seconds) = (number(0, 20_000), number(1, 43), number(2, 10));
    // Those who draw have machines of their own, where a page does not feel them: here their threads give way to it.
    let elsewhere = runtime::Builder::new_multi_thread()
        .enable_all()
        .on_thread_start(|| {
            // Where that is refused they take their share.
            let _ = rustix::process::nice(19);
        })
        .build()?;
    println!("{}", race(elsewhere.handle(), shapes, people.max(AUTHORS), seconds).await?);
    elsewhere.shutdown_background();
    Ok(())
}

async fn race(elsewhere: &Handle, shapes: usize, people: usize, seconds: usize) -> Result<Value> {
    let server = Server::start().await?;
    let mut rng = Rng::new([7; 32]);
    let mut crowd = vec![elsewhere.spawn(create(server.url().to_owned())).await??];
    let link = crowd[0].1.link();
    let come = async || elsewhere.spawn(join(server.url().to_owned(), link.clone())).await?;
    while crowd.len() < AUTHORS {
        crowd.push(come().await?);
    }
    let mut top = None;
    for number in 0..shapes {
        let (_, room) = &crowd[number % AUTHORS];
        room.whiteboard().draw(stroke(&mut rng, &mut top)).await?;
    }
    for (_, room) in &crowd {
        wait_until(PATIENCE, "the full board", async || {
            let held = room.whiteboard().shapes().await?.len();
            ensure!(held == shapes, "{held} of {shapes} shapes are there");
            Ok(())
        })
        .await?;
    }
    eprintln!("{shapes} shapes are drawn");
    let browser = Browser::start_whole().await?;
    let tab = browser.tab("about:blank").await?;
    tab.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": WATCH })).await?;
    let begun = Instant::now();
    tab.goto(&link.to_string()).await?;
    tab.wait_there(PATIENCE, "tab-whiteboard").await?;
    tab.click("tab-whiteboard").await?;
    tab.wait_there(PATIENCE, "whiteboard").await?;
    wait_shapes(&tab, shapes).await?;
    let joined = begun.elapsed();
    tab.click("board-zoom-all").await?;
    let mut seconds_passed = tokio::time::interval(Duration::from_secs(1));
    // All of it is shown once frames have nothing more to draw.
    for _ in 0..4 {
        seconds_passed.tick().await;
    }
    let opening = take(&tab).await?;
    // What follows takes minutes, and may fail.
    eprintln!("joined after {} ms, opening: {opening}", joined.as_millis());
    while crowd.len() < people {
        crowd.push(come().await?);
    }
    eprintln!("{people} people are there");
    take(&tab).await?;
    for _ in 0..seconds {
        for (_, room) in &crowd {
            room.whiteboard().draw(stroke(&mut rng, &mut top)).await?;
        }
        seconds_passed.tick().await;
    }
    let drawing = take(&tab).await?;
    wait_shapes(&tab, shapes + people * seconds).await?;
    Ok(json!({
        "shapes": shapes, "people": people, "joined": joined.as_millis() as u64, "opening": opening, "drawing": drawing,
    }))
}

async fn create(server: String) -> Result<(Endpoint, Room)> {
    let endpoint = Endpoint::builder().server(server).bind().await?;
    let room = endpoint.create(sync::room()).await?;
    room.registered().await?;
    Ok((endpoint, room))
}

async fn join(server: String, link: Link) -> Result<(Endpoint, Room)> {
    let endpoint = Endpoint::builder().server(server).bind().await?;
    let room = endpoint.join(link).await?;
    Ok((endpoint, room))
}

/// A stroke over all others, which is the top from then on.
fn stroke(rng: &mut Rng, top: &mut Option<Order>) -> Shape {
    let mut at = Point { x: rng.below(SIDES.0) as i32, y: rng.below(SIDES.1) as i32 };
    let mut points = vec![at];
    for _ in 1..POINTS {
        at = Point { x: at.x + rng.below(81) as i32 - 30, y: at.y + rng.below(81) as i32 - 40 };
        points.push(at);
    }
    Shape {
        bounds: Bounds::around(points.iter().copied()).unwrap_or_default(),
        what: What::Stroke(Piece { points, pressures: Vec::new() }),
        style: Style { colour: rng.below(8) as u8, size: rng.below(3) as u8, is_filled: false },
        order: top.insert(Order::between(top.as_ref(), None)).clone(),
        text: String::new(),
    }
}

async fn wait_shapes(tab: &Tab, count: usize) -> Result<()> {
    wait_until(PATIENCE, "all shapes", async || {
        let shown = tab.attribute("whiteboard", "data-shapes").await?;
        ensure!(shown == Some(count.to_string()), "there are {shown:?} of {count}");
        Ok(())
    })
    .await
}

/// What was seen since this was asked before.
async fn take(tab: &Tab) -> Result<Value> {
    let script = "const { frames, long, callers } = window.meshworkSeen;
        Object.assign(window.meshworkSeen, { frames: [], long: [], callers: [] });
        const busy = frames.filter((took) => took > 0.3).sort((one, other) => one - other);
        const at = (share) => busy[Math.min(busy.length - 1, Math.floor(share * busy.length))] ?? 0;
        return { frames: busy.length, p50: at(0.5), p99: at(0.99), most: at(1), 'tasks above 50': long,
            'long frames': callers };";
    tab.eval(script, vec![]).await
}
