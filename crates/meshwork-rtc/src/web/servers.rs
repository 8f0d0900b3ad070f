//! The WebSockets to signalling servers.

use std::collections::BTreeMap;

use js_sys::Function;
use meshwork_core::node::Input;
use meshwork_core::seam::io::ServerId;
use meshwork_core::signalling::protocol::SERVER_MESSAGE_MAX;
use wasm_bindgen::prelude::*;

use super::connection::Sink;
use super::handler::{Handler, property, words};

#[wasm_bindgen]
extern "C" {
    /// The browser's, or what an extension has put in its place: each call may throw.
    #[derive(Clone)]
    #[wasm_bindgen(js_name = WebSocket)]
    type RawSocket;
    #[wasm_bindgen(constructor, catch, js_class = "WebSocket")]
    fn new(url: &str) -> Result<RawSocket, JsValue>;
    #[wasm_bindgen(method, setter, catch, js_name = onopen)]
    fn set_on_open(this: &RawSocket, handler: Option<&Function>) -> Result<(), JsValue>;
    #[wasm_bindgen(method, setter, catch, js_name = onmessage)]
    fn set_on_message(this: &RawSocket, handler: Option<&Function>) -> Result<(), JsValue>;
    #[wasm_bindgen(method, setter, catch, js_name = onclose)]
    fn set_on_close(this: &RawSocket, handler: Option<&Function>) -> Result<(), JsValue>;
    #[wasm_bindgen(method, getter, catch, js_name = readyState)]
    fn ready_state(this: &RawSocket) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn send(this: &RawSocket, text: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    fn close(this: &RawSocket, status: u16) -> Result<(), JsValue>;
}

/// A socket that is open (WHATWG WebSockets, readyState).
const OPEN: f64 = 1.0;
/// The status of a WebSocket that broke without a word (RFC 6455 section 7.4.1).
const CLOSED_ABNORMALLY: u16 = 1006;
/// The status with which this end closes (RFC 6455 section 7.4.1).
const CLOSED_NORMALLY: u16 = 1000;

/// The sockets of one node.
pub(crate) struct Servers {
    sockets: BTreeMap<ServerId, Socket>,
    sink: Sink,
}

struct Socket {
    inner: RawSocket,
    _handlers: [Handler; 3],
}

impl Servers {
    pub(crate) fn new(sink: Sink) -> Servers {
        Servers { sockets: BTreeMap::new(), sink }
    }

    pub(crate) fn open(&mut self, server: ServerId, url: &str) {
        self.close(server);
        match Socket::open(server, url, &self.sink) {
            Ok(socket) => {
                self.sockets.insert(server, socket);
            }
            Err(reason) => (self.sink)(Input::ServerDown { server, reason }),
        }
    }

    pub(crate) fn send(&self, server: ServerId, text: &str) {
        if let Some(socket) = self.sockets.get(&server)
            && socket.inner.ready_state().is_ok_and(|state| state.as_f64() == Some(OPEN))
        {
            // It fails only on a socket that is not open, and that one has said so.
            let _ = socket.inner.send(text);
        }
    }

    pub(crate) fn close(&mut self, server: ServerId) {
        self.sockets.remove(&server);
    }
}

impl Socket {
    fn open(server: ServerId, url: &str, sink: &Sink) -> Result<Socket, String> {
        let failed = |error: JsValue| words(&error);
        let inner = RawSocket::new(url).map_err(failed)?;
        let say = sink.clone();
        let open = Handler::new(move |_: JsValue| say(Input::ServerUp { server, address: None }));
        inner.set_on_open(Some(open.function())).map_err(failed)?;
        let say = sink.clone();
        let socket = inner.clone();
        let message = Handler::new(move |event: JsValue| {
            let Some(data) = property(&event, "data") else { return };
            // Measured before it is copied; a server that says too much is cut off by its own answer.
            let length = data.dyn_ref::<js_sys::JsString>().map(|text| text.length() as usize);
            if length.is_none_or(|length| length > SERVER_MESSAGE_MAX) {
                // The handlers stay: `close` reports the end.
                let _ = socket.close(CLOSED_NORMALLY);
                return;
            }
            if let Some(text) = data.as_string() {
                say(Input::ServerText { server, text });
            }
        });
        inner.set_on_message(Some(message.function())).map_err(failed)?;
        let say = sink.clone();
        let close = Handler::new(move |event: JsValue| {
            say(Input::ServerDown { server, reason: close_words(&event) });
        });
        inner.set_on_close(Some(close.function())).map_err(failed)?;
        Ok(Socket { inner, _handlers: [open, message, close] })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // What throws here is no browser's, and there is nothing more to be done about it.
        let _ = self.inner.set_on_open(None);
        let _ = self.inner.set_on_message(None);
        let _ = self.inner.set_on_close(None);
        let _ = self.inner.close(CLOSED_NORMALLY);
    }
}

fn close_words(event: &JsValue) -> String {
    let code = property(event, "code").and_then(|code| code.as_f64());
    let reason = property(event, "reason").and_then(|reason| reason.as_string()).unwrap_or_default();
    match code.map_or(CLOSED_ABNORMALLY, |code| code as u16) {
        CLOSED_ABNORMALLY => "it does not answer, or the connection to it broke off".to_owned(),
        code if reason.is_empty() => format!("it closed the connection (status {code})"),
        _ => format!("it closed the connection: {reason}"),
    }
}
