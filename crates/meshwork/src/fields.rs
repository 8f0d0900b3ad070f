//! Several fields of one row, for one write.

use meshwork_core::id::PeerId;
use meshwork_core::signed::batch::PAYLOAD_MAX;
use meshwork_core::table::{VALUE_MAX, Write, Writer, payloads};
use serde::Serialize;

use crate::app::{check_sizes, json};
use crate::error::WriteError;
use crate::table::KEY_MAX;

/// Fields of one row that are written at once, by [`Row::set_all`](crate::Row::set_all) or
/// [`Log::add_all`](crate::Log::add_all). If a field is named twice, the later call counts.
///
/// A name has at most [`KEY_MAX`] bytes, a value at most [`VALUE_MAX`](crate::VALUE_MAX), and all of them
/// together fit one signed batch of 64 KiB.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Fields(Vec<Field>);

/// A name and its value: none removes the field. A value without JSON fails when it is written.
type Field = (String, Result<Option<Vec<u8>>, WriteError>);

impl Fields {
    /// No field yet.
    pub fn new() -> Fields {
        Fields::default()
    }

    /// Gives a field a value, as JSON. The write fails if the value has no JSON: see [`Table::set`](crate::Table::set).
    pub fn set<T: Serialize + ?Sized>(self, field: &str, value: &T) -> Fields {
        self.with(field, json(value).map(Some))
    }

    /// Gives a field bytes as its value.
    pub fn set_bytes(self, field: &str, bytes: impl Into<Vec<u8>>) -> Fields {
        self.with(field, Ok(Some(bytes.into())))
    }

    /// Removes a field.
    pub fn remove(self, field: &str) -> Fields {
        self.with(field, Ok(None))
    }

    fn with(mut self, field: &str, value: Result<Option<Vec<u8>>, WriteError>) -> Fields {
        self.0.push((field.to_owned(), value));
        self
    }

    /// The writes of these fields in a row, which `writer` alone may write.
    pub(crate) fn writes(self, row: &[u8], writer: Writer) -> Result<Vec<Write>, WriteError> {
        if self.0.is_empty() {
            return Err(WriteError::Invalid(String::from("a write without fields changes nothing")));
        }
        let write = |(field, value): Field| {
            let value = value?;
            let length = value.as_ref().map_or(0, Vec::len);
            check_sizes(&[(field.len(), KEY_MAX), (length, VALUE_MAX)])?;
            Ok(Write { row: row.to_vec(), field: writer.field(field.as_bytes()), value })
        };
        self.0.into_iter().map(write).collect()
    }
}

/// Whether all these writes of `author` fit one batch.
pub(crate) fn check_fits_one_batch(author: PeerId, writes: &[Write]) -> Result<(), WriteError> {
    let payloads = payloads(author, writes).map_err(|error| WriteError::Invalid(error.to_string()))?;
    let size = payloads.iter().map(Vec::len).sum();
    if payloads.len() > 1 { Err(WriteError::TooLarge { size, max: PAYLOAD_MAX }) } else { Ok(()) }
}
