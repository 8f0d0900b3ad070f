//! The part of the program with an app's views, which is loaded before the app comes to the front.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use leptos::wasm_split::SplitLoaderError;

/// The result of a function in a part.
pub type Loaded<T> = Result<T, SplitLoaderError>;

/// The result of a function in a part that is loaded: it waits for nothing else.
pub fn at_once<T>(call: impl Future<Output = Loaded<T>>) -> Option<T> {
    match pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(made) => made.ok(),
        Poll::Pending => None,
    }
}
