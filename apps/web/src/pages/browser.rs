//! The browser around the page: its address, storage, clipboard and network, none of which may be there.

use leptos::web_sys;
use wasm_bindgen::JsCast as _;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;

fn window() -> Option<web_sys::Window> {
    web_sys::window()
}

/// The page's whole address.
pub(crate) fn href() -> String {
    window().and_then(|window| window.location().href().ok()).unwrap_or_default()
}

/// `http(s)://HOST` of the page.
pub(crate) fn origin() -> String {
    window().and_then(|window| window.location().origin().ok()).unwrap_or_default()
}

/// The path of the page's address.
pub(crate) fn path() -> String {
    window().and_then(|window| window.location().pathname().ok()).unwrap_or_default()
}

/// Loads another address.
pub(crate) fn go_to(address: &str) {
    if let Some(window) = window() {
        // An address that cannot be loaded leaves the page as it is.
        let _ = window.location().assign(address);
    }
}

/// Loads the page again.
pub(crate) fn reload() {
    if let Some(window) = window() {
        let _ = window.location().reload();
    }
}

/// Shows another address without loading it: as a new entry of the history, or in place of the present one.
pub(crate) fn show_address(address: &str, as_new: bool) {
    let Some(history) = window().and_then(|window| window.history().ok()) else { return };
    // Browsers refuse it when it is done too often; the address then stays behind, nothing else.
    let _ = if as_new {
        history.push_state_with_url(&JsValue::NULL, "", Some(address))
    } else {
        history.replace_state_with_url(&JsValue::NULL, "", Some(address))
    };
}

/// Sets what the browser's tab says.
pub(crate) fn set_title(title: &str) {
    if let Some(document) = window().and_then(|window| window.document()) {
        document.set_title(title);
    }
}

fn storage() -> Option<web_sys::Storage> {
    window()?.local_storage().ok()?
}

/// A value kept in this profile.
pub(crate) fn stored(key: &str) -> Option<String> {
    storage()?.get_item(key).ok()?
}

/// Keeps a value in this profile, where the browser lets us.
pub(crate) fn store(key: &str, value: &str) {
    if let Some(storage) = storage() {
        // Refused storage is told once, by the identity.
        let _ = storage.set_item(key, value);
    }
}

/// Puts a field's text on the clipboard. Pages over plain http have no clipboard of their own: there the field
/// is selected and the browser told to copy.
pub(crate) async fn copy(field: web_sys::HtmlInputElement) -> bool {
    let text = field.value();
    let window = match window() {
        Some(window) => window,
        None => return false,
    };
    if window.is_secure_context() {
        let written = window.navigator().clipboard().write_text(&text);
        if JsFuture::from(written).await.is_ok() {
            return true;
        }
    }
    field.select();
    let document = window.document().and_then(|document| document.dyn_into::<web_sys::HtmlDocument>().ok());
    document.is_some_and(|document| document.exec_command("copy").unwrap_or(false))
}

/// Whether the server that gave this page answers now.
pub(crate) async fn is_server_healthy() -> bool {
    let Some(window) = window() else { return false };
    let options = web_sys::RequestInit::new();
    options.set_cache(web_sys::RequestCache::NoStore);
    let answer = JsFuture::from(window.fetch_with_str_and_init("/health", &options)).await;
    answer
        .ok()
        .and_then(|answer| answer.dyn_into::<web_sys::Response>().ok())
        .is_some_and(|answer| answer.ok())
}

/// Now, as `YYYY-MM-DDTHH:MM:SS.mmmZ`.
pub(crate) fn iso_time() -> String {
    js_sys::Date::new_0().to_iso_string().into()
}
