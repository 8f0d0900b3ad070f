//! Engines that run the programs of Compute's jobs for a lender: WebAssembly, JavaScript and the lender's own commands.
//!
//! # Problem
//! A lender runs programs of strangers. Each must end within its limits of time, memory and output, reach nothing outside of itself,
//! and give the same result on every device.
//!
//! # How it works
//! - **WebAssembly** runs in wasmi, in slices of fuel. Each unit has a fresh instance, and modules have no imports.
//! - **JavaScript** runs in QuickJS. Each unit has a fresh realm without clock, timers and code from text, and a seeded `Math.random`.
//! - **Shaders** run on the graphics card by wgpu, with the feature `gpu` alone. Each unit is a dispatch with fresh buffers.
//! - **Commands** are the lender's own. Each unit is a process, which is ended with its children.
//!
//! docs/protocol/compute.md, section "Programs", states how programs read units and return results.
//!
//! # Driving it
//! [`Threads`] is a [`Pool`](meshwork_compute::Pool): it carries out orders on threads of their own. [`trial`] runs units in the
//! caller's thread, each twice, for authors of programs.
//!
//! # Invariants
//! - Each failure of a program is a [`Failure`](meshwork_compute::message::Failure); no program panics the caller.
//! - A pool tells nothing of a run after its end.
//!
//! # Limits
//! QuickJS looks at the clock only between steps, and a few of its own functions take seconds for one step. Such a script fails in
//! time and its thread is left behind; while two such threads are busy, no script starts.

#[cfg(unix)]
mod command;
#[cfg(not(unix))]
#[path = "command_none.rs"]
mod command;
#[cfg(feature = "gpu")]
mod gpu;
#[cfg(not(feature = "gpu"))]
#[path = "gpu_none.rs"]
mod gpu;
mod interpreter;
mod limit;
mod program;
mod script;
mod threads;
mod trial;

pub use command::{Command, CommandError};
pub use gpu::{Card, CardError};
pub use threads::{OfferError, Threads};
pub use trial::{Tried, trial};
