//! Place in the table of apps, and its state while another app is in front.

use leptos::prelude::*;
use meshwork_core::id::Endpoint;
use meshwork_core::node::{CommandError, Event, Node, Receipt};
use meshwork_core::replica::Replica;
use meshwork_core::signed::app::AppParameters;
use meshwork_place::Place as _;
use meshwork_place::canvas::{self, Canvas, CanvasSize, Colour, Painted};
use meshwork_web::apps::{self, App as About};
use meshwork_web::place::view::FIRST_CANVAS;
use meshwork_web::rules::Standing;

use super::super::entries::{Entry, Loading};
use super::super::front::Front;
use super::super::parts::at_once;
use super::super::session::Session;
use super::canvas::RoomCanvas;
use super::painted::RoomActivity;
use super::pointing::Cursors;

/// Place in the table of apps.
#[derive(Debug)]
pub(crate) struct Place;

/// What Place keeps of the session's room. Copies are the same one.
#[derive(Clone, Copy)]
struct State {
    canvas: RoomCanvas,
    activity: RoomActivity,
    cursors: Cursors,
}

/// The part of a session that is of Place.
pub(crate) trait PlaceSession: Copy {
    /// What people paint on.
    fn canvas(self) -> RoomCanvas;

    /// Who painted what, and how much.
    fn activity(self) -> RoomActivity;

    /// Where people point.
    fn cursors(self) -> Cursors;

    /// Paints cells.
    ///
    /// # Errors
    /// The node's; nothing was painted.
    fn paint(self, cells: &[(u16, u16, Colour)]) -> Result<Receipt, CommandError>;
}

impl PlaceSession for Session {
    fn canvas(self) -> RoomCanvas {
        self.app::<State>().canvas
    }

    fn activity(self) -> RoomActivity {
        self.app::<State>().activity
    }

    fn cursors(self) -> Cursors {
        self.app::<State>().cursors
    }

    fn paint(self, cells: &[(u16, u16, Colour)]) -> Result<Receipt, CommandError> {
        let receipt = self.canvas().paint(cells)?;
        if self.governing.standing.get_untracked() != Standing::Free {
            self.governing.refresh_standing();
        }
        Ok(receipt)
    }
}

impl Entry for Place {
    fn about(&self) -> &'static About {
        &apps::APPS[0]
    }

    fn sign(&self) -> &'static str {
        // Five cells on the ink.
        "M0 0h11v11H0zM25 0h11v11H25zM12.5 12.5h11v11h-11zM0 25h11v11H0zM25 25h11v11H25z"
    }

    fn load(&self) -> Loading {
        Box::pin(super::load())
    }

    fn open(&self, session: Session) -> Option<Front> {
        at_once(super::open(session))
    }

    fn parameters(&self) -> AppParameters {
        meshwork_place::parameters(FIRST_CANVAS)
    }

    fn make(&self, parameters: &AppParameters) -> Option<Box<dyn Replica>> {
        meshwork_place::make(&meshwork_place::app(), parameters)
    }

    fn begin(&self, session: Session) {
        let Session { node, people, .. } = session;
        let canvas = RoomCanvas::new(node, people.rows);
        session.keep(State {
            canvas,
            activity: RoomActivity::new(node, people, canvas),
            cursors: Cursors::new(node, session.phase, canvas.size, people.muted),
        });
        session.on_event(move |event| hear(session, event));
    }

    fn can_open(&self, session: Session) -> bool {
        size(session).is_some()
    }

    fn enter(&self, session: Session) {
        let (shown, now) = (session.canvas().size, size(session));
        // A new size begins a canvas anew, and rules are read often.
        if shown.get_untracked() != now {
            shown.set(now);
        }
    }

    fn leave(&self, session: Session) {
        session.canvas().size.set(None);
    }

    fn refresh(&self, session: Session) {
        let canvas = session.canvas();
        canvas.count();
        canvas.reach.count();
    }

    fn tick(&self, session: Session) {
        session.activity().count(session.voice);
    }

    fn mute(&self, session: Session, who: Endpoint) {
        session.cursors().tell(who, None);
    }
}

/// Handles an event of the node. Without an event, anything may have changed.
fn hear(session: Session, event: Option<&Event>) {
    let State { canvas, activity, cursors } = session.app();
    match event {
        None => canvas.tell(None),
        Some(Event::Presence { room, endpoint, slot, state })
            if canvas.is_it(*room, canvas::replica(*slot)) =>
        {
            let read = |node: &mut Node, now| node.read_cursor(now, *room, *endpoint, state.as_deref());
            cursors.hear(*endpoint, session.node.with(read));
        }
        Some(Event::Changed { room, replica, batch, changes }) if canvas.is_it(*room, *replica) => {
            let cells = Painted::of(changes);
            canvas.tell(Some(cells));
            if let Some(stroke) = batch {
                activity.note(stroke.author, cells);
            }
        }
        Some(Event::Acknowledged { room, by, sequences, .. }) if session.node.is_in(*room) => {
            canvas.reach.hear(*by, sequences);
        }
        Some(_) => {}
    }
}

/// The size of the canvas, once known.
fn size(session: Session) -> Option<CanvasSize> {
    session.canvas().with(Canvas::size)
}
