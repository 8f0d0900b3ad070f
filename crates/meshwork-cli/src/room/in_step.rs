//! Waits until what a room has is what the others have.

use std::time::Duration;

use meshwork::{AppIsOff, Closed, Member, Room, sync};
use meshwork_core::signed::app::AppWord;
use tokio::time::interval;

use super::attempt::Attempt;
use super::counted;
use crate::exit::Failure;
use crate::progress::Progress;

/// How often what has come so far is shown.
const SHOW_INTERVAL: Duration = Duration::from_millis(250);

/// What of a room somebody waits for, and is shown to grow meanwhile.
#[derive(Clone, Copy)]
pub(crate) enum Content {
    /// The cells of its canvas.
    Cells,
    /// What people write to each other.
    Notes,
    /// Values, counters and documents.
    Entries,
}

impl Content {
    /// What there is most of in the rooms of an app.
    pub(crate) fn of_app(app: Option<&AppWord>) -> Content {
        if app.is_none_or(|app| *app == meshwork_place::app()) { Content::Cells } else { Content::Entries }
    }

    /// What it is counted in.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Content::Cells => "cells",
            Content::Notes => "notes",
            Content::Entries => "entries",
        }
    }

    /// How much of it is there.
    async fn count(self, room: &Room) -> Result<usize, Closed> {
        match self {
            Content::Cells => room.canvas().painted().await,
            Content::Notes => Ok(room.chat().all().await?.len()),
            Content::Entries => match room.app(sync::APP).await {
                Ok(app) => {
                    let (values, counters) = (app.values().entries("").await?, app.counters("").await?);
                    Ok(values.len() + counters.len() + app.documents().await?.len())
                }
                Err(AppIsOff(_)) => Ok(0),
            },
        }
    }
}

/// Waits until all that are linked, or most of them while nothing changes, have the same. What could not be done without it,
/// such as "Nothing was written.", is told when time runs out.
pub(crate) async fn wait(
    attempt: &Attempt,
    room: &Room,
    (progress, content): (&Progress, Content),
    undone: &str,
) -> Result<(), Failure> {
    match attempt.within(room, showing(room, (progress, content), room.in_step())).await {
        Err(failure) => Err(out_of_step(failure, counts(&room.members().await?), undone)),
        Ok(()) => Ok(()),
    }
}

/// Waits for something, and shows meanwhile what has come of the room.
pub(crate) async fn showing(
    room: &Room,
    (progress, content): (&Progress, Content),
    work: impl Future<Output = Result<(), Closed>>,
) -> Result<(), Closed> {
    let shown = async {
        let mut show = interval(SHOW_INTERVAL);
        loop {
            show.tick().await;
            if progress.is_shown() {
                let come = content.count(room).await?;
                say(progress, come, counts(&room.members().await?));
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

fn say(progress: &Progress, come: usize, in_step_of_linked: (usize, usize)) {
    progress.set(come as u64);
    progress.say(match in_step_of_linked {
        (_, 0) => String::from("no link yet"),
        (in_step, linked) => format!("{in_step} of {} the same", counted(linked, "linked member")),
    });
}

/// Says how many agreed, when time ran out.
fn out_of_step(failure: Failure, in_step_of_linked: (usize, usize), undone: &str) -> Failure {
    match (failure, in_step_of_linked) {
        (Failure::Unreachable(_), (in_step, linked)) if linked > 0 => Failure::Unreachable(format!(
            "{undone} Only {in_step} of {} had the same in time: somebody goes on writing, or much is still to come. \
             Try again with a longer --timeout.",
            counted(linked, "linked member")
        )),
        (failure, _) => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_outs_say_how_many_agreed() {
        let words =
            out_of_step(Failure::Unreachable("Nobody.".into()), (0, 1), "Nothing was written.").to_string();
        assert!(words.contains("0 of 1 linked member had"), "{words}");
        assert_eq!(out_of_step(Failure::Unreachable("Nobody.".into()), (0, 0), "").to_string(), "Nobody.");
    }
}
