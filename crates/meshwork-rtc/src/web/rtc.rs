//! The browser's `RTCPeerConnection` and `RTCDataChannel` (W3C WebRTC), of which each call may throw or return nothing at all.
//!
//! Extensions replace them by objects that look alike: uBlock Origin's and AdGuard's `nowebrtc` have methods that return nothing. An
//! exception that leaves a function of this module's wasm skips what gives a borrow back, and the next borrow stops the page for
//! good. So each import catches, and each value is looked at before it is used.

use js_sys::Function;
use wasm_bindgen::prelude::*;

use super::handler::words;

#[wasm_bindgen]
extern "C" {
    #[derive(Clone, Debug)]
    #[wasm_bindgen(js_name = RTCPeerConnection)]
    pub(crate) type PeerConnection;
    #[wasm_bindgen(constructor, catch, js_class = "RTCPeerConnection")]
    pub(crate) fn new(configuration: &JsValue) -> Result<PeerConnection, JsValue>;
    #[wasm_bindgen(method, catch, js_name = createDataChannel)]
    fn create_data_channel(this: &PeerConnection, label: &str, options: &JsValue)
    -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, js_name = createOffer)]
    pub(crate) fn create_offer(this: &PeerConnection) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, js_name = createAnswer)]
    pub(crate) fn create_answer(this: &PeerConnection) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, js_name = setLocalDescription)]
    pub(crate) fn set_local_description(
        this: &PeerConnection,
        description: &JsValue,
    ) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, js_name = setRemoteDescription)]
    pub(crate) fn set_remote_description(
        this: &PeerConnection,
        description: &JsValue,
    ) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, js_name = addIceCandidate)]
    pub(crate) fn add_ice_candidate(this: &PeerConnection, candidate: &JsValue) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, js_name = getStats)]
    pub(crate) fn get_stats(this: &PeerConnection) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, getter, catch, js_name = connectionState)]
    pub(crate) fn connection_state(this: &PeerConnection) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, setter, catch, js_name = onicecandidate)]
    pub(crate) fn set_on_candidate(this: &PeerConnection, handler: Option<&Function>) -> Result<(), JsValue>;
    #[wasm_bindgen(method, setter, catch, js_name = onconnectionstatechange)]
    pub(crate) fn set_on_state(this: &PeerConnection, handler: Option<&Function>) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(crate) fn close(this: &PeerConnection) -> Result<(), JsValue>;

    #[derive(Clone, Debug)]
    #[wasm_bindgen(js_name = RTCDataChannel)]
    pub(crate) type RawChannel;
    #[wasm_bindgen(method, setter, catch, js_name = binaryType)]
    fn set_binary_type(this: &RawChannel, kind: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(method, getter, catch, js_name = readyState)]
    pub(crate) fn ready_state(this: &RawChannel) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, getter, catch, js_name = bufferedAmount)]
    pub(crate) fn buffered_amount(this: &RawChannel) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, setter, catch, js_name = bufferedAmountLowThreshold)]
    pub(crate) fn set_low_threshold(this: &RawChannel, bytes: u32) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(crate) fn send(this: &RawChannel, bytes: &[u8]) -> Result<(), JsValue>;
    #[wasm_bindgen(method, setter, catch, js_name = onopen)]
    pub(crate) fn set_on_open(this: &RawChannel, handler: Option<&Function>) -> Result<(), JsValue>;
    #[wasm_bindgen(method, setter, catch, js_name = onmessage)]
    pub(crate) fn set_on_message(this: &RawChannel, handler: Option<&Function>) -> Result<(), JsValue>;
    #[wasm_bindgen(method, setter, catch, js_name = onbufferedamountlow)]
    pub(crate) fn set_on_low(this: &RawChannel, handler: Option<&Function>) -> Result<(), JsValue>;
    #[wasm_bindgen(method, setter, catch, js_name = onclose)]
    pub(crate) fn set_on_close(this: &RawChannel, handler: Option<&Function>) -> Result<(), JsValue>;
}

impl PeerConnection {
    /// Makes a channel for binary messages.
    ///
    /// # Errors
    /// The browser's words, or that what it made is no channel.
    pub(crate) fn channel(&self, label: &str, options: &JsValue) -> Result<RawChannel, String> {
        let made = self.create_data_channel(label, options).map_err(|error| words(&error))?;
        if !made.is_object() {
            return Err(format!("the data channel {label} is no object: WebRTC is blocked"));
        }
        let channel = made.unchecked_into::<RawChannel>();
        channel.set_binary_type("arraybuffer").map_err(|error| words(&error))?;
        Ok(channel)
    }
}
