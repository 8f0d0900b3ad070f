//! Clocks: stamps that order what people do, whatever their own clocks say.

mod hlc;
pub mod room_time;

pub use hlc::{Clock, Stamp};
