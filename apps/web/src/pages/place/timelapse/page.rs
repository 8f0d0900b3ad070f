//! What the time-lapse needs of the browser: pauses, files.

use leptos::web_sys;
use wasm_bindgen_futures::JsFuture;

use super::super::super::browser;

/// Lets the browser do what waits.
pub(super) async fn pause() {
    let turn = js_sys::Promise::new(&mut |resolve, _| {
        // A window always has timers.
        let _ = web_sys::window().map(|window| window.set_timeout_with_callback(&resolve));
    });
    // It is never rejected.
    let _ = JsFuture::from(turn).await;
}

/// Saves bytes as a file.
pub(super) fn save_bytes(name: &str, bytes: &[u8]) -> Option<()> {
    let parts = js_sys::Array::of1(&js_sys::Uint8Array::from(bytes));
    let blob = web_sys::Blob::new_with_u8_array_sequence(&parts).ok()?;
    browser::save_blob(name, &blob)
}
