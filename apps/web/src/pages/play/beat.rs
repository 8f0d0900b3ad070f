//! A timer sixty times a second.

use std::time::Duration;

use leptos::prelude::set_timeout;

use super::super::browser;

/// A sixtieth of a second, in ms.
const TICK_MS: f64 = 1000.0 / 60.0;
/// A page that is further behind slept, and begins anew, in ms.
const BEHIND_MS: f64 = 200.0;

/// Calls `beat` sixty times a second from the next sixtieth on, as long as it returns true.
pub(super) fn run(beat: impl FnMut() -> bool + 'static) {
    wait(beat, browser::milliseconds());
}

/// Waits for the next moment. Timers come late, so each waits for a moment of its own.
fn wait(mut beat: impl FnMut() -> bool + 'static, due: f64) {
    let (now, due) = (browser::milliseconds(), due + TICK_MS);
    let due = if now - due > BEHIND_MS { now } else { due };
    let rest = Duration::from_secs_f64((due - now).max(0.0) / 1000.0);
    let next = move || {
        if beat() {
            wait(beat, due);
        }
    };
    set_timeout(next, rest);
}
