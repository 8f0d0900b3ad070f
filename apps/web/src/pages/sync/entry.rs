//! Sync in the table of apps.

use meshwork_web::apps::{self, App as About};

use super::super::entries::{Entry, Loading};
use super::super::front::Front;
use super::super::parts::at_once;
use super::super::session::Session;

/// Sync in the table of apps.
#[derive(Debug)]
pub(crate) struct Sync;

impl Entry for Sync {
    fn about(&self) -> &'static About {
        apps::named(meshwork_sync::WORD).expect("it stands in the table")
    }

    fn sign(&self) -> &'static str {
        // Two rings, each through the other.
        "M13 7a11 11 0 1 0 0 22a11 11 0 0 0 0-22zm0 4.5a6.5 6.5 0 1 1 0 13a6.5 6.5 0 0 1 0-13z\
         M23 7a11 11 0 0 0-5 1.2a11 11 0 0 1 3.4 3.5a6.5 6.5 0 1 1 0 12.6A11 11 0 0 1 18 27.8A11 11 0 1 0 23 7z"
    }

    fn load(&self) -> Loading {
        Box::pin(super::load())
    }

    fn open(&self, session: Session) -> Option<Front> {
        at_once(super::open(session))
    }

    fn shows_agreement(&self) -> bool {
        true
    }
}
