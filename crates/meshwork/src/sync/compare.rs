//! Versions of documents that are read, compared and restored.

use meshwork_core::id::PeerId;

use crate::receipt::Receipt;
use crate::sync::restore::restore;
use crate::sync::text::{Letters, Library, edits};
use crate::sync::version::{Version, VersionError};

/// A piece of a text that is compared with a later one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Piece {
    /// Which of the two has it.
    pub kind: PieceKind,
    /// What it says.
    pub text: String,
    /// Who wrote it, by the key that signed it; of what both say, who wrote it in the later one. `None` where that is not
    /// known here any more, as after a ban.
    pub author: Option<PeerId>,
}

/// Which of two texts has a [piece](Piece).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PieceKind {
    /// Both have it.
    Same,
    /// The earlier one alone has it.
    Removed,
    /// The later one alone has it.
    Added,
}

impl Version {
    /// The text as it was, in the type `text`.
    ///
    /// # Errors
    /// [`VersionError`].
    pub async fn text(&self) -> Result<String, VersionError> {
        Ok(self.open().await?.text())
    }

    /// What was changed in the text from this version to a later one: pieces, one behind the other. Without those that were
    /// added they are the text of this one, without those that were removed that of the other.
    ///
    /// # Errors
    /// [`VersionError`].
    pub async fn compare(&self, later: &Version) -> Result<Vec<Piece>, VersionError> {
        let letters = later.open().await?.letters();
        self.compare_to(later.document().authors_of(letters.items.clone()).await?, &letters).await
    }

    /// The same from this version to the document as it is now.
    ///
    /// # Errors
    /// [`VersionError`].
    pub async fn compare_to_now(&self) -> Result<Vec<Piece>, VersionError> {
        let letters = self.document().letters().await?;
        self.compare_to(self.document().authors_of(letters.items.clone()).await?, &letters).await
    }

    /// Makes the document what it was: texts with their marks, maps, lists and elements by all names, and what lies in them. It
    /// is a change like any other, with few insertions and deletions. What is equal is left alone, and with it what others
    /// write in it meanwhile.
    ///
    /// # Errors
    /// [`VersionError`]; the document is as it was. [`WriteError::Invalid`](crate::WriteError::Invalid) where documents lie
    /// within it, or types more than 64 deep.
    pub async fn restore(&self) -> Result<Option<Receipt>, VersionError> {
        let then = self.open().await?;
        Ok(self.document().try_change(|now| restore(now, &yrs::Transact::transact(&then.document))).await?)
    }

    async fn open(&self) -> Result<Library, VersionError> {
        Ok(Library::open(0, &self.whole().await?)?)
    }

    async fn compare_to(
        &self,
        authors: Vec<Option<PeerId>>,
        later: &Letters,
    ) -> Result<Vec<Piece>, VersionError> {
        let letters = self.open().await?.letters();
        let mine = self.document().authors_of(letters.items).await?;
        Ok(pieces((&letters.text, &mine), (&later.text, &authors)))
    }
}

/// Who wrote each of some characters.
type Authors<'a> = &'a [Option<PeerId>];

/// What turns a text into another one. Each comes with who wrote which of its characters.
fn pieces(old: (&str, Authors<'_>), new: (&str, Authors<'_>)) -> Vec<Piece> {
    let ((old, mut removed_by), (new, mut added_by)) = (old, new);
    let mut pieces = Vec::new();
    let mut add = |kind, text: &str, authors: Authors<'_>| {
        let mut is_first = true;
        for (letter, author) in text.chars().zip(authors) {
            match pieces.last_mut() {
                Some(Piece { text, author: last, .. }) if !is_first && last == author => text.push(letter),
                _ => pieces.push(Piece { kind, text: letter.into(), author: *author }),
            }
            is_first = false;
        }
    };
    let mut at = 0;
    for (range, words) in edits(old, new).into_iter().chain([(old.len()..old.len(), "")]) {
        let (same, gone) = (&old[at..range.start], &old[range.clone()]);
        take(&mut removed_by, same);
        add(PieceKind::Same, same, take(&mut added_by, same));
        add(PieceKind::Removed, gone, take(&mut removed_by, gone));
        add(PieceKind::Added, words, take(&mut added_by, words));
        at = range.end;
    }
    pieces
}

/// The first of these authors, as many as a text has characters.
fn take<'a>(authors: &mut Authors<'a>, text: &str) -> Authors<'a> {
    let (taken, rest) = authors.split_at(text.chars().count());
    *authors = rest;
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_make_both_texts() {
        let [ann, bo, kim] = [1, 2, 3].map(|number| Some(PeerId([number; 32])));
        let old = "The ferry leaves at nine.";
        let new = "The 🦉 ferry leaves at ten!";
        let old_authors = vec![ann; old.chars().count()];
        let mut new_authors = vec![ann; new.chars().count()];
        new_authors[4..6].fill(bo);
        new_authors[25..].fill(kim);
        new_authors[24] = None;
        let pieces = pieces((old, &old_authors), (new, &new_authors));
        let text = |without: PieceKind| {
            pieces.iter().filter(|piece| piece.kind != without).map(|piece| &*piece.text).collect::<String>()
        };
        assert_eq!((text(PieceKind::Added), text(PieceKind::Removed)), (old.into(), new.into()));
        let told: Vec<_> = pieces.iter().map(|piece| (piece.kind, &*piece.text, piece.author)).collect();
        assert_eq!(
            told[..3],
            [
                (PieceKind::Same, "The ", ann),
                (PieceKind::Added, "🦉 ", bo),
                (PieceKind::Same, "ferry leaves at ", ann),
            ]
        );
        assert_eq!(told.last(), Some(&(PieceKind::Added, "!", kim)));
        assert!(told.contains(&(PieceKind::Removed, ".", ann)));
    }
}
