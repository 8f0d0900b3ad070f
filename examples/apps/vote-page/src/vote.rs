//! The vote in the table of apps: its entry, its state and its view.

use example_vote::{APP, Ballot, Votes, make, parameters};
use leptos::prelude::*;
use meshwork_core::node::Event;
use meshwork_core::replica::{Replica, ReplicaNumber};
use meshwork_core::signed::app::{AppParameters, AppWord};
use meshwork_core::signed::header::Family;
use meshwork_web::apps::App as About;
use meshwork_web::pages::{App, Entry, Front, Loading, Session};

/// The apps of this program. A room has Place in front while its app is not known yet.
pub(crate) static APPS: [&dyn Entry; 2] = [meshwork_web::pages::APPS[0], &Vote];

/// The texts of the vote in the pages. The link `/vote` opens a vote of its own.
static ABOUT: About = About {
    word: APP,
    title: "Vote",
    sentence: "Vote together",
    caption: "Ask everybody",
    invitation: "You are invited to vote",
    verbs: ("vote", "voting"),
    doers: "Voters",
    unit: "vote",
    content: "the votes",
    rescue: "",
    pages: &[],
};
/// The choices of a vote that is made in these pages; `example-vote` makes others.
const CHOICES: [&str; 3] = ["Yes", "No", "Later"];

/// The vote in the table of apps.
struct Vote;

/// The vote of the session's room. Copies are the same one.
#[derive(Clone, Copy)]
struct State {
    session: Session,
    /// Number of changes seen.
    changes: RwSignal<u64>,
    /// The reason for which the last vote was not written.
    refused: RwSignal<Option<String>>,
}

impl Entry for Vote {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn sign(&self) -> &'static str {
        // A tick.
        "M4 18l5-5 6 6 13-13 5 5-18 18z"
    }

    fn load(&self) -> Loading {
        // Its views are part of the program.
        Box::pin(std::future::ready(Ok(())))
    }

    fn open(&self, session: Session) -> Option<Front> {
        // A page shows it as long as it lives.
        Some(Box::leak(Box::new(Shown(session.app::<State>()))))
    }

    fn parameters(&self) -> AppParameters {
        AppParameters::new(parameters(&CHOICES)).expect("three words are within 256 bytes")
    }

    fn make(&self, parameters: &AppParameters) -> Option<Box<dyn Replica>> {
        let word: AppWord = APP.parse().expect("it is a word");
        make(&word, parameters)
    }

    fn begin(&self, session: Session) {
        session.keep(State { session, changes: RwSignal::new(0), refused: RwSignal::new(None) });
    }

    fn hear(&self, session: Session, event: Option<&Event>, _is_in_front: bool) {
        if matches!(event, None | Some(Event::Changed { .. } | Event::RoomOpened { .. })) {
            session.app::<State>().changes.update(|changes| *changes += 1);
        }
    }

    fn enter(&self, session: Session) {
        session.app::<State>().changes.update(|changes| *changes += 1);
    }
}

impl State {
    fn number(self) -> ReplicaNumber {
        self.session.slot_of(&ABOUT).replica(Family::Own)
    }

    /// Reads the ballot, if the room has one; tracked.
    fn with<R>(self, read: impl FnOnce(&Ballot<'_>) -> R) -> Option<R> {
        self.changes.track();
        let number = self.number();
        self.session
            .node
            .look(|node, room| node.room(room).replica(number).map(|votes: &Votes| read(&Ballot::of(votes))))
            .flatten()
    }

    /// The number of votes for each choice, in the order of the choices; tracked.
    fn tally(self) -> Vec<(String, usize)> {
        let count = |ballot: &Ballot<'_>| {
            let tally = ballot.tally();
            ballot.choices().iter().map(|choice| (choice.clone(), tally[choice])).collect()
        };
        self.with(count).unwrap_or_default()
    }

    /// Our own choice; tracked.
    fn mine(self) -> Option<String> {
        let me = self.session.node.peer();
        self.with(|ballot| ballot.votes().get(&me).map(|choice| (*choice).to_owned())).flatten()
    }

    /// Votes, or withdraws the vote if it is for this choice already.
    fn choose(self, choice: &str) {
        let choice = Some(choice).filter(|choice| untrack(|| self.mine()).as_deref() != Some(choice));
        let me = self.session.node.peer();
        let payload = untrack(|| self.with(|ballot| ballot.payload(me, choice)));
        let (Some(Some(Ok(payloads))), number) = (payload, self.number()) else { return };
        let written =
            self.session.node.command(|node, now, room| node.room_mut(now, room).write(number, payloads));
        self.refused.set(written.err().map(|error| error.to_string()));
        self.changes.update(|changes| *changes += 1);
    }
}

/// The vote as the page of a room has it in front.
struct Shown(State);

impl App for Shown {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn view(&self, before_open: AnyView) -> AnyView {
        let state = self.0;
        let line = move |(choice, count): (String, usize)| {
            let (chosen, cast) = (choice.clone(), choice.clone());
            view! {
                <li>
                    <button
                        type="button"
                        class="button"
                        class:primary=move || state.mine().as_ref() == Some(&chosen)
                        on:click=move |_| state.choose(&cast)
                    >
                        {choice}
                    </button>
                    " "
                    {count}
                </li>
            }
        };
        view! {
            <div class="stage-box">
                {before_open}
                <ul data-testid="vote">{move || state.tally().into_iter().map(line).collect_view()}</ul>
                <p role="alert">{move || state.refused.get()}</p>
            </div>
        }
        .into_any()
    }

    fn is_empty(&self) -> bool {
        self.0.tally().iter().all(|(_, count)| *count == 0)
    }
}
