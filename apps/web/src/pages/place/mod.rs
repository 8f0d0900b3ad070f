//! Place: one canvas, and the tools to paint it.

mod actions;
mod activity;
mod allowance;
mod board;
mod canvas;
mod card;
mod cursors;
mod dock;
mod editing;
mod entry;
mod erase;
mod facts;
mod ghost;
mod keyboard;
mod marking;
mod minimap;
mod painted;
pub(super) mod painter;
mod picture;
mod picture_bar;
mod pointing;
mod share;
mod stage;
mod surface;
mod timelapse;
mod tool_sheets;
mod tools;
mod work_bar;
mod working;

use leptos::prelude::*;
use leptos::wasm_split::wasm_split;
use meshwork_web::apps::{self, App as About};
use meshwork_web::texts;
use meshwork_web::texts::notices::Notice;

use self::board::Board;
pub(crate) use self::entry::Place;
use self::entry::PlaceSession as _;
use self::erase::Erasing;
use self::facts::{Facts, size_fact};
use self::share::SharePicture;
use self::stage::StageArea;
use self::timelapse::TimelapseSheet;
use self::tool_sheets::{GotoSheet, KeysSheet};
use super::front::{Action, App, Front, Section};
use super::parts::Loaded;
use super::session::Session;

/// Loads Place and puts it in front of the session's room.
#[wasm_split(place, wasm_split_path = ::leptos::wasm_split, preload(load), fallible)]
pub(crate) fn open(session: Session) -> Loaded<Front> {
    // A page shows few boards in its life.
    Ok(Box::leak(Box::new(Board::new(session))))
}

impl App for Board {
    fn about(&self) -> &'static About {
        &apps::APPS[0]
    }

    fn view(&self, before_open: AnyView) -> AnyView {
        view! { <StageArea board=*self before_open/> }.into_any()
    }

    fn actions(&self) -> Vec<Action> {
        actions::actions(*self)
    }

    fn section(&self, place: Section) -> AnyView {
        let board = *self;
        match place {
            Section::Panel => view! { <Facts board/> }.into_any(),
            Section::Share => view! { <SharePicture board/> }.into_any(),
            Section::Facts => size_fact(board).into_any(),
            Section::Order => view! { <Erasing board/> }.into_any(),
            Section::Sheets => {
                view! { <KeysSheet board/><GotoSheet board/><TimelapseSheet board/> }.into_any()
            }
        }
    }

    fn notices(&self) -> Vec<Notice> {
        let slowed = self.session.canvas().is_slowed.get().then(texts::notices::stroke_slowed);
        let refused =
            self.session.canvas().refused.get().map(|reason| texts::notices::stroke_refused(&reason));
        slowed.into_iter().chain(refused).collect()
    }

    fn is_empty(&self) -> bool {
        self.session.canvas().painted.get() == 0
    }
}
