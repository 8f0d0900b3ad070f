//! What the time-lapse needs of the browser: moments in words, frames, pauses, files.

use leptos::web_sys;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;

use super::super::super::browser;

/// A moment as people here say it: `12:03` of today, else the day before it.
pub(super) fn time_in_words(millis: u64) -> String {
    let date = js_sys::Date::new(&JsValue::from_f64(millis as f64));
    let today = js_sys::Date::new_0();
    let two = |number: u32| format!("{number:02}");
    let time = format!("{}:{}", two(date.get_hours()), two(date.get_minutes()));
    let day = |date: &js_sys::Date| (date.get_full_year(), date.get_month(), date.get_date());
    if day(&date) == day(&today) {
        return format!("{time}:{}", two(date.get_seconds()));
    }
    let (year, month, number) = day(&date);
    format!("{year}-{}-{}, {time}", two(month + 1), two(number))
}

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
