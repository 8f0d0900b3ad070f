//! What tests of several modules begin with.

use meshwork_core::id::{Endpoint, Instance, PeerId};
use meshwork_core::node::{LinkState, PeerView};
use meshwork_core::time::Time;

/// A member in step, over a link in this state.
pub(super) fn peer(state: LinkState) -> PeerView {
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
        attached: true,
        distant: false,
        stays: true,
        in_step: true,
        bytes_received: 0,
        bytes_sent: 0,
        session: None,
        epoch: 0,
        unacknowledged: 0,
        unlinked: false,
    }
}
