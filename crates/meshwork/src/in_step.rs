//! When what a program has is what the others have, and when there is somebody to keep it.

use std::time::Duration;

use meshwork_core::node::{LinkState, PeerView};

use crate::error::Closed;
use crate::member::Member;
use crate::room::Room;
use crate::runner::timeout;

/// How long nothing may have changed before a majority in step is enough.
const QUIET: Duration = Duration::from_secs(2);
/// How long those are waited for who are in the room but not linked yet: they may have what others lack.
const LINKING_WAIT: Duration = Duration::from_secs(3);
/// How often it is looked what time alone decides.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

impl Room {
    /// Waits until this program has what the others have: all members that are linked, of whom there is at least one, and
    /// those who are linked to within three seconds. Where people write all the time that may never be: most of them are
    /// enough once nothing changed for two seconds. Dropping the future changes nothing.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn in_step(&self) -> Result<(), Closed> {
        let (mut begun, mut last_change, mut changes) = (None, None, None);
        loop {
            let changed = self.state.change_after_now();
            let (now, peers) = self.call(|node, now, room| (now, node.room(room).peers())).await?;
            let changes_now = Some(self.state.look(|known| known.changes));
            if changes != changes_now {
                (changes, last_change) = (changes_now, Some(now));
            }
            let since = |time: Option<_>| time.map_or(Duration::ZERO, |time| now.since(time));
            begun = begun.or(Some(now));
            let wait = Wait { quiet: since(last_change) >= QUIET, linking: since(begun) < LINKING_WAIT };
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
}

impl Wait {
    fn is_over(&self, peers: &[PeerView]) -> bool {
        if self.linking && peers.iter().any(|peer| peer.state == LinkState::Connecting) {
            return false;
        }
        let linked = || peers.iter().filter(|peer| peer.attached && peer.state.is_linked());
        let (in_step, linked) = (linked().filter(|peer| peer.in_step).count(), linked().count());
        linked > 0 && (in_step == linked || self.quiet && 2 * in_step > linked)
    }
}
