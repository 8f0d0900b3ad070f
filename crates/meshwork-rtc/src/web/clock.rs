//! The page's clocks and timers, in a window as well as in a worker.

use std::time::Duration;

use js_sys::{Date, Function};
use meshwork_core::time::{Time, WallTime};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Function, delay_ms: i32) -> JsValue;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(timer: &JsValue);

    type MessageChannel;
    #[wasm_bindgen(constructor)]
    fn new() -> MessageChannel;
    #[wasm_bindgen(method, getter)]
    fn port1(this: &MessageChannel) -> MessagePort;
    #[wasm_bindgen(method, getter)]
    fn port2(this: &MessageChannel) -> MessagePort;
    type MessagePort;
    #[wasm_bindgen(method, setter, js_name = onmessage)]
    fn set_on_message(this: &MessagePort, callback: Option<&Function>);
    #[wasm_bindgen(method, js_name = postMessage)]
    fn post_message(this: &MessagePort, message: &JsValue);
    #[wasm_bindgen(method)]
    fn close(this: &MessagePort);
}

/// Longest delay that is asked of a browser, far below the 2^31 ms at which delays wrap around.
const DELAY_MAX: Duration = Duration::from_secs(3600);

/// The monotonic clock: microseconds since the page was opened.
pub(crate) fn now() -> Time {
    // A float becomes an integer by saturation; no clock reading is negative.
    Time((performance_now() * 1000.0) as u64)
}

/// The civil clock.
pub(crate) fn wall() -> WallTime {
    WallTime::from_millis(Date::now() as u64)
}

/// Calls back once, after a delay; dropped, it never does.
pub(crate) struct Timer {
    waiting: Waiting,
    _callback: Closure<dyn FnMut()>,
}

enum Waiting {
    /// A timer of the browser.
    For(JsValue),
    /// A message to oneself.
    ForItsTurn(MessagePort),
}

impl Timer {
    /// Calls `callback` after `delay`, rounded up to whole milliseconds, so that it is never early; without a delay
    /// as soon as what waits in the page had its turn.
    pub(crate) fn new(delay: Duration, callback: impl FnOnce() + 'static) -> Timer {
        let callback = Closure::once(callback);
        let function = callback.as_ref().unchecked_ref();
        let waiting = if delay.is_zero() {
            // Browsers delay a timer that follows others by 4 ms, and in a page that is not seen by a second.
            let channel = MessageChannel::new();
            let port = channel.port1();
            port.set_on_message(Some(function));
            channel.port2().post_message(&JsValue::NULL);
            Waiting::ForItsTurn(port)
        } else {
            let delay_ms = delay.min(DELAY_MAX).as_micros().div_ceil(1000) as i32;
            Waiting::For(set_timeout(function, delay_ms))
        };
        Timer { waiting, _callback: callback }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        match &self.waiting {
            Waiting::For(timer) => clear_timeout(timer),
            Waiting::ForItsTurn(port) => {
                port.set_on_message(None);
                port.close();
            }
        }
    }
}

/// Waits.
pub(crate) async fn sleep(delay: Duration) {
    let mut timer = None;
    let elapsed = js_sys::Promise::new(&mut |resolve, _| {
        timer = Some(Timer::new(delay, move || {
            // A resolver throws nothing.
            let _ = resolve.call0(&JsValue::UNDEFINED);
        }));
    });
    // The promise is never rejected.
    let _ = wasm_bindgen_futures::JsFuture::from(elapsed).await;
    drop(timer);
}

/// What comes of `work`, unless it takes longer than `most`.
pub(crate) async fn timeout<T>(most: Duration, work: impl Future<Output = T>) -> Option<T> {
    let mut late = std::pin::pin!(sleep(most));
    let mut work = std::pin::pin!(work);
    std::future::poll_fn(|context| match work.as_mut().poll(context) {
        std::task::Poll::Ready(done) => std::task::Poll::Ready(Some(done)),
        std::task::Poll::Pending => late.as_mut().poll(context).map(|()| None),
    })
    .await
}
