//! Orders: whether a job runs, is paused or is cancelled for good.

use serde::{Deserialize, Serialize};

use crate::form::{Form, FormatError, form};

/// Name of the field with an order. The submitter has one, the moderators have one.
pub const ORDER_FIELD: &[u8] = b"order";
/// Name of the field that cancels a job, once written with any value. The submitter has one, the moderators have one.
pub const CANCEL_FIELD: &[u8] = b"cancel";

/// An order of the submitter or the moderators. The job runs while neither pauses it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// The job may run.
    #[default]
    Run,
    /// The job is paused.
    Pause,
}

impl Form for Order {
    const MOST: usize = 2;

    fn check(&self) -> Result<(), FormatError> {
        Ok(())
    }
}

form!(Order);

/// The sum of all orders of a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Orders {
    /// The submitter's order.
    pub submitter: Order,
    /// The moderators' order.
    pub moderators: Order,
    /// Either has cancelled the job. It stays so.
    pub is_cancelled: bool,
}

impl Orders {
    /// Whether units may run now.
    pub fn runs(&self) -> bool {
        !self.is_cancelled && self.submitter == Order::Run && self.moderators == Order::Run
    }
}
