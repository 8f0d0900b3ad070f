//! Search for members without a link.
//!
//! In a sparse overlay nobody knows everybody. A member with a message for one other member broadcasts a search for it
//! along the overlay, with the key for sealing signals. The searched member answers the way back.

use super::Talking;
use crate::id::{Endpoint, Identity};
use crate::room::delivery::Checked;
use crate::room::delivery::payloads::Seeking;
use crate::room::outputs::RoomOutput;
use crate::seam::lane::Slot;
use crate::signalling::announce::Introduction;
use crate::signed::header::Family;
use crate::time::Now;
use crate::wire;

impl Talking<'_> {
    /// Searches a member in the name of `identity`, which is this endpoint's peer and introduces itself. Members do not
    /// forward searches of banned peers.
    pub fn seek(&mut self, now: Now, identity: &Identity, me: &Introduction, to: Endpoint) {
        if self.kept.records().is_banned(identity.peer()) {
            return;
        }
        let Introduction { sealing_key, signature, .. } = me.clone();
        let payload = wire::encode(&Seeking { to, sealing_key, signature });
        let batch = self.sign_unkept(now, identity, Slot::CONVERSATION, Family::Seek, &payload);
        self.send_unkept(now, &batch);
    }

    /// A search arrived: reports it, and forwards it unless it is for this endpoint.
    pub(in crate::room) fn accept_sought(&mut self, now: Now, through: Endpoint, checked: &Checked) {
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
