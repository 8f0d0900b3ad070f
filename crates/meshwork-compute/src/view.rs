//! Jobs as people see them, and the reasons that one stands still.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use meshwork_core::id::{Endpoint, PeerId};
use meshwork_core::time::Time;

use crate::book::State;
use crate::job::{Job, Kind};
use crate::message::{Failure, Span};

/// A job as its endpoint sees it now.
#[derive(Clone, Debug, PartialEq)]
pub struct JobView {
    /// The job.
    pub job: Arc<Job>,
    /// The submitter.
    pub submitter: PeerId,
    /// The state, of the book that counts.
    pub state: State,
    /// All units.
    pub units: u32,
    /// Accepted units.
    pub accepted: u32,
    /// Units that trusted peers repeated.
    pub checked: u32,
    /// Units that were accepted in a second, over the last 30 s. Away from the steward as its grants say.
    pub per_second: f64,
    /// The time until all units are accepted, at this speed.
    pub left: Option<Duration>,
    /// Endpoints that lend here, of any program.
    pub lenders: usize,
    /// The endpoint in charge.
    pub steward: Option<Endpoint>,
    /// Accepted units by peer: at the steward those of now, elsewhere those of the last index that is here.
    pub credit: BTreeMap<PeerId, u32>,
    /// The spans that lenders have in hand, at the steward; empty elsewhere.
    pub spans: Vec<(Endpoint, Span)>,
    /// The peers that trusted peers of this job caught.
    pub caught: Vec<PeerId>,
    /// The reason that it does not go on, or that its outcome cannot be had.
    pub standstill: Option<Standstill>,
}

/// The reason that a job does not go on.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Standstill {
    /// An order pauses it.
    #[error("paused: submitter and moderators must both let it run")]
    Paused,
    /// No endpoint lends.
    #[error("nobody lends: lend this device, or share the link")]
    NobodyLends,
    /// Others lend, and none of them runs programs of this kind.
    #[error("no lender runs {}: allow it at a device that lends", kind_words(*.0))]
    NobodyRuns(Kind),
    /// The program is a shader, and no lender lends a graphics card.
    #[error(
        "nobody lends a graphics card: allow that of a device that lends, in its page or with `compute lend --gpu`"
    )]
    NoCard,
    /// The program is offered by name, and no lender offers it.
    #[error("nobody offers {0:?}: start a lender with this program")]
    NobodyOffers(String),
    /// None of the trusted peers is here to keep the books.
    #[error("waits for a trusted peer: open the room at {0}")]
    NobodyTrusted(PeerId),
    /// Results wait for a trusted peer that lends.
    #[error("{results} results wait for a check: let a trusted device lend")]
    NobodyChecks {
        /// The number of results.
        results: u32,
    },
    /// A unit failed, and no trusted peer lends to try it.
    #[error("unit {unit} fails ({reason}): let a trusted device lend to try it")]
    UnitFails {
        /// The unit.
        unit: u32,
        /// The failure at a lender.
        reason: Failure,
    },
    /// All units are accepted, and the endpoint in charge does not run the program's reduction.
    #[error("nobody reduces: open the room at {submitter}, or let {steward} run programs of this peer")]
    NobodyReduces {
        /// The submitter, whose device may always reduce.
        submitter: PeerId,
        /// The endpoint in charge.
        steward: Endpoint,
    },
    /// The job is done, and no trusted peer is here that could have its outcome.
    #[error("done, and the outcome is not here: open the room at {0}")]
    OutcomeAway(PeerId),
    /// The steward reads the books before it.
    #[error("another device takes over")]
    TakingOver,
    /// The room refuses the steward's book.
    #[error("the book cannot be written: the room may be full, or the steward may not write")]
    BookRefused,
    /// Nothing was accepted for a minute.
    #[error("nothing came for a minute: {lender} has unit {unit}")]
    Slow {
        /// The first unit of the oldest span.
        unit: u32,
        /// Its lender.
        lender: Endpoint,
        /// The time at which it got the span.
        since: Time,
    },
    /// Lenders are here, and none takes a span.
    #[error(
        "nobody takes units: lenders are busy, were caught, do not run programs of this peer, or cannot fetch this one"
    )]
    NobodyTakes,
}

fn kind_words(kind: Kind) -> &'static str {
    match kind {
        Kind::Wasm => "WebAssembly",
        Kind::Js => "JavaScript of this person",
        Kind::Wgsl(_) => "shaders",
        Kind::Offered => "programs by name",
    }
}
