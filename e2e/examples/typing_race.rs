//! Shows how long a page takes from a key to its own screen, in a long document in which a program types too.
//! Run with `cargo run --release -p meshwork-e2e --example typing_race -- [LETTERS] [KEYS]`, after `cargo xtask build`. It prints one
//! line of JSON: milliseconds from a key until the frame that has its letter begins, and until that frame is drawn. *Bare* is the same
//! editor over the same text in a page without a room.

#![allow(clippy::print_stderr, reason = "the result alone stands on stdout")]

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use meshwork::{Document, Endpoint, sync};
use meshwork_e2e::{Browser, Key, Server, Tab, wait_until};
use serde_json::{Value, json};

/// Letters of one message: an update has place in it.
const MESSAGE: usize = 20_000;
/// A line of the document, all but its number.
const LINE: &str = " The ferry leaves from pier 4, and whoever comes late takes the next one.";
/// Keys of each turn that come first and are not counted: an editor that was just opened is still reading its text.
const FIRST: usize = 50;
/// Time between two keys: about 10 a second, and no multiple of a frame's.
const PAUSE: Duration = Duration::from_millis(97);
/// What takes longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(240);

/// Puts the page's editor into a page that has nothing else, over a room in which nothing happens.
const BARE: &str = "const [style, editor, text] = arguments;
    document.head.innerHTML = '<link rel=stylesheet>';
    document.body.innerHTML = '<div class=writing><div class=document-main><div class=document-host></div></div></div>';
    document.querySelector('link').href = style;
    const room = { client: 7, whole: new Uint8Array(2), slices: [], user: ['Kim', 0] };
    return import(editor).then(({ start }) => {
        const desk = start((asked) => room[asked]);
        desk.show('notes', document.querySelector('.document-host'));
        desk.append(text);
        desk.focus();
    });";
/// Where the page has its style sheet and its editor from.
const PARTS: &str = "const loaded = performance.getEntriesByType('resource').map(({ name }) => name);
    return ['.css', '/editor.js'].map((end) => loaded.find((name) => name.endsWith(end)));";

/// Notes of each key when the next frame begins, and when that is drawn.
const WATCH: &str = "window.meshworkKeys = [];
    addEventListener('keydown', (event) => {
        const pressed = event.timeStamp;
        requestAnimationFrame(() => {
            const begun = performance.now() - pressed;
            const { port1, port2 } = new MessageChannel();
            port1.onmessage = () => window.meshworkKeys.push([begun, performance.now() - pressed]);
            port2.postMessage(null);
        });
    }, { capture: true });";

#[tokio::main]
async fn main() -> Result<()> {
    let numbers: Vec<usize> = std::env::args()
        .skip(1)
        .map(|text| text.parse().context("sizes are numbers"))
        .collect::<Result<_>>()?;
    let number = |at: usize, otherwise: usize| numbers.get(at).copied().unwrap_or(otherwise);
    println!("{}", race(number(0, 1_000_000), number(1, 300)).await?);
    Ok(())
}

async fn race(letters: usize, keys: usize) -> Result<Value> {
    let server = Server::start().await?;
    let kim = Endpoint::builder().name("Kim").server(server.url()).bind().await?;
    let room = kim.create(sync::room()).await?;
    room.registered().await?;
    let notes = room.document("notes");
    let text: String = (0..)
        .flat_map(|line: u32| [line.to_string(), LINE.to_owned(), "\n".to_owned()])
        .scan(0, |sum, part| {
            *sum += part.len();
            (*sum < letters).then_some(part)
        })
        .collect();
    for piece in text.as_bytes().chunks(MESSAGE) {
        let piece = std::str::from_utf8(piece)?;
        notes.edit(|text| text.push(piece)).await?;
    }
    eprintln!("{} letters are there", text.len());
    let browser = Browser::start_whole().await?;
    let begun = Instant::now();
    let tab = browser.tab(&room.link().to_string()).await?;
    tab.wait_there(PATIENCE, "tab-document").await?;
    tab.click("tab-document").await?;
    tab.wait_there(PATIENCE, "document-editor").await?;
    tab.click("document-editor").await?;
    let last = text.lines().last().unwrap_or_default();
    wait_until(PATIENCE, "the end of the document", async || {
        tab.press_with(Key::Control, Key::End).await?;
        let shown = tab.text("document-editor").await?;
        ensure!(shown.contains(last), "it ends with {:?}", shown.lines().last());
        Ok(())
    })
    .await?;
    let opened = begun.elapsed();
    let bare = type_bare(server.url(), &tab, &text, keys).await?;
    tab.eval(WATCH, vec![]).await?;
    let (alone, together) = (type_keys(&tab, keys, None).await?, type_keys(&tab, keys, Some(&notes)).await?);
    let typed = "x".repeat(2 * (FIRST + keys));
    wait_until(PATIENCE, "all that was typed", async || {
        ensure!(notes.text().await?.ends_with(&typed), "it is not there yet");
        Ok(())
    })
    .await?;
    Ok(json!({
        "letters": text.len(), "keys": keys, "opened": opened.as_millis() as u64,
        "bare": bare, "alone": alone, "together": together,
    }))
}

/// Types so many letters at the end of the text where no room is.
async fn type_bare(server: &str, whole: &Tab, text: &str, keys: usize) -> Result<Value> {
    let parts = whole.eval(PARTS, vec![]).await?;
    let browser = Browser::start_whole().await?;
    let tab = browser.tab(&format!("{server}/nothing/is/here")).await?;
    tab.eval(BARE, vec![parts[0].clone(), parts[1].clone(), json!(text)]).await?;
    tab.press_with(Key::Control, Key::End).await?;
    tab.eval(WATCH, vec![]).await?;
    let typed = type_keys(&tab, keys, None).await?;
    browser.quit().await?;
    Ok(typed)
}

/// Types so many letters at the end, while a program types at the beginning if there is one.
async fn type_keys(tab: &Tab, keys: usize, program: Option<&Document>) -> Result<Value> {
    tab.eval("window.meshworkKeys = []", vec![]).await?;
    let mut pauses = tokio::time::interval(PAUSE);
    for _ in 0..FIRST + keys {
        pauses.tick().await;
        if let Some(document) = program {
            document.edit(|text| text.insert(0, "y")).await?;
        }
        let key = |kind: &str| json!({ "type": kind, "text": "x", "key": "x", "code": "KeyX" });
        tab.devtools("Input.dispatchKeyEvent", key("keyDown")).await?;
        tab.devtools("Input.dispatchKeyEvent", json!({ "type": "keyUp", "key": "x", "code": "KeyX" }))
            .await?;
    }
    let script = "const [first] = arguments;
        const counted = window.meshworkKeys.slice(first);
        const sorted = (at) => counted.map((times) => times[at]).sort((one, other) => one - other);
        const of = (times, share) => times[Math.min(times.length - 1, Math.floor(share * times.length))];
        const said = (times) => ({ p50: of(times, 0.5), p99: of(times, 0.99), most: of(times, 1) });
        return { keys: counted.length, begun: said(sorted(0)), drawn: said(sorted(1)) };";
    wait_until(PATIENCE, "the frame of the last key", async || {
        let seen = tab.eval(script, vec![json!(FIRST)]).await?;
        ensure!(seen["keys"] == keys, "{seen} of {keys} keys were seen");
        Ok(seen)
    })
    .await
}
