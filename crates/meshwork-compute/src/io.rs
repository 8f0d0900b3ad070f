//! Inputs and outputs of the machine of one endpoint. They map onto those of the library's `Session`, and add the pool's.

use meshwork_core::blobs::BlobId;
use meshwork_core::id::Endpoint;
use meshwork_core::table::Writer;

use crate::job::JobId;
use crate::pool::{PoolOrder, Told};

/// An input of the machine.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// A member of the room is gone, or is here again.
    Link {
        /// The member.
        endpoint: Endpoint,
        /// It is here, linked or not.
        is_here: bool,
    },
    /// A member published a presence in the app, or removed it.
    Presence {
        /// The member.
        endpoint: Endpoint,
        /// The bytes of an [`Offer`](crate::message::Offer).
        value: Option<&'a [u8]>,
    },
    /// A broadcast.
    Message {
        /// The sender, as its signature proves.
        from: Endpoint,
        /// [`REPORT`](crate::message::REPORT) or [`GRANT`](crate::message::GRANT); others are ignored.
        topic: &'a str,
        /// The message.
        bytes: &'a [u8],
    },
    /// A field of a row has another value. Our own writes are reported too.
    Row {
        /// The row's id, which begins with `fe 6a` or `fe 73`; others are ignored.
        row: &'a [u8],
        /// The allowed writers of the field.
        writer: Writer,
        /// The field's name.
        name: &'a [u8],
        /// The value; `None` if it was removed.
        value: Option<&'a [u8]>,
    },
    /// A write in this row was refused.
    NotWritten {
        /// The row's id.
        row: &'a [u8],
    },
    /// A fetch has ended.
    Fetched {
        /// The blob.
        blob: BlobId,
        /// Its bytes; `None` if no member could serve it.
        bytes: Option<Vec<u8>>,
    },
    /// An answer of the pool.
    Told(Told),
    /// The time of [`Desk::poll_timeout`](crate::Desk::poll_timeout) has come.
    Timeout,
}

/// An output of the machine.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Broadcast a message.
    Say {
        /// The topic.
        topic: &'static str,
        /// At most 16 KiB.
        bytes: Vec<u8>,
    },
    /// Publish this presence in the app.
    Presence(Vec<u8>),
    /// Write a field of the app's table by value.
    Write {
        /// The row's id.
        row: Vec<u8>,
        /// The allowed writers of the field.
        writer: Writer,
        /// The field's name.
        name: Vec<u8>,
        /// The value; `None` removes the field, if it is there.
        value: Option<Vec<u8>>,
    },
    /// Hold these bytes as a blob.
    Offer(Vec<u8>),
    /// Fetch a blob. [`Input::Fetched`] answers.
    Fetch {
        /// The blob.
        blob: BlobId,
        /// The largest accepted size in bytes.
        at_most: u64,
    },
    /// Hold a blob no longer.
    Free(BlobId),
    /// An order to the pool.
    Pool(PoolOrder),
    /// [`Desk::job`](crate::Desk::job) reads differently.
    Changed(JobId),
    /// Results of a job that is [followed](crate::Desk::follow) were accepted. Each unit comes once, unless it is reopened.
    Results {
        /// The job.
        job: JobId,
        /// The first unit.
        first: u32,
        /// The results of this unit and of those behind it.
        values: Vec<Vec<u8>>,
    },
    /// Units of a job that is [followed](crate::Desk::follow) are open again: forget their results.
    Reopened {
        /// The job.
        job: JobId,
        /// The first unit.
        first: u32,
        /// The number of units.
        units: u32,
    },
}
