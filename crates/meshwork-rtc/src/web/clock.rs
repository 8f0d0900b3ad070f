//! The page's clocks and timers, in a window as well as in a worker.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use js_sys::{Date, Function};
use meshwork_core::time::{Time, WallTime};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now, catch)]
    fn performance_now() -> Result<f64, JsValue>;
    #[wasm_bindgen(js_name = setTimeout, catch)]
    fn set_timeout(callback: &Function, delay_ms: i32) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_name = clearTimeout, catch)]
    fn clear_timeout(timer: &JsValue) -> Result<(), JsValue>;

    type MessageChannel;
    #[wasm_bindgen(constructor, catch)]
    fn new() -> Result<MessageChannel, JsValue>;
    #[wasm_bindgen(method, getter, catch)]
    fn port1(this: &MessageChannel) -> Result<MessagePort, JsValue>;
    #[wasm_bindgen(method, getter, catch)]
    fn port2(this: &MessageChannel) -> Result<MessagePort, JsValue>;
    type MessagePort;
    #[wasm_bindgen(method, setter, js_name = onmessage, catch)]
    fn set_on_message(this: &MessagePort, callback: Option<&Function>) -> Result<(), JsValue>;
    #[wasm_bindgen(method, js_name = postMessage, catch)]
    fn post_message(this: &MessagePort, message: &JsValue) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    fn close(this: &MessagePort) -> Result<(), JsValue>;
}

/// Longest delay that is asked of a browser, far below the 2^31 ms at which delays wrap around.
const DELAY_MAX: Duration = Duration::from_secs(3600);

thread_local! {
    /// What the monotonic clock was last read as, in ms.
    static LAST_READ: Cell<f64> = const { Cell::new(0.0) };
}

/// The monotonic clock: microseconds since the page was opened. One that an extension has broken stands still.
pub fn now() -> Time {
    let read = performance_now().unwrap_or_else(|_| LAST_READ.get());
    LAST_READ.set(read);
    // A float becomes an integer by saturation; no clock reading is negative.
    Time((read * 1000.0) as u64)
}

/// The civil clock.
pub(crate) fn wall() -> WallTime {
    WallTime::from_millis(Date::now() as u64)
}

/// Calls back once, after a delay; dropped, it never does.
pub(crate) struct Timer {
    timer: Option<JsValue>,
    _callback: Closure<dyn FnMut()>,
}

impl Timer {
    /// Calls `callback` after `delay`, rounded up to whole milliseconds, so that it is never early.
    pub(crate) fn new(delay: Duration, callback: impl FnOnce() + 'static) -> Timer {
        let callback = Closure::once(callback);
        let delay_ms = delay.min(DELAY_MAX).as_micros().div_ceil(1000) as i32;
        // A browser always takes a function and a number.
        Timer { timer: set_timeout(callback.as_ref().unchecked_ref(), delay_ms).ok(), _callback: callback }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        // One that has fired is no error.
        let _ = self.timer.as_ref().map(clear_timeout);
    }
}

/// Calls back as soon as what waits in the page had its turn, as often as that is asked; dropped, it never does.
///
/// It is a message to oneself: browsers delay a timer that follows others by 4 ms, and in a page that is not seen by a
/// second.
pub(crate) struct Turn {
    /// The two ends of a channel; without one it is a timer that calls back.
    ports: Option<[MessagePort; 2]>,
    callback: Closure<dyn FnMut()>,
}

impl Turn {
    pub(crate) fn new(callback: impl FnMut() + 'static) -> Turn {
        let callback = Closure::new(callback);
        let ports = ports(callback.as_ref().unchecked_ref()).ok();
        Turn { ports, callback }
    }

    /// Asks to be called back.
    pub(crate) fn ask(&self) {
        let is_asked = self.ports.as_ref().is_some_and(|[_, port]| port.post_message(&JsValue::NULL).is_ok());
        if !is_asked {
            // A browser always takes a function and a number.
            let _ = set_timeout(self.callback.as_ref().unchecked_ref(), 0);
        }
    }
}

/// Two ends, one of which calls `callback` with what the other one is given.
fn ports(callback: &Function) -> Result<[MessagePort; 2], JsValue> {
    let channel = MessageChannel::new()?;
    let ends = [channel.port1()?, channel.port2()?];
    ends[0].set_on_message(Some(callback))?;
    Ok(ends)
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some([port, _]) = &self.ports {
            // A closed end calls back no more, whichever of these fails.
            let _ = port.set_on_message(None);
            let _ = port.close();
        }
    }
}

/// Waits; without a delay until what waits in the page had its turn. Dropped before, it leaves nothing: a promise that is never
/// resolved would keep its callbacks for ever.
pub async fn sleep(delay: Duration) {
    let elapsed = Rc::new((Cell::new(false), Cell::new(None::<Waker>)));
    let told = Rc::clone(&elapsed);
    let wake = move || {
        told.0.set(true);
        if let Some(waker) = told.1.take() {
            waker.wake();
        }
    };
    let (mut timer, mut turn) = (None, None);
    if delay.is_zero() {
        turn.insert(Turn::new(wake)).ask();
    } else {
        timer = Some(Timer::new(delay, wake));
    }
    poll_fn(|context| match elapsed.0.get() {
        true => Poll::Ready(()),
        false => {
            elapsed.1.set(Some(context.waker().clone()));
            Poll::Pending
        }
    })
    .await;
    drop((timer, turn));
}

/// The result of `work`; `None` if it takes longer than `most`.
pub async fn timeout<T>(most: Duration, work: impl Future<Output = T>) -> Option<T> {
    let mut late = std::pin::pin!(sleep(most));
    let mut work = std::pin::pin!(work);
    std::future::poll_fn(|context| match work.as_mut().poll(context) {
        std::task::Poll::Ready(done) => std::task::Poll::Ready(Some(done)),
        std::task::Poll::Pending => late.as_mut().poll(context).map(|()| None),
    })
    .await
}
