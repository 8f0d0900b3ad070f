//! The wasm module of the npm package `meshwork`: the library's objects, with texts and bytes at the border.
//!
//! The package's classes (`sdk/js/index.js`) are what programs see. They hand over names, JSON and bytes, and turn what
//! comes back into values; an error is made by a function of theirs. What only reads answers at once, since the node is
//! in the page.

#[cfg(target_arch = "wasm32")]
mod app;
#[cfg(target_arch = "wasm32")]
mod blobs;
#[cfg(target_arch = "wasm32")]
mod chat;
#[cfg(target_arch = "wasm32")]
mod compute;
#[cfg(target_arch = "wasm32")]
mod endpoint;
#[cfg(target_arch = "wasm32")]
mod error;
#[cfg(target_arch = "wasm32")]
mod game;
#[cfg(target_arch = "wasm32")]
mod promise;
#[cfg(target_arch = "wasm32")]
mod reader;
#[cfg(target_arch = "wasm32")]
mod room;
#[cfg(target_arch = "wasm32")]
mod rules;
#[cfg(target_arch = "wasm32")]
mod sync;
#[cfg(target_arch = "wasm32")]
mod whiteboard;

#[cfg(target_arch = "wasm32")]
mod border {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    /// What comes of a future that waits for the node alone, which answers at once in a page.
    pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => done,
            Poll::Pending => unreachable!("the node of a page answers at once"),
        }
    }
}
