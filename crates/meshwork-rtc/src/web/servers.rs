//! The WebSockets to signalling servers.

use std::collections::BTreeMap;

use meshwork_core::node::Input;
use meshwork_core::seam::io::ServerId;
use meshwork_core::signalling::protocol::SERVER_MESSAGE_MAX;
use web_sys::{CloseEvent, Event, MessageEvent, WebSocket};

use super::connection::Sink;
use super::handler::{Handler, words};

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
    inner: WebSocket,
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
            && socket.inner.ready_state() == WebSocket::OPEN
        {
            // It fails only on a socket that is not open, and that one has said so.
            let _ = socket.inner.send_with_str(text);
        }
    }

    pub(crate) fn close(&mut self, server: ServerId) {
        self.sockets.remove(&server);
    }
}

impl Socket {
    fn open(server: ServerId, url: &str, sink: &Sink) -> Result<Socket, String> {
        let inner = WebSocket::new(url).map_err(|error| words(&error))?;
        let say = sink.clone();
        let open = Handler::new(move |_: Event| say(Input::ServerUp { server, address: None }));
        inner.set_onopen(Some(open.function()));
        let say = sink.clone();
        let socket = inner.clone();
        let message = Handler::new(move |event: MessageEvent| {
            let data = event.data();
            // Measured before it is copied; a server that says too much is cut off by its own answer.
            let length = js_sys::JsString::from(data.clone()).length() as usize;
            if !data.is_string() || length > SERVER_MESSAGE_MAX {
                // The handlers stay: `close` reports the end.
                let _ = socket.close();
                return;
            }
            if let Some(text) = data.as_string() {
                say(Input::ServerText { server, text });
            }
        });
        inner.set_onmessage(Some(message.function()));
        let say = sink.clone();
        let close = Handler::new(move |event: CloseEvent| {
            say(Input::ServerDown { server, reason: close_words(&event) });
        });
        inner.set_onclose(Some(close.function()));
        Ok(Socket { inner, _handlers: [open, message, close] })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.inner.set_onopen(None);
        self.inner.set_onmessage(None);
        self.inner.set_onclose(None);
        // Only a wrong status is refused, and this one is right.
        let _ = self.inner.close_with_code(CLOSED_NORMALLY);
    }
}

fn close_words(event: &CloseEvent) -> String {
    match (event.code(), event.reason()) {
        (CLOSED_ABNORMALLY, _) => "it does not answer, or the connection to it broke off".to_owned(),
        (code, reason) if reason.is_empty() => format!("it closed the connection (status {code})"),
        (_, reason) => format!("it closed the connection: {reason}"),
    }
}
