//! Members that look for others to whom they have no link.
//!
//! Where members keep some links each, nobody knows everybody. Who has something to say to one member alone says along
//! the overlay that it looks for it, with the key to which signals for it are sealed; the other one answers the way back.

use alloc::string::ToString as _;

use serde::{Deserialize, Serialize};

use super::RoomOutput;
use super::delivery::Checked;
use super::talking::Talking;
use crate::id::{Endpoint, Identity};
use crate::replica::{Content, ContentError};
use crate::seam::lane::Slot;
use crate::signalling::announce::Introduction;
use crate::signed::header::Family;
use crate::time::Now;
use crate::wire::{self, Bytes};

/// The payload of a batch by which its author looks for somebody.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Seeking {
    to: Endpoint,
    sealing_key: [u8; 32],
    /// The author's, over its sealing key: docs/protocol/signalling.md.
    signature: Bytes<64>,
}

/// Reads by what its author looks for somebody.
///
/// # Errors
/// [`ContentError`]; it is none.
pub(super) fn check(payload: &[u8]) -> Result<Content, ContentError> {
    let read = wire::decode::<Seeking>(payload);
    read.map(|seeking| Content::new(seeking, 0)).map_err(|error| ContentError(error.to_string()))
}

impl Talking<'_> {
    /// Looks for a member in the name of `identity`, who is this endpoint's peer and introduces itself. Nobody would pass on
    /// what somebody says who is banned.
    pub fn seek(&mut self, now: Now, identity: &Identity, me: &Introduction, to: Endpoint) {
        if self.kept.records().is_banned(identity.peer()) {
            return;
        }
        let Introduction { sealing_key, signature, .. } = me.clone();
        let payload = wire::encode(&Seeking { to, sealing_key, signature });
        let batch = self.sign_unkept(now, identity, Slot::CONVERSATION, Family::Seek, &payload);
        self.send_unkept(now, &batch);
    }

    /// Somebody looks for a member: tells so, and passes it on unless it is this one.
    pub(super) fn accept_sought(&mut self, now: Now, through: Endpoint, checked: &Checked) {
        let Some(seeking) = checked.content.read::<Seeking>().cloned() else { return };
        let (batch, Seeking { to, sealing_key, signature }) = (&checked.batch, seeking);
        let endpoint = batch.header().author;
        let by = Introduction { endpoint, sealing_key, signature };
        self.kept.outputs.push_back(RoomOutput::Sought { by, to, through });
        if to == self.kept.me {
            self.kept.delivery.remember(batch.key());
            return self.membership.overlay_mut().handle_known(now, batch);
        }
        self.pass_on(now, through, batch);
    }
}
