//! Automerge: its counter, and the entries of a map.

use anyhow::{Context, Result, bail};
use automerge::transaction::Transactable as _;
use automerge::{ActorId, AutoCommit, Change, ObjId, ObjType, ROOT, ReadDoc as _, ScalarValue, Value};

use super::{Act, text};
use crate::contestant::Contestant;

/// Automerge.
pub struct Automerge {
    /// The document with a counter at nothing and an empty map, which everybody begins with.
    empty: Vec<u8>,
}

/// A document with a counter and a map.
pub struct Open {
    document: AutoCommit,
    names: ObjId,
}

impl Automerge {
    /// Whose document has a counter and a map.
    ///
    /// # Errors
    /// The library's.
    pub fn new() -> Result<Automerge> {
        let mut document = AutoCommit::new().with_actor(ActorId::from([0; 16]));
        document.put(ROOT, "likes", ScalarValue::counter(0))?;
        document.put_object(ROOT, "names", ObjType::Map)?;
        Ok(Automerge { empty: document.save() })
    }
}

fn opened(kept: &[u8], author: u8) -> Result<Open> {
    let document = AutoCommit::load(kept)?.with_actor(ActorId::from([author; 16]));
    match document.get(ROOT, "names")? {
        Some((Value::Object(ObjType::Map), names)) => Ok(Open { document, names }),
        other => bail!("the document has no map but {other:?}"),
    }
}

impl Contestant for Automerge {
    type Replica = Open;
    type Edit = Act;

    fn begin(&self, author: usize) -> Result<Open> {
        opened(&self.empty, author as u8 + 1)
    }

    fn edit(&self, Open { document, names }: &mut Open, act: &Act) -> Result<Vec<Vec<u8>>> {
        match act {
            Act::Count => document.increment(ROOT, "likes", 1)?,
            Act::Name(name, value) => document.put(&*names, name.as_str(), value.as_str())?,
        }
        document.commit();
        let change = document.get_last_local_change().context("it was written just now")?;
        Ok(vec![change.raw_bytes().to_vec()])
    }

    fn apply(&self, replica: &mut Open, update: &[u8]) -> Result<()> {
        Ok(replica.document.apply_changes([Change::from_bytes(update.to_vec())?])?)
    }

    fn text(&self, Open { document, names }: &Open) -> String {
        let likes = document.get(ROOT, "likes").ok().flatten().and_then(|(value, _)| value.as_i64());
        let named = document.keys(names).filter_map(|name| {
            let (value, _) = document.get(names, name.as_str()).ok()??;
            Some((name, value.as_str()?.to_owned()))
        });
        text(likes.unwrap_or(i64::MIN), named)
    }

    fn keep(&self, replica: &mut Open) -> Result<Vec<Vec<u8>>> {
        Ok(vec![replica.document.save()])
    }

    fn open(&self, kept: &[Vec<u8>]) -> Result<Open> {
        opened(kept.first().context("something is kept")?, 100)
    }
}
