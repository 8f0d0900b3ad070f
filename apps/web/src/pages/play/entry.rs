//! Play in the table of apps, and the way on which events reach the party of a page.

use std::any::Any;
use std::rc::Rc;

use leptos::prelude::*;
use leptos::reactive::owner::LocalStorage;
use meshwork::Event;
use meshwork_core::signalling::address::RoomAddress;
use meshwork_play::shelf::GAMES_PATH;
use meshwork_web::apps::{self, App as About};

use super::super::browser;
use super::super::entries::{Entry, Loading};
use super::super::front::Front;
use super::super::parts::at_once;
use super::super::session::{Phase, Session};
use super::{Shown, Wanted};

/// Play in the table of apps.
#[derive(Debug)]
pub(crate) struct Play;

/// The party's state, which stays as long as the page, while its code is loaded when it is shown. Copies are the same one.
#[derive(Clone, Copy)]
pub(super) struct Kept(StoredValue<Option<State>, LocalStorage>);

/// The state, and how it lets go of a party.
#[derive(Clone)]
struct State {
    state: Rc<dyn Any>,
    clear: Rc<dyn Fn()>,
}

impl Kept {
    /// The party's state, once there is one.
    pub(super) fn state(self) -> Option<Rc<dyn Any>> {
        Some(self.0.get_value()?.state)
    }

    /// Keeps the party's state; `clear` is called when a room is left.
    pub(super) fn keep(self, state: Rc<dyn Any>, clear: impl Fn() + 'static) {
        self.0.set_value(Some(State { state, clear: Rc::new(clear) }));
    }
}

/// The app's texts.
pub(super) fn about() -> &'static About {
    apps::named(meshwork_play::WORD).expect("it stands in the table")
}

impl Entry for Play {
    fn about(&self) -> &'static About {
        about()
    }

    fn sign(&self) -> &'static str {
        // A pad with a cross and two buttons.
        "M10 8h16a10 10 0 0 1 9.8 12l-1 5.4a5 5 0 0 1-8.8 2.2L22.600 24h-9.200l-3.400 3.600a5 5 0 0 1-8.800-2.200l-1-5.400A10 10 0 0 1 10 8z\
         m-1 5v2.500H6.500v3H9v2.500h3v-2.500h2.500v-3H12V13zm15.500 4.500a2 2 0 1 0 0 4a2 2 0 0 0 0-4zm3.500-5a2 2 0 1 0 0 4a2 2 0 0 0 0-4z"
    }

    fn load(&self) -> Loading {
        Box::pin(super::load())
    }

    fn open(&self, session: Session) -> Option<Front> {
        match at_once(super::show(session, Wanted::Room)) {
            Some(Shown::Room(front)) => Some(front),
            _ => None,
        }
    }

    fn has_start_page(&self) -> bool {
        true
    }

    fn has_codes(&self) -> bool {
        true
    }

    fn page_of(
        &self,
        session: Session,
        address: RoomAddress,
        join: Callback<RoomAddress>,
    ) -> Option<AnyView> {
        page(session, Wanted::Game(address.code()?, address, join))
    }

    fn page(&self, session: Session, word: &str) -> Option<AnyView> {
        page(session, Wanted::Page(word.to_owned()))
    }

    fn begin(&self, session: Session) {
        session.keep(Kept(StoredValue::new_local(None)));
    }

    fn leave(&self, session: Session) {
        if let Some(State { clear, .. }) = session.app::<Kept>().0.get_value() {
            clear();
        }
    }

    fn hear(&self, session: Session, event: &Event) {
        if matches!(event, Event::Unknown) {
            leptos::task::spawn_local(seek_game(session));
        }
    }
}

/// A page of its own, once the views are loaded.
fn page(session: Session, wanted: Wanted) -> Option<AnyView> {
    match at_once(super::show(session, wanted)) {
        Some(Shown::Page(page)) => Some(page),
        _ => None,
    }
}

/// Shows the game of a code that is no room's: people type both into the same field.
async fn seek_game(session: Session) {
    let Some(code) = session.address.code.get_untracked() else { return };
    let answer = browser::ask("GET", &browser::at(&format!("{GAMES_PATH}/{code}")), None).await;
    let is_waiting = session.phase.try_get_untracked() == Some(Phase::Waiting);
    if is_waiting && answer.is_some_and(|(status, _)| status == 200) {
        browser::go_to(&browser::at(&format!("/{}/{code}", about().word)));
    }
}
