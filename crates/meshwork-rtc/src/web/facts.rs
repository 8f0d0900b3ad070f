//! What a live connection tells of itself: the other end's certificate and how packets travel.
//!
//! `RTCSctpTransport` and what hangs below it is reached by name, since not every browser has all of it.

use js_sys::{Array, ArrayBuffer, Uint8Array};
use meshwork_core::node::io::Path;
use meshwork_core::signalling::description::Fingerprint;
use sha2::{Digest as _, Sha256};
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::RtcPeerConnection;

use super::handler::{Handler, call, property};

/// Longest certificate that is hashed, in bytes: WebRTC certificates take under 1 KiB.
const CERTIFICATE_MAX: u32 = 64 * 1024;

/// What the browser says of the certificate that the other end presented.
pub(crate) enum RemoteCertificate {
    /// It was seen on the wire.
    Seen(Fingerprint),
    /// This browser does not show it. It still enforces that it is the described one (RFC 8122 section 6.2).
    NotShown,
    /// The browser shows certificates, but there is none.
    Missing,
}

/// Hashes the certificate that the other end presented.
pub(crate) fn remote_certificate(connection: &RtcPeerConnection) -> RemoteCertificate {
    let Some(chain) = dtls_transport(connection).and_then(|dtls| call(&dtls, "getRemoteCertificates")) else {
        return RemoteCertificate::NotShown;
    };
    let first = chain.dyn_into::<Array>().ok().and_then(|chain| chain.get(0).dyn_into::<ArrayBuffer>().ok());
    match first {
        Some(certificate) if certificate.byte_length() <= CERTIFICATE_MAX => {
            let bytes = Uint8Array::new(&certificate).to_vec();
            RemoteCertificate::Seen(Fingerprint(Sha256::digest(bytes).into()))
        }
        _ => RemoteCertificate::Missing,
    }
}

/// How packets travel now; direct where the browser does not say, since it was given no relay.
pub(crate) fn path(connection: &RtcPeerConnection) -> Path {
    let pair = ice_transport(connection).and_then(|ice| call(&ice, "getSelectedCandidatePair"));
    let is_relay = |end: &str| {
        let candidate = pair.as_ref().and_then(|pair| property(pair, end));
        let kind = candidate.and_then(|candidate| property(&candidate, "type"));
        kind.and_then(|kind| kind.as_string()).is_some_and(|kind| kind == "relay")
    };
    if is_relay("local") || is_relay("remote") { Path::Relayed } else { Path::Direct }
}

/// Calls `handler` whenever packets begin to travel another way, where the browser can tell.
pub(crate) fn on_path_change(connection: &RtcPeerConnection, handler: &Handler) {
    if let Some(ice) = ice_transport(connection) {
        let name = JsValue::from_str("onselectedcandidatepairchange");
        // A browser without this event takes the property and never calls it.
        let _ = js_sys::Reflect::set(&ice, &name, handler.function());
    }
}

fn dtls_transport(connection: &RtcPeerConnection) -> Option<JsValue> {
    property(&property(connection, "sctp")?, "transport")
}

fn ice_transport(connection: &RtcPeerConnection) -> Option<JsValue> {
    property(&dtls_transport(connection)?, "iceTransport")
}
