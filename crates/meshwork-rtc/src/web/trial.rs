//! A trial of the browser's WebRTC, which may be there and not work.

use std::time::Duration;

use meshwork_core::seam::description::Role;
use meshwork_core::seam::io::Channel;
use wasm_bindgen::JsValue;

use super::channel::DataChannel;
use super::clock::timeout;
use super::handler::{property, settled, words};
use super::rtc::PeerConnection;
use super::sdp;

/// How long an offer may take, which takes some 50 ms on a slow phone: a page that has much to do is not taken for a browser
/// without WebRTC.
const OFFER_MAX: Duration = Duration::from_secs(10);

/// Tries whether links can be made: a connection makes channels and an offer that says how it is reached. No packet is sent.
///
/// # Errors
/// In words, what is missing. Extensions that block WebRTC leave objects in its place that do nothing.
pub async fn try_webrtc() -> Result<(), String> {
    let connection = PeerConnection::new(&JsValue::UNDEFINED).map_err(|error| words(&error))?;
    let offered = offer(&connection).await;
    // It has done its work, and whether it closes is no part of that.
    let _ = connection.close();
    offered
}

async fn offer(connection: &PeerConnection) -> Result<(), String> {
    for channel in Channel::ALL {
        DataChannel::new(connection, channel)?;
    }
    let offer = timeout(OFFER_MAX, settled(connection.create_offer())).await;
    let offer = offer.ok_or_else(|| format!("no offer came within {} s", OFFER_MAX.as_secs()))??;
    let text = property(&offer, "sdp").and_then(|sdp| sdp.as_string()).unwrap_or_default();
    sdp::read_description(Role::Offerer, &text).map(drop).map_err(|error| error.to_string())
}
