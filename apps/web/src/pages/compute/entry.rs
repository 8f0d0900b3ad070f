//! Compute in the table of apps, and the state that stays with the page, so that lending goes on behind another app.

use std::any::Any;
use std::rc::Rc;

use leptos::prelude::*;
use leptos::reactive::owner::LocalStorage;
use meshwork_core::signed::app::AppParameters;
use meshwork_web::apps::{self, App as About};

use super::super::entries::{Entry, Loading};
use super::super::front::Front;
use super::super::parts::at_once;
use super::super::session::Session;

/// Compute in the table of apps.
#[derive(Debug)]
pub(crate) struct Compute;

/// The state, which stays as long as the page, while its code is loaded when it is shown. Copies are the same one.
#[derive(Clone, Copy)]
pub(super) struct Kept(StoredValue<Option<State>, LocalStorage>);

/// The state, and the calls that begin with a room and end it.
#[derive(Clone)]
struct State {
    state: Rc<dyn Any>,
    begin: Rc<dyn Fn()>,
    clear: Rc<dyn Fn()>,
}

impl Kept {
    /// The state, once there is one.
    pub(super) fn state(self) -> Option<Rc<dyn Any>> {
        Some(self.0.get_value()?.state)
    }

    /// Keeps the state; `begin` is called when a room opened or its rules changed, `clear` when it is left.
    pub(super) fn keep(self, state: Rc<dyn Any>, begin: impl Fn() + 'static, clear: impl Fn() + 'static) {
        self.0.set_value(Some(State { state, begin: Rc::new(begin), clear: Rc::new(clear) }));
    }
}

/// The app's texts.
pub(super) fn about() -> &'static About {
    apps::named(meshwork_compute::APP).expect("it stands in the table")
}

impl Entry for Compute {
    fn about(&self) -> &'static About {
        about()
    }

    fn sign(&self) -> &'static str {
        // A hexagon with three bars.
        "M18 2.500l13.400 7.750v15.500L18 33.500L4.600 25.750v-15.500zM11 19v6.500h3.500V19zm5.250-7v13.500h3.500V12zm5.250 4v9.500H25V16z"
    }

    fn load(&self) -> Loading {
        Box::pin(super::load())
    }

    fn open(&self, session: Session) -> Option<Front> {
        at_once(super::open(session))
    }

    fn parameters(&self) -> AppParameters {
        meshwork::compute::parameters()
    }

    fn begin(&self, session: Session) {
        session.keep(Kept(StoredValue::new_local(None)));
    }

    fn enter(&self, session: Session) {
        if let Some(State { begin, .. }) = session.app::<Kept>().0.get_value() {
            begin();
        }
    }

    fn leave(&self, session: Session) {
        if let Some(State { clear, .. }) = session.app::<Kept>().0.get_value() {
            clear();
        }
    }
}
