//! Compute: a member submits a program over numbered units, and the devices of the room that lend run them.
//!
//! A **unit** is a number below n; its result follows from program, parameters, input and that number alone. A **span** is units in a
//! row that a lender gets at once. **Trusted** peers are named by the job: they confirm results and keep the books. The **steward** is
//! the trusted endpoint in charge. A **lender** runs units.

pub mod book;
mod desk;
mod form;
pub mod io;
pub mod job;
mod lender;
pub mod message;
pub mod order;
pub mod packet;
pub mod planted;
pub mod pool;
mod steward;
mod view;

pub use desk::{Desk, JOBS_MAX, JOBS_OF_PEER_MAX, SubmitError};
pub use form::{FormatError, VERSION};
pub use io::{Input, Output};
pub use job::{Job, JobId};
pub use lender::{SERVED_MAX, Terms, Trust};
pub use pool::{Pool, PoolOrder, RunId, Told};
pub use steward::RESULTS_MAX;
pub use view::{JobView, Standstill};

/// The name of the app in addresses and rooms.
pub const APP: &str = "compute";
