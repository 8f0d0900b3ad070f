//! WebRTC drivers that run a [`Node`](meshwork_core::node::Node): native programs and browsers, one face.

#[cfg(not(target_arch = "wasm32"))]
pub mod native;
mod report;
#[cfg(any(test, target_arch = "wasm32"))]
pub mod web;
