//! The vote in the table of apps: its entry, its state and its view.

use example_vote::{APP, Vote, make, parameters};
use leptos::prelude::*;
use leptos::reactive::owner::LocalStorage;
use leptos::task::spawn_local;
use meshwork::{Event, RoomId};
use meshwork_core::replica::Replica;
use meshwork_core::signed::app::{AppParameters, AppWord};
use meshwork_web::apps::App as About;
use meshwork_web::pages::{self, App, Front, Loading, Session};

/// The apps of this program. A room has Place in front while its app is not known yet.
pub(crate) static APPS: [&dyn pages::Entry; 2] = [pages::APPS[0], &Entry];

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
struct Entry;

/// The vote of the session's room. Copies are the same one.
#[derive(Clone, Copy)]
struct State {
    session: Session,
    /// The library's object, and the room that it is of.
    vote: StoredValue<Option<(RoomId, Vote)>, LocalStorage>,
    /// The votes for each choice, in the order of the choices.
    tally: RwSignal<Vec<(String, usize)>>,
    /// Our own choice.
    mine: RwSignal<Option<String>>,
    /// The reason for which the last vote was not written.
    refused: RwSignal<Option<String>>,
}

impl pages::Entry for Entry {
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
        session.keep(State {
            session,
            vote: StoredValue::new_local(None),
            tally: RwSignal::new(Vec::new()),
            mine: RwSignal::new(None),
            refused: RwSignal::new(None),
        });
    }

    fn enter(&self, session: Session) {
        spawn_local(session.app::<State>().follow());
    }

    fn leave(&self, session: Session) {
        let State { vote, tally, mine, refused, .. } = session.app();
        vote.set_value(None);
        tally.set(Vec::new());
        mine.set(None);
        refused.set(None);
    }

    fn hear(&self, session: Session, event: &Event) {
        // Stored votes are shown, or some changes were missed.
        if matches!(event, Event::Saved(_) | Event::Missed(_)) {
            spawn_local(session.app::<State>().read());
        }
    }
}

impl State {
    /// Shows the vote of the session's room, until the room is left. Each call after the first does nothing.
    async fn follow(self) {
        let Some((room, id)) = self.session.room().zip(self.session.node.room_id()) else { return };
        let Ok(vote) = Vote::of(&room).await else { return };
        if self.is_of(id) {
            return;
        }
        let mut casts = vote.watch();
        self.vote.set_value(Some((id, vote)));
        // A task of a room that was left must not keep it.
        drop(room);
        self.read().await;
        while casts.next().await.is_some() && self.is_of(id) {
            self.read().await;
        }
    }

    /// Whether the vote of this room is shown.
    fn is_of(self, id: RoomId) -> bool {
        self.vote.with_value(|vote| vote.as_ref().is_some_and(|(room, _)| *room == id))
    }

    /// Reads the votes again.
    async fn read(self) {
        let Some((id, vote)) = self.vote.get_value() else { return };
        let me = self.session.node.peer();
        let (choices, tally, mine) = (vote.choices().await, vote.tally().await, vote.choice_of(me).await);
        let (Ok(choices), Ok(tally), Ok(mine)) = (choices, tally, mine) else { return };
        if self.is_of(id) {
            let count = |choice: String| (tally.get(&choice).copied().unwrap_or(0), choice);
            self.tally.set(choices.into_iter().map(count).map(|(count, choice)| (choice, count)).collect());
            self.mine.set(mine);
        }
    }

    /// Votes, or withdraws the vote if it is for this choice already.
    async fn choose(self, choice: String) {
        let Some((_, vote)) = self.vote.get_value() else { return };
        let choice =
            Some(choice).filter(|choice| self.mine.with_untracked(|mine| mine.as_ref() != Some(choice)));
        let cast = vote.cast(choice.as_deref()).await;
        self.refused.set(cast.err().map(|error| error.to_string()));
        self.read().await;
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
                        class:primary=move || state.mine.get().as_ref() == Some(&chosen)
                        on:click=move |_| spawn_local(state.choose(cast.clone()))
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
                <ul data-testid="vote">{move || state.tally.get().into_iter().map(line).collect_view()}</ul>
                <p role="alert">{move || state.refused.get()}</p>
            </div>
        }
        .into_any()
    }

    fn is_empty(&self) -> bool {
        self.0.tally.get().iter().all(|(_, count)| *count == 0)
    }
}
