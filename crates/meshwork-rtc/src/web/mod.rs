//! The browser driver: `RTCPeerConnection`, `WebSocket` and the page's clock run a node.
//!
//! # How it works
//! JavaScript calls back at any time, but a node must be called from one place at a time. So every callback
//! only puts an [`Input`](meshwork_core::node::Input) into an inbox; whoever holds the node takes it from
//! there. No session description travels: the facts are read out of the browser's own
//! ([`Description`](meshwork_core::seam::description::Description)), and the other end's is rendered
//! from a template.
//!
//! # Invariants
//! - One `RTCPeerConnection` for a link number; it is made before anything of it is awaited.
//! - Candidates that come before the other end's description wait for it.
//! - An exception in JavaScript becomes `Down` with its words, never a panic: each import catches, since an exception that
//!   passes through leaves borrows behind.
//! - Nothing is said of a link after `Down` or `Close`.
//!
//! # Limits
//! A browser throttles timers of hidden pages to one a second, which is enough to keep links alive.

mod sdp;
mod surplus;

#[cfg(target_arch = "wasm32")]
mod channel;
#[cfg(target_arch = "wasm32")]
mod clock;
#[cfg(target_arch = "wasm32")]
mod connection;
#[cfg(target_arch = "wasm32")]
mod driver;
#[cfg(target_arch = "wasm32")]
mod events;
#[cfg(target_arch = "wasm32")]
mod facts;
#[cfg(target_arch = "wasm32")]
mod files;
#[cfg(target_arch = "wasm32")]
mod handler;
#[cfg(target_arch = "wasm32")]
mod identity;
#[cfg(target_arch = "wasm32")]
mod links;
#[cfg(target_arch = "wasm32")]
mod rtc;
#[cfg(target_arch = "wasm32")]
mod servers;
#[cfg(target_arch = "wasm32")]
mod storage;
#[cfg(target_arch = "wasm32")]
mod strength;
#[cfg(target_arch = "wasm32")]
mod trial;

pub use self::surplus::{ROOMS_KEPT_MAX, ROOMS_ONLY_HERE_MAX};
#[cfg(target_arch = "wasm32")]
pub use self::{
    clock::{now, sleep, timeout},
    driver::{Driver, Options, StartError, entropy, start},
    events::{EVENTS_MAX, Events},
    files::Folder,
    identity::{IdentityStorage, is_guest, load_identity, load_identity_of, page_storage, replace_identity},
    links::Links,
    storage::{ListedRoom, PAGES_DATABASE, StorageError, StorageNews, StorageState, delete_rooms},
    trial::try_webrtc,
};
