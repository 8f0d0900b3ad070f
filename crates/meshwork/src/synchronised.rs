//! When what a program has is what the others have, and when there is somebody to keep it.

use std::time::Duration;

use meshwork_core::node::{LinkState, PeerView};

use crate::error::Closed;
use crate::member::Member;
use crate::room::Room;
use crate::runner::timeout;

/// How long nothing may have changed before a majority in step is enough.
const QUIET: Duration = Duration::from_secs(2);
/// Time to wait for members that a server or a neighbour named and that are not linked yet: they may have content that others
/// lack. While the room is empty here it is the time that a join may take, since two newcomers that agree know nothing.
const LINKING_WAIT: Duration = Duration::from_secs(3);
/// How often it is looked what time alone decides.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

impl Room {
    /// Waits until this program has what the others have: all members that are linked, of whom there is at least one, and
    /// members that a server or neighbour named and that are linked, and proved their access, within three seconds. While the room is empty it waits for
    /// named members as long as a join may take ([`JOIN_MAX`](crate::JOIN_MAX)), unless they are gone before. If people
    /// write all the time, most members are enough once nothing changed for two seconds. Dropping the future changes nothing.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn in_step(&self) -> Result<(), Closed> {
        let (mut begun, mut last_change, mut changes) = (None, None, None);
        loop {
            let changed = self.state.change_after_now();
            let look = self.call(|node, now, room| {
                let room = node.room(room);
                (now, room.peers(), room.is_empty())
            });
            let (now, peers, is_empty) = look.await?;
            let changes_now = Some(self.state.look(|known| known.changes));
            if changes != changes_now {
                (changes, last_change) = (changes_now, Some(now));
            }
            let since = |time: Option<_>| time.map_or(Duration::ZERO, |time| now.since(time));
            begun = begun.or(Some(now));
            let linking_wait = if is_empty { self.shared().patience } else { LINKING_WAIT };
            let linking = since(begun) < linking_wait;
            let wait = Wait { quiet: since(last_change) >= QUIET, linking, retrying: is_empty };
            if wait.is_over(&peers) {
                return Ok(());
            }
            // Time alone may end it.
            timeout(&*self.shared().runner, LOOK_INTERVAL, changed).await;
        }
    }

    /// Waits until somebody who stays is linked, so that what is written is not lost when this program leaves. It takes as
    /// long as nobody is; dropping the future changes nothing.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn somebody_stays(&self) -> Result<(), Closed> {
        let keeps = |member: &Member| member.stays() && member.link().is_linked();
        loop {
            let changed = self.state.change_after_now();
            if self.members().await?.iter().any(keeps) {
                return Ok(());
            }
            changed.await;
        }
    }
}

/// What time alone decides about waiting on.
struct Wait {
    /// Whether nothing has changed for [`QUIET`].
    quiet: bool,
    /// Whether those who are being linked to are still waited for.
    linking: bool,
    /// Whether members whose link failed and is tried again are waited for as well.
    retrying: bool,
}

impl Wait {
    fn is_over(&self, peers: &[PeerView]) -> bool {
        let is_awaited = |peer: &PeerView| {
            peer.state == LinkState::Connecting
                || peer.state.is_linked() && !peer.attached
                || self.retrying && peer.sought && peer.state == LinkState::Gone
        };
        if self.linking && peers.iter().any(is_awaited) {
            return false;
        }
        let linked = || peers.iter().filter(|peer| peer.attached && peer.state.is_linked());
        let (in_step, linked) = (linked().filter(|peer| peer.in_step).count(), linked().count());
        linked > 0 && (in_step == linked || self.quiet && 2 * in_step > linked)
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use meshwork_core::id::{Endpoint, Instance, PeerId};
    use meshwork_core::time::Time;

    use super::*;

    fn peer(state: LinkState, attached: bool, in_step: bool) -> PeerView {
        PeerView {
            endpoint: Endpoint { peer: PeerId([1; 32]), instance: Instance(1) },
            name: String::new(),
            own: false,
            state,
            since: Time(0),
            heard: None,
            reason: None,
            rtt: None,
            path: None,
            relayed_because: None,
            jitter: None,
            pings: Default::default(),
            sought: false,
            attached,
            distant: false,
            stays: true,
            in_step,
            bytes_received: 0,
            bytes_sent: 0,
            session: None,
            epoch: 0,
            unacknowledged: 0,
            unlinked: false,
        }
    }

    const LATE: Wait = Wait { quiet: true, linking: false, retrying: false };
    const EARLY: Wait = Wait { quiet: false, linking: true, retrying: false };

    #[test]
    fn all_in_step_is_enough_at_once() {
        let agreed = peer(LinkState::Direct, true, true);
        assert!(EARLY.is_over(&[agreed.clone(), agreed.clone()]));
        assert!(EARLY.is_over(&[agreed.clone(), peer(LinkState::Gone, false, false)]));
        assert!(!EARLY.is_over(&[agreed.clone(), peer(LinkState::Connecting, false, false)]));
        assert!(LATE.is_over(&[agreed.clone(), peer(LinkState::Connecting, false, false)]));
        let proving = peer(LinkState::Direct, false, false);
        assert!(!EARLY.is_over(&[agreed.clone(), proving.clone()]), "its link is there, its access not yet");
        assert!(LATE.is_over(&[agreed, proving]));
    }

    #[test]
    fn empty_rooms_wait_for_links_tried_again() {
        let agreed = peer(LinkState::Direct, true, true);
        let failed = PeerView { sought: true, ..peer(LinkState::Gone, false, false) };
        let empty = Wait { retrying: true, ..EARLY };
        assert!(!empty.is_over(&[agreed.clone(), failed.clone()]));
        assert!(EARLY.is_over(&[agreed.clone(), failed.clone()]), "a room with content does not wait");
        assert!(Wait { retrying: true, ..LATE }.is_over(&[agreed.clone(), failed]));
        assert!(empty.is_over(&[agreed, peer(LinkState::Gone, false, false)]), "it left");
    }

    #[test]
    fn a_majority_is_enough_when_nothing_changes() {
        let agreed = peer(LinkState::Direct, true, true);
        let other = peer(LinkState::Relayed, true, false);
        assert!(!EARLY.is_over(&[agreed.clone(), agreed.clone(), other.clone()]));
        assert!(LATE.is_over(&[agreed.clone(), agreed.clone(), other.clone()]));
        assert!(!LATE.is_over(&[agreed, other]), "a half is no majority");
    }

    #[test]
    fn nobody_linked_is_never_enough() {
        assert!(!LATE.is_over(&[]));
        assert!(!LATE.is_over(&[peer(LinkState::Gone, false, true), peer(LinkState::Direct, false, false)]));
    }
}
