//! The steward's books: the state of a job in the table, the index of results as a blob, and the standing of peers.

use meshwork_core::blobs::BlobId;
use meshwork_core::id::{Instance, PeerId};
use meshwork_core::wire::{Bounded, BoundedText};
use serde::{Deserialize, Serialize};

use crate::form::{Form, FormatError, form, within};
use crate::job::{Kind, UNITS_MAX};
use crate::message::Failure;

/// Name of a steward's field with its book.
pub const BOOK_FIELD: &[u8] = b"book";
/// The row with the standing of peers.
pub const STANDING_ROW: [u8; 2] = [0xfe, b's'];
/// The last epoch: a takeover every ten seconds for four months. Its steward can be followed by an earlier trusted peer alone.
pub const EPOCH_MAX: u32 = 1 << 20;
/// Most bytes of an index.
pub const INDEX_MAX: usize = 64 << 20;

/// A steward's state of a job, written into its field at most every 30 s while it changes, and when the state changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Book {
    /// Grows with each takeover, from 1 to [`EPOCH_MAX`].
    pub epoch: u32,
    /// The steward's instance.
    pub by: Instance,
    /// Accepted units.
    pub accepted: u32,
    /// Units that a trusted peer repeated.
    pub checked: u32,
    /// Peers that were caught.
    pub caught: u32,
    /// The state.
    pub state: State,
    /// The [`Index`] and its length in bytes, at most [`INDEX_MAX`].
    pub index: Option<(BlobId, u32)>,
    /// The last [news](crate::message::News) that the index covers.
    pub fresh: u32,
}

/// The state of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum State {
    /// It goes on, or waits.
    Running,
    /// An order pauses it.
    Paused,
    /// It has an outcome.
    Done {
        /// The outcome and its length in bytes.
        outcome: (BlobId, u64),
    },
    /// The program cannot go on.
    Failed {
        /// The unit that ended it.
        unit: u32,
        /// The reason.
        reason: Ended,
    },
    /// It was cancelled.
    Cancelled,
}

impl State {
    /// Whether the job has ended for good.
    pub fn is_over(&self) -> bool {
        !matches!(self, State::Running | State::Paused)
    }
}

/// The reason that a job failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
pub enum Ended {
    /// Trusted peers could not run the unit either.
    #[error("the program fails: {0}")]
    Fails(Failure),
    /// Two trusted results of the unit differ.
    #[error("devices differ: this program does not give the same result everywhere")]
    Differs,
    /// The results together, or the outcome, are too long.
    #[error("all results together are longer than {0} bytes: let the program return less")]
    TooMuch(u64),
}

/// A line of the index: a part of a span, its results, and the peers that it rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The first unit.
    pub first: u32,
    /// The number of units, from 1 to 256.
    pub units: u16,
    /// A blob, and the place and length of the packet in it, in bytes.
    pub packet: (BlobId, u32, u32),
    /// The place in [`Index::peers`] of the lender.
    pub by: u16,
    /// The place in [`Index::peers`] of the trusted peer that repeated all of its units.
    pub confirmed: Option<u16>,
}

/// Each accepted unit of a job. Credit is the sum of units by peer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Index {
    /// The peers that entries name.
    pub peers: Bounded<PeerId, 65_535>,
    /// Peers that were caught.
    pub caught: Bounded<PeerId, 65_535>,
    /// The entries, by ascending first unit, without overlaps.
    pub entries: Bounded<Entry, { UNITS_MAX as usize }>,
}

impl Index {
    /// Accepted units of each peer, in the order of [`Index::peers`].
    pub fn credit(&self) -> Vec<(PeerId, u32)> {
        let mut credit: Vec<(PeerId, u32)> = self.peers.iter().map(|peer| (*peer, 0)).collect();
        for entry in self.entries.iter() {
            credit[usize::from(entry.by)].1 += u32::from(entry.units);
        }
        credit
    }
}

/// A peer's record with one kind of program, as a trusted peer writes it: row `fe 73`, field of the writer, named by kind and peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Probes that agreed in a row.
    pub agreed: u32,
    /// It returned a wrong result. Removing the field or writing `false` pardons it.
    pub is_caught: bool,
}

impl Standing {
    /// The name of the field for a peer and a kind of program.
    pub fn field(kind: Kind, peer: &PeerId) -> Vec<u8> {
        [&[kind.number()], &peer.0[..]].concat()
    }

    /// Kind and peer of a field's name; `None` for other names.
    pub fn of_field(name: &[u8]) -> Option<(u8, PeerId)> {
        let (kind, peer) = name.split_first()?;
        Some((*kind, PeerId(peer.try_into().ok()?)))
    }
}

impl Form for Book {
    const MOST: usize = 1024;

    fn check(&self) -> Result<(), FormatError> {
        within("epoch", self.epoch.into(), 1, EPOCH_MAX.into())?;
        within("accepted units", self.accepted.into(), 0, UNITS_MAX.into())?;
        within("the length of the index", self.index.map_or(0, |index| index.1).into(), 0, INDEX_MAX as u64)
    }
}

impl Form for Index {
    const MOST: usize = INDEX_MAX;

    fn check(&self) -> Result<(), FormatError> {
        let mut next = 0;
        for entry in self.entries.iter() {
            within("the units of an entry", entry.units.into(), 1, 256)?;
            within("the first unit of an entry", entry.first.into(), next, UNITS_MAX.into())?;
            next = u64::from(entry.first) + u64::from(entry.units);
            for peer in [Some(entry.by), entry.confirmed].into_iter().flatten() {
                within("the peer of an entry", peer.into(), 0, (self.peers.len() as u64).saturating_sub(1))?;
            }
            if usize::from(entry.by) >= self.peers.len() {
                return Err(FormatError::Contradiction("an entry names a peer that the index does not list"));
            }
            let end = entry.packet.1.checked_add(entry.packet.2);
            within("the end of a packet", end.map_or(u64::MAX, u64::from), 0, INDEX_MAX as u64)?;
        }
        Ok(())
    }
}

impl Form for Standing {
    const MOST: usize = 8;

    fn check(&self) -> Result<(), FormatError> {
        Ok(())
    }
}

form!(Book);
form!(Index);
form!(Standing);

/// A short text for people, such as the last words of a program.
pub type Words = BoundedText<200>;
