//! The native driver: runs a [`Node`](meshwork_core::node::Node) on tokio, with str0m for WebRTC.
//!
//! # How it works
//! One task owns the node and feeds it: inputs of links and servers, answers of the store, calls of the
//! application, time. What the node asks for goes to other tasks: one for each connection, which owns its
//! sockets and its str0m instance, and one for each WebSocket. The store has a thread of its own.
//!
//! # Limits
//! Nothing waits without bound. A node that is busy makes connections wait, whose system buffers then fill, so
//! that the other ends slow down; a slow disk makes the node wait; an application that does not read its events
//! misses some, and is told how many ([`Events::missed`]).
//!
//! # Example
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use meshwork_core::{id::Identity, node::Config, rng::Rng};
//! use meshwork_rtc::native::{Options, start};
//!
//! # let entropy = [0; 32];
//! let identity = Identity::generate(&mut Rng::new(entropy));
//! let (driver, mut events) = start(Options::new(meshwork_place::make, Config::default(), identity))?;
//! let address = "http://127.0.0.1:8080/place/K7M4QX".parse()?;
//! let room = driver.call(|node, now| node.join_room(now, address, None)).await??;
//! while let Some(event) = events.next().await {
//!     println!("{room:?}: {event:?}");
//! }
//! # Ok(())
//! # }
//! ```

mod clock;
mod direct;
mod driver;
mod events;
mod fetch;
pub mod history;
mod history_thread;
mod leaving;
mod links;
mod local_server;
mod network;
pub mod persist;
mod server;
pub mod store;

pub use direct::{Addressee, SendError};
pub use driver::{Driver, DriverStopped, Options, StartError, start};
pub use events::{EVENTS_MAX, Events};
pub use fetch::get;
pub use links::{Addresses, Advertise};
pub use local_server::{Conversation, LocalInput, LocalServer};
pub use server::tls_config;
