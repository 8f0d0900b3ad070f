//! A click leaves the page at once, needs nothing but live delivery, and is drawn at the other end without waiting for
//! a frame.

use crate::common::{SIZE, make_room, open_page, wait_linked, wait_shows};
use anyhow::{Result, ensure};
use meshwork_e2e::{Browser, PATIENCE, Server};
use serde_json::json;

const BLACK: [u8; 4] = [0, 0, 0, 0xff];

/// From now on the page gets no frames, and none of the timers that stand in for them.
const HOLD_FRAMES: &str = "
    const setTimeout = window.setTimeout;
    window.requestAnimationFrame = () => 0;
    window.setTimeout = (call, ms, ...rest) => (ms >= 20 ? 0 : setTimeout(call, ms, ...rest));
";

/// Presses the pointer on a cell and says how many messages had been sent when the page had handled that.
const PRESS: &str = "
    const [x, y, width, height] = arguments;
    const canvas = document.querySelector('[data-testid=\"place-canvas\"]');
    const box = canvas.getBoundingClientRect();
    const pointer = {
        bubbles: true, cancelable: true, pointerId: 1, pointerType: 'mouse', button: 0, buttons: 1,
        clientX: box.left + (x + 0.5) / width * box.width,
        clientY: box.top + (y + 0.5) / height * box.height,
    };
    const send = RTCDataChannel.prototype.send;
    let sent = 0;
    RTCDataChannel.prototype.send = function (data) {
        sent += 1;
        return send.call(this, data);
    };
    canvas.dispatchEvent(new PointerEvent('pointerdown', pointer));
    const at_once = sent;
    canvas.dispatchEvent(new PointerEvent('pointerup', { ...pointer, buttons: 0 }));
    RTCDataChannel.prototype.send = send;
    return at_once;
";

#[tokio::test]
async fn click_waits_for_no_frame_at_either_end() -> Result<()> {
    let server = Server::start().await?;
    let (browser, other) = tokio::try_join!(Browser::start(), Browser::start())?;
    let (first, link) = open_page(&browser, server.url(), "open").await?;
    let second = other.tab(&link).await?;
    wait_linked(&first, 1).await?;
    wait_linked(&second, 1).await?;
    // Both have drawn something before.
    first.click_cell(SIZE, (1, 1)).await?;
    wait_shows(&second, (1, 1), BLACK).await?;
    second.eval(HOLD_FRAMES, vec![]).await?;
    let (width, height) = (SIZE.0.into(), SIZE.1.into());
    let sent = first.eval(PRESS, vec![7.into(), 5.into(), width, height]).await?;
    ensure!(sent.as_u64() > Some(0), "the press waited for a frame: {sent} messages");
    wait_shows(&second, (7, 5), BLACK).await
}

/// Installed before the page's own scripts: once `holdsRepair` is set, no message of a comparison leaves the page
/// (docs/protocol/gossip.md, kinds 17 to 21).
const HOLD_REPAIR: &str = r#"
    window.heldBack = 0;
    const number = (bytes, at) => {
        let value = 0;
        for (let factor = 1; at < bytes.length; factor *= 128) {
            const byte = bytes[at++];
            value += (byte & 127) * factor;
            if (byte < 128) return [value, at];
        }
    };
    const send = RTCDataChannel.prototype.send;
    const begun = new WeakMap();
    RTCDataChannel.prototype.send = function (data) {
        if (this.id !== 0) return send.call(this, data);
        let bytes = new Uint8Array([...begun.get(this) ?? [], ...data]);
        for (;;) {
            const kind = number(bytes, 0);
            const length = kind && number(bytes, kind[1]);
            if (!length || bytes.length < length[0] + length[1]) break;
            const message = bytes.slice(0, length[0] + length[1]);
            bytes = bytes.slice(message.length);
            if (window.holdsRepair && kind[0] >= 17 && kind[0] <= 21) {
                window.heldBack += 1;
                continue;
            }
            for (let at = 0; at < message.length; at += 16384) send.call(this, message.slice(at, at + 16384));
        }
        begun.set(this, bytes);
    };
"#;

#[tokio::test]
async fn strokes_arrive_by_live_delivery_alone() -> Result<()> {
    let server = Server::start().await?;
    let (browser, other) = tokio::try_join!(Browser::start(), Browser::start())?;
    let (first, second) = (browser.tab("about:blank").await?, other.tab("about:blank").await?);
    for tab in [&first, &second] {
        tab.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": HOLD_REPAIR })).await?;
    }
    first.goto(server.url()).await?;
    second.goto(&make_room(&first, "open").await?).await?;
    for tab in [&first, &second] {
        wait_linked(tab, 1).await?;
        tab.eval("window.holdsRepair = true", vec![]).await?;
    }
    first.click_cell(SIZE, (7, 5)).await?;
    wait_shows(&second, (7, 5), BLACK).await?;
    second.click_cell(SIZE, (8, 5)).await?;
    wait_shows(&first, (8, 5), BLACK).await?;
    for tab in [&first, &second] {
        tab.wait_until(PATIENCE, "a comparison that is held back", async || {
            let held = tab.eval("return window.heldBack", vec![]).await?;
            ensure!(held.as_u64() > Some(0), "repair is not what was held back");
            Ok(())
        })
        .await?;
    }
    Ok(())
}
