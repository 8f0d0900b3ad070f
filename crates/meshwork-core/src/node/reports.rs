//! What a server is told of links: how many there are of which kind, and how long they took, and of nobody in particular.

use super::Node;
use super::attempt::Attempt;
use crate::seam::description::Role;
use crate::seam::event::RoomHandle;
use crate::seam::io::LinkId;
use crate::seam::path::Path;
use crate::signalling::protocol::{FromClient, LinkOutcome};
use crate::time::Time;

impl Node {
    /// A link that was begun at `sought` is proved. Of its two ends the offerer says so.
    pub(super) fn report_link(&mut self, link: LinkId, sought: Option<Time>, attempt: Option<&Attempt>) {
        let (Some(state), Some(sought), Some(attempt)) = (self.links.get(&link), sought, attempt) else {
            return;
        };
        if state.role() == Role::Offerer && !attempt.resumes && attempt.by_hand.is_none() {
            let outcome = match state.path().kind() {
                Path::Direct => LinkOutcome::Direct,
                Path::Relayed => LinkOutcome::Relayed,
            };
            self.report(attempt.room, outcome, sought);
        }
    }

    /// An attempt is about to end without a link.
    pub(super) fn report_failure(&mut self, link: LinkId) {
        let (Some(state), Some(attempt)) = (self.links.get(&link), self.attempts.get(&link)) else { return };
        let is_told = state.role() == Role::Offerer && !attempt.resumes && attempt.by_hand.is_none();
        let sought = self.peers.get(&state.remote()).and_then(|peer| peer.sought);
        if let Some(sought) = sought.filter(|_| is_told) {
            self.report(attempt.room, LinkOutcome::Failed, sought);
        }
    }

    /// Tells the first server of the room that listens.
    fn report(&mut self, room: RoomHandle, outcome: LinkOutcome, sought: Time) {
        let ms = self.now.time.since(sought).as_millis().try_into().unwrap_or(u64::MAX);
        let Some(entry) = self.rooms.get(&room) else { return };
        let servers: alloc::vec::Vec<_> = entry.registrations.iter().map(|known| known.server).collect();
        for server in servers {
            if self.request(server, &FromClient::Report { outcome, ms }) {
                return;
            }
        }
    }
}
