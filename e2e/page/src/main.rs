//! Checks that run inside a browser: `#conformance` and `#replay` behind the address choose which.
//!
//! The title of the page is `running`, then `passed` or `failed`; the element with the id `result` says what
//! came of it.

#[cfg(target_arch = "wasm32")]
mod conformance;
#[cfg(target_arch = "wasm32")]
mod page;
#[cfg(target_arch = "wasm32")]
mod race;
#[cfg(target_arch = "wasm32")]
mod replay;

#[cfg(target_arch = "wasm32")]
fn main() {
    wasm_bindgen_futures::spawn_local(page::run());
}

/// The checks run in a browser; elsewhere there is nothing to do.
#[cfg(not(target_arch = "wasm32"))]
fn main() {}
