//! Values that a room keeps in step: made of signed batches, compared over a tree of digests.
//!
//! # How it works
//! A [`Replica`] is what a room sees. Most are [`Parts`] of a [`Family`]: each entry is a last-writer-wins register, a
//! batch is kept while one of its entries wins, and entries lie in parts with a digest each. What entries are, how
//! batches carry them and what a retraction covers is the family's.
//!
//! # Invariants
//! - Entries, digests and kept batches depend on the set of batches applied, not on their order or repetition, as long
//!   as no two different batches have one key.
//! - A batch is kept if and only if it wins an entry.

mod content;
mod digest;
mod family;
pub mod leaves;
mod made;
mod part;
mod parts;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod toy;
pub mod tree;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::any::Any;
use core::fmt;

pub use content::Content;
pub(crate) use digest::DigestCache;
pub use family::{Entries, Family, Slot, WriteOf};
pub use made::{MadeOfParts, WHENEVER};
pub use part::Part;
pub use parts::{Applied, Enforced, Parts};
pub use tree::{Below, Floor};

use crate::clock::Stamp;
use crate::id::PeerId;
pub use crate::seam::change::Changes;
use crate::signed::batch::{BatchKey, Header, SignedBatch};
pub use crate::signed::change::Retraction;
pub use crate::signed::header::ReplicaNumber;

/// A blake3 digest.
pub type Digest = [u8; 32];

/// The digest of a part in which nobody wrote.
pub const EMPTY_PART_DIGEST: Digest = [0; 32];

/// Most parts of a replica that is made of them: two levels of a tree.
pub const PARTS_MAX: u32 = 4096;

/// Most batches that a part of a family keeps: each of them wins an entry of its own.
pub const PART_BATCHES_MAX: usize = 4096;

/// A value that is made of signed batches and compared over a tree of digests, whose nodes [`tree`] numbers.
///
/// What lies along paths below `from` is left out: a table by time may be held from a day on. Elsewhere `from` is 0.
pub trait Replica: Any + Send + Sync {
    /// Digest of the whole, which is the root's: equal if and only if the values are; [`EMPTY_PART_DIGEST`] where nobody
    /// wrote.
    fn digest(&self) -> Digest;
    /// Parts are numbered from 0 to below this, and lie at [`tree::part`]; 0 where it is not made of parts.
    fn part_count(&self) -> u32;
    /// Digest of a node; [`EMPTY_PART_DIGEST`] where there is nothing, also for a number that no node has.
    fn node_digest(&self, node: u32, from: u64) -> Digest;
    /// Nodes that together hold all that is below one, in ascending order of numbers. Of them the most populous are
    /// opened while they are at most `most`, which is at least [`tree::CHILDREN_MAX`].
    fn below(&self, node: u32, from: u64, most: usize) -> Vec<Below>;
    /// The batches without which a node would not be what it is, in no particular order but the same one for the same
    /// history.
    fn node_batches(&self, node: u32, from: u64) -> Vec<SignedBatch>;
    /// From when on it is held here.
    fn floor(&self) -> Floor {
        Floor::default()
    }
    /// Whether a batch with this payload says something of before that: it is not kept, and is no fault.
    fn is_old(&self, _payload: &[u8]) -> bool {
        false
    }
    /// The first path of what is held from a floor on; 0 where what is old does not lie together.
    fn path_of(&self, _floor: Floor) -> u64 {
        0
    }
    /// All batches that are kept, part by part.
    fn batches(&self) -> Box<dyn Iterator<Item = &SignedBatch> + '_>;
    /// How many batches are kept.
    fn batch_count(&self) -> usize;
    /// The part that a payload writes in and its cost, without reading its entries; `None` when it breaks off. Where
    /// a payload writes in several parts, the number stands for what [`Replica::fold`] puts together.
    fn outline(&self, payload: &[u8]) -> Option<(u32, usize)>;
    /// Reads what a batch with this header says.
    ///
    /// # Errors
    /// [`ContentError`] says what its author wrote wrongly; such a batch can be forgotten.
    fn check(&self, header: &Header, payload: &[u8]) -> Result<Content, ContentError>;
    /// Whether what a record took stays while something that stands needs it, so that such batches are handed to it too.
    fn keeps_what_is_needed(&self) -> bool {
        false
    }
    /// Whether it keeps no more than so many batches, however many peers write, since it has so many entries and no more.
    fn is_bounded(&self) -> bool {
        false
    }
    /// Whether a batch may be wanted of which nothing shows any more: the past of some is shown as a film.
    fn shows_past(&self) -> bool {
        true
    }
    /// Lets a batch compete with what is there. `content` is what [`Replica::check`] gave for it.
    fn apply(&mut self, batch: SignedBatch, content: Content) -> Applied<Option<Changes>>;
    /// From now on only batches of which `stands` holds compete, and what `retracted` covers is hidden. `beaten` are
    /// batches that are not kept: they compete again where others do not any more.
    fn enforce(
        &mut self,
        stands: &dyn Fn(&SignedBatch) -> bool,
        retracted: &[Retraction],
        beaten: &mut dyn Iterator<Item = &SignedBatch>,
    ) -> Enforced<Option<Changes>>;
    /// All that `peer` still says in a part, or under such a number, where more than one batch carries it: a batch of
    /// this by the same peer replaces all those batches. The content is what reading the payload gives.
    fn fold(&self, part: u32, peer: PeerId) -> Option<(Fold, Content)>;
    /// Whether an author's next session folds what its former ones left, by [`Replica::fold_former`].
    fn folds_former(&self) -> bool {
        false
    }
    /// The same at an author's next session, which asks until there is nothing left: what it gives may gain less than
    /// what [`Replica::fold`] gives, and has to gain something.
    fn fold_former(&self, _part: u32, _peer: PeerId) -> Option<(Fold, Content)> {
        None
    }
    /// What these batches, all of one peer, say, and which of it still shows.
    fn said_in(&self, batches: &mut dyn Iterator<Item = &SignedBatch>) -> Content;
    /// What says again what [`Replica::said_in`] gave, but for what stands as it was: another batch of its author carries
    /// that, too. What only moderators may say is apart.
    fn say_again(&self, said: &Content, how: Again) -> Vec<Fold>;
}

/// How an author says again what a record took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// All of it as it was written, beaten or not, since what beat it may fall: so it keeps its order.
    AsItWas,
    /// What showed, written [whenever](WHENEVER) it is said: the first entries of it that cost so much together.
    AsNew(usize),
}

/// Whether what a batch says is said for its author by the batch of this key, which holds the same entry: what a fold
/// repeats shows by the fold alone, as far as one endpoint knows.
pub(crate) fn shows_by(batch: &SignedBatch, holder: &BatchKey) -> bool {
    let author = batch.key().author;
    *holder == batch.key() || holder.author.peer == author.peer && holder.author != author
}

impl fmt::Debug for dyn Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Replica").field(&self.digest()).finish()
    }
}

impl dyn Replica {
    /// The replica as what it is; `None` when it is something else.
    pub fn as_any<R: Replica>(&self) -> Option<&R> {
        let any: &dyn Any = self;
        any.downcast_ref()
    }
}

/// The number under which a part with a name is counted and folded, which few names share: blake3's first four bytes.
pub fn part_named(name: &[u8]) -> u32 {
    blake3::hash(name).as_bytes().first_chunk().map_or(0, |first| u32::from_le_bytes(*first))
}

/// What somebody says in one part, in fewer batches than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fold {
    /// What the batch carries.
    pub payload: Vec<u8>,
    /// What it would cost if it were new.
    pub cost: usize,
    /// The least stamp of its entries, where the batch's window begins; [`WHENEVER`] where they have that of the batch.
    pub least: Stamp,
}

/// Why a batch says nothing that its replica can take in, in words. Nothing was kept of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ContentError(pub String);
