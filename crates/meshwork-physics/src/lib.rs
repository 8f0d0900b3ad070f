//! Physics: rigid bodies that move alike on every device, and worlds that members of a room share.
//!
//! A [`World`] has **bodies** and **joints** and moves by **steps**. Equal calls give equal worlds, natively and in a browser: the
//! engine is [rapier](https://rapier.rs) without vector units and threads. [`lockstep`] lets members of a room share one: it
//! orders their inputs, and needs neither sockets nor a clock.

pub mod body;
mod command;
mod demo;
mod error;
pub mod joint;
pub mod lockstep;
mod query;
mod snapshot;
mod world;

pub use body::{BODIES_MAX, Body, BodyId, BodyState, Kind, Motion, Rotation, Shape, Vector};
pub use command::{Command, CommandError, Made, OUTCOMES_MAX, Outcome, SharedWorld};
pub use demo::{DEMO_BODIES, demo_world};
pub use error::{FormatError, PhysicsError};
pub use joint::{Hold, JOINTS_MAX, Joint, JointId};
pub use query::Hit;
pub use snapshot::{DIGEST_LEN, Digest, SNAPSHOT_MAX, digest_of};
pub use world::{GRAVITY_MAX, Removal, Report, Settings, TOUCHES_MAX, Touch, World};

/// The version of snapshots, commands and messages.
pub const VERSION: u8 = 1;
