//! Waits until what a room has is what the others have.

use std::time::Duration;

use meshwork::{AppIsOff, Closed, LinkState, Member, Room, sync};
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
        Err(failure) => Err(out_of_step(failure, Counts::of(&room.members().await?), undone)),
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
                say(progress, come, Counts::of(&room.members().await?));
            }
        }
    };
    tokio::select! {
        done = work => done,
        shown = shown => shown,
    }
}

/// Numbers of members.
#[derive(Clone, Copy)]
struct Counts {
    linked: usize,
    /// Linked ones that have the same as this program.
    in_step: usize,
    /// Members that a server or neighbour named, whose link is being made.
    linking: usize,
}

impl Counts {
    fn of(members: &[Member]) -> Counts {
        let count = |is_counted: fn(&&Member) -> bool| members.iter().filter(is_counted).count();
        Counts {
            linked: count(|member| member.link().is_linked()),
            in_step: count(|member| member.link().is_linked() && member.is_in_step()),
            linking: count(|member| member.link() == LinkState::Connecting),
        }
    }
}

fn say(progress: &Progress, come: usize, counts: Counts) {
    progress.set(come as u64);
    progress.say(match counts {
        Counts { linked: 0, .. } => String::from("no link yet"),
        Counts { linked, in_step, linking: 0 } => {
            format!("{in_step} of {} the same", counted(linked, "linked member"))
        }
        Counts { linked, in_step, linking } => {
            format!("{in_step} of {} the same, {linking} more being linked", counted(linked, "linked member"))
        }
    });
}

/// Says how many agreed, when time ran out.
fn out_of_step(failure: Failure, counts: Counts, undone: &str) -> Failure {
    let words = match (&failure, counts) {
        (Failure::Unreachable(_), Counts { linked, in_step, linking: linking @ 1.. })
            if in_step == linked && linked > 0 =>
        {
            format!(
                "{undone} The room is empty so far, and {} could not be linked in time and may have its content. Try \
                 again with a longer --timeout.",
                counted(linking, "further member")
            )
        }
        (Failure::Unreachable(_), Counts { linked: linked @ 1.., in_step, .. }) => format!(
            "{undone} Only {in_step} of {} had the same in time: somebody goes on writing, or much is still to come. \
             Try again with a longer --timeout.",
            counted(linked, "linked member")
        ),
        _ => return failure,
    };
    Failure::Unreachable(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_outs_say_how_many_agreed() {
        let words = |linked, in_step, linking| {
            let counts = Counts { linked, in_step, linking };
            out_of_step(Failure::Unreachable("Nobody.".into()), counts, "Nothing was written.").to_string()
        };
        assert!(words(1, 0, 0).contains("0 of 1 linked member had"), "{}", words(1, 0, 0));
        assert!(words(1, 1, 2).contains("2 further members could not be linked"), "{}", words(1, 1, 2));
        assert_eq!(words(0, 0, 1), "Nobody.");
    }
}
