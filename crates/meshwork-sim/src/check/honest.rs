//! **no-honest-refusal**: honest programs refuse nothing of each other.

use std::collections::BTreeSet;

use meshwork_core::id::Endpoint;
use meshwork_core::node::{Event, Refusal};

use super::Violation;
use crate::connection::NodeIndex;

/// Who is honest.
#[derive(Debug, Default)]
pub struct Honest {
    endpoints: BTreeSet<Endpoint>,
    servers_lie: bool,
}

impl Honest {
    /// Nobody is known yet; servers are honest unless they are said to lie.
    pub fn new(servers_lie: bool) -> Honest {
        Honest { endpoints: BTreeSet::new(), servers_lie }
    }

    /// Whether servers are said to lie.
    pub fn servers_lie(&self) -> bool {
        self.servers_lie
    }

    /// The program at this endpoint is honest.
    pub fn insert(&mut self, endpoint: Endpoint) {
        self.endpoints.insert(endpoint);
    }

    /// Whether the program at this endpoint is, or was, honest.
    pub fn contains(&self, endpoint: Endpoint) -> bool {
        self.endpoints.contains(&endpoint)
    }

    /// An honest program hears an event.
    ///
    /// # Errors
    /// [`Violation`] names whom it refused what.
    pub fn hear(&self, index: NodeIndex, event: &Event) -> Result<(), Violation> {
        let Event::Refused { endpoint, reason, detail, .. } = event else { return Ok(()) };
        if self.may_refuse(*endpoint, *reason) {
            return Ok(());
        }
        let detail = format!("program {index} refused {endpoint:?}: {reason}: {detail}");
        Err(Violation::new("no-honest-refusal", detail))
    }

    fn may_refuse(&self, endpoint: Option<Endpoint>, reason: Refusal) -> bool {
        match reason {
            // Offers may outrun the news of who made them, and come late when they take another way than those after
            // them.
            Refusal::Unannounced | Refusal::TooManyAttempts | Refusal::StaleSignal => true,
            // Whoever a server names need not have said what it hands out.
            Refusal::SealingKey
            | Refusal::Seal
            | Refusal::SignalSignature
            | Refusal::Signal
            | Refusal::Replay
            | Refusal::Server => {
                self.servers_lie || endpoint.is_some_and(|endpoint| !self.contains(endpoint))
            }
            _ => endpoint.is_none_or(|endpoint| !self.contains(endpoint)),
        }
    }
}
