//! Requests and transactions of IndexedDB as futures.

use js_sys::{Function, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{IdbRequest, IdbTransaction};

use super::super::handler::{Handler, property, words};
use super::StoreError;

/// The name with which browsers say that there is no more room (Web IDL, DOMException names).
const QUOTA: &str = "QuotaExceededError";

/// What an exception or an error of a request means.
pub(super) fn error(exception: &JsValue) -> StoreError {
    let name = property(exception, "name").and_then(|name| name.as_string()).unwrap_or_default();
    if name == QUOTA { StoreError::Full(words(exception)) } else { StoreError::Refused(words(exception)) }
}

/// Waits for a request's result. The transaction is active again when this returns, until the next await of
/// something else.
pub(super) async fn result(request: &IdbRequest) -> Result<JsValue, StoreError> {
    let mut handlers = None;
    let settled = Promise::new(&mut |resolve: Function, reject: Function| {
        let source = request.clone();
        let success = Handler::new(move |_: web_sys::Event| {
            call(&resolve, &source.result().unwrap_or(JsValue::UNDEFINED));
        });
        let source = request.clone();
        let failure = Handler::new(move |_: web_sys::Event| call(&reject, &exception(&source)));
        request.set_onsuccess(Some(success.function()));
        request.set_onerror(Some(failure.function()));
        handlers = Some([success, failure]);
    });
    let outcome = JsFuture::from(settled).await;
    request.set_onsuccess(None);
    request.set_onerror(None);
    outcome.map_err(|exception| error(&exception))
}

/// Waits until a transaction is complete: what it wrote is stored.
pub(super) async fn completion(transaction: &IdbTransaction) -> Result<(), StoreError> {
    let mut handlers = None;
    let settled = Promise::new(&mut |resolve: Function, reject: Function| {
        let complete = Handler::new(move |_: web_sys::Event| call(&resolve, &JsValue::UNDEFINED));
        let source = transaction.clone();
        let abort = Handler::new(move |_: web_sys::Event| {
            call(&reject, &source.error().map_or(JsValue::UNDEFINED, JsValue::from));
        });
        transaction.set_oncomplete(Some(complete.function()));
        transaction.set_onabort(Some(abort.function()));
        handlers = Some([complete, abort]);
    });
    let outcome = JsFuture::from(settled).await;
    transaction.set_oncomplete(None);
    transaction.set_onabort(None);
    outcome.map(drop).map_err(|exception| error(&exception))
}

fn exception(request: &IdbRequest) -> JsValue {
    request.error().ok().flatten().map_or(JsValue::UNDEFINED, JsValue::from)
}

fn call(resolver: &Function, value: &JsValue) {
    // A resolver throws nothing.
    let _ = resolver.call1(&JsValue::UNDEFINED, value);
}
