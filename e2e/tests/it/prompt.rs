//! A click leaves the page at once, and is drawn at the other end without waiting for a frame.

use crate::common::{SIZE, open_page, wait_linked, wait_shows};
use anyhow::{Result, ensure};
use meshwork_e2e::{Browser, Server};

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
async fn a_click_waits_for_no_frame_at_either_end() -> Result<()> {
    let server = Server::start().await?;
    let (browser, other) = tokio::try_join!(Browser::start(), Browser::start())?;
    let (first, link) = open_page(&browser, server.url(), "create-room").await?;
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
