//! Texts that are edited elsewhere and merged: in a file, in an editor.

use meshwork_sync::plain::unified;
use yrs::{ReadTxn as _, StateVector, Transact as _};

use crate::error::WriteError;
use crate::receipt::Receipt;
use crate::sync::document::{Document, fresh_instance, random};
use crate::sync::text::{Library, OWN, line_edits, set};

/// Insertions that are left out of a merge, at most: each costs another attempt.
const LEFT_OUT_MAX: usize = 16;
/// A number of Yjs has so many bits.
const CLIENT_BITS: u32 = 53;

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
    /// others wrote since. The draft reads `new` afterwards, so that it can be edited on. Line ends are the same however they
    /// are written, and a mark of byte order is no letter.
    ///
    /// # Errors
    /// [`WriteError`]; document and draft are as they were. [`WriteError::Invalid`] too where the draft has what the document
    /// has not, as after a ban.
    pub async fn merge(&self, draft: &mut Draft, new: &str) -> Result<Option<Receipt>, WriteError> {
        if unified(&draft.text) == unified(new) {
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

impl Document {
    /// As [`merge`](Document::merge), without the longest insertions where the whole is too long, or exceeds this peer's share. The
    /// draft reads what was merged. Returns why something was left out; `None` where nothing was.
    ///
    /// # Errors
    /// [`WriteError`]; document and draft are as they were.
    pub async fn merge_what_fits(
        &self,
        draft: &mut Draft,
        new: &str,
    ) -> Result<Option<WriteError>, WriteError> {
        let why = match self.merge(draft, new).await {
            Err(error) if is_too_long(&error) => error,
            merged => return merged.map(|_| None),
        };
        let (old, new) = (draft.text.clone(), unified(new));
        let mut edits = line_edits(&old, &new);
        for _ in 0..LEFT_OUT_MAX {
            let longest = edits.iter().enumerate().max_by_key(|(_, (_, words))| words.len());
            let Some((longest, _)) = longest.filter(|(_, (_, words))| !words.is_empty()) else { break };
            let (range, words) = edits.remove(longest);
            if let Some(rest) = without_long_line(&words) {
                edits.insert(longest, (range, rest.into()));
            }
            let mut less = old.clone();
            edits.iter().rev().for_each(|(range, words)| less.replace_range(range.clone(), words));
            match self.merge(draft, &less).await {
                Ok(_) => return Ok(Some(why)),
                Err(error) if is_too_long(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Err(why)
    }

    /// What the document would read if `new` were [merged](Document::merge). Nothing is said.
    ///
    /// # Errors
    /// [`WriteError`] where the room was left, or what stands cannot be shown.
    pub async fn merged_text(&self, draft: &Draft, new: &str) -> Result<String, WriteError> {
        let mut guard = self.in_hand.open.lock().await;
        let opened = self.opened(guard.take()).await?;
        let whole = drafted(&guard.insert(opened).library).whole;
        // Under a number of nobody's, since nothing of it is said.
        let client = u64::from_le_bytes(random()?) >> (u64::BITS - CLIENT_BITS);
        let edited = Library::open(client, &draft.whole)?;
        let update = {
            let mut writing = edited.document.transact_mut_with(OWN);
            set(&edited.root, &mut writing, new);
            writing.encode_update_v1()
        };
        let mut library = Library::open(client, &whole)?;
        library.apply(&update)?;
        Ok(library.text())
    }
}

/// What is left of words without a line that is more than half of them; `None` where that is nothing, or no line is.
fn without_long_line(words: &str) -> Option<String> {
    let mut lines: Vec<&str> = words.split_inclusive('\n').collect();
    let long = lines.iter().position(|line| 2 * line.len() > words.len())?;
    lines.remove(long);
    (!lines.is_empty()).then(|| lines.concat())
}

/// Whether less of it may be taken.
fn is_too_long(error: &WriteError) -> bool {
    matches!(error, WriteError::TooLarge { .. } | WriteError::Full { .. } | WriteError::ShareExceeded { .. })
}

fn drafted(library: &Library) -> Draft {
    let whole = library.document.transact().encode_state_as_update_v1(&StateVector::default());
    Draft { whole, text: library.text() }
}
