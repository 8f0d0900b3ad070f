//! Payloads of later versions: kept, counted and handed on as they are, and shown by nobody who cannot read them.
//!
//! Where the length of a document's name would stand such a payload has 0. Behind it are the version in one byte, what the
//! payload costs as a varint, and what that version can read.

use super::update::{CLOCK_MAX, read_number};

/// The version of payloads that begin with a document's name.
const VERSION: u8 = 1;

/// What a payload of a later version costs, which is its begun KiB at least; `None` for one of this version, and for what
/// is none.
pub(super) fn cost(payload: &[u8]) -> Option<usize> {
    let (head, rest) = payload.split_first_chunk::<2>()?;
    let (cost, _) = read_number(rest, CLOCK_MAX).ok()?;
    let cost = cost as usize;
    (head[0] == 0 && head[1] > VERSION && cost >= payload.len().div_ceil(1024)).then_some(cost)
}
