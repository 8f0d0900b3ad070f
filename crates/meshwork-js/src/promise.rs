//! Promises of what takes time: all in one code, however many functions return one.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use js_sys::Promise;
use wasm_bindgen::JsValue;

type Work = Pin<Box<dyn Future<Output = Result<JsValue, JsValue>>>>;

/// A promise of what comes of some work: what the macro makes of each function that awaits calls this. The work begins at once, and
/// not when the page's own code has ended: what is said is on its way before the page draws what it said.
pub(crate) fn future_to_promise(work: impl Future<Output = Result<JsValue, JsValue>> + 'static) -> Promise {
    let mut work: Work = Box::pin(work);
    match work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(value)) => Promise::resolve(&value),
        Poll::Ready(Err(error)) => Promise::reject(&error),
        // It is polled again by whoever can wake it.
        Poll::Pending => wasm_bindgen_futures::future_to_promise(work),
    }
}
