//! `typing`: from a key in one page's editor to the letter in another's.

use std::any::Any;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use meshwork_e2e::networks::{Host, Narrow, Networks, Path, Router, SERVER};
use meshwork_e2e::{Browser, BrowserOptions, Cli, PATIENCE, Tab};
use serde_json::{Value, json};
use tokio::runtime::Builder;

use super::paint_latency::at;
use crate::links::ours::Server;
use crate::pages::{self, App, NodeServer, Place, Y_WEBRTC};
use crate::paint::{clock_ahead, numbers, pauses};
use crate::race::{Needs, Plan, Race, Row};

/// The race.
pub(crate) const RACE: Race = Race {
    name: "typing",
    about: "Two Chromium browsers, each with a page that has CodeMirror over a document, one with `MeshworkProvider` \
            of the npm package, one with y-webrtc; the pages are built from the same source, and the provider is the \
            only difference. One types 10 letters a second at the end (some sooner, some later, so that they have \
            nothing to do with the length of a frame); a letter is there when the other editor's state has it. \
            Carets travel too, as the editor's binding has it. Ours signs and checks each letter, and each caret. \
            Both pages' clocks are compared with the machine's first, and read to 0.1 ms. Each number is of all \
            letters of five turns or more, 100 letters a turn. *Lossy*, of 15 turns: each browser in a network of its own, behind \
            a router and a box that delays packets by 10 ms and loses one of 200, each way, so 40 ms there and back, \
            and 1 % lost in each direction; both ask the same server for STUN.",
    needs: Needs::Package,
    run,
};

/// Letters of one turn.
const LETTERS: usize = 100;
/// The least turns: a hundredth of the letters must be more than one.
const TURNS_LEAST: usize = 5;
/// The least where packets are lost: of fewer letters chance alone decides whether as many as one in a hundred wait for a lost packet.
const TURNS_LOSSY: usize = 15;
/// Pauses between letters, in milliseconds: the least, and how many more at most.
const PAUSE: (u64, u64) = (85, 31);
/// A turn takes no longer.
const TURN_MAX: Duration = Duration::from_secs(60);

fn run(plan: &Plan) -> Result<Vec<Row>> {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (app, mut rows) = (App::build(plan)?, Vec::new());
    for (way, least, wanted) in [("", TURNS_LEAST, None), ("lossy, ", TURNS_LOSSY, Some("1.2x"))] {
        let [ours, other] = runtime.block_on(async {
            let world =
                if way.is_empty() { World::loopback(&app).await? } else { World::lossy(&app).await? };
            turns(plan, &world, plan.size(least, 1)).await
        })?;
        for (what, part, want) in [("p50", 0.5, Some("1.5x")), ("p99", 0.99, wanted)] {
            let row = Row::stated(format!("typing/{way}{what}"), at(&ours, part), "ms", false);
            let row = row.against(Y_WEBRTC.replace('@', " "), at(&other, part));
            rows.push(match want {
                Some(want) => row.want(want),
                None => row,
            });
        }
    }
    Ok(rows)
}

/// Where browsers, pages and servers are.
struct World {
    browsers: [Browser; 2],
    site: NodeServer,
    ours: String,
    y_webrtc: String,
    _signals: NodeServer,
    /// What ends with it, in this order.
    _kept: Box<dyn Any>,
}

impl World {
    async fn loopback(app: &App) -> Result<World> {
        let (at, server) = (Place::Loopback, Server::start().await?);
        let (site, signals) = (app.serve(&at)?, app.start_y_webrtc(&at)?);
        let (first, second) = tokio::try_join!(Browser::start_whole(), Browser::start_whole())?;
        let (ours, y_webrtc) = (server.url.clone(), format!("ws://{}", signals.address));
        let kept = Box::new(server);
        Ok(World { browsers: [first, second], site, ours, y_webrtc, _signals: signals, _kept: kept })
    }

    async fn lossy(app: &App) -> Result<World> {
        let networks = Networks::new()?;
        let at = Place::Within(networks.internet().clone(), SERVER);
        let user = Cli::within(networks.internet())?;
        let (listen, relay) = (format!("{SERVER}:8080"), format!("{SERVER}:3478"));
        let server = user.start(["serve", "--listen", &listen, "--relay", "--relay-listen", &relay])?;
        server.line(PATIENCE, "the server", |line| line.starts_with("listening on ")).await?;
        let (site, signals) = (app.serve(&at)?, app.start_y_webrtc(&at)?);
        let hosts = [networks.host(2, Router::FullCone)?, networks.host(3, Router::PortRestricted)?];
        let path = |seed| Path { delay: Duration::from_millis(10), loss: 0.005, seed, ..Path::default() };
        let narrow: Vec<Narrow> = hosts
            .iter()
            .zip((0..).step_by(2))
            .map(|(host, seed)| host.narrow(path(seed), path(seed + 1)))
            .collect::<Result<_>>()?;
        // Browsers have their loopback address apart, and no names for local addresses.
        let start =
            |host: &Host| Browser::start_with(BrowserOptions::default().whole().within(host.namespace()));
        let (first, second) = tokio::try_join!(start(&hosts[0]), start(&hosts[1]))?;
        let y_webrtc = format!("ws://{} stun:{relay}", signals.address);
        let kept = Box::new((server, user, hosts, narrow, networks));
        let ours = format!("http://{listen}");
        Ok(World { browsers: [first, second], site, ours, y_webrtc, _signals: signals, _kept: kept })
    }
}

/// Two pages with an editor each over one document, the one that types first.
struct Editors {
    tabs: [Tab; 2],
    /// How far each page's clock is ahead of the machine's, in milliseconds.
    ahead: [f64; 2],
}

impl Editors {
    async fn open(world: &World, provider: &str, server: &str) -> Result<Editors> {
        let first = pages::page(&world.browsers[0], &world.site, provider).await?;
        let second = pages::page(&world.browsers[1], &world.site, provider).await?;
        let address = pages::ask(&first, "write", vec![json!(server), json!(50)], TURN_MAX).await?;
        pages::ask(&second, "join", vec![address, json!(50)], TURN_MAX).await?;
        let mut ahead = [0.0; 2];
        for (tab, ahead) in [&first, &second].into_iter().zip(&mut ahead) {
            pages::ask(tab, "edit", vec![], TURN_MAX).await?;
            *ahead = clock_ahead(tab).await?;
        }
        Ok(Editors { tabs: [first, second], ahead })
    }

    /// Types letters, and says how long each took to the other editor, in milliseconds.
    async fn type_letters(&self, count: usize, seed: u64) -> Result<Vec<f64>> {
        let [sender, receiver] = &self.tabs;
        receiver.eval("page.watch(...arguments)", vec![json!(count)]).await?;
        let pauses: Vec<u64> = pauses(seed, PAUSE).take(count).collect();
        let typed = numbers(&pages::ask(sender, "type", vec![json!(pauses)], TURN_MAX).await?)?;
        receiver
            .wait_until(PATIENCE, "the last letter", async || {
                let seen = receiver.eval("return page.seen.length", vec![]).await?;
                ensure!(seen == json!(count), "{seen} of {count} letters are there");
                Ok(())
            })
            .await?;
        let seen = numbers(&receiver.eval("return page.seen", vec![]).await?)?;
        ensure!(self.texts().await?.windows(2).all(|pair| pair[0] == pair[1]), "the editors differ");
        let took = |(seen, typed): (&f64, &f64)| (seen - self.ahead[1]) - (typed - self.ahead[0]);
        Ok(seen.iter().zip(&typed).map(took).collect())
    }

    async fn texts(&self) -> Result<[Value; 2]> {
        let [first, second] = &self.tabs;
        let text = "return page.text()";
        let texts = [first.eval(text, vec![]).await?, second.eval(text, vec![]).await?];
        texts[0].as_str().context("a text")?;
        Ok(texts)
    }
}

/// All letters of both, in turns: there is a person only once.
async fn turns(plan: &Plan, world: &World, least: usize) -> Result<[Vec<f64>; 2]> {
    let editors = [
        Editors::open(world, "ours", &world.ours).await?,
        Editors::open(world, "y-webrtc", &world.y_webrtc).await?,
    ];
    let mut series = [Vec::new(), Vec::new()];
    let count = plan.size(LETTERS, 3);
    for turn in 0..=plan.rounds.max(least) {
        for place in 0..2 {
            let which = (turn + place) % 2;
            let took = editors[which].type_letters(count, turn as u64).await?;
            // The first turn warms up.
            if turn > 0 {
                series[which].extend(took);
            }
        }
    }
    Ok(series)
}
