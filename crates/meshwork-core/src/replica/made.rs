//! Whatever is made of parts is a replica.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::any::Any;

use super::family::{Entries, Family, WriteOf};
use super::{
    Again, Applied, Below, Changes, Content, ContentError, Digest, Enforced, Fold, Parts, Replica,
    Retraction, shows_by, tree,
};
use crate::clock::Stamp;
use crate::id::PeerId;
use crate::signed::batch::{Header, SignedBatch};

/// Stands for the stamp that a batch will have: a payload whose entries have one stamp does not depend on it.
pub const WHENEVER: Stamp = Stamp(1);

/// A value of one's own name that is made of the parts of a family.
pub trait MadeOfParts: Any + Send + Sync {
    /// What its parts are.
    type Family: Family;
    /// Its parts.
    fn made_of(&self) -> &Parts<Self::Family>;
    /// Its parts, to be changed.
    fn made_of_mut(&mut self) -> &mut Parts<Self::Family>;
}

/// An entry that was written.
struct Said<F: Family> {
    part: u32,
    author: PeerId,
    write: WriteOf<F>,
    showed: bool,
}

impl<R: MadeOfParts> Replica for R {
    fn digest(&self) -> Digest {
        self.made_of().digest()
    }

    fn part_count(&self) -> u32 {
        self.made_of().family().part_count()
    }

    fn node_digest(&self, node: u32, _: u64) -> Digest {
        self.made_of().node_digest(node)
    }

    fn below(&self, node: u32, _: u64, most: usize) -> Vec<Below> {
        self.made_of().below(node, most)
    }

    fn node_batches(&self, node: u32, _: u64) -> Vec<SignedBatch> {
        let parts = self.made_of();
        tree::parts(node).flat_map(|part| parts.batches_of(part)).cloned().collect()
    }

    fn batches(&self) -> Box<dyn Iterator<Item = &SignedBatch> + '_> {
        Box::new(self.made_of().batches())
    }

    fn batch_count(&self) -> usize {
        self.made_of().batch_count()
    }

    fn is_bounded(&self) -> bool {
        true
    }

    fn outline(&self, payload: &[u8]) -> Option<(u32, usize)> {
        R::Family::outline(payload)
    }

    fn check(&self, header: &Header, payload: &[u8]) -> Result<Content, ContentError> {
        let (part, writes) = self.made_of().family().read(header, payload)?;
        let cost = R::Family::cost(&writes);
        Ok(Content::new((part, writes), cost))
    }

    fn apply(&mut self, batch: SignedBatch, content: Content) -> Applied<Option<Changes>> {
        let Some((part, writes)) = content.read::<(u32, Vec<WriteOf<R::Family>>)>() else {
            debug_assert!(false, "{content:?} was read by another replica");
            return Applied::default();
        };
        let Applied { changed, kept, dropped } = self.made_of_mut().apply(batch, *part, writes);
        Applied { changed: Changes::new(changed), kept, dropped }
    }

    fn enforce(
        &mut self,
        stands: &dyn Fn(&SignedBatch) -> bool,
        retracted: &[Retraction],
        beaten: &mut dyn Iterator<Item = &SignedBatch>,
    ) -> Enforced<Option<Changes>> {
        let enforced = self.made_of_mut().enforce(stands, retracted.to_vec(), beaten);
        let Enforced { changed, removed, restored } = enforced;
        Enforced { changed: Changes::new(changed), removed, restored }
    }

    fn fold(&self, part: u32, peer: PeerId) -> Option<(Fold, Content)> {
        let parts = self.made_of();
        let writes = parts.fold(part, peer)?;
        let fold = parts.family().fold(part, writes.clone())?;
        let cost = fold.cost;
        Some((fold, Content::new((part, writes), cost)))
    }

    fn said_in(&self, batches: &mut dyn Iterator<Item = &SignedBatch>) -> Content {
        let parts = self.made_of();
        let mut said: Vec<Said<R::Family>> = Vec::new();
        for batch in batches {
            let Ok((number, writes)) = parts.family().read(&batch.header(), batch.payload()) else {
                continue;
            };
            let Some(place) = parts.family().place(number) else { continue };
            let is_hidden = |write: &WriteOf<R::Family>| {
                parts.retracted().iter().any(|one| R::Family::covers(one, place, write, batch.peer()))
            };
            let shows = |write: &WriteOf<R::Family>| {
                let holder = parts.part(number).and_then(|part| part.holder(write));
                !is_hidden(write) && holder.is_some_and(|holder| shows_by(batch, &holder.key()))
            };
            said.extend(writes.into_iter().map(|write| {
                let showed = shows(&write);
                Said { part: number, author: batch.peer(), write, showed }
            }));
        }
        let cost = said.len();
        Content::new(said, cost)
    }

    fn say_again(&self, said: &Content, how: Again) -> Vec<Fold> {
        let said = said.read::<Vec<Said<R::Family>>>().map(Vec::as_slice).unwrap_or_default();
        let stands = |said: &&Said<R::Family>| {
            let holder = self.made_of().part(said.part).and_then(|part| part.holder(&said.write));
            holder.is_some_and(|holder| holder.peer() == said.author)
        };
        let mut by_part: BTreeMap<u32, Vec<WriteOf<R::Family>>> = BTreeMap::new();
        let due = said.iter().filter(|one| !stands(one));
        match how {
            Again::AsItWas => {
                due.for_each(|one| by_part.entry(one.part).or_default().push(one.write.clone()));
                // Of one's own the latest counts.
                let stamp = |write: &_| <R::Family as Family>::Entries::stamp(write);
                by_part.values_mut().for_each(|writes| writes.sort_by_key(stamp));
            }
            Again::AsNew(most) => {
                for Said { part, write, .. } in due.filter(|one| one.showed).take(most) {
                    let write = <R::Family as Family>::Entries::restamped(write, WHENEVER);
                    by_part.entry(*part).or_default().push(write);
                }
            }
        }
        let family = self.made_of().family();
        by_part.into_iter().filter_map(|(part, writes)| family.fold(part, writes)).collect()
    }
}
