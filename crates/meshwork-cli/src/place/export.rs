//! `place export`: waits until the canvas is the one that the others have, and writes it to a PNG.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use meshwork_core::node::{Event, LinkState, PeerView};
use meshwork_core::signalling::address::RoomAddress;
use serde_json::json;
use tokio::time::Instant;

use super::session::{CanvasView, Session, Stay};
use super::{Common, counted};
use crate::exit::Failure;
use crate::picture;

/// How long nothing may have changed before a majority in step is enough.
const QUIET: Duration = Duration::from_secs(2);
/// How long those are waited for who are in the room but not linked yet: they may have what others lack.
const LINKING_WAIT: Duration = Duration::from_secs(3);

/// What `place export` is asked for.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The room's address, with its part after #; without it for an open room.
    #[arg(value_name = "LINK")]
    link: RoomAddress,
    /// The PNG file to write, whole or not at all.
    #[arg(long, value_name = "FILE.png")]
    out: PathBuf,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Runs the command.
pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { link, out, common } = arguments;
    let mut session = Session::start(&common, Stay::Leaves).await?;
    let result = fetch(&mut session, link).await;
    session.close().await;
    let canvas = result?;
    picture::write_png(&out, canvas.size, &canvas.rgba)?;
    let (width, height) = (canvas.size.width, canvas.size.height);
    let words = format!("Wrote {} with {}.", out.display(), counted(canvas.painted, "painted cell"));
    common.tell(&words, &json!({ "cells": canvas.painted, "width": width, "height": height }))
}

async fn fetch(session: &mut Session, link: RoomAddress) -> Result<CanvasView, Failure> {
    let room = session.join(link, None).await?;
    let opened = Instant::now();
    let mut changed = opened;
    loop {
        let now = Instant::now();
        let wait = Wait { quiet: now >= changed + QUIET, linking: now < opened + LINKING_WAIT };
        let peers = session.peers(room).await?;
        if wait.is_over(&peers) {
            return session.canvas(room).await;
        }
        let next_look = [changed + QUIET, opened + LINKING_WAIT].into_iter().filter(|look| *look > now).min();
        let event = match next_look {
            Some(look) => session.next_until(look).await,
            None => session.next().await.map(Some),
        };
        match event.map_err(|failure| out_of_step(failure, &peers))? {
            Some(Event::CanvasChanged { room: changed_room, .. }) if changed_room == room => {
                changed = Instant::now()
            }
            _ => {}
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
    /// Whether the canvas is the one to write.
    fn is_over(&self, peers: &[PeerView]) -> bool {
        if self.linking && peers.iter().any(|peer| peer.state == LinkState::Connecting) {
            return false;
        }
        let (in_step, linked) = in_step_of_linked(peers);
        let majority = 2 * in_step > linked;
        linked > 0 && (in_step == linked || self.quiet && majority)
    }
}

fn in_step_of_linked(peers: &[PeerView]) -> (usize, usize) {
    let linked = || peers.iter().filter(|peer| peer.attached && peer.state.is_linked());
    (linked().filter(|peer| peer.in_step).count(), linked().count())
}

/// Says how many agreed, when time ran out.
fn out_of_step(failure: Failure, peers: &[PeerView]) -> Failure {
    match (failure, in_step_of_linked(peers)) {
        (Failure::Unreachable(_), (in_step, linked)) if linked > 0 => Failure::Unreachable(format!(
            "Nothing was written. Only {in_step} of {} had the same canvas in time: \
             it is being painted on, or much is still to come. Try again with a longer --timeout.",
            counted(linked, "linked member")
        )),
        (failure, _) => failure,
    }
}

#[cfg(test)]
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
            attached,
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

    const LATE: Wait = Wait { quiet: true, linking: false };
    const EARLY: Wait = Wait { quiet: false, linking: true };

    #[test]
    fn all_in_step_is_enough_at_once() {
        let agreed = peer(LinkState::Direct, true, true);
        assert!(EARLY.is_over(&[agreed.clone(), agreed.clone()]));
        assert!(EARLY.is_over(&[agreed.clone(), peer(LinkState::Gone, false, false)]));
        assert!(!EARLY.is_over(&[agreed.clone(), peer(LinkState::Connecting, false, false)]));
        assert!(LATE.is_over(&[agreed, peer(LinkState::Connecting, false, false)]));
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

    #[test]
    fn time_outs_say_how_many_agreed() {
        let peers = [peer(LinkState::Direct, true, false)];
        let words = out_of_step(Failure::Unreachable("Nobody.".into()), &peers).to_string();
        assert!(words.contains("0 of 1 linked member had"), "{words}");
        assert_eq!(out_of_step(Failure::Unreachable("Nobody.".into()), &[]).to_string(), "Nobody.");
    }
}
