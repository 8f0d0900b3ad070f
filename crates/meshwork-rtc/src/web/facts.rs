//! What a live connection tells of itself: the other end's certificate and how packets travel.
//!
//! `RTCSctpTransport` and what hangs below it is reached by name, since not every browser has all of it.

use js_sys::{Array, ArrayBuffer, Uint8Array};
use meshwork_core::seam::description::Fingerprint;
use meshwork_core::seam::path::{LinkPath, PathEnd, RelayTransport};
use sha2::{Digest as _, Sha256};
use wasm_bindgen::{JsCast as _, JsValue};

use super::handler::{Handler, call, property, settled};
use super::rtc::PeerConnection;

/// Longest certificate that is hashed, in bytes: WebRTC certificates take under 1 KiB.
const CERTIFICATE_MAX: u32 = 64 * 1024;

/// Most entries of a connection's statistics that are read: one link with all its candidates has some hundred.
const STATISTICS_MAX: usize = 4096;

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
pub(crate) fn remote_certificate(connection: &PeerConnection) -> RemoteCertificate {
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

/// How packets travel now, as far as the browser says.
pub(crate) fn path(connection: &PeerConnection) -> LinkPath {
    let pair = ice_transport(connection).and_then(|ice| call(&ice, "getSelectedCandidatePair"));
    let end = |end: &str| pair.as_ref().and_then(|pair| property(pair, end));
    let text = |of: &Option<JsValue>, name: &str| property(of.as_ref()?, name)?.as_string();
    let (local, remote) = (end("local"), end("remote"));
    let relay = text(&local, "relayProtocol");
    LinkPath {
        local: text(&local, "type").as_deref().and_then(path_end),
        remote: text(&remote, "type").as_deref().and_then(path_end),
        relay: relay.as_deref().and_then(relay_transport),
        address: None,
    }
}

/// The selected pair from the statistics (W3C webrtc-stats), for browsers that tell it nowhere else.
pub(crate) async fn path_from_statistics(connection: &PeerConnection) -> Option<LinkPath> {
    let report = settled(connection.get_stats()).await.ok()?;
    // A report is maplike, as Web IDL calls it: its values are objects that name each other.
    let values = js_sys::try_iter(&call(&report, "values")?).ok()??;
    let entries: Vec<JsValue> = values.map_while(Result::ok).take(STATISTICS_MAX).collect();
    let text = |of: &JsValue, name: &str| property(of, name)?.as_string();
    let named = |id: String| entries.iter().find(|entry| text(entry, "id").as_ref() == Some(&id));
    let mut selected = None;
    for entry in &entries {
        // Firefox marks the pair itself, others name it in the transport's entry.
        match text(entry, "type").as_deref() {
            Some("transport") => {
                if let Some(id) = text(entry, "selectedCandidatePairId") {
                    selected = named(id);
                }
            }
            Some("candidate-pair") if property(entry, "selected").is_some_and(|is| is.is_truthy()) => {
                selected = Some(entry);
            }
            _ => {}
        }
    }
    let pair = selected?;
    let candidate = |name: &str| named(text(pair, name)?);
    let (local, remote) = (candidate("localCandidateId")?, candidate("remoteCandidateId")?);
    Some(LinkPath {
        local: text(local, "candidateType").as_deref().and_then(path_end),
        remote: text(remote, "candidateType").as_deref().and_then(path_end),
        relay: text(local, "relayProtocol").as_deref().and_then(relay_transport),
        address: None,
    })
}

fn path_end(kind: &str) -> Option<PathEnd> {
    match kind {
        "host" => Some(PathEnd::Host),
        "srflx" => Some(PathEnd::ServerReflexive),
        "prflx" => Some(PathEnd::PeerReflexive),
        "relay" => Some(PathEnd::Relayed),
        _ => None,
    }
}

fn relay_transport(protocol: &str) -> Option<RelayTransport> {
    match protocol {
        "udp" => Some(RelayTransport::Udp),
        "tcp" => Some(RelayTransport::Tcp),
        "tls" => Some(RelayTransport::Tls),
        _ => None,
    }
}

/// Calls `handler` whenever packets begin to travel another way, where the browser can tell.
pub(crate) fn on_path_change(connection: &PeerConnection, handler: &Handler) {
    if let Some(ice) = ice_transport(connection) {
        let name = JsValue::from_str("onselectedcandidatepairchange");
        // A browser without this event takes the property and never calls it.
        let _ = js_sys::Reflect::set(&ice, &name, handler.function());
    }
}

fn dtls_transport(connection: &PeerConnection) -> Option<JsValue> {
    property(&property(connection, "sctp")?, "transport")
}

fn ice_transport(connection: &PeerConnection) -> Option<JsValue> {
    property(&dtls_transport(connection)?, "iceTransport")
}
