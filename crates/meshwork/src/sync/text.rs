//! A document as text, read and written with yrs.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use meshwork_core::id::PeerId;
use meshwork_core::signed::header::Family;
use meshwork_sync::document::Documents;
use meshwork_sync::document::update::Id;
use meshwork_sync::plain::unified;
use similar::{Algorithm, DiffOp, capture_diff_slices};
use yrs::undo::UndoManager;
use yrs::updates::decoder::Decode as _;
use yrs::{
    Assoc, ClientID, Doc, GetString as _, IndexedSequence as _, OffsetKind, Options, ReadTxn as _, Text as _,
    TextRef, Transact as _, TransactionMut, Update,
};

use crate::error::{Closed, RuleError, WriteError};
use crate::inbox::Inbox;
use crate::receipt::Receipt;
use crate::shared::Changed;
use crate::sync::document::{Document, DocumentChange, changes_of, fresh_instance};
use crate::sync::places::{Places, utf16};

/// The type in which a document that is one text has it.
const ROOT: &str = "text";
/// By what one's own edits are told from others'.
pub(crate) const OWN: &str = "own";
/// Letters on both sides up to which a change is looked for letter by letter; where more differ, word by word.
const LETTERS_MAX: usize = 4096;

/// A document that is open here.
pub(crate) struct Open {
    pub(crate) library: Library,
    undo: UndoManager<()>,
    inbox: Inbox<Changed>,
}

/// A document as a library has it.
pub(crate) struct Library {
    pub(crate) document: Doc,
    /// Its text.
    pub(crate) root: TextRef,
    places: Places,
}

/// Whether the places in a text are known after a change as they were before.
#[derive(PartialEq, Eq)]
enum Placed {
    Counted,
    Uncounted,
}

/// A text that is being edited. Places are counted in characters (`char`), from 0.
pub struct Text<'t, 'd> {
    text: TextRef,
    writing: &'t mut TransactionMut<'d>,
    places: &'t mut Places,
}

impl Text<'_, '_> {
    /// All of it.
    pub fn read(&self) -> String {
        self.text.get_string(self.writing)
    }

    /// Inserts words before the character at a place, or at the end where it is beyond that. Line ends are LF in documents: CR LF and
    /// CR are inserted as LF, and a mark of byte order in front is left out.
    pub fn insert(&mut self, at: usize, words: &str) {
        let (at, words) = (self.unit(at), unified(words));
        self.text.insert(self.writing, at, &words);
        self.places.insert(at, &words);
    }

    /// Adds words at the end, as [`insert`](Text::insert) does.
    pub fn push(&mut self, words: &str) {
        let (end, words) = (self.text.len(self.writing), unified(words));
        self.text.insert(self.writing, end, &words);
        self.places.insert(end, &words);
    }

    /// Deletes the characters in a range, as far as there are any.
    pub fn delete(&mut self, range: Range<usize>) {
        let (from, to) = (self.unit(range.start), self.unit(range.end));
        if from < to {
            self.text.remove_range(self.writing, from, to - from);
            self.places.delete(from, to);
        }
    }

    /// Makes it read so, with few insertions and deletions, so that what others write meanwhile stays. A line end is the same
    /// however it is written, and stays as it is; new ones are LF.
    pub fn set(&mut self, new: &str) {
        set(&self.text, self.writing, new);
        self.places.forget();
    }

    /// The unit of UTF-16 at which a character begins, or the text ends.
    fn unit(&mut self, at: usize) -> u32 {
        let unit = self.places.unit(at, || self.text.get_string(self.writing));
        unit.min(self.text.len(self.writing))
    }
}

/// Makes a text read so, whatever its line ends are written with.
pub(crate) fn set(text: &TextRef, writing: &mut TransactionMut<'_>, new: &str) {
    let old = text.get_string(writing);
    let new = unified(new);
    apply(text, writing, &old, line_edits(&old, &new));
}

/// Does to a text what turns `old`, which it reads, into `new`.
pub(crate) fn replace(text: &TextRef, writing: &mut TransactionMut<'_>, old: &str, new: &str) {
    apply(
        text,
        writing,
        old,
        edits(old, new).into_iter().map(|(range, words)| (range, words.into())).collect(),
    );
}

/// Replaces ranges of bytes of `old`, which a text reads, by words.
fn apply(
    text: &TextRef,
    writing: &mut TransactionMut<'_>,
    old: &str,
    edits: Vec<(Range<usize>, Cow<'_, str>)>,
) {
    // From the end, so that places before stay what they are.
    for (range, words) in edits.into_iter().rev() {
        let at = utf16(&old[..range.start]);
        let length = utf16(&old[range]);
        if length > 0 {
            text.remove_range(writing, at, length);
        }
        if !words.is_empty() {
            text.insert(writing, at, &words);
        }
    }
}

/// What turns one text into another whose line ends are all LF, as ranges of bytes of the old one and what takes their place: line ends
/// that both have stay as the old one has them, and so does a mark of byte order.
pub(crate) fn line_edits<'n>(old: &str, new: &'n str) -> Vec<(Range<usize>, Cow<'n, str>)> {
    let shown = unified(old);
    let found = edits(&shown, new).into_iter();
    if shown == old {
        return found.map(|(range, words)| (range, words.into())).collect();
    }
    // Where each byte of what is shown begins in the old text.
    let mut places = Vec::with_capacity(shown.len() + 1);
    let marks = old.len() - old.strip_prefix('\u{feff}').unwrap_or(old).len();
    let bytes = &old.as_bytes()[marks..];
    for (at, byte) in bytes.iter().enumerate() {
        if *byte != b'\n' || at == 0 || bytes[at - 1] != b'\r' {
            places.push(marks + at);
        }
    }
    places.push(old.len());
    let mut edits: Vec<(Range<usize>, Cow<'n, str>)> =
        found.map(|(range, words)| (places[range.start]..places[range.end], words.into())).collect();
    let mut now = old.to_owned();
    for number in (0..edits.len()).rev() {
        let least = number.checked_sub(1).map_or(0, |before| edits[before].0.end);
        let (range, words) = &mut edits[number];
        let is_lf =
            if words.is_empty() { now[range.end..].starts_with('\n') } else { words.starts_with('\n') };
        // CR and LF that came together would be one line end.
        if is_lf {
            let before = &old[least..range.start];
            let alone = before.len() - before.trim_end_matches('\r').len();
            range.start -= alone;
            *words = format!("{}{words}", "\n".repeat(alone)).into();
        }
        now.replace_range(range.clone(), words);
    }
    edits
}

/// What turns one text into another: ranges of bytes of the old one, and what takes their place.
pub(crate) fn edits<'n>(old: &str, new: &'n str) -> Vec<(Range<usize>, &'n str)> {
    let before = old.chars().zip(new.chars()).take_while(|(one, other)| one == other);
    let before: usize = before.map(|(letter, _)| letter.len_utf8()).sum();
    let (old_rest, new_rest) = (&old[before..], &new[before..]);
    let after = old_rest.chars().rev().zip(new_rest.chars().rev()).take_while(|(one, other)| one == other);
    let after: usize = after.map(|(letter, _)| letter.len_utf8()).sum();
    let (old_rest, new_rest) = (&old_rest[..old_rest.len() - after], &new_rest[..new_rest.len() - after]);
    let is_few = old_rest.len().max(new_rest.len()) <= LETTERS_MAX;
    let (old_parts, new_parts) = (parts(old_rest, is_few), parts(new_rest, is_few));
    let length = |parts: &[&str]| parts.iter().map(|part| part.len()).sum::<usize>();
    let mut edits = Vec::new();
    for operation in capture_diff_slices(Algorithm::Myers, &old_parts, &new_parts) {
        let (_, old_range, new_range) = operation.as_tag_tuple();
        if matches!(operation, DiffOp::Equal { .. }) {
            continue;
        }
        let from = before + length(&old_parts[..old_range.start]);
        let to = from + length(&old_parts[old_range]);
        let new_from = before + length(&new_parts[..new_range.start]);
        let new_to = new_from + length(&new_parts[new_range]);
        edits.push((from..to, &new[new_from..new_to]));
    }
    edits
}

/// A text in letters, or in words and what is between them.
fn parts(text: &str, letters: bool) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut last: Option<bool> = None;
    for (at, letter) in text.char_indices() {
        let is_word = letter.is_alphanumeric();
        if at > start && (letters || last != Some(is_word) || !is_word) {
            parts.push(&text[start..at]);
            start = at;
        }
        last = Some(is_word);
    }
    if start < text.len() {
        parts.push(&text[start..]);
    }
    parts
}

/// A text, and the item that each of its characters is.
pub(crate) struct Letters {
    pub(crate) text: String,
    pub(crate) items: Vec<Option<Id>>,
}

/// Does something with a library that trusts its input: where that stops at what nobody has tried, what it worked on is to be
/// opened anew.
pub(crate) fn caught<R>(work: impl FnOnce() -> Result<R, String>) -> Result<R, WriteError> {
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    done.unwrap_or_else(|_| Err("the library that applies updates stopped at one".into()))
        .map_err(WriteError::Invalid)
}

impl Library {
    /// Opens what an update makes, to be written under the number of a client.
    pub(crate) fn open(client: u64, whole: &[u8]) -> Result<Library, WriteError> {
        let options = Options {
            client_id: ClientID::new(client),
            // What was deleted is kept as places, or what others wrote beside it would be lost.
            skip_gc: true,
            offset_kind: OffsetKind::Utf16,
            ..Options::default()
        };
        let document = Doc::with_options(options);
        let root = document.get_or_insert_text(ROOT);
        let mut library = Library { document, root, places: Places::default() };
        library.apply(whole)?;
        Ok(library)
    }

    pub(crate) fn apply(&mut self, update: &[u8]) -> Result<(), WriteError> {
        let has_changed = caught(|| {
            let update = Update::decode_v1(update).map_err(|error| error.to_string())?;
            let mut writing = self.document.transact_mut_with("others");
            writing.apply_update(update).map_err(|error| error.to_string())?;
            Ok(writing.has_changes())
        })?;
        // What this program said itself is here already.
        if has_changed {
            self.places.hear(update);
        }
        Ok(())
    }

    pub(crate) fn text(&self) -> String {
        self.root.get_string(&self.document.transact())
    }

    /// The text, with the item that each of its characters is.
    pub(crate) fn letters(&self) -> Letters {
        let reading = self.document.transact();
        let text = self.root.get_string(&reading);
        let mut unit = 0;
        let item = |letter: char| {
            let at = self.root.sticky_index(&reading, unit, Assoc::After);
            unit += letter.len_utf16() as u32;
            at.and_then(|at| at.id().map(|id| Id { client: id.client.get(), clock: id.clock.into() }))
        };
        let items = text.chars().map(item).collect();
        Letters { text, items }
    }

    /// Where a client's items end, as they are shown.
    pub(crate) fn end(&self, client: ClientID) -> u32 {
        self.document.transact().state_vector().get(&client)
    }
}

impl Open {
    fn new(client: u64, whole: &[u8], inbox: Inbox<Changed>) -> Result<Open, WriteError> {
        let library = Library::open(client, whole)?;
        let options = yrs::undo::Options { capture_timeout_millis: 0, ..yrs::undo::Options::default() };
        let mut undo = UndoManager::with_options(options);
        undo.expand_scope(&library.document, &library.root);
        undo.include_origin(OWN);
        Ok(Open { library, undo, inbox })
    }

    /// Takes in what changed. Returns whether it has to be opened anew.
    fn catch_up(&mut self, name: &str) -> bool {
        while let Some((changed, missed)) = self.inbox.take() {
            if missed > 0 {
                return true;
            }
            for change in changes_of(&changed, name) {
                match change {
                    DocumentChange::Said { update, .. } if self.library.apply(&update).is_ok() => {}
                    _ => return true,
                }
            }
        }
        false
    }
}

impl Document {
    /// The text of the document, as it is in the type `text`.
    ///
    /// # Errors
    /// [`WriteError`] where the room was left, or what stands cannot be shown.
    pub async fn text(&self) -> Result<String, WriteError> {
        let mut open = self.in_hand.open.lock().await;
        let opened = self.opened(open.take()).await?;
        Ok(open.insert(opened).library.text())
    }

    /// Edits the text. All that `edit` does is one step, for others and for [`undo`](Document::undo). It may be done while
    /// nobody is linked, and travels later. Dropping the future leaves it done, or not.
    ///
    /// # Errors
    /// [`WriteError`]; the document is as it was.
    pub async fn edit(&self, edit: impl FnOnce(&mut Text<'_, '_>)) -> Result<Option<Receipt>, WriteError> {
        let edit = |writing: &mut TransactionMut<'_>, places: &mut Places| {
            let text = yrs::WriteTxn::get_or_insert_text(writing, ROOT);
            edit(&mut Text { text, writing, places });
            Ok(Placed::Counted)
        };
        self.change_placed(edit).await
    }

    /// Changes the document with yrs: texts, maps, lists and trees by any name. Otherwise as [`edit`](Document::edit).
    ///
    /// # Errors
    /// [`WriteError`]; the document is as it was.
    pub async fn change(
        &self,
        change: impl FnOnce(&mut TransactionMut<'_>),
    ) -> Result<Option<Receipt>, WriteError> {
        self.try_change(|writing| {
            change(writing);
            Ok(())
        })
        .await
    }

    /// The same with a change that may fail: the document is as it was then.
    pub(crate) async fn try_change(
        &self,
        change: impl FnOnce(&mut TransactionMut<'_>) -> Result<(), WriteError>,
    ) -> Result<Option<Receipt>, WriteError> {
        let change =
            |writing: &mut TransactionMut<'_>, _: &mut Places| change(writing).map(|()| Placed::Uncounted);
        self.change_placed(change).await
    }

    /// Changes the document by what says whether it kept count of the places in its text.
    async fn change_placed(
        &self,
        change: impl FnOnce(&mut TransactionMut<'_>, &mut Places) -> Result<Placed, WriteError>,
    ) -> Result<Option<Receipt>, WriteError> {
        let mut guard = self.in_hand.open.lock().await;
        // While it is written, nothing is open: what ends early is opened anew.
        let mut open = self.opened(guard.take()).await?;
        let Library { document, places, .. } = &mut open.library;
        let update = {
            let mut writing = document.transact_mut_with(OWN);
            let placed = change(&mut writing, places)?;
            let update = writing.encode_update_v1();
            if placed == Placed::Uncounted {
                places.hear(&update);
            }
            update
        };
        let receipt = self.write(&update).await?;
        *guard = Some(open);
        Ok(receipt)
    }

    /// Reads the document with yrs.
    ///
    /// # Errors
    /// [`WriteError`] where the room was left, or what stands cannot be shown.
    pub async fn look<R>(&self, look: impl FnOnce(&yrs::Transaction<'_>) -> R) -> Result<R, WriteError> {
        let mut open = self.in_hand.open.lock().await;
        let opened = self.opened(open.take()).await?;
        let opened = open.insert(opened);
        Ok(look(&opened.library.document.transact()))
    }

    /// Takes back the last step of this program that still shows in the text, and nobody else's. False where there is none:
    /// steps of former sessions, and from before the document was opened anew, are not taken back.
    ///
    /// # Errors
    /// [`WriteError`]; the document is as it was.
    pub async fn undo(&self) -> Result<bool, WriteError> {
        let mut guard = self.in_hand.open.lock().await;
        let mut open = self.opened(guard.take()).await?;
        let said = Arc::new(Mutex::new(Vec::new()));
        let hears = said.clone();
        let hear = move |writing: &mut TransactionMut<'_>| {
            hears.lock().unwrap_or_else(PoisonError::into_inner).push(writing.encode_update_v1());
        };
        let invalid = |error: yrs::TransactionAcqError| WriteError::Invalid(error.to_string());
        open.library.document.observe_after_transaction(OWN, hear).map_err(invalid)?;
        let is_undone = open.undo.undo_blocking();
        open.library.document.unobserve_after_transaction(OWN).map_err(invalid)?;
        let said = std::mem::take(&mut *said.lock().unwrap_or_else(PoisonError::into_inner));
        for update in said {
            open.library.places.hear(&update);
            self.write(&update).await?;
        }
        *guard = Some(open);
        Ok(is_undone)
    }

    /// Puts a text into the document that stands there once, whoever seeds it, offline too. Its line ends are LF there.
    ///
    /// # Errors
    /// [`WriteError`]; the document is as it was.
    pub async fn seed_text(&self, words: &str) -> Result<(), WriteError> {
        let document = Doc::with_options(Options { client_id: ClientID::new(0), ..Options::default() });
        let text = document.get_or_insert_text(ROOT);
        let mut writing = document.transact_mut();
        text.insert(&mut writing, 0, &unified(words));
        let update = writing.encode_update_v1();
        drop(writing);
        self.seed(&update).await
    }

    /// Who wrote what of the text: ranges of characters, one behind the other, with the peer that signed each.
    ///
    /// # Errors
    /// [`WriteError`] where the room was left, or what stands cannot be shown.
    pub async fn authors(&self) -> Result<Vec<(Range<usize>, PeerId)>, WriteError> {
        let authors = self.authors_of(self.letters().await?.items).await?;
        let mut ranges: Vec<(Range<usize>, PeerId)> = Vec::new();
        for (place, author) in authors.into_iter().enumerate() {
            let Some(author) = author else { continue };
            match ranges.last_mut() {
                Some((range, last)) if *last == author && range.end == place => range.end += 1,
                _ => ranges.push((place..place + 1, author)),
            }
        }
        Ok(ranges)
    }

    /// Erases characters of the text, whoever wrote them: nobody is shown them any more. The owner's to do, or a moderator's.
    /// False where there were none.
    ///
    /// # Errors
    /// [`RuleError`]; of a text in many pieces some may be erased. [`RuleError::Invalid`] where what stands cannot be shown.
    pub async fn erase(&self, range: Range<usize>) -> Result<bool, RuleError> {
        let letters = self.letters().await.map_err(|error| match error {
            WriteError::Closed(closed) => RuleError::Closed(closed),
            error => RuleError::Invalid(error.to_string()),
        })?;
        let units = |(letter, item): (char, Option<Id>)| {
            item.map(|id| (id.client, id.clock..id.clock + letter.len_utf16() as u64))
        };
        let letters = letters.text.chars().zip(letters.items).skip(range.start).take(range.len());
        self.erase_items(&letters.filter_map(units).collect()).await
    }

    /// The text as it is now, letter by letter.
    pub(crate) async fn letters(&self) -> Result<Letters, WriteError> {
        let mut open = self.in_hand.open.lock().await;
        let opened = self.opened(open.take()).await?;
        Ok(open.insert(opened).library.letters())
    }

    /// Who wrote each of these items.
    pub(crate) async fn authors_of(&self, items: Vec<Option<Id>>) -> Result<Vec<Option<PeerId>>, Closed> {
        let author = |documents: &Documents, name: &str, item: Option<Id>| documents.author(name, item?);
        self.read(move |documents, name| {
            items.into_iter().map(|item| author(documents, name, item)).collect()
        })
        .await
    }

    /// The document as it is now.
    pub(crate) async fn opened(&self, open: Option<Open>) -> Result<Open, WriteError> {
        if let Some(mut open) = open
            && !open.catch_up(&self.name)
        {
            return Ok(open);
        }
        // What is heard from here on and stands there already changes nothing twice.
        let inbox = self.app.watch_in(Family::Own);
        let (in_hand, fresh) = (self.in_hand.clone(), fresh_instance()?);
        let look = move |documents: &Documents, name: &str| {
            (in_hand.pen().open(documents, name, fresh), documents.whole(name))
        };
        let (client, whole) = self.read(look).await?;
        Open::new(client, &whole.unwrap_or_else(|| meshwork_sync::document::update::EMPTY.to_vec()), inbox)
    }

    /// Says an update; `None` where it is empty.
    pub(crate) async fn write(&self, update: &[u8]) -> Result<Option<Receipt>, WriteError> {
        if update == meshwork_sync::document::update::EMPTY {
            return Ok(None);
        }
        self.say(update).await.map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(old: &str, new: &str) -> String {
        let mut text = old.to_owned();
        for (range, words) in edits(old, new).into_iter().rev() {
            text.replace_range(range, words);
        }
        text
    }

    #[test]
    fn edits_make_the_new_text() {
        let long = "word after word, ".repeat(600);
        for (old, new) in [
            ("", "new"),
            ("old", ""),
            ("same", "same"),
            ("The ferry leaves", "The last ferry left"),
            ("äöü€🦉", "äö🦉🦉€"),
            (long.as_str(), &long.replace("after", "before")),
        ] {
            assert_eq!(applied(old, new), new);
        }
    }

    #[test]
    fn line_ends_are_edited_as_one() {
        let after = |old: &str, new: &str| {
            let mut text = old.to_owned();
            for (range, words) in line_edits(old, new).into_iter().rev() {
                text.replace_range(range, &words);
            }
            text
        };
        assert_eq!(after("# Title\r\n\r\nfirst\r\n", "# Title\n\nfirst\n"), "# Title\r\n\r\nfirst\r\n");
        assert_eq!(after("one\r\ntwo\r\n", "one!\ntwo\nthree\n"), "one!\r\ntwo\nthree\r\n");
        assert_eq!(after("one\r\ntwo", "onetwo"), "onetwo");
        assert_eq!(after("\u{feff}one\r\n", "new one\n"), "\u{feff}new one\r\n");
        // A line end of CR alone does not melt into the next one.
        for (old, new) in [
            ("a\rb\nc", "a\n\nc"),
            ("a\rc", "a\n\nc"),
            ("a\r\r\nc", "a\nb\nc"),
            ("a\r\rb", "a\n\n\nb"),
            ("\rX\ry", "\n\nz\ny"),
        ] {
            assert_eq!(unified(&after(old, new)), new, "{old:?}");
        }
    }

    #[test]
    fn keys_do_not_read_the_text() {
        let empty = meshwork_sync::document::update::EMPTY;
        let (mut one, mut other) = (Library::open(1, empty).unwrap(), Library::open(2, empty).unwrap());
        let edit = |library: &mut Library, edit: &dyn Fn(&mut Text<'_, '_>)| {
            let Library { document, root, places } = library;
            let mut writing = document.transact_mut_with(OWN);
            edit(&mut Text { text: root.clone(), writing: &mut writing, places });
            writing.encode_update_v1()
        };
        let said = edit(&mut one, &|text| {
            text.insert(0, "word after word");
            text.delete(0..5);
            text.insert(99, "!");
        });
        assert!(one.places.are_known(), "it was read once");
        other.apply(&said).unwrap();
        let plain = edit(&mut other, &|text| text.insert(0, "plain "));
        one.apply(&plain).unwrap();
        assert!(one.places.are_known(), "others write letters of one unit");
        let own = edit(&mut one, &|text| text.insert(1, "🦉"));
        one.apply(&own).unwrap();
        assert!(one.places.are_known(), "one's own edits come back");
        other.apply(&own).unwrap();
        assert!(!other.places.are_known(), "now the text has to be read");
        edit(&mut other, &|text| text.insert(2, "<"));
        assert_eq!(
            (one.text().as_str(), other.text().as_str()),
            ("p🦉lain after word!", "p🦉<lain after word!")
        );
    }

    #[test]
    fn edits_leave_alone_what_is_equal() {
        let edits = edits("one two three", "one 2 three!");
        assert_eq!(edits, [(4..7, "2"), (13..13, "!")]);
    }
}
