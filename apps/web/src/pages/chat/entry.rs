//! Chat in the table of apps.

use meshwork_core::signed::app::AppParameters;
use meshwork_web::apps::{self, App as About};

use super::super::entries::{Entry, Loading};
use super::super::front::Front;
use super::super::parts::at_once;
use super::super::session::Session;

/// Chat in the table of apps.
#[derive(Debug)]
pub(crate) struct Chat;

impl Entry for Chat {
    fn about(&self) -> &'static About {
        apps::named(meshwork_chat::WORD).expect("it stands in the table")
    }

    fn sign(&self) -> &'static str {
        // A bubble with three dots.
        "M6 4h24a4 4 0 0 1 4 4v15a4 4 0 0 1-4 4H17l-8.5 7v-7H6a4 4 0 0 1-4-4V8a4 4 0 0 1 4-4z\
         m5 9.2a2.3 2.3 0 1 0 0 4.6a2.3 2.3 0 0 0 0-4.6zm7 0a2.3 2.3 0 1 0 0 4.6a2.3 2.3 0 0 0 0-4.6z\
         m7 0a2.3 2.3 0 1 0 0 4.6a2.3 2.3 0 0 0 0-4.6z"
    }

    fn load(&self) -> Loading {
        Box::pin(super::load())
    }

    fn open(&self, session: Session) -> Option<Front> {
        at_once(super::open(session))
    }

    fn parameters(&self) -> AppParameters {
        meshwork_chat::parameters()
    }
}
