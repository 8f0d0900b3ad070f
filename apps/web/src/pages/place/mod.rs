//! Place: one canvas, and the tools to paint it.

mod actions;
mod activity;
mod allowance;
mod board;
mod card;
mod cursors;
mod dock;
mod editing;
mod erase;
mod facts;
mod ghost;
mod keyboard;
mod later;
mod marking;
mod minimap;
pub(super) mod painter;
mod picture;
mod picture_bar;
mod share;
mod stage;
mod surface;
mod timelapse;
mod tool_sheets;
mod tools;
mod work_bar;
mod working;

use leptos::prelude::*;
use meshwork_web::apps::{self, App as About};
use meshwork_web::texts;
use meshwork_web::texts::notices::Notice;

use self::board::Board;
use self::later::Piece;
use self::stage::StageArea;
use super::icons;
use super::session::Session;
use super::shell::app::{Action, App, Front, Section};

/// Place in front of the session's room.
pub(crate) fn open(session: Session) -> Front {
    let board = Board::new(session);
    board.load_in_time();
    // A page shows one board in its life.
    Box::leak(Box::new(board))
}

impl App for Board {
    fn about(&self) -> &'static About {
        &apps::APPS[0]
    }

    fn sign(&self) -> AnyView {
        icons::place_sign().into_any()
    }

    fn view(&self, before_open: AnyView) -> AnyView {
        view! { <StageArea board=*self before_open/> }.into_any()
    }

    fn actions(&self) -> Vec<Action> {
        actions::actions(*self)
    }

    fn section(&self, place: Section) -> AnyView {
        self.place(Piece::Section(place)).into_any()
    }

    fn notices(&self) -> Vec<Notice> {
        let slowed = self.session.canvas.is_slowed.get().then(texts::notices::stroke_slowed);
        let refused = self.session.canvas.refused.get().map(|reason| texts::notices::stroke_refused(&reason));
        slowed.into_iter().chain(refused).collect()
    }

    fn is_shown(&self) -> bool {
        self.surface.view.with(Option::is_some)
    }

    fn is_empty(&self) -> bool {
        self.session.canvas.painted.get() == 0
    }

    fn load_rest(&self) {
        self.load();
    }
}
