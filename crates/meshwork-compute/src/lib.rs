//! Compute: a member submits a program over numbered units, and the devices of the room that lend run them.
//!
//! A **unit** is a number below n; its result follows from program, parameters, input and that number alone. A **span** is units in a
//! row that a lender gets at once. **Trusted** peers are named by the job: they confirm results and keep the books. The **steward** is
//! the trusted endpoint in charge. A **lender** runs units.

pub mod book;
mod form;
pub mod job;
pub mod message;
pub mod order;
pub mod packet;

pub use form::{FormatError, VERSION};
pub use job::{Job, JobId};

/// The name of the app in addresses and rooms.
pub const APP: &str = "compute";
