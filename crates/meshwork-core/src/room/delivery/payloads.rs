//! Payloads of messages that no replica stores.

use alloc::format;
use alloc::string::ToString as _;

use serde::{Deserialize, Serialize};

use crate::id::Endpoint;
use crate::lanes::Saying;
use crate::replica::{Content, ContentError};
use crate::room::message::Holds;
use crate::seam::lane::PRESENCE_MAX;
use crate::signed::header::Family;
use crate::wire::{self, Bytes};

/// The payload of a search.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::room) struct Seeking {
    pub(in crate::room) to: Endpoint,
    pub(in crate::room) sealing_key: [u8; 32],
    /// The author's signature of its sealing key: docs/protocol/signalling.md.
    pub(in crate::room) signature: Bytes<64>,
}

/// Reads the payload of a message that no replica stores. Returns `None` for other families; datagrams have their own decoder.
///
/// # Errors
/// [`ContentError`] if it is invalid.
pub(super) fn check(family: Family, payload: &[u8]) -> Option<Result<Content, ContentError>> {
    match family {
        Family::Say => Some(broadcast(payload)),
        Family::Seek => Some(search(payload)),
        Family::Presence => Some(presence(payload)),
        Family::Holding => Some(extent(payload)),
        Family::Own | Family::ByValue | Family::ByTime | Family::Datagram => None,
    }
}

/// Decodes a broadcast.
fn broadcast(payload: &[u8]) -> Result<Content, ContentError> {
    Saying::decode(payload)
        .map(|saying| Content::new(saying, 0))
        .map_err(|error| ContentError(error.to_string()))
}

/// Decodes a search.
fn search(payload: &[u8]) -> Result<Content, ContentError> {
    let read = wire::decode::<Seeking>(payload);
    read.map(|seeking| Content::new(seeking, 0)).map_err(|error| ContentError(error.to_string()))
}

/// Decodes a presence.
fn presence(payload: &[u8]) -> Result<Content, ContentError> {
    if payload.len() > PRESENCE_MAX {
        return Err(ContentError(format!("{} bytes are above the limit of {PRESENCE_MAX}", payload.len())));
    }
    Ok(Content::new((), 0))
}

/// Decodes an extent.
fn extent(payload: &[u8]) -> Result<Content, ContentError> {
    let read = wire::decode::<Holds>(payload);
    read.map(|holds| Content::new(holds, 0)).map_err(|error| ContentError(error.to_string()))
}
