//! Forty native programs and four pages in one emergent room on one machine: twelve programs are killed at once, and the
//! others go on without missing a stroke.
//!
//! How soon the dead are seen is counted in what the others tell of themselves, ten times a second: a program that a busy
//! machine holds up tells less often. How soon they are replaced is printed: new links take work of every program, which
//! shares this machine with all others. In virtual time crates/meshwork-sim/tests/it/overlays.rs holds crowds to 15 s.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::common::{SIZE, open_page, same_cells};
use anyhow::{Context as _, Result, ensure};
use meshwork_e2e::{Browser, Cli, PATIENCE, Running, Server, ServerOptions, Tab, wait_until};
use serde_json::Value;

/// Programs, and how many of them are killed.
const NATIVES: usize = 40;
const KILLED: usize = 12;
const PAGES: usize = 4;
/// Programs that are started at a time: two cores sign and shake hands for all of them.
const AT_A_TIME: usize = 10;
/// What each program tells of itself in a second.
const TELLS: usize = 10;
/// From then on nobody may take the dead for alive.
const STALE_TELLS: usize = 3 * TELLS;
/// How long a crowd may take to find its links on a busy machine.
const CROWD_PATIENCE: Duration = Duration::from_secs(180);
/// The fewest neighbours of somebody who aims for six: each of them may be giving one up.
const NEIGHBOURS_LEAST: usize = 5;

/// What a page takes itself for that keeps eight links at most, of which it aims for six.
const WEAK: &str = "Object.defineProperty(navigator, 'hardwareConcurrency', { value: 2 });
    document.dispatchEvent(new Event('visibilitychange'));";

/// One native program.
struct Native {
    running: Running,
    endpoint: String,
}

/// What one of them said last of itself.
#[derive(Debug)]
struct Told {
    painted: u64,
    /// The other end of each link, its state, and whether it is a neighbour.
    links: Vec<(String, String, bool)>,
}

impl Native {
    async fn start(cli: &Cli, link: &str) -> Result<Native> {
        let limits = ["--peers", "1", "--links", "8", "--timeout", "60s"];
        let pause = format!("{}ms", 1000 / TELLS);
        let running = cli.start(["swarm", link, "--tell", &pause, "--json"].into_iter().chain(limits))?;
        Ok(Native { running, endpoint: String::new() })
    }

    fn told(&self) -> Result<(String, Told)> {
        let line = self.running.last_line(is_tell);
        parse(&line.with_context(|| format!("it says nothing: {}", self.running.stderr()))?)
    }

    /// Everything that it told of itself so far.
    fn tells(&self) -> Vec<String> {
        let mut lines = self.running.lines();
        lines.retain(|line| is_tell(line));
        lines
    }
}

fn is_tell(line: &str) -> bool {
    line.contains("\"peer\"")
}

fn parse(line: &str) -> Result<(String, Told)> {
    let told: Value = serde_json::from_str(line)?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let links = told["links"].as_array().into_iter().flatten();
    let links = links.map(|link| (text(&link["endpoint"]), text(&link["state"]), link["neighbour"] == true));
    let painted = told["painted"].as_u64().unwrap_or_default();
    Ok((text(&told["endpoint"]), Told { painted, links: links.collect() }))
}

/// Starts so many more, and waits until each of them is linked.
async fn start(cli: &Cli, link: &str, natives: &mut Vec<Native>, count: usize) -> Result<()> {
    let first = natives.len();
    for _ in 0..count {
        natives.push(Native::start(cli, link).await?);
    }
    for native in &mut natives[first..] {
        native.endpoint =
            wait_until(CROWD_PATIENCE, "a linked program", async || Ok(native.told()?.0)).await?;
    }
    Ok(())
}

/// Neighbours of each of them.
fn neighbours(natives: &[Native]) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let of = |native: &Native| {
        let links = native.told()?.1.links.into_iter();
        let names = links.filter(|(_, _, is_neighbour)| *is_neighbour).map(|(name, ..)| name);
        Ok((native.endpoint.clone(), names.collect()))
    };
    natives.iter().map(of).collect()
}

/// Fails unless everybody has enough neighbours, none of whom is dead, and each of two or neither is the other's. Of pages
/// the number of links is known: what they have beyond those that programs tell of are links between two pages.
async fn check_mutual(natives: &[Native], tabs: &[Tab], dead: &BTreeSet<String>) -> Result<()> {
    let neighbours = neighbours(natives)?;
    for (name, others) in &neighbours {
        ensure!(others.len() >= NEIGHBOURS_LEAST, "{name} has {} neighbours", others.len());
        ensure!(others.is_disjoint(dead), "{name} has a neighbour that is dead");
        let one_sided =
            others.iter().find(|other| neighbours.get(*other).is_some_and(|one| !one.contains(name)));
        ensure!(one_sided.is_none(), "{one_sided:?} is a neighbour of {name}, but not the other way");
    }
    let all = neighbours.values().flatten();
    let to_pages = all.filter(|other| !neighbours.contains_key(*other)).count();
    let mut links = 0;
    for tab in tabs {
        let linked: usize = tab.text("peer-count").await?.parse()?;
        ensure!(linked >= NEIGHBOURS_LEAST, "a page has {linked} neighbours");
        links += linked;
    }
    let between =
        links.checked_sub(to_pages).context("programs tell of more links to pages than they have")?;
    ensure!(
        between % 2 == 0 && between <= PAGES * (PAGES - 1),
        "{links} links of pages, {to_pages} to programs"
    );
    Ok(())
}

/// How many times each of them told of itself since it had told so much, at least.
fn tells_since(natives: &[Native], before: &[usize]) -> Result<usize> {
    let since = natives.iter().zip(before).map(|(native, before)| native.tells().len() - before);
    since.min().context("somebody lives")
}

/// How many tells went by until the last of them took none of the dead for alive any more.
async fn stale_after(natives: &[Native], before: &[usize], dead: &BTreeSet<String>) -> Result<usize> {
    wait_until(PATIENCE, "tells from which nobody may take the dead for alive", async || {
        let tells = tells_since(natives, before)?;
        ensure!(tells > STALE_TELLS, "{tells} of more than {STALE_TELLS}");
        Ok(())
    })
    .await?;
    let mut last = 0;
    for (native, before) in natives.iter().zip(before) {
        for (number, line) in native.tells()[*before..].iter().enumerate() {
            let alive = |(other, state, _): &(String, String, bool)| {
                dead.contains(other) && (state == "direct" || state == "relayed")
            };
            if parse(line)?.1.links.iter().any(alive) {
                last = last.max(number + 1);
            }
        }
    }
    Ok(last)
}

/// Strokes of one cell each, all over the canvas and each in a place of its own.
struct Strokes(usize);

impl Strokes {
    fn next(&mut self) -> (usize, usize) {
        self.0 += 1;
        ((self.0 * 7 + self.0 / 100) % SIZE.0, self.0 * 3 % SIZE.1)
    }

    /// One of a page.
    async fn click(&mut self, tab: &Tab) -> Result<()> {
        let at = self.next();
        tab.click_cell(SIZE, at).await
    }

    /// Some of a program that comes, paints and leaves when somebody has them.
    async fn come_and_paint(&mut self, cli: &Cli, link: &str) -> Result<()> {
        let pixels = (0..4).map(|_| self.next()).map(|(x, y)| format!("{x},{y},#3cb44b"));
        let pixels: Vec<String> = pixels.flat_map(|pixel| ["--pixel".to_owned(), pixel]).collect();
        let command = ["place", "paint", link].into_iter().map(str::to_owned).chain(pixels);
        cli.run(command).await?.success().map(drop)
    }

    /// Waits until everybody has all of them.
    async fn wait_everywhere(&self, natives: &[Native], tabs: &[Tab]) -> Result<()> {
        wait_until(PATIENCE, "all strokes everywhere", async || {
            for native in natives {
                let painted = native.told()?.1.painted;
                ensure!(painted == self.0 as u64, "{} shows {painted} of {}", native.endpoint, self.0);
            }
            let shown = tabs[0].cells(SIZE).await?.iter().filter(|cell| is_painted(**cell)).count();
            ensure!(shown == self.0, "a page shows {shown} of {}", self.0);
            Ok(())
        })
        .await?;
        for tab in &tabs[1..] {
            same_cells(&tabs[0], tab).await?;
        }
        Ok(())
    }
}

/// Whether a page shows a colour there, instead of the empty canvas.
fn is_painted(cell: [u8; 4]) -> bool {
    cell[3] != 0 && cell[..3] != [255, 255, 255]
}

#[tokio::test]
async fn crowd_goes_on_after_twelve_die_at_once() -> Result<()> {
    let begun = Instant::now();
    let arguments = vec!["--overlay".to_owned(), "emergent".to_owned()];
    let server = Server::start_with(ServerOptions { arguments, ..Default::default() }).await?;
    let browser = Browser::start().await?;
    let (tab, link) = open_page(&browser, server.url(), "open").await?;
    let mut tabs = vec![tab];
    while tabs.len() < PAGES {
        tabs.push(browser.tab(&link).await?);
    }
    for tab in &tabs {
        tab.eval(WEAK, vec![]).await?;
    }
    let cli = Cli::new()?;
    let mut natives = Vec::new();
    while natives.len() < NATIVES {
        start(&cli, &link, &mut natives, AT_A_TIME).await?;
    }
    let nobody = BTreeSet::new();
    wait_until(CROWD_PATIENCE, "links", async || check_mutual(&natives, &tabs, &nobody).await).await?;
    println!("{NATIVES} programs and {PAGES} pages are linked after {:?}", begun.elapsed());

    let mut strokes = Strokes(0);
    for tab in &tabs {
        tab.click("palette-e6194b").await?;
        strokes.click(tab).await?;
    }
    strokes.come_and_paint(&cli, &link).await?;
    strokes.wait_everywhere(&natives, &tabs).await?;

    let mut dead = BTreeSet::new();
    let killed = Instant::now();
    for place in (0..KILLED).rev() {
        let mut native = natives.remove(place * 3);
        native.running.kill();
        dead.insert(native.endpoint);
    }
    let before: Vec<usize> = natives.iter().map(|native| native.tells().len()).collect();
    let gone = killed.elapsed();
    let is_whole = Cell::new(false);
    let mutual = async {
        let look = async || check_mutual(&natives, &tabs, &dead).await;
        wait_until(CROWD_PATIENCE, "links that are mutual again", look).await?;
        is_whole.set(true);
        // Of the one that was held up most: the others waited for it.
        anyhow::Ok((tells_since(&natives, &before)?, killed.elapsed()))
    };
    let paint = async {
        // Whoever paints, whenever: there is no moment at which a stroke may be lost.
        while !is_whole.get() {
            for tab in &tabs {
                strokes.click(tab).await?;
            }
        }
        anyhow::Ok(())
    };
    let ((mutual, elapsed), ()) = tokio::try_join!(mutual, paint)?;
    let stale = stale_after(&natives, &before, &dead).await?;
    println!(
        "killed within {gone:?}: all stale after {stale} tells, mutual after {mutual}, or {elapsed:?}; {} strokes",
        strokes.0
    );
    ensure!(stale > 0, "nobody was linked to the dead");
    ensure!(stale <= STALE_TELLS, "somebody took the dead for alive in {stale} tells, {TELLS} a second");
    strokes.come_and_paint(&cli, &link).await?;
    strokes.wait_everywhere(&natives, &tabs).await?;
    println!("the whole of it took {:?}", begun.elapsed());
    Ok(())
}
