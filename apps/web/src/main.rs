//! The pages that people open: one program, started by the browser.

#[cfg(target_arch = "wasm32")]
mod pages;

#[cfg(target_arch = "wasm32")]
fn main() {
    pages::start();
}

/// Pages run in a browser; elsewhere there is nothing to start.
#[cfg(not(target_arch = "wasm32"))]
fn main() {}
