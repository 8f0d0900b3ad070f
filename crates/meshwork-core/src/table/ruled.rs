//! A table by value whose entries obey a rule of an app.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString as _;
use alloc::vec::Vec;
use core::any::Any;
use core::fmt;

use super::{Field, Kind, Payload, Table};
use crate::id::PeerId;
use crate::replica::{
    Again, Applied, Below, Changes, Content, ContentError, Digest, Enforced, Floor, Fold, Replica, Retraction,
};
use crate::signed::batch::{Header, SignedBatch};

/// A table that accepts an entry only if a function allows it. Members reject all other batches, so a program that someone
/// changed cannot write them.
///
/// All members must decide alike. The function therefore sees the entry and the app's parameters, and not the table: members receive
/// entries in different orders. Conditions on several entries belong to the reader, such as which of two values counts.
///
/// ```
/// use meshwork_core::table::{Attempt, RuledTable, Writer};
///
/// /// Marks from 1 to 5, one of each peer for each dish.
/// fn allows(best: &u8, attempt: &Attempt<'_>) -> bool {
///     let is_own = matches!(attempt.field, (Writer::Peer(_), b"mark"));
///     is_own && attempt.value.is_none_or(|value| matches!(value, [mark] if (1..=*best).contains(mark)))
/// }
///
/// let marks = RuledTable::new(5, allows);
/// assert_eq!(marks.table().entries(b"").count(), 0);
/// ```
pub struct RuledTable<P> {
    parameters: P,
    allows: Allows<P>,
    table: Table,
}

/// The rule of a [`RuledTable`] with parameters `P`.
pub type Allows<P> = fn(&P, &Attempt<'_>) -> bool;

/// An entry that a peer wants to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt<'a> {
    /// The author. It is among the allowed writers of the field.
    pub author: PeerId,
    /// The row's id.
    pub row: &'a [u8],
    /// The allowed writers of the field, and its name.
    pub field: Field<'a>,
    /// The value; `None` removes the field.
    pub value: Option<&'a [u8]>,
}

impl<P> RuledTable<P> {
    /// An empty table with this rule.
    pub fn new(parameters: P, allows: Allows<P>) -> RuledTable<P> {
        RuledTable { parameters, allows, table: Table::new(Kind::ByValue) }
    }

    /// The parameters that the rule reads.
    pub fn parameters(&self) -> &P {
        &self.parameters
    }

    /// The table.
    pub fn table(&self) -> &Table {
        &self.table
    }

    fn check_rule(&self, header: &Header, payload: &[u8]) -> Result<(), ContentError> {
        let Payload { row, entries } =
            Payload::read(header, payload).map_err(|error| ContentError(error.to_string()))?;
        for entry in entries {
            let (author, field, value) = (header.author.peer, entry.field, entry.value);
            if !(self.allows)(&self.parameters, &Attempt { author, row, field, value }) {
                let name = field.1.escape_ascii();
                return Err(ContentError(format!(
                    "the app does not allow this value in field {name:?} of row {:?}",
                    row.escape_ascii()
                )));
            }
        }
        Ok(())
    }
}

impl<P: Any + Send + Sync> Replica for RuledTable<P> {
    fn check(&self, header: &Header, payload: &[u8]) -> Result<Content, ContentError> {
        self.check_rule(header, payload)?;
        self.table.check(header, payload)
    }

    fn digest(&self) -> Digest {
        self.table.digest()
    }

    fn part_count(&self) -> u32 {
        self.table.part_count()
    }

    fn node_digest(&self, node: u32, from: u64) -> Digest {
        self.table.node_digest(node, from)
    }

    fn below(&self, node: u32, from: u64, most: usize) -> Vec<Below> {
        self.table.below(node, from, most)
    }

    fn node_batches(&self, node: u32, from: u64) -> Vec<SignedBatch> {
        self.table.node_batches(node, from)
    }

    fn floor(&self) -> Floor {
        self.table.floor()
    }

    fn is_old(&self, payload: &[u8]) -> bool {
        self.table.is_old(payload)
    }

    fn path_of(&self, floor: Floor) -> u64 {
        self.table.path_of(floor)
    }

    fn batches(&self) -> Box<dyn Iterator<Item = &SignedBatch> + '_> {
        self.table.batches()
    }

    fn batch_count(&self) -> usize {
        self.table.batch_count()
    }

    fn outline(&self, payload: &[u8]) -> Option<(u32, usize)> {
        self.table.outline(payload)
    }

    fn shows_past(&self) -> bool {
        self.table.shows_past()
    }

    fn apply(&mut self, batch: SignedBatch, content: Content) -> Applied<Option<Changes>> {
        self.table.apply(batch, content)
    }

    fn enforce(
        &mut self,
        stands: &dyn Fn(&SignedBatch) -> bool,
        retracted: &[Retraction],
        beaten: &mut dyn Iterator<Item = &SignedBatch>,
    ) -> Enforced<Option<Changes>> {
        self.table.enforce(stands, retracted, beaten)
    }

    fn fold(&self, part: u32, peer: PeerId) -> Option<(Fold, Content)> {
        self.table.fold(part, peer)
    }

    fn folds_former(&self) -> bool {
        self.table.folds_former()
    }

    fn fold_former(&self, part: u32, peer: PeerId) -> Option<(Fold, Content)> {
        self.table.fold_former(part, peer)
    }

    fn said_in(&self, batches: &mut dyn Iterator<Item = &SignedBatch>) -> Content {
        self.table.said_in(batches)
    }

    fn say_again(&self, said: &Content, how: Again) -> Vec<Fold> {
        self.table.say_again(said, how)
    }
}

impl<P> fmt::Debug for RuledTable<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuledTable").field("table", &self.table).finish_non_exhaustive()
    }
}
