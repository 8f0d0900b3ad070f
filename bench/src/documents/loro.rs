//! Loro.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use loro::{ExportMode, LoroDoc, LoroText, Subscription};

use super::trace::Patch;
use crate::contestant::Contestant;

/// Loro.
pub struct Loro;

/// A document with one text.
pub struct Open {
    document: LoroDoc,
    text: LoroText,
    /// What was written here and not sent yet.
    sent: Arc<Mutex<Vec<Vec<u8>>>>,
    _subscription: Subscription,
}

impl Open {
    fn new(agent: u64) -> Result<Open> {
        let document = LoroDoc::new();
        document.set_peer_id(agent)?;
        let sent = Arc::new(Mutex::new(Vec::new()));
        let hears = sent.clone();
        let subscription = document.subscribe_local_update(Box::new(move |update| {
            hears.lock().unwrap_or_else(PoisonError::into_inner).push(update.clone());
            true
        }));
        let text = document.get_text("text");
        Ok(Open { document, text, sent, _subscription: subscription })
    }
}

impl Contestant for Loro {
    type Replica = Open;

    fn begin(&self, author: usize) -> Result<Open> {
        Open::new(author as u64 + 1)
    }

    fn edit(&self, replica: &mut Open, patches: &[Patch]) -> Result<Vec<Vec<u8>>> {
        for patch in patches {
            if patch.deleted > 0 {
                replica.text.delete(patch.at, patch.deleted)?;
            }
            if !patch.inserted.is_empty() {
                replica.text.insert(patch.at, &patch.inserted)?;
            }
        }
        replica.document.commit();
        Ok(std::mem::take(&mut *replica.sent.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    fn apply(&self, replica: &mut Open, update: &[u8]) -> Result<()> {
        replica.document.import(update)?;
        Ok(())
    }

    fn text(&self, replica: &Open) -> String {
        replica.text.to_string()
    }

    fn keep(&self, replica: &mut Open) -> Result<Vec<Vec<u8>>> {
        Ok(vec![replica.document.export(ExportMode::Snapshot)?])
    }

    fn open(&self, kept: &[Vec<u8>]) -> Result<Open> {
        let open = Open::new(100)?;
        kept.iter().try_for_each(|kept| open.document.import(kept).map(drop))?;
        Ok(open)
    }
}
