//! How many links this page should keep, as far as the browser tells what it can.

use meshwork_core::overlay::size::links_of_page;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::EventTarget;

use super::handler::property;

/// What hears that the page is hidden or shown.
pub(crate) const VISIBILITY_EVENT: &str = "visibilitychange";

/// Links at most, now: whether the page is hidden changes.
pub(crate) fn links_most() -> usize {
    let hidden = document().and_then(|document| property(&document.into(), "hidden"));
    let is_hidden = hidden.is_some_and(|hidden| hidden.is_truthy());
    let navigator = web_sys::window().map_or(JsValue::NULL, |window| window.navigator().into());
    let told = |name: &str| property(&navigator, name).and_then(|told| told.as_f64());
    links_of_page(is_hidden, told("hardwareConcurrency"), told("deviceMemory"))
}

/// The document of this page; a worker has none.
pub(crate) fn document() -> Option<EventTarget> {
    property(&web_sys::window()?.into(), "document")?.dyn_into().ok()
}
