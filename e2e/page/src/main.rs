//! Checks that run inside a browser: `#conformance`, `#replay` and `#library=PROMISE@SERVER` behind the address choose
//! which; `#library` names the promises.
//!
//! The title of the page is `running`, then `passed` or `failed`; the element with the id `result` says what
//! came of it.

#[cfg(target_arch = "wasm32")]
mod conformance;
#[cfg(target_arch = "wasm32")]
#[path = "../../../crates/meshwork/tests/it/guard.rs"]
#[allow(dead_code, unused_imports, unused_macros, clippy::unwrap_used, reason = "a page runs no test again")]
mod guard;
#[cfg(target_arch = "wasm32")]
mod library;
#[cfg(target_arch = "wasm32")]
mod page;
#[cfg(target_arch = "wasm32")]
mod race;
#[cfg(target_arch = "wasm32")]
mod replay;
#[cfg(target_arch = "wasm32")]
#[path = "../../../crates/meshwork/tests/it/suite.rs"]
#[allow(clippy::unwrap_used)]
mod suite;

/// Waits for the next frame of something that repeats itself.
#[cfg(target_arch = "wasm32")]
async fn tick(frame: std::time::Duration) {
    meshwork_rtc::web::sleep(frame).await;
}

#[cfg(target_arch = "wasm32")]
fn main() {
    wasm_bindgen_futures::spawn_local(page::run());
}

/// The checks run in a browser; elsewhere there is nothing to do.
#[cfg(not(target_arch = "wasm32"))]
fn main() {}
