//! Our side of the races in a browser: batches into a replica, timed by the page's clock.

#![expect(unreachable_pub, reason = "what JavaScript calls must be public")]

use meshwork_core::id::RoomId;
use meshwork_core::signed::batch::UnverifiedBatch;
use meshwork_place::canvas::{Canvas, CanvasSize};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now, catch)]
    fn read_clock() -> Result<f64, JsValue>;
}

/// What the page's clock reads, in ms; a race has one.
fn now_ms() -> f64 {
    read_clock().unwrap_or_default()
}

/// Takes batches of one room, each behind its length as four bytes, the least first, into a new canvas. Returns the
/// milliseconds that decoding, checking signatures and applying took, and how many cells show a colour then.
///
/// # Errors
/// A sentence, when a batch is not as it should be.
#[wasm_bindgen]
pub fn race_apply(bytes: &[u8], room: &[u8], side: u16) -> Result<Vec<f64>, String> {
    let room = RoomId(room.try_into().map_err(|_| "a room has 32 bytes".to_owned())?);
    let mut canvas =
        Canvas::new(CanvasSize { width: side, height: side }).map_err(|error| error.to_string())?;
    let parts = split(bytes).ok_or("the batches break off")?;
    let begun = now_ms();
    let decoded: Result<Vec<_>, _> =
        parts.into_iter().map(|part| UnverifiedBatch::decode(&room, part)).collect();
    let decoded = decoded.map_err(|error| error.to_string())?;
    let is_decoded = now_ms();
    let verified: Result<Vec<_>, _> = decoded.into_iter().map(|batch| batch.verify()).collect();
    let verified = verified.map_err(|error| error.to_string())?;
    let is_verified = now_ms();
    for batch in verified {
        let strokes = canvas.read(&batch).map_err(|error| error.to_string())?;
        canvas.apply(batch, &strokes);
    }
    let is_applied = now_ms();
    let painted = canvas.painted() as f64;
    Ok(vec![is_decoded - begun, is_verified - is_decoded, is_applied - is_verified, painted])
}

fn split(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut parts = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let (part, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        parts.push(part);
        bytes = rest;
    }
    bytes.is_empty().then_some(parts)
}
