//! yrs, with what was deleted kept (`skip_gc`), as ours has it.

use anyhow::{Context, Result};
use yrs::block::ClientID;
use yrs::updates::decoder::Decode as _;
use yrs::{
    Doc, GetString as _, OffsetKind, Options, ReadTxn as _, StateVector, Text as _, TextRef, Transact as _,
    TransactionMut, Update,
};

use super::trace::Patch;
use crate::contestant::Contestant;

/// yrs.
pub struct Yrs;

/// The agents' numbers begin with this one: they are as long as those that Yjs draws, of 32 bits.
const CLIENTS: u64 = 0x9000_0000;

/// A document with one text.
pub struct Open {
    document: Doc,
    text: TextRef,
}

impl Open {
    /// An empty one of the client with this number.
    pub fn new(client: u64) -> Open {
        let options = Options {
            client_id: ClientID::new(client),
            skip_gc: true,
            offset_kind: OffsetKind::Utf16,
            ..Options::default()
        };
        let document = Doc::with_options(options);
        let text = document.get_or_insert_text("text");
        Open { document, text }
    }

    /// Makes a transaction. Returns its update.
    pub fn edit(&self, patches: &[Patch]) -> Vec<u8> {
        let mut writing = self.document.transact_mut();
        patches.iter().for_each(|patch| put(&self.text, &mut writing, patch));
        writing.encode_update_v1()
    }

    /// Takes an update in.
    ///
    /// # Errors
    /// It is none.
    pub fn apply(&self, update: &[u8]) -> Result<()> {
        let update = Update::decode_v1(update).context("yrs reads updates")?;
        self.document.transact_mut().apply_update(update).context("yrs takes updates in")
    }

    /// How the text reads.
    pub fn text(&self) -> String {
        self.text.get_string(&self.document.transact())
    }
}

/// The traces have no character of two units.
fn put(text: &TextRef, writing: &mut TransactionMut<'_>, patch: &Patch) {
    if patch.deleted > 0 {
        text.remove_range(writing, patch.at as u32, patch.deleted as u32);
    }
    if !patch.inserted.is_empty() {
        text.insert(writing, patch.at as u32, &patch.inserted);
    }
}

impl Contestant for Yrs {
    type Replica = Open;

    fn begin(&self, author: usize) -> Result<Open> {
        Ok(Open::new(CLIENTS + author as u64))
    }

    fn edit(&self, replica: &mut Open, patches: &[Patch]) -> Result<Vec<Vec<u8>>> {
        Ok(vec![replica.edit(patches)])
    }

    fn apply(&self, replica: &mut Open, update: &[u8]) -> Result<()> {
        replica.apply(update)
    }

    fn text(&self, replica: &Open) -> String {
        replica.text()
    }

    fn keep(&self, replica: &mut Open) -> Result<Vec<Vec<u8>>> {
        Ok(vec![replica.document.transact().encode_state_as_update_v1(&StateVector::default())])
    }

    fn open(&self, kept: &[Vec<u8>]) -> Result<Open> {
        let open = Open::new(100);
        kept.iter().try_for_each(|update| open.apply(update))?;
        Ok(open)
    }
}
