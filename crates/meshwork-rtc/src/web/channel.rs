//! One data channel: sends, and counts what left the browser's buffer.

use std::cell::Cell;

use meshwork_core::seam::io::{Channel, SEND_WINDOW};
use wasm_bindgen::JsCast as _;
use wasm_bindgen::JsValue;
use web_sys::{
    RtcDataChannel, RtcDataChannelInit, RtcDataChannelState, RtcDataChannelType, RtcPeerConnection,
};

use super::handler::words;

/// Buffered bytes at which the browser should tell that there is room again: low enough that a burst takes
/// few calls, high enough that the network never waits for the page.
const REFILL_AT: u32 = SEND_WINDOW as u32 / 4;

/// A negotiated data channel.
pub(crate) struct DataChannel {
    pub(crate) channel: Channel,
    pub(crate) inner: RtcDataChannel,
    /// Bytes given to the browser and not yet reported as gone: it buffers no more than these.
    unreported: Cell<usize>,
    /// Buffered bytes at which the browser tells.
    threshold: Cell<u32>,
}

impl DataChannel {
    pub(crate) fn new(connection: &RtcPeerConnection, channel: Channel) -> DataChannel {
        let options = RtcDataChannelInit::new();
        options.set_negotiated(true);
        options.set_id(channel.stream_id());
        match channel {
            Channel::Reliable => options.set_ordered(true),
            Channel::Unreliable => {
                options.set_ordered(false);
                options.set_max_retransmits(0);
            }
        }
        let inner = connection.create_data_channel_with_data_channel_dict(channel.label(), &options);
        inner.set_binary_type(RtcDataChannelType::Arraybuffer);
        DataChannel { channel, inner, unreported: Cell::new(0), threshold: Cell::new(0) }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.inner.ready_state() == RtcDataChannelState::Open
    }

    /// Whether the browser still holds something to send.
    pub(crate) fn is_buffering(&self) -> bool {
        self.is_open() && self.inner.buffered_amount() > 0
    }

    /// Sends a message.
    ///
    /// # Errors
    /// The browser's words. The channel is of no more use then.
    pub(crate) fn send(&self, bytes: &[u8]) -> Result<(), String> {
        self.inner.send_with_u8_array(bytes).map_err(|error| words(&error))?;
        self.unreported.set(self.unreported.get() + bytes.len());
        // To ask the browser what it buffers takes longer than to send: it is not asked for a click.
        if self.unreported.get() > REFILL_AT as usize {
            self.ask_for_news(self.inner.buffered_amount());
        }
        Ok(())
    }

    /// How many bytes left the buffer since this was last asked.
    pub(crate) fn take_gone(&self) -> usize {
        let buffered = self.inner.buffered_amount();
        let gone = self.unreported.get().saturating_sub(buffered as usize);
        self.unreported.set(self.unreported.get() - gone);
        self.ask_for_news(buffered);
        gone
    }

    /// As long as something is buffered, one `bufferedamountlow` is still to come, so that nothing stays
    /// unreported.
    fn ask_for_news(&self, buffered: u32) {
        let threshold = if buffered > REFILL_AT { REFILL_AT } else { 0 };
        if self.threshold.replace(threshold) != threshold {
            self.inner.set_buffered_amount_low_threshold(threshold);
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
