//! Promises of what takes time: all in one code, however many functions return one.

use std::pin::Pin;

use js_sys::Promise;
use wasm_bindgen::JsValue;

type Work = Pin<Box<dyn Future<Output = Result<JsValue, JsValue>>>>;

/// A promise of what comes of some work: what the macro makes of each function that awaits calls this.
pub(crate) fn future_to_promise(work: impl Future<Output = Result<JsValue, JsValue>> + 'static) -> Promise {
    let work: Work = Box::pin(work);
    wasm_bindgen_futures::future_to_promise(work)
}
