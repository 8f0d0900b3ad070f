//! `open-document`: a page opens a long document that its browser keeps.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use meshwork_core::id::{Identity, RoomId};
use meshwork_core::node::{Node, RoomHandle};
use meshwork_core::replica::{Changes, Replica as _};
use meshwork_core::rng::Rng;
use meshwork_core::signed::app::{AppParameters, AppWord};
use meshwork_core::signed::genesis::Owned;
use meshwork_e2e::Browser;
use meshwork_sync::document::Documents;
use serde_json::Value;
use tokio::runtime::Builder;

use crate::contestant::Contestant;
use crate::documents;
use crate::documents::ours::{self, Ours};
use crate::documents::trace::Trace;
use crate::documents::yrs::Yrs;
use crate::joining::{Content, Keeper};
use crate::pages::{self, App, Asked, NodeServer, Place, Y_INDEXEDDB, number};
use crate::race::{Needs, Plan, Race, Row, Samples};
use crate::signatures::Signatures;

/// The race.
pub(crate) const RACE: Race = Race {
    name: "open-document",
    about: "The longest editing history (bench/traces), `seph-blog1` with 137,154 transactions, as a browser keeps \
            it: a new tab of Chromium opens it, alone, until the text is whole in the Y.Doc. From the call, which \
            loads our wasm; *loaded* from opening the page; and the longest task of the page, 0 where none is above \
            50 ms. Ours: `open` of the npm package with a store, `restored` and then `MeshworkProvider`; what is kept are the \
            batches that are left once the author folded in its next session, each with a signature that is checked. \
            The other: y-indexeddb with the same history as one update. Both keep what was deleted (`gc: false`). \
            The pages are built from the same source.",
    needs: Needs::Package,
    run,
};

/// A page that takes longer has failed.
const OPEN_MAX: Duration = Duration::from_secs(60);

fn run(plan: &Plan) -> Result<Vec<Row>> {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let trace = Trace::read(Trace::NAMES[0], plan.size(usize::MAX, 300))?;
    let (content, text) = content(&trace)?;
    let theirs = kept(&Yrs, &trace)?.0.concat();
    runtime.block_on(race(plan, &content, &theirs, &text))
}

/// What a reader of a trace keeps, and how it reads.
fn kept<C: Contestant>(contestant: &C, trace: &Trace) -> Result<(Vec<Vec<u8>>, String)> {
    let (_, sent) = documents::write(contestant, trace)?;
    let mut reader = contestant.begin(trace.agents)?;
    sent.iter().flatten().try_for_each(|update| contestant.apply(&mut reader, update))?;
    let text = contestant.text(&reader);
    Ok((contestant.keep(&mut reader)?, text))
}

/// The room with the trace's document.
fn content(trace: &Trace) -> Result<(Content, String)> {
    let owner = Identity::from_secret([200; 32]);
    let app: AppWord = meshwork_sync::WORD.parse()?;
    let (genesis, room): (Vec<u8>, RoomId) =
        Owned::new(&mut Rng::new([6; 32]), owner.peer(), app.clone(), AppParameters::default(), None)
            .sign(&owner)?;
    let (batches, text) = kept(&Ours(Signatures::real(room)), trace)?;
    let content = Content {
        app,
        make: meshwork_sync::make,
        genesis,
        room,
        entries: batches.len(),
        batches,
        shown: |node, room| shown(node, room).map_or(0, Documents::batch_count),
        told: |_: &Changes| 1,
        digest: |node, room| shown(node, room).map(Documents::digest),
    };
    Ok((content, text))
}

fn shown(node: &Node, room: RoomHandle) -> Option<&Documents> {
    node.room(room).replica(ours::number())
}

async fn race(plan: &Plan, content: &Content, theirs: &[u8], text: &str) -> Result<Vec<Row>> {
    let (app, at) = (App::build(plan)?, Place::Loopback);
    app.add_file("kept", theirs)?;
    let site = app.serve(&at)?;
    let browser = Browser::start_whole().await?;
    let length = text.encode_utf16().count();
    // A browser that has no tab left ends.
    let _stays = browser.tab("about:blank").await?;
    let keeper = Keeper::start(content).await?;
    let link = keeper.link();
    let sides = [("ours", link.as_str()), ("y-indexeddb", "/kept")];
    for (provider, address) in sides {
        let asked = Asked { provider, what: "keep", address, length };
        pages::page_that(&browser, &site, &asked, OPEN_MAX).await?.0.close().await?;
    }
    keeper.shut_down().await;
    let mut rounds: [Vec<Value>; 2] = [Vec::new(), Vec::new()];
    for round in 0..=plan.rounds {
        for place in 0..2 {
            let which = (round + place) % 2;
            let (provider, address) = sides[which];
            let asked = Asked { provider, what: "open", address, length };
            let told = opened(&browser, &site, &asked, text).await?;
            // The first one warms up.
            if round > 0 {
                rounds[which].push(told);
            }
        }
    }
    let row = |name: &str, of: fn(&Value) -> Result<f64>, unit| -> Result<Row> {
        let [ours, theirs] =
            [0, 1].map(|which: usize| rounds[which].iter().map(of).collect::<Result<Vec<f64>>>());
        let row = Row::stated(format!("open-document{name}"), Samples(ours?), unit, false);
        Ok(row.against(Y_INDEXEDDB.replace('@', " "), Samples(theirs?)))
    };
    let seconds = |told: &Value| Ok(number(told, "entered_ms")? / 1000.0);
    let loaded = |told: &Value| Ok(number(told, "loaded_ms")? / 1000.0);
    let kept = format!("{} batches of {} bytes", content.batches.len(), content.batches.concat().len());
    Ok(vec![
        row("", seconds, "s (wall)")?.want("1 s").note(kept),
        row("/loaded", loaded, "s (wall)")?,
        row("/longest task", longest_task, "ms")?.want("50 ms"),
    ])
}

/// A new tab opens what is kept, reads the same and goes.
async fn opened(browser: &Browser, site: &NodeServer, asked: &Asked<'_>, text: &str) -> Result<Value> {
    let (tab, told) = pages::page_that(browser, site, asked, OPEN_MAX).await?;
    let read = pages::ask(&tab, "text", vec![], OPEN_MAX).await?;
    ensure!(read == text, "{} reads something else", asked.provider);
    tab.close().await?;
    Ok(told)
}

fn longest_task(told: &Value) -> Result<f64> {
    let tasks = told["long_tasks_ms"].as_array().context("tasks are a list")?;
    Ok(tasks.iter().filter_map(Value::as_f64).fold(0.0, f64::max))
}
