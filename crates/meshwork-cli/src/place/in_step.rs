//! Waits until the canvas is the one that the others have.

use std::time::Duration;

use meshwork::{Closed, Member, Room};
use meshwork_core::node::{Event, LinkState, PeerView, RoomHandle};
use meshwork_place::Place as _;
use tokio::time::{Instant, interval};

use super::attempt::Attempt;
use super::counted;
use super::session::Session;
use crate::exit::Failure;
use crate::progress::Progress;

/// How long nothing may have changed before a majority in step is enough.
const QUIET: Duration = Duration::from_secs(2);
/// How long those are waited for who are in the room but not linked yet: they may have what others lack.
const LINKING_WAIT: Duration = Duration::from_secs(3);
/// How often what has come so far is shown.
const SHOW_INTERVAL: Duration = Duration::from_millis(250);

/// Waits until all that are linked, or most of them while nothing changes, have the same canvas. What could not be
/// done without it, such as "Nothing was written.", is told when time runs out.
pub(super) async fn wait(
    session: &mut Session,
    room: RoomHandle,
    progress: &Progress,
    undone: &str,
) -> Result<(), Failure> {
    let opened = Instant::now();
    let mut changed = opened;
    let mut show = opened;
    loop {
        let now = Instant::now();
        let wait = Wait { quiet: now >= changed + QUIET, linking: now < opened + LINKING_WAIT };
        let peers = session.peers(room).await?;
        if wait.is_over(&peers) {
            return Ok(());
        }
        let mut looks = vec![changed + QUIET, opened + LINKING_WAIT];
        if progress.is_shown() {
            if now >= show {
                show = now + SHOW_INTERVAL;
                tell(session, room, progress, &peers).await?;
            }
            looks.push(show);
        }
        let event = match looks.into_iter().filter(|look| *look > now).min() {
            Some(look) => session.next_until(look).await,
            None => session.next().await.map(Some),
        };
        match event.map_err(|failure| out_of_step(failure, in_step_of_linked(&peers), undone))? {
            Some(Event::Changed { room: changed_room, batch: Some(_), .. }) if changed_room == room => {
                changed = Instant::now()
            }
            _ => {}
        }
    }
}

/// The same in a room of the library.
pub(super) async fn wait_in(
    attempt: &Attempt,
    room: &Room,
    progress: &Progress,
    undone: &str,
) -> Result<(), Failure> {
    match attempt.within(room, showing(room, progress, room.in_step())).await {
        Err(failure) => Err(out_of_step(failure, counts(&room.members().await?), undone)),
        Ok(()) => Ok(()),
    }
}

/// Waits for something, and shows meanwhile what has come of the canvas.
pub(super) async fn showing(
    room: &Room,
    progress: &Progress,
    work: impl Future<Output = Result<(), Closed>>,
) -> Result<(), Closed> {
    let shown = async {
        let mut show = interval(SHOW_INTERVAL);
        loop {
            show.tick().await;
            if progress.is_shown() {
                let painted = room.canvas().painted().await?;
                say(progress, painted, counts(&room.members().await?));
            }
        }
    };
    tokio::select! {
        done = work => done,
        shown = shown => shown,
    }
}

/// How many of the linked members are in step, and how many are linked.
fn counts(members: &[Member]) -> (usize, usize) {
    let linked = || members.iter().filter(|member| member.link().is_linked());
    (linked().filter(|member| member.is_in_step()).count(), linked().count())
}

async fn tell(
    session: &mut Session,
    room: RoomHandle,
    progress: &Progress,
    peers: &[PeerView],
) -> Result<(), Failure> {
    let painted = session.look(room, |node, room| Some(node.canvas(room)?.painted())).await?;
    say(progress, painted, in_step_of_linked(peers));
    Ok(())
}

fn say(progress: &Progress, painted: usize, in_step_of_linked: (usize, usize)) {
    progress.set(painted as u64);
    progress.say(match in_step_of_linked {
        (_, 0) => String::from("nobody is linked yet"),
        (in_step, linked) => format!("{in_step} of {} the same", counted(linked, "linked member")),
    });
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
fn out_of_step(failure: Failure, in_step_of_linked: (usize, usize), undone: &str) -> Failure {
    match (failure, in_step_of_linked) {
        (Failure::Unreachable(_), (in_step, linked)) if linked > 0 => Failure::Unreachable(format!(
            "{undone} Only {in_step} of {} had the same canvas in time: \
             it is being painted on, or much is still to come. Try again with a longer --timeout.",
            counted(linked, "linked member")
        )),
        (failure, _) => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    fn peer(state: LinkState, attached: bool, in_step: bool) -> PeerView {
        PeerView { attached, in_step, ..example::peer(state) }
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
        let words =
            out_of_step(Failure::Unreachable("Nobody.".into()), (0, 1), "Nothing was written.").to_string();
        assert!(words.contains("0 of 1 linked member had"), "{words}");
        assert_eq!(out_of_step(Failure::Unreachable("Nobody.".into()), (0, 0), "").to_string(), "Nobody.");
    }
}
