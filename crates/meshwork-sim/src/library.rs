//! Documents as programs have them open: in yrs, the library that reads the updates of Yjs.

use meshwork_sync::document::update::EMPTY;
use yrs::updates::decoder::Decode as _;
use yrs::{
    ClientID, Doc, GetString as _, OffsetKind, Options, ReadTxn as _, Text as _, TextRef, Transact as _,
    TransactionMut, Update,
};

/// The text of a document, under the name that programs agree on.
const ROOT: &str = "text";

/// An open document, of which this is its text.
#[derive(Debug)]
pub struct Library {
    document: Doc,
    text: TextRef,
}

impl Library {
    /// What an update makes; what is written in it has the number of this client.
    ///
    /// # Errors
    /// In words, why the library does not take it.
    pub fn open(client: u64, whole: Option<&[u8]>) -> Result<Library, String> {
        let options = Options {
            // What was deleted is kept as places, or what others wrote beside it would be lost.
            skip_gc: true,
            offset_kind: OffsetKind::Utf16,
            // Where nothing is said the library draws names from the system's randomness.
            ..Options::with_guid_and_client_id("".into(), ClientID::new(client))
        };
        let document = Doc::with_options(options);
        let text = document.get_or_insert_text(ROOT);
        let library = Library { document, text };
        library.apply(whole.unwrap_or(EMPTY))?;
        Ok(library)
    }

    /// Takes in what somebody else said.
    ///
    /// # Errors
    /// In words, why the library does not take it.
    pub fn apply(&self, update: &[u8]) -> Result<(), String> {
        let update = Update::decode_v1(update).map_err(|error| error.to_string())?;
        self.document.transact_mut().apply_update(update).map_err(|error| error.to_string())
    }

    /// Whether an item waits for what is not there. A deletion may: it needs nothing else.
    pub fn is_waiting(&self) -> bool {
        self.document.transact().store().pending_update().is_some()
    }

    /// What stands.
    pub fn text(&self) -> String {
        self.text.get_string(&self.document.transact())
    }

    /// Behind the last item of a client that has all that comes before it.
    pub fn end_of(&self, client: u64) -> u64 {
        self.document.transact().state_vector().get(&ClientID::new(client)).into()
    }

    /// Inserts letters behind so many of a thousand that stand. Returns the update that says it.
    pub fn insert(&self, per_mille: u16, letters: &str) -> Vec<u8> {
        self.edit(per_mille, |writing, at, _| self.text.insert(writing, at, letters))
    }

    /// Deletes so many letters behind so many of a thousand that stand. Returns the update that says it; `None` where there
    /// are none.
    pub fn delete(&self, per_mille: u16, most: u32) -> Option<Vec<u8>> {
        if self.text.len(&self.document.transact()) == 0 {
            return None;
        }
        Some(self.edit(per_mille, |writing, at, length| {
            let at = at.min(length - 1);
            self.text.remove_range(writing, at, most.min(length - at));
        }))
    }

    fn edit(&self, per_mille: u16, edit: impl FnOnce(&mut TransactionMut<'_>, u32, u32)) -> Vec<u8> {
        let mut writing = self.document.transact_mut();
        let length = self.text.len(&writing);
        edit(&mut writing, length * u32::from(per_mille.min(1000)) / 1000, length);
        writing.encode_update_v1()
    }
}
