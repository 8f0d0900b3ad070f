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
    timer: JsValue,
    _callback: Closure<dyn FnMut()>,
}

impl Timer {
    /// Calls `callback` after `delay`, rounded up to whole milliseconds, so that it is never early.
    pub(crate) fn new(delay: Duration, callback: impl FnOnce() + 'static) -> Timer {
        let callback = Closure::once(callback);
        let delay_ms = delay.min(DELAY_MAX).as_micros().div_ceil(1000) as i32;
        Timer { timer: set_timeout(callback.as_ref().unchecked_ref(), delay_ms), _callback: callback }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        clear_timeout(&self.timer);
    }
}

/// Calls back as soon as what waits in the page had its turn, as often as that is asked; dropped, it never does.
///
/// It is a message to oneself: browsers delay a timer that follows others by 4 ms, and in a page that is not seen by a
/// second.
pub(crate) struct Turn {
    channel: MessageChannel,
    _callback: Closure<dyn FnMut()>,
}

impl Turn {
    pub(crate) fn new(callback: impl FnMut() + 'static) -> Turn {
        let (channel, callback) = (MessageChannel::new(), Closure::new(callback));
        channel.port1().set_on_message(Some(callback.as_ref().unchecked_ref()));
        Turn { channel, _callback: callback }
    }

    /// Asks to be called back.
    pub(crate) fn ask(&self) {
        self.channel.port2().post_message(&JsValue::NULL);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let port = self.channel.port1();
        port.set_on_message(None);
        port.close();
    }
}

/// Waits; without a delay until what waits in the page had its turn.
pub async fn sleep(delay: Duration) {
    let (mut timer, mut turn) = (None, None);
    let elapsed = js_sys::Promise::new(&mut |resolve, _| {
        // A resolver throws nothing.
        let wake = move || drop(resolve.call0(&JsValue::UNDEFINED));
        if delay.is_zero() {
            turn.insert(Turn::new(wake)).ask();
        } else {
            timer = Some(Timer::new(delay, wake));
        }
    });
    // The promise is never rejected.
    let _ = wasm_bindgen_futures::JsFuture::from(elapsed).await;
    drop((timer, turn));
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
