//! Two pages in two browsers, ours or the stand-in: clicks in one, pixels in the other, on one clock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::get;
use meshwork_e2e::{Browser, PATIENCE, Server, Tab};
use serde_json::Value;
use tokio::sync::{Mutex, mpsc};

/// How long a page waits for a signal before it asks again.
const POLL: Duration = Duration::from_secs(10);
/// Cells of both canvases in a row and in a column.
const SIDE: usize = 100;
/// Pauses between clicks, in milliseconds: the least, and how many more at most. Their lengths have nothing to do
/// with the length of a frame.
const PAUSE: (u64, u64) = (23, 31);

/// Two linked pages, the sender first.
pub struct Pages {
    tabs: [Tab; 2],
    /// How far each page's clock is ahead of the machine's, in milliseconds.
    ahead: [f64; 2],
    /// Cells clicked so far.
    clicked: usize,
}

/// What a series of clicks took, in milliseconds each.
#[derive(Default)]
pub struct Series {
    /// From a click to the pixel in the other page's canvas.
    pub drawn: Vec<f64>,
    /// From a click to the first frame of the other page that has the pixel.
    pub framed: Vec<f64>,
}

impl Series {
    /// Adds another series.
    pub fn append(&mut self, mut other: Series) {
        self.drawn.append(&mut other.drawn);
        self.framed.append(&mut other.framed);
    }
}

impl Pages {
    /// Our page in both browsers.
    ///
    /// # Errors
    /// When the pages do not link.
    pub async fn ours(server: &Server, browsers: [&Browser; 2]) -> Result<Pages> {
        let first = browsers[0].tab(server.url()).await?;
        first.click("doodle-undo").await?;
        first.click("kind-open").await?;
        first.click("make-room").await?;
        let link = first
            .wait_until(PATIENCE, "the room's LINK", async || {
                let link = first.value("share-link").await?;
                ensure!(link.contains("/place/") && link.contains('#'), "it is {link:?}");
                Ok(link)
            })
            .await?;
        let second = browsers[1].tab(&link).await?;
        for tab in [&first, &second] {
            tab.wait_until(PATIENCE, "a link", async || {
                ensure!(tab.text("peer-count").await? == "1", "not linked");
                Ok(())
            })
            .await?;
        }
        Pages::ready([first, second]).await
    }

    /// The stand-in in both browsers, served and introduced at `url`.
    ///
    /// # Errors
    /// When the pages do not link.
    pub async fn stand_in(url: &str, browsers: [&Browser; 2]) -> Result<Pages> {
        let first = browsers[0].tab(&format!("{url}/#a")).await?;
        let second = browsers[1].tab(&format!("{url}/#b")).await?;
        for tab in [&first, &second] {
            tab.wait_until(PATIENCE, "a link", async || {
                ensure!(tab.title().await? == "linked", "not linked");
                Ok(())
            })
            .await?;
        }
        Pages::ready([first, second]).await
    }

    async fn ready(tabs: [Tab; 2]) -> Result<Pages> {
        let mut ahead = [0.0; 2];
        for (tab, ahead) in tabs.iter().zip(&mut ahead) {
            *ahead = clock_ahead(tab).await?;
        }
        Ok(Pages { tabs, ahead, clicked: 0 })
    }

    /// Clicks so many cells that were not clicked before, and measures each.
    ///
    /// # Errors
    /// When a cell was not drawn.
    pub async fn click(&mut self, count: usize, seed: u64) -> Result<Series> {
        let first = self.clicked;
        ensure!(first + count <= SIDE * SIDE, "the canvas is full");
        self.clicked += count;
        let order: Vec<Value> = [SIDE, SIDE, first, count].map(Value::from).to_vec();
        let [sender, receiver] = &self.tabs;
        receiver.eval(include_str!("watch.js"), order.clone()).await?;
        let pauses: Vec<u64> = pauses(seed, PAUSE).take(count).collect();
        let with_pauses = [order, vec![pauses.into()]].concat();
        let clicked = numbers(&sender.eval(&in_async(include_str!("click.js")), with_pauses).await?)?;
        let framed = "return window.__seen.framed.filter(at => at !== undefined).length;";
        receiver
            .wait_until(PATIENCE, "the last cell", async || {
                let seen = receiver.eval(framed, vec![]).await?;
                ensure!(seen.as_u64() == Some(count as u64), "{seen} of {count} cells were drawn");
                Ok(())
            })
            .await?;
        let drawn = numbers(&receiver.eval("return window.__seen.drawn;", vec![]).await?)?;
        let framed = numbers(&receiver.eval("return window.__seen.framed;", vec![]).await?)?;
        let since = |seen: Vec<f64>| {
            let pairs = seen.iter().zip(&clicked);
            pairs.map(|(seen, clicked)| (seen - self.ahead[1]) - (clicked - self.ahead[0])).collect()
        };
        Ok(Series { drawn: since(drawn), framed: since(framed) })
    }
}

/// A script that awaits, for a driver whose scripts may return a promise.
fn in_async(script: &str) -> String {
    format!("return (async function () {{ {script} }}).apply(null, arguments);")
}

/// How far a page's clock is ahead of the machine's, in milliseconds.
///
/// # Errors
/// The browser's.
pub async fn clock_ahead(tab: &Tab) -> Result<f64> {
    tab.eval(include_str!("clock.js"), vec![]).await?.as_f64().context("the page's clock")
}

/// The numbers of a list.
///
/// # Errors
/// It is none.
pub fn numbers(list: &Value) -> Result<Vec<f64>> {
    list.as_array().context("a list")?.iter().map(|number| number.as_f64().context("a number")).collect()
}

/// Pauses in milliseconds, the least and how many more at most, that look random and are the same in every run
/// (splitmix64).
pub fn pauses(mut state: u64, (least, more): (u64, u64)) -> impl Iterator<Item = u64> {
    std::iter::from_fn(move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Some(least + (mixed ^ (mixed >> 31)) % more)
    })
}

type Mailboxes =
    Arc<BTreeMap<String, (mpsc::UnboundedSender<String>, Mutex<mpsc::UnboundedReceiver<String>>)>>;

/// Serves the stand-in and carries its signals. Returns where.
///
/// # Errors
/// When no port is free.
pub async fn serve_stand_in() -> Result<String> {
    let mailboxes: Mailboxes = Arc::new(
        ["a", "b"]
            .map(|name| {
                let (sender, receiver) = mpsc::unbounded_channel();
                (name.to_owned(), (sender, Mutex::new(receiver)))
            })
            .into_iter()
            .collect(),
    );
    let routes = Router::new()
        .route("/", get(async || Html(include_str!("stand_in.html"))))
        .route("/signal/{name}", get(take_signal).post(put_signal))
        .with_state(mailboxes);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(url)
}

async fn take_signal(
    State(mailboxes): State<Mailboxes>,
    Path(name): Path<String>,
) -> Result<String, StatusCode> {
    let (_, signals) = mailboxes.get(&name).ok_or(StatusCode::NOT_FOUND)?;
    let mut signals = signals.lock().await;
    match tokio::time::timeout(POLL, signals.recv()).await {
        Ok(Some(signal)) => Ok(signal),
        _ => Err(StatusCode::NO_CONTENT),
    }
}

async fn put_signal(
    State(mailboxes): State<Mailboxes>,
    Path(name): Path<String>,
    signal: String,
) -> Result<(), StatusCode> {
    let (mailbox, _) = mailboxes.get(&name).ok_or(StatusCode::NOT_FOUND)?;
    mailbox.send(signal).map_err(|_| StatusCode::GONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_repeat_in_every_run_and_stay_bounded() {
        let (first, again): (Vec<_>, Vec<_>) =
            (pauses(7, PAUSE).take(500).collect(), pauses(7, PAUSE).take(500).collect());
        assert_eq!(first, again);
        assert!(first.iter().all(|pause| (PAUSE.0..PAUSE.0 + PAUSE.1).contains(pause)));
        assert!(first.iter().collect::<std::collections::BTreeSet<_>>().len() > 20);
    }
}
