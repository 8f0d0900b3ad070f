//! The library as a program uses it: one suite, over real sockets and over a network in virtual time.

#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)]

mod admissions;
mod away;
mod cancelled;
mod clocks;
mod compute;
mod documents;
mod doors;
mod ending;
mod errors;
mod folds;
mod guard;
mod lan;
mod native;
mod network;
mod play;
mod session;
mod suite;
mod talk;
mod whiteboard;

/// Waits for the next frame of something that repeats itself.
async fn tick(frame: std::time::Duration) {
    let mut frames = tokio::time::interval(frame);
    frames.tick().await;
    frames.tick().await;
}

/// Waits until so many bytes of a blob are here.
async fn fetch_until(fetch: &mut meshwork::Fetch, held: u64) {
    while fetch.next().await.unwrap().is_some_and(|progress| progress.held < held) {}
}
