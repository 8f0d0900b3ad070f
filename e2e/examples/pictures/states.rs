//! The states, in groups that share their pages.

use anyhow::{Context, Result, ensure};
use meshwork_e2e::{Cli, Key, Look, PATIENCE, Server, ServerOptions, Tab};
use serde_json::{Value, json};

use crate::Camera;
use crate::cast::{ALIKE, Cast, KAVEH, LIN, MIRA, SOFIA, gather, gather_values};
use crate::common::editor::{type_at_end, wait_reads};
use crate::common::{
    self, close, make_room, meddler, open_board, open_editor, press_shown, unfold, wait_gone, wait_page_says,
    wait_says, wait_shapes, with_wrong_secret,
};

/// Columns and rows of the canvas.
const SIZE: (usize, usize) = (crate::scene::SIZE.0 as usize, crate::scene::SIZE.1 as usize);

/// Presses keys on the canvas.
const KEYS: &str = "const canvas = document.querySelector('[data-testid=\"place-canvas\"]');
    canvas.focus();
    for (const key of arguments[0]) {
        canvas.dispatchEvent(new KeyboardEvent('keydown', { key, code: '', bubbles: true, cancelable: true }));
    }";

/// The start page.
pub(crate) async fn start(camera: &Camera) -> Result<()> {
    let server = Server::start().await?;
    let (_browser, tab) = MIRA.open(server.url(), ALIKE).await?;
    wait_page_says(&tab, "Ready. The server").await?;
    camera.take(&tab, "home").await?;
    unfold(&tab, "rules-fold").await?;
    camera.take(&tab, "home-rules").await?;
    tab.reload().await?;
    tab.type_text("join-code", "K7M").await?;
    camera.take(&tab, "home-code").await?;
    tab.click("your-key").await?;
    camera.take(&tab, "key").await?;
    close(&tab).await?;
    make_room(&tab, "private").await?;
    wait_says(&tab, "kept", "Saved in this browser").await?;
    tab.goto(server.url()).await?;
    tab.wait_there(PATIENCE, "kept-link").await?;
    camera.take(&tab, "home-back").await
}

/// A room with people and a picture, and its sheets.
pub(crate) async fn room(camera: &Camera) -> Result<()> {
    let server = Server::start().await?;
    let Cast { host, others, .. } = gather(&server, &[LIN, KAVEH, SOFIA], true).await?;
    for (other, cell) in others.iter().zip([(112, 40), (44, 24), (80, 84)]) {
        other.click("palette-ffe119").await?;
        other.drag_cells(SIZE, &[cell, (cell.0 + 6, cell.1 + 1)]).await?;
    }
    host.wait_until(PATIENCE, "the canvas", async || {
        anyhow::ensure!(host.cell(SIZE, (50, 25)).await?[3] != 0, "the last stroke is not there yet");
        Ok(())
    })
    .await?;
    camera.take(&host, "place").await?;
    host.eval("document.querySelector('.fold').click()", vec![]).await?;
    camera.take(&host, "people").await?;
    host.eval("document.querySelector('.fold').click()", vec![]).await?;
    host.click("open-share").await?;
    camera.take(&host, "share").await?;
    host.click("meet").await?;
    camera.take(&host, "meet").await?;
    close(&host).await?;
    host.click("room-chip").await?;
    camera.take(&host, "room").await?;
    host.click("tab-rules").await?;
    wait_says(&host, "room-size", "144").await?;
    camera.take(&host, "rules").await?;
    host.click("tab-advanced").await?;
    camera.take(&host, "rules-overlay").await?;
    host.click("tab-moderation").await?;
    host.click("ban").await?;
    wait_says(&host, "question", "Ban").await?;
    camera.take(&host, "ban").await?;
    host.click("cancel").await?;
    // On a phone the sheet gives way.
    host.look(Look::PHONE).await?;
    host.click("erase-mark").await?;
    wait_says(&host, "marking", "Drag over").await?;
    let keys: Vec<&str> = [" "].into_iter().chain(["ArrowRight"; 24]).chain(["ArrowDown"; 12]).collect();
    host.eval(KEYS, vec![json!(keys)]).await?;
    camera.take(&host, "marking").await?;
    host.click("marking-cancel").await?;
    host.click("tab-advanced").await?;
    host.click("hide-address").await?;
    camera.take(&host, "hide-address").await
}

/// What people count and write down together.
pub(crate) async fn values(camera: &Camera) -> Result<()> {
    let server = Server::start().await?;
    let Cast { host, others, .. } = gather_values(&server, &[LIN, KAVEH, SOFIA]).await?;
    for (tab, times) in others.iter().zip([9, 6, 3]).chain([(&host, 7)]) {
        for _ in 0..times {
            tab.click("increment").await?;
        }
    }
    let written = [
        (&others[0], "ferry", "Sat 9:10"),
        (&others[1], "hotel", "Casa do Cais"),
        (&others[2], "thermos", "true"),
        (&host, "rain", "62 %"),
        (&others[1], "ferry", "Sat 9:40"),
    ];
    for (tab, key, value) in written {
        tab.type_text("value-key", key).await?;
        tab.type_text("value-input", &format!("{value}\n")).await?;
        wait_says(&host, &format!("value-row-{key}"), value).await?;
    }
    wait_says(&host, "counter", "25").await?;
    wait_says(&host, "held-by", "held by 3").await?;
    camera.take(&host, "values").await?;
    host.click("value-history").await?;
    unfold(&host, "statistics").await?;
    camera.take(&host, "values-past").await?;
    host.click("disconnect").await?;
    host.click("increment").await?;
    wait_page_says(&host, "You are disconnected").await?;
    camera.take(&host, "values-apart").await?;
    host.click("connect").await?;
    wait_says(&host, "held-by", "held by 3").await?;
    host.click("room-chip").await?;
    host.click("tab-rules").await?;
    wait_page_says(&host, "Add Place").await?;
    camera.take(&host, "add-place").await?;
    host.click("turn-on-place").await?;
    wait_gone(&host, "turn-on-place").await?;
    close(&host).await?;
    host.click("front-place").await?;
    for (at, tab) in others.iter().enumerate() {
        tab.click("front-place").await?;
        tab.click_cell(common::SIZE, (30 + 20 * at, 20)).await?;
    }
    host.wait_until(PATIENCE, "the strokes of the others", async || {
        for at in 0..others.len() {
            ensure!(
                host.cell(common::SIZE, (30 + 20 * at, 20)).await?[3] != 0,
                "stroke {at} is not there yet"
            );
        }
        Ok(())
    })
    .await?;
    camera.take(&host, "both-apps").await
}

/// A text that several people type, as it is written and as it reads.
pub(crate) async fn documents(camera: &Camera) -> Result<()> {
    let server = Server::start().await?;
    let Cast { host, others, .. } = gather_values(&server, &[LIN, KAVEH, SOFIA]).await?;
    open_editor(&host).await?;
    camera.take(&host, "document-empty").await?;
    host.click("document-new").await?;
    host.press_keys("Packing and plan\u{e007}").await?;
    host.press_keys("# Trip to Porto\u{e007}\u{e007}").await?;
    let said = [
        (
            "gate early",
            "The ferry leaves Saturday **9:40** from pier 4. Be there at 9:20, they close the gate early.\u{e007}\u{e007}",
        ),
        (
            "umbrella",
            "## Packing\u{e007}\u{e007}- [x] Thermos, two of them\u{e007}- [x] Big umbrella\u{e007}\u{e007}",
        ),
        ("Sunday", "## Money\u{e007}\u{e007}Everything goes in one pot, we split it on Sunday."),
    ];
    let mut before = "Trip";
    for (tab, (last, words)) in others.iter().zip(said) {
        open_editor(tab).await?;
        wait_says(tab, "document-editor", before).await?;
        tab.click("document-editor").await?;
        tab.press_with(Key::Control, Key::End).await?;
        tab.press_keys(words).await?;
        wait_says(&host, "document-editor", last).await?;
        before = last;
    }
    host.click("document-authors").await?;
    camera.take(&host, "document").await?;
    host.click("document-preview").await?;
    camera.take(&host, "document-read").await?;
    host.click("document-write").await?;
    host.click("document-versions").await?;
    host.type_text("version-label", "Friday plan\u{e007}").await?;
    wait_says(&host, "version-list", "Friday plan").await?;
    type_at_end(&others[0], "\u{e007}\u{e007}## Still open\u{e007}\u{e007}- Who has the big tent?").await?;
    wait_says(&host, "document-editor", "big tent").await?;
    host.click("document-version").await?;
    wait_says(&host, "version-rows", "big tent").await?;
    camera.take(&host, "document-versions").await
}

/// What somebody sees who has the view link alone.
pub(crate) async fn watching(camera: &Camera) -> Result<()> {
    let server = Server::start().await?;
    let Cast { host, .. } = gather_values(&server, &[]).await?;
    host.click("increment").await?;
    open_board(&host).await?;
    host.click("tool-note").await?;
    host.drag_on("whiteboard", &[(200, 200), (300, 300), (380, 380)]).await?;
    host.press_keys("Who has the tent?\u{e00c}").await?;
    open_editor(&host).await?;
    type_at_end(&host, "# Trip to Porto").await?;
    host.click("open-share").await?;
    host.click("choose-view").await?;
    let look = host.value("view-link-sheet").await?;
    let (_browser, guest) = LIN.open(&look, "").await?;
    // The link leads to what was in front.
    guest.click("tab-values").await?;
    wait_says(&guest, "counter", "1").await?;
    camera.take(&guest, "values-watched").await?;
    open_board(&guest).await?;
    wait_shapes(&guest, 1).await?;
    camera.take(&guest, "whiteboard-watched").await?;
    open_editor(&guest).await?;
    wait_reads(&guest, "# Trip to Porto").await?;
    camera.take(&guest, "document-watched").await
}

/// A board on which several people draw.
pub(crate) async fn whiteboard(camera: &Camera) -> Result<()> {
    let server = Server::start().await?;
    let Cast { host, others, .. } = gather_values(&server, &[LIN, KAVEH, SOFIA]).await?;
    open_board(&host).await?;
    camera.take(&host, "whiteboard-empty").await?;
    for tab in &others {
        open_board(tab).await?;
    }
    let note = |id: &str, x: i64, colour: &str, words: &str| {
        let words = json!({ "type": "text", "id": format!("{id}-words"), "x": x, "y": 300, "width": 90, "height": 40,
            "text": words, "containerId": id, "fontSize": 16 });
        let paper = json!({ "type": "rectangle", "id": id, "x": x, "y": 300, "width": 170, "height": 170, "strokeColor": colour,
            "backgroundColor": colour, "customData": { "meshwork": "note" },
            "boundElements": [{ "type": "text", "id": format!("{id}-words") }] });
        [paper, words]
    };
    let wave: Vec<[f64; 2]> =
        (0..90).map(|x| [f64::from(x) * 9.0, 22.0 * (f64::from(x) / 9.0).sin()]).collect();
    let mut elements = vec![
        json!({ "type": "text", "id": "title", "x": 0, "y": 0, "width": 300, "height": 34, "text": "Porto, 12 to 15 June", "fontSize": 28 }),
        json!({ "type": "rectangle", "id": "ferry", "x": 0, "y": 80, "width": 190, "height": 84, "strokeColor": "#2563b8",
            "backgroundColor": "#dbe6f5", "boundElements": [{ "type": "text", "id": "ferry-words" }] }),
        json!({ "type": "text", "id": "ferry-words", "x": 20, "y": 90, "width": 140, "height": 40, "text": "Ferry, Sat 9:40\nPier 4",
            "containerId": "ferry", "fontSize": 16 }),
        json!({ "type": "arrow", "id": "way", "x": 200, "y": 122, "width": 110, "height": 0, "points": [[0, 0], [110, 0]],
            "endArrowhead": "arrow" }),
        json!({ "type": "ellipse", "id": "house", "x": 322, "y": 72, "width": 210, "height": 100, "strokeColor": "#b5482a",
            "backgroundColor": "#f5e3de", "boundElements": [{ "type": "text", "id": "house-words" }] }),
        json!({ "type": "text", "id": "house-words", "x": 360, "y": 90, "width": 140, "height": 40, "text": "Casa do Cais\n3 nights",
            "containerId": "house", "fontSize": 16 }),
        json!({ "type": "freedraw", "id": "river", "x": 0, "y": 540, "width": 801, "height": 44, "points": wave, "strokeWidth": 4,
            "opacity": 35, "strokeColor": "#2563b8" }),
    ];
    elements.extend(note("tent", 250, "#6a4bb8", "Who has\nthe big tent?"));
    elements.extend(note("bring", 470, "#0e7c73", "To bring\nThermos\nUmbrella\nMaps"));
    let file = json!({ "type": "excalidraw", "version": 2, "source": "", "elements": elements, "files": {}, "appState": {} });
    let drop = "const data = new DataTransfer();
        data.items.add(new File([arguments[0]], 'trip.excalidraw'));
        document.querySelector('[data-testid=\"whiteboard\"]').dispatchEvent(
            new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));";
    host.eval(drop, vec![file.to_string().into()]).await?;
    for (tab, at) in others.iter().zip([(520, 300), (300, 240), (640, 420)]) {
        tab.wait_until(PATIENCE, "the board", async || {
            ensure!(
                tab.attribute("whiteboard", "data-shapes").await?.as_deref() == Some("7"),
                "it is not there yet"
            );
            Ok(())
        })
        .await?;
        tab.drag_on("whiteboard", &[at, (at.0 + 2, at.1 + 2)]).await?;
    }
    host.click("whiteboard").await?;
    host.press_keys(".").await?;
    host.press_keys(".").await?;
    camera.take(&host, "whiteboard").await?;
    host.click("tool-pen").await?;
    camera.take(&host, "whiteboard-pen").await?;
    host.click("board-files").await?;
    camera.take(&host, "whiteboard-files").await
}

/// People talk beside the canvas.
pub(crate) async fn chat_panel(camera: &Camera) -> Result<()> {
    let server = Server::start().await?;
    let Cast { host, others, .. } = gather(&server, &[LIN, KAVEH], true).await?;
    let said = [
        (&others[0], "Who takes the lighthouse?\n"),
        (&host, "I do. Kaveh, you draw ships better than any of us: the harbour is yours.\n"),
        (&others[1], "Fine.\n"),
        (&others[1], "Three boats, and one that sinks.\n"),
        (&others[0], "Then the meadow is mine.\n"),
    ];
    press_shown(&host, "open-chat").await?;
    for (tab, words) in said {
        press_shown(tab, "open-chat").await?;
        tab.type_text("chat-input", words).await?;
        wait_page_says(&host, words.trim()).await?;
    }
    camera.take(&host, "chat-panel").await?;
    close(&host).await?;
    others[0].type_text("chat-input", "See you there!\n").await?;
    wait_says(&host, "unread", "1").await?;
    camera.take(&host, "chat-unread").await
}

/// Who is linked to whom, in a small room and in one of forty.
pub(crate) async fn overlay(camera: &Camera) -> Result<()> {
    let server = Server::start_with(ServerOptions {
        arguments: vec!["--members-max".into(), "60".into()],
        ..ServerOptions::default()
    })
    .await?;
    // Whose tabs are dropped leaves.
    let Cast { host, link, others: _others, .. } = gather(&server, &[LIN, KAVEH, SOFIA], true).await?;
    host.click("open-overlay").await?;
    wait_says(&host, "overlay-count", "4 here").await?;
    wait_drawn(&host, 4).await?;
    camera.take(&host, "overlay-small").await?;
    let cli = Cli::new()?;
    let swarm = cli.start(["swarm", &link, "--peers", "36", "--json"])?;
    swarm.line(PATIENCE, "the swarm", |line| line.contains("ready")).await?;
    wait_drawn(&host, 40).await?;
    camera.take(&host, "overlay").await?;
    host.click("overlay-table").await?;
    camera.take(&host, "overlay-table").await
}

/// Waits until so many are in the picture, and all of them hear one's strokes.
async fn wait_drawn(tab: &Tab, people: usize) -> Result<()> {
    let script = "return Array.from(document.querySelectorAll('[data-testid=\"overlay-rows\"] tbody tr'))
        .filter(row => / hop|author/.test(row.textContent)).length";
    tab.wait_until(PATIENCE, "the picture", async || {
        let heard = tab.eval(script, vec![]).await?;
        anyhow::ensure!(heard == people, "{heard} of {people}");
        Ok(())
    })
    .await
}

/// What is laid over the canvas, and what opens over it.
pub(crate) async fn tools(camera: &Camera) -> Result<()> {
    let server = Server::start().await?;
    let Cast { host, others, .. } = gather(&server, &[LIN], true).await?;
    let lin = others.first().context("Lin is here")?;
    lin.click("palette-ffe119").await?;
    lin.drag_cells(SIZE, &[(112, 40), (118, 41)]).await?;
    host.wait_until(PATIENCE, "Lin's stroke", async || {
        anyhow::ensure!(host.cell(SIZE, (112, 40)).await? == [0xff, 0xe1, 0x19, 0xff], "not there yet");
        Ok(())
    })
    .await?;
    host.eval(KEYS, vec![json!(["w"])]).await?;
    wait_page_says(&host, "painted this").await?;
    camera.take(&host, "who-painted").await?;
    host.eval(KEYS, vec![json!(["?"])]).await?;
    wait_page_says(&host, "Keys in Place").await?;
    camera.take(&host, "keys").await?;
    close(&host).await?;
    host.click("open-person").await?;
    camera.take(&host, "person").await?;
    host.click("open-person").await?;
    give_picture(&host).await?;
    wait_page_says(&host, "cells painted").await?;
    camera.take(&host, "stencil").await?;
    host.click("picture-remove").await?;
    for _ in 0..5 {
        host.click("zoom-in").await?;
    }
    camera.take(&host, "zoomed").await?;
    host.click("more").await?;
    camera.take(&host, "menu").await?;
    host.click("menu-timelapse").await?;
    host.wait_until(PATIENCE, "how far back it reaches", async || {
        anyhow::ensure!(!host.text("timelapse-reach").await?.is_empty(), "nothing is said yet");
        Ok(())
    })
    .await?;
    let middle = "const range = document.querySelector('[data-testid=\"timelapse-scrub\"]');
        range.value = Math.round(Number(range.max) * 0.5);
        range.dispatchEvent(new Event('input', { bubbles: true }));";
    host.eval(middle, vec![]).await?;
    camera.take(&host, "time-lapse").await
}

/// Lays a picture of a heart over the canvas.
async fn give_picture(tab: &Tab) -> Result<()> {
    let script = "const small = document.createElement('canvas');
        [small.width, small.height] = [28, 26];
        const context = small.getContext('2d');
        context.fillStyle = '#e6194b';
        context.fill(new Path2D('M14 25 L1 12 A7 7 0 0 1 14 4 A7 7 0 0 1 27 12 Z'));
        return new Promise(resolve => small.toBlob(blob => {
            const data = new DataTransfer();
            data.items.add(new File([blob], 'heart.png', { type: 'image/png' }));
            const input = document.querySelector('[data-testid=\"picture-file\"]');
            input.files = data.files;
            input.dispatchEvent(new Event('change', { bubbles: true }));
            resolve();
        }));";
    tab.eval(script, vec![]).await.map(drop)
}

/// What rules do to painters.
pub(crate) async fn rules(camera: &Camera) -> Result<()> {
    let mut server = Server::start().await?;
    let Cast { host, others, .. } = gather(&server, &[LIN], true).await?;
    let guest = others.first().context("Lin is here")?;
    host.click("room-chip").await?;
    host.click("tab-rules").await?;
    host.type_text("limit-cells", "12").await?;
    // A window that does not end while it is looked at.
    let hour = "const list = document.querySelector('[data-testid=\"limit-window\"]');
        list.value = '3600000';
        list.dispatchEvent(new Event('change', { bubbles: true }));";
    host.eval(hour, vec![]).await?;
    host.click("set-rules").await?;
    wait_says(guest, "allowance", "cells left").await?;
    camera.take(guest, "limited").await?;
    guest.drag_cells(SIZE, &[(100, 20), (111, 20)]).await?;
    guest.click_cell(SIZE, (100, 22)).await?;
    wait_says(guest, "allowance", "Out of cells").await?;
    camera.take(guest, "used").await?;
    host.click("painters-some").await?;
    host.click("set-rules").await?;
    wait_says(guest, "allowance", "chose can paint here").await?;
    camera.take(guest, "watching").await?;
    host.click("tab-moderation").await?;
    host.click("ban").await?;
    host.click("confirm").await?;
    wait_says(guest, "allowance", "has banned you").await?;
    camera.take(guest, "banned").await?;
    server.kill();
    close(&host).await?;
    wait_page_says(&host, "The server is unreachable").await?;
    camera.take(&host, "server-away").await
}

/// Rooms that are empty, or cannot be entered.
pub(crate) async fn trouble(camera: &Camera) -> Result<()> {
    let mut server = Server::start().await?;
    let Cast { host, link, .. } = gather(&server, &[], false).await?;
    wait_page_says(&host, "Pick a colour and start painting").await?;
    camera.take(&host, "alone").await?;

    let (browser, tab) = LIN.open(&format!("{}/place/ABCDEF", server.url()), "").await?;
    wait_page_says(&tab, "Nobody has this room open").await?;
    camera.take(&tab, "unknown-code").await?;
    tab.goto("about:blank").await?;
    tab.goto(&with_wrong_secret(&link)?).await?;
    wait_page_says(&tab, "This link does not open the room").await?;
    camera.take(&tab, "wrong-secret").await?;

    let full = |text: &str| match serde_json::from_str::<Value>(text) {
        Ok(message) if message["type"] == "joined" => {
            let room = &message["room"];
            json!({ "type": "refused", "reason": "room-full", "detail": "24 of 24 are here", "room": room })
                .to_string()
        }
        _ => text.to_owned(),
    };
    let liar = meddler::start(server.address(), full).await?;
    let refused = browser.tab(&link.replace(server.url(), &liar)).await?;
    wait_page_says(&refused, "The room is full").await?;
    camera.take(&refused, "full").await?;
    let old = |text: &str| text.replace("\"versions\":[2,2]", "\"versions\":[7,9]");
    let liar = meddler::start(server.address(), old).await?;
    let refused = browser.tab(&link.replace(server.url(), &liar)).await?;
    wait_page_says(&refused, "of another version").await?;
    camera.take(&refused, "old-version").await?;

    let without = "delete window.RTCPeerConnection; delete window.webkitRTCPeerConnection;";
    let (_browser, tab) = KAVEH.open(&link, without).await?;
    wait_page_says(&tab, "This browser can't connect you").await?;
    camera.take(&tab, "no-webrtc").await?;
    let refuse = "Object.defineProperty(window, 'indexedDB', { get() {
        throw new DOMException('storage is switched off here', 'SecurityError'); } });";
    let (_browser, tab) = SOFIA.open(&link, refuse).await?;
    wait_page_says(&tab, "does not let us keep the canvas").await?;
    camera.take(&tab, "no-storage").await?;

    // The page has itself from its service worker then.
    host.eval("await navigator.serviceWorker.ready", vec![]).await?;
    server.kill();
    let (_browser, tab) = (browser, host);
    tab.reload().await?;
    wait_page_says(&tab, "You're offline in this room").await?;
    camera.take(&tab, "offline").await
}
