//! Automerge.

use anyhow::{Context, Result};
use automerge::transaction::Transactable as _;
use automerge::{ActorId, AutoCommit, Change, ObjId, ObjType, ROOT, ReadDoc as _, Value};

use super::trace::Patch;
use crate::contestant::Contestant;

/// Automerge.
pub struct Automerge {
    /// The document with an empty text, which everybody begins with.
    empty: Vec<u8>,
}

/// A document with one text.
pub struct Open {
    document: AutoCommit,
    text: ObjId,
}

impl Automerge {
    /// Whose document has an empty text.
    ///
    /// # Errors
    /// The library's.
    pub fn new() -> Result<Automerge> {
        let mut document = AutoCommit::new().with_actor(ActorId::from([0; 16]));
        document.put_object(ROOT, "text", ObjType::Text)?;
        Ok(Automerge { empty: document.save() })
    }
}

fn opened(kept: &[u8], agent: u8) -> Result<Open> {
    let document = AutoCommit::load(kept)?.with_actor(ActorId::from([agent; 16]));
    match document.get(ROOT, "text")? {
        Some((Value::Object(ObjType::Text), text)) => Ok(Open { document, text }),
        other => anyhow::bail!("the document has no text but {other:?}"),
    }
}

impl Contestant for Automerge {
    type Replica = Open;

    fn begin(&self, author: usize) -> Result<Open> {
        opened(&self.empty, author as u8 + 1)
    }

    fn edit(&self, replica: &mut Open, patches: &[Patch]) -> Result<Vec<Vec<u8>>> {
        for patch in patches {
            replica.document.splice_text(&replica.text, patch.at, patch.deleted as isize, &patch.inserted)?;
        }
        replica.document.commit();
        let change = replica.document.get_last_local_change().context("it was written just now")?;
        Ok(vec![change.raw_bytes().to_vec()])
    }

    fn apply(&self, replica: &mut Open, update: &[u8]) -> Result<()> {
        Ok(replica.document.apply_changes([Change::from_bytes(update.to_vec())?])?)
    }

    fn text(&self, replica: &Open) -> String {
        replica.document.text(&replica.text).unwrap_or_default()
    }

    fn keep(&self, replica: &mut Open) -> Result<Vec<Vec<u8>>> {
        Ok(vec![replica.document.save()])
    }

    fn open(&self, kept: &[Vec<u8>]) -> Result<Open> {
        opened(kept.first().context("something is kept")?, 100)
    }
}
