//! Texts that are edited elsewhere and merged: in a file, in an editor.

use yrs::{ReadTxn as _, StateVector, Transact as _};

use crate::document::{Document, fresh_instance};
use crate::error::WriteError;
use crate::receipt::Receipt;
use crate::text::{Library, OWN, set};

/// The text of a document as it was at one moment. Whoever edits it elsewhere, in a file for example, can
/// [merge](Document::merge) what came of it, and what others wrote in the document meanwhile stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    whole: Vec<u8>,
    text: String,
}

impl Draft {
    /// Reads a draft that was [written](Draft::as_bytes), or any update of Yjs that makes a document.
    ///
    /// # Errors
    /// [`WriteError::Invalid`] for bytes that are none.
    pub fn from_bytes(whole: Vec<u8>) -> Result<Draft, WriteError> {
        meshwork_sync::document::update::read_long(&whole)
            .map_err(|error| WriteError::Invalid(error.to_string()))?;
        let text = Library::open(0, &whole)?.text();
        Ok(Draft { whole, text })
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// An update of Yjs that makes a document read so, and by which [`from_bytes`](Draft::from_bytes) has the draft again.
    pub fn as_bytes(&self) -> &[u8] {
        &self.whole
    }
}

impl Document {
    /// The text as it is now, to be edited elsewhere.
    ///
    /// # Errors
    /// [`WriteError`] where the room was left, or what stands cannot be shown.
    pub async fn draft(&self) -> Result<Draft, WriteError> {
        let mut open = self.in_hand.open.lock().await;
        let opened = self.opened(open.take()).await?;
        Ok(drafted(&open.insert(opened).library))
    }

    /// Does to the document what turned a draft into `new`: few insertions and deletions, where they were done, whatever
    /// others wrote since. The draft reads `new` afterwards, so that it can be edited on.
    ///
    /// # Errors
    /// [`WriteError`]; document and draft are as they were. [`WriteError::Invalid`] too where the draft has what the document
    /// has not, as after a ban.
    pub async fn merge(&self, draft: &mut Draft, new: &str) -> Result<Option<Receipt>, WriteError> {
        if draft.text == new {
            return Ok(None);
        }
        let mut guard = self.in_hand.open.lock().await;
        // While it is written, nothing is open: what ends early is opened anew.
        let mut open = self.opened(guard.take()).await?;
        let own = open.library.document.client_id();
        let mut library = Library::open(own.get(), &draft.whole)?;
        let then = library.document.transact().state_vector();
        if then.iter().any(|(client, clock)| open.library.end(*client) < *clock) {
            *guard = Some(open);
            let words = "the draft has what the document has no more: begin with the text as it is now";
            return Err(WriteError::Invalid(words.into()));
        }
        if then.get(&own) != open.library.end(own) {
            // Nothing may be said twice under one number, and what this program said since the draft has the next ones.
            let client = self.in_hand.pen().draw(fresh_instance()?);
            library = Library::open(client, &draft.whole)?;
        }
        let update = {
            let mut writing = library.document.transact_mut_with(OWN);
            set(&library.root, &mut writing, new);
            writing.encode_update_v1()
        };
        let receipt = self.write(&update).await?;
        open.library.apply(&update)?;
        *draft = drafted(&library);
        *guard = Some(open);
        Ok(receipt)
    }
}

fn drafted(library: &Library) -> Draft {
    let whole = library.document.transact().encode_state_as_update_v1(&StateVector::default());
    Draft { whole, text: library.text() }
}
