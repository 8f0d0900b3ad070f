//! One data channel: sends, and counts what left the browser's buffer.

use std::cell::Cell;

use meshwork_core::seam::io::{Channel, SEND_WINDOW};
use wasm_bindgen::JsCast as _;
use wasm_bindgen::JsValue;

use super::handler::{object, words};
use super::rtc::{PeerConnection, RawChannel};

/// Buffered bytes at which the browser should tell that there is room again: low enough that a burst takes
/// few calls, high enough that the network never waits for the page.
const REFILL_AT: u32 = SEND_WINDOW as u32 / 4;

/// A negotiated data channel.
pub(crate) struct DataChannel {
    pub(crate) channel: Channel,
    pub(crate) inner: RawChannel,
    /// Bytes given to the browser and not yet reported as gone: it buffers no more than these.
    unreported: Cell<usize>,
    /// Buffered bytes at which the browser tells.
    threshold: Cell<u32>,
}

impl DataChannel {
    /// Makes the channel.
    ///
    /// # Errors
    /// The browser's words, or that what it made is no channel.
    pub(crate) fn new(connection: &PeerConnection, channel: Channel) -> Result<DataChannel, String> {
        let is_ordered = channel == Channel::Reliable;
        let mut options = vec![
            ("negotiated", JsValue::TRUE),
            ("id", channel.stream_id().into()),
            ("ordered", is_ordered.into()),
        ];
        if !is_ordered {
            options.push(("maxRetransmits", 0.into()));
        }
        let inner = connection.channel(channel.label(), &object(&options))?;
        Ok(DataChannel { channel, inner, unreported: Cell::new(0), threshold: Cell::new(0) })
    }

    pub(crate) fn is_open(&self) -> bool {
        self.inner.ready_state().is_ok_and(|state| state == "open")
    }

    /// Whether the browser still holds something to send.
    pub(crate) fn is_buffering(&self) -> bool {
        self.is_open() && self.buffered() > 0
    }

    /// Sends a message.
    ///
    /// # Errors
    /// The browser's words. The channel is of no more use then.
    pub(crate) fn send(&self, bytes: &[u8]) -> Result<(), String> {
        self.inner.send(bytes).map_err(|error| words(&error))?;
        self.unreported.set(self.unreported.get() + bytes.len());
        // To ask the browser what it buffers takes longer than to send: it is not asked for a click.
        if self.unreported.get() > REFILL_AT as usize {
            self.ask_for_news(self.buffered());
        }
        Ok(())
    }

    /// How many bytes left the buffer since this was last asked.
    pub(crate) fn take_gone(&self) -> usize {
        let buffered = self.buffered();
        let gone = self.unreported.get().saturating_sub(buffered as usize);
        self.unreported.set(self.unreported.get() - gone);
        self.ask_for_news(buffered);
        gone
    }

    /// Bytes that the browser holds; a channel that does not say so holds none.
    fn buffered(&self) -> u32 {
        self.inner.buffered_amount().ok().and_then(|bytes| bytes.as_f64()).unwrap_or_default() as u32
    }

    /// As long as something is buffered, one `bufferedamountlow` is still to come, so that nothing stays
    /// unreported.
    fn ask_for_news(&self, buffered: u32) {
        let threshold = if buffered > REFILL_AT { REFILL_AT } else { 0 };
        if self.threshold.replace(threshold) != threshold {
            // A browser that refuses it tells at 0, which is its own threshold.
            let _ = self.inner.set_low_threshold(threshold);
        }
    }
}

/// The bytes of a message event's data; text counts as its UTF-8, so that the node can refuse it by name.
pub(crate) fn message_bytes(data: &JsValue) -> Option<Vec<u8>> {
    if let Some(buffer) = data.dyn_ref::<js_sys::ArrayBuffer>() {
        return Some(js_sys::Uint8Array::new(buffer).to_vec());
    }
    data.as_string().map(String::into_bytes)
}
